//! Route `tap`: a pass, a person at a browser, and the key's own proof before and after.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::audit::{self, Verdict};
use super::compare::{self, Look};
use super::pass::{LOOKS, OpenPass, PassWatch};
use super::report::KeyReport;
use super::run::{Registration, named};
use super::{Ledger, PersonSteps, RegistrationError, conditions};
use crate::graph::{GraphError, Passkey, User};
use crate::key::KeyBus;
use crate::manifest::schema::PreparedKey;
use crate::secret::Pin;

/// How long a key press waits for its answer.
const ATTENTION: Duration = Duration::from_millis(100);
/// How long a sign-in with a one-time pass lets a person add a key.
const AFTER_ONE_TIME: Duration = Duration::from_mins(10);

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Registers one key by a pass.
    pub(super) fn one_by_pass(
        &mut self,
        tenant: &str,
        key: &PreparedKey,
        pin: Option<&Pin>,
        report: &mut KeyReport,
        ledger: &mut dyn Ledger,
    ) -> Result<(), RegistrationError> {
        let user = self.account(key, report)?;
        let (new, warnings) =
            conditions::policies(self.graph, &user, key.model.aaguid, self.options.pass_minutes)?;
        report.warnings.extend(warnings);
        let before = self.graph.passkeys(&user.id)?;

        let (_, proof) = self.prover(key).identity(self.voice)?;
        report.identity_before = Some(proof);
        self.voice
            .say(&format!("This is the key with label {}.", key.label));

        if let Some(there) = before.iter().find(|p| named(p, key)) {
            return self.already_there(there, key, report);
        }
        let baseline: Vec<String> = before.into_iter().map(|p| p.id).collect();
        self.clear_foreign_pass(tenant, &user, key)?;
        ledger.pass_opens(key, tenant, &user.id)?;
        let (open, creations) = match self.create_pass(tenant, &user, new, report) {
            Ok(created) => created,
            Err(error) => {
                // Refused for certain: then there is nothing to be cleaned up. Else the next run looks.
                if !self.journal.leftovers().iter().any(|l| l.user == user.id) {
                    ledger.pass_closed(&key.label, tenant, &user.id)?;
                }
                return Err(error);
            }
        };

        // From here on a pass exists: whatever happens, it is deleted and the sessions end.
        let result = self.with_pass(&user, key, pin, &open, &baseline, report);
        let cleaned = self
            .close(tenant, &user, &open, report)
            .and_then(|()| ledger.pass_closed(&key.label, tenant, &user.id));
        self.settle_mismatch(tenant, &user, &baseline, result, report)?;
        cleaned?;
        self.audit(&user, &open, creations, report)?;
        report.result = "registered".into();
        self.voice.say(&format!(
            "The key with label {} is registered and proven.",
            key.label
        ));
        Ok(())
    }
    /// A passkey with this key's name is in the list: an earlier run got that far, or somebody pretends.
    fn already_there(
        &mut self,
        there: &Passkey,
        key: &PreparedKey,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        self.voice
            .say("A passkey with this label is already registered: it is proven instead.");
        report.method = Some(there.clone());
        match compare::fits(there, key, OffsetDateTime::UNIX_EPOCH) {
            Ok(warnings) => report.warnings.extend(warnings),
            Err(why) => {
                report.unproven.push(there.id.clone());
                return Err(RegistrationError::Mismatch(why));
            }
        }
        self.prove_after(there, key, report).inspect_err(|_| {
            report.unproven.push(there.id.clone());
        })?;
        report.result = "alreadyRegistered".into();
        Ok(())
    }

    /// Everything that happens while the pass exists.
    fn with_pass(
        &mut self,
        user: &User,
        key: &PreparedKey,
        pin: Option<&Pin>,
        open: &OpenPass,
        baseline: &[String],
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        self.await_usable(user, open)?;
        let minutes = open.pass.lifetime_in_minutes.unwrap_or(self.options.pass_minutes);
        let Some(code) = &open.pass.temporary_access_pass else {
            return Err(RegistrationError::TimedOut("The pass has no code.".into()));
        };
        let page = self.graph.service().security_info();
        let steps = PersonSteps {
            page: &page,
            account: &key.account,
            pass: code,
            minutes,
            once: open.pass.is_usable_once == Some(true),
            label: &key.label,
            slip: key.slip,
            pin,
        };
        self.voice
            .show(&steps)
            .map_err(|error| RegistrationError::File(format!("The pass could not be shown: {error}")))?;
        let passkey = self.watch(user, key, open, &steps, baseline, report);
        self.voice.hide();
        let passkey = passkey?;
        report.unproven.push(passkey.id.clone());
        report.method = Some(passkey.clone());
        self.prove_after(&passkey, key, report)?;
        report.unproven.clear();
        Ok(())
    }

    /// Watches the list until exactly one passkey is new.
    fn watch(
        &mut self,
        user: &User,
        key: &PreparedKey,
        open: &OpenPass,
        steps: &PersonSteps<'_>,
        baseline: &[String],
        report: &mut KeyReport,
    ) -> Result<Passkey, RegistrationError> {
        let lifetime = Duration::from_secs(u64::from(steps.minutes) * 60);
        let mut end = Instant::now() + self.options.wait.min(lifetime);
        let mut announced = Instant::now();
        let mut pass = PassWatch::new(announced + self.options.poll * LOOKS);
        loop {
            let now = self.graph.passkeys(&user.id)?;
            match compare::look(baseline, &now, key, open.created) {
                Look::Fits(passkey, warnings) => {
                    for warning in &warnings {
                        self.voice.say(&format!("warning: {warning}"));
                    }
                    report.warnings.extend(warnings);
                    self.voice.say("A passkey has appeared that can be this key.");
                    return Ok(*passkey);
                }
                Look::Wrong { ids, why } => {
                    report.unproven = ids;
                    return Err(RegistrationError::Mismatch(why));
                }
                Look::Nothing => {}
            }
            if self.look_at_pass(user, open, &mut pass)? {
                self.voice
                    .say("The one-time pass has been used: the key must be added within 10 minutes.");
                end = end.min(Instant::now() + AFTER_ONE_TIME);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let spent = if pass.is_used() {
                    " The one-time pass was used up by a sign-in."
                } else {
                    ""
                };
                return Err(RegistrationError::TimedOut(format!(
                    "No passkey appeared for {} in time.{spent} The Temporary Access Pass is deleted.",
                    key.account
                )));
            }
            if announced.elapsed() >= Duration::from_mins(1) {
                announced = Instant::now();
                self.voice.say(&format!(
                    "Waiting for the person: {} min left.",
                    left.as_secs().div_ceil(60)
                ));
            }
            self.attended(steps, end, self.options.poll.min(left))?;
        }
    }

    /// Waits, and attends to the person meanwhile.
    fn attended(
        &mut self,
        steps: &PersonSteps<'_>,
        end: Instant,
        pause: Duration,
    ) -> Result<(), RegistrationError> {
        let until = Instant::now() + pause;
        loop {
            let now = Instant::now();
            self.voice.attend(steps, end.saturating_duration_since(now));
            let rest = until.saturating_duration_since(now);
            if rest.is_zero() {
                return Ok(());
            }
            self.graph.interrupt().sleep(rest.min(ATTENTION))?;
        }
    }

    /// The key proves itself again, and that it holds the credential behind the new passkey.
    fn prove_after(
        &mut self,
        passkey: &Passkey,
        key: &PreparedKey,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        let prover = self.prover(key);
        let (plugged, proof) = prover.identity(self.voice)?;
        report.identity_after = Some(proof);
        let Some(credential_id) = passkey.credential_id() else {
            report.warnings.push(
                "The passkey's id has a form that is not known, so only the list tells that this key was registered."
                    .into(),
            );
            return Ok(());
        };
        match prover.credential(&plugged, &credential_id, None, self.voice)? {
            Some(proof) => {
                report.credential = Some(proof);
                Ok(())
            }
            None => Err(RegistrationError::Mismatch(format!(
                "The key with label {} does not hold the passkey that appeared: another key was registered.",
                key.label
            ))),
        }
    }
    fn audit(
        &mut self,
        user: &User,
        open: &OpenPass,
        creations: usize,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        let end = Instant::now() + self.options.audit_wait;
        loop {
            let entries = match self.graph.audits(&user.id, open.created) {
                // The filter knows whole seconds only; an earlier key of this account may have shared one.
                Ok(mut entries) => {
                    entries.retain(|e| e.activity_date_time.is_none_or(|at| at >= open.created));
                    entries
                }
                Err(GraphError::Interrupted(_)) => return Err(RegistrationError::Interrupted),
                Err(error) => {
                    report.audit = Some("notChecked");
                    report
                        .warnings
                        .push(format!("The audit log could not be read: {error}"));
                    return Ok(());
                }
            };
            match audit::judge(&entries, creations) {
                Verdict::AsExpected => {
                    report.audit = Some("asExpected");
                    return Ok(());
                }
                Verdict::Unexpected(what) => {
                    report.audit = Some("unexpected");
                    return Err(RegistrationError::Mismatch(format!(
                        "The audit log shows changes to {} that this run did not make: {}",
                        user.user_principal_name,
                        what.join(", ")
                    )));
                }
                Verdict::NotSeenYet if Instant::now() >= end => {
                    report.audit = Some("notSeenYet");
                    report
                        .warnings
                        .push("The registration is not in the audit log yet: look again later.".into());
                    return Ok(());
                }
                Verdict::NotSeenYet => self.graph.interrupt().sleep(self.options.poll)?,
            }
        }
    }
}

//! Route `tap`: a pass, a person at a browser, and the key's own proof before and after.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::air_gapped::Proving;
use super::audit::{self, Verdict};
use super::compare::{self, Look};
use super::journal::{Action, Journal, State};
use super::pass::{LOOKS, OpenPass, PassWatch};
use super::proof::Prover;
use super::report::{self, Failure, KeyReport, Report};
use super::{Ledger, NoLedger, PersonSteps, RegistrationError, Route, Voice, conditions, on_behalf};
use crate::graph::{Client, GraphError, Passkey, User};
use crate::key::KeyBus;
use crate::manifest::Manifest;
use crate::manifest::schema::{PinCustody, PreparedKey};
use crate::secret::Pin;

/// How long a key press waits for its answer.
const ATTENTION: Duration = Duration::from_millis(100);
/// How long a sign-in with a one-time pass lets a person add a key.
const AFTER_ONE_TIME: Duration = Duration::from_mins(10);

/// What to do with a passkey that is not the prepared key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMismatch {
    /// Ask; keep it when nobody can be asked.
    Ask,
    /// Delete it.
    Delete,
    /// Keep it and report it.
    Keep,
}

/// What to do when another key is plugged in than the prepared one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnWrongKey {
    /// Say so and wait for the right one.
    Wait,
    /// Stop.
    Stop,
}

/// How a registration is done.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// By which route.
    pub route: Route,
    /// Pause between two looks at the list of passkeys.
    pub poll: Duration,
    /// How long the person may take, and how long a key is waited for.
    pub wait: Duration,
    /// Lifetime of the pass; the tenant's policy bounds it.
    pub pass_minutes: u32,
    /// How long a new pass may take to become usable.
    pub usable_within: Duration,
    /// How long the audit log is waited for.
    pub audit_wait: Duration,
    /// See [`OnMismatch`].
    pub on_mismatch: OnMismatch,
    /// See [`OnWrongKey`].
    pub on_wrong_key: OnWrongKey,
    /// Delete a pass that this program did not create without asking.
    pub replace_foreign_pass: bool,
}

/// A registration with everything it needs.
pub struct Registration<'a, B: KeyBus + ?Sized> {
    /// The tenant.
    pub graph: &'a Client,
    /// The keys on this machine.
    pub bus: &'a B,
    /// Where writes are journalled.
    pub journal: &'a mut Journal,
    /// Where words go.
    pub voice: &'a mut dyn Voice,
    /// How it is done.
    pub options: Options,
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Registers the chosen keys of a manifest, one after the other, and stops at the first that fails.
    ///
    /// `report` is filled in as far as things went, in any case; the error is the one that stopped the run.
    pub fn run(
        &mut self,
        manifest: &Manifest,
        keys: &[&PreparedKey],
        report: &mut Report,
    ) -> Result<(), RegistrationError> {
        self.run_with(manifest, keys, report, &mut NoLedger)
    }

    /// The same, with a ledger that knows who works with which key.
    pub fn run_with(
        &mut self,
        manifest: &Manifest,
        keys: &[&PreparedKey],
        report: &mut Report,
        ledger: &mut dyn Ledger,
    ) -> Result<(), RegistrationError> {
        report.keys = keys
            .iter()
            .map(|key| KeyReport {
                label: key.label.to_string(),
                account: key.account.to_string(),
                aaguid: key.model.aaguid.to_string(),
                result: "notTried".into(),
                ..KeyReport::default()
            })
            .collect();
        let result = self.all(manifest, keys, report, ledger);
        report.finished = Some(OffsetDateTime::now_utc());
        report.result = match &result {
            Ok(()) => "registered".into(),
            Err(error) => {
                report.error = Some(Failure::from(error));
                error.code().into()
            }
        };
        result
    }

    fn all(
        &mut self,
        manifest: &Manifest,
        keys: &[&PreparedKey],
        report: &mut Report,
        ledger: &mut dyn Ledger,
    ) -> Result<(), RegistrationError> {
        conditions::service(self.graph.service(), self.options.route)?;
        let organization = self.graph.organization()?;
        report.tenant = Some(report::Tenant {
            id: organization.id.clone(),
            display_name: organization.display_name.clone(),
            sandbox: organization.mark != crate::graph::Mark::Absent,
        });
        conditions::tenant(manifest, &organization)?;
        conditions::one_account_each(manifest)?;
        self.voice.say(&format!(
            "Tenant: {} ({})",
            organization.display_name, organization.id
        ));
        let tenant = organization.id.as_str();
        let (recovered, cleaned) = self.recover(tenant)?;
        report.recovered_passes = recovered;
        report.recovered_passes += self.recover_recorded(tenant, ledger, &cleaned)?;
        let mut known = on_behalf::Known::default();
        for (index, key) in keys.iter().enumerate() {
            self.voice.say(&format!(
                "Key {} of {}: label {} for {}",
                index + 1,
                keys.len(),
                key.label,
                key.account
            ));
            let entry = &mut report.keys[index];
            let recovered = &mut report.recovered_passes;
            let result = ledger.begin(key).and_then(|()| {
                // Runs may have died since the first look.
                let more = if index == 0 {
                    Ok(0)
                } else {
                    self.recover_recorded(tenant, ledger, &BTreeSet::new())
                };
                let result = more.and_then(|more| {
                    *recovered += more;
                    match self.options.route {
                        Route::Tap => {
                            // In custody `rotate` it is a transport PIN, which is read from the manifest on purpose.
                            let shows_pin = manifest.pin_custody == PinCustody::Manifest;
                            let pin = key.pin.as_ref().filter(|_| shows_pin);
                            self.one(tenant, key, pin, entry, ledger)
                        }
                        Route::OnBehalf => self.one_on_behalf(tenant, key, &mut known, entry),
                        Route::AirGapped => self.submit_one(tenant, key, Proving::IfHere, entry),
                    }
                });
                // Given back in any case; the first error is the one that is told.
                let ended = ledger.end(key, tenant, entry);
                result.and(ended)
            });
            if let Err(error) = result {
                entry.result = error.code().into();
                entry.error = Some(Failure::from(&error));
                return Err(error);
            }
        }
        Ok(())
    }

    fn one(
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

    /// Reads the account of a key, which must be able to take a passkey.
    pub(super) fn account(
        &self,
        key: &PreparedKey,
        report: &mut KeyReport,
    ) -> Result<User, RegistrationError> {
        let user = self.graph.user(key.account.as_str()).map_err(|error| {
            if error.is_not_found() {
                RegistrationError::condition(
                    format!("The tenant has no account {}.", key.account),
                    "Create the account first, or use the manifest of this tenant.",
                )
            } else {
                error.into()
            }
        })?;
        report.user_id = Some(user.id.clone());
        conditions::account(&user, self.graph.caller().as_deref())?;
        Ok(user)
    }

    pub(super) fn prover<'p>(&self, key: &'p PreparedKey) -> Prover<'p, B>
    where
        Self: 'p,
    {
        Prover {
            bus: self.bus,
            key,
            pin: key.pin.as_ref(),
            interrupt: self.graph.interrupt(),
            wait: self.options.wait,
            poll: self.options.poll.min(Duration::from_millis(500)),
            on_wrong_key: self.options.on_wrong_key,
        }
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

    /// Deletes what does not belong there, if that is wanted.
    pub(super) fn settle_mismatch(
        &mut self,
        tenant: &str,
        user: &User,
        baseline: &[String],
        result: Result<(), RegistrationError>,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        let Err(error) = result else { return Ok(()) };
        let cleaning = self.graph.for_cleaning();
        if report.unproven.is_empty() {
            // The person may have finished just when the run ended: say so rather than leave it unnoticed.
            if let Ok(now) = cleaning.passkeys(&user.id) {
                let new = now.into_iter().map(|p| p.id).filter(|id| !baseline.contains(id));
                report.unproven.extend(new);
            }
        }
        let mismatch = matches!(error, RegistrationError::Mismatch(_));
        for id in report.unproven.clone() {
            let delete = mismatch
                && match self.options.on_mismatch {
                    OnMismatch::Delete => true,
                    OnMismatch::Keep => false,
                    OnMismatch::Ask => {
                        let question = format!("{error} Delete this passkey ({id}) from the account?");
                        self.voice.ask(&question) == Some(true)
                    }
                };
            if !delete {
                self.voice.say(&format!(
                    "warning: a passkey that is not proven stays at the account: {id}"
                ));
                continue;
            }
            self.note(
                Action::DeletePasskey,
                State::Intended,
                tenant,
                &user.id,
                Some(&id),
            )?;
            match cleaning.delete_passkey(&user.id, &id) {
                Ok(_) => {
                    self.note(Action::DeletePasskey, State::Done, tenant, &user.id, Some(&id))?;
                    report.unproven.retain(|i| *i != id);
                    report.deleted.push(id);
                }
                Err(failed) => report
                    .warnings
                    .push(format!("The passkey {id} could not be deleted: {failed}")),
            }
        }
        Err(error)
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

/// Whether a passkey carries this key's label as its name.
pub(super) fn named(passkey: &Passkey, key: &PreparedKey) -> bool {
    passkey
        .display_name
        .as_deref()
        .is_some_and(|name| name.trim().eq_ignore_ascii_case(key.label.as_str()))
}

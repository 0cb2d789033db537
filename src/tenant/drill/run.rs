//! One drill, from the key in somebody's hand to the sign-in in the log.

mod attest;
mod watch;

use std::time::Duration;

use time::OffsetDateTime;

use super::check::{self, Others};
use super::people::{People, Steps};
use super::report::Report;
use super::sign_in::Told;
use super::{Keeping, report};
use crate::graph::{Client, Detail, Mark, Passkey, User};
use crate::id::LabelId;
use crate::identity::IdentityCredential;
use crate::inventory::{Held, Key, Kind};
use crate::key::{KeyBus, KeyError};
use crate::registration::proof::{Prover, Subject};
use crate::registration::report::{Failure, Tenant};
use crate::registration::{OnWrongKey, RegistrationError};
use crate::tenant::facts::{Facts, Model, Question, Reading, Wanted};
use crate::tenant::preflight::{Finding, Outcome};
use crate::tenant::rules;

/// How far clocks of this machine and of the tenant may be apart.
const SKEW: time::Duration = time::Duration::minutes(5);

/// How a drill is held.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name or object id of the accounts' group; found through the policies when left out.
    pub group: Option<String>,
    /// Pause between two looks at the log.
    pub poll: Duration,
    /// How long the key is waited for, and then the sign-in.
    pub wait: Duration,
    /// What to do when another key is plugged in.
    pub on_wrong_key: OnWrongKey,
    /// Whether the account's sessions end with the drill.
    pub revoke_sessions: bool,
}

/// A drill with everything it needs.
pub struct Drill<'a, B: KeyBus + ?Sized> {
    /// The tenant.
    pub graph: &'a Client,
    /// The keys on this machine.
    pub bus: &'a B,
    /// Those who take part.
    pub people: &'a mut dyn People,
    /// The key, claimed.
    pub keeping: &'a Keeping,
    /// How it is held.
    pub options: Options,
}

/// The key as the inventory has it.
struct Kept<'a>(&'a Key, &'a Held);

impl Subject for Kept<'_> {
    fn label(&self) -> &LabelId {
        &self.0.label
    }

    fn identity(&self) -> &IdentityCredential {
        &self.1.identity
    }
}

/// What of the log can be read.
enum Log {
    Read(Detail),
    Hidden,
}

impl<B: KeyBus + ?Sized> Drill<'_, B> {
    /// An empty report.
    #[must_use]
    pub fn report(&self, reason: &str) -> Report {
        let key = &self.keeping.key;
        Report {
            format: report::FORMAT,
            version: report::VERSION,
            tool_version: env!("CARGO_PKG_VERSION"),
            drill: self.keeping.drill.clone(),
            reason: reason.to_owned(),
            registrar: self.keeping.who().to_owned(),
            started: OffsetDateTime::now_utc(),
            finished: None,
            graph: self.graph.service().origin().to_owned(),
            tenant: None,
            account: key.account.to_string(),
            user_id: None,
            label: key.label.to_string(),
            aaguid: key.aaguid.to_string(),
            custodian: key.custodian.clone(),
            last_drill: key.drilled,
            cut_off: self.keeping.cut_off.clone(),
            result: String::new(),
            error: None,
            findings: Vec::new(),
            method: None,
            identity: None,
            credential: None,
            log: "none",
            sign_in: None,
            others: Vec::new(),
            attested: Vec::new(),
            confirmations: Vec::new(),
            searched_from: None,
            alarms: Vec::new(),
            failed_attempts: 0,
            sessions_revoked: None,
        }
    }

    /// Holds the drill. `report` is filled in as far as things went, in any case.
    pub fn run(&mut self, report: &mut Report) -> Result<(), RegistrationError> {
        let result = self.hold(report);
        report.finished = Some(OffsetDateTime::now_utc());
        report.result = match &result {
            Err(error) => {
                let mut failure = Failure::from(error);
                if matches!(error, RegistrationError::Interrupted) {
                    failure.message = "The drill was interrupted.".into();
                    failure.hint = "Hold it again; this one is on record as interrupted.".into();
                }
                report.error = Some(failure);
                error.code().into()
            }
            Ok(()) if report.failures() > 0 => "failed".into(),
            Ok(()) if report.attested.is_empty() => "passed".into(),
            Ok(()) => "attested".into(),
        };
        result
    }

    fn hold(&mut self, report: &mut Report) -> Result<(), RegistrationError> {
        let key = &self.keeping.key;
        self.people.say(&format!(
            "Drill of the key with label {} for {} ({}, {})",
            key.label,
            key.account,
            key.custodian.as_deref().unwrap_or("custodian not recorded"),
            key.safe.as_deref().unwrap_or("no safe recorded"),
        ));
        for begun in &self.keeping.cut_off {
            let line = format!("An earlier drill of this key began {begun} and has no end on record.");
            self.people.say(&line);
        }
        let (user, ours, all) = self.account(report)?;
        let (log, before) = self.log_before(&user, report)?;
        self.prove(&ours, report)?;
        self.sign_in(&user, &ours, &all, &log, &before, report)?;
        self.ask(report);
        if self.options.revoke_sessions {
            self.graph.for_cleaning().revoke_sessions(&user.id)?;
            report.sessions_revoked = Some(OffsetDateTime::now_utc());
            self.people.say("The sessions of the account are revoked.");
        }
        Ok(())
    }

    /// Tenant and account; stops where nobody could sign in anyway.
    fn account(&mut self, report: &mut Report) -> Result<(User, Passkey, Vec<Passkey>), RegistrationError> {
        let key = &self.keeping.key;
        let question = Question {
            without_pass: true,
            accounts: vec![Wanted {
                name: key.account.to_string(),
                models: vec![Model {
                    aaguid: key.aaguid,
                    product: Some(key.product.clone()),
                }],
            }],
            rehearsal: self.keeping.kind.map(|kind| kind == Kind::Rehearsal),
            planned_tenant: key.tenant.clone(),
            group: self.options.group.clone(),
        };
        let facts = Facts::read(self.graph, &question)?;
        report.tenant = Some(Tenant {
            id: facts.organization.id.clone(),
            display_name: facts.organization.display_name.clone(),
            sandbox: facts.organization.mark != Mark::Absent,
        });
        let rehearsal = question.rehearsal.unwrap_or(false);
        rules::tenant(rehearsal, question.planned_tenant.as_deref(), &facts.organization)?;
        let found = facts.accounts.first().and_then(|account| account.found.as_ref());
        let user = rules::present(key.account.as_str(), found.map(|found| &found.user))?;
        report.user_id = Some(user.id.clone());
        let registered_for = self.keeping.held.user.as_deref();
        if registered_for.is_some_and(|id| !id.eq_ignore_ascii_case(&user.id)) {
            let what = format!(
                "{} is another account than the one for which the key was registered.",
                key.account
            );
            let hint = "Look at who deleted and created it; register its keys anew.".into();
            return Err(RegistrationError::Condition { what, hint });
        }
        let kinds = Reading::of(self.graph.method_kinds(&user.id))?;
        let others = Others {
            known: &self.keeping.methods,
            kinds: &kinds,
            accounts: &self.keeping.accounts,
        };
        let (findings, passkey) = check::judge(&question, &facts, key, &others);
        for finding in &findings {
            self.tell(finding);
        }
        // Nobody gets in: the rest would only waste the custodian's time.
        let shut = ["accountFit", "passkeysEnabled", "passkeyScope", "model", "method"];
        let stop = findings
            .iter()
            .find(|f| f.outcome == Outcome::Failure && shut.contains(&f.check));
        let stop = stop.cloned();
        report.findings = findings;
        if let Some(finding) = stop {
            let (what, hint) = (finding.found, finding.change.unwrap_or_default());
            return Err(RegistrationError::Condition { what, hint });
        }
        report.method.clone_from(&passkey);
        let all = found
            .and_then(|f| f.passkeys.value())
            .cloned()
            .unwrap_or_default();
        match passkey {
            Some(passkey) => Ok((user.clone(), passkey, all)),
            None => Err(RegistrationError::Mismatch(
                "The account has no passkey of this key.".into(),
            )),
        }
    }

    fn tell(&mut self, finding: &Finding) {
        let word = match finding.outcome {
            Outcome::Pass => return,
            Outcome::Failure => "FAILURE",
            Outcome::Warning => "warning",
            Outcome::NotChecked => "not checked",
        };
        self.people.say(&format!(
            "{word}: {} {}",
            finding.found,
            finding.change.as_deref().unwrap_or_default()
        ));
    }

    /// The key proves by touch that it is the prepared one and holds the passkey.
    fn prove(&mut self, ours: &Passkey, report: &mut Report) -> Result<(), RegistrationError> {
        let kept = Kept(&self.keeping.key, &self.keeping.held);
        let prover = Prover {
            bus: self.bus,
            key: &kept,
            pin: None,
            interrupt: self.graph.interrupt(),
            wait: self.options.wait,
            poll: self.options.poll.min(Duration::from_millis(500)),
            on_wrong_key: self.options.on_wrong_key,
        };
        let mut not_proven = |what: &str| {
            report.findings.push(Finding {
                check: "touch",
                subject: kept.0.label.to_string(),
                outcome: Outcome::NotChecked,
                found: what.to_owned(),
                change: None,
            });
        };
        let plugged = match prover.identity(self.people) {
            Ok((plugged, proof)) => {
                report.identity = Some(proof);
                plugged
            }
            // The PIN is the custodian's, and is typed into the browser alone.
            Err(RegistrationError::Key(KeyError::PinRequired)) => {
                not_proven(
                    "The key asks for its PIN at every use: the sign-in alone shows that it is there.",
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(credential_id) = ours.credential_id() else {
            not_proven(
                "The passkey's id has a form that is not known: the sign-in alone shows that the key holds it.",
            );
            return Ok(());
        };
        report.credential = prover.credential(&plugged, &credential_id, None, self.people)?;
        if report.credential.is_none() {
            return Err(RegistrationError::Mismatch(format!(
                "The key with label {} does not hold the passkey that the account has for it.",
                kept.0.label
            )));
        }
        self.people.say("This is the key, and it holds the passkey.");
        Ok(())
    }

    /// The custodian signs in; the log shows it, or two people say so.
    fn sign_in(
        &mut self,
        user: &User,
        ours: &Passkey,
        all: &[Passkey],
        log: &Log,
        before: &[String],
        report: &mut Report,
    ) -> Result<(), RegistrationError> {
        let key = &self.keeping.key;
        let page = self.graph.service().portal();
        let steps = Steps {
            page: &page,
            account: &key.account,
            label: &key.label,
            slip: key.slip,
        };
        for line in steps.lines() {
            self.people.say(&line);
        }
        let told = match log {
            Log::Hidden => None,
            Log::Read(detail) => {
                self.people
                    .say("The sign-in log is watched; entries may take some minutes.");
                self.await_entry(user, ours, all, *detail, before, report)?
            }
        };
        match told {
            Some(Told::ThisKey) => Ok(()),
            // The log shows a security key; which one it was, only those who saw it know.
            Some(_) | None => self.attest(report),
        }
    }
}

//! One drill, from the key in somebody's hand to the sign-in in the log.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::check::{self, Others};
use super::people::{People, Steps};
use super::report::{Attestation, Confirmation, Other, Report, Seen, Use};
use super::sign_in::{Told, Verdict, judge};
use super::{Keeping, report};
use crate::graph::{Client, Detail, GraphError, Mark, Passkey, SignIn, User};
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
/// Days that Entra ID keeps sign-ins, with a licence.
const RETENTION: i64 = 30;

/// What no log shows: the check, the question, and what follows from a no.
const QUESTIONS: [(&str, &str, Outcome, &str); 3] = [
    (
        "adminTask",
        "Did the administrative task work?",
        Outcome::Failure,
        "Look at the account's role and at the Conditional Access policies that take it in.",
    ),
    (
        "alarm",
        "Did the alarm for this sign-in reach those who are on call?",
        Outcome::Warning,
        "Look at the alert rules (`companion monitor`), at the diagnostic settings and at who is notified.",
    ),
    (
        "custodians",
        "Is the list of custodians, safes and combinations up to date?",
        Outcome::Warning,
        "Bring the list up to date; `companion inventory set` records who keeps what.",
    ),
];

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

    /// What of the log can be read, and what is in it before the sign-in; use outside of drills is an alarm.
    fn log_before(
        &mut self,
        user: &User,
        report: &mut Report,
    ) -> Result<(Log, Vec<String>), RegistrationError> {
        let now = OffsetDateTime::now_utc();
        let since = self.keeping.since;
        // What comes late is not taken for the sign-in of this drill.
        let from = since.min(now - SKEW);
        let mut found = None;
        for detail in [Detail::Steps, Detail::Outcome] {
            match Reading::of(self.graph.sign_ins(&user.id, from, detail))? {
                Reading::Read(entries) => {
                    found = Some((detail, entries));
                    break;
                }
                Reading::Hidden(why) => {
                    let what = match detail {
                        Detail::Steps => "The sign-in log with its methods",
                        Detail::Outcome => "The sign-in log",
                    };
                    let finding = Finding {
                        check: "signInLog",
                        subject: "tenant".into(),
                        outcome: Outcome::NotChecked,
                        found: format!("{what} could not be read ({why})."),
                        change: Some(
                            "It needs Entra ID P1 and AuditLog.Read.All with Directory.Read.All.".into(),
                        ),
                    };
                    self.tell(&finding);
                    report.findings.push(finding);
                }
            }
        }
        let Some((detail, entries)) = found else {
            return Ok((Log::Hidden, Vec::new()));
        };
        report.log = match detail {
            Detail::Steps => "steps",
            Detail::Outcome => "outcome",
        };
        report.searched_from = Some(since);
        if now - since > time::Duration::days(RETENTION) {
            let finding = Finding {
                check: "uses",
                subject: self.keeping.key.account.to_string(),
                outcome: Outcome::NotChecked,
                found: format!("The log keeps {RETENTION} days, and the last drill is longer ago."),
                change: Some(
                    "Look in the workspace of the alarms (`companion monitor`) for older sign-ins.".into(),
                ),
            };
            report.findings.push(finding);
        }
        let is_later = |entry: &&SignIn| entry.created_date_time.is_none_or(|time| time >= since);
        let unexplained = entries
            .iter()
            .filter(is_later)
            .filter(|entry| !self.keeping.known.explains(entry));
        let (opened, refused): (Vec<&SignIn>, Vec<&SignIn>) =
            unexplained.partition(|entry| entry.succeeded());
        report.alarms = opened.into_iter().map(Use::from).collect();
        report.failed_attempts = refused.len();
        for alarm in &report.alarms {
            let line = format!(
                "ALARM: the account was used, and no drill explains it: {} from {}, entry {}",
                alarm.time.map(crate::inventory::event::stamp).unwrap_or_default(),
                alarm.ip_address.as_deref().unwrap_or("an unknown address"),
                alarm.id
            );
            self.people.say(&line);
        }
        Ok((
            Log::Read(detail),
            entries.into_iter().map(|entry| entry.id).collect(),
        ))
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

    /// Waits for the sign-in in the log; returns what it tells of the key.
    fn await_entry(
        &mut self,
        user: &User,
        ours: &Passkey,
        all: &[Passkey],
        detail: Detail,
        before: &[String],
        report: &mut Report,
    ) -> Result<Option<Told>, RegistrationError> {
        let since = OffsetDateTime::now_utc() - SKEW;
        let end = Instant::now() + self.options.wait;
        let mut told_of: Vec<String> = before.to_vec();
        let mut minutes = 0;
        let mut untold = None;
        loop {
            let entries = match self.graph.sign_ins(&user.id, since, detail) {
                Ok(entries) => entries,
                // The next look may succeed.
                Err(error @ GraphError::Interrupted(_)) => return Err(error.into()),
                Err(error) if error.is_transient() && Instant::now() < end => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            for entry in entries
                .iter()
                .rev()
                .filter(|entry| !told_of.contains(&entry.id))
                .collect::<Vec<_>>()
            {
                let what = match judge(entry, ours, self.keeping.key.aaguid, all) {
                    Verdict::Opened(told) => {
                        report.sign_in = Some(Seen {
                            entry: entry.into(),
                            told: Some(told),
                        });
                        self.people.say("The log shows the sign-in with a security key.");
                        return Ok(Some(told));
                    }
                    Verdict::Untold => {
                        let seen = Seen {
                            entry: entry.into(),
                            told: None,
                        };
                        if detail == Detail::Outcome {
                            report.sign_in = Some(seen);
                            self.people
                                .say("The log shows a sign-in; it does not show by what.");
                            return Ok(None);
                        }
                        untold = Some(seen);
                        continue;
                    }
                    Verdict::OtherKey(name) => format!("It was made with another key: {name}"),
                    Verdict::OtherMethod(name) => {
                        format!("It was made with something else than a security key: {name}")
                    }
                    Verdict::Refused(code, reason) => {
                        let code = code.map_or_else(|| "without a code".into(), |code| code.to_string());
                        format!("It was refused ({code}): {reason}")
                    }
                };
                self.people
                    .say(&format!("A sign-in of the account is in the log. {what}"));
                told_of.push(entry.id.clone());
                report.others.push(Other {
                    entry: entry.into(),
                    what,
                });
            }
            if Instant::now() >= end {
                break;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.as_secs() / 60 != minutes {
                minutes = left.as_secs() / 60;
                self.people
                    .say(&format!("Not in the log yet; {minutes} minutes are left."));
            }
            self.graph.interrupt().sleep(self.options.poll.min(left))?;
        }
        if untold.is_some() {
            report.sign_in = untold;
            return Ok(None);
        }
        if let Some(other) = report
            .others
            .iter()
            .rev()
            .find(|other| !other.what.contains("refused"))
        {
            return Err(RegistrationError::Mismatch(format!(
                "The log shows no sign-in with this key. {}",
                other.what
            )));
        }
        Err(RegistrationError::TimedOut(
            "No sign-in of the account with a security key came into the log in time.".into(),
        ))
    }

    /// Two people with different names say that they saw it.
    fn attest(&mut self, report: &mut Report) -> Result<(), RegistrationError> {
        let key = &self.keeping.key;
        self.people
            .say("The log does not show which key it was: two people who saw the sign-in say so.");
        let mut attested: Vec<Attestation> = Vec::new();
        for which in ["first", "second"] {
            self.graph.interrupt().check()?;
            let nobody = || RegistrationError::Condition {
                what: "Nobody attested the sign-in.".into(),
                hint: "Hold the drill with two people at a terminal, or with a licence for the sign-in log."
                    .into(),
            };
            let name = self
                .people
                .line(&format!("Name of the {which} person: "))
                .ok_or_else(nobody)?;
            let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_same = |other: &Attestation| other.name.to_lowercase() == name.to_lowercase();
            if name.chars().filter(|c| c.is_alphabetic()).count() < 2 || attested.iter().any(is_same) {
                return Err(RegistrationError::Condition {
                    what: "Two people with different names attest a sign-in.".into(),
                    hint: "Hold the drill again, with two people.".into(),
                });
            }
            let question = format!(
                "{name}: did you see {} opened with the key with label {}, and nothing else?",
                key.account, key.label
            );
            match self.people.ask(&question) {
                Some(true) => attested.push(Attestation {
                    name,
                    time: OffsetDateTime::now_utc(),
                }),
                Some(false) => {
                    return Err(RegistrationError::Mismatch(format!(
                        "{name} did not see the account opened with this key."
                    )));
                }
                None => {
                    self.graph.interrupt().check()?;
                    return Err(nobody());
                }
            }
        }
        report.attested = attested;
        Ok(())
    }

    /// What no log shows.
    fn ask(&mut self, report: &mut Report) {
        for (check, question, weight, change) in QUESTIONS {
            let answer = self.people.ask(question);
            let minutes = match (check, answer) {
                ("alarm", Some(true)) => {
                    let line = self.people.line("After how many minutes? ");
                    line.and_then(|line| line.trim().parse().ok())
                }
                _ => None,
            };
            report.confirmations.push(Confirmation {
                check,
                answer,
                minutes,
            });
            let (outcome, found) = match answer {
                Some(true) => continue,
                Some(false) => (weight, format!("{question} The answer was no.")),
                None => (Outcome::NotChecked, format!("{question} Nobody was asked.")),
            };
            report.findings.push(Finding {
                check,
                subject: self.keeping.key.account.to_string(),
                outcome,
                found,
                change: Some(change.to_owned()),
            });
        }
    }
}

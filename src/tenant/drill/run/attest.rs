//! What people say of a drill, where no log shows it.

use time::OffsetDateTime;

use super::Drill;
use crate::key::KeyBus;
use crate::registration::RegistrationError;
use crate::tenant::drill::report::{Attestation, Confirmation, Report};
use crate::tenant::preflight::{Finding, Outcome};

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

impl<B: KeyBus + ?Sized> Drill<'_, B> {
    /// Two people with different names say that they saw it.
    pub(super) fn attest(&mut self, report: &mut Report) -> Result<(), RegistrationError> {
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
    pub(super) fn ask(&mut self, report: &mut Report) {
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

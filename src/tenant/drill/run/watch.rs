//! The sign-in log before and during a drill.

use std::time::Instant;

use time::OffsetDateTime;

use super::{Drill, Log, SKEW};
use crate::graph::{Detail, GraphError, Passkey, SignIn, User};
use crate::key::KeyBus;
use crate::registration::RegistrationError;
use crate::tenant::drill::report::{Other, Report, Seen, Use};
use crate::tenant::drill::sign_in::{Told, Verdict, judge};
use crate::tenant::facts::Reading;
use crate::tenant::preflight::{Finding, Outcome};

/// Days that Entra ID keeps sign-ins, with a licence.
const RETENTION: i64 = 30;

impl<B: KeyBus + ?Sized> Drill<'_, B> {
    /// What of the log can be read, and what is in it before the sign-in; use outside of drills is an alarm.
    pub(super) fn log_before(
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

    /// Waits for the sign-in in the log; returns what it tells of the key.
    pub(super) fn await_entry(
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
}

//! Route `on-behalf`: creation options from Graph, a credential made by the key at this machine, and a POST.
//!
//! Nobody signs in and there is no pass. The key proves itself before the options are fetched, because their challenge
//! lives five minutes; it stays plugged in from that proof to the making of the credential, so no other key can make
//! it. A POST without an answer is looked for in the list before anything is sent again, by this run and by the next.

mod hand;
mod orphan;
mod post;
mod refusal;

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::journal::Action;
use super::report::KeyReport;
use super::run::{Registration, named};
use super::{RegistrationError, compare, conditions};
use crate::graph::{CreationOptions, Passkey, PasskeyPolicy, User};
use crate::key::registration::MakeRequest;
use crate::key::{Credential, KeyBus};
use crate::manifest::schema::PreparedKey;
use hand::Hand;
use post::Posted;

/// How often new options are fetched because the former ones expired.
const ROUNDS: usize = 3;
/// Life of a challenge in v1.0 of the service.
const LIFE: Duration = Duration::from_mins(5);
/// Credential ids from this length on are worth a warning: with one of 112 bytes a sign-in page stayed blank.
const LONG_ID: usize = 100;

/// What a run has read of the tenant and need not read again for each key.
#[derive(Default)]
pub(super) struct Known {
    policy: Option<PasskeyPolicy>,
}

/// Which key goes where.
#[derive(Clone, Copy)]
struct Place<'a> {
    tenant: &'a str,
    user: &'a User,
    key: &'a PreparedKey,
}

/// How long creation options are good, by this machine's running time: its clock may be wrong.
#[derive(Clone, Copy)]
struct Life {
    end: Instant,
    /// When they were issued, by the tenant's clock where it told.
    issued: OffsetDateTime,
}

impl Life {
    fn of(options: &CreationOptions, now: OffsetDateTime) -> Self {
        let told = options.challenge_timeout_date_time;
        let left = told.and_then(|end| Duration::try_from(end - now).ok());
        // More than five minutes, or less than nothing, is a clock that is wrong.
        let left = left.filter(|left| *left <= LIFE).unwrap_or(LIFE);
        Self {
            end: Instant::now() + left,
            issued: told.map_or(now, |end| end - LIFE),
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    pub(super) fn one_on_behalf(
        &mut self,
        tenant: &str,
        key: &PreparedKey,
        known: &mut Known,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        let user = self.account(key, report)?;
        let policy = match &known.policy {
            Some(policy) => policy,
            None => known.policy.insert(self.graph.passkey_policy()?),
        };
        report
            .warnings
            .extend(conditions::passkeys(self.graph, policy, &user, key.model.aaguid)?);
        let before = self.graph.passkeys(&user.id)?;

        let mut hand = self.take_in_hand(key, report)?;
        self.voice
            .say(&format!("This is the key with label {}.", key.label));
        let user = &user;
        let place = Place { tenant, user, key };
        let before = self.clear_dead_runs(place, before, &mut hand, report)?;
        if let Some(there) = self.earlier(place, &before) {
            return self.already_registered(there, &mut hand, report);
        }
        let (passkey, made, life) = self.make_and_register(place, &before, &mut hand, report)?;

        // From here on the passkey exists: it is proven, or named as not proven.
        report.unproven.push(passkey.id.clone());
        let result = self.confirm(place, &passkey, &made, life, &before, &mut hand, report);
        let baseline: Vec<String> = before.into_iter().map(|p| p.id).collect();
        self.settle_mismatch(tenant, user, &baseline, result, report)?;
        report.result = "registered".into();
        self.voice.say(&format!(
            "The key with label {} is registered and proven.",
            key.label
        ));
        Ok(())
    }

    /// The passkey that an earlier run registered: by its name, or by the method id in the journal.
    fn earlier<'p>(&self, place: Place<'_>, list: &'p [Passkey]) -> Option<&'p Passkey> {
        let label = place.key.label.as_str();
        let ids = self.journal.registrations(place.tenant, &place.user.id, label);
        list.iter()
            .find(|p| named(p, place.key) || ids.iter().any(|r| r.method == p.id))
    }

    /// An earlier run got that far: nothing is made twice, and the key answers for what is there.
    fn already_registered(
        &mut self,
        there: &Passkey,
        hand: &mut Hand<'_>,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        self.voice
            .say("A passkey with this label is already registered: it is proven instead.");
        report.method = Some(there.clone());
        report.unproven.push(there.id.clone());
        match compare::fits(there, hand.key, OffsetDateTime::UNIX_EPOCH) {
            Ok(warnings) => report.warnings.extend(warnings),
            Err(why) => return Err(RegistrationError::Mismatch(why)),
        }
        match there.credential_id() {
            Some(id) => report.credential = Some(self.prove_held(&id, None, hand, report)?),
            None => report.warnings.push(
                "The passkey's id has a form that is not known, so only its name tells that it is this key's."
                    .into(),
            ),
        }
        report.unproven.clear();
        report.result = "alreadyRegistered".into();
        Ok(())
    }

    /// Options, credential, POST; and all of it again if the options expire on the way.
    fn make_and_register(
        &mut self,
        place: Place<'_>,
        before: &[Passkey],
        hand: &mut Hand<'_>,
        report: &mut KeyReport,
    ) -> Result<(Passkey, Credential, Life), RegistrationError> {
        for _ in 0..ROUNDS {
            let options = self
                .graph
                .creation_options(&place.user.id, None)
                .map_err(|error| refusal::of_options(error, place.user))?;
            let life = Life::of(&options, OffsetDateTime::now_utc());
            let request =
                MakeRequest::from_options(&options.public_key).map_err(|why| refusal::of_content(&why))?;
            let Some(made) = self.make(place, &request, life, before, hand)? else {
                self.voice
                    .say("The creation options have expired: new ones are fetched.");
                continue;
            };
            if let Err(why) = request.check(&made, &place.key.identity) {
                self.remove_orphan(made.id.as_slice(), hand, report);
                return Err(RegistrationError::Mismatch(format!(
                    "What the key made is not what was asked for: {why}. It was not registered."
                )));
            }
            if made.id.0.len() >= LONG_ID {
                report.warnings.push(format!(
                    "The credential id has {} bytes; with long ids a sign-in page stayed blank. Sign in with it before \
                     it goes into a safe.",
                    made.id.0.len()
                ));
            }
            match self.post(place, &request, &made, life, before) {
                Posted::Stored(passkey) => return Ok((*passkey, made, life)),
                Posted::Expired => {
                    self.remove_orphan(made.id.as_slice(), hand, report);
                    self.voice.say(
                        "The creation options have expired: new ones are fetched, and the key is asked again.",
                    );
                }
                Posted::Refused(error) => {
                    self.remove_orphan(made.id.as_slice(), hand, report);
                    return Err(error);
                }
                Posted::Unknown(error) => {
                    report.warnings.push(format!(
                        "It is not known whether the passkey {} was registered: the next run looks for it.",
                        crate::graph::method_id(made.id.as_slice())
                    ));
                    return Err(error);
                }
            }
        }
        Err(RegistrationError::TimedOut(format!(
            "The creation options for {} expired {ROUNDS} times before the key had answered.",
            place.key.account
        )))
    }

    /// Compares what the tenant lists with the manifest, and has the key answer for it.
    #[expect(clippy::too_many_arguments, reason = "all that is known of one registration")]
    fn confirm(
        &mut self,
        place: Place<'_>,
        passkey: &Passkey,
        made: &Credential,
        life: Life,
        before: &[Passkey],
        hand: &mut Hand<'_>,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        report.method = Some(passkey.clone());
        let end = Instant::now() + self.options.usable_within;
        let (listed, now) = loop {
            let now = self.graph.passkeys(&place.user.id)?;
            if let Some(listed) = now.iter().find(|p| p.id == passkey.id) {
                break (listed.clone(), now);
            }
            if Instant::now() >= end {
                return Err(RegistrationError::TimedOut(format!(
                    "The tenant took the passkey of {} and does not list it yet.",
                    place.key.account
                )));
            }
            self.graph.interrupt().sleep(self.options.poll)?;
        };
        for other in &now {
            if other.id != passkey.id && before.iter().all(|p| p.id != other.id) {
                let warning = format!(
                    "Another passkey appeared at {} meanwhile, which this run did not register: {}",
                    place.key.account, other.id
                );
                self.voice.say(&format!("warning: {warning}"));
                report.warnings.push(warning);
            }
        }
        let fits = compare::fits(&listed, place.key, life.issued);
        let other = listed.credential_id().is_some_and(|id| id != made.id.as_slice());
        report.method = Some(listed);
        report.warnings.extend(fits.map_err(RegistrationError::Mismatch)?);
        if other {
            let what = "The passkey that the tenant lists has another credential id than the one that was registered.";
            return Err(RegistrationError::Mismatch(what.into()));
        }
        let public_key = Some(made.public_key.as_slice());
        report.credential = Some(self.prove_held(made.id.as_slice(), public_key, hand, report)?);
        report.unproven.clear();
        Ok(())
    }
}

/// The write to the tenant of this route.
const REGISTER: Action = Action::RegisterPasskey;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    #[test]
    fn options_live_as_told_and_five_minutes_where_the_clocks_disagree() {
        let now = datetime!(2026-11-23 10:00 UTC);
        let left = |end: serde_json::Value| {
            let options = json!({"challengeTimeoutDateTime": end, "publicKey": {}});
            let life = Life::of(&serde_json::from_value(options).unwrap(), now);
            (life.end - Instant::now()).as_secs().div_ceil(10) * 10
        };
        assert_eq!(left(json!("2026-11-23T10:02:00Z")), 120);
        assert_eq!(left(json!("2026-11-23T10:05:00Z")), 300);
        for wrong in [
            json!("2026-11-23T09:00:00Z"),
            json!("2026-11-23T11:00:00Z"),
            json!(null),
        ] {
            assert_eq!(left(wrong), 300);
        }
    }
}

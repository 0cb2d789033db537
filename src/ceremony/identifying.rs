//! Which key is in hand, and whether it suits the plan: asked before anything on it is changed.

use super::driver::Driver;
use super::event::{Failure, FailureKind, Outcome, SeenKey};
use super::in_hand::InHand;
use super::job::Job;
use crate::console::ConsoleError;
use crate::key::{Configuration, KeyError, KeyInfo, fitness};
use crate::plan::{KeyPolicy, Plan, PlannedKey};
use crate::transcript::{Entry, Text};

impl Driver<'_> {
    pub(super) fn identify(
        &mut self,
        seen: &SeenKey,
        job: Option<&Job>,
    ) -> Result<Result<Outcome, Failure>, ConsoleError> {
        self.in_hand = InHand::default();
        let found = self.with_key(seen, |hands, key, watch| {
            let info = hands.bus.identify(key, watch)?;
            hands.in_hand.plugged = Some(key.clone());
            Ok(info)
        });
        let info = match found {
            Ok(info) => info,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Some(failure) = self.known_already(seen, &info) {
            return Ok(Err(failure));
        }
        let planned = job.and_then(|job| self.planned(job));
        let serial = self.in_hand.plugged.as_ref().and_then(|k| k.serial.as_deref());
        if let Err(failure) = suits(self.plan, &info, serial, planned) {
            return Ok(Err(failure));
        }
        if let (Some(job), Some(key)) = (job, &self.in_hand.plugged) {
            let entry = Entry::KeyIdentified {
                label: job.label.clone(),
                account: job.account.clone(),
                aaguid: info.aaguid,
                product: Text::new(&key.product),
                port: Text::new(key.port.as_str()),
            };
            self.record(entry)?;
        }
        let in_use = info.pin_set();
        let description = format!(
            "{} (model {}, {}; {})",
            seen.name,
            info.aaguid,
            info.versions.join(" "),
            if in_use {
                "it HAS a PIN: somebody uses or used it"
            } else {
                "no PIN set"
            }
        );
        let long_touch = info.wants_long_touch();
        self.in_hand.info = Some(info);
        Ok(Ok(Outcome::Identified {
            description,
            long_touch,
            in_use,
        }))
    }

    /// What the plan says of the key with this label.
    pub(super) fn planned(&self, job: &Job) -> Option<&PlannedKey> {
        self.plan
            .keys
            .iter()
            .find(|k| k.account == job.account && k.place == job.place)
    }

    /// A key that this ceremony prepared is recognised and left alone.
    ///
    /// A key without a PIN cannot be one of ours: the question costs nothing then, however long the batch is.
    fn known_already(&mut self, seen: &SeenKey, info: &KeyInfo) -> Option<Failure> {
        let same_model: Vec<usize> = (0..self.kept.len())
            .filter(|place| self.kept[*place].model.aaguid == info.aaguid)
            .collect();
        if !info.pin_set() || same_model.is_empty() {
            return None;
        }
        let identities: Vec<_> = same_model
            .iter()
            .map(|place| self.kept[*place].identity.clone())
            .collect();
        let known = self.with_key(seen, |hands, key, watch| {
            hands.bus.holds_any(key, &identities, watch)
        });
        let place = match known {
            Ok(place) => same_model.get(place?).copied()?,
            Err(failure) => return Some(failure),
        };
        Some(Failure {
            kind: FailureKind::AlreadyPrepared,
            text: format!(
                "This is the key {}, prepared in this ceremony. Nothing has been changed on it.",
                self.kept[place].label
            ),
            hint: "Put it into its bag, and take another key for this label.".into(),
        })
    }
}

/// The settings that the plan asks for, in an order in which none stands in the way of another.
pub(super) fn settings(policy: KeyPolicy) -> Vec<Configuration> {
    let mut settings = Vec::new();
    if policy.enterprise_attestation {
        settings.push(Configuration::EnterpriseAttestation);
    }
    if policy.long_touch_for_reset {
        settings.push(Configuration::LongTouchForReset);
    }
    if policy.always_uv {
        settings.push(Configuration::AlwaysUv);
    }
    settings.extend(policy.min_pin_length.map(Configuration::MinPinLength));
    settings
}

/// Whether a key suits the plan, before anything on it is changed.
fn suits(
    plan: &Plan,
    info: &KeyInfo,
    serial: Option<&str>,
    planned: Option<&PlannedKey>,
) -> Result<(), Failure> {
    let refuse = |text: String, hint: &str| {
        Err(Failure {
            kind: FailureKind::Other,
            text: format!("{text} Nothing has been changed."),
            hint: hint.to_owned(),
        })
    };
    if let Err(unfit) = fitness(info) {
        let error = KeyError::Unfit(unfit);
        return refuse(error.to_string(), error.hint());
    }
    if !plan.required_models.is_empty() && !plan.required_models.contains(&info.aaguid) {
        return refuse(
            format!("The plan does not allow this model ({}).", info.aaguid),
            "Use a key of a model that the plan names.",
        );
    }
    if let Some(expected) = planned.and_then(|p| p.usb_serial.as_deref())
        && serial != Some(expected)
    {
        let found = serial.map_or_else(|| "none".to_owned(), |s| format!("{s:?}"));
        return refuse(
            format!("The plan expects the USB serial {expected:?} for this label; this key reports {found}."),
            "Put in the key with that serial.",
        );
    }
    let length = plan.pin.at_least(info.min_pin_length).length;
    if info.min_pin_length > u32::from(length) {
        return refuse(
            format!(
                "This key wants PINs of at least {} characters.",
                info.min_pin_length
            ),
            "Use another model of key.",
        );
    }
    let last = plan
        .key_policy
        .force_pin_change
        .then_some(Configuration::ForcePinChange);
    for setting in settings(plan.key_policy).into_iter().chain(last) {
        if let Err(error) = setting.possible(info) {
            return refuse(error.to_string(), "Use another model of key, or change the plan.");
        }
    }
    Ok(())
}

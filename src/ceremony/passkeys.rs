//! Passkeys that keys make here by a tenant's creation options (route air-gapped): the options from the stick, and the
//! making.
//!
//! An entry belongs to one key of the plan and not to a piece of hardware. A key that is prepared again answers the same
//! challenge again: what an earlier try made died with the reset, and only what the manifest holds is ever posted.

use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::begin::Found;
use super::driver::{Driver, DriverError};
use super::event::{Failure, FailureKind, Outcome, SeenKey};
use super::in_hand::{no_job, out_of_order};
use super::resume::Next;
use super::state::Ceremony;
use crate::creation_options::{CreationOptions, FILE, MAX_BYTES};
use crate::id::Upn;
use crate::key::Configuration;
use crate::manifest::schema::MadePasskey;
use crate::media::Stick;
use crate::plan::Plan;
use crate::transcript::{Entry, Text, hex};

/// Creation options that this ceremony works by.
pub(super) struct Options {
    pub(super) content: CreationOptions,
    /// The line about them.
    pub(super) entry: Entry,
    /// What the people are told of them.
    pub(super) words: String,
}

/// Reads the creation options of a ceremony that is new, or `found`; none where its keys get no passkeys here.
pub(super) fn read(
    stick: &Stick,
    plan: &Plan,
    found: Option<&Found>,
    now: OffsetDateTime,
) -> Result<Option<Options>, DriverError> {
    if found.is_some_and(|f| matches!(f.next, Next::Seal { .. })) {
        return Ok(None);
    }
    let refuse = |why: String| DriverError::Unfinished(format!("{why}\n   Nothing has been done."));
    // Before anybody was seated nothing was done, and the line about options may be what the power cut took away.
    let begun = found.filter(|f| f.tally.passkeys || !f.tally.present.is_empty());
    let expected = begun.map(|f| f.tally.passkeys);
    let file = stick.read_beside_plan(FILE, MAX_BYTES)?;
    let file = match (file, expected) {
        (None, Some(true)) => {
            return Err(refuse(format!(
                "The keys of this ceremony make passkeys, and `{FILE}` is not on the stick: put it back beside the plan."
            )));
        }
        (Some(_), Some(false)) => {
            return Err(refuse(format!(
                "This ceremony began without `{FILE}`, which is on the stick now: remove it."
            )));
        }
        (None, _) => return Ok(None),
        (Some(file), _) => file,
    };
    let is_left = |account: &Upn, place: u8| {
        let tally = found.map(|f| &f.tally);
        let prepared = |t: &crate::transcript::Tally| {
            let mut lines = t
                .planned
                .iter()
                .filter(|p| p.account == *account && p.place == place);
            lines.any(|line| t.prepared.iter().any(|p| p.label == line.label))
        };
        !tally.is_some_and(prepared)
    };
    let options = CreationOptions::parse(&file)
        .and_then(|options| options.fits(plan, now, &is_left).map(|()| options))
        .map_err(|e| refuse(format!("{e}.\n   {}", e.hint())))?;
    let expires = options.expires().unwrap_or(options.issued);
    let kind = if options.sandbox { ", a SANDBOX" } else { "" };
    Ok(Some(Options {
        entry: Entry::CreationOptions {
            sha256: hex(digest(&SHA256, &file).as_ref()),
            tenant: Text::new(&options.tenant_id),
            expires,
        },
        words: format!(
            "Passkeys: each key makes one for tenant {}{kind}. The first challenge ends on {} UTC.",
            options.tenant_id,
            expires.date()
        ),
        content: options,
    }))
}

impl Driver<'_> {
    /// Has the key make its passkey, with PIN and touch, and compares what it made with what was asked.
    pub(super) fn make_passkey(&mut self, seen: &SeenKey, ceremony: &Ceremony) -> Result<Outcome, Failure> {
        let options = self.options.as_ref();
        let asked = ceremony.job().zip(options).and_then(|(job, options)| {
            let key = options.of(&job.account, job.place)?;
            Some((job.account.clone(), options.tenant_id.clone(), key.clone()))
        });
        let Some((account, tenant_id, asked)) = asked else {
            return Err(no_job());
        };
        let forces_change = self.plan.key_policy.force_pin_change;
        let request = asked.request;
        let checked = self.with_key(seen, |hands, key, watch| {
            let (pin, identity) = (hands.any_pin()?, hands.in_hand.identity.as_ref());
            let identity = identity.ok_or_else(out_of_order)?;
            let made = hands
                .bus
                .make_credential(key, pin, &request.credential(), watch)?;
            let checked = request.check(&made, identity);
            if forces_change && checked.is_ok() {
                // Last of all: from here on the key refuses its PIN for everything but a change of PIN.
                hands
                    .bus
                    .configure(key, pin, &Configuration::ForcePinChange, watch)?;
            }
            Ok(checked.map(|()| made))
        })?;
        let made = checked.map_err(|why| Failure {
            kind: FailureKind::Other,
            text: format!("The passkey is not what the tenant asked for: {why}."),
            hint: "Reset this key, or use another one.".into(),
        })?;
        let credential = made.id.to_string();
        self.in_hand.passkey = Some(Box::new(MadePasskey {
            account,
            tenant_id,
            credential_id: made.id,
            client_data_json: request.client_data,
            attestation_object: made.attestation_object,
            expires: asked.expires,
        }));
        Ok(Outcome::PasskeyMade { credential })
    }
}

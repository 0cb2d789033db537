//! One run: the chosen keys of a manifest, one after the other, by a route; and what its routes share.

use std::collections::BTreeSet;
use std::time::Duration;

use time::OffsetDateTime;

use super::air_gapped::{self, Proving};
use super::journal::{Action, Journal, State};
use super::proof::Prover;
use super::report::{self, Failure, KeyReport, Report};
use super::{Ledger, NoLedger, RegistrationError, Route, Voice, conditions, on_behalf};
use crate::graph::{Client, Passkey, User};
use crate::key::KeyBus;
use crate::manifest::Manifest;
use crate::manifest::schema::{PinCustody, PreparedKey};

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
    /// Whether keys have to be here on the route air-gapped; the other routes need them in any case.
    pub proving: Proving,
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
        if self.options.route == Route::AirGapped {
            // Before the first post: a manifest that is not whole of this kind is not begun with.
            for key in keys {
                air_gapped::check(key, &organization.id)?;
            }
        }
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
                            self.one_by_pass(tenant, key, pin, entry, ledger)
                        }
                        Route::OnBehalf => self.one_on_behalf(tenant, key, &mut known, entry),
                        Route::AirGapped => self.submit_one(tenant, key, entry),
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
        let open = report
            .keys
            .iter()
            .filter(|key| key.result == air_gapped::NOT_PROVEN);
        let open = open.count();
        if open > 0 {
            self.voice.say(&format!(
                "{open} of {} passkeys are registered and not proven: plug in the key and repeat the command with \
                 `--prove`.",
                keys.len()
            ));
        }
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
}

/// Whether a passkey carries this key's label as its name.
pub(super) fn named(passkey: &Passkey, key: &PreparedKey) -> bool {
    passkey
        .display_name
        .as_deref()
        .is_some_and(|name| name.trim().eq_ignore_ascii_case(key.label.as_str()))
}

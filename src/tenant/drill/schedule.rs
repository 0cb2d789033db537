//! Which keys are to be drilled, and when. Pure.

use time::{Duration, OffsetDateTime};

use crate::id::{LabelId, Upn};
use crate::inventory::Key;

/// Microsoft's guidance: at least every 90 days.
pub const DAYS: u32 = 90;

/// The next drill of one key that opens its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: Upn,
    /// The key.
    pub label: LabelId,
    /// Who keeps it.
    pub custodian: Option<String>,
    /// Where it is kept.
    pub safe: Option<String>,
    /// The last drill that it passed, UTC.
    pub last: Option<OffsetDateTime>,
    /// When the next one is due, UTC.
    pub due: OffsetDateTime,
    /// Whether that is now, or has been.
    pub is_due: bool,
}

/// The next drill of every key that opens an account, by account, the soonest first.
///
/// `days` lie between two drills; one that comes within `ahead` days from the present counts as due.
#[must_use]
pub fn schedule(keys: &[Key], present: OffsetDateTime, days: u32, ahead: u32) -> Vec<Entry> {
    let horizon = present.saturating_add(Duration::days(ahead.into()));
    let mut entries: Vec<Entry> = keys
        .iter()
        .filter_map(|key| {
            let due = key.due(days)?;
            Some(Entry {
                account: key.account.clone(),
                label: key.label.clone(),
                custodian: key.custodian.clone(),
                safe: key.safe.clone(),
                last: key.drilled,
                due,
                is_due: due <= horizon,
            })
        })
        .collect();
    entries.sort_by(|a, b| {
        let name = |entry: &Entry| entry.account.as_str().to_lowercase();
        (name(a), a.due, &a.label).cmp(&(name(b), b.due, &b.label))
    });
    entries
}

/// The entries of each account, in the order of [`schedule`].
pub fn by_account(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|a, b| a.account.as_str().eq_ignore_ascii_case(b.account.as_str()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::id::{CeremonyId, KeyFingerprint};
    use crate::inventory::KeyState;
    use proptest::prelude::*;
    use time::macros::datetime;

    /// A key in this state that was registered and drilled at these times.
    pub(in super::super) fn key(
        number: u8,
        state: KeyState,
        registered: Option<OffsetDateTime>,
        drilled: Option<OffsetDateTime>,
    ) -> Key {
        let text = |time: Option<OffsetDateTime>| time.map(crate::inventory::event::stamp);
        let label = LabelId::draw(&mut |bytes: &mut [u8]| {
            for (byte, index) in bytes.iter_mut().zip(1_u8..) {
                *byte = number.wrapping_mul(7).wrapping_add(index.wrapping_mul(number));
            }
        });
        serde_json::from_value(serde_json::json!({
            "label": label, "state": state, "account": format!("BG-{}@contoso.onmicrosoft.com", number / 2),
            "place": 1, "custodian": "Ada", "safe": "Safe A", "slip": null, "keyBag": null, "slipBag": null,
            "secondSlipBag": null, "ceremony": CeremonyId::draw(&mut |bytes: &mut [u8]| bytes.fill(5)), "product": "Key",
            "aaguid": "2fc0579f-8113-47ea-b116-bb5a8db9202a", "serial": null, "fingerprint": KeyFingerprint::of(&[number]),
            "attested": true, "prepared": "2026-01-01T00:00:00Z", "registered": text(registered),
            "proven": null, "drilled": text(drilled), "tenant": null, "method": null, "claim": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_drill_is_due_90_days_after_the_last_or_after_the_registration() {
        let (registered, drilled) = (datetime!(2026-01-01 12:00 UTC), datetime!(2026-06-01 12:00 UTC));
        let keys = [
            key(1, KeyState::Registered, Some(registered), None),
            key(2, KeyState::Drilled, Some(registered), Some(drilled)),
            key(3, KeyState::Prepared, None, None),
            key(4, KeyState::Lost, Some(registered), Some(drilled)),
        ];
        let at = |present| schedule(&keys, present, DAYS, 0);
        let entries = at(datetime!(2026-04-01 12:00 UTC));
        assert_eq!(entries.len(), 2, "only keys that open an account are drilled");
        assert_eq!(entries[0].due, datetime!(2026-04-01 12:00 UTC));
        assert_eq!(entries[1].due, datetime!(2026-08-30 12:00 UTC));
        assert_eq!((entries[0].is_due, entries[1].is_due), (true, false));
        let just_before = at(datetime!(2026-04-01 11:59:59 UTC));
        assert!(!just_before[0].is_due);
        let ahead = schedule(&keys, datetime!(2026-08-20 0:00 UTC), DAYS, 14);
        assert!(ahead[1].is_due && !at(datetime!(2026-08-20 0:00 UTC))[1].is_due);
    }

    proptest! {
        #[test]
        fn whatever_the_times_are(registered in -4_000_000_000_i64..200_000_000_000, later in 0_i64..400_000_000,
            now in -4_000_000_000_i64..200_000_000_000, days: u32, ahead: u32) {
            let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let drilled = at(registered) + Duration::seconds(later);
            let keys = [key(1, KeyState::Drilled, Some(at(registered)), Some(drilled))];
            prop_assume!(keys[0].drilled.is_some());
            let entries = schedule(&keys, at(now), days, ahead);
            prop_assert_eq!(entries.len(), 1);
            let waits = entries[0].due - drilled;
            // At the end of the calendar time stands still.
            prop_assert!(waits == Duration::days(days.into()) || entries[0].due.year() == 9999);
            prop_assert_eq!(entries[0].is_due, entries[0].due - at(now) <= Duration::days(ahead.into())
                || at(now).saturating_add(Duration::days(ahead.into())).year() == 9999);
            let sooner = schedule(&keys, at(now), days.saturating_sub(1), ahead);
            prop_assert!(sooner[0].due <= entries[0].due);
        }
    }
}

//! The clock: there is no network time, so people check it, and set it where it is wrong.
//!
//! Where the time cannot be right, the chip that keeps it while the machine is off is set too, so that the next start
//! need not ask. A time that can be right may be another system's local time: then the chip stays as it is.

use rustix::time::{ClockId, Timespec, clock_settime};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::{datetime, format_description};

use super::check::Check;
use crate::console::{Console, ConsoleError};
use crate::ioctl;
use crate::transcript::Entry;

/// This program was made later, so no clock that is right shows less (`source_date_epoch` in `image/pins`).
const EARLIEST: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);
/// Nobody uses this version for ten years.
const LATEST: OffsetDateTime = datetime!(2036-01-01 0:00 UTC);
/// How a time is shown and typed.
const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]");
/// The clock chip.
const CHIP: &str = "/dev/rtc0";
/// What people type to set a clock that looks right and is not.
pub const WORD: &str = "clock";

/// The machine's clock; tests have one of their own.
pub trait Clock {
    /// What it shows.
    fn now(&self) -> OffsetDateTime;

    /// Sets it.
    fn set(&mut self, to: OffsetDateTime) -> std::io::Result<()>;

    /// Has the computer keep its time while it is off.
    fn keep(&mut self) -> std::io::Result<()>;
}

/// The clock of the running system.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn set(&mut self, to: OffsetDateTime) -> std::io::Result<()> {
        let time = Timespec {
            tv_sec: to.unix_timestamp(),
            tv_nsec: 0,
        };
        Ok(clock_settime(ClockId::Realtime, time)?)
    }

    fn keep(&mut self) -> std::io::Result<()> {
        ioctl::set_clock_chip(std::fs::File::open(CHIP)?, self.now())
    }
}

/// Why a time cannot be right; `None` when it can.
fn doubt(time: OffsetDateTime) -> Option<&'static str> {
    if time < EARLIEST {
        Some("that is before this program was made")
    } else if time >= LATEST {
        Some("that is more than ten years after this program was made")
    } else {
        None
    }
}

/// A time as people read it.
#[must_use]
pub fn words(time: OffsetDateTime) -> String {
    // The format names parts that every time has.
    let text = time.to_offset(time::UtcOffset::UTC).format(FORMAT);
    format!("{} UTC", text.unwrap_or_default())
}

/// Reads `2026-11-23 14:05`, with or without `UTC`; the error is a clause for people.
fn parse(line: &str) -> Result<OffsetDateTime, String> {
    let text = line.trim();
    let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix("utc"));
    let text = text.unwrap_or(line).trim();
    let time = time::PrimitiveDateTime::parse(text, FORMAT)
        .map_err(|_| "that is no date and time such as 2026-11-23 14:05".to_owned())?
        .assume_utc();
    doubt(time).map_or(Ok(time), |doubt| Err(doubt.to_owned()))
}

/// Checks the clock, and has people set it when it cannot be right; the lines for the transcript.
pub fn check(console: &mut dyn Console, clock: &mut dyn Clock) -> Result<Vec<Entry>, ConsoleError> {
    let now = clock.now();
    let mut entries = Vec::new();
    if let Some(doubt) = doubt(now) {
        console.tell(&format!(
            "!! The clock of this computer says {}: {doubt}.\n   Every line of the record carries a time. Look at a watch that is right.",
            words(now)
        ))?;
        entries.extend(set(console, clock, false)?);
        if let Err(error) = clock.keep() {
            console.tell(&format!(
                "   The computer does not keep it while it is off ({error}): the next start asks again."
            ))?;
        }
    }
    let check = Check::report("clock", words(clock.now()));
    console.tell(&format!("{} (if that is wrong, type {WORD} later)", check.line()))?;
    entries.push(check.entry());
    Ok(entries)
}

/// Has people type the time, as often as it takes; `may_keep` when the clock may stay as it is.
pub fn set(
    console: &mut dyn Console,
    clock: &mut dyn Clock,
    may_keep: bool,
) -> Result<Option<Entry>, ConsoleError> {
    let keep = if may_keep {
        " Enter alone keeps it as it is."
    } else {
        ""
    };
    loop {
        console.ask(&format!(
            "?? What time is it in UTC, not in local time? Type it as 2026-11-23 14:05.{keep}"
        ))?;
        let line = console.wait_line()?;
        if may_keep && line.trim().is_empty() {
            return Ok(None);
        }
        let was = clock.now();
        let done = parse(&line).and_then(|to| {
            clock
                .set(to)
                .map(|()| to)
                .map_err(|error| format!("the clock cannot be set ({error})"))
        });
        match done {
            Ok(to) => {
                console.tell(&format!("   The clock is set to {}.", words(to)))?;
                return Ok(Some(Entry::ClockSet { was, to }));
            }
            Err(problem) => console.tell(&format!("!! The clock was not set: {problem}."))?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::script::{ScriptConsole, Shown};

    /// A clock that stands still, or refuses to be set.
    struct Still(OffsetDateTime, bool, Option<OffsetDateTime>);

    impl Clock for Still {
        fn now(&self) -> OffsetDateTime {
            self.0
        }

        fn set(&mut self, to: OffsetDateTime) -> std::io::Result<()> {
            if !self.1 {
                return Err(rustix::io::Errno::PERM.into());
            }
            self.0 = to;
            Ok(())
        }

        fn keep(&mut self) -> std::io::Result<()> {
            self.2 = Some(self.0);
            Ok(())
        }
    }

    const RIGHT: OffsetDateTime = datetime!(2026-11-23 14:05 UTC);
    const WRONG: OffsetDateTime = datetime!(1999-12-31 23:59 UTC);

    #[test]
    fn a_clock_that_can_be_right_is_shown_and_asks_nothing() {
        let mut console = ScriptConsole::new();
        let entries = check(&mut console, &mut Still(RIGHT, true, None)).unwrap();
        assert!(
            matches!(&entries[..], [Entry::SelfTest { passed: true, found, .. }] if found.as_str() == "2026-11-23 14:05 UTC"),
            "{entries:?}"
        );
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_set_by_people_and_recorded() {
        for wrong in [
            WRONG,
            datetime!(2036-01-01 0:00 UTC),
            datetime!(1970-01-01 0:00 UTC),
        ] {
            let mut console = ScriptConsole::new()
                .answer("What time is it", "")
                .answer("What time is it", "14:05")
                .answer("What time is it", "2025-12-31 23:59")
                .answer("What time is it", " 2026-11-23 14:05 ");
            let mut clock = Still(wrong, true, None);
            let entries = check(&mut console, &mut clock).unwrap();
            assert_eq!((clock.0, clock.2), (RIGHT, Some(RIGHT)));
            assert_eq!(
                entries[0],
                Entry::ClockSet {
                    was: wrong,
                    to: RIGHT
                }
            );
            assert_eq!(entries.len(), 2, "{entries:?}");
            let refused = console.record().iter().filter(
                |shown| matches!(shown, Shown::Told(text) if text.starts_with("!! The clock was not set")),
            );
            assert_eq!(refused.count(), 3);
        }
    }

    #[test]
    fn a_clock_that_cannot_be_set_is_said_so_and_asked_again() {
        let mut console = ScriptConsole::new().answer("What time is it", "2026-11-23 14:05");
        let result = check(&mut console, &mut Still(WRONG, false, None));
        assert!(
            matches!(result, Err(ConsoleError::Unexpected { .. })),
            "{result:?}"
        );
        let said = console
            .record()
            .iter()
            .any(|shown| matches!(shown, Shown::Told(text) if text.contains("the clock cannot be set")));
        assert!(said, "{:?}", console.record());
    }

    #[test]
    fn a_clock_that_may_stay_stays_at_enter() {
        let mut console = ScriptConsole::new().answer("Enter alone", "");
        let mut clock = Still(RIGHT, true, None);
        assert_eq!(set(&mut console, &mut clock, true).unwrap(), None);
        assert_eq!(clock.0, RIGHT);
    }

    #[test]
    fn a_time_that_could_be_another_systems_is_not_kept_in_the_chip() {
        let mut console = ScriptConsole::new().answer("Enter alone", "2026-11-23 15:05");
        let mut clock = Still(RIGHT, true, None);
        set(&mut console, &mut clock, true).unwrap();
        assert_eq!((clock.0, clock.2), (datetime!(2026-11-23 15:05 UTC), None));
    }

    #[test]
    fn utc_may_be_typed_and_nothing_else() {
        assert_eq!(parse("2026-11-23 14:05 UTC"), Ok(RIGHT));
        assert_eq!(parse("2026-11-23 14:05"), Ok(RIGHT));
        for wrong in [
            "2026-11-23 14:05 CET",
            "2026-13-23 14:05",
            "2026-02-29 14:05",
            "23.11.2026 14:05",
            "2026-11-23 24:05",
            "yes",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_earliest_time_is_the_one_that_the_image_is_built_with() {
        let pins = include_str!("../../image/pins");
        let pinned = format!("source_date_epoch={}", EARLIEST.unix_timestamp());
        assert!(pins.contains(&pinned), "{pinned} is not in image/pins");
    }
}

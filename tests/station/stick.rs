//! The stick is pulled, replaced by another one, or refuses a file: it is said, nothing is lost, and the work is repeated.

use std::fs;
use std::path::Path;

use crate::power_cut::{MANIFEST, ROTATE, SLIP, check};
use crate::stage::{self, Kind, Left, Trouble};

/// The first call after the line that says this.
fn call_after(whole: &Left, event: &str, nth: usize) -> usize {
    let says = |text: &(usize, &str)| text.1.contains(event);
    let lines = whole.transcript.lines().enumerate().filter(|line| says(line));
    let (line, _) = lines.collect::<Vec<_>>()[nth];
    whole.lines.iter().position(|count| *count == line + 1).unwrap()
}

fn away(root: &Path) -> std::path::PathBuf {
    root.with_extension("away")
}

/// Plays a ceremony of this kind with trouble just after a line; gives what is left, checked.
fn after(kind: Kind, event: &str, nth: usize, trouble: impl Fn(usize) -> Trouble) -> Left {
    let whole = stage::play(kind, None).unwrap();
    let call = call_after(&whole, event, nth);
    let left = stage::play_with(kind, None, Some(trouble(call))).unwrap_or_else(|e| panic!("{event}: {e}"));
    check(kind, &left).unwrap_or_else(|error| panic!("{event}: {error}"));
    assert_eq!(left.tally.prepared.len(), 2);
    assert!(left.tally.voided.is_empty(), "nothing is lost: {event}");
    left
}

fn said(left: &Left, part: &str) -> usize {
    left.told
        .concat()
        .iter()
        .filter(|text| text.contains(part))
        .count()
}

/// It is pulled out; it is put back when the station asks for it.
fn pulled(call: usize) -> Trouble {
    Trouble {
        call,
        happens: Box::new(|root| {
            let root = root.to_owned();
            Box::new(move || fs::rename(&root, away(&root)).unwrap())
        }),
        mended: Box::new(|root| {
            let root = root.to_owned();
            Box::new(move || fs::rename(away(&root), &root).unwrap())
        }),
    }
}

/// It is pulled out, and one with the same plan and nothing else is put in.
fn replaced(call: usize) -> Trouble {
    Trouble {
        mended: Box::new(|root| {
            let root = root.to_owned();
            Box::new(move || {
                fs::create_dir(&root).unwrap();
                fs::copy(away(&root).join("plan.toml"), root.join("plan.toml")).unwrap();
            })
        }),
        ..pulled(call)
    }
}

#[test]
fn a_stick_that_is_pulled_is_asked_for_and_the_line_is_written_again() {
    for (event, nth) in [
        ("planned", 1),
        ("set-pin", 0),
        ("key-prepared", 0),
        ("\"export\"", 0),
    ] {
        let left = after(SLIP, event, nth, pulled);
        assert_eq!(said(&left, "Press Enter when the stick is in"), 1, "{event}");
        let is_export = event == "\"export\"";
        assert_eq!(said(&left, "Try again when the cause"), usize::from(is_export));
        assert_eq!(said(&left, "another stick"), 0);
    }
}

#[test]
fn another_stick_takes_the_place_with_everything_written_to_it() {
    let places = [
        (MANIFEST, "key-prepared", 0),
        (MANIFEST, "key-prepared", 1),
        (ROTATE, "key-prepared", 0),
        (ROTATE, "change-pin", 0),
        (ROTATE, "key-sealed", 0),
    ];
    for (kind, event, nth) in places {
        let left = after(kind, event, nth, replaced);
        assert_eq!(said(&left, "Go on with this stick?"), 1, "{event}");
        assert_eq!(said(&left, "This is another stick"), 1, "{event}");
    }
}

#[test]
fn a_copy_of_the_record_that_the_stick_refuses_is_told_and_stops_nothing() {
    let told = "`record.pdf`, a copy of the record, is not on the stick";
    let blocked = |call| Trouble {
        call,
        happens: Box::new(|root| {
            let root = root.to_owned();
            Box::new(move || fs::create_dir(crate::power::folders(&root)[0].join("record.pdf")).unwrap())
        }),
        mended: Box::new(|_| Box::new(|| {})),
    };
    let left = after(MANIFEST, "\"print-record\"", 0, blocked);
    assert_eq!(said(&left, told), 1);
    assert!(!left.manifest.is_empty());
    let left = stage::play(MANIFEST, None).unwrap();
    assert_eq!(said(&left, told), 0);
    assert!(left.stick.windows(5).any(|bytes| bytes == b"%PDF-"));
}

#[test]
fn an_export_that_the_stick_refuses_is_repeated() {
    // A folder where the manifest should be stands for every way in which a file cannot be written.
    let blocked = |call| Trouble {
        call,
        happens: Box::new(|root| {
            let root = root.to_owned();
            Box::new(move || {
                let folder = &crate::power::folders(&root)[0];
                fs::create_dir(folder.join("manifest.age")).unwrap();
            })
        }),
        mended: Box::new(|root| {
            let root = root.to_owned();
            Box::new(move || {
                let folder = &crate::power::folders(&root)[0];
                fs::remove_dir(folder.join("manifest.age")).unwrap();
            })
        }),
    };
    let left = after(MANIFEST, "\"export\"", 0, blocked);
    assert_eq!(said(&left, "Writing `manifest.age`"), 1);
    assert_eq!(said(&left, "Try again when the cause is removed"), 1);
    let exports = left
        .transcript
        .lines()
        .filter(|line| line.contains("\"export\""))
        .count();
    assert_eq!(exports, 3, "intended, failed, intended");
}

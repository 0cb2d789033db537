//! What is said when the ceremony program ends as it should not: how it ended, and where, never a value it worked with.

use std::io::{self, Write};
use std::panic::PanicHookInfo;

/// What a line on standard error begins with that tells where the program stopped itself.
const PANIC: &str = "panic ";
/// What a line begins with that tells how many keys are done.
const PROGRESS: &str = "progress ";
/// Longest line that is kept.
const LONGEST: usize = 300;

/// What holds after every crash. No line is longer than the narrowest screen: nothing wraps them there.
const AFTER: [&str; 6] = [
    "Write this line and the time beside the record.",
    "It is as after a power cut: the journal on the stick holds",
    "all that was confirmed, and a key that is done stays done.",
    "A key that was in hand is erased and prepared anew, and its",
    "slip is void. Where you set no passphrase, the PINs of keys",
    "that are done are on their slips alone.",
];
/// What to do now.
const AGAIN: [&str; 3] = [
    "Leave stick and printer in, and take a key out. Then start",
    "it again: it finds its ceremony on the stick and goes on",
    "there.",
];
/// What to do when it crashed too often.
const OVER: [&str; 3] = [
    "It is not started again: it crashed several times without a",
    "key done between. Switch off, and begin again with the same",
    "stick, best on another computer: the ceremony goes on there.",
];

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// It was never started.
    NotStarted(String),
}

/// What the ceremony program told process 1 on its standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Keys done, as far as it came.
    pub progress: usize,
    /// Where it stopped itself.
    pub panic: Option<String>,
}

impl Notes {
    /// Takes one line; whatever is none of ours may hold anything, and is dropped.
    pub fn take(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(&line[..line.len().min(LONGEST)]);
        if let Some(place) = text.strip_prefix(PANIC) {
            self.panic = Some(place.chars().filter(|c| !c.is_control()).collect());
        } else if let Some(keys) = text.strip_prefix(PROGRESS)
            && let Ok(keys) = keys.trim().parse()
        {
            self.progress = self.progress.max(keys);
        }
    }
}

/// Tells process 1 how many keys are done.
pub fn report_progress(keys: usize) {
    // Nobody reads it outside the image.
    let _ = writeln!(io::stderr(), "{PROGRESS}{keys}");
}

/// Has a panic say where it was, and nothing that was computed: that could hold a secret.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let _ = writeln!(io::stderr(), "{PANIC}{}", describe(panic));
    }));
}

/// Place and, where it is a literal of the source, message. A message that was put together is a `String`.
fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(
        || "somewhere".to_owned(),
        |l| format!("{}:{}", l.file(), l.line()),
    );
    match panic.payload().downcast_ref::<&'static str>() {
        Some(literal) => format!("at {place}: {literal}"),
        None => format!("at {place}"),
    }
}

/// How it ended, as a clause.
fn cause(end: &End) -> String {
    let meaning = |signal| match signal {
        4 | 8 | 31 => "it did something that the processor or the kernel refuses",
        6 => "it found an error of its own and stopped itself",
        7 | 11 => "it used memory that is not its own, or that is faulty",
        9 => "it was ended from outside; the kernel does that when the memory is used up",
        _ => "it was ended from outside",
    };
    match end {
        End::Exited(status) => format!("it ended with status {status} instead of finishing"),
        End::Killed(signal) => format!("signal {signal}: {}", meaning(*signal)),
        End::NotStarted(reason) => format!("it could not be started: {reason}"),
    }
}

/// What the officer reads after a crash; `may_go_on` unless it happened too often without a key done between.
#[must_use]
pub fn words(end: &End, notes: &Notes, may_go_on: bool) -> String {
    let place = notes
        .panic
        .as_deref()
        .map(|place| format!(" ({place})"))
        .unwrap_or_default();
    let next = if may_go_on { &AGAIN } else { &OVER };
    let lines: Vec<&str> = AFTER.iter().chain(next).copied().collect();
    format!(
        "!! The ceremony program has crashed: {}{place}.\n   {}",
        cause(end),
        lines.join("\n   ")
    )
}

#[cfg(test)]
mod tests {
    use std::panic;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn only_our_lines_are_taken_and_progress_never_falls() {
        let mut notes = Notes::default();
        for line in [
            "progress 3",
            "progress 2",
            "progress many",
            "thread main panicked at 'PIN 73915082'",
            "panic at src/x.rs:7: a \u{1b}[31mliteral",
            "",
        ] {
            notes.take(line.as_bytes());
        }
        assert_eq!(notes.progress, 3);
        assert_eq!(notes.panic.as_deref(), Some("at src/x.rs:7: a [31mliteral"));
        notes.take(&[b"panic ".as_slice(), &[0xff; 1000]].concat());
        assert!(notes.panic.unwrap().len() <= 3 * LONGEST);
    }

    #[test]
    fn a_panic_tells_its_place_and_a_literal_and_never_a_value() {
        static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let secret = "73915082";
        let before = panic::take_hook();
        panic::set_hook(Box::new(|panic| {
            let mine = panic.location().is_some_and(|l| l.file() == file!());
            if mine {
                SEEN.lock().unwrap().push(describe(panic));
            }
        }));
        let _ = panic::catch_unwind(|| panic!("the queue is empty"));
        let _ = panic::catch_unwind(|| panic!("the PIN is {secret}"));
        let _ = panic::catch_unwind(|| assert_eq!(secret, "1"));
        let _ = panic::catch_unwind(|| "x".parse::<u8>().map_err(|_| secret).unwrap());
        panic::set_hook(before);
        let seen = SEEN.lock().unwrap();
        assert_eq!(seen.len(), 4, "{seen:?}");
        assert!(seen[0].ends_with(": the queue is empty"), "{seen:?}");
        assert!(seen.iter().all(|text| text.contains("crash.rs:")), "{seen:?}");
        assert!(!seen.iter().any(|text| text.contains(secret)), "{seen:?}");
    }

    #[test]
    fn the_words_say_what_happened_and_what_to_do() {
        let notes = Notes {
            progress: 1,
            panic: Some("at src/x.rs:7".into()),
        };
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let again = words(&End::Killed(6), &notes, true);
        let said = flat(&again);
        assert!(said.contains("signal 6: it found an error of its own and stopped itself (at src/x.rs:7)."));
        assert!(
            said.contains("start it again") && !said.contains("Switch off"),
            "{said}"
        );
        let over = words(&End::Exited(101), &Notes::default(), false);
        let said = flat(&over);
        assert!(
            said.contains("status 101") && said.contains("with the same stick"),
            "{said}"
        );
        assert!(
            said.contains("Switch off") && !said.contains("start it again"),
            "{said}"
        );
        for text in [again, over] {
            assert!(
                flat(&text).contains("journal on the stick holds all that was confirmed"),
                "{text}"
            );
            assert!(
                text.lines().skip(1).all(|line| line.chars().count() <= 64),
                "{text}"
            );
        }
        let never = words(&End::NotStarted("no such file".into()), &Notes::default(), true);
        assert!(never.contains("could not be started: no such file"), "{never}");
    }
}

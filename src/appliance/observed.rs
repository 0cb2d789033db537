//! The console as the session sees it: it knows how many keys are done, and sets the clock when people want that.

use std::time::Duration;

use super::clock::{self, Clock};
use crate::console::view::View;
use crate::console::{Console, ConsoleError};
use crate::secret::Secret;
use crate::transcript::Entry;

/// A console, and what is done beside the ceremony.
pub(super) struct Observed<'a> {
    console: &'a mut dyn Console,
    clock: &'a mut dyn Clock,
    /// Is told how many keys are done, whenever one more is.
    report: &'a mut dyn FnMut(usize),
    done: usize,
    /// The question that stands.
    question: Option<String>,
    notes: Vec<Entry>,
}

impl<'a> Observed<'a> {
    pub(super) fn new(
        console: &'a mut dyn Console,
        clock: &'a mut dyn Clock,
        report: &'a mut dyn FnMut(usize),
    ) -> Self {
        Self {
            console,
            clock,
            report,
            done: 0,
            question: None,
            notes: Vec::new(),
        }
    }

    /// Sets the clock, then puts the question again that stood.
    fn set_clock(&mut self) -> Result<(), ConsoleError> {
        self.console
            .tell(&format!("   The clock says {}.", clock::words(self.clock.now())))?;
        self.notes.extend(clock::set(self.console, self.clock, true)?);
        match self.question.clone() {
            Some(question) => self.console.ask(&question),
            None => Ok(()),
        }
    }
}

impl Console for Observed<'_> {
    fn tell(&mut self, text: &str) -> Result<(), ConsoleError> {
        self.console.tell(text)
    }

    fn ask(&mut self, question: &str) -> Result<(), ConsoleError> {
        self.question = Some(question.to_owned());
        self.console.ask(question)
    }

    fn withdraw(&mut self) -> Result<(), ConsoleError> {
        self.question = None;
        self.console.withdraw()
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<String>, ConsoleError> {
        match self.console.poll(wait)? {
            Some(line) if line.trim().eq_ignore_ascii_case(clock::WORD) => {
                self.set_clock()?;
                Ok(None)
            }
            Some(line) => {
                self.question = None;
                Ok(Some(line))
            }
            None => Ok(None),
        }
    }

    fn ask_hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError> {
        self.console.ask_hidden(question)
    }

    fn show(&mut self, view: &View) -> Result<(), ConsoleError> {
        let done = view.batch.prepared + view.batch.rejected;
        if done > self.done {
            self.done = done;
            (self.report)(done);
        }
        self.console.show(view)
    }

    fn take_notes(&mut self) -> Vec<Entry> {
        let mut notes = self.console.take_notes();
        notes.append(&mut self.notes);
        notes
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;
    use crate::console::script::{ScriptConsole, Shown};

    struct Hand(OffsetDateTime);

    impl Clock for Hand {
        fn now(&self) -> OffsetDateTime {
            self.0
        }

        fn set(&mut self, to: OffsetDateTime) -> std::io::Result<()> {
            self.0 = to;
            Ok(())
        }

        fn keep(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_word_sets_the_clock_and_the_question_comes_back() {
        let (was, to) = (datetime!(2026-11-23 15:05 UTC), datetime!(2026-11-23 14:05 UTC));
        let mut script = ScriptConsole::new()
            .answer("initials", "Clock")
            .answer("What time is it", "2026-11-23 14:05")
            .answer("initials", "AL");
        let mut hand = Hand(was);
        let mut ignore = |_| {};
        let mut console = Observed::new(&mut script, &mut hand, &mut ignore);
        console.ask("?? Type your initials").unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap(), None);
        assert_eq!(console.take_notes(), [Entry::ClockSet { was, to }]);
        assert_eq!(console.poll(Duration::ZERO).unwrap().as_deref(), Some("AL"));
        assert_eq!(console.take_notes(), []);
        assert_eq!(hand.0, to);
        assert!(script.left().is_empty());
    }

    #[test]
    fn another_word_is_an_answer_and_sets_nothing() {
        let was = datetime!(2026-11-23 15:05 UTC);
        let mut script = ScriptConsole::new().answer("initials", "clocks");
        let mut hand = Hand(was);
        let mut ignore = |_| {};
        let mut console = Observed::new(&mut script, &mut hand, &mut ignore);
        console.ask("?? Type your initials").unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap().as_deref(), Some("clocks"));
        assert_eq!((console.take_notes(), hand.0), (Vec::new(), was));
    }

    #[test]
    fn a_key_that_is_done_is_reported_once() {
        let mut script = ScriptConsole::new();
        let mut hand = Hand(datetime!(2026-11-23 15:05 UTC));
        let mut reported = Vec::new();
        let mut report = |done| reported.push(done);
        let mut console = Observed::new(&mut script, &mut hand, &mut report);
        for (prepared, rejected) in [(0, 0), (1, 0), (1, 0), (1, 1)] {
            let mut view = View::default();
            (view.batch.prepared, view.batch.rejected) = (prepared, rejected);
            console.show(&view).unwrap();
        }
        assert_eq!(reported, [1, 2]);
        let shown = script.record().iter().filter(|s| matches!(s, Shown::View(_)));
        assert_eq!(shown.count(), 4);
    }
}

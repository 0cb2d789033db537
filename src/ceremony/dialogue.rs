//! What is typed: answers, wishes, and the PIN that must not be.

use super::driver::Driver;
use super::event::{Answer, Event};
use crate::console::{ConsoleError, text};
use crate::transcript::{Entry, Text};

impl Driver<'_> {
    /// Turns a typed line into an event; what answers nothing is said and thrown away.
    pub(super) fn read_line(&mut self, line: &str) -> Result<Option<Event>, ConsoleError> {
        if let Some(wish) = text::wish(line) {
            self.asked = None;
            return Ok(Some(Event::Wanted(wish)));
        }
        let Some(question) = self.asked.take() else {
            if !line.is_empty() {
                self.ports.console.tell("   (Nothing is asked right now.)")?;
            }
            return Ok(None);
        };
        let Some(answer) = text::answer(&question, line) else {
            self.ports
                .console
                .tell("!! Please type the whole word yes or no.")?;
            self.ports.console.ask(&self.words(&question))?;
            self.asked = Some(question);
            return Ok(None);
        };
        let subject = Text::new(text::subject(&question));
        let by = Some(text::asked_of(&question));
        if matches!(&answer, Answer::Text(typed) if self.in_hand.pin_is_in(typed)) {
            self.ports.console.tell(
                "!! What was typed holds the PIN of this key: somebody has read the slip. It was not written down.\n   \
                 Both of you decide whether this key may be used; the record will say what happened.",
            )?;
            self.record(Entry::Answered {
                question: subject,
                answer: Text::new("withheld: it held the PIN of the key in hand"),
                by,
            })?;
            return Ok(Some(Event::PinTyped));
        }
        let said = match &answer {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Text(text) => text,
        };
        self.record(Entry::Answered {
            question: subject,
            answer: Text::new(said),
            by,
        })?;
        Ok(Some(Event::Answered(answer)))
    }
}

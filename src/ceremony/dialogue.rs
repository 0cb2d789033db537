//! What is typed: answers, wishes, and the PIN that must not be.

use super::driver::Driver;
use super::event::{Answer, Event};
use crate::console::{ConsoleError, text};
use crate::secret::{Pin, Secret};
use crate::transcript::{Entry, Text};

/// Halves shorter than this occur in other numbers by chance.
const LONG_ENOUGH: usize = 5;

/// Subject of the transcript's line about where labels go on.
pub(super) const FIRST_LABEL: &str = "first label";

impl Driver<'_> {
    /// Takes `labels N` from the officer: the first free label on the sheet in the printer; tells whether it was that.
    fn moves_labels(&mut self, line: &str) -> Result<bool, ConsoleError> {
        let mut words = line.split_whitespace();
        let is_command = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("labels"));
        let (Some(number), None) = (words.next(), words.next()) else {
            return Ok(false);
        };
        if !is_command || self.stock.roll().is_some() {
            return Ok(false);
        }
        let (stock, count) = (self.stock, self.stock.count());
        match number.parse() {
            Ok(place) if (1..=count).contains(&place) => {
                self.record(Entry::Answered {
                    question: Text::new(FIRST_LABEL),
                    answer: Text::new(&place.to_string()),
                    by: None,
                })?;
                self.next_label = place;
                self.say(&format!(
                    "   The next label is {place} of {count} on sheet {stock}."
                ))?;
            }
            _ => self.say(&format!(
                "!! Sheet {stock} has the labels 1 to {count}. Nothing was changed."
            ))?,
        }
        if let Some(question) = &self.asked {
            let words = self.words(question);
            self.ports.console.ask(&words)?;
        }
        Ok(true)
    }

    /// Turns a typed line into an event; what answers nothing is said and thrown away.
    pub(super) fn read_line(&mut self, line: &str) -> Result<Option<Event>, ConsoleError> {
        if let Some(wish) = text::wish(line) {
            self.asked = None;
            return Ok(Some(Event::Wanted(wish)));
        }
        if self.moves_labels(line)? {
            return Ok(None);
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
        if matches!(&answer, Answer::Text(typed) if self.pins().any(|pin| is_in(pin, typed))) {
            self.ports.console.tell(
                "!! What was typed holds the PIN of a key: somebody has read the slip. It was not written down.\n   \
                 Both of you decide whether that key may be used; the record will say what happened.",
            )?;
            self.record(Entry::Answered {
                question: subject,
                answer: Text::new("withheld: it held the PIN of a key"),
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

    /// Every PIN that is in memory: of the key in hand, of the next one, and of those that are done.
    fn pins(&self) -> impl Iterator<Item = &Pin> {
        let in_hand = self.in_hand.pin.iter().map(|(_, pin)| pin);
        let kept = self.kept.iter().filter_map(|key| key.pin.as_ref());
        let ready = self.ready.iter().map(super::printing::ReadySlip::pin);
        in_hand
            .chain(ready)
            .chain(kept)
            .chain(self.new_pins.iter().map(|(_, pin)| pin))
    }
}

/// Whether a typed text holds a PIN or a half of it, spaces and dashes aside.
fn is_in(pin: &Pin, typed: &str) -> bool {
    let typed = Secret::new(
        typed
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect::<String>(),
    );
    let pin = pin.expose().as_str();
    let half = pin.chars().count() / 2;
    let first: usize = pin.chars().take(half).map(char::len_utf8).sum();
    // A half of a split slip is as much of a secret.
    let halves = (half >= LONG_ENOUGH).then(|| pin.split_at(first));
    typed.expose().contains(pin)
        || halves
            .is_some_and(|(first, second)| typed.expose().contains(first) || typed.expose().contains(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_pin_is_known_in_any_grouping() {
        let pin = Secret::new("73915082".to_owned());
        for typed in ["73915082", "7391 5082", "PIN 7391-5082."] {
            assert!(is_in(&pin, typed), "{typed}");
        }
        for typed in ["K-104481", "7391508", ""] {
            assert!(!is_in(&pin, typed), "{typed}");
        }
    }

    #[test]
    fn a_half_of_a_long_pin_is_a_secret_too() {
        let pin = Secret::new("739150826143".to_owned());
        for typed in ["739150", "bag 826 143"] {
            assert!(is_in(&pin, typed), "{typed}");
        }
        assert!(!is_in(&pin, "915082"));
    }
}

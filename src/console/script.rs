//! Replayed answers: a console for tests and for rehearsals without a terminal.
//!
//! ```
//! use glasskey::console::Console;
//! use glasskey::console::script::{ScriptConsole, Shown};
//!
//! let mut console = ScriptConsole::new().answer("Erase this key?", "yes");
//! console.tell("This is a key.")?;
//! console.ask("?? Erase this key? (yes/no)")?;
//! assert_eq!(console.wait_line()?, "yes");
//! assert!(console.ask("?? Something else?").is_err());
//! assert_eq!(console.record()[0], Shown::Told("This is a key.".into()));
//! # Ok::<(), glasskey::console::ConsoleError>(())
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::Zeroize;

use super::view::View;
use super::{Console, ConsoleError};
use crate::secret::Secret;

/// Longest time that [`ScriptConsole::poll`] waits: nobody types here, but other threads plug and pull keys.
const PAUSE: Duration = Duration::from_millis(5);

/// What the console was made to show, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A paragraph.
    Told(String),
    /// A question, answered from the script.
    Asked {
        /// The question.
        question: String,
        /// The answer that the script gave.
        answer: String,
    },
    /// A question whose answer nobody may read.
    AskedHidden(String),
    /// The question that stood was withdrawn; its answer was not handed back.
    Withdrawn,
    /// Where the ceremony stood.
    View(Box<View>),
}

enum Answer {
    Open(String),
    Hidden(Secret<String>),
}

/// Answers questions from a list, in the order of the list, and keeps a record of all it was made to show.
///
/// Each entry is a part of the question that is expected and the answer to it. A question that does not hold the part
/// that is next in the list is refused with an error, unless an entry of [`ScriptConsole::always`] fits.
#[derive(Default)]
pub struct ScriptConsole {
    script: VecDeque<(String, Answer)>,
    always: Vec<(String, String)>,
    pending: Option<String>,
    record: Vec<Shown>,
}

impl ScriptConsole {
    /// A console without answers: it refuses every question.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A console with these answers: pairs of a part of the question and the answer.
    pub fn with_answers<Q: Into<String>, A: Into<String>>(pairs: impl IntoIterator<Item = (Q, A)>) -> Self {
        let mut console = Self::new();
        for (question, answer) in pairs {
            console = console.answer(question, answer);
        }
        console
    }

    /// Adds an answer to the question that comes next in the list.
    #[must_use]
    pub fn answer(mut self, question: impl Into<String>, answer: impl Into<String>) -> Self {
        let answer = Answer::Open(answer.into());
        self.script.push_back((question.into(), answer));
        self
    }

    /// Adds an answer to a hidden question; it is never in the record.
    #[must_use]
    pub fn answer_hidden(mut self, question: impl Into<String>, answer: Secret<String>) -> Self {
        self.script.push_back((question.into(), Answer::Hidden(answer)));
        self
    }

    /// Adds an answer to every question that holds this part, at any time, where the list has none for it.
    #[must_use]
    pub fn always(mut self, question: impl Into<String>, answer: impl Into<String>) -> Self {
        self.always.push((question.into(), answer.into()));
        self
    }

    /// All that was shown until now.
    #[must_use]
    pub fn record(&self) -> &[Shown] {
        &self.record
    }

    /// The questions of the list that were not asked.
    #[must_use]
    pub fn left(&self) -> Vec<&str> {
        self.script
            .iter()
            .map(|(question, _)| question.as_str())
            .collect()
    }

    /// Takes the answer to a question out of the list.
    fn look_up(&mut self, question: &str, hidden: bool) -> Result<Answer, ConsoleError> {
        let next = self.script.front();
        let fits = |(part, answer): &(String, Answer)| {
            question.contains(part.as_str()) && hidden == matches!(answer, Answer::Hidden(_))
        };
        if next.is_some_and(fits)
            && let Some((_, answer)) = self.script.pop_front()
        {
            return Ok(answer);
        }
        let always = self
            .always
            .iter()
            .find(|(part, _)| !hidden && question.contains(part.as_str()));
        if let Some((_, answer)) = always {
            return Ok(Answer::Open(answer.clone()));
        }
        Err(ConsoleError::Unexpected {
            question: question.to_owned(),
            expected: self
                .script
                .front()
                .map(|(part, _)| part.clone())
                .unwrap_or_default(),
        })
    }
}

impl Console for ScriptConsole {
    fn tell(&mut self, text: &str) -> Result<(), ConsoleError> {
        self.record.push(Shown::Told(text.to_owned()));
        Ok(())
    }

    fn ask(&mut self, question: &str) -> Result<(), ConsoleError> {
        if let Answer::Open(answer) = self.look_up(question, false)? {
            self.record.push(Shown::Asked {
                question: question.to_owned(),
                answer: answer.clone(),
            });
            self.pending = Some(answer);
        }
        Ok(())
    }

    fn withdraw(&mut self) -> Result<(), ConsoleError> {
        self.pending = None;
        self.record.push(Shown::Withdrawn);
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<String>, ConsoleError> {
        if self.pending.is_none() {
            std::thread::sleep(wait.min(PAUSE));
        }
        Ok(self.pending.take())
    }

    fn ask_hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError> {
        match self.look_up(question, true)? {
            Answer::Hidden(answer) => {
                self.record.push(Shown::AskedHidden(question.to_owned()));
                Ok(answer)
            }
            Answer::Open(mut answer) => {
                answer.zeroize();
                Err(ConsoleError::Closed)
            }
        }
    }

    fn show(&mut self, view: &View) -> Result<(), ConsoleError> {
        self.record.push(Shown::View(Box::new(view.clone())));
        Ok(())
    }

    /// Does not wait: when nothing is asked, nobody will type.
    fn wait_line(&mut self) -> Result<String, ConsoleError> {
        self.pending.take().ok_or(ConsoleError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_list() {
        let mut console = ScriptConsole::with_answers([("Erase", "yes"), ("whole", "no")]).always("bag", "-");
        console.ask("Number of the bag?").unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap().as_deref(), Some("-"));
        console.ask("?? Erase this key?").unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap().as_deref(), Some("yes"));
        assert_eq!(console.poll(Duration::ZERO).unwrap(), None);
        assert_eq!(console.left(), ["whole"]);
        console.ask("Did it come out whole?").unwrap();
        assert_eq!(console.wait_line().unwrap(), "no");
        assert!(console.left().is_empty());
        assert!(matches!(console.wait_line(), Err(ConsoleError::Closed)));
    }

    #[test]
    fn a_question_out_of_order_is_refused_with_what_was_expected() {
        let mut console = ScriptConsole::with_answers([("Erase", "yes")]);
        let error = console.ask("Did it come out whole?").unwrap_err().to_string();
        assert!(
            error.contains("come out whole") && error.contains("Erase"),
            "{error}"
        );
        assert!(matches!(
            console.ask_hidden("Erase?"),
            Err(ConsoleError::Unexpected { .. })
        ));
        console.ask("Erase?").unwrap();
        assert_eq!(console.record().len(), 1);
    }

    #[test]
    fn a_hidden_answer_is_handed_back_and_not_recorded() {
        let mut console = ScriptConsole::new().answer_hidden("Passphrase", Secret::new("tiger".into()));
        assert!(console.ask("Passphrase?").is_err());
        assert_eq!(console.ask_hidden("Passphrase?").unwrap().expose(), "tiger");
        assert_eq!(console.record(), [Shown::AskedHidden("Passphrase?".into())]);
        assert!(console.ask_hidden("Passphrase?").is_err());
    }

    #[test]
    fn a_withdrawn_question_is_not_answered() {
        let mut console = ScriptConsole::with_answers([("Erase", "yes")]);
        console.ask("Erase?").unwrap();
        console.withdraw().unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap(), None);
        assert_eq!(console.record().last(), Some(&Shown::Withdrawn));
    }
}

//! What is on the screen at one moment, before it is laid out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{glyph, pen};
use crate::console::view::{Instruction, Tone, View};

/// Paragraphs that are kept; a screen shows the last few.
const KEPT: usize = 200;
/// Characters of a paragraph that are kept.
const LONGEST: usize = 2000;

/// What was typed, as far as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// The text.
    Shown(String),
    /// How many characters there are; the text itself never comes here.
    Hidden(usize),
}

impl Default for Typed {
    fn default() -> Self {
        Self::Shown(String::new())
    }
}

/// What the console was told, asked and shown.
#[derive(Debug, Clone)]
pub struct Board {
    /// When the screen was opened: the moving sign counts from here.
    pub since: Instant,
    /// What was typed since the last question.
    pub typed: Typed,
    view: View,
    log: VecDeque<String>,
    question: Option<String>,
    /// What to do by the lines alone, for the time when no view says it.
    told: Instruction,
    /// Whether the question is newer than the view.
    question_is_newer: bool,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new(since: Instant) -> Self {
        Self {
            since,
            typed: Typed::default(),
            view: View::default(),
            log: VecDeque::new(),
            question: None,
            told: Instruction::default(),
            question_is_newer: false,
        }
    }

    /// Adds a paragraph to the log.
    pub fn tell(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let line: String = line.chars().take(LONGEST).collect();
            if let Some((tone, sentence)) = meaning(&line) {
                self.told = Instruction {
                    tone,
                    sentence: sentence.to_owned(),
                    detail: String::new(),
                };
            } else if self.told.tone == Tone::Trouble
                && self.told.detail.is_empty()
                && line.starts_with("   ")
            {
                // The line under a trouble says what to do about it.
                line.trim().clone_into(&mut self.told.detail);
            }
            self.log.push_back(line);
        }
        while self.log.len() > KEPT {
            self.log.pop_front();
        }
    }

    /// Puts a question; the answer is typed below it.
    pub fn ask(&mut self, question: &str, hidden: bool) {
        self.question = Some(question.chars().take(LONGEST).collect());
        self.typed = if hidden {
            Typed::Hidden(0)
        } else {
            Typed::default()
        };
        self.question_is_newer = true;
    }

    /// Takes the question away, answered or withdrawn.
    pub fn close_question(&mut self) {
        self.question = None;
        self.typed = Typed::default();
        self.question_is_newer = false;
    }

    /// Shows where the ceremony stands.
    pub fn show(&mut self, view: &View) {
        self.view = view.clone();
        self.question_is_newer = false;
        if !view.instruction.sentence.is_empty() {
            self.told = Instruction::default();
        }
    }

    /// The last view.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The lines of the log, the newest last.
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.log.iter().map(String::as_str)
    }

    /// The lines of the question that stands, without their marks.
    #[must_use]
    pub fn question(&self) -> Vec<&str> {
        let text = self.question.as_deref().unwrap_or_default();
        let lines = text.lines().map(|line| line.trim_start_matches("??").trim());
        lines.filter(|line| !glyph::fit(line).trim().is_empty()).collect()
    }

    /// What to do now: as the view says it, or a newer question, or the last line that said it.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        let said = !self.view.instruction.sentence.is_empty();
        if said && !self.question_is_newer {
            return self.view.instruction.clone();
        }
        match self.question().last() {
            Some(question) => Instruction {
                tone: Tone::Answer,
                sentence: last_sentence(question).to_owned(),
                detail: self.trouble(),
            },
            None if said => self.view.instruction.clone(),
            None => self.told.clone(),
        }
    }

    /// The trouble that was told last, with what to do about it; it belongs to the question that follows it.
    fn trouble(&self) -> String {
        let Instruction {
            tone,
            sentence,
            detail,
        } = &self.told;
        if *tone != Tone::Trouble {
            return String::new();
        }
        format!("{}: {sentence} {detail}", pen::word(Tone::Trouble))
    }

    /// How much of a clock's time is left; `None` where the view has no clock.
    #[must_use]
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let clock = self.view.clock.as_ref()?;
        Some(
            clock
                .lasts
                .saturating_sub(now.saturating_duration_since(clock.since)),
        )
    }

    /// A sign that changes four times a second, so that a station that works is told from one that hangs.
    #[must_use]
    pub fn moving_sign(&self, now: Instant) -> char {
        let quarters = now.saturating_duration_since(self.since).as_millis() / 250;
        match quarters % 4 {
            0 => '|',
            1 => '/',
            2 => '-',
            _ => '\\',
        }
    }
}

/// What is asked in the end; all of the question stands where the answer is typed.
fn last_sentence(question: &str) -> &str {
    question.rfind(". ").map_or(question, |end| &question[end + 2..])
}

/// What a line of the log asks for, by its mark (see `console::text`).
fn meaning(line: &str) -> Option<(Tone, &str)> {
    let working = || (line.starts_with("   ") && line.ends_with("...")).then_some((Tone::Working, line));
    let marked = |mark: &str, tone: Tone| line.strip_prefix(mark).map(|rest| (tone, rest));
    let (tone, sentence) = marked(">>", Tone::Act)
        .or_else(|| marked("!!", Tone::Trouble))
        .or_else(|| marked("**", Tone::Done))
        .or_else(working)?;
    let sentence = sentence.trim_matches(['*', ' ']);
    (glyph::width(sentence) > 0).then_some((tone, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        Board::new(Instant::now())
    }

    #[test]
    fn the_newest_marked_line_says_what_to_do_while_no_view_does() {
        let mut board = board();
        board.tell("Self-test:\n>> Put in the key.\n   more\nother");
        let told = board.instruction();
        assert_eq!(
            (told.tone, told.sentence.as_str()),
            (Tone::Act, "Put in the key.")
        );
        board.tell("   Resetting the key ...");
        assert_eq!(board.instruction().tone, Tone::Working);
        board.tell("!! It failed.\n   Try again.");
        assert_eq!(board.instruction().detail, "Try again.");
        board.tell("** Done with it.");
        assert_eq!(board.instruction().tone, Tone::Done);
        assert_eq!(board.log().count(), 8);

        let mut view = View::default();
        view.instruction.sentence = "Wait.".into();
        board.show(&view);
        board.tell(">> Something else.");
        assert_eq!(board.instruction().sentence, "Wait.");
    }

    #[test]
    fn a_question_is_what_to_do_until_it_is_answered_or_a_newer_view_comes() {
        let mut board = board();
        let mut view = View::default();
        view.instruction.sentence = "Wait.".into();
        board.show(&view);
        board.ask("This is a key.\n?? ALL IS ERASED\n?? Erase it? (yes/no)", false);
        let asked = board.instruction();
        assert_eq!(
            (asked.tone, asked.sentence.as_str()),
            (Tone::Answer, "Erase it? (yes/no)")
        );
        assert_eq!(board.question().len(), 3);
        board.ask("?? Slip 5 was printed. Did it come out whole? (yes/no)", false);
        assert_eq!(board.instruction().sentence, "Did it come out whole? (yes/no)");
        board.show(&view);
        assert_eq!(board.instruction().sentence, "Wait.");
        board.close_question();
        assert!(board.question().is_empty());
        assert_eq!(board.instruction().sentence, "Wait.");
    }

    #[test]
    fn a_question_after_a_trouble_says_what_the_trouble_is() {
        let mut board = board();
        board.tell("!! No stick was found.\n   Put one in.");
        board.ask("?? Press Enter to try again.", false);
        assert_eq!(
            board.instruction().detail,
            "TROUBLE: No stick was found. Put one in."
        );
        board.tell(">> Take it out.");
        assert_eq!(board.instruction().detail, "");

        // A view that came after it has the last word.
        board.tell("!! Gone.");
        let mut view = View::default();
        view.instruction.sentence = "Wait.".into();
        board.show(&view);
        board.ask("?? Erase it?", false);
        assert_eq!(board.instruction().detail, "");
    }

    #[test]
    fn the_log_does_not_grow_without_end() {
        let mut board = board();
        for number in 0..1000 {
            board.tell(&format!("{number} {}", "x".repeat(5000)));
        }
        assert_eq!(board.log().count(), KEPT);
        assert!(board.log().next_back().unwrap().starts_with("999 "));
        assert!(board.log().all(|line| line.len() <= LONGEST));
    }

    #[test]
    fn a_clock_runs_down_and_stays_at_nothing() {
        let mut board = board();
        assert_eq!(board.time_left(board.since), None);
        let clock = crate::console::view::Clock {
            name: "reset",
            since: board.since,
            lasts: Duration::from_secs(10),
        };
        board.show(&View {
            clock: Some(clock),
            ..View::default()
        });
        let left = |seconds| {
            board
                .time_left(board.since + Duration::from_secs(seconds))
                .unwrap()
        };
        assert_eq!(
            (left(0).as_secs(), left(7).as_secs(), left(11).as_secs()),
            (10, 3, 0)
        );
    }
}

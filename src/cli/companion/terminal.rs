//! The person at this machine.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::browser;
use super::pass_screen::PassScreen;
use crate::graph::Interrupt;
use crate::registration::{PersonSteps, Voice};
use crate::secret::Pin;
use crate::tenant::drill::People;

/// The person at this machine: lines on stderr, questions where it is a terminal.
pub(super) struct Terminal {
    pub(super) interactive: bool,
    tap_file: Option<PathBuf>,
    browser: bool,
    screen: Option<PassScreen>,
    interrupt: Interrupt,
}

impl Terminal {
    pub(super) fn new(tap_file: Option<PathBuf>, interrupt: Interrupt) -> Self {
        Self {
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            tap_file,
            browser: false,
            screen: None,
            interrupt,
        }
    }

    /// Opens a private browser window for each pass, where there is a desktop.
    pub(super) fn with_browser(mut self, browser: bool) -> Self {
        self.browser = browser;
        self
    }
}

impl Voice for Terminal {
    fn say(&mut self, line: &str) {
        if let Some(screen) = &mut self.screen {
            screen.say(line);
            return;
        }
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn show(&mut self, steps: &PersonSteps<'_>) -> io::Result<()> {
        // A pass in a log would outlive its owner's attention, so it goes to terminals only.
        if self.interactive {
            self.screen = PassScreen::open();
            match &mut self.screen {
                Some(screen) => screen.attend(steps, Duration::from_secs(u64::from(steps.minutes) * 60))?,
                None => io::stderr().write_all(steps.text().expose().as_bytes())?,
            }
            if self.browser
                && let Some(name) = browser::open_private(steps.page)
            {
                self.say(&format!(
                    "A private window of {name} opens at the page of step 1."
                ));
            }
        } else {
            self.say(&format!(
                "The Temporary Access Pass of {} for the key with label {} is in the file that `--tap-file` names.",
                steps.account, steps.label
            ));
        }
        let Some(path) = &self.tap_file else { return Ok(()) };
        // Whoever waits for the file must never read half of it.
        let part = path.with_extension("part");
        let _ = std::fs::remove_file(&part);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(steps.pass.expose().as_bytes())?;
        file.write_all(b"\n")?;
        std::fs::rename(&part, path)
    }

    fn attend(&mut self, steps: &PersonSteps<'_>, left: Duration) {
        if let Some(screen) = &mut self.screen {
            // A terminal that went away shows nothing any more; the registration goes on.
            let _ = screen.attend(steps, left);
        }
    }

    fn hide(&mut self) {
        self.screen = None;
    }

    fn forget(&mut self) {
        self.screen = None;
        if let Some(path) = &self.tap_file {
            let _ = std::fs::remove_file(path);
        }
    }

    fn ask(&mut self, question: &str) -> Option<bool> {
        let answer = self.answer(&format!("{question} [y/N] "))?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn pin(&mut self, question: &str) -> Option<Pin> {
        if !self.interactive {
            return None;
        }
        super::hidden_line::ask(question, &self.interrupt)
    }
}

impl People for Terminal {
    fn line(&mut self, question: &str) -> Option<String> {
        self.answer(question)
    }
}

impl Terminal {
    /// One line from the person; `None` without a terminal, and after an interruption.
    fn answer(&mut self, question: &str) -> Option<String> {
        if !self.interactive {
            return None;
        }
        self.screen = None;
        let _ = write!(io::stderr(), "{question}");
        await_input(&self.interrupt)?;
        let mut answer = String::new();
        io::stdin().lock().take(256).read_line(&mut answer).ok()?;
        Some(answer)
    }
}

/// Waits until something was typed, because a blocking read would not notice an interruption.
pub(super) fn await_input(interrupt: &Interrupt) -> Option<()> {
    loop {
        interrupt.check().ok()?;
        let stdin = io::stdin();
        let mut ready = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
        let tenth = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        if rustix::event::poll(&mut ready, Some(&tenth)).is_ok_and(|count| count > 0) {
            return Some(());
        }
    }
}

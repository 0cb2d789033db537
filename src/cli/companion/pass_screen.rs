//! The screen with a pass on it: an alternate one that leaves nothing in the scrollback, with the time that is left,
//! and the key's PIN for as long as somebody asks for it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::registration::PersonSteps;
use crate::secret::Secret;

/// How long a PIN stays when nobody presses a key.
const PIN_TIME: Duration = Duration::from_secs(15);
/// How many lines of progress are shown below the steps; all of them are printed when the screen is left.
const LINES: usize = 5;
/// To the alternate screen, and wiped.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[H";
/// Wiped, and back to the ordinary screen.
const LEAVE: &str = "\x1b[2J\x1b[H\x1b[?1049l";

/// An open screen; it is wiped and left when it is dropped.
pub(super) struct PassScreen {
    before: Termios,
    view: View,
    drawn: Option<Instant>,
}

impl PassScreen {
    /// Opens it on the terminal behind stdin and stderr, where that understands more than lines.
    pub(super) fn open() -> Option<Self> {
        let understands = std::env::var("TERM").is_ok_and(|kind| !kind.is_empty() && kind != "dumb");
        let before = tcgetattr(io::stdin()).ok().filter(|_| understands)?;
        let mut keys = before.clone();
        // Single keys, not shown; signals stay, so that Ctrl-C ends the registration.
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &keys).ok()?;
        let screen = Self {
            before,
            view: View::default(),
            drawn: None,
        };
        io::stderr().write_all(ENTER.as_bytes()).ok()?;
        Some(screen)
    }

    /// Takes a line of progress.
    pub(super) fn say(&mut self, line: &str) {
        self.view.lines.push(line.to_owned());
        self.drawn = None;
    }

    /// Reads keys, and draws anew what has changed; at once, or each second.
    pub(super) fn attend(&mut self, steps: &PersonSteps<'_>, left: Duration) -> io::Result<()> {
        let now = Instant::now();
        let asked = pressed();
        if self.view.press(asked.as_deref(), steps.pin.is_some(), now) {
            self.drawn = None;
        }
        if self.drawn.is_some_and(|at| now - at < Duration::from_secs(1)) {
            return Ok(());
        }
        self.drawn = Some(now);
        io::stderr().write_all(self.view.frame(steps, left).expose().as_bytes())
    }
}

impl Drop for PassScreen {
    fn drop(&mut self) {
        let mut err = io::stderr();
        let _ = err.write_all(LEAVE.as_bytes());
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
        for line in &self.view.lines {
            let _ = writeln!(err, "{line}");
        }
    }
}

/// Keys that were pressed; does not wait.
fn pressed() -> Option<Vec<u8>> {
    let stdin = io::stdin();
    let mut ready = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
    let at_once = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    if !rustix::event::poll(&mut ready, Some(&at_once)).is_ok_and(|count| count > 0) {
        return None;
    }
    let mut bytes = [0_u8; 64];
    let count = rustix::io::read(&stdin, &mut bytes)
        .ok()
        .filter(|count| *count > 0)?;
    Some(bytes[..count].to_vec())
}

/// What is on the screen.
#[derive(Default)]
struct View {
    lines: Vec<String>,
    pin_until: Option<Instant>,
}

impl View {
    /// A key, or the time, shows the PIN or takes it away; returns whether something changes.
    fn press(&mut self, keys: Option<&[u8]>, has_pin: bool, now: Instant) -> bool {
        let shown = self.pin_until.is_some();
        self.pin_until = match (self.pin_until, keys) {
            (None, Some(keys)) if has_pin && keys.iter().any(|key| b"pP".contains(key)) => {
                Some(now + PIN_TIME)
            }
            (Some(_), Some(_)) => None,
            (Some(until), None) if now >= until => None,
            (before, _) => before,
        };
        shown != self.pin_until.is_some()
    }

    /// The whole screen: it holds the pass and, while that is asked for, the PIN.
    fn frame(&self, steps: &PersonSteps<'_>, left: Duration) -> Secret<String> {
        let text = steps.text();
        let recent = &self.lines[self.lines.len().saturating_sub(LINES)..];
        let length: usize = recent.iter().map(String::len).sum();
        // Never grows: that would leave copies.
        let mut frame = Secret::new(String::with_capacity(text.expose().len() + length + 1024));
        let out = frame.expose_mut();
        // Line by line over what is there, and the rest wiped.
        out.push_str("\x1b[H");
        for line in text.expose().lines() {
            let _ = write!(out, "{line}\x1b[K\r\n");
        }
        let seconds = left.as_secs();
        let _ = write!(out, "  Time left: {}:{:02}\x1b[K\r\n", seconds / 60, seconds % 60);
        match (steps.pin, self.pin_until) {
            (Some(pin), Some(_)) => {
                let _ = write!(
                    out,
                    "  PIN of the key: {}   (any key hides it)\x1b[K\r\n",
                    pin.expose()
                );
            }
            (Some(_), None) => {
                let _ = write!(
                    out,
                    "  Press p to see the PIN of this key for {} seconds.\x1b[K\r\n",
                    PIN_TIME.as_secs()
                );
            }
            (None, _) => {}
        }
        out.push_str("\x1b[K\r\n");
        for line in recent {
            let _ = write!(out, "{line}\x1b[K\r\n");
        }
        out.push_str("\x1b[J");
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Pin;

    const PIN: &str = "73915082";

    fn shown(view: &View, pin: Option<&Pin>) -> String {
        let pass = Secret::new("TAP-CODE".to_owned());
        let account = "bg-01@contoso.onmicrosoft.com".parse().unwrap();
        let label = crate::id::LabelId::draw(&mut |bytes: &mut [u8]| bytes.fill(5));
        let steps = PersonSteps {
            page: "https://example.org",
            account: &account,
            pass: &pass,
            minutes: 60,
            once: false,
            label: &label,
            slip: None,
            pin,
        };
        view.frame(&steps, Duration::from_secs(3605)).expose().clone()
    }

    #[test]
    fn a_pin_is_shown_on_a_key_press_and_goes_with_the_next_or_with_time() {
        let pin = Secret::new(PIN.to_owned());
        let (mut view, now) = (View::default(), Instant::now());
        assert!(shown(&view, Some(&pin)).contains("Press p"));
        assert!(!view.press(None, true, now) && !view.press(Some(b"x"), true, now));
        assert!(!shown(&view, Some(&pin)).contains(PIN));
        assert!(view.press(Some(b"p"), true, now));
        assert!(shown(&view, Some(&pin)).contains(PIN));
        assert!(!view.press(None, true, now + PIN_TIME / 2));
        assert!(view.press(Some(b"p"), true, now));
        assert!(!shown(&view, Some(&pin)).contains(PIN));
        assert!(view.press(Some(b"P"), true, now));
        assert!(view.press(None, true, now + PIN_TIME));
        assert!(!shown(&view, Some(&pin)).contains(PIN));
    }

    #[test]
    fn without_a_pin_no_key_shows_one_and_the_pass_has_its_time() {
        let mut view = View::default();
        assert!(!view.press(Some(b"p"), false, Instant::now()));
        let text = shown(&view, None);
        assert!(!text.contains("Press p") && !text.contains("PIN of the key:"));
        assert!(text.contains("TAP-CODE") && text.contains("Time left: 60:05"));
    }

    #[test]
    fn the_last_lines_of_progress_are_below() {
        let view = View {
            lines: (0..9).map(|number| format!("line {number}")).collect(),
            ..View::default()
        };
        let text = shown(&view, None);
        assert!(!text.contains("line 3") && text.contains("line 4") && text.contains("line 8"));
        // Each line is wiped to its end, and so is what is below.
        assert_eq!(text.matches("\r\n").count(), text.matches("\x1b[K\r\n").count());
        assert!(text.ends_with("\x1b[J"));
    }
}

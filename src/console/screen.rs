//! The full screen of the station: what to do in large letters, and where the ceremony stands.
//!
//! It is drawn with ratatui on a terminal of our own ([`Screen`]): the event loops of the usual ones want sockets,
//! which the station's kernel does not have. [`draw()`](draw::draw) lays out a [`Board`] on any size and
//! knows no terminal; the [`editor`] makes lines of what is typed; [`glyph`] keeps to the characters of the console font.

pub mod board;
pub mod draw;
pub mod editor;
pub mod glyph;
mod large;
mod letters;
mod panel;
mod pen;
mod tty;
mod vt;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui_core::backend::Backend;
use ratatui_core::layout::Size;
use ratatui_core::terminal::Terminal;
use rustix::event::PollFlags;
use zeroize::Zeroize;

use self::board::{Board, Typed};
use self::editor::Editor;
use self::tty::Tty;
use self::vt::Vt;
use super::line::LineConsole;
use super::view::View;
use super::{Console, ConsoleError};
use crate::secret::Secret;

/// How often the clock and the moving sign are drawn.
const TICK: Duration = Duration::from_millis(250);
/// How often every cell is written again, in case the kernel has written between them.
const REPAINT: Duration = Duration::from_secs(5);
/// Reads that are thrown away before a question; something that types without end gets no further.
const TYPED_AHEAD: usize = 64;
/// Major device number of terminals, among them the Linux consoles with the minors 1 to 63; 5:1 is `/dev/console`.
const TTY_MAJOR: u32 = 4;

/// The console on standard input and output: a [`Screen`] on a Linux console, a [`LineConsole`] on everything else
/// (a serial line, a terminal window, a pipe).
pub fn console() -> io::Result<Box<dyn Console>> {
    let sized = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    if is_linux_console() && sized.is_ok_and(|size| size.ws_col > 0 && size.ws_row > 0) {
        Ok(Box::new(Screen::open()?))
    } else {
        Ok(Box::new(LineConsole::standard()?))
    }
}

/// Whether standard input is a Linux console, and no serial line or pipe.
#[must_use]
pub fn is_linux_console() -> bool {
    let Ok(input) = rustix::fs::fstat(rustix::stdio::stdin()) else {
        return false;
    };
    let (major, minor) = (rustix::fs::major(input.st_rdev), rustix::fs::minor(input.st_rdev));
    let active = std::fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    is_screen(major, minor, &active)
}

/// Whether a device is a Linux console; `active` lists what `/dev/console` stands for, the one that is read last.
fn is_screen(major: u32, minor: u32, active: &str) -> bool {
    let last = active.split_whitespace().next_back().unwrap_or_default();
    let number = last.strip_prefix("tty").unwrap_or_default();
    match (major, minor) {
        (TTY_MAJOR, 1..=63) => true,
        (5, 1) => !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

/// A full screen and a keyboard.
///
/// A thread of its own draws four times a second, so that a clock goes on while the caller is busy. Dropping the
/// screen stops it and gives the terminal back as it was found.
pub struct Screen {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
    input: OwnedFd,
    editor: Editor,
}

struct Shared {
    state: Mutex<State>,
    stop: Condvar,
}

struct State {
    board: Board,
    terminal: Terminal<Vt>,
    painted: Instant,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A board is whole after every step; a panic elsewhere is no reason to show nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let mut state = self.lock();
        while !state.stopped {
            // The lock is free while it waits; an error shows when the caller draws next.
            let _ = state.draw();
            let waited = self.stop.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    fn draw(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let board = &self.board;
        let frame = self
            .terminal
            .draw(|frame| draw::draw(board, now, frame.buffer_mut()))?;
        if now.saturating_duration_since(self.painted) >= REPAINT {
            self.painted = now;
            let whole = frame.buffer.clone();
            let cells = whole.content.iter().enumerate().map(|(index, cell)| {
                let (x, y) = whole.pos_of(index);
                (x, y, cell)
            });
            self.terminal.backend_mut().draw(cells)?;
            Backend::flush(self.terminal.backend_mut())?;
        }
        Ok(())
    }
}

impl Screen {
    /// The screen on standard input and output.
    pub fn open() -> io::Result<Self> {
        let input = rustix::io::dup(rustix::stdio::stdin())?;
        let output = rustix::io::dup(rustix::stdio::stdout())?;
        // The size of an 80x25 text screen is read from the terminal; this is for one that does not say it.
        Self::new(input, output, 80, 25)
    }

    /// A screen on these descriptors; its size is that of `output`, or the one given where that has none.
    pub fn new(input: OwnedFd, output: OwnedFd, columns: u16, rows: u16) -> io::Result<Self> {
        let terminal = Terminal::new(Vt::new(Tty::new(output, Size::new(columns, rows))?))?;
        let now = Instant::now();
        let state = State {
            board: Board::new(now),
            terminal,
            painted: now,
            stopped: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            stop: Condvar::new(),
        });
        let ticking = Arc::clone(&shared);
        let ticker = std::thread::Builder::new()
            .name("screen".into())
            .spawn(move || ticking.tick())?;
        Ok(Self {
            shared,
            ticker: Some(ticker),
            input,
            editor: Editor::default(),
        })
    }

    /// Changes the board and draws it.
    fn change(&mut self, how: impl FnOnce(&mut Board)) -> Result<(), ConsoleError> {
        let mut state = self.shared.lock();
        how(&mut state.board);
        Ok(state.draw()?)
    }

    /// Reads what comes within `wait`; false when nothing came.
    fn fill(&mut self, wait: Duration) -> Result<bool, ConsoleError> {
        if !tty::ready(&self.input, PollFlags::IN, wait)? {
            return Ok(false);
        }
        let mut bytes = [0_u8; 256];
        match rustix::io::read(&self.input, &mut bytes[..]) {
            Ok(0) => Err(ConsoleError::Closed),
            Ok(count) => {
                self.editor.feed(&bytes[..count], Instant::now());
                // It may be a passphrase.
                bytes.zeroize();
                Ok(true)
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(false),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Puts a question after throwing away what was typed before it could be seen: that answers another one.
    fn put(&mut self, question: &str, hidden: bool) -> Result<(), ConsoleError> {
        for _ in 0..TYPED_AHEAD {
            if !self.fill(Duration::ZERO)? {
                break;
            }
            self.editor.clear();
        }
        self.editor.clear();
        self.change(|board| board.ask(question, hidden))
    }

    /// Waits until `until` for a whole line, and shows meanwhile what `typed` makes of the beginning of one.
    fn line(
        &mut self,
        until: Option<Instant>,
        typed: fn(&Secret<String>) -> Typed,
    ) -> Result<Option<Secret<String>>, ConsoleError> {
        loop {
            if self.editor.finish_line() {
                let line = self.editor.take();
                self.change(Board::close_question)?;
                return Ok(Some(line));
            }
            let shown = typed(self.editor.line());
            if self.shared.lock().board.typed != shown {
                self.change(|board| board.typed = shown)?;
            }
            let left = until.map_or(Duration::from_hours(1), |until| {
                until.saturating_duration_since(Instant::now())
            });
            if !self.fill(left)? && until.is_some_and(|until| Instant::now() >= until) {
                return Ok(None);
            }
        }
    }
}

impl Console for Screen {
    fn tell(&mut self, text: &str) -> Result<(), ConsoleError> {
        self.change(|board| board.tell(text))
    }

    fn ask(&mut self, question: &str) -> Result<(), ConsoleError> {
        self.put(question, false)
    }

    fn withdraw(&mut self) -> Result<(), ConsoleError> {
        self.editor.clear();
        self.change(Board::close_question)
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<String>, ConsoleError> {
        let line = self.line(Some(Instant::now() + wait), |text| {
            Typed::Shown(text.expose().clone())
        })?;
        Ok(line.map(|line| line.expose().trim().to_owned()))
    }

    fn ask_hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError> {
        self.put(question, true)?;
        let line = self.line(None, |text| Typed::Hidden(text.expose().chars().count()))?;
        line.ok_or(ConsoleError::Closed)
    }

    fn show(&mut self, view: &View) -> Result<(), ConsoleError> {
        self.change(|board| board.show(view))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.stop.notify_all();
        if let Some(ticker) = self.ticker.take() {
            let _ = ticker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A screen of 64x24 on pipes: what is typed goes in, what is drawn comes out.
    fn screen() -> (Screen, OwnedFd, OwnedFd) {
        let (input, keyboard) = rustix::pipe::pipe().unwrap();
        let (picture, output) = rustix::pipe::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&output, 1 << 20).unwrap();
        (Screen::new(input, output, 64, 24).unwrap(), keyboard, picture)
    }

    fn press(keyboard: &OwnedFd, bytes: &[u8]) {
        rustix::io::write(keyboard, bytes).unwrap();
    }

    /// All that was drawn until now.
    fn drawn(picture: &OwnedFd) -> String {
        let mut all = Vec::new();
        while tty::ready(picture, PollFlags::IN, Duration::ZERO).unwrap() {
            let mut bytes = [0; 4096];
            match rustix::io::read(picture, &mut bytes[..]).unwrap() {
                0 => break,
                count => all.extend_from_slice(&bytes[..count]),
            }
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn a_linux_console_gets_a_screen_and_nothing_else_does() {
        assert!(is_screen(5, 1, "tty0\n"));
        assert!(is_screen(5, 1, "ttyS0 tty0\n"));
        assert!(is_screen(4, 1, ""));
        for (major, minor, active) in [
            (5, 1, "tty0 ttyS0\n"),
            (5, 1, ""),
            (5, 0, "tty0"),
            (4, 64, "tty0"),
            (136, 0, "tty0"),
            (0, 0, "tty0"),
        ] {
            assert!(!is_screen(major, minor, active), "{major}:{minor} {active}");
        }
    }

    #[test]
    fn a_typed_line_is_shown_and_handed_back() {
        let (mut screen, keyboard, picture) = screen();
        screen.ask("?? Which label?").unwrap();
        press(&keyboard, b"K7Q\x1b[AM");
        assert_eq!(screen.poll(Duration::from_millis(10)).unwrap(), None);
        assert!(drawn(&picture).contains("K7QM_"));
        press(&keyboard, b"\x7fN \r");
        assert_eq!(screen.poll(Duration::ZERO).unwrap().as_deref(), Some("K7QN"));
        drop(keyboard);
        assert!(matches!(screen.poll(Duration::ZERO), Err(ConsoleError::Closed)));
    }

    #[test]
    fn what_was_typed_before_a_question_does_not_answer_it() {
        let (mut screen, keyboard, _picture) = screen();
        press(&keyboard, b"yes\ryes\rye");
        assert_eq!(screen.poll(Duration::ZERO).unwrap().as_deref(), Some("yes"));
        screen.ask("Erase?").unwrap();
        assert_eq!(screen.poll(Duration::from_millis(10)).unwrap(), None);
        press(&keyboard, b"no\r");
        assert_eq!(screen.poll(Duration::ZERO).unwrap().as_deref(), Some("no"));
    }

    #[test]
    fn what_is_typed_after_a_withdrawn_question_begins_anew() {
        let (mut screen, keyboard, picture) = screen();
        screen.ask("?? Erase?").unwrap();
        press(&keyboard, b"ye");
        screen.poll(Duration::from_millis(10)).unwrap();
        screen.withdraw().unwrap();
        press(&keyboard, b"s\r");
        assert_eq!(screen.poll(Duration::ZERO).unwrap().as_deref(), Some("s"));
        assert!(drawn(&picture).contains("Erase?"));
        assert!(screen.shared.lock().board.question().is_empty());
    }

    #[test]
    fn a_hidden_text_is_handed_back_and_never_drawn() {
        let (mut screen, keyboard, picture) = screen();
        let typist = std::thread::spawn(move || {
            let mut all = String::new();
            let mut wait_for = |sign: &str| {
                let mut new = String::new();
                while !new.contains(sign) {
                    std::thread::sleep(Duration::from_millis(10));
                    new += &drawn(&picture);
                }
                all += &new;
            };
            wait_for("Passphrase?");
            // One by one, as a person types, so that each is drawn.
            for letter in [b"V", b"X", b"Z"] {
                press(&keyboard, letter);
                wait_for("*");
            }
            press(&keyboard, b"\r");
            (keyboard, picture, all)
        });
        assert_eq!(screen.ask_hidden("?? Passphrase?").unwrap().expose(), "VXZ");
        let (keyboard, picture, mut all) = typist.join().unwrap();
        all += &drawn(&picture);
        assert!(!all.contains(['V', 'X', 'Z']), "{all:?}");
        // The twin: an ordinary question shows it.
        screen.ask("?? Passphrase?").unwrap();
        press(&keyboard, b"VXZ");
        screen.poll(Duration::from_millis(10)).unwrap();
        assert!(drawn(&picture).contains("VXZ"));
    }

    #[test]
    fn the_moving_sign_moves_while_the_caller_is_busy() {
        let (screen, _keyboard, picture) = screen();
        let mut all = String::new();
        // As many ticks as it takes: each of the four signs is drawn in the upper right corner.
        while !["/", "-", "\\", "|"]
            .iter()
            .all(|sign| all.contains(&format!("\x1b[1;63H\x1b[0;39;49;7m{sign}")))
        {
            std::thread::sleep(TICK);
            all += &drawn(&picture);
        }
        drop(screen);
        assert!(drawn(&picture).ends_with("\x1b[?25h\x1b[2J\x1b[H"));
    }

    #[test]
    fn sequences_keep_to_what_a_linux_console_knows() {
        let (mut screen, _keyboard, picture) = screen();
        screen.tell("!! Trouble: \x1b[31m\u{7} 東").unwrap();
        screen.tell(">> Do this.").unwrap();
        drop(screen);
        let all = drawn(&picture);
        for sequence in all.split('\x1b').skip(1) {
            let end = sequence
                .find(|c: char| c.is_ascii_alphabetic() || c == ']')
                .unwrap();
            assert!("GmhlJH]".contains(&sequence[end..=end]), "{sequence:?}");
        }
        assert!(all.replace('\x1b', "").chars().all(glyph::known), "{all:?}");
    }
}

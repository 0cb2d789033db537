//! What holds for every view, size and key pressed.

use std::time::{Duration, Instant};

use glasskey::console::Console;
use glasskey::console::screen::Screen;
use glasskey::console::screen::board::{Board, Typed};
use glasskey::console::screen::glyph;
use glasskey::console::view::{Batch, CheckItem, CheckState, Clock, Instruction, KeyPanel, Tone, View};
use proptest::prelude::*;

use super::{picture, text};

/// Any text: words, long words, foreign letters, control characters.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z ]{0,80}",
        "[A-Za-z0-9@.-]{0,200}",
        "\\PC{0,60}",
        any::<String>(),
    ]
}

fn tone() -> impl Strategy<Value = Tone> {
    prop_oneof![
        Just(Tone::Working),
        Just(Tone::Act),
        Just(Tone::Answer),
        Just(Tone::Trouble),
        Just(Tone::Done)
    ]
}

fn checklist() -> impl Strategy<Value = Vec<CheckItem>> {
    let state = prop_oneof![
        Just(CheckState::Waiting),
        Just(CheckState::Doing),
        Just(CheckState::Done),
        Just(CheckState::Failed)
    ];
    let name = prop_oneof![
        Just("Reset"),
        Just(""),
        Just("A step with a very long name, far too long for a screen")
    ];
    proptest::collection::vec(
        (name, state).prop_map(|(name, state)| CheckItem { name, state }),
        0..30,
    )
}

fn clock(since: Instant) -> impl Strategy<Value = Option<Clock>> {
    let lasts = prop_oneof![0_u64..20, any::<u64>()].prop_map(Duration::from_secs);
    proptest::option::of(lasts).prop_map(move |lasts| {
        lasts.map(|lasts| Clock {
            name: "Reset window",
            since,
            lasts,
        })
    })
}

fn batch() -> impl Strategy<Value = Batch> {
    let count = || prop_oneof![0_usize..20, any::<usize>()];
    (count(), count(), count(), any::<u32>(), count(), count()).prop_map(
        |(keys, prepared, rejected, slips_printed, slips_voided, exceptions)| Batch {
            keys,
            prepared,
            rejected,
            slips_printed,
            slips_voided,
            exceptions,
        },
    )
}

fn key() -> impl Strategy<Value = Option<KeyPanel>> {
    let texts = (words(), words(), words(), words(), words());
    let key = (any::<usize>(), any::<usize>(), texts).prop_map(
        |(number, of, (label, account, place, custodian, model))| KeyPanel {
            number,
            of,
            label,
            account,
            place,
            custodian,
            model,
        },
    );
    proptest::option::of(key)
}

fn view(since: Instant) -> impl Strategy<Value = View> {
    let people = (words(), words(), words(), words(), any::<bool>());
    let instruction = (tone(), words(), words()).prop_map(|(tone, sentence, detail)| Instruction {
        tone,
        sentence,
        detail,
    });
    let erases = proptest::option::of(words());
    (
        people,
        instruction,
        erases,
        key(),
        checklist(),
        batch(),
        clock(since),
    )
        .prop_map(
            |(
                (title, ceremony, officer, witness, rehearsal),
                instruction,
                erases,
                key,
                checklist,
                batch,
                clock,
            )| {
                View {
                    title,
                    ceremony,
                    rehearsal,
                    officer,
                    witness,
                    instruction,
                    erases,
                    key,
                    checklist,
                    batch,
                    clock,
                }
            },
        )
}

fn board() -> impl Strategy<Value = Board> {
    let since = Instant::now();
    let question = proptest::option::of((words(), any::<bool>()));
    let log = proptest::collection::vec(words(), 0..20);
    (view(since), question, log, words(), any::<bool>()).prop_map(
        move |(view, question, log, typed, first)| {
            let mut board = Board::new(since);
            if first {
                board.show(&view);
            }
            for line in &log {
                board.tell(line);
            }
            if let Some((question, hidden)) = question {
                board.ask(&question, hidden);
                board.typed = if hidden {
                    Typed::Hidden(typed.chars().count())
                } else {
                    Typed::Shown(typed)
                };
            }
            if !first {
                board.show(&view);
            }
            board
        },
    )
}

/// A screen on pipes; what is drawn stays in the pipe, which is large enough for all of it.
fn screen(columns: u16, rows: u16) -> (Screen, std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
    let (input, keyboard) = rustix::pipe::pipe().unwrap();
    let (drawn, output) = rustix::pipe::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&output, 1 << 20).unwrap();
    (
        Screen::new(input, output, columns, rows).unwrap(),
        keyboard,
        drawn,
    )
}

fn drawn(from: &std::os::fd::OwnedFd) -> String {
    let mut bytes = vec![0; 1 << 20];
    let count = rustix::io::read(from, &mut bytes[..]).unwrap();
    String::from_utf8(bytes[..count].to_vec()).unwrap()
}

proptest! {
    #[test]
    fn every_board_is_drawn_on_every_size(board in board(), columns in 20_u16..260, rows in 8_u16..80, after in 0_u64..100_000) {
        let picture = picture(&board, Duration::from_millis(after), columns, rows);
        let text = text(&picture);
        prop_assert!(text.chars().all(|c| c == '\n' || glyph::known(c)), "{text}");
        prop_assert!(picture.content.iter().all(|cell| cell.symbol().chars().count() == 1));
        prop_assert!(text.starts_with(" Glasskey"), "{text}");
        // What is asked and whether it erases is never pushed off the screen.
        if board.view().erases.is_some() {
            prop_assert!(text.contains("ERASES"), "{text}");
        }
        if !board.question().is_empty() {
            prop_assert!(text.contains("ANSWER"), "{text}");
        }
    }

    #[test]
    fn a_tiny_screen_does_not_panic(board in board(), columns in 1_u16..20, rows in 1_u16..8) {
        let picture = picture(&board, Duration::ZERO, columns, rows);
        prop_assert_eq!(picture.content.len(), usize::from(columns) * usize::from(rows));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn hidden_text_is_never_drawn(letters in proptest::collection::vec(0x4e00_u32..0x9fff, 1..40), noise in proptest::collection::vec(any::<u8>(), 0..40)) {
        // Letters that nothing else on the screen has, not even as the sign for letters that the font lacks.
        let secret: String = letters.into_iter().filter_map(char::from_u32).collect();
        let (mut screen, keyboard, picture) = screen(64, 24);
        let typed = [secret.as_bytes(), &noise, b"\r"].concat();
        let typist = std::thread::spawn(move || {
            let mut all = String::new();
            while !all.contains("Passphrase") {
                all += &drawn(&picture);
            }
            rustix::io::write(&keyboard, &typed).unwrap();
            (keyboard, picture, all)
        });
        let text = screen.ask_hidden("Passphrase:").unwrap();
        let (_keyboard, picture, mut all) = typist.join().unwrap();
        drop(screen);
        all += &drawn(&picture);
        prop_assert!(!text.expose().chars().any(|c| !c.is_ascii() && all.contains(c)));
        // Switching the cursor off and on has a question mark of its own.
        prop_assert!(!all.replace("\x1b[?25", "").contains('?'), "{all:?}");
    }

    #[test]
    fn any_keys_are_survived(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 0..20)) {
        let (mut screen, keyboard, _drawn) = screen(64, 24);
        screen.ask("Anything?").unwrap();
        for piece in pieces {
            rustix::io::write(&keyboard, &piece).unwrap();
            while let Some(line) = screen.poll(Duration::ZERO).unwrap() {
                prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}

//! The full screen: layouts reviewed as text, and what holds for every screen.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod any;
mod scenes;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use glasskey::console::screen::board::Board;
use glasskey::console::screen::draw::draw;
use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::Buffer;
use ratatui_core::style::Color;
use ratatui_core::terminal::Terminal;

/// A laptop's 1024x768, a full HD screen and a 4K screen in cells of 16x32 dots.
const SIZES: [(u16, u16); 3] = [(64, 24), (120, 33), (240, 67)];

/// What a board looks like `after` it was opened.
fn picture(board: &Board, after: Duration, columns: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let now = board.since + after;
    terminal
        .draw(|frame| draw(board, now, frame.buffer_mut()))
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The rows of a picture, without the spaces at their ends.
fn text(picture: &Buffer) -> String {
    let width = usize::from(picture.area.width);
    let rows = picture.content.chunks(width).map(|row| {
        let row: String = row.iter().map(ratatui_core::buffer::Cell::symbol).collect();
        row.trim_end().to_owned() + "\n"
    });
    rows.collect()
}

#[test]
fn layouts_are_the_reviewed_ones() {
    for (name, board, after) in scenes::all(Instant::now()) {
        for (columns, rows) in SIZES {
            let name = format!("{name}-{columns}x{rows}");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/console/{name}.txt"));
            let now = text(&picture(&board, after, columns, rows));
            if std::env::var_os("GLASSKEY_ACCEPT").is_some() {
                fs::write(&path, &now).unwrap();
            }
            let reviewed = fs::read_to_string(&path).unwrap();
            assert_eq!(
                now, reviewed,
                "{name}: run with GLASSKEY_ACCEPT=1 and review the difference"
            );
        }
    }
}

/// Everything that has to be on the screen in a scene, in whatever size.
fn must_show(scene: &str) -> &'static [&'static str] {
    match scene {
        "arm" => &[
            "DO:",
            "K7QM-2D4X",
            "emergency-access-one@contoso.onmicrosoft.com",
            "2 of 12 prepared",
        ],
        "erase" => &["QUESTION", "ERASES", "Erase this key? (yes/no)", "> ye_"],
        "reset" => &["DO:", "7 s left of 10 s", "[►] Reset"],
        "slip" => &["QUESTION", "Slip 5", "(yes/no)"],
        "trouble" => &["TROUBLE", "[!] PIN FAILED", "Try again?"],
        "done" => &["DONE", "12 of 12 prepared"],
        "hidden" => &["not shown", "> *****_"],
        "long" => &["WAIT", "an-emergency-access-account-whose-name"],
        _ => panic!("no such scene: {scene}"),
    }
}

#[test]
fn what_matters_is_on_every_screen() {
    let sizes = [
        (50, 18),
        (64, 24),
        (80, 25),
        (100, 37),
        (120, 33),
        (160, 45),
        (120, 48 - 1),
        (240, 47),
    ];
    for (name, board, after) in scenes::all(Instant::now()) {
        for (columns, rows) in sizes {
            let text = text(&picture(&board, after, columns, rows));
            // The name of an account may go on in the next row.
            let joined = text.replace("\n ", "");
            for needed in must_show(name) {
                assert!(
                    text.contains(needed) || joined.contains(needed),
                    "{name} at {columns}x{rows} lacks {needed:?}:\n{text}"
                );
            }
            assert_eq!(text.contains("REHEARSAL"), name == "arm", "{name}");
        }
    }
}

#[test]
fn what_will_be_erased_is_framed_in_red_and_nothing_else_is() {
    let red = |picture: &Buffer| {
        picture
            .content
            .iter()
            .filter(|cell| cell.bg == Color::Red)
            .count()
    };
    for (name, board, after) in scenes::all(Instant::now()) {
        let picture = picture(&board, after, 64, 24);
        match name {
            "erase" => assert!(red(&picture) >= 3 * 64, "{name}"),
            // The strip over the sentence.
            "trouble" => assert_eq!(red(&picture), 64, "{name}"),
            _ => assert_eq!(red(&picture), 0, "{name}"),
        }
    }
}

#[test]
fn letters_are_large_where_there_is_room() {
    let blocks = |columns, rows| {
        let (_, board, after) = scenes::all(Instant::now()).swap_remove(0);
        let text = text(&picture(&board, after, columns, rows));
        // A bar has an empty part too.
        let large = |line: &&str| line.contains(['▀', '▄', '█']) && !line.contains('░');
        text.lines().filter(large).count()
    };
    assert!(blocks(64, 24) >= 6, "{}", blocks(64, 24));
    assert!(blocks(120, 33) >= 8, "{}", blocks(120, 33));
    assert!(blocks(240, 67) >= 16, "{}", blocks(240, 67));
}

//! What is loaded in a label printer, as far as it tells: a Brother QL answers a request with 32 bytes.
//!
//! Asked before anything is printed. A printer that does not answer is not refused: nobody knows better than it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::{PrintError, Printer, sink};
use crate::paper::stock::{Roll, Stock};

/// Longest time for an answer; the manual promises one at once.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// Between looks for an answer: printers of this kind say nothing, in packets without bytes.
const LOOK: Duration = Duration::from_millis(20);

/// Length of a status.
const STATUS: usize = 32;

/// Refuses a printer that says that it holds another roll, or that it cannot print.
pub fn check(printer: &Printer, stock: Stock) -> Result<(), PrintError> {
    let Some(Roll::Brother { width, length }) = stock.roll() else {
        return Ok(());
    };
    match ask(&printer.node)? {
        None => Ok(()),
        Some(status) => match trouble(&status, width, length) {
            None => Ok(()),
            Some(reason) => Err(PrintError::LabelsNotLoaded { reason }),
        },
    }
}

/// Asks for the status; `None` where no whole answer comes.
fn ask(node: &Path) -> Result<Option<[u8; STATUS]>, PrintError> {
    let mut file = sink::open(node, OFlags::RDWR | OFlags::NONBLOCK)?;
    // Whatever the printer thinks it is in ends, then it begins anew: only then it listens (command reference, 2.1).
    let request = [&[0; 200][..], b"\x1b@\x1biS"].concat();
    if file.write(&request).ok() != Some(request.len()) {
        return Ok(None);
    }
    Ok(answer(&mut file))
}

fn answer(file: &mut File) -> Option<[u8; STATUS]> {
    let begun = Instant::now();
    let mut answer = [0; STATUS];
    let mut read = 0;
    while begun.elapsed() < ANSWER_WAIT {
        match file.read(&mut answer[read..]) {
            Ok(count) if count > 0 => read += count,
            Ok(_) => std::thread::sleep(LOOK),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::sleep(LOOK),
            Err(_) => return None,
        }
        if read == STATUS {
            return Some(answer);
        }
    }
    None
}

/// What stands against printing on this tape, as a clause; nothing is known from bytes that are no status.
fn trouble(status: &[u8; STATUS], width: u8, length: Option<u8>) -> Option<String> {
    let [0x80, 0x20, b'B', ..] = status else {
        return None;
    };
    let [first, second] = [status[8], status[9]];
    let errors = [
        (first & 0x01 != 0, "it holds no labels"),
        (first & 0x02 != 0, "its roll has ended"),
        (first & 0x04 != 0, "its cutter is jammed"),
        (second & 0x01 != 0, "it holds another roll than it was told"),
        (second & 0x10 != 0, "its cover is open"),
        (second & 0x40 != 0, "its roll cannot be fed"),
        (first | second != 0, "it has an error"),
    ];
    if let Some((_, error)) = errors.into_iter().find(|(is_so, _)| *is_so) {
        return Some(error.to_owned());
    }
    // Newer models set another bit in the kind.
    let loaded = match status[11] & 0x0f {
        0x0a => Some((status[10], None)),
        0x0b => Some((status[10], Some(status[17]))),
        _ => return Some("it holds no labels".to_owned()),
    };
    let wanted = (width, length);
    (loaded != Some(wanted)).then(|| {
        let loaded = loaded.map_or_else(String::new, words);
        format!("it holds {loaded}, and the plan wants {}", words(wanted))
    })
}

fn words((width, length): (u8, Option<u8>)) -> String {
    match length {
        None => format!("continuous tape of {width} mm"),
        Some(length) => format!("labels of {width} x {length} mm"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(changes: &[(usize, u8)]) -> [u8; STATUS] {
        let mut status = [0; STATUS];
        status[..3].copy_from_slice(b"\x80\x20B");
        (status[10], status[11]) = (62, 0x0a);
        for (at, byte) in changes {
            status[*at] = *byte;
        }
        status
    }

    #[test]
    fn the_roll_of_the_plan_is_taken() {
        assert_eq!(trouble(&status(&[]), 62, None), None);
        assert_eq!(trouble(&status(&[(11, 0x4a)]), 62, None), None);
        assert_eq!(trouble(&status(&[(11, 0x0b), (17, 29)]), 62, Some(29)), None);
    }

    #[test]
    fn another_roll_and_errors_are_refused_in_words() {
        let cases: [(&[(usize, u8)], &str); 7] = [
            (
                &[(10, 29)],
                "it holds continuous tape of 29 mm, and the plan wants continuous tape of 62 mm",
            ),
            (
                &[(11, 0x0b), (17, 100)],
                "it holds labels of 62 x 100 mm, and the plan wants continuous tape of 62 mm",
            ),
            (&[(8, 0x01)], "it holds no labels"),
            (&[(10, 0), (11, 0)], "it holds no labels"),
            (&[(8, 0x02)], "its roll has ended"),
            (&[(9, 0x10)], "its cover is open"),
            (&[(9, 0x80)], "it has an error"),
        ];
        for (changes, reason) in cases {
            assert_eq!(trouble(&status(changes), 62, None).as_deref(), Some(reason));
        }
    }

    #[test]
    fn bytes_that_are_no_status_say_nothing() {
        assert_eq!(trouble(&[0; STATUS], 62, None), None);
        assert_eq!(trouble(&status(&[(2, b'C'), (8, 1)]), 62, None), None);
    }
}

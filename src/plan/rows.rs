//! Accounts and keys from a table in CSV, one row for each key: for `glasskey plan new --accounts-csv`.
//!
//! Only builds with the companion read CSV: plans are written where there is a network, and the station, which carries
//! plans out, need not bring a parser that it never runs.

use std::collections::HashMap;

use super::{DraftKey, name};
use crate::id::Upn;

/// Columns by the first line of the table; the second name is a person's.
const COLUMNS: [(&str, &str); 6] = [
    ("upn", "account"),
    ("custodian", "key_custodian"),
    ("safe", "key_safe"),
    ("usb_serial", "serial"),
    ("slip_custodian_1", "slip_custodian_a"),
    ("slip_custodian_2", "slip_custodian_b"),
];

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The file is not text in UTF-8.
    #[error("row {row} is not UTF-8; save the table as \"CSV UTF-8\"")]
    Encoding {
        /// Line of the file, from 1.
        row: u64,
    },
    /// A row has more or fewer cells than the first.
    #[error("row {row} has {found} cells, and the first row has {expected}")]
    Cells {
        /// Line of the file, from 1.
        row: u64,
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// The parser gave up.
    #[error("the table cannot be read: {0}")]
    Unreadable(String),
    /// The first row lacks a column, has one twice or one that is not known.
    #[error("row 1: {0}")]
    Header(String),
    /// One cell.
    #[error("row {row}, column {column}: {reason}")]
    Cell {
        /// Line of the file, from 1.
        row: u64,
        /// The column's name.
        column: &'static str,
        /// What is wrong there.
        reason: String,
    },
    /// Nothing below the first row.
    #[error("there is no row below the first")]
    Empty,
}

/// Accounts in order of their first row, each with its keys.
pub type Accounts = Vec<(String, Vec<DraftKey>)>;

/// Reads a table: UTF-8 with or without byte order mark, cells separated by `,` or `;` (whichever the first row uses).
///
/// Returns every problem found; rows without any text are passed over.
pub fn read(bytes: &[u8]) -> Result<Accounts, Vec<RowError>> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    // The parser counts a line feed after a carriage return to the next row, which would shift every number below.
    let bytes = &without_carriage_returns(bytes)[..];
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let cells = |separator: u8| first.split(|byte| *byte == separator).count();
    let delimiter = if cells(b';') > cells(b',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let header = reader.headers().map_err(|error| vec![refused(&error)])?;
    let columns = columns(header).map_err(|reason| vec![RowError::Header(reason)])?;
    let mut table = Table::default();
    for record in reader.records() {
        match record {
            Ok(record) if record.iter().all(str::is_empty) => {}
            Ok(record) => {
                let row = record.position().map_or(0, csv::Position::line);
                let cell = |column: usize| {
                    let index = columns[column]?;
                    record.get(index).filter(|text| !text.is_empty())
                };
                table.row(row, cell);
            }
            Err(error) => {
                table.problems.push(refused(&error));
                // After a broken read there is nothing more to come.
                if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                    break;
                }
            }
        }
    }
    if table.accounts.is_empty() && table.problems.is_empty() {
        table.problems.push(RowError::Empty);
    }
    if table.problems.is_empty() {
        Ok(table.accounts)
    } else {
        Err(table.problems)
    }
}

/// Lines that end in CR LF end in LF.
fn without_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let next = bytes.iter().skip(1).map(Some).chain([None]);
    let pairs = bytes.iter().zip(next);
    let kept = pairs.filter(|(byte, next)| !(**byte == b'\r' && *next == Some(&b'\n')));
    kept.map(|(byte, _)| *byte).collect()
}

fn refused(error: &csv::Error) -> RowError {
    let row = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => RowError::Encoding { row },
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => RowError::Cells {
            row,
            found: *len,
            expected: *expected_len,
        },
        _ => RowError::Unreadable(error.to_string()),
    }
}

/// Where each of [`COLUMNS`] is.
fn columns(header: &csv::StringRecord) -> Result<[Option<usize>; 6], String> {
    let known = COLUMNS.map(|(name, _)| name).join(", ");
    let mut columns = [None; 6];
    for (index, title) in header.iter().enumerate() {
        let plain = title.trim().to_lowercase().replace([' ', '-'], "_");
        let column = COLUMNS
            .iter()
            .position(|(name, other)| plain == *name || plain == *other)
            .ok_or_else(|| format!("column {title:?} is not known; known columns are {known}"))?;
        if columns[column].replace(index).is_some() {
            return Err(format!("column {} is there twice", COLUMNS[column].0));
        }
    }
    match columns {
        [None, ..] => Err("column upn is missing; the first row names the columns".into()),
        [.., None, Some(_)] | [.., Some(_), None] => {
            Err("slip_custodian_1 and slip_custodian_2 come together or not at all".into())
        }
        _ => Ok(columns),
    }
}

#[derive(Default)]
struct Table {
    accounts: Accounts,
    /// Index of each account by its name in small letters.
    places: HashMap<String, usize>,
    /// Row of each USB serial, in small letters.
    serials: HashMap<String, u64>,
    problems: Vec<RowError>,
}

impl Table {
    fn refuse(&mut self, row: u64, column: usize, reason: impl Into<String>) {
        self.problems.push(RowError::Cell {
            row,
            column: COLUMNS[column].0,
            reason: reason.into(),
        });
    }

    fn row<'r>(&mut self, row: u64, cell: impl Fn(usize) -> Option<&'r str>) {
        let mut texts: [Option<String>; 6] = Default::default();
        for (column, text) in texts.iter_mut().enumerate().skip(1) {
            let Some(found) = cell(column) else { continue };
            match name(found, "it") {
                Ok(clean) => *text = Some(clean),
                Err(reason) => self.refuse(row, column, reason),
            }
        }
        let [_, custodian, safe, usb_serial, first, second] = texts;
        if let Some(serial) = &usb_serial
            && let Some(other) = self.serials.insert(serial.to_lowercase(), row)
        {
            self.refuse(row, 3, format!("{serial:?} stands in row {other} too"));
        }
        let slip_custodians = match (first, second) {
            (Some(first), Some(second)) => Some([first, second]),
            (None, Some(_)) => {
                self.refuse(row, 4, "one half has a custodian and the other has none");
                None
            }
            (Some(_), None) => {
                self.refuse(row, 5, "one half has a custodian and the other has none");
                None
            }
            (None, None) => None,
        };
        let Some(upn) = cell(0) else {
            return self.refuse(row, 0, "it is empty: every row names its account");
        };
        if let Err(error) = upn.parse::<Upn>() {
            return self.refuse(row, 0, error.to_string());
        }
        let key = DraftKey {
            custodian,
            safe,
            slip_custodians,
            usb_serial,
        };
        let next = self.accounts.len();
        let place = *self.places.entry(upn.to_lowercase()).or_insert(next);
        if place == next {
            self.accounts.push((upn.to_owned(), Vec::new()));
        }
        self.accounts[place].1.push(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "UPN;Key custodian;safe;USB-serial\r\n\
        bg-01@contoso.onmicrosoft.com;Zoë;Safe 1;1001\r\n\
        ;;;\r\n\
        bg-02@contoso.onmicrosoft.com;Ada;;\r\n\
        BG-01@contoso.onmicrosoft.com;\"Turing; Alan\";Safe 2;1002\r\n";

    fn text(errors: &[RowError]) -> String {
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_row_is_a_key_and_rows_of_one_account_belong_together() {
        let accounts = read(GOOD.as_bytes()).unwrap();
        assert_eq!(accounts.len(), 2);
        let (upn, keys) = &accounts[0];
        assert_eq!(upn, "bg-01@contoso.onmicrosoft.com");
        assert_eq!(keys[1].custodian.as_deref(), Some("Turing; Alan"));
        assert_eq!(keys[1].usb_serial.as_deref(), Some("1002"));
        assert_eq!(accounts[1].1[0].safe, None);
    }

    #[test]
    fn byte_order_mark_and_separator_do_not_matter() {
        let expected = read(GOOD.as_bytes()).unwrap();
        let marked = format!("\u{feff}{GOOD}");
        assert_eq!(read(marked.as_bytes()).unwrap(), expected);
        let commas = GOOD
            .replace("Turing; Alan", "Turing? Alan")
            .replace(';', ",")
            .replace('?', ";");
        assert_eq!(read(commas.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn refusals_name_row_and_column() {
        let cases = [
            (
                "BG-01@contoso.onmicrosoft.com",
                "bg 01@contoso",
                "row 5, column upn: ",
            ),
            (
                "BG-01@contoso.onmicrosoft.com",
                "",
                "row 5, column upn: it is empty",
            ),
            (
                "1002",
                "1001",
                "row 5, column usb_serial: \"1001\" stands in row 2 too",
            ),
            ("UPN;", "user;", "row 1: column \"user\" is not known"),
            ("safe;", "custodian;", "row 1: column custodian is there twice"),
            ("UPN;", "safe;", "row 1: column safe is there twice"),
            ("USB-serial", "slip custodian 1", "row 1: slip_custodian_1 and"),
            ("Ada;;", "Ada;", "row 4 has 3 cells, and the first row has 4"),
        ];
        for (from, to, expected) in cases {
            assert!(GOOD.contains(from), "{from}");
            let errors = read(GOOD.replace(from, to).as_bytes()).unwrap_err();
            assert_eq!(errors.len(), 1, "{}", text(&errors));
            assert!(text(&errors).starts_with(expected), "{to}: {}", text(&errors));
        }
        let long = GOOD.replace("Zoë", &"a".repeat(61)).replace("1002", "1001");
        let errors = read(long.as_bytes()).unwrap_err();
        assert_eq!(errors.len(), 2, "{}", text(&errors));
        let no_upn = read(b"safe\nA\n").unwrap_err();
        assert!(
            text(&no_upn).contains("column upn is missing"),
            "{}",
            text(&no_upn)
        );
        assert_eq!(read(b"upn,safe\n,\n"), Err(vec![RowError::Empty]));
    }

    #[test]
    fn halves_come_in_pairs() {
        let table = "upn,slip custodian A,slip custodian B\nbg@contoso.onmicrosoft.com,Ada,Grace\n";
        let accounts = read(table.as_bytes()).unwrap();
        let halves = accounts[0].1[0].slip_custodians.as_ref().unwrap();
        assert_eq!(halves, &["Ada".to_owned(), "Grace".to_owned()]);
        for (half, column) in [("Ada,", "slip_custodian_2"), (",Grace", "slip_custodian_1")] {
            let errors = read(table.replace("Ada,Grace", half).as_bytes()).unwrap_err();
            assert!(
                text(&errors).contains(&format!("row 2, column {column}: ")),
                "{}",
                text(&errors)
            );
        }
    }

    #[test]
    fn other_encodings_are_refused_with_the_row() {
        let errors = read(b"upn,custodian\nbg@contoso.onmicrosoft.com,Zo\xeb\n").unwrap_err();
        assert_eq!(errors, [RowError::Encoding { row: 2 }]);
        assert!(read(b"\xff\xfeu\0p\0n\0\n\0").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_cells_are_read_or_refused(cells in proptest::collection::vec("[a-z@.;,\"\n\r é]{0,12}", 0..20)) {
            let _ = read(format!("upn,custodian\n{}", cells.join(",")).as_bytes());
        }
    }
}

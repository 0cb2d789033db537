//! The wrapper around a job: known settings alone, and no name of anything in it.

use super::{Language, wrong};
use crate::error::Result;

/// Universal exit language.
pub(super) const UEL: &[u8] = b"\x1b%-12345X";

/// What a job may set; names of jobs, users and holds are not among it.
const SETTINGS: [&str; 4] = ["COPIES=1", "DUPLEX=OFF", "ECONOMODE=OFF", "RESOLUTION=600"];

/// Reads the announcement, where there is one: the language, and the job behind it.
pub(super) fn opening(bytes: &[u8]) -> Result<(Option<Language>, &[u8])> {
    let Some(mut rest) = bytes.strip_prefix(UEL) else {
        return Ok((None, bytes));
    };
    let mut lines = 0;
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n");
        let end = end.ok_or_else(|| wrong("PJL without the end of its line".to_owned()))?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 2..];
        let set = line.strip_prefix("@PJL SET ");
        match line.as_str() {
            "@PJL JOB" if lines == 0 => {}
            "@PJL ENTER LANGUAGE=PCL" => return Ok((Some(Language::Pcl), rest)),
            "@PJL ENTER LANGUAGE=POSTSCRIPT" => return Ok((Some(Language::PostScript), rest)),
            "@PJL ENTER LANGUAGE=PDF" => return Ok((Some(Language::Pdf), rest)),
            _ if lines > 0 && set.is_some_and(|set| SETTINGS.contains(&set)) => {}
            _ => return Err(wrong(format!("unknown PJL: {line:?}"))),
        }
        lines += 1;
    }
}

/// Reads the end of an announced job.
pub(super) fn closing(bytes: &[u8]) -> Result<&[u8]> {
    let end = [UEL, b"@PJL EOJ\r\n", UEL].concat();
    bytes
        .strip_prefix(end.as_slice())
        .ok_or_else(|| wrong("a job does not end as PJL wants".to_owned()))
}

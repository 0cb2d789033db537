//! The wrapper that tells a printer which language follows, in one copy, on one side, at full toner.

use super::language::Language;
use super::spool::Spool;

/// Universal exit language: ends whatever job the printer thinks it is in.
const UEL: &[u8] = b"\x1b%-12345X";

/// Whether the printer says it knows PJL.
#[must_use]
pub fn is_known(commands: &[String]) -> bool {
    commands.iter().any(|word| word.eq_ignore_ascii_case("PJL"))
}

/// Wraps a job; no name in it, because printers keep and show job names.
#[must_use]
pub fn wrap(language: Language, job: Spool) -> Spool {
    let name = match language {
        Language::Pcl5 => "PCL",
        Language::PostScript => "POSTSCRIPT",
        Language::Pdf => "PDF",
        Language::Pwg | Language::BrotherQl | Language::Zpl | Language::HostBased => return job,
    };
    let settings = ["COPIES=1", "DUPLEX=OFF", "ECONOMODE=OFF", "RESOLUTION=600"];
    let mut wrapped = Spool::from(UEL);
    wrapped.push(b"@PJL JOB\r\n");
    for setting in settings {
        wrapped.push(format!("@PJL SET {setting}\r\n").as_bytes());
    }
    wrapped.push(format!("@PJL ENTER LANGUAGE={name}\r\n").as_bytes());
    wrapped.append(job);
    wrapped.push(UEL);
    wrapped.push(b"@PJL EOJ\r\n");
    wrapped.push(UEL);
    wrapped
}

//! What came out of the printer: sheets of dots, read as people and scanners read them.

mod digits;
mod recognised;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use bench::paper::{Bitmap, Job, Language, each};

pub use recognised::Recognised;

use crate::officer::capture;
use crate::{Error, Result, at, output};

/// A sheet of paper as it was rendered.
#[derive(Debug, Clone)]
pub enum Paper {
    /// A PIN slip.
    Slip {
        /// Its picture.
        picture: PathBuf,
        /// Slip number with check character.
        number: String,
        /// The PIN, gaps removed.
        pin: String,
    },
    /// A label sheet, or a label of a roll.
    Label {
        /// Its picture.
        picture: PathBuf,
        /// What its QR code says.
        qr: String,
    },
    /// The ceremony record.
    Record {
        /// Its picture.
        picture: PathBuf,
        /// The station's fingerprint, 16 groups of four digits.
        fingerprint: String,
        /// What its QR code says.
        qr: String,
        /// All its text, as an optical reader makes it out.
        text: Recognised,
    },
}

/// Digits and the letters of ids and PINs.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ-";

/// Where a slip has its number on A4: left, top, width, height in millimetres.
const NUMBER: [f32; 4] = [170.0, 8.5, 26.0, 7.0];
/// Where it has its PIN.
const PIN: [f32; 4] = [26.5, 118.5, 157.0, 11.0];

/// Reads every document and keeps its picture in `folder` as `slip-N.png`, `label-N.png` or `record-N.png`.
pub fn render(printed: &[u8], folder: &Path) -> Result<Vec<Paper>> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut papers = Vec::new();
    let mut counts = [0_usize; 3];
    for job in each(printed) {
        let job = job?;
        let mut saved = |kind: usize, sheet: &Bitmap| {
            counts[kind] += 1;
            let name = ["slip", "label", "record"][kind];
            save(sheet, &folder.join(format!("{name}-{}.png", counts[kind])))
        };
        let seen = Seen::of(&job)?;
        papers.push(match seen {
            Seen::Slip { number, pin, .. } => Paper::Slip {
                picture: saved(0, &job.pages[0])?,
                number,
                pin,
            },
            Seen::Label { qr } => Paper::Label {
                picture: saved(1, &job.pages[0])?,
                qr,
            },
            Seen::Test => continue,
            Seen::Record { qr, page } => {
                let text: Vec<String> = job.pages.iter().map(text).collect::<Result<_>>()?;
                let text = Recognised::new(text.join("\n"));
                Paper::Record {
                    picture: saved(2, &job.pages[page])?,
                    fingerprint: fingerprint(&text, &qr)?,
                    qr,
                    text,
                }
            }
        });
    }
    Ok(papers)
}

/// What a slip says that tells it from others.
#[derive(Debug, Clone)]
pub struct SlipText {
    /// Slip number with check character.
    pub number: String,
    /// The PIN, gaps removed.
    pub pin: String,
    /// The key that it belongs to.
    pub label: String,
}

/// What slips say, and what the codes of label sheets say, in the order of printing; records are not read.
pub fn texts(printed: &[u8]) -> Result<(Vec<SlipText>, Vec<String>)> {
    let (mut slips, mut labels) = (Vec::new(), Vec::new());
    for job in each(printed) {
        match Seen::of(&job?)? {
            Seen::Slip { number, pin, label } => slips.push(SlipText { number, pin, label }),
            Seen::Label { qr } => labels.push(qr),
            Seen::Record { .. } | Seen::Test => {}
        }
    }
    Ok((slips, labels))
}

/// Number and PIN of a slip that broke off, as far as they can be read on its sheet.
#[must_use]
pub fn torn_slip(printed: &[u8]) -> (Option<String>, Option<String>) {
    let Some(sheet) = bench::paper::torn(printed) else {
        return (None, None);
    };
    let read = |area| digits::read(&sheet, area, ALPHABET);
    let number = read(NUMBER).and_then(|text| slip_number(&text)).ok();
    let pin = read(PIN).ok().filter(|pin| !pin.is_empty());
    (number, pin)
}

/// A document as it was recognised.
enum Seen {
    Slip {
        number: String,
        pin: String,
        label: String,
    },
    Label {
        qr: String,
    },
    Record {
        qr: String,
        page: usize,
    },
    /// Test pages, of which nothing is kept.
    Test,
}

impl Seen {
    /// A slip has its number in the corner and no code; of codes, the record's says that it is one.
    fn of(job: &Job) -> Result<Self> {
        let first = job.pages.first();
        let first = first.ok_or_else(|| Error::Wrong(format!("a {:?} job without dots", job.language)))?;
        if matches!(job.language, Language::BrotherQl | Language::Zpl) {
            let work = tempfile::tempdir().map_err(at("a temporary folder"))?;
            let picture = work.path().join("label.pbm");
            first.save(&picture)?;
            return Ok(Self::Label { qr: qr(&picture)? });
        }
        // Where the layout has them on A4, in millimetres.
        let number = digits::read(first, NUMBER, ALPHABET).and_then(|text| slip_number(&text));
        if let Ok(number) = number {
            return Ok(Self::Slip {
                number,
                pin: digits::read(first, PIN, ALPHABET)?,
                label: digits::read(first, [14.0, 22.3, 36.0, 4.6], ALPHABET)?,
            });
        }
        let work = tempfile::tempdir().map_err(at("a temporary folder"))?;
        for (page, sheet) in job.pages.iter().enumerate() {
            let picture = work.path().join("page.pbm");
            sheet.halved().save(&picture)?;
            match qr(&picture) {
                Ok(qr) if qr.starts_with("GLASSKEY-RECORD:") => return Ok(Self::Record { qr, page }),
                Ok(qr) if qr.contains("GLASSKEY TEST ") => return Ok(Self::Test),
                Ok(qr) => return Ok(Self::Label { qr }),
                Err(_) => {}
            }
        }
        Err(Error::Wrong(
            "a paper is no slip, and no code on it can be read".into(),
        ))
    }
}

/// Writes a picture as a PNG file, a page at half its dots.
fn save(sheet: &Bitmap, picture: &Path) -> Result<PathBuf> {
    let dots = picture.with_extension("pbm");
    if sheet.dpi == 600 {
        sheet.halved().save(&dots)?;
    } else {
        sheet.save(&dots)?;
    }
    let png = output("pnmtopng", &[dots.as_os_str()])?;
    fs::write(picture, png).map_err(at(picture))?;
    fs::remove_file(&dots).map_err(at(&dots))?;
    Ok(picture.to_owned())
}

/// What tesseract reads on a sheet.
fn text(sheet: &Bitmap) -> Result<String> {
    let work = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let picture = work.path().join("page.pbm");
    sheet.halved().save(&picture)?;
    let bytes = output(
        "tesseract",
        &[
            picture.as_os_str(),
            "-".as_ref(),
            "--dpi".as_ref(),
            "300".as_ref(),
            "--psm".as_ref(),
            "4".as_ref(),
        ],
    )?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn slip_number(text: &str) -> Result<String> {
    capture(text, r"^(\d{4}-[0-9A-Z])$")
}

/// The station's fingerprint as its QR code and its printed groups agree on it.
fn fingerprint(text: &Recognised, qr: &str) -> Result<String> {
    let digits = capture(qr, "^GLASSKEY-RECORD:1:[0-9A-Z]{8}:([0-9A-F]{64}):[0-9A-F]{64}$")?;
    let groups: Vec<&str> = (0..16).map(|n| &digits[4 * n..4 * n + 4]).collect();
    if text.resembles(&digits) {
        Ok(groups.join(" "))
    } else {
        Err(Error::Wrong(format!(
            "the record does not print the fingerprint {digits} of its QR code: {text}"
        )))
    }
}

/// Decodes the one QR code of a picture.
pub fn qr(picture: &Path) -> Result<String> {
    let bytes = output(
        "zbarimg",
        &[
            OsStr::new("-q"),
            OsStr::new("--raw"),
            OsStr::new("-Sdisable"),
            OsStr::new("-Sqrcode.enable"),
            picture.as_os_str(),
        ],
    )?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

//! What came out of the printer: documents cut apart, rendered at 300 dpi, and read back from the pictures.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

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
    /// A label sheet.
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
        /// All its text.
        text: String,
    },
}

/// Cuts what the printer received into PDF documents.
#[must_use]
pub fn documents(printed: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = printed
        .windows(5)
        .enumerate()
        .filter(|(_, w)| w == b"%PDF-")
        .map(|(at, _)| at)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([printed.len()]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(start, end)| &printed[start..end])
        .collect()
}

/// Renders every document into `folder` as `slip-N.png`, `label-N.png`, `record-N.png`, and reads it.
pub fn render(printed: &[u8], folder: &Path) -> Result<Vec<Paper>> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut papers = Vec::new();
    let mut counts = [0_usize; 3];
    for document in documents(printed) {
        let work = tempfile::tempdir().map_err(at("a temporary folder"))?;
        let pdf = work.path().join("page.pdf");
        fs::write(&pdf, document).map_err(at(&pdf))?;
        let text = text(&pdf)?;
        let lower = text.to_lowercase();
        let (kind, name) = if lower.contains("spaces are not typed") {
            (0, "slip")
        } else if lower.contains("ceremony record") {
            (2, "record")
        } else {
            (1, "label")
        };
        for page in pictures(&pdf, work.path())? {
            counts[kind] += 1;
            let picture = folder.join(format!("{name}-{}.png", counts[kind]));
            fs::copy(&page, &picture).map_err(at(&picture))?;
            papers.push(match kind {
                0 => Paper::Slip {
                    number: slip_number(&text)?,
                    pin: pin(&pdf)?,
                    picture,
                },
                1 => Paper::Label {
                    qr: qr(&picture)?,
                    picture,
                },
                _ => {
                    let qr = qr(&picture)?;
                    let fingerprint = fingerprint(&text, &qr)?;
                    Paper::Record {
                        picture,
                        fingerprint,
                        qr,
                        text: text.clone(),
                    }
                }
            });
        }
    }
    Ok(papers)
}

/// What a slip says, read from its text alone: for batches in which pictures would take too long.
#[derive(Debug, Clone)]
pub struct SlipText {
    /// Slip number with check character.
    pub number: String,
    /// The PIN, gaps removed.
    pub pin: String,
    /// All its text.
    pub text: String,
}

/// The text of every slip, and of every label sheet, in the order of printing; nothing is rendered.
pub fn texts(printed: &[u8]) -> Result<(Vec<SlipText>, Vec<String>)> {
    let work = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let pdf = work.path().join("page.pdf");
    let (mut slips, mut labels) = (Vec::new(), Vec::new());
    for document in documents(printed) {
        fs::write(&pdf, document).map_err(at(&pdf))?;
        let text = text(&pdf)?;
        let lower = text.to_lowercase();
        if lower.contains("spaces are not typed") {
            slips.push(SlipText {
                number: slip_number(&text)?,
                pin: pin(&pdf)?,
                text,
            });
        } else if !lower.contains("ceremony record") {
            labels.push(text);
        }
    }
    Ok((slips, labels))
}

fn text(pdf: &Path) -> Result<String> {
    let bytes = output(
        "pdftotext",
        &[OsStr::new("-layout"), pdf.as_os_str(), OsStr::new("-")],
    )?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn pictures(pdf: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let stem = folder.join("page");
    output(
        "pdftoppm",
        &[
            OsStr::new("-png"),
            OsStr::new("-r"),
            OsStr::new("300"),
            pdf.as_os_str(),
            stem.as_os_str(),
        ],
    )?;
    let mut pages: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(at(folder))?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension() == Some(OsStr::new("png")))
        .collect();
    pages.sort();
    Ok(pages)
}

/// Reads the PIN as a person does: the large digits of the middle panel.
fn pin(pdf: &Path) -> Result<String> {
    let panel = |value: &str| OsStr::new(value).to_owned();
    // A4 in points: three panels of 280.6 each.
    let arguments = [
        "-layout", "-r", "72", "-x", "0", "-y", "281", "-W", "596", "-H", "280",
    ]
    .map(panel);
    let mut arguments: Vec<&OsStr> = arguments.iter().map(std::convert::AsRef::as_ref).collect();
    arguments.extend([pdf.as_os_str(), OsStr::new("-")]);
    let text = String::from_utf8_lossy(&output("pdftotext", &arguments)?).into_owned();
    // Groups of up to four characters, wide gaps between; nothing else on the panel is written like this.
    let line = text.lines().map(str::trim).find(|line| {
        let groups: Vec<&str> = line.split_whitespace().collect();
        let is_group = |group: &&str| {
            group
                .chars()
                .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
        };
        groups.iter().all(is_group)
            && groups.split_last().is_some_and(|(last, whole)| {
                last.len() <= 4 && !whole.is_empty() && whole.iter().all(|group| group.len() == 4)
            })
    });
    line.map(|l| l.replace(' ', ""))
        .ok_or_else(|| Error::Wrong(format!("the slip's middle panel holds no PIN: {text}")))
}

fn slip_number(text: &str) -> Result<String> {
    capture(text, r"\b(\d{4}-[0-9A-Z])\b")
}

/// The station's fingerprint as its QR code and its printed groups agree on it.
fn fingerprint(text: &str, qr: &str) -> Result<String> {
    let digits = capture(qr, "^GLASSKEY-RECORD:1:[0-9A-Z]{8}:([0-9A-F]{64}):[0-9A-F]{64}$")?;
    let groups: Vec<&str> = (0..16).map(|n| &digits[4 * n..4 * n + 4]).collect();
    let printed: Vec<&str> = text.split_whitespace().collect();
    if printed.windows(groups.len()).any(|words| words == groups) {
        Ok(groups.join(" "))
    } else {
        Err(Error::Wrong(format!(
            "the record does not print the fingerprint of its QR code: {text}"
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

//! What a printer would put on paper, read from the bytes it received: strictly, so that a printer's leniency is
//! never needed. What is not known is an error, not a gap.

mod bitmap;
mod brother_ql;
mod pcl;
mod pjl;
mod postscript;
mod pwg;
mod zpl;

use crate::error::{Error, Result};
pub use bitmap::Bitmap;

/// A printer language that can be turned into dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// PCL 5.
    Pcl,
    /// PostScript, which Ghostscript reads.
    PostScript,
    /// PWG raster.
    Pwg,
    /// Brother QL raster: labels as they come out of the printer, across the tape.
    BrotherQl,
    /// Zebra ZPL II.
    Zpl,
    /// PDF, handed on as it is.
    Pdf,
}

/// One job.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it is written in.
    pub language: Language,
    /// Its sheets; none of a PDF.
    pub pages: Vec<Bitmap>,
    /// The bytes of a PDF.
    pub pdf: Vec<u8>,
}

/// Reads all jobs that a printer received.
pub fn jobs(printed: &[u8]) -> Result<Vec<Job>> {
    each(printed).collect()
}

/// The same one after another, for more sheets than memory holds; nothing comes after an error.
pub fn each(mut printed: &[u8]) -> impl Iterator<Item = Result<Job>> {
    std::iter::from_fn(move || {
        // A label printer that is asked for its status prints nothing.
        while let Some(rest) = brother_ql::status_request(printed) {
            printed = rest;
        }
        if printed.is_empty() {
            return None;
        }
        match job(printed) {
            Ok((job, rest)) => {
                printed = rest;
                Some(Ok(job))
            }
            Err(error) => {
                printed = &[];
                Some(Err(error))
            }
        }
    })
}

/// The sheet that a printer has of a PCL job that broke off; `None` where not even its first row came.
#[must_use]
pub fn torn(bytes: &[u8]) -> Option<Bitmap> {
    let (_, body) = pjl::opening(bytes).ok()?;
    pcl::torn_page(body)
}

/// Reads a job, with PJL around it or without; returns what comes behind it.
fn job(bytes: &[u8]) -> Result<(Job, &[u8])> {
    let (announced, body) = pjl::opening(bytes)?;
    let (language, end) = language(body)?;
    if announced.is_some_and(|announced| announced != language) {
        return Err(wrong(format!(
            "{announced:?} was announced and {language:?} came"
        )));
    }
    let mut job = Job {
        language,
        pages: Vec::new(),
        pdf: Vec::new(),
    };
    let rest = match language {
        Language::BrotherQl => {
            let (labels, rest) = brother_ql::labels(body)?;
            job.pages = labels;
            rest
        }
        Language::Zpl => {
            let (labels, rest) = zpl::labels(body)?;
            job.pages = labels;
            rest
        }
        Language::Pcl => {
            let (pages, rest) = pcl::pages(body)?;
            job.pages = pages;
            rest
        }
        Language::Pwg => {
            let (pages, rest) = pwg::pages(body)?;
            job.pages = pages;
            rest
        }
        Language::PostScript => {
            job.pages = postscript::pages(&body[..end])?;
            &body[end..]
        }
        Language::Pdf => {
            job.pdf = body[..end].to_vec();
            &body[end..]
        }
    };
    let rest = if announced.is_some() {
        pjl::closing(rest)?
    } else {
        rest
    };
    Ok((job, rest))
}

/// The language that a job begins in, and where those end that say so.
fn language(body: &[u8]) -> Result<(Language, usize)> {
    let until = |mark: &[u8]| body.windows(mark.len()).position(|window| window == mark);
    if body.starts_with(b"\x1bE") {
        Ok((Language::Pcl, 0))
    } else if body.starts_with(b"RaS2") {
        Ok((Language::Pwg, 0))
    } else if body.starts_with(&brother_ql::INVALIDATE) {
        Ok((Language::BrotherQl, 0))
    } else if body.starts_with(b"^XA") {
        Ok((Language::Zpl, 0))
    } else if body.starts_with(b"%!PS-") {
        let end = until(b"\x04").ok_or_else(|| wrong("a PostScript job has no end".to_owned()))?;
        Ok((Language::PostScript, end + 1))
    } else if body.starts_with(b"%PDF-") {
        let next = body[1..]
            .windows(5)
            .position(|window| window == b"%PDF-")
            .map(|at| at + 1);
        let end = [until(pjl::UEL), next].into_iter().flatten().min();
        Ok((Language::Pdf, end.unwrap_or(body.len())))
    } else {
        Err(wrong(format!(
            "a job begins with {:02x?}",
            &body[..body.len().min(16)]
        )))
    }
}

fn wrong(what: String) -> Error {
    Error::Paper(what)
}

//! PostScript, as Ghostscript sees it: dot for dot, at the resolution that the pictures have.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Bitmap, wrong};
use crate::error::{Context as _, Result};

/// Reads a job up to its end mark.
pub(super) fn pages(job: &[u8]) -> Result<Vec<Bitmap>> {
    let job = job.strip_suffix(b"\x04").unwrap_or(job);
    let dpi = dpi(job).ok_or_else(|| wrong("a PostScript job without a picture".to_owned()))?;
    let resolution = format!("-r{dpi}");
    let folder = tempfile::tempdir().context(|| "make a folder".to_owned())?;
    let file = folder.path().join("job.ps");
    std::fs::File::create(&file)
        .and_then(|mut opened| opened.write_all(job))
        .context(|| format!("write {}", file.display()))?;
    let done = Command::new("gs")
        .args([
            "-q",
            "-dSAFER",
            "-dBATCH",
            "-dNOPAUSE",
            "-sDEVICE=pbmraw",
            "-sOutputFile=-",
            &resolution,
        ])
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .context(|| "run gs (image/install-tools --tests installs it)".to_owned())?;
    let mut rest = done.stdout.as_slice();
    let mut pages = Vec::new();
    while let Some((page, behind)) = Bitmap::from_pbm(rest, dpi) {
        pages.push(page);
        rest = behind;
    }
    if done.status.success() && rest.is_empty() && !pages.is_empty() {
        Ok(pages)
    } else {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(300)]).into_owned();
        Err(wrong(format!("Ghostscript: {said} {shown}")))
    }
}

/// Dots to the inch, from the picture's width and the paper's.
fn dpi(job: &[u8]) -> Option<usize> {
    let head = String::from_utf8_lossy(&job[..job.len().min(1000)]).into_owned();
    let after = |mark: &str| {
        let rest = &head[head.find(mark)? + mark.len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        rest[..end].parse::<f64>().ok()
    };
    let dpi = after("/Width ")? * 72.0 / after("/PageSize [")?;
    [300_usize, 600].into_iter().find(|known| {
        let known = f64::from(u32::try_from(*known).unwrap_or(0));
        (dpi - known).abs() < 1.0
    })
}

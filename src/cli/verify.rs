//! `glasskey verify`: whether transcript, manifest and paper record of a ceremony hold and agree, and published files.

mod arguments;
mod image;
mod text;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::input;
use crate::audit::content::{self, Opened};
use crate::audit::{Account, Area, Paper, Report, agreement, order, paper};
use crate::manifest::{self, Identity, seal};
use crate::transcript::Reading;

pub(super) use arguments::Command;

/// Exit codes of these commands; documented in docs/formats.md. 10 to 15 are those of a manifest everywhere.
mod exit {
    pub(super) const USAGE: u8 = 2;
    pub(super) const UNREADABLE: u8 = 40;
    pub(super) const CHAIN: u8 = 41;
    pub(super) const ORDER: u8 = 42;
    pub(super) const PAPER: u8 = 43;
    pub(super) const UNFINISHED: u8 = 44;
    pub(super) const AGREEMENT: u8 = 45;
    pub(super) const CONTENT: u8 = 46;
    pub(super) const FILE: u8 = 47;
}

/// What is to be compared, whichever command asks for it.
#[derive(Default)]
struct Request {
    paper: Option<Paper>,
    transcript: Option<PathBuf>,
    manifest: Option<PathBuf>,
    identity: Option<PathBuf>,
    json: bool,
}

/// Everything that was found, as `--json` prints it.
#[derive(Serialize)]
struct Findings {
    format: &'static str,
    version: u32,
    tool_version: &'static str,
    exit_code: u8,
    result: &'static str,
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Opened>,
}

/// Why nothing could be compared: exit code, sentence, hint.
type Failed = (u8, String, String);

impl Command {
    pub(super) fn run(self) -> ExitCode {
        let request = match self {
            Self::Image(asked) => return image::run(&asked),
            Self::Transcript(asked) => asked.into(),
            Self::Manifest(asked) => asked.into(),
            Self::Record(asked) => asked.into(),
        };
        let findings = match compare(&request) {
            Ok(findings) => findings,
            Err((code, what, hint)) => return super::fail(code, what.trim_end_matches('.'), &hint),
        };
        let mut out = std::io::stdout().lock();
        let written = if request.json {
            serde_json::to_writer_pretty(&mut out, &findings)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out))
        } else {
            out.write_all(text::of(&findings).as_bytes())
        };
        if let Err(error) = written {
            let what = format!("The result cannot be written: {error}");
            return super::fail(exit::USAGE, &what, "");
        }
        ExitCode::from(findings.exit_code)
    }
}

fn compare(request: &Request) -> Result<Findings, Failed> {
    let mut report = Report::default();
    let reading = match &request.transcript {
        Some(path) => Some(read_transcript(path)?),
        None => None,
    };
    if let Some(reading) = &reading {
        order::check(reading, &mut report);
        if let Some(paper) = &request.paper {
            paper::check(paper, reading, &mut report);
        }
    }
    let opened = match &request.manifest {
        Some(path) => check_manifest(path, request, reading.as_ref(), &mut report)?,
        None => None,
    };
    if reading.is_some() && request.paper.as_ref().is_none_or(|p| p.head.is_none()) {
        report.remark(
            "No transcript head from paper was given: whoever holds this transcript could have written it anew.",
        );
    }
    let (exit_code, result) = match report.failed() {
        None => (0, "holds"),
        Some(Area::Chain) => (exit::CHAIN, "chain-broken"),
        Some(Area::Paper) => (exit::PAPER, "paper-differs"),
        Some(Area::Agreement) => (exit::AGREEMENT, "manifest-and-transcript-differ"),
        Some(Area::Content) => (exit::CONTENT, "manifest-contradicts-itself"),
        Some(Area::Order) => (exit::ORDER, "transcript-contradicts-itself"),
        Some(Area::End) => (exit::UNFINISHED, "unfinished"),
    };
    Ok(Findings {
        format: "glasskey-verification",
        version: 1,
        tool_version: env!("CARGO_PKG_VERSION"),
        exit_code,
        result,
        report,
        transcript: reading.as_ref().map(Account::of),
        manifest: opened,
    })
}

fn read_transcript(path: &Path) -> Result<Reading, Failed> {
    let bytes = read(path)?;
    Ok(Reading::of(bytes.expose()))
}

fn read(path: &Path) -> Result<crate::secret::Secret<Vec<u8>>, Failed> {
    let hint = "Give the path of a file from the ceremony's folder.";
    input::read(path).map_err(|what| (exit::UNREADABLE, what, hint.into()))
}

fn check_manifest(
    path: &Path,
    request: &Request,
    reading: Option<&Reading>,
    report: &mut Report,
) -> Result<Option<Opened>, Failed> {
    let refused = |error: manifest::OpenError| {
        let code = input::open_code(&error);
        (code, input::open_sentence(&error), error.hint().to_owned())
    };
    let file = read(path)?;
    let header = seal::inspect(file.expose()).map_err(refused)?;
    if let Some(reading) = reading {
        agreement::check_file(file.expose(), reading, report);
    }
    let Some(identity) = &request.identity else {
        report.remark(format!(
            "The manifest was not opened. Its header tells of {} recipients and {} bytes, which anybody could have written.",
            header.recipients, header.content
        ));
        if reading.is_none() {
            report.remark("Nothing of the manifest was compared: give its transcript, or an identity.");
        }
        return Ok(None);
    };
    let unusable = |what: String| {
        (
            exit::UNREADABLE,
            what,
            "Give the age identity file of a recipient.".into(),
        )
    };
    let identity: Identity = input::read_text(identity)
        .map_err(unusable)?
        .expose()
        .parse()
        .map_err(|error| unusable(format!("The identity cannot be used: {error}")))?;
    let (mut manifest, station) = if let Some(station) = request.paper.as_ref().and_then(|p| p.station) {
        let manifest = manifest::open(file.expose(), &identity, &station).map_err(refused)?;
        let found = "the station whose fingerprint was given signed the manifest";
        report.check(Area::Paper, "station", true, found);
        (manifest, station)
    } else {
        report.remark(
            "No station fingerprint from paper was given: compare the one shown here with the record.",
        );
        manifest::open_from_anyone(file.expose(), &identity).map_err(refused)?
    };
    drop(identity);
    let opened = content::summarise(&mut manifest, station);
    content::check(&manifest, opened.pins, report);
    if let Some(paper) = &request.paper {
        agreement::check_paper(&manifest, paper, report);
    }
    if let Some(reading) = reading {
        agreement::check(&manifest, &station, reading, report);
    }
    Ok(Some(opened))
}

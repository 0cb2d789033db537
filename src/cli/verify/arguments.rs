//! What can be asked, and what is to be compared for it.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::{Request, image};
use crate::audit::Paper;
use crate::id::CeremonyId;
use crate::manifest::{HeadStart, RecordCode, StationFingerprint};

const CODES: &str = "Exit codes; of several from 41 on, the first in this list counts:
  0         everything that was compared holds and agrees
  2         wrong use of the command line
  10 to 15  the manifest cannot be opened: damaged, wrong identity, wrong station or
            signature, not meant for this identity, unknown content, cut off
  40        a file cannot be read
  41        the chain of the transcript is broken
  43        the paper record differs
  45        manifest and transcript differ
  46        the manifest contradicts itself
  42        the transcript contradicts itself
  44        unfinished: the transcript is whole as far as it goes and has no end";

/// Subcommands of `glasskey verify`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Checks a transcript and tells what it says.
    #[command(after_long_help = CODES)]
    Transcript(Transcript),
    /// Checks a manifest, by itself and against the transcript.
    ///
    /// With `--identity` it is opened: signature, station, recipients, sums, each key's attestation. With `--sealed`
    /// it stays closed, and only the file itself is compared with the transcript. No PIN is ever printed.
    #[command(after_long_help = CODES)]
    Manifest(Manifest),
    /// Compares the signed paper record with transcript and manifest.
    #[command(after_long_help = CODES)]
    Record(Record),
    /// Prints the SHA-256 of published files, and as 24 words to read aloud; compares them.
    ///
    /// For the image before it is used, on another machine than the station: `glasskey verify image glasskey.img`.
    #[command(after_long_help = image::CODES)]
    Image(image::Image),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Transcript {
    /// The transcript (`transcript.jsonl`).
    file: PathBuf,
    /// The transcript head from the paper record: its words, its digits (16 are enough), or the QR code's text.
    #[arg(long, value_name = "TEXT")]
    head: Option<HeadStart>,
    /// Prints JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["identity", "sealed"])))]
pub(in crate::cli) struct Manifest {
    /// The manifest (`manifest.age`).
    file: PathBuf,
    /// An age identity file of one of its recipients.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Checks without opening it; nothing that is inside is looked at.
    #[arg(long, conflicts_with = "station")]
    sealed: bool,
    /// The station's fingerprint from the paper record: 24 words, 64 digits, or the QR code's text.
    #[arg(long, value_name = "TEXT")]
    station: Option<StationFingerprint>,
    /// The transcript of the same ceremony.
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// Prints JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("paper").required(true).multiple(true).args(["qr", "head", "station"])))]
#[command(group(ArgGroup::new("files").required(true).multiple(true).args(["transcript", "manifest"])))]
pub(in crate::cli) struct Record {
    /// The text of the record's QR code (GLASSKEY-RECORD:1:...).
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["head", "station"])]
    qr: Option<RecordCode>,
    /// The transcript head on the record: words, or digits of which the first 16 are enough.
    #[arg(long, value_name = "TEXT")]
    head: Option<HeadStart>,
    /// The station's fingerprint on the record: words or digits.
    #[arg(long, value_name = "TEXT")]
    station: Option<StationFingerprint>,
    /// The ceremony id on the record.
    #[arg(long, value_name = "ID", conflicts_with = "qr")]
    ceremony: Option<CeremonyId>,
    /// The transcript.
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// The manifest.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// An age identity file, to open the manifest; without it only the file itself is compared.
    #[arg(long, value_name = "FILE", requires = "manifest")]
    identity: Option<PathBuf>,
    /// Prints JSON instead of text.
    #[arg(long)]
    json: bool,
}

impl From<Transcript> for Request {
    fn from(asked: Transcript) -> Self {
        Self {
            paper: asked.head.map(|head| Paper {
                head: Some(head),
                ..Paper::default()
            }),
            transcript: Some(asked.file),
            json: asked.json,
            ..Self::default()
        }
    }
}

impl From<Manifest> for Request {
    fn from(asked: Manifest) -> Self {
        Self {
            paper: asked.station.map(|station| Paper {
                station: Some(station),
                ..Paper::default()
            }),
            transcript: asked.transcript,
            manifest: Some(asked.file),
            identity: asked.identity,
            json: asked.json,
        }
    }
}

impl From<Record> for Request {
    fn from(asked: Record) -> Self {
        Self {
            paper: Some(asked.qr.map_or(
                Paper {
                    ceremony: asked.ceremony,
                    station: asked.station,
                    head: asked.head,
                },
                Paper::from,
            )),
            transcript: asked.transcript,
            manifest: asked.manifest,
            identity: asked.identity,
            json: asked.json,
        }
    }
}

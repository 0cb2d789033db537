//! A stick that goes through one or more starts of a station, and what it holds afterwards.

use std::path::{Path, PathBuf};
use std::process::Command;

use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::stick::Stick;
use rehearsal::Result;
use rehearsal::built;
use rehearsal::plan;
use rehearsal::recipient::Recipient;
use rehearsal::station::{self, Station};
use serde_json::Value;

/// What outlives a start.
pub(crate) struct Table {
    pub(crate) folder: tempfile::TempDir,
    stick: Option<Stick>,
    starts: usize,
}

/// The scripted twin of the image that ships, or of the one whose program can crash.
pub(crate) fn image(folder: &str) -> PathBuf {
    if folder == "image" {
        built::image(built::SERIAL_KERNEL)
    } else {
        let kernel = built::repository("target")
            .join(folder)
            .join(built::SERIAL_KERNEL);
        built::needed(kernel, "tests/crash/image makes it")
    }
}

impl Table {
    /// A stick with a plan for two keys.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recipient = Recipient::make(&folder.path().join("identity.txt")).unwrap();
        let stick = station::make_stick(
            &folder.path().join("stick.img"),
            &plan::plan(2, &recipient.public),
        )
        .unwrap();
        Self {
            folder,
            stick: Some(stick),
            starts: 0,
        }
    }

    /// Switches a station on with the stick in it.
    pub(crate) fn start(&mut self, how: impl FnOnce(Stick, &Path) -> Result<Station>) -> Station {
        self.starts += 1;
        let log = self.folder.path().join(format!("console-{}.log", self.starts));
        how(self.stick.take().unwrap(), &log).unwrap()
    }

    /// The stick, for a start of another kind.
    pub(crate) fn take(&mut self) -> Stick {
        self.stick.take().unwrap()
    }

    /// Waits until the station has switched itself off; the lines of the transcript.
    pub(crate) fn finish(&mut self, station: Station, ceremony: &str) -> Vec<Value> {
        self.stick = Some(station.finish().unwrap().0);
        self.lines(ceremony)
    }

    /// Cuts the station's power; the lines of the transcript.
    pub(crate) fn cut(&mut self, station: Station, ceremony: &str) -> Vec<Value> {
        self.stick = Some(station.cut().unwrap().0);
        self.lines(ceremony)
    }

    fn text(&self, ceremony: &str) -> Vec<u8> {
        let name = format!("ceremony-{ceremony}/transcript.jsonl");
        self.stick.as_ref().unwrap().read(&name).unwrap()
    }

    fn lines(&self, ceremony: &str) -> Vec<Value> {
        let text = String::from_utf8(self.text(ceremony)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A key that is touched by the officer only.
pub(crate) fn key() -> VirtualKey {
    let key = VirtualKey::new(EngineConfig::default()).unwrap();
    key.set_touch(Touch::Manual);
    key
}

/// What `glasskey verify transcript` says, ending with this code: 0, or 44 for a ceremony that has no end yet.
pub(crate) fn verified(table: &Table, ceremony: &str, code: i32) -> String {
    let path = table.folder.path().join("transcript.jsonl");
    std::fs::write(&path, table.text(ceremony)).unwrap();
    let program = built::repository("target/debug/glasskey");
    let done = Command::new(program)
        .args(["verify", "transcript"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(code), "{said}");
    said
}

//! A table with a station, its stick and its printer: one ceremony in one or more starts.

use bench::stick::Stick;
use rehearsal::built;
use rehearsal::evidence::Evidence;
use rehearsal::officer::{Officer, ceremony_of};
use rehearsal::people::Passphrases;
use rehearsal::plan::Plan;
use rehearsal::recipient::Recipient;
use rehearsal::station::{self, Station};
use rehearsal::{Error, Result};
use tempfile::TempDir;

/// Everything of one ceremony that outlives a start of the station.
pub(crate) struct Desk {
    folder: TempDir,
    recipient: Recipient,
    stick: Option<Stick>,
    printed: Vec<u8>,
    console: String,
    starts: usize,
    printer: &'static str,
}

/// Two people who know a passphrase together.
pub(crate) fn known(officer: Officer<'_>) -> Officer<'_> {
    officer.with(Passphrases::two())
}

impl Desk {
    /// A stick with a plan for a recipient of its own.
    pub(crate) fn new(plan: impl FnOnce(&str) -> Plan) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made = Recipient::make(&folder.path().join("identity.txt")).and_then(|recipient| {
            let plan = plan(&recipient.public).text();
            let stick = station::make_stick(&folder.path().join("stick.img"), &plan)?;
            Ok((recipient, stick))
        });
        let (recipient, stick) = made.unwrap_or_else(|error| panic!("{error}"));
        Self {
            folder,
            recipient,
            stick: Some(stick),
            printed: Vec::new(),
            console: String::new(),
            starts: 0,
            printer: station::PRINTER_ID,
        }
    }

    /// With a printer that says this of itself.
    pub(crate) fn printer(mut self, id: &'static str) -> Self {
        self.printer = id;
        self
    }

    /// All that was printed.
    pub(crate) fn printed(&self) -> &[u8] {
        &self.printed
    }

    /// One start of the station, until it switches itself off.
    pub(crate) fn sit(
        &mut self,
        team: impl for<'a> FnOnce(Officer<'a>) -> Officer<'a>,
        script: impl FnOnce(&mut Officer<'_>) -> Result<()>,
    ) {
        self.start(team, script, Station::finish);
    }

    /// One start of the station; the power fails where the script ends.
    pub(crate) fn sit_until_cut(
        &mut self,
        team: impl for<'a> FnOnce(Officer<'a>) -> Officer<'a>,
        script: impl FnOnce(&mut Officer<'_>) -> Result<()>,
    ) {
        self.start(team, script, Station::cut);
    }

    fn start(
        &mut self,
        team: impl for<'a> FnOnce(Officer<'a>) -> Officer<'a>,
        script: impl FnOnce(&mut Officer<'_>) -> Result<()>,
        end: impl FnOnce(Station) -> Result<(Stick, Vec<u8>)>,
    ) {
        self.starts += 1;
        let log = self.folder.path().join(format!("console-{}.log", self.starts));
        let stick = self.stick.take().expect("the stick is at hand");
        let played = (|| {
            let mut station =
                Station::start_with(self.printer, &built::image(built::SERIAL_KERNEL), stick, &log)?;
            script(&mut team(Officer::new(&mut station)))?;
            // The console is gone with the machine; by the last question it has said all but good-bye.
            self.console.push_str(&station.console().text());
            end(station)
        })();
        let (stick, printed) = played.unwrap_or_else(|error: Error| panic!("start {}: {error}", self.starts));
        self.printed.extend(printed);
        self.stick = Some(stick);
    }

    /// The officer's stick, between two starts.
    pub(crate) fn stick(&self) -> &Stick {
        self.stick.as_ref().expect("the stick is at hand")
    }

    /// What all starts have left, compared by `glasskey verify` and by a program that shares nothing with it.
    pub(crate) fn evidence(&self) -> Evidence {
        let read = || {
            let ceremony = ceremony_of(&self.console)?;
            let evidence = Evidence::read(
                self.stick(),
                &self.printed,
                self.console.clone(),
                &ceremony,
                &self.folder.path().join("papers"),
            )?;
            evidence.verify(
                &built::needed(built::repository("target/debug/glasskey"), "cargo build makes it"),
                &self.recipient,
            )?;
            let transcript = evidence.folder.join("transcript.jsonl");
            let program = built::repository("tests/rehearsal_transcript.py");
            let done = std::process::Command::new("python3")
                .arg(program)
                .arg(transcript)
                .output();
            let done = done.expect("python3 is installed");
            let found = String::from_utf8_lossy(&done.stdout).into_owned();
            let failed: Vec<&str> = found.lines().filter(|line| !line.starts_with("PASS ")).collect();
            if !done.status.success() || !failed.is_empty() || found.is_empty() {
                let said = String::from_utf8_lossy(&done.stderr).into_owned();
                return Err(Error::Wrong(format!(
                    "{failed:#?}\n{said}\n{}",
                    evidence.transcript_text
                )));
            }
            Ok(evidence)
        };
        read().unwrap_or_else(|error: Error| panic!("{error}"))
    }

    /// The identity file that opens the manifest.
    pub(crate) fn identity(&self) -> &std::path::Path {
        &self.recipient.identity
    }

    /// The manifest, opened by stock age.
    pub(crate) fn manifest(&self, evidence: &Evidence) -> serde_json::Value {
        let opened = self.recipient.open(&evidence.folder.join("manifest.age"));
        opened.unwrap_or_else(|error| panic!("{error}"))
    }
}

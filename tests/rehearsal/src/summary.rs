//! The figures of a rehearsal: `summary.json`, and the table at the end.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use crate::officer::KeyNotes;

/// Everything worth measuring in one rehearsal.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// `passed`, or what failed.
    pub result: String,
    /// Ceremony id.
    pub ceremony: String,
    /// Sizes in bytes.
    pub sizes: Sizes,
    /// Seconds from the station's power-on until it asked for the first key (software emulation);
    /// not measured where a person was the officer.
    pub seconds_to_ready: Option<f64>,
    /// The same of the registrar's laptop, until its first program could start: Debian's kernel as the measure.
    pub seconds_to_ready_laptop: f64,
    /// Seconds of the whole ceremony.
    pub seconds_ceremony: f64,
    /// Seconds of the registration, from the laptop's power-on to its power-off.
    pub seconds_registration: f64,
    /// The keys.
    pub keys: Vec<KeyNotes>,
    /// What each check found.
    pub checks: Vec<Check>,
}

/// Sizes in bytes.
#[derive(Debug, Serialize)]
pub struct Sizes {
    /// The EFI file.
    pub efi: u64,
    /// The disk image.
    pub image: u64,
    /// What the printer received.
    pub printed: u64,
    /// The manifest.
    pub manifest: u64,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What must hold.
    pub what: String,
    /// Whether it holds.
    pub passed: bool,
}

impl Check {
    /// A check and its result.
    pub fn new(what: impl Into<String>, passed: bool) -> Self {
        Self {
            what: what.into(),
            passed,
        }
    }
}

/// Size of a file, 0 when there is none.
#[must_use]
pub fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

impl Summary {
    /// The closing table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "\n{:<10} {:<8} {:<34} {:>9} {:>9}",
            "label", "slip", "account", "machine s", "packets"
        );
        for key in &self.keys {
            let packets = key
                .packets_in
                .zip(key.packets_out)
                .map(|(i, o)| (i + o).to_string());
            let seconds = key.machine_seconds.map(|s| format!("{s:.1}"));
            let (label, slip, account) = (&key.label, &key.slip, &key.account);
            let (packets, seconds) = (
                packets.as_deref().unwrap_or("-"),
                seconds.as_deref().unwrap_or("-"),
            );
            let _ = writeln!(
                text,
                "{label:<10} {slip:<8} {account:<34} {seconds:>9} {packets:>9}"
            );
        }
        text.push('\n');
        if let Some(ready) = self.seconds_to_ready {
            let laptop = self.seconds_to_ready_laptop;
            let _ = write!(
                text,
                "ready after {ready:.1} s ({:.2} of the laptop's {laptop:.1} s), ",
                ready / laptop
            );
        }
        let _ = writeln!(
            text,
            "ceremony {:.1} s, registration {:.1} s; EFI file {} bytes\n",
            self.seconds_ceremony, self.seconds_registration, self.sizes.efi
        );
        for check in &self.checks {
            let _ = writeln!(
                text,
                "{}  {}",
                if check.passed { "PASS" } else { "FAIL" },
                check.what
            );
        }
        text
    }
}

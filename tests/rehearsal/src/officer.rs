//! The officer: reads the console, plugs and touches keys, looks at the paper, answers.

use std::time::{Duration, Instant};

use bench::key::VirtualKey;
use bench::usbredir::device::Plug;
use regex::Regex;
use serde::Serialize;

use crate::papers::{self, Paper};
use crate::people::Passphrases;
use crate::station::{STICK, Station};
use crate::{Error, Result};

/// Time for anything that happens without a person, on a slow and shared machine.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// What the officer noted about one key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyNotes {
    /// Label the station announced.
    pub label: String,
    /// Account it is for.
    pub account: String,
    /// Slip number as the console showed it.
    pub slip: String,
    /// Seconds the station worked on the key: from each of the officer's acts to the next prompt, touches left out;
    /// not measured where a person was the officer.
    pub machine_seconds: Option<f64>,
    /// CTAPHID packets to the key during its preparation.
    pub packets_out: Option<u64>,
    /// CTAPHID packets from the key.
    pub packets_in: Option<u64>,
}

/// An officer at a station.
pub struct Officer<'a> {
    station: &'a mut Station,
    /// Seconds of machine time of the key in hand.
    working: Duration,
    /// Bags used so far.
    bag: u32,
    /// What the first key's announcement said, when it has been read before the key is taken up.
    first: Option<(String, String)>,
    armed: bool,
    pub(crate) passphrases: Passphrases,
    /// Initials of officer and witness.
    pub(crate) initials: [String; 2],
}

impl<'a> Officer<'a> {
    /// Sits down at a station.
    pub fn new(station: &'a mut Station) -> Self {
        Self {
            station,
            working: Duration::ZERO,
            bag: 0,
            first: None,
            armed: false,
            passphrases: Passphrases::None,
            initials: ["AL".into(), "GH".into()],
        }
    }

    /// With these parts of a passphrase.
    #[must_use]
    pub fn with(mut self, passphrases: Passphrases) -> Self {
        self.passphrases = passphrases;
        self
    }

    /// Learns these parts of a passphrase.
    pub fn know(&mut self, passphrases: Passphrases) {
        self.passphrases = passphrases;
    }

    /// With other people at the station, by their initials.
    #[must_use]
    pub fn seats(mut self, officer: &str, witness: &str) -> Self {
        self.initials = [officer.into(), witness.into()];
        self
    }

    /// With bag numbers that go on after so many keys of an earlier sitting.
    #[must_use]
    pub fn after(mut self, keys: u32) -> Self {
        self.bag = keys;
        self
    }

    /// The station.
    pub fn station(&mut self) -> &mut Station {
        self.station
    }

    /// Waits until the first key may be put in.
    pub fn ready(&mut self) -> Result<()> {
        self.first = Some(self.announced()?);
        self.arm()?;
        self.armed = true;
        Ok(())
    }

    /// Prepares one key from announcement to removal.
    pub fn prepare(&mut self, key: &VirtualKey, port: usize) -> Result<KeyNotes> {
        let (label, account) = self.announced()?;
        let before = key.counters();
        self.working = Duration::ZERO;
        self.put_in(key, port)?;
        self.replug_for_reset(key, port)?;
        let slip = self.slip_printed(key)?;
        self.finish_key(key, port, &label)?;
        let after = key.counters();
        Ok(KeyNotes {
            label,
            account,
            slip,
            machine_seconds: Some(self.working.as_secs_f64()),
            packets_out: Some(after.reports_in - before.reports_in),
            packets_in: Some(after.reports_out - before.reports_out),
        })
    }

    /// Waits until the station asks for a key, unless that was seen already.
    pub fn arm(&mut self) -> Result<()> {
        if std::mem::take(&mut self.armed) {
            Ok(())
        } else {
            self.see("Put in the security key").map(drop)
        }
    }

    /// Reads which key comes next.
    pub fn announced(&mut self) -> Result<(String, String)> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let text = self.see(r"=== Key \d+ of \d+: label ([0-9A-Z]{6}), for (\S+) ===")?;
        let pattern =
            Regex::new(r"label ([0-9A-Z]{6}), for (\S+) ===").map_err(|e| Error::Wrong(e.to_string()))?;
        let found = pattern.captures_iter(&text).last();
        found
            .map(|c| (c[1].to_owned(), c[2].to_owned()))
            .ok_or_else(|| Error::Wrong("no key was announced".into()))
    }

    /// Puts a key in when asked to, and waits for the question whether to erase it.
    pub fn put_in(&mut self, key: &VirtualKey, port: usize) -> Result<()> {
        self.arm()?;
        self.station.machine().plug(port, key)?;
        self.see(r"Erase this key\? \(yes/no\)").map(drop)
    }

    /// Prepares one key of custody `rotate`, which gets no slip yet; returns its label.
    pub fn prepare_for_transport(&mut self, key: &VirtualKey, port: usize) -> Result<String> {
        let (label, _) = self.announced()?;
        self.put_in(key, port)?;
        self.replug_for_reset(key, port)?;
        self.finish_after_slip(key, port, &label)?;
        Ok(label)
    }

    /// Gives a registered key of custody `rotate` the PIN of a slip; returns the slip's number.
    pub fn seal(&mut self, key: &VirtualKey, port: usize) -> Result<String> {
        self.see("Put in a registered key")?;
        self.plug(port, key)?;
        let asked = self.see("This is the key with label .* type the label id you read:")?;
        self.say(&capture(&asked, "label ([0-9A-Z]{6})")?)?;
        let slip = self.slip_printed(key)?;
        self.say("yes")?;
        self.bags()?;
        self.station.machine().pull(port)?;
        Ok(slip)
    }

    /// From the question about the slip, which is whole, to the key's removal.
    pub fn finish_key(&mut self, key: &VirtualKey, port: usize, label: &str) -> Result<()> {
        self.say("yes")?;
        self.finish_after_slip(key, port, label)
    }

    /// The same when the slip was confirmed already.
    pub fn finish_after_slip(&mut self, key: &VirtualKey, port: usize, label: &str) -> Result<()> {
        self.until_label(key)?;
        let scanned = self.scan_label(label)?;
        self.say(&scanned)?;
        self.bags()?;
        Ok(self.station.machine().pull(port)?)
    }

    /// Plugs a key or a printer in, unasked.
    pub fn plug(&mut self, port: usize, device: &dyn Plug) -> Result<()> {
        Ok(self.station.machine().plug(port, device)?)
    }

    /// Pulls out what is in a port, and gives the station time to see it.
    pub fn pull(&mut self, port: usize) -> Result<()> {
        self.station.machine().pull(port)?;
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    }

    /// Pulls the officer's stick out.
    pub fn pull_stick(&mut self) -> Result<()> {
        Ok(self.station.machine().pull_stick(STICK)?)
    }

    /// Puts the officer's stick back, and gives the station time to see it.
    pub fn plug_stick(&mut self) -> Result<()> {
        let image = self.station.stick().path().to_owned();
        self.station.machine().plug_stick(STICK, &image)?;
        std::thread::sleep(Duration::from_secs(3));
        Ok(())
    }

    /// Says yes to the erasure, takes the key out and puts it back; for a key in use the witness agrees.
    pub fn replug_for_reset(&mut self, key: &VirtualKey, port: usize) -> Result<()> {
        self.say("yes")?;
        if key_is_in_use(self.station.console().text().as_str()) {
            self.agree()?;
        }
        self.see("Take the key out now")?;
        self.station.machine().pull(port)?;
        self.see("Put it back into the same socket")?;
        Ok(self.station.machine().plug(port, key)?)
    }

    /// Touches until the slip, or its first half, is on paper; returns its number.
    pub fn slip_printed(&mut self, key: &VirtualKey) -> Result<String> {
        let text = self.touching(key, r"[Ss]lip \d{4}-. was printed")?;
        let slip = capture(&text, r"[Ss]lip (\d{4}-.) was printed")?;
        self.see(r"whole\? \(yes/no\)")?;
        Ok(slip)
    }

    /// Touches until the label is on paper; a second half of the slip comes out whole on the way.
    pub fn until_label(&mut self, key: &VirtualKey) -> Result<()> {
        let label = "type the label id you read:";
        loop {
            let text = self.touching(
                key,
                &format!(r"{label}|Second half of slip \d{{4}}-. was printed"),
            )?;
            if text.ends_with(label) {
                return Ok(());
            }
            self.see(r"whole\? \(yes/no\)")?;
            self.say("yes")?;
        }
    }

    /// Types bag numbers as long as they are asked for, until the key may be taken out.
    pub fn bags(&mut self) -> Result<()> {
        self.bag += 1;
        let asked = [
            "Number of the bag for the key .*:",
            "Number of the bag for the .* .*:",
            "Take the key out now",
        ];
        let asked: Vec<Regex> = asked
            .iter()
            .map(|pattern| Regex::new(pattern).map_err(|e| Error::Wrong(e.to_string())))
            .collect::<Result<_>>()?;
        let mut slips = 0;
        loop {
            let since = Instant::now();
            let (place, _) = self
                .station
                .console()
                .expect_one_of(asked.iter().cloned(), PATIENCE)?;
            self.working += since.elapsed();
            match place {
                0 => self.say(&format!("K-{}", 104_480 + self.bag))?,
                1 => {
                    self.say(&format!("S-{}", 204_410 + 2 * self.bag + slips))?;
                    slips += 1;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Confirms the record and switches off.
    pub fn close(&mut self) -> Result<()> {
        self.see(r"record come out whole\? \(yes/no\)")?;
        self.say("yes")?;
        self.finished()
    }

    /// Reads that the ceremony is finished, and switches off.
    pub fn finished(&mut self) -> Result<()> {
        self.see("is finished")?;
        self.see("Press Enter to switch off")?;
        self.say("")
    }

    /// Waits for a text on the console; the time counts as the machine's.
    pub fn see(&mut self, pattern: &str) -> Result<String> {
        let since = Instant::now();
        let pattern = Regex::new(pattern).map_err(|e| Error::Wrong(e.to_string()))?;
        let text = self.station.console().expect(pattern, PATIENCE)?;
        self.working += since.elapsed();
        Ok(text)
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) -> Result<()> {
        Ok(self.station.console().send_line(line)?)
    }

    /// Touches the key whenever the station asks for it, until `pattern` shows; waiting for a touch does not count.
    pub fn touching(&mut self, key: &VirtualKey, pattern: &str) -> Result<String> {
        loop {
            let touch_or = Regex::new(&format!("Touch the key now|{pattern}"))
                .map_err(|e| Error::Wrong(e.to_string()))?;
            let since = Instant::now();
            let text = self.station.console().expect(touch_or, PATIENCE)?;
            self.working += since.elapsed();
            if !text.ends_with("Touch the key now") {
                return Ok(text);
            }
            // A key that needs no finger has gone on by itself.
            if key.wait_touch_awaited(Duration::from_secs(5)) {
                key.touch();
            }
        }
    }

    /// Holds the newest label before a scanner.
    fn scan_label(&mut self, label: &str) -> Result<String> {
        let printed = self.station.labels_printed();
        let folder = tempfile::tempdir().map_err(crate::at("a temporary folder"))?;
        let papers = papers::render(&printed, folder.path())?;
        let newest = papers.iter().rev().find_map(|paper| match paper {
            Paper::Label { qr, .. } => Some(qr.clone()),
            _ => None,
        });
        newest.ok_or_else(|| Error::Wrong(format!("label {label} was not printed")))
    }
}

/// Whether the key that is to be erased was said to be in use.
fn key_is_in_use(console: &str) -> bool {
    console
        .rfind("This is ")
        .is_some_and(|at| console[at..].contains("it HAS a PIN"))
}

/// The ceremony id on a console.
pub fn ceremony_of(text: &str) -> Result<String> {
    capture(text, r"Ceremony ([0-9A-Z]{8}): ")
}

/// What a console tells of the keys that were prepared, when a person was the officer.
pub fn notes_from(text: &str) -> Result<Vec<KeyNotes>> {
    let wrong = |e: regex::Error| Error::Wrong(e.to_string());
    let announced = Regex::new(r"label ([0-9A-Z]{6}), for (\S+) ===").map_err(wrong)?;
    let prepared =
        Regex::new(r"The key ([0-9A-Z]{6}) is prepared and proven. Seal slip (\S+) ").map_err(wrong)?;
    let account = |label: &str| {
        announced
            .captures_iter(text)
            .find(|c| &c[1] == label)
            .map(|c| c[2].to_owned())
    };
    let notes = prepared.captures_iter(text).map(|found| KeyNotes {
        label: found[1].to_owned(),
        account: account(&found[1]).unwrap_or_default(),
        slip: found[2].to_owned(),
        machine_seconds: None,
        packets_out: None,
        packets_in: None,
    });
    Ok(notes.collect())
}

/// The first group of a pattern.
pub(crate) fn capture(text: &str, pattern: &str) -> Result<String> {
    let pattern = Regex::new(pattern).map_err(|e| Error::Wrong(e.to_string()))?;
    let found = pattern.captures_iter(text).last();
    found
        .map(|c| c[1].to_owned())
        .ok_or_else(|| Error::Wrong(format!("{pattern} is not in: {text}")))
}

//! A batch of keys in one ceremony: who got what, what each key cost the station, and what stays behind in its memory.

mod cost;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bench::client::{Client, OK};
use bench::engine::config::EngineConfig;
use bench::identity::UsbIdentity;
use bench::key::VirtualKey;
use bench::medium::Medium;
use bench::report::Authenticator as _;
use ciborium::Value as Cbor;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::cost::{Mark, mark};
use crate::officer::{Officer, capture};
use crate::papers::{self, SlipText};
use crate::station::{self, Station};
use crate::{Error, Result, at, output, plan};

/// "The PIN is wrong", "no such credential" (CTAP 2.1, 8.2).
const PIN_INVALID: u8 = 0x31;
const NO_CREDENTIALS: u8 = 0x2e;

/// Where PINs are kept, as the plan names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custody {
    /// In the manifest too, without a passphrase on the stick.
    Manifest,
    /// On the slips alone.
    Slip,
}

/// What is tried with a batch.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// How many keys.
    pub keys: usize,
    /// Where PINs are kept.
    pub custody: Custody,
    /// The station's kernel.
    pub kernel: &'a Path,
    /// Looks at the station's memory after each key whose number this divides.
    pub look_every: Option<usize>,
}

/// A key that was prepared, and what the officer saw of it.
pub struct Prepared {
    key: VirtualKey,
    label: String,
    slip: String,
}

/// What a batch leaves behind.
pub struct Outcome {
    /// The keys, in the order they were prepared.
    pub keys: Vec<Prepared>,
    /// The slips, as printed.
    pub slips: Vec<SlipText>,
    /// The label sheets, as printed.
    pub labels: Vec<String>,
    /// The transcript's lines, their chain checked.
    pub transcript: Vec<Value>,
    /// The manifest's payload.
    pub manifest: Value,
    marks: Vec<Mark>,
}

/// Holds a ceremony for a whole batch: a third of the keys have the same serial, a third none, a third one of their own.
///
/// They take turns in three sockets. In the middle two keys are put in at once, and one that is done is offered again.
pub fn hold(batch: &Batch<'_>) -> Result<Outcome> {
    let folder = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let identity = folder.path().join("identity.txt");
    let text = plan::plan(batch.keys, &make_identity(&identity)?);
    let text = match batch.custody {
        Custody::Manifest => text,
        Custody::Slip => text.replace("pin_custody = \"manifest\"", "pin_custody = \"slip\""),
    };
    let stick = station::make_stick(&folder.path().join("stick.img"), &text)?;
    let medium = Medium::serve(stick.path())?;
    let log = folder.path().join("console.log");
    let mut station = Station::start_served(batch.kernel, stick, &medium, &log)?;
    let mut officer = Officer::new(&mut station);
    let ceremony = officer.begin()?;
    let mut keys: Vec<VirtualKey> = Vec::new();
    for number in 0..batch.keys {
        keys.push(key(number)?);
    }
    let mut prepared: Vec<Prepared> = Vec::new();
    let mut marks = vec![mark(
        &mut officer,
        &medium,
        0,
        batch.look_every.map(|_| folder.path()),
    )?];
    for number in 0..batch.keys {
        let port = number % 3;
        let (label, _) = officer.announced()?;
        officer.see("Put in the security key")?;
        let key = keys[number].clone();
        if number == batch.keys / 2 {
            offer_again(&mut officer, &prepared)?;
            officer.see("Put in the security key")?;
            put_in_two(&mut officer, (port, &key), ((port + 1) % 3, &keys[number + 1]))?;
        } else {
            officer.plug(port, &key)?;
            officer.see(r"Erase this key\? \(yes/no\)")?;
        }
        let slip = prepare(&mut officer, &key, port, &label)?;
        prepared.push(Prepared { key, label, slip });
        let done = number + 1;
        let looks = batch.look_every.filter(|every| done.is_multiple_of(*every));
        marks.push(mark(&mut officer, &medium, done, looks.map(|_| folder.path()))?);
    }
    officer.close()?;
    let (stick, printed) = station.finish()?;
    let (slips, labels) = papers::texts(&printed)?;
    let read = |name: &str| stick.read(&format!("ceremony-{ceremony}/{name}"));
    let transcript = String::from_utf8_lossy(&read("transcript.jsonl")?).into_owned();
    Ok(Outcome {
        keys: prepared,
        slips,
        labels,
        transcript: crate::evidence::transcript(&transcript)?,
        manifest: open_manifest(&read("manifest.age")?, &identity, folder.path())?,
        marks,
    })
}

/// A key that needs no finger; whoever goes by serial numbers takes many for the same.
fn key(number: usize) -> Result<VirtualKey> {
    let key = VirtualKey::new(EngineConfig::default())?;
    key.set_identity(UsbIdentity {
        serial: match number % 3 {
            0 => Some("0001".into()),
            1 => None,
            _ => Some(format!("S{number:04}")),
        },
        ..UsbIdentity::default()
    });
    Ok(key)
}

/// From the question whether to erase the key to its removal; returns the slip.
fn prepare(officer: &mut Officer<'_>, key: &VirtualKey, port: usize, label: &str) -> Result<String> {
    officer.replug_for_reset(key, port)?;
    let text = officer.see(r"Slip \d{4}-. was printed")?;
    officer.see(r"whole\? \(yes/no\)")?;
    officer.say("yes")?;
    officer.see("type the label id you read:")?;
    officer.say(label)?;
    officer.bags()?;
    officer.station().machine().pull(port)?;
    capture(&text, r"Slip (\d{4}-.) was printed")
}

/// Puts in two keys in the same moment, and leaves in the first one only.
fn put_in_two(
    officer: &mut Officer<'_>,
    key: (usize, &VirtualKey),
    second: (usize, &VirtualKey),
) -> Result<()> {
    officer.plug(key.0, key.1)?;
    officer.plug(second.0, second.1)?;
    // Which of the two the station sees first, and how far it is when it sees the other one, is not ours to say.
    let text = officer.see(
        r"More than one security key is plugged in|leave this one in: .* on port 1-\d|Erase this key\? \(yes/no\)",
    )?;
    officer.station().machine().pull(second.0)?;
    let asked = text.ends_with("(yes/no)");
    // Asked about the second one, the question is withdrawn now that it is gone.
    let took_the_second = text.rsplit_once(" on port 1-").is_some_and(|(_, rest)| {
        !text.ends_with("is plugged in") && rest.starts_with(&(second.0 + 1).to_string())
    });
    if took_the_second {
        // It was the second one, and that is gone now.
        officer.see("Take out every security key now")?;
        officer.station().machine().pull(key.0)?;
        officer.see("Put in the security key")?;
        officer.plug(key.0, key.1)?;
    }
    if !asked || took_the_second {
        officer.see(r"Erase this key\? \(yes/no\)")?;
    }
    if second.1.counters().command("reset") == 0 {
        Ok(())
    } else {
        Err(Error::Wrong("the second key was reset".into()))
    }
}

/// Puts in a key that is done: the station knows it by its identity credential and leaves it as it is.
fn offer_again(officer: &mut Officer<'_>, prepared: &[Prepared]) -> Result<()> {
    let Some(done) = prepared.first() else {
        return Ok(());
    };
    let resets = done.key.counters().command("reset");
    officer.plug(0, &done.key)?;
    officer.see(&format!(
        "This is the key {}, prepared in this ceremony",
        done.label
    ))?;
    officer.see("Take out every security key now")?;
    officer.station().machine().pull(0)?;
    if done.key.counters().command("reset") == resets {
        Ok(())
    } else {
        Err(Error::Wrong("a prepared key was reset".into()))
    }
}

/// Makes an age identity; returns its recipient.
pub fn make_identity(path: &Path) -> Result<String> {
    output("age-keygen", &["-o".as_ref(), path.as_os_str()])?;
    let text = fs::read_to_string(path).map_err(at(path))?;
    capture(&text, "public key: (age1[0-9a-z]+)")
}

/// Decrypts a manifest and takes the payload out of its signature, which is not checked here.
fn open_manifest(sealed: &[u8], identity: &Path, folder: &Path) -> Result<Value> {
    let path = folder.join("manifest.age");
    fs::write(&path, sealed).map_err(at(&path))?;
    let jws = output(
        "age",
        &[
            "-d".as_ref(),
            "-i".as_ref(),
            identity.as_os_str(),
            path.as_os_str(),
        ],
    )?;
    let wrong = |why: String| Error::Wrong(format!("the manifest cannot be read: {why}"));
    let payload = jws.split(|b| *b == b'.').nth(1).unwrap_or_default();
    let json = URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|e| wrong(e.to_string()))?;
    serde_json::from_slice(&json).map_err(|e| wrong(e.to_string()))
}

impl Outcome {
    /// Every key accepts the PIN of its own slip and not that of the next one, holds the credential that the manifest
    /// lists for its label and not the next one, and its label and slip name it.
    pub fn check(&self, custody: Custody) -> Result<()> {
        let wrong = |what: String| Err(Error::Wrong(what));
        let mut pins = BTreeSet::new();
        for (place, prepared) in self.keys.iter().enumerate() {
            let next = &self.keys[(place + 1) % self.keys.len()];
            let (slip, other) = (self.slip(&prepared.slip)?, self.slip(&next.slip)?);
            let (entry, other_entry) = (self.entry(&prepared.label)?, self.entry(&next.label)?);
            let label = &prepared.label;
            if slip.label != *label {
                return wrong(format!("slip {} does not name the key {label}", slip.number));
            }
            let number = slip.number.split('-').next().and_then(|n| n.parse::<u64>().ok());
            if entry["slip"].as_u64() != number {
                return wrong(format!(
                    "the manifest has another slip for {label}: {}",
                    entry["slip"]
                ));
            }
            let in_manifest = entry["pin"].as_str();
            if in_manifest != (custody == Custody::Manifest).then_some(slip.pin.as_str()) {
                return wrong(format!("the manifest has another PIN for {label}"));
            }
            pins.insert(slip.pin.as_str());
            let key = &prepared.key;
            key.power_on()?;
            let client = Client::connect(key)?;
            let protocol = client.pin_protocol()?;
            let tried = [
                client.pin_token(protocol, &other.pin)?,
                client.pin_token(protocol, &slip.pin)?,
            ];
            let held = [holds(&client, entry)?, holds(&client, other_entry)?];
            key.power_off();
            if tried != [PIN_INVALID, OK] {
                return wrong(format!(
                    "the key {label} answers {tried:02x?} to the next key's PIN and its own"
                ));
            }
            if held != [OK, NO_CREDENTIALS] {
                return wrong(format!(
                    "the key {label} answers {held:02x?} for its credential and the next one"
                ));
            }
            if key.counters().answer("reset 0x00") != 1 {
                return wrong(format!("the key {label} was not reset exactly once"));
            }
        }
        let sheets = self.labels.iter().zip(&self.keys);
        if let Some((_, key)) = sheets.into_iter().find(|(text, key)| !text.contains(&key.label)) {
            return wrong(format!("the label of {} is not in its place", key.label));
        }
        let lengths = [self.slips.len(), self.labels.len(), pins.len()];
        if lengths == [self.keys.len(); 3] {
            Ok(())
        } else {
            wrong(format!("slips, labels and different PINs: {lengths:?}"))
        }
    }

    fn slip(&self, number: &str) -> Result<&SlipText> {
        let mut found = self.slips.iter().filter(|slip| slip.number == number);
        match (found.next(), found.next()) {
            (Some(slip), None) => Ok(slip),
            _ => Err(Error::Wrong(format!(
                "slip {number} was not printed exactly once"
            ))),
        }
    }

    fn entry(&self, label: &str) -> Result<&Value> {
        let keys = self.manifest["keys"].as_array();
        let found = keys.and_then(|keys| keys.iter().find(|key| key["label"] == label));
        found.ok_or_else(|| Error::Wrong(format!("the manifest does not list {label}")))
    }
}

/// Asks, without a touch, for the credential of a manifest's entry; gives the status.
fn holds(client: &Client<'_>, entry: &Value) -> Result<u8> {
    let identity = &entry["identity"];
    let id = identity["credential_id"].as_str().unwrap_or_default();
    let id = URL_SAFE_NO_PAD
        .decode(id)
        .map_err(|e| Error::Wrong(format!("a credential id: {e}")))?;
    let rp_id = identity["rp_id"].as_str().unwrap_or_default();
    let member = |key: &str, value: Cbor| (Cbor::from(key), value);
    let descriptor = Cbor::Map(vec![
        member("id", Cbor::Bytes(id)),
        member("type", "public-key".into()),
    ]);
    let request = Cbor::Map(vec![
        (1.into(), rp_id.into()),
        (2.into(), Cbor::Bytes(Sha256::digest(b"any").to_vec())),
        (3.into(), Cbor::Array(vec![descriptor])),
        (5.into(), Cbor::Map(vec![member("up", false.into())])),
    ]);
    Ok(client.ctap(2, Some(request))?.0)
}

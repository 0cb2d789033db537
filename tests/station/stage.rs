//! A whole ceremony in this process: the real driver, journal and vault, virtual keys, and power that can fail.

use std::cell::{Cell, RefCell};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use glasskey::ceremony::Ending;
use glasskey::ceremony::driver::Ports;
use glasskey::ceremony::resume::{self, Next};
use glasskey::creation_options::FILE;
use glasskey::manifest::seal::{Identity, seal};
use glasskey::media::Stick;
use glasskey::plan::Plan;
use glasskey::transcript::{Entry, Tally, Transcript};
use glasskey::worker::Launcher;
use time::OffsetDateTime;

use crate::air_gapped;
use crate::bus::Bus;
use crate::papers::{Pile, Printer};
use crate::person::{Hands, Person};
use crate::power::{self, Mishap, Power, PowerCut};

/// Keys on the table: two for the plan, and one to spare for each cut.
const KEYS: usize = 4;
/// More starts than any of these ceremonies needs.
const STARTS: usize = 6;
/// 2026-11-22, 10:00 UTC.
const BEGINNING: i64 = 1_795_341_600;

/// What kind of ceremony it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) custody: &'static str,
    pub(crate) split_slips: bool,
    /// Whether keys make passkeys by creation options.
    pub(crate) passkeys: bool,
}

/// What the power cut leaves of the line that was being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Torn {
    /// Both copies are whole.
    Nothing,
    /// The first copy begins the next line.
    NextLine,
    /// The second copy lacks the last line.
    SecondCopy,
    /// The second copy has the beginning of the last line.
    SecondCopyPart,
    /// The last sector of the first copy is rubbish.
    Sector,
}

impl Torn {
    pub(crate) const ALL: [Self; 5] = [
        Self::Nothing,
        Self::NextLine,
        Self::SecondCopy,
        Self::SecondCopyPart,
        Self::Sector,
    ];
}

/// Where the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// At this call of a port.
    pub(crate) call: usize,
    pub(crate) torn: Torn,
    /// Where in the line, in thousandths of its length.
    pub(crate) place: usize,
    /// Whether the people take another key for the label that was in hand.
    pub(crate) takes_spare: bool,
    /// It fails once more, so many calls later.
    pub(crate) again: Option<usize>,
}

/// Everything that is left at the end.
pub(crate) struct Left {
    pub(crate) hands: Hands,
    pub(crate) pile: Rc<RefCell<Pile>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) tally: Tally,
    pub(crate) manifest: Vec<u8>,
    pub(crate) identity: Identity,
    /// What each start said.
    pub(crate) told: Vec<Vec<String>>,
    /// Lines on the stick at each call of a port, in a ceremony without a cut.
    pub(crate) lines: Vec<usize>,
    /// The transcript's text.
    pub(crate) transcript: String,
    /// Every file of the ceremony, one after the other.
    pub(crate) stick: Vec<u8>,
}

pub(crate) fn plan(kind: Kind, recipient: &str) -> String {
    let Kind {
        custody, split_slips, ..
    } = kind;
    format!(
        r#"version = 1
title = "Rehearsal"
rehearsal = true
recipients = ["{recipient}"]
pin_custody = "{custody}"
pin_length = 12
split_slips = {split_slips}

[[people]]
name = "Ada Lovelace"
role = "officer"

[[people]]
name = "Grace Hopper"
role = "witness"

[[accounts]]
upn = "bg-01@contoso.onmicrosoft.com"
keys = [{{ custodian = "Alan Turing" }}]

[[accounts]]
upn = "bg-02@contoso.onmicrosoft.com"
keys = [{{ custodian = "Hedy Lamarr" }}]
"#
    )
}

/// Something that happens to the stick at a call, and what the people do about it.
pub(crate) struct Trouble {
    pub(crate) call: usize,
    pub(crate) happens: Box<dyn FnOnce(&Path) -> Mishap>,
    pub(crate) mended: Box<dyn FnOnce(&Path) -> Mishap>,
}

/// Holds a ceremony, starting the station until nothing is left to do; the error says what went wrong.
pub(crate) fn play(kind: Kind, cut: Option<Cut>) -> Result<Left, String> {
    play_with(kind, cut, None)
}

/// The same with trouble.
pub(crate) fn play_with(kind: Kind, cut: Option<Cut>, trouble: Option<Trouble>) -> Result<Left, String> {
    let place = tempfile::tempdir().unwrap();
    let root = &place.path().join("stick");
    std::fs::create_dir(root).unwrap();
    let identity = Identity::generate();
    let text = plan(kind, &identity.recipient());
    std::fs::write(root.join("plan.toml"), &text).unwrap();
    if kind.passkeys {
        std::fs::write(root.join(FILE), air_gapped::options().to_json().unwrap()).unwrap();
    }
    let plan = Plan::parse(&text).unwrap();
    let power = Rc::new(Power::new(root, cut.map(|cut| cut.call)));
    let pile = Rc::default();
    let mut hands = Hands::new(Bus::new(KEYS, &power), KEYS, &pile);
    if let Some(trouble) = trouble {
        power.at(trouble.call, (trouble.happens)(root));
        hands.mends = Some((trouble.mended)(root));
    }
    let clock = Cell::new(BEGINNING);
    let (mut told, mut is_mended) = (Vec::new(), true);
    for _ in 0..STARTS {
        if tally(root)?.is_some_and(|tally| resume::next(&tally) == Next::Over) {
            let power = Rc::clone(&power);
            return finish(root, hands, pile, identity, told, power.lines(), is_mended);
        }
        let mut person = Person::new(&mut hands, &power);
        let started = catch_unwind(AssertUnwindSafe(|| {
            start(&plan, root, &mut person, &pile, &power, &clock)
        }));
        told.push(std::mem::take(&mut person.told));
        is_mended = true;
        match (started, cut) {
            (Ok(Ok(Ending::Finished)), _) => {}
            (Ok(Ok(Ending::Paused)), _) => return Err("it paused unasked".into()),
            (Ok(Err(error)), _) => {
                let last: Vec<String> = told.concat().into_iter().rev().take(12).collect();
                return Err(format!("{error}\nsaid last, newest first: {last:#?}"));
            }
            (Err(panic), Some(cut)) if panic.is::<PowerCut>() => {
                power.fails_again(cut.again.filter(|_| told.len() == 1));
                hands.bus.power_cycle();
                tear(root, cut);
                is_mended = false;
                hands.takes_spare = cut.takes_spare;
            }
            (Err(panic), _) => resume_unwind(panic),
        }
    }
    Err(format!("not at its end after {STARTS} starts"))
}

/// Holds two ceremonies one after the other on one stick; gives what each start said.
pub(crate) fn started_again(kind: Kind) -> Result<Vec<Vec<String>>, String> {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let plan = Plan::parse(&plan(kind, &Identity::generate().recipient())).unwrap();
    let clock = Cell::new(BEGINNING);
    let (mut told, mut uneven) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let power = Rc::new(Power::new(root, None));
        let pile = Rc::default();
        let mut hands = Hands::new(Bus::new(KEYS, &power), KEYS, &pile);
        let mut person = Person::new(&mut hands, &power);
        start(&plan, root, &mut person, &pile, &power, &clock)?;
        told.push(std::mem::take(&mut person.told));
        if let [first] = &told[..] {
            assert!(!first.is_empty());
            // The power failed before the last line reached the second copy.
            uneven = transcripts(root);
            let [_, copy] = &uneven[..] else {
                panic!("{uneven:?}")
            };
            let mut text = fs::read_to_string(copy).unwrap();
            text.truncate(text.trim_end().rfind('\n').unwrap() + 1);
            fs::write(copy, text).unwrap();
        }
    }
    let [first, copy] = &uneven[..] else {
        panic!("{uneven:?}")
    };
    if fs::read(first).unwrap() != fs::read(copy).unwrap() {
        return Err("the second copy was not mended".into());
    }
    Ok(told)
}

/// Both copies of the transcript of the one ceremony that is there.
fn transcripts(root: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let folder = folder.filter(|path| path.join("transcript.jsonl").is_file());
    folder
        .flat_map(|folder| {
            [
                folder.join("transcript.jsonl"),
                folder.join("copy/transcript.jsonl"),
            ]
        })
        .collect()
}

/// One start of the station.
fn start(
    plan: &Plan,
    root: &Path,
    person: &mut Person<'_>,
    pile: &Rc<RefCell<Pile>>,
    power: &Rc<Power>,
    clock: &Cell<i64>,
) -> Result<Ending, String> {
    let now = || {
        power.call();
        clock.set(clock.get() + 1);
        OffsetDateTime::from_unix_timestamp(clock.get()).unwrap()
    };
    let sealer = |jws: &_, recipients: &[String]| {
        power.call();
        seal(jws, recipients)
    };
    let mut printer = Printer {
        pile: Rc::clone(pile),
        power: Rc::clone(power),
        device: Rc::clone(&person.hands.printer),
    };
    // The bus is the person's; the ceremony sees it through a view of its own.
    let keys = person.hands.bus.clone();
    let ports = Ports {
        keys: &keys,
        press: &mut printer,
        console: person,
        seal: &sealer,
        launcher: &Launcher::program(env!("CARGO_BIN_EXE_glasskey")),
        now: &now,
    };
    let mut stick = Stick::directory(root);
    glasskey::ceremony::run(plan, "0", Vec::new(), &mut stick, ports)
        .map(|finished| finished.ending)
        .map_err(|error| error.to_string())
}

/// The sums of the transcript on a stick; `None` where no line is written.
fn tally(root: &Path) -> Result<Option<Tally>, String> {
    let (_, entries) = Transcript::verify(&agreed(root)?).map_err(|e| e.to_string())?;
    let tally = Tally::of(entries.iter().map(|(_, entry)| entry));
    Ok((!entries.is_empty()).then_some(tally))
}

/// The transcript for which both copies vouch; empty where no line is written.
fn agreed(root: &Path) -> Result<String, String> {
    let begun = Stick::directory(root).ceremonies().map_err(|e| e.to_string())?;
    let agreed = begun
        .iter()
        .map(|begun| begun.transcript.agree(&Transcript::whole_lines));
    let texts: Result<Vec<String>, _> = agreed.map(|agreed| agreed.map(|agreed| agreed.text)).collect();
    Ok(texts
        .map_err(|e| e.to_string())?
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default())
}

fn finish(
    root: &Path,
    hands: Hands,
    pile: Rc<RefCell<Pile>>,
    identity: Identity,
    told: Vec<Vec<String>>,
    lines: Vec<usize>,
    is_mended: bool,
) -> Result<Left, String> {
    let has_lines = |folder: &std::path::PathBuf| {
        // A torn first line begins no ceremony: nothing was done by then.
        std::fs::read(folder.join("transcript.jsonl")).is_ok_and(|file| file.contains(&b'\n'))
    };
    let mut folders = power::folders(root);
    folders.retain(has_lines);
    let [folder] = &folders[..] else {
        return Err(format!("ceremonies on the stick: {folders:?}"));
    };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    // Each start mends what the cut left; after the last line there is none.
    if is_mended && read("copy/transcript.jsonl") != read("transcript.jsonl") {
        return Err("the copies of the transcript differ".into());
    }
    let transcript = agreed(root)?;
    let (_, entries) = Transcript::verify(&transcript).map_err(|e| e.to_string())?;
    let entries: Vec<Entry> = entries.into_iter().map(|(_, entry)| entry).collect();
    Ok(Left {
        hands,
        pile,
        tally: Tally::of(&entries),
        entries,
        // In the second pass the manifest stays on the stick of the first one.
        manifest: std::fs::read(folder.join("manifest.age"))
            .or_else(|_| std::fs::read(power::folders(&root.with_extension("away"))[0].join("manifest.age")))
            .unwrap_or_default(),
        identity,
        told,
        lines,
        transcript,
        stick: all_files(folder),
    })
}

fn all_files(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() {
            all_files(&path)
        } else {
            std::fs::read(&path).unwrap()
        });
    }
    bytes
}

/// Does to the copies of the transcript what a power cut does to files that are being written.
fn tear(root: &Path, cut: Cut) {
    for folder in power::folders(root) {
        let [first, second] = ["transcript.jsonl", "copy/transcript.jsonl"].map(|name| folder.join(name));
        let Ok(text) = std::fs::read(&first) else { return };
        let last = text
            .trim_ascii_end()
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let at = |length: usize| length * cut.place / 1000;
        let cut_to = |path, length| std::fs::write(path, &text[..length]).unwrap();
        match cut.torn {
            Torn::Nothing => {}
            Torn::NextLine => {
                let mut next = text.clone();
                next.extend(&br#"{"n":0,"at":"2026-11-22T10:00:00Z","prev":"0000000000"#[..=at(50)]);
                std::fs::write(&first, next).unwrap();
            }
            Torn::SecondCopy => cut_to(&second, last),
            Torn::SecondCopyPart => cut_to(&second, last + at(text.len() - last)),
            Torn::Sector => {
                let mut garbled = text.clone();
                let sector = (text.len().max(1) - 1) / 512 * 512;
                garbled[sector..]
                    .iter_mut()
                    .for_each(|byte| *byte = byte.wrapping_mul(31) ^ 0xA5);
                std::fs::write(&first, garbled).unwrap();
            }
        }
    }
}

/// Starts the station once, and cuts the power when both people are seated; the error is what it refuses.
pub(crate) fn begin(kind: Kind, root: &Path) -> Result<(), String> {
    // Recipients differ from start to start, and the plan's hash is not looked at here.
    let plan = Plan::parse(&plan(kind, &Identity::generate().recipient())).unwrap();
    let power = Rc::new(Power::new(root, None));
    let pile = Rc::default();
    let mut hands = Hands::new(Bus::new(1, &power), 1, &pile);
    let mut person = Person::new(&mut hands, &power);
    person.leaves = true;
    let clock = Cell::new(BEGINNING);
    let started = catch_unwind(AssertUnwindSafe(|| {
        start(&plan, root, &mut person, &pile, &power, &clock)
    }));
    match started {
        Ok(result) => result.map(drop),
        Err(panic) if panic.is::<PowerCut>() => Ok(()),
        Err(panic) => resume_unwind(panic),
    }
}

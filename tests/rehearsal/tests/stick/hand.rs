//! An officer who does whatever the station asks for, unless the test does something else first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use bench::client::{Client, OK};
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::medium::Medium;
use bench::report::Authenticator as _;
use bench::stick::Stick;
use regex::Regex;
use rehearsal::built;
use rehearsal::evidence::{occurrences, raw};
use rehearsal::officer::{Officer, PATIENCE};
use rehearsal::station::{STICK, Station};
use rehearsal::{Result, many, papers, plan, station};
use tempfile::TempDir;

/// Machines that run at one time: under emulation each takes a processor.
const MACHINES: usize = 2;

static FREE: Mutex<usize> = Mutex::new(MACHINES);
static FREED: Condvar = Condvar::new();

/// Leave to run one machine.
struct Turn;

impl Turn {
    fn wait() -> Self {
        let free = FREE.lock().unwrap();
        *FREED.wait_while(free, |free| *free == 0).unwrap() -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.lock().unwrap() += 1;
        FREED.notify_one();
    }
}

/// What the officer is shown or asked, and does unless the test does it instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    PutIn,
    Erase,
    TakeOut,
    PutBack,
    SlipWhole,
    Label,
    Bag,
    RecordWhole,
    StickIsIn,
    GoOnWithStick,
    TryAgain,
    Over,
}

/// What the officer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// What is always answered.
    Usual,
    /// This line.
    Line(&'static str),
    /// The test has answered already.
    Given,
}

const PROMPTS: [(Prompt, &str); 12] = [
    (Prompt::PutIn, "Put in the security key"),
    (Prompt::Erase, r"Erase this key\? \(yes/no\)"),
    (Prompt::TakeOut, "Take the key out now"),
    (Prompt::PutBack, "Put it back into the same socket"),
    (Prompt::SlipWhole, r"the PIN. Did it come out whole\? \(yes/no\)"),
    (
        Prompt::Label,
        r"Stick the label [0-9A-Z]{6} on the key.*type the label id you read:",
    ),
    (Prompt::Bag, "Number of the bag for the .*:"),
    (Prompt::RecordWhole, r"record come out whole\? \(yes/no\)"),
    (Prompt::StickIsIn, "Press Enter when the stick is in."),
    (Prompt::GoOnWithStick, r"Go on with this stick\? \(yes/no\)"),
    (Prompt::TryAgain, r"Try again when the cause is removed. \(yes\)"),
    (Prompt::Over, "Press Enter to switch off"),
];

/// The sticks and the key of one test.
pub(crate) struct Bench {
    folder: TempDir,
    pub(crate) recipient: String,
    key: VirtualKey,
    _turn: Turn,
}

/// A ceremony that is over.
pub(crate) struct Left {
    pub(crate) console: String,
    ceremony: String,
    printed: Vec<u8>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let turn = Turn::wait();
        let folder = tempfile::tempdir().unwrap();
        Self {
            recipient: many::make_identity(&folder.path().join("identity.txt")).unwrap(),
            folder,
            key: VirtualKey::new(EngineConfig::default()).unwrap(),
            _turn: turn,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A stick with the plan.
    pub(crate) fn stick(&self, name: &str) -> Stick {
        station::make_stick(&self.path(name), &plan::plan(1, &self.recipient)).unwrap()
    }

    pub(crate) fn boot(&self, stick: &Stick, medium: &Medium) -> Station {
        Station::start_served(
            &built::image(built::SERIAL_KERNEL),
            stick.clone(),
            medium,
            &self.path("console.log"),
        )
        .unwrap()
    }

    /// Holds a ceremony for one key; `meddle` is told of each prompt before it is answered, and says what is typed if
    /// it is not the usual thing.
    pub(crate) fn hold(
        &self,
        stick: &Stick,
        medium: &Medium,
        meddle: impl FnMut(Prompt, &str, &mut Officer<'_>) -> Result<Reply>,
    ) -> Left {
        let mut station = self.boot(stick, medium);
        let mut officer = Officer::new(&mut station);
        let ceremony = officer.begin().unwrap();
        self.answer(&mut officer, meddle)
            .unwrap_or_else(|error| panic!("{error}"));
        let console = station.console().text();
        let (_, printed) = station.finish().unwrap();
        Left {
            console,
            ceremony,
            printed,
        }
    }

    fn answer(
        &self,
        officer: &mut Officer<'_>,
        mut meddle: impl FnMut(Prompt, &str, &mut Officer<'_>) -> Result<Reply>,
    ) -> Result<()> {
        let patterns = PROMPTS.map(|(_, pattern)| Regex::new(pattern).unwrap());
        loop {
            let console = officer.station().console();
            let (place, text) = console.expect_one_of(patterns.iter().cloned(), PATIENCE)?;
            let prompt = PROMPTS[place].0;
            match meddle(prompt, &text, officer)? {
                Reply::Usual => {}
                Reply::Line(line) => {
                    officer.say(line)?;
                    continue;
                }
                Reply::Given => continue,
            }
            match prompt {
                Prompt::PutIn | Prompt::PutBack => officer.plug(0, &self.key)?,
                Prompt::TakeOut => officer.station().machine().pull(0)?,
                Prompt::Label => {
                    let label = text
                        .rsplit_once("Stick the label ")
                        .map_or("", |(_, rest)| &rest[..6]);
                    officer.say(label)?;
                }
                Prompt::Bag => officer.say("-")?,
                Prompt::StickIsIn => officer.say("")?,
                Prompt::Over => return officer.say(""),
                _ => officer.say("yes")?,
            }
        }
    }
}

/// Pulls the stick, and puts in another one, or the same one after something was done to it.
pub(crate) fn exchange(officer: &mut Officer<'_>, medium: &Medium) -> Result<()> {
    let machine = officer.station().machine();
    machine.pull_stick(STICK)?;
    put_in(officer, medium)
}

pub(crate) fn put_in(officer: &mut Officer<'_>, medium: &Medium) -> Result<()> {
    officer.station().machine().plug_stick_served(STICK, medium)?;
    std::thread::sleep(Duration::from_secs(2));
    Ok(())
}

impl Left {
    /// The last stick holds everything, nothing on any stick is a PIN, and the key has the PIN of its slip.
    pub(crate) fn check(&self, bench: &Bench, last: &Stick, others: &[&Stick]) {
        let name = |file: &str| format!("ceremony-{}/{file}", self.ceremony);
        let (transcript, manifest) = (bench.path("t.jsonl"), bench.path("m.age"));
        let bytes = last.read(&name("transcript.jsonl")).unwrap();
        assert_eq!(
            bytes,
            last.read(&name("copy/transcript.jsonl")).unwrap(),
            "the copies differ"
        );
        fs::write(&transcript, bytes).unwrap();
        fs::write(&manifest, last.read(&name("manifest.age")).unwrap()).unwrap();
        holds(&["verify".as_ref(), "transcript".as_ref(), &transcript]);
        holds(&[
            "verify".as_ref(),
            "manifest".as_ref(),
            &manifest,
            "--identity".as_ref(),
            &bench.path("identity.txt"),
            "--transcript".as_ref(),
            &transcript,
        ]);
        let record = [name("keys/a/k001"), name("keys/b/k001")];
        assert!(
            record.iter().any(|file| last.read(file).is_ok()),
            "{:?}",
            last.list()
        );
        let (slips, _) = papers::texts(&self.printed).unwrap();
        for slip in &slips {
            let groups: Vec<&[u8]> = slip.pin.as_bytes().chunks(4).collect();
            for pin in [slip.pin.as_bytes().to_vec(), groups.join(&b' ')] {
                for stick in others.iter().chain([&last]) {
                    assert_eq!(occurrences(&raw(stick).unwrap(), &pin), 0, "a PIN is on a stick");
                }
                assert_eq!(
                    occurrences(self.console.as_bytes(), &pin),
                    0,
                    "a PIN is on the screen"
                );
            }
        }
        bench.key.power_on().unwrap();
        let client = Client::connect(&bench.key).unwrap();
        let protocol = client.pin_protocol().unwrap();
        let pin = &slips.last().unwrap().pin;
        assert_eq!(
            client.pin_token(protocol, pin).unwrap(),
            OK,
            "the key refuses the PIN of its slip"
        );
        bench.key.power_off();
    }

    /// Each text was on the console, in this order.
    pub(crate) fn said(&self, texts: &[&str]) {
        let console = self.console.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut rest = console.as_str();
        for text in texts {
            let at = rest.find(text);
            assert!(at.is_some(), "not said, or not there: {text}\n{}", self.console);
            rest = &rest[at.unwrap_or_default() + text.len()..];
        }
    }
}

/// Runs this repository's program and has it succeed.
fn holds(arguments: &[&Path]) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/glasskey");
    let done = Command::new(program).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}; cargo build --bin glasskey makes it"));
    assert!(
        done.status.success(),
        "{arguments:?}\n{}",
        String::from_utf8_lossy(&done.stdout)
    );
}

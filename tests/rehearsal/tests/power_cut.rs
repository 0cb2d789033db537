//! The power of the real image fails while a line of the journal goes to the stick; a new machine takes the same stick
//! up and ends the ceremony.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage`. Without more, a few points are chosen at random:
//! `GLASSKEY_SEED` repeats the choice, `GLASSKEY_CASES` says how many, `GLASSKEY_CUTS=12-lost,30-torn` names them,
//! `GLASSKEY_CUTS=lines` plays every line in one way, and `GLASSKEY_CUTS=all` every line in every way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bench::client::{Client, OK};
use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::medium::{Cut, Medium, Request};
use bench::qemu::Qemu;
use bench::report::Authenticator as _;
use bench::usbredir::printer::Printer;
use regex::Regex;
use rehearsal::built;
use rehearsal::evidence::{self, occurrences, sha256};
use rehearsal::papers::{self, Paper};
use rehearsal::station::{PRINTER_ID, PRINTER_PORT, STICK, make_stick};
use rehearsal::{Error, Result, plan};

/// Somebody else's; nothing here is decrypted.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
/// Lines of a ceremony for two keys without a cut.
const LINES: usize = 70;
/// Points that are played unless somebody wants more or others.
const CASES: usize = 6;
/// Emulation uses one core each.
const MACHINES: usize = 2;
const PATIENCE: Duration = Duration::from_mins(4);
const LOOK: Duration = Duration::from_secs(1);
const PIN_INVALID: u8 = 0x31;
const SOCKET: usize = 0;

/// What becomes of the write at which the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The line does not reach the first copy.
    Lost,
    /// A sector of it does.
    Torn,
    /// The first copy has it, and the second copy is not begun.
    First,
    /// The first copy has it, and it does not reach the second copy.
    SecondLost,
    /// The line reaches the second copy as well.
    Second,
}

impl Way {
    const ALL: [Self; 5] = [
        Self::Lost,
        Self::Torn,
        Self::First,
        Self::SecondLost,
        Self::Second,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Torn => "torn",
            Self::First => "first",
            Self::SecondLost => "second-lost",
            Self::Second => "second",
        }
    }
}

/// A line of the journal, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    line: usize,
    way: Way,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.line, self.way.name())
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("{text:?} is no point such as 12-lost");
        let (line, way) = text.split_once('-').ok_or_else(wrong)?;
        Ok(Self {
            line: line.parse().map_err(|_| wrong())?,
            way: Way::ALL.into_iter().find(|w| w.name() == way).ok_or_else(wrong)?,
        })
    }
}

impl Point {
    fn all() -> Vec<Self> {
        let ways = |line| Way::ALL.map(|way| Self { line, way });
        (1..=LINES).flat_map(ways).collect()
    }

    fn cut(self) -> Cut {
        let text = format!("\"n\":{},", self.line).into_bytes();
        let copy = text.clone();
        let again = move |request: &Request<'_>| match request {
            Request::Write { data, .. } => occurrences(data, &copy) > 0,
            Request::Flush => false,
        };
        let cut = Cut::at_text(&text);
        match self.way {
            Way::Lost => cut,
            Way::Torn => cut.torn(512),
            Way::First => cut.applied(),
            Way::SecondLost => cut.then(again),
            Way::Second => cut.then(again).applied(),
        }
    }
}

/// What people have in their hands, whatever machine is on.
struct Table {
    keys: Vec<VirtualKey>,
    /// The label that each key was to get when it was put in last.
    labels: Vec<Option<String>>,
    plugged: Option<usize>,
    announced: String,
    printed: Vec<u8>,
    console: String,
    bags: usize,
    printer: Printer,
    /// The ceremony had ended before the power failed, and the next start said so.
    was_over: bool,
}

/// How a machine ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Cut,
    Off,
}

/// What the station says, and what is done then.
const PROMPTS: [(&str, Act); 19] = [
    // A slow machine looks for the stick before the bus has it.
    (
        r"No stick with a file [^?]*\?\? Press Enter to try again, or",
        Act::Say(""),
    ),
    ("Officer, type your initials .*:", Act::Say("AL")),
    ("Witness, type your initials .*:", Act::Say("GH")),
    (r"type your initials \S+ to agree, or no:", Act::Say("GH")),
    ("Switch the printer off now", Act::CyclePrinter),
    (r"=== Key \d+ of \d+: label [0-9A-Z]{6}, for", Act::Note),
    ("Take out every security key now", Act::Pull),
    ("Put in the security key for this label", Act::Choose),
    (r"Erase this key\? \(yes/no\)", Act::Say("yes")),
    ("Take the key out now", Act::Pull),
    ("Put it back into the same socket", Act::PutBack),
    (r"was printed\. Fold it .*whole\? \(yes/no\)", Act::Say("yes")),
    ("type the label id you read:", Act::Label),
    (r"Number of the bag for .*:", Act::Bag),
    (
        r"Why\? One line for the record, never a PIN:",
        Act::Say("the power failed"),
    ),
    (r"record come out whole\? \(yes/no\)", Act::Say("yes")),
    ("is finished: 2 keys prepared", Act::Finished),
    (r"which has ended\. Its manifest is whole\.", Act::Over),
    (r"Try again.*\(yes|Press Enter to try again, or", Act::Wrong),
];

#[derive(Debug, Clone, Copy)]
enum Act {
    Say(&'static str),
    Note,
    CyclePrinter,
    Pull,
    Choose,
    PutBack,
    Label,
    Bag,
    Finished,
    Over,
    Wrong,
}

impl Table {
    fn new() -> Self {
        let key = |_| {
            let key = VirtualKey::new(EngineConfig::default()).expect("a virtual key");
            key.set_touch(Touch::Auto(Duration::from_millis(20)));
            key
        };
        Self {
            keys: (0..2).map(key).collect(),
            labels: vec![None; 2],
            plugged: None,
            announced: String::new(),
            printed: Vec::new(),
            console: String::new(),
            bags: 0,
            printer: Printer::new(PRINTER_ID),
            was_over: false,
        }
    }

    /// Works at one machine until the power fails or the ceremony is finished.
    fn sit_at(&mut self, machine: &mut Qemu, medium: &Medium) -> Result<End> {
        let patterns: Vec<Regex> = PROMPTS
            .iter()
            .map(|(pattern, _)| Regex::new(pattern).map_err(|e| Error::Wrong(e.to_string())))
            .collect::<Result<_>>()?;
        let mut since = Instant::now();
        loop {
            let seen = machine.console().expect_one_of(patterns.iter().cloned(), LOOK);
            if medium.is_cut() {
                return Ok(End::Cut);
            }
            match seen {
                Ok((place, text)) => {
                    since = Instant::now();
                    if self.act(PROMPTS[place].1, &text, machine)? {
                        return Ok(End::Off);
                    }
                }
                Err(error) if since.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => {}
            }
        }
    }

    /// Does what is asked for; true when the machine has been switched off.
    fn act(&mut self, act: Act, text: &str, machine: &mut Qemu) -> Result<bool> {
        match act {
            Act::Say(words) => machine.console().send_line(words)?,
            Act::Note => {
                let label = text
                    .rsplit_once("label ")
                    .map(|(_, rest)| rest.chars().take(6).collect());
                self.announced = label.unwrap_or_default();
            }
            Act::CyclePrinter => {
                machine.pull(PRINTER_PORT)?;
                machine
                    .console()
                    .expect("Switch the printer on again", PATIENCE)?;
                machine.plug(PRINTER_PORT, &self.printer)?;
            }
            Act::Pull => {
                if machine.is_plugged(SOCKET) {
                    machine.pull(SOCKET)?;
                }
            }
            Act::Choose => {
                let is_wanted = |label: &Option<String>| label.as_ref() == Some(&self.announced);
                let key = self.labels.iter().position(is_wanted);
                let key = key.or_else(|| self.labels.iter().position(Option::is_none));
                let key = key.ok_or_else(|| Error::Wrong("every key has another label".into()))?;
                self.labels[key] = Some(self.announced.clone());
                self.plugged = Some(key);
                machine.plug(SOCKET, &self.keys[key])?;
            }
            Act::PutBack => {
                let key = self
                    .plugged
                    .ok_or_else(|| Error::Wrong("no key was out".into()))?;
                machine.plug(SOCKET, &self.keys[key])?;
            }
            Act::Label => machine.console().send_line(&self.announced)?,
            Act::Bag => {
                self.bags += 1;
                machine.console().send_line(&format!("B-{}", self.bags))?;
            }
            Act::Finished => {
                machine.console().expect("Press Enter to switch off", PATIENCE)?;
                machine.console().send_line("")?;
                machine.wait_exit(Duration::from_secs(30))?;
                return Ok(true);
            }
            Act::Over => {
                self.was_over = true;
                machine.kill()?;
                return Ok(true);
            }
            Act::Wrong => return Err(Error::Wrong(format!("the station is in trouble: {text}"))),
        }
        Ok(false)
    }
}

/// Holds a ceremony whose power fails at this point; tells what the next start said.
fn play(point: Point, folder: &Path) -> Result<String> {
    let image = folder.join("stick.img");
    let plan = plan::plan(2, RECIPIENT).replace("pin_custody = \"manifest\"", "pin_custody = \"slip\"");
    let stick = make_stick(&image, &plan)?;
    let medium = Medium::serve(&image)?;
    let mut table = Table::new();
    let mut ends = Vec::new();
    while ends.last() != Some(&End::Off) {
        if ends.len() > 1 {
            return Err(Error::Wrong("the power failed again".into()));
        }
        medium.power_on();
        let mut machine = Qemu::builder()
            .kernel(built::image(built::SERIAL_KERNEL))
            .memory(512)
            .stick_served(STICK, &medium)
            .redir_ports(4)
            .console_log(folder.join(format!("console-{}.log", ends.len())))
            .start()?;
        machine.plug(PRINTER_PORT, &table.printer)?;
        if ends.is_empty() {
            let switch = machine.kill_switch();
            medium.arm(point.cut().and_then(move || switch.kill()));
        } else if let Some(key) = table.plugged {
            // The key that was in the socket is still there.
            machine.plug(SOCKET, &table.keys[key])?;
        }
        let end = table.sit_at(&mut machine, &medium);
        let last = machine.console().last_lines();
        table.console.push_str(&machine.console().text());
        if machine.is_plugged(SOCKET) {
            machine.pull(SOCKET)?;
        }
        table.printed.extend(table.printer.take_printed());
        let end = end.map_err(|error| Error::Wrong(format!("{error}; the console said last:\n{last}")))?;
        if end == End::Cut {
            machine.kill()?;
        }
        drop(machine);
        ends.push(end);
    }
    drop(medium);
    let lines = check(&table, &stick, folder)?;
    let found = Regex::new(r"!! (The station stopped[^\n]*|The stick holds ceremony[^\n]*ended[^\n]*)")
        .expect("a pattern");
    let found = found.captures(&table.console).map(|c| c[1].trim().to_owned());
    Ok(match (found, ends.len()) {
        (_, 1) => format!("no cut: the ceremony has {lines} lines"),
        (Some(found), _) => found,
        (None, _) => "a new ceremony begins".into(),
    })
}

/// The key accepts the PIN on the paper sealed for its label, and nothing else holds that PIN.
///
/// Returns how many lines the transcript has.
fn check(table: &Table, stick: &bench::stick::Stick, folder: &Path) -> Result<usize> {
    let wrong = |what: String| Err(Error::Wrong(what));
    let mut transcripts = BTreeMap::new();
    for name in stick.list()? {
        let Some((ceremony, _)) = name
            .strip_prefix("ceremony-")
            .and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        let read = |file: &str| stick.read(&format!("ceremony-{ceremony}/{file}"));
        let (first, second) = (read("transcript.jsonl")?, read("copy/transcript.jsonl")?);
        // The next start began another ceremony, as it said, and was switched off.
        if table.was_over && occurrences(&first, b"\"event\":\"ended\"") == 0 {
            continue;
        }
        if first != second {
            return wrong(format!("the copies of the transcript of {ceremony} differ"));
        }
        // A ceremony whose first line was lost was never begun.
        if !first.is_empty() {
            transcripts.insert(ceremony.to_owned(), String::from_utf8_lossy(&first).into_owned());
        }
    }
    let (Some((ceremony, text)), 1) = (transcripts.pop_first(), transcripts.len() + 1) else {
        return wrong(format!("there is not one ceremony on the stick: {transcripts:?}"));
    };
    let lines = evidence::transcript(&text)?;
    let ended = lines.last().cloned().unwrap_or_default();
    let events = |kind: &str| {
        lines
            .iter()
            .filter(|line| line["event"] == kind)
            .cloned()
            .collect::<Vec<_>>()
    };
    let (voided, prepared) = (events("slip-voided"), events("key-prepared"));
    if ended["event"] != "ended"
        || ended["prepared"] != 2
        || prepared.len() != 2
        || ended["slips_printed"] != 2 + voided.len()
        || ended["slips_voided"] != voided.len()
    {
        return wrong(format!("the end does not add up: {ended}"));
    }
    let manifest = stick.read(&format!("ceremony-{ceremony}/manifest.age"))?;
    if events("manifest-written")
        .last()
        .is_none_or(|line| line["sha256"] != sha256(&manifest))
    {
        return wrong("the manifest is not the one that the transcript names".into());
    }
    let papers = papers::render(&table.printed, &folder.join("papers"))?;
    let mut slips: BTreeMap<u64, String> = BTreeMap::new();
    for paper in &papers {
        if let Paper::Slip { number, pin, .. } = paper {
            let number = number[..4]
                .parse()
                .map_err(|e| Error::Wrong(format!("{number}: {e}")))?;
            if slips.values().any(|other| other == pin) || slips.insert(number, pin.clone()).is_some() {
                return wrong(format!("two papers for slip {number}, or with its PIN"));
            }
        }
    }
    let raw = evidence::raw(stick)?;
    if occurrences(&raw, ceremony.as_bytes()) == 0 {
        return wrong("the search finds nothing on the stick".into());
    }
    for (number, pin) in &slips {
        if occurrences(&raw, pin.as_bytes()) + occurrences(table.console.as_bytes(), pin.as_bytes()) > 0 {
            return wrong(format!(
                "the PIN of slip {number} is on the stick or on the screen"
            ));
        }
    }
    let labels = papers
        .iter()
        .filter(|paper| matches!(paper, Paper::Label { .. }))
        .count();
    if labels < 2 || !papers.iter().any(|paper| matches!(paper, Paper::Record { .. })) {
        return wrong(format!("{labels} labels were printed, or no record"));
    }
    for line in &prepared {
        let (label, slip) = (line["label"].as_str(), line["slip"].as_u64().unwrap_or_default());
        let key = table.labels.iter().position(|l| l.as_deref() == label);
        let (Some(key), Some(pin)) = (key, slips.get(&slip)) else {
            return wrong(format!("no key or no paper: {line}"));
        };
        if voided.iter().any(|line| line["slip"] == slip) {
            return wrong(format!("slip {slip} is void and sealed"));
        }
        let others = slips
            .iter()
            .filter(|(number, _)| **number != slip)
            .map(|(_, pin)| pin.as_str());
        accepts_only(&table.keys[key], pin, others.collect())?;
    }
    Ok(lines.len())
}

fn accepts_only(key: &VirtualKey, pin: &str, others: Vec<&str>) -> Result<()> {
    key.power_on()?;
    let client = Client::connect(key)?;
    let protocol = client.pin_protocol()?;
    for (pin, expected) in others
        .into_iter()
        .flat_map(|other| [(other, PIN_INVALID), (pin, OK)])
        .chain([(pin, OK)])
    {
        let status = client.pin_token(protocol, pin)?;
        if status != expected {
            return Err(Error::Wrong(format!(
                "a key answers 0x{status:02x} to a PIN, not 0x{expected:02x}"
            )));
        }
    }
    key.power_off();
    Ok(())
}

/// The points of this run, and the seed of the choice.
fn points() -> (Vec<Point>, u64) {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|value: String| value.parse::<u64>().ok())
    };
    let seed = number("GLASSKEY_SEED").unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |since| since.as_secs() | 1)
    });
    let all = Point::all();
    match std::env::var("GLASSKEY_CUTS").ok().as_deref() {
        Some("all") => (all, seed),
        Some("lines") => {
            let ways = Way::ALL.len();
            let start = usize::try_from(seed).unwrap_or(0) % ways;
            let line = |line| all[(line - 1) * ways + (start + line) % ways];
            ((1..=LINES).map(line).collect(), seed)
        }
        Some(named) => (
            named
                .split(',')
                .map(|p| p.parse().unwrap_or_else(|e| panic!("{e}")))
                .collect(),
            seed,
        ),
        None => {
            let cases = number("GLASSKEY_CASES")
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(CASES);
            let mut state = seed;
            let chosen = (0..cases).map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                all[usize::try_from(state >> 33).unwrap_or(0) % all.len()]
            });
            (chosen.collect(), seed)
        }
    }
}

#[test]
fn the_next_start_ends_a_ceremony_whose_power_failed() {
    let (points, seed) = points();
    let names: Vec<String> = points.iter().map(Point::to_string).collect();
    let began = Instant::now();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("power-cut");
    fs::create_dir_all(&log).expect("a folder for the log");
    let log = log.join("image.md");
    let (queue, outcomes) = (Mutex::new(points.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..MACHINES {
            scope.spawn(|| {
                while let Some(point) = { queue.lock().expect("the queue").next() } {
                    let place = folder.path().join(point.to_string());
                    fs::create_dir_all(&place).expect("a folder");
                    let outcome = play(*point, &place).map_err(|error| error.to_string());
                    let _ = fs::remove_dir_all(&place);
                    let mut outcomes = outcomes.lock().expect("the outcomes");
                    outcomes.push((*point, outcome));
                    let seconds = began.elapsed().as_secs();
                    let count = outcomes.len();
                    let mut text = format!(
                        "{count} of {} points in {seconds} s, seed {seed}\n\n",
                        names.len()
                    );
                    for (point, outcome) in outcomes.iter() {
                        let said = match outcome {
                            Ok(said) => said.clone(),
                            Err(error) => format!("FAILED: {error}"),
                        };
                        let _ = writeln!(text, "| {point} | {said} |");
                    }
                    fs::write(&log, text).expect("the log");
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().expect("the outcomes");
    let failed: Vec<_> = outcomes
        .iter()
        .filter_map(|(p, o)| o.as_ref().err().map(|e| format!("{p}: {e}")))
        .collect();
    assert!(
        failed.is_empty(),
        "seed {seed}, points {}; {} failed:\n{}",
        names.join(","),
        failed.len(),
        failed.join("\n\n")
    );
}

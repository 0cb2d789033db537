//! What each key of a batch costs the station: time by its transcript, CPU time, requests to the stick, memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use bench::medium::{Medium, Requests};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Outcome;
use crate::officer::Officer;
use crate::{Error, Result, at};

/// The guest's page size, in bytes.
const PAGE: usize = 4096;
/// What the station had cost when so many keys were prepared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Keys prepared.
    keys: usize,
    /// CPU time of the virtual machine.
    cpu: Duration,
    /// Requests to the stick.
    requests: Requests,
    /// Pages of the station's memory that are not zero.
    pages: Option<u64>,
}

/// Notes what the station has cost so far; with a folder, its memory is looked at too.
pub(super) fn mark(
    officer: &mut Officer<'_>,
    medium: &Medium,
    keys: usize,
    folder: Option<&Path>,
) -> Result<Mark> {
    let machine = officer.station().machine();
    let cpu = cpu_time(machine.id())?;
    let pages = match folder {
        Some(folder) => {
            let path = folder.join("memory");
            machine.save_memory(&path)?;
            let pages = used_pages(&path)?;
            fs::remove_file(&path).map_err(at(&path))?;
            Some(pages)
        }
        None => None,
    };
    Ok(Mark {
        keys,
        cpu,
        requests: medium.requests(),
        pages,
    })
}

/// CPU time of a process, all its threads.
fn cpu_time(id: u32) -> Result<Duration> {
    /// `sysconf(_SC_CLK_TCK)` of every Linux.
    const TICKS: u64 = 100;
    let path = format!("/proc/{id}/stat");
    let text = fs::read_to_string(&path).map_err(at(&path))?;
    // The second field is a name in parentheses; user and system time are the 14th and 15th.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// Pages that hold anything but zeros. The station's kernel wipes what is given back, so these are in use.
fn used_pages(path: &Path) -> Result<u64> {
    let mut file = File::open(path).map_err(at(path))?;
    let mut bytes = vec![0; PAGE << 8];
    let zeros = vec![0; PAGE];
    let mut count = 0;
    loop {
        let read = file.read(&mut bytes).map_err(at(path))?;
        if read == 0 {
            return Ok(count);
        }
        count += bytes[..read]
            .chunks(PAGE)
            .filter(|page| *page != &zeros[..page.len()])
            .count() as u64;
    }
}

impl Outcome {
    /// Pages in use at each look, with the number of keys prepared.
    #[must_use]
    pub fn pages(&self) -> Vec<(usize, u64)> {
        self.marks
            .iter()
            .filter_map(|m| m.pages.map(|pages| (m.keys, pages)))
            .collect()
    }

    /// Mean machine seconds of the last `count` keys against those of the first: by the transcript, and by CPU time.
    pub fn growth(&self, count: usize) -> Result<(f64, f64)> {
        let spans = spans(&self.transcript)?;
        let wall: Vec<f64> = (0..self.keys.len())
            .map(|key| machine_seconds(&spans, key))
            .collect();
        let cpu: Vec<f64> = self
            .marks
            .windows(2)
            .map(|pair| pair[1].cpu.saturating_sub(pair[0].cpu).as_secs_f64())
            .collect();
        // The key in the middle had other work, and the first one waits for what is started once.
        let ratio = |all: &[f64]| mean(&all[all.len() - count..]) / mean(&all[..count]);
        Ok((ratio(&wall), ratio(&cpu)))
    }

    /// Where the machine time of a key goes.
    pub fn table(&self) -> Result<String> {
        let spans = spans(&self.transcript)?;
        let keys = self.keys.len();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let per_key = |n: usize| n as f64 / keys as f64;
        let mut sums: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for span in spans.iter().filter(|s| s.key.is_some()) {
            let sum = sums.entry(span.what.as_str()).or_default();
            *sum = (sum.0 + 1, sum.1 + span.seconds);
        }
        let machine: f64 = sums
            .iter()
            .filter(|(what, _)| **what != PEOPLE)
            .map(|(_, s)| s.1)
            .sum();
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{:<18} {:>8} {:>9} {:>9} {:>7}",
            "what", "per key", "s each", "s/key", "share"
        );
        for (what, (count, seconds)) in &sums {
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let each = seconds / *count as f64;
            let share = if *what == PEOPLE { 0.0 } else { seconds / machine };
            let all = seconds / per_key(keys * keys);
            let _ = writeln!(
                text,
                "{what:<18} {:>8.1} {each:>9.3} {all:>9.3} {share:>7.2}",
                per_key(*count)
            );
        }
        let _ = writeln!(
            text,
            "machine time per key: {:.2} s",
            machine / per_key(keys * keys)
        );
        if let (Some(first), Some(last)) = (self.marks.first(), self.marks.last()) {
            let count = |of: fn(&Requests) -> u64| (of(&last.requests) - of(&first.requests)) / keys as u64;
            let (reads, writes, flushes) = (count(|r| r.reads), count(|r| r.writes), count(|r| r.flushes));
            let _ = writeln!(
                text,
                "requests to the stick per key: {reads} reads, {writes} writes, {flushes} flushes"
            );
        }
        Ok(text)
    }

    /// Requests to the stick between two marks.
    #[must_use]
    pub fn requests_of(&self, key: usize) -> Option<Requests> {
        let (before, after) = (self.marks.get(key)?.requests, self.marks.get(key + 1)?.requests);
        Some(Requests {
            reads: after.reads - before.reads,
            writes: after.writes - before.writes,
            flushes: after.flushes - before.flushes,
        })
    }
}

/// Time in which people were waited for.
const PEOPLE: &str = "(people)";

/// The time between two lines of a transcript.
struct Span {
    /// The work that was going on, `journal` where only lines were written, or [`PEOPLE`].
    what: String,
    /// The key in hand, by its place; none before the first and after the last.
    key: Option<usize>,
    seconds: f64,
}

fn spans(transcript: &[Value]) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    let mut work: Option<String> = None;
    let (mut done, mut has_begun) = (0, false);
    let keys = transcript
        .iter()
        .filter(|line| line["event"] == "planned")
        .count();
    let time = |line: &Value| {
        let text = line["time"].as_str().unwrap_or_default();
        OffsetDateTime::parse(text, &Rfc3339).map_err(|e| Error::Wrong(format!("time {text}: {e}")))
    };
    for pair in transcript.windows(2) {
        let [from, to] = pair else { continue };
        let effect = |line: &Value| line["effect"].as_str().unwrap_or_default().to_owned();
        let event = |line: &Value| line["event"].as_str().unwrap_or_default().to_owned();
        match event(from).as_str() {
            "intended" => work = Some(effect(from)),
            "done" | "failed" => work = None,
            "key-prepared" => done += 1,
            "present" => has_begun = true,
            _ => {}
        }
        let awaits_people = event(to) == "answered"
            || event(to) == "intended"
                && matches!(effect(to).as_str(), "identify" | "reset" | "print-record");
        let what = match &work {
            Some(work) => work.clone(),
            None if awaits_people => PEOPLE.to_owned(),
            None => "journal".to_owned(),
        };
        spans.push(Span {
            what,
            key: (has_begun && done < keys).then_some(done),
            seconds: (time(to)? - time(from)?).as_seconds_f64(),
        });
    }
    Ok(spans)
}

fn machine_seconds(spans: &[Span], key: usize) -> f64 {
    let of_key = spans.iter().filter(|s| s.key == Some(key) && s.what != PEOPLE);
    of_key.map(|s| s.seconds).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

//! The beginning: a new ceremony, or one that is found unfinished on the stick.

use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::dialogue::FIRST_LABEL;
use super::driver::{Driver, DriverError, Finished, Ports};
use super::effect::Ending;
use super::identifying::settings;
use super::in_hand::InHand;
use super::job::{Job, Pass, Rules};
use super::journal::Journal;
use super::resume::{self, Next};
use super::scene::Scene;
use super::state::Ceremony;
use super::team::Team;
use super::vault_keeper::Keeper;
use super::{closing, passkeys};
use crate::console::ConsoleError;
use crate::id::{CeremonyId, LabelId};
use crate::manifest::schema::Role;
use crate::manifest::sign::StationKey;
use crate::media::resume::Begun;
use crate::media::{Folder, MANIFEST, Stick};
use crate::paper::stock::Stock;
use crate::pin::{self, NoRandomness};
use crate::plan::Plan;
use crate::transcript::{Act, Entry, Tally, Text, Transcript, hex};

/// Carries out a ceremony by `plan`, whose file had the SHA-256 `plan_sha256`: a new one, or the one that the
/// stick holds unfinished.
///
/// `checks` are the results of the self-test, which go into the transcript.
pub fn run<'a>(
    plan: &'a Plan,
    plan_sha256: &str,
    mut checks: Vec<Entry>,
    stick: &'a mut Stick,
    ports: Ports<'a>,
) -> Result<Finished, DriverError> {
    let sheet: Stock = plan
        .label_stock
        .parse()
        .map_err(|e: crate::paper::stock::UnknownStock| DriverError::Stock(e.0))?;
    let (found, ended) = Found::on(stick, plan_sha256)?;
    if found.is_none() {
        for over in ended {
            if over.is_uneven {
                Journal::taken_up(stick, &over)?;
            }
            ports.console.tell(&over.over(&stick.open_folder(&over.id)?))?;
        }
    }
    let passkeys = passkeys::read(stick, plan, found.as_ref(), (ports.now)())?;
    if let Some(options) = &passkeys {
        ports.console.tell(&options.words)?;
        checks.push(options.entry.clone());
    }
    let station = StationKey::generate().ok_or(NoRandomness)?;
    let id = match &found {
        Some(found) => found.id.clone(),
        None => draw_id(CeremonyId::draw)?,
    };
    let started = found.as_ref().map_or_else(|| (ports.now)(), |f| f.started);
    let next_label = label_place(plan, sheet, found.as_ref());
    let journal = match &found {
        Some(found) => Journal::taken_up(stick, found)?,
        None => Journal::new(stick, &id)?,
    };
    let driver = Driver {
        plan,
        scene: Scene::new(
            &plan.title,
            id.as_str(),
            plan.rehearsal,
            rules(plan, passkeys.is_some()),
        ),
        options: passkeys.map(|p| p.content),
        ports,
        journal,
        id,
        station,
        started,
        kept: Vec::new(),
        vault: Keeper::None,
        new_pins: Vec::new(),
        exported: closing::Exported::default(),
        in_hand: InHand::default(),
        ready: None,
        stock: sheet,
        next_label,
        asked: None,
    };
    match found {
        None => driver.new_ceremony(plan_sha256, checks),
        Some(found) => driver.go_on(&found, checks),
    }
}

/// A ceremony on the stick.
pub(super) struct Found {
    pub(super) id: CeremonyId,
    pub(super) text: String,
    pub(super) chain: Transcript,
    pub(super) tally: Tally,
    torn: u64,
    /// The two copies of the transcript differ, as a power cut leaves them.
    is_uneven: bool,
    pub(super) next: Next,
    started: OffsetDateTime,
    labels: LabelsUsed,
}

impl Found {
    /// Looks for the ceremony that is to go on; more than one would be a choice that nobody should make.
    ///
    /// Also returns those that have ended.
    fn on(stick: &Stick, plan_sha256: &str) -> Result<(Option<Self>, Vec<Self>), DriverError> {
        let (mut unfinished, mut ended) = (Vec::new(), Vec::new());
        for begun in stick.ceremonies()? {
            match Self::read(&begun)? {
                Some(found) if found.next == Next::Over => ended.push(found),
                found => unfinished.extend(found),
            }
        }
        if unfinished.len() > 1 {
            let ids: Vec<_> = unfinished.iter().map(|f| f.id.to_string()).collect();
            return Err(DriverError::Unfinished(format!(
                "The stick holds {} unfinished ceremonies: {}.\n   Use a stick of its own for each ceremony. Nothing has been done.",
                ids.len(),
                ids.join(", ")
            )));
        }
        let Some(found) = unfinished.pop() else {
            return Ok((None, ended));
        };
        if found.tally.plan_sha256.as_deref() != Some(plan_sha256) {
            return Err(DriverError::Unfinished(format!(
                "The stick holds the unfinished ceremony {}, and the plan is not the one it began with.\n   Put \
                 the first plan back, or use another stick. Nothing has been done.",
                found.id
            )));
        }
        Ok((Some(found), ended))
    }

    /// What the people are told of a ceremony that has ended: the power can fail before they read that it has.
    fn over(&self, folder: &Folder) -> String {
        let is_whole = |(sha256, _): &(String, u64)| {
            let file = folder.read(MANIFEST).unwrap_or_default();
            hex(digest(&SHA256, &file).as_ref()) == *sha256
        };
        let manifest = match &self.tally.manifest {
            None => "It left no manifest.",
            Some(written) if is_whole(written) => "Its manifest is whole.",
            Some(_) => "Its manifest is NOT whole: keep the stick, and do not erase its keys.",
        };
        format!(
            "!! The stick holds ceremony {}, which has ended. {manifest}\n   What begins now is another ceremony. If that \
             is not what you want, switch off: nothing is left to do.",
            self.id
        )
    }

    /// Reads what a ceremony's folder holds; `None` where no line was written, so nothing was done.
    fn read(begun: &Begun) -> Result<Option<Self>, DriverError> {
        let recovered = begun.transcript.agree(&Transcript::whole_lines)?;
        let (chain, entries) = Transcript::verify(&recovered.text).map_err(|error| {
            DriverError::Unfinished(format!(
                "The transcript of ceremony {} is damaged: {error}.",
                begun.ceremony
            ))
        })?;
        let Some((started, _)) = entries.first() else {
            return Ok(None);
        };
        if recovered.lost_lines > 0 {
            return Err(DriverError::Unfinished(format!(
                "The transcript of ceremony {} is damaged: {} lines do not continue it.\n   Keep the stick, and have \
                 the auditor look at it. Nothing has been done.",
                begun.ceremony, recovered.lost_lines
            )));
        }
        let tally = Tally::of(entries.iter().map(|(_, entry)| entry));
        Ok(Some(Self {
            id: begun.ceremony.clone(),
            next: resume::next(&tally),
            torn: recovered.torn,
            is_uneven: recovered.repaired,
            started: *started,
            labels: labels_of(&entries),
            text: recovered.text,
            chain,
            tally,
        }))
    }
}

/// Whether the stick holds a ceremony whose keys wait for their second pass (custody `rotate`).
pub fn waits_for_second_pass(stick: &Stick, plan_sha256: &str) -> Result<bool, DriverError> {
    let (found, _) = Found::on(stick, plan_sha256)?;
    Ok(found.is_some_and(|f| matches!(f.next, Next::Seal { .. })))
}

/// Where the next label goes on the sheet: places that labels were sent to are used.
fn label_place(plan: &Plan, stock: Stock, found: Option<&Found>) -> u16 {
    let used = found.map_or_else(LabelsUsed::default, |f| f.labels);
    let count = usize::from(stock.count().max(1));
    let first = used.first.unwrap_or(plan.first_label);
    let place = (usize::from(first.max(1)) - 1 + used.since) % count;
    u16::try_from(place + 1).unwrap_or(1)
}

fn draw_id<T>(draw: impl Fn(&mut dyn FnMut(&mut [u8])) -> T) -> Result<T, NoRandomness> {
    let mut failed = None;
    let id = draw(&mut |bytes| failed = pin::kernel_random(bytes).err());
    failed.map_or(Ok(id), Err)
}

impl Driver<'_> {
    fn new_ceremony(mut self, plan_sha256: &str, checks: Vec<Entry>) -> Result<Finished, DriverError> {
        let jobs = self.with_labels(Vec::new())?;
        closing::check_printable(&self, &jobs)?;
        let entry = Entry::Started {
            ceremony: self.id.clone(),
            title: Text::new(&self.plan.title),
            plan_sha256: plan_sha256.to_owned(),
            station: self.station.fingerprint(),
            version: version(),
            custody: self.plan.pin_custody,
            people: self.plan.people.clone(),
        };
        self.record(entry)?;
        for check in checks {
            self.record(check)?;
        }
        for job in &jobs {
            self.record(planned(job))?;
        }
        self.say_which()?;
        self.new_vault()?;
        let seen = self.look()?;
        let (mut ceremony, effects) = Ceremony::new(self.rules(), self.team(), jobs, seen.clone());
        let ending = self.drive(&mut ceremony, effects, seen)?;
        Ok(self.finished(ending, ceremony.prepared().len(), ceremony.rejected().len()))
    }

    /// The plan's keys with their labels; those that have none yet get one.
    fn with_labels(&self, mut jobs: Vec<Job>) -> Result<Vec<Job>, NoRandomness> {
        for key in self.plan.keys.iter().skip(jobs.len()) {
            let mut label = draw_id(LabelId::draw)?;
            while jobs.iter().any(|j| j.label == label) {
                label = draw_id(LabelId::draw)?;
            }
            jobs.push(Job {
                label,
                account: key.account.clone(),
                place: key.place,
                custodian: key.custodian.clone(),
                safe: key.safe.clone(),
            });
        }
        Ok(jobs)
    }

    fn go_on(mut self, found: &Found, checks: Vec<Entry>) -> Result<Finished, DriverError> {
        // The power can fail while the keys of the plan are written down: the others are added.
        let known = resume::jobs(&found.tally, Pass::Prepare);
        let added: Vec<Entry> = self.with_labels(known)?[found.tally.planned.len()..]
            .iter()
            .map(planned)
            .collect();
        let mut tally = found.tally.clone();
        for entry in &added {
            tally.add(entry);
        }
        let (cut, text) = match resume::next(&tally) {
            Next::GoOn { cut, found } => (cut, found),
            Next::Seal { cut, found: text } => return self.seal_keys(&found.tally, cut, &text, checks),
            Next::Over => {
                let (prepared, rejected) = (found.tally.prepared.len(), found.tally.rejected.len());
                return Ok(self.finished(Ending::Finished, prepared, rejected));
            }
        };
        self.say_which()?;
        // What survived is read before anything is written: a stick that lost it is left as it is.
        let pins_are_lost = self.unlock()?;
        self.load_keys(&found.tally)?;
        let text = if pins_are_lost {
            format!(
                "{text} The passphrase is lost: the PINs of the prepared keys are on their slips alone, and not in the manifest."
            )
        } else {
            text
        };
        let entry = self.resumed(cut, found.torn, &text);
        self.record(entry)?;
        for entry in added.into_iter().chain(checks) {
            self.record(entry)?;
        }
        if found.tally.prepared.is_empty() {
            self.new_vault()?;
        }
        let seen = self.look()?;
        let (mut ceremony, effects) = Ceremony::resumed(
            self.rules(),
            self.team(),
            &tally,
            cut || pins_are_lost,
            &text,
            seen.clone(),
        );
        let ending = self.drive(&mut ceremony, effects, seen)?;
        Ok(self.finished(ending, ceremony.prepared().len(), ceremony.rejected().len()))
    }

    fn say_which(&mut self) -> Result<(), ConsoleError> {
        let labels = if self.stock.roll().is_none() {
            let (stock, next, count) = (self.stock, self.next_label, self.stock.count());
            format!(
                "\n   Labels: sheet {stock}, the next one is label {next} of {count}. If it is not free, type labels \
                 and the number of the first free one, such as: labels {next}"
            )
        } else {
            String::new()
        };
        self.ports
            .console
            .tell(&format!("Ceremony {}: {}{labels}", self.id, self.plan.title))
    }

    pub(super) fn finished(&self, ending: Ending, prepared: usize, rejected: usize) -> Finished {
        Finished {
            ceremony: self.id.clone(),
            ending,
            prepared,
            rejected,
        }
    }

    /// The rules of the first pass.
    pub(super) fn rules(&self) -> Rules {
        rules(self.plan, self.options.is_some())
    }

    pub(super) fn team(&self) -> Team {
        let names = |role: Role| -> Vec<&str> {
            let people = self.plan.people.iter().filter(|p| p.role == role);
            people.map(|p| p.name.as_str()).collect()
        };
        Team::new(&names(Role::Officer), &names(Role::Witness))
    }
}

/// The rules of the first pass.
fn rules(plan: &Plan, passkeys: bool) -> Rules {
    Rules {
        pass: Pass::Prepare,
        custody: plan.pin_custody,
        split_slips: plan.split_slips,
        bags: plan.bags,
        configures: !settings(plan.key_policy).is_empty(),
        passkeys,
    }
}

/// The line about a key of the plan.
fn planned(job: &Job) -> Entry {
    let text = |t: &String| Text::new(t);
    Entry::Planned {
        label: job.label.clone(),
        account: job.account.clone(),
        place: job.place,
        custodian: job.custodian.as_ref().map(text),
        safe: job.safe.as_ref().map(text),
    }
}

pub(super) fn version() -> Text {
    Text::new(env!("CARGO_PKG_VERSION"))
}

/// What the transcript tells of the label sheet in the printer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LabelsUsed {
    /// What the officer last said is the first free label on it.
    first: Option<u16>,
    /// Labels sent to the printer since then, or since the beginning.
    since: usize,
}

fn labels_of(entries: &[(OffsetDateTime, Entry)]) -> LabelsUsed {
    let mut used = LabelsUsed::default();
    for (_, entry) in entries {
        match entry {
            Entry::Intended {
                effect: Act::PrintLabel,
                ..
            } => used.since += 1,
            Entry::Answered { question, answer, .. } if question.as_str() == FIRST_LABEL => {
                used = LabelsUsed {
                    first: answer.as_str().parse().ok(),
                    since: 0,
                };
            }
            _ => {}
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_goes_on_where_the_transcript_says() {
        let line = |entry| (OffsetDateTime::UNIX_EPOCH, entry);
        let printed = || {
            line(Entry::Intended {
                effect: Act::PrintLabel,
                key: None,
                slip: None,
            })
        };
        let said = |answer: &str| {
            line(Entry::Answered {
                question: Text::new(FIRST_LABEL),
                answer: Text::new(answer),
                by: None,
            })
        };
        let used = |first, since| LabelsUsed { first, since };
        assert_eq!(labels_of(&[]), used(None, 0));
        assert_eq!(labels_of(&[printed(), printed()]), used(None, 2));
        let moved = [printed(), said("30"), printed()];
        assert_eq!(labels_of(&moved), used(Some(30), 1));
        assert_eq!(labels_of(&[said("30"), said("7")]), used(Some(7), 0));
    }
}

//! What the full screen shows while a ceremony goes on: state and last words turned into a picture.

use std::time::{Duration, Instant};

use super::effect::{Notice, Question, Work};
use super::job::{Pass, Rules};
use super::state::Ceremony;
use crate::console::text;
use crate::console::view::{Batch, CheckItem, CheckState, Clock, Instruction, KeyPanel, Tone, View};
use crate::manifest::schema::PinCustody;
use crate::transcript::Act;

/// Time that a key allows for a reset after it was plugged in (CTAP 2.1, 6.6).
const RESET_WINDOW: Duration = Duration::from_secs(10);
/// Time that keys commonly wait for a touch.
const TOUCH: Duration = Duration::from_secs(30);

/// The picture, and the rules it is drawn by.
pub(super) struct Scene {
    view: View,
    rules: Rules,
    model: String,
    is_second_pass: bool,
}

impl Scene {
    pub(super) fn new(title: &str, ceremony: &str, rehearsal: bool, rules: Rules) -> Self {
        let mut scene = Self {
            view: View {
                title: title.to_owned(),
                ceremony: ceremony.to_owned(),
                rehearsal,
                ..View::default()
            },
            rules,
            model: String::new(),
            is_second_pass: false,
        };
        scene.reset_list();
        scene
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// Takes over what the state machine knows.
    pub(super) fn follow(&mut self, ceremony: &Ceremony, exceptions: usize) {
        self.is_second_pass = ceremony.pass() == Pass::Seal;
        self.view.batch = Batch {
            keys: ceremony.planned(),
            prepared: ceremony.prepared().len(),
            rejected: ceremony.rejected().len(),
            slips_printed: ceremony.slips().printed(),
            slips_voided: ceremony.slips().voided().len(),
            exceptions,
        };
        if ceremony.is_aborted() || ceremony.prepared().len() >= ceremony.planned() {
            self.view.checklist.clear();
        }
        self.view.key = ceremony
            .job()
            .filter(|_| !ceremony.is_aborted())
            .map(|job| KeyPanel {
                number: ceremony.prepared().len() + 1,
                of: ceremony.planned(),
                label: job.label.to_string(),
                account: job.account.to_string(),
                place: match job.place {
                    1 => "primary key".to_owned(),
                    backup => format!("backup key {}", backup - 1),
                },
                custodian: [&job.custodian, &job.safe]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", "),
                model: self.model.clone(),
            });
    }

    pub(super) fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Seated { officer, witness } => {
                self.view.officer.clone_from(officer);
                self.view.witness.clone_from(witness);
                return;
            }
            Notice::NextKey { .. } => {
                self.model.clear();
                self.reset_list();
            }
            Notice::Trouble(_) | Notice::SlipVoided(_) => {
                for item in &mut self.view.checklist {
                    if item.state == CheckState::Doing {
                        item.state = CheckState::Failed;
                    }
                }
            }
            _ => {}
        }
        self.view.clock = None;
        self.view.erases = None;
        let said = text::notice(notice);
        let tone = match notice {
            Notice::Trouble(_)
            | Notice::NotUnderstood(_)
            | Notice::WrongSocket
            | Notice::Gone(_)
            | Notice::SlipVoided(_)
            | Notice::PaperForSlip
            | Notice::PutAside(_)
            | Notice::NoPause
            | Notice::Found(_) => Tone::Trouble,
            Notice::AllDone { .. } | Notice::Paused => Tone::Done,
            _ => Tone::Act,
        };
        self.say(tone, &said);
        if matches!(notice, Notice::Prepared { .. } | Notice::Sealed { .. }) {
            // What to do now is large, what was done stands below it.
            let instruction = &mut self.view.instruction;
            std::mem::swap(&mut instruction.sentence, &mut instruction.detail);
        }
    }

    /// Work is held up, and somebody has to do something.
    pub(super) fn interrupted(&mut self, said: &str) {
        self.view.clock = None;
        self.say(Tone::Act, said);
    }

    pub(super) fn question(&mut self, question: &Question) {
        self.view.clock = None;
        self.view.erases = match question {
            Question::Erase { description, .. } => Some(description.clone()),
            _ => None,
        };
        let sentence = text::headline(question, self.is_second_pass);
        // All of the question stands where the answer is typed; here, what led to it.
        let before = &self.view.instruction;
        let detail = match before.tone {
            Tone::Trouble => format!("{} {}", before.sentence, before.detail)
                .trim_end()
                .to_owned(),
            _ => String::new(),
        };
        self.view.instruction = Instruction {
            tone: Tone::Answer,
            sentence,
            detail,
        };
    }

    pub(super) fn work(&mut self, work: &Work) {
        self.view.erases = None;
        self.view.clock = matches!(work, Work::Reset(_)).then(|| clock("Reset window", RESET_WINDOW));
        self.mark(work.act(), CheckState::Doing);
        self.say(Tone::Working, &text::work(work));
    }

    pub(super) fn touch(&mut self) {
        self.view.clock = Some(clock("Touch", TOUCH));
        self.view.instruction = Instruction {
            tone: Tone::Act,
            sentence: "Touch the key now.".into(),
            detail: String::new(),
        };
    }

    pub(super) fn ended(&mut self, act: Act, is_done: bool) {
        self.view.clock = None;
        self.mark(
            act,
            if is_done {
                CheckState::Done
            } else {
                CheckState::Failed
            },
        );
    }

    pub(super) fn identified(&mut self, description: &str) {
        description.clone_into(&mut self.model);
        if let Some(key) = &mut self.view.key {
            description.clone_into(&mut key.model);
        }
    }

    fn say(&mut self, tone: Tone, said: &str) {
        let mut lines = said.lines().map(|line| {
            line.trim_start_matches(['>', '!', '*', '?', '='])
                .trim()
                .trim_end_matches('=')
                .trim_end()
        });
        let sentence = lines
            .by_ref()
            .find(|line| !line.is_empty())
            .unwrap_or_default()
            .to_owned();
        let detail = lines.collect::<Vec<_>>().join(" ");
        self.view.instruction = Instruction {
            tone,
            sentence,
            detail,
        };
    }

    /// The steps of a key under this plan, none of them begun.
    fn reset_list(&mut self) {
        let rotates = self.rules.custody == PinCustody::Rotate;
        self.view.checklist = LIST
            .iter()
            .filter(|(act, _)| match act {
                Act::PrintSlip => !rotates,
                Act::StorePin => rotates,
                Act::Configure => self.rules.configures,
                Act::MakePasskey => self.rules.passkeys,
                _ => true,
            })
            .map(|(_, name)| CheckItem {
                name,
                state: CheckState::Waiting,
            })
            .collect();
    }

    fn mark(&mut self, act: Act, state: CheckState) {
        if act == Act::Identify {
            self.reset_list();
        }
        let act = if act == Act::PrintSecondHalf {
            Act::PrintSlip
        } else {
            act
        };
        let name = LIST.iter().find(|(a, _)| *a == act).map(|(_, name)| *name);
        if let Some(item) = self
            .view
            .checklist
            .iter_mut()
            .find(|item| Some(item.name) == name)
        {
            item.state = state;
        }
    }
}

/// The steps of a key in the words of the checklist.
const LIST: [(Act, &str); 11] = [
    (Act::Identify, "identified"),
    (Act::Reset, "erased"),
    (Act::PrintSlip, "slip printed"),
    (Act::StorePin, "PIN stored"),
    (Act::SetPin, "PIN set"),
    (Act::Configure, "settings"),
    (Act::ProvePin, "PIN proven"),
    (Act::MakeIdentity, "identity"),
    (Act::MakePasskey, "passkey"),
    (Act::PrintLabel, "label"),
    (Act::StoreKey, "written"),
];

fn clock(name: &'static str, lasts: Duration) -> Clock {
    Clock {
        name,
        since: Instant::now(),
        lasts,
    }
}

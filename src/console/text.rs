//! The words of the ceremony, in one place: what to do, what is asked, what was answered.

use crate::ceremony::effect::{Notice, Question, Work};
use crate::ceremony::event::Answer;
use crate::transcript::Act;

/// A notice as a paragraph.
#[must_use]
pub fn notice(notice: &Notice) -> String {
    match notice {
        Notice::NextKey {
            number,
            of,
            account,
            label,
        } => {
            format!("\n=== Key {number} of {of}: label {label}, for {account} ===")
        }
        Notice::TakeOutAll(names) => format!(">> Take out every security key now: {}.", names.join(", ")),
        Notice::PutInKey => ">> Put in the security key for this label.".into(),
        Notice::SeveralKeys(names) => {
            format!(
                ">> More than one security key is plugged in ({}). Take out all but one.",
                names.join(", ")
            )
        }
        Notice::LeaveOnly(name) => {
            format!(">> Take out every other security key, and leave this one in: {name}.")
        }
        Notice::Gone(name) => {
            format!("!! The key was taken out: {name}. The question is withdrawn; nothing has been erased.")
        }
        Notice::TakeOut(name) => format!(">> Take the key out now: {name}."),
        Notice::PutBack => {
            ">> Put it back into the same socket. The reset follows by itself, within 10 seconds.".into()
        }
        Notice::WrongSocket => {
            ">> A key is in another socket. Take it out, and put the key back into the socket where it was."
                .into()
        }
        Notice::Trouble(failure) => format!("!! {}\n   {}", failure.text, failure.hint),
        Notice::SlipVoided(slip) => {
            format!(
                "!! Slip {slip} is void. If it is on paper, both of you see it torn up. A new PIN will be drawn."
            )
        }
        Notice::NotUnderstood(why) => format!("!! {why}."),
        Notice::Prepared { label, slip } => format!(
            "** The key {label} is prepared and proven. Seal slip {slip} into its bag, the key into its own.\n\
             >> Take the key out now."
        ),
        Notice::PutAside(label) => {
            format!("!! This key is put aside. Another key will get the label {label}.")
        }
        Notice::AllDone {
            prepared,
            rejected,
            printed,
            voided,
        } => format!(
            "\n=== All keys are done: {prepared} prepared, {rejected} put aside; {printed} slips printed, {voided} void ==="
        ),
    }
}

/// A question with the ways to answer it.
#[must_use]
pub fn question(question: &Question) -> String {
    match question {
        Question::Erase {
            description,
            account,
            label,
            long_touch,
        } => {
            let touch = if *long_touch {
                " This model wants a LONG touch for it."
            } else {
                ""
            };
            format!(
                "This is {description}.\n\
                 ?? EVERYTHING ON IT WILL BE ERASED, and it becomes the key {label} for {account}.{touch}\n\
                 ?? Erase this key? (yes/no)"
            )
        }
        Question::SlipWhole(slip) => format!(
            "?? Slip {slip} was printed. Fold it without reading the PIN. Did it come out whole? (yes/no)"
        ),
        Question::TryAgain => "?? Try again? no puts this key aside. (yes/no)".into(),
        Question::Retry => "?? Try again when the cause is removed. (yes)".into(),
        Question::Label(label) => {
            format!("?? Stick the label {label} on the key. Then scan it, or type the label id you read:")
        }
        Question::KeyBag => "?? Number of the bag for the key (scan or type; - for none):".into(),
        Question::SlipBag => "?? Number of the bag for the slip (scan or type; - for none):".into(),
        Question::RecordWhole => "?? Did the record come out whole? (yes/no)".into(),
    }
}

/// Reads an answer; `None` when it is none of those that the question offers.
#[must_use]
pub fn answer(question: &Question, line: &str) -> Option<Answer> {
    match question {
        Question::Label(_) | Question::KeyBag | Question::SlipBag => Some(Answer::Text(line.to_owned())),
        _ => match line.trim().to_ascii_lowercase().as_str() {
            "yes" => Some(Answer::Yes),
            "no" => Some(Answer::No),
            _ => None,
        },
    }
}

/// What is said while work is being done.
#[must_use]
pub fn work(work: &Work) -> String {
    match work {
        Work::Identify(key) => format!("   Looking at {} ...", key.name),
        Work::Reset(_) => "   Resetting the key ...".into(),
        Work::PrintSlip(slip) => format!("   Drawing a PIN and printing slip {slip} ..."),
        Work::SetPin(..) => "   Setting the PIN ...".into(),
        Work::ProvePin(..) => "   Checking the PIN with the key ...".into(),
        Work::MakeIdentity(..) => "   Making the identity credential ...".into(),
        Work::PrintLabel(label) => format!("   Printing label {label} ..."),
        Work::PrintRecord => "   Printing the ceremony record ...".into(),
        Work::Export => "   Writing manifest and transcript to the stick, reading them back ...".into(),
    }
}

/// What work is called in the transcript.
#[must_use]
pub fn act(work: &Work) -> Act {
    match work {
        Work::Identify(_) => Act::Identify,
        Work::Reset(_) => Act::Reset,
        Work::PrintSlip(_) => Act::PrintSlip,
        Work::SetPin(..) => Act::SetPin,
        Work::ProvePin(..) => Act::ProvePin,
        Work::MakeIdentity(..) => Act::MakeIdentity,
        Work::PrintLabel(_) => Act::PrintLabel,
        Work::PrintRecord => Act::PrintRecord,
        Work::Export => Act::Export,
    }
}

/// Short name of a question, for the transcript.
#[must_use]
pub fn subject(question: &Question) -> &'static str {
    match question {
        Question::Erase { .. } => "erase",
        Question::SlipWhole(_) => "slip-whole",
        Question::TryAgain | Question::Retry => "try-again",
        Question::Label(_) => "label",
        Question::KeyBag => "key-bag",
        Question::SlipBag => "slip-bag",
        Question::RecordWhole => "record-whole",
    }
}

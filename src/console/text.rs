//! The words of the ceremony, in one place: what to do, what is asked, what was answered.

use crate::ceremony::effect::{Notice, Part, Question, Work};
use crate::ceremony::event::{Answer, Wish};
use crate::ceremony::team::Member;
use crate::manifest::schema::Role;

/// The word that gives up a page for which there is no paper.
pub const STOP: &str = "stop";
/// Said while a page waits for paper.
pub const OUT_OF_PAPER: &str = ">> The printer is out of paper: add paper.\n   It goes on by itself, within ten minutes. To \
                                give this page up, type stop.";
/// Said when there is some again.
pub const PAPER_AGAIN: &str = "   The printer goes on.";

/// A notice as a paragraph.
#[must_use]
pub fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Seated { officer, witness } => format!("   Officer: {officer}. Witness: {witness}."),
        Notice::Found(text) => format!("!! {text}"),
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
        Notice::PutInAnyOf { left, of } => {
            format!(">> Put in a registered key: {left} of {of} still have their transport PIN.")
        }
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
        Notice::PaperForSlip => {
            "!! The printer has taken the slip and says that it is out of paper.\n   Add paper, and wait for the slip before \
             you answer."
                .into()
        }
        Notice::SwitchPrinterOff(slip) => format!(
            ">> Switch the printer off now.\n   It may hold the page of slip {slip}, which is void, and print it later. The \
             station sees when it is off."
        ),
        Notice::SwitchPrinterOn => {
            ">> Switch the printer on again, with paper in it.\n   If a void slip comes out, both of you see it torn up. \
             It goes on by itself."
                .into()
        }
        Notice::NotUnderstood(why) => format!("!! {why}."),
        Notice::Prepared {
            label,
            slip: Some(slip),
        } => format!(
            "** The key {label} is prepared and proven. Seal slip {slip} into its bag, the key into its own.\n\
             >> Take the key out now."
        ),
        Notice::Prepared { label, slip: None } => format!(
            "** The key {label} is prepared and proven, with a transport PIN. It goes to the registrar and comes back.\n\
             >> Take the key out now."
        ),
        Notice::Sealed { label, slip } => format!(
            "** The key {label} has the PIN of slip {slip}, proven. Seal slip {slip} into its bag, the key into its own.\n\
             >> Take the key out now."
        ),
        Notice::PutAside(label) => {
            format!("!! This key is put aside. Another key will get the label {label}.")
        }
        Notice::PauseLater => "   The pause begins when this key is finished.".into(),
        Notice::NoPause => "!! Neither pause nor abort is possible here: answer first.".into(),
        Notice::Paused => {
            "** The ceremony is paused. Lock up stick, keys and slips. Start the station with this stick to go on.".into()
        }
        Notice::AllDone {
            prepared,
            rejected,
            printed,
            voided,
            aborted,
        } => {
            let how = if *aborted { "The ceremony is broken off" } else { "All keys are done" };
            format!(
                "\n=== {how}: {prepared} prepared, {rejected} put aside; {printed} slips printed, {voided} void ==="
            )
        }
    }
}

/// A question with the ways to answer it.
#[must_use]
pub fn question(question: &Question) -> String {
    match question {
        Question::Officer(members) => format!("?? Officer, type your initials ({}):", choice(members)),
        Question::Witness(members) => format!("?? Witness, type your initials ({}):", choice(members)),
        Question::Agree { to, witness } => format!(
            "?? {to}\n?? {name}: type your initials {code} to agree, or no:",
            name = witness.name,
            code = witness.code
        ),
        Question::Reason { number, what } => {
            format!("?? Exception {number}: {what}\n?? Why? One line for the record, never a PIN:")
        }
        Question::Abort { prepared, left } => format!(
            "?? Break the ceremony off? {prepared} keys stay prepared and go into the manifest, {left} are left undone. (yes/no)"
        ),
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
        Question::SlipWhole(slip, part) => format!(
            "?? {what} {slip} was printed. Fold it without reading the PIN. Did it come out whole? (yes/no)",
            what = paper(*part)
        ),
        Question::TryAgain => "?? Try again? no puts this key aside. (yes/no)".into(),
        Question::Retry => "?? Try again when the cause is removed. (yes)".into(),
        Question::Label(label) => {
            format!("?? Stick the label {label} on the key. Then scan it, or type the label id you read:")
        }
        Question::KeyBag => "?? Number of the bag for the key (scan or type; - for none):".into(),
        Question::SlipBag(part) => format!(
            "?? Number of the bag for the {what} (scan or type; - for none):",
            what = paper(*part).to_lowercase()
        ),
        Question::RecordWhole => "?? Did the record come out whole? (yes/no)".into(),
    }
}

/// The question for the label of a key that has had it since the first pass.
#[must_use]
pub fn label_again(label: &str) -> String {
    format!("?? This is the key with label {label}. Scan the label on it, or type the label id you read:")
}

fn choice(members: &[Member]) -> String {
    let names = members.iter().map(|m| format!("{} = {}", m.code, m.name));
    names.collect::<Vec<_>>().join(", ")
}

fn paper(part: Part) -> &'static str {
    match part {
        Part::Whole => "Slip",
        Part::First => "First half of slip",
        Part::Second => "Second half of slip",
    }
}

/// The question in a few words, for large letters.
#[must_use]
pub fn headline(question: &Question, is_second_pass: bool) -> String {
    match question {
        Question::Officer(_) => "Who is the officer?".into(),
        Question::Witness(_) => "Who is the witness?".into(),
        Question::Erase { label, .. } => format!("Erase this key? It becomes {label}."),
        Question::Agree { witness, .. } => format!("{}: do you agree?", witness.name),
        Question::SlipWhole(slip, Part::Whole) => format!("Fold slip {slip} unread. Is it whole?"),
        Question::SlipWhole(slip, Part::First) => {
            format!("Fold the first half of slip {slip} unread. Is it whole?")
        }
        Question::SlipWhole(slip, Part::Second) => {
            format!("Fold the second half of slip {slip} unread. Is it whole?")
        }
        Question::TryAgain | Question::Retry => "Try again?".into(),
        Question::Reason { number, .. } => format!("Exception {number}: why did this happen?"),
        Question::Label(_) if is_second_pass => "Scan the label on the key.".into(),
        Question::Label(label) => format!("Stick label {label} on the key, then scan it."),
        Question::KeyBag => "Scan the number of the key's bag.".into(),
        Question::SlipBag(Part::Whole) => "Scan the number of the slip's bag.".into(),
        Question::SlipBag(Part::First) => "Scan the bag of the first half.".into(),
        Question::SlipBag(Part::Second) => "Scan the bag of the second half.".into(),
        Question::RecordWhole => "Is the record whole, and are these its words?".into(),
        Question::Abort { .. } => "Break the ceremony off?".into(),
    }
}

/// Reads a wish, which may be typed at any time.
#[must_use]
pub fn wish(line: &str) -> Option<Wish> {
    match line.trim().to_ascii_lowercase().as_str() {
        "pause" => Some(Wish::Pause),
        "abort" => Some(Wish::Abort),
        _ => None,
    }
}

/// Reads an answer; `None` when it is none of those that the question offers.
#[must_use]
pub fn answer(question: &Question, line: &str) -> Option<Answer> {
    match question {
        Question::Officer(_)
        | Question::Witness(_)
        | Question::Agree { .. }
        | Question::Reason { .. }
        | Question::Label(_)
        | Question::KeyBag
        | Question::SlipBag(_) => Some(Answer::Text(line.to_owned())),
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
        Work::PrintSecondHalf(slip) => format!("   Printing the second half of slip {slip} ..."),
        Work::StorePin => "   Writing the encrypted PIN to the stick ...".into(),
        Work::SetPin(..) => "   Setting the PIN ...".into(),
        Work::Configure(_) => "   Applying the plan's settings to the key ...".into(),
        Work::StoreKey => "   Writing the key's data to the stick ...".into(),
        Work::ChangePin(..) => "   Replacing the transport PIN ...".into(),
        Work::WhichPin(..) => "   Finding out which PIN the key has ...".into(),
        Work::ProvePin(..) => "   Checking the PIN with the key ...".into(),
        Work::MakeIdentity(..) => "   Making the identity credential ...".into(),
        Work::MakePasskey(..) => "   Making the passkey for the tenant ...".into(),
        Work::PrintLabel(label) => format!("   Printing label {label} ..."),
        Work::PrintRecord => "   Printing the ceremony record ...".into(),
        Work::Export => "   Writing manifest and transcript to the stick, reading them back ...".into(),
    }
}

/// Short name of a question, for the transcript.
#[must_use]
pub fn subject(question: &Question) -> &'static str {
    match question {
        Question::Officer(_) => "officer",
        Question::Witness(_) => "witness",
        Question::Agree { .. } => "agree",
        Question::Reason { .. } => "reason",
        Question::Abort { .. } => "abort",
        Question::Erase { .. } => "erase",
        Question::SlipWhole(_, Part::Second) => "second-half-whole",
        Question::SlipWhole(..) => "slip-whole",
        Question::TryAgain | Question::Retry => "try-again",
        Question::Label(_) => "label",
        Question::KeyBag => "key-bag",
        Question::SlipBag(Part::Second) => "second-slip-bag",
        Question::SlipBag(_) => "slip-bag",
        Question::RecordWhole => "record-whole",
    }
}

/// Whose answer a question wants.
#[must_use]
pub fn asked_of(question: &Question) -> Role {
    match question {
        Question::Agree { .. } | Question::Witness(_) => Role::Witness,
        _ => Role::Officer,
    }
}

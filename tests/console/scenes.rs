//! Moments of a ceremony, as they are shown.

use std::time::{Duration, Instant};

use glasskey::console::screen::board::{Board, Typed};
use glasskey::console::view::{Batch, CheckItem, CheckState, Clock, Instruction, KeyPanel, Tone, View};

const STEPS: [&str; 8] = [
    "Identify", "Reset", "Slip", "PIN", "Proof", "Identity", "Label", "Bags",
];

/// A view of the third key of twelve, with `done` steps done and the next in this state.
fn view(tone: Tone, sentence: &str, done: usize, next: CheckState) -> View {
    let state = |step: usize| match step.cmp(&done) {
        std::cmp::Ordering::Less => CheckState::Done,
        std::cmp::Ordering::Equal => next,
        std::cmp::Ordering::Greater => CheckState::Waiting,
    };
    View {
        title: "Emergency access 2026".into(),
        ceremony: "H4TQ-9XWC".into(),
        rehearsal: false,
        officer: "Zoë Bäcker".into(),
        witness: "Ivan Petrov".into(),
        instruction: Instruction {
            tone,
            sentence: sentence.into(),
            detail: String::new(),
        },
        erases: None,
        key: Some(KeyPanel {
            number: 3,
            of: 12,
            label: "K7QM-2D4X".into(),
            account: "emergency-access-one@contoso.onmicrosoft.com".into(),
            place: "primary key".into(),
            custodian: "Head of Finance, safe 2, Zürich".into(),
            model: "YubiKey 5 NFC, firmware 5.7.1, in socket 1-2".into(),
        }),
        checklist: (0..STEPS.len())
            .map(|step| CheckItem {
                name: STEPS[step],
                state: state(step),
            })
            .collect(),
        batch: Batch {
            keys: 12,
            prepared: 2,
            rejected: 1,
            slips_printed: 4,
            slips_voided: 1,
            exceptions: 2,
        },
        clock: None,
    }
}

fn board(since: Instant, view: &View) -> Board {
    let mut board = Board::new(since);
    board.tell("Self-test:\n   ok  no sockets: all 46 families are refused (ENOSYS)");
    board.tell("Ceremony H4TQ-9XWC: Emergency access 2026");
    board.tell("\n=== Key 2 of 12: label B2ZR-77KD, for emergency-access-one@contoso.onmicrosoft.com ===");
    board.tell("!! Slip 3 is void. If it is on paper, both of you see it torn up. A new PIN will be drawn.");
    board
        .tell("** The key B2ZR-77KD is prepared and proven. Seal slip 4 into its bag, the key into its own.");
    board.tell(">> Take the key out now.");
    board.tell("\n=== Key 3 of 12: label K7QM-2D4X, for emergency-access-one@contoso.onmicrosoft.com ===");
    board.show(view);
    board
}

/// Each scene: its name, the board, and how long after its beginning it is looked at.
pub(crate) fn all(since: Instant) -> Vec<(&'static str, Board, Duration)> {
    let mut scenes = Vec::new();
    let mut add = |name, board| scenes.push((name, board, Duration::from_millis(3400)));

    let mut arm = view(
        Tone::Act,
        "Put in the security key for this label.",
        0,
        CheckState::Waiting,
    );
    arm.rehearsal = true;
    arm.key.as_mut().unwrap().model.clear();
    arm.instruction.detail = "Nothing else may be plugged in. Use the socket on the left.".into();
    add("arm", board(since, &arm));

    let mut erase = view(Tone::Answer, "Erase this key?", 1, CheckState::Waiting);
    erase.erases = Some(
        "everything on the YubiKey 5 NFC in socket 1-2: 3 passkeys, its PIN, all that accounts know it by."
            .into(),
    );
    let mut board_erase = board(since, &erase);
    board_erase.ask(
        "This is YubiKey 5 NFC, firmware 5.7.1, in socket 1-2.\n\
         ?? EVERYTHING ON IT WILL BE ERASED, and it becomes the key K7QM-2D4X for emergency-access-one@contoso.onmicrosoft.com.\n\
         ?? Erase this key? (yes/no)",
        false,
    );
    board_erase.typed = Typed::Shown("ye".into());
    board_erase.show(&erase);
    add("erase", board_erase);

    let mut reset = view(Tone::Act, "Touch the key now.", 1, CheckState::Doing);
    reset.instruction.detail = "It blinks. Keep the finger on it for ten seconds.".into();
    reset.clock = Some(Clock {
        name: "Reset window",
        since,
        lasts: Duration::from_secs(10),
    });
    let mut board_reset = board(since, &reset);
    board_reset.tell("   Resetting the key ...");
    add("reset", board_reset);

    let mut board_slip = board(since, &View::default());
    board_slip.tell("   Drawing a PIN and printing slip 5 ...");
    board_slip.ask(
        "?? Slip 5 was printed. Fold it without reading the PIN. Did it come out whole? (yes/no)",
        false,
    );
    add("slip", board_slip);

    let mut trouble = view(Tone::Trouble, "The key refused the PIN.", 3, CheckState::Failed);
    trouble.instruction.detail =
        "It may have a rule of its own for PINs. Both of you note it; no puts this key aside.".into();
    let mut board_trouble = board(since, &trouble);
    board_trouble.tell("!! The key refused the PIN.\n   It may have a rule of its own for PINs.");
    board_trouble.ask("?? Try again? no puts this key aside. (yes/no)", false);
    board_trouble.show(&trouble);
    add("trouble", board_trouble);

    let mut done = view(Tone::Done, "All keys are done.", 8, CheckState::Done);
    done.key = None;
    done.checklist.clear();
    done.instruction.detail = "Compare the words of the fingerprint aloud, then sign the record.".into();
    done.batch.prepared = 12;
    add("done", board(since, &done));

    let mut board_hidden = Board::new(since);
    board_hidden
        .tell("Glasskey station: prepares security keys for emergency-access accounts, without a network.");
    board_hidden.ask("?? Passphrase of the station key:", true);
    board_hidden.typed = Typed::Hidden(5);
    add("hidden", board_hidden);

    let mut long = view(
        Tone::Working,
        "The identity credential is being made; nobody needs to do anything until the key blinks.",
        5,
        CheckState::Doing,
    );
    long.title = "Emergency access of a company with a name that is far too long for any screen, 2026".into();
    let key = long.key.as_mut().unwrap();
    key.account = "an-emergency-access-account-whose-name-has-exactly-64-bytes@x.io".into();
    key.custodian =
        "The head of a department with a long name, in the safe behind the picture, second shelf".into();
    add("long", board(since, &long));
    scenes
}

//! What the papers of these tests say.

use glasskey::id::{CeremonyId, KeyFingerprint, LabelId, SlipNumber};
use glasskey::language::Language;
use glasskey::manifest::StationFingerprint;
use glasskey::manifest::schema::PinCustody;
use glasskey::paper::Document;
use glasskey::paper::label::LabelContent;
use glasskey::paper::page::PaperSize;
use glasskey::paper::record::{
    Exception, Interruption, KeyLine, Pass, Person, RecordContent, Sitting, Wording,
};
use glasskey::paper::slip::{SlipContent, SlipPart};
use glasskey::paper::stock::Stock;
use glasskey::secret::{Pin, Secret};

/// A generator with a seed, so that pages are the same in every run.
pub(crate) fn seeded(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |bytes| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
    }
}

pub(crate) fn pin(text: &str) -> Pin {
    Secret::new(text.to_owned())
}

pub(crate) fn ceremony() -> CeremonyId {
    CeremonyId::draw(&mut seeded(1))
}

pub(crate) fn slip(paper: PaperSize) -> Document {
    slip_with(paper, SlipPart::Whole, Language::default())
}

/// A slip, or half of one, in a language.
pub(crate) fn slip_with(paper: PaperSize, part: SlipPart, text_language: Language) -> Document {
    Document::Slip(slip_content(paper, part, text_language))
}

/// What it says.
pub(crate) fn slip_content(paper: PaperSize, part: SlipPart, text_language: Language) -> SlipContent {
    SlipContent {
        slip: SlipNumber::new(7).expect("in range"),
        label: LabelId::draw(&mut seeded(2)),
        account: Some("emergency-one@contoso-international.onmicrosoft.com".into()),
        ceremony: ceremony(),
        date: "2026-11-22".into(),
        custodian: "Zoë Łukaszewicz-Brandt, safe in building 2".into(),
        paper,
        part,
        text_language,
    }
}

pub(crate) fn label(seed: u64) -> LabelContent {
    LabelContent {
        label: LabelId::draw(&mut seeded(seed)),
        ceremony: ceremony(),
        fingerprint: KeyFingerprint::of(&seed.to_le_bytes()),
    }
}

pub(crate) fn record(paper: PaperSize, keys: u32) -> RecordContent {
    let person = |role: &str, name: &str| Person {
        role: role.into(),
        name: name.into(),
    };
    let key = |number: u32| KeyLine {
        label: Some(LabelId::draw(&mut seeded(number.into()))),
        account: format!("bg-{number:02}-emergency@contoso-international.onmicrosoft.com"),
        model: "Token2 PIN+ Dual Release 3".into(),
        aaguid: "eabb46cc-e241-80bf-ae9e-96fa6d2975cf".into(),
        slip: SlipNumber::new(number),
        slip_bag: format!("KT-00{number:02}-4471").parse().ok(),
        second_slip_bag: None,
        key_bag: format!("KT-00{number:02}-4472").parse().ok(),
        custodian: "Zoë Łukaszewicz-Brandt".into(),
        safe: "Safe 2, Zürich".into(),
        fingerprint: Some(KeyFingerprint::of(&number.to_le_bytes())),
        outcome: "Prepared".into(),
    };
    let mut lines: Vec<KeyLine> = (1..=keys).map(key).collect();
    if let Some(last) = lines.last_mut() {
        last.outcome = "Rejected: no touch within 30 s, returned to the vendor".into();
        last.slip_bag = None;
        last.key_bag = None;
        last.fingerprint = None;
    }
    RecordContent {
        paper,
        ceremony: ceremony(),
        began: "2026-11-22 09:02".into(),
        ended: "2026-11-22 10:41".into(),
        rehearsal: false,
        title: "Emergency access, first issue 2026".into(),
        pass: Pass::Preparing,
        aborted: false,
        custody: PinCustody::Manifest,
        pin_policy: "8 random digits; trivial ones are drawn again.".into(),
        sittings: vec![Sitting {
            officer: "Margarethe Oberhuber".into(),
            witness: "José Ångström".into(),
            from: "2026-11-22 09:02".into(),
        }],
        interruptions: Vec::new(),
        people: vec![
            person("Security officer", "Margarethe Oberhuber"),
            person("Witness", "José Ångström"),
            person("Custodian", "Zoë Łukaszewicz-Brandt"),
            person("Custodian", "Иван Петров"),
        ],
        keys: lines,
        slips_printed: keys + 1,
        slips_sealed: keys,
        slips_voided: vec![SlipNumber::new(4).expect("in range")],
        keys_seen: keys,
        keys_prepared: keys - 1,
        keys_rejected: 1,
        exceptions: vec![
            exception(
                1,
                "Slip voided",
                "slip 0004-8",
                "The slip did not come out whole.",
            ),
            exception(
                2,
                "Key put aside",
                "label F5GV99",
                "The key did not answer to touch within 30 s.",
            ),
        ],
        transcript_head: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            .parse()
            .expect("64 digits"),
        transcript_lines: 143,
        station: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
            .parse()
            .expect("64 digits"),
        earlier_stations: Vec::new(),
        text_language: Language::default(),
    }
}

pub(crate) fn exception(number: u32, kind: &str, subject: &str, what: &str) -> Exception {
    Exception {
        number,
        kind: kind.into(),
        subject: subject.into(),
        what: what.into(),
        reason: "creased in the tray; both of us saw it".into(),
    }
}

/// A record of a day on which a lot happened: eight exceptions, a change of people, a pause and a power cut.
pub(crate) fn eventful(paper: PaperSize, keys: u32) -> RecordContent {
    let mut content = record(paper, keys);
    content.exceptions.extend((3..=8).map(|number| {
        let mut exception = exception(
            number,
            "Restart",
            "",
            "The ceremony was taken up again after a power cut. A reset of the key in hand was begun and may have happened.",
        );
        exception.reason = "The cleaner unplugged the station by mistake while we were waiting for the touch; the \
                            key lay on the table the whole time and neither of us left the room. 山田 has been told."
            .into();
        exception
    }));
    content.sittings.push(Sitting {
        officer: "José Ångström".into(),
        witness: "Zoë Łukaszewicz-Brandt".into(),
        from: "2026-11-22 10:05".into(),
    });
    let stop = |cut: bool, found: &str| Interruption {
        stopped: "2026-11-22 09:50".into(),
        resumed: Some("2026-11-22 10:05".into()),
        cut,
        found: found.into(),
    };
    content.interruptions = vec![
        stop(false, "No key was in hand."),
        stop(
            true,
            "The key in hand may have been reset; it had no PIN of this ceremony.",
        ),
    ];
    content.keys[0].second_slip_bag = "KT-0001-4473".parse().ok();
    content.earlier_stations = vec![StationFingerprint([0xA5; 32]), StationFingerprint([0x3C; 32])];
    content
}

/// The record as the station fills it in in a language.
pub(crate) fn in_language(mut content: RecordContent, language: Language) -> RecordContent {
    let words = Wording::of(language);
    content.text_language = language;
    content.pin_policy = words.pins(8, true, false);
    for (person, role) in content.people.iter_mut().zip([
        words.officer(),
        words.witness(),
        words.custodian(),
        words.custodian(),
    ]) {
        person.role = role.into();
    }
    let last = content.keys.len() - 1;
    for (number, key) in content.keys.iter_mut().enumerate() {
        key.outcome = if number == last {
            words.put_aside("no touch within 30 s, returned to the vendor")
        } else {
            words.prepared().into()
        };
    }
    for (exception, kind) in content
        .exceptions
        .iter_mut()
        .zip([words.slip_void(), words.key_put_aside()])
    {
        exception.kind = kind.into();
    }
    content.exceptions[0].subject = words.subject_slip("0004-8");
    content.exceptions[1].subject = words.subject_key("F5GV99");
    content
}

/// A sheet or roll by its name.
pub(crate) fn stock(name: &str) -> Stock {
    Stock::named(name).expect("it is in the table")
}

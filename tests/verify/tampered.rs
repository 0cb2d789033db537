//! One fact changed at a time: refused, with the exit code that tells what it was.

use glasskey::id::CeremonyId;
use glasskey::manifest::Manifest;
use glasskey::manifest::schema::PinCustody;
use glasskey::manifest::sign::StationKey;
use glasskey::transcript::{Act, Entry, Reading, Text};

use super::ceremony::{Ceremony, Files, account, act, answered, label, slip};
use super::{Folder, MANIFEST, TRANSCRIPT, code, record};

const BROKEN: i32 = 41;
const CONTRADICTS: i32 = 42;
const PAPER: i32 = 43;
const UNFINISHED: i32 = 44;
const DIFFER: i32 = 45;
const MANIFEST_CONTRADICTS: i32 = 46;

#[test]
fn a_changed_removed_or_swapped_line_breaks_the_chain() {
    let ceremony = Ceremony::new();
    let good = ceremony.write();
    assert_eq!(code(&ceremony, &good, &TRANSCRIPT), 0);
    let lines: Vec<&str> = good.transcript.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let mut removed = lines.clone();
    removed.remove(9);
    let mut swapped = lines.clone();
    swapped.swap(9, 10);
    for transcript in [
        good.transcript
            .replace("creased in the printer", "creased in the printel"),
        joined(&removed),
        joined(&swapped),
        joined(&lines[1..]),
        good.transcript.replacen("\"n\":4,", "\"n\":5,", 1),
        format!("{}\n", good.transcript),
    ] {
        let files = Files {
            transcript,
            ..good.clone()
        };
        assert_eq!(code(&ceremony, &files, &TRANSCRIPT), BROKEN);
        assert_eq!(code(&ceremony, &files, &MANIFEST), BROKEN);
        assert_eq!(code(&ceremony, &files, &record(&good.code.to_string())), BROKEN);
    }
}

#[test]
fn a_torn_last_line_is_unfinished_and_not_broken() {
    let ceremony = Ceremony::new();
    let mut files = ceremony.write();
    files.transcript.truncate(files.transcript.len() - 30);
    let folder = Folder::new(&ceremony, &files);
    let (code, text) = folder.verify(&TRANSCRIPT);
    assert_eq!(code, UNFINISHED, "{text}");
    assert!(text.contains("as a power cut leaves them"), "{text}");
    assert_eq!(
        folder
            .verify(&[
                "transcript",
                "transcript.jsonl",
                "--head",
                &files.code.head.words()
            ])
            .0,
        UNFINISHED
    );
}

#[test]
fn a_transcript_written_anew_does_not_have_the_head_on_paper() {
    let mut ceremony = Ceremony::new();
    let paper = ceremony.write().code;
    // The same ceremony without the exception that somebody would like to forget.
    let at = ceremony.find(|e| matches!(e, Entry::Exception { .. }));
    ceremony.entries.remove(at);
    let uncount = |end: &mut Entry| {
        if let Entry::Ended { exceptions, .. } = end {
            *exceptions = 0;
        }
    };
    let forged = ceremony.write_with(|_| {}, uncount);
    // By itself it cannot be told from a true one: this is what the paper is for.
    assert_eq!(code(&ceremony, &forged, &TRANSCRIPT), 0);
    assert_eq!(code(&ceremony, &forged, &record(&forged.code.to_string())), 0);
    assert_eq!(code(&ceremony, &forged, &record(&paper.to_string())), PAPER);
}

#[test]
fn a_head_of_a_line_where_nothing_was_printed_is_refused() {
    let ceremony = Ceremony::new();
    let files = ceremony.write();
    let reading = Reading::of(files.transcript.as_bytes());
    let early = &reading.lines[10].sha256;
    let late = &reading.lines[reading.lines.len() - 2].sha256;
    for head in [early, late] {
        assert_eq!(
            code(&ceremony, &files, &[&TRANSCRIPT[..], &["--head", head]].concat()),
            PAPER
        );
    }
}

#[test]
fn a_record_printed_before_the_last_key_does_not_cover_it() {
    let mut ceremony = Ceremony::new();
    let print = act(Act::PrintRecord, None, None);
    let record_at = ceremony.find(|e| *e == print[0]);
    ceremony.entries.drain(record_at..record_at + 2);
    let paused = ceremony.find(|e| matches!(e, Entry::Paused));
    ceremony.entries.splice(paused..paused, print);
    let files = ceremony.write();
    assert_eq!(code(&ceremony, &files, &TRANSCRIPT), 0);
    let head = files.code.head.words();
    assert_eq!(
        code(&ceremony, &files, &[&TRANSCRIPT[..], &["--head", &head]].concat()),
        PAPER
    );
}

/// Changes entries of a good ceremony; what comes out is a whole chain that contradicts itself.
fn contradicts(change: impl FnOnce(&mut Ceremony)) {
    let mut ceremony = Ceremony::new();
    change(&mut ceremony);
    let files = ceremony.write();
    assert_eq!(code(&ceremony, &files, &TRANSCRIPT), CONTRADICTS);
}

#[test]
fn a_pin_set_before_the_slip_was_confirmed_is_found() {
    contradicts(|c| {
        let at = c.find(|e| *e == answered("slip-whole", "yes"));
        c.entries.remove(at);
    });
    contradicts(|c| {
        let at = c.find(|e| *e == answered("slip-whole", "yes"));
        let confirmed = c.entries.remove(at);
        c.entries.insert(at + 2, confirmed);
    });
}

#[test]
fn a_slip_number_or_bag_that_comes_twice_is_found() {
    contradicts(|c| {
        for entry in &mut c.entries {
            if let Entry::Intended { slip: Some(s), .. }
            | Entry::Done { slip: Some(s), .. }
            | Entry::KeyPrepared { slip: Some(s), .. } = entry
                && *s == slip(3)
            {
                *s = slip(2);
            }
        }
    });
    contradicts(|c| {
        for entry in &mut c.entries {
            if let Entry::KeyPrepared { slip_bag, .. } = entry {
                *slip_bag = "S-1".parse().ok();
            }
        }
    });
}

#[test]
fn wrong_counts_at_the_end_are_found() {
    let ceremony = Ceremony::new();
    let changes: [fn(&mut Entry); 3] = [
        |end| {
            if let Entry::Ended { prepared, .. } = end {
                *prepared = 3;
            }
        },
        |end| {
            if let Entry::Ended { slips_voided, .. } = end {
                *slips_voided = 0;
            }
        },
        |end| {
            if let Entry::Ended { exceptions, .. } = end {
                *exceptions = 0;
            }
        },
    ];
    for change in changes {
        let files = ceremony.write_with(|_| {}, change);
        assert_eq!(code(&ceremony, &files, &TRANSCRIPT), CONTRADICTS);
    }
}

#[test]
fn strangers_other_accounts_and_equal_keys_are_found() {
    contradicts(|c| {
        let at = c.find(|e| matches!(e, Entry::Present { .. }));
        c.entries[at] = Entry::Present {
            officer: Text::new("Mallory"),
            witness: Text::new("Grace"),
        };
    });
    contradicts(|c| {
        for entry in &mut c.entries {
            if let Entry::KeyIdentified {
                label: l, account: a, ..
            } = entry
                && *l == label(1)
            {
                *a = account(2).parse().unwrap();
            }
        }
    });
    contradicts(|c| {
        for entry in &mut c.entries {
            if let Entry::KeyPrepared { fingerprint, .. } = entry {
                *fingerprint = Text::new("01234567");
            }
        }
    });
}

#[test]
fn a_clock_that_was_set_back_is_a_remark() {
    let ceremony = Ceremony::new();
    let mut chain = glasskey::transcript::Transcript::default();
    let mut transcript = String::new();
    for (line, entry) in ceremony.entries.iter().enumerate() {
        let line = if line == 20 { 2 } else { line };
        transcript += &chain.append(super::ceremony::at(line as u64), entry.clone());
    }
    let files = Files {
        transcript,
        ..ceremony.write()
    };
    let (code, text) = Folder::new(&ceremony, &files).verify(&TRANSCRIPT);
    assert_eq!(code, UNFINISHED, "{text}");
    assert!(text.contains("clock was set back"), "{text}");
}

#[test]
fn a_clock_that_the_officer_set_is_told_as_that() {
    let ceremony = Ceremony::new();
    let mut chain = glasskey::transcript::Transcript::default();
    let mut transcript = String::new();
    for (line, entry) in ceremony.entries.iter().enumerate() {
        let mut time = super::ceremony::at(line as u64);
        if line >= 20 {
            time -= std::time::Duration::from_hours(1);
        }
        if line == 20 {
            let was = time + std::time::Duration::from_hours(1);
            transcript += &chain.append(time, Entry::ClockSet { was, to: time });
        }
        transcript += &chain.append(time, entry.clone());
    }
    let files = Files {
        transcript,
        ..ceremony.write()
    };
    let (_, text) = Folder::new(&ceremony, &files).verify(&TRANSCRIPT);
    assert!(
        text.contains("Line 21: the officer set the station's clock from"),
        "{text}"
    );
    assert!(!text.contains("clock was set back"), "{text}");
}

#[test]
fn another_manifest_is_not_the_one_that_was_written() {
    let ceremony = Ceremony::new();
    let good = ceremony.write();
    // The same content, signed and sealed once more: another file.
    let swapped = Files {
        manifest: ceremony.write().manifest,
        ..good.clone()
    };
    let sealed = [
        "manifest",
        "manifest.age",
        "--sealed",
        "--transcript",
        "transcript.jsonl",
    ];
    assert_eq!(code(&ceremony, &good, &sealed), 0);
    assert_eq!(code(&ceremony, &swapped, &sealed), DIFFER);
    assert_eq!(code(&ceremony, &swapped, &MANIFEST), DIFFER);
    // Another ceremony's manifest, for the same auditor.
    let mut other = Ceremony::new();
    other.identity = ceremony.identity.to_file().expose().parse().unwrap();
    let foreign = Files {
        manifest: other.write().manifest,
        ..good.clone()
    };
    assert_eq!(code(&ceremony, &foreign, &MANIFEST), DIFFER);
    let station = good.code.station.words();
    assert_eq!(
        code(
            &ceremony,
            &foreign,
            &[&MANIFEST[..], &["--station", &station]].concat()
        ),
        12
    );
    // A byte changed, a byte lost.
    let mut damaged = good.clone();
    *damaged.manifest.last_mut().unwrap() ^= 1;
    assert_eq!(code(&ceremony, &damaged, &MANIFEST), 10);
    let mut cut = good;
    cut.manifest.pop();
    assert_eq!(code(&ceremony, &cut, &MANIFEST), 15);
    assert_eq!(code(&ceremony, &cut, &sealed), 15);
}

/// A manifest that the station itself signed, with one fact that is not the transcript's.
fn manifest_code(change: impl FnOnce(&mut Manifest)) -> i32 {
    let ceremony = Ceremony::new();
    let files = ceremony.write_with(change, |_| {});
    code(&ceremony, &files, &MANIFEST)
}

#[test]
fn each_fact_of_the_manifest_that_the_transcript_does_not_tell_is_found() {
    assert_eq!(manifest_code(|_| {}), 0);
    let changes: [fn(&mut Manifest); 12] = [
        |m| m.ceremony.id = CeremonyId::draw(&mut |bytes| bytes.fill(6)),
        |m| m.ceremony.title.push('!'),
        |m| m.keys[0].key_bag = "K-9".parse().ok(),
        |m| m.keys[1].slip_bag = None,
        |m| m.keys[0].account = "someone@contoso.onmicrosoft.com".parse().unwrap(),
        |m| m.keys[0].custodian = Some("Mallory".into()),
        |m| m.keys[0].safe = None,
        |m| m.people[0].name = "Mallory".into(),
        |m| m.transcript.entries -= 1,
        |m| m.transcript.sha256 = "00".repeat(32),
        |m| m.keys[0].label = label(9),
        |m| m.keys.swap(0, 1),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let expected = if index == 11 { 0 } else { DIFFER };
        assert_eq!(manifest_code(change), expected, "change {index}");
    }
}

#[test]
fn a_manifest_that_contradicts_itself_is_found_without_a_transcript() {
    let changes: [fn(&mut Manifest); 10] = [
        |m| m.slips.printed += 1,
        |m| m.slips.voided = vec![slip(2)],
        |m| m.keys[1].slip = m.keys[0].slip,
        |m| m.keys[1].slip_bag = m.keys[0].key_bag.clone(),
        |m| m.keys[1].label = m.keys[0].label.clone(),
        |m| m.pin_custody = PinCustody::Slip,
        |m| {
            m.pin_custody = PinCustody::Rotate;
            drop(m.keys[0].pin.take());
        },
        |m| m.keys[0].identity.attestation.verified = true,
        |m| m.keys[1].identity = m.keys[0].identity.clone(),
        |m| m.keys[0].identity.public_key.0[20] ^= 1,
    ];
    let ceremony = Ceremony::new();
    let alone = ["manifest", "manifest.age", "--identity", "auditor.txt"];
    assert_eq!(code(&ceremony, &ceremony.write(), &alone), 0);
    for (index, change) in changes.into_iter().enumerate() {
        let files = ceremony.write_with(change, |_| {});
        assert_eq!(
            code(&ceremony, &files, &alone),
            MANIFEST_CONTRADICTS,
            "change {index}"
        );
    }
}

#[test]
fn a_manifest_signed_by_an_earlier_station_key_is_found() {
    let mut ceremony = Ceremony::new();
    ceremony.station = StationKey::generate().unwrap();
    let files = ceremony.write();
    assert_eq!(code(&ceremony, &files, &TRANSCRIPT), 0);
    assert_eq!(code(&ceremony, &files, &MANIFEST), DIFFER);
}

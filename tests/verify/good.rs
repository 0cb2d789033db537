//! What holds and agrees is accepted, and told.

use glasskey::id::{Aaguid, CeremonyId};
use glasskey::manifest::schema::PinCustody;
use glasskey::manifest::sign::StationKey;
use glasskey::manifest::{Identity, StationFingerprint};
use glasskey::transcript::{Act, Entry, Reading, Text, Transcript};

use super::ceremony::{Ceremony, Files, account, act, answered, at, label, slip};
use super::{Folder, MANIFEST, TRANSCRIPT, record};

#[test]
fn a_good_transcript_is_told() {
    let ceremony = Ceremony::new();
    let files = ceremony.write();
    let folder = Folder::new(&ceremony, &files);
    let (code, text) = folder.verify(&TRANSCRIPT);
    assert_eq!(code, 0, "{text}");
    for wanted in [
        "Rehearsal in Zürich",
        "from 2026-11-22 10:01:20 UTC: Ada as officer, Grace as witness",
        &account(1),
        label(2).as_str(),
        &slip(3).to_string(),
        "bag of the slip S-1, bag of the key K-1",
        "creased in the printer",
        "paused at",
        "3 printed, 2 sealed, 1 void",
        Reading::of(files.transcript.as_bytes()).head(),
        "signed the manifest",
        "No transcript head from paper was given",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("FAIL"), "{text}");
}

#[test]
fn the_head_on_paper_is_found_in_the_chain() {
    let ceremony = Ceremony::new();
    let files = ceremony.write();
    let folder = Folder::new(&ceremony, &files);
    let digits = files.code.head.to_string();
    let last = Reading::of(files.transcript.as_bytes()).head().to_owned();
    for head in [
        digits.as_str(),
        &digits[..19],
        &files.code.head.words(),
        &files.code.to_string(),
        &last,
    ] {
        let json = folder.json(&[&TRANSCRIPT[..], &["--head", head]].concat());
        assert_eq!(json["result"], "holds", "{head}: {json:#}");
    }
}

#[test]
fn a_good_manifest_agrees_and_its_pins_stay_in_it() {
    let ceremony = Ceremony::new();
    let files = ceremony.write();
    let folder = Folder::new(&ceremony, &files);
    for station in [
        files.code.station.words(),
        files.code.station.to_string(),
        files.code.to_string(),
        format!("GLASSKEY-STATION:1:{}", files.code.station).replace(' ', ""),
    ] {
        let json = folder.json(&[&MANIFEST[..], &["--station", &station]].concat());
        assert_eq!(json["result"], "holds", "{json:#}");
        assert_eq!(json["manifest"]["pins"], 2);
    }
    let (code, text) = folder.verify(&MANIFEST);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("No station fingerprint from paper was given"),
        "{text}"
    );
    assert!(
        text.contains("PINs of 2 of them") && !text.contains("on their slips alone"),
        "{text}"
    );
    let sealed = [
        "manifest",
        "manifest.age",
        "--sealed",
        "--transcript",
        "transcript.jsonl",
    ];
    let (code, text) = folder.verify(&sealed);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("The manifest was not opened"), "{text}");
}

#[test]
fn a_pin_that_is_on_its_slip_alone_is_remarked() {
    let ceremony = Ceremony::new();
    let files = ceremony.write_with(|manifest| drop(manifest.keys[0].pin.take()), |_| {});
    let (code, text) = Folder::new(&ceremony, &files).verify(&MANIFEST);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 PINs are on their slips alone"), "{text}");
}

#[test]
fn paper_transcript_and_manifest_agree_in_every_combination() {
    let ceremony = Ceremony::new();
    let files = ceremony.write();
    let folder = Folder::new(&ceremony, &files);
    let (qr, head) = (files.code.to_string(), files.code.head.words());
    let station = files.code.station.to_string();
    let transcript = ["--transcript", "transcript.jsonl"];
    let manifest = ["--manifest", "manifest.age", "--identity", "auditor.txt"];
    let papers: [&[&str]; 4] = [
        &["--qr", &qr],
        &["--head", &head],
        &["--station", &station],
        &[
            "--head",
            &head,
            "--station",
            &station,
            "--ceremony",
            files.code.ceremony.as_str(),
        ],
    ];
    for paper in papers {
        for shown in [&transcript[..], &manifest, &[&transcript[..], &manifest].concat()] {
            let (code, text) = folder.verify(&[&["record"], paper, shown].concat());
            assert_eq!(code, 0, "{paper:?} {shown:?}: {text}");
        }
    }
}

#[test]
fn a_record_of_another_ceremony_is_refused() {
    let ceremony = Ceremony::new();
    let files = ceremony.write();
    let folder = Folder::new(&ceremony, &files);
    assert_eq!(folder.verify(&record(&files.code.to_string())).0, 0);
    let mut other = files.code.clone();
    other.ceremony = CeremonyId::draw(&mut |bytes| bytes.fill(6));
    assert_eq!(folder.verify(&record(&other.to_string())).0, 43);
    let mut other = files.code.clone();
    other.head.0[31] ^= 1;
    assert_eq!(folder.verify(&record(&other.to_string())).0, 43);
    let mut other = files.code.clone();
    other.station = StationKey::generate().unwrap().fingerprint();
    assert_eq!(folder.verify(&record(&other.to_string())).0, 12);
    let transcript_only = [
        "record",
        "--station",
        &other.station.words(),
        "--transcript",
        "transcript.jsonl",
    ];
    assert_eq!(folder.verify(&transcript_only).0, 43);
}

#[test]
fn a_wrong_identity_has_the_code_of_the_companion() {
    let ceremony = Ceremony::new();
    let folder = Folder::new(&ceremony, &ceremony.write());
    let stranger = Identity::generate();
    std::fs::write(folder.path("auditor.txt"), stranger.to_file().expose()).unwrap();
    assert_eq!(folder.verify(&MANIFEST).0, 11);
}

/// One key of custody `rotate`, both passes; the heads at which the two records were printed.
fn rotated() -> (String, Vec<String>) {
    let stations = [1, 2].map(|n| StationFingerprint([n; 32]));
    let mut entries = vec![
        Entry::Started {
            ceremony: super::ceremony::id(),
            title: Text::new("Rotation"),
            plan_sha256: "ab".repeat(32),
            station: stations[0],
            version: Text::new("0.1.0"),
            custody: PinCustody::Rotate,
            people: vec![],
        },
        Entry::Planned {
            label: label(1),
            account: account(1).parse().unwrap(),
            place: 1,
            custodian: None,
            safe: None,
        },
    ];
    for step in [
        Act::Identify,
        Act::Reset,
        Act::StorePin,
        Act::SetPin,
        Act::ProvePin,
        Act::MakeIdentity,
        Act::PrintLabel,
    ] {
        entries.extend(act(step, Some(1), None));
    }
    entries.push(Entry::KeyPrepared {
        label: label(1),
        slip: None,
        key_bag: "K-1".parse().ok(),
        slip_bag: None,
        second_slip_bag: None,
        fingerprint: Text::new("01234567"),
    });
    entries.extend(act(Act::PrintRecord, None, None));
    entries.push(act(Act::Export, None, None)[0].clone());
    entries.push(Entry::ManifestWritten {
        sha256: "cd".repeat(32),
        bytes: 1,
    });
    let ended = |slips_printed| Entry::Ended {
        prepared: 1,
        rejected: 0,
        slips_printed,
        slips_voided: 0,
        exceptions: 0,
        aborted: false,
    };
    entries.push(ended(0));
    entries.push(Entry::SealingStarted {
        station: stations[1],
        version: Text::new("0.1.0"),
    });
    let [begun, done] = act(Act::Identify, None, None);
    let recognised = Entry::KeyIdentified {
        label: label(1),
        account: "bg-01@contoso.onmicrosoft.com".parse().unwrap(),
        aaguid: Aaguid([0; 16]),
        product: Text::new("Key"),
        port: Text::new("1-1"),
    };
    entries.extend([begun, recognised, done]);
    entries.extend(act(Act::PrintSlip, Some(1), Some(slip(1))));
    entries.push(answered("slip-whole", "yes"));
    for step in [Act::StorePin, Act::ChangePin, Act::ProvePin] {
        entries.extend(act(step, Some(1), Some(slip(1))));
    }
    entries.push(Entry::KeySealed {
        label: label(1),
        slip: slip(1),
        key_bag: "K-2".parse().ok(),
        slip_bag: "S-1".parse().ok(),
        second_slip_bag: None,
    });
    entries.extend(act(Act::PrintRecord, None, None));
    entries.push(ended(1));
    let mut chain = Transcript::default();
    let mut heads = Vec::new();
    let mut transcript = String::new();
    for entry in entries {
        let printing = entry == act(Act::PrintRecord, None, None)[0];
        transcript += &chain.append(at(chain.entries()), entry);
        if printing {
            heads.push(chain.head().to_owned());
        }
    }
    (transcript, heads)
}

#[test]
fn both_passes_of_custody_rotate_hold_with_a_record_each() {
    let ceremony = Ceremony::new();
    let (transcript, heads) = rotated();
    let folder = Folder::new(
        &ceremony,
        &Files {
            transcript,
            ..ceremony.write()
        },
    );
    for (head, station) in heads.iter().zip([1, 2]) {
        let fingerprint = |n| StationFingerprint([n; 32]).to_string();
        let (own, other) = (fingerprint(station), fingerprint(3 - station));
        let ask = |station| {
            let asked = ["record", "--head", head, "--station", station];
            folder.verify(&[&asked[..], &["--transcript", "transcript.jsonl"]].concat())
        };
        let (code, text) = ask(&own);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("prepared, and its PIN replaced"), "{text}");
        assert_eq!(text.contains("it has a record of its own"), station == 1);
        assert_eq!(ask(&other).0, 43);
    }
}

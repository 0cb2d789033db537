//! What holds and agrees is accepted, and told.

use glasskey::id::CeremonyId;
use glasskey::manifest::Identity;
use glasskey::manifest::sign::StationKey;
use glasskey::transcript::Reading;

use super::ceremony::{Ceremony, account, label, slip};
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
    assert!(text.contains("PINs of 2 of them"), "{text}");
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

//! What a PIN leaves in the memory of the real image: dumps of all of the guest's RAM, searched.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage`; without it, `target/image` of this repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::usbredir::printer::PortStatus;
use rehearsal::built;
use rehearsal::officer::Officer;
use rehearsal::papers::texts;
use rehearsal::plan::Plan;
use rehearsal::recipient::Recipient;
use rehearsal::residue::Traces;
use rehearsal::station::{self, Station};

/// What was found, form by form, with the first places.
fn summary(found: &[(&'static str, u64)]) -> String {
    let mut lines: Vec<String> = found
        .iter()
        .map(|(form, at)| format!("{form} at {at:#x}"))
        .collect();
    lines.dedup();
    lines.truncate(40);
    format!("{} traces: {}", found.len(), lines.join(", "))
}

fn dump(officer: &mut Officer<'_>, path: &Path) {
    officer.station().machine().save_memory(path).unwrap();
}

#[test]
fn a_sealed_pin_is_nowhere_in_memory_and_none_outlives_the_power_off() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let recipient = Recipient::make(&file("identity.txt")).unwrap();
    // Sixteen digits: no stretch of them is anywhere by chance.
    let plan = Plan::new(1, &recipient.public)
        .custody("slip")
        .setting("pin_length = 16");
    let stick = station::make_stick(&file("stick.img"), &plan.text()).unwrap();
    let mut station =
        Station::start_kept(&built::image(built::SERIAL_KERNEL), stick, &file("console.log")).unwrap();
    let printer = station.printer().clone();
    let key = VirtualKey::new(EngineConfig::default()).unwrap();
    key.set_touch(Touch::Manual);
    let mut officer = Officer::new(&mut station);
    let ceremony = officer.begin().unwrap();
    let (label, _) = officer.announced().unwrap();
    officer.put_in(&key, 0).unwrap();

    // Without paper the slip stands in the printing process, and the dump must show it.
    printer.set_status(PortStatus::PaperOut);
    officer.replug_for_reset(&key, 0).unwrap();
    officer.see("Touch the key now").unwrap();
    assert!(key.wait_touch_awaited(Duration::from_secs(20)));
    key.touch();
    let end = std::time::Instant::now() + Duration::from_mins(1);
    while !printer.is_waiting() {
        assert!(std::time::Instant::now() < end, "nothing is sent to the printer");
        std::thread::sleep(Duration::from_millis(50));
    }
    dump(&mut officer, &file("printing"));
    printer.set_status(PortStatus::Ready);
    officer.see(r"[Ss]lip \d{4}-. was printed").unwrap();
    officer.see(r"whole\? \(yes/no\)").unwrap();
    let slip = printer.printed();
    let (slips, _) = texts(&slip).unwrap();
    let pin = slips[0].pin.clone();

    officer.finish_key(&key, 0, &label).unwrap();
    officer.see(r"record come out whole\? \(yes/no\)").unwrap();
    dump(&mut officer, &file("sealed"));
    officer.say("yes").unwrap();
    officer.finished().unwrap();
    station.wait_off().unwrap();
    station.machine().save_memory(&file("off")).unwrap();

    let all = printer.printed();
    let others = &all[slip.len()..];
    let traces = Traces::of(&pin, &slip, others).unwrap();
    // What the search finds where there is something: on the paper, and in memory while it is printed.
    let on_paper = traces.found_in(&slip);
    assert!(
        on_paper.iter().any(|(form, _)| *form == "page, packed"),
        "{}",
        summary(&on_paper)
    );
    assert!(traces.found_in(others).is_empty());
    let printing = traces.found_in_file(&file("printing")).unwrap();
    for form in ["text", "page, packed"] {
        assert!(
            printing.iter().any(|(f, _)| *f == form),
            "{form}: {}",
            summary(&printing)
        );
    }
    // Where it must not be; what may be there is found in the same dump.
    let known = [
        ("kernel", &b"Linux version "[..]),
        ("ceremony", ceremony.as_bytes()),
    ];
    for (name, known) in [("sealed", &known[..]), ("off", &known[..1])] {
        let seen = Traces::of_texts(known)
            .unwrap()
            .found_in_file(&file(name))
            .unwrap();
        for (text, _) in known {
            assert!(
                seen.iter().any(|(found, _)| found == text),
                "{name} is no dump: no {text}"
            );
        }
        let found = traces.found_in_file(&file(name)).unwrap();
        if let Some(folder) = std::env::var_os("GLASSKEY_DUMPS").filter(|_| !found.is_empty()) {
            std::fs::copy(file(name), PathBuf::from(folder).join(name)).unwrap();
        }
        assert!(found.is_empty(), "{name}: {}", summary(&found));
    }
    station.cut().unwrap();
}

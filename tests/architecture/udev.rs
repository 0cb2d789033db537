//! The udev rules are what the table gives, and they give devices to the person at the seat and to nobody else. The unit starts.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use super::repository;

/// What is wrong with a rule: its syntax, as udev(7) has it for matches and assignments, and whom it serves.
fn complaint(rule: &str) -> Option<&'static str> {
    let parts: Vec<&str> = rule.split(", ").collect();
    let formed = |part: &&str| {
        let name = part.trim_start_matches(|c: char| c.is_ascii_alphabetic() || "{}_".contains(c));
        let value = ["==\"", "+=\""]
            .iter()
            .find_map(|operator| name.strip_prefix(operator));
        value.is_some_and(|value| value.ends_with('"') && value.matches('"').count() == 1)
    };
    let known = |part: &&str| {
        let key = part.split(['=', '+']).next().unwrap_or_default();
        matches!(key, "SUBSYSTEM" | "KERNEL" | "TAG")
            || ["ENV{", "ATTR{", "ATTRS{"].iter().any(|start| {
                key.strip_prefix(start)
                    .and_then(|rest| rest.strip_suffix('}'))
                    .is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']))
            })
    };
    if !parts.iter().all(formed) {
        Some("it is not a list of NAME==\"VALUE\" and NAME+=\"VALUE\"")
    } else if !parts.iter().all(known) {
        Some("udev does not know one of its keys")
    } else if !parts.iter().any(|p| p.starts_with("SUBSYSTEM==")) {
        Some("it names no subsystem")
    } else if rule.contains("MODE") || rule.contains("GROUP") || !parts.contains(&"TAG+=\"uaccess\"") {
        Some("it gives the device to others than the person at the seat")
    } else if rule.contains("idVendor") {
        Some("it lists vendors, and the next model would be missing")
    } else {
        None
    }
}

/// Runs the generator on a table in a folder of its own.
fn generated(table: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(repository("udev/generate"), folder.path().join("generate")).unwrap();
    fs::write(folder.path().join("devices.csv"), table).unwrap();
    Command::new("bash")
        .arg(folder.path().join("generate"))
        .output()
        .unwrap()
}

fn table() -> String {
    fs::read_to_string(repository("udev/devices.csv")).unwrap()
}

#[test]
fn rules_are_what_the_table_gives() {
    let output = generated(&table());
    assert!(output.status.success(), "{output:?}");
    let rules = fs::read_to_string(repository("udev/70-glasskey.rules")).unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        rules,
        "run udev/generate > udev/70-glasskey.rules"
    );
}

#[test]
fn tables_out_of_order_or_with_a_name_twice_or_without_a_cell_are_refused() {
    let good = table();
    let (heading, rows) = good.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows.len() > 2);
    let reversed: Vec<&str> = rows.iter().rev().copied().collect();
    let twice = [&rows[..1], &rows].concat();
    let cut = rows[0].replace(",hidraw*,", ",");
    for changed in [reversed, twice, vec![cut.as_str()]] {
        let changed = format!("{heading}\n{}\n", changed.join("\n"));
        assert!(!generated(&changed).status.success(), "{changed}");
    }
    // One rule serves all devices with the same match, and every device is named in it.
    let rules = String::from_utf8(generated(&good).stdout).unwrap();
    for row in rows {
        let name = row.split(',').next().unwrap();
        assert_eq!(rules.matches(&format!("# {name}: ")).count(), 1, "{name}");
    }
}

#[test]
fn rules_give_devices_to_the_seat_alone() {
    let text = fs::read_to_string(repository("udev/70-glasskey.rules")).unwrap();
    let rules: Vec<&str> = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect();
    assert_eq!(rules.len(), 2);
    for rule in rules {
        assert_eq!(complaint(rule), None, "{rule}");
    }
}

#[test]
fn rules_for_everybody_or_for_vendors_are_refused() {
    for rule in [
        "SUBSYSTEM==\"hidraw\", MODE==\"0666\", TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw\", ATTRS{idVendor}==\"1050\", TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw\", KERNEL==\"hidraw*\"",
        "KERNEL==\"hidraw*\", TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw, TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw\", KERNELL==\"hidraw*\", TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw\", ENV{}==\"1\", TAG+=\"uaccess\"",
    ] {
        assert!(complaint(rule).is_some(), "{rule}");
    }
}

/// The program that a unit starts, with these directories in place of the unit's and a free port.
fn started(unit: &str, state: &str) -> Command {
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
    let line = line.unwrap().replace("%S", state).replace(":8080", ":0");
    let mut words = line.split_whitespace();
    assert_eq!(
        words.next(),
        Some("/usr/bin/glasskey"),
        "where the package puts it"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasskey"));
    command.args(words).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn the_unit_starts_a_sandbox_that_answers_on_loopback() {
    let unit = fs::read_to_string(repository("udev/glasskey-sandbox.service")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("glasskey-sandbox")).unwrap();
    let state = folder.path().display().to_string();
    let mut server = started(&unit, &state).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let answers = line
        .split_once("127.0.0.1:")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .is_some_and(|port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answers, "{line:?}");
    assert!(folder.path().join("glasskey-sandbox/token").is_file());
    // An option that the program does not know would not start.
    let mut unknown = started(&unit.replace("--state", "--states"), &state);
    assert!(!unknown.status().unwrap().success());
}

#[test]
fn the_drill_unit_lists_what_is_due_and_its_timer_starts_it() {
    let unit = fs::read_to_string(repository("udev/glasskey-drill.service")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let status = |unit: &str| {
        let mut command = started(unit, "");
        // An inventory that is not there: the program got as far as to look for it.
        command
            .env("XDG_STATE_HOME", folder.path())
            .status()
            .unwrap()
            .code()
    };
    assert_eq!(status(&unit), Some(50));
    assert_eq!(status(&unit.replace("--ahead", "--aheads")), Some(2));
    let sandbox = fs::read_to_string(repository("udev/glasskey-sandbox.service")).unwrap();
    for line in sandbox.lines().filter(|line| line.ends_with("=yes")) {
        assert!(
            unit.contains(line),
            "{line}: no less hardened than the other unit"
        );
    }
    let timer = fs::read_to_string(repository("udev/glasskey-drill.timer")).unwrap();
    for line in [
        "[Timer]",
        "OnCalendar=Mon 08:00",
        "Persistent=yes",
        "WantedBy=timers.target",
    ] {
        assert!(timer.lines().any(|found| found == line), "{line}");
    }
}

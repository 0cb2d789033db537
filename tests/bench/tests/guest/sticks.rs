//! A real guest loses the power, or its stick fails, at an exact write.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use bench::medium::{Cut, Medium, Refusal};
use bench::stick::{Layout, Stick};

use crate::guest::Guest;

const MINUTE: Duration = Duration::from_mins(1);
const MOUNT: &str = "mount -t vfat /dev/sd?1 /mnt";
const GONE: &str = "while ls /dev/sd?1; do sleep 0.1; done 2>/dev/null";

/// Appends a line, whose number may be a variable of the shell, and has it made lasting.
fn append(n: &str) -> String {
    format!("echo \"line {n};\" | dd of=/mnt/lines oflag=append conv=notrunc,fsync 2>&1")
}

fn lines(up_to: u32) -> Vec<String> {
    (1..=up_to).map(|n| format!("line {n};")).collect()
}

#[test]
#[ignore = "needs BENCH_GUEST, an unpacked linux-image package"]
fn a_cut_at_a_line_leaves_exactly_the_lines_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let stick = Stick::create(&directory.path().join("stick.img"), Layout::Gpt, 16, "PLANS").unwrap();
    stick.write("lines", b"").unwrap();
    let medium = Medium::serve(stick.path()).unwrap();
    // The directory entry with the new length follows the line itself, and a flush ends each fsync.
    let cuts = [
        (Cut::at_text(b"line 4;"), 3),
        (Cut::at_text(b"line 8;").applied(), 7),
        (
            Cut::at_text(b"line 9;").then_flush(1).applied().unflushed_lost(),
            9,
        ),
        (Cut::at_text(b"line 15;").then_flush(1).unflushed_lost(), 14),
    ];
    let mut begun = 1;
    for (cut, survive) in cuts {
        medium.power_on();
        let mut guest = Guest::boot_with(directory.path(), |builder| builder.stick_served("plans", &medium));
        guest.wait_for("/dev/sd?1");
        let mounted = guest.run(MOUNT);
        assert!(mounted.ends_with("end:0\n"), "{mounted}");
        let switch = guest.machine.kill_switch();
        medium.arm(cut.and_then(move || switch.kill()));
        guest.begin(&format!("for n in $(seq {begun} 30); do {}; done", append("$n")));
        assert!(
            medium.wait_cut(MINUTE),
            "{}",
            guest.machine.console().last_lines()
        );
        guest.machine.wait_exit(MINUTE).unwrap();
        let text = String::from_utf8(stick.read("lines").unwrap()).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), lines(survive));
        begun = survive + 1;
    }
}

#[test]
#[ignore = "needs BENCH_GUEST, an unpacked linux-image package"]
fn a_failing_stick_fails_in_the_guest_and_a_healed_one_works() {
    let directory = tempfile::tempdir().unwrap();
    let stick = Stick::create(&directory.path().join("stick.img"), Layout::Gpt, 16, "PLANS").unwrap();
    stick.write("lines", b"").unwrap();
    let medium = Medium::serve(stick.path()).unwrap();
    let mut guest = Guest::boot(directory.path());

    for (refusal, complaint) in [
        (Refusal::Io, "I/O error"),
        (Refusal::NoSpace, "No space left on device"),
    ] {
        guest.machine.plug_stick_served("plans", &medium).unwrap();
        guest.wait_for("/dev/sd?1");
        guest.run(MOUNT);
        let before = medium.requests();
        let works = guest.run(&append("1"));
        assert!(works.ends_with("end:0\n"), "{works}");
        let after = medium.requests();
        assert!(
            after.writes > before.writes && after.flushes > before.flushes,
            "{after:?}"
        );
        medium.fail_writes(refusal, None);
        let fails = guest.run(&append("2"));
        assert!(fails.contains(complaint), "{fails}");
        medium.fail_writes(refusal, Some(0));
        guest.run("umount /mnt");
        guest.machine.pull_stick("plans").unwrap();
        guest.run(GONE);
        stick.write("lines", b"").unwrap();
    }

    medium.write_protect(true);
    guest.machine.plug_stick_served("plans", &medium).unwrap();
    guest.wait_for("/dev/sd?1");
    let mounted = guest.run(&format!("{MOUNT}; echo no > /mnt/lines"));
    assert!(mounted.contains("Read-only file system"), "{mounted}");
    guest.run("umount /mnt");
    guest.machine.pull_stick("plans").unwrap();
    guest.run(GONE);
    medium.write_protect(false);
    guest.machine.plug_stick_read_only("plans", stick.path()).unwrap();
    guest.wait_for("/dev/sd?1");
    let switch = guest.run("cat /sys/block/sd?/ro");
    assert!(switch.contains("1\n"), "{switch}");
    guest.machine.pull_stick("plans").unwrap();
    guest.run(GONE);

    // A cut stick is pulled out after its cable: the guest gets errors, the machine goes on.
    guest.machine.plug_stick_served("plans", &medium).unwrap();
    guest.wait_for("/dev/sd?1");
    guest.run(MOUNT);
    medium.arm(Cut::at_text(b"line 3;"));
    guest.begin(&append("3"));
    assert!(medium.wait_cut(MINUTE));
    medium.disconnect();
    let fails = guest.finish();
    assert!(fails.contains("I/O error"), "{fails}");
    guest.machine.pull_stick("plans").unwrap();
    assert_eq!(stick.read("lines").unwrap(), b"");
    assert_eq!(guest.machine.kill().unwrap().signal(), Some(9));
}

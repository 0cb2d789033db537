//! A real guest: a stock kernel enumerates, drives and loses what is plugged into its ports.
//!
//! `BENCH_GUEST` names an unpacked `linux-image` package (`dpkg -x`); busybox-static and cpio are on the host.

mod long;
mod sticks;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::qemu::Qemu;
use bench::qemu::builder::Builder;
use bench::stick::{Layout, Stick};
use bench::usbredir::printer::{PortStatus, Printer};
use regex::Regex;

const MODULES: [&str; 7] = [
    "xhci-pci",
    "usbhid",
    "hid-generic",
    "usblp",
    "usb-storage",
    "sd_mod",
    "vfat",
];
const CODEPAGES: [&str; 2] = ["nls_cp437", "nls_ascii"];
const MINUTE: Duration = Duration::from_mins(1);

/// Asks a FIDO node for INIT, then for the CTAP command in octal, and shows the first report of the last answer.
const ASK: &str = r#"#!/bin/sh
exec 3<>$1
report() { (cat; dd if=/dev/zero bs=1 count=64) 2>/dev/null | dd bs=65 count=1 iflag=fullblock 2>/dev/null > /tmp/out; dd if=/tmp/out bs=65 count=1 >&3 2>/dev/null; }
answer() { dd bs=64 count=1 <&3 2>/dev/null > /tmp/in; }
printf '\000\377\377\377\377\206\000\010NONCE678' | report
answer
cid=$(dd if=/tmp/in bs=1 skip=15 count=4 2>/dev/null | hexdump -v -e '1/1 "\\x%02x"')
printf "\000$cid\220\000\001\\$2" | report
answer
while [ "$(dd if=/tmp/in bs=1 skip=4 count=1 2>/dev/null | hexdump -v -e '1/1 "%02x"')" = bb ]; do answer; done
hexdump -v -e '1/1 "%02x"' /tmp/in
echo
"#;

/// A running guest with a shell on its console.
struct Guest {
    machine: Qemu,
    end: Regex,
}

impl Guest {
    fn boot(directory: &Path) -> Self {
        Self::boot_with(directory, |builder| builder)
    }

    fn boot_with(directory: &Path, settings: impl FnOnce(Builder) -> Builder) -> Self {
        let package =
            std::env::var_os("BENCH_GUEST").expect("BENCH_GUEST names an unpacked linux-image package");
        let package = PathBuf::from(package);
        let builder = Qemu::builder()
            .kernel(find(&package.join("boot"), |name| name.starts_with("vmlinuz-")))
            .initrd(initramfs(&package, directory))
            .append("console=ttyS0 quiet panic=-1")
            .console_log(directory.join("console.log"));
        let machine = settings(builder).start().unwrap();
        let mut guest = Self {
            machine,
            end: Regex::new(r"end:\d+\n").unwrap(),
        };
        guest.machine.console().expect("guest is ready", MINUTE).unwrap();
        guest.run("stty -echo");
        guest
    }

    fn begin(&mut self, command: &str) {
        self.machine
            .console()
            .send_line(&format!("{command}; echo en''d:$?"))
            .unwrap();
    }

    fn finish(&mut self) -> String {
        self.machine.console().expect(self.end.clone(), MINUTE).unwrap()
    }

    fn run(&mut self, command: &str) -> String {
        self.begin(command);
        self.finish()
    }

    /// Waits until a pattern of the shell names something.
    fn wait_for(&mut self, pattern: &str) {
        let answer = self.run(&format!("until ls {pattern}; do sleep 0.1; done 2>/dev/null"));
        assert!(answer.ends_with("end:0\n"), "{answer}");
    }
}

#[test]
#[ignore = "needs BENCH_GUEST, an unpacked linux-image package"]
fn a_stock_kernel_uses_keys_printers_and_sticks() {
    let directory = tempfile::tempdir().unwrap();
    let mut guest = Guest::boot(directory.path());

    let key = VirtualKey::new(EngineConfig::default()).unwrap();
    guest.machine.plug(0, &key).unwrap();
    guest.wait_for("/dev/hidraw0");
    let info = guest.run("ask /dev/hidraw0 004");
    assert!(
        Regex::new(r"[0-9a-f]{8}90....00").unwrap().is_match(&info),
        "{info}"
    );
    assert_eq!(key.counters().command("INIT"), 1);
    assert_eq!(key.counters().answer("getInfo 0x00"), 1);

    key.set_touch(Touch::Manual);
    guest.machine.pull(0).unwrap();
    guest.run("while ls /dev/hidraw0; do sleep 0.1; done 2>/dev/null");
    guest.machine.plug(0, &key).unwrap();
    guest.wait_for("/dev/hidraw*");
    guest.begin("ask /dev/hidraw* 007");
    assert!(key.wait_touch_awaited(MINUTE));
    key.touch();
    guest.finish();
    assert_eq!(key.counters().answer("reset 0x00"), 1);
    let names: Vec<String> = key
        .exchanges()
        .iter()
        .map(|exchange| exchange.command.to_string())
        .collect();
    assert_eq!(names, ["INIT", "reset"]);

    let printer = Printer::default();
    guest.machine.plug(1, &printer).unwrap();
    guest.wait_for("/dev/usb/lp*");
    let id = guest.run("cat /sys/class/usbmisc/lp*/device/ieee1284_id");
    assert!(id.contains("MDL:Bench Page Printer;CMD:PDF;"), "{id}");
    guest.run(
        "dd if=/dev/urandom of=/tmp/page bs=1000 count=123 2>/dev/null; cat /tmp/page > $(echo /dev/usb/lp*)",
    );
    let sum = guest.run("sha256sum /tmp/page");
    let paper = printer.take_printed();
    assert_eq!(paper.len(), 123_000);
    assert!(sum.contains(&sha256(&paper, directory.path())), "{sum}");
    printer.set_status(PortStatus::PaperOut);
    guest.begin("echo two > $(echo /dev/usb/lp*)");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(printer.printed(), b"");
    printer.set_status(PortStatus::Ready);
    guest.finish();
    assert_eq!(printer.printed(), b"two\n");
    guest.machine.pull(1).unwrap();
    guest.run("while ls /dev/usb/lp*; do sleep 0.1; done 2>/dev/null");

    let stick = Stick::create(&directory.path().join("stick.img"), Layout::Gpt, 16, "PLANS").unwrap();
    stick.write("plan.txt", b"break glass\n").unwrap();
    for round in 0..2 {
        guest.machine.plug_stick("plans", stick.path()).unwrap();
        guest.wait_for("/dev/sd?1");
        let text =
            guest.run("mount -t vfat /dev/sd?1 /mnt; cat /mnt/plan.txt; cp /tmp/page /mnt/page; umount /mnt");
        assert!(
            text.contains("break glass") && text.ends_with("end:0\n"),
            "round {round}: {text}"
        );
        guest.machine.pull_stick("plans").unwrap();
        guest.run("while ls /dev/sd?1; do sleep 0.1; done 2>/dev/null");
        assert_eq!(stick.read("page").unwrap(), paper);
    }

    guest.machine.console().send_line("poweroff -f").unwrap();
    guest.machine.wait_exit(MINUTE).unwrap();
}

fn sha256(bytes: &[u8], directory: &Path) -> String {
    let path = directory.join("printed");
    fs::write(&path, bytes).unwrap();
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

/// Finds the first file below a directory whose name fits.
fn find(directory: &Path, fits: impl Fn(&str) -> bool + Copy) -> PathBuf {
    search(directory, &fits).unwrap_or_else(|| panic!("nothing fits in {}", directory.display()))
}

fn search(directory: &Path, fits: &impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        if path.is_dir() && !path.is_symlink() {
            return search(&path, fits);
        }
        fits(path.file_name()?.to_str()?).then_some(path)
    })
}

/// Lists modules with all they depend on, dependencies first.
fn with_dependencies(package: &Path, name: &str, list: &mut Vec<PathBuf>) {
    let wanted = name.replace('_', "-");
    let path = search(&package.join("lib/modules"), &|file| {
        file.split_once(".ko")
            .is_some_and(|(stem, _)| stem.replace('_', "-") == wanted)
    });
    // What is built in has no file.
    let Some(path) = path else { return };
    if list.contains(&path) {
        return;
    }
    let output = Command::new("/sbin/modinfo")
        .args(["-F", "depends"])
        .arg(&path)
        .output()
        .unwrap();
    let depends = String::from_utf8(output.stdout).unwrap();
    for dependency in depends.trim().split(',').filter(|name| !name.is_empty()) {
        with_dependencies(package, dependency, list);
    }
    list.push(path);
}

fn initramfs(package: &Path, directory: &Path) -> PathBuf {
    let root = directory.join("root");
    for folder in ["bin", "dev", "proc", "sys", "tmp", "mnt", "modules"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    let mut modules = Vec::new();
    MODULES
        .iter()
        .chain(&CODEPAGES)
        .for_each(|name| with_dependencies(package, name, &mut modules));
    let mut init = String::from(
        "#!/bin/busybox sh\n/bin/busybox --install -s /bin\nmount -t devtmpfs none /dev\n\
         mount -t proc none /proc\nmount -t sysfs none /sys\n",
    );
    for path in modules {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        fs::copy(&path, root.join("modules").join(&name)).unwrap();
        writeln!(init, "insmod /modules/{name}").unwrap();
    }
    init.push_str("echo guest is ready\nexec setsid cttyhack sh\n");
    for (name, text) in [("init", init.as_str()), ("bin/ask", ASK)] {
        fs::write(root.join(name), text).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(root.join(name), executable).unwrap();
    }
    let archive = directory.join("initramfs");
    let status = Command::new("sh")
        .args(["-c", "find . | cpio --quiet -o -H newc"])
        .current_dir(&root)
        .stdout(fs::File::create(&archive).unwrap())
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    archive
}

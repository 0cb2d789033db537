//! The library's half of a key's life needs /dev/hidraw: a stock kernel in QEMU, and a key of the bench.
//!
//! `KEY_GUEST` names an unpacked `linux-image` package (`dpkg -x`); busybox-static, cpio and strip are on the host.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Duration;

use bench::command::Command;
use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::faults::{Effect, Fault, LongTouch, When};
use bench::key::VirtualKey;
use bench::qemu::Qemu;
use tempfile::TempDir;

/// In the order of their dependencies.
const MODULES: [&str; 9] = [
    "usb-common",
    "usbcore",
    "xhci-hcd",
    "xhci-pci",
    "hid",
    "usbhid",
    "hid-generic",
    "button",
    "evdev",
];

const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev; mount -t proc none /proc; mount -t sysfs none /sys
for m in $(cat /modules/order); do insmod /modules/$m; done
echo guest is ready
while [ ! -e /dev/hidraw0 ]; do sleep 0.1; done
KEY_WORKER=/glasskey RUST_BACKTRACE=1 /key --ignored --exact inside::@TEST@ --nocapture
echo guest finished: $?
poweroff -f
";

fn run(command: &mut Process) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The file of a module; what is built in has none.
fn module(package: &Path, name: &str) -> Option<PathBuf> {
    let found = run(Process::new("find")
        .arg(package.join("lib/modules"))
        .args(["-name", &format!("{}.ko*", name.replace('_', "-"))]));
    found.lines().next().map(PathBuf::from)
}

fn initramfs(package: &Path, directory: &Path, test: &str, request: &[u8]) -> PathBuf {
    let root = directory.join("root");
    for folder in ["bin", "dev", "proc", "sys", "tmp", "modules"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    let mut order = String::new();
    for path in MODULES.iter().filter_map(|name| module(package, name)) {
        let name = path.file_name().unwrap().to_str().unwrap();
        fs::copy(&path, root.join("modules").join(name)).unwrap();
        order.push_str(name);
        order.push('\n');
    }
    fs::write(root.join("modules/order"), order).unwrap();
    let programs = [
        (PathBuf::from(env!("CARGO_BIN_EXE_glasskey")), "glasskey"),
        (std::env::current_exe().unwrap(), "key"),
    ];
    for (program, name) in programs {
        run(Process::new("strip").arg("-o").arg(root.join(name)).arg(&program));
        // The loader and each library, under the paths that it looks them up by.
        for line in run(Process::new("ldd").arg(&program)).lines() {
            if let Some(library) = line.split_whitespace().find(|word| word.starts_with('/')) {
                let target = root.join(library.trim_start_matches('/'));
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(library, target).unwrap();
            }
        }
    }
    fs::write(root.join("request.json"), request).unwrap();
    fs::write(root.join("init"), INIT.replace("@TEST@", test)).unwrap();
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)).unwrap();
    let archive = directory.join("initramfs");
    run(Process::new("sh")
        .args(["-c", "find . | cpio --quiet -o -H newc > ../initramfs"])
        .current_dir(&root));
    archive
}

/// Boots a guest, plugs the key in and runs one test of `inside`.
fn run_inside(test: &str, key: &VirtualKey) {
    run_with(test, key, |_| {});
}

/// The same, with something to do meanwhile.
fn run_with(test: &str, key: &VirtualKey, meanwhile: impl FnOnce(&mut Qemu)) {
    run_given(test, key, b"", meanwhile);
}

/// The same with a file `/request.json`; what the guest wrote.
fn run_given(test: &str, key: &VirtualKey, request: &[u8], meanwhile: impl FnOnce(&mut Qemu)) -> String {
    let package = PathBuf::from(std::env::var_os("KEY_GUEST").unwrap());
    let directory = TempDir::new().unwrap();
    let kernel = run(Process::new("find")
        .arg(package.join("boot"))
        .args(["-name", "vmlinuz-*"]));
    let mut machine = Qemu::builder()
        .kernel(kernel.trim())
        .initrd(initramfs(&package, directory.path(), test, request))
        .append("console=ttyS0 quiet panic=-1")
        .start()
        .unwrap();
    let wait = Duration::from_mins(3);
    machine.console().expect("guest is ready", wait).unwrap();
    machine.plug(0, key).unwrap();
    meanwhile(&mut machine);
    machine.console().expect("guest finished: ", wait).unwrap();
    let console = machine.console().text();
    assert!(console.contains("1 passed"), "{console}");
    console
}

fn key(config: EngineConfig) -> VirtualKey {
    let key = VirtualKey::new(config).unwrap();
    key.set_touch(Touch::Auto(Duration::from_millis(300)));
    key
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_whole_life_through_a_real_kernel() {
    run_inside("a_key_s_whole_life", &key(EngineConfig::default()));
}

/// Creation options of a tenant, answered by a worker behind a real kernel, and verified by the relying party.
#[cfg(feature = "companion")]
#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_passkey_that_a_tenant_takes() {
    use glasskey::graph::{Client, Interrupt, NewPasskey, Pace, Service};
    use glasskey::key::Blob;
    use glasskey::key::registration::MakeRequest;
    use glasskey::sandbox::{Options, Sandbox, Settings, User};

    const ACCOUNT: &str = "bg-01@contoso.onmicrosoft.com";
    let settings = Settings {
        users: vec![User::named(ACCOUNT)],
        ..Settings::default()
    };
    let options = Options {
        settings,
        ..Options::default()
    };
    let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let service = Service::parse(&sandbox.origin()).unwrap();
    let token = glasskey::secret::Secret::new(sandbox.token().to_owned());
    let graph = Client::new(service, token, Interrupt::never(), Pace::default());
    // An emulated machine may take longer than the five minutes of v1.0.
    let options = graph.creation_options(ACCOUNT, Some(60)).unwrap();
    let request = MakeRequest::from_options(&options.public_key).unwrap();
    let text = serde_json::to_vec(&request).unwrap();
    let console = run_given(
        "a_passkey_for_a_tenant",
        &key(EngineConfig::default()),
        &text,
        |_| {},
    );
    let line = console
        .lines()
        .find_map(|l| Some(l.split_once("made ")?.1))
        .unwrap();
    let [id, attestation_object]: [Blob; 2] = serde_json::from_str(line.trim()).unwrap();
    let new = NewPasskey {
        display_name: "Bench",
        credential_id: id.as_slice(),
        client_data: request.client_data.as_slice(),
        attestation_object: attestation_object.as_slice(),
    };
    let passkey = graph.register_passkey(ACCOUNT, &new, true).unwrap();
    assert_eq!(passkey.credential_id().as_deref(), Some(id.as_slice()));
    assert_eq!(passkey.passkey_type.as_deref(), Some("deviceBound"));
    assert_eq!(passkey.attestation_level.as_deref(), Some("attested"));
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_whole_life_with_pin_protocol_2_only() {
    let config = EngineConfig {
        pin_protocol_one: false,
        ..EngineConfig::default()
    };
    run_inside("a_key_s_whole_life", &key(config));
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_whole_life_as_a_key_of_ctap_2_0() {
    let key = key(EngineConfig::default());
    key.set_faults(Fault::ctap_2_0());
    run_inside("a_key_s_whole_life", &key);
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn gives_up_waiting_for_a_touch_and_tells_the_key() {
    let key = key(EngineConfig::default());
    key.set_touch(Touch::Never);
    run_inside("a_touch_that_is_given_up", &key);
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_key_pulled_out_in_the_middle_is_named_so() {
    let key = key(EngineConfig::default());
    key.set_faults(vec![Fault::new(
        When::On(Command::MAKE_CREDENTIAL),
        Effect::Unplug,
    )]);
    run_inside("pulled_out_in_the_middle", &key);
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_key_that_falls_silent_in_the_middle_hangs_nobody() {
    let key = key(EngineConfig::default());
    key.set_faults(vec![Fault::new(When::On(Command::MAKE_CREDENTIAL), Effect::Mute)]);
    run_inside("silent_in_the_middle", &key);
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn every_setting_holds_on_a_model_that_has_it() {
    let key = key(EngineConfig {
        enterprise_attestation: true,
        ..EngineConfig::default()
    });
    let feature = LongTouch::new(false);
    key.set_faults(feature.faults());
    run_inside("every_setting", &key);
    assert!(feature.is_on());
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_setting_that_the_model_lacks_is_named() {
    run_inside("a_setting_the_model_lacks", &key(EngineConfig::default()));
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_pin_against_the_model_s_rules_gives_way_to_another() {
    let key = key(EngineConfig::default());
    key.set_faults(Fault::pin_complexity_policy("https://pins.example", 1));
    run_inside("pins_against_the_rules", &key);
}

/// Changes a PIN while the key is pulled out, and puts the key back.
fn change_cut_off(test: &str, effect: Effect) {
    const CHANGE: When = When::PinSubCommand(0x04);
    let key = key(EngineConfig::default());
    key.set_faults(vec![Fault::new(CHANGE, effect).times(1)]);
    run_with(test, &key, |machine| {
        let wait = Duration::from_mins(3);
        machine.console().expect("the key is gone", wait).unwrap();
        machine.plug(0, &key).unwrap();
    });
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_change_of_pin_cut_off_before_it_was_done_leaves_the_old_one() {
    change_cut_off("a_change_cut_off_before_it_was_done", Effect::Unplug);
}

#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
fn a_change_of_pin_cut_off_after_it_was_done_leaves_the_new_one() {
    change_cut_off("a_change_cut_off_after_it_was_done", Effect::UnplugAfter(0));
}

/// Also the control of all tests here: a failure inside is a failure outside.
#[test]
#[ignore = "needs KEY_GUEST, an unpacked linux-image package, and QEMU"]
#[should_panic(expected = "names another model")]
fn a_certificate_of_another_model_is_noticed() {
    let config = EngineConfig {
        attestation_aaguid: Some([9; 16]),
        ..EngineConfig::default()
    };
    run_inside("a_key_s_whole_life", &key(config));
}

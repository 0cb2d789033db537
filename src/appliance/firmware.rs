//! What the firmware says of the start: reported and recorded, never a reason to stop.

use std::fs;
use std::path::Path;

use super::check::Check;

/// The vendor of the variables that UEFI itself defines (UEFI 2.10, 3.3, `EFI_GLOBAL_VARIABLE`).
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Whether the firmware checked the signature of what it started (UEFI 2.10, 3.3: `SecureBoot`, `SetupMode`).
///
/// It is what the firmware says of itself: a hostile one says what it likes.
#[must_use]
pub fn secure_boot(root: &Path) -> Check {
    let found = match (flag(root, "SecureBoot"), flag(root, "SetupMode")) {
        (Some(true), Some(true)) => "off: the firmware is in setup mode, and anybody can enroll keys",
        (Some(true), _) => "on",
        (Some(false), _) => {
            "off: this computer starts any stick, so compare the image on a second machine before use"
        }
        (None, _) if !root.join("sys/firmware/efi").exists() => {
            "unknown: the computer was not started by UEFI"
        }
        (None, _) => "unknown: the firmware does not say",
    };
    Check::report("Secure Boot", found)
}

/// A variable of one byte, behind the four bytes of attributes that the kernel puts before it.
fn flag(root: &Path, name: &str) -> Option<bool> {
    let path = root.join(format!("sys/firmware/efi/efivars/{name}-{GLOBAL}"));
    match fs::read(path).ok()?.as_slice() {
        [_, _, _, _, value] => Some(*value == 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a [u8])];

    fn firmware(variables: Variables<'_>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/firmware/efi/efivars");
        fs::create_dir_all(&folder).unwrap();
        for (name, value) in variables {
            fs::write(folder.join(format!("{name}-{GLOBAL}")), value).unwrap();
        }
        root
    }

    #[test]
    fn each_state_of_secure_boot_is_told_and_none_stops_the_station() {
        let (on, off) = ([6, 0, 0, 0, 1].as_slice(), [6, 0, 0, 0, 0].as_slice());
        let cases: [(Variables<'_>, &str); 6] = [
            (&[("SecureBoot", on), ("SetupMode", off)], "on"),
            (&[("SecureBoot", on)], "on"),
            (&[("SecureBoot", off), ("SetupMode", off)], "off: this computer"),
            (
                &[("SecureBoot", on), ("SetupMode", on)],
                "off: the firmware is in setup",
            ),
            (&[("SecureBoot", &[6, 0, 0, 0])], "unknown: the firmware"),
            (&[], "unknown: the firmware"),
        ];
        for (variables, expected) in cases {
            let check = secure_boot(firmware(variables).path());
            assert!(check.passed && check.found.starts_with(expected), "{check:?}");
        }
        let bios = secure_boot(tempfile::tempdir().unwrap().path());
        assert!(
            bios.passed && bios.found.contains("not started by UEFI"),
            "{bios:?}"
        );
    }
}

//! What the kernel has to guarantee before a PIN is drawn: lockdown, random numbers, memory that stays where it is.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::check::{Check, OTHER_IMAGE};
use crate::pin::NoRandomness;

/// Whether the kernel keeps its memory to itself, even from a program that runs as root.
#[must_use]
pub fn lockdown(root: &Path) -> Check {
    let path = root.join("sys/kernel/security/lockdown");
    let (passed, found) = match fs::read_to_string(path) {
        Ok(modes) if modes.contains("[confidentiality]") => (true, "confidentiality".to_owned()),
        Ok(modes) => (
            false,
            format!(
                "it should be `confidentiality`, and the kernel says `{}`",
                modes.trim()
            ),
        ),
        Err(error) => (false, format!("the kernel does not say ({error})")),
    };
    Check::new("kernel lockdown", passed, found, OTHER_IMAGE)
}

/// Waits until the kernel gives random numbers, and has it give two that differ.
pub fn randomness(fill: &mut dyn FnMut(&mut [u8]) -> Result<(), NoRandomness>) -> Check {
    let since = Instant::now();
    let (mut first, mut second) = ([0_u8; 32], [0_u8; 32]);
    let (passed, found) = match fill(&mut first).and_then(|()| fill(&mut second)) {
        Err(error) => (false, error.to_string()),
        Ok(()) if first == second => (false, "the same 32 bytes were given twice".to_owned()),
        Ok(()) => (
            true,
            format!(
                "the kernel's generator is ready (after {} ms)",
                since.elapsed().as_millis()
            ),
        ),
    };
    Check::new(
        "random numbers",
        passed,
        found,
        "Use another computer: without random numbers a PIN can be guessed.",
    )
}

/// Whether this process is kept in memory; `locked` is what the kernel answered when it was asked to.
#[must_use]
pub fn memory(root: &Path, locked: Result<(), rustix::io::Errno>) -> Check {
    let status = fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmLck:"))
        .and_then(|value| value.trim().strip_suffix("kB"))
        .and_then(|value| value.trim().parse::<u64>().ok());
    let (passed, found) = match (locked, kibibytes) {
        (Err(error), _) => (false, format!("the kernel refused to lock it ({error})")),
        (Ok(()), None | Some(0)) => (false, "the kernel counts no locked page".to_owned()),
        (Ok(()), Some(kibibytes)) => (
            true,
            format!("{kibibytes} KiB of this program, and all it will use"),
        ),
    };
    Check::new(
        "memory is locked",
        passed,
        found,
        "Use a computer with more memory (512 MiB or more); if this one has that, do not use this image.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_with(path: &str, text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        root
    }

    #[test]
    fn only_lockdown_for_confidentiality_passes() {
        let says = |text: &str| lockdown(root_with("sys/kernel/security/lockdown", text).path());
        assert!(says("none integrity [confidentiality]\n").passed);
        for text in [
            "[none] integrity confidentiality\n",
            "none [integrity] confidentiality\n",
            "",
        ] {
            let check = says(text);
            assert!(!check.passed && !check.advice.is_empty(), "{check:?}");
        }
        let unmounted = lockdown(tempfile::tempdir().unwrap().path());
        assert!(!unmounted.passed && unmounted.found.contains("does not say"));
    }

    #[test]
    fn random_numbers_come_and_are_not_the_same_twice() {
        let good = randomness(&mut crate::pin::kernel_random);
        assert!(good.passed, "{good:?}");
        let stuck = randomness(&mut |bytes| {
            bytes.fill(7);
            Ok(())
        });
        assert!(!stuck.passed && stuck.found.contains("twice"), "{stuck:?}");
        assert!(!randomness(&mut |_| Err(NoRandomness)).passed);
    }

    #[test]
    fn memory_counts_as_locked_when_the_kernel_says_so_twice() {
        let says = |text: &str, locked| memory(root_with("proc/self/status", text).path(), locked);
        let good = says("Name:\tinit\nVmLck:\t   30124 kB\nVmPin:\t0 kB\n", Ok(()));
        assert!(good.passed && good.found.starts_with("30124 KiB"), "{good:?}");
        assert!(!says("VmLck:\t       0 kB\n", Ok(())).passed);
        assert!(!says("Name:\tinit\n", Ok(())).passed);
        let refused = says("VmLck:\t30124 kB\n", Err(rustix::io::Errno::NOMEM));
        assert!(!refused.passed && !refused.advice.is_empty(), "{refused:?}");
    }
}

//! A private browser window for the person, where this machine has a desktop and a browser that is known.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs, and the option with which each opens a window that keeps nothing.
const KNOWN: [(&str, &str); 8] = [
    ("firefox", "--private-window"),
    ("firefox-esr", "--private-window"),
    ("google-chrome", "--incognito"),
    ("google-chrome-stable", "--incognito"),
    ("chromium", "--incognito"),
    ("chromium-browser", "--incognito"),
    ("microsoft-edge", "--inprivate"),
    ("microsoft-edge-stable", "--inprivate"),
];

/// Opens the page in a private window of its own; returns the browser's name, or nothing where none is opened.
///
/// The page is the only thing that the browser is told: arguments can be read by everybody on the machine.
pub(super) fn open_private(page: &str) -> Option<&'static str> {
    let is_desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !is_desktop {
        return None;
    }
    let (program, name, option) = installed(&std::env::var_os("PATH")?)?;
    // A group of its own: Ctrl-C ends the registration and leaves the window to the person.
    Command::new(program)
        .args([option, page])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    Some(name)
}

/// The first known browser in the folders of a search path, with its option.
fn installed(path: &OsStr) -> Option<(PathBuf, &'static str, &'static str)> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    KNOWN.iter().find_map(|(name, option)| {
        let mut programs = folders.iter().map(|folder| folder.join(name));
        let program = programs.find(|program| is_program(program))?;
        Some((program, *name, *option))
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_browser_that_can_be_run_is_taken_with_its_private_option() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let path = std::env::join_paths([Path::new("/nonexistent"), folder.path()]).unwrap();
        assert!(installed(&path).is_none());
        file("firefox", 0o644);
        file("lynx", 0o755);
        assert!(installed(&path).is_none());
        let edge = file("microsoft-edge", 0o755);
        assert_eq!(installed(&path), Some((edge, "microsoft-edge", "--inprivate")));
        let chromium = file("chromium", 0o755);
        assert_eq!(installed(&path), Some((chromium, "chromium", "--incognito")));
    }
}

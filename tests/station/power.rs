//! The power of the station: it can fail whenever the ceremony calls one of its ports.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

/// What a thread dies of when the power fails.
pub(crate) struct PowerCut;

/// Counts the calls of all ports; a ceremony that goes the same way makes the same calls.
pub(crate) struct Power {
    root: PathBuf,
    calls: Cell<usize>,
    fails_at: Cell<Option<usize>>,
    /// Lines on the stick at each call, while somebody wants to know.
    lines: RefCell<Option<Vec<usize>>>,
    /// Something else that happens at a call.
    mishap: RefCell<Option<(usize, Mishap)>>,
}

/// What happens to the stick while the station is on.
pub(crate) type Mishap = Box<dyn FnOnce()>;

impl Power {
    /// Power for a station whose stick is this folder; it fails at this call, counted from 0.
    pub(crate) fn new(root: &Path, fails_at: Option<usize>) -> Self {
        Self {
            root: root.to_owned(),
            calls: Cell::new(0),
            fails_at: Cell::new(fails_at),
            lines: RefCell::new(fails_at.is_none().then(Vec::new)),
            mishap: RefCell::new(None),
        }
    }

    /// Has something happen at this call.
    pub(crate) fn at(&self, call: usize, mishap: Mishap) {
        *self.mishap.borrow_mut() = Some((call, mishap));
    }

    /// Any port is called.
    pub(crate) fn call(&self) {
        let call = self.calls.replace(self.calls.get() + 1);
        if let Some(lines) = &mut *self.lines.borrow_mut() {
            lines.push(transcript(&self.root).lines().count());
        }
        let mishap = self.mishap.borrow_mut().take_if(|(at, _)| *at == call);
        if let Some((_, mishap)) = mishap {
            mishap();
        }
        if self.fails_at.get() == Some(call) {
            self.fails_at.set(None);
            // Not `panic!`: nobody is to read of it.
            resume_unwind(Box::new(PowerCut));
        }
    }

    /// It fails again, so many calls from now.
    pub(crate) fn fails_again(&self, after: Option<usize>) {
        self.fails_at.set(after.map(|after| self.calls.get() + after));
    }

    /// Lines on the stick at each call.
    pub(crate) fn lines(&self) -> Vec<usize> {
        self.lines.borrow().clone().unwrap_or_default()
    }
}

/// The folders of ceremonies on a stick.
pub(crate) fn folders(root: &Path) -> Vec<PathBuf> {
    let is_folder = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("ceremony-")
    };
    // A stick that is out has none.
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().path())
        .filter(is_folder)
        .collect()
}

/// The first copy of the transcript on a stick; empty where none was begun.
pub(crate) fn transcript(root: &Path) -> String {
    let read = |folder: PathBuf| std::fs::read(folder.join("transcript.jsonl")).unwrap_or_default();
    let bytes: Vec<u8> = folders(root).into_iter().flat_map(read).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

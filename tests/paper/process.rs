//! The printing process and a printer that is not there.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use glasskey::paper::page::PaperSize;
use glasskey::printer::{self, Language, PrintError, Printer};
use glasskey::worker::Launcher;

use crate::fixtures::{pin, slip};
use crate::tools::saved;

pub(crate) fn printer_at(node: &Path) -> Printer {
    Printer {
        name: "lp0".into(),
        node: node.to_owned(),
        port: "1-1".into(),
        make: "ACME".into(),
        model: "Laser".into(),
        commands: vec!["PCL".into()],
        language: Some(Language::Pcl5),
        offset: printer::Offset::default(),
    }
}

fn print_at(node: &Path) -> PrintError {
    printer::print(
        &Launcher::program(env!("CARGO_BIN_EXE_glasskey")),
        &printer_at(node),
        &slip(PaperSize::A4),
        Some(&pin("90417263")),
        Duration::from_mins(1),
        &AtomicBool::new(false),
        &mut |_| {},
    )
    .expect_err("there is no printer")
}

#[test]
fn the_printing_process_never_makes_a_file_of_a_missing_printer() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-lp0");
    assert!(matches!(print_at(&missing), PrintError::Open { .. }));
    assert!(!missing.exists());
    let plain = saved("plain-lp0", b"before");
    assert!(matches!(print_at(&plain), PrintError::NotAPrinter(_)));
    assert_eq!(fs::read(&plain).expect("it is there"), b"before");
    assert!(matches!(
        print_at(Path::new("/dev/null")),
        PrintError::NotAPrinter(_)
    ));
}

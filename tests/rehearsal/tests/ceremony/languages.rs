//! One key prepared with a printer of each language; what the printer received is read back from its dots.

use bench::paper::{Language, each};
use rehearsal::Result;
use rehearsal::papers::Paper;
use rehearsal::plan::Plan;

use crate::desk::Desk;
use crate::{accepts_only, another, check, key};

/// Prepares a key; the PIN in the dots is the key's, the code in the dots is its label's.
fn prepared_with(printer: &'static str, language: Language) {
    let key = key();
    let mut desk = Desk::new(|recipient| Plan::new(1, recipient)).printer(printer);
    desk.sit(
        |officer| officer,
        |officer| {
            officer.begin()?;
            officer.prepare(&key, 0)?;
            officer.close()
        },
    );
    let jobs = each(desk.printed()).map(|job| Ok(job?.language));
    let languages: Result<Vec<Language>> = jobs.collect();
    let languages = languages.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(languages, [language; 3], "a slip, a label and a record");
    let evidence = desk.evidence();
    check(&evidence, 1);
    let slips = evidence.slips();
    assert_eq!(slips.len(), 1, "{slips:?}");
    accepts_only(&key, slips[0].1, &[&another(slips[0].1)]);
    let label = evidence.events("key-prepared")[0]["label"].as_str();
    let label = label.expect("a label");
    let named = |paper: &&Paper| matches!(paper, Paper::Label { qr, .. } if qr.contains(label));
    assert_eq!(evidence.papers.iter().filter(named).count(), 1);
}

#[test]
fn a_printer_of_pcl_gets_pcl() {
    prepared_with(
        "MFG:Virtual;MDL:Bench Page Printer;CMD:PJL,PCL5e,POSTSCRIPT,PDF;",
        Language::Pcl,
    );
}

#[test]
fn a_printer_of_postscript_gets_postscript() {
    prepared_with(
        "MFG:Virtual;MDL:Bench Page Printer;CMD:PDF,Adobe PostScript 3,PCLXL;",
        Language::PostScript,
    );
}

#[test]
fn a_printer_of_pwg_raster_gets_pwg_raster() {
    prepared_with(
        "MFG:Virtual;MDL:Bench Page Printer;CMD:PWGRaster,URF,PDF;",
        Language::Pwg,
    );
}

//! Labels on a roll: a label printer beside the page printer, and a plan whose label printer is not there.

use bench::usbredir::printer::Printer;
use rehearsal::papers::{self, Paper};
use rehearsal::plan::Plan;

use crate::desk::{Desk, known};
use crate::{check, key};

const BROTHER: &str = "MFG:Brother;CMD:PT-CBP;MDL:QL-800;CLS:PRINTER;";
const ZEBRA: &str = "MFG:Zebra Technologies ;CMD:ZPL;MDL:ZTC ZD420-203dpi ZPL;CLS:PRINTER;";

/// What a Brother QL is asked with, and what it says of its tape: width and, of die-cut labels, length.
fn set_tape(printer: &Printer, width: u8, length: u8) {
    let mut status = [0; 32];
    status[..3].copy_from_slice(b"\x80\x20B");
    status[10] = width;
    status[11] = if length == 0 { 0x0a } else { 0x0b };
    status[17] = length;
    printer.set_answer(b"\x1biS", &status);
}

fn plan(stock: &'static str) -> impl FnOnce(&str) -> Plan {
    move |recipient| Plan::new(1, recipient).setting(&format!("label_stock = \"{stock}\""))
}

/// The one label came out of the label printer, as the transcript has it, and nothing else did.
fn check_label(desk: &Desk, printer: &Printer) {
    let evidence = desk.evidence();
    check(&evidence, 1);
    let is_label = |paper: &&Paper| matches!(paper, Paper::Label { .. });
    assert_eq!(
        evidence.papers.iter().filter(is_label).count(),
        0,
        "the page printer got a label"
    );
    let (slips, labels) = papers::texts(&printer.printed()).unwrap_or_else(|error| panic!("{error}"));
    assert!(slips.is_empty(), "the label printer got a slip");
    let prepared = evidence.events("key-prepared")[0];
    let text = |member: &str| prepared[member].as_str().unwrap_or_else(|| panic!("{prepared}"));
    let expected = format!(
        "GLASSKEY:1:{}:{}:{}",
        text("label"),
        evidence.ceremony,
        text("fingerprint")
    );
    assert_eq!(labels, [expected]);
}

#[test]
fn a_zebra_prints_labels_beside_a_page_printer() {
    let key = key();
    let labels = Printer::new(ZEBRA);
    let mut desk = Desk::new(plan("zebra-50x25"));
    desk.sit(
        |officer| officer,
        |officer| {
            officer.station().connect_label_printer(&labels)?;
            officer.see("Label printer: .*ZD420.*, ZPL, labels zebra-50x25")?;
            officer.begin()?;
            officer.prepare(&key, 0)?;
            officer.close()
        },
    );
    check_label(&desk, &labels);
}

const AGAIN: &str = "Press Enter to try again, or type off to switch off:";

#[test]
fn without_the_plans_roll_no_key_is_touched_and_with_it_a_brother_prints_labels() {
    let key = key();
    let labels = Printer::new(BROTHER);
    let mut desk = Desk::new(plan("brother-29"));
    desk.sit(
        |officer| officer,
        |officer| {
            // The page printer alone: no ceremony begins.
            officer.see("on the roll brother-29, and no label printer for it .* was found")?;
            officer.see("Nothing was printed")?;
            officer.see(AGAIN)?;
            set_tape(&labels, 62, 29);
            officer.station().connect_label_printer(&labels)?;
            std::thread::sleep(std::time::Duration::from_secs(3));
            officer.say("")?;
            officer.see("it holds labels of 62 x 29 mm, and the plan wants continuous tape of 29 mm")?;
            assert_eq!(key.counters().reports_in, 0, "a key was touched");
            set_tape(&labels, 29, 0);
            // What is typed before the question is thrown away.
            officer.see(AGAIN)?;
            officer.say("")?;
            officer.see("Label printer: Brother QL-800 on port .*, Brother QL raster, labels brother-29")?;
            officer.begin()?;
            officer.prepare(&key, 0)?;
            officer.close()
        },
    );
    check_label(&desk, &labels);
}

#[test]
fn a_used_sheet_goes_on_where_the_officer_says_also_after_a_pause() {
    let (first, second) = (key(), key());
    let mut desk = Desk::new(|recipient| Plan::new(2, recipient).setting("first_label = 5"));
    desk.sit(known, |officer| {
        officer.see("sheet L7651, the next one is label 5 of 65")?;
        officer.sit_down()?;
        officer.ready()?;
        officer.say("labels 66")?;
        officer.see("Sheet L7651 has the labels 1 to 65. Nothing was changed")?;
        officer.say("labels 30")?;
        officer.see("The next label is 30 of 65 on sheet L7651")?;
        officer.prepare(&first, 0)?;
        officer.see("Put in the security key")?;
        officer.pause()?;
        officer.paused()
    });
    desk.sit(
        |officer| known(officer).after(1),
        |officer| {
            officer.see("sheet L7651, the next one is label 31 of 65")?;
            officer.sit_down()?;
            officer.prepare(&second, 0)?;
            officer.close()
        },
    );
    let evidence = desk.evidence();
    check(&evidence, 2);
    let answers = evidence.events("answered").into_iter();
    let said: Vec<_> = answers.filter(|line| line["question"] == "first label").collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["answer"], "30");
}

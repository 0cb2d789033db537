//! Test pages before the first key: what people read from the folds moves every later paper.

use bench::paper::{Bitmap, jobs};
use rehearsal::plan::Plan;

use crate::desk::Desk;
use crate::key;

/// Whether there is ink within half a millimetre of a place, in millimetres from the top left corner of the sheet.
fn is_inked(page: &Bitmap, x: f64, y: f64) -> bool {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places on a sheet"
    )]
    let dots = |mm: f64| (mm * f64::from(u32::try_from(page.dpi).unwrap_or(0)) / 25.4).round() as usize;
    let (left, top, reach) = (dots(x - 0.25), dots(y - 0.25), dots(0.5));
    (top..top + reach).any(|y| (left..left + reach).any(|x| page.is_black(x, y)))
}

#[test]
fn what_the_folds_say_moves_every_later_paper() {
    let key = key();
    let mut desk = Desk::new(|recipient| Plan::new(1, recipient).setting("print_test = true"));
    desk.sit(
        |officer| officer,
        |officer| {
            officer.see("Press Enter to print them, or type skip:")?;
            officer.say("")?;
            officer.see("Scale A .*Enter for 0:")?;
            officer.say("0.7")?;
            officer.see("Scale B .*Enter for 0:")?;
            officer.say("minus two")?;
            officer.see("is no distance in millimetres")?;
            officer.see("Scale B .*Enter for 0:")?;
            officer.say("-0.6")?;
            officer.see("moved 0.7 mm right, 0.6 mm up from now on")?;
            officer.see("print the test pages again and check, or type skip:")?;
            officer.say("")?;
            officer.see("Scale A .*Enter for 0:")?;
            officer.say("")?;
            officer.see("Scale B .*Enter for 0:")?;
            officer.say("")?;
            officer.see("Nothing has to be moved further")?;
            officer.begin()?;
            officer.prepare(&key, 0)?;
            officer.close()
        },
    );
    let printed = jobs(desk.printed()).unwrap_or_else(|error| panic!("{error}"));
    let pages: Vec<usize> = printed.iter().map(|job| job.pages.len()).collect();
    assert_eq!(
        pages[..4],
        [2, 2, 1, 1],
        "test pages twice, a slip, a label, then the record"
    );
    // The long line of scale B, 50 mm left of the middle and 10 mm to either side of it.
    let [first, second] = [&printed[0].pages[1], &printed[1].pages[1]];
    assert!(is_inked(first, 55.0, 158.3) && is_inked(second, 55.7, 138.1));
    assert!(!is_inked(first, 55.7, 138.1) && !is_inked(second, 55.0, 150.0));
    // The slip's upper fold mark begins 5 mm from the left edge, a third of the sheet down, and is 6 mm long.
    let slip = &printed[2].pages[0];
    assert!(
        is_inked(slip, 8.0, 98.4) && is_inked(slip, 11.45, 98.4),
        "the mark was moved"
    );
    assert!(
        !is_inked(slip, 5.3, 98.4) && !is_inked(slip, 8.0, 99.0),
        "and it is not where it was"
    );

    let offsets = desk
        .stick()
        .read("printers.json")
        .unwrap_or_else(|error| panic!("{error}"));
    let offsets = String::from_utf8_lossy(&offsets).into_owned();
    assert!(
        offsets.contains("\"right\": 7") && offsets.contains("\"down\": -6"),
        "{offsets}"
    );
    let listed = desk.stick().list().unwrap_or_else(|error| panic!("{error}"));
    let transcript = listed.iter().find(|name| name.ends_with("transcript.jsonl"));
    let transcript = transcript.unwrap_or_else(|| panic!("a transcript among {listed:?}"));
    let transcript = desk
        .stick()
        .read(transcript)
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(String::from_utf8_lossy(&transcript).contains("pages moved 0.7 mm right, 0.6 mm up"));
}

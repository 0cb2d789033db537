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
            officer.say("3")?;
            officer.see("Scale B .*Enter for 0:")?;
            officer.say("minus two")?;
            officer.see("is no distance in millimetres")?;
            officer.see("Scale B .*Enter for 0:")?;
            officer.say("-2")?;
            officer.see("moved 3.0 mm right, 2.0 mm up from now on")?;
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
    // The long line of scale B, 50 mm left of the middle: where it should be, and where it was moved to.
    let (unmoved, moved) = ((55.0, 148.5), (58.0, 146.5));
    let [first, second] = [&printed[0].pages[1], &printed[1].pages[1]];
    assert!(is_inked(first, unmoved.0, unmoved.1 + 9.0) && is_inked(second, moved.0, moved.1 + 9.0));
    assert!(!is_inked(first, 53.0, 157.5) && !is_inked(second, unmoved.0, unmoved.1 - 13.0));
    // The slip's upper fold mark begins 5 mm from the left edge, a third of the sheet down.
    let slip = &printed[2].pages[0];
    assert!(
        is_inked(slip, 9.0, 97.0) && is_inked(slip, 13.5, 97.0),
        "the mark was moved"
    );
    assert!(
        !is_inked(slip, 6.5, 97.0) && !is_inked(slip, 9.0, 99.0),
        "and it is not where it was"
    );

    let offsets = desk
        .stick()
        .read("printers.json")
        .unwrap_or_else(|error| panic!("{error}"));
    let offsets = String::from_utf8_lossy(&offsets).into_owned();
    assert!(
        offsets.contains("\"right\": 30") && offsets.contains("\"down\": -20"),
        "{offsets}"
    );
    let listed = desk.stick().list().unwrap_or_else(|error| panic!("{error}"));
    let transcript = listed.iter().find(|name| name.ends_with("transcript.jsonl"));
    let transcript = transcript.unwrap_or_else(|| panic!("a transcript among {listed:?}"));
    let transcript = desk
        .stick()
        .read(transcript)
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(String::from_utf8_lossy(&transcript).contains("pages moved 3.0 mm right, 2.0 mm up"));
}

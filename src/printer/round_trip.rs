//! Rows of dots through every raster language and back by the bench's strict readers.

use bench::paper::{Bitmap, Job, Language as Read, jobs};
use proptest::prelude::*;

use super::language::Language;
use super::pcl5::Pcl5;
use super::pjl;
use super::postscript::PostScript;
use super::pwg::Pwg;
use super::raster::{Encoder, Resolution, Sheet};
use super::spool::Spool;
use crate::paper::page::PaperSize;

const A4: Sheet = Sheet {
    paper: PaperSize::A4,
    resolution: Resolution::Dpi300,
};
const LETTER: Sheet = Sheet {
    paper: PaperSize::Letter,
    resolution: Resolution::Dpi300,
};

/// A sheet with these rows, repeated down the page with blank ones between.
fn sheet(sheet: Sheet, rows: &[Vec<u8>], gap: usize) -> Bitmap {
    let mut bitmap = Bitmap::new(
        sheet.width().into(),
        sheet.height().into(),
        sheet.resolution.per_inch().into(),
    );
    let length = bitmap.row_bytes();
    let padding = bitmap.row_bytes() * 8 - bitmap.width;
    for y in (0..bitmap.height).filter(|y| y % (gap + 1) == 0 && y % 7 < 5) {
        let source = rows.iter().cycle().nth(y / (gap + 1) / 3);
        let target = bitmap.row_mut(y);
        let bytes = source.into_iter().flat_map(|row| row.iter().cycle());
        for (to, byte) in target.iter_mut().zip(bytes) {
            *to = *byte;
        }
        target[length - 1] &= 0xff << padding;
    }
    bitmap
}

fn encoded(sheet: Sheet, pages: &[&Bitmap], encoder: &mut dyn Encoder) -> Spool {
    let mut out = Spool::default();
    encoder.begin(pages.len(), &mut out);
    for page in pages {
        encoder.begin_page(sheet, &mut out);
        (0..page.height).for_each(|y| encoder.row(page.row(y), &mut out));
        encoder.end_page(&mut out);
    }
    encoder.end(&mut out);
    out
}

fn read(spool: &Spool) -> Job {
    let mut jobs = jobs(spool.joined().expose()).unwrap();
    assert_eq!(jobs.len(), 1);
    jobs.remove(0)
}

/// The sheet as far as a PCL raster reaches: nothing left and right of the logical page.
fn on_logical_page(mut page: Bitmap) -> Bitmap {
    let (left, right) = match page.width {
        2480 => (71, 71 + 2338),
        _ => (75, 75 + 2400),
    };
    for y in 0..page.height {
        for x in (0..left).chain(right..page.width) {
            page.row_mut(y)[x / 8] &= !(0x80 >> (x % 8));
        }
    }
    page
}

fn some_rows() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![3 => Just(0_u8), 2 => Just(0xff_u8), 2 => any::<u8>()];
    proptest::collection::vec(proptest::collection::vec(byte, 1..650), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn pcl_gives_back_what_lies_on_its_logical_page(rows in some_rows(), gap in 0_usize..4, letter in any::<bool>()) {
        let format = if letter { LETTER } else { A4 };
        let page = sheet(format, &rows, gap);
        let job = read(&encoded(format, &[&page, &page], &mut Pcl5::default()));
        prop_assert_eq!(job.language, Read::Pcl);
        prop_assert_eq!(job.pages.len(), 2);
        let expected = on_logical_page(page);
        prop_assert!(job.pages.iter().all(|page| *page == expected));
    }

    #[test]
    fn pwg_gives_back_every_dot(rows in some_rows(), gap in 0_usize..4, letter in any::<bool>()) {
        let format = if letter { LETTER } else { A4 };
        let page = sheet(format, &rows, gap);
        let job = read(&encoded(format, &[&page, &page], &mut Pwg::default()));
        prop_assert_eq!(job.language, Read::Pwg);
        prop_assert!(job.pages == [page.clone(), page]);
    }
}

proptest! {
    // Each case is a run of Ghostscript.
    #![proptest_config(ProptestConfig::with_cases(2))]

    #[test]
    fn ghostscript_sees_every_dot(rows in some_rows(), gap in 0_usize..4, letter in any::<bool>()) {
        let format = if letter { LETTER } else { A4 };
        let page = sheet(format, &rows, gap);
        let job = read(&encoded(format, &[&page, &page], &mut PostScript::default()));
        prop_assert_eq!(job.language, Read::PostScript);
        prop_assert_eq!((job.pages[0].width, job.pages[0].height), (page.width, page.height));
        prop_assert!(job.pages == [page.clone(), page]);
    }
}

#[test]
fn a_wrapped_job_is_announced_as_what_it_is() {
    let page = sheet(A4, &[vec![0x5a; 9]], 2);
    let encoders: [(Language, Box<dyn Encoder>); 2] = [
        (Language::Pcl5, Box::new(Pcl5::default())),
        (Language::PostScript, Box::new(PostScript::default())),
    ];
    for (language, mut encoder) in encoders {
        let job = encoded(A4, &[&page], encoder.as_mut());
        assert_eq!(read(&pjl::wrap(language, job)).pages.len(), 1);
        let job = encoded(A4, &[&page], encoder.as_mut());
        let lie = pjl::wrap(Language::Pdf, job);
        assert!(jobs(lie.joined().expose()).is_err());
    }
}

#[test]
fn the_readers_refuse_what_they_do_not_know() {
    let page = sheet(A4, &[vec![0x5a; 9]], 2);
    let good = |encoder: &mut dyn Encoder| encoded(A4, &[&page], encoder).joined().expose().clone();
    let (pcl, pwg) = (good(&mut Pcl5::default()), good(&mut Pwg::default()));
    let changed = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    assert!(jobs(&pcl).is_ok() && jobs(&pwg).is_ok());
    for (from, to) in [
        (&b"\x1b&l0O"[..], &b"\x1b&l1O"[..]),
        (b"\x1b&l0E", b"\x1b(s0p10h"),
        (b"\x1b*b2M", b"\x1b*b3M"),
        (b"\x1b*r2338S", b"\x1b*r2480S"),
        (b"\x0c", b""),
    ] {
        assert!(jobs(&changed(&pcl, from, to)).is_err(), "{from:02x?}");
    }
    assert!(jobs(&changed(&pwg, b"PwgRaster", b"PwgRasteR")).is_err());
    for at in [280, 344, 400, 452 + 3, 600, 1600] {
        let mut bytes = pwg.clone();
        bytes[4 + at] ^= 1;
        assert!(jobs(&bytes).is_err(), "{at}");
    }
    assert!(jobs(&pwg[..pwg.len() - 1]).is_err());
}

#[test]
fn an_offset_moves_every_dot_of_a_page_and_changes_none() {
    use super::calibration::Offset;
    use super::child::{Request, render};
    use crate::paper::Document;
    use crate::paper::test_page::TestPages;
    use crate::secret;
    use std::sync::atomic::AtomicBool;

    struct Paper(Vec<u8>);
    impl super::sink::Sink for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
    }
    let printed = |offset: Offset| {
        let request = Request {
            document: Document::Test(TestPages {
                printer: "Bench Laser".into(),
                language: "PWG raster".into(),
                date: "2026-11-23".into(),
                moved: String::new(),
                paper: PaperSize::A4,
            }),
            language: Language::Pwg,
            pjl: false,
            offset,
        };
        let mut paper = Paper(Vec::new());
        let job = render(&request, secret::with_capacity(0)).unwrap();
        job.send(&mut paper, &AtomicBool::new(false), &mut |_| {})
            .unwrap();
        jobs(&paper.0).unwrap().remove(0).pages
    };
    let (before, after) = (
        printed(Offset::default()),
        printed(Offset { right: 15, down: -20 }),
    );
    assert_eq!((before.len(), after.len()), (2, 2));
    // 1.5 mm are 35 dots of 600 dpi, 2 mm are 47.
    let (right, up) = (35, 47);
    for (before, after) in before.iter().zip(&after) {
        let black: u32 = (0..before.height)
            .flat_map(|y| before.row(y))
            .map(|b| b.count_ones())
            .sum();
        assert!(black > 10_000, "the page is not blank");
        let (width, height) = (before.width - right, before.height - up);
        assert!(before.cut([0, up, width, height]) == after.cut([right, 0, width, height]));
    }
}

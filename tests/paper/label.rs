//! Labels: every code scans.

use glasskey::paper::Document;
use glasskey::paper::label::{LabelPayload, LabelSheet};
use glasskey::paper::stock::Stock;

use crate::fixtures::{label, stock};
use crate::tools::{codes_of, pdf, saved, tool};

#[test]
fn labels_of_every_stock_scan_at_300_and_600_dpi() {
    for stock in Stock::all() {
        let content = label(5);
        let expected = content.payload(stock);
        // The last position shows drift at its worst.
        let sheet = LabelSheet::new(stock, stock.count(), vec![content]);
        let path = saved(
            &format!("label-{stock}.pdf"),
            &pdf(&Document::Labels(sheet), None),
        );
        for dpi in ["300", "600"] {
            let codes = codes_of(&path, dpi, "1");
            assert_eq!(codes, [expected.to_string()], "{stock} at {dpi} dpi");
            assert_eq!(codes[0].parse::<LabelPayload>().as_ref(), Ok(&expected));
        }
    }
}

#[test]
fn every_label_on_a_full_sheet_scans_by_itself() {
    let stock = stock("L7651");
    let labels: Vec<_> = (1..=65).map(label).collect();
    let document = Document::Labels(LabelSheet::new(stock, 1, labels.clone()));
    let path = saved("labels-full.pdf", &pdf(&document, None));
    let file = path.display().to_string();
    let geometry = stock.geometry();
    // Cut out along the edges of the label, as scissors would; zbar misses codes where dozens are in sight.
    for position in [0_u16, 4, 7, 32, 47, 60, 64] {
        let (column, row) = (position % geometry.columns, position / geometry.columns);
        let dots = |length: f32| format!("{:.0}", length / 25.4 * 600.0);
        let x = dots(geometry.left + f32::from(column) * geometry.pitch_x);
        let y = dots(geometry.top + f32::from(row) * geometry.pitch_y);
        let (w, h) = (dots(geometry.width), dots(geometry.height));
        let root = path.with_extension(format!("cut{position}"));
        let root = root.display().to_string();
        let cut = [
            "-r",
            "600",
            "-mono",
            "-singlefile",
            "-x",
            &x,
            "-y",
            &y,
            "-W",
            &w,
            "-H",
            &h,
            &file,
            &root,
        ];
        tool("pdftoppm", &cut);
        let picture = format!("{root}.pbm");
        let code = tool(
            "zbarimg",
            &["-q", "--raw", "-Sdisable", "-Sqrcode.enable", &picture],
        );
        let expected = labels[usize::from(position)].payload(stock).to_string();
        assert_eq!(code.trim(), expected, "position {position}");
    }
}

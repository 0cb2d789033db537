//! Zebra ZPL II: each label as one graphic field in hexadecimal digits (ZPL II Programming Guide, `^GF`).

use super::raster::{Extent, Picture};
use super::spool::Spool;

/// Labels of a roll whose size the printer was set up for; `None` for no label.
#[must_use]
pub fn encode(labels: &[Picture]) -> Option<Spool> {
    let mut out = Spool::default();
    labels.first()?;
    for label in labels {
        let Extent { width, height } = label.extent;
        let row = label.extent.row_bytes();
        let all = row * usize::from(height);
        // Home at the corner, upright; one copy.
        let setup = format!("^XA^LH0,0^PON^PW{width}^LL{height}^FO0,0^GFA,{all},{all},{row},");
        out.push(setup.as_bytes());
        for row in label.rows() {
            let digits: Vec<u8> = row
                .iter()
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .collect();
            out.push(&digits);
        }
        out.push(b"^FS^PQ1^XZ\n");
    }
    Some(out)
}

fn digit(value: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(value & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_field_of_its_size() {
        let label = Picture::new(Extent { width: 12, height: 2 });
        let spool = encode(&[label]).unwrap();
        assert_eq!(
            String::from_utf8_lossy(spool.joined().expose()),
            "^XA^LH0,0^PON^PW12^LL2^FO0,0^GFA,4,4,2,00000000^FS^PQ1^XZ\n"
        );
        assert!(encode(&[]).is_none());
    }

    #[test]
    fn digits_are_upper_case() {
        assert_eq!((0..16).map(digit).collect::<Vec<_>>(), b"0123456789ABCDEF");
    }
}

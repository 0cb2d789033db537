//! Labels of a roll in a label printer's language, at the dots of its head.

use super::brother_ql::{self, Tape};
use super::language::Language;
use super::raster::{MissingGlyph, Picture, Resolution};
use super::spool::Spool;
use super::zpl;
use crate::paper::label::LabelSheet;
use crate::paper::page::Page;
use crate::paper::stock::Roll;

/// Draws and encodes labels; `None` where this printer does not take this stock.
pub fn render(language: Language, sheet: &LabelSheet, pages: &[Page]) -> Result<Option<Spool>, MissingGlyph> {
    let Some(resolution) = Resolution::of(sheet.dots_per_inch) else {
        return Ok(None);
    };
    let mut labels = Vec::new();
    for page in pages {
        let label = Picture::of(page, resolution)?;
        labels.push(if sheet.stock.is_turned() {
            label.turned()
        } else {
            label
        });
    }
    Ok(match (language, sheet.stock.roll()) {
        (Language::BrotherQl, Some(Roll::Brother { width, length })) => {
            brother_ql::encode(&labels, Tape { width, length })
        }
        (Language::Zpl, Some(Roll::Zebra)) => zpl::encode(&labels),
        _ => None,
    })
}

/// The language that printers of this roll speak.
#[must_use]
pub fn language_for(roll: Roll) -> Language {
    match roll {
        Roll::Brother { .. } => Language::BrotherQl,
        Roll::Zebra => Language::Zpl,
    }
}

//! Pictures of glyphs at the sizes in use, drawn from the font files before there is a PIN to print.

use std::collections::BTreeMap;

use ab_glyph::{Font as _, FontRef, PxScale, point};

use super::{Resolution, whole};
use crate::paper::font::{Font, Style};
use crate::paper::page::{Item, Page};

/// A glyph in dots.
pub struct Glyph {
    /// From the origin to the left edge of the picture.
    pub left: i32,
    /// From the baseline to the upper edge of the picture; negative is above.
    pub top: i32,
    /// From this origin to the next one, in ems.
    pub advance: f32,
    row_bytes: usize,
    bits: Vec<u8>,
}

impl Glyph {
    /// Its rows from the top, eight dots to a byte; none of a blank glyph.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.bits.chunks_exact(self.row_bytes.max(1))
    }
}

/// Glyphs by font, size (as its bits) and character.
pub struct Glyphs {
    resolution: Resolution,
    pictures: BTreeMap<(Font, u32, char), Glyph>,
}

impl Glyphs {
    /// An empty collection.
    #[must_use]
    pub fn new(resolution: Resolution) -> Self {
        Self {
            resolution,
            pictures: BTreeMap::new(),
        }
    }

    /// All that these pages show; not for pages with a PIN on them.
    #[must_use]
    pub fn of(pages: &[Page], resolution: Resolution) -> Self {
        let mut glyphs = Self::new(resolution);
        for item in pages.iter().flat_map(|page| &page.items) {
            if let Item::Text { style, text, .. } = item {
                glyphs.draw(*style, text.expose().chars());
            }
        }
        glyphs
    }

    /// The dots they are made of.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// The picture of a character.
    #[must_use]
    pub fn get(&self, style: Style, character: char) -> Option<&Glyph> {
        self.pictures.get(&(style.font, style.size.to_bits(), character))
    }

    /// Draws what is not there yet; a character without a glyph stays missing.
    pub fn draw(&mut self, style: Style, characters: impl IntoIterator<Item = char>) {
        let Ok(font) = FontRef::try_from_slice(style.font.file()) else {
            return;
        };
        let face = style.font.face();
        for character in characters {
            let key = (style.font, style.size.to_bits(), character);
            if self.pictures.contains_key(&key) {
                continue;
            }
            if let Some(glyph) = face.glyph(character) {
                let advance = f32::from(face.advance(glyph)) / f32::from(face.units_per_em);
                let ems = style.size / 72.0 * f32::from(self.resolution.per_inch());
                self.pictures.insert(key, picture(&font, glyph, ems, advance));
            }
        }
    }
}

/// Draws a glyph with `ems` dots to the em; a dot is black where half of it or more is covered.
fn picture(font: &FontRef, glyph: u16, ems: f32, advance: f32) -> Glyph {
    // The library counts a size from the lowest descender to the highest ascender.
    let per_em = font
        .units_per_em()
        .map_or(1.0, |units| font.height_unscaled() / units);
    let glyph =
        ab_glyph::GlyphId(glyph).with_scale_and_position(PxScale::from(ems * per_em), point(0.0, 0.0));
    let Some(outlined) = font.outline_glyph(glyph) else {
        return Glyph {
            left: 0,
            top: 0,
            advance,
            row_bytes: 0,
            bits: Vec::new(),
        };
    };
    let bounds = outlined.px_bounds();
    let [width, height] =
        [bounds.width(), bounds.height()].map(|side| usize::try_from(whole(side)).unwrap_or(0));
    let row_bytes = width.div_ceil(8);
    let mut bits = vec![0_u8; row_bytes * height];
    outlined.draw(|x, y, covered| {
        let (x, y) = (x as usize, y as usize);
        if covered >= 0.5
            && x < width
            && let Some(byte) = bits.get_mut(y * row_bytes + x / 8)
        {
            *byte |= 0x80 >> (x % 8);
        }
    });
    Glyph {
        left: whole(bounds.min.x),
        top: whole(bounds.min.y),
        advance,
        row_bytes,
        bits,
    }
}

//! Reads a TrueType font: which glyph a character has, how wide it is, and a smaller font of a few glyphs.
//!
//! Knows only what laying out and embedding need (OpenType 1.9: cmap format 4, head, hhea, hmtx, loca, glyf);
//! no shaping and no kerning, so scripts that need either are refused before they get here.

use std::collections::BTreeSet;

/// Tables a printer needs to draw glyphs by number; names, layout and character maps stay out.
const EMBEDDED: [&[u8; 4]; 9] = [
    b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep",
];

/// A parsed font file.
#[derive(Clone, Copy)]
pub struct Face<'a> {
    file: &'a [u8],
    cmap: &'a [u8],
    /// Font units per em.
    pub units_per_em: u16,
    /// Smallest and largest coordinates of all glyphs: x min, y min, x max, y max.
    pub bounds: [i16; 4],
    /// Height above and depth below the baseline for a line of text.
    pub ascent: i16,
    /// See `ascent`; negative.
    pub descent: i16,
    advances: &'a [u8],
    advance_count: u16,
    glyph_count: u16,
    locations: &'a [u8],
    outlines: &'a [u8],
}

impl<'a> Face<'a> {
    /// Parses a font file; `None` where it is not a TrueType font with 32-bit locations.
    #[must_use]
    pub fn parse(file: &'a [u8]) -> Option<Self> {
        let head = table(file, b"head")?;
        let hhea = table(file, b"hhea")?;
        if i16_at(head, 50)? != 1 {
            return None;
        }
        Some(Self {
            file,
            cmap: unicode_subtable(table(file, b"cmap")?)?,
            units_per_em: u16_at(head, 18).filter(|units| *units > 0)?,
            bounds: [
                i16_at(head, 36)?,
                i16_at(head, 38)?,
                i16_at(head, 40)?,
                i16_at(head, 42)?,
            ],
            ascent: i16_at(hhea, 4)?,
            descent: i16_at(hhea, 6)?,
            advances: table(file, b"hmtx")?,
            advance_count: u16_at(hhea, 34)?,
            glyph_count: u16_at(table(file, b"maxp")?, 4)?,
            locations: table(file, b"loca")?,
            outlines: table(file, b"glyf")?,
        })
    }

    /// The glyph of a character; `None` where the font has none.
    #[must_use]
    pub fn glyph(&self, character: char) -> Option<u16> {
        let code = u16::try_from(u32::from(character)).ok()?;
        let segments = usize::from(u16_at(self.cmap, 6)?) / 2;
        let segment = (0..segments).find(|i| u16_at(self.cmap, 14 + 2 * i).is_some_and(|end| code <= end))?;
        let start = u16_at(self.cmap, 16 + 2 * segments + 2 * segment)?;
        let delta = u16_at(self.cmap, 16 + 4 * segments + 2 * segment)?;
        let offset_at = 16 + 6 * segments + 2 * segment;
        let offset = u16_at(self.cmap, offset_at)?;
        if code < start {
            return None;
        }
        let glyph = if offset == 0 {
            code.wrapping_add(delta)
        } else {
            let glyph = u16_at(
                self.cmap,
                offset_at + usize::from(offset) + 2 * usize::from(code - start),
            )?;
            if glyph == 0 { 0 } else { glyph.wrapping_add(delta) }
        };
        (glyph != 0 && glyph < self.glyph_count).then_some(glyph)
    }

    /// The advance width of a glyph in font units.
    #[must_use]
    pub fn advance(&self, glyph: u16) -> u16 {
        let index = glyph.min(self.advance_count.saturating_sub(1));
        u16_at(self.advances, 4 * usize::from(index)).unwrap_or(0)
    }

    /// The outline of a glyph, empty for a blank one.
    fn outline(&self, glyph: u16) -> &'a [u8] {
        let at = 4 * usize::from(glyph);
        let range = u32_at(self.locations, at)
            .zip(u32_at(self.locations, at + 4))
            .and_then(|(from, to)| self.outlines.get(from as usize..to as usize));
        range.unwrap_or(&[])
    }

    /// Writes a font file of these glyphs alone, under their old numbers.
    ///
    /// Numbers are kept so that nothing inside composite glyphs changes; glyphs in between are blank. A page
    /// carries some 20 KB of font this way instead of a megabyte.
    #[must_use]
    pub fn subset(&self, glyphs: &BTreeSet<u16>) -> Vec<u8> {
        let mut kept = glyphs.clone();
        kept.insert(0);
        let mut queue: Vec<u16> = kept.iter().copied().collect();
        while let Some(glyph) = queue.pop() {
            for part in components(self.outline(glyph)) {
                if part < self.glyph_count && kept.insert(part) {
                    queue.push(part);
                }
            }
        }
        let count = kept.last().map_or(1, |last| last.saturating_add(1));
        let mut outlines = Vec::new();
        let mut locations = Vec::new();
        for glyph in 0..count {
            push_u32(&mut locations, outlines.len());
            if kept.contains(&glyph) {
                outlines.extend_from_slice(self.outline(glyph));
                outlines.resize(outlines.len().next_multiple_of(4), 0);
            }
        }
        push_u32(&mut locations, outlines.len());
        let advance_count = self.advance_count.min(count);
        let metrics = 4 * usize::from(advance_count) + 2 * usize::from(count - advance_count);
        let tables = EMBEDDED.iter().filter_map(|tag| {
            let old = table(self.file, tag)?;
            let new = match *tag {
                b"glyf" => outlines.clone(),
                b"loca" => locations.clone(),
                b"hmtx" => old.get(..metrics)?.to_vec(),
                b"hhea" => patched(old, 34, advance_count),
                b"maxp" => patched(old, 4, count),
                _ => old.to_vec(),
            };
            Some((**tag, new))
        });
        assemble(&tables.collect::<Vec<_>>())
    }
}

/// The glyphs a composite outline is put together from (OpenType, glyf: component description).
fn components(outline: &[u8]) -> Vec<u16> {
    const WORDS: u16 = 0x0001;
    const SCALE: u16 = 0x0008;
    const MORE: u16 = 0x0020;
    const TWO_SCALES: u16 = 0x0040;
    const MATRIX: u16 = 0x0080;
    let mut found = Vec::new();
    if i16_at(outline, 0).is_none_or(|contours| contours >= 0) {
        return found;
    }
    let mut at = 10;
    while let Some((flags, glyph)) = u16_at(outline, at).zip(u16_at(outline, at + 2)) {
        found.push(glyph);
        at += if flags & WORDS == 0 { 6 } else { 8 };
        at += match flags & (SCALE | TWO_SCALES | MATRIX) {
            SCALE => 2,
            TWO_SCALES => 4,
            MATRIX => 8,
            _ => 0,
        };
        if flags & MORE == 0 {
            break;
        }
    }
    found
}

/// Puts tables, sorted by tag, behind a table directory.
fn assemble(tables: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let count = u16::try_from(tables.len()).unwrap_or(u16::MAX);
    let exponent = u16::try_from(count.max(1).ilog2()).unwrap_or(0);
    let mut file = vec![0, 1, 0, 0];
    for value in [
        count,
        16 << exponent,
        exponent,
        16 * count.saturating_sub(1 << exponent),
    ] {
        file.extend(value.to_be_bytes());
    }
    let mut at = 12 + 16 * tables.len();
    for (tag, body) in tables {
        file.extend(tag);
        file.extend(checksum(body).to_be_bytes());
        push_u32(&mut file, at);
        push_u32(&mut file, body.len());
        at += body.len().next_multiple_of(4);
    }
    for (_, body) in tables {
        file.extend(body);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    file
}

fn checksum(body: &[u8]) -> u32 {
    body.chunks(4).fold(0_u32, |sum, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}

/// The format 4 character map for Unicode's basic plane.
fn unicode_subtable(cmap: &[u8]) -> Option<&[u8]> {
    let count = usize::from(u16_at(cmap, 2)?);
    (0..count).find_map(|i| {
        let at = 4 + 8 * i;
        let unicode = (u16_at(cmap, at)?, u16_at(cmap, at + 2)?) == (3, 1);
        let body = cmap.get(u32_at(cmap, at + 4)? as usize..)?;
        (unicode && u16_at(body, 0)? == 4).then_some(body)
    })
}

fn table<'a>(file: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    let count = usize::from(u16_at(file, 4)?);
    (0..count).find_map(|i| {
        let record = file.get(12 + 16 * i..28 + 16 * i)?;
        let from = u32_at(record, 8)? as usize;
        let length = u32_at(record, 12)? as usize;
        (record.starts_with(tag))
            .then(|| file.get(from..from.checked_add(length)?))
            .flatten()
    })
}

fn patched(table: &[u8], at: usize, value: u16) -> Vec<u8> {
    let mut table = table.to_vec();
    if let Some(field) = table.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
    table
}

fn push_u32(to: &mut Vec<u8>, value: usize) {
    to.extend(u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes());
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn i16_at(bytes: &[u8], at: usize) -> Option<i16> {
    u16_at(bytes, at).map(u16::cast_signed)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

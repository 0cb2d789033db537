//! QR codes as module matrices: upper-case alphanumeric mode only, of a version fixed in advance.

use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};

use super::page::{Item, Millimetres, Page, Position};

/// Blank modules that a reader needs around the symbol (ISO/IEC 18004, 5.3.8).
pub const QUIET_ZONE: u8 = 4;

/// How much damage a symbol survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Robustness {
    /// Level M, for paper in a folder.
    Paper,
    /// Level Q, for a label that is handled.
    Handled,
}

/// A QR code without its quiet zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Modules along a side.
    pub side: u8,
    /// Row by row, `true` is dark.
    pub dark: Vec<bool>,
}

impl Symbol {
    /// Encodes the text; `None` where it does not fit this version or is not `0-9A-Z $%*+-./:`.
    #[must_use]
    pub fn encode(text: &str, version: u8, robustness: Robustness) -> Option<Self> {
        let level = match robustness {
            Robustness::Paper => EcLevel::M,
            Robustness::Handled => EcLevel::Q,
        };
        let alphanumeric = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || " $%*+-./:".contains(c);
        if !(1..=9).contains(&version) || !text.chars().all(alphanumeric) {
            return None;
        }
        let mut bits = Bits::new(Version::Normal(version.into()));
        bits.push_alphanumeric_data(text.as_bytes()).ok()?;
        bits.push_terminator(level).ok()?;
        let code = QrCode::with_bits(bits, level).ok()?;
        Some(Self {
            side: u8::try_from(code.width()).ok()?,
            dark: code.into_colors().iter().map(|c| *c == Color::Dark).collect(),
        })
    }

    /// Modules along a side, the quiet zone included.
    #[must_use]
    pub fn side_with_quiet_zone(&self) -> u8 {
        self.side + 2 * QUIET_ZONE
    }
}

impl Page {
    /// Draws a symbol whose quiet zone begins at `at`.
    pub fn modules(&mut self, at: Position, module: Millimetres, symbol: Symbol) {
        let quiet = f32::from(QUIET_ZONE) * module;
        self.items.push(Item::Modules {
            at: Position {
                x: at.x + quiet,
                y: at.y + quiet,
            },
            module,
            symbol,
        });
    }
}

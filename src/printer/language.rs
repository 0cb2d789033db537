//! Which language to speak to a printer, by what it says it knows.

use serde::{Deserialize, Serialize};

use super::pcl5::Pcl5;
use super::pdf;
use super::postscript::PostScript;
use super::pwg::Pwg;
use super::raster::{self, Encoder, Glyphs, NotDrawn, Resolution};
use super::spool::Spool;
use crate::paper::page::Page;

/// What pages are drawn in; the printers in question take it, and a QR code on a small label needs it.
pub const RESOLUTION: Resolution = Resolution::Dpi600;

/// A printer language, in the order in which they are preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// PCL 5, as a one-bit raster.
    Pcl5,
    /// PostScript level 2, as a one-bit raster.
    PostScript,
    /// PWG raster (PWG 5102.4).
    Pwg,
    /// PDF as it is.
    Pdf,
    /// Brother QL raster, for rolls of labels.
    BrotherQl,
    /// Zebra ZPL II, for rolls of labels.
    Zpl,
    /// A language that only the maker's driver speaks; never printed in.
    HostBased,
}

impl Language {
    /// All languages, the preferred ones first.
    const ALL: [Self; 7] = [
        Self::Pcl5,
        Self::PostScript,
        Self::Pwg,
        Self::Pdf,
        Self::BrotherQl,
        Self::Zpl,
        Self::HostBased,
    ];

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcl5 => "PCL 5",
            Self::PostScript => "PostScript",
            Self::Pwg => "PWG raster",
            Self::Pdf => "PDF",
            Self::BrotherQl => "Brother QL raster",
            Self::Zpl => "ZPL",
            Self::HostBased => "a host-based language",
        }
    }

    /// The words by which printers name it; compared as a whole, because `PCL3GUI` is no `PCL`.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Pcl5 => &["PCL", "PCL5", "PCL5C", "PCL5E"],
            Self::PostScript => &[
                "POSTSCRIPT",
                "POSTSCRIP",
                "PS",
                "PS2",
                "PS3",
                "BR-SCRIPT",
                "BR-SCRIPT3",
            ],
            Self::Pwg => &["PWGRASTER", "PWG"],
            Self::Pdf => &["PDF"],
            Self::BrotherQl => &["PT-CBP"],
            Self::Zpl => &["ZPL"],
            Self::HostBased => &[
                "ZJS", "XQX", "ACL", "SPLC", "GDI", "HBP", "LAVAFLOW", "PCL3GUI", "PCLXL", "URF", "ESCPL2",
                "ESCPR2",
            ],
        }
    }

    /// What the printer's words say it knows, the preferred ones first.
    #[must_use]
    pub fn recognised(commands: &[String]) -> Vec<Self> {
        let known = |language: &Self| {
            commands
                .iter()
                .any(|word| language.words().iter().any(|w| w.eq_ignore_ascii_case(word)))
        };
        Self::ALL.into_iter().filter(known).collect()
    }

    /// The best language that the printer knows and this version prints in.
    #[must_use]
    pub fn choose(commands: &[String]) -> Option<Self> {
        Self::recognised(commands)
            .into_iter()
            .find(|language| language.is_supported())
    }

    /// The languages that this version prints in.
    pub fn supported() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|language| language.is_supported())
    }

    fn is_supported(self) -> bool {
        self == Self::Pdf || self.is_raster() || self.is_for_labels()
    }

    /// Whether it is spoken by printers of labels on a roll, which print nothing else.
    #[must_use]
    pub fn is_for_labels(self) -> bool {
        matches!(self, Self::BrotherQl | Self::Zpl)
    }

    /// Whether a printer that names it can be one of a model whose head is not known here.
    ///
    /// Brother's P-touch and its wide QL-1000s speak the same language with rows of another length.
    #[must_use]
    pub fn fits_model(self, model: &str) -> bool {
        self != Self::BrotherQl || (model.starts_with("QL-") && !model.starts_with("QL-1"))
    }

    /// The dots of a printer's head; of a Zebra, its model says them.
    #[must_use]
    pub fn resolution(self, model: &str) -> Resolution {
        match self {
            Self::BrotherQl => Resolution::Dpi300,
            Self::Zpl if model.contains("300dpi") => Resolution::Dpi300,
            Self::Zpl if model.contains("600dpi") => Resolution::Dpi600,
            Self::Zpl => Resolution::Dpi203,
            _ => RESOLUTION,
        }
    }

    /// Whether pages go to the printer as dots.
    #[must_use]
    pub fn is_raster(self) -> bool {
        self.encoder().is_some()
    }

    /// Whether a page with a PIN may be printed in it.
    ///
    /// A PDF holds the PIN as text, is made by code of others, and leaves its scale to the printer.
    #[must_use]
    pub fn may_carry_pin(self) -> bool {
        self.is_raster()
    }

    fn encoder(self) -> Option<Box<dyn Encoder>> {
        match self {
            Self::Pcl5 => Some(Box::new(Pcl5::default())),
            Self::PostScript => Some(Box::new(PostScript::default())),
            Self::Pwg => Some(Box::new(Pwg::default())),
            Self::Pdf | Self::BrotherQl | Self::Zpl | Self::HostBased => None,
        }
    }

    /// Puts sheets without a PIN into a page printer's bytes; `None` for another language.
    pub fn render(self, pages: &[Page]) -> Result<Option<Spool>, NotDrawn> {
        if self == Self::Pdf {
            return Ok(Some(Spool::from(pdf::render(pages).as_slice())));
        }
        self.render_drawn(pages, &Glyphs::of(pages, RESOLUTION))
    }

    /// Puts pages into the bytes of a raster language from pictures that are there already; `None` for another.
    pub fn render_drawn(self, pages: &[Page], glyphs: &Glyphs) -> Result<Option<Spool>, NotDrawn> {
        self.encoder()
            .map(|mut encoder| raster::render(pages, glyphs, encoder.as_mut()))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::device_id::DeviceId;

    fn recognised(commands: &str) -> Vec<Language> {
        Language::recognised(&DeviceId::parse(format!("CMD:{commands};").as_bytes()).commands)
    }

    #[test]
    fn compares_whole_words_without_case() {
        use Language::{BrotherQl, HostBased, Pcl5, Pdf, PostScript, Pwg, Zpl};
        let cases: [(&str, &[Language]); 10] = [
            ("PJL,PCL5e,PCL6,PDF", &[Pcl5, Pdf]),
            ("pcl,PostScript", &[Pcl5, PostScript]),
            ("Adobe PostScript 3", &[PostScript]),
            ("BR-Script", &[PostScript]),
            ("PWGRaster,URF", &[Pwg, HostBased]),
            ("PCL3GUI,PCLM", &[HostBased]),
            ("PCL6", &[]),
            ("PT-CBP", &[BrotherQl]),
            ("EPL,ZPL", &[Zpl]),
            ("", &[]),
        ];
        for (commands, languages) in cases {
            assert_eq!(recognised(commands), languages, "{commands}");
        }
    }

    #[test]
    fn chooses_the_best_of_what_this_version_renders() {
        let words = |text: &str| DeviceId::parse(format!("CMD:{text};").as_bytes()).commands;
        let cases = [
            ("PDF,POSTSCRIPT,PCL5e", Some(Language::Pcl5)),
            ("PWGRaster,PDF,PS3", Some(Language::PostScript)),
            ("PDF,PWGRaster,URF", Some(Language::Pwg)),
            ("GDI,PDF", Some(Language::Pdf)),
            ("PCL6,PCLXL,GDI", None),
            ("ZPL,PCL", Some(Language::Pcl5)),
            ("ZPL", Some(Language::Zpl)),
            ("EPL", None),
        ];
        for (commands, language) in cases {
            assert_eq!(Language::choose(&words(commands)), language, "{commands}");
        }
        for language in Language::ALL {
            let prints_pages = language.is_supported() && !language.is_for_labels();
            assert_eq!(matches!(language.render(&[]), Ok(Some(_))), prints_pages);
            assert_eq!(
                language.may_carry_pin(),
                prints_pages && language != Language::Pdf
            );
        }
    }

    #[test]
    fn a_head_that_is_not_known_is_not_printed_with() {
        for model in ["QL-500", "QL-800", "QL-820NWB"] {
            assert!(Language::BrotherQl.fits_model(model), "{model}");
        }
        for model in ["QL-1060N", "QL-1110NWB", "PT-P700", ""] {
            assert!(!Language::BrotherQl.fits_model(model), "{model}");
        }
        let zebra = |model| Language::Zpl.resolution(model).per_inch();
        assert_eq!(
            ["ZTC ZD420-300dpi ZPL", "ZTC ZD420-203dpi ZPL", "ZTC GK420d"].map(zebra),
            [300, 203, 203]
        );
    }
}

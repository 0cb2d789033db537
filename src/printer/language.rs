//! Which language to speak to a printer, by what it says it knows.

use serde::{Deserialize, Serialize};

use super::pdf;
use crate::paper::page::Page;

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
    /// A label printer's own language.
    Label,
    /// A language that only the maker's driver speaks; never printed in.
    HostBased,
}

impl Language {
    /// All languages, the preferred ones first.
    const ALL: [Self; 6] = [
        Self::Pcl5,
        Self::PostScript,
        Self::Pwg,
        Self::Pdf,
        Self::Label,
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
            Self::Label => "a label printer's language",
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
            Self::Label => &["PT-CBP", "ZPL", "EPL"],
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
        matches!(self, Self::Pdf)
    }

    /// Whether a page with a PIN may be printed in it.
    ///
    /// A PDF holds the PIN as text and leaves its scale to the printer, so a raster language is to take
    /// its place for slips. Until this version has one, a PDF that lives in one child process and in the
    /// printer is what there is.
    #[must_use]
    pub fn may_carry_pin(self) -> bool {
        matches!(self, Self::Pcl5 | Self::PostScript | Self::Pwg | Self::Pdf)
    }

    /// Puts pages into the printer's bytes; `None` for a language of a later version.
    #[must_use]
    pub fn render(self, pages: &[Page]) -> Option<Vec<u8>> {
        match self {
            Self::Pdf => Some(pdf::render(pages)),
            Self::Pcl5 | Self::PostScript | Self::Pwg | Self::Label | Self::HostBased => None,
        }
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
        use Language::{HostBased, Label, Pcl5, Pdf, PostScript, Pwg};
        let cases: [(&str, &[Language]); 9] = [
            ("PJL,PCL5e,PCL6,PDF", &[Pcl5, Pdf]),
            ("pcl,PostScript", &[Pcl5, PostScript]),
            ("Adobe PostScript 3", &[PostScript]),
            ("BR-Script", &[PostScript]),
            ("PWGRaster,URF", &[Pwg, HostBased]),
            ("PCL3GUI,PCLM", &[HostBased]),
            ("PCL6", &[]),
            ("PT-CBP", &[Label]),
            ("", &[]),
        ];
        for (commands, languages) in cases {
            assert_eq!(recognised(commands), languages, "{commands}");
        }
    }

    #[test]
    fn chooses_only_what_this_version_renders() {
        let words = |text: &str| DeviceId::parse(format!("CMD:{text};").as_bytes()).commands;
        assert_eq!(
            Language::choose(&words("PCL5e,POSTSCRIPT,PDF")),
            Some(Language::Pdf)
        );
        assert_eq!(Language::choose(&words("PCL5e,POSTSCRIPT")), None);
        for language in Language::ALL {
            assert_eq!(language.render(&[]).is_some(), language.is_supported());
        }
    }
}

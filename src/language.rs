//! The languages that papers are printed in; a new one is a file of texts and a line in [`Language::ALL`].

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A language of the papers; the screen speaks English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    code: &'static str,
    texts: &'static str,
}

/// A language that there is no file of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("papers can be printed in {known}, not in {0:?}", known = Language::codes())]
pub struct UnknownLanguage(pub String);

impl Language {
    /// All languages; the first is the default.
    pub const ALL: [Self; 2] = [
        Self {
            code: "en",
            texts: include_str!("paper/texts/en.toml"),
        },
        Self {
            code: "de",
            texts: include_str!("paper/texts/de.toml"),
        },
    ];

    /// Its code (ISO 639-1), as a plan names it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// Its texts (TOML).
    #[must_use]
    pub const fn texts(self) -> &'static str {
        self.texts
    }

    /// All codes, for messages.
    #[must_use]
    pub fn codes() -> String {
        Self::ALL.map(Self::code).join(", ")
    }
}

impl Default for Language {
    fn default() -> Self {
        Self::ALL[0]
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        let known = Self::ALL.into_iter().find(|language| language.code == code);
        known.ok_or_else(|| UnknownLanguage(code.to_owned()))
    }
}

impl Serialize for Language {
    /// As its code.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_by_their_codes_and_others_are_refused_with_the_list() {
        for language in Language::ALL {
            assert_eq!(language.code().parse(), Ok(language));
            let json = serde_json::to_string(&language).unwrap();
            assert_eq!(serde_json::from_str::<Language>(&json).unwrap(), language);
        }
        assert_eq!(Language::default().code(), "en");
        let refused = "fr".parse::<Language>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "papers can be printed in en, de, not in \"fr\""
        );
        assert!(serde_json::from_str::<Language>("\"DE\"").is_err());
    }
}

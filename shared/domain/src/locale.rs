//! Languages and locales: what the caller may name, and which of the built-in languages that leads to.

use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

use crate::problem::Rejection;

pub use crate::language::Language;

/// A BCP 47 language tag such as `fa-IR`, in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);

impl Locale {
    pub fn parse(tag: &str) -> Result<Self, Rejection> {
        tag.parse::<LanguageIdentifier>()
            .ok()
            // A language of five letters and more has never been registered: it is the name of one, written out.
            .filter(|parsed| parsed.language.as_str() != "und" && parsed.language.as_str().len() <= 3)
            .map(|parsed| parsed.to_string())
            // A few tags that no language has print as something that is not read as the same again.
            .filter(|canonical| {
                canonical.parse::<LanguageIdentifier>().is_ok_and(|again| again.to_string() == *canonical)
            })
            .map(Self)
            .ok_or_else(|| Rejection::new("invalid_locale", "This is not a language tag such as fa, fa-IR or en."))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The built-in language nearest to this locale; English where there is none.
    pub fn language(&self) -> Language {
        Language::of(&self.0).unwrap_or(Language::EN)
    }
}

impl TryFrom<String> for Locale {
    type Error = Rejection;
    fn try_from(tag: String) -> Result<Self, Rejection> {
        Self::parse(&tag)
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> String {
        locale.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_kept_in_canonical_spelling_and_lead_to_a_built_in_language() {
        let locale = Locale::parse("FA-ir").unwrap();
        assert_eq!((locale.as_str(), locale.language()), ("fa-IR", Language::FA));
        assert_eq!(Locale::parse("ar-SA").unwrap().language(), Language::AR);
        assert_eq!(Locale::parse("de").unwrap().language(), Language::EN);
        for bad in ["", "x", "fa_IR!", "persian language", "Persian", "farsi", "english-US", "und", "ssr-Lcussr-Lcrt"] {
            assert_eq!(Locale::parse(bad).unwrap_err().code, "invalid_locale", "{bad}");
        }
    }
}

//! The words of tables, in every language of the product: a file each in `locales`. They are not with those of pages and messages,
//! so that no function which makes no tables carries them.

use std::fmt;

use domain::language::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

/// The code of a language, and its file. A test asks for one of each language of the product.
const FILES: [(&str, &str); 3] = [
    ("ar", include_str!("../locales/ar.ftl")),
    ("en", include_str!("../locales/en.ftl")),
    ("fa", include_str!("../locales/fa.ftl")),
];

/// The words of one language.
pub(crate) struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Words").field(&self.language).finish()
    }
}

impl Words {
    pub(crate) fn of(language: Language) -> Self {
        let source = FILES.iter().find(|(code, _)| *code == language.code()).map_or("", |(_, source)| source);
        let mut bundle = FluentBundle::new_concurrent(vec![language.code().parse().unwrap_or_default()]);
        // Nothing is put into these texts that would have to be kept apart from them.
        bundle.set_use_isolating(false);
        // What of a file can be read is used; a test reads all of every file.
        let (Ok(resource) | Err((resource, _))) = FluentResource::try_new(source.to_owned());
        bundle.add_resource_overriding(resource);
        Self { language, bundle }
    }

    /// Those of every language of the product.
    pub(crate) fn in_all_languages() -> impl Iterator<Item = Self> {
        Language::ALL.into_iter().map(Self::of)
    }

    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// The text of a key. A key that the file lacks shows itself; a test keeps that from happening.
    pub(crate) fn say(&self, key: &str) -> String {
        self.say_or(key, key)
    }

    /// The same, with what is said where the file lacks the key.
    pub(crate) fn say_or(&self, key: &str, otherwise: &str) -> String {
        let pattern = self.bundle.get_message(key).and_then(|message| message.value());
        let said = pattern
            .map(|pattern| self.bundle.format_pattern(pattern, Some(&FluentArgs::new()), &mut Vec::new()).into_owned());
        said.unwrap_or_else(|| otherwise.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(source: &'static str) -> BTreeSet<&'static str> {
        let of = |line: &'static str| line.split_once(" =").map(|(key, _)| key);
        source.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())).filter_map(of).collect()
    }

    #[test]
    fn every_language_of_the_product_names_the_same_things() {
        let codes: Vec<&str> = FILES.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, Language::ALL.map(Language::code));
        let all = keys(FILES[1].1);
        assert!(all.len() > 60);
        for (code, source) in FILES {
            assert!(FluentResource::try_new(source.to_owned()).is_ok(), "locales/{code}.ftl cannot be read");
            assert_eq!(keys(source), all, "locales/{code}.ftl");
        }
    }
}

//! The words of the pages, one file for each language.
//!
//! To add a language: a file beside these two, a variant of `domain::locale::Language`, and an arm here. A test says
//! which texts are missing.

use std::sync::LazyLock;

use domain::locale::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

static PERSIAN: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle(Language::Persian, include_str!("../locales/fa.ftl")));
static ENGLISH: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle(Language::English, include_str!("../locales/en.ftl")));

/// What a text may mention.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mentions<'a> {
    pub(crate) business: &'a str,
    pub(crate) amount: &'a str,
}

/// The text of a key. A key that does not exist shows itself, which a test keeps from happening.
pub(crate) fn text(language: Language, key: &str, mentions: Mentions<'_>) -> String {
    let bundle = bundle_of(language);
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else { return key.to_owned() };
    let mut args = FluentArgs::new();
    args.set("business", mentions.business);
    args.set("amount", mentions.amount);
    bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
}

fn bundle_of(language: Language) -> &'static FluentBundle<FluentResource> {
    match language {
        Language::Persian => &PERSIAN,
        Language::English => &ENGLISH,
    }
}

fn bundle(language: Language, source: &str) -> FluentBundle<FluentResource> {
    let identifier: LanguageIdentifier = language.code().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    // The pages isolate values in the markup.
    bundle.set_use_isolating(false);
    // What of a file can be read is used; a test reads all of every file.
    let (Ok(resource) | Err((resource, _))) = FluentResource::try_new(source.to_owned());
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [(Language, &str); 2] = [
        (Language::Persian, include_str!("../locales/fa.ftl")),
        (Language::English, include_str!("../locales/en.ftl")),
    ];

    fn keys(source: &str) -> Vec<&str> {
        source.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect()
    }

    #[test]
    fn every_language_has_every_text_with_the_same_mentions() {
        let all = keys(SOURCES[0].1);
        let mentions = Mentions { business: "BUSINESS", amount: "AMOUNT" };
        for (language, source) in SOURCES {
            assert!(FluentResource::try_new(source.to_owned()).is_ok(), "{language:?} cannot be read whole");
            assert_eq!(keys(source), all, "{language:?} has other texts");
            for key in &all {
                let shown = text(language, key, mentions);
                assert_ne!(shown, *key, "{language:?} lacks {key}");
                for mention in ["BUSINESS", "AMOUNT"] {
                    let elsewhere = text(Language::English, key, mentions).contains(mention);
                    assert_eq!(shown.contains(mention), elsewhere, "{language:?} {key} {mention}");
                }
            }
        }
    }
}

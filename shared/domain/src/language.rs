//! The languages that ship: one file each in `locales`, with everything that Paylink knows of a language.
//!
//! The build makes the list from the folder, so that a file put there is a language. A file is read when its language is
//! first spoken and kept from then on: a function that starts reads one of them at most. Page texts lie beside those of
//! messages although only one function shows pages, because a language is then one file, and reading a whole one takes a
//! fraction of a millisecond.

use std::fmt;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde::{Deserialize, Serialize};

use crate::problem::{Rejection, parse_word};

include!(concat!(env!("OUT_DIR"), "/languages.rs"));

/// A language that ships with the product, as one of its regions writes it. Its constants are named by the codes of the
/// files: [`Language::EN`].
#[derive(Clone, Copy)]
pub struct Language {
    file: usize,
    grouping: Grouping,
}

/// How a long number is parted into groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// 12,345,678
    Thousands,
    /// 1,23,45,678
    Indian,
}

/// Who asks for a language gets its texts, whatever the region.
impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

impl Eq for Language {}

/// Which calendar a language names dates in, or a business counts its weeks, months and years by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    Gregorian,
    Persian,
}

impl Calendar {
    pub const ALL: [Self; 2] = [Self::Gregorian, Self::Persian];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gregorian => "gregorian",
            Self::Persian => "persian",
        }
    }
}

/// A language's file, read.
struct Catalogue {
    bundle: FluentBundle<FluentResource>,
    is_right_to_left: bool,
    counts_in_toman: bool,
    calendar: Calendar,
    /// From zero to nine.
    digits: Vec<char>,
    group_separator: String,
    decimal_separator: String,
    /// Regions, by ISO 3166, that group digits as India does.
    indian_grouping_in: Vec<String>,
    /// In the order of the calendar.
    months: Vec<String>,
}

static CATALOGUES: [OnceLock<Catalogue>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];

impl Language {
    const fn of_file(file: usize) -> Self {
        Self { file, grouping: Grouping::Thousands }
    }

    /// The language of a tag, or of its first part: `ar-SA` is read as `ar`, unless there is a file for that very tag. The
    /// region says how digits are grouped.
    pub fn of(tag: &str) -> Option<Self> {
        let first = tag.split('-').next().unwrap_or_default();
        let named = |code: &str| Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code));
        let language = named(tag).or_else(|| named(first))?;
        // A tag without a region needs no file to be read.
        let mut parts = tag.split('-').skip(1).filter(|part| part.len() == 2);
        let is_indian = parts.next().is_some_and(|region| {
            language.catalogue().indian_grouping_in.iter().any(|indian| indian.eq_ignore_ascii_case(region))
        });
        let grouping = if is_indian { Grouping::Indian } else { Grouping::Thousands };
        Some(Self { grouping, ..language })
    }

    pub fn code(self) -> &'static str {
        FILES[self.file].0
    }

    pub fn is_right_to_left(self) -> bool {
        self.catalogue().is_right_to_left
    }

    /// The direction that text of this language runs in, as HTML names it.
    pub fn direction(self) -> &'static str {
        if self.catalogue().is_right_to_left { "rtl" } else { "ltr" }
    }

    /// The text of a key with what it mentions. A key that the file lacks shows itself, and so does a mention that was
    /// not given; the tests keep both from happening.
    pub fn say(self, key: &str, mentions: &[(&str, &str)]) -> String {
        self.catalogue().text(key, mentions).unwrap_or_else(|| key.to_owned())
    }

    /// Whether the file has a text for this key.
    pub fn has(self, key: &str) -> bool {
        self.catalogue().bundle.has_message(key)
    }

    /// Whether people of this language count Rial in Toman, so that they type amounts so.
    pub fn counts_in_toman(self) -> bool {
        self.catalogue().counts_in_toman
    }

    pub fn calendar(self) -> Calendar {
        self.catalogue().calendar
    }

    /// The name of a month of this language's calendar, counted from one.
    pub(crate) fn month(self, number: u8) -> Option<&'static str> {
        self.catalogue().months.get(usize::from(number).checked_sub(1)?).map(String::as_str)
    }

    /// ASCII digits become those of this language; everything else stays.
    pub(crate) fn digits(self, text: &str) -> String {
        let digits = &self.catalogue().digits;
        let of = |c: char| c.to_digit(10).and_then(|value| digits.get(usize::try_from(value).ok()?).copied());
        text.chars().map(|c| of(c).unwrap_or(c)).collect()
    }

    pub(crate) fn grouping(self) -> Grouping {
        self.grouping
    }

    pub(crate) fn group_separator(self) -> &'static str {
        &self.catalogue().group_separator
    }

    pub(crate) fn decimal_separator(self) -> &'static str {
        &self.catalogue().decimal_separator
    }

    fn catalogue(self) -> &'static Catalogue {
        let (_, source) = FILES[self.file];
        CATALOGUES[self.file].get_or_init(|| Catalogue::read(self, source))
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Catalogue {
    fn read(language: Language, source: &str) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.code().parse().unwrap_or_default()]);
        // Pages isolate values in the markup, and a text message must not carry invisible characters.
        bundle.set_use_isolating(false);
        // What of a file can be read is used; a test reads all of every file.
        let (Ok(resource) | Err((resource, _))) = FluentResource::try_new(source.to_owned());
        bundle.add_resource_overriding(resource);
        let mut catalogue = Self {
            bundle,
            is_right_to_left: false,
            counts_in_toman: false,
            calendar: Calendar::Gregorian,
            digits: Vec::new(),
            group_separator: String::new(),
            decimal_separator: String::new(),
            indian_grouping_in: Vec::new(),
            months: Vec::new(),
        };
        let word = |key: &str| catalogue.text(key, &[]).unwrap_or_default();
        let (direction, calendar, digits, months) =
            (word("direction"), word("calendar"), word("digits"), word("months"));
        let regions = word("indian-grouping-in");
        let (group_separator, decimal_separator) = (word("group-separator"), word("decimal-separator"));
        catalogue.is_right_to_left = direction == "rtl";
        catalogue.counts_in_toman = catalogue.text("rial-counted-in", &[]).is_some_and(|unit| unit == "toman");
        catalogue.calendar = if calendar == "persian" { Calendar::Persian } else { Calendar::Gregorian };
        catalogue.digits = digits.chars().collect();
        catalogue.months = months.lines().map(str::to_owned).collect();
        catalogue.group_separator = group_separator;
        catalogue.decimal_separator = decimal_separator;
        catalogue.indian_grouping_in = regions.split_whitespace().map(str::to_owned).collect();
        catalogue
    }

    fn text(&self, key: &str, mentions: &[(&str, &str)]) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let mut args = FluentArgs::with_capacity(mentions.len());
        for (name, value) in mentions {
            args.set(*name, *value);
        }
        Some(self.bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Everything that any text may mention, each as a mark that no text has by itself.
    const MENTIONS: [(&str, &str); 33] = [
        ("address", "«address»"),
        ("due", "«due»"),
        ("amount", "«amount»"),
        ("business", "«business»"),
        ("city", "«city»"),
        ("contact", "«contact»"),
        ("currency", "«currency»"),
        ("date", "«date»"),
        ("day", "«day»"),
        ("description", "«description»"),
        ("due_at", "«due_at»"),
        ("end", "«end»"),
        ("expires_at", "«expires_at»"),
        ("gateway", "«gateway»"),
        ("host", "«host»"),
        ("if_description", "«if_description»"),
        ("link", "«link»"),
        ("month", "«month»"),
        ("number", "«number»"),
        ("least", "«least»"),
        ("left", "«left»"),
        ("most", "«most»"),
        ("paid", "«paid»"),
        ("reason", "«reason»"),
        ("refunded", "«refunded»"),
        ("rial", "«rial»"),
        ("short_amount", "«short_amount»"),
        ("sign", "«sign»"),
        ("time", "«time»"),
        ("toman", "«toman»"),
        ("whole", "«whole»"),
        ("year", "«year»"),
        ("zone", "«zone»"),
    ];

    fn keys(source: &'static str) -> BTreeSet<&'static str> {
        let of = |line: &'static str| line.split_once(" =").map(|(key, _)| key);
        source.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())).filter_map(of).collect()
    }

    fn mentioned(language: Language, key: &str) -> Vec<&'static str> {
        let text = language.say(key, &MENTIONS);
        MENTIONS.iter().filter(|(_, mark)| text.contains(mark)).map(|(name, _)| *name).collect()
    }

    #[test]
    fn every_language_says_the_same_things_and_mentions_the_same() {
        let all = keys(FILES[Language::EN.file].1);
        assert!(all.len() > 60);
        for language in Language::ALL {
            let (code, source) = FILES[language.file];
            let read = FluentResource::try_new(source.to_owned());
            assert!(read.is_ok(), "locales/{code}.ftl cannot be read: {:?}", read.err().map(|(_, errors)| errors));
            let own = keys(source);
            let (missing, surplus): (Vec<_>, Vec<_>) = (all.difference(&own).collect(), own.difference(&all).collect());
            assert!(missing.is_empty(), "locales/{code}.ftl lacks {missing:?}");
            assert!(surplus.is_empty(), "locales/{code}.ftl has {surplus:?}, which en.ftl lacks");
            for key in &all {
                assert!(
                    !language.say(key, &MENTIONS).contains("{$"),
                    "locales/{code}.ftl: {key} mentions what is not there"
                );
                // Whether Toman is shown is for each language to say.
                if *key != "rial-with-toman" {
                    let (mut own, english) = (mentioned(language, key), mentioned(Language::EN, key));
                    if key.contains("-sms") {
                        // It may be short of room: then it says the amount in one unit.
                        own.iter_mut().filter(|name| **name == "short_amount").for_each(|name| *name = "amount");
                        own.sort_unstable();
                    }
                    assert_eq!(own, english, "locales/{code}.ftl: {key}");
                }
            }
        }
    }

    #[test]
    fn every_language_says_how_it_writes() {
        for language in Language::ALL {
            let (code, word) = (language.code(), |key: &str| language.say(key, &[]));
            assert!(matches!(word("direction").as_str(), "ltr" | "rtl"), "{code}");
            assert!(matches!(word("rial-counted-in").as_str(), "toman" | "rial"), "{code}");
            assert!(matches!(word("calendar").as_str(), "gregorian" | "persian"), "{code}");
            assert_eq!(language.digits("0123456789"), word("digits"), "{code}");
            assert_eq!(word("digits").chars().collect::<BTreeSet<_>>().len(), 10, "{code}");
            assert!((1..=12).all(|month| language.month(month).is_some()) && language.month(13).is_none(), "{code}");
        }
    }

    #[test]
    fn no_number_parts_from_its_unit() {
        for language in Language::ALL {
            let (code, source) = FILES[language.file];
            for key in keys(source) {
                let text = language.say(key, &MENTIONS).replace("«number»", "1").replace("«toman»", "1");
                let text = text.replace("«day»", "1").replace("«time»", "1");
                let parts = |pair: &[char]| language.digits("0123456789").contains(pair[0]) && pair[1] == ' ';
                let characters: Vec<char> = text.chars().collect();
                assert!(!characters.windows(2).any(parts), "locales/{code}.ftl: {key}: {text}");
            }
        }
    }

    #[test]
    fn a_region_groups_digits_in_its_way() {
        for (tag, grouping) in [
            ("en-IN", Grouping::Indian),
            ("en-Latn-in", Grouping::Indian),
            ("en", Grouping::Thousands),
            ("en-GB", Grouping::Thousands),
            ("fa-IN", Grouping::Thousands),
        ] {
            assert_eq!(Language::of(tag).map(Language::grouping), Some(grouping), "{tag}");
        }
        assert_eq!(Language::of("en-IN"), Some(Language::EN), "it is the same language");
    }

    #[test]
    fn a_tag_leads_to_the_language_of_its_first_part() {
        for (tag, code) in
            [("ar-SA", Some("ar")), ("fa", Some("fa")), ("EN-gb", Some("en")), ("de-AT", None), ("", None)]
        {
            assert_eq!(Language::of(tag).map(Language::code), code, "{tag}");
        }
    }

    #[test]
    fn digits_are_those_of_the_language_and_all_else_stays() {
        assert_eq!(Language::FA.digits("1,500.09 a"), "۱,۵۰۰.۰۹ a");
        assert_eq!(Language::AR.digits("12:30"), "١٢:٣٠");
        assert_eq!(Language::EN.digits("12:30"), "12:30");
    }
}

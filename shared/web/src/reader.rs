//! Which language somebody reads who opens a page or a file of a link.

use axum::http::{HeaderMap, Uri, header};
use domain::business::settings::Settings;
use domain::link::PaymentLink;
use domain::locale::Language;

/// The name by which a choice of language comes, in an address and in a cookie.
const LANGUAGE: &str = "lang";

/// The language of what is about a link: the one that its reader chose, else the link's where it ships, else the browser's, else
/// the business's. Where a link or a browser asks only for languages that do not ship, it is English.
pub fn language_of(link: &PaymentLink, chosen: Option<Language>, headers: &HeaderMap, settings: &Settings) -> Language {
    if let Some(chosen) = chosen {
        return chosen;
    }
    let named = link.terms().locale.as_ref();
    if let Some(language) = named.and_then(|locale| Language::of(locale.as_str())) {
        return language;
    }
    match preferred_language(headers) {
        Some(wanted) => wanted.unwrap_or(Language::EN),
        None if named.is_some() => Language::EN,
        None => settings.default_locale.language(),
    }
}

/// The language that a link to the same page in another language names: `?lang=fa`.
pub fn asked_language(uri: &Uri) -> Option<Language> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == LANGUAGE).and_then(|(_, code)| named(code))
}

/// The language that somebody chose on another page of the same link.
pub fn remembered_language(headers: &HeaderMap) -> Option<Language> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == LANGUAGE).and_then(|(_, code)| named(code))
}

/// A language by the very code that its file has.
fn named(code: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|language| language.code() == code)
}

/// The language that the browser prefers among those that ship: `Some(None)` where it accepts only others, `None` where
/// it names no preference.
pub fn preferred_language(headers: &HeaderMap) -> Option<Option<Language>> {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut ranges: Vec<(&str, f32)> = wanted.split(',').map(weighed).filter(|(tag, _)| !tag.is_empty()).collect();
    if ranges.iter().all(|(tag, _)| *tag == "*") {
        return None;
    }
    // A language that a browser refuses has the weight 0. Of equal weights the first counts.
    ranges.retain(|(_, weight)| *weight > 0.0);
    ranges.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    Some(ranges.into_iter().find_map(|(tag, _)| Language::of(tag)))
}

/// A range of `Accept-Language` with its weight: 1 where it names none that can be read.
fn weighed(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.trim().parse().ok());
    (tag, weight.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn sent(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_language_is_chosen_by_an_address_and_remembered_by_a_cookie() {
        for (address, language) in [
            ("/p/x?lang=fa", Some(Language::FA)),
            ("/p/x?src=sms&lang=ar", Some(Language::AR)),
            ("/p/x?lang=de", None),
            ("/p/x?lang", None),
            ("/p/x", None),
        ] {
            assert_eq!(asked_language(&address.parse().unwrap()), language, "{address}");
        }
        let cookies = sent(&[("cookie", "a=b; lang=ar"), ("accept-language", "fa")]);
        assert_eq!(remembered_language(&cookies), Some(Language::AR));
        assert_eq!(remembered_language(&sent(&[("cookie", "lang=xx; language=fa")])), None);
    }

    #[test]
    fn a_browser_gets_what_it_wants_most_of_what_there_is() {
        let asked = |wanted| HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(wanted))]);
        for (wanted, language) in [
            ("en;q=0.5, fa;q=0.9", Some(Language::FA)),
            ("en-GB,en;q=0.9,fa;q=0.8", Some(Language::EN)),
            ("de, ar;q=0.3, fa ; q=0.2", Some(Language::AR)),
            ("fa;q=0, ar;q=0.1", Some(Language::AR)),
            ("fa, en", Some(Language::FA)),
            ("de-AT, de", None),
        ] {
            assert_eq!(preferred_language(&asked(wanted)), Some(language), "{wanted}");
        }
        for nothing in ["", "*", " , *;q=0.5"] {
            assert_eq!(preferred_language(&asked(nothing)), None, "{nothing}");
        }
        assert_eq!(preferred_language(&HeaderMap::new()), None);
    }
}

//! The visitor of a link: whether it is a person or a program that fetches links, and which language the person reads.
//!
//! Chat apps, mail scanners and browsers that fetch ahead must not open sessions at a gateway: they get a preview.

use axum::http::{HeaderMap, Method, header};
use domain::locale::Language;

/// Parts of user agents of programs that fetch links for others to see, in lower case. An app's own name is not one of
/// them where its built-in browser carries it too: a person reads the link there.
const PREVIEWERS: [&str; 28] = [
    "bot",
    "crawler",
    "spider",
    "preview",
    "facebookexternalhit",
    "facebookcatalog",
    "whatsapp/",
    "slack-imgproxy",
    "viber/",
    "embedly",
    "vkshare",
    "google-read-aloud",
    "googleimageproxy",
    "yahoomailproxy",
    "mailscanner",
    "barracuda",
    "proofpoint",
    "mimecast",
    "safelinks",
    "urldefense",
    "iframely",
    "outbrain",
    "quora link",
    "kakaotalk-scrap",
    // Programs that fetch what they were told to, and that no person reads with.
    "curl/",
    "wget/",
    "python-requests",
    "go-http-client",
];

/// A maker of telephones, and no bot.
const PHONE_MAKER: &str = "cubot";

/// Whether opening the link is a person's act.
pub(crate) fn is_person(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && !is_prefetch(headers) && !is_previewer(headers)
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["purpose", "sec-purpose", "x-purpose", "x-moz"].into_iter().any(|name| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("prefetch") || value.contains("prerender") || value.contains("preview")
        })
    })
}

fn is_previewer(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase().replace(PHONE_MAKER, "");
    PREVIEWERS.iter().any(|part| agent.contains(part))
}

/// The language that the browser prefers among those that ship: `Some(None)` where it accepts only others, `None` where
/// it names no preference.
pub(crate) fn languages(headers: &HeaderMap) -> Option<Option<Language>> {
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
    use axum::http::HeaderValue;

    fn agent(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(text))])
    }

    #[test]
    fn people_are_told_from_previews() {
        let phone = agent("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36");
        assert!(is_person(&Method::GET, &phone));
        assert!(is_person(&Method::GET, &HeaderMap::new()));
        assert!(!is_person(&Method::HEAD, &phone));
        for person in [
            "Mozilla/5.0 (Linux; Android 8.1.0; CUBOT_POWER) AppleWebKit/537.36 Chrome/70.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36 Telegram-Android/11.3.3",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [LinkedInApp]/9.29",
        ] {
            assert!(is_person(&Method::GET, &agent(person)), "{person}");
        }
        for previewer in [
            "TelegramBot (like TwitterBot)",
            "WhatsApp/2.23",
            "facebookexternalhit/1.1",
            "Googlebot/2.1",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
            "LinkedInBot/1.0 (compatible; Mozilla/5.0)",
            "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
            "Pinterest/0.2 (+https://www.pinterest.com/bot.html)",
            "Snap URL Preview Service; bot; snapchat",
            "facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/",
            "curl/8.5.0",
            "python-requests/2.32.3",
            "Go-http-client/2.0",
        ] {
            assert!(!is_person(&Method::GET, &agent(previewer)), "{previewer}");
        }
        let mut prefetch = phone;
        prefetch.insert("sec-purpose", HeaderValue::from_static("prefetch;prerender"));
        assert!(!is_person(&Method::GET, &prefetch));
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
            assert_eq!(languages(&asked(wanted)), Some(language), "{wanted}");
        }
        for nothing in ["", "*", " , *;q=0.5"] {
            assert_eq!(languages(&asked(nothing)), None, "{nothing}");
        }
        assert_eq!(languages(&HeaderMap::new()), None);
    }
}

//! Who opens a link: a person, or something that only looks at it.
//!
//! Chat apps, mail scanners and browsers that fetch ahead must not open sessions at a gateway: they get a preview.

use axum::http::{HeaderMap, Method, header};

/// Parts of user agents of programs that fetch links for others to see, in lower case.
const PREVIEWERS: [&str; 34] = [
    "bot",
    "crawler",
    "spider",
    "preview",
    "facebookexternalhit",
    "facebookcatalog",
    "whatsapp",
    "telegram",
    "slack",
    "discord",
    "twitter",
    "linkedin",
    "skype",
    "viber",
    "embedly",
    "vkshare",
    "pinterest",
    "snapchat",
    "bingpreview",
    "google-read-aloud",
    "googleimageproxy",
    "yahoomailproxy",
    "mailscanner",
    "barracuda",
    "proofpoint",
    "mimecast",
    "safelinks",
    "urldefense",
    "headlesschrome-lighthouse",
    "curl-preview",
    "okhttp-preview",
    "iframely",
    "outbrain",
    "quora link",
];

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
    let agent = agent.to_ascii_lowercase();
    PREVIEWERS.iter().any(|part| agent.contains(part))
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
        for previewer in ["TelegramBot (like TwitterBot)", "WhatsApp/2.23", "facebookexternalhit/1.1", "Googlebot/2.1"]
        {
            assert!(!is_person(&Method::GET, &agent(previewer)), "{previewer}");
        }
        let mut prefetch = phone;
        prefetch.insert("sec-purpose", HeaderValue::from_static("prefetch;prerender"));
        assert!(!is_person(&Method::GET, &prefetch));
    }
}

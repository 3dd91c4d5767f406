//! The visitor of a link: whether it is a browser in which a person opens the link.
//!
//! Chat apps, mail scanners and browsers that fetch ahead must not open sessions at a gateway. There are more of them
//! than anybody can list, so a visitor is judged by what browsers send with a navigation. Whoever is not recognised
//! sees what is to be paid, and a button that leads on: a doubt of ours costs a person one tap and never the payment.

use axum::http::{HeaderMap, Method, header};

/// How a request came to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// A person pressed the button of the summary page. Programs that look at links post nothing.
    Pressed,
    /// A browser navigates: a person opens the link.
    Navigates,
    /// Anything else. It gets to see the link, and nothing happens.
    Looks,
}

/// What programs that fetch links for others write into their user agent to be known as such, in lower case: the ends
/// of their names, where their purpose is explained, and the old word for those that imitate a browser. Some of them
/// send everything else as a browser does.
const PROGRAMS: [&str; 7] = ["bot/", "bot;", "crawler", "spider", "preview", "+http", "compatible;"];

/// How the user agent of every browser begins. Opera Mini on telephones without Android is the only one with another.
const BROWSERS: [&str; 2] = ["Mozilla/5.0 ", "Opera/"];

/// The modes in which a browser loads a page. Chrome 76 to 79 has a word of its own for a page in a frame.
const NESTED: &str = "nested-navigate";
const NAVIGATIONS: [&str; 2] = ["navigate", NESTED];

/// What a browser makes of a page that it navigates to.
const DOCUMENT: &str = "document";
const FRAME: &str = "frame";
const FRAMES: [&str; 2] = ["iframe", FRAME];

/// Whose page it is that navigates, where it is somebody else's.
const OTHER_SITES: [&str; 2] = ["cross-site", "same-site"];

impl Visitor {
    /// Who asks for a page of a link by GET or HEAD.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let is_person = method == Method::GET
            && !is_fetched_ahead(headers)
            && !says_it_is_a_program(headers)
            // A browser that tells how it fetches is believed. Those that do not are older: Chrome before 76, Firefox
            // before 90, Safari and the browsers inside apps on iOS before 16.4, and the web views of old Androids.
            && tells_a_navigation(headers).unwrap_or_else(|| looks_like_an_old_browser(headers));
        if is_person { Self::Navigates } else { Self::Looks }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether a browser fetches the page before anybody wants to see it.
fn is_fetched_ahead(headers: &HeaderMap) -> bool {
    ["purpose", "sec-purpose", "x-purpose", "x-moz"].into_iter().any(|name| {
        text(headers, name).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("prefetch") || value.contains("prerender") || value.contains("preview")
        })
    })
}

fn says_it_is_a_program(headers: &HeaderMap) -> bool {
    let agent = text(headers, header::USER_AGENT.as_str()).unwrap_or_default().to_ascii_lowercase();
    PROGRAMS.iter().any(|word| agent.contains(word))
}

/// What the browser itself tells about the request (Fetch Metadata of the W3C): whether it navigates. `None` where it
/// does not tell.
fn tells_a_navigation(headers: &HeaderMap) -> Option<bool> {
    let mode = text(headers, "sec-fetch-mode")?;
    if !NAVIGATIONS.contains(&mode) {
        return Some(false);
    }
    // Chrome tells the destination since version 80.
    let destination = text(headers, "sec-fetch-dest").unwrap_or(if mode == NESTED { FRAME } else { DOCUMENT });
    // Our pages forbid to be framed by others, so that nobody sees what a frame on another page opens: such a page
    // shows links in advance.
    let is_seen = || text(headers, "sec-fetch-site").is_none_or(|site| !OTHER_SITES.contains(&site));
    Some(destination == DOCUMENT || (FRAMES.contains(&destination) && is_seen()))
}

/// What every browser sends when it opens a page, whatever its age, and a program hardly ever does without imitating
/// one: that it wants HTML, in the languages of its reader.
fn looks_like_an_old_browser(headers: &HeaderMap) -> bool {
    let wants_html = text(headers, header::ACCEPT.as_str()).is_some_and(|types| types.contains("text/html"));
    let has_reader = text(headers, header::ACCEPT_LANGUAGE.as_str()).is_some();
    let agent = text(headers, header::USER_AGENT.as_str()).unwrap_or_default();
    wants_html && has_reader && BROWSERS.iter().any(|begin| agent.starts_with(begin))
}

/// Whether the script of a page that waits asks what became of a payment. Only a page of ours can send this: a script of
/// another site would have to ask us first whether it may, and we answer no such question.
pub(crate) fn asks_for_a_result(headers: &HeaderMap) -> bool {
    text(headers, "paylink-asks-for") == Some("result")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn sent(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn visitor(pairs: &[(&'static str, &'static str)]) -> Visitor {
        Visitor::of(&Method::GET, &sent(pairs))
    }

    #[test]
    fn a_browser_that_tells_of_a_navigation_is_believed() {
        let agent = ("user-agent", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile");
        let fetched = |mode, destination| [agent, ("sec-fetch-mode", mode), ("sec-fetch-dest", destination)];
        for destination in ["document", "iframe", "frame"] {
            assert_eq!(visitor(&fetched("navigate", destination)), Visitor::Navigates, "{destination}");
        }
        // A frame of ours is nobody's but a browser's; one on a page of somebody else shows nothing, because ours forbid it.
        for (site, expected) in [
            ("cross-site", Visitor::Looks),
            ("same-site", Visitor::Looks),
            ("same-origin", Visitor::Navigates),
            ("none", Visitor::Navigates),
        ] {
            for destination in ["iframe", "frame"] {
                let framed = [&fetched("navigate", destination)[..], &[("sec-fetch-site", site)]].concat();
                assert_eq!(visitor(&framed), expected, "{site} {destination}");
            }
            let nested = [agent, ("sec-fetch-mode", "nested-navigate"), ("sec-fetch-site", site)];
            assert_eq!(visitor(&nested), expected, "{site}");
            let opened = [&fetched("navigate", "document")[..], &[("sec-fetch-site", site)]].concat();
            assert_eq!(visitor(&opened), Visitor::Navigates, "a link on a page of {site}");
        }
        // Chrome 76 to 79.
        assert_eq!(visitor(&[agent, ("sec-fetch-mode", "navigate"), ("sec-fetch-user", "?1")]), Visitor::Navigates);
        assert_eq!(visitor(&[agent, ("sec-fetch-mode", "nested-navigate")]), Visitor::Navigates);
        // A page that shows previews fetches with a script, and says the rest as a browser does.
        let rest = [("accept", HTML), ("accept-language", "fa-IR,fa;q=0.9"), ("upgrade-insecure-requests", "1")];
        for (mode, destination) in
            [("cors", "empty"), ("no-cors", "image"), ("same-origin", "empty"), ("navigate", "embed")]
        {
            let all = [&fetched(mode, destination)[..], &rest[..]].concat();
            assert_eq!(visitor(&all), Visitor::Looks, "{mode} {destination}");
        }
    }

    #[test]
    fn the_browsers_inside_apps_and_those_of_old_telephones_are_people() {
        for agent in [
            // The browser inside Viber, on an Android of today and on one of 2013.
            "Mozilla/5.0 (Linux; Android 10; K; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/74.0 Mobile \
             Safari/537.36 Viber/12.1.0.11",
            "Mozilla/5.0 (Linux; Android 4.4.2; SM-G900F Build/KOT49H) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 \
             Chrome/30.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/70.0 Mobile Safari/537.36 Telegram-Android/11.3.3",
            "Mozilla/5.0 (Linux; Android 9; SM-J530F; wv) AppleWebKit/537.36 Chrome/75.0 Mobile Safari/537.36 Instagram 300.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 15_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 \
             Safari Line/13.1.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 14_8 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [LinkedInApp]/9.29",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 15_6 like Mac OS X) AppleWebKit/605.1.15 Version/15.6 Mobile Safari/604.1",
            "Mozilla/5.0 (Linux; U; Android 7.0; en-US) AppleWebKit/537.36 Version/4.0 UCBrowser/12.9.4 Mobile Safari/537.36",
            "Mozilla/5.0 (Windows NT 6.1; rv:78.0) Gecko/20100101 Firefox/78.0",
            "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
            "Mozilla/5.0 (Linux; Android 8.1.0; CUBOT_POWER) AppleWebKit/537.36 Chrome/70.0 Mobile Safari/537.36",
            "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10",
        ] {
            let headers = [("user-agent", agent), ("accept", HTML), ("accept-language", "fa-IR")];
            assert_eq!(visitor(&headers), Visitor::Navigates, "{agent}");
            // It costs a tap and no more where an app takes the reader's language away.
            assert_eq!(visitor(&headers[..2]), Visitor::Looks, "{agent}");
        }
    }

    #[test]
    fn programs_look_whatever_they_call_themselves() {
        let anything = ("accept", "*/*");
        for agent in [
            "TelegramBot (like TwitterBot)",
            "WhatsApp/2.23.20.0",
            "Viber/13.3.0",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
            "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
            "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0; Pro)",
            "okhttp/4.12.0",
            "Dalvik/2.1.0 (Linux; U; Android 13)",
            "curl/8.5.0",
            "Wget/1.21",
            "python-requests/2.32.3",
            "Go-http-client/2.0",
            "axios/1.7.2",
            "A program that nobody has heard of/1.0",
            // With nothing but the name of a browser.
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
        ] {
            assert_eq!(visitor(&[("user-agent", agent)]), Visitor::Looks, "{agent}");
            assert_eq!(visitor(&[("user-agent", agent), anything]), Visitor::Looks, "{agent}");
        }
        assert_eq!(visitor(&[]), Visitor::Looks);
        assert_eq!(visitor(&[("accept", HTML), ("accept-language", "en")]), Visitor::Looks, "without an agent");
        // These send what a browser sends, the first of them with the engine of one, and say what they are.
        for agent in [
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 Version/9.0.1 Safari/601.2.4 \
             facebookexternalhit/1.1 Facebot Twitterbot/1.0",
            "Mozilla/5.0 AppleWebKit/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/126.0",
            "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Snap URL Preview Service; bot; snapchat",
        ] {
            let like_a_browser = [("user-agent", agent), ("accept", HTML), ("accept-language", "en-us")];
            assert_eq!(visitor(&like_a_browser), Visitor::Looks, "{agent}");
            let navigating = [("user-agent", agent), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
            assert_eq!(visitor(&navigating), Visitor::Looks, "{agent}");
        }
    }

    #[test]
    fn nobody_has_opened_what_a_browser_fetches_ahead_or_asks_the_head_of() {
        let person = [
            (
                "user-agent",
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36",
            ),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(visitor(&person), Visitor::Navigates);
        assert_eq!(Visitor::of(&Method::HEAD, &sent(&person)), Visitor::Looks);
        for ahead in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            assert_eq!(visitor(&[&person[..], &[ahead]].concat()), Visitor::Looks, "{ahead:?}");
        }
    }
}

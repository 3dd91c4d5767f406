//! Which page of which link a path names, whatever stands around the link.
//!
//! People copy links out of sentences, and apps guess where a link ends. A full stop, a bracket, a comma of any script,
//! an invisible character or the next word then comes along. A pay token has a fixed length, so that its end is known:
//! what stands behind it is not read, but for a mark: one character that stands there alone says which of the people told
//! has this address.

use domain::ids::{PayToken, TOKEN_LENGTH};
use domain::link::RecipientMark;
use percent_encoding::percent_decode_str;

/// A page of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkPage {
    /// The link itself.
    Link,
    /// What the button of the summary page leads to.
    Go,
    /// What the button leads to by which a customer says to have paid already.
    AlreadyPaid,
    /// What the button leads to by which a customer asks for a new link.
    AskAgain,
    /// What became of the payment.
    Result,
    /// The receipt of its newest payment.
    Receipt,
    /// The logo of its business, for emails that tell of it.
    Logo,
}

/// The page that a path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinkPath {
    pub(crate) token: PayToken,
    /// Whose address it is, where it says so. Whether the link knows anybody by it, the link says.
    pub(crate) mark: Option<RecipientMark>,
    pub(crate) page: LinkPage,
}

impl LinkPath {
    /// Reads a path as it came, percent-encoded, also where it is no text. `None` is a path without a token.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let bytes: Vec<u8> = percent_decode_str(path).collect();
        let behind = bytes.strip_prefix(b"/p/").or_else(|| bytes.strip_prefix(b"/P/"))?;
        let begin = behind.iter().position(u8::is_ascii_alphanumeric)?;
        let (token, rest) = behind.get(begin..)?.split_at_checked(TOKEN_LENGTH)?;
        let token = PayToken::parse(std::str::from_utf8(token).ok()?).ok()?;
        Some(Self { token, mark: read_mark(rest), page: LinkPage::read(rest) })
    }
}

/// The mark behind a token. A word that somebody wrote behind the link has more letters, or none that is a mark.
fn read_mark(rest: &[u8]) -> Option<RecipientMark> {
    let (mark, behind) = rest.split_first()?;
    let stands_alone = behind.first().is_none_or(|next| next.is_ascii() && !next.is_ascii_alphanumeric());
    stands_alone.then(|| RecipientMark::parse(*mark)).flatten()
}

impl LinkPage {
    /// Reads what stands behind the token. What names no other page is the link's own.
    fn read(rest: &[u8]) -> Self {
        let Some(slash) = rest.iter().position(|byte| *byte == b'/') else { return Self::Link };
        let words = rest.get(slash..).unwrap_or_default().split(|byte| !byte.is_ascii_alphabetic());
        let mut words = words.filter(|word| !word.is_empty()).map(<[u8]>::to_ascii_lowercase);
        match words.next().unwrap_or_default().as_slice() {
            b"go" => Self::Go,
            b"already" if words.next().is_some_and(|word| word == b"paid") => Self::AlreadyPaid,
            b"ask" if words.next().is_some_and(|word| word == b"again") => Self::AskAgain,
            b"result" => Self::Result,
            b"receipt" => Self::Receipt,
            b"logo" => Self::Logo,
            _ => Self::Link,
        }
    }

    /// Whether it is what a button posts to.
    pub(crate) fn takes_post(self) -> bool {
        match self {
            Self::Go | Self::AlreadyPaid | Self::AskAgain => true,
            Self::Link | Self::Result | Self::Receipt | Self::Logo => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
    use proptest::prelude::*;

    const TOKEN: &str = "7hRmz4LdS9oXWcYbQ2tVfA";

    fn parse(path: &str) -> Option<LinkPage> {
        let parsed = LinkPath::parse(path)?;
        assert_eq!(parsed.token.expose(), TOKEN, "{path}");
        Some(parsed.page)
    }

    #[test]
    fn what_stands_around_a_link_is_not_read() {
        for behind in [
            "",
            "/",
            "//",
            ".",
            "...",
            ")",
            ").",
            "]",
            "}",
            ">",
            "\"",
            "'",
            "!",
            "?",
            ",",
            ";",
            ":",
            "*",
            "_",
            "-",
            "|",
            "\\",
            // Persian comma, full-width full stop, ellipsis, guillemets, quotation marks, an emoji.
            "%D8%8C",
            "%EF%BC%8E",
            "%E2%80%A6",
            "%C2%BB",
            "%E2%80%9D",
            "%F0%9F%99%8F",
            "\u{60c}",
            "\u{bb}",
            // Joiners, marks of direction, isolates, blanks and a line end.
            "%E2%80%8C",
            "%E2%80%8D",
            "%E2%80%8E",
            "%E2%80%8F",
            "%E2%81%A9",
            "%EF%BB%BF",
            "%20",
            "%C2%A0",
            "&nbsp;",
            "%0A",
            "%2520",
            "%3C%2Fa%3E",
            "%ff%fe",
            "%",
            "%2",
            // The next word, in two scripts.
            "%D8%B3%D9%BE%D8%A7%D8%B3",
            "\u{633}\u{67e}\u{627}\u{633}",
            "thanks",
            "/thanks",
            "/going",
            "/already",
            "/already-thanks",
            "/paid-already",
            "/index.html",
        ] {
            assert_eq!(parse(&format!("/p/{TOKEN}{behind}")), Some(LinkPage::Link), "{behind}");
        }
        for before in ["/P/", "/p//", "/p/%20", "/p/%E2%80%8E", "/p/%3C", "/p/("] {
            assert_eq!(parse(&format!("{before}{TOKEN}")), Some(LinkPage::Link), "{before}");
        }
        let encoded: String = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(parse(&format!("/p/{encoded}")), Some(LinkPage::Link));
    }

    #[test]
    fn a_mark_stands_alone_behind_the_token_and_before_any_page() {
        let mark_of =
            |behind: &str| LinkPath::parse(&format!("/p/{TOKEN}{behind}")).unwrap().mark.map(RecipientMark::as_char);
        for (behind, mark) in [
            ("1", Some('1')),
            ("z/go", Some('z')),
            ("A?lang=fa", Some('A')),
            ("2.", Some('2')),
            ("", None),
            ("/go", None),
            (".", None),
            ("0", None),
            ("thanks", None),
            ("12", None),
            ("2\u{633}\u{67e}", None),
        ] {
            assert_eq!(mark_of(behind), mark, "{behind}");
        }
        assert_eq!(parse(&format!("/p/{TOKEN}1/result")), Some(LinkPage::Result));
    }

    #[test]
    fn the_other_pages_are_found_as_well() {
        for (behind, page) in [
            ("/go", LinkPage::Go),
            ("/result", LinkPage::Result),
            ("/go/", LinkPage::Go),
            ("/result.", LinkPage::Result),
            ("/result%E2%80%8C", LinkPage::Result),
            ("/result%D8%8C", LinkPage::Result),
            ("//result", LinkPage::Result),
            ("/logo", LinkPage::Logo),
            ("./Result", LinkPage::Result),
            ("%2Fgo", LinkPage::Go),
            ("/already-paid", LinkPage::AlreadyPaid),
            ("/ask-again", LinkPage::AskAgain),
            ("/ask-again%E2%80%8C", LinkPage::AskAgain),
            ("/ask", LinkPage::Link),
            ("/Already-Paid.", LinkPage::AlreadyPaid),
            ("/already-paid%E2%80%8C", LinkPage::AlreadyPaid),
        ] {
            assert_eq!(parse(&format!("/p/{TOKEN}{behind}")), Some(page), "{behind}");
        }
    }

    #[test]
    fn a_token_that_lacks_something_is_none() {
        for path in [
            "/p/",
            "/p/%20",
            "/p/unknown",
            "/p/unknown/result",
            "/p/pl_7hRmz4LdS9oXWcYbQ2tVfA",
            &format!("/p/{}", &TOKEN[1..]),
            &format!("/p/{}.{}", &TOKEN[..10], &TOKEN[10..]),
            &format!("/p/{}0", &TOKEN[..21]),
            &format!("/x/{TOKEN}"),
            &format!("/{TOKEN}"),
        ] {
            assert_eq!(LinkPath::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_behind_a_token_the_link_is_found(behind in any::<Vec<u8>>(), is_encoded: bool) {
            let text = String::from_utf8_lossy(&behind).into_owned();
            let behind = if is_encoded { percent_encode(&behind, NON_ALPHANUMERIC).to_string() } else { text };
            let path = format!("/p/{TOKEN}{behind}");
            prop_assert!(parse(&path).is_some());
        }

        #[test]
        fn a_path_is_a_link_only_where_a_token_stands_in_it(path in ".*", lost in 0..TOKEN_LENGTH) {
            if let Some(parsed) = LinkPath::parse(&path) {
                let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
                prop_assert!(decoded.contains(parsed.token.expose()));
            }
            let shorter = format!("{}{}", &TOKEN[..lost], &TOKEN[lost + 1..]);
            let path = format!("/p/{shorter}/{path}");
            prop_assert_eq!(LinkPath::parse(&path), None);
        }
    }
}

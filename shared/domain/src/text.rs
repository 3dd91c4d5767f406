//! Plain text from outside: what length it may have and which characters it must not contain.

mod characters;

use characters::{Directions, is_visible, without_invisible};
#[cfg(feature = "templates")]
pub(crate) use characters::{contained, gives_direction, runs_against};
#[cfg(feature = "phone-numbers")]
pub(crate) use characters::{is_dash, with_digits_of_one_script};
pub(crate) use characters::{is_ignorable, is_mark, value_of_digit};

use crate::problem::Rejection;

/// One line or several of text, trimmed. Lines end with a line feed, whatever they ended with. Of the characters that nobody
/// sees only those stay that the text needs, and none of them turns the direction of what follows. A text of which nothing
/// can be seen is empty. Control characters other than line breaks and tabs are refused.
///
/// Lengths are counted in characters (Unicode scalar values), not bytes.
pub fn parse_text(text: &str, longest: usize) -> Result<String, Rejection> {
    let text = with_line_feeds(text);
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Rejection::new("control_character", "Control characters are not allowed in text."));
    }
    let text = without_invisible(&characters::contained(&text), Directions::Kept);
    let text = if is_visible(&text) { text.trim() } else { "" };
    let length = text.chars().count();
    if length > longest {
        return Err(Rejection::new(
            "too_long",
            format!("The text has {length} characters, at most {longest} are allowed."),
        ));
    }
    Ok(text.to_owned())
}

/// Like [`parse_text`], but something must be seen of it and it must be one line.
pub fn parse_name(text: &str, longest: usize) -> Result<String, Rejection> {
    let text = parse_text(text, longest)?;
    if text.is_empty() {
        return Err(Rejection::new("empty", "The text must not be empty, and something of it must be visible."));
    }
    if text.contains('\n') {
        return Err(Rejection::new("line_break", "The text must be one line."));
    }
    Ok(text)
}

/// What every system ends lines with becomes a line feed.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n")
}

/// What somebody typed where an address belongs: without blanks around it and without what nobody sees, and with the wide
/// characters of an East Asian keyboard as those of ASCII.
pub(crate) fn typed_address(text: &str) -> String {
    let narrow = |wide: char| match wide {
        '\u{ff01}'..='\u{ff5e}' => u32::from(wide).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(wide),
        other => other,
    };
    without_invisible(text, Directions::Dropped).trim().chars().map(narrow).collect()
}

/// The longest web address, in characters.
pub const LONGEST_ADDRESS: usize = 2_000;

/// An absolute `http` or `https` address of at most 2,000 characters, as browsers read it: what was checked is what is kept.
pub fn parse_web_address(text: &str) -> Result<String, Rejection> {
    let refused = |detail: &str| Rejection::new("invalid_url", detail);
    let too_long = || refused("The address is longer than 2,000 characters, as browsers write it.");
    if text.len() > LONGEST_ADDRESS {
        return Err(too_long());
    }
    // Browsers overlook some of them, and nobody means them.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("The address must not contain spaces or control characters."));
    }
    let url = url::Url::parse(text).map_err(|_| refused("This is not an absolute web address."))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refused("The address must start with https:// or http:// and name a host."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("The address must not contain a user name or password."));
    }
    if url.as_str().len() > LONGEST_ADDRESS { Err(too_long()) } else { Ok(url.into()) }
}

/// The name of a host as addresses have it: in small letters, and one in another script in the letters of DNS.
pub fn parse_host(text: &str) -> Result<String, Rejection> {
    let refused = || Rejection::new("invalid_host", "Give the name of a host, without scheme, port or path.");
    let is_of_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) if name.len() <= 253 && name.bytes().all(is_of_name) => Ok(name),
        Ok(url::Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(url::Host::Domain(_) | url::Host::Ipv6(_)) | Err(_) => Err(refused()),
    }
}

/// Persian, Arabic-Indic and wide digits become the ASCII digits that programs expect; everything else stays.
pub fn to_ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '۰'..='۹' => ascii_digit(c, '۰'),
            '٠'..='٩' => ascii_digit(c, '٠'),
            '０'..='９' => ascii_digit(c, '０'),
            other => other,
        })
        .collect()
}

fn ascii_digit(digit: char, zero: char) -> char {
    char::from_digit(u32::from(digit) - u32::from(zero), 10).unwrap_or(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_persian_and_arabic_are_read() {
        assert_eq!(to_ascii_digits("۰۹۱۲ ٣٤٥"), "0912 345");
    }

    #[test]
    fn text_with_a_nul_is_refused_and_long_text_says_how_long_it_is() {
        assert_eq!(parse_text("a\0b", 10).unwrap_err().code, "control_character");
        let refused = parse_text("پرداخت", 3).unwrap_err();
        assert_eq!((refused.code, refused.detail.contains("6 characters")), ("too_long", true));
    }

    #[test]
    fn lines_end_with_line_feeds_and_names_have_one() {
        for typed in ["a\r\nb", "a\rb", "a\u{85}b", "a\u{2028}b", "a\u{2029}b", "a\nb"] {
            assert_eq!(parse_text(typed, 10).unwrap(), "a\nb", "{typed:?}");
            assert_eq!(parse_name(typed, 10).unwrap_err().code, "line_break", "{typed:?}");
        }
    }

    #[test]
    fn a_name_of_which_nothing_is_seen_is_empty() {
        let invisible = ["\u{200b}", "\u{2060}", "\u{feff}", "\u{200f}", "\u{3164}", "\u{ad}", "\u{2800}"];
        let others =
            ["", " ", "\u{fe0f}", "\u{e0041}", "\u{115f}", "\u{301}", "\u{2068}\u{2069}", "\u{202e}", "\u{a0}"];
        for name in invisible.into_iter().chain(others) {
            assert_eq!(parse_name(name, 10).unwrap_err().code, "empty", "{}", name.escape_unicode());
            assert_eq!(parse_text(name, 10).unwrap(), "", "{}", name.escape_unicode());
        }
    }

    #[test]
    fn a_name_is_kept_without_what_nobody_sees() {
        for (typed, name) in [
            ("Sara\u{feff} Test", "Sara Test"),
            ("\u{202e}Sara\u{202c}\u{200b}", "Sara"),
            ("\u{2067}Sara", "Sara"),
            ("علی\u{200c}رضا", "علی\u{200c}رضا"),
        ] {
            assert_eq!(parse_name(typed, 20).unwrap(), name, "{}", typed.escape_unicode());
        }
    }

    #[test]
    fn a_web_address_is_kept_as_browsers_read_it() {
        for (typed, kept) in [
            ("https://crm.example/back?x=1#y", "https://crm.example/back?x=1#y"),
            ("https:crm.example/back", "https://crm.example/back"),
            ("https://crm.example\\@evil.example/", "https://crm.example/@evil.example/"),
            ("HTTPS://CRM.example", "https://crm.example/"),
            ("https://crm.example:443/a/../b", "https://crm.example/b"),
            ("https://münchen.example/ä", "https://xn--mnchen-3ya.example/%C3%A4"),
            ("https://0x7f.1/", "https://127.0.0.1/"),
        ] {
            assert_eq!(parse_web_address(typed).unwrap(), kept, "{typed}");
            assert_eq!(parse_web_address(kept).unwrap(), kept);
        }
        let long = format!("https://crm.example/{}", "ف".repeat(500));
        assert!(parse_web_address(&long).unwrap_err().detail.contains("longer"), "it is kept escaped");
    }

    #[test]
    fn a_host_is_kept_as_addresses_have_it() {
        for (typed, kept) in [("CRM.example", "crm.example"), ("münchen.example", "xn--mnchen-3ya.example")] {
            assert_eq!(parse_host(typed).unwrap(), kept);
        }
        for bad in [
            "",
            "crm.example:443",
            "https://crm.example",
            "crm.example/x",
            "a b",
            "[::1]",
            "u@crm.example",
            "*.example",
        ] {
            assert_eq!(parse_host(bad).unwrap_err().code, "invalid_host", "{bad}");
        }
    }

    #[test]
    fn a_web_address_needs_a_scheme_and_a_host() {
        for bad in [
            "crm.example",
            "javascript:alert(1)",
            "https://",
            "https://u:p@crm.example/",
            "ftp://x.example",
            "https://crm.example/\0",
            "https://crm.\nexample/",
            " https://crm.example/",
        ] {
            assert_eq!(parse_web_address(bad).unwrap_err().code, "invalid_url", "{bad}");
        }
    }
}

//! Plain text from outside: what length it may have and which characters it must not contain.

use crate::problem::Rejection;

/// One line or several of text, trimmed, without control characters other than line breaks and tabs.
///
/// Lengths are counted in characters (Unicode scalar values), not bytes.
pub fn parse_text(text: &str, longest: usize) -> Result<String, Rejection> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r') {
        return Err(Rejection::new("control_character", "Control characters are not allowed in text."));
    }
    let length = text.chars().count();
    if length > longest {
        return Err(Rejection::new(
            "too_long",
            format!("The text has {length} characters, at most {longest} are allowed."),
        ));
    }
    Ok(text.to_owned())
}

/// Like [`parse_text`], but something must be there and it must be one line.
pub fn parse_name(text: &str, longest: usize) -> Result<String, Rejection> {
    let text = parse_text(text, longest)?;
    if text.is_empty() {
        return Err(Rejection::new("empty", "The text must not be empty."));
    }
    if text.contains(['\n', '\r']) {
        return Err(Rejection::new("line_break", "The text must be one line."));
    }
    Ok(text)
}

/// An absolute `http` or `https` address of at most 2,000 characters, as the caller wrote it.
pub fn parse_web_address(text: &str) -> Result<String, Rejection> {
    let refused = |detail: &str| Rejection::new("invalid_url", detail);
    if text.len() > 2000 {
        return Err(refused("The address is longer than 2,000 characters."));
    }
    // Parsing overlooks some of them, and the address is kept as it came.
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
    Ok(text.to_owned())
}

/// Persian and Arabic-Indic digits become the ASCII digits that programs expect; everything else stays.
pub fn to_ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '۰'..='۹' => ascii_digit(c, '۰'),
            '٠'..='٩' => ascii_digit(c, '٠'),
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
    fn a_web_address_needs_a_scheme_and_a_host() {
        assert!(parse_web_address("https://crm.example/back?x=1").is_ok());
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

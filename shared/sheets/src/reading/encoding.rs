use std::borrow::Cow;

/// The text of a file in UTF-8, or in UTF-16 where its byte order mark says so, without the mark. The error is what
/// stands in front of the first bytes that are no text.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => decode_utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => decode_utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        [0xef, 0xbb, 0xbf, rest @ ..] => decode_utf8(rest).map(Cow::Borrowed),
        // What is in UTF-16 and does not say so can be read as UTF-8 with every other character a NUL.
        [0, ..] | [_, 0, ..] => Err(String::new()),
        _ => decode_utf8(bytes).map(Cow::Borrowed),
    }
}

fn decode_utf8(bytes: &[u8]) -> Result<&str, String> {
    str::from_utf8(bytes).map_err(|error| {
        let (good, _) = bytes.split_at(error.valid_up_to());
        String::from_utf8_lossy(good).into_owned()
    })
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, left) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match decoded {
            Ok(c) => text.push(c),
            Err(_) => return Err(text),
        }
    }
    if left.is_empty() { Ok(text) } else { Err(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_says_how_a_text_is_written() {
        assert_eq!(decode("نام".as_bytes()).unwrap(), "نام");
        assert_eq!(decode("\u{feff}نام".as_bytes()).unwrap(), "نام");
        assert_eq!(decode(b"\xff\xfeG\x06=\xd8\0\xde").unwrap(), "ه😀");
        assert_eq!(decode(b"\xfe\xff\x06G\xd8=\xde\0").unwrap(), "ه😀");
        assert_eq!(decode(b"").unwrap(), "");
    }

    #[test]
    fn what_is_no_text_is_refused_with_what_stands_before_it() {
        assert_eq!(decode(b"a,b\nc\xe9").unwrap_err(), "a,b\nc");
        assert_eq!(decode(b"\xff\xfea\0\0\xdc").unwrap_err(), "a");
        assert_eq!(decode(b"\xff\xfea\0b").unwrap_err(), "a");
        assert_eq!(decode(b"a\0b\0").unwrap_err(), "");
        assert_eq!(decode(b"\0a\0b").unwrap_err(), "");
    }
}

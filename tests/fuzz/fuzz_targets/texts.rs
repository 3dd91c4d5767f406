//! Feeds any text to the parsers of names and of longer texts. What is accepted must be accepted again as the very same, must
//! have something to see if it is a name, must end no line in another way than with a line feed, and must leave no direction
//! open behind any of its lines. Everything that can be seen of the text must be there in its order.

#![no_main]

use domain::text::{parse_name, parse_text};
use libfuzzer_sys::fuzz_target;

/// Characters that anybody sees, by the standard library's own list of letters and digits.
fn seen(text: &str) -> String {
    // Fillers are letters of Korean that are drawn as nothing.
    let is_filler = |c: char| matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    // Vowels of Khmer that Unicode says not to write, and marks that only choose between forms.
    let is_mark = |c: char| matches!(c, '\u{17b4}' | '\u{17b5}' | '\u{fe00}'..='\u{fe0f}');
    text.chars().filter(|c| c.is_alphanumeric() && !is_filler(*c) && !is_mark(*c)).collect()
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(kept) = parse_text(text, 4096) {
        assert_eq!(parse_text(&kept, 4096).as_ref(), Ok(&kept));
        assert_eq!(kept.trim(), kept);
        assert!(!kept.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{200b}']), "{kept:?}");
        for line in kept.lines() {
            let mut open = 0_i32;
            for character in line.chars() {
                assert!(!matches!(character, '\u{202a}'..='\u{202e}'), "{kept:?}");
                open += match character {
                    '\u{2066}'..='\u{2068}' => 1,
                    '\u{2069}' => -1,
                    _ => 0,
                };
                assert!(open >= 0, "{kept:?}");
            }
            assert_eq!(open, 0, "{kept:?}");
        }
        assert!(kept.is_empty() || seen(&kept) == seen(text), "{kept:?}");
        assert!(!kept.is_empty() || parse_name(text, 4096).is_err());
    }
    if let Ok(name) = parse_name(text, 4096) {
        assert_eq!(parse_name(&name, 4096).as_ref(), Ok(&name));
        assert!(!name.is_empty() && !name.contains('\n'), "{name:?}");
    }
});

//! Texts that a spreadsheet does not leave alone, and the apostrophe that makes it.
//!
//! A spreadsheet that opens a CSV file takes every cell for something that was typed: `=1+1` is run, `0912` loses its
//! zero, a reference of twenty digits its last five, and `1-2` becomes the second of January. An apostrophe in front
//! stops it, and a reader takes one apostrophe away again.

/// A spreadsheet keeps this many digits of a number. The others become zeros.
pub(crate) const DIGITS_KEPT: usize = 15;

/// What a formula begins with.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Whether a spreadsheet would run this text, or show something else in its place, were it typed into a cell. That is
/// also said of a text that begins with an apostrophe, so that whoever takes one away gets the text.
pub(crate) fn is_changed_when_typed(text: &str) -> bool {
    text.starts_with('\'') || begins_like_a_formula(text) || looks_like_a_number_or_a_date(text)
}

/// The text behind the apostrophe that it may begin with.
pub(crate) fn without_apostrophe(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

/// The text of a field of a CSV file, with an apostrophe in front of it where it would be changed, and in front of each part of
/// it that would be run where a cell began there.
///
/// A program that splits lines at semicolons or tabs takes no notice of a quote in the middle of a line, so that a cell begins
/// behind each of them, and behind the end of a line. [`without_apostrophes`] gives the text back whatever it is.
pub(crate) fn with_apostrophes(text: &str) -> String {
    let mut marked = String::with_capacity(text.len() + 1);
    for (index, part) in parts(text).enumerate() {
        let is_marked = if index == 0 { is_changed_when_typed(text) } else { is_run_within(part) };
        if is_marked {
            marked.push('\'');
        }
        marked.push_str(part);
    }
    marked
}

/// The text without the apostrophes that [`with_apostrophes`] put in.
pub(crate) fn without_apostrophes(text: &str) -> String {
    let bare = |(index, part): (usize, &str)| match part.strip_prefix('\'') {
        Some(behind) if index == 0 || is_run_within(behind) => behind.to_owned(),
        _ => part.to_owned(),
    };
    parts(text).enumerate().map(bare).collect()
}

/// A text in the parts that would be cells, each with what it ends with.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive([';', '\t', '\r', '\n'])
}

/// Whether a part would be run, apart from the apostrophes before it: one more or less says nothing else.
fn is_run_within(part: &str) -> bool {
    part.trim_start_matches(|c| matches!(c, '\'' | '"') || is_unseen(c)).starts_with(SIGNS)
}

fn begins_like_a_formula(text: &str) -> bool {
    let shown = text.trim_start_matches(is_unseen);
    let unseen = &text[..text.len() - shown.len()];
    unseen.contains(['\t', '\r']) || shown.starts_with(SIGNS)
}

/// What a program may skip before it looks at the first character: white space, control characters, and marks of
/// direction or of nothing.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn looks_like_a_number_or_a_date(text: &str) -> bool {
    let plain: String = text.trim().chars().map(to_ascii_digit).collect();
    if !plain.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    if is_digits(&plain) {
        return plain.len() > DIGITS_KEPT || (plain.len() > 1 && plain.starts_with('0'));
    }
    is_digits_apart(&plain) || has_an_exponent(&plain) || names_a_month(&plain) || is_dressed_up(&plain)
}

/// The same digit as ASCII has it, where it is one of the Persian, the Arabic or the full-width ones.
fn to_ascii_digit(c: char) -> char {
    let zero = match c {
        '۰'..='۹' => '۰',
        '٠'..='٩' => '٠',
        '０'..='９' => '０',
        _ => return c,
    };
    char::from_digit(u32::from(c) - u32::from(zero), 10).unwrap_or(c)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Digits with what stands inside a date, a time or a decimal in some country: `1/2/2026`, `1-2`, `10:30`, `1.10`.
fn is_digits_apart(plain: &str) -> bool {
    const BETWEEN: [char; 7] = ['-', '/', '.', ':', ',', '٫', '٬'];
    plain.contains(BETWEEN) && plain.chars().all(|c| c.is_ascii_digit() || c == ' ' || BETWEEN.contains(&c))
}

/// A number in brackets, of percent or of money, or an hour: `(12)`, `5%`, `$12`, `3 PM`.
fn is_dressed_up(plain: &str) -> bool {
    let is_figures = |text: &str| {
        let text = text.trim();
        is_digits(text) || is_digits_apart(text)
    };
    let upper = plain.to_ascii_uppercase();
    let of_the_day = ["AM", "PM", "A", "P"].iter().find_map(|half| upper.strip_suffix(half));
    let in_brackets = plain.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let of_percent = plain.strip_suffix(['%', '٪']).or_else(|| plain.strip_prefix('%'));
    let is_money = |c: char| matches!(c, '$' | '£' | '¥' | '€' | '﷼');
    let of_money = plain.strip_prefix(is_money).or_else(|| plain.strip_suffix(is_money));
    [of_the_day, in_brackets, of_percent, of_money].into_iter().flatten().any(is_figures)
}

/// A number such as `1E5` or `1.5e-3`.
fn has_an_exponent(plain: &str) -> bool {
    let Some((mantissa, exponent)) = plain.split_once(['e', 'E']) else {
        return false;
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    is_digits(exponent) && is_digits(&mantissa.replacen(['.', ','], "", 1))
}

/// A date with a month in English, whatever the order: `1-Jan`, `Mar 1`, `SEPT2`, `1 December 2026`.
fn names_a_month(plain: &str) -> bool {
    let (mut word, mut words, mut numbers, mut before) = (String::new(), 0, 0, ' ');
    for c in plain.chars() {
        if c.is_ascii_alphabetic() {
            words += usize::from(!before.is_ascii_alphabetic());
            word.push(c.to_ascii_lowercase());
        } else if c.is_ascii_digit() {
            numbers += usize::from(!before.is_ascii_digit());
        } else if !matches!(c, ' ' | '-' | '/' | '.' | ',') {
            return false;
        }
        before = c;
    }
    let is_a_month = word == "sept" || (word.len() >= 3 && MONTHS.iter().any(|month| month.starts_with(&word)));
    words == 1 && (1..=2).contains(&numbers) && is_a_month
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_is_changed() {
        for text in ["=1+1", "+98912", "-5", "@SUM(A1)", "\tx", "\rx", "  =1", "\u{a0}+1", "＝1", "＋1", "－1", "＠a"]
        {
            assert!(is_changed_when_typed(text), "{text:?}");
        }
        for text in ["\u{200f}=1", "\u{feff}=1", "\0=1", " \t x", "\n=1"] {
            assert!(is_changed_when_typed(text), "{text:?}");
        }
    }

    #[test]
    fn digits_that_a_number_would_lose_are_changed() {
        for text in ["0912", "00", "۰۹۱۲", "٠٩١٢", "０1", "12345678901234567890", "۱۲۳۴۵۶۷۸۹۰۱۲۳۴۵۶", " 007 "]
        {
            assert!(is_changed_when_typed(text), "{text:?}");
        }
        for text in ["1234", "0", "۱۲۳۴", "123456789012345"] {
            assert!(!is_changed_when_typed(text), "{text:?}");
        }
    }

    #[test]
    fn what_looks_like_another_number_or_a_date_is_changed() {
        for text in ["1E5", "1.5e-3", "12e+4", "1-2", "1/2/2026", "2026-12-01", "10:30", "1.10", "1,5", "021-1234"] {
            assert!(is_changed_when_typed(text), "{text:?}");
        }
        for text in ["1-Jan", "Mar 1", "SEPT2", "MARCH1", "1 December 2026", "dec. 24", "2026/Feb/3"] {
            assert!(is_changed_when_typed(text), "{text:?}");
        }
        for text in ["E5", "1E", "1EX5", "INV-1", "A1", "May", "Maria 1", "1 march april", "Jan 1 2 3", "12 34", "."] {
            assert!(!is_changed_when_typed(text), "{text:?}");
        }
    }

    #[test]
    fn what_is_dressed_up_as_a_number_is_changed() {
        for text in ["(12)", "5%", "%5", "۵٪", "$12", "12 €", "3 PM", "3:30pm", "11a", "(1,500)"] {
            assert!(is_changed_when_typed(text), "{text:?}");
        }
        for text in ["(x)", "%", "()", "$", "PM", "5 % off", "A$12", "12 PMs"] {
            assert!(!is_changed_when_typed(text), "{text:?}");
        }
    }

    #[test]
    fn a_part_that_would_be_a_cell_elsewhere_is_not_run_there() {
        for (text, marked) in [
            ("a;=1+1", "a;'=1+1"),
            ("a\t@SUM(A1)", "a\t'@SUM(A1)"),
            ("two\r\n-5", "two\r\n'-5"),
            ("a;'=1", "a;''=1"),
            ("=a;\"=1", "'=a;'\"=1"),
            ("a; b\nc", "a; b\nc"),
            ("O;'Neil", "O;'Neil"),
            ("a,=1", "a,=1"),
        ] {
            assert_eq!(with_apostrophes(text), marked, "{text:?}");
            assert_eq!(without_apostrophes(marked), text, "{text:?}");
        }
    }

    #[test]
    fn an_apostrophe_in_front_is_one_of_two() {
        assert!(is_changed_when_typed("'Abd"));
        assert!(!is_changed_when_typed("O'Neil"));
        assert_eq!(without_apostrophe("''Abd"), "'Abd");
        assert_eq!(without_apostrophe("Abd"), "Abd");
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in ["", " ", "مریم", "Invoice 12", "a=b", "۱۲ تومان", "😀"] {
            assert!(!is_changed_when_typed(text), "{text:?}");
        }
    }
}

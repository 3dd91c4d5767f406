//! Amounts as people type them.

use super::amount::with_decimals;
use super::folding::joined;
use crate::money::Currency;
use crate::text::value_of_digit;

/// What stands between the digits of a typed amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// It groups digits, and does nothing else.
    Group,
    /// The Arabic decimal separator, which does nothing else either.
    Decimal,
    /// They group digits in one country and begin the decimals in another.
    Comma,
    Point,
}

impl Mark {
    fn read(character: char) -> Option<Self> {
        match character {
            ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\'' | '\u{2019}' | '_' | '٬' | '،' => Some(Self::Group),
            '٫' => Some(Self::Decimal),
            ',' => Some(Self::Comma),
            '.' => Some(Self::Point),
            _ => None,
        }
    }
}

/// A typed amount in one spelling: digits, and behind a point decimals without zeros at their end. The name of a currency
/// beside it is passed over. Nothing comes of what is no amount, nor of digits behind a leading zero, which are no number
/// to anybody.
pub(crate) fn typed(text: &str) -> Option<String> {
    let ascii: String =
        text.chars().map(|c| value_of_digit(c).and_then(|value| char::from_digit(value, 10)).unwrap_or(c)).collect();
    let is_digit = |c: char| c.is_ascii_digit();
    let (first, last) = (ascii.find(is_digit)?, ascii.rfind(is_digit)?);
    let (before, rest) = ascii.split_at(first);
    let (number, behind) = rest.split_at(last.checked_sub(first)?.checked_add(1)?);
    (is_unit(before) && is_unit(behind)).then(|| spelled(number)).flatten()
}

/// What Rial and Toman are called, as it is compared.
const UNITS: [&str; 10] = ["ریال", "ریالایرانی", "تومان", "تومن", "rial", "rials", "toman", "tomans", "irt", "tmn"];

/// No currency has more decimals.
const MOST_DECIMALS: usize = 3;

/// Whether it is nothing that is read, or the name of a unit of money. The sign of a currency is nothing that is read.
fn is_unit(text: &str) -> bool {
    let folded = joined(text);
    folded.is_empty() || UNITS.contains(&folded.as_str()) || Currency::parse(&folded.to_ascii_uppercase()).is_ok()
}

fn spelled(number: &str) -> Option<String> {
    let (mut groups, mut marks) = (vec![String::new()], Vec::new());
    for character in number.chars() {
        match Mark::read(character) {
            Some(mark) => {
                marks.push(mark);
                groups.push(String::new());
            }
            None if character.is_ascii_digit() => groups.last_mut()?.push(character),
            None => return None,
        }
    }
    let decimals = match marks.last() {
        Some(last) if begins_decimals(*last, &marks, &groups) => {
            marks.pop();
            groups.pop()
        }
        Some(_) | None => None,
    };
    let is_grouped = groups.iter().skip(1).all(|group| (2..=4).contains(&group.len()));
    let whole = groups.concat();
    let has_too_many = decimals.as_ref().is_some_and(|decimals| decimals.len() > MOST_DECIMALS);
    if !is_grouped || has_too_many || marks.contains(&Mark::Decimal) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    Some(with_decimals(whole, decimals.as_deref().unwrap_or_default()))
}

/// Whether decimals stand behind the last mark. A comma or a point that stands alone before three digits groups them, as
/// in 1,500, unless nothing but a zero stands before it.
fn begins_decimals(last: Mark, marks: &[Mark], groups: &[String]) -> bool {
    let times = marks.iter().filter(|mark| **mark == last).count();
    match last {
        Mark::Group => false,
        Mark::Decimal => true,
        Mark::Comma | Mark::Point if times > 1 => false,
        Mark::Comma | Mark::Point => {
            marks.len() > 1
                || groups.last().is_none_or(|decimals| decimals.len() != 3)
                || groups.first().is_some_and(|whole| whole == "0")
        }
    }
}

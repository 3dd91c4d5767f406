use std::io::BufRead;

use jiff::civil::DateTime;
use quick_xml::events::{BytesStart, Event};

use super::super::builder::Builder;
use super::super::{Limits, ReadError, Table, Value};
use super::moments::moment_of;
use super::strings::{Strings, push_unescaped, read_string};
use super::styles::Style;
use super::xml::{Xml, each_attribute};
use crate::apostrophe::without_apostrophe;

/// No worksheet has more rows or columns.
const LAST_ROW: u32 = 1_048_576;
const LAST_COLUMN: u32 = 16_384;

/// What the cells of all sheets refer to.
pub(super) struct Shared {
    pub(super) strings: Strings,
    pub(super) styles: Vec<Style>,
    pub(super) counts_from_1904: bool,
    /// How many more bytes may be copied out of the strings.
    pub(super) text_left: u64,
}

/// Reads the cells of a worksheet as they come. Nothing, where nothing stands in any. What stands behind the cells,
/// such as links, filters and pictures, is not unpacked.
///
/// Rows and cells that are not in their order are refused, because no program writes them and a table with its values
/// in the wrong places would be worse than none.
pub(super) fn read_sheet(
    xml: &mut Xml<impl BufRead>,
    shared: &mut Shared,
    limits: &Limits,
) -> Result<Option<Table>, ReadError> {
    find_cells(xml)?;
    let mut builder = Builder::new(limits);
    let mut row = 0;
    loop {
        match xml.next()? {
            Event::Start(start) if start.local_name().as_ref() == "row" => {
                row = next(row, row_named_by(&start)?, LAST_ROW)?;
                let cells = read_row(xml, row, shared, &builder)?;
                builder.push(row, cells)?;
            }
            Event::Start(_) => xml.skip()?,
            Event::End(_) => return Ok(builder.finish()),
            Event::Eof => return Err(ReadError::Damaged),
            _ => {}
        }
    }
}

/// Goes to the first row.
fn find_cells(xml: &mut Xml<impl BufRead>) -> Result<(), ReadError> {
    let mut is_worksheet = false;
    loop {
        let is_other = match xml.next()? {
            Event::Start(start) => match start.local_name().as_ref() {
                "worksheet" if !is_worksheet => {
                    is_worksheet = true;
                    false
                }
                "sheetData" if is_worksheet => return Ok(()),
                _ if is_worksheet => true,
                _ => return Err(ReadError::Damaged),
            },
            Event::End(_) | Event::Eof => return Err(ReadError::Damaged),
            _ => false,
        };
        if is_other {
            xml.skip()?;
        }
    }
}

fn read_row(
    xml: &mut Xml<impl BufRead>,
    row: u32,
    shared: &mut Shared,
    builder: &Builder<'_>,
) -> Result<Vec<Value>, ReadError> {
    let (mut cells, mut column) = (Vec::new(), 0);
    loop {
        let cell = match xml.next()? {
            Event::Start(start) if start.local_name().as_ref() == "c" => Some(Attributes::of(&start, row)?),
            Event::Start(_) => None,
            Event::End(_) => return Ok(cells),
            Event::Eof => return Err(ReadError::Damaged),
            _ => continue,
        };
        let Some(cell) = cell else {
            xml.skip()?;
            continue;
        };
        column = next(column, cell.column, LAST_COLUMN)?;
        let value = read_cell(xml, &cell, shared)?;
        builder.place(&mut cells, row, usize::try_from(column).unwrap_or(usize::MAX), value)?;
    }
}

/// The place that is named, or else the one behind the last, if it lies behind the last and exists.
fn next(last: u32, named: Option<u32>, end: u32) -> Result<u32, ReadError> {
    let place = named.unwrap_or(last + 1);
    if place > last && place <= end { Ok(place) } else { Err(ReadError::Damaged) }
}

fn row_named_by(start: &BytesStart<'_>) -> Result<Option<u32>, ReadError> {
    let mut row = Ok(None);
    each_attribute(start, |name, value| {
        if name == "r" {
            row = number(value).map(Some);
        }
    })?;
    row
}

/// A whole number that is written with digits and nothing else.
fn number(digits: &str) -> Result<u32, ReadError> {
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain).ok_or(ReadError::Damaged)
}

/// The column of a reference such as `AB12`, if it is one to a cell of this row.
fn column_named_by(reference: &str, row: u32) -> Result<u32, ReadError> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, digits) = reference.split_at(letters);
    if letters.is_empty() || letters.len() > 3 || number(digits)? != row {
        return Err(ReadError::Damaged);
    }
    Ok(letters.bytes().fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1))
}

/// What the start of a cell says of it.
struct Attributes {
    column: Option<u32>,
    style: usize,
    kind: Kind,
}

/// What a cell says that its value is.
enum Kind {
    Number,
    SharedString,
    InlineString,
    /// What a formula results in.
    String,
    Bool,
    Error,
    /// A date as ISO 8601 writes it.
    Date,
}

impl Attributes {
    fn of(start: &BytesStart<'_>, row: u32) -> Result<Self, ReadError> {
        let (mut column, mut style, mut kind) = (Ok(None), 0, Ok(Kind::Number));
        each_attribute(start, |name, value| match name {
            "r" => column = column_named_by(value, row).map(Some),
            "s" => style = value.parse().unwrap_or(0),
            "t" => {
                kind = match value {
                    "n" => Ok(Kind::Number),
                    "s" => Ok(Kind::SharedString),
                    "inlineStr" => Ok(Kind::InlineString),
                    "str" => Ok(Kind::String),
                    "b" => Ok(Kind::Bool),
                    "e" => Ok(Kind::Error),
                    "d" => Ok(Kind::Date),
                    _ => Err(ReadError::Damaged),
                }
            }
            _ => {}
        })?;
        Ok(Self { column: column?, style, kind: kind? })
    }
}

/// What a formula comes to that nobody has calculated.
const NOT_CALCULATED: &str = "#N/A";

fn read_cell(xml: &mut Xml<impl BufRead>, cell: &Attributes, shared: &mut Shared) -> Result<Value, ReadError> {
    enum Inside {
        Value,
        String,
        Other,
    }
    let (mut value, mut string, mut is_formula) = (String::new(), String::new(), false);
    loop {
        let inside = match xml.next()? {
            Event::Start(start) => match start.local_name().as_ref() {
                "v" => Inside::Value,
                "is" => Inside::String,
                // The formula, of which only the result is read.
                name => {
                    is_formula |= name == "f";
                    Inside::Other
                }
            },
            Event::End(_) => break,
            Event::Eof => return Err(ReadError::Damaged),
            _ => continue,
        };
        match inside {
            Inside::Value => xml.text(&mut value)?,
            Inside::String => read_string(xml, &mut string)?,
            Inside::Other => xml.skip()?,
        }
    }
    let style = shared.styles.get(cell.style).copied().unwrap_or_default();
    let word = value.trim_matches([' ', '\t', '\n', '\r']);
    match cell.kind {
        Kind::InlineString => Ok(text(&string, style)),
        Kind::String => {
            push_unescaped(&mut string, &value);
            Ok(text(&string, style))
        }
        // A program that writes formulas may leave it to others to calculate them, and then nobody knows what is meant.
        _ if word.is_empty() && is_formula => Ok(Value::Error(NOT_CALCULATED.to_owned())),
        _ if word.is_empty() => Ok(Value::Empty),
        Kind::SharedString => {
            let index = word.parse().map_err(|_| ReadError::Damaged)?;
            let string = shared.strings.get(index).ok_or(ReadError::Damaged)?;
            let length = u64::try_from(string.len()).unwrap_or(u64::MAX);
            shared.text_left =
                shared.text_left.checked_sub(length).ok_or(ReadError::TooLarge { limit: xml.limit() })?;
            Ok(text(string, style))
        }
        Kind::Bool => match word {
            "0" | "false" => Ok(Value::Bool(false)),
            "1" | "true" => Ok(Value::Bool(true)),
            _ => Err(ReadError::Damaged),
        },
        Kind::Error => Ok(Value::Error(word.to_owned())),
        Kind::Date => Ok(date(word)),
        Kind::Number => {
            let number: f64 = word.parse().map_err(|_| ReadError::Damaged)?;
            if !number.is_finite() {
                return Err(ReadError::Damaged);
            }
            let moment = moment_of(number, shared.counts_from_1904).filter(|_| style.is_date);
            // A zero has no sign here.
            Ok(moment.map_or(Value::Number(number + 0.0), Value::Moment))
        }
    }
}

fn text(text: &str, style: Style) -> Value {
    let text = if style.is_marked_text { text } else { without_apostrophe(text) };
    if text.is_empty() { Value::Empty } else { Value::Text(text.to_owned()) }
}

/// A date with or without a time of the day. What is none, such as a time alone, is a text.
fn date(word: &str) -> Value {
    let moment: Option<DateTime> = word.strip_suffix('Z').unwrap_or(word).parse().ok();
    moment.map_or_else(|| Value::Text(word.to_owned()), Value::Moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_column() {
        for (reference, column) in [("A12", 1), ("Z12", 26), ("AA12", 27), ("xfd12", 16_384), ("ZZZ12", 18_278)] {
            assert_eq!(column_named_by(reference, 12), Ok(column), "{reference}");
        }
        for reference in ["", "A", "12", "A13", "AAAA12", "A+12", "A12B", "Ä12", "A99999999999999999999", "A 12"] {
            assert_eq!(column_named_by(reference, 12), Err(ReadError::Damaged), "{reference}");
        }
    }

    #[test]
    fn a_place_lies_behind_the_last() {
        assert_eq!(next(0, None, 5), Ok(1));
        assert_eq!(next(1, Some(5), 5), Ok(5));
        for (last, named) in [(5, None), (1, Some(1)), (2, Some(1)), (1, Some(6)), (0, Some(0))] {
            assert_eq!(next(last, named, 5), Err(ReadError::Damaged));
        }
    }
}

//! Tables as files that a spreadsheet opens.
//!
//! A text stays the text it is: no spreadsheet takes it for a formula, a link, a number or a date. A number is a number
//! and a moment is a date, so that people can add them up and sort by them.

mod csv;
mod xlsx;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

pub use csv::write_csv;
pub use xlsx::{MOST_COLUMNS, MOST_ROWS, write_xlsx};

use crate::apostrophe::DIGITS_KEPT;

/// What stands in one cell. In JSON it is as short as can be, as a table has millions: `null`, a text, or one key and a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// A text that the writer made, and of which it knows that no spreadsheet runs it: a date of a calendar that spreadsheets
    /// do not know. Nothing is put before it.
    #[serde(rename = "p")]
    Plain(String),
    /// A plain decimal such as `1500000`, `12.50` or `-5`. As many decimals are shown as it has. Anything else is written as
    /// a text.
    #[serde(rename = "n")]
    Number(String),
    /// A date with the time of the day, to the second, in whatever zone the reader is told.
    #[serde(rename = "m")]
    Moment(DateTime),
    /// A text, of whatever it is made. It may come from anybody.
    #[serde(untagged)]
    Text(String),
    /// Nothing.
    #[serde(untagged)]
    Empty,
}

/// One column, from left to right, or from right to left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What its first cell says.
    pub header: String,
    /// How wide a workbook shows it, in digits of its standard font: at most 255. With 0 it is as wide as any.
    pub width: u16,
}

/// What a table is beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The name at the foot of a workbook. It may be any text, and is made into one that a workbook can have.
    pub name: String,
    /// The columns that have a header. A row may have more cells, and what is missing of one is empty.
    pub columns: Vec<Column>,
    /// Whether the first column stands at the right, as readers of Persian and Arabic expect.
    pub is_right_to_left: bool,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Only of a workbook, as the next one is.
    #[error("a worksheet has room for {MOST_ROWS} rows below the header")]
    TooManyRows,
    #[error("a worksheet has room for {MOST_COLUMNS} columns")]
    TooManyColumns,
    /// The temporary file could not be made or read, or the workbook could not be put together.
    #[error("the workbook could not be written")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
}

/// How many decimals a plain decimal has, or nothing where it is not one that a spreadsheet keeps whole.
fn decimals_of(digits: &str) -> Option<usize> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_plain = [whole, decimals].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if !is_plain {
        return None;
    }
    let decimals = unsigned.len().saturating_sub(whole.len() + 1);
    let leading_zeros = unsigned.bytes().take_while(|b| matches!(b, b'0' | b'.')).filter(|b| *b == b'0').count();
    let figures = unsigned.bytes().filter(u8::is_ascii_digit).count() - leading_zeros;
    // No format of a number shows more than thirty decimals.
    (figures <= DIGITS_KEPT && decimals <= 30).then_some(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_decimal_has_so_many_decimals() {
        for (digits, decimals) in [
            ("1500000", Some(0)),
            ("12.50", Some(2)),
            ("-5", Some(0)),
            ("0", Some(0)),
            ("-0.000", Some(3)),
            ("0.00000000000000000001", Some(20)),
            ("000000000000000000001", Some(0)),
            ("123456789012345", Some(0)),
            ("1234567890123.45", Some(2)),
        ] {
            assert_eq!(decimals_of(digits), decimals, "{digits}");
        }
    }

    #[test]
    fn a_cell_is_short_in_json_and_is_read_back() {
        let moment = Cell::Moment("2026-12-01T23:59:10".parse().unwrap());
        let text = |text: &str| Cell::Text(text.to_owned());
        let plain = Cell::Plain("1405/09/10".to_owned());
        let row = vec![Cell::Empty, text("Ali"), text("p"), text("{\"n\":\"1\"}"), text(""), plain, moment];
        let row: Vec<Cell> = row.into_iter().chain([Cell::Number("12.50".to_owned())]).collect();
        let written = serde_json::to_string(&row).unwrap();
        let short =
            r#"[null,"Ali","p","{\"n\":\"1\"}","",{"p":"1405/09/10"},{"m":"2026-12-01T23:59:10"},{"n":"12.50"}]"#;
        assert_eq!(written, short);
        assert_eq!(serde_json::from_str::<Vec<Cell>>(&written).unwrap(), row);
    }

    #[test]
    fn what_a_spreadsheet_would_not_keep_is_no_number() {
        for digits in
            ["1234567890123456", "12345678901234.50", "", "-", ".5", "5.", "1e5", "=1", "+5", "1,000", "۱۲", "--1"]
        {
            assert_eq!(decimals_of(digits), None, "{digits}");
        }
        assert_eq!(decimals_of(&format!("0.{}1", "0".repeat(30))), None);
    }
}

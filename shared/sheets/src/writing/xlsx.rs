use std::collections::HashMap;

use jiff::civil::DateTime;
use rust_xlsxwriter::{ExcelDateTime, Format, IgnoreError, Workbook, Worksheet};

use super::{Cell, Sheet, WriteError, decimals_of};
use crate::apostrophe::is_changed_when_typed;

/// A worksheet has room for this many rows below its header.
pub const MOST_ROWS: u32 = 1_048_575;

/// A worksheet has room for this many columns.
pub const MOST_COLUMNS: u16 = 16_384;

/// A cell has room for this many units of UTF-16.
const MOST_IN_A_CELL: usize = 32_767;

/// The name of a worksheet has room for this many units of UTF-16.
const MOST_IN_A_NAME: usize = 31;

/// The table as a workbook with one worksheet. Its header is bold and stays in view, and every column can be filtered
/// by.
///
/// The memory it takes is that of the finished file: rows go through a temporary file in the temporary folder of the
/// system, where nothing is left behind. That file is not packed, and the library panics where the disk is full.
///
/// A text is cut where a cell has no room for it, control characters are left out, and CR and LF become the LF that
/// ends a line in a cell. What would be changed when somebody edits the cell has the mark of a text ("quote prefix"),
/// which is not shown. A number that a spreadsheet would not keep whole, and a moment before 1900, are written as
/// texts.
pub fn write_xlsx(sheet: &Sheet, rows: impl Iterator<Item = Vec<Cell>>) -> Result<Vec<u8>, WriteError> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet_with_constant_memory()?;
    worksheet.set_name(name_of(&sheet.name))?;
    worksheet.set_right_to_left(sheet.is_right_to_left);
    worksheet.set_freeze_panes(1, 0)?;

    let mut formats = Formats::default();
    for (index, column) in sheet.columns.iter().enumerate() {
        let place = column_at(index)?;
        if column.width > 0 {
            worksheet.set_column_width(place, f64::from(column.width.min(255)))?;
        }
        write_text(worksheet, 0, place, &column.header, &formats.header)?;
    }
    let mut last_row = 0;
    for row in rows {
        if last_row == MOST_ROWS {
            return Err(WriteError::TooManyRows);
        }
        last_row += 1;
        for (index, cell) in row.iter().enumerate() {
            write_cell(worksheet, last_row, column_at(index)?, cell, &mut formats)?;
        }
    }
    if let Some(last) = sheet.columns.len().checked_sub(1) {
        let last = column_at(last)?;
        worksheet.autofilter(0, 0, last_row, last)?;
        // References and phone numbers are meant to be texts: no green corner has to say so of each.
        worksheet.ignore_error_range(0, 0, last_row, last, IgnoreError::NumberStoredAsText)?;
    }
    Ok(workbook.save_to_buffer()?)
}

fn column_at(index: usize) -> Result<u16, WriteError> {
    u16::try_from(index).ok().filter(|column| *column < MOST_COLUMNS).ok_or(WriteError::TooManyColumns)
}

/// How cells look, made once each: the library compares every cell's with all that it knows.
struct Formats {
    header: TextFormat,
    text: TextFormat,
    moment: Format,
    numbers: HashMap<usize, Format>,
}

/// How a text looks, and how one that has to be marked as a text does.
struct TextFormat {
    plain: Format,
    marked: Format,
}

impl TextFormat {
    fn new(plain: Format) -> Self {
        Self { marked: plain.clone().set_quote_prefix(), plain }
    }
}

impl Default for Formats {
    fn default() -> Self {
        Self {
            header: TextFormat::new(Format::new().set_bold()),
            text: TextFormat::new(Format::new()),
            moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            numbers: HashMap::new(),
        }
    }
}

impl Formats {
    fn number(&mut self, decimals: usize) -> &Format {
        self.numbers.entry(decimals).or_insert_with(|| {
            let shown = if decimals == 0 { "#,##0".to_owned() } else { format!("#,##0.{}", "0".repeat(decimals)) };
            Format::new().set_num_format(shown)
        })
    }
}

fn write_cell(
    worksheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    formats: &mut Formats,
) -> Result<(), WriteError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) | Cell::Plain(text) => write_text(worksheet, row, column, text, &formats.text)?,
        Cell::Number(digits) => match decimals_of(digits).zip(digits.parse().ok()) {
            Some((decimals, number)) => {
                let number: f64 = number;
                worksheet.write_number_with_format(row, column, number, formats.number(decimals))?;
            }
            None => write_text(worksheet, row, column, digits, &formats.text)?,
        },
        Cell::Moment(at) => match date_and_time(*at) {
            Some(date) => {
                worksheet.write_datetime_with_format(row, column, &date, &formats.moment)?;
            }
            None => {
                let text = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
                write_text(worksheet, row, column, &text, &formats.text)?;
            }
        },
    }
    Ok(())
}

/// Writes a text as a text and as nothing else: what the library offers besides makes links of addresses, of which a
/// worksheet has room for 65,530.
fn write_text(
    worksheet: &mut Worksheet,
    row: u32,
    column: u16,
    text: &str,
    format: &TextFormat,
) -> Result<(), WriteError> {
    let text = cut(&in_a_cell(text), MOST_IN_A_CELL, "…");
    // What was left out in front of it may have kept it from looking like something else.
    let format = if is_changed_when_typed(&text) { &format.marked } else { &format.plain };
    worksheet.write_string_with_format(row, column, text, format)?;
    Ok(())
}

/// The text as a cell can hold it. XML has no word for most control characters, and the library's escape for CR can be
/// read together with what stands before it.
fn in_a_cell(text: &str) -> String {
    let is_held = |c: &char| matches!(c, '\t' | '\n') || !(*c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.replace("\r\n", "\n").replace('\r', "\n").chars().filter(is_held).collect()
}

/// The text, or as much of its beginning as fits together with the mark behind it. `most` counts units of UTF-16.
fn cut(text: &str, most: usize, mark: &str) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut left = most - mark.encode_utf16().count();
    let fits = |c: &char| match left.checked_sub(c.len_utf16()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    kept.push_str(mark);
    kept
}

/// A name that a worksheet can have: no mark that stands in formulas, no apostrophe at an end, not empty and not too
/// long.
fn name_of(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_control() || "[]:*?/\\\u{fffe}\u{ffff}".contains(c) { ' ' } else { c }).collect();
    let name = cut(plain.trim_matches(is_outside), MOST_IN_A_NAME, "");
    let name = name.trim_matches(is_outside);
    // Excel keeps this one for itself.
    if name.is_empty() || name.eq_ignore_ascii_case("history") { "Sheet1".to_owned() } else { name.to_owned() }
}

fn is_outside(c: char) -> bool {
    c == '\'' || c.is_whitespace()
}

/// The moment as a workbook counts it, or nothing for one that it cannot count.
fn date_and_time(at: DateTime) -> Option<ExcelDateTime> {
    let part = |part: i8| u8::try_from(part).ok();
    let year = u16::try_from(at.year()).ok().filter(|year| *year >= 1900)?;
    let date = ExcelDateTime::from_ymd(year, part(at.month())?, part(at.day())?).ok()?;
    date.and_hms(u16::from(part(at.hour())?), part(at.minute())?, f64::from(at.second())).ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use jiff::civil::datetime;
    use zip::ZipArchive;

    use super::*;
    use crate::writing::Column;

    fn sheet(name: &str, headers: &[&str]) -> Sheet {
        let columns = headers.iter().map(|header| Column { header: (*header).to_owned(), width: 12 }).collect();
        Sheet { name: name.to_owned(), columns, is_right_to_left: false }
    }

    fn part(file: &[u8], path: &str) -> String {
        let mut archive = ZipArchive::new(Cursor::new(file)).unwrap();
        let mut text = String::new();
        archive.by_name(path).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn written(cells: Vec<Cell>) -> (String, String) {
        let file = write_xlsx(&sheet("Rows", &["A", "B", "C", "D"]), std::iter::once(cells)).unwrap();
        (part(&file, "xl/worksheets/sheet1.xml"), part(&file, "xl/styles.xml"))
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn a_header_is_bold_and_stays_in_view_above_a_filter() {
        let (xml, styles) = written(vec![text("x")]);
        assert!(xml.contains(r#"<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>"#), "{xml}");
        assert!(xml.contains(r#"<autoFilter ref="A1:D2"/>"#), "{xml}");
        assert!(xml.contains(r#"<c r="A1" s="1" t="inlineStr"><is><t>A</t></is></c>"#), "{xml}");
        assert!(styles.contains("<b/>"), "{styles}");
        assert!(xml.contains(r#"customWidth="1""#), "{xml}");
    }

    #[test]
    fn a_sheet_is_from_right_to_left_where_it_is_asked_for() {
        let asked = Sheet { is_right_to_left: true, ..sheet("برگه", &["نام"]) };
        let file = write_xlsx(&asked, std::iter::empty()).unwrap();
        assert!(part(&file, "xl/worksheets/sheet1.xml").contains(r#"rightToLeft="1""#));
        assert!(part(&file, "xl/workbook.xml").contains(r#"name="برگه""#));
        let (xml, _) = written(vec![]);
        assert!(!xml.contains("rightToLeft"));
    }

    #[test]
    fn a_text_is_no_formula_and_no_link() {
        let (xml, styles) = written(vec![text("=1+1"), text("https://example.com"), text("0912"), text("plain")]);
        assert!(!xml.contains("<f>") && !xml.contains("hyperlink"), "{xml}");
        assert!(xml.contains("<t>=1+1</t>") && xml.contains("<t>https://example.com</t>"), "{xml}");
        assert!(styles.contains(r#"quotePrefix="1""#), "{styles}");
        assert!(xml.contains("<c r=\"D2\" t=\"inlineStr\"><is><t>plain</t>"), "{xml}");
    }

    #[test]
    fn a_number_shows_the_decimals_it_came_with() {
        let number = |digits: &str| Cell::Number(digits.to_owned());
        let (xml, styles) = written(vec![number("1500000"), number("12.50"), number("-5"), number("1234567890123456")]);
        assert!(xml.contains("<v>1500000</v>") && xml.contains("<v>12.5</v>") && xml.contains("<v>-5</v>"), "{xml}");
        assert!(xml.contains("<t>1234567890123456</t>"), "{xml}");
        assert!(styles.contains(r##"formatCode="#,##0"/>"##), "{styles}");
        assert!(styles.contains(r##"formatCode="#,##0.00"/>"##), "{styles}");
    }

    #[test]
    fn a_moment_is_a_date() {
        let (xml, styles) = written(vec![
            Cell::Moment(datetime(2026, 12, 1, 12, 0, 0, 999_999_999)),
            Cell::Moment(datetime(1899, 12, 31, 0, 0, 0, 0)),
        ]);
        assert!(xml.contains("<v>46357.5</v>") && xml.contains("<t>1899-12-31 00:00:00</t>"), "{xml}");
        assert!(styles.contains("yyyy-mm-dd hh:mm:ss"), "{styles}");
    }

    #[test]
    fn the_name_of_a_sheet_is_made_one_that_a_workbook_can_have() {
        for (name, made) in [
            ("Payments", "Payments"),
            ("a[b]:c*d?e/f\\g", "a b  c d e f g"),
            ("", "Sheet1"),
            ("''", "Sheet1"),
            ("[]", "Sheet1"),
            ("HISTORY", "Sheet1"),
            ("'quoted'", "quoted"),
            ("پرداخت‌ها", "پرداخت‌ها"),
            ("a\nb\u{0}", "a b"),
        ] {
            assert_eq!(name_of(name), made, "{name:?}");
        }
        assert_eq!(name_of(&"x".repeat(40)), "x".repeat(31));
        assert_eq!(name_of(&"😀".repeat(40)), "😀".repeat(15));
        for name in [
            "a[b]:c*d?e/f\\g",
            "",
            "'",
            "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
            "\u{ffff}",
            "History",
            "x'x'''''''''''''''''''''''''''''y",
        ] {
            write_xlsx(&sheet(name, &["A"]), std::iter::empty()).unwrap();
        }
    }

    #[test]
    fn a_text_too_long_for_a_cell_ends_in_an_ellipsis() {
        let cell = cut(&"😀".repeat(20_000), MOST_IN_A_CELL, "…");
        assert_eq!(cell.encode_utf16().count(), 32_767);
        assert!(cell.ends_with("😀…"));
        assert_eq!(cut(&"x".repeat(32_767), MOST_IN_A_CELL, "…"), "x".repeat(32_767));
        let (xml, _) = written(vec![text(&"x".repeat(40_000))]);
        assert!(xml.contains("xxx…</t>"));
    }

    #[test]
    fn control_characters_are_left_out_and_lines_end_with_lf() {
        assert_eq!(in_a_cell("a\0b\u{1}\u{b}c\td\r\ne\rf\ng\u{fffe}\u{ffff}"), "abc\td\ne\nf\ng");
    }

    #[test]
    fn a_sheet_has_no_more_columns_than_a_worksheet() {
        let row = vec![Cell::Empty; 16_385];
        let refused = write_xlsx(&sheet("Rows", &["A"]), std::iter::once(row)).unwrap_err();
        assert!(matches!(refused, WriteError::TooManyColumns));
        assert!(write_xlsx(&sheet("Rows", &[]), std::iter::empty()).is_ok());
    }

    #[test]
    fn a_sheet_has_no_more_rows_than_a_worksheet() {
        let rows = |count: usize| std::iter::repeat_n(vec![], count);
        assert!(write_xlsx(&sheet("Rows", &["A"]), rows(1_048_575)).is_ok());
        let refused = write_xlsx(&sheet("Rows", &["A"]), rows(1_048_576)).unwrap_err();
        assert!(matches!(refused, WriteError::TooManyRows));
    }
}

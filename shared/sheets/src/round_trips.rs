//! What is written is read back as it was.

use jiff::civil::{DateTime, datetime};
use proptest::prelude::*;

use crate::Format;
use crate::reading::{Limits, ReadError, Row, Table, Value, read_table};
use crate::writing::{Cell, Column, Sheet, write_csv, write_xlsx};

const LIMITS: Limits =
    Limits { bytes: 100_000_000, inflated: 200_000_000, rows: 20_000, columns: 20, cell_characters: 40_000 };

fn sheet(headers: &[&str]) -> Sheet {
    let columns = headers.iter().map(|header| Column { header: (*header).to_owned(), width: 20 }).collect();
    Sheet { name: "پرداخت‌ها".to_owned(), columns, is_right_to_left: true }
}

fn written(format: Format, sheet: &Sheet, rows: impl Iterator<Item = Vec<Cell>>) -> Vec<u8> {
    match format {
        Format::Xlsx => write_xlsx(sheet, rows).unwrap(),
        _ => write_csv(sheet, rows).unwrap(),
    }
}

fn read_back(format: Format, headers: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    read_table(&written(format, &sheet(headers), rows.into_iter()), format, &LIMITS).unwrap()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn number(digits: &str) -> Cell {
    Cell::Number(digits.to_owned())
}

const TEXTS: [&str; 30] = [
    "مریم محمدی",
    "می‌خواهم",
    "=1+1",
    "+989121234567",
    "-5",
    "@SUM(A1)",
    "12345678901234567890",
    "0912",
    "۰۹۱۲",
    "1234",
    "1E5",
    "1-2",
    "2026-12-01 23:59:10",
    "'Abd al-Rahman",
    "''twice",
    "'",
    "O'Neil \"Shaq\", 😀; a\tb",
    " spaces around ",
    "\n",
    "two\nlines",
    "_x000D_ and _x0041_x0042_",
    "https://example.com/?a=1&b=<2>",
    "true",
    "#N/A",
    "sep=;",
    "\u{200f}=1",
    "a;=1+1",
    "a;''=1",
    "two\n'-5",
    "\n'\"+1;",
];

#[test]
fn every_text_is_read_back_as_it_was() {
    for format in [Format::Xlsx, Format::Csv] {
        let rows = TEXTS.map(|one| vec![text(one), text("end")]).to_vec();
        let read = read_back(format, &["متن", "=end"], rows);
        assert_eq!(read.header, ["متن", "=end"]);
        let texts: Vec<Value> = read.rows.iter().map(|row| row.cells[0].clone()).collect();
        assert_eq!(texts, TEXTS.map(|one| Value::Text(one.to_owned())), "{format:?}");
        let numbers: Vec<u32> = read.rows.iter().map(|row| row.number).collect();
        assert_eq!(numbers, (2..32).collect::<Vec<_>>());
    }
}

#[test]
fn every_text_can_be_a_header() {
    for format in [Format::Xlsx, Format::Csv] {
        for one in TEXTS {
            assert_eq!(read_back(format, &[one], vec![]).header, [one], "{format:?}");
        }
    }
}

#[test]
fn a_text_that_looks_like_another_without_its_control_characters_is_still_itself() {
    let rows = vec![vec![text("\0'Abd")], vec![text("\u{1}=1+1")]];
    let cells = |format| {
        let read = read_back(format, &["a"], rows.clone());
        read.rows.into_iter().flat_map(|row| row.cells).collect::<Vec<_>>()
    };
    assert_eq!(cells(Format::Xlsx), ["'Abd", "=1+1"].map(|one| Value::Text(one.to_owned())));
    assert_eq!(cells(Format::Csv), ["\0'Abd", "\u{1}=1+1"].map(|one| Value::Text(one.to_owned())));
}

#[test]
fn numbers_and_moments_are_what_they_are_in_a_workbook_and_texts_in_csv() {
    let at = datetime(2026, 12, 1, 23, 59, 10, 0);
    let headers = ["a", "b", "c", "d", "e"];
    let row = vec![number("1500000"), number("-12.50"), number("1234567890123456789"), Cell::Moment(at), Cell::Empty];
    let read = read_back(Format::Xlsx, &headers, vec![row.clone()]);
    let long = Value::Text("1234567890123456789".to_owned());
    let values = vec![Value::Number(1_500_000.0), Value::Number(-12.5), long, Value::Moment(at), Value::Empty];
    assert_eq!(read.rows, [Row { number: 2, cells: values }]);
    let read = read_back(Format::Csv, &headers, vec![row]);
    let values =
        ["1500000", "-12.50", "1234567890123456789", "2026-12-01 23:59:10"].map(|one| Value::Text(one.to_owned()));
    assert_eq!(read.rows[0].cells[..4], values);
    assert_eq!(read.rows[0].cells[4], Value::Empty);
}

#[test]
fn empty_rows_are_left_out_and_count() {
    for format in [Format::Xlsx, Format::Csv] {
        let rows = vec![vec![], vec![Cell::Empty, text("")], vec![text("x")]];
        let read = read_back(format, &["a", "b"], rows);
        let cells = vec![Value::Text("x".to_owned()), Value::Empty];
        assert_eq!(read.rows, [Row { number: 4, cells }], "{format:?}");
    }
}

#[test]
fn a_file_of_one_format_is_none_of_another() {
    let csv = written(Format::Csv, &sheet(&["a"]), std::iter::empty());
    let xlsx = written(Format::Xlsx, &sheet(&["a"]), std::iter::empty());
    for (file, format) in [(&csv, Format::Xlsx), (&xlsx, Format::Csv), (&csv, Format::Jsonl)] {
        assert_eq!(read_table(file, format, &LIMITS), Err(ReadError::NotThisFormat));
    }
    for (file, format) in [(&csv, Format::Csv), (&xlsx, Format::Xlsx)] {
        let small = Limits { bytes: file.len() - 1, ..LIMITS };
        assert_eq!(
            read_table(file, format, &small),
            Err(ReadError::TooLarge { limit: u64::try_from(small.bytes).unwrap() })
        );
        assert!(read_table(file, format, &Limits { bytes: file.len(), ..LIMITS }).is_ok());
    }
}

#[test]
fn twenty_thousand_rows_of_twenty_columns_are_written_and_read() {
    let headers: Vec<String> = (1..=20).map(|column| format!("ستون {column}")).collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let cell = |row: u32, column: u32| match column % 4 {
        0 => text(&format!("ردیف {row}، ستون {column}")),
        1 => number(&format!("{}", row * column)),
        2 => Cell::Moment(datetime(2026, 12, 1, 23, 59, 10, 0)),
        _ => text(&format!("0{row}")),
    };
    for format in [Format::Xlsx, Format::Csv] {
        let rows = (0..20_000).map(|row| (0..20).map(|column| cell(row, column)).collect());
        let file = written(format, &sheet(&headers), rows);
        let read = read_table(&file, format, &LIMITS).unwrap();
        assert_eq!((read.header.len(), read.rows.len()), (20, 20_000), "{format:?}");
        let last = &read.rows[19_999];
        assert_eq!((last.number, last.cells.len()), (20_001, 20));
        assert_eq!(last.cells[0], Value::Text("ردیف 19999، ستون 0".to_owned()));
        assert_eq!(last.cells[19], Value::Text("019999".to_owned()));
    }
}

/// Texts with much of what is special in one of the formats.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "'", "\"", ",", ";", "\t", "\n", "\r", "=", "+", "-", "@", "0", "9", "۰", "e", ".", "_x000D_", "_x", "_", " ",
        "\u{a0}", "&", "<", "]]>", "مریم", "😀", "\u{feff}", "\u{200f}", "jan", "sep=", "|",
    ]);
    let pieces = prop_oneof![special.prop_map(str::to_owned), any::<char>().prop_map(String::from), ".*"];
    prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

fn some_text() -> impl Strategy<Value = String> {
    any_text().prop_filter("an empty cell alone is an empty row", |text| !text.is_empty())
}

fn any_moment() -> impl Strategy<Value = DateTime> {
    (1900_i16..=9999, 1_i8..=12, 1_i8..=28, 0_i8..=23, 0_i8..=59, 0_i8..=59)
        .prop_map(|(year, month, day, hour, minute, second)| datetime(year, month, day, hour, minute, second, 0))
}

fn as_read(text: &str) -> Value {
    if text.is_empty() { Value::Empty } else { Value::Text(text.to_owned()) }
}

proptest! {
    #[test]
    fn any_text_goes_through_csv(header in any_text(), texts in prop::collection::vec(any_text(), 3)) {
        let cells: Vec<Cell> = texts.iter().map(|one| text(one)).collect();
        let read = read_back(Format::Csv, &["first", &header, "last"], vec![cells, vec![text("end")]]);
        prop_assert_eq!(read.header, ["first", header.as_str(), "last"]);
        if texts.iter().any(|one| !one.is_empty()) {
            prop_assert_eq!(&read.rows[0].cells, &texts.iter().map(|one| as_read(one)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn any_text_alone_goes_through_csv(header in some_text(), one in some_text()) {
        let read = read_back(Format::Csv, &[&header], vec![vec![text(&one)]]);
        prop_assert_eq!(read.header, [header]);
        prop_assert_eq!(&read.rows[0].cells[0], &as_read(&one));
    }

    #[test]
    fn any_text_goes_through_a_workbook_but_for_control_characters(texts in prop::collection::vec(any_text(), 1..4)) {
        let cells: Vec<Cell> = texts.iter().map(|one| text(one)).collect();
        let headers = vec!["h"; cells.len()];
        let read = read_back(Format::Xlsx, &headers, vec![cells, vec![text("end")]]);
        let kept = |one: &String| {
            let lines = one.replace("\r\n", "\n").replace('\r', "\n");
            let is_kept = |c: &char| !(*c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}')) || matches!(c, '\n' | '\t');
            as_read(&lines.chars().filter(is_kept).collect::<String>())
        };
        let values: Vec<Value> = texts.iter().map(kept).collect();
        if values.iter().any(|value| *value != Value::Empty) {
            prop_assert_eq!(&read.rows[0].cells, &values);
        }
    }

    #[test]
    fn any_moment_and_any_number_go_through_a_workbook(
        at in any_moment(), units in -999_999_999_999_999_i64..=999_999_999_999_999
    ) {
        let read = read_back(Format::Xlsx, &["a", "b"], vec![vec![Cell::Moment(at), number(&units.to_string())]]);
        prop_assert_eq!(&read.rows[0].cells[0], &Value::Moment(at));
        prop_assert_eq!(&read.rows[0].cells[1], &Value::Number(units.to_string().parse().unwrap()));
    }

    #[test]
    fn bytes_by_chance_end_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), one in ".*") {
        for format in Format::ALL {
            let _ = read_table(&bytes, format, &LIMITS);
            let _ = read_table(one.as_bytes(), format, &LIMITS);
        }
        let _ = crate::reading::read_lines(&bytes, &LIMITS);
    }
}

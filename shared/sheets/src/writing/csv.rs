use super::{Cell, Sheet, WriteError, decimals_of};
use crate::apostrophe::with_apostrophes;

/// The table as comma-separated values in UTF-8, with the header as the first record. Excel takes a file without the
/// byte order mark for one in the code page of the machine, and wants CR and LF at the end of a record.
///
/// A text that a spreadsheet would run or change has one apostrophe in front, and so has a part of it behind a semicolon, a
/// tab or the end of a line; [`read_table`](crate::reading::read_table) takes them away again. Moments are written as `2026-12-01 23:59:10`.
///
/// It always succeeds: the result has an error so that both formats are written alike.
pub fn write_csv(sheet: &Sheet, rows: impl Iterator<Item = Vec<Cell>>) -> Result<Vec<u8>, WriteError> {
    let mut text = String::from("\u{feff}");
    push_record(&mut text, sheet.columns.iter().map(|column| with_apostrophes(&column.header)));
    for row in rows {
        let missing = sheet.columns.len().saturating_sub(row.len());
        let fields = row.into_iter().map(field).chain(std::iter::repeat_n(String::new(), missing));
        push_record(&mut text, fields);
    }
    Ok(text.into_bytes())
}

fn field(cell: Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => with_apostrophes(&text),
        Cell::Plain(text) => text,
        Cell::Number(digits) if decimals_of(&digits).is_some() => digits,
        Cell::Number(digits) => with_apostrophes(&digits),
        Cell::Moment(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

fn push_record(text: &mut String, fields: impl Iterator<Item = String>) {
    let start = text.len();
    for (index, field) in fields.enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_field(text, &field);
    }
    // A record of one empty field would be an empty line, which many readers skip.
    if text.len() == start {
        text.push_str("\"\"");
    }
    text.push_str("\r\n");
}

/// Quotes also what another separator stands in, so that whoever guesses the separator from the header finds the comma.
fn push_field(text: &mut String, field: &str) {
    if field.contains([',', ';', '\t', '|', '"', '\r', '\n']) {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writing::Column;

    fn written(headers: &[&str], rows: Vec<Vec<Cell>>) -> String {
        let columns = headers.iter().map(|header| Column { header: (*header).to_owned(), width: 10 }).collect();
        let sheet = Sheet { name: String::new(), columns, is_right_to_left: true };
        String::from_utf8(write_csv(&sheet, rows.into_iter()).unwrap()).unwrap()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn number(digits: &str) -> Cell {
        Cell::Number(digits.to_owned())
    }

    #[test]
    fn a_file_begins_with_a_byte_order_mark_and_its_records_end_with_cr_and_lf() {
        let file = written(&["نام", "Amount"], vec![vec![text("مریم"), number("1500000")]]);
        assert_eq!(file, "\u{feff}نام,Amount\r\nمریم,1500000\r\n");
    }

    #[test]
    fn a_cell_that_begins_like_a_formula_is_defused() {
        let file = written(&["=h"], vec![vec![text("=1+1")], vec![text("+989121234567")], vec![text("'Abd")]]);
        assert_eq!(file, "\u{feff}'=h\r\n'=1+1\r\n'+989121234567\r\n''Abd\r\n");
    }

    #[test]
    fn quotes_stand_around_what_needs_them() {
        let row = vec![text("a,b"), text("say \"so\""), text("two\r\nlines"), text("a;b"), text("plain")];
        let file = written(&["1", "2", "3", "4", "5"], vec![row]);
        assert!(file.ends_with("\"a,b\",\"say \"\"so\"\"\",\"two\r\nlines\",\"a;b\",plain\r\n"), "{file}");
    }

    #[test]
    fn numbers_are_plain_and_moments_are_of_iso_8601_to_the_second() {
        let at = jiff::civil::datetime(2026, 12, 1, 23, 59, 10, 987_000_000);
        let file = written(&["a", "b", "c"], vec![vec![number("-12.50"), Cell::Moment(at), number("=1")]]);
        assert!(file.ends_with("-12.50,2026-12-01 23:59:10,'=1\r\n"), "{file}");
    }

    #[test]
    fn a_short_row_is_filled_up_and_an_empty_one_is_no_empty_line() {
        assert!(written(&["a", "b"], vec![vec![text("x")], vec![]]).ends_with("x,\r\n,\r\n"));
        let persian = Cell::Plain("1405/09/10 14:05:00".to_owned());
        assert!(written(&["a"], vec![vec![persian]]).ends_with("\r\n1405/09/10 14:05:00\r\n"));
        assert!(written(&["a"], vec![vec![Cell::Empty], vec![]]).ends_with("\"\"\r\n\"\"\r\n"));
    }
}

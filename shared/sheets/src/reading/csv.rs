use super::builder::Builder;
use super::encoding::decode;
use super::{Limits, ReadError, Table, Value, is_binary};
use crate::apostrophe::without_apostrophes;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Table, ReadError> {
    if is_binary(bytes) {
        return Err(ReadError::NotThisFormat);
    }
    let text = decode(bytes).map_err(|before| ReadError::BadEncoding { row: rows_begun(&before) })?;
    let (separator, text) = match separator_named_by(&text) {
        Some((separator, rest)) => (separator, rest),
        None => (separator_of(&text), &*text),
    };
    let mut builder = Builder::new(limits);
    let mut fields = Fields { rest: text, separator };
    let mut row = 0;
    while !fields.rest.is_empty() {
        row += 1;
        let (mut cells, mut column) = (Vec::new(), 0);
        loop {
            column += 1;
            let (field, is_last) = fields.next().ok_or(ReadError::OpenQuote { row })?;
            let field = without_apostrophes(&field);
            let value = if field.is_empty() { Value::Empty } else { Value::Text(field) };
            builder.place(&mut cells, row, column, value)?;
            if is_last {
                break;
            }
        }
        builder.push(row, cells)?;
    }
    builder.finish().ok_or(ReadError::NoHeader)
}

/// The fields of a text, one after the other. They are cut out here because a quote that is never closed has to be
/// noticed, and rows have to be counted as a spreadsheet shows them, empty ones included.
struct Fields<'a> {
    rest: &'a str,
    separator: char,
}

impl Fields<'_> {
    /// The next field, and whether it is the last of its record. Nothing, where it begins with a quote that is never
    /// closed.
    fn next(&mut self) -> Option<(String, bool)> {
        let mut field = String::new();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            loop {
                let (inside, behind) = self.rest.split_once('"')?;
                field.push_str(inside);
                self.rest = behind;
                // Two quotes are one that is part of the field.
                let Some(behind) = behind.strip_prefix('"') else {
                    break;
                };
                field.push('"');
                self.rest = behind;
            }
        }
        // What stands between a closing quote and the separator belongs to the field, as in spreadsheets.
        let end = self.rest.find([self.separator, '\r', '\n']).unwrap_or(self.rest.len());
        let (plain, behind) = self.rest.split_at(end);
        field.push_str(plain);
        if let Some(behind) = behind.strip_prefix(self.separator) {
            self.rest = behind;
            // A separator at the very end has an empty field behind it, which says nothing.
            return Some((field, behind.is_empty()));
        }
        self.rest = behind.strip_prefix("\r\n").or_else(|| behind.strip_prefix(['\r', '\n'])).unwrap_or_default();
        Some((field, true))
    }
}

/// What Excel is told by a first line such as `sep=;`, and what stands behind that line.
fn separator_named_by(text: &str) -> Option<(char, &str)> {
    let (name, rest) = text.split_at_checked("sep=".len())?;
    let mut rest = rest.chars();
    let separator = rest.next().filter(|c| name.eq_ignore_ascii_case("sep=") && [',', ';', '\t', '|'].contains(c))?;
    let rest = rest.as_str();
    let behind = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\r', '\n']));
    behind.or_else(|| rest.is_empty().then_some(rest)).map(|behind| (separator, behind))
}

/// The separator that stands most often outside quotes in the first line that is not empty.
fn separator_of(text: &str) -> char {
    let (mut commas, mut semicolons, mut tabs, mut is_quoted) = (0, 0, 0, false);
    for c in text.trim_start_matches(['\r', '\n']).chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            ',' => commas += 1,
            ';' => semicolons += 1,
            '\t' => tabs += 1,
            '\r' | '\n' => break,
            _ => {}
        }
    }
    if commas >= semicolons && commas >= tabs {
        ','
    } else if semicolons >= tabs {
        ';'
    } else {
        '\t'
    }
}

/// The number of the record in which a text ends.
fn rows_begun(text: &str) -> u32 {
    let (mut rows, mut is_quoted, mut before) = (1_u32, false, ' ');
    for c in text.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\n' if before == '\r' => {}
            '\r' | '\n' if !is_quoted => rows = rows.saturating_add(1),
            _ => {}
        }
        before = c;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Row;

    const LIMITS: Limits = Limits { bytes: 100_000_000, inflated: 0, rows: 100, columns: 10, cell_characters: 20 };

    fn table(file: impl AsRef<[u8]>) -> Table {
        read(file.as_ref(), &LIMITS).unwrap()
    }

    fn refused(file: impl AsRef<[u8]>) -> ReadError {
        read(file.as_ref(), &LIMITS).unwrap_err()
    }

    /// The texts of the rows, with an empty text for an empty cell.
    fn texts(table: &Table) -> Vec<Vec<&str>> {
        let text = |value: &Value| match value {
            Value::Empty => "",
            Value::Text(text) => text.clone().leak(),
            other => panic!("{other:?}"),
        };
        table.rows.iter().map(|row| row.cells.iter().map(text).collect()).collect()
    }

    #[test]
    fn rows_end_with_lf_or_cr_or_both() {
        for end in ["\n", "\r", "\r\n"] {
            let read = table(["a,b", "1,2", "", "3,"].join(end));
            assert_eq!(read.header, ["a", "b"]);
            assert_eq!(texts(&read), [["1", "2"], ["3", ""]]);
            assert_eq!(read.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 4]);
        }
        assert_eq!(table("a\n1"), table("a\n1\n"));
        assert_eq!(table("a,b\n1,2,\n"), table("a,b\n1,2"));
    }

    #[test]
    fn a_row_is_counted_as_a_record() {
        let read = table("\n\"a\nb\",c\n\"1\r\n2\r\n3\",\"\"\"\"\n\n,,,\nx");
        assert_eq!(read.header, ["a\nb", "c"]);
        assert_eq!(texts(&read), [["1\r\n2\r\n3", "\""], ["x", ""]]);
        assert_eq!(read.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 6]);
    }

    #[test]
    fn the_separator_is_the_one_that_the_header_has_most_of() {
        assert_eq!(table("a;b,c;d\n1,5;2;3").header, ["a", "b,c", "d"]);
        assert_eq!(table("a\tb\n1,5\t2").header, ["a", "b"]);
        assert_eq!(table("\"a;b;c\",d\n1").header, ["a;b;c", "d"]);
        assert_eq!(texts(&table("a\nb;c\td")), [["b;c\td"]]);
        assert_eq!(table("\r\n\na;b").header, ["a", "b"]);
    }

    #[test]
    fn a_first_line_can_name_the_separator() {
        for hint in ["sep=;\r\n", "SEP=;\n", "\u{feff}sep=;\r"] {
            let read = table(format!("{hint}a,b;c\n1;2"));
            assert_eq!(
                (read.header.as_slice(), read.rows[0].number),
                (["a,b".to_owned(), "c".to_owned()].as_slice(), 2)
            );
        }
        assert_eq!(table("sep=|\na|b").header, ["a", "b"]);
        assert_eq!(table("sep=;x\na").header, ["sep=", "x"]);
        assert_eq!(table("\"sep=;\"\na").header, ["sep=;"]);
        assert_eq!(refused("sep=;"), ReadError::NoHeader);
        assert_eq!(table("sep").header, ["sep"]);
    }

    #[test]
    fn one_apostrophe_is_taken_away() {
        let read = table("'=h,b\n'=1+1,''Abd\n',O'Neil");
        assert_eq!(read.header, ["=h", "b"]);
        assert_eq!(texts(&read), [["=1+1", "'Abd"], ["", "O'Neil"]]);
        assert_eq!(texts(&table("a\n\"'0912\"")), [["0912"]]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_refused_and_one_inside_a_field_is_not() {
        assert_eq!(refused("a,b\n1,\"2\n3,4\n"), ReadError::OpenQuote { row: 2 });
        assert_eq!(refused("\""), ReadError::OpenQuote { row: 1 });
        assert_eq!(texts(&table("a,b\n5\" pipe,\"x\"y\"z")), [["5\" pipe", "xy\"z"]]);
    }

    #[test]
    fn all_encodings_that_spreadsheets_save_are_read() {
        let text = "نام;شماره\nمریم 😀;۱۲\n";
        let little: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        assert_eq!(table(little), table(text));
        assert_eq!(table(big), table(text));
        assert_eq!(table(format!("\u{feff}{text}")), table(text));
        assert_eq!(texts(&table(text)), [["مریم 😀", "۱۲"]]);
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_row() {
        assert_eq!(refused(b"a,b\r\n\"1\n2\",3\r\n\xe1,4\r\n"), ReadError::BadEncoding { row: 3 });
        assert_eq!(refused(b"a\0,\0b\0"), ReadError::BadEncoding { row: 1 });
        assert_eq!(refused([0; 100]), ReadError::BadEncoding { row: 1 });
        assert_eq!(refused(b"PK\x03\x04rest"), ReadError::NotThisFormat);
        assert_eq!(refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ReadError::NotThisFormat);
    }

    #[test]
    fn a_nul_inside_a_cell_is_a_character() {
        assert_eq!(texts(&table("name\nx\0y")), [["x\0y"]]);
    }

    #[test]
    fn a_file_with_nothing_in_it_has_no_header() {
        for file in ["", "\u{feff}", "\n\r\n\r", ",,,\n,\n", "'"] {
            assert_eq!(refused(file), ReadError::NoHeader, "{file:?}");
        }
    }

    #[test]
    fn cells_beyond_the_header_are_kept_and_short_rows_are_filled_up() {
        let read = table("a,b,,\n1\n1,2,,4,,\n");
        assert_eq!(read.header, ["a", "b"]);
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(read.rows[0], Row { number: 2, cells: vec![text("1"), Value::Empty] });
        assert_eq!(read.rows[1].cells, [text("1"), text("2"), Value::Empty, text("4")]);
    }

    #[test]
    fn a_file_has_no_more_rows_columns_or_characters_than_asked_for() {
        assert_eq!(table("a\n".repeat(101)).rows.len(), 100);
        assert_eq!(refused("a\n".repeat(102)), ReadError::TooManyRows { limit: 100 });
        assert_eq!(refused("a,".repeat(1_000_000)), ReadError::TooManyColumns { limit: 10 });
        assert_eq!(refused(format!("a\n{}x", ",".repeat(1_000_000))), ReadError::TooManyColumns { limit: 10 });
        assert_eq!(table(format!("a{}\n1", ",".repeat(1_000_000))).header, ["a"]);
        assert_eq!(texts(&table(format!("a\n{}", "ن".repeat(20)))), [["ن".repeat(20)]]);
        assert_eq!(refused(format!("a\n1,{}", "ن".repeat(21))), ReadError::CellTooLong { row: 2, column: 2 });
        assert_eq!(refused(format!("a\n\"{}", "x".repeat(10_000_000))), ReadError::OpenQuote { row: 2 });
    }
}

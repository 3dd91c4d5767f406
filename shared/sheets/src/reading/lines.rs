use serde_json::Value;

use super::encoding::decode;
use super::{Limits, ReadError, check_size, is_binary};

/// One line of a file of JSON lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The line of the file, from 1. Blank lines count.
    pub number: u32,
    /// What it says, or where it is no JSON, in words that go on after "The line is no JSON:" and do not repeat the
    /// line.
    pub value: Result<Value, String>,
}

/// A line with more bytes is not read. No body of a call has as many.
const LONGEST_LINE: usize = 64 * 1024;

/// Reads a file of JSON lines. A line that is wrong does not keep the others from being read. Blank lines are left out.
///
/// Where an object has a name twice, the last one counts. The encodings are those of CSV.
pub fn read_lines(bytes: &[u8], limits: &Limits) -> Result<Vec<Line>, ReadError> {
    check_size(bytes, limits)?;
    if is_binary(bytes) {
        return Err(ReadError::NotThisFormat);
    }
    let text = decode(bytes).map_err(|before| ReadError::BadEncoding { row: row(before.matches('\n').count()) })?;
    let mut left = limits.rows.saturating_mul(limits.columns);
    let mut lines = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            continue;
        }
        if lines.len() == limits.rows {
            return Err(ReadError::TooManyRows { limit: limits.rows });
        }
        // A value takes far more memory than the two characters it can be written with.
        left = left.checked_sub(values_in(line)).ok_or(ReadError::TooManyColumns { limit: limits.columns })?;
        let value = match line.len() <= LONGEST_LINE {
            true => serde_json::from_str(line).map_err(|error| where_it_is_wrong(line, &error)),
            false => Err(format!("it has more than {LONGEST_LINE} bytes")),
        };
        lines.push(Line { number: row(index), value });
    }
    Ok(lines)
}

fn row(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// How many values a line can have, inside each other or side by side.
fn values_in(line: &str) -> usize {
    let (mut values, mut is_in_string, mut is_escaped) = (1, false, false);
    for byte in line.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_in_string,
            b'"' => is_in_string = !is_in_string,
            b',' | b'[' | b'{' if !is_in_string => values += 1,
            _ => {}
        }
    }
    values
}

fn where_it_is_wrong(line: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "it ends before it is complete".to_owned();
    }
    // The library counts bytes.
    let before = line.as_bytes().get(..error.column()).unwrap_or_default();
    format!("it is wrong at character {}", String::from_utf8_lossy(before).chars().count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 10_000, inflated: 0, rows: 3, columns: 10, cell_characters: 0 };

    fn line(number: u32, value: Value) -> Line {
        Line { number, value: Ok(value) }
    }

    #[test]
    fn blank_lines_are_left_out_and_count() {
        let read = read_lines("\u{feff}{\"نام\":\"مریم\"}\r\n\n  \r\n[1, 2]\n".as_bytes(), &LIMITS).unwrap();
        assert_eq!(read, [line(1, json!({ "نام": "مریم" })), line(4, json!([1, 2]))]);
        assert_eq!(read_lines(b"", &LIMITS).unwrap(), []);
    }

    #[test]
    fn a_name_given_twice_has_its_last_value() {
        assert_eq!(read_lines(br#"{"a":1,"a":2}"#, &LIMITS).unwrap(), [line(1, json!({ "a": 2 }))]);
    }

    #[test]
    fn a_wrong_line_says_where_and_keeps_no_other_from_being_read() {
        let read = read_lines("{\"مریم\": secret}\n{\"a\": 1\n{}".as_bytes(), &LIMITS).unwrap();
        assert_eq!(read[0].value, Err("it is wrong at character 10".to_owned()));
        assert_eq!(read[1].value, Err("it ends before it is complete".to_owned()));
        assert_eq!(read[2], line(3, json!({})));
        let deep = "[".repeat(5_000);
        let generous = Limits { columns: 10_000, ..LIMITS };
        assert_eq!(
            read_lines(deep.as_bytes(), &generous).unwrap()[0].value,
            Err("it is wrong at character 128".to_owned())
        );
    }

    #[test]
    fn a_file_has_no_more_bytes_rows_or_values_than_asked_for() {
        assert_eq!(read_lines(&[b' '; 10_001], &LIMITS), Err(ReadError::TooLarge { limit: 10_000 }));
        assert_eq!(read_lines(b"1\n2\n3\n4", &LIMITS), Err(ReadError::TooManyRows { limit: 3 }));
        let many = format!("[{}0]", "0,".repeat(30));
        assert_eq!(read_lines(many.as_bytes(), &LIMITS), Err(ReadError::TooManyColumns { limit: 10 }));
        let text = json!([",[{\",".repeat(20), "\\", ",,,,,,,,,,,"]).to_string();
        assert!(read_lines(text.as_bytes(), &LIMITS).unwrap()[0].value.is_ok());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(read_lines(b"{}\n\"\xe9\"", &LIMITS), Err(ReadError::BadEncoding { row: 2 }));
        assert_eq!(read_lines(b"PK\x03\x04", &LIMITS), Err(ReadError::NotThisFormat));
    }
}

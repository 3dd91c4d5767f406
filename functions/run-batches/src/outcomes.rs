//! The table of what became of the rows of a batch: a row for each of them, in their order, with what is wrong with it in words.

use bytes::Bytes;
use domain::batches::{CheckedRow, RowProblem};
use domain::exports::ExportFormat;
use domain::money::Currency;
use serde_json::{Value, json};
use sheets::writing::{Cell, Column, Sheet, write_csv, write_xlsx};

use crate::batches::Stopped;
use crate::columns::{decimal, unit_word};
use crate::words::Words;

/// The columns, by their names in the files of words, and how wide they are.
const COLUMNS: [(&str, u16); 11] = [
    ("row", 8),
    ("row-key", 16),
    ("outcome", 14),
    ("problems", 48),
    ("contact", 18),
    ("contact-name", 24),
    ("amount", 16),
    ("currency", 10),
    ("sms-parts", 12),
    ("link", 24),
    ("url", 40),
];

/// The file of all outcomes, which lie in lines of JSON.
pub(crate) fn file_of(format: ExportFormat, words: &Words, slices: &[Bytes]) -> Result<Vec<u8>, Stopped> {
    let rows: Vec<CheckedRow> =
        slices.iter().flat_map(|slice| lines(slice)).map(serde_json::from_slice).collect::<Result<_, _>>()?;
    let cells = rows.iter().map(|row| cells_of(row, words));
    match format {
        ExportFormat::Jsonl => {
            let mut file = Vec::new();
            for row in &rows {
                serde_json::to_writer(&mut file, &line_of(row))?;
                file.push(b'\n');
            }
            Ok(file)
        }
        ExportFormat::Csv => Ok(write_csv(&sheet(words), cells)?),
        ExportFormat::Xlsx => Ok(write_xlsx(&sheet(words), cells)?),
    }
}

/// What of a slice that was put away is not empty.
pub(crate) fn lines(slice: &[u8]) -> impl Iterator<Item = &[u8]> {
    slice.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// What programs are told of a row.
fn line_of(row: &CheckedRow) -> Value {
    json!({
        "row": row.row,
        "row_key": Some(&row.key).filter(|key| !key.is_empty()),
        "outcome": row.outcome.as_str(),
        "problems": row.problems,
        "contact_id": row.contact,
        "amount": row.amount,
        "currency": row.currency,
        "payment_link_id": row.link,
        "url": row.url,
    })
}

fn sheet(words: &Words) -> Sheet {
    let column = |(name, width): (&str, u16)| Column { header: words.say(&format!("column-{name}")), width };
    Sheet {
        name: words.say("sheet-batch"),
        columns: COLUMNS.into_iter().map(column).collect(),
        is_right_to_left: words.language().is_right_to_left(),
    }
}

fn cells_of(row: &CheckedRow, words: &Words) -> Vec<Cell> {
    let text = |text: Option<&str>| match text {
        Some(text) if !text.is_empty() => Cell::Text(text.to_owned()),
        Some(_) | None => Cell::Empty,
    };
    let currency = row.currency.as_deref().and_then(|code| Currency::parse(code).ok());
    let amount = row.amount.zip(currency).map_or(Cell::Empty, |(amount, currency)| {
        Cell::Number(decimal(amount, currency.exponent(), currency == Currency::IRR))
    });
    let unit = currency.map_or(Cell::Empty, |currency| Cell::Text(unit_word(words, currency, false)));
    let segments = row.messages.sms_segments;
    vec![
        Cell::Number(row.row.to_string()),
        text(Some(&row.key)),
        Cell::Text(words.say(&format!("word-{}", row.outcome.as_str().replace('_', "-")))),
        text(Some(&row.problems.iter().map(told).collect::<Vec<_>>().join("\n"))),
        text(row.contact.as_deref()),
        text(row.contact_name.as_deref()),
        amount,
        unit,
        if segments > 0 { Cell::Number(segments.to_string()) } else { Cell::Empty },
        text(row.link.as_ref().map(domain::ids::LinkId::as_str)),
        text(row.url.as_deref()),
    ]
}

/// A problem in words, with its column. What is said of all rows is told by its field.
fn told(problem: &RowProblem) -> String {
    let place = problem.column.as_deref().unwrap_or_else(|| problem.pointer.trim_start_matches('/'));
    if place.is_empty() { problem.detail.clone() } else { format!("{place}: {}", problem.detail) }
}

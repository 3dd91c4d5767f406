//! The table of what became of the rows of a batch: a row for each of them, in their order, with what is wrong with it in words.

use bytes::Bytes;
use domain::batches::{BatchWish, BatchWork, CheckedRow, Outcome, RowProblem};
use domain::exports::ExportFormat;
use domain::ids::LinkId;
use domain::money::Currency;
use serde_json::{Value, json};
use sheets::writing::{Cell, Column, Sheet, write_csv, write_xlsx};

use crate::columns::{decimal, unit_word};
use crate::stopped::Stopped;
use crate::words::Words;

/// A column: its name in the files of words, how wide it is, and what it says of a row.
struct Told {
    name: &'static str,
    width: u16,
    cell: fn(&CheckedRow, &Words) -> Cell,
}

const fn told_in(name: &'static str, width: u16, cell: fn(&CheckedRow, &Words) -> Cell) -> Told {
    Told { name, width, cell }
}

/// The columns of a table. Only rows of a file have keys, and only links that are replaced have one before them.
fn columns_of(wish: &BatchWish) -> Vec<Told> {
    let outcome: fn(&CheckedRow, &Words) -> Cell = match wish.work {
        BatchWork::Remind(_) => |row, words| outcome_of(row, words, "word-reminded"),
        BatchWork::Create | BatchWork::Replace(_) => |row, words| outcome_of(row, words, "word-made"),
    };
    let own = match wish.work {
        BatchWork::Create => Some(told_in("row-key", 16, |row, _| text(Some(&row.key)))),
        BatchWork::Replace(_) => {
            Some(told_in("replaces", 24, |row, _| text(row.replaces.as_ref().map(LinkId::as_str))))
        }
        BatchWork::Remind(_) => None,
    };
    let mut columns = vec![told_in("row", 8, |row, _| Cell::Number(row.row.to_string()))];
    columns.extend(own);
    columns.extend([
        told_in("outcome", 14, outcome),
        told_in("problems", 48, |row, _| text(Some(&row.problems.iter().map(told).collect::<Vec<_>>().join("\n")))),
        told_in("contact", 18, |row, _| text(row.contact.as_deref())),
        told_in("contact-name", 24, |row, _| text(row.contact_name.as_deref())),
        told_in("amount", 16, |row, _| amount_of(row)),
        told_in("currency", 10, |row, words| {
            currency_of(row).map_or(Cell::Empty, |currency| Cell::Text(unit_word(words, currency, false)))
        }),
        told_in("sms-parts", 12, |row, _| {
            let segments = row.messages.sms_segments;
            if segments > 0 { Cell::Number(segments.to_string()) } else { Cell::Empty }
        }),
        told_in("link", 24, |row, _| text(row.link.as_ref().map(LinkId::as_str))),
        told_in("url", 40, |row, _| text(row.url.as_deref())),
    ]);
    columns
}

/// The file of all outcomes, which lie in lines of JSON.
pub(crate) fn file_of(wish: &BatchWish, words: &Words, slices: &[Bytes]) -> Result<Vec<u8>, Stopped> {
    let rows: Vec<CheckedRow> =
        slices.iter().flat_map(|slice| lines(slice)).map(serde_json::from_slice).collect::<Result<_, _>>()?;
    if wish.format == ExportFormat::Jsonl {
        let mut file = Vec::new();
        for row in &rows {
            serde_json::to_writer(&mut file, &line_of(row))?;
            file.push(b'\n');
        }
        return Ok(file);
    }
    let columns = columns_of(wish);
    let sheet = Sheet {
        name: words.say("sheet-batch"),
        columns: columns
            .iter()
            .map(|one| Column { header: words.say(&format!("column-{}", one.name)), width: one.width })
            .collect(),
        is_right_to_left: words.language().is_right_to_left(),
    };
    let cells = rows.iter().map(|row| columns.iter().map(|column| (column.cell)(row, words)).collect::<Vec<_>>());
    match wish.format {
        ExportFormat::Csv => Ok(write_csv(&sheet, cells)?),
        ExportFormat::Xlsx | ExportFormat::Jsonl => Ok(write_xlsx(&sheet, cells)?),
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
        "replaces": row.replaces,
        "url": row.url,
    })
}

fn text(text: Option<&str>) -> Cell {
    match text {
        Some(text) if !text.is_empty() => Cell::Text(text.to_owned()),
        Some(_) | None => Cell::Empty,
    }
}

/// What became of a row in words. What was made has another word where nothing was.
fn outcome_of(row: &CheckedRow, words: &Words, made: &str) -> Cell {
    let said = match row.outcome {
        Outcome::Made => words.say(made),
        outcome @ (Outcome::Ready | Outcome::Wrong | Outcome::AlreadyMade | Outcome::Failed) => {
            words.say(&format!("word-{}", outcome.as_str().replace('_', "-")))
        }
    };
    Cell::Text(said)
}

fn currency_of(row: &CheckedRow) -> Option<Currency> {
    row.currency.as_deref().and_then(|code| Currency::parse(code).ok())
}

fn amount_of(row: &CheckedRow) -> Cell {
    row.amount.zip(currency_of(row)).map_or(Cell::Empty, |(amount, currency)| {
        Cell::Number(decimal(amount, currency.exponent(), currency == Currency::IRR))
    })
}

/// A problem in words, with its column. What is said of all rows is told by its field.
fn told(problem: &RowProblem) -> String {
    let place = problem.column.as_deref().unwrap_or_else(|| problem.pointer.trim_start_matches('/'));
    if place.is_empty() { problem.detail.clone() } else { format!("{place}: {}", problem.detail) }
}

//! Tables out of files that were made by anybody.
//!
//! A file is worth as much memory as [`Limits`] say and no more: sizes, counts and references that stand in it are not
//! believed, what comes out of a compressed part is counted while it comes, and nothing is allocated for cells that are
//! not there. No error repeats what a file says.

mod builder;
mod csv;
mod encoding;
mod lines;
mod xlsx;

use jiff::civil::DateTime;

pub use lines::{Line, read_lines};

use crate::Format;

/// How much of a file is read. What goes beyond is refused and not cut.
///
/// A table takes about `rows` × `columns` × 32 bytes, if each row has a cell in its last column, and for its texts as
/// many bytes as the file, or as `inflated` for a workbook. The strings that a workbook keeps apart take as much once
/// more while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of the file as it came.
    pub bytes: usize,
    /// The bytes of all parts of a workbook that are read, unpacked. Also the bytes of all texts that its cells take
    /// from the strings it keeps apart, one of which can be named by a million cells.
    pub inflated: u64,
    /// The rows below the header that are not empty, or the lines that are not blank.
    pub rows: usize,
    /// The place of the last column in which anything stands. For JSON lines, all lines together have no more values
    /// than so many columns in so many rows.
    pub columns: usize,
    /// The characters of one cell.
    pub cell_characters: usize,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The first row in which anything stands, as texts, up to its last cell that is not empty.
    pub header: Vec<String>,
    /// The rows below the header in which anything stands, in their order.
    pub rows: Vec<Row>,
}

/// One row below the header.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The row as a spreadsheet counts it when it shows the file, from 1. In a CSV file that is the record and not the
    /// line: a record can have several lines. Empty rows count.
    pub number: u32,
    /// A value for each column of the header, and further ones up to the last that is not empty.
    pub cells: Vec<Value>,
}

/// What stands in one cell. In a CSV file everything is a text or empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Empty,
    /// A text that is not empty, without the apostrophe that it may begin with.
    Text(String),
    /// A number that is finite. Also a span of time, and a time of the day without a date, in days.
    Number(f64),
    /// A date with the time of the day, to the millisecond.
    Moment(DateTime),
    Bool(bool),
    /// What a formula failed with, such as `#N/A`; also of one that nobody has calculated.
    Error(String),
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file, or what it holds once it is unpacked.
    #[error("there are more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("there are more than {limit} rows")]
    TooManyRows { limit: usize },
    #[error("there are more than {limit} columns")]
    TooManyColumns { limit: usize },
    /// The row as in [`Row::number`], and the column from 1.
    #[error("the cell in row {row} and column {column} is too long")]
    CellTooLong { row: u32, column: u32 },
    /// Something else by its first bytes or its parts: an old workbook, one with a password, a document, no archive at
    /// all.
    #[error("this is no file of that format")]
    NotThisFormat,
    /// Neither UTF-8 nor UTF-16 with a byte order mark. The row, or the line of JSON, is the one that could not be
    /// read.
    #[error("row {row} is neither in UTF-8 nor in UTF-16")]
    BadEncoding { row: u32 },
    /// A field that begins with a quote in this record never ends, so that the rows below it are lost in it.
    #[error("a quote in row {row} is not closed")]
    OpenQuote { row: u32 },
    #[error("there is no row in which anything stands")]
    NoHeader,
    /// It begins like a file of that format, and then it is not as one has to be.
    #[error("the file is damaged")]
    Damaged,
}

/// Reads the table of a CSV file, or of the first worksheet of a workbook that is not hidden and in which anything
/// stands.
///
/// The separator of a CSV file is the comma, the semicolon or the tab, whichever stands most often in its first line
/// outside quotes, or what a first line such as `sep=;` says. The cells of a workbook that are formulas have the values
/// that they were saved with.
///
/// One apostrophe at the beginning of a text is taken away, because that is how [`crate::writing`] keeps texts from
/// being run, and so do people. Where a workbook marks the cell as a text ("quote prefix"), the text is as it is.
///
/// JSON lines are no table: [`read_lines`] reads them, and here they are [`ReadError::NotThisFormat`].
pub fn read_table(bytes: &[u8], format: Format, limits: &Limits) -> Result<Table, ReadError> {
    check_size(bytes, limits)?;
    match format {
        Format::Xlsx => xlsx::read(bytes, limits),
        Format::Csv => csv::read(bytes, limits),
        Format::Jsonl => Err(ReadError::NotThisFormat),
    }
}

fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), ReadError> {
    if bytes.len() > limits.bytes {
        return Err(ReadError::TooLarge { limit: u64::try_from(limits.bytes).unwrap_or(u64::MAX) });
    }
    Ok(())
}

/// Whether it is an archive, as workbooks are since 2007, or a compound file, as they were before and are with a
/// password.
fn is_binary(bytes: &[u8]) -> bool {
    is_archive(bytes) || bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

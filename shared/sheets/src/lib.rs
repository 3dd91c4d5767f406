//! A table of rows as a file, both ways: an Excel workbook, comma-separated values, and JSON lines.
//!
//! What is written may be opened by a spreadsheet that runs or changes what it finds, so that text is written in a way
//! that stays text ([`writing`]). What is read was made by anybody, so that nothing is allocated, looped over or
//! believed because a file says so ([`reading`]). This crate knows nothing of what the tables are about.

mod apostrophe;
pub mod reading;
pub mod writing;

#[cfg(test)]
mod round_trips;

/// The ways in which a table is a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A workbook of Excel since 2007 with one worksheet.
    Xlsx,
    /// Values between separators, one record after the other.
    Csv,
    /// One JSON value on each line.
    Jsonl,
}

impl Format {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Xlsx, Self::Csv, Self::Jsonl];

    /// The name a caller gives: `xlsx`, `csv` or `jsonl`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// What a file's name ends with, without the dot.
    pub const fn extension(self) -> &'static str {
        self.as_str()
    }

    /// What the header `Content-Type` says of such a file.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_named_as_its_files_end() {
        assert_eq!(Format::ALL.map(Format::as_str), ["xlsx", "csv", "jsonl"]);
        assert_eq!(Format::ALL.map(Format::extension), ["xlsx", "csv", "jsonl"]);
        for format in Format::ALL {
            assert!(format.content_type().contains('/'), "{format:?}");
        }
    }
}

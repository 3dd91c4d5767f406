use super::{Limits, ReadError, Row, Table, Value};

/// Makes a table of the rows of a file, as they come.
pub(super) struct Builder<'a> {
    limits: &'a Limits,
    header: Option<Vec<String>>,
    rows: Vec<Row>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, header: None, rows: Vec::new() }
    }

    /// Puts a value where it belongs among the cells of its row, from column 1. An empty one takes no room.
    pub(super) fn place(&self, cells: &mut Vec<Value>, row: u32, column: usize, value: Value) -> Result<(), ReadError> {
        if let Value::Text(text) | Value::Error(text) = &value {
            // Characters are only counted where there could be too many.
            let is_long = text.len() > self.limits.cell_characters;
            if is_long && text.chars().nth(self.limits.cell_characters).is_some() {
                return Err(ReadError::CellTooLong { row, column: u32::try_from(column).unwrap_or(u32::MAX) });
            }
        }
        if matches!(value, Value::Empty) {
            return Ok(());
        }
        if column > self.limits.columns {
            return Err(ReadError::TooManyColumns { limit: self.limits.columns });
        }
        cells.resize(column - 1, Value::Empty);
        cells.push(value);
        Ok(())
    }

    /// Takes a row in whose last cell something stands. The first is the header, and empty ones are left out.
    pub(super) fn push(&mut self, number: u32, mut cells: Vec<Value>) -> Result<(), ReadError> {
        if cells.is_empty() {
            return Ok(());
        }
        let Some(header) = &self.header else {
            self.header = Some(cells.into_iter().map(in_a_header).collect());
            return Ok(());
        };
        if self.rows.len() == self.limits.rows {
            return Err(ReadError::TooManyRows { limit: self.limits.rows });
        }
        if cells.len() < header.len() {
            cells.resize(header.len(), Value::Empty);
        }
        cells.shrink_to_fit();
        self.rows.push(Row { number, cells });
        Ok(())
    }

    /// The table, or nothing where no row had anything in it.
    pub(super) fn finish(self) -> Option<Table> {
        let rows = self.rows;
        self.header.map(|header| Table { header, rows })
    }
}

/// A header is read as it is shown, such as a year that is a number.
fn in_a_header(value: Value) -> String {
    match value {
        Value::Empty => String::new(),
        Value::Text(text) | Value::Error(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Moment(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Value::Bool(is_true) => if is_true { "TRUE" } else { "FALSE" }.to_owned(),
    }
}

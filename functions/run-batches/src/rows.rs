//! The rows of a file that somebody uploaded: what of a link stands in which column, and what a row says.
//!
//! A table is made by people for people: its columns are in any order and any language, its amounts in the currency's own unit,
//! its dates in the calendar of whoever wrote them. What can be read in two ways is refused and never guessed. What a row says is
//! put away as the body that would make its link, so that the rules of a link decide about it and no others.

use std::collections::BTreeMap;

use domain::batches::{AlikeRows, Batch, BatchFailure, BatchReport, LARGEST_FILE, MOST_ROWS, RowProblem, short_name};
use domain::business::statement::{Unit, parse_reference, parse_time};
use domain::calendar::parse_persian_date;
use domain::exports::ExportFormat;
use domain::language::Calendar;
use domain::money::Currency;
use domain::search::Beginning;
use domain::text::to_ascii_digits;
use domain::{Rejection, Timestamp};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sheets::Format;
use sheets::reading::{Limits, Line, ReadError, Row, Table, Value as Cell, read_lines, read_table};
use use_cases::hash_of;

use crate::words::Words;

/// What of a file is read. A name or a note has at most 500 characters, and no sheet has a hundred columns of them.
const LIMITS: Limits =
    Limits { bytes: LARGEST_FILE, inflated: 128 * 1024 * 1024, rows: MOST_ROWS, columns: 100, cell_characters: 4_000 };

/// No number above it is held exactly in a cell.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

/// No body of a link has as many fields.
const MOST_FIELDS: usize = 100;

/// A row's own key has at most this many characters.
const LONGEST_KEY: usize = 200;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RowField {
    RowKey,
    ContactId,
    ContactMobile,
    ContactName,
    ContactEmail,
    ItemId,
    ItemTitle,
    ItemKind,
    Amount,
    Currency,
    AccountId,
    DueAt,
    ExpiresAt,
    Description,
    InternalNote,
    ReferenceId,
    Locale,
}

impl RowField {
    const ALL: [Self; 17] = [
        Self::RowKey,
        Self::ContactId,
        Self::ContactMobile,
        Self::ContactName,
        Self::ContactEmail,
        Self::ItemId,
        Self::ItemTitle,
        Self::ItemKind,
        Self::Amount,
        Self::Currency,
        Self::AccountId,
        Self::DueAt,
        Self::ExpiresAt,
        Self::Description,
        Self::InternalNote,
        Self::ReferenceId,
        Self::Locale,
    ];

    /// The word in the files of words.
    fn name(self) -> &'static str {
        match self {
            Self::RowKey => "row-key",
            Self::ContactId => "contact-id",
            Self::ContactMobile => "contact-mobile",
            Self::ContactName => "contact-name",
            Self::ContactEmail => "contact-email",
            Self::ItemId => "item-id",
            Self::ItemTitle => "item-title",
            Self::ItemKind => "item-kind",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::AccountId => "account-id",
            Self::DueAt => "due-at",
            Self::ExpiresAt => "expires-at",
            Self::Description => "description",
            Self::InternalNote => "internal-note",
            Self::ReferenceId => "reference-id",
            Self::Locale => "locale",
        }
    }

    /// Where it stands in the body of a link.
    fn pointer(self) -> &'static str {
        match self {
            Self::RowKey => "/row_key",
            Self::ContactId => "/contact_id",
            Self::ContactMobile => "/contact_mobile",
            Self::ContactName => "/contact/name",
            Self::ContactEmail => "/contact/email",
            Self::ItemId => "/item_id",
            Self::ItemTitle => "/item/title",
            Self::ItemKind => "/item/kind",
            Self::Amount => "/amount",
            Self::Currency => "/currency",
            Self::AccountId => "/account_id",
            Self::DueAt => "/due_at",
            Self::ExpiresAt => "/expires_at",
            Self::Description => "/description",
            Self::InternalNote => "/internal_note",
            Self::ReferenceId => "/reference_id",
            Self::Locale => "/locale",
        }
    }

    /// Which of these columns a problem of this field is told at, the likeliest first.
    fn told_at(pointer: &str) -> &'static [Self] {
        match pointer {
            "/contact_id" | "/contact/id" | "/contact" => &[Self::ContactId, Self::ContactMobile, Self::ContactName],
            "/contact/mobile" | "/contact_mobile" => &[Self::ContactMobile],
            "/contact/name" => &[Self::ContactName, Self::ContactMobile, Self::ContactId],
            "/contact/email" => &[Self::ContactEmail],
            "/item_id" | "/item/id" | "/item" => &[Self::ItemId],
            "/item/title" => &[Self::ItemTitle, Self::ItemId],
            "/item/kind" => &[Self::ItemKind, Self::ItemId],
            "/amount" => &[Self::Amount],
            "/currency" => &[Self::Currency, Self::Amount],
            "/row_key" => &[Self::RowKey],
            "/account_id" => &[Self::AccountId],
            "/due_at" => &[Self::DueAt],
            "/expires_at" => &[Self::ExpiresAt],
            "/description" => &[Self::Description],
            "/internal_note" => &[Self::InternalNote],
            "/reference_id" => &[Self::ReferenceId],
            "/locale" => &[Self::Locale],
            _ => &[],
        }
    }
}

/// A column of the file: how it is called there, and its place from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    name: String,
    index: usize,
}

/// The columns that are read. JSON lines have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Columns(BTreeMap<RowField, Column>);

/// What a row says of its contact, beside what the body says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RowContact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mobile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
}

/// The same of its item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RowItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
}

/// A row as it was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct UploadedRow {
    /// As a spreadsheet counts it; of JSON lines, the line.
    pub(crate) row: u32,
    /// What the row is known by within its source.
    pub(crate) key: String,
    /// The key as it stands in the file, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) own_key: Option<String>,
    /// What else of the link's body it says.
    #[serde(default)]
    pub(crate) body: Map<String, Value>,
    #[serde(default)]
    pub(crate) contact: RowContact,
    #[serde(default)]
    pub(crate) item: RowItem,
    /// What could not be read of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<RowProblem>,
}

impl UploadedRow {
    /// All that the row says, by which it is known when it comes again.
    pub(crate) fn content(&self) -> Value {
        serde_json::json!({ "body": self.body, "contact": self.contact, "item": self.item })
    }
}

/// Rows that are worked off together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slice {
    pub(crate) columns: Columns,
    pub(crate) rows: Vec<UploadedRow>,
}

/// All rows of a file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) slices: Vec<Slice>,
    pub(crate) report: BatchReport,
}

/// Why a file is not read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) reason: BatchFailure,
    pub(crate) row: Option<u32>,
    pub(crate) problems: Vec<RowProblem>,
}

impl From<ReadError> for Unreadable {
    fn from(error: ReadError) -> Self {
        let (reason, row) = match error {
            ReadError::TooLarge { .. } => (BatchFailure::TooLarge, None),
            ReadError::TooManyRows { .. } => (BatchFailure::TooManyRows, None),
            ReadError::TooManyColumns { .. } => (BatchFailure::TooManyColumns, None),
            ReadError::CellTooLong { row, .. } => (BatchFailure::CellTooLong, Some(row)),
            ReadError::NotThisFormat => (BatchFailure::NotThisFormat, None),
            ReadError::BadEncoding { row } => (BatchFailure::BadEncoding, Some(row)),
            ReadError::OpenQuote { row } => (BatchFailure::OpenQuote, Some(row)),
            ReadError::NoHeader => (BatchFailure::NoRows, None),
            ReadError::Damaged => (BatchFailure::Damaged, None),
        };
        Self { reason, row, problems: Vec::new() }
    }
}

/// What problems are told in: the language of who asked, and the columns of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) words: &'a Words,
    pub(crate) columns: &'a Columns,
}

impl Telling<'_> {
    /// What is wrong with a row, with the cell in which it stands.
    pub(crate) fn problem(self, row: Option<u32>, pointer: &str, code: &str, detail: &str) -> RowProblem {
        let column = RowField::told_at(pointer).iter().find_map(|field| self.columns.0.get(field));
        let cell = column.zip(row).map(|(column, row)| format!("{}{row}", letters(column.index)));
        let told = self.words.say_or(&format!("problem-{}", code.replace('_', "-")), detail);
        RowProblem {
            row,
            column: column.map(|column| short_name(&column.name)),
            cell,
            pointer: short_name(pointer),
            code: code.to_owned(),
            detail: told,
        }
    }

    fn refused(self, row: u32, field: RowField, rejection: &Rejection) -> RowProblem {
        self.problem(Some(row), field.pointer(), rejection.code, &rejection.detail)
    }
}

/// How a spreadsheet calls the column at this place from 0: A, B, … Z, AA.
fn letters(index: usize) -> String {
    let (before, last) = (index / 26, index % 26);
    let letter = char::from(b'A' + u8::try_from(last).unwrap_or_default());
    if before == 0 { letter.to_string() } else { format!("{}{letter}", letters(before - 1)) }
}

/// Reads a file that somebody uploaded to a batch.
pub(crate) fn read(bytes: &[u8], batch: &Batch, zone: &TimeZone) -> Result<File, Unreadable> {
    let words = Words::of(batch.wish.locale.language());
    let (columns, ignored, mut rows) = match batch.wish.format {
        ExportFormat::Jsonl => {
            let lines = read_lines(bytes, &LIMITS)?;
            let columns = Columns::default();
            let telling = Telling { words: &words, columns: &columns };
            let rows: Vec<UploadedRow> = lines.into_iter().map(|line| read_line(line, telling)).collect();
            (columns, Vec::new(), rows)
        }
        ExportFormat::Csv => of_table(read_table(bytes, Format::Csv, &LIMITS)?, &words, zone)?,
        ExportFormat::Xlsx => of_table(read_table(bytes, Format::Xlsx, &LIMITS)?, &words, zone)?,
    };
    if rows.is_empty() {
        return Err(Unreadable { reason: BatchFailure::NoRows, row: None, problems: Vec::new() });
    }
    let alike = give_keys(&mut rows, Telling { words: &words, columns: &columns });
    let report = BatchReport::of_file(u32::try_from(rows.len()).unwrap_or(u32::MAX), alike, ignored);
    let slice = |rows: &[UploadedRow]| Slice { columns: columns.clone(), rows: rows.to_vec() };
    Ok(File { slices: rows.chunks(usize::from(batch.rows_in_a_slice())).map(slice).collect(), report })
}

/// Gives each row what it is known by. Rows that say the same as an earlier one are told apart by which of them they are.
fn give_keys(rows: &mut [UploadedRow], telling: Telling<'_>) -> Vec<AlikeRows> {
    let mut alike = Vec::new();
    let mut own: BTreeMap<String, u32> = BTreeMap::new();
    let mut references: BTreeMap<String, u32> = BTreeMap::new();
    let mut contents: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for row in rows {
        let twice = |field: RowField, first: u32| {
            let told = telling.problem(Some(row.row), field.pointer(), "given_twice", "");
            let words = telling.words;
            let what = if field == RowField::ReferenceId { words.say("reference-twice") } else { told.detail.clone() };
            RowProblem { detail: format!("{what} ({} {first})", words.say("column-row")), ..told }
        };
        let mut problems = Vec::new();
        if let Some(reference) = row.body.get("reference_id").and_then(Value::as_str) {
            match references.get(reference) {
                Some(first) => problems.push(twice(RowField::ReferenceId, *first)),
                None => drop(references.insert(reference.to_owned(), row.row)),
            }
        }
        match &row.own_key {
            Some(key) => {
                match own.get(key) {
                    Some(first) => problems.push(twice(RowField::RowKey, *first)),
                    None => drop(own.insert(key.clone(), row.row)),
                }
                row.key = format!("k:{key}");
            }
            None => {
                let hash = hash_of(&row.content());
                let (first, times) = contents.entry(hash.clone()).or_insert((row.row, 0));
                *times += 1;
                // What could not be read of a row may be what makes it another one.
                if *times > 1 && row.problems.is_empty() {
                    alike.push(AlikeRows { row: row.row, same_as: *first });
                }
                row.key = format!("h:{hash}:{times}");
            }
        }
        row.problems.extend(problems);
    }
    alike
}

type ReadRows = (Columns, Vec<String>, Vec<UploadedRow>);

fn of_table(table: Table, words: &Words, zone: &TimeZone) -> Result<ReadRows, Unreadable> {
    let Header { columns, unit, ignored, problems } = Header::read(&table.header, words);
    if !problems.is_empty() {
        return Err(Unreadable { reason: BatchFailure::InvalidColumns, row: None, problems });
    }
    let reader = RowReader { telling: Telling { words, columns: &columns }, unit, zone };
    let rows = table.rows.iter().map(|row| reader.read(row)).collect();
    Ok((columns, ignored, rows))
}

/// What the names of the columns say.
struct Header {
    columns: Columns,
    /// What all amounts are in.
    unit: Option<(Unit, Currency)>,
    ignored: Vec<String>,
    problems: Vec<RowProblem>,
}

impl Header {
    fn read(names: &[String], words: &Words) -> Self {
        let known = known_names();
        let (mut columns, mut unit, mut ignored) = (Columns::default(), None, Vec::new());
        let mut twice: Vec<(RowField, String)> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let name = name.trim();
            let Some((field, of_column)) = column_of(name, &known) else {
                ignored.extend((!name.is_empty()).then(|| name.to_owned()));
                continue;
            };
            if columns.0.contains_key(&field) {
                twice.push((field, name.to_owned()));
                continue;
            }
            unit = unit.or(of_column);
            columns.0.insert(field, Column { name: name.to_owned(), index });
        }
        let telling = Telling { words, columns: &columns };
        let mut problems: Vec<RowProblem> = Vec::new();
        if columns.0.is_empty() {
            // What stands there is most likely a row itself, of which nothing is kept.
            let told = telling.problem(None, "", "required", "");
            problems.push(RowProblem { detail: words.say("columns-unknown"), ..told });
        }
        for (field, name) in twice {
            let detail = words.say("columns-alike");
            let told = telling.problem(None, field.pointer(), "given_twice", "");
            problems.push(RowProblem { column: Some(short_name(&name)), detail, ..told });
        }
        let has_unit = unit.is_some() || columns.0.contains_key(&RowField::Currency);
        if columns.0.contains_key(&RowField::Amount) && !has_unit {
            let detail = "The name of the column says no unit.";
            problems.push(telling.problem(None, RowField::Amount.pointer(), "unit_missing", detail));
        }
        Self { columns, unit, ignored, problems }
    }
}

/// What columns may be called, in all languages, as it is compared.
fn known_names() -> BTreeMap<String, RowField> {
    let mut known = BTreeMap::new();
    for words in Words::in_all_languages() {
        for field in RowField::ALL {
            let names = words.say(&format!("batch-column-{}", field.name()));
            let own = [field.name()];
            for name in names.split('|').chain(own) {
                known.extend(compared(name).map(|name| (name, field)));
            }
        }
    }
    known
}

/// A name without what only habit made different.
fn compared(name: &str) -> Option<String> {
    let spelled = name.replace('€', " EUR ").replace('£', " GBP ").replace('₹', " INR ");
    Beginning::of(&spelled).map(|folded| folded.as_str().to_owned())
}

/// What stands in a column by its name, and of amounts in which unit.
fn column_of(name: &str, known: &BTreeMap<String, RowField>) -> Option<(RowField, Option<(Unit, Currency)>)> {
    let name = compared(name)?;
    if let Some(field) = known.get(&name) {
        return Some((*field, None));
    }
    let amounts = known.iter().filter(|(_, field)| **field == RowField::Amount);
    let unit = amounts.filter_map(|(amount, _)| unit_of_folded(name.strip_prefix(amount.as_str())?)).next()?;
    Some((RowField::Amount, Some(unit)))
}

/// The unit that a word means, with the currency whose minor units it comes to.
fn unit_of(word: &str) -> Option<(Unit, Currency)> {
    unit_of_folded(&compared(word)?)
}

fn unit_of_folded(word: &str) -> Option<(Unit, Currency)> {
    let is_one_of = |words: &[&str]| words.iter().any(|one| compared(one).as_deref() == Some(word));
    if is_one_of(&["toman", "tomans", "IRT", "تومان", "تومن"]) {
        return Some((Unit::TOMAN, Currency::IRR));
    }
    if is_one_of(&["rial", "rials", "IRR", "ریال"]) {
        return Some((Unit::major(Currency::IRR), Currency::IRR));
    }
    if let Ok(currency) = Currency::parse(&word.to_ascii_uppercase()) {
        return Some((Unit::major(currency), currency));
    }
    let joining = ["in", "به"].into_iter().filter_map(|one| word.strip_prefix(&compared(one)?));
    joining.filter_map(unit_of_folded).next()
}

/// Reads the rows of a table.
struct RowReader<'a> {
    telling: Telling<'a>,
    unit: Option<(Unit, Currency)>,
    zone: &'a TimeZone,
}

impl RowReader<'_> {
    fn read(&self, row: &Row) -> UploadedRow {
        let mut read = UploadedRow { row: row.number, ..UploadedRow::default() };
        for (field, column) in &self.telling.columns.0 {
            let cell = row.cells.get(column.index).unwrap_or(&Cell::Empty);
            if let Err(rejection) = self.read_cell(*field, cell, row, &mut read) {
                read.problems.push(self.telling.refused(row.number, *field, &rejection));
            }
        }
        // What says nothing of its own would be lost without a word; and what could not be read is not missing as well.
        let (contact, item) = (&read.contact, &read.item);
        let is_nobody = contact.id.is_none() && contact.mobile.is_none();
        let missing = [
            (is_nobody && (contact.name.is_some() || contact.email.is_some()), RowField::ContactMobile),
            (item.id.is_none() && (item.title.is_some() || item.kind.is_some()), RowField::ItemId),
        ];
        if read.problems.is_empty() {
            for (_, field) in missing.into_iter().filter(|(is_missing, _)| *is_missing) {
                let rejection = Rejection::new("required", "Say which one it is.");
                read.problems.push(self.telling.refused(row.number, field, &rejection));
            }
        }
        read
    }

    fn read_cell(&self, field: RowField, cell: &Cell, row: &Row, read: &mut UploadedRow) -> Result<(), Rejection> {
        let mut say = |name: &str, text: Option<String>| {
            read.body.extend(text.map(|text| (name.to_owned(), Value::from(text))));
        };
        match field {
            RowField::RowKey => read.own_key = own_key(name_in(cell)?)?,
            RowField::ContactId => read.contact.id = name_in(cell)?,
            RowField::ContactMobile => read.contact.mobile = name_in(cell)?,
            RowField::ContactName => read.contact.name = text_in(cell)?,
            RowField::ContactEmail => read.contact.email = text_in(cell)?,
            RowField::ItemId => read.item.id = name_in(cell)?,
            RowField::ItemTitle => read.item.title = text_in(cell)?,
            RowField::ItemKind => read.item.kind = text_in(cell)?,
            RowField::Amount => {
                if let Some((amount, currency)) = self.amount(cell, row)? {
                    read.body.insert("amount".to_owned(), amount.into());
                    read.body.insert("currency".to_owned(), currency.code().into());
                }
            }
            // It is read with the amount.
            RowField::Currency => {}
            RowField::AccountId => say("account_id", name_in(cell)?),
            RowField::DueAt => say("due_at", self.date(cell)?),
            RowField::ExpiresAt => say("expires_at", self.date(cell)?),
            RowField::Description => say("description", text_in(cell)?),
            RowField::InternalNote => say("internal_note", text_in(cell)?),
            RowField::ReferenceId => say("reference_id", name_in(cell)?),
            RowField::Locale => say("locale", text_in(cell)?),
        }
        Ok(())
    }

    /// The amount in minor units. What the row says of the unit counts more than the name of the column.
    fn amount(&self, cell: &Cell, row: &Row) -> Result<Option<(i64, Currency)>, Rejection> {
        let text = match cell {
            // What was calculated can be wrong behind the sixth decimal, where no currency has any.
            Cell::Number(number) if number.is_finite() => {
                let digits = format!("{number:.6}");
                Some(digits.trim_end_matches('0').trim_end_matches('.').to_owned())
            }
            other => text_in(other)?,
        };
        let Some(text) = text else { return Ok(None) };
        let of_row = self.telling.columns.0.get(&RowField::Currency).and_then(|column| row.cells.get(column.index));
        let word = of_row.map(text_in).transpose()?.flatten();
        let unit = match word {
            Some(word) => Some(unit_of(&word).ok_or_else(|| {
                Rejection::new("unknown_currency", "Give rial, toman or an ISO 4217 code such as EUR.")
            })?),
            None => self.unit,
        };
        // An account in rial is in rial whatever the amounts are written in, and a column of currencies may mean no more.
        if let (Some((unit, currency)), Some((of_column, same))) = (unit, self.unit)
            && currency == same
            && unit != of_column
        {
            let detail = "The name of the column says another unit than this row.";
            return Err(Rejection::new("unit_ambiguous", detail));
        }
        let missing = || Rejection::new("unit_missing", "Neither the row nor the name of the column says the unit.");
        let (unit, currency) = unit.ok_or_else(missing)?;
        Ok(Some((unit.amount(&text)?, currency)))
    }

    /// A date as the body of a link has it: one without a time of day means its whole day.
    fn date(&self, cell: &Cell) -> Result<Option<String>, Rejection> {
        if let Cell::Moment(moment) = cell {
            return self.moment(*moment).map(Some);
        }
        let Some(text) = text_in(cell)? else { return Ok(None) };
        let text = to_ascii_digits(&text);
        if text.contains(':') {
            return parse_time(&text, self.zone, Calendar::Persian).map(|at| Some(at.to_string()));
        }
        parse_persian_date(&with_hyphens(&text)).map(|date| Some(date.to_string()))
    }

    fn moment(&self, moment: DateTime) -> Result<String, Rejection> {
        if moment.time() == Time::midnight() {
            return Ok(moment.date().to_string());
        }
        let at: Result<Timestamp, _> = self.zone.to_timestamp(moment);
        let refused = |_| Rejection::new("invalid_date", "There is no such moment in the business's time zone.");
        at.map(|at| at.to_string()).map_err(refused)
    }
}

/// `1405/9/5` as `1405-09-05`. What has no year at its beginning stays as it is, and is refused by whoever reads it.
fn with_hyphens(date: &str) -> String {
    let parts: Vec<&str> = date.split(['/', '-', '.']).map(str::trim).collect();
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => date.to_owned(),
    }
}

fn own_key(key: Option<String>) -> Result<Option<String>, Rejection> {
    match key {
        Some(key) if key.chars().count() > LONGEST_KEY => {
            Err(Rejection::new("too_long", format!("A key has at most {LONGEST_KEY} characters.")))
        }
        key => Ok(key),
    }
}

/// What stands in a cell, in words.
fn text_in(cell: &Cell) -> Result<Option<String>, Rejection> {
    Ok(match cell {
        Cell::Empty => None,
        Cell::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Cell::Number(number) if number.fract() == 0.0 => {
            if number.abs() > LARGEST_WHOLE {
                return Err(rounded());
            }
            Some(format!("{number:.0}"))
        }
        Cell::Number(number) => Some(number.to_string()),
        Cell::Moment(moment) => Some(moment.to_string()),
        Cell::Bool(value) => Some(value.to_string()),
        Cell::Error(_) => return Err(Rejection::new("formula_error", "The cell has the error of a formula.")),
    })
}

/// The same of what names something: with the digits of one script, and never a number that a spreadsheet has rounded.
fn name_in(cell: &Cell) -> Result<Option<String>, Rejection> {
    let Some(text) = text_in(cell)? else { return Ok(None) };
    match parse_reference(&text) {
        Err(rejection) if rejection.code == "rounded_reference" => Err(rounded()),
        _ => Ok(Some(to_ascii_digits(&text))),
    }
}

fn rounded() -> Rejection {
    let detail = "A spreadsheet has rounded this number. Make the column a text there, and enter it again.";
    Rejection::new("rounded_reference", detail)
}

/// Reads a line of JSON: the body of a link, with what only rows have beside it.
fn read_line(line: Line, telling: Telling<'_>) -> UploadedRow {
    let mut read = UploadedRow { row: line.number, ..UploadedRow::default() };
    let mut body = match line.value {
        Ok(Value::Object(body)) if body.len() <= MOST_FIELDS => body,
        Ok(_) => {
            read.problems.push(telling.problem(Some(line.number), "", "invalid_row", "The line is no JSON object."));
            return read;
        }
        Err(reason) => {
            let told = telling.problem(Some(line.number), "", "invalid_row", "");
            read.problems.push(RowProblem { detail: format!("{} ({reason})", told.detail), ..told });
            return read;
        }
    };
    let mut take = |field: RowField| match body.remove(field.pointer().trim_start_matches('/')) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            let rejection = Rejection::new("wrong_type", "Expected a text.");
            read.problems.push(telling.refused(line.number, field, &rejection));
            None
        }
    };
    let (key, mobile) = (take(RowField::RowKey), take(RowField::ContactMobile));
    match own_key(key) {
        Ok(key) => read.own_key = key,
        Err(rejection) => read.problems.push(telling.refused(line.number, RowField::RowKey, &rejection)),
    }
    read.contact.mobile = mobile;
    if read.contact.mobile.is_some() && body.get("contact_id").or(body.get("contact")).is_some_and(|one| !one.is_null())
    {
        let rejection = Rejection::new("both_given", "Give contact_mobile, contact_id or contact.");
        read.problems.push(telling.refused(line.number, RowField::ContactMobile, &rejection));
    }
    read.body = body;
    read
}

#[cfg(test)]
mod tests;

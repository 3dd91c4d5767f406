//! Reading a list of payments in CSV, as a bank or the panel of a gateway writes it.
//!
//! Problems point at the line of the list, counted from one with that of the names of columns as programs for tables count,
//! and at the column as it is called there: `/12/amount_rial`.

use std::collections::BTreeMap;

use domain::business::reconciliation::{Entry, Theirs};
use domain::business::statement::{Column, parse_reference, parse_time};
use domain::language::Calendar;
use domain::link::ReceiptKindName;
use domain::money::Currency;
use domain::{Problems, Rejection, parse_word, pointer_to};
use jiff::tz::TimeZone;
use web::reconciliation::MOST_ENTRIES;

/// At most this many problems are told: a list with one wrong column has as many as lines.
const MOST_PROBLEMS: usize = 50;

/// No list of a panel or a bank has more columns.
const MOST_COLUMNS: usize = 200;

/// What a line can be about.
const KINDS: [ReceiptKindName; 2] = [ReceiptKindName::Payment, ReceiptKindName::Refund];

/// What stands between the cells of a line, the usual one first.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// By what the cells of a list are read.
pub(crate) struct Manner {
    pub(crate) currency: Currency,
    pub(crate) zone: TimeZone,
    pub(crate) calendar: Calendar,
}

/// A column that is read: what it holds, how it is called in the list, and the place of its cells.
struct Place {
    column: Column,
    name: String,
    index: usize,
}

/// The columns of a list.
struct Columns {
    places: Vec<Place>,
    /// How many there are, with those that are passed over.
    width: usize,
}

/// A line of the list.
struct Line<'a> {
    number: u64,
    cells: Vec<&'a str>,
}

/// The lines of a text, counted as a program for tables counts them: those that are empty too, whichever way they end.
struct Lines<'a> {
    text: &'a str,
    /// How many bytes were counted, and the line that follows them.
    counted: usize,
    number: u64,
}

impl Lines<'_> {
    /// The line of the first cell at this byte or behind it. Bytes come in their order.
    fn number_at(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let rest = self.text.as_bytes().get(self.counted..).unwrap_or_default();
        let before = byte.saturating_sub(self.counted).min(rest.len());
        let ends = rest.iter().skip(before).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = rest.iter().take(before + ends);
        self.number += passed.fold(0, |lines, byte| lines + u64::from(*byte == b'\n'));
        self.counted += before + ends;
        self.number
    }
}

/// Reads a list, or says everything that is wrong with it, as far as that can be told in one go.
pub(crate) fn read(text: &str, manner: &Manner) -> Result<Vec<Theirs>, Problems> {
    let separator = separator_of(text);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let (mut columns, mut entries, mut problems): (Option<Columns>, Vec<Theirs>, Problems) = Default::default();
    let mut lines = Lines { text, counted: 0, number: 1 };
    for record in reader.records() {
        let record = record.map_err(|error| {
            let number = error.position().map_or(1, |position| lines.number_at(position.byte()));
            Problems::of(format!("/{number}"), malformed("This line cannot be read."))
        })?;
        let number = record.position().map_or(1, |position| lines.number_at(position.byte()));
        let line = Line { number, cells: record.iter().map(str::trim).collect() };
        if line.cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        let Some(columns) = &columns else {
            columns = Some(Columns::read(&line, manner.currency)?);
            continue;
        };
        if entries.len() >= MOST_ENTRIES {
            let detail = format!("A list has at most {MOST_ENTRIES} lines; send the days in several lists.");
            return Err(Problems::of("", Rejection::new("too_many", detail)));
        }
        entries.extend(problems.merge(columns.entry(&line, manner)));
        if problems.as_slice().len() >= MOST_PROBLEMS {
            return Err(problems);
        }
    }
    if columns.is_none() {
        let detail = "The list is empty. Its first line names the columns: reference, time and the amount by its unit.";
        return Err(Problems::of("", malformed(detail)));
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

fn malformed(detail: impl Into<String>) -> Rejection {
    Rejection::new("malformed_csv", detail)
}

/// What stands between the cells of the first line that has any: of what can, what is there most often.
fn separator_of(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator: char| first.chars().filter(|c| *c == separator).count();
    let most = SEPARATORS.map(count).into_iter().max().unwrap_or_default();
    let separator = SEPARATORS.into_iter().find(|separator| count(*separator) == most).unwrap_or(',');
    u8::try_from(separator).unwrap_or(b',')
}

impl Columns {
    fn read(line: &Line<'_>, currency: Currency) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if line.cells.len() > MOST_COLUMNS {
            let detail = format!("The first line names {} columns; at most {MOST_COLUMNS} are read.", line.cells.len());
            return Err(Problems::of(format!("/{}", line.number), malformed(detail)));
        }
        let mut places: BTreeMap<&'static str, Place> = BTreeMap::new();
        // What is called wrongly is not missing as well.
        let mut refused: Vec<&str> = Vec::new();
        for (index, name) in line.cells.iter().enumerate() {
            let at = || pointer_to(&format!("/{}", line.number), name);
            match Column::parse(name, currency) {
                None => {}
                Some(Ok(column)) => {
                    let place = Place { column, name: (*name).to_owned(), index };
                    if let Some(before) = places.insert(column.name(), place) {
                        let detail = format!("{} says the same; leave one of the columns out.", before.name);
                        problems.refuse(at(), "given_twice", detail);
                    }
                }
                Some(Err(rejection)) => {
                    refused.push(if name.to_lowercase().contains("fee") { "fee" } else { "amount" });
                    problems.add(at(), rejection);
                }
            }
        }
        for name in ["reference", "time", "amount"] {
            if !places.contains_key(name) && !refused.contains(&name) {
                let detail = match Column::parse("amount", currency) {
                    Some(Err(rejection)) if name == "amount" => {
                        format!("The list has no amounts. {}", rejection.detail)
                    }
                    Some(_) | None => format!("The list has no column {name}."),
                };
                problems.refuse(format!("/{}/{name}", line.number), "required", detail);
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { places: places.into_values().collect(), width: line.cells.len() })
    }

    /// The movement that a line is about.
    fn entry(&self, line: &Line<'_>, manner: &Manner) -> Result<Theirs, Problems> {
        let mut problems = Problems::default();
        let number = line.number;
        if line.cells.len() != self.width {
            let (has, width) = (line.cells.len(), self.width);
            let detail = format!("The line has {has} columns, and the first one {width}.");
            return Err(Problems::of(format!("/{number}"), malformed(detail)));
        }
        let (mut reference, mut payment, mut at, mut amount, mut fee, mut kind) = (None, None, None, None, None, None);
        for Place { column, name, index } in &self.places {
            let cell = line.cells.get(*index).copied().unwrap_or_default();
            let is_given = !cell.is_empty();
            let mut refuse = |rejection: Rejection| problems.add(pointer_to(&format!("/{number}"), name), rejection);
            match column {
                Column::Reference => reference = parse_reference(cell).map_err(&mut refuse).ok(),
                Column::PaymentReference if is_given => payment = parse_reference(cell).map_err(&mut refuse).ok(),
                Column::Time => at = parse_time(cell, &manner.zone, manner.calendar).map_err(&mut refuse).ok(),
                Column::Amount(unit) => match unit.amount(cell) {
                    Ok(0) => refuse(Rejection::new("out_of_range", "Nothing moved; leave the line out.")),
                    Ok(read) => amount = Some((read, name)),
                    Err(rejection) => refuse(rejection),
                },
                Column::Fee(unit) if is_given => fee = unit.amount(cell).map_err(&mut refuse).ok(),
                Column::Kind if is_given => {
                    let word = cell.to_lowercase();
                    kind =
                        parse_word(&word, &KINDS, ReceiptKindName::as_str, "unknown_choice").map_err(&mut refuse).ok();
                }
                Column::PaymentReference | Column::Fee(_) | Column::Kind => {}
            }
        }
        if let (Some(ReceiptKindName::Payment), Some((..0, name))) = (kind, amount) {
            let detail = "A payment is more than nothing; what went back is a refund.";
            problems.refuse(pointer_to(&format!("/{number}"), name), "out_of_range", detail);
        }
        match (reference, at, amount) {
            (Some(reference), Some(at), Some((signed, _))) if problems.is_empty() => {
                let by_sign = if signed < 0 { ReceiptKindName::Refund } else { ReceiptKindName::Payment };
                let entry = Entry { kind: kind.unwrap_or(by_sign), reference, amount: signed.abs(), fee, at };
                Ok(Theirs { entry, payment, line: Some(number) })
            }
            _ => Err(problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manner(currency: &str) -> Manner {
        let zone = domain::calendar::parse_time_zone("Asia/Tehran").unwrap();
        Manner { currency: Currency::parse(currency).unwrap(), zone, calendar: Calendar::Persian }
    }

    fn read_rial(text: &str) -> Result<Vec<Theirs>, Vec<(String, &'static str)>> {
        let told = |problems: Problems| problems.into_vec().into_iter().map(|one| (one.pointer, one.code)).collect();
        read(text, &manner("IRR")).map_err(told)
    }

    fn refused(text: &str) -> Vec<(String, &'static str)> {
        read_rial(text).unwrap_err()
    }

    fn at(pointer: &str, code: &'static str) -> (String, &'static str) {
        (pointer.to_owned(), code)
    }

    #[test]
    fn a_list_is_read_with_whatever_stands_between_its_cells_and_its_columns_in_any_order() {
        let lines =
            "reference,time,amount_rial,fee_rial\n201,2026-12-01 10:35:00Z,50000,\n202,1405/09/10 14:05,-1000,25\n";
        let read = read_rial(lines).unwrap();
        let kinds: Vec<(&str, ReceiptKindName, i64, Option<i64>)> = read
            .iter()
            .map(|one| (one.entry.reference.as_str(), one.entry.kind, one.entry.amount, one.entry.fee))
            .collect();
        assert_eq!(
            kinds,
            [("201", ReceiptKindName::Payment, 50_000, None), ("202", ReceiptKindName::Refund, 1_000, Some(25))]
        );
        assert_eq!(read.iter().map(|one| one.line).collect::<Vec<_>>(), [Some(2), Some(3)]);
        assert_eq!(read[0].entry.at, read[1].entry.at, "in two calendars and zones");
        let with_returns = read_rial(&lines.replace('\n', "\r\n")).unwrap();
        assert_eq!(with_returns, read, "the lines of Windows are the same lines");
        for separator in [";", "\t"] {
            assert_eq!(read_rial(&lines.replace(',', separator)).as_ref(), Ok(&read), "{separator:?}");
        }
        let turned = "Card;\u{feff}Time;Amount Toman;Kind;Reference\r\n\r\n6037;۱۴۰۵/۰۹/۱۰ ۱۴:۰۵;\"5,000\";payment;۲۰۱\r\n\
                      ;1405-09-10 14:05:00;100;refund;202\r\n";
        let turned = read_rial(turned).unwrap();
        assert_eq!((turned[0].entry.amount, turned[1].entry.amount), (50_000, 1_000));
        assert_eq!((turned[0].entry.clone(), turned[1].entry.kind), (read[0].entry.clone(), ReceiptKindName::Refund));
        assert_eq!(turned[0].line, Some(3), "empty lines count, as in a program for tables");
    }

    #[test]
    fn every_cell_that_is_wrong_is_told_with_its_line_and_its_column() {
        let lines = "reference,time,amount_toman,kind,fee_toman\n,yesterday,12.55,sale,x\n1,2026-12-01,0,,\n2,2026-12-01,-5,payment,\n\
                     1.59664E+13,2026-12-01,5,,\n3,2026-12-01\n";
        let found = refused(lines);
        assert_eq!(
            found,
            [
                at("/2/amount_toman", "invalid_amount"),
                at("/2/fee_toman", "invalid_amount"),
                at("/2/kind", "unknown_choice"),
                at("/2/reference", "required"),
                at("/2/time", "invalid_instant"),
                at("/3/amount_toman", "out_of_range"),
                at("/4/amount_toman", "out_of_range"),
                at("/5/reference", "rounded_reference"),
                at("/6", "malformed_csv"),
            ]
        );
    }

    #[test]
    fn columns_that_are_missing_twice_there_or_without_a_unit_are_told_together() {
        assert_eq!(refused("reference,amount\n"), [at("/1/amount", "unit_missing"), at("/1/time", "required")]);
        assert_eq!(
            refused("time,Fee EUR\n"),
            [at("/1/Fee EUR", "currency_mismatch"), at("/1/reference", "required"), at("/1/amount", "required")]
        );
        let twice = refused("reference,time,amount_rial,amount_toman\n");
        assert_eq!(twice, [at("/1/amount_toman", "given_twice")]);
        for nothing in ["", "\n \n"] {
            assert_eq!(refused(nothing), [at("", "malformed_csv")]);
        }
        assert_eq!(read_rial("reference,time,amount_rial"), Ok(Vec::new()), "a day without payments");
    }

    #[test]
    fn a_list_that_is_too_long_or_wrong_throughout_is_told_so_once() {
        let line = "1,2026-12-01,5\n";
        let long = format!("reference,time,amount_rial\n{}", line.repeat(MOST_ENTRIES));
        assert_eq!(read_rial(&long).unwrap().len(), MOST_ENTRIES);
        assert_eq!(refused(&format!("{long}{line}")), [at("", "too_many")]);
        let wrong = format!("reference,time,amount_rial\n{}", "1,2026-12-01,five\n".repeat(1_000));
        assert_eq!(refused(&wrong).len(), MOST_PROBLEMS);
        let wide = format!("{}\n", vec!["fee"; MOST_COLUMNS + 1].join(","));
        assert_eq!(refused(&wide).len(), 1);
    }
}

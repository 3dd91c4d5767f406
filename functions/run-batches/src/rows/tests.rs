use domain::batches::{Batch, BatchWish, BatchWork, USUALLY_PER_MINUTE};
use domain::ids::{BatchId, BusinessId};
use domain::link::CreatedBy;
use domain::locale::Locale;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn batch(format: ExportFormat) -> Batch {
    let business = BusinessId::parse("shop").unwrap();
    let wish = BatchWish {
        work: BatchWork::Create,
        source: None,
        defaults: Map::new(),
        format,
        locale: Locale::parse("en").unwrap(),
        per_minute: USUALLY_PER_MINUTE,
        integration: "crm".to_owned(),
        base: "https://pay.example".to_owned(),
        requested_by: CreatedBy::parse("crm").unwrap(),
    };
    Batch::begun(BatchId::of(&business, "k"), business, wish, None, Timestamp::UNIX_EPOCH)
}

fn tehran() -> TimeZone {
    domain::calendar::parse_time_zone("Asia/Tehran").unwrap()
}

fn read_csv(text: &str) -> Result<File, Unreadable> {
    read(text.as_bytes(), &batch(ExportFormat::Csv), &tehran())
}

fn rows_of(text: &str) -> Vec<UploadedRow> {
    read_csv(text).unwrap().slices.into_iter().flat_map(|slice| slice.rows).collect()
}

/// The codes of what is wrong with the only row, each with its cell.
fn wrong(text: &str) -> Vec<(String, String)> {
    let rows = rows_of(text);
    let told = |problem: &RowProblem| (problem.cell.clone().unwrap_or_default(), problem.code.clone());
    rows.iter().flat_map(|row| row.problems.iter().map(told)).collect()
}

fn amount(header: &str, cell: &str) -> Option<(i64, String)> {
    let rows = rows_of(&format!("contact id,{header}\nc-1,\"{cell}\"\n"));
    Some((rows[0].body.get("amount")?.as_i64()?, rows[0].body.get("currency")?.as_str()?.to_owned()))
}

#[test]
fn a_column_of_amounts_says_its_unit_as_people_write_it() {
    let rial = |amount: i64| Some((amount, "IRR".to_owned()));
    for (header, cell, expected) in [
        ("amount (toman)", "1,250", rial(12_500)),
        ("Amount in Toman", "1250", rial(12_500)),
        ("AMOUNT_RIAL", "1250", rial(1_250)),
        ("مبلغ (تومان)", "۱٬۲۵۰", rial(12_500)),
        ("مبلغ به ریال", "١٢٥٠", rial(1_250)),
        ("مبلغ ﷼", "1250", rial(1_250)),
        ("مبلغ قابل پرداخت - تومان", "1250", rial(12_500)),
        ("amount (€)", "12.5", Some((1_250, "EUR".to_owned()))),
        ("Invoice amount [USD]", "12.50", Some((1_250, "USD".to_owned()))),
        ("المبلغ (EUR)", "12", Some((1_200, "EUR".to_owned()))),
    ] {
        assert_eq!(amount(header, cell), expected, "{header}");
    }
    assert_eq!(amount("amount paid", "5"), None, "it is a column of something else");
    let none = read_csv("contact id,amount\nc-1,5\n").unwrap_err();
    assert_eq!((none.reason, none.problems[0].code.as_str()), (BatchFailure::InvalidColumns, "unit_missing"));
    assert_eq!(none.problems[0].column.as_deref(), Some("amount"));
}

#[test]
fn a_column_beside_the_amounts_can_say_their_unit_row_by_row() {
    let rows = rows_of("amount,currency\n5,toman\n6,ریال\n7.5,EUR\n");
    let amounts: Vec<Value> = rows.iter().map(|row| json!([row.body["amount"], row.body["currency"]])).collect();
    assert_eq!(amounts, [json!([50, "IRR"]), json!([6, "IRR"]), json!([750, "EUR"])]);
    assert_eq!(wrong("amount (toman),currency\n8,IRR\n"), [("A2".to_owned(), "unit_ambiguous".to_owned())]);
    assert_eq!(
        wrong("amount,currency\n8,\n9,bitcoin\n"),
        [("A2", "unit_missing"), ("A3", "unknown_currency")].map(|(cell, code)| (cell.to_owned(), code.to_owned()))
    );
}

#[test]
fn dates_of_both_calendars_are_read_and_what_could_be_two_is_refused() {
    let due = |cell: &str| rows_of(&format!("contact id,due date\nc-1,{cell}\n"))[0].body.get("due_at").cloned();
    for (cell, expected) in [
        ("2026-12-01", "2026-12-01"),
        ("2026/12/1", "2026-12-01"),
        ("1405/09/10", "2026-12-01"),
        ("۱۴۰۵/۹/۱۰", "2026-12-01"),
        ("1405.9.10", "2026-12-01"),
        ("1405/09/10 14:05", "2026-12-01T10:35:00Z"),
        ("2026-12-01T14:05:00+03:30", "2026-12-01T10:35:00Z"),
    ] {
        assert_eq!(due(cell), Some(json!(expected)), "{cell}");
    }
    for cell in ["01/12/2026", "12/1/26", "1405/13/01", "tomorrow", "45992"] {
        assert_eq!(due(cell), None, "{cell}");
    }
}

#[test]
fn what_a_spreadsheet_has_rounded_names_nobody() {
    let found = wrong("contact id,reference id,mobile\n1.59664E+13,5,9.12E+09\n");
    assert_eq!(found.iter().map(|(cell, _)| cell.as_str()).collect::<Vec<_>>(), ["A2", "C2"]);
    assert!(found.iter().all(|(_, code)| code == "rounded_reference"), "{found:?}");
    assert_eq!(rows_of("contact id\n۰۰۱۲\n")[0].contact.id.as_deref(), Some("0012"), "no zero is lost");
}

#[test]
fn columns_are_known_by_any_of_their_names_in_any_language() {
    let known = known_names();
    for words in Words::in_all_languages() {
        let mut seen = BTreeMap::new();
        for field in RowField::ALL {
            let names = words.say(&format!("batch-column-{}", field.name()));
            for name in names.split('|') {
                let name = compared(name).unwrap();
                assert_eq!(known.get(&name), Some(&field), "{name} is of two columns");
                if let Some(other) = seen.insert(name.clone(), field) {
                    assert_eq!(other, field, "{name}");
                }
            }
        }
    }
    // What tables that are carried away call the same is read as the same.
    for (exported, field) in [
        ("contact", RowField::ContactId),
        ("contact-name", RowField::ContactName),
        ("item", RowField::ItemId),
        ("item-title", RowField::ItemTitle),
        ("amount", RowField::Amount),
        ("currency", RowField::Currency),
        ("account", RowField::AccountId),
        ("due-at", RowField::DueAt),
        ("expires-at", RowField::ExpiresAt),
        ("description", RowField::Description),
        ("internal-note", RowField::InternalNote),
        ("reference-id", RowField::ReferenceId),
    ] {
        for words in Words::in_all_languages() {
            let name = words.say(&format!("column-{exported}"));
            assert_eq!(column_of(&name, &known).map(|(field, _)| field), Some(field), "{name}");
        }
    }
}

#[test]
fn no_column_of_a_table_that_was_carried_away_is_taken_for_another() {
    let known = known_names();
    let read = ["account", "amount", "contact", "contact-name", "currency", "description", "due-at", "expires-at"];
    let also_read = ["internal-note", "item", "item-title", "reference-id", "row-key"];
    for words in Words::in_all_languages() {
        for other in [
            "account-name",
            "amount-due",
            "amount-paid",
            "amount-refunded",
            "cancelled-at",
            "created-at",
            "created-by",
            "expired-at",
            "link",
            "mode",
            "needs-review",
            "opened-at",
            "opened-by",
            "paid-at",
            "replaced-by",
            "status",
            "url",
            "row",
            "outcome",
            "problems",
        ] {
            assert!(!read.contains(&other) && !also_read.contains(&other));
            let name = words.say(&format!("column-{other}"));
            assert_eq!(column_of(&name, &known), None, "{name} ({other})");
        }
    }
}

#[test]
fn rows_without_a_key_are_known_by_what_they_say_and_told_apart_by_their_place() {
    let first = read_csv("contact id,amount (EUR)\nc-1,5\nc-2,6\nc-1,5\n").unwrap();
    let keys = |file: &File| -> Vec<String> {
        file.slices.iter().flat_map(|slice| slice.rows.iter().map(|row| row.key.clone())).collect()
    };
    assert_eq!(first.report.alike, [AlikeRows { row: 4, same_as: 2 }]);
    let turned = read_csv("amount (EUR),contact id,remark\n6,c-2,x\n5,c-1,y\n5,c-1,z\n").unwrap();
    let sorted = |file: &File| keys(file).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&first), sorted(&turned), "neither order nor other columns make another row of it");
    assert_eq!(sorted(&first).len(), 3);
    assert_eq!(turned.report.ignored_columns, ["remark"]);
    let own = read_csv("row key,amount (EUR)\n7,5\n007,5\n").unwrap();
    assert_eq!(keys(&own), ["k:7", "k:007"]);
}

#[test]
fn a_line_of_json_says_what_a_body_says_and_two_things_more() {
    let lines = b"{\"row_key\":5,\"contact_mobile\":\"0912\",\"amount\":5}\n\n{\"contact_mobile\":\"1\",\"contact_id\":\"c\"}\n7\n{\"row_key\":[]}\n";
    let file = read(lines, &batch(ExportFormat::Jsonl), &tehran()).unwrap();
    let rows = &file.slices[0].rows;
    assert_eq!(
        (rows[0].row, rows[0].own_key.as_deref(), &rows[0].body),
        (1, Some("5"), json!({ "amount": 5 }).as_object().unwrap())
    );
    let codes: Vec<(u32, &str)> =
        rows.iter().flat_map(|row| row.problems.iter().map(|problem| (row.row, problem.code.as_str()))).collect();
    assert_eq!(codes, [(3, "both_given"), (4, "invalid_row"), (5, "wrong_type")]);
}

#[test]
fn cells_are_called_as_a_spreadsheet_calls_them() {
    assert_eq!([0, 25, 26, 51, 52, 701, 702].map(letters), ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
}

#[test]
fn a_cell_of_a_workbook_is_read_by_what_it_is() {
    assert_eq!(text_in(&Cell::Number(12.0)).unwrap().as_deref(), Some("12"));
    assert_eq!(text_in(&Cell::Number(1e17)).unwrap_err().code, "rounded_reference");
    assert_eq!(text_in(&Cell::Error("#N/A".to_owned())).unwrap_err().code, "formula_error");
    assert_eq!(text_in(&Cell::Text("  ".to_owned())).unwrap(), None);
    let words = Words::of(domain::language::Language::EN);
    let header = Header::read(&["amount (EUR)".to_owned(), "due date".to_owned()], &words);
    let zone = tehran();
    let telling = Telling { words: &words, columns: &header.columns };
    let reader = RowReader { telling, unit: header.unit, zone: &zone };
    let cells = |amount: f64, due: &str| Row {
        number: 2,
        cells: vec![Cell::Number(amount), Cell::Moment(due.parse().unwrap())],
    };
    let body = reader.read(&cells(0.1 + 0.2, "2026-12-01T00:00:00")).body;
    assert_eq!((&body["amount"], &body["due_at"]), (&json!(30), &json!("2026-12-01")), "what was calculated is meant");
    let body = reader.read(&cells(5.0, "2026-12-01T14:05:00")).body;
    assert_eq!(body["due_at"], "2026-12-01T10:35:00Z");
    let wrong = reader.read(&cells(0.001, "2026-12-01T00:00:00")).problems;
    assert_eq!((wrong[0].cell.as_deref(), wrong[0].code.as_str()), (Some("A2"), "invalid_amount"));
}

proptest! {
    #[test]
    fn whatever_stands_in_a_file_is_read_or_told_and_nothing_panics(text in "(?s).{0,400}") {
        for format in [ExportFormat::Csv, ExportFormat::Jsonl] {
            if let Ok(file) = read(text.as_bytes(), &batch(format), &tehran()) {
                let rows: usize = file.slices.iter().map(|slice| slice.rows.len()).sum();
                prop_assert_eq!(u32::try_from(rows).unwrap(), file.report.rows);
            }
        }
    }

    #[test]
    fn an_amount_is_read_back_as_it_is_shown(amount in 1_i64..1_000_000_000) {
        let written = format!("{}.{:02}", amount / 100, amount % 100);
        let rows = rows_of(&format!("amount (EUR)\n{written}\n"));
        prop_assert_eq!(rows[0].body.get("amount"), Some(&json!(amount)));
        let rows = rows_of(&format!("مبلغ (ریال)\n{amount}\n"));
        prop_assert_eq!(rows[0].body.get("amount"), Some(&json!(amount)));
    }
}

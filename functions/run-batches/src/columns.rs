//! The columns of a table: what of an entry stands in which, and how it is written for people.
//!
//! A row is made from the very entry that a list shows, so that a table never says anything else than the API does.

use domain::business::settings::Settings;
use domain::calendar::written_date;
use domain::exports::{Export, ExportedList};
use domain::language::Calendar;
use domain::money::Currency;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use sheets::writing::{Cell, Column, Sheet};

use crate::words::Words;

/// What a column has of an entry.
#[derive(Clone, Copy, Debug)]
struct Spec {
    /// What it is called in the files of words.
    name: &'static str,
    /// Where its value stands, as a JSON pointer. A part `*` stands for each entry of a list.
    pointer: &'static str,
    kind: Kind,
}

/// How the value of a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As it is, whatever a spreadsheet would take it for.
    Text,
    /// A word of the API, in the language of the table.
    Word,
    /// Minor units of the entry's currency, in the currency's own unit.
    Money,
    /// The same with a minus where money went back, or where the record of a payment is void.
    NetMoney,
    /// The unit that the amounts of the entry are in.
    Unit,
    Moment,
    Flag,
    Count,
}

const fn column(name: &'static str, pointer: &'static str, kind: Kind) -> Spec {
    Spec { name, pointer, kind }
}

const LINKS: [Spec; 32] = [
    column("link", "/id", Kind::Text),
    column("reference-id", "/reference_id", Kind::Text),
    column("status", "/status", Kind::Word),
    column("created-at", "/created_at", Kind::Moment),
    column("contact", "/contact/id", Kind::Text),
    column("contact-name", "/contact/name", Kind::Text),
    column("item", "/item/id", Kind::Text),
    column("item-title", "/item/title", Kind::Text),
    column("description", "/description", Kind::Text),
    column("amount", "/amount", Kind::Money),
    column("amount-paid", "/amount_paid", Kind::Money),
    column("amount-due", "/amount_due", Kind::Money),
    column("amount-refunded", "/amount_refunded", Kind::Money),
    column("currency", "/currency", Kind::Unit),
    column("due-at", "/due_at", Kind::Moment),
    column("expires-at", "/expires_at", Kind::Moment),
    column("opened-at", "/opened_at", Kind::Moment),
    column("opened-by", "/opened_by/to", Kind::Text),
    column("paid-at", "/paid_at", Kind::Moment),
    column("expired-at", "/expired_at", Kind::Moment),
    column("cancelled-at", "/cancelled_at", Kind::Moment),
    column("begun-by", "/payments/*/begun_by/to", Kind::Text),
    column("payment-method", "/payments/*/payment_method", Kind::Word),
    column("gateway-reference", "/payments/*/gateway_reference", Kind::Text),
    column("account", "/account/id", Kind::Text),
    column("account-name", "/account/name", Kind::Text),
    column("needs-review", "/needs_review", Kind::Flag),
    column("replaced-by", "/replaced_by", Kind::Text),
    column("created-by", "/created_by", Kind::Text),
    column("internal-note", "/internal_note", Kind::Text),
    column("mode", "/mode", Kind::Word),
    column("url", "/url", Kind::Text),
];

const RECEIPTS: [Spec; 34] = [
    column("receipt", "/id", Kind::Text),
    column("kind", "/kind", Kind::Word),
    column("booked-at", "/booked_at", Kind::Moment),
    column("gateway-paid-at", "/gateway_paid_at", Kind::Moment),
    column("registered-at", "/registered_at", Kind::Moment),
    column("contact", "/contact_id", Kind::Text),
    column("contact-name", "/link/contact/name", Kind::Text),
    column("item", "/item_id", Kind::Text),
    column("item-title", "/link/item/title", Kind::Text),
    column("description", "/link/description", Kind::Text),
    column("receipt-type", "/receipt_type_id", Kind::Text),
    column("receipt-type-name", "/names/receipt_type", Kind::Text),
    column("net-amount", "/amount", Kind::NetMoney),
    column("amount", "/amount", Kind::Money),
    column("amount-refunded", "/amount_refunded", Kind::Money),
    column("fee", "/fee", Kind::Money),
    column("fee-payer", "/fee_payer", Kind::Word),
    column("currency", "/currency", Kind::Unit),
    column("payment-method", "/payment_method", Kind::Word),
    column("gateway", "/gateway", Kind::Text),
    column("terminal", "/terminal", Kind::Text),
    column("gateway-reference", "/gateway_reference", Kind::Text),
    column("masked-card", "/masked_card", Kind::Text),
    column("account", "/account_id", Kind::Text),
    column("account-name", "/names/account", Kind::Text),
    column("link", "/payment_link_id", Kind::Text),
    column("reference-id", "/link/reference_id", Kind::Text),
    column("refund", "/refund_id", Kind::Text),
    column("refund-method", "/refund_method", Kind::Word),
    column("corrects", "/corrects_receipt_id", Kind::Text),
    column("voids", "/voids_receipt_id", Kind::Text),
    column("voided-at", "/voided_at", Kind::Moment),
    column("created-by", "/link/created_by", Kind::Text),
    column("mode", "/mode", Kind::Word),
];

const REFUNDS: [Spec; 25] = [
    column("refund", "/id", Kind::Text),
    column("status", "/status", Kind::Word),
    column("cause", "/cause", Kind::Word),
    column("refund-method", "/method", Kind::Word),
    column("created-at", "/created_at", Kind::Moment),
    column("refunded-at", "/refunded_at", Kind::Moment),
    column("succeeded-at", "/succeeded_at", Kind::Moment),
    column("failed-at", "/failed_at", Kind::Moment),
    column("contact", "/contact_id", Kind::Text),
    column("contact-name", "/link/contact/name", Kind::Text),
    column("amount", "/amount", Kind::Money),
    column("currency", "/currency", Kind::Unit),
    column("reason", "/reason", Kind::Text),
    column("refund-reference", "/reference", Kind::Text),
    column("failure-reason", "/failure_reason", Kind::Text),
    column("review-reason", "/review_reason", Kind::Text),
    column("account", "/account_id", Kind::Text),
    column("account-name", "/names/account", Kind::Text),
    column("link", "/payment_link_id", Kind::Text),
    column("reference-id", "/link/reference_id", Kind::Text),
    column("receipt", "/receipt_id", Kind::Text),
    column("refund-receipt", "/refund_receipt_id", Kind::Text),
    column("requested-by", "/requested_by", Kind::Text),
    column("resolved-by", "/resolved_by", Kind::Text),
    column("mode", "/mode", Kind::Word),
];

const EVENTS: [Spec; 13] = [
    column("event", "/id", Kind::Text),
    column("event-type", "/type", Kind::Text),
    column("happened-at", "/created_at", Kind::Moment),
    column("recorded-at", "/recorded_at", Kind::Moment),
    column("link", "/payment_link_id", Kind::Text),
    column("reference-id", "/link/reference_id", Kind::Text),
    column("contact", "/link/contact/id", Kind::Text),
    column("contact-name", "/link/contact/name", Kind::Text),
    column("sequence", "/sequence", Kind::Count),
    column("attempt", "/attempt_id", Kind::Text),
    column("refund", "/refund_id", Kind::Text),
    column("message", "/message_id", Kind::Text),
    column("mode", "/mode", Kind::Word),
];

/// The kinds of receipts that money is taken off by.
const TAKES_OFF: [&str; 2] = ["refund", "payment_void"];

fn specs(of: &ExportedList) -> &'static [Spec] {
    match of {
        ExportedList::PaymentLinks(_) => &LINKS,
        ExportedList::Receipts(_) => &RECEIPTS,
        ExportedList::Refunds(_) => &REFUNDS,
        ExportedList::Events(_) => &EVENTS,
    }
}

/// How a table is written.
#[derive(Debug)]
pub(crate) struct Table {
    specs: &'static [Spec],
    words: Words,
    zone: TimeZone,
    calendar: Calendar,
    in_toman: bool,
    name: String,
}

impl Table {
    pub(crate) fn new(export: &Export, settings: &Settings) -> Self {
        let words = Words::of(export.locale.language());
        Self {
            specs: specs(&export.of),
            name: words.say(&format!("sheet-{}", export.of.name())),
            words,
            zone: settings.zone(),
            calendar: export.calendar,
            in_toman: export.in_toman,
        }
    }

    /// The sheet without its rows.
    pub(crate) fn sheet(&self) -> Sheet {
        let column = |spec: &Spec| Column {
            header: self.words.say(&format!("column-{}", spec.name)),
            width: match spec.kind {
                Kind::Moment => 20,
                Kind::Text => 24,
                Kind::Money | Kind::NetMoney => 16,
                Kind::Word | Kind::Unit | Kind::Flag | Kind::Count => 12,
            },
        };
        Sheet {
            name: self.name.clone(),
            columns: self.specs.iter().map(column).collect(),
            is_right_to_left: self.words.language().is_right_to_left(),
        }
    }

    /// The cells of an entry.
    pub(crate) fn row(&self, entry: &Value) -> Vec<Cell> {
        self.specs.iter().map(|spec| self.cell(spec, entry)).collect()
    }

    fn cell(&self, spec: &Spec, entry: &Value) -> Cell {
        let found = at(entry, spec.pointer);
        let texts = || found.iter().filter_map(|value| value.as_str());
        match spec.kind {
            Kind::Text => joined(texts().map(str::to_owned)),
            Kind::Word => {
                joined(texts().map(|word| self.words.say_or(&format!("word-{}", word.replace('_', "-")), word)))
            }
            Kind::Flag => match found.first().and_then(|value| value.as_bool()) {
                Some(flag) => Cell::Text(self.words.say(if flag { "yes" } else { "no" })),
                None => Cell::Empty,
            },
            Kind::Count => match found.first().and_then(|value| value.as_i64()) {
                Some(count) => Cell::Number(count.to_string()),
                None => Cell::Empty,
            },
            Kind::Unit => match currency_of(entry) {
                Some(currency) => Cell::Text(unit_word(&self.words, currency, self.in_toman)),
                None => Cell::Empty,
            },
            Kind::Money => self.money(entry, &found, 1),
            Kind::NetMoney => {
                let takes_off = entry["kind"].as_str().is_some_and(|kind| TAKES_OFF.contains(&kind));
                self.money(entry, &found, if takes_off { -1 } else { 1 })
            }
            Kind::Moment => match found.first().and_then(|value| value.as_str()?.parse::<Timestamp>().ok()) {
                Some(at) => self.moment(self.zone.to_datetime(at)),
                None => Cell::Empty,
            },
        }
    }

    fn money(&self, entry: &Value, found: &[&Value], sign: i64) -> Cell {
        let units = found.first().and_then(|value| value.as_i64());
        let Some((units, currency)) = units.zip(currency_of(entry)) else { return Cell::Empty };
        let decimals = if currency == Currency::IRR { u16::from(self.in_toman) } else { currency.exponent() };
        Cell::Number(decimal(units * sign, decimals, currency == Currency::IRR))
    }

    /// A moment of the Gregorian calendar is a date that spreadsheets count with; they know no other calendar.
    fn moment(&self, at: DateTime) -> Cell {
        match self.calendar {
            Calendar::Gregorian => Cell::Moment(at),
            Calendar::Persian => {
                let date = written_date(self.calendar, at.date()).replace('-', "/");
                Cell::Plain(format!("{date} {:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()))
            }
        }
    }
}

/// What stands at a pointer, each value of a list where it goes through one. What is null is not there.
fn at<'a>(entry: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let mut found = vec![entry];
    for part in pointer.split('/').skip(1) {
        found = found
            .into_iter()
            .flat_map(|value| match (part, value) {
                ("*", Value::Array(entries)) => entries.iter().collect::<Vec<_>>(),
                _ => value.get(part).into_iter().collect(),
            })
            .collect();
    }
    found.retain(|value| !value.is_null());
    found
}

/// Several texts of one cell, each once.
fn joined(texts: impl Iterator<Item = String>) -> Cell {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !text.is_empty() && !all.contains(&text) {
            all.push(text);
        }
    }
    if all.is_empty() { Cell::Empty } else { Cell::Text(all.join(", ")) }
}

fn currency_of(entry: &Value) -> Option<Currency> {
    Currency::parse(entry["currency"].as_str()?).ok()
}

/// What amounts of a currency are in.
pub(crate) fn unit_word(words: &Words, currency: Currency, in_toman: bool) -> String {
    match currency == Currency::IRR {
        true => words.say(if in_toman { "unit-toman" } else { "unit-rial" }),
        false => currency.code().to_owned(),
    }
}

/// Minor units with so many decimals. Where a whole number needs none, as Rial in Toman, it has none.
pub(crate) fn decimal(units: i64, decimals: u16, may_be_whole: bool) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let scale = 10_u64.saturating_pow(u32::from(decimals));
    let (whole, rest) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    if decimals == 0 || (may_be_whole && rest == 0) {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = usize::from(decimals))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::exports::{EventFilter, ExportFormat, ExportProgress, ExportState, MOST_ROWS};
    use domain::ids::{BusinessId, ExportId};
    use domain::language::Language;
    use domain::link::CreatedBy;
    use domain::locale::Locale;
    use serde_json::json;

    use super::*;

    fn lists() -> [ExportedList; 4] {
        [
            ExportedList::PaymentLinks(Box::default()),
            ExportedList::Receipts(Box::default()),
            ExportedList::Refunds(Box::default()),
            ExportedList::Events(EventFilter::default()),
        ]
    }

    fn table(of: ExportedList, locale: &str, calendar: Calendar, in_toman: bool) -> Table {
        let business = BusinessId::parse("shop").unwrap();
        let created_at = Timestamp::UNIX_EPOCH;
        let export = Export {
            id: ExportId::of(&business, "k"),
            business,
            of,
            list: String::new(),
            is_newest_first: false,
            format: ExportFormat::Xlsx,
            calendar,
            locale: Locale::parse(locale).unwrap(),
            in_toman,
            requested_by: CreatedBy::parse("crm").unwrap(),
            created_at,
            request: None,
            state: ExportState::Pending { run_at: created_at, progress: ExportProgress::default() },
        };
        Table::new(&export, &Settings::default())
    }

    fn cell(table: &Table, name: &str, entry: &Value) -> Cell {
        let spec = table.specs.iter().find(|spec| spec.name == name).unwrap();
        table.cell(spec, entry)
    }

    #[test]
    fn every_column_is_named_in_every_language_and_no_two_of_a_table_alike() {
        for language in Language::ALL {
            for of in lists() {
                let (code, name) = (language.code(), of.name());
                let sheet = table(of, code, Calendar::Gregorian, false).sheet();
                assert!(!sheet.name.starts_with("sheet-"), "{code} {name}");
                assert_eq!(sheet.is_right_to_left, language.is_right_to_left());
                let names: BTreeSet<&str> = sheet.columns.iter().map(|column| column.header.as_str()).collect();
                assert!(names.iter().all(|name| !name.starts_with("column-")), "{code}: {names:?}");
                assert_eq!(names.len(), sheet.columns.len(), "{code} {name}");
            }
        }
    }

    #[test]
    fn money_is_a_number_in_the_currencys_own_unit() {
        let receipts = || ExportedList::Receipts(Box::default());
        let rial = json!({ "amount": 1_505_005, "currency": "IRR", "kind": "payment" });
        let euro = json!({ "amount": 1_250, "currency": "EUR", "kind": "refund" });
        let number = |digits: &str| Cell::Number(digits.to_owned());
        for (in_toman, entry, name, expected) in [
            (false, &rial, "amount", number("1505005")),
            (true, &rial, "amount", number("150500.5")),
            (true, &json!({ "amount": 20, "currency": "IRR" }), "amount", number("2")),
            (true, &rial, "currency", Cell::Text("Toman".to_owned())),
            (false, &euro, "amount", number("12.50")),
            (false, &euro, "net-amount", number("-12.50")),
            (false, &rial, "net-amount", number("1505005")),
            (false, &euro, "fee", Cell::Empty),
            (false, &json!({ "amount": 5, "currency": "JPY" }), "amount", number("5")),
        ] {
            assert_eq!(cell(&table(receipts(), "en", Calendar::Gregorian, in_toman), name, entry), expected, "{entry}");
        }
    }

    #[test]
    fn the_last_moment_of_a_month_stays_in_it_whatever_the_calendar() {
        // 23:59:10 in Tehran on the last day of Azar 1405.
        let entry = json!({ "booked_at": "2026-12-21T20:29:10.000Z" });
        let receipts = |calendar| {
            let mut table = table(ExportedList::Receipts(Box::default()), "fa", calendar, false);
            table.zone = TimeZone::get("Asia/Tehran").unwrap();
            cell(&table, "booked-at", &entry)
        };
        assert_eq!(receipts(Calendar::Persian), Cell::Plain("1405/09/30 23:59:10".to_owned()));
        assert_eq!(receipts(Calendar::Gregorian), Cell::Moment("2026-12-21T23:59:10".parse().unwrap()));
    }

    #[test]
    fn what_an_entry_has_several_of_stands_in_one_cell() {
        let links = table(ExportedList::PaymentLinks(Box::default()), "en", Calendar::Gregorian, false);
        let payment = |reference: Value| json!({ "gateway_reference": reference, "payment_method": "gateway" });
        let entry = json!({ "payments": [payment(json!("00012")), payment(json!("7")), payment(Value::Null)] });
        assert_eq!(cell(&links, "gateway-reference", &entry), Cell::Text("00012, 7".to_owned()));
        assert_eq!(cell(&links, "payment-method", &entry), Cell::Text("Gateway".to_owned()));
        assert_eq!(cell(&links, "gateway-reference", &json!({ "payments": [] })), Cell::Empty);
    }

    #[test]
    fn as_many_full_rows_as_a_file_may_have_fit_into_its_slices() {
        const PERSIAN_NAME: &str = "شرکت بازرگانی محمدی";
        for of in lists() {
            let table = table(of, "fa", Calendar::Persian, false);
            let mut entry = json!({});
            for spec in table.specs {
                let value = match spec.kind {
                    Kind::Text if spec.name.ends_with("name") || spec.name.ends_with("title") => json!(PERSIAN_NAME),
                    Kind::Text => json!("pl_1234567890123456789012"),
                    Kind::Word => json!("payment_link"),
                    Kind::Unit => json!("IRR"),
                    Kind::Flag => json!(true),
                    Kind::Count | Kind::Money | Kind::NetMoney => json!(150_000_000),
                    Kind::Moment => json!("2026-12-21T20:29:10.000Z"),
                };
                let (mut place, parts) = (&mut entry, spec.pointer.split('/').skip(1));
                for part in parts {
                    if part != "*" {
                        place = &mut place[part];
                    }
                }
                *place = value;
            }
            entry["payments"] = json!([entry["payments"]]);
            let row = serde_json::to_string(&table.row(&entry)).unwrap();
            let bytes = MOST_ROWS * u64::try_from(row.len()).unwrap();
            assert!(bytes < ExportFormat::Xlsx.most_bytes(), "{}: {row}", table.name);
        }
    }

    #[test]
    fn a_word_that_no_language_knows_yet_is_shown_as_it_is() {
        let links = table(ExportedList::PaymentLinks(Box::default()), "fa", Calendar::Gregorian, false);
        assert_eq!(cell(&links, "status", &json!({ "status": "paid" })), Cell::Text("پرداخت شده".to_owned()));
        assert_eq!(cell(&links, "status", &json!({ "status": "dreamt_of" })), Cell::Text("dreamt_of".to_owned()));
    }
}

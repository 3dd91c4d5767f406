//! A list of payments that somebody else wrote, a bank or a panel: what its columns mean and how its cells are read.
//!
//! Such lists write amounts in many ways, and a reading that is wrong by a factor of ten is worse than none. So a column of
//! amounts has to name its unit, and what can be read in two ways is refused.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::reconciliation::compared;
use crate::calendar::{parse_date, parse_instant, parse_persian_date};
use crate::language::Calendar;
use crate::money::{Currency, LARGEST_AMOUNT};
use crate::problem::Rejection;
use crate::text::to_ascii_digits;

/// A reference is no longer than this, in characters.
const LONGEST_REFERENCE: usize = 200;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    Reference,
    /// Of a refund, the reference of its payment.
    PaymentReference,
    /// Whether money arrived or went back. Without this column the sign of the amount says it.
    Kind,
    Time,
    Amount(Unit),
    Fee(Unit),
}

/// In what amounts are written: with at most so many decimals, of which the last one is the minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    decimals: u16,
}

impl Unit {
    /// A tenth of it is a rial.
    pub const TOMAN: Self = Self { decimals: 1 };

    /// The currency's own, such as euro or rial.
    pub fn major(currency: Currency) -> Self {
        Self { decimals: currency.exponent() }
    }

    /// What an amount is written in by the end of its column's name, for an account in this currency.
    /// `None` of what is no unit.
    fn parse(name: &str, currency: Currency) -> Option<Result<Self, Rejection>> {
        let code = currency.code().to_ascii_lowercase();
        let is_rial = currency == Currency::IRR;
        let is_another =
            || matches!(name, "rial" | "toman" | "irt") || Currency::parse(&name.to_ascii_uppercase()).is_ok();
        Some(match name {
            "minor" => Ok(Self { decimals: 0 }),
            "rial" if is_rial => Ok(Self { decimals: 0 }),
            "toman" if is_rial => Ok(Self::TOMAN),
            name if name == code => Ok(Self::major(currency)),
            "" => {
                let detail = format!("Name the unit of the amounts: {}.", Self::names(currency));
                Err(Rejection::new("unit_missing", detail))
            }
            _ if is_another() => {
                let names = Self::names(currency);
                let detail = format!("The account is in {}. Name the column by its unit: {names}.", currency.code());
                Err(Rejection::new("currency_mismatch", detail))
            }
            _ => return None,
        })
    }

    fn names(currency: Currency) -> String {
        let code = currency.code().to_ascii_lowercase();
        match currency == Currency::IRR {
            true => "amount_rial or amount_toman, and likewise fee_rial or fee_toman".to_owned(),
            false => {
                format!("amount_{code} with decimals or amount_minor without, and likewise fee_{code} or fee_minor")
            }
        }
    }

    /// Reads an amount, in minor units: a whole number or one with a decimal point, with a sign before it or none, and with
    /// commas or blanks between groups of three digits or none.
    pub fn amount(self, text: &str) -> Result<i64, Rejection> {
        let refused = |detail: &str| Rejection::new("invalid_amount", detail);
        let ascii = compared(text).replace('\u{66b}', ".").replace(['\u{66c}', '\u{a0}', '\u{202f}', ' '], ",");
        let (is_negative, number) = match ascii.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest),
            None => (false, ascii.strip_prefix('+').unwrap_or(&ascii)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let has_point = number.contains('.');
        if has_point && (fraction.is_empty() || !are_digits(fraction)) {
            return Err(refused("Give a number such as 1250 or 1250.50."));
        }
        if fraction.len() > usize::from(self.decimals) {
            let detail = match self.decimals {
                0 => "Amounts of this column have no decimals.".to_owned(),
                decimals => format!("Amounts of this column have at most {decimals} decimals, behind a point."),
            };
            return Err(refused(&detail));
        }
        let mut groups = whole.split(',');
        let first = groups.next().unwrap_or_default();
        let is_grouped = whole.contains(',');
        let are_groups = groups.clone().all(|group| group.len() == 3 && are_digits(group));
        if first.is_empty() || !are_digits(first) || !are_groups || (is_grouped && first.len() > 3) {
            return Err(refused("Give a number such as 1250, 1,250 or 1250.50; decimals stand behind a point."));
        }
        // What is a group in other currencies may be three decimals in these.
        if is_grouped && self.decimals == 3 && !has_point {
            return Err(refused("Give the number without commas: with three decimals it could mean two amounts."));
        }
        let digits: String = whole.chars().filter(|c| *c != ',').collect();
        let minor = format!("{digits}{fraction:0<decimals$}", decimals = usize::from(self.decimals));
        let amount = minor.parse::<i64>().ok().filter(|amount| *amount <= LARGEST_AMOUNT);
        let too_large = || Rejection::new("amount_too_large", format!("An amount is at most {LARGEST_AMOUNT}."));
        amount.map(|amount| if is_negative { -amount } else { amount }).ok_or_else(too_large)
    }
}

impl Column {
    /// What a column holds by its name. `None` of one that says nothing here: lists have many.
    pub fn parse(name: &str, currency: Currency) -> Option<Result<Self, Rejection>> {
        let name = compared(name).to_lowercase().replace([' ', '-'], "_");
        let unit_of = |column: &str| {
            let unit = name.strip_prefix(column)?;
            Unit::parse(if unit.is_empty() { unit } else { unit.strip_prefix('_')? }, currency)
        };
        if let Some(unit) = unit_of("amount") {
            return Some(unit.map(Self::Amount));
        }
        if let Some(unit) = unit_of("fee") {
            return Some(unit.map(Self::Fee));
        }
        match name.as_str() {
            "reference" => Some(Ok(Self::Reference)),
            "payment_reference" => Some(Ok(Self::PaymentReference)),
            "kind" => Some(Ok(Self::Kind)),
            "time" => Some(Ok(Self::Time)),
            _ => None,
        }
    }

    /// What it is called where it is missing.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::PaymentReference => "payment_reference",
            Self::Kind => "kind",
            Self::Time => "time",
            Self::Amount(_) => "amount",
            Self::Fee(_) => "fee",
        }
    }
}

/// Reads a gateway's reference. One that a spreadsheet made a rounded number of names no payment any more.
pub fn parse_reference(text: &str) -> Result<String, Rejection> {
    let reference = compared(text);
    if reference.is_empty() {
        return Err(Rejection::new("required", "Give the gateway's reference of the payment or of the refund."));
    }
    if reference.chars().count() > LONGEST_REFERENCE {
        return Err(Rejection::new("too_long", format!("A reference has at most {LONGEST_REFERENCE} characters.")));
    }
    let upper = reference.to_ascii_uppercase();
    let is_rounded = upper.split_once("E+").is_some_and(|(number, power)| {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        is_number(number) && is_number(power)
    });
    if is_rounded {
        let detail = "A spreadsheet has rounded this reference. Make the column a text there, and export it again.";
        return Err(Rejection::new("rounded_reference", detail));
    }
    Ok(reference)
}

/// Reads when money moved: an instant with an offset, or a date with a time of day or without in this zone, in the Persian
/// calendar too where that is the one. A date without a time stands for the beginning of its day.
pub fn parse_time(text: &str, zone: &TimeZone, calendar: Calendar) -> Result<Timestamp, Rejection> {
    let text = to_ascii_digits(&compared(text));
    let refused = || {
        let detail = "Give a date with a time of day such as 2026-12-01 14:05:00, or an instant with an offset such as \
                      2026-12-01T14:05:00+03:30.";
        Rejection::new("invalid_instant", detail)
    };
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time.trim())),
        None => (text.as_str(), None),
    };
    if time.is_some_and(|time| time.contains(['Z', 'z', '+', '-'])) {
        return parse_instant(&text.replacen(' ', "T", 1)).map_err(|rejection| match rejection.code {
            "invalid_instant" => refused(),
            _ => rejection,
        });
    }
    let date = date.replace('/', "-");
    let date = match calendar {
        Calendar::Persian => parse_persian_date(&date),
        Calendar::Gregorian => parse_date(&date),
    };
    let date = date.map_err(|rejection| match rejection.code {
        "invalid_date" => refused(),
        _ => rejection,
    })?;
    let time = match time {
        None => jiff::civil::Time::midnight(),
        Some(time) => time.parse().map_err(|_| refused())?,
    };
    zone.to_timestamp(date.to_datetime(time)).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn unit(name: &str, code: &str) -> Unit {
        let column = Column::parse(name, currency(code)).unwrap().unwrap();
        let Column::Amount(unit) = column else { panic!("{column:?}") };
        unit
    }

    fn code<T: std::fmt::Debug>(read: Result<T, Rejection>) -> &'static str {
        read.unwrap_err().code
    }

    #[test]
    fn a_column_of_amounts_names_its_unit() {
        assert_eq!(unit("amount_rial", "IRR").amount("1250"), Ok(1_250));
        assert_eq!(unit("Amount Toman", "IRR").amount("125.5"), Ok(1_255));
        assert_eq!(unit("amount_toman", "IRR").amount("۱۲۵"), Ok(1_250));
        assert_eq!(unit("amount_irr", "IRR").amount("1250"), Ok(1_250));
        assert_eq!(unit("amount_eur", "EUR").amount("12.5"), Ok(1_250));
        assert_eq!(unit("amount_minor", "EUR").amount("1250"), Ok(1_250));
        let refused = |name: &str, currency_of: &str| code(Column::parse(name, currency(currency_of)).unwrap());
        assert_eq!(refused("amount", "IRR"), "unit_missing");
        assert_eq!(refused("fee", "EUR"), "unit_missing");
        assert_eq!(refused("amount_toman", "EUR"), "currency_mismatch");
        assert_eq!(refused("amount_eur", "IRR"), "currency_mismatch");
        let detail = Column::parse("amount", Currency::IRR).unwrap().unwrap_err().detail;
        assert!(detail.contains("amount_rial or amount_toman"), "{detail}");
        for other in ["card", "feedback", "fee_type", "amount_due", "amounts"] {
            assert_eq!(Column::parse(other, Currency::IRR), None, "{other} is a column of other things");
        }
        assert_eq!(Column::parse("\u{feff}Reference ", Currency::IRR), Some(Ok(Column::Reference)));
    }

    #[test]
    fn an_amount_is_read_as_people_write_it_and_never_in_two_ways() {
        let euro = unit("amount_eur", "EUR");
        for (text, amount) in [
            ("12", 1_200),
            ("+12.5", 1_250),
            ("-12.50", -1_250),
            ("\u{2212}1,250.00", -125_000),
            ("1 250 000", 125_000_000),
            ("۱٬۲۵۰٫۵", 125_050),
            (" 0.01 ", 1),
        ] {
            assert_eq!(euro.amount(text), Ok(amount), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "12,50",
            "1,25,000",
            "1.250",
            "1.250,00",
            "1,250,00",
            "12.505",
            "1e3",
            "(5)",
            "€5",
            "1,,250",
            "12345,678",
        ] {
            assert_eq!(code(euro.amount(text)), "invalid_amount", "{text}");
        }
        assert_eq!(code(unit("amount_rial", "IRR").amount("12.5")), "invalid_amount");
        let dinar = unit("amount_kwd", "KWD");
        assert_eq!(dinar.amount("1.250"), Ok(1_250));
        assert_eq!(code(dinar.amount("1,250")), "invalid_amount");
        assert_eq!(code(euro.amount("99999999999999999999")), "amount_too_large");
    }

    #[test]
    fn a_reference_that_a_spreadsheet_rounded_is_refused() {
        assert_eq!(parse_reference(" ۰۰۱۲ "), Ok("0012".to_owned()));
        assert_eq!(parse_reference("pi_3E+x"), Ok("pi_3E+x".to_owned()));
        assert_eq!(code(parse_reference("1.59664E+13")), "rounded_reference");
        assert_eq!(code(parse_reference("\u{200f} ")), "required");
        assert_eq!(code(parse_reference(&"1".repeat(201))), "too_long");
    }

    #[test]
    fn a_time_is_of_the_business_unless_it_has_an_offset() {
        let zone = crate::calendar::parse_time_zone("Asia/Tehran").unwrap();
        let persian = |text: &str| parse_time(text, &zone, Calendar::Persian).map(|at| at.to_string());
        for text in [
            "2026-12-01T14:05:00+03:30",
            "2026-12-01 10:35:00Z",
            "2026-12-01 14:05",
            "2026-12-01T14:05:00",
            "2026/12/01 14:05:00",
            "1405-09-10 14:05",
            "۱۴۰۵/۰۹/۱۰ ۱۴:۰۵:۰۰",
        ] {
            assert_eq!(persian(text).as_deref(), Ok("2026-12-01T10:35:00Z"), "{text}");
        }
        assert_eq!(persian("1405/09/10").as_deref(), Ok("2026-11-30T20:30:00Z"), "its day begins then");
        let gregorian = |text: &str| parse_time(text, &zone, Calendar::Gregorian);
        assert_eq!(code(gregorian("1405-09-10 14:05")), "persian_calendar_date");
        for text in ["", "14:05", "2026-12-01 25:00", "2026-13-01 10:00", "01/12/2026 10:00", "2026-12-01 14:05 later"]
        {
            assert_eq!(code(gregorian(text)), "invalid_instant", "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_with_decimals_is_read_back(amount in -LARGEST_AMOUNT..=LARGEST_AMOUNT) {
            let sign = if amount < 0 { "-" } else { "" };
            let cents = amount.unsigned_abs();
            let text = format!("{sign}{}.{:02}", cents / 100, cents % 100);
            prop_assert_eq!(unit("amount_eur", "EUR").amount(&text), Ok(amount));
            prop_assert_eq!(unit("amount_rial", "IRR").amount(&amount.to_string()), Ok(amount));
        }

        #[test]
        fn whatever_stands_in_a_cell_is_read_or_refused(text in "[0-9۰-۹,.٬٫ +−e-]{0,12}") {
            let zone = TimeZone::UTC;
            for name in ["amount_rial", "amount_toman"] {
                if let Ok(amount) = unit(name, "IRR").amount(&text) {
                    prop_assert!(text.chars().any(char::is_numeric) && amount.abs() <= LARGEST_AMOUNT);
                }
            }
            let _ = parse_time(&text, &zone, Calendar::Persian);
            let _ = parse_reference(&text);
        }
    }
}

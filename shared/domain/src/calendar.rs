//! Dates as people read them: the Persian calendar for Persian, the Gregorian one for everybody else.

use icu_calendar::Date as CalendarDate;
use icu_calendar::cal::Persian;
use jiff::civil::{Date, DateTime, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::locale::Language;
use crate::problem::Rejection;
use crate::text::to_persian_digits;

const PERSIAN_MONTHS: [&str; 12] =
    ["فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"];

/// Finds a time zone by its IANA name in the bundled database, so that the machine needs none.
pub fn parse_time_zone(name: &str) -> Result<TimeZone, Rejection> {
    TimeZone::get(name)
        .map_err(|_| Rejection::new("unknown_time_zone", "This is not a time zone name such as Asia/Tehran."))
}

/// The moment a link ends, as a person reads it. A link that ends with a day names that day and not the midnight after
/// it, because "until 1 December 00:00" is misread as the whole of that day.
pub fn display_end(end: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = zone.to_datetime(end);
    if local.time() == time(0, 0, 0, 0)
        && let Ok(last_day) = local.date().checked_sub(1.day())
    {
        return display_date(last_day, language);
    }
    display_date_time(local, language)
}

/// The last day on which a link can be paid.
pub fn display_last_day(end: Timestamp, zone: &TimeZone, language: Language) -> String {
    display_date(last_minute(end, zone).date(), language)
}

/// The time of day until which it can be paid on that day.
pub fn display_last_time(end: Timestamp, zone: &TimeZone, language: Language) -> String {
    display_time(last_minute(end, zone), language)
}

/// Both.
pub fn display_last_moment(end: Timestamp, zone: &TimeZone, language: Language) -> String {
    display_date_time(last_minute(end, zone), language)
}

/// The end as a clock shows it, with the midnight after a day as the last minute of that day.
fn last_minute(end: Timestamp, zone: &TimeZone) -> DateTime {
    let local = zone.to_datetime(end);
    if local.time() == time(0, 0, 0, 0) { local.checked_sub(1.minute()).unwrap_or(local) } else { local }
}

/// A moment with its time of day, in the given zone.
pub fn display_instant(instant: Timestamp, zone: &TimeZone, language: Language) -> String {
    display_date_time(zone.to_datetime(instant), language)
}

fn display_date_time(local: DateTime, language: Language) -> String {
    let (date, clock) = (display_date(local.date(), language), display_time(local, language));
    match language {
        Language::Persian => format!("{date} ساعت {clock}"),
        Language::English => format!("{date}, {clock}"),
    }
}

fn display_time(local: DateTime, language: Language) -> String {
    let clock = format!("{:02}:{:02}", local.hour(), local.minute());
    match language {
        Language::Persian => to_persian_digits(&clock),
        Language::English => clock,
    }
}

fn display_date(date: Date, language: Language) -> String {
    match language {
        Language::English => date.strftime("%-d %B %Y").to_string(),
        Language::Persian => persian_date(date).unwrap_or_else(|| date.to_string()),
    }
}

fn persian_date(date: Date) -> Option<String> {
    let month = u8::try_from(date.month()).ok()?;
    let day = u8::try_from(date.day()).ok()?;
    let persian = CalendarDate::try_new_iso(i32::from(date.year()), month, day).ok()?.to_calendar(Persian::new());
    let month = PERSIAN_MONTHS.get(usize::from(persian.month().ordinal).checked_sub(1)?)?;
    let (day, year) = (persian.day_of_month().0, persian.year().extended_year());
    Some(to_persian_digits(&format!("{day} {month} {year}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_ends_at_midnight_names_the_last_day_it_can_be_paid() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let end: Timestamp = "2026-12-01T00:00:00+03:30".parse().unwrap();
        assert_eq!(display_end(end, &zone, Language::English), "30 November 2026");
        assert_eq!(display_end(end, &zone, Language::Persian), "۹ آذر ۱۴۰۵");
    }

    #[test]
    fn the_day_and_the_time_of_an_end_can_be_told_apart() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let midnight: Timestamp = "2026-12-01T00:00:00+03:30".parse().unwrap();
        assert_eq!(display_last_day(midnight, &zone, Language::Persian), "۹ آذر ۱۴۰۵");
        assert_eq!(display_last_time(midnight, &zone, Language::Persian), "۲۳:۵۹");
        assert_eq!(display_last_moment(midnight, &zone, Language::English), "30 November 2026, 23:59");
        let noon: Timestamp = "2026-12-01T12:00:00+03:30".parse().unwrap();
        assert_eq!(display_last_day(noon, &zone, Language::English), "1 December 2026");
        assert_eq!(display_last_time(noon, &zone, Language::English), "12:00");
    }

    #[test]
    fn other_moments_name_their_time() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let end: Timestamp = "2026-03-21T15:05:00+03:30".parse().unwrap();
        assert_eq!(display_instant(end, &zone, Language::English), "21 March 2026, 15:05");
        assert_eq!(display_instant(end, &zone, Language::Persian), "۱ فروردین ۱۴۰۵ ساعت ۱۵:۰۵");
    }

    #[test]
    fn a_time_zone_that_does_not_exist_is_refused() {
        assert_eq!(parse_time_zone("Asia/Teheran").unwrap_err().code, "unknown_time_zone");
    }
}

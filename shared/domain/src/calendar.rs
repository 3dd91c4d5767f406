//! Dates as people read them, in the calendar and the words of their language.

use icu_calendar::Date as CalendarDate;
use icu_calendar::cal::Persian;
use jiff::civil::{Date, DateTime, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::language::{Calendar, Language};
use crate::problem::Rejection;

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
    let time = display_time(local, language);
    language.say("date-time", &[("date", &display_date(local.date(), language)), ("time", &time)])
}

fn display_time(local: DateTime, language: Language) -> String {
    language.digits(&format!("{:02}:{:02}", local.hour(), local.minute()))
}

fn display_date(date: Date, language: Language) -> String {
    let in_calendar = match language.calendar() {
        Calendar::Gregorian => gregorian(date),
        Calendar::Persian => persian(date),
    };
    let named = in_calendar.and_then(|(year, month, day)| Some((year, language.month(month)?, day)));
    let Some((year, month, day)) = named else { return date.to_string() };
    let (year, day) = (language.digits(&year.to_string()), language.digits(&day.to_string()));
    language.say("date", &[("day", &day), ("month", month), ("year", &year)])
}

/// Year, month and day.
type Parts = (i32, u8, u8);

fn gregorian(date: Date) -> Option<Parts> {
    Some((i32::from(date.year()), u8::try_from(date.month()).ok()?, u8::try_from(date.day()).ok()?))
}

fn persian(date: Date) -> Option<Parts> {
    let (year, month, day) = gregorian(date)?;
    let persian = CalendarDate::try_new_iso(year, month, day).ok()?.to_calendar(Persian::new());
    Some((persian.year().extended_year(), persian.month().ordinal, persian.day_of_month().0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_ends_at_midnight_names_the_last_day_it_can_be_paid() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let end: Timestamp = "2026-12-01T00:00:00+03:30".parse().unwrap();
        assert_eq!(display_end(end, &zone, Language::EN), "30 November 2026");
        assert_eq!(display_end(end, &zone, Language::FA), "۹ آذر ۱۴۰۵");
        assert_eq!(display_end(end, &zone, Language::AR), "٣٠ نوفمبر ٢٠٢٦");
    }

    #[test]
    fn the_day_and_the_time_of_an_end_can_be_told_apart() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let midnight: Timestamp = "2026-12-01T00:00:00+03:30".parse().unwrap();
        assert_eq!(display_last_day(midnight, &zone, Language::FA), "۹ آذر ۱۴۰۵");
        assert_eq!(display_last_time(midnight, &zone, Language::FA), "۲۳:۵۹");
        assert_eq!(display_last_moment(midnight, &zone, Language::EN), "30 November 2026, 23:59");
        let noon: Timestamp = "2026-12-01T12:00:00+03:30".parse().unwrap();
        assert_eq!(display_last_day(noon, &zone, Language::EN), "1 December 2026");
        assert_eq!(display_last_time(noon, &zone, Language::EN), "12:00");
    }

    #[test]
    fn other_moments_name_their_time() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let end: Timestamp = "2026-03-21T15:05:00+03:30".parse().unwrap();
        assert_eq!(display_instant(end, &zone, Language::EN), "21 March 2026, 15:05");
        assert_eq!(display_instant(end, &zone, Language::FA), "۱ فروردین ۱۴۰۵ ساعت ۱۵:۰۵");
        assert_eq!(display_instant(end, &zone, Language::AR), "٢١ مارس ٢٠٢٦، الساعة ١٥:٠٥");
    }

    #[test]
    fn a_time_zone_that_does_not_exist_is_refused() {
        assert_eq!(parse_time_zone("Asia/Teheran").unwrap_err().code, "unknown_time_zone");
    }
}

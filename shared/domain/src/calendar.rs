//! Dates as people read them, in the calendar and the words of their language, and as programs write them, in one
//! calendar.

use std::ops::RangeInclusive;

use icu_calendar::Date as CalendarDate;
use icu_calendar::cal::{Iso, Persian};
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone, db};
use jiff::{Timestamp, ToSpan};

use crate::language::{Calendar, Language};
use crate::problem::{Rejection, meant};
use crate::text::to_ascii_digits;

/// Years that are now in the Persian and in the Islamic calendar, with a century before and one after. No date that
/// anybody asks about lies in these Gregorian years.
const YEARS_OF_OTHER_CALENDARS: RangeInclusive<u16> = 1300..=1599;

/// Gregorian years in which there can be something. Others are typing mistakes, or of a calendar such as the Buddhist.
const GREGORIAN_YEARS: RangeInclusive<i16> = 1970..=2199;

/// An instant as programs are told it, by RFC 3339 and always to the millisecond: every program can read it by one pattern,
/// and those of one offset sort as texts.
pub fn written_instant(at: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(at);
    if offset == Offset::UTC { format!("{at:.3}") } else { format!("{:.3}", at.display_with_offset(offset)) }
}

/// The instant as it is told. What is kept of an instant that a caller gave is what answers show of it, so that giving it
/// back changes nothing.
#[must_use]
pub fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Finds a time zone by its IANA name in the bundled database, so that the machine needs none.
pub fn parse_time_zone(name: &str) -> Result<TimeZone, Rejection> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<String> = db().available().map(|known| known.to_string()).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let meant = meant(name, &known).map(|known| format!(" Did you mean {known}?")).unwrap_or_default();
        Rejection::new("unknown_time_zone", format!("This is not a time zone name such as Asia/Tehran.{meant}"))
    })
}

/// Refuses what begins with a year of the Persian or the Islamic calendar, whether or not the Gregorian one has such a
/// day, and with whatever digits it is written.
pub fn refuse_other_calendars(text: &str) -> Result<(), Rejection> {
    let text = to_ascii_digits(text.trim());
    let (year, rest) = text.split_at_checked(4).unwrap_or_default();
    let is_year = !rest.starts_with(|c: char| c.is_ascii_digit())
        && year.parse().is_ok_and(|year: u16| YEARS_OF_OTHER_CALENDARS.contains(&year));
    if is_year {
        return Err(Rejection::new(
            "persian_calendar_date",
            "This looks like a date of the Persian or the Islamic calendar; give the Gregorian date, such as 2026-12-01.",
        ));
    }
    Ok(())
}

/// Reads a Gregorian date such as `2026-12-01`.
pub fn parse_date(text: &str) -> Result<Date, Rejection> {
    refuse_other_calendars(text)?;
    let date = text.parse().ok().filter(|_| text.len() == "2026-12-01".len());
    let date: Date = date.ok_or_else(|| Rejection::new("invalid_date", "Give a Gregorian date such as 2026-12-01."))?;
    check_year(date.year(), "invalid_date")?;
    Ok(date)
}

fn check_year(year: i16, code: &'static str) -> Result<(), Rejection> {
    if GREGORIAN_YEARS.contains(&year) {
        return Ok(());
    }
    let (first, last) = (GREGORIAN_YEARS.start(), GREGORIAN_YEARS.end());
    Err(Rejection::new(code, format!("Give a Gregorian date of the years {first} to {last}, such as 2026-12-01.")))
}

/// Reads a date of the Persian calendar such as `1405-09-10`, or a Gregorian one. No year is one of both.
pub fn parse_persian_date(text: &str) -> Result<Date, Rejection> {
    let ascii = to_ascii_digits(text.trim());
    if refuse_other_calendars(&ascii).is_ok() {
        return parse_date(text);
    }
    // A number may be read with a sign before it, and a date has none.
    let is_plain = ascii.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let mut parts = ascii.split('-').map(|part| part.parse::<u8>().ok());
    let year: Option<i32> = ascii.split('-').next().and_then(|year| year.parse().ok());
    let date = match (year, parts.nth(1).flatten(), parts.next().flatten(), parts.next()) {
        (Some(year), Some(month), Some(day), None) => date_in(Calendar::Persian, (year, month, day)),
        _ => None,
    };
    let date = date.filter(|_| is_plain && ascii.len() == "1405-09-10".len());
    date.ok_or_else(|| Rejection::new("invalid_date", "Give a date such as 1405-09-10 or 2026-12-01."))
}

/// A date as programs are told it in a calendar, such as `1405-09-10`.
pub fn written_date(calendar: Calendar, date: Date) -> String {
    let (year, month, day) = parts_in(calendar, date);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A day, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOrInstant {
    Day(Date),
    Instant(Timestamp),
}

impl DayOrInstant {
    /// Reads a Gregorian date such as `2026-12-01`, or an RFC 3339 instant with offset.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        if text.len() == "2026-12-01".len() {
            return parse_date(text).map(Self::Day);
        }
        refuse_other_calendars(text)?;
        let instant: Timestamp = text.parse().map_err(|_| {
            let detail = "Give a date such as 2026-12-01, or an instant with offset such as 2026-12-01T18:00:00+03:30.";
            Rejection::new("invalid_instant", detail)
        })?;
        check_year(TimeZone::UTC.to_datetime(instant).year(), "invalid_instant")?;
        Ok(Self::Instant(instant))
    }

    /// The first instant of the day in this zone, or the instant itself.
    pub fn start(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Day(day) => zone.to_timestamp(day.at(0, 0, 0, 0)).ok(),
            Self::Instant(instant) => Some(instant),
        }
    }

    /// The first instant after the day in this zone, or the instant itself. Where a clock change skips midnight, the day
    /// ends when the next one begins.
    pub fn end(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Day(day) => Self::Day(day.tomorrow().ok()?).start(zone),
            Self::Instant(instant) => Some(instant),
        }
    }
}

/// Reads an RFC 3339 instant with offset.
pub fn parse_instant(text: &str) -> Result<Timestamp, Rejection> {
    refuse_other_calendars(text)?;
    let instant: Timestamp = text.parse().map_err(|_| {
        let detail = "Give an instant with an offset, such as 2026-12-01T09:30:00Z.";
        Rejection::new("invalid_instant", detail)
    })?;
    check_year(TimeZone::UTC.to_datetime(instant).year(), "invalid_instant")?;
    Ok(instant)
}

/// Reads a Gregorian month such as `2026-12`, as its first day.
pub fn parse_month(text: &str) -> Result<Date, Rejection> {
    refuse_other_calendars(text)?;
    parse_date(&format!("{text}-01"))
        .map_err(|_| Rejection::new("invalid_date", "Give a Gregorian month such as 2026-12."))
}

/// The moment a link ends, as a person reads it. A link that ends with a day names that day and no hour: neither the
/// midnight after it, because "until 1 December 00:00" is misread as the whole of that day, nor its last minute.
pub fn display_end(end: Timestamp, zone: &TimeZone, language: Language) -> String {
    let last = last_minute(end, zone);
    if (last.hour(), last.minute()) == (23, 59) {
        return display_date(last.date(), language);
    }
    display_date_time(last, language)
}

/// The time of day with its seconds, in the given zone.
pub fn display_clock(instant: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = zone.to_datetime(instant);
    language.digits(&format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second()))
}

/// A time zone in words: by the city of its name in the IANA database.
pub fn display_zone(name: &str, language: Language) -> String {
    let zone = name.rsplit('/').next().unwrap_or(name);
    language.say("zone", &[("zone", zone), ("city", &zone.replace('_', " "))])
}

/// Whether an instant is the first of a day, which is not midnight where a clock change skips that.
fn begins_a_day(at: Timestamp, zone: &TimeZone) -> bool {
    DayOrInstant::Day(zone.to_datetime(at).date()).start(zone) == Some(at)
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

/// The end as a clock shows it, with the first instant after a day as the last minute of that day.
fn last_minute(end: Timestamp, zone: &TimeZone) -> DateTime {
    let shown = if begins_a_day(end, zone) { end.checked_sub(1.minute()).unwrap_or(end) } else { end };
    zone.to_datetime(shown)
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
    let (year, month, day) = parts_in(language.calendar(), date);
    let Some(month) = language.month(month) else { return date.to_string() };
    let (year, day) = (language.digits(&year.to_string()), language.digits(&day.to_string()));
    language.say("date", &[("day", &day), ("month", month), ("year", &year)])
}

/// Year, month and day.
pub type Parts = (i32, u8, u8);

/// A date in a calendar.
pub fn parts_in(calendar: Calendar, date: Date) -> Parts {
    let small = |number: i8| u8::try_from(number).unwrap_or_default();
    let gregorian = (i32::from(date.year()), small(date.month()), small(date.day()));
    match calendar {
        Calendar::Gregorian => gregorian,
        Calendar::Persian => persian(gregorian).unwrap_or(gregorian),
    }
}

fn persian((year, month, day): Parts) -> Option<Parts> {
    let persian = CalendarDate::try_new_iso(year, month, day).ok()?.to_calendar(Persian::new());
    Some((persian.year().extended_year(), persian.month().ordinal, persian.day_of_month().0))
}

/// The date of a calendar, where there is such a day.
pub fn date_in(calendar: Calendar, (year, month, day): Parts) -> Option<Date> {
    let small = |number: u8| i8::try_from(number).ok();
    match calendar {
        Calendar::Gregorian => Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok(),
        Calendar::Persian => {
            let iso = CalendarDate::try_new_persian(year, month, day).ok()?.to_calendar(Iso);
            let year = i16::try_from(iso.year().extended_year()).ok()?;
            Date::new(year, small(iso.month().ordinal)?, small(iso.day_of_month().0)?).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_its_milliseconds_also_where_they_are_zero() {
        let at: Timestamp = "2026-11-29T06:28:04.1209Z".parse().unwrap();
        let whole: Timestamp = "2026-11-29T06:28:04Z".parse().unwrap();
        let tehran = parse_time_zone("Asia/Tehran").unwrap();
        assert_eq!(written_instant(at, &TimeZone::UTC), "2026-11-29T06:28:04.120Z");
        assert_eq!(written_instant(whole, &TimeZone::UTC), "2026-11-29T06:28:04.000Z");
        assert_eq!(written_instant(whole, &tehran), "2026-11-29T09:58:04.000+03:30");
    }

    #[test]
    fn a_link_that_ends_at_midnight_names_the_last_day_it_can_be_paid() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let end: Timestamp = "2026-12-01T00:00:00+03:30".parse().unwrap();
        let last_minute: Timestamp = "2026-11-30T23:59:59+03:30".parse().unwrap();
        for end in [end, last_minute] {
            assert_eq!(display_end(end, &zone, Language::EN), "30\u{a0}November 2026");
            assert_eq!(display_end(end, &zone, Language::FA), "۹\u{a0}آذر ۱۴۰۵");
            assert_eq!(display_end(end, &zone, Language::AR), "٣٠\u{a0}نوفمبر ٢٠٢٦");
        }
    }

    #[test]
    fn a_zone_is_named_by_its_city() {
        for (name, language, said) in [
            ("Asia/Tehran", Language::EN, "Tehran time"),
            ("Asia/Tehran", Language::FA, "به وقت تهران"),
            ("Asia/Tehran", Language::AR, "بتوقيت طهران"),
            ("America/New_York", Language::EN, "New York time"),
            ("America/New_York", Language::FA, "به وقت نیویورک"),
            ("America/Argentina/Buenos_Aires", Language::FA, "به وقت Buenos Aires"),
            ("UTC", Language::EN, "UTC"),
        ] {
            assert_eq!(display_zone(name, language), said);
        }
    }

    #[test]
    fn the_day_and_the_time_of_an_end_can_be_told_apart() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let midnight: Timestamp = "2026-12-01T00:00:00+03:30".parse().unwrap();
        assert_eq!(display_last_day(midnight, &zone, Language::FA), "۹\u{a0}آذر ۱۴۰۵");
        assert_eq!(display_last_time(midnight, &zone, Language::FA), "۲۳:۵۹");
        assert_eq!(display_last_moment(midnight, &zone, Language::EN), "30\u{a0}November 2026, 23:59");
        let noon: Timestamp = "2026-12-01T12:00:00+03:30".parse().unwrap();
        assert_eq!(display_last_day(noon, &zone, Language::EN), "1\u{a0}December 2026");
        assert_eq!(display_last_time(noon, &zone, Language::EN), "12:00");
    }

    /// In Cairo clocks go from the end of this day to one o'clock of the next, which has no midnight.
    #[test]
    fn a_day_before_one_without_a_midnight_is_the_last_day_all_the_same() {
        let zone = parse_time_zone("Africa/Cairo").unwrap();
        let end = DayOrInstant::parse("2026-04-23").unwrap().end(&zone).unwrap();
        assert_eq!(zone.to_datetime(end).to_string(), "2026-04-24T01:00:00");
        assert_eq!(display_end(end, &zone, Language::EN), "23\u{a0}April 2026");
        assert_eq!(display_last_day(end, &zone, Language::EN), "23\u{a0}April 2026");
        assert_eq!(display_last_moment(end, &zone, Language::EN), "23\u{a0}April 2026, 23:59");
        let later = end + std::time::Duration::from_secs(3600);
        assert_eq!(display_end(later, &zone, Language::EN), "24\u{a0}April 2026, 02:00");
    }

    #[test]
    fn other_moments_name_their_time() {
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let end: Timestamp = "2026-03-21T15:05:00+03:30".parse().unwrap();
        assert_eq!(display_instant(end, &zone, Language::EN), "21\u{a0}March 2026, 15:05");
        assert_eq!(display_instant(end, &zone, Language::FA), "۱\u{a0}فروردین ۱۴۰۵ ساعت\u{a0}۱۵:۰۵");
        assert_eq!(display_instant(end, &zone, Language::AR), "٢١\u{a0}مارس ٢٠٢٦، الساعة\u{a0}١٥:٠٥");
    }

    #[test]
    fn a_date_is_gregorian_and_written_in_one_way() {
        assert_eq!(parse_date("2026-12-01"), Ok(jiff::civil::date(2026, 12, 1)));
        assert_eq!(parse_date("2028-02-29"), Ok(jiff::civil::date(2028, 2, 29)));
        assert_eq!(parse_month("2026-12"), Ok(jiff::civil::date(2026, 12, 1)));
        for other in [
            "1405-09-07",
            "1405-02-31",
            "1405/9/7",
            "۱۴۰۵-۰۹-۰۷",
            "١٤٤٨-٠٦-١٨",
            " 1405-09-07",
            "1399",
            "1405-09-07T10:00Z",
        ] {
            assert_eq!(parse_date(other).unwrap_err().code, "persian_calendar_date", "{other}");
        }
        for none in [
            "",
            "14",
            "14050907",
            "20261201",
            "2026-13-01",
            "2027-02-29",
            "0026-11-28",
            "1605-01-01",
            "2569-11-28",
            "-2026-01-01",
            "2026-12-01T00",
            "ab",
        ] {
            assert_eq!(parse_date(none).unwrap_err().code, "invalid_date", "{none}");
        }
        assert_eq!(parse_month("1405-09").unwrap_err().code, "persian_calendar_date");
        for none in ["2026-12-01", "2026", "2026-1", "0001-01", "2026-13", "2026-12-"] {
            assert_eq!(parse_month(none).unwrap_err().code, "invalid_date", "{none}");
        }
    }

    #[test]
    fn a_persian_date_is_read_where_it_is_asked_for_and_written_as_it_was_read() {
        let date = jiff::civil::date(2026, 12, 1);
        for written in ["1405-09-10", "۱۴۰۵-۰۹-۱۰", "2026-12-01"] {
            assert_eq!(parse_persian_date(written), Ok(date), "{written}");
        }
        assert_eq!(written_date(Calendar::Persian, date), "1405-09-10");
        assert_eq!(written_date(Calendar::Gregorian, date), "2026-12-01");
        // 1403 was a leap year, 1405 is none.
        assert_eq!(parse_persian_date("1403-12-30"), Ok(jiff::civil::date(2025, 3, 20)));
        for none in [
            "1405-12-30",
            "1405-13-01",
            "1405-9-10",
            "1405-09",
            "1405-09-10-1",
            "1405",
            "",
            "1605-01-01",
            "1405-+9-10",
            "+405-09-10",
        ] {
            assert_eq!(parse_persian_date(none).unwrap_err().code, "invalid_date", "{none}");
        }
    }

    #[test]
    fn every_day_of_two_centuries_is_the_same_day_again_in_either_calendar() {
        let mut date = jiff::civil::date(1970, 1, 1);
        while date.year() < 2170 {
            for calendar in Calendar::ALL {
                assert_eq!(date_in(calendar, parts_in(calendar, date)), Some(date));
            }
            date = date.tomorrow().unwrap();
        }
    }

    #[test]
    fn a_time_zone_that_does_not_exist_is_refused() {
        let refused = |name: &str| parse_time_zone(name).unwrap_err();
        assert_eq!(refused("Asia/Teheran").code, "unknown_time_zone");
        let detail = "This is not a time zone name such as Asia/Tehran. Did you mean Asia/Tehran?";
        assert_eq!(refused("Asia/Teheran").detail, detail);
        assert_eq!(refused("Mars/Base").detail, "This is not a time zone name such as Asia/Tehran.");
    }
}

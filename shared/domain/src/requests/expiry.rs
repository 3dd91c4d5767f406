//! Until when a link can be paid: an instant, a date or a number of days.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::calendar::refuse_other_calendars;
use crate::link::LONGEST_DAYS;
use crate::problem::{Field, Problems, Rejection};

/// What the caller said about the end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// This very instant, exclusive.
    At(Timestamp),
    /// The close of this day in the business's time zone.
    EndOf(Date),
    /// The close of the day that is this many days from today in the business's time zone; 0 is today.
    InDays(i64),
}

impl Expiry {
    /// Reads `expires_at`: an RFC 3339 instant with offset, or a date.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        refuse_other_calendars(text)?;
        if let Ok(date) = text.parse::<Date>()
            && text.len() == "2026-12-01".len()
        {
            return Ok(Self::EndOf(date));
        }
        text.parse().map(Self::At).map_err(|_| {
            Rejection::new(
                "invalid_instant",
                "Give an instant with offset such as 2026-12-01T18:00:00+03:30, or a date such as 2026-12-01.",
            )
        })
    }

    pub fn parse_days(days: i64) -> Result<Self, Rejection> {
        if (0..=LONGEST_DAYS).contains(&days) {
            Ok(Self::InDays(days))
        } else {
            Err(Rejection::new("out_of_range", format!("Give 0 (today) to {LONGEST_DAYS} days.")))
        }
    }

    /// The exclusive instant at which the link ends: it must lie ahead, and not further than [`LONGEST_DAYS`].
    pub fn resolve(self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Rejection> {
        let too_far = || Rejection::new("too_far", format!("A link lives at most {LONGEST_DAYS} days."));
        let end = match self {
            Self::At(instant) => instant,
            Self::EndOf(date) => end_of(date, zone).ok_or_else(too_far)?,
            Self::InDays(days) => {
                let today = zone.to_datetime(now).date();
                let date = today.checked_add(days.days()).map_err(|_| too_far())?;
                end_of(date, zone).ok_or_else(too_far)?
            }
        };
        if end <= now {
            return Err(Rejection::new("in_the_past", "The expiry must lie in the future."));
        }
        if end.duration_since(now).as_hours() > (LONGEST_DAYS + 1) * 24 {
            return Err(too_far());
        }
        Ok(end)
    }
}

/// The end of the link, by at most one of the two ways to say it.
pub(crate) fn choose_expiry<'a>(
    expires_at: &'a Field<Expiry>,
    expires_in_days: &'a Field<Expiry>,
    problems: &mut Problems,
) -> Field<(&'static str, Expiry)> {
    match (expires_at, expires_in_days) {
        (Field::Refused, _) | (_, Field::Refused) => Field::Refused,
        (Field::Value(_), Field::Value(_)) => {
            let detail = "Give expires_at or expires_in_days, not both.";
            problems.refuse("/expires_in_days", "both_given", detail);
            Field::Refused
        }
        (Field::Value(expiry), Field::Absent) => Field::Value(("/expires_at", *expiry)),
        (Field::Absent, Field::Value(expiry)) => Field::Value(("/expires_in_days", *expiry)),
        (Field::Absent, Field::Absent) => Field::Absent,
    }
}

/// The first instant after the day. Where a clock change skips midnight, the day ends when the next one begins.
pub(crate) fn end_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = date.tomorrow().ok()?;
    zone.to_timestamp(next.at(0, 0, 0, 0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_time_zone;
    use proptest::prelude::*;

    fn tehran() -> TimeZone {
        parse_time_zone("Asia/Tehran").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_and_a_number_of_days_end_with_that_day_where_the_business_is() {
        let now = at("2026-11-23T22:00:00Z");
        // In Tehran the 24th has begun already.
        assert_eq!(Expiry::InDays(0).resolve(now, &tehran()), Ok(at("2026-11-25T00:00:00+03:30")));
        assert_eq!(Expiry::InDays(7).resolve(now, &tehran()), Ok(at("2026-12-02T00:00:00+03:30")));
        assert_eq!(Expiry::parse("2026-11-30").unwrap().resolve(now, &tehran()), Ok(at("2026-12-01T00:00:00+03:30")));
        assert_eq!(Expiry::parse("2026-12-01T18:00:00+03:30"), Ok(Expiry::At(at("2026-12-01T14:30:00Z"))));
    }

    #[test]
    fn the_past_the_far_future_and_the_persian_calendar_are_told_apart() {
        let now = at("2026-11-23T22:00:00Z");
        assert_eq!(Expiry::parse("2026-11-23").unwrap().resolve(now, &tehran()).unwrap_err().code, "in_the_past");
        assert_eq!(Expiry::At(now).resolve(now, &tehran()).unwrap_err().code, "in_the_past");
        assert_eq!(Expiry::parse("2036-01-01").unwrap().resolve(now, &tehran()).unwrap_err().code, "too_far");
        assert_eq!(Expiry::parse("1405-09-10").unwrap_err().code, "persian_calendar_date");
        assert_eq!(Expiry::parse("1405-09-10T00:00:00+03:30").unwrap_err().code, "persian_calendar_date");
        for bad in ["tomorrow", "2026-13-01", "2026-12-01T18:00:00", "", "20261201"] {
            assert_eq!(Expiry::parse(bad).unwrap_err().code, "invalid_instant", "{bad}");
        }
        assert_eq!(Expiry::parse_days(-1).unwrap_err().code, "out_of_range");
        assert_eq!(Expiry::parse_days(731).unwrap_err().code, "out_of_range");
    }

    proptest! {
        #[test]
        fn a_number_of_days_always_ends_at_a_local_midnight_ahead(
            second in 1_700_000_000_i64..2_000_000_000,
            days in 0_i64..=LONGEST_DAYS,
            zone in prop::sample::select(vec!["Asia/Tehran", "Europe/Berlin", "UTC", "America/New_York", "Pacific/Apia"]),
        ) {
            let zone = parse_time_zone(zone).unwrap();
            let now = Timestamp::from_second(second).unwrap();
            let end = Expiry::InDays(days).resolve(now, &zone).unwrap();
            prop_assert!(end > now);
            let local = zone.to_datetime(end);
            let expected = zone.to_datetime(now).date().checked_add((days + 1).days()).unwrap();
            prop_assert_eq!(local.date(), expected);
        }
    }
}

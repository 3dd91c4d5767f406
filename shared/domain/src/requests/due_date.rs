//! When the customer owes the money, which is not when the link ends.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::calendar::{DayOrInstant, to_the_millisecond};
use crate::link::LONGEST_DAYS;
use crate::problem::Rejection;

/// What is due longer ago than this is a typing mistake.
const LONGEST_OVERDUE_DAYS: i64 = 3650;

/// What the caller said of when the money is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueDate(DayOrInstant);

impl DueDate {
    /// Reads `due_at`: an RFC 3339 instant with offset, or a date.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        DayOrInstant::parse(text).map(Self)
    }

    /// This very instant.
    pub(crate) fn at(instant: Timestamp) -> Self {
        Self(DayOrInstant::Instant(instant))
    }

    /// The first instant at which the money is overdue; of a day the one after it. It may have passed long ago, because
    /// links are made for what is overdue.
    pub fn resolve(self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Rejection> {
        let due = self.0.end(zone).filter(|due| {
            let hours = due.duration_since(now).as_hours();
            (-24 * LONGEST_OVERDUE_DAYS..=24 * (LONGEST_DAYS + 1)).contains(&hours)
        });
        due.map(to_the_millisecond).ok_or_else(|| {
            let detail = format!("Give an instant or a date within {LONGEST_DAYS} days, or one of the last ten years.");
            Rejection::new("out_of_range", detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_time_zone;

    #[test]
    fn what_is_due_on_a_day_is_due_until_its_end_there_and_may_be_overdue() {
        let (now, tehran) = ("2026-11-23T22:00:00Z".parse().unwrap(), parse_time_zone("Asia/Tehran").unwrap());
        let due = |text: &str| DueDate::parse(text).and_then(|due| due.resolve(now, &tehran));
        let at = |text: &str| Ok(text.parse::<Timestamp>().unwrap());
        assert_eq!(due("2026-12-01"), at("2026-12-02T00:00:00+03:30"));
        assert_eq!(due("2026-12-01T18:00:00+03:30"), at("2026-12-01T14:30:00Z"));
        assert_eq!(due("2026-12-01T18:00:00.123987Z"), at("2026-12-01T18:00:00.123Z"), "as answers show it");
        assert_eq!(due("2025-03-01"), at("2025-03-02T00:00:00+03:30"));
        let code = |text: &str| due(text).unwrap_err().code;
        assert_eq!((code("2006-12-01"), code("2029-12-01")), ("out_of_range", "out_of_range"));
        assert_eq!((code("1405-09-10"), code("2026-02-30")), ("persian_calendar_date", "invalid_date"));
        assert_eq!((code("2026-12-01T18:00:00"), code("9999-12-01T18:00:00Z")), ("invalid_instant", "invalid_instant"));
    }
}

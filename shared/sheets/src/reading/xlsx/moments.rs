use jiff::civil::{DateTime, Time, date};
use jiff::{SignedDuration, Span, Unit};

/// The moment that a number of days means, to the millisecond. Nothing, where it is no date: less than a day is a time
/// of the day, and the calendar ends with the year 9999.
///
/// A workbook counts the 29th of February 1900, which there never was, so that the days before it are counted from
/// another.
pub(super) fn moment_of(days: f64, counts_from_1904: bool) -> Option<DateTime> {
    const MILLISECONDS_OF_A_DAY: f64 = 86_400_000.0;
    let start = match days {
        _ if days < 1.0 => return None,
        _ if counts_from_1904 => date(1904, 1, 1),
        _ if days < 60.0 => date(1899, 12, 31),
        _ if days < 61.0 => return None,
        _ => date(1899, 12, 30),
    };
    let milliseconds = (days * MILLISECONDS_OF_A_DAY).round();
    let whole_days = (milliseconds / MILLISECONDS_OF_A_DAY).floor();
    let time = (milliseconds - whole_days * MILLISECONDS_OF_A_DAY) / 1000.0;
    // The library turns a number with a point into a duration, and adds no duration that is longer than from 1970 to
    // 9999.
    let whole_days = SignedDuration::try_from_secs_f64(whole_days * 86_400.0).ok()?.as_hours() / 24;
    let time = SignedDuration::try_from_secs_f64(time).and_then(|time| time.round(Unit::Millisecond)).ok()?;
    let day = start.checked_add(Span::new().try_days(whole_days).ok()?).ok()?;
    day.to_datetime(Time::midnight()).checked_add(time).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    #[test]
    fn days_are_counted_from_1900_or_1904() {
        for (days, counts_from_1904, moment) in [
            (1.0, false, Some(datetime(1900, 1, 1, 0, 0, 0, 0))),
            (59.5, false, Some(datetime(1900, 2, 28, 12, 0, 0, 0))),
            (60.5, false, None),
            (61.0, false, Some(datetime(1900, 3, 1, 0, 0, 0, 0))),
            (46_357.999_421_296_3, false, Some(datetime(2026, 12, 1, 23, 59, 10, 0))),
            (44_895.999_421_296_3, true, Some(datetime(2026, 12, 1, 23, 59, 10, 0))),
            (2_958_465.5, false, Some(datetime(9999, 12, 31, 12, 0, 0, 0))),
            (2_958_466.0, false, None),
            (2_957_003.0, true, Some(datetime(9999, 12, 31, 0, 0, 0, 0))),
            (2_957_004.0, true, None),
            (0.5, false, None),
            (-1.0, true, None),
            (1e300, false, None),
        ] {
            assert_eq!(moment_of(days, counts_from_1904), moment, "{days}");
        }
    }
}

//! The days, weeks, months and fiscal years that a business counts by, in its own calendar.

use jiff::ToSpan;
use jiff::civil::{self, Date};
use serde::{Deserialize, Serialize};

use crate::calendar::{date_in, parts_in, written_date};
use crate::language::Calendar;
use crate::problem::{Rejection, parse_word};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }

    pub(super) fn civil(self) -> civil::Weekday {
        match self {
            Self::Monday => civil::Weekday::Monday,
            Self::Tuesday => civil::Weekday::Tuesday,
            Self::Wednesday => civil::Weekday::Wednesday,
            Self::Thursday => civil::Weekday::Thursday,
            Self::Friday => civil::Weekday::Friday,
            Self::Saturday => civil::Weekday::Saturday,
            Self::Sunday => civil::Weekday::Sunday,
        }
    }
}

/// The day of every year that a fiscal year begins with: month and day in the business's calendar. It is none that only
/// some years have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FiscalYearStart {
    month: u8,
    day: u8,
}

impl FiscalYearStart {
    /// Every month of either calendar has as many days.
    const LAST_DAY: u8 = 28;

    /// Reads a month and a day such as `04-01`.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let refused = || Rejection::new("invalid_date", "Give a month and a day of it, 1 to 28, such as 04-01.");
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let (month, day) =
            text.split_once('-').filter(|(month, day)| two_digits(month) && two_digits(day)).ok_or_else(refused)?;
        let (month, day) = (month.parse().map_err(|_| refused())?, day.parse().map_err(|_| refused())?);
        if (1..=12).contains(&month) && (1..=Self::LAST_DAY).contains(&day) {
            Ok(Self { month, day })
        } else {
            Err(refused())
        }
    }

    /// Whether the fiscal year is the calendar's own.
    pub fn is_first_day(self) -> bool {
        self == Self::default()
    }
}

impl Default for FiscalYearStart {
    /// The calendar's own year.
    fn default() -> Self {
        Self { month: 1, day: 1 }
    }
}

impl TryFrom<String> for FiscalYearStart {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<FiscalYearStart> for String {
    fn from(start: FiscalYearStart) -> String {
        format!("{:02}-{:02}", start.month, start.day)
    }
}

/// A span of days that a business counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    Week,
    Month,
    /// The fiscal one.
    Year,
}

/// How a business counts its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    pub calendar: Calendar,
    pub week_start: Weekday,
    pub fiscal_year_start: FiscalYearStart,
}

impl Periods {
    /// The first day of the period that a day lies in.
    pub fn first_day(&self, period: Period, date: Date) -> Date {
        match period {
            Period::Day => date,
            Period::Week => {
                let since = date.weekday().since(self.week_start.civil());
                date.saturating_sub(i64::from(since).days())
            }
            Period::Month => {
                let (_, _, day) = parts_in(self.calendar, date);
                date.saturating_sub((i64::from(day) - 1).days())
            }
            Period::Year => {
                let (year, _, _) = parts_in(self.calendar, date);
                let FiscalYearStart { month, day } = self.fiscal_year_start;
                let first = |year: i32| date_in(self.calendar, (year, month, day));
                first(year).filter(|first| *first <= date).or_else(|| first(year - 1)).unwrap_or(date)
            }
        }
    }

    /// What a period is called that begins with this day: a month such as `1405-09`, anything else by its first day.
    pub fn key(&self, period: Period, first: Date) -> String {
        let written = written_date(self.calendar, first);
        match period {
            Period::Day | Period::Week | Period::Year => written,
            Period::Month => written.rsplit_once('-').map_or_else(|| written.clone(), |(month, _)| month.to_owned()),
        }
    }

    /// The name of a year by its first day, such as `1405`, or `2026/2027` where it lies in two of the calendar's.
    pub fn year_name(&self, first: Date) -> String {
        let (year, _, _) = parts_in(self.calendar, first);
        if self.fiscal_year_start.is_first_day() { year.to_string() } else { format!("{year}/{}", year + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business::settings::Settings;
    use crate::locale::Locale;
    use jiff::civil::date;

    fn persian() -> Settings {
        Settings { default_locale: Locale::parse("fa").unwrap(), ..Settings::default() }
    }

    #[test]
    fn a_persian_business_counts_by_its_months_and_weeks_without_saying_so() {
        let periods = persian().periods(None);
        let tuesday = date(2026, 12, 1);
        assert_eq!(periods.first_day(Period::Week, tuesday), date(2026, 11, 28));
        assert_eq!(periods.first_day(Period::Month, tuesday), date(2026, 11, 22));
        assert_eq!(periods.key(Period::Month, date(2026, 11, 22)), "1405-09");
        assert_eq!(periods.first_day(Period::Year, tuesday), date(2026, 3, 21));
        assert_eq!(periods.key(Period::Year, date(2026, 3, 21)), "1405-01-01");
        assert_eq!(periods.year_name(date(2026, 3, 21)), "1405");
        assert_eq!(periods.first_day(Period::Year, date(2026, 3, 20)), date(2025, 3, 21));
        assert_eq!(periods.key(Period::Day, tuesday), "1405-09-10");
    }

    #[test]
    fn a_week_and_a_fiscal_year_begin_where_the_settings_say() {
        let settings = Settings {
            first_day_of_week: Some(Weekday::Sunday),
            fiscal_year_starts: FiscalYearStart::parse("04-06").unwrap(),
            ..Settings::default()
        };
        let periods = settings.periods(None);
        assert_eq!(periods.first_day(Period::Week, date(2026, 11, 29)), date(2026, 11, 29));
        assert_eq!(periods.first_day(Period::Week, date(2026, 11, 28)), date(2026, 11, 22));
        assert_eq!(periods.first_day(Period::Year, date(2027, 4, 5)), date(2026, 4, 6));
        assert_eq!(periods.first_day(Period::Year, date(2027, 4, 6)), date(2027, 4, 6));
        assert_eq!(periods.year_name(date(2026, 4, 6)), "2026/2027");
        assert_eq!(periods.key(Period::Month, periods.first_day(Period::Month, date(2026, 11, 29))), "2026-11");
    }

    #[test]
    fn in_another_calendar_a_year_is_that_one_s_own() {
        let settings = Settings { fiscal_year_starts: FiscalYearStart::parse("07-01").unwrap(), ..persian() };
        let own = settings.periods(None);
        assert_eq!(own.first_day(Period::Year, date(2026, 12, 1)), date(2026, 9, 23));
        let gregorian = settings.periods(Some(Calendar::Gregorian));
        assert_eq!(gregorian.first_day(Period::Year, date(2026, 12, 1)), date(2026, 1, 1));
        assert_eq!(gregorian.week_start, Weekday::Saturday, "a week stays the business's");
    }

    #[test]
    fn a_fiscal_year_begins_on_a_day_that_every_year_has() {
        for good in ["01-01", "04-06", "12-28"] {
            assert_eq!(String::from(FiscalYearStart::parse(good).unwrap()), good);
        }
        for bad in ["", "1-1", "00-01", "13-01", "02-29", "12-00", "01-01-01", "+1-01", "0101"] {
            assert_eq!(FiscalYearStart::parse(bad).unwrap_err().code, "invalid_date", "{bad}");
        }
    }
}

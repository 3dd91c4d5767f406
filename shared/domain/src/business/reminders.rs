//! When a business reminds those who were asked to pay: how long after or before what, at which hours, and on which days
//! not. What became of a link decides whether it is so at the moment, see [`crate::link`].

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::periods::Weekday;
use super::settings::Settings;
use crate::calendar::{DayOrInstant, parse_persian_date};
use crate::problem::{Problems, Rejection, parse_word};

/// The largest number of moments that a business, or a link, names.
pub const MOST_MOMENTS: usize = 10;

/// A link reminds at most so often: whoever does not pay after that is for a person.
pub const MOST_REMINDERS: usize = 24;

/// The largest number of lines of hours: three a day.
pub const MOST_HOURS: usize = 21;

/// The largest number of spans of closed days: those of some years.
pub const MOST_CLOSED: usize = 100;

/// The largest number of days, and of hours, that a reminder is counted by.
pub const LONGEST_DISTANCE_DAYS: i64 = 365;
pub const LONGEST_DISTANCE_HOURS: i64 = 72;

/// A business that has no open hour for so long sends no reminder.
const LONGEST_CLOSED_DAYS: usize = 366;

/// What a reminder is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderAnchor {
    /// The making of the link.
    AfterCreation,
    /// Each date by which something of it is due and not paid.
    BeforeDue,
    AfterDue,
    /// The end of the link.
    BeforeExpiry,
}

impl ReminderAnchor {
    pub const ALL: [Self; 4] = [Self::AfterCreation, Self::BeforeDue, Self::AfterDue, Self::BeforeExpiry];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AfterCreation => "after_creation",
            Self::BeforeDue => "before_due",
            Self::AfterDue => "after_due",
            Self::BeforeExpiry => "before_expiry",
        }
    }

    /// Whether a reminder counted so makes no sense any more from its anchor on.
    fn is_before(self) -> bool {
        match self {
            Self::BeforeDue | Self::BeforeExpiry => true,
            Self::AfterCreation | Self::AfterDue => false,
        }
    }
}

/// How far from its anchor a reminder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderDistance {
    /// By the days of the business: what is due on a day is reminded of a day before on the day before.
    Days(i64),
    Hours(i64),
}

impl ReminderDistance {
    pub fn parse_days(days: i64) -> Result<Self, Rejection> {
        Self::within(days, LONGEST_DISTANCE_DAYS).map(Self::Days)
    }

    pub fn parse_hours(hours: i64) -> Result<Self, Rejection> {
        Self::within(hours, LONGEST_DISTANCE_HOURS).map(Self::Hours)
    }

    fn within(number: i64, most: i64) -> Result<i64, Rejection> {
        if (1..=most).contains(&number) {
            return Ok(number);
        }
        Err(Rejection::new("out_of_range", format!("Give a number from 1 to {most}.")))
    }
}

/// When a reminder is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderMoment {
    pub when: ReminderAnchor,
    #[serde(flatten)]
    pub distance: ReminderDistance,
}

impl ReminderMoment {
    /// The instant, whether or not it lies in open hours. `None` beyond the end of all calendars.
    fn instant(self, anchor: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let is_before = self.when.is_before();
        match self.distance {
            ReminderDistance::Hours(hours) => {
                let hours = SignedDuration::from_hours(if is_before { -hours } else { hours });
                anchor.checked_add(hours).ok()
            }
            // The time of day at which a link was made is as good as any. What is due until the end of a day is due on that day.
            ReminderDistance::Days(days) if self.when == ReminderAnchor::AfterCreation => {
                zone.to_timestamp(zone.to_datetime(anchor).checked_add(days.days()).ok()?).ok()
            }
            ReminderDistance::Days(days) => {
                let last_moment = anchor.checked_sub(SignedDuration::from_nanos(1)).ok()?;
                let day = zone.to_datetime(last_moment).date();
                DayOrInstant::Day(day.checked_add((if is_before { -days } else { days }).days()).ok()?).start(zone)
            }
        }
    }
}

/// A time of day to the minute, such as `09:00`. The end of a day is `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime {
    minutes: u16,
}

impl ClockTime {
    const END_OF_DAY: u16 = 24 * 60;

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let refused = || Rejection::new("invalid_time", "Give a time of day such as 09:00 or 24:00.");
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts = text.split_once(':').filter(|(hour, minute)| two_digits(hour) && two_digits(minute));
        let (hour, minute) = parts.ok_or_else(refused)?;
        let number = |part: &str| part.parse::<u16>().map_err(|_| refused());
        let (hour, minute) = (number(hour)?, number(minute)?);
        let minutes = hour * 60 + minute;
        if minute < 60 && minutes <= Self::END_OF_DAY { Ok(Self { minutes }) } else { Err(refused()) }
    }

    const fn of_hour(hour: u16) -> Self {
        Self { minutes: hour * 60 }
    }

    /// The instant on a day. Where a clock change skips that time, the one after it.
    fn on(self, date: Date, zone: &TimeZone) -> Option<Timestamp> {
        if self.minutes >= Self::END_OF_DAY {
            return DayOrInstant::Day(date).end(zone);
        }
        let (hour, minute) = (i8::try_from(self.minutes / 60).ok()?, i8::try_from(self.minutes % 60).ok()?);
        zone.to_timestamp(date.at(hour, minute, 0, 0)).ok()
    }
}

impl TryFrom<String> for ClockTime {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> String {
        format!("{:02}:{:02}", time.minutes / 60, time.minutes % 60)
    }
}

/// Hours of some days of the week in which reminders go out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenHours {
    pub days: Vec<Weekday>,
    pub from: ClockTime,
    /// Exclusive.
    pub to: ClockTime,
}

/// Days on which nobody is reminded, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedDays {
    pub from: Date,
    pub to: Date,
}

impl ClosedDays {
    /// Reads a date of the Gregorian or the Persian calendar.
    pub fn parse_date(text: &str) -> Result<Date, Rejection> {
        parse_persian_date(text)
    }

    /// Refuses spans that end before they begin.
    pub fn check_all(all: &[Self], pointer: &str, problems: &mut Problems) {
        let ends_early = all.iter().map(|days| days.from > days.to).enumerate();
        for (number, _) in ends_early.filter(|(_, is_wrong)| *is_wrong) {
            problems.refuse(format!("{pointer}/{number}/to"), "ends_before_it_begins", "It ends before it begins.");
        }
    }
}

/// What a business says of reminders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderSettings {
    /// The moments for links that do not name their own. Where there are none, only those are reminded of that do.
    #[serde(default)]
    pub at: Vec<ReminderMoment>,
    /// Where there are none, from nine to eight in the evening on each day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<OpenHours>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<ClosedDays>,
    /// Whether nobody is reminded on the days on which the platform closes either.
    #[serde(default = "by_the_platform_too")]
    pub platform_closed: bool,
}

fn by_the_platform_too() -> bool {
    true
}

impl Default for ReminderSettings {
    fn default() -> Self {
        NOTHING_SAID.clone()
    }
}

/// A reminder that a provider did not take at once is tried for so long after its hours.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_hours(1);

/// What a business says that says nothing.
static NOTHING_SAID: ReminderSettings =
    ReminderSettings { at: Vec::new(), hours: Vec::new(), closed: Vec::new(), platform_closed: true };

/// The hours of a business that says nothing of them.
const USUAL_HOURS: (ClockTime, ClockTime) = (ClockTime::of_hour(9), ClockTime::of_hour(20));

impl ReminderSettings {
    /// What a business says of reminders, also where that is nothing: links can have moments of their own.
    pub fn of(settings: &Settings) -> &Self {
        settings.reminders.as_ref().unwrap_or(&NOTHING_SAID)
    }

    /// Refuses what cannot be: hours that end before they begin, or a span of days that does.
    pub fn check(&self, pointer: &str, problems: &mut Problems) {
        let detail = "It ends before it begins.";
        let hours = self.hours.iter().map(|hours| hours.from >= hours.to).enumerate();
        for (number, _) in hours.filter(|(_, is_wrong)| *is_wrong) {
            problems.refuse(format!("{pointer}/hours/{number}/to"), "ends_before_it_begins", detail);
        }
        ClosedDays::check_all(&self.closed, &format!("{pointer}/closed"), problems);
    }

    /// The first instant from `at` on that lies in open hours.
    pub fn first_open(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut date = zone.to_datetime(at).date();
        for _ in 0..LONGEST_CLOSED_DAYS {
            for (from, to) in self.hours_of(date) {
                let (opens, closes) = (from.on(date, zone)?, to.on(date, zone)?);
                if closes > at {
                    return Some(opens.max(at));
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Whether what was to go out at an instant still does: on the same day, and no more than an hour after an open one, where its
    /// way took longer.
    pub fn still_goes_out(&self, wanted_at: Timestamp, now: Timestamp, zone: &TimeZone) -> bool {
        let day = |at: Timestamp| zone.to_datetime(at).date();
        let earlier = now.checked_sub(ON_ITS_WAY).unwrap_or(now);
        day(wanted_at) == day(now) && self.first_open(earlier, zone).is_some_and(|open| open <= now)
    }

    /// The hours of a day, the first of them first.
    fn hours_of(&self, date: Date) -> Vec<(ClockTime, ClockTime)> {
        if self.closed.iter().any(|days| (days.from..=days.to).contains(&date)) {
            return Vec::new();
        }
        if self.hours.is_empty() {
            return vec![USUAL_HOURS];
        }
        let is_then = |hours: &&OpenHours| hours.days.iter().any(|day| day.civil() == date.weekday());
        let mut hours: Vec<_> = self.hours.iter().filter(is_then).map(|hours| (hours.from, hours.to)).collect();
        hours.sort_unstable();
        hours
    }
}

/// What the reminders of a link follow from, whether it is made yet or not.
#[derive(Clone, Debug)]
pub struct ReminderSubject<'a> {
    pub created_at: Timestamp,
    /// Exclusive.
    pub expires_at: Timestamp,
    /// Until when something is due that is not paid, exclusive.
    pub dues: Vec<Timestamp>,
    /// The moments that the link names itself.
    pub own: Option<&'a [ReminderMoment]>,
}

/// A reminder that would go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedReminder {
    pub at: Timestamp,
    pub moment: ReminderMoment,
    /// From then on it makes no sense any more.
    pub(crate) until: Timestamp,
}

impl ReminderSubject<'_> {
    /// Every reminder after an instant, the first one first, each in open hours. Several may be on one day.
    pub(crate) fn candidates(&self, settings: &Settings, after: Timestamp) -> Vec<PlannedReminder> {
        let (rules, zone) = (ReminderSettings::of(settings), settings.zone());
        let planned = |moment: &ReminderMoment, anchor: Timestamp| {
            let at = rules.first_open(moment.instant(anchor, &zone)?, &zone)?;
            let until = if moment.when.is_before() { anchor.min(self.expires_at) } else { self.expires_at };
            (at > after && at < until).then_some(PlannedReminder { at, moment: *moment, until })
        };
        let mut all: Vec<_> = self
            .own
            .unwrap_or(&rules.at)
            .iter()
            .flat_map(|moment| self.anchors(moment.when).into_iter().filter_map(move |anchor| planned(moment, anchor)))
            .collect();
        all.sort_by_key(|one| one.at);
        all
    }

    /// The reminders that go out after an instant where nothing changes: the first of each day.
    pub fn planned(&self, settings: &Settings, after: Timestamp) -> Vec<PlannedReminder> {
        let zone = settings.zone();
        let mut all = self.candidates(settings, after);
        all.dedup_by_key(|one| zone.to_datetime(one.at).date());
        all.truncate(MOST_REMINDERS);
        all
    }

    fn anchors(&self, when: ReminderAnchor) -> Vec<Timestamp> {
        match when {
            ReminderAnchor::AfterCreation => vec![self.created_at],
            ReminderAnchor::BeforeDue | ReminderAnchor::AfterDue => self.dues.clone(),
            ReminderAnchor::BeforeExpiry => vec![self.expires_at],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business::settings::TimeZoneName;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn clock(text: &str) -> ClockTime {
        ClockTime::parse(text).unwrap()
    }

    fn days(when: ReminderAnchor, days: i64) -> ReminderMoment {
        ReminderMoment { when, distance: ReminderDistance::Days(days) }
    }

    /// Saturday to Wednesday from nine to six, Thursday until one, Friday closed, and the first days of the year off.
    fn iranian() -> ReminderSettings {
        use Weekday::{Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        ReminderSettings {
            at: vec![days(ReminderAnchor::BeforeDue, 1), days(ReminderAnchor::AfterDue, 2)],
            hours: vec![
                OpenHours {
                    days: vec![Saturday, Sunday, Monday, Tuesday, Wednesday],
                    from: clock("09:00"),
                    to: clock("18:00"),
                },
                OpenHours { days: vec![Thursday], from: clock("09:00"), to: clock("13:00") },
            ],
            closed: vec![ClosedDays {
                from: ClosedDays::parse_date("1406-01-01").unwrap(),
                to: ClosedDays::parse_date("1406-01-04").unwrap(),
            }],
            ..ReminderSettings::default()
        }
    }

    fn in_tehran(reminders: ReminderSettings) -> Settings {
        let time_zone = TimeZoneName::parse("Asia/Tehran").unwrap();
        Settings { time_zone, reminders: Some(reminders), ..Settings::default() }
    }

    fn subject(created_at: &str, due: &str, expires_at: &str) -> ReminderSubject<'static> {
        ReminderSubject { created_at: at(created_at), expires_at: at(expires_at), dues: vec![at(due)], own: None }
    }

    fn planned(settings: &Settings, subject: &ReminderSubject<'_>) -> Vec<Timestamp> {
        subject.planned(settings, subject.created_at).iter().map(|one| one.at).collect()
    }

    #[test]
    fn a_time_of_day_is_read_to_the_minute_and_written_as_it_was_read() {
        for text in ["00:00", "09:05", "23:59", "24:00"] {
            assert_eq!(String::from(clock(text)), text);
        }
        for bad in ["", "9:00", "24:01", "25:00", "12:60", "12:5", "1200", "+9:00", "09:00:00"] {
            assert_eq!(ClockTime::parse(bad).unwrap_err().code, "invalid_time", "{bad}");
        }
    }

    #[test]
    fn a_reminder_waits_for_the_next_open_hour() {
        let (settings, zone) = (in_tehran(iranian()), crate::calendar::parse_time_zone("Asia/Tehran").unwrap());
        let rules = settings.reminders.as_ref().unwrap();
        let open = |text: &str| rules.first_open(at(text), &zone).unwrap();
        // A Saturday, before, within and after the hours.
        assert_eq!(open("2026-12-05T03:00:00+03:30"), at("2026-12-05T09:00:00+03:30"));
        assert_eq!(open("2026-12-05T10:20:30+03:30"), at("2026-12-05T10:20:30+03:30"));
        assert_eq!(open("2026-12-05T18:00:00+03:30"), at("2026-12-06T09:00:00+03:30"));
        // Thursday afternoon and Friday.
        assert_eq!(open("2026-12-03T13:00:00+03:30"), at("2026-12-05T09:00:00+03:30"));
        assert_eq!(open("2026-12-04T12:00:00+03:30"), at("2026-12-05T09:00:00+03:30"));
        // The first four days of 1406 are off.
        assert_eq!(open("2027-03-21T08:00:00+03:30"), at("2027-03-25T09:00:00+03:30"));
    }

    #[test]
    fn what_was_held_up_on_its_way_goes_out_on_its_day_and_in_hours_or_an_hour_later() {
        let (settings, zone) = (in_tehran(iranian()), crate::calendar::parse_time_zone("Asia/Tehran").unwrap());
        let rules = settings.reminders.as_ref().unwrap();
        let wanted = at("2026-12-05T17:30:00+03:30");
        let goes = |now: &str| rules.still_goes_out(wanted, at(now), &zone);
        assert!(goes("2026-12-05T17:30:02+03:30") && goes("2026-12-05T18:40:00+03:30"));
        assert!(!goes("2026-12-05T19:00:01+03:30") && !goes("2026-12-05T23:00:00+03:30"));
        assert!(!goes("2026-12-06T10:00:00+03:30"), "another day has another reminder");
    }

    #[test]
    fn who_is_never_open_reminds_nobody() {
        let never = ReminderSettings {
            closed: vec![ClosedDays { from: "2026-01-01".parse().unwrap(), to: "2199-12-31".parse().unwrap() }],
            ..iranian()
        };
        assert_eq!(never.first_open(at("2026-12-05T10:00:00Z"), &TimeZone::UTC), None);
        let subject = subject("2026-12-01T08:00:00Z", "2026-12-10T00:00:00Z", "2026-12-31T00:00:00Z");
        assert_eq!(planned(&in_tehran(never), &subject), []);
    }

    #[test]
    fn what_is_due_on_a_day_is_reminded_of_a_day_before_and_two_days_after() {
        // Due on Wednesday, 9 December, until its end; the link lives on.
        let subject = subject("2026-12-01T12:00:00+03:30", "2026-12-10T00:00:00+03:30", "2026-12-31T00:00:00+03:30");
        let expected = [at("2026-12-08T09:00:00+03:30"), at("2026-12-12T09:00:00+03:30")];
        assert_eq!(planned(&in_tehran(iranian()), &subject), expected, "two days after is a Friday");
    }

    #[test]
    fn a_reminder_that_its_hours_would_bring_after_what_it_is_of_is_none() {
        // Due on Friday: the day before is Thursday, until one o'clock, and the link is made after that.
        let due = "2026-12-05T00:00:00+03:30";
        let late = subject("2026-12-03T14:00:00+03:30", due, "2026-12-31T00:00:00+03:30");
        assert_eq!(planned(&in_tehran(iranian()), &late), [at("2026-12-06T09:00:00+03:30")], "only the one after it");
        // The end of the link comes before the second one.
        let short = subject("2026-12-01T14:00:00+03:30", due, "2026-12-06T00:00:00+03:30");
        assert_eq!(planned(&in_tehran(iranian()), &short), [at("2026-12-03T09:00:00+03:30")]);
    }

    #[test]
    fn a_day_has_one_reminder_and_a_link_can_name_its_own() {
        let hours = ReminderMoment { when: ReminderAnchor::AfterCreation, distance: ReminderDistance::Hours(4) };
        let own = [hours, days(ReminderAnchor::BeforeDue, 8), days(ReminderAnchor::BeforeExpiry, 22)];
        let subject = ReminderSubject {
            own: Some(&own),
            ..subject("2026-12-01T08:00:00+03:30", "2026-12-10T00:00:00+03:30", "2026-12-31T00:00:00+03:30")
        };
        let settings = in_tehran(iranian());
        assert_eq!(subject.candidates(&settings, subject.created_at).len(), 3);
        let expected = [at("2026-12-01T09:00:00+03:30"), at("2026-12-08T09:00:00+03:30")];
        assert_eq!(planned(&settings, &subject), expected, "two fall on the first day");
        assert_eq!(planned(&settings, &ReminderSubject { own: Some(&[]), ..subject }), []);
    }

    #[test]
    fn what_is_written_of_reminders_is_read_again() {
        let written = serde_json::to_value(iranian()).unwrap();
        assert_eq!(written["at"][0], serde_json::json!({ "when": "before_due", "days": 1 }));
        assert_eq!(written["hours"][1]["to"], "13:00");
        assert_eq!(serde_json::from_value::<ReminderSettings>(written).unwrap(), iranian());
    }

    proptest! {
        #[test]
        fn no_reminder_lies_outside_open_hours_or_beyond_what_it_is_of(
            made in 0_i64..400 * 24 * 60,
            due in -20_i64..60,
            life in 1_i64..90,
            moments in prop::collection::vec((0_usize..4, any::<bool>(), 1_i64..40), 0..8),
        ) {
            let created_at = at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(made);
            let day = |days: i64| created_at + SignedDuration::from_hours(24 * days);
            let moment = |(when, by_days, number): (usize, bool, i64)| {
                let distance = if by_days { ReminderDistance::Days(number) } else { ReminderDistance::Hours(number) };
                ReminderMoment { when: ReminderAnchor::ALL[when], distance }
            };
            let own: Vec<_> = moments.into_iter().map(moment).collect();
            let subject =
                ReminderSubject { created_at, expires_at: day(life), dues: vec![day(due)], own: Some(&own) };
            let (settings, zone) = (in_tehran(iranian()), crate::calendar::parse_time_zone("Asia/Tehran").unwrap());
            let planned = subject.planned(&settings, created_at);
            for one in &planned {
                prop_assert_eq!(settings.reminders.as_ref().unwrap().first_open(one.at, &zone), Some(one.at));
                prop_assert!(one.at > created_at && one.at < subject.expires_at && one.at < one.until);
            }
            for two in planned.windows(2) {
                prop_assert!(zone.to_datetime(two[0].at).date() < zone.to_datetime(two[1].at).date());
            }
        }
    }
}

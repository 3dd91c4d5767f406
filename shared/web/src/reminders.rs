//! When people are reminded, as callers say it: in the settings, and with a link.

use domain::business::periods::Weekday;
use domain::business::reminders::{
    ClockTime, ClosedDays, MOST_CLOSED, MOST_HOURS, MOST_MOMENTS, OpenHours, ReminderAnchor, ReminderDistance,
    ReminderMoment, ReminderSettings,
};
use domain::{Field, Problems};
use serde::Deserialize;
use utoipa::ToSchema;
use views::schema::{ReminderAnchorName, WeekdayName};

use crate::body::{Given, GivenList, Unknown, refuse_unknown};

/// When a link reminds, in the place of what the settings say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentLinkRemindersInput)]
pub struct LinkRemindersBody {
    /// At most 10 moments. None at all: nobody is reminded of this link.
    #[serde(default)]
    #[schema(value_type = Vec<MomentBody>, required = true, max_items = 10)]
    at: GivenList<MomentBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// When people are reminded who were asked to pay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RemindersInput)]
pub struct RemindersBody {
    /// At most 10 moments, for links that do not name their own. Left out, only of such links people are reminded.
    #[serde(default)]
    #[schema(value_type = Option<Vec<MomentBody>>, max_items = 10)]
    at: GivenList<MomentBody>,
    /// The hours in which reminders go out, in the business's time zone, at most 21 lines. A day that no line names has none.
    /// Left out, from 09:00 to 20:00 on each day.
    #[serde(default)]
    #[schema(value_type = Option<Vec<HoursBody>>, max_items = 21)]
    hours: GivenList<HoursBody>,
    /// Days on which nobody is reminded, such as holidays, at most 100 spans.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ClosedBody>>, max_items = 100)]
    closed: GivenList<ClosedBody>,
    /// Whether nobody is reminded on the `closed_days` of the platform either. Left out, `true`.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    platform_closed: Given<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A moment: so many `days` or `hours` before or after something, exactly one of the two.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReminderMomentInput)]
struct MomentBody {
    /// What it is counted from.
    #[serde(default)]
    #[schema(value_type = ReminderAnchorName, required = true)]
    when: Given<String>,
    /// 1 to 365 days of the business: what is due on a day is reminded of one day before on the day before, from the first open
    /// hour on.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "reminder-days")]
    days: Given<i64>,
    /// 1 to 72 hours.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "reminder-hours")]
    hours: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Hours of some days of the week.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReminderHoursInput)]
struct HoursBody {
    /// 1 to 7 days.
    #[serde(default)]
    #[schema(value_type = Vec<WeekdayName>, required = true, min_items = 1, max_items = 7)]
    days: GivenList<String>,
    /// A time of day such as `09:00`.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "clock-time")]
    from: Given<String>,
    /// A later one, at most `24:00`, which is no longer among the hours.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "clock-time")]
    to: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Days on which nobody is reminded, as dates of the Gregorian calendar or of the Persian one, such as `1406-01-01`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ClosedDaysInput)]
pub struct ClosedBody {
    /// The first of them.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    from: Given<String>,
    /// The last of them, which is one as well. Left out, `from`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    to: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Reads when a link reminds itself.
pub fn read_of_link(given: Given<LinkRemindersBody>, problems: &mut Problems) -> Field<Vec<ReminderMoment>> {
    given.read("/reminders", problems, |body, at, p| {
        refuse_unknown::<LinkRemindersBody>(at, body.unknown, p);
        match read_moments(body.at, &format!("{at}/at"), p) {
            Field::Absent => {
                p.refuse(format!("{at}/at"), "required", "This field is required.");
                Field::Refused
            }
            read => read,
        }
    })
}

/// Reads what a business says of reminders.
pub fn read_of_business(given: Given<RemindersBody>, problems: &mut Problems) -> Option<ReminderSettings> {
    const AT: &str = "/reminders";
    let read = given.read(AT, problems, |body, at, p| {
        refuse_unknown::<RemindersBody>(at, body.unknown, p);
        let moments = read_moments(body.at, &format!("{at}/at"), p);
        let hours = body.hours.each(format!("{at}/hours"), MOST_HOURS, p, HoursBody::read);
        let closed = read_closed(body.closed, &format!("{at}/closed"), p);
        let platform_closed = body.platform_closed.field(format!("{at}/platform_closed"), p).optional();
        match (moments.optional(), hours.optional(), closed, platform_closed) {
            (Some(moments), Some(hours), Some(closed), Some(platform_closed)) => Field::Value(ReminderSettings {
                at: moments.unwrap_or_default(),
                hours: hours.unwrap_or_default(),
                closed,
                platform_closed: platform_closed.unwrap_or(true),
            }),
            _ => Field::Refused,
        }
    });
    let read = read.value();
    if let Some(read) = &read {
        read.check(AT, problems);
    }
    read
}

/// Reads spans of days, none where nothing is said.
pub fn read_closed(given: GivenList<ClosedBody>, at: &str, problems: &mut Problems) -> Option<Vec<ClosedDays>> {
    let read = given.each(at, MOST_CLOSED, problems, ClosedBody::read).optional()?;
    Some(read.unwrap_or_default())
}

fn read_moments(given: GivenList<MomentBody>, at: &str, problems: &mut Problems) -> Field<Vec<ReminderMoment>> {
    given.each(at, MOST_MOMENTS, problems, |body, at, p| {
        refuse_unknown::<MomentBody>(at, body.unknown, p);
        let when = body.when.required_text(format!("{at}/when"), p, ReminderAnchor::parse);
        let days = body.days.parse(format!("{at}/days"), p, ReminderDistance::parse_days);
        let hours = body.hours.parse(format!("{at}/hours"), p, ReminderDistance::parse_hours);
        let distance = match (days, hours) {
            (Field::Value(distance), Field::Absent) | (Field::Absent, Field::Value(distance)) => Some(distance),
            (Field::Absent, Field::Absent) | (Field::Value(_), Field::Value(_)) => {
                p.refuse(at, "exactly_one", "Give days or hours.");
                None
            }
            (Field::Refused, _) | (_, Field::Refused) => None,
        };
        Some(ReminderMoment { when: when?, distance: distance? })
    })
}

impl HoursBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<OpenHours> {
        refuse_unknown::<Self>(at, self.unknown, problems);
        let days_at = format!("{at}/days");
        let days = self
            .days
            .each(&days_at, Weekday::ALL.len(), problems, |day, at, p| p.check(at, Weekday::parse(&day)).value());
        let from = self.from.required_text(format!("{at}/from"), problems, ClockTime::parse);
        let to = self.to.required_text(format!("{at}/to"), problems, ClockTime::parse);
        let days = days.optional()?.unwrap_or_default();
        if days.is_empty() {
            problems.refuse(days_at, "required", "Name at least one day.");
            return None;
        }
        Some(OpenHours { days, from: from?, to: to? })
    }
}

impl ClosedBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<ClosedDays> {
        refuse_unknown::<Self>(at, self.unknown, problems);
        let from = self.from.required_text(format!("{at}/from"), problems, ClosedDays::parse_date);
        let to = self.to.text(format!("{at}/to"), problems, ClosedDays::parse_date).optional();
        let from = from?;
        Some(ClosedDays { from, to: to?.unwrap_or(from) })
    }
}

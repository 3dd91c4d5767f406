//! Reminders of a link, as the CRM sees them.

use domain::business::reminders::{PlannedReminder, ReminderDistance, ReminderMoment};
use domain::business::settings::Settings;
use domain::link::{PaymentLink, Reminder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::instant;
use crate::schema::{MessageKindName, ReminderAnchorName};

/// Reminders of a link.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentLinkReminders)]
pub struct LinkRemindersView {
    /// The moments that the link names itself; null where those of the settings count.
    pub at: Option<Vec<ReminderMomentView>>,
    /// When it is looked at next whether to remind; null where it is not any more. Hours, holidays and payments of the time until
    /// then still count.
    #[schema(format = DateTime)]
    pub next_at: Option<String>,
    /// The reminders that went out. Their messages are among `messages`.
    pub sent: Vec<SentReminderView>,
}

/// So many days or hours before or after something.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReminderMoment)]
pub struct ReminderMomentView {
    #[schema(value_type = ReminderAnchorName)]
    pub when: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hours: Option<i64>,
}

/// A reminder that went out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SentReminder)]
pub struct SentReminderView {
    #[schema(format = DateTime)]
    pub at: String,
    #[schema(value_type = MessageKindName)]
    pub kind: &'static str,
}

/// A reminder that would go out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PlannedReminder)]
pub struct PlannedReminderView {
    #[schema(format = DateTime)]
    pub at: String,
    pub moment: ReminderMomentView,
}

impl LinkRemindersView {
    pub fn new(link: &PaymentLink, settings: &Settings) -> Self {
        let own = link.terms().reminders.as_ref();
        let sent = |reminder: &Reminder| SentReminderView {
            at: instant(reminder.at, settings),
            kind: reminder.kind().as_str(),
        };
        Self {
            at: own.map(|moments| moments.iter().map(ReminderMomentView::new).collect()),
            next_at: link.reminder_due_at().map(|at| instant(at, settings)),
            sent: link.reminders().iter().map(sent).collect(),
        }
    }
}

impl ReminderMomentView {
    pub fn new(moment: &ReminderMoment) -> Self {
        let (days, hours) = match moment.distance {
            ReminderDistance::Days(days) => (Some(days), None),
            ReminderDistance::Hours(hours) => (None, Some(hours)),
        };
        Self { when: moment.when.as_str(), days, hours }
    }
}

impl PlannedReminderView {
    pub fn new(planned: &PlannedReminder, settings: &Settings) -> Self {
        Self { at: instant(planned.at, settings), moment: ReminderMomentView::new(&planned.moment) }
    }
}

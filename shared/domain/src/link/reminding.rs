//! Reminding those who were asked to pay. Whether somebody is reminded is decided when it is time, from the link as it is
//! then; the instant on a link only says when to look. Messages of a reminder are not kept on the link: they follow from it
//! and from whom it was made for.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attempt::AttemptState;
use super::lease::LEASE;
use super::message_round::MessageRound;
use super::payment_link::{LinkStatus, PaymentLink, Visit};
use crate::business::reminders::{MOST_REMINDERS, PlannedReminder, ReminderSettings, ReminderSubject};
use crate::business::settings::Settings;
use crate::clocks::later;
use crate::ids::MessageId;
use crate::messages::kind::MessageKind;
use crate::messages::message::MessageContext;
use crate::messages::recipients::{Recipient, sent_at_once};
use crate::money::Money;

/// How long a reminder waits where it is being found out whether somebody paid.
const WHILE_UNDECIDED: SignedDuration = SignedDuration::from_hours(6);

/// How long it waits where a person has to find out, and the longest before somebody looks again: a hold or a suspension may
/// end before its time.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// That people were reminded of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// The version of the link that it was written with.
    pub version: u64,
    pub at: Timestamp,
    /// Whether the money was due already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_overdue: bool,
    /// What was left to pay of the link's item then, in minor units, where that was less than of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<i64>,
}

impl Reminder {
    pub fn kind(&self) -> MessageKind {
        if self.is_overdue { MessageKind::PaymentOverdue } else { MessageKind::PaymentReminder }
    }

    /// The message in which somebody is reminded who was asked to pay by `asked`.
    fn message_of(&self, asked: &MessageId) -> MessageId {
        MessageId::of_news(asked, &format!("reminder#{}", self.version))
    }
}

/// Why nobody is reminded, of what lies beside the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReminded {
    /// The business may take no new payments for the moment.
    Suspended,
    /// Other links paid the item of this one.
    ItemPaid,
    /// The contact wants no reminders.
    NotWanted,
    /// The business has sent as much as the platform allows it until then.
    QuotaReached { until: Timestamp },
    /// It is more than the platform allows the business in a whole day.
    OverQuota,
}

/// Why nobody is reminded at the moment at which somebody wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemindRefused {
    /// It is paid, it ended, or nothing is left to pay of it.
    NothingToPay,
    /// Nobody was told of the link.
    NobodyTold,
    /// The contact wants no reminders, or the link was made without.
    NotWanted,
    /// Somebody is paying, or may have paid.
    MayBePaid,
    OnHold,
    AlreadyToday,
    /// As often as anybody is reminded of a link.
    TooOften,
    /// It is more than the platform allows the business in a whole day.
    OverQuota,
    /// It can be done then: the business may again, or its hours begin. `None` where they never do before the link ends.
    NotBefore {
        at: Option<Timestamp>,
        why: ReminderWait,
    },
}

/// What a reminder waits for that somebody wants now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderWait {
    OpenHours,
    QuotaReached,
    Suspended,
}

/// What reminders of a link are decided by, beside the link.
#[derive(Clone, Copy, Debug)]
pub struct ReminderRules<'a> {
    pub settings: &'a Settings,
    pub why_not: Option<NotReminded>,
    /// What is left to pay of the link's item, in minor units, where that matters.
    pub room: Option<i64>,
}

impl PaymentLink {
    pub fn reminders(&self) -> &[Reminder] {
        &self.reminders
    }

    /// When somebody looks next whether to remind. `None` where nobody does.
    pub fn reminder_due_at(&self) -> Option<Timestamp> {
        self.next_reminder_at.filter(|_| self.status == LinkStatus::Active)
    }

    /// What the link's reminders follow from.
    pub fn reminder_subject(&self) -> ReminderSubject<'_> {
        ReminderSubject {
            created_at: self.created_at,
            expires_at: self.terms.expires_at,
            dues: self.dues().into_iter().filter_map(|(due_at, _)| due_at).collect(),
            own: self.terms.reminders.as_deref(),
        }
    }

    /// The link as one that is looked at when its next reminder is due. Nobody is reminded of a link that nobody was told of.
    #[must_use]
    pub fn reminding(mut self, settings: &Settings, wants_none: bool) -> Self {
        let after = self.reminded_until().max(self.updated_at);
        let is_off = wants_none || self.status != LinkStatus::Active;
        let next = self.reminder_subject().candidates(settings, after).first().map(|next| next.at);
        self.next_reminder_at = next.filter(|_| !is_off);
        self
    }

    /// Everything until then was reminded of, or is not known to have been.
    fn reminded_until(&self) -> Timestamp {
        let last = self.reminders.last().map(|reminder| reminder.at);
        self.restored_at.into_iter().chain(last).fold(self.created_at, Timestamp::max)
    }

    /// Reminds where it is time for it and nothing stands against it, and notes when to look next. Of several moments that
    /// passed, because a run came late or something stood against them, one reminder is made.
    pub(super) fn remind(&mut self, rules: ReminderRules<'_>, now: Timestamp) {
        if self.reminder_due_at().is_none_or(|due| due > now) {
            return;
        }
        if self.reminders.len() >= MOST_REMINDERS {
            self.next_reminder_at = None;
            return;
        }
        let expires_at = self.terms.expires_at;
        let (hours, zone) = (ReminderSettings::of(rules.settings), rules.settings.zone());
        let open = |at: Timestamp| hours.first_open(at, &zone).filter(|at| *at < expires_at);
        let candidates = self.reminder_subject().candidates(rules.settings, self.reminded_until());
        let passed = candidates.iter().any(|one| one.at <= now && now < one.until);
        let next = |after: Timestamp| candidates.iter().map(|one| one.at).find(|at| *at > after);
        // What was paid otherwise may go back, a contact may want reminders again, and somebody may be told of the link later.
        let is_never = [NotReminded::ItemPaid, NotReminded::NotWanted, NotReminded::OverQuota];
        let is_for_nobody =
            rules.why_not.is_some_and(|why_not| is_never.contains(&why_not)) || self.asked_before(u64::MAX).is_empty();
        if !passed || is_for_nobody {
            self.next_reminder_at = next(now);
            return;
        }
        let waits_until = open(self.waits_until(rules.why_not, now).unwrap_or(now));
        if waits_until != Some(now) {
            self.next_reminder_at = waits_until;
            return;
        }
        self.add_reminder(&candidates, rules, now);
    }

    /// Notes that people are reminded now, and are not a second time on the same day.
    fn add_reminder(&mut self, candidates: &[PlannedReminder], rules: ReminderRules<'_>, now: Timestamp) {
        let zone = rules.settings.zone();
        let today = zone.to_datetime(now).date();
        let on_another_day = |one: &Timestamp| *one > now && zone.to_datetime(*one).date() != today;
        self.next_reminder_at = candidates.iter().map(|one| one.at).find(on_another_day);
        let is_overdue = self.dues().iter().any(|(due_at, _)| due_at.is_some_and(|due_at| due_at <= now));
        let room = rules.room.filter(|room| *room < self.open_amount());
        self.reminders.push(Reminder { version: self.version + 1, at: now, is_overdue, room });
    }

    /// Reminds now because somebody wants it, by the same rules but for the moments. Where the link has none of its own, it is
    /// reminded of as any other.
    ///
    /// # Errors
    ///
    /// What stands against it, the lasting first.
    pub fn remind_now(&self, rules: ReminderRules<'_>, now: Timestamp) -> Result<Self, RemindRefused> {
        let zone = rules.settings.zone();
        if !self.is_payable(now) || self.open_amount() == 0 || rules.why_not == Some(NotReminded::ItemPaid) {
            return Err(RemindRefused::NothingToPay);
        }
        let is_off = self.terms.reminders.as_ref().is_some_and(Vec::is_empty);
        if is_off || rules.why_not == Some(NotReminded::NotWanted) {
            return Err(RemindRefused::NotWanted);
        }
        if self.asked_before(u64::MAX).is_empty() {
            return Err(RemindRefused::NobodyTold);
        }
        if self.reminders.len() >= MOST_REMINDERS {
            return Err(RemindRefused::TooOften);
        }
        match rules.why_not {
            Some(NotReminded::Suspended) => {
                return Err(RemindRefused::NotBefore { at: None, why: ReminderWait::Suspended });
            }
            Some(NotReminded::QuotaReached { until }) => {
                return Err(RemindRefused::NotBefore { at: Some(until), why: ReminderWait::QuotaReached });
            }
            Some(NotReminded::OverQuota) => return Err(RemindRefused::OverQuota),
            Some(NotReminded::ItemPaid | NotReminded::NotWanted) | None => {}
        }
        let open = ReminderSettings::of(rules.settings).first_open(now, &zone);
        if open != Some(now) {
            let at = open.filter(|at| *at < self.terms.expires_at);
            return Err(RemindRefused::NotBefore { at, why: ReminderWait::OpenHours });
        }
        // What may be another when the hours begin is asked then.
        let day = |at: Timestamp| zone.to_datetime(at).date();
        if self.reminders.last().is_some_and(|last| day(last.at) == day(now)) {
            return Err(RemindRefused::AlreadyToday);
        }
        if self.hold_at(now).is_some() {
            return Err(RemindRefused::OnHold);
        }
        if self.undecided_until(now).is_some() {
            return Err(RemindRefused::MayBePaid);
        }
        let candidates = self.reminder_subject().candidates(rules.settings, self.reminded_until());
        Ok(self.changed(now, |link| link.add_reminder(&candidates, rules, now)))
    }

    /// Until when a reminder waits, where it does: for who is paying, may have paid, or has promised to, and for what the
    /// business may not at the moment.
    fn waits_until(&self, why_not: Option<NotReminded>, now: Timestamp) -> Option<Timestamp> {
        let held = self.hold_at(now).map(|hold| hold.until.min(later(now, LONGEST_WAIT)));
        let not_allowed = match why_not {
            Some(NotReminded::Suspended) => Some(later(now, LONGEST_WAIT)),
            Some(NotReminded::QuotaReached { until }) => Some(until),
            Some(NotReminded::ItemPaid | NotReminded::NotWanted | NotReminded::OverQuota) | None => None,
        };
        [held, not_allowed, self.undecided_until(now)].into_iter().flatten().max()
    }

    /// Until when it is not known whether somebody who is paying, or says so, has paid.
    fn undecided_until(&self, now: Timestamp) -> Option<Timestamp> {
        // A payment of the last minutes of a session is known only a while after that.
        let sessions = self.attempts.iter().filter(|attempt| matches!(attempt.state, AttemptState::Open { .. }));
        let known = sessions.map(|session| later(session.deadline, LEASE)).filter(|known| *known > now).max();
        let undecided = match self.visit(now) {
            Visit::Confirming => Some(later(now, WHILE_UNDECIDED)),
            Visit::UnderReview => Some(later(now, LONGEST_WAIT)),
            Visit::Continue(_)
            | Visit::Begin
            | Visit::Paid
            | Visit::OnHold
            | Visit::Expired
            | Visit::Cancelled
            | Visit::Replaced
            | Visit::TooManyAttempts => None,
        };
        known.max(undecided)
    }

    /// Whether a message of a reminder may still go out: something of what it asks for is left, and nobody is paying.
    pub fn may_remind(&self, reminder: &Reminder, now: Timestamp) -> bool {
        let is_left = self.amount_reminded_of(reminder).minor_units() > 0;
        is_left && self.is_payable(now) && self.waits_until(None, now).is_none()
    }

    /// How many messages a reminder at this moment would be.
    pub fn to_remind(&self) -> u64 {
        sent_at_once(self.asked_before(u64::MAX).into_iter())
    }

    /// Everybody who was asked to pay before a version of the link, each address once: who is told of it later was not to be
    /// reminded.
    pub(super) fn asked_before(&self, version: u64) -> Vec<&Recipient> {
        let is_before = |round: &&MessageRound| round.version < version;
        let later = self.message_rounds.iter().filter(is_before).flat_map(|round| &round.recipients);
        let mut asked: Vec<&Recipient> = Vec::new();
        for recipient in self.terms.recipients.iter().chain(later) {
            if !asked.iter().any(|known| known.has_address_of(recipient)) {
                asked.push(recipient);
            }
        }
        asked
    }

    /// Whom a reminder goes to, each with the id of that message.
    pub fn reminded(&self, reminder: &Reminder) -> Vec<Recipient> {
        let asked = self.asked_before(reminder.version);
        let all: Vec<&Recipient> = self.recipients().collect();
        // Who stands in for an address of a later round stands in for the same address of the first that had it.
        let same = |id: &MessageId| {
            let named = all.iter().find(|recipient| recipient.id == *id)?;
            asked.iter().find(|known| known.has_address_of(named)).map(|known| reminder.message_of(&known.id))
        };
        let message = |asked: &&Recipient| Recipient {
            id: reminder.message_of(&asked.id),
            stands_in_for: asked.stands_in_for.iter().filter_map(same).collect(),
            ..(*asked).clone()
        };
        asked.iter().map(message).collect()
    }

    /// What a reminder asks for: what was due by then, else what is due next.
    pub fn amount_reminded_of(&self, reminder: &Reminder) -> Money {
        let dues = self.dues();
        let by = if reminder.is_overdue { Some(reminder.at) } else { dues.first().and_then(|(due_at, _)| *due_at) };
        let is_meant = |due_at: &Option<Timestamp>| by.is_none_or(|by| due_at.is_none_or(|due_at| due_at <= by));
        let due =
            dues.iter().filter(|(due_at, _)| is_meant(due_at)).fold(0_i64, |sum, (_, due)| sum.saturating_add(*due));
        self.terms.amount.with(reminder.room.map_or(due, |room| due.min(room)))
    }

    /// What a message of a reminder can say: by when to pay is the date that is due next, where that is still ahead and the link
    /// lives on after it. `url` is that of the link.
    pub fn reminder_context<'a>(&'a self, reminder: &Reminder, url: &'a str) -> MessageContext<'a> {
        let due_at = self.next_due_at();
        let context = self.terms.message_context(url, self.amount_reminded_of(reminder));
        let is_ahead = |due_at: &Timestamp| !reminder.is_overdue && *due_at < context.expires_at;
        let expires_at = due_at.filter(is_ahead).unwrap_or(context.expires_at);
        MessageContext { kind: reminder.kind(), due_at, expires_at, ..context }
    }
}

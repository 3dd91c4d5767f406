//! The payment link: the terms it was made on, its life, and the attempts to pay it.
//!
//! Every change is a function from one link to the next; the store writes the next one only where the one before it is
//! still what the table holds. So whatever two callers decide at the same time, one of them decides again on what the
//! other wrote. Statuses only move forward: `active`, then `paid`, `expired`, `cancelled` or `replaced`, and from `expired`
//! to `replaced`, or to `paid` where the account accepts late payments. A link is paid once its payments are together what is asked for.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::mem::discriminant;

use super::attempt::{Attempt, AttemptState, Checkout, NewAttempt};
use super::created_by::CreatedBy;
use super::dispute::Dispute;
use super::hold::Hold;
use super::lease::LEASE;
use super::message_round::{MAX_MESSAGE_ROUNDS, MessageRound, ResendRefused, SHORTEST_PAUSE};
use super::outbox::{LinkEvent, NewEvent, Outbox};
use super::recipient_mark::{OpenedBy, RecipientMark};
use super::refund::{Refund, RefundState};
use super::reminding::{Reminder, ReminderRules};
use super::terms::{Terms, pay_url};
use crate::clocks::later;
use crate::events::{EventRecord, EventType};
use crate::gateway::DisputeState;
use crate::idempotency::{IdempotencyLog, Repeat, RequestFingerprint};
use crate::ids::{
    AttemptId, BusinessId, CredentialsVersion, EventId, LinkId, MessageId, PayToken, ReceiptId, RefundId, ReturnKey,
};
use crate::messages::channel::Channel;
use crate::messages::recipients::Recipient;
use crate::money::Money;
use crate::records::item_payments::ItemPayments;
use crate::records::shards::is_first_shard;
use crate::trace::Trace;

/// A link keeps at most this many attempts beside its payments. A new one takes the place of the oldest that ended without money.
pub const MAX_ATTEMPTS: usize = 20;

/// At most this many sessions are opened for one link within an hour.
pub const MAX_ATTEMPTS_AN_HOUR: usize = 10;

/// Why a link was cancelled whose item was paid by other links.
const ITEM_PAID: &str = "item_paid";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LinkStatus {
    Active,
    /// `paid_by` is the payment after which nothing was due any more.
    Paid {
        paid_at: Timestamp,
        paid_by: AttemptId,
    },
    Expired {
        expired_at: Timestamp,
    },
    Cancelled {
        cancelled_at: Timestamp,
        reason: Option<String>,
    },
    /// Another link took its place.
    Replaced {
        replaced_at: Timestamp,
        #[serde(rename = "replaced_by")]
        by: LinkId,
    },
}

impl LinkStatus {
    /// The name of the status in the API.
    pub fn name(&self) -> &'static str {
        self.kind().as_str()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLink {
    pub(super) id: LinkId,
    pub(super) business: BusinessId,
    /// Which of the business's partitions of a list it is in. It stays there however many there are later.
    #[serde(default, skip_serializing_if = "is_first_shard")]
    pub(super) shard: u8,
    pub(super) token: PayToken,
    /// Scheme and host of the pay URL, without a final slash.
    pub(super) base: String,
    /// Counts the changes. The store writes a change only over the version it was decided on.
    pub(super) version: u64,
    /// A hash of the request that made the link, so that a retry can be told from another request.
    #[serde(rename = "hash")]
    pub(super) request_hash: String,
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<CreatedBy>,
    #[serde(flatten)]
    pub(super) terms: Terms,
    #[serde(flatten)]
    pub(super) status: LinkStatus,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attempts: Vec<Attempt>,
    /// When a person first opened the link while it could be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opened_at: Option<Timestamp>,
    /// By whose address, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opened_by: Option<OpenedBy>,
    /// What holds it for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hold: Option<Hold>,
    /// The rounds of messages after the first, which is in the terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) message_rounds: Vec<MessageRound>,
    /// When somebody looks next whether to remind of the link.
    #[serde(rename = "remind_at", default, skip_serializing_if = "Option::is_none")]
    pub(super) next_reminder_at: Option<Timestamp>,
    /// The reminders that were made. (`reminders` of the terms are their moments.)
    #[serde(rename = "reminded", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reminders: Vec<Reminder>,
    /// The channels that messages went by to people who are forgotten.
    #[serde(rename = "went_by", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) forgotten_channels: BTreeSet<Channel>,
    /// A message failed for good since the last round began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) message_failed: bool,
    /// The link's events, until they are too old to be sent to the CRM.
    #[serde(default)]
    pub(super) outbox: Outbox,
    #[serde(default, skip_serializing_if = "IdempotencyLog::is_empty")]
    pub(super) idempotency: IdempotencyLog,
    /// The trace of the call that made the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<Trace>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// The link whose place this one took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaces: Option<LinkId>,
    /// The first link of the chain, where that is yet another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) chain: Option<LinkId>,
    /// When a customer last asked for a new link in the place of this one.
    #[serde(rename = "renewal_at", default, skip_serializing_if = "Option::is_none")]
    pub(super) renewal_requested_at: Option<Timestamp>,
    /// When the link last came back from a copy of the table, because it was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restored_at: Option<Timestamp>,
}

/// What a visitor of the pay URL gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visit {
    /// A session is open at the gateway: go there.
    Continue(Checkout),
    /// A session has to be opened.
    Begin,
    /// Somebody has paid, or may have, and we are finding out.
    Confirming,
    /// Somebody may have paid, and only a person can find out: nobody else should pay meanwhile.
    UnderReview,
    Paid,
    /// Nobody can pay for the moment, because the business wants it so.
    OnHold,
    Expired,
    Cancelled,
    /// Another link took its place, and is what the visitor wants.
    Replaced,
    /// Too many sessions were opened.
    TooManyAttempts,
}

/// Work that a sweep leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    LookUp(AttemptId),
    Confirm(AttemptId),
    /// Write down a payment that a person accepted.
    Keep(AttemptId),
    /// Ask about a refund, and for it where nothing was asked for yet.
    Refund(AttemptId, RefundId),
}

impl Work {
    /// The attempt that the work is about.
    pub fn attempt(&self) -> &AttemptId {
        match self {
            Self::LookUp(id) | Self::Confirm(id) | Self::Keep(id) | Self::Refund(id, _) => id,
        }
    }
}

/// Why a link cannot be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelRefused {
    /// Somebody is paying. `can_force` is false while money is being taken.
    PaymentInProgress { can_force: bool },
    /// It is paid, expired, cancelled or replaced already.
    NotActive,
}

impl PaymentLink {
    pub fn new(
        business: BusinessId,
        token: PayToken,
        base: &str,
        request_hash: String,
        terms: Terms,
        now: Timestamp,
    ) -> Self {
        let mut outbox = Outbox::default();
        outbox.add(vec![NewEvent::of_link(EventType::LinkCreated)], 0, 1, now);
        Self {
            id: LinkId::of(&token),
            business,
            shard: 0,
            token,
            base: base.trim_end_matches('/').to_owned(),
            version: 1,
            request_hash,
            created_by: None,
            terms,
            status: LinkStatus::Active,
            attempts: Vec::new(),
            opened_at: None,
            opened_by: None,
            hold: None,
            message_rounds: Vec::new(),
            next_reminder_at: None,
            reminders: Vec::new(),
            forgotten_channels: BTreeSet::new(),
            message_failed: false,
            outbox,
            idempotency: IdempotencyLog::default(),
            trace: None,
            created_at: now,
            updated_at: now,
            replaces: None,
            chain: None,
            renewal_requested_at: None,
            restored_at: None,
        }
    }

    /// The link in this one of its business's partitions of a list.
    #[must_use]
    pub fn in_shard(self, shard: u8) -> Self {
        Self { shard, ..self }
    }

    pub fn shard(&self) -> u8 {
        self.shard
    }

    /// The link with who made it.
    #[must_use]
    pub fn made_by(self, somebody: impl Into<Option<CreatedBy>>) -> Self {
        Self { created_by: somebody.into(), ..self }
    }

    pub fn created_by(&self) -> Option<&CreatedBy> {
        self.created_by.as_ref()
    }

    /// The link as part of a trace. Whatever follows from it belongs to the same one.
    #[must_use]
    pub fn traced(mut self, trace: Option<Trace>) -> Self {
        self.trace = trace;
        self
    }

    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// What every log line about the link carries, so that one search finds all that followed from one call.
    pub fn trace_id(&self) -> Option<&str> {
        self.trace.as_ref().map(Trace::id)
    }

    pub fn id(&self) -> &LinkId {
        &self.id
    }

    pub fn business(&self) -> &BusinessId {
        &self.business
    }

    pub fn token(&self) -> &PayToken {
        &self.token
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The address that the customer opens. Anybody who has it can pay, so it must not be logged.
    pub fn url(&self) -> String {
        pay_url(&self.base, self.token.expose())
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn request_hash(&self) -> &str {
        &self.request_hash
    }

    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    pub fn opened_at(&self) -> Option<Timestamp> {
        self.opened_at
    }

    pub fn message_rounds(&self) -> &[MessageRound] {
        &self.message_rounds
    }

    /// Whom each round asks to pay, in the order of the rounds.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.terms.recipients.iter().chain(self.message_rounds.iter().flat_map(|round| &round.recipients))
    }

    /// By which channels messages of all rounds went, also to people who are forgotten.
    pub fn channels(&self) -> BTreeSet<Channel> {
        let of_recipients = self.recipients().map(|recipient| recipient.channel);
        of_recipients.chain(self.forgotten_channels.iter().copied()).collect()
    }

    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// An event of the link as it is kept, before it was sent to anybody.
    pub fn record(&self, event: &LinkEvent, recorded_at: Timestamp) -> EventRecord {
        EventRecord {
            id: EventId::of(&self.id, event.sequence),
            business: self.business.clone(),
            shard: self.shard,
            sequence: event.sequence,
            kind: event.kind,
            attempt: event.attempt.clone(),
            refund: event.refund.clone(),
            message: event.message.clone(),
            entry: None,
            look_back: None,
            former_endpoint: None,
            happened_at: event.at,
            recorded_at,
            deliveries: Vec::new(),
            is_unaddressed: false,
            held_until: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        }
    }

    /// Whether this version of the link brought a message to send or an event for the CRM.
    pub fn needs_delivery(&self) -> bool {
        self.outbox.any_of(self.version)
            || self.message_rounds.last().is_some_and(|round| round.version == self.version)
            || self.reminders.last().is_some_and(|reminder| reminder.version == self.version)
    }

    /// Whether a request with an idempotency key was answered before.
    pub fn knows(&self, mark: Option<&RequestFingerprint>) -> Repeat {
        self.idempotency.knows(mark)
    }

    /// Remembers the request that a change answers; written with the change.
    #[must_use]
    pub fn remembering(mut self, mark: Option<RequestFingerprint>) -> Self {
        self.idempotency.add(mark);
        self
    }

    /// The status as it was written. What it means at a moment is [`PaymentLink::status_at`].
    pub(crate) fn status(&self) -> &LinkStatus {
        &self.status
    }

    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The number behind which versions, events and rounds of messages are numbered. It is 0 for a link that was never
    /// lost. One that was lost may have numbered anything since the instant of its copy, and what is numbered anew must
    /// not have the name of something that somebody was told. No link has had as many of anything as seconds have
    /// passed since 1970, so that the second of the restore is behind all of them, and behind those of every earlier
    /// restore.
    pub fn numbered_behind(&self) -> u32 {
        self.restored_at.map_or(0, |at| u32::try_from(at.as_second()).unwrap_or(u32::MAX))
    }

    pub fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == *id)
    }

    pub fn attempt_by_key(&self, key: &ReturnKey) -> Option<&Attempt> {
        self.attempt(&AttemptId::of(key))
    }

    pub fn needs_review(&self) -> bool {
        let is_reviewed = |attempt: &Attempt| {
            matches!(attempt.state, AttemptState::NeedsReview { .. })
                || attempt.is_kept() && attempt.refunds.iter().any(Refund::needs_review)
        };
        self.attempts.iter().any(is_reviewed)
    }

    /// Whether payments of the link get receipts.
    pub fn registers_receipts(&self) -> bool {
        self.terms.after_payment.register_receipt
    }

    /// The receipt of an attempt's payment, where the link keeps that and receipts were asked for.
    pub fn receipt_id_of(&self, attempt: &Attempt) -> Option<ReceiptId> {
        (self.registers_receipts() && attempt.is_kept()).then(|| attempt.receipt_id())
    }

    /// The payment by which the link is known to be paid and of which nothing else is known, because it came back from a copy.
    pub(super) fn paid_by_unknown(&self) -> Option<&AttemptId> {
        let LinkStatus::Paid { paid_by, .. } = &self.status else { return None };
        self.attempt(paid_by).is_none().then_some(paid_by)
    }

    /// The status at this moment. An active link past its end is expired, whether or not the sweep has been there.
    pub fn status_at(&self, now: Timestamp) -> LinkStatus {
        match &self.status {
            LinkStatus::Active if self.ends_at().is_some_and(|end| end <= now) => {
                LinkStatus::Expired { expired_at: self.ends_at().unwrap_or(now) }
            }
            LinkStatus::Active
            | LinkStatus::Paid { .. }
            | LinkStatus::Expired { .. }
            | LinkStatus::Cancelled { .. }
            | LinkStatus::Replaced { .. } => self.status.clone(),
        }
    }

    pub(super) fn is_payable(&self, now: Timestamp) -> bool {
        self.status_at(now) == LinkStatus::Active
    }

    /// When an active link ends: at its expiry, or when a payment begun in time can no longer become known, or when one
    /// that the gateway calls on its way has been so for too long. While an attempt is confirming it does not end at all.
    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        if self.confirming().is_some() {
            return None;
        }
        // Where another part was chosen meanwhile, somebody may still be paying in the session before.
        let open = self.attempts.iter().filter(|attempt| matches!(attempt.state, AttemptState::Open { .. }));
        let deadline = open.map(|attempt| attempt.deadline).max();
        // What the gateway itself calls on its way may arrive days later. A customer's word holds nothing open.
        let processing = self.attempts.iter().filter_map(Attempt::processing_ends_at).max();
        Some([deadline, processing].into_iter().flatten().fold(self.terms.expires_at, Timestamp::max))
    }

    /// The attempt whose money is about to become the payment: everything else yields to it.
    pub(super) fn confirming(&self) -> Option<&Attempt> {
        let confirms =
            |state: &AttemptState| matches!(state, AttemptState::Confirming { .. } | AttemptState::Accepted { .. });
        self.attempts.iter().find(|attempt| confirms(&attempt.state))
    }

    /// When the next work on the link is due: at its end, when an attempt's work is due, or when people may be to be reminded,
    /// whichever comes first.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.work_due_at().into_iter().chain(self.reminder_due_at()).min()
    }

    /// The same without reminders.
    fn work_due_at(&self) -> Option<Timestamp> {
        let end = if self.status == LinkStatus::Active { self.ends_at() } else { None };
        self.attempts.iter().filter_map(Attempt::due_at).chain(end).min()
    }

    /// The link's place in the index of due work: sweeps look at the link from then on, which is never later than
    /// [`PaymentLink::due_at`].
    pub fn sweep_from(&self) -> Option<Timestamp> {
        let end = if self.status == LinkStatus::Active { self.ends_at() } else { None };
        self.attempts.iter().filter_map(Attempt::sweep_from).chain(end).chain(self.reminder_due_at()).min()
    }

    /// What somebody who opens the link now should get.
    pub fn visit(&self, now: Timestamp) -> Visit {
        self.visit_to_pay(None, now)
    }

    /// The same for somebody who wants to pay this amount. Who wants another one than the last session is for gets a new one,
    /// unless something is known to have been paid in that.
    pub fn visit_to_pay(&self, money: Option<Money>, now: Timestamp) -> Visit {
        match self.status_at(now) {
            LinkStatus::Paid { .. } => return Visit::Paid,
            LinkStatus::Expired { .. } => return Visit::Expired,
            LinkStatus::Cancelled { .. } => return Visit::Cancelled,
            LinkStatus::Replaced { .. } => return Visit::Replaced,
            LinkStatus::Active => {}
        }
        let is_reported = |state: &AttemptState| matches!(state, AttemptState::Open { reported_at: Some(_), .. });
        if self.confirming().is_some() || self.attempts.iter().any(|attempt| is_reported(&attempt.state)) {
            return Visit::Confirming;
        }
        if self.needs_review() {
            return Visit::UnderReview;
        }
        if self.is_paying_stopped(now) {
            return Visit::OnHold;
        }
        if let Some(current) = self.current_session() {
            let is_wanted =
                current.money.minor_units() <= self.open_amount() && money.is_none_or(|money| money == current.money);
            if is_wanted && now < current.session_ends_at {
                return Visit::Continue(current.checkout.clone());
            }
            if now >= self.terms.expires_at {
                return Visit::Confirming;
            }
        }
        if now >= self.terms.expires_at {
            return Visit::Expired;
        }
        let hour_ago = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
        let lately = self.attempts.iter().filter(|attempt| attempt.opened_at > hour_ago && !attempt.is_kept()).count();
        let is_full = self.has_many_attempts() && !self.attempts.iter().any(|a| a.state.ended_without_money());
        if lately >= MAX_ATTEMPTS_AN_HOUR || is_full || self.outbox.is_full() {
            Visit::TooManyAttempts
        } else {
            Visit::Begin
        }
    }

    /// The attempt whose session a customer was last sent to. What a person wrote down since is none.
    pub fn last_session(&self) -> Option<&Attempt> {
        self.attempts.iter().rfind(|attempt| !attempt.is_recorded())
    }

    /// The last session, where somebody may be paying in it.
    pub fn current_session(&self) -> Option<&Attempt> {
        self.last_session().filter(|attempt| matches!(attempt.state, AttemptState::Open { .. }))
    }

    fn has_many_attempts(&self) -> bool {
        self.attempts.iter().filter(|attempt| !attempt.is_kept()).count() >= MAX_ATTEMPTS
    }

    /// The attempt that a visitor would begin now to pay this amount. `credentials` are the account's present ones, where the
    /// account still is at the link's gateway.
    ///
    /// Where no more is left to pay of the link's item than this, it pays all that is due.
    pub fn new_attempt(
        &self,
        key: ReturnKey,
        credentials: Option<CredentialsVersion>,
        money: Money,
        room: Option<i64>,
    ) -> NewAttempt {
        let due = self.open_amount();
        let is_all_there_is = room.is_some_and(|room| room < due && money.minor_units() == room);
        NewAttempt {
            key,
            gateway: self.terms.account.gateway,
            account_id: self.terms.account.id.clone(),
            credentials: credentials.unwrap_or_else(|| self.terms.account.credentials.clone()),
            money,
            settles: is_all_there_is.then_some(due),
        }
    }

    /// Records that a person opened the link, once. `None` where that is known already.
    pub fn opened(&self, now: Timestamp) -> Option<Self> {
        self.opened_with(None, now)
    }

    /// The same by the address that has this mark, where it has one.
    pub fn opened_with(&self, mark: Option<RecipientMark>, now: Timestamp) -> Option<Self> {
        self.opened_at.is_none().then(|| self.changed(now, |link| link.note_opened(mark, now)))
    }

    fn note_opened(&mut self, mark: Option<RecipientMark>, now: Timestamp) {
        if self.opened_at.is_none() {
            self.opened_at = Some(now);
            self.opened_by = self.opened_through(mark);
        }
    }

    /// Makes a session the current one, or says what the visitor gets instead.
    pub fn begin_attempt(&self, attempt: Attempt, now: Timestamp) -> Result<Self, Visit> {
        match self.visit_to_pay(Some(attempt.money), now) {
            Visit::Begin if attempt.money.minor_units() > self.open_amount() => Err(Visit::Begin),
            Visit::Begin => Ok(self.changed(now, |link| {
                link.make_room();
                link.note_opened(attempt.begun_by, now);
                link.attempts.push(attempt);
            })),
            otherwise @ (Visit::Continue(_)
            | Visit::Confirming
            | Visit::UnderReview
            | Visit::Paid
            | Visit::OnHold
            | Visit::Expired
            | Visit::Cancelled
            | Visit::Replaced
            | Visit::TooManyAttempts) => Err(otherwise),
        }
    }

    /// Drops the oldest attempt that ended without money, where there are as many attempts as a link keeps.
    pub(super) fn make_room(&mut self) {
        if self.has_many_attempts()
            && let Some(oldest) = self.attempts.iter().position(|attempt| attempt.state.ended_without_money())
        {
            self.attempts.remove(oldest);
        }
    }

    /// Leases everything that is due. The result is the link after one write, which expires it where it must and moves
    /// each piece of due work ahead by a lease, and the work itself. `None` where nothing is due.
    /// `rules` decide about a reminder that is due; without any it stays so.
    pub fn lease_due(&self, rules: Option<ReminderRules<'_>>, now: Timestamp) -> Option<(Self, Vec<Work>)> {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let rules = rules.filter(|_| is_due(self.reminder_due_at()));
        if !is_due(self.work_due_at()) && rules.is_none() {
            return None;
        }
        let mut work = Vec::new();
        let link = self.changed(now, |link| {
            if link.status == LinkStatus::Active && link.ends_at().is_some_and(|end| end <= now) {
                link.close(LinkStatus::Expired { expired_at: now }, now);
            }
            for attempt in &mut link.attempts {
                if attempt.state.due_at().is_some_and(|due| due <= now) {
                    work.extend(lease_attempt(attempt, now));
                }
                work.extend(attempt.lease_refunds(now));
            }
            if let Some(rules) = rules {
                link.remind(rules, now);
            }
        });
        Some((link, work))
    }

    /// Whether the change from `before` to this state made the link expire.
    pub fn expired_by(&self, before: &Self) -> bool {
        before.status == LinkStatus::Active && matches!(self.status, LinkStatus::Expired { .. })
    }

    /// Puts changed terms in place of the present ones. `None` where the link is not active any more.
    pub fn amended(&self, terms: Terms, now: Timestamp) -> Option<Self> {
        self.is_payable(now).then(|| self.changed(now, |link| link.terms = terms))
    }

    /// Adds a round of messages to an active link, unless the last one was a moment ago or there were too many.
    pub fn resend(&self, round: MessageRound, now: Timestamp) -> Result<Self, ResendRefused> {
        self.may_resend(now)?;
        Ok(self.changed(now, |link| {
            link.message_rounds.push(MessageRound { version: link.version + 1, at: now, ..round });
            link.message_failed = false;
        }))
    }

    /// Whether there may be another round at this moment.
    pub fn may_resend(&self, now: Timestamp) -> Result<(), ResendRefused> {
        if !self.is_payable(now) {
            return Err(ResendRefused::NotActive);
        }
        if self.message_rounds.len() >= MAX_MESSAGE_ROUNDS {
            return Err(ResendRefused::TooOften);
        }
        let last = self.message_rounds.last().map_or(self.created_at, |round| round.at);
        let left = SHORTEST_PAUSE.saturating_sub(now.duration_since(last));
        // Where the link was made without recipients, the first round need not wait.
        let is_first = self.message_rounds.is_empty() && self.terms.recipients.is_empty();
        if left.is_positive() && !is_first {
            return Err(ResendRefused::TooSoon { seconds: left.as_secs() + 1 });
        }
        Ok(())
    }

    /// The number of the next round, counted from 1; the first one, when the link was made, is 0.
    pub fn next_round(&self) -> u32 {
        let rounds = u32::try_from(self.message_rounds.len()).unwrap_or(u32::MAX);
        self.numbered_behind().saturating_add(rounds).saturating_add(1)
    }

    /// Notes that a message failed for good, once. `None` where that is known already.
    pub fn message_failed(&self, message: &MessageId, now: Timestamp) -> Option<Self> {
        let is_known = self.outbox.as_slice().iter().any(|one| one.message.as_ref() == Some(message));
        (!is_known).then(|| {
            self.changed(now, |link| {
                let (behind, version) = (link.numbered_behind(), link.version + 1);
                link.outbox.add(vec![NewEvent::of_message(EventType::MessageFailed, message)], behind, version, now);
                link.message_failed = true;
            })
        })
    }

    /// The link without those of its events that are recorded, where it holds many. `None` where there is nothing to drop.
    pub fn without_recorded(&self, recorded: &BTreeSet<u32>, now: Timestamp) -> Option<Self> {
        let outbox = self.outbox.without_recorded(recorded)?;
        Some(self.changed(now, |link| link.outbox = outbox))
    }

    /// Whether it ended because its item was paid by other links.
    pub fn ended_as_item_paid(&self) -> bool {
        matches!(&self.status, LinkStatus::Cancelled { reason: Some(reason), .. } if reason == ITEM_PAID)
    }

    /// Ends an active link at the business's wish.
    pub fn cancel(&self, reason: Option<String>, force: bool, now: Timestamp) -> Result<Self, CancelRefused> {
        if !self.is_payable(now) {
            return Err(CancelRefused::NotActive);
        }
        if self.confirming().is_some() {
            return Err(CancelRefused::PaymentInProgress { can_force: false });
        }
        if !force && self.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::Open { .. })) {
            return Err(CancelRefused::PaymentInProgress { can_force: true });
        }
        Ok(self.changed(now, |link| link.close(LinkStatus::Cancelled { cancelled_at: now, reason }, now)))
    }

    /// The link as one that ended because its item has no room for it, where that is so and nobody is paying. `paid` is what was
    /// paid for the item.
    pub fn end_as_item_paid(&self, paid: &ItemPayments, now: Timestamp) -> Option<Self> {
        let guard = self.terms.item.as_ref().and_then(|item| item.guard)?;
        let has_no_room = guard.room(paid) == Some(0);
        has_no_room.then(|| self.cancel(Some(ITEM_PAID.to_owned()), false, now).ok()).flatten()
    }

    /// Ends the link. Sessions that are still open are due at once, so that they are closed at their gateway.
    pub(super) fn close(&mut self, status: LinkStatus, now: Timestamp) {
        self.status = status;
        self.hold = None;
        self.next_reminder_at = None;
        for attempt in &mut self.attempts {
            if let AttemptState::Open { look_up_at, .. } = &mut attempt.state {
                *look_up_at = now;
            }
        }
    }

    pub(super) fn with_state(&self, id: &AttemptId, now: Timestamp, state: AttemptState) -> Self {
        self.with_attempt(id, now, state, |_| ())
    }

    /// The link with another state of an attempt, and with what else changes about the attempt.
    pub(super) fn with_attempt(
        &self,
        id: &AttemptId,
        now: Timestamp,
        state: AttemptState,
        change: impl FnOnce(&mut Attempt),
    ) -> Self {
        self.changed(now, |link| {
            // A link whose time is over does not come back to life because somebody is late.
            if link.status == LinkStatus::Active && link.ends_at().is_some_and(|end| end <= now) {
                link.close(LinkStatus::Expired { expired_at: now }, now);
            }
            let has_money = state.confirmed_payment().is_some();
            link.set_state(id, state);
            if let Some(attempt) = link.attempts.iter_mut().find(|attempt| attempt.id == *id) {
                if has_money {
                    attempt.confirmed_at.get_or_insert(now);
                }
                change(attempt);
            }
        })
    }

    pub(super) fn set_state(&mut self, id: &AttemptId, state: AttemptState) {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == *id) {
            attempt.state = state;
            // Nobody will be sent there again, and every byte of a link costs again at each write.
            if matches!(attempt.state, AttemptState::Paid { .. } | AttemptState::Refunded { .. }) {
                attempt.checkout = Checkout::default();
                // The state itself says when the payment was confirmed.
                attempt.confirmed_at = None;
                // What helped to find that out is not needed any more.
                attempt.asked = None;
                attempt.was_confirming = false;
                attempt.was_left_unanswered = false;
            }
        }
    }

    pub(super) fn changed(&self, now: Timestamp, change: impl FnOnce(&mut Self)) -> Self {
        let mut link = self.clone();
        change(&mut link);
        link.complete(self, now);
        link.version += 1;
        link.updated_at = now;
        let mut outbox = std::mem::take(&mut link.outbox);
        outbox.add(changes(self, &link), link.numbered_behind(), link.version, now);
        link.outbox = outbox;
        link
    }
}

/// Moves the due work of an attempt ahead by a lease, and says what has to be done.
fn lease_attempt(attempt: &mut Attempt, now: Timestamp) -> Option<Work> {
    let next = attempt.next_look_up(now);
    let next_look_at_no = attempt.next_look_at_no(now);
    let id = attempt.id.clone();
    match &mut attempt.state {
        AttemptState::Open { look_up_at, .. } | AttemptState::AwaitingReversal { look_up_at, .. } => {
            *look_up_at = next;
            Some(Work::LookUp(id))
        }
        AttemptState::Confirming { since, look_up_at, .. } => {
            // Whoever was to hear the answer has not written it down.
            attempt.was_left_unanswered |= *look_up_at > *since;
            *look_up_at = later(now, LEASE);
            Some(Work::Confirm(id))
        }
        AttemptState::Accepted { look_up_at, .. } => {
            *look_up_at = later(now, LEASE);
            Some(Work::Keep(id))
        }
        AttemptState::Failed { look_up_at, .. } => {
            *look_up_at = Some(next_look_at_no.unwrap_or(later(now, LEASE)));
            Some(Work::LookUp(id))
        }
        AttemptState::Paid { .. }
        | AttemptState::Abandoned { .. }
        | AttemptState::Refunding { .. }
        | AttemptState::Refunded { .. }
        | AttemptState::NeedsReview { .. } => None,
    }
}

/// The events of a change, those of attempts before the link's end. Every change of a link passes here, so that no
/// event can be forgotten.
fn changes(before: &PaymentLink, after: &PaymentLink) -> Vec<NewEvent> {
    let mut events = Vec::new();
    if before.opened_at().is_none() && after.opened_at().is_some() {
        events.push(NewEvent::of_link(EventType::LinkOpened));
    }
    match (&before.hold, &after.hold) {
        (before, Some(after)) if before.as_ref() != Some(after) => {
            events.push(NewEvent::of_link(EventType::LinkHeld));
        }
        // What ends a link ends its hold, and is told itself.
        (Some(_), None) if matches!(after.status(), LinkStatus::Active) => {
            events.push(NewEvent::of_link(EventType::LinkReleased));
        }
        (_, Some(_)) | (Some(_) | None, None) => {}
    }
    for attempt in after.attempts() {
        events.extend(dispute_changes(before.attempt(&attempt.id), attempt));
        events.extend(refund_changes(before.attempt(&attempt.id), attempt, after.registers_receipts()));
        let was_void = before.attempt(&attempt.id).is_some_and(|attempt| attempt.voided.is_some());
        if attempt.voided.is_some() && !was_void && after.registers_receipts() {
            events.push(NewEvent::of_attempt(EventType::ReceiptVoided, &attempt.id));
        }
        let known = before.attempt(&attempt.id).map(|attempt| &attempt.state);
        if known.is_some_and(|known| discriminant(known) == discriminant(&attempt.state)) {
            continue;
        }
        let kind = match &attempt.state {
            AttemptState::Failed { .. } => EventType::AttemptFailed,
            AttemptState::NeedsReview { .. } => EventType::AttemptNeedsReview,
            // A refund of ours says so itself. What a gateway returned by itself has none.
            AttemptState::Refunded { .. } if !attempt.went_back_by_refund() => EventType::RefundSucceeded,
            AttemptState::Open { .. }
            | AttemptState::Confirming { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Paid { .. }
            | AttemptState::Abandoned { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::Refunded { .. } => continue,
        };
        events.push(NewEvent::of_attempt(kind, &attempt.id));
    }
    let is_new = |attempt: &&Attempt| attempt.is_kept() && !before.attempt(&attempt.id).is_some_and(Attempt::is_kept);
    let has_just_ended = discriminant(before.status()) != discriminant(after.status());
    for payment in after.attempts().iter().filter(is_new) {
        let completes =
            matches!(after.status(), LinkStatus::Paid { paid_by, .. } if has_just_ended && *paid_by == payment.id);
        let kind = if completes { EventType::LinkPaid } else { EventType::LinkPartPaid };
        events.push(NewEvent::of_attempt(kind, &payment.id));
        if after.registers_receipts() {
            events.push(NewEvent::of_attempt(EventType::ReceiptRegistered, &payment.id));
        }
    }
    if has_just_ended {
        match after.status() {
            LinkStatus::Active => {}
            LinkStatus::Expired { .. } => events.push(NewEvent::of_link(EventType::LinkExpired)),
            LinkStatus::Cancelled { .. } => events.push(NewEvent::of_link(EventType::LinkCancelled)),
            LinkStatus::Replaced { .. } => events.push(NewEvent::of_link(EventType::LinkReplaced)),
            // A payment that was kept before is enough now, because what went back of another one did not stay away.
            LinkStatus::Paid { paid_by, .. } if before.attempt(paid_by).is_some_and(Attempt::is_kept) => {
                events.push(NewEvent::of_attempt(EventType::LinkPaid, paid_by));
            }
            LinkStatus::Paid { .. } => {}
        }
    }
    if before.renewal_requested_at() != after.renewal_requested_at() {
        events.push(NewEvent::of_link(EventType::RenewalRequested));
    }
    events
}

/// The events of the disputes about an attempt's payment. One of which we hear when it is over was never open to us.
fn dispute_changes(before: Option<&Attempt>, after: &Attempt) -> Vec<NewEvent> {
    let is_as_before = |dispute: &Dispute| {
        let known = before.and_then(|attempt| attempt.dispute(&dispute.reference));
        known.is_some_and(|known| discriminant(&known.state) == discriminant(&dispute.state))
    };
    let changed = after.disputes.iter().filter(|dispute| !is_as_before(dispute));
    let event = |dispute: &Dispute| {
        let kind = match dispute.state {
            DisputeState::Open { .. } => EventType::DisputeOpened,
            DisputeState::Won => EventType::DisputeWon,
            DisputeState::Lost => EventType::DisputeLost,
        };
        NewEvent::of_attempt(kind, &after.id)
    };
    changed.map(event).collect()
}

/// The events of an attempt's refunds. That money which no link keeps went back, or that a person has to look at it, is told
/// of the attempt.
fn refund_changes(before: Option<&Attempt>, after: &Attempt, registers_receipts: bool) -> Vec<NewEvent> {
    let mut events = Vec::new();
    for refund in &after.refunds {
        let known = before.and_then(|attempt| attempt.refund(&refund.id));
        if known.is_none() {
            events.push(NewEvent::of_refund(EventType::RefundCreated, &after.id, &refund.id));
        }
        // Of money that no link kept the attempt needed a person. What is not known of a refund of it matters by itself once a
        // link keeps the money after all.
        let begins_to_matter = refund.needs_review() && after.is_kept() && !before.is_some_and(Attempt::is_kept);
        let is_as_before = known.is_some_and(|known| discriminant(&known.state) == discriminant(&refund.state));
        if is_as_before && !begins_to_matter {
            continue;
        }
        let kind = match &refund.state {
            RefundState::Failed { .. } => EventType::RefundFailed,
            RefundState::Succeeded { .. } => EventType::RefundSucceeded,
            RefundState::NeedsReview { .. } if after.is_kept() => EventType::RefundNeedsReview,
            RefundState::NeedsReview { .. }
            | RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::Voiding { .. } => continue,
        };
        events.push(NewEvent::of_refund(kind, &after.id, &refund.id));
        if kind == EventType::RefundSucceeded && after.is_kept() && registers_receipts {
            events.push(NewEvent::of_refund(EventType::ReceiptRegistered, &after.id, &refund.id));
        }
        if kind == EventType::RefundFailed && refund.undone_at().is_some() && after.is_kept() && registers_receipts {
            events.push(NewEvent::of_refund(EventType::ReceiptVoided, &after.id, &refund.id));
        }
    }
    events
}

//! The payment link: the terms it was made on, its life, and the attempts to pay it.
//!
//! Every change is a function from one link to the next; the store writes the next one only where the one before it is
//! still what the table holds. So whatever two callers decide at the same time, one of them decides again on what the
//! other wrote. Statuses only move forward: `active`, then `paid`, `expired` or `cancelled`, and from `expired` to
//! `paid` where the account accepts late payments.

mod forget;
mod size;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::account::LatePayment;
use crate::attempt::{Attempt, AttemptState, Checkout, GIVE_BACK_TRIES, LEASE, NewAttempt, later};
use crate::event::Happenings;
use crate::gateway::{GatewayAnswer, GatewayKind, GiveBackAnswer, Mode, Payment};
use crate::ids::{
    AccountId, AttemptId, ContactId, CredentialsVersion, FieldKey, ItemId, LinkId, MessageId, PayToken, ReceiptId,
    ReceiptTypeId, ReferenceId, ReturnKey,
};
use crate::locale::Locale;
use crate::message::MessageChoice;
use crate::money::Money;
use crate::receipt::{Attachment, Receipt};
use crate::recipients::{Recipient, Unreached};
use crate::repeat::{Answered, Repeat, RequestMark};
use crate::resolve::{Resolution, ResolveRefused};
use crate::telling::{MOST_TELLINGS, SHORTEST_PAUSE, TellRefused, Telling};
use crate::trace::Trace;

pub use forget::StillNeeded;
pub use size::LARGEST_LINK;
pub(crate) use size::check_content;

/// A link keeps at most so many attempts; the oldest that ended without money are folded away.
pub const MOST_ATTEMPTS: usize = 20;

/// Why an attempt needs a person whose payment has the reference of another's.
const REFERENCE_USED_BEFORE: &str = "reference_used_before";

/// So many sessions may be opened for one link within an hour.
pub const MOST_ATTEMPTS_AN_HOUR: usize = 10;

/// What was agreed when the link was made. It is a copy: later changes of a record cannot break a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub mode: Mode,
    pub account: AccountTerms,
    pub contact: ContactTerms,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemTerms>,
    pub amount: Money,
    pub amount_source: AmountSource,
    /// Exclusive.
    pub expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub after_payment: AfterPayment,
    pub message: MessageChoice,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<Unreached>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<ReferenceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The language of messages and pages, where the request or the contact named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTerms {
    pub id: AccountId,
    pub name: String,
    pub gateway: GatewayKind,
    pub credentials: CredentialsVersion,
    pub late_payment: LatePayment,
    /// Whether the customer sees what is to be paid, and a button, before the gateway.
    #[serde(default)]
    pub confirm_page: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactTerms {
    pub id: ContactId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemTerms {
    pub id: ItemId,
    pub title: String,
}

/// Where the amount came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountSource {
    Request,
    Item,
    Balance,
}

impl AmountSource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Item => "item",
            Self::Balance => "balance",
        }
    }
}

/// What is recorded once the money is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterPayment {
    pub register_receipt: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_type_id: Option<ReceiptTypeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_field: Option<FieldKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LinkStatus {
    Active,
    Paid { paid_at: Timestamp, paid_by: AttemptId },
    Expired { expired_at: Timestamp },
    Cancelled { cancelled_at: Timestamp, reason: Option<String> },
}

impl LinkStatus {
    /// The name of the status in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paid { .. } => "paid",
            Self::Expired { .. } => "expired",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLink {
    id: LinkId,
    token: PayToken,
    /// Scheme and host of the pay URL, without a final slash.
    base: String,
    /// Counts the changes. The store writes a change only over the version it was decided on.
    version: u64,
    /// A hash of the request that made the link, so that a retry can be told from another request.
    request_hash: String,
    #[serde(flatten)]
    terms: Terms,
    #[serde(flatten)]
    status: LinkStatus,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<Attempt>,
    /// When a person first opened the link while it could be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened_at: Option<Timestamp>,
    /// Each further time that people were told about the link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tellings: Vec<Telling>,
    /// What the CRM has to be told, until it is too old to be told.
    #[serde(default)]
    happenings: Happenings,
    #[serde(default, skip_serializing_if = "Answered::is_empty")]
    answered: Answered,
    /// What the call that made the link belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<Trace>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Where a link is paid: the scheme and host that it was made under, and its token.
pub fn pay_url(base: &str, token: &str) -> String {
    format!("{base}/p/{token}")
}

/// What a visitor of the pay URL meets.
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
    Expired,
    Cancelled,
    /// Too many sessions were opened.
    TooManyAttempts,
}

/// What made us look at an attempt. It is a hint and never decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A return or a webhook says that the customer paid.
    Paid,
    /// A return or a webhook says that the customer did not.
    NotPaid,
    /// Nobody said anything; it was time to ask.
    Nothing,
}

/// A report, and what came with it that confirming needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub report: Report,
    /// See [`Attempt::brought`].
    pub brought: Option<String>,
}

impl From<Report> for Heard {
    fn from(report: Report) -> Self {
        Self { report, brought: None }
    }
}

/// What to do about an attempt next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is decided, or somebody else is at it.
    Nothing,
    /// Ask the gateway, in a way that moves no money.
    LookUp,
    /// Claim the attempt with [`PaymentLink::claim`], then confirm it at the gateway.
    Confirm,
}

/// Work that a sweep took on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    LookUp(AttemptId),
    Confirm(AttemptId),
    /// Write down a payment that a person accepted.
    Keep(AttemptId),
    GiveBack(AttemptId),
}

impl Work {
    /// The attempt that it is about.
    pub fn attempt(&self) -> &AttemptId {
        match self {
            Self::LookUp(id) | Self::Confirm(id) | Self::Keep(id) | Self::GiveBack(id) => id,
        }
    }
}

/// The link after an answer, with what has to be written beside it in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub link: PaymentLink,
    /// Where a gateway confirmed money: it is this attempt's, whatever becomes of it. Money of another attempt is neither
    /// kept here nor given back.
    pub claim: Option<Claim>,
    pub kept: Option<Kept>,
}

/// Money that belongs to one attempt alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub attempt: AttemptId,
    /// The gateway's reference in the form that must not be used twice.
    pub reference: String,
}

/// A payment that became the payment of its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub receipt: Option<Receipt>,
}

/// Why a link cannot be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelRefused {
    /// Somebody is paying. `can_force` is false while money is being taken.
    PaymentInProgress { can_force: bool },
    /// It is paid, expired or cancelled already.
    NotActive,
}

impl PaymentLink {
    pub fn new(token: PayToken, base: &str, request_hash: String, terms: Terms, now: Timestamp) -> Self {
        let mut happenings = Happenings::default();
        happenings.add_created(1, now);
        Self {
            id: LinkId::of(&token),
            token,
            base: base.trim_end_matches('/').to_owned(),
            version: 1,
            request_hash,
            terms,
            status: LinkStatus::Active,
            attempts: Vec::new(),
            opened_at: None,
            tellings: Vec::new(),
            happenings,
            answered: Answered::default(),
            trace: None,
            created_at: now,
            updated_at: now,
        }
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

    pub fn token(&self) -> &PayToken {
        &self.token
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The address the customer opens. Whoever has it can pay; it must not be logged.
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

    pub fn tellings(&self) -> &[Telling] {
        &self.tellings
    }

    /// Everybody who was ever to be told, in the order of the tellings.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.terms.recipients.iter().chain(self.tellings.iter().flat_map(|telling| &telling.recipients))
    }

    /// Whom a message goes to and in which words.
    pub fn message(&self, id: &MessageId) -> Option<(&Recipient, &MessageChoice)> {
        let first = (&self.terms.recipients, &self.terms.message);
        let later = self.tellings.iter().map(|telling| (&telling.recipients, &telling.message));
        std::iter::once(first).chain(later).find_map(|(recipients, message)| {
            recipients.iter().find(|recipient| recipient.id == *id).map(|recipient| (recipient, message))
        })
    }

    pub fn happenings(&self) -> &Happenings {
        &self.happenings
    }

    /// Whether this version brought anything that somebody has to be told, a person or the CRM.
    pub fn has_news(&self) -> bool {
        self.happenings.any_of(self.version)
            || self.tellings.last().is_some_and(|telling| telling.version == self.version)
    }

    /// Whether a request with an idempotency key was answered before.
    pub fn knows(&self, mark: Option<&RequestMark>) -> Repeat {
        self.answered.knows(mark)
    }

    /// Remembers the request that a change answers; written with the change.
    #[must_use]
    pub fn answering(mut self, mark: Option<RequestMark>) -> Self {
        self.answered.add(mark);
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

    pub fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == *id)
    }

    pub fn attempt_by_key(&self, key: &ReturnKey) -> Option<&Attempt> {
        self.attempt(&AttemptId::of(key))
    }

    pub fn needs_review(&self) -> bool {
        self.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::NeedsReview { .. }))
    }

    /// The receipt of this link's payment, where one was asked for.
    pub fn receipt_id(&self) -> Option<ReceiptId> {
        match &self.status {
            LinkStatus::Paid { paid_by, .. } if self.terms.after_payment.register_receipt => {
                Some(ReceiptId::of(paid_by))
            }
            LinkStatus::Paid { .. }
            | LinkStatus::Active
            | LinkStatus::Expired { .. }
            | LinkStatus::Cancelled { .. } => None,
        }
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
            | LinkStatus::Cancelled { .. } => self.status.clone(),
        }
    }

    fn is_payable(&self, now: Timestamp) -> bool {
        self.status_at(now) == LinkStatus::Active
    }

    /// When an active link ends: at its expiry, or when a payment begun in time can no longer become known. While an
    /// attempt is settling it does not end at all.
    fn ends_at(&self) -> Option<Timestamp> {
        if self.settling().is_some() {
            return None;
        }
        let current = self.attempts.last().filter(|attempt| matches!(attempt.state, AttemptState::Open { .. }));
        Some(current.map_or(self.terms.expires_at, |attempt| self.terms.expires_at.max(attempt.deadline)))
    }

    /// The attempt whose money is about to become the payment: everything else yields to it.
    fn settling(&self) -> Option<&Attempt> {
        let settles =
            |state: &AttemptState| matches!(state, AttemptState::Settling { .. } | AttemptState::Accepted { .. });
        self.attempts.iter().find(|attempt| settles(&attempt.state))
    }

    /// When time has to do something next: the earliest of the link's end and its attempts' due work.
    pub fn due_at(&self) -> Option<Timestamp> {
        let end = if self.status == LinkStatus::Active { self.ends_at() } else { None };
        self.attempts.iter().filter_map(|attempt| attempt.state.due_at()).chain(end).min()
    }

    /// From when sweeps look whether something is due, which is never later than [`PaymentLink::due_at`]. This is the
    /// link's place in the index of due work.
    pub fn sweep_from(&self) -> Option<Timestamp> {
        let end = if self.status == LinkStatus::Active { self.ends_at() } else { None };
        self.attempts.iter().filter_map(Attempt::sweep_from).chain(end).min()
    }

    /// What somebody who opens the link now should meet.
    pub fn visit(&self, now: Timestamp) -> Visit {
        match self.status_at(now) {
            LinkStatus::Paid { .. } => return Visit::Paid,
            LinkStatus::Expired { .. } => return Visit::Expired,
            LinkStatus::Cancelled { .. } => return Visit::Cancelled,
            LinkStatus::Active => {}
        }
        let is_reported = |state: &AttemptState| matches!(state, AttemptState::Open { reported_at: Some(_), .. });
        if self.settling().is_some() || self.attempts.iter().any(|attempt| is_reported(&attempt.state)) {
            return Visit::Confirming;
        }
        if self.needs_review() {
            return Visit::UnderReview;
        }
        if let Some(current) = self.attempts.last()
            && matches!(current.state, AttemptState::Open { .. })
        {
            if now < current.session_ends_at {
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
        let lately = self.attempts.iter().filter(|attempt| attempt.opened_at > hour_ago).count();
        let is_full = self.attempts.len() >= MOST_ATTEMPTS && !self.attempts.iter().any(|a| a.state.ended_empty());
        if lately >= MOST_ATTEMPTS_AN_HOUR || is_full { Visit::TooManyAttempts } else { Visit::Begin }
    }

    /// The attempt that a visitor would begin now. `credentials` are the account's present ones, where it still is.
    pub fn new_attempt(&self, key: ReturnKey, credentials: Option<CredentialsVersion>) -> NewAttempt {
        NewAttempt {
            key,
            gateway: self.terms.account.gateway,
            account_id: self.terms.account.id.clone(),
            credentials: credentials.unwrap_or_else(|| self.terms.account.credentials.clone()),
            money: self.terms.amount,
        }
    }

    /// Records that a person opened the link, once. `None` where that is known already.
    pub fn opened(&self, now: Timestamp) -> Option<Self> {
        self.opened_at.is_none().then(|| self.changed(now, |link| link.opened_at = Some(now)))
    }

    /// Makes a session the current one, or says what the visitor meets instead.
    pub fn begin_attempt(&self, attempt: Attempt, now: Timestamp) -> Result<Self, Visit> {
        match self.visit(now) {
            Visit::Begin => Ok(self.changed(now, |link| {
                if link.attempts.len() >= MOST_ATTEMPTS
                    && let Some(oldest) = link.attempts.iter().position(|attempt| attempt.state.ended_empty())
                {
                    link.attempts.remove(oldest);
                }
                link.attempts.push(attempt);
                link.opened_at.get_or_insert(now);
            })),
            otherwise @ (Visit::Continue(_)
            | Visit::Confirming
            | Visit::UnderReview
            | Visit::Paid
            | Visit::Expired
            | Visit::Cancelled
            | Visit::TooManyAttempts) => Err(otherwise),
        }
    }

    /// Whether money of this attempt would become the payment of this link now.
    fn accepts(&self, id: &AttemptId, now: Timestamp) -> bool {
        match self.settling() {
            Some(settling) => settling.id == *id,
            None => match self.status_at(now) {
                LinkStatus::Active => true,
                LinkStatus::Expired { .. } => self.terms.account.late_payment == LatePayment::Accept,
                LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } => false,
            },
        }
    }

    /// What to do about an attempt, given what was reported.
    pub fn step(&self, id: &AttemptId, report: Report, now: Timestamp) -> Step {
        let Some(attempt) = self.attempt(id) else { return Step::Nothing };
        match &attempt.state {
            AttemptState::Open { .. } => {
                let to_confirm = report == Report::Paid && attempt.gateway.confirming_takes_the_money();
                if to_confirm && self.accepts(id, now) { Step::Confirm } else { Step::LookUp }
            }
            // Whoever claimed it is given the time to finish; afterwards anybody may go on.
            AttemptState::Settling { look_up_at, .. } if *look_up_at > now => Step::Nothing,
            AttemptState::Settling { .. } => Step::Confirm,
            AttemptState::Unacceptable { .. } => Step::LookUp,
            // A gateway's no can turn into a payment after all, but only a fresh report is worth a question.
            AttemptState::Failed { .. } | AttemptState::Lapsed { .. } => match report {
                Report::Paid => Step::LookUp,
                Report::NotPaid | Report::Nothing => Step::Nothing,
            },
            AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::GivingBack { .. }
            | AttemptState::GivenBack { .. }
            | AttemptState::NeedsReview { .. } => Step::Nothing,
        }
    }

    /// Durably says that this attempt is about to take the money. `None` where it must not.
    pub fn claim(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        if !self.accepts(id, now) {
            return None;
        }
        let state = match &self.attempt(id)?.state {
            AttemptState::Open { .. }
            | AttemptState::Unacceptable { .. }
            | AttemptState::Failed { .. }
            | AttemptState::Lapsed { .. } => AttemptState::Settling { since: now, look_up_at: later(now, LEASE) },
            AttemptState::Settling { since, .. } => {
                AttemptState::Settling { since: *since, look_up_at: later(now, LEASE) }
            }
            AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::GivingBack { .. }
            | AttemptState::GivenBack { .. }
            | AttemptState::NeedsReview { .. } => return None,
        };
        Some(self.with_state(id, now, state))
    }

    /// The link with what a return brought about an attempt. It is no change by itself: it is written with the next one.
    #[must_use]
    pub fn bringing(mut self, id: &AttemptId, heard: &Heard) -> Self {
        if let (Some(brought), Some(attempt)) =
            (&heard.brought, self.attempts.iter_mut().find(|attempt| attempt.id == *id))
        {
            // Once the money may be taken under one name, no later return gives it another.
            if !matches!(attempt.state, AttemptState::Settling { .. }) {
                attempt.brought = Some(brought.clone());
            }
        }
        self
    }

    /// Whether a session that is still open should be closed at the gateway, because nobody may pay this link any more.
    pub fn should_close(&self, id: &AttemptId, now: Timestamp) -> bool {
        self.attempt(id).is_some_and(|attempt| matches!(attempt.state, AttemptState::Open { .. }))
            && !self.is_payable(now)
    }

    /// What follows from the gateway's answer. `None` where nothing is to be written.
    pub fn judge(&self, id: &AttemptId, answer: &GatewayAnswer, report: Report, now: Timestamp) -> Option<Judgement> {
        let attempt = self.attempt(id)?;
        let only_state = |state| Some(self.with_state(id, now, state).into());
        let review = |reason: &str| AttemptState::NeedsReview { at: now, reason: reason.to_owned(), payment: None };
        match (&attempt.state, answer) {
            // Decided money stays decided.
            (
                AttemptState::Paid { .. }
                | AttemptState::Accepted { .. }
                | AttemptState::GivenBack { .. }
                | AttemptState::NeedsReview { .. },
                _,
            ) => None,
            (AttemptState::GivingBack { .. }, GatewayAnswer::Returned) => {
                only_state(AttemptState::GivenBack { at: now })
            }
            (AttemptState::GivingBack { .. }, _) => None,
            (_, GatewayAnswer::Paid(payment)) => Some(self.judge_payment(attempt, payment, now)),
            (_, GatewayAnswer::WrongAmount { .. }) => only_state(review("amount_differs")),
            (_, GatewayAnswer::Doubtful { reason }) => only_state(review(reason)),
            (_, GatewayAnswer::Returned) => only_state(AttemptState::GivenBack { at: now }),
            (AttemptState::Unacceptable { .. }, GatewayAnswer::NotPaid { .. }) => {
                only_state(AttemptState::GivenBack { at: now })
            }
            (AttemptState::Failed { .. } | AttemptState::Lapsed { .. }, GatewayAnswer::NotPaid { .. }) => None,
            (_, GatewayAnswer::NotPaid { reason }) => {
                only_state(AttemptState::Failed { at: now, reason: reason.clone() })
            }
            // Money that the gateway should have let us take, or returned by itself, long ago.
            (AttemptState::Settling { .. }, GatewayAnswer::Unconfirmed) if now >= attempt.watched_until => {
                only_state(review("money_not_confirmed"))
            }
            (AttemptState::Unacceptable { .. }, GatewayAnswer::Unconfirmed) if now >= attempt.watched_until => {
                only_state(review("money_not_returned"))
            }
            (AttemptState::Settling { .. } | AttemptState::Unacceptable { .. }, GatewayAnswer::Unconfirmed) => None,
            (_, GatewayAnswer::Unconfirmed) => {
                let look_up_at = attempt.next_look_up(now);
                only_state(if self.accepts(id, now) {
                    AttemptState::Open { look_up_at, reported_at: attempt.state.waited_for_since().or(Some(now)) }
                } else {
                    AttemptState::Unacceptable { since: now, look_up_at }
                })
            }
            (_, GatewayAnswer::Pending | GatewayAnswer::Processing) => self.judge_unfinished(attempt, answer, now),
            (
                AttemptState::Open { reported_at: None, .. },
                GatewayAnswer::Unknown { .. } | GatewayAnswer::Misconfigured { .. },
            ) if report == Report::Paid => {
                only_state(AttemptState::Open { look_up_at: later(now, LEASE), reported_at: Some(now) })
            }
            // Days without a readable answer: nothing will change by itself any more, and money may be at stake.
            (
                AttemptState::Open { .. } | AttemptState::Settling { .. } | AttemptState::Unacceptable { .. },
                GatewayAnswer::Unknown { .. } | GatewayAnswer::Misconfigured { .. },
            ) if now >= attempt.watched_until => only_state(review("gateway_does_not_answer")),
            (_, GatewayAnswer::Unknown { .. } | GatewayAnswer::Misconfigured { .. }) => None,
        }
    }

    fn judge_payment(&self, attempt: &Attempt, payment: &Payment, now: Timestamp) -> Judgement {
        let (id, payment) = (&attempt.id, payment.clone());
        let is_as_asked = payment.money == attempt.money;
        if is_as_asked && self.accepts(id, now) {
            return self.keep(attempt, payment, now);
        }
        let claim = Some(Claim::of(id, &payment));
        // Where our call can undo a payment only for a while, a person would look too late.
        let state = if is_as_asked || attempt.gateway.profile().give_back.within_minutes.is_some() {
            AttemptState::GivingBack { payment, look_up_at: now, tries: 0 }
        } else {
            AttemptState::NeedsReview { at: now, reason: "amount_differs".to_owned(), payment: Some(payment) }
        };
        Judgement { link: self.with_state(id, now, state), claim, kept: None }
    }

    /// Makes money the payment of this link.
    fn keep(&self, attempt: &Attempt, payment: Payment, now: Timestamp) -> Judgement {
        let id = &attempt.id;
        let claim = Some(Claim::of(id, &payment));
        let confirmed_at = attempt.confirmed_at.unwrap_or(now);
        let kept = Some(Kept { receipt: self.receipt_of(attempt, &payment, confirmed_at, now) });
        let link = self.changed(now, |link| {
            link.set_state(id, AttemptState::Paid { at: confirmed_at, payment });
            link.close(LinkStatus::Paid { paid_at: now, paid_by: id.clone() }, now);
        });
        Judgement { link, claim, kept }
    }

    /// Makes money that a person accepted the payment of this link, whatever was asked for.
    pub fn keep_accepted(&self, id: &AttemptId, now: Timestamp) -> Option<Judgement> {
        let attempt = self.attempt(id)?;
        let AttemptState::Accepted { payment, .. } = &attempt.state else { return None };
        Some(self.keep(attempt, payment.clone(), now))
    }

    /// What a person decided about an attempt under review.
    pub fn resolve(&self, id: &AttemptId, resolution: Resolution, now: Timestamp) -> Result<Self, ResolveRefused> {
        let attempt = self.attempt(id).ok_or(ResolveRefused::NoSuchAttempt)?;
        let AttemptState::NeedsReview { payment, reason, .. } = &attempt.state else {
            return Err(ResolveRefused::NotUnderReview);
        };
        // Money that paid something else is not this attempt's: giving it back would take it from there.
        let own = payment.clone().filter(|_| reason != REFERENCE_USED_BEFORE);
        let confirmed = own.ok_or(ResolveRefused::NoMoneyConfirmed);
        let state = match resolution {
            Resolution::AskAgain => AttemptState::Open { look_up_at: now, reported_at: Some(now) },
            Resolution::Keep if !self.accepts(id, now) => return Err(ResolveRefused::LinkTakesNoMoney),
            Resolution::Keep => AttemptState::Accepted { payment: confirmed?, look_up_at: now },
            Resolution::GiveBack => AttemptState::GivingBack { payment: confirmed?, look_up_at: now, tries: 0 },
            Resolution::GivenBack => AttemptState::GivenBack { at: now },
            Resolution::NotPaid => AttemptState::Failed { at: now, reason: "resolved_not_paid".to_owned() },
        };
        Ok(self.with_state(id, now, state))
    }

    /// The receipt of the payment, where one was asked for: the same that was written when it was kept.
    pub fn receipt(&self) -> Option<Receipt> {
        let LinkStatus::Paid { paid_by, paid_at: registered_at } = &self.status else { return None };
        let attempt = self.attempt(paid_by)?;
        let AttemptState::Paid { at, payment } = &attempt.state else { return None };
        self.receipt_of(attempt, payment, *at, *registered_at)
    }

    /// The receipt of a payment that is kept, or none where the link asked for none.
    fn receipt_of(
        &self,
        attempt: &Attempt,
        payment: &Payment,
        paid_at: Timestamp,
        registered_at: Timestamp,
    ) -> Option<Receipt> {
        let terms = &self.terms;
        let item_id = terms.item.as_ref().map(|item| item.id.clone());
        let field = terms.after_payment.receipt_field.clone();
        terms.after_payment.register_receipt.then(|| Receipt {
            id: ReceiptId::of(&attempt.id),
            link_id: self.id.clone(),
            attempt_id: attempt.id.clone(),
            mode: terms.mode,
            account_id: terms.account.id.clone(),
            contact_id: terms.contact.id.clone(),
            attached_to: item_id.clone().zip(field).map(|(item_id, field)| Attachment { item_id, field }),
            item_id,
            receipt_type_id: terms.after_payment.receipt_type_id.clone(),
            money: payment.money,
            gateway: attempt.gateway,
            gateway_reference: payment.reference.clone(),
            masked_card: payment.masked_card.clone(),
            paid_at,
            registered_at,
        })
    }

    fn judge_unfinished(&self, attempt: &Attempt, answer: &GatewayAnswer, now: Timestamp) -> Option<Judgement> {
        let is_on_its_way = *answer == GatewayAnswer::Processing;
        let reported_at = is_on_its_way.then(|| attempt.state.waited_for_since().unwrap_or(now));
        let state = match &attempt.state {
            AttemptState::Open { .. } if !is_on_its_way && now >= attempt.watched_until => {
                AttemptState::Lapsed { at: now }
            }
            // No bank takes so long: a person has to ask the gateway what became of this money.
            AttemptState::Open { .. } if is_on_its_way && attempt.has_processed_too_long(now) => {
                AttemptState::NeedsReview { at: now, reason: "processing_too_long".to_owned(), payment: None }
            }
            AttemptState::Open { reported_at: known, .. } if known.is_some() == is_on_its_way => return None,
            AttemptState::Open { look_up_at, .. } => AttemptState::Open { look_up_at: *look_up_at, reported_at },
            AttemptState::Settling { .. } | AttemptState::Unacceptable { .. } => {
                AttemptState::Open { look_up_at: attempt.next_look_up(now), reported_at }
            }
            AttemptState::Failed { .. } | AttemptState::Lapsed { .. } if is_on_its_way => {
                AttemptState::Open { look_up_at: attempt.next_look_up(now), reported_at }
            }
            AttemptState::Failed { .. }
            | AttemptState::Lapsed { .. }
            | AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::GivingBack { .. }
            | AttemptState::GivenBack { .. }
            | AttemptState::NeedsReview { .. } => return None,
        };
        Some(self.with_state(&attempt.id, now, state).into())
    }

    /// The payment's reference is on a receipt of another attempt: somebody replays it, or a gateway is confused.
    pub fn reference_taken(&self, id: &AttemptId, payment: &Payment, now: Timestamp) -> Self {
        let reason = REFERENCE_USED_BEFORE.to_owned();
        self.with_state(id, now, AttemptState::NeedsReview { at: now, reason, payment: Some(payment.clone()) })
    }

    /// What came of giving back. Only a call that was made and not answered counts as a try: what a sweep took on and did
    /// not get to is as good as new.
    pub fn judge_give_back(&self, id: &AttemptId, answer: &GiveBackAnswer, now: Timestamp) -> Option<Self> {
        let attempt = self.attempt(id)?;
        let AttemptState::GivingBack { payment, tries, .. } = &attempt.state else { return None };
        let review = |reason: &str| AttemptState::NeedsReview {
            at: now,
            reason: reason.to_owned(),
            payment: Some(payment.clone()),
        };
        match answer {
            GiveBackAnswer::Done => Some(self.with_state(id, now, AttemptState::GivenBack { at: now })),
            GiveBackAnswer::Refused { reason } => Some(self.with_state(id, now, review(reason))),
            GiveBackAnswer::Unknown { .. } if tries + 1 >= GIVE_BACK_TRIES => {
                Some(self.with_state(id, now, review("give_back_unanswered")))
            }
            GiveBackAnswer::Unknown { .. } => {
                let tries = tries + 1;
                let look_up_at = later(now, attempt.pause_before_giving_back(tries));
                let state = AttemptState::GivingBack { payment: payment.clone(), look_up_at, tries };
                Some(self.with_state(id, now, state))
            }
        }
    }

    /// Takes on everything that is due: the link after one write that expires it where it must and moves each piece of
    /// due work ahead by a lease, and the work itself. `None` where nothing is due.
    pub fn take_due(&self, now: Timestamp) -> Option<(Self, Vec<Work>)> {
        if self.due_at().is_none_or(|due| due > now) {
            return None;
        }
        let mut work = Vec::new();
        let link = self.changed(now, |link| {
            if link.status == LinkStatus::Active && link.ends_at().is_some_and(|end| end <= now) {
                link.close(LinkStatus::Expired { expired_at: now }, now);
            }
            for attempt in &mut link.attempts {
                if attempt.state.due_at().is_some_and(|due| due <= now) {
                    work.extend(take_on(attempt, now));
                }
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

    /// Has people told about an active link once more, unless that was done a moment ago or too often.
    pub fn tell_again(&self, telling: Telling, now: Timestamp) -> Result<Self, TellRefused> {
        self.may_tell_again(now)?;
        Ok(self.changed(now, |link| link.tellings.push(Telling { version: link.version + 1, at: now, ..telling })))
    }

    /// Whether people may be told once more at this moment.
    pub fn may_tell_again(&self, now: Timestamp) -> Result<(), TellRefused> {
        if !self.is_payable(now) {
            return Err(TellRefused::NotActive);
        }
        if self.tellings.len() >= MOST_TELLINGS {
            return Err(TellRefused::TooOften);
        }
        let last = self.tellings.last().map_or(self.created_at, |telling| telling.at);
        let left = SHORTEST_PAUSE.saturating_sub(now.duration_since(last));
        // Somebody who was named nobody when the link was made may be told at once.
        let is_first = self.tellings.is_empty() && self.terms.recipients.is_empty();
        if left.is_positive() && !is_first {
            return Err(TellRefused::TooSoon { seconds: left.as_secs() + 1 });
        }
        Ok(())
    }

    /// Which telling the next one is, counted from 1; the first one, when the link was made, is 0.
    pub fn next_round(&self) -> u32 {
        u32::try_from(self.tellings.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Notes that a message failed for good, once. `None` where that is known already.
    pub fn message_failed(&self, message: &MessageId, now: Timestamp) -> Option<Self> {
        let is_known = self.happenings.as_slice().iter().any(|one| one.message.as_ref() == Some(message));
        (!is_known).then(|| {
            self.changed(now, |link| {
                let version = link.version + 1;
                link.happenings.add_failed_message(message, version, now);
            })
        })
    }

    /// Ends an active link at the business's wish.
    pub fn cancel(&self, reason: Option<String>, force: bool, now: Timestamp) -> Result<Self, CancelRefused> {
        if !self.is_payable(now) {
            return Err(CancelRefused::NotActive);
        }
        if self.settling().is_some() {
            return Err(CancelRefused::PaymentInProgress { can_force: false });
        }
        if !force && self.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::Open { .. })) {
            return Err(CancelRefused::PaymentInProgress { can_force: true });
        }
        Ok(self.changed(now, |link| link.close(LinkStatus::Cancelled { cancelled_at: now, reason }, now)))
    }

    /// Ends the link. Sessions that are still open are due at once, so that they are closed at their gateway.
    fn close(&mut self, status: LinkStatus, now: Timestamp) {
        self.status = status;
        for attempt in &mut self.attempts {
            if let AttemptState::Open { look_up_at, .. } = &mut attempt.state {
                *look_up_at = now;
            }
        }
    }

    fn with_state(&self, id: &AttemptId, now: Timestamp, state: AttemptState) -> Self {
        self.changed(now, |link| {
            let has_money = state.has_confirmed_money();
            link.set_state(id, state);
            if let Some(attempt) = link.attempts.iter_mut().find(|attempt| attempt.id == *id && has_money) {
                attempt.confirmed_at.get_or_insert(now);
            }
        })
    }

    fn set_state(&mut self, id: &AttemptId, state: AttemptState) {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == *id) {
            attempt.state = state;
            // Nobody will be sent there again, and what a link keeps is paid for whenever it is written.
            if matches!(attempt.state, AttemptState::Paid { .. } | AttemptState::GivenBack { .. }) {
                attempt.checkout = Checkout::default();
                // What is paid says itself since when.
                attempt.confirmed_at = None;
            }
        }
    }

    fn changed(&self, now: Timestamp, change: impl FnOnce(&mut Self)) -> Self {
        let mut link = self.clone();
        change(&mut link);
        link.version += 1;
        link.updated_at = now;
        let mut happenings = std::mem::take(&mut link.happenings);
        happenings.add_changes(self, &link, now);
        link.happenings = happenings;
        link
    }
}

impl Claim {
    fn of(attempt: &AttemptId, payment: &Payment) -> Self {
        Self { attempt: attempt.clone(), reference: payment.claim.clone() }
    }
}

/// A change that no money is part of.
impl From<PaymentLink> for Judgement {
    fn from(link: PaymentLink) -> Self {
        Self { link, claim: None, kept: None }
    }
}

/// Moves one due attempt ahead and says what has to be done for it.
fn take_on(attempt: &mut Attempt, now: Timestamp) -> Option<Work> {
    let next = attempt.next_look_up(now);
    let id = attempt.id.clone();
    match &mut attempt.state {
        AttemptState::Open { look_up_at, .. } | AttemptState::Unacceptable { look_up_at, .. } => {
            *look_up_at = next;
            Some(Work::LookUp(id))
        }
        AttemptState::Settling { look_up_at, .. } => {
            *look_up_at = later(now, LEASE);
            Some(Work::Confirm(id))
        }
        AttemptState::Accepted { look_up_at, .. } => {
            *look_up_at = later(now, LEASE);
            Some(Work::Keep(id))
        }
        AttemptState::GivingBack { look_up_at, .. } => {
            *look_up_at = later(now, LEASE);
            Some(Work::GiveBack(id))
        }
        AttemptState::Paid { .. }
        | AttemptState::Failed { .. }
        | AttemptState::Lapsed { .. }
        | AttemptState::GivenBack { .. }
        | AttemptState::NeedsReview { .. } => None,
    }
}

#[cfg(test)]
mod tests;

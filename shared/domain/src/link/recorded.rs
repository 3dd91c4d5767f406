//! Money that came otherwise than through a gateway, and that a person wrote down: cash, a card reader, a transfer, a cheque.
//!
//! It is kept as an attempt that is over as it begins, so that there is one list of what paid a link, and one way on which
//! money goes back. No gateway is ever asked about it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, AttemptState, Checkout};
use super::confirming::{KeptPayment, Transition};
use super::created_by::CreatedBy;
use super::payment_link::{LinkStatus, PaymentLink};
use super::plan::MOST_PAYMENTS;
use super::receipt::{Correction, Receipt};
use crate::clocks::{CLOCKS_DIFFER_BY, later};
use crate::gateway::{GatewayKind, Mode, Payment};
use crate::idempotency::RequestFingerprint;
use crate::ids::{AccountId, AttemptId, ReceiptId, ReturnKey};
use crate::money::{Currency, Money};
use crate::problem::{Rejection, parse_word};

/// Nobody writes down money that came longer ago. An instant before that is a typing error.
const LONGEST_AGO: SignedDuration = SignedDuration::from_hours(366 * 24);

/// By which means money came that no gateway took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceivedBy {
    Cash,
    /// A card reader of the business.
    Pos,
    /// From the customer's card to one of the business.
    CardToCard,
    BankTransfer,
    Cheque,
    Other,
}

impl ReceivedBy {
    pub const ALL: [Self; 6] = [Self::Cash, Self::Pos, Self::CardToCard, Self::BankTransfer, Self::Cheque, Self::Other];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Pos => "pos",
            Self::CardToCard => "card_to_card",
            Self::BankTransfer => "bank_transfer",
            Self::Cheque => "cheque",
            Self::Other => "other",
        }
    }
}

/// What a person wrote down of money that came otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    #[serde(rename = "received_by")]
    pub by: ReceivedBy,
    /// What it is found by there, such as the number of the transfer or of the cheque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub received_at: Timestamp,
    /// For the business's own people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<CreatedBy>,
    /// The request that it was written down by, which is known as long as the link is: no request makes two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestFingerprint>,
}

/// That a person found an entry to be wrong: the money never came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voided {
    pub at: Timestamp,
    /// Why, for the business's own people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub voided_by: Option<CreatedBy>,
}

/// The account that money came to, as it is when that is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountOfRecord {
    pub id: AccountId,
    pub mode: Mode,
    pub currency: Currency,
}

/// What somebody wants to be written down as the payment of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRecord {
    /// Random, and shown to nobody.
    pub key: ReturnKey,
    /// In minor units of the link's currency. Left out, all that is due.
    pub amount: Option<i64>,
    pub by: ReceivedBy,
    pub reference: Option<String>,
    pub received_at: Timestamp,
    pub note: Option<String>,
    pub recorded_by: Option<CreatedBy>,
    pub request: Option<RequestFingerprint>,
    /// The account that the money came to, where one is named and is there. `None` where none is named.
    pub account: Option<Option<AccountOfRecord>>,
    /// Written down although a customer may be paying at this moment.
    pub force: bool,
}

/// Why money cannot be written down as the payment of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPaymentRefused {
    /// It was cancelled.
    Cancelled,
    /// Another link took its place.
    Replaced,
    /// It is paid already.
    Paid,
    /// Somebody is paying. `can_force` is false while money is being taken.
    PaymentInProgress { can_force: bool },
    /// A person has to decide about money of the link first.
    UnderReview,
    /// More than is due, which is so much in minor units, or nothing.
    MoreThanIsDue { due: i64 },
    /// The link has so many payments that the next one has to be all that is due.
    TooManyPayments { due: i64 },
    /// It came to an account that there is not, or to one of another mode or currency.
    NotToThere,
    /// It came at an instant that has not come, or more than a year ago.
    NotThen,
    /// The same was written down by the same request before.
    Repeated,
    /// Something else was asked for under the same idempotency key before.
    KeyReused,
}

/// Why an entry cannot be voided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoidRefused {
    /// The link has no such entry.
    NoSuchEntry,
    /// A gateway took the money or sent it back: nobody wrote it down.
    NotAnEntry,
    /// Money of it went back, or may have. What went by other means is voided first.
    Refunded,
    AlreadyVoided,
}

impl Attempt {
    /// Whether a person wrote its money down, so that no gateway knows of it.
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// The id of the receipt of its money, should a link keep that.
    pub(super) fn receipt_id(&self) -> ReceiptId {
        if self.is_recorded() { ReceiptId::of_recorded(&self.id) } else { ReceiptId::of(&self.id) }
    }

    /// The gateway that its session is at. `None` of money that came otherwise.
    pub fn at_gateway(&self) -> Option<GatewayKind> {
        (!self.is_recorded()).then_some(self.gateway)
    }
}

impl PaymentLink {
    /// The link with a payment as a person wrote it down, and the receipt of that.
    pub fn record_payment(&self, record: PaymentRecord, now: Timestamp) -> Result<Transition, RecordPaymentRefused> {
        if let Some(request) = &record.request {
            let known = self.attempts.iter().filter_map(|attempt| attempt.recorded.as_ref()?.request.as_ref());
            if let Some(known) = known.into_iter().find(|known| known.key == request.key) {
                let is_same = known == request || known.body.is_empty();
                return Err(if is_same { RecordPaymentRefused::Repeated } else { RecordPaymentRefused::KeyReused });
            }
        }
        match self.status_at(now) {
            LinkStatus::Active | LinkStatus::Expired { .. } => {}
            LinkStatus::Paid { .. } => return Err(RecordPaymentRefused::Paid),
            LinkStatus::Cancelled { .. } => return Err(RecordPaymentRefused::Cancelled),
            LinkStatus::Replaced { .. } => return Err(RecordPaymentRefused::Replaced),
        }
        if self.confirming().is_some() {
            return Err(RecordPaymentRefused::PaymentInProgress { can_force: false });
        }
        if !record.force && self.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::Open { .. })) {
            return Err(RecordPaymentRefused::PaymentInProgress { can_force: true });
        }
        // It may be the very money that somebody wants to write down.
        if !record.force && self.needs_review() {
            return Err(RecordPaymentRefused::UnderReview);
        }
        let due = self.amount_due();
        let money = due.with(record.amount.unwrap_or(due.minor_units()));
        if !(1..=due.minor_units()).contains(&money.minor_units()) {
            return Err(RecordPaymentRefused::MoreThanIsDue { due: due.minor_units() });
        }
        if self.payments().count() + 1 >= MOST_PAYMENTS && money != due {
            return Err(RecordPaymentRefused::TooManyPayments { due: due.minor_units() });
        }
        let account_id = match &record.account {
            None => self.terms.account.id.clone(),
            Some(Some(there)) if (there.mode, there.currency) == (self.terms.mode, due.currency()) => there.id.clone(),
            Some(_) => return Err(RecordPaymentRefused::NotToThere),
        };
        let earliest = now.checked_sub(LONGEST_AGO).unwrap_or(Timestamp::MIN);
        if record.received_at < earliest || record.received_at > later(now, CLOCKS_DIFFER_BY) {
            return Err(RecordPaymentRefused::NotThen);
        }
        let attempt = self.recorded_attempt(record, account_id, money, now);
        let id = attempt.id.clone();
        let link = self.changed(now, |link| {
            link.make_room();
            link.attempts.push(attempt);
            link.after_payment(now);
        });
        let on_item = link.on_item(money.minor_units(), now, false);
        Ok(Transition { kept: Some(KeptPayment { receipt: link.receipt(&id) }), on_item, ..link.into() })
    }

    fn recorded_attempt(&self, record: PaymentRecord, account_id: AccountId, money: Money, now: Timestamp) -> Attempt {
        let PaymentRecord { key, by, reference, received_at, note, recorded_by, request, .. } = record;
        // Books know nothing of what is still to come.
        let received_at = received_at.min(now);
        let recorded = Recorded { by, reference, received_at, note, recorded_by, request };
        self.attempt_with(recorded, (AttemptId::of(&key), key), account_id, money, now)
    }

    /// The attempt of which a receipt says that a person wrote it down. By whom and with what note is not known any more.
    pub(super) fn attempt_of_record(&self, receipt: &Receipt, by: ReceivedBy) -> Attempt {
        let reference = Some(receipt.gateway_reference.clone()).filter(|reference| !reference.is_empty());
        let received_at = receipt.gateway_paid_at.unwrap_or(receipt.paid_at);
        let recorded = Recorded { by, reference, received_at, note: None, recorded_by: None, request: None };
        // Nobody has the key, and nobody needs it.
        let key = ReturnKey::from_random([0; 16]);
        let (id, account_id) = (receipt.attempt_id.clone(), receipt.account_id.clone());
        let attempt = self.attempt_with(recorded, (id, key), account_id, receipt.money, receipt.registered_at);
        Attempt { booked_later: receipt.booked_later, ..attempt }
    }

    fn attempt_with(
        &self,
        recorded: Recorded,
        (id, key): (AttemptId, ReturnKey),
        account_id: AccountId,
        money: Money,
        now: Timestamp,
    ) -> Attempt {
        let reference = recorded.reference.clone().unwrap_or_default();
        let payment =
            Payment { gateway_paid_at: Some(recorded.received_at), ..Payment::new(reference, String::new(), money) };
        Attempt {
            id,
            key,
            gateway: self.terms.account.gateway,
            account_id,
            credentials: self.terms.account.credentials.clone(),
            money,
            settles: None,
            session: String::new(),
            checkout: Checkout::default(),
            return_reference: None,
            was_confirming: false,
            was_left_unanswered: false,
            opened_at: now,
            begun_by: None,
            confirmed_at: None,
            booked_later: None,
            asked: None,
            session_ends_at: now,
            deadline: now,
            watched_until: now,
            refunds: Vec::new(),
            disputes: Vec::new(),
            recorded: Some(Box::new(recorded)),
            voided: None,
            state: AttemptState::paid(now, now, payment),
        }
    }

    /// The link with an entry that a person found to be wrong, and the record of that. A paid link stays paid: what is paid is
    /// never open again. Of one that is not, as much is due again.
    pub fn void_payment(&self, id: &AttemptId, voided: Voided) -> Result<Transition, VoidRefused> {
        let attempt = self.attempt(id).filter(|attempt| attempt.is_kept()).ok_or(VoidRefused::NoSuchEntry)?;
        if !attempt.is_recorded() {
            return Err(VoidRefused::NotAnEntry);
        }
        if attempt.voided.is_some() {
            return Err(VoidRefused::AlreadyVoided);
        }
        if attempt.refunds.iter().any(|refund| refund.takes() > 0) {
            return Err(VoidRefused::Refunded);
        }
        let withdrawn = attempt.state.confirmed_payment().map_or(0, |payment| payment.money.minor_units());
        let now = voided.at;
        let link = self.changed(now, |link| {
            for attempt in link.attempts.iter_mut().filter(|attempt| attempt.id == *id) {
                attempt.voided = Some(Box::new(voided.clone()));
            }
        });
        let correction = link.receipt(id).and_then(Correction::of_void);
        let on_item = link.on_item(-withdrawn, now, false);
        Ok(Transition { correction, on_item, ..link.into() })
    }
}

//! What links and receipts are chosen by.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use super::created_by::CreatedBy;
use super::facts::{LinkFacts, LinkStatusKind, ReceiptFacts};
use super::payment_link::PaymentLink;
use super::receipt::{Receipt, ReceiptKindName};
use super::refund::{Refund, RefundCause, RefundMethodKind, RefundStatusKind};
use crate::gateway::{GatewayKind, Mode};
use crate::ids::{AccountId, ContactId, ItemId, ReceiptTypeId, ReferenceId};
use crate::money::{Currency, Money};

/// A span of time. A bound that is left out does not bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeRange {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl TimeRange {
    /// From one instant on and before another.
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self { from: Some(from), to: Some(to) }
    }

    /// Whether something happened in it: at its beginning or later, and before its end.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// Whether something ends in it. An end is the first instant that does not belong to what ends, so that what ends with
    /// a day ends in that day and not in the next.
    pub fn contains_end(&self, end: Timestamp) -> bool {
        self.from.is_none_or(|from| from < end) && self.to.is_none_or(|to| end <= to)
    }

    /// Whether an end lies in it of which only the second is known.
    fn may_contain_end(&self, second: Timestamp) -> bool {
        let after = second.checked_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
        self.from.is_none_or(|from| from < after) && self.to.is_none_or(|to| second <= to)
    }

    fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }
}

/// Amounts in minor units, both ends among them, of one currency where it is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MoneyRange {
    pub currency: Option<Currency>,
    pub from: Option<i64>,
    pub to: Option<i64>,
}

impl MoneyRange {
    pub fn contains(&self, money: Money) -> bool {
        self.currency.is_none_or(|currency| currency == money.currency())
            && self.from.is_none_or(|from| from <= money.minor_units())
            && self.to.is_none_or(|to| money.minor_units() <= to)
    }
}

/// What links are chosen by. What is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkFilter {
    pub contact_id: Option<ContactId>,
    pub item_id: Option<ItemId>,
    pub reference_id: Option<ReferenceId>,
    pub account_id: Option<AccountId>,
    pub mode: Option<Mode>,
    /// One of these; any where there is none.
    pub statuses: BTreeSet<LinkStatusKind>,
    pub needs_review: Option<bool>,
    pub is_opened: Option<bool>,
    pub is_begun: Option<bool>,
    pub message_failed: Option<bool>,
    /// Some of the amount is paid, and not all.
    pub is_part_paid: Option<bool>,
    /// Something holds it at this moment.
    pub is_held: Option<bool>,
    pub created: TimeRange,
    pub due: TimeRange,
    pub expires: TimeRange,
    pub amount: MoneyRange,
    pub created_by: Option<CreatedBy>,
}

impl LinkFilter {
    pub fn of_contact(id: ContactId) -> Self {
        Self { contact_id: Some(id), ..Self::default() }
    }

    pub fn of_item(id: ItemId) -> Self {
        Self { item_id: Some(id), ..Self::default() }
    }

    pub fn of_reference(id: ReferenceId) -> Self {
        Self { reference_id: Some(id), ..Self::default() }
    }

    /// Links made from one instant on and before another.
    pub fn made_between(from: Timestamp, to: Timestamp) -> Self {
        Self { created: TimeRange::between(from, to), ..Self::default() }
    }

    /// Whether the link is one of these at this moment.
    pub fn matches(&self, link: &PaymentLink, now: Timestamp) -> bool {
        let terms = link.terms();
        // What the facts leave open: seconds, names and what a moment makes of a status.
        self.may_match(&link.facts(), now)
            && (self.statuses.is_empty() || self.statuses.contains(&link.status_at(now).kind()))
            && is_wanted(self.contact_id.as_ref(), Some(&terms.contact.id))
            && is_wanted(self.item_id.as_ref(), terms.item.as_ref().map(|item| &item.id))
            && is_wanted(self.reference_id.as_ref(), terms.reference_id.as_ref())
            && is_wanted(self.created_by.as_ref(), link.created_by())
            && self.is_held.is_none_or(|is_held| is_held == link.hold_at(now).is_some())
            && self.created.contains(link.created_at())
            && self.expires.contains_end(terms.expires_at)
            && (self.due.is_unbounded() || link.next_due_at().is_some_and(|at| self.due.contains_end(at)))
    }

    /// Whether a link of which these facts are known may be one of them at this moment. The link itself says whether it is.
    pub fn may_match(&self, facts: &LinkFacts, now: Timestamp) -> bool {
        let may_be = |status: &LinkStatusKind| facts.may_be(*status, now);
        (self.statuses.is_empty() || self.statuses.iter().any(may_be))
            && is_wanted(self.account_id.as_ref(), Some(&facts.account_id))
            && is_wanted(self.mode.as_ref(), Some(&facts.mode))
            && is_wanted(self.needs_review.as_ref(), Some(&facts.needs_review))
            && is_wanted(self.is_opened.as_ref(), Some(&facts.is_opened))
            && is_wanted(self.is_begun.as_ref(), Some(&facts.is_begun))
            && is_wanted(self.message_failed.as_ref(), Some(&facts.message_failed))
            && is_wanted(self.is_part_paid.as_ref(), Some(&facts.is_part_paid))
            // A hold may have ended by itself.
            && (self.is_held != Some(true) || facts.is_held)
            && is_wanted(self.created_by.as_ref().map(CreatedBy::mark).as_ref(), facts.created_by.as_ref())
            && self.expires.may_contain_end(facts.expires_at)
            && (self.due.is_unbounded() || facts.due_at.is_some_and(|at| self.due.may_contain_end(at)))
            && self.amount.contains(facts.amount)
    }

    /// Whether every link that matches is live, as [`PaymentLink::is_live`] says.
    pub fn is_of_live_links(&self) -> bool {
        self.needs_review == Some(true)
            || self.is_held == Some(true)
            || self.statuses.iter().eq([&LinkStatusKind::Active])
    }

    /// Whether anything else is asked for than whose links they are and when they were made.
    pub fn asks_for_facts(&self) -> bool {
        let Self { contact_id, item_id, reference_id, created, .. } = self.clone();
        *self != Self { contact_id, item_id, reference_id, created, ..Self::default() }
    }
}

/// What receipts are chosen by. What is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReceiptFilter {
    pub kind: Option<ReceiptKindName>,
    pub contact_id: Option<ContactId>,
    pub item_id: Option<ItemId>,
    pub account_id: Option<AccountId>,
    pub gateway: Option<GatewayKind>,
    pub receipt_type_id: Option<ReceiptTypeId>,
    pub mode: Option<Mode>,
    pub registered: TimeRange,
    pub amount: MoneyRange,
}

impl ReceiptFilter {
    pub fn of_contact(id: ContactId) -> Self {
        Self { contact_id: Some(id), ..Self::default() }
    }

    pub fn of_item(id: ItemId) -> Self {
        Self { item_id: Some(id), ..Self::default() }
    }

    pub fn registered_between(from: Timestamp, to: Timestamp) -> Self {
        Self { registered: TimeRange::between(from, to), ..Self::default() }
    }

    pub fn matches(&self, receipt: &Receipt) -> bool {
        self.may_match(&receipt.facts())
            && is_wanted(self.contact_id.as_ref(), Some(&receipt.contact_id))
            && is_wanted(self.item_id.as_ref(), receipt.item_id.as_ref())
            && self.registered.contains(receipt.registered_at)
    }

    /// Whether a receipt of which these facts are known may be one of them.
    pub fn may_match(&self, facts: &ReceiptFacts) -> bool {
        is_wanted(self.kind.as_ref(), Some(&facts.kind))
            && is_wanted(self.account_id.as_ref(), Some(&facts.account_id))
            && is_wanted(self.gateway.as_ref(), facts.gateway.as_ref())
            && is_wanted(self.receipt_type_id.as_ref(), facts.receipt_type_id.as_ref())
            && is_wanted(self.mode.as_ref(), Some(&facts.mode))
            && self.amount.contains(facts.money)
    }

    /// Whether anything else is asked for than whose receipts they are and when they were registered.
    pub fn asks_for_facts(&self) -> bool {
        let Self { contact_id, item_id, registered, .. } = self.clone();
        *self != Self { contact_id, item_id, registered, ..Self::default() }
    }
}

/// What refunds are chosen by. What is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefundFilter {
    pub contact_id: Option<ContactId>,
    pub account_id: Option<AccountId>,
    pub mode: Option<Mode>,
    /// In one of these states, by their names in the API; in any where there is none.
    pub statuses: BTreeSet<RefundStatusKind>,
    pub cause: Option<RefundCause>,
    /// By which means the money goes.
    pub method: Option<RefundMethodKind>,
    /// When it was begun.
    pub created: TimeRange,
}

impl RefundFilter {
    /// Whether a refund of an attempt of a link is one of these. When it was begun is for the list to say, which is
    /// sorted by that.
    pub fn matches(&self, link: &PaymentLink, attempt: &Attempt, refund: &Refund) -> bool {
        let terms = link.terms();
        (self.statuses.is_empty() || self.statuses.contains(&attempt.state_of(refund).kind()))
            && is_wanted(self.cause.as_ref(), Some(&refund.cause))
            && is_wanted(self.method.as_ref(), Some(&refund.method.kind()))
            && is_wanted(self.contact_id.as_ref(), Some(&terms.contact.id))
            && is_wanted(self.account_id.as_ref(), Some(refund.account_id(attempt)))
            && is_wanted(self.mode.as_ref(), Some(&terms.mode))
    }
}

/// Whether a value is the wanted one, where one is wanted.
fn is_wanted<T: PartialEq>(wanted: Option<&T>, is: Option<&T>) -> bool {
    wanted.is_none() || wanted == is
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_ends_with_a_day_ends_in_that_day_and_what_happens_at_midnight_happens_in_the_next() {
        let day = TimeRange::between(at("2026-12-01T00:00:00Z"), at("2026-12-02T00:00:00Z"));
        assert!(day.contains(at("2026-12-01T00:00:00Z")) && !day.contains(at("2026-12-02T00:00:00Z")));
        assert!(!day.contains_end(at("2026-12-01T00:00:00Z")) && day.contains_end(at("2026-12-02T00:00:00Z")));
        assert!(!day.contains_end(at("2026-12-02T00:00:00.001Z")));
        // Of the second in which the day before ended something may have ended later.
        assert!(day.may_contain_end(at("2026-12-01T00:00:00Z")) && !day.may_contain_end(at("2026-11-30T23:59:59Z")));
    }
}

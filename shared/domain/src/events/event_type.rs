//! The names of events in the API.

use serde::{Deserialize, Serialize};

use crate::problem::{Rejection, parse_word};

/// The names of events in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventType {
    LinkCreated,
    LinkOpened,
    LinkHeld,
    LinkReleased,
    LinkPartPaid,
    LinkPaid,
    LinkExpired,
    LinkCancelled,
    LinkReplaced,
    RenewalRequested,
    AttemptFailed,
    AttemptNeedsReview,
    RefundCreated,
    RefundSucceeded,
    RefundFailed,
    RefundNeedsReview,
    DisputeOpened,
    DisputeWon,
    DisputeLost,
    ReceiptRegistered,
    ReceiptVoided,
    MessageFailed,
    LookBackFailed,
    AuditEntryCreated,
}

impl EventType {
    pub const ALL: [EventType; 24] = [
        Self::LinkCreated,
        Self::LinkOpened,
        Self::LinkHeld,
        Self::LinkReleased,
        Self::LinkPartPaid,
        Self::LinkPaid,
        Self::LinkExpired,
        Self::LinkCancelled,
        Self::LinkReplaced,
        Self::RenewalRequested,
        Self::AttemptFailed,
        Self::AttemptNeedsReview,
        Self::RefundCreated,
        Self::RefundSucceeded,
        Self::RefundFailed,
        Self::RefundNeedsReview,
        Self::DisputeOpened,
        Self::DisputeWon,
        Self::DisputeLost,
        Self::ReceiptRegistered,
        Self::ReceiptVoided,
        Self::MessageFailed,
        Self::LookBackFailed,
        Self::AuditEntryCreated,
    ];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_event_type")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkCreated => "payment_link.created",
            Self::LinkOpened => "payment_link.opened",
            Self::LinkHeld => "payment_link.held",
            Self::LinkReleased => "payment_link.released",
            Self::LinkPartPaid => "payment_link.part_paid",
            Self::LinkPaid => "payment_link.paid",
            Self::LinkExpired => "payment_link.expired",
            Self::LinkCancelled => "payment_link.cancelled",
            Self::LinkReplaced => "payment_link.replaced",
            Self::RenewalRequested => "payment_link.renewal_requested",
            Self::AttemptFailed => "attempt.failed",
            Self::AttemptNeedsReview => "attempt.needs_review",
            Self::RefundCreated => "refund.created",
            Self::RefundSucceeded => "refund.succeeded",
            Self::RefundFailed => "refund.failed",
            Self::RefundNeedsReview => "refund.needs_review",
            Self::DisputeOpened => "dispute.opened",
            Self::DisputeWon => "dispute.won",
            Self::DisputeLost => "dispute.lost",
            Self::ReceiptRegistered => "receipt.registered",
            Self::ReceiptVoided => "receipt.voided",
            Self::MessageFailed => "message.failed",
            Self::LookBackFailed => "look_back.failed",
            Self::AuditEntryCreated => "audit_entry.created",
        }
    }
}

impl TryFrom<String> for EventType {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<EventType> for String {
    fn from(kind: EventType) -> String {
        kind.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_can_be_named() {
        for kind in EventType::ALL {
            assert_eq!(EventType::parse(kind.as_str()), Ok(kind));
        }
        assert!(EventType::parse("payment_link.lost").unwrap_err().detail.contains("payment_link.paid"));
    }
}

//! Why an attempt needs a person.

use serde::{Deserialize, Serialize};

/// What no rule could decide about an attempt. Those with a code keep the gateway's own word beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// The gateway confirmed another amount than was asked for.
    AmountDiffers,
    /// The gateway says that the customer has paid, and has not let us take the money for days.
    MoneyNotConfirmed,
    /// The gateway should have returned the money by itself long ago.
    MoneyNotReturned,
    /// The gateway gave no readable answer for days.
    GatewayDoesNotAnswer,
    /// The payment is on its way for longer than any bank takes.
    ProcessingTooLong,
    /// The payment has the reference of another attempt's.
    ReferenceUsedBefore,
    /// The gateway did not answer calls that refund the money.
    RefundUnanswered,
    /// The gateway has not finished a refund for longer than any bank takes.
    RefundTooSlow,
    /// The gateway confirmed the money, and says otherwise now.
    ConfirmedThenDenied,
    /// The gateway confirmed the money and it was not kept, after the instant that the link was restored to.
    UnknownSinceRestore,
    /// The gateway refuses to refund the money.
    RefundRefused { code: String },
    /// The gateway took the order to refund the money, and gave up.
    RefundFailed { code: String },
    /// The gateway's own answer leaves open whose the money is.
    Doubtful { code: String },
}

impl ReviewReason {
    /// Whether nobody could find out what became of the payment, so that the gateway's own later word decides it.
    pub(super) fn is_ignorance(&self) -> bool {
        match self {
            Self::MoneyNotConfirmed | Self::MoneyNotReturned | Self::GatewayDoesNotAnswer | Self::ProcessingTooLong => {
                true
            }
            Self::AmountDiffers
            | Self::ReferenceUsedBefore
            | Self::RefundUnanswered
            | Self::RefundTooSlow
            | Self::ConfirmedThenDenied
            | Self::UnknownSinceRestore
            | Self::RefundRefused { .. }
            | Self::RefundFailed { .. }
            | Self::Doubtful { .. } => false,
        }
    }

    /// The word in the API.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AmountDiffers => "amount_differs",
            Self::MoneyNotConfirmed => "money_not_confirmed",
            Self::MoneyNotReturned => "money_not_returned",
            Self::GatewayDoesNotAnswer => "gateway_does_not_answer",
            Self::ProcessingTooLong => "processing_too_long",
            Self::ReferenceUsedBefore => "reference_used_before",
            Self::RefundUnanswered => "refund_unanswered",
            Self::RefundTooSlow => "refund_too_slow",
            Self::ConfirmedThenDenied => "confirmed_then_denied",
            Self::UnknownSinceRestore => "unknown_since_restore",
            Self::RefundRefused { code } | Self::RefundFailed { code } | Self::Doubtful { code } => code,
        }
    }
}

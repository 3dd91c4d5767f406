//! The payment link: the terms it was made on, its life, the attempts to pay it, and what follows from a gateway's answer.
//!
//! This file is the door. A link is one thing that changes as a whole, so that its parts lie in one folder and are known
//! outside by the names below.

mod aftermath;
mod attempt;
mod booking;
mod bringing_back;
mod confirming;
mod created_by;
mod dispute;
mod erasing;
mod facts;
mod filter;
mod forget;
mod hint;
mod hold;
mod lease;
mod message_round;
mod outbox;
mod payment_link;
mod payment_news;
mod plan;
mod receipt;
mod receipt_sheet;
mod recipient_mark;
mod recorded;
mod refund;
mod refunding;
mod reminding;
mod resolution;
mod review_reason;
mod size;
mod succession;
mod tag;
mod terms;
mod who;

pub use attempt::{Asked, Attempt, AttemptState, Checkout, NewAttempt, OpenedSession, later_by_minutes};
pub use bringing_back::{BroughtBack, ClaimedSince, UNKNOWN_SINCE_RESTORE};
pub use confirming::{KeptPayment, PaidOnItem, ReferenceClaim, Step, Transition};
pub use created_by::{CreatedBy, CreatorMark};
pub use dispute::Dispute;
pub use erasing::StillToCome;
pub use facts::{LinkFacts, LinkStatusKind, ReceiptFacts};
pub use filter::{LinkFilter, MoneyRange, ReceiptFilter, RefundFilter, TimeRange};
pub use forget::StillNeeded;
pub use hint::{Hint, ReturnData};
pub use hold::{Hold, HoldReason, HoldRefused};
pub use lease::LEASE;
pub use message_round::{MAX_MESSAGE_ROUNDS, MessageRound, ResendRefused, SHORTEST_PAUSE};
pub use outbox::{LinkEvent, Outbox};
pub use payment_link::{CancelRefused, LinkStatus, MAX_ATTEMPTS, MAX_ATTEMPTS_AN_HOUR, PaymentLink, Visit, Work};
pub use payment_news::{MessageAbout, MessageOfLink, PaymentNews};
pub use plan::{MOST_PARTS, MOST_PAYMENTS, NextPayment, Part, PaymentPlan};
pub use receipt::{Attachment, Correction, Receipt, ReceiptKind, ReceiptKindName};
pub use receipt_sheet::{ReceiptSheet, SheetFact, SheetReader, SheetStanding};
pub use recipient_mark::{OpenedBy, RecipientMark};
pub use recorded::{AccountOfRecord, PaymentRecord, ReceivedBy, RecordPaymentRefused, Recorded, VoidRefused, Voided};
pub use refund::{NotKept, Refund, RefundBy, RefundCause, RefundMethodKind, RefundState, RefundStatusKind};
pub use refunding::{MAX_REFUNDS, RefundRefused, RefundResolution, RefundWish, ResolveRefundRefused};
pub use reminding::{NotReminded, RemindRefused, Reminder, ReminderRules, ReminderWait};
pub use resolution::{Resolution, ResolveRefused};
pub use review_reason::ReviewReason;
pub use size::{LARGEST_LINK, check_content};
pub use succession::{Renewal, ReplaceRefused};
pub use terms::{AccountTerms, AfterPayment, AmountSource, ContactTerms, ItemTerms, LONGEST_DAYS, Terms, pay_url};

#[cfg(test)]
mod tests;

//! A session and its payment: what may become of them, and how the gateway's answers and the books show them.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::currency::Currency;
use super::refusal::{NOT_PAID, NOT_SUCCESSFUL, OTHER_AMOUNT, Refusal, TOO_LATE_TO_REVERSE};
use crate::gateways::amounts::grouped;
use crate::gateways::credential::Credential;
use crate::gateways::digest::sha256;
use crate::gateways::ids::Ids;
use crate::gateways::tehran_time::tehran_time;

/// A successful transaction can be reversed for half an hour.
const REVERSIBLE_FOR: SignedDuration = SignedDuration::from_mins(30);
/// How long after a payment the panel has it verified, where it was told to verify by itself and the request does not
/// say otherwise. The figure is not published.
const VERIFIED_BY_PANEL_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How the gateway writes dates.
const DATE_FORM: &str = "%Y-%m-%d %H:%M:%S";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) merchant: Credential,
    /// In `currency`, as the merchant gave it.
    pub(super) amount: u64,
    pub(super) currency: Currency,
    pub(super) description: String,
    pub(super) callback_url: String,
    pub(super) metadata: Metadata,
    pub(super) created_at: Timestamp,
    pub(super) lifetime_s: i64,
    pub(super) state: SessionState,
    /// As the panel's own API calls it.
    #[serde(default)]
    pub(super) panel_id: u64,
    /// What the panel's own API refunded, the oldest first.
    #[serde(default)]
    pub(super) refunds: Vec<PanelRefund>,
    /// Whether the gateway has put it away, so that its calls do not know it any more.
    #[serde(default)]
    pub(super) is_archived: bool,
}

/// A refund that the panel accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PanelRefund {
    pub(super) amount: u64,
    pub(super) at: Timestamp,
    pub(super) status: PanelRefundStatus,
    pub(super) description: Option<String>,
}

impl PanelRefund {
    /// As the simulator's own books show it.
    fn in_books(&self) -> Value {
        let status = match self.status {
            PanelRefundStatus::Pending => "pending",
            PanelRefundStatus::Done => "succeeded",
            PanelRefundStatus::Failed => "failed",
        };
        json!({ "amount": self.amount, "status": status, "reference": self.description })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PanelRefundStatus {
    Pending,
    Done,
    Failed,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) mobile: Option<String>,
    pub(super) email: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) card_pan: Option<String>,
    /// Whether the gateway verifies by itself. Where nothing is said the panel's own setting counts, which here is yes.
    #[serde(default)]
    pub(super) auto_verify: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum SessionState {
    InBank,
    /// Paid and not verified: the merchant does not have the money yet.
    Paid {
        payment: Payment,
    },
    Verified {
        payment: Payment,
        verified_at: Timestamp,
    },
    Failed {
        failed_at: Timestamp,
    },
    /// The customer has the money back.
    Reversed {
        payment: Payment,
        reversed_at: Timestamp,
        /// Whether the merchant asked for it, or the gateway returned what nobody verified.
        #[serde(default)]
        by_merchant: bool,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) ref_id: u64,
    pub(super) card_pan: String,
    pub(super) card_hash: String,
    paid_at: Timestamp,
    /// When a verify of the merchant took the money, and not the gateway by itself.
    #[serde(default)]
    confirmed_at: Option<Timestamp>,
}

/// What the gateway does with a payment that the merchant never verified.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unverified {
    ReturnMoney,
    AutoVerify,
}

/// Why a session is not one that waits to be verified.
#[derive(Debug)]
pub(super) enum NotUnverified {
    Unknown,
    /// With its status.
    Otherwise(&'static str),
}

impl Session {
    /// What time alone makes of it.
    pub(super) fn age(&mut self, now: Timestamp) {
        let SessionState::Paid { payment } = &self.state else { return };
        if self.metadata.auto_verify.is_none() && now.duration_since(payment.paid_at) >= VERIFIED_BY_PANEL_AFTER {
            self.state = SessionState::Verified { payment: payment.clone(), verified_at: now };
        }
    }

    /// A payment that the bank had called failed arrives after all.
    pub(super) fn pay_late(&mut self, payment: Payment, now: Timestamp) -> Result<(), NotUnverified> {
        if self.status(now) != "FAILED" {
            return Err(NotUnverified::Otherwise(self.status(now)));
        }
        self.state = SessionState::Paid { payment };
        Ok(())
    }

    /// How much of a verified payment was neither refunded by the panel nor is about to be.
    pub(super) fn refundable(&self) -> u64 {
        let gone = [PanelRefundStatus::Done, PanelRefundStatus::Pending].map(|status| self.refunded_as(status));
        let is_ours = matches!(self.state, SessionState::Verified { .. });
        if is_ours { self.amount.saturating_sub(gone.iter().sum()) } else { 0 }
    }

    fn refunded_as(&self, status: PanelRefundStatus) -> u64 {
        self.refunds.iter().filter(|refund| refund.status == status).map(|refund| refund.amount).sum()
    }

    pub(super) fn is_timed_out(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) >= SignedDuration::from_secs(self.lifetime_s)
    }

    /// What became of it. A page that nobody used in time is a failed payment.
    pub(super) fn status(&self, now: Timestamp) -> &'static str {
        match self.state {
            SessionState::InBank if self.is_timed_out(now) => "FAILED",
            SessionState::InBank => "IN_BANK",
            SessionState::Paid { .. } => "PAID",
            SessionState::Verified { .. } => "VERIFIED",
            SessionState::Failed { .. } => "FAILED",
            SessionState::Reversed { .. } => "REVERSED",
        }
    }

    /// As `inquiry` says it where that is late: what the merchant reversed a moment ago is not seen yet.
    pub(super) fn inquired(&self, now: Timestamp, lag: SignedDuration) -> &'static str {
        match self.state {
            SessionState::Reversed { reversed_at, by_merchant: true, .. } if now.duration_since(reversed_at) < lag => {
                "VERIFIED"
            }
            SessionState::InBank
            | SessionState::Paid { .. }
            | SessionState::Verified { .. }
            | SessionState::Failed { .. }
            | SessionState::Reversed { .. } => self.status(now),
        }
    }

    /// The code and message of a successful verify: 100 for the one that took the money, 101 for every later one.
    pub(super) fn verify(&mut self, amount: u64, now: Timestamp) -> Result<(i32, &'static str), Refusal> {
        let payment = match &self.state {
            SessionState::Paid { payment } => Some(payment.clone()),
            SessionState::Verified { .. } => None,
            SessionState::InBank | SessionState::Failed { .. } | SessionState::Reversed { .. } => return Err(NOT_PAID),
        };
        if amount != self.amount {
            return Err(OTHER_AMOUNT);
        }
        match payment {
            Some(payment) => {
                let payment = Payment { confirmed_at: Some(now), ..payment };
                self.state = SessionState::Verified { payment, verified_at: now };
                Ok((100, "Paid"))
            }
            None => Ok((101, "Verified")),
        }
    }

    pub(super) fn reverse(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let SessionState::Verified { payment, .. } = &self.state else {
            return Err(NOT_SUCCESSFUL);
        };
        if self.refunds.iter().any(|refund| refund.status != PanelRefundStatus::Failed) {
            return Err(NOT_SUCCESSFUL);
        }
        if now.duration_since(payment.paid_at) >= REVERSIBLE_FOR {
            return Err(TOO_LATE_TO_REVERSE);
        }
        self.state = SessionState::Reversed { payment: payment.clone(), reversed_at: now, by_merchant: true };
        Ok(())
    }

    /// What becomes of a payment that the merchant did not verify: the money goes back to the customer, or, where the
    /// merchant chose that, the gateway verifies by itself.
    pub(super) fn verify_late(&mut self, how: Unverified, now: Timestamp) -> Result<(), NotUnverified> {
        let SessionState::Paid { payment } = &self.state else {
            return Err(NotUnverified::Otherwise(self.status(now)));
        };
        let payment = payment.clone();
        self.state = match how {
            Unverified::ReturnMoney => SessionState::Reversed { payment, reversed_at: now, by_merchant: false },
            Unverified::AutoVerify => SessionState::Verified { payment, verified_at: now },
        };
        Ok(())
    }

    /// A payment of a session with `auto_verify` is verified by the gateway at once, so that the merchant's first
    /// verify answers 101. When the real service does it is not published; at once is the hardest case.
    pub(super) fn pay(&mut self, payment: Payment) {
        let paid_at = payment.paid_at;
        self.state = if self.metadata.auto_verify == Some(true) {
            SessionState::Verified { payment, verified_at: paid_at }
        } else {
            SessionState::Paid { payment }
        };
    }

    /// Where the browser goes back to. The query that the merchant put there is kept.
    pub(super) fn return_url(&self, authority: &str, status: &str) -> String {
        match Url::parse(&self.callback_url) {
            Ok(mut url) => {
                url.query_pairs_mut().append_pair("Authority", authority).append_pair("Status", status);
                url.into()
            }
            // It was checked when the session was made; only an edited book leads here.
            Err(_) => self.callback_url.clone(),
        }
    }

    pub(super) fn display_amount(&self) -> String {
        format!("{} {}", grouped(self.amount), self.currency.code())
    }

    /// As `unVerified` lists it.
    pub(super) fn listed(&self, authority: &str) -> Value {
        let referer = Url::parse(&self.callback_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        json!({
            "authority": authority,
            "amount": self.amount,
            "callback_url": self.callback_url,
            "referer": referer,
            "date": tehran_time(self.created_at, DATE_FORM),
        })
    }

    /// As the simulator's own books show it.
    pub(super) fn in_books(&self, authority: &str, now: Timestamp) -> Value {
        let by_panel = self.refunded_as(PanelRefundStatus::Done);
        let (taken, refunded) = match self.state {
            SessionState::Paid { .. } | SessionState::Verified { .. } => (by_panel < self.amount, by_panel),
            SessionState::Reversed { .. } => (false, self.amount + by_panel),
            SessionState::InBank | SessionState::Failed { .. } => (false, 0),
        };
        let is_reversed = matches!(self.state, SessionState::Reversed { by_merchant: true, .. });
        let payment = self.state.payment();
        json!({
            "id": authority,
            "merchant": self.merchant.last4,
            "amount": self.amount,
            "currency": self.currency,
            "status": self.status(now),
            "ref_id": payment.map(|payment| payment.ref_id),
            "taken": taken,
            "ours": matches!(self.state, SessionState::Verified { .. }) && taken,
            "refunded": refunded,
            "refund_pending": self.refunded_as(PanelRefundStatus::Pending),
            "refunds": self.refunds.len() + usize::from(is_reversed),
            "refund_rows": self.refunds.iter().map(PanelRefund::in_books).collect::<Vec<Value>>(),
            "description": self.description,
            "callback_url": self.callback_url,
            "metadata": self.metadata,
            "created_at": self.created_at,
            "paid_at": payment.map(|payment| payment.paid_at),
            "confirmed_at": payment.and_then(|payment| payment.confirmed_at),
            "ended_at": self.state.ended_at(),
        })
    }
}

impl SessionState {
    pub(super) fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Paid { payment } | Self::Verified { payment, .. } | Self::Reversed { payment, .. } => Some(payment),
            Self::InBank | Self::Failed { .. } => None,
        }
    }

    /// When it took its present state, unless it waits for the customer or the merchant.
    fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::InBank | Self::Paid { .. } => None,
            Self::Verified { verified_at: at, .. }
            | Self::Failed { failed_at: at }
            | Self::Reversed { reversed_at: at, .. } => Some(*at),
        }
    }
}

impl Payment {
    /// Paid with the card of the documents' examples.
    pub(super) fn new(ids: &Ids, paid_at: Timestamp) -> Self {
        const CARD_PAN: &str = "502229******5995";
        Self {
            ref_id: ids.number(),
            card_pan: CARD_PAN.to_owned(),
            card_hash: sha256(CARD_PAN.as_bytes()).to_uppercase(),
            paid_at,
            confirmed_at: None,
        }
    }
}

//! What a tester can make of a payment, and what the page for it shows.

use axum::response::Response;
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use super::sale::Decline;
use crate::gateways::payment_page::{Choice, MisbehaviourButton, page};

/// What a tester can make of a payment. Each gateway offers some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Paid,
    Failed,
    /// Declined for the reason that the bank gives.
    NoFunds,
    WrongPassword,
    OverLimit,
    Cancelled,
    /// Paid, and the customer closed the browser.
    PaidNoReturn,
    /// Paid, and the call to the merchant's server is lost.
    PaidNoWebhook,
    /// Paid, and neither the browser nor a call says so.
    PaidSilent,
    /// Paid, but less than was asked for.
    PaidLess,
    /// Paid, and the browser came back as if it was not.
    PaidReportedNok,
    /// A slow method: the money arrives later or not at all.
    Processing,
    /// Begun, and left before the bank answered.
    LeftAtBank,
    /// Nothing yet, but a method that the merchant can cancel.
    Cancelable,
}

impl Outcome {
    pub(crate) fn is_paid(self) -> bool {
        match self {
            Self::Paid
            | Self::PaidNoReturn
            | Self::PaidNoWebhook
            | Self::PaidSilent
            | Self::PaidLess
            | Self::PaidReportedNok => true,
            Self::Failed
            | Self::NoFunds
            | Self::WrongPassword
            | Self::OverLimit
            | Self::Cancelled
            | Self::Processing
            | Self::LeftAtBank
            | Self::Cancelable => false,
        }
    }

    /// Why the bank declines, where it says so.
    pub(super) fn decline(self) -> Option<Decline> {
        match self {
            Self::NoFunds => Some(Decline::NoFunds),
            Self::WrongPassword => Some(Decline::WrongPassword),
            Self::OverLimit => Some(Decline::OverLimit),
            _ => None,
        }
    }

    /// Whether the merchant's server is called at once.
    pub(crate) fn is_notified(self) -> bool {
        !matches!(self, Self::PaidNoWebhook | Self::PaidSilent)
    }

    /// Whether the browser goes back to the merchant.
    pub(crate) fn comes_back(self) -> bool {
        !matches!(self, Self::PaidNoReturn | Self::PaidSilent)
    }
}

/// Why a payment page cannot be used.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DeadEnd {
    Unknown,
    Finished,
}

impl DeadEnd {
    pub(crate) fn page(self, gateway: &str) -> Response {
        let (status, reason) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "There is no such payment."),
            Self::Finished => (StatusCode::GONE, "This payment is finished, or its time is over."),
        };
        page(status, &format!("{gateway}: error"), &html! { p.notice role="alert" { (reason) } })
    }
}

/// What a payment page shows beside the sale.
pub(crate) struct PageContent<'a> {
    /// With its currency.
    pub(crate) amount: &'a str,
    pub(crate) notice: Option<&'a str>,
    pub(crate) choices: &'a [Choice],
    pub(crate) misbehaviours: &'a [MisbehaviourButton],
}

//! Holding a link for a while: a cheque that has to clear, a promise, a customer who says to have paid already.
//!
//! A hold ends by itself at its instant, without anybody writing that. It is asked for at the moment at which it matters.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::created_by::CreatedBy;
use super::payment_link::PaymentLink;
use crate::clocks::later;
use crate::problem::{Rejection, parse_word};

/// No hold ends later than this after it was placed.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_hours(366 * 24);

/// How long it holds a link that its customer says to have paid already, unless the business decides before. It is long enough
/// for a weekend.
const SAYS_PAID_HOLDS: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Why a link is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// A cheque was given and has to clear.
    Cheque,
    /// The customer promised to pay by then.
    Promise,
    /// The customer says to have paid already.
    SaysPaid,
}

impl HoldReason {
    pub const ALL: [Self; 3] = [Self::Cheque, Self::Promise, Self::SaysPaid];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cheque => "cheque",
            Self::Promise => "promise",
            Self::SaysPaid => "says_paid",
        }
    }
}

/// That a link is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub reason: HoldReason,
    pub until: Timestamp,
    /// Whether nobody is sent to the gateway meanwhile. Who is there already may finish.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stops_paying: bool,
    /// For the business's own people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub placed_at: Timestamp,
    /// Who placed it. `None` where the customer did.
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub placed_by: Option<CreatedBy>,
}

/// Why a link cannot be held, or released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldRefused {
    /// It is paid, expired or cancelled.
    NotActive,
    /// The hold would end in the past, or more than a year from now.
    NotUntilThen,
    /// Nothing holds it.
    NotHeld,
}

impl PaymentLink {
    /// What holds the link at this moment.
    pub fn hold_at(&self, now: Timestamp) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.until > now && self.is_payable(now))
    }

    /// Whether nobody may be sent to the gateway at this moment, because the business wants it so.
    pub(super) fn is_paying_stopped(&self, now: Timestamp) -> bool {
        self.hold_at(now).is_some_and(|hold| hold.stops_paying)
    }

    /// The link with a hold in place of the one that there may be.
    pub fn place_hold(&self, hold: Hold, now: Timestamp) -> Result<Self, HoldRefused> {
        if !self.is_payable(now) {
            return Err(HoldRefused::NotActive);
        }
        if hold.until <= now || hold.until > later(now, LONGEST_HOLD) {
            return Err(HoldRefused::NotUntilThen);
        }
        Ok(self.changed(now, |link| link.hold = Some(hold)))
    }

    /// The link without its hold.
    pub fn release_hold(&self, now: Timestamp) -> Result<Self, HoldRefused> {
        if !self.is_payable(now) {
            return Err(HoldRefused::NotActive);
        }
        if self.hold_at(now).is_none() {
            return Err(HoldRefused::NotHeld);
        }
        Ok(self.changed(now, |link| link.hold = None))
    }

    /// Whether its customer may say to have paid already.
    pub fn may_say_paid(&self, now: Timestamp) -> bool {
        // What the business noted of a cheque stays, and a promise is what a payment ends.
        let is_news = |hold: &Hold| hold.reason == HoldReason::Promise && !hold.stops_paying;
        self.is_payable(now) && self.hold_at(now).is_none_or(is_news)
    }

    /// The link whose customer says to have paid already. `None` where that was said before, where nobody may pay for the
    /// moment, and where the link can be paid no more: whoever presses a button again and again changes nothing.
    pub fn said_paid(&self, now: Timestamp) -> Option<Self> {
        if !self.may_say_paid(now) {
            return None;
        }
        let known = self.hold_at(now);
        let until = later(now, SAYS_PAID_HOLDS);
        let hold = Hold {
            reason: HoldReason::SaysPaid,
            // Who promised to pay by an instant is not reminded before that because of saying more.
            until: known.map_or(until, |hold| hold.until.max(until)),
            stops_paying: false,
            note: known.and_then(|hold| hold.note.clone()),
            placed_at: now,
            placed_by: None,
        };
        Some(self.changed(now, |link| link.hold = Some(hold)))
    }
}

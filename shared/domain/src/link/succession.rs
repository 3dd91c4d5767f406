//! A link that takes the place of another one. The old one accepts nothing any more, keeps what it had, and its address leads to
//! the newest of the chain. And the wish of a customer whose link is over to get a new one, which the business hears of.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attempt::AttemptState;
use super::payment_link::{LinkStatus, PaymentLink};
use crate::ids::LinkId;

/// A customer can ask for a new link once in this time.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A wish for a new link is answered within this time, or left to the business.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// That the customer of a link that is over wants a new one, where the business wants such customers to get it at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    pub link: LinkId,
    pub asked_at: Timestamp,
    /// When the link is to be made, or that is tried again.
    pub answer_at: Timestamp,
}

impl Renewal {
    /// When to try again what could not be done now. `None` where that took too long, and the business has to answer, which was told
    /// of the wish.
    pub fn next_try(&self, pause: SignedDuration, now: Timestamp) -> Option<Timestamp> {
        let next = now.checked_add(pause).ok()?;
        (next.duration_since(self.asked_at) < ANSWERED_WITHIN).then_some(next)
    }
}

/// Why a link cannot be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceRefused {
    /// Somebody is paying. `can_force` is false while money is being taken.
    PaymentInProgress { can_force: bool },
    /// Another link took its place already.
    AlreadyReplaced,
    /// It is paid or cancelled.
    TakesNoMoney,
}

impl PaymentLink {
    /// Whether another link can take the place of this one. `force` counts where a customer may be paying: what arrives then
    /// goes back.
    pub fn may_be_replaced(&self, force: bool, now: Timestamp) -> Result<(), ReplaceRefused> {
        match self.status_at(now) {
            LinkStatus::Active | LinkStatus::Expired { .. } => {}
            LinkStatus::Replaced { .. } => return Err(ReplaceRefused::AlreadyReplaced),
            LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } => return Err(ReplaceRefused::TakesNoMoney),
        }
        if self.confirming().is_some() {
            return Err(ReplaceRefused::PaymentInProgress { can_force: false });
        }
        if !force && self.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::Open { .. })) {
            return Err(ReplaceRefused::PaymentInProgress { can_force: true });
        }
        Ok(())
    }

    /// The link as it ends where another one takes its place.
    pub fn replaced_by(&self, newer: &LinkId, force: bool, now: Timestamp) -> Result<Self, ReplaceRefused> {
        self.may_be_replaced(force, now)?;
        let status = LinkStatus::Replaced { replaced_at: now, by: newer.clone() };
        Ok(self.changed(now, |link| link.close(status, now)))
    }

    /// A new link as the one that takes the place of `older`.
    #[must_use]
    pub fn succeeding(self, older: &Self) -> Self {
        let first = older.first_of_chain();
        let chain = (first != older.id()).then(|| first.clone());
        Self { replaces: Some(older.id.clone()), chain, ..self }
    }

    /// The link of a copy, where the newest of its chain is now this one: another link took its place since, if it is another, and
    /// what that asks for nobody may pay a second time.
    #[must_use]
    pub fn replaced_since(mut self, newest: &LinkId, now: Timestamp) -> Self {
        let is_open = matches!(self.status, LinkStatus::Active | LinkStatus::Expired { .. });
        if is_open && *newest != self.id {
            self.close(LinkStatus::Replaced { replaced_at: now, by: newest.clone() }, now);
        }
        self
    }

    /// The link whose place this one took.
    pub fn replaces(&self) -> Option<&LinkId> {
        self.replaces.as_ref()
    }

    /// The link that took the place of this one. It may have been replaced itself since.
    pub fn successor(&self) -> Option<&LinkId> {
        match &self.status {
            LinkStatus::Replaced { by, .. } => Some(by),
            LinkStatus::Active
            | LinkStatus::Paid { .. }
            | LinkStatus::Expired { .. }
            | LinkStatus::Cancelled { .. } => None,
        }
    }

    /// The link with which the chain began that this one belongs to: its own, where it replaced none.
    pub fn first_of_chain(&self) -> &LinkId {
        self.chain.as_ref().or(self.replaces.as_ref()).unwrap_or(&self.id)
    }

    /// When a customer last asked for a new link in the place of this one.
    pub fn renewal_requested_at(&self) -> Option<Timestamp> {
        self.renewal_requested_at
    }

    /// Whether the business was told within the last day that its customer asks for a new link.
    pub fn is_renewal_requested(&self, now: Timestamp) -> bool {
        self.renewal_requested_at.is_some_and(|asked| now.duration_since(asked) < ASKED_AGAIN_AFTER)
    }

    /// The wish of the link's customer for a new one, as it was told.
    pub fn renewal(&self) -> Option<Renewal> {
        let asked_at = self.renewal_requested_at?;
        Some(Renewal { link: self.id.clone(), asked_at, answer_at: asked_at })
    }

    /// The link with the note that its customer asks for a new one. `None` where it is not over for want of a payment, or where
    /// that was asked for within a day.
    pub fn request_renewal(&self, now: Timestamp) -> Option<Self> {
        let is_over = matches!(self.status_at(now), LinkStatus::Expired { .. });
        (is_over && !self.is_renewal_requested(now)).then(|| {
            self.changed(now, |link| {
                // That the link is over is told before what somebody wants because of it.
                if link.status == LinkStatus::Active {
                    link.close(LinkStatus::Expired { expired_at: now }, now);
                }
                link.renewal_requested_at = Some(now);
            })
        })
    }
}

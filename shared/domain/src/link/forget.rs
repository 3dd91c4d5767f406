//! Forgetting whom a link was for, once nothing can happen to it any more.
//!
//! Every part of a link is taken apart here by name, so that a part that is new does not compile until somebody has decided
//! whether it says anything about a person.

use jiff::Timestamp;

use super::attempt::Attempt;
use super::message_round::MessageRound;
use super::payment_link::{LinkStatus, PaymentLink};
use super::recipient_mark::OpenedBy;
use super::recorded::Recorded;
use super::refund::Refund;
use super::terms::{AccountTerms, ContactTerms, ItemTerms, Terms};
use crate::messages::choice::MessageChoice;

/// The link can still be paid, or money of it is under way or under review, so that its people are still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillNeeded;

impl PaymentLink {
    /// The link without what it says about people: names, addresses, and every text of the CRM's own, which may name
    /// anybody. Ids, amounts, instants and attempts stay, because the books need them. `None` where that is done already.
    pub fn forget_person(&self, now: Timestamp) -> Result<Option<Self>, StillNeeded> {
        if self.status_at(now) == LinkStatus::Active || self.due_at().is_some() || self.needs_review() {
            return Err(StillNeeded);
        }
        let forgotten = self.changed(now, Self::drop_person);
        let says_less = forgotten.terms != self.terms
            || forgotten.message_rounds != self.message_rounds
            || forgotten.attempts != self.attempts;
        Ok((says_less || forgotten.request_hash != self.request_hash).then_some(forgotten))
    }

    fn drop_person(&mut self) {
        let channels = self.channels();
        let Self {
            id: _,
            business: _,
            shard: _,
            token: _,
            base: _,
            version: _,
            request_hash,
            // A member of the CRM's staff, or a program.
            created_by: _,
            terms,
            status,
            attempts,
            opened_at: _,
            opened_by,
            hold,
            message_rounds,
            next_reminder_at: _,
            reminders: _,
            // By what a list is narrowed and links are added up apart; it says nothing about a person.
            forgotten_channels,
            message_failed: _,
            outbox: _,
            idempotency: _,
            trace: _,
            created_at: _,
            updated_at: _,
            replaces: _,
            chain: _,
            renewal_requested_at: _,
            restored_at: _,
        } = self;
        terms.drop_person();
        *forgotten_channels = channels;
        attempts.iter_mut().for_each(Attempt::drop_person);
        // The channel is what links are added up apart by; it says nothing about a person.
        if let Some(OpenedBy { recipient, channel: _ }) = opened_by {
            *recipient = None;
        }
        if let Some(hold) = hold {
            hold.note = None;
        }
        message_rounds.iter_mut().for_each(MessageRound::drop_person);
        // The request is hashed without a salt: somebody who knows all of it but a phone number could try every number.
        request_hash.clear();
        if let LinkStatus::Cancelled { cancelled_at: _, reason } = status {
            *reason = None;
        }
    }
}

impl Terms {
    fn drop_person(&mut self) {
        let Self {
            mode: _,
            account: AccountTerms { id: _, name: _, gateway: _, credentials: _, late_payment: _, summary_page: _ },
            plan: _,
            contact: ContactTerms { id: _, name, profile_url },
            item,
            amount: _,
            amount_source: _,
            expires_at: _,
            due_at: _,
            description,
            internal_note,
            after_payment: _,
            message,
            recipients,
            unreached,
            reminders: _,
            reference_id: _,
            return_url,
            locale: _,
            metadata,
        } = self;
        name.clear();
        *profile_url = None;
        recipients.clear();
        unreached.clear();
        *description = None;
        *internal_note = None;
        *return_url = None;
        metadata.clear();
        drop_words(message);
        if let Some(ItemTerms { id: _, title, guard: _ }) = item {
            title.clear();
        }
    }
}

impl Attempt {
    fn drop_person(&mut self) {
        let Self {
            id: _,
            key: _,
            settles: _,
            gateway: _,
            account_id: _,
            credentials: _,
            money: _,
            session: _,
            checkout: _,
            return_reference: _,
            was_confirming: _,
            was_left_unanswered: _,
            opened_at: _,
            begun_by,
            confirmed_at: _,
            booked_later: _,
            asked: _,
            session_ends_at: _,
            deadline: _,
            watched_until: _,
            refunds,
            // A gateway's reference and its word for a reason.
            disputes: _,
            recorded,
            voided,
            // What a gateway says of a payment: its reference, and a card with most digits hidden, which the books need.
            state: _,
        } = self;
        *begun_by = None;
        refunds.iter_mut().for_each(Refund::drop_person);
        if let Some(recorded) = recorded {
            recorded.drop_person();
        }
        if let Some(voided) = voided {
            voided.reason = None;
        }
    }
}

impl Recorded {
    fn drop_person(&mut self) {
        let Self {
            by: _,
            // What money is found by that came by other means, which the books need.
            reference: _,
            received_at: _,
            note,
            // A member of the CRM's staff, or a program.
            recorded_by: _,
            request,
        } = self;
        *note = None;
        // See the same of refunds.
        if let Some(request) = request {
            request.body.clear();
        }
    }
}

impl Refund {
    fn drop_person(&mut self) {
        let Self {
            id: _,
            cause: _,
            amount: _,
            // What money is found by that went by other means, which the books need.
            method: _,
            reason,
            not_kept: _,
            // A member of the CRM's staff, or a program.
            requested_by: _,
            resolved_by: _,
            request,
            created_at: _,
            look_at: _,
            calls: _,
            unanswered: _,
            gateway_reference: _,
            booked_later: _,
            state: _,
        } = self;
        *reason = None;
        // The hash of a body could be held against texts that somebody guesses. Its key is enough to begin nothing twice.
        if let Some(request) = request {
            request.body.clear();
        }
    }
}

impl MessageRound {
    fn drop_person(&mut self) {
        let Self { version: _, at: _, message, recipients, unreached } = self;
        recipients.clear();
        unreached.clear();
        drop_words(message);
    }
}

/// A text of the CRM's own may name anybody.
fn drop_words(message: &mut MessageChoice) {
    *message = MessageChoice::Default { channels: message.channels() };
}

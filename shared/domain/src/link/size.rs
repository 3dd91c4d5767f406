//! How much a link may hold. It is one item of the table, written anew with every change, and DynamoDB takes no item of
//! more than 400 KB: a link that grew beyond that could not be written when it is paid.

use serde::Serialize;

use super::payment_link::PaymentLink;
use crate::problem::Rejection;

/// What the CRM puts on a link takes about this many bytes at most. The rest of the item is room for what happens to
/// the link: twenty attempts with what their gateways say, a few hundred events, the requests that it remembers.
pub const LARGEST_LINK: usize = 250_000;

impl PaymentLink {
    /// Refuses a change of what the CRM put on the link that leaves too little room for its being paid. What makes it no
    /// larger is always allowed.
    pub fn check_growth(&self, before: &Self) -> Result<(), Rejection> {
        let (size, before) = (size_of(&self.crm_content()), size_of(&before.crm_content()));
        if size <= before { Ok(()) } else { check_size(size) }
    }

    /// What the CRM puts on a link. The link is taken apart by name, so that a part that is new does not compile until
    /// somebody has decided whether it counts.
    fn crm_content(&self) -> impl Serialize {
        let Self {
            id: _,
            business: _,
            shard: _,
            token: _,
            base: _,
            version: _,
            request_hash: _,
            created_by: _,
            terms,
            // Of what happens to a link, each kind has a bound of its own.
            status: _,
            attempts: _,
            opened_at: _,
            opened_by: _,
            hold: _,
            message_rounds,
            next_reminder_at: _,
            reminders: _,
            forgotten_channels: _,
            message_failed: _,
            outbox: _,
            idempotency: _,
            trace: _,
            created_at: _,
            updated_at: _,
            // Their ids are of one length.
            replaces: _,
            chain: _,
            renewal_requested_at: _,
            restored_at: _,
        } = self;
        (terms, message_rounds)
    }
}

/// The same for what a link would be made of.
pub fn check_content(content: &impl Serialize) -> Result<(), Rejection> {
    check_size(size_of(content))
}

/// The length of the JSON, which is never shorter than the same in an item of the table. What cannot be written as JSON
/// could not be written there either.
fn size_of(content: &impl Serialize) -> usize {
    serde_json::to_vec(content).map_or(usize::MAX, |json| json.len())
}

fn check_size(size: usize) -> Result<(), Rejection> {
    if size <= LARGEST_LINK {
        return Ok(());
    }
    let detail = "Paylink could not keep so much about one link; name fewer people or send shorter texts.";
    Err(Rejection::new("link_too_large", detail))
}

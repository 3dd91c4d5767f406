//! How much a link may hold. It is one item of the table, written anew with every change, and DynamoDB takes no item of
//! more than 400 KB: a link that grew so far could not be written when its money is there.

use serde::Serialize;

use super::payment_link::PaymentLink;
use crate::problem::Rejection;

/// What the CRM puts on a link takes about so many bytes at most. What is left is for what happens to it: twenty attempts
/// with what their gateways say, a hundred outbox, the requests it remembers.
pub const LARGEST_LINK: usize = 250_000;

impl PaymentLink {
    /// Refuses a change of what the CRM put on the link that leaves too little room for its being paid. What makes it no
    /// larger is always allowed.
    pub fn check_growth(&self, before: &Self) -> Result<(), Rejection> {
        let size = |link: &Self| size_of(&(&link.terms, &link.message_rounds));
        if size(self) <= size(before) { Ok(()) } else { check_size(size(self)) }
    }
}

/// The same for what a link would be made of.
pub(crate) fn check_content(content: &impl Serialize) -> Result<(), Rejection> {
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

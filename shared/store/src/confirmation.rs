//! The transaction in which money becomes ours: link, claim, receipt and attachment, at once or not at all.
//! gateway-webhook and expire-links write it, through the crate `confirmation`.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{AttemptId, BusinessId, LinkId};
use domain::link::{PaymentLink, Receipt, ReferenceClaim, Transition};
use serde::Serialize;

use crate::Store;
use crate::error::StoreError;
use crate::item::{text, to_item, write_id};
use crate::keys;
use crate::links::{Written, written_over};
use crate::receipts::receipt_item;
use crate::table::{Condition, TransactOutcome};

/// What became of writing a transition.
#[derive(Clone, Debug)]
pub enum TransitionWritten {
    Written(Written),
    /// The gateway's reference paid something else before.
    ReferenceTaken,
    /// Another link has the CRM's reference by now, so that this payment would pay the same thing a second time.
    LinkMovedOn,
}

/// That a gateway's reference belongs to one attempt.
#[derive(Serialize)]
struct ClaimRecord<'a> {
    business: &'a BusinessId,
    link_id: &'a LinkId,
    attempt_id: &'a AttemptId,
}

/// That a receipt is attached to a field of an item.
#[derive(Serialize)]
struct AttachmentRecord<'a> {
    link_id: &'a LinkId,
}

impl Store {
    /// Writes what a gateway's answer led to. Money that it confirmed is claimed for its attempt with the link, and a payment
    /// that is kept becomes a receipt and its attachment too, in one transaction that depends on nothing the CRM could
    /// change meanwhile.
    pub async fn apply_transition(&self, transition: &Transition) -> Result<TransitionWritten, StoreError> {
        const WRITE: &str = "confirm a payment";
        let Some(claim) = &transition.claim else {
            return Ok(TransitionWritten::Written(self.replace_link(&transition.link).await?));
        };
        let receipt = transition.kept.as_ref().and_then(|kept| kept.receipt.as_ref());
        let mark = write_id()?;
        let mut writes = self.writes_of_confirmation(&transition.link, claim, receipt, &mark)?;
        if let Some(reference) = &transition.unless_moved_on {
            writes
                .insert(NEWEST, self.of(transition.link.business()).check_is_newest(reference, transition.link.id())?);
        }
        let reasons = match self.transact(WRITE, writes).await? {
            TransactOutcome::Committed => return Ok(TransitionWritten::Written(Written::Applied)),
            TransactOutcome::Cancelled(reasons) => reasons,
        };
        if let Some(current) = reasons.item_at(LINK) {
            return Ok(TransitionWritten::Written(written_over(WRITE, current, &mark)?));
        }
        if reasons.item_at(CLAIM).is_some() {
            return Ok(TransitionWritten::ReferenceTaken);
        }
        if transition.unless_moved_on.is_some() && reasons.item_at(NEWEST).is_some() {
            return Ok(TransitionWritten::LinkMovedOn);
        }
        Err(StoreError::unreadable(WRITE, "a receipt exists whose attempt is not confirmed"))
    }

    /// The link and the claim come first, in the order of [`LINK`] and [`CLAIM`].
    fn writes_of_confirmation(
        &self,
        link: &PaymentLink,
        claim: &ReferenceClaim,
        receipt: Option<&Receipt>,
        mark: &str,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let seen = Condition::version(link.version() - 1);
        let unclaimed =
            Condition::new("attribute_not_exists(pk) OR attempt_id = :own", [(":own", text(claim.attempt.as_str()))]);
        let business = link.business();
        let record = ClaimRecord { business, link_id: link.id(), attempt_id: &claim.attempt };
        let claim = to_item(keys::claim(&claim.reference), &record)?;
        let mut writes =
            vec![self.conditional_put(self.link_item(link, mark)?, seen)?, self.conditional_put(claim, unclaimed)?];
        if let Some(receipt) = receipt {
            writes.push(self.conditional_put(receipt_item(link, receipt)?, Condition::nothing_there())?);
            if let Some(to) = &receipt.attached_to {
                let at = keys::attachment(business, &to.item_id, &to.field, &receipt.id);
                writes.push(self.plain_put(to_item(at, &AttachmentRecord { link_id: link.id() })?)?);
            }
        }
        Ok(writes)
    }
}

/// Where the link and the claim stand in the transaction.
const LINK: usize = 0;
const CLAIM: usize = 1;

/// Where the check of the CRM's reference stands, where there is one.
const NEWEST: usize = 2;

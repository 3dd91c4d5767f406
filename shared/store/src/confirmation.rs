//! The transaction in which money becomes ours: link, claim, receipt and attachment, at once or not at all.
//! gateway-webhook and expire-links write it, through the crate `confirmation`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{AttemptId, LinkId};
use domain::link::{PaymentLink, Receipt, ReferenceClaim, Transition};
use serde::Serialize;

use crate::Store;
use crate::error::StoreError;
use crate::item::{number, text, to_item, write_id};
use crate::keys::{self, BY_CONTACT, BY_ITEM, LISTED_AT};
use crate::links::{Written, written_over};
use crate::table::{conditional_put, failed_on, plain_put};

/// What became of confirming.
#[derive(Clone, Debug)]
pub enum TransitionWritten {
    Written(Written),
    /// The gateway's reference paid something else before.
    ReferenceTaken,
}

#[derive(Serialize)]
struct ClaimRecord<'a> {
    attempt_id: &'a AttemptId,
}

#[derive(Serialize)]
struct AttachmentRecord<'a> {
    link_id: &'a LinkId,
}

impl Store {
    /// Writes what a gateway's answer led to. Money that it confirmed is claimed for its attempt with the link, and a payment
    /// that is kept becomes a receipt and its attachment too, in one transaction that depends on nothing the CRM could
    /// change meanwhile.
    pub async fn confirm(&self, transition: &Transition) -> Result<TransitionWritten, StoreError> {
        const WRITE: &str = "confirm a payment";
        let Some(claim) = &transition.claim else {
            return Ok(TransitionWritten::Written(self.replace_link(&transition.link).await?));
        };
        let receipt = transition.kept.as_ref().and_then(|kept| kept.receipt.as_ref());
        let mark = write_id()?;
        let writes = self.confirmation(&transition.link, claim, receipt, &mark)?;
        let Err(reasons) = self.transact(WRITE, writes).await? else {
            return Ok(TransitionWritten::Written(Written::Applied));
        };
        if let Some(current) = failed_on(&reasons, 0) {
            return Ok(TransitionWritten::Written(written_over(WRITE, current, &mark)?));
        }
        if failed_on(&reasons, 1).is_some() {
            return Ok(TransitionWritten::ReferenceTaken);
        }
        Err(StoreError::unreadable(WRITE, "a receipt exists whose attempt is not confirmed"))
    }

    fn confirmation(
        &self,
        link: &PaymentLink,
        claim: &ReferenceClaim,
        receipt: Option<&Receipt>,
        mark: &str,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let seen = HashMap::from([(":seen".to_owned(), number(link.version() - 1))]);
        let own = HashMap::from([(":own".to_owned(), text(claim.attempt.as_str()))]);
        let claim = to_item(keys::claim(&claim.reference), &ClaimRecord { attempt_id: &claim.attempt })?;
        let mut writes = vec![
            conditional_put(self, self.link_item(link, mark)?, "version = :seen", seen)?,
            conditional_put(self, claim, "attribute_not_exists(pk) OR attempt_id = :own", own)?,
        ];
        if let Some(receipt) = receipt {
            let mut item = to_item(keys::receipt(&receipt.id), receipt)?;
            item.insert(BY_CONTACT.to_owned(), text(keys::receipts_of(receipt.contact_id.as_str())));
            if let Some(item_id) = &receipt.item_id {
                item.insert(BY_ITEM.to_owned(), text(keys::receipts_of(item_id.as_str())));
            }
            item.insert(LISTED_AT.to_owned(), text(keys::listed_at(receipt.registered_at, receipt.id.as_str())));
            writes.push(conditional_put(self, item, "attribute_not_exists(pk)", HashMap::new())?);
            if let Some(to) = &receipt.attached_to {
                let at = keys::attachment(&to.item_id, &to.field, &receipt.id);
                let item = to_item(at, &AttachmentRecord { link_id: link.id() })?;
                writes.push(plain_put(self, item)?);
            }
        }
        Ok(writes)
    }
}

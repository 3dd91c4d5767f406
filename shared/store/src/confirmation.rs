//! The transaction in which money becomes ours: link, claim, receipt and attachment, at once or not at all.
//! gateway-webhook and expire-links write it, through the crate `confirmation`. What a person wrote down crm-api writes.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::Timestamp;
use domain::audit::{AuditAction, FieldChange, Subject};
use domain::gateway::Mode;
use domain::ids::{AttemptId, BusinessId, LinkId};
use domain::link::{Correction, PaidOnItem, PaymentLink, Receipt, ReferenceClaim, Transition};
use domain::money::{Currency, Money};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::{text, to_item, write_id};
use crate::keys;
use crate::links::{Written, written_over};
use crate::receipts::receipt_item;
use crate::table::{Condition, TransactOutcome};
use crate::{BusinessStore, Store};

/// What became of writing a transition.
#[derive(Clone, Debug)]
pub enum TransitionWritten {
    Written(Written),
    /// The gateway's reference paid something else before.
    ReferenceTaken,
    /// Another link has the CRM's reference by now, so that this payment would pay the same thing a second time.
    LinkMovedOn,
    /// The link's item has no room for this payment: other links paid it.
    ItemPaid,
}

/// That a gateway's reference belongs to one attempt, and what became of its money. A link that is lost is brought back
/// with that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimRecord {
    pub(crate) business: BusinessId,
    pub(crate) link_id: LinkId,
    pub(crate) attempt_id: AttemptId,
    pub(crate) gateway_reference: String,
    #[serde(flatten)]
    pub(crate) money: Money,
    pub(crate) confirmed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept_at: Option<Timestamp>,
}

/// That a receipt is attached to a field of an item, and what it adds to what was paid there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AttachmentRecord {
    link_id: LinkId,
    /// In minor units; what went back is less than nothing.
    pub(crate) adds: i64,
    pub(crate) currency: Currency,
    pub(crate) mode: Mode,
}

impl Store {
    /// Writes what a gateway's answer led to. Money that it confirmed is claimed for its attempt with the link, and a payment
    /// that is kept becomes a receipt and its attachment too, in one transaction that depends on nothing the CRM could
    /// change meanwhile.
    pub async fn apply_transition(&self, transition: &Transition) -> Result<TransitionWritten, StoreError> {
        const WRITE: &str = "confirm a payment";
        if let Some(correction) = &transition.correction {
            let on_item = transition.on_item.as_ref();
            return Ok(TransitionWritten::Written(self.write_correction(&transition.link, correction, on_item).await?));
        }
        if let (None, Some(on_item)) = (&transition.claim, &transition.on_item) {
            return Ok(TransitionWritten::Written(self.write_without_receipt(&transition.link, on_item).await?));
        }
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
        // It comes last, so that everything else keeps its place.
        let guard = writes.len();
        if let Some(on_item) = &transition.on_item {
            writes.push(self.add_to_item(transition.link.business(), on_item)?);
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
        if reasons.item_at(guard).is_some() {
            return Ok(TransitionWritten::ItemPaid);
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
        let record = ClaimRecord {
            business: business.clone(),
            link_id: link.id().clone(),
            attempt_id: claim.attempt.clone(),
            gateway_reference: claim.gateway_reference.clone(),
            money: claim.money,
            confirmed_at: claim.confirmed_at,
            kept_at: claim.kept_at,
        };
        let claim = to_item(keys::claim(&claim.reference), &record)?;
        let mut writes =
            vec![self.conditional_put(self.link_item(link, mark)?, seen)?, self.conditional_put(claim, unclaimed)?];
        if let Some(receipt) = receipt {
            writes.push(self.conditional_put(receipt_item(link, receipt)?, Condition::nothing_there())?);
            writes.extend(self.attachment_of(link, receipt)?);
        }
        Ok(writes)
    }

    /// Writes that kept money went back: with the link the record of that, and on the receipt of the payment how much of it
    /// went back. Nobody else writes either, and whoever does it has changed the link.
    async fn write_correction(
        &self,
        link: &PaymentLink,
        correction: &Correction,
        on_item: Option<&PaidOnItem>,
    ) -> Result<Written, StoreError> {
        const WRITE: &str = "record a refund";
        let mark = write_id()?;
        let mut writes = self.writes_of_correction(link, correction, &mark)?;
        if let Some(on_item) = on_item {
            writes.push(self.add_to_item(link.business(), on_item)?);
        }
        let reasons = match self.transact(WRITE, writes).await? {
            TransactOutcome::Committed => return Ok(Written::Applied),
            TransactOutcome::Cancelled(reasons) => reasons,
        };
        match reasons.item_at(LINK) {
            Some(current) => written_over(WRITE, current, &mark),
            None => Err(StoreError::unreadable(WRITE, "a payment has no receipt, or a refund has one already")),
        }
    }

    /// The same of a link that has no receipts: what it changes about its item is written all the same.
    async fn write_without_receipt(&self, link: &PaymentLink, on_item: &PaidOnItem) -> Result<Written, StoreError> {
        const WRITE: &str = "record a refund without a receipt";
        let mark = write_id()?;
        let seen = Condition::version(link.version() - 1);
        let writes = vec![
            self.conditional_put(self.link_item(link, &mark)?, seen)?,
            self.add_to_item(link.business(), on_item)?,
        ];
        let reasons = match self.transact(WRITE, writes).await? {
            TransactOutcome::Committed => return Ok(Written::Applied),
            TransactOutcome::Cancelled(reasons) => reasons,
        };
        match reasons.item_at(LINK) {
            Some(current) => written_over(WRITE, current, &mark),
            None => Err(StoreError::unreadable(WRITE, "what was paid for an item stands against what went back")),
        }
    }

    /// The link comes first.
    fn writes_of_correction(
        &self,
        link: &PaymentLink,
        correction: &Correction,
        mark: &str,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let seen = Condition::version(link.version() - 1);
        let mut writes = vec![self.conditional_put(self.link_item(link, mark)?, seen)?];
        for changed in std::iter::once(&correction.corrected).chain(&correction.voided) {
            writes.push(self.conditional_put(receipt_item(link, changed)?, Condition::something_there())?);
        }
        writes.push(self.conditional_put(receipt_item(link, &correction.receipt)?, Condition::nothing_there())?);
        writes.extend(self.attachment_of(link, &correction.receipt)?);
        Ok(writes)
    }

    /// The write that attaches a receipt to the field of its item, where it has one.
    fn attachment_of(&self, link: &PaymentLink, receipt: &Receipt) -> Result<Option<TransactWriteItem>, StoreError> {
        let Some(to) = &receipt.attached_to else { return Ok(None) };
        let at = keys::attachment(link.business(), &to.item_id, &to.field, &receipt.id);
        let (sign, amount) = (if receipt.kind.name().adds() { 1 } else { -1 }, receipt.money.minor_units());
        let record = AttachmentRecord {
            link_id: link.id().clone(),
            adds: sign * amount,
            currency: receipt.money.currency(),
            mode: receipt.mode,
        };
        Ok(Some(self.plain_put(to_item(at, &record)?)?))
    }
}

impl BusinessStore {
    /// The transition with its receipt where books have it, which are closed up to some day. They are asked about as they are
    /// at this moment, and only where a closed day may be concerned.
    pub async fn with_booking(&self, transition: Transition) -> Result<Transition, StoreError> {
        if !transition.depends_on_closed_books() {
            return Ok(transition);
        }
        let settings = self.settings().await?;
        Ok(match settings.and_then(|settings| settings.books_open_from()) {
            Some(open_from) => transition.booked_from(open_from),
            None => transition,
        })
    }

    /// Writes what a person wrote down of money that came by other means, or that such an entry is void: the link, its receipts
    /// and the entry of the log, at once or not at all. No gateway has a word in it, and no receipt of a gateway's is written.
    pub async fn write_recorded(
        &self,
        transition: &Transition,
        action: AuditAction,
        changes: Vec<FieldChange>,
    ) -> Result<Written, StoreError> {
        const WRITE: &str = "write down a payment";
        let (store, link) = (&self.store, &transition.link);
        let mark = write_id()?;
        let mut writes = match &transition.correction {
            Some(correction) => store.writes_of_correction(link, correction, &mark)?,
            None => vec![store.conditional_put(store.link_item(link, &mark)?, Condition::version(link.version() - 1))?],
        };
        if let Some(receipt) = transition.kept.as_ref().and_then(|kept| kept.receipt.as_ref()) {
            writes.push(store.conditional_put(receipt_item(link, receipt)?, Condition::nothing_there())?);
            writes.extend(store.attachment_of(link, receipt)?);
        }
        if let Some(on_item) = &transition.on_item {
            writes.push(store.add_to_item(link.business(), on_item)?);
        }
        writes.extend(self.log(action, Subject::new("payment_link", link.id().as_str()), changes)?);
        let reasons = match store.transact(WRITE, writes).await? {
            TransactOutcome::Committed => return Ok(Written::Applied),
            TransactOutcome::Cancelled(reasons) => reasons,
        };
        match reasons.item_at(LINK) {
            Some(current) => written_over(WRITE, current, &mark),
            None => Err(StoreError::unreadable(WRITE, "a receipt is there without its payment, or the other way")),
        }
    }
}

/// Where the link and the claim stand in the transaction.
const LINK: usize = 0;
const CLAIM: usize = 1;

/// Where the check of the CRM's reference stands, where there is one.
const NEWEST: usize = 2;

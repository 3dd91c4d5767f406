//! Which payment the page of a receipt is about. deliver-messages writes that before anybody is told where the page is, and
//! pay-redirect reads it: the page's code derives from the pay token and leads nowhere by itself.

use domain::ids::{AttemptId, LinkId, ReceiptCode};
use domain::link::{Attempt, PaymentLink};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::{text, to_item};
use crate::keys::{self, BUSINESS};

/// What is kept of the page of a receipt.
#[derive(Debug, Serialize, Deserialize)]
struct ReceiptPage {
    link_id: LinkId,
    attempt_id: AttemptId,
}

/// A payment whose receipt somebody has the code of.
#[derive(Debug)]
pub struct FoundReceipt {
    pub link: PaymentLink,
    pub attempt: AttemptId,
}

impl Store {
    /// Writes which payment the page of its receipt is about. It never changes.
    pub async fn put_receipt_page(&self, link: &PaymentLink, attempt: &Attempt) -> Result<(), StoreError> {
        let page = ReceiptPage { link_id: link.id().clone(), attempt_id: attempt.id.clone() };
        let mut item = to_item(keys::receipt_page(&link.receipt_code(attempt)), &page)?;
        item.insert(BUSINESS.to_owned(), text(link.business().as_str()));
        self.put("write what the page of a receipt is about", item).await
    }

    /// The payment that the page of a receipt is about, with its link.
    pub async fn receipt_by_code(&self, code: &ReceiptCode) -> Result<Option<FoundReceipt>, StoreError> {
        let page = self.read("read what the page of a receipt is about", keys::receipt_page(code)).await?;
        let Some(ReceiptPage { link_id, attempt_id }) = page else { return Ok(None) };
        Ok(self.link(&link_id).await?.map(|link| FoundReceipt { link, attempt: attempt_id }))
    }
}

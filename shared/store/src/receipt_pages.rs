//! Which payment the page of a receipt is about. deliver-messages writes that before anybody is told where the page is, and
//! pay-redirect reads it: the page's code derives from the pay token and leads nowhere by itself.

use domain::ids::{AttemptId, LinkId, ReceiptCode};
use domain::link::{Attempt, PaymentLink};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::{text, to_item};
use crate::keys::{self, BUSINESS};

/// A payment whose receipt has a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptPage {
    pub link_id: LinkId,
    pub attempt_id: AttemptId,
}

impl Store {
    /// Writes which payment the page of its receipt is about. It never changes.
    pub async fn put_receipt_page(&self, link: &PaymentLink, attempt: &Attempt) -> Result<(), StoreError> {
        let page = ReceiptPage { link_id: link.id().clone(), attempt_id: attempt.id.clone() };
        let mut item = to_item(keys::receipt_page(&link.receipt_code(attempt)), &page)?;
        item.insert(BUSINESS.to_owned(), text(link.business().as_str()));
        self.put("write what the page of a receipt is about", item).await
    }

    /// The payment that the page of a receipt is about.
    pub async fn receipt_page(&self, code: &ReceiptCode) -> Result<Option<ReceiptPage>, StoreError> {
        self.read("read what the page of a receipt is about", keys::receipt_page(code)).await
    }
}

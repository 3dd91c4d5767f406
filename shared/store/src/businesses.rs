//! The businesses of a stack, as the platform made them. crm-api writes and lists them; every other function reads the one
//! it is about with its configuration.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::audit::Subject;
use domain::ids::BusinessId;
use domain::records::business::{Business, PayUrlBase};
use serde_json::json;

use crate::cursor::Cursor;
use crate::error::StoreError;
use crate::item::text;
use crate::keys::{self, ALL_BUSINESSES, BY_STATE, LISTED_AT};
use crate::lists::Page;
use crate::revision::{Revision, to_marked_item};
use crate::table::RecordWritten;
use crate::{BusinessStore, Store};

impl Store {
    pub async fn business(&self, id: &BusinessId) -> Result<Option<Business>, StoreError> {
        self.read("read a business", keys::business(id)).await
    }

    /// A business and what to write a change of it over.
    pub async fn business_to_change(&self, id: &BusinessId) -> Result<(Option<Business>, Revision), StoreError> {
        self.record_to_change("read a business to change it", keys::business(id)).await
    }

    /// Writes a business over the revision that was read, where nobody has to sign for it.
    pub async fn put_business(&self, business: &Business, revision: &Revision) -> Result<RecordWritten, StoreError> {
        self.of(&business.id).put_business(business, revision).await
    }

    /// The businesses, by their ids.
    pub async fn list_businesses(&self, limit: usize, after: Option<&Cursor>) -> Result<Page<Business>, StoreError> {
        let key_of = |id: &str| Some(keys::business(&BusinessId::parse(id).ok()?));
        self.list_by_id("list businesses", ALL_BUSINESSES.to_owned(), limit, after, key_of).await
    }
}

impl BusinessStore {
    /// This business and what to write a change of it over.
    pub async fn business_to_change(&self) -> Result<(Option<Business>, Revision), StoreError> {
        self.store.business_to_change(&self.business).await
    }

    /// What the log says of a business. The platform's own words about it, its name and the reason of a suspension, are for
    /// the platform, and the log is the business's.
    async fn log_of_business(&self, business: &Business) -> Result<Vec<TransactWriteItem>, StoreError> {
        let told = |business: &Business| {
            let pay_url = business.pay_url.as_ref().map(PayUrlBase::as_str);
            json!({ "status": business.state.name(), "pay_url": pay_url, "shards": business.shards.number() })
        };
        let before = self.store.business(&self.business).await?;
        let before = before.as_ref().map(told).unwrap_or_default();
        self.log_of_values(Subject::new("business", business.id.as_str()), &before, &told(business))
    }

    /// Writes what the platform decides about this business over the revision that was read.
    pub async fn put_business(&self, business: &Business, revision: &Revision) -> Result<RecordWritten, StoreError> {
        let mut item = to_marked_item(keys::business(&business.id), business)?;
        item.insert(BY_STATE.to_owned(), text(ALL_BUSINESSES));
        item.insert(LISTED_AT.to_owned(), text(business.id.as_str()));
        let beside = self.log_of_business(business).await?;
        self.store.put_over("write a business", item, revision, beside).await
    }
}

//! The businesses of a stack, as the platform made them. crm-api writes and lists them; every other function reads the one
//! it is about with its configuration.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::audit::Subject;
use domain::business::settings::{PlatformDefaults, Settings};
use domain::ids::BusinessId;
use domain::records::business::{Business, PayUrlBase};
use serde_json::json;

use crate::cursor::Cursor;
use crate::error::StoreError;
use crate::item::{Item, text};
use crate::keys::{self, ALL_BUSINESSES, BY_STATE, LISTED_AT};
use crate::lists::Page;
use crate::revision::{Revision, RevisionWritten, to_marked_item};
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
    pub async fn put_business(&self, business: &Business, revision: &Revision) -> Result<RevisionWritten, StoreError> {
        self.of(&business.id).put_business(business, revision).await
    }

    /// What the platform wants its businesses to start with.
    pub async fn platform_defaults(&self) -> Result<PlatformDefaults, StoreError> {
        let known = self.read("read the platform's defaults", keys::platform_defaults()).await?;
        Ok(known.unwrap_or_default())
    }

    /// The same as they were written, and what to write others over.
    pub async fn platform_defaults_to_change(&self) -> Result<(Option<PlatformDefaults>, Revision), StoreError> {
        self.record_to_change("read the platform's defaults to change them", keys::platform_defaults()).await
    }

    /// Writes the platform's defaults over the revision that was read.
    pub async fn put_platform_defaults(
        &self,
        defaults: &PlatformDefaults,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let item = to_marked_item(keys::platform_defaults(), defaults)?;
        self.put_over("write the platform's defaults", item, revision, Vec::new()).await
    }

    /// The businesses, by their ids.
    pub async fn list_businesses(&self, limit: usize, after: Option<&Cursor>) -> Result<Page<Business>, StoreError> {
        let key_of = |id: &str| Some(keys::business(&BusinessId::parse(id).ok()?));
        self.list_by_id("list businesses", ALL_BUSINESSES.to_owned(), limit, after, key_of).await
    }
}

impl BusinessStore {
    /// What the platform wants its businesses to start with.
    pub async fn platform_defaults(&self) -> Result<PlatformDefaults, StoreError> {
        self.store.platform_defaults().await
    }

    /// This business and what to write a change of it over.
    pub async fn business_to_change(&self) -> Result<(Option<Business>, Revision), StoreError> {
        self.store.business_to_change(&self.business).await
    }

    /// What the log says of a business. The platform's own words about it, its name and the reason of a suspension, are for
    /// the platform, and the log is the business's.
    async fn log_of_business(&self, business: &Business) -> Result<Vec<TransactWriteItem>, StoreError> {
        let told = |business: &Business| {
            let pay_url = business.pay_url.as_ref().map(PayUrlBase::as_str);
            json!({
                "status": business.state.name(), "pay_url": pay_url, "shards": business.spread.read().number(),
                "quotas": business.quotas,
            })
        };
        let before = self.store.business(&self.business).await?;
        let before = before.as_ref().map(told).unwrap_or_default();
        self.log_of_values(Subject::new("business", business.id.as_str()), &before, &told(business))
    }

    /// Makes this business with the settings that it starts with, unless there is one.
    pub async fn make_business(&self, business: &Business, settings: &Settings) -> Result<RevisionWritten, StoreError> {
        let mut beside = self.log_of_business(business).await?;
        beside.push(self.store.plain_put(to_marked_item(keys::settings(&self.business), settings)?)?);
        self.store.put_over("make a business", business_item(business)?, &Revision::Nothing, beside).await
    }

    /// Writes what the platform decides about this business over the revision that was read.
    pub async fn put_business(&self, business: &Business, revision: &Revision) -> Result<RevisionWritten, StoreError> {
        let beside = self.log_of_business(business).await?;
        self.store.put_over("write a business", business_item(business)?, revision, beside).await
    }
}

/// A business's item with its place in the list of all.
pub(crate) fn business_item(business: &Business) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::business(&business.id), business)?;
    item.insert(BY_STATE.to_owned(), text(ALL_BUSINESSES));
    item.insert(LISTED_AT.to_owned(), text(business.id.as_str()));
    Ok(item)
}

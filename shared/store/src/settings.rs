//! The business's settings and its logo. crm-api writes them, at once where a logo is new. The functions that speak
//! to people have the settings from the configuration, and pay-redirect shows the logo.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::audit::Subject;
use domain::business::logo::{Logo, LogoHash};
use domain::business::settings::Settings;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;

impl BusinessStore {
    pub async fn settings(&self) -> Result<Option<Settings>, StoreError> {
        self.store.read("read the settings", keys::settings(&self.business)).await
    }

    pub async fn put_settings(&self, settings: &Settings) -> Result<(), StoreError> {
        self.write_settings(settings, Vec::new()).await
    }

    /// Writes the settings and the picture that they name, at once. An earlier picture stays, because pages of the last
    /// minutes still show it.
    pub async fn put_settings_with_logo(&self, settings: &Settings, logo: &Logo) -> Result<(), StoreError> {
        let picture = to_item(keys::logo(&self.business, &logo.hash()), logo)?;
        self.write_settings(settings, vec![self.store.plain_put(picture)?]).await
    }

    async fn write_settings(&self, settings: &Settings, mut beside: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        const WRITE: &str = "write the settings";
        let (at, subject) = (keys::settings(&self.business), Subject::new("settings", "settings"));
        let item = to_item(at.clone(), settings)?;
        beside.extend(self.log_of_writing(subject, at, settings, Vec::new()).await?);
        if beside.is_empty() {
            return self.store.put(WRITE, item).await;
        }
        beside.push(self.store.plain_put(item)?);
        self.store.transact(WRITE, beside).await.map(drop)
    }

    pub async fn logo(&self, hash: &LogoHash) -> Result<Option<Logo>, StoreError> {
        self.store.read("read a logo", keys::logo(&self.business, hash)).await
    }
}

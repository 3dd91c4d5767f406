//! The business's settings and its logo. crm-api writes them, at once where a logo is new. The functions that speak
//! to people have the settings from the configuration, and pay-redirect shows the logo.

use domain::business::logo::{Logo, LogoHash};
use domain::business::settings::Settings;

use crate::Store;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;

impl Store {
    pub async fn settings(&self) -> Result<Option<Settings>, StoreError> {
        self.read("read the settings", keys::settings()).await
    }

    pub async fn put_settings(&self, settings: &Settings) -> Result<(), StoreError> {
        self.put("write the settings", to_item(keys::settings(), settings)?).await
    }

    /// Writes the settings and the picture that they name, at once. An earlier picture stays, because pages of the last
    /// minutes still show it.
    pub async fn put_settings_with_logo(&self, settings: &Settings, logo: &Logo) -> Result<(), StoreError> {
        let picture = to_item(keys::logo(&logo.hash()), logo)?;
        self.put_both("write the settings with a logo", picture, to_item(keys::settings(), settings)?).await
    }

    pub async fn logo(&self, hash: &LogoHash) -> Result<Option<Logo>, StoreError> {
        self.read("read a logo", keys::logo(hash)).await
    }
}

//! The business's settings and its logo. crm-api writes them, at once where a logo is new. The functions that speak
//! to people have the settings from the configuration, and pay-redirect shows the logo.

use domain::audit::Subject;
use domain::business::logo::{Logo, LogoHash};
use domain::business::settings::Settings;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::{text, to_item};
use crate::keys::{self, BY_STATE, LISTED_AT};
use crate::revision::{Revision, RevisionWritten, to_marked_item};

impl BusinessStore {
    pub async fn settings(&self) -> Result<Option<Settings>, StoreError> {
        self.store.read("read the settings", keys::settings(&self.business)).await
    }

    /// The settings and what to write others over.
    pub async fn settings_to_change(&self) -> Result<(Option<Settings>, Revision), StoreError> {
        self.store.record_to_change("read the settings to change them", keys::settings(&self.business)).await
    }

    /// Writes the settings over the revision that was read, and at once the picture that they name. An earlier picture stays,
    /// because pages of the last minutes still show it.
    pub async fn put_settings(
        &self,
        settings: &Settings,
        logo: Option<&Logo>,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let at = keys::settings(&self.business);
        let item = to_marked_item(at.clone(), settings)?;
        let mut beside = self.log_of_writing(Subject::new("settings", "settings"), at, settings, Vec::new()).await?;
        if let Some(logo) = logo {
            let hash = logo.hash();
            let mut item = to_item(keys::logo(&self.business, &hash), logo)?;
            // Nothing else names a picture that the settings name no more.
            item.insert(BY_STATE.to_owned(), text(keys::logos_of(&self.business)));
            item.insert(LISTED_AT.to_owned(), text(hash.as_str()));
            beside.push(self.store.plain_put(item)?);
        }
        self.store.put_over("write the settings", item, revision, beside).await
    }

    pub async fn logo(&self, hash: &LogoHash) -> Result<Option<Logo>, StoreError> {
        self.store.read("read a logo", keys::logo(&self.business, hash)).await
    }
}

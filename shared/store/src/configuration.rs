//! What the business set: read in one query, kept for a while.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::business::settings::Settings;
use domain::ids::{AccountId, ReceiptTypeId};
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::message_template::{MessageTemplate, saved_text};
use domain::messages::provider::{MessageProvider, MessageProviders};
use domain::messages::template::MessageText;
use domain::records::account::Account;
use domain::records::receipt_type::ReceiptType;

use crate::Store;
use crate::cached::REREAD_PAUSE;
use crate::error::StoreError;
use crate::item::{Item, from_item, text_of};
use crate::keys::{CONFIGURATION_PARTITION, SK};

/// Everything in the configuration partition.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    pub settings: Settings,
    pub accounts: BTreeMap<AccountId, Account>,
    pub receipt_types: BTreeMap<ReceiptTypeId, ReceiptType>,
    pub templates: Vec<MessageTemplate>,
    pub providers: MessageProviders,
}

impl Configuration {
    /// The business's own text: for the very locale, else for its language.
    pub fn template(&self, kind: MessageKind, channel: Channel, locale: &Locale) -> Option<&MessageText> {
        saved_text(&self.templates, kind, channel, locale)
    }

    fn add(&mut self, item: Item) -> Result<(), StoreError> {
        const READ: &str = "read the configuration";
        let kind = text_of(&item, SK).unwrap_or_default().split('#').next().unwrap_or_default().to_owned();
        match kind.as_str() {
            "settings" => self.settings = from_item(READ, item)?,
            "account" => {
                let account: Account = from_item(READ, item)?;
                self.accounts.insert(account.id.clone(), account);
            }
            "receipt-type" => {
                let receipt_type: ReceiptType = from_item(READ, item)?;
                self.receipt_types.insert(receipt_type.id.clone(), receipt_type);
            }
            "provider" => {
                let provider: MessageProvider = from_item(READ, item)?;
                self.providers.insert(provider.id.clone(), provider);
            }
            "template" => self.templates.push(from_item(READ, item)?),
            // Written by a newer version of this program, and no business of this one.
            _ => {}
        }
        Ok(())
    }
}

impl Store {
    /// The configuration, at most as old as the store was told to keep it.
    pub async fn configuration(&self) -> Result<Arc<Configuration>, StoreError> {
        let mut cached = self.configuration.lock().await;
        match cached.get() {
            Some(known) => Ok(known),
            None => Ok(cached.set(self.read_configuration().await?)),
        }
    }

    /// The configuration for a request that may name a receipt type. One that the known configuration lacks may have been
    /// written since, so it is read again, unless it was read only just now: a wrong id in every request costs at most
    /// one query a second.
    pub async fn configuration_with(
        &self,
        receipt_type: Option<&ReceiptTypeId>,
    ) -> Result<Arc<Configuration>, StoreError> {
        let known = self.configuration().await?;
        match receipt_type {
            Some(id) if !known.receipt_types.contains_key(id) => self.newest_configuration().await,
            Some(_) | None => Ok(known),
        }
    }

    async fn newest_configuration(&self) -> Result<Arc<Configuration>, StoreError> {
        let mut cached = self.configuration.lock().await;
        match cached.younger_than(REREAD_PAUSE) {
            Some(known) => Ok(known),
            None => Ok(cached.set(self.read_configuration().await?)),
        }
    }

    /// The configuration as the table holds it at this moment, for those who list it.
    pub async fn fresh_configuration(&self) -> Result<Arc<Configuration>, StoreError> {
        let mut cached = self.configuration.lock().await;
        Ok(cached.set(self.read_configuration().await?))
    }

    async fn read_configuration(&self) -> Result<Configuration, StoreError> {
        let mut configuration = Configuration::default();
        for item in self.query_partition("read the configuration", CONFIGURATION_PARTITION).await? {
            configuration.add(item)?;
        }
        Ok(configuration)
    }
}

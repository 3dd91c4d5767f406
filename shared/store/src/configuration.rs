//! A business as the platform made it and what it set: read in one query, kept for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::business::quotas::Quotas;
use domain::business::settings::Settings;
use domain::ids::{AccountId, ReceiptTypeId};
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::message_template::{MessageTemplate, saved_text};
use domain::messages::provider::{MessageProvider, MessageProviders};
use domain::messages::routing::MessageRouter;
use domain::messages::template::MessageText;
use domain::records::account::Account;
use domain::records::business::Business;
use domain::records::receipt_type::ReceiptType;
use domain::records::shards::Spread;

use crate::BusinessStore;
use crate::cached::REREAD_PAUSE;
use crate::error::StoreError;
use crate::item::{Item, from_item, text_of};
use crate::keys::{self, SK};

/// Everything in a business's configuration partition.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// Absent where there is no such business.
    pub business: Option<Business>,
    pub settings: Settings,
    pub accounts: BTreeMap<AccountId, Account>,
    pub receipt_types: BTreeMap<ReceiptTypeId, ReceiptType>,
    pub templates: Vec<MessageTemplate>,
    pub providers: MessageProviders,
}

impl Configuration {
    /// Over how many partitions the business's lists are spread.
    pub fn spread(&self) -> Spread {
        self.business.as_ref().map_or_else(Spread::default, |business| business.spread)
    }

    /// Chooses providers for addresses, and reads addresses as they are typed.
    pub fn router(&self) -> MessageRouter<'_> {
        MessageRouter { settings: &self.settings, providers: &self.providers }
    }

    /// How much the business may do.
    pub fn quotas(&self) -> Quotas {
        self.business.as_ref().map_or_else(Quotas::default, |business| business.quotas)
    }

    /// Whether the business may take no new payments.
    pub fn is_suspended(&self) -> bool {
        self.business.as_ref().is_some_and(|business| !business.takes_payments())
    }

    /// The business's own text: for the very locale, else for its language.
    pub fn template(&self, kind: MessageKind, channel: Channel, locale: &Locale) -> Option<&MessageText> {
        saved_text(&self.templates, kind, channel, locale)
    }

    fn add(&mut self, item: Item) -> Result<(), StoreError> {
        const READ: &str = "read the configuration";
        let kind = text_of(&item, SK).unwrap_or_default().split('#').next().unwrap_or_default().to_owned();
        match kind.as_str() {
            "business" => self.business = Some(from_item(READ, item)?),
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

impl BusinessStore {
    /// The configuration, at most as old as the store was told to keep it.
    pub async fn configuration(&self) -> Result<Arc<Configuration>, StoreError> {
        self.store.memory.configurations.get(&self.business, self.read_configuration()).await
    }

    /// The business itself, as the platform made it, at most as old as the configuration may be. One that was not there may
    /// have been made since, so it is looked for again, unless that was only just now.
    pub async fn business(&self) -> Result<Option<Business>, StoreError> {
        let known = self.configuration().await?;
        match &known.business {
            Some(business) => Ok(Some(business.clone())),
            None => Ok(self.configuration_younger_than(REREAD_PAUSE).await?.business.clone()),
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
            Some(id) if !known.receipt_types.contains_key(id) => self.configuration_younger_than(REREAD_PAUSE).await,
            Some(_) | None => Ok(known),
        }
    }

    /// The configuration as the table holds it at this moment, for those who list it.
    pub async fn fresh_configuration(&self) -> Result<Arc<Configuration>, StoreError> {
        self.configuration_younger_than(Duration::ZERO).await
    }

    pub(crate) async fn configuration_younger_than(&self, age: Duration) -> Result<Arc<Configuration>, StoreError> {
        self.store.memory.configurations.younger_than(&self.business, age, self.read_configuration()).await
    }

    async fn read_configuration(&self) -> Result<Configuration, StoreError> {
        let mut configuration = Configuration::default();
        let partition = keys::configuration_of(&self.business);
        for item in self.store.query_partition("read the configuration", &partition).await? {
            configuration.add(item)?;
        }
        Ok(configuration)
    }
}

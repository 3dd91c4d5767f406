//! The records that the CRM keeps here: written whole, read whole.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use aws_sdk_dynamodb::types::ReturnValue;
use domain::business::logo::{Logo, LogoHash};
use domain::business::settings::Settings;
use domain::ids::{AccountId, ContactId, CredentialsVersion, FieldKey, ItemId, LinkId, ReceiptId, ReceiptTypeId};
use domain::link::PaymentLink;
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::message_template::MessageTemplate;
use domain::records::account::Account;
use domain::records::contact::Contact;
use domain::records::credentials::Credentials;
use domain::records::item::Item as CrmItem;
use domain::records::receipt_type::ReceiptType;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, Revision, from_item, key, text, text_of, to_item, to_marked_item};
use crate::keys::{self, ALL_CONTACTS, ALL_ITEMS, ATTACHMENT_PREFIX, BY_DAY, ITEM_SK, LISTED_AT, PK, SK, WRITE_ID};
use crate::links::{conditional_put, failed_on, plain_put};

/// What a create request needs to know, from one consistent read.
#[derive(Clone, Debug, Default)]
pub struct CreateRecords {
    /// The link itself, where the same idempotency key made it before.
    pub link: Option<PaymentLink>,
    pub account: Option<Account>,
    pub contact: Option<Contact>,
    pub item: Option<CrmItem>,
    /// What there was of those that a request may change a part of.
    pub contact_revision: Revision,
    pub item_revision: Revision,
}

/// The receipts under each receipt field of an item.
pub type AttachedReceipts = BTreeMap<FieldKey, Vec<ReceiptId>>;

/// A contact's item with its mark and its place in the list of all.
pub(crate) fn contact_item(contact: &Contact) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::contact(&contact.id), contact)?;
    item.insert(BY_DAY.to_owned(), text(ALL_CONTACTS));
    item.insert(LISTED_AT.to_owned(), text(contact.id.as_str()));
    Ok(item)
}

/// The item of a document of the CRM, with its mark and its place in the list of all.
pub(crate) fn crm_item(record: &CrmItem) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::item(&record.id), record)?;
    item.insert(BY_DAY.to_owned(), text(ALL_ITEMS));
    item.insert(LISTED_AT.to_owned(), text(record.id.as_str()));
    Ok(item)
}

impl Store {
    /// Reads everything a create request names in one round trip. A draft has no link of its own to look for.
    pub async fn records_for_create(
        &self,
        link: Option<&LinkId>,
        account: Option<&AccountId>,
        contact: Option<&ContactId>,
        item: Option<&ItemId>,
    ) -> Result<CreateRecords, StoreError> {
        const READ: &str = "read the records of a new link";
        let mut wanted: Vec<keys::Key> = link.map(keys::link).into_iter().collect();
        wanted.extend(account.map(keys::account));
        wanted.extend(contact.map(keys::contact));
        wanted.extend(item.map(keys::item));
        let mut records = CreateRecords::default();
        for found in self.batch_get(READ, wanted.into_iter().map(key).collect()).await? {
            let pk = text_of(&found, PK).unwrap_or_default().to_owned();
            match pk.split('#').next().unwrap_or_default() {
                "link" => records.link = Some(from_item(READ, found)?),
                "contact" => {
                    records.contact_revision = Revision::of(Some(&found));
                    records.contact = Some(from_item(READ, found)?);
                }
                "item" => {
                    records.item_revision = Revision::of(Some(&found));
                    records.item = Some(from_item(READ, found)?);
                }
                _ => records.account = Some(from_item(READ, found)?),
            }
        }
        Ok(records)
    }

    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        const READ: &str = "read an account";
        let item = self.get(READ, key(keys::account(id))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    /// An account and what to write a change of it over.
    pub async fn account_to_change(&self, id: &AccountId) -> Result<(Option<Account>, Revision), StoreError> {
        self.record_to_change("read an account to change it", keys::account(id)).await
    }

    /// Writes an account over the revision that was read and, where new ones are given, its credentials as a version of their
    /// own, at once. Answers whether nobody else was faster.
    pub async fn put_account(
        &self,
        account: &Account,
        credentials: Option<&Credentials>,
        revision: &Revision,
    ) -> Result<bool, StoreError> {
        let item = to_marked_item(keys::account(&account.id), account)?;
        let secret = match (credentials, &account.online_payment.credentials) {
            (Some(credentials), Some(version)) => Some(to_item(keys::credentials(&account.id, version), credentials)?),
            (None, _) | (Some(_), None) => None,
        };
        self.put_over("write an account", item, revision, secret).await
    }

    pub(crate) async fn record_to_change<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        at: keys::Key,
    ) -> Result<(Option<T>, Revision), StoreError> {
        let item = self.get(operation, key(at)).await?;
        let revision = Revision::of(item.as_ref());
        Ok((item.map(|item| from_item(operation, item)).transpose()?, revision))
    }

    /// Writes a record over the revision that was read, at once with a secret of its own where it has a new one. Our own write
    /// whose answer was lost finds its mark.
    pub(crate) async fn put_over(
        &self,
        operation: &'static str,
        record: Item,
        revision: &Revision,
        secret: Option<Item>,
    ) -> Result<bool, StoreError> {
        let mark = text_of(&record, WRITE_ID).map(str::to_owned);
        let (condition, values) = revision.condition();
        let stood_against = match secret {
            None => self.put_if(operation, record, condition, values).await?.err(),
            Some(secret) => {
                let writes = vec![conditional_put(self, record, condition, values)?, plain_put(self, secret)?];
                self.transact(operation, writes).await?.err().and_then(|reasons| failed_on(&reasons, 0))
            }
        };
        Ok(stood_against.is_none_or(|current| mark.is_some() && text_of(&current, WRITE_ID).map(str::to_owned) == mark))
    }

    /// Writes two items at once or not at all.
    pub(crate) async fn put_both(&self, operation: &'static str, first: Item, second: Item) -> Result<(), StoreError> {
        self.client
            .transact_write_items()
            .transact_items(plain_put(self, first)?)
            .transact_items(plain_put(self, second)?)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::service(operation, &error))
    }

    /// One version of an account's credentials. Versions never change, so each is read once.
    pub async fn credentials(
        &self,
        account: &AccountId,
        version: &CredentialsVersion,
    ) -> Result<Credentials, StoreError> {
        const READ: &str = "read credentials";
        let at = (account.clone(), version.clone());
        let known = self.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let item = self.get(READ, key(keys::credentials(account, version))).await?;
        let missing = StoreError::NotSetUp { missing: "a version of an account's credentials" };
        let read: Credentials = from_item(READ, item.ok_or(missing)?)?;
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(at, read.clone());
        Ok(read)
    }

    /// All versions of an account's credentials: a webhook may still be signed with an earlier secret.
    pub async fn all_credentials(&self, account: &AccountId) -> Result<Vec<Credentials>, StoreError> {
        const READ: &str = "read all versions of credentials";
        let items = self.query_partition(READ, &keys::credentials_partition(account)).await?;
        items.into_iter().map(|item| from_item(READ, item)).collect()
    }

    pub async fn contact(&self, id: &ContactId) -> Result<Option<Contact>, StoreError> {
        const READ: &str = "read a contact";
        let item = self.get(READ, key(keys::contact(id))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    pub async fn put_contact(&self, contact: &Contact) -> Result<(), StoreError> {
        self.put("write a contact", contact_item(contact)?).await
    }

    /// An item with the receipts attached to its fields, from one query.
    pub async fn item(&self, id: &ItemId) -> Result<Option<(CrmItem, AttachedReceipts)>, StoreError> {
        const READ: &str = "read an item";
        let mut found = None;
        let mut receipts = AttachedReceipts::new();
        for item in self.query_partition(READ, &keys::item(id).pk).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            if sk == ITEM_SK {
                found = Some(from_item(READ, item)?);
            } else if let Some((field, receipt)) = sk.strip_prefix(ATTACHMENT_PREFIX).and_then(|sk| sk.split_once('#'))
            {
                let field = FieldKey::parse(field).map_err(|error| StoreError::unreadable(READ, error))?;
                let receipt = ReceiptId::parse(receipt).map_err(|error| StoreError::unreadable(READ, error))?;
                receipts.entry(field).or_default().push(receipt);
            }
        }
        Ok(found.map(|item| (item, receipts)))
    }

    /// Writes an item. Receipts attached to it are items of their own and stay.
    pub async fn put_item(&self, item: &CrmItem) -> Result<(), StoreError> {
        self.put("write an item", crm_item(item)?).await
    }

    pub async fn put_receipt_type(&self, receipt_type: &ReceiptType) -> Result<(), StoreError> {
        self.put("write a receipt type", to_item(keys::receipt_type(&receipt_type.id), receipt_type)?).await
    }

    pub async fn receipt_type(&self, id: &ReceiptTypeId) -> Result<Option<ReceiptType>, StoreError> {
        const READ: &str = "read a receipt type";
        let item = self.get(READ, key(keys::receipt_type(id))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    pub async fn put_template(&self, template: &MessageTemplate) -> Result<(), StoreError> {
        let at = keys::template(template.kind, template.channel, &template.locale);
        self.put("write a message template", to_item(at, template)?).await
    }

    pub async fn template(
        &self,
        kind: MessageKind,
        channel: Channel,
        locale: &Locale,
    ) -> Result<Option<MessageTemplate>, StoreError> {
        const READ: &str = "read a message template";
        let item = self.get(READ, key(keys::template(kind, channel, locale))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    /// Deletes an account. Its credentials stay: attempts that are open are confirmed with those they began with.
    pub async fn delete_account(&self, id: &AccountId) -> Result<bool, StoreError> {
        self.delete("delete an account", keys::account(id)).await
    }

    pub async fn delete_contact(&self, id: &ContactId) -> Result<bool, StoreError> {
        self.delete("delete a contact", keys::contact(id)).await
    }

    /// Deletes an item. The receipts attached to it stay what they are, and are listed by its id as before.
    pub async fn delete_item(&self, id: &ItemId) -> Result<bool, StoreError> {
        self.delete("delete an item", keys::item(id)).await
    }

    pub async fn delete_receipt_type(&self, id: &ReceiptTypeId) -> Result<bool, StoreError> {
        self.delete("delete a receipt type", keys::receipt_type(id)).await
    }

    pub async fn delete_template(
        &self,
        kind: MessageKind,
        channel: Channel,
        locale: &Locale,
    ) -> Result<bool, StoreError> {
        self.delete("delete a message template", keys::template(kind, channel, locale)).await
    }

    /// Deletes an item of the table. Answers whether there was one.
    pub(crate) async fn delete(&self, operation: &'static str, at: keys::Key) -> Result<bool, StoreError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(at)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(|error| StoreError::service(operation, &error))?;
        Ok(deleted.attributes.is_some_and(|item| !item.is_empty()))
    }

    pub async fn settings(&self) -> Result<Option<Settings>, StoreError> {
        const READ: &str = "read the settings";
        let item = self.get(READ, key(keys::settings())).await?;
        item.map(|item| from_item(READ, item)).transpose()
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
        const READ: &str = "read a logo";
        let item = self.get(READ, key(keys::logo(hash))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }
}

//! Contacts of the CRM. crm-api writes them, and create-link where a request brings one along; both read them, and
//! paylink-admin forgets them.

use domain::ids::{BusinessId, ContactId};
use domain::records::contact::Contact;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::{Item, text};
use crate::keys::{self, BY_STATE, LISTED_AT};
use crate::revision::to_marked_item;
use crate::table::Deleted;

/// A contact's item with its mark and its place in the list of all.
pub(crate) fn contact_item(business: &BusinessId, contact: &Contact) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::contact(business, &contact.id), contact)?;
    item.insert(BY_STATE.to_owned(), text(keys::contacts_of(business)));
    item.insert(LISTED_AT.to_owned(), text(contact.id.as_str()));
    Ok(item)
}

impl BusinessStore {
    pub async fn contact(&self, id: &ContactId) -> Result<Option<Contact>, StoreError> {
        self.store.read("read a contact", keys::contact(&self.business, id)).await
    }

    pub async fn put_contact(&self, contact: &Contact) -> Result<(), StoreError> {
        self.store.put("write a contact", contact_item(&self.business, contact)?).await
    }

    pub async fn delete_contact(&self, id: &ContactId) -> Result<Deleted, StoreError> {
        self.store.delete("delete a contact", keys::contact(&self.business, id)).await
    }
}

//! Contacts of the CRM. crm-api writes them, and create-link where a request brings one along; both read them, and
//! paylink-admin forgets them.

use domain::ids::ContactId;
use domain::records::contact::Contact;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, text};
use crate::keys::{self, ALL_CONTACTS, BY_DAY, LISTED_AT};
use crate::revision::to_marked_item;
use crate::table::Deleted;

/// A contact's item with its mark and its place in the list of all.
pub(crate) fn contact_item(contact: &Contact) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::contact(&contact.id), contact)?;
    item.insert(BY_DAY.to_owned(), text(ALL_CONTACTS));
    item.insert(LISTED_AT.to_owned(), text(contact.id.as_str()));
    Ok(item)
}

impl Store {
    pub async fn contact(&self, id: &ContactId) -> Result<Option<Contact>, StoreError> {
        self.read("read a contact", keys::contact(id)).await
    }

    pub async fn put_contact(&self, contact: &Contact) -> Result<(), StoreError> {
        self.put("write a contact", contact_item(contact)?).await
    }

    pub async fn delete_contact(&self, id: &ContactId) -> Result<Deleted, StoreError> {
        self.delete("delete a contact", keys::contact(id)).await
    }
}

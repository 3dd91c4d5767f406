//! Contacts of the CRM. crm-api writes them, and create-link where a request brings one along; both read them, and
//! paylink-admin forgets them.

use domain::ids::{BusinessId, ContactId};
use domain::records::contact::Contact;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::{Item, text};
use crate::keys::{self, BY_STATE, FOUND_BY, LISTED_AT};
use crate::revision::{Revision, RevisionWritten, to_marked_item};
use crate::search::Beside;
use crate::table::RecordWritten;

/// A contact's item with its mark, its place in the list of all, and the rows that it is found by.
pub(crate) fn contact_item(business: &BusinessId, contact: &Contact, beside: &Beside) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::contact(business, &contact.id), contact)?;
    item.insert(BY_STATE.to_owned(), text(keys::contacts_of(business)));
    item.insert(LISTED_AT.to_owned(), text(contact.id.as_str()));
    item.insert(FOUND_BY.to_owned(), beside.kept());
    Ok(item)
}

impl BusinessStore {
    pub async fn contact(&self, id: &ContactId) -> Result<Option<Contact>, StoreError> {
        self.store.read("read a contact", keys::contact(&self.business, id)).await
    }

    /// A contact and what to write a change of it over.
    pub async fn contact_to_change(&self, id: &ContactId) -> Result<(Option<Contact>, Revision), StoreError> {
        self.store.record_to_change("read a contact to change it", keys::contact(&self.business, id)).await
    }

    /// Writes a contact over the revision that was read, at which it was `known`.
    pub async fn write_contact(
        &self,
        next: &Contact,
        known: Option<&Contact>,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let beside = self.rows_beside_contact(known, next, revision).await?;
        let item = contact_item(&self.business, next, &beside)?;
        self.store.put_over("write a contact", item, revision, beside.writes).await
    }

    /// Deletes a contact at the revision that was read.
    pub async fn remove_contact(&self, known: &Contact, revision: &Revision) -> Result<RecordWritten, StoreError> {
        let beside = self.rows_gone(revision, known.id.as_str())?;
        self.store.delete_over("delete a contact", keys::contact(&self.business, &known.id), revision, beside).await
    }
}

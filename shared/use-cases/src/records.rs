//! Records that the caller keeps here: contacts, items and types of receipt. Each is written whole.

use std::collections::BTreeSet;

use domain::ids::{ContactId, ItemId, ReceiptTypeId};
use domain::records::contact::{Contact, ContactChange};
use domain::records::item::{Item, ItemChange};
use domain::records::receipt_type::ReceiptType;
use domain::{Problems, Rejection};
use store::{AttachedReceipts, BusinessStore, Configuration, Deleted, StoreError};

use crate::contended::KeepsChanging;

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
pub enum RecordRefused {
    #[error("the request has problems")]
    Invalid(Problems),
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a type of receipt was not deleted: it is still needed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptTypeNeeded {
    #[error("the receipt type {0} stands below it")]
    HasSubType(ReceiptTypeId),
    /// The settings name it.
    #[error("it is the default receipt type")]
    IsDefault,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes a contact; what the request leaves out, the contact does not have. `problems` carries what reading the request
/// found.
pub async fn write_contact(
    store: &BusinessStore,
    id: ContactId,
    contact: ContactChange,
    mut problems: Problems,
) -> Result<Contact, RecordRefused> {
    let contact = contact.apply(id, None, "", &mut problems);
    let contact = without_problems(contact, problems)?;
    store.put_contact(&contact).await?;
    Ok(contact)
}

/// Writes an item and answers with the receipts attached to it, which stay. `problems` carries what reading the request
/// found.
pub async fn write_item(
    store: &BusinessStore,
    id: ItemId,
    item: ItemChange,
    mut problems: Problems,
) -> Result<(Item, AttachedReceipts), RecordRefused> {
    let item = item.apply(id, None, "", &mut problems);
    let item = without_problems(item, problems)?;
    store.put_item(&item).await?;
    let receipts = store.item(&item.id).await?.map(|(_, receipts)| receipts).unwrap_or_default();
    Ok((item, receipts))
}

/// Writes a type of receipt. `name` is missing where it was refused, which `problems` says with what else reading the
/// request found.
pub async fn write_receipt_type(
    store: &BusinessStore,
    id: ReceiptTypeId,
    name: Option<String>,
    parent_id: Option<ReceiptTypeId>,
    mut problems: Problems,
) -> Result<ReceiptType, RecordRefused> {
    if let Some(parent) = &parent_id {
        let configuration = store.fresh_configuration().await?;
        problems.check("/parent_id", check_parent(&id, parent, &configuration));
    }
    let name = without_problems(name, problems)?;
    let receipt_type = ReceiptType { id, name, parent_id };
    store.put_receipt_type(&receipt_type).await?;
    Ok(receipt_type)
}

/// Deletes a type of receipt. A type that others stand below, or that the settings name, is still needed.
pub async fn delete_receipt_type(store: &BusinessStore, id: &ReceiptTypeId) -> Result<Deleted, ReceiptTypeNeeded> {
    let configuration = store.fresh_configuration().await?;
    if let Some(child) = configuration.receipt_types.values().find(|one| one.parent_id.as_ref() == Some(id)) {
        return Err(ReceiptTypeNeeded::HasSubType(child.id.clone()));
    }
    if configuration.settings.default_receipt_type_id.as_ref() == Some(id) {
        return Err(ReceiptTypeNeeded::IsDefault);
    }
    Ok(store.delete_receipt_type(id).await?)
}

/// The record, where nothing at all stands against it.
pub(crate) fn without_problems<T>(record: Option<T>, problems: Problems) -> Result<T, RecordRefused> {
    record.filter(|_| problems.is_empty()).ok_or(RecordRefused::Invalid(problems))
}

/// A parent exists, following parents upward never comes back, and the parent is not what links get by default, because a
/// link names one without sub-types.
fn check_parent(id: &ReceiptTypeId, parent: &ReceiptTypeId, configuration: &Configuration) -> Result<(), Rejection> {
    // Two that were put below each other at the same moment form a circle that does not lead back to this one.
    let mut seen = BTreeSet::from([id]);
    let mut above = Some(parent);
    while let Some(next) = above {
        if !seen.insert(next) {
            return Err(Rejection::new("circular", "A receipt type cannot stand below itself."));
        }
        let Some(known) = configuration.receipt_types.get(next) else {
            return Err(Rejection::new("unknown_receipt_type", format!("There is no receipt type {next}.")));
        };
        above = known.parent_id.as_ref();
    }
    if configuration.settings.default_receipt_type_id.as_ref() == Some(parent) {
        let detail = "The settings name it as the default receipt type, which cannot have sub-types.";
        return Err(Rejection::new("receipt_type_is_default", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ReceiptTypeId {
        ReceiptTypeId::parse(text).unwrap()
    }

    /// Types of receipt, each with the one that it stands below.
    fn configuration(types: &[(&str, Option<&str>)], default: &str) -> Configuration {
        let mut configuration = Configuration::default();
        for (name, parent) in types {
            let parent_id = parent.map(id);
            let receipt_type = ReceiptType { id: id(name), name: (*name).to_owned(), parent_id };
            configuration.receipt_types.insert(id(name), receipt_type);
        }
        configuration.settings.default_receipt_type_id = Some(id(default));
        configuration
    }

    #[test]
    fn a_receipt_type_stands_below_one_that_exists_and_never_below_itself() {
        let types =
            [("sale", None), ("deposit", Some("sale")), ("usual", None), ("one", Some("two")), ("two", Some("one"))];
        let known = configuration(&types, "usual");
        let refused = |child: &str, parent: &str| check_parent(&id(child), &id(parent), &known).map_err(|why| why.code);
        assert_eq!(refused("final", "deposit"), Ok(()));
        assert_eq!(refused("sale", "deposit"), Err("circular"));
        assert_eq!(refused("final", "one"), Err("circular"), "a circle of others ends as well");
        assert_eq!(refused("final", "nothing"), Err("unknown_receipt_type"));
        assert_eq!(refused("final", "usual"), Err("receipt_type_is_default"));
    }
}

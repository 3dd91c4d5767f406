//! Records that the caller keeps here: contacts, items, types of receipt and texts of messages.

use std::collections::BTreeSet;

use domain::ids::{ContactId, ItemId, ReceiptTypeId};
use domain::messages::message_template::MessageTemplate;
use domain::messages::template::MessageText;
use domain::precondition::{Precondition, PreconditionFailed};
use domain::records::contact::{Contact, ContactChange};
use domain::records::item::{Item, ItemChange};
use domain::records::receipt_type::ReceiptType;
use domain::{Field, Problems, Rejection};
use store::{
    AttachedReceipts, BusinessStore, Configuration, Deleted, RecordWritten, RevisionWritten, StoreError, TemplatePlace,
    WholeItem,
};

use crate::contended::{KeepsChanging, Tries};
use crate::revised::{Revised, Said, Writing};

/// Why a record was not written, or not deleted.
#[derive(Debug, thiserror::Error)]
pub enum RecordRefused {
    #[error("the request has problems")]
    Invalid(Problems),
    /// Only a record that is there can be changed in part.
    #[error("there is no such record")]
    NoSuchRecord,
    #[error(transparent)]
    PreconditionFailed(#[from] PreconditionFailed),
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
    Record(#[from] RecordRefused),
}

/// Writes a contact. `problems` carries what reading the request found. Of several who write all of it at once, the last
/// has it as a whole; of several who change different parts of it, each has theirs.
pub async fn write_contact(
    store: &BusinessStore,
    id: ContactId,
    writing: &Writing,
    contact: ContactChange,
    problems: Problems,
) -> Result<Revised<Contact>, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.contact_to_change(&id).await?;
        let base = writing.base(known.as_ref(), revision.tag().as_ref())?;
        let mut problems = problems.clone();
        let people = known.as_ref().map(|known| known.people.as_slice()).unwrap_or_default();
        let next = contact.clone().recognizing(people).apply(id.clone(), base, "", &mut problems);
        let next = without_problems(next, problems)?;
        if known.as_ref() == Some(&next) {
            return Ok(Revised::new(next, &revision));
        }
        match store.write_contact(&next, known.as_ref(), &revision).await? {
            RevisionWritten::Applied(revision) => return Ok(Revised::new(next, &revision)),
            RevisionWritten::Rejected => {}
        }
    }
}

/// Deletes a contact as it is.
pub async fn delete_contact(
    store: &BusinessStore,
    id: &ContactId,
    precondition: &Precondition,
) -> Result<Deleted, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (Some(known), revision) = store.contact_to_change(id).await? else { return Ok(Deleted::Missing) };
        precondition.check(revision.tag().as_ref())?;
        match store.remove_contact(&known, &revision).await? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
}

/// Writes an item of a contact that there is, and answers with the receipts attached to it, which stay. `problems` carries
/// what reading the request found.
pub async fn write_item(
    store: &BusinessStore,
    id: ItemId,
    writing: &Writing,
    item: ItemChange,
    problems: Problems,
) -> Result<Revised<(Item, AttachedReceipts)>, RecordRefused> {
    let unknown_contact = match &item.contact_id {
        Field::Value(Some(contact)) if store.contact(contact).await?.is_none() => Some(contact.clone()),
        Field::Value(_) | Field::Absent | Field::Refused => None,
    };
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let WholeItem { item: known, revision, receipts } = store.whole_item(&id).await?;
        let base = writing.base(known.as_ref(), revision.tag().as_ref())?;
        let mut problems = problems.clone();
        let next = item.clone().apply(id.clone(), base, "", &mut problems);
        if let Some(contact) = &unknown_contact {
            problems.refuse("/contact_id", "unknown_contact", format!("There is no contact {contact}."));
        }
        let next = without_problems(next, problems)?;
        if known.as_ref() == Some(&next) {
            return Ok(Revised::new((next, receipts), &revision));
        }
        match store.write_item(&next, known.as_ref(), &revision).await? {
            RevisionWritten::Applied(revision) => return Ok(Revised::new((next, receipts), &revision)),
            RevisionWritten::Rejected => {}
        }
    }
}

/// Deletes an item as it is. The receipts attached to it stay.
pub async fn delete_item(
    store: &BusinessStore,
    id: &ItemId,
    precondition: &Precondition,
) -> Result<Deleted, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (Some(known), revision) = store.item_to_change(id).await? else { return Ok(Deleted::Missing) };
        precondition.check(revision.tag().as_ref())?;
        match store.remove_item(&known, &revision).await? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
}

/// Deletes an item where it is this contact's. One that was given to somebody else meanwhile stays.
pub async fn delete_item_of(store: &BusinessStore, id: &ItemId, contact: &ContactId) -> Result<Deleted, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.item_to_change(id).await?;
        let Some(known) = known.filter(|item| item.contact_id == *contact) else { return Ok(Deleted::Missing) };
        match store.remove_item(&known, &revision).await? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
}

/// What a type of receipt should be. The name is missing where it was refused.
#[derive(Clone, Debug)]
pub struct ReceiptTypeRequest {
    pub name: Option<String>,
    pub parent_id: Option<ReceiptTypeId>,
}

/// Writes a type of receipt.
pub async fn write_receipt_type(
    store: &BusinessStore,
    id: ReceiptTypeId,
    writing: &Writing,
    said: Said<'_, ReceiptType, ReceiptTypeRequest>,
) -> Result<Revised<ReceiptType>, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.receipt_type_to_change(&id).await?;
        let (request, mut problems) = said(writing.base(known.as_ref(), revision.tag().as_ref())?);
        let ReceiptTypeRequest { name, parent_id } = request;
        if let Some(parent) = &parent_id {
            let configuration = store.fresh_configuration().await?;
            problems.check("/parent_id", check_parent(&id, parent, &configuration));
        }
        let name = without_problems(name, problems)?;
        let next = ReceiptType { id: id.clone(), name, parent_id };
        if known.as_ref() == Some(&next) {
            return Ok(Revised::new(next, &revision));
        }
        match store.put_receipt_type(&next, &revision).await? {
            RevisionWritten::Applied(revision) => return Ok(Revised::new(next, &revision)),
            RevisionWritten::Rejected => {}
        }
    }
}

/// Deletes a type of receipt. A type that others stand below, or that the settings name, is still needed.
pub async fn delete_receipt_type(
    store: &BusinessStore,
    id: &ReceiptTypeId,
    precondition: &Precondition,
) -> Result<Deleted, ReceiptTypeNeeded> {
    let mut tries = Tries::default();
    loop {
        tries.another().map_err(RecordRefused::from)?;
        let (known, revision) = store.receipt_type_to_change(id).await.map_err(RecordRefused::from)?;
        if known.is_none() {
            return Ok(Deleted::Missing);
        }
        precondition.check(revision.tag().as_ref()).map_err(RecordRefused::from)?;
        let configuration = store.fresh_configuration().await.map_err(RecordRefused::from)?;
        if let Some(child) = configuration.receipt_types.values().find(|one| one.parent_id.as_ref() == Some(id)) {
            return Err(ReceiptTypeNeeded::HasSubType(child.id.clone()));
        }
        if configuration.settings.default_receipt_type_id.as_ref() == Some(id) {
            return Err(ReceiptTypeNeeded::IsDefault);
        }
        match store.delete_receipt_type(id, &revision).await.map_err(RecordRefused::from)? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
}

/// Writes the business's own text of a message.
pub async fn write_template(
    store: &BusinessStore,
    place: TemplatePlace<'_>,
    writing: &Writing,
    said: Said<'_, MessageTemplate, Option<MessageText>>,
) -> Result<Revised<MessageTemplate>, RecordRefused> {
    let (kind, channel, locale) = place;
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.template_to_change(place).await?;
        let (text, problems) = said(writing.base(known.as_ref(), revision.tag().as_ref())?);
        let text = without_problems(text, problems)?;
        let next = MessageTemplate { kind, channel, locale: locale.clone(), text };
        if known.as_ref() == Some(&next) {
            return Ok(Revised::new(next, &revision));
        }
        match store.put_template(&next, &revision).await? {
            RevisionWritten::Applied(revision) => return Ok(Revised::new(next, &revision)),
            RevisionWritten::Rejected => {}
        }
    }
}

/// Deletes the business's own text of a message, in whose place the built-in one comes.
pub async fn delete_template(
    store: &BusinessStore,
    place: TemplatePlace<'_>,
    precondition: &Precondition,
) -> Result<Deleted, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (Some(_), revision) = store.template_to_change(place).await? else { return Ok(Deleted::Missing) };
        precondition.check(revision.tag().as_ref())?;
        match store.delete_template(place, &revision).await? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
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

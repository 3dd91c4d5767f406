//! What is recorded once the money is there.

use std::collections::BTreeMap;

use super::context::CreateContext;
use super::request::AfterPaymentRequest;
use crate::ids::{FieldKey, ReceiptTypeId};
use crate::link::AfterPayment;
use crate::problem::{Field, Problems, Rejection};
use crate::records::item::Item;
use crate::records::receipt_type::ReceiptType;

/// What is known of the item whose field a receipt is to be attached to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnItem<'a> {
    /// The link is made on none.
    None,
    /// One was named that is not there, and that is reported already.
    Refused,
    /// The item was deleted since the link was made.
    Gone,
    Found(&'a Item),
}

/// Decides what is recorded after payment. What is left out stays as in `otherwise`.
pub(crate) fn decide_after_payment(
    after: &AfterPaymentRequest,
    otherwise: &AfterPayment,
    item: OnItem<'_>,
    receipt_types: &BTreeMap<ReceiptTypeId, ReceiptType>,
    problems: &mut Problems,
) -> Option<AfterPayment> {
    let send_receipt = match after.send_receipt {
        Field::Absent => otherwise.send_receipt,
        Field::Value(choice) => choice,
        Field::Refused => return None,
    };
    let register_receipt = match after.register_receipt {
        Field::Absent => otherwise.register_receipt,
        Field::Value(choice) => choice,
        Field::Refused => return None,
    };
    if !register_receipt {
        for (given, pointer) in [
            (is_named(&after.receipt_type_id), "/after_payment/receipt_type_id"),
            (is_named(&after.receipt_field), "/after_payment/receipt_field"),
        ] {
            if given {
                problems.refuse(pointer, "no_receipt", "Without a receipt there is nothing to say about it.");
            }
        }
        return Some(AfterPayment { register_receipt, receipt_type_id: None, receipt_field: None, send_receipt });
    }
    let receipt_type_id = match after.receipt_type_id.as_ref() {
        Field::Value(Some(id)) => {
            problems.check("/after_payment/receipt_type_id", find_receipt_type(id, receipt_types)).value()
        }
        Field::Value(None) => None,
        Field::Absent => otherwise.receipt_type_id.clone(),
        Field::Refused => None,
    };
    let receipt_field = match after.receipt_field.as_ref() {
        Field::Value(None) => None,
        Field::Value(Some(_)) if matches!(item, OnItem::Refused) => None,
        Field::Value(Some(field)) => problems.check("/after_payment/receipt_field", find_field(field, item)).value(),
        Field::Absent => otherwise.receipt_field.clone(),
        Field::Refused => None,
    };
    Some(AfterPayment { register_receipt, receipt_type_id, receipt_field, send_receipt })
}

/// The receipt type of the settings, where the request leaves it to them. It has to be a leaf like any other.
pub(super) fn default_receipt_type(
    after: &AfterPaymentRequest,
    records: CreateContext<'_>,
    problems: &mut Problems,
) -> Option<ReceiptTypeId> {
    let is_wanted = matches!(after.receipt_type_id, Field::Absent)
        && matches!(after.register_receipt, Field::Absent | Field::Value(true));
    let id = records.settings.default_receipt_type_id.as_ref().filter(|_| is_wanted)?;
    problems.check("/after_payment/receipt_type_id", find_receipt_type(id, records.receipt_types)).value()
}

/// Whether the field names something, and does not only take it away.
fn is_named<T>(field: &Field<Option<T>>) -> bool {
    matches!(field, Field::Value(Some(_)))
}

fn find_field(field: &FieldKey, item: OnItem<'_>) -> Result<FieldKey, Rejection> {
    let refused = |detail: String| Err(Rejection::new("unknown_receipt_field", detail));
    match item {
        OnItem::Found(item) if item.has_receipt_field(field) => Ok(field.clone()),
        OnItem::Found(item) => refused(format!("The item {} has no receipt field {field}.", item.id)),
        OnItem::None => refused("Only a link that is made on an item has a receipt field.".to_owned()),
        OnItem::Gone | OnItem::Refused => refused("The item is not there, so it has no receipt field.".to_owned()),
    }
}

/// A link names a leaf: a type that has sub-types is only a heading for them.
pub fn find_receipt_type(
    id: &ReceiptTypeId,
    receipt_types: &BTreeMap<ReceiptTypeId, ReceiptType>,
) -> Result<ReceiptTypeId, Rejection> {
    if !receipt_types.contains_key(id) {
        return Err(Rejection::new("unknown_receipt_type", format!("There is no receipt type {id}.")));
    }
    if receipt_types.values().any(|other| other.parent_id.as_ref() == Some(id)) {
        return Err(Rejection::new("receipt_type_has_sub_types", format!("Choose one of the sub-types of {id}.")));
    }
    Ok(id.clone())
}

//! Changing a link that is still active. Its amount, its account and its customer are never changed: somebody may be
//! paying, and what they pay is what they were shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::business::settings::Settings;
use crate::ids::ReceiptTypeId;
use crate::link::Terms;
use crate::problem::{Field, Problems};
use crate::records::item::Item;
use crate::records::receipt_type::ReceiptType;
use crate::requests::create::{AfterPaymentRequest, OnItem, decide_after_payment};
use crate::requests::expiry::Expiry;
use crate::requests::expiry::choose_expiry;

/// What the caller wants changed. What is left out stays.
#[derive(Clone, Debug, Default)]
pub struct Amendment {
    pub expires_at: Field<Expiry>,
    pub expires_in_days: Field<Expiry>,
    /// An empty text takes the description away.
    pub description: Field<String>,
    pub after_payment: AfterPaymentRequest,
    /// Replaces all of it.
    pub metadata: Field<BTreeMap<String, String>>,
}

/// The records that a change may need.
#[derive(Clone, Copy, Debug)]
pub struct AmendContext<'a> {
    /// The item that the link is made on, if it is still there.
    pub item: Option<&'a Item>,
    pub receipt_types: &'a BTreeMap<ReceiptTypeId, ReceiptType>,
    pub settings: &'a Settings,
}

/// The terms after the change, or every problem of it at once. `problems` carries what reading the body found.
pub fn amend(
    terms: &Terms,
    amendment: Amendment,
    records: AmendContext<'_>,
    now: Timestamp,
    mut problems: Problems,
) -> Result<Terms, Problems> {
    let found = &mut problems;
    let expires_at = match choose_expiry(&amendment.expires_at, &amendment.expires_in_days, found) {
        Field::Value((pointer, expiry)) => found.check(pointer, expiry.resolve(now, &records.settings.zone())).value(),
        Field::Absent | Field::Refused => None,
    };
    let item = match (&terms.item, records.item) {
        (None, _) => OnItem::None,
        (Some(_), None) => OnItem::Gone,
        (Some(_), Some(item)) => OnItem::Found(item),
    };
    let after_payment =
        decide_after_payment(&amendment.after_payment, &terms.after_payment, item, records.receipt_types, found);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut amended = terms.clone();
    amended.expires_at = expires_at.unwrap_or(terms.expires_at);
    amended.after_payment = after_payment.unwrap_or_else(|| terms.after_payment.clone());
    if let Field::Value(description) = amendment.description {
        amended.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Field::Value(metadata) = amendment.metadata {
        amended.metadata = metadata;
    }
    Ok(amended)
}

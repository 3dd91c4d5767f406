//! Changing a link that is still active. Its amount, its account and its customer are never changed: somebody may be
//! paying, and what they pay is what they were shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::business::reminders::ReminderMoment;
use crate::business::settings::Settings;
use crate::ids::ReceiptTypeId;
use crate::link::{PaymentPlan, Terms};
use crate::problem::{Field, Problems};
use crate::records::item::Item;
use crate::records::receipt_type::ReceiptType;
use crate::requests::create::{AfterPaymentRequest, OnItem, check_end, decide_after_payment};
use crate::requests::due_date::DueDate;
use crate::requests::expiry::Expiry;
use crate::requests::expiry::choose_expiry;

/// What the caller wants changed. What is left out stays.
#[derive(Clone, Debug, Default)]
pub struct Amendment {
    pub expires_at: Field<Expiry>,
    pub expires_in_days: Field<Expiry>,
    /// Nothing takes it away.
    pub due_at: Field<Option<DueDate>>,
    /// An empty text takes the description away.
    pub description: Field<String>,
    /// An empty text takes the note away.
    pub internal_note: Field<String>,
    pub after_payment: AfterPaymentRequest,
    /// None where the settings say it again.
    pub reminders: Field<Option<Vec<ReminderMoment>>>,
    /// Laid over what there is: a pair that is none is taken away, and where nothing is said of pairs all of them.
    pub metadata: Field<Option<BTreeMap<String, Option<String>>>>,
}

/// A link has at most so many pairs of metadata.
pub const MOST_METADATA: usize = 20;

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
    let parts = terms.plan.as_ref().map(PaymentPlan::parts).unwrap_or_default();
    if let Some(expires_at) = expires_at {
        let pointer = if matches!(amendment.expires_at, Field::Absent) { "/expires_in_days" } else { "/expires_at" };
        found.check(pointer, check_end(parts, expires_at));
    }
    if !parts.is_empty() && !matches!(amendment.due_at, Field::Absent) {
        found.refuse("/due_at", "due_with_parts", "Each part has a date of its own, which stays as it is.");
    }
    let due_at = match amendment.due_at {
        Field::Value(Some(due)) => found.check("/due_at", due.resolve(now, &records.settings.zone())).value().map(Some),
        Field::Value(None) => Some(None),
        Field::Absent | Field::Refused => None,
    };
    let item = match (&terms.item, records.item) {
        (None, _) => OnItem::None,
        (Some(_), None) => OnItem::Gone,
        (Some(_), Some(item)) => OnItem::Found(item),
    };
    let after_payment =
        decide_after_payment(&amendment.after_payment, &terms.after_payment, item, records.receipt_types, found);
    let metadata = decide_metadata(&terms.metadata, amendment.metadata, found);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut amended = terms.clone();
    amended.expires_at = expires_at.unwrap_or(terms.expires_at);
    amended.due_at = due_at.unwrap_or(terms.due_at);
    amended.after_payment = after_payment.unwrap_or_else(|| terms.after_payment.clone());
    if let Field::Value(description) = amendment.description {
        amended.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Field::Value(note) = amendment.internal_note {
        amended.internal_note = Some(note).filter(|text| !text.is_empty());
    }
    if let Field::Value(reminders) = amendment.reminders {
        amended.reminders = reminders;
    }
    amended.metadata = metadata;
    Ok(amended)
}

fn decide_metadata(
    known: &BTreeMap<String, String>,
    change: Field<Option<BTreeMap<String, Option<String>>>>,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let mut metadata = known.clone();
    match change {
        Field::Value(Some(pairs)) => {
            for (key, value) in pairs {
                match value {
                    Some(value) => drop(metadata.insert(key, value)),
                    None => drop(metadata.remove(&key)),
                }
            }
        }
        Field::Value(None) => metadata.clear(),
        Field::Absent | Field::Refused => {}
    }
    if metadata.len() > MOST_METADATA {
        let detail = format!("At most {MOST_METADATA} pairs are allowed; these would be {}.", metadata.len());
        problems.refuse("/metadata", "metadata_too_large", detail);
    }
    metadata
}

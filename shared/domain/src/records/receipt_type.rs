//! The types of receipts that the business defined.

use serde::{Deserialize, Serialize};

use crate::ids::ReceiptTypeId;

/// A type of receipt that the business defined. A type with a parent is a sub-type of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptType {
    pub id: ReceiptTypeId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ReceiptTypeId>,
}

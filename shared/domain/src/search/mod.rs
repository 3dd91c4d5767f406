//! What people search for, and what a record is found by: both made alike, so that a name, a number or an amount is found
//! in whichever way it is typed. The store keeps a row for each of a record's terms and reads those that a query asks for.

mod amount;
mod folding;
mod query;
mod receipt_by;
mod terms;
#[cfg(feature = "phone-numbers")]
mod typed_amount;

pub use query::{LONGEST_QUERY, SearchQuery};
pub use receipt_by::ReceiptBy;
pub use terms::{
    Beginning, ContactBy, ContactMatch, ContactTerm, ItemBy, ItemMatch, ItemTerm, LinkBy, MOST_OF_CONTACT,
    MOST_OF_ITEM, PersonMatch, ReceiptMatch, reference,
};

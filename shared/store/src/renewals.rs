//! Customers' wishes for a new link that the business answers at once. deliver-messages writes a wish down as due work before
//! the CRM is told of it, and run-batches makes the link and takes the wish away.

use std::time::SystemTime;

use domain::Timestamp;
use domain::ids::LinkId;
use domain::link::Renewal;

use crate::due::{Due, DueRenewal};
use crate::error::StoreError;
use crate::item::{Item, number, text, to_item, write_id};
use crate::keys::{self, BUSINESS, DUE_AT, DUE_KIND, DueKind, WRITE_ID};
use crate::table::{Condition, PutOutcome, RecordWritten};
use crate::{BusinessStore, Store};

impl Store {
    /// Wishes whose turn it is.
    pub async fn due_renewals(&self, now: Timestamp, deadline: SystemTime) -> Due<DueRenewal> {
        self.due_in_all_shards(0, now, deadline).await
    }

    /// A wish as this run holds it: of two runs only one answers it. `None` where another one does, or did.
    pub async fn lease_renewal(&self, due: &DueRenewal, until: Timestamp) -> Result<Option<Renewal>, StoreError> {
        const READ: &str = "read what a customer wants";
        let Some(wish) = self.read::<Renewal>(READ, keys::renewal(&due.business, &due.link)).await? else {
            return Ok(None);
        };
        let leased = Renewal { answer_at: until, ..wish };
        Ok(match self.of(&due.business).write_over(&leased, due.due_at).await? {
            RecordWritten::Applied => Some(leased),
            RecordWritten::Rejected => None,
        })
    }
}

impl BusinessStore {
    /// Writes down that the customer of a link wants a new one, which is due at once. Whatever was written down of an
    /// earlier wish, this one counts.
    pub async fn put_renewal(&self, wish: &Renewal) -> Result<(), StoreError> {
        const WRITE: &str = "write down that a customer wants a new link";
        self.store.put(WRITE, self.renewal_item(wish)?).await
    }

    /// Has a wish that this run holds answered at another time. What the customer wished for anew meanwhile stays.
    pub async fn write_renewal_at(&self, held: &Renewal, until: Timestamp) -> Result<RecordWritten, StoreError> {
        self.write_over(&Renewal { answer_at: until, ..held.clone() }, held.answer_at).await
    }

    /// Takes a wish away that was answered, or that nobody can answer.
    pub async fn delete_renewal(&self, link: &LinkId) -> Result<(), StoreError> {
        self.store.delete("end what a customer wanted", keys::renewal(&self.business, link)).await.map(|_| ())
    }

    async fn write_over(&self, next: &Renewal, was_due_at: Timestamp) -> Result<RecordWritten, StoreError> {
        const WRITE: &str = "write when a customer's wish is due";
        let item = self.renewal_item(next)?;
        let as_read = Condition::new("due_at = :seen", [(":seen", number(was_due_at.as_millisecond()))]);
        // An own write whose answer was lost finds itself and not what it was decided on.
        Ok(match self.store.put_if(WRITE, item.clone(), as_read).await? {
            PutOutcome::Written => RecordWritten::Applied,
            PutOutcome::StoodAgainst(current) if current == item => RecordWritten::Applied,
            PutOutcome::StoodAgainst(_) => RecordWritten::Rejected,
        })
    }

    fn renewal_item(&self, wish: &Renewal) -> Result<Item, StoreError> {
        let mut item = to_item(keys::renewal(&self.business, &wish.link), wish)?;
        item.insert(BUSINESS.to_owned(), text(self.business.as_str()));
        // Two runs that hold it at the same instant write different items.
        item.insert(WRITE_ID.to_owned(), text(write_id()?));
        item.insert(DUE_KIND.to_owned(), text(DueKind::Renewal.of(wish.link.as_str())));
        item.insert(DUE_AT.to_owned(), number(wish.answer_at.as_millisecond()));
        Ok(item)
    }
}

//! How far the looks at accounts' own lists have come. crm-api begins one with an account's credentials, expire-links looks,
//! once a day, and nobody else writes one.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::Timestamp;
use domain::business::look_back::LookBack;
use domain::events::EventRecord;
use domain::ids::{AccountId, AuditEntryId};

use crate::due::DueLookBack;
use crate::error::StoreError;
use crate::events::event_item;
use crate::item::{Item, number, text, to_item, write_id};
use crate::keys::{self, BUSINESS, DUE_AT, DUE_KIND, DueKind, WRITE_ID};
use crate::table::{Condition, PutOutcome, RecordWritten};
use crate::{BusinessStore, Store};

impl Store {
    /// A look that is due, as this run holds it: of two runs only one looks. `None` where another one does, or where the account
    /// is gone.
    pub async fn lease_look_back(&self, due: &DueLookBack, now: Timestamp) -> Result<Option<LookBack>, StoreError> {
        let store = self.of(&due.business);
        let Some(known) = store.look_back(&due.account).await? else { return Ok(None) };
        let leased = known.leased(now);
        Ok(match store.write_look_back_over(&leased, due.due_at, None).await? {
            RecordWritten::Applied => Some(leased),
            RecordWritten::Rejected => None,
        })
    }
}

impl BusinessStore {
    /// How far the looks at the lists of an account have come. `None` where nobody ever could be asked.
    pub async fn look_back(&self, account: &AccountId) -> Result<Option<LookBack>, StoreError> {
        self.store.read("read how far looks have come", keys::look_back(&self.business, account)).await
    }

    /// Writes how far the looks have come over what was leased and, where the CRM is told, the event with it. What new
    /// credentials of the account began meanwhile stays.
    pub async fn write_look_back(
        &self,
        next: &LookBack,
        leased: &LookBack,
        told_at: Option<Timestamp>,
    ) -> Result<RecordWritten, StoreError> {
        let held_until = leased.look_at.unwrap_or(Timestamp::UNIX_EPOCH);
        self.write_look_back_over(next, held_until, told_at).await
    }

    async fn write_look_back_over(
        &self,
        next: &LookBack,
        was_due_at: Timestamp,
        told_at: Option<Timestamp>,
    ) -> Result<RecordWritten, StoreError> {
        const WRITE: &str = "write how far looks have come";
        let item = self.look_back_item(next)?;
        let as_read = Condition::new("due_at = :seen", [(":seen", number(was_due_at.as_millisecond()))]);
        let beside: Result<Vec<_>, _> = told_at.into_iter().map(|at| self.event_of(next, at)).collect();
        // An own write whose answer was lost finds itself and not what it was decided on.
        Ok(match self.store.put_with(WRITE, item.clone(), as_read, beside?).await? {
            PutOutcome::Written => RecordWritten::Applied,
            PutOutcome::StoodAgainst(current) if current == item => RecordWritten::Applied,
            PutOutcome::StoodAgainst(_) => RecordWritten::Rejected,
        })
    }

    /// The write that begins looks with the credentials of an account.
    pub(crate) fn begin_look_back(&self, begun: &LookBack) -> Result<TransactWriteItem, StoreError> {
        self.store.plain_put(self.look_back_item(begun)?)
    }

    /// The write that ends them with the account.
    pub(crate) fn end_look_back(&self, account: &AccountId) -> Result<TransactWriteItem, StoreError> {
        self.store.plain_delete(keys::look_back(&self.business, account))
    }

    fn event_of(&self, look: &LookBack, at: Timestamp) -> Result<TransactWriteItem, StoreError> {
        let id = AuditEntryId::of(&self.business, &write_id()?);
        self.store.plain_put(event_item(&EventRecord::of_look_back(self.business.clone(), &id, look.clone(), at))?)
    }

    fn look_back_item(&self, look: &LookBack) -> Result<Item, StoreError> {
        let mut item = to_item(keys::look_back(&self.business, &look.account), look)?;
        item.insert(BUSINESS.to_owned(), text(self.business.as_str()));
        // Two runs that hold it at the same instant write different items.
        item.insert(WRITE_ID.to_owned(), text(write_id()?));
        if let Some(look_at) = look.look_at {
            let of = format!("{}#{}", self.business, look.account);
            item.insert(DUE_KIND.to_owned(), text(DueKind::Link.of(&of)));
            item.insert(DUE_AT.to_owned(), number(look_at.as_millisecond()));
        }
        Ok(item)
    }
}

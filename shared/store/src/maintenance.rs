//! What a person does to a stack by hand, with paylink-admin: asks whether work is late, has undelivered events
//! delivered again, and finds everything about one contact. No function does any of this, and no function's role allows
//! the scan.

use domain::Timestamp;
use domain::ids::{ContactId, LinkId};
use domain::link::PaymentLink;
use domain::records::item::Item as CrmItem;

use crate::error::StoreError;
use crate::events::LinkHistory;
use crate::item::{from_item, number_of, text, text_of, write_id};
use crate::keys::{self, DUE_AT, DUE_SHARDS, DueKind, ITEM_SK, NEEDS_DELIVERY, PK, SK};
use crate::table::{Condition, RecordWritten};
use crate::{BusinessStore, Store};

/// At most this many links of a shard are read to find the one that has been due the longest.
const OLDEST_LINKS: i32 = 100;

impl Store {
    /// Whether the table of secrets holds what the first set-up writes.
    pub async fn is_set_up(&self) -> Result<bool, StoreError> {
        let secrets = async {
            self.warm_token_secret().await?;
            self.search_secret().await
        };
        match secrets.await {
            Ok(_) => Ok(true),
            Err(StoreError::NotSetUp { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Since when the oldest work has been due, where any is: on links, on messages, on events or on customers' wishes.
    pub async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        const FIND: &str = "find the oldest due work";
        let mut oldest = None;
        for shard in 0..DUE_SHARDS {
            for kind in [DueKind::Delivery, DueKind::Event, DueKind::Renewal] {
                let (due, _) = self.due(FIND, kind.shard(shard), now, (Some(1), &[]), None).await?;
                let at = due.first().and_then(|item| number_of(item, DUE_AT));
                oldest = at.and_then(|at| Timestamp::from_millisecond(at).ok()).into_iter().chain(oldest).min();
            }
            // A link may stand in the index before its work is due, so its own due time counts.
            let (due, _) = self.due(FIND, DueKind::Link.shard(shard), now, (Some(OLDEST_LINKS), &[]), None).await?;
            let links: Vec<LinkId> = due.iter().filter_map(|item| keys::link_of(text_of(item, PK)?)).collect();
            let due = self.links(&links).await?.into_iter().filter_map(|link| link.due_at());
            oldest = due.filter(|at| *at <= now).chain(oldest).min();
        }
        Ok(oldest)
    }

    /// Writes a link as it is, so that the stream delivers it once more. Where somebody else changed it meanwhile, the
    /// stream delivers that change.
    pub async fn redeliver(&self, link: &PaymentLink) -> Result<RecordWritten, StoreError> {
        let mut item = self.link_item(link, &write_id()?)?;
        item.insert(NEEDS_DELIVERY.to_owned(), text("yes"));
        Ok(self.put_if("have a link delivered again", item, Condition::version(link.version())).await?.into())
    }
}

impl BusinessStore {
    /// Every item of a contact. Items are not listed by contact, so this reads the whole table.
    pub async fn items_of_contact(&self, id: &ContactId) -> Result<Vec<CrmItem>, StoreError> {
        const READ: &str = "find the items of a contact";
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let answer = self
                .store
                .client
                .scan()
                .table_name(&self.store.table)
                // Whoever asks to be forgotten is forgotten with what was written a moment ago.
                .consistent_read(true)
                .filter_expression("begins_with(#pk, :business) AND #sk = :item AND contact_id = :contact")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":business", text(keys::items_prefix(&self.business)))
                .expression_attribute_values(":item", text(ITEM_SK))
                .expression_attribute_values(":contact", text(id.as_str()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service(READ, &error))?;
            for item in answer.items.unwrap_or_default() {
                found.push(from_item(READ, item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}

impl LinkHistory {
    /// Whether something of the link was never delivered nor tried: an event that is not recorded, or a message that no
    /// run has claimed.
    pub fn has_undelivered(&self) -> bool {
        let events = self.link.outbox().as_slice().iter().any(|one| !self.recorded.contains(&one.sequence));
        events || self.link.messages().any(|message| !self.messages.contains_key(&message.recipient.id))
    }
}

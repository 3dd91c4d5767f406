//! What became of each message of a link. A message is leased before it is sent, so that only a crash or a
//! timeout around the provider's answer can send it twice.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::ids::{BusinessId, LinkId, MessageId};
use domain::link::{MessageOfLink, PaymentLink};
use domain::messages::delivery::{Handover, MessageState, MessageStates, NextLook, Tried};
use futures_util::future::try_join;
use serde::{Deserialize, Serialize};

use crate::due::DueMessage;
use crate::error::StoreError;
use crate::facts;
use crate::item::{Item, from_item, key, number, text, text_of, to_item, write_id};
use crate::keys::{self, BY_STATE, DUE_AT, DUE_KIND, DueKind, FACTS, FORGET_AT, LISTED_AT, MESSAGE_PREFIX, SK};
use crate::links::{Written, written_over};
use crate::table::{Condition, PutOutcome, RecordWritten, TransactOutcome};
use crate::{BusinessStore, Store};

#[derive(Serialize, Deserialize)]
pub(crate) struct MessageRecord {
    business: BusinessId,
    #[serde(flatten)]
    pub(crate) state: MessageState,
    /// How often it was handed to the provider, this time included.
    tries: u32,
    /// Whom it was handed to last, noted before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tried: Option<Tried>,
    /// The mark of the run that leased it last.
    lease: String,
    /// In which of the business's shards its link is listed, and the message with it.
    #[serde(default)]
    shard: u8,
}

/// The right to send a message, and the number of the try.
#[derive(Clone, Debug)]
pub struct SendLease {
    business: BusinessId,
    link: LinkId,
    shard: u8,
    message: MessageId,
    mark: String,
    pub tries: u32,
    tried: Option<Tried>,
}

/// What became of leasing a message.
#[derive(Clone, Debug)]
pub enum LeaseOutcome {
    Mine(SendLease),
    /// It is decided, or waits in the index of due work.
    NotNeeded,
    /// Another run holds the lease, or died holding it.
    Held {
        until: Timestamp,
    },
}

/// What a due message asks for.
#[derive(Clone, Debug)]
pub enum DueTurn {
    /// It is to be sent, by whoever leases it.
    Send(DueSend),
    /// Its provider is to be asked what became of it. That changes nothing there, so that no run needs it for itself.
    Look(SentLook),
    /// Another run is done with it.
    NotOurs,
}

/// A due message that is to be sent, as it was read.
#[derive(Clone, Debug)]
pub struct DueSend {
    before: SendLease,
    due_at: Timestamp,
}

impl DueSend {
    /// Whom it was handed to last.
    pub fn tried(&self) -> Option<&Tried> {
        self.before.tried.as_ref()
    }
}

/// A message that was sent and whose provider is to be asked about it.
#[derive(Clone, Debug)]
pub struct SentLook {
    pub lease: SendLease,
    pub handover: Handover,
    pub look: NextLook,
}

/// Whether a message was sent, for somebody who reports that it did not arrive.
#[derive(Clone, Debug)]
pub enum SentMessage {
    Sent(Box<SendLease>, Handover),
    /// It is being sent, so that what is reported may be about this very try.
    NotYet,
    /// It is not sent, or it is known to have failed.
    Other,
}

/// A message of a link with what is known of it, for somebody who may note more.
#[derive(Clone, Debug)]
pub struct LinkMessage {
    pub link: PaymentLink,
    /// `None` where nobody has looked at it yet.
    pub state: Option<MessageState>,
    /// What a change of it is written over.
    known: Option<SendLease>,
}

impl LinkMessage {
    /// Whom it was handed to last.
    pub fn tried(&self) -> Option<&Tried> {
        self.known.as_ref()?.tried.as_ref()
    }
}

/// Which message a provider's own id stands for.
#[derive(Serialize, Deserialize)]
struct ProviderMessage {
    link: LinkId,
    message: MessageId,
}

impl Store {
    /// The known states of all messages of some links.
    pub async fn message_states(&self, links: &[PaymentLink]) -> Result<MessageStates, StoreError> {
        const READ: &str = "read the states of messages";
        let wanted = links
            .iter()
            .flat_map(|link| link.messages().map(|message| keys::message(link.id(), &message.recipient.id)));
        let mut states = BTreeMap::new();
        for item in self.batch_get(READ, wanted.collect()).await? {
            let id = text_of(&item, SK).and_then(|sk| MessageId::parse(sk.strip_prefix(MESSAGE_PREFIX)?).ok());
            let record: MessageRecord = from_item(READ, item)?;
            states.extend(id.map(|id| (id, record.state)));
        }
        Ok(states)
    }

    /// Leases a message that no run has leased. `tried` says whom it is about to be handed to, if anybody.
    pub async fn lease_message(
        &self,
        link: &PaymentLink,
        message: &MessageId,
        tried: Option<Tried>,
        until: Timestamp,
    ) -> Result<LeaseOutcome, StoreError> {
        const WRITE: &str = "lease a message";
        let lease = SendLease { tried, ..SendLease::on(link, message, write_id()?, 1) };
        let item = lease.item(MessageState::Sending { until }, None)?;
        let known = match self.put_if(WRITE, item, Condition::nothing_there()).await? {
            PutOutcome::Written => return Ok(LeaseOutcome::Mine(lease)),
            PutOutcome::StoodAgainst(known) => known,
        };
        let known: MessageRecord = from_item(WRITE, known)?;
        Ok(match known.state {
            MessageState::Sending { .. } if known.lease == lease.mark => LeaseOutcome::Mine(lease),
            MessageState::Sending { until } => LeaseOutcome::Held { until },
            MessageState::Queued { .. }
            | MessageState::Sent { .. }
            | MessageState::Waiting { .. }
            | MessageState::Failed { .. }
            | MessageState::Skipped { .. } => LeaseOutcome::NotNeeded,
        })
    }

    /// Leaves a message that no run has leased to the schedule, which sends it from this instant on.
    pub async fn queue_message(
        &self,
        link: &PaymentLink,
        message: &MessageId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        const WRITE: &str = "queue a message";
        let untried = SendLease::on(link, message, write_id()?, 0);
        let item = untried.item(MessageState::Queued { until }, Some(until))?;
        match self.put_if(WRITE, item, Condition::nothing_there()).await? {
            // Where it is there already, it is queued or another run has leased it.
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok(()),
        }
    }

    /// Puts a message into the index of due work for when its lease has ended, because the run that holds the lease may
    /// have died.
    pub async fn retry_message_later(
        &self,
        link: &LinkId,
        message: &MessageId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        const WRITE: &str = "hand a message over";
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(keys::message(link, message))))
            .update_expression("SET #kind = :kind, #at = :at")
            .condition_expression("#status = :sending")
            .expression_attribute_names("#kind", DUE_KIND)
            .expression_attribute_names("#at", DUE_AT)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":kind", text(DueKind::Delivery.of(link.as_str())))
            .expression_attribute_values(":at", number(at.as_millisecond()))
            .expression_attribute_values(":sending", text("sending"))
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            // It was noted meanwhile, so nobody died.
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(StoreError::service(WRITE, &error)),
        }
    }

    /// Reads what a due message asks for.
    pub async fn due_turn(&self, due: &DueMessage) -> Result<DueTurn, StoreError> {
        const READ: &str = "read a due message";
        let known: Option<MessageRecord> = self.read(READ, keys::message(&due.link, &due.message)).await?;
        let Some(known) = known else { return Ok(DueTurn::NotOurs) };
        let lease = known.lease(&due.link, &due.message);
        Ok(match known.state {
            MessageState::Sent(handover) => {
                // The index can still show a look that is over.
                let look = handover.next_look.clone();
                let look = look.filter(|look| look.at.as_millisecond() == due.due_at.as_millisecond());
                look.map_or(DueTurn::NotOurs, |look| DueTurn::Look(SentLook { lease, handover, look }))
            }
            MessageState::Queued { .. } | MessageState::Sending { .. } | MessageState::Waiting { .. } => {
                DueTurn::Send(DueSend { before: lease, due_at: due.due_at })
            }
            MessageState::Failed { .. } | MessageState::Skipped { .. } => DueTurn::NotOurs,
        })
    }

    /// Leases a due message that is to be sent, by moving it ahead to the end of the lease: of two runs only one does, and
    /// the other gets nothing. `tried` says whom it is about to be handed to, else whom it was handed to last.
    pub async fn lease_due_message(
        &self,
        due: &DueSend,
        tried: Option<Tried>,
        until: Timestamp,
    ) -> Result<Option<SendLease>, StoreError> {
        const WRITE: &str = "lease a due message";
        let before = due.before.clone();
        let still_due = Condition::new(
            "due_at = :seen AND lease = :known",
            [(":seen", number(due.due_at.as_millisecond())), (":known", text(&before.mark))],
        );
        let lease = SendLease { mark: write_id()?, tries: before.tries.saturating_add(1), tried, ..before };
        let item = lease.item(MessageState::Sending { until }, Some(until))?;
        Ok(match self.put_if(WRITE, item, still_due).await? {
            PutOutcome::Written => Some(lease),
            PutOutcome::StoodAgainst(_) => None,
        })
    }

    /// Writes when a message that was sent is looked at next, if at all. Of two runs that looked at once only one does, and
    /// nothing is written over a failure that was noted meanwhile.
    pub async fn note_look(&self, looked: &SentLook, handover: Handover) -> Result<(), StoreError> {
        const WRITE: &str = "note a look at a message";
        let state = MessageState::Sent(handover);
        let due_at = state.due_at();
        let still_due = Condition::new(
            "due_at = :seen AND lease = :mine",
            [(":seen", number(looked.look.at.as_millisecond())), (":mine", text(&looked.lease.mark))],
        );
        match self.put_if(WRITE, looked.lease.item(state, due_at)?, still_due).await? {
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok(()),
        }
    }

    /// Writes what became of a leased message. A lease that was lost to another run writes nothing.
    pub async fn note_message(&self, lease: &SendLease, state: MessageState) -> Result<(), StoreError> {
        const WRITE: &str = "note a message";
        let due_at = state.due_at();
        match self.put_if(WRITE, lease.item(state, due_at)?, lease.still_held()).await? {
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok(()),
        }
    }

    /// Writes that a leased message failed for good, and the event on its link that says so, at once. Where somebody
    /// changed the link meanwhile nothing is written, and the caller decides again on what it is now.
    pub async fn note_failed_message(
        &self,
        lease: &SendLease,
        state: MessageState,
        link: &PaymentLink,
    ) -> Result<Written, StoreError> {
        const WRITE: &str = "note a failed message";
        let mark = write_id()?;
        let writes = vec![
            self.conditional_put(self.link_item(link, &mark)?, Condition::version(link.version() - 1))?,
            self.conditional_put(lease.item(state, None)?, lease.still_held())?,
        ];
        match self.transact(WRITE, writes).await? {
            TransactOutcome::Committed => Ok(Written::Applied),
            TransactOutcome::Cancelled(reasons) => match reasons.item_at(0) {
                Some(current) => written_over(WRITE, current, &mark),
                // The lease was lost to another run, which notes the outcome of its own try.
                None => Ok(Written::AlreadyApplied),
            },
        }
    }
}

impl Store {
    /// Remembers which message a provider's own id stands for, until `forget_at`.
    pub async fn remember_provider_id(
        &self,
        provider_id: &str,
        link: &LinkId,
        message: &MessageId,
        forget_at: Timestamp,
    ) -> Result<(), StoreError> {
        let known = ProviderMessage { link: link.clone(), message: message.clone() };
        let mut item = to_item(keys::provider_message(provider_id), &known)?;
        item.insert(FORGET_AT.to_owned(), number(forget_at.as_second()));
        self.put("remember a provider's id", item).await
    }

    pub async fn message_of_provider(&self, provider_id: &str) -> Result<Option<(LinkId, MessageId)>, StoreError> {
        const READ: &str = "find the message of a provider's id";
        let known: Option<ProviderMessage> = self.read(READ, keys::provider_message(provider_id)).await?;
        Ok(known.map(|known| (known.link, known.message)))
    }

    /// Forgets where the chats of a link's messages have moved to. A message that is being noted at this moment is left to the
    /// next call.
    pub async fn forget_moved_chats(&self, link: &PaymentLink) -> Result<(), StoreError> {
        const WRITE: &str = "forget where a chat has moved to";
        for MessageOfLink { recipient, .. } in link.messages() {
            let known: Option<MessageRecord> = self.read(WRITE, keys::message(link.id(), &recipient.id)).await?;
            let Some(known) = known else { continue };
            let lease = known.lease(link.id(), &recipient.id);
            let state = match known.state {
                MessageState::Sent(handover) if handover.moved_to.is_some() => {
                    MessageState::Sent(Handover { moved_to: None, ..handover })
                }
                MessageState::Failed { at, reason, sent: Some(sent) } if sent.moved_to.is_some() => {
                    MessageState::Failed { at, reason, sent: Some(Handover { moved_to: None, ..sent }) }
                }
                MessageState::Queued { .. }
                | MessageState::Sending { .. }
                | MessageState::Sent(_)
                | MessageState::Waiting { .. }
                | MessageState::Failed { .. }
                | MessageState::Skipped { .. } => continue,
            };
            self.note_message(&lease, state).await?;
        }
        Ok(())
    }

    /// A message that was sent, with the right to note that it failed after all.
    pub async fn sent_message(&self, link: &LinkId, message: &MessageId) -> Result<SentMessage, StoreError> {
        const READ: &str = "read a sent message";
        let known: Option<MessageRecord> = self.read(READ, keys::message(link, message)).await?;
        let Some(known) = known else { return Ok(SentMessage::Other) };
        let lease = known.lease(link, message);
        Ok(match known.state {
            MessageState::Sent(handover) => SentMessage::Sent(Box::new(lease), handover),
            MessageState::Sending { .. } => SentMessage::NotYet,
            MessageState::Queued { .. }
            | MessageState::Waiting { .. }
            | MessageState::Failed { .. }
            | MessageState::Skipped { .. } => SentMessage::Other,
        })
    }
}

impl MessageRecord {
    /// The right of the run that leased the message last.
    pub(crate) fn lease(&self, link: &LinkId, message: &MessageId) -> SendLease {
        SendLease {
            business: self.business.clone(),
            link: link.clone(),
            shard: self.shard,
            message: message.clone(),
            mark: self.lease.clone(),
            tries: self.tries,
            tried: self.tried.clone(),
        }
    }
}

impl SendLease {
    pub(crate) fn on(link: &PaymentLink, message: &MessageId, mark: String, tries: u32) -> Self {
        let (business, shard, message) = (link.business().clone(), link.shard(), message.clone());
        Self { business, link: link.id().clone(), shard, message, mark, tries, tried: None }
    }

    /// The condition that no other run has leased the message since.
    fn still_held(&self) -> Condition {
        Condition::new("lease = :mine", [(":mine", text(&self.mark))])
    }

    pub(crate) fn item(&self, state: MessageState, due_at: Option<Timestamp>) -> Result<Item, StoreError> {
        let (business, lease) = (self.business.clone(), self.mark.clone());
        let tried = self.tried.clone();
        let record = MessageRecord { business, state, tries: self.tries, tried, lease, shard: self.shard };
        let mut item = to_item(keys::message(&self.link, &self.message), &record)?;
        // One that waits is listed, too, so that a quota knows of it; usage counts what has facts.
        let metered = record.state.metered();
        if let Some(at) = metered.map(|(at, _)| at).or(record.state.waits_for()) {
            let list = keys::messages_of_month(&self.business, &keys::month_of(at), self.shard);
            item.insert(BY_STATE.to_owned(), text(list));
            item.insert(LISTED_AT.to_owned(), text(keys::listed_at(at, self.message.as_str())));
        }
        if let Some((_, metered)) = metered {
            item.insert(FACTS.to_owned(), text(facts::of_message(metered)));
        }
        if let Some(due_at) = due_at {
            item.insert(DUE_KIND.to_owned(), text(DueKind::Delivery.of(self.link.as_str())));
            item.insert(DUE_AT.to_owned(), number(due_at.as_millisecond()));
        }
        Ok(item)
    }
}

impl BusinessStore {
    /// The known states of all messages of some links.
    pub async fn message_states(&self, links: &[PaymentLink]) -> Result<MessageStates, StoreError> {
        self.store.message_states(links).await
    }

    /// A message with its link, where that is one of this business and has the message.
    pub async fn link_message(&self, link: &LinkId, message: &MessageId) -> Result<Option<LinkMessage>, StoreError> {
        const READ: &str = "read a message";
        let record = self.store.read::<MessageRecord>(READ, keys::message(link, message));
        let (found, record) = try_join(self.link(link), record).await?;
        let found = found.filter(|found| found.message(message).is_some());
        Ok(found.map(|found| LinkMessage {
            known: record.as_ref().map(|record| record.lease(link, message)),
            state: record.map(|record| record.state),
            link: found,
        }))
    }

    /// Writes what a message is after a report over what was read of it. Where that is a failure that the link has to
    /// tell, `failed` is the link with the event, and both are written at once. Whoever sends the message at this
    /// moment writes nothing any more.
    pub async fn note_reported(
        &self,
        read: &LinkMessage,
        state: MessageState,
        failed: Option<&PaymentLink>,
    ) -> Result<RecordWritten, StoreError> {
        const WRITE: &str = "note a report about a message";
        let (Some(known), Some(before)) = (&read.known, &read.state) else { return Ok(RecordWritten::Rejected) };
        let mark = write_id()?;
        let reported = SendLease { mark: mark.clone(), ..known.clone() };
        let item = reported.item(state.clone(), state.due_at())?;
        // The one who sends it notes the outcome under the mark that is known here.
        let unchanged = Condition::new(
            "lease = :known AND #status = :before",
            [(":known", text(&known.mark)), (":before", text(before.name()))],
        )
        .naming("#status", "status");
        let Some(link) = failed else {
            let is_ours = |item: &Item| text_of(item, "lease") == Some(mark.as_str());
            return Ok(match self.store.put_if(WRITE, item, unchanged).await? {
                PutOutcome::Written => RecordWritten::Applied,
                PutOutcome::StoodAgainst(current) if is_ours(&current) => RecordWritten::Applied,
                PutOutcome::StoodAgainst(_) => RecordWritten::Rejected,
            });
        };
        let writes = vec![
            self.store.conditional_put(self.store.link_item(link, &mark)?, Condition::version(link.version() - 1))?,
            self.store.conditional_put(item, unchanged)?,
        ];
        match self.store.transact(WRITE, writes).await? {
            TransactOutcome::Committed => Ok(RecordWritten::Applied),
            TransactOutcome::Cancelled(reasons) => {
                match reasons.item_at(0).map(|link| written_over(WRITE, link, &mark)) {
                    Some(Ok(Written::AlreadyApplied)) => Ok(RecordWritten::Applied),
                    Some(Err(error)) => Err(error),
                    Some(Ok(Written::Applied | Written::Rejected(_))) | None => Ok(RecordWritten::Rejected),
                }
            }
        }
    }
}

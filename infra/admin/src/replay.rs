//! Delivers what the stream could not deliver. A message in the queue names a position in the stream and holds no data,
//! and the stream keeps records for a day only. So what is undelivered is found by reading the links themselves.

use aws_sdk_sqs::types::{Message, QueueAttributeName};
use domain::Timestamp;
use domain::ids::BusinessId;
use domain::link::LinkFilter;
use jiff::SignedDuration;
use store::{LinkList, Page};

use crate::{Admin, AdminError};

/// At most this many links are read at a time.
const PAGE: usize = 100;

/// SQS hands out at most this many messages at once.
const MAX_MESSAGES: i32 = 10;

/// How long a call waits for messages. A call that does not wait asks only some of SQS's servers, and can find nothing
/// although messages wait.
pub(crate) const WAIT_SECONDS: i32 = 5;

/// The visibility timeout of received messages, which is longer than reading all links takes. A message that becomes
/// visible before that is replayed once more, which delivers nothing twice.
const VISIBILITY_SECONDS: i32 = 1800;

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayResult {
    pub links: usize,
    /// Links with something undelivered. The stream delivers them again.
    pub redelivered: usize,
    /// Messages of the queue that were deleted.
    pub records: usize,
}

impl Admin {
    /// The number of messages in the queue, or `None` where the queue is not known.
    pub(crate) async fn undelivered_records(&self) -> Result<Option<u64>, AdminError> {
        match &self.undelivered {
            Some(queue) => Ok(Some(self.waiting_in(queue).await?)),
            None => Ok(None),
        }
    }

    /// How many messages wait in a queue.
    pub(crate) async fn waiting_in(&self, queue: &str) -> Result<u64, AdminError> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let asked = self.sqs.get_queue_attributes().queue_url(queue).attribute_names(name.clone()).send().await;
        let answer = asked.map_err(|error| AdminError::aws("SQS", error))?;
        let count = answer.attributes().and_then(|attributes| attributes.get(&name)?.parse().ok());
        count.ok_or_else(|| AdminError::Refused("SQS did not say how many messages wait".to_owned()))
    }

    /// Reads every link of every business that was made within this number of days, and has the stream deliver those
    /// again that have something undelivered. Nothing is delivered twice, because what was delivered is recorded.
    /// Messages that waited in the queue before are deleted, and only after all links have been read.
    pub async fn replay(&self, days: u32, now: Timestamp) -> Result<ReplayResult, AdminError> {
        let records = match &self.undelivered {
            Some(queue) => self.receive_all(queue).await?,
            None => Vec::new(),
        };
        let from = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days)));
        let list = LinkList::new(LinkFilter::made_between(from.unwrap_or(Timestamp::UNIX_EPOCH), now), now);
        let mut done = ReplayResult { records: records.len(), ..ReplayResult::default() };
        for business in self.businesses().await? {
            self.replay_business(&business.id, &list, &mut done).await?;
        }
        if let Some(queue) = &self.undelivered {
            for handle in records.iter().filter_map(Message::receipt_handle) {
                self.delete_message(queue, handle).await?;
            }
        }
        Ok(done)
    }

    async fn replay_business(
        &self,
        business: &BusinessId,
        list: &LinkList,
        done: &mut ReplayResult,
    ) -> Result<(), AdminError> {
        let store = self.store.of(business);
        let mut cursor = None;
        loop {
            let Page { entries, next } = store.list_links(list, PAGE, cursor.as_ref()).await?;
            for link in entries {
                done.links += 1;
                let Some(history) = self.store.link_history(link.id()).await? else { continue };
                if history.has_undelivered() {
                    self.store.redeliver(&history.link).await?;
                    done.redelivered += 1;
                }
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Receives every message of a queue. Those that are not deleted become visible again by themselves.
    pub(crate) async fn receive_all(&self, queue: &str) -> Result<Vec<Message>, AdminError> {
        let mut messages = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(queue).max_number_of_messages(MAX_MESSAGES);
            let asked = request.wait_time_seconds(WAIT_SECONDS).visibility_timeout(VISIBILITY_SECONDS).send().await;
            let answer = asked.map_err(|error| AdminError::aws("SQS", error))?;
            match answer.messages {
                Some(received) if !received.is_empty() => messages.extend(received),
                Some(_) | None => return Ok(messages),
            }
        }
    }

    pub(crate) async fn delete_message(&self, queue: &str, handle: &str) -> Result<(), AdminError> {
        let deleted = self.sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await;
        deleted.map(drop).map_err(|error| AdminError::aws("SQS", error))
    }
}

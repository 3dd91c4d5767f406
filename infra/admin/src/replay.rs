//! What the stream could not deliver. A message in the queue names a place in the stream, which forgets after a day, and
//! holds no data; so what is still to be told is found by looking at the links themselves.

use aws_sdk_sqs::types::QueueAttributeName;
use domain::Timestamp;
use jiff::SignedDuration;
use store::{LinkList, Page};

use crate::{Admin, AdminError};

/// So many links are listed at a time.
const PAGE: usize = 100;

/// SQS hands out at most so many messages at once.
const MAX_MESSAGES: i32 = 10;

/// A call that does not wait asks only some of SQS's machines, and can find nothing although messages wait.
pub(crate) const WAIT_SECONDS: i32 = 5;

/// A message that was taken comes back after this, unless it was deleted. Looking at all links takes a while; one that comes
/// back before that ends is told of once more, which tells nothing twice.
const TAKEN_SECONDS: i32 = 1800;

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub links: usize,
    /// Links of which something was still to be told. The stream brings them again.
    pub announced: usize,
    /// Messages of the queue that are not needed any more.
    pub records: usize,
}

impl Admin {
    /// How much waits in the queue, where it is known which queue that is.
    pub(crate) async fn undelivered_records(&self) -> Result<Option<u64>, AdminError> {
        let Some(queue) = &self.undelivered else { return Ok(None) };
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let asked = self.sqs.get_queue_attributes().queue_url(queue).attribute_names(name.clone()).send().await;
        let answer = asked.map_err(|error| AdminError::aws("SQS", error))?;
        let count = answer.attributes().and_then(|attributes| attributes.get(&name)?.parse().ok());
        count.map(Some).ok_or_else(|| AdminError::Refused("SQS did not say how many messages wait".to_owned()))
    }

    /// Looks at every link that was made within so many days, and has the stream bring those again of which something is
    /// still to be told. Nothing is told twice, because what was told is recorded. The queue is emptied of what waited there
    /// before, and only when all links have been looked at.
    pub async fn replay(&self, days: u32, now: Timestamp) -> Result<Replayed, AdminError> {
        let records = self.receive_all().await?;
        let from = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days)));
        let list = LinkList::Between(from.unwrap_or(Timestamp::MIN), now);
        let mut done = Replayed { records: records.len(), ..Replayed::default() };
        let mut cursor = None;
        loop {
            let Page { entries, next } = self.store.list_links(&list, PAGE, cursor.as_ref()).await?;
            for link in entries {
                done.links += 1;
                let Some(file) = self.store.link_history(link.id()).await? else { continue };
                if file.is_untold() {
                    self.store.announce_again(&file.link).await?;
                    done.announced += 1;
                }
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        self.delete_records(&records).await?;
        Ok(done)
    }

    /// Takes every message. They come back by themselves where the replay does not end.
    async fn receive_all(&self) -> Result<Vec<String>, AdminError> {
        let Some(queue) = &self.undelivered else { return Ok(Vec::new()) };
        let mut handles = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(queue).max_number_of_messages(MAX_MESSAGES);
            let asked = request.wait_time_seconds(WAIT_SECONDS).visibility_timeout(TAKEN_SECONDS).send().await;
            let answer = asked.map_err(|error| AdminError::aws("SQS", error))?;
            if answer.messages().is_empty() {
                return Ok(handles);
            }
            handles.extend(answer.messages().iter().filter_map(|message| message.receipt_handle.clone()));
        }
    }

    async fn delete_records(&self, handles: &[String]) -> Result<(), AdminError> {
        let Some(queue) = &self.undelivered else { return Ok(()) };
        for handle in handles {
            let deleted = self.sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await;
            deleted.map_err(|error| AdminError::aws("SQS", error))?;
        }
        Ok(())
    }
}

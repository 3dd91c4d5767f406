//! Sends what a link's outbox and its rounds of messages ask for: messages to people, and events to the CRM.
//!
//! The table's stream says which links need delivery. What to send is then decided from the table. Messages to people
//! go first, because a slow endpoint of the CRM must not keep anybody waiting. A send that fails for now is due again
//! later, when the schedule finds it. Reports of providers, such as a bounce or an SMS that did not arrive, come in
//! here too. A record of the stream that cannot be served is reported by its number, so that it blocks no other.
//!
//! Everything of a link is done with what its business set up, also where the business is suspended: what it had begun
//! finishes. Businesses take turns, in a batch of the stream as in a run of the schedule, and where others wait, a business
//! gets a share of a batch and leaves the rest to the schedule.

mod events;
mod messages;
mod paid_items;
mod receipt_pages;
mod reports;
mod slow;
mod wishes;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::dynamodb::EventRecord as StreamRecord;
use channels::{Channels, Webhooks};
use domain::Timestamp;
use domain::business::turns::Turns;
use domain::ids::{BusinessId, LinkId};
use futures_util::future::join;
use runtime::{Clock, has_time, in_turns, time_left};
use serde::Deserialize;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};
use store::{DueEvent, DueMessage, LinkHistory, Schedule, Store, StoreError};
use telemetry::{DueKind, Measurement};

pub use reports::reports;
pub use slow::Slow;

/// How long the lease of a message or an event lasts: longer than the function may run.
const LEASE: Duration = Duration::from_secs(90);

/// At most this many links, messages or events are served at once.
const CONCURRENCY: usize = 16;

/// Where others wait, a business gets this many links of a batch served at once.
const SHARE: usize = CONCURRENCY;

/// A batch with a record that is older than this has others behind it who wait.
const LATE: Duration = Duration::from_secs(10);

/// For this part of a run's time everything else waits until events were found that lack an endpoint, so that these are sent
/// in the same run.
const CATCHING_UP: u32 = 4;

/// The timeout that the template gives the function.
pub const TIME: Duration = Duration::from_secs(50);

/// What the function needs.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub channels: Channels,
    pub webhooks: Webhooks,
    pub clock: Clock,
    /// Whether SNS reports SMS that did not arrive.
    pub sms_reports: bool,
    /// The endpoints and providers that kept this process waiting.
    pub slow: Arc<Slow>,
}

/// What made the function send. It decides how long others may be kept waiting.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    Stream,
    Schedule,
}

impl Trigger {
    /// How long an endpoint may take to answer while the rest of a stream's batch waits, and when the schedule sends.
    fn timeout(self) -> Duration {
        match self {
            Self::Stream => Duration::from_secs(5),
            Self::Schedule => Duration::from_secs(8),
        }
    }

    /// An endpoint or a provider that took this long gets nothing from the stream for a while, and the schedule sends. An
    /// endpoint that took longer still gets nothing from the schedule either: it may not answer at all.
    fn slow_after(self) -> Duration {
        match self {
            Self::Stream => Duration::from_secs(2),
            Self::Schedule => Duration::from_secs(5),
        }
    }
}

/// Whether a link lies within its business's share of a batch of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    /// It is served at once.
    Within,
    /// What is to be sent is written down as due, and left to the schedule.
    Beyond,
}

/// Serves a batch of the stream, what a provider reports, or, called by the schedule, what is due again.
pub async fn handle(app: &App, event: Value, deadline: SystemTime) -> Result<Value, lambda_runtime::Error> {
    if let Some(reports) = reports(&event) {
        return Ok(json!({ "reported": messages::note_reports(app, reports).await? }));
    }
    if event.get("Records").is_none() {
        return retry(app, deadline).await;
    }
    let batch = StreamBatch::read(event)?;
    let is_late = batch.age(SystemTime::now()) > LATE;
    let mut failures = serve(app, batch.links, is_late, deadline).await;
    failures.extend(batch.unreadable);
    let failures: Vec<Value> = failures.into_iter().map(|number| json!({ "itemIdentifier": number })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// Tries due messages and events again, the businesses in turns and of each the messages first.
async fn retry(app: &App, deadline: SystemTime) -> Result<Value, lambda_runtime::Error> {
    Measurement::RetriesRan.record();
    // Events that are found so can be sent in this run, but nobody waits for long until all of them are found.
    let mut catching_up = pin!(events::catch_up(app, deadline));
    let in_time = tokio::time::timeout(time_left(deadline) / CATCHING_UP, &mut catching_up).await;
    let now = app.clock.now();
    let mut messages = app.store.due_messages(now, deadline).await;
    let mut events = app.store.due_events(now, deadline).await;
    messages.work.sort_by_key(|due| due.due_at);
    events.work.sort_by_key(|due| due.due_at);
    let mut retried = Retried { failed: messages.unreadable + events.unreadable, ..Retried::default() };
    measure_due(DueKind::Messages, messages.work.iter().map(|due| due.due_at), now);
    measure_due(DueKind::Events, events.work.iter().map(|due| due.due_at), now);

    let mut waiting = Turns::default();
    waiting.extend(messages.work.into_iter().map(|due| (due.business.clone(), DueWork::Message(due))));
    waiting.extend(events.work.into_iter().map(|due| (due.business.clone(), DueWork::Event(due))));
    let caught_up = async {
        match in_time {
            Ok(caught_up) => caught_up,
            Err(_) => catching_up.await,
        }
    };
    let (outcomes, caught_up) =
        join(in_turns(waiting, CONCURRENCY, |work| retry_one(app, work, deadline)), caught_up).await;
    outcomes.into_iter().for_each(|outcome| retried.add(outcome));
    // An error with one part of the due work does not keep the others from being sent.
    retried.failed += caught_up.as_ref().copied().unwrap_or_default();
    Measurement::DueFailed { failed: retried.failed }.record();
    caught_up?;
    if let Some(failure) = messages.failure.or(events.failure) {
        return Err(failure.into());
    }
    app.store.record_heartbeat(Schedule::Retries, app.clock.now()).await;
    Ok(json!({
        "tried": retried.messages,
        "looked_at": retried.looked_at,
        "events": retried.events,
        "failed": retried.failed,
    }))
}

/// A message or an event that is due again.
enum DueWork {
    Message(DueMessage),
    Event(DueEvent),
}

async fn retry_one(app: &App, work: DueWork, deadline: SystemTime) -> RetryOutcome {
    if !has_time(deadline) {
        return RetryOutcome::Left;
    }
    let outcome = match &work {
        DueWork::Message(due) => messages::try_again(app, due).await,
        DueWork::Event(due) => events::try_again(app, due).await,
    };
    outcome.unwrap_or_else(|error| {
        match &work {
            DueWork::Message(DueMessage { link, message, .. }) => {
                tracing::error!(link_id = %link, message_id = %message, error = %error, "A due message could not be served.");
            }
            DueWork::Event(DueEvent { id, .. }) => {
                tracing::error!(event_id = %id, error = %error, "A due event could not be sent.");
            }
        }
        RetryOutcome::Failed
    })
}

/// Measures how much waits, and since when.
fn measure_due(kind: DueKind, due_at: impl ExactSizeIterator<Item = Timestamp>, now: Timestamp) {
    let (found, oldest) = (due_at.len(), due_at.min());
    let age = oldest.map(|since| Duration::try_from(now.duration_since(since)).unwrap_or_default());
    Measurement::Due { kind, found, oldest: age.unwrap_or_default() }.record();
}

/// What a run of the schedule did.
#[derive(Debug, Default)]
struct Retried {
    messages: usize,
    events: usize,
    /// How many messages a provider was asked about.
    looked_at: usize,
    /// How much of it met an error of ours.
    failed: usize,
}

impl Retried {
    fn add(&mut self, outcome: RetryOutcome) {
        match outcome {
            RetryOutcome::Message => self.messages += 1,
            RetryOutcome::Event => self.events += 1,
            RetryOutcome::LookedAt => self.looked_at += 1,
            RetryOutcome::LeasedElsewhere | RetryOutcome::Left => {}
            RetryOutcome::Failed => self.failed += 1,
        }
    }
}

/// What became of one due message or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RetryOutcome {
    /// This run leased a message and sent it, or noted why it was not sent.
    Message,
    /// The same of an event.
    Event,
    /// The provider of a message was asked what became of it.
    LookedAt,
    /// Another run has leased it.
    LeasedElsewhere,
    /// There was no time for it. It stays due.
    Left,
    /// An error of ours came up. It is due again when the lease ends.
    Failed,
}

/// The links that a batch of the stream is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StreamBatch {
    /// Each link with its records: several changes of one link are one piece of work.
    pub links: BTreeMap<LinkId, LinkRecords>,
    /// The sequence numbers of records that cannot be read. Lambda sends these again until they are too old and then
    /// puts them into the queue of undelivered records. The other records of their batch are served meanwhile.
    pub unreadable: Vec<String>,
    /// When the oldest record was written, where the records say so.
    pub since: Option<SystemTime>,
}

/// The records of one link in a batch of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecords {
    /// Whose link it is, where the records say so.
    pub business: Option<BusinessId>,
    /// The place in the batch of the first of them.
    pub place: usize,
    pub numbers: Vec<String>,
}

impl StreamBatch {
    /// Reads a batch record by record. The whole batch is an error only where a record that cannot be read has no
    /// sequence number either, so that it cannot be reported as failed.
    pub fn read(event: Value) -> Result<Self, lambda_runtime::Error> {
        let event: StreamEvent = serde_json::from_value(event)?;
        let mut batch = Self::default();
        for (place, record) in event.records.into_iter().enumerate() {
            let number = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
            match serde_json::from_value::<StreamRecord>(record) {
                Ok(record) => {
                    if let Some(link) = link_of(&record) {
                        batch.since = batch.since.into_iter().chain(written_at(&record)).min();
                        let business = business_of(&record);
                        let first = || LinkRecords { business, place, numbers: Vec::new() };
                        batch.links.entry(link).or_insert_with(first).numbers.push(number);
                    }
                }
                Err(error) if number.is_empty() => return Err(error.into()),
                // The error may quote the record, and the record is about a person.
                Err(_) => {
                    tracing::error!(sequence_number = number, "A record of the stream cannot be read.");
                    batch.unreadable.push(number);
                }
            }
        }
        Ok(batch)
    }

    /// How long its oldest record has waited.
    fn age(&self, now: SystemTime) -> Duration {
        self.since.and_then(|since| now.duration_since(since).ok()).unwrap_or_default()
    }
}

/// The Lambda event of a batch, its records not read yet.
#[derive(Deserialize)]
struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// The links of a batch as they came, each with whose it is and whether it lies within that business's share. Where nobody
/// else waits, neither in this batch nor behind it, a business has all of it.
fn shares(links: &BTreeMap<LinkId, LinkRecords>, is_late: bool) -> Vec<(Option<BusinessId>, (LinkId, Share))> {
    let mut links: Vec<(&LinkId, &LinkRecords)> = links.iter().collect();
    links.sort_by_key(|(_, records)| records.place);
    let mut of_each: BTreeMap<Option<BusinessId>, usize> = BTreeMap::new();
    links.iter().for_each(|(_, records)| *of_each.entry(records.business.clone()).or_default() += 1);
    let share = if is_late || of_each.len() > 1 { SHARE } else { links.len() };
    let mut left: BTreeMap<Option<BusinessId>, usize> = of_each.into_keys().map(|business| (business, share)).collect();
    links
        .into_iter()
        .map(|(id, LinkRecords { business, .. })| {
            let left = left.entry(business.clone()).or_default();
            let share = if *left > 0 { Share::Within } else { Share::Beyond };
            *left = left.saturating_sub(1);
            (business.clone(), (id.clone(), share))
        })
        .collect()
}

/// Serves the links that a batch is about. The result is the sequence numbers of the records to be sent again.
async fn serve(
    app: &App,
    mut links: BTreeMap<LinkId, LinkRecords>,
    is_late: bool,
    deadline: SystemTime,
) -> Vec<String> {
    let waiting: Turns<_, _> = shares(&links, is_late).into_iter().collect();
    let with_messages = in_turns(waiting, CONCURRENCY, |(id, share)| async move {
        let history = logged(&id, send_messages(app, &id, share, deadline).await)?;
        Some(history.map(|history| (history, share)))
    });
    let mut failed = Vec::new();
    let mut notified = Turns::default();
    for outcome in with_messages.await.into_iter().flatten() {
        match outcome {
            Ok((history, share)) => notified.add(&history.link.business().clone(), (history, share)),
            Err(id) => failed.push(id),
        }
    }
    let with_events = in_turns(notified, CONCURRENCY, |(history, share)| async move {
        let sent = events::send_new(app, &history, share, deadline).await;
        logged(history.link.id(), sent.map(Some)).and_then(Result::err)
    });
    failed.extend(with_events.await.into_iter().flatten());
    failed.iter().filter_map(|id| links.remove(id)).flat_map(|records| records.numbers).collect()
}

/// The outcome for one link, whose error is logged here, once.
fn logged<T>(id: &LinkId, outcome: Result<Option<T>, StoreError>) -> Option<Result<T, LinkId>> {
    match outcome {
        Ok(done) => done.map(Ok),
        Err(error) => {
            tracing::error!(link_id = %id, error = %error, "A link could not be delivered.");
            Some(Err(id.clone()))
        }
    }
}

/// Sends the messages of a link. The result is what is known of the link, or `None` where it is gone.
async fn send_messages(
    app: &App,
    id: &LinkId,
    share: Share,
    deadline: SystemTime,
) -> Result<Option<LinkHistory>, StoreError> {
    if !has_time(deadline) {
        return Err(StoreError::Unavailable { operation: "serve a link", reason: "no time is left".to_owned() });
    }
    let Some(history) = app.store.link_history(id).await? else { return Ok(None) };
    messages::send_new(app, &history, share).await?;
    Ok(Some(history))
}

/// The link that a record is about. `None` for a record of another item, with which this function has nothing to do.
fn link_of(record: &StreamRecord) -> Option<LinkId> {
    let keys = record.change.keys.inner();
    if text(keys.get("sk"))? != "link" || record.event_name == "REMOVE" {
        return None;
    }
    LinkId::parse(text(keys.get("pk"))?.strip_prefix("link#")?).ok()
}

/// Whose link the record is about.
fn business_of(record: &StreamRecord) -> Option<BusinessId> {
    BusinessId::parse(text(record.change.new_image.inner().get("business"))?).ok()
}

fn text(value: Option<&AttributeValue>) -> Option<&str> {
    match value {
        Some(AttributeValue::S(text)) => Some(text),
        Some(_) | None => None,
    }
}

/// When a record was written, to the second. A record that does not say so reads as written in 1970.
fn written_at(record: &StreamRecord) -> Option<SystemTime> {
    let second = u64::try_from(record.change.approximate_creation_date_time.timestamp()).ok()?;
    (second > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(second))
}

fn later(from: Timestamp, pause: Duration) -> Timestamp {
    from.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use domain::ids::PayToken;

    use super::*;

    fn link(number: u8) -> LinkId {
        LinkId::of(&PayToken::from_random([number; 16]))
    }

    /// A record of a link, with its number in the stream.
    fn record(number: u8, business: Option<&str>) -> Value {
        json!({
            "eventID": "1", "eventName": "MODIFY", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "local", "eventSourceARN": "arn:aws:dynamodb:local:1:table/t/stream/1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_800_000_000u32 + u32::from(number),
                "Keys": { "pk": { "S": format!("link#{}", link(number)) }, "sk": { "S": "link" } },
                "NewImage": business.map(|business| json!({ "business": { "S": business } })),
                "SequenceNumber": number.to_string(), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
            },
        })
    }

    fn batch(records: &[(u8, Option<&str>)]) -> StreamBatch {
        let records: Vec<Value> = records.iter().map(|(number, business)| record(*number, *business)).collect();
        StreamBatch::read(json!({ "Records": records })).unwrap()
    }

    /// How many links of a business lie within its share, and how many beyond.
    fn of(business: Option<&str>, batch: &StreamBatch, is_late: bool) -> (usize, usize) {
        let shares = shares(&batch.links, is_late);
        let of = |wanted| {
            let its = shares.iter().filter(|(of, _)| of.as_ref().map(BusinessId::as_str) == business);
            its.filter(|(_, (_, share))| *share == wanted).count()
        };
        (of(Share::Within), of(Share::Beyond))
    }

    #[test]
    fn a_batch_says_whose_links_it_is_about_and_since_when_it_waits() {
        let batch = batch(&[(3, Some("shop")), (7, None), (3, Some("shop"))]);
        let shop = Some(BusinessId::parse("shop").unwrap());
        let numbers = vec!["3".to_owned(), "3".to_owned()];
        assert_eq!(batch.links[&link(3)], LinkRecords { business: shop, place: 0, numbers });
        assert_eq!(batch.links[&link(7)], LinkRecords { business: None, place: 1, numbers: vec!["7".to_owned()] });
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        assert_eq!(batch.age(at(1_800_000_013)), Duration::from_secs(10));
        assert_eq!(batch.age(at(1_700_000_000)), Duration::ZERO);
        assert_eq!(StreamBatch::default().age(at(1_800_000_000)), Duration::ZERO);
    }

    #[test]
    fn where_others_wait_a_business_has_a_share_of_a_batch() {
        let mut records: Vec<(u8, Option<&str>)> = (0..90).map(|number| (number, Some("large"))).collect();
        let alone = batch(&records);
        assert_eq!(of(Some("large"), &alone, false), (90, 0), "nobody waits");
        assert_eq!(of(Some("large"), &alone, true), (SHARE, 90 - SHARE), "others wait behind the batch");
        records.extend([(100, Some("small")), (101, Some("small")), (102, None)]);
        let mixed = batch(&records);
        assert_eq!(of(Some("large"), &mixed, false), (SHARE, 90 - SHARE));
        assert_eq!(of(Some("small"), &mixed, false), (2, 0));
        assert_eq!(of(None, &mixed, false), (1, 0));
    }

    #[test]
    fn the_share_is_what_came_first_and_another_business_is_served_second() {
        let records: Vec<(u8, Option<&str>)> = (0..40).map(|number| (number, Some("large"))).collect();
        let mixed = batch(&[&records[..], &[(99, Some("small"))]].concat());
        let shares = shares(&mixed.links, false);
        let within: Vec<&LinkId> =
            shares.iter().filter(|(_, (_, share))| *share == Share::Within).map(|(_, (id, _))| id).collect();
        let first: Vec<LinkId> = (0..u8::try_from(SHARE).unwrap()).chain([99]).map(link).collect();
        assert_eq!(within, first.iter().collect::<Vec<_>>());
        let served: Vec<(LinkId, Share)> = shares.into_iter().collect::<Turns<_, _>>().take(2).collect();
        assert_eq!(served, [(link(0), Share::Within), (link(99), Share::Within)]);
    }
}

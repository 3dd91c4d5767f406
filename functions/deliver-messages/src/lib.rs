//! Sends what a link's outbox and its rounds of messages ask for: messages to people, and events to the CRM.
//!
//! The table's stream says which links need delivery. What to send is then decided from the table. Messages to people
//! go first, because a slow endpoint of the CRM must not keep anybody waiting. A send that fails for now is due again
//! later, when the schedule finds it. Reports of providers, such as a bounce or an SMS that did not arrive, come in
//! here too. A record of the stream that cannot be served is reported by its number, so that it blocks no other.

mod events;
mod messages;
mod reports;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::dynamodb::EventRecord as StreamRecord;
use channels::{Channels, Webhooks};
use domain::Timestamp;
use domain::ids::LinkId;
use futures_util::stream::{self, StreamExt};
use runtime::{Clock, has_time};
use serde::Deserialize;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};
use store::{DUE_SHARDS, DueEvent, DueMessage, LinkHistory, Schedule, Store, StoreError};
use telemetry::Measurement;

pub use events::SlowEndpoints;
pub use reports::reports;

/// How long the lease of a message or an event lasts: longer than the function may run.
const LEASE: Duration = Duration::from_secs(90);

/// At most this many links, messages or events are served at once.
const CONCURRENCY: usize = 16;

/// At most this many due messages or events are read at a time.
const PAGE: i32 = 50;

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
    /// The endpoints that kept this process waiting.
    pub slow: Arc<SlowEndpoints>,
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
    let mut failures = serve(app, batch.links, deadline).await;
    failures.extend(batch.unreadable);
    let failures: Vec<Value> = failures.into_iter().map(|number| json!({ "itemIdentifier": number })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// Tries due messages and events again.
async fn retry(app: &App, deadline: SystemTime) -> Result<Value, lambda_runtime::Error> {
    Measurement::RetriesRan.record();
    let mut due = Due::default();
    // An error with messages does not keep events from being sent, nor the other way.
    let messages = retry_due::<DueMessage>(app, deadline, &mut due).await;
    let caught_up = events::catch_up(app, deadline).await;
    let events = retry_due::<DueEvent>(app, deadline, &mut due).await;
    Measurement::Due { found: due.found, oldest: due.oldest }.record();
    Measurement::DueFailed { failed: due.failed }.record();
    caught_up?;
    let answer = json!({ "tried": messages?, "looked_at": due.looked_at, "events": events?, "failed": due.failed });
    app.store.record_heartbeat(Schedule::Retries, app.clock.now()).await;
    Ok(answer)
}

/// A message or an event that is due again.
trait DueWork: Sized + Send + Sync {
    fn due_at(&self) -> Timestamp;

    /// At most [`PAGE`] of what is due in one shard.
    fn page(app: &App, shard: u8) -> impl Future<Output = Result<Vec<Self>, StoreError>> + Send;

    /// Leases and sends it, or does what else is due about it.
    fn try_again(&self, app: &App) -> impl Future<Output = Result<RetryOutcome, StoreError>> + Send;

    fn log_error(&self, error: &StoreError);
}

/// Sends what is due, shard by shard, while there is time. The result is how much of it this run served. An error with one
/// message or event is logged, so that it does not keep the others waiting.
async fn retry_due<T: DueWork>(app: &App, deadline: SystemTime, found: &mut Due) -> Result<usize, StoreError> {
    let mut tried = 0;
    for shard in 0..DUE_SHARDS {
        while has_time(deadline) {
            let page = T::page(app, shard).await?;
            found.add_page(page.iter().map(T::due_at), app.clock.now());
            let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            let outcomes = stream::iter(page).map(|work| retry_one(app, work)).buffer_unordered(CONCURRENCY);
            let looked_at = found.looked_at;
            let served = found.add_outcomes(&outcomes.collect::<Vec<RetryOutcome>>().await);
            tried += served;
            if is_last || served == 0 && looked_at == found.looked_at {
                break;
            }
        }
    }
    Ok(tried)
}

async fn retry_one<T: DueWork>(app: &App, work: T) -> RetryOutcome {
    match work.try_again(app).await {
        Ok(outcome) => outcome,
        Err(error) => {
            work.log_error(&error);
            RetryOutcome::Failed
        }
    }
}

/// What a run of the schedule found, and how much of it met an error of ours.
#[derive(Debug, Default)]
struct Due {
    found: usize,
    oldest: Duration,
    /// How many messages a provider was asked about.
    looked_at: usize,
    failed: usize,
}

impl Due {
    /// Counts a page of the index of due work.
    fn add_page(&mut self, since: impl Iterator<Item = Timestamp>, now: Timestamp) {
        for since in since {
            self.found += 1;
            self.oldest = self.oldest.max(Duration::try_from(now.duration_since(since)).unwrap_or_default());
        }
    }

    /// Counts what became of the retries. The result is the number of messages or events that this run served.
    fn add_outcomes(&mut self, outcomes: &[RetryOutcome]) -> usize {
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        self.failed += count(RetryOutcome::Failed);
        self.looked_at += count(RetryOutcome::LookedAt);
        count(RetryOutcome::Served)
    }
}

/// What became of one due message or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RetryOutcome {
    /// This run leased it and sent it, or noted why it was not sent.
    Served,
    /// The provider of a message was asked what became of it.
    LookedAt,
    /// Another run has leased it.
    LeasedElsewhere,
    /// An error of ours came up. It is due again when the lease ends.
    Failed,
}

/// The links that a batch of the stream is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StreamBatch {
    /// Each link with the sequence numbers of its records: several changes of one link are one piece of work.
    pub links: BTreeMap<LinkId, Vec<String>>,
    /// The sequence numbers of records that cannot be read. Lambda sends these again until they are too old and then
    /// puts them into the queue of undelivered records. The other records of their batch are served meanwhile.
    pub unreadable: Vec<String>,
}

impl StreamBatch {
    /// Reads a batch record by record. The whole batch is an error only where a record that cannot be read has no
    /// sequence number either, so that it cannot be reported as failed.
    pub fn read(event: Value) -> Result<Self, lambda_runtime::Error> {
        let event: StreamEvent = serde_json::from_value(event)?;
        let mut batch = Self::default();
        for record in event.records {
            let number = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
            match serde_json::from_value::<StreamRecord>(record) {
                Ok(record) => {
                    if let Some(link) = link_of(&record) {
                        batch.links.entry(link).or_default().push(number);
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
}

/// The Lambda event of a batch, its records not read yet.
#[derive(Deserialize)]
struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// Serves the links that a batch is about. The result is the sequence numbers of the records to be sent again.
async fn serve(app: &App, mut numbers: BTreeMap<LinkId, Vec<String>>, deadline: SystemTime) -> Vec<String> {
    let links: Vec<LinkId> = numbers.keys().cloned().collect();
    let histories: Vec<Result<LinkHistory, LinkId>> = stream::iter(links)
        .map(|id| async move { logged(&id, send_messages(app, &id, deadline).await) })
        .buffer_unordered(CONCURRENCY)
        .filter_map(|history| async move { history })
        .collect()
        .await;
    let mut failed = Vec::new();
    let mut notified = Vec::new();
    for history in histories {
        match history {
            Ok(history) => notified.push(history),
            Err(id) => failed.push(id),
        }
    }
    let without_events = stream::iter(notified)
        .map(|history| async move {
            let id = history.link.id().clone();
            logged(&id, events::send_new(app, &history, deadline).await.map(Some)).and_then(Result::err)
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(|failed| async move { failed });
    failed.extend(without_events.collect::<Vec<LinkId>>().await);
    failed.iter().filter_map(|id| numbers.remove(id)).flatten().collect()
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
async fn send_messages(app: &App, id: &LinkId, deadline: SystemTime) -> Result<Option<LinkHistory>, StoreError> {
    if !has_time(deadline) {
        return Err(StoreError::Unavailable { operation: "serve a link", reason: "no time is left".to_owned() });
    }
    let Some(history) = app.store.link_history(id).await? else { return Ok(None) };
    messages::send_new(app, &history).await?;
    Ok(Some(history))
}

/// The link that a record is about. `None` for a record of another item, with which this function has nothing to do.
fn link_of(record: &StreamRecord) -> Option<LinkId> {
    let text = |name: &str| match record.change.keys.inner().get(name) {
        Some(AttributeValue::S(text)) => Some(text.as_str()),
        Some(_) | None => None,
    };
    if text("sk")? != "link" || record.event_name == "REMOVE" {
        return None;
    }
    LinkId::parse(text("pk")?.strip_prefix("link#")?).ok()
}

fn later(from: Timestamp, pause: Duration) -> Timestamp {
    from.checked_add(pause).unwrap_or(Timestamp::MAX)
}

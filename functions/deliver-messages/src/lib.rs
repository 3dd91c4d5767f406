//! The outbox: tells people about links, and the CRM about everything that happens to them.
//!
//! The table's stream says which links need delivery; what follows is decided from the table. Messages to people go first,
//! because a slow endpoint of the CRM must not keep anybody waiting. What fails for now is due again later, from where
//! the schedule takes it. What providers report later, a bounce or an SMS that did not arrive, comes in here too. A record that cannot be served is reported by its number, so that it blocks no other.

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
use store::{LinkHistory, Schedule, Store, StoreError};
use telemetry::Measurement;

pub use events::SlowEndpoints;
pub use reports::reports;

/// How long a claim lasts: longer than the function may run.
const LEASE: Duration = Duration::from_secs(90);

/// So many links are served at once.
const AT_ONCE: usize = 16;

/// So many due messages or events are read at a time.
const PAGE: i32 = 50;

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(50);

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub channels: Channels,
    pub webhooks: Webhooks,
    pub clock: Clock,
    /// Whether SNS reports SMS that did not arrive.
    pub sms_reports: bool,
    /// What this process knows of endpoints that keep it waiting.
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
    let events = News::read(event)?;
    let mut failures = serve(app, events.links, deadline).await;
    failures.extend(events.unreadable);
    let failures: Vec<Value> = failures.into_iter().map(|number| json!({ "itemIdentifier": number })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// Serves what is due again. Trouble with messages does not keep events from being sent, nor the other way.
async fn retry(app: &App, deadline: SystemTime) -> Result<Value, lambda_runtime::Error> {
    Measurement::RetriesRan.record();
    let mut due = Due::default();
    // Trouble with the one does not keep the other from being sent.
    let messages = messages::retry(app, deadline, &mut due).await;
    let caught_up = events::catch_up(app, deadline).await;
    let events = events::retry(app, deadline, &mut due).await;
    Measurement::Due { found: due.found, oldest: due.oldest }.record();
    Measurement::DueFailed { failed: due.failed }.record();
    caught_up?;
    let answer = json!({ "tried": messages?, "events": events?, "failed": due.failed });
    app.store.beat(Schedule::Retries, app.clock.now()).await;
    Ok(answer)
}

/// What a run of the schedule found, and how much of it met an error of ours.
#[derive(Debug, Default)]
struct Due {
    found: usize,
    oldest: Duration,
    failed: usize,
}

impl Due {
    /// Adds a page of the index.
    fn find(&mut self, since: impl Iterator<Item = Timestamp>, now: Timestamp) {
        for since in since {
            self.found += 1;
            self.oldest = self.oldest.max(Duration::try_from(now.duration_since(since)).unwrap_or_default());
        }
    }

    /// Adds what became of it, and answers how much of it was taken on.
    fn note(&mut self, tried: &[Tried]) -> usize {
        let count = |what| tried.iter().filter(|tried| **tried == what).count();
        self.failed += count(Tried::Failed);
        count(Tried::TakenOn)
    }
}

/// What became of one due message or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    TakenOn,
    /// Another run was faster.
    NotOurs,
    Failed,
}

impl From<bool> for Tried {
    fn from(is_ours: bool) -> Self {
        if is_ours { Self::TakenOn } else { Self::NotOurs }
    }
}

/// What a batch of the stream is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Each link with the numbers of its records: several changes of one link are one piece of work.
    pub links: BTreeMap<LinkId, Vec<String>>,
    /// The numbers of records that are none. They are sent again until they are too old, and end where what failed is
    /// kept; the others of their batch are served meanwhile.
    pub unreadable: Vec<String>,
}

impl News {
    /// Reads a batch record by record. It is an error as a whole only where a record that cannot be read does not even
    /// have a number, so that nobody could say which one failed.
    pub fn read(event: Value) -> Result<Self, lambda_runtime::Error> {
        let batch: Batch = serde_json::from_value(event)?;
        let mut events = Self::default();
        for record in batch.records {
            let number = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
            match serde_json::from_value::<StreamRecord>(record) {
                Ok(record) => {
                    if let Some(link) = link_of(&record) {
                        events.links.entry(link).or_default().push(number);
                    }
                }
                Err(error) if number.is_empty() => return Err(error.into()),
                // The error may quote the record, and the record is about a person.
                Err(_) => {
                    tracing::error!(sequence_number = number, "A record of the stream cannot be read.");
                    events.unreadable.push(number);
                }
            }
        }
        Ok(events)
    }
}

/// An event of the stream, its records not read yet.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// Serves the links that a batch is about, and answers the numbers of the records to be sent again.
async fn serve(app: &App, mut numbers: BTreeMap<LinkId, Vec<String>>, deadline: SystemTime) -> Vec<String> {
    let links: Vec<LinkId> = numbers.keys().cloned().collect();
    let files: Vec<Result<LinkHistory, LinkId>> = stream::iter(links)
        .map(|id| async move { told(&id, tell_people(app, &id, deadline).await) })
        .buffer_unordered(AT_ONCE)
        .filter_map(|told| async move { told })
        .collect()
        .await;
    let mut failed = Vec::new();
    let mut served = Vec::new();
    for file in files {
        match file {
            Ok(file) => served.push(file),
            Err(id) => failed.push(id),
        }
    }
    let untold = stream::iter(served)
        .map(|file| async move {
            let id = file.link.id().clone();
            told(&id, events::tell(app, &file, deadline).await.map(Some)).and_then(Result::err)
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|untold| async move { untold });
    failed.extend(untold.collect::<Vec<LinkId>>().await);
    failed.iter().filter_map(|id| numbers.remove(id)).flatten().collect()
}

/// Logs what could not be served, once.
fn told<T>(id: &LinkId, outcome: Result<Option<T>, StoreError>) -> Option<Result<T, LinkId>> {
    match outcome {
        Ok(done) => done.map(Ok),
        Err(error) => {
            tracing::error!(link_id = %id, error = %error, "A link could not be delivered.");
            Some(Err(id.clone()))
        }
    }
}

async fn tell_people(app: &App, id: &LinkId, deadline: SystemTime) -> Result<Option<LinkHistory>, StoreError> {
    if !has_time(deadline) {
        return Err(StoreError::Unavailable { operation: "serve a link", reason: "no time is left".to_owned() });
    }
    let Some(file) = app.store.link_history(id).await? else { return Ok(None) };
    messages::tell(app, &file).await?;
    Ok(Some(file))
}

/// The link that a record is about; records of other items are no business of this function.
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

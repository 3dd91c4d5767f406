//! What is made for many, or for somebody who waits, without a call of the CRM: new links for customers who asked for them on the
//! page of a link that expired, links out of the rows of a file, and lists that are carried away as files.
//!
//! A run of the schedule finds what is due, the businesses in turns, and holds each thing before it works on it, so that no
//! other run does the same. A message of the queue is a hint that something was asked for a moment ago: what there is to do,
//! and how far it is, stands in the table, so that a hint may be lost, late or told twice.

mod batches;
mod chosen_links;
mod columns;
mod exports;
mod made_rows;
mod outcomes;
mod renewals;
mod rows;
mod stopped;
mod words;

use std::future::Future;
use std::time::{Duration, SystemTime};

use domain::Timestamp;
use domain::business::turns::Turns;
use domain::gateway::GatewayRulebook;
use domain::ids::{BatchId, BusinessId, ExportId};
use runtime::{Clock, in_turns};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signed::Objects;
use store::{Due, DueBatch, DueExport, DueRenewal, Schedule, Store, StoreError};
use telemetry::{DueKind, Measurement};

/// At most this many links are made at once.
const LINKS_AT_ONCE: usize = 8;

/// At most this many files are made at once: each is held in memory while it is.
const FILES_AT_ONCE: usize = 2;

/// At most this many batches go on at once.
const BATCHES_AT_ONCE: usize = 4;

/// The timeout that the template gives the function.
pub const TIME: Duration = Duration::from_secs(50);

/// What the function needs.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    /// Where files lie.
    pub objects: Objects,
    pub gateways: GatewayRulebook,
    pub clock: Clock,
}

/// What a run did, in customers' wishes, in exports and in batches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunCounts {
    pub renewals: Counts,
    pub exports: Counts,
    pub batches: Counts,
}

/// What became of the work of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub done: usize,
    /// There is nothing to do any more.
    pub ended: usize,
    /// It goes on later.
    pub postponed: usize,
    /// The rest: another run holds it, time ran out, or an error of ours came up.
    pub left: usize,
    /// The part of `left` that met an error of ours.
    pub failed: usize,
}

impl Counts {
    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::Ended => self.ended += 1,
            Outcome::Postponed => self.postponed += 1,
            Outcome::Left => self.left += 1,
            Outcome::Failed => {
                self.left += 1;
                self.failed += 1;
            }
        }
    }
}

/// What became of a piece of work in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Ended,
    Postponed,
    Left,
    Failed,
}

/// Runs until nothing is due or the deadline is near. Where a part of the index cannot be read, the run does what it found and
/// then fails.
pub async fn run(app: &App, deadline: SystemTime) -> Result<RunCounts, StoreError> {
    let now = app.clock.now();
    // Somebody who wants to pay waits for a link, and nobody for a file but who asked for it.
    let wishes = app.store.due_renewals(now, deadline).await;
    let about_wish = |wish: &DueRenewal| (wish.business.clone(), wish.due_at);
    let (renewals, of_wishes) = work_off(wishes, DueKind::Renewals, LINKS_AT_ONCE, now, about_wish, |wish| {
        renewals::answer(app, wish, deadline)
    })
    .await;
    let due = app.store.due_exports(now, deadline).await;
    let about_export = |export: &DueExport| (export.business.clone(), export.due_at);
    let (exports, of_exports) =
        work_off(due, DueKind::Exports, FILES_AT_ONCE, now, about_export, |export| async move {
            exports::make(app, &export.business, &export.id, deadline).await
        })
        .await;
    // These last longest, and take what time there is.
    let due = app.store.due_batches(now, deadline).await;
    let about_batch = |batch: &DueBatch| (batch.business.clone(), batch.due_at);
    let (batches, of_batches) =
        work_off(due, DueKind::Batches, BATCHES_AT_ONCE, now, about_batch, |batch| async move {
            batches::make(app, &batch.business, &batch.id, deadline).await
        })
        .await;
    Measurement::DueFailed { failed: renewals.failed + exports.failed + batches.failed }.record();
    if let Some(failure) = of_wishes.or(of_exports).or(of_batches) {
        return Err(failure);
    }
    app.store.record_heartbeat(Schedule::Batches, app.clock.now()).await;
    Ok(RunCounts { renewals, exports, batches })
}

/// Works off what is due of one kind, the businesses in turns.
async fn work_off<T, W: Future<Output = Outcome>>(
    due: Due<T>,
    kind: DueKind,
    at_once: usize,
    now: Timestamp,
    about: impl Fn(&T) -> (BusinessId, Timestamp),
    work: impl Fn(T) -> W,
) -> (Counts, Option<StoreError>) {
    let found: Vec<(BusinessId, Timestamp, T)> = due
        .work
        .into_iter()
        .map(|one| {
            let (business, due_at) = about(&one);
            (business, due_at, one)
        })
        .collect();
    let oldest = found.iter().map(|(_, due_at, _)| *due_at).min();
    let oldest = oldest.map(|since| Duration::try_from(now.duration_since(since)).unwrap_or_default());
    Measurement::Due { kind, found: found.len(), oldest: oldest.unwrap_or_default() }.record();
    let mut waiting = Turns::default();
    waiting.extend(found.into_iter().map(|(business, _, one)| (business, one)));
    let mut counts = Counts { left: due.unreadable, failed: due.unreadable, ..Counts::default() };
    for outcome in in_turns(waiting, at_once, work).await {
        counts.note(outcome);
    }
    (counts, due.failure)
}

/// What a message of the queue says.
#[derive(Debug, Deserialize)]
struct Hint {
    business: BusinessId,
    #[serde(flatten)]
    work: Hinted,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hinted {
    Export(ExportId),
    Batch(BatchId),
}

impl Hint {
    fn read(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

/// Does what a message of the queue hints at. What cannot be done now the schedule finds within a minute, so that no message
/// comes a second time because of it.
pub async fn follow(app: &App, event: &Value, deadline: SystemTime) -> RunCounts {
    let mut counts = RunCounts::default();
    for message in event["Records"].as_array().into_iter().flatten() {
        let body = message["body"].as_str().unwrap_or_default();
        match Hint::read(body) {
            Some(Hint { business, work: Hinted::Export(id) }) => {
                counts.exports.note(exports::make(app, &business, &id, deadline).await);
            }
            Some(Hint { business, work: Hinted::Batch(id) }) => {
                counts.batches.note(batches::make(app, &business, &id, deadline).await);
            }
            None => tracing::warn!("A message of the queue is no hint of ours."),
        }
    }
    counts
}

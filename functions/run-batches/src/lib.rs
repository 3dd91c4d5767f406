//! What is made for many, or for somebody who waits, without a call of the CRM: new links for customers who asked for them on the
//! page of a link that expired, where their business wants that answered at once.
//!
//! A run of the schedule finds the wishes that are due, the businesses in turns, and holds each before it answers, so that no
//! other run answers the same. What cannot be done now, because somebody is paying or the business lacks something, is tried
//! again for a day; then it is left to the business, which was told of the wish.

use std::time::{Duration, SystemTime};

use domain::Timestamp;
use domain::business::turns::Turns;
use domain::gateway::GatewayRulebook;
use domain::link::{Renewal, ReplaceRefused as NotNow};
use jiff::SignedDuration;
use runtime::{Clock, has_time, in_turns};
use serde::Serialize;
use store::{BusinessStore, DueRenewal, Schedule, Store, StoreError};
use telemetry::{DueKind, Measurement};
use use_cases::Answer;
use use_cases::create::CreateRefused;
use use_cases::renew::renew;
use use_cases::replace::ReplaceRefused;

/// At most this many links are made at once.
const CONCURRENCY: usize = 8;

/// How long a run holds a wish: longer than the function may run.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// After this a link is looked at again on which somebody was paying.
const WHILE_PAYING: SignedDuration = SignedDuration::from_mins(10);

/// After this a link is tried again that cannot be made, because the business lacks something or has reached a bound.
const WHILE_LACKING: SignedDuration = SignedDuration::from_hours(1);

/// The timeout that the template gives the function.
pub const TIME: Duration = Duration::from_secs(50);

/// What the function needs.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub gateways: GatewayRulebook,
    pub clock: Clock,
}

/// What a run did, in wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunCounts {
    /// Links that were made.
    pub renewed: usize,
    /// Wishes for which there is nothing to do any more.
    pub ended: usize,
    /// Wishes that are tried again later.
    pub postponed: usize,
    /// The rest: another run holds them, time ran out, or an error of ours came up.
    pub left: usize,
    /// The part of `left` that met an error of ours.
    pub failed: usize,
}

impl RunCounts {
    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Renewed => self.renewed += 1,
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

/// What became of a wish in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Renewed,
    Ended,
    Postponed,
    Left,
    Failed,
}

/// Runs until nothing is due or the deadline is near. Where a part of the index cannot be read, the run does what it found and
/// then fails.
pub async fn run(app: &App, deadline: SystemTime) -> Result<RunCounts, StoreError> {
    let now = app.clock.now();
    let due = app.store.due_renewals(now, deadline).await;
    let oldest = due.work.iter().map(|wish| wish.due_at).min();
    let oldest = oldest.map(|since| Duration::try_from(now.duration_since(since)).unwrap_or_default());
    let found = due.work.len();
    Measurement::Due { kind: DueKind::Renewals, found, oldest: oldest.unwrap_or_default() }.record();
    let mut waiting = Turns::default();
    waiting.extend(due.work.into_iter().map(|wish| (wish.business.clone(), wish)));
    let mut counts = RunCounts { left: due.unreadable, failed: due.unreadable, ..RunCounts::default() };
    for outcome in in_turns(waiting, CONCURRENCY, |wish| answer(app, wish, deadline)).await {
        counts.note(outcome);
    }
    Measurement::DueFailed { failed: counts.failed }.record();
    if let Some(failure) = due.failure {
        return Err(failure);
    }
    app.store.record_heartbeat(Schedule::Batches, app.clock.now()).await;
    Ok(counts)
}

async fn answer(app: &App, due: DueRenewal, deadline: SystemTime) -> Outcome {
    if !has_time(deadline) {
        return Outcome::Left;
    }
    Box::pin(try_to_answer(app, &due)).await.unwrap_or_else(|error| {
        let (business_id, link_id) = (&due.business, &due.link);
        tracing::error!(%business_id, %link_id, error = %error, "A customer's wish could not be answered.");
        Outcome::Failed
    })
}

async fn try_to_answer(app: &App, due: &DueRenewal) -> Result<Outcome, StoreError> {
    let store = app.store.of(&due.business);
    let Some(wish) = app.store.lease_renewal(due, later(app.clock.now(), LEASE)).await? else {
        return Ok(Outcome::Left);
    };
    let refused = match renew(&store, &app.gateways, &|| app.clock.now(), &due.link).await {
        Ok(answer) => {
            store.delete_renewal(&due.link).await?;
            return Ok(if matches!(answer, Answer::New(_)) { Outcome::Renewed } else { Outcome::Ended });
        }
        Err(refused) => refused,
    };
    let pause = match refused {
        // It was replaced otherwise, or money came for it, or nobody asks for any.
        ReplaceRefused::NoSuchLink
        | ReplaceRefused::AlreadyReplaced(_)
        | ReplaceRefused::NothingDue
        | ReplaceRefused::NotNow { why: NotNow::AlreadyReplaced | NotNow::TakesNoMoney, .. } => {
            store.delete_renewal(&due.link).await?;
            return Ok(Outcome::Ended);
        }
        ReplaceRefused::NotNow { why: NotNow::PaymentInProgress { .. }, .. } => WHILE_PAYING,
        ReplaceRefused::KeepsChanging(_) | ReplaceRefused::New(CreateRefused::RecordsKeepChanging(_)) => LEASE,
        ReplaceRefused::New(CreateRefused::Store(error)) => return Err(error),
        ReplaceRefused::New(refused) => {
            // The names of the problems say nothing about anybody.
            let codes = codes_of(&refused);
            let (business_id, link_id) = (&due.business, &due.link);
            tracing::warn!(%business_id, %link_id, codes, "A customer's wish for a new link cannot be answered.");
            WHILE_LACKING
        }
    };
    try_later(&store, &wish, pause, app.clock.now()).await
}

/// Why no link can be made, in the codes of the API.
fn codes_of(refused: &CreateRefused) -> String {
    match refused {
        CreateRefused::Invalid(problems) => {
            problems.as_slice().iter().map(|problem| problem.code).collect::<Vec<_>>().join(" ")
        }
        CreateRefused::QuotaReached(_) => "quota_reached".to_owned(),
        CreateRefused::Taken(_) => "taken".to_owned(),
        CreateRefused::KeyReused(_) | CreateRefused::RecordsKeepChanging(_) | CreateRefused::Store(_) => {
            "temporarily_unavailable".to_owned()
        }
    }
}

async fn try_later(
    store: &BusinessStore,
    wish: &Renewal,
    pause: SignedDuration,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    match wish.next_try(pause, now) {
        Some(next) => store.write_renewal_at(wish, next).await.map(|_| Outcome::Postponed),
        None => store.delete_renewal(&wish.link).await.map(|()| Outcome::Ended),
    }
}

fn later(from: Timestamp, pause: SignedDuration) -> Timestamp {
    from.checked_add(pause).unwrap_or(Timestamp::MAX)
}

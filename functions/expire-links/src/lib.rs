//! What time makes happen: links expire, attempts that nobody reported are asked about, money that cannot be kept goes
//! back.
//!
//! A run takes due links from the index, page by page, and writes each once: that write expires the link where it must
//! and moves its due work ahead by a lease, so that no other run does the same. Only then are gateways asked, each in
//! its own queue, so that a dead one starves neither expiry nor the others. Where a gateway lists what waits for us, one
//! list stands for a question about each attempt of an account. A run that meets its deadline stops; what it
//! had taken on is due again when the lease ends.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use domain::Timestamp;
use domain::attempt::AttemptState;
use domain::gateway::GatewayKind;
use domain::ids::{AccountId, AttemptId, CredentialsVersion};
use domain::link::{PaymentLink, Report, Work};
use domain::trace::Trace;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use gateways::Unconfirmed;
use runtime::{Clock, has_time};
use serde::Serialize;
use settlement::{Outcome, SettleError, Settlement};
use store::{DUE_SHARDS, DuePlace, Schedule, StoreError, Written};
use telemetry::Measurement;

/// So many links are read and written at a time.
const PAGE: i32 = 100;

/// So many writes, and so many questions to one gateway, are under way at once.
const AT_ONCE: usize = 8;

/// A gateway that gives so many unreadable answers in a row is left alone for the rest of the run.
const BREAKER: usize = 5;

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(55);

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub settlement: Settlement,
    pub clock: Clock,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    pub expired: usize,
    pub asked: usize,
    pub given_back: usize,
    /// Left for a later run, because a gateway does not answer or time ran out.
    pub left: usize,
    /// Of those, what met an error of ours.
    pub failed: usize,
}

/// So many due attempts of one account are worth a list. A single one is asked about, which tells more.
const WORTH_A_LIST: usize = 2;

/// An attempt that is missing from a list is asked about all the same in one minute of so many, because a gateway may have
/// confirmed by itself, which no list shows.
const ASKED_ANYWAY: i64 = 5;

/// One piece of work and the link as it was when the work was taken on.
struct Task {
    link: PaymentLink,
    work: Work,
}

/// Runs until nothing is due or the deadline is near. Where a part of the index cannot be read, the run fails in the end,
/// when everything that it took on is worked off.
pub async fn sweep(app: &App, deadline: SystemTime) -> Result<Swept, StoreError> {
    let mut taken = TakenOn::default();
    let mut failure = None;
    for shard in 0..DUE_SHARDS {
        let mut place = None;
        while has_time(deadline) {
            match take_page(app, shard, place, &mut taken).await {
                Ok(Some(next)) => place = Some(next),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(shard, error = %error, "A part of the due work could not be read.");
                    failure = Some(error);
                    break;
                }
            }
        }
    }
    let TakenOn { mut swept, tasks, found, oldest } = taken;
    Measurement::Due { found, oldest }.record();
    measure_unsettled(&tasks, app.clock.now());
    let mut queues: BTreeMap<GatewayKind, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        queues.entry(task.link.terms().account.gateway).or_default().push(task);
    }
    for done in join_all(queues.into_iter().map(|(gateway, queue)| work_off(app, gateway, queue, deadline))).await {
        swept.asked += done.asked;
        swept.given_back += done.given_back;
        swept.left += done.left;
        swept.failed += done.failed;
    }
    Measurement::DueFailed { failed: swept.failed }.record();
    tracing::info!(
        expired = swept.expired,
        asked = swept.asked,
        given_back = swept.given_back,
        left = swept.left,
        failed = swept.failed,
        "A sweep ended."
    );
    match failure {
        Some(error) => Err(error),
        None => {
            app.settlement.store().beat(Schedule::Sweep, app.clock.now()).await;
            Ok(swept)
        }
    }
}

/// How long the payments that were reported or are being taken have been waiting for their end, the longest at each
/// gateway.
fn measure_unsettled(tasks: &[Task], now: Timestamp) {
    let mut oldest: BTreeMap<GatewayKind, Duration> = BTreeMap::new();
    for task in tasks {
        let (Work::Confirm(id) | Work::LookUp(id)) = &task.work else { continue };
        let Some(attempt) = task.link.attempt(id) else { continue };
        if let Some(since) = attempt.state.waited_for_since() {
            let longest = oldest.entry(attempt.gateway).or_default();
            *longest = age(since, now).max(*longest);
        }
    }
    for (gateway, age) in oldest {
        Measurement::Unsettled { gateway, age }.record();
    }
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// What a run has taken on so far.
#[derive(Default)]
struct TakenOn {
    swept: Swept,
    tasks: Vec<Task>,
    /// So many due links were found, the longest due of them for so long.
    found: usize,
    oldest: Duration,
}

/// Takes on one page of the index. Answers where the next page begins, if there is one.
async fn take_page(
    app: &App,
    shard: u8,
    place: Option<DuePlace>,
    taken_on: &mut TakenOn,
) -> Result<Option<DuePlace>, StoreError> {
    let store = app.settlement.store();
    let now = app.clock.now();
    let page = store.due_links(shard, now, PAGE, place).await?;
    let links = store.links(&page.links).await?;
    // A link may stand in the index from earlier on than anything is due on it.
    for due_at in links.iter().filter_map(PaymentLink::due_at).filter(|due_at| *due_at <= now) {
        taken_on.found += 1;
        taken_on.oldest = age(due_at, now).max(taken_on.oldest);
    }
    let taken: Vec<Result<Option<Taken>, StoreError>> =
        stream::iter(links).map(|link| take(app, link)).buffer_unordered(AT_ONCE).collect().await;
    let failed = taken.iter().filter(|taken| taken.is_err()).count();
    taken_on.swept.failed += failed;
    taken_on.swept.left += failed;
    for taken in taken.into_iter().flatten().flatten() {
        taken_on.swept.expired += usize::from(taken.expired);
        taken_on.tasks.extend(taken.work.into_iter().map(|work| Task { link: taken.link.clone(), work }));
    }
    Ok(page.next)
}

struct Taken {
    link: PaymentLink,
    work: Vec<Work>,
    expired: bool,
}

/// Writes what is due on one link. A link that somebody else changed meanwhile is looked at in the next run.
async fn take(app: &App, link: PaymentLink) -> Result<Option<Taken>, StoreError> {
    let now = app.clock.now();
    let Some((next, work)) = link.take_due(now) else { return Ok(None) };
    match app.settlement.store().replace_link(&next).await {
        Ok(Written::Applied | Written::AlreadyApplied) => {
            let expired = next.expired_by(&link);
            if expired {
                tracing::info!(link_id = %next.id(), trace_id = next.trace_id(), "A payment link expired.");
            }
            Ok(Some(Taken { link: next, work, expired }))
        }
        Ok(Written::Rejected(_)) => Ok(None),
        Err(error) => {
            let (link_id, trace_id) = (link.id(), link.trace_id());
            tracing::error!(%link_id, trace_id, error = %error, "A due link could not be written.");
            Err(error)
        }
    }
}

/// Works off the queue of one gateway, a few at a time, until it stops answering or time runs out.
async fn work_off(app: &App, gateway: GatewayKind, queue: Vec<Task>, deadline: SystemTime) -> Swept {
    let mut swept = Swept::default();
    let mut silent = 0;
    let lists = read_lists(app, &queue, deadline).await;
    let lists = &lists;
    let mut queue = queue.into_iter();
    loop {
        let batch: Vec<Task> = queue.by_ref().take(AT_ONCE).collect();
        if batch.is_empty() {
            return swept;
        }
        if silent >= BREAKER || !has_time(deadline) {
            swept.left += batch.len() + queue.len();
            tracing::warn!(gateway = gateway.as_str(), left = swept.left, silent, "Due work of a gateway was left.");
            return swept;
        }
        for answered in join_all(batch.into_iter().map(|task| perform(app, task, lists))).await {
            match answered {
                Done::Asked { readable } => {
                    swept.asked += 1;
                    silent = if readable { 0 } else { silent + 1 };
                }
                Done::GaveBack => swept.given_back += 1,
                Done::NotWaiting => {}
                Done::Failed => {
                    swept.left += 1;
                    swept.failed += 1;
                }
            }
        }
    }
}

enum Done {
    Asked {
        readable: bool,
    },
    GaveBack,
    /// The gateway's list says that nothing waits for us in this session.
    NotWaiting,
    Failed,
}

/// Where an attempt was begun: what one list of a gateway covers.
type Place = (AccountId, CredentialsVersion, &'static str);

fn place(task: &Task) -> Option<Place> {
    let Work::LookUp(id) = &task.work else { return None };
    let attempt = task.link.attempt(id)?;
    Some((attempt.account_id.clone(), attempt.credentials.clone(), task.link.terms().mode.as_str()))
}

/// One list for each account with several attempts to look up. Where there is none, each attempt is asked about.
async fn read_lists(app: &App, queue: &[Task], deadline: SystemTime) -> BTreeMap<Place, Unconfirmed> {
    let mut places: BTreeMap<Place, Vec<&Task>> = BTreeMap::new();
    for task in queue {
        if let Some(place) = place(task) {
            places.entry(place).or_default().push(task);
        }
    }
    let mut lists = BTreeMap::new();
    for (place, tasks) in places {
        let (Some(task), true) = (tasks.first(), tasks.len() >= WORTH_A_LIST && has_time(deadline)) else { continue };
        let Work::LookUp(id) = &task.work else { continue };
        match app.settlement.unconfirmed(&task.link, id).await {
            Ok(list) => lists.extend(list.map(|list| (place, list))),
            Err(error) => tracing::error!(account_id = %place.0, error = %error, "No list could be asked for."),
        }
    }
    lists
}

/// What a list says about an attempt: `Some(true)` where its money waits for us, `Some(false)` where it does not and
/// nothing else needs an answer yet.
fn waits(link: &PaymentLink, id: &AttemptId, list: &Unconfirmed, now: Timestamp) -> Option<bool> {
    let attempt = link.attempt(id)?;
    if list.sessions.contains(&attempt.session) {
        return Some(true);
    }
    // What is over has an end to be found out, and a reported payment one to be told.
    let is_quiet =
        matches!(attempt.state, AttemptState::Open { reported_at: None, .. }) && now < attempt.session_ends_at;
    let minute = now.duration_since(attempt.opened_at).as_mins();
    (list.is_whole && is_quiet && minute % ASKED_ANYWAY != 0).then_some(false)
}

async fn perform(app: &App, task: Task, lists: &BTreeMap<Place, Unconfirmed>) -> Done {
    let now = app.clock.now();
    let (link_id, trace) = (task.link.id().clone(), task.link.trace().cloned());
    let list = place(&task).and_then(|place| lists.get(&place));
    let (id, done) = match task.work {
        Work::LookUp(id) => {
            let outcome = match list.and_then(|list| waits(&task.link, &id, list, now)) {
                Some(true) => app.settlement.settle_waiting(task.link, &id, now).await,
                Some(false) => return Done::NotWaiting,
                None => app.settlement.settle(task.link, &id, Report::Nothing, now).await,
            };
            let done = asked(&id, outcome);
            (id, done)
        }
        Work::Confirm(id) => {
            let outcome = app.settlement.resume(task.link, &id, now).await;
            let done = asked(&id, outcome);
            (id, done)
        }
        Work::Keep(id) => {
            let kept = app.settlement.keep(task.link, &id, now).await;
            (id, kept.map(|()| Done::Asked { readable: true }))
        }
        Work::GiveBack(id) => {
            let outcome = app.settlement.give_back(task.link, &id, now).await;
            (id, outcome.map(|()| Done::GaveBack))
        }
    };
    done.unwrap_or_else(|error| {
        let trace_id = trace.as_ref().map(Trace::id);
        tracing::error!(%link_id, attempt_id = %id, trace_id, error = %error, "Due work could not be done.");
        Done::Failed
    })
}

fn asked(id: &AttemptId, outcome: Result<Outcome, SettleError>) -> Result<Done, SettleError> {
    let outcome = outcome?;
    // The CRM is told nothing of that, so that it is counted here and not where events are.
    if let Outcome::Known(link) = &outcome
        && let Some(attempt) = link.attempt(id)
        && matches!(attempt.state, AttemptState::Lapsed { .. })
    {
        Measurement::Lapsed { gateway: attempt.gateway }.record();
    }
    Ok(Done::Asked { readable: !matches!(outcome, Outcome::Unknown(_)) })
}

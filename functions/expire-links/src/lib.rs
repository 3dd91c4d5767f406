//! What time makes happen: links expire, attempts that nobody reported are asked about, money that cannot be kept goes
//! back.
//!
//! A run, which is called a sweep, reads due links from the index page by page and writes each once: that write expires
//! the link where it must and moves its due work ahead by a lease, so that no other run does the same. Only then are
//! gateways asked, each way to each in its own queue, so that a gateway, a sandbox or a relay that is down holds up neither
//! expiry nor the others, and an account that its gateway refuses holds up no other account. Confirmations and refunds
//! come first, look-ups after them. Where a gateway lists the payments that wait for confirmation, one list replaces a
//! look-up for each attempt of an account. A sweep that meets its deadline stops, and the work that it had leased is due again when
//! the lease ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use confirmation::{CallOutcome, Confirmation, Outcome};
use domain::Timestamp;
use domain::gateway::GatewayKind;
use domain::ids::{AccountId, AttemptId, CredentialsVersion};
use domain::link::AttemptState;
use domain::link::{PaymentLink, Work};
use domain::trace::Trace;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use gateways::{GATEWAY_CALL, Unconfirmed, Way};
use runtime::{Clock, has_time};
use serde::Serialize;
use store::{DUE_SHARDS, DueCursor, MAX_CONTENDED_TRIES, Schedule, StoreError, Written};
use telemetry::Measurement;

/// At most this many links are read at a time.
const PAGE: i32 = 100;

/// At most this many writes, and this many calls to one gateway, are under way at once.
const CONCURRENCY: usize = 8;

/// The timeout that the template gives the function.
pub const TIME: Duration = Duration::from_secs(55);

/// What the function needs.
#[derive(Clone, Debug)]
pub struct App {
    pub confirmation: Confirmation,
    pub clock: Clock,
}

/// What a sweep did, in pieces of work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepCounts {
    pub expired: usize,
    pub asked: usize,
    pub refunded: usize,
    /// Work that is left for a later run, because a gateway does not answer, time ran out or an error of ours came up.
    pub left: usize,
    /// The part of `left` that met an error of ours.
    pub failed: usize,
}

impl SweepCounts {
    fn add(&mut self, other: &Self) {
        self.expired += other.expired;
        self.asked += other.asked;
        self.refunded += other.refunded;
        self.left += other.left;
        self.failed += other.failed;
    }
}

/// An account with at least this many due attempts is asked for a list. A single attempt is looked up, which says more.
const MIN_ATTEMPTS_FOR_LIST: usize = 2;

/// An attempt that is missing from a list is looked up all the same every this many minutes, because a gateway may have
/// confirmed by itself, which no list shows.
const LOOK_UP_UNLISTED_EVERY: i64 = 5;

/// At most this many payments of ended attempts are confirmed from one list.
const MOST_AFTER_ALL: usize = 20;

/// One piece of leased work, and the link as the lease wrote it.
struct Task {
    link: PaymentLink,
    work: Work,
}

/// Runs until nothing is due or the deadline is near. Where a part of the index cannot be read, the sweep works off
/// what it could lease and then fails.
pub async fn sweep(app: &App, deadline: SystemTime) -> Result<SweepCounts, StoreError> {
    let mut leased = LeasedWork::default();
    let mut failure = None;
    // Each minute begins at another shard, so that a run that does not get through all leaves others each time.
    let minute = app.clock.now().as_second().div_euclid(60).rem_euclid(i64::from(DUE_SHARDS));
    let first = u8::try_from(minute).unwrap_or_default();
    for shard in (first..DUE_SHARDS).chain(0..first) {
        let mut cursor = None;
        while has_time(deadline) {
            match lease_page(app, shard, cursor, &mut leased).await {
                Ok(Some(next)) => cursor = Some(next),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(shard, error = %error, "A part of the due work could not be read.");
                    failure = Some(error);
                    break;
                }
            }
        }
    }
    let LeasedWork { mut counts, tasks, found, oldest } = leased;
    Measurement::Due { found, oldest }.record();
    measure_unconfirmed(&tasks, app.clock.now());
    let queues = queues(app, tasks).await;
    let queues = queues.into_iter().map(|(way, queue)| work_off_queue(app, way, queue, deadline));
    for done in join_all(queues).await {
        counts.add(&done);
    }
    Measurement::DueFailed { failed: counts.failed }.record();
    tracing::info!(
        expired = counts.expired,
        asked = counts.asked,
        refunded = counts.refunded,
        left = counts.left,
        failed = counts.failed,
        "A sweep ended."
    );
    match failure {
        Some(error) => Err(error),
        None => {
            app.confirmation.store().record_heartbeat(Schedule::Sweep, app.clock.now()).await;
            Ok(counts)
        }
    }
}

/// Measures the age of the payments that were reported or are being taken and are not decided, the oldest at each
/// gateway.
fn measure_unconfirmed(tasks: &[Task], now: Timestamp) {
    let mut oldest: BTreeMap<GatewayKind, Duration> = BTreeMap::new();
    for task in tasks {
        let (Work::Confirm(id) | Work::LookUp(id)) = &task.work else { continue };
        let Some(attempt) = task.link.attempt(id) else { continue };
        if let Some(since) = attempt.state.undecided_since() {
            let longest = oldest.entry(attempt.gateway).or_default();
            *longest = age(since, now).max(*longest);
        }
    }
    for (gateway, age) in oldest {
        Measurement::StillConfirming { gateway, age }.record();
    }
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// The work that a sweep has leased so far.
#[derive(Default)]
struct LeasedWork {
    counts: SweepCounts,
    tasks: Vec<Task>,
    /// The number of due links that were found.
    found: usize,
    /// How long the oldest of them has been due.
    oldest: Duration,
}

/// Leases the work of one page of the index. The result is where the next page begins, if there is one.
async fn lease_page(
    app: &App,
    shard: u8,
    cursor: Option<DueCursor>,
    leased: &mut LeasedWork,
) -> Result<Option<DueCursor>, StoreError> {
    let store = app.confirmation.store();
    let now = app.clock.now();
    let page = store.due_links(shard, now, PAGE, cursor).await?;
    let links = store.links(&page.links).await?;
    // A link that cannot be read stays due, and would stay so unseen: it counts as work that failed.
    let unreadable = page.links.len().saturating_sub(links.len());
    // A link may stand in the index before any work on it is due.
    for due_at in links.iter().filter_map(PaymentLink::due_at).filter(|due_at| *due_at <= now) {
        leased.found += 1;
        leased.oldest = age(due_at, now).max(leased.oldest);
    }
    let written: Vec<Result<Option<LeasedLink>, StoreError>> =
        stream::iter(links).map(|link| lease(app, link)).buffer_unordered(CONCURRENCY).collect().await;
    let failed = unreadable + written.iter().filter(|link| link.is_err()).count();
    leased.counts.failed += failed;
    leased.counts.left += failed;
    for LeasedLink { link, work, expired } in written.into_iter().flatten().flatten() {
        leased.counts.expired += usize::from(expired);
        leased.tasks.extend(work.into_iter().map(|work| Task { link: link.clone(), work }));
    }
    Ok(page.next)
}

/// A link whose due work was leased by a write.
struct LeasedLink {
    link: PaymentLink,
    work: Vec<Work>,
    expired: bool,
}

/// Leases the due work of one link, and expires the link where it must. Where somebody else changed the link meanwhile,
/// what is still due is leased: that somebody calls just now puts nothing off, and what another sweep leased is not due
/// any more.
async fn lease(app: &App, mut link: PaymentLink) -> Result<Option<LeasedLink>, StoreError> {
    let now = app.clock.now();
    for _ in 0..MAX_CONTENDED_TRIES {
        let Some((next, work)) = link.lease_due(now) else { return Ok(None) };
        match app.confirmation.store().replace_link(&next).await {
            Ok(Written::Applied | Written::AlreadyApplied) => {
                let expired = next.expired_by(&link);
                if expired {
                    tracing::info!(link_id = %next.id(), trace_id = next.trace_id(), "A payment link expired.");
                }
                return Ok(Some(LeasedLink { link: next, work, expired }));
            }
            Ok(Written::Rejected(current)) => link = *current,
            Err(error) => {
                let (link_id, trace_id) = (link.id(), link.trace_id());
                tracing::error!(%link_id, trace_id, error = %error, "A due link could not be written.");
                return Err(error);
            }
        }
    }
    Ok(None)
}

/// A queue for each way to each gateway. Each merchant's way is found out once.
async fn queues(app: &App, tasks: Vec<Task>) -> BTreeMap<Way, Vec<Task>> {
    let mut ways: BTreeMap<Merchant, Way> = BTreeMap::new();
    let mut queues: BTreeMap<Way, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        let merchant = merchant(&task);
        let known = merchant.as_ref().and_then(|merchant| ways.get(merchant)).cloned();
        let way = match known {
            Some(way) => way,
            None => app.confirmation.way(&task.link, task.work.attempt()).await,
        };
        if let Some(merchant) = merchant {
            ways.insert(merchant, way.clone());
        }
        queues.entry(way).or_default().push(task);
    }
    queues
}

/// Works off the queue of one way to a gateway: first confirmations and refunds, then look-ups, those of reported payments
/// before the others.
async fn work_off_queue(app: &App, way: Way, queue: Vec<Task>, deadline: SystemTime) -> SweepCounts {
    // Where a call may take longer than usual, the last one is begun as much earlier.
    let longer = way.longest_call.saturating_sub(GATEWAY_CALL);
    let deadline = deadline.checked_sub(longer).unwrap_or(deadline);
    let breaker = Mutex::new(Breaker::default());
    let (mut look_ups, money): (Vec<Task>, Vec<Task>) =
        queue.into_iter().partition(|task| matches!(task.work, Work::LookUp(_)));
    look_ups.sort_by_key(|task| !is_reported(task));
    let mut counts = perform_all(app, money, &BTreeMap::new(), &breaker, deadline).await;
    let lists = read_lists(app, &look_ups, &breaker, deadline).await;
    let after_all = confirm_after_all(app, &look_ups, &lists, deadline).await;
    counts.add(&after_all);
    let asked = perform_all(app, look_ups, &lists, &breaker, deadline).await;
    counts.add(&asked);
    if counts.left > 0 {
        let (gateway, is_relayed) = (way.gateway.as_str(), way.relay.is_some());
        tracing::warn!(gateway, is_relayed, left = counts.left, "Due work of a gateway was left.");
    }
    counts
}

/// Whether somebody reported a payment that the task looks up.
fn is_reported(task: &Task) -> bool {
    let id = task.work.attempt();
    task.link.attempt(id).is_some_and(|attempt| attempt.state.undecided_since().is_some())
}

/// Performs tasks, a few at a time, until the gateway stops answering or time runs out.
async fn perform_all(
    app: &App,
    tasks: Vec<Task>,
    lists: &BTreeMap<Merchant, Unconfirmed>,
    breaker: &Mutex<Breaker>,
    deadline: SystemTime,
) -> SweepCounts {
    let all: Vec<_> = tasks.into_iter().map(|task| perform_one(app, task, lists, breaker, deadline)).collect();
    let done: Vec<TaskOutcome> = stream::iter(all).buffer_unordered(CONCURRENCY).collect().await;
    let mut counts = SweepCounts::default();
    for done in done {
        match done {
            TaskOutcome::Asked(_) => counts.asked += 1,
            TaskOutcome::Refunded(_) => counts.refunded += 1,
            TaskOutcome::NoCall => {}
            TaskOutcome::Left => counts.left += 1,
            TaskOutcome::Failed => {
                counts.left += 1;
                counts.failed += 1;
            }
        }
    }
    counts
}

async fn perform_one(
    app: &App,
    task: Task,
    lists: &BTreeMap<Merchant, Unconfirmed>,
    breaker: &Mutex<Breaker>,
    deadline: SystemTime,
) -> TaskOutcome {
    let merchant = merchant(&task);
    // What a person accepted is written down although its gateway does not answer.
    let needs_gateway = !matches!(task.work, Work::Keep(_));
    if !has_time(deadline) || needs_gateway && lock(breaker).is_open(merchant.as_ref()) {
        return TaskOutcome::Left;
    }
    let done = perform(app, task, lists).await;
    lock(breaker).note(merchant, &done);
    done
}

/// What became of one piece of work.
enum TaskOutcome {
    Asked(CallOutcome),
    Refunded(CallOutcome),
    /// No call was needed: the gateway's list shows no payment in this session, or the work was a write of ours.
    NoCall,
    /// The task was not begun. It is due again when the lease ends.
    Left,
    /// The task met an error of ours, and is due again too.
    Failed,
}

/// A circuit breaker for one way to a gateway: it keeps a sweep from spending its time on calls that do not help.
#[derive(Default)]
struct Breaker {
    /// The number of calls in a row that the gateway did not answer.
    unanswered: usize,
    /// The number of calls in a row for each merchant that were not answered or refused us: a refusal is the same for
    /// every call of that merchant.
    failures: BTreeMap<Merchant, usize>,
}

/// After this many failed calls in a row, the rest is left for the next sweep.
const BREAKER_LIMIT: usize = 5;

impl Breaker {
    fn is_open(&self, merchant: Option<&Merchant>) -> bool {
        let failures = merchant.and_then(|merchant| self.failures.get(merchant)).copied().unwrap_or_default();
        self.unanswered >= BREAKER_LIMIT || failures >= BREAKER_LIMIT
    }

    fn note(&mut self, merchant: Option<Merchant>, done: &TaskOutcome) {
        let (TaskOutcome::Asked(outcome) | TaskOutcome::Refunded(outcome), Some(merchant)) = (done, merchant) else {
            return;
        };
        let failures = self.failures.entry(merchant).or_default();
        match outcome {
            CallOutcome::Answered => (self.unanswered, *failures) = (0, 0),
            CallOutcome::Refused => (self.unanswered, *failures) = (0, *failures + 1),
            // What cannot be read about a refund may be about that refund alone.
            CallOutcome::Unanswered if matches!(done, TaskOutcome::Refunded(_)) => *failures += 1,
            CallOutcome::Unanswered => (self.unanswered, *failures) = (self.unanswered + 1, *failures + 1),
        }
    }
}

fn lock(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A merchant as its gateway knows it: an account with one version of its credentials, in one mode. One list of the
/// gateway covers a merchant's sessions, and so does a refusal.
type Merchant = (AccountId, CredentialsVersion, &'static str);

fn merchant(task: &Task) -> Option<Merchant> {
    let attempt = task.link.attempt(task.work.attempt())?;
    Some((attempt.account_id.clone(), attempt.credentials.clone(), task.link.terms().mode.as_str()))
}

/// Reads one list for each merchant with several attempts to look up. Where there is no list, each attempt is looked
/// up.
async fn read_lists(
    app: &App,
    look_ups: &[Task],
    breaker: &Mutex<Breaker>,
    deadline: SystemTime,
) -> BTreeMap<Merchant, Unconfirmed> {
    let mut merchants: BTreeMap<Merchant, (&Task, usize)> = BTreeMap::new();
    for task in look_ups {
        if let Some(merchant) = merchant(task) {
            // A list alone shows a payment of a session that the gateway had called unpaid.
            let weight = if has_failed(task) { MIN_ATTEMPTS_FOR_LIST } else { 1 };
            merchants.entry(merchant).or_insert((task, 0)).1 += weight;
        }
    }
    merchants.retain(|merchant, (_, count)| *count >= MIN_ATTEMPTS_FOR_LIST && !lock(breaker).is_open(Some(merchant)));
    let all: Vec<_> =
        merchants.into_iter().map(|(merchant, (task, _))| read_list(app, merchant, task, deadline)).collect();
    let lists: Vec<_> = stream::iter(all).buffer_unordered(CONCURRENCY).collect().await;
    lists.into_iter().flatten().collect()
}

fn has_failed(task: &Task) -> bool {
    let attempt = task.link.attempt(task.work.attempt());
    attempt.is_some_and(|attempt| matches!(attempt.state, AttemptState::Failed { .. }))
}

async fn read_list(
    app: &App,
    merchant: Merchant,
    task: &Task,
    deadline: SystemTime,
) -> Option<(Merchant, Unconfirmed)> {
    if !has_time(deadline) {
        return None;
    }
    match app.confirmation.unconfirmed(&task.link, task.work.attempt()).await {
        Ok(list) => list.map(|list| (merchant, list)),
        Err(error) => {
            tracing::error!(account_id = %merchant.0, error = %error, "No list could be asked for.");
            None
        }
    }
}

/// Confirms payments that wait although their attempts had ended, at most so many from one list.
async fn confirm_after_all(
    app: &App,
    look_ups: &[Task],
    lists: &BTreeMap<Merchant, Unconfirmed>,
    deadline: SystemTime,
) -> SweepCounts {
    let due: BTreeSet<&str> = look_ups
        .iter()
        .filter_map(|task| task.link.attempt(task.work.attempt()).map(|attempt| attempt.session.as_str()))
        .collect();
    let mut others: Vec<(&String, &String)> = Vec::new();
    for list in lists.values() {
        let named = list.sessions.iter().filter_map(|(session, address)| Some((session, address.as_ref()?)));
        others.extend(named.filter(|(session, _)| !due.contains(session.as_str())).take(MOST_AFTER_ALL));
    }
    let mut counts = SweepCounts::default();
    for (session, address) in others {
        if !has_time(deadline) {
            break;
        }
        match app.confirmation.confirm_listed_after_all(session, address, app.clock.now()).await {
            Ok(Some(_)) => counts.asked += 1,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = %error, "A payment that waits could not be confirmed after all.");
                counts.left += 1;
                counts.failed += 1;
            }
        }
    }
    counts
}

/// What a list says about an attempt: `Some(true)` where a payment waits for confirmation, `Some(false)` where none
/// does and the attempt need not be looked up yet.
fn is_listed(link: &PaymentLink, id: &AttemptId, list: &Unconfirmed, now: Timestamp) -> Option<bool> {
    let attempt = link.attempt(id)?;
    if list.sessions.contains_key(&attempt.session) {
        return Some(true);
    }
    // A session that is over and a payment that was reported have an outcome to find out.
    let can_wait =
        matches!(attempt.state, AttemptState::Open { reported_at: None, .. }) && now < attempt.session_ends_at;
    let minute = now.duration_since(attempt.opened_at).as_mins();
    (list.is_whole && can_wait && minute % LOOK_UP_UNLISTED_EVERY != 0).then_some(false)
}

async fn perform(app: &App, task: Task, lists: &BTreeMap<Merchant, Unconfirmed>) -> TaskOutcome {
    let now = app.clock.now();
    let (link_id, trace) = (task.link.id().clone(), task.link.trace().cloned());
    let list = merchant(&task).and_then(|merchant| lists.get(&merchant));
    let id = task.work.attempt().clone();
    let asked = |outcome| asked(&id, outcome);
    let done = match task.work {
        Work::LookUp(_) => match list.and_then(|list| is_listed(&task.link, &id, list, now)) {
            Some(true) => app.confirmation.confirm_listed(task.link, &id, now).await.map(asked),
            Some(false) => Ok(TaskOutcome::NoCall),
            None => app.confirmation.confirm_due(task.link, &id, now).await.map(asked),
        },
        Work::Confirm(_) => app.confirmation.resume(task.link, &id, now).await.map(asked),
        Work::Keep(_) => app.confirmation.keep(task.link, &id, now).await.map(|()| TaskOutcome::NoCall),
        Work::Refund(_) => app.confirmation.refund(task.link, &id, now).await.map(TaskOutcome::Refunded),
    };
    done.unwrap_or_else(|error| {
        let trace_id = trace.as_ref().map(Trace::id);
        tracing::error!(%link_id, attempt_id = %id, trace_id, error = %error, "Due work could not be done.");
        TaskOutcome::Failed
    })
}

fn asked(id: &AttemptId, outcome: Outcome) -> TaskOutcome {
    // An abandoned attempt is no event for the CRM, so it is measured here and not where events are recorded.
    if let Outcome::Known(link) = &outcome
        && let Some(attempt) = link.attempt(id)
        && matches!(attempt.state, AttemptState::Abandoned { .. })
    {
        Measurement::Abandoned { gateway: attempt.gateway }.record();
    }
    TaskOutcome::Asked(outcome.call_outcome())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merchant(account: &str) -> Merchant {
        (AccountId::parse(account).unwrap(), CredentialsVersion::parse("v1").unwrap(), "live")
    }

    fn after(outcomes: &[CallOutcome]) -> Breaker {
        let mut breaker = Breaker::default();
        for outcome in outcomes {
            breaker.note(Some(merchant("suspended")), &TaskOutcome::Asked(*outcome));
        }
        breaker
    }

    #[test]
    fn an_account_that_its_gateway_refuses_keeps_nobody_waiting_but_itself() {
        let breaker = after(&[CallOutcome::Refused; BREAKER_LIMIT]);
        assert!(breaker.is_open(Some(&merchant("suspended"))));
        assert!(!breaker.is_open(Some(&merchant("main"))));
    }

    #[test]
    fn a_gateway_that_does_not_answer_is_left_alone_until_it_does() {
        assert!(after(&[CallOutcome::Unanswered; BREAKER_LIMIT]).is_open(Some(&merchant("main"))));
        let mut outcomes = [CallOutcome::Unanswered; BREAKER_LIMIT];
        outcomes[BREAKER_LIMIT - 1] = CallOutcome::Answered;
        assert!(!after(&outcomes).is_open(Some(&merchant("suspended"))));
    }
}

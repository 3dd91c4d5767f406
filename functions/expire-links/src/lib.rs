//! What time makes happen: links expire, attempts that nobody reported are asked about, money that cannot be kept goes
//! back.
//!
//! A run takes due links from the index, page by page, and writes each once: that write expires the link where it must
//! and moves its due work ahead by a lease, so that no other run does the same. Only then are gateways asked, each in
//! its own queue, so that a dead one starves neither expiry nor the others, and an account that its gateway refuses keeps
//! nobody waiting but itself. Money comes first, questions after it. Where a gateway lists what waits for us, one list
//! stands for a question about each attempt of an account. A run that meets its deadline stops; what it had taken on is
//! due again when the lease ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use confirmation::{CallOutcome, Confirmation, Outcome};
use domain::Timestamp;
use domain::gateway::GatewayKind;
use domain::ids::{AccountId, AttemptId, CredentialsVersion};
use domain::link::AttemptState;
use domain::link::{Hint, PaymentLink, Work};
use domain::trace::Trace;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use gateways::Unconfirmed;
use runtime::{Clock, has_time};
use serde::Serialize;
use store::{DUE_SHARDS, DueCursor, Schedule, StoreError, Written};
use telemetry::Measurement;

/// So many links are read and written at a time.
const PAGE: i32 = 100;

/// So many writes, and so many calls to one gateway, are under way at once.
const AT_ONCE: usize = 8;

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(55);

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub confirmation: Confirmation,
    pub clock: Clock,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    pub expired: usize,
    pub asked: usize,
    pub refunded: usize,
    /// Left for a later run, because a gateway does not answer or time ran out.
    pub left: usize,
    /// Of those, what met an error of ours.
    pub failed: usize,
}

impl Swept {
    fn add(&mut self, other: &Self) {
        self.expired += other.expired;
        self.asked += other.asked;
        self.refunded += other.refunded;
        self.left += other.left;
        self.failed += other.failed;
    }
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
    // Each minute begins at another shard, so that a run that does not get through all leaves others each time.
    let minute = app.clock.now().as_second().div_euclid(60).rem_euclid(i64::from(DUE_SHARDS));
    let first = u8::try_from(minute).unwrap_or_default();
    for shard in (first..DUE_SHARDS).chain(0..first) {
        let mut merchant = None;
        while has_time(deadline) {
            match take_page(app, shard, merchant, &mut taken).await {
                Ok(Some(next)) => merchant = Some(next),
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
    measure_unconfirmed(&tasks, app.clock.now());
    let mut queues: BTreeMap<GatewayKind, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        queues.entry(task.link.terms().account.gateway).or_default().push(task);
    }
    for done in join_all(queues.into_iter().map(|(gateway, queue)| work_off(app, gateway, queue, deadline))).await {
        swept.add(&done);
    }
    Measurement::DueFailed { failed: swept.failed }.record();
    tracing::info!(
        expired = swept.expired,
        asked = swept.asked,
        refunded = swept.refunded,
        left = swept.left,
        failed = swept.failed,
        "A sweep ended."
    );
    match failure {
        Some(error) => Err(error),
        None => {
            app.confirmation.store().beat(Schedule::Sweep, app.clock.now()).await;
            Ok(swept)
        }
    }
}

/// How long the payments that were reported or are being taken have been waiting for their end, the longest at each
/// gateway.
fn measure_unconfirmed(tasks: &[Task], now: Timestamp) {
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
        Measurement::StillConfirming { gateway, age }.record();
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
    merchant: Option<DueCursor>,
    taken_on: &mut TakenOn,
) -> Result<Option<DueCursor>, StoreError> {
    let store = app.confirmation.store();
    let now = app.clock.now();
    let page = store.due_links(shard, now, PAGE, merchant).await?;
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
    match app.confirmation.store().replace_link(&next).await {
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

/// Works off the queue of one gateway: money that is being taken or goes back first, then the questions, those that
/// somebody waits for before the others.
async fn work_off(app: &App, gateway: GatewayKind, queue: Vec<Task>, deadline: SystemTime) -> Swept {
    let breaker = Mutex::new(Breaker::default());
    let (mut questions, money): (Vec<Task>, Vec<Task>) =
        queue.into_iter().partition(|task| matches!(task.work, Work::LookUp(_)));
    questions.sort_by_key(|task| !is_waited_for(task));
    let mut swept = perform_all(app, money, &BTreeMap::new(), &breaker, deadline).await;
    let lists = read_lists(app, &questions, &breaker, deadline).await;
    let asked = perform_all(app, questions, &lists, &breaker, deadline).await;
    swept.add(&asked);
    if swept.left > 0 {
        tracing::warn!(gateway = gateway.as_str(), left = swept.left, "Due work of a gateway was left.");
    }
    swept
}

fn is_waited_for(task: &Task) -> bool {
    let id = task.work.attempt();
    task.link.attempt(id).is_some_and(|attempt| attempt.state.waited_for_since().is_some())
}

/// A few at a time, until the gateway stops answering or time runs out.
async fn perform_all(
    app: &App,
    tasks: Vec<Task>,
    lists: &BTreeMap<Merchant, Unconfirmed>,
    breaker: &Mutex<Breaker>,
    deadline: SystemTime,
) -> Swept {
    let all: Vec<_> = tasks.into_iter().map(|task| perform_one(app, task, lists, breaker, deadline)).collect();
    let done: Vec<TaskOutcome> = stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
    let mut swept = Swept::default();
    for done in done {
        match done {
            TaskOutcome::Asked(_) => swept.asked += 1,
            TaskOutcome::Refunded(_) => swept.refunded += 1,
            TaskOutcome::NotWaiting => {}
            TaskOutcome::Left => swept.left += 1,
            TaskOutcome::Failed => {
                swept.left += 1;
                swept.failed += 1;
            }
        }
    }
    swept
}

async fn perform_one(
    app: &App,
    task: Task,
    lists: &BTreeMap<Merchant, Unconfirmed>,
    breaker: &Mutex<Breaker>,
    deadline: SystemTime,
) -> TaskOutcome {
    let merchant = merchant(&task);
    if !has_time(deadline) || lock(breaker).is_open(merchant.as_ref()) {
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
    /// The gateway's list says that nothing waits for us in this session.
    NotWaiting,
    /// It was not begun. It is due again when the lease ends.
    Left,
    /// It met an error of ours, and is due again too.
    Failed,
}

/// Keeps a run from spending itself on who does not answer.
#[derive(Default)]
struct Breaker {
    /// So many calls in a row the gateway did not answer.
    silent: usize,
    /// The same for each place, where an answer that refuses us counts too: it is the same for every call there.
    useless: BTreeMap<Merchant, usize>,
}

/// After so many in a row, the rest is left for the next run.
const TOO_MANY: usize = 5;

impl Breaker {
    fn is_open(&self, merchant: Option<&Merchant>) -> bool {
        let useless = merchant.and_then(|merchant| self.useless.get(merchant)).copied().unwrap_or_default();
        self.silent >= TOO_MANY || useless >= TOO_MANY
    }

    fn note(&mut self, merchant: Option<Merchant>, done: &TaskOutcome) {
        let (TaskOutcome::Asked(outcome) | TaskOutcome::Refunded(outcome), Some(merchant)) = (done, merchant) else {
            return;
        };
        let useless = self.useless.entry(merchant).or_default();
        match outcome {
            CallOutcome::Answered => (self.silent, *useless) = (0, 0),
            CallOutcome::Refused => (self.silent, *useless) = (0, *useless + 1),
            CallOutcome::Silent => (self.silent, *useless) = (self.silent + 1, *useless + 1),
        }
    }
}

fn lock(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where an attempt was begun: what one list of a gateway covers, and what its refusal means.
type Merchant = (AccountId, CredentialsVersion, &'static str);

fn merchant(task: &Task) -> Option<Merchant> {
    let attempt = task.link.attempt(task.work.attempt())?;
    Some((attempt.account_id.clone(), attempt.credentials.clone(), task.link.terms().mode.as_str()))
}

/// One list for each account with several attempts to look up. Where there is none, each attempt is asked about.
async fn read_lists(
    app: &App,
    questions: &[Task],
    breaker: &Mutex<Breaker>,
    deadline: SystemTime,
) -> BTreeMap<Merchant, Unconfirmed> {
    let mut places: BTreeMap<Merchant, (&Task, usize)> = BTreeMap::new();
    for task in questions {
        if let Some(merchant) = merchant(task) {
            places.entry(merchant).or_insert((task, 0)).1 += 1;
        }
    }
    places.retain(|merchant, (_, count)| *count >= WORTH_A_LIST && !lock(breaker).is_open(Some(merchant)));
    let all: Vec<_> =
        places.into_iter().map(|(merchant, (task, _))| read_list(app, merchant, task, deadline)).collect();
    let lists: Vec<_> = stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
    lists.into_iter().flatten().collect()
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

async fn perform(app: &App, task: Task, lists: &BTreeMap<Merchant, Unconfirmed>) -> TaskOutcome {
    let now = app.clock.now();
    let (link_id, trace) = (task.link.id().clone(), task.link.trace().cloned());
    let list = merchant(&task).and_then(|merchant| lists.get(&merchant));
    let id = task.work.attempt().clone();
    let asked = |outcome| asked(&id, outcome);
    let done = match task.work {
        Work::LookUp(_) => match list.and_then(|list| waits(&task.link, &id, list, now)) {
            Some(true) => app.confirmation.confirm_listed(task.link, &id, now).await.map(asked),
            Some(false) => Ok(TaskOutcome::NotWaiting),
            None => app.confirmation.confirm(task.link, &id, Hint::Nothing, now).await.map(asked),
        },
        Work::Confirm(_) => app.confirmation.resume(task.link, &id, now).await.map(asked),
        Work::Keep(_) => app.confirmation.keep(task.link, &id, now).await.map(|()| TaskOutcome::NotWaiting),
        Work::Refund(_) => app.confirmation.refund(task.link, &id, now).await.map(TaskOutcome::Refunded),
    };
    done.unwrap_or_else(|error| {
        let trace_id = trace.as_ref().map(Trace::id);
        tracing::error!(%link_id, attempt_id = %id, trace_id, error = %error, "Due work could not be done.");
        TaskOutcome::Failed
    })
}

fn asked(id: &AttemptId, outcome: Outcome) -> TaskOutcome {
    // The CRM is told nothing of that, so that it is counted here and not where events are.
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
        let breaker = after(&[CallOutcome::Refused; TOO_MANY]);
        assert!(breaker.is_open(Some(&merchant("suspended"))));
        assert!(!breaker.is_open(Some(&merchant("main"))));
    }

    #[test]
    fn a_gateway_that_does_not_answer_is_left_alone_until_it_does() {
        assert!(after(&[CallOutcome::Silent; TOO_MANY]).is_open(Some(&merchant("main"))));
        let mut outcomes = [CallOutcome::Silent; TOO_MANY];
        outcomes[TOO_MANY - 1] = CallOutcome::Answered;
        assert!(!after(&outcomes).is_open(Some(&merchant("suspended"))));
    }
}

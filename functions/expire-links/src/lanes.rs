//! The work of a round, in a queue for each way to each gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use domain::business::turns::Turns;
use domain::ids::BusinessId;
use domain::link::Work;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use gateways::{GATEWAY_CALL, Way};
use runtime::{has_time, in_turns};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::breaker::Breaker;
use crate::lists::Lists;
use crate::task::{Merchant, Task, TaskOutcome, perform};
use crate::{App, CONCURRENCY, SweepCounts};

/// At most this many calls are under way at once on all ways, and on those of one business: each business can have relays of
/// its own, and one that hangs keeps its call for long.
const CALLS: usize = 256;
const CALLS_OF_ONE: usize = 32;

/// A way to a gateway, and whose relay it leads through, where it does: what one business does to a relay says nothing to
/// another that gives the same address.
type Lane = (Way, Option<BusinessId>);

/// What a sweep has found out about gateways.
#[derive(Default)]
pub(crate) struct Known {
    /// Each merchant's way is found out once.
    lanes: BTreeMap<Merchant, Lane>,
    breakers: BTreeMap<Lane, Arc<Mutex<Breaker>>>,
}

/// Does the leased work of a round, that of each lane in a queue of its own.
pub(crate) async fn work_off(app: &App, tasks: Vec<Task>, known: &mut Known, deadline: SystemTime) -> SweepCounts {
    find_lanes(app, &tasks, known).await;
    let calls = Calls::for_all(&tasks);
    let mut queues: BTreeMap<Lane, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        if let Some(lane) = known.lanes.get(&task.merchant) {
            queues.entry(lane.clone()).or_default().push(task);
        }
    }
    let mut counts = SweepCounts::default();
    let queues = queues.into_iter().map(|(lane, tasks)| {
        let breaker = Arc::clone(known.breakers.entry(lane.clone()).or_default());
        work_off_lane(app, lane.0, Queue { breaker, calls: &calls, lists: Lists::for_all(&tasks), deadline }, tasks)
    });
    for done in join_all(queues.collect::<Vec<_>>()).await {
        counts.add(&done);
    }
    counts
}

/// Finds out the lane of each merchant that is not known yet.
async fn find_lanes(app: &App, tasks: &[Task], known: &mut Known) {
    let mut unknown: BTreeMap<&Merchant, &Task> = BTreeMap::new();
    for task in tasks.iter().filter(|task| !known.lanes.contains_key(&task.merchant)) {
        unknown.entry(&task.merchant).or_insert(task);
    }
    let all: Vec<_> = unknown
        .into_iter()
        .map(|(merchant, task)| async move {
            let way = app.confirmation.way(&task.link, task.work.attempt()).await;
            let whose = way.relay.is_some().then(|| merchant.business.clone());
            (merchant.clone(), (way, whose))
        })
        .collect();
    known.lanes.extend(stream::iter(all).buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await);
}

/// What the work of one lane has in common during a round.
struct Queue<'a> {
    breaker: Arc<Mutex<Breaker>>,
    calls: &'a Calls,
    lists: Lists,
    deadline: SystemTime,
}

/// Works off the queue of one lane: the businesses in turns, and of each first confirmations and refunds, then look-ups,
/// those of reported payments before the others.
async fn work_off_lane(app: &App, way: Way, queue: Queue<'_>, tasks: Vec<Task>) -> SweepCounts {
    // Where a call may take longer than usual, the last one is begun as much earlier.
    let longer = way.longest_call.saturating_sub(GATEWAY_CALL);
    let queue = Queue { deadline: queue.deadline.checked_sub(longer).unwrap_or(queue.deadline), ..queue };
    let queue = &queue;
    let mut counts = SweepCounts::default();
    for done in in_turns(in_order(tasks), CONCURRENCY, |task| perform_one(app, task, queue)).await {
        counts.add(&done);
    }
    if counts.left > 0 {
        let (gateway, is_relayed) = (way.gateway.as_str(), way.relay.is_some());
        tracing::warn!(gateway, is_relayed, left = counts.left, "Due work of a gateway was left.");
    }
    counts
}

fn in_order(mut tasks: Vec<Task>) -> Turns<BusinessId, Task> {
    tasks.sort_by_key(Task::urgency);
    tasks.into_iter().map(|task| (task.merchant.business.clone(), task)).collect()
}

/// How many calls may be under way.
struct Calls {
    all: Semaphore,
    of_each: BTreeMap<BusinessId, Semaphore>,
}

impl Calls {
    fn for_all(tasks: &[Task]) -> Self {
        let businesses: BTreeSet<&BusinessId> = tasks.iter().map(|task| &task.merchant.business).collect();
        let of_each = businesses.into_iter().map(|business| (business.clone(), Semaphore::new(CALLS_OF_ONE)));
        Self { all: Semaphore::new(CALLS), of_each: of_each.collect() }
    }

    /// Waits until a business may call. Who holds both lets one more call begin when it lets go.
    async fn begin(&self, business: &BusinessId) -> (Option<SemaphorePermit<'_>>, Option<SemaphorePermit<'_>>) {
        // Nobody closes a semaphore, so that each is had once it is free.
        let of_one = match self.of_each.get(business) {
            Some(of_one) => of_one.acquire().await.ok(),
            None => None,
        };
        (of_one, self.all.acquire().await.ok())
    }
}

/// Does one piece of work, unless its gateway has stopped answering or time has run out.
async fn perform_one(app: &App, task: Task, queue: &Queue<'_>) -> SweepCounts {
    let mut counts = SweepCounts::default();
    let merchant = task.merchant.clone();
    let _call = queue.calls.begin(&merchant.business).await;
    // What a person accepted is written down although its gateway does not answer.
    let needs_gateway = !matches!(task.work, Work::Keep(_));
    let is_left = || !has_time(queue.deadline) || needs_gateway && lock(&queue.breaker).is_open(&merchant);
    let mut list = None;
    if matches!(task.work, Work::LookUp(_)) && !is_left() {
        list = queue.lists.read(app, &task, queue.deadline, &mut counts).await;
    }
    // Boxed, so that each of the many tasks of a sweep does not carry room for every call that one of them may make.
    let done = if is_left() { TaskOutcome::Left } else { Box::pin(perform(app, task, list)).await };
    lock(&queue.breaker).note(&merchant, &done);
    counts.note(&done);
    counts
}

fn lock(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::look_up;

    #[tokio::test]
    async fn one_business_has_a_share_of_the_calls_whatever_its_ways() {
        let calls = Calls::for_all(&[look_up("shop", 1), look_up("other", 2)]);
        let [shop, other] = ["shop", "other"].map(|id| BusinessId::parse(id).unwrap());
        let mut under_way = Vec::new();
        for _ in 0..CALLS_OF_ONE {
            under_way.push(calls.begin(&shop).await);
        }
        let has_place = |business: &BusinessId| calls.of_each[business].available_permits() > 0;
        assert!(!has_place(&shop) && has_place(&other));
        under_way.push(calls.begin(&other).await);
        assert_eq!(calls.all.available_permits(), CALLS - CALLS_OF_ONE - 1);
        drop(under_way);
        assert_eq!((has_place(&shop), calls.all.available_permits()), (true, CALLS));
    }

    #[test]
    fn of_one_business_money_comes_first_and_businesses_take_turns() {
        let confirm = |business: &str, number: u8| {
            let task = look_up(business, number);
            Task { work: Work::Confirm(task.work.attempt().clone()), ..task }
        };
        let tasks = vec![look_up("large", 1), look_up("large", 2), confirm("large", 3), look_up("small", 4)];
        let order: Vec<_> = in_order(tasks).map(|task| (task.merchant.business.to_string(), task.urgency())).collect();
        let [large, small] = ["large", "small"].map(str::to_owned);
        assert_eq!(order, [(large.clone(), 0), (small, 2), (large.clone(), 2), (large, 2)]);
    }
}

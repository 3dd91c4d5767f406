//! A business gets more shards while processes make links, list them and poll its events. Each of them learns of the
//! number at another time and has a clock of its own, and none of them misses anything.

use std::collections::BTreeSet;

use domain::ids::EventId;
use domain::records::business::Business;
use domain::records::shards::Shards;
use jiff::SignedDuration;
use paylink_local::Cloud;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use store::BusinessStore;
use tests::dynamodb;

use super::*;

/// A process works with what it read this long ago: half a minute for which it remembers that, and ten seconds that a
/// call takes which began with it.
const OLDEST_KNOWLEDGE: SignedDuration = SignedDuration::from_secs(40);

/// An event is listed when this time has passed since it was recorded, as crm-api lists them.
const LISTED_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// How many processes there are.
const PROCESSES: usize = 3;

/// One of the processes of a function.
struct Process {
    process: Store,
    store: BusinessStore,
    /// How far its clock is ahead.
    ahead: SignedDuration,
    /// When it read the configuration that it works with.
    knows_since: Option<Timestamp>,
    /// The events that were polled from it, page by page.
    polled: Vec<EventId>,
}

impl Process {
    /// It never reads its configuration again by itself: the test's clock decides when it does.
    fn new(cloud: &Cloud, business: &BusinessId, ahead: i64) -> Self {
        let (client, hour) = (dynamodb(cloud), Duration::from_secs(3600));
        let store = Store::new(client, cloud.store.table(), cloud.store.secrets_table(), hour);
        let ahead = SignedDuration::from_secs(ahead);
        Self { store: store.of(business), process: store, ahead, knows_since: None, polled: Vec::new() }
    }

    /// What its clock says, once it knows no less than it has to.
    async fn wake(&mut self, now: Timestamp) -> Timestamp {
        if self.knows_since.is_none_or(|since| now.duration_since(since) >= OLDEST_KNOWLEDGE) {
            self.store.fresh_configuration().await.unwrap();
            self.knows_since = Some(now);
        }
        now + self.ahead
    }

    /// Makes a link as create-link does, and records what its outbox says.
    async fn make(&mut self, number: [u8; 16], now: Timestamp) -> (LinkId, Vec<EventId>) {
        let at = self.wake(now).await;
        let terms = Terms { expires_at: at + 72 * jiff::SignedDuration::from_hours(1), ..terms(None) };
        let (business, token) = (self.store.business_id().clone(), PayToken::from_random(number));
        let link = PaymentLink::new(business, token, "https://pay.example", String::new(), terms, at);
        let shard = self.store.configuration().await.unwrap().spread().of_new(link.id(), link.created_at());
        let link = link.in_shard(shard);
        assert!(matches!(self.store.create_link(&link, &ChangedRecords::default(), at).await.unwrap(), Created::New));
        let mut recorded = Vec::new();
        for event in link.outbox().as_slice() {
            let event = link.record(event, at);
            recorded.push(event.id.clone());
            self.process.record_event(&event).await.unwrap();
        }
        (link.id().clone(), recorded)
    }

    async fn listed(&mut self, now: Timestamp) -> Vec<LinkId> {
        let at = self.wake(now).await;
        let day = SignedDuration::from_hours(24);
        let list = LinkList::new(LinkFilter::made_between(at - day, at + day), at);
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.store.list_links(&list, 3, cursor.as_ref()).await.unwrap();
            found.extend(page.entries.iter().map(|link| link.id().clone()));
            cursor = page.next;
            if cursor.is_none() {
                return found;
            }
        }
    }

    /// Reads on from the last event that it handed out.
    async fn poll(&mut self, now: Timestamp) {
        let before = self.wake(now).await - LISTED_AFTER;
        loop {
            let after = match self.polled.last() {
                Some(last) => EventsAfter::Event(Box::new(self.store.event(last).await.unwrap().unwrap())),
                None => EventsAfter::Instant(Timestamp::UNIX_EPOCH),
            };
            let page =
                self.store.list_events(&EventList { link: None, after, before, types: Vec::new() }, 2).await.unwrap();
            self.polled.extend(page.entries.into_iter().map(|event| event.id));
            if page.next.is_none() {
                return;
            }
        }
    }
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Grow(i64),
    Make(usize),
    List(usize),
    Poll(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..45i64).prop_map(Step::Wait),
        1 => (2..9i64).prop_map(Step::Grow),
        4 => (0..PROCESSES).prop_map(Step::Make),
        3 => (0..PROCESSES).prop_map(Step::List),
        3 => (0..PROCESSES).prop_map(Step::Poll),
    ]
}

/// Gives the business more shards, as the platform does. A smaller number is refused.
async fn grow(cloud: &Cloud, id: &BusinessId, number: i64, now: Timestamp) {
    let (known, revision) = cloud.store.business_to_change(id).await.unwrap();
    let known = known.unwrap_or_else(|| Business::new(id.clone(), "Shop".to_owned(), now));
    if let Ok(spread) = known.spread.grown(Shards::parse(number).unwrap(), now) {
        let written = cloud.store.put_business(&Business { spread, ..known }, &revision).await.unwrap();
        assert!(written.is_applied());
    }
}

async fn nothing_is_missed(cloud: &Cloud, case: u32, clocks: &[i64], steps: &[Step]) {
    let business = BusinessId::parse(&format!("shop-{case}")).unwrap();
    let mut now: Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
    grow(cloud, &business, 1, now).await;
    let mut processes: Vec<Process> = clocks.iter().map(|ahead| Process::new(cloud, &business, *ahead)).collect();
    let (mut links, mut events) = (BTreeSet::new(), BTreeSet::new());
    let mut number = [0; 16];
    for step in steps {
        match step {
            Step::Wait(seconds) => now += SignedDuration::from_secs(*seconds),
            Step::Grow(shards) => grow(cloud, &business, *shards, now).await,
            Step::Make(one) => {
                number[..4].copy_from_slice(&case.to_be_bytes());
                number[4..8].copy_from_slice(&u32::try_from(links.len()).unwrap().to_be_bytes());
                let (link, recorded) = processes[*one].make(number, now).await;
                links.insert(link);
                events.extend(recorded);
            }
            Step::List(one) => {
                let listed = processes[*one].listed(now).await;
                assert_eq!(listed.len(), links.len(), "a link is listed once, or missing");
                assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), links);
            }
            Step::Poll(one) => processes[*one].poll(now).await,
        }
    }
    now += SignedDuration::from_mins(1);
    for process in &mut processes {
        process.poll(now).await;
        assert_eq!(process.polled.len(), events.len(), "an event is polled once, or missing");
        assert_eq!(process.polled.iter().cloned().collect::<BTreeSet<_>>(), events);
    }
}

#[test]
fn nobody_misses_a_link_or_an_event_however_late_each_process_learns_of_more_shards() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cloud = runtime.block_on(empty_cloud());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() });
    let case = std::cell::Cell::new(0);
    let clocks = proptest::collection::vec(-4..=4i64, PROCESSES);
    let lives = (clocks, proptest::collection::vec(step(), 1..60));
    let outcome = runner.run(&lives, |(clocks, steps)| {
        case.set(case.get() + 1);
        runtime.block_on(nothing_is_missed(&cloud, case.get(), &clocks, &steps));
        Ok(())
    });
    outcome.unwrap();
}

//! What time makes happen: links expire, people are reminded of those that nobody paid, attempts that nobody reported are asked about, money that cannot be kept goes
//! back. What a suspended business had begun is no exception.
//!
//! A run, which is called a sweep, finds due links in the index and takes them in turns: the first of each business, then
//! the second of each. Some at a time are written, each once: that write expires the link where it must and moves its due
//! work ahead by a lease, so that no other run does the same. Then gateways are asked, each way to each in its own queue,
//! so that a gateway, a sandbox or a relay that is down holds up neither expiry nor the others, and an account that its
//! gateway refuses holds up no other account. In a queue businesses take turns as well; of one business confirmations and
//! refunds come first, look-ups after them. Where a gateway lists the payments that wait for confirmation, one list replaces
//! a look-up for each attempt of an account. Last it looks at the lists of those accounts that were not looked at for a day. A
//! sweep that meets its deadline stops, and the work that it had leased is due again when the lease ends.

mod breaker;
mod lanes;
mod lists;
mod looking_back;
mod task;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use confirmation::Confirmation;
use domain::Timestamp;
use domain::business::turns::Turns;
use domain::gateway::GatewayKind;
use domain::ids::{BusinessId, LinkId};
use domain::link::{PaymentLink, Work};
use futures_util::stream::{self, StreamExt};
use runtime::{Clock, has_time, time_left};
use serde::Serialize;
use store::{DueLink, DueWork, MAX_CONTENDED_TRIES, Reminding, Schedule, StoreError, Written, first_shard};
use telemetry::{DueKind, Measurement};

use lanes::{Known, work_off};
use looking_back::look_back;
use task::{Task, TaskOutcome};

/// At most this many links are read at a time.
const PAGE: usize = 100;

/// At most this many links are leased before the gateways are asked about them, or one of each business where these are more.
const ROUND: usize = 2000;

/// Leasing them takes at most this part of the time that is left. Where writes are slow, a business that has very much due
/// would else leave no time to ask about anybody's payments, in this run and in each one after it.
const LEASING: u32 = 4;

/// So much of a run is left for looks at accounts' lists, where any is due and links have as much: in a run that is cut short
/// they come first.
const LOOKS: Duration = looking_back::LONGEST;

/// At most this many writes, and this many calls on one way to a gateway, are under way at once.
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
    /// Accounts whose gateways' lists were looked at.
    pub looked_back: usize,
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
        self.looked_back += other.looked_back;
        self.left += other.left;
        self.failed += other.failed;
    }

    fn note(&mut self, done: &TaskOutcome) {
        match done {
            TaskOutcome::Asked(_) => self.asked += 1,
            TaskOutcome::Refunded(_) => self.refunded += 1,
            TaskOutcome::NoCall => {}
            TaskOutcome::Left => self.left += 1,
            TaskOutcome::Failed => {
                self.left += 1;
                self.failed += 1;
            }
        }
    }
}

/// Runs until nothing is due or the deadline is near. Where a part of the index cannot be read, the sweep works off
/// what it could lease and then fails.
pub async fn sweep(app: &App, deadline: SystemTime) -> Result<SweepCounts, StoreError> {
    let store = app.confirmation.store();
    let now = app.clock.now();
    let due = store.due_work(first_shard(now), now, deadline).await;
    let mut failure = due.failure;
    let mut counts = SweepCounts { left: due.unreadable, failed: due.unreadable, ..SweepCounts::default() };
    let (mut waiting, mut looks) = (Turns::<BusinessId, DueLink>::default(), Turns::default());
    for work in due.work {
        match work {
            DueWork::Link(link) => waiting.add(&link.business.clone(), link),
            DueWork::LookBack(look) => looks.add(&look.business.clone(), look),
        }
    }
    let until = links_until(deadline, !looks.is_empty());
    let mut known = Known::default();
    loop {
        let mut leased = LeasedWork::default();
        let leasing_ends = SystemTime::now() + time_left(until) / LEASING;
        let mut round = waiting.lines().max(ROUND);
        while round > 0 && SystemTime::now() < leasing_ends {
            let page: Vec<LinkId> = waiting.by_ref().take(PAGE.min(round)).map(|link| link.id).collect();
            if page.is_empty() {
                break;
            }
            round = round.saturating_sub(page.len());
            if let Err(error) = lease_page(app, &page, &mut leased).await {
                tracing::error!(error = %error, "Due links could not be read.");
                failure = failure.or(Some(error));
            }
        }
        Measurement::Due { kind: DueKind::Links, found: leased.found, oldest: leased.oldest }.record();
        measure_unconfirmed(&leased.tasks, app.clock.now());
        counts.add(&leased.counts);
        let done = work_off(app, leased.tasks, &mut known, until).await;
        counts.add(&done);
        if waiting.is_empty() || !has_time(until) {
            break;
        }
    }
    counts.add(&look_back(app, looks, deadline).await);
    Measurement::DueFailed { failed: counts.failed }.record();
    tracing::info!(
        expired = counts.expired,
        asked = counts.asked,
        refunded = counts.refunded,
        looked_back = counts.looked_back,
        left = counts.left,
        failed = counts.failed,
        "A sweep ended."
    );
    match failure {
        Some(error) => Err(error),
        None => {
            store.record_heartbeat(Schedule::Sweep, app.clock.now()).await;
            Ok(counts)
        }
    }
}

/// Until when links are worked off. However much is due on them, a run that has its time looks at accounts as well.
fn links_until(deadline: SystemTime, has_looks: bool) -> SystemTime {
    let has_time_for_both = time_left(deadline) >= 2 * LOOKS;
    if has_looks && has_time_for_both { deadline.checked_sub(LOOKS).unwrap_or(deadline) } else { deadline }
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

/// The work that a round of a sweep has leased so far.
#[derive(Default)]
struct LeasedWork {
    counts: SweepCounts,
    tasks: Vec<Task>,
    /// The number of due links that were found.
    found: usize,
    /// How long the oldest of them has been due.
    oldest: Duration,
}

/// Leases the work of some links.
async fn lease_page(app: &App, page: &[LinkId], leased: &mut LeasedWork) -> Result<(), StoreError> {
    let links = app.confirmation.store().links(page).await?;
    let now = app.clock.now();
    // A link that cannot be read stays due, and would stay so unseen: it counts as work that failed.
    let unreadable = page.len().saturating_sub(links.len());
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
        leased.tasks.extend(work.into_iter().filter_map(|work| Task::new(link.clone(), work)));
    }
    Ok(())
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
        // What cannot be read for a reminder keeps nothing else from being done.
        let reminding = if link.reminder_due_at().is_some_and(|due_at| due_at <= now) {
            Some(app.confirmation.store().of(link.business()).reminding(&link, now).await)
        } else {
            None
        };
        if let Some(Err(error)) = &reminding {
            tracing::error!(link_id = %link.id(), error = %error, "Nobody knows whether to remind of a link.");
        }
        let rules = reminding.as_ref().and_then(|read| read.as_ref().ok()).map(Reminding::rules);
        let Some((next, work)) = link.lease_due(rules, now) else {
            return reminding.transpose().map(|_| None);
        };
        match app.confirmation.store().replace_link(&next).await {
            Ok(Written::Applied | Written::AlreadyApplied) => {
                let expired = next.expired_by(&link);
                if expired {
                    tracing::info!(link_id = %next.id(), trace_id = next.trace_id(), "A payment link expired.");
                }
                if next.reminders().len() > link.reminders().len() {
                    tracing::info!(link_id = %next.id(), trace_id = next.trace_id(), "A reminder of a payment link is due.");
                    app.confirmation.store().of(next.business()).note_reminder(&next).await;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::Timestamp;
    use domain::gateway::{GatewayKind, GatewayRulebook, Mode};
    use domain::ids::{AccountId, BusinessId, ContactId, CredentialsVersion, PayToken, ReturnKey};
    use domain::link::{
        AccountTerms, AfterPayment, AmountSource, Checkout, ContactTerms, OpenedSession, PaymentLink, Terms, Work,
    };
    use domain::messages::choice::MessageChoice;
    use domain::money::{Currency, Money};
    use domain::records::account::LatePayment;

    use crate::task::{Merchant, Task};

    pub(crate) fn merchant(business: &str, account: &str) -> Merchant {
        Merchant {
            business: BusinessId::parse(business).unwrap(),
            account: AccountId::parse(account).unwrap(),
            credentials: CredentialsVersion::parse("v1").unwrap(),
            mode: "live",
        }
    }

    /// A look-up of the attempt `S{number}` of a link of this business, at its account `main`.
    pub(crate) fn look_up(business: &str, number: u8) -> Task {
        let Merchant { business, account, credentials, .. } = merchant(business, "main");
        let terms = Terms {
            mode: Mode::Live,
            account: AccountTerms {
                id: account,
                name: "Main".to_owned(),
                gateway: GatewayKind::Zarinpal,
                credentials,
                late_payment: LatePayment::Refund,
                summary_page: false,
            },
            contact: ContactTerms { id: ContactId::parse("c-1").unwrap(), name: "N".to_owned(), profile_url: None },
            item: None,
            amount: Money::new(50_000, Currency::IRR).unwrap(),
            amount_source: AmountSource::Request,
            plan: None,
            expires_at: Timestamp::from_second(3600).unwrap(),
            due_at: None,
            description: None,
            internal_note: None,
            after_payment: AfterPayment {
                register_receipt: false,
                receipt_type_id: None,
                receipt_field: None,
                send_receipt: false,
            },
            message: MessageChoice::Default { channels: Vec::new() },
            recipients: Vec::new(),
            unreached: Vec::new(),
            reminders: None,
            reference_id: None,
            return_url: None,
            locale: None,
            metadata: BTreeMap::new(),
        };
        let (token, made) = (PayToken::from_random([number; 16]), Timestamp::UNIX_EPOCH);
        let link = PaymentLink::new(business, token, "https://pay.example", "hash".to_owned(), terms, made);
        let session = OpenedSession {
            session: format!("S{number}"),
            checkout: Checkout::link("https://gateway.example/".to_owned()),
        };
        let rulebook = GatewayRulebook::default();
        let attempt = link.new_attempt(ReturnKey::from_random([number; 16]), None, link.amount_due(), None);
        let attempt = attempt.opened(session, rulebook.rules(GatewayKind::Zarinpal), made);
        let work = Work::LookUp(attempt.id.clone());
        Task::new(link.begin_attempt(attempt, made).unwrap(), work).unwrap()
    }
}

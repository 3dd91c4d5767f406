//! Whatever comes in, in whatever order: the same truth in the end.
//!
//! A customer opened a link and paid, or did not. Then things come in: returns and webhooks, true and false ones, the
//! schedule, the end of the link's time, the CRM's wish to cancel, a second session that is paid.
//!
//! At the gateway from which all of them can come in, of a customer who paid, every ordered choice of up to four is
//! tried, plain and with one of them coming twice at once. Of all the others, at every gateway, with nobody who paid,
//! with each of them in turn coming twice, and of a seeded sample of longer ones, only a part is tried.
//!
//! Money of a payment goes back because the CRM asks for it, in an order of its own: a part, all that is left, the gateway
//! done with what it took or giving it up, in every ordered choice of up to four of these and of what else can come in once
//! a payment is kept. At one gateway those of up to three are always tried; of the others, again, a part is.
//!
//! Every other order is of another business, wherever that has an account at the gateway, in the same world and with the same
//! idempotency key as one of the demo business.
//!
//! What is true in the end follows from the first of them that decides anything; [`Order::truth`] says so in a few
//! lines, knowing nothing of how the service does it.
//!
//! `make test-orders` tries all of them, `make test-orders EVERY=29` one in 29 of those that are not always tried, and
//! `PAYLINK_SECONDS=300 make test-orders` what there is time for, as `tests::time_box` says. Without any of them one in
//! [`SAMPLE`] of all is tried. `PAYLINK_ORDER` names those that are tried, by a part of what is printed about them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::gateway::{GatewayKind, Webhooks};
use domain::ids::{EndpointId, LinkId};
use domain::link::LinkStatus;
use futures_util::future::join_all;
use paylink_local::seed::{self, BAZAAR, DEMO};
use reqwest::StatusCode;
use serde_json::json;
use tests::faulty_world::{FaultyWorld, Made, key_of};
use tests::invariants::Stage;
use tests::seeded::Seeded;
use tests::time_box::TimeBox;
use tokio::sync::Semaphore;

/// One order in this many is tried unless `EVERY` names another number.
const SAMPLE: usize = 2411;

/// At most this many orders share a world. Sessions at Mollie are asked about for months, so that fewer of them do:
/// each sweep of a world asks about all of them.
fn size_of_world(account: Account) -> usize {
    if account == Account::Mollie { 30 } else { 60 }
}

/// This many worlds run at once.
const AT_ONCE: usize = 4;

/// A third of what two processors try in a minute, or less.
const LEAST_IN_A_MINUTE: usize = 550;

/// This many longer orders are drawn.
const LONGER: usize = 1000;

const MINUTE: Duration = Duration::from_secs(60);

/// An account of the business: one at each gateway, and two that take late money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Account {
    Zarinpal,
    Zibal,
    Sep,
    Stripe,
    Mollie,
    Razorpay,
    LateZarinpal,
    LateStripe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incoming {
    ReturnPaid,
    ReturnCancelled,
    WebhookPaid,
    WebhookExpired,
    Poll,
    ExpirySweep,
    Cancel,
    SecondAttemptPaid,
    /// An operator writes down that it was paid in cash, whoever may be paying.
    WrittenDown,
    /// The CRM has a part of the payment sent back.
    PartBack,
    /// The CRM has all that is left of the payment sent back.
    RestBack,
    /// The gateway is done with a refund that it took.
    RefundFinishes,
    /// The gateway gives up a refund that it took.
    RefundFails,
}

use Incoming::{
    Cancel, ExpirySweep, PartBack, Poll, RefundFails, RefundFinishes, RestBack, ReturnCancelled, ReturnPaid,
    SecondAttemptPaid, WebhookExpired, WebhookPaid, WrittenDown,
};

/// Whether an account is at this gateway.
pub(crate) fn tries(gateway: GatewayKind) -> bool {
    Account::ALL.iter().any(|account| account.gateway() == gateway)
}

impl Account {
    const ALL: [Self; 8] = [
        Self::Zarinpal,
        Self::Zibal,
        Self::Sep,
        Self::Stripe,
        Self::Mollie,
        Self::Razorpay,
        Self::LateZarinpal,
        Self::LateStripe,
    ];

    fn gateway(self) -> GatewayKind {
        match self {
            Self::Zarinpal | Self::LateZarinpal => GatewayKind::Zarinpal,
            Self::Zibal => GatewayKind::Zibal,
            Self::Sep => GatewayKind::Sep,
            Self::Stripe | Self::LateStripe => GatewayKind::Stripe,
            Self::Mollie => GatewayKind::Mollie,
            Self::Razorpay => GatewayKind::Razorpay,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Zarinpal => "main",
            Self::Zibal => "zibal",
            Self::Sep => "saman",
            Self::Stripe => "euro",
            Self::Mollie => "mollie",
            Self::Razorpay => "rupee",
            Self::LateZarinpal => "late-main",
            Self::LateStripe => "late-euro",
        }
    }

    /// What an account like this is called at the other business, where it has one.
    fn at_the_bazaar(self) -> Option<&'static str> {
        match self {
            Self::Zarinpal => Some("rial"),
            Self::Sep => Some("saman"),
            Self::Stripe => Some("main"),
            Self::LateStripe => Some("late-main"),
            Self::Zibal | Self::Mollie | Self::Razorpay | Self::LateZarinpal => None,
        }
    }

    /// The business that has its turn.
    fn business_in_turn(self, number: usize) -> &'static str {
        if number % 2 == 1 && self.at_the_bazaar().is_some() { BAZAAR } else { DEMO }
    }

    fn takes_late_money(self) -> bool {
        matches!(self, Self::LateZarinpal | Self::LateStripe)
    }

    /// What can come in from this gateway. The Iranian ones send no webhooks, what Mollie's say is always the same, and
    /// nobody can make up a return from Razorpay.
    fn incoming(self) -> &'static [Incoming] {
        match self.gateway() {
            GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => {
                &[ReturnPaid, ReturnCancelled, Poll, ExpirySweep, Cancel, SecondAttemptPaid]
            }
            GatewayKind::Mollie => &[ReturnPaid, WebhookPaid, Poll, ExpirySweep, Cancel, SecondAttemptPaid],
            GatewayKind::Razorpay => {
                &[ReturnPaid, WebhookPaid, WebhookExpired, Poll, ExpirySweep, Cancel, SecondAttemptPaid]
            }
            GatewayKind::Stripe => &[
                ReturnPaid,
                ReturnCancelled,
                WebhookPaid,
                WebhookExpired,
                Poll,
                ExpirySweep,
                Cancel,
                SecondAttemptPaid,
            ],
        }
    }
}

impl Account {
    /// Whether the gateway returns parts, and can be told to take its time with them.
    fn returns_parts(self) -> bool {
        !matches!(self.gateway(), GatewayKind::Zarinpal | GatewayKind::Sep)
    }

    /// What can come in about a payment that was kept, or be asked for.
    fn about_a_kept_payment(self) -> Vec<Incoming> {
        let mut all = vec![PartBack, RestBack, Poll, ExpirySweep, Cancel];
        if self.returns_parts() {
            all.extend([RefundFinishes, RefundFails]);
        }
        if self.incoming().contains(&WebhookPaid) {
            all.push(WebhookPaid);
        }
        all
    }
}

#[derive(Clone, Debug)]
struct Order {
    account: Account,
    /// Whose account it is.
    business: &'static str,
    /// Whether the customer had paid in the first session before anything came in.
    is_paid: bool,
    incoming: Vec<Incoming>,
    /// Which of them comes twice at once.
    doubled: Option<usize>,
}

/// What a link has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Active,
    PaidByTheFirst,
    PaidByTheSecond,
    PaidInCash,
    Expired,
    Cancelled,
}

impl Order {
    /// What the account is called by whose it is.
    fn account_id(&self) -> &'static str {
        match self.account.at_the_bazaar() {
            Some(account) if self.business == BAZAAR => account,
            Some(_) | None => self.account.id(),
        }
    }

    fn truth(&self) -> Truth {
        self.truth_before(self.incoming.len())
    }

    /// The first thing that decides anything decides, among those before this one. Only cash pays what has ended by itself.
    fn truth_before(&self, at: usize) -> Truth {
        let paid = self.is_paid.then_some(Truth::PaidByTheFirst);
        let decides = |event: &Incoming| match event {
            // Money of nothing that was kept goes back so, and what was kept stays a payment.
            PartBack | RestBack | RefundFinishes | RefundFails => None,
            // SEP cannot be asked: only the return that brings the payment's reference tells of it.
            ReturnCancelled | Poll if self.account == Account::Sep => None,
            // A report, true or false, makes us ask; the gateway knows of the payment, if there is one.
            ReturnPaid | ReturnCancelled | WebhookPaid | WebhookExpired | Poll => paid,
            // The sweep that writes the end down asks too.
            ExpirySweep if self.account.takes_late_money() => paid.or(Some(Truth::Expired)),
            ExpirySweep => Some(Truth::Expired),
            Cancel => Some(Truth::Cancelled),
            // A customer who opens the link again gets no second session where the gateway says that the first was
            // paid.
            SecondAttemptPaid if self.is_paid && self.account != Account::Sep => None,
            SecondAttemptPaid => Some(Truth::PaidByTheSecond),
            WrittenDown => Some(Truth::PaidInCash),
        };
        self.incoming[..at].iter().fold(Truth::Active, |decided, event| match (decided, event) {
            (Truth::Active, event) => decides(event).unwrap_or(Truth::Active),
            (Truth::Expired, WrittenDown) => Truth::PaidInCash,
            (decided, _) => decided,
        })
    }
}

/// Every ordered choice of one to four.
fn choices(of: &[Incoming]) -> Vec<Vec<Incoming>> {
    let mut all: Vec<Vec<Incoming>> = Vec::new();
    let mut longest: Vec<Vec<Incoming>> = vec![Vec::new()];
    for _ in 0..4 {
        longest = longest
            .iter()
            .flat_map(|chosen| {
                let rest = of.iter().filter(|event| !chosen.contains(event));
                rest.map(|next| [chosen.as_slice(), &[*next]].concat()).collect::<Vec<_>>()
            })
            .collect();
        all.extend(longest.iter().cloned());
    }
    all
}

/// Every order of an account, whether or not the customer had paid, plain and with each of them doubled. Those that are
/// always tried come first.
fn orders_of(account: Account) -> (Vec<Order>, Vec<Order>) {
    let (mut always, mut others) = (Vec::new(), Vec::new());
    for (number, incoming) in choices(account.incoming()).into_iter().enumerate() {
        let doubled = std::iter::once(None).chain((0..incoming.len()).map(Some));
        for (is_paid, doubled) in doubled.flat_map(|doubled| [(false, doubled), (true, doubled)]) {
            // Each place has its turn to be doubled.
            let is_in_turn = doubled.is_none_or(|at| at == number % incoming.len());
            let list = if account == Account::Stripe && is_paid && is_in_turn { &mut always } else { &mut others };
            let business = account.business_in_turn(number);
            list.push(Order { account, business, is_paid, incoming: incoming.clone(), doubled });
        }
    }
    (always, others)
}

/// Every order in which money goes back of what a link of the account kept, plain and with one of them doubled. Those that
/// are always tried come first.
fn refund_orders_of(account: Account) -> (Vec<Order>, Vec<Order>) {
    let (mut always, mut others) = (Vec::new(), Vec::new());
    let goes_back = |incoming: &Vec<Incoming>| incoming.contains(&PartBack) || incoming.contains(&RestBack);
    let choices = choices(&account.about_a_kept_payment()).into_iter().filter(goes_back);
    for (number, chosen) in choices.enumerate() {
        let incoming = [&[ReturnPaid], chosen.as_slice()].concat();
        for doubled in [None, Some(1 + number % chosen.len())] {
            let list = if account == Account::Stripe && chosen.len() <= 3 { &mut always } else { &mut others };
            let business = account.business_in_turn(number);
            list.push(Order { account, business, is_paid: true, incoming: incoming.clone(), doubled });
        }
    }
    (always, others)
}

/// Every order in which cash comes before, between or after one or two others, plain and with the cash written down twice at
/// once.
fn cash_orders_of(account: Account) -> (Vec<Order>, Vec<Order>) {
    let (mut always, mut others) = (Vec::new(), Vec::new());
    let few = choices(account.incoming()).into_iter().filter(|chosen| chosen.len() <= 2);
    for (number, chosen) in few.enumerate() {
        for place in 0..=chosen.len() {
            let incoming = [&chosen[..place], &[WrittenDown], &chosen[place..]].concat();
            let doubled = (number % 3 == 0).then_some(place);
            let list = if account == Account::Zarinpal { &mut always } else { &mut others };
            let (business, is_paid) = (account.business_in_turn(number), (number + place) % 2 == 0);
            list.push(Order { account, business, is_paid, incoming, doubled });
        }
    }
    (always, others)
}

/// The orders to try: those that are always tried, and one in `every` of the others.
fn orders(one_in: usize) -> Vec<Order> {
    let of_each = |account| [orders_of(account), refund_orders_of(account), cash_orders_of(account)];
    let lists = Account::ALL.into_iter().flat_map(of_each);
    let (always, mut others): (Vec<_>, Vec<_>) = lists.unzip();
    others.push(longer_orders());
    let mut orders = always.concat();
    orders.extend(others.concat().into_iter().step_by(one_in));
    orders
}

fn longer_orders() -> Vec<Order> {
    let mut chance = Seeded::new(20_260);
    let draw = |number| {
        let account = chance.one_of(&Account::ALL);
        let length = 5 + chance.below(6);
        let letters = [account.incoming(), &account.about_a_kept_payment(), &[WrittenDown]].concat();
        let incoming: Vec<Incoming> = (0..length).map(|_| chance.one_of(&letters)).collect();
        let doubled = chance.once_in(2).then(|| chance.below(length));
        let business = account.business_in_turn(number);
        Order { account, business, is_paid: !chance.once_in(4), incoming, doubled }
    };
    (0..LONGER).map(draw).collect()
}

/// A link that is being paid, and all that is needed to bring things about it.
struct Story<'a> {
    world: &'a FaultyWorld,
    order: &'a Order,
    link: Made,
    /// Where the browser comes back to, without its query.
    back: String,
    /// With the query that the gateway gave it, where the customer paid.
    paid_back: Option<String>,
    session: String,
    ends_at: domain::Timestamp,
    /// Where in the order money was asked for, and the refund that came of it.
    asked: Mutex<Vec<(usize, Option<String>)>>,
    /// How many refunds the gateway gave up.
    given_up: AtomicUsize,
}

impl<'a> Story<'a> {
    /// A link whose first session is over: paid in, or not.
    async fn begin(world: &'a FaultyWorld, order: &'a Order, number: usize) -> Self {
        let gateway = order.account.gateway();
        let amount = amount_at(gateway);
        let ends_at = world.now() + 5 * 60 * MINUTE;
        let body = json!({
            "account_id": order.account_id(), "contact_id": "c-1042", "amount": amount,
            "expires_at": ends_at.to_string(),
        });
        let link = world.make_link_as(key_of(order.business), &body, &format!("order-{number}")).await;
        let page = world.go_to_gateway(&link).await;
        let paid_back = if order.is_paid { Some(pay(world, gateway, &page).await.unwrap()) } else { None };
        // What was paid at SEP has to be confirmed within half an hour.
        world.turn_time(if gateway == GatewayKind::Sep { 21 * MINUTE } else { 32 * MINUTE });
        let id = LinkId::parse(&link.id).unwrap();
        let stored = world.cloud.store.link(&id).await.unwrap().unwrap();
        let back = format!("/gateways/{}/return/{id}/{}", gateway.as_str(), stored.attempts()[0].key.expose());
        let session = stored.attempts()[0].session.clone();
        let (asked, given_up) = (Mutex::default(), AtomicUsize::new(0));
        Self { world, order, link, back, paid_back, session, ends_at, asked, given_up }
    }

    /// The browser comes back and says that the customer paid, truly or not.
    async fn come_back_paid(&self) {
        let made_up = match self.order.account.gateway() {
            GatewayKind::Zarinpal => format!("Authority={}&Status=OK", self.session),
            GatewayKind::Zibal => format!("trackId={}&success=1", self.session),
            GatewayKind::Sep => format!("Status=2&State=OK&RefNum={}", self.session),
            GatewayKind::Stripe => "outcome=success".to_owned(),
            GatewayKind::Mollie => String::new(),
            GatewayKind::Razorpay => format!("razorpay_payment_link_id={}&razorpay_signature=00", self.session),
        };
        let made_up = format!("{}?{made_up}", self.back);
        self.world.open(self.paid_back.as_ref().unwrap_or(&made_up)).await.unwrap();
    }

    /// The browser comes back and says that the customer did not pay.
    async fn come_back_cancelled(&self) {
        let query = match self.order.account.gateway() {
            GatewayKind::Zarinpal => format!("Authority={}&Status=NOK", self.session),
            GatewayKind::Zibal => format!("trackId={}&success=0", self.session),
            GatewayKind::Sep => "Status=1&State=CanceledByUser".to_owned(),
            GatewayKind::Stripe => "outcome=cancel".to_owned(),
            GatewayKind::Mollie | GatewayKind::Razorpay => String::new(),
        };
        self.world.open(&format!("{}?{query}", self.back)).await.unwrap();
    }

    async fn webhook(&self, at_stripe: &str, at_razorpay: &str) {
        let gateway = self.order.account.gateway();
        let kind = if gateway == GatewayKind::Stripe { at_stripe } else { at_razorpay };
        self.world.webhook(gateway, &self.session, kind).await.unwrap();
    }

    /// The CRM asks for money back, as often as it does under one key for the same. The gateway takes its time.
    async fn ask_back(&self, at: usize, event: Incoming) {
        if self.order.account.returns_parts() {
            self.next_refund("pending").await;
        }
        let body = match event {
            PartBack => json!({ "amount": amount_at(self.order.account.gateway()) * 2 / 5 }),
            _ => json!({}),
        };
        let reply = self.world.refund(&self.link, &body, &format!("{event:?}")).await;
        let begun = reply.filter(|reply| reply.status == StatusCode::CREATED);
        let begun = begun.map(|reply| reply.json()["id"].as_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((at, begun));
    }

    async fn next_refund(&self, becomes: &str) {
        let gateway = self.order.account.gateway().as_str();
        let planned = self.world.order_at_gateway(gateway, "next_refund", &json!({ "becomes": becomes })).await;
        assert!(planned.is_success(), "{gateway} takes no orders: {planned}");
    }

    /// The gateway decides the last refund of the link's payment that waits there, and says so where it calls.
    async fn decide_refund(&self, outcome: &str) -> bool {
        let gateway = self.order.account.gateway();
        let stored = self.world.stored(&self.link).await;
        let Some(kept) = stored.attempts().iter().find(|attempt| attempt.is_kept()) else { return false };
        let is_decided = self.world.decide_refund(gateway.as_str(), &kept.session, outcome).await;
        if is_decided && gateway.profile().webhooks != Webhooks::None {
            self.world.refund_webhook(gateway, &kept.session).await.unwrap();
        }
        is_decided
    }

    /// What is wrong with what was asked for: the same wish begins one refund, of a payment alone, and whatever was asked for
    /// first of one that can go back in parts is begun.
    async fn check_asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap().clone();
        let (mut wrong, mut begun) = (Vec::new(), BTreeMap::new());
        let is_kept = |at| matches!(self.order.truth_before(at), Truth::PaidByTheFirst | Truth::PaidByTheSecond);
        let first = asked.iter().map(|(at, _)| *at).find(|at| is_kept(*at));
        for (at, refund) in &asked {
            let has_to_begin = first == Some(*at) && self.order.account.returns_parts();
            if refund.is_some() && !is_kept(*at) || refund.is_none() && has_to_begin {
                wrong.push(format!("number {at} began {refund:?}"));
            }
            let Some(refund) = refund else { continue };
            let wish = format!("{:?}", self.order.incoming[*at]);
            if begun.entry(wish).or_insert_with(|| refund.clone()) != refund {
                wrong.push(format!("number {at} began {refund}, and the same wish another one before"));
            }
        }
        let stored = self.world.stored(&self.link).await;
        let kept = stored.attempts().iter().filter(|attempt| attempt.is_kept());
        let known: BTreeSet<String> = kept.flat_map(|kept| &kept.refunds).map(|one| one.id.to_string()).collect();
        if known != begun.values().cloned().collect() {
            wrong.push(format!("{begun:?} were begun, and there are {known:?}"));
        }
        wrong
    }

    /// What is wrong in the end: what a gateway did not give up went back, where it returns parts at any time.
    async fn check_returned(&self) -> Option<String> {
        let stored = self.world.stored(&self.link).await;
        let kept = stored.attempts().iter().filter(|attempt| attempt.is_kept());
        let refunds: Vec<_> = kept.flat_map(|kept| &kept.refunds).collect();
        let states: Vec<&str> = refunds.iter().map(|refund| refund.state.name()).collect();
        let failed = states.iter().filter(|state| **state == "failed").count();
        let gone = states.iter().filter(|state| **state == "succeeded").count();
        let given_up = self.given_up.load(Ordering::Relaxed);
        let is_right = gone + failed == states.len() && (failed == given_up || !self.order.account.returns_parts());
        (!is_right).then(|| format!("the gateway gave up {given_up} refunds, and there are {refunds:?}"))
    }

    async fn bring(&self, at: usize, event: Incoming) {
        match event {
            PartBack | RestBack => self.ask_back(at, event).await,
            RefundFinishes => drop(self.decide_refund("succeeded").await),
            RefundFails => {
                if self.decide_refund("failed").await {
                    self.given_up.fetch_add(1, Ordering::Relaxed);
                }
            }
            ReturnPaid => self.come_back_paid().await,
            ReturnCancelled => self.come_back_cancelled().await,
            WebhookPaid => self.webhook("checkout.session.completed", "payment_link.paid").await,
            WebhookExpired => self.webhook("checkout.session.expired", "payment_link.expired").await,
            Poll | ExpirySweep => drop(self.world.sweep().await.unwrap().unwrap()),
            WrittenDown => drop(self.world.record(&self.link, &format!("cash-{at}")).await),
            Cancel => drop(self.world.cancel(&self.link, true).await),
            SecondAttemptPaid => {
                if let Some(page) = self.world.visit(&self.link).await
                    && let Some(back) = pay(self.world, self.order.account.gateway(), &page).await
                {
                    self.world.open(&back).await.unwrap();
                }
            }
        }
    }

    /// Lets time pass where the event needs it.
    fn wait_for(&self, event: Incoming) {
        match event {
            Poll => self.world.turn_time(MINUTE),
            ExpirySweep => {
                let left = self.ends_at.duration_since(self.world.now());
                self.world.turn_time(Duration::try_from(left).unwrap_or_default() + 40 * MINUTE);
            }
            ReturnPaid | ReturnCancelled | WebhookPaid | WebhookExpired | Cancel | SecondAttemptPaid | WrittenDown => {}
            PartBack | RestBack | RefundFinishes | RefundFails => {}
        }
    }

    async fn truth(&self) -> Truth {
        let id = LinkId::parse(&self.link.id).unwrap();
        let link = self.world.cloud.store.link(&id).await.unwrap().unwrap();
        match link.status_at(self.world.now()) {
            LinkStatus::Active => Truth::Active,
            LinkStatus::Paid { paid_by, .. } if paid_by == link.attempts()[0].id => Truth::PaidByTheFirst,
            LinkStatus::Paid { paid_by, .. } if link.attempt(&paid_by).is_some_and(|one| one.is_recorded()) => {
                Truth::PaidInCash
            }
            LinkStatus::Paid { .. } => Truth::PaidByTheSecond,
            LinkStatus::Expired { .. } => Truth::Expired,
            LinkStatus::Cancelled { .. } => Truth::Cancelled,
        }
    }
}

/// What a link asks for.
fn amount_at(gateway: GatewayKind) -> i64 {
    if matches!(gateway, GatewayKind::Stripe | GatewayKind::Mollie) { 1999 } else { 50_000 }
}

/// The customer pays on the gateway's page, and nobody but the browser would tell us.
async fn pay(world: &FaultyWorld, gateway: GatewayKind, page: &str) -> Option<String> {
    let outcome = match gateway {
        GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => "paid",
        GatewayKind::Stripe | GatewayKind::Mollie | GatewayKind::Razorpay => "paid_no_webhook",
    };
    world.choose(page, outcome).await
}

/// How many orders were tried, and what was wrong.
#[derive(Default)]
struct Tried {
    orders: usize,
    wrong: Vec<String>,
}

/// Tries some orders in a world of their own, one after the other, as long as there is time.
async fn try_all(orders: Vec<Order>, time: Option<TimeBox>) -> Tried {
    let is_over = || time.as_ref().is_some_and(TimeBox::is_over);
    let mut tried = Tried::default();
    if is_over() {
        return tried;
    }
    let world = FaultyWorld::start(3600).await;
    // Events are recorded all the same; sending tens of thousands of them would tell nothing about the orders.
    for business in [seed::demo(), seed::bazaar()] {
        let endpoint = EndpointId::parse("demo-crm").unwrap();
        tests::forget_endpoint(&world.cloud.store.of(&business), &endpoint).await;
    }
    let wrong = &mut tried.wrong;
    let mut told = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        if is_over() {
            break;
        }
        tried.orders += 1;
        // Each business counts its own, so that both use the same keys.
        let number = orders[..at].iter().filter(|before| before.business == order.business).count();
        let story = Story::begin(&world, order, number).await;
        for (at, event) in order.incoming.iter().enumerate() {
            story.wait_for(*event);
            if order.doubled == Some(at) {
                tokio::join!(story.bring(at, *event), story.bring(at, *event));
            } else {
                story.bring(at, *event).await;
            }
        }
        if !story.asked.lock().unwrap().is_empty() {
            wrong.extend(story.check_asked().await.iter().map(|one| format!("{order:?}: {one}")));
            if order.account.returns_parts() {
                story.next_refund("succeeded").await;
            }
            // What nobody has called for yet is called for before the next story says how long refunds take there.
            // The rest waits for the part.
            if matches!(story.truth().await, Truth::PaidByTheFirst | Truth::PaidByTheSecond) {
                for _ in 0..2 {
                    world.sweep().await.unwrap().unwrap();
                }
            }
            // Whatever still waits at the gateway comes to an end, before it waits for longer than any bank takes.
            while story.decide_refund("succeeded").await {}
        }
        wrong.extend(world.look().iter().map(|one| format!("{order:?}: {one}")));
        let truth = story.truth().await;
        if truth != order.truth() {
            wrong.push(format!("{order:?} came to {truth:?} instead of {:?}", order.truth()));
        }
        // Days pass from order to order, and the stream never is so far behind.
        world.bring_stream().await;
        told.push(story);
    }
    world.return_unverified_money().await;
    world.confirm().await;
    wrong.extend(world.check(Stage::CaughtUp).await.0);
    world.live_out().await;
    wrong.extend(world.check(Stage::Ended).await.0);
    for story in &told {
        wrong.extend(story.check_returned().await.map(|one| format!("{:?}: {one}", story.order)));
    }
    // Nobody is told here, on purpose.
    wrong.retain(|one| !one.ends_with("was meant for nobody"));
    tried
}

/// The orders of each world, in the order in which the worlds have their turn.
fn worlds(mut orders: Vec<Order>, time: Option<&TimeBox>) -> Vec<Vec<Order>> {
    let mut chance = time.map(TimeBox::chance);
    if let Some(chance) = &mut chance {
        chance.shuffle(&mut orders);
    }
    orders.sort_by_key(|order| order.account);
    let of_one_account = orders.chunk_by(|one, other| one.account == other.account);
    let chunks = of_one_account.flat_map(|orders| orders.chunks(size_of_world(orders[0].account)));
    let mut worlds: Vec<Vec<Order>> = chunks.map(<[Order]>::to_vec).collect();
    if let Some(chance) = &mut chance {
        chance.shuffle(&mut worlds);
    }
    worlds
}

/// The orders to try: a sample, one in `EVERY`, or all where there may be time for them.
fn wanted_orders(time: Option<&TimeBox>) -> Vec<Order> {
    let every = std::env::var("PAYLINK_EVERY_ORDER").ok().and_then(|every| every.parse().ok());
    let only = std::env::var("PAYLINK_ORDER").unwrap_or_default();
    let mut wanted = match (time, every) {
        (Some(_), _) => orders(1),
        (None, Some(every)) => orders(every),
        (None, None) => orders(1).into_iter().step_by(SAMPLE).collect(),
    };
    wanted.retain(|order| format!("{order:?}").contains(&only));
    wanted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_in_whatever_order_the_first_that_decides_decides() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let time = TimeBox::from_environment();
    let orders = wanted_orders(time.as_ref());
    let all = orders.len();
    println!("{all} orders.");
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let tries = worlds(orders, time.as_ref()).into_iter().map(|orders| {
        let (room, time) = (Arc::clone(&room), time.clone());
        tokio::spawn(async move {
            let _place = room.acquire().await.unwrap();
            try_all(orders, time).await
        })
    });
    let (mut tried, mut wrong) = (0, Vec::new());
    for world in join_all(tries).await {
        let world = world.unwrap();
        tried += world.orders;
        wrong.extend(world.wrong);
    }
    if let Some(time) = time {
        println!("PAYLINK_ORDER='…' make test-orders tries one again.");
        time.close("orders", tried, Some(all), LEAST_IN_A_MINUTE);
    } else {
        assert_eq!(tried, all);
    }
    assert!(wrong.is_empty(), "{} of {tried} orders: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

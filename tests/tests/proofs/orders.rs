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
//! Links are not always alone, and not always paid at once ([`Scene`]). Some are paid in parts, of which one goes back or is paid
//! in cash. Some share their item with another link, so that no more is kept together than it asks for: a second tab is paid, or
//! both at the same moment, and the stream ends what has nothing left to pay. And some are replaced by another one, also again,
//! and keep nothing that comes afterwards. Of these every ordered choice of up to three is tried, and longer ones of a seeded
//! sample.
//!
//! Every other order is of another business, wherever that has an account at the gateway, in the same world and with the same
//! idempotency key as one of the demo business.
//!
//! What is true in the end follows from the first of them that decides anything; [`truth`] says so by a few rules, knowing
//! nothing of how the service does it.
//!
//! `make test-orders` tries all of them, `make test-orders EVERY=29` one in 29 of those that are not always tried, and
//! `PAYLINK_SECONDS=300 make test-orders` what there is time for, as `tests::time_box` says. Without any of them one in
//! [`SAMPLE`] of all is tried. `PAYLINK_ORDER` names those that are tried, by a part of what is printed about them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::gateway::{GatewayKind, Webhooks};
use domain::ids::EndpointId;
use domain::link::{Attempt, AttemptState, LinkStatus, PaymentLink, RefundCause};
use futures_util::future::join_all;
use paylink_local::seed::{self, BAZAAR, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::faulty_world::{FaultyWorld, Made, key_of};
use tests::invariants::Stage;
use tests::seeded::Seeded;
use tests::time_box::TimeBox;
use tokio::sync::Semaphore;

use self::truth::{Payer, Status, Truth};

/// One order in this many is tried unless `EVERY` names another number.
const SAMPLE: usize = 4507;

/// At most this many orders share a world. Sessions at Mollie are asked about for months, so that fewer of them do: each sweep of
/// a world asks about all of them. Nor do as many that have more than one link each.
fn size_of_world(order: &Order) -> usize {
    if order.account == Account::Mollie || !order.is_of_one_link() { 30 } else { 60 }
}

/// This many worlds run at once.
const AT_ONCE: usize = 4;

/// A third of what two processors try in a minute, or less.
const LEAST_IN_A_MINUTE: usize = 240;

/// This many longer orders are drawn of links that are alone, and as many of each other scene.
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

/// What there is beside the link that is being paid, and how it may be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    /// It is the only one, and is paid at once.
    Alone,
    /// It may be paid in parts of two fifths or more, and the first session is for such a part.
    AtLeast,
    /// It may be paid in two parts with dates, of two and of three fifths, and the first session is for both.
    Dated,
    /// Another link asks for all of the same item, and a customer is at the gateway with that one too.
    TwoTabs,
    /// Another link asks for all of the same item, and nobody has opened it.
    TwoLinks,
    /// Another link asks for two fifths of the same item, and a customer is at the gateway with that one too.
    Deposit,
}

impl Scene {
    const OF_ITEM: [Self; 3] = [Self::TwoTabs, Self::TwoLinks, Self::Deposit];

    /// What the first link asks for. Fifths of it are whole numbers where they matter.
    fn amount(self, account: Account) -> i64 {
        let is_in_cents = matches!(account.gateway(), GatewayKind::Stripe | GatewayKind::Mollie);
        match self {
            Self::Alone if is_in_cents => 1999,
            _ if is_in_cents => 2000,
            _ => 50_000,
        }
    }

    /// What the other link of the item asks for.
    fn amount_of_other(self, account: Account) -> Option<i64> {
        let all = self.amount(account);
        match self {
            Self::Alone | Self::AtLeast | Self::Dated => None,
            Self::TwoTabs | Self::TwoLinks => Some(all),
            Self::Deposit => Some(all * 2 / 5),
        }
    }

    /// Whether a customer is at the gateway with the other link from the beginning.
    fn has_tab(self) -> bool {
        matches!(self, Self::TwoTabs | Self::Deposit)
    }

    fn is_in_parts(self) -> bool {
        matches!(self, Self::AtLeast | Self::Dated)
    }

    /// What goes back where a part of a payment does.
    fn part_back(self, account: Account) -> i64 {
        self.amount(account) * if self == Self::Alone { 2 } else { 1 } / 5
    }

    /// What can come in, of an account's link in this scene.
    fn incoming(self, account: Account) -> Vec<Incoming> {
        let mut all = vec![ReturnPaid, Poll, ExpirySweep, Cancel, SecondAttemptPaid, WrittenDown];
        if account.incoming().contains(&WebhookPaid) {
            all.push(WebhookPaid);
        }
        match self {
            Self::Alone => all.extend([Replaced, NewestWrittenDown]),
            Self::AtLeast | Self::Dated => {
                all.extend([RestPaid, PartWrittenDown, Replaced]);
                // Of a gateway that calls it is known when it is done with a refund.
                let calls = account.returns_parts() && account.gateway().profile().webhooks != Webhooks::None;
                all.extend(if calls { &[PartBack, RefundFinishes, RefundFails][..] } else { &[NotedBack] });
            }
            Self::TwoTabs | Self::TwoLinks | Self::Deposit => {
                all.extend([PartWrittenDown, NotedBack, OtherPaid, OtherWrittenDown]);
                all.extend(if self.has_tab() { &[OtherTabPaid, BothAtOnce][..] } else { &[StreamComes] });
            }
        }
        all
    }
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
    /// The customer opens the link again, pays the next part of it in another session, and comes back.
    SecondAttemptPaid,
    /// The same of all that can be paid.
    RestPaid,
    /// An operator writes down that it was paid in cash, whoever may be paying.
    WrittenDown,
    /// The same of a fifth.
    PartWrittenDown,
    /// The same of all that is due of the link that took the place of the others.
    NewestWrittenDown,
    /// The CRM has another link made in the place of the newest one.
    Replaced,
    /// The customer opens the other link of the item, pays all that can be paid, and comes back.
    OtherPaid,
    /// The customer pays the other link in the tab that was open from the beginning, and comes back.
    OtherTabPaid,
    /// The same, at the moment at which the browser comes back to the first link.
    BothAtOnce,
    /// An operator writes down that the other link was paid in cash.
    OtherWrittenDown,
    /// The stream tells what happened until now.
    StreamComes,
    /// The CRM notes that all of the first payment went back by other means.
    NotedBack,
    /// The CRM has a part of the payment sent back.
    PartBack,
    /// The CRM has all that is left of the payment sent back.
    RestBack,
    /// The gateway is done with a refund that it took.
    RefundFinishes,
    /// The gateway gives up a refund that it took.
    RefundFails,
    /// Somebody refunds a part in the gateway's dashboard, and the gateway calls.
    ByHand,
    /// A bank takes a part after a dispute, and the gateway calls.
    DisputeLost,
}

use Incoming::{
    BothAtOnce, ByHand, Cancel, DisputeLost, ExpirySweep, NewestWrittenDown, NotedBack, OtherPaid, OtherTabPaid,
    OtherWrittenDown, PartBack, PartWrittenDown, Poll, RefundFails, RefundFinishes, Replaced, RestBack, RestPaid,
    ReturnCancelled, ReturnPaid, SecondAttemptPaid, StreamComes, WebhookExpired, WebhookPaid, WrittenDown,
};

impl Incoming {
    /// Whether the CRM wants or notes that money goes back.
    fn asks_back(self) -> bool {
        matches!(self, PartBack | RestBack | NotedBack)
    }

    /// Whether it is the same if it comes twice at once. Who pays a part twice has paid two parts, and what is noted at two
    /// instants is two things.
    fn may_come_twice(self, scene: Scene) -> bool {
        match self {
            StreamComes | NotedBack => false,
            SecondAttemptPaid => !scene.is_in_parts(),
            _ => true,
        }
    }
}

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

    fn currency(self) -> &'static str {
        match self.gateway() {
            GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => "IRR",
            GatewayKind::Stripe | GatewayKind::Mollie => "EUR",
            GatewayKind::Razorpay => "INR",
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
        if self.gateway().profile().shows_aftermath() {
            all.extend([ByHand, DisputeLost]);
        }
        all
    }
}

#[derive(Clone, Debug)]
struct Order {
    scene: Scene,
    account: Account,
    /// Whose account it is.
    business: &'static str,
    /// Whether the customer had paid in the first session before anything came in.
    is_paid: bool,
    incoming: Vec<Incoming>,
    /// Which of them comes twice at once.
    doubled: Option<usize>,
}

impl Order {
    /// Whether it is about one link that is paid at once, and nothing else.
    fn is_of_one_link(&self) -> bool {
        self.scene == Scene::Alone && !self.incoming.contains(&Replaced)
    }

    /// What the account is called by whose it is.
    fn account_id(&self) -> &'static str {
        match self.account.at_the_bazaar() {
            Some(account) if self.business == BAZAAR => account,
            Some(_) | None => self.account.id(),
        }
    }
}

/// Every ordered choice of one to this many.
fn choices(of: &[Incoming], most: usize) -> Vec<Vec<Incoming>> {
    let mut all: Vec<Vec<Incoming>> = Vec::new();
    let mut longest: Vec<Vec<Incoming>> = vec![Vec::new()];
    for _ in 0..most {
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
    for (number, incoming) in choices(account.incoming(), 4).into_iter().enumerate() {
        let doubled = std::iter::once(None).chain((0..incoming.len()).map(Some));
        for (is_paid, doubled) in doubled.flat_map(|doubled| [(false, doubled), (true, doubled)]) {
            // Each place has its turn to be doubled.
            let is_in_turn = doubled.is_none_or(|at| at == number % incoming.len());
            let list = if account == Account::Stripe && is_paid && is_in_turn { &mut always } else { &mut others };
            let business = account.business_in_turn(number);
            list.push(Order { scene: Scene::Alone, account, business, is_paid, incoming: incoming.clone(), doubled });
        }
    }
    (always, others)
}

/// Every order in which money goes back of what a link of the account kept, plain and with one of them doubled. Those that
/// are always tried come first.
fn refund_orders_of(account: Account) -> (Vec<Order>, Vec<Order>) {
    let (mut always, mut others) = (Vec::new(), Vec::new());
    let goes_back = |incoming: &Vec<Incoming>| incoming.contains(&PartBack) || incoming.contains(&RestBack);
    let choices = choices(&account.about_a_kept_payment(), 4).into_iter().filter(goes_back);
    for (number, chosen) in choices.enumerate() {
        let incoming = [&[ReturnPaid], chosen.as_slice()].concat();
        for doubled in [None, Some(1 + number % chosen.len())] {
            let list = if account == Account::Stripe && chosen.len() <= 3 { &mut always } else { &mut others };
            let business = account.business_in_turn(number);
            list.push(Order {
                scene: Scene::Alone,
                account,
                business,
                is_paid: true,
                incoming: incoming.clone(),
                doubled,
            });
        }
    }
    (always, others)
}

/// Every order in which cash comes before, between or after one or two others, plain and with the cash written down twice at
/// once.
fn cash_orders_of(account: Account) -> (Vec<Order>, Vec<Order>) {
    let (mut always, mut others) = (Vec::new(), Vec::new());
    for (number, chosen) in choices(account.incoming(), 2).into_iter().enumerate() {
        for place in 0..=chosen.len() {
            let incoming = [&chosen[..place], &[WrittenDown], &chosen[place..]].concat();
            let doubled = (number % 3 == 0).then_some(place);
            let list = if account == Account::Zarinpal { &mut always } else { &mut others };
            let (business, is_paid) = (account.business_in_turn(number), (number + place) % 2 == 0);
            list.push(Order { scene: Scene::Alone, account, business, is_paid, incoming, doubled });
        }
    }
    (always, others)
}

/// Every order of up to three in a scene, each with one of them doubled when it has its turn, and with a customer who had paid
/// every other time. Of a link that is alone, those in which it is replaced.
fn scene_orders_of(account: Account, scene: Scene) -> (Vec<Order>, Vec<Order>) {
    let (mut always, mut others) = (Vec::new(), Vec::new());
    let is_of_scene = |chosen: &Vec<Incoming>| scene != Scene::Alone || chosen.contains(&Replaced);
    let chosen = choices(&scene.incoming(account), 3).into_iter().filter(is_of_scene);
    for (number, incoming) in chosen.enumerate() {
        let place = number % (incoming.len() + 1);
        let doubled = incoming.get(place).is_some_and(|event| event.may_come_twice(scene)).then_some(place);
        let list = if account == Account::Stripe && incoming.len() <= 2 { &mut always } else { &mut others };
        let (business, is_paid) = (account.business_in_turn(number), number / 2 % 2 == 0);
        list.push(Order { scene, account, business, is_paid, incoming, doubled });
    }
    (always, others)
}

/// The orders to try: those that are always tried, and one in `every` of the others.
fn orders(one_in: usize) -> Vec<Order> {
    let of_each = |account| {
        let scenes = [Scene::Alone, Scene::AtLeast, Scene::Dated].into_iter().chain(Scene::OF_ITEM);
        let of_scenes = scenes.map(|scene| scene_orders_of(account, scene));
        let alone = [orders_of(account), refund_orders_of(account), cash_orders_of(account)];
        alone.into_iter().chain(of_scenes).collect::<Vec<_>>()
    };
    let lists = Account::ALL.into_iter().flat_map(of_each);
    let (always, mut others): (Vec<_>, Vec<_>) = lists.unzip();
    others.extend([longer_orders(), longer_orders_of_scenes()]);
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
        Order { scene: Scene::Alone, account, business, is_paid: !chance.once_in(4), incoming, doubled }
    };
    (0..LONGER).map(draw).collect()
}

fn longer_orders_of_scenes() -> Vec<Order> {
    let mut chance = Seeded::new(20_261);
    let scenes = [Scene::Alone, Scene::AtLeast, Scene::Dated].into_iter().chain(Scene::OF_ITEM);
    let mut draw = |scene: Scene, number| {
        let account = chance.one_of(&Account::ALL);
        let letters = scene.incoming(account);
        let incoming: Vec<Incoming> = (0..4 + chance.below(5)).map(|_| chance.one_of(&letters)).collect();
        let place = chance.below(2 * incoming.len());
        let doubled = incoming.get(place).is_some_and(|event| event.may_come_twice(scene)).then_some(place);
        let business = account.business_in_turn(number);
        Order { scene, account, business, is_paid: !chance.once_in(3), incoming, doubled }
    };
    scenes.flat_map(|scene| (0..LONGER).map(move |number| (scene, number))).map(|(scene, at)| draw(scene, at)).collect()
}

/// A link that is being paid, and all that is needed to bring things about it.
struct Story<'a> {
    world: &'a FaultyWorld,
    order: &'a Order,
    link: Made,
    /// The other link of its item, or the links that took its place, one after the other.
    others: Mutex<Vec<Made>>,
    /// Where a customer could pay the other link from the beginning.
    tab: Option<String>,
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
        let (gateway, scene) = (order.account.gateway(), order.scene);
        let amount = scene.amount(order.account);
        let ends_at = world.now() + 5 * 60 * MINUTE;
        let mut body = json!({
            "account_id": order.account_id(), "contact_id": "c-1042", "amount": amount,
            "expires_at": ends_at.to_string(),
        });
        let due = |hours: u32| (world.now() + hours * 60 * MINUTE).to_string();
        match scene {
            Scene::AtLeast => body["payment_plan"] = json!({ "minimum": amount * 2 / 5 }),
            Scene::Dated => {
                body["payment_plan"] = json!({ "parts": [{ "amount": amount * 2 / 5, "due_at": due(2) },
                                                         { "amount": amount * 3 / 5, "due_at": due(4) }] });
            }
            Scene::TwoTabs | Scene::TwoLinks | Scene::Deposit => {
                body["item_id"] = json!(put_item(world, order, number).await);
            }
            Scene::Alone => {}
        }
        let key = key_of(order.business);
        let link = world.make_link_as(key, &body, &format!("order-{number}")).await;
        let wish = if scene == Scene::Dated { "pay=all" } else { "pay=part" };
        let page = world.visit_to_pay(&link, wish).await.unwrap();
        let paid_back = if order.is_paid { Some(pay(world, gateway, &page).await.unwrap()) } else { None };
        // What was paid at SEP has to be confirmed within half an hour.
        world.turn_time(if gateway == GatewayKind::Sep { 21 * MINUTE } else { 32 * MINUTE });
        let stored = world.stored(&link).await;
        let id = stored.id();
        let back = format!("/gateways/{}/return/{id}/{}", gateway.as_str(), stored.attempts()[0].key.expose());
        let session = stored.attempts()[0].session.clone();
        let (mut others, mut tab) = (Vec::new(), None);
        if let Some(amount) = scene.amount_of_other(order.account) {
            body["amount"] = json!(amount);
            let other = world.make_link_as(key, &body, &format!("other-{number}")).await;
            if scene.has_tab() {
                tab = Some(world.go_to_gateway(&other).await);
            }
            others.push(other);
        }
        let (asked, given_up) = (Mutex::default(), AtomicUsize::new(0));
        let others = Mutex::new(others);
        Self { world, order, link, others, tab, back, paid_back, session, ends_at, asked, given_up }
    }

    /// The link of the item that the story did not begin with, or the one that took the place of all others.
    fn last(&self) -> Made {
        self.others.lock().unwrap().last().unwrap_or(&self.link).clone()
    }

    /// All links of the story as they are now.
    async fn stored(&self) -> Vec<PaymentLink> {
        let others = self.others.lock().unwrap().clone();
        let mut all = Vec::new();
        for link in std::iter::once(&self.link).chain(&others) {
            all.push(self.world.stored(link).await);
        }
        all
    }

    /// The CRM has another link made in the place of the newest one, which asks for what is due of that.
    async fn replace(&self, at: usize) {
        let body = json!({ "force": true, "payment_plan": null, "due_at": null, "expires_in_days": 30 });
        let newest = self.last();
        let reply = self.world.replace(&newest, &body, &format!("replaced-{at}")).await.unwrap();
        if reply.status == StatusCode::CREATED {
            let made = Made::read(newest.key, &reply.json());
            let mut others = self.others.lock().unwrap();
            if others.iter().all(|one| one.id != made.id) {
                others.push(made);
            }
        }
    }

    async fn pay_in_tab(&self) {
        let Some(tab) = &self.tab else { return };
        if let Some(back) = pay(self.world, self.order.account.gateway(), tab).await {
            self.world.open(&back).await.unwrap();
        }
    }

    /// A customer opens a link, chooses what to pay by this form, pays, and comes back.
    async fn open_and_pay(&self, link: &Made, form: &str) {
        let Some(page) = self.world.visit_to_pay(link, form).await else { return };
        // Nobody has paid so soon that what they say is no news.
        self.world.turn_time(Duration::from_secs(5));
        if let Some(back) = pay(self.world, self.order.account.gateway(), &page).await {
            self.world.open(&back).await.unwrap();
        }
    }

    /// The CRM notes that the first payment went back by other means, and the schedule writes that down.
    async fn note_back(&self, at: usize) {
        self.ask_back(at, NotedBack).await;
        let is_noted = self.asked.lock().unwrap().last().is_some_and(|(_, refund)| refund.is_some());
        if is_noted {
            self.world.sweep().await.unwrap().unwrap();
        }
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
        if self.order.account.returns_parts() && event != NotedBack {
            self.next_refund("pending").await;
        }
        let body = match event {
            PartBack => json!({ "amount": self.order.scene.part_back(self.order.account) }),
            NotedBack => json!({ "outside": { "reference": "T-1", "refunded_at": self.world.now().to_string() } }),
            _ => json!({}),
        };
        let reply = self.world.refund(&self.link, &body, &format!("{event:?}")).await;
        let begun = reply.filter(|reply| reply.status == StatusCode::CREATED);
        let begun = begun.map(|reply| reply.json()["id"].as_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((at, begun));
    }

    /// Says what the next refund of the link's payment is at first. Refunds of other stories' payments may be made before it.
    async fn next_refund(&self, becomes: &str) {
        let Some(session) = self.kept_session().await else { return };
        let gateway = self.order.account.gateway().as_str();
        let order = json!({ "becomes": becomes, "of": session });
        let planned = self.world.order_at_gateway(gateway, "next_refund", &order).await;
        assert!(planned.is_success(), "{gateway} takes no orders: {planned}");
    }

    /// The gateway decides the last refund of the link's payment that waits there, and says so where it calls.
    async fn decide_refund(&self, outcome: &str) -> bool {
        let gateway = self.order.account.gateway();
        let Some(session) = self.kept_session().await else { return false };
        let is_decided = self.world.decide_refund(gateway.as_str(), &session, outcome).await;
        if is_decided && gateway.profile().webhooks != Webhooks::None {
            self.world.refund_webhook(gateway, &session).await.unwrap();
        }
        is_decided
    }

    /// The session in which the payment was made that the link keeps.
    async fn kept_session(&self) -> Option<String> {
        let stored = self.world.stored(&self.link).await;
        stored.attempts().iter().find(|attempt| attempt.is_kept()).map(|kept| kept.session.clone())
    }

    fn tenth(&self) -> i64 {
        self.order.scene.amount(self.order.account) / 10
    }

    /// Things happen at the gateway to the payment that the link keeps, and the gateway calls. What cannot happen does not: a
    /// chargeback at Mollie is lost as soon as it is there.
    async fn happen(&self, orders: &[(&str, serde_json::Value)]) {
        let gateway = self.order.account.gateway();
        let stored = self.world.stored(&self.link).await;
        let Some(kept) = stored.attempts().iter().find(|attempt| attempt.looked_after().is_some()) else { return };
        for (what, order) in orders {
            self.world.order_at_gateway(gateway.as_str(), &format!("{}/{what}", kept.session), order).await;
        }
        // Who calls without a signature is heard again a few seconds later.
        self.world.turn_time(Duration::from_secs(5));
        self.world.dashboard_webhook(gateway, &kept.session).await.unwrap();
    }

    /// What is wrong with what was asked for: the same wish begins one refund, of a payment alone, and whatever was asked for
    /// first of one that can go back in parts is begun.
    async fn check_asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap().clone();
        let (mut wrong, mut begun) = (Vec::new(), BTreeMap::new());
        let first = asked.iter().map(|(at, _)| *at).find(|at| self.order.can_go_back(*at) == Some(true));
        for (at, refund) in &asked {
            let is_possible = self.order.account.returns_parts() || self.order.incoming[*at] == NotedBack;
            // What was noted before, as it could be by chance, is another thing with another instant.
            let is_begun = begun.contains_key(&format!("{:?}", self.order.incoming[*at]));
            let has_to_begin = first == Some(*at) && is_possible && !is_begun;
            let must_not = self.order.can_go_back(*at) == Some(false);
            if refund.is_some() && must_not || refund.is_none() && has_to_begin {
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
        let asked_for = kept.flat_map(|kept| &kept.refunds).filter(|one| one.cause == RefundCause::Requested);
        let known: BTreeSet<String> = asked_for.map(|one| one.id.to_string()).collect();
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
        // What somebody took by hand meanwhile is not there any more for what was asked for before.
        let may_be_refused = [ByHand, DisputeLost].iter().any(|one| self.order.incoming.contains(one));
        let is_as_given_up = if may_be_refused { failed >= given_up } else { failed == given_up };
        let is_right = gone + failed == states.len() && (is_as_given_up || !self.order.account.returns_parts());
        (!is_right).then(|| format!("the gateway gave up {given_up} refunds, and there are {refunds:?}"))
    }

    async fn bring(&self, at: usize, event: Incoming) {
        match event {
            PartBack | RestBack => self.ask_back(at, event).await,
            NotedBack => self.note_back(at).await,
            RefundFinishes => drop(self.decide_refund("succeeded").await),
            RefundFails => {
                if self.decide_refund("failed").await {
                    self.given_up.fetch_add(1, Ordering::Relaxed);
                }
            }
            ByHand => self.happen(&[("dashboard_refund", json!({ "amount": self.tenth(), "silent": true }))]).await,
            DisputeLost => {
                let dispute = json!({ "amount": self.tenth() * 2, "silent": true });
                let lost = json!({ "outcome": "lost", "silent": true });
                self.happen(&[("dispute", dispute), ("complete_dispute", lost)]).await;
            }
            ReturnPaid => self.come_back_paid().await,
            ReturnCancelled => self.come_back_cancelled().await,
            WebhookPaid => self.webhook("checkout.session.completed", "payment_link.paid").await,
            WebhookExpired => self.webhook("checkout.session.expired", "payment_link.expired").await,
            Poll | ExpirySweep => drop(self.world.sweep().await.unwrap().unwrap()),
            WrittenDown => drop(self.world.record(&self.link, &format!("cash-{at}")).await),
            PartWrittenDown => {
                let fifth = self.order.scene.amount(self.order.account) / 5;
                self.world.record_some(&self.link, Some(fifth), &format!("part-{at}")).await;
            }
            NewestWrittenDown | OtherWrittenDown => {
                self.world.record(&self.last(), &format!("last-{at}")).await;
            }
            Replaced => self.replace(at).await,
            OtherPaid => self.open_and_pay(&self.last(), "pay=all").await,
            OtherTabPaid => self.pay_in_tab().await,
            BothAtOnce => drop(tokio::join!(self.come_back_paid(), self.pay_in_tab())),
            StreamComes => self.world.bring_stream().await,
            Cancel => drop(self.world.cancel(&self.link, true).await),
            SecondAttemptPaid => self.open_and_pay(&self.link, "pay=part").await,
            RestPaid => self.open_and_pay(&self.link, "pay=all").await,
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
            // Who calls without a signature is heard again a few seconds later.
            RefundFinishes | RefundFails if self.order.scene.is_in_parts() => {
                self.world.turn_time(Duration::from_secs(5));
            }
            ReturnPaid | ReturnCancelled | WebhookPaid | WebhookExpired | Cancel | SecondAttemptPaid | RestPaid => {}
            WrittenDown | PartWrittenDown | NewestWrittenDown | OtherWrittenDown | Replaced | StreamComes => {}
            OtherPaid | OtherTabPaid | BothAtOnce => {}
            PartBack | RestBack | NotedBack | RefundFinishes | RefundFails | ByHand | DisputeLost => {}
        }
    }

    /// What has become of each link.
    async fn truth(&self) -> Vec<Truth> {
        let now = self.world.now();
        self.stored().await.iter().enumerate().map(|(at, link)| truth_of(link, at == truth::FIRST, now)).collect()
    }

    /// Whether the link that the story began with keeps money that a gateway took.
    async fn has_money(&self) -> bool {
        let stored = self.world.stored(&self.link).await;
        stored.attempts().iter().any(|attempt| attempt.is_kept() && !attempt.is_recorded())
    }

    /// What is wrong with what gateways took: that nobody pays more than is asked for needs no order of anything.
    async fn check_sums(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let taken = |link: &PaymentLink| -> i64 {
            let by_gateway = link.payments().filter(|attempt| !attempt.is_recorded());
            by_gateway.map(|attempt| attempt.money.minor_units() - attempt.refunded()).sum()
        };
        let (links, asked) = (self.stored().await, self.order.scene.amount(self.order.account));
        for link in &links {
            if taken(link) > link.terms().amount.minor_units() {
                wrong.push(format!("{} keeps {} of gateways", link.id(), taken(link)));
            }
        }
        let together: i64 = links.iter().map(taken).sum();
        if together > asked {
            wrong.push(format!("{asked} is asked for, and gateways' payments are {together}"));
        }
        wrong
    }
}

fn truth_of(link: &PaymentLink, is_first: bool, now: domain::Timestamp) -> Truth {
    let status = match link.status_at(now) {
        LinkStatus::Active => Status::Active,
        LinkStatus::Paid { .. } => Status::Paid,
        LinkStatus::Expired { .. } => Status::Expired,
        LinkStatus::Cancelled { .. } => Status::Cancelled,
        LinkStatus::Replaced { .. } => Status::Replaced,
    };
    let payer = |(at, attempt): (usize, &Attempt)| match attempt.is_recorded() {
        true => Payer::Cash,
        false if at == 0 && is_first => Payer::First,
        false => Payer::Later,
    };
    let numbered = link.attempts().iter().enumerate().filter(|(_, attempt)| attempt.is_kept());
    let mut kept: Vec<(Payer, i64)> =
        numbered.map(|(at, attempt)| (payer((at, attempt)), attempt.money.minor_units())).collect();
    kept.sort_unstable();
    let waits = |attempt: &&Attempt| matches!(attempt.state, AttemptState::AwaitingReversal { .. });
    let waiting = link.attempts().iter().filter(waits).count();
    Truth { status, kept, due: link.amount_due().minor_units(), waiting }
}

/// The CRM writes the item that the links of an order are for.
async fn put_item(world: &FaultyWorld, order: &Order, number: usize) -> String {
    let id = format!("item-{number}");
    let item = json!({
        "kind": "invoice", "title": id, "contact_id": "c-1042", "amount": order.scene.amount(order.account),
        "currency": order.account.currency(),
    });
    let reply =
        world.crm_as(key_of(order.business), Method::PUT, &format!("/v1/items/{id}"), &item, &[]).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
    id
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
            if story.has_money().await {
                for _ in 0..2 {
                    world.sweep().await.unwrap().unwrap();
                }
            }
            // Whatever still waits at the gateway comes to an end, before it waits for longer than any bank takes.
            while story.decide_refund("succeeded").await {}
        }
        wrong.extend(world.look().iter().map(|one| format!("{order:?}: {one}")));
        let (truth, expected) = (story.truth().await, order.truths());
        if !expected.contains(&truth) {
            wrong.push(format!("{order:?} came to {truth:?} instead of {expected:?}"));
        }
        wrong.extend(story.check_sums().await.iter().map(|one| format!("{order:?}: {one}")));
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

/// The orders of each world, in the order in which the worlds have their turn: those of one link that is paid at once, of which
/// there are more than of all others together, and those others take turns.
fn worlds(mut orders: Vec<Order>, time: Option<&TimeBox>) -> Vec<Vec<Order>> {
    let mut chance = time.map(TimeBox::chance);
    if let Some(chance) = &mut chance {
        chance.shuffle(&mut orders);
    }
    orders.sort_by_key(|order| (order.is_of_one_link(), order.account));
    let is_alike =
        |one: &Order, other: &Order| one.account == other.account && one.is_of_one_link() == other.is_of_one_link();
    let chunks = orders.chunk_by(is_alike).flat_map(|orders| orders.chunks(size_of_world(&orders[0])));
    let mut worlds: Vec<Vec<Order>> = chunks.map(<[Order]>::to_vec).collect();
    if let Some(chance) = &mut chance {
        chance.shuffle(&mut worlds);
    }
    let (of_one, others): (Vec<_>, Vec<_>) = worlds.into_iter().partition(|world| world[0].is_of_one_link());
    let mut others = others.into_iter();
    let mut turns: Vec<_> = of_one.into_iter().flat_map(|world| [Some(world), others.next()]).flatten().collect();
    turns.extend(others);
    turns
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
    assert!(wrong.is_empty(), "{} of {tried} orders: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    if let Some(time) = time {
        println!("PAYLINK_ORDER='…' make test-orders tries one again.");
        time.close("orders", tried, Some(all), LEAST_IN_A_MINUTE);
    } else {
        assert_eq!(tried, all);
    }
}

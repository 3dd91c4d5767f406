//! Whatever comes in, in whatever order: the same truth in the end.
//!
//! A customer opened a link and paid, or did not. Then things come in: returns and webhooks, true and false ones, the
//! schedule, the end of the link's time, the CRM's wish to cancel, a second session that is paid. Every ordered choice of up
//! to four of them is tried, each also with one of them coming twice at once, and a seeded sample of longer ones.
//!
//! What is true in the end follows from the first of them that decides anything; [`Order::truth`] says so in a few lines,
//! knowing nothing of how the service does it.
//!
//! `make test-orders` tries all of them, otherwise one in [`SAMPLE`] is tried.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::sync::Arc;
use std::time::Duration;

use domain::ids::{AttemptId, EndpointId, LinkId, ReturnKey};
use domain::link::LinkStatus;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;
use tests::seeded::Seeded;
use tokio::sync::Semaphore;

/// One order in so many is tried where not all are asked for.
const SAMPLE: usize = 331;

/// So many orders share a world.
const WORLD: usize = 250;

/// So many longer orders are drawn.
const LONGER: usize = 1000;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gateway {
    Zarinpal,
    Zibal,
    Stripe,
    Mollie,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    ReturnPaid,
    ReturnCancelled,
    WebhookPaid,
    WebhookExpired,
    Poll,
    ExpirySweep,
    Cancel,
    SecondAttemptPaid,
}

use Happening::{
    Cancel, ExpirySweep, Poll, ReturnCancelled, ReturnPaid, SecondAttemptPaid, WebhookExpired, WebhookPaid,
};

impl Gateway {
    const ALL: [Self; 4] = [Self::Zarinpal, Self::Zibal, Self::Stripe, Self::Mollie];

    /// What can come in from this gateway; the Iranian ones send no webhooks, and what Mollie's say is always the same.
    fn happenings(self) -> &'static [Happening] {
        match self {
            Self::Zarinpal | Self::Zibal => {
                &[ReturnPaid, ReturnCancelled, Poll, ExpirySweep, Cancel, SecondAttemptPaid]
            }
            Self::Mollie => &[ReturnPaid, WebhookPaid, Poll, ExpirySweep, Cancel, SecondAttemptPaid],
            Self::Stripe => &[
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

#[derive(Clone, Debug)]
struct Order {
    gateway: Gateway,
    /// Whether the customer had paid in the first session before anything came in.
    is_paid: bool,
    happenings: Vec<Happening>,
    /// Which of them comes twice at once.
    doubled: Option<usize>,
}

/// What a link has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Active,
    PaidByTheFirst,
    PaidByTheSecond,
    Expired,
    Cancelled,
}

impl Order {
    /// The first thing that decides anything decides.
    fn truth(&self) -> Truth {
        let decided = self.happenings.iter().find_map(|happening| match happening {
            // A report, true or false, makes us ask; the gateway knows of the payment, if there is one.
            ReturnPaid | ReturnCancelled | WebhookPaid | WebhookExpired | Poll => {
                self.is_paid.then_some(Truth::PaidByTheFirst)
            }
            ExpirySweep => Some(Truth::Expired),
            Cancel => Some(Truth::Cancelled),
            SecondAttemptPaid => Some(Truth::PaidByTheSecond),
        });
        decided.unwrap_or(Truth::Active)
    }
}

/// Every ordered choice of one to four.
fn choices(of: &[Happening]) -> Vec<Vec<Happening>> {
    let mut all: Vec<Vec<Happening>> = Vec::new();
    let mut longest: Vec<Vec<Happening>> = vec![Vec::new()];
    for _ in 0..4 {
        longest = longest
            .iter()
            .flat_map(|chosen| {
                let rest = of.iter().filter(|happening| !chosen.contains(happening));
                rest.map(|next| [chosen.as_slice(), &[*next]].concat()).collect::<Vec<_>>()
            })
            .collect();
        all.extend(longest.iter().cloned());
    }
    all
}

fn all_orders() -> Vec<Order> {
    let mut orders = Vec::new();
    for gateway in Gateway::ALL {
        for happenings in choices(gateway.happenings()) {
            let order = |is_paid, doubled| Order { gateway, is_paid, happenings: happenings.clone(), doubled };
            orders.push(order(false, None));
            orders.push(order(true, None));
            // Each of a few comes twice, and of four another one in each order.
            let doubled =
                if happenings.len() < 4 { 0..happenings.len() } else { orders.len() % 4..orders.len() % 4 + 1 };
            orders.extend(doubled.map(|at| order(true, Some(at))));
        }
    }
    let mut chance = Seeded::new(20_260);
    orders.extend((0..LONGER).map(|_| {
        let gateway = chance.one_of(&Gateway::ALL);
        let length = 5 + chance.below(6);
        let happenings: Vec<Happening> = (0..length).map(|_| chance.one_of(gateway.happenings())).collect();
        let doubled = chance.once_in(2).then(|| chance.below(length));
        Order { gateway, is_paid: !chance.once_in(4), happenings, doubled }
    }));
    orders
}

/// A link that is being paid, and all that is needed to bring things about it.
struct Story<'a> {
    world: &'a FaultyWorld,
    order: &'a Order,
    link: Made,
    /// Where the browser comes back to, without its query.
    back: String,
    session: String,
    ends_at: domain::Timestamp,
}

impl<'a> Story<'a> {
    /// A link whose first session is over: paid in, or not.
    async fn begin(world: &'a FaultyWorld, order: &'a Order, number: usize) -> Self {
        let (account, amount) = match order.gateway {
            Gateway::Zarinpal => ("main", 50_000),
            Gateway::Zibal => ("zibal", 50_000),
            Gateway::Stripe => ("euro", 1999),
            Gateway::Mollie => ("mollie", 1999),
        };
        let ends_at = world.now() + 5 * 60 * MINUTE;
        let body = json!({
            "account_id": account, "contact_id": "c-1042", "amount": amount, "expires_at": ends_at.to_string(),
        });
        let link = world.make_link(&body, &format!("order-{number}")).await;
        let page = world.go_to_gateway(&link).await;
        if order.is_paid {
            pay(world, order.gateway, &page).await.unwrap();
        }
        world.turn_time(32 * MINUTE);
        let id = LinkId::parse(&link.id).unwrap();
        let stored = world.cloud.store.link(&id).await.unwrap().unwrap();
        let gateway = stored.terms().account.gateway.as_str();
        let back = format!("/gateways/{gateway}/return/{id}/{}", stored.attempts()[0].key.expose());
        Self { world, order, link, back, session: stored.attempts()[0].session.clone(), ends_at }
    }

    async fn come_back(&self, at_zarinpal: &str, at_stripe: &str) {
        let query = match self.order.gateway {
            Gateway::Zarinpal => format!("Authority={}&Status={at_zarinpal}", self.session),
            Gateway::Zibal => format!("trackId={}&success={}", self.session, u8::from(at_zarinpal == "OK")),
            Gateway::Stripe => format!("outcome={at_stripe}"),
            Gateway::Mollie => String::new(),
        };
        self.world.open(&format!("{}?{query}", self.back)).await.unwrap();
    }

    /// Mollie says that something changed.
    async fn hear_mollie(&self) {
        let key = self.back.rsplit('/').next().unwrap();
        let attempt = AttemptId::of(&ReturnKey::parse(key).unwrap());
        let address = format!("/gateways/mollie/notify/mollie?link={}&attempt={attempt}", self.link.id);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.world.ask(Method::POST, &address, &form, Some(&format!("id={}", self.session))).await.unwrap();
    }

    async fn happen(&self, happening: Happening) {
        match happening {
            ReturnPaid => self.come_back("OK", "success").await,
            ReturnCancelled => self.come_back("NOK", "cancel").await,
            WebhookPaid if self.order.gateway == Gateway::Mollie => self.hear_mollie().await,
            WebhookPaid => drop(self.world.webhook(&self.session, "checkout.session.completed").await),
            WebhookExpired => drop(self.world.webhook(&self.session, "checkout.session.expired").await),
            Poll | ExpirySweep => drop(self.world.sweep().await.unwrap().unwrap()),
            Cancel => drop(self.world.cancel(&self.link, true).await),
            SecondAttemptPaid => {
                if let Some(page) = self.world.visit(&self.link).await
                    && let Some(back) = pay(self.world, self.order.gateway, &page).await
                {
                    self.world.open(&back).await.unwrap();
                }
            }
        }
    }

    /// Lets time pass where the happening needs it.
    fn wait_for(&self, happening: Happening) {
        match happening {
            Poll => self.world.turn_time(MINUTE),
            ExpirySweep => {
                let left = self.ends_at.duration_since(self.world.now());
                self.world.turn_time(Duration::try_from(left).unwrap_or_default() + 40 * MINUTE);
            }
            ReturnPaid | ReturnCancelled | WebhookPaid | WebhookExpired | Cancel | SecondAttemptPaid => {}
        }
    }

    async fn truth(&self) -> Truth {
        let id = LinkId::parse(&self.link.id).unwrap();
        let link = self.world.cloud.store.link(&id).await.unwrap().unwrap();
        match link.status_at(self.world.now()) {
            LinkStatus::Active => Truth::Active,
            LinkStatus::Paid { paid_by, .. } if paid_by == link.attempts()[0].id => Truth::PaidByTheFirst,
            LinkStatus::Paid { .. } => Truth::PaidByTheSecond,
            LinkStatus::Expired { .. } => Truth::Expired,
            LinkStatus::Cancelled { .. } => Truth::Cancelled,
        }
    }
}

/// The customer pays on the gateway's page, and nobody but the browser would tell us.
async fn pay(world: &FaultyWorld, gateway: Gateway, page: &str) -> Option<String> {
    let outcome = match gateway {
        Gateway::Zarinpal | Gateway::Zibal => "paid",
        Gateway::Stripe | Gateway::Mollie => "paid_no_webhook",
    };
    world.choose(page, outcome).await
}

/// Tries some orders in a world of their own, one after the other, and says what was wrong.
async fn try_all(orders: Vec<Order>) -> Vec<String> {
    let world = FaultyWorld::start(3600).await;
    // Events are recorded all the same; sending tens of thousands of them would tell nothing about the orders.
    world.cloud.store.delete_endpoint(&EndpointId::parse("demo-crm").unwrap()).await.unwrap();
    let mut wrong = Vec::new();
    for (number, order) in orders.iter().enumerate() {
        let story = Story::begin(&world, order, number).await;
        for (at, happening) in order.happenings.iter().enumerate() {
            story.wait_for(*happening);
            if order.doubled == Some(at) {
                tokio::join!(story.happen(*happening), story.happen(*happening));
            } else {
                story.happen(*happening).await;
            }
        }
        let truth = story.truth().await;
        if truth != order.truth() {
            wrong.push(format!("{order:?} came to {truth:?} instead of {:?}", order.truth()));
        }
        // Days pass from order to order, and the stream never is so far behind.
        world.bring_stream().await;
    }
    world.return_unverified_money().await;
    world.settle().await;
    wrong.extend(world.check(Stage::Settled).await.0);
    world.live_out().await;
    wrong.extend(world.check(Stage::Ended).await.0);
    // Nobody is told here, on purpose.
    wrong.retain(|one| !one.ends_with("was meant for nobody"));
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_in_whatever_order_the_first_that_decides_decides() {
    let every = if std::env::var_os("PAYLINK_EVERY_ORDER").is_some() { 1 } else { SAMPLE };
    let orders: Vec<Order> = all_orders().into_iter().step_by(every).collect();
    println!("{} orders.", orders.len());
    let room = Arc::new(Semaphore::new(4));
    let worlds = orders.chunks(WORLD).map(|orders| {
        let (room, orders) = (Arc::clone(&room), orders.to_vec());
        tokio::spawn(async move {
            let _place = room.acquire().await.unwrap();
            try_all(orders).await
        })
    });
    let wrong: Vec<String> = join_all(worlds).await.into_iter().flat_map(Result::unwrap).collect();
    assert!(wrong.is_empty(), "{} of {} orders: {:#?}", wrong.len(), orders.len(), &wrong[..wrong.len().min(20)]);
}

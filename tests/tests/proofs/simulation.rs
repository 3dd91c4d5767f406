//! Hours in the life of two businesses, many times over: links are made and paid at every gateway, on accounts that take
//! late money and on others, customers come and go, pay less, and try the reference of another payment, the CRM
//! cancels, reminds and decides what needed review, money goes back whole, in parts and by other means, also where two ask for
//! it at once, persons find out what became of that, somebody refunds in a gateway's dashboard, banks send refunds back and ask
//! for money again, of which gateways call or do not, books are closed and opened, time passes, and whatever can go wrong
//! with a call does, by chance.
//! Sometimes nothing is delivered for so long that the stream gives up. Both businesses call their links, keys, accounts and
//! customers alike, and at some gateways they are one merchant. After each step nothing has moved backward, and in the end
//! the books of each are right.
//!
//! Each seed is another story. `make simulate SEEDS=1000` tells a thousand; where one ends badly, its seed and what
//! happened in it are printed, and `FIRST_SEED=… SEEDS=1` tells it again. `PAYLINK_SECONDS=300 make simulate` tells as
//! many as there is time for, from a seed on that follows from the commit, as `tests::time_box` says. The ids and keys
//! that the functions draw are not of the seed, so that a race may go another way then.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::gateway::{GatewayKind, Webhooks};
use domain::link::Attempt;
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use paylink_local::seed::{BAZAAR, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Reply;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made, key_of};
use tests::invariants::{Evidence, Stage};
use tests::lists::Extent;
use tests::seeded::Seeded;
use tests::time_box::TimeBox;
use tests::totals::{ask, disagreements};
use url::form_urlencoded;

/// The number of stories unless `SEEDS` names another.
const FEW: u64 = 6;

/// A world is used for this many stories, because every check of it and every write in it takes longer than the last.
const STORIES_OF_A_WORLD: usize = 10;

/// This many worlds run at once: most of a world's time is spent waiting for another try.
const WORLDS: usize = 6;

/// A third of what two processors tell in a minute, or less.
const LEAST_IN_A_MINUTE: usize = 10;

/// Somebody who changes settings tries this often.
const MOST_ASKED: usize = 50;

/// The number of steps in a story.
const STEPS: usize = 70;

/// The stream gives a record up after this many tries.
const STREAM_TRIES: usize = 11;

/// A number that the demo business's own line serves.
const LINE_NUMBER: &str = "+971500000000";

const MINUTE: Duration = Duration::from_secs(60);

/// A link that the CRM wants, and has when it was answered.
struct Wanted {
    body: Value,
    key: String,
    made: Option<Made>,
    account: Account,
    /// Somebody tried to pay it with the reference of another payment.
    is_tried_on: bool,
    /// The gateway's page that the customer was sent to.
    page: Option<String>,
    /// Where the gateway sent the browser that has not come back yet.
    back: Option<String>,
    /// What the CRM wanted to be returned of its payment.
    wishes: Vec<Wish>,
}

/// Money that the CRM wants to be returned.
struct Wish {
    body: Value,
    key: String,
    /// The refund that came of it.
    refund: Option<String>,
    /// The CRM was answered, and does not ask again.
    is_answered: bool,
}

/// What Stripe, Mollie and Razorpay tell that is not about a session but about a refund in it.
const ABOUT_A_REFUND: &str = "a refund changed";

/// And what happened there without us.
const ABOUT_THE_DASHBOARD: &str = "somebody was at the dashboard";
const ABOUT_A_DISPUTE: &str = "a dispute changed";

/// The gateways that can be told to take their time with a refund.
const SLOW_GATEWAYS: [GatewayKind; 4] =
    [GatewayKind::Zibal, GatewayKind::Stripe, GatewayKind::Mollie, GatewayKind::Razorpay];

/// A session and what its gateway wants to tell about it.
#[derive(Clone)]
struct Webhook {
    gateway: GatewayKind,
    session: String,
    kind: &'static str,
}

/// An account, behind the business whose it is.
pub(crate) type Account = (&'static str, &'static str);

/// What accounts are chosen from, the more often the more they stand here.
const ACCOUNTS: [Account; 20] = [
    (DEMO, "main"),
    (DEMO, "main"),
    (DEMO, "zibal"),
    (DEMO, "saman"),
    (DEMO, "saman"),
    (DEMO, "euro"),
    (DEMO, "euro"),
    (DEMO, "euro"),
    (DEMO, "mollie"),
    (DEMO, "rupee"),
    (DEMO, "late-main"),
    (DEMO, "late-euro"),
    (DEMO, "late-euro"),
    (DEMO, "late-saman"),
    (BAZAAR, "main"),
    (BAZAAR, "main"),
    (BAZAAR, "late-main"),
    (BAZAAR, "rial"),
    (BAZAAR, "rial"),
    (BAZAAR, "saman"),
];

/// At which gateway an account is paid.
pub(crate) fn gateway_of(account: Account) -> GatewayKind {
    match account {
        (BAZAAR, "rial") | (DEMO, "main" | "late-main") => GatewayKind::Zarinpal,
        (_, "zibal") => GatewayKind::Zibal,
        (_, "saman" | "late-saman") => GatewayKind::Sep,
        (_, "mollie") => GatewayKind::Mollie,
        (_, "rupee") => GatewayKind::Razorpay,
        _ => GatewayKind::Stripe,
    }
}

/// Whether an account is at this gateway.
pub(crate) fn tries(gateway: GatewayKind) -> bool {
    ACCOUNTS.iter().any(|account| gateway_of(*account) == gateway)
}

struct Story<'a> {
    world: &'a FaultyWorld,
    chance: Seeded,
    links: Vec<Wanted>,
    webhooks: Vec<Webhook>,
    /// Payments at Stripe whose money is on its way.
    processing: Vec<String>,
    /// The fields with which customers of SEP came back who had paid.
    references: Vec<String>,
    began_at: domain::Timestamp,
    /// How often something was asked for under a key.
    asked: usize,
    history: String,
    /// When the demo business closed its books in this story, or opened them.
    closings: Vec<Closing>,
    /// What was carried away, by its business and its id.
    exports: Vec<(&'static str, String)>,
    /// What was wrong with an answer to the CRM.
    wrong: Vec<String>,
}

/// Books were closed, or opened.
struct Closing {
    /// It counts for what is written after this.
    done_at: domain::Timestamp,
    /// From when on they are open then. `None` where they all are.
    open_from: Option<domain::Timestamp>,
}

impl<'a> Story<'a> {
    fn new(world: &'a FaultyWorld, seed: u64) -> Self {
        let mut chance = Seeded::new(seed);
        let mut of_business = BTreeMap::new();
        let links = (0..5 + chance.below(3)).map(|_| wanted(&mut chance, world, seed, &mut of_business)).collect();
        let mut story = Self {
            world,
            chance,
            links,
            webhooks: Vec::new(),
            processing: Vec::new(),
            references: Vec::new(),
            began_at: world.now(),
            asked: 0,
            closings: Vec::new(),
            exports: Vec::new(),
            history: String::new(),
            wrong: Vec::new(),
        };
        story.note("The story begins.");
        story
    }

    fn note(&mut self, what: &str) {
        let _ = writeln!(self.history, "{} {what}", self.world.now());
    }

    /// One thing happens, or two at once.
    async fn step(&mut self) {
        let at = self.chance.below(self.links.len());
        match self.chance.below(37) {
            0..=2 => self.ask_for(at).await,
            3..=5 => self.visit(at).await,
            6..=7 => self.pay(at).await,
            8..=9 => self.come_back(at).await,
            10 => self.deliver_webhook().await,
            11 => self.cancel(at).await,
            12 => self.gateway_goes_on().await,
            13 => self.schedules_come().await,
            14 => self.sweep_meets_customer(at).await,
            15 => self.resolve(at).await,
            16 => self.resend(at).await,
            17 => self.try_another_reference().await,
            18 => self.refunds_go_on().await,
            19 => self.report(at).await,
            20..=21 => self.pay_at_once(at).await,
            22..=23 => self.refund(at).await,
            24 => self.two_refund_at_once(at).await,
            25 => self.find_out(at).await,
            26 => self.close_books(at).await,
            27 => self.record(at).await,
            28..=29 => self.void(at).await,
            30 => self.hold(at).await,
            31..=32 => self.something_happens_at_the_gateway(at).await,
            33 => self.replace(at).await,
            34 => self.ask_for_renewal(at).await,
            35 => self.carry_away().await,
            _ => self.time_passes(),
        }
    }

    /// The CRM asks for a link, and asks again with the same key where it got no answer.
    async fn ask_for(&mut self, at: usize) {
        let wanted = &mut self.links[at];
        if wanted.made.is_some() {
            return;
        }
        let ((business, account), api_key) = (wanted.account, key_of(wanted.account.0));
        let reply = self.world.create_as(api_key, &wanted.body, &wanted.key).await;
        let status = reply.as_ref().map(|reply| reply.status);
        let made = reply.filter(|reply| reply.status == StatusCode::CREATED);
        wanted.made = made.map(|reply| Made::read(api_key, &reply.json()));
        self.note(&format!("link {at} is asked for by {business} on {account}: {status:?}"));
    }

    async fn visit(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        // Where the link leaves that to the customer, it is chosen what to pay.
        let choice = self.chance.one_of(&["pay=part", "pay=all", "pay=other&amount=20000", ""]);
        let page = self.world.visit_to_pay(&link, choice).await;
        self.note(&format!("link {at} is opened, {choice} is chosen, and it leads to {page:?}"));
        if page.is_some() {
            self.links[at].page = page;
        }
    }

    async fn pay(&mut self, at: usize) {
        let Some(page) = self.links[at].page.clone() else { return };
        let gateway = gateway_of(self.links[at].account);
        let outcome = match gateway {
            GatewayKind::Zarinpal => {
                self.chance.one_of(&["paid", "paid", "paid_no_return", "failed", "cancelled", "paid_reported_nok"])
            }
            GatewayKind::Zibal => {
                self.chance.one_of(&["paid", "paid_no_return", "failed", "cancelled", "paid_reported_nok", "paid_less"])
            }
            GatewayKind::Sep => {
                self.chance.one_of(&["paid", "paid", "paid_no_return", "failed", "cancelled", "paid_less"])
            }
            GatewayKind::Mollie | GatewayKind::Razorpay => {
                self.chance.one_of(&["paid_no_webhook", "paid_silent", "failed", "cancelled", "paid_less"])
            }
            GatewayKind::Stripe => self.chance.one_of(&[
                "paid_no_webhook",
                "paid_no_webhook",
                "paid_silent",
                "failed",
                "cancelled",
                "processing",
                "paid_less",
            ]),
        };
        let back = self.world.choose(&page, outcome).await;
        self.note(&format!("in link {at} the customer's payment is {outcome}, back to {back:?}"));
        let session = page.rsplit('/').next().unwrap().to_owned();
        if !["failed", "cancelled"].contains(&outcome) {
            self.queue_webhooks(gateway, &session);
        }
        if gateway == GatewayKind::Sep && outcome == "paid" {
            let return_reference =
                back.as_deref().and_then(|back| back.split(['?', '&']).find(|one| one.starts_with("RefNum=")));
            self.references.extend(return_reference.map(str::to_owned));
        }
        if outcome == "processing" && back.is_some() {
            self.processing.push(session);
        }
        if back.is_some() {
            self.links[at].back = back;
        }
    }

    /// The browser comes back, sometimes again and again, or is closed.
    async fn come_back(&mut self, at: usize) {
        let Some(back) = self.links[at].back.clone() else { return };
        let status = self.world.open(&back).await.map(|reply| reply.status);
        self.note(&format!("in link {at} the browser came back: {status:?}"));
        if !self.chance.once_in(3) {
            self.links[at].back = None;
        }
    }

    /// Queues the webhooks of a paid session's gateway: a true one, and now and then a wrong one.
    fn queue_webhooks(&mut self, gateway: GatewayKind, session: &str) {
        let kinds = match gateway {
            GatewayKind::Stripe => ["checkout.session.completed", "checkout.session.expired"],
            GatewayKind::Razorpay => ["payment_link.paid", "payment_link.expired"],
            GatewayKind::Mollie => ["it changed", "it changed again"],
            GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => return,
        };
        let queued = if self.chance.once_in(3) { &kinds[..] } else { &kinds[..1] };
        for &kind in queued {
            self.webhooks.push(Webhook { gateway, session: session.to_owned(), kind });
        }
    }

    /// A gateway sends a webhook, and sends it again where it was not answered with success.
    async fn deliver_webhook(&mut self) {
        if self.webhooks.is_empty() {
            return;
        }
        let at = self.chance.below(self.webhooks.len());
        let status = self.tell(&self.webhooks[at].clone()).await;
        if status.is_some_and(|status| status.is_success()) && !self.chance.once_in(4) {
            self.webhooks.remove(at);
        }
    }

    /// A gateway's server calls.
    async fn tell(&mut self, webhook: &Webhook) -> Option<StatusCode> {
        let Webhook { gateway, session, kind } = webhook;
        let reply = match *kind {
            ABOUT_A_REFUND => self.world.refund_webhook(*gateway, session).await,
            ABOUT_THE_DASHBOARD => self.world.dashboard_webhook(*gateway, session).await,
            ABOUT_A_DISPUTE => self.world.dispute_webhook(*gateway, session).await,
            _ => self.world.webhook(*gateway, session, kind).await,
        };
        let status = reply.map(|reply| reply.status);
        self.note(&format!("{gateway:?} tells {kind} of {session}: {status:?}"));
        status
    }

    /// The customer opens the link, pays, and comes back, as most do.
    async fn pay_at_once(&mut self, at: usize) {
        self.ask_for(at).await;
        self.visit(at).await;
        let Some(page) = self.links[at].page.clone() else { return };
        let outcome = match gateway_of(self.links[at].account) {
            GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => "paid",
            GatewayKind::Stripe | GatewayKind::Mollie | GatewayKind::Razorpay => "paid_no_webhook",
        };
        let back = self.world.choose(&page, outcome).await;
        self.note(&format!("in link {at} the customer pays at once, back to {back:?}"));
        if back.is_some() {
            self.links[at].back = back;
        }
        self.come_back(at).await;
    }

    /// A link that has a payment: this one, or the next that has.
    async fn paid(&self, at: usize) -> Option<(usize, Made)> {
        for number in 0..self.links.len() {
            let at = (at + number) % self.links.len();
            let Some(link) = self.links[at].made.clone() else { continue };
            let stored = self.world.stored(&link).await;
            if stored.attempts().iter().any(|attempt| attempt.is_kept()) {
                return Some((at, link));
            }
        }
        None
    }

    /// The CRM has money of a payment sent back, or says that it went by other means. Where it got no answer, it asks for the
    /// same under the same key; now and then it does so where it got one.
    async fn refund(&mut self, at: usize) {
        let Some((at, _)) = self.paid(at).await else { return };
        let known = self.links[at].wishes.iter().position(|wish| !wish.is_answered);
        let again = self.chance.once_in(6).then(|| self.links[at].wishes.len().checked_sub(1)).flatten();
        let number = match known.or(again) {
            Some(number) => number,
            None => {
                let body = self.wish(at);
                self.add_wish(at, body)
            }
        };
        self.ask_for_refund(at, number).await;
    }

    /// Anything that a CRM may want to be returned of a payment.
    fn wish(&mut self, at: usize) -> Value {
        let amount = self.links[at].body["amount"].as_i64().unwrap();
        let part = self.chance.one_of(&[1, amount / 7, amount / 3, amount / 2, amount * 6 / 10, amount]);
        match self.chance.below(6) {
            0..=1 => json!({}),
            2..=4 => json!({ "amount": part }),
            _ => {
                let minutes = self.chance.one_of(&[0_u32, 1, 10, 2000]);
                let mut outside = json!({
                    "reference": format!("TR-{}", self.asked),
                    "refunded_at": (self.world.now() - minutes * MINUTE).to_string(),
                });
                if self.chance.once_in(2) {
                    let is_in_euro = ["euro", "mollie"].iter().any(|id| self.links[at].body["account_id"] == *id);
                    outside["account_id"] = json!(if is_in_euro { "mollie" } else { "saman" });
                }
                json!({ "amount": part, "reason": "Too much", "outside": outside })
            }
        }
    }

    fn add_wish(&mut self, at: usize, body: Value) -> usize {
        let key = self.new_key(at);
        self.links[at].wishes.push(Wish { body, key, refund: None, is_answered: false });
        self.links[at].wishes.len() - 1
    }

    async fn ask_for_refund(&mut self, at: usize, number: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let wish = &self.links[at].wishes[number];
        let reply = self.world.refund(&link, &wish.body, &wish.key).await;
        self.hear(at, number, reply);
    }

    /// The CRM hears what became of what it wanted, or nothing.
    fn hear(&mut self, at: usize, number: usize, reply: Option<Reply>) {
        let wish = &mut self.links[at].wishes[number];
        let (body, key) = (wish.body.to_string(), wish.key.clone());
        let what = reply.as_ref().map(|reply| (reply.status, reply.text.clone()));
        if let Some(reply) = reply.filter(|reply| !reply.status.is_server_error()) {
            wish.is_answered = true;
            let refund = reply.json()["id"].as_str().map(str::to_owned);
            let is_begun = reply.status == StatusCode::CREATED;
            let is_as_before = wish.refund.is_none() || is_begun && refund == wish.refund;
            if is_begun {
                wish.refund = refund;
            }
            if !is_as_before {
                self.wrong.push(format!("{key} was answered before, and is {what:?} now"));
            }
        }
        let status = what.map(|(status, text)| format!("{status} {}", text.chars().take(160).collect::<String>()));
        self.note(&format!("of link {at} {body} is to be returned under {key}: {status:?}"));
    }

    /// Two callers, each with a key of its own, want more together than was paid.
    async fn two_refund_at_once(&mut self, at: usize) {
        let Some((at, link)) = self.paid(at).await else { return };
        let part = json!({ "amount": self.links[at].body["amount"].as_i64().unwrap() * 6 / 10 });
        let numbers = [self.add_wish(at, part.clone()), self.add_wish(at, part.clone())];
        let [one, other] = numbers.map(|number| self.links[at].wishes[number].key.clone());
        let replies = tokio::join!(self.world.refund(&link, &part, &one), self.world.refund(&link, &part, &other));
        let is_begun = |reply: &Option<Reply>| reply.as_ref().is_some_and(|one| one.status == StatusCode::CREATED);
        if is_begun(&replies.0) && is_begun(&replies.1) {
            self.wrong.push(format!("{part} went back of link {at} twice"));
        }
        self.hear(at, numbers[0], replies.0);
        self.hear(at, numbers[1], replies.1);
    }

    /// An operator writes down that a link was paid in cash, and asks again under the same key where there was no answer.
    async fn record(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let key = self.new_key(at);
        let amount = self.chance.once_in(2).then_some(10_000);
        for _ in 0..2 {
            let reply = self.world.record_some(&link, amount, &key).await.map(|reply| reply.status);
            self.note(&format!("{amount:?} or all of link {at} is said to be paid in cash: {reply:?}"));
            if reply.is_some_and(|status| !status.is_server_error()) {
                break;
            }
        }
    }

    /// An operator voids what was written down, a payment or the last refund by other means, whether or not it is there.
    async fn void(&mut self, at: usize) {
        let Some((at, link)) = self.paid(at).await else { return };
        let key = self.new_key(at);
        let (what, reply) = if self.chance.once_in(3) {
            ("payment", self.world.void(&link, &key).await)
        } else {
            ("refund", self.world.void_refund(&link, &key).await)
        };
        self.note(&format!("a {what} of link {at} is void: {:?}", reply.map(|reply| reply.status)));
    }

    /// Somebody refunds in a dashboard, or a bank takes or sends back: of some of that the gateway calls.
    async fn something_happens_at_the_gateway(&mut self, at: usize) {
        let Some((at, link)) = self.paid(at).await else { return };
        let Some((gateway, session, what)) = self.world.happen_at_gateway(&link, &mut self.chance).await else {
            return;
        };
        self.note(&format!("{what} of link {at}, in {session} at {gateway:?}"));
        if self.chance.once_in(2) {
            let kind = if what.ends_with("dispute") { ABOUT_A_DISPUTE } else { ABOUT_THE_DASHBOARD };
            self.webhooks.push(Webhook { gateway, session, kind });
        }
    }

    /// An operator holds a link, or its customer says to have paid.
    async fn hold(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let reply = if self.chance.once_in(3) {
            self.world.ask(Method::POST, &format!("{}/already-paid", link.url), &[], Some("")).await
        } else {
            let key = self.new_key(at);
            self.world.hold(&link, &key).await
        };
        self.note(&format!("link {at} is held: {:?}", reply.map(|reply| reply.status)));
    }

    /// A person looks up at the gateway what became of a refund, and says so, or has it asked once more.
    async fn find_out(&mut self, at: usize) {
        let Some((at, link)) = self.paid(at).await else { return };
        let Some((refund, known)) = self.world.refunds_under_review(&link).await.pop() else { return };
        let outcome = if self.chance.once_in(3) { "ask_again" } else { known };
        let key = self.new_key(at);
        let status = self.world.resolve_refund(&link, &refund, outcome, &key).await.map(|reply| reply.status);
        self.note(&format!("a person decides {outcome} about {refund}: {status:?}"));
    }

    /// The demo business closes the books of yesterday, or opens all. It moves to where the day began within this hour, so that
    /// some of what was paid in this story is of a day that is over.
    async fn close_books(&mut self, at: usize) {
        if self.chance.once_in(2) {
            // The day ends, so that all of this story is of the one before.
            let left = 3_600 - self.world.now().as_second() % 3_600;
            self.world.turn_time(Duration::from_secs(left.unsigned_abs()));
        }
        // A day can be closed once it has been over for two minutes.
        let over_for = self.world.now().as_second() % 3_600;
        if over_for < 120 {
            self.world.turn_time(Duration::from_secs((120 - over_for).unsigned_abs()));
        }
        let hour = TimeZone::UTC.to_datetime(self.world.now()).hour();
        let name = match hour {
            0 => "Etc/UTC".to_owned(),
            1..=12 => format!("Etc/GMT+{hour}"),
            _ => format!("Etc/GMT-{}", 24 - hour),
        };
        let zone = domain::calendar::parse_time_zone(&name).unwrap();
        let today = zone.to_datetime(self.world.now()).date();
        let is_opened = self.chance.once_in(3);
        let (day, open_from) = if is_opened {
            (None, None)
        } else {
            (Some(today.yesterday().unwrap()), Some(zone.to_timestamp(today.at(0, 0, 0, 0)).unwrap()))
        };
        let renews = self.chance.once_in(2);
        let settings = json!({ "time_zone": name, "books_closed_until": day, "renew_links_on_request": renews });
        let mut status = None;
        for _ in 0..MOST_ASKED {
            let reply = self.world.crm_as(key_of(DEMO), Method::PATCH, "/v1/settings", &settings, &[]).await;
            status = reply.map(|reply| reply.status);
            if status == Some(StatusCode::OK) {
                break;
            }
        }
        if status != Some(StatusCode::OK) {
            self.wrong.push(format!("{settings} cannot be written: {status:?}"));
        }
        self.closings.push(Closing { done_at: self.world.now(), open_from });
        self.note(&format!("books: {settings}"));
        self.note_what_went_at_once(at).await;
    }

    /// The CRM notes that a little of a payment went back by other means as soon as it was there.
    async fn note_what_went_at_once(&mut self, at: usize) {
        let Some((at, link)) = self.paid(at).await else { return };
        let stored = self.world.stored(&link).await;
        let kept = stored.attempts().iter().find(|attempt| attempt.is_kept());
        let Some(refunded_at) = kept.and_then(Attempt::confirmed_since) else { return };
        let outside = json!({ "reference": format!("TR-{}", self.asked), "refunded_at": refunded_at.to_string() });
        let number = self.add_wish(at, json!({ "amount": 1, "outside": outside }));
        self.ask_for_refund(at, number).await;
    }

    /// Where books have a receipt elsewhere than they should, because of what was closed when it was written; and how many were
    /// moved.
    fn check_books(&self, evidence: &Evidence) -> (usize, Vec<String>) {
        let (mut moved, mut wrong) = (0, Vec::new());
        for (_, receipt) in evidence.receipts().filter(|(business, _)| *business == DEMO) {
            let before = |closing: &&Closing| closing.done_at <= receipt.registered_at;
            let Some(closing) = self.closings.iter().rev().find(before) else { continue };
            let told = receipt.gateway_paid_at.unwrap_or(receipt.paid_at).min(receipt.registered_at);
            let expected = closing.open_from.map_or(told, |open| told.max(open).min(receipt.registered_at));
            moved += usize::from(expected != told);
            if receipt.booked_at() != expected {
                wrong.push(format!("books should have it at {expected}: {receipt:?}"));
            }
        }
        (moved, wrong)
    }

    /// A key under which nothing was asked for yet.
    fn new_key(&mut self, at: usize) -> String {
        self.asked += 1;
        format!("{}-{}", self.links[at].key, self.asked)
    }

    /// A person decides what becomes of a payment that needs one. That person sees where somebody tried the reference
    /// of another payment, and does not keep that money for this link.
    async fn resolve(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let outcomes: &[&str] =
            if self.links[at].is_tried_on { &["refund", "ask_again"] } else { &["keep", "refund", "ask_again"] };
        let (outcome, key) = (self.chance.one_of(outcomes), self.new_key(at));
        let status = self.world.resolve(&link, outcome, &key).await.map(|reply| reply.status);
        self.note(&format!("a person decides {outcome} about link {at}: {status:?}"));
    }

    /// The CRM reminds people.
    async fn resend(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let key = self.new_key(at);
        let status = self.world.resend(&link, &key).await.map(|reply| reply.status);
        self.note(&format!("people are told again of link {at}: {status:?}"));
    }

    /// The CRM's own line reports about a message that it took over, also late, twice, and against what it said before.
    async fn report(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let taken = self.world.cloud.inbox.all();
        if !taken.iter().any(|message| message.to == LINE_NUMBER && message.body.contains(&link.url)) {
            return;
        }
        let status = self.chance.one_of(&["sent", "delivered", "failed"]);
        let reply = self.world.report(&link, LINE_NUMBER, &json!({ "status": status })).await.map(|reply| reply.status);
        self.note(&format!("the line reports {status} about link {at}: {reply:?}"));
    }

    /// A customer of SEP comes back with the reference of a payment that was confirmed for something else.
    async fn try_another_reference(&mut self) {
        if self.references.is_empty() {
            return;
        }
        let return_reference =
            self.chance.one_of(&self.references.iter().map(String::as_str).collect::<Vec<_>>()).to_owned();
        let books = self.world.books_of("sep").await;
        let payment = form_urlencoded::parse(return_reference.as_bytes()).next().map(|(_, value)| value.into_owned());
        let is_confirmed = |one: &&Value| one["payment"].as_str() == payment.as_deref() && one["ours"] == true;
        let Some(confirmed) = books.iter().find(is_confirmed) else { return };
        let is_other = |one: &&Value| {
            let created_at: domain::Timestamp = one["created_at"].as_str().unwrap().parse().unwrap();
            one["id"] != confirmed["id"] && created_at >= self.began_at
        };
        let others: Vec<&str> = books.iter().filter(is_other).filter_map(|one| one["back"].as_str()).collect();
        if others.is_empty() {
            return;
        }
        let back = self.chance.one_of(&others);
        for link in &mut self.links {
            link.is_tried_on |= link.made.as_ref().is_some_and(|made| back.contains(&made.id));
        }
        let status = self.world.open(&format!("{back}?Status=2&{return_reference}")).await.map(|reply| reply.status);
        self.note(&format!("{back} is tried with {return_reference}: {status:?}"));
    }

    async fn cancel(&mut self, at: usize) {
        let force = self.chance.once_in(2);
        if let Some(link) = self.links[at].made.clone().filter(|_| self.chance.once_in(2)) {
            let status = self.world.cancel(&link, force).await.map(|reply| reply.status);
            self.note(&format!("link {at} is cancelled: {status:?}"));
        }
    }

    /// The CRM has another link made in the place of one, and asks again where it got no answer.
    async fn replace(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let key = self.new_key(at);
        let force = self.chance.once_in(2);
        let body = if self.chance.once_in(2) {
            json!({ "force": force })
        } else {
            json!({ "force": force, "amount": 40_000, "payment_plan": null, "expires_in_days": 1 })
        };
        for _ in 0..2 {
            let reply = self.world.replace(&link, &body, &key).await;
            let status = reply.as_ref().map(|reply| reply.status);
            self.note(&format!("link {at} is replaced by {body}: {status:?}"));
            if let Some(reply) = reply.filter(|reply| reply.status == StatusCode::CREATED) {
                let (made, account) = (reply.json(), self.links[at].account);
                let mut body = self.links[at].body.clone();
                body["amount"] = made["amount"].clone();
                self.links.push(Wanted {
                    body,
                    key,
                    made: Some(Made::read(link.key, &made)),
                    account,
                    is_tried_on: false,
                    page: None,
                    back: None,
                    wishes: Vec::new(),
                });
                return;
            }
            if status.is_some_and(|status| !status.is_server_error()) {
                return;
            }
        }
    }

    /// A customer presses the button of the page of a link that expired, or presses where it was.
    async fn ask_for_renewal(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let status = self.world.ask(Method::POST, &format!("{}/ask-again", link.url), &[], Some("")).await;
        self.note(&format!(
            "a new link is asked for in the place of link {at}: {:?}",
            status.map(|reply| reply.status)
        ));
    }

    /// Somebody has the receipts of a business carried away. Its hint may be lost.
    async fn carry_away(&mut self) {
        let business = self.chance.one_of(&[DEMO, BAZAAR]);
        let wanted = json!({ "list": "/v1/receipts", "format": "jsonl" });
        let reply = self.world.crm_as(key_of(business), Method::POST, "/v1/exports", &wanted, &[]).await;
        let id = reply.as_ref().and_then(|reply| reply.json()["id"].as_str().map(str::to_owned));
        self.note(&format!("the receipts of {business} are carried away: {id:?}"));
        self.exports.extend(id.map(|id| (business, id)));
        if self.chance.once_in(2) {
            let followed = self.world.bring_hint().await;
            self.note(&format!("the queue comes: {followed:?}"));
        }
    }

    /// What is wrong with what was carried away: a file has every receipt that there was when it was asked for, and no other.
    async fn check_exports(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (business, id) in &self.exports {
            let read = async |path: &str| {
                let reply = self.world.crm_as(key_of(business), Method::GET, path, &Value::Null, &[]).await;
                reply.map(|reply| reply.json()).unwrap_or_default()
            };
            let export = read(&format!("/v1/exports/{id}")).await;
            // A story may have taken longer than an export is tried for, and than its file is kept.
            if export["failure_reason"] == "given_up" || export["status"] == "done" && export["file"].is_null() {
                continue;
            }
            let mut expected = BTreeSet::new();
            let mut cursor = String::new();
            loop {
                let until = export["created_at"].as_str().unwrap_or_default().replace('+', "%2B");
                let page = read(&format!("/v1/receipts?registered_to={until}&limit=100{cursor}")).await;
                let ids = page["data"].as_array().into_iter().flatten().map(|receipt| receipt["id"].to_string());
                expected.extend(ids);
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let key = format!("exports/{business}/{id}/file.jsonl");
            let content = self.world.cloud.files.content(&key).unwrap_or_default();
            let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let found: Vec<String> =
                lines.map(|line| serde_json::from_slice::<Value>(line).unwrap_or_default()["id"].to_string()).collect();
            let different: BTreeSet<String> = found.iter().cloned().collect();
            if export["status"] != "done" || found.len() != different.len() || different != expected {
                wrong.push(format!("{export} has {found:?}, and there was {expected:?}"));
            }
        }
        wrong
    }

    /// Money arrives at Stripe, the others refund or keep what nobody verified.
    async fn gateway_goes_on(&mut self) {
        if let Some(session) = self.processing.pop() {
            self.confirm_at_stripe(&session).await;
        } else if self.chance.once_in(2) {
            self.note("The gateways refund what nobody verified.");
            self.world.return_unverified_money().await;
        } else {
            let waiting = self.world.books_of("zarinpal").await;
            if let Some(session) = waiting.iter().find(|session| session["status"] == "PAID") {
                let authority = session["id"].as_str().unwrap();
                self.note(&format!("Zarinpal verifies {authority} by itself."));
                self.world.at_gateway("zarinpal", authority, "auto_verify").await;
            }
        }
    }

    /// Gateways take their time with the next refunds, or come to an end with those that they took.
    async fn refunds_go_on(&mut self) {
        let becomes = self.chance.one_of(&["pending", "pending", "succeeded", ""]);
        if becomes.is_empty() {
            let outcome = self.chance.one_of(&["succeeded", "succeeded", "failed"]);
            self.queue_refund_webhooks().await;
            self.world.decide_refunds(outcome).await;
            self.note(&format!("The refunds that are under way have {outcome}."));
            return;
        }
        let gateway = self.chance.one_of(&SLOW_GATEWAYS).as_str();
        self.world.order_at_gateway(gateway, "next_refund", &json!({ "becomes": becomes })).await;
        self.note(&format!("The next refund at {gateway} is {becomes}."));
    }

    /// The gateways that call want to tell what becomes of the refunds that they have not finished.
    async fn queue_refund_webhooks(&mut self) {
        for gateway in SLOW_GATEWAYS.into_iter().filter(|gateway| gateway.profile().webhooks != Webhooks::None) {
            for session in self.world.books_of(gateway.as_str()).await {
                if session["refund_pending"].as_i64().is_some_and(|pending| pending > 0) {
                    let session = session["id"].as_str().unwrap().to_owned();
                    self.webhooks.push(Webhook { gateway, session, kind: ABOUT_A_REFUND });
                }
            }
        }
    }

    async fn confirm_at_stripe(&mut self, session: &str) {
        let how = self.chance.one_of(&["succeeded", "succeeded", "failed"]);
        let page = format!("{}/stripe/simulator/{session}/complete_async", self.world.cloud.page_url());
        self.world.choose(&page, how).await;
        self.note(&format!("the money of {session} has {how}"));
        let kind = if how == "failed" {
            "checkout.session.async_payment_failed"
        } else {
            "checkout.session.async_payment_succeeded"
        };
        self.webhooks.push(Webhook { gateway: GatewayKind::Stripe, session: session.to_owned(), kind });
    }

    async fn schedules_come(&mut self) {
        self.world.bring_stream().await;
        let swept = self.world.sweep().await;
        let _ = self.world.run_batches().await;
        let tried = self.world.retry_messages().await;
        self.note(&format!("the schedules come: {swept:?}, {tried:?}"));
    }

    /// The schedule and a customer come at the same moment.
    async fn sweep_meets_customer(&mut self, at: usize) {
        let Some(link) = self.links[at].made.clone() else { return };
        let address = self.links[at].back.take().unwrap_or(link.url);
        self.world.turn_time(MINUTE);
        let (swept, opened) = tokio::join!(self.world.sweep(), self.world.open(&address));
        let opened = opened.map(|reply| reply.status);
        self.note(&format!("the schedule meets the customer of link {at}: {swept:?}, {opened:?}"));
    }

    fn time_passes(&mut self) {
        let minutes = self.chance.one_of(&[1_u32, 1, 3, 10, 20, 45]);
        self.world.turn_time(minutes * MINUTE);
        self.note("so late is it");
    }

    /// Everybody who was left without an answer asks until there is one.
    async fn end(&mut self) {
        for at in 0..self.links.len() {
            self.ask_for(at).await;
            for number in 0..self.links[at].wishes.len() {
                if !self.links[at].wishes[number].is_answered {
                    self.ask_for_refund(at, number).await;
                }
            }
        }
        while let Some(session) = self.processing.pop() {
            self.confirm_at_stripe(&session).await;
        }
        for webhook in std::mem::take(&mut self.webhooks) {
            if !self.chance.once_in(5) {
                self.tell(&webhook).await;
            }
        }
        // What was to be slow and was not asked for yet is not any more.
        for gateway in SLOW_GATEWAYS {
            self.world.order_at_gateway(gateway.as_str(), "next_refund", &json!({ "becomes": "succeeded" })).await;
        }
        let outcome = self.chance.one_of(&["succeeded", "failed"]);
        self.world.decide_refunds(outcome).await;
        // What nobody told us of goes back where there is no other way to hear of it.
        self.world.turn_time(31 * MINUTE);
    }
}

/// Persons find out what became of every refund of kept money that needs one, also where the gateway's list is late. What is
/// wrong where nobody could.
async fn settle(world: &FaultyWorld, story: &mut Story<'_>) -> Vec<String> {
    let mut undecided = Vec::new();
    for link in story.links.iter().filter_map(|link| link.made.clone()) {
        if has_undecided(world, &link).await {
            undecided.push(link);
        }
    }
    if !undecided.is_empty() {
        world.turn_time(130 * MINUTE);
        world.confirm().await;
    }
    let mut wrong = Vec::new();
    for link in undecided {
        story.note(&format!("somebody finds out about the refunds of {}", link.id));
        if !world.settle_refunds(&link).await || has_undecided(world, &link).await {
            wrong.push(format!("nobody can say what became of the refunds of {}", link.id));
        }
    }
    wrong
}

/// Whether it is not decided of a refund of the link's payment whether the money went.
async fn has_undecided(world: &FaultyWorld, link: &Made) -> bool {
    let stored = world.stored(link).await;
    let kept = stored.attempts().iter().filter(|attempt| attempt.is_kept());
    let mut refunds = kept.flat_map(|attempt| &attempt.refunds);
    refunds.any(|refund| refund.is_under_way() || refund.needs_review())
}

/// Anything that a CRM may ask for. Each business counts its own links, so that what it calls them the other does too.
fn wanted(
    chance: &mut Seeded,
    world: &FaultyWorld,
    seed: u64,
    of_business: &mut BTreeMap<&'static str, usize>,
) -> Wanted {
    let account = chance.one_of(&ACCOUNTS);
    let number = *of_business.entry(account.0).and_modify(|number| *number += 1).or_default();
    let is_rial = matches!(gateway_of(account), GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep);
    let minutes = chance.one_of(&[20_u32, 60, 360, 4320]);
    let mut body = json!({
        "account_id": account.1,
        "contact_id": "c-1042",
        "amount": 50_000 + number,
        "expires_at": (world.now() + minutes * MINUTE).to_string(),
    });
    match chance.below(4) {
        0 => body["after_payment"] = json!({ "register_receipt": false }),
        1 if is_rial => {
            body["item_id"] = json!("inv-77");
            body["after_payment"] = json!({ "receipt_field": "payment" });
        }
        2 => body["reference_id"] = json!(format!("reference-{seed}-{number}")),
        _ => {}
    }
    if chance.once_in(2) {
        body["after_payment"]["send_receipt"] = json!(true);
    }
    match chance.below(4) {
        0 => body["payment_plan"] = json!({ "minimum": 15_000 }),
        1 => {
            let due = |share: u32| (world.now() + minutes * MINUTE * share / 4).to_string();
            body["payment_plan"] = json!({ "parts": [{ "amount": 20_000, "due_at": due(1) },
                                                     { "amount": 30_000 + number, "due_at": due(3) }] });
        }
        _ => {}
    }
    match chance.below(5) {
        0 => body["recipients"] = json!({ "contact": true }),
        2 if account.0 == DEMO => body["recipients"] = json!({ "mobiles": [LINE_NUMBER] }),
        1 => body["recipients"] = json!({ "emails": ["one@example.com", "reject@example.com"] }),
        3 => {
            let people = json!([{ "person": "contact", "channels": ["email"] }, { "person": "manager" }]);
            body["recipients"] = json!({ "people": people });
        }
        _ => {}
    }
    if chance.once_in(3) {
        let hours = chance.one_of(&[1, 2, 5]);
        body["reminders"] = json!({ "at": [{ "when": "after_creation", "hours": hours },
                                           { "when": "after_due", "hours": 1 }, { "when": "before_expiry", "hours": 2 }] });
    }
    let key = format!("story-{seed}-{number}");
    Wanted { body, key, made: None, account, is_tried_on: false, page: None, back: None, wishes: Vec::new() }
}

/// Makes calls go wrong as often as this seed wants, and writes down which did.
fn plan_faults(world: &FaultyWorld, seed: u64) -> Arc<Mutex<Vec<(Call, Fault)>>> {
    let hit: Arc<Mutex<Vec<(Call, Fault)>>> = Arc::default();
    let (mut chance, written) = (Seeded::new(seed ^ 0x5eed), Arc::clone(&hit));
    let once_in = chance.one_of(&[0_usize, 150, 50, 20]);
    world.proxy.decide(move |_, call| {
        // The sixteen questions of every run for what is due would take all the faults.
        let is_rare = call.operation == "Query" && !chance.once_in(10);
        if once_in == 0 || is_rare || !chance.once_in(once_in) {
            return None;
        }
        let fault = chance.one_of(&Fault::ALL);
        written.lock().unwrap().push((call.clone(), fault));
        Some(fault)
    });
    hit
}

/// How many links and attempts came to each end, and how many calls went wrong: what the stories were about.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, what: String) {
        self.add_many(what, 1);
    }

    fn add_many(&mut self, what: String, number: usize) {
        *self.0.entry(what).or_default() += number;
    }
}

/// Lets nothing be delivered until the stream has given up every record that it has.
async fn exhaust_stream(world: &FaultyWorld) {
    world.proxy.decide(|_, call| (call.function == "deliver-messages").then_some(Fault::DieBefore));
    for _ in 0..STREAM_TRIES {
        world.bring_stream().await;
    }
    world.proxy.record();
}

/// Runs one story. The error is everything there is to know about how it went wrong.
async fn run_story(world: &FaultyWorld, seed: u64, tally: &Mutex<Tally>) -> Result<(), String> {
    let hit = plan_faults(world, seed);
    let mut story = Story::new(world, seed);
    // A chance of its own, so that looking changes no story.
    let mut looks = Seeded::new(seed ^ 0x1157);
    for _ in 0..STEPS {
        story.step().await;
        let mut wrong = world.look();
        wrong.append(&mut story.wrong);
        if looks.once_in(STEPS / 7) {
            // What is added up now is kept, and must not be told when it is not so any more.
            let _ = ask(world, looks.one_of(&[DEMO, BAZAAR]), "mode=sandbox").await;
        }
        if looks.once_in(STEPS / 2) {
            wrong.extend(world.check_lists(&world.evidence().await, Extent::Every).await);
        }
        if !wrong.is_empty() {
            return Err(format!("seed {seed}: {wrong:#?} after the last of these steps:\n{}", story.history));
        }
    }
    world.proxy.record();
    let is_given_up = story.chance.once_in(8);
    if is_given_up {
        exhaust_stream(world).await;
    }
    story.end().await;
    if is_given_up {
        let replayed = world.replay().await;
        tally.lock().unwrap().add_many("records that the stream gave up".to_owned(), replayed.records);
        story.note(&format!("somebody found what the stream had given up: {replayed:?}"));
    }
    let hit = hit.lock().unwrap().clone();
    if hit.iter().any(|(call, _)| call.function == "deliver-messages") {
        story.links.iter().filter_map(|link| link.made.as_ref()).for_each(|link| world.allow_resending_twice(link));
    }
    world.return_unverified_money().await;
    // An attempt that nobody reports is asked about once an hour at the longest.
    world.turn_time(61 * MINUTE);
    world.confirm().await;
    let mut wrong = settle(world, &mut story).await;
    wrong.append(&mut story.wrong);
    wrong.extend(story.check_exports().await);
    // What no gateway called about is in its lists, which are looked at once a day.
    world.turn_time(25 * 60 * MINUTE);
    world.confirm().await;
    let (more, evidence) = world.check(Stage::CaughtUp).await;
    wrong.extend(more);
    wrong.extend(world.check_lists(&evidence, Extent::Every).await);
    let (moved, elsewhere) = story.check_books(&evidence);
    wrong.extend(elsewhere);
    {
        let mut tally = tally.lock().unwrap();
        tally.add_many("receipts of closed days".to_owned(), moved);
        tally.add_many("times that books were closed or opened".to_owned(), story.closings.len());
        tally.add_many("lists that were carried away".to_owned(), story.exports.len());
        for link in story.links.iter().filter_map(|link| evidence.links.get(&link.made.as_ref()?.id)) {
            tally.add(format!("{} links of {}", link.status_at(world.now()).name(), link.business()));
            link.attempts().iter().for_each(|attempt| tally.add(format!("{} attempts", attempt.state.name())));
            for dispute in link.attempts().iter().flat_map(|attempt| &attempt.disputes) {
                tally.add(format!("disputes that are {}", dispute.state.name()));
            }
            for refund in link.attempts().iter().flat_map(|attempt| &attempt.refunds) {
                let (how, by) = (refund.cause.as_str(), refund.method.as_str());
                tally.add(format!("{how} refunds by {by} that have {}", refund.state.name()));
            }
        }
        hit.iter().for_each(|(call, _)| tally.add(format!("disturbed calls of {}", call.function)));
    }
    let agrees = async |evidence: &Evidence, groupings| {
        let [demo, bazaar] = [DEMO, BAZAAR].map(|business| disagreements(world, evidence, business, groupings));
        [demo.await, bazaar.await].concat()
    };
    wrong.extend(agrees(&evidence, &["day"]).await);
    world.live_out().await;
    let (more, evidence) = world.check(Stage::Ended).await;
    wrong.extend(more);
    wrong.extend(story.check_books(&evidence).1);
    wrong.extend(agrees(&evidence, &["account", "channel"]).await);
    world.turn_time(11 * MINUTE);
    wrong.extend(agrees(&evidence, &["day", "created_by"]).await);
    if wrong.is_empty() {
        return Ok(());
    }
    let hit: Vec<String> = hit.iter().map(|(call, fault)| format!("{fault:?} at {call}")).collect();
    Err(format!("seed {seed}: {wrong:#?}\nfaults: {hit:#?}\n{}", story.history))
}

/// Where the stories begin that there is time for: a seed that somebody can type.
fn first_seed(time: &TimeBox) -> u64 {
    u64::try_from(time.chance().below(1_000_000_000)).unwrap()
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_chance_brings_the_books_are_right_in_the_end() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let time = TimeBox::from_environment();
    let first = number_in("FIRST_SEED").or_else(|| time.as_ref().map(first_seed)).unwrap_or(1);
    let last = if time.is_some() { u64::MAX } else { first + number_in("SEEDS").unwrap_or(FEW) };
    let next = Arc::new(AtomicU64::new(first));
    let tally = Arc::new(Mutex::new(Tally::default()));
    let worlds = (0..WORLDS).map(|_| {
        let (next, tally, time) = (Arc::clone(&next), Arc::clone(&tally), time.clone());
        tokio::spawn(async move {
            loop {
                let world = FaultyWorld::start(3600).await;
                for _ in 0..STORIES_OF_A_WORLD {
                    if time.as_ref().is_some_and(TimeBox::is_over) {
                        return Ok(());
                    }
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return Ok(());
                    }
                    run_story(&world, seed, &tally).await?;
                }
            }
        })
    });
    let wrong: Vec<String> = join_all(worlds).await.into_iter().filter_map(|told| told.unwrap().err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let stories = next.load(Ordering::Relaxed).min(last) - first;
    println!("{stories} stories ended well, from seed {first} on: {:#?}", tally.lock().unwrap().0);
    if let Some(time) = time {
        println!("FIRST_SEED={first} SEEDS=1 make simulate tells the first again.");
        time.close("stories", usize::try_from(stories).unwrap(), None, LEAST_IN_A_MINUTE);
    }
}

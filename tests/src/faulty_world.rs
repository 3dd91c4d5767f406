//! A world in which calls go wrong and functions die, and everybody goes on as they really would.
//!
//! The functions call everything through a [`FaultProxy`]. They are called here one by one, as these would call them:
//! the CRM, the customer's browser, the gateways, the stream, the schedules. Nothing happens by itself and one clock
//! turns for the functions and the gateways alike, so that a test decides what happens when. It begins at noon, in the
//! middle of a month.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::business::look_back::Looked;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{
    AccountId, BusinessId, ContactId, CredentialsVersion, EndpointId, ItemId, LinkId, ReceiptId, RefundId,
};
use domain::link::{Attempt, MAX_REFUNDS, PaymentLink, Refund, RefundBy, RefundCause, RefundState};
use domain::records::account::{Account, LatePayment, OnlinePayment};
use domain::records::business::Business;
use domain::records::credentials::Credentials;
use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use paylink_admin::{Admin, ReplayResult};
use paylink_local::crm::{BAZAAR_SIGNING_SECRET, SIGNING_SECRET};
use paylink_local::seed::{
    self, API_KEY, BAZAAR, BAZAAR_KEY, BAZAAR_STRIPE_KEY, BAZAAR_STRIPE_WEBHOOK_SECRET, DEMO, LINE_KEY, MOLLIE_KEY,
    RAZORPAY_KEY, RAZORPAY_SECRET, RAZORPAY_WEBHOOK_SECRET, STRIPE_KEY, STRIPE_WEBHOOK_SECRET,
};
use paylink_local::{Cloud, Options, StreamReader};
use reqwest::{Method, StatusCode};
use runtime::{Clock, Environment};
use serde_json::{Value, json};
use sha2::Sha256;
use simulators::gateways::SIMULATED;
use store::{ApiKey, DueWork, KeyHolder, RecordWritten, Scope};

use crate::engine::Engine;
use crate::fault_proxy::FaultProxy;
use crate::forms::Form;
use crate::in_process::{Functions, api_gateway_event};
use crate::invariants::{self, Evidence, Expected, Observer, Revision, Stage};
use crate::lists::{self, Extent};
use crate::meter::{Meter, Usage};
use crate::seeded::Seeded;
use crate::{NAVIGATION, Reply, browser, cloud_options, dynamodb, written};

/// What differs between worlds, where somebody says so.
#[derive(Debug, Default)]
struct Setup {
    is_metered: bool,
    /// Where another DynamoDB is than the one that every test has.
    endpoint: Option<String>,
    calls_per_second: Option<u32>,
}

/// Longer than any lease, so that what somebody took on and dropped is due again.
const A_WHILE: Duration = Duration::from_secs(125);

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// Longer than any list of refunds is late.
const LATEST_LISTING: Duration = Duration::from_secs(130 * 60);

/// When a world begins, whatever day it really is: no day and no month ends while a test makes what it counts by days and by
/// months. The lists of what is over have a part for each month, too, and are read from a day before their business was made
/// to a while after now, so that near the ends of a month they take a call more. It is not in the past, because providers go
/// by the clock of this machine, and send nothing that has run out by it.
fn middle_of_next_month(now: Timestamp) -> Timestamp {
    let first = TimeZone::UTC.to_datetime(now).date().last_of_month().tomorrow().expect("a day of our time");
    TimeZone::UTC.to_timestamp(first.at(12, 0, 0, 0)).expect("an instant of our time") + 14 * A_DAY
}

/// What a test of crashes needs.
#[derive(Debug)]
pub struct FaultyWorld {
    pub cloud: Cloud,
    pub proxy: FaultProxy,
    /// Between the functions and DynamoDB, where somebody wants to know what they ask of it.
    meter: Option<Meter>,
    functions: Functions,
    clock: &'static AtomicI64,
    http: reqwest::Client,
    table: aws_sdk_dynamodb::Client,
    stream: tokio::sync::Mutex<StreamReader>,
    /// Records of the stream that nobody has served yet, each with how often that was tried.
    unserved: Mutex<Vec<(Value, usize)>>,
    /// How often any record was brought and not served.
    brought_in_vain: AtomicUsize,
    admin: Admin,
    observer: Mutex<Observer>,
    /// Links whose messages may arrive twice.
    notified_twice: Mutex<BTreeSet<String>>,
}

/// How a link ends, or how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Paid,
    Cancelled,
    /// Active, and the customer is at the gateway.
    Begun,
    Active,
    Expired,
}

impl Life {
    pub const ALL: [Self; 5] = [Self::Paid, Self::Cancelled, Self::Begun, Self::Active, Self::Expired];

    pub fn is_live(self) -> bool {
        matches!(self, Self::Begun | Self::Active)
    }

    /// The link's status in the API.
    pub fn status(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Begun | Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

impl FaultyWorld {
    /// `configuration_seconds` is how long the functions keep what they read of the configuration: 0 makes every run of a
    /// function read it, as a cold one does.
    pub async fn start(configuration_seconds: u32) -> Self {
        Self::build(configuration_seconds, Setup::default()).await
    }

    /// The same world with a meter between the functions and DynamoDB, which makes everything slower.
    pub async fn metered(configuration_seconds: u32) -> Self {
        Self::build(configuration_seconds, Setup { is_metered: true, ..Setup::default() }).await
    }

    /// The same world on an engine for very much. Where a number is given, an integration may call this often in a second;
    /// otherwise it is as often as it likes.
    pub async fn on_engine(configuration_seconds: u32, engine: &Engine, calls_per_second: Option<u32>) -> Self {
        let endpoint = Some(engine.endpoint().to_owned());
        Self::build(configuration_seconds, Setup { endpoint, calls_per_second, is_metered: false }).await
    }

    /// The same with a meter.
    pub async fn metered_on_engine(configuration_seconds: u32, engine: &Engine) -> Self {
        let endpoint = Some(engine.endpoint().to_owned());
        Self::build(configuration_seconds, Setup { is_metered: true, endpoint, ..Setup::default() }).await
    }

    async fn build(configuration_seconds: u32, setup: Setup) -> Self {
        let Setup { is_metered, endpoint, calls_per_second } = setup;
        let now = Timestamp::now();
        let ahead = middle_of_next_month(now).as_millisecond() - now.as_millisecond();
        let clock: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(ahead)));
        let mut options = Options { clock: Clock::Ahead(clock), webhooks: false, ..cloud_options() };
        options.dynamodb_endpoint = endpoint.or(options.dynamodb_endpoint);
        let mut cloud = Cloud::start(&options).await.expect("the local cloud starts");
        seed::plant(&cloud).await.expect("the demo businesses are made");
        let seconds = configuration_seconds.to_string();
        cloud.environment.insert("PAYLINK_CONFIGURATION_SECONDS".to_owned(), seconds);
        if let Some(calls) = calls_per_second {
            cloud.environment.insert("PAYLINK_CALLS_PER_SECOND".to_owned(), calls.to_string());
        }
        let (endpoint, table) = (&cloud.environment["AWS_ENDPOINT_URL_DYNAMODB"], dynamodb(&cloud));
        let meter = if is_metered { Some(Meter::start(endpoint, &table, cloud.store.table()).await) } else { None };
        let proxy = FaultProxy::start(&cloud, &meter.as_ref().map_or(endpoint.clone(), Meter::endpoint)).await;
        for (business, secret) in [(seed::demo(), SIGNING_SECRET), (seed::bazaar(), BAZAAR_SIGNING_SECRET)] {
            let store = cloud.store.of(&business);
            crate::forget_endpoint(&store, &EndpointId::parse("demo-crm").unwrap()).await;
            let address = proxy.crm_endpoint(business.as_str());
            seed::plant_endpoint(&store, &address, secret).await.expect("the CRM has an endpoint");
        }
        seed::plant_providers(&cloud.business(), &proxy.page_url()).await.expect("the providers know where to send");
        // What is measured is the demo business as it is planted, and nothing more.
        if !is_metered {
            add_accounts(&cloud).await;
        }
        let now = Clock::Ahead(clock).now();
        look_back_at_all(&cloud, now).await;
        let mut at_terminal = cloud.environment.clone();
        let queue = format!("{}/sqs/undelivered", cloud.page_url());
        at_terminal.insert("PAYLINK_UNDELIVERED_RECORDS".to_owned(), queue);
        let admin = Admin::new(Environment::from(at_terminal)).expect("the deployer has a terminal");
        let functions = Functions::in_environments(|function| proxy.environment(function, &cloud), clock);
        let stream = cloud.stream("deliver-messages").expect("deliver-messages has a stream");
        Self {
            table,
            cloud,
            proxy,
            meter,
            functions,
            clock,
            http: browser(),
            stream: tokio::sync::Mutex::new(stream),
            unserved: Mutex::default(),
            brought_in_vain: AtomicUsize::new(0),
            admin,
            observer: Mutex::default(),
            notified_twice: Mutex::default(),
        }
    }

    /// What the functions asked of DynamoDB since this was last called. Only a metered world knows.
    pub fn usage(&self) -> Usage {
        self.meter.as_ref().expect("the world is metered").take()
    }

    pub fn now(&self) -> Timestamp {
        Clock::Ahead(self.clock).now()
    }

    /// Lets time pass, for the functions and for the gateways.
    pub fn turn_time(&self, by: Duration) {
        self.clock.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// One HTTP request to the functions. `None` where the function died over it.
    pub async fn ask(&self, method: Method, url: &str, headers: &[(&str, &str)], body: Option<&str>) -> Option<Reply> {
        let path = url.strip_prefix(&self.cloud.base_url()).unwrap_or(url);
        let event = api_gateway_event(method.as_str(), path, headers, body, false);
        let function = Functions::serving(&method, path);
        let death = self.proxy.death_of(function);
        tokio::select! {
            biased;
            () = death.notified() => None,
            reply = self.answer(&event) => Some(reply),
        }
    }

    async fn answer(&self, event: &Value) -> Reply {
        let (head, body) = self.functions.http(event).await.into_parts();
        let mut bytes = Vec::new();
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        Reply { status: head.status, headers: head.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// A call of the demo business's CRM.
    pub async fn crm(&self, method: Method, path: &str, body: &Value, more: &[(&str, &str)]) -> Option<Reply> {
        self.crm_as(API_KEY, method, path, body, more).await
    }

    /// What the CRM reads at an address, where there is something.
    ///
    /// # Panics
    /// Where there is nothing.
    pub async fn get(&self, path: &str) -> Value {
        let reply = self.crm(Method::GET, path, &Value::Null, &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
        reply.json()
    }

    /// A link as the CRM reads it.
    pub async fn read(&self, link: &Made) -> Value {
        self.get(&format!("/v1/payment-links/{}", link.id)).await
    }

    /// A call with an API key, whosever it is.
    pub async fn crm_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Option<Reply> {
        let authorization = format!("Bearer {key}");
        let (kind, body) = written(body);
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", kind)];
        headers.extend(more);
        self.ask(method, path, &headers, Some(body.as_deref().unwrap_or("null"))).await
    }

    /// The demo business's CRM makes a link.
    pub async fn create(&self, body: &Value, idempotency_key: &str) -> Option<Reply> {
        self.create_as(API_KEY, body, idempotency_key).await
    }

    /// The CRM of the business whose key this is makes a link.
    pub async fn create_as(&self, key: &str, body: &Value, idempotency_key: &str) -> Option<Reply> {
        self.crm_as(key, Method::POST, "/v1/payment-links", body, &[("idempotency-key", idempotency_key)]).await
    }

    /// The demo business's CRM makes a link, and asks until it has it.
    pub async fn make_link(&self, body: &Value, idempotency_key: &str) -> Made {
        self.make_link_as(API_KEY, body, idempotency_key).await
    }

    /// The CRM of the business whose key this is makes a link, and asks until it has it.
    pub async fn make_link_as(&self, key: &'static str, body: &Value, idempotency_key: &str) -> Made {
        let mut refusal = String::new();
        for _ in 0..MAX_TRIES {
            match self.create_as(key, body, idempotency_key).await {
                Some(reply) if reply.status == StatusCode::CREATED => return Made::read(key, &reply.json()),
                Some(reply) => refusal = reply.text,
                None => {}
            }
        }
        panic!("the link could not be made in {MAX_TRIES} tries: {refusal}")
    }

    /// The CRM cancels a link.
    pub async fn cancel(&self, link: &Made, force: bool) -> Option<Reply> {
        self.cancel_with(link, force, &[]).await
    }

    /// The CRM cancels a link, and may do it again where it does not know whether it did: the answer is the same.
    pub async fn cancel_as(&self, link: &Made, force: bool, idempotency_key: &str) -> Option<Reply> {
        self.cancel_with(link, force, &[("idempotency-key", idempotency_key)]).await
    }

    async fn cancel_with(&self, link: &Made, force: bool, headers: &[(&str, &str)]) -> Option<Reply> {
        let path = format!("/v1/payment-links/{}/cancel", link.id);
        self.crm_as(link.key, Method::POST, &path, &json!({ "force": force }), headers).await
    }

    /// The CRM has another link made in the place of one.
    pub async fn replace(&self, link: &Made, body: &Value, idempotency_key: &str) -> Option<Reply> {
        let path = format!("/v1/payment-links/{}/replace", link.id);
        self.crm_as(link.key, Method::POST, &path, body, &[("idempotency-key", idempotency_key)]).await
    }

    /// The CRM has people told about a link once more.
    pub async fn resend(&self, link: &Made, idempotency_key: &str) -> Option<Reply> {
        let path = format!("/v1/payment-links/{}/messages", link.id);
        self.crm_as(link.key, Method::POST, &path, &json!({}), &[("idempotency-key", idempotency_key)]).await
    }

    /// The demo business's line reports about the message of a link to this number. `None` also where there is none.
    pub async fn report(&self, link: &Made, number: &str, report: &Value) -> Option<Reply> {
        let path = format!("/v1/payment-links/{}", link.id);
        let shown = self.crm_as(link.key, Method::GET, &path, &Value::Null, &[]).await?;
        let shown: Value = serde_json::from_str(&shown.text).ok()?;
        let message = shown["messages"].as_array()?.iter().find(|message| message["to"] == number)?;
        let path = format!("{path}/messages/{}/report", message["id"].as_str()?);
        self.crm_as(LINE_KEY, Method::POST, &path, report, &[]).await
    }

    /// A person of the business decides about money under review.
    pub async fn resolve(&self, link: &Made, outcome: &str, idempotency_key: &str) -> Option<Reply> {
        let path = format!("/v1/payment-links/{}", link.id);
        let shown = self.crm_as(link.key, Method::GET, &path, &Value::Null, &[]).await?.json();
        let attempts = shown["attempts"].as_array()?;
        let reviewed = attempts.iter().find(|attempt| attempt["status"] == "needs_review").or(attempts.first())?;
        let path = format!("{path}/attempts/{}/resolve", reviewed["id"].as_str()?);
        let header = [("idempotency-key", idempotency_key)];
        self.crm_as(link.key, Method::POST, &path, &json!({ "outcome": outcome }), &header).await
    }

    /// A link as the table has it, which nobody disturbs.
    pub async fn stored(&self, link: &Made) -> PaymentLink {
        let stored = self.cloud.store.link(&LinkId::parse(&link.id).unwrap()).await;
        stored.expect("the table can be read").expect("the link is there")
    }

    /// The CRM has money of a link's payment sent back, or notes that it went by other means. `None` also where the link has
    /// none.
    pub async fn refund(&self, link: &Made, body: &Value, idempotency_key: &str) -> Option<Reply> {
        let stored = self.stored(link).await;
        // Of a link that was paid in parts it is always the one that was kept first, so that who asks again asks for the same.
        let kept =
            stored.attempts().iter().filter(|attempt| attempt.is_kept()).min_by_key(|one| one.state.kept_at())?;
        let path = match stored.receipt_id_of(kept) {
            Some(receipt) => format!("/v1/receipts/{receipt}/refunds"),
            None => format!("/v1/payment-links/{}/attempts/{}/refunds", link.id, kept.id),
        };
        self.crm_as(link.key, Method::POST, &path, body, &[("idempotency-key", idempotency_key)]).await
    }

    /// An operator writes down that a link was paid in cash.
    pub async fn record(&self, link: &Made, idempotency_key: &str) -> Option<Reply> {
        self.record_some(link, None, idempotency_key).await
    }

    /// The same of this amount, or of all that is due where none is given.
    pub async fn record_some(&self, link: &Made, amount: Option<i64>, idempotency_key: &str) -> Option<Reply> {
        let path = format!("/v1/payment-links/{}/payments", link.id);
        let body = json!({ "received_by": "cash", "amount": amount, "force": true });
        self.crm_as(link.key, Method::POST, &path, &body, &[("idempotency-key", idempotency_key)]).await
    }

    /// An operator finds out that what was written down as a link's payment never came. `None` also where there is none.
    pub async fn void(&self, link: &Made, idempotency_key: &str) -> Option<Reply> {
        let stored = self.stored(link).await;
        let recorded = stored.attempts().iter().find(|attempt| attempt.is_recorded())?;
        let path = match stored.receipt_id_of(recorded) {
            Some(receipt) => format!("/v1/receipts/{receipt}/void"),
            None => format!("/v1/payment-links/{}/attempts/{}/void", link.id, recorded.id),
        };
        let header = [("idempotency-key", idempotency_key)];
        self.crm_as(link.key, Method::POST, &path, &json!({ "reason": "A mistake" }), &header).await
    }

    /// The same of the last refund of a link's payment that was noted to have gone by other means.
    pub async fn void_refund(&self, link: &Made, idempotency_key: &str) -> Option<Reply> {
        let stored = self.stored(link).await;
        let mut refunds = stored.attempts().iter().flat_map(|attempt| &attempt.refunds);
        let is_meant = |refund: &&Refund| refund.method != RefundBy::Gateway && refund.recorded_at().is_some();
        let path = format!("/v1/receipts/{}/void", ReceiptId::of_refund(&refunds.rfind(is_meant)?.id));
        self.crm_as(link.key, Method::POST, &path, &json!({}), &[("idempotency-key", idempotency_key)]).await
    }

    /// An operator holds a link for two hours, because its customer promised to pay by then.
    pub async fn hold(&self, link: &Made, idempotency_key: &str) -> Option<Reply> {
        let path = format!("/v1/payment-links/{}/hold", link.id);
        let body = json!({ "reason": "promise", "until": (self.now() + 2.hours()).to_string() });
        self.crm_as(link.key, Method::POST, &path, &body, &[("idempotency-key", idempotency_key)]).await
    }

    /// A person says what became of a refund under review.
    pub async fn resolve_refund(
        &self,
        link: &Made,
        refund: &RefundId,
        outcome: &str,
        idempotency_key: &str,
    ) -> Option<Reply> {
        let path = format!("/v1/refunds/{refund}/resolve");
        let header = [("idempotency-key", idempotency_key)];
        self.crm_as(link.key, Method::POST, &path, &json!({ "outcome": outcome }), &header).await
    }

    /// The refunds of a link's payment that need a person, each with what the gateway's books say of it: that it was made,
    /// that it was not, or nothing that could be said yet.
    pub async fn refunds_under_review(&self, link: &Made) -> Vec<(RefundId, &'static str)> {
        let stored = self.stored(link).await;
        let Some(kept) = stored.attempts().iter().find(|attempt| attempt.is_kept()) else { return Vec::new() };
        let reviewed: Vec<&Refund> = kept.refunds.iter().filter(|refund| refund.needs_review()).collect();
        if reviewed.is_empty() {
            return Vec::new();
        }
        let books = self.books_of(kept.gateway.as_str()).await;
        let book =
            books.iter().find(|book| book["id"] == kept.session.as_str()).expect("the gateway knows the session");
        reviewed.into_iter().map(|refund| (refund.id.clone(), by_the_books(kept, refund, book))).collect()
    }

    /// A person looks up all refunds of a link's payment that need one, until none does. Answers whether it came to that.
    pub async fn settle_refunds(&self, link: &Made) -> bool {
        for round in 0..4 {
            let mut is_asked_again = false;
            for number in 0..MAX_REFUNDS {
                let Some((refund, outcome)) = self.refunds_under_review(link).await.into_iter().next() else { break };
                let reply = self.resolve_refund(link, &refund, outcome, &format!("{refund}-{round}-{number}")).await;
                assert!(reply.is_some_and(|reply| reply.status.is_success()), "{refund} could not be resolved");
                is_asked_again |= outcome == "ask_again";
                self.confirm().await;
            }
            if !is_asked_again {
                return true;
            }
            // A list of refunds may be late, and what it does not show then is for a person once more.
            self.turn_time(LATEST_LISTING);
            self.confirm().await;
        }
        false
    }

    /// A person opens an address of ours.
    pub async fn open(&self, url: &str) -> Option<Reply> {
        self.ask(Method::GET, url, &NAVIGATION, None).await
    }

    /// The customer opens the link: the gateway's page that they are sent to, if they are, by a redirect or by a form.
    pub async fn visit(&self, link: &Made) -> Option<String> {
        self.visit_to_pay(link, "pay=part").await
    }

    /// The same for a customer who chooses what to pay by this form, where the link leaves that to them.
    pub async fn visit_to_pay(&self, link: &Made, form: &str) -> Option<String> {
        // The address of a link that was replaced leads to the newest.
        let ours = link.url.split_inclusive("/p/").next().unwrap_or_default();
        let leads_on = |reply: &Reply| reply.status == StatusCode::SEE_OTHER && reply.location().starts_with(ours);
        let mut reply = self.open(&link.url).await?;
        while leads_on(&reply) {
            reply = self.open(&reply.location()).await?;
        }
        // A page of ours can come first, with a button that leads on.
        let button = Form::of(&reply.text).map(|form| form.action).filter(|action| action.ends_with("/go"));
        match button.filter(|_| reply.status == StatusCode::OK) {
            Some(button) => {
                let form_type = [("content-type", "application/x-www-form-urlencoded")];
                let pressed = self.ask(Method::POST, &button, &form_type, Some(form)).await?;
                if leads_on(&pressed) { None } else { self.follow(&pressed).await }
            }
            None => self.follow(&reply).await,
        }
    }

    /// The gateway's page that an answer of ours sends the customer to.
    pub async fn follow(&self, reply: &Reply) -> Option<String> {
        if reply.status == StatusCode::SEE_OTHER {
            return Some(reply.location());
        }
        let form = Form::of(&reply.text).filter(|form| !form.action.starts_with('/'))?;
        let referer = ("referer", self.cloud.base_url());
        let posted = self.http.post(&form.action).header(referer.0, referer.1).form(&form.fields).send().await;
        let page = posted.expect("the gateway's page answers").text().await.expect("a text");
        // A session that is over has none.
        let pressed = Form::of(&page)?;
        Some(format!("{}{}", self.cloud.page_url(), pressed.action))
    }

    /// The customer opens the link until they are sent to the gateway.
    pub async fn go_to_gateway(&self, link: &Made) -> String {
        for _ in 0..MAX_TRIES {
            if let Some(page) = self.visit(link).await {
                return page;
            }
        }
        panic!("nobody was sent to the gateway in {MAX_TRIES} tries")
    }

    /// The customer goes to the gateway, chooses how that ends, and comes back: what they are answered.
    pub async fn pay(&self, link: &Made, outcome: &str) -> Reply {
        let page = self.go_to_gateway(link).await;
        let back = self.choose(&page, outcome).await.expect("the gateway sends the customer back");
        self.open(&back).await.expect("the return is answered")
    }

    /// A link that was made just now leads this life.
    pub async fn live(&self, link: &Made, life: Life) {
        match life {
            Life::Active => {}
            Life::Begun => drop(self.go_to_gateway(link).await),
            Life::Cancelled => {
                let cancelled = self.cancel(link, false).await.expect("the CRM is answered");
                assert!(cancelled.status.is_success(), "{}", cancelled.text);
            }
            Life::Expired => {
                self.turn_time(Duration::from_secs(24 * 3600));
                self.sweep().await.expect("the sweep is not stopped").expect("the sweep ends well");
            }
            Life::Paid => drop(self.pay(link, "paid").await),
        }
    }

    /// The customer chooses what happens on the gateway's page. Where they are sent back to, if they are; what a form would
    /// post there is put behind the address, which the gateways that post forms also know.
    pub async fn choose(&self, page: &str, outcome: &str) -> Option<String> {
        let answer =
            self.http.post(page).form(&[("outcome", outcome)]).send().await.expect("the gateway's page answers");
        let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
        if answer.status().is_redirection() {
            return to;
        }
        let page = answer.text().await.expect("a text");
        // Only a page that posts by itself sends anybody anywhere.
        let form = Form::of(&page).filter(|_| page.contains("<script>"))?;
        let fields = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        Some(format!("{}?{fields}", form.action))
    }

    /// What all gateways' books hold.
    pub async fn books(&self) -> Vec<Value> {
        let mut books = Vec::new();
        for one in SIMULATED {
            books.extend(self.books_of(one.gateway.as_str()).await);
        }
        books
    }

    pub async fn books_of(&self, gateway: &str) -> Vec<Value> {
        let answer = self.http.get(format!("{}/{gateway}/books.json", self.cloud.page_url())).send().await;
        answer.expect("the gateway shows its books").json().await.expect("the books can be read")
    }

    /// A gateway's server tells us of a session, as it is at this moment. Any 2xx ends it; everything else makes the gateway
    /// try again. Mollie has no kinds: it only says that something changed.
    pub async fn webhook(&self, gateway: GatewayKind, session: &str, kind: &str) -> Option<Reply> {
        match gateway {
            GatewayKind::Mollie => self.mollie_webhook(session).await,
            GatewayKind::Razorpay => self.razorpay_webhook(session, kind).await,
            GatewayKind::Stripe => self.stripe_webhook(session, kind).await,
            GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => panic!("{gateway:?} sends no webhooks"),
        }
    }

    /// A gateway's server tells us of the refund in a session, as it is at this moment.
    pub async fn refund_webhook(&self, gateway: GatewayKind, session: &str) -> Option<Reply> {
        match gateway {
            GatewayKind::Mollie => self.mollie_webhook(session).await,
            GatewayKind::Razorpay => {
                let link = self.razorpay_object(&format!("payment_links/{session}")).await;
                let payment = link["payments"][0]["payment_id"].as_str().unwrap();
                let refunds = self.razorpay_object(&format!("payments/{payment}/refunds")).await;
                let refund = &refunds["items"][0];
                let kind = if refund["status"] == "failed" { "refund.failed" } else { "refund.processed" };
                // A refund that somebody made by hand has no notes of ours, and its payment has.
                let payment = self.razorpay_object(&format!("payments/{payment}")).await;
                self.razorpay_event(kind, &[("refund", refund), ("payment", &payment)]).await
            }
            GatewayKind::Stripe => {
                let (session, key, secret) = self.stripe_session(session).await;
                let payment = session["payment_intent"].as_str().unwrap();
                let refunds = self.stripe_object(&format!("refunds?payment_intent={payment}"), key).await;
                let address = self.address_of(&session).await;
                self.stripe_event(&address, "refund.updated", &refunds["data"][0], secret).await
            }
            GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => panic!("{gateway:?} sends no webhooks"),
        }
    }

    /// A gateway's server tells us of a refund that somebody made in its dashboard, as the payment is at this moment.
    pub async fn dashboard_webhook(&self, gateway: GatewayKind, session: &str) -> Option<Reply> {
        match gateway {
            GatewayKind::Mollie => self.mollie_webhook(session).await,
            GatewayKind::Razorpay => {
                let link = self.razorpay_object(&format!("payment_links/{session}")).await;
                let payment = link["payments"][0]["payment_id"].as_str().unwrap();
                let payment = self.razorpay_object(&format!("payments/{payment}")).await;
                self.razorpay_event("refund.processed", &[("payment", &payment)]).await
            }
            GatewayKind::Stripe => {
                let (_, key, secret) = self.stripe_session(session).await;
                let path = format!("checkout/sessions/{session}?expand[]=payment_intent.latest_charge");
                let session = self.stripe_object(&path, key).await;
                let charge = &session["payment_intent"]["latest_charge"];
                let address = self.address_of(&session).await;
                self.stripe_event(&address, "charge.refunded", charge, secret).await
            }
            GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => panic!("{gateway:?} sends no webhooks"),
        }
    }

    /// A gateway's server tells us of the last dispute about a payment, as that is at this moment.
    pub async fn dispute_webhook(&self, gateway: GatewayKind, session: &str) -> Option<Reply> {
        if gateway != GatewayKind::Stripe {
            return self.dashboard_webhook(gateway, session).await;
        }
        let (object, key, secret) = self.stripe_session(session).await;
        let payment = object["payment_intent"].as_str().unwrap();
        let disputes = self.stripe_object(&format!("disputes?payment_intent={payment}"), key).await;
        let address = self.address_of(&object).await;
        self.stripe_event(&address, "charge.dispute.updated", &disputes["data"][0], secret).await
    }

    /// Something happens at a gateway to a payment that a link keeps, and the gateway calls nobody: somebody refunds a little of
    /// it in the dashboard, a bank sends a refund back, or asks for some of the payment, and is right or not. The gateway, its
    /// session, and what happened. `None` where nothing can, or did.
    pub async fn happen_at_gateway(
        &self,
        link: &Made,
        chance: &mut Seeded,
    ) -> Option<(GatewayKind, String, &'static str)> {
        let stored = self.stored(link).await;
        let kept = stored.attempts().iter().find(|attempt| attempt.looked_after().is_some())?;
        // Nobody asks for so little, so that each is known by its amount.
        let little = chance.one_of(&LITTLE);
        let gone: Vec<&str> = kept
            .refunds
            .iter()
            .filter(|refund| refund.has_succeeded())
            .filter_map(|refund| {
                let is_taken = refund.cause == RefundCause::Dispute || refund.method != RefundBy::Gateway;
                // No bank sends one back after more than a month.
                let is_old = self.now().duration_since(refund.created_at) > SignedDuration::from_hours(30 * 24);
                refund.gateway_reference.as_deref().filter(|_| !is_taken && !is_old)
            })
            .collect();
        let (what, order) = match chance.below(6) {
            0..=1 => ("dashboard_refund", json!({ "amount": little, "silent": true })),
            2 if !gone.is_empty() => {
                ("complete_refund", json!({ "outcome": "failed_no_webhook", "refund": chance.one_of(&gone) }))
            }
            3 => ("dispute", json!({ "amount": little, "inquiry": chance.once_in(4), "silent": true })),
            _ => {
                let outcome = chance.one_of(&["under_review", "won", "lost", "lost", "escalated"]);
                ("complete_dispute", json!({ "outcome": outcome, "silent": true }))
            }
        };
        let status = self.order_at_gateway(kept.gateway.as_str(), &format!("{}/{what}", kept.session), &order).await;
        status.is_success().then(|| (kept.gateway, kept.session.clone(), what))
    }

    async fn stripe_webhook(&self, session: &str, kind: &str) -> Option<Reply> {
        self.stripe_webhook_at(None, session, kind).await
    }

    async fn stripe_object(&self, path: &str, key: &str) -> Value {
        let url = format!("{}/stripe/v1/{path}", self.cloud.page_url());
        self.object(self.http.get(url).bearer_auth(key)).await
    }

    /// A session at Stripe, the key that knows it, and the secret that its owner's events are signed with.
    async fn stripe_session(&self, session: &str) -> (Value, &'static str, &'static str) {
        for (key, secret) in [(STRIPE_KEY, STRIPE_WEBHOOK_SECRET), (BAZAAR_STRIPE_KEY, BAZAAR_STRIPE_WEBHOOK_SECRET)] {
            let object = self.stripe_object(&format!("checkout/sessions/{session}"), key).await;
            if object["object"] == "checkout.session" {
                return (object, key, secret);
            }
        }
        panic!("Stripe knows {session} under no key of a demo business")
    }

    /// Stripe's server tells an account of the demo business of a session, whether or not it is that account's.
    pub async fn stripe_webhook_to(&self, account: &str, session: &str, kind: &str) -> Option<Reply> {
        self.stripe_webhook_at(Some(account), session, kind).await
    }

    async fn stripe_webhook_at(&self, account: Option<&str>, session: &str, kind: &str) -> Option<Reply> {
        let (object, _, secret) = self.stripe_session(session).await;
        let address = match account {
            Some(account) => format!("/gateways/stripe/notify/{DEMO}/{account}"),
            None => self.address_of(&object).await,
        };
        self.stripe_event(&address, kind, &object, secret).await
    }

    /// Where Stripe's server calls about a session.
    async fn address_of(&self, session: &Value) -> String {
        self.notify_address("stripe", &session["metadata"]["paylink_link"]).await
    }

    async fn stripe_event(&self, address: &str, kind: &str, object: &Value, secret: &str) -> Option<Reply> {
        let event = json!({
            "id": format!("evt_{}", object["id"].as_str().unwrap()), "object": "event", "type": kind,
            "created": self.now().as_second(), "livemode": false, "data": { "object": object },
        });
        let (body, time) = (event.to_string(), self.now().as_second());
        let signature = format!("t={time},v1={}", signed(secret, &format!("{time}.{body}")));
        let headers = [("stripe-signature", signature.as_str()), ("content-type", "application/json")];
        self.ask(Method::POST, address, &headers, Some(&body)).await
    }

    async fn mollie_webhook(&self, session: &str) -> Option<Reply> {
        let url = format!("{}/mollie/v2/payments/{session}", self.cloud.page_url());
        let object = self.object(self.http.get(url).bearer_auth(MOLLIE_KEY)).await;
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let told_at = object["webhookUrl"].as_str().unwrap();
        self.ask(Method::POST, told_at, &form, Some(&format!("id={session}"))).await
    }

    async fn razorpay_webhook(&self, session: &str, kind: &str) -> Option<Reply> {
        let link = self.razorpay_object(&format!("payment_links/{session}")).await;
        self.razorpay_event(kind, &[("payment_link", &link)]).await
    }

    async fn razorpay_object(&self, path: &str) -> Value {
        let url = format!("{}/razorpay/v1/{path}", self.cloud.page_url());
        self.object(self.http.get(url).basic_auth(RAZORPAY_KEY, Some(RAZORPAY_SECRET))).await
    }

    /// The last of the objects has the notes of ours.
    async fn razorpay_event(&self, kind: &str, objects: &[(&str, &Value)]) -> Option<Reply> {
        let payload: Value =
            objects.iter().map(|(name, object)| ((*name).to_owned(), json!({ "entity": object }))).collect();
        let names: Vec<&str> = objects.iter().map(|(name, _)| *name).collect();
        let event = json!({
            "entity": "event", "event": kind, "contains": names, "created_at": self.now().as_second(),
            "payload": payload,
        });
        let body = event.to_string();
        let signature = signed(RAZORPAY_WEBHOOK_SECRET, &body);
        let headers = [("x-razorpay-signature", signature.as_str()), ("content-type", "application/json")];
        let (_, noted) = objects.last().expect("an event is about something");
        let address = self.notify_address("razorpay", &noted["notes"]["paylink_link"]).await;
        self.ask(Method::POST, &address, &headers, Some(&body)).await
    }

    /// Where a gateway's server calls about a link: the address of the link's business and account.
    async fn notify_address(&self, gateway: &str, link: &Value) -> String {
        let link = LinkId::parse(link.as_str().expect("the gateway knows our link")).unwrap();
        let link = self.cloud.store.link(&link).await.unwrap().expect("the link is there");
        format!("/gateways/{gateway}/notify/{}/{}", link.business(), link.terms().account.id)
    }

    /// What a gateway's own server knows of a session.
    async fn object(&self, request: reqwest::RequestBuilder) -> Value {
        request.send().await.expect("the gateway answers").json().await.expect("the gateway knows the session")
    }

    /// Every gateway refunds what nobody confirmed, as it does after a time that some do not publish.
    pub async fn return_unverified_money(&self) {
        for one in SIMULATED {
            let gateway = one.gateway.as_str();
            let is_waiting = |session: &&Value| session["taken"] == true && session["ours"] == false;
            for session in self.books_of(gateway).await.iter().filter(is_waiting) {
                self.at_gateway(gateway, session["id"].as_str().unwrap(), "return_money").await;
            }
        }
    }

    /// The tester's hand at a gateway.
    pub async fn at_gateway(&self, gateway: &str, session: &str, what: &str) {
        let url = format!("{}/{gateway}/simulator/{session}/{what}", self.cloud.page_url());
        self.http.post(url).send().await.expect("the simulator answers");
    }

    /// The same, with an order that says more.
    pub async fn order_at_gateway(&self, gateway: &str, what: &str, order: &Value) -> StatusCode {
        let url = format!("{}/{gateway}/simulator/{what}", self.cloud.page_url());
        self.http.post(url).json(order).send().await.expect("the simulator answers").status()
    }

    /// The business replaces the Stripe key of an account, and revokes the one before.
    pub async fn replace_stripe_key(&self, account: &str) {
        let id = AccountId::parse(account).unwrap();
        let (known, revision) = self.cloud.business().account_to_change(&id).await.unwrap();
        let mut known = known.expect("the account is there");
        let version = known.online_payment.credentials.clone().expect("the account has a key");
        let old = self.cloud.business().credentials(&id, &version).await.unwrap();
        let old = old.expose("secret_key").unwrap().to_owned();
        let new = format!("{old}New");
        let order = json!({ "key": old, "replaced_by": new });
        assert!(self.order_at_gateway("stripe", "revoke_key", &order).await.is_success());
        let fields = [("secret_key", new.as_str()), ("webhook_secret", STRIPE_WEBHOOK_SECRET)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let credentials = Credentials::parse(GatewayKind::Stripe, Mode::Sandbox, fields, "").unwrap();
        known.online_payment.credentials = Some(CredentialsVersion::parse(&format!("{version}n")).unwrap());
        let written = self.cloud.business().put_account(&known, Some(&credentials), &revision).await.unwrap();
        assert!(written.is_applied());
    }

    /// An account at Zarinpal's live host.
    pub async fn live_account(&self) -> String {
        let id = AccountId::parse("main").unwrap();
        let main = self.cloud.business().account(&id).await.unwrap().expect("the account is there");
        let version = main.online_payment.credentials.clone().expect("the account has a merchant id");
        let credentials = self.cloud.business().credentials(&id, &version).await.unwrap();
        let live = Account { id: AccountId::parse("live-main").unwrap(), mode: Mode::Live, ..main };
        let written =
            self.cloud.business().put_account(&live, Some(&credentials), &store::Revision::Nothing).await.unwrap();
        assert!(written.is_applied());
        live.id.to_string()
    }

    /// Somebody spoils the item of a link, so that it cannot be read as one.
    pub async fn spoil_item(&self, link: &Made) {
        let key = |name: &str| if name == "pk" { format!("link#{}", link.id) } else { "link".to_owned() };
        self.table
            .update_item()
            .table_name(self.cloud.store.table())
            .key("pk", AttributeValue::S(key("pk")))
            .key("sk", AttributeValue::S(key("sk")))
            .update_expression("SET created_at = :spoilt")
            .expression_attribute_values(":spoilt", AttributeValue::S("yesterday".to_owned()))
            .send()
            .await
            .expect("the item is there");
    }

    /// What a gateway is still about to refund comes to an end, one way or the other.
    pub async fn decide_refunds(&self, outcome: &str) {
        for one in SIMULATED {
            let gateway = one.gateway.as_str();
            let is_pending = |session: &&Value| session["refund_pending"].as_i64().unwrap_or(0) > 0;
            for session in self.books_of(gateway).await.iter().filter(is_pending) {
                while self.decide_refund(gateway, session["id"].as_str().unwrap(), outcome).await {}
            }
        }
    }

    /// A gateway comes to an end with the last refund that it has not finished in a session. Answers whether there was one.
    pub async fn decide_refund(&self, gateway: &str, session: &str, outcome: &str) -> bool {
        let what = format!("{session}/complete_refund");
        self.order_at_gateway(gateway, &what, &json!({ "outcome": outcome })).await.is_success()
    }

    /// The platform makes another business, with an API key, the bazaar's settings, and a contact and accounts like these of
    /// the demo business.
    pub async fn add_business(&self, id: &str, key: &str, accounts: &[&str]) -> BusinessId {
        let (demo, id) = (self.cloud.business(), BusinessId::parse(id).unwrap());
        let business = Business::new(id.clone(), id.to_string(), self.now());
        let written = self.cloud.store.put_business(&business, &store::Revision::Nothing).await.unwrap();
        assert!(written.is_applied());
        let scopes = Scope::OF_A_BUSINESS.to_vec();
        let api_key = ApiKey { integration: "crm".to_owned(), scopes, created_at: self.now() };
        self.cloud.store.put_api_key(&KeyHolder::Business(id.clone()), key, &api_key).await.unwrap();
        let own = self.cloud.store.of(&id);
        let bazaar = self.cloud.store.of(&seed::bazaar());
        let settings = bazaar.settings().await.unwrap().expect("the bazaar has settings");
        own.put_settings(&settings, None, &store::Revision::Nothing).await.unwrap();
        let contact = demo.contact(&ContactId::parse("c-1042").unwrap()).await.unwrap();
        crate::plant_contact(&own, &contact.expect("the demo business has a contact")).await;
        for account in accounts {
            add_account(&self.cloud, (&seed::demo(), account), (&id, account), |_| {}).await;
        }
        id
    }

    /// EventBridge or the stream invokes a function. `None` where it died.
    pub async fn invoke(&self, function: &str, event: Value) -> Option<Result<Value, String>> {
        let death = self.proxy.death_of(function);
        tokio::select! {
            biased;
            () = death.notified() => None,
            done = self.functions.invoke(function, event) => Some(done),
        }
    }

    /// The schedule of expire-links comes round.
    pub async fn sweep(&self) -> Option<Result<Value, String>> {
        self.invoke("expire-links", json!({ "source": "schedule" })).await
    }

    /// The schedule of expire-links comes round, with this much time.
    pub async fn sweep_within(&self, time: Duration) -> Result<Value, String> {
        self.functions.invoke_within(time, "expire-links", json!({ "source": "schedule" })).await
    }

    /// The schedule of run-batches comes round.
    pub async fn run_batches(&self) -> Option<Result<Value, String>> {
        self.invoke("run-batches", json!({ "source": "schedule" })).await
    }

    /// The schedule of run-batches comes round, with this much time.
    pub async fn run_batches_within(&self, time: Duration) -> Result<Value, String> {
        self.functions.invoke_within(time, "run-batches", json!({ "source": "schedule" })).await
    }

    /// The queue brings run-batches the oldest hint that waits, if any does.
    pub async fn bring_hint(&self) -> Option<Result<Value, String>> {
        let hint = self.cloud.work.take()?;
        self.invoke("run-batches", hint).await
    }

    /// The schedule of deliver-messages comes round.
    pub async fn retry_messages(&self) -> Option<Result<Value, String>> {
        self.invoke("deliver-messages", json!({ "source": "schedule" })).await
    }

    /// The schedule of deliver-messages comes round, with this much time.
    pub async fn retry_messages_within(&self, time: Duration) -> Result<Value, String> {
        self.functions.invoke_within(time, "deliver-messages", json!({ "source": "schedule" })).await
    }

    /// The stream brings deliver-messages again what it has not served, and what is new until nothing is, in batches as AWS
    /// would. What was tried as often as the template says is left in the queue, where only a person finds it.
    pub async fn bring_stream(&self) {
        self.bring_stream_and_look(async || {}).await;
    }

    /// The same, with a look at the world after each batch.
    pub async fn bring_stream_and_look(&self, mut look: impl AsyncFnMut()) {
        let unserved = std::mem::take(&mut *self.unserved.lock().unwrap_or_else(PoisonError::into_inner));
        self.bring(unserved, &mut look).await;
        loop {
            let new = self.stream.lock().await.records().await.expect("the stream can be read");
            if new.is_empty() {
                return;
            }
            self.bring(new.into_iter().map(|record| (record, 0)).collect(), &mut look).await;
        }
    }

    /// Brings records, each with how often that was tried, and keeps those that are not served.
    async fn bring(&self, records: Vec<(Value, usize)>, look: &mut impl AsyncFnMut()) {
        for batch in records.chunks(BATCH) {
            let mut unserved = batch.to_vec();
            let event = json!({ "Records": batch.iter().map(|(record, _)| record).collect::<Vec<_>>() });
            if let Some(Ok(answer)) = self.invoke("deliver-messages", event).await {
                let failures = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
                let has_failed = |record: &Value| {
                    failures.iter().any(|failure| failure["itemIdentifier"] == record["dynamodb"]["SequenceNumber"])
                };
                unserved.retain(|(record, _)| has_failed(record));
            }
            self.brought_in_vain.fetch_add(unserved.len(), Ordering::Relaxed);
            for (record, tries) in unserved {
                if tries < RETRIES {
                    self.unserved.lock().unwrap_or_else(PoisonError::into_inner).push((record, tries + 1));
                } else {
                    let place = json!({ "DDBStreamBatchInfo": record["dynamodb"]["SequenceNumber"] });
                    self.cloud.undelivered.send(&place.to_string());
                }
            }
            look().await;
        }
    }

    /// How often the stream brought any record that was not served then.
    pub fn brought_in_vain(&self) -> usize {
        self.brought_in_vain.load(Ordering::Relaxed)
    }

    /// A person finds that something waits in the queue, and has everything delivered that is still undelivered.
    pub async fn replay(&self) -> ReplayResult {
        self.admin.replay(90, self.now()).await.expect("the links can be read")
    }

    /// The CRM begins a batch of JSON lines, and uploads them. Answers its address.
    pub async fn upload_rows(&self, defaults: &Value, rows: &[Value], idempotency_key: &str) -> String {
        let body = json!({ "format": "jsonl", "defaults": defaults, "locale": "en" });
        let batch = self.crm(Method::POST, "/v1/batches", &body, &[("idempotency-key", idempotency_key)]).await;
        let batch = batch.expect("the call is answered").json();
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let upload = self.http.put(batch["upload"]["url"].as_str().expect("it waits for its file"));
        let put = upload.header("content-type", "application/jsonl").body(lines).send().await;
        assert!(put.is_ok_and(|put| put.status().is_success()), "the file is taken");
        format!("/v1/batches/{}", batch["id"].as_str().unwrap())
    }

    /// What became of each row of a batch that is over, as its table says.
    pub async fn rows_of(&self, batch: &str) -> Vec<Value> {
        let batch = self.get(batch).await;
        let Some(url) = batch["file"]["url"].as_str() else { return Vec::new() };
        let table = self.http.get(url).send().await.expect("the table is there").text().await.unwrap();
        table.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Everything that comes by itself comes a few times, and on until nothing is left to do at this hour: what one run
    /// learns can be work for the next. Whether it came to that: where very much is due every minute, a slow machine never
    /// does.
    pub async fn confirm(&self) -> bool {
        for round in 0..12 {
            self.bring_stream().await;
            self.turn_time(A_WHILE);
            let _ = self.sweep().await;
            let due = self.due_entries().await;
            if due.iter().any(|(sk, _)| matches!(sk.as_str(), "batch" | "export" | "renewal")) {
                let _ = self.run_batches().await;
            }
            if due.iter().any(|(sk, _)| sk != "link") {
                let _ = self.retry_messages().await;
            }
            self.bring_stream().await;
            if round >= 2 && self.due_entries().await.iter().all(|(_, due_at)| *due_at > self.now()) {
                return true;
            }
        }
        false
    }

    /// All time passes: links end, gateways return what nobody took, and the schedules come until nothing is due.
    pub async fn live_out(&self) {
        self.return_unverified_money().await;
        // A bank transfer at Mollie is watched for the longest.
        self.turn_time(Duration::from_secs(110 * 24 * 3600));
        for _ in 0..40 {
            self.bring_stream().await;
            let _ = self.sweep().await;
            let _ = self.run_batches().await;
            let _ = self.retry_messages().await;
            self.bring_stream().await;
            self.turn_time(Duration::from_secs(2 * 3600));
            if self.due_entries().await.is_empty() {
                return;
            }
        }
    }

    /// Sort key and time of everything in the index of due work but for looks at accounts, which come for ever. A link says
    /// itself when it is due, because the index may show it from earlier on.
    async fn due_entries(&self) -> Vec<(String, Timestamp)> {
        let mut entries = Vec::new();
        for item in invariants::scan(&self.table, self.cloud.store.table(), Some("due")).await {
            let text = |name: &str| item[name].as_s().unwrap().clone();
            if text("pk").starts_with("look-back#") {
                continue;
            }
            let due_at = match text("pk").strip_prefix("link#").filter(|_| text("sk") == "link") {
                Some(link) => {
                    let link = LinkId::parse(link).unwrap();
                    self.cloud.store.link(&link).await.unwrap().and_then(|link| link.due_at())
                }
                None => Timestamp::from_millisecond(item["due_at"].as_n().unwrap().parse().unwrap()).ok(),
            };
            entries.extend(due_at.map(|due_at| (text("sk"), due_at)));
        }
        entries
    }

    /// Everything that can be seen from outside.
    pub async fn evidence(&self) -> Evidence {
        let revision = Revision {
            books: self.books().await,
            inbox: self.cloud.inbox.all().into_iter().map(|message| (message.to, message.body)).collect(),
            events: self.cloud.crm.taken(),
        };
        let store = &self.cloud.store;
        Evidence::gather(&self.table, [store.table(), store.secrets_table()], revision, self.now()).await
    }

    /// A provider of this link's messages died or heard nothing when it had sent: its messages may arrive twice.
    pub fn allow_resending_twice(&self, link: &Made) {
        self.notified_twice.lock().unwrap_or_else(PoisonError::into_inner).insert(link.id.clone());
    }

    /// What is wrong with anything that was written since the last look. It reads nothing from the table, so that it can be
    /// asked after each step.
    pub fn look(&self) -> Vec<String> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner).note(self.proxy.written())
    }

    /// Everything that is wrong, or nothing; and what there was to see.
    pub async fn check(&self, stage: Stage) -> (Vec<String>, Evidence) {
        let mut wrong = self.look();
        let evidence = self.evidence().await;
        let notified_twice = self.notified_twice.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wrong.extend(evidence.violations(&Expected { stage, notified_twice }));
        wrong.extend(self.check_lists(&evidence, Extent::OneOfEachKind).await);
        wrong.extend(self.observer.lock().unwrap_or_else(PoisonError::into_inner).look(&evidence));
        (wrong, evidence)
    }

    /// Where lists of the demo businesses differ from what there is to see. Nothing may have been written since that was seen.
    pub async fn check_lists(&self, evidence: &Evidence, extent: Extent) -> Vec<String> {
        let businesses = [seed::demo(), seed::bazaar()];
        lists::disagreements(&self.cloud.store, &businesses, evidence, self.now(), extent).await
    }

    /// Stops the test where something is wrong.
    pub async fn assert_all_is_well(&self, stage: Stage) -> Evidence {
        let (wrong, evidence) = self.check(stage).await;
        assert!(wrong.is_empty(), "{stage:?}: {wrong:#?}");
        evidence
    }
}

/// The size of a batch in the template, and how often the stream brings a record again.
const BATCH: usize = 100;
const RETRIES: usize = 10;

/// Accounts that take late money, each like one of the demo business's that refund it.
pub const LATE_ACCOUNTS: [(&str, &str); 3] = [("main", "late-main"), ("euro", "late-euro"), ("saman", "late-saman")];

/// An account at Zarinpal whose customers see a page of ours before the gateway's.
pub const CONFIRMING_ACCOUNT: &str = "confirming";

/// Further accounts of the other business, each behind the demo business's that it is like: at Zarinpal and SEP it is the
/// same merchant as that one, as where two businesses have one owner. Its own `main` is at Stripe, and that of the demo
/// business at Zarinpal.
const SHARED_ACCOUNTS: [(&str, &str); 2] = [("main", "rial"), ("saman", "saman")];

/// Every account was looked at just now: what happens in the world is seen by its links, and by looks a day later.
async fn look_back_at_all(cloud: &Cloud, now: Timestamp) {
    let soon = SystemTime::now() + Duration::from_secs(60);
    for work in cloud.store.due_work(0, now, soon).await.work {
        let DueWork::LookBack(due) = work else { continue };
        let leased = cloud.store.lease_look_back(&due, now).await.unwrap().unwrap();
        let looked = leased.clone().after(&Looked::Whole, now);
        let written = cloud.store.of(&due.business).write_look_back(&looked, &leased, None).await.unwrap();
        assert_eq!(written, RecordWritten::Applied);
    }
}

async fn add_accounts(cloud: &Cloud) {
    let demo = seed::demo();
    for (like, id) in LATE_ACCOUNTS {
        add_account(cloud, (&demo, like), (&demo, id), |online| online.late_payment = LatePayment::Accept).await;
    }
    add_account(cloud, (&demo, "main"), (&demo, CONFIRMING_ACCOUNT), |online| online.summary_page = true).await;
    let bazaar = seed::bazaar();
    add_account(cloud, (&bazaar, "main"), (&bazaar, "late-main"), |online| online.late_payment = LatePayment::Accept)
        .await;
    for (like, id) in SHARED_ACCOUNTS {
        add_account(cloud, (&demo, like), (&bazaar, id), |_| {}).await;
    }
    let (item, _) = cloud.business().item(&ItemId::parse("inv-77").unwrap()).await.unwrap().expect("the item is there");
    crate::plant_item(&cloud.store.of(&bazaar), &item).await;
}

/// Another account like one of a demo business's, at the same gateway and with the same credentials.
async fn add_account(
    cloud: &Cloud,
    (of, like): (&BusinessId, &str),
    (business, id): (&BusinessId, &str),
    change: impl FnOnce(&mut OnlinePayment),
) {
    let (model, store) = (cloud.store.of(of), cloud.store.of(business));
    let known = model.account(&AccountId::parse(like).unwrap()).await.expect("the account can be read");
    let mut account = known.expect("the account is there");
    let version = account.online_payment.credentials.as_ref().unwrap();
    let credentials = model.credentials(&account.id, version).await.expect("there are credentials");
    account.id = AccountId::parse(id).unwrap();
    change(&mut account.online_payment);
    let written = store.put_account(&account, Some(&credentials), &store::Revision::Nothing).await;
    assert!(written.expect("the account is written").is_applied());
}

/// What people refund in dashboards and banks ask for where chance makes them. No CRM asks for so little.
const LITTLE: [i64; 3] = [2, 3, 5];

/// What a gateway's book of a session says about a refund of ours that needs a person.
fn by_the_books(kept: &Attempt, refund: &Refund, book: &Value) -> &'static str {
    // So little nobody asks for: somebody made it in the dashboard, whether or not we know of it by now.
    let is_little = |amount: i64| LITTLE.contains(&amount);
    let rows = book["refund_rows"].as_array().into_iter().flatten();
    let gone = rows.filter(|row| row["status"] == "succeeded").filter_map(|row| row["amount"].as_i64());
    let little: i64 = gone.filter(|amount| is_little(*amount)).sum();
    let (mut unexplained, mut doubtful) = (book["refunded"].as_i64().unwrap() - little, 0);
    for one in kept.refunds.iter().filter(|one| one.method == RefundBy::Gateway && !is_little(one.amount)) {
        match &one.state {
            RefundState::Succeeded { .. } | RefundState::Acknowledged { .. } => unexplained -= one.amount,
            RefundState::NeedsReview { .. } => doubtful += one.amount,
            // What is noted by other means is none of the gateway's.
            RefundState::Failed { .. } | RefundState::Voiding { .. } => {}
            // It may be this one that the book shows.
            RefundState::Pending | RefundState::Calling { .. } | RefundState::Accepted { .. } => return "ask_again",
        }
    }
    match unexplained {
        _ if book["refund_pending"].as_i64().unwrap_or(0) > 0 => "ask_again",
        0 => "not_refunded",
        back if back == refund.amount || back == doubtful => "refunded",
        _ => "ask_again",
    }
}

fn signed(secret: &str, text: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A caller tries at most this often before a test gives up.
const MAX_TRIES: usize = 8;

/// The API key of a demo business.
pub fn key_of(business: &str) -> &'static str {
    if business == BAZAAR { BAZAAR_KEY } else { API_KEY }
}

/// A link as its maker knows it.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: String,
    pub url: String,
    /// The API key of the business that made it.
    pub key: &'static str,
}

impl Made {
    pub fn read(key: &'static str, link: &Value) -> Self {
        let text = |field: &str| link[field].as_str().unwrap().to_owned();
        Self { id: text("id"), url: text("url"), key }
    }
}

//! The payment gateways, simulated on this machine.
//!
//! Each simulator speaks its gateway's own protocol and refuses what the gateway would refuse, so that what works here
//! has met the real rules. No money moves.
//!
//! This file holds the list of them and what they share: their books on disk, random ids, misbehaviour on demand, the
//! look of a payment page. What those share whose sessions are one sale each is in `hosted_checkout`. A rule of one gateway lives in that gateway's module and nowhere else.

mod hosted_checkout;
mod mollie;
mod razorpay;
mod sep;
mod stripe;
mod zarinpal;
mod zibal;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router};
use domain::gateway::GatewayKind;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use runtime::Clock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A call that a simulator makes to the merchant's own server.
#[derive(Debug, Clone)]
pub struct OutgoingWebhook {
    /// Where the merchant asked to be told.
    pub url: String,
    /// Names and values, the content type and the signature among them.
    pub headers: Vec<(String, String)>,
    /// The exact bytes that the signature covers.
    pub body: Vec<u8>,
}

/// Sends one [`OutgoingWebhook`] and answers with the HTTP status, or with why there was none.
pub type Notify =
    Arc<dyn Fn(OutgoingWebhook) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send>> + Send + Sync>;

/// One simulated gateway.
pub trait Simulator: fmt::Debug + Send + Sync {
    /// Everything under its paths.
    fn router(&self) -> Router;

    /// Tells `url` of what happens to the sessions of a key, signed with `secret`, where the merchant orders that once and
    /// not with each session.
    fn register_webhook(&self, _key: &str, _url: &str, _secret: &str) {}
}

/// What a simulator is opened with.
pub struct Opening<'a> {
    base: &'a str,
    books: Option<&'a Path>,
    notify: Notify,
    clock: Clock,
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opening").field("base", &self.base).finish_non_exhaustive()
    }
}

/// A gateway that this machine simulates. Its books are at `{sandbox}/books.json`.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedGateway {
    pub gateway: GatewayKind,
    /// The path under which it takes live payments. Most gateways tell live from sandbox by the key alone.
    pub live: &'static str,
    pub sandbox: &'static str,
    open: fn(&Opening<'_>) -> io::Result<Box<dyn Simulator>>,
}

const fn simulated(
    gateway: GatewayKind,
    path: &'static str,
    open: fn(&Opening<'_>) -> io::Result<Box<dyn Simulator>>,
) -> SimulatedGateway {
    SimulatedGateway { gateway, live: path, sandbox: path, open }
}

/// Every gateway that this machine simulates. A new one is a row here.
pub const SIMULATED: [SimulatedGateway; 6] = [
    SimulatedGateway { live: "/zarinpal-live", ..simulated(GatewayKind::Zarinpal, "/zarinpal", zarinpal::open) },
    simulated(GatewayKind::Zibal, "/zibal", zibal::open),
    simulated(GatewayKind::Sep, "/sep", sep::open),
    simulated(GatewayKind::Stripe, "/stripe", stripe::open),
    simulated(GatewayKind::Mollie, "/mollie", mollie::open),
    simulated(GatewayKind::Razorpay, "/razorpay", razorpay::open),
];

/// Where the gateways are that `base` plays, in the form of `PAYLINK_GATEWAY_URLS`. `base_of` is asked with each path and
/// may put something in between.
pub fn gateway_urls(base_of: impl Fn(&str) -> String) -> String {
    let place = |path: &str| {
        let address = base_of(path);
        json!({ "api": address, "pages": address, "refunds": address })
    };
    let row = |one: &SimulatedGateway| {
        let places = json!({ "live": place(one.live), "sandbox": place(one.sandbox) });
        (one.gateway.as_str().to_owned(), places)
    };
    Value::Object(SIMULATED.iter().map(row).collect()).to_string()
}

/// The gateways, running. A clone is cheap and shares its state with the original.
#[derive(Debug, Clone)]
pub struct Simulators(Arc<BTreeMap<GatewayKind, Box<dyn Simulator>>>);

impl Simulators {
    /// Opens the simulators.
    ///
    /// `base` is the public base URL of the local cloud, without a path, such as `http://localhost:9001`. `books` is
    /// the folder in which each simulator keeps its state, so that it survives a restart; without a folder the state
    /// lives in memory only. `notify` sends the webhooks. Sessions age by `clock`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, when a book in it cannot be read, or when the system gives no random bytes.
    pub fn open(base: &str, books: Option<&Path>, notify: Notify, clock: Clock) -> io::Result<Self> {
        if let Some(folder) = books {
            fs::create_dir_all(folder)?;
        }
        let opening = Opening { base, books, notify, clock };
        let opened = SIMULATED.iter().map(|one| Ok((one.gateway, (one.open)(&opening)?)));
        Ok(Self(Arc::new(opened.collect::<io::Result<_>>()?)))
    }

    /// Everything under the gateways' paths. It has no fallback of its own.
    pub fn router(&self) -> Router {
        self.0.values().fold(Router::new(), |router, simulator| router.merge(simulator.router()))
    }

    /// See [`Simulator::register_webhook`].
    pub fn register_webhook(&self, gateway: GatewayKind, key: &str, url: &str, secret: &str) {
        if let Some(simulator) = self.0.get(&gateway) {
            simulator.register_webhook(key, url, secret);
        }
    }
}

/// The state of one simulator, kept as one JSON file where a folder was given.
struct Books<T> {
    file: Option<PathBuf>,
    content: Mutex<T>,
}

impl<T: Default + Serialize + DeserializeOwned> Books<T> {
    fn open(folder: Option<&Path>, name: &str) -> io::Result<Self> {
        let file = folder.map(|folder| folder.join(name));
        let content = match &file {
            Some(file) => load(file)?,
            None => T::default(),
        };
        Ok(Self { file, content: Mutex::new(content) })
    }

    fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the books and writes them down. An `edit` that answers `Err` must have left them as they were.
    ///
    /// A failed write is reported and does not fail the call: the books in memory are right, and the next change
    /// writes all of them again.
    fn change<R, E>(&self, edit: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let mut content = self.lock();
        let done = edit(&mut content)?;
        if let Some(file) = &self.file
            && let Err(error) = save(file, &*content)
        {
            tracing::error!(%error, "A simulator could not write its books.");
        }
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load<T: Default + DeserializeOwned>(file: &Path) -> io::Result<T> {
    match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

/// Writes aside and renames, so that a process that dies half-way leaves the old books whole.
fn save<T: Serialize>(file: &Path, content: &T) -> io::Result<()> {
    let aside = file.with_extension("json.new");
    fs::write(&aside, serde_json::to_vec(content)?)?;
    fs::rename(&aside, file)
}

/// Random ids. The one step that can fail, asking the system for a seed, happens at the start.
struct Ids {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl Ids {
    fn seeded() -> io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { seed, drawn: AtomicU64::new(0) })
    }

    /// Letters and digits.
    fn text(&self, length: usize) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        self.bytes().take(length).map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
    }

    /// A number of exactly twelve digits.
    fn number(&self) -> u64 {
        let drawn = self.bytes().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(byte));
        100_000_000_000 + drawn % 900_000_000_000
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        let seed = self.seed;
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
        (0_u64..).flat_map(move |block| {
            Sha256::new()
                .chain_update(seed)
                .chain_update(draw.to_be_bytes())
                .chain_update(block.to_be_bytes())
                .finalize()
        })
    }
}

/// Lower-case hex.
fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A merchant id or API key as the books keep it: enough to recognise it, too little to use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Credential {
    fingerprint: String,
    last4: String,
}

impl Credential {
    fn of(secret: &str) -> Self {
        let last4 = secret.char_indices().nth_back(3).map_or(secret, |(at, _)| &secret[at..]);
        Self { fingerprint: sha256(secret.as_bytes()), last4: last4.to_owned() }
    }
}

/// What a tester asked the next calls of one gateway to do wrong. It is forgotten at a restart.
#[derive(Debug, Default)]
struct Misbehaviour {
    planned: Mutex<Vec<Planned>>,
}

#[derive(Debug)]
struct Planned {
    call: String,
    how: How,
    times: u32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    /// The work is done and the answer comes after three seconds.
    Slow,
    /// The work is done and the answer comes when no client waits for it any more.
    Timeout,
    /// A proxy's error page; nothing was done.
    #[serde(rename = "502_html")]
    BadGateway,
    /// A proxy's error page; the work was done and its answer is lost.
    DropAfter,
    /// A 200 without a body; nothing was done.
    Empty,
}

#[derive(Debug, Deserialize)]
struct NextAnswer {
    call: String,
    how: How,
    #[serde(default = "once")]
    times: u32,
    /// Set by the payment pages' forms: where the browser goes back to.
    return_to: Option<String>,
}

fn once() -> u32 {
    1
}

impl Misbehaviour {
    const SLOW: Duration = Duration::from_secs(3);
    const TIMEOUT: Duration = Duration::from_secs(40);

    /// Answers `call` by doing `work`, in the way that was planned for it, if any was.
    ///
    /// A late answer is late after the work and not before it: a client that hangs up ends the handler, and a call
    /// that took effect without its caller knowing is the case worth testing.
    async fn play(&self, call: &str, work: impl FnOnce() -> Response + Send) -> Response {
        match self.take(call) {
            None => work(),
            Some(How::Slow) => late(work(), Self::SLOW).await,
            Some(How::Timeout) => late(work(), Self::TIMEOUT).await,
            Some(How::BadGateway) => bad_gateway(),
            Some(How::DropAfter) => {
                drop(work());
                bad_gateway()
            }
            Some(How::Empty) => StatusCode::OK.into_response(),
        }
    }

    fn take(&self, call: &str) -> Option<How> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let at = planned.iter().position(|plan| plan.call == call)?;
        let plan = planned.get_mut(at)?;
        let how = plan.how;
        plan.times = plan.times.saturating_sub(1);
        if plan.times == 0 {
            planned.remove(at);
        }
        Some(how)
    }

    /// Takes an order for one of `calls`, as JSON from a test or as a form from a payment page.
    fn plan(&self, calls: &[&str], headers: &HeaderMap, body: &[u8]) -> Response {
        let order =
            NextAnswer::parse(headers, body).filter(|order| order.times > 0 && calls.contains(&order.call.as_str()));
        let Some(NextAnswer { call, how, times, return_to }) = order else {
            let expected = json!({
                "call": calls,
                "how": [How::Slow, How::BadGateway, How::DropAfter, How::Empty, How::Timeout],
                "times": "1 or more, 1 when left out",
            });
            return (StatusCode::BAD_REQUEST, Json(json!({ "expected": expected }))).into_response();
        };

        let answer = json!({ "call": &call, "how": how, "times": times });
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push(Planned { call, how, times });
        // Only a path of this server: the form must not become a way to send a browser anywhere else.
        match return_to.filter(|path| path.starts_with('/') && !path.starts_with("//")) {
            Some(path) => redirect(StatusCode::SEE_OTHER, &path),
            None => Json(answer).into_response(),
        }
    }
}

impl NextAnswer {
    fn parse(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        if has_content_type(headers, "application/x-www-form-urlencoded") {
            serde_urlencoded::from_bytes(body).ok()
        } else {
            serde_json::from_slice(body).ok()
        }
    }
}

async fn late(answer: Response, by: Duration) -> Response {
    tokio::time::sleep(by).await;
    answer
}

fn bad_gateway() -> Response {
    const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head>\
        <body><center><h1>502 Bad Gateway</h1></center><hr></body></html>";
    (StatusCode::BAD_GATEWAY, Html(PAGE)).into_response()
}

/// Compares the media type only; parameters such as `charset` do not matter.
fn has_content_type(headers: &HeaderMap, expected: &str) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
}

fn redirect(status: StatusCode, to: &str) -> Response {
    (status, [(LOCATION, to.to_owned())]).into_response()
}

/// The button that a tester pressed on a payment page.
#[derive(Debug, Deserialize)]
struct Chosen<O> {
    outcome: O,
}

/// A button of a payment page. `value` is stable: browser tests press by it.
struct Choice {
    value: &'static str,
    label: &'static str,
}

/// A misbehaviour that the payment page offers.
struct Mischief {
    call: &'static str,
    /// As [`How`] is written in an order.
    how: &'static str,
    label: &'static str,
}

/// The page on which the customer would give a card number, and on which a tester chooses what becomes of the payment.
struct PaymentPage<'a> {
    gateway: &'a str,
    /// The page's own path, to come back to.
    here: &'a str,
    /// Where a misbehaviour is ordered.
    next_answer: &'a str,
    /// The last characters of the merchant's credential: all that the books know of it.
    merchant: &'a str,
    /// With its currency.
    amount: &'a str,
    description: &'a str,
    notice: Option<&'a str>,
    choices: &'a [Choice],
    mischief: &'a [Mischief],
}

impl PaymentPage<'_> {
    fn respond(&self) -> Response {
        let content = html! {
            @if let Some(notice) = self.notice {
                p.notice role="alert" { (notice) }
            }
            dl {
                dt { "Merchant" }
                dd { "…" (self.merchant) }
                dt { "Amount" }
                dd.amount { (self.amount) }
                dt { "Description" }
                dd dir="auto" { (self.description) }
            }
            (buttons(self.here, self.choices))
            details {
                summary { "Make the gateway misbehave" }
                @for mischief in self.mischief {
                    form method="post" action=(self.next_answer) {
                        input type="hidden" name="call" value=(mischief.call);
                        input type="hidden" name="how" value=(mischief.how);
                        input type="hidden" name="return_to" value=(self.here);
                        button.quiet type="submit" { (mischief.label) }
                    }
                }
            }
        };
        page(StatusCode::OK, &format!("{}: payment", self.gateway), &content)
    }
}

/// One form with a button for each choice; it needs no script.
fn buttons(action: &str, choices: &[Choice]) -> Markup {
    html! {
        form method="post" action=(action) {
            @for choice in choices {
                button type="submit" name="outcome" value=(choice.value) { (choice.label) }
            }
        }
    }
}

/// The page after a customer paid and closed the browser: the way back is written, not followed.
fn closed_browser(gateway: &str, return_link: &str) -> Response {
    let content = html! {
        p { "The payment went through and the customer closed the browser: nobody returns to the merchant." }
        p { "The browser would have gone to:" }
        p { code { (return_link) } }
    };
    page(StatusCode::OK, &format!("{gateway}: paid"), &content)
}

/// The one layout of all simulators' pages. They must not be kept by a browser, because their state changes.
fn page(status: StatusCode, title: &str, content: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.simulator { "This is a simulator. No money moves." }
                    h1 { (title) }
                    (content)
                }
            }
        }
    };
    (status, [(CACHE_CONTROL, "no-store")], Html(document.into_string())).into_response()
}

const STYLE: &str = "
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { margin: 0; padding: 1rem }
main { max-width: 28rem; margin: 0 auto }
h1 { font-size: 1.25rem }
dt { opacity: .7; font-size: .875rem }
dd { margin: 0 0 .75rem; overflow-wrap: anywhere }
code { overflow-wrap: anywhere }
.amount { font-size: 1.5rem; font-weight: 600 }
.simulator {
  border: 2px dashed #7a5200; border-radius: .5rem; padding: .5rem .75rem; text-align: center; font-weight: 600;
  background: #ffe9b0; color: #4a3200;
}
.notice { border-left: .25rem solid #c0392b; padding-left: .75rem }
form { display: grid; gap: .5rem; margin: .5rem 0 }
button { font: inherit; padding: .75rem; border: 1px solid; border-radius: .5rem; cursor: pointer }
button.quiet { padding: .375rem .75rem; font-size: .875rem }
details { margin-top: 1.5rem }
";

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl<T> fmt::Debug for Books<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Books").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The seed stays out: whoever knows it knows every id to come.
impl fmt::Debug for Ids {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ids").finish_non_exhaustive()
    }
}

/// What the tests of the simulators need to speak HTTP to a router.
#[cfg(test)]
mod testing {
    use std::error::Error;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
    use http::{HeaderMap, Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::{Clock, Notify, OutgoingWebhook, Simulators};

    pub(super) type TestResult = Result<(), Box<dyn Error>>;

    pub(super) struct Reply {
        pub(super) status: StatusCode,
        pub(super) headers: HeaderMap,
        pub(super) text: String,
    }

    impl Reply {
        pub(super) fn json(&self) -> Result<Value, serde_json::Error> {
            serde_json::from_str(&self.text)
        }

        pub(super) fn location(&self) -> &str {
            self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
        }
    }

    pub(super) struct Client {
        router: Router,
        key: Option<&'static str>,
        pub(super) sent: Arc<Mutex<Vec<OutgoingWebhook>>>,
    }

    impl Client {
        pub(super) fn new(key: Option<&'static str>) -> Result<Self, Box<dyn Error>> {
            let sent = Arc::new(Mutex::new(Vec::new()));
            let post_box = Arc::clone(&sent);
            let notify: Notify = Arc::new(move |webhook| {
                if let Ok(mut post_box) = post_box.lock() {
                    post_box.push(webhook);
                }
                Box::pin(async { Ok(200) })
            });
            let router = Simulators::open("http://localhost:9001", None, notify, Clock::System)?.router();
            Ok(Self { router, key, sent })
        }

        pub(super) fn with_key(&self, key: &'static str) -> Self {
            Self { router: self.router.clone(), key: Some(key), sent: Arc::clone(&self.sent) }
        }

        pub(super) async fn get(&self, path: &str) -> Result<Reply, Box<dyn Error>> {
            self.send(Request::get(path), String::new()).await
        }

        pub(super) async fn post_json(&self, path: &str, body: &Value) -> Result<Reply, Box<dyn Error>> {
            self.send(Request::post(path).header(CONTENT_TYPE, "application/json"), body.to_string()).await
        }

        pub(super) async fn post_form(&self, path: &str, body: &str) -> Result<Reply, Box<dyn Error>> {
            self.post_form_with(path, body, None).await
        }

        pub(super) async fn post_form_with(
            &self,
            path: &str,
            body: &str,
            idempotency_key: Option<&str>,
        ) -> Result<Reply, Box<dyn Error>> {
            let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            if let Some(key) = idempotency_key {
                request = request.header("idempotency-key", key);
            }
            self.send(request, body.to_owned()).await
        }

        async fn send(&self, request: http::request::Builder, body: String) -> Result<Reply, Box<dyn Error>> {
            let request = match self.key {
                Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
                None => request,
            };
            let response = self.router.clone().oneshot(request.body(Body::from(body))?).await?;
            let (head, body) = response.into_parts();
            let text = String::from_utf8(to_bytes(body, usize::MAX).await?.to_vec())?;
            Ok(Reply { status: head.status, headers: head.headers, text })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::TestResult;
    use super::{Books, Credential, Ids, grouped};

    #[test]
    fn digits_are_grouped_in_threes() {
        assert_eq!([0, 999, 1_000, 1_500_000].map(grouped), ["0", "999", "1,000", "1,500,000"].map(str::to_owned));
    }

    #[test]
    fn ids_have_the_length_asked_for_and_do_not_repeat() -> TestResult {
        let ids = Ids::seeded()?;
        let (first, second) = (ids.text(35), ids.text(35));
        assert_eq!(first.len(), 35);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(first, second);
        assert_eq!(ids.number().to_string().len(), 12);
        Ok(())
    }

    #[test]
    fn a_credential_shows_its_last_characters_only() {
        assert_eq!(Credential::of("sk_test_12345678").last4, "5678");
        assert_eq!(Credential::of("abc").last4, "abc");
    }

    #[test]
    fn books_survive_a_restart() -> TestResult {
        let folder = std::env::temp_dir().join(format!("paylink-books-{}", Ids::seeded()?.text(12)));
        std::fs::create_dir_all(&folder)?;
        let books = Books::<Vec<u32>>::open(Some(&folder), "test.json")?;
        books.change(|content| {
            content.push(7);
            Ok::<_, std::convert::Infallible>(())
        })?;
        let reopened = Books::<Vec<u32>>::open(Some(&folder), "test.json")?.read(Clone::clone);
        std::fs::remove_dir_all(&folder)?;
        assert_eq!(reopened, [7]);
        Ok(())
    }
}

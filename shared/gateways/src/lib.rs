//! The gateways behind one small contract: begin a session, look up, confirm, close, refund, ask what became of the money
//! afterwards, and read what comes in.
//!
//! Each gateway is one file that turns every answer of its protocol into a word of the domain. Nothing outside its file
//! knows a field of its protocol. To add one: a file here, an arm in [`dispatch`], a row in `domain::gateway`.

mod aftermath;
mod endpoints;
mod lists;
mod mollie;
mod razorpay;
mod refunds;
mod relay;
mod sep;
mod stripe;
mod wiring;
mod zarinpal;
mod zibal;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::gateway::{
    AccountCheck, AftermathAnswer, Decline, GatewayAnswer, GatewayKind, Mode, NotPaidCause, NotPaidReason, Payment,
    RefundAnswer,
};
use domain::ids::{AttemptId, LinkId, RefundId};
use domain::link::{Attempt, Hint, NewAttempt, OpenedSession, Refund, ReturnData};
use domain::money::Money;
use domain::records::credentials::Credentials;
use domain::records::relay::{MAX_SECONDS, Relay};
use hmac::{Hmac, KeyInit, Mac};
use outbound::{Answer, Http};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use telemetry::Measurement;
use url::Url;

use endpoints::DefaultEndpoints;
pub use endpoints::{GatewayEndpoint, GatewayEndpoints, PayHosts};
pub use lists::{Changes, ChangesOrder, ListError, ListOrder};
pub use relay::Relays;

/// A call to a gateway has its answer, or none, within this, unless the stack or a relay says otherwise. A gateway that is
/// called directly needs no longer, and a customer is waiting.
pub const GATEWAY_CALL: Duration = Duration::from_secs(8);

/// No call to a gateway takes longer, whatever the stack or a relay says.
pub const LONGEST_CALL: Duration = Duration::from_secs(MAX_SECONDS);

/// A way to a gateway. The calls of one way stand and fall together: a relay that is down says nothing about those who do
/// without it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    pub gateway: GatewayKind,
    pub mode: Mode,
    /// The address of the relay, where the way leads through one.
    pub relay: Option<String>,
    /// How long one call may take.
    pub longest_call: Duration,
}

/// What a session is opened for.
#[derive(Debug)]
pub struct Order<'a> {
    pub attempt: &'a NewAttempt,
    pub link: &'a LinkId,
    pub mode: Mode,
    /// What the customer reads at the gateway about the purpose.
    pub description: &'a str,
    /// Where the gateway sends the customer's browser back to.
    pub return_url: &'a str,
    /// Where the gateway's server may call about this attempt, where it is told with each session.
    pub notify_url: &'a str,
    /// Until when the session should live.
    pub ends_at: Timestamp,
    /// The same, as minutes from now.
    pub session_minutes: i64,
}

/// What is asked about a refund, or for it.
#[derive(Clone, Copy, Debug)]
pub struct RefundOrder<'a> {
    /// The link that the attempt is of.
    pub link: &'a LinkId,
    pub attempt: &'a Attempt,
    /// The payment that it is of. All refunds of it, this one among them, lie on the attempt.
    pub payment: &'a Payment,
    /// The refund, which says how much goes back.
    pub refund: &'a Refund,
}

/// What a check is made with, at gateways that tell what they take only when they are asked for a session.
#[derive(Clone, Copy, Debug)]
pub struct CheckOrder<'a> {
    /// Stands in place of an attempt's id, and is none. It is used once.
    pub reference: &'a str,
    /// The smallest amount that the gateway takes.
    pub money: Money,
    /// What the gateway's own pages call the purpose.
    pub description: &'a str,
    /// An address at the host that customers come back to. Nobody is sent there.
    pub return_url: &'a str,
    /// How long the session should live.
    pub session_minutes: i64,
}

/// Why no session was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginError {
    /// No readable answer. A session may have been opened, but nobody was sent to it.
    Unavailable { why: String },
    /// The gateway refuses us: a person has to mend the account. The code is the gateway's own.
    Refused { code: String },
}

/// What a webhook says, after its signature was found right. It is a hint: the gateway is asked before anything is
/// believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookHint {
    pub about: WebhookSubject,
    pub hint: Hint,
}

/// What a webhook is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookSubject {
    Attempt {
        link: LinkId,
        attempt: AttemptId,
    },
    /// A payment that was made, by what makes its reference unique. Whose it is was written down when it was confirmed.
    Payment {
        claim: String,
        mode: Mode,
    },
}

/// Why a webhook is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookError {
    /// This gateway sends none.
    NotSpoken,
    /// No signature of a known secret, or one that is too old.
    BadSignature,
    /// Signed, and not in the form the gateway describes.
    Unreadable,
}

/// Sessions in which somebody has paid and the money waits for our confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The sessions, each with the address that its customer comes back to, where the gateway names it.
    pub sessions: BTreeMap<String, Option<String>>,
    /// Whether a session that is missing here is not waiting. A list that is cut off says nothing about it.
    pub is_whole: bool,
}

/// What a gateway's server called us with.
#[derive(Clone, Copy)]
pub struct WebhookRequest<'a> {
    pub header: &'a dyn Fn(&str) -> Option<String>,
    pub query: &'a Fields,
    /// The very bytes, which signatures cover.
    pub body: &'a [u8],
}

impl fmt::Debug for WebhookRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRequest").finish_non_exhaustive()
    }
}

/// Names and values of a query or a form, decoded.
pub type Fields = BTreeMap<String, String>;

/// Everything needed to speak to any gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateways {
    http: Http,
    relays: Relays,
    endpoints: GatewayEndpoints,
}

impl fmt::Debug for Gateways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateways").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

/// A way to one gateway: what an adapter sends its calls through.
#[derive(Clone, Copy)]
struct GatewayClient<'a> {
    gateway: GatewayKind,
    http: &'a Http,
    endpoint: &'a GatewayEndpoint,
    /// The relay of the account, and what it is called with.
    relay: Option<(&'a Relay, &'a Relays)>,
    /// Whether its calls count in the metrics, by which alarms know of a gateway in trouble.
    is_measured: bool,
}

impl GatewayClient<'_> {
    /// One call. The error is a reason for logs.
    async fn send(&self, request: http::request::Builder, body: String) -> Result<Answer, String> {
        let answer = match self.on_its_way(request) {
            Ok((http, request)) => http.send(request, body, self.longest_call()).await,
            Err(why) => Err(why.to_owned()),
        };
        self.measure(answer.as_ref());
        answer
    }

    /// The same, with one header of the answer.
    async fn send_and_read(
        &self,
        request: http::request::Builder,
        body: String,
        header: &'static str,
    ) -> Result<(Answer, Option<String>), String> {
        let answer = match self.on_its_way(request) {
            Ok((http, request)) => http.send_and_read(request, body, self.longest_call(), header).await,
            Err(why) => Err(why.to_owned()),
        };
        self.measure(answer.as_ref().map(|(answer, _)| answer));
        answer
    }

    /// The request as it leaves us, and what it is sent with.
    fn on_its_way(&self, request: http::request::Builder) -> Result<(&Http, http::request::Builder), &'static str> {
        match self.relay {
            None => Ok((self.http, request)),
            Some((relay, relays)) => Ok((relays.http(), relays.redirect(request, relay)?)),
        }
    }

    fn longest_call(&self) -> Duration {
        longest_call(self.endpoint, self.relay.map(|(relay, _)| relay))
    }

    fn measure(&self, answer: Result<&Answer, &String>) {
        let is_answered = answer.is_ok_and(|answer| !is_trouble(answer.status));
        if self.is_measured {
            Measurement::GatewayCalled { gateway: self.gateway, is_answered }.record();
        }
    }
}

/// How long one call may take: a relay has a time of its own.
fn longest_call(endpoint: &GatewayEndpoint, relay: Option<&Relay>) -> Duration {
    relay.map_or(endpoint.longest_call, |relay| Duration::from_secs(relay.address().seconds)).min(LONGEST_CALL)
}

/// Statuses of a gateway in trouble, or of one that does not let us in. All others are answers.
fn is_trouble(status: u16) -> bool {
    status >= 500 || [401, 403, 429].contains(&status)
}

/// Counts an answer that only a person can do something about.
fn noted(gateway: GatewayKind, answer: GatewayAnswer) -> GatewayAnswer {
    if let GatewayAnswer::AccountRefused { .. } = &answer {
        Measurement::GatewayRefused { gateway }.record();
    }
    answer
}

fn noted_refund(gateway: GatewayKind, answer: RefundAnswer) -> RefundAnswer {
    if let RefundAnswer::AccountRefused { .. } = &answer {
        Measurement::GatewayRefused { gateway }.record();
    }
    answer
}

fn noted_aftermath(gateway: GatewayKind, answer: AftermathAnswer) -> AftermathAnswer {
    if let AftermathAnswer::AccountRefused { .. } = &answer {
        Measurement::GatewayRefused { gateway }.record();
    }
    answer
}

/// What each gateway's file does. What a gateway does not have is left to the defaults.
trait GatewayAdapter {
    /// Where it is, unless the stack says otherwise.
    const LIVE: DefaultEndpoints;
    const SANDBOX: DefaultEndpoints;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError>;

    /// Asks whether the account is taken as it is, in a way that moves no money. A session that is opened for it is shown
    /// to nobody.
    async fn check(&self, order: &CheckOrder<'_>, credentials: &Credentials) -> AccountCheck;

    /// Asks in a way that moves no money.
    async fn look_up(
        &self,
        attempt: &Attempt,
        return_data: &ReturnData,
        credentials: &Credentials,
        now: Timestamp,
    ) -> GatewayAnswer;

    /// Makes the money ours. `None` where that needs no call of ours.
    async fn confirm(&self, _: &Attempt, _: &Credentials) -> Option<GatewayAnswer> {
        None
    }

    async fn unconfirmed(&self, _: &Credentials) -> Option<Result<Unconfirmed, String>> {
        None
    }

    async fn close(&self, _: &Attempt, _: &Credentials) -> Option<GatewayAnswer> {
        None
    }

    /// Asks what became of a refund: of the one whose id is known, and otherwise of the one among the payment's that is
    /// this one, see [`refunds`]. Left to this default, a gateway has nothing that could be asked, and gives a payment back
    /// once however often it is called.
    async fn find_refund(&self, _: &RefundOrder<'_>, _: &Credentials) -> RefundAnswer {
        RefundAnswer::Absent
    }

    /// Asks for a refund of as much as it says.
    async fn refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer;

    /// Its own lists of payments and refunds, where its [profile](domain::gateway::Profile) says that it has any: what
    /// money was taken and went back, and nothing that is still open.
    async fn list(&self, _: &ListOrder, _: &Credentials) -> Option<Result<Vec<Theirs>, ListError>> {
        None
    }

    /// What its lists of the whole account show of refunds and disputes. `None` where it has none of either.
    async fn changes(&self, _: &ChangesOrder, _: &Credentials) -> Option<Changes> {
        None
    }

    /// What makes the reference of a listed payment unique, as the adapter says it of a confirmed one.
    fn claim_of(_: &str) -> Option<String> {
        None
    }

    /// Asks what became of a payment after it was confirmed, in a way that moves no money. Left to this default, a gateway
    /// shows neither refunds nor disputes, as its row in the domain says.
    async fn aftermath(&self, _: &Attempt, _: &Payment, _: &LinkId, _: &Credentials) -> Option<AftermathAnswer> {
        None
    }

    fn read_return(fields: &Fields, attempt: &Attempt, credentials: &Credentials) -> ReturnData;

    fn read_webhook(
        _: WebhookRequest<'_>,
        _: &[Credentials],
        _: Timestamp,
    ) -> Result<Option<WebhookHint>, WebhookError> {
        Err(WebhookError::NotSpoken)
    }
}

/// Does something with the adapter of a gateway. This is the only list of them.
macro_rules! dispatch {
    ($kind:expr, $adapter:ident => $something:expr) => {
        match $kind {
            GatewayKind::Zarinpal => dispatch!(zarinpal::Zarinpal as $adapter => $something),
            GatewayKind::Zibal => dispatch!(zibal::Zibal as $adapter => $something),
            GatewayKind::Sep => dispatch!(sep::Sep as $adapter => $something),
            GatewayKind::Stripe => dispatch!(stripe::Stripe as $adapter => $something),
            GatewayKind::Mollie => dispatch!(mollie::Mollie as $adapter => $something),
            GatewayKind::Razorpay => dispatch!(razorpay::Razorpay as $adapter => $something),
        }
    };
    ($module:ident::$type:ident as $adapter:ident => $something:expr) => {{
        use crate::$module::$type as $adapter;
        $something
    }};
}

impl Gateways {
    pub fn new(http: Http, relays: Relays, endpoints: GatewayEndpoints) -> Self {
        Self { http, relays, endpoints }
    }

    /// The hosts of the pages that customers are sent to.
    pub fn pay_hosts(&self) -> PayHosts {
        PayHosts::from(&self.endpoints)
    }

    fn client<'a>(&'a self, gateway: GatewayKind, mode: Mode, credentials: &'a Credentials) -> GatewayClient<'a> {
        let relay = credentials.relay().map(|relay| (relay, &self.relays));
        let endpoint = self.endpoints.of(gateway, mode);
        GatewayClient { gateway, http: &self.http, endpoint, relay, is_measured: true }
    }

    /// The way to a gateway with these credentials; without any, the direct one.
    pub fn way(&self, gateway: GatewayKind, mode: Mode, credentials: Option<&Credentials>) -> Way {
        let relay = credentials.and_then(Credentials::relay);
        Way {
            gateway,
            mode,
            relay: relay.map(|relay| relay.address().url.clone()),
            longest_call: longest_call(self.endpoints.of(gateway, mode), relay),
        }
    }

    /// Opens a session. It is never repeated blindly: at some gateways a second call makes a second payable session.
    pub async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let client = self.client(order.attempt.gateway, order.mode, credentials);
        let begun = dispatch!(order.attempt.gateway, Adapter => Adapter(client).begin(order, credentials).await);
        if let Err(BeginError::Refused { .. }) = &begun {
            Measurement::GatewayRefused { gateway: order.attempt.gateway }.record();
        }
        begun
    }

    /// Asks whether a gateway takes an account as it is, in a way that moves no money. What it refuses counts in no alarm:
    /// somebody asked to be told.
    pub async fn check(
        &self,
        gateway: GatewayKind,
        mode: Mode,
        order: &CheckOrder<'_>,
        credentials: &Credentials,
    ) -> AccountCheck {
        let client = GatewayClient { is_measured: false, ..self.client(gateway, mode, credentials) };
        dispatch!(gateway, Adapter => Adapter(client).check(order, credentials).await)
    }

    /// Asks about an attempt in a way that moves no money. `return_data` is what made us ask.
    pub async fn look_up(
        &self,
        attempt: &Attempt,
        return_data: &ReturnData,
        mode: Mode,
        credentials: &Credentials,
        now: Timestamp,
    ) -> GatewayAnswer {
        let client = self.client(attempt.gateway, mode, credentials);
        let answer = dispatch!(attempt.gateway, Adapter => Adapter(client).look_up(attempt, return_data, credentials, now).await);
        noted(attempt.gateway, answer)
    }

    /// Everything that waits for our confirmation under these credentials, from one call, or why it could not be read.
    /// `None` where the gateway has no such list.
    pub async fn unconfirmed(
        &self,
        gateway: GatewayKind,
        mode: Mode,
        credentials: &Credentials,
    ) -> Option<Result<Unconfirmed, String>> {
        let client = self.client(gateway, mode, credentials);
        dispatch!(gateway, Adapter => Adapter(client).unconfirmed(credentials).await)
    }

    /// Makes the money ours where that needs a call of ours; elsewhere the same as [`Gateways::look_up`]. May be
    /// repeated.
    pub async fn confirm(
        &self,
        attempt: &Attempt,
        mode: Mode,
        credentials: &Credentials,
        now: Timestamp,
    ) -> GatewayAnswer {
        let client = self.client(attempt.gateway, mode, credentials);
        let confirmed = dispatch!(attempt.gateway, Adapter => Adapter(client).confirm(attempt, credentials).await);
        match confirmed {
            Some(answer) => noted(attempt.gateway, answer),
            None => self.look_up(attempt, &Hint::Nothing.into(), mode, credentials, now).await,
        }
    }

    /// Closes a session that nobody should pay in any more, and says what is true of it afterwards. `None` where the
    /// gateway cannot close.
    pub async fn close(&self, attempt: &Attempt, mode: Mode, credentials: &Credentials) -> Option<GatewayAnswer> {
        let client = self.client(attempt.gateway, mode, credentials);
        dispatch!(attempt.gateway, Adapter => Adapter(client).close(attempt, credentials).await)
    }

    /// Asks what became of a refund, in a way that moves no money.
    pub async fn find_refund(&self, order: &RefundOrder<'_>, mode: Mode, credentials: &Credentials) -> RefundAnswer {
        let client = self.client(order.attempt.gateway, mode, credentials);
        let answer = dispatch!(order.attempt.gateway, Adapter => Adapter(client).find_refund(order, credentials).await);
        noted_refund(order.attempt.gateway, answer)
    }

    /// Asks for a refund. That it is about to be asked for has been written down, and it was not found before.
    pub async fn refund(&self, order: &RefundOrder<'_>, mode: Mode, credentials: &Credentials) -> RefundAnswer {
        let client = self.client(order.attempt.gateway, mode, credentials);
        let answer = dispatch!(order.attempt.gateway, Adapter => Adapter(client).refund(order, credentials).await);
        noted_refund(order.attempt.gateway, answer)
    }

    /// Asks what a gateway shows of a payment of an attempt of a link: refunds, ours and those that somebody made without us,
    /// and disputes. It moves no money. `None` where the gateway cannot tell.
    pub async fn aftermath(
        &self,
        attempt: &Attempt,
        payment: &Payment,
        link: &LinkId,
        mode: Mode,
        credentials: &Credentials,
    ) -> Option<AftermathAnswer> {
        let client = self.client(attempt.gateway, mode, credentials);
        let answer =
            dispatch!(attempt.gateway, Adapter => Adapter(client).aftermath(attempt, payment, link, credentials).await);
        answer.map(|answer| noted_aftermath(attempt.gateway, answer))
    }
}

impl Gateways {
    /// What the gateway's own lists have. `None` where it has none. What it refuses counts in no alarm: somebody asked, and
    /// is told.
    pub async fn list(
        &self,
        gateway: GatewayKind,
        mode: Mode,
        order: &ListOrder,
        credentials: &Credentials,
    ) -> Option<Result<Vec<Theirs>, ListError>> {
        let client = GatewayClient { is_measured: false, ..self.client(gateway, mode, credentials) };
        dispatch!(gateway, Adapter => Adapter(client).list(order, credentials).await)
    }

    /// What the gateway's own lists show of refunds and disputes. `None` where it has none. What it refuses counts in no alarm
    /// either: the look is made again, and the CRM is told.
    pub async fn changes(
        &self,
        gateway: GatewayKind,
        mode: Mode,
        order: &ChangesOrder,
        credentials: &Credentials,
    ) -> Option<Changes> {
        let client = GatewayClient { is_measured: false, ..self.client(gateway, mode, credentials) };
        dispatch!(gateway, Adapter => Adapter(client).changes(order, credentials).await)
    }
}

/// The claim of a payment that a gateway's list has under this reference, where it is known by that alone.
pub fn claim_of(gateway: GatewayKind, reference: &str) -> Option<String> {
    dispatch!(gateway, Adapter => <Adapter<'_> as GatewayAdapter>::claim_of(reference))
}

/// Reads what a browser brings back from a gateway. Anybody can write it, so it only tells what to ask first.
pub fn read_return(attempt: &Attempt, fields: &Fields, credentials: &Credentials) -> ReturnData {
    dispatch!(attempt.gateway, Adapter => <Adapter<'_> as GatewayAdapter>::read_return(fields, attempt, credentials))
}

/// Reads a gateway's own call. `None` is a call that concerns no attempt of ours. Several sets of credentials are tried,
/// because a secret may have been replaced since the gateway signed.
pub fn read_webhook(
    gateway: GatewayKind,
    request: WebhookRequest<'_>,
    credentials: &[Credentials],
    now: Timestamp,
) -> Result<Option<WebhookHint>, WebhookError> {
    dispatch!(gateway, Adapter => <Adapter<'_> as GatewayAdapter>::read_webhook(request, credentials, now))
}

/// Where a gateway is unless the stack says otherwise.
fn default_endpoints(gateway: GatewayKind, mode: Mode) -> DefaultEndpoints {
    match mode {
        Mode::Live => dispatch!(gateway, Adapter => <Adapter<'_> as GatewayAdapter>::LIVE),
        Mode::Sandbox => dispatch!(gateway, Adapter => <Adapter<'_> as GatewayAdapter>::SANDBOX),
    }
}

fn unknown(why: &str) -> GatewayAnswer {
    GatewayAnswer::Unknown { why: why.to_owned() }
}

fn not_paid(cause: NotPaidCause, code: &str) -> GatewayAnswer {
    GatewayAnswer::NotPaid(NotPaidReason::new(cause, code))
}

fn declined(decline: Decline, code: &str) -> GatewayAnswer {
    GatewayAnswer::NotPaid(NotPaidReason::declined(decline, code))
}

fn doubtful(reason: &str) -> GatewayAnswer {
    GatewayAnswer::Doubtful { reason: reason.to_owned() }
}

/// Ids of sessions become parts of addresses: they are words.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a text is the HMAC-SHA256 of a message in hex, compared in constant time.
fn is_hmac_of(given: &str, key: &str, message: &[u8]) -> bool {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(message);
    given.as_bytes().ct_eq(hex::encode(mac.finalize().into_bytes()).as_bytes()).into()
}

/// Reads an object. Left to itself, serde also takes a list for one, with the fields in the order of the file.
fn object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok())?
}

/// A web address that a browser can be sent to, in the form that a header can carry.
fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.to_string())
}

/// Our id of a refund by the mark that a gateway shows of it. One of another link is none of ours: anybody who may refund in
/// a dashboard may write it there.
fn our_refund(mark: Option<&str>, link: &LinkId) -> Option<RefundId> {
    RefundId::parse(mark?).ok().filter(|id| id.link().as_ref() == Some(link))
}

/// A number, or a text that is one.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The first characters of a description, as many as a gateway takes.
fn at_most(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// An instant that a gateway of Iran writes as local time without an offset. `None` for what is written otherwise.
fn tehran_instant(text: &str) -> Option<Timestamp> {
    let local: jiff::civil::DateTime = text.trim().parse().ok()?;
    local.in_tz("Asia/Tehran").ok().map(|zoned| zoned.timestamp())
}

/// What makes references of two terminals different without telling which terminal it is.
fn terminal(secret: &str) -> String {
    hex::encode(Sha256::digest(secret).get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The link that such an attempt is of.
    pub(crate) fn link() -> LinkId {
        LinkId::parse("pl_2222222222222222222222").unwrap()
    }

    /// An open attempt, begun at 22:00.
    pub(crate) fn attempt(gateway: &str, session: &str, amount: i64, currency: &str) -> Attempt {
        serde_json::from_value(json!({
            "id": "at_2222222222222222222222", "key": "2222222222222222222222", "gateway": gateway,
            "account_id": "main", "credentials": "v1", "amount": amount, "currency": currency, "session": session,
            "pay_at": "https://gateway.example/", "opened_at": "2026-11-23T22:00:00Z",
            "session_ends_at": "2026-11-23T22:15:00Z", "deadline": "2026-11-23T22:20:00Z",
            "watched_until": "2026-11-26T22:00:00Z", "state": "open", "look_up_at": "2026-11-23T22:01:00Z",
        }))
        .unwrap()
    }

    /// Credentials of a sandbox account.
    pub(crate) fn credentials(gateway: &str, fields: Value) -> Credentials {
        let gateway = GatewayKind::parse(gateway).unwrap();
        Credentials::parse(gateway, Mode::Sandbox, serde_json::from_value(fields).unwrap(), "").unwrap()
    }

    #[test]
    fn a_mark_is_ours_only_where_it_is_of_the_link_that_was_asked_about() {
        let ours = RefundId::of(&link(), 1);
        assert_eq!(our_refund(Some(ours.as_str()), &link()), Some(ours.clone()));
        let other = LinkId::parse("pl_3333333333333333333333").unwrap();
        for (mark, link) in
            [(Some(ours.as_str()), &other), (Some("order-7"), &link()), (Some(""), &link()), (None, &link())]
        {
            assert_eq!(our_refund(mark, link), None, "{mark:?}");
        }
    }
}

//! Razorpay payment links. Source: the gateway's documentation and its official clients.
//!
//! What is special here: a failed payment ends nothing, the customer tries again in the same link, and a bank may
//! report a success days after a failure; returns and webhooks are signed, each with another secret, and neither
//! signs the amount, so the link is asked all the same; refunds and the link's own reference keep calls from counting
//! twice. A link names captured payments only and never says that one went back: what is in flight stands in the
//! payments of its order, and what went back on the payment. Nothing on a payment tells of a dispute; those of the account
//! are a list.

mod list;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::gateway::{
    AccountCheck, AftermathAnswer, DisputeState, Fee, FeePayer, GatewayAnswer, NotPaidCause, Payment, RefundAnswer,
    ShownDispute, ShownRefund, ShownState,
};
use domain::ids::{AttemptId, LinkId};
use domain::link::{Attempt, Checkout, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use http::Method;
use outbound::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::aftermath::{self, Pages, instant_of_seconds, unreadable};
use crate::lists::{Changes, ChangesOrder, ListError, ListOrder};
use crate::refunds::{Listed, Seen, any_counts, fits_once, look_through};
use crate::{
    BeginError, CheckOrder, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, RefundOrder, WebhookError,
    WebhookHint, WebhookRequest, WebhookSubject, at_most, doubtful, is_hmac_of, is_word, not_paid, object, our_refund,
    unknown, web_address,
};

/// The longest description that a link takes, in characters.
const LONGEST_DESCRIPTION: usize = 2_048;

/// A link must live fifteen minutes by their clock; a minute more keeps ours from mattering.
const CLOCK_MARGIN_SECONDS: i64 = 60;

/// The name of our link's id in the notes of theirs, and of a refund.
const LINK_NOTE: &str = "paylink_link";

/// The name of our attempt's id in the notes of a link of theirs, which Razorpay copies to its payments, and of a refund.
/// A link of theirs has a field of its own for it too.
const ATTEMPT_NOTE: &str = "paylink_attempt";

/// The name of our refund's id in the notes of theirs.
const REFUND_NOTE: &str = "paylink_refund";

/// What a list is asked for at most: ten are listed unless more are asked for. One that is as long may have been cut off.
const LONGEST_LIST: usize = 100;

/// How many pages of a list are read at most. The list of disputes is of the whole account.
const MOST_PAGES: usize = 10;

/// Their clock may be behind ours by this much, in seconds, when a dispute is looked for from the time of its payment on.
const DISPUTES_MARGIN_SECONDS: i64 = 86_400;

/// So much of a code of theirs is kept, in characters.
const LONGEST_CODE: usize = 64;

/// The code of a refund that failed, for which Razorpay has no reasons.
const FAILED: &str = "refund_failed";

pub(crate) struct Razorpay<'a>(pub(crate) GatewayClient<'a>);

#[derive(Debug, Deserialize)]
struct LinkObject {
    id: String,
    #[serde(default)]
    short_url: Option<String>,
    status: LinkStatus,
    amount: i64,
    /// Null is nothing.
    #[serde(default)]
    amount_paid: Option<i64>,
    currency: String,
    #[serde(default)]
    reference_id: Option<String>,
    /// What the payments of this link belong to. It may be missing while nobody tried to pay.
    #[serde(default)]
    order_id: Option<String>,
    /// The captured ones alone, and null while there is none.
    #[serde(default)]
    payments: Option<Vec<LinkPayment>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LinkStatus {
    Created,
    PartiallyPaid,
    Paid,
    Cancelled,
    Expired,
    #[serde(other)]
    Undocumented,
}

#[derive(Debug, Deserialize)]
struct LinkPayment {
    payment_id: String,
    status: PaymentStatus,
}

#[derive(Debug, Deserialize)]
struct PaymentObject {
    id: String,
    status: PaymentStatus,
    amount: i64,
    currency: String,
    #[serde(default)]
    order_id: Option<String>,
    #[serde(default)]
    amount_refunded: Option<i64>,
    /// With its tax.
    #[serde(default)]
    fee: Option<i64>,
    #[serde(default)]
    fee_bearer: Option<FeeBearer>,
    /// When the customer began it.
    #[serde(default)]
    created_at: Option<i64>,
    #[serde(default)]
    card: Option<Card>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaymentStatus {
    /// The bank has not answered.
    Created,
    /// The bank has said yes and the money is not captured.
    Authorized,
    Captured,
    Refunded,
    Failed,
    #[serde(other)]
    Undocumented,
}

/// Who pays the fee, in the samples of webhooks. The reference of payments does not name the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FeeBearer {
    Platform,
    Customer,
    #[serde(other)]
    Undocumented,
}

#[derive(Debug, Deserialize)]
struct Card {
    /// A text in the samples and a number in the table beside them.
    #[serde(default)]
    last4: Value,
}

#[derive(Debug, Deserialize)]
struct Collection<T> {
    items: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct RefundObject {
    id: String,
    status: RefundStatus,
    amount: i64,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    payment_id: Option<String>,
    /// An empty list where there are none.
    #[serde(default)]
    notes: Value,
    /// When it was made. Nothing is decided on it.
    #[serde(default)]
    created_at: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundStatus {
    Pending,
    Processed,
    Failed,
    #[serde(other)]
    Undocumented,
}

/// What a bank or a customer asks for again. Nothing is taken before it is lost.
#[derive(Debug, Deserialize)]
struct DisputeObject {
    id: String,
    payment_id: String,
    status: DisputeStatus,
    amount: i64,
    /// What was taken of it, once it is lost.
    #[serde(default)]
    amount_deducted: Option<i64>,
    currency: String,
    /// What people are shown. Nothing is decided on it, so none of it makes a dispute unreadable.
    #[serde(default)]
    reason_code: Value,
    #[serde(default)]
    respond_by: Value,
    #[serde(default)]
    created_at: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DisputeStatus {
    Open,
    UnderReview,
    Won,
    Lost,
    /// The suspicion of a fraud is settled, by an explanation or by a refund, which is among the refunds.
    Closed,
    #[serde(other)]
    Undocumented,
}

impl GatewayAdapter for Razorpay<'_> {
    // Test and live differ by the key alone.
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://api.razorpay.com");
    const SANDBOX: DefaultEndpoints = Self::LIVE;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let attempt = order.attempt;
        let body = json!({
            "amount": attempt.money.minor_units(),
            "currency": attempt.money.currency().code(),
            "accept_partial": false,
            "description": at_most(order.description, LONGEST_DESCRIPTION),
            "reference_id": attempt.id().as_str(),
            "expire_by": order.ends_at.as_second() + CLOCK_MARGIN_SECONDS,
            // Notifying people is our own business.
            "notify": { "sms": false, "email": false },
            "reminder_enable": false,
            "notes": { LINK_NOTE: order.link.as_str(), ATTEMPT_NOTE: attempt.id().as_str() },
            "callback_url": order.return_url,
            "callback_method": "get",
        });
        let answer = self.call(Method::POST, "/v1/payment_links/", Some(body), None, credentials).await;
        let answer = answer.map_err(|why| BeginError::Unavailable { why })?;
        opened(&answer).ok_or_else(|| match refusal(&answer) {
            Refusal::Passing(why) => BeginError::Unavailable { why },
            Refusal::Account(code) | Refusal::Final(code) => BeginError::Refused { code },
        })
    }

    /// Lists one order. Whether Razorpay takes a host that customers come back to, no call of a merchant's asks.
    async fn check(&self, _: &CheckOrder<'_>, credentials: &Credentials) -> AccountCheck {
        let check = match self.call(Method::GET, "/v1/orders?count=1", None, None, credentials).await {
            Ok(answer) if answer.status == 200 => match object::<Collection<Value>>(&answer.body) {
                Some(Collection { items: _ }) => AccountCheck::accepted(),
                None => AccountCheck::unanswered(),
            },
            Ok(answer) => match refusal(&answer) {
                Refusal::Passing(_) => AccountCheck::unanswered(),
                Refusal::Account(code) => AccountCheck::credentials_refused(code),
                Refusal::Final(code) => AccountCheck::not_reached(&code),
            },
            Err(_) => AccountCheck::unanswered(),
        };
        check.without_callback_host()
    }

    async fn look_up(
        &self,
        attempt: &Attempt,
        _: &ReturnData,
        credentials: &Credentials,
        _: Timestamp,
    ) -> GatewayAnswer {
        self.link(attempt, credentials).await
    }

    /// Cancels a link in which nobody paid yet. Where that is refused the customer may just have paid.
    async fn close(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let path = format!("/v1/payment_links/{}/cancel", attempt.session);
        Some(match self.call(Method::POST, &path, Some(json!({})), None, credentials).await {
            Ok(answer) if answer.status == 200 => self.read(&answer, attempt, credentials).await,
            Ok(_) => self.link(attempt, credentials).await,
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    async fn find_refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        match order.refund.gateway_reference.as_deref() {
            Some(reference) if is_word(reference) => self.known_refund(order, reference, credentials).await,
            Some(_) | None => self.listed_refund(order, credentials).await,
        }
    }

    async fn refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let RefundOrder { link, attempt, payment, refund } = *order;
        let path = format!("/v1/payments/{}/refund", payment.reference);
        let body = json!({
            "amount": refund.amount,
            "speed": "normal",
            "notes": {
                LINK_NOTE: link.as_str(),
                ATTEMPT_NOTE: attempt.id.as_str(),
                REFUND_NOTE: refund.id.as_str(),
            },
        });
        let answer = match self.call(Method::POST, &path, Some(body), Some(&refund.key()), credentials).await {
            Ok(answer) => answer,
            Err(why) => return RefundAnswer::Unknown { why },
        };
        if answer.status == 200 {
            return match object::<RefundObject>(&answer.body) {
                Some(refund) => became(&refund),
                None => unknown_refund("a refund that cannot be read"),
            };
        }
        let code = match refusal(&answer) {
            Refusal::Passing(why) => return RefundAnswer::Unknown { why },
            Refusal::Account(code) => return RefundAnswer::AccountRefused { code },
            Refusal::Final(code) => code,
        };
        // Refused because the money went back already, by an earlier call or by hand?
        match self.listed_refund(order, credentials).await {
            RefundAnswer::Absent | RefundAnswer::Unlisted if says_refunded(&answer) => {
                unknown_refund("a payment that went back without a refund in its list")
            }
            RefundAnswer::Absent | RefundAnswer::Unlisted => RefundAnswer::Refused { code },
            found => found,
        }
    }

    async fn list(&self, order: &ListOrder, credentials: &Credentials) -> Option<Result<Vec<Theirs>, ListError>> {
        Some(self.listed_movements(order, credentials).await)
    }

    fn claim_of(reference: &str) -> Option<String> {
        Some(format!("razorpay#{reference}"))
    }

    async fn changes(&self, order: &ChangesOrder, credentials: &Credentials) -> Option<Changes> {
        Some(self.changed(order, credentials).await)
    }

    /// Reads the payment and its refunds, and looks for its disputes among those of the account that are not older than it.
    async fn aftermath(
        &self,
        attempt: &Attempt,
        payment: &Payment,
        link: &LinkId,
        credentials: &Credentials,
    ) -> Option<AftermathAnswer> {
        if !is_word(&payment.reference) {
            return Some(unreadable("a payment without an id"));
        }
        let path = format!("/v1/payments/{}", payment.reference);
        let made = match self.ask::<PaymentObject>(&path, credentials).await {
            Ok(made) => made,
            Err(refusal) => return Some(refusal.of_aftermath()),
        };
        let refunds = match self.pages::<RefundObject>(&format!("{path}/refunds?"), credentials).await {
            Ok(refunds) => refunds,
            Err(refusal) => return Some(refusal.of_aftermath()),
        };
        let from = attempt.opened_at.as_second().saturating_sub(DISPUTES_MARGIN_SECONDS);
        let disputes = match self.pages::<DisputeObject>(&format!("/v1/disputes?from={from}&"), credentials).await {
            Ok(disputes) => disputes,
            Err(Refusal::Passing(why)) => return Some(AftermathAnswer::Unknown { why }),
            // Not every key and account may read disputes. What is known of refunds does not depend on that.
            Err(Refusal::Account(_) | Refusal::Final(_)) => Pages { items: Vec::new(), is_whole: false },
        };
        Some(shown(&made, &refunds, &disputes, payment, link))
    }

    /// A return that the gateway did not sign says nothing.
    fn read_return(fields: &Fields, _: &Attempt, credentials: &Credentials) -> ReturnData {
        let named = |name: &str| fields.get(&format!("razorpay_{name}")).map(String::as_str).unwrap_or_default();
        let signed = [
            named("payment_link_id"),
            named("payment_link_reference_id"),
            named("payment_link_status"),
            named("payment_id"),
        ]
        .join("|");
        let secret = credentials.expose("key_secret").unwrap_or_default();
        if !is_hmac_of(named("signature"), secret, signed.as_bytes()) {
            return Hint::Nothing.into();
        }
        ReturnData::from(if named("payment_link_status") == "paid" { Hint::Paid } else { Hint::NotPaid })
    }

    fn read_webhook(
        request: WebhookRequest<'_>,
        credentials: &[Credentials],
        _: Timestamp,
    ) -> Result<Option<WebhookHint>, WebhookError> {
        let signature = (request.header)("x-razorpay-signature").ok_or(WebhookError::BadSignature)?;
        // Retries of older events are signed with the secret of their time.
        let mut secrets = credentials.iter().filter_map(|known| known.expose("webhook_secret"));
        if !secrets.any(|secret| is_hmac_of(&signature, secret, request.body)) {
            return Err(WebhookError::BadSignature);
        }
        let event: Value = object(request.body).ok_or(WebhookError::Unreadable)?;
        Ok(hint_of(&event))
    }
}

/// What an event says about one of our attempts. The business may have subscribed to more and may use the same account
/// for other things, so an event of any other form is none of ours. It must be no error: Razorpay switches a webhook
/// off that keeps refusing.
fn hint_of(event: &Value) -> Option<WebhookHint> {
    let entity = |name: &str| event.get("payload")?.get(name)?.get("entity");
    let notes = |name: &str| entity(name)?.get("notes");
    match event.get("event")?.as_str()? {
        "payment_link.paid" | "payment_link.partially_paid" => {
            hint(Hint::Paid, notes("payment_link")?, entity("payment_link")?.get("reference_id")?)
        }
        "payment_link.cancelled" | "payment_link.expired" => {
            hint(Hint::NotPaid, notes("payment_link")?, entity("payment_link")?.get("reference_id")?)
        }
        // A refund of ours has notes of ours. One from the dashboard has none, and neither has a dispute: there the payment
        // has those of its link.
        "refund.created" | "refund.processed" | "refund.failed" => {
            notes("refund").and_then(changed).or_else(|| changed(notes("payment")?))
        }
        "payment.dispute.created"
        | "payment.dispute.won"
        | "payment.dispute.lost"
        | "payment.dispute.closed"
        | "payment.dispute.under_review"
        | "payment.dispute.action_required" => changed(notes("payment")?),
        _ => None,
    }
}

/// That something changed about the attempt that notes name.
fn changed(notes: &Value) -> Option<WebhookHint> {
    hint(Hint::Changed, notes, notes.get(ATTEMPT_NOTE)?)
}

fn hint(hint: Hint, notes: &Value, attempt: &Value) -> Option<WebhookHint> {
    let link = LinkId::parse(notes.get(LINK_NOTE)?.as_str()?).ok()?;
    let attempt = AttemptId::parse(attempt.as_str()?).ok()?;
    Some(WebhookHint { about: WebhookSubject::Attempt { link, attempt }, hint })
}

impl Razorpay<'_> {
    async fn link(&self, attempt: &Attempt, credentials: &Credentials) -> GatewayAnswer {
        let path = format!("/v1/payment_links/{}", attempt.session);
        match self.call(Method::GET, &path, None, None, credentials).await {
            Ok(answer) => self.read(&answer, attempt, credentials).await,
            Err(why) => GatewayAnswer::Unknown { why },
        }
    }

    /// Reads a link, and by one call more what it does not tell: what became of its one payment, or which payments are
    /// in flight.
    async fn read(&self, answer: &Answer, attempt: &Attempt, credentials: &Credentials) -> GatewayAnswer {
        let link = match link_of(answer, attempt) {
            Ok(link) => link,
            Err(refusal) => return refusal.of_link(),
        };
        match link.next_question() {
            NextQuestion::Payment(id) => {
                let path = format!("/v1/payments/{id}?expand[]=card");
                match self.ask::<PaymentObject>(&path, credentials).await {
                    Ok(payment) if payment.id == id => answer_of(&link, &[payment]),
                    Ok(_) => unknown("another payment than was asked for"),
                    Err(refusal) => refusal.of_what_a_link_names(),
                }
            }
            NextQuestion::Order(id) => {
                match self.ask::<Collection<PaymentObject>>(&payments_of_order(id), credentials).await {
                    Ok(list) if list.items.iter().all(|payment| payment.is_in(id)) => answer_of(&link, &list.items),
                    Ok(_) => unknown("payments of another order"),
                    Err(refusal) => refusal.of_what_a_link_names(),
                }
            }
            NextQuestion::None => answer_of(&link, &[]),
        }
    }

    /// Asks about something that a link or a payment names.
    async fn ask<T: DeserializeOwned>(&self, path: &str, credentials: &Credentials) -> Result<T, Refusal> {
        let answer = self.call(Method::GET, path, None, None, credentials).await.map_err(Refusal::Passing)?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        object(&answer.body).ok_or_else(|| Refusal::Passing("an answer that cannot be read".to_owned()))
    }

    /// Everything that a list has, page by page. A page that is not full is the last one.
    async fn pages<T: DeserializeOwned>(&self, list: &str, credentials: &Credentials) -> Result<Pages<T>, Refusal> {
        let mut items = Vec::new();
        for _ in 0..MOST_PAGES {
            let path = format!("{list}count={LONGEST_LIST}&skip={}", items.len());
            let page = self.ask::<Collection<T>>(&path, credentials).await?.items;
            let is_whole = page.len() < LONGEST_LIST;
            items.extend(page);
            if is_whole {
                return Ok(Pages { items, is_whole });
            }
        }
        Ok(Pages { items, is_whole: false })
    }

    /// What became of a refund whose id is known.
    async fn known_refund(&self, order: &RefundOrder<'_>, id: &str, credentials: &Credentials) -> RefundAnswer {
        match self.ask::<RefundObject>(&format!("/v1/refunds/{id}"), credentials).await {
            Ok(refund) if refund.id == id && is_of(&refund, order) => became(&refund),
            Ok(_) => unknown_refund("another refund than was asked for"),
            Err(refusal) => refusal.of_refund(),
        }
    }

    /// Looks for the refund among those of the payment: its answer may have been lost.
    async fn listed_refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        if !is_word(&order.payment.reference) {
            return unknown_refund("a payment without an id");
        }
        let path = format!("/v1/payments/{}/refunds?count={LONGEST_LIST}", order.payment.reference);
        match self.ask::<Collection<RefundObject>>(&path, credentials).await {
            Ok(list) if list.items.len() >= LONGEST_LIST => unknown_refund("a list of refunds that may be cut off"),
            Ok(list) => found_in(&list.items, order),
            Err(refusal) => refusal.of_refund(),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        refund_key: Option<&str>,
        credentials: &Credentials,
    ) -> Result<Answer, String> {
        let known = |name: &str| credentials.expose(name).unwrap_or_default();
        let basic = STANDARD.encode(format!("{}:{}", known("key_id"), known("key_secret")));
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0.endpoint.api))
            .header("authorization", format!("Basic {basic}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = refund_key {
            request = request.header("x-refund-idempotency", key);
        }
        self.0.send(request, body.map(|body| body.to_string()).unwrap_or_default()).await
    }
}

enum Refusal {
    /// Worth another try: their trouble, a rate limit, the same call under way, or an answer that cannot be read.
    Passing(String),
    /// The key or its secret is not known, was revoked, or may not do this.
    Account(String),
    /// Their code.
    Final(String),
}

impl Refusal {
    /// What it says about a link that was asked about.
    fn of_link(self) -> GatewayAnswer {
        match self {
            Self::Passing(why) => GatewayAnswer::Unknown { why },
            Self::Account(code) => GatewayAnswer::AccountRefused { code },
            Self::Final(code) => GatewayAnswer::SessionRefused { code },
        }
    }

    /// What it says about a payment or an order: the link that names it was there, so that a no is no word about it.
    fn of_what_a_link_names(self) -> GatewayAnswer {
        match self {
            Self::Account(code) => GatewayAnswer::AccountRefused { code },
            Self::Passing(why) | Self::Final(why) => GatewayAnswer::Unknown { why },
        }
    }

    /// What it says about a refund that was asked about: one may have been made.
    fn of_refund(self) -> RefundAnswer {
        match self {
            Self::Account(code) => RefundAnswer::AccountRefused { code },
            Self::Passing(why) | Self::Final(why) => RefundAnswer::Unknown { why },
        }
    }

    /// What it says about what became of a payment.
    fn of_aftermath(self) -> AftermathAnswer {
        match self {
            Self::Account(code) => AftermathAnswer::AccountRefused { code },
            Self::Passing(why) | Self::Final(why) => AftermathAnswer::Unknown { why },
        }
    }
}

/// An error as they write it.
#[derive(Debug, Deserialize)]
struct ErrorObject {
    error: ErrorDetails,
}

#[derive(Debug, Deserialize)]
struct ErrorDetails {
    code: String,
    #[serde(default)]
    description: Option<Description>,
}

/// What their code does not tell apart: the texts of their documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Description {
    #[serde(rename = "Authentication failed", alias = "Authentication failed.")]
    AuthenticationFailed,
    #[serde(
        rename = "The payment has been fully refunded already",
        alias = "The payment has been fully refunded already."
    )]
    FullyRefunded,
    #[serde(other)]
    Other,
}

fn refusal(answer: &Answer) -> Refusal {
    if matches!(answer.status, 409 | 429) || answer.status >= 500 {
        return Refusal::Passing(format!("status {}", answer.status));
    }
    let Some(ErrorObject { error }) = object(&answer.body) else {
        return Refusal::Passing(format!("status {} in an unknown form", answer.status));
    };
    let code = at_most(&error.code, LONGEST_CODE);
    match (code.as_str(), error.description) {
        // Their trouble, and the bank's.
        ("SERVER_ERROR" | "GATEWAY_ERROR", _) => Refusal::Passing(code),
        (_, Some(Description::AuthenticationFailed)) => Refusal::Account("authentication_failed".to_owned()),
        _ if matches!(answer.status, 401 | 403) => Refusal::Account(answer.status.to_string()),
        _ => Refusal::Final(code),
    }
}

/// Whether a refusal says that nothing is left to refund.
fn says_refunded(answer: &Answer) -> bool {
    object::<ErrorObject>(&answer.body).is_some_and(|body| body.error.description == Some(Description::FullyRefunded))
}

fn opened(answer: &Answer) -> Option<OpenedSession> {
    if answer.status != 200 {
        return None;
    }
    let link: LinkObject = object(&answer.body)?;
    let at = web_address(&link.short_url?)?;
    is_word(&link.id).then(|| OpenedSession { session: link.id, checkout: Checkout::link(at) })
}

fn link_of(answer: &Answer, attempt: &Attempt) -> Result<LinkObject, Refusal> {
    if answer.status != 200 {
        return Err(refusal(answer));
    }
    let link: Option<LinkObject> = object(&answer.body);
    let link = link.ok_or_else(|| Refusal::Passing("a link that cannot be read".to_owned()))?;
    if link.id != attempt.session || link.reference_id.as_deref() != Some(attempt.id.as_str()) {
        return Err(Refusal::Final("another_link".to_owned()));
    }
    Ok(link)
}

/// What has to be asked after a link was read.
#[derive(Debug, PartialEq, Eq)]
enum NextQuestion<'a> {
    /// What became of the one payment that it names.
    Payment(&'a str),
    /// Which payments its order has.
    Order(&'a str),
    /// Nothing: it names neither, because nobody tried to pay yet.
    None,
}

/// Where the payments of an order are listed. A customer may try many times.
fn payments_of_order(id: &str) -> String {
    format!("/v1/orders/{id}/payments?count={LONGEST_LIST}")
}

impl LinkObject {
    fn next_question(&self) -> NextQuestion<'_> {
        let payments = self.payments.as_deref().unwrap_or_default();
        let mut captured = payments.iter().filter(|payment| payment.status == PaymentStatus::Captured);
        let first = captured.next().map(|payment| payment.payment_id.as_str()).filter(|id| is_word(id));
        match (first, captured.next(), self.order_id.as_deref().filter(|id| is_word(id))) {
            (Some(id), None, _) => NextQuestion::Payment(id),
            (_, _, Some(order)) => NextQuestion::Order(order),
            (None, _, None) | (Some(_), Some(_), None) => NextQuestion::None,
        }
    }
}

/// What a link and its payments mean together.
fn answer_of(link: &LinkObject, payments: &[PaymentObject]) -> GatewayAnswer {
    let with = |status: PaymentStatus| payments.iter().filter(move |payment| payment.status == status);
    let any = |status: PaymentStatus| with(status).next().is_some();
    let captured: Vec<&PaymentObject> = with(PaymentStatus::Captured).collect();
    if link.status == LinkStatus::Undocumented || any(PaymentStatus::Undocumented) {
        return unknown("a status that is not documented");
    }
    // A link that is over can hold money all the same: its bank said yes in the last moment, or days after a failure.
    if let Some(first) = captured.first() {
        return paid(link, first, &captured);
    }
    // The bank has not answered, or has said yes and the money is being captured, or goes back within days.
    if any(PaymentStatus::Created) || any(PaymentStatus::Authorized) {
        return GatewayAnswer::Processing;
    }
    match link.status {
        LinkStatus::Paid | LinkStatus::PartiallyPaid if any(PaymentStatus::Refunded) => GatewayAnswer::Returned,
        LinkStatus::Paid | LinkStatus::PartiallyPaid | LinkStatus::Undocumented => {
            unknown("a paid link without a payment")
        }
        // Payments that failed or went back end nothing: the customer may try again.
        LinkStatus::Created => GatewayAnswer::Pending,
        LinkStatus::Cancelled | LinkStatus::Expired if any(PaymentStatus::Refunded) => GatewayAnswer::Returned,
        // Nobody can try again. The bank may still turn its no into a yes, and the domain asks again.
        LinkStatus::Cancelled => not_paid(NotPaidCause::Cancelled, "cancelled"),
        LinkStatus::Expired => not_paid(NotPaidCause::SessionOver, "expired"),
    }
}

fn paid(link: &LinkObject, first: &PaymentObject, captured: &[&PaymentObject]) -> GatewayAnswer {
    if !is_word(&first.id) {
        return unknown("a payment without an id");
    }
    let back: i64 = captured.iter().fold(0, |sum, payment| sum.saturating_add(payment.amount_refunded.unwrap_or(0)));
    let sum = captured.iter().fold(0_i64, |sum, payment| sum.saturating_add(payment.amount));
    if back >= sum && sum > 0 {
        return GatewayAnswer::Returned;
    }
    // The customer paid again, or a bank turned its no into a yes after all. One of the payments is not ours to keep,
    // and which one a person says. What the link counts may be the amount once.
    if captured.len() > 1 && sum > link.amount {
        return doubtful("razorpay_paid_twice");
    }
    if back != 0 {
        return doubtful("razorpay_partly_refunded");
    }
    // What a link that was over before the money came counts as paid may be nothing. What it counts has no fee on top.
    let counted = link.amount_paid.filter(|counted| *counted > 0);
    let got = counted.map_or_else(|| money(sum, &first.currency), |counted| money(counted, &link.currency));
    match got {
        // Whether it is what was asked for is decided by the domain. One call refunds a part that is one payment.
        Some(money) if captured.len() == 1 || money.minor_units() == link.amount => GatewayAnswer::Paid(Payment {
            masked_card: first.card.as_ref().and_then(Card::masked),
            fee: first.fee(),
            gateway_paid_at: first.created_at.and_then(|second| Timestamp::from_second(second).ok()),
            ..Payment::new(first.id.clone(), format!("razorpay#{}", first.id), money)
        }),
        Some(_) | None => GatewayAnswer::WrongAmount { got },
    }
}

impl PaymentObject {
    fn is_in(&self, order: &str) -> bool {
        self.order_id.as_deref().is_none_or(|id| id == order)
    }

    fn fee(&self) -> Option<Fee> {
        let payer = match self.fee_bearer {
            Some(FeeBearer::Platform) => Some(FeePayer::Merchant),
            Some(FeeBearer::Customer) => Some(FeePayer::Customer),
            Some(FeeBearer::Undocumented) | None => None,
        };
        self.fee.filter(|fee| *fee >= 0).map(|amount| Fee { amount, payer })
    }
}

impl Card {
    fn masked(&self) -> Option<String> {
        let digits = match &self.last4 {
            Value::String(text) => text.clone(),
            Value::Number(number) => format!("{:0>4}", number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| format!("**** {digits}"))
    }
}

fn became(refund: &RefundObject) -> RefundAnswer {
    let reference = refund.id.clone();
    if !is_word(&reference) {
        return unknown_refund("a refund without an id");
    }
    match refund.status {
        RefundStatus::Pending => RefundAnswer::Accepted { reference },
        RefundStatus::Processed => RefundAnswer::Succeeded { reference: Some(reference) },
        RefundStatus::Failed => RefundAnswer::Failed { reference: Some(reference), code: FAILED.to_owned() },
        RefundStatus::Undocumented => unknown_refund("a status of a refund that is not documented"),
    }
}

/// What a list of refunds says about the one that is looked for. Those that failed gave nothing back and may be of an
/// earlier decision.
///
/// More than was captured is never refunded, so that a second call makes no second refund of the whole, nor of a part of which
/// only one more fits into what is left. Of smaller parts it could: nothing is published of how late the list can be, and of
/// how long a key of idempotency holds, which is another one with each call besides.
fn found_in(refunds: &[RefundObject], order: &RefundOrder<'_>) -> RefundAnswer {
    let alive: Vec<&RefundObject> = refunds.iter().filter(|one| one.status != RefundStatus::Failed).collect();
    if alive.iter().any(|refund| !is_of(refund, order)) {
        return unknown_refund("refunds of another payment");
    }
    let listed: Vec<Listed<'_>> = alive.iter().map(|refund| refund.listed()).collect();
    if any_counts(&listed, order) {
        return any_found_in(&alive, order);
    }
    match look_through(&listed, order) {
        Seen::At(at) => alive.get(at).map_or(RefundAnswer::Unlisted, |refund| became(refund)),
        Seen::TooLittleLeft => RefundAnswer::Refused { code: "razorpay_too_little_left".to_owned() },
        Seen::Unreadable => unknown_refund("a refund that cannot be read"),
        Seen::Left(left) if fits_once(order.refund.amount, left) => RefundAnswer::Absent,
        Seen::Left(_) => RefundAnswer::Unlisted,
    }
}

/// The same where whatever gave the money back counts.
fn any_found_in(alive: &[&RefundObject], order: &RefundOrder<'_>) -> RefundAnswer {
    let is_ours = |refund: &&&RefundObject| refund.mark() == Some(order.refund.id.as_str());
    if let Some(ours) = alive.iter().find(is_ours) {
        return became(ours);
    }
    let Some(first) = alive.first() else { return RefundAnswer::Absent };
    let back = alive.iter().fold(0_i64, |sum, refund| sum.saturating_add(refund.amount));
    if back < order.payment.money.minor_units() {
        // Somebody gave a part back, so that the whole cannot go.
        return RefundAnswer::Refused { code: "razorpay_partly_refunded".to_owned() };
    }
    // The last to be finished says whether all of it went.
    became(alive.iter().find(|refund| refund.status != RefundStatus::Processed).unwrap_or(first))
}

/// What the payment and both lists show together. What the payment counts and its list does not have is on its way into the
/// list. Of the account's disputes those about other payments are left out.
fn shown(
    made: &PaymentObject,
    refunds: &Pages<RefundObject>,
    disputes: &Pages<DisputeObject>,
    payment: &Payment,
    link: &LinkId,
) -> AftermathAnswer {
    if made.id != payment.reference || made.currency != payment.money.currency().code() {
        return unreadable("another payment than was asked for");
    }
    let about_it = disputes.items.iter().filter(|dispute| dispute.payment_id == made.id);
    let disputes = Pages { items: about_it.collect(), is_whole: disputes.is_whole };
    let refunds = refunds.shown(|refund| refund.shown(made, link));
    let disputes = disputes.shown(|dispute| dispute.shown(made));
    aftermath::shown(refunds, disputes, |back, _| made.amount_refunded.unwrap_or(0) <= back)
}

impl DisputeObject {
    /// The dispute about a payment as it is shown, or what of it cannot be read.
    fn shown(&self, made: &PaymentObject) -> Result<ShownDispute, &'static str> {
        if self.currency != made.currency {
            return Err("a dispute in another currency than its payment");
        }
        let state = self.state().ok_or("a status of a dispute that is not documented")?;
        // A part of it can be contested, and then less is taken.
        let taken = self.amount_deducted.filter(|taken| state == DisputeState::Lost && *taken != 0);
        let amount = taken.unwrap_or(self.amount);
        if amount < 1 {
            return Err("a dispute about an amount that is none");
        }
        let reason = self.reason_code.as_str().filter(|code| !code.is_empty());
        Ok(ShownDispute {
            reference: self.id.clone(),
            amount,
            reason: reason.map(|code| at_most(code, LONGEST_CODE)),
            state,
            opened_at: instant_of_seconds(&self.created_at),
        })
    }

    /// `None` where that is not documented.
    fn state(&self) -> Option<DisputeState> {
        Some(match self.status {
            DisputeStatus::Open => DisputeState::Open { respond_by: instant_of_seconds(&self.respond_by) },
            DisputeStatus::UnderReview => DisputeState::Open { respond_by: None },
            DisputeStatus::Won | DisputeStatus::Closed => DisputeState::Won,
            DisputeStatus::Lost => DisputeState::Lost,
            DisputeStatus::Undocumented => return None,
        })
    }
}

impl RefundObject {
    /// The refund of a payment as it is shown, or what of it cannot be read.
    fn shown(&self, made: &PaymentObject, link: &LinkId) -> Result<ShownRefund, &'static str> {
        let is_of_another = self.payment_id.as_deref().is_some_and(|id| id != made.id);
        if is_of_another || self.currency.as_ref() != Some(&made.currency) {
            return Err("a refund of another payment");
        }
        if !(1..=made.amount).contains(&self.amount) {
            return Err("a refund of an amount that is none");
        }
        Ok(ShownRefund {
            reference: self.id.clone(),
            refund_id: our_refund(self.mark(), link),
            amount: self.amount,
            state: self.state().ok_or("a status of a refund that is not documented")?,
            at: instant_of_seconds(&self.created_at),
        })
    }

    /// `None` where that is not documented.
    fn state(&self) -> Option<ShownState> {
        Some(match self.status {
            RefundStatus::Pending => ShownState::Pending,
            RefundStatus::Processed => ShownState::Succeeded,
            RefundStatus::Failed => ShownState::Failed { code: FAILED.to_owned() },
            RefundStatus::Undocumented => return None,
        })
    }

    fn mark(&self) -> Option<&str> {
        self.notes.get(REFUND_NOTE)?.as_str()
    }

    fn listed(&self) -> Listed<'_> {
        let is_readable = self.status != RefundStatus::Undocumented;
        Listed { id: Some(&self.id), mark: self.mark(), amount: Some(self.amount), is_readable }
    }
}

fn is_of(refund: &RefundObject, order: &RefundOrder<'_>) -> bool {
    refund.payment_id.as_deref().is_none_or(|id| id == order.payment.reference)
}

fn unknown_refund(why: &str) -> RefundAnswer {
    RefundAnswer::Unknown { why: why.to_owned() }
}

fn money(units: i64, currency: &str) -> Option<Money> {
    Money::new(units, Currency::parse(currency).ok()?).ok().filter(|_| units > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refunds::tests as ours;
    use crate::tests::attempt;
    use domain::gateway::Aftermath;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    fn credentials(secret: &str) -> Credentials {
        let fields = json!({ "key_id": "rzp_test_1", "key_secret": secret, "webhook_secret": "123456" });
        crate::tests::credentials("razorpay", fields)
    }

    fn returned(signature: &str) -> Hint {
        let fields = [
            ("razorpay_payment_link_id", "plink_IH3cNucfVEgV68"),
            ("razorpay_payment_link_reference_id", "TSsd1989"),
            ("razorpay_payment_link_status", "paid"),
            ("razorpay_payment_id", "pay_IH3d0ara9bSsjQ"),
            ("razorpay_signature", signature),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let attempt = attempt("razorpay", "plink_IH3cNucfVEgV68", 50_000, "INR");
        Razorpay::read_return(&fields, &attempt, &credentials("EnLs21M47BllR3X8PSFtjtbd")).hint
    }

    #[test]
    fn a_return_counts_only_with_the_signature_of_the_official_vector() {
        let signature = "07ae18789e35093e51d0a491eb9922646f3f82773547e5b0f67ee3f2d3bf7d5b";
        assert_eq!(returned(signature), Hint::Paid);
        assert_eq!(returned(&signature.replace('0', "1")), Hint::Nothing);
        assert_eq!(returned(&signature[..40]), Hint::Nothing);
        assert_eq!(returned(""), Hint::Nothing);
    }

    #[test]
    fn a_webhook_is_read_only_after_the_signature_of_the_official_vector() {
        let body = br#"{"a":1,"b":2,"c":{"d":3}}"#;
        let signature = "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc";
        let read = |signature: Option<&str>, body: &[u8], known: &[Credentials]| {
            let header = |name: &str| signature.filter(|_| name == "x-razorpay-signature").map(str::to_owned);
            let request = WebhookRequest { header: &header, query: &Fields::new(), body };
            Razorpay::read_webhook(request, known, Timestamp::UNIX_EPOCH)
        };
        let known = [credentials("x")];
        // Rightly signed, and no event of ours.
        assert_eq!(read(Some(signature), body, &known), Ok(None));
        assert_eq!(read(Some(signature), b"{}", &known), Err(WebhookError::BadSignature));
        assert_eq!(read(Some(signature), body, &[]), Err(WebhookError::BadSignature));
        assert_eq!(read(None, body, &known), Err(WebhookError::BadSignature));
    }

    /// What becomes of an event that is rightly signed.
    fn named(understood: &WebhookHint) -> (&str, &str) {
        let WebhookSubject::Attempt { link, attempt } = &understood.about else { panic!("{understood:?}") };
        (link.as_str(), attempt.as_str())
    }

    fn told(event: &Value) -> Result<Option<WebhookHint>, WebhookError> {
        let body = event.to_string();
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"123456").unwrap();
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let header = |name: &str| (name == "x-razorpay-signature").then(|| signature.clone());
        let request = WebhookRequest { header: &header, query: &Fields::new(), body: body.as_bytes() };
        Razorpay::read_webhook(request, &[credentials("x")], Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_event_of_our_link_says_which_attempt_to_ask_about_and_every_other_is_taken_in() {
        let (link, attempt) = ("pl_2222222222222222222222", "at_2222222222222222222222");
        let ours = json!({ "id": "plink_1", "notes": { LINK_NOTE: link }, "reference_id": attempt });
        let event = |kind: &str, payload: Value| json!({ "entity": "event", "event": kind, "payload": payload });
        let about = |entity: &Value| json!({ "payment_link": { "entity": entity }, "payment": null });
        for (kind, hint) in [("payment_link.paid", Hint::Paid), ("payment_link.expired", Hint::NotPaid)] {
            let understood = told(&event(kind, about(&ours))).unwrap().unwrap();
            assert_eq!(named(&understood), (link, attempt));
            assert_eq!(understood.hint, hint);
        }
        for event in [
            event("payment.captured", about(&ours)),
            event("settlement.processed", json!([])),
            event("payment_link.paid", json!([])),
            event("payment_link.paid", Value::Null),
            event("payment_link.paid", json!({ "payment_link": { "id": "plink_1" } })),
            event("payment_link.paid", json!({ "payment_link": null })),
            event("payment_link.paid", about(&json!({ "notes": [], "reference_id": null }))),
            event("payment_link.paid", about(&json!({ "notes": { LINK_NOTE: "7" }, "reference_id": "order-7" }))),
            json!({ "event": null, "payload": { "payment": "x" } }),
            json!({}),
        ] {
            assert_eq!(told(&event), Ok(None), "{event}");
        }
        assert_eq!(told(&json!(["payment_link.paid"])), Err(WebhookError::Unreadable));
    }

    #[test]
    fn an_event_of_our_refund_says_the_same_whatever_it_claims_became_of_it() {
        let (link, attempt) = ("pl_2222222222222222222222", "at_2222222222222222222222");
        let event = |kind: &str, notes: Value| {
            let refund = json!({ "id": "rfnd_1", "entity": "refund", "status": "processed", "notes": notes });
            let payload = json!({ "refund": { "entity": refund }, "payment": { "entity": { "id": "pay_1" } } });
            json!({ "entity": "event", "event": kind, "contains": ["refund", "payment"], "payload": payload })
        };
        let ours = json!({ LINK_NOTE: link, ATTEMPT_NOTE: attempt, REFUND_NOTE: "rf_2222222222222222222222" });
        for kind in ["refund.created", "refund.processed", "refund.failed"] {
            let understood = told(&event(kind, ours.clone())).unwrap().unwrap();
            assert_eq!(named(&understood), (link, attempt));
            assert_eq!(understood.hint, Hint::Changed);
        }
        for (kind, notes) in [
            ("refund.speed_changed", ours.clone()),
            ("payment_link.paid", ours),
            ("refund.processed", json!([])),
            ("refund.processed", Value::Null),
            ("refund.processed", json!({ LINK_NOTE: link })),
            ("refund.processed", json!({ ATTEMPT_NOTE: attempt })),
            ("refund.failed", json!({ LINK_NOTE: "7", ATTEMPT_NOTE: attempt })),
            ("refund.failed", json!({ LINK_NOTE: link, ATTEMPT_NOTE: "order-7" })),
        ] {
            let event = event(kind, notes);
            assert_eq!(told(&event), Ok(None), "{event}");
        }
    }

    fn link(status: &str, paid: i64, order: Value, payments: Value) -> LinkObject {
        serde_json::from_value(json!({
            "id": "plink_1", "status": status, "amount": 50_000, "amount_paid": paid, "currency": "INR",
            "reference_id": "at_1", "notes": [], "order_id": order, "payments": payments,
        }))
        .unwrap()
    }

    fn payments(statuses: &[&str]) -> Vec<PaymentObject> {
        let payment = |(n, status): (usize, &&str)| {
            let back = if *status == "refunded" { 50_000 } else { 0 };
            serde_json::from_value(json!({
                "id": format!("pay_{n}"), "status": status, "amount": 50_000, "currency": "INR", "order_id": "order_1",
                "amount_refunded": back, "fee": null, "created_at": 1_672_987_417,
            }))
            .unwrap()
        };
        statuses.iter().enumerate().map(payment).collect()
    }

    #[test]
    fn a_link_that_does_not_name_its_payment_is_asked_about_by_its_order() {
        let captured = json!([{ "payment_id": "pay_1", "status": "captured", "amount": 50_000 }]);
        let named = link("paid", 50_000, json!("order_1"), captured.clone());
        assert_eq!(named.next_question(), NextQuestion::Payment("pay_1"));
        assert_eq!(link("paid", 50_000, Value::Null, captured).next_question(), NextQuestion::Payment("pay_1"));
        for status in ["created", "expired", "cancelled", "paid"] {
            let nameless = link(status, 0, json!("order_1"), Value::Null);
            assert_eq!(nameless.next_question(), NextQuestion::Order("order_1"), "{status}");
        }
        assert_eq!(payments_of_order("order_1"), "/v1/orders/order_1/payments?count=100");
        assert_eq!(link("created", 0, Value::Null, Value::Null).next_question(), NextQuestion::None);
        assert_eq!(link("created", 0, json!("../x"), json!([])).next_question(), NextQuestion::None);
    }

    #[test]
    fn what_is_in_flight_decides_over_a_link_that_is_open_or_over() {
        for (status, made, expected) in [
            ("created", &[][..], "pending"),
            ("created", &["failed"], "pending"),
            ("created", &["refunded"], "pending"),
            ("created", &["failed", "created"], "processing"),
            ("created", &["authorized"], "processing"),
            ("created", &["failed", "captured"], "paid"),
            ("paid", &["captured"], "paid"),
            ("paid", &["refunded"], "returned"),
            ("paid", &["refunded", "captured"], "paid"),
            ("paid", &["failed"], "unknown"),
            ("paid", &[], "unknown"),
            ("expired", &[], "not_paid"),
            ("expired", &["failed"], "not_paid"),
            ("expired", &["failed", "created"], "processing"),
            ("expired", &["failed", "authorized"], "processing"),
            ("expired", &["failed", "captured"], "paid"),
            ("expired", &["failed", "refunded"], "returned"),
            ("cancelled", &["failed"], "not_paid"),
            ("cancelled", &["captured"], "paid"),
            ("expired", &["lost"], "unknown"),
            ("broken", &["captured"], "unknown"),
        ] {
            let link = link(status, 0, json!("order_1"), Value::Null);
            assert_eq!(answer_of(&link, &payments(made)).name(), expected, "{status} {made:?}");
        }
    }

    #[test]
    fn what_went_back_shows_on_the_payment_and_a_part_is_for_a_person() {
        let paid_link = link("paid", 50_000, json!("order_1"), Value::Null);
        let mut made = payments(&["captured"]);
        made[0].amount_refunded = Some(10_000);
        assert_eq!(answer_of(&paid_link, &made), doubtful("razorpay_partly_refunded"));
        made[0].amount_refunded = Some(50_000);
        assert_eq!(answer_of(&paid_link, &made), GatewayAnswer::Returned);
    }

    #[test]
    fn a_payment_of_another_amount_is_one_that_a_single_call_can_refund_or_nobodys() {
        let parts = |amounts: &[i64]| {
            let mut made = payments(&vec!["captured"; amounts.len()]);
            made.iter_mut().zip(amounts).for_each(|(payment, amount)| payment.amount = *amount);
            made
        };
        let whole = link("paid", 50_000, json!("order_1"), Value::Null);
        assert_eq!(answer_of(&whole, &parts(&[20_000, 30_000])).name(), "paid");
        let part = link("partially_paid", 10_000, json!("order_1"), Value::Null);
        assert_eq!(answer_of(&part, &parts(&[4_000, 6_000])).name(), "wrong_amount");
        let GatewayAnswer::Paid(payment) = answer_of(&part, &parts(&[10_000])) else { panic!("{part:?}") };
        assert_eq!(payment.money.minor_units(), 10_000);
    }

    #[test]
    fn a_link_that_was_paid_twice_is_for_a_person_whatever_the_link_counts() {
        let twice = doubtful("razorpay_paid_twice");
        for status in ["paid", "partially_paid", "expired", "cancelled"] {
            for counted in [0, 10_000, 50_000, 100_000] {
                let link = link(status, counted, json!("order_1"), Value::Null);
                assert_eq!(answer_of(&link, &payments(&["captured", "captured"])), twice, "{status} {counted}");
            }
        }
        let paid_link = link("paid", 50_000, json!("order_1"), Value::Null);
        assert_eq!(answer_of(&paid_link, &payments(&["captured", "failed", "captured", "captured"])), twice);
        assert_eq!(answer_of(&paid_link, &payments(&["refunded", "captured"])).name(), "paid", "one went back");
        let mut both = payments(&["captured", "captured"]);
        both.iter_mut().for_each(|payment| payment.amount_refunded = Some(50_000));
        assert_eq!(answer_of(&paid_link, &both), GatewayAnswer::Returned);
    }

    #[test]
    fn a_link_that_counts_null_as_paid_is_readable() {
        let body = json!({
            "id": "plink_1", "status": "created", "amount": 50_000, "amount_paid": null, "currency": "INR",
            "payments": null, "order_id": null,
        });
        let open: LinkObject = object(body.to_string().as_bytes()).unwrap();
        assert_eq!(answer_of(&open, &[]), GatewayAnswer::Pending);
        let GatewayAnswer::Paid(payment) = answer_of(&open, &payments(&["captured"])) else { panic!("{open:?}") };
        assert_eq!(payment.money.minor_units(), 50_000);
    }

    #[test]
    fn a_payment_tells_its_fee_its_card_and_when_it_was_begun() {
        let paid_link = link("paid", 50_000, json!("order_1"), Value::Null);
        let shown = |fee_bearer: Value, last4: Value| {
            let payment = json!({
                "id": "pay_1", "status": "captured", "amount": 50_000, "currency": "INR", "amount_refunded": 0,
                "fee": 1_198, "fee_bearer": fee_bearer, "created_at": 1_672_987_417, "card": { "last4": last4 },
            });
            match answer_of(&paid_link, &[serde_json::from_value(payment).unwrap()]) {
                GatewayAnswer::Paid(payment) => payment,
                answer => panic!("{answer:?}"),
            }
        };
        let payment = shown(json!("platform"), json!("0153"));
        assert_eq!(payment.fee, Some(Fee { amount: 1_198, payer: Some(FeePayer::Merchant) }));
        assert_eq!(payment.masked_card.as_deref(), Some("**** 0153"));
        assert_eq!(payment.gateway_paid_at, Timestamp::from_second(1_672_987_417).ok());
        let payment = shown(Value::Null, json!(153));
        assert_eq!(payment.fee, Some(Fee { amount: 1_198, payer: None }));
        assert_eq!(payment.masked_card.as_deref(), Some("**** 0153"));
        assert_eq!(shown(json!("customer"), Value::Null).masked_card, None);
    }

    #[test]
    fn a_refund_is_found_in_the_list_and_older_failures_are_not_it() {
        let attempt = attempt("razorpay", "plink_1", 50_000, "INR");
        let asked = ours::refund(ours::OURS, 50_000, json!({ "cause": "automatic" }));
        let paid = Payment::new("pay_1", "razorpay#pay_1", money(50_000, "INR").unwrap());
        let order = RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &paid, refund: &asked };
        let ours = asked.id.as_str();
        let found = |refunds: &[(&str, i64, &str)]| {
            let refund = |(n, (status, amount, note)): (usize, &(&str, i64, &str))| {
                let notes = if note.is_empty() { json!([]) } else { json!({ REFUND_NOTE: note }) };
                let id = format!("rfnd_{n}");
                let refund =
                    json!({ "id": id, "status": status, "amount": amount, "payment_id": "pay_1", "notes": notes });
                serde_json::from_value(refund).unwrap()
            };
            found_in(&refunds.iter().enumerate().map(refund).collect::<Vec<_>>(), &order)
        };
        let accepted = |id: &str| RefundAnswer::Accepted { reference: id.to_owned() };
        let succeeded = |id: &str| RefundAnswer::Succeeded { reference: Some(id.to_owned()) };
        assert_eq!(found(&[]), RefundAnswer::Absent);
        assert_eq!(found(&[("failed", 50_000, ours)]), RefundAnswer::Absent);
        assert_eq!(found(&[("failed", 50_000, ours), ("pending", 50_000, ours)]), accepted("rfnd_1"));
        assert_eq!(found(&[("processed", 50_000, "")]), succeeded("rfnd_0"));
        assert_eq!(found(&[("processed", 20_000, ""), ("pending", 30_000, "")]), accepted("rfnd_1"));
        assert_eq!(found(&[("processed", 20_000, "")]).name(), "refused", "the whole cannot go any more");
        assert_eq!(found(&[("lost", 50_000, "")]).name(), "unknown");
    }

    #[test]
    fn a_part_is_found_by_our_mark_and_called_for_again_only_where_it_cannot_go_back_twice() {
        let found = |amount: i64, shown: &[(&str, i64, &str)]| {
            let open = attempt("razorpay", "plink_1", 50_000, "INR");
            let paid = Payment::new("pay_1", "razorpay#pay_1", open.money);
            let called = json!({ "state": "calling", "since": "2026-11-23T22:10:00Z", "calls": 1 });
            let taken = json!({
                "state": "accepted", "since": "2026-11-23T22:09:00Z", "calls": 1, "gateway_reference": "rfnd_1",
            });
            let refunds = vec![ours::refund(ours::OURS, amount, called), ours::refund(ours::ANOTHER, 15_000, taken)];
            let kept = ours::Kept::new(open, paid, refunds);
            let refund = |(n, (status, amount, note)): (usize, &(&str, i64, &str))| {
                let notes = if note.is_empty() { json!([]) } else { json!({ REFUND_NOTE: note }) };
                let refund = json!({ "id": format!("rfnd_{n}"), "status": status, "amount": amount, "notes": notes });
                serde_json::from_value(refund).unwrap()
            };
            found_in(&shown.iter().enumerate().map(refund).collect::<Vec<_>>(), &kept.order())
        };
        let (foreign, another) = (("processed", 15_000, ""), ("pending", 15_000, ours::ANOTHER));
        let accepted = RefundAnswer::Accepted { reference: "rfnd_2".to_owned() };
        assert_eq!(found(15_000, &[foreign, another, ("pending", 15_000, ours::OURS)]), accepted);
        assert_eq!(found(15_000, &[foreign, another]), RefundAnswer::Absent, "20,000 are left, and one fits");
        assert_eq!(found(10_000, &[foreign, another]), RefundAnswer::Unlisted, "two would fit");
        let too_much = RefundAnswer::Refused { code: "razorpay_too_little_left".to_owned() };
        assert_eq!(found(20_001, &[foreign, another]), too_much);
        assert_eq!(found(15_000, &[foreign, another, ("pending", 14_000, ours::OURS)]).name(), "unknown");
        assert_eq!(found(15_000, &[another, ("lost", 30_000, "")]).name(), "unknown");
    }

    #[test]
    fn passing_trouble_is_told_from_a_refusal() {
        let answer = |status: u16, body: &str| Answer { status, retry_after: None, body: body.to_owned().into() };
        let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","description":"x"}}}}"#);
        let bad_request = error("BAD_REQUEST_ERROR");
        assert!(matches!(refusal(&answer(400, &bad_request)), Refusal::Final(_)));
        assert!(matches!(refusal(&answer(401, &bad_request)), Refusal::Account(_)));
        let stranger = bad_request.replace("\"x\"", "\"Authentication failed\"");
        assert!(matches!(refusal(&answer(400, &stranger)), Refusal::Account(_)));
        let long = answer(400, &error(&"پ".repeat(1_000)));
        assert!(matches!(refusal(&long), Refusal::Final(code) if code.chars().count() == 64));
        let refunded = bad_request.replace("\"x\"", "\"The payment has been fully refunded already.\"");
        assert!(says_refunded(&answer(400, &refunded)) && !says_refunded(&answer(400, &bad_request)));
        for (status, body) in [
            (400, error("GATEWAY_ERROR")),
            (400, error("SERVER_ERROR")),
            (429, error("BAD_REQUEST_ERROR")),
            (502, "<html>".to_owned()),
            (400, "[]".to_owned()),
        ] {
            assert!(matches!(refusal(&answer(status, &body)), Refusal::Passing(_)), "{status} {body}");
        }
    }

    #[test]
    fn a_link_that_is_not_known_is_told_from_an_account_that_is_not() {
        let attempt = attempt("razorpay", "plink_1", 50_000, "INR");
        let read = |status: u16, body: Value| {
            let answer = Answer { status, retry_after: None, body: body.to_string().into() };
            link_of(&answer, &attempt).err().map(|refusal| refusal.of_link().name())
        };
        let error = |text: &str| json!({ "error": { "code": "BAD_REQUEST_ERROR", "description": text } });
        assert_eq!(read(400, error("The id provided does not exist")), Some("session_refused"));
        assert_eq!(read(401, error("Authentication failed")), Some("account_refused"));
        let link = |id: &str, of: &str| {
            json!({
                "id": id, "status": "paid", "amount": 50_000, "currency": "INR", "reference_id": of,
            })
        };
        assert_eq!(read(200, link("plink_1", attempt.id.as_str())), None);
        assert_eq!(read(200, link("plink_2", attempt.id.as_str())), Some("session_refused"));
        assert_eq!(read(200, link("plink_1", "at_other")), Some("session_refused"));
    }

    #[test]
    fn what_happens_without_us_is_led_back_by_the_notes_of_its_payment() {
        let (link, attempt) = ("pl_2222222222222222222222", "at_2222222222222222222222");
        let event = |kind: &str, name: &str, notes: Value| {
            let payment = json!({ "id": "pay_1", "entity": "payment", "notes": notes });
            let other = json!({ "id": "x_1", "payment_id": "pay_1", "notes": [] });
            let payload = json!({ "payment": { "entity": payment }, name: { "entity": other } });
            json!({ "entity": "event", "event": kind, "contains": ["payment", name], "payload": payload })
        };
        let kinds = ["created", "won", "lost", "closed", "under_review", "action_required"];
        let disputes = kinds.map(|kind| (format!("payment.dispute.{kind}"), "dispute"));
        let refunds = ["created", "processed", "failed"].map(|kind| (format!("refund.{kind}"), "refund"));
        for (kind, name) in disputes.into_iter().chain(refunds) {
            let ours = json!({ LINK_NOTE: link, ATTEMPT_NOTE: attempt });
            let understood = told(&event(&kind, name, ours)).unwrap().unwrap();
            assert_eq!(named(&understood), (link, attempt), "{kind}");
            assert_eq!(understood.hint, Hint::Changed);
            for notes in
                [json!([]), Value::Null, json!({ LINK_NOTE: link }), json!({ LINK_NOTE: link, ATTEMPT_NOTE: 7 })]
            {
                assert_eq!(told(&event(&kind, name, notes.clone())), Ok(None), "{kind} {notes}");
            }
        }
        let bare =
            json!({ "event": "payment.dispute.lost", "payload": { "dispute": { "entity": { "id": "disp_1" } } } });
        assert_eq!(told(&bare), Ok(None));
        let not_ours = event("payment.captured", "order", json!({ LINK_NOTE: link, ATTEMPT_NOTE: attempt }));
        assert_eq!(told(&not_ours), Ok(None));
    }

    fn listed(id: &str, amount: i64, status: &str) -> Value {
        json!({
            "id": id, "entity": "refund", "amount": amount, "currency": "INR", "payment_id": "pay_1", "status": status,
            "notes": [], "created_at": 1_700_000_100,
        })
    }

    fn dispute(id: &str, status: &str) -> Value {
        json!({
            "id": id, "entity": "dispute", "payment_id": "pay_1", "amount": 39_000, "currency": "INR", "amount_deducted": 0,
            "reason_code": "goods_not_received", "respond_by": 1_701_000_000, "status": status, "phase": "chargeback",
            "created_at": 1_700_000_200,
        })
    }

    /// What is shown of a payment of 50,000 of which so much counts as refunded.
    fn seen_of(refunded: i64, refunds: &[Value], disputes: &[Value]) -> AftermathAnswer {
        let made = json!({
            "id": "pay_1", "status": "captured", "amount": 50_000, "currency": "INR", "amount_refunded": refunded,
        });
        let paid = Payment::new("pay_1", "razorpay#pay_1", money(50_000, "INR").unwrap());
        fn read<T: DeserializeOwned>(items: &[Value]) -> Option<Pages<T>> {
            let list = json!({ "entity": "collection", "count": items.len(), "items": items });
            let Collection { items } = object(list.to_string().as_bytes())?;
            Some(Pages { items, is_whole: true })
        }
        match (read(refunds), read(disputes)) {
            (Some(refunds), Some(disputes)) => {
                let made = serde_json::from_value(made).unwrap();
                shown(&made, &refunds, &disputes, &paid, &crate::tests::link())
            }
            (None, _) | (_, None) => Refusal::Passing("an answer that cannot be read".to_owned()).of_aftermath(),
        }
    }

    fn seen(refunded: i64, refunds: &[Value], disputes: &[Value]) -> Aftermath {
        match seen_of(refunded, refunds, disputes) {
            AftermathAnswer::Shown(aftermath) => aftermath,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refunds_are_shown_whoever_made_them_and_whatever_became_of_them() {
        let nothing = Aftermath { refunds: Vec::new(), disputes: Vec::new(), is_whole: true };
        assert_eq!(seen(0, &[], &[]), nothing);
        let mut ours = listed("rfnd_1", 20_000, "processed");
        ours["notes"] = json!({ REFUND_NOTE: ours::OURS });
        let aftermath =
            seen(30_000, &[ours, listed("rfnd_2", 10_000, "pending"), listed("rfnd_3", 5_000, "failed")], &[]);
        let expected = ShownRefund {
            reference: "rfnd_1".to_owned(),
            refund_id: Some(domain::ids::RefundId::parse(ours::OURS).unwrap()),
            amount: 20_000,
            state: ShownState::Succeeded,
            at: Timestamp::from_second(1_700_000_100).ok(),
        };
        assert_eq!(aftermath.refunds[0], expected);
        let others: Vec<_> =
            aftermath.refunds[1..].iter().map(|one| (one.refund_id.is_none(), one.state.name())).collect();
        assert_eq!((others, aftermath.is_whole), (vec![(true, "pending"), (true, "failed")], true));
        assert!(!seen(20_001, &[listed("rfnd_1", 20_000, "processed")], &[]).is_whole, "the payment counts more");
    }

    #[test]
    fn of_the_accounts_disputes_those_about_the_payment_are_shown_and_every_status_has_a_meaning() {
        let due = Timestamp::from_second(1_701_000_000).ok();
        for (status, expected) in [
            ("open", DisputeState::Open { respond_by: due }),
            ("under_review", DisputeState::Open { respond_by: None }),
            ("won", DisputeState::Won),
            ("closed", DisputeState::Won),
            ("lost", DisputeState::Lost),
        ] {
            let mut other = dispute("disp_2", "of_another_payment");
            other["payment_id"] = json!("pay_2");
            let expected = ShownDispute {
                reference: "disp_1".to_owned(),
                amount: 39_000,
                reason: Some("goods_not_received".to_owned()),
                state: expected,
                opened_at: Timestamp::from_second(1_700_000_200).ok(),
            };
            assert_eq!(seen(0, &[], &[other, dispute("disp_1", status)]).disputes, [expected], "{status}");
        }
        let mut partly = dispute("disp_1", "lost");
        partly["amount_deducted"] = json!(9_000);
        assert_eq!(seen(0, &[], &[partly]).disputes[0].amount, 9_000, "only a part of it was contested in vain");
        let mut bare = dispute("disp_1", "open");
        for name in ["reason_code", "respond_by", "created_at"] {
            bare[name] = Value::Null;
        }
        let shown = seen(0, &[], &[bare]).disputes.remove(0);
        assert_eq!((shown.state, shown.reason), (DisputeState::Open { respond_by: None }, None));
    }

    #[test]
    fn one_thing_that_cannot_be_read_makes_the_whole_answer_unknown_and_nothing_failed() {
        let good = || listed("rfnd_0", 100, "processed");
        for (name, value) in [
            ("status", json!("lost")),
            ("status", Value::Null),
            ("amount", json!(0)),
            ("amount", json!(50_001)),
            ("amount", json!("100")),
            ("currency", json!("USD")),
            ("currency", Value::Null),
            ("payment_id", json!("pay_2")),
            ("id", json!("rfnd_0")),
            ("id", json!("rfnd/1")),
        ] {
            let mut odd = listed("rfnd_1", 100, "failed");
            odd[name] = value.clone();
            assert_eq!(seen_of(0, &[good(), odd], &[]).name(), "unknown", "{name} {value}");
        }
        for (name, value) in [
            ("status", json!("reopened")),
            ("status", Value::Null),
            ("amount", json!(0)),
            ("amount", json!("39000")),
            ("amount_deducted", json!(-1)),
            ("currency", json!("USD")),
            ("currency", Value::Null),
            ("payment_id", Value::Null),
            ("id", json!("rfnd_0")),
            ("id", json!("")),
        ] {
            let mut odd = dispute("disp_1", "lost");
            odd[name] = value.clone();
            assert_eq!(seen_of(0, &[good()], &[odd]).name(), "unknown", "{name} {value}");
        }
    }

    #[test]
    fn a_refused_question_about_what_became_of_a_payment_says_nothing_of_it() {
        let error = |code: &str, text: &str| json!({ "error": { "code": code, "description": text } }).to_string();
        for (status, body, expected) in [
            (401, error("BAD_REQUEST_ERROR", "x"), "account_refused"),
            (403, error("BAD_REQUEST_ERROR", "x"), "account_refused"),
            (400, error("BAD_REQUEST_ERROR", "Authentication failed"), "account_refused"),
            (400, error("BAD_REQUEST_ERROR", "The id provided does not exist"), "unknown"),
            (400, error("SERVER_ERROR", "x"), "unknown"),
            (429, error("BAD_REQUEST_ERROR", "x"), "unknown"),
            (502, "<html>".to_owned(), "unknown"),
        ] {
            let answer = Answer { status, retry_after: None, body: body.into() };
            assert_eq!(refusal(&answer).of_aftermath().name(), expected, "{status}");
        }
    }
}

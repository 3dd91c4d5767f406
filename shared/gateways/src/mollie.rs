//! Mollie payments. Source: the gateway's OpenAPI document, its documentation and its official clients.
//!
//! What is special here: amounts are texts with exactly the decimals of their currency; the browser comes back
//! without a parameter; webhooks are unsigned and say nothing but a payment's id, so they only make us ask. Which
//! payment of ours one is about stands in the address that we gave for it. What a payment's refunds are worth is read
//! from their list, because a refund that was accepted may still fail. A chargeback takes the money at once; there is nothing
//! to answer, and now and then one is reversed.

mod list;

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::gateway::{
    AccountCheck, AftermathAnswer, Decline, DisputeState, Finding, GatewayAnswer, NotPaidCause, Payment, RefundAnswer,
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
use url::Url;

use crate::aftermath::{self, Pages};
use crate::lists::{Changes, ChangesOrder, ListError, ListOrder};
use crate::refunds::{Listed, Seen, any_counts, fits_once, look_through};
use crate::{
    BeginError, CheckOrder, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, RefundOrder, WebhookError,
    WebhookHint, WebhookRequest, WebhookSubject, at_most, declined, doubtful, is_word, not_paid, object, our_refund,
    unknown, web_address,
};

/// Longer descriptions are cut off there.
const LONGEST_DESCRIPTION: usize = 255;

/// The name of our attempt's id in the metadata of a payment.
const ATTEMPT_METADATA: &str = "paylink_attempt";

/// The name of our refund's id in the metadata of theirs.
const REFUND_METADATA: &str = "paylink_refund";

/// What a list of refunds or chargebacks is asked for at most. One that is as long may have been cut off.
const LONGEST_LIST: usize = 250;

/// How many pages of a list are read at most. A payment has few refunds, and fewer chargebacks.
const MOST_PAGES: usize = 5;

/// So much of a code of theirs is kept, in characters.
const LONGEST_CODE: usize = 64;

/// The codes of a refund that failed and of one that somebody cancelled, for which Mollie has no reasons.
const FAILED: &str = "refund_failed";
const CANCELED: &str = "refund_canceled";

pub(crate) struct Mollie<'a>(pub(crate) GatewayClient<'a>);

#[derive(Debug, Deserialize)]
struct PaymentObject {
    id: String,
    status: PaymentStatus,
    amount: Amount,
    #[serde(rename = "amountRefunded", default)]
    refunded: Option<Amount>,
    /// How much can still be refunded. For some methods it is more than is left of the payment.
    #[serde(rename = "amountRemaining", default)]
    remaining: Option<Amount>,
    #[serde(rename = "amountChargedBack", default)]
    charged_back: Option<Amount>,
    #[serde(rename = "paidAt", default)]
    paid_at: Option<String>,
    /// A boolean or null, and left out once the payment is final.
    #[serde(rename = "isCancelable", default)]
    is_cancelable: Option<bool>,
    #[serde(default)]
    metadata: Value,
    /// What the method has of its own. Nothing is decided on it, so none of it makes a payment unreadable.
    #[serde(default)]
    details: Value,
    #[serde(rename = "_links", default)]
    links: Option<Links>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PaymentStatus {
    Open,
    Pending,
    Authorized,
    Paid,
    Canceled,
    Expired,
    Failed,
    #[serde(other)]
    Undocumented,
}

#[derive(Debug, Deserialize)]
struct Amount {
    currency: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Links {
    #[serde(default)]
    checkout: Option<Href>,
}

#[derive(Debug, Deserialize)]
struct Href {
    href: String,
}

#[derive(Debug, Deserialize)]
struct RefundObject {
    id: String,
    status: RefundStatus,
    amount: Amount,
    #[serde(default)]
    metadata: Value,
    #[serde(rename = "paymentId", default)]
    payment_id: Option<String>,
    /// When it was made. Nothing is decided on it.
    #[serde(rename = "createdAt", default)]
    created_at: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RefundStatus {
    /// Waits for enough balance.
    Queued,
    /// Goes to the bank on the next working day.
    Pending,
    /// Is at the bank.
    Processing,
    Refunded,
    Failed,
    Canceled,
    #[serde(other)]
    Undocumented,
}

/// The profile of a key.
#[derive(Debug, Deserialize)]
struct Profile {
    mode: KeyMode,
    status: ProfileStatus,
}

/// Which of its keys a profile was asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeyMode {
    Live,
    Test,
    #[serde(other)]
    Undocumented,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProfileStatus {
    /// It takes test payments alone.
    Unverified,
    Verified,
    /// It can be used no more.
    Blocked,
    #[serde(other)]
    Undocumented,
}

impl Profile {
    fn check(&self) -> AccountCheck {
        let of_credentials = |credentials| AccountCheck { credentials, ..AccountCheck::accepted() };
        match (self.status, self.mode) {
            (ProfileStatus::Verified, _) | (ProfileStatus::Unverified, KeyMode::Test) => AccountCheck::accepted(),
            (ProfileStatus::Unverified, KeyMode::Live) => {
                of_credentials(Finding::Refused { code: "profile_unverified".to_owned() })
            }
            (ProfileStatus::Blocked, _) => of_credentials(Finding::Refused { code: "profile_blocked".to_owned() }),
            (ProfileStatus::Unverified, KeyMode::Undocumented) | (ProfileStatus::Undocumented, _) => {
                of_credentials(Finding::Unanswered)
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct RefundList {
    #[serde(rename = "_embedded")]
    embedded: EmbeddedRefunds,
}

#[derive(Debug, Deserialize)]
struct EmbeddedRefunds {
    refunds: Vec<RefundObject>,
}

/// Money that the payer's bank took back.
#[derive(Debug, Deserialize)]
struct ChargebackObject {
    id: String,
    amount: Amount,
    #[serde(rename = "paymentId", default)]
    payment_id: Option<String>,
    /// When the business got it again, and null where it did not.
    #[serde(rename = "reversedAt", default)]
    reversed_at: Option<String>,
    /// What people are shown. Nothing is decided on it, so none of it makes a chargeback unreadable.
    #[serde(default)]
    reason: Value,
    #[serde(rename = "createdAt", default)]
    created_at: Value,
}

/// A page of a list. Without its links, a list does not say that something is missing.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(rename = "_embedded")]
    embedded: BTreeMap<String, Value>,
    #[serde(rename = "_links")]
    links: PageLinks,
}

#[derive(Debug, Deserialize)]
struct PageLinks {
    /// Null on the last page.
    #[serde(default)]
    next: Option<Href>,
}

/// What a payment has a list of.
trait Listable: DeserializeOwned {
    /// The end of the list's address, and what the things are embedded as.
    const NAME: &'static str;
}

impl Listable for RefundObject {
    const NAME: &'static str = "refunds";
}

impl Listable for ChargebackObject {
    const NAME: &'static str = "chargebacks";
}

impl GatewayAdapter for Mollie<'_> {
    // Test and live differ by the key alone.
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://api.mollie.com");
    const SANDBOX: DefaultEndpoints = Self::LIVE;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let (attempt, link) = (order.attempt.id(), order.link);
        let body = json!({
            "amount": amount(order.attempt.money),
            "description": at_most(order.description, LONGEST_DESCRIPTION),
            "redirectUrl": order.return_url,
            "webhookUrl": format!("{}?link={link}&attempt={attempt}", order.notify_url),
            "metadata": { ATTEMPT_METADATA: attempt.as_str() },
        });
        let answer = self.call(Method::POST, "/v2/payments", Some(body), attempt.as_str(), credentials).await;
        let answer = answer.map_err(|why| BeginError::Unavailable { why })?;
        opened(&answer).ok_or_else(|| match refusal(&answer) {
            Refusal::Passing(why) => BeginError::Unavailable { why },
            Refusal::Account(code) | Refusal::Missing(code) | Refusal::Final(code) => BeginError::Refused { code },
        })
    }

    /// Reads the profile that the key is of, which says whether it may take payments. Mollie has no list of hosts that
    /// customers may come back to.
    async fn check(&self, _: &CheckOrder<'_>, credentials: &Credentials) -> AccountCheck {
        let check = match self.call(Method::GET, "/v2/profiles/me", None, "", credentials).await {
            Ok(answer) if answer.status == 200 => match object::<Profile>(&answer.body) {
                Some(profile) => profile.check(),
                None => AccountCheck::unanswered(),
            },
            Ok(answer) => match refusal(&answer) {
                Refusal::Passing(_) => AccountCheck::unanswered(),
                Refusal::Account(code) => AccountCheck::credentials_refused(code),
                Refusal::Missing(code) | Refusal::Final(code) => AccountCheck::not_reached(&code),
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
        match self.retrieve(attempt, credentials).await {
            Ok(payment) => answer_of(&payment, attempt),
            Err(refusal) => refusal.of_payment(),
        }
    }

    /// Most methods cannot be cancelled; there the payment ends by itself.
    async fn close(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let payment = match self.retrieve(attempt, credentials).await {
            Ok(payment) => payment,
            Err(refusal) => return Some(refusal.of_payment()),
        };
        if payment.is_cancelable != Some(true) {
            return Some(answer_of(&payment, attempt));
        }
        let path = format!("/v2/payments/{}", attempt.session);
        let key = format!("close-{}", attempt.id);
        Some(match self.call(Method::DELETE, &path, None, &key, credentials).await {
            Ok(answer) if answer.status == 200 => read(&answer, attempt),
            // The customer may just have paid.
            Ok(_) => match self.retrieve(attempt, credentials).await {
                Ok(payment) => answer_of(&payment, attempt),
                Err(refusal) => refusal.of_payment(),
            },
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
        let RefundOrder { link: _, attempt, payment, refund } = *order;
        let Ok(money) = Money::new(refund.amount, payment.money.currency()) else {
            return RefundAnswer::Refused { code: "mollie_amount".to_owned() };
        };
        let body = json!({
            "amount": amount(money),
            "description": "Payment returned",
            "metadata": { REFUND_METADATA: refund.id.as_str() },
        });
        let path = format!("/v2/payments/{}/refunds", attempt.session);
        let answer = match self.call(Method::POST, &path, Some(body), &refund.key(), credentials).await {
            Ok(answer) => answer,
            Err(why) => return RefundAnswer::Unknown { why },
        };
        if answer.status == 201 || answer.status == 200 {
            return match object::<RefundObject>(&answer.body) {
                Some(refund) => became(&refund),
                None => unknown_refund("a refund that cannot be read"),
            };
        }
        let code = match refusal(&answer) {
            Refusal::Passing(why) => return RefundAnswer::Unknown { why },
            Refusal::Account(code) => return RefundAnswer::AccountRefused { code },
            Refusal::Missing(code) | Refusal::Final(code) => code,
        };
        // Refused because the money went back already, by an earlier call or by hand?
        match self.listed_refund(order, credentials).await {
            RefundAnswer::Absent | RefundAnswer::Unlisted => RefundAnswer::Refused { code },
            found => found,
        }
    }

    async fn list(&self, order: &ListOrder, credentials: &Credentials) -> Option<Result<Vec<Theirs>, ListError>> {
        Some(self.listed_movements(order, credentials).await)
    }

    fn claim_of(reference: &str) -> Option<String> {
        Some(format!("mollie#{reference}"))
    }

    async fn changes(&self, order: &ChangesOrder, credentials: &Credentials) -> Option<Changes> {
        Some(self.changed(order, credentials).await)
    }

    /// Reads the payment, then its refunds and its chargebacks.
    async fn aftermath(
        &self,
        attempt: &Attempt,
        payment: &Payment,
        link: &LinkId,
        credentials: &Credentials,
    ) -> Option<AftermathAnswer> {
        let object = match self.retrieve(attempt, credentials).await {
            Ok(object) => object,
            Err(refusal) => return Some(refusal.of_aftermath()),
        };
        let refunds = match self.pages::<RefundObject>(attempt, credentials).await {
            Ok(refunds) => refunds,
            Err(refusal) => return Some(refusal.of_aftermath()),
        };
        let chargebacks = match self.pages::<ChargebackObject>(attempt, credentials).await {
            Ok(chargebacks) => chargebacks,
            Err(refusal) => return Some(refusal.of_aftermath()),
        };
        Some(shown(&object, &refunds, &chargebacks, payment, link))
    }

    /// The browser brings nothing, so that it came back is all there is to hear.
    fn read_return(_: &Fields, _: &Attempt, _: &Credentials) -> ReturnData {
        Hint::Nothing.into()
    }

    /// Unsigned: it says that something changed, the payment, a refund or a chargeback of it, which is worth asking about whatever we
    /// knew before.
    fn read_webhook(
        request: WebhookRequest<'_>,
        _: &[Credentials],
        _: Timestamp,
    ) -> Result<Option<WebhookHint>, WebhookError> {
        let form: BTreeMap<String, String> =
            serde_urlencoded::from_bytes(request.body).map_err(|_| WebhookError::Unreadable)?;
        if !form.get("id").is_some_and(|id| is_word(id)) {
            return Err(WebhookError::Unreadable);
        }
        let link = request.query.get("link").and_then(|id| LinkId::parse(id).ok());
        let attempt = request.query.get("attempt").and_then(|id| AttemptId::parse(id).ok());
        Ok(link.zip(attempt).map(|(link, attempt)| WebhookHint {
            about: WebhookSubject::Attempt { link, attempt },
            hint: Hint::Changed,
        }))
    }
}

impl Mollie<'_> {
    async fn retrieve(&self, attempt: &Attempt, credentials: &Credentials) -> Result<PaymentObject, Refusal> {
        let path = format!("/v2/payments/{}", attempt.session);
        let answer = self.call(Method::GET, &path, None, "", credentials).await;
        let answer = answer.map_err(Refusal::Passing)?;
        payment_of(&answer, attempt)
    }

    /// What became of a refund whose id is known.
    async fn known_refund(&self, order: &RefundOrder<'_>, id: &str, credentials: &Credentials) -> RefundAnswer {
        let path = format!("/v2/payments/{}/refunds/{id}", order.attempt.session);
        let answer = match self.call(Method::GET, &path, None, "", credentials).await {
            Ok(answer) => answer,
            Err(why) => return RefundAnswer::Unknown { why },
        };
        if answer.status == 200 {
            return match object::<RefundObject>(&answer.body).filter(|refund| refund.id == id) {
                Some(refund) => became(&refund),
                None => unknown_refund("a refund that cannot be read"),
            };
        }
        match refusal(&answer) {
            Refusal::Missing(_) => match self.list_and_payment(order, credentials).await {
                Ok((refunds, payment)) => not_there(id, &refunds, &payment, order),
                Err(answer) => answer,
            },
            refusal @ (Refusal::Passing(_) | Refusal::Account(_) | Refusal::Final(_)) => refusal.of_refund(),
        }
    }

    /// The refunds of the payment, and then the payment. A key of another profile would find neither.
    async fn list_and_payment(
        &self,
        order: &RefundOrder<'_>,
        credentials: &Credentials,
    ) -> Result<(Vec<RefundObject>, PaymentObject), RefundAnswer> {
        let refunds = self.list(order, credentials).await?;
        let payment = self.retrieve(order.attempt, credentials).await.map_err(Refusal::of_refund)?;
        Ok((refunds, payment))
    }

    async fn list(
        &self,
        order: &RefundOrder<'_>,
        credentials: &Credentials,
    ) -> Result<Vec<RefundObject>, RefundAnswer> {
        let path = format!("/v2/payments/{}/refunds?limit={LONGEST_LIST}", order.attempt.session);
        let answer = self.call(Method::GET, &path, None, "", credentials).await;
        let answer = answer.map_err(|why| RefundAnswer::Unknown { why })?;
        if answer.status != 200 {
            return Err(refusal(&answer).of_refund());
        }
        let list: Option<RefundList> = object(&answer.body);
        let list = list.ok_or_else(|| unknown_refund("a list of refunds that cannot be read"))?;
        match list.embedded.refunds.len() < LONGEST_LIST {
            true => Ok(list.embedded.refunds),
            false => Err(unknown_refund("a list of refunds that may be cut off")),
        }
    }

    /// Everything that a list of a payment has, page by page.
    async fn pages<T: Listable>(&self, attempt: &Attempt, credentials: &Credentials) -> Result<Pages<T>, Refusal> {
        let first = format!("/v2/payments/{}/{}?limit={LONGEST_LIST}", attempt.session, T::NAME);
        let (mut items, mut path) = (Vec::new(), first.clone());
        for _ in 0..MOST_PAGES {
            let answer = self.call(Method::GET, &path, None, "", credentials).await.map_err(Refusal::Passing)?;
            let (found, next) = page::<T>(&answer)?;
            items.extend(found);
            match next {
                Next::None => return Ok(Pages { items, is_whole: true }),
                Next::From(id) => path = format!("{first}&from={id}"),
                Next::Unreadable => break,
            }
        }
        Ok(Pages { items, is_whole: false })
    }

    /// Looks for the refund among those of the payment: its answer may have been lost.
    async fn listed_refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let refunds = match self.list(order, credentials).await {
            Ok(refunds) => refunds,
            Err(answer) => return answer,
        };
        if let Some(found) = found_in(&refunds, order) {
            return found;
        }
        match self.retrieve(order.attempt, credentials).await {
            Ok(payment) => without_refund(&payment, &refunds, order),
            Err(refusal) => refusal.of_refund(),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: &str,
        credentials: &Credentials,
    ) -> Result<Answer, String> {
        let api_key = credentials.expose("api_key").unwrap_or_default();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0.endpoint.api))
            .header("authorization", format!("Bearer {api_key}"))
            .header("accept", "application/hal+json");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        self.0.send(request, body.map(|body| body.to_string()).unwrap_or_default()).await
    }
}

enum Refusal {
    /// Worth another try: their trouble, a rate limit, the same call under way, or an answer that cannot be read.
    Passing(String),
    /// The key is not known, was revoked, or may not do this.
    Account(String),
    /// The key is known, and there is no such thing under it.
    Missing(String),
    /// Their status and the field they name.
    Final(String),
}

impl Refusal {
    /// What it says about a payment that was asked about.
    fn of_payment(self) -> GatewayAnswer {
        match self {
            Self::Passing(why) => GatewayAnswer::Unknown { why },
            Self::Account(code) => GatewayAnswer::AccountRefused { code },
            Self::Missing(code) | Self::Final(code) => GatewayAnswer::SessionRefused { code },
        }
    }

    /// What it says about a refund that was asked about: one may have been made.
    fn of_refund(self) -> RefundAnswer {
        match self {
            Self::Account(code) => RefundAnswer::AccountRefused { code },
            Self::Passing(why) | Self::Missing(why) | Self::Final(why) => RefundAnswer::Unknown { why },
        }
    }

    /// What it says about what became of a payment.
    fn of_aftermath(self) -> AftermathAnswer {
        match self {
            Self::Account(code) => AftermathAnswer::AccountRefused { code },
            Self::Passing(why) | Self::Missing(why) | Self::Final(why) => AftermathAnswer::Unknown { why },
        }
    }
}

/// Where a list goes on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    None,
    /// At the thing of this id. The address that they give for it is not called: our key goes to no other host.
    From(String),
    /// Somewhere that cannot be read.
    Unreadable,
}

impl PageLinks {
    fn next(&self) -> Next {
        let Some(next) = &self.next else { return Next::None };
        let url = Url::parse(&next.href).ok();
        let from =
            url.and_then(|url| url.query_pairs().find(|(name, _)| name == "from").map(|(_, id)| id.into_owned()));
        from.filter(|id| is_word(id)).map_or(Next::Unreadable, Next::From)
    }
}

fn page<T: Listable>(answer: &Answer) -> Result<(Vec<T>, Next), Refusal> {
    if answer.status != 200 {
        return Err(refusal(answer));
    }
    let unreadable = || Refusal::Passing("a list that cannot be read".to_owned());
    let mut page: Page = object(&answer.body).ok_or_else(unreadable)?;
    let items = page.embedded.remove(T::NAME).ok_or_else(unreadable)?;
    Ok((serde_json::from_value(items).map_err(|_| unreadable())?, page.links.next()))
}

fn refusal(answer: &Answer) -> Refusal {
    if matches!(answer.status, 409 | 429) || answer.status >= 500 {
        return Refusal::Passing(format!("status {}", answer.status));
    }
    match object::<BTreeMap<String, Value>>(&answer.body) {
        Some(body) if body.contains_key("title") && matches!(answer.status, 401 | 403) => {
            Refusal::Account(answer.status.to_string())
        }
        Some(body) if body.contains_key("title") && answer.status == 404 => Refusal::Missing("404".to_owned()),
        Some(body) if body.contains_key("title") => match body.get("field").and_then(Value::as_str) {
            Some(field) => Refusal::Final(at_most(&format!("{}_{field}", answer.status), LONGEST_CODE)),
            None => Refusal::Final(answer.status.to_string()),
        },
        Some(_) | None => Refusal::Passing(format!("status {} in an unknown form", answer.status)),
    }
}

fn opened(answer: &Answer) -> Option<OpenedSession> {
    if answer.status != 201 {
        return None;
    }
    let payment: PaymentObject = object(&answer.body)?;
    let at = web_address(&payment.links?.checkout?.href)?;
    is_word(&payment.id).then(|| OpenedSession { session: payment.id, checkout: Checkout::link(at) })
}

fn payment_of(answer: &Answer, attempt: &Attempt) -> Result<PaymentObject, Refusal> {
    if answer.status != 200 {
        return Err(refusal(answer));
    }
    let payment: Option<PaymentObject> = object(&answer.body);
    let payment = payment.ok_or_else(|| Refusal::Passing("a payment that cannot be read".to_owned()))?;
    if payment.id != attempt.session || payment.metadata[ATTEMPT_METADATA] != attempt.id.as_str() {
        return Err(Refusal::Missing("another_payment".to_owned()));
    }
    Ok(payment)
}

fn read(answer: &Answer, attempt: &Attempt) -> GatewayAnswer {
    match payment_of(answer, attempt) {
        Ok(payment) => answer_of(&payment, attempt),
        Err(refusal) => refusal.of_payment(),
    }
}

fn answer_of(payment: &PaymentObject, attempt: &Attempt) -> GatewayAnswer {
    match payment.status {
        PaymentStatus::Open => GatewayAnswer::Pending,
        // A method that takes days, or money that is reserved and not ours yet.
        PaymentStatus::Pending | PaymentStatus::Authorized => GatewayAnswer::Processing,
        PaymentStatus::Paid => paid(payment, attempt),
        PaymentStatus::Canceled => not_paid(NotPaidCause::Cancelled, "canceled"),
        PaymentStatus::Expired => not_paid(NotPaidCause::SessionOver, "expired"),
        PaymentStatus::Failed => failed(payment),
        PaymentStatus::Undocumented => unknown("a status that is not documented"),
    }
}

/// Why a payment failed, as far as the method says so: those by card do.
fn failed(payment: &PaymentObject) -> GatewayAnswer {
    match payment.details["failureReason"].as_str() {
        Some(code @ "insufficient_funds") => declined(Decline::NoFunds, code),
        Some(code @ ("invalid_cvv" | "authentication_failed")) => declined(Decline::WrongPassword, code),
        Some(_) | None => not_paid(NotPaidCause::Declined, "failed"),
    }
}

/// A payment stays paid whatever happens to its money later.
fn paid(payment: &PaymentObject, attempt: &Attempt) -> GatewayAnswer {
    let Some(money) = money(&payment.amount) else { return GatewayAnswer::WrongAmount { got: None } };
    if is_some_money(payment.charged_back.as_ref()) {
        return doubtful("mollie_charged_back");
    }
    if has_gone_back(payment) {
        return GatewayAnswer::Returned;
    }
    if is_some_money(payment.refunded.as_ref()) {
        return doubtful("mollie_partly_refunded");
    }
    GatewayAnswer::Paid(Payment {
        masked_card: masked_card(&payment.details),
        gateway_paid_at: payment.paid_at.as_deref().and_then(|at| at.parse().ok()),
        ..Payment::new(attempt.session.clone(), format!("mollie#{}", attempt.session), money)
    })
}

/// The last digits of a card. Other methods have something of their own under the same name.
fn masked_card(details: &Value) -> Option<String> {
    let digits = details.get("cardNumber")?.as_str()?;
    (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| format!("**** {digits}"))
}

fn has_gone_back(payment: &PaymentObject) -> bool {
    match (payment.refunded.as_ref().and_then(money), money(&payment.amount)) {
        (Some(back), Some(all)) => back.currency() == all.currency() && back.minor_units() >= all.minor_units(),
        _ => false,
    }
}

/// Whether an amount is there and not zero. One that cannot be read is something.
fn is_some_money(amount: Option<&Amount>) -> bool {
    amount.is_some_and(|amount| money(amount).is_none_or(|money| money.minor_units() != 0))
}

fn became(refund: &RefundObject) -> RefundAnswer {
    let reference = refund.id.clone();
    if !is_word(&reference) {
        return unknown_refund("a refund without an id");
    }
    match refund.status {
        RefundStatus::Queued | RefundStatus::Pending | RefundStatus::Processing => RefundAnswer::Accepted { reference },
        RefundStatus::Refunded => RefundAnswer::Succeeded { reference: Some(reference) },
        RefundStatus::Failed => RefundAnswer::Failed { reference: Some(reference), code: FAILED.to_owned() },
        RefundStatus::Canceled => RefundAnswer::Failed { reference: Some(reference), code: CANCELED.to_owned() },
        RefundStatus::Undocumented => unknown_refund("a status of a refund that is not documented"),
    }
}

/// What the payment and both lists show together. What the payment counts and no list has is on its way into the lists; which
/// refunds it counts while they are not finished is not published.
fn shown(
    object: &PaymentObject,
    refunds: &Pages<RefundObject>,
    chargebacks: &Pages<ChargebackObject>,
    payment: &Payment,
    link: &LinkId,
) -> AftermathAnswer {
    let is_at_most = |counted: Option<&Amount>, listed: i64| {
        counted.is_none_or(|counted| minor_units(counted, payment).is_some_and(|counted| counted <= listed))
    };
    let refunds = refunds.shown(|refund| refund.shown(payment, link));
    let chargebacks = chargebacks.shown(|chargeback| chargeback.shown(payment));
    aftermath::shown(refunds, chargebacks, |back, chargebacks| {
        let charged_back = chargebacks.iter().fold(0_i64, |sum, one| sum.saturating_add(one.amount));
        is_at_most(object.refunded.as_ref(), back) && is_at_most(object.charged_back.as_ref(), charged_back)
    })
}

/// An amount in the currency of a payment, in minor units.
fn minor_units(amount: &Amount, payment: &Payment) -> Option<i64> {
    let money = money(amount).filter(|money| money.currency() == payment.money.currency())?;
    Some(money.minor_units())
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

impl ChargebackObject {
    /// The chargeback of a payment as it is shown, or what of it cannot be read. The bank has the money at once, so that it is
    /// lost until it is reversed.
    fn shown(&self, payment: &Payment) -> Result<ShownDispute, &'static str> {
        if self.payment_id.as_deref().is_some_and(|id| id != payment.reference) {
            return Err("a chargeback of another payment");
        }
        let amount = minor_units(&self.amount, payment).filter(|amount| *amount > 0);
        let reason = self.reason.get("code").and_then(Value::as_str).filter(|code| !code.is_empty());
        Ok(ShownDispute {
            reference: self.id.clone(),
            amount: amount.ok_or("a chargeback of an amount that is none")?,
            reason: reason.map(|code| at_most(code, LONGEST_CODE)),
            state: self.state().ok_or("a chargeback that was reversed at no time")?,
            opened_at: instant(&self.created_at),
        })
    }

    /// `None` where that cannot be read.
    fn state(&self) -> Option<DisputeState> {
        match self.reversed_at.as_deref().map(str::parse::<Timestamp>) {
            None => Some(DisputeState::Lost),
            Some(Ok(_)) => Some(DisputeState::Won),
            Some(Err(_)) => None,
        }
    }
}

impl RefundObject {
    /// The refund of a payment as it is shown, or what of it cannot be read. Some methods give more back than was paid.
    fn shown(&self, payment: &Payment, link: &LinkId) -> Result<ShownRefund, &'static str> {
        if self.payment_id.as_deref().is_some_and(|id| id != payment.reference) {
            return Err("a refund of another payment");
        }
        let amount = minor_units(&self.amount, payment).filter(|amount| *amount > 0);
        Ok(ShownRefund {
            reference: self.id.clone(),
            refund_id: our_refund(self.mark(), link),
            amount: amount.ok_or("a refund of an amount that is none")?,
            state: self.state().ok_or("a status of a refund that is not documented")?,
            at: instant(&self.created_at),
        })
    }

    /// `None` where that is not documented.
    fn state(&self) -> Option<ShownState> {
        Some(match self.status {
            RefundStatus::Queued | RefundStatus::Pending | RefundStatus::Processing => ShownState::Pending,
            RefundStatus::Refunded => ShownState::Succeeded,
            RefundStatus::Failed => ShownState::Failed { code: FAILED.to_owned() },
            RefundStatus::Canceled => ShownState::Failed { code: CANCELED.to_owned() },
            RefundStatus::Undocumented => return None,
        })
    }

    fn mark(&self) -> Option<&str> {
        self.metadata.get(REFUND_METADATA)?.as_str()
    }

    fn minor_units(&self, order: &RefundOrder<'_>) -> Option<i64> {
        minor_units(&self.amount, order.payment)
    }

    fn listed(&self, order: &RefundOrder<'_>) -> Listed<'_> {
        let is_readable = self.status != RefundStatus::Undocumented;
        Listed { id: Some(&self.id), mark: self.mark(), amount: self.minor_units(order), is_readable }
    }
}

/// Whether a refund gave money back or still may.
fn is_alive(refund: &RefundObject) -> bool {
    match refund.status {
        RefundStatus::Failed | RefundStatus::Canceled => false,
        RefundStatus::Queued
        | RefundStatus::Pending
        | RefundStatus::Processing
        | RefundStatus::Refunded
        | RefundStatus::Undocumented => true,
    }
}

/// What became of a refund that Mollie had taken and does not know by its id. One that was cancelled is gone, and one
/// that is answered late or from elsewhere is not. It counts as gone where the payment says that no more went back than the
/// refunds that are listed and done; else the money could go back twice. Of a whole payment nothing else may be under way.
fn not_there(id: &str, refunds: &[RefundObject], payment: &PaymentObject, order: &RefundOrder<'_>) -> RefundAnswer {
    let back = payment.refunded.as_ref().and_then(money).map(Money::minor_units);
    let done = sum(refunds.iter().filter(|refund| refund.status == RefundStatus::Refunded), order);
    let is_explained = back.zip(done).is_some_and(|(back, done)| back <= done);
    let is_it = |refund: &RefundObject| refund.id == id || order.is_alone();
    if is_explained && !refunds.iter().any(|refund| is_alive(refund) && is_it(refund)) {
        return RefundAnswer::Failed { reference: Some(id.to_owned()), code: CANCELED.to_owned() };
    }
    unknown_refund("a refund that is not there, of a payment that may have gone back")
}

/// What a list of refunds says about the one that is looked for. Those that failed gave nothing back and may be of an
/// earlier decision.
fn found_in(refunds: &[RefundObject], order: &RefundOrder<'_>) -> Option<RefundAnswer> {
    let alive: Vec<&RefundObject> = refunds.iter().filter(|refund| is_alive(refund)).collect();
    let listed: Vec<Listed<'_>> = alive.iter().map(|refund| refund.listed(order)).collect();
    if any_counts(&listed, order) {
        return any_found_in(&alive, order);
    }
    match look_through(&listed, order) {
        Seen::At(at) => alive.get(at).map(|refund| became(refund)),
        Seen::TooLittleLeft => Some(RefundAnswer::Refused { code: "mollie_too_little_left".to_owned() }),
        Seen::Unreadable => Some(unknown_refund("a refund that cannot be read")),
        Seen::Left(_) => None,
    }
}

/// The same where whatever gave the money back counts.
fn any_found_in(alive: &[&RefundObject], order: &RefundOrder<'_>) -> Option<RefundAnswer> {
    let is_ours = |refund: &&&RefundObject| refund.mark() == Some(order.refund.id.as_str());
    if let Some(ours) = alive.iter().find(is_ours) {
        return Some(became(ours));
    }
    if alive.is_empty() {
        return None;
    }
    let back = sum(alive.iter().copied(), order);
    let Some(back) = back else { return Some(unknown_refund("a refund whose amount cannot be read")) };
    if back < order.payment.money.minor_units() {
        // Somebody gave a part back, so that the whole cannot go.
        return Some(RefundAnswer::Refused { code: "mollie_partly_refunded".to_owned() });
    }
    // The last to be finished says whether all of it went.
    alive.iter().find(|refund| refund.status != RefundStatus::Refunded).or(alive.first()).map(|refund| became(refund))
}

/// What refunds give back together, where all of it can be read.
fn sum<'a>(mut refunds: impl Iterator<Item = &'a RefundObject>, order: &RefundOrder<'_>) -> Option<i64> {
    refunds.try_fold(0_i64, |sum, refund| sum.checked_add(refund.minor_units(order)?))
}

/// What a payment says among whose refunds the one that is looked for is not.
///
/// Nothing is published of how late the list can be, and a key of idempotency holds for an hour and is another one with each
/// call. So a second call is made only where Mollie has not so much left that both could be carried out. That an identical
/// refund is refused which comes again quickly is no guard: how quickly is not published.
fn without_refund(payment: &PaymentObject, refunds: &[RefundObject], order: &RefundOrder<'_>) -> RefundAnswer {
    if is_some_money(payment.charged_back.as_ref()) {
        // The bank gave it back already.
        return RefundAnswer::Refused { code: "mollie_charged_back".to_owned() };
    }
    let listed = sum(refunds.iter().filter(|refund| is_alive(refund)), order).unwrap_or_default();
    let is_more = |back: &Amount| money(back).is_none_or(|back| back.minor_units() > listed);
    if payment.refunded.as_ref().is_some_and(is_more) {
        return unknown_refund("a payment that went back without a refund in its list");
    }
    // Some methods let more go back than was paid, and a small payment could go back twice.
    let currency = order.payment.money.currency();
    match payment.remaining.as_ref().and_then(money).filter(|left| left.currency() == currency) {
        Some(left) if fits_once(order.refund.amount, left.minor_units()) => RefundAnswer::Absent,
        Some(_) | None => RefundAnswer::Unlisted,
    }
}

fn unknown_refund(why: &str) -> RefundAnswer {
    RefundAnswer::Unknown { why: why.to_owned() }
}

/// With exactly the decimals of the currency.
fn amount(money: Money) -> Value {
    let decimals = usize::from(money.currency().exponent());
    let digits = format!("{:0>width$}", money.minor_units(), width = decimals + 1);
    let (units, fraction) = digits.split_at(digits.len() - decimals);
    let value = if decimals == 0 { units.to_owned() } else { format!("{units}.{fraction}") };
    json!({ "currency": money.currency().code(), "value": value })
}

/// The amount of a text with exactly the decimals of its currency; anything else is no amount. Nothing may be rounded.
fn money(amount: &Amount) -> Option<Money> {
    let currency = Currency::parse(&amount.currency).ok()?;
    let decimals = usize::from(currency.exponent());
    let (units, fraction) = amount.value.split_once('.').unwrap_or((&amount.value, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if units.is_empty() || fraction.len() != decimals || !is_number(units) || !is_number(fraction) {
        return None;
    }
    // A dot without digits after it is no number of theirs.
    if decimals == 0 && amount.value.contains('.') {
        return None;
    }
    Money::new(format!("{units}{fraction}").parse().ok()?, currency).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refunds::tests as ours;
    use crate::tests::attempt;
    use domain::gateway::Aftermath;

    fn of(units: i64, code: &str) -> Money {
        Money::new(units, Currency::parse(code).unwrap()).unwrap()
    }

    #[test]
    fn amounts_are_texts_with_the_decimals_of_their_currency() {
        for (money_given, text) in
            [(of(1_000, "EUR"), "10.00"), (of(5, "EUR"), "0.05"), (of(1_000, "JPY"), "1000"), (of(99, "USD"), "0.99")]
        {
            let written = amount(money_given);
            assert_eq!(written["value"], text);
            assert_eq!(money(&serde_json::from_value(written).unwrap()), Some(money_given));
        }
        for (value, currency) in [
            ("10", "EUR"),
            ("10.0", "EUR"),
            ("10.000", "EUR"),
            ("-10.00", "EUR"),
            ("1e2.00", "EUR"),
            (".50", "EUR"),
            ("1000.00", "JPY"),
            ("1000.", "JPY"),
            ("", "EUR"),
            ("١٠.٠٠", "EUR"),
        ] {
            let amount = Amount { currency: currency.to_owned(), value: value.to_owned() };
            assert_eq!(money(&amount), None, "{value} {currency}");
        }
    }

    #[test]
    fn every_status_has_a_meaning_and_money_that_went_back_is_not_ours() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let read = |status: &str, refunded: &str| {
            let body = json!({
                "id": "tr_1", "status": status, "amount": { "currency": "EUR", "value": "19.99" },
                "amountRefunded": { "currency": "EUR", "value": refunded },
                "metadata": { "paylink_attempt": attempt.id.as_str() },
            });
            read(&answer(200, &body.to_string()), &attempt).name()
        };
        for (status, expected) in [
            ("open", "pending"),
            ("pending", "processing"),
            ("authorized", "processing"),
            ("paid", "paid"),
            ("canceled", "not_paid"),
            ("expired", "not_paid"),
            ("failed", "not_paid"),
            ("shipping", "unknown"),
        ] {
            assert_eq!(read(status, "0.00"), expected, "{status}");
        }
        assert_eq!(read("paid", "19.99"), "returned");
        assert_eq!(read("paid", "25.00"), "returned", "some methods give back more than was paid");
        assert_eq!(read("paid", "1.00"), "doubtful");
    }

    fn payment(changes: Value) -> PaymentObject {
        let mut body = json!({
            "id": "tr_1", "status": "paid", "amount": { "currency": "EUR", "value": "19.99" },
            "amountRefunded": { "currency": "EUR", "value": "0.00" },
            "amountRemaining": { "currency": "EUR", "value": "19.99" },
            "isCancelable": null, "paidAt": "2026-11-23T22:05:00+00:00", "details": { "cardNumber": "6787" },
        });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_method_that_says_why_it_declined_is_heard() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        for (details, decline, code) in [
            (json!({ "failureReason": "insufficient_funds" }), Some(Decline::NoFunds), "insufficient_funds"),
            (json!({ "failureReason": "invalid_cvv" }), Some(Decline::WrongPassword), "invalid_cvv"),
            (json!({ "failureReason": "possible_fraud" }), None, "failed"),
            (json!({ "failureReason": 7 }), None, "failed"),
            (json!({ "bankName": "B" }), None, "failed"),
            (Value::Null, None, "failed"),
        ] {
            let shown = payment(json!({ "status": "failed", "details": details }));
            let GatewayAnswer::NotPaid(reason) = answer_of(&shown, &attempt) else { panic!("{details}") };
            let said = (reason.cause, reason.decline, reason.code.as_str());
            assert_eq!(said, (NotPaidCause::Declined, decline, code), "{details}");
        }
    }

    #[test]
    fn a_payment_says_when_it_was_paid_and_null_is_no_leave_to_cancel() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let shown = payment(json!({}));
        assert_eq!(shown.is_cancelable, None);
        let GatewayAnswer::Paid(paid) = answer_of(&shown, &attempt) else { panic!("{shown:?}") };
        assert_eq!(paid.gateway_paid_at, Some("2026-11-23T22:05:00Z".parse().unwrap()));
        assert_eq!((paid.masked_card.as_deref(), paid.fee), (Some("**** 6787"), None));
    }

    #[test]
    fn only_four_digits_are_those_of_a_card() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let shown = |details: Value| match answer_of(&payment(json!({ "details": details })), &attempt) {
            GatewayAnswer::Paid(payment) => payment.masked_card,
            answer => panic!("{answer:?}"),
        };
        assert_eq!(shown(json!({ "cardNumber": "6787" })).as_deref(), Some("**** 6787"));
        for details in [
            json!({ "cardNumber": "5436031030606378" }),
            json!({ "cardNumber": "678" }),
            json!({ "cardNumber": "٦٧" }),
            json!({ "cardNumber": "card" }),
            json!({ "cardNumber": 6787 }),
            json!({ "cardNumber": null }),
            json!({ "consumerAccount": "NL53INGB0618365937" }),
            json!([]),
            Value::Null,
        ] {
            assert_eq!(shown(details.clone()), None, "{details}");
        }
    }

    #[test]
    fn money_that_a_bank_took_back_is_for_a_person() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let charged_back = json!({ "amountChargedBack": { "currency": "EUR", "value": "19.99" } });
        let shown = payment(charged_back);
        assert_eq!(answer_of(&shown, &attempt), doubtful("mollie_charged_back"));
        assert_eq!(unlisted(&shown).name(), "refused");
    }

    /// What a payment says whose money goes back whole, and of which no refund is listed.
    fn unlisted(shown: &PaymentObject) -> RefundAnswer {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let paid = Payment::new("tr_1", "mollie#tr_1", attempt.money);
        let asked = ours::refund(ours::OURS, 1_999, json!({}));
        let order = RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &paid, refund: &asked };
        without_refund(shown, &[], &order)
    }

    #[test]
    fn a_second_refund_is_thought_possible_where_more_than_the_payment_can_go_back() {
        let left = |value: &str| {
            let changes = json!({ "amountRemaining": { "currency": "EUR", "value": value } });
            unlisted(&payment(changes))
        };
        assert_eq!(left("19.99"), RefundAnswer::Absent);
        assert_eq!(left("39.97"), RefundAnswer::Absent);
        assert_eq!(left("39.98"), RefundAnswer::Unlisted);
        assert_eq!(unlisted(&payment(json!({ "amountRemaining": null }))), RefundAnswer::Unlisted);
        let gone = json!({ "amountRefunded": { "currency": "EUR", "value": "19.99" } });
        assert_eq!(unlisted(&payment(gone)).name(), "unknown");
    }

    fn refund(id: &str, status: &str, value: &str, ours: &str) -> RefundObject {
        let amount = json!({ "currency": "EUR", "value": value });
        let metadata = if ours.is_empty() { Value::Null } else { json!({ REFUND_METADATA: ours }) };
        serde_json::from_value(json!({ "id": id, "status": status, "amount": amount, "metadata": metadata })).unwrap()
    }

    #[test]
    fn an_accepted_refund_is_not_done_and_every_status_has_a_meaning() {
        for (status, expected) in [
            ("queued", "accepted"),
            ("pending", "accepted"),
            ("processing", "accepted"),
            ("refunded", "succeeded"),
            ("failed", "failed"),
            ("canceled", "failed"),
            ("lost", "unknown"),
        ] {
            assert_eq!(became(&refund("re_1", status, "19.99", "")).name(), expected, "{status}");
        }
    }

    #[test]
    fn a_refund_is_found_in_the_list_and_older_failures_are_not_it() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let asked = ours::refund(ours::OURS, 1_999, json!({ "cause": "automatic" }));
        let paid = Payment::new("tr_1", "mollie#tr_1", of(1_999, "EUR"));
        let order = RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &paid, refund: &asked };
        let found = |refunds: &[RefundObject]| found_in(refunds, &order);
        let ours = asked.id.as_str();
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[refund("re_1", "failed", "19.99", ours), refund("re_2", "canceled", "19.99", "")]), None);
        let accepted = Some(RefundAnswer::Accepted { reference: "re_2".to_owned() });
        assert_eq!(
            found(&[refund("re_1", "failed", "19.99", ours), refund("re_2", "queued", "19.99", ours)]),
            accepted
        );
        let by_hand = Some(RefundAnswer::Succeeded { reference: Some("re_1".to_owned()) });
        assert_eq!(found(&[refund("re_1", "refunded", "19.99", "")]), by_hand);
        let parts = [refund("re_1", "refunded", "9.99", ""), refund("re_2", "pending", "10.00", "")];
        assert_eq!(found(&parts), accepted);
        let part = found(&[refund("re_1", "refunded", "9.99", "")]).unwrap();
        assert_eq!(part.name(), "refused", "the whole cannot go any more");
    }

    #[test]
    fn a_refund_that_is_not_known_any_more_failed_only_where_nothing_went_back() {
        let gone = |refunds: &[RefundObject], refunded: Value| {
            let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
            let paid = Payment::new("tr_1", "mollie#tr_1", attempt.money);
            let asked = ours::refund(ours::OURS, 1_999, json!({ "gateway_reference": "re_1" }));
            let order = RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &paid, refund: &asked };
            not_there("re_1", refunds, &payment(json!({ "amountRefunded": refunded })), &order)
        };
        let back = |value: &str| json!({ "currency": "EUR", "value": value });
        let failed = RefundAnswer::Failed { reference: Some("re_1".to_owned()), code: "refund_canceled".to_owned() };
        assert_eq!(gone(&[], back("0.00")), failed);
        let dead = [refund("re_1", "canceled", "19.99", ""), refund("re_0", "failed", "19.99", "")];
        assert_eq!(gone(&dead, back("0.00")), failed);
        for refunded in [back("19.99"), back("0.01"), back("0"), Value::Null] {
            assert_eq!(gone(&[], refunded.clone()).name(), "unknown", "{refunded}");
        }
        for status in ["queued", "pending", "processing", "refunded", "lost"] {
            let alive = [refund("re_1", status, "19.99", "")];
            assert_eq!(gone(&alive, back("0.00")).name(), "unknown", "{status}");
        }
    }

    /// A refund that was called for once and not answered, of so much of a payment of 19.99 that a link kept, and another of
    /// 6.00 that Mollie took.
    fn kept(amount: i64) -> ours::Kept {
        let open = attempt("mollie", "tr_1", 1_999, "EUR");
        let paid = Payment::new("tr_1", "mollie#tr_1", open.money);
        let called = json!({ "state": "calling", "since": "2026-11-23T22:10:00Z", "calls": 1 });
        let taken = json!({
            "state": "accepted", "since": "2026-11-23T22:09:00Z", "calls": 1, "gateway_reference": "re_1",
        });
        let refunds = vec![ours::refund(ours::OURS, amount, called), ours::refund(ours::ANOTHER, 600, taken)];
        ours::Kept::new(open, paid, refunds)
    }

    #[test]
    fn a_part_is_found_by_our_mark_beside_another_part_and_one_from_the_dashboard() {
        let found = |amount: i64, refunds: &[RefundObject]| found_in(refunds, &kept(amount).order());
        let others = || vec![refund("re_0", "refunded", "6.00", ""), refund("re_1", "pending", "6.00", ours::ANOTHER)];
        assert_eq!(found(600, &others()), None, "the payment is asked");
        let with_ours = others().into_iter().chain([refund("re_2", "queued", "6.00", ours::OURS)]).collect::<Vec<_>>();
        assert_eq!(found(600, &with_ours), Some(RefundAnswer::Accepted { reference: "re_2".to_owned() }));
        let too_much = Some(RefundAnswer::Refused { code: "mollie_too_little_left".to_owned() });
        assert_eq!(found(800, &others()), too_much);
        let other_money = refund("re_2", "queued", "6.0", "");
        assert_eq!(found(600, &[other_money]).unwrap().name(), "unknown");
    }

    #[test]
    fn a_part_is_called_for_again_only_where_not_so_much_is_left_that_it_could_go_back_twice() {
        let said = |amount: i64, refunded: &str, remaining: &str| {
            let of = |value: &str| json!({ "currency": "EUR", "value": value });
            let shown = payment(json!({ "amountRefunded": of(refunded), "amountRemaining": of(remaining) }));
            without_refund(&shown, &[refund("re_1", "pending", "6.00", ours::ANOTHER)], &kept(amount).order())
        };
        assert_eq!(said(600, "6.00", "13.99"), RefundAnswer::Unlisted, "two of these could be carried out");
        assert_eq!(said(700, "6.00", "13.99"), RefundAnswer::Absent);
        assert_eq!(said(700, "6.00", "38.99"), RefundAnswer::Unlisted, "more than was paid can go back");
        assert_eq!(said(700, "0.00", "13.99"), RefundAnswer::Absent, "what waits may not be counted");
        assert_eq!(said(700, "12.00", "7.99").name(), "unknown", "the list may be late, and the rest be ours");
    }

    #[test]
    fn a_part_that_is_not_known_any_more_failed_only_where_the_others_explain_what_went_back() {
        let gone = |refunded: &str, status: &str| {
            let shown = payment(json!({ "amountRefunded": { "currency": "EUR", "value": refunded } }));
            not_there("re_2", &[refund("re_1", status, "6.00", ours::ANOTHER)], &shown, &kept(600).order()).name()
        };
        assert_eq!([gone("6.00", "refunded"), gone("0.00", "pending")], ["failed", "failed"]);
        assert_eq!([gone("12.00", "refunded"), gone("6.00", "pending")], ["unknown", "unknown"]);
    }

    #[test]
    fn a_refusal_keeps_a_code_of_a_length_that_can_be_shown() {
        let refused = json!({ "status": 422, "title": "x", "field": "f".repeat(1_000) });
        let Refusal::Final(code) = refusal(&answer(422, &refused.to_string())) else { panic!("{refused}") };
        assert_eq!((code.len(), &code[..5]), (64, "422_f"));
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.to_owned().into() }
    }

    #[test]
    fn another_payment_or_an_answer_in_another_form_decides_nothing() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let body = |id: &str, ours: &str| {
            json!({
                "id": id, "status": "paid", "amount": { "currency": "EUR", "value": "19.99" },
                "metadata": { "paylink_attempt": ours },
            })
            .to_string()
        };
        let other = crate::tests::attempt("mollie", "tr_2", 1, "EUR");
        assert_eq!(read(&answer(200, &body("tr_2", attempt.id.as_str())), &attempt).name(), "session_refused");
        assert_eq!(read(&answer(200, &body("tr_1", "at_other")), &attempt).name(), "session_refused");
        assert_eq!(read(&answer(200, "[]"), &other).name(), "unknown");
        for status in [409, 429, 500, 503] {
            assert_eq!(read(&answer(status, "{}"), &attempt).name(), "unknown", "{status}");
        }
        assert_eq!(read(&answer(404, "<html>"), &attempt).name(), "unknown");
        let missing = r#"{"status":404,"title":"Not Found","detail":"x"}"#;
        assert_eq!(read(&answer(404, missing), &attempt).name(), "session_refused");
        for status in [401, 403] {
            let refused = format!(r#"{{"status":{status},"title":"x","detail":"x"}}"#);
            assert_eq!(read(&answer(status, &refused), &attempt).name(), "account_refused", "{status}");
        }
    }

    fn listed(id: &str, status: &str, value: &str) -> Value {
        json!({
            "resource": "refund", "id": id, "paymentId": "tr_1", "status": status, "metadata": null,
            "amount": { "currency": "EUR", "value": value }, "createdAt": "2026-11-24T08:00:00+00:00",
        })
    }

    fn chargeback(id: &str, reversed_at: Value) -> Value {
        json!({
            "resource": "chargeback", "id": id, "paymentId": "tr_1", "amount": { "currency": "EUR", "value": "19.99" },
            "createdAt": "2026-12-01T08:00:00+00:00", "reason": { "code": "AC01", "description": "x" },
            "reversedAt": reversed_at,
        })
    }

    fn list(name: &str, items: &[Value], next: Value) -> Value {
        json!({ "count": items.len(), "_embedded": { name: items }, "_links": { "self": {}, "previous": null, "next": next } })
    }

    /// What is shown of a payment of 19.99 by the payment itself and by lists of one page.
    fn seen_of(changes: Value, refunds: &[Value], chargebacks: &[Value]) -> AftermathAnswer {
        let paid = Payment::new("tr_1", "mollie#tr_1", of(1_999, "EUR"));
        fn read<T: Listable>(items: &[Value]) -> Result<Pages<T>, Refusal> {
            let (items, next) = page::<T>(&answer(200, &list(T::NAME, items, Value::Null).to_string()))?;
            Ok(Pages { items, is_whole: next == Next::None })
        }
        match (read::<RefundObject>(refunds), read::<ChargebackObject>(chargebacks)) {
            (Ok(refunds), Ok(chargebacks)) => {
                shown(&payment(changes), &refunds, &chargebacks, &paid, &crate::tests::link())
            }
            (Err(refusal), _) | (_, Err(refusal)) => refusal.of_aftermath(),
        }
    }

    fn seen(changes: Value, refunds: &[Value], chargebacks: &[Value]) -> Aftermath {
        match seen_of(changes, refunds, chargebacks) {
            AftermathAnswer::Shown(aftermath) => aftermath,
            other => panic!("{other:?}"),
        }
    }

    fn back(value: &str) -> Value {
        json!({ "amountRefunded": { "currency": "EUR", "value": value } })
    }

    #[test]
    fn refunds_are_shown_whoever_made_them_and_whatever_became_of_them() {
        let nothing = Aftermath { refunds: Vec::new(), disputes: Vec::new(), is_whole: true };
        assert_eq!(seen(json!({}), &[], &[]), nothing);
        let mut ours = listed("re_1", "refunded", "5.00");
        ours["metadata"] = json!({ REFUND_METADATA: ours::OURS });
        let aftermath = seen(back("5.00"), &[ours, listed("re_2", "failed", "6.00")], &[]);
        let expected = ShownRefund {
            reference: "re_1".to_owned(),
            refund_id: Some(domain::ids::RefundId::parse(ours::OURS).unwrap()),
            amount: 500,
            state: ShownState::Succeeded,
            at: Some("2026-11-24T08:00:00Z".parse().unwrap()),
        };
        assert_eq!(aftermath.refunds[0], expected);
        assert!(aftermath.refunds[1].refund_id.is_none() && aftermath.is_whole);
        for (status, expected) in [
            ("queued", "pending"),
            ("pending", "pending"),
            ("processing", "pending"),
            ("refunded", "succeeded"),
            ("failed", "failed"),
            ("canceled", "failed"),
        ] {
            let shown = seen(json!({}), &[listed("re_1", status, "19.99")], &[]);
            assert_eq!(shown.refunds[0].state.name(), expected, "{status}");
        }
        let more = seen(back("25.00"), &[listed("re_1", "refunded", "25.00")], &[]);
        assert_eq!(more.refunds[0].amount, 2_500, "some methods give back more than was paid");
    }

    #[test]
    fn a_chargeback_is_lost_at_once_and_won_when_it_is_reversed() {
        let charged_back = json!({ "amountChargedBack": { "currency": "EUR", "value": "19.99" } });
        let lost = ShownDispute {
            reference: "chb_1".to_owned(),
            amount: 1_999,
            reason: Some("AC01".to_owned()),
            state: DisputeState::Lost,
            opened_at: Some("2026-12-01T08:00:00Z".parse().unwrap()),
        };
        let shown = seen(charged_back.clone(), &[], &[chargeback("chb_1", Value::Null)]);
        assert_eq!((shown.disputes, shown.is_whole), (vec![lost.clone()], true));
        let reversed = chargeback("chb_1", json!("2026-12-05T08:00:00+00:00"));
        let won = ShownDispute { state: DisputeState::Won, ..lost };
        assert_eq!(seen(json!({}), &[], &[reversed]).disputes, [won]);
        let mut bare = chargeback("chb_1", Value::Null);
        bare["reason"] = Value::Null;
        bare["createdAt"] = json!("yesterday");
        let shown = seen(charged_back, &[], &[bare]).disputes.remove(0);
        assert_eq!((shown.reason, shown.opened_at), (None, None));
    }

    #[test]
    fn one_thing_that_cannot_be_read_makes_the_whole_answer_unknown_and_nothing_failed() {
        let good = || listed("re_0", "refunded", "1.00");
        let amount = |currency: &str, value: &str| json!({ "currency": currency, "value": value });
        for (name, value) in [
            ("status", json!("lost")),
            ("status", Value::Null),
            ("amount", amount("EUR", "5.0")),
            ("amount", amount("EUR", "0.00")),
            ("amount", amount("EUR", "-5.00")),
            ("amount", amount("USD", "5.00")),
            ("amount", json!(5)),
            ("paymentId", json!("tr_2")),
            ("id", json!("re_0")),
            ("id", json!("re/1")),
            ("id", Value::Null),
        ] {
            let mut odd = listed("re_1", "failed", "5.00");
            odd[name] = value.clone();
            assert_eq!(seen_of(json!({}), &[good(), odd], &[]).name(), "unknown", "{name} {value}");
        }
        for (name, value) in [
            ("amount", amount("EUR", "19.9")),
            ("amount", amount("GBP", "19.99")),
            ("amount", Value::Null),
            ("reversedAt", json!("yesterday")),
            ("reversedAt", json!(7)),
            ("paymentId", json!("tr_2")),
            ("id", json!("re_0")),
            ("id", json!("")),
        ] {
            let mut odd = chargeback("chb_1", Value::Null);
            odd[name] = value.clone();
            assert_eq!(seen_of(json!({}), &[good()], &[odd]).name(), "unknown", "{name} {value}");
        }
    }

    #[test]
    fn a_list_says_that_something_is_missing_only_where_the_payment_counts_no_more() {
        let part = || listed("re_1", "refunded", "5.00");
        assert!(seen(back("5.00"), &[part()], &[]).is_whole);
        assert!(seen(back("0.00"), &[listed("re_1", "queued", "5.00")], &[]).is_whole, "what waits may not be counted");
        assert!(!seen(back("5.01"), &[part()], &[]).is_whole);
        assert!(!seen(back("5"), &[part()], &[]).is_whole, "an amount that cannot be read");
        let charged_back = json!({ "amountChargedBack": { "currency": "EUR", "value": "19.99" } });
        assert!(!seen(charged_back, &[], &[]).is_whole);
    }

    #[test]
    fn a_list_goes_on_at_the_id_that_it_names_and_at_no_other_host() {
        let read = |links: Value| {
            let body = json!({ "_embedded": { "refunds": [] }, "_links": links });
            page::<RefundObject>(&answer(200, &body.to_string())).map(|(_, next)| next).ok()
        };
        let next = |href: &str| read(json!({ "next": { "href": href, "type": "application/hal+json" } }));
        assert_eq!(read(json!({ "next": null })), Some(Next::None));
        let here = "https://api.mollie.com/v2/payments/tr_1/refunds?from=re_9&limit=250";
        assert_eq!(next(here), Some(Next::From("re_9".to_owned())));
        assert_eq!(
            next("https://evil.example/?from=re_9"),
            Some(Next::From("re_9".to_owned())),
            "its id alone is taken"
        );
        for href in ["https://api.mollie.com/v2/payments/tr_1/refunds", "...", "https://x.example/?from=a%2Fb"] {
            assert_eq!(next(href), Some(Next::Unreadable), "{href}");
        }
        for body in [json!({ "_embedded": { "refunds": [] } }), json!({ "_embedded": {}, "_links": {} }), json!([])] {
            assert!(page::<RefundObject>(&answer(200, &body.to_string())).is_err(), "{body}");
        }
    }

    #[test]
    fn a_refused_question_about_what_became_of_a_payment_says_nothing_of_it() {
        for (status, expected) in [
            (401, "account_refused"),
            (403, "account_refused"),
            (404, "unknown"),
            (422, "unknown"),
            (429, "unknown"),
            (503, "unknown"),
        ] {
            let refused = answer(status, &format!(r#"{{"status":{status},"title":"x","detail":"x"}}"#));
            let refusal = page::<ChargebackObject>(&refused).map(|_| ()).unwrap_err();
            assert_eq!(refusal.of_aftermath().name(), expected, "{status}");
        }
    }
}

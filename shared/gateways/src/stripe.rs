//! Stripe Checkout. Source: docs.stripe.com and the official SDKs.
//!
//! What is special here: the money is captured without a call of ours, so money that cannot be kept has to be refunded;
//! webhooks are signed; a session can be closed; a refund that Stripe took can wait for a bank, and can fail, also after it
//! had succeeded; a dispute takes the money at once and gives it back when it is won.

mod list;

use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::gateway::{
    AccountCheck, AftermathAnswer, DisputeState, Fee, FeePayer, GatewayAnswer, Mode, NotPaidCause, Payment,
    RefundAnswer, ShownDispute, ShownRefund, ShownState,
};
use domain::ids::{AttemptId, LinkId};
use domain::link::{Attempt, Checkout, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use outbound::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::aftermath::{self, Pages, instant_of_seconds, unreadable};
use crate::lists::{Changes, ChangesOrder, ListError, ListOrder};
use crate::refunds::{Listed, Seen, any_counts, look_through};
use crate::{
    BeginError, CheckOrder, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, RefundOrder, WebhookError,
    WebhookHint, WebhookRequest, WebhookSubject, at_most, doubtful, is_hmac_of, is_word, not_paid, object, our_refund,
    unknown, web_address,
};

/// The version whose answers this file reads.
const VERSION: &str = "2024-06-20";

/// A session must live thirty minutes by their clock; a minute more keeps ours from mattering.
const CLOCK_MARGIN_SECONDS: i64 = 60;

/// How old a webhook's signature may be, in seconds, as in the official SDKs.
const TOLERANCE_SECONDS: i64 = 300;

/// The name of our link's id in the metadata of a session and of a refund.
const LINK_METADATA: &str = "paylink_link";

/// The name of our attempt's id in the metadata of a payment, which Stripe copies to its charge, and of a refund. A session
/// has a field of its own for it.
const ATTEMPT_METADATA: &str = "paylink_attempt";

/// The name of our refund's id in the metadata of a refund.
const REFUND_METADATA: &str = "paylink_refund";

/// How many things a page of a list is asked for at most.
const LONGEST_PAGE: &str = "100";

/// How many pages of a list are read at most. A payment has few refunds, and fewer disputes.
const MOST_PAGES: usize = 5;

/// So much of a code of theirs is kept, in characters.
const LONGEST_CODE: usize = 64;

/// The code of a refund that somebody cancelled, for which Stripe has no reason.
const CANCELED: &str = "refund_canceled";

pub(crate) struct Stripe<'a>(pub(crate) GatewayClient<'a>);

#[derive(Debug, Deserialize)]
struct Session {
    id: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    status: Option<String>,
    payment_status: String,
    #[serde(default)]
    amount_total: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    payment_intent: Option<Expandable<PaymentIntent>>,
    #[serde(default)]
    client_reference_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SessionList {
    #[expect(dead_code, reason = "that it is a list is all that there is to know")]
    data: Vec<Value>,
}

/// An id, or the whole object where it was asked for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expandable<T> {
    Id(#[expect(dead_code, reason = "an id tells nothing that the whole object would")] String),
    Whole(T),
}

#[derive(Debug, Deserialize)]
struct PaymentIntent {
    id: String,
    status: String,
    #[serde(default)]
    latest_charge: Option<Expandable<Charge>>,
}

/// What became of the money. Refunds and disputes change this object alone: the session stays paid for ever.
#[derive(Debug, Deserialize)]
struct Charge {
    amount: i64,
    amount_refunded: i64,
    refunded: bool,
    disputed: bool,
    /// What a receipt shows beside the money. Nothing is decided on it, so none of it makes a charge unreadable.
    #[serde(default)]
    created: Value,
    #[serde(default)]
    payment_method_details: Value,
    #[serde(default)]
    balance_transaction: Value,
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: ErrorFields,
}

#[derive(Debug, Deserialize)]
struct ErrorFields {
    #[serde(rename = "type", default)]
    kind: Option<ErrorKind>,
    #[serde(default)]
    code: Option<ErrorCode>,
    /// The parameter that it is about.
    #[serde(default)]
    param: Option<String>,
}

/// The types of errors that are told apart.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ErrorKind {
    /// The idempotency key stood for another call.
    IdempotencyError,
    #[serde(untagged)]
    Other(String),
}

/// The codes of errors that are told apart.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ErrorCode {
    ResourceMissing,
    ChargeAlreadyRefunded,
    #[serde(untagged)]
    Other(String),
}

#[derive(Debug, Deserialize)]
struct Refund {
    id: String,
    /// Null where Stripe does not know it itself.
    #[serde(default)]
    status: Option<RefundStatus>,
    amount: i64,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: Value,
    /// When it was made. Nothing is decided on it.
    #[serde(default)]
    created: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundStatus {
    /// It waits for a bank, or for money in the business's balance.
    Pending,
    /// It waits for the customer, who has to say where the money goes.
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
    #[serde(other)]
    Undocumented,
}

#[derive(Debug, Deserialize)]
struct RefundList {
    data: Vec<Refund>,
    #[serde(default)]
    has_more: bool,
}

/// What a customer has their bank ask for again. Their word for an inquiry, which takes no money, is a warning.
#[derive(Debug, Deserialize)]
struct Dispute {
    id: String,
    status: DisputeStatus,
    amount: i64,
    currency: String,
    #[serde(default)]
    payment_intent: Option<String>,
    /// What people are shown. Nothing is decided on it, so none of it makes a dispute unreadable.
    #[serde(default)]
    reason: Value,
    #[serde(default)]
    created: Value,
    #[serde(default)]
    evidence_details: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    /// No chargeback came of an inquiry.
    WarningClosed,
    NeedsResponse,
    UnderReview,
    /// It was lost, and the business can appeal.
    AppealNeedsResponse,
    AppealUnderReview,
    Won,
    Lost,
    /// It was settled before it became a chargeback.
    Prevented,
    #[serde(other)]
    Undocumented,
}

/// A page of a list. Without a word of whether there are more, a list does not say that something is missing.
#[derive(Debug, Deserialize)]
struct Page<T> {
    data: Vec<T>,
    has_more: bool,
}

/// Why a list is not there.
#[derive(Debug)]
enum NotListed {
    /// A restricted key may not read it.
    Forbidden(String),
    Refused(Refusal),
}

/// What a list is of.
trait Listable: DeserializeOwned {
    /// The address of the list.
    const PATH: &'static str;

    fn id(&self) -> &str;
}

impl Listable for Refund {
    const PATH: &'static str = "/v1/refunds";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Listable for Dispute {
    const PATH: &'static str = "/v1/disputes";

    fn id(&self) -> &str {
        &self.id
    }
}

impl GatewayAdapter for Stripe<'_> {
    // Test and live differ by the key alone.
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://api.stripe.com");
    const SANDBOX: DefaultEndpoints = Self::LIVE;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let attempt = order.attempt;
        let ends_at = (order.ends_at.as_second() + CLOCK_MARGIN_SECONDS).to_string();
        let form = form(&[
            ("mode", "payment"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", &attempt.money.currency().code().to_lowercase()),
            ("line_items[0][price_data][unit_amount]", &attempt.money.minor_units().to_string()),
            ("line_items[0][price_data][product_data][name]", order.description),
            ("success_url", &format!("{}?outcome=success", order.return_url)),
            ("cancel_url", &format!("{}?outcome=cancel", order.return_url)),
            ("client_reference_id", attempt.id().as_str()),
            (&format!("metadata[{LINK_METADATA}]"), order.link.as_str()),
            (&format!("payment_intent_data[metadata][{LINK_METADATA}]"), order.link.as_str()),
            (&format!("payment_intent_data[metadata][{ATTEMPT_METADATA}]"), attempt.id().as_str()),
            ("submit_type", "pay"),
            ("expires_at", &ends_at),
            // The customer is charged in the currency that the link names.
            ("adaptive_pricing[enabled]", "false"),
        ]);
        let answer = self.post("/v1/checkout/sessions", form, Some(attempt.id().as_str()), credentials).await;
        let answer = answer.map_err(|why| BeginError::Unavailable { why })?;
        opened(&answer).ok_or_else(|| match refusal(&answer) {
            Refusal::Passing(why) => BeginError::Unavailable { why },
            Refusal::Account(code)
            | Refusal::UnknownObject(code)
            | Refusal::AlreadyRefunded(code)
            | Refusal::Amount(code)
            | Refusal::Final(code) => BeginError::Refused { code },
        })
    }

    /// Lists sessions that were made before there were any, because nobody's data are wanted. Stripe has no list of hosts
    /// that customers may come back to.
    async fn check(&self, _: &CheckOrder<'_>, credentials: &Credentials) -> AccountCheck {
        let query = form(&[("created[lt]", "1"), ("limit", "1")]);
        let check = match self.get(&format!("/v1/checkout/sessions?{query}"), credentials).await {
            Ok(answer) if answer.status == 200 => match object::<SessionList>(&answer.body) {
                Some(_) => AccountCheck::accepted(),
                None => AccountCheck::unanswered(),
            },
            Ok(answer) => match refusal(&answer) {
                Refusal::Passing(_) => AccountCheck::unanswered(),
                Refusal::Account(code) => AccountCheck::credentials_refused(code),
                Refusal::UnknownObject(code)
                | Refusal::AlreadyRefunded(code)
                | Refusal::Amount(code)
                | Refusal::Final(code) => AccountCheck::not_reached(&code),
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
        self.retrieve(attempt, credentials).await
    }

    /// Expires an open session. Where that is refused the customer may just have paid, so the session is read again. A
    /// session ends once, however often that is asked for, so the call needs no key; under one, an error of theirs
    /// would be repeated for a day.
    async fn close(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let path = format!("/v1/checkout/sessions/{}/expire", attempt.session);
        Some(match self.post(&path, String::new(), None, credentials).await {
            Ok(answer) if answer.status == 200 => session_answer(&answer, attempt),
            Ok(_) => self.retrieve(attempt, credentials).await,
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    async fn find_refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        match &order.refund.gateway_reference {
            Some(reference) if is_word(reference) => {
                match self.get(&format!("/v1/refunds/{reference}"), credentials).await {
                    Ok(answer) => known_refund(&answer, order),
                    Err(why) => RefundAnswer::Unknown { why },
                }
            }
            Some(_) => unknown_refund("an id of a refund that is none"),
            None => self.list_refunds(order, credentials).await,
        }
    }

    /// Stripe counts refunds that wait, so that no more goes back than was paid, whatever the key. A part could go back twice
    /// all the same, which [`listed_refund`] keeps from happening.
    async fn refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let form = form(&[
            ("payment_intent", &order.payment.reference),
            ("amount", &order.refund.amount.to_string()),
            ("reason", "requested_by_customer"),
            (&format!("metadata[{LINK_METADATA}]"), order.link.as_str()),
            (&format!("metadata[{ATTEMPT_METADATA}]"), order.attempt.id.as_str()),
            (&format!("metadata[{REFUND_METADATA}]"), order.refund.id.as_str()),
        ]);
        match self.post("/v1/refunds", form, Some(&order.refund.key()), credentials).await {
            Ok(answer) if answer.status == 200 => known_refund(&answer, order),
            Ok(answer) => match refusal(&answer) {
                Refusal::Passing(why) => RefundAnswer::Unknown { why },
                Refusal::Account(code) => RefundAnswer::AccountRefused { code },
                Refusal::AlreadyRefunded(code) => match self.list_refunds(order, credentials).await {
                    // The money went back, and nobody says how.
                    RefundAnswer::Absent => RefundAnswer::Unknown { why: code },
                    found => found,
                },
                // Less is left than was asked for, which an earlier call of ours may be why.
                Refusal::Amount(code) => match self.list_refunds(order, credentials).await {
                    RefundAnswer::Absent => RefundAnswer::Refused { code },
                    found => found,
                },
                Refusal::UnknownObject(code) | Refusal::Final(code) => RefundAnswer::Refused { code },
            },
            Err(why) => RefundAnswer::Unknown { why },
        }
    }

    async fn list(&self, order: &ListOrder, credentials: &Credentials) -> Option<Result<Vec<Theirs>, ListError>> {
        Some(self.listed(order, credentials).await)
    }

    async fn changes(&self, order: &ChangesOrder, credentials: &Credentials) -> Option<Changes> {
        Some(self.changed(order, credentials).await)
    }

    fn claim_of(reference: &str) -> Option<String> {
        Some(format!("stripe#{reference}"))
    }

    /// Reads the charge, then its refunds and its disputes.
    async fn aftermath(
        &self,
        attempt: &Attempt,
        payment: &Payment,
        link: &LinkId,
        credentials: &Credentials,
    ) -> Option<AftermathAnswer> {
        let charge = match self.retrieve_with(WITHOUT_FEE, attempt, credentials).await {
            Ok(answer) => charge_of(&answer, attempt, payment),
            Err(why) => Err(AftermathAnswer::Unknown { why }),
        };
        let charge = match charge {
            Ok(charge) => charge,
            Err(answer) => return Some(answer),
        };
        let refunds = match self.pages::<Refund>(payment, credentials).await {
            Ok(refunds) => refunds,
            Err(why) => return Some(why.answer()),
        };
        let disputes = match self.pages::<Dispute>(payment, credentials).await {
            Ok(disputes) => disputes,
            // The charge itself says that there is none.
            Err(NotListed::Forbidden(_)) if !charge.disputed => Pages { items: Vec::new(), is_whole: true },
            Err(why) => return Some(why.answer()),
        };
        Some(shown(&charge, &refunds, &disputes, payment, link))
    }

    fn read_return(fields: &Fields, _: &Attempt, _: &Credentials) -> ReturnData {
        ReturnData::from(match fields.get("outcome").map(String::as_str) {
            Some("success") => Hint::Paid,
            Some(_) => Hint::NotPaid,
            None => Hint::Nothing,
        })
    }

    fn read_webhook(
        request: WebhookRequest<'_>,
        credentials: &[Credentials],
        now: Timestamp,
    ) -> Result<Option<WebhookHint>, WebhookError> {
        let secrets: Vec<&str> = credentials.iter().filter_map(|known| known.expose("webhook_secret")).collect();
        read_webhook((request.header)("stripe-signature").as_deref(), request.body, &secrets, now)
    }
}

/// What is asked for beside a session: the charge, which says whether the money is still there, and the transaction on
/// the balance, which has the fee.
const WITH_FEE: &str = "payment_intent.latest_charge.balance_transaction";
const WITHOUT_FEE: &str = "payment_intent.latest_charge";

impl Stripe<'_> {
    async fn retrieve(&self, attempt: &Attempt, credentials: &Credentials) -> GatewayAnswer {
        match self.retrieve_with(WITH_FEE, attempt, credentials).await {
            // A restricted key may read the charge and not the balance, and the fee is worth no payment.
            Ok(answer) if answer.status == 403 => match self.retrieve_with(WITHOUT_FEE, attempt, credentials).await {
                Ok(answer) => session_answer(&answer, attempt),
                Err(why) => GatewayAnswer::Unknown { why },
            },
            Ok(answer) => session_answer(&answer, attempt),
            Err(why) => GatewayAnswer::Unknown { why },
        }
    }

    async fn retrieve_with(
        &self,
        expanded: &str,
        attempt: &Attempt,
        credentials: &Credentials,
    ) -> Result<Answer, String> {
        let query = form(&[("expand[]", expanded)]);
        self.get(&format!("/v1/checkout/sessions/{}?{query}", attempt.session), credentials).await
    }

    /// Looks for the refund among those of the payment: its answer may have been lost.
    async fn list_refunds(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let query = form(&[("payment_intent", &order.payment.reference), ("limit", "100")]);
        match self.get(&format!("/v1/refunds?{query}"), credentials).await {
            Ok(answer) => listed_refund(&answer, order),
            Err(why) => RefundAnswer::Unknown { why },
        }
    }

    /// Everything of a payment that a list has, the newest first, page by page.
    async fn pages<T: Listable>(&self, payment: &Payment, credentials: &Credentials) -> Result<Pages<T>, NotListed> {
        let mut items: Vec<T> = Vec::new();
        for _ in 0..MOST_PAGES {
            let mut query = vec![("payment_intent", payment.reference.as_str()), ("limit", LONGEST_PAGE)];
            query.extend(items.last().map(|last| ("starting_after", last.id())));
            let path = format!("{}?{}", T::PATH, form(&query));
            let answer = self.get(&path, credentials).await.map_err(|why| NotListed::Refused(Refusal::Passing(why)))?;
            let page: Page<T> = page(&answer)?;
            let is_last = !page.has_more || page.data.is_empty();
            let is_whole = !page.has_more;
            items.extend(page.data);
            if is_last {
                return Ok(Pages { items, is_whole });
            }
        }
        Ok(Pages { items, is_whole: false })
    }

    async fn get(&self, path: &str, credentials: &Credentials) -> Result<Answer, String> {
        self.0.send(self.request(http::Method::GET, path, credentials), String::new()).await
    }

    /// Under one key the gateway repeats its first answer for a day, also where that was an error of its own.
    async fn post(
        &self,
        path: &str,
        form: String,
        key: Option<&str>,
        credentials: &Credentials,
    ) -> Result<Answer, String> {
        let request = self
            .request(http::Method::POST, path, credentials)
            .header("content-type", "application/x-www-form-urlencoded");
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        self.0.send(request, form).await
    }

    fn request(&self, method: http::Method, path: &str, credentials: &Credentials) -> http::request::Builder {
        let secret = credentials.expose("secret_key").unwrap_or_default();
        http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0.endpoint.api))
            .header("authorization", format!("Bearer {secret}"))
            .header("stripe-version", VERSION)
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).unwrap_or_default()
}

/// A no, with their code, or with the type of the error where it has none.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Worth another try: their trouble, a rate limit, or an answer that cannot be read.
    Passing(String),
    /// The key is unknown, revoked, or may not do this.
    Account(String),
    /// There is no such object under this key.
    UnknownObject(String),
    AlreadyRefunded(String),
    /// The amount is not one that can be had, such as more than is left of a payment.
    Amount(String),
    Final(String),
}

fn refusal(answer: &Answer) -> Refusal {
    if answer.status == 429 || answer.status == 409 || answer.status >= 500 {
        return Refusal::Passing(format!("status {}", answer.status));
    }
    let Some(ErrorBody { error }) = object(&answer.body) else {
        return Refusal::Passing(format!("status {} in an unknown form", answer.status));
    };
    match (answer.status, error.kind, error.code) {
        (_, Some(ErrorKind::IdempotencyError), _) => Refusal::Passing("idempotency_error".to_owned()),
        (401 | 403, _, Some(code)) => Refusal::Account(code.text()),
        (401, _, None) => Refusal::Account("unauthorized".to_owned()),
        (403, _, None) => Refusal::Account("forbidden".to_owned()),
        (_, _, Some(code @ ErrorCode::ResourceMissing)) => Refusal::UnknownObject(code.text()),
        (_, _, Some(code @ ErrorCode::ChargeAlreadyRefunded)) => Refusal::AlreadyRefunded(code.text()),
        (_, _, Some(code @ ErrorCode::Other(_))) => Refusal::Final(code.text()),
        // Too much has no code of its own.
        (_, Some(ErrorKind::Other(kind)), None) if error.param.as_deref() == Some("amount") => {
            Refusal::Amount(at_most(&format!("{kind}_amount"), LONGEST_CODE))
        }
        (_, Some(ErrorKind::Other(kind)), None) => Refusal::Final(at_most(&kind, LONGEST_CODE)),
        (_, None, None) => Refusal::Final("without_a_code".to_owned()),
    }
}

impl ErrorCode {
    fn text(self) -> String {
        match self {
            Self::ResourceMissing => "resource_missing".to_owned(),
            Self::ChargeAlreadyRefunded => "charge_already_refunded".to_owned(),
            Self::Other(code) => at_most(&code, LONGEST_CODE),
        }
    }
}

fn unknown_refund(why: &str) -> RefundAnswer {
    RefundAnswer::Unknown { why: why.to_owned() }
}

/// What became of one refund, from an answer that holds it.
fn known_refund(answer: &Answer, order: &RefundOrder<'_>) -> RefundAnswer {
    if answer.status != 200 {
        return not_answered(answer);
    }
    match object::<Refund>(&answer.body) {
        Some(refund) if refund.is_of(order.payment) => refund.answer(),
        Some(_) => unknown_refund("a refund of another payment"),
        None => unknown_refund("a refund that cannot be read"),
    }
}

/// What became of a refund, from the list of its payment's. Those that failed gave nothing back: one that is known by its id
/// is asked about by its id, and the others are older.
///
/// A list that is whole and has nothing of ours says that there is none, also of a part, which Stripe would give back a second
/// time: its documents name the lists, and not the search, for reading what was just written, our id is on every refund of
/// ours, and whoever calls after this comes when the lease of the call before is over. The key of idempotency is no help
/// here: it is another one with each call, because Stripe repeats its own errors under one.
fn listed_refund(answer: &Answer, order: &RefundOrder<'_>) -> RefundAnswer {
    if answer.status != 200 {
        return not_answered(answer);
    }
    let Some(list) = object::<RefundList>(&answer.body) else {
        return unknown_refund("a list of refunds that cannot be read");
    };
    if !list.data.iter().all(|refund| refund.is_of(order.payment)) {
        return unknown_refund("a list of refunds of another payment");
    }
    let alive: Vec<&Refund> = list.data.iter().filter(|refund| !refund.has_failed()).collect();
    let listed: Vec<Listed<'_>> = alive.iter().map(|refund| refund.listed()).collect();
    if any_counts(&listed, order) {
        return any_listed_refund(&alive, list.has_more, order);
    }
    match (look_through(&listed, order), list.has_more) {
        (Seen::At(at), _) => alive.get(at).map_or(RefundAnswer::Absent, |refund| refund.answer()),
        (Seen::TooLittleLeft, _) => RefundAnswer::Refused { code: "stripe_too_little_left".to_owned() },
        (Seen::Unreadable, _) => unknown_refund("a refund that cannot be read"),
        (Seen::Left(_), true) => unknown_refund("a list of refunds that is cut off"),
        (Seen::Left(_), false) => RefundAnswer::Absent,
    }
}

/// The same where whatever gave the money back counts.
fn any_listed_refund(alive: &[&Refund], has_more: bool, order: &RefundOrder<'_>) -> RefundAnswer {
    let (mut alive, unreadable): (Vec<&Refund>, Vec<&Refund>) = alive.iter().partition(|refund| refund.is_readable());
    if unreadable.iter().any(|refund| refund.is_ours(order)) {
        return unknown_refund("a status of a refund that is not documented");
    }
    let sum = |refunds: &[&Refund]| refunds.iter().fold(0_i64, |sum, refund| sum.saturating_add(refund.amount));
    let (back, whole) = (sum(&alive), order.payment.money.minor_units());
    if back < whole {
        // What cannot be read may be what is looked for.
        if back.saturating_add(sum(&unreadable)) >= whole {
            return unknown_refund("a status of a refund that is not documented");
        }
        return match (has_more, back) {
            (true, _) => unknown_refund("a list of refunds that is cut off"),
            (false, 0) => RefundAnswer::Absent,
            // Somebody gave a part back, so that the whole cannot go.
            (false, _) => RefundAnswer::Refused { code: "stripe_partly_refunded".to_owned() },
        };
    }
    // All of it goes back, and has gone where no part is waiting any more.
    alive.sort_by_key(|refund| (refund.status == Some(RefundStatus::Succeeded), !refund.is_ours(order)));
    alive.first().map_or(RefundAnswer::Absent, |refund| refund.answer())
}

/// What follows where a question about a refund was refused. The refund may have been made all the same.
fn not_answered(answer: &Answer) -> RefundAnswer {
    match refusal(answer) {
        Refusal::Account(code) => RefundAnswer::AccountRefused { code },
        Refusal::Passing(why)
        | Refusal::UnknownObject(why)
        | Refusal::AlreadyRefunded(why)
        | Refusal::Amount(why)
        | Refusal::Final(why) => RefundAnswer::Unknown { why },
    }
}

impl Refund {
    fn has_failed(&self) -> bool {
        matches!(self.status, Some(RefundStatus::Failed | RefundStatus::Canceled))
    }

    fn is_readable(&self) -> bool {
        !matches!(self.status, Some(RefundStatus::Undocumented) | None)
    }

    fn is_of(&self, payment: &Payment) -> bool {
        self.payment_intent.as_deref() == Some(payment.reference.as_str())
    }

    fn is_ours(&self, order: &RefundOrder<'_>) -> bool {
        self.mark() == Some(order.refund.id.as_str())
    }

    fn mark(&self) -> Option<&str> {
        self.metadata.get(REFUND_METADATA)?.as_str()
    }

    fn listed(&self) -> Listed<'_> {
        Listed { id: Some(&self.id), mark: self.mark(), amount: Some(self.amount), is_readable: self.is_readable() }
    }

    /// The id becomes a part of addresses, and what is not final cannot be asked about without one.
    fn answer(&self) -> RefundAnswer {
        let reference = is_word(&self.id).then(|| self.id.clone());
        let Some(status) = self.status else {
            return unknown_refund("a refund without a status");
        };
        match (status, reference) {
            (RefundStatus::Succeeded, reference) => RefundAnswer::Succeeded { reference },
            (RefundStatus::Pending | RefundStatus::RequiresAction, Some(reference)) => {
                RefundAnswer::Accepted { reference }
            }
            (RefundStatus::Pending | RefundStatus::RequiresAction, None) => {
                unknown_refund("a refund without an id that can be asked about")
            }
            (RefundStatus::Failed, reference) => RefundAnswer::Failed { reference, code: self.failure() },
            (RefundStatus::Canceled, reference) => RefundAnswer::Failed { reference, code: CANCELED.to_owned() },
            (RefundStatus::Undocumented, _) => unknown_refund("a status of a refund that is not documented"),
        }
    }

    /// Why it failed, as far as Stripe says.
    fn failure(&self) -> String {
        at_most(self.failure_reason.as_deref().unwrap_or("refund_failed"), LONGEST_CODE)
    }

    /// The refund of a payment as it is shown, or what of it cannot be read.
    fn shown(&self, charge: &Charge, payment: &Payment, link: &LinkId) -> Result<ShownRefund, &'static str> {
        if !self.is_of(payment) || !self.currency.as_deref().is_some_and(|code| is_in(code, payment)) {
            return Err("a refund of another payment");
        }
        if !(1..=charge.amount).contains(&self.amount) {
            return Err("a refund of an amount that is none");
        }
        Ok(ShownRefund {
            reference: self.id.clone(),
            refund_id: our_refund(self.mark(), link),
            amount: self.amount,
            state: self.state().ok_or("a status of a refund that is not documented")?,
            at: instant_of_seconds(&self.created),
        })
    }

    /// `None` where that is not documented.
    fn state(&self) -> Option<ShownState> {
        Some(match self.status? {
            RefundStatus::Pending | RefundStatus::RequiresAction => ShownState::Pending,
            RefundStatus::Succeeded => ShownState::Succeeded,
            RefundStatus::Failed => ShownState::Failed { code: self.failure() },
            RefundStatus::Canceled => ShownState::Failed { code: CANCELED.to_owned() },
            RefundStatus::Undocumented => return None,
        })
    }
}

impl Dispute {
    /// The dispute about a payment as it is shown, or what of it cannot be read.
    fn shown(&self, payment: &Payment) -> Result<ShownDispute, &'static str> {
        if self.payment_intent.as_deref() != Some(payment.reference.as_str()) || !is_in(&self.currency, payment) {
            return Err("a dispute about another payment");
        }
        if self.amount < 1 {
            return Err("a dispute about an amount that is none");
        }
        let reason = self.reason.as_str().filter(|word| !word.is_empty());
        Ok(ShownDispute {
            reference: self.id.clone(),
            amount: self.amount,
            reason: reason.map(|word| at_most(word, LONGEST_CODE)),
            state: self.state().ok_or("a status of a dispute that is not documented")?,
            opened_at: instant_of_seconds(&self.created),
        })
    }

    /// `None` where that is not documented.
    fn state(&self) -> Option<DisputeState> {
        Some(match self.status {
            DisputeStatus::WarningNeedsResponse | DisputeStatus::NeedsResponse | DisputeStatus::AppealNeedsResponse => {
                DisputeState::Open { respond_by: self.respond_by() }
            }
            DisputeStatus::WarningUnderReview | DisputeStatus::UnderReview | DisputeStatus::AppealUnderReview => {
                DisputeState::Open { respond_by: None }
            }
            DisputeStatus::Won | DisputeStatus::WarningClosed | DisputeStatus::Prevented => DisputeState::Won,
            DisputeStatus::Lost => DisputeState::Lost,
            DisputeStatus::Undocumented => return None,
        })
    }

    /// Zero stands for a bank that takes no response.
    fn respond_by(&self) -> Option<Timestamp> {
        instant_of_seconds(self.evidence_details.get("due_by")?)
    }
}

impl NotListed {
    fn answer(self) -> AftermathAnswer {
        match self {
            Self::Forbidden(code) | Self::Refused(Refusal::Account(code)) => AftermathAnswer::AccountRefused { code },
            Self::Refused(
                Refusal::Passing(why)
                | Refusal::UnknownObject(why)
                | Refusal::AlreadyRefunded(why)
                | Refusal::Amount(why)
                | Refusal::Final(why),
            ) => AftermathAnswer::Unknown { why },
        }
    }
}

fn page<T: DeserializeOwned>(answer: &Answer) -> Result<Page<T>, NotListed> {
    if answer.status == 200 {
        let page = object(&answer.body);
        return page.ok_or_else(|| NotListed::Refused(Refusal::Passing("a list that cannot be read".to_owned())));
    }
    Err(match (answer.status, refusal(answer)) {
        (403, Refusal::Account(code)) => NotListed::Forbidden(code),
        (_, refusal) => NotListed::Refused(refusal),
    })
}

/// The charge of a payment that was confirmed, from an answer that holds its session.
fn charge_of(answer: &Answer, attempt: &Attempt, payment: &Payment) -> Result<Charge, AftermathAnswer> {
    if answer.status != 200 {
        return Err(NotListed::Refused(refusal(answer)).answer());
    }
    let Some(session) = object::<Session>(&answer.body) else {
        return Err(unreadable("a session that cannot be read"));
    };
    if !session.is_of(attempt) {
        return Err(unreadable("another session"));
    }
    match session.payment_intent {
        Some(Expandable::Whole(PaymentIntent { id, latest_charge: Some(Expandable::Whole(charge)), .. }))
            if id == payment.reference =>
        {
            Ok(charge)
        }
        Some(_) | None => Err(unreadable("a session without the charge of its payment")),
    }
}

/// What the charge and both lists show together. What the charge knows of and no list has is on its way into the lists.
fn shown(
    charge: &Charge,
    refunds: &Pages<Refund>,
    disputes: &Pages<Dispute>,
    payment: &Payment,
    link: &LinkId,
) -> AftermathAnswer {
    let refunds = refunds.shown(|refund| refund.shown(charge, payment, link));
    let disputes = disputes.shown(|dispute| dispute.shown(payment));
    aftermath::shown(refunds, disputes, |back, disputes| {
        charge.amount_refunded <= back && (!charge.disputed || !disputes.is_empty())
    })
}

/// Whether a currency as they write it is that of a payment.
fn is_in(code: &str, payment: &Payment) -> bool {
    code.eq_ignore_ascii_case(payment.money.currency().code())
}

/// The session's id becomes a part of addresses, and a customer's browser is sent where the session is: neither is taken
/// that could not be used.
fn opened(answer: &Answer) -> Option<OpenedSession> {
    if answer.status != 200 {
        return None;
    }
    let session: Session = object(&answer.body)?;
    let pay_at = web_address(&session.url?)?;
    is_word(&session.id).then(|| OpenedSession { session: session.id, checkout: Checkout::link(pay_at) })
}

fn session_answer(answer: &Answer, attempt: &Attempt) -> GatewayAnswer {
    if answer.status != 200 {
        return match refusal(answer) {
            Refusal::Passing(why) => GatewayAnswer::Unknown { why },
            Refusal::UnknownObject(code) => GatewayAnswer::SessionRefused { code },
            // What is wrong with such a call is wrong with every such call of the account.
            Refusal::Account(code) | Refusal::AlreadyRefunded(code) | Refusal::Amount(code) | Refusal::Final(code) => {
                GatewayAnswer::AccountRefused { code }
            }
        };
    }
    match object(&answer.body) {
        Some(session) => answer_of(session, attempt),
        None => unknown("a session that cannot be read"),
    }
}

impl Session {
    fn is_of(&self, attempt: &Attempt) -> bool {
        self.id == attempt.session && self.client_reference_id.as_deref() == Some(attempt.id.as_str())
    }
}

fn answer_of(session: Session, attempt: &Attempt) -> GatewayAnswer {
    if !session.is_of(attempt) {
        return GatewayAnswer::SessionRefused { code: "another_session".to_owned() };
    }
    match (session.status.as_deref(), session.payment_status.as_str()) {
        (_, "paid") => paid(&session),
        (Some("open"), "unpaid") => GatewayAnswer::Pending,
        (Some("expired"), "unpaid") => not_paid(NotPaidCause::SessionOver, "session_expired"),
        // A method that takes days: its end is read from the payment intent, because the session never changes again.
        (Some("complete"), "unpaid") => match &session.payment_intent {
            Some(Expandable::Whole(intent))
                if matches!(intent.status.as_str(), "requires_payment_method" | "canceled") =>
            {
                not_paid(NotPaidCause::Declined, "payment_failed")
            }
            Some(_) | None => GatewayAnswer::Processing,
        },
        (_, "no_payment_required") => GatewayAnswer::WrongAmount { got: None },
        _ => unknown("a session in a state that is not documented"),
    }
}

fn paid(session: &Session) -> GatewayAnswer {
    let Some(Expandable::Whole(intent)) = &session.payment_intent else {
        return unknown("a paid session without a payment");
    };
    // Without a reference of its own it would count as the same payment as another such.
    if !is_word(&intent.id) {
        return unknown("a paid session without a reference");
    }
    // Whether the money is still there only the charge says.
    let Some(Expandable::Whole(charge)) = &intent.latest_charge else {
        return unknown("a paid session without a charge");
    };
    if charge.disputed {
        return doubtful("stripe_disputed");
    }
    if charge.refunded || (charge.amount_refunded > 0 && charge.amount_refunded >= charge.amount) {
        return GatewayAnswer::Returned;
    }
    if charge.amount_refunded != 0 {
        return doubtful("stripe_partly_refunded");
    }
    let money = session
        .currency
        .as_deref()
        .and_then(|code| Currency::parse(&code.to_uppercase()).ok())
        .zip(session.amount_total);
    let money = money.filter(|(_, total)| *total > 0);
    match money.and_then(|(currency, total)| Money::new(total, currency).ok()) {
        Some(money) => GatewayAnswer::Paid(Payment {
            masked_card: charge.masked_card(),
            fee: charge.fee(money.currency()),
            gateway_paid_at: charge.created.as_i64().and_then(|second| Timestamp::from_second(second).ok()),
            ..Payment::new(intent.id.clone(), format!("stripe#{}", intent.id), money)
        }),
        None => GatewayAnswer::WrongAmount { got: None },
    }
}

impl Charge {
    fn masked_card(&self) -> Option<String> {
        let digits = self.payment_method_details.pointer("/card/last4")?.as_str()?;
        (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| format!("**** {digits}"))
    }

    /// The fee, which Stripe takes from what the business gets. It is counted in the currency of the business's
    /// balance, and said where that is the payment's own.
    fn fee(&self, currency: Currency) -> Option<Fee> {
        let counted_in = self.balance_transaction.get("currency")?.as_str()?;
        let amount = self.balance_transaction.get("fee")?.as_i64().filter(|amount| *amount >= 0)?;
        let is_same = counted_in.eq_ignore_ascii_case(currency.code());
        is_same.then_some(Fee { amount, payer: Some(FeePayer::Merchant) })
    }
}

fn read_webhook(
    signature: Option<&str>,
    body: &[u8],
    secrets: &[&str],
    now: Timestamp,
) -> Result<Option<WebhookHint>, WebhookError> {
    let header = signature.ok_or(WebhookError::BadSignature)?;
    if !secrets.iter().any(|secret| is_signed(header, body, secret, now)) {
        return Err(WebhookError::BadSignature);
    }
    let event: Value = object(body).ok_or(WebhookError::Unreadable)?;
    Ok(hint_of(&event))
}

/// What an event says about one of our attempts. The business may have subscribed to more and may use the same account
/// for other things, so an event of any other form is none of ours. It must be no error: Stripe switches an endpoint
/// off that keeps refusing.
fn hint_of(event: &Value) -> Option<WebhookHint> {
    let object = event.pointer("/data/object")?;
    let with_metadata = |attempt: &Value, hint: Hint| {
        let link = LinkId::parse(object.get("metadata")?.get(LINK_METADATA)?.as_str()?).ok()?;
        let attempt = AttemptId::parse(attempt.as_str()?).ok()?;
        Some(WebhookHint { about: WebhookSubject::Attempt { link, attempt }, hint })
    };
    let of_session = |hint: Hint| with_metadata(object.get("client_reference_id")?, hint);
    let of_attempt = || with_metadata(object.get("metadata")?.get(ATTEMPT_METADATA)?, Hint::Changed);
    match event.get("type")?.as_str()? {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => of_session(Hint::Paid),
        "checkout.session.expired" | "checkout.session.async_payment_failed" => of_session(Hint::NotPaid),
        // A refund of ours has our metadata, and a charge has that of its payment. A dispute and a refund from the dashboard
        // have none and name the payment. An endpoint of a version before October 2024 gets `charge.refund.updated` in
        // place of the first three.
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" | "charge.refunded" => {
            of_attempt().or_else(|| of_payment(event, object))
        }
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => of_payment(event, object),
        _ => None,
    }
}

/// That something changed about the payment that an object names.
fn of_payment(event: &Value, object: &Value) -> Option<WebhookHint> {
    let mode = if event.get("livemode")?.as_bool()? { Mode::Live } else { Mode::Sandbox };
    let payment = object.get("payment_intent")?.as_str().filter(|id| is_word(id))?;
    let claim = Stripe::claim_of(payment)?;
    Some(WebhookHint { about: WebhookSubject::Payment { claim, mode }, hint: Hint::Changed })
}

/// Whether one of the header's `v1` signatures is right and not too old. The key is the whole secret with its prefix; the
/// signed text is the time, a dot and the very bytes of the body.
fn is_signed(header: &str, body: &[u8], secret: &str, now: Timestamp) -> bool {
    let parts = || header.split(',').filter_map(|part| part.split_once('='));
    let Some(time) = parts().find(|(name, _)| *name == "t").map(|(_, value)| value) else { return false };
    let Ok(signed_at) = time.parse::<i64>() else { return false };
    // Only old signatures are refused: a clock of theirs that runs ahead must not lose a payment.
    if now.as_second().saturating_sub(signed_at) > TOLERANCE_SECONDS {
        return false;
    }
    let signed = [time.as_bytes(), b".", body].concat();
    parts()
        .filter(|(name, _)| *name == "v1")
        .fold(false, |found, (_, given)| found | is_hmac_of(given, secret, &signed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refunds::tests as ours;
    use domain::gateway::Aftermath;
    use hmac::{Hmac, KeyInit, Mac};
    use serde_json::json;
    use sha2::Sha256;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Secret, time, body and signature, each recomputed with the official libraries.
    const VECTORS: [(&str, i64, &str, &str); 3] = [
        (
            "whsec_test_secret",
            1_614_265_330,
            "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}",
            "af4ead0627a34a8cca29808e8de9ada8e41a92e6237c63cef6eacf51d36cca34",
        ),
        (
            "whsec_abc123",
            1_700_000_000,
            r#"{"id":"evt_1","object":"event","type":"checkout.session.completed"}"#,
            "bb1ca76a95e95712cedaf7d8c2a3e471f07575031ac519f9b05bd121b997ad87",
        ),
        (
            "whsec_abc123",
            1_700_000_000,
            r#"{"note":"پرداخت"}"#,
            "4ec9b60da5fee612e24cda43197126be8484f8a83da34643ea78028dbd44a7ca",
        ),
    ];

    #[test]
    fn signatures_of_the_official_libraries_are_accepted() {
        for (secret, time, body, signature) in VECTORS {
            let header = format!("t={time},v1={signature}");
            assert!(is_signed(&header, body.as_bytes(), secret, at(time + 300)));
            assert!(is_signed(&format!("{header},v1=potato"), body.as_bytes(), secret, at(time)));
            assert!(is_signed(&format!("t={time},v1=potato,v1={signature}"), body.as_bytes(), secret, at(time)));
            assert!(is_signed(&header, body.as_bytes(), secret, at(time - 1000)), "a clock ahead of ours");
        }
    }

    #[test]
    fn wrong_old_and_broken_signatures_are_refused() {
        let (secret, time, body, signature) = VECTORS[1];
        for header in [
            String::new(),
            "garbage".to_owned(),
            format!("t={time},v0={signature}"),
            format!("t={time},v1={}", signature.replace('b', "c")),
            format!("t={time},v1={}", &signature[..40]),
            format!("t={},v1={signature}", time + 1),
            format!("v1={signature}"),
        ] {
            assert!(!is_signed(&header, body.as_bytes(), secret, at(time)), "{header}");
        }
        let header = format!("t={time},v1={signature}");
        assert!(!is_signed(&header, body.as_bytes(), secret, at(time + 301)));
        assert!(!is_signed(&header, format!("{body} ").as_bytes(), secret, at(time)));
        assert!(!is_signed(&header, body.as_bytes(), "whsec_other", at(time)));
    }

    #[test]
    fn a_webhook_is_read_only_after_its_signature() {
        let (_, time, body, signature) = VECTORS[1];
        let header = format!("t={time},v1={signature}");
        let secrets = ["whsec_old", "whsec_abc123"];
        assert_eq!(read_webhook(None, body.as_bytes(), &secrets, at(time)), Err(WebhookError::BadSignature));
        assert_eq!(read_webhook(Some(&header), body.as_bytes(), &[], at(time)), Err(WebhookError::BadSignature));
        // Rightly signed by one of two secrets, and about nothing.
        assert_eq!(read_webhook(Some(&header), body.as_bytes(), &secrets, at(time)), Ok(None));
    }

    fn told(body: &Value) -> Result<Option<WebhookHint>, WebhookError> {
        let (secret, body) = ("whsec_abc123", body.to_string());
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("1700000000.{body}").as_bytes());
        let header = format!("t=1700000000,v1={}", hex::encode(mac.finalize().into_bytes()));
        read_webhook(Some(&header), body.as_bytes(), &[secret], at(1_700_000_000))
    }

    fn about_attempt((link, attempt): (&str, &str), hint: Hint) -> WebhookHint {
        let (link, attempt) = (LinkId::parse(link).unwrap(), AttemptId::parse(attempt).unwrap());
        WebhookHint { about: WebhookSubject::Attempt { link, attempt }, hint }
    }

    #[test]
    fn an_event_of_our_session_says_which_attempt_to_ask_about() {
        let link = "pl_2222222222222222222222";
        let event = |kind: &str| {
            let metadata = json!({ LINK_METADATA: link });
            let session = json!({ "client_reference_id": "at_2222222222222222222222", "metadata": metadata });
            json!({ "object": "event", "type": kind, "data": { "object": session } })
        };
        for (kind, hint) in [
            ("checkout.session.completed", Hint::Paid),
            ("checkout.session.async_payment_succeeded", Hint::Paid),
            ("checkout.session.async_payment_failed", Hint::NotPaid),
            ("checkout.session.expired", Hint::NotPaid),
        ] {
            let understood = told(&event(kind)).unwrap().unwrap();
            assert_eq!(understood, about_attempt((link, "at_2222222222222222222222"), hint));
        }
        for kind in ["charge.refunded", "refund.failed", "charge.dispute.created", "customer.created"] {
            assert_eq!(told(&event(kind)), Ok(None), "{kind}");
        }
    }

    #[test]
    fn an_event_of_our_refund_says_the_same_whatever_it_claims_became_of_it() {
        let (link, attempt) = ("pl_2222222222222222222222", "at_2222222222222222222222");
        let event = |kind: &str, metadata: Value| {
            let refund = json!({ "id": "re_1", "object": "refund", "status": "succeeded", "metadata": metadata });
            json!({ "object": "event", "type": kind, "data": { "object": refund } })
        };
        let ours = json!({ LINK_METADATA: link, ATTEMPT_METADATA: attempt, REFUND_METADATA: REFUND });
        for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
            let understood = told(&event(kind, ours.clone())).unwrap().unwrap();
            assert_eq!(understood, about_attempt((link, attempt), Hint::Changed));
        }
        for (kind, metadata) in [
            ("refund.expired", ours.clone()),
            ("charge.updated", ours),
            ("refund.updated", Value::Null),
            ("refund.updated", json!({})),
            ("refund.updated", json!({ LINK_METADATA: link })),
            ("refund.updated", json!({ ATTEMPT_METADATA: attempt, REFUND_METADATA: REFUND })),
            ("refund.updated", json!({ LINK_METADATA: "7", ATTEMPT_METADATA: attempt })),
            ("refund.failed", json!({ LINK_METADATA: link, ATTEMPT_METADATA: "order-7" })),
        ] {
            let event = event(kind, metadata);
            assert_eq!(told(&event), Ok(None), "{event}");
        }
    }

    #[test]
    fn every_rightly_signed_event_that_is_not_ours_is_taken_in() {
        let completed = |session: Value| json!({ "type": "checkout.session.completed", "data": { "object": session } });
        for event in [
            completed(json!({ "metadata": null, "client_reference_id": null, "payment_status": "paid" })),
            completed(json!({ "metadata": { "order": "7" }, "client_reference_id": "order-7" })),
            completed(json!({ "metadata": { LINK_METADATA: "garbage" }, "client_reference_id": "garbage" })),
            completed(Value::Null),
            json!({ "type": "checkout.session.completed", "data": null }),
            json!({
                "id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
                "livemode": false, "created": "2026-11-23T22:00:00.000Z", "related_object": null,
            }),
            json!({ "object": "v2.core.event", "type": "checkout.session.completed" }),
            json!({}),
        ] {
            assert_eq!(told(&event), Ok(None), "{event}");
        }
        assert_eq!(told(&json!(["checkout.session.completed"])), Err(WebhookError::Unreadable));
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.to_owned().into() }
    }

    #[test]
    fn a_session_has_an_id_and_a_web_address() {
        let session = |id: &str, url: &str| {
            answer(200, &format!(r#"{{"id":"{id}","url":"{url}","payment_status":"unpaid","status":"open"}}"#))
        };
        let url = "https://checkout.stripe.com/c/pay/cs_test_1#fid";
        let begun = opened(&session("cs_test_1", url)).unwrap();
        assert_eq!((begun.session.as_str(), begun.checkout.at.as_str()), ("cs_test_1", url));
        for (id, url) in [
            ("", url),
            ("cs_1/../../refunds", url),
            ("cs 1", url),
            ("cs_1", ""),
            ("cs_1", "/c/pay"),
            ("cs_1", "javascript:alert(1)"),
        ] {
            assert_eq!(opened(&session(id, url)), None, "{id} {url}");
        }
        let escaped = opened(&session("cs_1", "https://checkout.stripe.com/\\u0007پ")).unwrap();
        assert_eq!(escaped.checkout.at, "https://checkout.stripe.com/%07%D9%BE", "a header takes nothing else");
    }

    /// A charge on whose balance transaction nothing special happened.
    fn charge() -> Value {
        json!({
            "id": "ch_1", "amount": 1500, "amount_refunded": 0, "refunded": false, "disputed": false,
            "created": 1_700_000_000, "payment_method_details": { "type": "card", "card": { "last4": "4242" } },
            "balance_transaction": { "id": "txn_1", "fee": 48, "currency": "eur" },
        })
    }

    fn intent(charge: &Value) -> Value {
        json!({ "id": "pi_1", "status": "succeeded", "latest_charge": charge })
    }

    fn session(intent: &Value, total: i64) -> String {
        json!({
            "id": "cs_1", "client_reference_id": "at_2222222222222222222222", "metadata": null, "status": "complete",
            "payment_status": "paid", "amount_total": total, "currency": "eur", "payment_intent": intent,
        })
        .to_string()
    }

    fn asked(session: &str) -> GatewayAnswer {
        session_answer(&answer(200, session), &crate::tests::attempt("stripe", "cs_1", 1_500, "EUR"))
    }

    fn with(mut object: Value, name: &str, value: Value) -> Value {
        object[name] = value;
        object
    }

    #[test]
    fn a_list_is_no_session_and_a_payment_has_a_reference_and_an_amount() {
        let read = |intent: &Value, total: i64| asked(&session(intent, total)).name();
        assert_eq!(read(&intent(&charge()), 1500), "paid");
        assert_eq!(read(&with(intent(&charge()), "id", json!("")), 1500), "unknown");
        assert_eq!(read(&with(intent(&charge()), "id", json!(" ")), 1500), "unknown");
        assert_eq!(read(&intent(&charge()), -1500), "wrong_amount");
        assert_eq!(asked(r#"["cs_1",null,"complete","paid",1500,"eur","pi_1",null,{}]"#).name(), "unknown");
    }

    #[test]
    fn money_counts_only_where_its_charge_was_seen() {
        let read = |intent: &Value| asked(&session(intent, 1500)).name();
        assert_eq!(read(&json!("pi_1")), "unknown");
        assert_eq!(read(&Value::Null), "unknown");
        assert_eq!(read(&intent(&json!("ch_1"))), "unknown");
        assert_eq!(read(&intent(&Value::Null)), "unknown");
        for name in ["amount", "amount_refunded", "refunded", "disputed"] {
            assert_eq!(read(&intent(&with(charge(), name, Value::Null))), "unknown", "{name}");
        }
    }

    #[test]
    fn money_that_went_back_before_we_looked_is_not_kept() {
        let read = |charge: &Value| asked(&session(&intent(charge), 1500));
        let refunded =
            |amount: i64, whole: bool| with(with(charge(), "amount_refunded", json!(amount)), "refunded", json!(whole));
        assert_eq!(read(&refunded(1500, true)), GatewayAnswer::Returned);
        assert_eq!(read(&refunded(1500, false)), GatewayAnswer::Returned);
        assert_eq!(read(&refunded(0, true)), GatewayAnswer::Returned);
        assert_eq!(read(&refunded(500, false)), doubtful("stripe_partly_refunded"));
        assert_eq!(read(&with(charge(), "disputed", json!(true))), doubtful("stripe_disputed"));
        assert_eq!(read(&with(refunded(1500, true), "disputed", json!(true))), doubtful("stripe_disputed"));
    }

    #[test]
    fn a_payment_has_its_card_its_fee_and_its_time() {
        let read = |charge: &Value| match asked(&session(&intent(charge), 1500)) {
            GatewayAnswer::Paid(payment) => payment,
            other => panic!("{other:?}"),
        };
        let payment = read(&charge());
        assert_eq!((payment.reference.as_str(), payment.claim.as_str()), ("pi_1", "stripe#pi_1"));
        assert_eq!(payment.masked_card.as_deref(), Some("**** 4242"));
        assert_eq!(payment.fee, Some(Fee { amount: 48, payer: Some(FeePayer::Merchant) }));
        assert_eq!(payment.gateway_paid_at, Some(at(1_700_000_000)));
        let in_dollars = json!({ "fee": 48, "currency": "usd" });
        for transaction in [in_dollars, json!("txn_1"), Value::Null, json!({ "fee": "48", "currency": "eur" })] {
            assert_eq!(read(&with(charge(), "balance_transaction", transaction)).fee, None);
        }
        for details in [json!({ "type": "sepa_debit", "sepa_debit": { "last4": "3000" } }), Value::Null] {
            assert_eq!(read(&with(charge(), "payment_method_details", details)).masked_card, None);
        }
        assert_eq!(read(&with(charge(), "created", json!("yesterday"))).gateway_paid_at, None);
    }

    #[test]
    fn a_method_that_takes_days_is_being_processed_until_its_payment_fails() {
        let read = |status: &str| {
            let intent = json!({ "id": "pi_1", "status": status, "latest_charge": "ch_1" });
            let session = session(&intent, 1500).replace(r#""paid""#, r#""unpaid""#);
            asked(&session).name()
        };
        assert_eq!(read("processing"), "processing");
        assert_eq!(read("requires_payment_method"), "not_paid");
        assert_eq!(read("canceled"), "not_paid");
    }

    #[test]
    fn trouble_of_one_session_is_told_from_trouble_of_the_account() {
        let attempt = crate::tests::attempt("stripe", "cs_1", 1_500, "EUR");
        let read = |status: u16, code: Value| {
            let error = json!({ "error": { "type": "invalid_request_error", "code": code, "message": "x" } });
            session_answer(&answer(status, &error.to_string()), &attempt)
        };
        let account = |code: &str| GatewayAnswer::AccountRefused { code: code.to_owned() };
        let missing = GatewayAnswer::SessionRefused { code: "resource_missing".to_owned() };
        assert_eq!(read(404, json!("resource_missing")), missing);
        assert_eq!(read(401, json!("api_key_expired")), account("api_key_expired"));
        assert_eq!(read(401, Value::Null), account("unauthorized"));
        assert_eq!(read(403, Value::Null), account("forbidden"));
        assert_eq!(read(500, json!("resource_missing")).name(), "unknown");
        let strange = session(&intent(&charge()), 1500).replace("at_2", "at_3");
        assert_eq!(asked(&strange).name(), "session_refused");
        assert_eq!(asked(&strange.replace(r#""at_3222222222222222222222""#, "null")).name(), "session_refused");
    }

    const REFUND: &str = ours::OURS;

    /// What the gateway says to a question about a refund: about one whose id is known, or about any.
    fn found(known: Option<&str>, status: u16, body: &Value) -> RefundAnswer {
        let attempt = crate::tests::attempt("stripe", "cs_1", 1_500, "EUR");
        let payment = Payment::new("pi_1", "stripe#pi_1", attempt.money);
        let refund = serde_json::from_value(json!({
            "id": REFUND, "cause": "automatic", "amount": 1_500, "method": "gateway",
            "created_at": "2026-11-23T22:00:00Z", "state": "pending", "gateway_reference": known,
        }))
        .unwrap();
        let order = RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund: &refund };
        let answer = answer(status, &body.to_string());
        match known {
            Some(_) => known_refund(&answer, &order),
            None => listed_refund(&answer, &order),
        }
    }

    fn refund(id: &str, amount: i64, status: &str) -> Value {
        json!({ "id": id, "amount": amount, "status": status, "payment_intent": "pi_1", "metadata": null })
    }

    fn listed(refunds: &[Value]) -> RefundAnswer {
        found(None, 200, &json!({ "object": "list", "data": refunds, "has_more": false }))
    }

    fn succeeded(id: &str) -> RefundAnswer {
        RefundAnswer::Succeeded { reference: Some(id.to_owned()) }
    }

    fn accepted(id: &str) -> RefundAnswer {
        RefundAnswer::Accepted { reference: id.to_owned() }
    }

    #[test]
    fn an_accepted_refund_is_not_a_refund_that_is_done() {
        let read = |refund: Value| found(Some("re_1"), 200, &refund);
        assert_eq!(read(refund("re_1", 1500, "pending")), accepted("re_1"));
        assert_eq!(read(refund("re_1", 1500, "requires_action")), accepted("re_1"));
        assert_eq!(read(refund("re_1", 1500, "succeeded")), succeeded("re_1"));
        let failed = |code: &str| RefundAnswer::Failed { reference: Some("re_1".to_owned()), code: code.to_owned() };
        assert_eq!(read(refund("re_1", 1500, "failed")), failed("refund_failed"));
        assert_eq!(read(refund("re_1", 1500, "canceled")), failed("refund_canceled"));
        let reason = with(refund("re_1", 1500, "failed"), "failure_reason", json!("expired_or_canceled_card"));
        assert_eq!(read(reason), failed("expired_or_canceled_card"));
        let long = with(refund("re_1", 1500, "failed"), "failure_reason", json!("x".repeat(1_000)));
        assert_eq!(read(long), failed(&"x".repeat(64)));
        assert_eq!(read(with(refund("re_1", 1500, ""), "status", Value::Null)).name(), "unknown");
        assert_eq!(read(refund("re_1", 1500, "on_its_way")).name(), "unknown");
        assert_eq!(read(refund("", 1500, "pending")).name(), "unknown");
        assert_eq!(read(refund("re_1/..", 1500, "pending")).name(), "unknown");
        let other = with(refund("re_1", 1500, "succeeded"), "payment_intent", json!("pi_2"));
        assert_eq!(read(other).name(), "unknown");
    }

    #[test]
    fn a_list_shows_a_refund_whose_answer_was_lost_and_none_that_failed() {
        assert_eq!(listed(&[]), RefundAnswer::Absent);
        assert_eq!(listed(&[refund("re_1", 1500, "succeeded")]), succeeded("re_1"));
        assert_eq!(listed(&[refund("re_1", 1500, "pending")]), accepted("re_1"));
        let old = [refund("re_1", 1500, "failed"), refund("re_0", 1500, "canceled")];
        assert_eq!(listed(&old), RefundAnswer::Absent);
        assert_eq!(listed(&[refund("re_2", 1500, "succeeded"), refund("re_1", 1500, "failed")]), succeeded("re_2"));
        let foreign = with(refund("re_1", 1500, "succeeded"), "payment_intent", json!("pi_2"));
        assert_eq!(listed(&[foreign]).name(), "unknown");
        assert_eq!(found(None, 200, &json!([])).name(), "unknown");
        assert_eq!(found(None, 200, &json!({ "data": [], "has_more": true })).name(), "unknown");
    }

    #[test]
    fn one_refund_without_a_status_that_is_known_makes_no_other_unreadable() {
        for status in [Value::Null, json!("on_its_way")] {
            let odd = |id: &str, amount: i64| with(refund(id, amount, ""), "status", status.clone());
            let ours = with(odd("re_ours", 1500), "metadata", json!({ REFUND_METADATA: REFUND }));
            assert_eq!(listed(&[odd("re_0", 1500), refund("re_1", 1500, "succeeded")]), succeeded("re_1"));
            assert_eq!(listed(&[refund("re_1", 1500, "pending"), odd("re_0", 200)]), accepted("re_1"));
            assert_eq!(listed(&[odd("re_0", 500), refund("re_1", 1500, "failed")]), RefundAnswer::Absent);
            // It may be the one that is looked for.
            assert_eq!(listed(&[odd("re_0", 1500)]).name(), "unknown");
            assert_eq!(listed(&[refund("re_1", 500, "succeeded"), odd("re_0", 1000)]).name(), "unknown");
            assert_eq!(listed(&[refund("re_1", 1500, "succeeded"), ours]).name(), "unknown");
        }
    }

    #[test]
    fn a_payment_that_went_back_in_parts_went_back_when_all_of_it_did() {
        let ours = |amount: i64, status: &str| {
            with(refund("re_ours", amount, status), "metadata", json!({ REFUND_METADATA: REFUND }))
        };
        let part = listed(&[refund("re_1", 500, "succeeded")]);
        assert_eq!(part.name(), "refused", "the whole cannot go any more");
        assert_eq!(listed(&[refund("re_1", 500, "succeeded"), ours(1000, "pending")]), accepted("re_ours"));
        assert_eq!(listed(&[refund("re_1", 500, "pending"), ours(1000, "succeeded")]), accepted("re_1"));
        assert_eq!(listed(&[refund("re_1", 500, "succeeded"), ours(1000, "succeeded")]), succeeded("re_ours"));
    }

    /// What a list says of a refund of a payment of 1,500 that a link kept, beside others of ours.
    fn found_of_kept(asked: i64, others: Vec<domain::link::Refund>, shown: &[Value], has_more: bool) -> RefundAnswer {
        let open = crate::tests::attempt("stripe", "cs_1", 1_500, "EUR");
        let payment = Payment::new("pi_1", "stripe#pi_1", open.money);
        let called = json!({ "state": "calling", "since": "2026-11-23T22:10:00Z", "calls": 1 });
        let refunds = [vec![ours::refund(REFUND, asked, called)], others].concat();
        let kept = ours::Kept::new(open, payment, refunds);
        let list = json!({ "object": "list", "data": shown, "has_more": has_more });
        listed_refund(&answer(200, &list.to_string()), &kept.order())
    }

    fn marked(id: &str, amount: i64, status: &str, mark: &str) -> Value {
        with(refund(id, amount, status), "metadata", json!({ REFUND_METADATA: mark }))
    }

    #[test]
    fn a_part_is_found_by_our_mark_beside_another_part_and_one_from_the_dashboard() {
        let accepted_one = json!({
            "state": "accepted", "since": "2026-11-23T22:09:00Z", "calls": 1, "gateway_reference": "re_1",
        });
        let another = || vec![ours::refund(ours::ANOTHER, 450, accepted_one.clone())];
        let others = [refund("re_0", 450, "succeeded"), marked("re_1", 450, "pending", ours::ANOTHER)];
        let with_ours = [&others[..], &[marked("re_2", 450, "pending", REFUND)]].concat();
        assert_eq!(found_of_kept(450, another(), &with_ours, false), accepted("re_2"));
        assert_eq!(found_of_kept(450, another(), &with_ours, true), accepted("re_2"));
        assert_eq!(found_of_kept(450, another(), &others, false), RefundAnswer::Absent, "the lost call was not made");
        assert_eq!(found_of_kept(450, another(), &others, true).name(), "unknown", "ours may be on the next page");
        let too_much = RefundAnswer::Refused { code: "stripe_too_little_left".to_owned() };
        assert_eq!(found_of_kept(601, another(), &others, false), too_much);
        assert_eq!(found_of_kept(1_500, Vec::new(), &[refund("re_0", 1_500, "succeeded")], false), too_much);
        let failed = [marked("re_2", 450, "failed", REFUND)];
        assert_eq!(found_of_kept(450, another(), &failed, false), RefundAnswer::Absent, "it gave nothing back");
        let odd = [with(marked("re_2", 450, "", REFUND), "status", Value::Null)];
        assert_eq!(found_of_kept(450, another(), &odd, false).name(), "unknown");
    }

    #[test]
    fn a_refused_question_about_a_refund_says_nothing_about_the_refund() {
        for known in [Some("re_1"), None] {
            let read = |status: u16, code: Value| {
                found(known, status, &json!({ "error": { "type": "invalid_request_error", "code": code } })).name()
            };
            assert_eq!(read(404, json!("resource_missing")), "unknown");
            assert_eq!(read(400, json!("parameter_unknown")), "unknown");
            assert_eq!(read(500, Value::Null), "unknown");
            assert_eq!(read(401, json!("api_key_expired")), "account_refused");
            assert_eq!(read(403, Value::Null), "account_refused");
        }
    }

    #[test]
    fn refusals_are_told_from_passing_trouble() {
        let error = |kind: &str, code: &str| {
            let error = json!({ "type": kind, "code": code, "message": "x" });
            json!({ "error": error }).to_string()
        };
        let invalid = |code: &str| error("invalid_request_error", code);
        let (missing, refunded) = (invalid("resource_missing"), invalid("charge_already_refunded"));
        assert_eq!(refusal(&answer(404, &missing)), Refusal::UnknownObject("resource_missing".to_owned()));
        assert_eq!(refusal(&answer(400, &refunded)), Refusal::AlreadyRefunded("charge_already_refunded".to_owned()));
        let too_much = r#"{"error":{"type":"invalid_request_error","message":"x","param":"amount"}}"#;
        assert_eq!(refusal(&answer(400, too_much)), Refusal::Amount("invalid_request_error_amount".to_owned()));
        let disputed = invalid("charge_disputed");
        assert_eq!(refusal(&answer(400, &disputed)), Refusal::Final("charge_disputed".to_owned()));
        let expired = invalid("api_key_expired");
        assert_eq!(refusal(&answer(401, &expired)), Refusal::Account("api_key_expired".to_owned()));
        let (long, cut) = ("x".repeat(1_000), "x".repeat(64));
        assert_eq!(refusal(&answer(400, &invalid(&long))), Refusal::Final(cut.clone()));
        assert_eq!(refusal(&answer(403, &invalid(&long))), Refusal::Account(cut.clone()));
        let kind = json!({ "error": { "type": long } }).to_string();
        assert_eq!(refusal(&answer(400, &kind)), Refusal::Final(cut));
        let bare = r#"{"error":{"type":"invalid_request_error"}}"#;
        assert_eq!(refusal(&answer(400, bare)), Refusal::Final("invalid_request_error".to_owned()));
        let other_call = r#"{"error":{"type":"idempotency_error","message":"x"}}"#;
        for (status, body) in [
            (500, missing.as_str()),
            (429, &missing),
            (409, &missing),
            (400, other_call),
            (400, "<html>"),
            (401, "<html>"),
            (200, "{}"),
        ] {
            assert!(matches!(refusal(&answer(status, body)), Refusal::Passing(_)), "{status} {body}");
        }
    }

    #[test]
    fn a_refund_from_the_dashboard_and_a_dispute_are_led_back_by_their_payment() {
        let (link, attempt) = ("pl_2222222222222222222222", "at_2222222222222222222222");
        let event = |kind: &str, object: Value| json!({ "object": "event", "type": kind, "livemode": false, "data": { "object": object } });
        let of_payment = Ok(Some(WebhookHint {
            about: WebhookSubject::Payment { claim: "stripe#pi_1".to_owned(), mode: Mode::Sandbox },
            hint: Hint::Changed,
        }));
        let ours = json!({ LINK_METADATA: link, ATTEMPT_METADATA: attempt });
        let charge = json!({ "id": "ch_1", "object": "charge", "amount_refunded": 500, "metadata": ours });
        let understood = told(&event("charge.refunded", charge)).unwrap().unwrap();
        assert_eq!(understood, about_attempt((link, attempt), Hint::Changed));
        let of_before = json!({ "id": "ch_1", "object": "charge", "metadata": { LINK_METADATA: link } });
        assert_eq!(told(&event("charge.refunded", of_before)), Ok(None), "a payment of before it had our attempt's id");
        let refund =
            json!({ "id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1", "metadata": {} });
        for kind in ["refund.created", "refund.failed", "charge.refund.updated"] {
            assert_eq!(told(&event(kind, refund.clone())), of_payment, "{kind}");
        }
        for kind in ["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"] {
            let dispute = json!({ "id": "du_1", "object": "dispute", "payment_intent": "pi_1", "metadata": {} });
            assert_eq!(told(&event(&format!("charge.dispute.{kind}"), dispute)), of_payment, "{kind}");
        }
        for nothing in
            [json!({ "id": "du_1", "payment_intent": null }), json!({ "payment_intent": "../pi" }), Value::Null]
        {
            assert_eq!(told(&event("charge.dispute.created", nothing.clone())), Ok(None), "{nothing}");
        }
    }

    fn in_euro(refund: Value) -> Value {
        with(with(refund, "currency", json!("eur")), "created", json!(1_700_000_100))
    }

    fn dispute(id: &str, status: &str) -> Value {
        json!({
            "id": id, "object": "dispute", "amount": 1_500, "currency": "eur", "charge": "ch_1", "payment_intent": "pi_1",
            "reason": "product_not_received", "status": status, "created": 1_700_000_200, "metadata": {},
            "evidence_details": { "due_by": 1_701_000_000, "has_evidence": false },
        })
    }

    /// What is shown of a payment of 1,500 by a charge and by lists of one page.
    fn seen_of(charge: &Value, refunds: &[Value], disputes: &[Value]) -> AftermathAnswer {
        let attempt = crate::tests::attempt("stripe", "cs_1", 1_500, "EUR");
        let payment = Payment::new("pi_1", "stripe#pi_1", attempt.money);
        let session = answer(200, &session(&intent(charge), 1500));
        let charge = match charge_of(&session, &attempt, &payment) {
            Ok(charge) => charge,
            Err(answer) => return answer,
        };
        let (refunds, disputes) = (pages::<Refund>(refunds, false), pages::<Dispute>(disputes, false));
        match (refunds, disputes) {
            (Ok(refunds), Ok(disputes)) => shown(&charge, &refunds, &disputes, &payment, &crate::tests::link()),
            (Err(why), _) | (_, Err(why)) => why.answer(),
        }
    }

    fn pages<T: Listable>(data: &[Value], has_more: bool) -> Result<Pages<T>, NotListed> {
        let list = json!({ "object": "list", "data": data, "has_more": has_more, "url": T::PATH });
        let Page { data, has_more } = page(&answer(200, &list.to_string()))?;
        Ok(Pages { items: data, is_whole: !has_more })
    }

    fn seen(charge: &Value, refunds: &[Value], disputes: &[Value]) -> Aftermath {
        match seen_of(charge, refunds, disputes) {
            AftermathAnswer::Shown(aftermath) => aftermath,
            other => panic!("{other:?}"),
        }
    }

    fn refunded(amount: i64) -> Value {
        with(charge(), "amount_refunded", json!(amount))
    }

    #[test]
    fn a_payment_to_which_nothing_happened_shows_nothing_and_all_of_it() {
        let nothing = Aftermath { refunds: Vec::new(), disputes: Vec::new(), is_whole: true };
        assert_eq!(seen(&charge(), &[], &[]), nothing);
    }

    #[test]
    fn a_refund_is_shown_with_our_mark_or_as_somebody_elses() {
        let ours = in_euro(marked("re_1", 400, "succeeded", REFUND));
        let by_hand = in_euro(refund("re_2", 500, "pending"));
        let strange = in_euro(marked("re_3", 100, "requires_action", "rf_3333333333333333333333_1"));
        let aftermath = seen(&refunded(1_000), &[ours, by_hand, strange], &[]);
        let shown = |reference: &str, refund_id: Option<&str>, amount: i64, state: ShownState| ShownRefund {
            reference: reference.to_owned(),
            refund_id: refund_id.map(|id| domain::ids::RefundId::parse(id).unwrap()),
            amount,
            state,
            at: Some(at(1_700_000_100)),
        };
        let expected = vec![
            shown("re_1", Some(REFUND), 400, ShownState::Succeeded),
            shown("re_2", None, 500, ShownState::Pending),
            shown("re_3", None, 100, ShownState::Pending),
        ];
        assert_eq!((aftermath.refunds, aftermath.is_whole), (expected, true));
    }

    #[test]
    fn a_refund_that_failed_after_it_had_succeeded_is_shown_as_failed() {
        let failed =
            with(in_euro(marked("re_1", 400, "failed", REFUND)), "failure_reason", json!("lost_or_stolen_card"));
        let canceled = in_euro(refund("re_2", 400, "canceled"));
        let aftermath = seen(&charge(), &[failed, canceled], &[]);
        let states: Vec<ShownState> = aftermath.refunds.into_iter().map(|refund| refund.state).collect();
        let failed = |code: &str| ShownState::Failed { code: code.to_owned() };
        assert_eq!(states, [failed("lost_or_stolen_card"), failed("refund_canceled")]);
        assert!(aftermath.is_whole, "the charge counts neither");
    }

    #[test]
    fn every_status_of_a_dispute_has_a_meaning() {
        let disputed = with(charge(), "disputed", json!(true));
        let due = Some(at(1_701_000_000));
        for (status, expected) in [
            ("needs_response", DisputeState::Open { respond_by: due }),
            ("warning_needs_response", DisputeState::Open { respond_by: due }),
            ("appeal_needs_response", DisputeState::Open { respond_by: due }),
            ("under_review", DisputeState::Open { respond_by: None }),
            ("warning_under_review", DisputeState::Open { respond_by: None }),
            ("appeal_under_review", DisputeState::Open { respond_by: None }),
            ("won", DisputeState::Won),
            ("warning_closed", DisputeState::Won),
            ("prevented", DisputeState::Won),
            ("lost", DisputeState::Lost),
        ] {
            let expected = ShownDispute {
                reference: "du_1".to_owned(),
                amount: 1_500,
                reason: Some("product_not_received".to_owned()),
                state: expected,
                opened_at: Some(at(1_700_000_200)),
            };
            assert_eq!(seen(&disputed, &[], &[dispute("du_1", status)]).disputes, [expected], "{status}");
        }
        let bare = with(with(dispute("du_1", "needs_response"), "reason", Value::Null), "created", json!("now"));
        for details in [json!({ "due_by": 0 }), json!({ "due_by": null }), json!({}), Value::Null, json!("soon")] {
            let bare = with(bare.clone(), "evidence_details", details);
            let shown = seen(&disputed, &[], &[bare]).disputes.remove(0);
            assert_eq!((shown.state, shown.reason), (DisputeState::Open { respond_by: None }, None));
            assert_eq!(shown.opened_at, None);
        }
    }

    #[test]
    fn one_thing_that_cannot_be_read_makes_the_whole_answer_unknown_and_nothing_failed() {
        let good = || in_euro(refund("re_0", 100, "succeeded"));
        for (name, value) in [
            ("status", json!("on_its_way")),
            ("status", Value::Null),
            ("amount", json!(0)),
            ("amount", json!(-400)),
            ("amount", json!(1_501)),
            ("amount", json!("400")),
            ("amount", json!(4.5)),
            ("currency", json!("usd")),
            ("currency", Value::Null),
            ("payment_intent", json!("pi_2")),
            ("payment_intent", Value::Null),
            ("id", json!("")),
            ("id", json!("re_1/..")),
            ("id", json!("re_0")),
            ("id", Value::Null),
        ] {
            let odd = with(in_euro(refund("re_1", 400, "failed")), name, value.clone());
            assert_eq!(seen_of(&charge(), &[good(), odd], &[]).name(), "unknown", "{name} {value}");
        }
        for (name, value) in [
            ("status", json!("charge_refunded")),
            ("status", Value::Null),
            ("amount", json!(0)),
            ("amount", json!("1500")),
            ("currency", json!("usd")),
            ("currency", Value::Null),
            ("payment_intent", json!("pi_2")),
            ("payment_intent", Value::Null),
            ("id", json!("re_0")),
            ("id", json!("du/1")),
        ] {
            let odd = with(dispute("du_1", "lost"), name, value.clone());
            assert_eq!(seen_of(&charge(), &[good()], &[odd]).name(), "unknown", "{name} {value}");
        }
    }

    #[test]
    fn a_list_says_that_something_is_missing_only_where_it_is_whole_and_the_charge_agrees() {
        let part = || in_euro(refund("re_1", 500, "succeeded"));
        assert!(seen(&refunded(500), &[part()], &[]).is_whole);
        assert!(seen(&refunded(0), &[part()], &[]).is_whole, "it was made since the charge was read");
        assert!(!seen(&refunded(501), &[part()], &[]).is_whole, "the charge knows of more");
        let disputed = with(charge(), "disputed", json!(true));
        assert!(!seen(&disputed, &[], &[]).is_whole, "the charge knows of a dispute");
        assert!(seen(&disputed, &[], &[dispute("du_1", "won")]).is_whole);
        assert!(!pages::<Refund>(&[part()], true).unwrap().is_whole);
        for list in
            [json!({ "data": [] }), json!({ "has_more": false }), json!([]), json!({ "data": {}, "has_more": false })]
        {
            assert!(page::<Refund>(&answer(200, &list.to_string())).is_err(), "{list}");
        }
    }

    #[test]
    fn a_charge_that_is_not_the_payments_shows_nothing() {
        let attempt = crate::tests::attempt("stripe", "cs_1", 1_500, "EUR");
        let read = |payment: &str, body: &str| {
            let payment = Payment::new(payment, format!("stripe#{payment}"), attempt.money);
            charge_of(&answer(200, body), &attempt, &payment).map(|_| ()).map_err(|answer| answer.name())
        };
        let whole = session(&intent(&charge()), 1500);
        assert_eq!(read("pi_1", &whole), Ok(()));
        assert_eq!(read("pi_2", &whole), Err("unknown"));
        assert_eq!(read("pi_1", &whole.replace("cs_1", "cs_2")), Err("unknown"));
        assert_eq!(read("pi_1", &session(&json!("pi_1"), 1500)), Err("unknown"));
        assert_eq!(read("pi_1", &session(&json!({ "id": "pi_1", "status": "succeeded" }), 1500)), Err("unknown"));
        assert_eq!(read("pi_1", "<html>"), Err("unknown"));
    }

    #[test]
    fn a_refused_question_about_what_became_of_a_payment_says_nothing_of_it() {
        let attempt = crate::tests::attempt("stripe", "cs_1", 1_500, "EUR");
        let payment = Payment::new("pi_1", "stripe#pi_1", attempt.money);
        let error = |code: Value| json!({ "error": { "type": "invalid_request_error", "code": code } }).to_string();
        for (status, code, expected) in [
            (401, json!("api_key_expired"), "account_refused"),
            (403, Value::Null, "account_refused"),
            (404, json!("resource_missing"), "unknown"),
            (400, json!("parameter_unknown"), "unknown"),
            (429, json!("rate_limit"), "unknown"),
            (500, Value::Null, "unknown"),
        ] {
            let answer = answer(status, &error(code));
            assert_eq!(charge_of(&answer, &attempt, &payment).unwrap_err().name(), expected, "{status}");
            assert_eq!(page::<Dispute>(&answer).unwrap_err().answer().name(), expected, "{status}");
        }
        let forbidden = answer(403, &error(Value::Null));
        assert!(matches!(page::<Dispute>(&forbidden), Err(NotListed::Forbidden(_))), "it may not read this list alone");
        assert!(matches!(page::<Dispute>(&answer(401, &error(Value::Null))), Err(NotListed::Refused(_))));
    }
}

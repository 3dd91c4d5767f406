//! Zarinpal v4. Source: zarinpal.com/docs and the official PHP and Node SDKs.
//!
//! What is special here: verifying takes the money and may be repeated (100 first, 101 afterwards); the browser's
//! return is unsigned and there is no webhook; HTTP statuses below 500 do not depend on the outcome, only the JSON
//! does. Reversing undoes a whole payment for half an hour. After that, and in parts, money goes back by the panel's own API,
//! which speaks GraphQL, knows sessions by another number, and needs an access token.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::gateway::{AccountCheck, Fee, FeePayer, Finding, GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::link::{Attempt, Checkout, OpenedSession, Refund, RefundBy, RefundState};
use domain::link::{Hint, ReturnData};
use domain::records::credentials::Credentials;
use jiff::SignedDuration;
use outbound::Answer;
use serde_json::{Value, json};

use crate::{
    BeginError, CheckOrder, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, RefundOrder, Unconfirmed,
    at_most, not_paid, terminal, unknown, whole,
};

/// The longest description that the gateway takes, in characters.
const LONGEST_DESCRIPTION: usize = 500;

/// A list of unverified authorities has at most this many. Older ones are left out.
const LONGEST_LIST: usize = 100;

/// A successful transaction can be reversed for this long.
const REVERSIBLE_FOR: SignedDuration = SignedDuration::from_mins(30);

/// The smallest sum in rial that the panel refunds.
const SMALLEST_REFUND: i64 = 20_000;

/// How the panel sends money: in a batch of the banks, within a working day or two. The other way is for some cards only.
const REFUND_BY: &str = "PAYA";

/// Why it does. The other words blame the customer or somebody else.
const REFUND_REASON: &str = "OTHER";

/// Codes and words of the other side go into answers of ours with at most this many characters.
const LONGEST_WORD: usize = 64;

/// The panel's clock may be behind ours by this much.
const CLOCK_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// The fields of a session of the panel. That it has a timeline of its refund is concluded from the answer to a refund,
/// which is the session; clients report it, and no document says so.
macro_rules! panel_session {
    () => {
        "{ id, status, amount, timeline { refund_amount, refund_time, refund_status } }"
    };
}

/// Finds the session of a payment. The official SDK names the terminal too; clients that leave it out are reported.
const FIND_SESSION: &str =
    concat!("query Sessions($reference_id: String) { Session(reference_id: $reference_id) ", panel_session!(), " }");
const FIND_SESSION_OF_TERMINAL: &str = concat!(
    "query Sessions($terminal_id: ID!, $reference_id: String) ",
    "{ Session(terminal_id: $terminal_id, reference_id: $reference_id) ",
    panel_session!(),
    " }"
);

/// Refunds the payment of a session.
const ADD_REFUND: &str = "mutation AddRefund($session_id: ID!, $amount: BigInteger!, $description: String, \
    $method: InstantPayoutActionTypeEnum, $reason: RefundReasonEnum) { resource: AddRefund(session_id: $session_id, \
    amount: $amount, description: $description, method: $method, reason: $reason) { terminal_id, id, amount, \
    timeline { refund_amount, refund_time, refund_status } } }";

pub(crate) struct Zarinpal<'a>(pub(crate) GatewayClient<'a>);

/// An answer of any call: what it says, or the code of its error.
#[derive(Debug, PartialEq)]
enum Reply {
    Data(Value),
    Error {
        code: i64,
        trouble: Trouble,
    },
    /// Nothing that can be read, so it means nothing.
    Unreadable(String),
}

/// What an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The same call may succeed later.
    Passing,
    /// The same for every call of the account.
    Account,
    /// This one session, or this one call.
    Session,
}

/// An answer of the panel's API.
#[derive(Debug, PartialEq)]
enum PanelReply {
    Data(Value),
    /// A readable no to this very call: nothing was done.
    Refused {
        code: String,
        why: String,
    },
    /// The access token is not taken.
    AccountRefused {
        code: String,
    },
    Unreadable(String),
}

/// A session as the panel knows it.
#[derive(Debug, PartialEq)]
struct PanelSession {
    id: String,
    amount: Option<i64>,
    /// Whether the panel says of the session itself that its money went back, in whatever way.
    is_returned: bool,
    /// The refunds that it shows, the last one at the end. It may be no more than the last.
    refunds: Vec<PanelRefund>,
}

/// A refund of a session of the panel.
#[derive(Debug, PartialEq)]
struct PanelRefund {
    status: PanelRefundStatus,
    amount: Option<i64>,
    at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PanelRefundStatus {
    /// Taken and not finished. One word of the panel is documented, and it is this one; what nobody knows counts as it.
    Pending,
    Done,
    Failed,
}

/// What a session is asked for with.
struct Wanted<'a> {
    amount: i64,
    description: &'a str,
    return_url: &'a str,
    order_id: &'a str,
}

impl Wanted<'_> {
    fn body(&self, credentials: &Credentials) -> Value {
        json!({
            "merchant_id": merchant(credentials),
            "amount": self.amount,
            // Left out, it would be Rial too; said, nobody has to know that.
            "currency": "IRR",
            "description": at_most(self.description, LONGEST_DESCRIPTION),
            "callback_url": self.return_url,
            // The panel can have the gateway verify by itself, and this overrides it: money that a link cannot keep is
            // to go back by itself.
            "metadata": { "order_id": self.order_id, "auto_verify": false },
        })
    }
}

impl GatewayAdapter for Zarinpal<'_> {
    const LIVE: DefaultEndpoints = DefaultEndpoints {
        refunds: "https://next.zarinpal.com",
        ..DefaultEndpoints::at("https://payment.zarinpal.com")
    };
    // The panel's API is at the sandbox too, as clients report.
    const SANDBOX: DefaultEndpoints = DefaultEndpoints::at("https://sandbox.zarinpal.com");

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let attempt = order.attempt.id();
        let wanted = Wanted {
            amount: order.attempt.money.minor_units(),
            description: order.description,
            return_url: order.return_url,
            order_id: attempt.as_str(),
        };
        let body = wanted.body(credentials);
        match self.call("request", body).await {
            Reply::Data(data) => {
                let authority = data.get("authority").and_then(Value::as_str).filter(|text| is_authority(text));
                let Some(authority) = authority else {
                    return Err(BeginError::Unavailable { why: "an answer without an authority".to_owned() });
                };
                Ok(OpenedSession {
                    session: authority.to_owned(),
                    checkout: Checkout::link(format!("{}/pg/StartPay/{authority}", self.0.endpoint.pages)),
                })
            }
            Reply::Error { code, trouble: Trouble::Passing } => {
                Err(BeginError::Unavailable { why: format!("code {code}") })
            }
            Reply::Error { code, trouble: Trouble::Account | Trouble::Session } => {
                Err(BeginError::Refused { code: code.to_string() })
            }
            Reply::Unreadable(why) => Err(BeginError::Unavailable { why }),
        }
    }

    /// Asks for a session, in which nobody can pay who does not know its authority.
    async fn check(&self, order: &CheckOrder<'_>, credentials: &Credentials) -> AccountCheck {
        let wanted = Wanted {
            amount: order.money.minor_units(),
            description: order.description,
            return_url: order.return_url,
            order_id: order.reference,
        };
        match self.call("request", wanted.body(credentials)).await {
            Reply::Data(_) => AccountCheck::accepted(),
            Reply::Error { code, trouble } => check_refused(code, trouble),
            Reply::Unreadable(_) => AccountCheck::unanswered(),
        }
    }

    /// Verifies: from here on the money is ours. What was verified before answers the same again.
    async fn confirm(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        Some(self.verify(attempt, credentials).await)
    }

    /// Inquires. Only an authority that somebody verified already is verified here, which tells its reference and moves
    /// nothing.
    async fn look_up(
        &self,
        attempt: &Attempt,
        _: &ReturnData,
        credentials: &Credentials,
        _: Timestamp,
    ) -> GatewayAnswer {
        match self.inquire(attempt, credentials).await {
            Ok(status) => match status.as_str() {
                "IN_BANK" => GatewayAnswer::Pending,
                "PAID" => GatewayAnswer::Unconfirmed,
                "VERIFIED" => self.verify(attempt, credentials).await,
                // One word stands for everything that is no payment.
                "FAILED" => not_paid(NotPaidCause::Unspecified, "failed"),
                "REVERSED" => GatewayAnswer::Returned,
                _ => unknown("a status that is not documented"),
            },
            Err(answer) => answer,
        }
    }

    /// Asks the session, and the panel where a refund of ours may be there: only then can it know more.
    async fn find_refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let token = credentials.expose("access_token");
        let inquired = self.inquire(order.attempt, credentials).await;
        let token = match found_in_session(inquired, order, token) {
            Ok(token) => token,
            Err(answer) => return answer,
        };
        match self.panel_session(order, credentials, token).await {
            Ok(session) => session.and_then(|session| refund_of(&session, order)).unwrap_or(RefundAnswer::Unlisted),
            Err(answer) => answer,
        }
    }

    /// Reverses a whole payment, and refunds by the panel what cannot be reversed, where the account has a token of it and the
    /// sum is large enough. The first call for a whole payment does no more than reverse where that is possible, so that it
    /// can be repeated until its answer is known; the call after it may refund, and is the last. The first call for a part
    /// refunds, and is the last too.
    async fn refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let token = credentials.expose("access_token").filter(|_| order.refund.amount >= SMALLEST_REFUND);
        if !order.is_alone() {
            return match token {
                Some(token) => self.refund_by_panel(order, credentials, token).await,
                None => refused_without_token("zarinpal_refund_without_token".to_owned(), order),
            };
        }
        if let Some(token) = token.filter(|_| is_too_late_to_reverse(order)) {
            return self.refund_by_panel(order, credentials, token).await;
        }
        match (self.reverse(order.attempt, credentials).await, token) {
            (RefundAnswer::Refused { .. }, Some(token)) if order.refund.calls > 1 => {
                self.refund_by_panel(order, credentials, token).await
            }
            (RefundAnswer::Refused { .. }, Some(_)) => RefundAnswer::Absent,
            (RefundAnswer::Refused { code }, None) => refused_without_token(code, order),
            (answer, _) => answer,
        }
    }

    /// The authorities of this merchant in which somebody has paid and nobody has verified: the last hundred of them.
    async fn unconfirmed(&self, credentials: &Credentials) -> Option<Result<Unconfirmed, String>> {
        Some(match self.call("unVerified", json!({ "merchant_id": merchant(credentials) })).await {
            Reply::Data(data) => unverified(&data).ok_or_else(|| "a list that cannot be read".to_owned()),
            Reply::Error { code, .. } => Err(format!("code {code}")),
            Reply::Unreadable(why) => Err(why),
        })
    }

    fn read_return(fields: &Fields, _: &Attempt, _: &Credentials) -> ReturnData {
        ReturnData::from(match fields.get("Status") {
            Some(status) if status.eq_ignore_ascii_case("OK") => Hint::Paid,
            Some(_) => Hint::NotPaid,
            None => Hint::Nothing,
        })
    }
}

impl Zarinpal<'_> {
    async fn verify(&self, attempt: &Attempt, credentials: &Credentials) -> GatewayAnswer {
        let body = json!({
            "merchant_id": merchant(credentials),
            "amount": attempt.money.minor_units(),
            "authority": attempt.session,
        });
        match self.call("verify", body).await {
            Reply::Data(data) => paid(&data, attempt, credentials),
            // Not paid, archived and not found say neither whether it still may be paid nor whether the money went back.
            Reply::Error { code: -51 | -54 | -55, .. } => match self.inquire(attempt, credentials).await {
                Ok(status) => match status.as_str() {
                    "IN_BANK" => GatewayAnswer::Pending,
                    // One word stands for everything that is no payment.
                    "FAILED" => not_paid(NotPaidCause::Unspecified, "failed"),
                    "REVERSED" => GatewayAnswer::Returned,
                    _ => unknown("verify and inquiry contradict each other"),
                },
                Err(answer) => answer,
            },
            Reply::Error { code: -50, .. } => GatewayAnswer::WrongAmount { got: None },
            Reply::Error { code, trouble } => refusal(code, trouble),
            Reply::Unreadable(why) => unknown(&why),
        }
    }

    async fn inquire(&self, attempt: &Attempt, credentials: &Credentials) -> Result<String, GatewayAnswer> {
        let body = json!({ "merchant_id": merchant(credentials), "authority": attempt.session });
        match self.call("inquiry", body).await {
            Reply::Data(data) => match data.get("status").and_then(Value::as_str) {
                Some(status) => Ok(status.to_uppercase()),
                None => Err(unknown("an inquiry without a status")),
            },
            Reply::Error { code, trouble } => Err(refusal(code, trouble)),
            Reply::Unreadable(why) => Err(unknown(&why)),
        }
    }

    /// Possible for half an hour, from an address that the merchant registered.
    async fn reverse(&self, attempt: &Attempt, credentials: &Credentials) -> RefundAnswer {
        let body = json!({ "merchant_id": merchant(credentials), "authority": attempt.session });
        match self.call("reverse", body).await {
            // Not successful, or reversed before: our own earlier call may have done it.
            Reply::Error { code: -61, .. } => match self.inquire(attempt, credentials).await {
                Ok(status) if status == "REVERSED" => RefundAnswer::Succeeded { reference: None },
                // An earlier reversal may have been made and not be shown yet: nothing else may give it back meanwhile.
                Ok(_) => RefundAnswer::Unknown { why: "-61, and the session is not reversed".to_owned() },
                Err(_) => RefundAnswer::Unknown { why: "the inquiry after -61 was not answered".to_owned() },
            },
            reply => reversed(reply),
        }
    }

    /// Has the panel refund, unless it shows that no more can go back. Nothing that it shows can be this refund, because no
    /// call of it went to the panel before; where no link keeps the money, whatever gave all of it back counts.
    async fn refund_by_panel(&self, order: &RefundOrder<'_>, credentials: &Credentials, token: &str) -> RefundAnswer {
        let session = match self.panel_session(order, credentials, token).await {
            Ok(Some(session)) => session,
            Ok(None) => return RefundAnswer::Refused { code: "zarinpal_refund_without_session".to_owned() },
            Err(answer) => return answer,
        };
        if let Some(answer) = before_refunding(&session, order) {
            return answer;
        }
        let variables = json!({
            "session_id": session.id,
            "amount": order.refund.amount,
            "description": order.refund.id.as_str(),
            "method": REFUND_BY,
            "reason": REFUND_REASON,
        });
        match self.ask_panel(ADD_REFUND, variables, token).await {
            PanelReply::Data(data) => match data.get("resource").and_then(panel_session) {
                Some(resource) => added(&resource, &session.id, order),
                None => RefundAnswer::Unknown { why: "a refund without its session".to_owned() },
            },
            PanelReply::Refused { code, why: _ } if !order.takes_any() => RefundAnswer::Refused { code },
            // What was refunded meanwhile is refused too.
            PanelReply::Refused { code, why: _ } => match self.panel_session(order, credentials, token).await {
                Ok(found) => {
                    let found = found.and_then(|session| refund_of(&session, order));
                    found.unwrap_or(RefundAnswer::Refused { code })
                }
                Err(answer) => answer,
            },
            PanelReply::AccountRefused { code } => RefundAnswer::AccountRefused { code },
            PanelReply::Unreadable(why) => RefundAnswer::Unknown { why },
        }
    }

    /// The session of a payment as the panel knows it. Where there is not exactly one, there is none that could be
    /// refunded.
    async fn panel_session(
        &self,
        order: &RefundOrder<'_>,
        credentials: &Credentials,
        token: &str,
    ) -> Result<Option<PanelSession>, RefundAnswer> {
        let reference = &order.payment.reference;
        let (query, variables) = match credentials.expose("terminal_id") {
            Some(terminal) => (FIND_SESSION_OF_TERMINAL, json!({ "terminal_id": terminal, "reference_id": reference })),
            None => (FIND_SESSION, json!({ "reference_id": reference })),
        };
        let data = match self.ask_panel(query, variables, token).await {
            PanelReply::Data(data) => data,
            PanelReply::AccountRefused { code } => return Err(RefundAnswer::AccountRefused { code }),
            PanelReply::Refused { code: _, why } | PanelReply::Unreadable(why) => {
                return Err(RefundAnswer::Unknown { why });
            }
        };
        let Some(sessions) = data.get("Session").and_then(Value::as_array) else {
            return Err(RefundAnswer::Unknown { why: "a list of sessions that cannot be read".to_owned() });
        };
        let is_it = |session: &PanelSession| session.amount == Some(order.payment.money.minor_units());
        let mut found: Vec<PanelSession> = sessions.iter().filter_map(panel_session).filter(is_it).collect();
        Ok(found.pop().filter(|_| found.is_empty()))
    }

    async fn ask_panel(&self, query: &str, variables: Value, token: &str) -> PanelReply {
        let request = http::Request::post(format!("{}/api/v4/graphql/", self.0.endpoint.refunds))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {token}"));
        match self.0.send(request, json!({ "query": query, "variables": variables }).to_string()).await {
            Ok(answer) => read_panel(&answer),
            Err(why) => PanelReply::Unreadable(why),
        }
    }

    async fn call(&self, name: &str, body: Value) -> Reply {
        let request = http::Request::post(format!("{}/pg/v4/payment/{name}.json", self.0.endpoint.api))
            .header("content-type", "application/json")
            .header("accept", "application/json");
        match self.0.send(request, body.to_string()).await {
            Ok(answer) => read(&answer),
            Err(why) => Reply::Unreadable(why),
        }
    }
}

/// Decides on the JSON alone, unless the status says that the other side has trouble: then nobody knows what was done,
/// whatever the JSON says. `data` is an object with a code, or `[]` or `{}`; `errors` is an object with a code, a list
/// of such objects, or a map from a field to `[message, code]`. Codes are numbers or strings.
fn read(answer: &Answer) -> Reply {
    if answer.status >= 500 {
        return Reply::Unreadable(format!("status {}", answer.status));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Reply::Unreadable(format!("status {} without JSON", answer.status));
    };
    match body.get("data").and_then(|data| data.get("code")).and_then(whole) {
        Some(100 | 101) => return Reply::Data(body.get("data").cloned().unwrap_or_default()),
        Some(code) => return Reply::Error { code, trouble: trouble(code, body.get("errors")) },
        None => {}
    }
    match body.get("errors").and_then(error_code) {
        Some(code) => Reply::Error { code, trouble: trouble(code, body.get("errors")) },
        None => Reply::Unreadable(format!("status {} with JSON of an unknown form", answer.status)),
    }
}

fn error_code(errors: &Value) -> Option<i64> {
    match errors {
        Value::Object(fields) => fields
            .get("code")
            .and_then(whole)
            .or_else(|| fields.values().find_map(|value| value.as_array()?.iter().rev().find_map(whole))),
        Value::Array(list) => list.iter().find_map(|entry| entry.get("code").and_then(whole)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn paid(data: &Value, attempt: &Attempt, credentials: &Credentials) -> GatewayAnswer {
    if names_another(data.get("order_id"), attempt) {
        return GatewayAnswer::SessionRefused { code: "another_session".to_owned() };
    }
    let reference = match data.get("ref_id") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) if !text.trim().is_empty() => at_most(text.trim(), LONGEST_WORD),
        _ => return unknown("a verified payment without a reference"),
    };
    GatewayAnswer::Paid(Payment {
        // References are unique within a terminal, and two accounts may share one. The merchant id itself stays out of keys.
        claim: format!("zarinpal#{}#{reference}", terminal(merchant(credentials))),
        reference,
        // The gateway compares the amount itself and answers -50 where it differs.
        money: attempt.money,
        masked_card: data
            .get("card_pan")
            .and_then(Value::as_str)
            .filter(|pan| pan.contains('*'))
            .map(|pan| at_most(pan, LONGEST_WORD)),
        fee: fee(data),
        terminal: None,
        gateway_paid_at: None,
    })
}

/// Whether an answer names the order of another attempt than ours. One that names none says nothing about it.
fn names_another(order: Option<&Value>, attempt: &Attempt) -> bool {
    match order {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty() && text.trim() != attempt.id.as_str(),
        Some(Value::Number(number)) => number.to_string() != attempt.id.as_str(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => true,
    }
}

/// In rial, as the session is.
fn fee(data: &Value) -> Option<Fee> {
    let amount = data.get("fee").and_then(whole).filter(|amount| *amount >= 0)?;
    let payer = match data.get("fee_type").and_then(Value::as_str) {
        Some("Merchant") => Some(FeePayer::Merchant),
        Some("Payer") => Some(FeePayer::Customer),
        Some(_) | None => None,
    };
    Some(Fee { amount, payer })
}

/// An entry without an authority makes the whole list unreadable: what is missing from it must not look unpaid.
fn unverified(data: &Value) -> Option<Unconfirmed> {
    let entries = data.get("authorities")?.as_array()?;
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let session = |entry: &Value| Some((text(entry, "authority")?, text(entry, "callback_url")));
    let sessions: Option<BTreeMap<String, Option<String>>> = entries.iter().map(session).collect();
    Some(Unconfirmed { sessions: sessions?, is_whole: entries.len() < LONGEST_LIST })
}

fn refusal(code: i64, trouble: Trouble) -> GatewayAnswer {
    match trouble {
        Trouble::Passing => unknown(&format!("code {code}")),
        Trouble::Account => GatewayAnswer::AccountRefused { code: code.to_string() },
        Trouble::Session => GatewayAnswer::SessionRefused { code: code.to_string() },
    }
}

/// What a refused request says of the account. A domain is compared with that of the merchant, who is known by then. That
/// the merchant is inactive, suspended, of too low a level or may not transact is told by the credentials that name it.
fn check_refused(code: i64, trouble: Trouble) -> AccountCheck {
    let text = code.to_string();
    match (code, trouble) {
        (-10, _) => {
            let either = || Finding::RefusedWithAnother { code: text.clone() };
            AccountCheck { credentials: either(), server_address: either(), ..AccountCheck::not_reached(&text) }
        }
        (-14 | -18, _) => AccountCheck { credentials: Finding::Accepted, ..AccountCheck::callback_host_refused(text) },
        (-9, Trouble::Account) | (-11 | -15 | -16 | -17 | -19, _) => AccountCheck::credentials_refused(text),
        (_, Trouble::Passing | Trouble::Account | Trouble::Session) => AccountCheck::not_reached(&text),
    }
}

/// Too many attempts (-12) and an unexpected error on their side (-52) pass. The codes from -10 to -19 are about merchant,
/// address, domain, terminal and level; a call that is not valid (-9) is the account's trouble where it names the merchant.
fn trouble(code: i64, errors: Option<&Value>) -> Trouble {
    match code {
        -12 | -52 => Trouble::Passing,
        -11 | -10 | -19..=-13 => Trouble::Account,
        -9 if errors.is_some_and(names_merchant) => Trouble::Account,
        _ => Trouble::Session,
    }
}

fn names_merchant(errors: &Value) -> bool {
    match errors {
        Value::Object(fields) => {
            fields.contains_key("merchant_id") || fields.get("validations").is_some_and(names_merchant)
        }
        Value::Array(list) => list.iter().any(names_merchant),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether the payment is older than what can be reversed, as far as we know. Where we do not, the gateway says so.
fn is_too_late_to_reverse(order: &RefundOrder<'_>) -> bool {
    let RefundState::Calling { since } = &order.refund.state else { return false };
    order.attempt.confirmed_since().is_some_and(|at| since.duration_since(at) >= REVERSIBLE_FOR)
}

/// Whether a call of this refund may have been more than a reverse, see [`Zarinpal::refund`]. A second such call could
/// refund a second time. Small sums are never more than reversed, and parts never less than refunded.
fn may_have_refunded(order: &RefundOrder<'_>) -> bool {
    let RefundOrder { link: _, attempt: _, payment: _, refund } = *order;
    let may_have_called = if order.is_alone() {
        refund.calls > 1 || refund.calls == 1 && is_too_late_to_reverse(order)
    } else {
        refund.calls > 0
    };
    refund.gateway_reference.is_some() || refund.amount >= SMALLEST_REFUND && may_have_called
}

/// What the session alone says of a refund, or the token with which the panel has to be asked. A session that was reversed
/// went back whole, which is this refund's doing only where it is of the whole.
fn found_in_session<'a>(
    inquired: Result<String, GatewayAnswer>,
    order: &RefundOrder<'_>,
    token: Option<&'a str>,
) -> Result<&'a str, RefundAnswer> {
    let may_have_refunded = may_have_refunded(order);
    let may_have_reversed = order.takes_any() || order.is_alone() && order.refund.calls > 0;
    match (inquired, token) {
        (Ok(status), _) if status == "REVERSED" && may_have_reversed => {
            Err(RefundAnswer::Succeeded { reference: None })
        }
        (Ok(status), _) if status == "REVERSED" => Err(RefundAnswer::Refused { code: "zarinpal_reversed".to_owned() }),
        (Ok(_), _) if !may_have_refunded => Err(RefundAnswer::Absent),
        // The panel may have done it, with credentials that were others then: whoever reverses now could pay twice.
        (Ok(_), None) => Err(RefundAnswer::Unlisted),
        (Ok(_), Some(token)) => Ok(token),
        // The panel knows sessions longer, and by another number.
        (Err(GatewayAnswer::SessionRefused { .. }), Some(token)) if may_have_refunded => Ok(token),
        (Err(GatewayAnswer::SessionRefused { code }), _) => {
            Err(RefundAnswer::Unknown { why: format!("code {code} of the inquiry about a refund") })
        }
        (Err(GatewayAnswer::AccountRefused { code }), _) => {
            Err(RefundAnswer::AccountRefused { code: format!("zarinpal_{code}") })
        }
        (Err(_), _) => Err(RefundAnswer::Unknown { why: "the inquiry about a refund was not answered".to_owned() }),
    }
}

/// What an answer to a reverse means. That a payment cannot be reversed (-60), not from this address (-62), or not any
/// more (-63) is a readable no; after every other code an earlier call of ours may have reversed it.
fn reversed(reply: Reply) -> RefundAnswer {
    match reply {
        Reply::Data(_) => RefundAnswer::Succeeded { reference: None },
        Reply::Error { code: code @ (-60 | -62 | -63), .. } => {
            RefundAnswer::Refused { code: format!("zarinpal_{code}") }
        }
        Reply::Error { code, trouble: Trouble::Account } => {
            RefundAnswer::AccountRefused { code: format!("zarinpal_{code}") }
        }
        Reply::Error { code, trouble: Trouble::Passing | Trouble::Session } => {
            RefundAnswer::Unknown { why: format!("code {code}") }
        }
        Reply::Unreadable(why) => RefundAnswer::Unknown { why },
    }
}

/// What follows where a payment cannot be reversed and there is no token. Other credentials can have one; but an
/// earlier call may have been made with those, and what became of it is not known here.
fn refused_without_token(code: String, order: &RefundOrder<'_>) -> RefundAnswer {
    if order.refund.amount < SMALLEST_REFUND {
        RefundAnswer::Refused { code }
    } else if order.refund.calls <= 1 {
        RefundAnswer::CredentialsMissing { code }
    } else {
        RefundAnswer::Unknown { why: format!("{code}, without an access token") }
    }
}

/// Why the panel is not asked to refund, where what it shows says that it must not be.
fn before_refunding(session: &PanelSession, order: &RefundOrder<'_>) -> Option<RefundAnswer> {
    if order.takes_any() {
        return refund_of(session, order).filter(|found| !matches!(found, RefundAnswer::Failed { .. }));
    }
    let alive = || session.refunds.iter().filter(|refund| refund.status != PanelRefundStatus::Failed);
    let shown = alive().try_fold(0_i64, |sum, refund| sum.checked_add(refund.amount?));
    let Some(shown) = shown else {
        return Some(RefundAnswer::Unknown { why: "a refund of the panel without an amount".to_owned() });
    };
    // The panel may show the last one only, and what we know of ours is more then.
    let ours = order.others().fold(0_i64, |sum, other| sum.saturating_add(other.takes()));
    let whole = order.payment.money.minor_units();
    let is_all_gone = session.is_returned && alive().next().is_none();
    let is_too_much = whole.saturating_sub(shown.max(ours)) < order.refund.amount;
    (is_all_gone || is_too_much).then(|| RefundAnswer::Refused { code: "zarinpal_too_little_left".to_owned() })
}

/// What the panel says of a refund. One that failed is this one's outcome only where it is this one.
fn refund_of(session: &PanelSession, order: &RefundOrder<'_>) -> Option<RefundAnswer> {
    if !order.is_alone() {
        return one_of_several(session, order);
    }
    let returned = || RefundAnswer::Succeeded { reference: Some(at_most(&session.id, LONGEST_WORD)) };
    let Some(refund) = session.refunds.last() else { return session.is_returned.then(returned) };
    if refund.amount.is_some_and(|amount| amount < order.payment.money.minor_units()) {
        return Some(RefundAnswer::Unknown { why: "a part of the payment was refunded".to_owned() });
    }
    let is_older = refund.at.is_some_and(|at| at < earliest(order.refund));
    match refund.status {
        PanelRefundStatus::Failed if is_older || order.refund.gateway_reference.is_none() => {
            session.is_returned.then(returned)
        }
        PanelRefundStatus::Failed if session.is_returned => {
            Some(RefundAnswer::Unknown { why: "a session that was returned by a refund that failed".to_owned() })
        }
        PanelRefundStatus::Failed | PanelRefundStatus::Pending | PanelRefundStatus::Done => {
            Some(answer_of(Some(refund.status), &session.id))
        }
    }
}

/// What the panel says of one refund among others of a payment. It shows nothing of ours on them, so that one is known by its
/// amount and by when it was made; and it may show the last one only. Of as many as there are of ours with the same amount,
/// the order says which is which, because ours are asked for one after the other. Where one is missing, it may be this one, and
/// nothing is said of it: a second call could refund a second time.
fn one_of_several(session: &PanelSession, order: &RefundOrder<'_>) -> Option<RefundAnswer> {
    let RefundOrder { link: _, attempt, payment: _, refund } = *order;
    let fits = |shown: &&PanelRefund| {
        shown.amount.is_none_or(|amount| amount == refund.amount) && shown.at.is_none_or(|at| at >= earliest(refund))
    };
    let fitting: Vec<&PanelRefund> = session.refunds.iter().filter(fits).collect();
    let went_to_panel = |one: &&Refund| {
        let was_refused = one.gateway_reference.is_none() && matches!(one.state, RefundState::Failed { .. });
        one.method == RefundBy::Gateway && one.calls > 0 && !was_refused
    };
    let same: Vec<&Refund> =
        attempt.refunds.iter().filter(went_to_panel).filter(|one| one.amount == refund.amount).collect();
    let place = same.iter().position(|one| one.id == refund.id)?;
    let statuses = || fitting.iter().map(|shown| shown.status);
    let is_last = attempt.refunds.iter().rfind(went_to_panel).is_some_and(|one| one.id == refund.id);
    let status = if fitting.len() == same.len() {
        fitting.get(place)?.status
    } else if fitting.len() > same.len() {
        // Somebody refunded as much in the panel. Which of them is this one does not matter where all are at the same point.
        let first = statuses().next()?;
        if statuses().all(|status| status == first) { first } else { PanelRefundStatus::Pending }
    } else if is_last && refund.gateway_reference.is_some() {
        // The panel took it, and nothing of ours after it, and shows the last one.
        statuses().next_back()?
    } else {
        return None;
    };
    // A failure is this one's only where the panel is known to have taken it.
    let is_of_another = status == PanelRefundStatus::Failed && refund.gateway_reference.is_none();
    (!is_of_another).then(|| answer_of(Some(status), &session.id))
}

/// The earliest time at which a refund of ours can have been made.
fn earliest(refund: &Refund) -> Timestamp {
    refund.created_at.checked_sub(CLOCK_MARGIN).unwrap_or(Timestamp::MIN)
}

/// What the panel says when it takes a refund. A failure in its answer that is not surely this refund's is that of one
/// before it, and this one was taken. Of one among others no more is concluded than that: the panel may show another.
fn added(resource: &PanelSession, session: &str, order: &RefundOrder<'_>) -> RefundAnswer {
    if !order.is_alone() {
        return answer_of(None, session);
    }
    let is_this_one = |refund: &&PanelRefund| {
        refund.status != PanelRefundStatus::Failed || refund.at.is_some_and(|at| at >= order.refund.created_at)
    };
    answer_of(resource.refunds.last().filter(is_this_one).map(|refund| refund.status), session)
}

/// A refund without a status was taken, and no more is known of it.
fn answer_of(status: Option<PanelRefundStatus>, session: &str) -> RefundAnswer {
    let reference = at_most(session, LONGEST_WORD);
    match status {
        Some(PanelRefundStatus::Done) => RefundAnswer::Succeeded { reference: Some(reference) },
        Some(PanelRefundStatus::Failed) => {
            RefundAnswer::Failed { reference: Some(reference), code: "zarinpal_refund_failed".to_owned() }
        }
        Some(PanelRefundStatus::Pending) | None => RefundAnswer::Accepted { reference },
    }
}

/// Reads an answer of the panel. Its errors come with status 200 too, each with a category.
fn read_panel(answer: &Answer) -> PanelReply {
    if matches!(answer.status, 401 | 403) {
        return PanelReply::AccountRefused { code: format!("zarinpal_refund_{}", answer.status) };
    }
    let body = serde_json::from_slice::<Value>(&answer.body).ok().filter(|_| answer.status < 500);
    let Some(body) = body else {
        return PanelReply::Unreadable(format!("status {} of the panel without JSON", answer.status));
    };
    if let Some(errors) = body.get("errors").filter(|errors| !errors.is_null()) {
        let category = errors.get(0).and_then(|error| error.get("extensions")).and_then(|extensions| {
            extensions.get("category").or_else(|| extensions.get("code"))?.as_str().map(str::to_lowercase)
        });
        let category = category.map(|word| at_most(&word, LONGEST_WORD));
        let code = format!("zarinpal_refund_{}", category.as_deref().unwrap_or("error"));
        let message = errors.get(0).and_then(|error| error.get("message")).and_then(Value::as_str).unwrap_or_default();
        let why = format!("a GraphQL error, {code}: {}", at_most(message, LONGEST_WORD));
        return match category.as_deref() {
            Some("authentication" | "authorization" | "unauthenticated" | "forbidden") => {
                PanelReply::AccountRefused { code }
            }
            Some("validation" | "graphql" | "bad_user_input" | "graphql_validation_failed") => {
                PanelReply::Refused { code, why }
            }
            // Anything may have happened before it.
            Some(_) | None => PanelReply::Unreadable(why),
        };
    }
    match body.get("data") {
        Some(data @ Value::Object(_)) => PanelReply::Data(data.clone()),
        Some(_) | None => PanelReply::Unreadable(format!("status {} of the panel without data", answer.status)),
    }
}

/// A session of the panel. Its timeline is one entry, or a list of them with the last one at the end.
fn panel_session(value: &Value) -> Option<PanelSession> {
    let id = match value.get("id")? {
        Value::Number(number) => number.to_string(),
        Value::String(text) if !text.trim().is_empty() => text.clone(),
        _ => return None,
    };
    let refunds = match value.get("timeline") {
        Some(Value::Array(list)) => list.iter().filter_map(panel_refund).collect(),
        Some(entry) => panel_refund(entry).into_iter().collect(),
        None => Vec::new(),
    };
    let status = value.get("status").and_then(Value::as_str).map(|word| word.trim().to_uppercase());
    let is_returned = matches!(status.as_deref(), Some("REVERSED" | "REFUNDED"));
    Some(PanelSession { id, amount: value.get("amount").and_then(whole), is_returned, refunds })
}

fn panel_refund(entry: &Value) -> Option<PanelRefund> {
    let status = entry.get("refund_status")?.as_str()?.trim().to_uppercase();
    let status = match status.as_str() {
        "" => return None,
        "DONE" | "PAID" | "SUCCESS" | "SUCCEEDED" | "COMPLETED" | "REFUNDED" => PanelRefundStatus::Done,
        "FAILED" | "CANCELED" | "CANCELLED" | "REJECTED" => PanelRefundStatus::Failed,
        _ => PanelRefundStatus::Pending,
    };
    let at = entry.get("refund_time").and_then(Value::as_str).and_then(|text| text.parse().ok());
    Some(PanelRefund { status, amount: entry.get("refund_amount").and_then(whole), at })
}

fn merchant(credentials: &Credentials) -> &str {
    credentials.expose("merchant_id").unwrap_or_default()
}

/// `A` (production) or `S` (sandbox) and 35 letters or digits.
fn is_authority(text: &str) -> bool {
    text.len() == 36 && text.starts_with(['A', 'S']) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refunds::tests as ours;
    use domain::gateway::{GatewayKind, Mode};

    fn credentials() -> Credentials {
        let merchant = Fields::from([("merchant_id".to_owned(), "1344b5d4-0048-11e8-94db-005056a205be".to_owned())]);
        Credentials::parse(GatewayKind::Zarinpal, Mode::Live, merchant, "/credentials").unwrap()
    }

    fn reply(status: u16, body: &str) -> Reply {
        read(&Answer { status, retry_after: None, body: body.to_owned().into() })
    }

    #[test]
    fn every_form_of_answer_is_read_and_no_http_status_below_500_matters() {
        assert!(matches!(reply(422, r#"{"data":{"code":100,"authority":"x"},"errors":[]}"#), Reply::Data(_)));
        assert!(matches!(reply(200, r#"{"data":{"code":"101"},"errors":[]}"#), Reply::Data(_)));
        for body in [
            r#"{"data":{},"errors":{"message":"x","code":-51,"validations":[]}}"#,
            r#"{"data":[],"errors":{"message":"x","code":"-51"}}"#,
            r#"{"data":[],"errors":[{"code":-51}]}"#,
            r#"{"data":{"code":-51},"errors":[]}"#,
            r#"{"data":[],"errors":{"authority":["invalid","-51"]}}"#,
        ] {
            assert_eq!(reply(200, body), Reply::Error { code: -51, trouble: Trouble::Session }, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_means_nothing() {
        for (status, body) in [
            (502, "<html>Bad Gateway</html>"),
            (200, ""),
            (200, "[]"),
            (200, r#"{"data":[],"errors":[]}"#),
            (500, "null"),
            (500, r#"{"data":{"code":100,"ref_id":1},"errors":[]}"#),
            (503, r#"{"data":[],"errors":{"code":-60}}"#),
        ] {
            assert!(matches!(reply(status, body), Reply::Unreadable(_)), "{body}");
        }
    }

    #[test]
    fn trouble_with_one_session_is_never_the_accounts() {
        for (codes, expected) in [
            (vec![-12, -52], "unknown"),
            (vec![-10, -11, -13, -14, -15, -16, -17, -18, -19], "account_refused"),
            (vec![-9, -30, -51, -53, -54, -55, -60, -62], "session_refused"),
        ] {
            for code in codes {
                assert_eq!(refusal(code, trouble(code, None)).name(), expected, "{code}");
            }
        }
        let invalid = |field: &str| {
            reply(422, &format!(r#"{{"data":[],"errors":{{"code":-9,"validations":[{{"{field}":"is required"}}]}}}}"#))
        };
        assert_eq!(invalid("merchant_id"), Reply::Error { code: -9, trouble: Trouble::Account });
        assert_eq!(invalid("authority"), Reply::Error { code: -9, trouble: Trouble::Session });
    }

    #[test]
    fn the_return_is_read_whatever_its_case() {
        let query = |status: &str| Fields::from([("Status".to_owned(), status.to_owned())]);
        let attempt = crate::tests::attempt("zarinpal", "A1", 10_000, "IRR");
        let read = |fields: &Fields| Zarinpal::read_return(fields, &attempt, &credentials()).hint;
        assert_eq!(read(&query("ok")), Hint::Paid);
        assert_eq!(read(&query("NOK")), Hint::NotPaid);
        assert_eq!(read(&Fields::new()), Hint::Nothing);
    }

    #[test]
    fn a_full_list_says_nothing_about_what_is_missing_from_it() {
        let list = |many: usize| json!({ "authorities": vec![json!({ "authority": "A1", "amount": 10_000 }); many] });
        assert!(unverified(&list(99)).unwrap().is_whole);
        assert!(!unverified(&list(100)).unwrap().is_whole);
        let entry = json!({ "authority": "A2", "callback_url": "https://pay.example/return/zarinpal/x" });
        let named = unverified(&json!({ "authorities": [entry] })).unwrap();
        assert_eq!(named.sessions["A2"].as_deref(), Some("https://pay.example/return/zarinpal/x"));
        assert_eq!(unverified(&json!({ "authorities": [{ "amount": 1 }] })), None);
        assert_eq!(unverified(&json!({})), None);
    }

    #[test]
    fn a_payment_has_a_reference() {
        let attempt = crate::tests::attempt("zarinpal", "A1", 10_000, "IRR");
        let credentials = credentials();
        for (reference, expected) in
            [(json!(201), "paid"), (json!("201"), "paid"), (json!(""), "unknown"), (json!(" "), "unknown")]
        {
            let data = json!({ "code": 100, "ref_id": reference });
            assert_eq!(paid(&data, &attempt, &credentials).name(), expected, "{data}");
        }
        let of_order = |order: Value| {
            let data = json!({ "code": 100, "ref_id": 201, "order_id": order });
            paid(&data, &attempt, &credentials).name()
        };
        for ours in [json!(attempt.id.as_str()), json!(""), Value::Null] {
            assert_eq!(of_order(ours.clone()), "paid", "{ours}");
        }
        for foreign in [json!("at_another"), json!(77), json!(["at_another"])] {
            assert_eq!(of_order(foreign.clone()), "session_refused", "{foreign}");
        }
        let GatewayAnswer::Paid(payment) = paid(&json!({ "ref_id": "7".repeat(99) }), &attempt, &credentials) else {
            panic!()
        };
        assert_eq!(payment.reference.len(), 64);
    }

    #[test]
    fn only_three_codes_say_that_nothing_was_reversed() {
        let of = |code: i64| reversed(Reply::Error { code, trouble: trouble(code, None) });
        for code in [-60, -62, -63] {
            assert_eq!(of(code), RefundAnswer::Refused { code: format!("zarinpal_{code}") });
        }
        for code in [-9, -12, -51, -52, -53, -54, -55, -61, -64, -99, 0] {
            assert_eq!(of(code).name(), "unknown", "{code}");
        }
        assert_eq!(of(-10).name(), "account_refused");
        assert_eq!(reversed(reply(500, r#"{"data":[],"errors":{"code":-63}}"#)).name(), "unknown");
        assert_eq!(reversed(reply(200, r#"{"data":{"code":100},"errors":[]}"#)).name(), "succeeded");
    }

    #[test]
    fn a_session_says_that_there_is_no_refund_only_where_no_call_can_have_refunded() {
        let refused = |code: &str| GatewayAnswer::SessionRefused { code: code.to_owned() };
        let attempt = crate::tests::attempt("zarinpal", "A1", 20_000, "IRR");
        let payment = Payment::new("201", "zarinpal#201", attempt.money);
        let name = |inquired, may_have: bool, token: Option<&str>| {
            // Only the second call for a whole payment may have been more than a reverse.
            let refund = refund_after(&attempt, if may_have { 2 } else { 1 }, Timestamp::UNIX_EPOCH);
            let order =
                RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund: &refund };
            match found_in_session(inquired, &order, token) {
                Ok(_) => "the panel is asked",
                Err(answer) => answer.name(),
            }
        };
        let verified = || "VERIFIED".to_owned();
        assert_eq!(name(Ok("REVERSED".to_owned()), true, None), "succeeded");
        assert_eq!(name(Ok(verified()), false, None), "absent");
        assert_eq!(name(Ok(verified()), false, Some("token")), "absent");
        assert_eq!(name(Ok(verified()), true, Some("token")), "the panel is asked");
        assert_eq!(
            name(Ok(verified()), true, None),
            "unlisted",
            "the token of that call may have been taken away since"
        );
        for code in ["-54", "-55"] {
            assert_eq!(name(Err(refused(code)), true, Some("token")), "the panel is asked");
            assert_eq!(name(Err(refused(code)), false, Some("token")), "unknown");
            assert_eq!(name(Err(refused(code)), true, None), "unknown");
        }
        assert_eq!(name(Err(unknown("no answer")), true, Some("token")), "unknown");
        let account = Err(GatewayAnswer::AccountRefused { code: "-10".to_owned() });
        assert_eq!(name(account, true, Some("token")), "account_refused");
    }

    #[test]
    fn a_fee_is_known_with_who_pays_it() {
        let fee_of = |data: Value| fee(&data);
        let merchant = Some(Fee { amount: 100, payer: Some(FeePayer::Merchant) });
        assert_eq!(fee_of(json!({ "fee": 100, "fee_type": "Merchant" })), merchant);
        let customer = Some(Fee { amount: 100, payer: Some(FeePayer::Customer) });
        assert_eq!(fee_of(json!({ "fee": "100", "fee_type": "Payer" })), customer);
        assert_eq!(fee_of(json!({ "fee_type": "Payer" })), None);
    }

    fn panel(status: u16, body: Value) -> PanelReply {
        read_panel(&Answer { status, retry_after: None, body: body.to_string().into() })
    }

    #[test]
    fn the_panel_says_no_in_three_ways_of_which_one_is_about_the_account() {
        let error = |category: &str| json!({ "errors": [{ "message": "x", "extensions": { "category": category } }] });
        assert!(matches!(panel(200, error("authentication")), PanelReply::AccountRefused { .. }));
        assert!(matches!(panel(401, json!({})), PanelReply::AccountRefused { .. }));
        assert!(matches!(panel(200, error("validation")), PanelReply::Refused { .. }));
        for unclear in
            [error("internal"), json!({ "errors": [{ "message": "Server Error" }] }), json!({ "data": null })]
        {
            assert!(matches!(panel(200, unclear.clone()), PanelReply::Unreadable(_)), "{unclear}");
        }
        assert!(matches!(panel(502, json!({ "data": {} })), PanelReply::Unreadable(_)));
        assert!(matches!(panel(200, json!({ "data": { "Session": [] } })), PanelReply::Data(_)));
        let PanelReply::Unreadable(why) = panel(200, json!({ "errors": [{ "message": "x".repeat(999) }] })) else {
            panic!()
        };
        assert_eq!(why, format!("a GraphQL error, zarinpal_refund_error: {}", "x".repeat(64)));
        let PanelReply::Unreadable(why) = panel(200, error(&"c".repeat(999))) else { panic!() };
        assert_eq!(why, format!("a GraphQL error, zarinpal_refund_{}: x", "c".repeat(64)));
    }

    #[test]
    fn a_session_of_the_panel_shows_its_last_refund() {
        let session = |timeline: Value| panel_session(&json!({ "id": 7, "amount": "20000", "timeline": timeline }));
        let status = |timeline: Value| session(timeline).unwrap().refunds.last().map(|refund| refund.status);
        assert_eq!(session(Value::Null).unwrap().amount, Some(20_000));
        assert_eq!(status(Value::Null), None);
        assert_eq!(status(json!({ "refund_status": null })), None);
        assert_eq!(status(json!({ "refund_status": "PENDING" })), Some(PanelRefundStatus::Pending));
        assert_eq!(status(json!({ "refund_status": "unheard of" })), Some(PanelRefundStatus::Pending));
        let two = json!([{ "refund_status": "FAILED" }, { "refund_status": "DONE" }]);
        assert_eq!(status(two), Some(PanelRefundStatus::Done));
        let time = json!({ "refund_status": "FAILED", "refund_time": "2024-08-25T15:00:00+03:30" });
        assert!(session(time).unwrap().refunds[0].at.is_some());
    }

    fn refund_after(attempt: &Attempt, calls: u32, created_at: Timestamp) -> Refund {
        let called = json!({
            "cause": "automatic", "created_at": created_at, "calls": calls, "state": "calling", "since": created_at,
        });
        ours::refund(ours::OURS, attempt.money.minor_units(), called)
    }

    #[test]
    fn only_the_call_after_a_reverse_that_was_refused_may_refund() {
        let attempt = Attempt {
            confirmed_at: Some(Timestamp::UNIX_EPOCH),
            ..crate::tests::attempt("zarinpal", "A1", 20_000, "IRR")
        };
        let payment = Payment::new("201", "zarinpal#201", attempt.money);
        let refund = |calls: u32, minutes: i64| Refund {
            state: RefundState::Calling { since: Timestamp::from_second(minutes * 60).unwrap() },
            ..refund_after(&attempt, calls, Timestamp::UNIX_EPOCH)
        };
        let may_have = |calls: u32, minutes: i64| {
            may_have_refunded(&RefundOrder {
                link: &crate::tests::link(),
                attempt: &attempt,
                payment: &payment,
                refund: &refund(calls, minutes),
            })
        };
        assert!(!may_have(1, 29), "it was no more than a reverse, which can be repeated");
        assert!(may_have(1, 30));
        assert!(may_have(2, 29));
        let session =
            |timeline: Value| panel_session(&json!({ "id": 7, "amount": 20_000, "timeline": timeline })).unwrap();
        let of = |timeline: Value, refund: &Refund| {
            refund_of(
                &session(timeline),
                &RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund },
            )
        };
        let (unknown_one, failed) = (refund(2, 29), json!({ "refund_status": "FAILED" }));
        assert_eq!(of(failed.clone(), &unknown_one), None, "an older one that failed is not this one");
        let this_one = Refund { gateway_reference: Some("7".to_owned()), ..unknown_one.clone() };
        assert_eq!(of(failed, &this_one).unwrap().name(), "failed");
        let part = json!({ "refund_status": "DONE", "refund_amount": 5_000 });
        assert_eq!(of(part, &unknown_one).unwrap().name(), "unknown");
        assert_eq!(of(json!({ "refund_status": "DONE" }), &unknown_one).unwrap().name(), "succeeded");
        let returned = |status: &str, timeline: Value| {
            let session = json!({ "id": 7, "amount": 20_000, "status": status, "timeline": timeline });
            let order =
                RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund: &unknown_one };
            refund_of(&panel_session(&session).unwrap(), &order)
        };
        let failed = || json!({ "refund_status": "FAILED" });
        for status in ["REVERSED", "REFUNDED", "refunded"] {
            for timeline in [Value::Null, failed()] {
                assert_eq!(returned(status, timeline).unwrap().name(), "succeeded", "it is not refunded again");
            }
        }
        assert_eq!(returned("REFUNDED", json!({ "refund_status": "PENDING" })).unwrap().name(), "accepted");
        assert_eq!(returned("VERIFIED", Value::Null), None);
    }

    #[test]
    fn what_cannot_be_reversed_asks_for_other_credentials_only_before_any_other_call() {
        let code = || "zarinpal_-62".to_owned();
        let of = |amount: i64, calls: u32| {
            let attempt = crate::tests::attempt("zarinpal", "A1", amount, "IRR");
            let payment = Payment::new("201", "zarinpal#201", attempt.money);
            let refund = refund_after(&attempt, calls, Timestamp::UNIX_EPOCH);
            let order =
                RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund: &refund };
            (refused_without_token(code(), &order).name(), may_have_refunded(&order))
        };
        assert_eq!(of(20_000, 1), ("credentials_missing", false));
        assert_eq!(of(20_000, 2), ("unknown", true));
        assert_eq!(of(19_999, 1), ("refused", false), "no token would help");
        assert_eq!(of(19_999, 2), ("refused", false), "the panel never had it");
    }

    #[test]
    fn a_failure_of_an_earlier_refund_is_not_that_of_the_one_that_was_just_taken() {
        let attempt = crate::tests::attempt("zarinpal", "A1", 20_000, "IRR");
        let payment = Payment::new("201", "zarinpal#201", attempt.money);
        let created_at: Timestamp = "2026-11-23T22:00:00Z".parse().unwrap();
        let refund = refund_after(&attempt, 2, created_at);
        let of = |timeline: Value| {
            let resource = panel_session(&json!({ "id": 7, "amount": 20_000, "timeline": timeline })).unwrap();
            added(
                &resource,
                "7",
                &RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund: &refund },
            )
            .name()
        };
        let failed_at = |time: &str| json!({ "refund_status": "FAILED", "refund_time": time });
        assert_eq!(of(failed_at("2026-11-23T21:58:00Z")), "accepted");
        assert_eq!(of(failed_at("yesterday")), "accepted");
        assert_eq!(of(json!({ "refund_status": "FAILED" })), "accepted");
        assert_eq!(of(failed_at("2026-11-23T22:01:00Z")), "failed");
        assert_eq!(of(json!({ "refund_status": "DONE" })), "succeeded");
        assert_eq!(of(Value::Null), "accepted");
    }

    /// Refunds of a payment of 100,000 rial that a link kept: the first is the one that is looked for.
    fn kept(refunds: Vec<Refund>) -> ours::Kept {
        let open = crate::tests::attempt("zarinpal", "A1", 100_000, "IRR");
        let payment = Payment::new("201", "zarinpal#201", open.money);
        ours::Kept::new(open, payment, refunds)
    }

    fn called(id: &str, amount: i64) -> Refund {
        ours::refund(id, amount, json!({ "state": "calling", "since": "2026-11-23T22:11:00Z", "calls": 1 }))
    }

    fn taken(id: &str, amount: i64) -> Refund {
        let taken = json!({
            "state": "accepted", "since": "2026-11-23T22:11:00Z", "calls": 1, "gateway_reference": "7",
        });
        ours::refund(id, amount, taken)
    }

    fn entry(amount: i64, status: &str) -> Value {
        json!({ "refund_amount": amount, "refund_status": status, "refund_time": "2026-11-24T01:41:00+03:30" })
    }

    fn of_panel(timeline: &[Value]) -> PanelSession {
        panel_session(&json!({ "id": 7, "amount": 100_000, "status": "VERIFIED", "timeline": timeline })).unwrap()
    }

    #[test]
    fn a_part_is_refunded_by_the_panel_with_its_first_call_which_is_the_last() {
        let part = |calls: u32, status: &str| {
            let kept = kept(vec![ours::refund(ours::OURS, 30_000, json!({ "calls": calls }))]);
            match found_in_session(Ok(status.to_owned()), &kept.order(), Some("token")) {
                Ok(_) => "the panel is asked",
                Err(answer) => answer.name(),
            }
        };
        assert_eq!(part(0, "VERIFIED"), "absent");
        assert_eq!(part(1, "VERIFIED"), "the panel is asked");
        assert_eq!([part(0, "REVERSED"), part(1, "REVERSED")], ["refused", "refused"], "a part is never reversed");
        let whole = |calls: u32| {
            let kept = kept(vec![ours::refund(ours::OURS, 100_000, json!({ "calls": calls }))]);
            found_in_session(Ok("REVERSED".to_owned()), &kept.order(), None).unwrap_err().name()
        };
        assert_eq!([whole(0), whole(1)], ["refused", "succeeded"], "before our call somebody else reversed it");
        let small = kept(vec![ours::refund(ours::OURS, 19_999, json!({ "calls": 1 }))]);
        assert_eq!(refused_without_token("small".to_owned(), &small.order()).name(), "refused");
        let large = kept(vec![ours::refund(ours::OURS, 20_000, json!({ "calls": 1 }))]);
        assert_eq!(refused_without_token("missing".to_owned(), &large.order()).name(), "credentials_missing");
    }

    #[test]
    fn a_part_is_known_by_its_amount_beside_others_and_by_its_place_among_equals() {
        let of = |refunds: Vec<Refund>, timeline: &[Value]| {
            refund_of(&of_panel(timeline), &kept(refunds).order()).map_or("not shown", |answer| answer.name())
        };
        let (done, pending) = (|amount: i64| entry(amount, "DONE"), |amount: i64| entry(amount, "PENDING"));
        let both = || vec![called(ours::OURS, 30_000), taken(ours::ANOTHER, 40_000)];
        assert_eq!(of(both(), &[pending(40_000)]), "not shown");
        assert_eq!(of(both(), &[pending(40_000), done(30_000)]), "succeeded");
        assert_eq!(of(both(), &[done(30_000)]), "succeeded", "the panel shows the last one");
        assert_eq!(of(both(), &[pending(40_000), entry(30_000, "FAILED")]), "not shown", "it may be an older one");
        // Two of the same amount, of which this one was asked for first.
        let equal = || vec![taken(ours::OURS, 30_000), taken(ours::ANOTHER, 30_000)];
        assert_eq!(of(equal(), &[done(30_000), pending(30_000)]), "succeeded");
        assert_eq!(of(equal(), &[entry(30_000, "FAILED"), pending(30_000)]), "failed");
        assert_eq!(of(equal(), &[done(30_000)]), "not shown", "it may be the other one");
        let lost = || vec![called(ours::OURS, 30_000), called(ours::ANOTHER, 30_000)];
        assert_eq!(of(lost(), &[done(30_000)]), "not shown", "it may be the other one");
        // Somebody refunded as much in the panel.
        let one = || vec![taken(ours::OURS, 30_000)];
        assert_eq!(of(one(), &[done(30_000), pending(30_000)]), "accepted");
        assert_eq!(of(one(), &[done(30_000), done(30_000)]), "succeeded");
        let older = json!({
            "refund_amount": 30_000, "refund_status": "DONE", "refund_time": "2026-11-24T01:30:00+03:30",
        });
        assert_eq!(of(one(), &[older]), "not shown");
    }

    #[test]
    fn of_two_equal_parts_the_last_that_the_panel_took_is_the_one_that_it_shows() {
        let kept = kept(vec![taken(ours::ANOTHER, 30_000), taken(ours::OURS, 30_000)]);
        let order = RefundOrder { refund: &kept.attempt.refunds[1], ..kept.order() };
        assert_eq!(refund_of(&of_panel(&[entry(30_000, "DONE")]), &order).unwrap().name(), "succeeded");
    }

    #[test]
    fn the_panel_is_not_asked_for_more_than_is_left_whoever_gave_the_rest_back() {
        let before = |amount: i64, timeline: &[Value]| {
            let kept = kept(vec![called(ours::OURS, amount), taken(ours::ANOTHER, 40_000)]);
            before_refunding(&of_panel(timeline), &kept.order()).map(|answer| answer.name())
        };
        let by_hand = || entry(30_000, "DONE");
        assert_eq!(before(60_000, &[]), None, "the panel may be late, and the other one is known");
        assert_eq!(before(60_001, &[]), Some("refused"));
        assert_eq!(before(30_000, &[entry(40_000, "PENDING"), by_hand()]), None, "that one is not ours");
        assert_eq!(before(30_001, &[entry(40_000, "PENDING"), by_hand()]), Some("refused"));
        assert_eq!(before(30_000, &[json!({ "refund_status": "DONE" })]), Some("unknown"));
        let whole = kept(vec![called(ours::OURS, 100_000)]);
        let done = before_refunding(&of_panel(&[entry(100_000, "DONE")]), &whole.order());
        assert_eq!(done.unwrap().name(), "refused", "somebody gave it back, and a link keeps the payment");
        let part = kept(vec![called(ours::OURS, 30_000)]);
        let added = added(&of_panel(&[entry(30_000, "DONE")]), "7", &part.order());
        assert_eq!(added.name(), "accepted", "what the panel shows may be another one");
    }

    #[test]
    fn an_authority_has_its_form() {
        assert!(is_authority("A00000000000000000000000000217885159"));
        assert!(!is_authority("A0000000000000000000000000021788515"));
        assert!(!is_authority("X00000000000000000000000000217885159"));
    }
}

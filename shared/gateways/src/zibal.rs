//! Zibal. Source: the official samples and packages, and clients that agree with them.
//!
//! What is special here: verifying takes the money and is told no amount, so the amount in the answer has to be compared;
//! a repeated verify may answer without one, and then only the inquiry tells it. HTTP statuses do not depend on the
//! outcome, only `result` does. Returns are unsigned. Refunds are the business of another host with a token of its own,
//! which has no idempotency keys: a refund that is asked for twice is made twice.

use domain::Timestamp;
use domain::gateway::{AccountCheck, Decline, Fee, FeePayer, GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::link::{Attempt, Checkout, OpenedSession, Refund};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use outbound::Answer;
use serde_json::{Map, Value, json};

use crate::refunds::{Listed, Seen, any_counts, look_through};
use crate::{
    BeginError, CheckOrder, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, RefundOrder, at_most,
    declined, not_paid, object, tehran_instant, unknown, whole,
};

/// The gateway names no bound of a description; this much fits on its page.
const LONGEST_DESCRIPTION: usize = 500;

/// Words of the other side go into answers of ours with at most this many characters.
const LONGEST_WORD: usize = 64;

/// The status of a session that was reversed.
const REVERSED: i64 = 18;

/// What the platform calls success. The gateway's own calls say 100.
const DONE: i64 = 1;

/// The platform's codes that are the same for every call of an account: the key is missing, not valid or inactive, or may
/// not do this, and the address is not registered. All of the platform's codes are from a client's list of them.
const PLATFORM_ACCOUNT: [i64; 5] = [2, 3, 4, 7, 8];

/// The platform's readable noes to a refund: the input, the smallest sum, the wallet and what is in it, the merchant, the
/// bank account. After any other code, such as 45 for providers that are unavailable, nobody knows what was done.
const PLATFORM_REFUSED: [i64; 10] = [5, 6, 9, 10, 11, 12, 18, 21, 29, 44];

/// A refund as the platform lists it.
#[derive(Debug, PartialEq)]
struct ListedRefund {
    id: Option<String>,
    status: RefundStatus,
    amount: Option<i64>,
    /// What we gave with it: the id of our own.
    description: Option<String>,
}

/// What became of a refund. The words are not published; these are the ones that clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefundStatus {
    Refunded,
    /// Taken and not finished.
    Pending,
    Failed,
    /// A word, or a number, that nobody knows.
    Unknown,
}

pub(crate) struct Zibal<'a>(pub(crate) GatewayClient<'a>);

/// An answer of any call.
type Reply = Map<String, Value>;

impl GatewayAdapter for Zibal<'_> {
    // The sandbox is a merchant and not a host.
    const LIVE: DefaultEndpoints =
        DefaultEndpoints { refunds: "https://api.zibal.ir", ..DefaultEndpoints::at("https://gateway.zibal.ir") };
    const SANDBOX: DefaultEndpoints = Self::LIVE;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let body = json!({
            "merchant": merchant(credentials),
            "amount": order.attempt.money.minor_units(),
            "callbackUrl": order.return_url,
            "description": at_most(order.description, LONGEST_DESCRIPTION),
            "orderId": order.attempt.id().as_str(),
        });
        let reply = self.call("request", body).await.map_err(|why| BeginError::Unavailable { why })?;
        match result(&reply) {
            Some(100) => {
                let track = reply.get("trackId").and_then(whole).filter(|track| *track > 0);
                let Some(track) = track else {
                    return Err(BeginError::Unavailable { why: "an answer without a trackId".to_owned() });
                };
                let checkout = Checkout::link(format!("{}/start/{track}", self.0.endpoint.pages));
                Ok(OpenedSession { session: track.to_string(), checkout })
            }
            Some(code) => Err(no_session(code)),
            None => Err(BeginError::Unavailable { why: "an answer without a result".to_owned() }),
        }
    }

    /// Asks for a session, in which nobody can pay who does not know its number.
    async fn check(&self, order: &CheckOrder<'_>, credentials: &Credentials) -> AccountCheck {
        let body = json!({
            "merchant": merchant(credentials),
            "amount": order.money.minor_units(),
            "callbackUrl": order.return_url,
            "description": at_most(order.description, LONGEST_DESCRIPTION),
            "orderId": order.reference,
        });
        match self.0.send(self.request("request"), body.to_string()).await {
            Ok(answer) => checked(&answer),
            Err(_) => AccountCheck::unanswered(),
        }
    }

    async fn look_up(
        &self,
        attempt: &Attempt,
        _: &ReturnData,
        credentials: &Credentials,
        _: Timestamp,
    ) -> GatewayAnswer {
        match self.inquire(attempt, credentials).await {
            Ok(reply) => session_answer(&reply, attempt),
            Err(answer) => answer,
        }
    }

    /// Verifies: from here on the money is ours. What was verified before says so again.
    async fn confirm(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let body = json!({ "merchant": merchant(credentials), "trackId": track(attempt) });
        Some(match self.call("verify", body).await {
            Ok(reply) => match result(&reply) {
                Some(100 | 201) if amount(&reply).is_some() && has_status_of_payment(&reply) => paid(&reply, attempt),
                // Verified before and bare or in another status by now, or not paid, which says neither whether it
                // still may be nor whether the money went back: the inquiry tells.
                Some(100 | 201 | 202) => match self.inquire(attempt, credentials).await {
                    Ok(reply) => session_answer(&reply, attempt),
                    Err(answer) => answer,
                },
                Some(code) => refusal(code),
                None => unknown("an answer without a result"),
            },
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    /// Asks the session, which shows some time after it was made that all of it went back, and the platform's list. Only a
    /// list that can be read and does not have the refund says that there is none; and because a second refund would be made
    /// a second time, it says so once only: after a call of ours it may be late.
    async fn find_refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let inquired = self.inquire(order.attempt, credentials).await;
        let session = match found_in_session(inquired, order) {
            Ok(session) => session,
            Err(answer) => return answer,
        };
        let Some((token, _)) = platform_access(credentials) else { return unlisted_without_access(order) };
        let track = track(order.attempt);
        match self.platform("refund/inquiry", json!({ "transactionTrackId": track }), token).await {
            Ok(reply) => match result(&reply) {
                Some(DONE) => match listed_refunds(&reply) {
                    Some(list) => found(&list, session, order),
                    None => RefundAnswer::Unknown { why: "a list of refunds that cannot be read".to_owned() },
                },
                Some(code) if PLATFORM_ACCOUNT.contains(&code) => {
                    RefundAnswer::AccountRefused { code: format!("zibal_{code}") }
                }
                Some(code) => RefundAnswer::Unknown { why: format!("code {code} instead of a list of refunds") },
                None => RefundAnswer::Unknown { why: "a list of refunds without a result".to_owned() },
            },
            Err(why) => RefundAnswer::Unknown { why },
        }
    }

    /// Refunds, where the account has what that needs. A whole payment is reversed where that is still possible; otherwise,
    /// and in parts, it is paid back from the account.
    async fn refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let RefundOrder { link: _, attempt, payment: _, refund } = *order;
        let Some((token, account)) = platform_access(credentials) else { return refused_without_access(order) };
        let body = json!({
            "trackId": track(attempt),
            "accountId": account,
            "amount": refund.amount,
            "tryReverse": order.is_alone(),
            "description": refund.id.as_str(),
        });
        match self.platform("refund", body, token).await {
            Ok(reply) => match result(&reply) {
                Some(DONE) => accepted(&reply, order),
                Some(code) if PLATFORM_ACCOUNT.contains(&code) => {
                    RefundAnswer::AccountRefused { code: format!("zibal_{code}") }
                }
                Some(code) if PLATFORM_REFUSED.contains(&code) => {
                    RefundAnswer::Refused { code: format!("zibal_{code}") }
                }
                Some(code) => RefundAnswer::Unknown { why: format!("code {code}") },
                None => RefundAnswer::Unknown { why: "a refund without a result".to_owned() },
            },
            Err(why) => RefundAnswer::Unknown { why },
        }
    }

    fn read_return(fields: &Fields, _: &Attempt, _: &Credentials) -> ReturnData {
        ReturnData::from(match fields.get("success").map(String::as_str) {
            Some("1" | "true") => Hint::Paid,
            Some(_) => Hint::NotPaid,
            None => Hint::Nothing,
        })
    }
}

impl Zibal<'_> {
    async fn inquire(&self, attempt: &Attempt, credentials: &Credentials) -> Result<Reply, GatewayAnswer> {
        let body = json!({ "merchant": merchant(credentials), "trackId": track(attempt) });
        let reply = self.call("inquiry", body).await.map_err(|why| GatewayAnswer::Unknown { why })?;
        match result(&reply) {
            Some(100) => Ok(reply),
            Some(code) => Err(refusal(code)),
            None => Err(unknown("an inquiry without a result")),
        }
    }

    async fn call(&self, name: &str, body: Value) -> Result<Reply, String> {
        self.exchange(self.request(name), body).await
    }

    fn request(&self, name: &str) -> http::request::Builder {
        http::Request::post(format!("{}/v1/{name}", self.0.endpoint.api))
            .header("content-type", "application/json")
            .header("accept", "application/json")
    }

    /// A call of the platform, about money that goes back.
    async fn platform(&self, name: &str, body: Value, token: &str) -> Result<Reply, String> {
        let request = http::Request::post(format!("{}/v1/account/{name}", self.0.endpoint.refunds))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        self.exchange(request, body).await
    }

    async fn exchange(&self, request: http::request::Builder, body: Value) -> Result<Reply, String> {
        let answer = self.0.send(request, body.to_string()).await?;
        object(&answer.body).ok_or_else(|| format!("status {} without JSON", answer.status))
    }
}

/// What an answer to a request says of the account. Where the other side has trouble, its JSON refuses nothing.
fn checked(answer: &Answer) -> AccountCheck {
    let reply: Option<Reply> = object(&answer.body).filter(|_| answer.status < 500);
    match reply.as_ref().and_then(result) {
        Some(100) => AccountCheck::accepted(),
        Some(code @ 102..=104) => AccountCheck::credentials_refused(code.to_string()),
        Some(code @ (106 | 140)) => AccountCheck::callback_host_refused(code.to_string()),
        Some(code @ 115) => AccountCheck::server_address_refused(code.to_string()),
        Some(code) => AccountCheck::not_reached(&code.to_string()),
        None => AccountCheck::unanswered(),
    }
}

/// Why no session was opened. The gateway's own noes to an account and to what a request says are for a person.
/// Providers that are unavailable (45) pass, and of a code that nobody knows nothing can be said.
fn no_session(code: i64) -> BeginError {
    match code {
        102..=116 | 140 => BeginError::Refused { code: code.to_string() },
        code => BeginError::Unavailable { why: format!("code {code}") },
    }
}

/// Whether an answer to a verify does not say that its session is anything but paid.
fn has_status_of_payment(reply: &Reply) -> bool {
    match reply.get("status") {
        None | Some(Value::Null) => true,
        Some(status) => matches!(whole(status), Some(1 | 2)),
    }
}

/// What a session shows of money that goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionShows {
    Nothing,
    /// Some of it went back or is about to. Whether the session says so of a part alone is not published.
    SomeRefund,
}

/// What the session alone says of a refund, or what it shows where the platform has to be asked. A session knows nothing of
/// parts: what it says of the whole is said of this refund where nothing else can be meant.
fn found_in_session(
    inquired: Result<Reply, GatewayAnswer>,
    order: &RefundOrder<'_>,
) -> Result<SessionShows, RefundAnswer> {
    let RefundOrder { link: _, attempt, payment: _, refund } = *order;
    let known = || refund.gateway_reference.clone();
    let account_refused = |code: String| RefundAnswer::AccountRefused { code: format!("zibal_{code}") };
    let reply = match inquired {
        Ok(reply) => reply,
        Err(GatewayAnswer::AccountRefused { code }) => return Err(account_refused(code)),
        Err(_) => {
            return Err(RefundAnswer::Unknown { why: "the inquiry before a refund was not answered".to_owned() });
        }
    };
    let is_meant = order.takes_any() || order.is_alone() && !is_untouched(order);
    match session_answer(&reply, attempt) {
        GatewayAnswer::Paid(_) => Ok(SessionShows::Nothing),
        GatewayAnswer::Returned if is_meant => Err(RefundAnswer::Succeeded { reference: known() }),
        GatewayAnswer::Processing if is_meant => {
            Err(RefundAnswer::Accepted { reference: known().unwrap_or_else(|| attempt.session.clone()) })
        }
        // What is reversed is reversed whole.
        GatewayAnswer::Returned if status(&reply) == Some(REVERSED) => {
            Err(RefundAnswer::Refused { code: "zibal_reversed".to_owned() })
        }
        GatewayAnswer::Returned | GatewayAnswer::Processing => Ok(SessionShows::SomeRefund),
        GatewayAnswer::NotPaid(_) if is_untouched(order) && order.others().all(|other| other.calls == 0) => {
            Err(RefundAnswer::Refused { code: "zibal_not_paid".to_owned() })
        }
        GatewayAnswer::AccountRefused { code } => Err(account_refused(code)),
        // Also where it is not paid after a call of ours: that may be how it shows what the call did.
        _ => Err(RefundAnswer::Unknown { why: format!("status {:?} of a session that is refunded", status(&reply)) }),
    }
}

/// Whether neither a call of ours nor anybody else can have refunded, as far as we know.
fn is_untouched(order: &RefundOrder<'_>) -> bool {
    order.refund.calls == 0 && order.refund.gateway_reference.is_none()
}

/// The list cannot be read without access to the platform. A call may have been made with other credentials than these.
fn unlisted_without_access(order: &RefundOrder<'_>) -> RefundAnswer {
    if is_untouched(order) { credentials_missing() } else { RefundAnswer::Unlisted }
}

/// No call is made without access to the platform. This one is counted already; one before it may have been made with
/// other credentials than these.
fn refused_without_access(order: &RefundOrder<'_>) -> RefundAnswer {
    if order.refund.calls <= 1 {
        credentials_missing()
    } else {
        RefundAnswer::Unknown { why: "no access to the platform after an earlier call".to_owned() }
    }
}

fn credentials_missing() -> RefundAnswer {
    RefundAnswer::CredentialsMissing { code: "zibal_refund_credentials_missing".to_owned() }
}

fn result(reply: &Reply) -> Option<i64> {
    reply.get("result").and_then(whole)
}

fn status(reply: &Reply) -> Option<i64> {
    reply.get("status").and_then(whole)
}

/// Merchants that are not known, inactive or not valid, and an address that is not registered, are the same for every call.
/// Providers that are unavailable (45) pass.
fn refusal(code: i64) -> GatewayAnswer {
    match code {
        102 | 103 | 104 | 115 => GatewayAnswer::AccountRefused { code: code.to_string() },
        45 => unknown("code 45"),
        code => GatewayAnswer::SessionRefused { code: code.to_string() },
    }
}

/// What an inquiry says of a session.
fn session_answer(reply: &Reply, attempt: &Attempt) -> GatewayAnswer {
    if names_another(reply, attempt) {
        return another_session();
    }
    match status(reply) {
        Some(-1) => GatewayAnswer::Pending,
        Some(1) => paid(reply, attempt),
        Some(2) => GatewayAnswer::Unconfirmed,
        Some(3) => not_paid(NotPaidCause::Cancelled, "cancelled"),
        Some(5) => declined(Decline::NoFunds, "insufficient_funds"),
        Some(6) => declined(Decline::WrongPassword, "wrong_pin"),
        Some(8 | 9) => declined(Decline::OverLimit, "over_daily_limit"),
        Some(4 | 7 | 10..=12) => not_paid(NotPaidCause::Declined, "failed"),
        Some(15 | REVERSED) => GatewayAnswer::Returned,
        // Being refunded: it may still fail, so that it is asked about again.
        Some(16) => GatewayAnswer::Processing,
        Some(21) => GatewayAnswer::AccountRefused { code: "21".to_owned() },
        Some(_) | None => unknown("a status that is not documented"),
    }
}

/// Whether an answer names the order of another attempt than ours. One that names none says nothing about it.
fn names_another(reply: &Reply, attempt: &Attempt) -> bool {
    match reply.get("orderId") {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty() && text.trim() != attempt.id.as_str(),
        Some(Value::Number(number)) => number.to_string() != attempt.id.as_str(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => true,
    }
}

fn another_session() -> GatewayAnswer {
    GatewayAnswer::SessionRefused { code: "another_session".to_owned() }
}

fn paid(reply: &Reply, attempt: &Attempt) -> GatewayAnswer {
    if names_another(reply, attempt) {
        return another_session();
    }
    let Some(money) = amount(reply).and_then(|amount| Money::new(amount, Currency::IRR).ok()) else {
        return unknown("a payment without an amount");
    };
    // The sandbox has no numbers of a bank; the session's own is as good there.
    let reference = match reply.get("refNumber") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) if !text.trim().is_empty() => at_most(text.trim(), LONGEST_WORD),
        Some(_) | None => attempt.session.clone(),
    };
    GatewayAnswer::Paid(Payment {
        reference,
        // The session's number is the one that verifying names, and it is nobody else's.
        claim: format!("zibal#{}", attempt.session),
        money,
        masked_card: reply
            .get("cardNumber")
            .and_then(Value::as_str)
            .filter(|card| card.contains('*'))
            .map(|card| at_most(card, LONGEST_WORD)),
        fee: fee(reply),
        terminal: None,
        gateway_paid_at: reply.get("paidAt").and_then(Value::as_str).and_then(tehran_instant),
    })
}

/// In rial. Only the inquiry names one, with who pays it: 0 is taken from the payment, 1 from the merchant's wallet, and 2
/// was paid by the customer. Without an amount nothing is known.
fn fee(reply: &Reply) -> Option<Fee> {
    let amount = reply.get("shaparakFee").and_then(whole).filter(|amount| *amount > 0)?;
    let payer = match reply.get("wage").and_then(whole) {
        Some(0 | 1) => Some(FeePayer::Merchant),
        Some(2) => Some(FeePayer::Customer),
        Some(_) | None => None,
    };
    Some(Fee { amount, payer })
}

fn amount(reply: &Reply) -> Option<i64> {
    reply.get("amount").and_then(whole).filter(|amount| *amount > 0)
}

/// The refunds of a session. `data` is one of them or a list; without any it is empty. Where it has another form nothing is
/// known.
fn listed_refunds(reply: &Reply) -> Option<Vec<ListedRefund>> {
    match reply.get("data") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Object(refund)) if refund.is_empty() => Some(Vec::new()),
        Some(refund @ Value::Object(_)) => Some(vec![listed_refund(refund)]),
        Some(Value::Array(list)) if list.iter().all(Value::is_object) => Some(list.iter().map(listed_refund).collect()),
        Some(Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
    }
}

fn listed_refund(row: &Value) -> ListedRefund {
    let text = |name: &str| match row.get(name) {
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Some(_) | None => None,
    };
    // The number beside it is not explained anywhere.
    let status = text("statusEn").or_else(|| text("status")).map(|word| word.to_lowercase());
    let status = match status.as_deref() {
        Some("refunded" | "reversed" | "done" | "success" | "successful" | "paid" | "completed") => {
            RefundStatus::Refunded
        }
        Some("pending" | "queued" | "in queue" | "processing" | "in progress" | "waiting" | "refunding") => {
            RefundStatus::Pending
        }
        Some("failed" | "canceled" | "cancelled" | "rejected" | "unsuccessful") => RefundStatus::Failed,
        Some(_) | None => RefundStatus::Unknown,
    };
    ListedRefund {
        id: text("refundId").map(|id| at_most(&id, LONGEST_WORD)),
        status,
        amount: row.get("amount").and_then(whole),
        description: text("description"),
    }
}

/// What the platform's list says of a refund: of the one that we know, by the platform's number of it or by our own, and of
/// any only where that counts. One that failed and is not known to be ours counts for nothing.
///
/// That a list shows our own number is concluded from clients, so that a row without any text may be ours: it is where we
/// called, it has our amount, and no other refund of ours can have made it. It never says that a second call is safe, whatever
/// is left: the platform has no keys of idempotency, and nothing says that it counts what went back before.
fn found(list: &[ListedRefund], session: SessionShows, order: &RefundOrder<'_>) -> RefundAnswer {
    let RefundOrder { link: _, attempt, payment: _, refund } = *order;
    let is_ours = |row: &&ListedRefund| {
        row.id.is_some() && row.id == refund.gateway_reference || row.description.as_deref() == Some(refund.id.as_str())
    };
    // A platform that gave no number of the refund took the only one that there is.
    let is_only_one = list.len() == 1
        && refund.gateway_reference.as_ref() == Some(&attempt.session)
        && order.others().all(|other| other.calls == 0)
        && list.iter().all(|row| row.amount.is_none_or(|amount| amount == refund.amount));
    let is_of_another = |row: &ListedRefund| row.listed().is_of_another(order);
    let only_one = list.first().filter(|row| is_only_one && !is_of_another(row));
    let ours = list.iter().find(is_ours).or(only_one);
    if let Some(row) = ours.filter(|row| row.status == RefundStatus::Failed) {
        let reference = Some(row.reference(order));
        return RefundAnswer::Failed { reference, code: "zibal_refund_failed".to_owned() };
    }
    let alive: Vec<&ListedRefund> = list.iter().filter(|row| row.status != RefundStatus::Failed).collect();
    let listed: Vec<Listed<'_>> = alive.iter().map(|row| row.listed()).collect();
    if any_counts(&listed, order) {
        return ours.or(alive.first().copied()).map_or(RefundAnswer::Unlisted, |row| row.answer(order));
    }
    if let Some(row) = ours.or_else(|| without_any_text(&alive, order)) {
        return row.answer(order);
    }
    match look_through(&listed, order) {
        // The session may know of it before the list does, and so may be what our own call did.
        Seen::Left(_) if session == SessionShows::SomeRefund && alive.is_empty() => {
            RefundAnswer::Unknown { why: "a session that went back without a refund in its list".to_owned() }
        }
        Seen::At(_) | Seen::Left(_) => RefundAnswer::Unlisted,
        Seen::TooLittleLeft => RefundAnswer::Refused { code: "zibal_too_little_left".to_owned() },
        Seen::Unreadable => RefundAnswer::Unknown { why: "a list of refunds that cannot be read".to_owned() },
    }
}

/// The row without any text that our call must have made, where it was made: there are more such rows of our amount than other
/// refunds of ours can explain.
fn without_any_text<'a>(alive: &[&'a ListedRefund], order: &RefundOrder<'_>) -> Option<&'a ListedRefund> {
    let fits = |row: &&&ListedRefund| {
        row.description.is_none() && row.amount == Some(order.refund.amount) && !row.listed().is_of_another(order)
    };
    let is_seen = |other: &Refund| {
        let by_number = |row: &&ListedRefund| row.id.is_some() && row.id == other.gateway_reference;
        alive.iter().any(|row| by_number(row) || row.description.as_deref() == Some(other.id.as_str()))
    };
    let explains = |other: &&Refund| {
        other.calls > 0 && other.amount == order.refund.amount && other.takes() > 0 && !is_seen(other)
    };
    let unexplained = alive.iter().filter(fits).count() > order.others().filter(explains).count();
    alive.iter().rfind(fits).copied().filter(|_| order.refund.calls > 0 && unexplained)
}

impl ListedRefund {
    fn listed(&self) -> Listed<'_> {
        let is_readable = self.status != RefundStatus::Unknown;
        Listed { id: self.id.as_deref(), mark: self.description.as_deref(), amount: self.amount, is_readable }
    }

    fn reference(&self, order: &RefundOrder<'_>) -> String {
        self.id.clone().unwrap_or_else(|| order.attempt.session.clone())
    }

    /// What it says where it is the one that is looked for.
    fn answer(&self, order: &RefundOrder<'_>) -> RefundAnswer {
        match self.status {
            RefundStatus::Refunded | RefundStatus::Pending
                if self.amount.is_some_and(|amount| amount != order.refund.amount) =>
            {
                RefundAnswer::Unknown { why: "another amount than was to be refunded".to_owned() }
            }
            RefundStatus::Refunded => RefundAnswer::Succeeded { reference: Some(self.reference(order)) },
            RefundStatus::Pending => RefundAnswer::Accepted { reference: self.reference(order) },
            RefundStatus::Unknown | RefundStatus::Failed => {
                RefundAnswer::Unknown { why: "a refund in a status that is not known".to_owned() }
            }
        }
    }
}

/// What the platform says when it takes a refund. What it reversed is done, where the whole was to go back; anything else is on
/// its way, and it may have given it no number.
fn accepted(reply: &Reply, order: &RefundOrder<'_>) -> RefundAnswer {
    let row = reply.get("data").map(listed_refund);
    let id = row.and_then(|row| row.id);
    let is_reversed = reply.get("data").and_then(|data| data.get("reversed")) == Some(&Value::Bool(true));
    if is_reversed && order.is_whole() {
        return RefundAnswer::Succeeded { reference: id };
    }
    RefundAnswer::Accepted { reference: id.unwrap_or_else(|| order.attempt.session.clone()) }
}

/// The platform's token, and the account that refunds are paid from.
fn platform_access(credentials: &Credentials) -> Option<(&str, &str)> {
    credentials.expose("refund_token").zip(credentials.expose("refund_account"))
}

fn merchant(credentials: &Credentials) -> &str {
    credentials.expose("merchant").unwrap_or_default()
}

/// As a number, as it was given to us.
fn track(attempt: &Attempt) -> Value {
    attempt.session.parse::<i64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refunds::tests as ours;
    use crate::tests::attempt;

    fn reply(body: Value) -> Reply {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_check_refuses_nothing_by_an_answer_of_a_gateway_in_trouble() {
        let answer = |status: u16, body: &str| Answer { status, retry_after: None, body: body.to_owned().into() };
        let refused = checked(&answer(200, r#"{"result":102}"#));
        assert_eq!(refused, AccountCheck::credentials_refused("102".to_owned()));
        assert_eq!(
            checked(&answer(400, r#"{"result":"115"}"#)),
            AccountCheck::server_address_refused("115".to_owned())
        );
        for (status, body) in [(500, r#"{"result":102}"#), (503, r#"{"result":100}"#), (200, "[102]"), (200, "{}")] {
            assert_eq!(checked(&answer(status, body)), AccountCheck::unanswered(), "{status} {body}");
        }
    }

    #[test]
    fn every_status_has_a_meaning_and_an_unknown_one_means_nothing() {
        let attempt = attempt("zibal", "15966442233311", 50_000, "IRR");
        for (status, expected) in [
            (-1, "pending"),
            (2, "unconfirmed"),
            (3, "not_paid"),
            (5, "not_paid"),
            (12, "not_paid"),
            (15, "returned"),
            (16, "processing"),
            (18, "returned"),
            (21, "account_refused"),
            (-2, "unknown"),
            (99, "unknown"),
        ] {
            assert_eq!(session_answer(&reply(json!({ "status": status })), &attempt).name(), expected, "{status}");
        }
    }

    #[test]
    fn a_bank_that_says_why_it_declined_is_heard() {
        let attempt = attempt("zibal", "15966442233311", 50_000, "IRR");
        let why = |status: i32| match session_answer(&reply(json!({ "status": status })), &attempt) {
            GatewayAnswer::NotPaid(reason) => (reason.cause, reason.decline),
            other => panic!("{status}: {}", other.name()),
        };
        assert_eq!(why(3), (NotPaidCause::Cancelled, None));
        for (status, decline) in [
            (5, Some(Decline::NoFunds)),
            (6, Some(Decline::WrongPassword)),
            (8, Some(Decline::OverLimit)),
            (9, Some(Decline::OverLimit)),
            (4, None),
            (7, None),
            (10, None),
            (11, None),
            (12, None),
        ] {
            assert_eq!(why(status), (NotPaidCause::Declined, decline), "{status}");
        }
    }

    #[test]
    fn a_payment_has_the_amount_that_the_gateway_says_and_no_other() {
        let attempt = attempt("zibal", "15966442233311", 50_000, "IRR");
        let read = |body: Value| paid(&reply(body), &attempt);
        let GatewayAnswer::Paid(payment) = read(json!({ "amount": 40_000, "refNumber": null })) else { panic!() };
        assert_eq!((payment.money.minor_units(), payment.reference.as_str()), (40_000, "15966442233311"));
        assert_eq!(
            read(json!({ "refNumber": 7 })).name(),
            "unknown",
            "it must not be taken for ours without an amount"
        );
        assert_eq!(read(json!({ "amount": 50_000, "orderId": "another" })).name(), "session_refused");
        for bare in [json!({}), json!({ "amount": null }), json!({ "amount": 0 }), json!({ "amount": "much" })] {
            assert_eq!(amount(&reply(bare)), None, "such an answer must be asked about");
        }
    }

    #[test]
    fn trouble_with_one_session_is_never_the_accounts() {
        for (code, expected) in [
            (102, "account_refused"),
            (103, "account_refused"),
            (104, "account_refused"),
            (115, "account_refused"),
            (203, "session_refused"),
            (45, "unknown"),
        ] {
            assert_eq!(refusal(code).name(), expected, "{code}");
        }
    }

    #[test]
    fn the_inquiry_tells_the_fee_with_who_pays_it_and_when_the_customer_paid() {
        let attempt = attempt("zibal", "15966442233311", 50_000, "IRR");
        let body = json!({
            "amount": 50_000, "refNumber": 7, "wage": 2, "shaparakFee": 1_200, "paidAt": "2026-11-24T01:35:00.053000",
        });
        let GatewayAnswer::Paid(payment) = paid(&reply(body), &attempt) else { panic!() };
        assert_eq!(payment.fee, Some(Fee { amount: 1_200, payer: Some(FeePayer::Customer) }));
        assert_eq!(payment.gateway_paid_at.map(|at| at.as_second()), Some(1_795_471_500));
        assert_eq!(fee(&reply(json!({ "wage": 0, "shaparakFee": 0 }))), None);
    }

    #[test]
    fn a_session_of_another_order_is_not_ours_in_whatever_form_it_is_named_and_whatever_its_status() {
        let attempt = attempt("zibal", "15966442233311", 50_000, "IRR");
        for status in [-1, 1, 2, 3, 15, 16] {
            let of = |order: Value| {
                let body = json!({ "status": status, "amount": 50_000, "orderId": order });
                session_answer(&reply(body), &attempt).name()
            };
            for other in [json!("another"), json!(77), json!(["another"])] {
                assert_eq!(of(other.clone()), "session_refused", "{status} {other}");
            }
            for ours in [json!(attempt.id.as_str()), json!(""), Value::Null] {
                assert_ne!(of(ours.clone()), "session_refused", "{status} {ours}");
            }
        }
    }

    #[test]
    fn a_verify_in_another_status_than_a_payments_is_asked_about() {
        for (status, expected) in [
            (json!(1), true),
            (json!("2"), true),
            (Value::Null, true),
            (json!(3), false),
            (json!(15), false),
            (json!("paid"), false),
        ] {
            assert_eq!(has_status_of_payment(&reply(json!({ "amount": 1, "status": status }))), expected, "{status}");
        }
        assert!(has_status_of_payment(&reply(json!({ "amount": 1 }))));
    }

    #[test]
    fn only_documented_codes_refuse_a_session() {
        for code in [102, 103, 104, 105, 106, 113, 114, 115, 116, 140] {
            assert_eq!(no_session(code), BeginError::Refused { code: code.to_string() });
        }
        for code in [45, -1, 0, 1, 117, 201, 999] {
            assert!(matches!(no_session(code), BeginError::Unavailable { .. }), "{code}");
        }
    }

    /// A refund of the whole that was called for so often, and to which the platform gave this reference.
    fn called(whole: Money, calls: u32, reference: Option<&str>) -> Refund {
        let changes = json!({
            "cause": "automatic", "calls": calls, "gateway_reference": reference, "state": "calling",
            "since": "2026-11-23T22:10:00Z",
        });
        ours::refund(ours::OURS, whole.minor_units(), changes)
    }

    #[test]
    fn what_may_have_been_called_for_is_never_taken_for_missing_credentials_or_a_no() {
        let attempt = attempt("zibal", "15966442233311", 50_000, "IRR");
        let payment = Payment::new("7", "zibal#15966442233311", attempt.money);
        let of = |calls: u32, reference: Option<&str>| {
            let refund = called(attempt.money, calls, reference);
            let order =
                RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund: &refund };
            let not_paid = found_in_session(Ok(reply(json!({ "status": 3 }))), &order).unwrap_err();
            (unlisted_without_access(&order).name(), refused_without_access(&order).name(), not_paid.name())
        };
        assert_eq!(of(0, None), ("credentials_missing", "credentials_missing", "refused"));
        assert_eq!(of(1, None), ("unlisted", "credentials_missing", "unknown"));
        assert_eq!(of(2, None), ("unlisted", "unknown", "unknown"));
        assert_eq!(of(0, Some("7")), ("unlisted", "credentials_missing", "unknown"), "somebody else's refund is there");
    }

    /// What a list says of the first refund of a payment of 50,000 rial that the platform gave this reference.
    fn found_in(data: Value, reference: Option<&str>) -> RefundAnswer {
        let attempt = attempt("zibal", "15966442233311", 50_000, "IRR");
        let payment = Payment::new("7", "zibal#15966442233311", attempt.money);
        let refund = called(attempt.money, 1, reference);
        let list = listed_refunds(&reply(json!({ "result": 1, "data": data }))).unwrap();
        let order = RefundOrder { link: &crate::tests::link(), attempt: &attempt, payment: &payment, refund: &refund };
        found(&list, SessionShows::Nothing, &order)
    }

    #[test]
    fn a_row_of_the_list_counts_by_its_status() {
        let row = |status: &str| json!({ "refundId": 7, "statusEn": status, "amount": 50_000 });
        for (status, expected) in [
            ("Refunded", "succeeded"),
            ("pending", "accepted"),
            ("queued", "accepted"),
            ("failed", "unlisted"),
            ("3", "unknown"),
        ] {
            assert_eq!(found_in(row(status), None).name(), expected, "{status}");
            assert_eq!(found_in(json!([row(status)]), None).name(), expected, "{status}");
        }
        assert_eq!(found_in(row("failed"), Some("7")).name(), "failed", "it is the one that we know");
        assert_eq!(found_in(row("failed"), Some("15966442233311")).name(), "failed", "it can be no other");
        let two = json!([row("failed"), { "refundId": 8, "statusEn": "refunded" }]);
        assert_eq!(found_in(two, None), RefundAnswer::Succeeded { reference: Some("8".to_owned()) });
        let part = json!({ "refundId": 7, "statusEn": "refunded", "amount": 20_000 });
        assert_eq!(found_in(part, None).name(), "unknown");
    }

    #[test]
    fn only_an_empty_list_says_that_there_is_no_refund() {
        for none in [Value::Null, json!([]), json!({})] {
            assert_eq!(found_in(none, None), RefundAnswer::Unlisted);
        }
        for unreadable in [json!("none"), json!(0), json!(["none"])] {
            assert_eq!(listed_refunds(&reply(json!({ "result": 1, "data": unreadable }))), None);
        }
    }

    #[test]
    fn a_refund_is_done_at_once_where_it_was_a_reverse() {
        let of_amount = |amount: i64, data: Value| {
            let open = attempt("zibal", "1", 50_000, "IRR");
            let payment = Payment::new("7", "zibal#1", open.money);
            let kept = ours::Kept::new(open, payment, vec![ours::refund(ours::OURS, amount, json!({ "calls": 1 }))]);
            accepted(&reply(json!({ "result": 1, "data": data })), &kept.order())
        };
        let of = |data: Value| of_amount(50_000, data);
        assert_eq!(of(json!({ "reversed": true })).name(), "succeeded");
        assert_eq!(of(json!({ "refundId": 7 })), RefundAnswer::Accepted { reference: "7".to_owned() });
        assert_eq!(of(Value::Null), RefundAnswer::Accepted { reference: "1".to_owned() });
        assert_eq!(of_amount(20_000, json!({ "reversed": true })).name(), "accepted", "a part is not reversed");
    }

    /// A refund of so much of a payment of 50,000 rial that a link kept, after so many calls, and another of 20,000 that the
    /// platform took.
    fn kept(amount: i64, calls: u32) -> ours::Kept {
        let open = attempt("zibal", "15966442233311", 50_000, "IRR");
        let payment = Payment::new("7", "zibal#15966442233311", open.money);
        let taken = json!({
            "state": "accepted", "since": "2026-11-23T22:09:00Z", "calls": 1, "gateway_reference": "71",
        });
        let asked = ours::refund(ours::OURS, amount, json!({ "calls": calls }));
        ours::Kept::new(open, payment, vec![asked, ours::refund(ours::ANOTHER, 20_000, taken)])
    }

    fn row(id: u64, amount: i64, status: &str, description: Option<&str>) -> Value {
        json!({ "refundId": id, "amount": amount, "statusEn": status, "description": description })
    }

    fn found_of_kept(amount: i64, calls: u32, session: SessionShows, rows: &[Value]) -> RefundAnswer {
        let list = listed_refunds(&reply(json!({ "result": 1, "data": rows }))).unwrap();
        found(&list, session, &kept(amount, calls).order())
    }

    #[test]
    fn a_part_is_found_by_our_own_number_beside_another_part_and_one_that_somebody_made() {
        let of = |amount: i64, calls: u32, rows: &[Value]| found_of_kept(amount, calls, SessionShows::Nothing, rows);
        let another = || row(71, 20_000, "pending", Some(ours::ANOTHER));
        let foreign = || row(70, 20_000, "refunded", Some("by hand"));
        let mine = row(72, 10_000, "refunded", Some(ours::OURS));
        let succeeded = RefundAnswer::Succeeded { reference: Some("72".to_owned()) };
        assert_eq!(of(10_000, 1, &[another(), foreign(), mine.clone()]), succeeded);
        assert_eq!(of(10_000, 1, &[another(), foreign()]), RefundAnswer::Unlisted, "never again after a call");
        assert_eq!(of(10_000, 0, &[another()]), RefundAnswer::Unlisted);
        let too_much = RefundAnswer::Refused { code: "zibal_too_little_left".to_owned() };
        assert_eq!(of(20_000, 0, &[another(), foreign()]), too_much);
        assert_eq!(of(9_000, 1, &[another(), mine]).name(), "unknown", "ours, and of another amount");
        assert_eq!(of(10_000, 0, &[json!({ "refundId": 70, "statusEn": "refunded" })]).name(), "unknown");
        assert_eq!(of(10_000, 1, &[row(72, 10_000, "failed", Some(ours::OURS))]).name(), "failed");
        assert_eq!(of(10_000, 1, &[row(72, 10_000, "odd", Some(ours::OURS))]).name(), "unknown");
    }

    #[test]
    fn a_row_without_any_text_is_ours_only_after_a_call_and_where_nothing_else_of_ours_explains_it() {
        let of =
            |amount: i64, calls: u32, rows: &[Value]| found_of_kept(amount, calls, SessionShows::Nothing, rows).name();
        let bare = |id: u64, amount: i64| row(id, amount, "refunded", None);
        assert_eq!(of(10_000, 1, &[bare(71, 20_000), bare(72, 10_000)]), "succeeded");
        assert_eq!(of(10_000, 0, &[bare(71, 20_000), bare(72, 10_000)]), "unlisted", "we did not call yet");
        assert_eq!(of(20_000, 1, &[bare(71, 20_000)]), "unlisted", "it is the other one");
        assert_eq!(of(20_000, 1, &[bare(70, 20_000)]), "unlisted", "it may be the other one, which is not seen yet");
        assert_eq!(of(20_000, 1, &[bare(71, 20_000), bare(72, 20_000)]), "succeeded");
    }

    #[test]
    fn what_a_session_says_of_the_whole_says_nothing_of_a_part() {
        let at = |status: i64, kept: &ours::Kept| match found_in_session(
            Ok(reply(json!({ "status": status, "amount": 50_000 }))),
            &kept.order(),
        ) {
            Ok(SessionShows::Nothing) => "nothing",
            Ok(SessionShows::SomeRefund) => "some refund",
            Err(answer) => answer.name(),
        };
        for (status, expected) in
            [(1, "nothing"), (15, "some refund"), (16, "some refund"), (18, "refused"), (3, "unknown")]
        {
            assert_eq!(at(status, &kept(10_000, 0)), expected, "{status}");
        }
        let whole = |calls: u32| ours::Kept {
            attempt: Attempt {
                refunds: vec![ours::refund(ours::OURS, 50_000, json!({ "calls": calls }))],
                ..kept(1, 0).attempt
            },
            ..kept(1, 0)
        };
        assert_eq!([at(15, &whole(1)), at(18, &whole(1)), at(16, &whole(1))], ["succeeded", "succeeded", "accepted"]);
        assert_eq!([at(15, &whole(0)), at(18, &whole(0))], ["some refund", "refused"], "somebody else did it");
        let early = found_of_kept(10_000, 0, SessionShows::SomeRefund, &[]);
        assert_eq!(early.name(), "unknown", "the list may be late");
    }

    #[test]
    fn the_return_is_read_in_every_form() {
        let credentials = crate::tests::credentials("zibal", json!({ "merchant": "zibal" }));
        let attempt = attempt("zibal", "1", 50_000, "IRR");
        let read = |success: &str| {
            let fields = Fields::from([("success".to_owned(), success.to_owned())]);
            Zibal::read_return(&fields, &attempt, &credentials).hint
        };
        assert_eq!([read("1"), read("true"), read("0"), read("")], {
            use Hint::{NotPaid, Paid};
            [Paid, Paid, NotPaid, NotPaid]
        });
    }
}

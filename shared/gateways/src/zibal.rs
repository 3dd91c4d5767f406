//! Zibal. Source: the official samples and packages, and clients that agree with them.
//!
//! What is special here: verifying takes the money and is told no amount, so the amount in the answer has to be compared;
//! a repeated verify may answer without one, and then only the inquiry tells it. HTTP statuses do not depend on the
//! outcome, only `result` does. Returns are unsigned. Refunds are the business of another host with a token of its own.

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::link::{Attempt, Checkout, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use serde_json::{Map, Value, json};

use crate::{
    BeginError, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, at_most, not_paid, object, unknown,
    whole,
};

/// The gateway names no bound of a description; this much fits on its page.
const LONGEST_DESCRIPTION: usize = 500;

/// What the platform's refund calls success. The gateway's own calls say 100.
const REFUNDED: i64 = 1;

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
            Some(code) => Err(BeginError::Refused { code: code.to_string() }),
            None => Err(BeginError::Unavailable { why: "an answer without a result".to_owned() }),
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
                Some(100 | 201) if amount(&reply).is_some() => paid(&reply, attempt),
                // Verified before and bare, or not paid, which says neither whether it still may be nor whether the money
                // went back: the inquiry tells.
                Some(100 | 201 | 202) => match self.inquire(attempt, credentials).await {
                    Ok(reply) => session_answer(&reply, attempt),
                    Err(answer) => answer,
                },
                Some(code) => GatewayAnswer::Misconfigured { code: code.to_string() },
                None => unknown("an answer without a result"),
            },
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    /// Refunds, where the account has what that needs. The platform knows no idempotency keys, so it is asked first whether
    /// an earlier call did it: the session, which shows a refund once it is done, and after a try of ours the refunds.
    async fn refund(&self, attempt: &Attempt, _: &Payment, credentials: &Credentials) -> RefundAnswer {
        let (Some(token), Some(account)) = (credentials.expose("refund_token"), credentials.expose("refund_account"))
        else {
            return RefundAnswer::Refused { reason: "zibal_refund_credentials_missing".to_owned() };
        };
        match self.inquire(attempt, credentials).await.map(|reply| session_answer(&reply, attempt)) {
            Ok(GatewayAnswer::Returned) => return RefundAnswer::Issued,
            Ok(GatewayAnswer::Paid(_)) => {}
            Ok(GatewayAnswer::Unknown { why }) => return RefundAnswer::Unknown { why },
            Ok(_) => return RefundAnswer::Refused { reason: "zibal_not_paid".to_owned() },
            Err(_) => {
                return RefundAnswer::Unknown { why: "the inquiry before a refund was not answered".to_owned() };
            }
        }
        // A refund that was asked for once more would be made once more, and the run that asked before may have died
        // before the answer was written down.
        match self.platform("refund/inquiry", json!({ "transactionTrackId": track(attempt) }), token).await {
            Ok(reply) if result(&reply) == Some(REFUNDED) && names_a_refund(&reply) => return RefundAnswer::Issued,
            Ok(reply) if result(&reply).is_some() => {}
            Ok(_) => return RefundAnswer::Unknown { why: "a list of refunds without a result".to_owned() },
            Err(why) => return RefundAnswer::Unknown { why },
        }
        let body = json!({ "trackId": track(attempt), "accountId": account, "tryReverse": true });
        match self.platform("refund", body, token).await {
            Ok(reply) => match result(&reply) {
                Some(REFUNDED) => RefundAnswer::Issued,
                Some(code) => RefundAnswer::Refused { reason: format!("zibal_{code}") },
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
            Some(code) => Err(GatewayAnswer::Misconfigured { code: code.to_string() }),
            None => Err(unknown("an inquiry without a result")),
        }
    }

    async fn call(&self, name: &str, body: Value) -> Result<Reply, String> {
        let request = http::Request::post(format!("{}/v1/{name}", self.0.endpoint.api))
            .header("content-type", "application/json")
            .header("accept", "application/json");
        self.exchange(request, body).await
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

fn result(reply: &Reply) -> Option<i64> {
    reply.get("result").and_then(whole)
}

/// What an inquiry says of a session.
fn session_answer(reply: &Reply, attempt: &Attempt) -> GatewayAnswer {
    match reply.get("status").and_then(whole) {
        Some(-1) => GatewayAnswer::Pending,
        Some(1) => paid(reply, attempt),
        Some(2) => GatewayAnswer::Unconfirmed,
        Some(3) => not_paid(NotPaidCause::Cancelled, "cancelled"),
        Some(4..=12) => not_paid(NotPaidCause::Declined, "failed"),
        Some(15 | 16 | 18) => GatewayAnswer::Returned,
        Some(21) => GatewayAnswer::Misconfigured { code: "21".to_owned() },
        Some(_) | None => unknown("a status that is not documented"),
    }
}

fn paid(reply: &Reply, attempt: &Attempt) -> GatewayAnswer {
    if reply.get("orderId").and_then(Value::as_str).is_some_and(|order| order != attempt.id.as_str()) {
        return GatewayAnswer::Misconfigured { code: "another_session".to_owned() };
    }
    let Some(money) = amount(reply).and_then(|amount| Money::new(amount, Currency::IRR).ok()) else {
        return unknown("a payment without an amount");
    };
    // The sandbox has no numbers of a bank; the session's own is as good there.
    let reference = match reply.get("refNumber") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
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
            .map(str::to_owned),
    })
}

fn amount(reply: &Reply) -> Option<i64> {
    reply.get("amount").and_then(whole).filter(|amount| *amount > 0)
}

/// Whether the platform's answer about the refunds of a session has one. The form of an entry is not published.
fn names_a_refund(reply: &Reply) -> bool {
    match reply.get("data") {
        Some(Value::Object(refund)) => !refund.is_empty(),
        Some(Value::Array(refunds)) => !refunds.is_empty(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => false,
    }
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
    use crate::tests::attempt;

    fn reply(body: Value) -> Reply {
        serde_json::from_value(body).unwrap()
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
            (18, "returned"),
            (21, "misconfigured"),
            (-2, "unknown"),
            (99, "unknown"),
        ] {
            assert_eq!(session_answer(&reply(json!({ "status": status })), &attempt).name(), expected, "{status}");
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
        assert_eq!(read(json!({ "amount": 50_000, "orderId": "another" })).name(), "misconfigured");
        for bare in [json!({}), json!({ "amount": null }), json!({ "amount": 0 }), json!({ "amount": "much" })] {
            assert_eq!(amount(&reply(bare)), None, "such an answer must be asked about");
        }
    }

    #[test]
    fn a_refund_is_there_where_the_platform_names_one() {
        let names = |body: Value| names_a_refund(&reply(body));
        assert!(names(json!({ "result": 1, "data": { "refundId": 7 } })));
        assert!(names(json!({ "result": 1, "data": [{ "refundId": 7 }] })));
        for none in [json!({}), json!({ "data": null }), json!({ "data": [] }), json!({ "data": {} })] {
            assert!(!names(none));
        }
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

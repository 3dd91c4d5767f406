//! Zarinpal v4. Source: zarinpal.com/docs and the official PHP and Node SDKs.
//!
//! What is special here: verifying takes the money and may be repeated (100 first, 101 afterwards); the browser's return
//! is unsigned and there is no webhook; HTTP statuses do not depend on the outcome, only the JSON does.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::link::{Attempt, Checkout, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::records::credentials::Credentials;
use outbound::Answer;
use serde_json::{Value, json};

use crate::{
    BeginError, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, Unconfirmed, at_most, not_paid,
    terminal, unknown, whole,
};

/// The longest description that the gateway takes, in characters.
const LONGEST_DESCRIPTION: usize = 500;

/// A list of unverified authorities has at most this many. Older ones are left out.
const LONGEST_LIST: usize = 100;

pub(crate) struct Zarinpal<'a>(pub(crate) GatewayClient<'a>);

/// An answer of any call: what it says, or the code of its error.
#[derive(Debug, PartialEq)]
enum Reply {
    Data(Value),
    Error(i64),
    /// Nothing that can be read, so it means nothing.
    Unreadable(String),
}

impl GatewayAdapter for Zarinpal<'_> {
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://payment.zarinpal.com");
    const SANDBOX: DefaultEndpoints = DefaultEndpoints::at("https://sandbox.zarinpal.com");

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let body = json!({
            "merchant_id": merchant(credentials),
            "amount": order.attempt.money.minor_units(),
            // Left out, it would be Rial too; said, nobody has to know that.
            "currency": "IRR",
            "description": at_most(order.description, LONGEST_DESCRIPTION),
            "callback_url": order.return_url,
            "metadata": { "order_id": order.attempt.id().as_str() },
        });
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
            Reply::Error(code) if is_temporary(code) => Err(BeginError::Unavailable { why: format!("code {code}") }),
            Reply::Error(code) => Err(BeginError::Refused { code: code.to_string() }),
            Reply::Unreadable(why) => Err(BeginError::Unavailable { why }),
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

    /// Reverses: possible for thirty minutes, from an address that the merchant registered.
    async fn refund(&self, attempt: &Attempt, _: &Payment, credentials: &Credentials) -> RefundAnswer {
        let body = json!({ "merchant_id": merchant(credentials), "authority": attempt.session });
        match self.call("reverse", body).await {
            Reply::Data(_) => RefundAnswer::Issued,
            // Not successful, or reversed before: our own earlier call may have done it.
            Reply::Error(-61) => match self.inquire(attempt, credentials).await {
                Ok(status) if status == "REVERSED" => RefundAnswer::Issued,
                Ok(_) => RefundAnswer::Refused { reason: "zarinpal_-61".to_owned() },
                Err(_) => RefundAnswer::Unknown { why: "the inquiry after -61 was not answered".to_owned() },
            },
            Reply::Error(code) if is_temporary(code) => RefundAnswer::Unknown { why: format!("code {code}") },
            Reply::Error(code) => RefundAnswer::Refused { reason: format!("zarinpal_{code}") },
            Reply::Unreadable(why) => RefundAnswer::Unknown { why },
        }
    }

    /// The authorities of this merchant in which somebody has paid and nobody has verified: the last hundred of them.
    async fn unconfirmed(&self, credentials: &Credentials) -> Option<Result<Unconfirmed, String>> {
        Some(match self.call("unVerified", json!({ "merchant_id": merchant(credentials) })).await {
            Reply::Data(data) => unverified(&data).ok_or_else(|| "a list that cannot be read".to_owned()),
            Reply::Error(code) => Err(format!("code {code}")),
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
            // Not paid says neither whether it still may be nor whether the money went back.
            Reply::Error(-51) => match self.inquire(attempt, credentials).await {
                Ok(status) => match status.as_str() {
                    "IN_BANK" => GatewayAnswer::Pending,
                    // One word stands for everything that is no payment.
                    "FAILED" => not_paid(NotPaidCause::Unspecified, "failed"),
                    "REVERSED" => GatewayAnswer::Returned,
                    _ => unknown("verify and inquiry contradict each other"),
                },
                Err(answer) => answer,
            },
            Reply::Error(-50) => GatewayAnswer::WrongAmount { got: None },
            Reply::Error(code) => refusal(code),
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
            Reply::Error(code) => Err(refusal(code)),
            Reply::Unreadable(why) => Err(unknown(&why)),
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

/// Decides on the JSON alone. `data` is an object with a code, or `[]` or `{}`; `errors` is an object with a code, a list
/// of such objects, or a map from a field to `[message, code]`. Codes are numbers or strings.
fn read(answer: &Answer) -> Reply {
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Reply::Unreadable(format!("status {} without JSON", answer.status));
    };
    match body.get("data").and_then(|data| data.get("code")).and_then(whole) {
        Some(100 | 101) => return Reply::Data(body.get("data").cloned().unwrap_or_default()),
        Some(code) => return Reply::Error(code),
        None => {}
    }
    match body.get("errors").and_then(error_code) {
        Some(code) => Reply::Error(code),
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
    let reference = match data.get("ref_id") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        _ => return unknown("a verified payment without a reference"),
    };
    GatewayAnswer::Paid(Payment {
        // References are unique within a terminal, and two accounts may share one. The merchant id itself stays out of keys.
        claim: format!("zarinpal#{}#{reference}", terminal(merchant(credentials))),
        reference,
        // The gateway compares the amount itself and answers -50 where it differs.
        money: attempt.money,
        masked_card: data.get("card_pan").and_then(Value::as_str).filter(|pan| pan.contains('*')).map(str::to_owned),
    })
}

/// An entry without an authority makes the whole list unreadable: what is missing from it must not look unpaid.
fn unverified(data: &Value) -> Option<Unconfirmed> {
    let entries = data.get("authorities")?.as_array()?;
    let sessions: Option<BTreeSet<String>> =
        entries.iter().map(|entry| entry.get("authority")?.as_str().map(str::to_owned)).collect();
    Some(Unconfirmed { sessions: sessions?, is_whole: entries.len() < LONGEST_LIST })
}

fn refusal(code: i64) -> GatewayAnswer {
    if is_temporary(code) {
        unknown(&format!("code {code}"))
    } else {
        GatewayAnswer::Misconfigured { code: code.to_string() }
    }
}

/// Too many attempts, or an unexpected error on their side: the same call may succeed later.
fn is_temporary(code: i64) -> bool {
    matches!(code, -12 | -52)
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
    use domain::gateway::{GatewayKind, Mode};

    fn credentials() -> Credentials {
        let merchant = Fields::from([("merchant_id".to_owned(), "1344b5d4-0048-11e8-94db-005056a205be".to_owned())]);
        Credentials::parse(GatewayKind::Zarinpal, Mode::Live, merchant, "/credentials").unwrap()
    }

    fn reply(status: u16, body: &str) -> Reply {
        read(&Answer { status, retry_after: None, body: body.to_owned().into() })
    }

    #[test]
    fn every_form_of_answer_is_read_and_the_http_status_does_not_matter() {
        assert!(matches!(reply(422, r#"{"data":{"code":100,"authority":"x"},"errors":[]}"#), Reply::Data(_)));
        assert!(matches!(reply(200, r#"{"data":{"code":"101"},"errors":[]}"#), Reply::Data(_)));
        for body in [
            r#"{"data":{},"errors":{"message":"x","code":-51,"validations":[]}}"#,
            r#"{"data":[],"errors":{"message":"x","code":"-51"}}"#,
            r#"{"data":[],"errors":[{"code":-51}]}"#,
            r#"{"data":{"code":-51},"errors":[]}"#,
            r#"{"data":[],"errors":{"authority":["invalid","-51"]}}"#,
        ] {
            assert_eq!(reply(200, body), Reply::Error(-51), "{body}");
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
        ] {
            assert!(matches!(reply(status, body), Reply::Unreadable(_)), "{body}");
        }
    }

    #[test]
    fn only_passing_errors_are_worth_a_repetition() {
        assert_eq!(refusal(-12).name(), "unknown");
        assert_eq!(refusal(-52).name(), "unknown");
        for code in [-9, -10, -11, -14, -15, -53, -54, -55] {
            assert_eq!(refusal(code).name(), "misconfigured", "{code}");
        }
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
    }

    #[test]
    fn an_authority_has_its_form() {
        assert!(is_authority("A00000000000000000000000000217885159"));
        assert!(!is_authority("A0000000000000000000000000021788515"));
        assert!(!is_authority("X00000000000000000000000000217885159"));
    }
}

//! SEP (Saman) OnlinePG. Source: the gateway's own guide, version 3.3.
//!
//! What is special here: the customer's browser posts a form on the way out and on the way back. The way back brings the
//! reference without which nothing can be verified, and there is no call that asks about a session; what nobody verifies
//! within half an hour goes back to the payer. The gateway does not keep a reference from being used twice: that is the
//! merchant's duty, and so is comparing terminal and amount.

use domain::Timestamp;
use domain::attempt::{Attempt, AttemptState, Checkout, OpenedSession};
use domain::credentials::Credentials;
use domain::gateway::{GatewayAnswer, GiveBackAnswer, Payment};
use domain::link::{Heard, Report};
use domain::money::{Currency, Money};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::{BeginError, Fields, Line, Order, Shipped, Speaks, is_word, not_paid, object, terminal, unknown, whole};

/// References are at most so long. They are base64-like, with `+`, `/` and `=`.
const LONGEST_REFERENCE: usize = 50;

/// What the return calls a payment.
const OK: &str = "2";

/// Their clock may be behind ours by so much.
const CLOCK_MARGIN: SignedDuration = SignedDuration::from_mins(5);

pub(crate) struct Sep<'a>(pub(crate) Line<'a>);

type Said = Map<String, Value>;

impl Speaks for Sep<'_> {
    const LIVE: Shipped = Shipped::at("https://sep.shaparak.ir");
    // The gateway has no sandbox of its own; somebody else plays it there. In no case may a sandbox account be live.
    const SANDBOX: Shipped = Shipped::at("https://sandbox.banktest.ir/saman/sep.shaparak.ir");

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let body = json!({
            "action": "token",
            "TerminalId": terminal_id(credentials),
            "Amount": order.attempt.money.minor_units(),
            "ResNum": order.attempt.id().as_str(),
            "RedirectUrl": order.return_url,
        });
        let unavailable = |why| BeginError::Unavailable { why };
        let said = self.call("/onlinepg/onlinepg", body).await.map_err(unavailable)?;
        match (field(&said, "status").and_then(whole), field(&said, "token").and_then(Value::as_str)) {
            (Some(1), Some(token)) if is_word(token) => Ok(OpenedSession {
                session: token.to_owned(),
                checkout: Checkout::form(
                    format!("{}/OnlinePG/OnlinePG", self.0.place.pages),
                    [("Token", token), ("GetMethod", "false")],
                ),
            }),
            (Some(-1), _) => {
                let code = field(&said, "errorCode").and_then(whole).map(|code| code.to_string());
                Err(BeginError::Refused { code: code.unwrap_or_else(|| "without_a_code".to_owned()) })
            }
            _ => Err(unavailable("an answer without a token".to_owned())),
        }
    }

    /// There is nothing to ask: what the return said is all there is. It moves no money, because only verifying takes any.
    async fn look_up(&self, attempt: &Attempt, heard: &Heard, _: &Credentials, now: Timestamp) -> GatewayAnswer {
        let is_over = now >= attempt.watched_until;
        match (&attempt.state, heard.report) {
            (AttemptState::Unacceptable { .. }, _) if is_over => GatewayAnswer::Returned,
            (AttemptState::Unacceptable { .. }, _) => GatewayAnswer::Unconfirmed,
            (_, Report::Paid) if heard.brought.is_some() && !is_over => GatewayAnswer::Unconfirmed,
            // The token is used up, and without our verifying nothing is taken: a later return that brings a payment after
            // all is still heard.
            (_, Report::NotPaid) => not_paid("not_paid_on_return"),
            (_, Report::Paid | Report::Nothing) => GatewayAnswer::Pending,
        }
    }

    /// Verifies: from here on the money is ours. What was verified before answers with another code and the same payment.
    async fn confirm(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let Some(reference) = &attempt.brought else { return Some(GatewayAnswer::Pending) };
        Some(match self.transaction("VerifyTransaction", reference, credentials).await {
            Ok(said) => verified(&said, attempt, reference, credentials),
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    async fn give_back(&self, _: &Attempt, payment: &Payment, credentials: &Credentials) -> GiveBackAnswer {
        match self.transaction("ReverseTransaction", &payment.reference, credentials).await {
            Ok(said) => match field(&said, "ResultCode").and_then(whole) {
                // Done now, by an earlier call, or by the gateway itself.
                Some(0 | 2 | 5) => GiveBackAnswer::Done,
                Some(code) => GiveBackAnswer::Refused { reason: format!("sep_{code}") },
                None => GiveBackAnswer::Unknown { why: "an answer without a result".to_owned() },
            },
            Err(why) => GiveBackAnswer::Unknown { why },
        }
    }

    fn read_return(fields: &Fields, attempt: &Attempt, credentials: &Credentials) -> Heard {
        // The guide spells some names in two ways.
        let named = |wanted: &str| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let Some(status) = named("Status") else { return Report::Nothing.into() };
        let reference = named("RefNum").filter(|text| is_reference(text));
        // Whoever brings the return of another session says nothing about this one.
        let is_ours = named("TerminalId").is_none_or(|id| id == terminal_id(credentials))
            && named("ResNum").is_none_or(|order| order == attempt.id.as_str())
            && named("Token").is_none_or(|token| token == attempt.session);
        match reference {
            Some(reference) if status == OK && is_ours => {
                Heard { report: Report::Paid, brought: Some(reference.to_owned()) }
            }
            Some(_) | None if !is_ours => Report::Nothing.into(),
            Some(_) | None => Report::NotPaid.into(),
        }
    }
}

impl Sep<'_> {
    async fn transaction(&self, name: &str, reference: &str, credentials: &Credentials) -> Result<Said, String> {
        let body = json!({ "RefNum": reference, "TerminalNumber": terminal_number(credentials) });
        self.call(&format!("/verifyTxnRandomSessionkey/ipg/{name}"), body).await
    }

    async fn call(&self, path: &str, body: Value) -> Result<Said, String> {
        let request = http::Request::post(format!("{}{path}", self.0.place.api))
            .header("content-type", "application/json")
            .header("accept", "application/json");
        let answer = self.0.send(request, body.to_string()).await?;
        object(&answer.body).ok_or_else(|| format!("status {} without JSON", answer.status))
    }
}

/// The guide's own example has a blank before the name of a field.
fn field<'a>(said: &'a Said, name: &str) -> Option<&'a Value> {
    said.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn verified(said: &Said, attempt: &Attempt, reference: &str, credentials: &Credentials) -> GatewayAnswer {
    match field(said, "ResultCode").and_then(whole) {
        Some(code @ (0 | 2)) => match field(said, "TransactionDetail").and_then(Value::as_object) {
            // Verified before, and older than the session: it was made for something else, whoever brought its reference
            // here. A person has to look, without a payment that could be given back by mistake.
            Some(detail) if code == 2 && is_older(detail, attempt) => GatewayAnswer::WrongAmount { got: None },
            Some(detail) => paid(detail, reference, credentials),
            None => unknown("a verified payment without its details"),
        },
        // Reversed already, or about to be, because half an hour passed.
        Some(5 | -6) => GatewayAnswer::Returned,
        Some(-2) => not_paid("no_such_reference"),
        Some(code) => GatewayAnswer::Misconfigured { code: code.to_string() },
        None => unknown("an answer without a result"),
    }
}

fn paid(detail: &Said, reference: &str, credentials: &Credentials) -> GatewayAnswer {
    let is_this = field(detail, "RefNum").and_then(Value::as_str).is_none_or(|given| given.trim() == reference);
    if !is_this || field(detail, "TerminalNumber").and_then(whole) != terminal_number(credentials) {
        return GatewayAnswer::Misconfigured { code: "another_transaction".to_owned() };
    }
    let amount = field(detail, "OrginalAmount").and_then(whole).filter(|amount| *amount > 0);
    let Some(money) = amount.and_then(|amount| Money::new(amount, Currency::IRR).ok()) else {
        return unknown("a payment without an amount");
    };
    GatewayAnswer::Paid(Payment {
        reference: reference.to_owned(),
        claim: format!("sep#{}#{reference}", terminal(terminal_id(credentials))),
        money,
        masked_card: field(detail, "MaskedPan").and_then(Value::as_str).map(str::to_owned),
    })
}

/// Dates are `YYYY-MM-DD HH:MM:SS` in Tehran, so that texts sort as instants do. What has another form is not older.
fn is_older(detail: &Said, attempt: &Attempt) -> bool {
    let Some(at) = field(detail, "StraceDate").and_then(Value::as_str).map(str::trim) else { return false };
    let earliest = attempt.opened_at.checked_sub(CLOCK_MARGIN).unwrap_or(Timestamp::MIN).in_tz("Asia/Tehran");
    let earliest = earliest.map(|local| local.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
    let is_digit = |(a, b): (u8, u8)| a == b || a.is_ascii_digit() && b.is_ascii_digit();
    at.len() == earliest.len() && at.bytes().zip(earliest.bytes()).all(is_digit) && at < earliest.as_str()
}

fn is_reference(text: &str) -> bool {
    (1..=LONGEST_REFERENCE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn terminal_id(credentials: &Credentials) -> &str {
    credentials.expose("terminal_id").unwrap_or_default()
}

fn terminal_number(credentials: &Credentials) -> Option<i64> {
    terminal_id(credentials).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::attempt;

    const REFERENCE: &str = "GmshtyjwKSu+lKOLquYrzO9/BqjUMb=";

    fn credentials() -> Credentials {
        crate::tests::credentials("sep", json!({ "terminal_id": "2015" }))
    }

    fn returned(fields: &[(&str, &str)]) -> Heard {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sep::read_return(&fields, &attempt("sep", "token", 50_000, "IRR"), &credentials())
    }

    #[test]
    fn a_return_brings_the_reference_whatever_the_case_of_its_names() {
        let heard = returned(&[("State", "OK"), ("status", "2"), ("refnum", REFERENCE), ("TerminalId", "2015")]);
        assert_eq!(heard, Heard { report: Report::Paid, brought: Some(REFERENCE.to_owned()) });
        assert_eq!(returned(&[("Status", "2"), ("RefNum", "")]).report, Report::NotPaid);
        assert_eq!(returned(&[("Status", "1"), ("RefNum", REFERENCE)]), Report::NotPaid.into());
        assert_eq!(returned(&[("Status", "2"), ("RefNum", REFERENCE), ("TerminalId", "9")]), Report::Nothing.into());
        let other = [("Status", "2"), ("RefNum", REFERENCE), ("ResNum", "at_another")];
        assert_eq!(returned(&other), Report::Nothing.into());
        assert_eq!(returned(&[("Status", "2"), ("RefNum", &"x".repeat(51))]), Report::NotPaid.into());
        assert_eq!(returned(&[]), Report::Nothing.into());
    }

    /// In the form of the guide's example, with the blank before its first name.
    fn answer(code: i64, amount: i64, terminal: i64, at: &str) -> Said {
        serde_json::from_value(json!({
            " TransactionDetail": {
                "RRN": "14226761817", "RefNum": REFERENCE, "MaskedPan": "621986****8080", "HashedPan": "b96a",
                "TerminalNumber": terminal, "OrginalAmount": amount, "AffectiveAmount": amount,
                "StraceDate": at, "StraceNo": "100428",
            },
            "ResultCode": code, "ResultDescription": "x", "Success": code == 0,
        }))
        .unwrap()
    }

    #[test]
    fn only_this_payment_of_this_terminal_made_in_this_session_is_paid() {
        // Opened at 2026-11-23 22:00 UTC, which is 01:30 in Tehran.
        let attempt = attempt("sep", "token", 50_000, "IRR");
        let judge = |said: &Said| verified(said, &attempt, REFERENCE, &credentials());
        let now = "2026-11-24 01:35:00";
        for code in [0, 2] {
            let GatewayAnswer::Paid(payment) = judge(&answer(code, 50_000, 2015, now)) else { panic!("{code}") };
            assert_eq!((payment.money.minor_units(), payment.reference.as_str()), (50_000, REFERENCE));
            assert!(payment.claim.starts_with("sep#") && payment.claim.ends_with(REFERENCE));
        }
        let GatewayAnswer::Paid(payment) = judge(&answer(0, 40_000, 2015, now)) else { panic!() };
        assert_eq!(payment.money.minor_units(), 40_000, "what differs is judged by the domain");
        assert_eq!(judge(&answer(0, 50_000, 2016, now)).name(), "misconfigured");
        let older = "2026-11-23 01:35:00";
        assert_eq!(judge(&answer(2, 50_000, 2015, older)), GatewayAnswer::WrongAmount { got: None });
        assert_eq!(
            judge(&answer(0, 50_000, 2015, older)).name(),
            "paid",
            "we took it just now, whatever their clock says"
        );
        assert_eq!(judge(&answer(2, 50_000, 2015, "yesterday")).name(), "paid");
        for (code, expected) in [(5, "returned"), (-6, "returned"), (-2, "not_paid"), (-106, "misconfigured")] {
            assert_eq!(judge(&answer(code, 50_000, 2015, now)).name(), expected, "{code}");
        }
        let bare = serde_json::from_value(json!({ "ResultCode": 2, "Success": false })).unwrap();
        assert_eq!(judge(&bare).name(), "unknown");
    }
}

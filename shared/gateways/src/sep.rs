//! SEP (Saman) OnlinePG. Source: the gateway's own guide, version 3.3.
//!
//! What is special here: the customer's browser posts a form on the way out and on the way back. The way back brings the
//! reference without which nothing can be verified, and there is no call that asks about a session; what nobody verifies
//! within half an hour goes back to the payer. The gateway does not keep a reference from being used twice: that is the
//! merchant's duty, and so is comparing terminal and amount.

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::link::{Attempt, AttemptState, Checkout, LEASE, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::{
    BeginError, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, doubtful, is_word, not_paid, object,
    terminal, unknown, whole,
};

/// A reference has at most this many characters. It is base64-like, with `+`, `/` and `=`.
const LONGEST_REFERENCE: usize = 50;

/// What the return calls a payment.
const OK: &str = "2";

/// How long a token may be asked to live, in minutes.
const TOKEN_MINUTES: (i64, i64) = (20, 3_600);

/// The gateway's clock may be behind ours by this much.
const CLOCK_MARGIN: SignedDuration = SignedDuration::from_mins(5);

pub(crate) struct Sep<'a>(pub(crate) GatewayClient<'a>);

type Reply = Map<String, Value>;

impl GatewayAdapter for Sep<'_> {
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://sep.shaparak.ir");
    // The gateway has no sandbox of its own; somebody else simulates it there. In no case may a sandbox account be live.
    const SANDBOX: DefaultEndpoints = DefaultEndpoints::at("https://sandbox.banktest.ir/saman/sep.shaparak.ir");

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let body = json!({
            "action": "token",
            "TerminalId": terminal_id(credentials),
            "Amount": order.attempt.money.minor_units(),
            "ResNum": order.attempt.id().as_str(),
            "RedirectUrl": order.return_url,
            // What our deadlines count with, whatever the stack has made of it.
            "TokenExpiryInMin": token_minutes(order),
        });
        let unavailable = |why| BeginError::Unavailable { why };
        let reply = self.call("/onlinepg/onlinepg", body).await.map_err(unavailable)?;
        match (field(&reply, "status").and_then(whole), field(&reply, "token").and_then(Value::as_str)) {
            (Some(1), Some(token)) if is_word(token) => Ok(OpenedSession {
                session: token.to_owned(),
                checkout: Checkout::form(
                    format!("{}/OnlinePG/OnlinePG", self.0.endpoint.pages),
                    [("Token", token), ("GetMethod", "false")],
                ),
            }),
            (Some(-1), _) => {
                let code = field(&reply, "errorCode").and_then(whole).map(|code| code.to_string());
                Err(BeginError::Refused { code: code.unwrap_or_else(|| "without_a_code".to_owned()) })
            }
            _ => Err(unavailable("an answer without a token".to_owned())),
        }
    }

    /// There is nothing to ask: what the return said is all there is. It moves no money, because only verifying takes any.
    async fn look_up(
        &self,
        attempt: &Attempt,
        return_data: &ReturnData,
        _: &Credentials,
        now: Timestamp,
    ) -> GatewayAnswer {
        let is_over = now >= attempt.watched_until;
        match (&attempt.state, return_data.hint) {
            (AttemptState::AwaitingReversal { .. }, _) if is_over => GatewayAnswer::Returned,
            (AttemptState::AwaitingReversal { .. }, _) => GatewayAnswer::Unconfirmed,
            (_, Hint::Paid) if return_data.return_reference.is_some() && !is_over => GatewayAnswer::Unconfirmed,
            // The token is used up, and without our verifying nothing is taken: a later return that brings a payment
            // after all is still read.
            (_, Hint::NotPaid) => not_paid(NotPaidCause::Unspecified, "not_paid_on_return"),
            (_, Hint::Paid | Hint::Nothing) => GatewayAnswer::Pending,
        }
    }

    /// Verifies: from here on the money is ours. What was verified before answers with another code and the same payment.
    async fn confirm(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let Some(reference) = &attempt.return_reference else { return Some(GatewayAnswer::Pending) };
        Some(match self.transaction("VerifyTransaction", reference, credentials).await {
            Ok(reply) => verified(&reply, attempt, reference, credentials),
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    async fn refund(&self, _: &Attempt, payment: &Payment, credentials: &Credentials) -> RefundAnswer {
        match self.transaction("ReverseTransaction", &payment.reference, credentials).await {
            Ok(reply) => match field(&reply, "ResultCode").and_then(whole) {
                // Done now, by an earlier call, or by the gateway itself.
                Some(0 | 2 | 5) => RefundAnswer::Issued,
                Some(code) => RefundAnswer::Refused { reason: format!("sep_{code}") },
                None => RefundAnswer::Unknown { why: "an answer without a result".to_owned() },
            },
            Err(why) => RefundAnswer::Unknown { why },
        }
    }

    fn read_return(fields: &Fields, attempt: &Attempt, credentials: &Credentials) -> ReturnData {
        // The guide spells some names in two ways.
        let raw = |wanted: &str| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
        };
        let named = |wanted: &str| raw(wanted).map(str::trim);
        // A return of another session says nothing about this one. The gateway always brings our own
        // number of it, which is how the guide wants a session to be found.
        let is_ours = named("ResNum") == Some(attempt.id.as_str())
            && named("TerminalId").is_none_or(|id| id == terminal_id(credentials))
            && named("Token").is_none_or(|token| token == attempt.session);
        let Some(status) = named("Status").filter(|_| is_ours) else { return Hint::Nothing.into() };
        if status != OK {
            return Hint::NotPaid.into();
        }
        match raw("RefNum").and_then(reference_of) {
            None => Hint::NotPaid.into(),
            Some(reference) if is_reference(&reference) => {
                ReturnData { hint: Hint::Paid, return_reference: Some(reference) }
            }
            // A payment was made, and cannot be verified by what came: saying that none was would invite another.
            Some(_) => Hint::Nothing.into(),
        }
    }
}

impl Sep<'_> {
    async fn transaction(&self, name: &str, reference: &str, credentials: &Credentials) -> Result<Reply, String> {
        let body = json!({ "RefNum": reference, "TerminalNumber": terminal_number(credentials) });
        self.call(&format!("/verifyTxnRandomSessionkey/ipg/{name}"), body).await
    }

    async fn call(&self, path: &str, body: Value) -> Result<Reply, String> {
        let request = http::Request::post(format!("{}{path}", self.0.endpoint.api))
            .header("content-type", "application/json")
            .header("accept", "application/json");
        let answer = self.0.send(request, body.to_string()).await?;
        object(&answer.body).ok_or_else(|| format!("status {} without JSON", answer.status))
    }
}

/// The guide's own example has a blank before the name of a field.
fn field<'a>(reply: &'a Reply, name: &str) -> Option<&'a Value> {
    reply.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn verified(reply: &Reply, attempt: &Attempt, reference: &str, credentials: &Credentials) -> GatewayAnswer {
    match field(reply, "ResultCode").and_then(whole) {
        // Verified before we ever asked, or older than the session: the payment was made for something else, and
        // somebody brought its reference here. A person has to look, without a payment that could be refunded by
        // mistake.
        Some(2) if !asked_before(attempt) => doubtful("verified_by_somebody_else"),
        Some(code @ (0 | 2)) => match field(reply, "TransactionDetail").and_then(Value::as_object) {
            Some(detail) if code == 2 && is_older(detail, attempt) => doubtful("verified_by_somebody_else"),
            Some(detail) => paid(detail, reference, credentials),
            None => unknown("a verified payment without its details"),
        },
        Some(5) => GatewayAnswer::Returned,
        // Too late to verify. Unless an earlier call of ours did it, whose answer was lost and which may be what they do
        // not look at first, the money goes back by itself.
        Some(-6) if asked_before(attempt) => doubtful("verified_without_an_answer"),
        Some(-6) => GatewayAnswer::Returned,
        Some(-2) => not_paid(NotPaidCause::Unspecified, "no_such_reference"),
        Some(code) => GatewayAnswer::Misconfigured { code: code.to_string() },
        None => unknown("an answer without a result"),
    }
}

/// Whether this attempt is confirming for longer than one call: we verified before and heard nothing.
fn asked_before(attempt: &Attempt) -> bool {
    match &attempt.state {
        AttemptState::Confirming { since, look_up_at } => look_up_at.duration_since(*since) > LEASE,
        AttemptState::Open { .. }
        | AttemptState::Accepted { .. }
        | AttemptState::AwaitingReversal { .. }
        | AttemptState::Paid { .. }
        | AttemptState::Failed { .. }
        | AttemptState::Abandoned { .. }
        | AttemptState::Refunding { .. }
        | AttemptState::Refunded { .. }
        | AttemptState::NeedsReview { .. } => false,
    }
}

fn paid(detail: &Reply, reference: &str, credentials: &Credentials) -> GatewayAnswer {
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
fn is_older(detail: &Reply, attempt: &Attempt) -> bool {
    let Some(at) = field(detail, "StraceDate").and_then(Value::as_str).map(str::trim) else { return false };
    let earliest = attempt.opened_at.checked_sub(CLOCK_MARGIN).unwrap_or(Timestamp::MIN).in_tz("Asia/Tehran");
    let earliest = earliest.map(|local| local.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
    let is_digit = |(a, b): (u8, u8)| a == b || a.is_ascii_digit() && b.is_ascii_digit();
    at.len() == earliest.len() && at.bytes().zip(earliest.bytes()).all(is_digit) && at < earliest.as_str()
}

/// The reference as it was before its way through a form: a `+` that nobody escaped arrives as a blank. `None` where
/// there is none, which is how the gateway says that nothing was paid.
fn reference_of(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.replace(' ', "+"))
}

fn is_reference(text: &str) -> bool {
    (1..=LONGEST_REFERENCE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The life to ask for, in minutes and within what the gateway takes: until the session is to end.
fn token_minutes(order: &Order<'_>) -> i64 {
    let (shortest, longest) = TOKEN_MINUTES;
    order.session_minutes.clamp(shortest, longest)
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

    fn returned(fields: &[(&str, &str)]) -> ReturnData {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sep::read_return(&fields, &attempt("sep", "token", 50_000, "IRR"), &credentials())
    }

    #[test]
    fn a_return_brings_the_reference_whatever_the_case_of_its_names() {
        let ours = ("resnum", "at_2222222222222222222222");
        let return_data =
            returned(&[("State", "OK"), ("status", "2"), ("refnum", REFERENCE), ("TerminalId", "2015"), ours]);
        let paid = ReturnData { hint: Hint::Paid, return_reference: Some(REFERENCE.to_owned()) };
        assert_eq!(return_data, paid);
        let unescaped = REFERENCE.replace('+', " ");
        assert_eq!(returned(&[("Status", "2"), ("RefNum", &unescaped), ours]), paid);
        for empty in ["", "  "] {
            assert_eq!(returned(&[("Status", "2"), ("RefNum", empty), ours]), Hint::NotPaid.into());
        }
        assert_eq!(returned(&[("Status", "1"), ("RefNum", REFERENCE), ours]), Hint::NotPaid.into());
    }

    #[test]
    fn the_return_of_another_session_says_nothing_and_one_that_cannot_be_used_is_no_failure() {
        let ours = ("ResNum", "at_2222222222222222222222");
        let (paid, reference) = (("Status", "2"), ("RefNum", REFERENCE));
        let (longer, odd) = ("x".repeat(51), format!("{REFERENCE}\u{1f4b3}"));
        let nothing: [&[(&str, &str)]; 7] = [
            &[],
            // The fields that name the session are left out.
            &[paid, reference],
            &[paid, reference, ("TerminalId", "2015")],
            &[paid, reference, ("ResNum", "at_another")],
            &[paid, reference, ours, ("TerminalId", "9")],
            // Paid, says the gateway, by a reference that cannot be one.
            &[paid, ours, ("RefNum", &longer)],
            &[paid, ours, ("RefNum", &odd)],
        ];
        for fields in nothing {
            assert_eq!(returned(fields), Hint::Nothing.into(), "{fields:?}");
        }
    }

    /// An attempt that has been confirming for this long, and was leased last just now.
    fn confirming(long: SignedDuration) -> Attempt {
        let since = Timestamp::UNIX_EPOCH;
        let state = AttemptState::Confirming { since, look_up_at: since.checked_add(long).unwrap() };
        Attempt { state, ..attempt("sep", "token", 50_000, "IRR") }
    }

    /// In the form of the guide's example, with the blank before its first name.
    fn answer(code: i64, amount: i64, terminal: i64, at: &str) -> Reply {
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
        let answer_of =
            |reply: &Reply| verified(reply, &confirming(SignedDuration::from_mins(2)), REFERENCE, &credentials());
        let now = "2026-11-24 01:35:00";
        for code in [0, 2] {
            let GatewayAnswer::Paid(payment) = answer_of(&answer(code, 50_000, 2015, now)) else { panic!("{code}") };
            assert_eq!((payment.money.minor_units(), payment.reference.as_str()), (50_000, REFERENCE));
            assert!(payment.claim.starts_with("sep#") && payment.claim.ends_with(REFERENCE));
        }
        let GatewayAnswer::Paid(payment) = answer_of(&answer(0, 40_000, 2015, now)) else { panic!() };
        assert_eq!(payment.money.minor_units(), 40_000, "what differs is decided by the domain");
        assert_eq!(answer_of(&answer(0, 50_000, 2016, now)).name(), "misconfigured");
        let older = "2026-11-23 01:35:00";
        assert_eq!(answer_of(&answer(2, 50_000, 2015, older)), doubtful("verified_by_somebody_else"));
        assert_eq!(
            answer_of(&answer(0, 50_000, 2015, older)).name(),
            "paid",
            "we took it just now, whatever their clock says"
        );
        assert_eq!(answer_of(&answer(2, 50_000, 2015, "yesterday")).name(), "paid");
        for (code, expected) in [(5, "returned"), (-2, "not_paid"), (-106, "misconfigured")] {
            assert_eq!(answer_of(&answer(code, 50_000, 2015, now)).name(), expected, "{code}");
        }
        let bare = serde_json::from_value(json!({ "ResultCode": 2, "Success": false })).unwrap();
        assert_eq!(answer_of(&bare).name(), "unknown");
    }

    #[test]
    fn what_a_repeated_or_late_answer_means_depends_on_whether_we_had_asked_before() {
        let now = "2026-11-24 01:35:00";
        let (first, resumed) = (confirming(LEASE), confirming(LEASE.saturating_add(SignedDuration::from_secs(1))));
        let answer_of = |code: i64, attempt: &Attempt| {
            verified(&answer(code, 50_000, 2015, now), attempt, REFERENCE, &credentials())
        };
        assert_eq!(answer_of(2, &first), doubtful("verified_by_somebody_else"));
        assert_eq!(answer_of(2, &resumed).name(), "paid", "it was our own call whose answer was lost");
        assert_eq!(answer_of(-6, &first), GatewayAnswer::Returned);
        assert_eq!(answer_of(-6, &resumed), doubtful("verified_without_an_answer"), "the money may be ours");
    }
}

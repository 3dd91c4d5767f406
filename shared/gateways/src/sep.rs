//! SEP (Saman) OnlinePG. Source: the gateway's own guide, version 3.3.
//!
//! What is special here: the customer's browser posts a form on the way out and on the way back. The way back brings the
//! reference without which nothing can be verified, and there is no call that asks about a session; what nobody verifies
//! within half an hour goes back to the payer. The gateway does not keep a reference from being used twice: that is the
//! merchant's duty, and so is comparing terminal and amount.

use domain::Timestamp;
use domain::gateway::{AccountCheck, GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::link::{Attempt, AttemptState, Checkout, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use jiff::SignedDuration;
use outbound::Answer;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    BeginError, CheckOrder, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, RefundOrder, at_most,
    doubtful, is_word, not_paid, object, tehran_instant, terminal, unknown, whole,
};

/// A reference has at most this many characters. It is base64-like, with `+`, `/` and `=`.
const LONGEST_REFERENCE: usize = 50;

/// Words of the other side go into answers of ours with at most this many characters.
const LONGEST_WORD: usize = 64;

/// What the return calls a payment.
const OK: &str = "2";

/// Codes with which a token is refused: the address of whoever calls is not that of the merchant, and there is no such
/// terminal.
const ADDRESS_INVALID: i64 = 8;
const TERMINAL_NOT_FOUND: i64 = 12;

/// A refusal that brings no code.
const WITHOUT_A_CODE: &str = "without_a_code";

/// How long a token may be asked to live, in minutes.
const TOKEN_MINUTES: (i64, i64) = (20, 3_600);

/// Where a token's answer has this header, the form goes to the address in it: the guide's version 3.6, as clients report.
const CHECKOUT_HEADER: &str = "x-ipg-url";

/// The form carries a token that opens a payment, and the customer follows it: it goes to hosts of the gateway alone.
const CHECKOUT_HOSTS: [&str; 2] = ["sep.ir", "shaparak.ir"];

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
            "TokenExpiryInMin": token_minutes(order.session_minutes),
        });
        let unavailable = |why| BeginError::Unavailable { why };
        let (answer, checkout_at) = self
            .0
            .send_and_read(self.request("/onlinepg/onlinepg"), body.to_string(), CHECKOUT_HEADER)
            .await
            .map_err(unavailable)?;
        let reply = read(&answer).map_err(unavailable)?;
        let checkout_at = checkout_at.as_deref().and_then(checkout_address);
        match (field(&reply, "status").and_then(whole), field(&reply, "token").and_then(Value::as_str)) {
            (Some(1), Some(token)) if is_word(token) => Ok(OpenedSession {
                session: token.to_owned(),
                checkout: Checkout::form(
                    checkout_at.unwrap_or_else(|| format!("{}/OnlinePG/OnlinePG", self.0.endpoint.pages)),
                    [("Token", token), ("GetMethod", "false")],
                ),
            }),
            (Some(-1), _) => {
                let code = field(&reply, "errorCode").and_then(whole).map(|code| code.to_string());
                Err(BeginError::Refused { code: code.unwrap_or_else(|| WITHOUT_A_CODE.to_owned()) })
            }
            _ => Err(unavailable("an answer without a token".to_owned())),
        }
    }

    /// Asks for a token, with which nobody can pay who does not know it. The domain is looked at when a browser comes with
    /// one, and only then.
    async fn check(&self, order: &CheckOrder<'_>, credentials: &Credentials) -> AccountCheck {
        let body = json!({
            "action": "token",
            "TerminalId": terminal_id(credentials),
            "Amount": order.money.minor_units(),
            "ResNum": order.reference,
            "RedirectUrl": order.return_url,
            "TokenExpiryInMin": token_minutes(order.session_minutes),
        });
        let reply = self.call("/onlinepg/onlinepg", body).await.unwrap_or_default();
        let check = match (field(&reply, "status").and_then(whole), field(&reply, "errorCode").and_then(whole)) {
            (Some(1), _) => AccountCheck::accepted(),
            (Some(-1), Some(code @ TERMINAL_NOT_FOUND)) => AccountCheck::credentials_refused(code.to_string()),
            (Some(-1), Some(code @ ADDRESS_INVALID)) => AccountCheck::server_address_refused(code.to_string()),
            (Some(-1), Some(code)) => AccountCheck::not_reached(&code.to_string()),
            (Some(-1), None) => AccountCheck::not_reached(WITHOUT_A_CODE),
            (Some(_) | None, _) => AccountCheck::unanswered(),
        };
        check.without_callback_host()
    }

    /// There is nothing to ask: what the return said is all there is. It moves no money, because only verifying takes any.
    async fn look_up(
        &self,
        attempt: &Attempt,
        return_data: &ReturnData,
        _: &Credentials,
        now: Timestamp,
    ) -> GatewayAnswer {
        asked_of(attempt, return_data, now)
    }

    /// Verifies: from here on the money is ours. What was verified before answers with another code and the same payment.
    async fn confirm(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let Some(reference) = &attempt.return_reference else { return Some(GatewayAnswer::Pending) };
        Some(match self.transaction("VerifyTransaction", reference, credentials).await {
            Ok(reply) => verified(&reply, attempt, reference, credentials),
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    /// Reverses, which undoes the whole payment. However often that is asked for, the money goes back once.
    async fn refund(&self, order: &RefundOrder<'_>, credentials: &Credentials) -> RefundAnswer {
        let RefundOrder { link: _, attempt: _, payment, refund: _ } = *order;
        if let Some(refused) = refused_part(order) {
            return refused;
        }
        match self.transaction("ReverseTransaction", &payment.reference, credentials).await {
            Ok(reply) => reversed(&reply, &payment.reference),
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
            return ReturnData { not_paid: Some(cause_of(status)), ..Hint::NotPaid.into() };
        }
        // One that is left out was lost on the way; one that is empty is how the gateway says that nothing was paid.
        let Some(reference) = raw("RefNum") else { return Hint::Nothing.into() };
        match reference_of(reference) {
            None => Hint::NotPaid.into(),
            Some(reference) if is_reference(&reference) => {
                ReturnData { hint: Hint::Paid, return_reference: Some(reference), not_paid: None }
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
        read(&self.0.send(self.request(path), body.to_string()).await?)
    }

    fn request(&self, path: &str) -> http::request::Builder {
        http::Request::post(format!("{}{path}", self.0.endpoint.api))
            .header("content-type", "application/json")
            .header("accept", "application/json")
    }
}

/// Nobody knows what was done where the other side has trouble, whatever its JSON says.
fn read(answer: &Answer) -> Result<Reply, String> {
    if answer.status >= 500 {
        return Err(format!("status {}", answer.status));
    }
    object(&answer.body).ok_or_else(|| format!("status {} without JSON", answer.status))
}

/// An address of a host of the gateway, encrypted and without anything hidden in it.
fn checkout_address(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok().filter(|url| url.scheme() == "https" && url.port().is_none())?;
    let host = url.host_str()?;
    let is_of = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let is_plain = url.username().is_empty() && url.password().is_none();
    (is_plain && CHECKOUT_HOSTS.iter().any(|domain| is_of(domain))).then(|| url.to_string())
}

/// The terminal is inactive or not known, or the address that calls come from is not registered.
fn is_about_account(code: i64) -> bool {
    matches!(code, -106..=-104)
}

/// A part cannot be reversed, and neither can what is left of a payment of which something went back.
fn refused_part(order: &RefundOrder<'_>) -> Option<RefundAnswer> {
    (!order.is_alone()).then(|| RefundAnswer::Refused { code: "sep_whole_only".to_owned() })
}

/// What an answer to a reverse means. Only some noes say that nothing went back: not found (-2), too late (-6), not a
/// transaction that can be reversed (-18, -33), and the request (-111). After any other code it may have been reversed.
fn reversed(reply: &Reply, reference: &str) -> RefundAnswer {
    let detail = field(reply, "TransactionDetail").and_then(Value::as_object);
    if detail.is_some_and(|detail| names_another(field(detail, "RefNum"), reference)) {
        return RefundAnswer::Unknown { why: "the answer is about another transaction".to_owned() };
    }
    match field(reply, "ResultCode").and_then(whole) {
        // Done now, by an earlier call, or by the gateway itself.
        Some(0 | 2 | 5) => RefundAnswer::Succeeded { reference: None },
        Some(code) if is_about_account(code) => RefundAnswer::AccountRefused { code: format!("sep_{code}") },
        Some(code @ (-2 | -6 | -18 | -33 | -111)) => RefundAnswer::Refused { code: format!("sep_{code}") },
        Some(code) => RefundAnswer::Unknown { why: format!("code {code}") },
        None => RefundAnswer::Unknown { why: "an answer without a result".to_owned() },
    }
}

/// Whether an answer names another reference than ours. One that names none says nothing about it.
fn names_another(given: Option<&Value>, reference: &str) -> bool {
    match given {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty() && text.trim() != reference,
        Some(Value::Number(number)) => number.to_string() != reference,
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => true,
    }
}

/// Why nothing was paid, by the status of the return: 1 is `CanceledByUser`, 3 `Failed`, and 4 `SessionIsNull`, where the
/// customer gave no answer in time. The others are about the merchant.
fn cause_of(status: &str) -> NotPaidCause {
    match status {
        "1" => NotPaidCause::Cancelled,
        "3" => NotPaidCause::Declined,
        "4" => NotPaidCause::SessionOver,
        _ => NotPaidCause::Unspecified,
    }
}

/// What is known of an attempt without asking anybody.
fn asked_of(attempt: &Attempt, return_data: &ReturnData, now: Timestamp) -> GatewayAnswer {
    let is_over = now >= attempt.watched_until;
    match (&attempt.state, return_data.hint) {
        // What was perhaps verified does not go back by itself: then a person has to look.
        (AttemptState::AwaitingReversal { .. }, _) if is_over && !attempt.was_confirming => GatewayAnswer::Returned,
        (AttemptState::AwaitingReversal { .. }, _) => GatewayAnswer::Unconfirmed,
        (_, Hint::Paid) if return_data.return_reference.is_some() && !is_over => GatewayAnswer::Unconfirmed,
        // Anybody can write a return, and a call of ours may have taken money: this does not end it.
        (_, Hint::NotPaid) if attempt.was_confirming => GatewayAnswer::Pending,
        // The token is used up, and without our verifying nothing is taken: a later return that brings a payment
        // after all is still read.
        (_, Hint::NotPaid) => not_paid(return_data.not_paid.unwrap_or(NotPaidCause::Unspecified), "not_paid_on_return"),
        (_, Hint::Paid | Hint::Changed | Hint::Nothing) => GatewayAnswer::Pending,
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
        Some(code) if is_about_account(code) => GatewayAnswer::AccountRefused { code: code.to_string() },
        Some(code) => GatewayAnswer::SessionRefused { code: code.to_string() },
        None => unknown("an answer without a result"),
    }
}

/// Whether we verified before and heard nothing.
fn asked_before(attempt: &Attempt) -> bool {
    attempt.was_left_unanswered
}

fn paid(detail: &Reply, reference: &str, credentials: &Credentials) -> GatewayAnswer {
    if names_another(field(detail, "RefNum"), reference)
        || field(detail, "TerminalNumber").and_then(whole) != terminal_number(credentials)
    {
        return GatewayAnswer::SessionRefused { code: "another_transaction".to_owned() };
    }
    let amount = field(detail, "OrginalAmount").and_then(whole).filter(|amount| *amount > 0);
    let Some(money) = amount.and_then(|amount| Money::new(amount, Currency::IRR).ok()) else {
        return unknown("a payment without an amount");
    };
    GatewayAnswer::Paid(Payment {
        reference: reference.to_owned(),
        claim: format!("sep#{}#{reference}", terminal(terminal_id(credentials))),
        money,
        masked_card: field(detail, "MaskedPan").and_then(Value::as_str).map(|pan| at_most(pan, LONGEST_WORD)),
        fee: None,
        terminal: Some(terminal_id(credentials).to_owned()),
        gateway_paid_at: field(detail, "StraceDate").and_then(Value::as_str).and_then(tehran_instant),
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
fn token_minutes(session_minutes: i64) -> i64 {
    let (shortest, longest) = TOKEN_MINUTES;
    session_minutes.clamp(shortest, longest)
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
    use crate::refunds::tests as ours;
    use crate::tests::attempt;
    use domain::link::LEASE;

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
        let paid = ReturnData { hint: Hint::Paid, return_reference: Some(REFERENCE.to_owned()), not_paid: None };
        assert_eq!(return_data, paid);
        let unescaped = REFERENCE.replace('+', " ");
        assert_eq!(returned(&[("Status", "2"), ("RefNum", &unescaped), ours]), paid);
        for empty in ["", "  "] {
            assert_eq!(returned(&[("Status", "2"), ("RefNum", empty), ours]), Hint::NotPaid.into());
        }
        assert_eq!(returned(&[("Status", "1"), ("RefNum", REFERENCE), ours]).hint, Hint::NotPaid);
    }

    #[test]
    fn a_return_says_why_nothing_was_paid() {
        let ours = ("ResNum", "at_2222222222222222222222");
        for (status, cause) in [
            ("1", NotPaidCause::Cancelled),
            ("3", NotPaidCause::Declined),
            ("4", NotPaidCause::SessionOver),
            ("8", NotPaidCause::Unspecified),
        ] {
            let returned = returned(&[("Status", status), ("RefNum", ""), ours]);
            let GatewayAnswer::NotPaid(reason) =
                asked_of(&attempt("sep", "token", 50_000, "IRR"), &returned, Timestamp::UNIX_EPOCH)
            else {
                panic!("{status} is no payment");
            };
            assert_eq!(reason.cause, cause, "{status}");
        }
    }

    #[test]
    fn the_return_of_another_session_says_nothing_and_one_that_cannot_be_used_is_no_failure() {
        let ours = ("ResNum", "at_2222222222222222222222");
        let (paid, reference) = (("Status", "2"), ("RefNum", REFERENCE));
        let (longer, odd) = ("x".repeat(51), format!("{REFERENCE}\u{1f4b3}"));
        let nothing: [&[(&str, &str)]; 8] = [
            &[],
            // The fields that name the session are left out.
            &[paid, reference],
            &[paid, reference, ("TerminalId", "2015")],
            &[paid, reference, ("ResNum", "at_another")],
            &[paid, reference, ours, ("TerminalId", "9")],
            // Paid, says the gateway, and the reference was lost or cannot be one.
            &[paid, ours],
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
        let look_up_at = since.checked_add(long).unwrap();
        let state = AttemptState::Confirming { since, look_up_at, confirmed: None };
        Attempt { state, was_left_unanswered: long > LEASE, ..attempt("sep", "token", 50_000, "IRR") }
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
            assert_eq!(payment.terminal.as_deref(), Some("2015"));
            assert_eq!(payment.gateway_paid_at.map(|at| at.to_string()).as_deref(), Some("2026-11-23T22:05:00Z"));
        }
        let GatewayAnswer::Paid(payment) = answer_of(&answer(0, 40_000, 2015, now)) else { panic!() };
        assert_eq!(payment.money.minor_units(), 40_000, "what differs is decided by the domain");
        assert_eq!(answer_of(&answer(0, 50_000, 2016, now)).name(), "session_refused");
        let older = "2026-11-23 01:35:00";
        assert_eq!(answer_of(&answer(2, 50_000, 2015, older)), doubtful("verified_by_somebody_else"));
        assert_eq!(
            answer_of(&answer(0, 50_000, 2015, older)).name(),
            "paid",
            "we took it just now, whatever their clock says"
        );
        assert_eq!(answer_of(&answer(2, 50_000, 2015, "yesterday")).name(), "paid");
        for (code, expected) in [
            (5, "returned"),
            (-2, "not_paid"),
            (-104, "account_refused"),
            (-105, "account_refused"),
            (-106, "account_refused"),
            (-111, "session_refused"),
            (-18, "session_refused"),
        ] {
            assert_eq!(answer_of(&answer(code, 50_000, 2015, now)).name(), expected, "{code}");
        }
        let bare = serde_json::from_value(json!({ "ResultCode": 2, "Success": false })).unwrap();
        assert_eq!(answer_of(&bare).name(), "unknown");
    }

    #[test]
    fn a_payment_of_another_reference_is_not_this_one_in_whatever_form_it_is_named() {
        let confirming = confirming(SignedDuration::from_mins(2));
        let named = |given: Value, reference: &str| {
            let mut reply = answer(0, 50_000, 2015, "2026-11-24 01:35:00");
            reply.get_mut(" TransactionDetail").unwrap()["RefNum"] = given;
            verified(&reply, &confirming, reference, &credentials()).name()
        };
        assert_eq!(named(json!(77), "77"), "paid");
        assert_eq!(named(Value::Null, REFERENCE), "paid");
        for other in [json!(77), json!("77"), json!([REFERENCE])] {
            assert_eq!(named(other.clone(), REFERENCE), "session_refused", "{other}");
        }
    }

    #[test]
    fn only_some_codes_say_that_nothing_was_reversed() {
        let of = |code: i64| reversed(&answer(code, 50_000, 2015, "2026-11-24 01:35:00"), REFERENCE);
        for (codes, expected) in [
            (vec![0, 2, 5], "succeeded"),
            (vec![-2, -6, -18, -33, -111], "refused"),
            (vec![-104, -105, -106], "account_refused"),
            (vec![-1, -3, -107, -200, 1, 8, 99], "unknown"),
        ] {
            for code in codes {
                assert_eq!(of(code).name(), expected, "{code}");
            }
        }
        let other = reversed(&answer(0, 50_000, 2015, "2026-11-24 01:35:00"), "another");
        assert_eq!(other.name(), "unknown");
    }

    #[test]
    fn only_a_whole_payment_is_reversed() {
        let refused = |refunds: Vec<domain::link::Refund>| {
            let open = attempt("sep", "token", 50_000, "IRR");
            let payment = Payment::new(REFERENCE, "sep#1", open.money);
            refused_part(&ours::Kept::new(open, payment, refunds).order())
        };
        assert_eq!(refused(vec![ours::refund(ours::OURS, 50_000, json!({}))]), None);
        let whole_only = Some(RefundAnswer::Refused { code: "sep_whole_only".to_owned() });
        assert_eq!(refused(vec![ours::refund(ours::OURS, 49_999, json!({}))]), whole_only);
        let outside = json!({
            "state": "succeeded", "at": "2026-11-23T22:09:00Z", "method": "outside", "reference": "7",
            "refunded_at": "2026-11-23T22:09:00Z",
        });
        let refunds = vec![ours::refund(ours::OURS, 50_000, json!({})), ours::refund(ours::ANOTHER, 10_000, outside)];
        assert_eq!(refused(refunds), whole_only, "a part went back by other means");
    }

    #[test]
    fn an_answer_of_a_gateway_in_trouble_decides_nothing() {
        let body = json!({ "ResultCode": -2, "Success": false }).to_string();
        let read_with = |status: u16| read(&Answer { status, retry_after: None, body: body.clone().into() });
        assert!(read_with(200).is_ok() && read_with(400).is_ok());
        assert!(read_with(500).is_err() && read_with(503).is_err());
    }

    #[test]
    fn the_form_goes_where_the_gateway_says_if_that_is_a_host_of_its_own() {
        for ours in [
            "https://neo-pg.sep.ir/transaction/init",
            "https://sep.ir/",
            "https://sep.shaparak.ir/OnlinePG/OnlinePG",
            " https://neo-pg.sep.ir/transaction/init ",
        ] {
            assert_eq!(checkout_address(ours).as_deref(), Some(ours.trim()));
        }
        for foreign in [
            "http://neo-pg.sep.ir/",
            "https://neo-pg.sep.ir.example/",
            "https://notsep.ir/",
            "https://neo-pg.sep.ir@pay.example/",
            "https://user@neo-pg.sep.ir/",
            "https://neo-pg.sep.ir:8443/",
            "javascript:alert(1)",
            "neo-pg.sep.ir",
            "",
        ] {
            assert_eq!(checkout_address(foreign), None, "{foreign}");
        }
    }

    fn looked_up(attempt: &Attempt, hint: Hint, now: Timestamp) -> &'static str {
        asked_of(attempt, &hint.into(), now).name()
    }

    #[test]
    fn what_was_perhaps_verified_is_ended_by_no_return_and_by_no_time() {
        let open = attempt("sep", "token", 50_000, "IRR");
        let tried = Attempt { was_confirming: true, ..open.clone() };
        let (early, late) = (open.opened_at, open.watched_until);
        assert_eq!(looked_up(&open, Hint::NotPaid, early), "not_paid");
        assert_eq!(looked_up(&tried, Hint::NotPaid, early), "pending");
        let waiting = |attempt: &Attempt| Attempt {
            state: AttemptState::AwaitingReversal { since: early, look_up_at: late },
            ..attempt.clone()
        };
        assert_eq!(looked_up(&waiting(&open), Hint::Nothing, early), "unconfirmed");
        assert_eq!(looked_up(&waiting(&open), Hint::Nothing, late), "returned");
        assert_eq!(looked_up(&waiting(&tried), Hint::Nothing, late), "unconfirmed", "then a person looks");
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

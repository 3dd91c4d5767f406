//! SMS by way of Kavenegar: `POST {base}/v1/{api key}/sms/send.json` for a text and `…/verify/lookup.json` for an approved
//! template, each with a form, as its official clients call them. An answer is `{ "return": { "status", "message" },
//! "entries" }`, whose own status decides.
//!
//! That a message did not arrive is known only to who asks for its status: `POST …/sms/status.json`.

use domain::messages::approved_template::FilledTemplate;
use domain::messages::delivery::{Delivery, SendOutcome};
use outbound::Answer;
use serde::Deserialize;
use serde_json::Value;

use crate::{Channels, Outgoing, ProviderAdapter, Record, for_good, for_now};

/// The form fields that carry the values of a template's placeholders, in their order. There are as many of them as the
/// provider's row of facts says.
const PLACEHOLDERS: [&str; 5] = ["token", "token2", "token3", "token10", "token20"];

/// So much white space is taken in the value of each placeholder. Of `token10` the documents say five and Kavenegar's own
/// support four, as a client reports.
const SPACES: [usize; 5] = [0, 0, 0, 4, 8];

pub(crate) struct Kavenegar;

impl ProviderAdapter for Kavenegar {
    async fn send(channels: &Channels, record: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let approved = outgoing.message.approved.as_ref();
        let (method, mut form) = match approved {
            None => ("sms/send", vec![("message", outgoing.message.text.clone())]),
            Some(filled) => match fields(filled) {
                Some(fields) => ("verify/lookup", fields),
                None => return for_good("template_has_too_many_places"),
            },
        };
        form.push(("receptor", receptor(outgoing.to)));
        // Kavenegar chooses the sender number of an approved template itself.
        if let Some(number) = record.sender_number.filter(|_| approved.is_none()) {
            form.push(("sender", number.to_owned()));
        }
        match call(channels, record, method, &form).await {
            Ok(answer) => outcome(&answer),
            Err(failed) => failed,
        }
    }

    async fn look(channels: &Channels, record: Record<'_>, provider_id: &str) -> Delivery {
        match call(channels, record, "sms/status", &[("messageid", provider_id.to_owned())]).await {
            Ok(answer) => delivery(&answer),
            Err(SendOutcome::FailedForNow { reason, .. } | SendOutcome::FailedForGood { reason }) => {
                Delivery::NoAnswer { why: reason }
            }
            Err(SendOutcome::Accepted { .. }) => Delivery::Open,
        }
    }

    /// The status within the answer decides, by the provider's list of statuses.
    fn meaning(answer: &Answer) -> Option<SendOutcome> {
        Some(outcome(answer))
    }
}

/// One call of a method with a form.
async fn call(
    channels: &Channels,
    record: Record<'_>,
    method: &str,
    form: &[(&str, String)],
) -> Result<Answer, SendOutcome> {
    let body = serde_urlencoded::to_string(form).map_err(|_| for_good("message_cannot_be_built"))?;
    let Record { base_url, secret: api_key, .. } = record;
    let url = format!("{base_url}/v1/{api_key}/{method}.json");
    channels.post(&url, "application/x-www-form-urlencoded; charset=utf-8", body).await
}

#[derive(Debug, Deserialize)]
struct Reply {
    #[serde(rename = "return")]
    outcome: Outcome,
    /// The entries are a list, or for a template one object alone.
    #[serde(default)]
    entries: Value,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    status: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    messageid: Option<i64>,
    status: u16,
}

/// Writes a number as the provider reads it: a number of Iran in its national form, any other one with the prefix `00`
/// of an international call.
fn receptor(number: &str) -> String {
    match number.strip_prefix("+98") {
        Some(national) => format!("0{national}"),
        None => format!("00{}", number.trim_start_matches('+')),
    }
}

/// The form of a template with its values, or `None` where it has more placeholders than Kavenegar has fields.
fn fields(filled: &FilledTemplate) -> Option<Vec<(&'static str, String)>> {
    if filled.parameters.len() > PLACEHOLDERS.len() {
        return None;
    }
    let placeholders = PLACEHOLDERS.into_iter().zip(SPACES).zip(&filled.parameters);
    let fields = placeholders.map(|((name, spaces), placeholder)| (name, taken(&placeholder.value, spaces)));
    Some(fields.chain([("template", filled.name.clone())]).collect())
}

/// A value as Kavenegar takes it: with at most so much white space, without line ends, and without underscores, which it
/// answers with 431, as clients report. A hyphen stands for what it does not take. In an address, where a hyphen would lead
/// elsewhere, the underscore is written as its code; a pattern may have the scheme of the address in its own text.
fn taken(value: &str, spaces: usize) -> String {
    let mut left = spaces;
    let mut text = String::new();
    for word in value.split_inclusive(char::is_whitespace) {
        let is_address = is_address(word);
        for c in word.chars() {
            match c {
                '_' if is_address => text.push_str("%5F"),
                '_' => text.push('-'),
                c if c.is_whitespace() && left > 0 => {
                    left -= 1;
                    text.push(' ');
                }
                c if c.is_whitespace() => text.push('-'),
                c => text.push(c),
            }
        }
    }
    text
}

/// Whether a word is an address, with its scheme or without: then it begins with the name of a host, whose last part has
/// letters alone, and something follows.
fn is_address(word: &str) -> bool {
    if word.starts_with("https://") || word.starts_with("http://") {
        return true;
    }
    let Some((host, _)) = word.split_once(['/', '?', '#']) else { return false };
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let Some((labels, last)) = name.rsplit_once('.') else { return false };
    let is_last = last.chars().count() > 1 && (last.chars().all(char::is_alphabetic) || last.starts_with("xn--"));
    port.bytes().all(|b| b.is_ascii_digit()) && labels.split('.').all(is_label) && is_last && is_label(last)
}

/// A fault of the message, the number or our configuration is permanent. A refusal because of the provider's servers,
/// their load or the account's credit is temporary.
fn outcome(answer: &Answer) -> SendOutcome {
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else { return for_now("unreadable_answer") };
    match reply.outcome.status {
        200 => accepted(reply.entries),
        401 => for_good("account_disabled"),
        402 | 409 => for_now("provider_unavailable"),
        403 => for_good("api_key_refused"),
        407 | 416 => for_good("address_not_permitted"),
        411 => for_good("number_refused"),
        412 | 427 => for_good("line_refused"),
        // The account can be charged again.
        418 => for_now("credit_used_up"),
        // Kavenegar permits links in texts for each account separately; approved templates need no such permission.
        420 => for_good("links_not_permitted"),
        424 => for_good("template_not_approved"),
        426 => for_good("method_not_in_plan"),
        429 | 451 => for_now("too_many_requests"),
        431 | 432 => for_good("template_does_not_fit"),
        // A test account can send messages to its owner only.
        501 => for_good("account_for_tests_only"),
        400..=499 => for_good("message_refused"),
        _ => for_now("provider_unavailable"),
    }
}

/// The provider took the request over, and may say at once that it will not deliver it.
fn accepted(entries: Value) -> SendOutcome {
    let entry = first(entries);
    match Delivery::from(MessageStatus::of(entry.status)) {
        Delivery::Failed { reason } => SendOutcome::FailedForGood { reason },
        Delivery::Arrived | Delivery::Open | Delivery::Unknown | Delivery::NoAnswer { .. } => {
            SendOutcome::accepted(entry.messageid.map(|id| id.to_string()).unwrap_or_default())
        }
    }
}

fn first(entries: Value) -> Entry {
    let entry = match entries {
        Value::Array(entries) => entries.into_iter().next().unwrap_or_default(),
        entry => entry,
    };
    serde_json::from_value(entry).unwrap_or_default()
}

/// What the answer about the status of a message says of it.
fn delivery(answer: &Answer) -> Delivery {
    let no_answer = |why: &str| Delivery::NoAnswer { why: why.to_owned() };
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else { return no_answer("unreadable_answer") };
    if reply.outcome.status != 200 {
        return match outcome(answer) {
            SendOutcome::FailedForNow { reason, .. } | SendOutcome::FailedForGood { reason } => no_answer(&reason),
            SendOutcome::Accepted { .. } => Delivery::Open,
        };
    }
    MessageStatus::of(first(reply.entries).status).into()
}

/// The status of a message, by the provider's list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageStatus {
    /// Queued, scheduled, handed to the operator, sent.
    UnderWay,
    Delivered,
    /// Failed, or not delivered to the phone.
    Undelivered,
    /// Taken back, by a person in the provider's panel; what was paid for it comes back.
    Cancelled,
    /// The recipient takes no such messages.
    Blocked,
    /// No message has this id, or it is older than the provider tells.
    UnknownId,
}

impl MessageStatus {
    fn of(number: u16) -> Self {
        match number {
            6 | 11 => Self::Undelivered,
            10 => Self::Delivered,
            13 => Self::Cancelled,
            14 => Self::Blocked,
            100 => Self::UnknownId,
            // 1, 2, 4 and 5, and what the list does not have.
            _ => Self::UnderWay,
        }
    }
}

impl From<MessageStatus> for Delivery {
    fn from(status: MessageStatus) -> Self {
        let failed = |reason: &str| Self::Failed { reason: reason.to_owned() };
        match status {
            MessageStatus::UnderWay => Self::Open,
            MessageStatus::Delivered => Self::Arrived,
            MessageStatus::Undelivered => failed("not_delivered"),
            MessageStatus::Cancelled => failed("cancelled_at_provider"),
            MessageStatus::Blocked => failed("blocked_by_recipient"),
            MessageStatus::UnknownId => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::locale::Locale;
    use domain::messages::approved_template::FilledPlaceholder;
    use serde_json::json;

    use super::*;

    fn of(status: u16, entries: Value) -> SendOutcome {
        let body = json!({ "return": { "status": status, "message": "…" }, "entries": entries }).to_string();
        outcome(&Answer { status, retry_after: None, body: body.into() })
    }

    #[test]
    fn what_is_set_up_wrongly_is_told_apart_and_what_may_pass_is_not_final() {
        for (status, reason) in [
            (401, "account_disabled"),
            (403, "api_key_refused"),
            (411, "number_refused"),
            (412, "line_refused"),
            (413, "message_refused"),
            (420, "links_not_permitted"),
            (424, "template_not_approved"),
            (426, "method_not_in_plan"),
            (431, "template_does_not_fit"),
            (501, "account_for_tests_only"),
            (400, "message_refused"),
            (404, "message_refused"),
            (406, "message_refused"),
            (416, "address_not_permitted"),
            (427, "line_refused"),
        ] {
            assert_eq!(of(status, json!(null)), SendOutcome::FailedForGood { reason: reason.to_owned() });
        }
        for status in [402, 409, 418, 429, 451, 500, 502] {
            assert!(matches!(of(status, json!(null)), SendOutcome::FailedForNow { .. }), "{status}");
        }
        let page = Answer { status: 502, retry_after: None, body: "<html>".into() };
        assert!(matches!(outcome(&page), SendOutcome::FailedForNow { .. }));
    }

    #[test]
    fn one_entry_or_a_list_of_them_is_an_accepted_message_unless_it_says_otherwise() {
        let entry = |status: u16| json!({ "messageid": 8_792_343, "status": status });
        let accepted = SendOutcome::accepted("8792343");
        assert_eq!([of(200, entry(5)), of(200, json!([entry(1)]))], [accepted.clone(), accepted]);
        assert_eq!(
            of(200, json!([entry(14)])),
            SendOutcome::FailedForGood { reason: "blocked_by_recipient".to_owned() }
        );
    }

    #[test]
    fn a_template_has_as_many_placeholders_as_the_row_says() {
        let row = domain::messages::provider_profile::ProviderKind::Kavenegar.profile();
        assert_eq!(row.wording.templates().map(|form| form.max_placeholders), Some(PLACEHOLDERS.len()));
    }

    #[test]
    fn numbers_and_placeholders_are_written_as_the_provider_reads_them() {
        assert_eq!([receptor("+989121234567"), receptor("+4915112345678")], ["09121234567", "004915112345678"]);
        let filled = |count: usize| FilledTemplate {
            name: "pay".to_owned(),
            locale: Locale::parse("fa").unwrap(),
            parameters: vec![FilledPlaceholder { name: None, value: "a b".to_owned() }; count],
            header: None,
            button: None,
        };
        let named = [("token", "a-b"), ("token2", "a-b"), ("token3", "a-b"), ("token10", "a b"), ("template", "pay")];
        assert_eq!(fields(&filled(4)).unwrap(), named.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(fields(&filled(6)), None);
    }

    #[test]
    fn what_is_not_taken_in_a_placeholder_is_written_in_another_way() {
        assert_eq!([taken("a_b\nc d", 0), taken("a_b\nc d", 4)], ["a-b-c-d", "a-b c d"]);
        assert_eq!(taken("1 2 3 4 5 6", 4), "1 2 3 4 5-6");
        assert_eq!(taken("x_y https://x.example/a_b/2", 0), "x-y-https://x.example/a%5Fb/2");
    }

    #[test]
    fn an_address_without_its_scheme_leads_where_it_did() {
        for (address, written) in [
            ("pay.x.example/p/a_b_c", "pay.x.example/p/a%5Fb%5Fc"),
            ("x.example:8443/a_b", "x.example:8443/a%5Fb"),
            ("x.example?a=b_c", "x.example?a=b%5Fc"),
            ("پرداخت.example/a_b", "پرداخت.example/a%5Fb"),
            ("pay.xn--mgba3a4f16a/a_b", "pay.xn--mgba3a4f16a/a%5Fb"),
        ] {
            assert_eq!(taken(address, 0), written);
            assert_eq!(taken(&format!("a_b {address} "), 0), format!("a-b-{written}-"));
        }
        for word in ["a_b/c", "1.0/a_b", "a_b.example/c", "a./b_c", ".ab/c_d", "a.b/c_d", "x.example"] {
            assert_eq!(taken(word, 0), word.replace('_', "-"));
        }
    }

    #[test]
    fn a_message_that_is_asked_about_arrived_or_did_not_or_is_on_its_way() {
        let says = |outcome: u16, entries: Value| {
            let body = json!({ "return": { "status": outcome, "message": "…" }, "entries": entries }).to_string();
            delivery(&Answer { status: outcome, retry_after: None, body: body.into() })
        };
        let status = |status: u16| says(200, json!([{ "messageid": 8_792_343, "status": status, "statustext": "…" }]));
        let failed = |reason: &str| Delivery::Failed { reason: reason.to_owned() };
        for (number, expected) in [
            (1, Delivery::Open),
            (2, Delivery::Open),
            (4, Delivery::Open),
            (5, Delivery::Open),
            (6, failed("not_delivered")),
            (10, Delivery::Arrived),
            (11, failed("not_delivered")),
            (13, failed("cancelled_at_provider")),
            (14, failed("blocked_by_recipient")),
            (100, Delivery::Unknown),
        ] {
            assert_eq!(status(number), expected, "{number}");
        }
        for (refusal, why) in [(403, "api_key_refused"), (418, "credit_used_up"), (409, "provider_unavailable")] {
            assert_eq!(says(refusal, Value::Null), Delivery::NoAnswer { why: why.to_owned() });
        }
        let page = Answer { status: 502, retry_after: None, body: "<html>".into() };
        assert_eq!(delivery(&page), Delivery::NoAnswer { why: "unreadable_answer".to_owned() });
    }
}

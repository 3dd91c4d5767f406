//! SMS by way of Kavenegar: `POST {base}/v1/{api key}/sms/send.json` for a text and `…/verify/lookup.json` for an approved
//! template, each with a form, as its official clients call them. An answer is `{ "return": { "status", "message" },
//! "entries" }`, whose own status decides.

use domain::messages::approved_template::FilledTemplate;
use domain::messages::delivery::SendOutcome;
use outbound::Answer;
use serde::Deserialize;
use serde_json::Value;

use crate::{Channels, Outgoing, ProviderAdapter, Record, for_good, for_now};

/// The form fields that carry the values of a template's placeholders, in their order. There are as many of them as the
/// provider's row of facts says.
const PLACEHOLDERS: [&str; 5] = ["token", "token2", "token3", "token10", "token20"];

/// Kavenegar refuses white space in the values of this many placeholders, counted from the first one.
const PLACEHOLDERS_WITHOUT_SPACES: usize = 3;

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
        let Ok(body) = serde_urlencoded::to_string(form) else { return for_good("message_cannot_be_built") };
        let Record { base_url, secret: api_key, .. } = record;
        let url = format!("{base_url}/v1/{api_key}/{method}.json");
        match channels.post(&url, "application/x-www-form-urlencoded; charset=utf-8", body).await {
            Ok(answer) => outcome(&answer),
            Err(failed) => failed,
        }
    }

    /// The status within the answer decides, by the provider's list of statuses.
    fn meaning(answer: &Answer) -> Option<SendOutcome> {
        Some(outcome(answer))
    }
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
    let placeholders = PLACEHOLDERS.into_iter().zip(&filled.parameters).enumerate();
    let fill = |(index, (name, value)): (usize, (&'static str, &String))| {
        let value =
            if index < PLACEHOLDERS_WITHOUT_SPACES { value.replace(char::is_whitespace, "-") } else { value.clone() };
        (name, value)
    };
    Some(placeholders.map(fill).chain([("template", filled.name.clone())]).collect())
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
    let entry = match entries {
        Value::Array(entries) => entries.into_iter().next().unwrap_or_default(),
        entry => entry,
    };
    let entry: Entry = serde_json::from_value(entry).unwrap_or_default();
    match entry.status {
        6 | 11 | 13 => for_good("not_delivered"),
        14 => for_good("blocked_by_recipient"),
        _ => SendOutcome::Accepted { provider_id: entry.messageid.map(|id| id.to_string()).unwrap_or_default() },
    }
}

#[cfg(test)]
mod tests {
    use domain::locale::Locale;
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
        let accepted = SendOutcome::Accepted { provider_id: "8792343".to_owned() };
        assert_eq!([of(200, entry(5)), of(200, json!([entry(1)]))], [accepted.clone(), accepted]);
        assert_eq!(
            of(200, json!([entry(14)])),
            SendOutcome::FailedForGood { reason: "blocked_by_recipient".to_owned() }
        );
    }

    #[test]
    fn a_template_has_as_many_placeholders_as_the_row_says() {
        let row = domain::messages::provider_profile::ProviderKind::Kavenegar.profile();
        assert_eq!(row.wording.max_placeholders(), Some(PLACEHOLDERS.len()));
    }

    #[test]
    fn numbers_and_placeholders_are_written_as_the_provider_reads_them() {
        assert_eq!([receptor("+989121234567"), receptor("+4915112345678")], ["09121234567", "004915112345678"]);
        let filled = |count: usize| FilledTemplate {
            name: "pay".to_owned(),
            locale: Locale::parse("fa").unwrap(),
            parameters: vec!["a b".to_owned(); count],
        };
        let named = [("token", "a-b"), ("token2", "a-b"), ("token3", "a-b"), ("token10", "a b"), ("template", "pay")];
        assert_eq!(fields(&filled(4)).unwrap(), named.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(fields(&filled(6)), None);
    }
}

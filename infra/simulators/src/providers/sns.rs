//! The phone network: Amazon SNS `Publish` to a phone number, by its wire protocol, delivering into the inbox, and what
//! the deployer's command asks about the account.
//!
//! It is strict where SNS is, so that a request that AWS would refuse is refused here first. The rules are those of
//! the SNS API reference (`Publish`, version 2010-03-31) and the SMS chapters of the SNS developer guide.
//!
//! Numbers that end with a marker make it misbehave: `0000429` is throttled, `0000400` is refused for good, and the first
//! call for `0000500` fails. `0000499` is accepted and turns out to be unreachable, which SNS writes into a log. How the
//! next messages are answered can be ordered too, at `/simulator/next_answer`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use jiff::Timestamp;

use crate::misbehaviour::misbehaving;
use crate::providers::aws_account::Account;
use crate::providers::aws_query::{Parameters, Refusal, Service, call_of, message_id, random_id};
use crate::providers::faults::{Fault, Faults, Marker};
use crate::providers::inbox::{Channel, Delivered, Inbox};
use crate::providers::reports::Reports;

const SNS: Service = Service {
    namespace: "http://sns.amazonaws.com/doc/2010-03-31/",
    version: "2010-03-31",
    actions: &["Publish", "GetSMSAttributes", "SetSMSAttributes", "GetSMSSandboxAccountStatus"],
};

/// The size of one SMS `Publish`, all of its parts together, in characters as the API reference counts it. The
/// developer guide counts bytes: a sender that wants to be sure stays well below.
const MESSAGE_LIMIT: usize = 1600;

/// What phones commonly show for a message that AWS sent without a sender ID.
const DEFAULT_SENDER: &str = "NOTICE";

/// The endings of numbers that the simulator refuses, each with the refusal and how often it is given.
const FAULT_MARKERS: [Marker<fn() -> Refusal>; 3] = [
    ("0000429", Fault::Always(|| Refusal::sender("ThrottlingException", "Rate exceeded"))),
    ("0000400", Fault::Always(|| invalid("PhoneNumber", "the number cannot receive SMS"))),
    ("0000500", Fault::AtFirst(Refusal::internal)),
];

/// Numbers of phones that are switched off.
const UNREACHABLE: &str = "0000499";

#[derive(Debug, Clone)]
struct Provider {
    inbox: Inbox,
    account: Account,
    reports: Reports,
    faults: Faults<fn() -> Refusal>,
}

/// Serves `POST /`. The SDK posts to its endpoint with a slash at the end (`/sns/`), which axum's `nest` does not
/// match and `nest_service("/sns", …)` does.
pub fn router(inbox: Inbox, account: Account, reports: Reports) -> Router {
    let provider = Provider { inbox, account, reports, faults: Faults::at_the_end(&FAULT_MARKERS) };
    misbehaving(Router::new().route("/", post(serve)).with_state(provider))
}

async fn serve(State(provider): State<Provider>, headers: HeaderMap, body: Bytes) -> Response {
    SNS.answer(&headers, &body, |action, parameters| match action {
        "GetSMSAttributes" => Ok(provider.account.sms_preferences()),
        "SetSMSAttributes" => provider.account.set_sms_preferences(parameters),
        "GetSMSSandboxAccountStatus" => Ok(provider.account.sms_sandbox()),
        _ => provider.publish(parameters, call_of(&headers)).map(|id| message_id(&id)),
    })
}

/// The delivery status of an SMS that did not arrive, as SNS logs it.
fn unreachable(number: &str, provider_id: &str) -> serde_json::Value {
    serde_json::json!({
        "notification": { "messageId": provider_id, "timestamp": Timestamp::now().to_string() },
        "delivery": {
            "destination": number, "priceInUSD": 0.0, "smsType": "Transactional", "dwellTimeMs": 10,
            "numberOfMessageParts": 1,
            "providerResponse": "Phone is currently unreachable/unavailable", "dwellTimeMsUntilDeviceAck": 100,
        },
        "status": "FAILURE",
    })
}

impl Provider {
    fn publish(&self, parameters: &Parameters, call: Option<&str>) -> Result<String, Refusal> {
        let sms = Sms::parse(parameters)?;
        if let Some(refusal) = self.faults.refusal(&sms.number, call) {
            return Err(refusal());
        }
        let provider_id = random_id();
        if sms.number.ends_with(UNREACHABLE) {
            self.reports.by_log(&unreachable(&sms.number, &provider_id));
            return Ok(provider_id);
        }
        self.inbox.push(Delivered {
            channel: Channel::Sms,
            to: sms.number,
            from: sms.sender,
            subject: None,
            body: sms.text,
            html: None,
            at: Timestamp::now(),
            provider_id: provider_id.clone(),
        })?;
        Ok(provider_id)
    }
}

/// A text message that SNS would take.
#[derive(Debug)]
struct Sms {
    number: String,
    text: String,
    sender: String,
}

impl Sms {
    fn parse(parameters: &Parameters) -> Result<Sms, Refusal> {
        for unused in ["TopicArn", "TargetArn", "MessageStructure"] {
            if parameters.get(unused).is_some() {
                let reason = "this phone network only takes plain text to a phone number";
                return Err(invalid(unused, reason));
            }
        }
        let number =
            parameters.get("PhoneNumber").ok_or_else(|| invalid("PhoneNumber", "no value for required parameter"))?;
        if !is_e164(number) {
            let reason = format!("{number} is not valid to publish to");
            return Err(invalid("PhoneNumber", &reason));
        }
        Ok(Sms {
            number: number.to_owned(),
            text: text(parameters.get("Message").unwrap_or_default())?,
            sender: sender(parameters)?.unwrap_or_else(|| DEFAULT_SENDER.to_owned()),
        })
    }
}

fn text(message: &str) -> Result<String, Refusal> {
    if message.is_empty() {
        return Err(Refusal::sender("InvalidParameter", "Invalid parameter: Empty message"));
    }
    if message.chars().count() > MESSAGE_LIMIT {
        return Err(invalid("Message", "Message too long"));
    }
    // SNS takes the characters that XML 1.0 can hold.
    let is_unknown = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    if message.contains(is_unknown) {
        return Err(invalid("Message", "Message contains invalid characters"));
    }
    Ok(message.to_owned())
}

/// Checks the message attributes and answers with the sender that they ask for: a sender ID before a number.
fn sender(parameters: &Parameters) -> Result<Option<String>, Refusal> {
    let mut sender_id = None;
    let mut origination_number = None;
    for number in 1_u32.. {
        let entry = format!("MessageAttributes.entry.{number}");
        let Some(name) = parameters.get(&format!("{entry}.Name")) else {
            break;
        };
        let data_type = parameters.get(&format!("{entry}.Value.DataType"));
        let value = parameters.get(&format!("{entry}.Value.StringValue")).unwrap_or_default();
        let (expected_type, is_good) = match name {
            "AWS.SNS.SMS.SMSType" => ("String", matches!(value, "Promotional" | "Transactional")),
            "AWS.SNS.SMS.SenderID" => ("String", is_sender_id(value)),
            "AWS.SNS.SMS.OriginationNumber" => ("String", is_origination_number(value)),
            "AWS.SNS.SMS.MaxPrice" => ("Number", value.parse::<f64>().is_ok()),
            _ => continue,
        };
        if data_type != Some(expected_type) || !is_good {
            return Err(invalid(name, "the attribute has no valid value"));
        }
        match name {
            "AWS.SNS.SMS.SenderID" => sender_id = Some(value.to_owned()),
            "AWS.SNS.SMS.OriginationNumber" => origination_number = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(sender_id.or(origination_number))
}

/// A plus and 7 to 15 digits of which the first is not a zero.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// 3 to 11 letters and digits with at least one letter.
fn is_sender_id(value: &str) -> bool {
    (3..=11).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A short code or a number, with or without its plus.
fn is_origination_number(value: &str) -> bool {
    let digits = value.strip_prefix('+').unwrap_or(value);
    (5..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn invalid(parameter: &str, reason: &str) -> Refusal {
    let text = format!("Invalid parameter: {parameter} Reason: {reason}");
    Refusal::sender("InvalidParameter", text)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::providers::aws_query::tests::{post, refuses};
    use crate::providers::inbox::tests::Outcome;

    const NUMBER: &str = "+989121234567";

    async fn publish(
        router: &Router,
        number: &str,
        message: &str,
        more: &[(&str, &str)],
    ) -> Outcome<(StatusCode, String)> {
        let mut fields =
            vec![("Action", "Publish"), ("Version", "2010-03-31"), ("PhoneNumber", number), ("Message", message)];
        fields.extend_from_slice(more);
        post(router, "/", &fields).await
    }

    #[tokio::test]
    async fn a_message_is_delivered_with_its_sender() -> Outcome {
        let inbox = Inbox::open(None)?;
        let attributes = [
            ("MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SMSType"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "Transactional"),
            ("MessageAttributes.entry.2.Name", "AWS.SNS.SMS.SenderID"),
            ("MessageAttributes.entry.2.Value.DataType", "String"),
            ("MessageAttributes.entry.2.Value.StringValue", "PAYLINK"),
        ];
        let text = "سلام: https://pay.example/p/1";
        let (status, xml) =
            publish(&router(inbox.clone(), Account::default(), Reports::default()), NUMBER, text, &attributes).await?;

        assert_eq!(status, StatusCode::OK);
        let delivered = inbox.all();
        assert_eq!(delivered.len(), 1);
        for message in delivered {
            assert_eq!((message.to.as_str(), message.body.as_str()), (NUMBER, text));
            assert_eq!(message.from, "PAYLINK");
            assert!(
                xml.starts_with("<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>")
            );
            assert!(xml.contains(&format!("<MessageId>{}</MessageId>", message.provider_id)));
            assert!(xml.contains("<ResponseMetadata><RequestId>"));
        }
        Ok(())
    }

    #[tokio::test]
    async fn it_answers_below_a_prefix_with_and_without_the_last_slash() -> Outcome {
        let app =
            Router::new().nest_service("/sns", router(Inbox::open(None)?, Account::default(), Reports::default()));
        let fields = [("Action", "Publish"), ("Version", "2010-03-31"), ("PhoneNumber", NUMBER), ("Message", "x")];
        for uri in ["/sns", "/sns/"] {
            assert_eq!(post(&app, uri, &fields).await?.0, StatusCode::OK, "{uri}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn only_numbers_in_e164_are_taken() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone(), Account::default(), Reports::default());
        for number in [
            "",
            "09121234567",
            "989121234567",
            "+0989121234",
            "+98912",
            "+98 912 123 4567",
            "+۹۸۹۱۲۱۲۳۴۵۶۷",
            "+1234567890123456",
        ] {
            let answer = publish(&router, number, "x", &[]).await?;
            assert!(refuses(&answer, "InvalidParameter"), "{number}");
        }
        assert!(inbox.all().is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn a_message_has_1_to_1600_characters() -> Outcome {
        let router = router(Inbox::open(None)?, Account::default(), Reports::default());
        let longest = "س".repeat(1600);
        let (status, _) = publish(&router, NUMBER, &longest, &[]).await?;
        assert_eq!(status, StatusCode::OK);

        let too_long = format!("{longest}س");
        for message in ["", "a\u{0}", too_long.as_str()] {
            let answer = publish(&router, NUMBER, message, &[]).await?;
            assert!(refuses(&answer, "InvalidParameter"));
        }
        Ok(())
    }

    #[tokio::test]
    async fn attributes_with_bad_values_and_topics_are_refused() -> Outcome {
        let router = router(Inbox::open(None)?, Account::default(), Reports::default());
        for (name, data_type, value) in [
            ("AWS.SNS.SMS.SMSType", "String", "Urgent"),
            ("AWS.SNS.SMS.SMSType", "Number", "Transactional"),
            ("AWS.SNS.SMS.SenderID", "String", "TWELVECHARSX"),
            ("AWS.SNS.SMS.SenderID", "String", "12345"),
            ("AWS.SNS.SMS.SenderID", "String", "پرداخت"),
            ("AWS.SNS.SMS.OriginationNumber", "String", "PAY"),
            ("AWS.SNS.SMS.MaxPrice", "Number", "cheap"),
        ] {
            let attribute = [
                ("MessageAttributes.entry.1.Name", name),
                ("MessageAttributes.entry.1.Value.DataType", data_type),
                ("MessageAttributes.entry.1.Value.StringValue", value),
            ];
            let answer = publish(&router, NUMBER, "x", &attribute).await?;
            assert!(refuses(&answer, "InvalidParameter"), "{name} {value}");
        }
        let topic = [("TopicArn", "arn:aws:sns:eu-central-1:000000000000:t")];
        let answer = publish(&router, NUMBER, "x", &topic).await?;
        assert!(refuses(&answer, "InvalidParameter"));
        Ok(())
    }

    #[tokio::test]
    async fn another_action_is_an_invalid_action() -> Outcome {
        let router = router(Inbox::open(None)?, Account::default(), Reports::default());
        let fields = [("Action", "Subscribe"), ("Version", "2010-03-31")];
        assert!(refuses(&post(&router, "/", &fields).await?, "InvalidAction"));
        Ok(())
    }

    #[tokio::test]
    async fn marked_numbers_make_it_misbehave() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone(), Account::default(), Reports::default());
        for _ in 0..2 {
            let throttled = publish(&router, "+989120000429", "x", &[]).await?;
            assert!(refuses(&throttled, "ThrottlingException"));
            let rejected = publish(&router, "+989120000400", "x", &[]).await?;
            assert!(refuses(&rejected, "InvalidParameter"));
        }
        assert!(inbox.all().is_empty());

        let (status, xml) = publish(&router, "+989120000500", "x", &[]).await?;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(xml.contains("<Type>Receiver</Type><Code>InternalFailure</Code>"));
        let (status, _) = publish(&router, "+989120000500", "x", &[]).await?;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(inbox.all().len(), 1);
        Ok(())
    }
}

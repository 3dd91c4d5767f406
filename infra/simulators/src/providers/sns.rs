//! The phone network: Amazon SNS `Publish` to a phone number, by its wire protocol, delivering into the inbox, and what
//! the deployer's command asks about the account.
//!
//! It is strict where SNS is, so that a request that AWS would refuse is refused here first. The rules are those of
//! the SNS API reference (`Publish`, version 2010-03-31) and the SMS chapters of the SNS developer guide.
//!
//! What the account lacks, SNS does not say in its answer: it takes the message and writes into a log that it did not
//! arrive. So it is here with the sandbox, the spending limit, numbers that opted out, and countries that want a
//! number, a registered name or a registered text.
//!
//! Numbers that end with a marker make it misbehave: `0000429` is throttled, `0000400` is refused for good, `0000403`
//! meets a permission that lacks, and the first call for `0000500` fails. `0000499` is accepted and turns out to be
//! unreachable. How the next messages are answered can be ordered too, at `/simulator/next_answer`.

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
    actions: &[
        "Publish",
        "GetSMSAttributes",
        "SetSMSAttributes",
        "GetSMSSandboxAccountStatus",
        "ListSMSSandboxPhoneNumbers",
        "ListSubscriptionsByTopic",
    ],
};

/// The size of one SMS `Publish`, all of its parts together, in characters as the API reference counts it. The
/// developer guide counts bytes: a sender that wants to be sure stays well below.
const MESSAGE_LIMIT: usize = 1600;

/// What phones commonly show for a message that AWS sent without a sender ID.
const DEFAULT_SENDER: &str = "NOTICE";

/// The endings of numbers that the simulator refuses, each with the refusal and how often it is given.
const FAULT_MARKERS: [Marker<fn() -> Refusal>; 4] = [
    ("0000429", Fault::Always(|| Refusal::sender("ThrottlingException", "Rate exceeded"))),
    ("0000400", Fault::Always(|| invalid("PhoneNumber", "the number cannot receive SMS"))),
    ("0000403", Fault::Always(|| Refusal::denied("AuthorizationError", "not authorized to perform: SNS:Publish"))),
    ("0000500", Fault::AtFirst(Refusal::internal)),
];

/// Numbers of phones that are switched off.
const UNREACHABLE: &str = "0000499";

/// The beginnings of the numbers of countries that SNS does not deliver to.
const NOT_SERVED: [&str; 5] = ["+98", "+53", "+249", "+850", "+963"];

/// The beginnings of the numbers of some countries that let SMS from a number of the account's own through, and no
/// others.
const NUMBER_NEEDED: [&str; 2] = ["+1", "+64"];

/// The beginnings of the numbers of some countries that let registered names through, and no others.
const REGISTRATION_NEEDED: [&str; 5] = ["+44", "+61", "+91", "+966", "+971"];

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
        "ListSMSSandboxPhoneNumbers" => Ok("<PhoneNumbers></PhoneNumbers>".to_owned()),
        "ListSubscriptionsByTopic" => Ok(provider.account.subscriptions()),
        _ => provider.publish(parameters, call_of(&headers)).map(|id| message_id(&id)),
    })
}

/// The delivery status of an SMS that did not arrive, as SNS logs it.
fn undelivered(number: &str, provider_id: &str, response: &str) -> serde_json::Value {
    serde_json::json!({
        "notification": { "messageId": provider_id, "timestamp": Timestamp::now().to_string() },
        "delivery": {
            "destination": number, "priceInUSD": 0.0, "smsType": "Transactional", "dwellTimeMs": 10,
            "numberOfMessageParts": 1,
            "providerResponse": response, "dwellTimeMsUntilDeviceAck": 100,
        },
        "status": "FAILURE",
    })
}

impl Provider {
    fn publish(&self, parameters: &Parameters, call: Option<&str>) -> Result<String, Refusal> {
        let sms = Sms::parse(parameters)?;
        self.check_number(&sms)?;
        if let Some(refusal) = self.faults.refusal(&sms.number, call) {
            return Err(refusal());
        }
        let provider_id = random_id();
        let sender = match self.sender(&sms) {
            Ok(sender) => sender,
            Err(response) => {
                self.reports.by_log(&undelivered(&sms.number, &provider_id, response));
                return Ok(provider_id);
            }
        };
        self.inbox.push(Delivered {
            channel: Channel::Sms,
            to: sms.number,
            from: sender,
            reply_to: None,
            subject: None,
            body: sms.text,
            html: None,
            at: Timestamp::now(),
            provider_id: provider_id.clone(),
        })?;
        Ok(provider_id)
    }

    /// Whom the message comes from, or what the log says of why it does not arrive.
    fn sender(&self, sms: &Sms) -> Result<String, &'static str> {
        let (account, number) = (&self.account, sms.number.as_str());
        if account.is_in_sms_sandbox() {
            return Err("Sandboxed account unable to send to number.");
        }
        if account.has_spent_all() {
            return Err("No quota left for account");
        }
        if account.has_opted_out(number) {
            return Err("Phone number is opted out");
        }
        if number.ends_with(UNREACHABLE) {
            return Err("Phone is currently unreachable/unavailable");
        }
        if let Some((entity, template)) = &sms.registration
            && !account.knows_text(entity, template, &sms.text)
        {
            return Err(BLOCKED);
        }
        let is_in = |prefixes: &[&str]| prefixes.iter().any(|prefix| number.starts_with(prefix));
        let sender_id = sms.sender_id.clone().or_else(|| account.default_sender_id());
        match (sms.origination_number.clone(), sender_id, account.number_for(number)) {
            (Some(own), _, _) | (None, None, Some(own)) => Ok(own),
            (None, Some(_), Some(own)) if is_in(&NUMBER_NEEDED) => Ok(own),
            (None, _, None) if is_in(&NUMBER_NEEDED) => Err("No origination entities available to send"),
            (None, Some(name), _) if is_in(&REGISTRATION_NEEDED) && !account.has_registered(&name, number) => {
                Err(BLOCKED)
            }
            (None, None, None) if is_in(&REGISTRATION_NEEDED) => Err(BLOCKED),
            (None, Some(name), _) => Ok(name),
            (None, None, None) => Ok(DEFAULT_SENDER.to_owned()),
        }
    }

    /// The number that a message names has to be the account's, and for that country.
    fn check_number(&self, sms: &Sms) -> Result<(), Refusal> {
        let is_own = |own: &String| self.account.number_for(&sms.number).as_ref() == Some(own);
        if sms.origination_number.as_ref().is_none_or(is_own) {
            return Ok(());
        }
        Err(invalid("AWS.MM.SMS.OriginationNumber", "it is no number of this account for the destination"))
    }
}

/// What the log says of a message that operators did not let through.
const BLOCKED: &str = "Phone carrier has blocked this message";

/// A text message that SNS would take.
#[derive(Debug)]
struct Sms {
    number: String,
    text: String,
    sender_id: Option<String>,
    origination_number: Option<String>,
    /// India's ids of the sender and of the text.
    registration: Option<(String, String)>,
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
        if NOT_SERVED.iter().any(|prefix| number.starts_with(prefix)) {
            return Err(invalid("PhoneNumber", "its country is not supported"));
        }
        let text = text(parameters.get("Message").unwrap_or_default())?;
        let mut sms =
            Sms { number: number.to_owned(), text, sender_id: None, origination_number: None, registration: None };
        sms.read_attributes(parameters)?;
        Ok(sms)
    }

    /// Reads and checks the message attributes. Names that begin with `AWS.` or `Amazon.` are AWS's own, so that an
    /// unknown one is refused.
    fn read_attributes(&mut self, parameters: &Parameters) -> Result<(), Refusal> {
        let (mut entity, mut template) = (None, None);
        for number in 1_u32.. {
            let entry = format!("MessageAttributes.entry.{number}");
            let Some(name) = parameters.get(&format!("{entry}.Name")) else { break };
            let data_type = parameters.get(&format!("{entry}.Value.DataType"));
            let value = parameters.get(&format!("{entry}.Value.StringValue")).unwrap_or_default();
            let (expected_type, is_good) = match name {
                "AWS.SNS.SMS.SMSType" => ("String", matches!(value, "Promotional" | "Transactional")),
                "AWS.SNS.SMS.SenderID" => ("String", is_sender_id(value)),
                "AWS.MM.SMS.OriginationNumber" => ("String", is_origination_number(value)),
                "AWS.MM.SMS.EntityId" | "AWS.MM.SMS.TemplateId" => ("String", (1..=50).contains(&value.len())),
                "AWS.SNS.SMS.MaxPrice" => ("Number", value.parse::<f64>().is_ok()),
                name if name.starts_with("AWS.") || name.starts_with("Amazon.") => ("no", false),
                _ => continue,
            };
            if data_type != Some(expected_type) || !is_good {
                return Err(bad_attribute(name));
            }
            let value = Some(value.to_owned());
            match name {
                "AWS.SNS.SMS.SenderID" => self.sender_id = value,
                "AWS.MM.SMS.OriginationNumber" => self.origination_number = value,
                "AWS.MM.SMS.EntityId" => entity = value,
                "AWS.MM.SMS.TemplateId" => template = value,
                _ => {}
            }
        }
        // A template is registered for a name, and a message has one sender.
        if self.sender_id.is_some() && self.origination_number.is_some() {
            return Err(bad_attribute("AWS.MM.SMS.OriginationNumber"));
        }
        self.registration = match (entity, template) {
            (Some(entity), Some(template)) if self.sender_id.is_some() => Some((entity, template)),
            (None, None) => None,
            _ => return Err(bad_attribute("AWS.MM.SMS.TemplateId")),
        };
        Ok(())
    }
}

/// SNS says so of a name, a number or an id that it does not take.
fn bad_attribute(name: &str) -> Refusal {
    let text = format!("The message attribute '{name}' has no valid value");
    Refusal::sender("ParameterValueInvalid", text)
}

fn text(message: &str) -> Result<String, Refusal> {
    if message.trim().is_empty() {
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

/// A plus and 7 to 15 digits of which the first is not a zero.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// 3 to 11 letters, digits and hyphens with at least one letter and no hyphen at an end.
fn is_sender_id(value: &str) -> bool {
    (3..=11).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !value.starts_with('-')
        && !value.ends_with('-')
}

/// A short code or a number of 5 to 14 digits, with or without its plus.
fn is_origination_number(value: &str) -> bool {
    let digits = value.strip_prefix('+').unwrap_or(value);
    (5..=14).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
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

    const NUMBER: &str = "+4915112345678";

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
            "+989121234567",
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
            ("AWS.SNS.SMS.SenderID", "String", "-SHOP"),
            ("AWS.SNS.SMS.SenderID", "String", "MY_SHOP"),
            ("AWS.SNS.SMS.SenderID", "String", "پرداخت"),
            ("AWS.MM.SMS.OriginationNumber", "String", "PAY"),
            ("AWS.MM.SMS.EntityId", "String", "1101"),
            ("AWS.SNS.SMS.OriginationNumber", "String", "+18005550100"),
            ("AWS.SNS.SMS.MaxPrice", "Number", "cheap"),
        ] {
            let attribute = [
                ("MessageAttributes.entry.1.Name", name),
                ("MessageAttributes.entry.1.Value.DataType", data_type),
                ("MessageAttributes.entry.1.Value.StringValue", value),
            ];
            let answer = publish(&router, NUMBER, "x", &attribute).await?;
            assert!(refuses(&answer, "ParameterValueInvalid"), "{name} {value}");
        }
        let topic = [("TopicArn", "arn:aws:sns:eu-central-1:000000000000:t")];
        let answer = publish(&router, NUMBER, "x", &topic).await?;
        assert!(refuses(&answer, "InvalidParameter"));
        Ok(())
    }

    fn attributes<'a>(given: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        for (index, (name, value)) in given.iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", index + 1);
            fields.push((format!("{entry}.Name"), (*name).to_owned()));
            fields.push((format!("{entry}.Value.DataType"), "String".to_owned()));
            fields.push((format!("{entry}.Value.StringValue"), (*value).to_owned()));
        }
        fields
    }

    /// What the log would say of a message, or whom it comes from.
    fn outcome(account: &Account, number: &str, given: &[(&str, &str)]) -> Result<String, String> {
        let mut fields = attributes(given);
        fields.push(("PhoneNumber".to_owned(), number.to_owned()));
        fields.push(("Message".to_owned(), "Pay 10 to Shop".to_owned()));
        let parameters = Parameters::of(fields);
        let provider = Provider {
            inbox: Inbox::open(None).map_err(|error| error.to_string())?,
            account: account.clone(),
            reports: Reports::default(),
            faults: Faults::at_the_end(&FAULT_MARKERS),
        };
        let sms = Sms::parse(&parameters).map_err(|refusal| refusal.to_string())?;
        provider.check_number(&sms).map_err(|refusal| refusal.to_string())?;
        provider.sender(&sms).map_err(str::to_owned)
    }

    #[test]
    fn what_an_account_lacks_is_said_in_the_log() {
        let account = Account::default();
        let of = |number: &str, given: &[(&str, &str)]| outcome(&account, number, given);
        let name = |name| ("AWS.SNS.SMS.SenderID", name);
        assert_eq!(of("+12025550100", &[]).as_deref(), Ok("+18005550100"));
        assert_eq!(of("+6421123456", &[]), Err("No origination entities available to send".to_owned()));
        assert_eq!(of("+61491570006", &[name("PAYLINK")]).as_deref(), Ok("PAYLINK"));
        assert_eq!(of("+61491570006", &[name("OTHER")]), Err(BLOCKED.to_owned()));
        assert_eq!(of("+61491570006", &[]), Err(BLOCKED.to_owned()));
        assert_eq!(of(NUMBER, &[name("OTHER")]).as_deref(), Ok("OTHER"));
        let number = ("AWS.MM.SMS.OriginationNumber", "+18005550100");
        assert_eq!(of("+12025550100", &[number]).as_deref(), Ok("+18005550100"));
        assert!(of(NUMBER, &[number]).is_err(), "a number is for its own country");
        assert!(of("+12025550100", &[number, name("PAYLINK")]).is_err(), "a message has one sender");

        let indian = [name("PAYLINK"), ("AWS.MM.SMS.EntityId", "11"), ("AWS.MM.SMS.TemplateId", "12")];
        assert_eq!(of("+919812345678", &indian), Err(BLOCKED.to_owned()), "nobody registered the text");
        account.register_text("11", "12", "Pay {#var#} to Shop");
        assert_eq!(of("+919812345678", &indian).as_deref(), Ok("PAYLINK"));

        account.opt_out(NUMBER);
        assert_eq!(of(NUMBER, &[]), Err("Phone number is opted out".to_owned()));
        account.use_up_sms_spending();
        assert_eq!(of(NUMBER, &[]), Err("No quota left for account".to_owned()));
        account.enter_sandboxes();
        assert_eq!(of(NUMBER, &[]), Err("Sandboxed account unable to send to number.".to_owned()));
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
            let throttled = publish(&router, "+491510000429", "x", &[]).await?;
            assert!(refuses(&throttled, "ThrottlingException"));
            let rejected = publish(&router, "+491510000400", "x", &[]).await?;
            assert!(refuses(&rejected, "InvalidParameter"));
        }
        assert!(inbox.all().is_empty());

        let (status, xml) = publish(&router, "+491510000500", "x", &[]).await?;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(xml.contains("<Type>Receiver</Type><Code>InternalFailure</Code>"));
        let (status, _) = publish(&router, "+491510000500", "x", &[]).await?;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(inbox.all().len(), 1);
        Ok(())
    }
}

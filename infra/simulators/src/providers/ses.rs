//! The mail provider: Amazon SES v1 `SendEmail`, by its wire protocol, delivering into the inbox. What the deployer's
//! command asks about the account, it asks by v2, and not here.
//!
//! It is strict where SES is, so that a request that AWS would refuse is refused here first. The rules are those of
//! the SES API reference (`SendEmail`, version 2010-12-01) and the errors that SES gives for addresses.
//!
//! Mailboxes with a marker before the `@` make it misbehave: `throttle` is throttled, `reject` is refused for good,
//! and the first call for `flaky` fails. `bounce` is accepted and bounces, and `complain` gets the mail and calls it spam:
//! where the mail names a configuration set, SES publishes both to its topic. How the next mails are answered can be
//! ordered too, at `/simulator/next_answer`.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::misbehaviour::misbehaving;
use crate::providers::aws_account::Account;
use crate::providers::aws_query::{Parameters, Refusal, Service, call_of, message_id, random_id};
use crate::providers::faults::{Fault, Faults, Marker};
use crate::providers::inbox::{Channel, Delivered, Inbox};
use crate::providers::reports::Reports;

const SES: Service =
    Service { namespace: "http://ses.amazonaws.com/doc/2010-12-01/", version: "2010-12-01", actions: &["SendEmail"] };

/// SES takes at most this many recipients, in all fields together.
const RECIPIENT_LIMIT: usize = 50;

/// What an address may not contain unquoted (RFC 5322, `specials` without the dot and the at sign).
const SPECIALS: [char; 10] = ['(', ')', '<', '>', '[', ']', ':', ';', ',', '"'];

/// Mailboxes that do not exist, and those of people who call a mail spam.
const BOUNCES: &str = "bounce";
const COMPLAINS: &str = "complain";

/// The words in a mailbox for which the simulator refuses a mail, each with the refusal and how often it is given.
const FAULT_MARKERS: [Marker<fn() -> Refusal>; 3] = [
    ("throttle", Fault::Always(|| Refusal::sender("Throttling", "Maximum sending rate exceeded."))),
    ("reject", Fault::Always(|| rejected("Address is blacklisted."))),
    ("flaky", Fault::AtFirst(Refusal::internal)),
];

#[derive(Debug, Clone)]
struct Provider {
    inbox: Inbox,
    account: Account,
    reports: Reports,
    faults: Faults<fn() -> Refusal>,
}

/// Serves `POST /`. The SDK posts to its endpoint with a slash at the end (`/ses/`), which axum's `nest` does not
/// match and `nest_service("/ses", …)` does.
pub fn router(inbox: Inbox, account: Account, reports: Reports) -> Router {
    let faults = Faults::new(&FAULT_MARKERS, |address, marker| mailbox(address).contains(marker));
    misbehaving(Router::new().route("/", post(serve)).with_state(Provider { inbox, account, reports, faults }))
}

async fn serve(State(provider): State<Provider>, headers: HeaderMap, body: Bytes) -> Response {
    SES.answer(&headers, &body, |_, parameters| provider.send(parameters, call_of(&headers)).map(|id| message_id(&id)))
}

impl Provider {
    fn send(&self, parameters: &Parameters, call: Option<&str>) -> Result<String, Refusal> {
        let mail = Mail::parse(parameters)?;
        if let Some(address) = mail.unverified(&self.account) {
            let text = "Email address is not verified. The following identities failed the check in region US-EAST-1: ";
            return Err(rejected(&format!("{text}{address}")));
        }
        if let Some(refusal) = mail.recipients.iter().find_map(|one| self.faults.refusal(&one.address, call)) {
            return Err(refusal());
        }
        let provider_id = random_id();
        let report = mail.report(&provider_id);
        let mut delivered = mail.delivered(&provider_id);
        delivered.retain(|mail| !mailbox(&mail.to).contains(BOUNCES));
        self.inbox.push_all(delivered)?;
        if let Some(report) = report {
            self.reports.by_topic(&report);
        }
        Ok(provider_id)
    }
}

/// What stands before the `@`.
fn mailbox(address: &str) -> &str {
    address.split('@').next().unwrap_or_default()
}

/// A mail that SES would take.
#[derive(Debug)]
struct Mail {
    source: Mailbox,
    reply_to: Vec<Mailbox>,
    recipients: Vec<Mailbox>,
    subject: String,
    text: Option<String>,
    html: Option<String>,
    /// Whether SES reports about it, and with which tags.
    is_watched: bool,
    tags: BTreeMap<String, Vec<String>>,
}

impl Mail {
    fn parse(parameters: &Parameters) -> Result<Mail, Refusal> {
        let source = parameters.get("Source").ok_or_else(|| invalid("Missing required parameter Source"))?;
        let source = Mailbox::parse(source)?;
        let recipients = recipients(parameters)?;
        let reply_to: Result<Vec<Mailbox>, Refusal> =
            parameters.members("ReplyToAddresses").into_iter().map(Mailbox::parse).collect();
        let reply_to = reply_to?;
        let tags = check_labels(parameters)?;
        let is_watched = parameters.get("ConfigurationSetName").is_some();

        let subject = content(parameters, "Message.Subject")?
            .ok_or_else(|| invalid("Missing required parameter Message.Subject.Data"))?;
        if subject.contains(char::is_control) {
            return Err(invalid("The subject contains control characters."));
        }
        let text = content(parameters, "Message.Body.Text")?;
        let html = content(parameters, "Message.Body.Html")?;
        if text.is_none() && html.is_none() {
            let reason = "Message.Body needs a Text or an Html that is not empty";
            return Err(invalid(reason));
        }
        Ok(Mail { source, reply_to, recipients, subject, text, html, is_watched, tags })
    }

    /// The address that SES wants verified and has not: the sender, and in the sandbox each recipient too.
    fn unverified(&self, account: &Account) -> Option<&str> {
        let wanted = std::iter::once(&self.source).chain(self.recipients.iter().filter(|_| account.is_in_sandboxes()));
        let is_verified = |address: &str| {
            let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
            account.has_verified(address) || account.has_verified(domain)
        };
        wanted.map(|mailbox| mailbox.address.as_str()).find(|address| !is_verified(address))
    }

    /// What SES publishes about it, if anything.
    fn report(&self, provider_id: &str) -> Option<Value> {
        let is = |marker: &str| self.recipients.iter().any(|one| mailbox(&one.address).contains(marker));
        let (kind, name, what) = if is(BOUNCES) {
            (
                "Bounce",
                "bounce",
                json!({ "bounceType": "Permanent", "bounceSubType": "NoEmail", "bouncedRecipients": [] }),
            )
        } else if is(COMPLAINS) {
            ("Complaint", "complaint", json!({ "complaintFeedbackType": "abuse", "complainedRecipients": [] }))
        } else {
            return None;
        };
        let mail = json!({ "messageId": provider_id, "timestamp": Timestamp::now().to_string(), "tags": self.tags });
        let mut event = json!({ "eventType": kind, "mail": mail });
        event[name] = what;
        self.is_watched.then_some(event)
    }

    /// The copy of every recipient.
    fn delivered(self, provider_id: &str) -> Vec<Delivered> {
        let at = Timestamp::now();
        let from = self.source.readable();
        let reply_to = self.reply_to.first().map(|mailbox| mailbox.address.clone());
        self.recipients
            .into_iter()
            .map(|recipient| Delivered {
                channel: Channel::Email,
                to: recipient.address,
                from: from.clone(),
                reply_to: reply_to.clone(),
                subject: Some(self.subject.clone()),
                body: self.text.clone().unwrap_or_default(),
                html: self.html.clone(),
                at,
                provider_id: provider_id.to_owned(),
            })
            .collect()
    }
}

fn recipients(parameters: &Parameters) -> Result<Vec<Mailbox>, Refusal> {
    let mut recipients = Vec::new();
    for field in ["ToAddresses", "CcAddresses", "BccAddresses"] {
        for address in parameters.members(&format!("Destination.{field}")) {
            recipients.push(Mailbox::parse(address)?);
        }
    }
    if recipients.is_empty() {
        return Err(invalid("Destination needs at least one address"));
    }
    if recipients.len() > RECIPIENT_LIMIT {
        return Err(rejected("Recipient count exceeds 50."));
    }
    Ok(recipients)
}

/// Checks the names that SES keeps for its own reports: the configuration set and the message tags.
fn check_labels(parameters: &Parameters) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
    let is_label = |text: &str, limit: usize| {
        (1..=limit).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    if let Some(name) = parameters.get("ConfigurationSetName")
        && !is_label(name, 64)
    {
        return Err(invalid("The configuration set name is not valid."));
    }
    let mut tags = BTreeMap::new();
    for number in 1_u32.. {
        let tag = format!("Tags.member.{number}");
        let name = parameters.get(&format!("{tag}.Name"));
        let value = parameters.get(&format!("{tag}.Value"));
        match (name, value) {
            (None, None) => break,
            (Some(name), Some(value)) if is_label(name, 256) && is_label(value, 256) => {
                tags.insert(name.to_owned(), vec![value.to_owned()]);
            }
            _ => {
                let reason = "A tag needs a name and a value of ASCII letters, digits, _ and -";
                return Err(invalid(reason));
            }
        }
    }
    Ok(tags)
}

/// The text of a subject or body, or nothing where it is missing or blank. SES takes text without a charset for
/// 7-bit ASCII; anything else would arrive unreadable, which is worth a refusal here.
fn content(parameters: &Parameters, field: &str) -> Result<Option<String>, Refusal> {
    let Some(data) = parameters.get(&format!("{field}.Data")) else {
        return Ok(None);
    };
    let charset = parameters.get(&format!("{field}.Charset")).unwrap_or("US-ASCII").to_ascii_uppercase();
    let is_readable = match charset.as_str() {
        "UTF-8" => true,
        "US-ASCII" => data.is_ascii(),
        _ => return Err(invalid(format!("{field}.Charset is not known here"))),
    };
    if !is_readable {
        let reason = format!("{field}.Data is not ASCII and names no Charset that it is in");
        return Err(invalid(reason));
    }
    Ok(Some(data.to_owned()).filter(|data| !data.trim().is_empty()))
}

/// An address, alone or as `Name <address>`.
#[derive(Debug, PartialEq, Eq)]
struct Mailbox {
    name: String,
    address: String,
}

impl Mailbox {
    fn parse(value: &str) -> Result<Mailbox, Refusal> {
        // A display name in another script has to come as an encoded word (RFC 2047).
        if !value.is_ascii() || value.contains(char::is_control) {
            return Err(invalid("An address contains control or non-ASCII characters"));
        }
        let value = value.trim();
        let (name, address) = match value.strip_suffix('>') {
            Some(open) => open.rsplit_once('<').ok_or_else(illegal)?,
            None => ("", value),
        };
        let name = name.trim();
        let quoted = name.strip_prefix('"').and_then(|inside| inside.strip_suffix('"'));
        if quoted.is_none() && (name.contains(SPECIALS) || name.contains('@')) {
            return Err(illegal());
        }
        Ok(Mailbox {
            name: quoted.map_or_else(|| readable(name), |inside| inside.replace('\\', "")),
            address: checked(address)?.to_owned(),
        })
    }

    /// The mailbox as a mail program shows it.
    fn readable(&self) -> String {
        if self.name.is_empty() { self.address.clone() } else { format!("{} <{}>", self.name, self.address) }
    }
}

/// Exactly one `@` with printable ASCII on both sides.
fn checked(address: &str) -> Result<&str, Refusal> {
    let (local, domain) = address.split_once('@').ok_or_else(|| invalid("Missing final '@domain'"))?;
    let is_printable = |side: &str| side.bytes().all(|byte| byte.is_ascii_graphic());
    if local.is_empty() {
        Err(invalid("Missing local name"))
    } else if domain.is_empty() {
        Err(invalid("Missing domain"))
    } else if !is_printable(local) {
        Err(invalid("Local address contains control or whitespace"))
    } else if !is_printable(domain) {
        Err(invalid("Domain contains control or whitespace"))
    } else if domain.contains('@') || address.contains(SPECIALS) {
        Err(illegal())
    } else {
        Ok(address)
    }
}

/// A display name with its encoded words decoded; the white space between two of them belongs to neither.
fn readable(name: &str) -> String {
    let mut text = String::new();
    let mut was_encoded = false;
    for word in name.split_whitespace() {
        let decoded = encoded_word(word);
        let is_continued = was_encoded && decoded.is_some();
        if !text.is_empty() && !is_continued {
            text.push(' ');
        }
        was_encoded = decoded.is_some();
        text.push_str(decoded.as_deref().unwrap_or(word));
    }
    text
}

/// The text of an encoded word (RFC 2047) in UTF-8, such as `=?UTF-8?B?2LPZhNin2YU=?=`.
fn encoded_word(word: &str) -> Option<String> {
    let inside = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let (charset, rest) = inside.split_once('?')?;
    let (encoding, data) = rest.split_once('?')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(data).ok()?,
        "Q" | "q" => quoted_bytes(data)?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

/// The Q encoding of RFC 2047: `=C3` is a byte, `_` is a space.
fn quoted_bytes(data: &str) -> Option<Vec<u8>> {
    let mut pieces = data.split('=');
    let mut bytes = pieces.next()?.replace('_', " ").into_bytes();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        bytes.extend(hex::decode(code).ok()?);
        bytes.extend(rest.replace('_', " ").into_bytes());
    }
    Some(bytes)
}

fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::sender("InvalidParameterValue", reason)
}

fn illegal() -> Refusal {
    invalid("Illegal address")
}

fn rejected(reason: &str) -> Refusal {
    Refusal::sender("MessageRejected", reason)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::StatusCode;

    use super::*;
    use crate::providers::aws_query::tests::{post, refuses};
    use crate::providers::inbox::tests::Outcome;

    const TO: &str = "Destination.ToAddresses.member.1";

    /// Sends a good mail with some parameters changed or, without a value, left out.
    async fn send(router: &Router, changes: &[(&str, Option<&str>)]) -> Outcome<(StatusCode, String)> {
        let mut fields = BTreeMap::from([
            ("Action", "SendEmail"),
            ("Version", "2010-12-01"),
            ("Source", "pay@shop.example"),
            (TO, "ali@example.com"),
            ("Message.Subject.Data", "فاکتور ۷۷"),
            ("Message.Subject.Charset", "UTF-8"),
            ("Message.Body.Text.Data", "Pay: https://pay.example/p/1"),
        ]);
        for &(name, value) in changes {
            match value {
                Some(value) => fields.insert(name, value),
                None => fields.remove(name),
            };
        }
        let fields: Vec<(&str, &str)> = fields.into_iter().collect();
        post(router, "/", &fields).await
    }

    #[tokio::test]
    async fn a_mail_is_delivered_to_each_recipient() -> Outcome {
        let inbox = Inbox::open(None)?;
        let source = "=?UTF-8?B?2YHYsdmI2LTar9in2Yc=?= <pay@shop.example>";
        let changes = [
            ("Source", Some(source)),
            ("Destination.ToAddresses.member.2", Some("Sara <sara@example.com>")),
            ("Message.Body.Html.Data", Some("<p>Pay</p>")),
            ("ReplyToAddresses.member.1", Some("help@shop.example")),
            ("ConfigurationSetName", Some("paylink")),
            ("Tags.member.1.Name", Some("link")),
            ("Tags.member.1.Value", Some("pl_1")),
        ];
        let (status, xml) = send(&router(inbox.clone(), Account::default(), Reports::default()), &changes).await?;

        assert_eq!(status, StatusCode::OK, "{xml}");
        let delivered = inbox.all();
        let to: Vec<&str> = delivered.iter().map(|mail| mail.to.as_str()).collect();
        assert_eq!(to, ["ali@example.com", "sara@example.com"]);
        for mail in delivered {
            assert_eq!(mail.from, "فروشگاه <pay@shop.example>");
            assert_eq!(mail.subject.as_deref(), Some("فاکتور ۷۷"));
            assert_eq!(mail.body, "Pay: https://pay.example/p/1");
            assert_eq!(mail.html.as_deref(), Some("<p>Pay</p>"));
            assert!(xml.starts_with(
                "<SendEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendEmailResult>"
            ));
            assert!(xml.contains(&format!("<MessageId>{}</MessageId>", mail.provider_id)));
        }
        Ok(())
    }

    #[tokio::test]
    async fn it_answers_below_a_prefix_with_and_without_the_last_slash() -> Outcome {
        let app =
            Router::new().nest_service("/ses", router(Inbox::open(None)?, Account::default(), Reports::default()));
        for uri in ["/ses", "/ses/"] {
            let answer = post(&app, uri, &[("Action", "SendRawEmail")]).await?;
            assert!(refuses(&answer, "InvalidAction"), "{uri}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_ses_would_refuse_is_refused() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone(), Account::default(), Reports::default());
        for (name, value) in [
            ("Source", None),
            ("Source", Some("")),
            ("Source", Some("فروشگاه <pay@shop.example>")),
            ("Source", Some("Shop, Ltd <pay@shop.example>")),
            (TO, None),
            (TO, Some("ali")),
            (TO, Some("@example.com")),
            (TO, Some("ali@")),
            (TO, Some("ali@a@example.com")),
            (TO, Some("علی@example.com")),
            (TO, Some("ali reza@example.com")),
            (TO, Some("a@example.com,b@example.com")),
            ("Message.Subject.Data", None),
            ("Message.Subject.Data", Some(" ")),
            ("Message.Subject.Data", Some("a\r\nBcc: b@example.com")),
            ("Message.Subject.Charset", None),
            ("Message.Subject.Charset", Some("windows-1256")),
            ("Message.Body.Text.Data", None),
            ("Message.Body.Html.Data", Some("<p>سلام</p>")),
            ("ReplyToAddresses.member.1", Some("nobody")),
            ("ConfigurationSetName", Some("pay link")),
            ("Tags.member.1.Name", Some("link")),
        ] {
            let answer = send(&router, &[(name, value)]).await?;
            assert!(refuses(&answer, "InvalidParameterValue"), "{name} {value:?}");
        }
        assert!(inbox.all().is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn marked_mailboxes_make_it_misbehave() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone(), Account::default(), Reports::default());
        for _ in 0..2 {
            let throttled = send(&router, &[(TO, Some("ali+throttle@example.com"))]).await?;
            assert!(refuses(&throttled, "Throttling"));
            let rejected = send(&router, &[(TO, Some("reject@example.com"))]).await?;
            assert!(refuses(&rejected, "MessageRejected"));
        }
        assert!(inbox.all().is_empty());

        let flaky = [(TO, Some("flaky@example.com"))];
        let (status, xml) = send(&router, &flaky).await?;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(xml.contains("<Type>Receiver</Type><Code>InternalFailure</Code>"));
        assert_eq!(send(&router, &flaky).await?.0, StatusCode::OK);

        let (status, _) = send(&router, &[(TO, Some("ali@throttle.example"))]).await?;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(inbox.all().len(), 2);
        Ok(())
    }

    #[test]
    fn display_names_are_shown_as_a_mail_program_would() -> Outcome {
        for (written, shown) in [
            ("a@example.com", "a@example.com"),
            ("<a@example.com>", "a@example.com"),
            ("The Shop <a@example.com>", "The Shop <a@example.com>"),
            ("\"Shop, Ltd\" <a@example.com>", "Shop, Ltd <a@example.com>"),
            ("=?utf-8?Q?Caf=C3=A9_Noir?= <a@example.com>", "Café Noir <a@example.com>"),
            ("=?UTF-8?B?2YHYsdmI?= =?UTF-8?B?2LTar9in2Yc=?= <a@example.com>", "فروشگاه <a@example.com>"),
            ("=?UTF-8?B?***?= <a@example.com>", "=?UTF-8?B?***?= <a@example.com>"),
        ] {
            assert_eq!(Mailbox::parse(written)?.readable(), shown);
        }
        Ok(())
    }
}

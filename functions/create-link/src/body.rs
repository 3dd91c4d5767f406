//! The body of a create request: its fields as they come, and how each is read.

use std::collections::BTreeMap;

use domain::contact::{Email, Mobile, Region};
use domain::create::{AfterPaymentRequest, MessageMode, MessageRequest, Recipients, Request};
use domain::expiry::Expiry;
use domain::ids::{AccountId, ContactId, FieldKey, ItemId, ReceiptTypeId, ReferenceId, Role};
use domain::locale::Locale;
use domain::money::Currency;
use domain::recipients::Channel;
use domain::settings::Settings;
use domain::text::parse_text;
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use web::Given;
use web::body::{Unknown, refuse_unknown};
use web::texts::TextBody;

/// The longest description, in characters: what every gateway shows whole.
const LONGEST_DESCRIPTION: usize = 500;

/// So many people, numbers or addresses may be named by hand.
const MOST_RECIPIENTS: usize = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CreateBody {
    account_id: Given<String>,
    contact_id: Given<String>,
    item_id: Given<String>,
    amount: Given<i64>,
    currency: Given<String>,
    expires_at: Given<String>,
    expires_in_days: Given<i64>,
    description: Given<String>,
    recipients: Given<RecipientsBody>,
    after_payment: Given<AfterPaymentBody>,
    message: Given<MessageBody>,
    reference_id: Given<String>,
    return_url: Given<String>,
    locale: Given<String>,
    metadata: Given<BTreeMap<String, String>>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RecipientsBody {
    contact: Given<bool>,
    roles: Given<Vec<String>>,
    mobiles: Given<Vec<String>>,
    emails: Given<Vec<String>>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AfterPaymentBody {
    register_receipt: Given<bool>,
    receipt_type_id: Given<String>,
    receipt_field: Given<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessageBody {
    mode: Given<String>,
    channels: Given<Vec<String>>,
    sms: Given<TextBody>,
    email: Given<TextBody>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl CreateBody {
    /// Reads every field into its narrow type; what cannot be read is on the list of problems.
    pub(crate) fn read(self, settings: &Settings, problems: &mut Problems) -> Request {
        let p = problems;
        refuse_unknown("", self.unknown, p);
        let text = |given: Given<String>, at: &str, p: &mut Problems| given.field(at, p);
        Request {
            account_id: text(self.account_id, "/account_id", p).parse("/account_id", p, |id| AccountId::parse(&id)),
            contact_id: text(self.contact_id, "/contact_id", p).parse("/contact_id", p, |id| ContactId::parse(&id)),
            item_id: text(self.item_id, "/item_id", p).parse("/item_id", p, |id| ItemId::parse(&id)),
            amount: self.amount.field("/amount", p),
            currency: text(self.currency, "/currency", p).parse("/currency", p, |code| Currency::parse(&code)),
            expires_at: text(self.expires_at, "/expires_at", p).parse("/expires_at", p, |at| Expiry::parse(&at)),
            expires_in_days: self.expires_in_days.field("/expires_in_days", p).parse(
                "/expires_in_days",
                p,
                Expiry::parse_days,
            ),
            description: text(self.description, "/description", p)
                .parse("/description", p, |text| parse_text(&text, LONGEST_DESCRIPTION)),
            recipients: nested(self.recipients, "/recipients", p, |body, p| body.read(&settings.default_region, p)),
            after_payment: nested(self.after_payment, "/after_payment", p, AfterPaymentBody::read),
            message: nested(self.message, "/message", p, MessageBody::read),
            reference_id: text(self.reference_id, "/reference_id", p)
                .parse("/reference_id", p, |id| ReferenceId::parse(&id)),
            return_url: text(self.return_url, "/return_url", p)
                .parse("/return_url", p, |url| settings.check_return_url(&url)),
            locale: text(self.locale, "/locale", p).parse("/locale", p, |tag| Locale::parse(&tag)),
            metadata: self.metadata.field("/metadata", p).parse("/metadata", p, check_metadata),
        }
    }
}

/// Reads an object within the body; a wrong shape is reported and counts as an empty one.
fn nested<T, U: Default>(
    given: Given<T>,
    at: &str,
    problems: &mut Problems,
    read: impl FnOnce(T, &mut Problems) -> U,
) -> U {
    match given.field(at, problems) {
        Field::Value(body) => read(body, problems),
        Field::Absent | Field::Refused => U::default(),
    }
}

impl RecipientsBody {
    fn read(self, region: &Region, problems: &mut Problems) -> Recipients {
        let p = problems;
        refuse_unknown("/recipients", self.unknown, p);
        Recipients {
            contact: self.contact.field("/recipients/contact", p),
            roles: list(self.roles, "/recipients/roles", p, Role::parse),
            mobiles: list(self.mobiles, "/recipients/mobiles", p, |text| Mobile::parse(text, region)),
            emails: list(self.emails, "/recipients/emails", p, Email::parse),
        }
    }
}

/// Reads each entry of a list and points at those that cannot be read.
fn list<T>(
    given: Given<Vec<String>>,
    at: &str,
    problems: &mut Problems,
    parse: impl Fn(&str) -> Result<T, Rejection>,
) -> Field<Vec<T>> {
    let texts = match given.field(at, problems) {
        Field::Value(texts) => texts,
        Field::Absent => return Field::Absent,
        Field::Refused => return Field::Refused,
    };
    if texts.len() > MOST_RECIPIENTS {
        problems.refuse(at, "too_many", format!("At most {MOST_RECIPIENTS} entries are allowed."));
        return Field::Refused;
    }
    let count = texts.len();
    let entries: Vec<T> = texts
        .iter()
        .enumerate()
        .filter_map(|(index, text)| problems.check(format!("{at}/{index}"), parse(text)).value())
        .collect();
    if entries.len() == count { Field::Value(entries) } else { Field::Refused }
}

impl AfterPaymentBody {
    fn read(self, problems: &mut Problems) -> AfterPaymentRequest {
        let p = problems;
        refuse_unknown("/after_payment", self.unknown, p);
        let (kind, field) = ("/after_payment/receipt_type_id", "/after_payment/receipt_field");
        AfterPaymentRequest {
            register_receipt: self.register_receipt.field("/after_payment/register_receipt", p),
            receipt_type_id: self.receipt_type_id.field(kind, p).parse(kind, p, |id| ReceiptTypeId::parse(&id)),
            receipt_field: self.receipt_field.field(field, p).parse(field, p, |key| FieldKey::parse(&key)),
        }
    }
}

impl MessageBody {
    fn read(self, problems: &mut Problems) -> MessageRequest {
        let p = problems;
        refuse_unknown("/message", self.unknown, p);
        let text = |given: Given<TextBody>, channel, at: &str, p: &mut Problems| match given.field(at, p) {
            Field::Value(body) => body.read(channel, at, p),
            Field::Absent => Field::Absent,
            Field::Refused => Field::Refused,
        };
        MessageRequest {
            mode: self.mode.field("/message/mode", p).parse("/message/mode", p, |mode| MessageMode::parse(&mode)),
            channels: list(self.channels, "/message/channels", p, Channel::parse).map(|mut channels| {
                channels.sort();
                channels.dedup();
                channels
            }),
            sms: text(self.sms, Channel::Sms, "/message/sms", p),
            email: text(self.email, Channel::Email, "/message/email", p),
        }
    }
}

/// A flat map of at most 20 pairs, keys up to 40 and values up to 500 characters.
fn check_metadata(metadata: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Rejection> {
    let too_large = |detail: &str| Err(Rejection::new("metadata_too_large", detail));
    if metadata.len() > 20 {
        return too_large("At most 20 pairs are allowed.");
    }
    for (key, value) in &metadata {
        if key.is_empty() || key.chars().count() > 40 || value.chars().count() > 500 {
            return too_large("A key has 1 to 40 characters, a value at most 500.");
        }
        parse_text(key, 40)?;
        parse_text(value, 500)?;
    }
    Ok(metadata)
}

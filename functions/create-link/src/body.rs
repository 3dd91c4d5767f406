//! The body of a create request: its fields as they come, and how each is read.

use std::collections::BTreeMap;

use domain::create::Request;
use domain::expiry::Expiry;
use domain::ids::{AccountId, ContactId, ItemId, ReferenceId};
use domain::locale::Locale;
use domain::money::Currency;
use domain::settings::Settings;
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use utoipa::ToSchema;
use web::Given;
use web::body::{Unknown, refuse_unknown};
use web::fields::{AfterPaymentBody, nested, read_description, read_metadata};
use web::records::{ContactBody, ItemBody};
use web::telling::{MessageBody, RecipientsBody};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentLinkBody)]
pub(crate) struct CreateBody {
    #[serde(default)]
    #[schema(value_type = String)]
    account_id: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    contact_id: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    item_id: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<InlineContact>)]
    contact: Given<Inline<ContactBody>>,
    #[serde(default)]
    #[schema(value_type = Option<InlineItem>)]
    item: Given<Inline<ItemBody>>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    amount: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    currency: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    expires_at: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    expires_in_days: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    description: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<RecipientsBody>)]
    recipients: Given<RecipientsBody>,
    #[serde(default)]
    #[schema(value_type = Option<AfterPaymentBody>)]
    after_payment: Given<AfterPaymentBody>,
    #[serde(default)]
    #[schema(value_type = Option<MessageBody>)]
    message: Given<MessageBody>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    reference_id: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    return_url: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    locale: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    metadata: Given<BTreeMap<String, String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A contact that comes along with its link. One that is new needs its name; of one that is known only the fields given
/// are changed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this is only the shape of what `Inline` reads")]
struct InlineContact {
    id: String,
    #[serde(flatten)]
    fields: ContactBody,
}

/// An item that comes along with its link, as a contact may.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this is only the shape of what `Inline` reads")]
struct InlineItem {
    id: String,
    #[serde(flatten)]
    fields: ItemBody,
}

/// A record with its id, where others give the id alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Inline<T> {
    id: Given<String>,
    #[serde(flatten)]
    fields: T,
}

impl CreateBody {
    /// Reads every field into its narrow type; what cannot be read is on the list of problems.
    pub(crate) fn read(self, settings: &Settings, problems: &mut Problems) -> Request {
        let p = problems;
        refuse_unknown("", self.unknown, p);
        let text = |given: Given<String>, at: &str, p: &mut Problems| given.field(at, p);
        let region = &settings.default_region;
        let (contact_id, contact) = record("/contact", self.contact_id, self.contact, p, ContactId::parse);
        let (item_id, item) = record("/item", self.item_id, self.item, p, ItemId::parse);
        Request {
            account_id: text(self.account_id, "/account_id", p).parse("/account_id", p, |id| AccountId::parse(&id)),
            contact_id,
            item_id,
            contact: contact.map(|body| body.read("/contact", region, p)),
            item: item.map(|body| body.read("/item", p)),
            amount: self.amount.field("/amount", p),
            currency: text(self.currency, "/currency", p).parse("/currency", p, |code| Currency::parse(&code)),
            expires_at: text(self.expires_at, "/expires_at", p).parse("/expires_at", p, |at| Expiry::parse(&at)),
            expires_in_days: self.expires_in_days.field("/expires_in_days", p).parse(
                "/expires_in_days",
                p,
                Expiry::parse_days,
            ),
            description: read_description(self.description, p),
            recipients: nested(self.recipients, "/recipients", p, |body, p| body.read(region, p)),
            after_payment: nested(self.after_payment, "/after_payment", p, AfterPaymentBody::read),
            message: nested(self.message, "/message", p, MessageBody::read),
            reference_id: text(self.reference_id, "/reference_id", p)
                .parse("/reference_id", p, |id| ReferenceId::parse(&id)),
            return_url: text(self.return_url, "/return_url", p)
                .parse("/return_url", p, |url| settings.check_return_url(&url)),
            locale: text(self.locale, "/locale", p).parse("/locale", p, |tag| Locale::parse(&tag)),
            metadata: read_metadata(self.metadata, p),
        }
    }
}

/// Reads a record that is named by its id alone or brought along with it, never both ways.
fn record<I, T: Default>(
    at: &str,
    id: Given<String>,
    inline: Given<Inline<T>>,
    problems: &mut Problems,
    parse: impl FnOnce(&str) -> Result<I, Rejection>,
) -> (Field<I>, Option<T>) {
    let id_at = format!("{at}_id");
    let id = id.field(&id_at, problems);
    match (id, inline.field(at, problems)) {
        (id, Field::Absent) => (id.parse(&id_at, problems, |id| parse(&id)), None),
        (_, Field::Refused) => (Field::Refused, None),
        (Field::Absent, Field::Value(inline)) => {
            let at = format!("{at}/id");
            let id = inline.id.field(&at, problems).parse(&at, problems, |id| parse(&id)).require(&at, problems);
            (id.map_or(Field::Refused, Field::Value), Some(inline.fields))
        }
        (Field::Value(_) | Field::Refused, Field::Value(_)) => {
            let name = at.trim_start_matches('/');
            problems.refuse(at, "both_given", format!("Give {name}_id or {name}, not both."));
            (Field::Refused, None)
        }
    }
}

//! The body of a create request: its fields as they come, and how each is read.

use std::borrow::Cow;

use crate::body::{Given, GivenList, GivenTexts, Unknown, refuse_unknown};
use crate::fields::{AfterPaymentBody, nested, read_description, read_internal_note, read_metadata};
use crate::message_round::{MessageBody, RecipientsBody};
use crate::openapi::{parts_within, with_id, without_required};
use crate::records::{ContactBody, ItemBody};
use crate::reminders::{LinkRemindersBody, read_of_link};
use domain::ids::{AccountId, ContactId, ItemId, ReferenceId};
use domain::link::MOST_PARTS;
use domain::locale::Locale;
use domain::messages::routing::MessageRouter;
use domain::money::Currency;
use domain::requests::create::{PartRequest, PlanRequest, Request, WhenPaidElsewhere};
use domain::requests::due_date::DueDate;
use domain::requests::expiry::Expiry;
use domain::{Field, Problems, Rejection, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use views::schema::{Metadata, WhenPaidElsewhereName};

/// What a link is made from.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentLinkCreate)]
pub struct CreateBody {
    /// The account that the money arrives on. It has a gateway with credentials and online payment is enabled on it. It
    /// decides the currency and the mode of the link, and cannot be changed afterwards. It is `null` only in a draft's
    /// `request`, until one is chosen: no link is made without it.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = true, format = "id")]
    account_id: Given<String>,
    /// The contact who pays, by its id. Left out, the contact of the item; one of the two is needed. The contact of an
    /// item cannot be another one than the item's. Give this or `contact`, not both.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    contact_id: Given<String>,
    /// The item that the link is made on, by its id; left out, none. Give this or `item`, not both.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    item_id: Given<String>,
    /// The contact itself instead of `contact_id`, for a CRM that keeps nothing here. What is given is written together
    /// with the link, what is left out stays, and a contact that is not known yet is made and needs a name. In a draft
    /// nothing is written.
    #[serde(default)]
    #[schema(value_type = Option<InlineContact>)]
    contact: Given<Inline<ContactBody>>,
    /// The item itself instead of `item_id`, in the same way. One that is not known yet needs its kind, its title and
    /// its contact.
    #[serde(default)]
    #[schema(value_type = Option<InlineItem>)]
    item: Given<Inline<ItemBody>>,
    /// What is to be paid, in the currency's minor unit. Left out, `amount_due` of the item, else its amount; where
    /// that has neither, the balance of the contact, which is what it owes. The first of them that is there counts, also where it is zero or
    /// negative, and then refuses the request, because only an amount above zero can be paid. It has to be within the
    /// limits of the account's gateway, see `GET /v1/gateways`, and can never be changed afterwards.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "amount")]
    amount: Given<i64>,
    /// In which parts the link may be paid; left out, all at once, unless the amount is more than the gateway takes and the
    /// account has `split_large_amounts`. With a plan the amount can be up to forty times what the gateway takes at once.
    #[serde(default)]
    #[schema(value_type = Option<PaymentPlanBody>)]
    payment_plan: Given<PaymentPlanBody>,
    /// What becomes of the link once its item is paid by other links: with `block`, also where this is left out, no more is taken than is
    /// due of the item, and the link ends once nothing is. With `ignore` it can be paid all the same. Of an item without an
    /// amount, and of a link without an item, it says nothing.
    #[serde(default)]
    #[schema(value_type = Option<WhenPaidElsewhereName>)]
    when_paid_elsewhere: Given<String>,
    /// The ISO 4217 code of `amount`, and only given together with it. Left out, the account's. It must be that of the
    /// account, also where the amount is the item's or the balance.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "currency")]
    currency: Given<String>,
    /// Until when the link can be paid: an instant with an offset, such as `2026-12-01T18:00:00+03:30`, or a date, such
    /// as `2026-12-01`, which means the end of that day in the business's time zone. It lies ahead, and not more than
    /// 730 days; a year from 1300 to 1599 is refused as one of the Persian or the Islamic calendar. Give this or
    /// `expires_in_days`, not both; without either, `default_expires_in_days` of the settings counts. A payment begun
    /// in time may finish a little later.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    expires_at: Given<String>,
    /// The same in days from today in the business's time zone, 0 to 730: until the end of that day, so 0 is the end of
    /// today.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "days")]
    expires_in_days: Given<i64>,
    /// When the customer owes the money: an instant with an offset, or a date, which means the end of that day in the
    /// business's time zone. It need not be the end of the link: it may lie after it, or in the past, where the money
    /// is overdue. Left out, it is `due_at` of the item, where that has one; `null` means none, also then.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    due_at: Given<String>,
    /// What the payment is for, at most 500 characters; left out, nothing. The payer reads it in messages, on pages and
    /// at the gateway.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-500")]
    description: Given<String>,
    /// What nobody but the CRM reads, at most 500 characters; left out, nothing. It is in no message and on no page.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-500")]
    internal_note: Given<String>,
    /// The recipients of messages. Left out or empty, nobody is told, and the CRM shows the link itself.
    #[serde(default)]
    #[schema(value_type = Option<RecipientsBody>)]
    recipients: Given<RecipientsBody>,
    /// What is recorded once the money is there; left out, a receipt of the default type.
    #[serde(default)]
    #[schema(value_type = Option<AfterPaymentBody>)]
    after_payment: Given<AfterPaymentBody>,
    /// In which words and on which channels people are told; left out, the default text on every channel.
    #[serde(default)]
    #[schema(value_type = Option<MessageBody>)]
    message: Given<MessageBody>,
    /// When those who are told are reminded, in the place of what the settings say. Left out, as these say.
    #[serde(default)]
    #[schema(value_type = Option<LinkRemindersBody>)]
    reminders: Given<LinkRemindersBody>,
    /// The CRM's own name for this request, 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and hyphen;
    /// left out, none. At most one active link has it: a second one is refused with 409 `reference_id_in_use`, whose
    /// `conflicting_id` names the first.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    reference_id: Given<String>,
    /// Where the pay page leads back to: an absolute `https` or `http` address of at most 2,000 characters, whose host
    /// is listed under `return_url_hosts` in the settings. It is kept as browsers read it. Left out, it leads nowhere.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "web-address")]
    return_url: Given<String>,
    /// The language of messages and pages, as a BCP 47 tag such as `fa-IR`. Left out, the contact's; where that has
    /// none, pages follow the browser and messages speak the business's `default_locale`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    locale: Given<String>,
    /// What the CRM wants to find on the link again: at most 20 pairs of texts, keys of 1 to 40 and values of at most
    /// 500 characters. Left out, none. Payers never see it.
    #[serde(default)]
    #[schema(value_type = Option<Metadata>)]
    metadata: GivenTexts,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// In which parts a link may be paid: give `minimum` or `parts`, not both.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentPlanCreate)]
struct PaymentPlanBody {
    /// The customer chooses how much to pay at a time: at least so much, in the currency's minor unit, unless less is left. It is
    /// below the amount, no less than a fortieth of it, and within what the gateway takes.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "amount")]
    minimum: Given<i64>,
    /// 2 to 24 parts with a date each, which together are the amount. The customer pays the next one, more, or all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<PartBody>>, min_items = 2, max_items = 24)]
    parts: GivenList<PartBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A part with its date.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentPlanPartCreate)]
struct PartBody {
    /// In the currency's minor unit, within what the gateway takes.
    #[serde(default)]
    #[schema(value_type = i64, required = true, format = "amount")]
    amount: Given<i64>,
    /// When it is due, as `due_at` of a link: after the part before it, and no later than the end of the link. It can be paid later
    /// as well, until then.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    due_at: Given<String>,
    /// Read-only: what answers say here may stay, and nobody looks at it.
    #[serde(default)]
    #[schema(value_type = serde_json::Value, required = false)]
    #[expect(dead_code, reason = "it is taken, and nobody asks for it")]
    amount_paid: IgnoredAny,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl PartBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<PartRequest> {
        refuse_unknown::<Self>(at, self.unknown, problems);
        let amount = self.amount.require(format!("{at}/amount"), problems);
        let due_at = self.due_at.required_text(format!("{at}/due_at"), problems, DueDate::parse);
        Some(PartRequest { amount: amount?, due_at: due_at? })
    }
}

fn read_plan(given: Given<PaymentPlanBody>, problems: &mut Problems) -> Field<PlanRequest> {
    let at = "/payment_plan";
    let body = match given.field(at, problems) {
        Field::Value(body) => body,
        Field::Absent => return Field::Absent,
        Field::Refused => return Field::Refused,
    };
    refuse_unknown::<PaymentPlanBody>(at, body.unknown, problems);
    let minimum = body.minimum.field("/payment_plan/minimum", problems);
    let parts = body.parts.each("/payment_plan/parts", MOST_PARTS, problems, PartBody::read);
    match (minimum, parts) {
        (Field::Value(minimum), Field::Absent) => Field::Value(PlanRequest::Minimum(minimum)),
        (Field::Absent, Field::Value(parts)) => Field::Value(PlanRequest::Parts(parts)),
        (Field::Absent, Field::Absent) => {
            problems.refuse(at, "required", "Give minimum or parts.");
            Field::Refused
        }
        (Field::Value(_), Field::Value(_)) => {
            problems.refuse(at, "both_given", "Give minimum or parts, not both.");
            Field::Refused
        }
        (Field::Refused, _) | (_, Field::Refused) => Field::Refused,
    }
}

/// The shape of a create body in which nothing has to be there yet.
#[derive(Debug)]
pub enum DraftBody {}

impl PartialSchema for DraftBody {
    fn schema() -> RefOr<Schema> {
        without_required(CreateBody::schema(), "As much as there is of what a link is made from.")
    }
}

impl ToSchema for DraftBody {
    fn name() -> Cow<'static, str> {
        "PaymentLinkDraftCreate".into()
    }

    fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
        CreateBody::schemas(found);
    }
}

/// The shape of what [`Inline`] reads of a contact.
enum InlineContact {}

impl PartialSchema for InlineContact {
    fn schema() -> RefOr<Schema> {
        let description = "A contact that comes along with its link. One that is new needs its name; of one that is known \
                           only the fields given are changed, and what is said of one that is left out is for a new one.";
        with_id::<ContactBody>(description)
    }
}

impl ToSchema for InlineContact {
    fn name() -> Cow<'static, str> {
        "InlineContact".into()
    }

    fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
        parts_within::<ContactBody>(found);
    }
}

/// The shape of what [`Inline`] reads of an item.
enum InlineItem {}

impl PartialSchema for InlineItem {
    fn schema() -> RefOr<Schema> {
        let description = "An item that comes along with its link. One that is new needs its kind, its title and its \
                           contact; of one that is known only the fields given are changed, and what is said of one that \
                           is left out is for a new one.";
        with_id::<ItemBody>(description)
    }
}

impl ToSchema for InlineItem {
    fn name() -> Cow<'static, str> {
        "InlineItem".into()
    }

    fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
        parts_within::<ItemBody>(found);
    }
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
    pub fn read(self, router: MessageRouter<'_>, now: Timestamp, problems: &mut Problems) -> Request {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let (contact_id, contact) = record("/contact", self.contact_id, self.contact, p, ContactId::parse);
        let (item_id, item) = record("/item", self.item_id, self.item, p, ItemId::parse);
        Request {
            account_id: self.account_id.text("/account_id", p, AccountId::parse),
            contact_id,
            item_id,
            contact: contact.map(|body| body.read("/contact", "", router, p)),
            item: item.map(|body| body.read("/item", "", router.settings, now, p)),
            amount: self.amount.field("/amount", p),
            payment_plan: read_plan(self.payment_plan, p),
            when_paid_elsewhere: self.when_paid_elsewhere.text("/when_paid_elsewhere", p, WhenPaidElsewhere::parse),
            currency: self.currency.text("/currency", p, Currency::parse),
            expires_at: self.expires_at.text("/expires_at", p, Expiry::parse),
            expires_in_days: self.expires_in_days.parse("/expires_in_days", p, Expiry::parse_days),
            due_at: self.due_at.change("/due_at", p, |text| DueDate::parse(&text)),
            description: read_description(self.description, p),
            internal_note: read_internal_note(self.internal_note, p),
            recipients: nested(self.recipients, "/recipients", p, |body, p| body.read(router, p)),
            after_payment: nested(self.after_payment, "/after_payment", p, AfterPaymentBody::read),
            message: nested(self.message, "/message", p, MessageBody::read),
            reminders: read_of_link(self.reminders, p),
            reference_id: self.reference_id.text("/reference_id", p, ReferenceId::parse),
            return_url: self.return_url.text("/return_url", p, |url| router.settings.check_return_url(url)),
            locale: self.locale.text("/locale", p, Locale::parse),
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
            let id = inline.id.required_text(format!("{at}/id"), problems, parse);
            (id.map_or(Field::Refused, Field::Value), Some(inline.fields))
        }
        (Field::Value(_) | Field::Refused, Field::Value(_)) => {
            let name = at.trim_start_matches('/');
            problems.refuse(at, "both_given", format!("Give {name}_id or {name}, not both."));
            (Field::Refused, None)
        }
    }
}

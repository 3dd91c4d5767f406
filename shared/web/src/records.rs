//! The bodies of contacts and items, read the same way where they are written and where a link brings them along.

use domain::address::{Email, Mobile, Region, SocialAddress, SocialId};
use domain::ids::{ContactId, FieldKey, ProviderId, Role};
use domain::locale::Locale;
use domain::money::{Currency, Money};
use domain::records::contact::{ContactChange, Person};
use domain::records::item::{ItemChange, ReceiptField};
use domain::text::{parse_name, parse_web_address};
use domain::{Field, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Given, Unknown, refuse_unknown};

/// A contact has at most this many people.
const MAX_PEOPLE: usize = 50;

/// A person has at most this many addresses on social networks.
const MAX_SOCIAL: usize = 5;

/// An item has at most this many receipt fields.
const MAX_FIELDS: usize = 20;

/// A customer. A PUT replaces all of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ContactBody)]
pub struct ContactBody {
    /// What the contact is called, one line of at most 200 characters. Messages may greet by it.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    name: Given<String>,
    /// Where the CRM shows the contact: an absolute `https` or `http` address of at most 2,000 characters. Left out,
    /// none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    profile_url: Given<String>,
    /// The language of the contact, as a BCP 47 tag such as `fa-IR`. Left out, the business's in messages and the
    /// browser's on pages.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    locale: Given<String>,
    /// The contact's mobile number as people write it: with spaces, in the local form of the settings'
    /// `default_region`, with Persian or Arabic digits. It is kept in E.164, and one that cannot receive an SMS is
    /// refused. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mobile: Given<String>,
    /// The contact's email address, in ASCII and of at most 254 characters. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Given<String>,
    /// The contact's addresses on social networks, at most 5. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>)]
    social: Given<Vec<SocialBody>>,
    /// What the contact owes where it is positive; a link for which neither the request nor the item has an amount asks
    /// for it. It stays the CRM's own figure: a payment does not change it. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<MoneyBody>)]
    balance: Given<MoneyBody>,
    /// People at the contact who can be told by their role, at most 50. Left out, nobody.
    #[serde(default)]
    #[schema(value_type = Option<Vec<PersonBody>>)]
    people: Given<Vec<PersonBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Somebody at the customer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PersonBody)]
struct PersonBody {
    /// What the person is there, such as `manager`: 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and
    /// hyphen. Several people may have the same role, and are all told by it.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    role: Given<String>,
    /// What the person is called, one line of at most 200 characters. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Given<String>,
    /// The person's mobile number, read as that of the contact. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mobile: Given<String>,
    /// The person's email address. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Given<String>,
    /// The person's addresses on social networks, at most 5. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>)]
    social: Given<Vec<SocialBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Where somebody is found on a social network.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SocialAddressBody)]
pub struct SocialBody {
    /// The id of the message provider that serves the network, such as `telegram` or `whatsapp`.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    network: Given<String>,
    /// How the network calls the person or the chat: 1 to 64 letters, digits, `@`, `_`, `+`, `-` and dots. With a bot
    /// it is the id of the chat, with WhatsApp the mobile number.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// An amount and its currency, given together.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MoneyBody)]
struct MoneyBody {
    /// In the currency's minor unit; it may be zero or negative, and has at most 9,007,199,254,740,991 units.
    #[serde(default)]
    #[schema(value_type = i64, required = true)]
    amount: Given<i64>,
    /// An ISO 4217 code.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    currency: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A document of the CRM. A PUT replaces all of it but the receipts that are attached to it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ItemBody)]
pub struct ItemBody {
    /// What the item is in the CRM, such as `invoice`: one line of at most 40 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    kind: Given<String>,
    /// What people call the item, one line of at most 200 characters. Messages may show it.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    title: Given<String>,
    /// The contact that the item belongs to; a link on the item is that contact's.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    contact_id: Given<String>,
    /// What is to be paid for the item, in the currency's minor unit: a link on it asks for this unless it says
    /// otherwise. Given together with `currency`; left out, the item has none.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    amount: Given<i64>,
    /// The ISO 4217 code of `amount`, given together with it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    currency: Given<String>,
    /// Where the CRM shows the item: an absolute `https` or `http` address of at most 2,000 characters. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    url: Given<String>,
    /// The fields of the item that receipts can be attached to, at most 20. Left out, none. Receipts that are attached
    /// already stay.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ReceiptFieldBody>>)]
    receipt_fields: Given<Vec<ReceiptFieldBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A field of an item that receipts can be attached to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReceiptFieldBody)]
struct ReceiptFieldBody {
    /// What a link calls the field: 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and hyphen, once in
    /// an item.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    key: Given<String>,
    /// What people call the field, one line of at most 100 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    label: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl ContactBody {
    /// Reads every field. `at` is the pointer of the object, empty for the body itself.
    pub fn read(self, at: &str, region: &Region, problems: &mut Problems) -> ContactChange {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        ContactChange {
            name: self.name.text(format!("{at}/name"), p, |text| parse_name(text, 200)),
            profile_url: self.profile_url.text(format!("{at}/profile_url"), p, parse_web_address),
            locale: self.locale.text(format!("{at}/locale"), p, Locale::parse),
            mobile: self.mobile.text(format!("{at}/mobile"), p, |text| Mobile::parse(text, region)),
            email: self.email.text(format!("{at}/email"), p, Email::parse),
            social: read_social(self.social, format!("{at}/social"), MAX_SOCIAL, p),
            balance: self.balance.read(format!("{at}/balance"), p, |balance, at, p| {
                refuse_unknown(at, balance.unknown, p);
                read_money(balance.amount, balance.currency, at, p)
            }),
            people: self.people.each(format!("{at}/people"), MAX_PEOPLE, p, |person, at, p| person.read(at, region, p)),
        }
    }
}

impl PersonBody {
    fn read(self, at: &str, region: &Region, problems: &mut Problems) -> Option<Person> {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        let name = self.name.text(format!("{at}/name"), p, |text| parse_name(text, 200));
        let mobile = self.mobile.text(format!("{at}/mobile"), p, |text| Mobile::parse(text, region));
        let email = self.email.text(format!("{at}/email"), p, Email::parse);
        let social = read_social(self.social, format!("{at}/social"), MAX_SOCIAL, p);
        let role = self.role.required_text(format!("{at}/role"), p, Role::parse);
        Some(Person {
            role: role?,
            name: name.optional()?,
            mobile: mobile.optional()?,
            email: email.optional()?,
            social: social.optional()?.unwrap_or_default(),
        })
    }
}

/// Addresses on social networks. Whether somebody serves a network is asked when a link is made.
pub(crate) fn read_social(
    given: Given<Vec<SocialBody>>,
    at: impl AsRef<str>,
    most: usize,
    problems: &mut Problems,
) -> Field<Vec<SocialAddress>> {
    given.each(at, most, problems, |body, at, p| {
        refuse_unknown(at, body.unknown, p);
        let network = body.network.required_text(format!("{at}/network"), p, ProviderId::parse);
        let id = body.id.required_text(format!("{at}/id"), p, SocialId::parse);
        Some(SocialAddress { network: network?, id: id? })
    })
}

/// An amount and its currency, which are given together.
fn read_money(amount: Given<i64>, currency: Given<String>, at: &str, problems: &mut Problems) -> Field<Money> {
    let amount_at = format!("{at}/amount");
    let amount = amount.require(&amount_at, problems);
    let currency = currency.required_text(format!("{at}/currency"), problems, Currency::parse);
    match (amount, currency) {
        (Some(amount), Some(currency)) => problems.check(amount_at, Money::new(amount, currency)),
        (None, _) | (_, None) => Field::Refused,
    }
}

impl ItemBody {
    /// Reads every field. `at` is the pointer of the object, empty for the body itself.
    pub fn read(self, at: &str, problems: &mut Problems) -> ItemChange {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        ItemChange {
            kind: self.kind.text(format!("{at}/kind"), p, |text| parse_name(text, 40)),
            title: self.title.text(format!("{at}/title"), p, |text| parse_name(text, 200)),
            contact_id: self.contact_id.text(format!("{at}/contact_id"), p, ContactId::parse),
            amount: match (self.amount, self.currency) {
                (Given::Absent, Given::Absent) => Field::Absent,
                (amount, currency) => read_money(amount, currency, at, p),
            },
            url: self.url.text(format!("{at}/url"), p, parse_web_address),
            receipt_fields: read_fields(self.receipt_fields, &format!("{at}/receipt_fields"), p),
        }
    }
}

fn read_fields(given: Given<Vec<ReceiptFieldBody>>, at: &str, problems: &mut Problems) -> Field<Vec<ReceiptField>> {
    let mut keys: Vec<FieldKey> = Vec::new();
    given.each(at, MAX_FIELDS, problems, |body, at, p| {
        refuse_unknown(at, body.unknown, p);
        let key = body.key.required_text(format!("{at}/key"), p, FieldKey::parse);
        let label = body.label.required_text(format!("{at}/label"), p, |text| parse_name(text, 100));
        let field = ReceiptField { key: key?, label: label? };
        if keys.contains(&field.key) {
            p.refuse(format!("{at}/key"), "given_twice", "Each field of an item has its own key.");
            return None;
        }
        keys.push(field.key.clone());
        Some(field)
    })
}

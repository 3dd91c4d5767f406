//! The bodies of contacts and items, read the same way where they are written and where a link brings them along.

use domain::contact::{ContactChange, Email, Mobile, Person, Region, SocialAddress, SocialId};
use domain::ids::{ContactId, FieldKey, Role, SenderId};
use domain::item::{ItemChange, ReceiptField};
use domain::locale::Locale;
use domain::money::{Currency, Money};
use domain::text::{parse_name, parse_web_address};
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Given, Unknown, refuse_unknown};

/// A contact has at most so many people.
const MOST_PEOPLE: usize = 50;

/// Somebody has at most so many addresses on social networks.
const MOST_SOCIAL: usize = 5;

/// An item has at most so many receipt fields.
const MOST_FIELDS: usize = 20;

/// `{ name, profile_url, locale, mobile, email, social, balance, people }`
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ContactBody)]
pub struct ContactBody {
    #[serde(default)]
    #[schema(value_type = String)]
    name: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    profile_url: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    locale: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mobile: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>)]
    social: Given<Vec<SocialBody>>,
    #[serde(default)]
    #[schema(value_type = Option<MoneyBody>)]
    balance: Given<MoneyBody>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<PersonBody>>)]
    people: Given<Vec<PersonBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PersonBody)]
struct PersonBody {
    #[serde(default)]
    #[schema(value_type = String)]
    role: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mobile: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>)]
    social: Given<Vec<SocialBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// `{ network, id }`: the id of a message sender, and how its network calls the person or the chat.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SocialAddressBody)]
pub struct SocialBody {
    #[serde(default)]
    #[schema(value_type = String)]
    network: Given<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// `{ amount, currency }`
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MoneyBody)]
struct MoneyBody {
    #[serde(default)]
    #[schema(value_type = i64)]
    amount: Given<i64>,
    #[serde(default)]
    #[schema(value_type = String)]
    currency: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// `{ kind, title, contact_id, amount, currency, url, receipt_fields }`
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ItemBody)]
pub struct ItemBody {
    #[serde(default)]
    #[schema(value_type = String)]
    kind: Given<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    title: Given<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    contact_id: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    amount: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    currency: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    url: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<ReceiptFieldBody>>)]
    receipt_fields: Given<Vec<ReceiptFieldBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReceiptFieldBody)]
struct ReceiptFieldBody {
    #[serde(default)]
    #[schema(value_type = String)]
    key: Given<String>,
    #[serde(default)]
    #[schema(value_type = String)]
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
            name: text(self.name, at, "name", p, |text| parse_name(text, 200)),
            profile_url: text(self.profile_url, at, "profile_url", p, parse_web_address),
            locale: text(self.locale, at, "locale", p, Locale::parse),
            mobile: text(self.mobile, at, "mobile", p, |text| Mobile::parse(text, region)),
            email: text(self.email, at, "email", p, Email::parse),
            social: read_social(self.social, &format!("{at}/social"), MOST_SOCIAL, p),
            balance: read_balance(self.balance, &format!("{at}/balance"), p),
            people: each(self.people, &format!("{at}/people"), MOST_PEOPLE, p, |person, at, p| {
                person.read(at, region, p)
            }),
        }
    }
}

impl PersonBody {
    fn read(self, at: &str, region: &Region, problems: &mut Problems) -> Option<Person> {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        let name = text(self.name, at, "name", p, |text| parse_name(text, 200));
        let mobile = text(self.mobile, at, "mobile", p, |text| Mobile::parse(text, region));
        let email = text(self.email, at, "email", p, Email::parse);
        let social = read_social(self.social, &format!("{at}/social"), MOST_SOCIAL, p);
        let role = text(self.role, at, "role", p, Role::parse).require(format!("{at}/role"), p);
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
    at: &str,
    most: usize,
    problems: &mut Problems,
) -> Field<Vec<SocialAddress>> {
    each(given, at, most, problems, |body, at, p| {
        refuse_unknown(at, body.unknown, p);
        let network = text(body.network, at, "network", p, SenderId::parse).require(format!("{at}/network"), p);
        let id = text(body.id, at, "id", p, SocialId::parse).require(format!("{at}/id"), p);
        Some(SocialAddress { network: network?, id: id? })
    })
}

fn read_balance(given: Given<MoneyBody>, at: &str, problems: &mut Problems) -> Field<Money> {
    match given.field(at, problems) {
        Field::Value(body) => {
            refuse_unknown(at, body.unknown, problems);
            read_money(body.amount, body.currency, at, problems)
        }
        Field::Absent => Field::Absent,
        Field::Refused => Field::Refused,
    }
}

/// An amount and its currency, which are given together.
fn read_money(amount: Given<i64>, currency: Given<String>, at: &str, problems: &mut Problems) -> Field<Money> {
    let amount = amount.field(format!("{at}/amount"), problems).require(format!("{at}/amount"), problems);
    let currency = text(currency, at, "currency", problems, Currency::parse);
    let currency = currency.require(format!("{at}/currency"), problems);
    match (amount, currency) {
        (Some(amount), Some(currency)) => problems.check(format!("{at}/amount"), Money::new(amount, currency)),
        (None, _) | (_, None) => Field::Refused,
    }
}

impl ItemBody {
    /// Reads every field. `at` is the pointer of the object, empty for the body itself.
    pub fn read(self, at: &str, problems: &mut Problems) -> ItemChange {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        ItemChange {
            kind: text(self.kind, at, "kind", p, |text| parse_name(text, 40)),
            title: text(self.title, at, "title", p, |text| parse_name(text, 200)),
            contact_id: text(self.contact_id, at, "contact_id", p, ContactId::parse),
            amount: match (self.amount, self.currency) {
                (Given::Absent, Given::Absent) => Field::Absent,
                (amount, currency) => read_money(amount, currency, at, p),
            },
            url: text(self.url, at, "url", p, parse_web_address),
            receipt_fields: read_fields(self.receipt_fields, &format!("{at}/receipt_fields"), p),
        }
    }
}

fn read_fields(given: Given<Vec<ReceiptFieldBody>>, at: &str, problems: &mut Problems) -> Field<Vec<ReceiptField>> {
    let mut keys: Vec<FieldKey> = Vec::new();
    each(given, at, MOST_FIELDS, problems, |body, at, p| {
        refuse_unknown(at, body.unknown, p);
        let key = text(body.key, at, "key", p, FieldKey::parse).require(format!("{at}/key"), p);
        let label = text(body.label, at, "label", p, |text| parse_name(text, 100));
        let label = label.require(format!("{at}/label"), p);
        let field = ReceiptField { key: key?, label: label? };
        if keys.contains(&field.key) {
            p.refuse(format!("{at}/key"), "given_twice", "Each field of an item has its own key.");
            return None;
        }
        keys.push(field.key.clone());
        Some(field)
    })
}

/// Reads a text into its narrow type.
fn text<T>(
    given: Given<String>,
    at: &str,
    name: &str,
    problems: &mut Problems,
    parse: impl FnOnce(&str) -> Result<T, Rejection>,
) -> Field<T> {
    let at = format!("{at}/{name}");
    given.field(&at, problems).parse(&at, problems, |text| parse(&text))
}

/// Reads each entry of a list. One that cannot be read refuses all of it, with the problem on the entry.
fn each<T, U>(
    given: Given<Vec<T>>,
    at: &str,
    most: usize,
    problems: &mut Problems,
    mut read: impl FnMut(T, &str, &mut Problems) -> Option<U>,
) -> Field<Vec<U>> {
    let entries = match given.field(at, problems) {
        Field::Value(entries) => entries,
        Field::Absent => return Field::Absent,
        Field::Refused => return Field::Refused,
    };
    if entries.len() > most {
        problems.refuse(at, "too_many", format!("At most {most} entries are allowed."));
        return Field::Refused;
    }
    let count = entries.len();
    let entries = entries.into_iter().enumerate();
    let read: Vec<U> = entries.filter_map(|(index, entry)| read(entry, &format!("{at}/{index}"), problems)).collect();
    if read.len() == count { Field::Value(read) } else { Field::Refused }
}

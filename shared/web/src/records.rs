//! The bodies of contacts and items, read the same way where they are written and where a link brings them along.

use domain::address::{Email, Mobile, SocialAddress, SocialId};
use domain::business::settings::Settings;
use domain::calendar::{parse_instant, to_the_millisecond};
use domain::ids::{ContactId, FieldKey, PersonId, ProviderId, Role};
use domain::locale::Locale;
use domain::messages::routing::MessageRouter;
use domain::money::Currency;
use domain::records::contact::{BalanceChange, ContactChange, PersonGiven};
use domain::records::item::{ItemChange, ReceiptField};
use domain::requests::due_date::DueDate;
use domain::text::{parse_name, parse_web_address};
use domain::{Field, Problems, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Given, GivenList, RecordBody, Unknown, refuse_unknown, refuse_unknown_of_record};

/// A contact has at most this many people.
pub(crate) const MAX_PEOPLE: usize = 50;

/// A person has at most this many addresses on social networks.
const MAX_SOCIAL: usize = 5;

/// An item has at most this many receipt fields.
const MAX_FIELDS: usize = 20;

/// A customer. A PUT replaces all of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ContactInput)]
pub struct ContactBody {
    /// What the contact is called, one line of at most 200 characters, of which something is visible. Messages may greet
    /// by it. As in every text, characters that nobody sees are left out unless letters or emoji need them.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-200")]
    name: Given<String>,
    /// Where the CRM shows the contact: an absolute `https` or `http` address of at most 2,000 characters, kept as
    /// browsers read it. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "web-address")]
    profile_url: Given<String>,
    /// The language of the contact, as a BCP 47 tag such as `fa-IR`. Left out, the business's in messages and the
    /// browser's on pages.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    locale: Given<String>,
    /// The contact's mobile number as people write it: with spaces, hyphens, dots, brackets or a slash, in the local
    /// form of the settings' `default_region`, with Persian or Arabic digits, behind `tel:`. It is kept in E.164. One
    /// that cannot receive an SMS is refused, and so is a field with letters, an extension or a second number. Left
    /// out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mobile: Given<String>,
    /// The contact's email address, of at most 254 characters and with ASCII before the `@`. The domain is kept in small
    /// letters, and one in another script as DNS has it (`xn--…`). Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "email-address")]
    email: Given<String>,
    /// The contact's addresses on social networks, at most 5. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>, max_items = 5)]
    social: GivenList<SocialBody>,
    /// What the contact owes where it is positive; a link for which neither the request nor the item has an amount asks
    /// for it. It stays the CRM's own figure: a payment does not change it. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<MoneyBody>)]
    balance: Given<MoneyBody>,
    /// Whether the contact, and whoever is told for it, is reminded of links that were made for it. Left out, so it is.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    reminders: Given<bool>,
    /// People at the contact who can be told by their role, at most 50. Left out, nobody.
    #[serde(default)]
    #[schema(value_type = Option<Vec<PersonBody>>, max_items = 50)]
    people: GivenList<PersonBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Somebody at the customer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PersonInput)]
struct PersonBody {
    /// What `recipients.people` calls the person: 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and hyphen,
    /// told apart by case, once in a contact. Left out, somebody who is known in the same role by the mobile number, the email
    /// address or the name keeps their id, and who is new gets the role, or where somebody has that id the role with a
    /// number behind it (`manager-2`), in the order of the list. Nobody's is `contact`, which means the contact itself.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    id: Given<String>,
    /// What the person is there, such as `manager`: 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and
    /// hyphen, told apart by case. Several people may have the same role, and are all told by it. Nobody is called
    /// `contact`, which means the contact itself.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "id")]
    role: Given<String>,
    /// What the person is called, one line of at most 200 characters. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "filled-200")]
    name: Given<String>,
    /// The person's mobile number, read as that of the contact. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mobile: Given<String>,
    /// The person's email address. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "email-address")]
    email: Given<String>,
    /// The person's addresses on social networks, at most 5. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>, max_items = 5)]
    social: GivenList<SocialBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Where somebody is found on a social network.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SocialAddressInput)]
pub struct SocialBody {
    /// The id of the message provider that serves the network, such as `telegram` or `whatsapp`.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "id")]
    network: Given<String>,
    /// How the network calls the person or the chat: 1 to 64 letters, digits, `@`, `_`, `+`, `-` and dots. With a bot
    /// it is the id of the chat, with WhatsApp the mobile number, which is read as all are.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "social-id")]
    id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// An amount and its currency, given together.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MoneyInput)]
struct MoneyBody {
    /// In the currency's minor unit; it may be zero or negative, and has at most 9,007,199,254,740,991 units.
    #[serde(default)]
    #[schema(value_type = i64, required = true, format = "amount")]
    amount: Given<i64>,
    /// An ISO 4217 code.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "currency")]
    currency: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A document of the CRM. A PUT replaces all of it but the receipts that are attached to it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ItemInput)]
pub struct ItemBody {
    /// What the item is in the CRM, such as `invoice`: one line of at most 40 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-40")]
    kind: Given<String>,
    /// What people call the item, one line of at most 200 characters. Messages may show it.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-200")]
    title: Given<String>,
    /// The contact that the item belongs to; a link on the item is that contact's.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "id")]
    contact_id: Given<String>,
    /// What is to be paid for the item, in the currency's minor unit: a link on it asks for this unless it says
    /// otherwise. Given together with `currency`; left out, the item has none.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "amount")]
    amount: Given<i64>,
    /// What is still owed of it, in the same currency, from zero to `amount`: a link on the item asks for this rather than
    /// for `amount`, and where it is zero for nothing. It stays the CRM's own figure: a payment does not change it. Left
    /// out, none.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "amount-due")]
    amount_due: Given<i64>,
    /// When `amount_due` was so, as an instant with an offset. Left out where `amount_due` is given, now; but an item that
    /// a link brings along with the `amount_due` that it has keeps its own.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    as_of: Given<String>,
    /// The ISO 4217 code of `amount` and of `amount_due`. A change of one of them that leaves it out keeps it, and another
    /// one comes with both.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "currency")]
    currency: Given<String>,
    /// When the customer owes the money, as `due_at` of a link, which has it from here where it does not say so itself.
    /// Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    due_at: Given<String>,
    /// Where the CRM shows the item: an absolute `https` or `http` address of at most 2,000 characters, kept as browsers
    /// read it. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "web-address")]
    url: Given<String>,
    /// The fields of the item that receipts can be attached to, at most 20. Left out, none. Receipts that are attached
    /// already stay.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ReceiptFieldBody>>, max_items = 20)]
    receipt_fields: GivenList<ReceiptFieldBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A field of an item that receipts can be attached to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReceiptFieldInput)]
struct ReceiptFieldBody {
    /// What a link calls the field: 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and hyphen, once in
    /// an item.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "id")]
    key: Given<String>,
    /// What people call the field, one line of at most 100 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-100")]
    label: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl RecordBody for ContactBody {
    const OBJECT: &'static str = "contact";
    const NAMED_BY: &'static [&'static str] = &["id"];
}

impl ContactBody {
    /// Reads every field, addresses by the settings and the providers of the business. `at` is the pointer of the object,
    /// empty for the body itself, and `id` the contact's, also as it was given where it could not be read. `null` leaves a
    /// field out.
    pub fn read(self, at: &str, id: &str, router: MessageRouter<'_>, problems: &mut Problems) -> ContactChange {
        self.read_change(at, id, router, problems).without_removals()
    }

    /// The same of a change, in which `null` takes a field away.
    pub fn read_change(self, at: &str, id: &str, router: MessageRouter<'_>, problems: &mut Problems) -> ContactChange {
        let (p, region) = (problems, &router.settings.default_region);
        refuse_unknown_of_record::<Self>(at, self.unknown, &[id], p);
        let at = |name: &str| format!("{at}/{name}");
        ContactChange {
            name: self.name.change(at("name"), p, |text| parse_name(&text, 200)),
            profile_url: self.profile_url.change(at("profile_url"), p, |url| parse_web_address(&url)),
            locale: self.locale.change(at("locale"), p, |locale| Locale::parse(&locale)),
            mobile: self.mobile.change(at("mobile"), p, |mobile| Mobile::parse(&mobile, region)),
            email: self.email.change(at("email"), p, |email| Email::parse(&email)),
            social: self.social.or_none(|social| read_social(social, at("social"), MAX_SOCIAL, router, p)),
            balance: self
                .balance
                .or_none(|balance| balance.read(at("balance"), p, |balance, at, p| Field::Value(balance.read(at, p)))),
            reminders: self.reminders.change(at("reminders"), p, Ok),
            people: self.people.or_none(|people| read_people(people, &at("people"), router, p)),
        }
    }
}

impl MoneyBody {
    fn read(self, at: &str, problems: &mut Problems) -> BalanceChange {
        refuse_unknown::<Self>(at, self.unknown, problems);
        BalanceChange {
            amount: self.amount.change(format!("{at}/amount"), problems, Ok),
            currency: self.currency.change(format!("{at}/currency"), problems, |code| Currency::parse(&code)),
        }
    }
}

fn read_people(
    given: GivenList<PersonBody>,
    at: &str,
    router: MessageRouter<'_>,
    problems: &mut Problems,
) -> Field<Vec<PersonGiven>> {
    let mut ids: Vec<PersonId> = Vec::new();
    given.each(at, MAX_PEOPLE, problems, |person, at, p| {
        let person = person.read(at, router, p)?;
        if let Some(id) = &person.id {
            if ids.contains(id) {
                p.refuse(format!("{at}/id"), "given_twice", "Each person of a contact has an id of their own.");
                return None;
            }
            ids.push(id.clone());
        }
        Some(person)
    })
}

impl PersonBody {
    fn read(self, at: &str, router: MessageRouter<'_>, problems: &mut Problems) -> Option<PersonGiven> {
        let (p, region) = (problems, &router.settings.default_region);
        refuse_unknown::<Self>(at, self.unknown, p);
        let id = self.id.text(format!("{at}/id"), p, PersonId::parse_of_person);
        let name = self.name.text(format!("{at}/name"), p, |text| parse_name(text, 200));
        let mobile = self.mobile.text(format!("{at}/mobile"), p, |text| Mobile::parse(text, region));
        let email = self.email.text(format!("{at}/email"), p, Email::parse);
        let social = read_social(self.social, format!("{at}/social"), MAX_SOCIAL, router, p);
        let role = self.role.required_text(format!("{at}/role"), p, Role::parse_of_person);
        Some(PersonGiven {
            id: id.optional()?,
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
    given: GivenList<SocialBody>,
    at: impl AsRef<str>,
    most: usize,
    router: MessageRouter<'_>,
    problems: &mut Problems,
) -> Field<Vec<SocialAddress>> {
    given.each(at, most, problems, |body, at, p| {
        refuse_unknown::<SocialBody>(at, body.unknown, p);
        let network = body.network.required_text(format!("{at}/network"), p, ProviderId::parse);
        let id = body.id.required_text(format!("{at}/id"), p, |id| match &network {
            Some(network) => router.read_social(network, id),
            None => SocialId::parse(id),
        });
        Some(SocialAddress { network: network?, id: id? })
    })
}

impl RecordBody for ItemBody {
    const OBJECT: &'static str = "item";
    const NAMED_BY: &'static [&'static str] = &["id"];
    const FOUND_OUT: &'static [&'static str] = &["received", "receipts"];
}

impl ItemBody {
    /// Reads every field, days by the settings of the business. `at` is the pointer of the object, empty for the body
    /// itself, `id` the item's, and `now` when it was said. `null` leaves a field out.
    pub fn read(self, at: &str, id: &str, settings: &Settings, now: Timestamp, problems: &mut Problems) -> ItemChange {
        self.read_change(at, id, settings, now, problems).without_removals()
    }

    /// The same of a change, in which `null` takes a field away.
    pub fn read_change(
        self,
        at: &str,
        id: &str,
        settings: &Settings,
        now: Timestamp,
        problems: &mut Problems,
    ) -> ItemChange {
        let p = problems;
        refuse_unknown_of_record::<Self>(at, self.unknown, &[id], p);
        let at = |name: &str| format!("{at}/{name}");
        ItemChange {
            kind: self.kind.change(at("kind"), p, |text| parse_name(&text, 40)),
            title: self.title.change(at("title"), p, |text| parse_name(&text, 200)),
            contact_id: self.contact_id.change(at("contact_id"), p, |id| ContactId::parse(&id)),
            amount: self.amount.change(at("amount"), p, Ok),
            amount_due: self.amount_due.change(at("amount_due"), p, Ok),
            currency: self.currency.change(at("currency"), p, |code| Currency::parse(&code)),
            as_of: self.as_of.change(at("as_of"), p, |text| parse_instant(&text).map(to_the_millisecond)),
            due_at: self.due_at.change(at("due_at"), p, |text| DueDate::parse(&text)?.resolve(now, &settings.zone())),
            url: self.url.change(at("url"), p, |url| parse_web_address(&url)),
            receipt_fields: self.receipt_fields.or_none(|fields| read_fields(fields, &at("receipt_fields"), p)),
            said_at: now,
        }
    }
}

fn read_fields(given: GivenList<ReceiptFieldBody>, at: &str, problems: &mut Problems) -> Field<Vec<ReceiptField>> {
    let mut keys: Vec<FieldKey> = Vec::new();
    given.each(at, MAX_FIELDS, problems, |body, at, p| {
        refuse_unknown::<ReceiptFieldBody>(at, body.unknown, p);
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

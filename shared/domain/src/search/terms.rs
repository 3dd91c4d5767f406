//! What a record is found by, and what is shown of one that was found. It is kept beside the record for as long as the
//! record is there, and follows from the record alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::amount;
use super::folding::{self, MOST_WORDS};
use super::receipt_by::ReceiptBy;
use crate::address::{Email, Mobile};
use crate::gateway::{GatewayKind, Mode};
use crate::ids::{ContactId, ItemId, LinkId, PersonId, ReceiptId, Role};
use crate::link::Receipt;
use crate::money::Money;
use crate::records::contact::Contact;
use crate::records::item::Item;
use crate::text::value_of_digit;

/// A contact is found by at most this many terms: its own before those of its people, in their order. All of them change
/// in one transaction with the contact, those of what it was and of what it is, and an item may come along.
pub const MOST_OF_CONTACT: usize = 40;

/// The same of an item: by its id, and by the first words of its title.
pub const MOST_OF_ITEM: usize = 8;

/// A folded text that names begin with. It is never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beginning(String);

impl Beginning {
    /// What was typed of a name, a title or an id, or nothing where no letter and no digit was.
    pub fn of(text: &str) -> Option<Self> {
        Some(folding::joined(text)).filter(|folded| !folded.is_empty()).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first of its letters, by which an index is divided.
    pub fn initial(&self) -> char {
        self.0.chars().next().unwrap_or_default()
    }
}

/// One way in which a contact is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContactTerm {
    Mobile(Mobile),
    /// In small letters.
    Email(String),
    Name(Beginning),
}

impl ContactTerm {
    pub fn email(email: &Email) -> Self {
        Self::Email(email.as_str().to_ascii_lowercase())
    }

    pub fn by(&self) -> ContactBy {
        match self {
            Self::Mobile(_) => ContactBy::Mobile,
            Self::Email(_) => ContactBy::Email,
            Self::Name(_) => ContactBy::Name,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactBy {
    Mobile,
    Email,
    Name,
}

impl ContactBy {
    pub const ALL: [Self; 3] = [Self::Mobile, Self::Email, Self::Name];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Email => "email",
            Self::Name => "name",
        }
    }
}

/// A contact that was found, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactMatch {
    pub contact_id: ContactId,
    pub name: String,
    pub by: ContactBy,
    /// Whose name, number or email it is, where it is not the contact's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonMatch>,
}

/// One of the people at a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonMatch {
    pub id: PersonId,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Contact {
    /// What the contact is found by, with what is shown then. Its own terms come first, and what it shares with one of its
    /// people is its own.
    pub fn found_by(&self) -> BTreeMap<ContactTerm, ContactMatch> {
        let mut found = BTreeMap::new();
        let mut add = |term: ContactTerm, person: Option<&PersonMatch>| {
            if found.len() < MOST_OF_CONTACT {
                let by = term.by();
                found.entry(term).or_insert_with(|| ContactMatch {
                    contact_id: self.id.clone(),
                    name: self.name.clone(),
                    by,
                    person: person.cloned(),
                });
            }
        };
        let own = terms_of(self.mobile.as_ref(), self.email.as_ref(), Some(&self.name));
        own.into_iter().for_each(|term| add(term, None));
        for person in &self.people {
            let shown = PersonMatch { id: person.id.clone(), role: person.role.clone(), name: person.name.clone() };
            let terms = terms_of(person.mobile.as_ref(), person.email.as_ref(), person.name.as_deref());
            terms.into_iter().for_each(|term| add(term, Some(&shown)));
        }
        found
    }
}

fn terms_of(mobile: Option<&Mobile>, email: Option<&Email>, name: Option<&str>) -> Vec<ContactTerm> {
    let mut terms: Vec<ContactTerm> = mobile.cloned().map(ContactTerm::Mobile).into_iter().collect();
    terms.extend(email.map(ContactTerm::email));
    let beginnings = name.map(|name| folding::beginnings(name, MOST_WORDS + 1)).unwrap_or_default();
    terms.extend(beginnings.into_iter().map(|beginning| ContactTerm::Name(Beginning(beginning))));
    terms
}

/// One way in which an item is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemTerm(pub Beginning);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemBy {
    Id,
    Title,
}

impl ItemBy {
    pub const ALL: [Self; 2] = [Self::Id, Self::Title];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Title => "title",
        }
    }
}

/// An item that was found, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemMatch {
    pub item_id: ItemId,
    pub kind: String,
    pub title: String,
    pub contact_id: ContactId,
    pub by: ItemBy,
}

impl Item {
    /// What the item is found by, with what is shown then.
    pub fn found_by(&self) -> BTreeMap<ItemTerm, ItemMatch> {
        let mut found = BTreeMap::new();
        let shown = |by| ItemMatch {
            item_id: self.id.clone(),
            kind: self.kind.clone(),
            title: self.title.clone(),
            contact_id: self.contact_id.clone(),
            by,
        };
        found.extend(Beginning::of(self.id.as_str()).map(|id| (ItemTerm(id), shown(ItemBy::Id))));
        for beginning in folding::beginnings(&self.title, MOST_OF_ITEM - 1) {
            found.entry(ItemTerm(Beginning(beginning))).or_insert_with(|| shown(ItemBy::Title));
        }
        found
    }
}

/// How a link was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkBy {
    Id,
    ReferenceId,
}

impl LinkBy {
    pub const ALL: [Self; 2] = [Self::Id, Self::ReferenceId];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::ReferenceId => "reference_id",
        }
    }
}

/// A receipt that was found, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptMatch {
    pub receipt_id: ReceiptId,
    pub link_id: LinkId,
    pub contact_id: ContactId,
    #[serde(flatten)]
    pub money: Money,
    pub mode: Mode,
    /// `None` of money that came or went by other means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayKind>,
    pub gateway_reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_card: Option<String>,
    pub registered_at: Timestamp,
    /// One text can be several things of a receipt.
    pub by: Vec<ReceiptBy>,
}

impl Receipt {
    /// What the receipt is found by, each a text that a query has to be, with what is shown then.
    pub fn found_by(&self) -> BTreeMap<String, ReceiptMatch> {
        let mut ways: BTreeMap<String, Vec<ReceiptBy>> = BTreeMap::new();
        let mut add = |text: String, by| ways.entry(text).or_default().push(by);
        if let Some(reference) = reference(&self.gateway_reference) {
            add(reference, ReceiptBy::GatewayReference);
        }
        if let Some(digits) = self.masked_card.as_deref().and_then(last_four) {
            add(digits, ReceiptBy::Card);
        }
        amount::ways(self.money).into_iter().for_each(|(number, by)| add(number, by));
        let shown = |by| ReceiptMatch {
            receipt_id: self.id.clone(),
            link_id: self.link_id.clone(),
            contact_id: self.contact_id.clone(),
            money: self.money,
            mode: self.mode,
            gateway: self.by_gateway(),
            gateway_reference: self.gateway_reference.clone(),
            masked_card: self.masked_card.clone(),
            registered_at: self.registered_at,
            by,
        };
        ways.into_iter().map(|(text, by)| (text, shown(by))).collect()
    }
}

/// A gateway's reference that is longer is nothing that anybody types, and no query is as long.
const LONGEST_REFERENCE: usize = 100;

/// A gateway's reference, or what was typed of one, as it is compared: in small letters, with the digits of ASCII, and
/// without blanks. Nothing comes of what no gateway's reference looks like.
pub fn reference(text: &str) -> Option<String> {
    let ascii = |c: char| value_of_digit(c).and_then(|value| char::from_digit(value, 10)).unwrap_or(c);
    let compared: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| ascii(c).to_ascii_lowercase()).collect();
    let is_reference =
        (1..=LONGEST_REFERENCE).contains(&compared.len()) && compared.bytes().all(|byte| byte.is_ascii_graphic());
    is_reference.then_some(compared)
}

/// The last four digits of a card's number of which the middle is not shown.
pub(crate) fn last_four(masked: &str) -> Option<String> {
    let at = masked.len().checked_sub(4)?;
    let digits = masked.get(at..)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHAT_TO_DO: &str = "Rows lie in the tables of stacks under what this test expects. Records keep which rows they \
        have, so that nothing is found that is forgotten. But nobody finds by the new terms what was written before, until \
        it is written again: say so in the changelog, with what a deployer has to do, and then change this table. Receipts \
        do not keep their rows and are never written again.";

    /// What is found by each of these, as it lies in the tables.
    #[test]
    fn records_are_found_by_what_they_were_written_under() {
        let contact: Contact = serde_json::from_value(json!({
            "id": "c-1", "name": "Dr. José  علي‌رضا O’Brien", "mobile": "+989120000001", "email": "Sara.A@Example.com",
            "people": [{ "id": "p-1", "role": "manager", "name": "فاطمةُ المؤمنی", "mobile": "+4915112345678" }],
        }))
        .unwrap();
        let terms: Vec<String> = contact
            .found_by()
            .into_keys()
            .map(|term| match term {
                ContactTerm::Mobile(mobile) => format!("mobile {}", mobile.as_str()),
                ContactTerm::Email(email) => format!("email {email}"),
                ContactTerm::Name(name) => format!("name {} {}", name.initial(), name.as_str()),
            })
            .collect();
        let expected = [
            "mobile +4915112345678",
            "mobile +989120000001",
            "email sara.a@example.com",
            "name d drjoseعلیرضاobrien",
            "name d drobrienjoseعلیرضا",
            "name j joseعلیرضاobriendr",
            "name o obriendrjoseعلیرضا",
            "name ا المومنیفاطمه",
            "name ر رضاobriendrjoseعلی",
            "name ع علیرضاobriendrjose",
            "name ف فاطمهالمومنی",
        ];
        assert_eq!(terms, expected, "{WHAT_TO_DO}");
        let item: Item = serde_json::from_value(json!({
            "id": "INV-24.7", "kind": "invoice", "title": "Straße ۱۲، Łódź", "contact_id": "c-1",
        }))
        .unwrap();
        let terms: Vec<String> = item.found_by().into_keys().map(|term| term.0.as_str().to_owned()).collect();
        let expected = ["12lodzstrasse", "inv247", "lodzstrasse12", "strasse12lodz", "strasselodz12"];
        assert_eq!(terms, expected, "{WHAT_TO_DO}");
        assert_eq!(reference(" Tx-۰۰۱ aB "), Some("tx-001ab".to_owned()), "{WHAT_TO_DO}");
        assert_eq!(last_four("6037-99**-****-1234"), Some("1234".to_owned()), "{WHAT_TO_DO}");
        let money = |units: i64, currency: &str| -> Money {
            serde_json::from_value(json!({ "amount": units, "currency": currency })).unwrap()
        };
        let ways = [money(5_000_000, "IRR"), money(1_999, "EUR")].map(|money| {
            amount::ways(money).into_iter().map(|(text, by)| format!("{text} {}", by.as_str())).collect::<Vec<_>>()
        });
        let expected = ["5000000 amount", "500000 amount_in_toman", "1999 amount", "19.99 amount_in_main_unit"];
        assert_eq!(ways.concat(), expected, "{WHAT_TO_DO}");
    }
}

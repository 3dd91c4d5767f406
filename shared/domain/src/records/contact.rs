//! The customer and the people at the customer.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::amounts::{AmountChange, laid_over};
use crate::address::{Email, Mobile, SocialAddress};
use crate::ids::{ContactId, PersonId, Role};
use crate::locale::Locale;
use crate::money::{Currency, Money};
use crate::problem::{Field, Problems, Rejection};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub id: ContactId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Mobile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub social: Vec<SocialAddress>,
    /// What the contact owes is positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Money>,
    /// Nobody is reminded of links that were made for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_reminders: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
}

/// Somebody at the customer, by what they are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// No other person of the contact has it.
    pub id: PersonId,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Mobile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub social: Vec<SocialAddress>,
}

/// Which of the people of a contact somebody is: by what they are there, and by the id that tells them from each other. It
/// is written as `manager` where the two are the same, as they are unless several people have the role or the CRM gave an
/// id of its own, else as `manager/p-17`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamedPerson {
    pub role: Role,
    pub id: PersonId,
}

impl NamedPerson {
    /// The contact itself.
    pub fn contact() -> Self {
        Self { role: Role::contact(), id: PersonId::contact() }
    }
}

impl fmt::Display for NamedPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, id } = self;
        if role.as_str() == id.as_str() { write!(f, "{role}") } else { write!(f, "{role}/{id}") }
    }
}

impl From<NamedPerson> for String {
    fn from(person: NamedPerson) -> String {
        person.to_string()
    }
}

impl TryFrom<String> for NamedPerson {
    type Error = Rejection;

    fn try_from(text: String) -> Result<Self, Rejection> {
        let (role, id) = text.split_once('/').unwrap_or((&text, &text));
        Ok(Self { role: Role::parse(role)?, id: PersonId::parse(id)? })
    }
}

/// Somebody who can be told: the contact itself, or a person at it.
#[derive(Clone, Debug)]
pub struct Somebody<'a> {
    pub who: NamedPerson,
    pub name: Option<&'a str>,
    pub mobile: Option<&'a Mobile>,
    pub email: Option<&'a Email>,
    pub social: &'a [SocialAddress],
}

impl Contact {
    /// Everybody who can be told, the contact itself first and then its people in their order.
    pub fn everybody(&self) -> impl Iterator<Item = Somebody<'_>> {
        let itself = Somebody {
            who: NamedPerson::contact(),
            name: Some(&self.name),
            mobile: self.mobile.as_ref(),
            email: self.email.as_ref(),
            social: &self.social,
        };
        let people = self.people.iter().map(|person| Somebody {
            who: NamedPerson { role: person.role.clone(), id: person.id.clone() },
            name: person.name.as_deref(),
            mobile: person.mobile.as_ref(),
            email: person.email.as_ref(),
            social: &person.social,
        });
        std::iter::once(itself).chain(people)
    }
}

/// What a caller says about a person at the contact.
#[derive(Clone, Debug)]
pub struct PersonGiven {
    /// Left out, it follows from the role.
    pub id: Option<PersonId>,
    pub role: Role,
    pub name: Option<String>,
    pub mobile: Option<Mobile>,
    pub email: Option<Email>,
    pub social: Vec<SocialAddress>,
}

/// How surely somebody who was given without an id is a person who is known. Of several people the surest are told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    AddressAndName,
    Address,
    Name,
}

impl Likeness {
    const ALL: [Self; 3] = [Self::AddressAndName, Self::Address, Self::Name];

    /// Whether the two have one role and are alike at least so much.
    fn holds(self, given: &PersonGiven, known: &Person) -> bool {
        let is_address = (given.mobile.is_some() && given.mobile == known.mobile)
            || (given.email.is_some() && given.email == known.email);
        let is_name = given.name.is_some() && given.name == known.name;
        given.role == known.role
            && match self {
                Self::AddressAndName => is_address && is_name,
                Self::Address => is_address,
                Self::Name => is_name,
            }
    }
}

/// The people with the ids that were given, and for the others that of the person who is known in their role by their address
/// or name.
fn recognized(mut given: Vec<PersonGiven>, known: &[Person]) -> Vec<PersonGiven> {
    let mut taken: Vec<PersonId> = given.iter().filter_map(|person| person.id.clone()).collect();
    for likeness in Likeness::ALL {
        for person in given.iter_mut().filter(|person| person.id.is_none()) {
            let same = known.iter().find(|known| !taken.contains(&known.id) && likeness.holds(person, known));
            person.id = same.map(|known| known.id.clone());
            taken.extend(person.id.clone());
        }
    }
    given
}

/// The people, each with an id of their own: those that they have; and for who is new, in their order, the role, then
/// `role-2` and so on, whichever nobody has. So the same people get the same ids each time, and keep them where others come
/// and go.
fn with_ids(given: Vec<PersonGiven>, known: &[Person]) -> Vec<Person> {
    let given = recognized(given, known);
    let mut taken: Vec<PersonId> = given.iter().filter_map(|person| person.id.clone()).collect();
    let identified = given.into_iter().map(|person| {
        let PersonGiven { id, role, name, mobile, email, social } = person;
        let id = id.unwrap_or_else(|| {
            let mut number = 1;
            while taken.contains(&PersonId::by_role(&role, number)) {
                number += 1;
            }
            let free = PersonId::by_role(&role, number);
            taken.push(free.clone());
            free
        });
        Person { id, role, name, mobile, email, social }
    });
    identified.collect()
}

/// What a caller says about a contact. What is left out stays as it is known, and what is none is taken away.
#[derive(Clone, Debug, Default)]
pub struct ContactChange {
    pub name: Field<Option<String>>,
    pub profile_url: Field<Option<String>>,
    pub locale: Field<Option<Locale>>,
    pub mobile: Field<Option<Mobile>>,
    pub email: Field<Option<Email>>,
    pub social: Field<Option<Vec<SocialAddress>>>,
    pub balance: Field<Option<BalanceChange>>,
    pub reminders: Field<Option<bool>>,
    pub people: Field<Option<Vec<PersonGiven>>>,
}

/// What a caller says about a balance, where there is one.
#[derive(Clone, Debug, Default)]
pub struct BalanceChange {
    pub amount: Field<Option<i64>>,
    pub currency: Field<Option<Currency>>,
}

impl BalanceChange {
    /// The balance afterwards, which has both. `at` is where it stands in the body.
    fn apply(self, known: Option<Money>, at: &str, problems: &mut Problems) -> Field<Money> {
        let amount_at = format!("{at}/amount");
        if known.is_none() && matches!(self.amount, Field::Absent | Field::Value(None)) {
            problems.refuse(amount_at, "required", "This field is required.");
            if matches!(self.currency, Field::Absent | Field::Value(None)) {
                problems.refuse(format!("{at}/currency"), "required", "This field is required.");
            }
            return Field::Refused;
        }
        let amount = AmountChange { given: self.amount, known, at: amount_at };
        let [balance] = laid_over([amount], self.currency, &format!("{at}/currency"), problems);
        balance
    }
}

impl ContactChange {
    /// The same where nothing can be taken away: what is none is left out.
    #[must_use]
    pub fn without_removals(self) -> Self {
        let balance = self.balance.without_none().map(|balance| {
            balance.map(|BalanceChange { amount, currency }| BalanceChange {
                amount: amount.without_none(),
                currency: currency.without_none(),
            })
        });
        Self {
            name: self.name.without_none(),
            profile_url: self.profile_url.without_none(),
            locale: self.locale.without_none(),
            mobile: self.mobile.without_none(),
            email: self.email.without_none(),
            social: self.social.without_none(),
            balance,
            reminders: self.reminders.without_none(),
            people: self.people.without_none(),
        }
    }

    /// The same with the people known again whom a contact has that is replaced, and of which nothing else stays.
    #[must_use]
    pub fn recognizing(self, replaced: &[Person]) -> Self {
        let people = self.people.map(|people| people.map(|people| recognized(people, replaced)));
        Self { people, ..self }
    }

    /// The contact afterwards; one that is not known yet needs a name. `at` is where the fields stand in the body. Nothing
    /// comes of it where a field is refused.
    pub fn apply(self, id: ContactId, known: Option<&Contact>, at: &str, problems: &mut Problems) -> Option<Contact> {
        let name = self.name.over(known.map(|known| known.name.clone())).require(format!("{at}/name"), problems);
        let profile_url = self.profile_url.over(known.and_then(|known| known.profile_url.clone()));
        let locale = self.locale.over(known.and_then(|known| known.locale.clone()));
        let mobile = self.mobile.over(known.and_then(|known| known.mobile.clone()));
        let email = self.email.over(known.and_then(|known| known.email.clone()));
        let social = self.social.over(known.map(|known| known.social.clone()));
        let known_balance = known.and_then(|known| known.balance);
        let balance = match self.balance {
            Field::Value(Some(balance)) => balance.apply(known_balance, &format!("{at}/balance"), problems),
            Field::Value(None) => Field::Absent,
            Field::Absent => known_balance.map_or(Field::Absent, Field::Value),
            Field::Refused => Field::Refused,
        };
        let reminders = self.reminders.over(known.map(|known| !known.no_reminders));
        let known_people = known.map(|known| known.people.as_slice()).unwrap_or_default();
        let people = self.people.map(|people| people.map(|people| with_ids(people, known_people)));
        let people = people.over(known.map(|known| known.people.clone()));
        Some(Contact {
            id,
            name: name?,
            profile_url: profile_url.optional()?,
            locale: locale.optional()?,
            mobile: mobile.optional()?,
            email: email.optional()?,
            social: social.optional()?.unwrap_or_default(),
            balance: balance.optional()?,
            no_reminders: !reminders.optional()?.unwrap_or(true),
            people: people.optional()?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Region;
    use proptest::prelude::*;

    fn given(id: Option<&str>, role: &str) -> PersonGiven {
        PersonGiven {
            id: id.map(|id| PersonId::parse(id).unwrap()),
            role: Role::parse(role).unwrap(),
            name: None,
            mobile: None,
            email: None,
            social: Vec::new(),
        }
    }

    fn ids(people: &[(Option<&str>, &str)]) -> Vec<String> {
        let people = people.iter().map(|(id, role)| given(*id, role)).collect();
        with_ids(people, &[]).into_iter().map(|person| person.id.to_string()).collect()
    }

    #[test]
    fn people_without_an_id_are_called_by_their_role_and_never_as_somebody_else_is() {
        assert_eq!(
            ids(&[(None, "manager"), (None, "liaison"), (None, "manager")]),
            ["manager", "liaison", "manager-2"]
        );
        assert_eq!(
            ids(&[(None, "manager"), (Some("manager"), "owner"), (None, "manager"), (Some("manager-3"), "manager")]),
            ["manager-2", "manager", "manager-4", "manager-3"]
        );
        let long = "r".repeat(64);
        let named = ids(&[(None, &long), (None, &long)]);
        assert_eq!(named, [long.clone(), format!("{}-2", "r".repeat(62))]);
    }

    #[test]
    fn people_who_are_known_keep_their_ids_where_others_come_and_go() {
        let person = |name: Option<&str>, mobile: Option<&str>, email: Option<&str>| PersonGiven {
            name: name.map(str::to_owned),
            mobile: mobile.map(|mobile| Mobile::parse(mobile, &Region::parse("IR").unwrap()).unwrap()),
            email: email.map(|email| Email::parse(email).unwrap()),
            ..given(None, "manager")
        };
        let (ali, bita) = (Some("Ali"), Some("Bita"));
        let (office, own) = (Some("09121234567"), Some("09127654321"));
        let known = with_ids(
            vec![person(ali, office, Some("ali@example.com")), person(bita, office, Some("bita@example.com"))],
            &[],
        );
        let ids = |people: Vec<PersonGiven>| -> Vec<String> {
            with_ids(people, &known).into_iter().map(|person| person.id.to_string()).collect()
        };
        let alone = [
            ("by the name", person(bita, None, None)),
            ("by the address", person(None, None, Some("bita@example.com"))),
            ("by the name at a number of several", person(bita, office, None)),
            ("by the name at a new number", person(bita, own, None)),
            ("by the address under a new name", person(Some("Bita B."), own, Some("bita@example.com"))),
        ];
        for (how, bita) in alone {
            assert_eq!(ids(vec![bita]), ["manager-2"], "{how}");
        }
        let swapped = vec![person(bita, office, None), person(ali, office, None)];
        assert_eq!(ids(swapped), ["manager-2", "manager"]);
        let joined = vec![person(Some("Cyrus"), own, None), person(bita, None, None), person(ali, None, None)];
        assert_eq!(ids(joined), ["manager-3", "manager-2", "manager"]);
        let identified = PersonGiven { id: Some(known[1].id.clone()), ..person(Some("Cyrus"), own, None) };
        assert_eq!(ids(vec![person(bita, None, None), identified]), ["manager", "manager-2"]);
        let elsewhere = PersonGiven { role: Role::parse("liaison").unwrap(), ..person(bita, None, None) };
        assert_eq!(ids(vec![elsewhere]), ["liaison"]);
    }

    #[test]
    fn a_person_is_written_shortly_where_the_id_is_the_role() {
        for (role, id, written) in
            [("manager", "manager", "manager"), ("manager", "p-17", "manager/p-17"), ("contact", "contact", "contact")]
        {
            let person = NamedPerson { role: Role::parse(role).unwrap(), id: PersonId::parse(id).unwrap() };
            assert_eq!(person.to_string(), written);
            assert_eq!(NamedPerson::try_from(written.to_owned()), Ok(person));
        }
        assert!(NamedPerson::try_from("a/b/c".to_owned()).is_err());
    }

    proptest! {
        /// What was answered and is given back is what was kept, and no two people have one id.
        #[test]
        fn each_person_has_an_id_of_their_own_which_stays(
            people in prop::collection::vec((prop::option::weighted(0.3, "[ab](-[23])?"), "[ab](-2)?"), 0..12),
        ) {
            let mut seen = Vec::new();
            let people: Vec<_> = people
                .into_iter()
                .filter(|(id, _)| id.is_none() || !seen.contains(id) && { seen.push(id.clone()); true })
                .map(|(id, role)| given(id.as_deref(), &role))
                .collect();
            let named = with_ids(people.clone(), &[]);
            let ids: std::collections::BTreeSet<_> = named.iter().map(|person| person.id.clone()).collect();
            prop_assert_eq!(ids.len(), people.len());
            let again = named.iter().map(|person| given(Some(person.id.as_str()), person.role.as_str())).collect();
            prop_assert_eq!(&with_ids(again, &named), &named);
            prop_assert_eq!(with_ids(people, &[]), named);
        }
    }

    #[test]
    fn what_is_left_out_stays_and_a_new_contact_needs_a_name() {
        let id = || ContactId::parse("c-1").unwrap();
        let mut problems = Problems::default();
        let email = |text: &str| Field::Value(Some(Email::parse(text).unwrap()));
        let nameless = ContactChange { email: email("a@example.com"), ..ContactChange::default() };
        assert_eq!(nameless.clone().apply(id(), None, "/contact", &mut problems), None);
        assert_eq!(
            (problems.as_slice()[0].pointer.as_str(), problems.as_slice()[0].code),
            ("/contact/name", "required")
        );
        let named = ContactChange { name: Field::Value(Some("N".to_owned())), ..nameless };
        let known = named.apply(id(), None, "", &mut Problems::default()).unwrap();
        let nothing = ContactChange::default().apply(id(), Some(&known), "", &mut Problems::default());
        assert_eq!(nothing.as_ref(), Some(&known));
        let change = ContactChange { email: email("b@example.com"), ..ContactChange::default() };
        let changed = change.apply(id(), Some(&known), "", &mut Problems::default()).unwrap();
        assert_eq!((changed.name.as_str(), changed.email.unwrap().as_str()), ("N", "b@example.com"));
        let refused = ContactChange { email: Field::Refused, ..ContactChange::default() };
        assert_eq!(refused.apply(id(), Some(&known), "", &mut Problems::default()), None);
    }

    #[test]
    fn what_is_none_is_taken_away_and_a_name_is_not() {
        let id = || ContactId::parse("c-1").unwrap();
        let laid = |change: ContactChange, known: Option<&Contact>| {
            let mut problems = Problems::default();
            let contact = change.apply(id(), known, "", &mut problems);
            contact.filter(|_| problems.is_empty()).ok_or_else(|| problems.as_slice()[0].pointer.clone())
        };
        let owes = |amount, currency: Option<Currency>| {
            let currency = currency.map_or(Field::Absent, |currency| Field::Value(Some(currency)));
            let balance = BalanceChange { amount: Field::Value(Some(amount)), currency };
            ContactChange { balance: Field::Value(Some(balance)), ..ContactChange::default() }
        };
        let whole = ContactChange {
            name: Field::Value(Some("N".to_owned())),
            email: Field::Value(Some(Email::parse("a@example.com").unwrap())),
            ..owes(900, Some(Currency::IRR))
        };
        let known = laid(whole, None).unwrap();
        let none = ContactChange { email: Field::Value(None), balance: Field::Value(None), ..ContactChange::default() };
        let without = laid(none.clone(), Some(&known)).unwrap();
        assert_eq!((without.email, without.balance, &without.name), (None, None, &known.name));
        assert_eq!(laid(none.without_removals(), Some(&known)), Ok(known.clone()));
        let nameless = ContactChange { name: Field::Value(None), ..ContactChange::default() };
        assert_eq!(laid(nameless, Some(&known)), Err("/name".to_owned()));
        let less = laid(owes(100, None), Some(&known)).unwrap();
        assert_eq!(less.balance, Money::new(100, Currency::IRR).ok());
        let unknown = Contact { balance: None, ..known };
        assert_eq!(laid(owes(100, None), Some(&unknown)), Err("/balance/currency".to_owned()));
    }
}

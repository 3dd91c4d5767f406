//! The customer and the people at the customer.

use serde::{Deserialize, Serialize};

use crate::address::{Email, Mobile, SocialAddress};
use crate::ids::{ContactId, Role};
use crate::locale::Locale;
use crate::money::Money;
use crate::problem::{Field, Problems};

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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
}

/// Somebody at the customer, by what they are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
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

/// What a caller says about a contact. What is left out stays as it is known.
#[derive(Clone, Debug, Default)]
pub struct ContactChange {
    pub name: Field<String>,
    pub profile_url: Field<String>,
    pub locale: Field<Locale>,
    pub mobile: Field<Mobile>,
    pub email: Field<Email>,
    pub social: Field<Vec<SocialAddress>>,
    pub balance: Field<Money>,
    pub people: Field<Vec<Person>>,
}

impl ContactChange {
    /// The contact afterwards; one that is not known yet needs a name. `at` is where the fields stand in the body. Nothing
    /// comes of it where a field is refused.
    pub fn apply(self, id: ContactId, known: Option<&Contact>, at: &str, problems: &mut Problems) -> Option<Contact> {
        let name = self.name.or_kept(known.map(|known| known.name.clone())).require(format!("{at}/name"), problems);
        let profile_url = self.profile_url.or_kept(known.and_then(|known| known.profile_url.clone()));
        let locale = self.locale.or_kept(known.and_then(|known| known.locale.clone()));
        let mobile = self.mobile.or_kept(known.and_then(|known| known.mobile.clone()));
        let email = self.email.or_kept(known.and_then(|known| known.email.clone()));
        let social = self.social.or_kept(known.map(|known| known.social.clone()));
        let balance = self.balance.or_kept(known.and_then(|known| known.balance));
        let people = self.people.or_kept(known.map(|known| known.people.clone()));
        Some(Contact {
            id,
            name: name?,
            profile_url: profile_url.optional()?,
            locale: locale.optional()?,
            mobile: mobile.optional()?,
            email: email.optional()?,
            social: social.optional()?.unwrap_or_default(),
            balance: balance.optional()?,
            people: people.optional()?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays_and_a_new_contact_needs_a_name() {
        let id = || ContactId::parse("c-1").unwrap();
        let mut problems = Problems::default();
        let email = |text: &str| Field::Value(Email::parse(text).unwrap());
        let nameless = ContactChange { email: email("a@example.com"), ..ContactChange::default() };
        assert_eq!(nameless.clone().apply(id(), None, "/contact", &mut problems), None);
        assert_eq!(
            (problems.as_slice()[0].pointer.as_str(), problems.as_slice()[0].code),
            ("/contact/name", "required")
        );
        let named = ContactChange { name: Field::Value("N".to_owned()), ..nameless };
        let known = named.apply(id(), None, "", &mut Problems::default()).unwrap();
        let nothing = ContactChange::default().apply(id(), Some(&known), "", &mut Problems::default());
        assert_eq!(nothing.as_ref(), Some(&known));
        let change = ContactChange { email: email("b@example.com"), ..ContactChange::default() };
        let changed = change.apply(id(), Some(&known), "", &mut Problems::default()).unwrap();
        assert_eq!((changed.name.as_str(), changed.email.unwrap().as_str()), ("N", "b@example.com"));
        let refused = ContactChange { email: Field::Refused, ..ContactChange::default() };
        assert_eq!(refused.apply(id(), Some(&known), "", &mut Problems::default()), None);
    }
}

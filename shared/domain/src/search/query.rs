//! What was typed to search for something, and what it may be: a number, an address, the beginning of a name, an id, an
//! amount. Which of the indexes are asked follows from what it looks like.

use super::terms::{Beginning, ContactTerm};
use crate::ids::{LinkId, ReferenceId};

/// A query has at most this many characters.
pub const LONGEST_QUERY: usize = 100;

/// A text to search for, as everything that it may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// A whole number or address, or the beginning of a name. A text that is one of the first two is no name.
    pub contact: Option<ContactTerm>,
    /// The beginning of an item's id, or of a word of its title.
    pub item: Option<Beginning>,
    pub link: Option<LinkId>,
    /// Only where the text is no link's id.
    pub reference: Option<ReferenceId>,
    /// A gateway's reference, an amount or the last four digits of a card, as [`Receipt::found_by`] spells them.
    ///
    /// [`Receipt::found_by`]: crate::link::Receipt::found_by
    pub receipt: Option<String>,
}

// Reading numbers needs a large crate, which only those have who are asked by people.
#[cfg(feature = "phone-numbers")]
mod reading {
    use super::{LONGEST_QUERY, SearchQuery};
    use crate::address::{Email, Mobile, Region};
    use crate::ids::{LinkId, ReferenceId};
    use crate::problem::Rejection;
    use crate::search::terms::{self, Beginning, ContactTerm};
    use crate::search::typed_amount;
    use crate::text::{parse_name, to_ascii_digits, typed_address};

    impl SearchQuery {
        /// Reads a text of at most 100 characters of which something can be seen. Numbers without a country's code are of the
        /// region.
        pub fn parse(text: &str, region: &Region) -> Result<Self, Rejection> {
            let text = parse_name(text, LONGEST_QUERY)?;
            let typed = typed_address(&text);
            let beginning = Beginning::of(&text);
            let mobile = || Mobile::parse(&text, region).or_else(|_| Mobile::parse_id(&text, region)).ok();
            let email = Email::parse(&text).ok().as_ref().map(ContactTerm::email);
            let contact = email.or_else(|| mobile().map(ContactTerm::Mobile));
            let id = to_ascii_digits(&typed);
            let link = LinkId::parse(&id).ok();
            let reference = if link.is_some() { None } else { ReferenceId::parse(&id).ok() };
            Ok(Self {
                contact: contact.or_else(|| beginning.clone().map(ContactTerm::Name)),
                item: beginning,
                link,
                reference,
                receipt: masked(&typed).or_else(|| typed_amount::typed(&typed)).or_else(|| terms::reference(&typed)),
            })
        }
    }

    /// The last four digits of a card's number that was copied with its stars.
    fn masked(text: &str) -> Option<String> {
        text.contains(['*', '•']).then(|| terms::last_four(&to_ascii_digits(text))).flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::{Mobile, Region};

    fn read(text: &str) -> SearchQuery {
        SearchQuery::parse(text, &Region::parse("IR").unwrap()).unwrap()
    }

    #[test]
    fn a_number_is_the_same_however_it_is_typed() {
        let number = ContactTerm::Mobile(Mobile::parse("+989121234567", &Region::parse("IR").unwrap()).unwrap());
        for typed in [
            "09121234567",
            "9121234567",
            "+989121234567",
            "00989121234567",
            "989121234567",
            "+98 (0)912 123 4567",
            "0912-123-4567",
            "0912 123 45 67",
            "۰۹۱۲۱۲۳۴۵۶۷",
            "٠٩١٢١٢٣٤٥٦٧",
            "+۹۸ ۹۱۲ ۱۲۳ ۴۵۶۷",
            "\u{200e}+98 912 123 4567",
            "tel:+989121234567",
        ] {
            assert_eq!(read(typed).contact, Some(number.clone()), "{typed}");
        }
    }

    #[test]
    fn an_email_is_the_same_whatever_its_case() {
        for typed in ["sara@example.com", "Sara@Example.COM", " mailto:SARA@example.com ", "ｓａｒａ＠example.com"]
        {
            assert_eq!(read(typed).contact, Some(ContactTerm::Email("sara@example.com".to_owned())), "{typed}");
        }
    }

    #[test]
    fn what_is_no_number_and_no_address_is_the_beginning_of_a_name() {
        for (typed, folded) in [("سارا", "سارا"), ("Sara A", "saraa"), ("0912", "0912"), ("۱۲", "12")] {
            assert_eq!(read(typed).contact, Beginning::of(folded).map(ContactTerm::Name), "{typed}");
        }
        assert_eq!(read("🙂").contact, None);
    }

    #[test]
    fn ids_and_references_are_read_as_they_are() {
        let link = "pl_1111111111111111111111";
        assert_eq!((read(link).link.map(|id| id.to_string()), read(link).reference), (Some(link.to_owned()), None));
        for (typed, id) in [("R-1042", "R-1042"), ("۱۰۴۲", "1042"), (" r.1 ", "r.1")] {
            assert_eq!(read(typed).reference, ReferenceId::parse(id).ok(), "{typed}");
        }
        assert_eq!(read("R 1042").reference, None);
        assert_eq!(read("INV-77").item, Beginning::of("inv77"));
    }

    #[test]
    fn a_receipt_is_looked_for_by_its_reference_its_amount_or_its_card() {
        for (typed, text) in [
            ("cs_test_A1b2", "cs_test_a1b2"),
            ("۱۲۳۴۵۶۷۸۹", "123456789"),
            ("123 456 789", "123456789"),
            ("1,500,000", "1500000"),
            ("۱۵۰٬۰۰۰ تومان", "150000"),
            ("۱۲۳۴", "1234"),
            ("603799******1234", "1234"),
            ("•••• 4242", "4242"),
            ("0042", "0042"),
        ] {
            assert_eq!(read(typed).receipt.as_deref(), Some(text), "{typed}");
        }
        assert_eq!(read("سارا").receipt, None);
    }

    #[test]
    fn a_query_can_be_seen_and_is_bounded() {
        let refused = |text: &str| SearchQuery::parse(text, &Region::united_states()).unwrap_err().code;
        assert_eq!(refused(" \u{200b} "), "empty");
        assert_eq!(refused(&"x".repeat(101)), "too_long");
        assert_eq!(refused("a\nb"), "line_break");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_read_or_refused(text in ".{0,110}") {
            let region = Region::parse("IR").unwrap();
            if let Ok(query) = SearchQuery::parse(&text, &region) {
                prop_assert!(query.link.is_none() || query.reference.is_none());
                if let Some(receipt) = &query.receipt {
                    prop_assert!(!receipt.is_empty() && receipt.is_ascii());
                }
            }
        }
    }
}

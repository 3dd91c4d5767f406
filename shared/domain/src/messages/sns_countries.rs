//! What a country wants before SNS delivers an SMS there.
//!
//! The rows are those of "Supported countries and regions for SMS messaging" of the AWS End User Messaging SMS user
//! guide, by which SNS sends, as read in November 2026: the column "Supports Sender IDs" says where a name has to be
//! registered, and the notes below the table say the rest. Countries of which that page asks nothing have no row.

use crate::messages::unreached::UnreachedReason;

/// What has to be set up in the account before a message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountryNeed {
    Nothing,
    /// A sender id that is registered with the country. Another one is replaced by `NOTICE` or by a warning, or
    /// blocked.
    SenderId,
    /// A number of the account's own. Names are not shown there, and nothing goes out without a number.
    OriginationNumber,
    /// Each text has to be registered before it is sent.
    RegisteredText,
    /// SNS does not deliver there at all.
    NotServed,
}

impl CountryNeed {
    /// Why nobody there is told as long as nothing is set up.
    pub(crate) fn unmet(self) -> Option<UnreachedReason> {
        match self {
            Self::Nothing => None,
            Self::SenderId => Some(UnreachedReason::SenderIdNotRegistered),
            Self::OriginationNumber => Some(UnreachedReason::OriginationNumberMissing),
            Self::RegisteredText => Some(UnreachedReason::TextNotRegistered),
            Self::NotServed => Some(UnreachedReason::NumberNotServed),
        }
    }
}

/// A country, or the countries that share the beginning of their numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Country {
    pub(crate) prefix: &'static str,
    pub(crate) need: CountryNeed,
}

/// The longest beginning that fits counts.
const COUNTRIES: &[Country] = {
    use CountryNeed::{NotServed, Nothing, OriginationNumber, RegisteredText, SenderId};
    const fn country(prefix: &'static str, need: CountryNeed) -> Country {
        Country { prefix, need }
    }
    &[
        // The United States, whose territories share its rule, and Canada.
        country("+1", OriginationNumber),
        // Anguilla, Antigua and Barbuda, the Bahamas, Barbados, Bermuda, the British Virgin Islands, the Cayman
        // Islands, Dominica, the Dominican Republic, Grenada, Jamaica, Montserrat, Saint Kitts and Nevis, Saint Lucia,
        // Saint Vincent and the Grenadines, Sint Maarten, Trinidad and Tobago, and the Turks and Caicos Islands number
        // as the United States do and ask nothing.
        country("+1264", Nothing),
        country("+1268", Nothing),
        country("+1242", Nothing),
        country("+1246", Nothing),
        country("+1441", Nothing),
        country("+1284", Nothing),
        country("+1345", Nothing),
        country("+1767", Nothing),
        country("+1809", Nothing),
        country("+1829", Nothing),
        country("+1849", Nothing),
        country("+1473", Nothing),
        country("+1876", Nothing),
        country("+1658", Nothing),
        country("+1664", Nothing),
        country("+1869", Nothing),
        country("+1758", Nothing),
        country("+1784", Nothing),
        country("+1721", Nothing),
        country("+1868", Nothing),
        country("+1649", Nothing),
        // New Zealand lets messages with addresses through from a short code of the sender's own alone.
        country("+64", OriginationNumber),
        country("+86", RegisteredText), // China
        country("+7", SenderId),        // Russia and Kazakhstan
        country("+20", SenderId),       // Egypt
        country("+34", SenderId),       // Spain
        country("+44", SenderId),       // The United Kingdom
        country("+61", SenderId),       // Australia
        country("+62", SenderId),       // Indonesia
        country("+63", SenderId),       // The Philippines
        country("+66", SenderId),       // Thailand
        country("+84", SenderId),       // Vietnam
        country("+90", SenderId),       // Turkey
        country("+91", SenderId),       // India
        country("+94", SenderId),       // Sri Lanka
        country("+254", SenderId),      // Kenya
        country("+260", SenderId),      // Zambia
        country("+353", SenderId),      // Ireland
        country("+375", SenderId),      // Belarus
        country("+962", SenderId),      // Jordan
        country("+965", SenderId),      // Kuwait
        country("+966", SenderId),      // Saudi Arabia
        country("+968", SenderId),      // Oman
        country("+971", SenderId),      // The United Arab Emirates
        country("+974", SenderId),      // Qatar
        // Singapore shows a name that is not registered as LIKELY-SCAM.
        country("+65", SenderId),
        country("+53", NotServed),  // Cuba
        country("+98", NotServed),  // Iran
        country("+249", NotServed), // Sudan
        country("+850", NotServed), // North Korea
        country("+963", NotServed), // Syria
    ]
};

/// The country of a number in E.164.
pub(crate) fn country_of(number: &str) -> Country {
    let fitting = COUNTRIES.iter().copied().filter(|country| number.starts_with(country.prefix));
    let everywhere = Country { prefix: "+", need: CountryNeed::Nothing };
    fitting.max_by_key(|country| country.prefix.len()).unwrap_or(everywhere)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::str::FromStr;

    use super::*;

    #[test]
    fn the_longest_beginning_says_what_a_country_needs() {
        let need = |number: &str| country_of(number).need;
        assert_eq!(need("+12025550100"), CountryNeed::OriginationNumber);
        assert_eq!(need("+17875550100"), CountryNeed::OriginationNumber, "Puerto Rico");
        assert_eq!(need("+18765550100"), CountryNeed::Nothing, "Jamaica");
        assert_eq!(need("+61491570006"), CountryNeed::SenderId);
        assert_eq!(need("+8613800000000"), CountryNeed::RegisteredText);
        assert_eq!(need("+4915112345678"), CountryNeed::Nothing);
        assert_eq!(need("+989121234567"), CountryNeed::NotServed);
        assert_eq!(need("+852512345678"), CountryNeed::Nothing, "Hong Kong is not +85 of anybody");
    }

    /// The territories whose numbers begin with +1, by the numbering plan and not by this table.
    #[test]
    fn every_territory_that_numbers_as_the_united_states_do_asks_or_does_not() {
        use rlibphonenumber::PhoneNumber;
        use rlibphonenumber::enums::Region;
        let world = crate::address::of_the_world().unwrap();
        let regions = |codes: &str| codes.split(' ').map(|code| Region::from_str(code).unwrap()).collect::<Vec<_>>();
        let asking = regions("US CA AS GU MP PR VI");
        let not_asking = regions("AG AI BB BM BS DM DO GD JM KN KY LC MS SX TC TT VC VG");
        let mut found = Vec::new();
        for area in 200..=999 {
            // Which of the numbers of an area exist differs from one to the next.
            let numbers = (200..=999).map(|exchange| format!("+1{area}{exchange}0123"));
            let read = |number: &String| -> Option<PhoneNumber> { world.parse(number, None).ok() };
            let of = |number: String| Some((world.get_region_for_number(&read(&number)?)?, number));
            let Some((region, number)) = numbers.filter_map(of).next() else { continue };
            let need = country_of(&number).need;
            assert_eq!(need == CountryNeed::OriginationNumber, asking.contains(&region), "{number} of {region:?}");
            assert_eq!(need == CountryNeed::Nothing, not_asking.contains(&region), "{number} of {region:?}");
            if !found.contains(&region) {
                found.push(region);
            }
        }
        assert_eq!(found.len(), asking.len() + not_asking.len(), "{found:?}");
    }

    #[test]
    fn no_beginning_stands_in_the_table_twice() {
        let prefixes: BTreeSet<&str> = COUNTRIES.iter().map(|country| country.prefix).collect();
        assert_eq!(prefixes.len(), COUNTRIES.len());
        assert!(COUNTRIES.iter().all(|country| country.prefix.starts_with('+')));
    }
}

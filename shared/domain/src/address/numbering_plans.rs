//! The numbering plans of the countries in question. The library reads those of the whole world before it reads the first
//! number, which takes several times as long as all the rest of a start, and keeps five times as much in memory. Here they
//! lie by the codes of countries, split by the build, and what is read are those that a number can be of.

use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use prost::Message;
use rlibphonenumber::enums::Region as PhoneRegion;
use rlibphonenumber::{
    ParseError, PhoneMetadataCollection, PhoneNumber, PhoneNumberFormat, PhoneNumberType, PhoneNumberUtil,
};

/// All that share the code of a country.
struct Plans {
    /// As it is dialled, such as 98.
    country: &'static str,
    /// Whose plans these are, as the library names regions.
    regions: &'static [&'static str],
    /// A `PhoneMetadataCollection`, as protocol buffers are written.
    encoded: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/numbering_plans.rs"));

/// A process that met so many countries reads all the rest at once, so that it does not begin again with each further one.
const MOST_COUNTRIES: usize = 8;

/// What has been read.
#[derive(Clone, Default)]
struct Read {
    countries: Vec<&'static str>,
    plans: Option<Arc<PhoneNumberUtil>>,
}

static READ: RwLock<Read> = RwLock::new(Read { countries: Vec::new(), plans: None });

/// A number that was read, and the plans that know its country.
#[derive(Clone)]
pub(super) struct Number {
    number: PhoneNumber,
    plans: Arc<PhoneNumberUtil>,
}

impl Number {
    /// The number that these ASCII digits reach when they are dialled in the region, or anywhere with a plus before them.
    pub(super) fn read(dialled: &str, region: Option<PhoneRegion>) -> Option<Self> {
        let plans = plans_of(&countries_of(dialled, region))?;
        match plans.parse(dialled, region) {
            Ok(number) => Some(Self { number, plans }),
            // Some dial abroad otherwise than with a plus, and by what comes then the number is of a further country.
            Err(ParseError::InvalidCountryCode) => {
                let plans = of_the_world()?;
                plans.parse(dialled, region).ok().map(|number| Self { number, plans })
            }
            Err(_) => None,
        }
    }

    pub(super) fn exists(&self) -> bool {
        self.plans.is_valid_number(&self.number)
    }

    /// In some plans, the North American among them, a mobile number cannot be told from another.
    pub(super) fn is_mobile(&self) -> bool {
        let kind = self.plans.get_number_type(&self.number);
        matches!(kind, PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile)
    }

    pub(super) fn e164(&self) -> String {
        self.plans.format(&self.number, PhoneNumberFormat::E164).into_owned()
    }

    /// The code of its country, such as 98.
    pub(super) fn country(&self) -> String {
        self.number.country_code.to_string()
    }
}

/// The countries whose plans decide what these digits are: that where they are dialled, and that whose code follows a plus.
/// No code begins with another one.
fn countries_of(dialled: &str, region: Option<PhoneRegion>) -> Vec<&'static str> {
    let abroad = dialled.strip_prefix('+');
    let is_meant = |plans: &&Plans| {
        abroad.is_some_and(|digits| digits.starts_with(plans.country))
            || plans.regions.iter().any(|name| region.is_some() && PhoneRegion::from_str(name).ok() == region)
    };
    ALL.iter().filter(is_meant).map(|plans| plans.country).collect()
}

/// The plans of these countries, perhaps among others.
fn plans_of(countries: &[&'static str]) -> Option<Arc<PhoneNumberUtil>> {
    let read = READ.read().unwrap_or_else(PoisonError::into_inner).clone();
    if read.plans.is_some() && countries.iter().all(|country| read.countries.contains(country)) {
        return read.plans;
    }
    let mut wanted = read.countries;
    wanted.extend(countries);
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() > MOST_COUNTRIES { of_the_world() } else { keep(wanted) }
}

/// The plans of the whole world.
pub(crate) fn of_the_world() -> Option<Arc<PhoneNumberUtil>> {
    let read = READ.read().unwrap_or_else(PoisonError::into_inner).clone();
    if read.countries.len() == ALL.len() { read.plans } else { keep(ALL.iter().map(|plans| plans.country).collect()) }
}

fn keep(countries: Vec<&'static str>) -> Option<Arc<PhoneNumberUtil>> {
    let mut metadata = Vec::new();
    for plans in ALL.iter().filter(|plans| countries.contains(&plans.country)) {
        metadata.extend(PhoneMetadataCollection::decode(plans.encoded).ok()?.metadata);
    }
    let plans = Arc::new(PhoneNumberUtil::new_for_metadata(PhoneMetadataCollection { metadata }).ok()?);
    *READ.write().unwrap_or_else(PoisonError::into_inner) = Read { countries, plans: Some(Arc::clone(&plans)) };
    Some(plans)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the library makes of a number with the plans of the world, it makes of it with those of its countries: each
    /// region's examples of each kind, dialled in each way, from home and from some that dial abroad in their own ways.
    #[test]
    fn the_countries_in_question_decide_as_the_whole_world_does() {
        let world = of_the_world().unwrap();
        let kinds = [
            PhoneNumberType::Mobile,
            PhoneNumberType::FixedLine,
            PhoneNumberType::TollFree,
            PhoneNumberType::PremiumRate,
            PhoneNumberType::VoIP,
            PhoneNumberType::PersonalNumber,
        ];
        let regions: Vec<PhoneRegion> = world.get_supported_regions().collect();
        assert!(regions.len() > 240, "{} regions", regions.len());
        let abroad = ["US", "AU", "BR", "IR", "DE", "RU"].map(|code| PhoneRegion::from_str(code).unwrap());
        let mut tried = 0;
        for (at, region) in regions.iter().enumerate() {
            for example in
                kinds.iter().filter_map(|kind| world.get_example_number_for_type_and_region(*region, *kind).ok())
            {
                let full = world.format(&example, PhoneNumberFormat::E164).into_owned();
                let home = world.format(&example, PhoneNumberFormat::National).into_owned();
                let home: String = home.chars().filter(char::is_ascii_digit).collect();
                let from = abroad[at % abroad.len()];
                let out = world.format_out_of_country_calling_number(&example, from).into_owned();
                let out: String = out.chars().filter(|character| character.is_ascii_digit()).collect();
                for (dialled, at) in
                    [(full.as_str(), None), (&full, Some(from)), (&home, Some(*region)), (&out, Some(from))]
                {
                    // As a process does that has read nothing yet.
                    *READ.write().unwrap() = Read::default();
                    let read = Number::read(dialled, at).map(|read| (read.e164(), read.exists(), read.is_mobile()));
                    let whole = world.parse(dialled, at).ok().map(|number| {
                        let whole = Number { number, plans: Arc::clone(&world) };
                        (whole.e164(), whole.exists(), whole.is_mobile())
                    });
                    assert_eq!(read, whole, "{dialled} in {at:?}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 3_000, "{tried} numbers were read");
    }

    #[test]
    fn a_number_at_home_needs_the_plans_of_its_country_and_one_abroad_those_of_both() {
        let iran = PhoneRegion::from_str("IR").ok();
        assert_eq!(countries_of("09121234567", iran), ["98"]);
        assert_eq!(countries_of("+16502530000", iran), ["1", "98"]);
        assert_eq!(countries_of("+491711234567", None), ["49"]);
        assert!(countries_of("+0", None).is_empty());
    }

    #[test]
    fn no_code_of_a_country_begins_with_another_one() {
        for plans in &ALL {
            let longer = ALL.iter().filter(|other| other.country.starts_with(plans.country));
            assert_eq!(longer.count(), 1, "{}", plans.country);
        }
    }
}

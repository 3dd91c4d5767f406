//! Countries and mobile numbers as they come from outside, by the numbering plans of the world.

use rlibphonenumber::enums::Region as PhoneRegion;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};
use std::str::FromStr;

use super::{Mobile, Region};
use crate::problem::Rejection;
use crate::text::to_ascii_digits;

impl Region {
    pub fn parse(code: &str) -> Result<Self, Rejection> {
        PhoneRegion::from_str(code)
            .map(|_| Self(code.to_owned()))
            .map_err(|_| Rejection::new("unknown_region", "This is not a region code such as IR or DE."))
    }
}

impl Mobile {
    /// Reads a number as people type it: local or international, with spaces, with Persian or Arabic digits.
    pub fn parse(text: &str, region: &Region) -> Result<Self, Rejection> {
        let refused = |detail: &str| Rejection::new("invalid_mobile", detail);
        let region = PhoneRegion::from_str(region.as_str()).ok();
        let number = PHONE_NUMBER_UTIL
            .parse(to_ascii_digits(text.trim()), region)
            .map_err(|_| refused("This cannot be read as a phone number."))?;
        if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return Err(refused("No such phone number exists in its country's numbering plan."));
        }
        let kind = PHONE_NUMBER_UTIL.get_number_type(&number);
        // In some plans, the North American among them, a mobile number cannot be told from another.
        if matches!(kind, PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile) {
            Ok(Self(number.format_as(PhoneNumberFormat::E164).into_owned()))
        } else {
            Err(refused("This is not a mobile number, so it cannot receive an SMS."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn iran() -> Region {
        Region::parse("IR").unwrap()
    }

    #[test]
    fn mobile_numbers_are_taken_as_people_type_them() {
        for typed in
            ["09121234567", "0912 123 4567", "+98 912 123 4567", "۰۹۱۲۱۲۳۴۵۶۷", "٠٩١٢١٢٣٤٥٦٧", "00989121234567"]
        {
            assert_eq!(Mobile::parse(typed, &iran()).unwrap().as_str(), "+989121234567", "{typed}");
        }
    }

    #[test]
    fn numbers_that_cannot_receive_an_sms_are_refused_with_a_reason() {
        for bad in ["021 8888 8888", "12345", "hello", "", "+98912123456789"] {
            assert_eq!(Mobile::parse(bad, &iran()).unwrap_err().code, "invalid_mobile", "{bad}");
        }
    }

    #[test]
    fn what_is_not_the_code_of_a_region_is_refused() {
        assert_eq!(Region::parse("US"), Ok(Region::united_states()));
        for bad in ["", "Iran"] {
            assert_eq!(Region::parse(bad).unwrap_err().code, "unknown_region", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_text_as_a_number_never_panics(text in ".{0,60}") {
            let _ = Mobile::parse(&text, &iran());
        }
    }
}

//! Feeds any text to the parsers of mobile numbers, email addresses and web addresses. What is accepted must be accepted
//! again as the very same, a number also in every other region, because that is how it is compared and sent afterwards;
//! a number must be E.164, and an email address must hold nothing that could begin a header or a second address.

#![no_main]

use std::sync::LazyLock;

use domain::address::{Email, Mobile, Region};
use domain::text::parse_web_address;
use libfuzzer_sys::fuzz_target;

static REGIONS: LazyLock<Vec<Region>> =
    LazyLock::new(|| ["IR", "DE", "US", "AR", "IT"].iter().map(|code| Region::parse(code).unwrap()).collect());

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    for region in REGIONS.iter() {
        let Ok(mobile) = Mobile::parse(text, region) else { continue };
        let digits = mobile.as_str().strip_prefix('+').expect("E.164 begins with a plus");
        assert!((5..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{digits}");
        for other in REGIONS.iter() {
            assert_eq!(Mobile::parse(mobile.as_str(), other).as_ref(), Ok(&mobile));
        }
    }
    if let Ok(email) = Email::parse(text) {
        assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(&email));
        assert!(email.as_str().bytes().all(|b| b.is_ascii_graphic()), "{email:?}");
        assert_eq!(email.as_str().matches('@').count(), 1, "{email:?}");
        assert!(!email.as_str().contains([',', ';', '<', '>', '"', '(', ')']), "{email:?}");
    }
    if let Ok(address) = parse_web_address(text) {
        assert_eq!(address, text);
        // It is shown on pages as it was written.
        assert!(!address.chars().any(char::is_control), "{address:?}");
    }
});

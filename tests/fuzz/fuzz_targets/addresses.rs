//! Feeds any text to the parsers of mobile numbers, email addresses, ids on networks, hosts and web addresses. What is
//! accepted must be accepted again as the very same, a number also in every other region, because that is how it is
//! compared and sent afterwards. A number must be E.164 and must have the digits that were typed, up to what one dials before
//! a number; an email address must hold nothing that could begin a header or a second address; and a web address must lead
//! where the very same browser would have gone.

#![no_main]

use std::sync::LazyLock;

use domain::address::{Email, Mobile, Region, SocialId};
use domain::text::{parse_host, parse_web_address, to_ascii_digits};
use libfuzzer_sys::fuzz_target;
use url::Url;

static REGIONS: LazyLock<Vec<Region>> =
    LazyLock::new(|| ["IR", "DE", "US", "AR", "IT"].iter().map(|code| Region::parse(code).unwrap()).collect());

/// The last digits of a number are the subscriber's in every plan, also where those before them change on the way abroad.
const OF_THE_SUBSCRIBER: usize = 5;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    for region in REGIONS.iter() {
        let Ok(mobile) = Mobile::parse(text, region) else { continue };
        let digits = mobile.as_str().strip_prefix('+').expect("E.164 begins with a plus");
        assert!((5..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{digits}");
        let typed: String = to_ascii_digits(text).chars().filter(char::is_ascii_digit).collect();
        let last = &digits[digits.len().saturating_sub(OF_THE_SUBSCRIBER)..];
        assert!(typed.ends_with(last) && typed.len() <= digits.len() + 7, "{text:?} {digits}");
        // Fillers are letters that nobody sees.
        let is_filler =
            |c: char| matches!(c, '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}');
        let letters: String = text.chars().filter(|c| c.is_alphabetic() && !is_filler(*c)).collect();
        assert!(letters.is_empty() || ["tel", "ｔｅｌ"].contains(&letters.to_lowercase().as_str()), "{text:?}");
        assert!(!text.trim().contains([';', ',', '#', '*', '~', '\n']), "{text:?}");
        for other in REGIONS.iter() {
            assert_eq!(Mobile::parse(mobile.as_str(), other).as_ref(), Ok(&mobile));
        }
    }
    if let Ok(email) = Email::parse(text) {
        assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(&email));
        assert!(email.as_str().bytes().all(|b| b.is_ascii_graphic()), "{email:?}");
        assert!(!email.as_str().contains([',', ';', '<', '>', '"', '(', ')']), "{email:?}");
        let (_, domain) = email.as_str().split_once('@').expect("an address has an @");
        let of_a_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
        assert!(domain.contains('.') && domain.bytes().all(of_a_domain), "{email:?}");
    }
    if let Ok(id) = SocialId::parse(text) {
        assert_eq!(SocialId::parse(id.as_str()), Ok(id));
    }
    if let Ok(host) = parse_host(text) {
        assert_eq!(parse_host(&host).as_ref(), Ok(&host));
        let address = Url::parse(&format!("https://{host}/")).expect("a host makes an address");
        assert_eq!(address.host_str(), Some(host.as_str()));
    }
    if let Ok(address) = parse_web_address(text) {
        assert_eq!(parse_web_address(&address).as_ref(), Ok(&address));
        assert!(address.bytes().all(|b| b.is_ascii_graphic()), "{address:?}");
        let (typed, kept) = (Url::parse(text).unwrap(), Url::parse(&address).unwrap());
        assert_eq!(typed, kept);
        assert!(kept.username().is_empty() && kept.password().is_none(), "{address}");
    }
});

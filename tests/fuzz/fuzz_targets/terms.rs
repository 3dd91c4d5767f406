//! Feeds any text to the parsers of locales, currencies, regions, time zones and expiries. What is accepted must print
//! back to itself, in its canonical spelling where there is one, and the end of a link must lie ahead and within the
//! longest life, wherever the business is.

#![no_main]

use std::sync::LazyLock;

use domain::Timestamp;
use domain::address::Region;
use domain::calendar::parse_time_zone;
use domain::gateway::GatewayKind;
use domain::link::LONGEST_DAYS;
use domain::locale::Locale;
use domain::money::{Currency, Money};
use domain::requests::expiry::Expiry;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-11-23T22:00:00Z".parse().unwrap());

static ZONES: LazyLock<Vec<TimeZone>> = LazyLock::new(|| {
    ["Asia/Tehran", "Pacific/Apia", "America/New_York"].iter().map(|name| parse_time_zone(name).unwrap()).collect()
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(locale) = Locale::parse(text) {
        assert_eq!(Locale::parse(locale.as_str()).as_ref(), Ok(&locale));
        assert!(locale.as_str().is_ascii());
        let amount = Money::new(1_500_000, Currency::IRR).unwrap();
        assert!(!amount.display(locale.language(), false).is_empty());
    }
    if let Ok(currency) = Currency::parse(text) {
        assert_eq!(currency.code(), text);
    }
    if let Ok(region) = Region::parse(text) {
        assert_eq!(region.as_str(), text);
    }
    if let Ok(kind) = GatewayKind::parse(text) {
        assert_eq!(kind.as_str(), text);
    }
    let zone = parse_time_zone(text).ok();
    if let Some(zone) = &zone {
        let name = zone.iana_name().expect("a time zone has a name that can be stored");
        assert_eq!(parse_time_zone(name).as_ref(), Ok(zone));
    }
    let Ok(expiry) = Expiry::parse(text) else { return };
    match expiry {
        Expiry::At(instant) => assert_eq!(Expiry::parse(&instant.to_string()), Ok(expiry)),
        Expiry::EndOf(date) => assert_eq!(Expiry::parse(&date.to_string()), Ok(expiry)),
        Expiry::InDays(_) => panic!("a text is no number of days"),
    }
    for zone in ZONES.iter().chain(&zone) {
        if let Ok(end) = expiry.resolve(*NOW, zone) {
            assert!(end > *NOW);
            assert!(end.duration_since(*NOW).as_hours() <= (LONGEST_DAYS + 1) * 24);
        }
    }
});

//! Feeds any query string, decoded as a browser's return is, to all gateways' readers. Only the gateway's own word may
//! count as a report of a payment, the other gateway's parameters never do, a return without it says nothing, and
//! writing the pairs down again in another encoding must not change what is read.

#![no_main]

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::gateway::{GatewayKind, GatewayRulebook, Mode};
use domain::ids::{AccountId, CredentialsVersion, ReturnKey};
use domain::link::Hint;
use domain::link::{Attempt, Checkout, NewAttempt, OpenedSession};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use gateways::read_return;
use libfuzzer_sys::fuzz_target;
use url::form_urlencoded;

/// Credentials of a sandbox account at each gateway.
fn credentials(gateway: GatewayKind) -> Credentials {
    let fields: &[(&str, &str)] = match gateway {
        GatewayKind::Zarinpal => &[("merchant_id", "1344b5d4-0048-11e8-94db-005056a205be")],
        GatewayKind::Zibal => &[("merchant", "zibal")],
        GatewayKind::Sep => &[("terminal_id", "2015")],
        GatewayKind::Stripe => &[("secret_key", "sk_test_1")],
        GatewayKind::Mollie => &[("api_key", "test_012345678901234567890123456789")],
        GatewayKind::Razorpay => &[("key_id", "rzp_test_1"), ("key_secret", "secret")],
    };
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Credentials::parse(gateway, Mode::Sandbox, fields, "").unwrap()
}

fn attempt(gateway: GatewayKind) -> Attempt {
    let new = NewAttempt {
        key: ReturnKey::from_random([7; 16]),
        gateway,
        account_id: AccountId::parse("main").unwrap(),
        credentials: CredentialsVersion::parse("v1").unwrap(),
        money: Money::new(50_000, Currency::parse(gateway.profile().currencies[0]).unwrap()).unwrap(),
    };
    let checkout = Checkout::link("https://gateway.example/".to_owned());
    let opened = OpenedSession { session: "session".to_owned(), checkout };
    new.opened(opened, GatewayRulebook::default().rules(gateway), Timestamp::from_second(1_800_000_000).unwrap())
}

fn pairs(query: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(query).into_owned().collect()
}

fuzz_target!(|data: &[u8]| {
    let query = pairs(data);
    let again = form_urlencoded::Serializer::new(String::new()).extend_pairs(&query).finish();
    assert_eq!(pairs(again.as_bytes()), query);
    // Zarinpal's word is taken in any case; Stripe's is our own and comes back as we wrote it.
    let zarinpal: fn(&str) -> bool = |word| word.eq_ignore_ascii_case("OK");
    let stripe: fn(&str) -> bool = |word| word == "success";
    for (gateway, name, says_paid) in
        [(GatewayKind::Zarinpal, "Status", zarinpal), (GatewayKind::Stripe, "outcome", stripe)]
    {
        let expected = match query.get(name) {
            None => Hint::Nothing,
            Some(word) if says_paid(word) => Hint::Paid,
            Some(_) => Hint::NotPaid,
        };
        let (attempt, credentials) = (attempt(gateway), credentials(gateway));
        let read = read_return(&attempt, &query, &credentials);
        assert_eq!(read, expected.into(), "{query:?}");
        let alone: BTreeMap<_, _> = query.clone().into_iter().filter(|(key, _)| key == name).collect();
        assert_eq!(read_return(&attempt, &alone, &credentials), read);
    }
    // What a return brings is a word that fits into a call, and only where it reports a payment. Nobody can sign one.
    for gateway in GatewayKind::ALL {
        let return_data = read_return(&attempt(gateway), &query, &credentials(gateway));
        if let Some(return_reference) = &return_data.return_reference {
            assert_eq!(return_data.hint, Hint::Paid);
            assert!(
                (1..=50).contains(&return_reference.len()) && return_reference.bytes().all(|b| b.is_ascii_graphic())
            );
            assert!(query.values().any(|value| value.trim() == return_reference));
        }
        if matches!(gateway, GatewayKind::Razorpay | GatewayKind::Mollie) {
            assert_eq!(return_data, Hint::Nothing.into());
        }
    }
});

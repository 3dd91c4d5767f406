//! Feeds any query string, decoded as a browser's return is, to both gateways' readers. Only the gateway's own word may
//! count as a report of a payment, the other gateway's parameters never do, a return without it says nothing, and
//! writing the pairs down again in another encoding must not change what is read.

#![no_main]

use std::collections::BTreeMap;

use domain::gateway::GatewayKind;
use domain::link::Report;
use gateways::read_return;
use libfuzzer_sys::fuzz_target;
use url::form_urlencoded;

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
            None => Report::Nothing,
            Some(word) if says_paid(word) => Report::Paid,
            Some(_) => Report::NotPaid,
        };
        let read = read_return(gateway, &query);
        assert_eq!(read, expected, "{query:?}");
        let alone: BTreeMap<_, _> = query.clone().into_iter().filter(|(key, _)| key == name).collect();
        assert_eq!(read_return(gateway, &alone), read);
    }
});

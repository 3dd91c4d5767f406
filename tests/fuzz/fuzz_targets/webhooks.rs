//! Feeds any header and body, with a line break between them, to the readers of webhooks. A header that was not made with
//! the secret must never be listened to, whatever it holds; the same body rightly signed must be, and what is then read
//! must be written in the body; the right signature must not count when it is old (Stripe), made with another secret or in
//! the other gateway's way, or stands over a body that differs in one bit. Mollie signs nothing: there the first line is
//! the query of the address, and what is read must be written in it. The gateways of Iran send none at all.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::Timestamp;
use domain::gateway::{GatewayKind, Mode};
use domain::link::Hint;
use domain::records::credentials::Credentials;
use gateways::{Fields, WebhookError, WebhookHint, WebhookRequest, WebhookSubject, read_webhook};
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::Sha256;
use url::form_urlencoded;

const SECRET: &str = "whsec_0123456789abcdef";
const EARLIER_SECRET: &str = "whsec_of_an_earlier_day";
const NOW: i64 = 1_800_000_000;

type Read = Result<Option<WebhookHint>, WebhookError>;

fn credentials(gateway: GatewayKind, given: &[(&str, &str)]) -> Credentials {
    let fields: BTreeMap<_, _> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Credentials::parse(gateway, Mode::Sandbox, fields, "").unwrap()
}

/// Of an earlier day and of today.
static AT_STRIPE: LazyLock<Vec<Credentials>> = LazyLock::new(|| {
    let with = |secret| credentials(GatewayKind::Stripe, &[("secret_key", "sk_test_1"), ("webhook_secret", secret)]);
    vec![with(EARLIER_SECRET), with(SECRET)]
});

static AT_RAZORPAY: LazyLock<Vec<Credentials>> = LazyLock::new(|| {
    let key = [("key_id", "rzp_test_1"), ("key_secret", "secret")];
    let with = |secret| credentials(GatewayKind::Razorpay, &[key[0], key[1], ("webhook_secret", secret)]);
    vec![with(EARLIER_SECRET), with(SECRET)]
});

/// A signed gateway's reading.
fn read(gateway: GatewayKind, signature: Option<&str>, body: &[u8]) -> Read {
    let (expected, known) = match gateway {
        GatewayKind::Razorpay => ("x-razorpay-signature", &AT_RAZORPAY),
        _ => ("stripe-signature", &AT_STRIPE),
    };
    let given = |name: &str| signature.filter(|_| name == expected).map(str::to_owned);
    let request = WebhookRequest { header: &given, query: &Fields::new(), body };
    read_webhook(gateway, request, known, Timestamp::from_second(NOW).unwrap())
}

fn read_unsigned(gateway: GatewayKind, header: &str, query: &Fields, body: &[u8]) -> Read {
    let given = |_: &str| Some(header.to_owned());
    let request = WebhookRequest { header: &given, query, body };
    read_webhook(gateway, request, &[], Timestamp::from_second(NOW).unwrap())
}

fn hmac_of(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}

/// As Stripe signs.
fn signed(secret: &str, at: i64, body: &[u8]) -> String {
    format!("t={at},v1={}", hmac_of(secret, &[format!("{at}.").as_bytes(), body]))
}

/// The body with one bit of it changed, unless it is empty.
fn with_another_bit(body: &[u8], place: usize) -> Option<Vec<u8>> {
    let place = place.checked_rem(body.len())?;
    let mut other = body.to_vec();
    other[place] ^= 1;
    Some(other)
}

fn try_stripe(header: &str, body: &[u8]) {
    let refused = Err(WebhookError::BadSignature);
    assert_eq!(read(GatewayKind::Stripe, Some(header), body), refused);
    assert_eq!(read(GatewayKind::Stripe, None, body), refused);
    assert_eq!(read(GatewayKind::Stripe, Some(&signed(SECRET, NOW - 301, body)), body), refused);
    assert_eq!(read(GatewayKind::Stripe, Some(&signed("whsec_of_somebody_else", NOW, body)), body), refused);
    assert_eq!(read(GatewayKind::Stripe, Some(&hmac_of(SECRET, &[body])), body), refused);

    let signature = signed(SECRET, NOW, body);
    let understood = read(GatewayKind::Stripe, Some(&signature), body);
    assert_ne!(understood, refused);
    assert_eq!(read(GatewayKind::Stripe, Some(&signed(EARLIER_SECRET, NOW, body)), body), understood);
    if let Some(other) = with_another_bit(body, header.len()) {
        assert_eq!(read(GatewayKind::Stripe, Some(&signature), &other), refused);
    }
    if let Ok(Some(hint)) = understood {
        // A field that nobody reads may hold a text that is none, such as half of a surrogate pair.
        assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok());
        let Ok(event) = serde_json::from_slice::<Value>(body) else { return };
        let (object, kind) = (&event["data"]["object"], event["type"].as_str().unwrap());
        let is_of_refund = kind.starts_with("refund.") || matches!(kind, "charge.refunded" | "charge.refund.updated");
        match &hint.about {
            WebhookSubject::Payment { claim, mode } => {
                assert_eq!(*claim, format!("stripe#{}", object["payment_intent"].as_str().unwrap()));
                assert_eq!(event["livemode"], *mode == Mode::Live);
                assert!(hint.hint == Hint::Changed && (is_of_refund || kind.starts_with("charge.dispute.")), "{kind}");
            }
            WebhookSubject::Attempt { link, attempt } => {
                assert_eq!(object["metadata"]["paylink_link"], link.as_str());
                if hint.hint == Hint::Changed {
                    assert_eq!(object["metadata"]["paylink_attempt"], attempt.as_str());
                    assert!(is_of_refund, "{kind}");
                } else {
                    assert_eq!(object["client_reference_id"], attempt.as_str());
                    assert!(kind.starts_with("checkout.session."));
                }
            }
        }
    }
}

fn try_razorpay(header: &str, body: &[u8]) {
    let refused = Err(WebhookError::BadSignature);
    assert_eq!(read(GatewayKind::Razorpay, Some(header), body), refused);
    assert_eq!(read(GatewayKind::Razorpay, None, body), refused);
    assert_eq!(read(GatewayKind::Razorpay, Some(&hmac_of("of_somebody_else", &[body])), body), refused);
    assert_eq!(read(GatewayKind::Razorpay, Some(&signed(SECRET, NOW, body)), body), refused);

    let signature = hmac_of(SECRET, &[body]);
    let understood = read(GatewayKind::Razorpay, Some(&signature), body);
    assert_ne!(understood, refused);
    assert_eq!(read(GatewayKind::Razorpay, Some(&hmac_of(EARLIER_SECRET, &[body])), body), understood);
    assert_eq!(read(GatewayKind::Razorpay, Some(&signature[..signature.len() - 2]), body), refused);
    if let Some(other) = with_another_bit(body, header.len()) {
        assert_eq!(read(GatewayKind::Razorpay, Some(&signature), &other), refused);
    }
    if let Ok(Some(hint)) = understood {
        assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok());
        let Ok(event) = serde_json::from_slice::<Value>(body) else { return };
        let (payload, kind) = (&event["payload"], event["event"].as_str().unwrap());
        let WebhookSubject::Attempt { link, attempt: named } = &hint.about else { panic!("{hint:?}") };
        let names = |of: &str, attempt: &Value| {
            *attempt == named.as_str() && payload[of]["entity"]["notes"]["paylink_link"] == link.as_str()
        };
        let is_noted = |of: &str| names(of, &payload[of]["entity"]["notes"]["paylink_attempt"]);
        if hint.hint == Hint::Changed {
            // A refund of ours names our attempt; of everything else its payment does.
            let is_refund = kind.starts_with("refund.") && (is_noted("refund") || is_noted("payment"));
            assert!(is_refund || kind.starts_with("payment.dispute.") && is_noted("payment"), "{kind}");
        } else {
            assert!(names("payment_link", &payload["payment_link"]["entity"]["reference_id"]));
            assert!(kind.starts_with("payment_link."));
        }
    }
}

fn pairs(form: &[u8]) -> Fields {
    form_urlencoded::parse(form).into_owned().collect()
}

fn try_mollie(query: &str, body: &[u8]) {
    let fields = pairs(query.as_bytes());
    let understood = read_unsigned(GatewayKind::Mollie, query, &fields, body);
    assert_eq!(read_unsigned(GatewayKind::Mollie, "", &fields, body), understood, "no header counts");
    let id = pairs(body).remove("id").unwrap_or_default();
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    assert_eq!(understood == Err(WebhookError::Unreadable), !is_id, "{id:?}");
    if let Ok(Some(hint)) = understood {
        let WebhookSubject::Attempt { link, attempt } = &hint.about else { panic!("{hint:?}") };
        assert_eq!(fields.get("link").map(String::as_str), Some(link.as_str()));
        assert_eq!(fields.get("attempt").map(String::as_str), Some(attempt.as_str()));
        // Whatever it is about, it is only a reason to ask.
        assert_eq!(hint.hint, Hint::Changed);
    }
}

fuzz_target!(|data: &[u8]| {
    let line_break = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (header, body) = (&data[..line_break], data.get(line_break + 1..).unwrap_or_default());
    let Ok(header) = str::from_utf8(header) else { return };
    for gateway in [GatewayKind::Zarinpal, GatewayKind::Zibal, GatewayKind::Sep] {
        assert_eq!(read_unsigned(gateway, header, &Fields::new(), body), Err(WebhookError::NotSpoken));
    }
    try_stripe(header, body);
    try_razorpay(header, body);
    try_mollie(header, body);
});

//! Feeds any header and body, with a line break between them, to the reader of webhooks. A header that was not made with
//! the secret must never be listened to, whatever it holds; the same body rightly signed must be, and what is then read
//! must be written in the body; the right signature must not count when it is old, made with another secret, or stands
//! over a body that differs in one bit. Zarinpal sends none at all.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::Timestamp;
use domain::credentials::Credentials;
use domain::gateway::{GatewayKind, Mode};
use gateways::{Fields, Hint, Notice, WebhookError, read_webhook};
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::Sha256;

const SECRET: &str = "whsec_0123456789abcdef";
const EARLIER_SECRET: &str = "whsec_of_an_earlier_day";
const NOW: i64 = 1_800_000_000;

fn credentials_with(secret: &str) -> Credentials {
    let fields = [("secret_key", "sk_test_1"), ("webhook_secret", secret)];
    let fields: BTreeMap<_, _> = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Credentials::parse(GatewayKind::Stripe, Mode::Sandbox, fields, "").unwrap()
}

static CREDENTIALS: LazyLock<Vec<Credentials>> =
    LazyLock::new(|| vec![credentials_with(EARLIER_SECRET), credentials_with(SECRET)]);

fn read(gateway: GatewayKind, header: Option<&str>, body: &[u8]) -> Result<Option<Hint>, WebhookError> {
    let now = Timestamp::from_second(NOW).unwrap();
    let given = |name: &str| header.filter(|_| name == "stripe-signature").map(str::to_owned);
    let notice = Notice { header: &given, query: &Fields::new(), body };
    read_webhook(gateway, notice, &CREDENTIALS, now)
}

fn signed(secret: &str, at: i64, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

fuzz_target!(|data: &[u8]| {
    let line_break = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (header, body) = (&data[..line_break], data.get(line_break + 1..).unwrap_or_default());
    let Ok(header) = str::from_utf8(header) else { return };
    let refused = Err(WebhookError::BadSignature);

    assert_eq!(read(GatewayKind::Zarinpal, Some(header), body), Err(WebhookError::NotSpoken));
    assert_eq!(read(GatewayKind::Stripe, Some(header), body), refused);
    assert_eq!(read(GatewayKind::Stripe, None, body), refused);
    assert_eq!(read(GatewayKind::Stripe, Some(&signed(SECRET, NOW - 301, body)), body), refused);
    assert_eq!(read(GatewayKind::Stripe, Some(&signed("whsec_of_somebody_else", NOW, body)), body), refused);

    let signature = signed(SECRET, NOW, body);
    let understood = read(GatewayKind::Stripe, Some(&signature), body);
    assert_ne!(understood, refused);
    assert_eq!(read(GatewayKind::Stripe, Some(&signed(EARLIER_SECRET, NOW, body)), body), understood);
    if let Some(place) = header.len().checked_rem(body.len()) {
        let mut other = body.to_vec();
        other[place] ^= 1;
        assert_eq!(read(GatewayKind::Stripe, Some(&signature), &other), refused);
    }
    if let Ok(Some(hint)) = understood {
        // A field that nobody reads may hold a text that is none, such as half of a surrogate pair.
        assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok());
        let Ok(event) = serde_json::from_slice::<Value>(body) else { return };
        let session = &event["data"]["object"];
        assert_eq!(session["client_reference_id"], hint.attempt.as_str());
        assert_eq!(session["metadata"]["paylink_link"], hint.link.as_str());
        assert!(event["type"].as_str().is_some_and(|kind| kind.starts_with("checkout.session.")));
    }
});

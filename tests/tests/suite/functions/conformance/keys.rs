//! Keys are replaced, and revoked, while people are paying.

use domain::gateway::GatewayKind;
use paylink_local::seed::{
    MOLLIE_KEY, RAZORPAY_KEY, RAZORPAY_WEBHOOK_SECRET, STRIPE_KEY, STRIPE_WEBHOOK_SECRET, ZARINPAL_MERCHANT,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::scene::{MINUTE, Scene};

pub(super) async fn a_key_that_is_revoked_while_somebody_pays_strands_nothing(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let (paid, less) = (scene.link().await, scene.link().await);
    world.choose(&world.go_to_gateway(&paid).await, scene.row.silent).await;
    world.pay(&less, "paid_less").await;
    replace_key(&scene).await;
    scene.sweep_after(MINUTE).await;
    scene.assert_paid_once(&paid).await;
    let reply = scene.decide_to_refund(&less).await;
    assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
    scene.sweep_after(MINUTE).await;
    scene.assert_refunded(&less).await;
    // Whoever opens a link now begins with the new key.
    let next = scene.link().await;
    world.pay(&next, scene.row.returning).await;
    scene.assert_paid_once(&next).await;
}

pub(super) async fn a_merchant_that_is_switched_off_ends_nothing(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    world.choose(&world.go_to_gateway(&link).await, scene.row.silent).await;
    let merchant = if scene.row.gateway == GatewayKind::Zarinpal { ZARINPAL_MERCHANT } else { "zibal" };
    scene.order("revoke_key", json!({ "key": merchant })).await;
    scene.sweep_often(3, 2 * MINUTE).await;
    let status = scene.attempt(&link, 0).await["status"].clone();
    assert!(["open", "confirming"].contains(&status.as_str().unwrap()), "{name}: {status}");
    scene.assert_nothing_kept(&link).await;
    scene.sweep_after(73 * 60 * MINUTE).await;
    let attempt = scene.attempt(&link, 0).await;
    assert_eq!(
        (&attempt["status"], &attempt["reason"]),
        (&json!("needs_review"), &json!("gateway_does_not_answer")),
        "{name}: {attempt}"
    );
}

/// The business makes a new key at the gateway, gives it to the account, and revokes the old one.
async fn replace_key(scene: &Scene) {
    let (old, new, credentials) = replacement(scene.row.gateway);
    scene.order("revoke_key", json!({ "key": old, "replaced_by": new })).await;
    let account = &scene.account;
    let online = json!({ "enabled": true, "gateway": scene.name(), "credentials": credentials });
    let body = json!({
        "name": account["name"], "currency": account["currency"], "mode": account["mode"], "online_payment": online,
    });
    let path = format!("/v1/accounts/{}", account["id"].as_str().unwrap());
    let reply = scene.world.crm(Method::PUT, &path, body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}: {}", scene.name(), reply.text);
}

/// The demo business's key, another one, and the credentials that hold it.
fn replacement(gateway: GatewayKind) -> (&'static str, &'static str, Value) {
    match gateway {
        GatewayKind::Stripe => {
            let new = "sk_test_localDemoBusinessNew";
            (STRIPE_KEY, new, json!({ "secret_key": new, "webhook_secret": STRIPE_WEBHOOK_SECRET }))
        }
        GatewayKind::Mollie => {
            let new = "test_localDemoBusinessNewKeyOfThirtyChars";
            (MOLLIE_KEY, new, json!({ "api_key": new }))
        }
        GatewayKind::Razorpay => {
            let new = "rzp_test_localDemoBusinessNew";
            let credentials =
                json!({ "key_id": new, "key_secret": "localDemoNewSecret", "webhook_secret": RAZORPAY_WEBHOOK_SECRET });
            (RAZORPAY_KEY, new, credentials)
        }
        GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => panic!("{gateway:?} has no such key"),
    }
}

//! Whose an address is: a gateway's call at one business's address says nothing about another's payment, and a business
//! whose links begin with a host of its own is found at that.

use hmac::{Hmac, KeyInit, Mac};
use paylink_local::seed::{
    BAZAAR, BAZAAR_KEY, BAZAAR_STRIPE_WEBHOOK_SECRET, MOLLIE_KEY, PLATFORM_KEY, STRIPE_KEY, STRIPE_WEBHOOK_SECRET,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tests::World;

use super::super::settings_are_read_again;
use super::{bazaar_link, put_as_bazaar};

/// Stripe's event that a session was paid, signed with this secret.
async fn call_of_stripe(world: &World, address: &str, secret: &str, link: &Value) -> StatusCode {
    let id = domain::ids::LinkId::parse(link["id"].as_str().unwrap()).unwrap();
    let stored = world.cloud.store.link(&id).await.unwrap().unwrap();
    let attempt = &stored.attempts()[0];
    let object = json!({
        "id": attempt.session, "object": "checkout.session", "payment_status": "paid", "status": "complete",
        "client_reference_id": attempt.id.as_str(), "metadata": { "paylink_link": id.as_str() },
    });
    let event = json!({ "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1,
                        "data": { "object": object } });
    let (body, time) = (event.to_string(), domain::Timestamp::now().as_second());
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let signature = format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()));
    let headers = [("stripe-signature", signature.as_str()), ("content-type", "application/json")];
    world.send(Method::POST, address, &headers, Some(body)).await.status
}

#[tokio::test]
async fn a_gateways_call_at_another_businesss_address_does_nothing_whoever_signed_it() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_silent").await;
    // The other business even is the same merchant at Stripe, on an account that is called as this one's.
    let credentials = json!({ "secret_key": STRIPE_KEY, "webhook_secret": STRIPE_WEBHOOK_SECRET });
    let online = json!({ "enabled": true, "gateway": "stripe", "credentials": credentials });
    let account = json!({ "name": "Shared", "currency": "EUR", "mode": "sandbox", "online_payment": online });
    put_as_bazaar(&world, "/v1/accounts/euro", account).await;
    let before = world.link(&link).await;
    for (address, secret) in [
        ("/gateways/stripe/notify/bazaar/main", BAZAAR_STRIPE_WEBHOOK_SECRET),
        ("/gateways/stripe/notify/bazaar/euro", STRIPE_WEBHOOK_SECRET),
    ] {
        // A server that is told anything else calls again and again.
        assert_eq!(call_of_stripe(&world, address, secret, &link).await, StatusCode::OK, "{address}");
        assert_eq!(world.link(&link).await, before, "{address}");
    }
    // Nor does another's secret open an address.
    for (address, secret) in [
        ("/gateways/stripe/notify/demo/euro", BAZAAR_STRIPE_WEBHOOK_SECRET),
        ("/gateways/stripe/notify/bazaar/main", STRIPE_WEBHOOK_SECRET),
        ("/gateways/stripe/notify/nobody/euro", STRIPE_WEBHOOK_SECRET),
    ] {
        assert_eq!(call_of_stripe(&world, address, secret, &link).await, StatusCode::BAD_REQUEST, "{address}");
    }
    assert_eq!(world.link(&link).await, before);
    let own = call_of_stripe(&world, "/gateways/stripe/notify/demo/euro", STRIPE_WEBHOOK_SECRET, &link).await;
    assert_eq!((own, &world.link(&link).await["status"]), (StatusCode::OK, &json!("paid")));
}

/// Mollie signs nothing: whoever knows an address can call it.
#[tokio::test]
async fn an_unsigned_call_at_another_businesss_address_asks_nobody() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "mollie", "contact_id": "c-1042", "amount": 1999 });
    let link = world.make_link(body).await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_silent").await;
    let online = json!({ "enabled": true, "gateway": "mollie", "credentials": { "api_key": MOLLIE_KEY } });
    let account = json!({ "name": "Shared", "currency": "EUR", "mode": "sandbox", "online_payment": online });
    put_as_bazaar(&world, "/v1/accounts/mollie", account).await;
    let before = world.link(&link).await;
    let query =
        format!("?link={}&attempt={}", link["id"].as_str().unwrap(), before["attempts"][0]["id"].as_str().unwrap());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let call = async |business: &str| {
        let address = format!("/gateways/mollie/notify/{business}/mollie{query}");
        world.send(Method::POST, &address, &form, Some("id=tr_1".to_owned())).await.status
    };
    for business in ["bazaar", "nobody"] {
        assert_eq!(call(business).await, StatusCode::OK, "{business}");
        assert_eq!(world.link(&link).await, before, "{business}");
    }
    assert_eq!((call("demo").await, &world.link(&link).await["status"]), (StatusCode::OK, &json!("paid")));
}

#[tokio::test]
async fn a_business_with_a_host_of_its_own_is_found_there_by_customers_and_by_gateways() {
    const HOST: &str = "https://pay.bazaar.example";
    let world = World::in_process().await;
    let body = json!({ "name": "The Bazaar", "pay_url": "https://PAY.bazaar.example/" });
    let reply = world.crm_as(PLATFORM_KEY, Method::PUT, "/v1/businesses/bazaar", body, &[]).await;
    assert_eq!((reply.status, &reply.json()["pay_url"]), (StatusCode::OK, &json!(HOST)), "{}", reply.text);
    settings_are_read_again().await;

    let body =
        json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1999, "recipients": { "contact": true } });
    let reply = world.crm_as(BAZAAR_KEY, Method::POST, "/v1/payment-links", body, &[]).await;
    let link = reply.json();
    let url = link["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{HOST}/p/")), "{url}");
    let mail = world.inbox("customer@bazaar.example", 1).await;
    assert!(mail[0]["body"].as_str().unwrap().contains(url));
    // A proxy at that host leads here.
    let here = |url: &str| url.replace(HOST, &world.cloud.base_url());
    let page = world.open(&here(url)).await.location();
    let books = world.books("stripe").await;
    let back = books[0]["success_url"].as_str().unwrap();
    assert!(back.starts_with(&format!("{HOST}/gateways/stripe/return/")), "{back}");
    let chosen = world.choose(&page, "paid_no_webhook").await;
    let returned = world.open(&here(&chosen.location())).await;
    assert_eq!(returned.status, StatusCode::SEE_OTHER);
    assert_eq!(returned.location(), format!("{url}/result"), "the customer stays where they came from");
    let read = super::bazaars(&world, &super::path_of(&link)).await;
    assert_eq!(read["status"], "paid");

    // A gateway that is told with each session where to call is told the same host.
    let online = json!({ "enabled": true, "gateway": "mollie", "credentials": { "api_key": MOLLIE_KEY } });
    let account = json!({ "name": "Mollie", "currency": "EUR", "mode": "sandbox", "online_payment": online });
    put_as_bazaar(&world, "/v1/accounts/mollie", account).await;
    settings_are_read_again().await;
    let body = json!({ "account_id": "mollie", "contact_id": "c-1042", "amount": 1999 });
    let link = world.crm_as(BAZAAR_KEY, Method::POST, "/v1/payment-links", body, &[]).await.json();
    let page = world.open(&here(link["url"].as_str().unwrap())).await.location();
    let session = page.rsplit('/').next().unwrap();
    let at_mollie = format!("{}/mollie/v2/payments/{session}", world.cloud.page_url());
    let authorization = format!("Bearer {MOLLIE_KEY}");
    let payment = world.send(Method::GET, &at_mollie, &[("authorization", &authorization)], None).await.json();
    let notify = payment["webhookUrl"].as_str().unwrap();
    assert!(notify.starts_with(&format!("{HOST}/gateways/mollie/notify/{BAZAAR}/mollie")), "{notify}");

    // Links of the others begin as they did, and those of this one do so again when the host is taken back.
    assert!(world.euro_link().await["url"].as_str().unwrap().starts_with(&world.cloud.base_url()));
    let reply = world.crm_as(PLATFORM_KEY, Method::PUT, "/v1/businesses/bazaar", json!({ "name": "The Bazaar" }), &[]);
    assert_eq!(reply.await.json()["pay_url"], Value::Null);
    settings_are_read_again().await;
    assert!(bazaar_link(&world, 500).await["url"].as_str().unwrap().starts_with(&world.cloud.base_url()));
}

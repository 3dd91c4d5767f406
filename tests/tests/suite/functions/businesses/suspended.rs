//! A business that the platform suspended: nothing new begins, everything that was begun finishes, and all of it can be read.

use paylink_local::seed::{BAZAAR_KEY, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::World;

use super::super::settings_are_read_again;
use super::{ask_for_bazaar_link, bazaar_link, bazaars, data, path_of};

/// The platform suspends the other business, or lets it go on, and the processes that remember it read it again.
async fn decide(world: &World, what: &str) {
    let reply =
        world.crm_as(PLATFORM_KEY, Method::POST, &format!("/v1/businesses/bazaar/{what}"), json!({}), &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    settings_are_read_again().await;
}

async fn sessions(world: &World) -> usize {
    world.books("stripe").await.len()
}

#[tokio::test]
async fn a_suspended_business_begins_nothing_and_finishes_what_was_begun() {
    let world = World::in_process().await;
    let (untouched, begun, reviewed) =
        (bazaar_link(&world, 500).await, bazaar_link(&world, 600).await, bazaar_link(&world, 700).await);
    let page = world.go_to_gateway(&begun).await;
    world.pay(&reviewed, "paid_less").await;
    assert_eq!(bazaars(&world, &path_of(&reviewed)).await["needs_review"], true);
    decide(&world, "suspend").await;

    // No link is made, and a draft says the same.
    let refused = ask_for_bazaar_link(&world, 800).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(refused.problems(), [(String::new(), "business_suspended".to_owned())]);
    let draft = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 800 });
    let draft = world.crm_as(BAZAAR_KEY, Method::POST, "/v1/payment-links/draft", draft, &[]).await;
    let codes: Vec<Value> =
        draft.json()["problems"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!((draft.status, codes), (StatusCode::OK, vec![json!("business_suspended")]));
    let path = format!("{}/messages", path_of(&untouched));
    let told = json!({ "recipients": { "contact": true } });
    let resent = world.crm_as(BAZAAR_KEY, Method::POST, &path, told, &[]).await;
    assert_eq!(
        (resent.status, &resent.json()["code"]),
        (StatusCode::CONFLICT, &json!("business_suspended")),
        "nobody is asked to pay"
    );

    // No payment begins: the page says so, and no session is opened.
    let before = sessions(&world).await;
    for ending in ["", "/go", "/already-paid", "/ask-again", "/result"] {
        let shown = world.open(&format!("{}{ending}", untouched["url"].as_str().unwrap())).await;
        assert!(shown.status != StatusCode::SEE_OTHER, "{ending}: {}", shown.status);
        assert!(shown.text.contains("cannot be made here at the moment"), "{ending}: {}", shown.text);
        assert!(!shown.text.contains("class=\"button\""), "{ending}: {}", shown.text);
    }
    assert_eq!(sessions(&world).await, before);
    assert_eq!(bazaars(&world, &path_of(&untouched)).await["attempts"], json!([]));

    // Who was on the way arrives, and can be sent back to the same session on the way.
    assert_eq!(world.go_to_gateway(&begun).await, page);
    let chosen = world.choose(&page, "paid_no_webhook").await;
    let result = world.come_back(&chosen).await;
    assert!(result.text.contains("Payment received"), "{}", result.text);
    let paid = bazaars(&world, &path_of(&begun)).await;
    assert_eq!((&paid["status"], paid["receipts"].as_array().unwrap().len()), (&json!("paid"), 1));
    world.wait_for_event(&begun, "receipt.registered").await;

    // A person decides about money, and it goes back.
    let attempt = bazaars(&world, &path_of(&reviewed)).await["attempts"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{}/attempts/{attempt}/resolve", path_of(&reviewed));
    let resolved = world.crm_as(BAZAAR_KEY, Method::POST, &path, json!({ "outcome": "refund" }), &[]).await;
    assert_eq!(resolved.status, StatusCode::OK, "{}", resolved.text);
    for _ in 0..3 {
        world.sweep().await;
        world.turn_clock(std::time::Duration::from_secs(61));
    }
    assert_eq!(bazaars(&world, &path_of(&reviewed)).await["attempts"][0]["status"], "refunded");

    // Everything is read, a link can be cancelled, and nobody else is concerned.
    for path in ["/v1/settings", "/v1/accounts", "/v1/contacts/c-1042", "/v1/receipts?contact_id=c-1042"] {
        bazaars(&world, path).await;
    }
    assert_eq!(data(&bazaars(&world, "/v1/payment-links?contact_id=c-1042").await).len(), 3);
    let cancelled =
        world.crm_as(BAZAAR_KEY, Method::POST, &format!("{}/cancel", path_of(&reviewed)), json!({}), &[]).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    let page = world.pay(&world.euro_link().await, "paid").await;
    assert!(page.text.contains("Payment received"), "{}", page.text);

    decide(&world, "resume").await;
    assert_eq!(ask_for_bazaar_link(&world, 800).await.status, StatusCode::CREATED);
    let page = world.pay(&untouched, "paid").await;
    assert!(page.text.contains("Payment received"), "{}", page.text);
}

#[tokio::test]
async fn a_payment_that_nobody_reported_is_found_although_its_business_is_suspended() {
    let world = World::in_process().await;
    let link = bazaar_link(&world, 500).await;
    let page = world.go_to_gateway(&link).await;
    decide(&world, "suspend").await;
    world.choose(&page, "paid_silent").await;
    world.turn_clock(std::time::Duration::from_secs(61));
    world.sweep().await;
    let read = bazaars(&world, &path_of(&link)).await;
    assert_eq!((&read["status"], read["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{read}");
}

#[tokio::test]
async fn a_request_that_was_answered_before_the_suspension_is_answered_again() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500 });
    let key = [("idempotency-key", "k-1")];
    let ask = async || world.crm_as(BAZAAR_KEY, Method::POST, "/v1/payment-links", body.clone(), &key).await;
    let made = ask().await;
    decide(&world, "suspend").await;
    let again = ask().await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &made.json()["id"]), "{}", again.text);
}

//! What comes in at the address for a gateway's own server, and from whom.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tests::Reply;

use super::scene::Scene;

pub(super) async fn a_gateway_that_never_calls_has_no_address_to_call(scene: Scene) {
    let forged = forge(&scene, "").await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND, "{}: {}", scene.name(), forged.text);
}

pub(super) async fn a_signed_call_confirms_a_payment_and_a_forged_one_does_not(scene: Scene) {
    let forged = forge(&scene, "").await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST, "{}: {}", scene.name(), forged.text);
    let link = scene.link().await;
    let page = scene.world.go_to_gateway(&link).await;
    assert_its_own_call_confirms(&scene, &link, &page).await;
}

/// Anybody could have sent an unsigned call, so that it only makes us ask the gateway.
pub(super) async fn an_unsigned_call_confirms_a_payment_and_a_forged_one_does_not(scene: Scene) {
    let forged = forge(&scene, "").await;
    // Which payments there are is nobody's business.
    assert_eq!(forged.status, StatusCode::OK, "{}: {}", scene.name(), forged.text);
    let link = scene.link().await;
    let page = scene.world.go_to_gateway(&link).await;
    let attempt = scene.stored(&link).await.attempts()[0].id.clone();
    let query = format!("?link={}&attempt={attempt}", link["id"].as_str().unwrap());
    let forged = forge(&scene, &query).await;
    assert_eq!(forged.status, StatusCode::OK, "{}: {}", scene.name(), forged.text);
    scene.assert_nothing_kept(&link).await;
    assert_its_own_call_confirms(&scene, &link, &page).await;
}

/// Somebody who is not the gateway calls its address.
async fn forge(scene: &Scene, query: &str) -> Reply {
    let account = scene.account["id"].as_str().unwrap();
    let address = format!("/gateways/{}/notify/demo/{account}{query}", scene.name());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    scene.world.send(Method::POST, &address, &form, Some("id=tr_forged".to_owned())).await
}

/// The customer pays and closes the browser, so that only the gateway's call tells.
async fn assert_its_own_call_confirms(scene: &Scene, link: &Value, page: &str) {
    scene.world.choose(page, "paid_no_return").await;
    scene.world.wait_for(link, |link| link["status"] == "paid").await;
    scene.assert_paid_once(link).await;
}

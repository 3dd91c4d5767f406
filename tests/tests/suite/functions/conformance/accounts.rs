//! What an account needs for a gateway, and what the API says about that.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::scene::Scene;

pub(super) async fn a_gateway_is_described_by_what_its_accounts_are_checked_against(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let gateways = world.get("/v1/gateways").await["data"].as_array().unwrap().clone();
    let described: Vec<&Value> = gateways.iter().filter(|gateway| gateway["id"] == name).collect();
    assert_eq!(described.len(), 1, "{name}");
    let (gateway, currency) = (described[0], described[0]["currencies"][0].as_str().unwrap());
    let write = async |currency: &str, credentials: Value| {
        let online = json!({ "enabled": true, "gateway": name, "credentials": credentials });
        let body = json!({ "name": "A", "currency": currency, "mode": "sandbox", "online_payment": online });
        world.crm(Method::PUT, &format!("/v1/accounts/{name}-new"), body).await
    };
    let fields = gateway["credentials"].as_array().unwrap();
    let required: Vec<_> = fields.iter().filter(|field| field["required"] == true).collect();
    let missing = write(currency, json!({})).await.problems();
    let pointer = |field: &&Value| format!("/online_payment/credentials/{}", field["name"].as_str().unwrap());
    let expected: Vec<_> = required.iter().map(|field| (pointer(field), "required".to_owned())).collect();
    assert_eq!(missing, expected, "{name}");
    assert!(
        fields.iter().all(|field| field["pattern"]["live"].is_string() && field["description"].is_string()),
        "{name}"
    );
    // Nothing that is secret has a name of its own anywhere in the answer but as a field.
    assert_eq!(write("XYZ", json!({})).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
}

//! An account is checked at its gateway before anybody pays.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::everything;

use super::scene::Scene;

async fn check(scene: &Scene) -> Value {
    let path = format!("/v1/accounts/{}/check", scene.account["id"].as_str().unwrap());
    let reply = scene.world.crm(Method::POST, &path, Value::Null).await;
    assert_eq!(reply.status, StatusCode::OK, "{}: {}", scene.name(), reply.text);
    reply.json()
}

/// The sessions of the gateway's books, by their ids.
async fn sessions(scene: &Scene) -> BTreeSet<String> {
    let books = scene.world.books(scene.name()).await;
    books.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

pub(super) async fn an_account_that_the_gateway_takes_is_said_to_be_taken_and_nothing_is_written_or_paid(scene: Scene) {
    let name = scene.name();
    let before = everything(&scene.world.cloud).await;
    let known = sessions(&scene).await;
    let (first, second) = (check(&scene).await, check(&scene).await);
    for checked in [&first, &second] {
        assert_eq!((&checked["object"], &checked["gateway"]), (&json!("account_check"), &json!(name)));
        assert_eq!((&checked["account_id"], &checked["mode"]), (&scene.account["id"], &scene.account["mode"]));
        for finding in ["credentials", "server_address"] {
            assert_eq!(checked[finding]["status"], "accepted", "{name}: {checked}");
        }
        assert_ne!(checked["callback_host"]["status"], "refused", "{name}: {checked}");
    }
    assert_eq!(everything(&scene.world.cloud).await, before, "{name}: a check writes nothing");
    for session in sessions(&scene).await.difference(&known) {
        let book = scene.world.books(name).await.into_iter().find(|one| one["id"] == session.as_str()).unwrap();
        assert_eq!((&book["taken"], &book["ours"]), (&json!(false), &json!(false)), "{name}: nobody pays in it");
        for shown in [&first, &second] {
            assert!(!shown.to_string().contains(session.as_str()), "{name}: nobody is told where it could be paid");
        }
    }
    // Somebody who pays now is paid for as ever.
    let link = scene.link().await;
    scene.world.pay(&link, scene.row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_gateway_that_does_not_answer_a_check_refuses_nothing(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    for how in ["502_html", "drop_after", "empty"] {
        world.misbehave(name, scene.row.check, how, 1).await;
        let checked = check(&scene).await;
        for finding in ["credentials", "callback_host", "server_address"] {
            assert_eq!(checked[finding]["status"], "unknown", "{name} {how}: {checked}");
            assert_eq!(checked[finding]["code"], Value::Null, "{name} {how}: {checked}");
        }
    }
    assert_eq!(check(&scene).await["credentials"]["status"], "accepted", "{name}");
}

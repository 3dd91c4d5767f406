//! A customer opens a link and pays, fails, cancels, or comes to a gateway that is out of order.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use super::Failing;
use super::scene::{HOUR, MINUTE, Scene};

pub(super) async fn a_gateway_that_opens_no_session_lets_the_customer_try_again(scene: Scene) {
    let (world, row, name) = (&scene.world, scene.row, scene.name());
    let link = scene.link().await;
    for how in ["502_html", "empty"] {
        world.misbehave(name, row.create, how, 1).await;
        let page = world.open(link["url"].as_str().unwrap()).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{name} {how}: {}", page.text);
    }
    assert_eq!(world.link(&link).await["attempts"], json!([]), "{name}");
    world.pay(&link, row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_becomes_one_receipt_and_a_second_visit_opens_nothing(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    assert_eq!(world.go_to_gateway(&link).await, page, "{name}");
    let end = world.come_back(&world.choose(&page, scene.row.returning).await).await;
    assert!(end.text.contains("Paid"), "{name}: {}", end.text);
    scene.assert_paid_once(&link).await;
    let again = world.open(link["url"].as_str().unwrap()).await;
    assert!(again.text.contains("This link has already been paid"), "{name}");
    assert_eq!(world.books(name).await.len(), 1, "{name}");
}

pub(super) async fn a_link_is_paid_in_parts_each_with_a_session_and_a_receipt_of_its_own(scene: Scene) {
    let (world, name, amount) = (&scene.world, scene.name(), scene.amount());
    let link = scene.link_in_parts().await;
    let first = scene.go_and_pay(&link, "pay=part", scene.row.returning).await;
    assert!(first.text.contains("Part of it is paid"), "{name}: {}", first.text);
    let read = world.link(&link).await;
    let paid = amount / 4;
    assert_eq!(read["status"], "active", "{name}: {read}");
    assert_eq!((&read["amount_paid"], &read["amount_due"]), (&json!(paid), &json!(amount - paid)), "{name}");
    let last = scene.go_and_pay(&link, "pay=all", scene.row.returning).await;
    assert!(last.text.contains("Paid"), "{name}: {}", last.text);
    let read = world.link(&link).await;
    assert_eq!((&read["status"], &read["amount_due"]), (&json!("paid"), &json!(0)), "{name}: {read}");
    for (index, part) in [paid, amount - paid].into_iter().enumerate() {
        let payment = &read["payments"][index];
        assert_eq!(payment["amount"], part, "{name}: {read}");
        let receipt = world.get(&format!("/v1/receipts/{}", payment["receipt_id"].as_str().unwrap())).await;
        assert_eq!((&receipt["amount"], &receipt["gateway_reference"]), (&json!(part), &payment["gateway_reference"]));
        let book = scene.booked(&link, index).await;
        assert_eq!((&book["amount"], &book["ours"]), (&json!(part), &json!(true)), "{name}: {book}");
    }
    assert_eq!(read["receipts"].as_array().unwrap().len(), 2, "{name}");
}

pub(super) async fn another_choice_leaves_the_session_before_and_no_more_is_kept_than_is_due(scene: Scene) {
    let (world, name, amount) = (&scene.world, scene.name(), scene.amount());
    let link = scene.link_in_parts().await;
    let all = scene.go_with(&link, "pay=all").await;
    let part = scene.go_with(&link, "pay=part").await;
    assert_ne!(all, part, "{name}");
    world.come_back(&world.choose(&part, scene.row.returning).await).await;
    let read = world.link(&link).await;
    assert_eq!((&read["status"], &read["amount_paid"]), (&json!("active"), &json!(amount / 4)), "{name}: {read}");
    // Where the gateway could close the session for all of it nobody can pay there; else that goes back.
    world.choose(&all, scene.row.silent).await;
    scene.sweep_often(3, MINUTE).await;
    let read = world.link(&link).await;
    assert_eq!(
        (&read["status"], &read["amount_due"]),
        (&json!("active"), &json!(amount - amount / 4)),
        "{name}: {read}"
    );
    let kept = read["payments"].as_array().unwrap();
    assert_eq!((kept.len(), read["receipts"].as_array().unwrap().len()), (1, 1), "{name}: {read}");
    scene.go_and_pay(&link, "pay=all", scene.row.returning).await;
    assert_eq!(world.link(&link).await["status"], "paid", "{name}");
    // The gateway has for us what was asked for, and nothing else that does not go back.
    scene.sweep_often(4, HOUR).await;
    let books = world.books(name).await;
    let ours = books.iter().filter(|book| book["ours"] == true);
    let held: i64 = ours.map(|book| book["amount"].as_i64().unwrap() - book["refunded"].as_i64().unwrap()).sum();
    assert_eq!(held, amount, "{name}: {books:?}");
}

pub(super) async fn a_return_that_comes_many_times_at_once_makes_one_receipt(scene: Scene) {
    let world = &scene.world;
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, scene.row.returning).await;
    let returns = join_all((0..10).map(|_| world.go_back(&chosen))).await;
    assert!(returns.iter().all(|one| one.status == StatusCode::SEE_OTHER), "{}", scene.name());
    world.wait_for(&link, |link| link["status"] == "paid").await;
    world.go_back(&chosen).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_failed_can_be_made_again_in_a_new_session(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let end = world.come_back(&world.choose(&page, "failed").await).await;
    assert_eq!(end.status, StatusCode::OK, "{name}");
    // Where the browser brings nothing the gateway was asked all the same.
    let titles = ["The payment was not made", "The payment was declined"];
    assert!(titles.iter().any(|title| end.text.contains(title)), "{name}: {}", end.text);
    assert_eq!(scene.attempt(&link, 0).await["status"], "failed", "{name}");
    scene.assert_nothing_kept(&link).await;
    world.pay(&link, scene.row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_failed_can_be_made_again_in_the_same_session(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, "failed").await;
    assert_eq!(chosen.status, StatusCode::OK, "{name}");
    scene.sweep_after(MINUTE).await;
    assert_eq!(scene.attempt(&link, 0).await["status"], "open", "{name}");
    assert_eq!(world.go_to_gateway(&link).await, page, "{name}");
    world.come_back(&world.choose(&page, scene.row.returning).await).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_customer_who_cancels_at_the_gateway_has_paid_nothing_and_can_pay_later(scene: Scene) {
    let (world, row) = (&scene.world, scene.row);
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, "cancelled").await;
    if row.failing == Failing::EndsTheSession || chosen.status.is_redirection() {
        let end = world.come_back(&chosen).await;
        assert_eq!(end.status, StatusCode::OK, "{}", scene.name());
    }
    scene.assert_nothing_kept(&link).await;
    world.pay(&link, row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_nobody_reports_is_found(scene: Scene) {
    let link = scene.link().await;
    let page = scene.world.go_to_gateway(&link).await;
    scene.world.choose(&page, scene.row.silent).await;
    scene.sweep_after(MINUTE).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_nobody_reports_is_abandoned_and_can_be_made_again(scene: Scene) {
    let (world, row) = (&scene.world, scene.row);
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, row.silent).await;
    scene.sweep_after(MINUTE).await;
    scene.sweep_after(2 * HOUR).await;
    scene.assert_nothing_kept(&link).await;
    assert_eq!(scene.attempt(&link, 0).await["status"], "abandoned", "{}", scene.name());
    world.pay(&link, row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn what_the_gateway_says_of_its_fee_is_kept_with_the_payment(scene: Scene) {
    let name = scene.name();
    let link = scene.link().await;
    scene.world.pay(&link, scene.row.returning).await;
    scene.assert_paid_once(&link).await;
    let read = scene.world.link(&link).await;
    let payment = &read["attempts"][0]["payment"];
    assert!(payment["fee"].as_i64().is_some_and(|fee| fee > 0), "{name}: {payment}");
    let id = read["receipts"][0].as_str().unwrap();
    let receipt = scene.world.get(&format!("/v1/receipts/{id}")).await;
    for field in ["fee", "fee_payer", "terminal", "gateway_paid_at", "masked_card"] {
        assert_eq!(receipt[field], payment[field], "{name}: {field}");
    }
}

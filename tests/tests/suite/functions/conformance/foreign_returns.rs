//! The customer pays one link and shows its return to another.

use reqwest::StatusCode;
use serde_json::Value;
use tests::Reply;
use tests::forms::Form;

use super::scene::{MINUTE, Scene, way_back};

/// Everything in a return that names the session is exchanged, so that only what the gateway itself knows can tell.
pub(super) async fn the_return_of_one_payment_pays_no_other_link(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let (first, second) = (scene.link().await, scene.link().await);
    let chosen = world.choose(&world.go_to_gateway(&first).await, scene.row.returning).await;
    world.come_back(&chosen).await;
    scene.assert_paid_once(&first).await;
    world.go_to_gateway(&second).await;
    let back = shown_to(&scene, &chosen, &first, &second, Naming::TheOtherSession).await;
    assert_eq!(world.post_form(&back, &[]).await.status, StatusCode::SEE_OTHER, "{name}");
    scene.sweep_often(3, 2 * MINUTE).await;
    scene.assert_nothing_kept(&second).await;
    // Where it needs a person, that person cannot refund by mistake what paid the first.
    if scene.attempt(&second, 0).await["status"] == "needs_review" {
        let refused = scene.decide_to_refund(&second).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{name}: {}", refused.text);
    }
    scene.assert_paid_once(&first).await;
    assert_eq!(world.receipts().await.len(), 1, "{name}");
}

/// The other link is cheaper, and what names the session is left out.
pub(super) async fn the_return_of_a_payment_of_another_amount_cannot_take_it_from_its_link(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let (first, second) = (scene.link().await, scene.link_over(scene.amount() / 5).await);
    world.go_to_gateway(&second).await;
    let chosen = world.choose(&world.go_to_gateway(&first).await, scene.row.returning).await;
    let back = shown_to(&scene, &chosen, &first, &second, Naming::NoSession).await;
    let reply = world.post_form(&back, &[]).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{name}");
    assert_eq!(world.link(&second).await["needs_review"], false, "{name}: it says nothing");
    world.come_back(&chosen).await;
    scene.assert_paid_once(&first).await;
    scene.sweep_often(3, 2 * MINUTE).await;
    scene.assert_nothing_kept(&second).await;
    scene.assert_paid_once(&first).await;
}

/// What becomes of the fields of a return that name its session.
enum Naming {
    TheOtherSession,
    NoSession,
}

/// The return of the first link's payment, at the address of the second link's attempt.
async fn shown_to(scene: &Scene, chosen: &Reply, first: &Value, second: &Value, naming: Naming) -> Form {
    let (paid, other) = (scene.stored(first).await, scene.stored(second).await);
    let (paid, other) = (&paid.attempts()[0], &other.attempts()[0]);
    let mut back = way_back(chosen);
    back.action = back.action.replace(first["id"].as_str().unwrap(), second["id"].as_str().unwrap());
    back.action = back.action.replace(paid.key.expose(), other.key.expose());
    match naming {
        Naming::TheOtherSession => {
            for (_, value) in &mut back.fields {
                *value = value.replace(&paid.session, &other.session).replace(paid.id.as_str(), other.id.as_str());
            }
        }
        Naming::NoSession => back.fields.retain(|(_, value)| *value != paid.session && value != paid.id.as_str()),
    }
    back
}

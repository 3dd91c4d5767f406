//! A gateway that does not know one session says nothing about the account's others.

use serde_json::json;

use super::scene::{MINUTE, Scene};

/// More than a sweep asks about at once, and more than make it leave an account alone that its gateway refuses.
const SPOILT: usize = 16;

pub(super) async fn trouble_of_some_sessions_keeps_no_other_of_the_account_waiting(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let mut spoilt = Vec::new();
    for _ in 0..SPOILT {
        let link = scene.link().await;
        world.go_to_gateway(&link).await;
        scene.spoil_session(&link).await;
        spoilt.push(link);
    }
    let link = scene.link().await;
    world.choose(&world.go_to_gateway(&link).await, scene.row.silent).await;
    // A gateway that lists what waits is asked about each session only now and then.
    scene.sweep_after(5 * MINUTE).await;
    scene.assert_paid_once(&link).await;
    for link in spoilt {
        assert_eq!(scene.attempt(&link, 0).await["status"], json!("open"), "{name}: it says nothing about the payment");
    }
}

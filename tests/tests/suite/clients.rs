//! Clients that generators make of the OpenAPI document, against the functions.
//!
//! `make test-clients` makes and compiles them, and says where their tools are; otherwise only the guide for integrators is
//! held against what that does.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::fs::read_to_string;
use std::path::PathBuf;
use std::time::Duration;

use paylink_local::seed::API_KEY;
use serde_json::Value;
use tests::{World, root};
use tokio::process::Command;

/// Runs what an integrator wrote on one of the clients: it makes links, reads all pages of them, is refused one, and reads
/// the receipt and the events of a link that was paid.
async fn is_used(program: &str, arguments: &[&str]) {
    let Some(tools) = std::env::var_os("PAYLINK_CLIENTS_TOOLS").map(PathBuf::from) else {
        println!("The clients are tried by `make test-clients`.");
        return;
    };
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.pay(&link, "paid").await;
    // An event is listed a moment after it was sent.
    while !lists_receipt_of(&world, &link).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let of_tools = tools.join(program);
    let status = Command::new(if of_tools.exists() { of_tools } else { PathBuf::from(program) })
        .args(arguments)
        .current_dir(root().join("target/clients"))
        .env("PYTHONPATH", root().join("target/clients/generated/python"))
        .env("PAYLINK_URL", world.cloud.base_url())
        .env("PAYLINK_API_KEY", API_KEY)
        .env("PAYLINK_PAID_LINK", link["id"].as_str().unwrap())
        .status()
        .await
        .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

async fn lists_receipt_of(world: &World, link: &Value) -> bool {
    let events = world.get("/v1/events?type=receipt.registered").await;
    events["data"].as_array().unwrap().iter().any(|event| event["payment_link_id"] == link["id"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_types_of_openapi_typescript_are_those_of_the_api() {
    is_used("node", &["typescript/openapi-typescript.ts"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_hey_api_is_one_of_the_api() {
    is_used("node", &["typescript/hey-api.ts"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_orval_is_one_of_the_api() {
    is_used("node", &["typescript/orval.ts"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_openapi_python_client_is_one_of_the_api() {
    is_used("python", &["python/program.py"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_openapi_generator_for_php_is_one_of_the_api() {
    is_used("php", &["php/program.php"]).await;
}

#[test]
fn the_guide_shows_the_commands_that_are_tried() {
    let guide = read_to_string(root().join("docs/clients.md")).unwrap();
    let tried = read_to_string(root().join("tests/clients/generate.sh")).unwrap();
    let tried: Vec<&str> = tried.lines().filter_map(|line| line.strip_prefix("generate ")).collect();
    assert_eq!(tried.len(), 5, "{tried:?}");
    for command in tried {
        let shown = guide.lines().filter(|line| line.strip_prefix("npx ").unwrap_or(line) == command).count();
        assert_eq!(shown, 1, "{command}");
    }
}

#[test]
fn the_guide_names_the_versions_that_are_tried() {
    let guide = read_to_string(root().join("docs/clients.md")).unwrap();
    let of_node: Value =
        serde_json::from_str(&read_to_string(root().join("tests/clients/package.json")).unwrap()).unwrap();
    let of_python = read_to_string(root().join("tests/clients/requirements.txt")).unwrap();
    for package in ["openapi-typescript", "openapi-fetch", "@hey-api/openapi-ts", "orval"] {
        let version = of_node["dependencies"][package].as_str().unwrap();
        assert!(guide.contains(&format!("{package} {version}")), "{package} {version}");
    }
    for package in ["openapi-python-client", "openapi-generator-cli"] {
        let version = of_python.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("==")).unwrap();
        assert!(guide.contains(&format!("{package} {version}")), "{package} {version}");
    }
}

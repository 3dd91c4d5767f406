//! The workspace as cargo builds it.

use std::collections::BTreeSet;
use std::process::Command;

use tests::root;

/// Every package that is built where these dependencies are, with its features.
fn built(edges: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--edges", edges, "--prefix", "none", "--format", "{p} {f}"])
        .current_dir(root())
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

/// Otherwise `make test` compiles them, and whatever stands on them, once for the tests and once more for the programs.
#[test]
fn the_programs_are_built_from_the_dependencies_that_the_tests_are_built_from() {
    let (programs, tests) = (built("normal,build"), built("normal,build,dev"));
    assert!(programs.len() > 300);
    let others: Vec<&String> = programs.difference(&tests).collect();
    assert!(others.is_empty(), "tests want other features of these; tests/Cargo.toml can want them always: {others:?}");
}

/// What a function does not use makes it slower to start and longer to build. Each `main.rs` names what it wires, and here
/// cargo is asked what came of that.
#[test]
fn a_function_depends_on_what_it_uses() {
    const HEAVY: [&str; 7] =
        ["aws-sdk-ses", "aws-sdk-sns", "channels", "gateways", "minijinja", "rlibphonenumber", "use-cases"];
    for (function, used, most) in [
        ("create-link", &["minijinja", "rlibphonenumber", "use-cases"][..], 240),
        ("crm-api", &["minijinja", "rlibphonenumber", "use-cases"], 250),
        ("pay-redirect", &["gateways"], 225),
        ("receipt-pdf", &[], 270),
        ("gateway-webhook", &["gateways"], 230),
        ("expire-links", &["gateways"], 195),
        // Rows of a file are read as bodies of the API.
        ("run-batches", &["minijinja", "rlibphonenumber", "use-cases"], 255),
        ("deliver-messages", &["aws-sdk-ses", "aws-sdk-sns", "channels", "minijinja"], 215),
    ] {
        let packages = packages_of(function);
        assert!(packages.contains("store"), "{function}: {packages:?}");
        let found: Vec<&str> = HEAVY.into_iter().filter(|name| packages.contains(*name)).collect();
        assert_eq!(found, used, "{function}");
        assert!(packages.len() <= most, "{function} brings {} packages along", packages.len());
    }
}

/// Rules know no table, use cases know no HTTP, and an answer can be shown by whoever has the record.
#[test]
fn an_inner_crate_knows_none_that_is_further_out() {
    for (krate, outer) in [
        ("domain", &["store", "gateways", "channels", "views", "web", "runtime", "tokio", "axum", "lambda_http"][..]),
        ("views", &["store", "gateways", "channels", "web", "runtime", "axum", "lambda_http"]),
        ("use-cases", &["gateways", "channels", "views", "web", "axum", "lambda_http"]),
    ] {
        let packages = packages_of(krate);
        assert!(packages.contains("jiff"), "{krate}: {packages:?}");
        let found: Vec<&&str> = outer.iter().filter(|name| packages.contains(**name)).collect();
        assert!(found.is_empty(), "{krate} knows {found:?}");
    }
}

/// The names of all packages that one of the workspace brings along.
fn packages_of(package: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

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

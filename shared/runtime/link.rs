//! How a function is linked for Lambda: the build script of each of them, or a part of it.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::env;
use std::path::Path;

/// To an address that is known then. Otherwise each start begins with writing the address of the program into every table
/// of pointers that it has, and so copies pages that the processes of a machine would share. And without what only a panic
/// would read that somebody catches, see `link.ld`.
pub(crate) fn main() {
    println!("cargo::rerun-if-changed=../../shared/runtime/link.rs");
    println!("cargo::rerun-if-changed=../../shared/runtime/link.ld");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
        let script =
            env::var("CARGO_MANIFEST_DIR").map(|function| Path::new(&function).join("../../shared/runtime/link.ld"));
        if let Ok(script) = script {
            println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
        }
    }
}

//! Links as every function does, and tells the OpenAPI document as shortly as it can be: a third of what it has in the repository
//! is blanks for whoever reads it there, and each process would carry them.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::path::Path;
use std::{env, fs, io};

#[path = "../../shared/runtime/link.rs"]
mod link;

const DOCUMENT: &str = "openapi.json";

fn main() -> io::Result<()> {
    link::main();
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let folder = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&folder).join(DOCUMENT), without_blanks(&fs::read_to_string(DOCUMENT)?))
}

/// JSON without the blanks outside its texts.
fn without_blanks(json: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    let is_kept = |character: &char| {
        let is_kept = is_text || !character.is_ascii_whitespace();
        is_text ^= *character == '"' && !is_escaped;
        is_escaped = is_text && *character == '\\' && !is_escaped;
        is_kept
    };
    json.chars().filter(is_kept).collect()
}

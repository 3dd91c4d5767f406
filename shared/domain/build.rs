//! Makes the list of languages from the files in `locales`, so that adding a language is adding a file.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("locales");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "ftl"))
        .collect();
    files.sort();
    let mut sources = String::new();
    let mut names = String::new();
    for (index, path) in files.iter().enumerate() {
        let code = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a language's file has no readable name")?;
        let name = code.to_ascii_uppercase().replace('-', "_");
        writeln!(sources, "    ({code:?}, include_str!({:?})),", path.display().to_string())?;
        writeln!(names, "    /// What `locales/{code}.ftl` says.\n    pub const {name}: Self = Self({index});")?;
    }
    let count = files.len();
    let all = (0..count).map(|index| format!("Self({index})")).collect::<Vec<_>>().join(", ");
    let code = format!(
        "/// The code and the text of each file, in the order of the codes.\n\
         const FILES: [(&str, &str); {count}] = [\n{sources}];\n\n\
         impl Language {{\n{names}    /// Every language, in the order of the codes.\n    \
         pub const ALL: [Self; {count}] = [{all}];\n}}\n"
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("languages.rs"), code)?;
    Ok(())
}

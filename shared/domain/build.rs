//! Makes the list of languages from the files in `locales`, so that adding a language is adding a file, and parts the
//! numbering plans of the world by the codes of countries, so that a function reads those in question alone.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    languages()?;
    #[cfg(feature = "phone-numbers")]
    numbering_plans::part()?;
    Ok(())
}

fn languages() -> Result<(), Box<dyn Error>> {
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
        writeln!(
            names,
            "    /// What `locales/{code}.ftl` says.\n    pub const {name}: Self = Self::of_file({index});"
        )?;
    }
    let count = files.len();
    let all = (0..count).map(|index| format!("Self::of_file({index})")).collect::<Vec<_>>().join(", ");
    let code = format!(
        "/// The code and the text of each file, in the order of the codes.\n\
         const FILES: [(&str, &str); {count}] = [\n{sources}];\n\n\
         impl Language {{\n{names}    /// Every language, in the order of the codes.\n    \
         pub const ALL: [Self; {count}] = [{all}];\n}}\n"
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("languages.rs"), code)?;
    Ok(())
}

#[cfg(feature = "phone-numbers")]
mod numbering_plans {
    use std::collections::BTreeMap;
    use std::error::Error;
    use std::fmt::Write;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::{env, fs};

    use prost::Message;

    /// The library's `PhoneMetadataCollection`, with its entries as they are written.
    #[derive(Clone, PartialEq, Message)]
    struct Collection {
        #[prost(bytes = "vec", repeated, tag = "1")]
        entries: Vec<Vec<u8>>,
    }

    /// What has to be known of an entry, a `PhoneMetadata`.
    #[derive(Clone, PartialEq, Message)]
    struct Entry {
        #[prost(string, tag = "9")]
        region: String,
        #[prost(int32, tag = "10")]
        country: i32,
    }

    /// Writes a file of plans for each code, and the list of them.
    pub(super) fn part() -> Result<(), Box<dyn Error>> {
        let plans = library()?.join("src/generated/metadata/metadata.bin");
        println!("cargo::rerun-if-changed={}", plans.display());
        // Another version of the library lies elsewhere.
        println!("cargo::rerun-if-changed=../../Cargo.lock");
        let encoded = fs::read(&plans).map_err(|error| format!("{}: {error}", plans.display()))?;
        let mut countries: BTreeMap<String, (Vec<String>, Collection)> = BTreeMap::new();
        for encoded in Collection::decode(encoded.as_slice())?.entries {
            let entry = Entry::decode(encoded.as_slice())?;
            let (regions, collection) = countries.entry(entry.country.to_string()).or_default();
            regions.push(entry.region);
            collection.entries.push(encoded);
        }
        let folder = PathBuf::from(env::var("OUT_DIR")?);
        let mut code = format!("/// By the codes of countries.\nstatic ALL: [Plans; {}] = [\n", countries.len());
        for (country, (regions, collection)) in countries {
            let file = folder.join(format!("plans-{country}.bin"));
            fs::write(&file, collection.encode_to_vec())?;
            let file = file.display().to_string();
            writeln!(
                code,
                "    Plans {{ country: {country:?}, regions: &{regions:?}, encoded: include_bytes!({file:?}) }},"
            )?;
        }
        fs::write(folder.join("numbering_plans.rs"), code + "];\n")?;
        Ok(())
    }

    /// Where the sources of the library lie, which only cargo knows.
    fn library() -> Result<PathBuf, Box<dyn Error>> {
        let manifest = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
        let told = Command::new(env::var("CARGO")?)
            .args(["metadata", "--format-version", "1", "--filter-platform", &env::var("TARGET")?, "--manifest-path"])
            .arg(manifest)
            .output()?;
        let told = String::from_utf8(told.stdout)?;
        let is_library = |path: &&Path| {
            let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
            path.ends_with("Cargo.toml") && (folder == "rlibphonenumber" || folder.starts_with("rlibphonenumber-"))
        };
        let manifest = told.split('"').map(Path::new).find(is_library).ok_or("cargo does not know rlibphonenumber")?;
        Ok(manifest.parent().ok_or("a manifest lies in a folder")?.to_owned())
    }
}

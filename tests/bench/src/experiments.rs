//! What the settings of the release profile and of the linker give: one function built with one of them changed, its size
//! and its start.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::about::About;
use crate::report::{Cold, Report, Size};

/// It asks gateways and opens a connection at its start.
pub(crate) const FUNCTION: &str = "gateway-webhook";

/// What is changed: settings as cargo's `--config` takes them, and what the compiler is told beside them. The first changes
/// nothing.
const EXPERIMENTS: [(&str, &[&str], &[&str]); 8] = [
    ("as committed", &[], &[]),
    ("`opt-level = 3` instead of `\"s\"`", &["profile.release.opt-level=3"], &[]),
    ("`opt-level = \"z\"` instead of `\"s\"`", &["profile.release.opt-level=\"z\""], &[]),
    ("no link-time optimisation, 16 units", &["profile.release.lto=\"off\"", "profile.release.codegen-units=16"], &[]),
    ("`panic = \"unwind\"`", &["profile.release.panic=\"unwind\""], &[]),
    ("`relocation-model=static` beside the fixed address", &[], &["-C", "relocation-model=static"]),
    ("all libraries in the binary", &[], &["-C", "target-feature=+crt-static", "-C", "relocation-model=static"]),
    ("functions that are alike once (`--icf=all`)", &[], &["-C", "link-arg=-Wl,--icf=all"]),
];

/// Where one run of this program leaves what it measured of that function.
pub(crate) const START: &str = "target/bench/start.json";

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Experiments {
    pub(crate) about: About,
    pub(crate) function: String,
    pub(crate) tried: Vec<Tried>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) what: String,
    pub(crate) size: Size,
    pub(crate) cold: Cold,
}

/// Builds and measures one after the other, in the ordinary target folder, so that what a setting does not change is not
/// built again; in the end the function is there as committed. `PAYLINK_EXPERIMENTS` names their numbers, where not all
/// are wanted.
pub(crate) fn measure(root: &Path) -> Experiments {
    let wanted = std::env::var("PAYLINK_EXPERIMENTS").ok();
    let is_wanted = |number: usize| {
        let number = number.to_string();
        wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|one| one.trim() == number))
    };
    let mut experiments =
        Experiments { about: About::this_run(), function: FUNCTION.to_owned(), ..Experiments::default() };
    for (_, (what, settings, flags)) in EXPERIMENTS.iter().enumerate().filter(|(number, _)| is_wanted(*number)) {
        println!("{what}");
        build(root, settings, flags);
        // Another process, because the program that measures looks once where the functions are.
        let mut measure = Command::new(std::env::current_exe().unwrap());
        assert!(
            measure.args(["start", FUNCTION]).status().expect("this program runs again").success(),
            "{FUNCTION} is measured"
        );
        let text = std::fs::read_to_string(root.join(START)).unwrap();
        let report: Report = serde_json::from_str(&text).unwrap();
        let (size, cold) = (report.sizes[FUNCTION].clone(), report.cold[FUNCTION].clone());
        experiments.tried.push(Tried { what: (*what).to_owned(), size, cold });
    }
    build(root, &[], &[]);
    experiments
}

fn build(root: &Path, settings: &[&str], flags: &[&str]) {
    let mut build = Command::new("cargo");
    build.current_dir(root).args(["rustc", "--quiet", "--release", "--package", FUNCTION, "--bin", FUNCTION]);
    for setting in settings {
        build.args(["--config", setting]);
    }
    build.arg("--").args(flags);
    assert!(build.status().expect("cargo runs").success(), "{FUNCTION} is built");
}

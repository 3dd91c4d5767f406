//! What the settings of the release profile give: one function built with one of them changed, its size and its start.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::about::About;
use crate::report::{Cold, Report, Size};
use crate::world::OTHERWISE_BUILT;

/// It asks gateways and opens a connection at its start.
pub(crate) const FUNCTION: &str = "gateway-webhook";

/// What is changed, as cargo's `--config` takes it. The first changes nothing.
const EXPERIMENTS: [(&str, &[&str]); 5] = [
    ("as committed", &[]),
    ("`opt-level = 3` instead of `\"s\"`", &["profile.release.opt-level=3"]),
    ("`opt-level = \"z\"` instead of `\"s\"`", &["profile.release.opt-level=\"z\""]),
    ("no link-time optimisation, 16 units", &["profile.release.lto=\"off\"", "profile.release.codegen-units=16"]),
    ("`panic = \"unwind\"`", &["profile.release.panic=\"unwind\""]),
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

/// Builds and measures one after the other. `PAYLINK_EXPERIMENTS` names their numbers, where not all are wanted.
pub(crate) fn measure(root: &Path) -> Experiments {
    let wanted = std::env::var("PAYLINK_EXPERIMENTS").ok();
    let is_wanted = |number: usize| {
        let number = number.to_string();
        wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|one| one.trim() == number))
    };
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| root.join("target").display().to_string());
    let target = format!("{target}/experiments");
    let mut experiments =
        Experiments { about: About::this_run(), function: FUNCTION.to_owned(), ..Experiments::default() };
    for (_, (what, settings)) in EXPERIMENTS.iter().enumerate().filter(|(number, _)| is_wanted(*number)) {
        println!("{what}");
        let mut build = Command::new("cargo");
        build.current_dir(root).args(["build", "--quiet", "--release", "--package", FUNCTION, "--target-dir", &target]);
        for setting in *settings {
            build.args(["--config", setting]);
        }
        assert!(build.status().expect("cargo runs").success(), "{FUNCTION} is built");
        // Another process, which looks for the function where it was just built.
        let mut measure = Command::new(std::env::current_exe().unwrap());
        let measured = measure
            .arg("start")
            .env(OTHERWISE_BUILT, format!("{target}/release"))
            .status()
            .expect("this program runs again");
        assert!(measured.success(), "{FUNCTION} is measured");
        let text = std::fs::read_to_string(root.join(START)).unwrap();
        let report: Report = serde_json::from_str(&text).unwrap();
        let (size, cold) = (report.sizes[FUNCTION].clone(), report.cold[FUNCTION].clone());
        experiments.tried.push(Tried { what: (*what).to_owned(), size, cold });
    }
    experiments
}

//! When, from what and on what the figures were measured.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// Without this a figure of time says nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) measured_at: String,
    /// With a plus where the tree had changes.
    pub(crate) commit: String,
    pub(crate) compiler: String,
    pub(crate) architecture: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    /// Of the last minute before the first measurement: what else this machine was doing.
    pub(crate) load_before: f64,
}

impl About {
    pub(crate) fn this_run() -> Self {
        let is_changed = !said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processors = file("/proc/cpuinfo");
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            measured_at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            commit: said("git", &["rev-parse", "--short", "HEAD"]) + if is_changed { "+" } else { "" },
            compiler: said("rustc", &["--version"]),
            architecture: std::env::consts::ARCH.to_owned(),
            processor: model.map_or_else(String::new, |(_, model)| model.to_owned()),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            load_before: file("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }

    pub(crate) fn sentence(&self) -> String {
        let Self { measured_at, commit, compiler, architecture, processor, processors, load_before } = self;
        format!(
            "Measured {measured_at} at commit {commit} with {compiler}, on {processors} processors ({architecture}, {processor}); \
             the load of the minute before was {load_before:.1}."
        )
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let run = Command::new(program).args(arguments).current_dir(tests::root()).output();
    run.map(|run| String::from_utf8_lossy(&run.stdout).trim().to_owned()).unwrap_or_default()
}

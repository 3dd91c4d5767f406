//! The functions, built and served by `cargo lambda watch` on one port.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::Cloud;
use crate::keeper::Keeper;

/// The functions, by the name of their folder, package and binary.
pub const FUNCTIONS: [&str; 8] = [
    "create-link",
    "crm-api",
    "pay-redirect",
    "receipt-pdf",
    "gateway-webhook",
    "expire-links",
    "run-batches",
    "deliver-messages",
];

/// How long the functions may take to answer for the first time. Building is over by then.
const START: Duration = Duration::from_secs(180);

/// Why the functions are not served.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("{0} is missing; `make tools` fetches it")]
    ToolMissing(String),
    #[error("the functions could not be built; the compiler's messages are above")]
    BuildFailed,
    #[error("cargo lambda watch could not be started: {0}")]
    CannotStart(String),
    #[error("cargo lambda watch ended by itself with {0}")]
    Ended(ExitStatus),
    #[error("the function {0} did not answer in time")]
    NoAnswer(&'static str),
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The project's root.
    pub root: PathBuf,
    /// The binary of cargo-lambda.
    pub cargo_lambda: PathBuf,
    /// Where the environment file and the log are written.
    pub scratch: PathBuf,
    pub port: u16,
    /// Whether a change of the source rebuilds its function.
    pub rebuild: bool,
}

/// A running `cargo lambda watch` with everything it started. It ends with the value.
#[derive(Debug)]
pub struct Watch {
    child: Child,
    group: Option<Pid>,
    /// Ends the group where this program is killed.
    _keeper: Option<Keeper>,
}

/// A command that does not know which package of ours cargo runs at this moment. Cargo tells tests and programs that it
/// starts, and some build scripts look at that, so that everything that stands on them would be compiled anew.
fn outside_of_cargo(program: impl AsRef<OsStr>) -> Command {
    const OF_A_PACKAGE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OF_A_PACKAGE.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command
}

/// Builds all functions, showing the compiler's progress, in the way `cargo lambda watch` will ask for them.
pub async fn build(root: &Path) -> Result<(), WatchError> {
    let binaries = FUNCTIONS.iter().flat_map(|function| ["--bin", function]);
    let status = outside_of_cargo("cargo").arg("build").args(binaries).current_dir(root).status().await;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(WatchError::BuildFailed),
        Err(_) => Err(WatchError::ToolMissing("cargo".to_owned())),
    }
}

impl Watch {
    /// Starts serving and waits until every function has answered once.
    pub async fn start(options: &WatchOptions, cloud: &Cloud) -> Result<Self, WatchError> {
        if !options.cargo_lambda.exists() {
            return Err(WatchError::ToolMissing("cargo-lambda".to_owned()));
        }
        let cannot = |error: std::io::Error| WatchError::CannotStart(error.to_string());
        let variables = options.scratch.join("functions.env");
        std::fs::create_dir_all(&options.scratch).map_err(cannot)?;
        std::fs::write(&variables, env_file(&cloud.environment)).map_err(cannot)?;
        let mut command = outside_of_cargo(&options.cargo_lambda);
        command
            .args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port"])
            .arg(options.port.to_string())
            .args(["--concurrency", "16", "--disable-cors", "--env-file"])
            .arg(&variables)
            .current_dir(&options.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that all of it can be ended together.
            .process_group(0);
        if !options.rebuild {
            command.arg("--ignore-changes");
        }
        let mut child = command.spawn().map_err(cannot)?;
        let log = std::fs::File::create(options.scratch.join(LOG)).map_err(cannot)?;
        let log = Arc::new(Mutex::new(log));
        show(child.stdout.take(), Arc::clone(&log));
        show(child.stderr.take(), log);
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let keeper = group.map(Keeper::of).transpose().map_err(cannot)?;
        let mut watch = Self { child, group, _keeper: keeper };
        for function in FUNCTIONS {
            watch.wait_for(function, cloud).await?;
        }
        Ok(watch)
    }

    /// Invokes a function with an event that does nothing, until it answers.
    async fn wait_for(&mut self, function: &'static str, cloud: &Cloud) -> Result<(), WatchError> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap_or_default();
        let url = cloud.function_url(function);
        let started = std::time::Instant::now();
        while started.elapsed() < START {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(WatchError::Ended(status));
            }
            // An HTTP function refuses this event, which is an answer too.
            if http.post(&url).json(&json!({ "Records": [] })).send().await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(WatchError::NoAnswer(function))
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> WatchError {
        match self.child.wait().await {
            Ok(status) => WatchError::Ended(status),
            Err(error) => WatchError::CannotStart(error.to_string()),
        }
    }

    /// Ends it and every process it started.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // There is nobody left to signal where all have ended already.
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(200));
        self.signal(Signal::SIGKILL);
    }
}

/// What cargo and cargo-lambda say of every instance they start, and what a function says of running one at a time.
const NOISE: [&str; 12] = [
    // A function says so when it is ended while it waits for its next event.
    "SendRequest, hyper::Error(IncompleteMessage)",
    "command killed code=ForceStop",
    // What goes well, and figures for CloudWatch.
    r#""level":"INFO""#,
    "CloudWatchMetrics",
    "waiting for file lock",
    "concurrency-tokio feature is not enabled",
    "profile [unoptimized",
    "INFO spawning function instance",
    "INFO starting lambda function",
    "INFO starting Runtime server",
    "Running `",
    "The handler will not be called. Log at TRACE level",
];

/// Where in the scratch folder every line goes that the functions and the compiler say.
pub const LOG: &str = "functions.log";

/// Passes on what the functions and the compiler say, without what every start of an instance says; the log has it all.
#[allow(clippy::print_stderr, reason = "this is what a developer at the terminal reads")]
fn show(output: Option<impl AsyncRead + Unpin + Send + 'static>, log: Arc<Mutex<File>>) {
    let Some(output) = output else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // A full disk is no reason to stop serving.
            let _ = writeln!(log.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
            if !NOISE.iter().any(|noise| line.contains(noise)) {
                eprintln!("{line}");
            }
        }
    });
}

/// Values stand in single quotes, because some are JSON, which the file's format would take apart.
fn env_file(environment: &BTreeMap<String, String>) -> String {
    environment.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect()
}

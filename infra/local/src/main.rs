//! `make run`: the whole product on this machine, in one terminal, until Ctrl-C.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a person at a terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

use paylink_local::keeper::parent_gone;
use paylink_local::seed::{self, API_KEY, BAZAAR, BAZAAR_HOST, BAZAAR_KEY, DEMO, PLATFORM_KEY};
use paylink_local::watch::{Watch, WatchOptions, build};
use paylink_local::{Cloud, Options, Ports};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main]
async fn main() -> ExitCode {
    // A condition that does not hold is an ordinary answer of DynamoDB, and no warning.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target("dynoxide", LevelFilter::ERROR);
    tracing_subscriber::registry().with(fmt::layer().without_time().with_filter(filter)).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let data = std::env::var_os("PAYLINK_LOCAL_DATA").map_or_else(|| root.join(".paylink"), PathBuf::from);
    let ports = match std::env::var("PAYLINK_LOCAL_PORT") {
        Ok(first) => Ports::from(first.parse::<u16>().map_err(|_| "PAYLINK_LOCAL_PORT is not a port")?)?,
        Err(_) => Ports::default(),
    };
    let options = Options {
        ports,
        table: "paylink".to_owned(),
        dynamodb_endpoint: None,
        data: Some(data.clone()),
        template: root.join("template.yaml"),
        clock: runtime::Clock::System,
        webhooks: true,
    };
    let mut cloud = Cloud::start(&options).await?;
    seed::plant(&cloud).await?;
    seed::give_bazaar_a_host(&cloud, ports.functions).await?;
    println!("Building the functions. The first time takes a few minutes.");
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let cargo_lambda =
        std::env::var_os("CARGO_LAMBDA").map_or_else(|| root.join(".tools/bin/cargo-lambda"), PathBuf::from);
    // A rebuild ends the function that may be answering just then. A developer wants that; a test does not.
    let rebuild = std::env::var("PAYLINK_LOCAL_REBUILD").as_deref() != Ok("off");
    let watch = WatchOptions { root: root.clone(), cargo_lambda, scratch: data, port: ports.functions, rebuild };
    let start = async {
        build(&root).await?;
        drop(cloud.functions_listener());
        Watch::start(&watch, &cloud).await
    };
    // Under `make run`, killing make is meant for all of it.
    let ends_with_parent = std::env::var_os("PAYLINK_LOCAL_ENDS_WITH_PARENT").is_some();
    let mut watch = tokio::select! {
        started = start => started?,
        () = parent_gone(), if ends_with_parent => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    cloud.start_stream()?;
    cloud.start_schedules()?;
    cloud.start_queue();
    introduce(&cloud, ports);
    tokio::select! {
        error = watch.ended() => return Err(error.into()),
        () = parent_gone(), if ends_with_parent => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    println!("\nEnding.");
    watch.stop().await;
    Ok(())
}

fn introduce(cloud: &Cloud, ports: Ports) {
    let (base, page) = (cloud.base_url(), cloud.page_url());
    let dynamodb = ports.dynamodb;
    println!(
        "
Paylink runs on this machine. Nothing leaves it and no money moves.

  {base}   the API and the pay URL
  {page}   inbox, links of each business, gateway simulators
  http://localhost:{dynamodb}   DynamoDB

There are two businesses. An API key of each acts for it; the platform's acts for the one that the header
Paylink-Business names.

  {DEMO:<12}{API_KEY}
  {BAZAAR:<12}{BAZAAR_KEY}
  platform    {PLATFORM_KEY}

Make a link of {DEMO} for invoice 77, and tell the customer and the manager:

  curl -s {base}/v1/payment-links \\
    -H 'Authorization: Bearer {API_KEY}' -H 'Content-Type: application/json' \\
    -d '{{ \"account_id\": \"main\", \"item_id\": \"inv-77\", \"description\": \"Invoice 77\",
          \"recipients\": {{ \"contact\": true, \"roles\": [\"manager\"] }},
          \"after_payment\": {{ \"receipt_field\": \"payment\" }} }}'

Make a link of {BAZAAR}, whose links begin with a host of its own, {BAZAAR_HOST}, and tell the customer:

  curl -s {base}/v1/payment-links \\
    -H 'Authorization: Bearer {BAZAAR_KEY}' -H 'Content-Type: application/json' \\
    -d '{{ \"account_id\": \"main\", \"contact_id\": \"c-1042\", \"amount\": 2500, \"currency\": \"EUR\",
          \"recipients\": {{ \"contact\": true }} }}'

Then open {page}, tap the link in the message, and pay.
Ctrl-C ends everything; the data stays in .paylink until `make reset`."
    );
}

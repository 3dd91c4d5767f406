//! Starts the function: reads the environment, opens the connection to the table, waits for the schedule.

use std::time::Duration;

use expire_links::{App, sweep};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use settlement::Settlement;

/// What the template gives the function.
const USUAL_TIME: Duration = Duration::from_secs(55);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let store = runtime.store()?;
    let app = App { settlement: Settlement::new(store, runtime.gateways()?), clock: runtime::Clock::System };
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        sweep(app, runtime::deadline(event.context.deadline(), USUAL_TIME)).await.map_err(lambda_runtime::Error::from)
    }))
    .await
}

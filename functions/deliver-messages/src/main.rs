//! Starts the function: reads the environment, opens the connection to the table, waits for the stream and the schedule.

use std::sync::Arc;
use std::time::Duration;

use deliver_messages::{App, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

/// What the template gives the function.
const USUAL_TIME: Duration = Duration::from_secs(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let app = App {
        store: runtime.store()?,
        channels: runtime.channels(),
        webhooks: runtime.webhooks()?,
        clock: runtime::Clock::System,
        slow: Arc::default(),
    };
    runtime::warm_up(app.store.configuration()).await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let deadline = runtime::deadline(event.context.deadline(), USUAL_TIME);
        handle(&app, event.payload, deadline)
    }))
    .await
}

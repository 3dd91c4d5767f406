//! Starts the function: reads the environment, opens the connection to the table, waits for the stream and the schedule.

use deliver_messages::{App, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let app = App { store: runtime.store()?, channels: runtime.channels(), clock: runtime::Clock::System };
    runtime::warm_up(app.store.configuration()).await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let deadline = event.context.deadline();
        handle(&app, event.payload, deadline)
    }))
    .await
}

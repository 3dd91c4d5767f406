//! Starts the function: reads the environment, opens the connection to the table, waits for the stream and the schedule.

use std::sync::Arc;

use channels::{Channels, Webhooks, sms_reports};
use deliver_messages::{App, TIME, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let app = App {
        store: Store::wire(&runtime)?,
        channels: Channels::wire(&runtime)?,
        webhooks: Webhooks::wire(&runtime)?,
        clock: runtime::Clock::System,
        sms_reports: sms_reports(&runtime)?,
        slow: Arc::default(),
    };
    runtime::warm_up(app.store.due_endpoints(app.clock.now(), 1)).await;
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = runtime::deadline(event.context.deadline(), TIME);
        // What was not served comes again.
        runtime::in_time(TIME, handle(app, event.payload, deadline)).await.ok_or("the messages took too long")?
    }))
    .await
}

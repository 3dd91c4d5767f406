//! Starts the function: reads the environment, opens the connection to the table, waits for the stream and the schedule.

use std::sync::Arc;

use deliver_messages::{App, TIME, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let app = App {
        store: runtime.store()?,
        channels: runtime.channels()?,
        webhooks: runtime.webhooks()?,
        clock: runtime::Clock::System,
        sms_reports: runtime.sms_reports()?,
        slow: Arc::default(),
    };
    runtime::warm_up(app.store.configuration()).await;
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = runtime::deadline(event.context.deadline(), TIME);
        // What was not served comes again.
        runtime::in_time(TIME, handle(app, event.payload, deadline)).await.ok_or("the messages took too long")?
    }))
    .await
}

//! Starts the function: reads the environment, opens the connection to the table, waits for the schedule and for the queue.

use lambda_runtime::{LambdaEvent, service_fn};
use run_batches::{App, TIME, follow, run};
use serde_json::Value;
use signed::Objects;
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let app = App {
        store: Store::wire(&runtime)?,
        objects: Objects::wire(&runtime)?,
        gateways: runtime.gateway_rulebook()?,
        clock: runtime::Clock::System,
    };
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = runtime::deadline(event.context.deadline(), TIME);
        let ran = async {
            if event.payload.get("Records").is_some() {
                Ok(Box::pin(follow(app, &event.payload, deadline)).await)
            } else {
                Box::pin(run(app, deadline)).await
            }
        };
        let ran = runtime::in_time(TIME, ran).await.ok_or("the run took too long")?;
        ran.map_err(lambda_runtime::Error::from)
    }))
    .await
}

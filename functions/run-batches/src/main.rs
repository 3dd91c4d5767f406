//! Starts the function: reads the environment, opens the connection to the table, waits for the schedule.

use lambda_runtime::{LambdaEvent, service_fn};
use run_batches::{App, TIME, run};
use serde_json::Value;
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let app =
        App { store: Store::wire(&runtime)?, gateways: runtime.gateway_rulebook()?, clock: runtime::Clock::System };
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let ran = run(app, runtime::deadline(event.context.deadline(), TIME));
        let ran = runtime::in_time(TIME, ran).await.ok_or("the run took too long")?;
        ran.map_err(lambda_runtime::Error::from)
    }))
    .await
}

//! Starts the function: reads the environment, opens the connection to the table, waits for the schedule.

use confirmation::Confirmation;
use expire_links::{App, TIME, sweep};
use gateways::Gateways;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = runtime::start()?;
    let store = Store::wire(&runtime)?;
    let app = App { confirmation: Confirmation::new(store, Gateways::wire(&runtime)?), clock: runtime::Clock::System };
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let swept = sweep(app, runtime::deadline(event.context.deadline(), TIME));
        let swept = runtime::in_time(TIME, swept).await.ok_or("the sweep took too long")?;
        swept.map_err(lambda_runtime::Error::from)
    }))
    .await
}

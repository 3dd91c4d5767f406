//! Starts the function: reads the environment, opens the connection to the table, serves.

use confirmation::Confirmation;
use gateway_webhook::{App, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let store = runtime.store()?;
    runtime::warm_up(store.configuration()).await;
    let app = App { confirmation: Confirmation::new(store, runtime.gateways()?), clock: runtime::Clock::System };
    lambda_http::run(router(app)).await
}

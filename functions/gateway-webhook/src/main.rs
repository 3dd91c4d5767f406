//! Starts the function: reads the environment, opens the connection to the table, serves.

use confirmation::Confirmation;
use gateway_webhook::{App, router};
use gateways::Gateways;
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let store = Store::wire(&runtime)?;
    runtime::warm_up(store.configuration()).await;
    let app = App { confirmation: Confirmation::new(store, Gateways::wire(&runtime)?), clock: runtime::Clock::System };
    lambda_http::run(router(app)).await
}

//! Starts the function: reads the environment, opens the connection to the table, serves.

use create_link::{App, router};
use store::Store;
use web::Callers;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let store = Store::wire(&runtime)?;
    let app = App {
        callers: Callers::new(store.clone(), runtime.calls_per_second()?),
        store,
        gateways: runtime.gateway_rulebook()?,
        clock: runtime::Clock::System,
        base_url: runtime.base_url()?,
    };
    runtime::warm_up(app.store.warm_token_secret()).await;
    lambda_http::run(router(app)).await
}

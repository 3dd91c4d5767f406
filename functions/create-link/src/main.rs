//! Starts the function: reads the environment, opens the connection to the table, serves.

use create_link::{App, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let app = App {
        store: runtime.store()?,
        gateways: runtime.gateway_book()?,
        clock: runtime::Clock::System,
        base_url: runtime.base_url()?,
    };
    tokio::join!(runtime::warm_up(app.store.keys()), runtime::warm_up(app.store.configuration()));
    lambda_http::run(router(app)).await
}

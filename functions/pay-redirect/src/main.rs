//! Starts the function: reads the environment, opens the connection to the table, serves.

use pay_redirect::{App, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let app = App {
        store: runtime.store()?,
        gateways: runtime.gateways()?,
        book: runtime.gateway_rulebook()?,
        clock: runtime::Clock::System,
    };
    runtime::warm_up(app.store.configuration()).await;
    lambda_http::run(router(app)).await
}

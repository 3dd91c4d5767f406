//! Starts the function: reads the environment, opens the connection to the table, serves.

use confirmation::Confirmation;
use gateways::Gateways;
use pay_redirect::{App, router};
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let app = App {
        confirmation: Confirmation::new(Store::wire(&runtime)?, Gateways::wire(&runtime)?),
        rulebook: runtime.gateway_rulebook()?,
        clock: runtime::Clock::System,
    };
    runtime::warm_up(app.confirmation.store().configuration()).await;
    lambda_http::run(router(app)).await
}

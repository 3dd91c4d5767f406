//! Starts the function: reads the environment, opens the connection to the table, serves.

use confirmation::Confirmation;
use domain::ids::{LinkId, PayToken};
use gateways::Gateways;
use pay_redirect::{App, router};
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let gateways = Gateways::wire(&runtime)?;
    let app = App {
        pay_hosts: gateways.pay_hosts(),
        confirmation: Confirmation::new(Store::wire(&runtime)?, gateways),
        rulebook: runtime.gateway_rulebook()?,
        clock: runtime::Clock::System,
    };
    // Nobody knows which business is asked for first. No link has this token, and looking for it opens the connection.
    let no_link = LinkId::of(&PayToken::from_random([0; 16]));
    runtime::warm_up(app.confirmation.store().link(&no_link)).await;
    lambda_http::run(router(app)).await
}

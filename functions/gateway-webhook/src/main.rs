//! Starts the function: reads the environment, opens the connection to the table, serves.

use confirmation::Confirmation;
use domain::ids::{LinkId, PayToken};
use gateway_webhook::{App, router};
use gateways::Gateways;
use store::Store;
use web::Callers;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let store = Store::wire(&runtime)?;
    // Nobody knows which business is called for first. No link has this token, and looking for it opens the connection.
    let no_link = LinkId::of(&PayToken::from_random([0; 16]));
    runtime::warm_up(store.link(&no_link)).await;
    let gateways = Gateways::wire(&runtime)?;
    let app = App {
        callers: Callers::new(store.clone(), runtime.calls_per_second()?),
        confirmation: Confirmation::new(store, gateways.clone()),
        gateways,
        rulebook: runtime.gateway_rulebook()?,
        base_url: runtime.base_url()?,
        clock: runtime::Clock::System,
    };
    lambda_http::run(router(app)).await
}

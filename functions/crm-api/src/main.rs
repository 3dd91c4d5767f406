//! Starts the function: reads the environment, opens the connection to the table, serves.

use crm_api::{App, Files, router};
use signed::{Objects, WorkQueue};
use store::{KeyHolder, Store};
use web::Callers;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let store = Store::wire(&runtime)?;
    let app = App {
        callers: Callers::new(store.clone(), runtime.calls_per_second()?),
        store,
        clock: runtime::Clock::System,
        reach: runtime.webhook_reach()?,
        gateways: runtime.gateway_rulebook()?,
        base_url: runtime.base_url()?,
        files: Some(Files { objects: Objects::wire(&runtime)?, queue: WorkQueue::wire(&runtime)? }),
    };
    runtime::warm_up(app.store.keys(&KeyHolder::Platform)).await;
    lambda_http::run(router(app)).await
}

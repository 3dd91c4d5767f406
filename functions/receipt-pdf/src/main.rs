//! Starts the function: reads the environment, opens the connection to the table, serves.

use domain::ids::{LinkId, PayToken};
use receipt_pdf::{App, router};
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let runtime = runtime::start()?;
    let app = App { store: Store::wire(&runtime)?, clock: runtime::Clock::System };
    // No link has this token, and looking for it opens the connection.
    let no_link = LinkId::of(&PayToken::from_random([0; 16]));
    runtime::warm_up(app.store.link(&no_link)).await;
    lambda_http::run(router(app)).await
}

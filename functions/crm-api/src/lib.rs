//! The rest of `/v1`: what the CRM keeps here, reads and does. Making a link is `create-link`'s.

mod app;
mod caller;
mod handlers;
mod lists;
mod openapi;
mod refused;
mod respond;
mod router;
mod statement;
mod webhooks;

pub use app::{App, TIME};
pub use handlers::exports::Files;
pub use openapi::{description, operations, said_of_schemas};
pub use router::{router, untimed};
pub use webhooks::webhooks;

//! The functions together, in this process, over HTTP and by events: what a CRM, a customer and a gateway would notice.

/// A test for each of these cases, by its name in its file, in a world of its own: what the suites of gateways and of message
/// providers make of a row.
macro_rules! tests {
    ($($file:ident: $($case:ident),+;)+) => {
        $($(
            #[tokio::test]
            async fn $case() {
                super::$file::$case(super::Scene::at(&ROW).await).await;
            }
        )+)+
    };
}

mod api;
mod conformance;
mod crm_events;
mod drafts;
mod events;
mod fallback;
mod faults;
mod life;
mod measured;
mod messages;
mod pages;
mod paying;
mod providers;
mod social;

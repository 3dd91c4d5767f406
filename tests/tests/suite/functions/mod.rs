//! The functions together, in this process, over HTTP and by events: what a CRM, a customer and a gateway would notice.

use std::time::Duration;

use serde_json::Value;

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

mod account_check;
mod aftermath;
mod api;
mod batches;
mod businesses;
mod chosen_batches;
mod closed_books;
mod conformance;
mod crm_events;
mod drafts;
mod edge;
mod events;
mod exports;
mod fallback;
mod faults;
mod guards;
mod habits;
mod inputs;
mod life;
mod line;
mod looking_back;
mod manners;
mod measured;
mod messages;
mod mistakes;
mod money;
mod pages;
mod parameters;
mod parts;
mod paying;
mod people;
mod providers;
mod receipts;
mod recipients;
mod reconciliation;
mod recorded;
mod refund_calls;
mod refunds;
mod relay;
mod reminders;
mod renewing;
mod replacing;
mod revisions;
mod search;
mod social;
mod totals;
mod visitors;
mod who;

/// State and reason of each message of a link.
fn states(link: &Value) -> Vec<(&str, Option<&str>)> {
    let messages = link["messages"].as_array().unwrap();
    messages.iter().map(|message| (message["status"].as_str().unwrap(), message["reason"].as_str())).collect()
}

/// Whether no message of a link is being sent or about to be.
fn nobody_is_at_it(link: &Value) -> bool {
    states(link).iter().all(|(status, _)| !["queued", "sending"].contains(status))
}

/// Waits until what was set a moment ago is used: processes remember settings and endpoints, here for a second.
async fn settings_are_read_again() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

//! Events to the CRM's endpoints, signed as Standard Webhooks.

use std::time::Duration;

use domain::Timestamp;
use domain::events::PostOutcome;
use domain::ids::EventId;
use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::signing::SigningSecret;
use domain::records::webhook_endpoint::WebhookEndpoint;
use domain::trace::Trace;
use outbound::Http;

use crate::signing::{retry_after, signed_post};

/// Sends events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    http: Http,
    reach: Reach,
}

impl Webhooks {
    /// `http` resolves names to addresses within `reach` only.
    pub fn new(http: Http, reach: Reach) -> Self {
        Self { http, reach }
    }

    /// Sends one event to an endpoint, as part of the trace that its link belongs to, signed with each of the secrets.
    /// Endpoints get `patience` to answer.
    pub async fn post(
        &self,
        (endpoint, secrets): (&WebhookEndpoint, &[SigningSecret]),
        id: &EventId,
        trace: Option<&Trace>,
        body: String,
        now: Timestamp,
        patience: Duration,
    ) -> PostOutcome {
        let failed = |outcome: &str| PostOutcome::Failed { outcome: outcome.to_owned(), wait: None };
        // An address that was allowed in the local cloud, or by an earlier version, is not called from here.
        if parse_endpoint_url(&endpoint.url, self.reach).is_err() {
            return failed("the address is not allowed");
        }
        let Some(request) = signed_post(&endpoint.url, secrets, id.as_str(), &body, trace, now) else {
            return failed("the event could not be signed");
        };
        match self.http.send_for_status(request, body, patience).await {
            Err(why) => failed(&why),
            Ok(answer) => {
                let outcome = answer.status.to_string();
                match answer.status {
                    200..=299 => PostOutcome::Delivered { outcome },
                    410 => PostOutcome::Gone { outcome },
                    _ => PostOutcome::Failed { outcome, wait: retry_after(answer.retry_after.as_deref(), now) },
                }
            }
        }
    }
}

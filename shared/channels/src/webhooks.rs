//! Events to the CRM's endpoints, signed as Standard Webhooks.

use std::time::Duration;

use domain::Timestamp;
use domain::events::PostOutcome;
use domain::ids::EventId;
use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::webhook_endpoint::{SigningSecret, WebhookEndpoint};
use domain::trace::Trace;
use jiff::SignedDuration;
use outbound::Http;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

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
        let Some(signatures) = sign(secrets, id, &body, now) else { return failed("the event could not be signed") };
        let mut request = http::Request::post(&endpoint.url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(HEADER_WEBHOOK_ID, id.as_str())
            .header(HEADER_WEBHOOK_TIMESTAMP, now.as_second())
            .header(HEADER_WEBHOOK_SIGNATURE, signatures);
        if let Some(trace) = trace {
            request = request.header("traceparent", trace.traceparent());
        }
        match self.http.send(request, body, patience).await {
            Err(why) => failed(&why),
            Ok(answer) => {
                let outcome = answer.status.to_string();
                match answer.status {
                    200..=299 => PostOutcome::Delivered { outcome },
                    410 => PostOutcome::Gone { outcome },
                    _ => PostOutcome::Failed { outcome, wait: answer.retry_after.and_then(|text| wait(&text, now)) },
                }
            }
        }
    }
}

/// One signature for each secret that is in use, so that the CRM can change over from one to the next. An event without any
/// is not sent.
fn sign(secrets: &[SigningSecret], id: &EventId, body: &str, now: Timestamp) -> Option<String> {
    let signatures: Option<Vec<String>> = secrets
        .iter()
        .map(|secret| {
            let webhook = Webhook::new(secret.expose()).ok()?;
            webhook.sign(id.as_str(), now.as_second(), body.as_bytes()).ok()
        })
        .collect();
    signatures.filter(|signatures| !signatures.is_empty()).map(|signatures| signatures.join(" "))
}

/// `Retry-After` as seconds or as a date.
fn wait(text: &str, now: Timestamp) -> Option<SignedDuration> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(SignedDuration::from_secs(i64::from(seconds)));
    }
    let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(at.duration_since(now)).filter(|wait| wait.is_positive())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::{LinkId, PayToken};

    #[test]
    fn an_event_is_signed_with_each_secret_and_without_one_or_with_an_unreadable_one_not_at_all() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let id = EventId::of(&LinkId::of(&PayToken::from_random([1; 16])), 1);
        let secret = |value: &str| SigningSecret::new(value.to_owned());
        let (old, new) =
            (secret("whsec_b25lIHNlY3JldCBvZiAyNCBieXRlcyE="), secret("whsec_YW5vdGhlciBzZWNyZXQgb2YgMjQgYnk="));
        let each = [&new, &old].map(|one| sign(std::slice::from_ref(one), &id, "{}", now).unwrap());
        assert_ne!(each[0], each[1]);
        assert_eq!(sign(&[new.clone(), old], &id, "{}", now), Some(each.join(" ")));
        assert_eq!(sign(&[], &id, "{}", now), None);
        assert_eq!(sign(&[new, secret("nonsense!")], &id, "{}", now), None);
    }

    #[test]
    fn an_endpoint_can_ask_for_time_in_seconds_or_until_a_date() {
        let now: Timestamp = "2026-10-21T07:28:00Z".parse().unwrap();
        assert_eq!(wait("120", now), Some(SignedDuration::from_secs(120)));
        assert_eq!(wait("Wed, 21 Oct 2026 07:30:00 GMT", now), Some(SignedDuration::from_secs(120)));
        assert_eq!(wait("Wed, 21 Oct 2026 07:00:00 GMT", now), None);
        assert_eq!(wait("soon", now), None);
    }
}

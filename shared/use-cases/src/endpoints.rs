//! Writing an endpoint of the CRM, and rotating the secret that signs what is sent to it.

use domain::Timestamp;
use domain::events::EventType;
use domain::idempotency::{IdempotencyLog, Repeat};
use domain::ids::{CredentialsVersion, EndpointId};
use domain::precondition::Precondition;
use domain::records::signing::{SigningSecret, SigningVersions};
use domain::records::webhook_endpoint::{MAX_ENDPOINTS, WebhookEndpoint};
use jiff::SignedDuration;
use store::{BusinessStore, Deleted, RecordWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::{Answer, Asked};
use crate::records::{RecordRefused, without_problems};
use crate::revised::{Revised, Said, Writing};
use crate::signing_secret::NewSecret;

/// An endpoint as it should be.
#[derive(Clone, Debug)]
pub struct EndpointRequest {
    pub url: String,
    /// Which events are sent; none named means all.
    pub events: Vec<EventType>,
    pub enabled: bool,
}

impl EndpointRequest {
    /// Whether the endpoint is so already, and stays as it is.
    fn is_of(&self, known: &WebhookEndpoint) -> bool {
        let Self { url, events, enabled } = self;
        (url, events, *enabled) == (&known.url, &known.events, known.enabled)
    }
}

/// An endpoint that was written.
#[derive(Clone, Debug)]
pub struct WrittenEndpoint {
    pub endpoint: WebhookEndpoint,
    /// What events to it are signed with, where that is new, which is shown this once.
    pub new_secret: Option<SigningSecret>,
}

/// Why an endpoint was not written, or not deleted.
#[derive(Debug, thiserror::Error)]
pub enum EndpointRefused {
    #[error("the business has {MAX_ENDPOINTS} endpoints already")]
    TooMany,
    #[error(transparent)]
    Record(#[from] RecordRefused),
}

/// Why a secret was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateRefused {
    #[error("there is no such endpoint")]
    NoSuchEndpoint,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An endpoint with its tag, which is of what the business set and of what became of that.
pub fn revised(endpoint: WebhookEndpoint) -> Revised<WebhookEndpoint> {
    let tag = Some(endpoint.tag());
    Revised { record: endpoint, tag }
}

/// Makes an endpoint with this secret, or changes all of it but its secret. The request is missing where a part of it was
/// refused.
pub async fn write(
    store: &BusinessStore,
    now: Now<'_>,
    id: EndpointId,
    writing: &Writing,
    said: Said<'_, WebhookEndpoint, Option<EndpointRequest>>,
    new: NewSecret,
) -> Result<Revised<WrittenEndpoint>, EndpointRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another().map_err(RecordRefused::from)?;
        let endpoints = store.fresh_endpoints().await.map_err(RecordRefused::from)?;
        let known = endpoints.iter().find(|endpoint| endpoint.id == id);
        let tag = known.map(WebhookEndpoint::tag);
        let (request, problems) = said(writing.base(known, tag.as_ref()).map_err(RecordRefused::from)?);
        let request = without_problems(request, problems)?;
        if known.is_none() && endpoints.len() >= MAX_ENDPOINTS {
            return Err(EndpointRefused::TooMany);
        }
        if let Some(known) = known.filter(|known| request.is_of(known)) {
            return Ok(revised(known.clone()).map(|endpoint| WrittenEndpoint { endpoint, new_secret: None }));
        }
        let (endpoint, secret) = match known {
            Some(known) => (known.replaced(request.url, request.events, request.enabled, now()), None),
            None => (made(id.clone(), request, new.version.clone(), now()), Some(&new.secret)),
        };
        let outcome = store.replace_endpoint(&endpoint, secret).await.map_err(RecordRefused::from)?;
        if outcome == RecordWritten::Applied {
            tracing::info!(endpoint_id = %endpoint.id, "A webhook endpoint was written.");
            let new_secret = secret.cloned();
            return Ok(revised(endpoint).map(|endpoint| WrittenEndpoint { endpoint, new_secret }));
        }
    }
}

/// Deletes an endpoint as it is.
pub async fn delete(
    store: &BusinessStore,
    id: &EndpointId,
    precondition: &Precondition,
) -> Result<Deleted, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let Some(known) = store.endpoint(id).await? else { return Ok(Deleted::Missing) };
        precondition.check(Some(&known.tag()))?;
        match store.delete_endpoint(&known).await? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
}

fn made(id: EndpointId, request: EndpointRequest, secret: CredentialsVersion, now: Timestamp) -> WebhookEndpoint {
    let EndpointRequest { url, events, enabled } = request;
    WebhookEndpoint {
        id,
        url,
        events,
        enabled,
        disabled_reason: None,
        secrets: SigningVersions::first(secret),
        created_at: now,
        changed_at: Some(now),
        sent_since: None,
        version: 1,
        idempotency: IdempotencyLog::default(),
    }
}

/// Puts this secret in place; the earlier one signs beside it for as long as `overlap` says. The answer has the endpoint's
/// newest secret.
pub async fn rotate_secret(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &EndpointId,
    overlap: SignedDuration,
    new: NewSecret,
) -> Result<Answer<(WebhookEndpoint, SigningSecret)>, RotateRefused> {
    let mark = asked.fingerprint();
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let endpoint = store.endpoint(id).await?.ok_or(RotateRefused::NoSuchEndpoint)?;
        match endpoint.idempotency.knows(mark.as_ref()) {
            Repeat::No => {}
            Repeat::Yes => {
                let newest = endpoint.secrets.newest().cloned().unwrap_or(new.version);
                let secret = store.signing_secret(id, &newest).await?;
                return Ok(Answer::Repeated((endpoint, secret)));
            }
            Repeat::OtherBody => return Err(RotateRefused::KeyReused),
        }
        let mut next = endpoint.rotated(new.version.clone(), overlap, now());
        next.idempotency.add(mark.clone());
        if store.replace_endpoint(&next, Some(&new.secret)).await? == RecordWritten::Applied {
            tracing::info!(endpoint_id = %next.id, "The secret of a webhook endpoint was rotated.");
            return Ok(Answer::New((next, new.secret)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn an_endpoint_that_is_written_again_is_on_again_and_keeps_its_secret() {
        let id = EndpointId::parse("crm").unwrap();
        let request = |url: &str| EndpointRequest { url: url.to_owned(), events: Vec::new(), enabled: true };
        let first = made(id, request("https://crm.example.com/one"), CredentialsVersion::parse("v1").unwrap(), at(0));
        let gone = first.gone();
        let EndpointRequest { url, events, enabled } = request("https://crm.example.com/two");
        let again = gone.replaced(url, events, enabled, at(60));
        assert!(again.enabled && again.disabled_reason.is_none());
        assert_eq!((again.url.as_str(), again.version), ("https://crm.example.com/two", gone.version + 1));
        assert_eq!((again.created_at, again.changed_at), (at(0), Some(at(60))));
        assert_eq!(again.secrets, first.secrets);
        assert!(
            request("https://crm.example.com/one").is_of(&first)
                && !request("https://crm.example.com/one").is_of(&gone)
        );
    }
}

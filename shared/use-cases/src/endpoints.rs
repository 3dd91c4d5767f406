//! Writing an endpoint of the CRM, and rotating the secret that signs what is sent to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::events::EventType;
use domain::idempotency::{IdempotencyLog, Repeat};
use domain::ids::{CredentialsVersion, EndpointId};
use domain::records::webhook_endpoint::{MAX_ENDPOINTS, SigningSecret, SigningVersion, WebhookEndpoint};
use jiff::SignedDuration;
use store::{BusinessStore, RecordWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::{Answer, Asked};

/// The random bits of a secret. Standard Webhooks takes 24 to 64 bytes.
pub type SecretBits = [u8; 32];

/// An endpoint as it should be.
#[derive(Clone, Debug)]
pub struct EndpointRequest {
    pub url: String,
    /// Which events are sent; none named means all.
    pub events: Vec<EventType>,
    pub enabled: bool,
}

/// A new secret, and the version that it is kept as.
#[derive(Clone, Debug)]
pub struct NewSecret {
    secret: SigningSecret,
    version: CredentialsVersion,
}

impl NewSecret {
    /// A secret of these bits, in the form of Standard Webhooks.
    pub fn new(bits: SecretBits, version: CredentialsVersion) -> Self {
        Self { secret: SigningSecret::new(format!("whsec_{}", STANDARD.encode(bits))), version }
    }
}

/// An endpoint that was written.
#[derive(Clone, Debug)]
pub enum WrittenEndpoint {
    /// Its secret is shown this once.
    New(WebhookEndpoint, SigningSecret),
    Changed(WebhookEndpoint),
}

/// Why an endpoint was not written.
#[derive(Debug, thiserror::Error)]
pub enum EndpointRefused {
    #[error("the business has {MAX_ENDPOINTS} endpoints already")]
    TooMany,
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
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

/// Makes an endpoint with this secret, or replaces all of it but its secret.
pub async fn write(
    store: &BusinessStore,
    now: Now<'_>,
    id: EndpointId,
    request: EndpointRequest,
    new: NewSecret,
) -> Result<WrittenEndpoint, EndpointRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let endpoints = store.fresh_endpoints().await?;
        let known = endpoints.iter().find(|endpoint| endpoint.id == id);
        if known.is_none() && endpoints.len() >= MAX_ENDPOINTS {
            return Err(EndpointRefused::TooMany);
        }
        let (endpoint, secret) = match known {
            Some(known) => (replaced(known, request.clone(), now()), None),
            None => (made(id.clone(), request.clone(), new.version.clone(), now()), Some(&new.secret)),
        };
        if store.replace_endpoint(&endpoint, secret).await? == RecordWritten::Applied {
            tracing::info!(endpoint_id = %endpoint.id, "A webhook endpoint was written.");
            return Ok(match secret {
                Some(secret) => WrittenEndpoint::New(endpoint, secret.clone()),
                None => WrittenEndpoint::Changed(endpoint),
            });
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
        secrets: vec![SigningVersion::new(secret)],
        created_at: now,
        changed_at: Some(now),
        version: 1,
        idempotency: IdempotencyLog::default(),
    }
}

fn replaced(known: &WebhookEndpoint, request: EndpointRequest, now: Timestamp) -> WebhookEndpoint {
    let EndpointRequest { url, events, enabled } = request;
    WebhookEndpoint {
        url,
        events,
        enabled,
        disabled_reason: None,
        changed_at: Some(now),
        version: known.version + 1,
        ..known.clone()
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
                let newest = endpoint.secrets.last().map(|newest| newest.version.clone()).unwrap_or(new.version);
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
        let again = replaced(&gone, request("https://crm.example.com/two"), at(60));
        assert!(again.enabled && again.disabled_reason.is_none());
        assert_eq!((again.url.as_str(), again.version), ("https://crm.example.com/two", gone.version + 1));
        assert_eq!((again.created_at, again.changed_at), (at(0), Some(at(60))));
        assert_eq!(again.secrets, first.secrets);
    }
}

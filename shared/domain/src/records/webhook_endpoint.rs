//! The CRM's addresses that events are sent to, with what they are signed with.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::events::EventType;
use crate::idempotency::IdempotencyLog;
use crate::ids::{CredentialsVersion, EndpointId};

/// A business has at most this many endpoints: each event is sent to each of them.
pub const MAX_ENDPOINTS: usize = 10;

/// An endpoint as the business set it, with what its events are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    pub id: EndpointId,
    pub url: String,
    /// Which events are sent; none named means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventType>,
    pub enabled: bool,
    /// Why the product itself switched the endpoint off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// The versions of the secret that sign, the newest last. Earlier ones sign as well until they end.
    pub secrets: Vec<SigningVersion>,
    pub created_at: Timestamp,
    /// Since when it is set as it is, where somebody set it: everything that happened since then and that it wants is sent
    /// to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Counts the changes.
    pub version: u64,
    #[serde(default, skip_serializing_if = "IdempotencyLog::is_empty")]
    pub idempotency: IdempotencyLog,
}

/// Which version of an endpoint's secret signs, and until when. The secret itself lies apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningVersion {
    pub version: CredentialsVersion,
    /// Exclusive; absent for the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl SigningVersion {
    /// The present one.
    pub fn new(version: CredentialsVersion) -> Self {
        Self { version, valid_until: None }
    }
}

/// What events to one endpoint are signed with, in the form of Standard Webhooks: `whsec_` and base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    value: String,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret([secret])")
    }
}

impl SigningSecret {
    /// `value` in the form of Standard Webhooks.
    pub fn new(value: String) -> Self {
        Self { value }
    }

    /// The secret itself. It must not be logged.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl WebhookEndpoint {
    pub fn wants(&self, kind: EventType) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// The versions of the secret that sign at this moment, the newest first.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = &CredentialsVersion> {
        let signs = move |one: &&SigningVersion| one.valid_until.is_none_or(|until| now < until);
        self.secrets.iter().rev().filter(signs).map(|one| &one.version)
    }

    /// Puts a new version of the secret in place; the present one signs for a while longer, so that the CRM can change over.
    #[must_use]
    pub fn rotated(&self, version: CredentialsVersion, overlap: SignedDuration, now: Timestamp) -> Self {
        let mut next = self.clone();
        let until = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
        for known in &mut next.secrets {
            known.valid_until = Some(known.valid_until.map_or(until, |ends| ends.min(until)));
        }
        next.secrets.retain(|known| known.valid_until.is_none_or(|ends| now < ends));
        next.secrets.push(SigningVersion::new(version));
        next.version += 1;
        next
    }

    /// Switches the endpoint off, because it said that it is gone.
    #[must_use]
    pub fn gone(&self) -> Self {
        let disabled_reason = Some("gone".to_owned());
        Self { enabled: false, disabled_reason, version: self.version + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn version(name: &str) -> CredentialsVersion {
        CredentialsVersion::parse(name).unwrap()
    }

    #[test]
    fn a_rotated_secret_signs_for_a_while_beside_the_new_one() {
        let endpoint = WebhookEndpoint {
            id: EndpointId::parse("crm").unwrap(),
            url: "https://crm.example/".to_owned(),
            events: vec![EventType::LinkPaid],
            enabled: true,
            disabled_reason: None,
            secrets: vec![SigningVersion::new(version("one"))],
            created_at: at(0),
            changed_at: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        };
        let rotated = endpoint.rotated(version("two"), SignedDuration::from_secs(60), at(0));
        let signing = |second| rotated.signing(at(second)).cloned().collect::<Vec<_>>();
        assert_eq!(signing(59), [version("two"), version("one")]);
        assert_eq!(signing(60), [version("two")]);
        assert!(!format!("{:?}", SigningSecret::new("whsec_b25l".to_owned())).contains("whsec_"));
        assert!(endpoint.wants(EventType::LinkPaid) && !endpoint.wants(EventType::LinkOpened));
        assert!(!endpoint.gone().wants(EventType::LinkPaid));
    }
}

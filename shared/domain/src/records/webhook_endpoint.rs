//! The CRM's addresses that events are sent to, with what they are signed with.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::events::EventType;
use crate::idempotency::IdempotencyLog;
use crate::ids::{CredentialsVersion, EndpointId};
use crate::precondition::Tag;
use crate::records::signing::SigningVersions;

/// A business has at most this many endpoints: each event is sent to each of them.
pub const MAX_ENDPOINTS: usize = 10;

/// The schedule that looks for what a changed endpoint lacked runs each minute, and is not late by more than this.
const LATEST_SCHEDULE: SignedDuration = SignedDuration::from_hours(1);

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
    /// The versions of the secret that sign.
    pub secrets: SigningVersions,
    pub created_at: Timestamp,
    /// When somebody set it, until the schedule has found all that it lacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Since when it sends without a pause, where it was set again before the schedule had found all that it lacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_since: Option<Timestamp>,
    /// Counts the changes.
    pub version: u64,
    #[serde(default, skip_serializing_if = "IdempotencyLog::is_empty")]
    pub idempotency: IdempotencyLog,
}

impl WebhookEndpoint {
    pub fn wants(&self, kind: EventType) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// What tells this endpoint from what it was and will be for whoever sets it. That the schedule has found what a changed
    /// one lacked is no change of it.
    pub fn tag(&self) -> Tag {
        let Self {
            id: _,
            url,
            events,
            enabled,
            disabled_reason,
            secrets,
            created_at,
            changed_at: _,
            sent_since: _,
            version: _,
            idempotency: _,
        } = self;
        let set = (url, events, enabled, disabled_reason, secrets, created_at);
        let hash = Sha256::digest(serde_json::to_vec(&set).unwrap_or_default());
        Tag::of(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// Everything that happened since then and that it wants is sent to it, also what somebody recorded who did not know
    /// of the change. `None` where all of that was found.
    pub fn lacks_since(&self) -> Option<Timestamp> {
        self.changed_at.map(|changed_at| self.sent_since.unwrap_or(changed_at))
    }

    /// The endpoint as somebody set it now. Where it was set shortly before, was on all the while and wants nothing that it
    /// did not want then, it also gets what happened since then.
    #[must_use]
    pub fn replaced(&self, url: String, events: Vec<EventType>, enabled: bool, now: Timestamp) -> Self {
        let earliest = now - LATEST_SCHEDULE;
        let wants_more =
            !self.events.is_empty() && (events.is_empty() || events.iter().any(|kind| !self.events.contains(kind)));
        let is_unsettled = enabled && self.enabled && !wants_more && self.changed_at.is_some_and(|at| at > earliest);
        Self {
            url,
            events,
            enabled,
            // Whoever leaves it switched off leaves why as well.
            disabled_reason: self.disabled_reason.clone().filter(|_| !enabled),
            changed_at: Some(now),
            sent_since: self.lacks_since().filter(|_| is_unsettled).map(|since| since.max(earliest)),
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The endpoint after the schedule has found all that it lacked.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { changed_at: None, sent_since: None, version: self.version + 1, ..self.clone() }
    }

    /// Puts a new version of the secret in place; the present one signs for a while longer, so that the CRM can change
    /// over.
    #[must_use]
    pub fn rotated(&self, version: CredentialsVersion, overlap: SignedDuration, now: Timestamp) -> Self {
        let secrets = self.secrets.rotated(version, overlap, now);
        Self { secrets, version: self.version + 1, ..self.clone() }
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

    fn endpoint() -> WebhookEndpoint {
        WebhookEndpoint {
            id: EndpointId::parse("crm").unwrap(),
            url: "https://crm.example/".to_owned(),
            events: vec![EventType::LinkPaid],
            enabled: true,
            disabled_reason: None,
            secrets: SigningVersions::first(version("one")),
            created_at: at(0),
            changed_at: Some(at(0)),
            sent_since: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        }
    }

    #[test]
    fn an_endpoint_that_is_set_again_at_once_lacks_what_happened_since_it_was_set_first() {
        let again = |known: &WebhookEndpoint, enabled, second| {
            known.replaced(known.url.clone(), known.events.clone(), enabled, at(second))
        };
        let first = endpoint();
        assert_eq!(first.lacks_since(), Some(at(0)));
        let second = again(&first, true, 40);
        assert_eq!((second.changed_at, second.lacks_since()), (Some(at(40)), Some(at(0))));
        let third = again(&second, true, 80);
        assert_eq!((third.changed_at, third.lacks_since()), (Some(at(80)), Some(at(0))));
        assert_eq!(again(&third, true, 3680).lacks_since(), Some(at(3680)), "all of that was found long ago");
        assert_eq!(again(&third.settled(), true, 90).lacks_since(), Some(at(90)));
        assert_eq!(third.settled().lacks_since(), None);
        let more = third.replaced(third.url.clone(), Vec::new(), true, at(90));
        assert_eq!(more.lacks_since(), Some(at(90)), "what it wants anew happens from now on");
        let off = again(&third, false, 90);
        assert_eq!(again(&off, true, 100).lacks_since(), Some(at(100)), "it was off, and gets nothing of that time");
    }

    #[test]
    fn an_endpoint_wants_what_it_names_until_it_is_gone() {
        let endpoint = endpoint();
        let rotated = endpoint.rotated(version("two"), SignedDuration::from_secs(60), at(0));
        assert_eq!((rotated.version, rotated.secrets.newest()), (2, Some(&version("two"))));
        assert!(endpoint.wants(EventType::LinkPaid) && !endpoint.wants(EventType::LinkOpened));
        assert!(!endpoint.gone().wants(EventType::LinkPaid));
    }
}

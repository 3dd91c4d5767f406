//! Finding an event, and having it sent again.

use domain::Timestamp;
use domain::events::{Delivery, EventRecord, EventType, KEPT_FOR};
use domain::idempotency::Repeat;
use domain::ids::{EndpointId, EventId};
use domain::records::webhook_endpoint::WebhookEndpoint;
use store::{BusinessStore, RecordWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::{Answer, Asked};

/// Why an event is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum RedeliverRefused {
    #[error("there is no such event, or it is no longer kept")]
    NoSuchEvent,
    #[error("there is no enabled endpoint {0}")]
    NoSuchEndpoint(EndpointId),
    #[error("no enabled endpoint wants {}", .0.as_str())]
    NobodyWantsIt(EventType),
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event that can still be read.
pub async fn find(store: &BusinessStore, id: &EventId, now: Timestamp) -> Result<Option<EventRecord>, StoreError> {
    let oldest = now.checked_sub(KEPT_FOR).unwrap_or(Timestamp::MIN);
    Ok(store.event(id).await?.filter(|event| event.recorded_at > oldest))
}

/// Makes the event due at once to one endpoint, or to every endpoint that wants such events: the next run of the schedule
/// sends it.
pub async fn redeliver(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &EventId,
    only: Option<&EndpointId>,
) -> Result<Answer<EventRecord>, RedeliverRefused> {
    let mark = asked.fingerprint();
    let endpoints = store.fresh_endpoints().await?;
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let at = now();
        let mut event = find(store, id, at).await?.ok_or(RedeliverRefused::NoSuchEvent)?;
        match event.idempotency.knows(mark.as_ref()) {
            Repeat::No => {}
            Repeat::Yes => return Ok(Answer::Repeated(event)),
            Repeat::OtherBody => return Err(RedeliverRefused::KeyReused),
        }
        let chosen = choose(&endpoints, only, event.kind)?;
        send_again(&mut event, chosen, at);
        event.idempotency.add(mark.clone());
        event.version += 1;
        if store.replace_event(&event).await? == RecordWritten::Applied {
            return Ok(Answer::New(event));
        }
    }
}

/// To whom the event goes.
fn choose(
    endpoints: &[WebhookEndpoint],
    only: Option<&EndpointId>,
    kind: EventType,
) -> Result<Vec<EndpointId>, RedeliverRefused> {
    let is_chosen = |one: &&WebhookEndpoint| only.map_or(one.wants(kind), |id| one.enabled && one.id == *id);
    let chosen: Vec<EndpointId> = endpoints.iter().filter(is_chosen).map(|one| one.id.clone()).collect();
    match (chosen.is_empty(), only) {
        (false, _) => Ok(chosen),
        (true, Some(id)) => Err(RedeliverRefused::NoSuchEndpoint(id.clone())),
        (true, None) => Err(RedeliverRefused::NobodyWantsIt(kind)),
    }
}

/// Makes the deliveries due at once, with all their tries before them again.
fn send_again(event: &mut EventRecord, endpoints: Vec<EndpointId>, now: Timestamp) {
    for id in endpoints {
        match event.deliveries.iter_mut().find(|delivery| delivery.endpoint == id) {
            Some(delivery) => delivery.redeliver(now),
            None => event.deliveries.push(Delivery::due(id, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::idempotency::IdempotencyLog;
    use domain::records::signing::SigningVersions;

    fn endpoint(id: &str, events: &[EventType], enabled: bool) -> WebhookEndpoint {
        WebhookEndpoint {
            id: EndpointId::parse(id).unwrap(),
            url: format!("https://{id}.example.com/"),
            events: events.to_vec(),
            enabled,
            disabled_reason: None,
            secrets: SigningVersions::default(),
            created_at: Timestamp::UNIX_EPOCH,
            changed_at: None,
            sent_since: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        }
    }

    #[test]
    fn an_event_goes_to_who_wants_it_or_to_the_one_that_is_named() {
        let endpoints =
            [endpoint("all", &[], true), endpoint("paid", &[EventType::LinkPaid], true), endpoint("off", &[], false)];
        let chosen = |only: Option<&str>, kind| {
            let only = only.map(|id| EndpointId::parse(id).unwrap());
            let chosen = choose(&endpoints, only.as_ref(), kind);
            chosen.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(chosen(None, EventType::LinkPaid).unwrap(), ["all", "paid"]);
        assert_eq!(chosen(None, EventType::LinkCancelled).unwrap(), ["all"]);
        assert_eq!(chosen(Some("paid"), EventType::LinkCancelled).unwrap(), ["paid"], "whoever is named gets it");
        for name in ["off", "nobody"] {
            let refused = chosen(Some(name), EventType::LinkPaid).unwrap_err();
            assert!(matches!(refused, RedeliverRefused::NoSuchEndpoint(id) if id.as_str() == name));
        }
        let refused = choose(&endpoints[1..], None, EventType::LinkCancelled).unwrap_err();
        assert!(matches!(refused, RedeliverRefused::NobodyWantsIt(EventType::LinkCancelled)));
    }
}

//! Events to the CRM. An event is sent to every endpoint that wants it and then recorded once, together with the
//! outcome. A crash in between sends it again under the same id, as Standard Webhooks expects.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use domain::Timestamp;
use domain::events::{Delivery, DeliveryState, EventRecord, KEPT_FOR, PostOutcome, SLOW_ENDPOINT_PAUSE};
use domain::ids::EndpointId;
use domain::link::PaymentLink;
use domain::records::webhook_endpoint::WebhookEndpoint;
use domain::trace::Trace;
use futures_util::future::join_all;
use runtime::has_time;
use store::{DueEvent, EventList, EventRecorded, EventsAfter, LinkHistory, RecordWritten, StoreError};
use telemetry::Measurement;
use views::event::EventView;

use crate::{App, DueWork, LEASE, PAGE, RetryOutcome, later};

/// How long an endpoint may take to answer while the rest of a stream's batch waits, and when the schedule sends.
const STREAM_TIMEOUT: Duration = Duration::from_secs(5);
const SCHEDULE_TIMEOUT: Duration = Duration::from_secs(8);

/// An endpoint that took this long gets no events from the stream for a while: the schedule sends them.
const SLOW_FOR_STREAM: Duration = Duration::from_secs(2);

/// An endpoint that took this long gets no events from the schedule either for a while: it may not answer at all.
const SLOW_FOR_SCHEDULE: Duration = Duration::from_secs(5);

/// After a change of an endpoint the schedule looks for events that were recorded without knowing of the change, for
/// this long. That is longer than a process remembers endpoints and then takes to send an event, with a few runs to
/// spare.
const CATCH_UP_FOR: Duration = Duration::from_secs(5 * 60);

/// At most this many events are read at a time to catch up.
const CATCH_UP_PAGE: usize = 100;

/// What made the function send an event. It decides how long an endpoint may take.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    Stream,
    Schedule,
}

impl Trigger {
    fn timeout(self) -> Duration {
        match self {
            Self::Stream => STREAM_TIMEOUT,
            Self::Schedule => SCHEDULE_TIMEOUT,
        }
    }

    fn slow_after(self) -> Duration {
        match self {
            Self::Stream => SLOW_FOR_STREAM,
            Self::Schedule => SLOW_FOR_SCHEDULE,
        }
    }
}

/// How long each endpoint kept this process waiting last, and when, so that it is not waited for again and again.
#[derive(Debug, Default)]
pub struct SlowEndpoints(Mutex<HashMap<EndpointId, (Instant, Duration)>>);

impl SlowEndpoints {
    fn is_paused(&self, id: &EndpointId, trigger: Trigger) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).is_some_and(|(since, took)| {
            since.elapsed() < SLOW_ENDPOINT_PAUSE.unsigned_abs() && *took >= trigger.slow_after()
        })
    }

    fn note(&self, id: &EndpointId, took: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), (Instant::now(), took));
    }
}

/// Sends and records the events in a link's outbox that are not recorded yet, in their order.
pub(crate) async fn send_new(app: &App, history: &LinkHistory, deadline: SystemTime) -> Result<(), StoreError> {
    let now = app.clock.now();
    let is_unrecorded =
        |sequence: u32, at: Timestamp| !history.recorded.contains(&sequence) && now.duration_since(at) < KEPT_FOR;
    let mut recorded: BTreeSet<u32> = history.recorded.iter().copied().collect();
    for event in history.link.outbox().as_slice().iter().filter(|one| is_unrecorded(one.sequence, one.at)) {
        let endpoints = app.store.endpoints().await?;
        let mut event = event.record(history.link.id(), now);
        let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(event.kind));
        event.deliveries = wanting.map(|endpoint| Delivery::due(endpoint.id.clone(), now)).collect();
        // An event for which no time is left is recorded as due, and the schedule sends it.
        if has_time(deadline) {
            send(app, &mut event, history, &endpoints, Trigger::Stream).await?;
        }
        // Sending takes time, and a CRM that polls may have read on meanwhile. The event's place in the list is the
        // instant of this write, so that no reader has passed the place before the event was there.
        event.recorded_at = app.clock.now();
        if app.store.record_event(&event).await? == EventRecorded::Now {
            Measurement::LinkEvent { kind: event.kind, gateway: history.link.terms().account.gateway }.record();
        }
        recorded.insert(event.sequence);
    }
    make_room(app, &history.link, &recorded).await
}

/// Takes recorded events from a link that holds many. Where somebody changed the link meanwhile, its next event does it.
async fn make_room(app: &App, link: &PaymentLink, recorded: &BTreeSet<u32>) -> Result<(), StoreError> {
    match link.without_recorded(recorded, app.clock.now()) {
        Some(next) => app.store.replace_link(&next).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Sends an event to every endpoint whose delivery is due, and notes on it what came of that.
async fn send(
    app: &App,
    event: &mut EventRecord,
    history: &LinkHistory,
    endpoints: &[WebhookEndpoint],
    trigger: Trigger,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    if !event.deliveries.iter().any(|delivery| delivery.is_due(now)) {
        return Ok(());
    }
    let configuration = app.store.configuration().await?;
    let view = EventView::new(event, &history.link, &history.messages, &configuration.settings, now);
    let body = serde_json::to_string(&view).map_err(|error| StoreError::Unreadable {
        operation: "write an event down for an endpoint",
        reason: error.to_string(),
    })?;
    let (id, trace) = (&event.id, history.link.trace());
    let sent = event.deliveries.iter_mut().filter(|delivery| delivery.is_due(now)).map(|delivery| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id == delivery.endpoint && endpoint.enabled);
        let body = body.clone();
        async move {
            let Some(endpoint) = endpoint else {
                delivery.give_up("the endpoint is switched off", now);
                return;
            };
            if app.slow.is_paused(&endpoint.id, trigger) {
                delivery.postpone(now);
                return;
            }
            let begun = Instant::now();
            let posted = app.webhooks.post(endpoint, id, trace, body, now, trigger.timeout()).await;
            app.slow.note(&endpoint.id, begun.elapsed());
            let [jitter] = runtime::random::<1>().unwrap_or_default();
            delivery.note(&posted, jitter, now);
            let (trace_id, state) = (trace.map(Trace::id), delivery.state().name());
            tracing::info!(event_id = %id, endpoint_id = %endpoint.id, trace_id, state, "An event was sent.");
            Measurement::EventPosted { outcome: state }.record();
            if matches!(posted, PostOutcome::Gone { .. }) {
                switch_off(app, endpoint).await;
            }
        }
    });
    join_all(sent).await;
    Ok(())
}

/// An endpoint that says that it is gone gets nothing more until somebody switches it on again.
async fn switch_off(app: &App, endpoint: &WebhookEndpoint) {
    match app.store.replace_endpoint(&endpoint.gone()).await {
        Ok(RecordWritten::Applied) => {
            tracing::warn!(endpoint_id = %endpoint.id, "An endpoint is gone and was switched off.")
        }
        // Somebody changed it meanwhile. If it is still gone, the next event finds that out.
        Ok(RecordWritten::Rejected) => {
            tracing::info!(endpoint_id = %endpoint.id, "An endpoint that was gone has been changed.")
        }
        // The next event meets the same answer, and tries this again.
        Err(error) => {
            tracing::error!(endpoint_id = %endpoint.id, error = %error, "A gone endpoint could not be switched off.");
        }
    }
}

/// Adds deliveries to endpoints that were made or changed shortly before an event, when the process that recorded the
/// event did not know of the change: processes remember endpoints for half a minute. Because this looks once a minute,
/// no process has to read the endpoints with every event.
pub(crate) async fn catch_up(app: &App, deadline: SystemTime) -> Result<(), StoreError> {
    let now = app.clock.now();
    let endpoints = app.store.fresh_endpoints().await?;
    let lately = |endpoint: &WebhookEndpoint| endpoint.changed_at.filter(|at| later(*at, CATCH_UP_FOR) > now);
    let Some(since) = endpoints.iter().filter_map(lately).min() else { return Ok(()) };
    let mut after = EventsAfter::Instant(since);
    while has_time(deadline) {
        let found = app.store.list_events(&EventList { after, before: now }, CATCH_UP_PAGE).await?;
        for event in &found {
            let missing = |endpoint: &&WebhookEndpoint| {
                endpoint.changed_at.is_some_and(|since| event.happened_at >= since)
                    && endpoint.wants(event.kind)
                    && !event.deliveries.iter().any(|delivery| delivery.endpoint == endpoint.id)
            };
            let missing: Vec<Delivery> = endpoints
                .iter()
                .filter(|endpoint| lately(endpoint).is_some())
                .filter(missing)
                .map(|endpoint| Delivery::due(endpoint.id.clone(), now))
                .collect();
            if !missing.is_empty() {
                let mut next = event.clone();
                next.deliveries.extend(missing);
                next.version += 1;
                // Where it is being sent at this moment, the next run finds it again.
                app.store.replace_event(&next).await?;
            }
        }
        match found.last() {
            Some(last) if found.len() == CATCH_UP_PAGE => after = EventsAfter::Event(Box::new(last.clone())),
            Some(_) | None => break,
        }
    }
    Ok(())
}

/// The CRM's endpoints, read again where one that still waits for this event is not among those that this process
/// remembers: it may just have been made or switched on.
async fn endpoints_for(app: &App, event: &EventRecord) -> Result<Arc<Vec<WebhookEndpoint>>, StoreError> {
    let known = app.store.endpoints().await?;
    let is_known = |id: &EndpointId| known.iter().any(|endpoint| endpoint.id == *id && endpoint.enabled);
    let waits = |delivery: &&Delivery| matches!(delivery.state(), DeliveryState::Waiting { .. });
    if event.deliveries.iter().filter(waits).all(|delivery| is_known(&delivery.endpoint)) {
        return Ok(known);
    }
    app.store.fresh_endpoints().await
}

impl DueWork for DueEvent {
    fn due_at(&self) -> Timestamp {
        self.due_at
    }

    async fn page(app: &App, shard: u8) -> Result<Vec<Self>, StoreError> {
        app.store.due_events(shard, app.clock.now(), PAGE).await
    }

    async fn try_again(&self, app: &App) -> Result<RetryOutcome, StoreError> {
        let until = later(app.clock.now(), LEASE);
        let Some(mut event) = app.store.lease_due_event(self, until).await? else {
            return Ok(RetryOutcome::LeasedElsewhere);
        };
        let link = self.id.parts().map(|(link, _)| link);
        let history = match link {
            Some(link) => app.store.link_history(&link).await?,
            None => None,
        };
        if let Some(history) = history {
            let endpoints = endpoints_for(app, &event).await?;
            send(app, &mut event, &history, &endpoints, Trigger::Schedule).await?;
        }
        event.held_until = None;
        event.version += 1;
        app.store.replace_event(&event).await?;
        Ok(RetryOutcome::Served)
    }

    fn log_error(&self, error: &StoreError) {
        tracing::error!(event_id = %self.id, error = %error, "A due event could not be sent.");
    }
}

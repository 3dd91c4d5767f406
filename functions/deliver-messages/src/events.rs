//! Events to the CRM. An event is sent to every endpoint that wants it and then written down once, together with what
//! came of that: whoever dies in between sends it again under the same id, as Standard Webhooks expects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use domain::Timestamp;
use domain::events::{Delivery, DeliveryState, EventRecord, KEPT_FOR, PostOutcome};
use domain::ids::EndpointId;
use domain::records::webhook_endpoint::WebhookEndpoint;

use domain::trace::Trace;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use runtime::has_time;
use store::{DUE_SHARDS, DueEvent, EventList, EventRecorded, EventsAfter, LinkHistory, RecordWritten, StoreError};
use telemetry::Measurement;
use views::event::EventView;

use crate::{AT_ONCE, App, Due, LEASE, PAGE, Tried, later};

/// How long an endpoint may take while the stream waits behind it, and while nobody does.
const PATIENCE_OF_THE_STREAM: Duration = Duration::from_secs(5);
const PATIENCE_OF_THE_SCHEDULE: Duration = Duration::from_secs(8);

/// The stream leaves an endpoint that took so long to the schedule for a while.
const SLOW_FOR_THE_STREAM: Duration = Duration::from_secs(2);

/// The schedule itself leaves an endpoint that took so long alone for a while: it may not answer at all.
const SLOW_FOR_THE_SCHEDULE: Duration = Duration::from_secs(5);

const LEFT_ALONE: Duration = Duration::from_secs(60);

/// For so long after a change of an endpoint the schedule looks for events that were written down without knowing of it.
/// It is longer than a process remembers endpoints and then takes to send an event, with a few runs to spare.
const LOOKED_BACK: Duration = Duration::from_secs(5 * 60);

/// So many events are looked at together.
const EVENTS_AT_ONCE: usize = 100;

/// Who sends, which decides on how long an endpoint may keep it waiting.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    Stream,
    Schedule,
}

impl Trigger {
    fn patience(self) -> Duration {
        match self {
            Self::Stream => PATIENCE_OF_THE_STREAM,
            Self::Schedule => PATIENCE_OF_THE_SCHEDULE,
        }
    }

    fn slow(self) -> Duration {
        match self {
            Self::Stream => SLOW_FOR_THE_STREAM,
            Self::Schedule => SLOW_FOR_THE_SCHEDULE,
        }
    }
}

/// How long endpoints kept this process waiting last, and when, so that nobody waits for them again and again.
#[derive(Debug, Default)]
pub struct SlowEndpoints(Mutex<HashMap<EndpointId, (Instant, Duration)>>);

impl SlowEndpoints {
    fn are_left_alone(&self, id: &EndpointId, trigger: Trigger) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).is_some_and(|(since, took)| since.elapsed() < LEFT_ALONE && *took >= trigger.slow())
    }

    fn note(&self, id: &EndpointId, took: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), (Instant::now(), took));
    }
}

/// Makes events of what happened to a link and was not told yet, in the order in which it happened.
pub(crate) async fn tell(app: &App, file: &LinkHistory, deadline: SystemTime) -> Result<(), StoreError> {
    let now = app.clock.now();
    let is_unrecorded =
        |sequence: u32, at: Timestamp| !file.recorded.contains(&sequence) && now.duration_since(at) < KEPT_FOR;
    for event in file.link.outbox().as_slice().iter().filter(|one| is_unrecorded(one.sequence, one.at)) {
        let endpoints = app.store.endpoints().await?;
        let mut event = event.record(file.link.id(), now);
        let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(event.kind));
        event.deliveries = wanting.map(|endpoint| Delivery::due(endpoint.id.clone(), now)).collect();
        // What there is no time for is written down as due, for the schedule.
        if has_time(deadline) {
            send(app, &mut event, file, &endpoints, Trigger::Stream).await?;
        }
        // Sending takes its time, and whoever polls has read on meanwhile: an event stands where it was written down, or
        // they would have passed its place before it was there.
        event.recorded_at = app.clock.now();
        if app.store.record_event(&event).await? == EventRecorded::Now {
            Measurement::Happened { kind: event.kind, gateway: file.link.terms().account.gateway }.record();
        }
    }
    Ok(())
}

/// Sends an event to every endpoint whose delivery is due, and notes on it what came of that.
async fn send(
    app: &App,
    event: &mut EventRecord,
    file: &LinkHistory,
    endpoints: &[WebhookEndpoint],
    trigger: Trigger,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    if !event.deliveries.iter().any(|delivery| delivery.is_due(now)) {
        return Ok(());
    }
    let configuration = app.store.configuration().await?;
    let view = EventView::new(event, &file.link, &file.messages, &configuration.settings, now);
    let body = serde_json::to_string(&view).map_err(|error| StoreError::Unreadable {
        operation: "write an event down for an endpoint",
        reason: error.to_string(),
    })?;
    let (id, trace) = (&event.id, file.link.trace());
    let sent = event.deliveries.iter_mut().filter(|delivery| delivery.is_due(now)).map(|delivery| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id == delivery.endpoint && endpoint.enabled);
        let body = body.clone();
        async move {
            let Some(endpoint) = endpoint else {
                delivery.give_up("the endpoint is switched off", now);
                return;
            };
            if app.slow.are_left_alone(&endpoint.id, trigger) {
                delivery.state = DeliveryState::Waiting { until: later(now, LEFT_ALONE) };
                return;
            }
            let begun = Instant::now();
            let posted = app.webhooks.post(endpoint, id, trace, body, now, trigger.patience()).await;
            app.slow.note(&endpoint.id, begun.elapsed());
            let [jitter] = runtime::random::<1>().unwrap_or_default();
            delivery.note(&posted, jitter, now);
            let (trace_id, state) = (trace.map(Trace::id), delivery.state.name());
            tracing::info!(event_id = %id, endpoint_id = %endpoint.id, trace_id, state, "An event was sent.");
            Measurement::Posted { outcome: state }.record();
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

/// Sends what is due again, and answers how many events it tried.
pub(crate) async fn retry(app: &App, deadline: SystemTime, found: &mut Due) -> Result<usize, StoreError> {
    let mut tried = 0;
    for shard in 0..DUE_SHARDS {
        while has_time(deadline) {
            let due = app.store.due_events(shard, app.clock.now(), PAGE).await?;
            found.find(due.iter().map(|due| due.due_at), app.clock.now());
            let is_last = due.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            let done = stream::iter(due).map(|due| retry_one(app, due)).buffer_unordered(AT_ONCE);
            let moved = found.note(&done.collect::<Vec<Tried>>().await);
            tried += moved;
            if is_last || moved == 0 {
                break;
            }
        }
    }
    Ok(tried)
}

/// Has events sent to endpoints that were made or changed so lately that the process which wrote the event down did not
/// know of it: processes remember endpoints for half a minute. Looking here, once a minute, spares them to read the
/// endpoints with every event.
pub(crate) async fn catch_up(app: &App, deadline: SystemTime) -> Result<(), StoreError> {
    let now = app.clock.now();
    let endpoints = app.store.fresh_endpoints().await?;
    let lately = |endpoint: &WebhookEndpoint| endpoint.changed_at.filter(|at| later(*at, LOOKED_BACK) > now);
    let Some(since) = endpoints.iter().filter_map(lately).min() else { return Ok(()) };
    let mut after = EventsAfter::Instant(since);
    while has_time(deadline) {
        let found = app.store.list_events(&EventList { after, before: now }, EVENTS_AT_ONCE).await?;
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
            Some(last) if found.len() == EVENTS_AT_ONCE => after = EventsAfter::Event(Box::new(last.clone())),
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
    let waits = |delivery: &&Delivery| matches!(delivery.state, DeliveryState::Waiting { .. });
    if event.deliveries.iter().filter(waits).all(|delivery| is_known(&delivery.endpoint)) {
        return Ok(known);
    }
    app.store.fresh_endpoints().await
}

/// One that cannot be read must not keep the others waiting.
async fn retry_one(app: &App, due: DueEvent) -> Tried {
    match try_again(app, &due).await {
        Ok(is_ours) => is_ours.into(),
        Err(error) => {
            tracing::error!(event_id = %due.id, error = %error, "A due event could not be sent.");
            Tried::Failed
        }
    }
}

async fn try_again(app: &App, due: &DueEvent) -> Result<bool, StoreError> {
    let until = later(app.clock.now(), LEASE);
    let Some(mut event) = app.store.claim_due_event(due, until).await? else { return Ok(false) };
    let link = due.id.parts().map(|(link, _)| link);
    let file = match link {
        Some(link) => app.store.link_history(&link).await?,
        None => None,
    };
    if let Some(file) = file {
        let endpoints = endpoints_for(app, &event).await?;
        send(app, &mut event, &file, &endpoints, Trigger::Schedule).await?;
    }
    event.held_until = None;
    event.version += 1;
    app.store.replace_event(&event).await?;
    Ok(true)
}

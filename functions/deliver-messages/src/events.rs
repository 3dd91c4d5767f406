//! Events to the CRM. An event is sent to every endpoint that wants it and then recorded once, together with the
//! outcome. A crash in between sends it again under the same id, as Standard Webhooks expects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use domain::Timestamp;
use domain::business::settings::Settings;
use domain::events::{BusinessNews, Delivery, DeliveryState, EventRecord, EventType, KEPT_FOR, PostOutcome};
use domain::ids::{BusinessId, EndpointId, EventSubject};
use domain::link::{Attempt, PaymentLink, Refund, RefundCause};
use domain::records::signing::SigningSecret;
use domain::records::webhook_endpoint::WebhookEndpoint;
use domain::trace::Trace;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use runtime::has_time;
use store::{BusinessStore, DueEvent, EventList, EventRecorded, EventsAfter, LinkHistory, RecordWritten, StoreError};
use telemetry::Measurement;
use views::event::EventView;

use crate::paid_items::end_what_is_paid;
use crate::receipt_pages::before_event;
use crate::slow::Called;
use crate::wishes::pass_on;
use crate::{App, CONCURRENCY, LEASE, RetryOutcome, Share, Trigger, later};

/// After a change of an endpoint the schedule looks for events that were recorded without knowing of the change, for
/// this long. That is longer than a process remembers endpoints and then takes to send an event, with a few runs to
/// spare.
const CATCH_UP_FOR: Duration = Duration::from_secs(5 * 60);

/// At most this many events are read at a time to catch up.
const CATCH_UP_PAGE: usize = 100;

/// At most this many changed endpoints are looked at in one run, those that were changed first before the others.
const MOST_CHANGED: i32 = 1000;

/// Sends and records the events in a link's outbox that are not recorded yet, in their order.
pub(crate) async fn send_new(
    app: &App,
    history: &LinkHistory,
    share: Share,
    deadline: SystemTime,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let store = app.store.of(history.link.business());
    let mut recorded: BTreeSet<u32> = history.recorded.iter().copied().collect();
    let outbox = history.link.outbox().as_slice().iter();
    for of_link in outbox.filter(|one| !history.recorded.contains(&one.sequence)) {
        // Whoever is told of a late payment finds it in the totals, and so does everybody where it is too late to tell.
        app.store.mark_late_payment(&history.link, of_link, app.clock.now()).await?;
        if now.duration_since(of_link.at) >= KEPT_FOR {
            continue;
        }
        end_what_is_paid(app, &store, &history.link, of_link.kind).await?;
        pass_on(&store, &history.link, of_link.kind).await?;
        before_event(&app.store, &history.link, of_link.kind, of_link.attempt.as_ref()).await?;
        let endpoints = store.endpoints().await?;
        let mut event = history.link.record(of_link, now);
        // Whoever is told of a refund finds it in the list.
        if let Some((_, refund)) = event.refund.as_ref().and_then(|refund| history.link.refund(refund))
            && event.kind == EventType::RefundCreated
        {
            store.put_refund_entry(&history.link, refund).await?;
        }
        // Whoever is told of a receipt can search for it.
        let (link, refund) = (&history.link, event.refund.as_ref());
        let receipt = match (event.kind, &event.attempt) {
            (EventType::ReceiptRegistered, Some(attempt)) => link.registered_receipt(attempt, refund),
            (EventType::ReceiptVoided, Some(attempt)) => link.void_receipt(attempt, refund),
            _ => None,
        };
        if let Some(receipt) = receipt {
            store.put_receipt_rows(&receipt).await?;
        }
        let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(event.kind));
        event.deliveries = wanting.map(|endpoint| Delivery::due(endpoint.id.clone(), now)).collect();
        // An event for which no time is left, or which others wait behind, is recorded as due, and the schedule sends it.
        if share == Share::Within && has_time(deadline) {
            send(app, &mut event, About::Link(history), &endpoints, Trigger::Stream).await?;
        }
        // Sending takes time, and a CRM that polls may have read on meanwhile. The event's place in the list is the
        // instant of this write, so that no reader has passed the place before the event was there.
        event.recorded_at = app.clock.now();
        if app.store.record_event(&event).await? == EventRecorded::Now {
            note(&event, &history.link);
        }
        recorded.insert(event.sequence);
    }
    make_room(app, &history.link, &recorded).await
}

/// Counts an event that was recorded. An alarm on refunds only says that there is one, and the log whose it is. What a person
/// said to have failed is no news to whoever runs the stack, and neither is that a bank gave back what it had taken.
fn note(event: &EventRecord, link: &PaymentLink) {
    let refund = event.refund.as_ref().and_then(|id| link.refund(id)).map(|(_, refund)| refund);
    let is_no_failure = |refund: &Refund| refund.resolved_by.is_some() || refund.cause == RefundCause::Dispute;
    if event.kind == EventType::RefundFailed && refund.is_some_and(is_no_failure) {
        return;
    }
    // What came by other means says nothing about a gateway.
    let is_recorded = event.attempt.as_ref().and_then(|id| link.attempt(id)).is_some_and(Attempt::is_recorded);
    let gateway = (!is_recorded).then_some(link.terms().account.gateway);
    Measurement::LinkEvent { kind: event.kind, gateway }.record();
    if event.kind == EventType::DisputeOpened {
        let (business_id, link_id, trace_id) = (&event.business, link.id(), link.trace_id());
        tracing::warn!(%business_id, %link_id, trace_id, "A payment is disputed.");
    }
    let Some(refund) = refund else { return };
    let (business_id, link_id, refund_id, trace_id) = (&event.business, link.id(), &refund.id, link.trace_id());
    if event.kind == EventType::RefundFailed {
        tracing::warn!(%business_id, %link_id, %refund_id, trace_id, "A refund failed.");
    } else if event.kind == EventType::RefundNeedsReview {
        tracing::warn!(%business_id, %link_id, %refund_id, trace_id, "A refund needs a person.");
    }
}

/// Takes recorded events from a link that holds many. Where somebody changed the link meanwhile, its next event does it.
async fn make_room(app: &App, link: &PaymentLink, recorded: &BTreeSet<u32>) -> Result<(), StoreError> {
    match link.without_recorded(recorded, app.clock.now()) {
        Some(next) => app.store.replace_link(&next).await.map(|_| ()),
        None => Ok(()),
    }
}

/// What an event is about.
#[derive(Clone, Copy)]
enum About<'a> {
    Link(&'a LinkHistory),
    /// What is about no link.
    Business(BusinessNews<'a>),
}

impl<'a> About<'a> {
    fn view(self, event: &EventRecord, settings: &Settings, now: Timestamp) -> EventView {
        match self {
            Self::Link(history) => EventView::new(event, &history.link, &history.messages, settings, now),
            Self::Business(news) => EventView::of_business(event, news, settings),
        }
    }

    fn trace(self) -> Option<&'a Trace> {
        match self {
            Self::Link(history) => history.link.trace(),
            Self::Business(_) => None,
        }
    }
}

/// Sends an event to every endpoint whose delivery is due, and notes on it what came of that.
async fn send(
    app: &App,
    event: &mut EventRecord,
    about: About<'_>,
    endpoints: &[WebhookEndpoint],
    trigger: Trigger,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    if !event.deliveries.iter().any(|delivery| delivery.is_due(now)) {
        return Ok(());
    }
    let store = app.store.of(&event.business);
    let configuration = store.configuration().await?;
    let view = about.view(event, &configuration.settings, now);
    let body = serde_json::to_string(&view).map_err(|error| StoreError::Unreadable {
        operation: "write an event down for an endpoint",
        reason: error.to_string(),
    })?;
    let (id, trace) = (&event.id, about.trace());
    let mut deliveries = std::mem::take(&mut event.deliveries);
    let sent = deliveries.iter_mut().filter(|delivery| delivery.is_due(now)).map(|delivery| {
        let endpoint = event.endpoint_of(&delivery.endpoint, endpoints).filter(|endpoint| endpoint.enabled);
        let (body, store) = (body.clone(), &store);
        async move {
            let Some(endpoint) = endpoint else {
                delivery.give_up("the endpoint is switched off", now);
                return;
            };
            let (business, called) = (store.business_id(), Called::Endpoint(endpoint.id.clone()));
            if app.slow.is_paused(business, called.clone(), trigger) {
                delivery.postpone(now);
                return;
            }
            let secrets = secrets_of(store, endpoint, now).await;
            let begun = Instant::now();
            let posted = app.webhooks.post((endpoint, &secrets), id, trace, body, now, trigger.timeout()).await;
            app.slow.note(business, called, begun.elapsed());
            let [jitter] = runtime::random::<1>().unwrap_or_default();
            delivery.note(&posted, jitter, now);
            let (trace_id, state) = (trace.map(Trace::id), delivery.state());
            tracing::info!(event_id = %id, endpoint_id = %endpoint.id, trace_id, state = state.name(), "An event was sent.");
            Measurement::EventPosted { state }.record();
            if matches!(posted, PostOutcome::Gone { .. }) {
                switch_off(store, endpoint).await;
            }
        }
    });
    join_all(sent).await;
    event.deliveries = deliveries;
    Ok(())
}

/// What events to an endpoint are signed with at this moment. Without all of it nothing is sent, and the delivery is tried
/// again.
async fn secrets_of(store: &BusinessStore, endpoint: &WebhookEndpoint, now: Timestamp) -> Vec<SigningSecret> {
    let mut secrets = Vec::new();
    for version in endpoint.secrets.at(now) {
        match store.signing_secret(&endpoint.id, version).await {
            Ok(secret) => secrets.push(secret),
            Err(error) => {
                let (business_id, endpoint_id) = (store.business_id(), &endpoint.id);
                tracing::error!(%business_id, %endpoint_id, error = %error, "A secret could not be read.");
                return Vec::new();
            }
        }
    }
    secrets
}

/// An endpoint that says that it is gone gets nothing more until somebody switches it on again.
async fn switch_off(store: &BusinessStore, endpoint: &WebhookEndpoint) {
    let (business_id, endpoint_id) = (store.business_id(), &endpoint.id);
    match store.settle_endpoint(&endpoint.gone()).await {
        Ok(RecordWritten::Applied) => {
            tracing::warn!(%business_id, %endpoint_id, "An endpoint is gone and was switched off.")
        }
        // Somebody changed it meanwhile. If it is still gone, the next event finds that out.
        Ok(RecordWritten::Rejected) => {
            tracing::info!(%business_id, %endpoint_id, "An endpoint that was gone has been changed.")
        }
        // The next event meets the same answer, and tries this again.
        Err(error) => {
            tracing::error!(%business_id, %endpoint_id, error = %error, "A gone endpoint could not be switched off.");
        }
    }
}

/// Adds deliveries to endpoints that were made or changed shortly before an event, when the process that recorded the
/// event did not know of the change: processes remember endpoints for half a minute. Because this looks once a minute,
/// no process has to read the endpoints with every event. The result is for how many businesses that failed.
pub(crate) async fn catch_up(app: &App, deadline: SystemTime) -> Result<usize, StoreError> {
    let now = app.clock.now();
    let mut changed: BTreeMap<BusinessId, BTreeSet<EndpointId>> = BTreeMap::new();
    for endpoint in app.store.due_endpoints(now, MOST_CHANGED).await? {
        changed.entry(endpoint.business).or_default().insert(endpoint.id);
    }
    let all: Vec<_> = changed
        .into_iter()
        .map(|(business, endpoints)| async move {
            let store = app.store.of(&business);
            let caught_up = catch_up_business(&store, &endpoints, now, deadline).await;
            caught_up.inspect_err(|error| {
                tracing::error!(business_id = %business, error = %error, "Changed endpoints could not be caught up.");
            })
        })
        .collect();
    let caught_up: Vec<Result<(), StoreError>> = stream::iter(all).buffer_unordered(CONCURRENCY).collect().await;
    Ok(caught_up.iter().filter(|one| one.is_err()).count())
}

/// Does so for the changed endpoints of one business. Those that were changed long enough ago are looked at no more.
async fn catch_up_business(
    store: &BusinessStore,
    endpoints: &BTreeSet<EndpointId>,
    now: Timestamp,
    deadline: SystemTime,
) -> Result<(), StoreError> {
    let known = store.fresh_endpoints().await?;
    let changed = known.iter().filter(|endpoint| endpoints.contains(&endpoint.id));
    let changed: Vec<(&WebhookEndpoint, Timestamp)> =
        changed.filter_map(|endpoint| Some((endpoint, endpoint.lacks_since()?))).collect();
    let first = changed.iter().map(|(_, since)| *since).min();
    let last = changed.iter().filter_map(|(endpoint, _)| endpoint.changed_at).max();
    let Some((first, last)) = first.zip(last) else { return Ok(()) };
    let before = later(last, CATCH_UP_FOR).min(now);
    let mut after = EventsAfter::Instant(first);
    loop {
        if !has_time(deadline) {
            return Ok(());
        }
        let found =
            store.list_events(&EventList { link: None, after, before, types: Vec::new() }, CATCH_UP_PAGE).await?;
        let incomplete = found.entries.iter().filter_map(|event| with_missing(event, &changed, now));
        // Where one is being sent at this moment, the next run finds it again.
        let writes: Vec<_> = incomplete.map(|next| async move { store.replace_event(&next).await }).collect();
        let written: Vec<Result<RecordWritten, StoreError>> =
            stream::iter(writes).buffer_unordered(CONCURRENCY).collect().await;
        written.into_iter().collect::<Result<Vec<_>, _>>()?;
        match found.entries.into_iter().next_back().filter(|_| found.next.is_some()) {
            Some(last) => after = EventsAfter::Event(Box::new(last)),
            None => break,
        }
    }
    let is_over = |endpoint: &WebhookEndpoint| endpoint.changed_at.is_some_and(|at| later(at, CATCH_UP_FOR) <= now);
    for (endpoint, _) in changed.iter().filter(|(endpoint, _)| is_over(endpoint)) {
        // Where it was changed again meanwhile, it stays.
        store.settle_endpoint(&endpoint.settled()).await?;
    }
    Ok(())
}

/// An event with the deliveries that it lacks to endpoints which were changed before it happened. `None` where it lacks none.
fn with_missing(event: &EventRecord, changed: &[(&WebhookEndpoint, Timestamp)], now: Timestamp) -> Option<EventRecord> {
    let is_missing = |(endpoint, since): &&(&WebhookEndpoint, Timestamp)| {
        event.happened_at >= *since
            && endpoint.wants(event.kind)
            && !event.deliveries.iter().any(|delivery| delivery.endpoint == endpoint.id)
    };
    let missing: Vec<Delivery> =
        changed.iter().filter(is_missing).map(|(endpoint, _)| Delivery::due(endpoint.id.clone(), now)).collect();
    if missing.is_empty() {
        return None;
    }
    let mut next = event.clone();
    next.deliveries.extend(missing);
    next.version += 1;
    Some(next)
}

/// The CRM's endpoints, read again where one that still waits for this event is not among those that this process
/// remembers: it may just have been made or switched on.
async fn endpoints_for(store: &BusinessStore, event: &EventRecord) -> Result<Arc<Vec<WebhookEndpoint>>, StoreError> {
    let known = store.endpoints().await?;
    let is_known = |id: &EndpointId| known.iter().any(|endpoint| endpoint.id == *id && endpoint.enabled);
    let waits = |delivery: &&Delivery| matches!(delivery.state(), DeliveryState::Waiting { .. });
    if event.deliveries.iter().filter(waits).all(|delivery| is_known(&delivery.endpoint)) {
        return Ok(known);
    }
    store.fresh_endpoints().await
}

/// Leases a due event and sends it.
pub(crate) async fn try_again(app: &App, due: &DueEvent) -> Result<RetryOutcome, StoreError> {
    let until = later(app.clock.now(), LEASE);
    let Some(mut event) = app.store.lease_due_event(due, until).await? else {
        return Ok(RetryOutcome::LeasedElsewhere);
    };
    let store = app.store.of(&event.business);
    if event.is_unaddressed {
        let endpoints = store.fresh_endpoints().await?;
        event.address(&endpoints, app.clock.now());
    }
    let told = event.clone();
    let news = told.business_news();
    let history = match (due.id.subject(), news) {
        (Some(EventSubject::Link(link, _)), None) => app.store.link_history(&link).await?,
        (Some(_) | None, _) => None,
    };
    let about = history.as_ref().map(About::Link).or(news.map(About::Business));
    if let Some(about) = about {
        let endpoints = endpoints_for(&store, &event).await?;
        send(app, &mut event, about, &endpoints, Trigger::Schedule).await?;
    }
    event.held_until = None;
    event.version += 1;
    app.store.replace_event(&event).await?;
    Ok(RetryOutcome::Event)
}

//! The outbox: tells people about new links.
//!
//! The table's stream says that a link was made; what is sent is decided from the table. Each message is claimed, handed
//! to its provider and noted. What fails for now goes into the index of due work, from where the schedule tries it
//! again. A record that cannot be served is reported by its number, so that it blocks no other.

use std::time::{Duration, SystemTime};

use aws_lambda_events::dynamodb::{Event, EventRecord};
use channels::{Channels, Sent};
use domain::Timestamp;
use domain::compose::compose;
use domain::ids::{LinkId, MessageId};
use domain::link::{LinkStatus, PaymentLink};
use domain::message::MessageEvent;
use domain::recipients::Recipient;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use runtime::{Clock, has_time};
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};
use store::{Claim, Claimed, DUE_SHARDS, DueMessage, MessageState, Store, StoreError};

/// How long a claim lasts: longer than the function may run.
const LEASE: Duration = Duration::from_secs(90);

/// The pauses between tries. After the last one a message has failed.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
];

/// So many links are served at once.
const AT_ONCE: usize = 16;

/// So many due messages are read at a time.
const PAGE: i32 = 50;

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(50);

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub channels: Channels,
    pub clock: Clock,
}

/// Serves a batch of the stream, or, called by the schedule, what is due again.
pub async fn handle(app: &App, event: Value, deadline: SystemTime) -> Result<Value, lambda_runtime::Error> {
    if event.get("Records").is_none() {
        let tried = retry(app, deadline).await?;
        return Ok(json!({ "tried": tried }));
    }
    let event: Event = serde_json::from_value(event)?;
    let failures: Vec<Value> = stream::iter(event.records)
        .map(|record| async move { serve(app, &record, deadline).await.err() })
        .buffered(AT_ONCE)
        .filter_map(|failure| async move { failure.map(|number| json!({ "itemIdentifier": number })) })
        .collect()
        .await;
    Ok(json!({ "batchItemFailures": failures }))
}

/// Serves one record of the stream. The error is the record's number, which makes Lambda send it again.
async fn serve(app: &App, record: &EventRecord, deadline: SystemTime) -> Result<(), String> {
    let number = || record.change.sequence_number.clone().unwrap_or_default();
    if record.event_name != "INSERT" {
        return Ok(());
    }
    let Some(id) = link_of(record) else { return Ok(()) };
    if !has_time(deadline) {
        return Err(number());
    }
    tell(app, &id).await.map_err(|error| {
        tracing::error!(link_id = %id, error = %error, "The messages of a link could not be served.");
        number()
    })
}

/// The link that a record is about; records of other items are no business of this function.
fn link_of(record: &EventRecord) -> Option<LinkId> {
    let text = |name: &str| match record.change.keys.inner().get(name) {
        Some(AttributeValue::S(text)) => Some(text.as_str()),
        Some(_) | None => None,
    };
    if text("sk")? != "link" {
        return None;
    }
    LinkId::parse(text("pk")?.strip_prefix("link#")?).ok()
}

/// Sends the messages of a link that nobody has looked at.
async fn tell(app: &App, id: &LinkId) -> Result<(), StoreError> {
    let Some(link) = app.store.link(id).await? else { return Ok(()) };
    let recipients = &link.terms().recipients;
    let told = join_all(recipients.iter().map(|recipient| claim_and_send(app, &link, recipient))).await;
    told.into_iter().collect()
}

async fn claim_and_send(app: &App, link: &PaymentLink, recipient: &Recipient) -> Result<(), StoreError> {
    let until = later(app.clock.now(), LEASE);
    match app.store.claim_message(link.id(), &recipient.id, until).await? {
        Claimed::Mine(claim) => send(app, link, recipient, claim).await,
        Claimed::NotNeeded => Ok(()),
        // Another run sends it right now, or died doing so. The schedule looks when its lease has ended.
        Claimed::Held { until } => app.store.hand_over_message(link.id(), &recipient.id, until).await,
    }
}

/// Sends one claimed message and notes what came of it.
async fn send(app: &App, link: &PaymentLink, recipient: &Recipient, claim: Claim) -> Result<(), StoreError> {
    let now = app.clock.now();
    let state = if link.status_at(now) == LinkStatus::Active {
        hand_over(app, link, recipient, claim.tries).await?
    } else {
        MessageState::Skipped { at: now }
    };
    let (link_id, message_id) = (link.id(), &recipient.id);
    match &state {
        MessageState::Failed { reason, .. } => {
            tracing::error!(%link_id, %message_id, reason, "A message failed for good.");
        }
        MessageState::Waiting { reason, .. } => {
            tracing::warn!(%link_id, %message_id, reason, "A message failed for now.")
        }
        MessageState::Sent { .. } | MessageState::Sending { .. } | MessageState::Skipped { .. } => {
            tracing::info!(%link_id, %message_id, state = state.name(), "A message was served.");
        }
    }
    app.store.note_message(&claim, state).await
}

async fn hand_over(
    app: &App,
    link: &PaymentLink,
    recipient: &Recipient,
    tries: u32,
) -> Result<MessageState, StoreError> {
    let configuration = app.store.configuration().await?;
    let locale = link.terms().locale.as_ref().unwrap_or(&configuration.settings.default_locale);
    let template = configuration.template(MessageEvent::LinkCreated, recipient.channel, locale);
    let message = match compose(link, recipient.channel, template, &configuration.settings) {
        Ok(message) => message,
        Err(rejection) => {
            return Ok(MessageState::Failed { at: app.clock.now(), reason: rejection.code.to_owned() });
        }
    };
    let business = &configuration.settings.business_name;
    let sent = app.channels.send(recipient.channel, &recipient.to, &message, business).await;
    let now = app.clock.now();
    Ok(match sent {
        Sent::Accepted { provider_id } => MessageState::Sent { at: now, provider_id },
        Sent::FailedForGood { reason } => MessageState::Failed { at: now, reason },
        Sent::FailedForNow { reason } => {
            let pause = usize::try_from(tries).ok().and_then(|tries| PAUSES.get(tries.saturating_sub(1)));
            match pause {
                Some(pause) => MessageState::Waiting { until: later(now, *pause), reason },
                None => MessageState::Failed { at: now, reason },
            }
        }
    })
}

/// Tries what is due again, and answers how many messages it tried.
async fn retry(app: &App, deadline: SystemTime) -> Result<usize, StoreError> {
    let mut tried = 0;
    for shard in 0..DUE_SHARDS {
        while has_time(deadline) {
            let due = app.store.due_messages(shard, app.clock.now(), PAGE).await?;
            let is_last = due.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            let done = stream::iter(due).map(|due| retry_one(app, due)).buffer_unordered(AT_ONCE);
            let done: Vec<bool> = done.collect().await;
            let moved = done.iter().filter(|moved| **moved).count();
            tried += moved;
            if is_last || moved == 0 {
                break;
            }
        }
    }
    Ok(tried)
}

/// Answers whether the message was taken on. One that cannot be read must not keep the others waiting.
async fn retry_one(app: &App, due: DueMessage) -> bool {
    match try_again(app, &due).await {
        Ok(moved) => moved,
        Err(error) => {
            tracing::error!(link_id = %due.link, message_id = %due.message, error = %error, "A due message could not be served.");
            false
        }
    }
}

async fn try_again(app: &App, due: &DueMessage) -> Result<bool, StoreError> {
    let until = later(app.clock.now(), LEASE);
    let Some(claim) = app.store.claim_due_message(due, until).await? else { return Ok(false) };
    let Some(link) = app.store.link(&due.link).await? else { return Ok(true) };
    if let Some(recipient) = recipient(&link, &due.message) {
        send(app, &link, recipient, claim).await?;
    }
    Ok(true)
}

fn recipient<'a>(link: &'a PaymentLink, id: &MessageId) -> Option<&'a Recipient> {
    link.terms().recipients.iter().find(|recipient| recipient.id == *id)
}

fn later(from: Timestamp, pause: Duration) -> Timestamp {
    from.checked_add(pause).unwrap_or(Timestamp::MAX)
}

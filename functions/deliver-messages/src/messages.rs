//! Messages to people: each is claimed, handed to its provider and noted.

use std::time::{Duration, SystemTime};

use channels::Sent;
use domain::compose::compose;
use domain::link::{LinkStatus, PaymentLink};
use domain::message::MessageEvent;
use domain::recipients::Recipient;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use runtime::has_time;
use store::{Claim, Claimed, DUE_SHARDS, DueMessage, LinkFile, MessageState, StoreError, Written};
use telemetry::Measurement;

use crate::{AT_ONCE, App, LEASE, PAGE, later};

/// The pauses between tries. After the last one a message has failed.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
];

/// How often a failure is noted again because the link changed meanwhile.
const MOST_ROUNDS: usize = 8;

/// Sends the messages of a link that nobody has looked at, or whose sender may have died.
pub(crate) async fn tell(app: &App, file: &LinkFile) -> Result<(), StoreError> {
    let is_open =
        |recipient: &&Recipient| matches!(file.messages.get(&recipient.id), None | Some(MessageState::Sending { .. }));
    let told = file.link.recipients().filter(is_open).map(|recipient| claim_and_send(app, &file.link, recipient));
    join_all(told).await.into_iter().collect()
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
    Measurement::Told { channel: recipient.channel, outcome: state.name() }.record();
    match &state {
        MessageState::Failed { reason, .. } => {
            tracing::error!(%link_id, %message_id, reason, "A message failed for good.");
            return note_failure(app, link.clone(), recipient, claim, state).await;
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

/// Notes that a message failed for good, together with the event that tells the CRM.
async fn note_failure(
    app: &App,
    mut link: PaymentLink,
    recipient: &Recipient,
    claim: Claim,
    state: MessageState,
) -> Result<(), StoreError> {
    for _ in 0..MOST_ROUNDS {
        let Some(next) = link.message_failed(&recipient.id, app.clock.now()) else {
            return app.store.note_message(&claim, state).await;
        };
        match app.store.note_failed_message(&claim, state.clone(), &next).await? {
            Written::Applied | Written::AlreadyApplied => return Ok(()),
            Written::Rejected(current) => link = *current,
        }
    }
    // The lease ends, and the schedule tries the message once more.
    Err(StoreError::Unavailable { operation: "note a failed message", reason: "the link kept changing".to_owned() })
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
    let custom = link.message(&recipient.id).and_then(|(_, message)| message.custom_text(recipient.channel));
    let message = match compose(link, recipient.channel, custom.or(template), &configuration.settings) {
        Ok(message) => message,
        Err(rejection) => {
            return Ok(MessageState::Failed { at: app.clock.now(), reason: rejection.code.to_owned() });
        }
    };
    let sender = configuration.settings.sender();
    let sent = app.channels.send(recipient.channel, &recipient.to, &message, sender).await;
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
pub(crate) async fn retry(app: &App, deadline: SystemTime) -> Result<usize, StoreError> {
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
    if let Some((recipient, _)) = link.message(&due.message) {
        send(app, &link, recipient, claim).await?;
    }
    Ok(true)
}

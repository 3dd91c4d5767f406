//! Messages to people: each is leased, handed to its provider, and its outcome noted.

use std::time::Instant;

use channels::{About, Label, Outgoing, Report};
use domain::Timestamp;
use domain::ids::{BusinessId, MessageId, ProviderId};
use domain::link::{LinkStatus, PaymentLink};
use domain::messages::choice::MessageChoice;
use domain::messages::compose::{MessageSources, compose};
use domain::messages::delivery::{Delivery, Handover, MessageState, Metered, REPORTED_WITHIN, SendOutcome};
use domain::messages::provider_profile::{Moments, Reporting, ReportsNaming, ReportsWhen};
use domain::messages::recipients::Recipient;
use domain::messages::routing::{MessageRouter, Route, UnreachedReason};
use futures_util::future::join_all;
use store::{
    Configuration, DueLease, DueMessage, LeaseOutcome, LinkHistory, MAX_CONTENDED_TRIES, SendLease, SentLook,
    SentMessage, StoreError, Written,
};
use telemetry::Measurement;

use crate::slow::Called;
use crate::{App, LEASE, RetryOutcome, Share, Trigger, later};

/// Sends the messages of a link that no run has leased, or that a run leased and may have died with. A message that
/// stands in for another is sent when that has failed for good: the failure is an event of the link, and the stream
/// brings it here.
pub(crate) async fn send_new(app: &App, history: &LinkHistory, share: Share) -> Result<(), StoreError> {
    let has_failed = |id: &MessageId| matches!(history.messages.get(id), Some(MessageState::Failed { .. }));
    let is_open = |recipient: &&Recipient| {
        matches!(history.messages.get(&recipient.id), None | Some(MessageState::Sending { .. }))
            && recipient.is_wanted(has_failed)
    };
    let open = history.link.recipients().filter(is_open);
    let sent = open.map(|recipient| send_or_queue(app, history, recipient, share));
    join_all(sent).await.into_iter().collect()
}

/// Sends a message, or leaves it to the schedule where others wait behind it.
async fn send_or_queue(
    app: &App,
    history: &LinkHistory,
    recipient: &Recipient,
    share: Share,
) -> Result<(), StoreError> {
    let link = &history.link;
    let is_new = !history.messages.contains_key(&recipient.id);
    if is_new && (share == Share::Beyond || has_slow_provider(app, link, recipient).await?) {
        return app.store.queue_message(link, &recipient.id, app.clock.now()).await;
    }
    lease_and_send(app, link, recipient).await
}

/// Whether the provider that serves this address is the business's own and kept us waiting a moment ago.
async fn has_slow_provider(app: &App, link: &PaymentLink, recipient: &Recipient) -> Result<bool, StoreError> {
    let configuration = app.store.of(link.business()).configuration().await?;
    let route = route(router_of(&configuration), link, recipient).ok();
    let provider = route.and_then(Route::provider).map(|provider| Called::Provider(provider.id.clone()));
    Ok(provider.is_some_and(|called| app.slow.is_paused(link.business(), called, Trigger::Stream)))
}

async fn lease_and_send(app: &App, link: &PaymentLink, recipient: &Recipient) -> Result<(), StoreError> {
    let until = later(app.clock.now(), LEASE);
    match app.store.lease_message(link, &recipient.id, until).await? {
        LeaseOutcome::Mine(lease) => send(app, link, recipient, lease).await,
        LeaseOutcome::NotNeeded => Ok(()),
        // Another run sends it right now, or died doing so. The schedule looks when its lease has ended.
        LeaseOutcome::Held { until } => app.store.retry_message_later(link.id(), &recipient.id, until).await,
    }
}

/// Sends one leased message and notes the outcome.
async fn send(app: &App, link: &PaymentLink, recipient: &Recipient, lease: SendLease) -> Result<(), StoreError> {
    let now = app.clock.now();
    let state = if link.status_at(now) == LinkStatus::Active {
        send_once(app, link, recipient, lease.tries).await?
    } else {
        MessageState::Skipped { at: now }
    };
    let (link_id, message_id, trace_id) = (link.id(), &recipient.id, link.trace_id());
    Measurement::MessageSent { channel: recipient.channel, outcome: state.name() }.record();
    match &state {
        MessageState::Failed { reason, .. } => {
            tracing::error!(%link_id, %message_id, trace_id, reason, "A message failed for good.");
            return note_failure(app, link.clone(), recipient, lease, state).await;
        }
        MessageState::Waiting { reason, .. } => {
            tracing::warn!(%link_id, %message_id, trace_id, reason, "A message failed for now.")
        }
        MessageState::Queued { .. }
        | MessageState::Sent { .. }
        | MessageState::Sending { .. }
        | MessageState::Skipped { .. } => {
            tracing::info!(%link_id, %message_id, trace_id, state = state.name(), "A message was served.");
        }
    }
    app.store.note_message(&lease, state).await
}

/// Notes that a message failed for good, together with the event that tells the CRM.
async fn note_failure(
    app: &App,
    mut link: PaymentLink,
    recipient: &Recipient,
    lease: SendLease,
    state: MessageState,
) -> Result<(), StoreError> {
    for _ in 0..MAX_CONTENDED_TRIES {
        let Some(next) = link.message_failed(&recipient.id, app.clock.now()) else {
            return app.store.note_message(&lease, state).await;
        };
        match app.store.note_failed_message(&lease, state.clone(), &next).await? {
            Written::Applied | Written::AlreadyApplied => return Ok(()),
            Written::Rejected(current) => link = *current,
        }
    }
    // The lease ends, and the schedule tries the message once more.
    Err(StoreError::Unavailable { operation: "note a failed message", reason: "the link kept changing".to_owned() })
}

/// Sends a message once. The result is its state after this try.
async fn send_once(
    app: &App,
    link: &PaymentLink,
    recipient: &Recipient,
    tries: u32,
) -> Result<MessageState, StoreError> {
    let tried = send_through(app, link, recipient).await?;
    let now = app.clock.now();
    Ok(match MessageState::after(tried.outcome, tries, now) {
        MessageState::Sent(handover) => {
            let handover = Handover { metered: tried.metered, ..handover };
            let asked = tried.asked.filter(|_| !handover.provider_id.is_empty());
            MessageState::Sent(match asked {
                Some(asked) => handover.looked_at_next(asked.moments, asked.provider, now),
                None => handover,
            })
        }
        state @ (MessageState::Queued { .. }
        | MessageState::Sending { .. }
        | MessageState::Waiting { .. }
        | MessageState::Failed { .. }
        | MessageState::Skipped { .. }) => state,
    })
}

/// What came of handing a message to its provider.
struct Try {
    outcome: SendOutcome,
    /// Where the provider has to be asked what became of it.
    asked: Option<Asked>,
    /// What it counts as once the provider has it.
    metered: Option<Metered>,
}

/// A provider that has to be asked what became of a message, and when.
struct Asked {
    provider: ProviderId,
    moments: Moments,
}

impl Asked {
    fn of(route: Route<'_>) -> Option<Self> {
        match route.kind().profile().reports {
            Some(Reporting::Asked { at }) => Some(Self { provider: route.provider()?.id.clone(), moments: at }),
            Some(Reporting::Called { .. }) | None => None,
        }
    }
}

fn router_of(configuration: &Configuration) -> MessageRouter<'_> {
    MessageRouter { settings: &configuration.settings, providers: &configuration.providers }
}

/// The provider that serves the address of a message now.
fn route<'a>(
    router: MessageRouter<'a>,
    link: &PaymentLink,
    recipient: &Recipient,
) -> Result<Route<'a>, UnreachedReason> {
    let Recipient { channel, network, to, .. } = recipient;
    router.route(*channel, network.as_ref(), to, choice_of(link, recipient).wording())
}

fn choice_of<'a>(link: &'a PaymentLink, recipient: &Recipient) -> &'a MessageChoice {
    link.message(&recipient.id).map_or(&link.terms().message, |(_, choice)| choice)
}

/// Hands a message to the provider that serves its address now, which may be another than when the link was made.
async fn send_through(app: &App, link: &PaymentLink, recipient: &Recipient) -> Result<Try, StoreError> {
    let store = app.store.of(link.business());
    let configuration = store.configuration().await?;
    let router = router_of(&configuration);
    let sources = MessageSources { templates: &configuration.templates, router };
    let for_good = |reason: &str| {
        let outcome = SendOutcome::FailedForGood { reason: reason.to_owned() };
        Ok(Try { outcome, asked: None, metered: None })
    };
    let route = match route(router, link, recipient) {
        Ok(route) => route,
        Err(reason) => return for_good(reason.as_str()),
    };
    let url = link.url();
    let message = match compose(
        &link.terms().message_context(&url),
        choice_of(link, recipient),
        recipient.channel,
        route,
        sources,
    ) {
        Ok(message) => message,
        Err(rejection) => return for_good(rejection.code),
    };
    let secret = match route.provider().and_then(|provider| Some((&provider.id, provider.credentials.as_ref()?))) {
        Some((id, version)) => Some(store.provider_secret(id, version).await?),
        None => None,
    };
    let label = Label { link: link.id(), message: &recipient.id };
    let outgoing = Outgoing { to: &recipient.to, message: &message, sender: configuration.settings.sender(), label };
    let begun = Instant::now();
    let sent = app.channels.send(route, secret.as_ref(), &outgoing).await;
    if let Some(provider) = route.provider() {
        app.slow.note(link.business(), Called::Provider(provider.id.clone()), begun.elapsed());
    }
    if let SendOutcome::Accepted { provider_id, moved_to } = &sent {
        if reports_by_its_own_id(app, route) && !provider_id.is_empty() {
            remember(app, provider_id, label).await;
        }
        if moved_to.is_some() {
            let (link_id, message_id, trace_id) = (label.link, label.message, link.trace_id());
            tracing::warn!(%link_id, %message_id, trace_id, "A message went to another chat, to which its own had moved.");
        }
    }
    let metered = Metered::of(recipient.channel, route.kind(), &message.text);
    Ok(Try { outcome: sent, asked: Asked::of(route), metered: Some(metered) })
}

/// Whether the provider of this route reports about a message, and names it by the provider's own id alone.
fn reports_by_its_own_id(app: &App, route: Route<'_>) -> bool {
    let Some(Reporting::Called { naming, when, .. }) = &route.kind().profile().reports else { return false };
    let do_come = match when {
        ReportsWhen::Always => true,
        ReportsWhen::TheStackSaysSo => app.sms_reports,
    };
    do_come && *naming == ReportsNaming::ItsOwnId
}

/// Remembers which message the provider's id stands for. Where that cannot be written, the message is sent all the
/// same, and a report about it finds no message.
async fn remember(app: &App, provider_id: &str, label: Label<'_>) {
    let forget_at = app.clock.now().checked_add(REPORTED_WITHIN).unwrap_or(Timestamp::MAX);
    let known = app.store.remember_provider_id(provider_id, label.link, label.message, forget_at).await;
    if let Err(error) = known {
        tracing::warn!(link_id = %label.link, message_id = %label.message, error = %error, "The provider's id of a message could not be kept.");
    }
}

/// Notes what providers report about messages that they had taken over, and answers how many of those failed.
pub(crate) async fn note_reports(app: &App, reports: Vec<Report>) -> Result<usize, StoreError> {
    let mut noted = 0;
    for report in reports {
        noted += usize::from(note_report(app, report).await?);
    }
    Ok(noted)
}

/// Notes one report. A report about a message that is not ours is ignored, because the account may send other messages
/// too.
async fn note_report(app: &App, report: Report) -> Result<bool, StoreError> {
    let found = match report.about {
        About::Message(link, message) => Some((link, message)),
        About::Provider(id) => app.store.message_of_provider(&id).await?,
    };
    let Some((link_id, message_id)) = found else { return Ok(false) };
    let Some(link) = app.store.link(&link_id).await? else { return Ok(false) };
    let Some((recipient, _)) = link.message(&message_id) else { return Ok(false) };
    match app.store.sent_message(&link_id, &message_id).await? {
        SentMessage::Sent(lease, sent) => {
            note_undelivered(app, link.clone(), recipient, *lease, sent, report.reason).await?;
            Ok(true)
        }
        // The error makes the report come again.
        SentMessage::NotYet => Err(StoreError::Unavailable {
            operation: "note a report about a message",
            reason: "it is being sent".to_owned(),
        }),
        SentMessage::Other => Ok(false),
    }
}

/// Notes that a message which a provider had taken over did not arrive.
async fn note_undelivered(
    app: &App,
    link: PaymentLink,
    recipient: &Recipient,
    lease: SendLease,
    sent: Handover,
    reason: String,
) -> Result<(), StoreError> {
    let (link_id, message_id, trace_id) = (link.id(), &recipient.id, link.trace_id());
    tracing::warn!(%link_id, %message_id, trace_id, reason, "A message that was sent did not arrive.");
    let state = MessageState::Failed { at: app.clock.now(), reason, sent: Some(sent.settled()) };
    let measurement = Measurement::MessageSent { channel: recipient.channel, outcome: state.name() };
    note_failure(app, link, recipient, lease, state).await?;
    measurement.record();
    Ok(())
}

/// Asks the provider of a message what became of it. This costs one question and one write, and the link is read only where
/// the message did not arrive.
async fn look(app: &App, due: &DueMessage, looked: SentLook) -> Result<(), StoreError> {
    let (delivery, moments) = ask(app, &due.business, &looked).await?;
    let (is_settled, why) = match delivery {
        Delivery::Failed { reason } => return note_look_at_undelivered(app, due, looked, reason).await,
        Delivery::Arrived => (true, "it arrived".to_owned()),
        Delivery::Unknown => (true, "the provider does not know it".to_owned()),
        Delivery::Open => (false, "it is on its way".to_owned()),
        Delivery::NoAnswer { why } => (false, why),
    };
    let (link_id, message_id) = (&due.link, &due.message);
    tracing::info!(%link_id, %message_id, why, "A provider was asked what became of a message.");
    let handover = looked.handover.clone();
    let handover = match is_settled {
        true => handover.settled(),
        false => handover.looked_at_next(moments, looked.look.provider.clone(), app.clock.now()),
    };
    app.store.note_look(&looked, handover).await
}

async fn note_look_at_undelivered(
    app: &App,
    due: &DueMessage,
    looked: SentLook,
    reason: String,
) -> Result<(), StoreError> {
    let link = app.store.link(&due.link).await?;
    match link.as_ref().and_then(|link| Some((link, link.message(&due.message)?.0))) {
        Some((link, recipient)) => {
            note_undelivered(app, link.clone(), recipient, looked.lease, looked.handover, reason).await
        }
        // The link was forgotten, and with it whom the message was for.
        None => app.store.note_look(&looked, looked.handover.clone().settled()).await,
    }
}

/// Asks the provider that took the message over, as it is set up now, and says when it is asked again where it does not know
/// yet. One that is gone, or is of a kind that is not asked, knows nothing.
async fn ask(app: &App, business: &BusinessId, looked: &SentLook) -> Result<(Delivery, Moments), StoreError> {
    let store = app.store.of(business);
    let configuration = store.configuration().await?;
    let Some(provider) = configuration.providers.get(&looked.look.provider) else {
        return Ok((Delivery::Unknown, &[]));
    };
    let Some(Asked { moments, .. }) = Asked::of(Route::Provider(provider)) else {
        return Ok((Delivery::Unknown, &[]));
    };
    let secret = match &provider.credentials {
        Some(version) => Some(store.provider_secret(&provider.id, version).await?),
        None => None,
    };
    Ok((app.channels.look(provider, secret.as_ref(), &looked.handover.provider_id).await, moments))
}

/// Leases a due message and sends it, or asks its provider what became of it.
pub(crate) async fn try_again(app: &App, due: &DueMessage) -> Result<RetryOutcome, StoreError> {
    let until = later(app.clock.now(), LEASE);
    let lease = match app.store.lease_due_message(due, until).await? {
        DueLease::Send(lease) => lease,
        DueLease::Look(looked) => {
            look(app, due, looked).await?;
            return Ok(RetryOutcome::LookedAt);
        }
        DueLease::NotOurs => return Ok(RetryOutcome::LeasedElsewhere),
    };
    let Some(link) = app.store.link(&due.link).await? else { return Ok(RetryOutcome::Message) };
    if let Some((recipient, _)) = link.message(&due.message) {
        send(app, &link, recipient, lease).await?;
    }
    Ok(RetryOutcome::Message)
}

//! Messages to people: each is leased, handed to its provider, and its outcome noted.

use std::time::Instant;

use channels::{About, Label, Outgoing, Particulars, Report};
use domain::Timestamp;
use domain::business::reminders::ReminderSettings;
use domain::ids::{BusinessId, MessageId, ProviderId};
use domain::link::{LinkStatus, MessageAbout, MessageOfLink, MessageRound, PaymentLink};
use domain::messages::channel::Channel;
use domain::messages::choice::Wording;
use domain::messages::compose::{MessageSources, compose, compose_later};
use domain::messages::delivery::{
    Delivery, Handover, MessageState, Metered, REPORTED_WITHIN, SendOutcome, SkipReason, Tried,
};
use domain::messages::message::{Message, MessageContext};
use domain::messages::provider::{MessageProvider, ProviderProof};
use domain::messages::provider_profile::{Moments, ProviderKind, Reporting, ReportsNaming, ReportsWhen};
use domain::messages::recipients::Recipient;
use domain::messages::routing::{MessageRouter, Route};
use domain::messages::sms::SmsLength;
use domain::messages::unreached::UnreachedReason;
use futures_util::future::join_all;
use store::{
    Configuration, DueMessage, DueSend, DueTurn, LeaseOutcome, LinkHistory, MAX_CONTENDED_TRIES, SendLease, SentLook,
    SentMessage, StoreError, Written,
};
use telemetry::Measurement;

use crate::receipt_pages::before_messages;
use crate::slow::Called;
use crate::{App, LEASE, RetryOutcome, Share, Trigger, later};

/// Sends the messages of a link that no run has leased, or that a run leased and may have died with. A message that
/// stands in for another is sent when that has failed for good: the failure is an event of the link, and the stream
/// brings it here.
pub(crate) async fn send_new(app: &App, history: &LinkHistory, share: Share) -> Result<(), StoreError> {
    let has_failed = |id: &MessageId| matches!(history.messages.get(id), Some(MessageState::Failed { .. }));
    let is_open = |message: &MessageOfLink<'_>| {
        matches!(history.messages.get(&message.recipient.id), None | Some(MessageState::Sending { .. }))
            && message.recipient.is_wanted(has_failed)
    };
    before_messages(&app.store, history).await?;
    let open = history.link.messages().filter(is_open);
    let sent = open.map(|message| async move { send_or_queue(app, history, &message, share).await });
    join_all(sent).await.into_iter().collect()
}

/// Sends a message, or leaves it to the schedule where others wait behind it.
async fn send_or_queue(
    app: &App,
    history: &LinkHistory,
    message: &MessageOfLink<'_>,
    share: Share,
) -> Result<(), StoreError> {
    let (link, id) = (&history.link, &message.recipient.id);
    let is_new = !history.messages.contains_key(id);
    if is_new && (share == Share::Beyond || has_slow_provider(app, link, message).await?) {
        return app.store.queue_message(link, id, app.clock.now()).await;
    }
    lease_and_send(app, link, message, Turn::First).await.map(drop)
}

/// Whether the provider that serves this address is the business's own and kept us waiting a moment ago.
async fn has_slow_provider(app: &App, link: &PaymentLink, message: &MessageOfLink<'_>) -> Result<bool, StoreError> {
    let configuration = app.store.of(link.business()).configuration().await?;
    let route = route(configuration.router(), message).ok();
    let provider = route.and_then(Route::provider).map(|provider| Called::Provider(provider.id.clone()));
    Ok(provider.is_some_and(|called| app.slow.is_paused(link.business(), called, Trigger::Stream)))
}

/// Whose turn it is to send a message.
enum Turn {
    /// No run has leased it.
    First,
    /// A run left it to the schedule, or died with it.
    Due(DueSend),
}

impl Turn {
    /// Whom the message was handed to last.
    fn tried(&self) -> Option<&Tried> {
        match self {
            Self::First => None,
            Self::Due(due) => due.tried(),
        }
    }
}

/// Leases a message and sends it once. The answer is whether this run had the lease.
///
/// Who gets the message is decided before the lease, which notes it: whoever hands a message over may die before the
/// answer, and the provider may report about it before.
async fn lease_and_send(
    app: &App,
    link: &PaymentLink,
    message: &MessageOfLink<'_>,
    turn: Turn,
) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let recipient = message.recipient.as_ref();
    let (known, fresh);
    // Nobody is asked to pay a link that is over. What became of the money is told all the same.
    let is_active = link.status_at(now) == LinkStatus::Active;
    let unwanted = match message.about {
        MessageAbout::Asks(_) | MessageAbout::Reminds(_) if !is_active => Some(SkipReason::LinkNotActive),
        MessageAbout::Reminds(reminder) if !link.may_remind(reminder, now) => Some(SkipReason::NotNow),
        MessageAbout::Asks(_) | MessageAbout::Reminds(_) | MessageAbout::News(_) => None,
    };
    let planned = if let Some(reason) = unwanted {
        Err(NotPlanned::Skipped(reason))
    } else {
        let store = app.store.of(link.business());
        known = store.configuration().await?;
        let mut planned = Planned::by(&known, link, message);
        // What it lacks may have been written a moment ago. By what is read now it fails for good.
        if matches!(planned, Err(NotPlanned::Unsendable(_))) {
            fresh = store.fresh_configuration().await?;
            planned = Planned::by(&fresh, link, message);
        }
        match planned {
            Ok(planned) => planned_once_a_day(app, link, message, planned).await?,
            Err(why) => Err(why),
        }
    };
    let tried = match &planned {
        Ok(planned) => Some(planned.tried(turn.tried(), now)),
        Err(_) => turn.tried().cloned(),
    };
    let until = later(now, LEASE);
    let lease = match turn {
        Turn::First => match app.store.lease_message(link, &recipient.id, tried, until).await? {
            LeaseOutcome::Mine(lease) => lease,
            LeaseOutcome::NotNeeded => return Ok(false),
            // Another run sends it right now, or died doing so. The schedule looks when its lease has ended.
            LeaseOutcome::Held { until } => {
                app.store.retry_message_later(link.id(), &recipient.id, until).await?;
                return Ok(false);
            }
        },
        Turn::Due(due) => match app.store.lease_due_message(&due, tried, until).await? {
            Some(lease) => lease,
            None => return Ok(false),
        },
    };
    let (state, provider) = match planned {
        Ok(planned) => (send_once(app, link, message, &planned, lease.tries).await?, Some(planned.route.kind())),
        Err(NotPlanned::Unsendable(Unsendable { reason, provider })) => {
            (MessageState::Failed { at: now, reason: reason.to_owned(), sent: None }, provider)
        }
        Err(NotPlanned::Skipped(reason)) => (MessageState::Skipped { at: now, reason }, None),
    };
    note(app, link, recipient, lease, state, provider).await?;
    Ok(true)
}

/// The message, unless it reminds and its hours are over, or its address was reminded of another link on the day of this
/// reminder. It is the business's day.
async fn planned_once_a_day<'a>(
    app: &App,
    link: &PaymentLink,
    message: &MessageOfLink<'_>,
    planned: Planned<'a>,
) -> Result<Result<Planned<'a>, NotPlanned>, StoreError> {
    let MessageAbout::Reminds(reminder) = message.about else { return Ok(Ok(planned)) };
    let store = app.store.of(link.business());
    let settings = store.closing(&planned.configuration.settings).await?;
    let (hours, zone, now) = (ReminderSettings::of(&settings), settings.zone(), app.clock.now());
    if !hours.still_goes_out(reminder.at, now, &zone) {
        return Ok(Err(NotPlanned::Skipped(SkipReason::TooLate)));
    }
    let day = zone.to_datetime(reminder.at).date();
    let is_first = store.note_reminded((link.terms().mode, &message.recipient), day, now).await?;
    Ok(if is_first { Ok(planned) } else { Err(NotPlanned::Skipped(SkipReason::RemindedToday)) })
}

/// Notes what became of a message that was tried.
async fn note(
    app: &App,
    link: &PaymentLink,
    recipient: &Recipient,
    lease: SendLease,
    state: MessageState,
    provider: Option<ProviderKind>,
) -> Result<(), StoreError> {
    let (link_id, message_id, trace_id) = (link.id(), &recipient.id, link.trace_id());
    Measurement::MessageTried { channel: recipient.channel, provider, state: &state }.record();
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
    message: &MessageOfLink<'_>,
    planned: &Planned<'_>,
    tries: u32,
) -> Result<MessageState, StoreError> {
    let outcome = hand_over(app, link, message, planned).await?;
    let now = app.clock.now();
    Ok(match MessageState::after(outcome, tries, now) {
        MessageState::Sent(handover) => {
            let handover = Handover { metered: Some(planned.metered()), ..handover };
            let asked = Asked::of(planned.route).filter(|_| !handover.provider_id.is_empty());
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

/// A message as it goes out now: by whom, which may be another than when its link was made, and what it says.
struct Planned<'a> {
    configuration: &'a Configuration,
    route: Route<'a>,
    channel: Channel,
    message: Message,
}

/// Why a message does not go out.
enum NotPlanned {
    Unsendable(Unsendable),
    Skipped(SkipReason),
}

impl From<Unsendable> for NotPlanned {
    fn from(why: Unsendable) -> Self {
        Self::Unsendable(why)
    }
}

/// Why a message cannot go out, and the kind of provider that serves its address, if any does.
struct Unsendable {
    reason: &'static str,
    provider: Option<ProviderKind>,
}

impl<'a> Planned<'a> {
    fn by(
        configuration: &'a Configuration,
        link: &PaymentLink,
        message: &MessageOfLink<'_>,
    ) -> Result<Self, NotPlanned> {
        let router = configuration.router();
        let route = route(router, message).map_err(|reason| Unsendable { reason: reason.as_str(), provider: None })?;
        let channel = message.recipient.channel;
        let sources = MessageSources { templates: &configuration.templates, router };
        let write = |url: &str| {
            let context = context_of(link, message, url);
            match message.about {
                MessageAbout::Asks(choice) => Some(compose(&context, choice, channel, route, sources)),
                MessageAbout::Reminds(_) | MessageAbout::News(_) => compose_later(&context, channel, route, sources),
            }
        };
        let url = url_of(link, message);
        let Some(written) = write(&url) else {
            return Err(NotPlanned::Skipped(SkipReason::NoApprovedText));
        };
        let plain = written.map_err(|rejection| Unsendable { reason: rejection.code, provider: Some(route.kind()) })?;
        let marked = marked_url_of(link, message, route).and_then(|marked_url| {
            let marked = write(&marked_url)?.ok()?;
            is_the_same_but_for_the_url(channel, &marked.text, &plain.text, (&url, &marked_url)).then_some(marked)
        });
        let message = marked.unwrap_or(plain);
        Ok(Self { configuration, route, channel, message })
    }

    /// What it counts as once the provider has it.
    fn metered(&self) -> Metered {
        Metered::of(self.channel, self.route.kind(), &self.message.text)
    }

    /// That it is handed to this provider now.
    fn tried(&self, before: Option<&Tried>, now: Timestamp) -> Tried {
        let provider = self.route.provider().map(|provider| provider.id.clone());
        Tried::after(before, provider, self.metered(), now)
    }
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
            Some(Reporting::Called { .. } | Reporting::ByTheApi) | None => None,
        }
    }
}

/// The provider that serves the address of a message now.
fn route<'a>(router: MessageRouter<'a>, message: &MessageOfLink<'_>) -> Result<Route<'a>, UnreachedReason> {
    let Recipient { channel, network, to, .. } = message.recipient.as_ref();
    let wording = match message.about {
        MessageAbout::Asks(choice) => choice.wording(),
        MessageAbout::Reminds(_) | MessageAbout::News(_) => Wording::Default,
    };
    let route = router.route(*channel, network.as_ref(), to, wording)?;
    Ok(route.about(message.about.kind()))
}

/// Where a message leads: to the link, or to the receipt.
fn url_of(link: &PaymentLink, message: &MessageOfLink<'_>) -> String {
    match message.about {
        MessageAbout::Asks(_) | MessageAbout::Reminds(_) => link.url(),
        MessageAbout::News(news) => link.receipt_url(news.attempt),
    }
}

/// The same with a mark that says whose address it is, where a link is asked to be paid. A text that is registered is compared
/// character by character, and may have no other.
fn marked_url_of(link: &PaymentLink, message: &MessageOfLink<'_>, route: Route<'_>) -> Option<String> {
    match message.about {
        MessageAbout::Asks(_) | MessageAbout::Reminds(_) if !route.takes_registered_texts_only() => {
            Some(link.url_for(&message.recipient))
        }
        MessageAbout::Asks(_) | MessageAbout::Reminds(_) | MessageAbout::News(_) => None,
    }
}

/// Whether one text has the words of the other around another address, and no more segments where it is an SMS. The longer
/// address may be too much for the words that fit with the shorter one, and others stand in their place then.
fn is_the_same_but_for_the_url(channel: Channel, marked: &str, plain: &str, urls: (&str, &str)) -> bool {
    let segments = |text: &str| SmsLength::of(text).segments;
    marked == plain.replace(urls.0, urls.1) && (channel != Channel::Sms || segments(marked) <= segments(plain))
}

fn context_of<'a>(link: &'a PaymentLink, message: &MessageOfLink<'_>, url: &'a str) -> MessageContext<'a> {
    match &message.about {
        MessageAbout::Asks(_) => link.terms().message_context(url, link.amount_due()),
        MessageAbout::Reminds(reminder) => link.reminder_context(reminder, url),
        MessageAbout::News(news) => link.news_context(news, url),
    }
}

/// When a message was asked for: with its link or a later round, or with the reminder, the payment or the refund that it is about.
fn asked_for_at(link: &PaymentLink, message: &MessageOfLink<'_>) -> Timestamp {
    match message.about {
        MessageAbout::News(news) => return news.at,
        MessageAbout::Reminds(reminder) => return reminder.at,
        MessageAbout::Asks(_) => {}
    }
    let message = &message.recipient.id;
    let has_it = |round: &&MessageRound| round.recipients.iter().any(|recipient| recipient.id == *message);
    link.message_rounds().iter().find(has_it).map_or(link.created_at(), |round| round.at)
}

/// Hands a message to its provider.
async fn hand_over(
    app: &App,
    link: &PaymentLink,
    about: &MessageOfLink<'_>,
    planned: &Planned<'_>,
) -> Result<SendOutcome, StoreError> {
    let Planned { configuration, route, message, channel: _ } = planned;
    let (store, route) = (app.store.of(link.business()), *route);
    let (recipient, url) = (about.recipient.as_ref(), url_of(link, about));
    let context = context_of(link, about, &url);
    let now = app.clock.now();
    let proof = match route.provider() {
        Some(provider) => store.provider_proof(provider, now).await?,
        None => ProviderProof::default(),
    };
    let label = Label { link: link.id(), message: &recipient.id };
    let sender = configuration.settings.sender();
    let particulars = Particulars {
        business: link.business(),
        mode: link.terms().mode,
        locale: context.locale(&configuration.settings),
        created_at: asked_for_at(link, about),
        expires_at: link.terms().expires_at,
        trace: link.trace(),
    };
    let outgoing = Outgoing { to: &recipient.to, message, sender, label, particulars, now };
    let begun = Instant::now();
    let sent = app.channels.send(route, &proof, &outgoing).await;
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
    Ok(sent)
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
    let Some(message) = link.message(&message_id) else { return Ok(false) };
    let recipient = message.recipient.as_ref();
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
    let provider = sent.metered.map(|metered| metered.provider);
    let state = MessageState::Failed { at: app.clock.now(), reason, sent: Some(sent.settled()) };
    note_failure(app, link, recipient, lease, state.clone()).await?;
    Measurement::MessageTried { channel: recipient.channel, provider, state: &state }.record();
    Ok(())
}

/// Asks the provider of a message what became of it. This costs one question and one write, and the link is read only where
/// the message did not arrive.
async fn look(app: &App, due: &DueMessage, looked: SentLook) -> Result<(), StoreError> {
    let (delivery, moments) = ask(app, &due.business, &looked).await?;
    let (handover, now) = (looked.handover.clone(), app.clock.now());
    let later = |handover: Handover| handover.looked_at_next(moments, looked.look.provider.clone(), now);
    let (handover, why) = match delivery {
        Delivery::Failed { reason } => return note_look_at_undelivered(app, due, looked, reason).await,
        Delivery::Arrived => (handover.arrived(now), "it arrived".to_owned()),
        Delivery::Unknown => (handover.settled(), "the provider does not know it".to_owned()),
        Delivery::Open => (later(handover), "it is on its way".to_owned()),
        Delivery::NoAnswer { why } => (later(handover), why),
    };
    let (link_id, message_id) = (&due.link, &due.message);
    tracing::info!(%link_id, %message_id, why, "A provider was asked what became of a message.");
    app.store.note_look(&looked, handover).await
}

async fn note_look_at_undelivered(
    app: &App,
    due: &DueMessage,
    looked: SentLook,
    reason: String,
) -> Result<(), StoreError> {
    let link = app.store.link(&due.link).await?;
    match link.as_ref().and_then(|link| Some((link, link.message(&due.message)?))) {
        Some((link, message)) => {
            note_undelivered(app, link.clone(), &message.recipient, looked.lease, looked.handover, reason).await
        }
        // The link was forgotten, and with it whom the message was for.
        None => app.store.note_look(&looked, looked.handover.clone().settled()).await,
    }
}

/// Asks the provider that took the message over, as it is set up now, and says when it is asked again where it does not know
/// yet. One that is gone, or is of a kind that is not asked, knows nothing.
async fn ask(app: &App, business: &BusinessId, looked: &SentLook) -> Result<(Delivery, Moments), StoreError> {
    let store = app.store.of(business);
    let id = &looked.look.provider;
    let mut configuration = store.configuration().await?;
    if asked_by(&configuration, id).is_none() {
        // It may have been written a moment ago. Whoever is not there now is not asked again.
        configuration = store.fresh_configuration().await?;
    }
    let Some((provider, moments)) = asked_by(&configuration, id) else { return Ok((Delivery::Unknown, &[])) };
    let proof = store.provider_proof(provider, app.clock.now()).await?;
    Ok((app.channels.look(provider, &proof, &looked.handover.provider_id).await, moments))
}

/// The provider of this id, where it is one that has to be asked, and when.
fn asked_by<'a>(configuration: &'a Configuration, id: &ProviderId) -> Option<(&'a MessageProvider, Moments)> {
    let provider = configuration.providers.get(id)?;
    Some((provider, Asked::of(Route::Provider(provider))?.moments))
}

/// Leases a due message and sends it, or asks its provider what became of it.
pub(crate) async fn try_again(app: &App, due: &DueMessage) -> Result<RetryOutcome, StoreError> {
    let send = match app.store.due_turn(due).await? {
        DueTurn::Send(send) => send,
        DueTurn::Look(looked) => {
            look(app, due, looked).await?;
            return Ok(RetryOutcome::LookedAt);
        }
        DueTurn::NotOurs => return Ok(RetryOutcome::LeasedElsewhere),
    };
    let link = app.store.link(&due.link).await?;
    let message = link.as_ref().and_then(|link| Some((link, link.message(&due.message)?)));
    let is_mine = match message {
        Some((link, message)) => lease_and_send(app, link, &message, Turn::Due(send)).await?,
        // The link was forgotten, and with it whom the message was for. The message is moved out of the way of others.
        None => {
            let (tried, until) = (send.tried().cloned(), later(app.clock.now(), LEASE));
            app.store.lease_due_message(&send, tried, until).await?.is_some()
        }
    };
    Ok(if is_mine { RetryOutcome::Message } else { RetryOutcome::LeasedElsewhere })
}

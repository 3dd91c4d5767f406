//! Events as the CRM gets them, by webhook and from the list.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::business::settings::Settings;
use domain::events::{BusinessNews, DeliveryState, EventRecord, EventType};
use domain::ids::{EventSubject, LinkId};
use domain::link::PaymentLink;
use domain::messages::delivery::MessageStates;
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::AuditView;
use crate::look_back::LookBackView;
use crate::schema::DeliveryStatusName;
use crate::{LinkView, ReceiptView, instant};

mod shape;

pub use shape::EventShape;

/// Something that happened. The document has it as a union by `type`: see [`EventShape`].
#[derive(Clone, Debug, Serialize)]
pub struct EventView {
    id: String,
    object: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    created_at: String,
    sequence: u32,
    mode: Option<&'static str>,
    payment_link_id: Option<String>,
    attempt_id: Option<String>,
    refund_id: Option<String>,
    message_id: Option<String>,
    data: EventData,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum EventData {
    Link(Box<LinkView>),
    Receipt(Box<ReceiptView>),
    AuditEntry(Box<AuditView>),
    LookBack(LookBackView),
}

/// An event with what became of sending it.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedEventView {
    #[serde(flatten)]
    event: EventView,
    recorded_at: String,
    deliveries: Vec<DeliveryView>,
}

/// What became of sending an event to one endpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EventDelivery)]
pub struct DeliveryView {
    pub endpoint_id: String,
    #[schema(value_type = DeliveryStatusName)]
    pub status: &'static str,
    #[schema(format = DateTime)]
    pub next_try_at: Option<String>,
    /// The latest tries, the newest last.
    pub tries: Vec<TryView>,
}

/// One try to send an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EventDeliveryTry)]
pub struct TryView {
    #[schema(format = DateTime)]
    pub at: String,
    /// The HTTP status, or what went wrong instead.
    pub outcome: String,
}

impl EventView {
    /// `messages` holds the known states of the link's messages.
    pub fn new(
        event: &EventRecord,
        link: &PaymentLink,
        messages: &MessageStates,
        settings: &Settings,
        now: Timestamp,
    ) -> Self {
        let is_about_receipt = matches!(event.kind, EventType::ReceiptRegistered | EventType::ReceiptVoided);
        let receipt = event.attempt.as_ref().filter(|_| is_about_receipt);
        let receipt = receipt.and_then(|attempt| link.registered_receipt(attempt, event.refund.as_ref()));
        let data = match receipt {
            Some(receipt) => EventData::Receipt(Box::new(ReceiptView::new(&receipt, settings))),
            None => EventData::Link(Box::new(LinkView::new(link, messages, settings, now))),
        };
        Self {
            mode: Some(link.terms().mode.as_str()),
            payment_link_id: Some(link.id().to_string()),
            ..Self::about_no_link(event, data, settings)
        }
    }

    /// An event that is about no link.
    pub fn of_business(event: &EventRecord, news: BusinessNews<'_>, settings: &Settings) -> Self {
        let data = match news {
            BusinessNews::Entry(entry) => EventData::AuditEntry(Box::new(AuditView::new(entry.clone(), settings))),
            BusinessNews::LookBack(look) => EventData::LookBack(LookBackView::new(look, settings)),
        };
        Self::about_no_link(event, data, settings)
    }

    fn about_no_link(event: &EventRecord, data: EventData, settings: &Settings) -> Self {
        Self {
            id: event.id.to_string(),
            object: "event",
            kind: event.kind.as_str(),
            created_at: instant(event.happened_at, settings),
            sequence: event.sequence,
            mode: None,
            payment_link_id: None,
            attempt_id: event.attempt.as_ref().map(ToString::to_string),
            refund_id: event.refund.as_ref().map(ToString::to_string),
            message_id: event.message.as_ref().map(ToString::to_string),
            data,
        }
    }
}

/// The links that events are about, each once.
pub fn links_of<'a>(events: impl IntoIterator<Item = &'a EventRecord>) -> Vec<LinkId> {
    let links: BTreeSet<LinkId> = events.into_iter().filter_map(link_of).collect();
    links.into_iter().collect()
}

fn link_of(event: &EventRecord) -> Option<LinkId> {
    match event.id.subject()? {
        EventSubject::Link(link, _) => Some(link),
        EventSubject::Entry(_) => None,
    }
}

impl LoggedEventView {
    /// An event with its link, which is among these and shown as it is now. `None` where it is not there any more.
    pub fn among(
        event: &EventRecord,
        links: &[PaymentLink],
        messages: &MessageStates,
        settings: &Settings,
        now: Timestamp,
    ) -> Option<Self> {
        if let Some(news) = event.business_news() {
            return Some(Self::new(EventView::of_business(event, news, settings), event, settings));
        }
        let id = link_of(event)?;
        let link = links.iter().find(|link| *link.id() == id)?;
        Some(Self::new(EventView::new(event, link, messages, settings, now), event, settings))
    }

    pub fn new(event: EventView, record: &EventRecord, settings: &Settings) -> Self {
        let deliveries = record.deliveries.iter().map(|delivery| DeliveryView {
            endpoint_id: delivery.endpoint.to_string(),
            status: delivery.state().name(),
            next_try_at: match delivery.state() {
                DeliveryState::Waiting { until } => Some(instant(*until, settings)),
                DeliveryState::Delivered | DeliveryState::Failed => None,
            },
            tries: delivery
                .tries
                .iter()
                .map(|one| TryView { at: instant(one.at, settings), outcome: one.outcome.clone() })
                .collect(),
        });
        let recorded_at = instant(record.recorded_at, settings);
        Self { event, recorded_at, deliveries: deliveries.collect() }
    }
}

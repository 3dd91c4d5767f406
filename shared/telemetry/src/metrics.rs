//! What is measured, under which names, in [CloudWatch's embedded metric format][emf]: a line of the log from which
//! CloudWatch takes figures, so that measuring costs no call.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::events::{DeliveryState, EventType};
use domain::gateway::GatewayKind;
use domain::messages::channel::Channel;
use domain::messages::delivery::MessageState;
use domain::messages::provider_profile::ProviderKind;
use serde_json::{Map, Value, json};

use crate::MEASUREMENTS;

/// Where CloudWatch shows them.
pub const NAMESPACE: &str = "Paylink";

/// A figure as CloudWatch knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    /// A unit of CloudWatch: `Count` or `Seconds`.
    pub unit: &'static str,
    /// What it is told apart by. CloudWatch adds up nothing by itself: a figure exists for each combination.
    pub dimensions: &'static [&'static str],
}

const fn count(name: &'static str, dimensions: &'static [&'static str]) -> Metric {
    Metric { name, unit: "Count", dimensions }
}

const LINKS_MADE: Metric = count("LinksMade", &[]);
const LINKS_OPENED: Metric = count("LinksOpened", &[]);
const LINKS_PAID: Metric = count("LinksPaid", &[]);
const LINKS_EXPIRED: Metric = count("LinksExpired", &[]);
const LINKS_CANCELLED: Metric = count("LinksCancelled", &[]);
const LINKS_REPLACED: Metric = count("LinksReplaced", &[]);
const NEEDS_REVIEW: Metric = count("NeedsReview", &[]);
const REFUNDS_NEED_REVIEW: Metric = count("RefundsNeedReview", &[]);
const REFUNDS_FAILED: Metric = count("RefundsFailed", &[]);
const ATTEMPTS: Metric = count("Attempts", &["Gateway", "Outcome"]);
const GATEWAY_CALLS: Metric = count("GatewayCalls", &["Gateway"]);
const GATEWAY_ERRORS: Metric = count("GatewayErrors", &["Gateway"]);
const CONFIRMATION_AGE: Metric = Metric { name: "ConfirmationAge", unit: "Seconds", dimensions: &["Gateway"] };
const MESSAGES_SENT: Metric = count("MessagesSent", &["Channel", "Provider"]);
const MESSAGES_WAITING: Metric = count("MessagesWaiting", &["Channel", "Provider"]);
const MESSAGES_FAILED: Metric = count("MessagesFailed", &["Channel", "Provider"]);
const MESSAGES_SKIPPED: Metric = count("MessagesSkipped", &["Channel"]);
const EVENTS_DELIVERED: Metric = count("EventsDelivered", &[]);
const EVENTS_WAITING: Metric = count("EventsWaiting", &[]);
const EVENTS_FAILED: Metric = count("EventsFailed", &[]);
const GATEWAY_REFUSALS: Metric = count("GatewayRefusals", &["Gateway"]);
const DUE_FOUND: Metric = count("DueFound", &["Kind"]);
const DUE_FAILED: Metric = count("DueFailed", &[]);
const RETRY_RUNS: Metric = count("RetryRuns", &[]);
const OLDEST_DUE_AGE: Metric = Metric { name: "OldestDueAge", unit: "Seconds", dimensions: &["Kind"] };

/// Everything that is measured. Alarms and the dashboard may name nothing else.
pub const METRICS: [Metric; 25] = [
    LINKS_MADE,
    LINKS_OPENED,
    LINKS_PAID,
    LINKS_EXPIRED,
    LINKS_CANCELLED,
    LINKS_REPLACED,
    NEEDS_REVIEW,
    REFUNDS_NEED_REVIEW,
    REFUNDS_FAILED,
    ATTEMPTS,
    GATEWAY_CALLS,
    GATEWAY_ERRORS,
    GATEWAY_REFUSALS,
    CONFIRMATION_AGE,
    MESSAGES_SENT,
    MESSAGES_WAITING,
    MESSAGES_FAILED,
    MESSAGES_SKIPPED,
    EVENTS_DELIVERED,
    EVENTS_WAITING,
    EVENTS_FAILED,
    DUE_FOUND,
    DUE_FAILED,
    RETRY_RUNS,
    OLDEST_DUE_AGE,
];

/// What fell due and waits until a schedule comes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueKind {
    Links,
    Messages,
    Events,
    Renewals,
    Exports,
    Batches,
}

impl DueKind {
    pub const ALL: [DueKind; 6] =
        [Self::Links, Self::Messages, Self::Events, Self::Renewals, Self::Exports, Self::Batches];

    /// Its name as a dimension.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Messages => "messages",
            Self::Events => "events",
            Self::Renewals => "renewals",
            Self::Exports => "exports",
            Self::Batches => "batches",
        }
    }
}

/// The provider's place in the dimensions where no provider serves the address of a message.
pub const NOBODY: &str = "none";

/// One thing that was observed.
#[derive(Clone, Copy, Debug)]
pub enum Measurement<'a> {
    /// An event of a link, with the gateway of the link's account. It is measured where the event is recorded, once.
    LinkEvent { kind: EventType, gateway: Option<GatewayKind> },
    /// A gateway was called, and gave an answer, or none but that it has trouble.
    GatewayCalled { gateway: GatewayKind, is_answered: bool },
    /// An attempt that its gateway kept calling unfinished is not asked about any more.
    Abandoned { gateway: GatewayKind },
    /// A gateway refused us, which only a person can mend: our credentials, or what the account there may do.
    GatewayRefused { gateway: GatewayKind },
    /// The age of a payment that was reported or is being taken, and is not decided yet, when the sweep came to it.
    StillConfirming { gateway: GatewayKind, age: Duration },
    /// What came of one try to send a message, or of a message that had been sent before its provider reported that it did
    /// not arrive.
    MessageTried { channel: Channel, provider: Option<ProviderKind>, state: &'a MessageState },
    /// What came of one try to post an event to an endpoint.
    EventPosted { state: &'a DeliveryState },
    /// How many pieces of due work of a kind a run of a schedule found, and how long the oldest had been due.
    Due { kind: DueKind, found: usize, oldest: Duration },
    /// How many pieces of due work of a run met an error of ours, whether or not a gateway or a provider had been
    /// called.
    DueFailed { failed: usize },
    /// The schedule of messages and events came round. The stream invokes the same function, so that the number of
    /// invocations says nothing about the schedule.
    RetriesRan,
}

/// A figure of one measurement, with the values of its dimensions.
type Figure = (Metric, Value, Vec<&'static str>);

impl Measurement<'_> {
    /// Writes it down, where telemetry was started.
    pub fn record(self) {
        if tracing::enabled!(target: MEASUREMENTS, tracing::Level::INFO) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            for line in self.lines(now) {
                tracing::event!(target: MEASUREMENTS, tracing::Level::INFO, line = line.to_string().as_str());
            }
        }
    }

    /// One line for each set of dimensions: figures of different sets cannot share the names of their dimensions'
    /// values.
    fn lines(self, now: Duration) -> Vec<Value> {
        let figures = self.figures();
        let mut sets: Vec<&[&str]> = figures.iter().map(|(metric, ..)| metric.dimensions).collect();
        sets.dedup();
        sets.into_iter().map(|set| line(now, set, figures.iter().filter(|(m, ..)| m.dimensions == set))).collect()
    }

    fn figures(self) -> Vec<Figure> {
        match self {
            Self::LinkEvent { kind, gateway } => link_event(kind, gateway),
            Self::GatewayCalled { gateway, is_answered } => vec![
                (GATEWAY_CALLS, json!(1), vec![gateway.as_str()]),
                (GATEWAY_ERRORS, json!(u8::from(!is_answered)), vec![gateway.as_str()]),
            ],
            Self::Abandoned { gateway } => vec![(ATTEMPTS, json!(1), vec![gateway.as_str(), "abandoned"])],
            Self::GatewayRefused { gateway } => vec![(GATEWAY_REFUSALS, json!(1), vec![gateway.as_str()])],
            Self::StillConfirming { gateway, age } => {
                vec![(CONFIRMATION_AGE, json!(age.as_secs()), vec![gateway.as_str()])]
            }
            Self::MessageTried { channel, provider, state } => message_tried(channel, provider, state),
            Self::EventPosted { state } => event_posted(state),
            Self::Due { kind, found, oldest } => vec![
                (DUE_FOUND, json!(found), vec![kind.as_str()]),
                (OLDEST_DUE_AGE, json!(oldest.as_secs()), vec![kind.as_str()]),
            ],
            Self::DueFailed { failed } => vec![(DUE_FAILED, json!(failed), vec![])],
            Self::RetriesRan => vec![(RETRY_RUNS, json!(1), vec![])],
        }
    }
}

/// Each try counts 1 for what became of it and 0 for what did not, so that the average of a figure is its share of the tries,
/// also where a provider has only ever failed. Its provider stands beside the channel, because one that is dead would not show
/// beside another that takes most of a channel's messages.
fn message_tried(channel: Channel, provider: Option<ProviderKind>, state: &MessageState) -> Vec<Figure> {
    let provider = provider.map_or(NOBODY, ProviderKind::as_str);
    let tried = |counted: Metric| {
        let each = [MESSAGES_SENT, MESSAGES_WAITING, MESSAGES_FAILED];
        each.map(|metric| (metric, json!(u8::from(metric == counted)), vec![channel.as_str(), provider])).to_vec()
    };
    match state {
        MessageState::Sent(_) => tried(MESSAGES_SENT),
        MessageState::Waiting { .. } => tried(MESSAGES_WAITING),
        MessageState::Failed { .. } => tried(MESSAGES_FAILED),
        MessageState::Skipped { .. } => vec![(MESSAGES_SKIPPED, json!(1), vec![channel.as_str()])],
        // Nobody has tried yet.
        MessageState::Queued { .. } | MessageState::Sending { .. } => vec![],
    }
}

/// Shares as those of messages are.
fn event_posted(state: &DeliveryState) -> Vec<Figure> {
    let counted = match state {
        DeliveryState::Delivered => EVENTS_DELIVERED,
        DeliveryState::Waiting { .. } => EVENTS_WAITING,
        DeliveryState::Failed => EVENTS_FAILED,
    };
    let each = [EVENTS_DELIVERED, EVENTS_WAITING, EVENTS_FAILED];
    each.map(|metric| (metric, json!(u8::from(metric == counted)), vec![])).to_vec()
}

fn link_event(kind: EventType, gateway: Option<GatewayKind>) -> Vec<Figure> {
    let link = |metric| (metric, json!(1), vec![]);
    let attempt = |outcome| gateway.map(|gateway| (ATTEMPTS, json!(1), vec![gateway.as_str(), outcome]));
    match kind {
        EventType::LinkCreated => vec![link(LINKS_MADE)],
        EventType::LinkOpened => vec![link(LINKS_OPENED)],
        EventType::LinkPaid => [link(LINKS_PAID)].into_iter().chain(attempt("paid")).collect(),
        EventType::LinkPartPaid => attempt("paid").into_iter().collect(),
        EventType::LinkExpired => vec![link(LINKS_EXPIRED)],
        EventType::LinkCancelled => vec![link(LINKS_CANCELLED)],
        EventType::LinkReplaced => vec![link(LINKS_REPLACED)],
        EventType::AttemptFailed => attempt("failed").into_iter().collect(),
        EventType::AttemptNeedsReview => [link(NEEDS_REVIEW)].into_iter().chain(attempt("needs_review")).collect(),
        EventType::RefundSucceeded => attempt("refunded").into_iter().collect(),
        EventType::RefundNeedsReview => vec![link(REFUNDS_NEED_REVIEW)],
        EventType::RefundFailed => vec![link(REFUNDS_FAILED)],
        // Counted with the payment, the end of the refund and the message that they belong to; the log tells of disputes; a change of what a business
        // set is none of a link, a link that is held goes on, and one whose customer wants a new one is over already.
        EventType::AuditEntryCreated
        | EventType::LookBackFailed
        | EventType::LinkHeld
        | EventType::LinkReleased
        | EventType::RenewalRequested
        | EventType::ReceiptVoided
        | EventType::DisputeOpened
        | EventType::DisputeWon
        | EventType::DisputeLost
        | EventType::ReceiptRegistered
        | EventType::RefundCreated
        | EventType::MessageFailed => vec![],
    }
}

fn line<'a>(now: Duration, dimensions: &[&str], figures: impl Iterator<Item = &'a Figure>) -> Value {
    let mut names = Vec::new();
    let mut fields = Map::new();
    for (metric, value, of) in figures {
        names.push(json!({ "Name": metric.name, "Unit": metric.unit }));
        fields.insert(metric.name.to_owned(), value.clone());
        fields.extend(metric.dimensions.iter().zip(of).map(|(name, value)| ((*name).to_owned(), json!(value))));
    }
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": names });
    fields.insert("_aws".to_owned(), json!({ "Timestamp": now.as_millis(), "CloudWatchMetrics": [directive] }));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    const NOW: Duration = Duration::from_millis(1_773_119_783_000);

    #[test]
    fn a_call_is_a_line_from_which_cloudwatch_takes_calls_and_errors() {
        let call = Measurement::GatewayCalled { gateway: GatewayKind::Zarinpal, is_answered: false };
        let expected = json!({
            "_aws": {
                "Timestamp": 1_773_119_783_000_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Paylink",
                    "Dimensions": [["Gateway"]],
                    "Metrics": [
                        { "Name": "GatewayCalls", "Unit": "Count" },
                        { "Name": "GatewayErrors", "Unit": "Count" },
                    ],
                }],
            },
            "Gateway": "zarinpal", "GatewayCalls": 1, "GatewayErrors": 1,
        });
        assert_eq!(call.lines(NOW), [expected]);
    }

    #[test]
    fn a_payment_counts_for_the_links_and_for_the_gateway() {
        let paid = Measurement::LinkEvent { kind: EventType::LinkPaid, gateway: Some(GatewayKind::Stripe) };
        let lines = paid.lines(NOW);
        let dimensions: Vec<&Value> =
            lines.iter().map(|line| &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]).collect();
        assert_eq!(dimensions, [&json!([[]]), &json!([["Gateway", "Outcome"]])]);
        assert_eq!((&lines[0]["LinksPaid"], &lines[1]["Attempts"]), (&json!(1), &json!(1)));
        assert_eq!((&lines[1]["Gateway"], &lines[1]["Outcome"]), (&json!("stripe"), &json!("paid")));
    }

    #[test]
    fn a_refund_that_failed_and_one_that_needs_a_person_are_counted_apart_from_payments_that_do() {
        for (kind, name) in
            [(EventType::RefundFailed, "RefundsFailed"), (EventType::RefundNeedsReview, "RefundsNeedReview")]
        {
            let lines = Measurement::LinkEvent { kind, gateway: Some(GatewayKind::Mollie) }.lines(NOW);
            let [line] = &lines[..] else { panic!("{lines:?}") };
            assert_eq!((&line[name], &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]), (&json!(1), &json!([[]])));
            assert_eq!(line.get("NeedsReview"), None, "another alarm tells of it");
        }
    }

    fn failed() -> MessageState {
        MessageState::Failed { at: Timestamp::UNIX_EPOCH, reason: "gone".to_owned(), sent: None }
    }

    fn tried(state: &MessageState) -> Measurement<'_> {
        Measurement::MessageTried { channel: Channel::Sms, provider: Some(ProviderKind::Kavenegar), state }
    }

    #[test]
    fn a_try_counts_for_what_became_of_it_and_against_what_did_not_so_that_shares_are_averages() {
        let figures = |state: &MessageState| {
            let lines = tried(state).lines(NOW);
            let [line] = &lines[..] else { panic!("{lines:?}") };
            assert_eq!((&line["Channel"], &line["Provider"]), (&json!("sms"), &json!("kavenegar")));
            ["MessagesSent", "MessagesWaiting", "MessagesFailed"].map(|name| line[name].as_u64().unwrap())
        };
        let waiting = MessageState::Waiting { until: Timestamp::UNIX_EPOCH, reason: "busy".to_owned() };
        assert_eq!(figures(&failed()), [0, 0, 1]);
        assert_eq!(figures(&waiting), [0, 1, 0]);
        assert!(tried(&MessageState::Queued { until: Timestamp::UNIX_EPOCH }).lines(NOW).is_empty(), "nobody tried");
        let unserved = Measurement::MessageTried { channel: Channel::Sms, provider: None, state: &failed() }.lines(NOW);
        assert_eq!((&unserved[0]["Provider"], &unserved[0]["MessagesFailed"]), (&json!(NOBODY), &json!(1)));
        let event = Measurement::EventPosted { state: &DeliveryState::Failed }.lines(NOW);
        assert_eq!([&event[0]["EventsDelivered"], &event[0]["EventsWaiting"], &event[0]["EventsFailed"]], [0, 0, 1]);
    }

    #[test]
    fn every_figure_is_among_those_that_alarms_may_name_and_has_a_value_for_each_dimension() {
        let gateway = GatewayKind::Zarinpal;
        let (failed, skipped) = (
            failed(),
            MessageState::Skipped {
                at: Timestamp::UNIX_EPOCH,
                reason: domain::messages::delivery::SkipReason::LinkNotActive,
            },
        );
        let mut all = vec![
            Measurement::GatewayCalled { gateway, is_answered: true },
            Measurement::StillConfirming { gateway, age: Duration::from_secs(90) },
            tried(&failed),
            tried(&skipped),
            Measurement::EventPosted { state: &DeliveryState::Delivered },
            Measurement::Due { kind: DueKind::Messages, found: 3, oldest: Duration::from_secs(61) },
            Measurement::DueFailed { failed: 1 },
            Measurement::RetriesRan,
            Measurement::Abandoned { gateway },
            Measurement::GatewayRefused { gateway },
        ];
        all.extend(EventType::ALL.map(|kind| Measurement::LinkEvent { kind, gateway: Some(gateway) }));
        let figures: Vec<Figure> = all.into_iter().flat_map(Measurement::figures).collect();
        for (metric, _, of) in &figures {
            assert!(METRICS.contains(metric) && metric.dimensions.len() == of.len(), "{metric:?}");
        }
        for metric in METRICS {
            assert!(figures.iter().any(|(known, ..)| *known == metric), "{} is never measured", metric.name);
        }
    }
}

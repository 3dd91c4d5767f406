//! What is measured, under which names, in [CloudWatch's embedded metric format][emf]: a line of the log from which
//! CloudWatch takes figures, so that measuring costs no call.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::events::EventType;
use domain::gateway::GatewayKind;
use domain::messages::channel::Channel;
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
const NEEDS_REVIEW: Metric = count("NeedsReview", &[]);
const ATTEMPTS: Metric = count("Attempts", &["Gateway", "Outcome"]);
const GATEWAY_CALLS: Metric = count("GatewayCalls", &["Gateway"]);
const GATEWAY_ERRORS: Metric = count("GatewayErrors", &["Gateway"]);
const CONFIRMATION_AGE: Metric = Metric { name: "ConfirmationAge", unit: "Seconds", dimensions: &["Gateway"] };
const MESSAGES: Metric = count("Messages", &["Channel", "Outcome"]);
const EVENTS: Metric = count("Events", &["Outcome"]);
const GATEWAY_REFUSALS: Metric = count("GatewayRefusals", &["Gateway"]);
const DUE_FOUND: Metric = count("DueFound", &[]);
const DUE_FAILED: Metric = count("DueFailed", &[]);
const RETRY_RUNS: Metric = count("RetryRuns", &[]);
const OLDEST_DUE_AGE: Metric = Metric { name: "OldestDueAge", unit: "Seconds", dimensions: &[] };

/// Everything that is measured. Alarms and the dashboard may name nothing else.
pub const METRICS: [Metric; 17] = [
    LINKS_MADE,
    LINKS_OPENED,
    LINKS_PAID,
    LINKS_EXPIRED,
    LINKS_CANCELLED,
    NEEDS_REVIEW,
    ATTEMPTS,
    GATEWAY_CALLS,
    GATEWAY_ERRORS,
    GATEWAY_REFUSALS,
    CONFIRMATION_AGE,
    MESSAGES,
    EVENTS,
    DUE_FOUND,
    DUE_FAILED,
    RETRY_RUNS,
    OLDEST_DUE_AGE,
];

/// One thing that was observed.
#[derive(Clone, Copy, Debug)]
pub enum Measurement {
    /// An event of a link, with the gateway of the link's account. It is measured where the event is recorded, once.
    LinkEvent { kind: EventType, gateway: GatewayKind },
    /// A gateway was called, and gave an answer, or none but that it has trouble.
    GatewayCalled { gateway: GatewayKind, is_answered: bool },
    /// An attempt that its gateway kept calling unfinished is not asked about any more.
    Abandoned { gateway: GatewayKind },
    /// A gateway refused us, which only a person can mend: our credentials, or what the account there may do.
    GatewayRefused { gateway: GatewayKind },
    /// The age of a payment that was reported or is being taken, and is not decided yet, when the sweep came to it.
    StillConfirming { gateway: GatewayKind, age: Duration },
    /// A message was handed to its provider, and is `sent`, `waiting`, `failed` or `skipped`.
    MessageSent { channel: Channel, outcome: &'static str },
    /// An event was posted to an endpoint, and is `delivered`, `waiting` or `failed`.
    EventPosted { outcome: &'static str },
    /// How many pieces of due work a run of a schedule found, and how long the oldest had been due.
    Due { found: usize, oldest: Duration },
    /// How many pieces of due work of a run met an error of ours, whether or not a gateway or a provider had been
    /// called.
    DueFailed { failed: usize },
    /// The schedule of messages and events came round. The stream invokes the same function, so that the number of
    /// invocations says nothing about the schedule.
    RetriesRan,
}

/// A figure of one measurement, with the values of its dimensions.
type Figure = (Metric, Value, Vec<&'static str>);

impl Measurement {
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
            Self::MessageSent { channel, outcome } => vec![(MESSAGES, json!(1), vec![channel.as_str(), outcome])],
            Self::EventPosted { outcome } => vec![(EVENTS, json!(1), vec![outcome])],
            Self::Due { found, oldest } => {
                vec![(DUE_FOUND, json!(found), vec![]), (OLDEST_DUE_AGE, json!(oldest.as_secs()), vec![])]
            }
            Self::DueFailed { failed } => vec![(DUE_FAILED, json!(failed), vec![])],
            Self::RetriesRan => vec![(RETRY_RUNS, json!(1), vec![])],
        }
    }
}

fn link_event(kind: EventType, gateway: GatewayKind) -> Vec<Figure> {
    let link = |metric| (metric, json!(1), vec![]);
    let attempt = |outcome| (ATTEMPTS, json!(1), vec![gateway.as_str(), outcome]);
    match kind {
        EventType::LinkCreated => vec![link(LINKS_MADE)],
        EventType::LinkOpened => vec![link(LINKS_OPENED)],
        EventType::LinkPaid => vec![link(LINKS_PAID), attempt("paid")],
        EventType::LinkExpired => vec![link(LINKS_EXPIRED)],
        EventType::LinkCancelled => vec![link(LINKS_CANCELLED)],
        EventType::AttemptFailed => vec![attempt("failed")],
        EventType::AttemptNeedsReview => vec![link(NEEDS_REVIEW), attempt("needs_review")],
        EventType::RefundSucceeded => vec![attempt("refunded")],
        // Counted with the payment, the end of the refund, the review and the message that they belong to; a change of what a
        // business set is none of a link.
        EventType::AuditEntryCreated
        | EventType::ReceiptRegistered
        | EventType::RefundCreated
        | EventType::RefundFailed
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
        let paid = Measurement::LinkEvent { kind: EventType::LinkPaid, gateway: GatewayKind::Stripe };
        let lines = paid.lines(NOW);
        let dimensions: Vec<&Value> =
            lines.iter().map(|line| &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]).collect();
        assert_eq!(dimensions, [&json!([[]]), &json!([["Gateway", "Outcome"]])]);
        assert_eq!((&lines[0]["LinksPaid"], &lines[1]["Attempts"]), (&json!(1), &json!(1)));
        assert_eq!((&lines[1]["Gateway"], &lines[1]["Outcome"]), (&json!("stripe"), &json!("paid")));
    }

    #[test]
    fn every_figure_is_among_those_that_alarms_may_name_and_has_a_value_for_each_dimension() {
        let gateway = GatewayKind::Zarinpal;
        let mut all = vec![
            Measurement::GatewayCalled { gateway, is_answered: true },
            Measurement::StillConfirming { gateway, age: Duration::from_secs(90) },
            Measurement::MessageSent { channel: Channel::Sms, outcome: "sent" },
            Measurement::EventPosted { outcome: "delivered" },
            Measurement::Due { found: 3, oldest: Duration::from_secs(61) },
            Measurement::DueFailed { failed: 1 },
            Measurement::RetriesRan,
            Measurement::Abandoned { gateway },
            Measurement::GatewayRefused { gateway },
        ];
        all.extend(EventType::ALL.map(|kind| Measurement::LinkEvent { kind, gateway }));
        let figures: Vec<Figure> = all.into_iter().flat_map(Measurement::figures).collect();
        for (metric, _, of) in &figures {
            assert!(METRICS.contains(metric) && metric.dimensions.len() == of.len(), "{metric:?}");
        }
        for metric in METRICS {
            assert!(figures.iter().any(|(known, ..)| *known == metric), "{} is never measured", metric.name);
        }
    }
}

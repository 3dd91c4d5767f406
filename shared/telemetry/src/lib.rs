//! What the functions say of themselves: logs as lines of JSON, and measurements that CloudWatch reads out of such lines.
//!
//! Both carry ids only: no phone, email, name, token, credential, body or path.

mod metrics;

use std::io::Write;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

pub use metrics::{DueKind, METRICS, Measurement, Metric, NAMESPACE, NOBODY};

/// Measurements travel as events of this target, so that a program that starts no telemetry writes none.
const MEASUREMENTS: &str = "measurements";

/// Begins to write both to standard output: logs from `RUST_LOG` on, `info` unless set, with the id of the request they
/// belong to, and all measurements.
pub fn start() {
    let wanted = std::env::var("RUST_LOG").ok();
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .with_ansi(false)
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_filter(filter(wanted.as_deref()));
    let measurements = Lines.with_filter(filter_fn(|metadata| metadata.target() == MEASUREMENTS));
    // A second start in one process keeps the first subscriber; tests do that.
    let _ = tracing_subscriber::registry().with(logs).with(measurements).try_init();
}

/// Which events are logs that somebody wants: `info`, or `info,store=debug` for more of one crate. What cannot be read says
/// `info`. Spans cannot be named: nobody does, and what reads their names brings regular expressions into every function.
fn filter(wanted: Option<&str>) -> Targets {
    let read = wanted.and_then(|wanted| wanted.parse::<Targets>().ok());
    read.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO)).with_target(MEASUREMENTS, LevelFilter::OFF)
}

/// Writes each measurement as a line of its own, in the form in which CloudWatch expects it.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut LogLine);
    }
}

struct LogLine;

impl Visit for LogLine {
    fn record_str(&mut self, _: &Field, line: &str) {
        // There is nobody to tell that nobody can be told.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn logs_are_chosen_by_their_crate_and_measurements_are_none() {
        let filter = filter(Some("warn,store=debug"));
        assert!(filter.would_enable("store::links", &Level::DEBUG));
        assert!(!filter.would_enable("gateways", &Level::INFO));
        assert!(!filter.would_enable(MEASUREMENTS, &Level::ERROR));
    }

    #[test]
    fn without_a_readable_wish_everything_from_info_on_is_a_log() {
        for wanted in [None, Some("info,[{{")] {
            let filter = filter(wanted);
            assert!(filter.would_enable("store", &Level::INFO), "{wanted:?}");
            assert!(!filter.would_enable("store", &Level::DEBUG), "{wanted:?}");
        }
    }
}

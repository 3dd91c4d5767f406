//! What the functions say of themselves: logs as lines of JSON, and measurements that CloudWatch reads out of such lines.
//!
//! Both carry ids only: no phone, email, name, token, credential, body or path.

mod metrics;

use std::io::Write;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

pub use metrics::{METRICS, Measurement, Metric, NAMESPACE};

/// Measurements travel as events of this target, so that a program that starts no telemetry writes none.
const MEASUREMENTS: &str = "measurements";

/// Begins to write both to standard output: logs from `RUST_LOG` on, `info` unless set, with the id of the request they
/// belong to, and all measurements.
pub fn start() {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    if let Ok(directive) = format!("{MEASUREMENTS}=off").parse() {
        filter = filter.add_directive(directive);
    }
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .with_ansi(false)
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_filter(filter);
    let measurements = Lines.with_filter(filter_fn(|metadata| metadata.target() == MEASUREMENTS));
    // A second start in one process keeps the first subscriber; tests do that.
    let _ = tracing_subscriber::registry().with(logs).with(measurements).try_init();
}

/// Writes each measurement as a line of its own, in the form in which CloudWatch expects it.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Line);
    }
}

struct Line;

impl Visit for Line {
    fn record_str(&mut self, _: &Field, line: &str) {
        // There is nobody to tell that nobody can be told.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

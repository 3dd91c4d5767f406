//! Sending events to the CRM: what became of each delivery, and when a failed one is tried again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::EndpointId;

/// The pauses after each try that failed. The first is the next run of the schedule; after the last one the delivery has
/// failed, and the event can still be read and sent again by hand.
const PAUSES: [SignedDuration; 9] = [
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// How long an endpoint that kept us waiting gets no events.
pub const SLOW_ENDPOINT_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// No endpoint can ask for a longer pause than this.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// At most this many tries of a delivery are kept in its log.
const LONGEST_LOG: usize = 12;

/// What an endpoint said. `outcome` is the HTTP status or what went wrong instead, for the log of deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostOutcome {
    Delivered {
        outcome: String,
    },
    /// It will never take another event.
    Gone {
        outcome: String,
    },
    /// It may take the event later; `wait` is how long it asked for.
    Failed {
        outcome: String,
        wait: Option<SignedDuration>,
    },
}

/// One endpoint that an event is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub endpoint: EndpointId,
    #[serde(flatten)]
    state: DeliveryState,
    /// The number of tries since it was last asked for, which decides on the next pause.
    failed_tries: usize,
    /// The latest tries, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    Waiting { until: Timestamp },
    Delivered,
    Failed,
}

impl DeliveryState {
    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One try to send an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    pub at: Timestamp,
    /// The HTTP status, or what went wrong instead.
    pub outcome: String,
}

impl Delivery {
    /// To be sent at this moment.
    pub fn due(endpoint: EndpointId, now: Timestamp) -> Self {
        Self { endpoint, state: DeliveryState::Waiting { until: now }, failed_tries: 0, tries: Vec::new() }
    }

    pub fn state(&self) -> &DeliveryState {
        &self.state
    }

    /// Makes the delivery due at once, with all its tries before it again.
    pub fn redeliver(&mut self, now: Timestamp) {
        self.state = DeliveryState::Waiting { until: now };
        self.failed_tries = 0;
    }

    /// Leaves the endpoint alone for a while, which counts as no try.
    pub fn postpone(&mut self, now: Timestamp) {
        let until = now.checked_add(SLOW_ENDPOINT_PAUSE).unwrap_or(Timestamp::MAX);
        self.state = DeliveryState::Waiting { until };
    }

    pub fn is_due(&self, now: Timestamp) -> bool {
        matches!(&self.state, DeliveryState::Waiting { until } if *until <= now)
    }

    /// Notes what came of one try. `jitter` is any number, see [`next_try`].
    pub fn note(&mut self, outcome: &PostOutcome, jitter: u8, now: Timestamp) {
        let (state, said) = match outcome {
            PostOutcome::Delivered { outcome } => (DeliveryState::Delivered, outcome),
            PostOutcome::Gone { outcome } => (DeliveryState::Failed, outcome),
            PostOutcome::Failed { outcome, wait } => {
                self.failed_tries += 1;
                let next = next_try(self.failed_tries, *wait, jitter, now);
                (next.map_or(DeliveryState::Failed, |until| DeliveryState::Waiting { until }), outcome)
            }
        };
        self.state = state;
        self.log(now, said.clone());
    }

    /// Gives the delivery up, because nothing can be sent to its endpoint.
    pub fn give_up(&mut self, why: &str, now: Timestamp) {
        self.state = DeliveryState::Failed;
        self.log(now, why.to_owned());
    }

    /// Adds a try to the log.
    fn log(&mut self, at: Timestamp, outcome: String) {
        self.tries.push(Try { at, outcome });
        let surplus = self.tries.len().saturating_sub(LONGEST_LOG);
        self.tries.drain(..surplus);
    }
}

/// When to try again after this many failed tries; `None` when the delivery has failed for good. `wanted` is what the
/// endpoint asked for, and `jitter` any number: it spreads retries over a tenth of the pause, so that an endpoint that
/// comes back is not met by all of them at once.
fn next_try(tries: usize, wanted: Option<SignedDuration>, jitter: u8, now: Timestamp) -> Option<Timestamp> {
    let pause = *PAUSES.get(tries.checked_sub(1)?)?;
    let spread = SignedDuration::from_millis(pause.as_secs().saturating_mul(100 * i64::from(jitter) / 255));
    let pause = pause.saturating_add(spread).max(wanted.unwrap_or_default().min(LONGEST_PAUSE));
    Some(now.checked_add(pause).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn retries_come_ever_later_with_jitter_and_end() {
        let pause =
            |tries, jitter| next_try(tries, None, jitter, at(0)).map(|next| next.duration_since(at(0)).as_secs());
        assert_eq!(pause(1, 0), Some(30));
        assert_eq!(pause(2, 0), Some(300));
        assert_eq!(pause(2, 255), Some(330));
        assert_eq!(pause(9, 0), Some(24 * 3600));
        assert_eq!(pause(10, 0), None);
        let asked = next_try(1, Some(SignedDuration::from_mins(20)), 0, at(0)).unwrap();
        assert_eq!(asked, at(1200), "the endpoint asked for twenty minutes");
        let greedy = next_try(1, Some(SignedDuration::from_hours(999)), 0, at(0)).unwrap();
        assert_eq!(greedy, at(24 * 3600));
    }
}

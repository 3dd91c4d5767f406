//! What became of a message: its state, what a provider said, and when a message that failed for now is tried again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::MessageId;

/// The pauses between tries. After the last one a message has failed.
const PAUSES: [SignedDuration; 6] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
];

/// A provider can have a message wait at most this long.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// After this time nothing more is reported about a message that only its provider's own id names.
pub const REPORTED_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the provider said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider took the message over under this id.
    Accepted { provider_id: String },
    /// It may work later, after `wait` at the earliest where the provider asked for a pause. A message whose answer was
    /// lost is here too and may arrive twice.
    FailedForNow { reason: String, wait: Option<SignedDuration> },
    /// It will never work for this address and this message.
    FailedForGood { reason: String },
}

/// The state of a message. A message without a record has not been looked at yet: it is queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum MessageState {
    /// Somebody is handing it to the provider until the lease ends.
    Sending {
        until: Timestamp,
    },
    Sent {
        at: Timestamp,
        provider_id: String,
    },
    /// It failed for now and is tried again.
    Waiting {
        until: Timestamp,
        reason: String,
    },
    /// It failed for good.
    Failed {
        at: Timestamp,
        reason: String,
        /// Where a provider had taken it over before it reported that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<Handover>,
    },
    /// It was not sent, because the link had ended before.
    Skipped {
        at: Timestamp,
    },
}

/// That a provider took a message over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    pub at: Timestamp,
    pub provider_id: String,
}

/// What is known of messages; one that is not in here is queued.
pub type MessageStates = BTreeMap<MessageId, MessageState>;

impl MessageState {
    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sending { .. } => "sending",
            Self::Sent { .. } => "sent",
            Self::Waiting { .. } => "waiting",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// What a message becomes after a try, which was number `tries`, counted from 1.
    pub fn after(outcome: SendOutcome, tries: u32, now: Timestamp) -> Self {
        match outcome {
            SendOutcome::Accepted { provider_id } => Self::Sent { at: now, provider_id },
            SendOutcome::FailedForGood { reason } => Self::Failed { at: now, reason, sent: None },
            SendOutcome::FailedForNow { reason, wait } => {
                let pause = usize::try_from(tries).ok().and_then(|tries| PAUSES.get(tries.saturating_sub(1)));
                match pause {
                    // A provider may ask for a longer pause, but not for one without end.
                    Some(pause) => {
                        let pause = wait.unwrap_or_default().min(LONGEST_WAIT).max(*pause);
                        Self::Waiting { until: now.checked_add(pause).unwrap_or(Timestamp::MAX), reason }
                    }
                    None => Self::Failed { at: now, reason, sent: None },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn failed(wait: Option<i64>) -> SendOutcome {
        SendOutcome::FailedForNow { reason: "busy".to_owned(), wait: wait.map(SignedDuration::from_secs) }
    }

    fn waits_until(outcome: SendOutcome, tries: u32) -> Option<Timestamp> {
        match MessageState::after(outcome, tries, at(0)) {
            MessageState::Waiting { until, .. } => Some(until),
            MessageState::Failed { .. } => None,
            other @ (MessageState::Sending { .. } | MessageState::Sent { .. } | MessageState::Skipped { .. }) => {
                panic!("{other:?}")
            }
        }
    }

    #[test]
    fn a_message_that_failed_for_now_is_tried_again_ever_later_and_fails_in_the_end() {
        let pauses = [60, 300, 1_800, 7_200, 18_000, 36_000].map(|pause| Some(at(pause)));
        assert_eq!([1, 2, 3, 4, 5, 6].map(|tries| waits_until(failed(None), tries)), pauses);
        assert_eq!(waits_until(failed(None), 7), None);
    }

    #[test]
    fn a_provider_may_ask_for_a_longer_pause_and_not_for_one_without_end() {
        assert_eq!(waits_until(failed(Some(90)), 1), Some(at(90)));
        assert_eq!(waits_until(failed(Some(5)), 1), Some(at(60)));
        assert_eq!(waits_until(failed(Some(1_000_000)), 1), Some(at(24 * 3_600)));
    }
}

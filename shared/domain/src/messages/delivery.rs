//! What became of a message: its state, what a provider said, and when a message that failed for now is tried again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{MessageId, ProviderId};
use crate::messages::channel::Channel;
use crate::messages::provider_profile::ProviderKind;
use crate::messages::sms::SmsLength;

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
    Accepted {
        provider_id: String,
        /// Where the network has moved the chat to, under its new id: the message was sent there.
        moved_to: Option<String>,
    },
    /// It may work later, after `wait` at the earliest where the provider asked for a pause. A message whose answer was
    /// lost is here too and may arrive twice.
    FailedForNow { reason: String, wait: Option<SignedDuration> },
    /// It will never work for this address and this message.
    FailedForGood { reason: String },
}

impl SendOutcome {
    /// The provider took the message over at the very address that it was given.
    pub fn accepted(provider_id: impl Into<String>) -> Self {
        Self::Accepted { provider_id: provider_id.into(), moved_to: None }
    }
}

/// What a provider says that is asked what became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Arrived,
    /// It did not arrive, and never will.
    Failed {
        reason: String,
    },
    /// It is on its way.
    Open,
    /// The provider knows nothing of the message, or not any more.
    Unknown,
    /// The provider gave no answer to that.
    NoAnswer {
        why: String,
    },
}

/// The state of a message. A message without a record has not been looked at yet: it is queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum MessageState {
    /// Others wait, so that it is left to the schedule, which sends it from then on.
    Queued {
        until: Timestamp,
    },
    /// Somebody is handing it to the provider until the lease ends.
    Sending {
        until: Timestamp,
    },
    Sent(Handover),
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
    /// It was not sent, or not once more.
    Skipped {
        at: Timestamp,
        /// What most were skipped for is not worth its bytes.
        #[serde(default, skip_serializing_if = "SkipReason::is_usual")]
        reason: SkipReason,
    },
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The link had ended before, or nobody was to be reminded of it any more.
    #[default]
    LinkNotActive,
    /// Its provider takes only words that were approved beforehand, and none of these are of its kind.
    NoApprovedText,
    /// The address was reminded of another link on the same day.
    RemindedToday,
    /// It reminds, and could not be sent in the hours of its day.
    TooLate,
    /// It reminds, and when it was to be sent somebody was paying, had paid that part, or was held.
    NotNow,
}

impl SkipReason {
    pub const ALL: [Self; 5] =
        [Self::LinkNotActive, Self::NoApprovedText, Self::RemindedToday, Self::TooLate, Self::NotNow];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkNotActive => "link_not_active",
            Self::NoApprovedText => "no_approved_text",
            Self::RemindedToday => "reminded_today",
            Self::TooLate => "too_late",
            Self::NotNow => "not_now",
        }
    }

    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// That a provider took a message over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    pub at: Timestamp,
    pub provider_id: String,
    /// The new id of the chat, where the network had moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// When its provider is asked next what became of the message, where it has to be asked and that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look: Option<NextLook>,
    /// When it arrived, where the provider said so. Most never do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// What it counts as in the business's usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered: Option<Metered>,
    /// Since when it counts, where that is not `at`: a handover of which only a later report told counts from the report
    /// on, because what was used before then may have been settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_since: Option<Timestamp>,
}

/// Whom a message was handed to last, whatever came of that. It is noted before the message leaves, so that it is known
/// where the answer is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// When it was handed to this provider first.
    pub since: Timestamp,
    /// Absent where it is the stack's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<ProviderId>,
    /// What it counts as if the provider took it over.
    pub metered: Metered,
}

impl Tried {
    /// A try that begins now, after those that `before` tells of. `provider` is what the business calls the provider,
    /// where it is not the stack's own.
    pub fn after(before: Option<&Self>, provider: Option<ProviderId>, metered: Metered, now: Timestamp) -> Self {
        let is_same = |before: &&Self| before.provider == provider && before.metered.provider == metered.provider;
        let since = before.filter(is_same).map_or(now, |before| before.since);
        Self { since, provider, metered }
    }
}

/// What a message is that a provider took over, to those who pay for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    pub channel: Channel,
    pub provider: ProviderKind,
    /// Of an SMS, by its text; of an approved template's the text that stands for it here. Zero of anything else.
    pub segments: u16,
}

impl Metered {
    pub fn of(channel: Channel, provider: ProviderKind, text: &str) -> Self {
        let segments = match channel {
            Channel::Sms => u16::try_from(SmsLength::of(text).segments).unwrap_or(u16::MAX),
            Channel::Email | Channel::Social => 0,
        };
        Self { channel, provider, segments }
    }
}

/// When a provider is asked, and which one, because another can serve the address by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextLook {
    pub at: Timestamp,
    pub provider: ProviderId,
}

impl Handover {
    pub fn new(at: Timestamp, provider_id: String) -> Self {
        let (moved_to, next_look, delivered_at, metered, counts_since) = (None, None, None, None, None);
        Self { at, provider_id, moved_to, next_look, delivered_at, metered, counts_since }
    }

    /// The handover of a message whose provider is asked about it: next at the first of these moments, counted from the
    /// handover, that is still to come, and after the last one no more.
    #[must_use]
    pub fn looked_at_next(self, moments: &[SignedDuration], provider: ProviderId, now: Timestamp) -> Self {
        let next = moments.iter().filter_map(|moment| self.at.checked_add(*moment).ok()).find(|moment| *moment > now);
        Self { next_look: next.map(|at| NextLook { at, provider }), ..self }
    }

    /// The handover of a message about which nothing is asked any more.
    #[must_use]
    pub fn settled(self) -> Self {
        Self { next_look: None, ..self }
    }

    /// The handover of a message that arrived. What was said first stays.
    #[must_use]
    pub fn arrived(self, at: Timestamp) -> Self {
        Self { delivered_at: self.delivered_at.or(Some(at)), ..self.settled() }
    }
}

/// What is known of messages; one that is not in here is queued.
pub type MessageStates = BTreeMap<MessageId, MessageState>;

impl MessageState {
    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Sending { .. } => "sending",
            Self::Sent(_) => "sent",
            Self::Waiting { .. } => "waiting",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// When there is something to do about it again.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Queued { until } | Self::Waiting { until, .. } => Some(*until),
            Self::Sent(handover) => handover.next_look.as_ref().map(|look| look.at),
            Self::Sending { .. } | Self::Failed { .. } | Self::Skipped { .. } => None,
        }
    }

    /// Since when the message counts, and what as, where a provider took it over. A failure that is reported later
    /// changes neither.
    pub fn metered(&self) -> Option<(Timestamp, Metered)> {
        let handover = match self {
            Self::Sent(handover) => Some(handover),
            Self::Failed { sent, .. } => sent.as_ref(),
            Self::Queued { .. } | Self::Sending { .. } | Self::Waiting { .. } | Self::Skipped { .. } => None,
        };
        handover.and_then(|handover| Some((handover.counts_since.unwrap_or(handover.at), handover.metered?)))
    }

    /// When a message that was not handed over yet is wanted, where it waits for that.
    pub fn waits_for(&self) -> Option<Timestamp> {
        match self {
            Self::Queued { until } | Self::Waiting { until, .. } => Some(*until),
            Self::Sending { .. } | Self::Sent(_) | Self::Failed { .. } | Self::Skipped { .. } => None,
        }
    }

    /// What a message becomes after a try, which was number `tries`, counted from 1.
    pub fn after(outcome: SendOutcome, tries: u32, now: Timestamp) -> Self {
        match outcome {
            SendOutcome::Accepted { provider_id, moved_to } => {
                Self::Sent(Handover { moved_to, ..Handover::new(now, provider_id) })
            }
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
            other @ (MessageState::Queued { .. }
            | MessageState::Sending { .. }
            | MessageState::Sent(_)
            | MessageState::Skipped { .. }) => {
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

    #[test]
    fn a_provider_is_asked_at_ever_longer_intervals_and_after_the_last_moment_no_more() {
        let moments = [30, 3_600].map(SignedDuration::from_secs);
        let provider = || ProviderId::parse("kavenegar").unwrap();
        let handover = Handover::new(at(0), "1".to_owned());
        let next = |now: i64| {
            let looked_at = handover.clone().looked_at_next(&moments, provider(), at(now));
            MessageState::Sent(looked_at).due_at()
        };
        assert_eq!([next(0), next(29), next(30), next(3_599)].map(Option::unwrap), [30, 30, 3_600, 3_600].map(at));
        assert_eq!(next(3_600), None);
        let asked = handover.looked_at_next(&moments, provider(), at(0));
        assert_eq!(MessageState::Sent(asked.clone().settled()).due_at(), None);
        let arrived = asked.arrived(at(40)).arrived(at(50));
        assert_eq!((arrived.delivered_at, arrived.next_look), (Some(at(40)), None));
    }

    #[test]
    fn a_provider_that_is_tried_again_was_tried_since_the_first_time_and_another_one_since_now() {
        let metered = |provider| Metered { channel: Channel::Sms, provider, segments: 1 };
        let named = |id: &str| ProviderId::parse(id).ok();
        let line = metered(ProviderKind::Webhook);
        let first = Tried::after(None, named("crm-line"), line, at(0));
        let again = Tried::after(Some(&first), named("crm-line"), Metered { segments: 2, ..line }, at(60));
        assert_eq!((again.since, again.metered.segments), (at(0), 2));
        for (id, metered) in [
            (named("other-line"), line),
            (named("crm-line"), metered(ProviderKind::Kavenegar)),
            (None, metered(ProviderKind::Sns)),
        ] {
            assert_eq!(Tried::after(Some(&again), id, metered, at(90)).since, at(90));
        }
    }

    #[test]
    fn what_was_known_of_a_message_before_chats_could_move_is_still_read() {
        let stored = serde_json::json!({ "status": "sent", "at": at(0), "provider_id": "17" });
        let read: MessageState = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(read, MessageState::Sent(Handover::new(at(0), "17".to_owned())));
        assert_eq!(serde_json::to_value(read).unwrap(), stored);
    }
}

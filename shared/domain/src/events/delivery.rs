//! Sending events to the CRM: what became of each delivery, and when a failed one is tried again.

use jiff::{SignedDuration, Timestamp};

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

/// No endpoint can ask for a longer pause than this.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// When to try again after so many failed tries; `None` when the delivery has failed for good. `wanted` is what the
/// endpoint asked for, and `jitter` any number: it spreads retries over a tenth of the pause, so that an endpoint that
/// comes back is not met by all of them at once.
pub fn next_try(tries: usize, wanted: Option<SignedDuration>, jitter: u8, now: Timestamp) -> Option<Timestamp> {
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

//! Answers under idempotency keys: a call that is repeated gets the answer it had, and is not carried out again.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::credential::Credential;

/// A call under an idempotency key.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdempotentCall<'a> {
    pub(super) owner: &'a Credential,
    pub(super) key: &'a str,
    /// Of what was asked for: a key stands for one of these.
    pub(super) fingerprint: &'a str,
}

/// What an idempotency key stands for already.
#[derive(Debug)]
pub(super) enum Replayed {
    Nothing,
    Answer(StatusCode, Value),
    /// It stood for another call.
    Other,
}

/// The answers that are kept, by the key's owner and the idempotency key: two merchants may use the same one.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Replays(BTreeMap<String, Replay>);

#[derive(Debug, Serialize, Deserialize)]
struct Replay {
    fingerprint: String,
    status: u16,
    body: Value,
    #[serde(alias = "at")]
    kept_at: Timestamp,
}

impl IdempotentCall<'_> {
    fn name(&self) -> String {
        format!("{}:{}", self.owner.fingerprint, self.key)
    }
}

impl Replays {
    /// What the key of `call` stands for, unless the answer was kept too long ago.
    pub(super) fn find(&self, call: &IdempotentCall<'_>, now: Timestamp, kept_for: SignedDuration) -> Replayed {
        match self.0.get(&call.name()).filter(|replay| replay.is_kept(now, kept_for)) {
            None => Replayed::Nothing,
            Some(replay) if replay.fingerprint == call.fingerprint => Replayed::Answer(
                StatusCode::from_u16(replay.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                replay.body.clone(),
            ),
            Some(_) => Replayed::Other,
        }
    }

    /// Keeps the answer to `call`, and forgets those that were kept too long ago.
    pub(super) fn keep(
        &mut self,
        call: &IdempotentCall<'_>,
        (status, body): (StatusCode, Value),
        now: Timestamp,
        kept_for: SignedDuration,
    ) {
        self.0.retain(|_, replay| replay.is_kept(now, kept_for));
        let fingerprint = call.fingerprint.to_owned();
        self.0.insert(call.name(), Replay { fingerprint, status: status.as_u16(), body, kept_at: now });
    }
}

impl Replay {
    fn is_kept(&self, now: Timestamp, kept_for: SignedDuration) -> bool {
        now.duration_since(self.kept_at) < kept_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::testing::TestResult;

    const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);

    #[test]
    fn a_key_stands_for_one_call_of_one_owner_until_its_time_is_over() -> TestResult {
        let (owner, stranger, now) = (Credential::of("owner"), Credential::of("stranger"), Timestamp::UNIX_EPOCH);
        let call = IdempotentCall { owner: &owner, key: "k", fingerprint: "first" };
        let mut replays = Replays::default();
        assert!(matches!(replays.find(&call, now, KEPT_FOR), Replayed::Nothing));

        replays.keep(&call, (StatusCode::CREATED, Value::from(7)), now, KEPT_FOR);
        assert!(matches!(
            replays.find(&call, now, KEPT_FOR),
            Replayed::Answer(StatusCode::CREATED, body) if body == 7
        ));
        let other = IdempotentCall { fingerprint: "second", ..call };
        assert!(matches!(replays.find(&other, now, KEPT_FOR), Replayed::Other));
        let foreign = IdempotentCall { owner: &stranger, ..call };
        assert!(matches!(replays.find(&foreign, now, KEPT_FOR), Replayed::Nothing));
        assert!(matches!(replays.find(&call, now.checked_add(KEPT_FOR)?, KEPT_FOR), Replayed::Nothing));
        Ok(())
    }
}

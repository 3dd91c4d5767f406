//! Knowing a repeated request: what was asked under an idempotency key is kept with what the request changed, in the
//! same write.

use serde::{Deserialize, Serialize};

/// A record remembers this many requests. A retry comes within seconds.
const MAX_REQUESTS: usize = 20;

/// A request that came with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFingerprint {
    /// A hash of the integration, its idempotency key and the address that was called.
    pub key: String,
    /// A hash of the body.
    pub body: String,
}

/// What is known of a request that comes with an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is new.
    No,
    /// It was answered before.
    Yes,
    /// The key was used with another body.
    OtherBody,
}

/// The requests that a record remembers, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyLog(Vec<RequestFingerprint>);

impl IdempotencyLog {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn knows(&self, mark: Option<&RequestFingerprint>) -> Repeat {
        let Some(mark) = mark else { return Repeat::No };
        match self.0.iter().find(|known| known.key == mark.key) {
            None => Repeat::No,
            Some(known) if known.body == mark.body => Repeat::Yes,
            Some(_) => Repeat::OtherBody,
        }
    }

    pub fn add(&mut self, mark: Option<RequestFingerprint>) {
        self.0.extend(mark);
        let surplus = self.0.len().saturating_sub(MAX_REQUESTS);
        self.0.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(key: &str, body: &str) -> RequestFingerprint {
        RequestFingerprint { key: key.to_owned(), body: body.to_owned() }
    }

    #[test]
    fn a_repeated_request_is_known_by_its_key_and_another_body_is_told_apart() {
        let mut idempotency = IdempotencyLog::default();
        idempotency.add(Some(mark("k", "b")));
        idempotency.add(None);
        assert_eq!(idempotency.knows(None), Repeat::No);
        assert_eq!(idempotency.knows(Some(&mark("k", "b"))), Repeat::Yes);
        assert_eq!(idempotency.knows(Some(&mark("k", "c"))), Repeat::OtherBody);
        assert_eq!(idempotency.knows(Some(&mark("l", "b"))), Repeat::No);
        for number in 0..MAX_REQUESTS {
            idempotency.add(Some(mark(&number.to_string(), "b")));
        }
        assert_eq!(idempotency.knows(Some(&mark("k", "b"))), Repeat::No);
    }
}

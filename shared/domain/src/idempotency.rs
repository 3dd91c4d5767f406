//! Knowing a repeated request: what was asked under an idempotency key is kept with what the request changed, in the
//! same write.

use serde::{Deserialize, Serialize};

/// A record remembers so many requests; a retry comes within seconds.
const MOST_REQUESTS: usize = 20;

/// A request that came with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestMark {
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
pub struct Answered(Vec<RequestMark>);

impl Answered {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn knows(&self, mark: Option<&RequestMark>) -> Repeat {
        let Some(mark) = mark else { return Repeat::No };
        match self.0.iter().find(|known| known.key == mark.key) {
            None => Repeat::No,
            Some(known) if known.body == mark.body => Repeat::Yes,
            Some(_) => Repeat::OtherBody,
        }
    }

    pub fn add(&mut self, mark: Option<RequestMark>) {
        self.0.extend(mark);
        let surplus = self.0.len().saturating_sub(MOST_REQUESTS);
        self.0.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(key: &str, body: &str) -> RequestMark {
        RequestMark { key: key.to_owned(), body: body.to_owned() }
    }

    #[test]
    fn a_repeated_request_is_known_by_its_key_and_another_body_is_told_apart() {
        let mut answered = Answered::default();
        answered.add(Some(mark("k", "b")));
        answered.add(None);
        assert_eq!(answered.knows(None), Repeat::No);
        assert_eq!(answered.knows(Some(&mark("k", "b"))), Repeat::Yes);
        assert_eq!(answered.knows(Some(&mark("k", "c"))), Repeat::OtherBody);
        assert_eq!(answered.knows(Some(&mark("l", "b"))), Repeat::No);
        for number in 0..MOST_REQUESTS {
            answered.add(Some(mark(&number.to_string(), "b")));
        }
        assert_eq!(answered.knows(Some(&mark("k", "b"))), Repeat::No);
    }
}

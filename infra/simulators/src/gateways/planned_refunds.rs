//! What a tester ordered of refunds to come.

use serde::{Deserialize, Serialize};

/// What the next refund of a payment is right after it was accepted, or the next one of whichever payment. Each order is for
/// one refund, and a later one takes the place of an earlier one about the same.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct PlannedRefunds<T>(Vec<Planned<T>>);

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Planned<T> {
    /// The id of the payment's session, where only its refunds are meant.
    of: Option<String>,
    becomes: T,
}

impl<T> Default for PlannedRefunds<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> PlannedRefunds<T> {
    pub(crate) fn plan(&mut self, of: Option<String>, becomes: T) {
        self.0.retain(|planned| planned.of != of);
        self.0.push(Planned { of, becomes });
    }

    /// What the next refund of this session's payment is to be. Other payments' plans are left alone.
    pub(crate) fn of(&self, session: &str) -> Option<T> {
        self.place_of(session).map(|at| self.0[at].becomes)
    }

    /// Forgets what [`of`](Self::of) said, as it has happened.
    pub(crate) fn happened(&mut self, session: &str) {
        if let Some(at) = self.place_of(session) {
            self.0.remove(at);
        }
    }

    fn place_of(&self, session: &str) -> Option<usize> {
        let is_of = |wanted: Option<&str>| self.0.iter().position(|planned| planned.of.as_deref() == wanted);
        is_of(Some(session)).or_else(|| is_of(None))
    }
}

#[cfg(test)]
mod tests {
    use super::PlannedRefunds;

    #[test]
    fn a_plan_for_one_payment_waits_for_that_payment() {
        let mut plans = PlannedRefunds::default();
        plans.plan(Some("a".to_owned()), 1);
        assert_eq!((plans.of("b"), plans.of("a")), (None, Some(1)));
        plans.plan(None, 2);
        plans.plan(Some("a".to_owned()), 3);
        assert_eq!((plans.of("b"), plans.of("a")), (Some(2), Some(3)));
        plans.happened("a");
        assert_eq!(plans.of("a"), Some(2));
        plans.happened("b");
        assert_eq!(plans.of("a"), None);
    }
}

//! Leaves alone who does not help: a way to a gateway on which nobody answers, and a merchant whom its gateway refuses.

use std::collections::BTreeMap;

use confirmation::CallOutcome;

use crate::task::{Merchant, TaskOutcome};

/// A circuit breaker for one way to a gateway: it keeps a sweep from spending its time on calls that do not help.
#[derive(Default)]
pub(crate) struct Breaker {
    /// The number of calls in a row that the gateway did not answer.
    unanswered: usize,
    /// The number of calls in a row for each merchant that were not answered or refused us: a refusal is the same for
    /// every call of that merchant.
    failures: BTreeMap<Merchant, usize>,
}

/// After this many failed calls in a row, the rest is left for the next sweep.
const BREAKER_LIMIT: usize = 5;

impl Breaker {
    pub(crate) fn is_open(&self, merchant: &Merchant) -> bool {
        let failures = self.failures.get(merchant).copied().unwrap_or_default();
        self.unanswered >= BREAKER_LIMIT || failures >= BREAKER_LIMIT
    }

    pub(crate) fn note(&mut self, merchant: &Merchant, done: &TaskOutcome) {
        let (TaskOutcome::Asked(outcome) | TaskOutcome::Refunded(outcome)) = done else { return };
        let failures = self.failures.entry(merchant.clone()).or_default();
        match outcome {
            CallOutcome::Answered => (self.unanswered, *failures) = (0, 0),
            CallOutcome::Refused => (self.unanswered, *failures) = (0, *failures + 1),
            // What cannot be read about a refund may be about that refund alone.
            CallOutcome::Unanswered if matches!(done, TaskOutcome::Refunded(_)) => *failures += 1,
            CallOutcome::Unanswered => (self.unanswered, *failures) = (self.unanswered + 1, *failures + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::merchant;

    fn after(outcomes: &[CallOutcome]) -> Breaker {
        let mut breaker = Breaker::default();
        for outcome in outcomes {
            breaker.note(&merchant("shop", "suspended"), &TaskOutcome::Asked(*outcome));
        }
        breaker
    }

    #[test]
    fn an_account_that_its_gateway_refuses_keeps_nobody_waiting_but_itself() {
        let breaker = after(&[CallOutcome::Refused; BREAKER_LIMIT]);
        assert!(breaker.is_open(&merchant("shop", "suspended")));
        assert!(!breaker.is_open(&merchant("shop", "main")));
        assert!(!breaker.is_open(&merchant("other", "suspended")), "it is called so by chance");
    }

    #[test]
    fn a_gateway_that_does_not_answer_is_left_alone_until_it_does() {
        assert!(after(&[CallOutcome::Unanswered; BREAKER_LIMIT]).is_open(&merchant("other", "main")));
        let mut outcomes = [CallOutcome::Unanswered; BREAKER_LIMIT];
        outcomes[BREAKER_LIMIT - 1] = CallOutcome::Answered;
        assert!(!after(&outcomes).is_open(&merchant("shop", "suspended")));
    }
}

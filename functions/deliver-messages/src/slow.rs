//! Who kept this process waiting. An endpoint or a provider that does not answer is a business's own, and others wait behind
//! it in the stream, so that it is not waited for again and again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::events::SLOW_ENDPOINT_PAUSE;
use domain::ids::{BusinessId, EndpointId, ProviderId};

use crate::Trigger;

/// What a business has us call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Called {
    Endpoint(EndpointId),
    Provider(ProviderId),
}

/// How long each endpoint and each provider of a business kept this process waiting last, and when.
#[derive(Debug, Default)]
pub struct Slow(Mutex<HashMap<(BusinessId, Called), (Instant, Duration)>>);

impl Slow {
    /// Whether it is left alone for a while.
    pub(crate) fn is_paused(&self, business: &BusinessId, called: Called, trigger: Trigger) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&(business.clone(), called))
            .is_some_and(|(since, took)| !is_over(*since) && *took >= trigger.slow_after())
    }

    pub(crate) fn note(&self, business: &BusinessId, called: Called, took: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (since, _)| !is_over(*since));
        known.insert((business.clone(), called), (Instant::now(), took));
    }
}

fn is_over(since: Instant) -> bool {
    since.elapsed() >= SLOW_ENDPOINT_PAUSE.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slow_is_one_businesss_alone_and_less_so_for_the_schedule() {
        let [shop, other] = ["shop", "other"].map(|id| BusinessId::parse(id).unwrap());
        let endpoint = || Called::Endpoint(EndpointId::parse("crm").unwrap());
        let provider = || Called::Provider(ProviderId::parse("crm").unwrap());
        let slow = Slow::default();
        slow.note(&shop, endpoint(), Duration::from_secs(3));
        assert!(slow.is_paused(&shop, endpoint(), Trigger::Stream));
        assert!(!slow.is_paused(&shop, endpoint(), Trigger::Schedule));
        assert!(!slow.is_paused(&shop, provider(), Trigger::Stream));
        assert!(!slow.is_paused(&other, endpoint(), Trigger::Stream));
        slow.note(&shop, endpoint(), Duration::from_millis(80));
        assert!(!slow.is_paused(&shop, endpoint(), Trigger::Stream));
    }
}

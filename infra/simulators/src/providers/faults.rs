//! Addresses that a provider refuses, so that tests can see what happens then. Which address meets what is a table of the
//! provider's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What an address carries that is to be refused, and how it is.
pub(crate) type Marker<R> = (&'static str, Fault<R>);

/// How often a marked address is refused, and how: in the provider's own form.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault<R> {
    Always(R),
    /// The first call is refused, with all the tries that it makes, and later ones are not.
    AtFirst(R),
}

/// The markers of a provider's addresses, and the calls that were refused once. Clones share it; a restart forgets it.
#[derive(Debug, Clone)]
pub(crate) struct Faults<R: 'static> {
    markers: &'static [(&'static str, Fault<R>)],
    /// Whether an address carries a marker.
    carries: fn(&str, &str) -> bool,
    refused_once: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

impl<R: Copy> Faults<R> {
    /// Addresses that end with a marker carry it.
    pub(crate) fn at_the_end(markers: &'static [(&'static str, Fault<R>)]) -> Self {
        Self::new(markers, |address, marker| address.ends_with(marker))
    }

    pub(crate) fn new(markers: &'static [(&'static str, Fault<R>)], carries: fn(&str, &str) -> bool) -> Self {
        Self { markers, carries, refused_once: Arc::default() }
    }

    /// How the address is refused, if it is. `call` is what all tries of one call have in common, where a client says so.
    pub(crate) fn refusal(&self, address: &str, call: Option<&str>) -> Option<R> {
        let (_, fault) = self.markers.iter().find(|(marker, _)| (self.carries)(address, marker))?;
        match fault {
            Fault::Always(refusal) => Some(*refusal),
            Fault::AtFirst(refusal) => self.is_first_call(address, call).then_some(*refusal),
        }
    }

    fn is_first_call(&self, address: &str, call: Option<&str>) -> bool {
        let mut refused = self.refused_once.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.get(address) {
            None => {
                refused.insert(address.to_owned(), call.map(str::to_owned));
                true
            }
            Some(first) => call.is_some() && first.as_deref() == call,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_at_first_is_refused_in_every_try_of_the_first_call() {
        let faults = Faults::at_the_end(&[("429", Fault::AtFirst('a')), ("400", Fault::Always('b'))]);
        assert_eq!([faults.refusal("1429", Some("1")), faults.refusal("1429", Some("1"))], [Some('a'), Some('a')]);
        assert_eq!([faults.refusal("1429", Some("2")), faults.refusal("1429", Some("3"))], [None, None]);
        // Of a client that does not say so, every request is a call of its own.
        assert_eq!([faults.refusal("2429", None), faults.refusal("2429", None)], [Some('a'), None]);
        assert_eq!([faults.refusal("400", None), faults.refusal("400", None)], [Some('b'), Some('b')]);
        assert_eq!(faults.refusal("4290", None), None);
    }
}

//! What a process remembers of the table: for a while what may change, and for good what never does.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A miss in the configuration or among the keys reads again at most this often.
pub(crate) const REREAD_PAUSE: Duration = Duration::from_secs(1);

/// A value that is read again when it is older than `fresh_for`.
#[derive(Debug)]
pub(crate) struct Cached<T> {
    fresh_for: Duration,
    value: Option<(Instant, Arc<T>)>,
}

impl<T> Cached<T> {
    pub(crate) fn new(fresh_for: Duration) -> Self {
        Self { fresh_for, value: None }
    }

    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.younger_than(self.fresh_for)
    }

    /// The value, if it was read within `age`.
    pub(crate) fn younger_than(&self, age: Duration) -> Option<Arc<T>> {
        self.value.as_ref().filter(|(read_at, _)| read_at.elapsed() < age).map(|(_, value)| Arc::clone(value))
    }

    pub(crate) fn set(&mut self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        self.value = Some((Instant::now(), Arc::clone(&value)));
        value
    }
}

/// Items that never change once they are written, such as a version of credentials: a process reads each once.
#[derive(Debug)]
pub(crate) struct Immutable<K, T>(Mutex<HashMap<K, T>>);

impl<K, T> Default for Immutable<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: Clone> Immutable<K, T> {
    pub(crate) fn get(&self, at: &K) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
    }

    pub(crate) fn remember(&self, at: K, value: &T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(at, value.clone());
    }
}

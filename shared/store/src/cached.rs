//! What a process remembers of the table: for a while what may change, and for good what never does. One stack serves
//! many businesses, so that each kind of memory holds what was used last and is bounded.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use lru::LruCache;

use crate::error::StoreError;

/// A miss in the configuration or among the keys reads again at most this often.
pub(crate) const REREAD_PAUSE: Duration = Duration::from_secs(1);

/// A process remembers what may change of this many businesses.
pub(crate) const BUSINESSES: NonZeroUsize = NonZeroUsize::new(64).expect("a number that is not zero");

/// A process remembers this many of the items of a kind that never change.
const IMMUTABLE: NonZeroUsize = NonZeroUsize::new(512).expect("a number that is not zero");

/// A value that is read again when it is older than it may be. Whoever waits for the same value waits for one read.
type Entry<T> = Arc<tokio::sync::Mutex<Option<(ReadAt, Arc<T>)>>>;

/// When something was read, by both clocks of the system. Lambda freezes a process between its calls, for minutes. The
/// monotonic clock need not go on meanwhile, and the other one may be set.
#[derive(Clone, Copy, Debug)]
struct ReadAt {
    monotonic: Instant,
    wall: SystemTime,
}

impl ReadAt {
    fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// Whether it was read less than this long ago, by either clock.
    fn is_younger_than(self, age: Duration, now: Self) -> bool {
        let by_wall = now.wall.duration_since(self.wall);
        now.monotonic.duration_since(self.monotonic) < age && by_wall.is_ok_and(|elapsed| elapsed < age)
    }
}

/// A value for each business, or for whatever else has its own, that is read again when it is older than `fresh_for`.
///
/// What turns out to be nothing has places of its own: whoever makes up businesses has those that there are forgotten
/// by nobody.
#[derive(Debug)]
pub(crate) struct Cached<K: Eq + Hash, T> {
    fresh_for: Duration,
    is_something: fn(&T) -> bool,
    places: Mutex<Places<K, T>>,
}

#[derive(Debug)]
struct Places<K: Eq + Hash, T> {
    known: LruCache<K, Entry<T>>,
    /// What was not read yet, or is nothing.
    passing: LruCache<K, Entry<T>>,
}

impl<K: Eq + Hash + Clone, T> Cached<K, T> {
    /// `is_something` says whether there is what was asked for.
    pub(crate) fn new(fresh_for: Duration, is_something: fn(&T) -> bool) -> Self {
        let places = Places { known: LruCache::new(BUSINESSES), passing: LruCache::new(BUSINESSES) };
        Self { fresh_for, is_something, places: Mutex::new(places) }
    }

    /// The value at most as old as the cache was told to keep it.
    pub(crate) async fn get(
        &self,
        of: &K,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, StoreError> {
        self.younger_than(of, self.fresh_for, read).await
    }

    /// The value, read again where it was read longer ago than `age`.
    pub(crate) async fn younger_than(
        &self,
        of: &K,
        age: Duration,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, StoreError> {
        let entry = self.entry(of);
        let mut known = entry.lock().await;
        if let Some((read_at, value)) = known.as_ref()
            && read_at.is_younger_than(age, ReadAt::now())
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(read.await?);
        *known = Some((ReadAt::now(), Arc::clone(&value)));
        if (self.is_something)(&value) {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.passing.pop(of);
            places.known.put(of.clone(), Arc::clone(&entry));
        }
        Ok(value)
    }

    fn entry(&self, of: &K) -> Entry<T> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = places.known.get(of) {
            return Arc::clone(known);
        }
        Arc::clone(places.passing.get_or_insert(of.clone(), Entry::default))
    }
}

/// Items that never change once they are written, such as a version of credentials: a process reads each once, as long
/// as it is among those that were used last.
#[derive(Debug)]
pub(crate) struct Immutable<K: Eq + Hash, T>(Mutex<LruCache<K, T>>);

impl<K: Eq + Hash, T> Default for Immutable<K, T> {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(IMMUTABLE)))
    }
}

impl<K: Eq + Hash, T: Clone> Immutable<K, T> {
    pub(crate) fn get(&self, at: &K) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
    }

    pub(crate) fn remember(&self, at: K, value: &T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(at, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_process_was_frozen_is_old_by_either_clock() {
        let (read, half_a_minute) = (ReadAt::now(), Duration::from_secs(30));
        let later = |monotonic, wall| ReadAt {
            monotonic: read.monotonic + Duration::from_secs(monotonic),
            wall: read.wall + Duration::from_secs(wall),
        };
        assert!(read.is_younger_than(half_a_minute, later(29, 29)));
        assert!(!read.is_younger_than(half_a_minute, later(1, 600)), "the monotonic clock stood still");
        assert!(!read.is_younger_than(half_a_minute, later(600, 1)), "the other clock was set");
        let set_back = ReadAt { wall: read.wall - Duration::from_secs(1), ..later(1, 0) };
        assert!(!read.is_younger_than(half_a_minute, set_back));
    }

    #[tokio::test]
    async fn a_process_forgets_the_business_that_it_has_not_served_for_the_longest_time() {
        let cached = Cached::new(Duration::from_secs(60), |_| true);
        let first = cached.get(&0, async { Ok("read once") }).await.unwrap();
        for business in 1..BUSINESSES.get() {
            cached.get(&business, async { Ok("another") }).await.unwrap();
        }
        let again = cached.get(&0, async { Ok("read twice") }).await.unwrap();
        assert_eq!((*first, *again), ("read once", "read once"));
        cached.get(&BUSINESSES.get(), async { Ok("one more") }).await.unwrap();
        assert_eq!(*cached.get(&1, async { Ok("read twice") }).await.unwrap(), "read twice");
        assert_eq!(*cached.get(&0, async { Ok("read twice") }).await.unwrap(), "read once");
    }

    #[tokio::test]
    async fn who_makes_up_businesses_has_no_real_one_forgotten() {
        let cached = Cached::new(Duration::from_secs(60), |text: &&str| !text.is_empty());
        cached.get(&0, async { Ok("real") }).await.unwrap();
        for made_up in 1..=3 * BUSINESSES.get() {
            assert_eq!(*cached.get(&made_up, async { Ok("") }).await.unwrap(), "");
        }
        assert_eq!(*cached.get(&0, async { Ok("read again") }).await.unwrap(), "real");
        let last = 3 * BUSINESSES.get();
        assert_eq!(*cached.get(&last, async { Ok("read again") }).await.unwrap(), "", "nothing is remembered too");
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_read_again() {
        let cached = Cached::new(Duration::from_secs(60), |_| true);
        let failed = cached.get(&0, async { Err(StoreError::NotSetUp { missing: "everything" }) }).await;
        assert!(failed.is_err());
        assert_eq!(*cached.get(&0, async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(*cached.younger_than(&0, Duration::ZERO, async { Ok(2) }).await.unwrap(), 2);
    }
}

//! Authenticates callers: an API key in the Authorization header is looked up by its hash, and calls are limited in
//! rate.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use store::{ApiKey, Scope, Store};

use crate::problem::ApiProblem;

/// Keys longer than this are not looked at.
const LONGEST_KEY: usize = 200;

/// The size of a burst: an integration may make this many seconds' worth of calls at once.
const BURST_SECONDS: u32 = 2;

type Limiter = RateLimiter<String, HashMapStateStore<String>, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// Those who may call, and how often. Cheap to clone; clones count together.
///
/// Calls are counted by this process, each integration's for itself, so that counting costs no call. AWS runs as many
/// processes as there are calls at once: the limit keeps a program that has gone wild from taking them all, and is no
/// exact one.
#[derive(Clone)]
pub struct Callers {
    store: Store,
    limiter: Arc<Limiter>,
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").finish_non_exhaustive()
    }
}

impl Callers {
    pub fn new(store: Store, calls_per_second: NonZeroU32) -> Self {
        let burst = calls_per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        let quota = Quota::per_second(calls_per_second).allow_burst(burst);
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock);
        Self { store, limiter: Arc::new(limiter) }
    }

    /// The key that a request was made with, if it allows what the request needs and is not used too often. An unknown
    /// key may have been made since the keys were read, so it makes them be read again, at most once a second.
    pub async fn authenticate(&self, headers: &HeaderMap, scope: Scope) -> Result<ApiKey, ApiProblem> {
        let presented = bearer(headers).ok_or_else(unauthorized)?;
        let known = self.store.keys().await?.find(presented).cloned();
        let key = match known {
            Some(key) => key,
            None => self.store.newest_keys().await?.find(presented).cloned().ok_or_else(unauthorized)?,
        };
        self.refuse_too_many(&key)?;
        if key.allows(scope) {
            Ok(key)
        } else {
            Err(ApiProblem::new(StatusCode::FORBIDDEN, "scope_missing", "This API key does not allow this call."))
        }
    }

    fn refuse_too_many(&self, key: &ApiKey) -> Result<(), ApiProblem> {
        let Err(refused) = self.limiter.check_key(&key.integration) else { return Ok(()) };
        let wait = refused.wait_time_from(MonotonicClock.now());
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        let detail = "This integration calls too often; wait a moment and go on more slowly.";
        Err(ApiProblem::too_many("too_many_requests", detail, Some(seconds)))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() && key.len() <= LONGEST_KEY).then_some(key)
}

fn unauthorized() -> ApiProblem {
    ApiProblem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Send a valid API key as Authorization: Bearer <key>.")
}

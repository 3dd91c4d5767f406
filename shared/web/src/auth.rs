//! Authenticates callers: an API key in the Authorization header says whose it is and is looked up there by its hash, and
//! calls are limited in rate.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use domain::Timestamp;
use domain::audit::{Actor, AuditAction, Author, Side, Subject};
use domain::business::quotas::{Quota as BusinessQuota, QuotaReached};
use domain::ids::BusinessId;
use domain::records::business::Business;
use futures_util::future::try_join;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use lru::LruCache;
use store::{ApiKey, BusinessStore, KeyHolder, Scope, Store};

use crate::problem::ApiProblem;
use crate::rate::{CountedAgainst, Rate};

/// The header in which a key of the platform names the business that a call is about.
pub const BUSINESS_HEADER: &str = "paylink-business";

/// The header in which a caller names the person behind a call.
pub const ACTOR_HEADER: &str = "paylink-actor";

/// Keys longer than this are not looked at.
const LONGEST_KEY: usize = 200;

/// The size of a burst: an integration may make this many seconds' worth of calls at once.
const BURST_SECONDS: u32 = 2;

type Limiter = RateLimiter<String, HashMapStateStore<String>, MonotonicClock, StateInformationMiddleware>;

/// The rate of one business that has a quota.
type OwnLimiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>;

/// The rate of a business, and what it may be.
type OwnRate = (NonZeroU32, Arc<OwnLimiter>);

/// A process remembers the rates of this many businesses that have a quota, and of integrations before it forgets those that
/// are quiet.
const BUSINESSES: NonZeroUsize = NonZeroUsize::new(512).expect("a number that is not zero");
const INTEGRATIONS: usize = 4096;

/// Those who may call, and how often. Cheap to clone; clones count together.
///
/// Calls are counted by this process, each integration's for itself, so that counting costs no call. AWS runs as many
/// processes as there are calls at once: the limit keeps a program that has gone wild from taking them all, and is no
/// exact one.
#[derive(Clone)]
pub struct Callers {
    store: Store,
    limiter: Arc<Limiter>,
    calls_per_second: NonZeroU32,
    own: Arc<Mutex<LruCache<BusinessId, OwnRate>>>,
    /// Who calls is the deployer, at a terminal.
    are_the_deployer: bool,
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").finish_non_exhaustive()
    }
}

/// Whoever calls for a business, and what is that business's.
#[derive(Clone, Debug)]
pub struct Caller {
    pub store: BusinessStore,
    /// Who counts idempotency keys: the integration with its holder, so that an integration of the platform is never taken
    /// for one of the business that has the same name.
    pub integration: String,
    /// Who answers for what is changed.
    pub author: Author,
    /// Whoever runs the platform looks at the business with a key that may change nothing, such as for support.
    pub only_looks: bool,
    /// Whether the key may have money sent back.
    pub may_refund: bool,
}

impl Caller {
    /// The caller who signs for what is changed. That the platform looks at a business with a key that may change nothing is
    /// in the business's log before anything is shown.
    pub async fn signed(self, at: Timestamp, address: &Uri) -> Result<Self, ApiProblem> {
        let store = self.store.signed(self.author.clone(), at);
        if self.only_looks {
            let address = address.path_and_query().map_or(address.path(), PathAndQuery::as_str);
            store.note(AuditAction::Read, Subject::new("address", address), Vec::new()).await?;
        }
        Ok(Self { store, ..self })
    }
}

/// Somebody who runs the platform.
#[derive(Clone, Debug)]
pub struct PlatformCaller {
    pub author: Author,
}

impl Callers {
    pub fn new(store: Store, calls_per_second: NonZeroU32) -> Self {
        let limiter: Limiter = RateLimiter::<_, _, _, NoOpMiddleware<_>>::new(
            rate(calls_per_second),
            HashMapStateStore::default(),
            MonotonicClock,
        )
        .with_middleware();
        let own = Arc::new(Mutex::new(LruCache::new(BUSINESSES)));
        Self { store, limiter: Arc::new(limiter), calls_per_second, own, are_the_deployer: false }
    }

    /// The same for the deployer's command, which calls the API in its own process.
    #[must_use]
    pub fn at_a_terminal(self) -> Self {
        Self { are_the_deployer: true, ..self }
    }

    /// Who calls for which business, if the key allows what the request needs and is not used too often. A business's own
    /// key names its business; a key of the platform acts for the one that the header `Paylink-Business` names.
    ///
    /// Keys and configuration are read at once where this process does not know them.
    pub async fn authenticate(&self, parts: &Parts, scope: Scope) -> Result<Caller, ApiProblem> {
        let headers = &parts.headers;
        let (presented, holder) = presented(headers)?;
        let named = named_business(headers);
        let business = match (&holder, &named) {
            (KeyHolder::Business(own), _) => own.clone(),
            (KeyHolder::Platform, Some(Ok(named))) => named.clone(),
            (KeyHolder::Platform, Some(Err(_)) | None) => {
                // Only who has a key learns what is wrong with the header.
                let key = self.key(&holder, presented).await?;
                self.refuse_too_many(&integration_of(&holder, &key), parts)?;
                return Err(named.and_then(Result::err).unwrap_or_else(business_required));
            }
        };
        let store = self.store.of(&business);
        let (key, known) = try_join(self.key(&holder, presented), async { Ok(store.business().await?) }).await?;
        let integration = integration_of(&holder, &key);
        self.refuse_too_many(&format!("{business} {integration}"), parts)?;
        if let Some(known) = &known {
            self.refuse_beyond_quota(&store, known, parts).await?;
        }
        let known = known.is_some_and(|business| business.has_callers());
        match &holder {
            KeyHolder::Business(_) if !known => return Err(unauthorized()),
            KeyHolder::Business(own) => match named {
                Some(Err(malformed)) => return Err(malformed),
                Some(Ok(other)) if other != *own => return Err(foreign_business()),
                Some(Ok(_)) | None => {}
            },
            KeyHolder::Platform if !known => return Err(business_not_found()),
            KeyHolder::Platform => {
                tracing::info!(business = %business, integration = key.integration, "The platform acts for a business.");
            }
        }
        allowed(&key, scope)?;
        let may_change =
            [Scope::Write, Scope::Admin, Scope::Refund, Scope::Report].into_iter().any(|scope| key.allows(scope));
        let only_looks = holder == KeyHolder::Platform && !may_change;
        let author = self.author_of(&holder, &key, headers)?;
        Ok(Caller { store, integration, author, only_looks, may_refund: key.allows(Scope::Refund) })
    }

    /// Refuses everybody but the platform, where its key allows what the request needs.
    pub async fn authenticate_platform(&self, parts: &Parts, scope: Scope) -> Result<PlatformCaller, ApiProblem> {
        let headers = &parts.headers;
        let (presented, holder) = presented(headers)?;
        let key = self.key(&holder, presented).await?;
        self.refuse_too_many(&integration_of(&holder, &key), parts)?;
        match holder {
            KeyHolder::Platform => allowed(&key, scope)?,
            KeyHolder::Business(_) => return Err(scope_missing()),
        }
        Ok(PlatformCaller { author: self.author_of(&KeyHolder::Platform, &key, headers)? })
    }

    /// The key that was presented, among its holder's. An unknown key may have been made since the keys were read, so it
    /// makes them be read again, at most once a second.
    async fn key(&self, holder: &KeyHolder, presented: &str) -> Result<ApiKey, ApiProblem> {
        if let Some(key) = self.store.keys(holder).await?.find(presented) {
            return Ok(key.clone());
        }
        self.store.newest_keys(holder).await?.find(presented).cloned().ok_or_else(unauthorized)
    }

    /// Who calls, with the person behind the call where the header `Paylink-Actor` names one.
    fn author_of(&self, holder: &KeyHolder, key: &ApiKey, headers: &HeaderMap) -> Result<Author, ApiProblem> {
        let side = match holder {
            _ if self.are_the_deployer => Side::Deployer,
            KeyHolder::Business(_) => Side::Business,
            KeyHolder::Platform => Side::Platform,
        };
        let actor = headers.get(ACTOR_HEADER).map(|value| Actor::parse(value.to_str().unwrap_or_default()));
        let actor = actor.transpose().map_err(|rejection| ApiProblem::bad_parameter("Paylink-Actor", &rejection))?;
        Ok(Author { side, integration: key.integration.clone(), actor })
    }

    /// Refuses calls about a business beyond what the platform allows it, whoever makes them.
    async fn refuse_beyond_quota(
        &self,
        store: &BusinessStore,
        business: &Business,
        parts: &Parts,
    ) -> Result<(), ApiProblem> {
        let Some(limit) = business.quotas.calls_per_second else { return Ok(()) };
        let limiter = {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            match own.get(&business.id) {
                Some((known, limiter)) if *known == limit => Arc::clone(limiter),
                Some(_) | None => {
                    let limiter =
                        RateLimiter::<_, _, _, NoOpMiddleware<_>>::direct_with_clock(rate(limit), MonotonicClock);
                    let limiter = Arc::new(limiter.with_middleware());
                    own.put(business.id.clone(), (limit, Arc::clone(&limiter)));
                    limiter
                }
            }
        };
        let refused = match limiter.check() {
            Ok(left) => {
                note(parts, BUSINESS, limit, Left::After(&left));
                return Ok(());
            }
            Err(refused) => refused,
        };
        let wait = refused.wait_time_from(MonotonicClock.now());
        note(parts, BUSINESS, limit, Left::Nothing(wait));
        tracing::warn!(business_id = %business.id, "Too many calls are about a business.");
        // The rate goes by the machine's own clock, and so does its end.
        let now = runtime::Clock::System.now();
        let until = now.checked_add(wait).unwrap_or(now);
        let reached = QuotaReached { quota: BusinessQuota::CallsPerSecond, limit, until, is_too_much: false };
        Err(ApiProblem::quota_reached(&reached, &store.configuration().await?.settings, now))
    }

    fn refuse_too_many(&self, who: &String, parts: &Parts) -> Result<(), ApiProblem> {
        if self.limiter.len() > INTEGRATIONS {
            self.limiter.retain_recent();
        }
        let refused = match self.limiter.check_key(who) {
            Ok(left) => {
                note(parts, INTEGRATION, self.calls_per_second, Left::After(&left));
                return Ok(());
            }
            Err(refused) => refused,
        };
        tracing::warn!(integration = who.as_str(), "An integration calls too often.");
        let wait = refused.wait_time_from(MonotonicClock.now());
        note(parts, INTEGRATION, self.calls_per_second, Left::Nothing(wait));
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        let detail = "This integration calls too often; wait a moment and go on more slowly.";
        Err(ApiProblem::too_many("too_many_requests", detail, Some(seconds)))
    }
}

/// What answers call the bounds that a call counts against.
const INTEGRATION: &str = "integration";
const BUSINESS: &str = "business";

/// What is left of a bound after a call.
enum Left<'a> {
    After(&'a StateSnapshot),
    /// The call was one too many; the next one may come after this time.
    Nothing(Duration),
}

/// Notes for the answer what the call was counted against. Who calls in a program at a terminal is not told.
fn note(parts: &Parts, name: &'static str, calls_per_second: NonZeroU32, left: Left<'_>) {
    let Some(counted) = parts.extensions.get::<CountedAgainst>() else { return };
    let quota = burst(calls_per_second).get();
    let (remaining, reset) = match left {
        Left::After(left) => {
            let remaining = left.remaining_burst_capacity();
            (remaining, u64::from(quota.saturating_sub(remaining).div_ceil(calls_per_second.get())))
        }
        Left::Nothing(wait) => (0, wait.as_secs().saturating_add(1)),
    };
    counted.note(Rate { name, quota, window: BURST_SECONDS, remaining, reset });
}

/// As many calls may come at once.
fn burst(calls_per_second: NonZeroU32) -> NonZeroU32 {
    calls_per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1))
}

/// So many calls a second, with a burst of a few seconds' worth.
fn rate(calls_per_second: NonZeroU32) -> Quota {
    Quota::per_second(calls_per_second).allow_burst(burst(calls_per_second))
}

/// The key of a request, and whose it says that it is.
fn presented(headers: &HeaderMap) -> Result<(&str, KeyHolder), ApiProblem> {
    let presented = bearer(headers).ok_or_else(unauthorized)?;
    Ok((presented, KeyHolder::of(presented).ok_or_else(unauthorized)?))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() && key.len() <= LONGEST_KEY).then_some(key)
}

/// The business that the request names in its header, where it names one.
fn named_business(headers: &HeaderMap) -> Option<Result<BusinessId, ApiProblem>> {
    let mut values = headers.get_all(BUSINESS_HEADER).iter();
    let value = values.next()?;
    let refused = |rejection| ApiProblem::bad_parameter("Paylink-Business", &rejection);
    if values.next().is_some() {
        return Some(Err(refused(domain::Rejection::new("given_twice", "Give the header once."))));
    }
    Some(BusinessId::parse(value.to_str().unwrap_or_default()).map_err(refused))
}

/// An integration's name together with whose key it has.
fn integration_of(holder: &KeyHolder, key: &ApiKey) -> String {
    let holder = match holder {
        KeyHolder::Business(_) => "business",
        KeyHolder::Platform => "platform",
    };
    format!("{holder}:{}", key.integration)
}

fn allowed(key: &ApiKey, scope: Scope) -> Result<(), ApiProblem> {
    if key.allows(scope) { Ok(()) } else { Err(scope_missing()) }
}

/// The key does not allow what the call asks for.
pub fn scope_missing() -> ApiProblem {
    ApiProblem::new(StatusCode::FORBIDDEN, "scope_missing", "This API key does not allow this call.")
}

fn unauthorized() -> ApiProblem {
    ApiProblem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Send a valid API key as Authorization: Bearer <key>.")
}

fn business_required() -> ApiProblem {
    let detail = "Name the business that this call is about in the header Paylink-Business.";
    ApiProblem::new(StatusCode::BAD_REQUEST, "business_required", detail)
}

fn business_not_found() -> ApiProblem {
    let detail = "There is no business as Paylink-Business names it.";
    ApiProblem::new(StatusCode::NOT_FOUND, "business_not_found", detail)
}

fn foreign_business() -> ApiProblem {
    let detail = "This API key is of another business than Paylink-Business names.";
    ApiProblem::new(StatusCode::FORBIDDEN, "foreign_business", detail)
}

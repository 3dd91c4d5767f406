//! The platform's part: making businesses, suspending them and letting them go on, and marking them to be erased.

use domain::audit::{Actor, Author};
use domain::business::quotas::Quotas;
use domain::business::settings::{PlatformDefaults, Settings};
use domain::precondition::{PreconditionFailed, Tag};
use domain::records::business::{Business, EraseRefused, PayUrlBase};
use domain::records::shards::{FewerShards, Shards};
use domain::{Problems, Timestamp};
use store::{BusinessStore, RevisionWritten, Store, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::records::{RecordRefused, without_problems};
use crate::revised::{Revised, Said, Writing, WritingRefused};

/// What the platform decides about a business.
#[derive(Clone, Debug)]
pub struct BusinessRequest {
    pub name: String,
    pub pay_url: Option<PayUrlBase>,
    /// Left out, they stay, and are one for a new business.
    pub shards: Option<Shards>,
    pub quotas: Quotas,
}

/// Why a business was not changed.
#[derive(Debug, thiserror::Error)]
pub enum BusinessRefused {
    #[error("the request has problems")]
    Invalid(Problems),
    #[error(transparent)]
    PreconditionFailed(#[from] PreconditionFailed),
    #[error("there is no such business")]
    NoSuchBusiness,
    /// What is in the others would not be found any more.
    #[error("a business cannot have fewer shards than the {} it has", .0.number())]
    FewerShards(Shards),
    /// Its id is given to nobody again.
    #[error("the business is being erased, or was")]
    Erased,
    #[error("only a business that is suspended can be erased")]
    NotSuspended,
    #[error("not everybody may know before {until} that the business is suspended")]
    SuspendedJustNow { until: Timestamp },
    /// So many links, or [`MOST_LIVE_COUNTED`] or more.
    #[error("{0} of its links are live")]
    LiveLinks(usize),
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a business, or changes what the platform decides about one. Whether it is suspended stays. The request is missing
/// where a part of it was refused.
pub async fn write(
    store: &BusinessStore,
    now: Now<'_>,
    writing: &Writing,
    said: Said<'_, Business, Option<BusinessRequest>>,
) -> Result<Revised<Business>, BusinessRefused> {
    let written = change(store, now, |known, tag, now| {
        let base = writing.base(known.as_ref(), tag).map_err(|why| match why {
            WritingRefused::NoSuchRecord => BusinessRefused::NoSuchBusiness,
            WritingRefused::PreconditionFailed(why) => BusinessRefused::PreconditionFailed(why),
        })?;
        let (request, problems) = said(base);
        let Some(request) = request.filter(|_| problems.is_empty()) else {
            return Err(BusinessRefused::Invalid(problems));
        };
        let BusinessRequest { name, pay_url, shards, quotas } = request;
        let known = known.map(with_callers).transpose()?;
        let known = known.unwrap_or_else(|| Business::new(store.business_id().clone(), String::new(), now));
        let spread = known.spread.grown(shards.unwrap_or(known.spread.read()), now)?;
        Ok(Business { name, pay_url, spread, quotas, ..known })
    });
    written.await
}

/// Says what businesses start with from now on. It is in no business's log, so that the function's own says who did it.
pub async fn write_defaults(
    store: &Store,
    author: &Author,
    writing: &Writing,
    said: Said<'_, PlatformDefaults, PlatformDefaults>,
) -> Result<Revised<PlatformDefaults>, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.platform_defaults_to_change().await?;
        // There are defaults also where nobody wrote any.
        let before = known.clone().unwrap_or_default();
        let (defaults, problems) = said(writing.base(Some(&before), revision.tag().as_ref())?);
        let defaults = without_problems(Some(defaults), problems)?;
        if known.as_ref() == Some(&defaults) {
            return Ok(Revised::new(defaults, &revision));
        }
        if let RevisionWritten::Applied(revision) = store.put_platform_defaults(&defaults, &revision).await? {
            let actor = author.actor.as_ref().map(Actor::as_str);
            let integration = &author.integration;
            tracing::info!(%integration, actor, ?before, after = ?defaults, "The platform's defaults were written.");
            return Ok(Revised::new(defaults, &revision));
        }
    }
}

/// Makes a business as the platform wants all to start, unless there is one.
pub async fn make(store: &BusinessStore, business: &Business) -> Result<RevisionWritten, StoreError> {
    let defaults = store.platform_defaults().await?;
    store.make_business(business, &Settings::starting(&business.name, defaults)).await
}

/// Spreads the lists of a business over so many partitions: lists at once, and new links when everybody knows.
pub async fn spread(store: &BusinessStore, now: Now<'_>, shards: Shards) -> Result<Revised<Business>, BusinessRefused> {
    change(store, now, |known, _, now| {
        let known = existing(known)?;
        Ok(Business { spread: known.spread.grown(shards, now)?, ..known })
    })
    .await
}

impl From<FewerShards> for BusinessRefused {
    fn from(FewerShards(has): FewerShards) -> Self {
        Self::FewerShards(has)
    }
}

/// Says how much the business may do from now on, by what it may until now.
pub async fn limit(
    store: &BusinessStore,
    now: Now<'_>,
    to: impl Fn(Quotas) -> Quotas,
) -> Result<Revised<Business>, BusinessRefused> {
    change(store, now, |known, _, _| {
        let known = existing(known)?;
        Ok(Business { quotas: to(known.quotas), ..known })
    })
    .await
}

/// From now on the business makes no link and no payment of it begins. One that is suspended already stays so since then,
/// and a new reason takes the place of the earlier one.
pub async fn suspend(
    store: &BusinessStore,
    now: Now<'_>,
    reason: Option<String>,
) -> Result<Revised<Business>, BusinessRefused> {
    change(store, now, |known, _, now| Ok(existing(known)?.suspended(reason.clone(), now))).await
}

/// The business makes links and takes payments again.
pub async fn resume(store: &BusinessStore, now: Now<'_>) -> Result<Revised<Business>, BusinessRefused> {
    change(store, now, |known, _, _| Ok(existing(known)?.resumed())).await
}

/// At most this many live links are counted before a business is said to have too many to be erased.
pub const MOST_LIVE_COUNTED: usize = 100;

/// Marks the business to be erased: from now on nobody can speak for it, and it never comes back. Only a suspended business is
/// marked, and none that has live links; what it has is deleted by the deployer's command. One that is marked already stays
/// so since then.
pub async fn erase(store: &BusinessStore, now: Now<'_>) -> Result<Revised<Business>, BusinessRefused> {
    let (known, revision) = store.business_to_change().await?;
    let marked = erasing(known.clone(), now())?;
    if known.as_ref() == Some(&marked) {
        return Ok(Revised::new(marked, &revision));
    }
    match store.live_links(MOST_LIVE_COUNTED).await? {
        0 => change(store, now, |known, _, now| erasing(known, now)).await,
        live => Err(BusinessRefused::LiveLinks(live)),
    }
}

fn erasing(known: Option<Business>, now: Timestamp) -> Result<Business, BusinessRefused> {
    let known = known.ok_or(BusinessRefused::NoSuchBusiness)?;
    known.erasing(now).map_err(|why| match why {
        EraseRefused::NotSuspended => BusinessRefused::NotSuspended,
        EraseRefused::SuspendedJustNow { until } => BusinessRefused::SuspendedJustNow { until },
        EraseRefused::Erased => BusinessRefused::Erased,
    })
}

fn existing(known: Option<Business>) -> Result<Business, BusinessRefused> {
    with_callers(known.ok_or(BusinessRefused::NoSuchBusiness)?)
}

/// The business, unless it is being erased or was: nothing is decided about it any more.
fn with_callers(known: Business) -> Result<Business, BusinessRefused> {
    if known.has_callers() { Ok(known) } else { Err(BusinessRefused::Erased) }
}

async fn change(
    store: &BusinessStore,
    now: Now<'_>,
    decide: impl Fn(Option<Business>, Option<&Tag>, Timestamp) -> Result<Business, BusinessRefused>,
) -> Result<Revised<Business>, BusinessRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.business_to_change().await?;
        let next = decide(known.clone(), revision.tag().as_ref(), now())?;
        if known.as_ref() == Some(&next) {
            return Ok(Revised::new(next, &revision));
        }
        let written = match &known {
            Some(_) => store.put_business(&next, &revision).await?,
            None => make(store, &next).await?,
        };
        if let RevisionWritten::Applied(revision) = written {
            tracing::info!(business = %next.id, state = next.state.name(), "A business was written.");
            return Ok(Revised::new(next, &revision));
        }
    }
}

//! The platform's part: making businesses, suspending them and letting them go on, and marking them to be erased.

use domain::Timestamp;
use domain::audit::{Actor, Author};
use domain::business::quotas::Quotas;
use domain::business::settings::{PlatformDefaults, Settings};
use domain::records::business::{Business, EraseRefused, PayUrlBase, Shards};
use store::{BusinessStore, RecordWritten, Store, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};

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

/// Makes a business, or replaces what the platform decides about one. Whether it is suspended stays.
pub async fn write(store: &BusinessStore, now: Now<'_>, request: BusinessRequest) -> Result<Business, BusinessRefused> {
    let written = change(store, now, |known, now| {
        let known = known.map(with_callers).transpose()?;
        let known = known.unwrap_or_else(|| Business::new(store.business_id().clone(), String::new(), now));
        let shards = grown(known.shards, request.shards.unwrap_or(known.shards))?;
        Ok(Business {
            name: request.name.clone(),
            pay_url: request.pay_url.clone(),
            shards,
            quotas: request.quotas,
            ..known
        })
    });
    written.await
}

/// Says what businesses start with from now on. It is in no business's log, so that the function's own says who did it.
pub async fn write_defaults(store: &Store, author: &Author, defaults: &PlatformDefaults) -> Result<(), StoreError> {
    let before = store.platform_defaults().await?;
    store.put_platform_defaults(defaults).await?;
    let actor = author.actor.as_ref().map(Actor::as_str);
    let integration = &author.integration;
    tracing::info!(%integration, actor, ?before, after = ?defaults, "The platform's defaults were written.");
    Ok(())
}

/// Makes a business as the platform wants all to start, unless there is one.
pub async fn make(store: &BusinessStore, business: &Business) -> Result<RecordWritten, StoreError> {
    let defaults = store.platform_defaults().await?;
    store.make_business(business, &Settings::starting(&business.name, defaults)).await
}

/// Spreads the lists of a business over so many partitions.
pub async fn spread(store: &BusinessStore, now: Now<'_>, shards: Shards) -> Result<Business, BusinessRefused> {
    change(store, now, |known, _| {
        let known = existing(known)?;
        Ok(Business { shards: grown(known.shards, shards)?, ..known })
    })
    .await
}

fn grown(from: Shards, to: Shards) -> Result<Shards, BusinessRefused> {
    if to < from { Err(BusinessRefused::FewerShards(from)) } else { Ok(to) }
}

/// Says how much the business may do from now on, by what it may until now.
pub async fn limit(
    store: &BusinessStore,
    now: Now<'_>,
    to: impl Fn(Quotas) -> Quotas,
) -> Result<Business, BusinessRefused> {
    change(store, now, |known, _| {
        let known = existing(known)?;
        Ok(Business { quotas: to(known.quotas), ..known })
    })
    .await
}

/// From now on the business makes no link and no payment of it begins. One that is suspended already stays so since then,
/// and a new reason takes the place of the earlier one.
pub async fn suspend(store: &BusinessStore, now: Now<'_>, reason: Option<String>) -> Result<Business, BusinessRefused> {
    change(store, now, |known, now| Ok(existing(known)?.suspended(reason.clone(), now))).await
}

/// The business makes links and takes payments again.
pub async fn resume(store: &BusinessStore, now: Now<'_>) -> Result<Business, BusinessRefused> {
    change(store, now, |known, _| Ok(existing(known)?.resumed())).await
}

/// At most this many live links are counted before a business is said to have too many to be erased.
pub const MOST_LIVE_COUNTED: usize = 100;

/// Marks the business to be erased: from now on nobody can speak for it, and it never comes back. Only a suspended business is
/// marked, and none that has live links; what it has is deleted by the deployer's command. One that is marked already stays
/// so since then.
pub async fn erase(store: &BusinessStore, now: Now<'_>) -> Result<Business, BusinessRefused> {
    let (known, _) = store.business_to_change().await?;
    let marked = erasing(known.clone(), now())?;
    if known.as_ref() == Some(&marked) {
        return Ok(marked);
    }
    match store.live_links(MOST_LIVE_COUNTED).await? {
        0 => change(store, now, erasing).await,
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
    decide: impl Fn(Option<Business>, Timestamp) -> Result<Business, BusinessRefused>,
) -> Result<Business, BusinessRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.business_to_change().await?;
        let next = decide(known.clone(), now())?;
        if known.as_ref() == Some(&next) {
            return Ok(next);
        }
        let written = match &known {
            Some(_) => store.put_business(&next, &revision).await?,
            None => make(store, &next).await?,
        };
        if written == RecordWritten::Applied {
            tracing::info!(business = %next.id, state = next.state.name(), "A business was written.");
            return Ok(next);
        }
    }
}

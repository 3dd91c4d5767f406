//! The platform's part: making businesses, suspending them and letting them go on.

use domain::Timestamp;
use domain::records::business::{Business, PayUrlBase, Shards};
use store::{BusinessStore, RecordWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};

/// What the platform decides about a business.
#[derive(Clone, Debug)]
pub struct BusinessRequest {
    pub name: String,
    pub pay_url: Option<PayUrlBase>,
    /// Left out, they stay, and are one for a new business.
    pub shards: Option<Shards>,
}

/// Why a business was not changed.
#[derive(Debug, thiserror::Error)]
pub enum BusinessRefused {
    #[error("there is no such business")]
    NoSuchBusiness,
    /// What is in the others would not be found any more.
    #[error("a business cannot have fewer shards than the {} it has", .0.number())]
    FewerShards(Shards),
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a business, or replaces what the platform decides about one. Whether it is suspended stays.
pub async fn write(store: &BusinessStore, now: Now<'_>, request: BusinessRequest) -> Result<Business, BusinessRefused> {
    let written = change(store, now, |known, now| {
        let known = known.unwrap_or_else(|| Business::new(store.business_id().clone(), String::new(), now));
        let shards = grown(known.shards, request.shards.unwrap_or(known.shards))?;
        Ok(Business { name: request.name.clone(), pay_url: request.pay_url.clone(), shards, ..known })
    });
    written.await
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

/// From now on the business makes no link and no payment of it begins. One that is suspended already stays so since then,
/// and a new reason takes the place of the earlier one.
pub async fn suspend(store: &BusinessStore, now: Now<'_>, reason: Option<String>) -> Result<Business, BusinessRefused> {
    change(store, now, |known, now| Ok(existing(known)?.suspended(reason.clone(), now))).await
}

/// The business makes links and takes payments again.
pub async fn resume(store: &BusinessStore, now: Now<'_>) -> Result<Business, BusinessRefused> {
    change(store, now, |known, _| Ok(existing(known)?.resumed())).await
}

fn existing(known: Option<Business>) -> Result<Business, BusinessRefused> {
    known.ok_or(BusinessRefused::NoSuchBusiness)
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
        if store.put_business(&next, &revision).await? == RecordWritten::Applied {
            tracing::info!(business = %next.id, state = next.state.name(), "A business was written.");
            return Ok(next);
        }
    }
}

//! Looks at accounts' own lists, once a day: what happened to payments that no gateway's call told of.

use std::time::{Duration, Instant, SystemTime};

use confirmation::LookTime;
use domain::business::look_back::{LookBackFailure, Looked};
use domain::business::turns::Turns;
use domain::ids::BusinessId;
use futures_util::stream::{self, StreamExt};
use runtime::time_left;
use store::{DueLookBack, RecordWritten, StoreError};
use tokio::time::timeout_at;

use crate::{App, SweepCounts};

/// At most this many accounts are looked at in one run. The others are due in the next one.
const MOST_LOOKS: usize = 20;

/// At most this many are looked at at once.
const CONCURRENCY: usize = 4;

/// Nothing is begun of a look after this, so that one large account leaves time for others. A run with less time left begins no
/// look: what it could not read would else be called too much.
pub(crate) const LONGEST: Duration = Duration::from_secs(15);

/// What is under way then is given up this much later, a little before the function's own end.
const GRACE: Duration = Duration::from_secs(9);

/// Looks at the lists of the accounts whose turn it is.
pub(crate) async fn look_back(app: &App, due: Turns<BusinessId, DueLookBack>, deadline: SystemTime) -> SweepCounts {
    let looks = stream::iter(due.take(MOST_LOOKS)).map(|due| look_at(app, due, deadline)).buffer_unordered(CONCURRENCY);
    looks
        .fold(SweepCounts::default(), |mut counts, done| async move {
            counts.add(&done);
            counts
        })
        .await
}

async fn look_at(app: &App, due: DueLookBack, deadline: SystemTime) -> SweepCounts {
    let left = SweepCounts { left: 1, ..SweepCounts::default() };
    if time_left(deadline) < LONGEST {
        return left;
    }
    let begun = Instant::now();
    let asks_until = begun + LONGEST;
    let time = LookTime {
        disputes_until: begun + LONGEST / 4,
        refunds_until: begun + LONGEST / 2,
        asks_until,
        end: asks_until + GRACE,
    };
    match try_to_look(app, &due, time).await {
        Ok(looked_back) => SweepCounts { looked_back: usize::from(looked_back), ..SweepCounts::default() },
        Err(error) => {
            let (business_id, account_id) = (&due.business, &due.account);
            tracing::error!(%business_id, %account_id, error = %error, "An account's lists could not be looked at.");
            SweepCounts { failed: 1, ..left }
        }
    }
}

/// Whether this run looked: another one may have come first.
async fn try_to_look(app: &App, due: &DueLookBack, time: LookTime) -> Result<bool, StoreError> {
    let began_at = app.clock.now();
    let Some(look) = app.confirmation.store().lease_look_back(due, began_at).await? else { return Ok(false) };
    let looked = app.confirmation.look_back(&due.business, &look, began_at, time);
    // A list through a relay can take longer than a look may.
    let given_up = Ok(Looked::Failed(LookBackFailure::Unavailable));
    let looked = timeout_at(time.end.into(), looked).await.unwrap_or(given_up)?;
    let next = look.clone().after(&looked, began_at);
    let told_at = next.news_since(&look).map(|_| app.clock.now());
    let store = app.confirmation.store().of(&due.business);
    // Where the account got other credentials meanwhile, a look with these is due, and nothing is written over it.
    let (RecordWritten::Applied | RecordWritten::Rejected) = store.write_look_back(&next, &look, told_at).await?;
    Ok(looked != Looked::NobodyToAsk)
}

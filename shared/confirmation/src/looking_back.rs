//! What happened to an account's payments that no call of the gateway told us of, by the gateway's own lists.
//!
//! A list is a hint, as a call is: the gateway is asked about each payment of which it shows something that its link does not
//! know, and what it answers then is written. What only a list says changes nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::Timestamp;
use domain::business::look_back::{LookBack, LookBackFailure, Looked};
use domain::gateway::ListedChange;
use domain::ids::{AttemptId, BusinessId};
use domain::link::PaymentLink;
use domain::records::account::Account;
use gateways::{ChangesOrder, ListError, claim_of};
use store::{BusinessStore, StoreError};
use tokio::time::timeout_at;

use crate::{CallOutcome, ConfirmError, Confirmation, Outcome};

/// At most this many refunds, and as many disputes, of an account's lists are read at a time.
const MOST_CHANGES: usize = 5_000;

/// At most this many payments of an account are asked about in one run. A link knows of most that lists show.
const MOST_PAYMENTS: usize = 100;

/// So many claims are read at once, with their links.
const CLAIMS_AT_A_TIME: usize = 100;

/// After so many questions in a row without an answer nobody answers.
const MOST_UNANSWERED: usize = 5;

/// How long a look may take.
#[derive(Clone, Copy, Debug)]
pub struct LookTime {
    /// No page of disputes is read after this.
    pub disputes_until: Instant,
    /// And none of refunds.
    pub refunds_until: Instant,
    /// No payment is asked about after this.
    pub asks_until: Instant,
    /// What is under way then is given up. Nothing of it is half done: it is found again by the next look.
    pub end: Instant,
}

/// A payment of which a list shows something that its link does not know.
struct Missed {
    link: PaymentLink,
    attempt: AttemptId,
}

/// The payments that lists show something new of.
struct Found {
    missed: Vec<Missed>,
    /// Whether there is more than one run asks about.
    goes_on: bool,
}

impl Confirmation {
    /// Looks at what the lists of an account's gateway show, and asks about each payment of which they show something new.
    pub async fn look_back(
        &self,
        business: &BusinessId,
        look: &LookBack,
        now: Timestamp,
        time: LookTime,
    ) -> Result<Looked, StoreError> {
        let store = self.store.of(business);
        let Some(account) = store.account(&look.account).await? else { return Ok(Looked::NobodyToAsk) };
        let Ok(access) = account.configured_gateway() else { return Ok(Looked::NobodyToAsk) };
        let credentials = store.credentials(&account.id, access.credentials).await?;
        let order = ChangesOrder {
            refunds_since: look.refunds_since(now),
            disputes_since: look.disputes_since(now),
            most: MOST_CHANGES,
            disputes_until: time.disputes_until,
            refunds_until: time.refunds_until,
        };
        let listed = self.gateways.changes(access.gateway, account.mode, &order, &credentials).await;
        let Some(listed) = listed else { return Ok(Looked::NobodyToAsk) };
        let Found { missed, mut goes_on } = missed_payments(&store, &account, listed.found, now, time).await?;
        let (business_id, account_id, gateway) = (business, &account.id, access.gateway.as_str());
        let (payments, missing) = (missed.len(), listed.missing.as_ref());
        tracing::info!(%business_id, %account_id, gateway, payments, goes_on, ?missing, "A gateway's lists were looked at.");
        let mut failed = None;
        let mut in_a_row = 0;
        for one in missed {
            if Instant::now() >= time.asks_until || in_a_row >= MOST_UNANSWERED {
                goes_on = true;
                break;
            }
            match self.ask_about(one, now, time.end).await {
                CallOutcome::Answered => in_a_row = 0,
                // What cannot be read of one payment, or may not be, says nothing about the others.
                CallOutcome::Unanswered | CallOutcome::Refused => {
                    failed = Some(LookBackFailure::PaymentsUnanswered);
                    in_a_row += 1;
                }
            }
        }
        Ok(match listed.missing.map(failure).or(failed) {
            Some(reason) => Looked::Failed(reason),
            None if goes_on => Looked::GoesOn,
            None => Looked::Whole,
        })
    }

    async fn ask_about(&self, missed: Missed, now: Timestamp, end: Instant) -> CallOutcome {
        let Missed { link, attempt } = missed;
        let (link_id, trace_id) = (link.id().clone(), link.trace_id().map(str::to_owned));
        let asked = self.look_after(Outcome::Known(Box::new(link)), &attempt, now);
        match timeout_at(end.into(), asked).await {
            Ok(Ok(outcome)) => outcome.call_outcome(),
            Ok(Err(error)) => {
                let error: ConfirmError = error;
                tracing::error!(%link_id, attempt_id = %attempt, trace_id, error = %error, "A payment that a list shows could not be asked about.");
                CallOutcome::Unanswered
            }
            Err(_) => CallOutcome::Unanswered,
        }
    }
}

/// The payments of this account, by their links, of which a list shows something that the link does not know. What is not ours
/// has no claim: a business may use its account for other things too. Each run begins at another of them, so that those of
/// which asking changes nothing keep no others waiting.
async fn missed_payments(
    store: &BusinessStore,
    account: &Account,
    found: Vec<ListedChange>,
    now: Timestamp,
    time: LookTime,
) -> Result<Found, StoreError> {
    let mut missed = Vec::new();
    let Some(gateway) = account.online_payment.gateway else { return Ok(Found { missed, goes_on: false }) };
    let mut of_each: BTreeMap<String, Vec<ListedChange>> = BTreeMap::new();
    for change in found {
        if let Some(claim) = claim_of(gateway, &change.payment) {
            of_each.entry(claim).or_default().push(change);
        }
    }
    let mut claims: Vec<String> = of_each.keys().cloned().collect();
    let minute = usize::try_from(now.as_second().div_euclid(60)).unwrap_or_default();
    let first = minute.checked_rem(claims.len()).unwrap_or_default();
    claims.rotate_left(first);
    for some in claims.chunks(CLAIMS_AT_A_TIME) {
        if missed.len() >= MOST_PAYMENTS || Instant::now() >= time.asks_until {
            return Ok(Found { missed, goes_on: true });
        }
        for (claim, (link, attempt)) in store.claimed(account.mode, some).await? {
            let known = link.attempt(&attempt);
            let theirs = known.filter(|known| known.gateway == gateway && known.account_id == account.id);
            let changes = of_each.get(&claim).map(Vec::as_slice).unwrap_or_default();
            if theirs.is_some_and(|known| changes.iter().any(|change| known.misses(change))) {
                missed.push(Missed { link, attempt });
            }
        }
    }
    Ok(Found { missed, goes_on: false })
}

fn failure(error: ListError) -> LookBackFailure {
    match error {
        ListError::Unavailable { .. } => LookBackFailure::Unavailable,
        ListError::Refused { code } => LookBackFailure::Refused { code },
        ListError::TooMany | ListError::NoTime => LookBackFailure::TooMuch,
    }
}

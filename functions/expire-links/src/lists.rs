//! Lists of payments that wait for confirmation, where a gateway has them: one replaces a look-up for each attempt of a
//! merchant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use domain::ids::BusinessId;
use domain::link::{AttemptState, Work};
use gateways::Unconfirmed;
use runtime::has_time;
use tokio::sync::OnceCell;

use crate::task::{Merchant, Task, TaskOutcome};
use crate::{App, SweepCounts};

/// A merchant with at least this many due attempts is asked for a list. A single attempt is looked up, which says more.
const MIN_ATTEMPTS_FOR_LIST: usize = 2;

/// At most this many payments of ended attempts are confirmed from one list.
const MOST_AFTER_ALL: usize = 20;

/// The lists of the merchants of a lane that have several attempts to look up. Each is read when the first look-up wants it.
/// Where there is none, each attempt is looked up.
pub(crate) struct Lists {
    of_each: BTreeMap<Merchant, OnceCell<Option<Unconfirmed>>>,
    /// The sessions of each business that are looked up.
    due: BTreeSet<(BusinessId, String)>,
}

impl Lists {
    pub(crate) fn for_all(tasks: &[Task]) -> Self {
        let mut weights: BTreeMap<Merchant, usize> = BTreeMap::new();
        let mut due = BTreeSet::new();
        for task in tasks.iter().filter(|task| matches!(task.work, Work::LookUp(_))) {
            let Some(attempt) = task.attempt() else { continue };
            due.insert((task.merchant.business.clone(), attempt.session.clone()));
            // A list alone shows a payment of a session that the gateway had called unpaid.
            let has_failed = matches!(attempt.state, AttemptState::Failed { .. });
            *weights.entry(task.merchant.clone()).or_default() += if has_failed { MIN_ATTEMPTS_FOR_LIST } else { 1 };
        }
        weights.retain(|_, weight| *weight >= MIN_ATTEMPTS_FOR_LIST);
        Self { of_each: weights.into_keys().map(|merchant| (merchant, OnceCell::new())).collect(), due }
    }

    /// The list of a merchant, which is read where nobody has yet. Payments that it shows although their attempts had ended
    /// are confirmed then.
    pub(crate) async fn read(
        &self,
        app: &App,
        task: &Task,
        deadline: SystemTime,
        counts: &mut SweepCounts,
    ) -> Option<&Unconfirmed> {
        let read = || async move {
            let list = read_list(app, task).await?;
            self.confirm_after_all(app, &task.merchant.business, &list, deadline, counts).await;
            Some(list)
        };
        self.of_each.get(&task.merchant)?.get_or_init(read).await.as_ref()
    }

    /// Confirms payments that wait although their attempts had ended, at most so many from one list.
    async fn confirm_after_all(
        &self,
        app: &App,
        business: &BusinessId,
        list: &Unconfirmed,
        deadline: SystemTime,
        counts: &mut SweepCounts,
    ) {
        let named = list.sessions.iter().filter_map(|(session, address)| Some((session, address.as_ref()?)));
        let others = named.filter(|(session, _)| !self.due.contains(&(business.clone(), (*session).clone())));
        for (session, address) in others.take(MOST_AFTER_ALL) {
            if !has_time(deadline) {
                break;
            }
            match app.confirmation.confirm_listed_after_all(business, session, address, app.clock.now()).await {
                Ok(Some(_)) => counts.asked += 1,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(error = %error, "A payment that waits could not be confirmed after all.");
                    counts.note(&TaskOutcome::Failed);
                }
            }
        }
    }
}

async fn read_list(app: &App, task: &Task) -> Option<Unconfirmed> {
    match app.confirmation.unconfirmed(&task.link, task.work.attempt()).await {
        Ok(list) => list,
        Err(error) => {
            let (business_id, account_id) = (&task.merchant.business, &task.merchant.account);
            tracing::error!(%business_id, %account_id, error = %error, "No list could be asked for.");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{look_up, merchant};

    #[test]
    fn a_list_is_read_for_a_merchant_of_one_business_with_several_look_ups() {
        let of = |tasks: &[Task]| Lists::for_all(tasks).of_each.into_keys().collect::<Vec<_>>();
        assert_eq!(of(&[look_up("shop", 1), look_up("other", 2)]), [], "two businesses call an account the same");
        assert_eq!(of(&[look_up("shop", 1), look_up("other", 2), look_up("shop", 3)]), [merchant("shop", "main")]);
        let lists = Lists::for_all(&[look_up("shop", 1)]);
        let is_due = |business: &str, session: &str| {
            lists.due.contains(&(BusinessId::parse(business).unwrap(), session.to_owned()))
        };
        assert!(is_due("shop", "S1") && !is_due("other", "S1"));
    }
}

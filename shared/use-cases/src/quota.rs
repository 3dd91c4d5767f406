//! What the platform allows the business in a day, asked before anything is made.

use domain::Timestamp;
use domain::business::quotas::{Day, DayCount, QuotaReached, Quotas};
use domain::link::PaymentLink;
use domain::messages::recipients::sent_at_once;
use store::{BusinessStore, Configuration};

/// What the business has done today, and what it may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Today {
    quotas: Quotas,
    day: Day,
    done: DayCount,
}

impl Today {
    /// Costs nothing where the business has no quota of the day, and a count a minute where it has one.
    pub(crate) async fn read(store: &BusinessStore, configuration: &Configuration, now: Timestamp) -> Self {
        let (quotas, day) = (configuration.quotas(), Day::of(now));
        Self { quotas, day, done: store.done_in(day, &quotas, now).await }
    }

    pub(crate) fn check(&self, wanted: DayCount) -> Result<(), QuotaReached> {
        self.quotas.check(self.done, wanted, self.day)
    }
}

/// A new link with the messages that go out at once.
pub(crate) fn of_new_link(link: &PaymentLink) -> DayCount {
    DayCount { links: 1, messages: sent_at_once(link.recipients()) }
}

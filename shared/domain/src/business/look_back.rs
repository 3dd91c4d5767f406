//! Looking back: once a day each account's gateway is asked, by its own lists, what happened to payments after they were made.
//! A call of a gateway can be lost, and some things no gateway calls about.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clocks::{earlier, later};
use crate::gateway::{GatewayKind, Mode};
use crate::ids::AccountId;

/// A look follows the one before after this long.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// After a look that did not come to its end, the next one comes this much later.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// After a look that found more than one run asks about, the rest is asked about this much later.
const GOES_ON_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// For how long a look belongs to the run that leased it. A run ends before.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// The CRM is told of an account whose lists could not be read for this long.
const TOLD_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What was read before is read again this far back: lists of gateways are late, and a refund is decided days after it was made.
const OVERLAP: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Refunds are read at least this far back: a bank sends one back within a month.
const REFUNDS: SignedDuration = SignedDuration::from_hours(35 * 24);

/// Disputes are read at least this far back: a bank decides one within three months.
const DISPUTES: SignedDuration = SignedDuration::from_hours(120 * 24);

/// How far the looks at an account's lists have come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookBack {
    pub account: AccountId,
    /// Where its credentials are of.
    pub gateway: GatewayKind,
    pub mode: Mode,
    /// When somebody looks next. `None` where nobody can be asked any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// When the last look began that read the lists to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<Timestamp>,
    /// Why none came to its end since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

/// That looks do not come to their end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    pub since: Timestamp,
    /// Why the last one did not.
    #[serde(flatten)]
    pub reason: LookBackFailure,
    /// Whether the CRM was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_told: bool,
}

/// Why a look did not come to its end. What it found until then was acted upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum LookBackFailure {
    /// The gateway refuses the account's credentials, or does not let them see refunds or disputes. The code is its own.
    Refused { code: String },
    /// The gateway gave no answer that can be read, or wants fewer calls.
    Unavailable,
    /// Its lists have more than can be read.
    TooMuch,
    /// The lists were read, and about a payment that they show something new of there was no answer that can be read.
    PaymentsUnanswered,
}

impl LookBackFailure {
    pub const NAMES: [&str; 4] = ["refused", "unavailable", "too_much", "payments_unanswered"];

    /// The word in the API and in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Unavailable => "unavailable",
            Self::TooMuch => "too_much",
            Self::PaymentsUnanswered => "payments_unanswered",
        }
    }

    /// The gateway's own code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code } => Some(code),
            Self::Unavailable | Self::TooMuch | Self::PaymentsUnanswered => None,
        }
    }
}

/// What became of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// All that the lists have was acted upon.
    Whole,
    /// There is more to ask about than one run does.
    GoesOn,
    Failed(LookBackFailure),
    /// The account is gone, or has no gateway that can be asked.
    NobodyToAsk,
}

impl LookBack {
    /// That of an account which has just got credentials: due at once, by whatever clock. Where those before them were of the
    /// same gateway and mode, nothing that these had not read is passed over.
    pub fn of_credentials(account: AccountId, (gateway, mode): (GatewayKind, Mode), known: Option<Self>) -> Self {
        let known = known.filter(|known| (known.gateway, known.mode) == (gateway, mode));
        let (succeeded_at, failing) = known.map(|known| (known.succeeded_at, known.failing)).unwrap_or_default();
        Self { account, gateway, mode, look_at: Some(Timestamp::UNIX_EPOCH), succeeded_at, failing }
    }

    /// Since when refunds are wanted.
    pub fn refunds_since(&self, now: Timestamp) -> Timestamp {
        self.since(REFUNDS, now)
    }

    /// Since when disputes are wanted.
    pub fn disputes_since(&self, now: Timestamp) -> Timestamp {
        self.since(DISPUTES, now)
    }

    fn since(&self, at_least: SignedDuration, now: Timestamp) -> Timestamp {
        let usual = earlier(now, at_least);
        // What was to be read when the first look failed is still to be read.
        let first = || self.failing.as_ref().map(|failing| earlier(failing.since, at_least));
        let wanted = self.succeeded_at.map(|at| earlier(at, OVERLAP)).or_else(first);
        wanted.map_or(usual, |wanted| wanted.min(usual))
    }

    /// As a run that begins at this instant holds it, so that no other does the same.
    #[must_use]
    pub fn leased(self, now: Timestamp) -> Self {
        Self { look_at: Some(later(now, LEASE)), ..self }
    }

    /// As it is after a look that began at this instant.
    #[must_use]
    pub fn after(self, looked: &Looked, began_at: Timestamp) -> Self {
        let look_after = |pause| Some(later(began_at, pause));
        match looked {
            Looked::Whole => Self { look_at: look_after(EVERY), succeeded_at: Some(began_at), failing: None, ..self },
            Looked::GoesOn => Self { look_at: look_after(GOES_ON_AFTER), ..self },
            Looked::NobodyToAsk => Self { look_at: None, failing: None, ..self },
            Looked::Failed(reason) => {
                let known = self.failing.as_ref();
                let since = known.map_or(began_at, |known| known.since);
                let is_told = known.is_some_and(|known| known.is_told) || began_at.duration_since(since) >= TOLD_AFTER;
                let failing = Some(Failing { since, reason: reason.clone(), is_told });
                // What lists show of payments is shown again the next time.
                let succeeded_at = match reason {
                    LookBackFailure::PaymentsUnanswered => Some(began_at),
                    LookBackFailure::Refused { .. } | LookBackFailure::Unavailable | LookBackFailure::TooMuch => {
                        self.succeeded_at
                    }
                };
                Self { look_at: look_after(AGAIN_AFTER), succeeded_at, failing, ..self }
            }
        }
    }

    /// Why the CRM has to be told with this change, where it has to.
    pub fn news_since(&self, before: &Self) -> Option<&Failing> {
        let was_told = before.failing.as_ref().is_some_and(|failing| failing.is_told);
        self.failing.as_ref().filter(|failing| failing.is_told && !was_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_795_910_400).unwrap() + SignedDuration::from_hours(hours)
    }

    fn new() -> LookBack {
        LookBack::of_credentials(AccountId::parse("euro").unwrap(), (GatewayKind::Stripe, Mode::Live), None)
    }

    fn refused() -> Looked {
        Looked::Failed(LookBackFailure::Refused { code: "rak_dispute_read".to_owned() })
    }

    #[test]
    fn an_account_is_looked_at_once_a_day_and_what_was_read_is_read_again_for_a_month() {
        let looked = new().after(&Looked::Whole, at(2));
        assert_eq!((looked.look_at, looked.succeeded_at), (Some(at(26)), Some(at(2))));
        assert_eq!(looked.refunds_since(at(26)), at(26) - 35 * DAY);
        assert_eq!(looked.disputes_since(at(26)), at(26) - 120 * DAY);
        let long_ago = at(2 + 24 * 40);
        assert_eq!(looked.refunds_since(long_ago), at(2) - 7 * DAY, "nothing lies between two looks");
    }

    #[test]
    fn who_could_not_look_for_three_days_tells_once_and_again_after_a_success() {
        let mut look = new();
        let mut told = Vec::new();
        for hour in 0..100 {
            let next = look.clone().after(&refused(), at(hour));
            assert_eq!(next.look_at, Some(at(hour + 1)));
            told.extend(next.news_since(&look).map(|failing| (hour, failing.since)));
            look = next;
        }
        assert_eq!(told, [(72, at(0))]);
        look = look.after(&Looked::Whole, at(100));
        assert_eq!(look.failing, None);
        let (first, later) = (look.clone().after(&refused(), at(124)), at(124 + 72));
        assert!(first.news_since(&look).is_none());
        assert!(first.clone().after(&refused(), later).news_since(&first).is_some());
    }

    #[test]
    fn what_one_run_does_not_get_through_goes_on_and_is_no_failure() {
        let failing = new().after(&refused(), at(0));
        let going_on = failing.clone().after(&Looked::GoesOn, at(1));
        assert_eq!((&going_on.failing, going_on.succeeded_at), (&failing.failing, None));
        assert_eq!(going_on.look_at, Some(at(1) + SignedDuration::from_mins(1)));
        let gone = failing.after(&Looked::NobodyToAsk, at(1));
        assert_eq!((gone.look_at, gone.failing), (None, None));
    }

    #[test]
    fn new_credentials_of_the_same_gateway_go_on_where_those_before_them_failed() {
        let failing = new().after(&Looked::Whole, at(0)).after(&refused(), at(24 * 60));
        let of =
            |gateway| LookBack::of_credentials(failing.account.clone(), (gateway, Mode::Live), Some(failing.clone()));
        let (same, other) = (of(GatewayKind::Stripe), of(GatewayKind::Mollie));
        assert_eq!(same.refunds_since(at(24 * 61)), at(0) - 7 * DAY, "two months that nobody could read");
        assert_eq!((&same.failing, same.look_at), (&failing.failing, Some(Timestamp::UNIX_EPOCH)));
        assert_eq!((other.succeeded_at, other.failing), (None, None));
    }

    #[test]
    fn who_gets_no_answer_about_a_payment_has_read_the_lists_all_the_same() {
        let unanswered = Looked::Failed(LookBackFailure::PaymentsUnanswered);
        let mut look = new();
        for day in 0..4 {
            look = look.after(&unanswered, at(24 * day));
        }
        assert_eq!(look.succeeded_at, Some(at(72)));
        assert!(look.failing.is_some_and(|failing| failing.since == at(0) && failing.is_told));
    }

    proptest! {
        #[test]
        fn whatever_became_of_looks_and_credentials_nothing_lies_between_what_two_looks_read(
            outcomes in proptest::collection::vec((0_i64..400, 0_usize..5), 1..40),
        ) {
            // What was made a month before the first look, and what comes then, is read by the first one that reads.
            let (mut look, mut now, mut read_to) = (new(), 0, None::<Timestamp>);
            let mut first = None;
            for (pause, outcome) in outcomes {
                now += pause;
                let unanswered = Looked::Failed(LookBackFailure::PaymentsUnanswered);
                let looked = [Looked::Whole, unanswered, refused(), Looked::Failed(LookBackFailure::TooMuch)];
                let Some(looked) = looked.get(outcome) else {
                    let of = (look.gateway, look.mode);
                    look = LookBack::of_credentials(look.account.clone(), of, Some(look));
                    continue;
                };
                let since = look.refunds_since(at(now));
                let begins = *first.get_or_insert(at(now) - 35 * DAY);
                prop_assert!(since <= read_to.map_or(begins, |read_to| read_to - 7 * DAY));
                if outcome < 2 {
                    read_to = Some(at(now));
                }
                look = look.after(looked, at(now));
            }
        }
    }
}

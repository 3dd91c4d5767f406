//! How much a business may do: links and messages in a day, calls in a second. The platform sets it, so that one
//! business that has gone wild costs nobody else anything. Nothing is written for it: what was done in a day is counted from
//! what is there anyway, now and then, so that a quota may take hold a minute late.

use std::num::NonZeroU32;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::problem::Rejection;

/// What the platform allows a business. What is left out has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Links made in one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links_per_day: Option<NonZeroU32>,
    /// Messages sent in one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_per_day: Option<NonZeroU32>,
    /// Calls of the API in one second, in each process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<NonZeroU32>,
}

/// One of the quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    LinksPerDay,
    MessagesPerDay,
    CallsPerSecond,
}

impl Quota {
    pub const ALL: [Self; 3] = [Self::LinksPerDay, Self::MessagesPerDay, Self::CallsPerSecond];

    /// The name of the quota in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinksPerDay => "links_per_day",
            Self::MessagesPerDay => "messages_per_day",
            Self::CallsPerSecond => "calls_per_second",
        }
    }

    /// What one is a number of, for people.
    fn counted(self) -> &'static str {
        match self {
            Self::LinksPerDay => "links a day",
            Self::MessagesPerDay => "messages a day",
            Self::CallsPerSecond => "calls a second",
        }
    }
}

/// What a business has done in a day, or wants to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCount {
    pub links: u64,
    pub messages: u64,
}

impl std::ops::Add for DayCount {
    type Output = Self;
    fn add(self, more: Self) -> Self {
        Self { links: self.links + more.links, messages: self.messages + more.messages }
    }
}

/// A day of UTC, from its first instant to the first of the next one: a business that could choose its zone here would begin a
/// new day whenever it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Day {
    pub fn of(now: Timestamp) -> Self {
        let second = now.as_second() - now.as_second().rem_euclid(SECONDS);
        let at = |second| Timestamp::from_second(second).unwrap_or(now);
        Self { from: at(second), to: at(second + SECONDS) }
    }
}

/// The length of a day.
const SECONDS: i64 = 24 * 60 * 60;

/// That a quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaReached {
    pub quota: Quota,
    pub limit: NonZeroU32,
    /// When the business may go on.
    pub until: Timestamp,
    /// Whether what is wanted is more than the quota allows in a whole day, so that no day is long enough for it.
    pub is_too_much: bool,
}

impl QuotaReached {
    /// A sentence for people.
    pub fn detail(&self) -> String {
        format!("This business may have {} {}; the platform can allow it more.", self.limit, self.quota.counted())
    }
}

impl Quotas {
    /// Reads one of them.
    pub fn parse(number: i64) -> Result<NonZeroU32, Rejection> {
        let known = u32::try_from(number).ok().and_then(NonZeroU32::new);
        known.ok_or_else(|| Rejection::new("out_of_range", format!("Give 1 to {}.", u32::MAX)))
    }

    pub fn limit(&self, quota: Quota) -> Option<NonZeroU32> {
        match quota {
            Quota::LinksPerDay => self.links_per_day,
            Quota::MessagesPerDay => self.messages_per_day,
            Quota::CallsPerSecond => self.calls_per_second,
        }
    }

    /// The same quotas with one of them changed.
    #[must_use]
    pub fn with(self, quota: Quota, limit: Option<NonZeroU32>) -> Self {
        match quota {
            Quota::LinksPerDay => Self { links_per_day: limit, ..self },
            Quota::MessagesPerDay => Self { messages_per_day: limit, ..self },
            Quota::CallsPerSecond => Self { calls_per_second: limit, ..self },
        }
    }

    /// Whether what a business does in a day has to be counted.
    pub fn bound_a_day(&self) -> bool {
        self.links_per_day.is_some() || self.messages_per_day.is_some()
    }

    /// Refuses what would go beyond a quota of the day. What needs none of a quota is not refused for it.
    pub fn check(&self, done: DayCount, wanted: DayCount, day: Day) -> Result<(), QuotaReached> {
        let quotas = [
            (Quota::LinksPerDay, self.links_per_day, done.links, wanted.links),
            (Quota::MessagesPerDay, self.messages_per_day, done.messages, wanted.messages),
        ];
        for (quota, limit, done, wanted) in quotas {
            if let Some(limit) = limit
                && wanted > 0
                && done + wanted > u64::from(limit.get())
            {
                let is_too_much = wanted > u64::from(limit.get());
                return Err(QuotaReached { quota, limit, until: day.to, is_too_much });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_links_and_five_messages() -> Quotas {
        Quotas { links_per_day: NonZeroU32::new(3), messages_per_day: NonZeroU32::new(5), calls_per_second: None }
    }

    fn count(links: u64, messages: u64) -> DayCount {
        DayCount { links, messages }
    }

    #[test]
    fn a_quota_is_used_up_by_what_it_counts_and_says_until_when() {
        let day = Day::of("2026-11-29T20:00:00Z".parse().unwrap());
        let refused = |done, wanted| three_links_and_five_messages().check(done, wanted, day).map_err(|why| why.quota);
        assert_eq!(refused(count(2, 4), count(1, 1)), Ok(()));
        assert_eq!(refused(count(3, 0), count(1, 0)), Err(Quota::LinksPerDay));
        assert_eq!(refused(count(0, 4), count(1, 2)), Err(Quota::MessagesPerDay));
        assert_eq!(
            refused(count(9, 9), count(0, 0)),
            Ok(()),
            "what is beyond a quota already does not forbid the rest"
        );
        assert_eq!(refused(count(9, 9), count(0, 1)), Err(Quota::MessagesPerDay));
        let reached = three_links_and_five_messages().check(count(3, 0), count(1, 0), day).unwrap_err();
        assert_eq!(reached.until, "2026-11-30T00:00:00Z".parse::<Timestamp>().unwrap());
        assert!(Quotas::default().check(count(u64::MAX / 2, 0), count(1, 1), day).is_ok());
    }

    #[test]
    fn a_day_has_its_first_instant_and_not_that_of_the_next() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let day = Day { from: at("2026-11-29T00:00:00Z"), to: at("2026-11-30T00:00:00Z") };
        for now in ["2026-11-29T00:00:00Z", "2026-11-29T12:00:00Z", "2026-11-29T23:59:59.999Z"] {
            assert_eq!(Day::of(at(now)), day, "{now}");
        }
        assert_eq!(Day::of(at("1969-12-31T12:00:00Z")).to, at("1970-01-01T00:00:00Z"));
        assert!(Quotas::parse(0).is_err() && Quotas::parse(-1).is_err() && Quotas::parse(1).is_ok());
    }
}

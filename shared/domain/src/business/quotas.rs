//! How much a business may do: links and messages in one of its days, calls in a second. The platform sets it, so that one
//! business that has gone wild costs nobody else anything. Nothing is written for it: what was done in a day is counted from
//! what is there anyway, now and then, so that a quota may take hold a minute late.

use std::num::NonZeroU32;

use jiff::Timestamp;
use jiff::tz::TimeZone;
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

/// A day of a business: from its first instant to the first of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Day {
    /// The day of an instant. In a zone where days cannot be told, it is one of 24 hours.
    pub fn of(now: Timestamp, zone: &TimeZone) -> Self {
        let today = zone.to_datetime(now).date();
        let begins = |date: jiff::civil::Date| zone.to_timestamp(date.at(0, 0, 0, 0));
        let from = begins(today).unwrap_or(now);
        let tomorrow = today.tomorrow().and_then(begins);
        let to = tomorrow.or_else(|_| from.checked_add(jiff::SignedDuration::from_hours(24))).unwrap_or(Timestamp::MAX);
        Self { from, to }
    }
}

/// That a quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaReached {
    pub quota: Quota,
    pub limit: NonZeroU32,
    /// When the business may go on.
    pub until: Timestamp,
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
                return Err(QuotaReached { quota, limit, until: day.to });
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
        let now: Timestamp = "2026-11-29T20:00:00Z".parse().unwrap();
        let day = Day::of(now, &crate::calendar::parse_time_zone("Asia/Tehran").unwrap());
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
        // It is half past eleven in the evening in Tehran.
        assert_eq!(reached.until, "2026-11-29T20:30:00Z".parse::<Timestamp>().unwrap());
        assert!(Quotas::default().check(count(u64::MAX / 2, 0), count(1, 1), day).is_ok());
    }

    #[test]
    fn a_day_is_as_long_as_the_clocks_of_its_zone_make_it() {
        let zone = crate::calendar::parse_time_zone("Europe/Berlin").unwrap();
        let day = Day::of("2026-10-25T12:00:00Z".parse().unwrap(), &zone);
        assert_eq!(day.to.duration_since(day.from), jiff::SignedDuration::from_hours(25));
        assert!(Quotas::parse(0).is_err() && Quotas::parse(-1).is_err() && Quotas::parse(1).is_ok());
    }
}

//! Over how many partitions the lists of a business are spread, and how that number grows while links are made and
//! listed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clocks::known_everywhere_at;
use crate::ids::LinkId;
use crate::problem::Rejection;

/// A number of partitions. One partition of an index takes a thousand new entries a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Shards(u8);

impl Shards {
    pub const ONE: Self = Self(1);

    /// The most that can be asked for. More can be read: where this number grows, the code of before it runs beside
    /// that of after it for a while, and has to read the lists of a business that has more.
    pub const MOST: u8 = 64;

    /// From 1 to [`Shards::MOST`].
    pub fn parse(number: i64) -> Result<Self, Rejection> {
        let known = u8::try_from(number).ok().filter(|number| (1..=Self::MOST).contains(number));
        known.map(Self).ok_or_else(|| Rejection::new("out_of_range", format!("Give 1 to {} shards.", Self::MOST)))
    }

    pub fn number(self) -> u8 {
        self.0
    }

    /// The number of every shard.
    pub fn all(self) -> std::ops::Range<u8> {
        0..self.0
    }

    /// The shard of a link among so many.
    fn of(self, link: &LinkId) -> u8 {
        let hash = Sha256::digest(link.as_str().as_bytes());
        hash.last().copied().unwrap_or_default() % self.0
    }
}

impl Default for Shards {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u8> for Shards {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number == 0 { Err("there is at least one shard") } else { Ok(Self(number)) }
    }
}

impl From<Shards> for u8 {
    fn from(shards: Shards) -> Self {
        shards.0
    }
}

/// Over how many partitions the lists of a business are spread. What happens to a link is listed in the shard that the
/// link was made in, so that the number may grow at any time. It never shrinks: what is in the others would not be
/// found.
///
/// Processes learn of a new number at different times. So whoever lists reads that many partitions as soon as they know
/// of them, and whoever makes a link uses the new ones only from an instant on at which everybody knows of them. Number
/// and instant are one write, so that there is no second step that somebody could forget, and no process that has to
/// wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    shards: Shards,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    growth: Option<Growth>,
}

/// That the number grew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Growth {
    /// Until then new links are spread over so many.
    from: Shards,
    at: Timestamp,
}

/// A business has more shards than it was to have from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FewerShards(pub Shards);

impl Spread {
    /// How many partitions a list is read from.
    pub fn read(self) -> Shards {
        self.shards
    }

    /// How many partitions links that are made at this instant are spread over: never more than everybody reads by
    /// then.
    fn written_at(self, at: Timestamp) -> Shards {
        match self.growth {
            Some(growth) if at < growth.at => growth.from,
            Some(_) | None => self.shards,
        }
    }

    /// The shard of a link that is made at this instant.
    pub fn of_new(self, link: &LinkId, made_at: Timestamp) -> u8 {
        self.written_at(made_at).of(link)
    }

    /// From when on new links are spread over all shards, where the number ever grew.
    pub fn spread_from(self) -> Option<Timestamp> {
        self.growth.map(|growth| growth.at)
    }

    /// So many from now on. Where the number grew a moment ago, links stay where everybody reads already.
    pub fn grown(self, to: Shards, now: Timestamp) -> Result<Self, FewerShards> {
        if to < self.shards {
            return Err(FewerShards(self.shards));
        }
        if to == self.shards {
            return Ok(self);
        }
        let growth = Growth { from: self.written_at(now), at: known_everywhere_at(now) };
        Ok(Self { shards: to, growth: Some(growth) })
    }

    /// What both say together: whatever was written by either is read.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        if other.shards > self.shards { other } else { self }
    }
}

/// Whether it is the shard of businesses that have one only, which is not worth an attribute.
pub(crate) fn is_first_shard(shard: &u8) -> bool {
    *shard == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PayToken;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn shards(number: i64) -> Shards {
        Shards::parse(number).unwrap()
    }

    /// The shards that links which are made at this second get.
    fn used(spread: Spread, second: i64) -> u8 {
        let links = (0..200).map(|number| LinkId::of(&PayToken::from_random([number; 16])));
        links.map(|link| spread.of_new(&link, at(second))).max().unwrap() + 1
    }

    #[test]
    fn a_new_number_is_read_at_once_and_written_when_everybody_reads_it() {
        let grown = Spread::default().grown(shards(4), at(1000)).unwrap();
        assert_eq!((grown.read(), grown.spread_from()), (shards(4), Some(at(1090))));
        assert_eq!([1000, 1089, 1090, 5000].map(|second| used(grown, second)), [1, 1, 4, 4]);
        assert_eq!(grown.grown(shards(4), at(2000)).unwrap(), grown, "asked for again it begins no new wait");
        assert_eq!(grown.grown(shards(3), at(2000)), Err(FewerShards(shards(4))));
    }

    #[test]
    fn a_number_that_grows_twice_at_once_is_written_when_everybody_reads_the_last_of_them() {
        let twice = Spread::default().grown(shards(4), at(1000)).unwrap().grown(shards(8), at(1050)).unwrap();
        assert_eq!([1050, 1090, 1139, 1140].map(|second| used(twice, second)), [1, 1, 1, 8]);
        let later = Spread::default().grown(shards(4), at(1000)).unwrap().grown(shards(8), at(2000)).unwrap();
        assert_eq!([2000, 2089, 2090].map(|second| used(later, second)), [4, 4, 8]);
    }

    #[test]
    fn of_two_the_one_that_reads_more_is_kept() {
        let (one, four) = (Spread::default(), Spread::default().grown(shards(4), at(1000)).unwrap());
        assert_eq!([one.with(four), four.with(one)], [four, four]);
    }

    #[test]
    fn a_number_of_a_later_version_can_be_read_and_not_be_asked_for() {
        let written = serde_json::json!({ "shards": 128 });
        assert_eq!(serde_json::from_value::<Spread>(written).unwrap().read().number(), 128);
        assert!(serde_json::from_value::<Spread>(serde_json::json!({ "shards": 0 })).is_err());
        assert!(Shards::parse(65).is_err() && Shards::parse(0).is_err());
    }
}

//! A business: whose links, records and money they are. One stack serves many, and what one of them can see or do never
//! depends on another.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use crate::ids::{BusinessId, LinkId};
use crate::problem::Rejection;

/// A business as the platform made it. What it sets itself is in its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Business {
    pub id: BusinessId,
    /// How the platform calls it. What its customers read is the settings' `business_name`.
    pub name: String,
    pub state: BusinessState,
    /// Scheme and host that its pay URLs begin with, without a final slash. Left out, they are the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_url: Option<PayUrlBase>,
    /// Over how many partitions its lists are spread.
    #[serde(default)]
    pub shards: Shards,
    pub created_at: Timestamp,
}

/// Whether a business may take new payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BusinessState {
    Active,
    /// No link is made and no payment begins. What was begun finishes, refunds are made, and everything can be read.
    Suspended {
        suspended_at: Timestamp,
        /// For people; it decides nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl BusinessState {
    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended { .. } => "suspended",
        }
    }
}

impl Business {
    pub fn new(id: BusinessId, name: String, now: Timestamp) -> Self {
        Self { id, name, state: BusinessState::Active, pay_url: None, shards: Shards::ONE, created_at: now }
    }

    pub fn is_suspended(&self) -> bool {
        matches!(self.state, BusinessState::Suspended { .. })
    }

    /// The business, suspended from now on, or since when it is; a new reason takes the place of the earlier one.
    #[must_use]
    pub fn suspended(self, reason: Option<String>, now: Timestamp) -> Self {
        let (since, before) = match self.state {
            BusinessState::Active => (now, None),
            BusinessState::Suspended { suspended_at, reason } => (suspended_at, reason),
        };
        Self { state: BusinessState::Suspended { suspended_at: since, reason: reason.or(before) }, ..self }
    }

    #[must_use]
    pub fn resumed(self) -> Self {
        Self { state: BusinessState::Active, ..self }
    }
}

/// Over how many partitions each list of a business is spread. One partition of an index takes a thousand new entries a
/// second. The number may grow at any time, because a link stays in the partition that it was made in, and must not shrink:
/// what is in the others would not be found any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Shards(u8);

impl Shards {
    pub const ONE: Self = Self(1);
    pub const MOST: u8 = 64;

    /// From 1 to [`Shards::MOST`].
    pub fn parse(number: i64) -> Result<Self, Rejection> {
        let known = u8::try_from(number).ok().filter(|number| (1..=Self::MOST).contains(number));
        known.map(Self).ok_or_else(|| Rejection::new("out_of_range", format!("Give 1 to {} shards.", Self::MOST)))
    }

    pub fn number(self) -> u8 {
        self.0
    }

    /// The shard of a new link.
    pub fn of(self, link: &LinkId) -> u8 {
        let hash = Sha256::digest(link.as_str().as_bytes());
        hash.last().copied().unwrap_or_default() % self.0
    }

    /// The number of every shard.
    pub fn all(self) -> std::ops::Range<u8> {
        0..self.0
    }
}

/// Whether it is the shard of businesses that have one only, which is not worth an attribute.
pub(crate) fn is_first_shard(shard: &u8) -> bool {
    *shard == 0
}

impl Default for Shards {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u8> for Shards {
    type Error = Rejection;
    fn try_from(number: u8) -> Result<Self, Rejection> {
        Self::parse(number.into())
    }
}

impl From<Shards> for u8 {
    fn from(shards: Shards) -> Self {
        shards.0
    }
}

/// No beginning of pay URLs has more characters.
const LONGEST_BASE: usize = 255;

/// The beginning of pay URLs: `https://` and a host, without a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PayUrlBase(String);

impl PayUrlBase {
    /// Reads `https://`, a host and at most a port.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let refused = || Rejection::new("invalid_url", "Give https:// and a host, such as https://pay.example.com.");
        let url = url::Url::parse(text).map_err(|_| refused())?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let has_user = !url.username().is_empty() || url.password().is_some();
        // What is kept is what is bounded: a name in another script is longer in the letters of DNS.
        let base = url.origin().ascii_serialization();
        if url.scheme() != "https" || url.host_str().is_none() || !is_bare || has_user || base.len() > LONGEST_BASE {
            return Err(refused());
        }
        Ok(Self(base))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PayUrlBase {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<PayUrlBase> for String {
    fn from(base: PayUrlBase) -> Self {
        base.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_that_is_suspended_twice_is_suspended_since_the_first_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let shop = Business::new(BusinessId::parse("shop").unwrap(), "Shop".to_owned(), at(0));
        let twice = shop.clone().suspended(Some("unpaid".to_owned()), at(1)).suspended(None, at(2));
        let expected = BusinessState::Suspended { suspended_at: at(1), reason: Some("unpaid".to_owned()) };
        assert_eq!(twice.state, expected);
        assert_eq!(twice.resumed(), shop);
    }

    #[test]
    fn a_pay_url_begins_with_a_host_of_ones_own_and_nothing_more() {
        assert_eq!(PayUrlBase::parse("https://pay.example.com/").unwrap().as_str(), "https://pay.example.com");
        assert_eq!(PayUrlBase::parse("https://PAY.example.com:8443").unwrap().as_str(), "https://pay.example.com:8443");
        let long = format!("https://{}example", "\u{fc}.".repeat(60));
        for bad in
            [&long, "http://pay.example.com", "https://pay.example.com/p", "https://a:b@pay.example.com", "pay", ""]
        {
            assert!(PayUrlBase::parse(bad).is_err(), "{bad}");
        }
    }
}

//! A business: whose links, records and money they are. One stack serves many, and what one of them can see or do never
//! depends on another.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::shards::Spread;
use crate::business::quotas::Quotas;
use crate::clocks::known_everywhere_at;
use crate::ids::BusinessId;
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
    pub spread: Spread,
    /// How much it may do.
    #[serde(default)]
    pub quotas: Quotas,
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
    /// It is being erased and never comes back: nobody can speak for it any more. What was begun finishes first.
    Erasing {
        since: Timestamp,
        /// Since when what it has is being deleted. Until then all of it is there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deleting_since: Option<Timestamp>,
    },
    /// Nothing of it is left but its id, which is given to nobody again.
    Erased {
        erased_at: Timestamp,
    },
}

/// Why a business cannot be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EraseRefused {
    NotSuspended,
    /// Not everybody may know yet that it is suspended, and a link may still be made. From this instant on everybody does.
    SuspendedJustNow {
        until: Timestamp,
    },
    /// It was erased before.
    Erased,
}

impl BusinessState {
    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended { .. } => "suspended",
            Self::Erasing { .. } => "erasing",
            Self::Erased { .. } => "erased",
        }
    }
}

impl Business {
    pub fn new(id: BusinessId, name: String, now: Timestamp) -> Self {
        Self {
            id,
            name,
            state: BusinessState::Active,
            pay_url: None,
            spread: Spread::default(),
            quotas: Quotas::default(),
            created_at: now,
        }
    }

    pub fn is_suspended(&self) -> bool {
        matches!(self.state, BusinessState::Suspended { .. })
    }

    /// Whether links can be made and payments can begin.
    pub fn takes_payments(&self) -> bool {
        match self.state {
            BusinessState::Active => true,
            BusinessState::Suspended { .. } | BusinessState::Erasing { .. } | BusinessState::Erased { .. } => false,
        }
    }

    /// Whether anybody can speak for it. For one that is being erased, or was, nobody can, and so nothing is written for it.
    pub fn has_callers(&self) -> bool {
        match self.state {
            BusinessState::Active | BusinessState::Suspended { .. } => true,
            BusinessState::Erasing { .. } | BusinessState::Erased { .. } => false,
        }
    }

    /// The business, suspended from now on, or since when it is; a new reason takes the place of the earlier one. One that is
    /// being erased stays as it is.
    #[must_use]
    pub fn suspended(self, reason: Option<String>, now: Timestamp) -> Self {
        let (since, before) = match self.state {
            BusinessState::Active => (now, None),
            BusinessState::Suspended { suspended_at, reason } => (suspended_at, reason),
            BusinessState::Erasing { .. } | BusinessState::Erased { .. } => return self,
        };
        Self { state: BusinessState::Suspended { suspended_at: since, reason: reason.or(before) }, ..self }
    }

    /// The business, active again. One that is being erased stays as it is.
    #[must_use]
    pub fn resumed(self) -> Self {
        if self.has_callers() { Self { state: BusinessState::Active, ..self } } else { self }
    }

    /// The business, marked to be erased from now on, or since when it is. It has to be suspended before, and everybody has to
    /// know: nobody could cancel a link that is made later, because nobody can speak for the business any more.
    pub fn erasing(self, now: Timestamp) -> Result<Self, EraseRefused> {
        match self.state {
            BusinessState::Active => Err(EraseRefused::NotSuspended),
            BusinessState::Suspended { suspended_at, .. } if now < known_everywhere_at(suspended_at) => {
                Err(EraseRefused::SuspendedJustNow { until: known_everywhere_at(suspended_at) })
            }
            BusinessState::Suspended { .. } => {
                Ok(Self { state: BusinessState::Erasing { since: now, deleting_since: None }, ..self })
            }
            BusinessState::Erasing { .. } => Ok(self),
            BusinessState::Erased { .. } => Err(EraseRefused::Erased),
        }
    }

    /// The business while what it has is being deleted, where it is to be erased.
    #[must_use]
    pub fn deleting(self, now: Timestamp) -> Self {
        match self.state {
            BusinessState::Erasing { since, deleting_since: None } => {
                Self { state: BusinessState::Erasing { since, deleting_since: Some(now) }, ..self }
            }
            BusinessState::Active
            | BusinessState::Suspended { .. }
            | BusinessState::Erasing { .. }
            | BusinessState::Erased { .. } => self,
        }
    }

    /// What is left of the business: that its id was given away. What it was called is forgotten.
    #[must_use]
    pub fn erased(self, now: Timestamp) -> Self {
        Self { state: BusinessState::Erased { erased_at: now }, ..Self::new(self.id, String::new(), self.created_at) }
    }
}

/// No beginning of pay URLs has more characters.
const LONGEST_BASE: usize = 255;

/// The beginning of pay URLs: `https://` and a host, without a path. Names that end in `.localhost` lead nowhere but to the
/// machine that asks for them (RFC 6761, section 6.3), so that `http://` is enough there, where somebody tries things out.
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
        let is_this_machine = url.host_str().is_some_and(|host| host.ends_with(".localhost"));
        let has_scheme = url.scheme() == "https" || (url.scheme() == "http" && is_this_machine);
        if !has_scheme || url.host_str().is_none() || !is_bare || has_user || base.len() > LONGEST_BASE {
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
    fn only_a_suspended_business_is_erased_and_nothing_brings_it_back() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let shop = Business {
            pay_url: Some(PayUrlBase::parse("https://pay.example.com").unwrap()),
            ..Business::new(BusinessId::parse("shop").unwrap(), "Shop".to_owned(), at(0))
        };
        assert_eq!(shop.clone().erasing(at(1)), Err(EraseRefused::NotSuspended));
        let suspended = shop.suspended(Some("unpaid".to_owned()), at(1));
        let too_early = suspended.clone().erasing(at(90));
        assert_eq!(too_early, Err(EraseRefused::SuspendedJustNow { until: at(91) }), "somebody may still make a link");
        let erasing = suspended.erasing(at(91)).unwrap();
        assert_eq!(erasing.state, BusinessState::Erasing { since: at(91), deleting_since: None });
        assert!(!erasing.takes_payments() && !erasing.has_callers());
        for same in [erasing.clone().erasing(at(93)).unwrap(), erasing.clone().resumed()] {
            assert_eq!(same, erasing);
        }
        assert_eq!(erasing.clone().suspended(None, at(93)), erasing);
        let deleting = erasing.deleting(at(94)).deleting(at(95));
        assert_eq!(deleting.state, BusinessState::Erasing { since: at(91), deleting_since: Some(at(94)) });
        let erased = deleting.erased(at(96));
        let left = Business {
            state: BusinessState::Erased { erased_at: at(96) },
            ..Business::new(BusinessId::parse("shop").unwrap(), String::new(), at(0))
        };
        assert_eq!(erased, left, "neither its name nor its address is left");
        assert_eq!(erased.clone().erasing(at(97)), Err(EraseRefused::Erased));
        assert_eq!(erased.clone().resumed(), erased);
        let written = serde_json::to_value(&erased.state).unwrap();
        assert_eq!(serde_json::from_value::<BusinessState>(written).unwrap(), erased.state);
    }

    #[test]
    fn a_pay_url_begins_with_a_host_of_ones_own_and_nothing_more() {
        assert_eq!(PayUrlBase::parse("https://pay.example.com/").unwrap().as_str(), "https://pay.example.com");
        assert_eq!(PayUrlBase::parse("https://PAY.example.com:8443").unwrap().as_str(), "https://pay.example.com:8443");
        let here = "http://pay.bazaar.localhost:9000";
        assert_eq!(PayUrlBase::parse(here).unwrap().as_str(), here);
        let long = format!("https://{}example", "\u{fc}.".repeat(60));
        for bad in [
            &long,
            "http://pay.example.com",
            "http://notlocalhost",
            "http://a.localhost.example",
            "https://pay.example.com/p",
            "https://a:b@pay.example.com",
            "pay",
            "",
        ] {
            assert!(PayUrlBase::parse(bad).is_err(), "{bad}");
        }
    }
}

//! Who made a link.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audit::{Actor, Author};
use crate::problem::Rejection;

/// The longest name of an actor and of an integration, in characters.
const LONGEST: usize = 64;

/// The person whom the caller named, else the integration that called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CreatedBy(String);

impl CreatedBy {
    /// Reads the name as somebody asks for it.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        if (1..=LONGEST).contains(&text.chars().count()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rejection::new(
                "invalid_actor",
                format!("Whoever makes links has a name of 1 to {LONGEST} characters."),
            ))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What lists are narrowed by. Names are long, and two of them that have the same mark are told apart by the link.
    pub fn mark(&self) -> CreatorMark {
        let hash = Sha256::digest(self.0.as_bytes());
        CreatorMark(hash.iter().take(CreatorMark::BYTES).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl From<&Author> for CreatedBy {
    fn from(author: &Author) -> Self {
        Self(author.actor.as_ref().map_or(author.integration.as_str(), Actor::as_str).to_owned())
    }
}

/// The first bytes of a hash of who made a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatorMark(String);

impl CreatorMark {
    const BYTES: usize = 3;

    pub fn parse(text: &str) -> Option<Self> {
        let is_mark = text.len() == Self::BYTES * 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_mark.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Side;

    #[test]
    fn the_person_behind_a_call_made_the_link_and_where_none_is_named_the_integration() {
        let mut author = Author { side: Side::Business, integration: "crm".to_owned(), actor: None };
        assert_eq!(CreatedBy::from(&author).as_str(), "crm");
        author.actor = Some(Actor::parse("u-7").unwrap());
        assert_eq!(CreatedBy::from(&author).as_str(), "u-7");
    }

    #[test]
    fn a_mark_is_short_is_read_again_and_differs_from_the_next() {
        let (one, other) = (CreatedBy::parse("u-7").unwrap(), CreatedBy::parse(&"ü".repeat(64)).unwrap());
        assert_ne!(one.mark(), other.mark());
        assert_eq!(CreatorMark::parse(one.mark().as_str()), Some(one.mark()));
        assert_eq!(one.mark().as_str().len(), 6);
        for bad in ["", "12345", "12345g", "1234567"] {
            assert_eq!(CreatorMark::parse(bad), None, "{bad}");
        }
        assert_eq!(CreatedBy::parse("").unwrap_err().code, "invalid_actor");
        assert_eq!(CreatedBy::parse(&"u".repeat(65)).unwrap_err().code, "invalid_actor");
    }
}

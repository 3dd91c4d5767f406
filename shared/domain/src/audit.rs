//! Who changed what a business's money depends on: accounts, credentials, providers, keys, settings, and what people decided
//! about money. A merchant id that somebody swapped is the theft to expect.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Rejection;

/// A person at the business, or at the platform, as the caller names them: its own id of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Actor(String);

impl Actor {
    /// 1 to 64 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rejection::new("invalid_actor", "An actor has 1 to 64 visible ASCII characters."))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Actor {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.0
    }
}

/// On whose side somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// With a key of the business.
    Business,
    /// With a key of the platform.
    Platform,
    /// At the deployer's terminal.
    Deployer,
}

impl Side {
    pub const ALL: [Self; 3] = [Self::Business, Self::Platform, Self::Deployer];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Platform => "platform",
            Self::Deployer => "deployer",
        }
    }
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub side: Side,
    /// The integration that the key is of.
    pub integration: String,
    /// The person behind the call, where the caller names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    Written,
    Deleted,
    /// A person decided about the money of an attempt.
    Resolved,
    /// Somebody had money of a payment sent back, or noted that it went by other means.
    Refunded,
    /// Somebody wrote down money that came by other means.
    Recorded,
    /// Somebody found out that what was written down was wrong.
    Voided,
    /// A key was made or revoked.
    KeyMade,
    KeyRevoked,
    /// A list was carried away as a file.
    Exported,
    /// Somebody had links made out of the rows of a file.
    Ran,
    /// Whoever runs the platform looked at something, with a key that may only read, or at everything to carry it away.
    Read,
}

impl AuditAction {
    pub const ALL: [Self; 11] = [
        Self::Written,
        Self::Deleted,
        Self::Resolved,
        Self::Refunded,
        Self::Recorded,
        Self::Voided,
        Self::KeyMade,
        Self::KeyRevoked,
        Self::Exported,
        Self::Ran,
        Self::Read,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Deleted => "deleted",
            Self::Resolved => "resolved",
            Self::Refunded => "refunded",
            Self::Recorded => "recorded",
            Self::Voided => "voided",
            Self::KeyMade => "key_made",
            Self::KeyRevoked => "key_revoked",
            Self::Exported => "exported",
            Self::Ran => "ran",
            Self::Read => "read",
        }
    }
}

/// What something was done to: its kind, as `object` calls it in the API, and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub kind: String,
    pub id: String,
}

impl Subject {
    pub fn new(kind: &str, id: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), id: id.into() }
    }
}

/// One value that changed, by an RFC 6901 JSON pointer. A secret is never among them: of credentials only the version is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    /// Null where there was nothing.
    #[serde(default)]
    pub from: Value,
    /// Null where there is nothing any more.
    #[serde(default)]
    pub to: Value,
}

/// One entry of a business's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub author: Author,
    pub action: AuditAction,
    pub subject: Subject,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
}

/// What differs between two states of a record, value by value. Records are small, and so is what differs.
pub fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare(String::new(), before, after, &mut found);
    found
}

fn compare(at: String, before: &Value, after: &Value, found: &mut Vec<FieldChange>) {
    const NOTHING: &Value = &Value::Null;
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(_) | Value::Null, Value::Object(_) | Value::Null) => {
            let names = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
            let mut all: Vec<String> = names(before);
            all.extend(names(after));
            all.sort();
            all.dedup();
            for name in all {
                let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                compare(pointer, before.get(&name).unwrap_or(NOTHING), after.get(&name).unwrap_or(NOTHING), found);
            }
        }
        (before, after) => found.push(FieldChange { field: at, from: before.clone(), to: after.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_named_value_by_value() {
        let before = json!({ "name": "Main", "online": { "gateway": "sep", "enabled": true }, "list": [1], "gone": 1 });
        let after =
            json!({ "name": "Main", "online": { "gateway": "zibal", "enabled": true }, "list": [1, 2], "a/b": 2 });
        let found: Vec<_> = changes(&before, &after).into_iter().map(|one| (one.field, one.from, one.to)).collect();
        let expected = [
            ("/a~1b", json!(null), json!(2)),
            ("/gone", json!(1), json!(null)),
            ("/list", json!([1]), json!([1, 2])),
            ("/online/gateway", json!("sep"), json!("zibal")),
        ];
        assert_eq!(found, expected.map(|(field, from, to)| (field.to_owned(), from, to)));
        assert_eq!(changes(&before, &before), []);
        let made: Vec<_> =
            changes(&Value::Null, &json!({ "a": { "b": 1 } })).into_iter().map(|one| one.field).collect();
        assert_eq!(made, ["/a/b"]);
    }

    #[test]
    fn an_actor_is_an_id_and_no_text() {
        assert!(Actor::parse("user-17").is_ok() && Actor::parse("a@example.com").is_ok());
        for bad in ["", "two words", "نام", &"a".repeat(65)] {
            assert_eq!(Actor::parse(bad).unwrap_err().code, "invalid_actor", "{bad}");
        }
    }
}

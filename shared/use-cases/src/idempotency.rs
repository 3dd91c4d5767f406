//! How a repeated request is known: by the key that its caller gave it, and by its body.

use std::collections::BTreeMap;

use domain::idempotency::RequestFingerprint;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What came of a request that may come twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    New(T),
    /// The request was answered before. This is what it is about, as that is now.
    Repeated(T),
}

/// The caller and the content of a request, by which the request is recognised when it comes again.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The key belongs to the integration and not to one of its API keys, so that it outlives one that is rotated.
    pub integration: &'a str,
    pub idempotency_key: Option<&'a str>,
    /// What is asked for: the address that was called.
    pub path: &'a str,
    pub body: &'a Value,
}

impl Asked<'_> {
    /// What a record remembers of a request that came with an idempotency key.
    pub fn fingerprint(&self) -> Option<RequestFingerprint> {
        let key = Value::from(vec![self.integration, self.path, self.idempotency_key?]);
        Some(RequestFingerprint { key: short(hash_of(&key)), body: short(hash_of(self.body)) })
    }
}

/// Half of a SHA-256 is more than enough among the few requests that a record remembers.
fn short(mut hash: String) -> String {
    hash.truncate(32);
    hash
}

/// A hash that does not depend on the order of fields or on white space.
pub fn hash_of(body: &Value) -> String {
    fn feed(hash: &mut Sha256, value: &Value) {
        match value {
            Value::Object(fields) => {
                hash.update(b"{");
                for (name, value) in fields.iter().collect::<BTreeMap<_, _>>() {
                    feed(hash, &Value::String(name.clone()));
                    feed(hash, value);
                }
                hash.update(b"}");
            }
            Value::Array(entries) => {
                hash.update(b"[");
                for entry in entries {
                    feed(hash, entry);
                }
                hash.update(b"]");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                hash.update(value.to_string().as_bytes());
                hash.update(b",");
            }
        }
    }
    let mut hash = Sha256::new();
    feed(&mut hash, body);
    // Half of it tells requests apart, and every link keeps it.
    bs58::encode(hash.finalize().get(..16).unwrap_or_default()).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_hash_of_a_body_depends_on_its_content_only() {
        let one = hash_of(&serde_json::from_str(r#"{"a":1,"b":[1,"2"]}"#).unwrap());
        assert_eq!(one, hash_of(&serde_json::from_str(r#" { "b" : [1, "2"], "a":1 }"#).unwrap()));
        assert_ne!(one, hash_of(&json!({ "a": 1, "b": [1, 2] })));
        assert_ne!(one, hash_of(&json!({ "a": 1, "b": ["2", 1] })));
        assert_ne!(hash_of(&json!({ "a": ["1,"] })), hash_of(&json!({ "a": ["1", ""] })));
    }

    #[test]
    fn a_request_is_known_by_who_asks_for_what_under_which_key() {
        let body = json!({ "reason": "typing error" });
        let asked = Asked { integration: "crm", idempotency_key: Some("k-1"), path: "/cancel", body: &body };
        let known = asked.fingerprint().unwrap();
        assert_eq!(asked.fingerprint().as_ref(), Some(&known));
        for other in [
            Asked { integration: "shop", ..asked },
            Asked { idempotency_key: Some("k-2"), ..asked },
            Asked { path: "/messages", ..asked },
        ] {
            assert_ne!(other.fingerprint().unwrap().key, known.key, "{other:?}");
        }
        let other = json!({ "reason": "sold elsewhere" });
        let changed = Asked { body: &other, ..asked }.fingerprint().unwrap();
        assert_eq!(changed.key, known.key);
        assert_ne!(changed.body, known.body);
    }

    #[test]
    fn without_a_key_every_request_is_a_new_one() {
        let body = json!({});
        let asked = Asked { integration: "crm", idempotency_key: None, path: "/cancel", body: &body };
        assert_eq!(asked.fingerprint(), None);
    }
}

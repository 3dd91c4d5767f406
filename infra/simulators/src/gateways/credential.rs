//! Merchant ids and API keys as the books keep them.

use serde::{Deserialize, Serialize};

use super::digest::sha256;

/// A merchant id or API key as the books keep it: enough to recognise it, too little to use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credential {
    pub(super) fingerprint: String,
    pub(super) last4: String,
}

impl Credential {
    pub(super) fn of(secret: &str) -> Self {
        let last4 = secret.char_indices().nth_back(3).map_or(secret, |(at, _)| &secret[at..]);
        Self { fingerprint: sha256(secret.as_bytes()), last4: last4.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::Credential;

    #[test]
    fn a_credential_shows_its_last_characters_only() {
        assert_eq!(Credential::of("sk_test_12345678").last4, "5678");
        assert_eq!(Credential::of("abc").last4, "abc");
    }
}

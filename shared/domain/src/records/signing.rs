//! What is sent to an address of the CRM's own is signed with: versions of a secret, of which an earlier one signs
//! beside its successor for a while, so that the CRM can change over. The secrets themselves lie apart.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::CredentialsVersion;

/// Which versions of a secret sign, the newest last. Earlier ones sign as well until they end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningVersions(Vec<SigningVersion>);

/// Which version of a secret signs, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SigningVersion {
    version: CredentialsVersion,
    /// Exclusive; absent for the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<Timestamp>,
}

impl SigningVersions {
    /// The first version.
    pub fn first(version: CredentialsVersion) -> Self {
        Self(vec![SigningVersion { version, valid_until: None }])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn newest(&self) -> Option<&CredentialsVersion> {
        self.0.last().map(|newest| &newest.version)
    }

    /// The versions that sign at this moment, the newest first.
    pub fn at(&self, now: Timestamp) -> impl Iterator<Item = &CredentialsVersion> {
        let signs = move |one: &&SigningVersion| one.valid_until.is_none_or(|until| now < until);
        self.0.iter().rev().filter(signs).map(|one| &one.version)
    }

    /// With a new version in place; the present one signs for as long as `overlap` says.
    #[must_use]
    pub fn rotated(&self, version: CredentialsVersion, overlap: SignedDuration, now: Timestamp) -> Self {
        let until = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
        let ending = self.0.iter().cloned().map(|known| SigningVersion {
            valid_until: Some(known.valid_until.map_or(until, |ends| ends.min(until))),
            ..known
        });
        let left = ending.filter(|known| known.valid_until.is_none_or(|ends| now < ends));
        Self(left.chain([SigningVersion { version, valid_until: None }]).collect())
    }
}

/// A secret that signs, in the form of Standard Webhooks: `whsec_` and base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    value: String,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret([secret])")
    }
}

impl SigningSecret {
    /// `value` in the form of Standard Webhooks.
    pub fn new(value: String) -> Self {
        Self { value }
    }

    /// The secret itself. It must not be logged.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_secret_signs_for_a_while_beside_the_new_one() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let version = |name: &str| CredentialsVersion::parse(name).unwrap();
        let minute = SignedDuration::from_secs(60);
        let rotated = SigningVersions::first(version("one")).rotated(version("two"), minute, at(0));
        let signing = |versions: &SigningVersions, second| versions.at(at(second)).cloned().collect::<Vec<_>>();
        assert_eq!(signing(&rotated, 59), [version("two"), version("one")]);
        assert_eq!(signing(&rotated, 60), [version("two")]);
        assert_eq!(rotated.newest(), Some(&version("two")));
        let again = rotated.rotated(version("three"), minute, at(30));
        assert_eq!(signing(&again, 59), [version("three"), version("two"), version("one")], "no end is put off");
        assert_eq!(signing(&again, 60), [version("three"), version("two")]);
        let at_once = again.rotated(version("four"), SignedDuration::ZERO, at(30));
        assert_eq!(signing(&at_once, 30), [version("four")], "one that leaked is gone at once");
        assert!(!format!("{:?}", SigningSecret::new("whsec_b25l".to_owned())).contains("whsec_"));
    }
}

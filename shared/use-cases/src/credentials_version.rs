//! Versions of what is secret: an account's credentials, a provider's secret. A version is written once and never changed.

use domain::ids::CredentialsVersion;
use domain::{Rejection, Timestamp};

/// A new version. Versions sort by time; the suffix keeps two of one millisecond apart.
pub fn new_version(now: Timestamp, suffix: [u8; 4]) -> Result<CredentialsVersion, Rejection> {
    CredentialsVersion::parse(&format!("{:013}-{}", now.as_millisecond(), hex::encode(suffix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_by_time() {
        let version = |millisecond| {
            let now = Timestamp::from_millisecond(millisecond).unwrap();
            new_version(now, [0xab, 0, 0, 1]).unwrap().as_str().to_owned()
        };
        assert_eq!(version(1_800_000_000_000), "1800000000000-ab000001");
        assert!(version(999) < version(1_000));
    }
}

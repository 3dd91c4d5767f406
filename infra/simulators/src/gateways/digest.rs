//! The digest by which simulators recognise what they do not keep.

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes` in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

//! The random ids that simulators give out.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Random ids. The one step that can fail, asking the system for a seed, happens at the start.
pub(super) struct Ids {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl Ids {
    pub(super) fn seeded() -> io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { seed, drawn: AtomicU64::new(0) })
    }

    /// Letters and digits.
    pub(super) fn text(&self, length: usize) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        self.bytes().take(length).map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
    }

    /// A number of exactly twelve digits.
    pub(super) fn number(&self) -> u64 {
        let drawn = self.bytes().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(byte));
        100_000_000_000 + drawn % 900_000_000_000
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        let seed = self.seed;
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
        (0_u64..).flat_map(move |block| {
            Sha256::new()
                .chain_update(seed)
                .chain_update(draw.to_be_bytes())
                .chain_update(block.to_be_bytes())
                .finalize()
        })
    }
}

/// The seed is left out, because it tells every id to come.
impl fmt::Debug for Ids {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ids").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;
    use crate::gateways::testing::TestResult;

    #[test]
    fn ids_have_the_length_asked_for_and_do_not_repeat() -> TestResult {
        let ids = Ids::seeded()?;
        let (first, second) = (ids.text(35), ids.text(35));
        assert_eq!(first.len(), 35);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(first, second);
        assert_eq!(ids.number().to_string().len(), 12);
        Ok(())
    }
}

//! A change is decided on what there is and written over exactly that. Where somebody else was faster, it is decided again
//! on what there is then:
//!
//! ```text
//! let mut tries = Tries::default();
//! loop {
//!     tries.another()?;
//!     // Read, decide, write; return where it was written or refused.
//! }
//! ```

use store::MAX_CONTENDED_TRIES;

/// Others were faster each time that a change was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("others changed the same thing each time that the change was decided")]
pub struct KeepsChanging;

/// The tries of one change.
#[derive(Debug, Default)]
pub(crate) struct Tries(usize);

impl Tries {
    /// Begins another try, unless there were enough.
    pub(crate) fn another(&mut self) -> Result<(), KeepsChanging> {
        if self.0 >= MAX_CONTENDED_TRIES {
            return Err(KeepsChanging);
        }
        self.0 += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_never_gets_through_is_given_up() {
        let mut tries = Tries::default();
        for _ in 0..MAX_CONTENDED_TRIES {
            assert_eq!(tries.another(), Ok(()));
        }
        assert_eq!(tries.another(), Err(KeepsChanging));
    }
}

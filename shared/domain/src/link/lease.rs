//! For how long work belongs to the run that leased it.

use jiff::SignedDuration;

/// How long leased work belongs to the run that leased it: nobody else takes the work within this time. It is a little
/// less than the minute between two sweeps, so that a sweep which comes a moment earlier in its minute than the last
/// one still finds the work that the last one leased.
pub const LEASE: SignedDuration = SignedDuration::from_secs(57);

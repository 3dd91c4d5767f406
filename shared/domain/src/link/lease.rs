//! For how long work belongs to the run that leased it, and instants that lie later than others.

use jiff::{SignedDuration, Timestamp};

/// How long leased work belongs to the run that leased it: nobody else takes the work within this time. It is a little
/// less than the minute between two sweeps, so that a sweep which comes a moment earlier in its minute than the last
/// one still finds the work that the last one leased.
pub const LEASE: SignedDuration = SignedDuration::from_secs(57);

/// The sum of an instant and a pause. A sum beyond representable time is the end of it: late, and never early.
pub(crate) fn later(from: Timestamp, pause: SignedDuration) -> Timestamp {
    from.checked_add(pause).unwrap_or(Timestamp::MAX)
}

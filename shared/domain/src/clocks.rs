//! What is held of clocks, and instants that lie later than others.

use jiff::{SignedDuration, Timestamp};

/// Clocks of functions, and those of whoever tells us of an instant, differ by less than this.
pub const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_mins(5);

/// So long after a business was changed nobody works with what they knew before: a process remembers it for half a minute, a
/// call that is decided by it takes at most half a minute more, and a read and a write with all their tries seven seconds
/// each. Clocks differ by less than the rest.
const KNOWN_EVERYWHERE_AFTER: SignedDuration = SignedDuration::from_secs(90);

/// When everybody knows what was changed at an instant.
pub fn known_everywhere_at(changed_at: Timestamp) -> Timestamp {
    later(changed_at, KNOWN_EVERYWHERE_AFTER)
}

/// The sum of an instant and a pause. A sum beyond representable time is the end of it: late, and never early.
pub fn later(from: Timestamp, pause: SignedDuration) -> Timestamp {
    from.checked_add(pause).unwrap_or(Timestamp::MAX)
}

/// An instant that lies so much before another.
pub fn earlier(than: Timestamp, pause: SignedDuration) -> Timestamp {
    than.checked_sub(pause).unwrap_or(Timestamp::MIN)
}

//! Feeds any JSON as a link that is read back from the table. What can be read must be written down and read again as the
//! same, or each change of a link would change something that nobody decided; and what is asked of every link, at any
//! time, must have an answer.

#![no_main]

use domain::Timestamp;
use domain::link::{LinkStatus, PaymentLink, Visit};
use libfuzzer_sys::fuzz_target;
use serde_json::{from_value, to_value};

fuzz_target!(|data: &[u8]| {
    let Ok(link) = serde_json::from_slice::<PaymentLink>(data) else { return };
    let stored = to_value(&link).expect("a link can be written down");
    let again: PaymentLink = from_value(stored.clone()).expect("what was written down can be read");
    assert_eq!(again, link);
    assert_eq!(to_value(&again).unwrap(), stored);
    // No link changes so often that a counter comes to its end.
    if link.version() > 1 << 32 || link.outbox().as_slice().iter().any(|one| one.sequence > 1 << 30) {
        return;
    }
    assert!(link.url().ends_with(link.token().expose()));
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, link.created_at(), link.terms().expires_at, Timestamp::MAX] {
        let status = link.status_at(now);
        match link.visit(now) {
            Visit::Paid => assert!(matches!(status, LinkStatus::Paid { .. })),
            Visit::Begin | Visit::Continue { .. } => assert_eq!(status, LinkStatus::Active),
            Visit::Cancelled
            | Visit::Confirming
            | Visit::Expired
            | Visit::OnHold
            | Visit::Replaced
            | Visit::TooManyAttempts
            | Visit::UnderReview => {}
        }
        if let Some((taken, _)) = link.lease_due(None, now) {
            assert_eq!(taken.version(), link.version() + 1);
        }
    }
});

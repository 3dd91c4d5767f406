//! What the gateways that show refunds and disputes have in common: how their lists make one answer.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::gateway::{Aftermath, AftermathAnswer, ShownDispute, ShownRefund, ShownState};
use serde_json::Value;

use crate::is_word;

/// The pages of a list, and whether none is left.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_whole: bool,
}

impl<T> Pages<T> {
    /// Each as it is shown, or what of one cannot be read.
    pub(crate) fn shown<S>(&self, one: impl Fn(&T) -> Result<S, &'static str>) -> Result<Pages<S>, &'static str> {
        let items: Result<Vec<S>, _> = self.items.iter().map(one).collect();
        Ok(Pages { items: items?, is_whole: self.is_whole })
    }
}

/// What became of a payment by its refunds and disputes. `is_explained` says whether the payment itself counts no more than
/// they do, from what went back or still may in minor units, and from the disputes; otherwise something is missing in the
/// lists.
pub(crate) fn shown(
    refunds: Result<Pages<ShownRefund>, &'static str>,
    disputes: Result<Pages<ShownDispute>, &'static str>,
    is_explained: impl FnOnce(i64, &[ShownDispute]) -> bool,
) -> AftermathAnswer {
    let (refunds, disputes) = match (refunds, disputes) {
        (Ok(refunds), Ok(disputes)) => (refunds, disputes),
        (Err(why), _) | (_, Err(why)) => return unreadable(why),
    };
    let of_refunds = refunds.items.iter().map(|one| one.reference.as_str());
    let of_disputes = disputes.items.iter().map(|one| one.reference.as_str());
    if !are_words_of_their_own(of_refunds.chain(of_disputes)) {
        return unreadable("a list with an id that is none, or is there twice");
    }
    let alive = refunds.items.iter().filter(|refund| !matches!(refund.state, ShownState::Failed { .. }));
    let back = alive.fold(0_i64, |sum, refund| sum.saturating_add(refund.amount));
    let is_whole = refunds.is_whole && disputes.is_whole && is_explained(back, &disputes.items);
    AftermathAnswer::Shown(Aftermath { refunds: refunds.items, disputes: disputes.items, is_whole })
}

/// An answer about a payment of which a part cannot be read.
pub(crate) fn unreadable(why: &str) -> AftermathAnswer {
    AftermathAnswer::Unknown { why: why.to_owned() }
}

/// An instant that is written in seconds, and none where that is zero.
pub(crate) fn instant_of_seconds(value: &Value) -> Option<Timestamp> {
    Timestamp::from_second(value.as_i64().filter(|second| *second > 0)?).ok()
}

/// Whether every reference is a word and there once. A list that was changed while its pages were read can name one twice.
fn are_words_of_their_own<'a>(mut references: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = BTreeSet::new();
    references.all(|reference| is_word(reference) && seen.insert(reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_or_is_no_word_is_no_id() {
        for (references, expected) in [
            (&["re_1", "re_2"][..], true),
            (&[], true),
            (&["re_1", "re_1"], false),
            (&["re_1", ""], false),
            (&["../x"], false),
        ] {
            assert_eq!(are_words_of_their_own(references.iter().copied()), expected, "{references:?}");
        }
    }
}

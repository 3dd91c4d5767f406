//! How the facts about a link are written in the index of lists: one short text, because each entry of an index is paid for by
//! its size and an attribute's name counts too.

use domain::Timestamp;
use domain::ids::AccountId;
use domain::link::{LinkFacts, LinkStatusKind};
use domain::money::{Currency, Money};

const OPENED: char = 'o';
const BEGUN: char = 'b';
const NEEDS_REVIEW: char = 'r';
const MESSAGE_FAILED: char = 'm';

/// `{status}{flags} {expires_at} {amount} {currency} {account}`, such as `ao 1764930000 1500000 IRR main`. The account comes
/// last, because it is what is longest.
pub(crate) fn written(facts: &LinkFacts) -> String {
    let status = match facts.status {
        LinkStatusKind::Active => 'a',
        LinkStatusKind::Paid => 'p',
        LinkStatusKind::Expired => 'e',
        LinkStatusKind::Cancelled => 'c',
    };
    let flags = [
        (facts.is_opened, OPENED),
        (facts.is_begun, BEGUN),
        (facts.needs_review, NEEDS_REVIEW),
        (facts.message_failed, MESSAGE_FAILED),
    ];
    let flags: String = flags.iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| flag).collect();
    let (amount, currency) = (facts.amount.minor_units(), facts.amount.currency().code());
    format!("{status}{flags} {} {amount} {currency} {}", facts.expires_at.as_second(), facts.account_id)
}

/// The facts of an index entry. What cannot be read says nothing, and its link is read instead.
pub(crate) fn read(text: &str) -> Option<LinkFacts> {
    let mut parts = text.split(' ');
    let mut letters = parts.next()?.chars();
    let status = match letters.next()? {
        'a' => LinkStatusKind::Active,
        'p' => LinkStatusKind::Paid,
        'e' => LinkStatusKind::Expired,
        'c' => LinkStatusKind::Cancelled,
        _ => return None,
    };
    let flags: String = letters.collect();
    let expires_at = Timestamp::from_second(parts.next()?.parse().ok()?).ok()?;
    let amount = parts.next()?.parse().ok()?;
    let currency = Currency::parse(parts.next()?).ok()?;
    Some(LinkFacts {
        status,
        is_opened: flags.contains(OPENED),
        is_begun: flags.contains(BEGUN),
        needs_review: flags.contains(NEEDS_REVIEW),
        message_failed: flags.contains(MESSAGE_FAILED),
        amount: Money::new(amount, currency).ok()?,
        expires_at,
        account_id: AccountId::parse(parts.next()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest that there can be.
    fn facts() -> LinkFacts {
        LinkFacts {
            status: LinkStatusKind::Cancelled,
            is_opened: true,
            is_begun: true,
            needs_review: true,
            message_failed: true,
            amount: Money::new(i64::MAX, Currency::IRR).unwrap_or_else(|_| Money::new(1, Currency::IRR).unwrap()),
            expires_at: "2099-12-31T23:59:59Z".parse().unwrap(),
            account_id: AccountId::parse(&"a".repeat(64)).unwrap(),
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let few = LinkFacts {
            status: LinkStatusKind::Active,
            is_opened: false,
            is_begun: false,
            needs_review: false,
            message_failed: false,
            ..facts()
        };
        for one in [facts(), few] {
            assert_eq!(read(&written(&one)), Some(one));
        }
        for nothing in ["", "x 1 1 IRR main", "a 1 1 IRR", "a one 1 IRR main"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn facts_take_at_most_a_hundred_and_twenty_bytes() {
        assert!(written(&facts()).len() <= 120, "{}", written(&facts()));
    }
}

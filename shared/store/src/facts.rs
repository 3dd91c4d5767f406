//! How the facts about a link, a receipt or a message are written in the index of lists: one short text, because each entry
//! of an index is paid for by its size and an attribute's name counts too.

use domain::Timestamp;
use domain::gateway::Mode;
use domain::ids::AccountId;
use domain::link::{LinkFacts, LinkStatusKind, Receipt};
use domain::messages::channel::Channel;
use domain::messages::delivery::Metered;
use domain::messages::provider_profile::ProviderKind;
use domain::money::{Currency, Money};

const OPENED: char = 'o';
const BEGUN: char = 'b';
const NEEDS_REVIEW: char = 'r';
const MESSAGE_FAILED: char = 'm';
const SANDBOX: char = 's';

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
        (facts.mode == Mode::Sandbox, SANDBOX),
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
        mode: if flags.contains(SANDBOX) { Mode::Sandbox } else { Mode::Live },
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

/// `{mode} {amount} {currency}`, such as `live 1500000 IRR`.
pub(crate) fn of_receipt(receipt: &Receipt) -> String {
    format!("{} {} {}", receipt.mode.as_str(), receipt.money.minor_units(), receipt.money.currency().code())
}

/// What is in [`of_receipt`].
pub(crate) fn read_receipt(text: &str) -> Option<(Mode, Money)> {
    let mut parts = text.split(' ');
    let mode = Mode::parse(parts.next()?).ok()?;
    let amount = parts.next()?.parse().ok()?;
    Some((mode, Money::new(amount, Currency::parse(parts.next()?).ok()?).ok()?))
}

/// `{channel} {provider} {segments}`, such as `sms kavenegar 2`.
pub(crate) fn of_message(message: Metered) -> String {
    format!("{} {} {}", message.channel.as_str(), message.provider.as_str(), message.segments)
}

/// What is in [`of_message`].
pub(crate) fn read_message(text: &str) -> Option<Metered> {
    let mut parts = text.split(' ');
    let channel = Channel::parse(parts.next()?).ok()?;
    let name = parts.next()?;
    let provider = ProviderKind::ALL.into_iter().find(|kind| kind.as_str() == name)?;
    Some(Metered { channel, provider, segments: parts.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest that there can be.
    fn facts() -> LinkFacts {
        LinkFacts {
            mode: Mode::Sandbox,
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
            mode: Mode::Live,
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
    fn what_a_message_counts_as_is_read_again() {
        for provider in ProviderKind::ALL {
            let message = Metered { channel: provider.profile().channel, provider, segments: 2 };
            assert_eq!(read_message(&of_message(message)), Some(message));
        }
        assert_eq!(read_message("sms pigeon 1"), None);
        let read = read_receipt("sandbox 1999 EUR");
        assert_eq!(read, Some((Mode::Sandbox, Money::new(1999, Currency::parse("EUR").unwrap()).unwrap())));
        assert_eq!(read_receipt("live EUR"), None);
    }

    #[test]
    fn facts_take_at_most_a_hundred_and_twenty_bytes() {
        assert!(written(&facts()).len() <= 120, "{}", written(&facts()));
    }
}

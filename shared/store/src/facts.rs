//! How the facts about a link, a receipt or a message are written in the index of lists: one short text, because each entry
//! of an index is paid for by its size and an attribute's name counts too.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, ReceiptTypeId};
use domain::link::{CreatorMark, LinkFacts, LinkStatusKind, ReceiptFacts, ReceiptKindName};
use domain::messages::channel::Channel;
use domain::messages::delivery::Metered;
use domain::messages::provider_profile::ProviderKind;
use domain::money::{Currency, Money};

const OPENED: char = 'o';
const BEGUN: char = 'b';
const NEEDS_REVIEW: char = 'r';
const MESSAGE_FAILED: char = 'm';
const HELD: char = 'h';
const PART_PAID: char = 'd';
const DUE_IN_PARTS: char = 'i';
const SANDBOX: char = 's';

/// The channels of a link's messages stand behind its flags, in capital letters.
const CHANNELS: [(Channel, char); 3] = [(Channel::Sms, 'S'), (Channel::Email, 'E'), (Channel::Social, 'N')];

/// That a link was opened, and by which channel first: in the place of [`OPENED`], in letters that no flag has.
const OPENED_BY: [(Channel, char); 3] = [(Channel::Sms, 'x'), (Channel::Email, 'y'), (Channel::Social, 'z')];

/// The gateway of a link's account stands behind these, in a capital letter that no channel has.
fn letter_of(gateway: GatewayKind) -> char {
    match gateway {
        GatewayKind::Zarinpal => 'Z',
        GatewayKind::Zibal => 'B',
        GatewayKind::Sep => 'P',
        GatewayKind::Stripe => 'T',
        GatewayKind::Mollie => 'M',
        GatewayKind::Razorpay => 'R',
    }
}

/// How long the facts of a link may be, in bytes.
const LARGEST: usize = 120;

/// Instead of what a link or a receipt does not have. No id has this character.
const NONE: &str = "~";

/// The end of what records something else than a payment.
const REFUND: &str = " refund";
const PAYMENT_VOID: &str = " payment-void";
const REFUND_VOID: &str = " refund-void";

/// `{status}{flags}{channels}{gateway} {expires_at} {due_at} {amount} {currency} {account} {created_by}`, such as
/// `aoSZ 69325580 ~ 16e360 IRR main 5b2f1c`: instants in seconds and amounts in minor units, both in hexadecimal digits, and
/// the mark of who made the link. What is left to pay stands behind that where some of it is paid. The names of accounts
/// can be so long that there is no room for that; then nothing is said, and the link is read itself.
pub(crate) fn written(facts: &LinkFacts) -> String {
    let status = match facts.status {
        LinkStatusKind::Active => 'a',
        LinkStatusKind::Paid => 'p',
        LinkStatusKind::Expired => 'e',
        LinkStatusKind::Cancelled => 'c',
        LinkStatusKind::Replaced => 'r',
    };
    let flags = [
        (facts.is_opened && facts.opened_by.is_none(), OPENED),
        (facts.is_begun, BEGUN),
        (facts.needs_review, NEEDS_REVIEW),
        (facts.message_failed, MESSAGE_FAILED),
        (facts.is_held, HELD),
        (facts.is_part_paid, PART_PAID),
        (facts.is_due_in_parts, DUE_IN_PARTS),
        (facts.mode == Mode::Sandbox, SANDBOX),
    ];
    let channels = CHANNELS.iter().filter(|(channel, _)| facts.channels.contains(channel)).map(|(_, letter)| letter);
    let opened_by = OPENED_BY.iter().filter(|(channel, _)| facts.opened_by == Some(*channel)).map(|(_, letter)| letter);
    let flags = flags.iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| flag);
    let flags: String = flags.chain(opened_by).chain(channels).collect();
    let gateway = letter_of(facts.gateway);
    let (amount, currency) = (facts.amount.minor_units(), facts.amount.currency().code());
    let due_at = facts.due_at.map_or(NONE.to_owned(), hexadecimal);
    let created_by = facts.created_by.as_ref().map_or(NONE, CreatorMark::as_str);
    let expires_at = hexadecimal(facts.expires_at);
    let account = &facts.account_id;
    let text = format!("{status}{flags}{gateway} {expires_at} {due_at} {amount:x} {currency} {account} {created_by}");
    let text = if facts.is_part_paid { format!("{text} {:x}", facts.amount_due.minor_units()) } else { text };
    if text.len() <= LARGEST { text } else { String::new() }
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
        'r' => LinkStatusKind::Replaced,
        _ => return None,
    };
    let flags: String = letters.collect();
    let gateway = GatewayKind::ALL.into_iter().find(|gateway| flags.contains(letter_of(*gateway)))?;
    let expires_at = instant(parts.next()?)?;
    let due_at = match parts.next()? {
        NONE => None,
        due_at => Some(instant(due_at)?),
    };
    let amount = money(&mut parts)?;
    let account_id = AccountId::parse(parts.next()?).ok()?;
    let created_by = match parts.next()? {
        NONE => None,
        mark => Some(CreatorMark::parse(mark)?),
    };
    let left = match (parts.next(), status) {
        (Some(left), _) => i64::from_str_radix(left, 16).ok()?,
        (None, LinkStatusKind::Active | LinkStatusKind::Expired) => amount.minor_units(),
        (None, LinkStatusKind::Paid | LinkStatusKind::Cancelled | LinkStatusKind::Replaced) => 0,
    };
    let opened_by = OPENED_BY.iter().find(|(_, letter)| flags.contains(*letter)).map(|(channel, _)| *channel);
    Some(LinkFacts {
        mode: if flags.contains(SANDBOX) { Mode::Sandbox } else { Mode::Live },
        status,
        is_opened: flags.contains(OPENED) || opened_by.is_some(),
        opened_by,
        is_begun: flags.contains(BEGUN),
        needs_review: flags.contains(NEEDS_REVIEW),
        message_failed: flags.contains(MESSAGE_FAILED),
        is_held: flags.contains(HELD),
        is_part_paid: flags.contains(PART_PAID),
        is_due_in_parts: flags.contains(DUE_IN_PARTS),
        amount,
        amount_due: amount.with(left),
        expires_at,
        due_at,
        account_id,
        gateway,
        created_by,
        channels: read_channels(&flags),
    })
}

fn read_channels(flags: &str) -> BTreeSet<Channel> {
    CHANNELS.iter().filter(|(_, letter)| flags.contains(*letter)).map(|(channel, _)| *channel).collect()
}

/// In seconds. What is due or ends before 1970 is nothing that anybody may ask for.
fn hexadecimal(at: Timestamp) -> String {
    format!("{:x}", at.as_second().max(0))
}

fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(i64::from_str_radix(text, 16).ok()?).ok()
}

/// An amount and its currency.
fn money<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<Money> {
    let amount = i64::from_str_radix(parts.next()?, 16).ok()?;
    Money::new(amount, Currency::parse(parts.next()?).ok()?).ok()
}

/// `{mode} {amount} {currency} {gateway} {account} {receipt type} {booked at} {fee}`, such as `live 16e360 IRR zarinpal main
/// online 69325580 ~`.
///
/// What records something else than a payment says so at its end.
pub(crate) fn of_receipt(facts: &ReceiptFacts) -> String {
    let ReceiptFacts { kind, mode, money, gateway, account_id, receipt_type_id, booked_at, fee } = facts;
    let (amount, currency) = (money.minor_units(), money.currency().code());
    let receipt_type = receipt_type_id.as_ref().map_or(NONE, ReceiptTypeId::as_str);
    let gateway = gateway.map_or(NONE, GatewayKind::as_str);
    let (mode, booked_at) = (mode.as_str(), hexadecimal(*booked_at));
    let fee = fee.map_or(NONE.to_owned(), |fee| fee.to_string());
    let kind = match kind {
        ReceiptKindName::Payment => "",
        ReceiptKindName::Refund => REFUND,
        ReceiptKindName::PaymentVoid => PAYMENT_VOID,
        ReceiptKindName::RefundVoid => REFUND_VOID,
    };
    format!("{mode} {amount:x} {currency} {gateway} {account_id} {receipt_type} {booked_at} {fee}{kind}")
}

/// What is in [`of_receipt`].
pub(crate) fn read_receipt(text: &str) -> Option<ReceiptFacts> {
    let mut parts = text.split(' ');
    let mode = Mode::parse(parts.next()?).ok()?;
    let money = money(&mut parts)?;
    let gateway = match parts.next()? {
        NONE => None,
        gateway => Some(GatewayKind::parse(gateway).ok()?),
    };
    let account_id = AccountId::parse(parts.next()?).ok()?;
    let receipt_type_id = match parts.next()? {
        NONE => None,
        id => Some(ReceiptTypeId::parse(id).ok()?),
    };
    let booked_at = instant(parts.next()?)?;
    let fee = match parts.next()? {
        NONE => None,
        fee => Some(fee.parse().ok()?),
    };
    let kind = match parts.next() {
        None => ReceiptKindName::Payment,
        Some(word) if word == REFUND.trim_start() => ReceiptKindName::Refund,
        Some(word) if word == PAYMENT_VOID.trim_start() => ReceiptKindName::PaymentVoid,
        Some(word) if word == REFUND_VOID.trim_start() => ReceiptKindName::RefundVoid,
        Some(_) => return None,
    };
    Some(ReceiptFacts { kind, mode, money, gateway, account_id, receipt_type_id, booked_at, fee })
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
    use domain::link::CreatedBy;
    use domain::money::LARGEST_AMOUNT;

    /// The longest that there can be.
    fn longest() -> LinkFacts {
        LinkFacts { account_id: AccountId::parse(&"a".repeat(64)).unwrap(), ..facts() }
    }

    fn facts() -> LinkFacts {
        LinkFacts {
            mode: Mode::Sandbox,
            status: LinkStatusKind::Cancelled,
            is_opened: true,
            opened_by: Some(Channel::Social),
            is_begun: true,
            needs_review: true,
            message_failed: true,
            is_held: true,
            is_part_paid: true,
            is_due_in_parts: true,
            amount: Money::new(LARGEST_AMOUNT, Currency::IRR).unwrap(),
            amount_due: Money::new(LARGEST_AMOUNT - 1, Currency::IRR).unwrap(),
            expires_at: "2099-12-31T23:59:59Z".parse().unwrap(),
            due_at: Some("2099-12-31T23:59:59Z".parse().unwrap()),
            account_id: AccountId::parse(&"a".repeat(47)).unwrap(),
            gateway: GatewayKind::Razorpay,
            created_by: Some(CreatedBy::parse(&"u".repeat(64)).unwrap().mark()),
            channels: Channel::ALL.into(),
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let few = LinkFacts {
            mode: Mode::Live,
            status: LinkStatusKind::Active,
            is_opened: false,
            opened_by: None,
            is_begun: false,
            needs_review: false,
            message_failed: false,
            is_held: false,
            is_part_paid: false,
            is_due_in_parts: false,
            amount_due: Money::new(LARGEST_AMOUNT, Currency::IRR).unwrap(),
            due_at: None,
            created_by: None,
            channels: BTreeSet::new(),
            ..facts()
        };
        let opened = LinkFacts { is_opened: true, opened_by: None, ..few.clone() };
        let by_each =
            Channel::ALL.map(|channel| LinkFacts { is_opened: true, opened_by: Some(channel), ..few.clone() });
        let at_each = GatewayKind::ALL.map(|gateway| LinkFacts { gateway, ..few.clone() });
        for one in [facts(), opened].into_iter().chain(by_each).chain(at_each) {
            assert_eq!(read(&written(&one)), Some(one));
        }
        for nothing in [
            "",
            "xZ 1 ~ 1 IRR main ~",
            "aZ 1 ~ 1 IRR",
            "aZ 1 ~ 1 IRR main",
            "aZ one ~ 1 IRR main ~",
            "a 1 ~ 1 IRR main ~",
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_a_receipt_is_found_by_is_read_again() {
        let facts = ReceiptFacts {
            kind: ReceiptKindName::Refund,
            mode: Mode::Sandbox,
            money: Money::new(1999, Currency::parse("EUR").unwrap()).unwrap(),
            gateway: Some(GatewayKind::Stripe),
            account_id: AccountId::parse("euro").unwrap(),
            receipt_type_id: ReceiptTypeId::parse("online").ok(),
            booked_at: "2026-11-29T06:28:04Z".parse().unwrap(),
            fee: Some(-55),
        };
        let outside = ReceiptFacts { gateway: None, ..facts.clone() };
        let of_each_kind = ReceiptKindName::ALL.map(|kind| ReceiptFacts { kind, ..facts.clone() });
        for one in [ReceiptFacts { receipt_type_id: None, fee: None, ..facts }, outside].into_iter().chain(of_each_kind)
        {
            assert_eq!(read_receipt(&of_receipt(&one)), Some(one));
        }
        assert_eq!(read_receipt("live 7cf EUR stripe euro online 69325580 ~ novelty"), None);
        assert_eq!(read_receipt("live 7cf EUR"), None);
    }

    #[test]
    fn what_a_message_counts_as_is_read_again() {
        for provider in ProviderKind::ALL {
            let message = Metered { channel: provider.profile().channel, provider, segments: 2 };
            assert_eq!(read_message(&of_message(message)), Some(message));
        }
        assert_eq!(read_message("sms pigeon 1"), None);
    }

    #[test]
    fn facts_take_at_most_a_hundred_and_twenty_bytes() {
        for is_part_paid in [false, true] {
            let written = written(&LinkFacts { is_part_paid, ..longest() });
            assert!(written.len() <= LARGEST, "{written}");
        }
    }

    #[test]
    fn a_link_is_read_itself_where_its_facts_have_no_room_for_what_is_left() {
        assert_eq!(read(&written(&longest())), None);
        let few = LinkFacts { is_part_paid: false, is_due_in_parts: false, ..longest() };
        assert!(read(&written(&few)).is_some());
    }
}

//! Every key of the table, by what it is for.
//!
//! Partitions are divided by who may read them, so that a function's role can be confined to leading keys:
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `keys` | `api-key#{sha256}`, `secret#pay-token` | hashed API keys, the secret that idempotent tokens derive from |
//! | `config` | `settings`, `account#{id}`, `receipt-type#{id}`, `provider#{id}`, `template#{kind}#{channel}#{locale}` | what the business set |
//! | `logo#{hash}` | `logo` | a picture that the settings name or named, immutable |
//! | `credentials#{account}` | `v#{version}` | gateway credentials, immutable |
//! | `provider-secret#{id}` | `v#{version}` | what a provider proves itself with, immutable |
//! | `webhooks` | `endpoint#{id}` | the CRM's endpoints with their signing secrets |
//! | `contact#{id}` | `contact` | a contact |
//! | `item#{id}` | `item`, `receipt#{field}#{receipt}` | an item and the receipts attached to its fields |
//! | `link#{id}` | `link`, `message#{id}`, `event#{number}` | a payment link, what became of its messages, what the CRM was told |
//! | `provider-message#{id}` | `message` | which message a provider's own id stands for, for some days |
//! | `receipt#{id}` | `receipt` | a receipt |
//! | `reference#{id}` | `reference` | which links had a `reference_id` |
//! | `claim#{gateway}#…` | `claim` | a gateway's reference that paid once |
//! | `heartbeat#{function}` | `heartbeat` | when a schedule last ran well |
//!
//! The indexes hold keys only. `due` is sparse: what time has nothing to do with any more is not in it. `by-day` also
//! lists contacts and items, each kind in one partition: a partition takes a thousand new entries a second, and that
//! many records are new at once only while a business imports all of its own.

use domain::Timestamp;
use domain::business::logo::LogoHash;
use domain::ids::{
    AccountId, ContactId, CredentialsVersion, EndpointId, EventId, FieldKey, ItemId, LinkId, MessageId, ProviderId,
    ReceiptId, ReceiptTypeId, ReferenceId,
};
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use sha2::{Digest, Sha256};

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";

/// The attributes of the indexes. Their names are the literals of the template.
pub(crate) const DUE_INDEX: &str = "due";
pub(crate) const DUE_KIND: &str = "due_kind";
pub(crate) const DUE_AT: &str = "due_at";
pub(crate) const BY_CONTACT_INDEX: &str = "by-contact";
pub(crate) const BY_CONTACT: &str = "by_contact";
pub(crate) const BY_ITEM_INDEX: &str = "by-item";
pub(crate) const BY_ITEM: &str = "by_item";
pub(crate) const BY_DAY_INDEX: &str = "by-day";
pub(crate) const BY_DAY: &str = "by_day";
pub(crate) const LISTED_AT: &str = "listed_at";

/// A random mark on every write of a link and of the records that are changed in part. A write whose answer was lost is
/// sent again by the SDK, fails its condition and finds its own mark: it had been applied.
pub(crate) const WRITE_ID: &str = "write_id";

/// The second after which DynamoDB may forget an item.
pub(crate) const FORGET_AT: &str = "forget_at";

/// An attribute of every item whose writing somebody has to be told, and of no other: the stream's filter looks for it.
pub(crate) const NEEDS_DELIVERY: &str = "needs_delivery";

/// Over how many partitions each kind of due work is spread, so that many links due in one second do not meet the
/// limit of a single partition.
pub const DUE_SHARDS: u8 = 16;

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

pub(crate) const KEYS_PARTITION: &str = "keys";
pub(crate) const API_KEY_PREFIX: &str = "api-key#";
pub(crate) const TOKEN_SECRET: &str = "secret#pay-token";
pub(crate) const CONFIGURATION_PARTITION: &str = "config";
pub(crate) const WEBHOOKS_PARTITION: &str = "webhooks";
pub(crate) const LINK_SK: &str = "link";
pub(crate) const MESSAGE_PREFIX: &str = "message#";
pub(crate) const EVENT_PREFIX: &str = "event#";
pub(crate) const ITEM_SK: &str = "item";
pub(crate) const ATTACHMENT_PREFIX: &str = "receipt#";

pub(crate) fn api_key(hash: &str) -> Key {
    Key::new(KEYS_PARTITION, format!("{API_KEY_PREFIX}{hash}"))
}

pub(crate) fn token_secret() -> Key {
    Key::new(KEYS_PARTITION, TOKEN_SECRET)
}

pub(crate) fn heartbeat(function: &str) -> Key {
    Key::new(format!("heartbeat#{function}"), "heartbeat")
}

pub(crate) fn settings() -> Key {
    Key::new(CONFIGURATION_PARTITION, "settings")
}

/// Not in the configuration partition, which every function reads whole.
pub(crate) fn logo(hash: &LogoHash) -> Key {
    Key::new(format!("logo#{}", hash.as_str()), "logo")
}

pub(crate) fn account(id: &AccountId) -> Key {
    Key::new(CONFIGURATION_PARTITION, format!("account#{id}"))
}

pub(crate) fn receipt_type(id: &ReceiptTypeId) -> Key {
    Key::new(CONFIGURATION_PARTITION, format!("receipt-type#{id}"))
}

pub(crate) fn provider(id: &ProviderId) -> Key {
    Key::new(CONFIGURATION_PARTITION, format!("provider#{id}"))
}

pub(crate) fn provider_secret(id: &ProviderId, version: &CredentialsVersion) -> Key {
    Key::new(format!("provider-secret#{id}"), format!("v#{version}"))
}

pub(crate) fn template(kind: MessageKind, channel: Channel, locale: &Locale) -> Key {
    let sk = format!("template#{}#{}#{}", kind.as_str(), channel.as_str(), locale.as_str());
    Key::new(CONFIGURATION_PARTITION, sk)
}

pub(crate) fn credentials(account: &AccountId, version: &CredentialsVersion) -> Key {
    Key::new(credentials_partition(account), format!("v#{version}"))
}

pub(crate) fn credentials_partition(account: &AccountId) -> String {
    format!("credentials#{account}")
}

pub(crate) fn contact(id: &ContactId) -> Key {
    Key::new(format!("contact#{id}"), "contact")
}

pub(crate) fn item(id: &ItemId) -> Key {
    Key::new(format!("item#{id}"), ITEM_SK)
}

pub(crate) fn attachment(item: &ItemId, field: &FieldKey, receipt: &ReceiptId) -> Key {
    Key::new(format!("item#{item}"), format!("{ATTACHMENT_PREFIX}{field}#{receipt}"))
}

pub(crate) fn link(id: &LinkId) -> Key {
    Key::new(format!("link#{id}"), LINK_SK)
}

pub(crate) fn message(link: &LinkId, id: &MessageId) -> Key {
    Key::new(format!("link#{link}"), format!("{MESSAGE_PREFIX}{id}"))
}

pub(crate) fn provider_message(provider_id: &str) -> Key {
    Key::new(format!("provider-message#{provider_id}"), "message")
}

pub(crate) fn event(link: &LinkId, sequence: u32) -> Key {
    Key::new(format!("link#{link}"), format!("{EVENT_PREFIX}{sequence:010}"))
}

pub(crate) fn endpoint(id: &EndpointId) -> Key {
    Key::new(WEBHOOKS_PARTITION, format!("endpoint#{id}"))
}

pub(crate) fn receipt(id: &ReceiptId) -> Key {
    Key::new(format!("receipt#{id}"), "receipt")
}

pub(crate) fn reference(id: &ReferenceId) -> Key {
    Key::new(format!("reference#{id}"), "reference")
}

pub(crate) fn claim(claim: &str) -> Key {
    Key::new(format!("claim#{claim}"), "claim")
}

/// The values of the list indexes. Links and receipts of one contact are two lists.
pub(crate) fn links_of(id: &str) -> String {
    format!("links#{id}")
}

pub(crate) fn receipts_of(id: &str) -> String {
    format!("receipts#{id}")
}

/// All contacts and all items. Their place in the list is their id, which never changes: only the first write of a record
/// costs an entry of the index.
pub(crate) const ALL_CONTACTS: &str = "contacts";
pub(crate) const ALL_ITEMS: &str = "items";

/// Over how many partitions of `by-day` the links of one day are spread, and its events. One partition takes a thousand new
/// entries a second. The first has the name that it has where it is the only one, so that the number may grow at any time:
/// what was written before is still found. Where it shrinks, what is in the others is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayShards(u8);

impl DayShards {
    pub const ONE: Self = Self(1);
    pub const MOST: u8 = 64;

    /// From 1 to [`DayShards::MOST`].
    pub fn new(number: u8) -> Option<Self> {
        (1..=Self::MOST).contains(&number).then_some(Self(number))
    }

    /// The partition in which a link is listed.
    pub(crate) fn for_link(self, day: &str, id: &LinkId) -> String {
        self.partition_of(&links_of(day), id.as_str())
    }

    /// The partition in which an event is listed. The events of one link are spread too.
    pub(crate) fn for_event(self, day: &str, id: &EventId) -> String {
        self.partition_of(&events_of(day), id.as_str())
    }

    /// All partitions in which links of a day are listed.
    pub(crate) fn of_links(self, day: &str) -> Vec<String> {
        self.partitions(&links_of(day))
    }

    /// All partitions in which events of a day are listed.
    pub(crate) fn of_events(self, day: &str) -> Vec<String> {
        self.partitions(&events_of(day))
    }

    fn partition_of(self, list: &str, id: &str) -> String {
        sharded(list, Sha256::digest(id.as_bytes()).last().copied().unwrap_or_default() % self.0)
    }

    fn partitions(self, list: &str) -> Vec<String> {
        (0..self.0).map(|shard| sharded(list, shard)).collect()
    }
}

fn events_of(day: &str) -> String {
    format!("events#{day}")
}

fn sharded(list: &str, shard: u8) -> String {
    if shard == 0 { list.to_owned() } else { format!("{list}#{shard}") }
}

/// Sorts a list by time and, within one millisecond, by id.
pub(crate) fn listed_at(at: Timestamp, id: &str) -> String {
    format!("{:013}#{id}", at.as_millisecond())
}

/// The UTC day that lists links by day. A business's own day touches two of them, and the time in `listed_at` cuts out
/// the right part of each.
pub(crate) fn day_of(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// The id within a [`listed_at`] value.
pub(crate) fn listed_id(listed_at: &str) -> Option<&str> {
    listed_at.split_once('#').map(|(_, id)| id)
}

/// What kind of work waits in the index of due work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueKind {
    /// A link to expire or an attempt to ask about.
    Link,
    /// A message to send again.
    Delivery,
    /// An event to send to the CRM again.
    Event,
}

impl DueKind {
    pub(crate) fn shard(self, shard: u8) -> String {
        match self {
            Self::Link => format!("link#{shard}"),
            Self::Delivery => format!("delivery#{shard}"),
            Self::Event => format!("event#{shard}"),
        }
    }

    /// The partition of the index in which a link's work of this kind waits.
    pub(crate) fn of(self, link: &LinkId) -> String {
        let hash = Sha256::digest(link.as_str().as_bytes());
        self.shard(hash.first().copied().unwrap_or_default() % DUE_SHARDS)
    }
}

/// The link that a key belongs to.
pub(crate) fn link_of(pk: &str) -> Option<LinkId> {
    LinkId::parse(pk.strip_prefix("link#")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::PayToken;

    #[test]
    fn a_links_key_leads_back_to_the_link() {
        let id = LinkId::of(&PayToken::from_random([3; 16]));
        assert_eq!(link_of(&link(&id).pk), Some(id));
        assert_eq!(link_of("contact#x"), None);
    }

    #[test]
    fn lists_sort_by_time() {
        let at = |second| listed_at(Timestamp::from_second(second).unwrap(), "x");
        assert!(at(999_999_999) < at(1_000_000_000));
        assert_eq!(listed_id(&at(5)), Some("x"));
    }

    #[test]
    fn due_work_spreads_over_all_shards() {
        let shards: std::collections::BTreeSet<_> =
            (0..=255).map(|n| DueKind::Link.of(&LinkId::of(&PayToken::from_random([n; 16])))).collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS));
    }

    /// A partition of a table or an index takes this many write units a second.
    const LIMIT: usize = 1000;

    fn ids(links: u32) -> impl Iterator<Item = LinkId> {
        (0..links).map(|number| {
            let mut bits = [0; 16];
            bits[..4].copy_from_slice(&number.to_be_bytes());
            LinkId::of(&PayToken::from_random(bits))
        })
    }

    /// The units that the fullest partition gets when each of `links` links writes `units` to its own `partition`.
    fn fullest(links: u32, units: usize, partition: impl Fn(&LinkId) -> String) -> usize {
        most(ids(links).map(|id| partition(&id))) * units
    }

    /// How often the partition is among these that is most often.
    fn most(partitions: impl Iterator<Item = String>) -> usize {
        let mut entries = std::collections::BTreeMap::new();
        for partition in partitions {
            *entries.entry(partition).or_insert(0) += 1;
        }
        entries.into_values().max().unwrap()
    }

    #[test]
    fn ten_thousand_links_made_in_one_second_stay_below_what_a_partition_takes() {
        // A new entry is one unit.
        let fullest = fullest(10_000, 1, |id| DueKind::Link.of(id));
        assert!(fullest < LIMIT * 3 / 4, "the fullest shard got {fullest} entries");
    }

    #[test]
    fn three_thousand_whole_lives_a_second_stay_below_what_a_shard_takes_and_five_thousand_do_not() {
        // In a life an entry is put, moved once, which is two, and taken away. `tests/tests/suite/budgets.rs` counts that.
        let shard = |id: &LinkId| DueKind::Link.of(id);
        assert!(fullest(3_000, 4, shard) < LIMIT);
        assert!(fullest(5_000, 4, shard) > LIMIT);
    }

    #[test]
    fn the_first_partition_of_a_day_is_the_one_that_there_is_without_shards() {
        let day = "2026-11-26";
        assert_eq!(DayShards::ONE.of_links(day), ["links#2026-11-26"]);
        let three = DayShards::new(3).unwrap();
        assert_eq!(three.of_events(day), ["events#2026-11-26", "events#2026-11-26#1", "events#2026-11-26#2"]);
        assert_eq!((DayShards::new(0), DayShards::new(65)), (None, None));
    }

    #[test]
    fn a_thousand_lives_a_second_stay_below_what_eight_partitions_of_a_day_take_and_one_takes_a_quarter_of_that() {
        // A life has four events.
        let events_of_life = |id: LinkId| (1..=4).map(move |sequence| EventId::of(&id, sequence));
        let events = |shards: DayShards, lives: u32| {
            most(ids(lives).flat_map(events_of_life).map(|event| shards.for_event("2026-11-26", &event)))
        };
        let eight = DayShards::new(8).unwrap();
        assert!(events(eight, 1000) < LIMIT * 3 / 4);
        assert!(events(DayShards::ONE, 250) <= LIMIT);
        assert!(events(DayShards::ONE, 300) > LIMIT);
        assert!(fullest(1000, 1, |id| eight.for_link("2026-11-26", id)) < LIMIT / 4);
        // As many as there can be are enough for ten thousand.
        assert!(events(DayShards::new(DayShards::MOST).unwrap(), 10_000) < LIMIT);
    }

    #[test]
    fn links_share_no_partition_of_the_table() {
        // A life of a link writes far fewer units to its own partition than one takes in a second.
        assert_eq!(fullest(10_000, 1, |id| link(id).pk), 1);
    }
}

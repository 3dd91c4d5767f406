//! Every key of the two tables, by what it is for.
//!
//! A partition key begins with the kind of thing, so that a function's role can be confined to kinds, and then names the
//! business whose it is. A link lies at its hash, because whoever opens it has nothing else, and names its business itself.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `config#{business}` | `business`, `settings`, `account#{id}`, `receipt-type#{id}`, `provider#{id}`, `template#{kind}#{channel}#{locale}` | the business as the platform made it, and what it set |
//! | `keys#{business}`, `platform-keys` | `api-key#{sha256}` | hashed API keys of a business, of the platform |
//! | `look-back#{business}` | `{account}` | how far the looks at the lists of an account's gateway have come |
//! | `platform` | `defaults` | what the platform wants its businesses to start with |
//! | `logo#{business}#{hash}` | `logo` | a picture that the settings name or named, immutable |
//! | `webhooks#{business}` | `endpoint#{id}` | the CRM's endpoints |
//! | `audit#{business}` | `{time}#{mark}` | who changed what the business's money depends on |
//! | `event#{business}#{entry}` | `event` | what the CRM was told of an entry of that log |
//! | `contact#{business}#{id}` | `contact` | a contact |
//! | `item#{business}#{id}` | `item`, `receipt#{field}#{receipt}` | an item and the receipts attached to its fields |
//! | `link#{id}` | `link`, `message#{id}`, `event#{number}`, `refund#{id}`, `newest` | a payment link, what became of its messages, what the CRM was told, by what its refunds are listed, and, of the first link of a chain, which is the newest |
//! | `provider-message#{id}` | `message` | which message a provider's own id stands for, for some days |
//! | `receipt#{business}#{id}` | `receipt` | a receipt of what a gateway took, or of what went back of a payment |
//! | `recorded-receipt#{business}#{id}` | `receipt` | a receipt of what a person wrote down |
//! | `search#{business}#mobile#{hash}`, `search#{business}#email#{hash}` | `{contact}` | a contact, by a number or an address of which a hash is kept |
//! | `search#{business}#name#{initial}` | `{name}#{contact}` | a contact, by a word of a name and what follows it |
//! | `search#{business}#item#{initial}` | `{text}#{item}` | an item, by its id, or by a word of its title and what follows it |
//! | `receipt-search#{business}#{text}` | `{time}#{receipt}` | a receipt, by its reference, its amount or its card |
//! | `reference#{business}#{id}` | `reference` | which links had a `reference_id` |
//! | `receipt-page#{code}` | `page` | which payment the page of a receipt is about |
//! | `reminded#{business}#{hash}` | `{day}` | that an address, of which a hash is kept, was reminded on a day, for some days |
//! | `renewal#{business}#{link}` | `renewal` | that a customer wants a new link, and gets it |
//! | `export#{business}#{id}` | `export` | a list that is carried away as a file, for some weeks |
//! | `batch#{business}#{id}` | `batch` | links that are made out of the rows of a file, for some weeks |
//! | `item-link#{business}#{item}` | `{mode}` | which link of an item is the newest, where no two may be open |
//! | `claim#{mode}#{gateway}#…` | `claim` | a gateway's reference that paid once, whosever payment it was |
//! | `totals#{business}` | `links#{aspect}#{zone}#{day}`, `receipts#{zone}#{day}`, `late#{time}#{link}`, `restored` | what the links that were made on a day, and the receipts that were registered on it, add up to, and since when that may be different |
//! | `heartbeat#{function}` | `heartbeat` | when a schedule last ran well |
//! | `restore` | `state`, `finding#…` | how far a restore has come, and what it left to a person |
//!
//! Secrets lie in a table of their own, which has no stream and no index:
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `credentials#{business}#{account}` | `v#{version}` | gateway credentials, immutable |
//! | `provider-secret#{business}#{id}` | `v#{version}` | what a message provider is called with, immutable |
//! | `endpoint-secret#{business}#{id}` | `v#{version}` | what events to an endpoint are signed with, immutable |
//! | `line-secret#{business}#{id}` | `v#{version}` | what messages to a provider are signed with, immutable |
//! | `pay-token-secret` | `secret` | what idempotent pay tokens derive from |
//! | `search-secret` | `secret` | what the hashes of numbers and addresses are made with, by which contacts are found |
//!
//! The indexes hold keys only, but for two. `due` also says whose work it is, and is sparse: what time has nothing to do with
//! any more is not in it. `by-state` has a few facts about each link (`facts.rs`), so that a list is narrowed before a link
//! is read. It also lists businesses, contacts, items and logos, those of one business in one partition: a partition takes a
//! thousand new entries a second, and that many records are new at once only while a business imports all of its own.

use domain::Timestamp;
use domain::business::logo::LogoHash;
use domain::business::totals::Aspect;
use domain::events::EventType;
use domain::gateway::Mode;
use domain::ids::{
    AccountId, AuditEntryId, BatchId, BusinessId, ContactId, CredentialsVersion, EndpointId, EventId, EventSubject,
    ExportId, FieldKey, ItemId, LinkId, MessageId, ProviderId, ReceiptCode, ReceiptId, ReceiptTypeId, ReferenceId,
    RefundId,
};
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::search::Beginning;
use jiff::civil::Date;
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
pub(crate) const BY_STATE_INDEX: &str = "by-state";
pub(crate) const BY_STATE: &str = "by_state";
/// What `by-state` shows of a link beside its keys.
pub(crate) const FACTS: &str = "facts";
pub(crate) const LISTED_AT: &str = "listed_at";

/// A random mark on every write of a link and of the records that are changed in part. A write whose answer was lost is
/// sent again by the SDK, fails its condition and finds its own mark: it had been applied.
pub(crate) const WRITE_ID: &str = "write_id";

/// The rows that a contact or an item is found by, as the record itself keeps them. Whoever changes or deletes the record
/// deletes these, whatever made them.
pub(crate) const FOUND_BY: &str = "found_by";

/// The second after which DynamoDB may forget an item.
pub(crate) const FORGET_AT: &str = "forget_at";

/// An attribute of every item whose writing somebody has to be told, and of no other: the stream's filter looks for it.
pub(crate) const NEEDS_DELIVERY: &str = "needs_delivery";

/// From how many partitions each kind of due work is read. There are several, so that many links due in one second do not
/// meet the limit of a single partition.
pub const DUE_SHARDS: u8 = 16;

/// Over how many of them work is spread that is written from now on. While a deployment replaces one version by another, and
/// after one that is rolled back, what one of them wrote the other has to find. So the number that is read grows in one
/// release and this one in the next; and this one shrinks first, and the other when nothing is due any more in the rest.
const DUE_SHARDS_WRITTEN: u8 = 16;

const _: () = assert!(DUE_SHARDS_WRITTEN <= DUE_SHARDS, "nobody would read what is written into the others");

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

pub(crate) const API_KEY_PREFIX: &str = "api-key#";
pub(crate) const LINK_SK: &str = "link";
pub(crate) const NEWEST_SK: &str = "newest";
pub(crate) const MESSAGE_PREFIX: &str = "message#";
pub(crate) const EVENT_PREFIX: &str = "event#";
pub(crate) const REFUND_PREFIX: &str = "refund#";
pub(crate) const ITEM_SK: &str = "item";
pub(crate) const ATTACHMENT_PREFIX: &str = "receipt#";
pub(crate) const RECEIPT: &str = "receipt";
pub(crate) const RECORDED_RECEIPT: &str = "recorded-receipt";
pub(crate) const ENDPOINT_PREFIX: &str = "endpoint#";

/// The partition of the platform's own API keys. No business's is called so.
pub(crate) const PLATFORM_KEYS: &str = "platform-keys";

pub(crate) fn keys_of(business: &BusinessId) -> String {
    format!("keys#{business}")
}

pub(crate) fn api_key(partition: &str, hash: &str) -> Key {
    Key::new(partition, format!("{API_KEY_PREFIX}{hash}"))
}

pub(crate) fn heartbeat(function: &str) -> Key {
    Key::new(format!("heartbeat#{function}"), "heartbeat")
}

/// The partition of a restore that is under way.
pub(crate) const RESTORE: &str = "restore";

pub(crate) fn restore_state() -> Key {
    Key::new(RESTORE, "state")
}

pub(crate) fn restore_finding(finding: &str) -> Key {
    Key::new(RESTORE, format!("finding#{finding}"))
}

pub(crate) fn configuration_of(business: &BusinessId) -> String {
    format!("config#{business}")
}

pub(crate) fn business(id: &BusinessId) -> Key {
    Key::new(configuration_of(id), "business")
}

/// What businesses start with.
pub(crate) fn platform_defaults() -> Key {
    Key::new("platform", "defaults")
}

pub(crate) fn settings(business: &BusinessId) -> Key {
    Key::new(configuration_of(business), "settings")
}

/// Not in the configuration partition, which every function reads whole.
pub(crate) fn logo(business: &BusinessId, hash: &LogoHash) -> Key {
    Key::new(format!("logo#{business}#{}", hash.as_str()), "logo")
}

pub(crate) fn account(business: &BusinessId, id: &AccountId) -> Key {
    Key::new(configuration_of(business), format!("account#{id}"))
}

/// Not in the configuration partition, which every function reads whole.
pub(crate) fn look_back(business: &BusinessId, account: &AccountId) -> Key {
    Key::new(look_backs_of(business), account.as_str())
}

pub(crate) fn look_backs_of(business: &BusinessId) -> String {
    format!("look-back#{business}")
}

/// The account that a key of that form is about.
pub(crate) fn account_of_look_back(pk: &str, sk: &str) -> Option<AccountId> {
    pk.starts_with("look-back#").then(|| AccountId::parse(sk).ok()).flatten()
}

pub(crate) fn receipt_type(business: &BusinessId, id: &ReceiptTypeId) -> Key {
    Key::new(configuration_of(business), format!("receipt-type#{id}"))
}

pub(crate) fn provider(business: &BusinessId, id: &ProviderId) -> Key {
    Key::new(configuration_of(business), format!("provider#{id}"))
}

pub(crate) fn template(business: &BusinessId, kind: MessageKind, channel: Channel, locale: &Locale) -> Key {
    let sk = format!("template#{}#{}#{}", kind.as_str(), channel.as_str(), locale.as_str());
    Key::new(configuration_of(business), sk)
}

pub(crate) fn contact(business: &BusinessId, id: &ContactId) -> Key {
    Key::new(format!("contact#{business}#{id}"), "contact")
}

pub(crate) fn item(business: &BusinessId, id: &ItemId) -> Key {
    Key::new(format!("{}{id}", items_prefix(business)), ITEM_SK)
}

/// What the partitions of all items of a business begin with.
pub(crate) fn items_prefix(business: &BusinessId) -> String {
    format!("item#{business}#")
}

pub(crate) fn attachment(business: &BusinessId, item: &ItemId, field: &FieldKey, receipt: &ReceiptId) -> Key {
    Key::new(format!("{}{item}", items_prefix(business)), format!("{ATTACHMENT_PREFIX}{field}#{receipt}"))
}

/// What was paid for an item. It is no part of the item's own partition, so that roles which may not touch the one need not touch
/// the other.
pub(crate) fn item_payments(business: &BusinessId, item: &ItemId) -> Key {
    Key::new(format!("item-paid#{business}#{item}"), "paid")
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

/// What a refund is listed by.
pub(crate) fn refund(link: &LinkId, id: &RefundId) -> Key {
    Key::new(format!("link#{link}"), format!("{REFUND_PREFIX}{id}"))
}

/// The event of an entry of a business's log.
pub(crate) fn entry_event(business: &BusinessId, entry: &AuditEntryId) -> Key {
    Key::new(format!("{}{entry}", entry_events_prefix(business)), "event")
}

/// What the partitions of the events of all entries of a business's log begin with.
pub(crate) fn entry_events_prefix(business: &BusinessId) -> String {
    format!("event#{business}#")
}

/// The event that a key of that form leads to.
pub(crate) fn event_of_entry(pk: &str) -> Option<EventId> {
    let (_, entry) = pk.strip_prefix("event#")?.split_once('#')?;
    Some(EventId::of_entry(&AuditEntryId::parse(entry).ok()?))
}

/// Where an event lies.
pub(crate) fn event_by_id(business: &BusinessId, id: &EventId) -> Option<Key> {
    Some(match id.subject()? {
        EventSubject::Link(link, sequence) => event(&link, sequence),
        EventSubject::Entry(entry) => entry_event(business, &entry),
    })
}

pub(crate) fn audit_of(business: &BusinessId) -> String {
    format!("audit#{business}")
}

pub(crate) fn audit_entry(business: &BusinessId, place: &str) -> Key {
    Key::new(audit_of(business), place)
}

pub(crate) fn webhooks_of(business: &BusinessId) -> String {
    format!("webhooks#{business}")
}

pub(crate) fn endpoint(business: &BusinessId, id: &EndpointId) -> Key {
    Key::new(webhooks_of(business), format!("{ENDPOINT_PREFIX}{id}"))
}

/// Those of what a person wrote down lie apart, so that a role which may write them can write none of a gateway's.
pub(crate) fn receipt(business: &BusinessId, id: &ReceiptId) -> Key {
    let kind = if id.is_recorded() { RECORDED_RECEIPT } else { RECEIPT };
    Key::new(format!("{kind}#{business}#{id}"), "receipt")
}

/// Which payment the page of a receipt is about.
pub(crate) fn receipt_page(code: &ReceiptCode) -> Key {
    Key::new(format!("receipt-page#{}", code.expose()), "page")
}

/// That an address was reminded on a day.
pub(crate) fn reminded(business: &BusinessId, hash: &str, day: Date) -> Key {
    Key::new(format!("reminded#{business}#{hash}"), day.to_string())
}

/// That the customer of a link wants a new one, and gets it.
pub(crate) fn renewal(business: &BusinessId, link: &LinkId) -> Key {
    Key::new(format!("renewal#{business}#{link}"), "renewal")
}

/// A list that is carried away as a file.
pub(crate) fn export(business: &BusinessId, id: &ExportId) -> Key {
    Key::new(format!("export#{business}#{id}"), "export")
}

/// The export that a partition of that form is of.
pub(crate) fn export_of(pk: &str) -> Option<ExportId> {
    ExportId::parse(pk.strip_prefix("export#")?.split('#').nth(1)?).ok()
}

/// Links that are made out of the rows of a file.
pub(crate) fn batch(business: &BusinessId, id: &BatchId) -> Key {
    Key::new(format!("batch#{business}#{id}"), "batch")
}

/// The batch that a partition of that form is of.
pub(crate) fn batch_of(pk: &str) -> Option<BatchId> {
    BatchId::parse(pk.strip_prefix("batch#")?.split('#').nth(1)?).ok()
}

/// The link that such a wish is about.
pub(crate) fn link_of_renewal(pk: &str) -> Option<LinkId> {
    LinkId::parse(pk.strip_prefix("renewal#")?.split('#').nth(1)?).ok()
}

/// Which link of an item is the newest, where a business wants no two that are open.
pub(crate) fn link_of_item(business: &BusinessId, id: &ItemId, mode: Mode) -> Key {
    Key::new(format!("item-link#{business}#{id}"), mode.as_str())
}

pub(crate) fn reference(business: &BusinessId, id: &ReferenceId) -> Key {
    Key::new(format!("reference#{business}#{id}"), "reference")
}

/// By what a contact is found whole, and of which only a hash is kept: `mobile` or `email`.
pub(crate) fn contact_by_hash(business: &BusinessId, kind: &str, hash: &str, contact: &str) -> Key {
    Key::new(format!("{}{kind}#{hash}", search_prefix(business)), contact)
}

/// By how a name goes on from one of its words.
pub(crate) fn contact_by_name(business: &BusinessId, name: &Beginning, contact: &str) -> Key {
    beginning(business, "name", name, contact)
}

/// By its id, or by how its title goes on from one of its words.
pub(crate) fn item_by_text(business: &BusinessId, text: &Beginning, item: &str) -> Key {
    beginning(business, "item", text, item)
}

/// Each partition has what begins with one letter. What is looked for is the beginning of the sort key, in which no folded
/// text has a `#`.
fn beginning(business: &BusinessId, kind: &str, text: &Beginning, id: &str) -> Key {
    let pk = format!("{}{kind}#{}", search_prefix(business), text.initial());
    Key::new(pk, format!("{}#{id}", text.as_str()))
}

/// A row's key as the record with this id keeps it: without what follows from whose it is.
pub(crate) fn kept_row(business: &BusinessId, at: &Key, id: &str) -> String {
    let partition = at.pk.strip_prefix(&search_prefix(business)).unwrap_or(&at.pk);
    format!("{partition} {}", at.sk.strip_suffix(id).unwrap_or(&at.sk))
}

/// The key of a row that the record with this id keeps.
pub(crate) fn row_kept_as(business: &BusinessId, kept: &str, id: &str) -> Option<Key> {
    let (partition, text) = kept.split_once(' ')?;
    Some(Key::new(format!("{}{partition}", search_prefix(business)), format!("{text}{id}")))
}

/// The record that a row of the search leads to.
pub(crate) fn record_of_row(at: &Key) -> Option<Key> {
    let mut parts = at.pk.split('#');
    let (kind, business, by) = (parts.next()?, BusinessId::parse(parts.next()?).ok()?, parts.next()?);
    let behind = || at.sk.split_once('#').map(|(_, id)| id);
    match (kind, by) {
        ("search", "item") => Some(item(&business, &ItemId::parse(behind()?).ok()?)),
        ("search", "name") => Some(contact(&business, &ContactId::parse(behind()?).ok()?)),
        ("search", "mobile" | "email") => Some(contact(&business, &ContactId::parse(&at.sk).ok()?)),
        ("receipt-search", _) => Some(receipt(&business, &ReceiptId::parse(behind()?).ok()?)),
        _ => None,
    }
}

/// What the partitions of all begin with by which contacts and items of a business are found.
fn search_prefix(business: &BusinessId) -> String {
    format!("search#{business}#")
}

/// By what a receipt is found, sorted by time.
pub(crate) fn receipt_by_text(business: &BusinessId, text: &str, registered_at: Timestamp, id: &ReceiptId) -> Key {
    Key::new(receipts_by_text(business, text), listed_at(registered_at, id.as_str()))
}

pub(crate) fn receipts_by_text(business: &BusinessId, text: &str) -> String {
    format!("receipt-search#{business}#{text}")
}

/// What was added up of a business's links and receipts, and what such sums are held against.
pub(crate) fn totals_of(business: &BusinessId) -> String {
    format!("totals#{business}")
}

/// What the links of a day add up to, told apart by an aspect of them. The day is one of a time zone.
pub(crate) fn links_of_day(business: &BusinessId, aspect: Aspect, zone: &str, day: Date) -> Key {
    Key::new(totals_of(business), format!("links#{}#{zone}#{day}", aspect.as_str()))
}

/// The same of the receipts that were registered on a day.
pub(crate) fn receipts_of_day(business: &BusinessId, zone: &str, day: Date) -> Key {
    Key::new(totals_of(business), format!("receipts#{zone}#{day}"))
}

/// What marks of late payments begin with.
pub(crate) const LATE: &str = "late#";

/// That a link which had been over was paid, by the day of UTC on which the link was made.
pub(crate) fn late_payment(business: &BusinessId, day: &str) -> Key {
    Key::new(totals_of(business), format!("{LATE}{day}"))
}

/// That a restore brought something back, whenever that was made.
pub(crate) fn restored_of(business: &BusinessId) -> Key {
    Key::new(totals_of(business), "restored")
}

/// The partitions of all that a business has but its links, which lie at their hashes, and secrets: each whole, or up to a
/// `#` what all of a kind begin with.
pub(crate) fn prefixes_of(business: &BusinessId) -> [String; 21] {
    let kind = |kind: &str| format!("{kind}#{business}#");
    [
        configuration_of(business),
        keys_of(business),
        webhooks_of(business),
        audit_of(business),
        totals_of(business),
        look_backs_of(business),
        entry_events_prefix(business),
        kind("logo"),
        kind("contact"),
        items_prefix(business),
        kind("item-paid"),
        kind("item-link"),
        kind("reminded"),
        kind("renewal"),
        kind("export"),
        kind("batch"),
        kind(RECEIPT),
        kind(RECORDED_RECEIPT),
        kind("reference"),
        search_prefix(business),
        kind("receipt-search"),
    ]
}

pub(crate) fn claim(claim: &str) -> Key {
    Key::new(format!("claim#{claim}"), "claim")
}

/// Keys of the table of secrets.
pub(crate) mod secrets {
    use super::*;

    fn version(of: String, version: &CredentialsVersion) -> Key {
        Key::new(of, format!("v#{version}"))
    }

    pub(crate) fn credentials_of(business: &BusinessId, account: &AccountId) -> String {
        format!("credentials#{business}#{account}")
    }

    pub(crate) fn credentials(business: &BusinessId, account: &AccountId, of: &CredentialsVersion) -> Key {
        version(credentials_of(business, account), of)
    }

    pub(crate) fn provider(business: &BusinessId, id: &ProviderId, of: &CredentialsVersion) -> Key {
        version(format!("provider-secret#{business}#{id}"), of)
    }

    pub(crate) fn endpoint(business: &BusinessId, id: &EndpointId, of: &CredentialsVersion) -> Key {
        version(format!("endpoint-secret#{business}#{id}"), of)
    }

    /// What messages to a provider are signed with, which is a line of the business's own.
    pub(crate) fn line(business: &BusinessId, id: &ProviderId, of: &CredentialsVersion) -> Key {
        version(format!("line-secret#{business}#{id}"), of)
    }

    /// What the partitions of all secrets of a business begin with.
    pub(crate) fn prefixes_of(business: &BusinessId) -> [String; 4] {
        ["credentials", "provider-secret", "endpoint-secret", "line-secret"].map(|kind| format!("{kind}#{business}#"))
    }

    pub(crate) fn pay_token() -> Key {
        Key::new("pay-token-secret", "secret")
    }

    pub(crate) fn search() -> Key {
        Key::new("search-secret", "secret")
    }
}

/// The values of the list indexes. Links and receipts of one contact, or one item, are two lists.
pub(crate) fn links_of(business: &BusinessId, id: &str) -> String {
    format!("links#{business}#{id}")
}

pub(crate) fn receipts_of(business: &BusinessId, id: &str) -> String {
    format!("receipts#{business}#{id}")
}

/// All businesses, and all contacts and all items of one. Their place in the list is their id, which never changes: only
/// the first write of a record costs an entry of the index.
pub(crate) const ALL_BUSINESSES: &str = "businesses";

pub(crate) fn contacts_of(business: &BusinessId) -> String {
    format!("contacts#{business}")
}

pub(crate) fn items_of(business: &BusinessId) -> String {
    format!("items#{business}")
}

/// The pictures that a business's settings name or named, by the names of their content.
pub(crate) fn logos_of(business: &BusinessId) -> String {
    format!("logos#{business}")
}

/// What a business carried away as files, by when it was asked for.
pub(crate) fn exports_of(business: &BusinessId) -> String {
    format!("exports#{business}")
}

/// What a business made links of by files, by when it was asked for.
pub(crate) fn batches_of(business: &BusinessId) -> String {
    format!("batches#{business}")
}

/// The lists of a business over all its contacts and items, each spread over the business's shards. Links that somebody may
/// still have to do with are in one list, and those that are over are in one for each month in which they were made, so
/// that what is live costs what is live to read, and not what there ever was.
pub(crate) fn live(business: &BusinessId, shard: u8) -> String {
    sharded(format!("live#{business}"), shard)
}

pub(crate) fn over(business: &BusinessId, month: &str, shard: u8) -> String {
    sharded(format!("over#{business}#{month}"), shard)
}

pub(crate) fn receipts_of_month(business: &BusinessId, month: &str, shard: u8) -> String {
    sharded(format!("receipts#{business}#{month}"), shard)
}

/// Refunds, by the month in which they were begun.
pub(crate) fn refunds_of_month(business: &BusinessId, month: &str, shard: u8) -> String {
    sharded(format!("refunds#{business}#{month}"), shard)
}

/// The refunds of a contact's payments.
pub(crate) fn refunds_of(business: &BusinessId, contact: &str) -> String {
    format!("refunds#{business}#{contact}")
}

/// Messages that providers took over.
pub(crate) fn messages_of_month(business: &BusinessId, month: &str, shard: u8) -> String {
    sharded(format!("messages#{business}#{month}"), shard)
}

pub(crate) fn events_of_day(business: &BusinessId, day: &str, shard: u8) -> String {
    sharded(format!("events#{business}#{day}"), shard)
}

/// The first has the name that it has where it is the only one, so that what was written before there were more is still
/// found.
fn sharded(list: String, shard: u8) -> String {
    if shard == 0 { list } else { format!("{list}#{shard}") }
}

/// Sorts a list by time and, within one millisecond, by id.
pub(crate) fn listed_at(at: Timestamp, id: &str) -> String {
    format!("{:013}#{id}", at.as_millisecond())
}

/// The UTC month that lists links by month. A business's own day may touch two of them, and the time in `listed_at` cuts out
/// the right part of each.
pub(crate) fn month_of(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
}

/// The UTC day that lists events by day.
pub(crate) fn day_of(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// The id within a [`listed_at`] value. What an event's says behind its id is no part of that.
pub(crate) fn listed_id(listed_at: &str) -> Option<&str> {
    listed_at.split('#').nth(1)
}

/// The same of an event, with its type behind its id, so that a list of one type reads no others.
pub(crate) fn event_listed_at(at: Timestamp, id: &str, kind: EventType) -> String {
    format!("{}#{}", listed_at(at, id), kind.as_str())
}

/// The type within the `listed_at` value of an event.
pub(crate) fn listed_type(listed_at: &str) -> Option<&str> {
    listed_at.split('#').nth(2)
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
    /// An endpoint that was made or changed a moment ago, to which events of that moment may be missing.
    Endpoint,
    /// A customer who wants a new link, and gets it.
    Renewal,
    /// A list that is carried away as a file, and is not made yet.
    Export,
    /// Rows of a file that are looked at, or that links are made of.
    Batch,
}

impl DueKind {
    pub(crate) fn shard(self, shard: u8) -> String {
        match self {
            Self::Link => format!("link#{shard}"),
            Self::Delivery => format!("delivery#{shard}"),
            Self::Event => format!("event#{shard}"),
            Self::Endpoint => format!("endpoint#{shard}"),
            Self::Renewal => format!("renewal#{shard}"),
            Self::Export => format!("export#{shard}"),
            Self::Batch => format!("batch#{shard}"),
        }
    }

    /// The partition of the index in which work of this kind waits of a link, or of what has this id.
    pub(crate) fn of(self, id: &str) -> String {
        let hash = Sha256::digest(id.as_bytes());
        self.shard(hash.first().copied().unwrap_or_default() % DUE_SHARDS_WRITTEN)
    }
}

/// The partition of the index in which endpoints that were changed a moment ago wait. They are few.
pub(crate) const DUE_ENDPOINTS_SHARD: u8 = 0;

/// The attribute that names the business of an item with due work. The index of due work shows it.
pub(crate) const BUSINESS: &str = "business";

/// The business that a partition key of this kind names.
pub(crate) fn business_of(pk: &str, kind: &str) -> Option<BusinessId> {
    BusinessId::parse(pk.strip_prefix(kind)?.strip_prefix('#')?).ok()
}

/// Which link is the newest of the chain that begins with this one.
pub(crate) fn newest_of_chain(first: &LinkId) -> Key {
    Key::new(link(first).pk, NEWEST_SK)
}

/// The link that a key belongs to.
pub(crate) fn link_of(pk: &str) -> Option<LinkId> {
    LinkId::parse(pk.strip_prefix("link#")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::clocks::known_everywhere_at;
    use domain::ids::PayToken;
    use domain::records::shards::{Shards, Spread};

    fn shop() -> BusinessId {
        BusinessId::parse("shop").unwrap()
    }

    #[test]
    fn no_two_businesses_share_a_partition_whatever_their_ids() {
        let (one, other) = (BusinessId::parse("a").unwrap(), BusinessId::parse("a-b").unwrap());
        let (id, longer) = (ContactId::parse("b-c").unwrap(), ContactId::parse("c").unwrap());
        assert_ne!(contact(&one, &id).pk, contact(&other, &longer).pk);
        assert_ne!(links_of(&one, "b-c"), links_of(&other, "c"));
        assert_eq!(business_of(&webhooks_of(&other), "webhooks"), Some(other));
        assert_eq!(business_of("webhooks", "webhooks"), None);
    }

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
            (0..=255).map(|n| DueKind::Link.of(LinkId::of(&PayToken::from_random([n; 16])).as_str())).collect();
        assert_eq!(shards.len(), usize::from(DUE_SHARDS_WRITTEN));
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
        let fullest = fullest(10_000, 1, |id| DueKind::Link.of(id.as_str()));
        assert!(fullest < LIMIT * 3 / 4, "the fullest shard got {fullest} entries");
    }

    #[test]
    fn three_thousand_whole_lives_a_second_stay_below_what_a_shard_takes_and_five_thousand_do_not() {
        // In a life an entry is put, moved once, which is two, and taken away. `tests/tests/suite/budgets.rs` counts that.
        let shard = |id: &LinkId| DueKind::Link.of(id.as_str());
        assert!(fullest(3_000, 4, shard) < LIMIT);
        assert!(fullest(5_000, 4, shard) > LIMIT);
    }

    #[test]
    fn the_first_partition_of_a_list_is_the_one_that_there_is_without_shards() {
        assert_eq!((live(&shop(), 0), live(&shop(), 2)), ("live#shop".to_owned(), "live#shop#2".to_owned()));
        assert_eq!(over(&shop(), "2026-11", 1), "over#shop#2026-11#1");
        assert_eq!(events_of_day(&shop(), "2026-11-26", 0), "events#shop#2026-11-26");
    }

    #[test]
    fn a_thousand_lives_a_second_stay_below_what_sixteen_partitions_take_and_one_takes_a_quarter_of_that() {
        // A life has four events, all in the partition of their link.
        let spread = |shards| Spread::default().grown(Shards::parse(shards).unwrap(), Timestamp::UNIX_EPOCH).unwrap();
        let later = known_everywhere_at(Timestamp::UNIX_EPOCH);
        let events = |shards: i64, lives: u32| {
            fullest(lives, 4, |id| events_of_day(&shop(), "2026-11-26", spread(shards).of_new(id, later)))
        };
        assert!(events(16, 1_000) < LIMIT / 2);
        assert!(events(1, 250) <= LIMIT);
        assert!(events(1, 300) > LIMIT);
        // A life enters the list of what is live, leaves it, and enters that of its month.
        let lives = |shards: i64, lives: u32| fullest(lives, 3, |id| live(&shop(), spread(shards).of_new(id, later)));
        assert!(lives(16, 1_000) < LIMIT / 2);
        assert!(events(64, 10_000) < LIMIT);
    }

    #[test]
    fn an_event_is_listed_with_its_type() {
        let place = event_listed_at(Timestamp::from_second(5).unwrap(), "evt_1", EventType::LinkPaid);
        assert_eq!((listed_id(&place), listed_type(&place)), (Some("evt_1"), Some("payment_link.paid")));
    }

    #[test]
    fn links_share_no_partition_of_the_table() {
        // A life of a link writes far fewer units to its own partition than one takes in a second.
        assert_eq!(fullest(10_000, 1, |id| link(id).pk), 1);
    }
}

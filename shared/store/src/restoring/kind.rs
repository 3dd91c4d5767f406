//! What the items of the tables are to a restore.

use domain::business::logo::Logo;
use domain::business::look_back::LookBack;
use domain::business::settings::{PlatformDefaults, Settings};
use domain::events::EventRecord;
use domain::link::{PaymentLink, Receipt};
use domain::messages::message_template::MessageTemplate;
use domain::messages::provider::MessageProvider;
use domain::records::account::Account;
use domain::records::business::Business;
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use domain::records::receipt_type::ReceiptType;
use domain::records::webhook_endpoint::WebhookEndpoint;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::confirmation::ClaimRecord;
use crate::exclusive::Holders;
use crate::item::{Item, from_item};
use crate::keys::{self, ITEM_SK, Key, LINK_SK, NEWEST_SK};
use crate::messages::MessageRecord;

/// What an item is, for those who choose what comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreKind {
    /// Of the table of secrets.
    Secret,
    Business,
    Settings,
    Defaults,
    Account,
    ReceiptType,
    Provider,
    Template,
    Logo,
    Endpoint,
    ApiKey,
    Contact,
    Item,
    Link,
    Message,
    /// What the CRM was told of a link or of the log.
    Event,
    /// What a refund is listed by.
    Refund,
    Receipt,
    /// That a receipt is attached to a field of an item.
    Attachment,
    /// What was paid for an item by all of its links.
    ItemPayments,
    Claim,
    /// Which payment the page of a receipt is about.
    ReceiptPage,
    Reference,
    /// An entry of a business's log.
    LogEntry,
    /// Which message a provider's own id stands for.
    ProviderId,
    /// How far the looks at the lists of an account's gateway have come.
    LookBack,
    /// What this version does not know.
    Other,
}

impl RestoreKind {
    pub const ALL: [Self; 27] = [
        Self::Secret,
        Self::Business,
        Self::Settings,
        Self::Defaults,
        Self::Account,
        Self::ReceiptType,
        Self::Provider,
        Self::Template,
        Self::Logo,
        Self::Endpoint,
        Self::ApiKey,
        Self::Contact,
        Self::Item,
        Self::Link,
        Self::Message,
        Self::Event,
        Self::Refund,
        Self::Receipt,
        Self::Attachment,
        Self::ItemPayments,
        Self::Claim,
        Self::ReceiptPage,
        Self::Reference,
        Self::LogEntry,
        Self::ProviderId,
        Self::LookBack,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Business => "business",
            Self::Settings => "settings",
            Self::Defaults => "defaults",
            Self::Account => "account",
            Self::ReceiptType => "receipt-type",
            Self::Provider => "provider",
            Self::Template => "template",
            Self::Logo => "logo",
            Self::Endpoint => "endpoint",
            Self::ApiKey => "api-key",
            Self::Contact => "contact",
            Self::Item => "item",
            Self::Link => "link",
            Self::Message => "message",
            Self::Event => "event",
            Self::Refund => "refund",
            Self::Receipt => "receipt",
            Self::Attachment => "attachment",
            Self::ItemPayments => "item-payments",
            Self::Claim => "claim",
            Self::ReceiptPage => "receipt-page",
            Self::Reference => "reference",
            Self::LogEntry => "log-entry",
            Self::ProviderId => "provider-id",
            Self::LookBack => "look-back",
            Self::Other => "other",
        }
    }

    /// The kind of an item of the table by its key. `None` of what follows from the running of the stack itself.
    pub(super) fn of(at: &Key) -> Option<Self> {
        let first = |text: &str| text.split('#').next().unwrap_or_default().to_owned();
        let (pk, sk) = (first(&at.pk), first(&at.sk));
        Some(match (pk.as_str(), sk.as_str()) {
            ("batch" | "export" | "heartbeat" | "reminded" | "renewal" | "totals" | keys::RESTORE, _) => return None,
            // Without it an old address leads on from link to link; one of the copy could lead back.
            ("link", NEWEST_SK) => return None,
            // Without it, the open links of an item are looked for before the next is made.
            ("item-link", _) => return None,
            // What records are found by follows from the records, and comes back with them.
            ("search" | "receipt-search", _) => return None,
            ("config", "business") => Self::Business,
            ("config", "settings") => Self::Settings,
            ("config", "account") => Self::Account,
            ("config", "receipt-type") => Self::ReceiptType,
            ("config", "provider") => Self::Provider,
            ("config", "template") => Self::Template,
            ("platform", "defaults") => Self::Defaults,
            ("keys" | keys::PLATFORM_KEYS, _) => Self::ApiKey,
            ("logo", _) => Self::Logo,
            ("webhooks", "endpoint") => Self::Endpoint,
            ("audit", _) => Self::LogEntry,
            ("event", _) | ("link", "event") => Self::Event,
            ("contact", _) => Self::Contact,
            ("item", ITEM_SK) => Self::Item,
            ("item", "receipt") => Self::Attachment,
            ("item-paid", _) => Self::ItemPayments,
            ("link", LINK_SK) => Self::Link,
            ("link", "message") => Self::Message,
            ("link", "refund") => Self::Refund,
            ("provider-message", _) => Self::ProviderId,
            ("look-back", _) => Self::LookBack,
            (keys::RECEIPT | keys::RECORDED_RECEIPT, _) => Self::Receipt,
            ("reference", _) => Self::Reference,
            ("claim", _) => Self::Claim,
            ("receipt-page", _) => Self::ReceiptPage,
            _ => Self::Other,
        })
    }

    /// What it means that it is gone or differs.
    pub(super) fn nature(self) -> Nature {
        match self {
            Self::Secret | Self::Logo | Self::Refund | Self::Attachment | Self::ReceiptPage | Self::LogEntry => {
                Nature::Immutable
            }
            Self::Account | Self::Provider | Self::Endpoint => Nature::MaybeDeleted,
            Self::Link
            | Self::Message
            | Self::Event
            | Self::Receipt
            | Self::ItemPayments
            | Self::Claim
            | Self::Reference
            | Self::ProviderId
            | Self::LookBack => Nature::GoesOn,
            Self::Business
            | Self::Settings
            | Self::Defaults
            | Self::ReceiptType
            | Self::Template
            | Self::ApiKey
            | Self::Contact
            | Self::Item
            | Self::Other => Nature::Replaced,
        }
    }

    /// Whether an item can be read as what it has to be.
    pub(super) fn can_read(self, item: &Item) -> bool {
        fn reads<T: DeserializeOwned>(item: &Item) -> bool {
            from_item::<T>("read what may be damaged", item.clone()).is_ok()
        }
        match self {
            Self::Business => reads::<Business>(item),
            Self::Settings => reads::<Settings>(item),
            Self::Defaults => reads::<PlatformDefaults>(item),
            Self::Account => reads::<Account>(item),
            Self::ReceiptType => reads::<ReceiptType>(item),
            Self::Provider => reads::<MessageProvider>(item),
            Self::Template => reads::<MessageTemplate>(item),
            Self::Logo => reads::<Logo>(item),
            Self::Endpoint => reads::<WebhookEndpoint>(item),
            Self::Contact => reads::<Contact>(item),
            Self::Item => reads::<CrmItem>(item),
            Self::Link => reads::<PaymentLink>(item),
            Self::Message => reads::<MessageRecord>(item),
            Self::Event => reads::<EventRecord>(item),
            Self::Receipt => reads::<Receipt>(item),
            Self::Reference => reads::<Holders>(item),
            Self::Claim => reads::<ClaimRecord>(item),
            Self::LookBack => reads::<LookBack>(item),
            Self::Secret
            | Self::ApiKey
            | Self::Refund
            | Self::Attachment
            | Self::ItemPayments
            | Self::ReceiptPage
            | Self::LogEntry
            | Self::ProviderId
            | Self::Other => true,
        }
    }
}

/// What it means that an item of a kind is gone or differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// It is written once and never changed: where it differs, it was damaged.
    Immutable,
    /// It is replaced whole, and the CRM or the deployer deletes it because nothing may use it any more, so that one that
    /// is gone may be gone on purpose. It comes back where it is named.
    MaybeDeleted,
    /// It goes on by itself: where it differs and can be read, what there is now is newer.
    GoesOn,
    /// It is replaced whole.
    Replaced,
}

//! DynamoDB, concrete: the keys of the two tables and one method for each access and each transition.
//!
//! [`Store`] is what the whole stack shares: links by their id, due work, claims, heartbeats, the platform's own records.
//! [`BusinessStore`] is what one business has, and nothing of another can be reached through it.
//!
//! There is no trait in front of it. What can go wrong lives in condition expressions, transactions and keys, and is
//! tested against a real engine. Nothing outside this crate knows an attribute's name.

mod accounts;
mod api_keys;
mod audit;
mod batches;
mod businesses;
mod cached;
mod configuration;
mod confirmation;
mod conflict;
mod contacts;
mod credentials;
mod cursor;
mod due;
mod erasing;
mod error;
mod events;
mod exclusive;
mod exports;
mod facts;
mod heartbeat;
mod item;
mod item_payments;
mod items;
mod keys;
mod links;
mod lists;
mod long_work;
mod look_backs;
mod maintenance;
mod messages;
mod providers;
mod receipt_pages;
mod receipt_types;
mod receipts;
mod reconciliation;
mod refunds;
mod reminders;
mod renewals;
mod restoring;
mod revision;
mod search;
mod settings;
mod stack_secret;
mod succession;
mod table;
mod templates;
mod tokens;
mod totals;
mod usage;
mod webhooks;
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use domain::business::reminders::ClosedDays;
use domain::ids::{AccountId, BusinessId, CredentialsVersion, EndpointId, ProviderId};
use domain::messages::provider::ProviderSecret;
use domain::records::credentials::Credentials;
use domain::records::signing::SigningSecret;
use domain::records::webhook_endpoint::WebhookEndpoint;
use tokio::sync::OnceCell;

pub use api_keys::{ApiKey, KeyHolder, KeyRevocation, KeyRing, ListedKey, Scope};
pub use configuration::Configuration;
pub use confirmation::TransitionWritten;
pub use cursor::{Cursor, Order, SortKey};
pub use due::{Due, DueBatch, DueEvent, DueExport, DueLink, DueLookBack, DueMessage, DueRenewal, DueWork, first_shard};
pub use erasing::{LinkErased, Strays, WholeLink};
pub use error::StoreError;
pub use events::{EventRecorded, LinkHistory};
pub use exclusive::Taken;
pub use heartbeat::Schedule;
pub use item_payments::PaymentsOfItem;
pub use items::{AttachedReceipts, FieldReceipts, WholeItem};
pub use keys::{DUE_SHARDS, DueKind};
pub use links::{ChangedRecord, ChangedRecords, CreateRecords, Created, Written};
pub use lists::{EventList, EventPage, EventsAfter, LinkList, Page, ReceiptList};
pub use long_work::Begun;
pub use messages::{DueSend, DueTurn, LeaseOutcome, LinkMessage, SendLease, SentLook, SentMessage};
pub use providers::NewProviderSecret;
pub use receipt_pages::FoundReceipt;
pub use reconciliation::{BookedQuery, BookedRead};
pub use refunds::{RefundList, RefundOfLink};
pub use reminders::Reminding;
pub use restoring::{Choice, Comparison, Counts, Hands, RestoreFinding, RestoreKind};
pub use revision::{Revision, RevisionWritten};
pub use search::{Found, Matches};
pub use succession::{NewestLink, Succeeded};
pub use table::{Deleted, RecordWritten};
pub use templates::TemplatePlace;
pub use totals::{TooMany, TotalsQuery, TotalsRead};
pub use webhooks::DueEndpoint;

/// How often a change is decided again because somebody else changed the same item meanwhile. Each time another writer has
/// made progress, so eight in a row mean that something is wrong.
pub const MAX_CONTENDED_TRIES: usize = 8;

use cached::{Cached, Immutable};

/// The tables of a stack. Cheap to clone; clones share what was read of configurations, keys and secrets.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    secrets_table: String,
    memory: Arc<Memory>,
}

/// What a process remembers of the tables.
#[derive(Debug)]
struct Memory {
    configurations: Cached<BusinessId, Configuration>,
    key_rings: Cached<KeyHolder, KeyRing>,
    platform_days: Cached<(), Vec<ClosedDays>>,
    endpoints: Cached<BusinessId, Vec<WebhookEndpoint>>,
    token_secret: OnceCell<stack_secret::StackSecret>,
    search_secret: OnceCell<stack_secret::StackSecret>,
    credentials: Immutable<(BusinessId, AccountId, CredentialsVersion), Credentials>,
    provider_secrets: Immutable<(BusinessId, ProviderId, CredentialsVersion), ProviderSecret>,
    signing_secrets: Immutable<(BusinessId, EndpointId, CredentialsVersion), SigningSecret>,
    line_secrets: Immutable<(BusinessId, ProviderId, CredentialsVersion), SigningSecret>,
    heartbeats: std::sync::Mutex<heartbeat::Heartbeats>,
    day_counts: usage::DayCounts,
}

impl Store {
    /// The table and the table of secrets. `fresh_for` is how long settings and API keys are used before they are read again.
    pub fn new(
        client: Client,
        table: impl Into<String>,
        secrets_table: impl Into<String>,
        fresh_for: Duration,
    ) -> Self {
        Self {
            client,
            table: table.into(),
            secrets_table: secrets_table.into(),
            memory: Arc::new(Memory {
                configurations: Cached::new(fresh_for, |read| read.business.is_some()),
                key_rings: Cached::new(fresh_for, KeyRing::has_keys),
                platform_days: Cached::new(fresh_for, |_| true),
                endpoints: Cached::new(fresh_for, |_| true),
                token_secret: OnceCell::new(),
                search_secret: OnceCell::new(),
                credentials: Immutable::default(),
                provider_secrets: Immutable::default(),
                signing_secrets: Immutable::default(),
                line_secrets: Immutable::default(),
                heartbeats: std::sync::Mutex::default(),
                day_counts: usage::DayCounts::default(),
            }),
        }
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    pub fn secrets_table(&self) -> &str {
        &self.secrets_table
    }

    /// What one business has.
    #[must_use]
    pub fn of(&self, business: &BusinessId) -> BusinessStore {
        BusinessStore { store: self.clone(), business: business.clone(), signature: None }
    }
}

/// What one business has. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BusinessStore {
    store: Store,
    business: BusinessId,
    /// Who answers for what is changed, where that is logged.
    signature: Option<audit::Signature>,
}

impl BusinessStore {
    /// Whose it is.
    pub fn business_id(&self) -> &BusinessId {
        &self.business
    }
}

//! DynamoDB, concrete: the keys of the one table and one method for each access and each transition.
//!
//! There is no trait in front of it. What can go wrong lives in condition expressions, transactions and keys, and is
//! tested against a real engine. Nothing outside this crate knows an attribute's name.

mod accounts;
mod api_keys;
mod cached;
mod configuration;
mod confirmation;
mod conflict;
mod contacts;
mod credentials;
mod cursor;
mod due;
mod error;
mod events;
mod heartbeat;
mod item;
mod items;
mod keys;
mod links;
mod lists;
mod maintenance;
mod messages;
mod providers;
mod receipt_types;
mod receipts;
mod references;
mod revision;
mod settings;
mod table;
mod templates;
mod webhooks;
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use domain::ids::{AccountId, CredentialsVersion, ProviderId};
use domain::messages::provider::ProviderSecret;
use domain::records::credentials::Credentials;
use domain::records::webhook_endpoint::WebhookEndpoint;
use tokio::sync::Mutex;

pub use api_keys::{ApiKey, KeyRevocation, KeyRing, ListedKey, Scope};
pub use configuration::Configuration;
pub use confirmation::TransitionWritten;
pub use cursor::{Cursor, SortKey};
pub use due::{DueCursor, DuePage};
pub use error::StoreError;
pub use events::{DueEvent, EventRecorded, LinkHistory};
pub use heartbeat::Schedule;
pub use items::AttachedReceipts;
pub use keys::{DUE_SHARDS, DayShards, DueKind};
pub use links::{ChangedRecords, CreateRecords, Created, Written};
pub use lists::{EventList, EventsAfter, LinkList, Page, ReceiptList};
pub use messages::{DueLease, DueMessage, LeaseOutcome, SendLease, SentLook, SentMessage};
pub use revision::Revision;
pub use table::{Deleted, RecordWritten};

/// How often a change is decided again because somebody else changed the same item meanwhile. Each time another writer has
/// made progress, so eight in a row mean that something is wrong.
pub const MAX_CONTENDED_TRIES: usize = 8;

use cached::{Cached, Immutable};

/// The table. Cheap to clone; clones share what was read of the configuration and the keys.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    day_shards: DayShards,
    configuration: Arc<Mutex<Cached<Configuration>>>,
    keys: Arc<Mutex<Cached<KeyRing>>>,
    endpoints: Arc<Mutex<Cached<Vec<WebhookEndpoint>>>>,
    credentials: Arc<Immutable<(AccountId, CredentialsVersion), Credentials>>,
    provider_secrets: Arc<Immutable<(ProviderId, CredentialsVersion), ProviderSecret>>,
    heartbeats: Arc<std::sync::Mutex<heartbeat::Heartbeats>>,
}

impl Store {
    /// `fresh_for` is how long settings and API keys are used before they are read again.
    pub fn new(client: Client, table: impl Into<String>, fresh_for: Duration) -> Self {
        Self {
            client,
            table: table.into(),
            day_shards: DayShards::ONE,
            configuration: Arc::new(Mutex::new(Cached::new(fresh_for))),
            keys: Arc::new(Mutex::new(Cached::new(fresh_for))),
            endpoints: Arc::new(Mutex::new(Cached::new(fresh_for))),
            credentials: Arc::default(),
            provider_secrets: Arc::default(),
            heartbeats: Arc::default(),
        }
    }

    /// The same table with the links and events of each day spread over this number of partitions.
    #[must_use]
    pub fn with_day_shards(self, day_shards: DayShards) -> Self {
        Self { day_shards, ..self }
    }

    pub fn table(&self) -> &str {
        &self.table
    }
}

//! The embedded engine for tests that write very much.
//!
//! The engine numbers a stream's next record by reading all that there are, and finds new ones in the same way, so that each
//! write makes all further ones slower. DynamoDB does not. This engine keeps its data in a file that has an index for both
//! questions, and is otherwise the one that every test has.

use std::path::PathBuf;

use domain::Timestamp;
use domain::ids::{LinkId, PayToken};
use dynoxide::{AttributeValue, Database, ImportOptions, Item};
use paylink_local::seed::DEMO;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::unique_table;

/// Both questions about the stream of a table: which number is the greatest, and which records come behind one.
const INDEX_OF_STREAMS: &str =
    "CREATE INDEX stream_numbers ON _stream_records (table_name, CAST(sequence_number AS INTEGER), shard_id)";

/// At most this many items are put in one transaction.
const BATCH: usize = 5000;

/// All links that are copies belong to this many contacts, where nobody says to whom.
const CONTACTS: usize = 5000;

/// The running engine. It ends with the value, and its data with it.
pub struct Engine {
    endpoint: String,
    database: Database,
    folder: PathBuf,
    serving: JoinHandle<()>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Engine {
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(unique_table());
        std::fs::create_dir(&folder).expect("a folder can be made");
        let file = folder.join("tables.db");
        let database = Database::new(file.to_str().expect("a path of letters")).expect("a new database");
        let beside = rusqlite::Connection::open(&file).expect("the database can be opened");
        beside.execute_batch(INDEX_OF_STREAMS).expect("the database has a table of streams");
        // Nobody needs the data once the test has ended, so that nothing waits for the disk.
        database.enable_bulk_loading().expect("the database takes settings");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let endpoint = format!("http://127.0.0.1:{}", listener.local_addr().expect("it has an address").port());
        let serving = tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        Self { endpoint, database, folder, serving }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The item of a link.
    pub fn link(&self, table: &str, id: &LinkId) -> Item {
        let key = json!({ "pk": { "S": format!("link#{id}") }, "sk": { "S": "link" } });
        let request = serde_json::from_value(json!({ "TableName": table, "Key": key })).expect("a request");
        let found = self.database.get_item(request).expect("the table can be read");
        found.item.expect("the link is there")
    }

    /// Puts this many copies of a link of the demo business into a table, all of them due. No stream tells of them.
    pub fn put_due(&self, table: &str, pattern: &Item, links: usize, due_at: Timestamp) {
        let numbers: Vec<usize> = (0..links).collect();
        for numbers in numbers.chunks(BATCH) {
            let items: Vec<Item> =
                numbers.iter().map(|number| copy_of_link(pattern, *number, None, Some(due_at))).collect();
            let put = self.database.import_items(table, items, ImportOptions::default()).expect("the items can be put");
            assert_eq!(put.items_imported, numbers.len());
        }
    }
}

/// The part of the index of due work that the store puts a link into.
pub fn due_kind(id: &LinkId) -> String {
    let hash = Sha256::digest(id.as_str().as_bytes());
    format!("link#{}", hash[0] % store::DUE_SHARDS)
}

/// A text of an item.
///
/// # Panics
/// Where it has none of this name.
pub fn text_of<'a>(item: &'a Item, name: &str) -> &'a str {
    match &item[name] {
        AttributeValue::S(text) => text,
        other => panic!("{name} is {other:?}"),
    }
}

/// A copy of a link of the demo business with a token of its own: of a contact, or one that is due.
pub fn copy_of_link(pattern: &Item, number: usize, contact: Option<&str>, due_at: Option<Timestamp>) -> Item {
    let mut bits = [7; 16];
    bits[..8].copy_from_slice(&u64::try_from(number).expect("a small number").to_be_bytes());
    let token = PayToken::from_random(bits);
    let id = LinkId::of(&token);
    let mut item = pattern.clone();
    let mut put = |name: &str, text: String| item.insert(name.to_owned(), AttributeValue::S(text));
    let listed_at = text_of(pattern, "listed_at").split('#').next().unwrap_or_default();
    put("pk", format!("link#{id}"));
    put("id", id.to_string());
    put("token", token.expose().to_owned());
    put("listed_at", format!("{listed_at}#{id}"));
    // One that is due will be written again, with the lists that its own contact and item say.
    if due_at.is_none() {
        let contact = contact.map_or_else(|| format!("c-{}", number % CONTACTS), str::to_owned);
        put("by_contact", format!("links#{DEMO}#{contact}"));
        put("by_item", format!("links#{DEMO}#i-{number}"));
    }
    put("due_kind", due_kind(&id));
    if let Some(due_at) = due_at {
        put("expires_at", due_at.to_string());
        item.insert("due_at".to_owned(), AttributeValue::N(due_at.as_millisecond().to_string()));
    }
    item
}

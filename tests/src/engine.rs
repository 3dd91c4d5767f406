//! The embedded engine for tests that write very much.
//!
//! The engine numbers a stream's next record by reading all that there are, and finds new ones in the same way, so that each
//! write makes all further ones slower. DynamoDB does not. This engine keeps its data in a file that has an index for both
//! questions, and is otherwise the one that every test has.

use std::ops::Range;
use std::path::PathBuf;

use domain::Timestamp;
use domain::ids::{LinkId, PayToken, ReceiptId};
use domain::records::contact::Contact;
use domain::search::ContactTerm;
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
        self.item(table, &format!("link#{id}"), "link")
    }

    /// The item of a receipt of the demo business.
    pub fn receipt(&self, table: &str, id: &ReceiptId) -> Item {
        self.item(table, &format!("receipt#{DEMO}#{id}"), "receipt")
    }

    fn item(&self, table: &str, pk: &str, sk: &str) -> Item {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let request = serde_json::from_value(json!({ "TableName": table, "Key": key })).expect("a request");
        let found = self.database.get_item(request).expect("the table can be read");
        found.item.expect("it is there")
    }

    /// Puts this many copies of a link of the demo business into a table, all of them due. No stream tells of them.
    pub fn put_due(&self, table: &str, pattern: &Item, links: usize, due_at: Timestamp) {
        self.put_all(table, 0..links, |number| copy_of_link(pattern, number, None, Some(due_at)));
    }

    /// Puts copies of a link with these numbers into a table, all of them of one contact where it is named.
    pub fn put_copies(&self, table: &str, pattern: &Item, numbers: Range<usize>, contact: Option<&str>) {
        self.put_all(table, numbers, |number| copy_of_link(pattern, number, contact, None));
    }

    /// Puts what contacts of the demo business with these numbers are found by in their names, as the store writes it, and
    /// nothing else of them.
    pub fn put_names(&self, table: &str, numbers: Range<usize>, name: impl Fn(usize) -> String) {
        let rows: Vec<Item> = numbers.flat_map(|number| rows_of_names(number, name(number))).collect();
        self.put_all(table, 0..rows.len(), |at| rows[at].clone());
    }

    /// Puts an item for each of these numbers into a table.
    pub fn put_all(&self, table: &str, numbers: Range<usize>, copy: impl Fn(usize) -> Item) {
        let numbers: Vec<usize> = numbers.collect();
        for numbers in numbers.chunks(BATCH) {
            let items: Vec<Item> = numbers.iter().map(|number| copy(*number)).collect();
            let put = self.database.import_items(table, items, ImportOptions::default()).expect("the items can be put");
            assert_eq!(put.items_imported, numbers.len());
        }
    }
}

fn rows_of_names(number: usize, name: String) -> Vec<Item> {
    let contact: Contact =
        serde_json::from_value(json!({ "id": format!("n-{number}"), "name": name })).expect("a contact");
    let mut rows = Vec::new();
    for (term, shown) in contact.found_by() {
        let ContactTerm::Name(beginning) = term else { continue };
        let texts = [
            ("pk", format!("search#{DEMO}#name#{}", beginning.initial())),
            ("sk", format!("{}#{}", beginning.as_str(), shown.contact_id)),
            ("contact_id", shown.contact_id.to_string()),
            ("name", shown.name),
            ("by", shown.by.as_str().to_owned()),
        ];
        rows.push(texts.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))).into());
    }
    rows
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

/// The token of the copy with this number.
fn token_of_copy(number: usize) -> PayToken {
    let mut bits = [7; 16];
    bits[..8].copy_from_slice(&u64::try_from(number).expect("a small number").to_be_bytes());
    PayToken::from_random(bits)
}

/// The id of the copy with this number.
pub fn id_of_copy(number: usize) -> LinkId {
    LinkId::of(&token_of_copy(number))
}

/// A copy of a link of the demo business that was made at another moment, in a shard of the business's lists.
pub fn copy_made_at(pattern: &Item, number: usize, contact: Option<&str>, at: Timestamp, shard: u8) -> Item {
    let mut item = copy_of_link(pattern, number, contact, None);
    let list = match text_of(pattern, "by_state").split('#').next() {
        Some("over") => format!("over#{DEMO}#{}", at.strftime("%Y-%m")),
        _ => format!("live#{DEMO}"),
    };
    let list = if shard == 0 { list } else { format!("{list}#{shard}") };
    let listed_at = format!("{:013}#{}", at.as_millisecond(), id_of_copy(number));
    for (name, text) in [("by_state", list), ("created_at", at.to_string()), ("listed_at", listed_at)] {
        item.insert(name.to_owned(), AttributeValue::S(text));
    }
    item
}

/// A copy of a link of the demo business with a token of its own: of a contact, or one that is due.
pub fn copy_of_link(pattern: &Item, number: usize, contact: Option<&str>, due_at: Option<Timestamp>) -> Item {
    let token = token_of_copy(number);
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
        // What is listed is asked of the link itself.
        rename(&mut item, "contact", contact);
        rename(&mut item, "item", format!("i-{number}"));
    }
    let mut put = |name: &str, text: String| item.insert(name.to_owned(), AttributeValue::S(text));
    put("due_kind", due_kind(&id));
    if let Some(due_at) = due_at {
        put("expires_at", due_at.to_string());
        item.insert("due_at".to_owned(), AttributeValue::N(due_at.as_millisecond().to_string()));
    }
    item
}

/// Gives the record that a link has a copy of another id.
fn rename(item: &mut Item, record: &str, id: String) {
    if let Some(AttributeValue::M(record)) = item.get_mut(record) {
        record.insert("id".to_owned(), AttributeValue::S(id));
    }
}

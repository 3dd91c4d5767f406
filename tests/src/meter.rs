//! Counts what functions ask of DynamoDB: round trips, and capacity by the rules of [`crate::capacity`].
//!
//! It stands on the wire and not in an interceptor of the SDK: nothing a function does can go around it, a try that the SDK
//! makes again counts again, and functions in any language are counted alike. Before a write is let through, the item that
//! it replaces is read, because what a write costs depends on that too.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::{KeySchemaElement, ProjectionType};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::capacity::{Index, Item, entry, entry_units, item_size, read_units, table_units};

/// What was asked of DynamoDB.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    pub round_trips: usize,
    pub read_units: f64,
    pub write_units: usize,
    /// The largest item written, in bytes.
    pub largest_item: usize,
    /// The names of the operations in their order.
    pub operations: Vec<String>,
    /// What each partition was asked for. The name is the partition key's value, behind the index's name where it is one
    /// of an index.
    pub partitions: BTreeMap<String, Load>,
}

/// The units that one partition was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    pub read_units: f64,
    pub write_units: usize,
}

impl Usage {
    fn read(&mut self, partition: String, units: f64) {
        self.read_units += units;
        self.partitions.entry(partition).or_default().read_units += units;
    }

    fn write(&mut self, partition: String, units: usize) {
        if units > 0 {
            self.write_units += units;
            self.partitions.entry(partition).or_default().write_units += units;
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.round_trips += more.round_trips;
        self.read_units += more.read_units;
        self.write_units += more.write_units;
        self.largest_item = self.largest_item.max(more.largest_item);
        self.operations.extend(more.operations);
        for (partition, load) in more.partitions {
            let sum = self.partitions.entry(partition).or_default();
            sum.read_units += load.read_units;
            sum.write_units += load.write_units;
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round_trips, read_units, write_units, .. } = self;
        write!(f, "{round_trips} round trips, {read_units} RCU, {write_units} WCU")
    }
}

struct Counting {
    upstream: String,
    http: reqwest::Client,
    indexes: Vec<NamedIndex>,
    key: Vec<String>,
    usage: Mutex<Usage>,
}

struct NamedIndex {
    name: String,
    /// The attribute that says in which partition an entry is.
    partition: String,
    shows: Index,
}

/// All that is charged for here. Whatever else a function may come to ask has to be given its price first.
const KNOWN: [&str; 9] = [
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "PutItem",
    "DeleteItem",
    "UpdateItem",
    "TransactWriteItems",
    "BatchWriteItem",
];

/// The running meter. It ends with the value.
pub struct Meter {
    port: u16,
    counting: Arc<Counting>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Meter {
    /// Starts a meter in front of a DynamoDB whose table exists. What is asked of other tables is counted as if they had the
    /// same keys and none of the indexes' attributes, which holds for that of secrets.
    pub async fn start(upstream: &str, client: &aws_sdk_dynamodb::Client, table: &str) -> Self {
        let described = client.describe_table().table_name(table).send().await.expect("the table is described");
        let described = described.table.unwrap();
        let names = |schema: &[KeySchemaElement]| -> Vec<String> {
            schema.iter().map(|element| element.attribute_name().to_owned()).collect()
        };
        let key = names(described.key_schema());
        let index = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
            let projection = index.projection().expect("the index says what it shows");
            let projected = match projection.projection_type() {
                Some(ProjectionType::KeysOnly) => Vec::new(),
                Some(ProjectionType::Include) => projection.non_key_attributes().to_vec(),
                other => panic!("it is not known here what is in the entries of {other:?}"),
            };
            let own = names(index.key_schema());
            NamedIndex {
                name: index.index_name().unwrap_or_default().to_owned(),
                partition: own.first().cloned().unwrap_or_default(),
                shows: Index {
                    keys: own.into_iter().chain(key.clone()).collect(),
                    projected: projected.into_iter().collect(),
                },
            }
        };
        let counting = Arc::new(Counting {
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            indexes: described.global_secondary_indexes().iter().map(index).collect(),
            key,
            usage: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Without this every small answer waits for the peer's acknowledgement.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let router = Router::new().fallback(pass).with_state(Arc::clone(&counting));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, counting, task }
    }

    /// What a function has to be told as the endpoint of DynamoDB.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked since this was last called.
    ///
    /// # Panics
    /// Where something was asked whose price is not known here.
    pub fn take(&self) -> Usage {
        let usage = std::mem::take(&mut *self.counting.usage.lock().unwrap_or_else(PoisonError::into_inner));
        let unknown = usage.operations.iter().find(|operation| !KNOWN.contains(&operation.as_str()));
        assert_eq!(unknown, None, "the meter does not know what this operation costs");
        usage
    }
}

async fn pass(State(counting): State<Arc<Counting>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.split_once('.').map_or("", |(_, operation)| operation).to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let writes = counting.writes(&operation, &request, &headers).await;
    let (status, answered, answer) = counting.forward(&headers, body).await;
    let parsed: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let mut usage = counting.reads(&operation, &request, &parsed);
    usage.round_trips = 1;
    for write in writes {
        let new =
            if status.is_success() { write.item_afterwards(&counting, &headers).await } else { write.old.clone() };
        counting.charge(&mut usage, &write, new.as_ref(), operation == "TransactWriteItems");
        usage.largest_item = usage.largest_item.max(new.as_ref().map_or(0, item_size));
    }
    usage.operations.push(operation);
    *counting.usage.lock().unwrap_or_else(PoisonError::into_inner) += usage;
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = status;
    response.headers_mut().extend(answered);
    response.into_response()
}

/// One item that a request writes.
struct Write {
    table: Value,
    key: Item,
    old: Option<Item>,
    kind: Kind,
}

enum Kind {
    Put(Item),
    Delete,
    /// Known only when it is done.
    Update,
    Check,
}

impl Write {
    async fn item_afterwards(&self, counting: &Counting, headers: &HeaderMap) -> Option<Item> {
        match &self.kind {
            Kind::Put(item) => Some(item.clone()),
            Kind::Delete => None,
            Kind::Update => counting.item(&self.table, &self.key, headers).await,
            Kind::Check => self.old.clone(),
        }
    }
}

impl Counting {
    async fn writes(&self, operation: &str, request: &Value, headers: &HeaderMap) -> Vec<Write> {
        if operation == "BatchWriteItem" {
            return self.puts_of_a_batch(request, headers).await;
        }
        let parts: Vec<(&str, &Value)> = match operation {
            "PutItem" => vec![("Put", request)],
            "DeleteItem" => vec![("Delete", request)],
            "UpdateItem" => vec![("Update", request)],
            "TransactWriteItems" => {
                let items = request["TransactItems"].as_array().unwrap().iter();
                items.filter_map(|item| item.as_object()?.iter().next()).map(|(kind, at)| (kind.as_str(), at)).collect()
            }
            _ => Vec::new(),
        };
        let mut writes = Vec::new();
        for (kind, part) in parts {
            let item = part[if kind == "Put" { "Item" } else { "Key" }].as_object().unwrap().clone();
            let key: Item = self.key.iter().map(|name| (name.clone(), item[name].clone())).collect();
            let old = self.item(&part["TableName"], &key, headers).await;
            let kind = match kind {
                "Put" => Kind::Put(item),
                "Delete" => Kind::Delete,
                "Update" => Kind::Update,
                _ => Kind::Check,
            };
            writes.push(Write { table: part["TableName"].clone(), key, old, kind });
        }
        writes
    }

    /// No function deletes in a batch.
    async fn puts_of_a_batch(&self, request: &Value, headers: &HeaderMap) -> Vec<Write> {
        let mut writes = Vec::new();
        for (table, batch) in request["RequestItems"].as_object().into_iter().flatten() {
            for write in batch.as_array().into_iter().flatten() {
                let item = write["PutRequest"]["Item"].as_object().expect("a put").clone();
                let key: Item = self.key.iter().map(|name| (name.clone(), item[name].clone())).collect();
                let table = Value::from(table.as_str());
                let old = self.item(&table, &key, headers).await;
                writes.push(Write { table, key, old, kind: Kind::Put(item) });
            }
        }
        writes
    }

    /// The table's part is charged to the item's partition, and what follows in an index to those that an entry leaves and
    /// enters.
    fn charge(&self, usage: &mut Usage, write: &Write, new: Option<&Item>, is_transaction: bool) {
        let old = write.old.as_ref();
        usage.write(self.partition_of(&write.key), table_units(old, new, is_transaction));
        for index in &self.indexes {
            let units = entry_units(old, new, &index.shows);
            let partitions: Vec<String> = [old, new]
                .into_iter()
                .flatten()
                .filter(|item| entry(item, &index.shows).is_some())
                .map(|item| format!("{} {}", index.name, text(&item[&index.partition])))
                .collect();
            // One that moves leaves one partition and enters another, or the same.
            for partition in partitions.iter().take(units) {
                usage.write(partition.clone(), units / partitions.len().min(units));
            }
        }
    }

    fn partition_of(&self, item: &Item) -> String {
        self.key.first().and_then(|name| item.get(name)).map(text).unwrap_or_default()
    }

    fn reads(&self, operation: &str, request: &Value, answer: &Value) -> Usage {
        let size = |item: &Value| item.as_object().map_or(0, item_size);
        let partition = |key: &Value| key.as_object().map(|key| self.partition_of(key)).unwrap_or_default();
        let is_consistent = request["ConsistentRead"] == true;
        let mut usage = Usage::default();
        match operation {
            "GetItem" => usage.read(partition(&request["Key"]), read_units(size(&answer["Item"]), is_consistent)),
            "Query" | "Scan" => {
                let found = answer["Items"].as_array().map_or(0, |items| items.iter().map(size).sum());
                usage.read(queried(request), read_units(found, is_consistent));
            }
            "BatchGetItem" => {
                for (table, wanted) in request["RequestItems"].as_object().into_iter().flatten() {
                    let is_consistent = wanted["ConsistentRead"] == true;
                    let found = answer["Responses"][table].as_array().cloned().unwrap_or_default();
                    for key in wanted["Keys"].as_array().into_iter().flatten() {
                        let is_it = |item: &&Value| self.key.iter().all(|name| item[name] == key[name]);
                        let bytes = found.iter().find(is_it).map_or(0, size);
                        usage.read(partition(key), read_units(bytes, is_consistent));
                    }
                }
            }
            _ => {}
        }
        usage
    }

    async fn item(&self, table: &Value, key: &Item, headers: &HeaderMap) -> Option<Item> {
        let mut headers = headers.clone();
        headers.insert("x-amz-target", HeaderValue::from_static("DynamoDB_20120810.GetItem"));
        let body = json!({ "TableName": table, "Key": key, "ConsistentRead": true }).to_string();
        let (_, _, answer) = self.forward(&headers, body.into()).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        answer["Item"].as_object().cloned()
    }

    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
        let mut headers = headers.clone();
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let sent = self.http.post(&self.upstream).headers(headers).body(body).send().await;
        let answer = sent.expect("DynamoDB answers");
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        (status, headers, answer.bytes().await.expect("DynamoDB answers"))
    }
}

/// The text of a key attribute.
fn text(value: &Value) -> String {
    value["S"].as_str().unwrap_or_default().to_owned()
}

/// The partition that a query reads: what its condition's first part compares with.
fn queried(request: &Value) -> String {
    let condition = request["KeyConditionExpression"].as_str().unwrap_or_default();
    let name = condition.split('=').nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    let partition = text(&request["ExpressionAttributeValues"][name]);
    request["IndexName"].as_str().map_or(partition.clone(), |index| format!("{index} {partition}"))
}

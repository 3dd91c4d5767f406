//! Counts what functions ask of DynamoDB: round trips, and capacity by the rules of [`crate::capacity`].
//!
//! It stands on the wire, where nothing a function does can go around it. Before a write is let through, the item that it
//! replaces is read, because what a write costs depends on that too.

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

use crate::capacity::{Index, Item, item_size, read_units, write_units};

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
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.round_trips += more.round_trips;
        self.read_units += more.read_units;
        self.write_units += more.write_units;
        self.largest_item = self.largest_item.max(more.largest_item);
        self.operations.extend(more.operations);
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
    indexes: Vec<Index>,
    key: Vec<String>,
    usage: Mutex<Usage>,
}

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
    /// Starts a meter in front of a DynamoDB whose table exists.
    pub async fn start(upstream: &str, client: &aws_sdk_dynamodb::Client, table: &str) -> Self {
        let described = client.describe_table().table_name(table).send().await.expect("the table is described");
        let described = described.table.unwrap();
        let names = |schema: &[KeySchemaElement]| -> Vec<String> {
            schema.iter().map(|element| element.attribute_name().to_owned()).collect()
        };
        let key = names(described.key_schema());
        let index = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
            let projection = index.projection().and_then(|projection| projection.projection_type());
            assert_eq!(projection, Some(&ProjectionType::KeysOnly), "entries of other indexes are charged by size");
            names(index.key_schema()).into_iter().chain(key.clone()).collect::<Index>()
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
    pub fn take(&self) -> Usage {
        std::mem::take(&mut *self.counting.usage.lock().unwrap_or_else(PoisonError::into_inner))
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
        let (old, is_transaction) = (write.old.as_ref(), operation == "TransactWriteItems");
        usage.write_units += write_units(old, new.as_ref(), is_transaction, &counting.indexes);
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

    fn reads(&self, operation: &str, request: &Value, answer: &Value) -> Usage {
        let size = |item: &Value| item.as_object().map_or(0, item_size);
        let is_consistent = request["ConsistentRead"] == true;
        let read_units = match operation {
            "GetItem" => read_units(size(&answer["Item"]), is_consistent),
            "Query" | "Scan" => {
                let found = answer["Items"].as_array().map_or(0, |items| items.iter().map(size).sum());
                read_units(found, is_consistent)
            }
            "BatchGetItem" => request["RequestItems"].as_object().map_or(0.0, |tables| {
                let one = |(table, wanted): (&String, &Value)| {
                    let is_consistent = wanted["ConsistentRead"] == true;
                    let found = answer["Responses"][table].as_array().cloned().unwrap_or_default();
                    let asked = wanted["Keys"].as_array().map_or(0, Vec::len);
                    let missing = u32::try_from(asked.saturating_sub(found.len())).unwrap_or(u32::MAX);
                    let units: f64 = found.iter().map(|item| read_units(size(item), is_consistent)).sum();
                    units + f64::from(missing) * read_units(0, is_consistent)
                };
                tables.iter().map(one).sum()
            }),
            _ => 0.0,
        };
        Usage { read_units, ..Usage::default() }
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

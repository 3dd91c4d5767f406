//! The table's stream feeding deliver-messages, as an event source mapping does: filtered batches, and records that the
//! function reports as failed sent again.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, ShardIteratorType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A batch has at most this many records.
const BATCH: usize = 100;

/// How long to wait where nothing is new.
const PAUSE: Duration = Duration::from_millis(150);

/// How long to wait before a failed batch is sent again.
const RETRY: Duration = Duration::from_secs(2);

/// Brings a function the records of the stream, for ever.
pub(crate) async fn follow(mut stream: StreamReader, function_url: String) {
    let http = reqwest::Client::new();
    loop {
        match stream.records().await {
            Ok(records) => {
                for batch in records.chunks(BATCH) {
                    deliver(&http, batch.to_vec(), &function_url).await;
                }
            }
            Err(reason) => {
                tracing::warn!(reason, "The stream could not be read; trying again.");
                tokio::time::sleep(RETRY).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The stream of a table from its oldest record on, as an event source mapping reads it for one function.
#[derive(Debug)]
pub struct StreamReader {
    client: Client,
    table: String,
    patterns: Vec<Value>,
    /// The last record that was read of each shard.
    positions: HashMap<String, String>,
}

impl StreamReader {
    pub(crate) fn new(client: Client, table: String, patterns: Vec<Value>) -> Self {
        Self { client, table, patterns, positions: HashMap::new() }
    }

    /// Records since the last call that the function's filter lets through, in the form in which Lambda hands them over;
    /// none where there is none any more. They are not read again: the caller sees to it that they are served.
    pub async fn records(&mut self) -> Result<Vec<Value>, String> {
        let streams = self.client.list_streams().table_name(&self.table).send().await.map_err(text)?;
        let Some(arn) = streams.streams().first().and_then(|stream| stream.stream_arn()) else { return Ok(Vec::new()) };
        let described = self.client.describe_stream().stream_arn(arn).send().await.map_err(text)?;
        let mut found = Vec::new();
        for shard in described.stream_description().map(|stream| stream.shards()).unwrap_or_default() {
            let Some(shard) = shard.shard_id() else { continue };
            let before = found.len();
            // The filter may let nothing of a page through, and something of a later one.
            while found.len() == before {
                let page = self.read_shard(arn, shard).await?;
                if page.is_empty() {
                    break;
                }
                for record in page {
                    let last = record.dynamodb().and_then(|change| change.sequence_number());
                    self.positions.extend(last.map(|sequence| (shard.to_owned(), sequence.to_owned())));
                    let event = event_of(&record, arn);
                    if self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, &event)) {
                        found.push(event);
                    }
                }
            }
        }
        Ok(found)
    }

    async fn read_shard(&self, arn: &str, shard: &str) -> Result<Vec<Record>, String> {
        let iterator = match self.positions.get(shard) {
            Some(sequence) => self
                .client
                .get_shard_iterator()
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .sequence_number(sequence),
            None => self.client.get_shard_iterator().shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let iterator = iterator.stream_arn(arn).shard_id(shard).send().await.map_err(text)?;
        let records = self.client.get_records().set_shard_iterator(iterator.shard_iterator).limit(1000).send();
        Ok(records.await.map_err(text)?.records.unwrap_or_default())
    }
}

/// Sends one batch, and what failed of it again, until all of it is served.
async fn deliver(http: &reqwest::Client, mut records: Vec<Value>, function_url: &str) {
    while !records.is_empty() {
        let answer = http.post(function_url).json(&json!({ "Records": records })).send().await;
        match failed(answer).await {
            Ok(failed) => {
                records.retain(|record| failed.iter().any(|number| record["dynamodb"]["SequenceNumber"] == **number))
            }
            Err(reason) => tracing::warn!(reason, "A batch of the stream could not be delivered; trying again."),
        }
        if !records.is_empty() {
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// The numbers of the records that the function could not serve.
async fn failed(answer: reqwest::Result<reqwest::Response>) -> Result<Vec<String>, String> {
    let answer = answer.map_err(|error| error.without_url().to_string())?;
    if !answer.status().is_success() {
        return Err(format!("status {}", answer.status()));
    }
    let body: Value = answer.json().await.map_err(|error| error.without_url().to_string())?;
    if body.get("errorMessage").is_some() {
        return Err("the function failed".to_owned());
    }
    let failures = body["batchItemFailures"].as_array().cloned().unwrap_or_default();
    Ok(failures.iter().filter_map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned)).collect())
}

/// Whether a record fits a pattern: every field that the pattern names has one of the values it lists.
fn matches(pattern: &Value, record: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, pattern)| matches(pattern, &record[name])),
        Value::Array(values) => values.contains(record),
        _ => pattern == record,
    }
}

/// A record in the form in which Lambda hands it to a function.
fn event_of(record: &Record, arn: &str) -> Value {
    let change = record.dynamodb();
    let image = |item: Option<&HashMap<String, AttributeValue>>| {
        item.map(|item| item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>())
    };
    json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(|name| name.as_str()),
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "eventSourceARN": arn,
        "dynamodb": {
            "ApproximateCreationDateTime": change.and_then(|c| c.approximate_creation_date_time()).map(|at| at.secs()),
            "Keys": image(change.and_then(|change| change.keys())),
            "NewImage": image(change.and_then(|change| change.new_image())),
            "SequenceNumber": change.and_then(|change| change.sequence_number()),
            "SizeBytes": change.and_then(|change| change.size_bytes()),
            "StreamViewType": "NEW_IMAGE",
        },
    })
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(choice) => json!({ "BOOL": choice }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes.as_ref()) }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(map) => {
            let map: Map<_, _> = map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({ "M": map })
        }
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        _ => Value::Null,
    }
}

fn text(error: impl std::fmt::Debug) -> String {
    // The debug form names the kind of failure; items are not in it, because these calls send none.
    let mut text = format!("{error:?}");
    text.truncate(200);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_lets_through_what_it_lists() {
        let pattern = json!({ "eventName": ["INSERT"], "dynamodb": { "Keys": { "sk": { "S": ["link"] } } } });
        let record = |name: &str, sk: &str| json!({ "eventName": name, "dynamodb": { "Keys": { "sk": { "S": sk } } } });
        assert!(matches(&pattern, &record("INSERT", "link")));
        assert!(!matches(&pattern, &record("MODIFY", "link")));
        assert!(!matches(&pattern, &record("INSERT", "message#1")));
        assert!(!matches(&pattern, &json!({})));
    }
}

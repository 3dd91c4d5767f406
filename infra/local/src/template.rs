//! What the local cloud takes from `template.yaml`: the tables, the stream's filter and the schedules.
//!
//! These are literals there. A value that is computed is refused here, rather than guessed.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use serde::Deserialize;
use serde_norway::Value;

/// Why the template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("the template cannot be used: {0}")]
    Invalid(String),
}

fn invalid(reason: impl std::fmt::Display) -> TemplateError {
    TemplateError::Invalid(reason.to_string())
}

/// The parsed template.
#[derive(Clone, Debug)]
pub struct Template(Value);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableProperties {
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<KeyPart>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    stream_specification: Option<Stream>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyPart {
    attribute_name: String,
    key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    index_name: String,
    key_schema: Vec<KeyPart>,
    projection: ProjectionProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionProperties {
    projection_type: String,
    non_key_attributes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    stream_view_type: String,
}

/// A route of the HTTP API: method (or `ANY`), path as API Gateway writes it, and the folder of its function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub function: String,
}

impl Template {
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TemplateError::Unreadable { path: path.display().to_string(), source })?;
        serde_norway::from_str(&text).map(Self).map_err(invalid)
    }

    fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.0.get("Resources").and_then(Value::as_mapping);
        resources.into_iter().flatten().filter_map(|(name, resource)| Some((name.as_str()?, resource)))
    }

    /// The events of all functions: the function's folder, the event's type and its properties.
    fn events(&self) -> impl Iterator<Item = (String, &str, &Value)> {
        self.resources().filter_map(|(_, resource)| resource.get("Properties")).flat_map(|properties| {
            let folder = properties.get("CodeUri").and_then(Value::as_str).unwrap_or_default();
            let folder = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
            let events = properties.get("Events").and_then(Value::as_mapping);
            events.into_iter().flatten().filter_map(move |(_, event)| {
                Some((folder.clone(), event.get("Type")?.as_str()?, event.get("Properties")?))
            })
        })
    }

    /// All routes of the HTTP API, sorted.
    pub fn routes(&self) -> Vec<Route> {
        let mut routes: Vec<Route> = self
            .events()
            .filter(|(_, kind, _)| *kind == "HttpApi")
            .filter_map(|(function, _, properties)| {
                Some(Route {
                    method: properties.get("Method")?.as_str()?.to_uppercase(),
                    path: properties.get("Path")?.as_str()?.to_owned(),
                    function,
                })
            })
            .collect();
        routes.sort();
        routes
    }

    /// Which records of the stream a function asks for, as the patterns of its event source mapping.
    pub fn stream_patterns(&self, function: &str) -> Result<Vec<serde_json::Value>, TemplateError> {
        let mapping = self.events().find(|(name, kind, _)| name == function && *kind == "DynamoDB");
        let (_, _, properties) = mapping.ok_or_else(|| invalid(format!("{function} has no stream")))?;
        let filters = properties.get("FilterCriteria").and_then(|criteria| criteria.get("Filters"));
        let filters = filters.and_then(Value::as_sequence).cloned().unwrap_or_default();
        let patterns = filters.iter().filter_map(|filter| filter.get("Pattern")?.as_str());
        patterns.map(|pattern| serde_json::from_str(pattern).map_err(invalid)).collect()
    }

    /// How often the schedule of a function runs it.
    pub fn schedule(&self, function: &str) -> Result<Duration, TemplateError> {
        let schedule = self.events().find(|(name, kind, _)| name == function && *kind == "ScheduleV2");
        let rate = schedule.and_then(|(_, _, properties)| properties.get("ScheduleExpression")?.as_str());
        let rate = rate.ok_or_else(|| invalid(format!("{function} has no schedule")))?;
        let parts = rate.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')).and_then(|r| r.split_once(' '));
        let (number, unit) = parts.ok_or_else(|| invalid(format!("{rate} is no rate")))?;
        let number: u64 = number.parse().map_err(invalid)?;
        match unit.trim_end_matches('s') {
            "minute" => Ok(Duration::from_secs(60 * number)),
            "hour" => Ok(Duration::from_secs(3600 * number)),
            _ => Err(invalid(format!("{rate} is no rate of minutes or hours"))),
        }
    }

    /// Makes the table of a resource under this name, as the template describes it. A table that is there already stays as
    /// it is.
    pub async fn create_table(&self, client: &Client, resource: &str, name: &str) -> Result<(), TemplateError> {
        let tables = client.list_tables().send().await.map_err(|error| invalid(error.into_service_error()))?;
        if tables.table_names().iter().any(|known| known == name) {
            return Ok(());
        }
        let table = self.resources().find(|(known, _)| *known == resource);
        let properties = table.and_then(|(_, table)| table.get("Properties"));
        let properties = properties.ok_or_else(|| invalid(format!("there is no resource {resource}")))?;
        let properties: TableProperties = serde_norway::from_value(properties.clone()).map_err(invalid)?;
        let mut request = client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(key_schema(&properties.key_schema)?));
        if let Some(stream) = &properties.stream_specification {
            let view = StreamViewType::from(stream.stream_view_type.as_str());
            let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build();
            request = request.stream_specification(stream.map_err(invalid)?);
        }
        for attribute in &properties.attribute_definitions {
            let definition = AttributeDefinition::builder()
                .attribute_name(&attribute.attribute_name)
                .attribute_type(ScalarAttributeType::from(attribute.attribute_type.as_str()))
                .build();
            request = request.attribute_definitions(definition.map_err(invalid)?);
        }
        for index in &properties.global_secondary_indexes {
            let projection = Projection::builder()
                .projection_type(ProjectionType::from(index.projection.projection_type.as_str()))
                .set_non_key_attributes(index.projection.non_key_attributes.clone())
                .build();
            let index = GlobalSecondaryIndex::builder()
                .index_name(&index.index_name)
                .set_key_schema(Some(key_schema(&index.key_schema)?))
                .projection(projection)
                .build();
            request = request.global_secondary_indexes(index.map_err(invalid)?);
        }
        request.send().await.map(|_| ()).map_err(|error| invalid(error.into_service_error()))
    }
}

fn key_schema(parts: &[KeyPart]) -> Result<Vec<KeySchemaElement>, TemplateError> {
    parts
        .iter()
        .map(|part| {
            KeySchemaElement::builder()
                .attribute_name(&part.attribute_name)
                .key_type(KeyType::from(part.key_type.as_str()))
                .build()
                .map_err(invalid)
        })
        .collect()
}

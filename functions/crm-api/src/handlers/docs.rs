//! `/v1/docs`: the OpenAPI document as a page for people. It loads nothing from elsewhere.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};
use web::ApiProblem;

use crate::openapi::DOCUMENT;

const STYLE: &str = include_str!("docs.css");

#[derive(Debug, thiserror::Error)]
#[error("the document cannot be shown: {0}")]
struct Unreadable(#[from] serde_json::Error);

pub(crate) async fn read() -> Result<Response, ApiProblem> {
    let document: Value =
        serde_json::from_str(DOCUMENT).map_err(|error| ApiProblem::unavailable(&Unreadable::from(error)))?;
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, Html(page(&document).into_string())).into_response())
}

fn page(document: &Value) -> Markup {
    let (groups, sent) = (groups(document), calls(document, "webhooks"));
    let schemas = document["components"]["schemas"].as_object();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Paylink API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Contents" {
                    p { strong { "Paylink API" } " " a href="/v1/openapi.json" { "openapi.json" } }
                    @for (group, calls) in &groups {
                        p { (group) }
                        ul {
                            @for call in calls {
                                li { a href={ "#" (text(&call.content["operationId"])) } { (text(&call.content["summary"])) } }
                            }
                        }
                    }
                    p { "Sent to you" }
                    ul {
                        @for call in &sent {
                            li { a href={ "#" (text(&call.content["operationId"])) } { (text(&call.content["summary"])) } }
                        }
                    }
                    p { a href="#objects" { "Objects" } }
                }
                main {
                    h1 { "Paylink API" }
                    (described(&document["info"]["description"]))
                    @for (group, calls) in &groups {
                        h2 { (group) }
                        @for call in calls { (call.section()) }
                    }
                    h2 { "Sent to you" }
                    @for call in &sent { (call.section()) }
                    h2 id="objects" { "Objects" }
                    @for (name, schema) in schemas.into_iter().flatten() {
                        section id={ "object-" (name) } {
                            h3 { (name) }
                            (described(&schema["description"]))
                            (object(schema))
                        }
                    }
                }
            }
        }
    }
}

/// A call that others make, or one that is made to them.
struct Call<'a> {
    document: &'a Value,
    method: &'a str,
    path: &'a str,
    content: &'a Value,
}

/// The calls of a part of the document.
fn calls<'a>(document: &'a Value, part: &str) -> Vec<Call<'a>> {
    let paths = document[part].as_object().into_iter().flatten();
    let calls = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, content)| Call { document, method, path, content })
    });
    calls.collect()
}

/// The calls under their headings.
fn groups(document: &Value) -> Vec<(&str, Vec<Call<'_>>)> {
    let names = document["tags"].as_array().into_iter().flatten().map(|tag| text(&tag["name"]));
    let mut groups: Vec<(&str, Vec<Call<'_>>)> = names.map(|name| (name, Vec::new())).collect();
    for call in calls(document, "paths") {
        let group = text(&call.content["tags"][0]);
        if let Some((_, calls)) = groups.iter_mut().find(|(known, _)| *known == group) {
            calls.push(call);
        }
    }
    groups.retain(|(_, calls)| !calls.is_empty());
    groups
}

/// What a reference leads to; anything else is itself.
fn followed<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let reference = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(part)
}

impl Call<'_> {
    fn section(&self) -> Markup {
        let content = self.content;
        let parameters = content["parameters"].as_array();
        html! {
            section id=(text(&content["operationId"])) {
                h3 { (text(&content["summary"])) }
                p.call { span.method { (self.method.to_uppercase()) } " " code { (self.path) } }
                (described(&content["description"]))
                @if let Some(parameters) = parameters {
                    table {
                        caption { "Parameters" }
                        @for parameter in parameters.iter().map(|one| followed(self.document, one)) {
                            tr {
                                th scope="row" { code { (text(&parameter["name"])) } }
                                td { (text(&parameter["in"])) }
                                td { (rich(text(&parameter["description"]))) }
                            }
                        }
                    }
                }
                (described(&content["requestBody"]["description"]))
                @if let Some(schema) = json_schema(&content["requestBody"]) {
                    p { "Body: " (kind(schema)) @if content["requestBody"]["required"] != true { ", may be left out" } }
                }
                @if let Some(example) = json_example(&content["requestBody"]) { (written(example)) }
                table {
                    caption { "Answers" }
                    @for (status, answer) in content["responses"].as_object().into_iter().flatten() {
                        @let answer = followed(self.document, answer);
                        tr {
                            th scope="row" { (status) }
                            td { @if let Some(schema) = json_schema(answer) { (kind(schema)) } }
                            td { (rich(text(&answer["description"]))) }
                        }
                    }
                }
                @for (status, answer) in content["responses"].as_object().into_iter().flatten() {
                    @if let Some(example) = json_example(answer) {
                        details { summary { "An answer with " (status) } (written(example)) }
                    }
                }
            }
        }
    }
}

/// The example of a body or an answer.
fn json_example(of: &Value) -> Option<&Value> {
    of["content"].as_object()?.values().next()?.get("example")
}

fn written(example: &Value) -> Markup {
    let shown = example.as_str().map_or_else(|| format!("{example:#}"), str::to_owned);
    html! { pre { code { (shown) } } }
}

/// The schema of a body or an answer, whatever its media type.
fn json_schema(of: &Value) -> Option<&Value> {
    of["content"].as_object()?.values().next()?.get("schema")
}

fn object(schema: &Value) -> Markup {
    let required = schema["required"].as_array();
    let is_required =
        |name: &str| required.is_some_and(|required| required.iter().any(|one| one.as_str() == Some(name)));
    let parts: Vec<&Value> = match schema["allOf"].as_array() {
        Some(parts) => parts.iter().collect(),
        None => vec![schema],
    };
    html! {
        @for part in parts {
            @match part["properties"].as_object() {
                Some(properties) => (fields(properties, &is_required)),
                None => p { (kind(part)) },
            }
        }
    }
}

fn fields(properties: &Map<String, Value>, is_required: &impl Fn(&str) -> bool) -> Markup {
    html! {
        table {
            @for (name, schema) in properties {
                tr {
                    th scope="row" { code { (name) } }
                    td { (kind(schema)) @if !is_required(name) { span.quiet { " optional" } } }
                    td { (rich(text(&schema["description"]))) }
                }
            }
        }
    }
}

/// What a value is, with a link where it is an object of its own.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a href={ "#object-" (name) } { (name) } };
    }
    let any = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(any) = any {
        return html! { @for (index, one) in any.iter().enumerate() { @if index > 0 { " or " } (kind(one)) } };
    }
    if let Some(word) = schema["const"].as_str() {
        return html! { code { (word) } };
    }
    if let Some(words) = schema["enum"].as_array() {
        return html! { @for (index, word) in words.iter().enumerate() { @if index > 0 { ", " } code { (text(word)) } } };
    }
    let names = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    html! {
        (names.join(" or "))
        @if names.contains(&"array") { " of " (kind(&schema["items"])) }
        @if let Some(bounds) = bounds(schema) { span.quiet { " (" (bounds) ")" } }
    }
}

/// The keywords that say which values there are.
fn bounds(schema: &Value) -> Option<String> {
    let shown = |(keyword, words): (&str, &str)| Some(format!("{words}{}", plain(&schema[keyword])?));
    let known = [
        ("format", ""),
        ("minLength", "at least "),
        ("maxLength", "at most "),
        ("minimum", "from "),
        ("maximum", "to "),
        ("maxItems", "at most "),
        ("maxProperties", "at most "),
    ];
    let bounds: Vec<String> = known.into_iter().filter_map(shown).collect();
    (!bounds.is_empty()).then(|| bounds.join(", "))
}

fn plain(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_number().map(ToString::to_string))
}

fn described(description: &Value) -> Markup {
    let paragraphs = text(description).split("\n\n").filter(|paragraph| !paragraph.is_empty());
    html! { @for paragraph in paragraphs { (paragraph_of(paragraph)) } }
}

/// A paragraph; lines that begin with a hyphen are a list.
fn paragraph_of(paragraph: &str) -> Markup {
    if paragraph.lines().all(|line| line.starts_with("- ")) {
        return html! { ul { @for line in paragraph.lines() { li { (rich(line.trim_start_matches("- "))) } } } };
    }
    html! { p { (rich(paragraph)) } }
}

/// A text in which backticks mean code.
fn rich(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

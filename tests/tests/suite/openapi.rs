//! The OpenAPI document against the types, the routes, the template and the codes in the sources.
//!
//! What the functions really answer is held against it in every test that calls them: see `World::send`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use paylink_local::template::Template;
use serde_json::{Value, json};
use tests::answers::followed;
use tests::{root, sources_below};

mod examples;
mod limits;

/// Whether the document and its examples are written down anew.
fn is_written_down() -> bool {
    std::env::var_os("PAYLINK_WRITE_OPENAPI").is_some()
}

pub(crate) fn generated() -> Value {
    let operations = create_link::operations().into_iter().chain(crm_api::operations());
    let operations = operations.chain(gateway_webhook::operations()).collect();
    web::openapi::document(web::openapi::Parts {
        operations,
        webhooks: crm_api::webhooks(),
        description: crm_api::description(),
        said_of_schemas: crm_api::said_of_schemas(),
        examples: examples::written(),
    })
}

/// `make openapi` writes the document down; otherwise it has to be what is written down.
#[tokio::test]
async fn the_document_is_what_the_types_say() {
    let path = root().join("functions/crm-api/openapi.json");
    let text = || format!("{}\n", serde_json::to_string_pretty(&generated()).unwrap());
    if is_written_down() {
        // The story's answers are held against the document, so it comes first, and once more with what was answered.
        std::fs::write(&path, text()).unwrap();
        examples::write().await;
        std::fs::write(&path, text()).unwrap();
    }
    let text = text();
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == text, "the API changed: run `make openapi` and look at the difference");
}

/// Method and path of every call in the document.
fn calls(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect()
}

/// What is said of every call.
fn all_calls(document: &Value) -> impl Iterator<Item = &Value> {
    document["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap().values())
}

/// The paths of the routers, as they stand in the sources.
fn routes(source: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(source)).unwrap();
    text.split(".route(").skip(1).map(|rest| rest.split('"').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn every_route_is_in_the_document_and_leads_to_the_function_that_answers_it() {
    let document = generated();
    let open = ["/v1/openapi.json", "/v1/docs"];
    let documented: BTreeSet<String> = calls(&document).into_iter().map(|(_, path)| path).collect();
    let mut routed = routes("functions/create-link/src/lib.rs");
    routed.extend(routes("functions/crm-api/src/router.rs"));
    routed.extend(routes("functions/gateway-webhook/src/lib.rs"));
    routed.retain(|path| path.starts_with("/v1/") && !open.contains(&path.as_str()));
    assert_eq!(documented, routed);
    let template = Template::read(&root().join("template.yaml")).unwrap();
    for route in template.routes() {
        let own = ["/v1/payment-links", "/v1/payment-links/draft", "/v1/payment-links/{id}/replace"];
        let is_made_here = own.contains(&route.path.as_str());
        if route.function == "create-link" {
            assert!(is_made_here && route.method == "POST", "{} {}", route.method, route.path);
            assert!(calls(&document).contains(&("post".to_owned(), route.path.clone())));
        }
        if route.function == "gateway-webhook" && route.path.starts_with("/v1/") {
            let known = [("POST", "/v1/accounts/{id}/check"), ("GET", "/v1/reconciliation")];
            assert!(known.contains(&(route.method.as_str(), route.path.as_str())), "{} {}", route.method, route.path);
        }
    }
}

#[test]
fn every_name_that_the_document_refers_to_is_in_it() {
    let document = generated();
    let text = document.to_string();
    let referred: BTreeSet<&str> =
        text.split("\"#/components/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    for reference in &referred {
        assert!(document["components"].pointer(&format!("/{reference}")).is_some(), "{reference} is nowhere");
    }
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(referred.contains(format!("{kind}/{name}").as_str()), "nothing refers to {kind}/{name}");
        }
    }
    let ids: Vec<&str> = all_calls(&document).map(|call| call["operationId"].as_str().unwrap()).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "every call has a name of its own");
}

/// The names of the schemas of everything that this part of the document is made of.
fn made_of(document: &Value, part: &Value, found: &mut BTreeSet<String>) {
    for reference in part.to_string().split("\"#/components/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let part = document["components"].pointer(&format!("/{reference}")).unwrap();
        match reference.strip_prefix("schemas/") {
            Some(name) if !found.insert(name.to_owned()) => {}
            Some(_) | None => made_of(document, part, found),
        }
    }
}

/// The names of the objects in bodies, and of those in answers.
fn bodies_and_answers(document: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut bodies, mut answers) = (BTreeSet::new(), BTreeSet::new());
    for call in all_calls(document) {
        made_of(document, &call["requestBody"], &mut bodies);
        made_of(document, &call["responses"], &mut answers);
    }
    // What is sent to the CRM may gain fields as an answer may.
    made_of(document, &document["webhooks"], &mut answers);
    let is_object = |name: &String| {
        let schema = &document["components"]["schemas"][name.as_str()];
        !schema["properties"].is_null() || !schema["allOf"].is_null()
    };
    bodies.retain(is_object);
    answers.retain(is_object);
    (bodies, answers)
}

#[test]
fn a_body_takes_no_other_fields_than_its_own_and_an_answer_may_gain_some() {
    let document = generated();
    let (bodies, mut answers) = bodies_and_answers(&document);
    assert!(bodies.len() > 20 && answers.len() > 30);
    // A draft gives a body back, which can be sent as it is.
    let mut given_back = BTreeSet::new();
    let request = &document["components"]["schemas"]["PaymentLinkDraft"]["properties"]["request"];
    assert_eq!(request["$ref"], "#/components/schemas/PaymentLinkCreate");
    made_of(&document, request, &mut given_back);
    answers.retain(|name| !given_back.contains(name));
    assert_eq!(bodies.intersection(&answers).collect::<Vec<_>>(), Vec::<&String>::new(), "they are closed and open");
    for (names, is_closed) in [(bodies, true), (answers, false)] {
        for name in names {
            let schema = &document["components"]["schemas"][&name];
            assert_eq!(schema["additionalProperties"] == false, is_closed, "{name}");
            let is_whole = !is_closed || schema["allOf"].is_null();
            assert!(is_whole, "{name}: a part that takes its own fields alone refuses the others'");
        }
    }
}

#[test]
fn every_field_of_a_body_and_every_parameter_is_described() {
    let document = generated();
    let is_sentence = |described: &Value| described.as_str().is_some_and(|text| text.len() > 10 && text.ends_with('.'));
    let (bodies, _) = bodies_and_answers(&document);
    for name in bodies {
        let schema = &document["components"]["schemas"][&name];
        assert!(is_sentence(&schema["description"]), "{name}");
        for (field, schema) in schema["properties"].as_object().unwrap() {
            assert!(is_sentence(&schema["description"]), "{name}.{field}: {schema}");
        }
    }
    for call in all_calls(&document) {
        for parameter in call["parameters"].as_array().into_iter().flatten() {
            let parameter = followed(&document, parameter);
            assert!(is_sentence(&parameter["description"]), "{}: {parameter}", call["operationId"]);
        }
    }
}

#[test]
fn names_are_those_that_somebody_would_choose_who_generates_a_client() {
    let document = generated();
    let is_name = |name: &str| {
        let is_plain =
            name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
        // What a type of ours is for says nothing to others.
        is_plain
            && !["Body", "View", "Shape", "Name", "Schema", "Data", "Request", "Response", "Error"]
                .iter()
                .any(|ending| name.ends_with(ending))
    };
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(is_name(name), "{name}");
    }
    for call in all_calls(&document) {
        let id = call["operationId"].as_str().unwrap();
        let verb = id.split('_').next().unwrap();
        assert!(
            !["read", "write", "change", "make"].contains(&verb),
            "{id}: get, put, update and create are the verbs"
        );
        for answer in call["responses"].as_object().unwrap().values().chain([&call["requestBody"]]) {
            for content in
                followed(&document, answer)["content"].as_object().into_iter().flatten().map(|(_, content)| content)
            {
                let schema = &content["schema"];
                assert!(schema["$ref"].is_string() || schema["type"] == "string", "{id}: {schema} has no name");
            }
        }
    }
}

#[test]
fn an_object_says_in_one_word_what_it_is() {
    let document = generated();
    let (bodies, _) = bodies_and_answers(&document);
    let mut words: Vec<&Value> = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let object = &schema["properties"]["object"];
        if !object.is_null() {
            assert!(object["const"].is_string() && object["pattern"].is_null(), "{name}: {object}");
            // A body may have it, as the answer that is given back.
            let is_required = schema["required"].as_array().is_some_and(|all| all.contains(&json!("object")));
            assert_ne!(is_required, bodies.contains(name), "{name}");
            words.push(&object["const"]);
        }
    }
    assert!(words.len() > 15, "{words:?}");
}

/// The part of a document that a reference of its schemas leads to.
fn side<'a>(document: &'a Value, side: &'a Value) -> &'a Value {
    assert!(side["$ref"].is_string(), "{side} has no name");
    followed(document, side)
}

#[test]
fn the_sides_of_a_union_are_told_apart_by_one_field() {
    let document = generated();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut unions = 0;
    for (name, schema) in schemas.iter().filter(|(_, schema)| schema["oneOf"].is_array()) {
        let sides = schema["oneOf"].as_array().unwrap();
        if sides.iter().any(|side| side["$ref"].is_null()) {
            // A text or an object, which every language tells apart.
            assert_eq!(sides.iter().filter(|side| side["type"] == "string").count(), 1, "{name}");
            continue;
        }
        let parts_of = |one: &Value| one["oneOf"].as_array().cloned();
        let field = schema["discriminator"]["propertyName"].as_str().unwrap();
        let mut words: BTreeSet<String> = BTreeSet::new();
        for one in sides {
            let whole = side(&document, one);
            let mut own: BTreeSet<String> = BTreeSet::new();
            for part in parts_of(whole).unwrap_or_else(|| vec![one.clone()]) {
                let part = side(&document, &part);
                own.insert(part["properties"][field]["const"].as_str().unwrap().to_owned());
                assert!(part["required"].as_array().unwrap().contains(&json!(field)), "{name}");
            }
            assert_eq!(own.len(), 1, "{name}: each side has one word");
            let word = own.pop_first().unwrap();
            assert_eq!(schema["discriminator"]["mapping"][&word], one["$ref"], "{name}: {word}");
            assert!(words.insert(word), "{name}");
        }
        unions += 1;
    }
    assert!(unions >= 2);
}

#[test]
fn an_event_of_each_type_says_what_it_carries() {
    let document = generated();
    let mapping = document["components"]["schemas"]["Event"]["discriminator"]["mapping"].as_object().unwrap();
    let types: BTreeSet<&str> = mapping.keys().map(String::as_str).collect();
    assert_eq!(types, domain::events::EventType::ALL.map(domain::events::EventType::as_str).into());
    let of = |name: &str| &document["components"]["schemas"][name]["properties"];
    let data = |name: &str| of(name)["data"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(data("PaymentLinkPaidEvent"), "PaymentLink");
    assert_eq!(data("ReceiptRegisteredEvent"), "Receipt");
    assert_eq!(data("AuditEntryCreatedEvent"), "AuditEntry");
    assert_eq!(of("RefundFailedEvent")["attempt_id"]["type"], "string");
    assert_eq!(of("MessageFailedEvent")["message_id"]["type"], "string");
    assert_eq!(of("PaymentLinkCreatedEvent")["attempt_id"]["type"], json!(["string", "null"]));
}

#[test]
fn every_answer_has_an_id_and_what_it_was_counted_against() {
    let document = generated();
    for call in all_calls(&document) {
        for (status, answer) in call["responses"].as_object().unwrap() {
            let headers = &followed(&document, answer)["headers"];
            assert_eq!(headers["Request-Id"]["$ref"], "#/components/headers/RequestId", "{}", call["operationId"]);
            assert!(headers["RateLimit"].is_object(), "{} {status}", call["operationId"]);
        }
    }
}

#[test]
fn what_a_stranger_would_send_fits_the_document_and_what_is_refused_does_not() {
    let document = generated();
    let fits = |name: &str, body: Value| {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
        jsonschema::draft202012::new(&schema).unwrap().is_valid(&body)
    };
    let (contact, item) = (json!({ "id": "c-1", "email": "a@example.com" }), json!({ "id": "inv-1" }));
    let all = json!({ "account_id": "main", "contact": contact, "item": item, "recipients": { "contact": true } });
    assert!(fits("PaymentLinkCreate", all));
    assert!(fits("PaymentLinkDraftCreate", json!({})) && fits("PaymentLinkDraftCreate", json!({ "account_id": null })));
    assert!(fits(
        "SettingsInput",
        json!({ "business_name": "B", "sms_routes": [{ "prefix": "+98", "provider": "s" }] })
    ));
    for (name, body) in [
        ("PaymentLinkCreate", json!({ "contact_id": "c-1" })),
        ("PaymentLinkCreate", json!({ "account_id": "main", "contact": { "name": "No id" } })),
        ("PaymentLinkCreate", json!({ "account_id": "main", "contact": { "id": "c-1", "colour": "red" } })),
        ("PaymentLinkCreate", json!({ "account_id": "main", "message": { "sms": { "body": "x", "colour": "red" } } })),
        ("PaymentLinkDraftCreate", json!({ "colour": "red" })),
        ("SettingsInput", json!({ "business_name": "B", "colour": "red" })),
        ("SettingsInput", json!({ "sms_routes": [] })),
        ("ContactInput", json!({ "email": "a@example.com" })),
        ("AccountInput", json!({ "name": "Main", "currency": "IRR" })),
    ] {
        assert!(!fits(name, body.clone()), "{name}: {body}");
    }
}

/// The argument in this place of a call, if it is the text of a code. `rest` begins behind the bracket.
fn code_in(rest: &str, place: usize) -> Option<&str> {
    let (mut depth, mut in_text, mut before, mut begin) = (0, false, 0, 0);
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        let ends = match character {
            '\\' => characters.next().is_none(),
            '"' => {
                in_text = !in_text;
                false
            }
            _ if in_text => false,
            '(' | '[' | '{' => {
                depth += 1;
                false
            }
            ')' | ']' | '}' => {
                depth -= 1;
                depth < 0
            }
            ',' => depth == 0,
            _ => false,
        };
        if ends && before == place {
            let code = rest[begin..at].trim().strip_prefix('"')?.strip_suffix('"')?;
            let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            return is_code.then_some(code);
        }
        if ends {
            (before, begin) = (before + 1, at + 1);
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

#[test]
fn every_code_of_a_problem_is_in_the_catalogue_and_the_catalogue_has_no_other() {
    let mut files = Vec::new();
    for folder in [
        "shared/domain/src",
        "shared/use-cases/src",
        "shared/web/src",
        "functions/create-link/src",
        "functions/crm-api/src",
        "functions/run-batches/src",
    ] {
        files.extend(sources_below(folder));
    }
    // What gateways themselves are told are no codes of the API.
    files.push(root().join("functions/gateway-webhook/src/check.rs"));
    files.push(root().join("functions/gateway-webhook/src/reconciliation.rs"));
    // `codes.rs` itself does not make a code known, and neither do tests.
    files.retain(|path| !path.ends_with("codes.rs") && !path.ends_with("tests.rs"));
    let without_tests = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned()
    };
    let text: String = files.iter().map(without_tests).collect();
    let catalogue: BTreeSet<&str> = web::codes::CATALOGUE.iter().map(|(code, _)| *code).collect();
    for code in &catalogue {
        assert!(text.contains(&format!("\"{code}\"")), "no source knows {code}");
    }
    // How a refusal begins, and which of its arguments is the code where that is written out.
    let refusals = [
        ("Rejection::new(", 0),
        ("ApiProblem::conflict(", 0),
        ("ApiProblem::too_many(", 0),
        ("ApiProblem::new(", 1),
        (".refuse(", 1),
        (" refused(", 0),
        (".problem(", 2),
    ];
    let mut found = BTreeSet::new();
    for (opening, place) in refusals {
        found.extend(text.split(opening).skip(1).filter_map(|rest| code_in(rest, place)));
    }
    // The type itself makes some of its own.
    let problems = std::fs::read_to_string(root().join("shared/web/src/problem.rs")).unwrap();
    let own: Vec<&str> = problems.split("Self::new(").skip(1).filter_map(|rest| code_in(rest, 1)).collect();
    assert!(own.contains(&"invalid_request"));
    found.extend(own);
    assert!(found.len() > 90, "{found:?}");
    for code in found {
        let is_of_pages_only = ["invalid_logo_hash"].contains(&code);
        assert!(catalogue.contains(code) || is_of_pages_only, "{code} is not in the catalogue");
    }
    let sorted: Vec<&str> = catalogue.iter().copied().collect();
    assert_eq!(sorted, web::codes::CATALOGUE.map(|(code, _)| code));
}

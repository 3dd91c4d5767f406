//! The OpenAPI document against the types, the routes, the template and the codes in the sources.
//!
//! What the functions really answer is held against it in every test that calls them: see `World::send`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use paylink_local::template::Template;
use serde_json::{Value, json};
use tests::root;

fn generated() -> Value {
    let operations = create_link::operations().into_iter().chain(crm_api::operations());
    let operations = operations.chain(gateway_webhook::operations()).collect();
    web::openapi::document(operations, &crm_api::description())
}

/// `make openapi` writes the document down; otherwise it has to be what is written down.
#[test]
fn the_document_is_what_the_types_say() {
    let path = root().join("functions/crm-api/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&generated()).unwrap());
    if std::env::var_os("PAYLINK_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
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
        let is_made_here = ["/v1/payment-links", "/v1/payment-links/draft"].contains(&route.path.as_str());
        if route.function == "create-link" {
            assert!(is_made_here && route.method == "POST", "{} {}", route.method, route.path);
            assert!(calls(&document).contains(&("post".to_owned(), route.path.clone())));
        }
        if route.function == "gateway-webhook" && route.path.starts_with("/v1/") {
            assert_eq!((route.method.as_str(), route.path.as_str()), ("POST", "/v1/accounts/{id}/check"));
        }
    }
}

#[test]
fn every_name_that_the_document_refers_to_is_in_it() {
    let document = generated();
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(!document["components"]["schemas"][reference].is_null(), "{reference} is nowhere");
    }
    let mut ids: Vec<&str> = Vec::new();
    for methods in document["paths"].as_object().unwrap().values() {
        ids.extend(methods.as_object().unwrap().values().map(|call| call["operationId"].as_str().unwrap()));
    }
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "every call has a name of its own");
}

/// The names of everything that this part of the document is made of.
fn made_of(document: &Value, part: &Value, found: &mut BTreeSet<String>) {
    for reference in part.to_string().split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        if found.insert(name.to_owned()) {
            made_of(document, &document["components"]["schemas"][name], found);
        }
    }
}

/// The names of the objects in bodies, and of those in answers.
fn bodies_and_answers(document: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut bodies, mut answers) = (BTreeSet::new(), BTreeSet::new());
    for call in
        document["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap().values())
    {
        made_of(document, &call["requestBody"], &mut bodies);
        made_of(document, &call["responses"], &mut answers);
    }
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
    let (bodies, answers) = bodies_and_answers(&document);
    assert!(bodies.len() > 20 && answers.len() > 30);
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
    for call in
        document["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap().values())
    {
        for parameter in call["parameters"].as_array().into_iter().flatten() {
            assert!(is_sentence(&parameter["description"]), "{}: {parameter}", call["operationId"]);
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
    assert!(fits("PaymentLinkBody", all));
    assert!(fits("PaymentLinkDraftBody", json!({})) && fits("PaymentLinkDraftBody", json!({ "account_id": null })));
    assert!(fits(
        "SettingsBody",
        json!({ "business_name": "B", "sms_routes": [{ "prefix": "+98", "provider": "s" }] })
    ));
    for (name, body) in [
        ("PaymentLinkBody", json!({ "contact_id": "c-1" })),
        ("PaymentLinkBody", json!({ "account_id": "main", "contact": { "name": "No id" } })),
        ("PaymentLinkBody", json!({ "account_id": "main", "contact": { "id": "c-1", "colour": "red" } })),
        ("PaymentLinkBody", json!({ "account_id": "main", "message": { "sms": { "body": "x", "colour": "red" } } })),
        ("PaymentLinkDraftBody", json!({ "colour": "red" })),
        ("SettingsBody", json!({ "business_name": "B", "colour": "red" })),
        ("SettingsBody", json!({ "sms_routes": [] })),
        ("ContactBody", json!({ "email": "a@example.com" })),
        ("AccountBody", json!({ "name": "Main", "currency": "IRR" })),
    ] {
        assert!(!fits(name, body.clone()), "{name}: {body}");
    }
}

/// The sources of a folder, without their tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
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
    ] {
        sources(&root().join(folder), &mut files);
    }
    // What gateways themselves are told are no codes of the API.
    files.push(root().join("functions/gateway-webhook/src/check.rs"));
    // `codes.rs` itself does not make a code known.
    files.retain(|path| !path.ends_with("codes.rs"));
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

//! What the CRM's form shows before a link is made, and that nothing else is decided when it is made.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Reply, World, dynamodb, everything, told_url};

use super::settings_are_read_again;

const LINKS: &str = "/v1/payment-links";
const DRAFT: &str = "/v1/payment-links/draft";

/// A business with one account for rial and one for euro.
async fn small_business() -> World {
    let world = World::in_process().await;
    for account in ["mollie", "rupee", "saman", "zibal"] {
        let gone = world.crm(Method::DELETE, &format!("/v1/accounts/{account}"), Value::Null).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    }
    world
}

async fn draft(world: &World, body: Value) -> Value {
    let reply = world.crm(Method::POST, DRAFT, body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(reply.headers["cache-control"], "no-store");
    reply.json()
}

async fn create(world: &World, body: Value) -> Reply {
    world.crm(Method::POST, LINKS, body).await
}

/// Pointers and codes of a draft's problems.
fn problems(draft: &Value) -> Vec<(&str, &str)> {
    let problems = draft["problems"].as_array().unwrap();
    problems.iter().map(|one| (one["pointer"].as_str().unwrap(), one["code"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_form_opened_on_an_item_is_filled_in_and_what_it_shows_can_be_sent_as_it_is() {
    let world = small_business().await;
    let before = everything(&world.cloud).await;
    let draft = draft(&world, json!({ "item_id": "inv-77" })).await;
    assert_eq!(everything(&world.cloud).await, before, "a draft writes nothing");
    assert_eq!(draft["object"], "payment_link_draft");
    assert_eq!(problems(&draft), []);
    let request = &draft["request"];
    assert_eq!(
        *request,
        json!({
            "account_id": "main", "contact_id": "c-1042", "item_id": "inv-77", "amount": 1_500_000, "currency": "IRR",
            "payment_plan": null, "when_paid_elsewhere": "block", "expires_at": null, "expires_in_days": 7, "due_at": null, "description": null, "internal_note": null,
            "reference_id": null, "reminders": null, "return_url": null,
            "locale": "fa-IR", "metadata": {},
            "recipients": {
                "contact": false, "roles": [], "people": [], "mobiles": [], "emails": [], "social": [],
            },
            "after_payment": { "register_receipt": true, "receipt_type_id": "online", "receipt_field": null,
                               "send_receipt": false },
            "message": { "mode": "default", "channels": ["sms", "email", "social"] },
        })
    );
    assert_eq!(
        draft["sources"],
        json!({
            "account_id": "only_choice", "contact_id": "item", "amount": "item", "expires_at": "settings",
            "due_at": null, "receipt_type_id": "settings", "locale": "contact",
        })
    );
    let link = world.make_link(request.clone()).await;
    assert_eq!(link["amount_display"], draft["amount_display"]);
    assert_eq!(link["expires_at"], draft["expires_at"]);
    assert_eq!(link["after_payment"], request["after_payment"]);
    assert_eq!(link["locale"], "fa-IR");
}

#[tokio::test]
async fn a_form_shows_every_choice_and_why_some_cannot_be_made() {
    let world = small_business().await;
    world.put("/v1/accounts/cash", json!({ "name": "Cash", "currency": "IRR", "mode": "live" })).await;
    let draft = draft(&world, json!({ "item_id": "inv-77" })).await;
    let choices = &draft["choices"];
    let accounts: Vec<_> = choices["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["id"].as_str().unwrap(), one["can_be_chosen"].as_bool().unwrap(), one["reason"]["code"].as_str())
        })
        .collect();
    assert_eq!(
        accounts,
        [
            ("cash", false, Some("online_payment_disabled")),
            ("euro", false, Some("currency_mismatch")),
            ("main", true, None),
        ]
    );
    assert_eq!(
        choices["receipt_types"],
        json!([
            { "id": "income", "name": "Income", "parent_id": null, "can_be_chosen": false },
            { "id": "online", "name": "Online payment", "parent_id": "income", "can_be_chosen": true },
        ])
    );
    assert_eq!(
        choices["people"],
        json!([
            { "person": "contact", "role": "contact", "name": "Demo Customer",
              "channels": { "sms": "+989120000000", "email": "customer@example.com", "social": [] }, "unreached": [] },
            { "person": "manager", "role": "manager", "name": null,
              "channels": { "sms": "+989120000001", "email": "manager@example.com", "social": [] }, "unreached": [] },
            { "person": "liaison", "role": "liaison", "name": null,
              "channels": { "sms": null, "email": "liaison@example.com", "social": [] }, "unreached": [] },
            { "person": "accountant", "role": "accountant", "name": null,
              "channels": { "sms": null, "email": null,
                            "social": [{ "network": "telegram", "id": "700000001" }] }, "unreached": [] },
        ])
    );
    assert_eq!(choices["receipt_fields"], json!([{ "key": "payment", "label": "Payment" }]));
    assert_eq!(choices["channels"], json!(["sms", "email", "social"]));
}

#[tokio::test]
async fn a_form_offers_no_address_that_nobody_takes_messages_to() {
    let world = small_business().await;
    // Nobody sends SMS to Iran any more, and the bot is gone.
    world.put("/v1/settings", json!({ "business_name": "B", "default_region": "IR" })).await;
    world.crm(Method::DELETE, "/v1/message-providers/telegram", Value::Null).await;
    let draft = draft(&world, json!({ "item_id": "inv-77" })).await;
    let people = &draft["choices"]["people"];
    assert_eq!(people[0]["channels"], json!({ "sms": null, "email": "customer@example.com", "social": [] }));
    let reason = |role: &str, channel: &str, network: Option<&str>, reason: &str| json!([{ "role": role, "person": role, "channel": channel, "network": network, "reason": reason }]);
    assert_eq!(people[0]["unreached"], reason("contact", "sms", None, "number_not_served"));
    assert_eq!(people[2]["unreached"], json!([]));
    assert_eq!(people[3]["unreached"], reason("accountant", "social", Some("telegram"), "network_not_connected"));
}

#[tokio::test]
async fn an_account_is_proposed_only_where_there_is_no_other() {
    let world = small_business().await;
    let nothing = draft(&world, json!({})).await;
    assert_eq!((&nothing["request"]["account_id"], &nothing["sources"]["account_id"]), (&Value::Null, &Value::Null));
    assert_eq!(problems(&nothing), [("/account_id", "required"), ("/contact_id", "required")]);
    assert_eq!(nothing["messages"], json!([]), "there is nothing to say yet");
    let euro = draft(&world, json!({ "contact_id": "c-1042", "amount": 1999, "currency": "EUR" })).await;
    assert_eq!((&euro["request"]["account_id"], problems(&euro)), (&json!("euro"), vec![]));
    let of_the_balance = draft(&world, json!({ "contact_id": "c-1042" })).await;
    assert_eq!(of_the_balance["request"]["account_id"], "main");
    assert_eq!(of_the_balance["sources"]["amount"], "balance");
    let chosen = draft(&world, json!({ "account_id": "euro", "contact_id": "c-1042" })).await;
    assert_eq!(chosen["sources"]["account_id"], "request");
    assert_eq!(problems(&chosen), [("/amount", "currency_mismatch")]);
}

#[tokio::test]
async fn a_form_shows_the_messages_as_they_would_be_sent() {
    let world = small_business().await;
    let body = json!({
        "item_id": "inv-77", "description": "Invoice 77", "recipients": { "contact": true, "roles": ["treasurer"] },
    });
    let draft = draft(&world, body.clone()).await;
    assert_eq!(
        draft["recipients"],
        json!([
            { "channel": "sms", "network": null, "to": "+989120000000", "roles": ["contact"],
              "people": ["contact"], "standby": false },
            { "channel": "email", "network": null, "to": "customer@example.com", "roles": ["contact"],
              "people": ["contact"], "standby": false },
        ])
    );
    let nobody = json!([{ "role": "treasurer", "person": null, "channel": null, "network": null, "reason": "nobody_has_this_role" }]);
    assert_eq!(draft["unreached"], nobody);
    let link = world.make_link(draft["request"].clone()).await;
    let url = link["url"].as_str().unwrap();
    let placeholder = format!("{}/p/placeholder-of-a-token", world.cloud.base_url());
    assert_eq!(placeholder.len(), url.len());
    for (index, to) in ["+989120000000", "customer@example.com"].into_iter().enumerate() {
        let sent = &world.inbox(to, 1).await[0];
        let shown = &draft["messages"][index];
        assert_eq!(shown["channel"], sent["channel"]);
        // In a message the address has one character more, which says whose it is.
        let url = &told_url(&link, ['1', '2'][index]);
        assert_eq!(shown["body"].as_str().unwrap().replace(&placeholder, url), sent["body"].as_str().unwrap());
        if shown["channel"] == "email" {
            assert_eq!((&shown["subject"], &shown["sms"]), (&sent["subject"], &Value::Null));
            // The markup writes the slashes of an address in its own way.
            let escaped = |url: &str| url.replace('/', "&#x2f;");
            let html = shown["html"].as_str().unwrap().replace(&escaped(&placeholder), &escaped(url));
            assert_eq!(html, sent["html"].as_str().unwrap());
        } else {
            assert_eq!(shown["html"], Value::Null);
        }
    }
    let characters = draft["messages"][0]["body"].as_str().unwrap().encode_utf16().count();
    assert_eq!(draft["messages"][0]["sms"], json!({ "encoding": "UCS-2", "characters": characters, "segments": 2 }));
    assert_eq!(world.open(&placeholder).await.status, StatusCode::NOT_FOUND, "the placeholder leads nowhere");
}

#[tokio::test]
async fn a_form_shows_the_message_before_anybody_is_named_to_get_it() {
    let world = small_business().await;
    let draft =
        draft(&world, json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "locale": "en" })).await;
    assert_eq!(draft["recipients"], json!([]));
    let sms = &draft["messages"][0];
    assert!(sms["body"].as_str().unwrap().contains("asks you to pay €19.99"), "{sms}");
    assert_eq!((&sms["sms"]["encoding"], &sms["sms"]["segments"]), (&json!("GSM-7"), &json!(1)));
    assert_eq!(draft["amount_display"], "۱۹٫۹۹\u{a0}یورو", "for the business's own people");
}

#[tokio::test]
async fn before_an_account_is_chosen_a_form_shows_the_messages_that_read_the_same_on_each() {
    let world = small_business().await;
    let another = async |id: &str, mode: &str| {
        let credentials = json!({ "merchant_id": "1344b5d4-0048-11e8-94db-005056a205be" });
        let online = json!({ "enabled": true, "gateway": "zarinpal", "credentials": credentials });
        let account = json!({ "name": "Another", "currency": "IRR", "mode": mode, "online_payment": online });
        world.put(&format!("/v1/accounts/{id}"), account).await;
    };
    another("another", "sandbox").await;
    let body = json!({ "item_id": "inv-77", "recipients": { "contact": true } });
    let undecided = draft(&world, body.clone()).await;
    assert_eq!(undecided["request"]["account_id"], Value::Null);
    assert_eq!(problems(&undecided), [("/account_id", "required")]);
    let mut decided = body.clone();
    decided["account_id"] = json!("another");
    let decided = draft(&world, decided).await;
    assert_eq!(undecided["messages"], decided["messages"]);
    assert!(decided["messages"][0]["body"].as_str().unwrap().starts_with("[TEST]"));
    assert_eq!(undecided["messages"][0]["sms"]["segments"], 2);

    let mut by_name = body.clone();
    by_name["message"] = json!({
        "mode": "custom", "channels": ["sms", "email"], "sms": { "body": "{{ account.name }} {{ link }}" },
        "email": { "subject": "Please pay", "body": "{{ amount }} {{ link }}" },
    });
    let shown = draft(&world, by_name).await["messages"].clone();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["channel"]), (1, &json!("email")), "{shown}");
    let in_any_currency = draft(&world, json!({ "contact_id": "c-1042", "amount": 20_000 })).await;
    assert_eq!(in_any_currency["messages"], json!([]), "20,000 rial are not 200 euro");

    another("real", "live").await;
    let live = draft(&world, body).await["messages"][0]["body"].clone();
    assert!(!live.as_str().unwrap().contains("TEST"), "a form shows what customers get: {live}");
}

#[tokio::test]
async fn a_draft_has_the_very_problems_that_making_the_link_would_be_refused_with() {
    let world = small_business().await;
    let sms_routes = json!([{ "prefix": "+98", "provider": "kavenegar" }]);
    let settings =
        json!({ "business_name": "B", "default_region": "IR", "max_sms_segments": 1, "sms_routes": sms_routes });
    world.put("/v1/settings", settings).await;
    let long = format!("{} {{{{ link }}}}", "a".repeat(150));
    for body in [
        json!({ "account_id": "nowhere", "contact_id": "c-0", "amount": "much", "expires_at": "2020-01-01",
                "colour": "red", "recipients": { "emails": ["x"], "shape": 1 }, "message": { "mode": "loud" } }),
        json!({ "account_id": "main", "item_id": "inv-0", "locale": "!", "metadata": 5 }),
        json!({ "account_id": "main", "item_id": "inv-77", "amount": 0, "currency": "EUR",
                "after_payment": { "receipt_type_id": "income", "receipt_field": "other" },
                "recipients": { "roles": ["treasurer"] }, "message": { "channels": ["sms"] } }),
        json!({ "account_id": "main", "contact_id": "c-1042", "recipients": [], "expires_in_days": 1,
                "expires_at": "2027-01-01", "return_url": "https://evil.example/" }),
        json!({ "account_id": "main", "contact_id": "c-1042", "recipients": { "contact": true },
                "message": { "mode": "custom", "channels": ["sms"], "sms": { "body": long } } }),
        json!({ "account_id": "main", "contact_id": "c-1042", "description": "x".repeat(200),
                "recipients": { "contact": true } }),
    ] {
        let refused = create(&world, body.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.text);
        let draft = draft(&world, body.clone()).await;
        assert_eq!(draft["problems"], refused.json()["errors"], "{body}");
        for (name, given) in body.as_object().unwrap() {
            if !given.is_object() {
                assert_eq!(draft["request"][name], *given, "what was typed stays beside its problem");
            }
        }
        let again = create(&world, draft["request"].clone()).await;
        assert_eq!(again.json()["errors"], refused.json()["errors"], "{}", draft["request"]);
    }
}

#[tokio::test]
async fn an_sms_longer_than_the_business_pays_for_is_refused_when_the_link_is_made() {
    let world = small_business().await;
    let settings = json!({ "business_name": "B", "default_region": "IR", "time_zone": "Asia/Tehran",
                           "default_locale": "fa", "max_sms_segments": 3,
                           "sms_routes": [{ "prefix": "+98", "provider": "kavenegar" }] });
    assert_eq!(world.put("/v1/settings", settings).await["max_sms_segments"], 3);
    settings_are_read_again().await;
    let body = |length: usize| {
        json!({ "account_id": "main", "contact_id": "c-1042", "description": "پ".repeat(length),
                "recipients": { "contact": true },
                "message": { "mode": "custom", "channels": ["sms"], "sms": { "body": "{{ description }} {{ link }}" } } })
    };
    let refused = create(&world, body(200)).await;
    assert_eq!(refused.problems(), [("/message/sms/body".to_owned(), "sms_too_long".to_owned())]);
    assert_eq!(world.get("/v1/payment-links?contact_id=c-1042").await["data"], json!([]));
    assert_eq!(world.make_link(body(10)).await["messages"][0]["channel"], "sms");
    // The built-in text says less where it would be longer than two segments.
    let mut built_in = body(200);
    built_in["message"] = json!({ "channels": ["sms"] });
    let draft = draft(&world, built_in).await;
    assert_eq!((problems(&draft), &draft["messages"][0]["sms"]["segments"]), (vec![], &json!(2)));
    let mut by_email = body(200);
    by_email["message"] = json!({ "channels": ["email"] });
    world.make_link(by_email).await;
    let wrong = world.crm(Method::PUT, "/v1/settings", json!({ "business_name": "B", "max_sms_segments": 11 })).await;
    assert_eq!(wrong.problems(), [("/max_sms_segments".to_owned(), "out_of_range".to_owned())]);
}

#[tokio::test]
async fn a_draft_is_asked_with_a_key_that_reads_and_a_body_that_is_json() {
    let world = small_business().await;
    let scopes = vec![store::Scope::Read];
    let key = store::ApiKey { integration: "reader".to_owned(), scopes, created_at: domain::Timestamp::now() };
    let demo = store::KeyHolder::Business(paylink_local::seed::demo());
    world.cloud.store.put_api_key(&demo, "plk_demo_reader-key", &key).await.unwrap();
    let (reader, json_type) = (("authorization", "Bearer plk_demo_reader-key"), ("content-type", "application/json"));
    let send = async |headers: &[(&str, &str)], body: &str| {
        world.send(Method::POST, DRAFT, headers, Some(body.to_owned())).await
    };
    assert_eq!(send(&[reader, json_type], "{}").await.status, StatusCode::OK);
    assert_eq!(send(&[json_type], "{}").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&[reader, json_type], "[]").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&[reader], "{}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for method in [Method::GET, Method::DELETE] {
        let reply = world.crm(method, DRAFT, Value::Null).await;
        assert_eq!((reply.status, &reply.headers["allow"]), (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap()));
    }
}

/// A request of a CRM that keeps nothing here.
fn all_in_one() -> Value {
    json!({
        "account_id": "main",
        "contact": { "id": "c-7", "name": "New Customer", "mobile": "0912 000 0007", "locale": "en" },
        "item": { "id": "inv-7", "kind": "invoice", "title": "Invoice 7", "contact_id": "c-7",
                  "amount": 70_000, "currency": "IRR", "receipt_fields": [{ "key": "paid", "label": "Paid" }] },
        "recipients": { "contact": true },
        "after_payment": { "receipt_field": "paid" },
    })
}

#[tokio::test]
async fn a_crm_that_keeps_nothing_here_needs_one_call() {
    let world = small_business().await;
    let before = everything(&world.cloud).await;
    let draft = draft(&world, all_in_one()).await;
    assert_eq!((problems(&draft), &draft["amount_display"]), (vec![], &json!("۷٬۰۰۰\u{a0}تومان (۷۰٬۰۰۰\u{a0}ریال)")));
    assert_eq!(draft["sources"]["contact_id"], "request");
    assert_eq!(everything(&world.cloud).await, before, "a draft writes nothing of what it is given");
    let link = world.make_link(draft["request"].clone()).await;
    assert_eq!(link["contact"], json!({ "id": "c-7", "name": "New Customer", "profile_url": null }));
    assert_eq!(link["item"], json!({ "id": "inv-7", "title": "Invoice 7" }));
    assert_eq!((&link["amount"], &link["locale"]), (&json!(70_000), &json!("en")));
    let sms = world.inbox("+989120000007", 1).await;
    assert!(sms[0]["body"].as_str().unwrap().contains(link["url"].as_str().unwrap()));
    assert_eq!(world.get("/v1/contacts/c-7").await["mobile"], "+989120000007");
    world.pay(&link, "paid").await;
    let item = world.get("/v1/items/inv-7").await;
    assert_eq!(item["receipts"]["paid"], world.link(&link).await["receipts"], "{item}");
}

#[tokio::test]
async fn what_is_brought_along_changes_its_record_and_what_is_left_out_stays() {
    let world = small_business().await;
    let before = (world.get("/v1/contacts/c-1042").await, world.get("/v1/items/inv-77").await);
    let paid = world.rial_link().await;
    world.pay(&paid, "paid").await;
    let of_payment = world.get("/v1/items/inv-77").await;
    let (attached, received) = (of_payment["receipts"].clone(), of_payment["received"].clone());
    assert_eq!(attached["payment"].as_array().unwrap().len(), 1);
    let link = world
        .make_link(json!({
            "account_id": "main", "contact": { "id": "c-1042", "email": "other@example.com", "name": null },
            "item": { "id": "inv-77", "amount": 1_520_000, "currency": "IRR" },
        }))
        .await;
    // What was paid of it is not asked for again.
    assert_eq!((&link["amount"], &link["amount_source"]), (&json!(20_000), &json!("amount_due")));
    let (mut contact, mut item) = before;
    contact["email"] = json!("other@example.com");
    (item["amount"], item["receipts"], item["received"]) = (json!(1_520_000), attached, received);
    assert_eq!(world.get("/v1/contacts/c-1042").await, contact);
    assert_eq!(world.get("/v1/items/inv-77").await, item, "no receipt is touched");
}

#[tokio::test]
async fn what_is_brought_along_unchanged_costs_no_write() {
    let world = small_business().await;
    // Whatever writes the contact as a whole takes this mark away.
    let at = ("contact#demo#c-1042".to_owned(), "contact".to_owned());
    let mut mark = dynamodb(&world.cloud)
        .update_item()
        .table_name(world.cloud.store.table())
        .update_expression("SET mark = :mark");
    for (name, value) in [("pk", &at.0), ("sk", &at.1)] {
        mark = mark.key(name, AttributeValue::S(value.clone()));
    }
    mark.expression_attribute_values(":mark", AttributeValue::Bool(true)).send().await.unwrap();
    let body = |email: &str| {
        json!({ "account_id": "main", "amount": 50_000,
                "contact": { "id": "c-1042", "name": "Demo Customer", "mobile": "09120000000", "email": email } })
    };
    world.make_link(body("customer@example.com")).await;
    assert!(everything(&world.cloud).await[&at].contains_key("mark"));
    world.make_link(body("other@example.com")).await;
    assert!(!everything(&world.cloud).await[&at].contains_key("mark"));
}

#[tokio::test]
async fn what_is_refused_or_answered_again_changes_no_record() {
    let world = small_business().await;
    let key = [("idempotency-key", "order-7")];
    let mut body = all_in_one();
    body["reference_id"] = json!("R-7");
    let first = world.crm_with(Method::POST, LINKS, body.clone(), &key).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    world.put("/v1/contacts/c-7", json!({ "name": "Renamed" })).await;
    let renamed = world.get("/v1/contacts/c-7").await;
    let again = world.crm_with(Method::POST, LINKS, body.clone(), &key).await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &first.json()["id"]));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let taken = create(&world, body.clone()).await;
    assert_eq!((taken.status, &taken.json()["code"]), (StatusCode::CONFLICT, &json!("reference_id_in_use")));
    body["amount"] = json!(0);
    assert_eq!(create(&world, body).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.get("/v1/contacts/c-7").await, renamed);
}

#[tokio::test]
async fn a_record_that_is_brought_along_is_read_as_it_is_where_it_is_written() {
    let world = small_business().await;
    let contact = json!({ "id": "c-1042" });
    for (given, problem) in [
        (json!({ "contact_id": "c-1042", "contact": contact }), ("/contact", "both_given")),
        (json!({ "contact": contact, "item_id": "inv-77", "item": { "id": "inv-77" } }), ("/item", "both_given")),
        (json!({ "contact": "c-1042" }), ("/contact", "wrong_type")),
        (json!({ "contact": {} }), ("/contact/id", "required")),
        (json!({ "contact": { "id": "a/b" } }), ("/contact/id", "invalid_id")),
        (json!({ "contact": { "id": "c-8" } }), ("/contact/name", "required")),
        (json!({ "contact": { "id": "c-1042", "colour": "red" } }), ("/contact/colour", "unknown_field")),
        (json!({ "contact": { "id": "c-1042", "mobile": "12" } }), ("/contact/mobile", "invalid_mobile")),
        (
            json!({ "contact": { "id": "c-1042", "people": [{ "email": "m@example.com" }] } }),
            ("/contact/people/0/role", "required"),
        ),
        (
            json!({ "item": { "id": "inv-9", "kind": "form", "title": "T", "contact_id": "c-1042", "amount": 5 } }),
            ("/item/currency", "required"),
        ),
        (json!({ "item": { "id": "inv-77", "currency": "EUR" } }), ("/item/amount", "required")),
        (json!({ "item": { "id": "inv-9", "title": "T", "contact_id": "c-1042" } }), ("/item/kind", "required")),
        (json!({ "contact": { "id": "c-8", "name": "N" }, "item_id": "inv-77" }), ("/contact/id", "contact_mismatch")),
        (
            json!({ "item": { "id": "inv-9", "kind": "form", "title": "T", "contact_id": "c-0" } }),
            ("/item/contact_id", "unknown_contact"),
        ),
    ] {
        let mut body = json!({ "account_id": "main", "amount": 50_000, "currency": "IRR" });
        body.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let reply = create(&world, body.clone()).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", reply.text);
        assert_eq!(reply.problems(), [(problem.0.to_owned(), problem.1.to_owned())], "{body}");
        assert_eq!(draft(&world, body).await["problems"], reply.json()["errors"]);
    }
}

//! What people search for, in each way in which they type it, and what is found no more in the very next call.

use domain::Timestamp;
use domain::ids::{BusinessId, ContactId};
use paylink_admin::Admin;
use paylink_local::seed::{BAZAAR_KEY, DEMO};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::{Method, StatusCode};
use runtime::Environment;
use serde_json::{Value, json};
use store::{ApiKey, KeyHolder, Scope};
use tests::faulty_world::FaultyWorld;
use tests::invariants::Stage;
use tests::{World, everything};

use super::settings_are_read_again;

fn path(text: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
    format!("/v1/search?{query}")
}

async fn search(world: &World, text: &str) -> Value {
    world.get(&path(text)).await
}

/// The ids of what was found of a kind, each with how it matched.
fn found<'a>(answer: &'a Value, kind: &str) -> Vec<(&'a str, &'a str)> {
    let data = answer[kind]["data"].as_array().unwrap();
    data.iter().map(|one| (one["id"].as_str().unwrap(), one["matched_by"].as_str().unwrap_or_default())).collect()
}

async fn assert_found(world: &World, text: &str, kind: &str, expected: &[(&str, &str)]) {
    let answer = search(world, text).await;
    assert_eq!(found(&answer, kind), expected, "{text}: {answer:#}");
}

async fn plant(world: &World, id: &str, body: Value) {
    world.put(&format!("/v1/contacts/{id}"), body).await;
}

#[tokio::test]
async fn a_contact_is_found_by_each_way_in_which_its_number_is_typed() {
    let world = World::in_process().await;
    plant(&world, "c-1", json!({ "name": "Number One", "mobile": "09359876543" })).await;
    for typed in [
        "09359876543",
        "9359876543",
        "+989359876543",
        "00989359876543",
        "989359876543",
        "+98 (0)935 987 6543",
        "0935-987-6543",
        "0935 987 65 43",
        "(0935) 9876543",
        "0935.987.6543",
        "۰۹۳۵۹۸۷۶۵۴۳",
        "۰۹۳۵ ۹۸۷ ۶۵۴۳",
        "+۹۸۹۳۵۹۸۷۶۵۴۳",
        "٠٩٣٥٩٨٧٦٥٤٣",
        "\u{200e}+98 935 987 6543\u{200f}",
        "tel:+989359876543",
        " ０９３５９８７６５４３ ",
    ] {
        assert_found(&world, typed, "contacts", &[("c-1", "mobile")]).await;
    }
    for other in ["09359876544", "0935987654", "+4915112345678"] {
        assert_found(&world, other, "contacts", &[]).await;
    }
}

#[tokio::test]
async fn a_contact_is_found_by_each_way_in_which_its_name_is_typed() {
    let world = World::in_process().await;
    let names = [
        ("c-1", "علی‌رضا کریمی"),
        ("c-2", "فاطمة الزهراء"),
        ("c-3", "José Müller"),
        ("c-4", "Mohammad Reza Zahedi"),
        ("c-5", "شرکت آرمان ۲۴"),
    ];
    for (id, name) in names {
        plant(&world, id, json!({ "name": name })).await;
    }
    for (id, ways) in [
        (
            "c-1",
            &[
                "علی‌رضا",
                "علی رضا",
                "علیرضا",
                "علي رضا",
                "عليرضا كريمي",
                "رضا کریمی",
                "کریم",
                "كريمى",
                "کریمی علی رضا",
                "عَلِی‌رِضا",
                "علـــی",
                "\u{200f}کریمی",
            ][..],
        ),
        ("c-2", &["فاطمه", "فاطمة", "فاطم", "الزهرا", "الزهراء", "الزهراء فاطمة", "فَاطِمَة", "ﻓﺎﻃﻤﺔ"]),
        ("c-3", &["jose", "José", "JOSE MULLER", "müller", "Muller, Jose", "joséM", "ｊｏｓｅ"]),
        ("c-4", &["mohammad", "reza z", "Zahedi", "Zahedi, Mohammad", "mohammad zahedi", "Mohammad-Reza", "moh"]),
        ("c-5", &["شرکت ارمان", "آرمان", "ارمان ۲۴", "آرمان 24", "٢٤", "24"]),
    ] {
        for typed in ways {
            assert_found(&world, typed, "contacts", &[(id, "name")]).await;
        }
    }
    for typed in ["ضا", "llah", "mohammad ahmadi", "🙂"] {
        assert_found(&world, typed, "contacts", &[]).await;
    }
}

#[tokio::test]
async fn an_email_is_found_whatever_its_case_and_only_whole() {
    let world = World::in_process().await;
    plant(&world, "c-1", json!({ "name": "Mail", "email": "Nika.Tehrani@Example.COM" })).await;
    for typed in ["nika.tehrani@example.com", "NIKA.TEHRANI@EXAMPLE.COM", " mailto:Nika.Tehrani@example.com "] {
        assert_found(&world, typed, "contacts", &[("c-1", "email")]).await;
    }
    assert_found(&world, "nika.tehrani", "contacts", &[]).await;
}

#[tokio::test]
async fn people_at_a_contact_lead_to_it() {
    let world = World::in_process().await;
    let person =
        json!({ "role": "manager", "name": "Yalda Bahrami", "mobile": "09361112233", "email": "y@example.com" });
    plant(&world, "c-1", json!({ "name": "Company", "mobile": "09361112234", "people": [person] })).await;
    for (typed, by) in
        [("yalda", "name"), ("Bahrami Yalda", "name"), ("09361112233", "mobile"), ("Y@example.com", "email")]
    {
        let answer = search(&world, typed).await;
        assert_eq!(found(&answer, "contacts"), [("c-1", by)], "{typed}");
        let shown = &answer["contacts"]["data"][0];
        assert_eq!((&shown["name"], &shown["person"]["role"]), (&json!("Company"), &json!("manager")));
        assert_eq!(shown["person"]["name"], "Yalda Bahrami");
    }
    let own = search(&world, "09361112234").await;
    assert_eq!(own["contacts"]["data"][0]["person"], Value::Null);
}

#[tokio::test]
async fn items_are_found_by_their_ids_and_by_the_words_of_their_titles() {
    let world = World::in_process().await;
    plant(&world, "c-1", json!({ "name": "Owner" })).await;
    let item = json!({ "kind": "invoice", "title": "فاکتور شمارهٔ ۹۹۰۱", "contact_id": "c-1" });
    world.put("/v1/items/X-9901", item).await;
    for (typed, by) in [
        ("X-9901", "id"),
        ("x9901", "id"),
        ("x-99", "id"),
        ("فاكتور شماره", "title"),
        ("9901", "title"),
        ("۹۹", "title"),
    ] {
        let answer = search(&world, typed).await;
        assert!(found(&answer, "items").contains(&("X-9901", by)), "{typed}: {answer:#}");
    }
    let answer = search(&world, "X-9901").await;
    let shown = &answer["items"]["data"][0];
    assert_eq!((&shown["contact_id"], &shown["kind"]), (&json!("c-1"), &json!("invoice")));
}

#[tokio::test]
async fn a_link_is_found_by_its_id_and_by_its_reference() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "reference_id": "R-1403" });
    let link = world.make_link(body.clone()).await;
    let id = link["id"].as_str().unwrap();
    assert_found(&world, id, "payment_links", &[(id, "id")]).await;
    assert_found(&world, " R-۱۴۰۳ ", "payment_links", &[(id, "reference_id")]).await;
    assert_found(&world, "r-1403", "payment_links", &[]).await;
    let answer = search(&world, id).await;
    let shown = &answer["payment_links"]["data"][0];
    assert_eq!(
        (&shown["status"], &shown["amount"], &shown["contact_id"]),
        (&json!("active"), &json!(50_000), &json!("c-1042"))
    );
    world.crm(Method::POST, &format!("/v1/payment-links/{id}/cancel"), json!({})).await;
    let newer = world.make_link(body).await;
    let answer = search(&world, "R-1403").await;
    assert_eq!(found(&answer, "payment_links"), [(newer["id"].as_str().unwrap(), "reference_id")]);
    assert_eq!(answer["payment_links"]["has_more"], true);
}

#[tokio::test]
async fn a_receipt_is_found_by_its_reference_its_amount_and_its_card() {
    let world = World::in_process().await;
    let links =
        [1_230_000, 123_000].map(|amount| json!({ "account_id": "main", "contact_id": "c-1042", "amount": amount }));
    let mut receipts = Vec::new();
    for body in links {
        let link = world.make_link(body).await;
        world.pay(&link, "paid").await;
        world.wait_for_event(&link, "receipt.registered").await;
        let id = world.link(&link).await["receipts"][0].as_str().unwrap().to_owned();
        receipts.push(world.get(&format!("/v1/receipts/{id}")).await);
    }
    let [large, small] = [0, 1].map(|at| receipts[at]["id"].as_str().unwrap());
    let by = async |text: &str| -> Vec<(String, Value)> {
        let answer = search(&world, text).await;
        let data = answer["receipts"]["data"].as_array().unwrap().clone();
        data.into_iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one["matched_by"].clone())).collect()
    };
    let only = |id: &str, by: &str| vec![(id.to_owned(), json!([by]))];
    for typed in ["1230000", "۱٬۲۳۰٬۰۰۰", "1,230,000 ریال", "IRR 1230000"] {
        assert_eq!(by(typed).await, only(large, "amount"), "{typed}");
    }
    // What is Rial to one is Toman to another: both are found, the newest first, and each says which it is.
    for typed in ["123000", "۱۲۳٬۰۰۰", "123,000 تومان"] {
        let both = [only(small, "amount"), only(large, "amount_in_toman")].concat();
        assert_eq!(by(typed).await, both, "{typed}");
    }
    let reference = receipts[0]["gateway_reference"].as_str().unwrap();
    assert_eq!(by(reference).await, only(large, "gateway_reference"));
    let card = receipts[0]["masked_card"].as_str().unwrap();
    let last_four = &card[card.len() - 4..];
    for typed in [last_four, card] {
        let found = by(typed).await;
        assert!(found.iter().any(|(id, by)| id == large && *by == json!(["card"])), "{typed}: {found:?}");
    }
    assert_eq!(by("99999999").await, []);
}

#[tokio::test]
async fn what_is_changed_deleted_or_forgotten_is_found_no_more_in_the_next_call() {
    let world = World::in_process().await;
    let body = json!({ "name": "Parviz Old", "mobile": "09370000001", "email": "old@example.com",
                       "people": [{ "role": "manager", "name": "Gone Manager", "mobile": "09370000002" }] });
    plant(&world, "c-1", body).await;
    plant(&world, "c-1", json!({ "name": "Parviz New", "mobile": "09370000003" })).await;
    for typed in ["old", "09370000001", "old@example.com", "gone", "09370000002"] {
        assert_found(&world, typed, "contacts", &[]).await;
    }
    for (typed, by) in [("parviz", "name"), ("new", "name"), ("09370000003", "mobile")] {
        assert_found(&world, typed, "contacts", &[("c-1", by)]).await;
    }
    assert_eq!(search(&world, "parviz").await["contacts"]["data"][0]["name"], "Parviz New");
    let deleted = world.crm(Method::DELETE, "/v1/contacts/c-1", Value::Null).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    for typed in ["parviz", "new", "09370000003"] {
        assert_found(&world, typed, "contacts", &[]).await;
    }

    // A link brings a contact and an item along, and changes both.
    let with = |name: &str, title: &str| {
        json!({ "account_id": "main", "amount": 50_000, "contact": { "id": "c-2", "name": name, "mobile": "09370000004" },
                "item": { "id": "i-2", "kind": "invoice", "title": title, "contact_id": "c-2" } })
    };
    world.make_link(with("Brought Along", "Zither")).await;
    assert_found(&world, "brought", "contacts", &[("c-2", "name")]).await;
    assert_found(&world, "zither", "items", &[("i-2", "title")]).await;
    world.make_link(with("Changed Along", "Viola")).await;
    assert_found(&world, "brought", "contacts", &[]).await;
    assert_found(&world, "zither", "items", &[]).await;
    assert_found(&world, "changed", "contacts", &[("c-2", "name")]).await;
    assert_found(&world, "viola", "items", &[("i-2", "title")]).await;

    let admin = Admin::new(Environment::from(world.cloud.environment.clone())).unwrap();
    let (business, contact) = (BusinessId::parse(DEMO).unwrap(), ContactId::parse("c-2").unwrap());
    admin.erase_contact(&business, &contact, Timestamp::now()).await.unwrap();
    assert_found(&world, "changed", "contacts", &[]).await;
    assert_found(&world, "09370000004", "contacts", &[]).await;
    assert_found(&world, "viola", "items", &[]).await;
    for (pk, _) in everything(&world.cloud).await.into_keys().filter(|(pk, _)| pk.starts_with("search#")) {
        assert!(!pk.contains("c-2") && !pk.contains("i-2"), "{pk}");
    }
}

#[tokio::test]
async fn numbers_and_addresses_stand_in_no_row_and_two_businesses_have_none_in_common() {
    let world = World::in_process().await;
    let body = json!({ "name": "Canary", "mobile": "+989381234567", "email": "canary@example.com" });
    plant(&world, "c-1", body.clone()).await;
    let other = world.crm_as(BAZAAR_KEY, Method::PUT, "/v1/contacts/c-1", body, &[]).await;
    assert_eq!(other.status, StatusCode::OK, "{}", other.text);
    let rows: Vec<(String, String)> = everything(&world.cloud)
        .await
        .iter()
        .filter(|((pk, _), _)| pk.starts_with("search#"))
        .map(|((pk, sk), item)| (pk.clone(), format!("{pk} {sk} {item:?}")))
        .collect();
    for (_, row) in &rows {
        assert!(!row.contains("9381234567") && !row.contains("canary@"), "{row}");
    }
    let hashes = |business: &str| -> Vec<String> {
        let prefixes = ["mobile", "email"].map(|kind| format!("search#{business}#{kind}#"));
        let of = |pk: &String| prefixes.iter().find_map(|prefix| pk.strip_prefix(prefix).map(str::to_owned));
        rows.iter().filter_map(|(pk, _)| of(pk)).collect()
    };
    let (demo, bazaar) = (hashes("demo"), hashes("bazaar"));
    assert!(demo.len() >= 2 && bazaar.len() >= 2);
    assert!(demo.iter().all(|hash| !bazaar.contains(hash)));
    world.crm(Method::DELETE, "/v1/contacts/c-1", Value::Null).await;
    assert_found(&world, "09381234567", "contacts", &[]).await;
}

#[tokio::test]
async fn a_query_that_cannot_be_searched_for_is_refused_by_its_name() {
    let world = World::in_process().await;
    let long = path(&"x".repeat(101));
    for (path, code) in [
        ("/v1/search", "required"),
        ("/v1/search?q=", "empty"),
        ("/v1/search?q=%E2%80%8B", "empty"),
        ("/v1/search?q=a%0Ab", "line_break"),
        (long.as_str(), "too_long"),
    ] {
        let refused = world.crm(Method::GET, path, Value::Null).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}: {}", refused.text);
        assert!(
            refused.text.contains("\"q\"") || refused.text.contains("`q`") || refused.text.contains("q:"),
            "{}",
            refused.text
        );
        assert!(refused.text.contains(code), "{path}: {}", refused.text);
    }
    for path in ["/v1/search?q=a&limit=3", "/v1/search?q=a&q=b"] {
        assert_eq!(world.crm(Method::GET, path, Value::Null).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn the_log_says_that_somebody_searched_and_not_for_what() {
    let world = World::in_process().await;
    let key = "plp_support";
    let support = ApiKey { integration: "support".to_owned(), scopes: vec![Scope::Read], created_at: Timestamp::now() };
    world.cloud.store.put_api_key(&KeyHolder::Platform, key, &support).await.unwrap();
    settings_are_read_again().await;
    let business = [("paylink-business", DEMO)];
    let answer = world.crm_as(key, Method::GET, &path("09381234567"), Value::Null, &business).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let log = world.get("/v1/audit-log?limit=100").await.to_string();
    assert!(log.contains("/v1/search") && !log.contains("9381234567"), "{log}");
}

#[tokio::test]
async fn more_than_ten_of_a_kind_are_said_to_be_more_and_none_comes_twice() {
    let world = World::in_process().await;
    for number in 0..12 {
        // Each has three rows that begin alike.
        plant(&world, &format!("m-{number}"), json!({ "name": "Mina Minavand Minoo" })).await;
    }
    let answer = search(&world, "min").await;
    let ids: std::collections::BTreeSet<&str> = found(&answer, "contacts").into_iter().map(|(id, _)| id).collect();
    assert_eq!((ids.len(), &answer["contacts"]["has_more"]), (10, &json!(true)));
    let exact = search(&world, "mina minavand minoo").await;
    assert_eq!((found(&exact, "contacts").len(), &exact["contacts"]["has_more"]), (10, &json!(true)));
}

/// All that a contact and an item are found by changes with a link that brings them along, in one transaction, which takes a
/// hundred writes.
#[tokio::test]
async fn a_contact_with_as_many_people_as_it_can_have_changes_whole() {
    let world = World::in_process().await;
    let body = |word: &str, digit: u32| {
        let person = |number: u32| {
            json!({ "role": "manager", "name": format!("{word} Person{number} Middle Last"),
                    "mobile": format!("0935000{digit}{number:03}"), "email": format!("{word}{number}@example.com") })
        };
        let people: Vec<Value> = (0..50).map(person).collect();
        let contact = json!({ "id": "c-full", "name": format!("{word} b c d e f g h i j"), "people": people,
                              "mobile": format!("0936000{digit}000"), "email": format!("{word}@example.com") });
        let item = json!({ "id": "i-full", "kind": "invoice", "title": format!("{word} k l m n o p q r"),
                           "contact_id": "c-full" });
        json!({ "account_id": "main", "amount": 50_000, "contact": contact, "item": item,
                "reference_id": format!("R-{word}") })
    };
    world.make_link(body("first", 1)).await;
    world.make_link(body("second", 2)).await;
    assert_found(&world, "first", "contacts", &[]).await;
    assert_found(&world, "first", "items", &[]).await;
    for typed in [
        "second",
        "second@example.com",
        "09360002000",
        "second j",
        "h i j second",
        "second0@example.com",
        "09350002003",
    ] {
        let answer = search(&world, typed).await;
        assert_eq!(answer["contacts"]["data"].as_array().unwrap().len(), 1, "{typed}: {answer:#}");
    }
    // The people behind the first few are found by nothing, which docs/api.md says.
    assert_found(&world, "09350002049", "contacts", &[]).await;
}

/// Whatever contacts come and go, what they are found by is exactly what they are.
#[tokio::test]
async fn rows_follow_records_through_any_changes() {
    let world = FaultyWorld::start(3600).await;
    let name = "(Sara|علی‌رضا|كريمي|José|Al-Hassan|۲۴)( (Sara|احمدی|Müller|فاطمة)){0,3}";
    let mobile = prop::option::of(prop::sample::select(vec!["09350000001", "09350000002", "+4915112345678"]));
    let email = prop::option::of(prop::sample::select(vec!["A@x.example", "a@x.example", "b@x.example"]));
    let person = (name, mobile.clone(), email.clone())
        .prop_map(|(name, mobile, email)| json!({ "role": "manager", "name": name, "mobile": mobile, "email": email }));
    let people = prop::collection::vec(person, 0..12);
    let contact = (name, mobile, email, people).prop_map(
        |(name, mobile, email, people)| json!({ "name": name, "mobile": mobile, "email": email, "people": people }),
    );
    let step = (0..3_usize, prop::option::weighted(0.8, contact));
    let mut runner = TestRunner::deterministic();
    for number in 0..40 {
        let (id, contact) = step.new_tree(&mut runner).unwrap().current();
        let path = format!("/v1/contacts/r-{id}");
        match contact {
            Some(body) => {
                let reply = world.crm(Method::PUT, &path, &body, &[]).await.unwrap();
                assert!(reply.status.is_success(), "{number}: {}", reply.text);
            }
            None => drop(world.crm(Method::DELETE, &path, &Value::Null, &[]).await),
        }
        if number % 8 == 7 {
            world.assert_all_is_well(Stage::UnderWay).await;
        }
    }
}

/// The proofs of the whole service look for such a row, and would not see one that they could not tell from others.
#[tokio::test]
async fn a_row_at_the_hash_of_another_number_does_not_stay_unseen() {
    let world = FaultyWorld::start(3600).await;
    let body = json!({ "name": "Canary", "mobile": "09381234567" });
    assert!(world.crm(Method::PUT, "/v1/contacts/c-1", &body, &[]).await.unwrap().status.is_success());
    world.assert_all_is_well(Stage::UnderWay).await;
    let is_row = |(pk, sk): &(String, String)| pk.starts_with("search#demo#mobile#") && sk == "c-1";
    let (at, mut row) = everything(&world.cloud).await.into_iter().find(|(at, _)| is_row(at)).unwrap();
    let (client, table) = (tests::dynamodb(&world.cloud), world.cloud.store.table());
    let delete = client.delete_item().table_name(table).key("pk", row["pk"].clone());
    delete.key("sk", row["sk"].clone()).send().await.unwrap();
    let other = format!("search#demo#mobile#{}", "0".repeat(32));
    row.insert("pk".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(other.clone()));
    client.put_item().table_name(table).set_item(Some(row)).send().await.unwrap();
    let (wrong, _) = world.check(Stage::UnderWay).await;
    assert!(wrong.iter().any(|one| one.starts_with(&format!("nobody finds {}", at.0))), "{wrong:?}");
    assert!(wrong.iter().any(|one| one.contains("what is no more is found") && one.contains(&other)), "{wrong:?}");
}

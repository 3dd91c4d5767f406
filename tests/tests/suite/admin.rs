//! The deployer's command against the local cloud: what a person at a terminal would be told, and what became of the table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use domain::Timestamp;
use domain::ids::{BusinessId, ContactId};
use paylink_admin::{Admin, FIRST_BUSINESS, ReplayResult, SmsPreferences, Verdict};
use paylink_local::seed;
use reqwest::{Method, StatusCode};
use runtime::Environment;
use serde_json::{Value, json};
use store::KeyHolder;
use tests::{World, empty_cloud};

fn admin_of(cloud: &paylink_local::Cloud) -> Admin {
    let mut environment = cloud.environment.clone();
    environment.insert("PAYLINK_UNDELIVERED_RECORDS".to_owned(), format!("{}/sqs/undelivered", cloud.page_url()));
    Admin::new(Environment::from(environment)).unwrap()
}

/// What `health` says is missing.
async fn missing(admin: &Admin) -> Vec<String> {
    let findings = admin.health(Timestamp::now()).await;
    assert!(findings.iter().all(|finding| finding.verdict != Verdict::Unknown), "{findings:?}");
    findings.into_iter().filter(|one| one.verdict == Verdict::Missing).map(|one| one.text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_names_everything_that_a_new_stack_lacks_until_nothing_is_missing() {
    let cloud = empty_cloud().await;
    let admin = admin_of(&cloud);
    cloud.account.enter_sandboxes();
    for identity in ["pay@business.example", "business.example"] {
        cloud.account.forget_identity(identity);
    }
    cloud.undelivered.send("{}");
    let lacks = missing(&admin).await;
    for part in [
        "The tables are not set up",
        "There is no business",
        "expire-links has never ended a run well",
        "deliver-messages has never ended a run well",
        "1 batches of the stream could not be worked off",
        "SES has verified neither pay@business.example nor business.example",
        "SES is in its sandbox",
        "SNS is in its sandbox",
        "Text messages may cost 1 dollar a month",
        "Nobody can see what became of a text message",
    ] {
        assert!(lacks.iter().any(|text| text.contains(part)), "{part} is not in {lacks:#?}");
    }

    let cloud = empty_cloud().await;
    let admin = admin_of(&cloud);
    let first = BusinessId::parse(FIRST_BUSINESS).unwrap();
    let made = admin.set_up(&first, Timestamp::now()).await.unwrap().expect("a new stack gets a business and a key");
    assert_eq!(made.business.id, first);
    assert!(made.key.key.starts_with("plk_main_"), "a key says whose it is");
    assert!(admin.set_up(&first, Timestamp::now()).await.unwrap().is_none(), "a second time it changes nothing");
    let of_first = KeyHolder::Business(first.clone());
    admin.revoke_key(&of_first, &made.key.id).await.unwrap();
    let lacks = missing(&admin).await;
    for part in ["main: there is no API key", "main: there are no settings", "main: no account takes online payments"] {
        assert!(lacks.iter().any(|text| text.contains(part)), "{part} is not in {lacks:#?}");
    }
    admin.create_key(&of_first, "crm", &[]).await.unwrap();
    let settings = json!({ "business_name": "My Business" }).to_string();
    admin.call(&first, Method::PUT, "/v1/settings", Some(settings)).await.unwrap();
    let account = json!({
        "name": "Main", "currency": "IRR", "mode": "sandbox",
        "online_payment": { "enabled": true, "gateway": "zarinpal",
                            "credentials": { "merchant_id": "1344b5d4-0048-11e8-94db-005056a205be" } },
    });
    let answer = admin.call(&first, Method::PUT, "/v1/accounts/main", Some(account.to_string())).await.unwrap();
    assert_eq!(answer["online_payment"]["credentials_set"], true);
    let preferences = SmsPreferences {
        monthly_limit: Some(50),
        log_role: Some("arn:aws:iam::123456789012:role/logger".to_owned()),
        log_percent: Some(100),
    };
    admin.set_sms_preferences(&preferences).await.unwrap();
    for schedule in store::Schedule::ALL {
        cloud.store.record_heartbeat(schedule, Timestamp::now()).await;
    }
    assert_eq!(missing(&admin).await, Vec::<String>::new());
    // What another business lacks is not missed by this one, and a suspended one lacks nothing.
    let second = BusinessId::parse("second").unwrap();
    admin.create_business(&second, "Another", None, Timestamp::now()).await.unwrap();
    let lacks = missing(&admin).await;
    // It has settings to start with.
    assert!(lacks.len() == 2 && lacks.iter().all(|text| text.starts_with("second: ")), "{lacks:#?}");
    admin.suspend_business(&second, Some("not yet"), Timestamp::now()).await.unwrap();
    assert_eq!(missing(&admin).await, Vec::<String>::new());
    let known = admin.sms_preferences().await.unwrap();
    assert_eq!(known["MonthlySpendLimit"], "50");
    assert_eq!(known["DefaultSMSType"], "Transactional");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_refuses_is_refused_with_its_reasons_and_no_key_is_left_behind() {
    let cloud = empty_cloud().await;
    let admin = admin_of(&cloud);
    let shop = BusinessId::parse("shop").unwrap();
    let body = json!({ "business_name": "", "colour": "red" }).to_string();
    let nobody = admin.call(&shop, Method::PUT, "/v1/settings", Some(body.clone())).await.unwrap_err().to_string();
    assert!(nobody.contains("401"), "there is no such business: {nobody}");
    admin.create_business(&shop, "Shop", None, Timestamp::now()).await.unwrap();
    let refusal = admin.call(&shop, Method::PUT, "/v1/settings", Some(body)).await.unwrap_err().to_string();
    assert!(refusal.contains("/colour") && refusal.contains("422"), "{refusal}");
    assert!(admin.list_keys(&KeyHolder::Business(shop)).await.unwrap().is_empty());
    let too_much = SmsPreferences { log_percent: Some(101), ..SmsPreferences::default() };
    assert!(admin.set_sms_preferences(&too_much).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_about_the_only_business_or_about_one_that_is_named() {
    let cloud = empty_cloud().await;
    let admin = admin_of(&cloud);
    assert!(admin.business(None).await.unwrap_err().to_string().contains("set-up"));
    let [one, other] = ["one", "other"].map(|id| BusinessId::parse(id).unwrap());
    admin.create_business(&one, "One", None, Timestamp::now()).await.unwrap();
    assert_eq!(admin.business(None).await.unwrap(), one);
    assert!(admin.create_business(&one, "Once more", None, Timestamp::now()).await.is_err(), "it is not replaced");
    admin.create_business(&other, "Other", Some("https://pay.other.example"), Timestamp::now()).await.unwrap();
    assert!(admin.business(None).await.unwrap_err().to_string().contains("--business"));
    assert_eq!(admin.business(Some("other")).await.unwrap(), other);
    assert!(admin.business(Some("nobody")).await.is_err());
    let all: Vec<BusinessId> = admin.businesses().await.unwrap().into_iter().map(|business| business.id).collect();
    assert_eq!(all, [one.clone(), other.clone()]);
    assert!(admin.suspend_business(&one, None, Timestamp::now()).await.unwrap().is_suspended());
    assert!(!admin.business_called("other").await.unwrap().is_suspended());
    assert!(!admin.resume_business(&one, Timestamp::now()).await.unwrap().is_suspended());
    // Keys of one are not among those of the other, nor the platform's among either's.
    let holders = [KeyHolder::Business(one), KeyHolder::Business(other), KeyHolder::Platform];
    let mut made = Vec::new();
    for holder in &holders {
        made.push(admin.create_key(holder, "crm", &[]).await.unwrap());
    }
    assert!(admin.create_key(&holders[0], "crm", &["platform"]).await.is_err(), "a business runs no platform");
    assert!(admin.revoke_key(&holders[1], &made[0].id).await.is_err(), "it is another's");
    for (holder, key) in holders.iter().zip(&made) {
        let listed = admin.list_keys(holder).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [key.id.as_str()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_nobody_does_is_noticed() {
    let world = World::in_process().await;
    let admin = admin_of(&world.cloud);
    let soon = (Timestamp::now() + jiff::SignedDuration::from_secs(1)).to_string();
    world.make_link(json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 500, "expires_at": soon })).await;
    let late = Timestamp::now() + jiff::SignedDuration::from_mins(10);
    let findings = admin.health(late).await;
    assert!(findings.iter().any(|one| one.text.starts_with("Work has been due since")), "{findings:#?}");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(world.sweep().await["expired"], 1);
    let findings = admin.health(late).await;
    assert!(findings.iter().any(|one| one.text == "No work is late."), "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_does_not_come_is_noticed_also_where_nothing_is_late() {
    let world = World::in_process().await;
    let admin = admin_of(&world.cloud);
    let silent = async |at: Timestamp| {
        let findings = admin.health(at).await;
        assert!(findings.iter().any(|one| one.text == "No work is late."), "{findings:#?}");
        let about = |function: &str| findings.iter().find(|one| one.text.contains(function)).unwrap().verdict;
        ["expire-links", "deliver-messages"].map(|function| about(function) == Verdict::Missing)
    };
    let now = Timestamp::now();
    assert_eq!(silent(now).await, [true, true], "a new stack whose schedules are switched off");
    world.sweep().await;
    assert_eq!(silent(now).await, [false, true]);
    world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
    assert_eq!(silent(now).await, [false, false]);
    let later = now + jiff::SignedDuration::from_mins(20);
    assert_eq!(silent(later).await, [true, true], "they came once and then no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_tells_what_the_stream_lost_and_nothing_twice() {
    let world = World::without_stream().await;
    let admin = admin_of(&world.cloud);
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                       "recipients": { "emails": ["lost@example.com"] } });
    let link = world.make_link(body).await;
    // The records are read and lost, as when deliver-messages failed with them for a day.
    let mut stream = world.cloud.stream("deliver-messages").unwrap();
    assert_eq!(stream.records().await.unwrap().len(), 1);
    world.cloud.undelivered.send("{\"DDBStreamBatchInfo\":{}}");

    let done = admin.replay(90, Timestamp::now()).await.unwrap();
    assert_eq!(done, ReplayResult { links: 1, redelivered: 1, records: 1 });
    assert!(world.cloud.undelivered.is_empty());
    let again = stream.records().await.unwrap();
    assert_eq!(again.len(), 1);
    let served = world.invoke("deliver-messages", &json!({ "Records": again })).await;
    assert_eq!(served, json!({ "batchItemFailures": [] }));
    assert_eq!(world.inbox("lost@example.com", 1).await.len(), 1);
    assert_eq!(world.wait_for_event(&link, "payment_link.created").await["payment_link_id"], link["id"]);

    let done = admin.replay(90, Timestamp::now()).await.unwrap();
    assert_eq!(done, ReplayResult { links: 1, redelivered: 0, records: 0 });
    assert_eq!(stream.records().await.unwrap(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_shown_everything_and_then_forgotten_but_for_the_books() {
    let world = World::in_process().await;
    let admin = admin_of(&world.cloud);
    let id = ContactId::parse("c-9").unwrap();
    // The other business has a contact of the same id, which this is not about.
    let other = json!({ "name": "A Namesake", "email": "namesake@example.com" });
    let path = "/v1/contacts/c-9";
    assert_eq!(world.crm_as(seed::BAZAAR_KEY, Method::PUT, path, other, &[]).await.status, StatusCode::OK);
    let contact =
        json!({ "id": "c-9", "name": "Somebody Else", "mobile": "+989120000009", "email": "nine@example.com" });
    let make = |more: Value| {
        let mut body = json!({ "account_id": "main", "amount": 50000, "contact": contact.clone(),
                               "item": { "id": "inv-9", "kind": "invoice", "title": "For Somebody Else",
                                         "contact_id": "c-9" },
                               "description": "Owed by Somebody Else", "recipients": { "contact": true } });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        body
    };
    let paid = world.make_link(make(json!({ "metadata": { "note": "Somebody Else" } }))).await;
    // What is paid already asks nobody to pay.
    world.inbox("+989120000009", 1).await;
    world.pay(&paid, "paid").await;
    let open = world.make_link(make(json!({}))).await;
    world.inbox("+989120000009", 2).await;

    let demo = seed::demo();
    let export = admin.export_contact(&demo, &id, Timestamp::now()).await.unwrap();
    assert_eq!(export["contact"]["name"], "Somebody Else");
    assert_eq!(export["payment_links"].as_array().unwrap().len(), 2);
    assert_eq!(export["items"].as_array().unwrap().len(), 1);
    assert_eq!(export["receipts"].as_array().unwrap().len(), 1);
    assert!(export.to_string().contains("+989120000009"));

    let erased = admin.erase_contact(&demo, &id, Timestamp::now()).await.unwrap();
    assert_eq!((erased.links, erased.items, erased.contact, erased.receipts), (1, 1, true, 1));
    assert_eq!(erased.left.iter().map(|left| left.as_str()).collect::<Vec<_>>(), [open["id"].as_str().unwrap()]);
    assert_eq!(world.link(&open).await["contact"]["name"], "Somebody Else", "it can still be paid");

    let cancel = format!("/v1/payment-links/{}/cancel", open["id"].as_str().unwrap());
    assert_eq!(
        world.crm(Method::POST, &cancel, json!({ "reason": "Somebody Else asked" })).await.status,
        StatusCode::OK
    );
    let erased = admin.erase_contact(&demo, &id, Timestamp::now()).await.unwrap();
    assert_eq!((erased.links, erased.contact, erased.left.len()), (1, false, 0));

    let rest = admin.export_contact(&demo, &id, Timestamp::now()).await.unwrap();
    for personal in ["Somebody Else", "+989120000009", "nine@example.com"] {
        assert!(!rest.to_string().contains(personal), "{personal} is still in {rest:#}");
    }
    let link = world.link(&paid).await;
    assert_eq!((link["status"].as_str(), link["amount"].as_i64()), (Some("paid"), Some(50000)));
    assert_eq!(link["receipts"], json!([rest["receipts"][0]["id"]]));
    let namesake = world.crm_as(seed::BAZAAR_KEY, Method::GET, path, Value::Null, &[]).await;
    assert_eq!(namesake.json()["name"], "A Namesake");
    // The customer who opens the link again is not told of a person, and nothing breaks.
    let page = world.open(paid["url"].as_str().unwrap()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("Somebody Else"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_a_business_is_shown_entry_by_entry_and_its_log_says_so() {
    let world = World::in_process().await;
    let admin = admin_of(&world.cloud);
    world.pay(&world.euro_link().await, "paid").await;
    let mut entries = Vec::new();
    let shown = admin.export_business(&seed::demo(), |entry| entries.push(entry.clone())).await.unwrap();
    assert_eq!(shown, entries.len());
    for (kind, many) in
        [("business", 1), ("settings", 1), ("account", 6), ("contact", 1), ("payment_link", 1), ("receipt", 1)]
    {
        assert_eq!(entries.iter().filter(|entry| entry["object"] == kind).count(), many, "{kind}");
    }
    let newest = world.get("/v1/audit-log?limit=1").await["data"][0].clone();
    assert_eq!(
        (&newest["side"], &newest["integration"], &newest["action"]),
        (&json!("deployer"), &json!("paylink-admin"), &json!("read"))
    );
    assert!(admin.list_keys(&KeyHolder::Platform).await.unwrap().len() == 1, "no key is left behind");
    let nobody = admin.export_business(&BusinessId::parse("nobody").unwrap(), |_| {}).await.unwrap_err().to_string();
    assert!(nobody.contains("404"), "{nobody}");
}

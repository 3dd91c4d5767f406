//! The deployer's command against the local cloud: what a person at a terminal would be told, and what became of the
//! table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

mod restoring;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use clap::Parser as _;
use domain::Timestamp;
use domain::ids::{BusinessId, ContactId};
use paylink_admin::cli::{Arguments, definition};
use paylink_admin::{Admin, FIRST_BUSINESS, Finding, Group, ReplayResult, SmsPreferences, Verdict};
use paylink_local::deployment::{DeploymentState, STACK};
use paylink_local::{Cloud, seed};
use reqwest::{Method, StatusCode};
use runtime::Environment;
use serde_json::{Value, json};
use store::KeyHolder;
use tests::{World, empty_cloud, root};

fn admin_of(cloud: &Cloud) -> Admin {
    let mut environment = cloud.environment.clone();
    environment.insert("PAYLINK_UNDELIVERED_RECORDS".to_owned(), format!("{}/sqs/undelivered", cloud.page_url()));
    environment.insert("PAYLINK_UNNOTED_REPORTS".to_owned(), format!("{}/sqs/unnoted", cloud.page_url()));
    Admin::new(Environment::from(environment)).unwrap()
}

/// What somebody at a terminal has set who knows the stack's name alone: where AWS is, and who they are.
fn terminal_of(cloud: &Cloud) -> BTreeMap<String, String> {
    let is_told = |name: &str| name.starts_with("AWS_") || name == "PAYLINK_WEBHOOK_REACH";
    cloud.environment.clone().into_iter().filter(|(name, _)| is_told(name)).collect()
}

/// What the command answers, which `make test` builds: its exit code, and what it writes for programs and beside that.
async fn call(variables: &BTreeMap<String, String>, words: &[&str]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(root().join("target/debug/paylink-admin"));
    let ended = command.args(words).env_clear().envs(variables).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
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
    cloud.unnoted.send("{}");
    let lacks = missing(&admin).await;
    for part in [
        "The tables are not set up",
        "There is no business",
        "expire-links has never ended a run well",
        "deliver-messages has never ended a run well",
        "1 batches of the stream could not be worked off",
        "1 reports of providers, or runs of the schedule, failed",
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

/// What `health` says of a stack that somebody knows the name of.
async fn findings_of(cloud: &Cloud) -> Vec<Finding> {
    let admin = Admin::of(terminal_of(cloud), Some(STACK), None).await.unwrap();
    admin.health(Timestamp::now()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_is_found_by_its_name_alone() {
    let cloud = empty_cloud().await;
    cloud.deployment.change(|state| {
        state.parameters.insert("GatewayRules".to_owned(), "not a rulebook".to_owned());
    });
    let admin = Admin::of(terminal_of(&cloud), Some(STACK), None).await.unwrap();
    assert_eq!((admin.table(), admin.secrets_table()), (cloud.store.table(), cloud.store.secrets_table()));
    assert_eq!(admin.stack().unwrap().status, "CREATE_COMPLETE");
    // What the stack was deployed with holds here too: the API refuses to start with such a parameter.
    let first = BusinessId::parse(FIRST_BUSINESS).unwrap();
    admin.set_up(&first, Timestamp::now()).await.unwrap();
    let refused = admin.call(&first, Method::GET, "/v1/settings", None).await.unwrap_err().to_string();
    assert!(refused.contains("PAYLINK_GATEWAY_RULES"), "{refused}");

    let nobody = Admin::of(terminal_of(&cloud), Some("paylnk"), None).await.unwrap_err().to_string();
    assert!(nobody.contains("There is no stack paylnk in us-east-1"), "{nobody}");
    let unsaid = Admin::of(terminal_of(&cloud), None, None).await.unwrap_err().to_string();
    assert!(unsaid.contains("--stack"), "{unsaid}");
    cloud.deployment.change(|state| {
        state.status = "ROLLBACK_COMPLETE".to_owned();
        state.outputs.clear();
    });
    let broken = Admin::of(terminal_of(&cloud), Some(STACK), None).await.unwrap_err().to_string();
    assert!(broken.contains("TableName") && broken.contains("ROLLBACK_COMPLETE"), "{broken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missing_about_a_stack_that_was_deployed_by_the_guide() {
    let cloud = empty_cloud().await;
    let findings = findings_of(&cloud).await;
    for group in [Group::Account, Group::Stack, Group::Email, Group::Alarms] {
        let of_group: Vec<&Finding> = findings.iter().filter(|one| one.group == group).collect();
        assert!(!of_group.is_empty(), "{group:?} is not looked at");
        assert!(of_group.iter().all(|one| one.verdict == Verdict::Good), "{of_group:#?}");
    }
    // The embedded engine has neither deletion protection nor backups; what cannot be asked is unknown and stops
    // nothing.
    let unknown: Vec<&Finding> = findings.iter().filter(|one| one.verdict == Verdict::Unknown).collect();
    assert!(unknown.iter().all(|one| one.group == Group::Tables), "{unknown:#?}");
}

/// What is wrong about a stack or its account, what `health` says of it, and what it proposes.
type Wrong = (fn(&mut DeploymentState), &'static str, Option<&'static str>);

const WRONGS: [Wrong; 23] = [
    (|state| state.status = "UPDATE_ROLLBACK_FAILED".to_owned(), "so did going back", Some("continue-update-rollback")),
    (|state| state.status = "UPDATE_ROLLBACK_COMPLETE".to_owned(), "The last update of", Some("describe-stack-events")),
    (|state| state.status = "ROLLBACK_COMPLETE".to_owned(), "The first deployment of", Some("delete-stack")),
    (|state| state.status = "REVIEW_IN_PROGRESS".to_owned(), "nobody executed", Some("list-change-sets")),
    (
        |state| state.is_protected_from_termination = false,
        "deleting the stack",
        Some("--enable-termination-protection"),
    ),
    (|state| state.policy = None, "replacing or deleting the tables", Some("set-stack-policy")),
    (
        |state| state.policy = Some("{}".to_owned()),
        "another than that of infra/stack-policy.json",
        Some("set-stack-policy"),
    ),
    (|state| state.concurrency = 10, "Lambda runs 10 functions at once", Some("L-B99A9384")),
    (
        |state| {
            state.reserved.insert("PayRedirectName".to_owned(), 0);
        },
        "pay-redirect is stopped",
        Some("delete-function-concurrency"),
    ),
    (|state| state.is_stream_read = false, "does not come to deliver-messages", Some("update-event-source-mapping")),
    (|state| state.are_schedules_on = false, "ExpireLinksSchedule is switched off", None),
    (|state| state.has_monitoring = false, "There are no alarms", Some("infra/monitoring.yaml")),
    (
        |state| {
            state.denied.insert("sms-voice:DescribeSpendLimits".to_owned());
        },
        "may not do: sms-voice:DescribeSpendLimits",
        None,
    ),
    (
        |state| {
            state.denied.insert("dynamodb:DeleteItem".to_owned());
        },
        "may not do: dynamodb:DeleteItem",
        None,
    ),
    (|state| state.emails_sent = 45_000, "45000 of 50000 emails of a day are sent", Some("service-quotas")),
    (|state| state.dkim = "PENDING".to_owned(), "DKIM is PENDING", None),
    (|state| state.mail_from = "FAILED".to_owned(), "(MAIL FROM), are FAILED", None),
    (|state| state.sms_spent = "0.93".to_owned(), "cost 0.93 of 1.00 dollars", Some("sms --limit")),
    (
        |state| {
            state.parameters.insert("EmailSender".to_owned(), String::new());
        },
        "No email is sent",
        None,
    ),
    (
        |state| {
            state.parameters.insert("SmsReportsTopicArn".to_owned(), String::new());
        },
        "does not hear which text messages did not arrive",
        None,
    ),
    (|state| state.watched_sms_limit = "50".to_owned(), "was deployed with 50", Some("SmsLimit=1")),
    (|state| state.has_budget = false, "it has no budget", Some("BudgetDollars")),
    (|state| state.status = "DELETE_FAILED".to_owned(), "it is DELETE_FAILED", Some("delete-stack")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_about_a_stack_is_said_with_what_to_do() {
    let cloud = empty_cloud().await;
    let mut in_order = None;
    cloud.deployment.change(|state| in_order = Some(state.clone()));
    let in_order = in_order.unwrap();
    let said = |findings: &[Finding], part: &str| findings.iter().find(|one| one.text.contains(part)).cloned();
    let before = findings_of(&cloud).await;
    for (wrong, part, command) in WRONGS {
        assert!(said(&before, part).is_none_or(|one| one.verdict == Verdict::Good), "{part} is said of a good stack");
        cloud.deployment.change(wrong);
        let findings = findings_of(&cloud).await;
        let found = said(&findings, part).unwrap_or_else(|| panic!("{part} is not in {findings:#?}"));
        assert_eq!(found.verdict, Verdict::Missing, "{found:?}");
        match command {
            Some(command) => assert!(found.command.as_ref().is_some_and(|one| one.contains(command)), "{found:?}"),
            None => assert_eq!(found.command, None),
        }
        cloud.deployment.change(|state| *state = in_order.clone());
    }
    // SES knows an address alone, or its domain alone, or neither.
    cloud.account.forget_identity("business.example");
    let found = said(&findings_of(&cloud).await, "pay@business.example is verified as an address").unwrap();
    assert_eq!(found.verdict, Verdict::Good);
    cloud.account.forget_identity("pay@business.example");
    let found = said(&findings_of(&cloud).await, "SES has verified neither").unwrap();
    assert!(found.command.unwrap().contains("create-email-identity --email-identity business.example"));
    cloud.account.let_alarms_go_to(&["PendingConfirmation"]);
    assert!(said(&findings_of(&cloud).await, "has not followed the link").is_some());
    cloud.account.let_alarms_go_to(&[]);
    assert!(said(&findings_of(&cloud).await, "Nobody has subscribed").is_some());
    // Two regions lead to two stacks.
    let mut terminal = terminal_of(&cloud);
    terminal.insert("AWS_DEFAULT_REGION".to_owned(), "eu-central-1".to_owned());
    assert!(Admin::of(terminal.clone(), Some(STACK), None).await.unwrap_err().to_string().contains("eu-central-1"));
    let admin = Admin::of(terminal, Some(STACK), Some("us-east-1")).await.unwrap();
    let found = said(&admin.health(Timestamp::now()).await, "AWS_DEFAULT_REGION says eu-central-1").unwrap();
    assert_eq!(found.verdict, Verdict::Missing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_gets_json_and_an_exit_code() {
    let cloud = empty_cloud().await;
    let mut terminal = terminal_of(&cloud);
    terminal.insert("PAYLINK_STACK".to_owned(), STACK.to_owned());
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| panic!("no JSON: {text}"));

    let (code, made, notes) = call(&terminal, &["--json", "set-up"]).await;
    assert_eq!((code, notes.as_str()), (0, ""));
    assert_eq!(json(&made)["business"], "main");
    assert!(json(&made)["key"].as_str().unwrap().starts_with("plk_main_"), "{made}");
    let (code, made, _) = call(&terminal, &["business", "create", "bazaar", "The Bazaar", "--json"]).await;
    assert_eq!((code, &json(&made)["name"]), (0, &json!("The Bazaar")));
    let (code, listed, _) = call(&terminal, &["--json", "business", "list"]).await;
    let ids: Vec<Value> = listed.lines().map(|line| json(line)["id"].clone()).collect();
    assert_eq!((code, ids), (0, vec![json!("bazaar"), json!("main")]));
    let (code, quotas, _) = call(
        &terminal,
        &["--json", "business", "quotas", "bazaar", "--links-per-day", "7", "--calls-per-second", "none"],
    )
    .await;
    assert_eq!(
        (code, json(&quotas)),
        (0, json!({ "links_per_day": 7, "messages_per_day": null, "calls_per_second": null }))
    );
    let (code, health, error) = call(&terminal, &["health", "--json"]).await;
    let health = json(&health);
    assert_eq!(code, 1, "something is missing");
    assert_eq!(json(&error)["error"]["kind"], "left");
    let missing = health["findings"].as_array().unwrap().iter().filter(|one| one["verdict"] == "missing").count();
    assert_eq!(health["missing"], json!(missing));

    for (words, code, kind) in [
        (&["--json", "business", "show", "nobody"][..], 1, "refused"),
        (&["--json", "settings"], 1, "refused"),
        (&["--json", "business", "show", "No Id"], 2, "usage"),
        (&["--json", "business", "shwo", "main"], 2, "usage"),
        (&["--json", "resolve", "pl_3nYdvQ2bEoYJVqcBeEFcAu", "perhaps"], 2, "usage"),
        (&["--json", "contact", "erase", "c-1"], 2, "usage"),
        (&["--json", "contact", "erase", "c-1", "--confirm", "c-2"], 2, "usage"),
        (&["--json", "business", "erase", "main"], 2, "usage"),
        (&["--json", "api-key", "create", "crm", "all"], 2, "usage"),
        (&["--json", "health", "--stack", "nobody"], 1, "refused"),
    ] {
        let (ended, out, error) = call(&terminal, words).await;
        assert_eq!((ended, out.as_str()), (code, ""), "{words:?}: {error}");
        assert_eq!(json(&error)["error"]["kind"], kind, "{words:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_gets_sentences_and_a_script_the_key_alone() {
    let cloud = empty_cloud().await;
    let mut terminal = terminal_of(&cloud);
    terminal.insert("PAYLINK_STACK".to_owned(), STACK.to_owned());
    let (code, key, notes) = call(&terminal, &["set-up"]).await;
    assert_eq!((code, key.lines().count()), (0, 1));
    assert!(key.starts_with("plk_main_") && notes.contains("shown once"), "{key} {notes}");
    let (code, _, error) = call(&terminal, &["bussiness", "list"]).await;
    assert!(code == 2 && error.contains("'business'"), "what was meant is proposed: {error}");
    let (code, health, _) = call(&terminal, &["health"]).await;
    assert_eq!(code, 1);
    for part in ["Text messages\n", "MISSING Text messages may cost 1 dollar", "$ paylink-admin sms --limit DOLLARS"] {
        assert!(health.contains(part), "{part} is not in {health}");
    }
    // Neither a region nor credentials nor a stack is needed to be told what there is.
    let nothing = BTreeMap::new();
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = call(&nothing, &["completions", shell]).await;
        assert!(code == 0 && script.contains("api-key"), "{shell}");
    }
    let (code, help, _) = call(&nothing, &["business", "erase", "--help"]).await;
    assert!(code == 0 && help.contains("--confirm") && help.contains("Example:"), "{help}");
    let (code, _, error) = call(&nothing, &["health"]).await;
    assert!(code == 2 && error.contains("--region"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_no_variable_has_are_asked_of_the_aws_cli() {
    let cloud = empty_cloud().await;
    let mut terminal = terminal_of(&cloud);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        terminal.remove(name);
    }
    let folder = std::env::temp_dir().join(format!("paylink-aws-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    terminal.insert("PATH".to_owned(), format!("{}:/usr/bin:/bin", folder.display()));
    let write = |script: &str| {
        std::fs::write(folder.join("aws"), script).unwrap();
        std::fs::set_permissions(folder.join("aws"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let show = ["--stack", STACK, "business", "list"];
    write("#!/bin/sh\necho 'The SSO session has expired.' >&2; exit 255\n");
    let (code, _, error) = call(&terminal, &show).await;
    assert!(code == 2 && error.contains("The SSO session has expired."), "{error}");
    write(
        "#!/bin/sh\n[ \"$*\" = 'configure export-credentials --format process' ] || exit 1\n\
         echo '{\"Version\":1,\"AccessKeyId\":\"id\",\"SecretAccessKey\":\"secret\",\"SessionToken\":\"token\"}'\n",
    );
    let (code, _, error) = call(&terminal, &show).await;
    assert_eq!(code, 0, "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The words of each call of the command in some shell, as the shell would take them apart.
fn calls_in(shell: &str) -> Vec<Vec<String>> {
    let mut calls = Vec::new();
    for (at, _) in shell.match_indices("paylink-admin ") {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for character in shell[at + "paylink-admin ".len()..].chars() {
            match (quote, character) {
                (Some(open), close) if open == close => quote = None,
                (None, '"' | '\'') => quote = Some(character),
                (None, '|' | '>' | '<' | ';' | ')' | '&' | '\n' | '#') => break,
                (None, ' ') => words.push(std::mem::take(&mut word)),
                (Some(_) | None, character) => word.push(character),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        // `cargo run --bin paylink-admin -- …` is the command itself.
        if words.first().is_some_and(|first| first != "--") {
            calls.push(words);
        }
    }
    calls
}

/// Whether the command has what the words name: subcommands first, and options of these.
fn is_known(words: &[String]) -> bool {
    let mut command = definition();
    command.build();
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(inner) = words.peek().and_then(|word| command.find_subcommand(word)).cloned() {
        command = inner;
        words.next();
    }
    // What begins like a subcommand and is none was meant as one.
    let is_complete = !command.has_subcommands() || words.peek().is_none_or(|word| word.starts_with('-'));
    let has = |option: &str| command.get_arguments().any(|known| known.get_long() == Some(option));
    is_complete && words.filter_map(|word| word.strip_prefix("--")).all(|option| option.is_empty() || has(option))
}

#[test]
fn every_call_in_a_document_is_one_that_the_command_knows() {
    let mut pages = vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/gateways", "docs/decisions"] {
        let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    let (mut whole, mut named) = (0, 0);
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for (number, part) in text.split("```").enumerate() {
            // Every second part lies between fences.
            if number % 2 == 1 {
                for words in calls_in(&part.replace("\\\n", " ")) {
                    whole += 1;
                    // What a variable has is not known here.
                    if words.iter().any(|word| word.contains('$')) {
                        assert!(is_known(&words), "{}: {words:?}", page.display());
                        continue;
                    }
                    let parsed =
                        Arguments::try_parse_from(std::iter::once("paylink-admin".to_owned()).chain(words.clone()));
                    assert!(parsed.is_ok(), "{}: {words:?}: {}", page.display(), parsed.unwrap_err());
                }
                continue;
            }
            for code in part.split('`').skip(1).step_by(2) {
                for words in calls_in(code) {
                    named += 1;
                    assert!(is_known(&words), "{}: {words:?}", page.display());
                }
            }
        }
    }
    assert!(whole > 10 && named > 10, "{whole} {named}");
    assert!(!is_known(&["heal".to_owned()]) && !is_known(&["sms".to_owned(), "--much".to_owned()]));
}

#[test]
fn every_command_has_help_and_its_examples_work() {
    fn look(command: &clap::Command, examples: &mut usize) {
        assert!(command.get_about().is_some(), "{} says nothing of itself", command.get_name());
        for line in command.get_after_help().map(ToString::to_string).unwrap_or_default().lines() {
            for words in calls_in(line) {
                *examples += 1;
                let words = std::iter::once("paylink-admin".to_owned()).chain(words);
                assert!(Arguments::try_parse_from(words).is_ok(), "{line}");
            }
        }
        command.get_subcommands().for_each(|inner| look(inner, examples));
    }
    let (command, mut examples) = (definition(), 0);
    command.clone().debug_assert();
    look(&command, &mut examples);
    assert!(examples > 15, "{examples}");
}

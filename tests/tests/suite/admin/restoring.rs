//! What a restore does to the stack around the tables, and reports of providers that met a stopped function.

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode};
use paylink_admin::{ReplayedReports, RestoreStep};
use store::Choice;

use super::*;

const FUNCTIONS: [&str; 6] =
    ["CreateLinkName", "CrmApiName", "PayRedirectName", "GatewayWebhookName", "ExpireLinksName", "DeliverMessagesName"];

/// An instant that a stack is restored to.
const THEN: &str = "2026-11-20T12:00:00Z";

fn then() -> Timestamp {
    THEN.parse().unwrap()
}

async fn admin_of_the_stack(cloud: &Cloud) -> Admin {
    Admin::of(terminal_of(cloud), Some(STACK), None).await.unwrap()
}

/// A stack with a business, whose one contact is lost since `THEN`. AWS has made the copies already.
async fn with_a_loss() -> Cloud {
    let cloud = empty_cloud().await;
    let admin = admin_of_the_stack(&cloud).await;
    let main = BusinessId::parse(FIRST_BUSINESS).unwrap();
    admin.set_up(&main, Timestamp::now()).await.unwrap();
    let contact = json!({ "name": "A Customer" }).to_string();
    admin.call(&main, Method::PUT, "/v1/contacts/c-1", Some(contact)).await.unwrap();
    copy(&cloud, "20261120T120000Z").await;
    admin.erase_contact(&main, &ContactId::parse("c-1").unwrap(), Timestamp::now()).await.unwrap();
    cloud
}

/// Copies of both tables, under the names that they have for an instant.
async fn copy(cloud: &Cloud, suffix: &str) {
    let client = tests::dynamodb(cloud);
    for table in [cloud.store.table(), cloud.store.secrets_table()] {
        let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
        let copy = format!("{table}-at-{suffix}");
        let mut create = client.create_table().table_name(&copy).billing_mode(BillingMode::PayPerRequest);
        for key in described.key_schema() {
            let is_key = |one: &&AttributeDefinition| one.attribute_name == key.attribute_name;
            let attribute = described.attribute_definitions().iter().find(is_key).unwrap().clone();
            create = create.key_schema(key.clone()).attribute_definitions(attribute);
        }
        create.send().await.unwrap();
        let items = client.scan().table_name(table).send().await.unwrap();
        for item in items.items.unwrap() {
            client.put_item().table_name(&copy).set_item(Some(item)).send().await.unwrap();
        }
    }
}

fn state(cloud: &Cloud) -> DeploymentState {
    let mut state = None;
    cloud.deployment.change(|now| state = Some(now.clone()));
    state.unwrap()
}

fn is_stopped(cloud: &Cloud) -> bool {
    let state = state(cloud);
    !state.is_stream_read && FUNCTIONS.iter().all(|name| state.reserved.get(*name) == Some(&0))
}

async fn step(admin: &Admin) -> Option<RestoreStep> {
    admin.restore_under_way().await.unwrap().map(|restore| restore.step)
}

fn quietly(_: &str) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_functions_run_until_something_is_brought_back_and_then_as_they_did() {
    let cloud = with_a_loss().await;
    let admin = admin_of_the_stack(&cloud).await;
    cloud.deployment.change(|state| {
        state.reserved.insert("PayRedirectName".to_owned(), 20);
    });
    let before = state(&cloud);
    let as_before = |now: &DeploymentState| (&now.reserved, now.is_stream_read) == (&before.reserved, true);
    admin.begin_restore(Some(then()), Timestamp::now(), quietly).await.unwrap();
    assert_eq!(step(&admin).await, Some(RestoreStep::Begun));
    assert!(as_before(&state(&cloud)), "AWS makes the copies while people pay");
    let choice = Choice::default();
    assert_eq!(admin.compare_restore(&choice, Timestamp::now()).await.unwrap().coming_back(&choice), 1);
    assert!(as_before(&state(&cloud)), "and so does a comparison");

    admin.copy_restore(&choice, Timestamp::now(), quietly).await.unwrap();
    assert!(is_stopped(&cloud) && matches!(step(&admin).await, Some(RestoreStep::Stopped { .. })));
    let refused = admin.end_restore(quietly).await.unwrap_err().to_string();
    assert!(refused.contains("`restore start`"), "{refused}");

    assert_eq!(admin.start_restored().await.unwrap().1, Vec::<String>::new());
    assert!(as_before(&state(&cloud)), "{:?}", state(&cloud));
    // What was forgotten the first time is brought back so too.
    admin.copy_restore(&choice, Timestamp::now(), quietly).await.unwrap();
    assert!(is_stopped(&cloud));
    admin.start_restored().await.unwrap();
    assert!(as_before(&state(&cloud)), "{:?}", state(&cloud));
    admin.end_restore(quietly).await.unwrap();
    assert_eq!(step(&admin).await, None);
    let tables = tests::dynamodb(&cloud).list_tables().send().await.unwrap().table_names.unwrap();
    assert_eq!(tables.len(), 2, "the copies are gone: {tables:?}");
}

/// Somebody sees stopped functions during a restore and starts them, with what every guide of Lambda says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_started_meanwhile_is_stopped_again_before_anything_is_brought_back() {
    let cloud = with_a_loss().await;
    let admin = admin_of_the_stack(&cloud).await;
    cloud.deployment.change(|state| {
        state.reserved.insert("PayRedirectName".to_owned(), 20);
    });
    admin.begin_restore(Some(then()), Timestamp::now(), quietly).await.unwrap();
    admin.copy_restore(&Choice::default(), Timestamp::now(), quietly).await.unwrap();
    let started: [fn(&mut DeploymentState); 2] = [|state| state.is_stream_read = true, |state| state.reserved.clear()];
    for undo in started {
        cloud.deployment.change(undo);
        admin.copy_restore(&Choice::default(), Timestamp::now(), quietly).await.unwrap();
        assert!(is_stopped(&cloud), "{:?}", state(&cloud));
    }
    admin.start_restored().await.unwrap();
    let now = state(&cloud);
    assert_eq!(now.reserved, BTreeMap::from([("PayRedirectName".to_owned(), 20)]), "as it was before all of it");
    assert!(now.is_stream_read);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stopped_before_a_restore_is_named_when_it_is_over() {
    let cloud = with_a_loss().await;
    let admin = admin_of_the_stack(&cloud).await;
    cloud.deployment.change(|state| {
        state.reserved.insert("PayRedirectName".to_owned(), 0);
        state.is_stream_read = false;
    });
    admin.begin_restore(Some(then()), Timestamp::now(), quietly).await.unwrap();
    let said = std::sync::Mutex::new(Vec::new());
    let listen = |text: &str| said.lock().unwrap().push(text.to_owned());
    admin.copy_restore(&Choice::default(), Timestamp::now(), listen).await.unwrap();
    let said = said.into_inner().unwrap();
    assert!(said.iter().any(|text| text.contains("stopped before") && text.contains("PayRedirectName")), "{said:?}");
    let (_, still_stopped) = admin.start_restored().await.unwrap();
    assert_eq!(still_stopped.len(), 2, "{still_stopped:?}");
    assert!(still_stopped[0].contains("delete-function-concurrency --function-name PayRedirectName"));
    assert!(still_stopped[1].contains("update-event-source-mapping --enabled --uuid mapping-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_who_begin_a_restore_at_once_one_does() {
    let cloud = with_a_loss().await;
    copy(&cloud, "20261121T120000Z").await;
    let (one, other) = (admin_of_the_stack(&cloud).await, admin_of_the_stack(&cloud).await);
    let (begun, refused) = tokio::join!(
        one.begin_restore(Some(then()), Timestamp::now(), quietly),
        other.begin_restore(Some("2026-11-21T12:00:00Z".parse().unwrap()), Timestamp::now(), quietly),
    );
    let results = [begun, refused];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let begun = results.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(one.restore_under_way().await.unwrap(), Some(begun));
}

/// The engine on one machine makes no copy, so that it refuses as AWS can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_aws_makes_no_copy_everything_runs_and_the_restore_can_be_given_up() {
    let cloud = with_a_loss().await;
    let admin = admin_of_the_stack(&cloud).await;
    admin.begin_restore(Some(then()), Timestamp::now(), quietly).await.unwrap();
    let copy = format!("{}-at-20261120T120000Z", cloud.store.secrets_table());
    tests::dynamodb(&cloud).delete_table().table_name(copy).send().await.unwrap();
    let said = std::sync::Mutex::new(Vec::new());
    let listen = |text: &str| said.lock().unwrap().push(text.to_owned());
    admin.begin_restore(None, Timestamp::now(), listen).await.unwrap_err();
    let said = said.into_inner().unwrap();
    assert!(said.iter().any(|text| text.contains("`restore end --confirm`")), "the way out is named: {said:?}");
    admin.copy_restore(&Choice::default(), Timestamp::now(), quietly).await.unwrap_err();
    let now = state(&cloud);
    assert!(now.reserved.is_empty() && now.is_stream_read, "nothing was stopped: {now:?}");
    admin.end_restore(quietly).await.unwrap();
    assert_eq!(step(&admin).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_knows_a_restore_at_each_of_its_steps_and_proposes_nothing_that_undoes_it() {
    let cloud = with_a_loss().await;
    let admin = admin_of_the_stack(&cloud).await;
    let copy = format!("{}-at-20261120T120000Z", cloud.store.secrets_table());
    let about_it = async || {
        let findings = admin.health(Timestamp::now()).await;
        let undoing = ["delete-function-concurrency", "update-event-source-mapping"];
        let undoes = |one: &&Finding| {
            one.command.as_ref().is_some_and(|command| undoing.iter().any(|part| command.contains(part)))
        };
        assert_eq!(findings.iter().find(undoes), None);
        findings.into_iter().find(|one| one.text.contains(&copy)).map(|one| (one.verdict, one.command.unwrap()))
    };
    let next = |command: &str| Some((Verdict::Missing, format!("paylink-admin restore {command}")));
    assert_eq!(about_it().await, None);
    admin.begin_restore(Some(then()), Timestamp::now(), quietly).await.unwrap();
    assert_eq!(about_it().await, next("compare"));
    admin.copy_restore(&Choice::default(), Timestamp::now(), quietly).await.unwrap();
    assert_eq!(about_it().await, next("status"));
    admin.start_restored().await.unwrap();
    assert_eq!(about_it().await, next("end --confirm"), "a copy that is forgotten holds every secret");
    admin.end_restore(quietly).await.unwrap();
    assert_eq!(about_it().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_asks_iam_about_all_that_a_restore_and_a_replay_do() {
    let cloud = with_a_loss().await;
    let admin = admin_of_the_stack(&cloud).await;
    admin.begin_restore(Some(then()), Timestamp::now(), quietly).await.unwrap();
    admin.copy_restore(&Choice::default(), Timestamp::now(), quietly).await.unwrap();
    admin.start_restored().await.unwrap();
    cloud.unnoted.send(&json!({ "requestPayload": { "Records": [] } }).to_string());
    admin.replay_reports().await.unwrap();
    admin.end_restore(quietly).await.unwrap();
    admin.health(Timestamp::now()).await;
    let now = state(&cloud);
    assert!(now.done.len() >= 8, "{:?}", now.done);
    for action in now.done.iter().copied().chain(["dynamodb:RestoreTableToPointInTime", "dynamodb:DeleteTable"]) {
        assert!(now.asked_about.contains(action), "nobody asks whether the caller may {action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_leaves_something_to_a_person_ends_with_an_exit_code() {
    let cloud = with_a_loss().await;
    let mut terminal = terminal_of(&cloud);
    terminal.insert("PAYLINK_STACK".to_owned(), STACK.to_owned());
    let restore = async |words: &[&str]| {
        let words: Vec<&str> = ["--json", "restore"].iter().chain(words).copied().collect();
        call(&terminal, &words).await
    };
    assert_eq!(restore(&["begin", "--at", THEN]).await.0, 0);
    let (code, out, error) = restore(&["copy", "--confirm"]).await;
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!((code, &error["error"]["kind"]), (1, &json!("left")), "{error}");
    assert!(out.contains("c-1"), "the contact came back: {out}");
    assert_eq!(restore(&["status"]).await.0, 0);
    assert_eq!(restore(&["end", "--confirm"]).await.0, 1, "the functions have to run first");
    assert_eq!(restore(&["start"]).await.0, 0);
    assert_eq!(restore(&["end", "--confirm"]).await.0, 0);
}

/// Lambda puts aside at once what a stopped function is invoked with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_that_met_a_stopped_function_are_given_to_it_again() {
    let cloud = with_a_loss().await;
    let admin = admin_of_the_stack(&cloud).await;
    let report = json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": "{}" } }] });
    for payload in [json!({ "source": "schedule" }), report.clone(), json!({ "source": "schedule" })] {
        cloud.unnoted.send(&json!({ "version": "1.0", "requestPayload": payload }).to_string());
    }
    cloud.unnoted.send("something else");
    let findings = admin.health(Timestamp::now()).await;
    let found = findings.iter().find(|one| one.command.as_deref() == Some("paylink-admin replay-reports")).unwrap();
    assert!(found.text.starts_with("4 reports"), "{found:?}");

    cloud.deployment.change(|state| {
        state.reserved.insert("DeliverMessagesName".to_owned(), 0);
    });
    let refused = admin.replay_reports().await.unwrap_err().to_string();
    assert!(refused.contains("is stopped"), "{refused}");
    assert_eq!((cloud.unnoted.len(), state(&cloud).invoked.len()), (4, 0));

    cloud.deployment.change(|state| state.reserved.clear());
    let done = admin.replay_reports().await.unwrap();
    assert_eq!(done, ReplayedReports { reports: 1, runs: 2, unreadable: 1 });
    assert_eq!(state(&cloud).invoked, [("DeliverMessagesName".to_owned(), report)]);
    assert_eq!(cloud.unnoted.len(), 1, "what nobody can read stays");
}

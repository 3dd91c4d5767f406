//! What an account needs once: SNS's log of SMS that did not arrive, and the one function that tells every stack.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use simulators::providers::reports::of_the_log;
use tests::root;

fn resources() -> serde_norway::Value {
    let text = std::fs::read_to_string(root().join("infra/bootstrap.yaml")).unwrap();
    let template: serde_norway::Value = serde_norway::from_str(&text).unwrap();
    template["Resources"].clone()
}

/// Stands in for the SDK: prints what is published, and does not take a message whose status is `REFUSED`.
const SDK: &str = r#"
import json, sys, types

class Sns:
    def publish(self, TopicArn, Message):
        if "REFUSED" in Message:
            raise RuntimeError("InternalError")
        print(json.dumps({"topic": TopicArn, "message": json.loads(Message)}))

boto3 = types.ModuleType("boto3")
boto3.client = lambda name: Sns()
sys.modules["boto3"] = boto3
"#;

/// Packs a text as CloudWatch Logs does, and hands it to the handler.
const CALL: &str = r#"
import base64, gzip, sys
data = base64.b64encode(gzip.compress(base64.b64decode(sys.argv[1]))).decode()
handler({"awslogs": {"data": data}}, None)
"#;

/// What the function of the template publishes of some lines of a log, and whether it ended well.
fn forwarded(kind: &str, lines: &[String]) -> (Vec<Value>, bool) {
    let code = resources()["ForwardSmsReports"]["Properties"]["Code"]["ZipFile"].as_str().unwrap().to_owned();
    let events: Vec<Value> = lines.iter().map(|line| json!({ "id": "1", "timestamp": 1, "message": line })).collect();
    let batch = json!({ "messageType": kind, "logGroup": "sns/x", "logEvents": events }).to_string();
    let ran = Command::new("python3")
        .args(["-c", &[SDK, &code, CALL].concat(), &STANDARD.encode(batch)])
        .env("TOPIC_ARN", "arn:aws:sns:eu-central-1:000000000000:reports")
        .output()
        .unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    let published = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (published.map(|one| one["message"].clone()).collect(), ran.status.success())
}

/// A line of SNS's log.
fn line(id: usize, status: &str) -> Value {
    json!({
        "notification": { "messageId": format!("m-{id}"), "timestamp": "2026-11-28 00:40:34.559" },
        "delivery": { "destination": "+46701740605", "phoneCarrier": "A carrier", "priceInUSD": 0.006, "mcc": 240,
                      "providerResponse": "Phone is currently unreachable/unavailable", "smsType": "Transactional" },
        "status": status,
    })
}

#[test]
fn every_stack_is_told_which_sms_did_not_arrive_and_not_to_which_number() {
    let known: Vec<Value> = (0..23).map(|id| line(id, "FAILURE")).collect();
    let mut lines: Vec<String> = known.iter().map(Value::to_string).collect();
    lines.extend(["START RequestId: 1", "[]", "{}", "null"].map(str::to_owned));
    let (published, ended_well) = forwarded("DATA_MESSAGE", &lines);
    assert!(ended_well);
    // What the simulators bring is what the template publishes.
    assert_eq!(published, known.iter().map(of_the_log).collect::<Vec<Value>>());
    assert!(published.iter().all(|one| !one.to_string().contains("46701740605")), "{published:?}");
    assert_eq!(forwarded("CONTROL_MESSAGE", &lines), (Vec::new(), true));
}

/// Lambda tries again what did not end well.
#[test]
fn reports_that_the_topic_does_not_take_come_again() {
    let lines = [line(1, "FAILURE").to_string(), line(2, "REFUSED").to_string()];
    assert!(!forwarded("DATA_MESSAGE", &lines).1);
}

#[test]
fn the_log_has_one_reader_that_may_publish_to_one_topic_and_nothing_else() {
    let resources = resources();
    let of_kind = |kind: &str| {
        let all = resources.as_mapping().unwrap().values();
        all.filter(|one| one["Type"] == kind).cloned().collect::<Vec<_>>()
    };
    let subscriptions = of_kind("AWS::Logs::SubscriptionFilter");
    assert_eq!(subscriptions.len(), 1, "a log group takes two at most");
    let text = |value: &serde_norway::Value| serde_norway::to_string(value).unwrap();
    assert!(text(&subscriptions[0]["Properties"]["LogGroupName"]).contains("SmsFailed"));
    let policy = &resources["ForwardSmsReportsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
    let statements = policy.as_sequence().unwrap();
    let may = |statement: &serde_norway::Value| (text(&statement["Action"]), text(&statement["Resource"]));
    assert_eq!(statements.len(), 2);
    let (publish, topic) = may(&statements[0]);
    assert!(publish.contains("sns:Publish") && topic.contains("SmsReports"), "{publish} {topic}");
    let (write, group) = may(&statements[1]);
    assert!(write.contains("logs:PutLogEvents") && group.contains("ForwardSmsReportsLogs"), "{write} {group}");
}

/// SNS's guide lists what the role of the log may do. Retention stays what the template says.
#[test]
fn sns_may_write_its_log_and_not_decide_how_long_it_is_kept() {
    let role = &resources()["SmsLogger"]["Properties"];
    let statement = &role["Policies"][0]["PolicyDocument"]["Statement"][0];
    let actions: Vec<&str> =
        statement["Action"].as_sequence().unwrap().iter().filter_map(serde_norway::Value::as_str).collect();
    assert_eq!(actions, ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]);
    assert_eq!(statement["Resource"].as_sequence().unwrap().len(), 2, "its two groups and no other");
}

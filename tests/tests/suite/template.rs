//! The template and what has to agree with it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::messages::provider_profile::ProviderKind;
use paylink_local::template::{Route, Template};
use paylink_local::watch::FUNCTIONS;
use serde_norway::Value;
use telemetry::{DueKind, NOBODY};
use tests::permissions::written_statements;
use tests::{root, sources_below};

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Which function serves a method of a path, with `ANY` spelled out.
type Served = BTreeMap<(String, String), String>;

fn spelled_out(routes: impl Iterator<Item = Route>) -> Served {
    let mut served = Served::new();
    let mut routes: Vec<Route> = routes.collect();
    // A named method takes precedence over ANY, also where the path of the other is wider.
    routes.sort_by_key(|route| route.method != "ANY");
    for route in routes {
        let methods = if route.method == "ANY" { METHODS.to_vec() } else { vec![route.method.as_str()] };
        for method in methods {
            served.insert((route.path.clone(), method.to_owned()), route.function.clone());
        }
    }
    served
}

fn router_of_the_workspace() -> Served {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.metadata.lambda.watch.router]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let mut routes = Vec::new();
    let mut path = String::new();
    for line in section.lines().filter(|line| !line.trim().is_empty()) {
        let quoted: Vec<&str> = line.split('"').collect();
        if line.starts_with('"') {
            path = quoted[1].replace("{*proxy}", "{proxy+}");
            if let Some(function) = quoted.get(3) {
                routes.push(Route { method: "ANY".to_owned(), path: path.clone(), function: (*function).to_owned() });
            }
        } else if line.contains("function") {
            routes.push(Route { method: quoted[3].to_owned(), path: path.clone(), function: quoted[1].to_owned() });
        }
    }
    spelled_out(routes.into_iter())
}

/// What API Gateway does with a request that the router answers at a path of its own.
fn served_by(routes: &Served, path: &str, method: &str) -> Option<String> {
    // A segment in braces takes any one segment, and a path with one goes behind the same path written out.
    let takes = |known: &str| {
        let (known, asked): (Vec<&str>, Vec<&str>) = (known.split('/').collect(), path.split('/').collect());
        let fits = |(known, asked): (&&str, &&str)| known == asked || known.starts_with('{') && !known.ends_with("+}");
        known.len() == asked.len() && known.iter().zip(&asked).all(fits)
    };
    let exact = routes.get(&(path.to_owned(), method.to_owned())).or_else(|| {
        let found = routes.iter().find(|((known, known_method), _)| known_method == method && takes(known));
        found.map(|(_, function)| function)
    });
    let by_prefix = || {
        routes
            .iter()
            .filter(|((known, known_method), _)| {
                known_method == method && known.strip_suffix("{proxy+}").is_some_and(|prefix| path.starts_with(prefix))
            })
            .max_by_key(|((known, _), _)| known.len())
            .map(|(_, function)| function)
    };
    exact.or_else(by_prefix).cloned()
}

#[test]
fn the_routes_of_the_template_and_of_cargo_lambda_are_the_same() {
    let template = spelled_out(Template::read(&root().join("template.yaml")).unwrap().routes().into_iter());
    let router = router_of_the_workspace();
    assert!(template.len() > 20);
    let paths: BTreeSet<&String> = template.keys().chain(router.keys()).map(|(path, _)| path).collect();
    for path in paths {
        let path = path.replace("{proxy+}", "a/b");
        for method in METHODS {
            let (there, here) = (served_by(&template, &path, method), served_by(&router, &path, method));
            assert_eq!(there, here, "{method} {path}");
            assert!(there.is_some(), "{method} {path} leads nowhere");
        }
    }
}

fn resources() -> Value {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let template: Value = serde_norway::from_str(&text).unwrap();
    template["Resources"].clone()
}

/// The properties of the function of a folder.
fn function(folder: &str) -> Value {
    let resources = resources();
    let found = resources.as_mapping().unwrap().values().find(|resource| {
        resource.get("Properties").and_then(|p| p.get("CodeUri")).and_then(Value::as_str)
            == Some(format!("functions/{folder}").as_str())
    });
    found.unwrap_or_else(|| panic!("{folder} is not in the template")).clone()
}

#[test]
fn every_function_is_in_the_template_under_its_own_name() {
    for name in FUNCTIONS {
        let function = function(name);
        assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda", "{name}");
        assert_eq!(function["Metadata"]["BuildProperties"]["Binary"], name);
        let manifest = std::fs::read_to_string(root().join("functions").join(name).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")));
    }
}

#[test]
fn every_variable_that_a_function_needs_is_set_in_the_template() {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let template: Value = serde_norway::from_str(&text).unwrap();
    let everywhere = &template["Globals"]["Function"]["Environment"]["Variables"];
    for table in ["PAYLINK_TABLE", "PAYLINK_SECRETS_TABLE"] {
        assert!(everywhere.get(table).is_some(), "{table}");
    }
    for (name, needed) in [
        ("create-link", &["PAYLINK_BASE_URL", "PAYLINK_GATEWAY_RULES"][..]),
        ("crm-api", &["PAYLINK_GATEWAY_RULES"]),
        ("pay-redirect", &["PAYLINK_GATEWAY_URLS", "PAYLINK_GATEWAY_RULES"]),
        ("gateway-webhook", &["PAYLINK_BASE_URL", "PAYLINK_GATEWAY_URLS", "PAYLINK_GATEWAY_RULES"]),
        ("expire-links", &["PAYLINK_GATEWAY_URLS"]),
        (
            "deliver-messages",
            &[
                "PAYLINK_EMAIL_SENDER",
                "PAYLINK_EMAIL_CONFIGURATION_SET",
                "PAYLINK_SMS_REPORTS",
                "PAYLINK_SMS_SENDER_ID",
            ],
        ),
    ] {
        let variables = function(name)["Properties"]["Environment"]["Variables"].clone();
        for variable in needed {
            assert!(variables.get(*variable).is_some(), "{name} lacks {variable}");
        }
    }
}

/// Every name like `PAYLINK_TABLE` in a text.
fn variables_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let after = text.match_indices("PAYLINK_").map(|(at, _)| &text[at..]);
    after.map(|rest| rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())].to_owned()).collect()
}

/// The source in some folders.
fn source_of(folders: &[&str]) -> String {
    let sources = folders.iter().flat_map(|folder| sources_below(folder));
    sources.map(|source| std::fs::read_to_string(source).unwrap()).collect()
}

#[test]
fn the_template_sets_every_variable_that_the_code_reads_and_no_other() {
    // What a stack never sets: they exist for the local cloud.
    let local = ["PAYLINK_CONFIGURATION_SECONDS", "PAYLINK_WEBHOOK_REACH"];
    let read = variables_in(&source_of(&["functions", "shared"]));
    assert!(read.len() > 5);
    let set = variables_in(&std::fs::read_to_string(root().join("template.yaml")).unwrap());
    let unset: Vec<&String> = read.difference(&set).filter(|name| !local.contains(&name.as_str())).collect();
    assert!(unset.is_empty(), "the template does not set {unset:?}");
    let unread: Vec<&String> = set.difference(&read).collect();
    assert!(unread.is_empty(), "nobody reads {unread:?}");
}

#[test]
fn every_call_of_the_openapi_document_is_routed_to_the_function_that_answers_it() {
    let routes = spelled_out(Template::read(&root().join("template.yaml")).unwrap().routes().into_iter());
    let text = std::fs::read_to_string(root().join("functions/crm-api/openapi.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 20);
    for (path, calls) in paths {
        let asked = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>();
        for method in calls.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            let expected = match (path.as_str(), method.as_str()) {
                ("/v1/payment-links" | "/v1/payment-links/draft" | "/v1/payment-links/{id}/replace", "POST") => {
                    "create-link"
                }
                ("/v1/accounts/{id}/check", "POST") | ("/v1/reconciliation", "GET") => "gateway-webhook",
                _ => "crm-api",
            };
            let served = served_by(&routes, &asked.join("/"), &method);
            assert_eq!(served.as_deref(), Some(expected), "{method} {path}");
        }
    }
}

#[test]
fn what_would_be_missed_after_a_bad_day_is_switched_on() {
    for name in ["Table", "SecretsTable"] {
        let table = resources()[name].clone();
        assert_eq!(table["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(table["Properties"]["DeletionProtectionEnabled"], true, "{name}");
        assert_eq!(
            table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true,
            "{name}"
        );
        assert_eq!(table["Properties"]["SSESpecification"]["SSEType"], "KMS", "{name}");
    }
    let table = resources()["Table"].clone();
    let outbox = function("deliver-messages")["Properties"]["Events"]["Outbox"]["Properties"].clone();
    assert_eq!(outbox["StartingPosition"], "TRIM_HORIZON");
    assert_eq!(outbox["BisectBatchOnFunctionError"], true);
    assert!(outbox["MaximumRecordAgeInSeconds"].as_u64().unwrap() < 24 * 60 * 60);
    assert!(outbox["DestinationConfig"]["OnFailure"].is_mapping());
    // Without this a batch would count as failed or as served as a whole.
    assert_eq!(outbox["FunctionResponseTypes"][0], "ReportBatchItemFailures");
    let pattern = outbox["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap();
    let pattern: serde_json::Value = serde_json::from_str(pattern).unwrap();
    assert_eq!(pattern["dynamodb"]["Keys"]["sk"]["S"], serde_json::json!(["link"]));
    assert_eq!(pattern["dynamodb"]["NewImage"]["needs_delivery"]["S"], serde_json::json!(["yes"]));
    // Events are forgotten, and a flood at one door does not use up what the account may run.
    assert_eq!(table["Properties"]["TimeToLiveSpecification"]["AttributeName"], "forget_at");
    assert_eq!(table["Properties"]["TimeToLiveSpecification"]["Enabled"], true);
    let throttle = resources()["Api"]["Properties"]["DefaultRouteSettings"].clone();
    for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        assert!(throttle.get(limit).is_some(), "{limit} is left to the account");
    }
    for (name, resource) in resources().as_mapping().unwrap() {
        if resource["Type"] == "AWS::Logs::LogGroup" {
            assert!(resource["Properties"].get("RetentionInDays").is_some(), "{name:?} is kept for ever");
        }
    }
    // The path of a pay URL is the right to pay.
    let log = serde_norway::to_string(&resources()["Api"]["Properties"]["AccessLogSettings"]).unwrap();
    for personal in ["$context.path", "$context.http", "sourceIp", "userAgent", "$context.identity"] {
        assert!(!log.contains(personal), "the access log has {personal}");
    }
    // API Gateway's own id of a request is in no log of a function.
    assert!(log.contains("$context.integration.requestId"), "an access log line leads to the function's own lines");
}

#[test]
fn secrets_lie_in_a_table_from_which_nothing_is_copied_anywhere() {
    let secrets = resources()["SecretsTable"]["Properties"].clone();
    for copy in ["StreamSpecification", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "KinesisStreamSpecification"]
    {
        assert!(secrets.get(copy).is_none(), "{copy}");
    }
    let keys: Vec<&Value> = secrets["AttributeDefinitions"].as_sequence().unwrap().iter().collect();
    assert_eq!(keys.len(), 2, "it has its own two keys and no other");
}

/// The template of another stack.
fn template_of(file: &str) -> Value {
    serde_norway::from_str(&std::fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

#[test]
fn the_domain_of_emails_is_a_domain_and_nothing_else() {
    let template = template_of("template.yaml");
    let pattern = template["Parameters"]["EmailDomain"]["AllowedPattern"].as_str().unwrap();
    let schema = serde_json::json!({ "pattern": pattern });
    let takes = |text: &str| jsonschema::is_valid(&schema, &serde_json::json!(text));
    for good in ["", "business.example", "mail.a-b.business.example"] {
        assert!(takes(good), "{good}");
    }
    for bad in ["pay@business.example", "-", "business", "a b.example", ".example", "business.example."] {
        assert!(!takes(bad), "{bad}");
    }
}

/// The value of a part of the template as it stands there, on one line.
fn text_of(value: &Value) -> String {
    serde_norway::to_string(value).unwrap().replace('\n', " ")
}

#[test]
fn emails_are_signed_and_bounce_to_their_own_domain_and_every_record_for_it_is_said() {
    let (template, resources) = (template_of("template.yaml"), resources());
    let identity = &resources["Identity"];
    assert_eq!(identity["Properties"]["DkimAttributes"]["SigningEnabled"], true);
    assert!(text_of(&identity["Properties"]["MailFromAttributes"]["MailFromDomain"]).contains("mail.${EmailDomain}"));
    // An email that DKIM alone vouches for is better than none.
    assert_eq!(identity["Properties"]["MailFromAttributes"]["BehaviorOnMxFailure"], "USE_DEFAULT_VALUE");
    // What the zone gets, and what somebody adds by hand, are the same.
    let said = text_of(&template["Outputs"]["EmailRecords"]["Value"]);
    let mut added = 0;
    for record in resources.as_mapping().unwrap().values().filter(|one| one["Type"] == "AWS::Route53::RecordSet") {
        if record["Condition"] != "HasEmailRecords" {
            continue;
        }
        added += 1;
        let properties = &record["Properties"];
        for part in [&properties["Name"], &properties["ResourceRecords"][0]] {
            let part = text_of(part);
            let told = part
                .split_once(' ')
                .map_or(part.as_str(), |(tag, rest)| if tag.starts_with('!') { rest } else { &part });
            assert!(said.contains(told.trim().trim_matches(['\'', '"'])), "{told} is not in {said}");
        }
        assert!(said.contains(properties["Type"].as_str().unwrap()));
    }
    assert_eq!(added, 5, "three keys of DKIM, and where bounces go with who may send from there");
}

#[test]
fn what_a_failed_first_deployment_made_does_not_stand_in_the_way_of_the_next() {
    for (name, resource) in resources().as_mapping().unwrap() {
        let kept = resource.get("DeletionPolicy").and_then(Value::as_str);
        if ["AWS::SES::EmailIdentity", "AWS::Route53::RecordSet"].iter().any(|kind| resource["Type"] == **kind) {
            let is_of_the_api = kept.is_none() && *name == "DomainRecord";
            assert!(kept == Some("RetainExceptOnCreate") || is_of_the_api, "{name:?} {kept:?}");
        }
    }
}

#[test]
fn lambda_writes_a_report_of_each_invocation_as_json_and_no_query_looks_for_a_line_of_text() {
    let logging = &template_of("template.yaml")["Globals"]["Function"]["LoggingConfig"];
    assert_eq!((&logging["LogFormat"], &logging["SystemLogLevel"]), (&Value::from("JSON"), &Value::from("INFO")));
    let monitoring = std::fs::read_to_string(root().join("infra/monitoring.yaml")).unwrap();
    let operations = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    for text in [&monitoring, &operations] {
        for of_text_lines in ["@maxMemoryUsed", "@duration", "@billedDuration", "@initDuration", "like /REPORT"] {
            assert!(!text.contains(of_text_lines), "{of_text_lines} finds nothing in lines of JSON");
        }
    }
    assert!(operations.contains("type = \"platform.report\""));
}

/// One rule in two places: what a deployer may set is what a business may set.
#[test]
fn the_sender_id_of_the_stack_is_one_that_a_business_could_have() {
    let template = template_of("template.yaml");
    let pattern = template["Parameters"]["SmsSenderId"]["AllowedPattern"].as_str().unwrap();
    let schema = serde_json::json!({ "pattern": pattern });
    let tried = [
        "PAYLINK",
        "MyShop24",
        "MY-SHOP",
        "A-1",
        "1-A",
        "ELEVENCHARS",
        "TWELVECHARSX",
        "AB",
        "A",
        "123",
        "1-2-3",
        "-AB",
        "AB-",
        "A B",
        "A_B",
        "فروشگاه",
        "A--B",
        "---",
    ];
    for text in tried {
        let takes = jsonschema::is_valid(&schema, &serde_json::json!(text));
        assert_eq!(takes, domain::messages::sms_route::SmsSenderId::parse(text).is_ok(), "{text}");
    }
    assert!(jsonschema::is_valid(&schema, &serde_json::json!("")), "none at all");
}

/// Whoever subscribes to the account's topic may be called by it, and neither is there without it.
#[test]
fn a_stack_hears_of_sms_that_did_not_arrive_by_the_topic_that_it_is_told() {
    let (subscription, permission) = (&resources()["SmsReportsSubscription"], &resources()["SmsReportsPermission"]);
    let topic = |property: &str, of: &Value| text_of(&of["Properties"][property]).contains("SmsReportsTopicArn");
    assert!(topic("TopicArn", subscription) && topic("SourceArn", permission));
    assert_eq!(permission["Properties"]["Principal"], "sns.amazonaws.com");
    for one in [subscription, permission] {
        assert_eq!(one["Condition"], "HasSmsReports");
    }
}

/// What the guide has a reader do first is sent by SNS, without a provider that nobody has set up.
#[test]
fn the_first_link_of_the_guide_goes_to_a_number_that_sns_serves() {
    let guide = std::fs::read_to_string(root().join("docs/deploy.md")).unwrap();
    let number = guide.split("export MOBILE=").nth(1).unwrap().split_whitespace().next().unwrap();
    let settings = domain::business::settings::Settings::default();
    let mobile = domain::address::Mobile::parse(number, &settings.default_region).unwrap();
    let providers = domain::messages::provider::MessageProviders::new();
    let router = domain::messages::routing::MessageRouter { settings: &settings, providers: &providers };
    let wording = domain::messages::choice::MessageChoice::Default { channels: Vec::new() }.wording();
    let route = router.route(domain::messages::channel::Channel::Sms, None, mobile.as_str(), wording);
    assert!(matches!(route, Ok(domain::messages::routing::Route::Sns(_))), "{route:?}");
    let test = std::fs::read_to_string(root().join("tests/deploy/run.py")).unwrap();
    assert!(
        test.contains(&format!("NUMBER, ADDRESS = \"{number}\"")),
        "the test waits for a message to another number"
    );
}

#[test]
fn every_parameter_says_what_it_is_for_and_has_a_default_that_works() {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let template: Value = serde_norway::from_str(&text).unwrap();
    for (name, parameter) in template["Parameters"].as_mapping().unwrap() {
        assert!(parameter["Description"].as_str().unwrap().ends_with('.'), "{name:?}");
        assert!(parameter.get("Default").is_some(), "{name:?}");
        let limits = ["AllowedPattern", "AllowedValues", "MinValue"];
        assert!(limits.iter().any(|limit| parameter.get(*limit).is_some()), "{name:?} takes anything");
    }
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let document = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    // A test is called by a sentence, and a code by a few words.
    let is_name = |text: &&str| {
        let is_word = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        is_word && text.len() > 20 && text.matches('_').count() > 3
    };
    let named: BTreeSet<&str> = document.split('`').filter(is_name).collect();
    assert!(named.len() > 20);
    let source = source_of(&["functions", "infra", "shared", "tests/src", "tests/tests"]);
    for name in named {
        assert!(source.contains(&format!("fn {name}(")), "{name} is no test");
    }
}

#[test]
fn every_alarm_has_a_section_of_its_own_for_whoever_is_woken() {
    let monitoring = std::fs::read_to_string(root().join("infra/monitoring.yaml")).unwrap();
    let operations = std::fs::read_to_string(root().join("docs/operations.md")).unwrap().to_lowercase();
    let alarms = monitoring.matches("Type: AWS::CloudWatch::Alarm").count();
    let described: Vec<&str> =
        monitoring.lines().filter_map(|line| line.split_once("docs/operations.md, ")?.1.strip_suffix('.')).collect();
    assert!(alarms > 10);
    assert_eq!(described.len(), alarms, "every alarm says where to read on");
    for section in described {
        assert!(operations.contains(&format!("\n## {}\n", section.to_lowercase())), "there is nothing about {section}");
    }
}

#[test]
fn what_is_watched_is_what_is_measured() {
    let text = std::fs::read_to_string(root().join("infra/monitoring.yaml")).unwrap();
    for metric in telemetry::METRICS {
        let shown = match metric.dimensions {
            [] => format!("[\"Paylink\", \"{}\"", metric.name),
            dimensions => format!("{{Paylink,{}}} MetricName=\\\"{}\\\"", dimensions.join(","), metric.name),
        };
        assert!(text.contains(&shown), "{} is not on the dashboard as {shown}", metric.name);
    }
    let measured = |name: &str, dimensions: &[&str]| {
        telemetry::METRICS.iter().any(|metric| metric.name == name && metric.dimensions == dimensions)
    };
    let monitoring: Value = serde_norway::from_str(&text).unwrap();
    let resources = monitoring["Resources"].as_mapping().unwrap();
    let filtered: Vec<&str> = resources
        .values()
        .filter_map(|resource| resource["Properties"].get("MetricTransformations")?[0]["MetricName"].as_str())
        .collect();
    for properties in resources.values().map(|resource| &resource["Properties"]) {
        if properties.get("Namespace").is_some_and(|namespace| *namespace == "Paylink") {
            let name = properties["MetricName"].as_str().unwrap();
            let of = dimensions(properties);
            let of: Vec<&str> = of.iter().map(|(name, _)| name.as_str()).collect();
            assert!(filtered.contains(&name) || measured(name, &of), "nobody measures {name} by {of:?}");
        }
        for query in properties.get("Metrics").and_then(Value::as_sequence).into_iter().flatten() {
            let metric = &query["MetricStat"]["Metric"];
            if metric["Namespace"] == "Paylink" {
                let (name, of) = (metric["MetricName"].as_str().unwrap(), dimensions(metric));
                let names: Vec<&str> = of.iter().map(|(name, _)| name.as_str()).collect();
                assert!(measured(name, &names), "nobody measures {name} by {of:?}");
            }
            let asked = query.get("Expression").and_then(Value::as_str).unwrap_or_default();
            let Some((_, rest)) = asked.split_once("SELECT ") else { continue };
            let name = rest.split(['(', ')']).nth(1).unwrap();
            let (_, schema) = rest.split_once("SCHEMA(\"Paylink\", ").expect("a query names its dimensions");
            let of: Vec<&str> = schema.split(')').next().unwrap().split(", ").collect();
            assert!(measured(name, &of), "nobody measures {name} by {of:?}");
        }
    }
}

/// The dimensions of a metric that an alarm watches, with their values.
fn dimensions(metric: &Value) -> Vec<(String, String)> {
    let each = metric.get("Dimensions").and_then(Value::as_sequence).into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    each.map(|dimension| (text(&dimension["Name"]), text(&dimension["Value"]))).collect()
}

/// The properties of every alarm.
fn alarms() -> Vec<Value> {
    let monitoring = template_of("infra/monitoring.yaml");
    let resources = monitoring["Resources"].as_mapping().unwrap().values();
    resources.filter(|one| one["Type"] == "AWS::CloudWatch::Alarm").map(|one| one["Properties"].clone()).collect()
}

#[test]
fn whoever_hands_messages_over_is_watched_alone_for_those_that_fail_and_those_that_wait() {
    let known: BTreeSet<Vec<(String, String)>> = ProviderKind::ALL
        .into_iter()
        .map(|kind| {
            let channel = kind.profile().channel.as_str();
            [("Channel", channel), ("Provider", kind.as_str())]
                .map(|(name, of)| (name.to_owned(), of.to_owned()))
                .to_vec()
        })
        .collect();
    for name in ["MessagesFailed", "MessagesWaiting"] {
        let watched = alarms().into_iter().filter_map(|alarm| {
            let metric = alarm.get("Metrics")?[0]["MetricStat"]["Metric"].clone();
            (metric["MetricName"] == name).then(|| dimensions(&metric))
        });
        assert_eq!(watched.collect::<BTreeSet<_>>(), known, "{name}");
    }
}

#[test]
fn messages_that_nobody_serves_any_more_are_watched_too() {
    let of_nobody =
        format!("SELECT SUM(MessagesFailed) FROM SCHEMA(\"Paylink\", Channel, Provider) WHERE Provider = '{NOBODY}'");
    let watched = alarms().into_iter().filter(|alarm| {
        let expression = alarm.get("Metrics").and_then(|metrics| metrics[0].get("Expression"));
        expression.is_some_and(|text| *text == of_nobody.as_str())
    });
    assert_eq!(watched.count(), 1);
}

/// A few bad tries are a mistyped number, whatever their share; three of a thousand are as well.
#[test]
fn a_share_of_bad_tries_is_one_of_all_tries_of_the_same_figure_and_more_than_two() {
    let mut seen = 0;
    for alarm in alarms() {
        let metrics = alarm.get("Metrics").and_then(Value::as_sequence).cloned().unwrap_or_default();
        let [bad, tries, wrong] = &metrics[..] else { continue };
        if bad["Id"] != "bad" {
            continue;
        }
        seen += 1;
        assert_eq!(bad["MetricStat"]["Metric"], tries["MetricStat"]["Metric"]);
        let counted = [bad, tries].map(|metric| (&metric["MetricStat"]["Stat"], &metric["MetricStat"]["Period"]));
        assert_eq!(
            counted,
            [(&Value::from("Sum"), &Value::from(900)), (&Value::from("SampleCount"), &Value::from(900))]
        );
        let expression = text_of(&wrong["Expression"]);
        assert!(expression.contains("IF(bad >= 3 AND bad / tries > ${"), "{expression}");
        assert!(alarm.get("OKActions").is_none(), "that nobody tries any more is no news");
    }
    assert_eq!(seen, 2 * ProviderKind::ALL.len() + 1);
}

#[test]
fn what_needs_a_person_and_refunds_that_failed_are_told_once_each_and_their_end_is_not() {
    for name in ["NeedsReview", "RefundsNeedReview", "RefundsFailed"] {
        let is_of = |alarm: &Value| alarm.get("MetricName").is_some_and(|metric| *metric == name);
        let watched: Vec<Value> = alarms().into_iter().filter(is_of).collect();
        let [alarm] = &watched[..] else { panic!("{name}: {watched:?}") };
        let counted = ["Statistic", "Threshold", "ComparisonOperator"].map(|property| alarm[property].clone());
        assert_eq!(counted, [Value::from("Sum"), Value::from(0), Value::from("GreaterThanThreshold")], "{name}");
        assert!(alarm.get("AlarmActions").is_some() && alarm.get("OKActions").is_none(), "{name}");
    }
}

#[test]
fn work_that_waits_is_watched_by_its_kind() {
    let watched =
        alarms().into_iter().filter(|alarm| alarm.get("MetricName").is_some_and(|name| *name == "OldestDueAge"));
    let watched: BTreeSet<String> = watched.map(|alarm| dimensions(&alarm)[0].1.clone()).collect();
    assert_eq!(watched, DueKind::ALL.map(|kind| kind.as_str().to_owned()).into());
}

#[test]
fn every_metric_that_the_pages_name_is_measured_by_us_or_by_aws() {
    // What AWS measures, says or counts, of which the page speaks.
    const OF_AWS: [&str; 6] = [
        "AccessDenied",
        "ConcurrentExecutions",
        "IncomingBytes",
        "MonthlySpendLimit",
        "ThrottlingException",
        "Throttling",
    ];
    let monitoring = std::fs::read_to_string(root().join("infra/monitoring.yaml")).unwrap();
    let operations = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let edge = std::fs::read_to_string(root().join("infra/edge.yaml")).unwrap();
    // A metric is called by two words or more without a space, as are parameters, outputs and codes of AWS.
    let is_name = |text: &&str| {
        let large = text.bytes().filter(u8::is_ascii_uppercase).count();
        text.bytes().all(|b| b.is_ascii_alphabetic()) && text.as_bytes()[0].is_ascii_uppercase() && large > 1
    };
    let named: BTreeSet<&str> =
        operations.split('`').skip(1).step_by(2).filter(|text| !text.is_empty()).filter(is_name).collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        let is_ours = telemetry::METRICS.iter().any(|metric| metric.name == name);
        let is_set = [&monitoring, &template, &edge].iter().any(|text| text.contains(name));
        assert!(is_ours || is_set || OF_AWS.contains(&name), "{name} is measured by nobody and set nowhere");
    }
}

#[test]
fn every_gateway_has_an_alarm_of_its_own_that_no_other_gateway_can_drown_out() {
    let text = std::fs::read_to_string(root().join("infra/monitoring.yaml")).unwrap();
    let monitoring: Value = serde_norway::from_str(&text).unwrap();
    let alarms = monitoring["Resources"].as_mapping().unwrap().values().map(|resource| &resource["Properties"]);
    let of_calls = alarms.filter(|alarm| alarm.get("MetricName").is_some_and(|name| *name == "GatewayErrors"));
    let watched: BTreeSet<&str> = of_calls.map(|alarm| alarm["Dimensions"][0]["Value"].as_str().unwrap()).collect();
    let known: BTreeSet<&str> = domain::gateway::GatewayKind::ALL.into_iter().map(|kind| kind.as_str()).collect();
    assert_eq!(watched, known);
}

#[test]
fn only_the_function_that_sends_may_send_and_only_gateway_functions_may_read_credentials() {
    let policies = |name: &str| serde_norway::to_string(&statements(name)).unwrap();
    for name in FUNCTIONS {
        let may = policies(name);
        assert_eq!(may.contains("sns:Publish"), name == "deliver-messages", "{name}");
        assert_eq!(may.contains("sms-voice:"), name == "deliver-messages", "{name}");
        assert_eq!(may.contains("ses:SendEmail"), name == "deliver-messages", "{name}");
        assert_eq!(may.contains("social-messaging:"), name == "deliver-messages", "{name}");
        let near_credentials = ["crm-api", "pay-redirect", "gateway-webhook", "expire-links"].contains(&name);
        assert_eq!(may.contains("credentials#"), near_credentials, "{name}");
    }
    for name in ["pay-redirect", "create-link", "deliver-messages"] {
        assert!(!policies(name).contains("receipt#"), "{name} has no business with receipts");
    }
    for name in ["pay-redirect", "expire-links", "deliver-messages"] {
        for keys in ["keys#", "platform-keys"] {
            assert!(!policies(name).contains(keys), "{name} has no business with API keys");
        }
    }
}

/// SNS sends SMS through AWS End User Messaging, with the permissions of who called it.
#[test]
fn text_messages_are_handed_over_by_sns_and_not_past_it() {
    let statements = statements("deliver-messages");
    let of = |action: &str| {
        let is_it = |one: &&Value| one.get("Action").is_some_and(|own| *own == action) && one["Effect"] == "Allow";
        statements.iter().filter(is_it).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("sns:Publish").len(), 1);
    let [handing_over] = &of("sms-voice:SendTextMessage")[..] else { panic!("SNS may not hand an SMS over") };
    assert_eq!(handing_over["Resource"], "*");
    assert_eq!(handing_over["Condition"]["StringEquals"]["aws:CalledViaLast"], "sns.amazonaws.com");
}

#[test]
fn what_message_providers_prove_themselves_with_is_written_by_the_crm_and_read_by_who_sends() {
    for name in FUNCTIONS {
        let actions = actions_on(name, "provider-secret#");
        let expected: &[&str] = match name {
            "crm-api" => &["dynamodb:PutItem"],
            "deliver-messages" => &["dynamodb:GetItem"],
            _ => &[],
        };
        assert_eq!(actions.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn making_a_link_may_write_the_link_and_the_records_that_come_with_it_and_nothing_else() {
    let statements = statements("create-link");
    let writes: Vec<&Value> =
        statements.iter().filter(|one| serde_norway::to_string(&one["Action"]).unwrap().contains("PutItem")).collect();
    assert_eq!(writes.len(), 1);
    let keys = &writes[0]["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let keys: Vec<&str> = keys.as_sequence().unwrap().iter().filter_map(Value::as_str).collect();
    // And that the platform looked at a draft, in the business's log.
    assert_eq!(keys, ["audit#*", "contact#*", "item#*", "item-link#*", "link#*", "reference#*", "search#*"]);
    // What a record that comes along is found by no more goes, and nothing else does.
    assert_eq!(
        actions_on("create-link", "search#"),
        ["dynamodb:DeleteItem", "dynamodb:PutItem"].map(str::to_owned).into()
    );
    let deletes = |one: &&Value| serde_norway::to_string(&one["Action"]).unwrap().contains("DeleteItem");
    assert_eq!(statements.iter().filter(deletes).count(), 1);
}

/// What the role of a function's folder says.
fn statements(name: &str) -> Vec<Value> {
    written_statements().remove(name).unwrap_or_else(|| panic!("{name} has no role"))
}

/// What a function may do with the partitions of a kind.
fn actions_on(name: &str, partition: &str) -> BTreeSet<String> {
    statements(name)
        .into_iter()
        .filter(|statement| serde_norway::to_string(statement).unwrap().contains(partition))
        .flat_map(|statement| match &statement["Action"] {
            Value::Sequence(actions) => actions.clone(),
            action => vec![action.clone()],
        })
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_logo_is_written_with_the_settings_and_read_for_pages_and_by_nobody_else() {
    for name in FUNCTIONS {
        let actions = actions_on(name, "logo#");
        let expected: &[&str] = match name {
            "crm-api" => &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"],
            "pay-redirect" | "receipt-pdf" => &["dynamodb:GetItem"],
            _ => &[],
        };
        assert_eq!(actions.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn endpoints_of_the_crm_are_known_to_those_who_set_and_send_and_may_be_local_only_on_one_machine() {
    for name in FUNCTIONS {
        let may = serde_norway::to_string(&statements(name)).unwrap();
        let has_to_do_with_them = ["crm-api", "deliver-messages"].contains(&name);
        assert_eq!(may.contains("webhooks#"), has_to_do_with_them, "{name}");
    }
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    assert!(!template.contains("PAYLINK_WEBHOOK_REACH"), "a stack calls public addresses only");
}

#[test]
fn no_function_depends_on_what_only_one_machine_needs() {
    let lock = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal", "--prefix", "none"])
        .args(FUNCTIONS.iter().flat_map(|name| ["--package", name]))
        .current_dir(root())
        .output()
        .unwrap();
    let tree = String::from_utf8(lock.stdout).unwrap();
    assert!(tree.contains("aws-sdk-dynamodb"));
    for local in ["dynoxide", "paylink-local", "reqwest", "nix v"] {
        assert!(!tree.contains(local), "a function depends on {local}");
    }
}

/// How long a function may take, from the template.
fn time_of(folder: &str) -> Duration {
    Duration::from_secs(function(folder)["Properties"]["Timeout"].as_u64().unwrap())
}

/// The longest time after which an HTTP API answers for a function that has not.
/// Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
const API_GATEWAY_WAITS: Duration = Duration::from_secs(30);

#[test]
fn every_call_ends_before_its_function_and_every_function_before_it_is_stopped() {
    let times = [
        ("create-link", create_link::TIME),
        ("crm-api", crm_api::TIME),
        ("pay-redirect", pay_redirect::TIME),
        ("gateway-webhook", gateway_webhook::TIME),
        ("expire-links", expire_links::TIME),
        ("deliver-messages", deliver_messages::TIME),
    ];
    for (name, time) in times {
        assert_eq!(time, time_of(name), "{name} and the template disagree about its time");
        assert!(runtime::AWS_CALL + runtime::MARGIN < time, "{name} can wait for one call to AWS and still answer");
    }
    // The link is read, the gateway is asked, and what it said is written.
    let confirming = runtime::AWS_CALL + gateways::GATEWAY_CALL + runtime::AWS_CALL + runtime::MARGIN;
    assert!(confirming <= gateway_webhook::TIME);
    // A call that was given the longest time leaves room for one call to AWS that is as slow as can be. What is not written
    // then is written by the sweep, or opened again by the page that loads again.
    for waiting in [pay_redirect::TIME, gateway_webhook::TIME] {
        assert!(gateways::LONGEST_CALL + runtime::AWS_CALL + runtime::MARGIN < waiting);
        assert!(waiting < API_GATEWAY_WAITS);
    }
    assert!(gateways::GATEWAY_CALL <= gateways::LONGEST_CALL && gateways::LONGEST_CALL < runtime::READ_TIMEOUT);
    // What is begun last by a run that looks at its deadline can ask a gateway or a provider once.
    assert!(gateways::GATEWAY_CALL + runtime::MARGIN <= runtime::RESERVE);
    assert!(channels::PROVIDER_CALL + runtime::MARGIN <= runtime::RESERVE);
    assert!(runtime::AWS_CALL + runtime::MARGIN <= runtime::RESERVE);
    // Nobody takes the same work on while a run may still be at it, and no two runs of the schedule overlap.
    let lease = Duration::try_from(domain::link::LEASE).unwrap();
    assert!(expire_links::TIME < lease && gateway_webhook::TIME < lease);
    assert!(expire_links::TIME < Duration::from_secs(60) && deliver_messages::TIME < Duration::from_secs(60));
}

/// What would be lost with a table, or with the key that it is read by, is kept by the stack's policy and by its template.
#[test]
fn no_update_may_replace_or_delete_what_data_lies_in() {
    let policy = std::fs::read_to_string(root().join("infra/stack-policy.json")).unwrap();
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    // A policy denies everything that it does not name, and a denial comes before what is allowed.
    assert!(
        statements.iter().any(|one| one["Effect"] == "Allow" && one["Action"] == "Update:*" && one["Resource"] == "*")
    );
    let denied = statements.iter().find(|one| one["Effect"] == "Deny").unwrap();
    assert_eq!(denied["Action"], serde_json::json!(["Update:Replace", "Update:Delete"]));
    let named: BTreeSet<String> =
        denied["Resource"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let mut kept = BTreeSet::new();
    for (name, resource) in resources().as_mapping().unwrap() {
        if ["AWS::DynamoDB::Table", "AWS::KMS::Key"].contains(&resource["Type"].as_str().unwrap()) {
            kept.insert(format!("LogicalResourceId/{}", name.as_str().unwrap()));
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name:?}");
            // What is protected from its first moment on cannot be deleted when a first deployment fails, so that the stack
            // could not be rolled back. What is not protected goes, and is in nobody's way at the next try.
            let is_protected = resource["Properties"]["DeletionProtectionEnabled"] == true;
            let expected = if is_protected { "Retain" } else { "RetainExceptOnCreate" };
            assert_eq!(resource["DeletionPolicy"], expected, "{name:?}");
            assert!(resource["Properties"].get("TableName").is_none(), "{name:?} would be in the way of the next try");
        }
    }
    assert_eq!(named, kept);
}

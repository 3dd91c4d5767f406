//! What the roles of the template let each function do, decided as IAM decides it: actions, resources, and the leading
//! keys of every item that a call to DynamoDB touches.
//!
//! It is stricter than IAM in one point: a call without a key, which the set operator of the conditions would let pass,
//! is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_norway::Value as Yaml;

use crate::root;

/// What one call asks for: an action on a resource, with the partition keys of the items it touches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Such as `dynamodb:PutItem`.
    pub action: String,
    /// `Table`, `Table/index/due`, `SecretsTable`, or what else the service knows it by.
    pub resource: String,
    /// Nothing for a service that has no leading keys.
    pub keys: Option<BTreeSet<String>>,
    /// The address that an email is sent from.
    pub provider: Option<String>,
}

/// The statements of every function's role, by the function's folder.
#[derive(Clone, Debug)]
pub struct Permissions(BTreeMap<String, Vec<Statement>>);

#[derive(Clone, Debug)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    leading_keys: Option<Vec<String>>,
    is_bound_to_provider: bool,
}

impl Permissions {
    /// Reads them from `template.yaml`.
    pub fn of_the_template() -> Self {
        let read = |written: Vec<Yaml>| written.iter().map(Statement::read).collect();
        Self(written_statements().into_iter().map(|(function, written)| (function, read(written))).collect())
    }

    /// Why IAM would refuse a function a call, or nothing where it would not.
    pub fn refusal(&self, function: &str, need: &Need) -> Option<String> {
        let statements = self.0.get(function).map(Vec::as_slice).unwrap_or_default();
        let meant = || statements.iter().filter(|statement| statement.is_about(need));
        if meant().any(|statement| !statement.allows) {
            return Some(format!("{function} is denied {need:?}"));
        }
        if meant().any(|statement| statement.allows) {
            return None;
        }
        Some(format!("no statement lets {function} do {need:?}"))
    }
}

/// The statements as they are written, by the function's folder: those of the role that the function names, or those from
/// which the transform makes its role. One that depends on a parameter counts as if the parameter were given.
pub fn written_statements() -> BTreeMap<String, Vec<Yaml>> {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let template: Yaml = serde_norway::from_str(&text).unwrap();
    let resources = &template["Resources"];
    let functions = resources.as_mapping().unwrap().values().filter_map(|resource| {
        let properties = resource.get("Properties")?;
        let folder = properties.get("CodeUri")?.as_str()?.strip_prefix("functions/")?;
        let policies = match properties.get("Role").map(texts) {
            Some(role) => &resources[role[0].as_str()]["Properties"]["Policies"],
            None => &properties["Policies"],
        };
        let documents = policies.as_sequence().unwrap().iter();
        let documents = documents.map(|policy| policy.get("PolicyDocument").unwrap_or(policy));
        let written = documents.filter_map(|document| document.get("Statement")?.as_sequence()).flatten();
        let given = written.map(|statement| match statement {
            Yaml::Tagged(tagged) if tagged.tag == "!If" => tagged.value[1].clone(),
            plain => plain.clone(),
        });
        Some((folder.to_owned(), given.collect()))
    });
    functions.collect()
}

impl Statement {
    fn read(written: &Yaml) -> Self {
        let conditions = written.get("Condition");
        Self {
            allows: written["Effect"] == "Allow",
            actions: texts(&written["Action"]),
            resources: texts(&written["Resource"]),
            leading_keys: conditions
                .and_then(|conditions| conditions.get("ForAllValues:StringLike")?.get("dynamodb:LeadingKeys"))
                .map(texts),
            is_bound_to_provider: conditions
                .and_then(|conditions| conditions.get("StringEquals")?.get("ses:FromAddress"))
                .is_some(),
        }
    }

    fn is_about(&self, need: &Need) -> bool {
        let resource = || self.resources.iter().any(|pattern| fits(pattern, &need.resource));
        let keys = || match (&self.leading_keys, &need.keys) {
            (None, _) => true,
            (Some(allowed), Some(keys)) => {
                !keys.is_empty() && keys.iter().all(|key| allowed.iter().any(|pattern| fits(pattern, key)))
            }
            (Some(_), None) => false,
        };
        // The template's parameter has no value here; that there is a provider at all is what can be asked.
        let provider = || !self.is_bound_to_provider || need.provider.is_some();
        self.actions.contains(&need.action) && resource() && keys() && provider()
    }
}

/// IAM's `StringLike`, with stars.
fn fits(pattern: &str, value: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(at) = rest.find(middle) else { return false };
            rest = &rest[at + middle.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// One text or several, with what is computed in a form of our own: `Table` for the table's ARN.
fn texts(value: &Yaml) -> Vec<String> {
    match value {
        Yaml::Sequence(values) => values.iter().flat_map(texts).collect(),
        Yaml::Tagged(tagged) => {
            let text = tagged.value.as_str().unwrap_or_default();
            vec![match tagged.tag.to_string().as_str() {
                "!GetAtt" => text.trim_end_matches(".Arn").to_owned(),
                _ => text.replace("${Table.Arn}", "Table").replace("${AWS::Partition}", "aws"),
            }]
        }
        other => other.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// What a call to AWS needs, or nothing where it is no call to AWS. `body` is as it was sent.
pub fn needs(service: &str, operation: &str, body: &[u8]) -> Vec<Need> {
    match service {
        "dynamodb" => {
            let body = serde_json::from_slice(body).unwrap_or_default();
            needs_of_table(operation, &body)
        }
        "sns" | "ses" => {
            let fields: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
            vec![needs_of_provider(service, operation, &fields)]
        }
        "social-messaging" => {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let number = body["originationPhoneNumberId"].as_str().unwrap_or_default();
            let number = number.trim_start_matches("phone-number-id-");
            let place = "arn:aws:social-messaging:${AWS::Region}:${AWS::AccountId}";
            let resource = format!("{place}:phone-number-id/{number}");
            vec![Need { action: format!("{service}:{operation}"), resource, keys: None, provider: None }]
        }
        _ => Vec::new(),
    }
}

fn needs_of_provider(service: &str, operation: &str, fields: &BTreeMap<String, String>) -> Need {
    let provider = fields.get("Source").map(|source| {
        let address = source.rsplit_once('<').map_or(source.as_str(), |(_, address)| address.trim_end_matches('>'));
        address.to_owned()
    });
    // A phone has no ARN; a topic has. The sender of an email is an identity.
    let resource = match (fields.get("TopicArn"), &provider) {
        (Some(topic), _) => topic.clone(),
        (None, Some(_)) => "arn:aws:ses:${AWS::Region}:${AWS::AccountId}:identity/provider".to_owned(),
        (None, None) => "a phone".to_owned(),
    };
    Need { action: format!("{service}:{operation}"), resource, keys: None, provider }
}

/// What a call to DynamoDB needs: IAM is asked once for each action on each table.
fn needs_of_table(operation: &str, body: &Value) -> Vec<Need> {
    let mut keys: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    match operation {
        "TransactWriteItems" => {
            for write in body["TransactItems"].as_array().into_iter().flatten() {
                for (kind, part) in write.as_object().into_iter().flatten() {
                    let action = match kind.as_str() {
                        "Put" => "PutItem",
                        "Update" => "UpdateItem",
                        "Delete" => "DeleteItem",
                        _ => "ConditionCheckItem",
                    };
                    keys.entry((action, table_of(&part["TableName"]))).or_default().extend(partition(part));
                }
            }
        }
        "BatchGetItem" => {
            for (table, wanted) in body["RequestItems"].as_object().into_iter().flatten() {
                let partitions =
                    wanted["Keys"].as_array().into_iter().flatten().filter_map(|key| key["pk"]["S"].as_str());
                keys.entry((operation, resource_of(table))).or_default().extend(partitions.map(str::to_owned));
            }
        }
        "BatchWriteItem" => {
            for (table, writes) in body["RequestItems"].as_object().into_iter().flatten() {
                let requests = writes.as_array().into_iter().flatten().filter_map(|write| {
                    let put = write["PutRequest"]["Item"]["pk"]["S"].as_str();
                    put.or_else(|| write["DeleteRequest"]["Key"]["pk"]["S"].as_str())
                });
                keys.entry((operation, resource_of(table))).or_default().extend(requests.map(str::to_owned));
            }
        }
        "Query" => {
            let table = table_of(&body["TableName"]);
            let resource = body["IndexName"].as_str().map_or(table.clone(), |index| format!("{table}/index/{index}"));
            keys.entry((operation, resource)).or_default().extend(queried(body));
        }
        _ => keys.entry((operation, table_of(&body["TableName"]))).or_default().extend(partition(body)),
    }
    let need = |((action, resource), keys): ((&str, String), BTreeSet<String>)| Need {
        action: format!("dynamodb:{action}"),
        resource,
        keys: Some(keys),
        provider: None,
    };
    keys.into_iter().map(need).collect()
}

fn table_of(name: &Value) -> String {
    resource_of(name.as_str().unwrap_or_default())
}

/// The template's resource that has this name: the local cloud calls the table of secrets like the other one.
fn resource_of(table: &str) -> String {
    if table.ends_with("-secrets") { "SecretsTable".to_owned() } else { "Table".to_owned() }
}

/// The partition key of the item that a write or a read names.
fn partition(part: &Value) -> Option<String> {
    let key = part["Key"]["pk"]["S"].as_str().or_else(|| part["Item"]["pk"]["S"].as_str())?;
    Some(key.to_owned())
}

/// The partition that a query reads: what its condition compares with `=`, which our queries write first.
fn queried(body: &Value) -> Option<String> {
    let condition = body["KeyConditionExpression"].as_str()?;
    let placeholder = condition.split(" AND ").next()?.split_once('=')?.1.trim();
    Some(body["ExpressionAttributeValues"][placeholder]["S"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(function: &str, operation: &str, body: &Value) -> bool {
        let permissions = Permissions::of_the_template();
        let needs = needs("dynamodb", operation, body.to_string().as_bytes());
        assert!(!needs.is_empty());
        needs.iter().any(|need| permissions.refusal(function, need).is_some())
    }

    const SECRETS: &str = "t-secrets";

    fn get_from(table: &str, pk: &str) -> Value {
        json!({ "TableName": table, "Key": { "pk": { "S": pk }, "sk": { "S": "x" } } })
    }

    fn get(pk: &str) -> Value {
        get_from("t", pk)
    }

    fn put_into(table: &str, pk: &str) -> Value {
        json!({ "TableName": table, "Item": { "pk": { "S": pk }, "sk": { "S": "x" } } })
    }

    fn put(pk: &str) -> Value {
        put_into("t", pk)
    }

    fn query_of(table: &str, pk: &str) -> Value {
        let values = json!({ ":pk": { "S": pk } });
        json!({ "TableName": table, "KeyConditionExpression": "#pk = :pk", "ExpressionAttributeValues": values })
    }

    fn query(pk: &str) -> Value {
        query_of("t", pk)
    }

    #[test]
    fn stars_stand_for_anything() {
        assert!(fits("link#*", "link#pl_1") && fits("*", "") && fits("keys", "keys") && fits("a*c*e", "abcde"));
        assert!(!fits("link#*", "links#x") && !fits("keys", "keys2") && !fits("a*c", "ab") && !fits("a*b*b", "ab"));
    }

    #[test]
    fn what_nobody_may_do_is_refused() {
        assert!(!refused("pay-redirect", "GetItem", &get("link#pl_1")));
        assert!(refused("pay-redirect", "GetItem", &get("receipt#shop#rc_1")), "receipts are none of its business");
        for keys in ["keys#shop", "platform-keys"] {
            assert!(refused("pay-redirect", "Query", &query(keys)), "nor are API keys");
            assert!(!refused("create-link", "Query", &query(keys)));
        }
        // What a role does not need it does not have: each of these was granted once and used by nobody.
        assert!(refused("expire-links", "Query", &query("receipt#shop#rc_1")), "it is not read whole by a sweep");
        let batch = |pk: &str| json!({ "RequestItems": { "t": { "Keys": [{ "pk": { "S": pk } }] } } });
        assert!(!refused("deliver-messages", "BatchGetItem", &batch("link#pl_1")), "it reads many events at once");
        assert!(
            refused("deliver-messages", "BatchGetItem", &batch("contact#shop#c-1")),
            "contacts are none of its business"
        );
        assert!(!refused("expire-links", "BatchGetItem", &batch("link#pl_1")));
        assert!(refused("expire-links", "PutItem", &put("heartbeat#deliver-messages")), "that is another's");
        assert!(!refused("crm-api", "DeleteItem", &get("contact#shop#c-1")));
        for pk in ["link#pl_1", "receipt#shop#rc_1"] {
            assert!(refused("crm-api", "DeleteItem", &get(pk)), "{pk} is never deleted");
        }
    }

    #[test]
    fn a_secret_is_read_by_who_uses_it_and_lies_in_the_table_of_secrets_alone() {
        const FUNCTIONS: [&str; 8] = crate::in_process::FUNCTIONS;
        let who = |operation: &str, request: &Value| -> Vec<&str> {
            FUNCTIONS.into_iter().filter(|function| !refused(function, operation, request)).collect()
        };
        for (pk, readers) in [
            ("credentials#shop#main", &["pay-redirect", "gateway-webhook", "expire-links"][..]),
            ("provider-secret#shop#telegram", &["deliver-messages"]),
            ("endpoint-secret#shop#crm", &["crm-api", "deliver-messages"]),
            ("line-secret#shop#crm", &["crm-api", "deliver-messages"]),
            ("pay-token-secret", &["create-link", "run-batches"]),
            ("search-secret", &["create-link", "crm-api", "run-batches", "deliver-messages"]),
        ] {
            assert_eq!(who("GetItem", &get_from(SECRETS, pk)), readers, "{pk} is read");
            let writers: &[&str] = if ["pay-token-secret", "search-secret"].contains(&pk) { &[] } else { &["crm-api"] };
            assert_eq!(who("PutItem", &put_into(SECRETS, pk)), writers, "{pk} is written");
            assert_eq!(who("DeleteItem", &get_from(SECRETS, pk)), Vec::<&str>::new(), "{pk} is deleted");
            for (operation, request) in [("GetItem", get(pk)), ("PutItem", put(pk)), ("Query", query(pk))] {
                assert_eq!(who(operation, &request), Vec::<&str>::new(), "{operation} {pk} in the other table");
            }
        }
        let all_versions = query_of(SECRETS, "credentials#shop#main");
        assert_eq!(who("Query", &all_versions), ["gateway-webhook"], "it tries all versions of a secret");
        for pk in ["config#shop", "link#pl_1"] {
            assert_eq!(who("GetItem", &get_from(SECRETS, pk)), Vec::<&str>::new(), "{pk} is no secret");
        }
    }

    #[test]
    fn one_item_too_many_refuses_the_whole_batch_and_no_key_at_all_refuses_too() {
        let batch = |keys: &[&str]| {
            let keys: Vec<Value> = keys.iter().map(|pk| json!({ "pk": { "S": pk } })).collect();
            json!({ "RequestItems": { "t": { "Keys": keys } } })
        };
        assert!(!refused("create-link", "BatchGetItem", &batch(&["link#1", "config#shop", "contact#shop#1"])));
        assert!(refused("create-link", "BatchGetItem", &batch(&["link#1", "keys#shop"])));
        assert!(refused("create-link", "BatchGetItem", &batch(&[])));
        let puts = |keys: &[(&str, &str)]| {
            let put = |(table, pk): &(&str, &str)| json!({ "Put": put_into(table, pk) });
            json!({ "TransactItems": keys.iter().map(put).collect::<Vec<_>>() })
        };
        let confirmation = [("t", "link#1"), ("t", "receipt#shop#1"), ("t", "claim#x")];
        assert!(!refused("gateway-webhook", "TransactWriteItems", &puts(&confirmation)));
        assert!(refused("gateway-webhook", "TransactWriteItems", &puts(&[("t", "link#1"), ("t", "config#shop")])));
        let account = [("t", "config#shop"), (SECRETS, "credentials#shop#main")];
        assert!(!refused("crm-api", "TransactWriteItems", &puts(&account)), "a transaction may span both tables");
        let swapped = [(SECRETS, "config#shop"), ("t", "credentials#shop#main")];
        assert!(refused("crm-api", "TransactWriteItems", &puts(&swapped)));
        let both = json!({ "RequestItems": {
            "t": { "Keys": [{ "pk": { "S": "link#1" } }] },
            SECRETS: { "Keys": [{ "pk": { "S": "pay-token-secret" } }] },
        } });
        assert!(refused("create-link", "BatchGetItem", &both), "secrets are read one by one");
        assert!(refused("expire-links", "Scan", &json!({ "TableName": "t" })));
    }

    #[test]
    fn what_records_are_found_by_is_read_by_who_searches_and_written_by_who_writes_them() {
        const FUNCTIONS: [&str; 8] = crate::in_process::FUNCTIONS;
        let who = |operation: &str, request: &Value| -> Vec<&str> {
            FUNCTIONS.into_iter().filter(|function| !refused(function, operation, request)).collect()
        };
        let batch =
            |pk: &str| json!({ "RequestItems": { "t": [{ "PutRequest": { "Item": { "pk": { "S": pk } } } }] } });
        let of_records = "search#shop#name#s";
        assert_eq!(who("Query", &query(of_records)), ["crm-api"]);
        // A row of a file may name its contact by a number.
        assert_eq!(who("Query", &query("search#shop#mobile#00")), ["crm-api", "run-batches"]);
        assert_eq!(who("PutItem", &put(of_records)), ["create-link", "crm-api", "run-batches"]);
        assert_eq!(who("DeleteItem", &get(of_records)), ["create-link", "crm-api", "run-batches"]);
        assert_eq!(who("BatchWriteItem", &batch(of_records)), Vec::<&str>::new());
        let of_receipts = "receipt-search#shop#1234";
        // What only a gateway's list has is looked for by its reference.
        assert_eq!(who("Query", &query(of_receipts)), ["crm-api", "gateway-webhook"]);
        assert_eq!(who("BatchWriteItem", &batch(of_receipts)), ["deliver-messages"]);
        for operation in ["PutItem", "DeleteItem"] {
            assert_eq!(who(operation, &put(of_receipts)), Vec::<&str>::new(), "{operation}");
        }
    }

    #[test]
    fn who_answers_the_crm_writes_receipts_of_what_people_wrote_down_and_none_of_a_gateways() {
        const FUNCTIONS: [&str; 8] = crate::in_process::FUNCTIONS;
        let who = |operation: &str, pk: &str| -> Vec<&str> {
            let may = |function: &&str| !refused(function, operation, &put(pk));
            FUNCTIONS.into_iter().filter(may).collect()
        };
        assert_eq!(who("PutItem", "recorded-receipt#shop#rr_1"), ["crm-api", "expire-links"]);
        assert_eq!(who("PutItem", "receipt#shop#rc_1"), ["gateway-webhook", "expire-links"]);
        for pk in ["recorded-receipt#shop#rr_1", "receipt#shop#rc_1"] {
            assert_eq!(who("DeleteItem", pk), Vec::<&str>::new(), "{pk}");
        }
    }

    #[test]
    fn only_who_delivers_reads_the_stream_and_of_this_table_alone() {
        for (function, statements) in written_statements() {
            let about_streams = statements.iter().map(Statement::read).filter(|one| {
                let reads =
                    |action: &&String| ["Stream", "Shard", "GetRecords"].iter().any(|part| action.contains(part));
                one.actions.iter().filter(|action| action.starts_with("dynamodb:")).any(|action| reads(&action))
            });
            let resources: BTreeSet<String> = about_streams.flat_map(|one| one.resources).collect();
            let expected: &[&str] = match function.as_str() {
                "deliver-messages" => &["Table.StreamArn", "Table/stream/*"],
                _ => &[],
            };
            assert_eq!(resources.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{function}");
        }
    }

    #[test]
    fn only_phones_and_our_own_address_are_sent_to_and_from() {
        let permissions = Permissions::of_the_template();
        let refused = |function: &str, service: &str, body: &str| {
            let operation = if service == "sns" { "Publish" } else { "SendEmail" };
            let needs = needs(service, operation, body.as_bytes());
            needs.iter().any(|need| permissions.refusal(function, need).is_some())
        };
        assert!(!refused("deliver-messages", "sns", "Action=Publish&PhoneNumber=%2B989120000000"));
        assert!(refused("deliver-messages", "sns", "TopicArn=arn%3Aaws%3Asns%3Aeu-central-1%3A1%3At"));
        assert!(!refused("deliver-messages", "ses", "Source=A+%3Cpay%40business.example%3E"));
        assert!(refused("create-link", "ses", "Source=pay%40business.example"));
        assert!(refused("expire-links", "sns", "PhoneNumber=%2B989120000000"));
        let whats_app = needs("social-messaging", "SendWhatsAppMessage", b"{}");
        assert!(permissions.refusal("deliver-messages", &whats_app[0]).is_none());
        assert!(permissions.refusal("crm-api", &whats_app[0]).is_some());
    }
}

//! The stack as CloudFormation and its neighbours describe it, as far as paylink-admin asks: as if `template.yaml` had
//! been deployed into this cloud by the guide. Everything is in order, unless a test says otherwise.
//!
//! The protocols are the services' own; signatures are not checked, because on one machine there is no account that
//! they could belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use simulators::providers::aws_account::Account;

/// How the stack is called.
pub const STACK: &str = "paylink-local";

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const MONITORING: &str = "paylink-local-monitoring";
const ALARMS: &str = "arn:aws:sns:us-east-1:000000000000:alarms";

/// The outputs that name functions. A function is called like its output here.
const FUNCTIONS: [&str; 8] = [
    "CreateLinkName",
    "CrmApiName",
    "PayRedirectName",
    "ReceiptPdfName",
    "GatewayWebhookName",
    "ExpireLinksName",
    "RunBatchesName",
    "DeliverMessagesName",
];

/// How the stack was deployed, and what its account has.
#[derive(Clone, Debug)]
pub struct DeploymentState {
    pub status: String,
    pub is_protected_from_termination: bool,
    pub policy: Option<String>,
    /// What the outputs say, by their names.
    pub outputs: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
    /// What Lambda runs at once in the account.
    pub concurrency: u32,
    /// What is reserved for a function, by its name.
    pub reserved: BTreeMap<String, u32>,
    /// How many seconds a run of a function may take.
    pub timeout: u32,
    pub is_stream_read: bool,
    /// What functions were invoked with, by their names.
    pub invoked: Vec<(String, Value)>,
    pub are_schedules_on: bool,
    /// Whether infra/monitoring.yaml is deployed.
    pub has_monitoring: bool,
    /// The limit of spending on SMS that its alarm knows.
    pub watched_sms_limit: String,
    pub has_budget: bool,
    /// Who calls, as STS says it.
    pub caller: String,
    /// What IAM does not let the caller do.
    pub denied: BTreeSet<String>,
    /// What the caller did with Lambda, by the names of its actions.
    pub done: BTreeSet<&'static str>,
    /// What IAM was asked about.
    pub asked_about: BTreeSet<String>,
    /// How many emails were sent within a day.
    pub emails_sent: u32,
    /// The states of DKIM and of the domain that emails come from (MAIL FROM).
    pub dkim: String,
    pub mail_from: String,
    /// What text messages cost this month, in US dollars.
    pub sms_spent: String,
}

/// The stack. Clones share it.
#[derive(Clone, Debug)]
pub struct Deployment(Arc<Mutex<DeploymentState>>);

impl Deployment {
    /// A stack of which everything is in order.
    pub(crate) fn new(table: &str, secrets_table: &str, queues: &str) -> Self {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let (undelivered, unnoted) = (format!("{queues}/undelivered"), format!("{queues}/unnoted"));
        let mut outputs: BTreeMap<String, String> = [
            ("TableName", table),
            ("SecretsTableName", secrets_table),
            ("UndeliveredRecordsUrl", &undelivered),
            ("UnnotedReportsUrl", &unnoted),
        ]
        .into_iter()
        .map(pair)
        .collect();
        outputs.extend(FUNCTIONS.map(|name| pair((name, name))));
        let parameters = [
            ("EmailSender", "pay@business.example"),
            ("CallsPerSecond", "10000"),
            ("GatewayRules", "{}"),
            ("SmsReportsTopicArn", "arn:aws:sns:us-east-1:000000000000:sms-reports"),
        ];
        Self(Arc::new(Mutex::new(DeploymentState {
            status: "CREATE_COMPLETE".to_owned(),
            is_protected_from_termination: true,
            policy: Some(include_str!("../../stack-policy.json").to_owned()),
            outputs,
            parameters: parameters.into_iter().map(pair).collect(),
            concurrency: 1000,
            reserved: BTreeMap::new(),
            timeout: 0,
            is_stream_read: true,
            invoked: Vec::new(),
            are_schedules_on: true,
            has_monitoring: true,
            watched_sms_limit: "1".to_owned(),
            has_budget: true,
            caller: format!("arn:aws:sts::{ACCOUNT}:assumed-role/Administrator/somebody"),
            denied: BTreeSet::new(),
            done: BTreeSet::new(),
            asked_about: BTreeSet::new(),
            emails_sent: 0,
            dkim: "SUCCESS".to_owned(),
            mail_from: "SUCCESS".to_owned(),
            sms_spent: "0.0".to_owned(),
        })))
    }

    /// From now on something is otherwise.
    pub fn change(&self, change: impl FnOnce(&mut DeploymentState)) {
        change(&mut self.state());
    }

    fn state(&self) -> MutexGuard<'_, DeploymentState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for an action of Lambda.
    fn doing(&self, action: &'static str) -> MutexGuard<'_, DeploymentState> {
        let mut state = self.state();
        state.done.insert(action);
        state
    }
}

#[derive(Clone, Debug)]
struct Services {
    deployment: Deployment,
    account: Account,
}

/// Serves all services at once: none asks for a path that another has.
pub(crate) fn router(deployment: Deployment, account: Account) -> Router {
    Router::new()
        .route("/", post(call))
        .route("/2016-08-19/account-settings/", get(lambda_settings))
        .route("/2019-09-30/functions/{name}/concurrency", get(reserved))
        .route("/2017-10-31/functions/{name}/concurrency", put(reserve).delete(unreserve))
        .route("/2015-03-31/functions/{name}/configuration", get(configuration))
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .route("/2015-03-31/event-source-mappings/", get(mappings))
        .route("/2015-03-31/event-source-mappings/{id}", get(mapping).put(set_mapping))
        .route("/schedules/{name}", get(schedule))
        .route("/v2/email/account", get(email_account))
        .route("/v2/email/identities/{identity}", get(identity))
        .with_state(Services { deployment, account })
}

/// The JSON protocol names its operation in a header, and the Query protocol its action in the form.
async fn call(State(services): State<Services>, headers: HeaderMap, body: String) -> Response {
    let mut state = services.deployment.state();
    match headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some("PinpointSMSVoiceV2.DescribeSpendLimits") => Json(json!({ "SpendLimits": [
            { "Name": "TEXT_MESSAGE_MONTHLY_SPEND_LIMIT", "EnforcedLimit": 1, "MaxLimit": 200, "Overridden": true },
        ] }))
        .into_response(),
        Some("AWSBudgetServiceGateway.DescribeBudgets") => {
            let budgets = if state.has_budget { json!([{ "BudgetName": "all" }]) } else { json!([]) };
            Json(json!({ "Budgets": budgets })).into_response()
        }
        Some(other) => {
            let error = json!({ "__type": "UnknownOperationException", "message": other });
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
        None => query(&mut state, &url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()),
    }
}

fn query(state: &mut DeploymentState, form: &BTreeMap<String, String>) -> Response {
    let parameter = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let action = parameter("Action");
    let result = match (parameter("Version"), action) {
        ("2010-05-15", "DescribeStacks" | "GetStackPolicy" | "ListStackResources")
            if ![STACK, MONITORING].contains(&parameter("StackName")) =>
        {
            let text = format!("Stack with id {} does not exist", parameter("StackName"));
            return refuse("ValidationError", &text);
        }
        ("2010-05-15", "DescribeStacks") => stacks(state, parameter("StackName")),
        ("2010-05-15", "GetStackPolicy") => {
            let policy = state.policy.as_deref().map(|policy| element("StackPolicyBody", &escaped(policy)));
            policy.unwrap_or_default()
        }
        ("2010-05-15", "ListStackResources") => resources(parameter("StackName")),
        ("2010-05-15", "ListImports") if state.has_monitoring => element("Imports", &member(MONITORING)),
        ("2010-05-15", "ListImports") => {
            let text = format!("Export '{}' is not imported by any stack.", parameter("ExportName"));
            return refuse("ValidationError", &text);
        }
        ("2011-06-15", "GetCallerIdentity") => {
            element("Arn", &state.caller) + &element("Account", ACCOUNT) + &element("UserId", "AROALOCAL:somebody")
        }
        ("2010-05-08", "GetRole") => {
            let arn = format!("arn:aws:iam::{ACCOUNT}:role/path/{}", parameter("RoleName"));
            element("Role", &element("Arn", &arn))
        }
        ("2010-05-08", "SimulatePrincipalPolicy") => match simulated(state, form) {
            Some(results) => results,
            None => return refuse("InvalidInput", "The policy source is a user, a group or a role."),
        },
        ("2010-08-01", "GetMetricStatistics") if parameter("MetricName") == "SMSMonthToDateSpentUSD" => {
            let figure = element("Maximum", &state.sms_spent) + &element("Unit", "Count");
            element("Datapoints", &member(&figure))
        }
        (version, action) => {
            return refuse("InvalidAction", &format!("Could not find operation {action} for version {version}"));
        }
    };
    let xml = format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>");
    ([(header::CONTENT_TYPE, "text/xml")], xml).into_response()
}

fn stacks(state: &DeploymentState, name: &str) -> String {
    if name == MONITORING {
        let limit = element("ParameterKey", "SmsLimit") + &element("ParameterValue", &state.watched_sms_limit);
        let described = element("StackName", MONITORING) + &element("Parameters", &member(&limit));
        return element("Stacks", &member(&described));
    }
    let pairs = |pairs: &BTreeMap<String, String>, key: &str, value: &str| -> String {
        pairs.iter().map(|(name, text)| member(&(element(key, name) + &element(value, &escaped(text))))).collect()
    };
    let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1");
    let described = [
        element("StackName", STACK),
        element("StackId", &id),
        element("StackStatus", &state.status),
        element("EnableTerminationProtection", if state.is_protected_from_termination { "true" } else { "false" }),
        element("Parameters", &pairs(&state.parameters, "ParameterKey", "ParameterValue")),
        element("Outputs", &pairs(&state.outputs, "OutputKey", "OutputValue")),
    ];
    element("Stacks", &member(&described.concat()))
}

fn resources(stack: &str) -> String {
    let resource = |kind: &str, name: &str, id: &str| {
        let described = element("ResourceType", kind) + &element("LogicalResourceId", name);
        member(&(described + &element("PhysicalResourceId", id)))
    };
    let all = if stack == MONITORING {
        resource("AWS::SNS::Topic", "Alarms", ALARMS)
    } else {
        // A function is called like its output.
        let function = |output: &&str| resource("AWS::Lambda::Function", output.trim_end_matches("Name"), output);
        FUNCTIONS.iter().map(function).collect::<String>()
            + &resource("AWS::Scheduler::Schedule", "ExpireLinksSchedule", "expire-links")
            + &resource("AWS::Scheduler::Schedule", "RunBatchesSchedule", "run-batches")
            + &resource("AWS::Scheduler::Schedule", "DeliverMessagesRetries", "retries")
            + &resource("AWS::DynamoDB::Table", "Table", "table")
    };
    element("StackResourceSummaries", &all)
}

/// What IAM would say of each action. A session is nobody whose policies IAM could look at.
fn simulated(state: &mut DeploymentState, form: &BTreeMap<String, String>) -> Option<String> {
    let source = form.get("PolicySourceArn").map(String::as_str).unwrap_or_default();
    if !source.contains(":role/path/") && !source.contains(":user/") {
        return None;
    }
    let actions: Vec<&String> = (1..).map_while(|number| form.get(&format!("ActionNames.member.{number}"))).collect();
    state.asked_about.extend(actions.iter().copied().cloned());
    let results = actions.into_iter().map(|action| {
        let decision = if state.denied.contains(action) { "implicitDeny" } else { "allowed" };
        member(&(element("EvalActionName", action) + &element("EvalDecision", decision)))
    });
    Some(element("EvaluationResults", &results.collect::<String>()))
}

async fn lambda_settings(State(services): State<Services>) -> Json<Value> {
    let all = services.deployment.doing("lambda:GetAccountSettings").concurrency;
    Json(json!({ "AccountLimit": { "ConcurrentExecutions": all, "UnreservedConcurrentExecutions": all } }))
}

async fn reserved(State(services): State<Services>, Path(name): Path<String>) -> Json<Value> {
    let reserved = services.deployment.doing("lambda:GetFunctionConcurrency").reserved.get(&name).copied();
    Json(reserved.map_or_else(|| json!({}), |reserved| json!({ "ReservedConcurrentExecutions": reserved })))
}

async fn reserve(State(services): State<Services>, Path(name): Path<String>, Json(body): Json<Value>) -> Response {
    let mut state = services.deployment.doing("lambda:PutFunctionConcurrency");
    let many = body["ReservedConcurrentExecutions"].as_u64().and_then(|many| u32::try_from(many).ok());
    let Some(many) = many else {
        let error = json!({ "message": "ReservedConcurrentExecutions is a number." });
        return (StatusCode::BAD_REQUEST, [("x-amzn-errortype", "InvalidParameterValueException")], Json(error))
            .into_response();
    };
    state.reserved.insert(name, many);
    Json(json!({ "ReservedConcurrentExecutions": many })).into_response()
}

async fn unreserve(State(services): State<Services>, Path(name): Path<String>) -> StatusCode {
    services.deployment.doing("lambda:DeleteFunctionConcurrency").reserved.remove(&name);
    StatusCode::NO_CONTENT
}

async fn configuration(State(services): State<Services>, Path(name): Path<String>) -> Json<Value> {
    let timeout = services.deployment.doing("lambda:GetFunctionConfiguration").timeout;
    Json(json!({ "FunctionName": name, "Timeout": timeout }))
}

/// An asynchronous invocation, which is answered before the function runs.
async fn invoke(
    State(services): State<Services>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(event): Json<Value>,
) -> Response {
    let mut state = services.deployment.doing("lambda:InvokeFunction");
    if headers.get("x-amz-invocation-type").is_none_or(|kind| kind != "Event") {
        return StatusCode::NOT_IMPLEMENTED.into_response();
    }
    state.invoked.push((name, event));
    StatusCode::ACCEPTED.into_response()
}

/// Only one function has a stream to read.
async fn mappings(State(services): State<Services>, Query(asked): Query<BTreeMap<String, String>>) -> Json<Value> {
    let state = services.deployment.doing("lambda:ListEventSourceMappings");
    let is_of_the_stream = asked.get("FunctionName").is_some_and(|name| name == "DeliverMessagesName");
    let all: Vec<Value> = is_of_the_stream.then(|| described_mapping(&state)).into_iter().collect();
    Json(json!({ "EventSourceMappings": all }))
}

async fn mapping(State(services): State<Services>, Path(_): Path<String>) -> Json<Value> {
    Json(described_mapping(&services.deployment.doing("lambda:GetEventSourceMapping")))
}

async fn set_mapping(
    State(services): State<Services>,
    Path(_): Path<String>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut state = services.deployment.doing("lambda:UpdateEventSourceMapping");
    state.is_stream_read = body["Enabled"].as_bool().unwrap_or(state.is_stream_read);
    (StatusCode::ACCEPTED, Json(described_mapping(&state)))
}

fn described_mapping(state: &DeploymentState) -> Value {
    json!({ "UUID": "mapping-1", "State": if state.is_stream_read { "Enabled" } else { "Disabled" } })
}

async fn schedule(State(services): State<Services>, Path(name): Path<String>) -> Json<Value> {
    let state = if services.deployment.state().are_schedules_on { "ENABLED" } else { "DISABLED" };
    Json(json!({ "Name": name, "State": state }))
}

async fn email_account(State(services): State<Services>) -> Json<Value> {
    let is_in_sandbox = services.account.is_in_sandboxes();
    let (most, sent) = (if is_in_sandbox { 200.0 } else { 50_000.0 }, services.deployment.state().emails_sent);
    Json(json!({
        "ProductionAccessEnabled": !is_in_sandbox, "SendingEnabled": true, "EnforcementStatus": "HEALTHY",
        "SendQuota": { "Max24HourSend": most, "MaxSendRate": 14.0, "SentLast24Hours": sent },
    }))
}

/// What SES knows of an identity. Only a domain is signed for, and only it has a domain of its own that emails come
/// from.
async fn identity(State(services): State<Services>, Path(identity): Path<String>) -> Response {
    if !services.account.has_verified(&identity) {
        // A service that answers at paths says the code of an error in a header, and not in the body.
        let text = json!({ "message": format!("Email identity {identity} does not exist.") });
        return (StatusCode::NOT_FOUND, [("x-amzn-errortype", "NotFoundException")], Json(text)).into_response();
    }
    let state = services.deployment.state();
    let dkim = if identity.contains('@') { "NOT_STARTED" } else { &state.dkim };
    Json(json!({
        "IdentityType": if identity.contains('@') { "EMAIL_ADDRESS" } else { "DOMAIN" },
        "VerifiedForSendingStatus": true, "VerificationStatus": "SUCCESS",
        "DkimAttributes": { "SigningEnabled": true, "Status": dkim },
        "MailFromAttributes": {
            "MailFromDomain": format!("mail.{identity}"), "MailFromDomainStatus": state.mail_from,
            "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
        },
    }))
    .into_response()
}

fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

fn member(content: &str) -> String {
    element("member", content)
}

fn escaped(text: &str) -> String {
    maud::html! { (text) }.into_string()
}

fn refuse(code: &str, message: &str) -> Response {
    let error = element("Type", "Sender") + &element("Code", code) + &element("Message", &escaped(message));
    let xml = element("ErrorResponse", &element("Error", &error));
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/xml")], xml).into_response()
}

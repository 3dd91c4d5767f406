//! Who asks, whether they may, whether the variables lead to one place, and how much Lambda runs at once.

use domain::Timestamp;
use serde_json::Value;

use super::{Findings, whole};
use crate::aws::{IAM, LAMBDA, STS, list};
use crate::place::{DEFAULT_REGION, REGION};
use crate::restore::copy_of;
use crate::{Admin, AdminError};

/// With fewer, a batch of links that are opened at once waits, and no function can have any reserved: AWS wants this
/// many to stay for all functions together. New accounts have ten ("Lambda quotas", "PutFunctionConcurrency").
const CONCURRENCY_TO_WORK_WITH: i64 = 100;

/// What this command does, or asks, about whatever has no ARN of its own.
const ACTIONS: [&str; 30] = [
    "budgets:ViewBudget",
    "cloudformation:DescribeStacks",
    "cloudformation:GetStackPolicy",
    "cloudformation:ListImports",
    "cloudformation:ListStackResources",
    "cloudwatch:GetMetricStatistics",
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "lambda:DeleteFunctionConcurrency",
    "lambda:GetAccountSettings",
    "lambda:GetEventSourceMapping",
    "lambda:GetFunctionConcurrency",
    "lambda:GetFunctionConfiguration",
    "lambda:InvokeFunction",
    "lambda:ListEventSourceMappings",
    "lambda:PutFunctionConcurrency",
    "lambda:UpdateEventSourceMapping",
    "scheduler:GetSchedule",
    "ses:GetAccount",
    "ses:GetEmailIdentity",
    "sms-voice:DescribeSpendLimits",
    "sns:GetSMSAttributes",
    "sns:GetSMSSandboxAccountStatus",
    "sns:ListSMSSandboxPhoneNumbers",
    "sns:ListSubscriptionsByTopic",
    "sns:SetSMSAttributes",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

/// What it does with the tables.
const TABLE_ACTIONS: [&str; 10] = [
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:RestoreTableToPointInTime",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
];

/// What it does with the copies of a restore, and what DynamoDB does with them in the caller's name while it makes them
/// ("Using IAM with DynamoDB backup and restore").
const COPY_ACTIONS: [&str; 9] = [
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:DeleteTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
];

impl Admin {
    pub(super) async fn check_account(&self, findings: &mut Findings) {
        self.regions_agree(findings);
        // What follows is about AWS, and nothing on one machine stands for it but where a stack is described too.
        if self.stack.is_none() {
            return;
        }
        match self.aws.query(STS, "GetCallerIdentity", &[]).await {
            Ok(identity) => {
                let caller = identity["Arn"].as_str().unwrap_or_default().to_owned();
                let checked = self.caller_may(&caller, findings).await;
                findings.or_unknown("what you may do", checked);
            }
            Err(error) => findings.unknown("who you are", &error),
        }
        let checked = self.lambda_runs_enough(findings).await;
        findings.or_unknown("how much Lambda runs at once", checked);
    }

    fn regions_agree(&self, findings: &mut Findings) {
        let environment = self.runtime.environment();
        let region = self.aws.region();
        let said = environment.optional(DEFAULT_REGION);
        match said {
            Some(other) if other != region => findings.missing(
                format!(
                    "This looks at {region}, and {DEFAULT_REGION} says {other}, where `sam deploy` would make another \
                     stack."
                ),
                format!("export {REGION}={region} {DEFAULT_REGION}={region}"),
            ),
            Some(_) | None => findings.good(format!("The region is {region}.")),
        }
    }

    /// Asks IAM whether the caller may do what the commands need. Policies of an organization can still forbid it.
    async fn caller_may(&self, caller: &str, findings: &mut Findings) -> Result<(), AdminError> {
        if caller.ends_with(":root") {
            findings
                .good(format!("You are {caller}, who may do everything; better be an administrator who is a person."));
            return Ok(());
        }
        let source = self.policy_source(caller).await?;
        let tables = self.table_arns();
        let mut denied = self.denied(&source, &ACTIONS, &[]).await?;
        if !tables.is_empty() {
            denied.extend(self.denied(&source, &TABLE_ACTIONS, &tables).await?);
            let copies: Vec<String> = tables.iter().map(|arn| copy_of(arn, Timestamp::UNIX_EPOCH)).collect();
            denied.extend(self.denied(&source, &COPY_ACTIONS, &copies).await?);
            denied.sort_unstable();
            denied.dedup();
        }
        if denied.is_empty() {
            findings.good(format!("You are {caller}, and may do what these commands need."));
        } else {
            findings.missing_by_hand(format!("You are {caller}, and may not do: {}.", denied.join(", ")));
        }
        Ok(())
    }

    /// Whose policies decide: of a session, its role's.
    async fn policy_source(&self, caller: &str) -> Result<String, AdminError> {
        let Some((_, session)) = caller.split_once(":assumed-role/") else { return Ok(caller.to_owned()) };
        let role = session.split('/').next().unwrap_or_default();
        // Only IAM knows the path of the role, which a session does not name.
        let answer = self.aws.query(IAM, "GetRole", &[("RoleName", role)]).await?;
        Ok(answer["Role"]["Arn"].as_str().unwrap_or_default().to_owned())
    }

    /// Both tables, by the account and the region that the stack's own ARN names.
    fn table_arns(&self) -> Vec<String> {
        let parts: Vec<&str> = self.stack.as_ref().map(|stack| stack.id.split(':').collect()).unwrap_or_default();
        let [_, partition, _, region, account, ..] = parts.as_slice() else { return Vec::new() };
        let arn = |table: &str| format!("arn:{partition}:dynamodb:{region}:{account}:table/{table}");
        vec![arn(self.table()), arn(self.secrets_table())]
    }

    async fn denied(&self, source: &str, actions: &[&str], resources: &[String]) -> Result<Vec<String>, AdminError> {
        let names = |list: &str, count: usize| (1..=count).map(|n| format!("{list}.member.{n}")).collect::<Vec<_>>();
        let (action_names, resource_names) =
            (names("ActionNames", actions.len()), names("ResourceArns", resources.len()));
        let mut parameters = vec![("PolicySourceArn", source), ("MaxItems", "200")];
        parameters.extend(action_names.iter().map(String::as_str).zip(actions.iter().copied()));
        parameters.extend(resource_names.iter().map(String::as_str).zip(resources.iter().map(String::as_str)));
        let answer = self.aws.query(IAM, "SimulatePrincipalPolicy", &parameters).await?;
        let is_denied = |one: &&Value| one["EvalDecision"] != "allowed";
        let mut denied: Vec<String> = list(&answer["EvaluationResults"])
            .iter()
            .filter(is_denied)
            .map(|one| one["EvalActionName"].as_str().unwrap_or_default().to_owned())
            .collect();
        denied.dedup();
        Ok(denied)
    }

    async fn lambda_runs_enough(&self, findings: &mut Findings) -> Result<(), AdminError> {
        let settings = self.aws.get(LAMBDA, "/2016-08-19/account-settings/").await?;
        let limit = &settings["AccountLimit"];
        let Some(all) = whole(&limit["ConcurrentExecutions"]) else {
            return Err(AdminError::refused("Lambda did not say its limit"));
        };
        let unreserved = whole(&limit["UnreservedConcurrentExecutions"]).unwrap_or(all);
        if all < CONCURRENCY_TO_WORK_WITH {
            findings.missing(
                format!(
                    "Lambda runs {all} functions at once in this account and region, all stacks together; beyond that \
                     callers are turned away with 503. PublicConcurrency has to stay 0."
                ),
                "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 \
                 --desired-value 1000",
            );
        } else {
            findings
                .good(format!("Lambda runs {all} functions at once; {unreserved} of these are reserved for nobody."));
        }
        Ok(())
    }
}

//! How the stack is deployed: what CloudFormation says of it, what protects it, and whether its parts are switched on.

use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TimeToLiveStatus};
use serde_json::Value;

use super::{Findings, Verdict, whole};
use crate::aws::{CLOUDFORMATION, LAMBDA, SCHEDULER, in_path, list};
use crate::stack::Stack;
use crate::{Admin, AdminError, Restore};

/// What keeps an update from replacing or deleting a table. The guide sets it.
const STACK_POLICY: &str = include_str!("../../../stack-policy.json");

/// The outputs that name the functions, and what people call these.
const FUNCTIONS: [(&str, &str); 8] = [
    ("CreateLinkName", "create-link"),
    ("CrmApiName", "crm-api"),
    ("PayRedirectName", "pay-redirect"),
    ("ReceiptPdfName", "receipt-pdf"),
    ("GatewayWebhookName", "gateway-webhook"),
    ("ExpireLinksName", "expire-links"),
    ("RunBatchesName", "run-batches"),
    ("DeliverMessagesName", "deliver-messages"),
];

/// The function that the stream calls.
const OF_THE_STREAM: &str = "DeliverMessagesName";

impl Admin {
    pub(super) async fn check_deployment(&self, findings: &mut Findings) {
        let Some(stack) = &self.stack else { return };
        status(stack, findings);
        if stack.is_protected_from_termination {
            findings.good("The stack is protected from being deleted.");
        } else {
            findings.missing(
                "Nothing keeps somebody from deleting the stack.",
                format!(
                    "aws cloudformation update-termination-protection --enable-termination-protection --stack-name {}",
                    stack.name
                ),
            );
        }
        let checked = self.policy_protects(stack, findings).await;
        findings.or_unknown("the stack's policy", checked);
        let stopped_on_purpose = match self.restore_under_way().await {
            Ok(under_way) => {
                under_way.iter().for_each(|restore| restore_is_under_way(restore, findings));
                under_way.is_some_and(|restore| restore.step.stops_functions())
            }
            Err(error) => {
                findings.unknown("whether a restore is under way", &error);
                false
            }
        };
        // What the restore stopped it starts, and who does it by hand has people told twice.
        if stopped_on_purpose {
            let checked = self.schedules_are_on(stack, findings).await;
            findings.or_unknown("the schedules", checked);
            return;
        }
        let checked = self.functions_run(stack, findings).await;
        findings.or_unknown("the functions", checked);
        let checked = self.stream_is_read(stack, findings).await;
        findings.or_unknown("the stream", checked);
        let checked = self.schedules_are_on(stack, findings).await;
        findings.or_unknown("the schedules", checked);
    }

    async fn policy_protects(&self, stack: &Stack, findings: &mut Findings) -> Result<(), AdminError> {
        let answer = self.aws.query(CLOUDFORMATION, "GetStackPolicy", &[("StackName", &stack.name)]).await?;
        let set: Option<Value> = answer["StackPolicyBody"].as_str().and_then(|body| serde_json::from_str(body).ok());
        let ours: Option<Value> = serde_json::from_str(STACK_POLICY).ok();
        let command = format!(
            "aws cloudformation set-stack-policy --stack-policy-body file://infra/stack-policy.json --stack-name {}",
            stack.name
        );
        match set {
            Some(_) if set == ours => findings.good("No update can replace or delete the tables and their key."),
            Some(_) => findings.missing("The stack's policy is another than that of infra/stack-policy.json.", command),
            None => findings.missing("Nothing keeps an update from replacing or deleting the tables.", command),
        }
        Ok(())
    }

    async fn functions_run(&self, stack: &Stack, findings: &mut Findings) -> Result<(), AdminError> {
        let mut stopped = false;
        for (output, function) in FUNCTIONS {
            let Some(name) = stack.outputs.get(output) else { continue };
            let path = format!("/2019-09-30/functions/{}/concurrency", in_path(name));
            let reserved = whole(&self.aws.get(LAMBDA, &path).await?["ReservedConcurrentExecutions"]);
            if reserved == Some(0) {
                stopped = true;
                findings.missing(
                    format!("{function} is stopped: nothing is reserved for it, which is none at all."),
                    format!("aws lambda delete-function-concurrency --function-name {name}"),
                );
            }
        }
        if !stopped {
            findings.good("No function is stopped.");
        }
        Ok(())
    }

    async fn stream_is_read(&self, stack: &Stack, findings: &mut Findings) -> Result<(), AdminError> {
        let Some(name) = stack.outputs.get(OF_THE_STREAM) else { return Ok(()) };
        let path = format!("/2015-03-31/event-source-mappings/?FunctionName={}", in_path(name));
        let answer = self.aws.get(LAMBDA, &path).await?;
        let mappings = list(&answer["EventSourceMappings"]);
        if mappings.is_empty() {
            findings.missing_by_hand("Nothing brings the table's stream to deliver-messages. Deploy the stack again.");
        }
        for mapping in mappings {
            let (state, id) = (mapping["State"].as_str().unwrap_or_default(), mapping["UUID"].as_str());
            match (state, id) {
                ("Enabled" | "Enabling" | "Updating" | "Creating", _) => {
                    findings.good("The table's stream comes to deliver-messages.");
                }
                (_, id) => findings.missing(
                    format!(
                        "The table's stream does not come to deliver-messages, so that nothing is sent: it is {state}."
                    ),
                    format!("aws lambda update-event-source-mapping --enabled --uuid {}", id.unwrap_or_default()),
                ),
            }
        }
        Ok(())
    }

    async fn schedules_are_on(&self, stack: &Stack, findings: &mut Findings) -> Result<(), AdminError> {
        let schedules = Stack::resources(&self.aws, &stack.name, "AWS::Scheduler::Schedule").await?;
        if schedules.is_empty() {
            return Err(AdminError::refused("the stack names none"));
        }
        for (name, schedule) in schedules {
            let answer = self.aws.get(SCHEDULER, &format!("/schedules/{}", in_path(&schedule))).await?;
            if answer["State"] == "ENABLED" {
                findings.good(format!("The schedule {name} is switched on."));
            } else {
                findings.missing_by_hand(format!(
                    "The schedule {name} is switched off, and what is due is not done. Switch {schedule} on in the \
                     console of EventBridge Scheduler."
                ));
            }
        }
        Ok(())
    }

    /// What is about the tables as DynamoDB keeps them.
    pub(super) async fn tables_are_protected(&self, findings: &mut Findings) {
        for table in [self.table(), self.secrets_table()] {
            let checked = self.table_is_protected(table, findings).await;
            findings.or_unknown(&format!("the table {table}"), checked);
            let checked = self.table_is_backed_up(table, findings).await;
            findings.or_unknown(&format!("the backups of {table}"), checked);
        }
        let checked = self.table_forgets(findings).await;
        findings.or_unknown("what is forgotten", checked);
    }

    async fn table_is_protected(&self, table: &str, findings: &mut Findings) -> Result<(), AdminError> {
        let asked = self.dynamodb().describe_table().table_name(table).send().await;
        let answer = asked.map_err(|error| AdminError::aws("DynamoDB", error))?;
        let protected = answer.table().and_then(aws_sdk_dynamodb::types::TableDescription::deletion_protection_enabled);
        if protected == Some(true) {
            findings.good(format!("{table} is protected from being deleted."));
        } else {
            findings.missing(
                format!("Nothing keeps somebody from deleting the table {table}."),
                format!("aws dynamodb update-table --deletion-protection-enabled --table-name {table}"),
            );
        }
        Ok(())
    }

    async fn table_is_backed_up(&self, table: &str, findings: &mut Findings) -> Result<(), AdminError> {
        let asked = self.dynamodb().describe_continuous_backups().table_name(table).send().await;
        let answer = asked.map_err(|error| AdminError::aws("DynamoDB", error))?;
        let recovery = answer
            .continuous_backups_description()
            .and_then(|backups| backups.point_in_time_recovery_description())
            .and_then(|recovery| recovery.point_in_time_recovery_status());
        if recovery == Some(&PointInTimeRecoveryStatus::Enabled) {
            findings.good(format!("{table} can be restored to any second of the last days."));
        } else {
            findings.missing(
                format!("{table} cannot be restored."),
                format!(
                    "aws dynamodb update-continuous-backups --point-in-time-recovery-specification \
                     PointInTimeRecoveryEnabled=true --table-name {table}"
                ),
            );
        }
        Ok(())
    }

    async fn table_forgets(&self, findings: &mut Findings) -> Result<(), AdminError> {
        let table = self.table();
        let asked = self.dynamodb().describe_time_to_live().table_name(table).send().await;
        let answer = asked.map_err(|error| AdminError::aws("DynamoDB", error))?;
        let status = answer.time_to_live_description().and_then(|described| described.time_to_live_status());
        if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
            findings.good("Events are forgotten when nobody can read them any more.");
        } else {
            findings.missing(
                "Nothing is ever forgotten: the table's time to live is switched off.",
                format!(
                    "aws dynamodb update-time-to-live --time-to-live-specification \
                     Enabled=true,AttributeName=forget_at --table-name {table}"
                ),
            );
        }
        Ok(())
    }
}

fn restore_is_under_way(restore: &Restore, findings: &mut Findings) {
    let Restore { at, begun_at, table, secrets_table, step, .. } = restore;
    findings.missing(
        format!(
            "A restore to {at} is under way since {begun_at}: {}. Its copies are {table} and {secrets_table}, which \
             holds every secret.",
            step.in_words()
        ),
        step.next(),
    );
}

fn status(stack: &Stack, findings: &mut Findings) {
    let (name, status) = (&stack.name, stack.status.as_str());
    let events = format!("aws cloudformation describe-stack-events --stack-name {name}");
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => {
            findings.good(format!("The stack {name} is {status}."))
        }
        "UPDATE_ROLLBACK_COMPLETE" => findings.missing(
            format!("The last update of {name} failed, and what was before it runs. The events say why."),
            events,
        ),
        "UPDATE_ROLLBACK_FAILED" => findings.missing(
            format!(
                "An update of {name} failed, and so did going back. The events say why; mend that and go on going \
                back."
            ),
            format!("aws cloudformation continue-update-rollback --stack-name {name}"),
        ),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => findings.missing(
            format!(
                "The first deployment of {name} failed: it is {status}. Delete it and deploy again; docs/deploy.md \
                says what is left."
            ),
            format!("aws cloudformation delete-stack --stack-name {name}"),
        ),
        "REVIEW_IN_PROGRESS" => findings.missing(
            format!("{name} has a change set that nobody executed."),
            format!("aws cloudformation list-change-sets --stack-name {name}"),
        ),
        status if status.ends_with("_IN_PROGRESS") => {
            findings.add(
                Verdict::Unknown,
                format!("{name} is being changed: it is {status}. Ask again when it is over."),
                None,
            );
        }
        status => findings.missing(format!("{name} is {status}."), events),
    }
}

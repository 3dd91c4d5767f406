//! Whether anybody is told when something goes wrong.

use super::Findings;
use crate::aws::{BUDGETS, CLOUDFORMATION, list};
use crate::stack::Stack;
use crate::{Admin, AdminError};

/// What stands in the place of a subscription's ARN until its address has confirmed it ("Subscribe", SNS API
/// reference).
const PENDING: &str = "PendingConfirmation";

impl Admin {
    pub(super) async fn check_alarms(&self, findings: &mut Findings) {
        let Some(stack) = &self.stack else { return };
        let checked = self.somebody_is_told(stack, findings).await;
        findings.or_unknown("the alarms", checked);
        let checked = self.costs_are_watched(stack, findings).await;
        findings.or_unknown("budgets", checked);
    }

    /// The alarm on what text messages cost knows only what it was deployed with.
    async fn spending_is_watched(&self, monitoring: &str, findings: &mut Findings) -> Result<(), AdminError> {
        let deployed = Stack::find(&self.aws, monitoring).await?.parameters;
        let Some(watched) = deployed.get("SmsLimit").and_then(|limit| limit.parse::<f64>().ok()) else { return Ok(()) };
        let limit = self.sms_limit().await?;
        if limit.parse() == Ok(watched) {
            findings.good("The alarm on what text messages cost knows their limit.");
        } else {
            findings.missing(
                format!(
                    "Text messages may cost {limit} dollars a month, and the alarm on it was deployed with {watched}."
                ),
                format!(
                    "aws cloudformation deploy --stack-name {monitoring} --template-file infra/monitoring.yaml \
                     --parameter-overrides SmsLimit={limit}"
                ),
            );
        }
        Ok(())
    }

    async fn costs_are_watched(&self, stack: &Stack, findings: &mut Findings) -> Result<(), AdminError> {
        let account = stack.id.split(':').nth(4).unwrap_or_default();
        let body = serde_json::json!({ "AccountId": account, "MaxResults": 1 });
        let answer = self.aws.json(BUDGETS, "AWSBudgetServiceGateway.DescribeBudgets", &body).await?;
        if list(&answer["Budgets"]).is_empty() {
            findings.missing(
                "Nobody is told when the account costs more than it should: it has no budget.",
                "aws cloudformation deploy --stack-name paylink-bootstrap --template-file infra/bootstrap.yaml \
                 --capabilities CAPABILITY_IAM --parameter-overrides BudgetDollars=DOLLARS BudgetEmail=ADDRESS",
            );
        } else {
            findings.good("The account has a budget.");
        }
        Ok(())
    }

    /// infra/monitoring.yaml imports what the stack exports, by which it is found whatever it is called.
    async fn somebody_is_told(&self, stack: &Stack, findings: &mut Findings) -> Result<(), AdminError> {
        let export = format!("{}-Table", stack.name);
        let answer = match self.aws.query(CLOUDFORMATION, "ListImports", &[("ExportName", &export)]).await {
            Ok(answer) => answer,
            // It says so of what nobody imports.
            Err(error) if error.code() == Some("ValidationError") => serde_json::Value::Null,
            Err(error) => return Err(error),
        };
        let mut topics = Vec::new();
        for monitoring in list(&answer["Imports"]).iter().filter_map(serde_json::Value::as_str) {
            let found = Stack::resources(&self.aws, monitoring, "AWS::SNS::Topic").await?;
            topics.extend(found.into_iter().map(|(_, topic)| topic));
            let checked = self.spending_is_watched(monitoring, findings).await;
            findings.or_unknown("the alarm on what text messages cost", checked);
        }
        if topics.is_empty() {
            findings.missing(
                "There are no alarms: nobody is told when something goes wrong.",
                format!(
                    "aws cloudformation deploy --stack-name {0}-monitoring --template-file infra/monitoring.yaml \
                     --parameter-overrides Stack={0} AlarmEmail=ADDRESS",
                    stack.name
                ),
            );
        }
        for topic in topics {
            let asked = self.sns.list_subscriptions_by_topic().topic_arn(&topic).send().await;
            let answer = asked.map_err(|error| AdminError::aws("SNS", error))?;
            let arns: Vec<&str> = answer.subscriptions().iter().filter_map(|one| one.subscription_arn()).collect();
            if arns.is_empty() {
                findings.missing(
                    "Nobody has subscribed to the alarms.",
                    format!("aws sns subscribe --protocol email --notification-endpoint ADDRESS --topic-arn {topic}"),
                );
            } else if arns.iter().all(|arn| *arn == PENDING) {
                findings.missing_by_hand(
                    "Nobody is told of alarms: whoever has to be has not followed the link in the email of SNS yet.",
                );
            } else {
                findings.good("Somebody is told of alarms.");
            }
        }
        Ok(())
    }
}

//! A deployed stack, as CloudFormation describes it: where its tables and queues are, and what it was deployed with.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::AdminError;
use crate::aws::{Aws, CLOUDFORMATION, list};

/// What the functions are told by variables, and where this command finds the same: in outputs of the stack, which
/// every stack of Paylink has, and in parameters.
const OUTPUTS: [(&str, &str); 4] = [
    ("PAYLINK_TABLE", "TableName"),
    ("PAYLINK_SECRETS_TABLE", "SecretsTableName"),
    ("PAYLINK_UNDELIVERED_RECORDS", "UndeliveredRecordsUrl"),
    ("PAYLINK_UNNOTED_REPORTS", "UnnotedReportsUrl"),
];
const PARAMETERS: [(&str, &str); 3] = [
    ("PAYLINK_EMAIL_SENDER", "EmailSender"),
    ("PAYLINK_CALLS_PER_SECOND", "CallsPerSecond"),
    ("PAYLINK_GATEWAY_RULES", "GatewayRules"),
];

/// A stack that is there.
#[derive(Clone, Debug)]
pub struct Stack {
    pub name: String,
    /// The ARN, which names region and account.
    pub id: String,
    /// As CloudFormation spells it, such as `UPDATE_COMPLETE`.
    pub status: String,
    pub is_protected_from_termination: bool,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
}

impl Stack {
    /// Looks a stack up by its name.
    pub(crate) async fn find(aws: &Aws, name: &str) -> Result<Self, AdminError> {
        let answer = aws.query(CLOUDFORMATION, "DescribeStacks", &[("StackName", name)]).await;
        let answer = answer.map_err(|error| match error.code() {
            // It says so of a name that nobody has.
            Some("ValidationError") => AdminError::refused(format!(
                "There is no stack {name} in {}: --stack and --region say which one is meant.",
                aws.region()
            )),
            Some(_) | None => error,
        })?;
        let stack = answer["Stacks"][0].clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pairs = |list_name: &str, key: &str, value: &str| {
            list(&stack[list_name]).iter().map(|one| (text(&one[key]), text(&one[value]))).collect()
        };
        Ok(Self {
            name: text(&stack["StackName"]),
            id: text(&stack["StackId"]),
            status: text(&stack["StackStatus"]),
            is_protected_from_termination: stack["EnableTerminationProtection"] == "true",
            parameters: pairs("Parameters", "ParameterKey", "ParameterValue"),
            outputs: pairs("Outputs", "OutputKey", "OutputValue"),
        })
    }

    /// Puts what the stack says into the place of what variables say.
    pub(crate) fn describe(&self, variables: &mut BTreeMap<String, String>) -> Result<(), AdminError> {
        for (variable, output) in OUTPUTS {
            let value = self.outputs.get(output).ok_or_else(|| {
                AdminError::refused(format!(
                    "The stack {} has no output {output}. It is {}: is it a stack of Paylink, and was it deployed to \
                     the end?",
                    self.name, self.status
                ))
            })?;
            variables.insert(variable.to_owned(), value.clone());
        }
        for (variable, parameter) in PARAMETERS {
            variables.insert(variable.to_owned(), self.parameters.get(parameter).cloned().unwrap_or_default());
        }
        Ok(())
    }

    /// The names of the resources of a type, by their names in the template.
    pub(crate) async fn resources(aws: &Aws, stack: &str, kind: &str) -> Result<Vec<(String, String)>, AdminError> {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let mut parameters = vec![("StackName", stack)];
            if !token.is_empty() {
                parameters.push(("NextToken", &token));
            }
            let answer = aws.query(CLOUDFORMATION, "ListStackResources", &parameters).await?;
            for one in list(&answer["StackResourceSummaries"]) {
                if one["ResourceType"] == kind {
                    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                    found.push((text("LogicalResourceId"), text("PhysicalResourceId")));
                }
            }
            match answer["NextToken"].as_str() {
                Some(next) if !next.is_empty() => token = next.to_owned(),
                Some(_) | None => return Ok(found),
            }
        }
    }
}

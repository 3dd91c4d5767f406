//! Where the command works: in which region, with whose credentials, on which stack. All of it ends as variables,
//! because the store and the API, which this command runs in its own process, read them as the functions do.

use std::collections::BTreeMap;
use std::process::Command;

use runtime::{Environment, Runtime};
use serde_json::Value;

use crate::AdminError;
use crate::aws::Aws;
use crate::stack::Stack;

pub(crate) const REGION: &str = "AWS_REGION";
pub(crate) const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";

/// The variables of this process, by which everything else is found.
pub fn variables_of_the_process() -> BTreeMap<String, String> {
    // Variables that are no Unicode are none of ours.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Says the region once. The SAM CLI reads one of the variables and other programs the other, so that two that differ
/// lead to two places.
pub(crate) fn choose_region(variables: &mut BTreeMap<String, String>, named: Option<&str>) -> Result<(), AdminError> {
    let said = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
    let region = match (named, said(REGION), said(DEFAULT_REGION)) {
        (Some(named), _, _) => named.to_owned(),
        (None, Some(one), Some(other)) if one != other => {
            return Err(AdminError::Usage(format!(
                "{REGION} says {one} and {DEFAULT_REGION} says {other}: let both say the same, or say --region."
            )));
        }
        (None, Some(region), _) | (None, None, Some(region)) => region,
        (None, None, None) => {
            return Err(AdminError::Usage(format!(
                "No region is known: say --region, or export {REGION} and {DEFAULT_REGION}, which the SAM CLI reads."
            )));
        }
    };
    variables.insert(REGION.to_owned(), region);
    Ok(())
}

/// Asks the AWS CLI for credentials where no variable has them: it knows profiles, sign-on and roles.
pub(crate) fn find_credentials(variables: &mut BTreeMap<String, String>) -> Result<(), AdminError> {
    if variables.get(ACCESS_KEY).is_some_and(|key| !key.is_empty()) {
        return Ok(());
    }
    let missing = |reason: String| {
        AdminError::Usage(format!(
            "No credentials are known: {ACCESS_KEY} is not set, and `aws configure export-credentials` of the AWS \
             CLI, version 2, has none: {reason}"
        ))
    };
    let asked = Command::new("aws")
        .args(["configure", "export-credentials", "--format", "process"])
        .envs(variables.iter())
        .output()
        .map_err(|error| missing(error.to_string()))?;
    if !asked.status.success() {
        // Its last line is the reason, behind a usage of many.
        let said = String::from_utf8_lossy(&asked.stderr);
        return Err(missing(said.trim().lines().last().unwrap_or_default().to_owned()));
    }
    let said: Value = serde_json::from_slice(&asked.stdout).map_err(|_| missing("its answer is no JSON".to_owned()))?;
    for (variable, name) in [
        (ACCESS_KEY, "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "SessionToken"),
    ] {
        variables.insert(variable.to_owned(), said[name].as_str().unwrap_or_default().to_owned());
    }
    Ok(())
}

/// Looks the stack up and lets the variables say what it says.
pub(crate) async fn find_stack(
    variables: &mut BTreeMap<String, String>,
    named: Option<&str>,
) -> Result<Option<Stack>, AdminError> {
    let Some(name) = named.filter(|name| !name.is_empty()) else {
        let has_table = variables.get("PAYLINK_TABLE").is_some_and(|table| !table.is_empty());
        let which = "Which stack is meant? Say --stack NAME, or export PAYLINK_STACK.";
        return if has_table { Ok(None) } else { Err(AdminError::Usage(which.to_owned())) };
    };
    let stack = Stack::find(&Aws::new(&Runtime::new(Environment::from(variables.clone()))?)?, name).await?;
    stack.describe(variables)?;
    Ok(Some(stack))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region_of(pairs: &[(&str, &str)], named: Option<&str>) -> Result<String, String> {
        let mut variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        choose_region(&mut variables, named).map_err(|error| error.to_string())?;
        Ok(variables[REGION].clone())
    }

    #[test]
    fn two_variables_that_differ_are_no_region() {
        let one = (REGION, "eu-central-1");
        assert_eq!(region_of(&[one], None).unwrap(), "eu-central-1");
        assert_eq!(region_of(&[(DEFAULT_REGION, "eu-west-1")], None).unwrap(), "eu-west-1");
        assert_eq!(region_of(&[one, (DEFAULT_REGION, "")], None).unwrap(), "eu-central-1");
        let both = [one, (DEFAULT_REGION, "eu-west-1")];
        let refused = region_of(&both, None).unwrap_err();
        assert!(refused.contains("eu-central-1") && refused.contains("eu-west-1"), "{refused}");
        assert_eq!(region_of(&both, Some("us-east-1")).unwrap(), "us-east-1");
        assert!(region_of(&[], None).unwrap_err().contains("--region"));
    }
}

//! What the AWS account itself is like: whether SMS and email are in their sandboxes, which senders are verified, and
//! the preferences of SMS. In the local cloud everything is in order, unless a test says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::providers::aws_query::{Parameters, Refusal, entries};

/// What an account that has not left the sandbox may send in a day, and one that has.
const QUOTAS: (&str, &str) = ("200.0", "50000.0");

/// The preferences of SMS that SNS knows.
const PREFERENCES: [&str; 6] = [
    "DefaultSMSType",
    "DefaultSenderID",
    "DeliveryStatusIAMRole",
    "DeliveryStatusSuccessSamplingRate",
    "MonthlySpendLimit",
    "UsageReportS3Bucket",
];

/// The account. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Account(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_in_sandboxes: bool,
    unverified: BTreeSet<String>,
    preferences: BTreeMap<String, String>,
}

impl Account {
    /// From now on the account is as a new one is: in the sandboxes of SMS and email.
    pub fn enter_sandboxes(&self) {
        self.state().is_in_sandboxes = true;
    }

    /// From now on SES has not verified this address or domain.
    pub fn forget_identity(&self, identity: &str) {
        self.state().unverified.insert(identity.to_owned());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sms_sandbox(&self) -> String {
        format!("<IsInSandbox>{}</IsInSandbox>", self.state().is_in_sandboxes)
    }

    pub(crate) fn sms_preferences(&self) -> String {
        let state = self.state();
        let shown = entries(state.preferences.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        format!("<attributes>{shown}</attributes>")
    }

    pub(crate) fn set_sms_preferences(&self, parameters: &Parameters) -> Result<String, Refusal> {
        let invalid = |text: String| Refusal::sender("InvalidParameter", text);
        let mut given = Vec::new();
        for number in 1_u32.. {
            let Some(name) = parameters.get(&format!("attributes.entry.{number}.key")) else { break };
            let value = parameters.get(&format!("attributes.entry.{number}.value")).unwrap_or_default();
            if !PREFERENCES.contains(&name) {
                return Err(invalid(format!("Invalid parameter: {name} is not a valid attribute")));
            }
            let is_whole_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            if ["MonthlySpendLimit", "DeliveryStatusSuccessSamplingRate"].contains(&name) && !is_whole_number {
                return Err(invalid(format!("Invalid parameter: {name} Reason: it must be a whole number")));
            }
            given.push((name.to_owned(), value.to_owned()));
        }
        self.state().preferences.extend(given);
        Ok(String::new())
    }

    pub(crate) fn email_quota(&self) -> String {
        let most = if self.state().is_in_sandboxes { QUOTAS.0 } else { QUOTAS.1 };
        format!(
            "<Max24HourSend>{most}</Max24HourSend><MaxSendRate>1.0</MaxSendRate><SentLast24Hours>0.0</SentLast24Hours>"
        )
    }

    /// The state of every identity that SES knows. One that it does not know is left out, as SES leaves it out.
    pub(crate) fn verified(&self, parameters: &Parameters) -> String {
        let state = self.state();
        let known = parameters.members("Identities").into_iter().filter(|name| !state.unverified.contains(*name));
        let shown: String = known
            .map(|name| {
                format!(
                    "<entry><key>{name}</key><value><VerificationStatus>Success</VerificationStatus></value></entry>"
                )
            })
            .collect();
        format!("<VerificationAttributes>{shown}</VerificationAttributes>")
    }
}

//! The account's preferences for text messages. They belong to the account and region and not to a stack, and
//! CloudFormation has no resource for them.

use std::collections::BTreeMap;

use crate::{Admin, AdminError};

/// The preferences to set. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsPreferences {
    /// In whole US dollars. A new account may spend one dollar a month, and more only as far as AWS has agreed to.
    pub monthly_limit: Option<u32>,
    /// The role with which SNS writes down what became of messages: the output SmsLoggerArn of infra/bootstrap.yaml.
    pub log_role: Option<String>,
    /// Of a hundred delivered messages, how many are written down. Those that fail always are.
    pub log_percent: Option<u8>,
}

impl Admin {
    /// The preferences as SNS has them, without those that were never set.
    pub async fn sms_preferences(&self) -> Result<BTreeMap<String, String>, AdminError> {
        let answer = self.sns.get_sms_attributes().send().await.map_err(|error| AdminError::aws("SNS", error))?;
        let known = answer.attributes().into_iter().flatten();
        Ok(known.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Sets what is given. Messages of Paylink are transactional, and say so themselves; this makes it the default too.
    pub async fn set_sms_preferences(&self, preferences: &SmsPreferences) -> Result<(), AdminError> {
        if preferences.log_percent.is_some_and(|percent| percent > 100) {
            return Err(AdminError::Refused("--log-percent is at most 100".to_owned()));
        }
        let mut request = self.sns.set_sms_attributes().attributes("DefaultSMSType", "Transactional");
        for (name, value) in [
            ("MonthlySpendLimit", preferences.monthly_limit.map(|dollars| dollars.to_string())),
            ("DeliveryStatusIAMRole", preferences.log_role.clone()),
            ("DeliveryStatusSuccessSamplingRate", preferences.log_percent.map(|percent| percent.to_string())),
        ] {
            if let Some(value) = value {
                request = request.attributes(name, value);
            }
        }
        request.send().await.map(|_| ()).map_err(|error| AdminError::aws("SNS", error))
    }

    /// How many numbers were verified, to which text messages go from the sandbox. SNS keeps ten at most.
    pub(crate) async fn verified_sandbox_numbers(&self) -> Result<usize, AdminError> {
        let asked = self.sns.list_sms_sandbox_phone_numbers().send().await;
        let answer = asked.map_err(|error| AdminError::aws("SNS", error))?;
        let is_verified = |number: &&aws_sdk_sns::types::SmsSandboxPhoneNumber| {
            number.status() == Some(&aws_sdk_sns::types::SmsSandboxPhoneNumberVerificationStatus::Verified)
        };
        Ok(answer.phone_numbers().iter().filter(is_verified).count())
    }

    /// Whether text messages go only to numbers that were verified one by one.
    pub(crate) async fn is_in_sms_sandbox(&self) -> Result<bool, AdminError> {
        let answer = self.sns.get_sms_sandbox_account_status().send().await;
        answer.map(|status| status.is_in_sandbox()).map_err(|error| AdminError::aws("SNS", error))
    }
}

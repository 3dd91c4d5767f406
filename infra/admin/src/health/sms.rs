//! Whether text messages go out.

use std::collections::BTreeMap;

use domain::Timestamp;
use jiff::SignedDuration;

use super::{Findings, number};
use crate::aws::{CLOUDWATCH, SMS_VOICE, list};
use crate::{Admin, AdminError};

/// From this share of the month's limit on, somebody should raise it.
const NEARLY: f64 = 0.8;

/// What an account may spend that never set a limit, in US dollars.
const USUAL_LIMIT: &str = "1";

impl Admin {
    pub(super) async fn check_sms(&self, now: Timestamp, findings: &mut Findings) {
        let checked = self.sms_sandbox_is_left(findings).await;
        findings.or_unknown("the sandbox of text messages", checked);
        let checked = self.sms_preferences_are_set(now, findings).await;
        findings.or_unknown("the preferences of text messages", checked);
        if self.stack.is_some() {
            let checked = self.region_sends_sms(findings).await;
            findings.or_unknown("whether this region sends text messages", checked);
        }
    }

    async fn sms_sandbox_is_left(&self, findings: &mut Findings) -> Result<(), AdminError> {
        if self.is_in_sms_sandbox().await? {
            let verified = self.verified_sandbox_numbers().await?;
            findings.missing(
                format!(
                    "SNS is in its sandbox: text messages go only to verified numbers, of which there are {verified}. \
                     Verify yours, and ask to leave it (docs/deploy.md, leaving the sandboxes)."
                ),
                "aws sns create-sms-sandbox-phone-number --phone-number NUMBER",
            );
        } else {
            findings.good("SNS sends text messages to everybody.");
        }
        Ok(())
    }

    async fn sms_preferences_are_set(&self, now: Timestamp, findings: &mut Findings) -> Result<(), AdminError> {
        let preferences = self.sms_preferences().await?;
        let limit = limit_of(&preferences);
        let raise = "paylink-admin sms --limit DOLLARS";
        if ["0", "1"].contains(&limit.as_str()) {
            findings
                .missing(format!("Text messages may cost {limit} dollar a month, after which SNS sends none."), raise);
        } else {
            findings.good(format!("Text messages may cost {limit} dollars a month."));
        }
        if preferences.contains_key("DeliveryStatusIAMRole") {
            findings.good("It is written down what becomes of text messages.");
        } else {
            findings.missing("Nobody can see what became of a text message.", "paylink-admin sms --log-role ARN");
        }
        if let Some(stack) = &self.stack {
            if stack.parameters.get("SmsReportsTopicArn").is_some_and(String::is_empty) {
                findings.missing_by_hand(
                    "The stack does not hear which text messages did not arrive: deploy it with SmsReportsTopicArn \
                     (docs/deploy.md, alarms and dashboard).",
                );
            } else {
                findings.good("The stack hears which text messages did not arrive.");
            }
            let spent = self.spent_on_sms(now).await?;
            let limit: f64 = limit.parse().unwrap_or(1.0);
            let text = format!("This month's text messages cost {spent:.2} of {limit:.2} dollars until now.");
            if spent >= limit * NEARLY { findings.missing(text, raise) } else { findings.good(text) }
        }
        Ok(())
    }

    /// What text messages may cost in a month, in whole US dollars.
    pub(super) async fn sms_limit(&self) -> Result<String, AdminError> {
        Ok(limit_of(&self.sms_preferences().await?))
    }

    /// What text messages cost this month, in US dollars. The metric comes with messages, so that none is nothing
    /// spent.
    async fn spent_on_sms(&self, now: Timestamp) -> Result<f64, AdminError> {
        // The month is that of UTC, and the figure only grows within it.
        let month = jiff::tz::TimeZone::UTC.to_datetime(now).date().first_of_month();
        let start = format!("{month}T00:00:00Z");
        let end = (now + SignedDuration::from_mins(1)).to_string();
        let parameters = [
            ("Namespace", "AWS/SNS"),
            ("MetricName", "SMSMonthToDateSpentUSD"),
            ("StartTime", start.as_str()),
            ("EndTime", end.as_str()),
            ("Period", "86400"),
            ("Statistics.member.1", "Maximum"),
        ];
        let answer = self.aws.query(CLOUDWATCH, "GetMetricStatistics", &parameters).await?;
        let figures = list(&answer["Datapoints"]).iter().filter_map(|one| number(&one["Maximum"]));
        Ok(figures.fold(0.0, f64::max))
    }

    /// The service that SNS hands text messages to answers only in regions that have it.
    async fn region_sends_sms(&self, findings: &mut Findings) -> Result<(), AdminError> {
        let target = "PinpointSMSVoiceV2.DescribeSpendLimits";
        let answer = self.aws.json(SMS_VOICE, target, &serde_json::json!({})).await?;
        let of_text = list(&answer["SpendLimits"]).iter().find(|one| one["Name"] == "TEXT_MESSAGE_MONTHLY_SPEND_LIMIT");
        let most = of_text.and_then(|one| number(&one["MaxLimit"]));
        findings.good(match most {
            Some(most) => {
                format!("{} sends text messages; AWS lets the limit be raised up to {most} dollars.", self.aws.region())
            }
            None => format!("{} sends text messages.", self.aws.region()),
        });
        Ok(())
    }
}

fn limit_of(preferences: &BTreeMap<String, String>) -> String {
    preferences.get("MonthlySpendLimit").map_or(USUAL_LIMIT, String::as_str).to_owned()
}

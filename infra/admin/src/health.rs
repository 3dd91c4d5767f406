//! Checks whether a stack has what it needs for payments to arrive and for messages to go out.

use domain::Timestamp;
use domain::records::business::{Business, BusinessState};
use jiff::SignedDuration;
use store::{KeyHolder, Schedule};

use crate::{Admin, AdminError};

/// Work that has been due for longer than this is late: the schedules run every minute.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// A schedule writes a heartbeat every few minutes. A schedule whose last heartbeat is older than this does not run.
const HEARTBEAT_TOO_OLD: SignedDuration = SignedDuration::from_mins(15);

/// What SES lets an account in its sandbox send in a day.
const SANDBOX_QUOTA: f64 = 200.0;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Somebody has to do something.
    Missing,
    /// The check itself failed.
    Unknown,
}

/// One check with its result, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    pub text: String,
}

impl Finding {
    fn good(text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, text: text.into() }
    }

    fn missing(text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Missing, text: text.into() }
    }

    fn either(is_good: bool, good: impl Into<String>, missing: impl Into<String>) -> Self {
        if is_good { Self::good(good) } else { Self::missing(missing) }
    }
}

impl Admin {
    /// Makes every check. A check that fails does not stop the others.
    pub async fn health(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (what, found) in [
            ("the tables", self.tables_are_set_up().await),
            ("the businesses", self.businesses_can_be_paid().await),
            ("the schedules", self.schedules_run(now).await),
            ("due work", self.no_work_is_late(now).await),
            ("the queue of undelivered records", self.nothing_is_undelivered().await),
            ("SES", self.email_goes_out().await),
            ("SNS", self.text_messages_go_out().await),
        ] {
            findings.extend(found.unwrap_or_else(|error| {
                vec![Finding { verdict: Verdict::Unknown, text: format!("It is not known about {what}: {error}") }]
            }));
        }
        findings
    }

    async fn tables_are_set_up(&self) -> Result<Vec<Finding>, AdminError> {
        let (table, secrets) = (self.table(), self.secrets_table());
        Ok(vec![Finding::either(
            self.store.is_set_up().await?,
            format!("The tables {table} and {secrets} are set up."),
            "The tables are not set up: run `set-up`.",
        )])
    }

    async fn businesses_can_be_paid(&self) -> Result<Vec<Finding>, AdminError> {
        let businesses = self.businesses().await?;
        if businesses.is_empty() {
            return Ok(vec![Finding::missing("There is no business: run `set-up`, or `business create`.")]);
        }
        let platform_has_key = !self.store.list_api_keys(&KeyHolder::Platform).await?.is_empty();
        let mut findings = Vec::new();
        for business in &businesses {
            match &business.state {
                BusinessState::Active => findings.extend(self.can_be_paid(business, platform_has_key).await?),
                BusinessState::Suspended { suspended_at, .. } => findings.push(Finding::good(format!(
                    "{}: suspended since {suspended_at}, so that it makes no link until `business resume`.",
                    business.id
                ))),
                BusinessState::Erasing { since, .. } => findings.push(Finding::good(format!(
                    "{}: marked to be erased since {since}; `business erase` goes on with it.",
                    business.id
                ))),
                BusinessState::Erased { .. } => {}
            }
        }
        Ok(findings)
    }

    /// Whether a business can make links that can be paid.
    async fn can_be_paid(&self, business: &Business, platform_has_key: bool) -> Result<Vec<Finding>, AdminError> {
        let (id, store) = (&business.id, self.store.of(&business.id));
        let configuration = store.fresh_configuration().await?;
        let payable: Vec<&str> = configuration
            .accounts
            .values()
            .filter(|account| account.online_payment.enabled && account.online_payment.credentials.is_some())
            .map(|account| account.id.as_str())
            .collect();
        let has_key = !self.store.list_api_keys(&KeyHolder::Business(id.clone())).await?.is_empty();
        Ok(vec![
            Finding::either(
                has_key || platform_has_key,
                match has_key {
                    true => format!("{id}: there is an API key."),
                    false => format!("{id}: there is no API key but the platform's."),
                },
                format!("{id}: there is no API key, and nobody can make a link: run `api-key create`."),
            ),
            Finding::either(
                store.settings().await?.is_some(),
                format!("{id}: the business has settings."),
                format!("{id}: there are no settings, so pages and messages name no business: run `settings FILE`."),
            ),
            Finding::either(
                !payable.is_empty(),
                format!("{id}: links can be made on {}.", payable.join(", ")),
                format!("{id}: no account takes online payments, and no link can be made: run `account ID FILE`."),
            ),
        ])
    }

    /// Whether the schedules run. On a stack without due work, that no work is late does not show it.
    async fn schedules_run(&self, now: Timestamp) -> Result<Vec<Finding>, AdminError> {
        let mut findings = Vec::new();
        for schedule in Schedule::ALL {
            let function = schedule.function();
            findings.push(match self.store.last_heartbeat(schedule).await? {
                Some(ran_at) if now.duration_since(ran_at) <= HEARTBEAT_TOO_OLD => {
                    Finding::good(format!("The schedule of {function} runs, as of {ran_at}."))
                }
                Some(ran_at) => Finding::missing(format!(
                    "{function} has not ended a run well since {ran_at}: its schedule does not come, or it fails. See docs/operations.md, time stands still."
                )),
                None => Finding::missing(format!(
                    "{function} has never ended a run well: where the stack is older than a few minutes, its schedule does not come. See docs/operations.md, time stands still."
                )),
            });
        }
        Ok(findings)
    }

    async fn no_work_is_late(&self, now: Timestamp) -> Result<Vec<Finding>, AdminError> {
        Ok(vec![match self.store.oldest_due(now).await? {
            Some(due) if now.duration_since(due) > LATE => Finding::missing(format!(
                "Work has been due since {due}: the schedules do not come, or what they call fails. See docs/operations.md, work is late."
            )),
            Some(_) | None => Finding::good("No work is late."),
        }])
    }

    async fn nothing_is_undelivered(&self) -> Result<Vec<Finding>, AdminError> {
        let Some(waiting) = self.undelivered_records().await? else {
            return Err(AdminError::Refused("set PAYLINK_UNDELIVERED_RECORDS to the stack's output".to_owned()));
        };
        Ok(vec![Finding::either(
            waiting == 0,
            "No record of the stream is undelivered.",
            format!("{waiting} batches of the stream could not be worked off: find out why, then run `replay`."),
        )])
    }

    async fn email_goes_out(&self) -> Result<Vec<Finding>, AdminError> {
        let Some(sender) = &self.email_sender else {
            return Ok(vec![Finding::missing(
                "No email is sent: the stack has no EmailSender, or PAYLINK_EMAIL_SENDER does not say it here.",
            )]);
        };
        let domain = sender.rsplit_once('@').map_or(sender.as_str(), |(_, domain)| domain);
        let asked = self.ses.get_identity_verification_attributes().identities(sender).identities(domain).send().await;
        let answer = asked.map_err(|error| AdminError::aws("SES", error))?;
        let is_verified = answer
            .verification_attributes()
            .values()
            .any(|identity| *identity.verification_status() == aws_sdk_ses::types::VerificationStatus::Success);
        let quota = self.ses.get_send_quota().send().await.map_err(|error| AdminError::aws("SES", error))?;
        Ok(vec![
            Finding::either(
                is_verified,
                format!("SES has verified {sender}."),
                format!("SES has verified neither {sender} nor {domain}, and refuses every email."),
            ),
            Finding::either(
                quota.max24_hour_send() > SANDBOX_QUOTA,
                format!("SES lets this account send {} emails a day.", quota.max24_hour_send()),
                "SES is in its sandbox: emails go only to verified addresses, 200 a day. Ask for production access.",
            ),
        ])
    }

    async fn text_messages_go_out(&self) -> Result<Vec<Finding>, AdminError> {
        let preferences = self.sms_preferences().await?;
        let limit = preferences.get("MonthlySpendLimit").map_or("1", String::as_str);
        Ok(vec![
            Finding::either(
                !self.is_in_sms_sandbox().await?,
                "SNS sends text messages to everybody.",
                "SNS is in its sandbox: text messages go only to verified numbers. Ask to leave it.",
            ),
            Finding::either(
                !["0", "1"].contains(&limit),
                format!("Text messages may cost {limit} dollars a month."),
                "Text messages may cost 1 dollar a month, after which SNS sends none: run `sms --limit DOLLARS`.",
            ),
            Finding::either(
                preferences.contains_key("DeliveryStatusIAMRole"),
                "It is written down what becomes of text messages.",
                "Nobody can see what became of a text message: run `sms --log-role ARN`.",
            ),
        ])
    }
}

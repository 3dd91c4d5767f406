//! What is in the tables: whether they are set up, whether businesses can be paid, and whether what is due is done.

use domain::Timestamp;
use domain::records::business::{Business, BusinessState};
use jiff::SignedDuration;
use store::{KeyHolder, Schedule};

use super::Findings;
use crate::{Admin, AdminError};

/// Work that has been due for longer than this is late: the schedules run every minute.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// A schedule writes a heartbeat every few minutes. A schedule whose last heartbeat is older than this does not run.
const HEARTBEAT_TOO_OLD: SignedDuration = SignedDuration::from_mins(15);

impl Admin {
    pub(super) async fn check_tables(&self, findings: &mut Findings) {
        let checked = self.tables_are_set_up(findings).await;
        findings.or_unknown("the tables", checked);
        if self.stack.is_some() {
            self.tables_are_protected(findings).await;
        }
    }

    async fn tables_are_set_up(&self, findings: &mut Findings) -> Result<(), AdminError> {
        if self.store.is_set_up().await? {
            findings.good(format!("The tables {} and {} are set up.", self.table(), self.secrets_table()));
        } else {
            findings.missing("The tables are not set up.", "paylink-admin set-up");
        }
        Ok(())
    }

    pub(super) async fn check_businesses(&self, findings: &mut Findings) {
        let checked = self.businesses_can_be_paid(findings).await;
        findings.or_unknown("the businesses", checked);
    }

    async fn businesses_can_be_paid(&self, findings: &mut Findings) -> Result<(), AdminError> {
        let businesses = self.businesses().await?;
        if businesses.is_empty() {
            findings.missing("There is no business.", "paylink-admin set-up");
            return Ok(());
        }
        let platform_has_key = !self.store.list_api_keys(&KeyHolder::Platform).await?.is_empty();
        for business in &businesses {
            match &business.state {
                BusinessState::Active => self.can_be_paid(business, platform_has_key, findings).await?,
                BusinessState::Suspended { suspended_at, .. } => findings.good(format!(
                    "{}: suspended since {suspended_at}, so that it makes no link until `business resume`.",
                    business.id
                )),
                BusinessState::Erasing { since, .. } => findings.good(format!(
                    "{}: marked to be erased since {since}; `business erase` goes on with it.",
                    business.id
                )),
                BusinessState::Erased { .. } => {}
            }
        }
        Ok(())
    }

    /// Whether a business can make links that can be paid.
    async fn can_be_paid(
        &self,
        business: &Business,
        platform_has_key: bool,
        findings: &mut Findings,
    ) -> Result<(), AdminError> {
        let (id, store) = (&business.id, self.store.of(&business.id));
        let configuration = store.fresh_configuration().await?;
        let payable: Vec<&str> = configuration
            .accounts
            .values()
            .filter(|account| account.online_payment.enabled && account.online_payment.credentials.is_some())
            .map(|account| account.id.as_str())
            .collect();
        if !self.store.list_api_keys(&KeyHolder::Business(id.clone())).await?.is_empty() {
            findings.good(format!("{id}: there is an API key."));
        } else if platform_has_key {
            findings.good(format!("{id}: there is no API key but the platform's."));
        } else {
            findings.missing(
                format!("{id}: there is no API key, and nobody can make a link."),
                format!("paylink-admin api-key create crm --business {id}"),
            );
        }
        if store.settings().await?.is_some() {
            findings.good(format!("{id}: the business has settings."));
        } else {
            findings.missing(
                format!("{id}: there are no settings, so pages and messages name no business."),
                format!("paylink-admin settings FILE --business {id}"),
            );
        }
        if payable.is_empty() {
            findings.missing(
                format!("{id}: no account takes online payments, and no link can be made."),
                format!("paylink-admin account ID FILE --business {id}"),
            );
        } else {
            findings.good(format!("{id}: links can be made on {}.", payable.join(", ")));
        }
        Ok(())
    }

    pub(super) async fn check_work(&self, now: Timestamp, findings: &mut Findings) {
        let checked = self.schedules_run(now, findings).await;
        findings.or_unknown("the schedules", checked);
        let checked = self.no_work_is_late(now, findings).await;
        findings.or_unknown("due work", checked);
        let checked = self.nothing_is_undelivered(findings).await;
        findings.or_unknown("the queue of undelivered records", checked);
        let checked = self.nothing_is_unnoted(findings).await;
        findings.or_unknown("the queue of unnoted reports", checked);
    }

    /// Whether the schedules run. On a stack without due work, that no work is late does not show it.
    async fn schedules_run(&self, now: Timestamp, findings: &mut Findings) -> Result<(), AdminError> {
        for schedule in Schedule::ALL {
            let function = schedule.function();
            match self.store.last_heartbeat(schedule).await? {
                Some(ran_at) if now.duration_since(ran_at) <= HEARTBEAT_TOO_OLD => {
                    findings.good(format!("The schedule of {function} runs, as of {ran_at}."));
                }
                Some(ran_at) => findings.missing_by_hand(format!(
                    "{function} has not ended a run well since {ran_at}: its schedule does not come, or it fails. See \
                     docs/operations.md, time stands still."
                )),
                None => findings.missing_by_hand(format!(
                    "{function} has never ended a run well: where the stack is older than a few minutes, its schedule \
                     does not come. See docs/operations.md, time stands still."
                )),
            }
        }
        Ok(())
    }

    async fn no_work_is_late(&self, now: Timestamp, findings: &mut Findings) -> Result<(), AdminError> {
        match self.store.oldest_due(now).await? {
            Some(due) if now.duration_since(due) > LATE => findings.missing_by_hand(format!(
                "Work has been due since {due}: the schedules do not come, or what they call fails. See \
                 docs/operations.md, work is late."
            )),
            Some(_) | None => findings.good("No work is late."),
        }
        Ok(())
    }

    async fn nothing_is_undelivered(&self, findings: &mut Findings) -> Result<(), AdminError> {
        let Some(waiting) = self.undelivered_records().await? else {
            return Err(AdminError::Refused("set PAYLINK_UNDELIVERED_RECORDS to the stack's output".to_owned()));
        };
        if waiting == 0 {
            findings.good("No record of the stream is undelivered.");
        } else {
            findings.missing(
                format!("{waiting} batches of the stream could not be worked off. Find out why first."),
                "paylink-admin replay",
            );
        }
        Ok(())
    }

    async fn nothing_is_unnoted(&self, findings: &mut Findings) -> Result<(), AdminError> {
        let Some(waiting) = self.unnoted_reports().await? else {
            return Err(AdminError::Refused("set PAYLINK_UNNOTED_REPORTS to the stack's output".to_owned()));
        };
        if waiting == 0 {
            findings.good("Every report of a provider is noted.");
        } else {
            findings.missing(
                format!("{waiting} reports of providers, or runs of the schedule, failed or met a stopped function."),
                "paylink-admin replay-reports",
            );
        }
        Ok(())
    }
}

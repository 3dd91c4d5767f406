//! Restoring both tables to one instant: AWS makes copies of both tables as they were then, the functions are stopped,
//! what was lost is brought back from the copies, and the functions are started again. Each step can be stopped
//! anywhere and called again, and what it needs for that is written down before it changes anything.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::DateTime;
use aws_sdk_dynamodb::types::TableStatus;
use domain::Timestamp;
use domain::audit::{AuditAction, Subject, changes};
use domain::clocks::later;
use domain::ids::BusinessId;
use http::Method;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Choice, Comparison, Hands, RestoreFinding, Revision, Store};

use crate::aws::{LAMBDA, in_path, list};
use crate::stack::Stack;
use crate::{Admin, AdminError};

/// How often it is asked whether a copy is ready, and how an event source mapping is.
const PAUSE: Duration = Duration::from_secs(5);

/// At most this often it is asked how an event source mapping is.
const MOST_LOOKS: usize = 24;

/// A restore that is under way, as the table holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// What the copies are as of.
    pub at: Timestamp,
    pub begun_at: Timestamp,
    /// The names of the copies.
    pub table: String,
    pub secrets_table: String,
    pub step: RestoreStep,
    /// What was set before the functions were stopped. None of them is here before that.
    functions: Vec<StoppedFunction>,
}

/// How far a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum RestoreStep {
    /// AWS makes the copies or has made them, and the functions run.
    Begun,
    /// The functions are being stopped.
    Stopping,
    /// No function runs from this instant on.
    Stopped { idle_from: Timestamp },
    /// The functions are being started.
    Starting,
    /// They run again, and the copies are still there.
    Started,
    /// The copies are being deleted.
    Ending,
}

impl RestoreStep {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Stopping => "stopping",
            Self::Stopped { .. } => "stopped",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Ending => "ending",
        }
    }

    /// Whether functions stand still because of the restore.
    pub fn stops_functions(self) -> bool {
        match self {
            Self::Stopping | Self::Stopped { .. } | Self::Starting => true,
            Self::Begun | Self::Started | Self::Ending => false,
        }
    }

    /// The command that goes on from here, and harms nothing whatever else somebody is doing.
    pub fn next(self) -> &'static str {
        match self {
            Self::Begun => "paylink-admin restore compare",
            Self::Stopping | Self::Stopped { .. } => "paylink-admin restore status",
            Self::Starting => "paylink-admin restore start",
            Self::Started | Self::Ending => "paylink-admin restore end --confirm",
        }
    }

    /// What is so, and what can be done, for a person.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Begun => {
                "the functions run; `restore copy --confirm` stops them and brings back, and `restore end --confirm` \
                 deletes the copies"
            }
            Self::Stopping => "the functions are being stopped; `restore copy --confirm` goes on with it",
            Self::Stopped { .. } => {
                "the functions are stopped, and nobody can pay; `restore copy --confirm` brings back, and `restore \
                 start` starts them"
            }
            Self::Starting => "the functions are being started; `restore start` goes on with it",
            Self::Started => "the functions run again; `restore end --confirm` deletes the copies",
            Self::Ending => "the copies are being deleted; `restore end --confirm` goes on with it",
        }
    }
}

/// A restore as it was read, and what its next step is written over.
struct UnderWay {
    restore: Restore,
    revision: Revision,
}

/// A function, and how it was set before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoppedFunction {
    /// Its name in the template.
    logical_id: String,
    name: String,
    /// How many executions were reserved for it, where any were.
    reserved: Option<u64>,
    /// How many seconds a run of it may take.
    timeout: u64,
    /// The event source mappings that were switched on.
    mappings: Vec<String>,
}

/// A function as Lambda says that it is.
struct FunctionNow {
    set: StoppedFunction,
    /// The event source mappings that are off, or about to be.
    off: Vec<String>,
    /// Whether nothing runs it any more.
    is_stopped: bool,
}

impl FunctionNow {
    /// What of it stands still, with the command that starts it.
    fn still_stopped(&self) -> impl Iterator<Item = String> {
        let StoppedFunction { name, reserved, .. } = &self.set;
        let function = (*reserved == Some(0))
            .then(|| format!("{name}: aws lambda delete-function-concurrency --function-name {name}"));
        let mappings = self.off.iter().map(move |mapping| {
            format!("what {name} reads: aws lambda update-event-source-mapping --enabled --uuid {mapping}")
        });
        function.into_iter().chain(mappings)
    }
}

/// In which order functions are started: those that find money first, then those that people wait for, and last the one
/// that tells, so that it tells of what is whole. What is not named comes before that one.
const FIRST: [&str; 4] = ["GatewayWebhook", "ExpireLinks", "PayRedirect", "CrmApi"];
const LAST: &str = "DeliverMessages";

impl Admin {
    /// The restore that is under way, where one is.
    pub async fn restore_under_way(&self) -> Result<Option<Restore>, AdminError> {
        Ok(self.store.restore_state().await?.0)
    }

    /// What the restore left to a person.
    pub async fn restore_findings(&self) -> Result<Vec<RestoreFinding>, AdminError> {
        Ok(self.store.restore_findings().await?)
    }

    /// Has AWS make copies of both tables as they were at an instant, and waits for them, while the functions run.
    /// Called again, it goes on with the restore that is under way.
    pub async fn begin_restore(
        &self,
        at: Option<Timestamp>,
        now: Timestamp,
        progress: impl Fn(&str),
    ) -> Result<Restore, AdminError> {
        // DynamoDB goes back to whole seconds.
        let at = at.map(|at| Timestamp::from_second(at.as_second()).unwrap_or(at));
        let restore = match (self.restore_under_way().await?, at) {
            (Some(under_way), Some(at)) if under_way.at != at => {
                return Err(AdminError::refused(format!(
                    "A restore to {} is under way: {}.",
                    under_way.at,
                    under_way.step.in_words()
                )));
            }
            (Some(under_way), _) if under_way.step == RestoreStep::Ending => {
                return Err(AdminError::refused(format!(
                    "The restore to {} ends: {}.",
                    under_way.at,
                    under_way.step.in_words()
                )));
            }
            (Some(under_way), _) => under_way,
            (None, None) => return Err(AdminError::Usage("Say --at INSTANT: to when the tables go back.".to_owned())),
            (None, Some(at)) => self.prepare_restore(at, now).await?,
        };
        let made = self.make_copies(&restore, &progress).await;
        if made.is_err() {
            progress(&format!(
                "`restore begin` asks for the copies again, and where they are given up, `restore end --confirm` \
                 forgets the restore. Until then {}.",
                restore.step.in_words()
            ));
        }
        made.map(|()| restore)
    }

    async fn make_copies(&self, restore: &Restore, progress: &impl Fn(&str)) -> Result<(), AdminError> {
        progress("AWS makes the copies, which takes minutes, and hours for very large tables.");
        for (table, copy) in self.tables_of(restore) {
            self.ask_for_copy(table, copy, restore.at).await?;
        }
        for (_, copy) in self.tables_of(restore) {
            self.wait_for_copy(copy).await?;
        }
        Ok(())
    }

    /// What would come back, and nothing is written.
    pub async fn compare_restore(&self, choice: &Choice, now: Timestamp) -> Result<Comparison, AdminError> {
        let UnderWay { restore, .. } = self.a_restore().await?;
        self.check_copies(&restore).await?;
        Ok(self.store.restore(&self.copies(&restore), restore.at, choice, Hands::Off, now).await?)
    }

    /// Stops every function of the stack, and brings back what was chosen once none runs any more.
    pub async fn copy_restore(
        &self,
        choice: &Choice,
        now: Timestamp,
        progress: impl Fn(&str),
    ) -> Result<Comparison, AdminError> {
        let mut under_way = self.a_restore().await?;
        self.check_copies(&under_way.restore).await?;
        let idle_from = self.stop(&mut under_way, &progress).await?;
        if let Ok(left) = Duration::try_from(idle_from.duration_since(Timestamp::now())) {
            progress("The last runs of the functions end.");
            tokio::time::sleep(left).await;
        }
        let restore = &under_way.restore;
        let copies = self.copies(restore);
        // What changes in a business is in its log before it is so.
        let expected = self.store.restore(&copies, restore.at, choice, Hands::Off, now).await?;
        self.note_restore(&expected, choice, restore.at, now).await?;
        Ok(self.store.restore(&copies, restore.at, choice, Hands::On, now).await?)
    }

    async fn note_restore(
        &self,
        expected: &Comparison,
        choice: &Choice,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        let mut of_each: BTreeMap<&BusinessId, BTreeMap<&str, u64>> = BTreeMap::new();
        for ((kind, business), counts) in &expected.0 {
            let coming_back = counts.coming_back(choice);
            if let Some(business) = business.as_ref().filter(|_| coming_back > 0) {
                of_each.entry(business).or_default().insert(kind.as_str(), coming_back);
            }
        }
        for (business, brought_back) in of_each {
            let said = json!({ "restored_to": at.to_string(), "brought_back": brought_back });
            let subject = Subject::new("business", business.as_str());
            let changes = changes(&Value::Null, &said);
            self.signed(business, now).note(AuditAction::Written, subject, changes).await?;
        }
        Ok(())
    }

    /// Starts the functions again as they were set before. What stands still afterwards, because it did before, is
    /// named with the command that starts it.
    pub async fn start_restored(&self) -> Result<(Restore, Vec<String>), AdminError> {
        let mut under_way = self.a_restore().await?;
        if under_way.restore.step.stops_functions() {
            under_way.restore.step = RestoreStep::Starting;
            self.write_down(&mut under_way).await?;
            self.start(&under_way.restore.functions).await?;
            under_way.restore.step = RestoreStep::Started;
            self.write_down(&mut under_way).await?;
        }
        let functions = self.functions().await?;
        let still_stopped = functions.iter().flat_map(FunctionNow::still_stopped).collect();
        Ok((under_way.restore, still_stopped))
    }

    /// Deletes both copies, of which one holds every secret, and forgets the restore with what it found. The functions
    /// have to run.
    pub async fn end_restore(&self, progress: impl Fn(&str)) -> Result<Restore, AdminError> {
        let mut under_way = self.a_restore().await?;
        if under_way.restore.step.stops_functions() {
            return Err(AdminError::refused(format!(
                "The functions have to run first: {}.",
                under_way.restore.step.in_words()
            )));
        }
        // Nobody stops them any more from here on.
        under_way.restore.step = RestoreStep::Ending;
        self.write_down(&mut under_way).await?;
        for (_, copy) in self.tables_of(&under_way.restore) {
            self.delete_copy(copy, &progress).await?;
        }
        self.store.forget_restore().await?;
        Ok(under_way.restore)
    }

    async fn a_restore(&self) -> Result<UnderWay, AdminError> {
        let (under_way, revision) = self.store.restore_state().await?;
        under_way
            .map(|restore| UnderWay { restore, revision })
            .ok_or_else(|| AdminError::refused("No restore is under way: `restore begin --at INSTANT` begins one."))
    }

    /// Writes down a step before it is taken, where nobody else has taken one since.
    async fn write_down(&self, under_way: &mut UnderWay) -> Result<(), AdminError> {
        let written = self.store.put_restore_state(&under_way.restore, &under_way.revision).await?;
        under_way.revision = written.ok_or_else(|| {
            AdminError::refused(
                "Somebody else went on with the restore at this moment: `restore status` says how far it is.",
            )
        })?;
        Ok(())
    }

    fn copies(&self, restore: &Restore) -> Store {
        self.store.copy_in(&restore.table, &restore.secrets_table)
    }

    /// Each table with its copy. Secrets come first, as everywhere.
    fn tables_of<'a>(&'a self, restore: &'a Restore) -> [(&'a str, &'a str); 2] {
        [(self.secrets_table(), &restore.secrets_table), (self.table(), &restore.table)]
    }

    fn stack_to_restore(&self) -> Result<&Stack, AdminError> {
        self.stack().ok_or_else(|| {
            AdminError::Usage("Only a stack that is deployed can be restored: say --stack NAME.".to_owned())
        })
    }

    /// Looks whether the instant can be had, and writes down what is to be made before it is asked for.
    async fn prepare_restore(&self, at: Timestamp, now: Timestamp) -> Result<Restore, AdminError> {
        self.stack_to_restore()?;
        let (table, secrets_table) = (copy_of(self.table(), at), copy_of(self.secrets_table(), at));
        for (table, copy) in [(self.table(), &table), (self.secrets_table(), &secrets_table)] {
            if self.status_of(copy).await?.is_none() {
                self.check_window(table, at).await?;
            }
        }
        let restore =
            Restore { at, begun_at: now, table, secrets_table, step: RestoreStep::Begun, functions: Vec::new() };
        let mut under_way = UnderWay { restore, revision: Revision::Nothing };
        self.write_down(&mut under_way).await?;
        Ok(under_way.restore)
    }

    async fn check_window(&self, table: &str, at: Timestamp) -> Result<(), AdminError> {
        let asked = self.dynamodb().describe_continuous_backups().table_name(table).send().await;
        let answer = asked.map_err(|error| AdminError::aws("DynamoDB", error))?;
        let described = answer.continuous_backups_description();
        let window = described.and_then(|backups| backups.point_in_time_recovery_description());
        let instant = |at: Option<&DateTime>| at.and_then(|at| Timestamp::from_second(at.secs()).ok());
        let earliest = window.and_then(|window| instant(window.earliest_restorable_date_time()));
        let latest = window.and_then(|window| instant(window.latest_restorable_date_time()));
        match earliest.zip(latest) {
            Some((earliest, latest)) if (earliest..=latest).contains(&at) => Ok(()),
            Some((earliest, latest)) => Err(AdminError::refused(format!(
                "{table} can go back to any instant from {earliest} to {latest}, and not to {at}."
            ))),
            None => Err(AdminError::refused(format!("{table} has no point-in-time recovery."))),
        }
    }

    /// Every function of the stack, as Lambda says that it is.
    async fn functions(&self) -> Result<Vec<FunctionNow>, AdminError> {
        let stack = &self.stack_to_restore()?.name;
        let mut functions = Vec::new();
        for (logical_id, name) in Stack::resources(&self.aws, stack, "AWS::Lambda::Function").await? {
            functions.push(self.function_now(logical_id, name).await?);
        }
        if functions.is_empty() {
            return Err(AdminError::refused(format!("The stack {stack} has no function.")));
        }
        Ok(functions)
    }

    async fn function_now(&self, logical_id: String, name: String) -> Result<FunctionNow, AdminError> {
        let in_path = in_path(&name);
        let reserved = self.aws.get(LAMBDA, &format!("/2019-09-30/functions/{in_path}/concurrency")).await?;
        let set = self.aws.get(LAMBDA, &format!("/2015-03-31/functions/{in_path}/configuration")).await?;
        let mapped =
            self.aws.get(LAMBDA, &format!("/2015-03-31/event-source-mappings/?FunctionName={in_path}")).await?;
        let reserved = reserved["ReservedConcurrentExecutions"].as_u64();
        let (mut on, mut off, mut is_read) = (Vec::new(), Vec::new(), false);
        for mapping in list(&mapped["EventSourceMappings"]) {
            let Some(id) = mapping["UUID"].as_str() else { continue };
            let state = mapping["State"].as_str();
            is_read |= state != Some("Disabled");
            let is_off = matches!(state, Some("Disabled" | "Disabling"));
            if is_off { off.push(id.to_owned()) } else { on.push(id.to_owned()) }
        }
        let timeout = set["Timeout"].as_u64().unwrap_or(900);
        Ok(FunctionNow {
            set: StoppedFunction { logical_id, name, reserved, timeout, mappings: on },
            off,
            is_stopped: reserved == Some(0) && !is_read,
        })
    }

    /// Stops every function that Lambda says is not, and returns from when on none runs any more. How each was set is
    /// written down before, unless an earlier try wrote it down.
    async fn stop(&self, under_way: &mut UnderWay, progress: &impl Fn(&str)) -> Result<Timestamp, AdminError> {
        let step = under_way.restore.step;
        let functions = self.functions().await?;
        let earlier = match step {
            RestoreStep::Stopped { idle_from } if functions.iter().all(|one| one.is_stopped) => return Ok(idle_from),
            RestoreStep::Stopping | RestoreStep::Stopped { .. } => std::mem::take(&mut under_way.restore.functions),
            RestoreStep::Begun | RestoreStep::Started => Vec::new(),
            RestoreStep::Starting | RestoreStep::Ending => {
                return Err(AdminError::refused(format!("Nothing is brought back now: {}.", step.in_words())));
            }
        };
        for still in functions.iter().filter(|one| earlier.iter().all(|known| known.name != one.set.name)) {
            for stopped in still.still_stopped() {
                progress(&format!("This was stopped before, and `restore start` leaves it so. {stopped}"));
            }
        }
        let remembered = |now: &FunctionNow| {
            let mut set = now.set.clone();
            if let Some(known) = earlier.iter().find(|known| known.name == set.name) {
                set.reserved = known.reserved;
                set.mappings.extend(known.mappings.iter().filter(|id| !now.set.mappings.contains(id)).cloned());
            }
            set
        };
        under_way.restore.functions = functions.iter().map(remembered).collect();
        under_way.restore.step = RestoreStep::Stopping;
        self.write_down(under_way).await?;
        progress("The functions are being stopped, and nobody can pay until `restore start`.");
        for function in &under_way.restore.functions {
            for mapping in &function.mappings {
                self.switch(mapping, false).await?;
            }
            let body = json!({ "ReservedConcurrentExecutions": 0 });
            self.aws.change(LAMBDA, Method::PUT, &reservation(&function.name), Some(&body)).await?;
        }
        if let Some(running) = self.functions().await?.into_iter().find(|one| !one.is_stopped) {
            return Err(AdminError::refused(format!(
                "{} runs although it was stopped: run this again, or `restore start`.",
                running.set.name
            )));
        }
        let longest = functions.iter().map(|function| function.set.timeout).max().unwrap_or_default();
        let idle_from = later(Timestamp::now(), SignedDuration::from_secs(i64::try_from(longest).unwrap_or(900)));
        under_way.restore.step = RestoreStep::Stopped { idle_from };
        self.write_down(under_way).await?;
        Ok(idle_from)
    }

    async fn start(&self, functions: &[StoppedFunction]) -> Result<(), AdminError> {
        let mut in_order: Vec<&StoppedFunction> = functions.iter().collect();
        in_order.sort_by_key(|function| place_of(&function.logical_id));
        for function in in_order {
            let path = reservation(&function.name);
            match function.reserved {
                Some(many) => {
                    let body = json!({ "ReservedConcurrentExecutions": many });
                    self.aws.change(LAMBDA, Method::PUT, &path, Some(&body)).await?;
                }
                None => self.aws.change(LAMBDA, Method::DELETE, &path, None).await?,
            }
            for mapping in &function.mappings {
                self.switch(mapping, true).await?;
            }
        }
        Ok(())
    }

    /// Switches an event source mapping on, or off until it is. While Lambda is about to do something else with it, it
    /// takes no order.
    async fn switch(&self, mapping: &str, on: bool) -> Result<(), AdminError> {
        let path = format!("/2015-03-31/event-source-mappings/{}", in_path(mapping));
        let mut is_ordered = false;
        for _ in 0..MOST_LOOKS {
            let described = self.aws.get(LAMBDA, &path).await?;
            match (described["State"].as_str(), on) {
                (Some("Enabled" | "Enabling"), true) | (Some("Disabled"), false) => return Ok(()),
                (Some("Enabled" | "Disabled"), _) if !is_ordered => {
                    self.aws.change(LAMBDA, Method::PUT, &path, Some(&json!({ "Enabled": on }))).await?;
                    is_ordered = true;
                }
                (Some(_) | None, _) => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(AdminError::refused(format!("Lambda does not come to rest with the mapping {mapping}; run this again.")))
    }

    async fn status_of(&self, table: &str) -> Result<Option<TableStatus>, AdminError> {
        match self.dynamodb().describe_table().table_name(table).send().await {
            Ok(answer) => Ok(answer.table.and_then(|table| table.table_status)),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(AdminError::aws("DynamoDB", error)),
        }
    }

    async fn ask_for_copy(&self, table: &str, copy: &str, at: Timestamp) -> Result<(), AdminError> {
        if self.status_of(copy).await?.is_some() {
            return Ok(());
        }
        let asked = self
            .dynamodb()
            .restore_table_to_point_in_time()
            .source_table_name(table)
            .target_table_name(copy)
            .restore_date_time(DateTime::from_secs(at.as_second()))
            .send()
            .await;
        match asked {
            Ok(_) => Ok(()),
            // An earlier call had asked for it.
            Err(error) if error.code() == Some("TableAlreadyExistsException") => Ok(()),
            Err(error) => Err(AdminError::aws("DynamoDB", error)),
        }
    }

    async fn check_copies(&self, restore: &Restore) -> Result<(), AdminError> {
        for (_, copy) in self.tables_of(restore) {
            if self.status_of(copy).await? != Some(TableStatus::Active) {
                return Err(AdminError::refused(format!("{copy} is not ready: `restore begin` waits for it.")));
            }
        }
        Ok(())
    }

    async fn wait_for_copy(&self, copy: &str) -> Result<(), AdminError> {
        loop {
            match self.status_of(copy).await? {
                Some(TableStatus::Active) => return Ok(()),
                Some(TableStatus::Creating) => tokio::time::sleep(PAUSE).await,
                other => {
                    let status = other.map_or_else(|| "gone".to_owned(), |status| status.as_str().to_owned());
                    return Err(AdminError::refused(format!("{copy} is {status}.")));
                }
            }
        }
    }

    /// AWS deletes no table that it still makes, so that this waits for it.
    async fn delete_copy(&self, copy: &str, progress: &impl Fn(&str)) -> Result<(), AdminError> {
        if self.status_of(copy).await? == Some(TableStatus::Creating) {
            progress(&format!("AWS still makes {copy}, and deletes it only then."));
            self.wait_for_copy(copy).await?;
        }
        match self.dynamodb().delete_table().table_name(copy).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(AdminError::aws("DynamoDB", error)),
        }
    }
}

/// The name of the copy of a table, as it was at an instant.
pub(crate) fn copy_of(table: &str, at: Timestamp) -> String {
    format!("{table}-at-{}", at.strftime("%Y%m%dT%H%M%SZ"))
}

fn reservation(function: &str) -> String {
    format!("/2017-10-31/functions/{}/concurrency", in_path(function))
}

/// A function's place in the order in which they are started.
fn place_of(logical_id: &str) -> usize {
    match FIRST.iter().position(|first| logical_id.starts_with(first)) {
        Some(place) => place,
        None if logical_id.starts_with(LAST) => FIRST.len() + 1,
        None => FIRST.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_money_is_started_first_and_what_tells_of_it_last() {
        let mut names =
            ["CreateLink", "DeliverMessages", "CrmApi", "ExpireLinks", "PayRedirect", "RunBatches", "GatewayWebhook"];
        names.sort_by_key(|name| place_of(name));
        let expected =
            ["GatewayWebhook", "ExpireLinks", "PayRedirect", "CrmApi", "CreateLink", "RunBatches", "DeliverMessages"];
        assert_eq!(names, expected);
    }
}

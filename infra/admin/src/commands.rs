//! What each command does, and what is printed of it.

use std::io::Read;

use domain::ids::{AttemptId, BusinessId, ContactId, LinkId};
use domain::link::Resolution;
use domain::records::business::{Business, BusinessState};
use http::Method;
use paylink_admin::cli::{
    ApiKeyCommand, Arguments, BusinessCommand, Command, ContactCommand, FromFile, Limits, OfBusiness, OfHolder,
    definition,
};
use paylink_admin::{
    Admin, AdminError, BusinessErasure, BusinessMarking, ErasedBusiness, Group, NewKey, ReplayedReports,
    SmsPreferences, Verdict, variables_of_the_process,
};
use runtime::Clock;
use serde_json::{Value, json};
use store::KeyHolder;

use crate::output::Output;

type Done = Result<(), AdminError>;

pub(crate) async fn run(arguments: Arguments, output: Output) -> Done {
    let Arguments { place, json: _, command } = arguments;
    if let Command::Completions { shell } = command {
        clap_complete::generate(shell, &mut definition(), definition().get_name(), &mut std::io::stdout());
        return Ok(());
    }
    let admin = Admin::of(variables_of_the_process(), place.stack.as_deref(), place.region.as_deref()).await?;
    Session { admin, output }.run(command).await
}

/// One command under way.
struct Session {
    admin: Admin,
    output: Output,
}

impl Session {
    async fn run(&self, command: Command) -> Done {
        match command {
            Command::SetUp { business } => self.set_up(&business).await,
            Command::Business(command) => self.business(command).await,
            Command::ApiKey(command) => self.api_key(command).await,
            Command::Log { most, of } => self.log(&of, most).await,
            Command::Settings { file, of } => self.record(&of, "/v1/settings", &file).await,
            Command::Account { id, file, of } => self.record(&of, &format!("/v1/accounts/{id}"), &file).await,
            Command::Sms { limit, log_role, log_percent } => {
                self.sms(&SmsPreferences { monthly_limit: limit, log_role, log_percent }).await
            }
            Command::Health => self.health().await,
            Command::Replay { days } => self.replay(days).await,
            Command::ReplayReports => self.replay_reports().await,
            Command::Resolve { link, outcome, attempt } => self.resolve(&link, outcome, attempt.as_ref()).await,
            Command::Contact(ContactCommand::Export { id, of }) => self.export_contact(&of, &id).await,
            Command::Contact(ContactCommand::Erase { id, confirm, of }) => self.erase_contact(&of, &id, &confirm).await,
            Command::Restore(command) => crate::restore_commands::run(&self.admin, self.output, command).await,
            // It was printed before a stack was looked for.
            Command::Completions { shell: _ } => Ok(()),
        }
    }

    async fn business(&self, command: BusinessCommand) -> Done {
        match command {
            BusinessCommand::Create { id, name, pay_url } => {
                let made = self.admin.create_business(&id, &name, pay_url.as_deref(), Clock::System.now()).await?;
                self.show_business(&made).await
            }
            BusinessCommand::List => self.list_businesses().await,
            BusinessCommand::Show { id: Some(id) } => {
                self.show_business(&self.admin.business_called(id.as_str()).await?).await
            }
            BusinessCommand::Show { id: None } => {
                let id = self.admin.business(None).await?;
                self.show_business(&self.admin.business_called(id.as_str()).await?).await
            }
            BusinessCommand::Suspend { id, reason } => {
                let suspended = self.admin.suspend_business(&id, reason.as_deref(), Clock::System.now()).await?;
                self.show_business(&suspended).await?;
                self.output
                    .note("It makes no link and begins no payment, within half a minute. What was begun finishes.");
                Ok(())
            }
            BusinessCommand::Resume { id } => {
                self.show_business(&self.admin.resume_business(&id, Clock::System.now()).await?).await?;
                self.output.note("It makes links and takes payments again, within half a minute.");
                Ok(())
            }
            BusinessCommand::Shards { id, number } => self.set_shards(&id, number).await,
            BusinessCommand::Quotas { id, limits } => self.quotas(&id, &limits).await,
            BusinessCommand::Usage { id, month } => self.usage(&id, month.as_deref()).await,
            BusinessCommand::Export { id } => {
                let shown = self.admin.export_business(&id, |entry| self.output.entry(entry)).await?;
                self.output.note(format!("These are {shown} entries."));
                Ok(())
            }
            BusinessCommand::Erase { id: Some(id), confirm, scan } => {
                self.erase_business(&id, &confirm.unwrap_or_default(), scan).await
            }
            BusinessCommand::Erase { id: None, confirm: _, scan } => self.erase_marked_businesses(scan).await,
        }
    }

    async fn api_key(&self, command: ApiKeyCommand) -> Done {
        match command {
            ApiKeyCommand::Create { integration, scopes, of } => {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                let made = self.admin.create_key(&self.holder(&of).await?, &integration, &scopes).await?;
                self.show_key(&made, json!({}));
                Ok(())
            }
            ApiKeyCommand::List { of } => {
                for listed in self.admin.list_keys(&self.holder(&of).await?).await? {
                    let scopes: Vec<&str> = listed.key.scopes.iter().map(|scope| scope.as_str()).collect();
                    let (id, created_at, integration) = (&listed.id, listed.key.created_at, &listed.key.integration);
                    self.output.result(
                        format!("{id}  {created_at}  {}  {integration}", scopes.join(",")),
                        &json!({
                            "id": id, "created_at": created_at.to_string(), "scopes": scopes, "integration": integration,
                        }),
                    );
                }
                Ok(())
            }
            ApiKeyCommand::Revoke { id, of } => {
                self.admin.revoke_key(&self.holder(&of).await?, &id).await?;
                let text = format!("The key {id} is revoked. Functions that know it forget it within half a minute.");
                self.output.result(text, &json!({ "id": id, "revoked": true }));
                Ok(())
            }
        }
    }

    async fn of(&self, of: &OfBusiness) -> Result<BusinessId, AdminError> {
        self.admin.business(of.business.as_deref()).await
    }

    async fn holder(&self, of: &OfHolder) -> Result<KeyHolder, AdminError> {
        if of.platform { Ok(KeyHolder::Platform) } else { Ok(KeyHolder::Business(self.of(&of.business).await?)) }
    }

    /// Only the key is the result, so that a script can keep it.
    async fn set_up(&self, business: &BusinessId) -> Done {
        let made = self.admin.set_up(business, Clock::System.now()).await?;
        let (table, secrets) = (self.admin.table(), self.admin.secrets_table());
        self.output.note(format!("The tables {table} and {secrets} are set up."));
        let Some(first) = made else {
            let text = "There is a business already. `business create` makes another, and `api-key create` a key.";
            self.output.note(text);
            if self.output == Output::Program {
                self.output.record(&json!({ "business": null, "id": null, "key": null }));
            }
            return Ok(());
        };
        self.output.note(format!("There is a business now: {}. This is an API key for its CRM.", first.business.id));
        self.show_key(&first.key, json!({ "business": first.business.id.as_str() }));
        Ok(())
    }

    fn show_key(&self, made: &NewKey, mut more: Value) {
        more["id"] = json!(made.id);
        more["key"] = json!(made.key);
        self.output.result(&made.key, &more);
        self.output.note(format!("This key is shown once and kept only as a hash. Its id is {}.", made.id));
    }

    async fn list_businesses(&self) -> Done {
        if self.output == Output::Program {
            let mut cursor = String::new();
            loop {
                let path = format!("/v1/businesses?limit=100{cursor}");
                let page = self.admin.call_as_platform(Method::GET, &path, None).await?;
                for business in page["data"].as_array().into_iter().flatten() {
                    self.output.entry(business);
                }
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => return Ok(()),
                }
            }
        }
        for business in self.admin.businesses().await? {
            self.output.result(line(&business), &Value::Null);
        }
        Ok(())
    }

    /// A program gets what the API shows.
    async fn show_business(&self, business: &Business) -> Done {
        let shown = match self.output {
            Output::Person => Value::Null,
            Output::Program => {
                self.admin.call_as_platform(Method::GET, &format!("/v1/businesses/{}", business.id), None).await?
            }
        };
        self.output.result(line(business), &shown);
        Ok(())
    }

    async fn set_shards(&self, id: &BusinessId, number: i64) -> Done {
        self.show_business(&self.admin.set_shards(id, number, Clock::System.now()).await?).await?;
        self.output.note(
            "Lists are read from all of these. New links are spread over them within two minutes, when every function \
             knows the number. Those that were made before stay where they are.",
        );
        Ok(())
    }

    async fn quotas(&self, id: &BusinessId, limits: &Limits) -> Done {
        let named = limits.named();
        let business = if named.is_empty() {
            self.admin.business_called(id.as_str()).await?
        } else {
            let to = |known: domain::business::quotas::Quotas| {
                named.iter().fold(known, |quotas, (quota, limit)| quotas.with(*quota, *limit))
            };
            self.admin.set_quotas(id, to, Clock::System.now()).await?
        };
        let (mut lines, mut shown) = (Vec::new(), json!({}));
        for quota in domain::business::quotas::Quota::ALL {
            let limit = business.quotas.limit(quota);
            shown[quota.as_str()] = json!(limit);
            let limit = limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
            lines.push(format!("{}: {limit}", quota.as_str()));
        }
        self.output.result(lines.join("\n"), &shown);
        if !named.is_empty() {
            self.output.note("These quotas hold within half a minute.");
        }
        Ok(())
    }

    async fn usage(&self, id: &BusinessId, month: Option<&str>) -> Done {
        let business = self.admin.business_called(id.as_str()).await?.id;
        let month = month.map(|month| format!("?month={month}")).unwrap_or_default();
        let path = format!("/v1/businesses/{business}/usage{month}");
        self.output.record(&self.admin.call_as_platform(Method::GET, &path, None).await?);
        Ok(())
    }

    async fn erase_business(&self, id: &BusinessId, confirmed: &str, scans: bool) -> Done {
        let known = self.admin.business_called(id.as_str()).await?;
        let is_erased = matches!(known.state, BusinessState::Erased { .. });
        if !(is_erased && scans) {
            self.mark(id, confirmed).await?;
            self.erase_marked(id).await?;
        }
        if scans { self.scan(id).await } else { Ok(()) }
    }

    async fn mark(&self, id: &BusinessId, confirmed: &str) -> Done {
        loop {
            let now = Clock::System.now();
            match self.admin.mark_business(id, confirmed, now).await? {
                BusinessMarking::Marked(business) => {
                    self.output.note(line(&business));
                    return Ok(());
                }
                BusinessMarking::NotYet { until } => {
                    self.output
                        .note(format!("{id}: waiting until {until}, when every function knows that it is suspended."));
                    tokio::time::sleep(until.duration_since(now).unsigned_abs()).await;
                }
            }
        }
    }

    /// One that cannot be erased yet does not keep the others.
    async fn erase_marked_businesses(&self, scans: bool) -> Done {
        let mut left = Vec::new();
        for id in self.admin.marked_businesses().await? {
            let erased = match self.erase_marked(&id).await {
                Ok(()) if scans => self.scan(&id).await,
                erased => erased,
            };
            if let Err(error) = erased {
                self.output.error(&error);
                left.push(id.to_string());
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(AdminError::Left(format!("These are not erased yet: {}.", left.join(", "))))
    }

    async fn erase_marked(&self, id: &BusinessId) -> Done {
        loop {
            let now = Clock::System.now();
            match self.admin.erase_business(id, now).await? {
                BusinessErasure::NotYet { until } => {
                    self.output
                        .note(format!("{id}: waiting until {until}, when every function knows that it is marked."));
                    tokio::time::sleep(until.duration_since(now).unsigned_abs()).await;
                }
                BusinessErasure::Waits(waiting) => return Err(AdminError::Left(format!("{id}: {waiting}"))),
                BusinessErasure::Erased(erased) => {
                    let ErasedBusiness { business, links, receipts, contacts, items } = *erased;
                    let text = format!(
                        "{links} links, {receipts} receipts, {contacts} contacts and {items} items are deleted, with \
                         all\n\
                         settings, secrets and keys. Its lists are empty. What is left is that the id was given \
                         away:\n{}",
                        line(&business)
                    );
                    let shown = json!({
                        "id": id.as_str(), "links": links, "receipts": receipts, "contacts": contacts, "items": items,
                    });
                    self.output.result(text, &shown);
                    return Ok(());
                }
            }
        }
    }

    async fn scan(&self, id: &BusinessId) -> Done {
        let found = self.admin.erase_strays(id, Clock::System.now()).await?;
        let text = match found {
            0 => format!("{id}: a look through both tables found nothing else."),
            found => {
                format!("{id}: a look through both tables found {found} items that no list named, and deleted them.")
            }
        };
        self.output.result(text, &json!({ "id": id.as_str(), "strays": found }));
        Ok(())
    }

    async fn log(&self, of: &OfBusiness, most: usize) -> Done {
        for entry in self.admin.audit_log(&self.of(of).await?, most).await? {
            self.output.entry(&serde_json::to_value(&entry).map_err(|error| AdminError::Refused(error.to_string()))?);
        }
        Ok(())
    }

    /// Shows a record of the API, or writes it from a file.
    async fn record(&self, of: &OfBusiness, path: &str, file: &FromFile) -> Done {
        let business = self.of(of).await?;
        let answer = match &file.file {
            None => self.admin.call(&business, Method::GET, path, None).await?,
            Some(file) => self.admin.call(&business, Method::PUT, path, Some(content(file)?)).await?,
        };
        self.output.record(&answer);
        Ok(())
    }

    async fn sms(&self, preferences: &SmsPreferences) -> Done {
        if *preferences != SmsPreferences::default() {
            self.admin.set_sms_preferences(preferences).await?;
        }
        let known = self.admin.sms_preferences().await?;
        let lines: Vec<String> = known.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        self.output.result(lines.join("\n"), &json!(known));
        Ok(())
    }

    async fn health(&self) -> Done {
        let findings = self.admin.health(Clock::System.now()).await;
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (missing, unknown) = (count(Verdict::Missing), count(Verdict::Unknown));
        let mut lines = Vec::new();
        for group in Group::ALL {
            let mut of_group = findings.iter().filter(|finding| finding.group == group).peekable();
            if of_group.peek().is_some() {
                lines.push(format!("\n{}", group.title()));
            }
            for finding in of_group {
                let mark = match finding.verdict {
                    Verdict::Good => "ok      ",
                    Verdict::Missing => "MISSING ",
                    Verdict::Unknown => "unknown ",
                };
                lines.push(format!("{mark}{}", finding.text));
                lines.extend(finding.command.iter().map(|command| format!("          $ {command}")));
            }
        }
        let shown: Vec<Value> = findings
            .iter()
            .map(|finding| {
                json!({
                    "group": finding.group.as_str(), "verdict": finding.verdict.as_str(), "text": finding.text,
                    "command": finding.command,
                })
            })
            .collect();
        let text = lines.join("\n");
        let document = json!({ "missing": missing, "unknown": unknown, "findings": shown });
        self.output.result(text.trim_start(), &document);
        if missing == 0 {
            return Ok(());
        }
        Err(AdminError::Left(format!("{missing} of {} are missing.", findings.len())))
    }

    async fn replay(&self, days: u32) -> Done {
        let done = self.admin.replay(days, Clock::System.now()).await?;
        let text = format!(
            "{} links were read, and {} of them are delivered again.\n{} undelivered records are not needed any more.",
            done.links, done.redelivered, done.records
        );
        let shown = json!({ "links": done.links, "redelivered": done.redelivered, "records": done.records });
        self.output.result(text, &shown);
        Ok(())
    }

    async fn replay_reports(&self) -> Done {
        let ReplayedReports { reports, runs, unreadable } = self.admin.replay_reports().await?;
        let text = format!(
            "deliver-messages was given {reports} reports again; one that it cannot note comes back within minutes. \
             {runs} runs of the schedule are not needed any more."
        );
        self.output.result(text, &json!({ "reports": reports, "runs": runs, "unreadable": unreadable }));
        if unreadable == 0 {
            return Ok(());
        }
        Err(AdminError::Left(format!(
            "{unreadable} messages of the queue are no reports, and stay: look at them with `aws sqs receive-message`."
        )))
    }

    async fn resolve(&self, link: &LinkId, outcome: Resolution, attempt: Option<&AttemptId>) -> Done {
        let resolved = self.admin.resolve(link, attempt, outcome, Clock::System.now()).await?;
        for attempt in resolved.attempts() {
            let (id, state) = (attempt.id.as_str(), attempt.state.name());
            self.output.result(format!("{id}  {state}"), &json!({ "attempt_id": id, "status": state }));
        }
        Ok(())
    }

    async fn export_contact(&self, of: &OfBusiness, id: &ContactId) -> Done {
        self.output.record(&self.admin.export_contact(&self.of(of).await?, id, Clock::System.now()).await?);
        Ok(())
    }

    async fn erase_contact(&self, of: &OfBusiness, id: &ContactId, confirmed: &str) -> Done {
        if confirmed != id.as_str() {
            return Err(AdminError::Usage(format!("Confirm with --confirm {id} that {id} is to be forgotten.")));
        }
        let erased = self.admin.erase_contact(&self.of(of).await?, id, Clock::System.now()).await?;
        let was = if erased.contact { "is deleted" } else { "was not there" };
        let left: Vec<&str> = erased.left.iter().map(|id| id.as_str()).collect();
        let text = format!(
            "The contact {was}. {} links forgot it, and {} items are deleted.\n{} receipts stay; they hold the \
             contact's id and no name.",
            erased.links, erased.items, erased.receipts
        );
        let shown = json!({
            "contact": erased.contact, "links": erased.links, "items": erased.items, "receipts": erased.receipts,
            "left": left,
        });
        self.output.result(text, &shown);
        if left.is_empty() {
            return Ok(());
        }
        Err(AdminError::Left(format!(
            "These links can still be paid, or their money is under way: {}. Run this again when they are over.",
            left.join(", ")
        )))
    }
}

/// A business on one line.
fn line(business: &Business) -> String {
    let state = match &business.state {
        BusinessState::Active => "active".to_owned(),
        BusinessState::Suspended { suspended_at, reason } => {
            let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("suspended since {suspended_at}{reason}")
        }
        BusinessState::Erasing { since, .. } => format!("marked to be erased since {since}"),
        BusinessState::Erased { erased_at } => format!("erased at {erased_at}"),
    };
    let pay_url = business.pay_url.as_ref().map(|url| format!("  {}", url.as_str())).unwrap_or_default();
    format!("{}  {state}  {}  {}{pay_url}", business.id, business.created_at, business.name)
}

fn content(file: &str) -> Result<String, AdminError> {
    let unreadable = |error| AdminError::Refused(format!("{file} cannot be read: {error}"));
    if file != "-" {
        return std::fs::read_to_string(file).map_err(unreadable);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

//! The deployer's command: reads its arguments, and prints the result.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a person at a terminal")]

use std::error::Error;
use std::io::Read;
use std::process::ExitCode;

use domain::Timestamp;
use domain::ids::{AccountId, ContactId};
use http::Method;
use paylink_admin::{Admin, SmsPreferences, Verdict};
use runtime::Environment;
use serde_json::Value;

const USAGE: &str = "\
usage: paylink-admin set-up
       paylink-admin api-key create INTEGRATION [SCOPE ...]
       paylink-admin api-key list
       paylink-admin api-key revoke ID
       paylink-admin settings [FILE]
       paylink-admin account ID [FILE]
       paylink-admin sms [--limit DOLLARS] [--log-role ARN] [--log-percent PERCENT]
       paylink-admin health
       paylink-admin replay [DAYS]
       paylink-admin contact export ID
       paylink-admin contact erase ID

  set-up           writes the secret that idempotent requests derive from; once, and harmless afterwards
  api-key create   makes an API key for an integration and shows it once
                   scopes: read, write, admin; all of them unless named
  api-key list     shows every key's id, integration, scopes and age; the keys themselves are kept nowhere
  api-key revoke   makes a key worthless, within half a minute
  settings         shows the business's settings, or writes them from a file with the body of PUT /v1/settings
  account          shows an account, or writes it with its gateway's credentials from a file with the body of
                   PUT /v1/accounts/ID; the file - is standard input, so that a secret need not lie anywhere
  sms              shows the account's preferences for text messages, or sets them: what they may cost in a month,
                   and the role with which SNS writes down what became of them (see infra/bootstrap.yaml)
  health           looks at everything that money and messages need, and fails where something is missing
  replay           has everything delivered that is still undelivered of links made within DAYS days (90 unless
                   named), and empties the queue of undelivered records
  contact export   shows everything that is kept about a contact, as JSON
  contact erase    forgets a contact: links that are over, items, the contact itself; receipts stay

Set PAYLINK_TABLE to the stack's output TableName, PAYLINK_UNDELIVERED_RECORDS to UndeliveredRecordsUrl,
PAYLINK_EMAIL_SENDER to its parameter EmailSender, PAYLINK_DAY_SHARDS to DayShards unless that is 1, and AWS_REGION,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN as `aws configure export-credentials --format env` prints
them.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type CommandResult = Result<(), Box<dyn Error>>;

async fn run(words: &[&str]) -> CommandResult {
    let admin = || Admin::new(Environment::of_the_process());
    match words {
        ["set-up"] => set_up(&admin()?).await,
        ["api-key", "create", integration, scopes @ ..] => create_key(&admin()?, integration, scopes).await,
        ["api-key", "list"] => list_keys(&admin()?).await,
        ["api-key", "revoke", id] => revoke_key(&admin()?, id).await,
        ["settings", file @ ..] if file.len() < 2 => record(&admin()?, "/v1/settings", file.first()).await,
        ["account", id, file @ ..] if file.len() < 2 => {
            record(&admin()?, &format!("/v1/accounts/{}", AccountId::parse(id)?), file.first()).await
        }
        ["sms", options @ ..] => sms(&admin()?, options).await,
        ["health"] => health(&admin()?).await,
        ["replay"] => replay(&admin()?, 90).await,
        ["replay", days] => replay(&admin()?, number("DAYS", days)?).await,
        ["contact", "export", id] => export(&admin()?, &ContactId::parse(id)?).await,
        ["contact", "erase", id] => erase(&admin()?, &ContactId::parse(id)?).await,
        _ => Err(USAGE.into()),
    }
}

async fn set_up(admin: &Admin) -> CommandResult {
    admin.set_up().await?;
    println!("The table {} is set up.", admin.table());
    Ok(())
}

async fn create_key(admin: &Admin, integration: &str, scopes: &[&str]) -> CommandResult {
    let made = admin.create_key(integration, scopes).await?;
    println!("{}", made.key);
    eprintln!("This key is shown once and kept only as a hash. Its id is {}.", made.id);
    Ok(())
}

async fn list_keys(admin: &Admin) -> CommandResult {
    for listed in admin.list_keys().await? {
        let scopes: Vec<&str> = listed.key.scopes.iter().map(|scope| scope.as_str()).collect();
        println!("{}  {}  {}  {}", listed.id, listed.key.created_at, scopes.join(","), listed.key.integration);
    }
    Ok(())
}

async fn revoke_key(admin: &Admin, id: &str) -> CommandResult {
    admin.revoke_key(id).await?;
    println!("The key {id} is revoked. Functions that know it forget it within half a minute.");
    Ok(())
}

/// Shows a record of the API, or writes it from a file.
async fn record(admin: &Admin, path: &str, file: Option<&&str>) -> CommandResult {
    let answer = match file {
        None => admin.call(Method::GET, path, None).await?,
        Some(file) => admin.call(Method::PUT, path, Some(content(file)?)).await?,
    };
    show(&answer)
}

fn content(file: &str) -> Result<String, Box<dyn Error>> {
    if file != "-" {
        return std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}").into());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn show(answer: &Value) -> CommandResult {
    println!("{}", serde_json::to_string_pretty(answer)?);
    Ok(())
}

async fn sms(admin: &Admin, options: &[&str]) -> CommandResult {
    let mut preferences = SmsPreferences::default();
    let (pairs, rest) = options.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(USAGE.into());
    }
    for [name, value] in pairs {
        match *name {
            "--limit" => preferences.monthly_limit = Some(number(name, value)?),
            "--log-role" => preferences.log_role = Some((*value).to_owned()),
            "--log-percent" => preferences.log_percent = Some(number(name, value)?),
            _ => return Err(USAGE.into()),
        }
    }
    if !pairs.is_empty() {
        admin.set_sms_preferences(&preferences).await?;
    }
    for (name, value) in admin.sms_preferences().await? {
        println!("{name}: {value}");
    }
    Ok(())
}

async fn health(admin: &Admin) -> CommandResult {
    let findings = admin.health(Timestamp::now()).await;
    for finding in &findings {
        let mark = match finding.verdict {
            Verdict::Good => "ok      ",
            Verdict::Missing => "MISSING ",
            Verdict::Unknown => "unknown ",
        };
        println!("{mark}{}", finding.text);
    }
    let missing = findings.iter().filter(|finding| finding.verdict == Verdict::Missing).count();
    if missing == 0 { Ok(()) } else { Err(format!("{missing} of {} are missing.", findings.len()).into()) }
}

async fn replay(admin: &Admin, days: u32) -> CommandResult {
    let done = admin.replay(days, Timestamp::now()).await?;
    println!("{} links were read, and {} of them are delivered again.", done.links, done.redelivered);
    println!("{} undelivered records are not needed any more.", done.records);
    Ok(())
}

async fn export(admin: &Admin, id: &ContactId) -> CommandResult {
    show(&admin.export_contact(id, Timestamp::now()).await?)
}

async fn erase(admin: &Admin, id: &ContactId) -> CommandResult {
    let erased = admin.erase_contact(id, Timestamp::now()).await?;
    let was = if erased.contact { "is deleted" } else { "was not there" };
    println!("The contact {was}. {} links forgot it, and {} items are deleted.", erased.links, erased.items);
    println!("{} receipts stay; they hold the contact's id and no name.", erased.receipts);
    if erased.left.is_empty() {
        return Ok(());
    }
    let left: Vec<&str> = erased.left.iter().map(|id| id.as_str()).collect();
    Err(format!(
        "These links can still be paid, or their money is under way: {}. Run this again when they are over.",
        left.join(", ")
    )
    .into())
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} is a whole number, and {text} is none"))
}

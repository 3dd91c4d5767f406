//! The deployer's command: reads its arguments, and prints the result.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a person at a terminal")]

use std::error::Error;
use std::io::Read;
use std::process::ExitCode;

use domain::business::quotas::{Quota, Quotas};
use domain::ids::{AccountId, AttemptId, BusinessId, ContactId, LinkId};
use domain::link::Resolution;
use domain::records::business::{Business, BusinessState};
use http::Method;
use paylink_admin::{
    Admin, BusinessErasure, BusinessMarking, ErasedBusiness, FIRST_BUSINESS, NewKey, SmsPreferences, Verdict,
};
use runtime::{Clock, Environment};
use serde_json::Value;
use store::KeyHolder;

const USAGE: &str = "\
usage: paylink-admin set-up [BUSINESS]
       paylink-admin business create ID NAME [--pay-url URL]
       paylink-admin business list
       paylink-admin business show [ID]
       paylink-admin business suspend ID [REASON]
       paylink-admin business resume ID
       paylink-admin business shards ID NUMBER
       paylink-admin business quotas ID [--links-per-day N] [--messages-per-day N] [--calls-per-second N]
       paylink-admin business usage ID [MONTH]
       paylink-admin business export ID
       paylink-admin business erase [ID --confirm ID] [--scan]
       paylink-admin api-key create INTEGRATION [SCOPE ...]
       paylink-admin api-key list
       paylink-admin api-key revoke ID
       paylink-admin log [NUMBER]
       paylink-admin settings [FILE]
       paylink-admin account ID [FILE]
       paylink-admin sms [--limit DOLLARS] [--log-role ARN] [--log-percent PERCENT]
       paylink-admin health
       paylink-admin replay [DAYS]
       paylink-admin resolve LINK OUTCOME [ATTEMPT]
       paylink-admin contact export ID
       paylink-admin contact erase ID

  set-up           writes the secret that idempotent requests derive from and, where there is no business yet, makes the
                   business BUSINESS, or main, and an API key for its CRM, which is shown once; harmless afterwards
  business create  makes a business; its pay URLs begin with URL, or as those of the stack do
  business list    shows every business's id, state, age, name and URL
  business show    shows a business
  business suspend lets a business make no link and begin no payment; what was begun finishes
  business resume  lets it make links and take payments again
  business shards  spreads each of its lists over NUMBER partitions of an index; one takes 250 links a second, and the
                   number can grow and not shrink
  business quotas  shows how much a business may do, or changes what is named of it: N, or none for no bound; days are
                   those of UTC
  business usage   shows what a business used in MONTH, such as 2026-11, or in the one that is, as JSON
  business export  shows everything that a business has, as the API shows it: each a line of JSON
  business erase   marks a suspended business that has no live link, which cannot be taken back, waits until every function
                   knows, and deletes all that it has once nothing of it is still to come; its id is given to nobody again.
                   Run again, it goes on where it was stopped. Without ID it goes on with all that are marked. With --scan
                   it looks through the whole of both tables afterwards, also of one that was erased before
  api-key create   makes an API key for an integration and shows it once
                   scopes: read, write, admin; all of them unless named
                   with --platform it is a key of the platform, which acts for every business as far as its scopes let
                   it, and may have the scope platform too, which makes businesses and suspends them
  api-key list     shows every key's id, integration, scopes and age; the keys themselves are kept nowhere
  api-key revoke   makes a key worthless, within half a minute
  log              shows who changed what the business's money depends on, the newest first: 50 entries unless NUMBER
                   says otherwise, each a line of JSON
  settings         shows the business's settings, or writes them from a file with the body of PUT /v1/settings
  account          shows an account, or writes it with its gateway's credentials from a file with the body of
                   PUT /v1/accounts/ID; the file - is standard input, so that a secret need not lie anywhere
  sms              shows the account's preferences for text messages, or sets them: what they may cost in a month,
                   and the role with which SNS writes down what became of them (see infra/bootstrap.yaml)
  health           looks at everything that money and messages need, and fails where something is missing
  replay           has everything delivered that is still undelivered of links made within DAYS days (90 unless
                   named), and empties the queue of undelivered records
  resolve          decides about an attempt of a link that needs a person, as POST …/resolve does, where nobody can speak for
                   its business any more; OUTCOME is ask_again, keep, refund, refunded_elsewhere or not_paid
  contact export   shows everything that is kept about a contact, as JSON
  contact erase    forgets a contact: links that are over, items, the contact itself; receipts stay

What is about one business (api-key, log, settings, account, contact) is about the only one of the stack. Where there are
several, --business ID says which. For api-key, --platform stands in its place.

Set PAYLINK_TABLE to the stack's output TableName, PAYLINK_SECRETS_TABLE to SecretsTableName,
PAYLINK_UNDELIVERED_RECORDS to UndeliveredRecordsUrl, PAYLINK_EMAIL_SENDER to its parameter EmailSender,
and AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN as `aws configure export-credentials --format env` prints them.";

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

/// Whom a command is about.
#[derive(Clone, Copy)]
enum About<'a> {
    /// Nobody is named: the only business there is, or the stack.
    Unsaid,
    Business(&'a str),
    Platform,
}

impl<'a> About<'a> {
    /// Takes what says it out of the words.
    fn read(words: &[&'a str]) -> Result<(Vec<&'a str>, Self), &'static str> {
        let (mut rest, mut about) = (Vec::new(), Self::Unsaid);
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            about = match (word, about) {
                ("--business", Self::Unsaid) => Self::Business(words.next().ok_or(USAGE)?),
                ("--platform", Self::Unsaid) => Self::Platform,
                ("--business" | "--platform", Self::Business(_) | Self::Platform) => return Err(USAGE),
                (word, about) => {
                    rest.push(word);
                    about
                }
            };
        }
        Ok((rest, about))
    }

    async fn business(self, admin: &Admin) -> Result<BusinessId, Box<dyn Error>> {
        match self {
            Self::Unsaid => Ok(admin.business(None).await?),
            Self::Business(named) => Ok(admin.business(Some(named)).await?),
            Self::Platform => Err("Only API keys can be the platform's; say which business with --business ID.".into()),
        }
    }

    async fn key_holder(self, admin: &Admin) -> Result<KeyHolder, Box<dyn Error>> {
        match self {
            Self::Platform => Ok(KeyHolder::Platform),
            Self::Unsaid | Self::Business(_) => Ok(KeyHolder::Business(self.business(admin).await?)),
        }
    }
}

async fn run(words: &[&str]) -> CommandResult {
    let admin = || Admin::new(Environment::of_the_process());
    let (words, about) = About::read(words)?;
    match (words.as_slice(), about) {
        (["set-up"], About::Unsaid) => set_up(&admin()?, FIRST_BUSINESS).await,
        (["set-up", business], About::Unsaid) => set_up(&admin()?, business).await,
        (["business", "create", id, name], About::Unsaid) => create_business(&admin()?, id, name, None).await,
        (["business", "create", id, name, "--pay-url", url], About::Unsaid) => {
            create_business(&admin()?, id, name, Some(url)).await
        }
        (["business", "list"], About::Unsaid) => list_businesses(&admin()?).await,
        (["business", "show"], about) => show_one_business(&admin()?, about).await,
        (["business", "show", id], About::Unsaid) => show_one_business(&admin()?, About::Business(id)).await,
        (["business", "suspend", id], About::Unsaid) => suspend_business(&admin()?, id, None).await,
        (["business", "suspend", id, reason], About::Unsaid) => suspend_business(&admin()?, id, Some(reason)).await,
        (["business", "resume", id], About::Unsaid) => resume_business(&admin()?, id).await,
        (["business", "shards", id, many], About::Unsaid) => set_shards(&admin()?, id, number("NUMBER", many)?).await,
        (["business", "quotas", id, options @ ..], About::Unsaid) => quotas(&admin()?, id, options).await,
        (["business", "usage", id, month @ ..], About::Unsaid) if month.len() < 2 => {
            usage(&admin()?, id, month.first()).await
        }
        (["business", "export", id], About::Unsaid) => export_business(&admin()?, id).await,
        (["business", "erase"], About::Unsaid) => erase_businesses(&admin()?, false).await,
        (["business", "erase", "--scan"], About::Unsaid) => erase_businesses(&admin()?, true).await,
        (["business", "erase", id, "--confirm", confirmed], About::Unsaid) => {
            erase_business(&admin()?, id, confirmed, false).await
        }
        (["business", "erase", id, "--confirm", confirmed, "--scan"], About::Unsaid) => {
            erase_business(&admin()?, id, confirmed, true).await
        }
        (["resolve", link, outcome, attempt @ ..], About::Unsaid) if attempt.len() < 2 => {
            resolve(&admin()?, link, outcome, attempt.first()).await
        }
        (["log"], about) => log(&admin()?, about, 50).await,
        (["log", most], about) => log(&admin()?, about, number("NUMBER", most)?).await,
        (["sms", options @ ..], About::Unsaid) => sms(&admin()?, options).await,
        (["health"], About::Unsaid) => health(&admin()?).await,
        (["replay"], About::Unsaid) => replay(&admin()?, 90).await,
        (["replay", days], About::Unsaid) => replay(&admin()?, number("DAYS", days)?).await,
        (["api-key", "create", integration, scopes @ ..], about) => {
            create_key(&admin()?, about, integration, scopes).await
        }
        (["api-key", "list"], about) => list_keys(&admin()?, about).await,
        (["api-key", "revoke", id], about) => revoke_key(&admin()?, about, id).await,
        (["settings", file @ ..], about) if file.len() < 2 => {
            record(&admin()?, about, "/v1/settings", file.first()).await
        }
        (["account", id, file @ ..], about) if file.len() < 2 => {
            record(&admin()?, about, &format!("/v1/accounts/{}", AccountId::parse(id)?), file.first()).await
        }
        (["contact", "export", id], about) => export(&admin()?, about, &ContactId::parse(id)?).await,
        (["contact", "erase", id], about) => erase(&admin()?, about, &ContactId::parse(id)?).await,
        _ => Err(USAGE.into()),
    }
}

/// Only the key is printed for programs, so that a script can keep it.
async fn set_up(admin: &Admin, business: &str) -> CommandResult {
    let made = admin.set_up(&BusinessId::parse(business)?, Clock::System.now()).await?;
    eprintln!("The tables {} and {} are set up.", admin.table(), admin.secrets_table());
    match made {
        Some(first) => {
            eprintln!("There is a business now: {}. This is an API key for its CRM.", first.business.id);
            show_key(&first.key);
        }
        None => eprintln!("There is a business already. `business create` makes another, and `api-key create` a key."),
    }
    Ok(())
}

fn show_key(made: &NewKey) {
    println!("{}", made.key);
    eprintln!("This key is shown once and kept only as a hash. Its id is {}.", made.id);
}

async fn create_business(admin: &Admin, id: &str, name: &str, pay_url: Option<&str>) -> CommandResult {
    show_business(&admin.create_business(&BusinessId::parse(id)?, name, pay_url, Clock::System.now()).await?);
    Ok(())
}

async fn list_businesses(admin: &Admin) -> CommandResult {
    admin.businesses().await?.iter().for_each(show_business);
    Ok(())
}

async fn show_one_business(admin: &Admin, about: About<'_>) -> CommandResult {
    let business = match about {
        About::Business(named) => admin.business_called(named).await?,
        About::Unsaid | About::Platform => admin.business_called(about.business(admin).await?.as_str()).await?,
    };
    show_business(&business);
    Ok(())
}

async fn suspend_business(admin: &Admin, id: &str, reason: Option<&str>) -> CommandResult {
    show_business(&admin.suspend_business(&BusinessId::parse(id)?, reason, Clock::System.now()).await?);
    println!("It makes no link and begins no payment, within half a minute. What was begun finishes.");
    Ok(())
}

async fn resume_business(admin: &Admin, id: &str) -> CommandResult {
    show_business(&admin.resume_business(&BusinessId::parse(id)?, Clock::System.now()).await?);
    println!("It makes links and takes payments again, within half a minute.");
    Ok(())
}

async fn set_shards(admin: &Admin, id: &str, many: i64) -> CommandResult {
    show_business(&admin.set_shards(&BusinessId::parse(id)?, many, Clock::System.now()).await?);
    println!("New links are spread, within half a minute. Those that were made before stay where they are.");
    Ok(())
}

/// Shows what a business may do, or changes what is named of it.
async fn quotas(admin: &Admin, id: &str, options: &[&str]) -> CommandResult {
    let id = BusinessId::parse(id)?;
    let mut named = Vec::new();
    let (pairs, rest) = options.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(USAGE.into());
    }
    for [name, value] in pairs {
        let limit = match *value {
            "none" => None,
            value => Some(Quotas::parse(number(name, value)?)?),
        };
        let quota =
            Quota::ALL.into_iter().find(|quota| name.strip_prefix("--") == Some(&quota.as_str().replace('_', "-")));
        named.push((quota.ok_or(USAGE)?, limit));
    }
    let business = if named.is_empty() {
        admin.business_called(id.as_str()).await?
    } else {
        let to = |known: Quotas| named.iter().fold(known, |quotas, (quota, limit)| quotas.with(*quota, *limit));
        admin.set_quotas(&id, to, Clock::System.now()).await?
    };
    for quota in Quota::ALL {
        let limit = business.quotas.limit(quota).map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        println!("{}: {limit}", quota.as_str());
    }
    if !named.is_empty() {
        eprintln!("These quotas hold within half a minute.");
    }
    Ok(())
}

async fn usage(admin: &Admin, id: &str, month: Option<&&str>) -> CommandResult {
    let business = admin.business_called(id).await?.id;
    let month = month.map(|month| format!("?month={month}")).unwrap_or_default();
    show(&admin.call_as_platform(Method::GET, &format!("/v1/businesses/{business}/usage{month}"), None).await?)
}

/// Only the entries are printed for programs.
async fn export_business(admin: &Admin, id: &str) -> CommandResult {
    let shown = admin.export_business(&BusinessId::parse(id)?, |entry| println!("{entry}")).await?;
    eprintln!("These are {shown} entries.");
    Ok(())
}

async fn erase_business(admin: &Admin, id: &str, confirmed: &str, scans: bool) -> CommandResult {
    let id = BusinessId::parse(id)?;
    let is_erased = matches!(admin.business_called(id.as_str()).await?.state, BusinessState::Erased { .. });
    if !(is_erased && scans) {
        mark(admin, &id, confirmed).await?;
        erase_marked(admin, &id).await?;
    }
    if scans { scan(admin, &id).await } else { Ok(()) }
}

async fn mark(admin: &Admin, id: &BusinessId, confirmed: &str) -> CommandResult {
    loop {
        let now = Clock::System.now();
        match admin.mark_business(id, confirmed, now).await? {
            BusinessMarking::Marked(business) => {
                show_business(&business);
                return Ok(());
            }
            BusinessMarking::NotYet { until } => {
                println!("{id}: waiting until {until}, when every function knows that it is suspended.");
                tokio::time::sleep(until.duration_since(now).unsigned_abs()).await;
            }
        }
    }
}

async fn resolve(admin: &Admin, link: &str, outcome: &str, attempt: Option<&&str>) -> CommandResult {
    let attempt = attempt.map(|attempt| AttemptId::parse(attempt)).transpose()?;
    let (link, outcome) = (LinkId::parse(link)?, Resolution::parse(outcome)?);
    let resolved = admin.resolve(&link, attempt.as_ref(), outcome, Clock::System.now()).await?;
    for attempt in resolved.attempts() {
        println!("{}  {}", attempt.id, attempt.state.name());
    }
    Ok(())
}

/// One that cannot be erased yet does not keep the others.
async fn erase_businesses(admin: &Admin, scans: bool) -> CommandResult {
    let mut left = Vec::new();
    for id in admin.marked_businesses().await? {
        let erased = match erase_marked(admin, &id).await {
            Ok(()) if scans => scan(admin, &id).await,
            erased => erased,
        };
        if let Err(error) = erased {
            eprintln!("{error}");
            left.push(id.to_string());
        }
    }
    if left.is_empty() { Ok(()) } else { Err(format!("These are not erased yet: {}.", left.join(", ")).into()) }
}

async fn erase_marked(admin: &Admin, id: &BusinessId) -> CommandResult {
    loop {
        let now = Clock::System.now();
        match admin.erase_business(id, now).await? {
            BusinessErasure::NotYet { until } => {
                println!("{id}: waiting until {until}, when every function knows that it is marked.");
                tokio::time::sleep(until.duration_since(now).unsigned_abs()).await;
            }
            BusinessErasure::Waits(waiting) => return Err(format!("{id}: {waiting}").into()),
            BusinessErasure::Erased(erased) => {
                let ErasedBusiness { business, links, receipts, contacts, items } = *erased;
                println!(
                    "{links} links, {receipts} receipts, {contacts} contacts and {items} items are deleted, with all"
                );
                println!(
                    "settings, secrets and keys. Its lists are empty. What is left is that the id was given away:"
                );
                show_business(&business);
                return Ok(());
            }
        }
    }
}

async fn scan(admin: &Admin, id: &BusinessId) -> CommandResult {
    match admin.erase_strays(id, Clock::System.now()).await? {
        0 => println!("{id}: a look through both tables found nothing else."),
        found => println!("{id}: a look through both tables found {found} items that no list named, and deleted them."),
    }
    Ok(())
}

async fn log(admin: &Admin, about: About<'_>, most: usize) -> CommandResult {
    for entry in admin.audit_log(&about.business(admin).await?, most).await? {
        println!("{}", serde_json::to_string(&entry)?);
    }
    Ok(())
}

fn show_business(business: &Business) {
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
    println!("{}  {state}  {}  {}{pay_url}", business.id, business.created_at, business.name);
}

async fn create_key(admin: &Admin, about: About<'_>, integration: &str, scopes: &[&str]) -> CommandResult {
    show_key(&admin.create_key(&about.key_holder(admin).await?, integration, scopes).await?);
    Ok(())
}

async fn list_keys(admin: &Admin, about: About<'_>) -> CommandResult {
    for listed in admin.list_keys(&about.key_holder(admin).await?).await? {
        let scopes: Vec<&str> = listed.key.scopes.iter().map(|scope| scope.as_str()).collect();
        println!("{}  {}  {}  {}", listed.id, listed.key.created_at, scopes.join(","), listed.key.integration);
    }
    Ok(())
}

async fn revoke_key(admin: &Admin, about: About<'_>, id: &str) -> CommandResult {
    admin.revoke_key(&about.key_holder(admin).await?, id).await?;
    println!("The key {id} is revoked. Functions that know it forget it within half a minute.");
    Ok(())
}

/// Shows a record of the API, or writes it from a file.
async fn record(admin: &Admin, about: About<'_>, path: &str, file: Option<&&str>) -> CommandResult {
    let business = about.business(admin).await?;
    let answer = match file {
        None => admin.call(&business, Method::GET, path, None).await?,
        Some(file) => admin.call(&business, Method::PUT, path, Some(content(file)?)).await?,
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
    let findings = admin.health(Clock::System.now()).await;
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
    let done = admin.replay(days, Clock::System.now()).await?;
    println!("{} links were read, and {} of them are delivered again.", done.links, done.redelivered);
    println!("{} undelivered records are not needed any more.", done.records);
    Ok(())
}

async fn export(admin: &Admin, about: About<'_>, id: &ContactId) -> CommandResult {
    show(&admin.export_contact(&about.business(admin).await?, id, Clock::System.now()).await?)
}

async fn erase(admin: &Admin, about: About<'_>, id: &ContactId) -> CommandResult {
    let erased = admin.erase_contact(&about.business(admin).await?, id, Clock::System.now()).await?;
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

//! What the deployer's command can be told, and what it says about itself: every command with its options, a word of
//! help and an example. Values are checked here, by the rules of the domain, before anything is asked of AWS.

use std::num::NonZeroU32;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use domain::Timestamp;
use domain::business::quotas::{Quota, Quotas};
use domain::ids::{AccountId, AttemptId, BusinessId, ContactId, LinkId};
use domain::link::Resolution;
use store::{Choice, RestoreKind, Scope};

use crate::COMMAND;

const AFTER_HELP: &str = "\
Where it looks:
  --stack names a deployed stack. Its outputs and parameters say where the tables, the queues and the sender of emails
  are. Without it the variables PAYLINK_TABLE, PAYLINK_SECRETS_TABLE, PAYLINK_UNDELIVERED_RECORDS,
  PAYLINK_UNNOTED_REPORTS and PAYLINK_EMAIL_SENDER say so, as for the local cloud of `make run`.
  Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and where these are not set,
  from `aws configure export-credentials`, which knows profiles and sign-on.

Exit codes:
  0  it is done, and nothing is missing
  1  it was not done, or `health` found something missing, or something is left to do
  2  the command was called in a way that it does not know

Examples:
  export AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1 PAYLINK_STACK=paylink
  paylink-admin health
  paylink-admin --json business list | jq -r .id";

/// The deployer's command: what has to be done to a stack of Paylink by hand.
#[derive(Clone, Debug, Parser)]
#[command(name = COMMAND, after_help = AFTER_HELP, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    pub place: Place,
    /// Answers with JSON: one document, or one in each line for lists. Errors are JSON too, on standard error.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Which stack a command is about.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The name of the stack in CloudFormation.
    #[arg(long, global = true, value_name = "NAME", env = "PAYLINK_STACK", hide_env_values = true)]
    pub stack: Option<String>,
    /// The region of the stack. Left out, AWS_REGION or AWS_DEFAULT_REGION says it, and both have to agree.
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Prepares the tables of a new stack; harmless afterwards.
    ///
    /// Writes the secret that idempotent requests derive from and, where there is no business yet, makes one and an API
    /// key for its CRM, which is shown once.
    #[command(after_help = "Example:\n  KEY=$(paylink-admin set-up)")]
    SetUp {
        /// The id of the first business.
        #[arg(default_value = crate::FIRST_BUSINESS, value_parser = BusinessId::parse)]
        business: BusinessId,
    },
    /// Makes, shows, suspends, exports and erases businesses.
    #[command(subcommand)]
    Business(BusinessCommand),
    /// Makes, lists and revokes API keys.
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Shows who changed what a business's money depends on, the newest first, each entry a line of JSON.
    #[command(after_help = "Example:\n  paylink-admin log 200 --business bazaar")]
    Log {
        /// At most so many entries.
        #[arg(default_value_t = 50, value_name = "NUMBER")]
        most: usize,
        #[command(flatten)]
        of: OfBusiness,
    },
    /// Shows a business's settings, or writes them from a file.
    #[command(
        after_help = "Examples:\n  paylink-admin settings\n  paylink-admin settings settings.json --business bazaar"
    )]
    Settings {
        #[command(flatten)]
        file: FromFile,
        #[command(flatten)]
        of: OfBusiness,
    },
    /// Shows an account, or writes it with its gateway's credentials from a file.
    #[command(after_help = "Examples:\n  paylink-admin account main\n  paylink-admin account main - < account.json")]
    Account {
        #[arg(value_parser = AccountId::parse)]
        id: AccountId,
        #[command(flatten)]
        file: FromFile,
        #[command(flatten)]
        of: OfBusiness,
    },
    /// Shows the AWS account's preferences for text messages, or sets them.
    #[command(after_help = "Example:\n  paylink-admin sms --limit 50")]
    Sms {
        /// What text messages may cost in a month, in whole US dollars. Beyond it SNS sends none.
        #[arg(long, value_name = "DOLLARS")]
        limit: Option<u32>,
        /// The role with which SNS writes down what became of messages; infra/bootstrap.yaml makes it.
        #[arg(long, value_name = "ARN")]
        log_role: Option<String>,
        /// Of a hundred delivered messages, how many are written down. Those that fail always are.
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
        log_percent: Option<u8>,
    },
    /// Looks at everything that money and messages need, says what to do, and fails where something is missing.
    #[command(
        after_help = "Examples:\n  paylink-admin health\n  paylink-admin --json health | jq -r '.findings[].command \
            // empty'"
    )]
    Health,
    /// Has everything delivered that the stream could not deliver, and empties the queue of undelivered records.
    #[command(after_help = "Example:\n  paylink-admin replay 7")]
    Replay {
        /// Looks at links that were made within so many days.
        #[arg(default_value_t = 90)]
        days: u32,
    },
    /// Has reports of providers noted that could not be, and empties the queue of these.
    #[command(after_help = "Example:\n  paylink-admin replay-reports")]
    ReplayReports,
    /// Decides about an attempt that needs a person, where nobody can speak for its business any more.
    ///
    /// It does what POST /v1/payment-links/{id}/resolve does, for a business that is being erased.
    #[command(after_help = "Example:\n  paylink-admin resolve pl_3nYdvQ2bEoYJVqcBeEFcAu refunded_elsewhere")]
    Resolve {
        #[arg(value_parser = LinkId::parse)]
        link: LinkId,
        #[arg(value_parser = PossibleValuesParser::new(Resolution::ALL.map(Resolution::as_str))
            .try_map(|name| Resolution::parse(&name)))]
        outcome: Resolution,
        /// Needs naming only where several attempts of the link wait.
        #[arg(value_parser = AttemptId::parse)]
        attempt: Option<AttemptId>,
    },
    /// Shows or forgets all that is kept about one contact.
    #[command(subcommand)]
    Contact(ContactCommand),
    /// Takes back what was lost or overwritten since an instant, from copies of both tables as they were then.
    ///
    /// `begin` has AWS make the copies, `compare` says what would come back, `copy` stops every function and brings it
    /// back, `start` starts the functions, and `end` deletes the copies. Each can be stopped anywhere and called again.
    #[command(subcommand)]
    Restore(RestoreCommand),
    /// Prints what lets a shell complete this command.
    #[command(after_help = "Example:\n  paylink-admin completions bash > \
            ~/.local/share/bash-completion/completions/paylink-admin")]
    Completions { shell: Shell },
}

#[derive(Clone, Debug, Subcommand)]
pub enum BusinessCommand {
    /// Makes a business.
    #[command(after_help = "Example:\n  paylink-admin business create bazaar \"The Bazaar\"")]
    Create {
        #[arg(value_parser = BusinessId::parse)]
        id: BusinessId,
        name: String,
        /// What its pay URLs begin with. Left out, what those of the stack do.
        #[arg(long, value_name = "URL")]
        pay_url: Option<String>,
    },
    /// Shows every business's id, state, age, name and URL.
    List,
    /// Shows a business, or the only one there is.
    Show {
        #[arg(value_parser = BusinessId::parse)]
        id: Option<BusinessId>,
    },
    /// Lets a business make no link and begin no payment; what was begun finishes.
    #[command(after_help = "Example:\n  paylink-admin business suspend bazaar \"unpaid since March\"")]
    Suspend {
        #[arg(value_parser = BusinessId::parse)]
        id: BusinessId,
        reason: Option<String>,
    },
    /// Lets a business make links and take payments again.
    Resume {
        #[arg(value_parser = BusinessId::parse)]
        id: BusinessId,
    },
    /// Spreads each of a business's lists over so many partitions of an index; the number can grow at any time, and not
    /// shrink.
    ///
    /// One partition takes 250 links a second.
    #[command(after_help = "Example:\n  paylink-admin business shards bazaar 4")]
    Shards {
        #[arg(value_parser = BusinessId::parse)]
        id: BusinessId,
        number: i64,
    },
    /// Shows how much a business may do, or changes what is named of it.
    ///
    /// A quota is a whole number, or none for no bound. Days are those of UTC.
    #[command(
        after_help = "Example:\n  paylink-admin business quotas bazaar --links-per-day 2000 --messages-per-day none"
    )]
    Quotas {
        #[arg(value_parser = BusinessId::parse)]
        id: BusinessId,
        #[command(flatten)]
        limits: Limits,
    },
    /// Shows what a business used in a month, as JSON.
    #[command(after_help = "Example:\n  paylink-admin business usage bazaar 2026-11")]
    Usage {
        #[arg(value_parser = BusinessId::parse)]
        id: BusinessId,
        /// Such as 2026-11. Left out, the month that is.
        month: Option<String>,
    },
    /// Shows everything that a business has, as the API shows it, each a line of JSON.
    #[command(after_help = "Example:\n  paylink-admin business export bazaar > bazaar.jsonl")]
    Export {
        #[arg(value_parser = BusinessId::parse)]
        id: BusinessId,
    },
    /// Deletes all that a suspended business has, once nothing of it is still to come. Nothing takes that back.
    ///
    /// The business is marked, which nobody can take back, and its id is given to nobody again. Run again, it goes on
    /// where it was stopped. Without ID it goes on with all that are marked.
    #[command(after_help = "Example:\n  paylink-admin business erase bazaar --confirm bazaar")]
    Erase {
        #[arg(value_parser = BusinessId::parse, requires = "confirm")]
        id: Option<BusinessId>,
        /// The id once more.
        #[arg(long, value_name = "ID", requires = "id")]
        confirm: Option<String>,
        /// Looks through the whole of both tables afterwards, also for a business that was erased before.
        #[arg(long)]
        scan: bool,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum ApiKeyCommand {
    /// Makes an API key for an integration and shows it once.
    #[command(
        after_help = "Examples:\n  paylink-admin api-key create crm --business bazaar\n  paylink-admin api-key create \
            reports read --platform"
    )]
    Create {
        /// The name of the program that calls.
        integration: String,
        /// What it may do; all that such a key can, unless named. Only a key of the platform can have `platform`.
        #[arg(value_name = "SCOPE", value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::as_str)))]
        scopes: Vec<String>,
        #[command(flatten)]
        of: OfHolder,
    },
    /// Shows every key's id, age, scopes and integration; the keys themselves are kept nowhere.
    List {
        #[command(flatten)]
        of: OfHolder,
    },
    /// Makes a key worthless, within half a minute.
    Revoke {
        /// The key's id, as `api-key list` shows it.
        id: String,
        #[command(flatten)]
        of: OfHolder,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum RestoreCommand {
    /// Has AWS make copies of both tables as they were at an instant, and waits for them, while the functions run.
    ///
    /// Called again, it goes on with the restore that is under way.
    #[command(after_help = "Example:\n  paylink-admin restore begin --at 2026-12-01T12:00:00Z")]
    Begin {
        /// To when the tables go back: within the last 35 days, and some minutes ago.
        #[arg(long, value_name = "INSTANT")]
        at: Option<Timestamp>,
    },
    /// Counts what would come back, by kind and business, and writes nothing.
    #[command(after_help = "Example:\n  paylink-admin restore compare --only contact --only item")]
    Compare {
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Stops every function, and brings back what is gone or damaged, secrets first; nobody is told because of it.
    ///
    /// What went on since stays: payments above all. What a person has to know is listed at the end, and then the exit
    /// code is 1. The functions stay stopped until `start`.
    #[command(after_help = "Example:\n  paylink-admin restore copy --only settings --changed --of bazaar --confirm")]
    Copy {
        #[command(flatten)]
        chosen: Chosen,
        /// That it is meant.
        #[arg(long, required = true)]
        confirm: bool,
    },
    /// Shows how far the restore has come, and what it left to a person.
    Status,
    /// Starts the functions again as they were set before, and names what was stopped already then.
    Start,
    /// Deletes both copies, of which one holds every secret, and forgets what was found.
    End {
        /// That it is meant.
        #[arg(long, required = true)]
        confirm: bool,
    },
}

/// What comes back.
#[derive(Clone, Debug, Args)]
pub struct Chosen {
    /// Only this kind; may be said several times. All of them unless one is named, but for API keys, which were
    /// revoked, and for accounts, endpoints and providers that are gone, perhaps on purpose.
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(RestoreKind::ALL.map(RestoreKind::as_str))
        .map(|name| RestoreKind::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or(RestoreKind::Other)))]
    only: Vec<RestoreKind>,
    /// Only what this business has; may be said several times.
    #[arg(long = "of", value_name = "BUSINESS", value_parser = BusinessId::parse)]
    businesses: Vec<BusinessId>,
    /// Only this partition of the table, such as contact#main#c-1042; may be said several times.
    #[arg(long = "partition", value_name = "KEY")]
    partitions: Vec<String>,
    /// Also records that were replaced since: settings, accounts, contacts, items and the like.
    #[arg(long)]
    changed: bool,
}

impl Chosen {
    pub fn choice(&self) -> Choice {
        let Self { only, businesses, partitions, changed } = self;
        Choice {
            kinds: only.iter().copied().collect(),
            businesses: businesses.iter().cloned().collect(),
            partitions: partitions.iter().cloned().collect(),
            is_changed_too: *changed,
        }
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum ContactCommand {
    /// Shows everything that is kept about a contact, as JSON.
    #[command(after_help = "Example:\n  paylink-admin contact export c-1042 > c-1042.json")]
    Export {
        #[arg(value_parser = ContactId::parse)]
        id: ContactId,
        #[command(flatten)]
        of: OfBusiness,
    },
    /// Forgets a contact: links that are over, items, the contact itself. Receipts stay. Nothing takes that back.
    #[command(after_help = "Example:\n  paylink-admin contact erase c-1042 --confirm c-1042")]
    Erase {
        #[arg(value_parser = ContactId::parse)]
        id: ContactId,
        /// The id once more.
        #[arg(long, value_name = "ID")]
        confirm: String,
        #[command(flatten)]
        of: OfBusiness,
    },
}

/// Which business a command is about.
#[derive(Clone, Debug, Args)]
pub struct OfBusiness {
    /// The business, where the stack has several.
    #[arg(long, value_name = "ID")]
    pub business: Option<String>,
}

/// Whose an API key is.
#[derive(Clone, Debug, Args)]
pub struct OfHolder {
    #[command(flatten)]
    pub business: OfBusiness,
    /// A key of the platform, which acts for every business as far as its scopes let it.
    #[arg(long, conflicts_with = "business")]
    pub platform: bool,
}

/// What is written, where something is.
#[derive(Clone, Debug, Args)]
pub struct FromFile {
    /// The body that the API's PUT takes, in a file. The file - is standard input, so that a secret need not lie
    /// anywhere.
    pub file: Option<String>,
}

/// What is changed of a business's quotas.
#[derive(Clone, Debug, Args)]
pub struct Limits {
    #[arg(long, value_name = "N", value_parser = Limit::parse)]
    links_per_day: Option<Limit>,
    #[arg(long, value_name = "N", value_parser = Limit::parse)]
    messages_per_day: Option<Limit>,
    #[arg(long, value_name = "N", value_parser = Limit::parse)]
    calls_per_second: Option<Limit>,
}

impl Limits {
    /// What is named, each with its bound or with none.
    pub fn named(&self) -> Vec<(Quota, Option<NonZeroU32>)> {
        let Self { links_per_day, messages_per_day, calls_per_second } = self;
        let all = [
            (Quota::LinksPerDay, links_per_day),
            (Quota::MessagesPerDay, messages_per_day),
            (Quota::CallsPerSecond, calls_per_second),
        ];
        all.into_iter().filter_map(|(quota, limit)| Some((quota, limit.as_ref()?.0))).collect()
    }
}

/// A bound of a quota, or none.
#[derive(Clone, Debug)]
struct Limit(Option<NonZeroU32>);

impl Limit {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let number = text.parse().map_err(|_| "it is a whole number, or none".to_owned())?;
        Quotas::parse(number).map(|limit| Self(Some(limit))).map_err(|refused| refused.to_string())
    }
}

/// Everything there is, for whoever completes it in a shell, or holds documents against it.
pub fn definition() -> clap::Command {
    Arguments::command()
}

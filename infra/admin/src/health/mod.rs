//! Checks whether a stack has what it needs for payments to arrive and for messages to go out: what is in its tables,
//! how it is deployed, and what its AWS account lets it do.

mod account;
mod alarms;
mod deployment;
mod email;
mod sms;
mod work;

use domain::Timestamp;
use serde_json::Value;

use crate::{Admin, AdminError};

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Somebody has to do something.
    Missing,
    /// The check itself failed.
    Unknown,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Account,
    Stack,
    Tables,
    Businesses,
    Work,
    Email,
    Sms,
    Alarms,
}

impl Group {
    pub const ALL: [Self; 8] =
        [Self::Account, Self::Stack, Self::Tables, Self::Businesses, Self::Work, Self::Email, Self::Sms, Self::Alarms];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Stack => "stack",
            Self::Tables => "tables",
            Self::Businesses => "businesses",
            Self::Work => "work",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Alarms => "alarms",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Account => "The account and the region",
            Self::Stack => "The stack",
            Self::Tables => "The tables",
            Self::Businesses => "The businesses",
            Self::Work => "Work",
            Self::Email => "Emails",
            Self::Sms => "Text messages",
            Self::Alarms => "Alarms",
        }
    }
}

/// One check with its result, in a sentence, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub group: Group,
    pub verdict: Verdict,
    pub text: String,
    /// The command that mends it, where one does.
    pub command: Option<String>,
}

/// The findings of one group, as they are made.
struct Findings(Group, Vec<Finding>);

impl Findings {
    fn add(&mut self, verdict: Verdict, text: impl Into<String>, command: Option<String>) {
        self.1.push(Finding { group: self.0, verdict, text: text.into(), command });
    }

    fn good(&mut self, text: impl Into<String>) {
        self.add(Verdict::Good, text, None);
    }

    fn missing(&mut self, text: impl Into<String>, command: impl Into<String>) {
        self.add(Verdict::Missing, text, Some(command.into()));
    }

    /// What no command mends: the text says where to look.
    fn missing_by_hand(&mut self, text: impl Into<String>) {
        self.add(Verdict::Missing, text, None);
    }

    fn unknown(&mut self, what: &str, error: &AdminError) {
        self.add(Verdict::Unknown, format!("It is not known about {what}: {error}"), None);
    }

    /// A check that failed stops no other.
    fn or_unknown(&mut self, what: &str, checked: Result<(), AdminError>) {
        if let Err(error) = checked {
            self.unknown(what, &error);
        }
    }
}

impl Admin {
    /// Makes every check, in the order of the groups. A check that fails does not stop the others.
    pub async fn health(&self, now: Timestamp) -> Vec<Finding> {
        let mut all = Vec::new();
        for group in Group::ALL {
            let mut findings = Findings(group, Vec::new());
            match group {
                Group::Account => self.check_account(&mut findings).await,
                Group::Stack => self.check_deployment(&mut findings).await,
                Group::Tables => self.check_tables(&mut findings).await,
                Group::Businesses => self.check_businesses(&mut findings).await,
                Group::Work => self.check_work(now, &mut findings).await,
                Group::Email => self.check_email(&mut findings).await,
                Group::Sms => self.check_sms(now, &mut findings).await,
                Group::Alarms => self.check_alarms(&mut findings).await,
            }
            all.extend(findings.1);
        }
        all
    }
}

/// A number of a JSON answer; the Query protocol has them as texts.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A whole number of a JSON answer.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

//! Entries of a business's log, as the CRM reads them and is told of them.

use domain::audit::{AuditAction, AuditEntry, FieldChange, Side};
use domain::business::settings::Settings;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{instant, one_of};

one_of! { AuditActionName, "What was done.", AuditAction::ALL.map(AuditAction::as_str) }
one_of! { AuditSideName, "Whose key it was done with, or that it was done at the deployer's terminal.", Side::ALL.map(Side::as_str) }

/// Somebody changed what the business's money depends on, decided about money, or looked for the platform.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    #[schema(pattern = "^audit_entry$")]
    pub object: &'static str,
    #[schema(format = DateTime)]
    pub at: String,
    #[schema(value_type = AuditSideName)]
    pub side: &'static str,
    /// The integration that the key is of.
    pub integration: String,
    /// The person behind the call, as `Paylink-Actor` named them.
    pub actor: Option<String>,
    #[schema(value_type = AuditActionName)]
    pub action: &'static str,
    pub subject: SubjectView,
    /// What became other, value by value. Of credentials only which version there is, and the end of a secret that is new.
    pub changes: Vec<ChangeView>,
}

/// What it was done to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditSubject)]
pub struct SubjectView {
    /// Its kind, as `object` says it, or `address` for what the platform looked at.
    pub kind: String,
    pub id: String,
}

/// A value that became another one.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditChange)]
pub struct ChangeView {
    /// Where it is, as an RFC 6901 JSON pointer into what is kept.
    pub field: String,
    /// Null where there was nothing.
    pub from: Value,
    /// Null where there is nothing any more.
    pub to: Value,
}

impl AuditView {
    pub fn new(entry: AuditEntry, settings: &Settings) -> Self {
        let AuditEntry { at, author, action, subject, changes } = entry;
        let change = |FieldChange { field, from, to }| ChangeView { field, from, to };
        Self {
            object: "audit_entry",
            at: instant(at, settings),
            side: author.side.as_str(),
            integration: author.integration,
            actor: author.actor.map(String::from),
            action: action.as_str(),
            subject: SubjectView { kind: subject.kind, id: subject.id },
            changes: changes.into_iter().map(change).collect(),
        }
    }
}

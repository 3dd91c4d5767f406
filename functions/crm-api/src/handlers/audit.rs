//! The business's log: who changed what its money depends on.

use axum::response::Response;
use domain::audit::{AuditAction, AuditEntry, FieldChange, Side};
use domain::business::settings::Settings;
use serde::Serialize;
use serde_json::Value;
use store::SortKey;
use utoipa::ToSchema;
use views::instant;
use web::ApiProblem;
use web::extract::Query;

use crate::caller::MayAdminister;
use crate::lists::{ListView, PAGING, Parameters};
use crate::respond::answer;

views::one_of! { AuditActionName, "What was done.", AuditAction::ALL.map(AuditAction::as_str) }
views::one_of! { AuditSideName, "Whose key it was done with, or that it was done at the deployer's terminal.", Side::ALL.map(Side::as_str) }

/// Somebody changed what the business's money depends on, decided about money, or looked for the platform.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditView {
    #[schema(pattern = "^audit_entry$")]
    object: &'static str,
    #[schema(format = DateTime)]
    at: String,
    #[schema(value_type = AuditSideName)]
    side: &'static str,
    /// The integration that the key is of.
    integration: String,
    /// The person behind the call, as `Paylink-Actor` named them.
    actor: Option<String>,
    #[schema(value_type = AuditActionName)]
    action: &'static str,
    subject: SubjectView,
    /// What became other, value by value. Of credentials only which version there is, and the end of a secret that is new.
    changes: Vec<ChangeView>,
}

/// What it was done to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditSubject)]
struct SubjectView {
    /// Its kind, as `object` says it, or `address` for what the platform looked at.
    kind: String,
    id: String,
}

/// A value that became another one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditChange)]
struct ChangeView {
    /// Where it is, as an RFC 6901 JSON pointer into what is kept.
    field: String,
    /// Null where there was nothing.
    from: Value,
    /// Null where there is nothing any more.
    to: Value,
}

impl AuditView {
    fn new(entry: AuditEntry, settings: &Settings) -> Self {
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

/// The log, the newest first.
pub(crate) async fn list(MayAdminister(caller): MayAdminister, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &PAGING)?;
    let after = parameters.cursor(SortKey::Time)?;
    let page = caller.store.audit_log(parameters.limit()?, after.as_ref()).await?;
    let configuration = caller.store.configuration().await?;
    let views = page.entries.into_iter().map(|entry| AuditView::new(entry, &configuration.settings)).collect();
    Ok(answer(ListView::new(views, page.next.as_ref())))
}

//! The business's log: who changed what its money depends on.

use axum::response::Response;
use store::{BusinessStore, Order, SortKey};
use views::audit::AuditView;
use web::ApiProblem;
use web::extract::Query;

use crate::caller::MayRead;
use crate::lists::{ListView, PAGING, Parameters};
use crate::respond::answer;

/// The log, the newest first.
pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, Parameters::read(pairs, &PAGING)).await?))
}

pub(crate) async fn page(store: &BusinessStore, mut parameters: Parameters) -> Result<ListView<AuditView>, ApiProblem> {
    let (limit, after) = parameters.paging(SortKey::Time(Order::NewestFirst))?;
    let page = store.audit_log(limit, after.as_ref()).await?;
    let configuration = store.configuration().await?;
    let views = page.entries.into_iter().map(|entry| AuditView::new(entry, &configuration.settings)).collect();
    Ok(ListView::new(views, page.next.as_ref()))
}

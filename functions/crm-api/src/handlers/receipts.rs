//! Reading and listing receipts.

use axum::extract::State;
use axum::response::Response;
use domain::ids::{ContactId, ItemId, LinkId, ReceiptId};
use store::{Page, ReceiptList, SortKey};
use views::ReceiptView;
use web::ApiProblem;
use web::extract::{Path, Query};

use crate::app::App;
use crate::caller::{MayRead, id_of};
use crate::lists::{ListView, Parameters, no_cursor};
use crate::respond::answer;

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = ReceiptId::parse(&id).map_err(|_| ApiProblem::not_found("receipt"))?;
    let receipt = app.store.receipt(&id).await?.ok_or_else(|| ApiProblem::not_found("receipt"))?;
    let configuration = app.store.configuration().await?;
    Ok(answer(ReceiptView::new(&receipt, &configuration.settings)))
}

/// Receipts by exactly one of contact, item and payment link.
pub(crate) async fn list(_: MayRead, State(app): State<App>, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &["contact_id", "item_id", "payment_link_id", "limit", "cursor"])?;
    let (by, value) = parameters.exactly_one(&["contact_id", "item_id", "payment_link_id"])?;
    let (limit, cursor) = (parameters.limit()?, parameters.cursor(SortKey::Time)?);
    let cursor = cursor.as_ref();
    let page = match by {
        "contact_id" => {
            let list = ReceiptList::OfContact(id_of(by, value, ContactId::parse)?);
            app.store.list_receipts(&list, limit, cursor).await?
        }
        "item_id" => {
            let list = ReceiptList::OfItem(id_of(by, value, ItemId::parse)?);
            app.store.list_receipts(&list, limit, cursor).await?
        }
        // A link has at most one receipt, so that there is no other page.
        _ if cursor.is_some() => return Err(no_cursor()),
        _ => of_link(&app, id_of(by, value, LinkId::parse)?).await?,
    };
    let configuration = app.store.configuration().await?;
    let data = page.entries.iter().map(|receipt| ReceiptView::new(receipt, &configuration.settings)).collect();
    Ok(answer(ListView::new(data, page.next.as_ref())))
}

/// A link has at most one receipt, and knows its id.
async fn of_link(app: &App, id: LinkId) -> Result<Page<domain::link::Receipt>, ApiProblem> {
    let receipt_id = app.store.link(&id).await?.and_then(|link| link.receipt_id());
    let receipt = match receipt_id {
        Some(id) => app.store.receipt(&id).await?,
        None => None,
    };
    Ok(Page { entries: receipt.into_iter().collect(), next: None })
}

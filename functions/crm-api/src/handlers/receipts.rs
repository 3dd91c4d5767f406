//! Reading and listing receipts.

use axum::response::Response;
use domain::ids::{ContactId, ItemId, LinkId, ReceiptId};
use domain::link::Receipt;
use store::{BusinessStore, Page, ReceiptList, SortKey};
use views::ReceiptView;
use web::extract::{Path, Query};
use web::{ApiProblem, Caller};

use crate::caller::{MayRead, id_of};
use crate::handlers::links::day;
use crate::lists::{ListView, Parameters, no_cursor};
use crate::respond::answer;

pub(crate) async fn read(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = ReceiptId::parse(&id).map_err(|_| ApiProblem::not_found("receipt"))?;
    let receipt = caller.store.receipt(&id).await?.ok_or_else(|| ApiProblem::not_found("receipt"))?;
    let configuration = caller.store.configuration().await?;
    Ok(answer(ReceiptView::new(&receipt, &configuration.settings)))
}

/// Receipts by exactly one of contact, item, payment link and day.
pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &["contact_id", "item_id", "payment_link_id", "day", "limit", "cursor"])?;
    let (by, value) = parameters.exactly_one(&["contact_id", "item_id", "payment_link_id", "day"])?;
    let list = match by {
        "contact_id" => ReceiptList::OfContact(id_of(by, value, ContactId::parse)?),
        "item_id" => ReceiptList::OfItem(id_of(by, value, ItemId::parse)?),
        "day" => {
            let configuration = caller.store.configuration().await?;
            let (from, to) = day(value, &configuration.settings)?;
            ReceiptList::Between(from, to)
        }
        _ => {
            parameters.limit()?;
            // A link has at most one receipt, so that there is no other page.
            if parameters.cursor(SortKey::Time)?.is_some() {
                return Err(no_cursor());
            }
            let found = of_link(&caller, id_of(by, value, LinkId::parse)?).await?;
            return Ok(answer(shown(&caller.store, &found).await?));
        }
    };
    Ok(answer(page(&caller.store, &list, &parameters).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    list: &ReceiptList,
    parameters: &Parameters,
) -> Result<ListView<ReceiptView>, ApiProblem> {
    let (limit, after) = (parameters.limit()?, parameters.cursor(SortKey::Time)?);
    shown(store, &store.list_receipts(list, limit, after.as_ref()).await?).await
}

async fn shown(store: &BusinessStore, page: &Page<Receipt>) -> Result<ListView<ReceiptView>, ApiProblem> {
    let configuration = store.configuration().await?;
    let data = page.entries.iter().map(|receipt| ReceiptView::new(receipt, &configuration.settings)).collect();
    Ok(ListView::new(data, page.next.as_ref()))
}

/// A link has at most one receipt, and knows its id.
async fn of_link(caller: &Caller, id: LinkId) -> Result<Page<Receipt>, ApiProblem> {
    let receipt_id = caller.store.link(&id).await?.and_then(|link| link.receipt_id());
    let receipt = match receipt_id {
        Some(id) => caller.store.receipt(&id).await?,
        None => None,
    };
    Ok(Page { entries: receipt.into_iter().collect(), next: None })
}

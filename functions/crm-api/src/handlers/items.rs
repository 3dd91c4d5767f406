//! Items: the CRM's documents that links are made on, and the receipts that show under their fields.

use axum::http::StatusCode;
use axum::response::Response;
use domain::Problems;
use domain::ids::{ContactId, ItemId};
use domain::records::item::Item;
use serde::Serialize;
use store::{AttachedReceipts, BusinessStore, SortKey};
use utoipa::ToSchema;
use views::ReceiptFieldView;
use web::extract::{Path, Query};
use web::records::ItemBody;
use web::{ApiProblem, JsonBody};

use crate::caller::{MayRead, MayWrite, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, deleted};

/// A document of the CRM.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Item)]
pub(crate) struct ItemView {
    #[schema(value_type = String)]
    id: ItemId,
    #[schema(pattern = "^item$")]
    object: &'static str,
    kind: String,
    title: String,
    #[schema(value_type = String)]
    contact_id: ContactId,
    amount: Option<i64>,
    currency: Option<&'static str>,
    url: Option<String>,
    receipt_fields: Vec<ReceiptFieldView>,
    /// The ids of the receipts under each field.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    receipts: AttachedReceipts,
}

impl ItemView {
    fn new(item: Item, receipts: AttachedReceipts) -> Self {
        Self {
            id: item.id,
            object: "item",
            kind: item.kind,
            title: item.title,
            contact_id: item.contact_id,
            amount: item.amount.map(|money| money.minor_units()),
            currency: item.amount.map(|money| money.currency().code()),
            url: item.url,
            receipt_fields: item.receipt_fields.iter().map(ReceiptFieldView::new).collect(),
            receipts,
        }
    }
}

/// All items with their receipts, by their ids.
pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, &Parameters::read(pairs, &PAGING)?).await?))
}

pub(crate) async fn page(store: &BusinessStore, parameters: &Parameters) -> Result<ListView<ItemView>, ApiProblem> {
    let after = parameters.cursor(SortKey::Id)?;
    let page = store.list_items(parameters.limit()?, after.as_ref()).await?;
    let views = page.entries.into_iter().map(|(item, receipts)| ItemView::new(item, receipts));
    Ok(ListView::new(views.collect(), page.next.as_ref()))
}

pub(crate) async fn read(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    let (item, receipts) = caller.store.item(&id).await?.ok_or_else(|| ApiProblem::not_found("item"))?;
    Ok(answer(ItemView::new(item, receipts)))
}

/// Links keep their own copy of what they need of an item.
pub(crate) async fn delete(MayWrite(caller): MayWrite, Path(id): Path<String>) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    deleted(caller.store.delete_item(&id).await?, "item")
}

pub(crate) async fn write(
    MayWrite(caller): MayWrite,
    Path(id): Path<String>,
    body: JsonBody<ItemBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    let mut problems = Problems::default();
    let change = body.fields.read("", &mut problems);
    let written = use_cases::records::write_item(&caller.store, id, change, problems).await;
    let (item, receipts) = written.map_err(refused::record)?;
    Ok(answer(ItemView::new(item, receipts)))
}

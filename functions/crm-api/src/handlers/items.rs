//! Items: the CRM's documents that links are made on, and the receipts that show under their fields.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Problems;
use domain::business::settings::Settings;
use domain::gateway::Mode;
use domain::ids::{ContactId, FieldKey, ItemId, ReceiptId};
use domain::money::{Currency, Money};
use domain::records::item::Item;
use serde::Serialize;
use store::{AttachedReceipts, BusinessStore, SortKey, WholeItem};
use use_cases::{Extent, Revised};
use utoipa::ToSchema;
use views::schema::ModeName;
use views::{ReceiptFieldView, instant};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::records::ItemBody;
use web::{ApiProblem, JsonBody};

use crate::app::App;
use crate::caller::{MayRead, MayWrite, Writes, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, deleted, shown, written};

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
    /// What the CRM says is still owed; it stays the CRM's own figure.
    amount_due: Option<i64>,
    /// When `amount_due` was so.
    #[schema(format = DateTime)]
    as_of: Option<String>,
    /// Of both amounts.
    currency: Option<&'static str>,
    /// When the customer owes the money; the midnight after a day.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    url: Option<String>,
    receipt_fields: Vec<ReceiptFieldView>,
    /// The ids of the receipts under each field, of payments and of what went back of them.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    receipts: BTreeMap<FieldKey, Vec<ReceiptId>>,
    /// What was received under each field, less what went back.
    #[schema(value_type = BTreeMap<String, Vec<ReceivedView>>)]
    received: BTreeMap<FieldKey, Vec<ReceivedView>>,
}

/// What was received under a field of an item, in one currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReceivedUnderField)]
pub(crate) struct ReceivedView {
    #[schema(value_type = ModeName)]
    mode: &'static str,
    /// In the currency's minor unit, less what went back.
    amount: i64,
    currency: &'static str,
}

impl ReceivedView {
    fn new((mode, currency, amount): (Mode, Currency, i64)) -> Self {
        Self { mode: mode.as_str(), amount, currency: currency.code() }
    }
}

impl ItemView {
    fn new(item: Item, receipts: AttachedReceipts, settings: &Settings) -> Self {
        let currency = item.amount.or(item.due.map(|due| due.amount)).map(Money::currency);
        Self {
            id: item.id,
            object: "item",
            kind: item.kind,
            title: item.title,
            contact_id: item.contact_id,
            amount: item.amount.map(|money| money.minor_units()),
            amount_due: item.due.map(|due| due.amount.minor_units()),
            as_of: item.due.map(|due| instant(due.as_of, settings)),
            currency: currency.map(Currency::code),
            due_at: item.due_at.map(|at| instant(at, settings)),
            url: item.url,
            receipt_fields: item.receipt_fields.iter().map(ReceiptFieldView::new).collect(),
            received: receipts
                .iter()
                .map(|(field, of)| (field.clone(), of.received.iter().copied().map(ReceivedView::new).collect()))
                .collect(),
            receipts: receipts.into_iter().map(|(field, of)| (field, of.ids)).collect(),
        }
    }
}

/// All items with their receipts, by their ids.
pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, Parameters::read(pairs, &PAGING)).await?))
}

pub(crate) async fn page(store: &BusinessStore, mut parameters: Parameters) -> Result<ListView<ItemView>, ApiProblem> {
    let (limit, after) = parameters.paging(SortKey::Id)?;
    let page = store.list_items(limit, after.as_ref()).await?;
    let configuration = store.configuration().await?;
    let view = |(item, receipts)| ItemView::new(item, receipts, &configuration.settings);
    let views = page.entries.into_iter().map(view);
    Ok(ListView::new(views.collect(), page.next.as_ref()))
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    let WholeItem { item, revision, receipts } = caller.store.whole_item(&id).await?;
    let item = item.ok_or_else(|| ApiProblem::not_found("item"))?;
    let configuration = caller.store.configuration().await?;
    shown(view_of(Revised::new((item, receipts), &revision), &configuration.settings), &conditions)
}

/// Links keep their own copy of what they need of an item.
pub(crate) async fn delete(
    MayWrite(caller): MayWrite,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    let outcome = use_cases::records::delete_item(&caller.store, &id, &conditions).await;
    deleted(outcome.map_err(|why| refused::record(why, "item"))?, "item")
}

pub(crate) async fn write(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    Writes(writing): Writes,
    Path(id): Path<String>,
    body: JsonBody<ItemBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    let configuration = caller.store.configuration().await?;
    let (settings, now, mut problems) = (&configuration.settings, app.clock.now(), Problems::default());
    let change = match writing.extent {
        Extent::Whole => body.fields.read("", id.as_str(), settings, now, &mut problems),
        Extent::Part => body.fields.read_change("", id.as_str(), settings, now, &mut problems),
    };
    let item = use_cases::records::write_item(&caller.store, id, &writing, change, problems).await;
    Ok(written(view_of(item.map_err(|why| refused::record(why, "item"))?, settings)))
}

/// An item with the receipts attached to it, which come without a change of it and are told by its tag all the same, as is
/// how the business reads instants.
fn view_of(item: Revised<(Item, AttachedReceipts)>, settings: &Settings) -> Revised<ItemView> {
    let Revised { record: (item, receipts), tag } = item;
    let attached: usize = receipts.values().map(|of| of.ids.len()).sum();
    let tag = tag.map(|tag| tag.with_hash_of(&(attached, settings.manner())));
    Revised { record: ItemView::new(item, receipts, settings), tag }
}

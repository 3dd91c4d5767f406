//! Reading and listing receipts.

use axum::extract::State;
use axum::response::Response;
use domain::business::settings::Settings;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, ContactId, ItemId, LinkId, ReceiptId, ReceiptTypeId};
use domain::link::{Receipt, ReceiptFilter, ReceiptKindName};
use store::{BusinessStore, Page, ReceiptList, SortKey};
use views::ReceiptView;
use web::extract::{Path, Query};
use web::{ApiProblem, Caller};

use crate::app::App;
use crate::caller::MayRead;
use crate::lists::{ListView, Parameters};
use crate::respond::answer;

pub(crate) async fn read(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = ReceiptId::parse(&id).map_err(|_| ApiProblem::not_found("receipt"))?;
    show(&caller, &id).await
}

/// A receipt as it is now.
pub(crate) async fn show(caller: &Caller, id: &ReceiptId) -> Result<Response, ApiProblem> {
    let receipt = caller.store.receipt(id).await?.ok_or_else(|| ApiProblem::not_found("receipt"))?;
    let configuration = caller.store.configuration().await?;
    Ok(answer(ReceiptView::new(&receipt, &configuration.settings)))
}

/// What a list of receipts takes.
pub(crate) const PARAMETERS: [&str; 16] = [
    "kind",
    "contact_id",
    "item_id",
    "payment_link_id",
    "account_id",
    "gateway",
    "receipt_type_id",
    "mode",
    "registered_from",
    "registered_to",
    "amount_from",
    "amount_to",
    "currency",
    "order",
    "limit",
    "cursor",
];

/// What the parameters of a list of receipts choose.
pub(crate) fn filter_of(parameters: &mut Parameters, settings: &Settings) -> ReceiptFilter {
    ReceiptFilter {
        kind: parameters.parse("kind", ReceiptKindName::parse),
        contact_id: parameters.parse("contact_id", ContactId::parse),
        item_id: parameters.parse("item_id", ItemId::parse),
        account_id: parameters.parse("account_id", AccountId::parse),
        gateway: parameters.parse("gateway", GatewayKind::parse),
        receipt_type_id: parameters.parse("receipt_type_id", ReceiptTypeId::parse),
        mode: parameters.parse("mode", Mode::parse),
        registered: parameters.times(("registered_from", "registered_to"), settings),
        amount: parameters.amounts(),
    }
}

/// Receipts by any of what can be asked for, all where nothing is.
pub(crate) async fn list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let mut parameters = Parameters::read(pairs, &PARAMETERS);
    let configuration = caller.store.configuration().await?;
    let filter = filter_of(&mut parameters, &configuration.settings);
    let list = ReceiptList { filter, order: parameters.order(), now: app.clock.now() };
    let Some(link) = parameters.parse("payment_link_id", LinkId::parse) else {
        return Ok(answer(page(&caller.store, &list, parameters).await?));
    };
    let (limit, after) = parameters.paging(SortKey::Time(list.order))?;
    let ids = caller.store.link(&link).await?.map(|link| link.receipt_ids()).unwrap_or_default();
    let found = caller.store.list_receipts_of(&ids, &list, limit, after.as_ref()).await?;
    Ok(answer(shown(&caller.store, &found).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    list: &ReceiptList,
    mut parameters: Parameters,
) -> Result<ListView<ReceiptView>, ApiProblem> {
    let (limit, after) = parameters.paging(SortKey::Time(list.order))?;
    shown(store, &store.list_receipts(list, limit, after.as_ref()).await?).await
}

async fn shown(store: &BusinessStore, page: &Page<Receipt>) -> Result<ListView<ReceiptView>, ApiProblem> {
    let configuration = store.configuration().await?;
    let data = page.entries.iter().map(|receipt| ReceiptView::new(receipt, &configuration.settings)).collect();
    Ok(ListView::new(data, page.next.as_ref()))
}

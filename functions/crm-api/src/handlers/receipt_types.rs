//! The types of receipt that the business defined.

use axum::http::StatusCode;
use axum::response::Response;
use domain::Problems;
use domain::ids::ReceiptTypeId;
use domain::records::receipt_type::ReceiptType;
use domain::text::parse_name;
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use utoipa::ToSchema;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::{ApiProblem, Given, JsonBody};

use crate::caller::{MayAdminister, MayRead, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, deleted};

/// A type of receipt.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReceiptTypeBody)]
pub(crate) struct ReceiptTypeBody {
    /// What people call the type, one line of at most 100 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    name: Given<String>,
    /// The type that this one is a sub-type of. Left out, it stands by itself. A type with sub-types is a heading:
    /// links name one without.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    parent_id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A type of receipt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptType)]
pub(crate) struct ReceiptTypeView {
    #[schema(value_type = String)]
    id: ReceiptTypeId,
    #[schema(pattern = "^receipt_type$")]
    object: &'static str,
    name: String,
    #[schema(value_type = Option<String>)]
    parent_id: Option<ReceiptTypeId>,
}

impl From<ReceiptType> for ReceiptTypeView {
    fn from(kind: ReceiptType) -> Self {
        Self { id: kind.id, object: "receipt_type", name: kind.name, parent_id: kind.parent_id }
    }
}

pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, &Parameters::read(pairs, &PAGING)?).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    parameters: &Parameters,
) -> Result<ListView<ReceiptTypeView>, ApiProblem> {
    let configuration = store.fresh_configuration().await?;
    let kinds = configuration.receipt_types.values().cloned();
    ListView::page(kinds.map(|kind| (kind.id.to_string(), ReceiptTypeView::from(kind))), parameters)
}

pub(crate) async fn read(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let kind = caller.store.receipt_type(&id).await?.ok_or_else(|| ApiProblem::not_found("receipt type"))?;
    Ok(answer(ReceiptTypeView::from(kind)))
}

/// A type that others stand below, or that the settings name, is still needed.
pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let outcome = use_cases::records::delete_receipt_type(&caller.store, &id).await;
    deleted(outcome.map_err(refused::receipt_type_needed)?, "receipt type")
}

pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    Path(id): Path<String>,
    body: JsonBody<ReceiptTypeBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let body = body.fields;
    let mut problems = Problems::default();
    refuse_unknown("", body.unknown, &mut problems);
    let name = body.name.required_text("/name", &mut problems, |name| parse_name(name, 100));
    let parent_id = body.parent_id.text("/parent_id", &mut problems, ReceiptTypeId::parse).value();
    let written = use_cases::records::write_receipt_type(&caller.store, id, name, parent_id, problems).await;
    Ok(answer(ReceiptTypeView::from(written.map_err(refused::record)?)))
}

//! The types of receipt that the business defined.

use axum::http::StatusCode;
use axum::response::Response;
use domain::Problems;
use domain::ids::ReceiptTypeId;
use domain::records::receipt_type::ReceiptType;
use domain::text::parse_name;
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use use_cases::Revised;
use use_cases::records::ReceiptTypeRequest;
use utoipa::ToSchema;
use web::body::{RecordBody, Unknown, refuse_unknown_of_record};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::{ApiProblem, Given, JsonBody};

use crate::caller::{MayAdminister, MayRead, Writes, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, body_over, deleted, shown, written};

/// A type of receipt.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReceiptTypeInput)]
pub(crate) struct ReceiptTypeBody {
    /// What people call the type, one line of at most 100 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-100")]
    name: Given<String>,
    /// The type that this one is a sub-type of. Left out, it stands by itself. A type with sub-types is a heading:
    /// links name one without.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
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
    Ok(answer(page(&caller.store, Parameters::read(pairs, &PAGING)).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    parameters: Parameters,
) -> Result<ListView<ReceiptTypeView>, ApiProblem> {
    let configuration = store.fresh_configuration().await?;
    let kinds = configuration.receipt_types.values().cloned();
    ListView::page(kinds.map(|kind| (kind.id.to_string(), ReceiptTypeView::from(kind))), parameters)
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let (kind, revision) = caller.store.receipt_type_to_change(&id).await?;
    let kind = kind.ok_or_else(|| ApiProblem::not_found("receipt type"))?;
    shown(Revised::new(ReceiptTypeView::from(kind), &revision), &conditions)
}

pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let outcome = use_cases::records::delete_receipt_type(&caller.store, &id, &conditions).await;
    deleted(outcome.map_err(refused::receipt_type_needed)?, "receipt type")
}

pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    Writes(writing): Writes,
    Path(id): Path<String>,
    body: JsonBody<ReceiptTypeBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let said = |base: Option<&ReceiptType>| {
        let mut problems = Problems::default();
        let shown = base.cloned().map(ReceiptTypeView::from);
        let body: ReceiptTypeBody = body_over(&body.value, shown, &mut problems);
        (body.read(&id, &mut problems), problems)
    };
    let receipt_type = use_cases::records::write_receipt_type(&caller.store, id.clone(), &writing, &said).await;
    let receipt_type = receipt_type.map_err(|why| refused::record(why, "receipt type"))?;
    Ok(written(receipt_type.map(ReceiptTypeView::from)))
}

impl RecordBody for ReceiptTypeBody {
    const OBJECT: &'static str = "receipt_type";
    const NAMED_BY: &'static [&'static str] = &["id"];
}

impl ReceiptTypeBody {
    fn read(self, id: &ReceiptTypeId, problems: &mut Problems) -> ReceiptTypeRequest {
        refuse_unknown_of_record::<Self>("", self.unknown, &[id.as_str()], problems);
        ReceiptTypeRequest {
            name: self.name.required_text("/name", problems, |name| parse_name(name, 100)),
            parent_id: self.parent_id.text("/parent_id", problems, ReceiptTypeId::parse).value(),
        }
    }
}

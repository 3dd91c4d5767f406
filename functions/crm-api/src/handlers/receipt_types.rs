//! The types of receipt that the business defined.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::ReceiptTypeId;
use domain::records::receipt_type::ReceiptType;
use domain::text::parse_name;
use domain::{Problems, Rejection};
use serde::{Deserialize, Serialize};
use store::Configuration;
use utoipa::ToSchema;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::{ApiProblem, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, id_of};
use crate::lists::{ListView, PAGING, Parameters};
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

pub(crate) async fn list(_: MayRead, State(app): State<App>, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &PAGING)?;
    let configuration = app.store.fresh_configuration().await?;
    let kinds = configuration.receipt_types.values().cloned();
    Ok(answer(ListView::page(kinds.map(|kind| (kind.id.to_string(), ReceiptTypeView::from(kind))), &parameters)?))
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let kind = app.store.receipt_type(&id).await?.ok_or_else(|| ApiProblem::not_found("receipt type"))?;
    Ok(answer(ReceiptTypeView::from(kind)))
}

/// A type that others stand below, or that the settings name, is still needed.
pub(crate) async fn delete(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let configuration = app.store.fresh_configuration().await?;
    if let Some(child) = configuration.receipt_types.values().find(|kind| kind.parent_id.as_ref() == Some(&id)) {
        let detail = format!("The receipt type {} stands below it.", child.id);
        return Err(ApiProblem::conflict("receipt_type_has_sub_types", detail).with_conflicting_id(child.id.as_str()));
    }
    if configuration.settings.default_receipt_type_id.as_ref() == Some(&id) {
        return Err(ApiProblem::conflict(
            "receipt_type_is_default",
            "The settings name it as the default receipt type.",
        ));
    }
    deleted(app.store.delete_receipt_type(&id).await?, "receipt type")
}

pub(crate) async fn write(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<ReceiptTypeBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ReceiptTypeId::parse)?;
    let body = body.fields;
    let mut problems = Problems::default();
    refuse_unknown("", body.unknown, &mut problems);
    let name = body.name.field("/name", &mut problems).parse("/name", &mut problems, |name| parse_name(&name, 100));
    let name = name.require("/name", &mut problems);
    let parent_id = body.parent_id.field("/parent_id", &mut problems);
    let parent_id = parent_id.parse("/parent_id", &mut problems, |id| ReceiptTypeId::parse(&id)).value();
    if let Some(parent) = &parent_id {
        let configuration = app.store.fresh_configuration().await?;
        problems.check("/parent_id", check_parent(&id, parent, &configuration));
    }
    match name {
        Some(name) if problems.is_empty() => {
            let kind = ReceiptType { id, name, parent_id };
            app.store.put_receipt_type(&kind).await?;
            Ok(answer(ReceiptTypeView::from(kind)))
        }
        Some(_) | None => Err(ApiProblem::invalid(problems)),
    }
}

/// A parent exists, following parents upward never comes back, and the parent is not what links get by default, because a
/// link names one without sub-types.
fn check_parent(id: &ReceiptTypeId, parent: &ReceiptTypeId, configuration: &Configuration) -> Result<(), Rejection> {
    // Two that were put below each other at the same moment form a circle that does not lead back to this one.
    let mut seen = BTreeSet::from([id]);
    let mut above = Some(parent);
    while let Some(next) = above {
        if !seen.insert(next) {
            return Err(Rejection::new("circular", "A receipt type cannot stand below itself."));
        }
        let Some(kind) = configuration.receipt_types.get(next) else {
            return Err(Rejection::new("unknown_receipt_type", format!("There is no receipt type {next}.")));
        };
        above = kind.parent_id.as_ref();
    }
    if configuration.settings.default_receipt_type_id.as_ref() == Some(parent) {
        let detail = "The settings name it as the default receipt type, which cannot have sub-types.";
        return Err(Rejection::new("receipt_type_is_default", detail));
    }
    Ok(())
}

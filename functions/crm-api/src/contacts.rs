//! Contacts and the people at them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Problems;
use domain::contact::Contact;
use domain::ids::ContactId;
use serde::Serialize;
use web::extract::Path;
use web::records::ContactBody;
use web::{ApiProblem, JsonBody};

use crate::caller::{MayRead, MayWrite, id_of};
use crate::{App, answer, deleted};

#[derive(Debug, Serialize)]
struct ContactView {
    object: &'static str,
    #[serde(flatten)]
    contact: Contact,
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    let contact = app.store.contact(&id).await?.ok_or_else(|| ApiProblem::not_found("contact"))?;
    Ok(answer(ContactView { object: "contact", contact }))
}

/// Links keep their own copy of what they need of a contact.
pub(crate) async fn delete(
    _: MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    deleted(app.store.delete_contact(&id).await?, "contact")
}

pub(crate) async fn write(
    _: MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<ContactBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    let body = body.fields;
    let configuration = app.store.configuration().await?;
    let mut problems = Problems::default();
    let change = body.read("", &configuration.settings.default_region, &mut problems);
    match change.apply(id, None, "", &mut problems) {
        Some(contact) if problems.is_empty() => {
            app.store.put_contact(&contact).await?;
            Ok(answer(ContactView { object: "contact", contact }))
        }
        Some(_) | None => Err(ApiProblem::invalid(problems)),
    }
}

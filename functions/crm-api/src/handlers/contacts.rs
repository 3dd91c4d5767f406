//! Contacts and the people at them.

use axum::http::StatusCode;
use axum::response::Response;
use domain::Problems;
use domain::address::{Email, Mobile};
use domain::ids::ContactId;
use domain::records::contact::Contact;
use serde::Serialize;
use store::{BusinessStore, SortKey};
use use_cases::{Extent, Revised};
use utoipa::ToSchema;
use views::SocialView;
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::records::ContactBody;
use web::{ApiProblem, JsonBody};

use crate::caller::{MayRead, MayWrite, Writes, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, deleted, shown, written};

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Contact)]
pub(crate) struct ContactView {
    id: String,
    #[schema(pattern = "^contact$")]
    object: &'static str,
    name: String,
    profile_url: Option<String>,
    locale: Option<String>,
    /// In E.164.
    mobile: Option<String>,
    email: Option<String>,
    social: Vec<SocialView>,
    /// What the contact owes is positive.
    balance: Option<MoneyView>,
    /// Whether those who are told for it are reminded.
    reminders: bool,
    people: Vec<PersonView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Money)]
struct MoneyView {
    amount: i64,
    currency: &'static str,
}

/// Somebody at the customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
struct PersonView {
    /// What `recipients.people` calls the person.
    id: String,
    role: String,
    name: Option<String>,
    mobile: Option<String>,
    email: Option<String>,
    social: Vec<SocialView>,
}

impl ContactView {
    fn new(contact: &Contact) -> Self {
        let mobile = |mobile: &Option<Mobile>| mobile.as_ref().map(|mobile| mobile.as_str().to_owned());
        let email = |email: &Option<Email>| email.as_ref().map(|email| email.as_str().to_owned());
        Self {
            id: contact.id.to_string(),
            object: "contact",
            name: contact.name.clone(),
            profile_url: contact.profile_url.clone(),
            locale: contact.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            mobile: mobile(&contact.mobile),
            email: email(&contact.email),
            social: contact.social.iter().map(SocialView::new).collect(),
            balance: contact
                .balance
                .map(|money| MoneyView { amount: money.minor_units(), currency: money.currency().code() }),
            reminders: !contact.no_reminders,
            people: contact
                .people
                .iter()
                .map(|person| PersonView {
                    id: person.id.to_string(),
                    role: person.role.to_string(),
                    name: person.name.clone(),
                    mobile: mobile(&person.mobile),
                    email: email(&person.email),
                    social: person.social.iter().map(SocialView::new).collect(),
                })
                .collect(),
        }
    }
}

/// All contacts, by their ids.
pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, Parameters::read(pairs, &PAGING)).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    mut parameters: Parameters,
) -> Result<ListView<ContactView>, ApiProblem> {
    let (limit, after) = parameters.paging(SortKey::Id)?;
    let page = store.list_contacts(limit, after.as_ref()).await?;
    Ok(ListView::new(page.entries.iter().map(ContactView::new).collect(), page.next.as_ref()))
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    let (contact, revision) = caller.store.contact_to_change(&id).await?;
    let contact = contact.ok_or_else(|| ApiProblem::not_found("contact"))?;
    shown(Revised::new(ContactView::new(&contact), &revision), &conditions)
}

/// Links keep their own copy of what they need of a contact.
pub(crate) async fn delete(
    MayWrite(caller): MayWrite,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    let outcome = use_cases::records::delete_contact(&caller.store, &id, &conditions).await;
    deleted(outcome.map_err(|why| refused::record(why, "contact"))?, "contact")
}

pub(crate) async fn write(
    MayWrite(caller): MayWrite,
    Writes(writing): Writes,
    Path(id): Path<String>,
    body: JsonBody<ContactBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    let configuration = caller.store.configuration().await?;
    let (router, mut problems) = (configuration.router(), Problems::default());
    let change = match writing.extent {
        Extent::Whole => body.fields.read("", id.as_str(), router, &mut problems),
        Extent::Part => body.fields.read_change("", id.as_str(), router, &mut problems),
    };
    let contact = use_cases::records::write_contact(&caller.store, id, &writing, change, problems).await;
    let contact = contact.map_err(|why| refused::record(why, "contact"))?;
    Ok(written(contact.map(|contact| ContactView::new(&contact))))
}

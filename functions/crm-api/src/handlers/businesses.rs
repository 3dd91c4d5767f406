//! The businesses of the stack, for whoever runs it for many.

use axum::extract::State;
use axum::response::Response;
use domain::business::settings::Settings;
use domain::ids::BusinessId;
use domain::records::business::{Business, BusinessState, PayUrlBase, Shards};
use domain::text::{parse_name, parse_text};
use domain::{Field, Problems};
use serde::{Deserialize, Serialize};
use store::{BusinessStore, SortKey};
use use_cases::businesses::BusinessRequest;
use utoipa::ToSchema;
use views::instant;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::{ApiProblem, Given, JsonBody, OptionalBody, PlatformCaller};

use crate::app::App;
use crate::caller::{MayReadBusinesses, MayRunBusinesses, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::answer;

/// A business of the stack. A PUT replaces all of it but whether it is suspended.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = BusinessBody)]
pub(crate) struct BusinessBody {
    /// How the platform calls the business, one line of at most 100 characters. What customers read is `business_name` of
    /// the business's own settings.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    name: Given<String>,
    /// What the business's pay URLs begin with: `https://` and a host that leads here, through a domain of API Gateway or
    /// a reverse proxy. Left out, what those of the stack begin with. Links that are made already keep theirs.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pay_url: Given<String>,
    /// Over how many partitions of an index each of the business's lists is spread, 1 to 64. One is enough for 250 links a
    /// second. Left out, as many as there are; it may grow and not shrink.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 64)]
    shards: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Why a business is suspended. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Suspension)]
pub(crate) struct SuspendBody {
    /// For the platform's own people, at most 500 characters. Left out, none, or the one that was given before.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    reason: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Resumption)]
pub(crate) struct ResumeBody {
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! { BusinessStatusName, "Whether the business may take new payments.", ["active", "suspended"] }

/// A business of the stack.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Business)]
pub(crate) struct BusinessView {
    id: String,
    #[schema(pattern = "^business$")]
    object: &'static str,
    name: String,
    #[schema(value_type = BusinessStatusName)]
    status: &'static str,
    #[schema(format = DateTime)]
    suspended_at: Option<String>,
    suspension_reason: Option<String>,
    /// What its pay URLs begin with; null where they begin as the stack's.
    pay_url: Option<String>,
    /// Over how many partitions of an index each of its lists is spread.
    shards: u8,
    #[schema(format = DateTime)]
    created_at: String,
}

impl BusinessView {
    fn new(business: &Business) -> Self {
        // The platform has no zone of its own.
        let shown = |at| instant(at, &Settings::default());
        let (suspended_at, suspension_reason) = match &business.state {
            BusinessState::Active => (None, None),
            BusinessState::Suspended { suspended_at, reason } => (Some(shown(*suspended_at)), reason.clone()),
        };
        Self {
            id: business.id.to_string(),
            object: "business",
            name: business.name.clone(),
            status: business.state.name(),
            suspended_at,
            suspension_reason,
            pay_url: business.pay_url.as_ref().map(|base| base.as_str().to_owned()),
            shards: business.shards.number(),
            created_at: shown(business.created_at),
        }
    }
}

/// All businesses, by their ids.
pub(crate) async fn list(
    _: MayReadBusinesses,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &PAGING)?;
    let after = parameters.cursor(SortKey::Id)?;
    let page = app.store.list_businesses(parameters.limit()?, after.as_ref()).await?;
    Ok(answer(ListView::new(page.entries.iter().map(BusinessView::new).collect(), page.next.as_ref())))
}

pub(crate) async fn read(
    _: MayReadBusinesses,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let business = app.store.business(&id).await?.ok_or_else(|| ApiProblem::not_found("business"))?;
    Ok(answer(BusinessView::new(&business)))
}

pub(crate) async fn write(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<BusinessBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let mut problems = Problems::default();
    let request = body.fields.read(&mut problems);
    let Some(request) = request.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let business = use_cases::businesses::write(&of(&app, caller, &id), &|| app.clock.now(), request).await;
    Ok(answer(BusinessView::new(&business.map_err(refused::business)?)))
}

/// No link is made and no payment begins from now on. What was begun finishes, and everything can be read.
pub(crate) async fn suspend(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<SuspendBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    let reason = body.fields.reason.text("/reason", &mut problems, |reason| parse_text(reason, 500)).value();
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let business = use_cases::businesses::suspend(&of(&app, caller, &id), &|| app.clock.now(), reason).await;
    Ok(answer(BusinessView::new(&business.map_err(refused::business)?)))
}

pub(crate) async fn resume(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<ResumeBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let business = use_cases::businesses::resume(&of(&app, caller, &id), &|| app.clock.now()).await;
    Ok(answer(BusinessView::new(&business.map_err(refused::business)?)))
}

/// What is the business's, for whoever signs for what the platform decides about it.
fn of(app: &App, caller: PlatformCaller, id: &BusinessId) -> BusinessStore {
    app.store.of(id).signed(caller.author, app.clock.now())
}

impl BusinessBody {
    fn read(self, problems: &mut Problems) -> Option<BusinessRequest> {
        refuse_unknown("", self.unknown, problems);
        let name = self.name.required_text("/name", problems, |name| parse_name(name, 100));
        let pay_url = match self.pay_url.text("/pay_url", problems, PayUrlBase::parse) {
            Field::Refused => return None,
            chosen => chosen.value(),
        };
        let shards = self.shards.parse("/shards", problems, Shards::parse).value();
        Some(BusinessRequest { name: name?, pay_url, shards })
    }
}

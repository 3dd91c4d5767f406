//! The businesses of the stack, for whoever runs it for many.

use std::num::NonZeroU32;

use axum::extract::State;
use axum::response::Response;
use domain::business::quotas::Quotas;
use domain::business::settings::Settings;
use domain::ids::BusinessId;
use domain::records::business::{Business, BusinessState, PayUrlBase};
use domain::records::shards::Shards;
use domain::text::{parse_name, parse_text};
use domain::{Problems, Rejection};
use serde::{Deserialize, Serialize};
use store::{BusinessStore, SortKey};
use use_cases::Revised;
use use_cases::businesses::{BusinessRefused, BusinessRequest};
use utoipa::ToSchema;
use views::instant;
use web::body::{RecordBody, Unknown, refuse_unknown, refuse_unknown_of_record};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::fields::nested;
use web::{ApiProblem, Given, JsonBody, OptionalBody, PlatformCaller};

use crate::app::App;
use crate::caller::{MayReadBusinesses, MayRunBusinesses, Writes, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, body_over, shown, written};

/// A business of the stack. A PUT replaces all of it but whether it is suspended.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = BusinessInput)]
pub(crate) struct BusinessBody {
    /// How the platform calls the business, one line of at most 100 characters. What customers read is `business_name` of
    /// the business's own settings.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-100")]
    name: Given<String>,
    /// What the business's pay URLs begin with: `https://` and a host that leads here, through a domain of API Gateway or
    /// a reverse proxy. Left out, what those of the stack begin with. Links that are made already keep theirs.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "public-address")]
    pay_url: Given<String>,
    /// Over how many partitions of an index each of the business's lists is spread, 1 to 64. One is enough for 250 links a
    /// second. Left out, as many as there are; it may grow at any time and not shrink.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 64)]
    shards: Given<i64>,
    /// How much the business may do. Left out, as much as it likes.
    #[serde(default)]
    #[schema(value_type = Option<QuotasBody>)]
    quotas: Given<QuotasBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// How much a business may do. What is beyond it is answered with 429 `quota_reached`. Days are those of UTC. A quota of a day
/// may take hold a minute late, because nothing is written to count.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = QuotasInput)]
pub(crate) struct QuotasBody {
    /// Links made in a day. Left out, any number.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "quota")]
    links_per_day: Given<i64>,
    /// Messages sent in a day. A link whose messages would go beyond it is not made. Left out, any number.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "quota")]
    messages_per_day: Given<i64>,
    /// Calls of the API in a second, whoever makes them; twice as many at once. Each process counts for itself, so that it
    /// is an approximate bound. Left out, only each integration's own bound.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "quota")]
    calls_per_second: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl QuotasBody {
    fn read(self, problems: &mut Problems) -> Quotas {
        refuse_unknown::<Self>("/quotas", self.unknown, problems);
        let mut read = |given: Given<i64>, at| given.parse(at, problems, Quotas::parse).value();
        Quotas {
            links_per_day: read(self.links_per_day, "/quotas/links_per_day"),
            messages_per_day: read(self.messages_per_day, "/quotas/messages_per_day"),
            calls_per_second: read(self.calls_per_second, "/quotas/calls_per_second"),
        }
    }
}

/// How much a business may do; null where it has no bound.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quotas)]
pub(crate) struct QuotasView {
    links_per_day: Option<u32>,
    messages_per_day: Option<u32>,
    calls_per_second: Option<u32>,
}

impl QuotasView {
    fn new(quotas: &Quotas) -> Self {
        Self {
            links_per_day: quotas.links_per_day.map(NonZeroU32::get),
            messages_per_day: quotas.messages_per_day.map(NonZeroU32::get),
            calls_per_second: quotas.calls_per_second.map(NonZeroU32::get),
        }
    }
}

/// Why a business is suspended. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = BusinessSuspend)]
pub(crate) struct SuspendBody {
    /// For the platform's own people, at most 500 characters. Left out, none, or the one that was given before.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-500")]
    reason: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = BusinessResume)]
pub(crate) struct ResumeBody {
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// That the business is really to be erased.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = BusinessErase)]
pub(crate) struct EraseBody {
    /// The id of the business once more.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "business-id")]
    confirm: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! { BusinessStatusName, "Whether it takes payments, or is erased.", ["active", "suspended", "erasing", "erased"] }

/// A business of the stack.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Business)]
pub(crate) struct BusinessView {
    id: String,
    #[schema(pattern = "^business$")]
    object: &'static str,
    /// Empty once it is erased.
    name: String,
    #[schema(value_type = BusinessStatusName)]
    status: &'static str,
    #[schema(format = DateTime)]
    suspended_at: Option<String>,
    suspension_reason: Option<String>,
    /// When it was marked to be erased.
    #[schema(format = DateTime)]
    erasing_since: Option<String>,
    /// When nothing of it was left but its id.
    #[schema(format = DateTime)]
    erased_at: Option<String>,
    /// What its pay URLs begin with; null where they begin as the stack's.
    pay_url: Option<String>,
    /// Over how many partitions of an index each of its lists is spread.
    shards: u8,
    /// From when on new links are spread over all of them: a minute and a half after the number grew, when every process
    /// knows of it. Null where it never grew.
    #[schema(format = DateTime)]
    shards_used_from: Option<String>,
    quotas: QuotasView,
    #[schema(format = DateTime)]
    created_at: String,
}

impl BusinessView {
    pub(crate) fn new(business: &Business) -> Self {
        // The platform has no zone of its own.
        let shown = |at| instant(at, &Settings::default());
        let (suspended_at, suspension_reason, erasing_since, erased_at) = match &business.state {
            BusinessState::Active => (None, None, None, None),
            BusinessState::Suspended { suspended_at, reason } => {
                (Some(shown(*suspended_at)), reason.clone(), None, None)
            }
            BusinessState::Erasing { since, deleting_since: _ } => (None, None, Some(shown(*since)), None),
            BusinessState::Erased { erased_at } => (None, None, None, Some(shown(*erased_at))),
        };
        Self {
            id: business.id.to_string(),
            object: "business",
            name: business.name.clone(),
            status: business.state.name(),
            suspended_at,
            suspension_reason,
            erasing_since,
            erased_at,
            pay_url: business.pay_url.as_ref().map(|base| base.as_str().to_owned()),
            shards: business.spread.read().number(),
            shards_used_from: business.spread.spread_from().map(shown),
            quotas: QuotasView::new(&business.quotas),
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
    let (limit, after) = Parameters::read(pairs, &PAGING).paging(SortKey::Id)?;
    let page = app.store.list_businesses(limit, after.as_ref()).await?;
    Ok(answer(ListView::new(page.entries.iter().map(BusinessView::new).collect(), page.next.as_ref())))
}

pub(crate) async fn read(
    _: MayReadBusinesses,
    State(app): State<App>,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let (business, revision) = app.store.business_to_change(&id).await?;
    let business = business.ok_or_else(|| ApiProblem::not_found("business"))?;
    shown(Revised::new(BusinessView::new(&business), &revision), &conditions)
}

pub(crate) async fn write(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    Writes(writing): Writes,
    Path(id): Path<String>,
    body: JsonBody<BusinessBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let said = |base: Option<&Business>| {
        let mut problems = Problems::default();
        let body: BusinessBody = body_over(&body.value, base.map(BusinessView::new), &mut problems);
        (body.read(&id, &mut problems), problems)
    };
    let business = use_cases::businesses::write(&of(&app, caller, &id), &|| app.clock.now(), &writing, &said).await;
    view_of(business)
}

/// A business as it is now.
fn view_of(business: Result<Revised<Business>, BusinessRefused>) -> Result<Response, ApiProblem> {
    Ok(written(business.map_err(refused::business)?.map(|business| BusinessView::new(&business))))
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
    refuse_unknown::<SuspendBody>("", body.fields.unknown, &mut problems);
    let reason = body.fields.reason.text("/reason", &mut problems, |reason| parse_text(reason, 500)).value();
    let reason = reason.filter(|text| !text.is_empty());
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let business = use_cases::businesses::suspend(&of(&app, caller, &id), &|| app.clock.now(), reason).await;
    view_of(business)
}

pub(crate) async fn resume(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<ResumeBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let mut problems = Problems::default();
    refuse_unknown::<ResumeBody>("", body.fields.unknown, &mut problems);
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let business = use_cases::businesses::resume(&of(&app, caller, &id), &|| app.clock.now()).await;
    view_of(business)
}

/// Marks the business to be erased. Nobody can speak for it from now on, and what it has is deleted by the deployer's command.
pub(crate) async fn erase(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<EraseBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let mut problems = Problems::default();
    refuse_unknown::<EraseBody>("", body.fields.unknown, &mut problems);
    body.fields.confirm.required_text("/confirm", &mut problems, |confirmed| match BusinessId::parse(confirmed)? {
        confirmed if confirmed == id => Ok(confirmed),
        _ => Err(Rejection::new("not_confirmed", "Give the id of the business that is to be erased.")),
    });
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let business = use_cases::businesses::erase(&of(&app, caller, &id), &|| app.clock.now()).await;
    view_of(business)
}

/// What is the business's, for whoever signs for what the platform decides about it.
fn of(app: &App, caller: PlatformCaller, id: &BusinessId) -> BusinessStore {
    app.store.of(id).signed(caller.author, app.clock.now())
}

impl RecordBody for BusinessBody {
    const OBJECT: &'static str = "business";
    const NAMED_BY: &'static [&'static str] = &["id"];
    const FOUND_OUT: &'static [&'static str] = &[
        "status",
        "suspended_at",
        "suspension_reason",
        "erasing_since",
        "erased_at",
        "shards_used_from",
        "created_at",
    ];
}

impl BusinessBody {
    fn read(self, id: &BusinessId, problems: &mut Problems) -> Option<BusinessRequest> {
        refuse_unknown_of_record::<Self>("", self.unknown, &[id.as_str()], problems);
        let name = self.name.required_text("/name", problems, |name| parse_name(name, 100));
        let pay_url = self.pay_url.text("/pay_url", problems, PayUrlBase::parse).value();
        let shards = self.shards.parse("/shards", problems, Shards::parse).value();
        let quotas = nested(self.quotas, "/quotas", problems, QuotasBody::read);
        Some(BusinessRequest { name: name?, pay_url, shards, quotas })
    }
}

//! Carrying a list away as a file. The call says which, and runs of another function make the file.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::business::settings::Settings;
use domain::exports::{ADDRESS_VALID_FOR, Export, ExportFailure, ExportFormat, ExportState, ExportedList};
use domain::ids::{BusinessId, ExportId};
use domain::language::Calendar;
use domain::link::CreatedBy;
use domain::locale::Locale;
use domain::{Problems, Rejection, Timestamp, no_such, parse_word};
use serde::{Deserialize, Serialize};
use serde_json::json;
use signed::{Objects, WorkQueue};
use store::{Order, SortKey};
use use_cases::Answer;
use use_cases::exports::ExportWish;
use utoipa::ToSchema;
use views::instant;
use views::schema::CalendarName;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query, pairs_of};
use web::idempotency::replayed;
use web::{ApiProblem, Caller, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayRead, Repeatable};
use crate::handlers::{events, links, receipts, refunds};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::answer;

/// The longest address of a list.
const LONGEST_LIST: usize = 2_000;

/// Where files lie, and how the function that makes them hears that there is something to make.
#[derive(Clone, Debug)]
pub struct Files {
    pub objects: Objects,
    pub queue: WorkQueue,
}

impl Files {
    /// Says that there is something to do for this `export` or `batch`. Where that is lost, the schedule finds it within a minute.
    pub(crate) async fn call_for_a_run(&self, what: &str, business: &BusinessId, id: &str) {
        let hint = json!({ "business": business.as_str(), what: id });
        if let Err(reason) = self.queue.send(&hint.to_string()).await {
            tracing::warn!(business_id = %business, what, id, reason, "It waits for the schedule.");
        }
    }
}

/// Which list to carry away, and as what.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ExportCreate)]
pub(crate) struct ExportBody {
    /// The list by its address, with the parameters that choose and sort: `/v1/payment-links`, `/v1/receipts`, `/v1/refunds`
    /// or `/v1/events`. All of it is carried away, so that `limit`, `cursor` and `after` have no place here, nor has
    /// `payment_link_id` at receipts and refunds.
    #[serde(default)]
    #[schema(value_type = String, required = true, example = "/v1/receipts?registered_from=2026-11-01&registered_to=2026-11-30")]
    list: Given<String>,
    /// `xlsx` and `csv` have a row for each entry, with columns for people; `jsonl` has each entry as the list shows it.
    #[serde(default)]
    #[schema(value_type = ExportFormatName, required = true)]
    format: Given<String>,
    /// By which calendar a table has its dates. Left out, the business's own.
    #[serde(default)]
    #[schema(value_type = Option<CalendarName>)]
    calendar: Given<String>,
    /// In which language a table names its columns, such as `fa`. Left out, the business's own.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    locale: Given<String>,
    /// In which unit a table has amounts of Rial. Left out, `rial`.
    #[serde(default)]
    #[schema(value_type = Option<RialUnitName>)]
    rial_unit: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! { ExportFormatName as "ExportFormat", "What kind of file.", ExportFormat::ALL.map(ExportFormat::as_str) }
views::one_of! {
    RialUnitName as "RialUnit",
    "`rial`, or `toman`, which is ten of them. An amount that is no whole number of Toman has a decimal then.",
    RIAL_UNITS
}
views::one_of! {
    ExportStatusName as "ExportStatus",
    "`pending`: nothing of it is made yet. `running`: `rows` says how far it is. `done`: `file` says where it is. `failed`: `failure_reason` says why there is none.",
    Export::STATUSES
}
views::one_of! {
    ExportFailureName as "ExportFailureReason",
    "`too_many_rows`, `too_large`: the list has more than one file may have; choose less of it. `given_up`: it could not be made for a day.",
    ExportFailure::ALL.map(ExportFailure::as_str)
}

const RIAL_UNITS: [&str; 2] = ["rial", "toman"];

/// A list that is carried away as a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Export)]
pub(crate) struct ExportView {
    id: String,
    #[schema(pattern = "^export$")]
    object: &'static str,
    #[schema(value_type = ExportStatusName)]
    status: &'static str,
    /// The list by its address, as it was given.
    list: String,
    #[schema(value_type = ExportFormatName)]
    format: &'static str,
    #[schema(value_type = CalendarName)]
    calendar: &'static str,
    locale: String,
    #[schema(value_type = RialUnitName)]
    rial_unit: &'static str,
    /// How many entries were read so far, or are in the file.
    rows: u64,
    /// Null until it is made, and once it is forgotten.
    file: Option<ExportFileView>,
    #[schema(value_type = Option<ExportFailureName>)]
    failure_reason: Option<&'static str>,
    /// The person whom `Paylink-Actor` named, else the integration that called.
    requested_by: String,
    /// Nothing that was made later is in the file.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was done, failed or was cancelled.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

/// The file of an export.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportFile)]
pub(crate) struct ExportFileView {
    name: String,
    bytes: u64,
    /// Where it can be fetched with GET and without an API key, until `url_expires_at`. Whoever has it can. Read the export
    /// again for a new one. Lists of exports have none.
    url: Option<String>,
    #[schema(format = DateTime)]
    url_expires_at: Option<String>,
    /// When the file is forgotten.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl ExportFileView {
    /// A file without its address.
    pub(crate) fn unsigned(name: String, bytes: u64, expires_at: String) -> Self {
        Self { name, bytes, url: None, url_expires_at: None, expires_at }
    }
}

impl ExportView {
    fn new(export: &Export, settings: &Settings, now: Timestamp) -> Self {
        let ended_at = match export.state {
            ExportState::Pending { .. } => None,
            ExportState::Done { at, .. } | ExportState::Failed { at, .. } | ExportState::Cancelled { at } => Some(at),
        };
        let (bytes, failure) = match export.state {
            ExportState::Done { bytes, .. } => (bytes, None),
            ExportState::Failed { reason, .. } => (0, Some(reason.as_str())),
            ExportState::Pending { .. } | ExportState::Cancelled { .. } => (0, None),
        };
        let file = export
            .file_until(now)
            .map(|until| ExportFileView::unsigned(export.file_name(&settings.zone()), bytes, instant(until, settings)));
        Self {
            id: export.id.to_string(),
            object: "export",
            status: export.status(),
            list: export.list.clone(),
            format: export.format.as_str(),
            calendar: export.calendar.as_str(),
            locale: export.locale.as_str().to_owned(),
            rial_unit: RIAL_UNITS[usize::from(export.in_toman)],
            rows: export.rows(),
            file,
            failure_reason: failure,
            requested_by: export.requested_by.as_str().to_owned(),
            created_at: instant(export.created_at, settings),
            ended_at: ended_at.map(|at| instant(at, settings)),
        }
    }
}

impl ExportBody {
    fn read(self, caller: &Caller, settings: &Settings, problems: &mut Problems) -> Option<ExportWish> {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let list = self.list.required_text("/list", p, parse_list_address);
        let of = list.as_deref().and_then(|list| read_list(list, settings, p));
        let format = self.format.required_text("/format", p, ExportFormat::parse);
        let calendar = self.calendar.text("/calendar", p, Calendar::parse).optional();
        let locale = self.locale.text("/locale", p, Locale::parse).optional();
        let unit = |text: &str| parse_word(text, &RIAL_UNITS, |unit| unit, "unknown_choice");
        let rial_unit = self.rial_unit.text("/rial_unit", p, unit).optional();
        let (of, order) = of?;
        Some(ExportWish {
            of,
            list: list?,
            is_newest_first: order == Order::NewestFirst,
            format: format?,
            calendar: settings.periods(calendar?).calendar,
            locale: locale?.unwrap_or_else(|| settings.default_locale.clone()),
            in_toman: rial_unit?.is_some_and(|unit| unit == "toman"),
            requested_by: CreatedBy::from(&caller.author),
        })
    }
}

/// The lists that can be carried away, by their addresses.
const LISTS: [&str; 4] = ["/v1/payment-links", "/v1/receipts", "/v1/refunds", "/v1/events"];

/// Reads the address of a list, without what it chooses.
pub(crate) fn parse_list_address(text: &str) -> Result<String, Rejection> {
    if text.chars().count() > LONGEST_LIST {
        let detail = format!("An address of a list has at most {LONGEST_LIST} characters.");
        return Err(Rejection::new("too_long", detail));
    }
    Ok(text.to_owned())
}

/// What the address of a list chooses, and in which order.
pub(crate) fn read_list(list: &str, settings: &Settings, problems: &mut Problems) -> Option<(ExportedList, Order)> {
    const POINTER: &str = "/list";
    let address: Option<Uri> = list.parse().ok().filter(|address: &Uri| address.authority().is_none());
    let pairs = address.as_ref().and_then(|address| pairs_of(address).ok());
    let Some((address, pairs)) = address.zip(pairs) else {
        problems.refuse(
            POINTER,
            "unknown_list",
            "Give the address of a list as a path, such as /v1/receipts?kind=refund.",
        );
        return None;
    };
    let path = address.path();
    let Some(position) = LISTS.iter().position(|known| *known == path) else {
        problems.refuse(POINTER, "unknown_list", no_such("list", path, &LISTS));
        return None;
    };
    let known: Vec<&str> = [&links::PARAMETERS[..], &receipts::PARAMETERS, &refunds::PARAMETERS, &events::PARAMETERS]
        .into_iter()
        .nth(position)
        .unwrap_or_default()
        .iter()
        .copied()
        .filter(|name| !PAGING.contains(name) && *name != "after")
        // A receipt and a refund are found by their link with one call, and lists of them are not chosen by it.
        .filter(|name| *name != "payment_link_id" || path == "/v1/events")
        .collect();
    let mut parameters = Parameters::read(pairs, &known);
    let p = &mut parameters;
    let of = match path {
        "/v1/payment-links" => ExportedList::PaymentLinks(Box::new(links::filter_of(p, settings))),
        "/v1/receipts" => ExportedList::Receipts(Box::new(receipts::filter_of(p, settings))),
        "/v1/refunds" => ExportedList::Refunds(Box::new(refunds::filter_of(p, settings))),
        _ => ExportedList::Events(events::filter_of(p, settings)),
    };
    // Events have one order.
    let order = if matches!(of, ExportedList::Events(_)) { Order::OldestFirst } else { p.order() };
    parameters.checked_in_field(POINTER, problems);
    Some((of, order))
}

/// Has a list carried away.
pub(crate) async fn create(
    MayRead(caller): MayRead,
    State(app): State<App>,
    call: Repeatable,
    body: JsonBody<ExportBody>,
) -> Result<Response, ApiProblem> {
    let files = files(&app, "/v1/exports")?;
    let configuration = caller.store.configuration().await?;
    let settings = &configuration.settings;
    let mut problems = Problems::default();
    let wish = body.fields.read(&caller, settings, &mut problems);
    let Some(wish) = wish.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let asked = call.asked(&caller, &body.value);
    let mark = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    let begun = use_cases::exports::begin(&caller.store, &|| app.clock.now(), asked, mark, wish).await;
    match begun.map_err(refused::export)? {
        Answer::New(export) => {
            files.call_for_a_run("export", &export.business, export.id.as_str()).await;
            Ok((StatusCode::CREATED, answer(ExportView::new(&export, settings, app.clock.now()))).into_response())
        }
        Answer::Repeated(export) => {
            let shown = shown(files, &export, settings, app.clock.now())?;
            Ok((StatusCode::CREATED, replayed(answer(shown))).into_response())
        }
    }
}

/// Exports, what was asked for last first.
pub(crate) async fn list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let mut parameters = Parameters::read(pairs, &PAGING);
    let (limit, after) = parameters.paging(SortKey::Time(Order::NewestFirst))?;
    let page = caller.store.list_exports(limit, after.as_ref()).await?;
    let configuration = caller.store.configuration().await?;
    let view = |export| ExportView::new(export, &configuration.settings, app.clock.now());
    Ok(answer(ListView::new(page.entries.iter().map(view).collect(), page.next.as_ref())))
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let files = files(&app, "/v1/exports/{id}")?;
    let export = caller.store.export(&export_id(&id)?).await?.ok_or_else(no_export)?;
    let configuration = caller.store.configuration().await?;
    Ok(answer(shown(files, &export, &configuration.settings, app.clock.now())?))
}

pub(crate) async fn cancel(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let cancelled = use_cases::exports::cancel(&caller.store, &|| app.clock.now(), &export_id(&id)?).await;
    let configuration = caller.store.configuration().await?;
    let export = cancelled.map_err(refused::export)?;
    Ok(answer(ExportView::new(&export, &configuration.settings, app.clock.now())))
}

/// An export with an address that its file can be fetched at.
fn shown(files: &Files, export: &Export, settings: &Settings, now: Timestamp) -> Result<ExportView, ApiProblem> {
    let mut view = ExportView::new(export, settings, now);
    if let Some(file) = &mut view.file {
        signed_file(files, file, &export.file_key(), export.format, settings, now)?;
    }
    Ok(view)
}

/// Gives a file an address at which it can be fetched.
pub(crate) fn signed_file(
    files: &Files,
    file: &mut ExportFileView,
    key: &str,
    format: ExportFormat,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), ApiProblem> {
    let valid_for = Duration::try_from(ADDRESS_VALID_FOR).unwrap_or_default();
    // Whoever serves the file looks at the clock of the world, and not at one that a test turns.
    let url = files.objects.address_to_get(key, &file.name, format.content_type(), valid_for, SystemTime::now());
    file.url = Some(url.map_err(|error| ApiProblem::unavailable(&error))?);
    file.url_expires_at = now.checked_add(ADDRESS_VALID_FOR).ok().map(|at| instant(at, settings));
    Ok(())
}

/// A program at a terminal has no files.
pub(crate) fn files<'a>(app: &'a App, path: &str) -> Result<&'a Files, ApiProblem> {
    app.files.as_ref().ok_or_else(|| ApiProblem::no_such_address(path))
}

/// An id of another form names nothing, so it is not found rather than wrong.
fn export_id(text: &str) -> Result<ExportId, ApiProblem> {
    ExportId::parse(text).map_err(|_| no_export())
}

fn no_export() -> ApiProblem {
    ApiProblem::not_found("export")
}

//! Many links at once, out of a file or of a list. The calls say what to do, and runs of another function do it.

use std::time::{Duration, SystemTime};

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::batches::{
    AlikeRows, Batch, BatchFailure, BatchReport, BatchRun, BatchState, BatchWait, BatchWish, BatchWork, ChosenLinks,
    LargeRow, MessageCounts, RowProblem, SumOfRows, USUALLY_PER_MINUTE, parse_per_minute, parse_source,
};
use domain::business::settings::Settings;
use domain::exports::{ADDRESS_VALID_FOR, ExportFormat, ExportedList};
use domain::ids::BatchId;
use domain::link::CreatedBy;
use domain::locale::Locale;
use domain::money::{Currency, Money};
use domain::{Field, Problems, Rejection, Timestamp, parse_word};
use lambda_http::request::RequestContext;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Order, SortKey};
use use_cases::Answer;
use use_cases::batches::BatchStep;
use utoipa::ToSchema;
use views::schema::ModeName;
use views::{amount_display, instant};
use web::base_url::base_url;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::idempotency::replayed;
use web::{ApiProblem, Caller, Given, JsonBody, OptionalBody};

use crate::app::App;
use crate::caller::{MayRead, MayWrite, Repeatable};
use crate::handlers::exports::{
    ExportFileView, ExportFormatName, Files, files, parse_list_address, read_list, signed_file,
};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::answer;

/// What is said of all rows is shown with each batch, and has at most so many bytes.
const LARGEST_DEFAULTS: usize = 16 * 1024;

/// What is done to which rows, and what they do not say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = BatchCreate)]
pub(crate) struct BatchBody {
    /// Left out, `create`.
    #[serde(default)]
    #[schema(value_type = Option<BatchActionName>)]
    action: Given<String>,
    /// The links to remind of or to replace, by the address of their list with the parameters that choose and sort; with
    /// `create` it has no place. The list is read when it is checked, up to 10,000 links, and what was found is what is run.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "/v1/payment-links?status=active&due_to=2026-11-30")]
    list: Given<String>,
    /// What kind of file is uploaded, and of the tables that are made. `xlsx` and `csv` have a row for each link and names of columns above them; `jsonl` has
    /// a JSON object on each line: the body that makes a link, and beside it `row_key` and `contact_mobile`, each if wanted.
    #[serde(default)]
    #[schema(value_type = ExportFormatName, required = true)]
    format: Given<String>,
    /// Which list the rows are of, such as `Arrears of November`. A row of the same source is made once, in whichever batch
    /// it comes: it is known by its key, or by all that it says where it has none. Left out, rows are known in this batch alone.
    /// Links of a list have no source.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-100")]
    source: Given<String>,
    /// What every link is made from where its row says nothing else: a part of the body of `POST /v1/payment-links`, such as
    /// `account_id`, `recipients`, `message` and `expires_in_days`. Without `recipients` nobody is told. With `replace` it is
    /// what is to be another than at each link, as with `POST /v1/payment-links/{id}/replace`, whose amount and whose contact
    /// stay; those are told who were told before. With `remind` it has no place.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    defaults: Given<Map<String, Value>>,
    /// In which language the table names its columns, and rows are told what is wrong with them, such as `fa`. Left out, the
    /// business's own.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    locale: Given<String>,
    /// At most so many rows are worked off in a minute, 10 to 6000, as many as ten seconds allow at a time. Left out, 1200.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 10, maximum = 6000)]
    per_minute: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// How a batch is run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = BatchRun)]
pub(crate) struct RunBody {
    /// Make the links of all rows that are right although others are wrong. Left out, a batch with wrong rows is refused.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    skip_wrong: Given<bool>,
    /// Another rate than was said before.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 10, maximum = 6000)]
    per_minute: Given<i64>,
    /// The `check` of the batch whose report was read. Where it was checked once more since, it is not run. Left out, whatever
    /// the last check found is run.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 1)]
    check: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! {
    BatchActionName as "BatchAction",
    "`create`: a link is made out of each row of a file that is uploaded. `remind`: people are reminded of each link of `list`, who were asked to pay it: in the business's hours, at most once a day at an address, and nobody who paid, is paying or wants no reminders. `replace`: another link is made in the place of each of `list`, for what is left of it; a link that somebody is paying is not replaced.",
    BatchWork::ACTIONS
}
views::one_of! {
    BatchStatusName as "BatchStatus",
    "`awaiting_file`: upload it, then check. `checking`: rows are looked at. `checked`: `report` says what was found, and it waits for somebody who has it run. `running`: rows are worked off. `waiting`: it goes on by itself, `waits_for` says when. `paused`. `closing`: the table of what became of each row is being written. `done` and `cancelled`: `file` is that table. `failed`: the file could not be read, `failure_reason` says why; upload another and check again, or where `defaults` are wrong begin another batch.",
    Batch::STATUSES
}
views::one_of! {
    BatchWaitName as "BatchWait",
    "`quota_reached`: the business has made or sent as much today as the platform allows it; it goes on tomorrow. `business_suspended`: it goes on once the business is not suspended any more. `closed_hours`: nobody is reminded outside the business's hours; it goes on when they begin.",
    BatchWait::ALL.map(BatchWait::as_str)
}
views::one_of! {
    BatchFailureName as "BatchFailureReason",
    "`no_file`: nothing was uploaded. `too_large`: more than 20 MB. `too_many_rows`: more than 10,000 rows or links. `too_many_columns`, `cell_too_long`. `not_this_format`: it is another kind of file, or one with a password. `bad_encoding`: it is neither UTF-8 nor UTF-16. `open_quote`: a quote is not closed. `no_rows`: nothing stands below the names of the columns, or no link is in the list. `damaged`. `invalid_columns`, `invalid_defaults`: `report.problems` says what is wrong with the names of columns, or with `defaults`. `given_up`: it could not be read for an hour.",
    BatchFailure::ALL.map(BatchFailure::as_str)
}

/// Rows that are worked off one after the other.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(crate) struct BatchView {
    id: String,
    #[schema(pattern = "^batch$")]
    object: &'static str,
    #[schema(value_type = BatchActionName)]
    action: &'static str,
    /// The links that it is about, by the address of their list. Null where a file is uploaded.
    list: Option<String>,
    #[schema(value_type = BatchStatusName)]
    status: &'static str,
    #[schema(value_type = ExportFormatName)]
    format: &'static str,
    source: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    defaults: Map<String, Value>,
    locale: String,
    per_minute: u32,
    /// Where to put the file, as long as one is wanted. Lists of batches have none.
    upload: Option<UploadView>,
    progress: ProgressView,
    /// How often it was checked: which check `report` is of.
    check: u32,
    /// What the check found so far. Null before there was one.
    report: Option<ReportView>,
    #[schema(value_type = Option<BatchWaitName>)]
    waits_for: Option<&'static str>,
    #[schema(value_type = Option<BatchFailureName>)]
    failure_reason: Option<&'static str>,
    /// The row that cannot be read, where that is why.
    failure_row: Option<u32>,
    /// The table of what was checked, or once it is over of what became of each row. Null while there is none.
    file: Option<ExportFileView>,
    /// The person whom `Paylink-Actor` named, else the integration that called.
    requested_by: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was run first.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When it was done or cancelled, or failed.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

/// Where the file is put: with this method, as it is, without an API key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchUpload)]
struct UploadView {
    #[schema(pattern = "^PUT$")]
    method: &'static str,
    url: String,
    /// The header `Content-Type` that has to be sent with it.
    content_type: &'static str,
    /// Read the batch again for a new address.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// How far it is: of the check while it is checked, then of the run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchProgress)]
struct ProgressView {
    /// How many rows there are. Null before the file was read.
    rows: Option<u32>,
    /// How many of them are done.
    done: u32,
    made: u32,
    /// Made before, by another batch of the same source.
    already_made: u32,
    /// Those that the check found wrong.
    skipped: u32,
    /// Those that something stood against when they were to be made. The table says what.
    failed: u32,
}

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchReport)]
struct ReportView {
    rows: u32,
    /// How many of them would make a link.
    ready: u32,
    wrong: u32,
    already_made: u32,
    /// How many would make a link of which nobody is told.
    untold: u32,
    problem_count: u32,
    /// The first fifty. The table has all of them.
    problems: Vec<RowProblemView>,
    sums: Vec<SumView>,
    /// The five largest amounts.
    largest: Vec<LargeRowView>,
    messages: MessageCountsView,
    /// How many rows say exactly what an earlier one does. They are made all the same.
    alike_count: u32,
    /// The first twenty of them.
    alike: Vec<AlikeView>,
    /// Columns that nothing is read of.
    ignored_columns: Vec<String>,
}

/// What is wrong with a cell.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchRowProblem)]
struct RowProblemView {
    /// As a spreadsheet counts it; of JSON lines, the line. Null where it is wrong with `defaults`.
    row: Option<u32>,
    /// As it is called in the file.
    column: Option<String>,
    /// As a spreadsheet calls it, such as `C12`.
    cell: Option<String>,
    /// The field of the body that the link is made from.
    pointer: String,
    code: String,
    /// In the language of the batch.
    detail: String,
}

/// What the links of one currency and mode come to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchSum)]
struct SumView {
    currency: String,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    rows: u32,
    amount: i64,
    amount_display: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchLargeRow)]
struct LargeRowView {
    row: u32,
    currency: String,
    amount: i64,
    amount_display: Option<String>,
}

/// The messages that would be sent at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchMessageCounts)]
struct MessageCountsView {
    sms: u32,
    /// What providers charge for.
    sms_segments: u32,
    email: u32,
    social: u32,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchAlikeRows)]
struct AlikeView {
    row: u32,
    same_as: u32,
}

impl BatchView {
    fn new(batch: &Batch, settings: &Settings, now: Timestamp) -> Self {
        let (failure, failure_row) = match batch.state {
            BatchState::Failed { reason, row, .. } => (Some(reason.as_str()), row),
            _ => (None, None),
        };
        let waits_for = match batch.state {
            BatchState::Running { waits_for, .. } => waits_for.map(BatchWait::as_str),
            _ => None,
        };
        let file = batch.table(now).map(|(phase, bytes, until)| {
            ExportFileView::unsigned(batch.table_name(phase, &settings.zone()), bytes, instant(until, settings))
        });
        let is_read = batch.slices.is_some() || !batch.report.problems.is_empty();
        Self {
            id: batch.id.to_string(),
            object: "batch",
            action: batch.wish.work.action(),
            list: batch.wish.work.chosen().map(|chosen| chosen.list.clone()),
            status: batch.status(),
            format: batch.wish.format.as_str(),
            source: batch.wish.source.clone(),
            defaults: batch.wish.defaults.clone(),
            locale: batch.wish.locale.as_str().to_owned(),
            per_minute: batch.wish.per_minute,
            upload: None,
            progress: ProgressView::new(batch),
            check: batch.check,
            report: is_read.then(|| ReportView::new(&batch.report, settings)),
            waits_for,
            failure_reason: failure,
            failure_row,
            file,
            requested_by: batch.wish.requested_by.as_str().to_owned(),
            created_at: instant(batch.created_at, settings),
            started_at: batch.started_at.map(|at| instant(at, settings)),
            ended_at: batch.ended_at().map(|at| instant(at, settings)),
        }
    }
}

impl ProgressView {
    fn new(batch: &Batch) -> Self {
        let tally = batch.tally;
        let rows = batch.slices.map(|_| batch.report.rows);
        let done = if batch.started_at.is_some() { tally.rows() } else { batch.report.checked };
        Self {
            rows,
            done,
            made: tally.made,
            already_made: tally.already_made,
            skipped: tally.skipped,
            failed: tally.failed,
        }
    }
}

impl ReportView {
    fn new(report: &BatchReport, settings: &Settings) -> Self {
        let display = |amount: i64, currency: &str| {
            let money = Currency::parse(currency).ok().and_then(|currency| Money::new(amount, currency).ok());
            money.map(|money| amount_display(money, settings))
        };
        let sum = |sum: &SumOfRows| SumView {
            currency: sum.currency.clone(),
            mode: sum.mode.as_str(),
            rows: sum.rows,
            amount: sum.amount,
            amount_display: display(sum.amount, &sum.currency),
        };
        let large = |row: &LargeRow| LargeRowView {
            row: row.row,
            currency: row.currency.clone(),
            amount: row.amount,
            amount_display: display(row.amount, &row.currency),
        };
        let MessageCounts { sms, sms_segments, email, social } = report.messages;
        Self {
            rows: report.rows,
            ready: report.right(),
            wrong: report.wrong,
            already_made: report.already_made,
            untold: report.untold,
            problem_count: report.problem_count,
            problems: report.problems.iter().map(problem).collect(),
            sums: report.sums.iter().map(sum).collect(),
            largest: report.largest.iter().map(large).collect(),
            messages: MessageCountsView { sms, sms_segments, email, social },
            alike_count: report.alike_count,
            alike: report
                .alike
                .iter()
                .map(|AlikeRows { row, same_as }| AlikeView { row: *row, same_as: *same_as })
                .collect(),
            ignored_columns: report.ignored_columns.clone(),
        }
    }
}

fn problem(problem: &RowProblem) -> RowProblemView {
    RowProblemView {
        row: problem.row,
        column: problem.column.clone(),
        cell: problem.cell.clone(),
        pointer: problem.pointer.clone(),
        code: problem.code.clone(),
        detail: problem.detail.clone(),
    }
}

fn per_minute(given: Given<i64>, problems: &mut Problems) -> Option<Option<u32>> {
    given.parse("/per_minute", problems, parse_per_minute).optional()
}

impl BatchBody {
    fn read(self, caller: &Caller, settings: &Settings, base: String, problems: &mut Problems) -> Option<BatchWish> {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let action = |text: &str| parse_word(text, &BatchWork::ACTIONS, |action| action, "unknown_choice");
        let action = self.action.text("/action", p, action).optional();
        let list = self.list.text("/list", p, parse_list_address).optional();
        let format = self.format.required_text("/format", p, ExportFormat::parse);
        let source = self.source.text("/source", p, parse_source).optional();
        let defaults = self.defaults.parse("/defaults", p, |defaults| match serde_json::to_vec(&defaults) {
            Ok(text) if text.len() <= LARGEST_DEFAULTS => Ok(defaults),
            _ => Err(Rejection::new("too_long", format!("What is said of all has at most {LARGEST_DEFAULTS} bytes."))),
        });
        let defaults = defaults.optional();
        let locale = self.locale.text("/locale", p, Locale::parse).optional();
        let per_minute = per_minute(self.per_minute, p);
        let (action, list) = (action?.unwrap_or(BatchWork::ACTIONS[0]), list?);
        let work = work(action, list.as_deref(), settings, p);
        if action != "create" && source.as_ref().is_some_and(Option::is_some) {
            p.refuse("/source", "not_allowed", "Links of a list have no source; leave it out.");
        }
        if action == "remind" && defaults.as_ref().is_some_and(Option::is_some) {
            p.refuse("/defaults", "not_allowed", "A reminder says what its link does; leave it out.");
        }
        Some(BatchWish {
            work: work?,
            source: source?,
            defaults: defaults?.unwrap_or_default(),
            format: format?,
            locale: locale?.unwrap_or_else(|| settings.default_locale.clone()),
            per_minute: per_minute?.unwrap_or(USUALLY_PER_MINUTE),
            integration: caller.integration.clone(),
            base,
            requested_by: CreatedBy::from(&caller.author),
        })
    }
}

/// What is done to which links. With a file none are named.
fn work(action: &str, list: Option<&str>, settings: &Settings, problems: &mut Problems) -> Option<BatchWork> {
    if action == "create" {
        if list.is_some() {
            problems.refuse("/list", "not_allowed", "A link is made of each row of a file; leave the list out.");
        }
        return Some(BatchWork::Create);
    }
    let Some(list) = list else {
        problems.refuse("/list", "required", "Give the links by the address of their list.");
        return None;
    };
    let chosen = match read_list(list, settings, problems)? {
        (ExportedList::PaymentLinks(filter), order) => {
            ChosenLinks { list: list.to_owned(), filter, is_newest_first: order == Order::NewestFirst }
        }
        (ExportedList::Receipts(_) | ExportedList::Refunds(_) | ExportedList::Events(_), _) => {
            problems.refuse("/list", "unknown_list", "Give a list of links, such as /v1/payment-links?status=active.");
            return None;
        }
    };
    Some(if action == "remind" { BatchWork::Remind(chosen) } else { BatchWork::Replace(chosen) })
}

/// Begins a batch.
pub(crate) async fn create(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    context: Option<Extension<RequestContext>>,
    call: Repeatable,
    body: JsonBody<BatchBody>,
) -> Result<Response, ApiProblem> {
    let files = files(&app, "/v1/batches")?;
    let configuration = caller.store.configuration().await?;
    let settings = &configuration.settings;
    let base = base_url(app.base_url.as_deref(), &configuration, context.as_deref())?;
    let mut problems = Problems::default();
    let wish = body.fields.read(&caller, settings, base, &mut problems);
    let Some(wish) = wish.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let asked = call.asked(&caller, &body.value);
    let mark = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    let begun = use_cases::batches::begin(&caller.store, &|| app.clock.now(), asked, mark, wish).await;
    let (batch, is_repeated) = match begun.map_err(refused::batch)? {
        Answer::New(batch) => (batch, false),
        Answer::Repeated(batch) => (batch, true),
    };
    if !is_repeated && batch.run_at().is_some() {
        files.call_for_a_run("batch", &batch.business, batch.id.as_str()).await;
    }
    let answered = answer(shown(files, &batch, settings, app.clock.now())?);
    let answered = if is_repeated { replayed(answered) } else { answered };
    Ok((StatusCode::CREATED, answered).into_response())
}

/// Batches, what was asked for last first.
pub(crate) async fn list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let mut parameters = Parameters::read(pairs, &PAGING);
    let (limit, after) = parameters.paging(SortKey::Time(Order::NewestFirst))?;
    let page = caller.store.list_batches(limit, after.as_ref()).await?;
    let configuration = caller.store.configuration().await?;
    let view = |batch| BatchView::new(batch, &configuration.settings, app.clock.now());
    Ok(answer(ListView::new(page.entries.iter().map(view).collect(), page.next.as_ref())))
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let files = files(&app, "/v1/batches/{id}")?;
    let batch = caller.store.batch(&batch_id(&id)?).await?.ok_or_else(no_batch)?;
    let configuration = caller.store.configuration().await?;
    Ok(answer(shown(files, &batch, &configuration.settings, app.clock.now())?))
}

pub(crate) async fn check(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    take(&app, &caller, &id, BatchStep::Check).await
}

pub(crate) async fn run(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<RunBody>,
) -> Result<Response, ApiProblem> {
    let RunBody { skip_wrong, per_minute: given, check, unknown } = body.fields;
    let mut problems = Problems::default();
    refuse_unknown::<RunBody>("", unknown, &mut problems);
    let skips_wrong = matches!(skip_wrong.field("/skip_wrong", &mut problems), Field::Value(true));
    let rate = per_minute(given, &mut problems);
    let check = check.parse("/check", &mut problems, |check| {
        let check = u32::try_from(check).ok().filter(|check| *check > 0);
        check.ok_or_else(|| Rejection::new("out_of_range", "Give the number of a check, from 1."))
    });
    let run = rate.zip(check.optional()).map(|(per_minute, of_check)| BatchRun { skips_wrong, per_minute, of_check });
    match run.filter(|_| problems.is_empty()) {
        Some(run) => take(&app, &caller, &id, BatchStep::Run(run)).await,
        None => Err(ApiProblem::invalid(problems)),
    }
}

pub(crate) async fn pause(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    take(&app, &caller, &id, BatchStep::Pause).await
}

pub(crate) async fn cancel(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    take(&app, &caller, &id, BatchStep::Cancel).await
}

async fn take(app: &App, caller: &Caller, id: &str, step: BatchStep) -> Result<Response, ApiProblem> {
    let files = files(app, "/v1/batches/{id}")?;
    let stepped = use_cases::batches::step(&caller.store, &|| app.clock.now(), &batch_id(id)?, step).await;
    let configuration = caller.store.configuration().await?;
    let batch = stepped.map_err(refused::batch)?;
    if step.wants_a_run() && batch.run_at().is_some() {
        files.call_for_a_run("batch", &batch.business, batch.id.as_str()).await;
    }
    Ok(answer(shown(files, &batch, &configuration.settings, app.clock.now())?))
}

/// A batch with the addresses that its files are put to and fetched at.
fn shown(files: &Files, batch: &Batch, settings: &Settings, now: Timestamp) -> Result<BatchView, ApiProblem> {
    let mut view = BatchView::new(batch, settings, now);
    if batch.awaits_upload() {
        let valid_for = Duration::try_from(ADDRESS_VALID_FOR).unwrap_or_default();
        let content_type = batch.wish.format.content_type();
        // Whoever takes the file looks at the clock of the world, and not at one that a test turns.
        let url = files.objects.address_to_put(&batch.upload_key(), content_type, valid_for, SystemTime::now());
        let url = url.map_err(|error| ApiProblem::unavailable(&error))?;
        let expires_at = instant(domain::clocks::later(now, ADDRESS_VALID_FOR), settings);
        view.upload = Some(UploadView { method: "PUT", url, content_type, expires_at });
    }
    if let (Some(file), Some((phase, ..))) = (&mut view.file, batch.table(now)) {
        signed_file(files, file, &batch.table_key(phase), batch.wish.format, settings, now)?;
    }
    Ok(view)
}

/// An id of another form names nothing, so it is not found rather than wrong.
fn batch_id(text: &str) -> Result<BatchId, ApiProblem> {
    BatchId::parse(text).map_err(|_| no_batch())
}

fn no_batch() -> ApiProblem {
    ApiProblem::not_found("batch")
}

//! Money that goes back: having it sent, noting that it went, finding out what became of it, and listing it all.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::business::settings::Settings;
use domain::calendar::parse_instant;
use domain::gateway::Mode;
use domain::ids::{AccountId, AttemptId, ContactId, LinkId, ReceiptId, RefundId};
use domain::link::{
    CreatedBy, ReceiptKind, RefundBy, RefundCause, RefundFilter, RefundMethodKind, RefundResolution, RefundStatusKind,
    RefundWish,
};
use domain::money::LARGEST_AMOUNT;
use domain::text::parse_text;
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use store::{RefundList, RefundOfLink, SortKey};
use use_cases::Answer;
use use_cases::refund::RefundOn;
use utoipa::ToSchema;
use views::RefundView;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::idempotency::replayed;
use web::{ApiProblem, Caller, Given, JsonBody, OptionalBody};

use crate::app::App;
use crate::caller::{MayRead, MayRefund, OnlyOnce, Repeatable};
use crate::handlers::links::link_id;
use crate::lists::{ListView, Parameters};
use crate::refused;
use crate::respond::answer;

/// What is to be returned of a payment. The body may be left out: then all that is left of it goes back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RefundCreate)]
pub(crate) struct RefundBody {
    /// How much, in minor units of the payment's currency. Left out, all that is left of it: what went back is not, nor what
    /// is on its way.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "amount-refunded")]
    amount: Given<i64>,
    /// Why, for the business's own people: at most 200 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-200")]
    reason: Given<String>,
    /// Where it went back by other means, such as a bank transfer. Left out, the payment's gateway is asked to send it.
    #[serde(default)]
    #[schema(value_type = Option<OutsideBody>)]
    outside: Given<OutsideBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// How money went back by other means than the payment's gateway.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RefundOutside)]
pub(crate) struct OutsideBody {
    /// What it is found by there, such as the number of the transfer: 1 to 100 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-100")]
    reference: Given<String>,
    /// When, with an offset. Left out, now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    refunded_at: Given<String>,
    /// The account that it went from. Left out, that of the payment.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    account_id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// What a person found out about a refund that needs one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RefundResolve)]
pub(crate) struct ResolveRefundBody {
    /// `ask_again` has the gateway asked once more. `refunded` says that the money went, `not_refunded` that it did not and
    /// will not by this refund, so that another can be made.
    #[serde(default)]
    #[schema(value_type = RefundResolutionName, required = true)]
    outcome: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! { RefundResolutionName as "RefundResolutionOutcome", "What a person found out.", RefundResolution::ALL.map(RefundResolution::as_str) }

impl RefundBody {
    fn read(self, app: &App, problems: &mut Problems) -> Option<(Option<i64>, Option<String>, RefundBy)> {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let amount = self.amount.field("/amount", p).parse("/amount", p, |amount| {
            if (1..=LARGEST_AMOUNT).contains(&amount) {
                Ok(amount)
            } else {
                Err(Rejection::new("out_of_range", format!("Give 1 to {LARGEST_AMOUNT}.")))
            }
        });
        let reason = self.reason.text("/reason", p, |reason| parse_text(reason, 200));
        let method = match self.outside.field("/outside", p) {
            Field::Absent => Some(RefundBy::Gateway),
            Field::Refused => None,
            Field::Value(outside) => outside.read(app, p),
        };
        Some((amount.optional()?, reason.optional()?.filter(|reason| !reason.is_empty()), method?))
    }
}

impl OutsideBody {
    fn read(self, app: &App, problems: &mut Problems) -> Option<RefundBy> {
        let p = problems;
        refuse_unknown::<Self>("/outside", self.unknown, p);
        let reference = self.reference.required_text("/outside/reference", p, parse_reference);
        let refunded_at = self.refunded_at.text("/outside/refunded_at", p, parse_instant).optional();
        let account_id = self.account_id.text("/outside/account_id", p, AccountId::parse).optional();
        let refunded_at = refunded_at?.unwrap_or_else(|| app.clock.now());
        Some(RefundBy::Outside { account_id: account_id?, reference: reference?, refunded_at })
    }
}

fn parse_reference(text: &str) -> Result<String, Rejection> {
    let text = parse_text(text, 100)?;
    if text.is_empty() { Err(Rejection::new("required", "Say what the money is found by.")) } else { Ok(text) }
}

/// Has money of a receipt's payment sent back.
pub(crate) async fn create(
    MayRefund(caller): MayRefund,
    State(app): State<App>,
    OnlyOnce(call): OnlyOnce,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<RefundBody>,
) -> Result<Response, ApiProblem> {
    let wish = wish(&app, &caller, &call, body)?;
    let id = ReceiptId::parse(&id).map_err(|_| ApiProblem::not_found("receipt"))?;
    let receipt = caller.store.receipt(&id).await?.ok_or_else(|| ApiProblem::not_found("receipt"))?;
    match receipt.kind {
        ReceiptKind::Payment => {}
        ReceiptKind::Refund { .. } => {
            let detail = "This receipt records a refund. Money goes back of the receipt that it corrects.";
            return Err(ApiProblem::conflict("receipt_of_refund", detail));
        }
        ReceiptKind::PaymentVoid { .. } | ReceiptKind::RefundVoid { .. } => {
            let detail = "This receipt records that another one is void. Money goes back of the receipt of a payment.";
            return Err(ApiProblem::conflict("receipt_of_void", detail));
        }
    }
    begin(&app, &caller, (&receipt.link_id, &receipt.attempt_id), wish).await
}

/// The same of a payment that has no receipt.
pub(crate) async fn create_of_attempt(
    MayRefund(caller): MayRefund,
    State(app): State<App>,
    OnlyOnce(call): OnlyOnce,
    Path((id, attempt)): Path<(String, String)>,
    OptionalBody(body): OptionalBody<RefundBody>,
) -> Result<Response, ApiProblem> {
    let wish = wish(&app, &caller, &call, body)?;
    let id = link_id(&id)?;
    let attempt = AttemptId::parse(&attempt).map_err(|_| ApiProblem::not_found("attempt"))?;
    begin(&app, &caller, (&id, &attempt), wish).await
}

/// What the body asks for.
fn wish(app: &App, caller: &Caller, call: &Repeatable, body: JsonBody<RefundBody>) -> Result<RefundWish, ApiProblem> {
    let mut problems = Problems::default();
    let read = body.fields.read(app, &mut problems);
    let Some((amount, reason, method)) = read.filter(|_| problems.is_empty()) else {
        return Err(ApiProblem::invalid(problems));
    };
    let request = call.asked(caller, &body.value).fingerprint();
    let requested_by = Some(CreatedBy::from(&caller.author));
    Ok(RefundWish { amount, method, reason, requested_by, request, has_credentials: None, from: None })
}

async fn begin(
    app: &App,
    caller: &Caller,
    (link, attempt): (&LinkId, &AttemptId),
    wish: RefundWish,
) -> Result<Response, ApiProblem> {
    let begun = use_cases::refund::refund(&caller.store, &|| app.clock.now(), link, attempt, wish).await;
    match begun.map_err(refused::refund)? {
        Answer::New(on) => Ok((StatusCode::CREATED, show(caller, &on).await?).into_response()),
        Answer::Repeated(on) => Ok((StatusCode::CREATED, replayed(show(caller, &on).await?)).into_response()),
    }
}

/// Notes what a person found out about a refund under review.
pub(crate) async fn resolve(
    MayRefund(caller): MayRefund,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    body: JsonBody<ResolveRefundBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    refuse_unknown::<ResolveRefundBody>("", body.fields.unknown, &mut problems);
    let outcome = body.fields.outcome.required_text("/outcome", &mut problems, RefundResolution::parse);
    let Some(outcome) = outcome.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let id = refund_id(&id)?;
    let asked = call.asked(&caller, &body.value);
    let resolved = use_cases::refund::resolve(&caller.store, &|| app.clock.now(), asked, &id, outcome).await;
    match resolved.map_err(refused::resolve_refund)? {
        Answer::New(on) => show(&caller, &on).await,
        Answer::Repeated(on) => Ok(replayed(show(&caller, &on).await?)),
    }
}

pub(crate) async fn read(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = refund_id(&id)?;
    let link = match id.link() {
        Some(link) => caller.store.link(&link).await?,
        None => None,
    };
    let link = link.ok_or_else(no_refund)?;
    show(&caller, &RefundOn { link, refund: id }).await
}

/// What a list of refunds takes.
pub(crate) const PARAMETERS: [&str; 12] = [
    "status",
    "cause",
    "method",
    "contact_id",
    "payment_link_id",
    "account_id",
    "mode",
    "created_from",
    "created_to",
    "order",
    "limit",
    "cursor",
];

/// What the parameters of a list of refunds choose.
pub(crate) fn filter_of(parameters: &mut Parameters, settings: &Settings) -> RefundFilter {
    RefundFilter {
        statuses: parameters.several("status", RefundStatusKind::parse),
        cause: parameters.parse("cause", RefundCause::parse),
        method: parameters.parse("method", RefundMethodKind::parse),
        contact_id: parameters.parse("contact_id", ContactId::parse),
        account_id: parameters.parse("account_id", AccountId::parse),
        mode: parameters.parse("mode", Mode::parse),
        created: parameters.times(("created_from", "created_to"), settings),
    }
}

/// Refunds by any of what can be asked for, all where nothing is. Each is as its link has it now.
pub(crate) async fn list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let mut parameters = Parameters::read(pairs, &PARAMETERS);
    let configuration = caller.store.configuration().await?;
    let settings = &configuration.settings;
    let filter = filter_of(&mut parameters, settings);
    let of_link = parameters.parse("payment_link_id", LinkId::parse);
    let list = RefundList { filter, order: parameters.order(), now: app.clock.now() };
    let (limit, after) = parameters.paging(SortKey::Time(list.order))?;
    let view = |found: &RefundOfLink| {
        let (attempt, refund) = found.get()?;
        Some(RefundView::new(&found.link, attempt, refund, settings))
    };
    let page = match &of_link {
        // A link has its own.
        Some(link) => caller.store.list_refunds_of(link, &list, limit, after.as_ref()).await?,
        None => caller.store.list_refunds(&list, limit, after.as_ref()).await?,
    };
    Ok(answer(ListView::new(page.entries.iter().filter_map(view).collect(), page.next.as_ref())))
}

/// A refund as its link has it.
async fn show(caller: &Caller, on: &RefundOn) -> Result<Response, ApiProblem> {
    let (attempt, refund) = on.link.refund(&on.refund).ok_or_else(no_refund)?;
    let configuration = caller.store.configuration().await?;
    Ok(answer(RefundView::new(&on.link, attempt, refund, &configuration.settings)))
}

/// An id of another form names nothing, so it is not found rather than wrong.
fn refund_id(text: &str) -> Result<RefundId, ApiProblem> {
    RefundId::parse(text).map_err(|_| no_refund())
}

fn no_refund() -> ApiProblem {
    ApiProblem::not_found("refund")
}

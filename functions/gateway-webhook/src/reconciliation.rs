//! `GET /v1/reconciliation`: holds what books have of an account's days against the gateway's own lists.
//!
//! This function answers it and crm-api does not, because it may read credentials. Nothing is written, and no money moves.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::business::reconciliation::Theirs;
use domain::gateway::GatewayKind;
use domain::ids::AttemptId;
use domain::link::PaymentLink;
use gateways::{ListError, ListOrder, claim_of};
use store::Scope;
use views::reconciliation::{ReconciliationView, Source};
use web::extract::Query;
use web::openapi::Operation;
use web::openapi::groups::RECONCILIATION;
use web::reconciliation::{Days, MOST_ENTRIES, asked_by, too_large, until};
use web::{ApiProblem, Caller};

use crate::App;

/// No page of a list is asked for after this, and nothing new is read after the rest: what is under way comes to its end
/// within the function's time.
const LISTING: Duration = Duration::from_secs(15);
const READING: Duration = Duration::from_secs(21);

/// At most this many claims are looked up, of what only the gateway has. Of more it is not said what they are known as.
const MOST_CLAIMS: usize = 500;

pub(crate) fn operation() -> Operation {
    let summary = "Hold what books have of an account's days against the gateway's own lists";
    let operation = Operation::new("get", "/v1/reconciliation", "reconcile_with_gateway", RECONCILIATION, summary);
    asked_by(operation.needs(Scope::Read))
        .answers::<ReconciliationView>(
            200,
            "What both sides have, and what only one of them has. Where the gateway has no lists it is a 409 \
             `gateway_has_no_list`: send a list of your own. Where it gives none that can be read, or not all of it, nothing \
             is told.",
        )
        .refuses(404)
        .refuses(409)
}

pub(crate) async fn hold_against_the_gateway(
    State(app): State<App>,
    Query(pairs): Query,
    parts: Parts,
) -> Result<Response, ApiProblem> {
    let (listing, reading) = (until(LISTING), until(READING));
    let now = app.clock.now();
    let caller = app.callers.authenticate(&parts, Scope::Read).await?.signed(now, &parts.uri).await?;
    let days = Days::read(&caller, pairs, now).await?;
    let access = days.account.configured_gateway();
    let access = access.map_err(|rejection| ApiProblem::conflict(rejection.code, rejection.detail))?;
    let gateway = access.gateway;
    if !gateway.profile().has_lists {
        return Err(no_list(gateway));
    }
    let credentials = caller.store.credentials(&days.account.id, access.credentials).await?;
    let (from, to) = days.to_read();
    let order = ListOrder { from, to, currency: days.account.currency, most: MOST_ENTRIES, until: listing };
    let listed = app.gateways.list(gateway, days.account.mode, &order, &credentials).await;
    let theirs = listed.ok_or_else(|| no_list(gateway))?.map_err(|error| refused(gateway, &error))?;
    let found = days.hold_against(&caller, theirs, Some(gateway), reading).await?;
    let known = known(&caller, &days, gateway, &found.only_theirs).await?;
    let find = |theirs: &Theirs| claim(gateway, theirs).and_then(|claim| known.get(&claim).cloned());
    let view = days.view(Source::Gateway, &found, find);
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(view)).into_response())
}

/// The claim of the payment that an entry is of.
fn claim(gateway: GatewayKind, theirs: &Theirs) -> Option<String> {
    claim_of(gateway, theirs.payment.as_ref().unwrap_or(&theirs.entry.reference))
}

/// The attempts that what only the gateway has belongs to: money that no link could keep has no receipt, and a claim.
async fn known(
    caller: &Caller,
    days: &Days,
    gateway: GatewayKind,
    only_theirs: &[Theirs],
) -> Result<BTreeMap<String, (PaymentLink, AttemptId)>, ApiProblem> {
    let mut claims: Vec<String> = only_theirs.iter().filter_map(|theirs| claim(gateway, theirs)).collect();
    claims.sort();
    claims.dedup();
    claims.truncate(MOST_CLAIMS);
    Ok(caller.store.claimed(days.account.mode, &claims).await?)
}

fn no_list(gateway: GatewayKind) -> ApiProblem {
    let name = gateway.profile().name;
    let detail = format!("{name} has no list of its payments that could be read. POST a list of your own instead.");
    ApiProblem::conflict("gateway_has_no_list", detail)
}

/// A list that is not whole says nothing of what is missing on it, so nothing is told.
fn refused(gateway: GatewayKind, error: &ListError) -> ApiProblem {
    let name = gateway.profile().name;
    match error {
        ListError::Unavailable { why } => {
            tracing::warn!(gateway = gateway.as_str(), why, "A gateway's list could not be read.");
            let detail = format!("There was no answer of {name} that can be read; nothing is known. Try again.");
            // Nothing is wrong with the stack, which a 5xx would raise an alarm for.
            ApiProblem::conflict("gateway_list_unreadable", detail)
        }
        ListError::Refused { code } => {
            let detail =
                format!("{name} refuses to show its lists with {code}; check what the account's key may read.");
            ApiProblem::conflict("gateway_list_refused", detail)
        }
        ListError::TooMany => too_large(&format!("{name} has more than {MOST_ENTRIES} payments and refunds then.")),
        ListError::NoTime => too_large(&format!("{name} has more pages of its lists than one call has time for.")),
    }
}

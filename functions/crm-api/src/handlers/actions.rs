//! What the CRM does with a link: cancel it, have people told again, decide about what needs a person.
//!
//! Each is decided on the link as it is and written over exactly that; where somebody was faster it is decided again. A
//! request with an idempotency key is remembered on the link in the same write, so that a retry finds its answer.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use domain::ids::{AttemptId, LinkId};
use domain::link::{CancelRefused, PaymentLink};
use domain::link::{Resolution, ResolveRefused};
use domain::requests::resend;
use domain::link::ResendRefused;
use domain::requests::resend::ResendRequest;
use domain::text::parse_text;
use domain::{Field, Problems, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use store::{ApiKey, Written};
use utoipa::ToSchema;
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::fields::nested;
use web::idempotency::{is_repeated, replayed, request_fingerprint};
use web::message_round::{MessageBody, RecipientsBody};
use web::{ApiProblem, Given, OptionalBody};

use crate::app::{App, MAX_CONTENDED_TRIES};
use crate::caller::MayWrite;
use crate::handlers::links::{link_id, refused, show};

/// How a link is cancelled. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Cancellation)]
pub(crate) struct CancelBody {
    /// Why, for the CRM's own people: at most 200 characters, kept on the link as `cancel_reason`. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    reason: Given<String>,
    /// Cancel although a customer may be paying right now, which is refused with 409 `payment_in_progress` otherwise;
    /// money that arrives goes back. Left out, not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    force: Given<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Whom to tell once more, and in which words; what is left out is as it was when the link was made, and so may be the body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageRound)]
pub(crate) struct ResendBody {
    /// Whom to tell, as when a link is made, also at new addresses. Left out or empty, whoever was told then.
    #[serde(default)]
    #[schema(value_type = Option<RecipientsBody>)]
    recipients: Given<RecipientsBody>,
    /// In which words, as when a link is made. Left out, those of then.
    #[serde(default)]
    #[schema(value_type = Option<MessageBody>)]
    message: Given<MessageBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// What a person decided about an attempt that needs one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AttemptResolution)]
pub(crate) struct ResolveBody {
    /// `ask_again` has the gateway asked once more. `keep` makes money that the gateway confirmed the payment of the link,
    /// `refund` has it refunded by the gateway's call. `refunded_elsewhere` and `not_paid` note what a person found out.
    #[serde(default)]
    #[schema(value_type = ResolutionName, required = true)]
    outcome: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! { ResolutionName, "What a person decided.", Resolution::ALL.map(Resolution::as_str) }

/// Cancels an active link. While somebody is paying the caller is asked first.
pub(crate) async fn cancel(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    address: Uri,
    Path(id): Path<String>,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<CancelBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    let reason = body.fields.reason.field("/reason", &mut problems);
    let reason = reason.parse("/reason", &mut problems, |reason| parse_text(&reason, 200)).value();
    let force = body.fields.force.field("/force", &mut problems).value().unwrap_or(false);
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let request = Asked { caller: &caller, headers: &headers, path: address.path(), body: &body.value };
    act(&app, &id, request, |link, now| {
        link.cancel(reason.clone(), force, now).map_err(|why| refused_to_cancel(why, link, now))
    })
    .await
}

/// Has people told once more about an active link.
pub(crate) async fn resend(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    address: Uri,
    Path(id): Path<String>,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<ResendBody>,
) -> Result<Response, ApiProblem> {
    let configuration = app.store.configuration().await?;
    let region = &configuration.settings.default_region;
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    let request = ResendRequest {
        recipients: nested(body.fields.recipients, "/recipients", &mut problems, |body, p| body.read(region, p)),
        message: body.fields.message.field("/message", &mut problems).map(|body| body.read(&mut problems)),
    };
    let contact = match read_link(&app, &id).await? {
        link if names_people(&request) => app.store.contact(&link.terms().contact.id).await?,
        _ => None,
    };
    let records = resend::ResendContext {
        contact: contact.as_ref(),
        templates: &configuration.templates,
        settings: &configuration.settings,
        providers: &configuration.providers,
    };
    let asked = Asked { caller: &caller, headers: &headers, path: address.path(), body: &body.value };
    act(&app, &id, asked, |link, now| {
        link.may_resend(now).map_err(|why| refused_to_resend(why, link, now))?;
        let round = resend::decide(&request, link, records, now, problems.clone()).map_err(ApiProblem::invalid)?;
        let next = link.resend(round, now).map_err(|why| refused_to_resend(why, link, now))?;
        next.check_growth(link).map_err(|rejection| ApiProblem::invalid(Problems::of("/recipients", rejection)))?;
        Ok(next)
    })
    .await
}

/// Only people at the contact make the contact be read.
fn names_people(request: &ResendRequest) -> bool {
    matches!(request.recipients.contact, Field::Value(true)) || matches!(request.recipients.roles, Field::Value(_))
}

/// A person decides about an attempt under review.
pub(crate) async fn resolve(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    address: Uri,
    Path((id, attempt)): Path<(String, String)>,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<ResolveBody>,
) -> Result<Response, ApiProblem> {
    let no_attempt = || ApiProblem::not_found("attempt");
    let attempt = AttemptId::parse(&attempt).map_err(|_| no_attempt())?;
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    let outcome = body.fields.outcome.field("/outcome", &mut problems);
    let outcome = outcome.parse("/outcome", &mut problems, |text| Resolution::parse(&text));
    let outcome = outcome.require("/outcome", &mut problems).filter(|_| problems.is_empty());
    let Some(outcome) = outcome else { return Err(ApiProblem::invalid(problems)) };
    let asked = Asked { caller: &caller, headers: &headers, path: address.path(), body: &body.value };
    act(&app, &id, asked, |link, now| {
        link.resolve(&attempt, outcome, now).map_err(|why| match why {
            ResolveRefused::NoSuchAttempt => no_attempt(),
            ResolveRefused::NotUnderReview => ApiProblem::conflict("not_under_review", "This attempt needs no review."),
            ResolveRefused::NoMoneyConfirmed => {
                let detail = "No gateway confirmed money of this attempt, so there is none to keep or to refund.";
                ApiProblem::conflict("no_money_confirmed", detail)
            }
            ResolveRefused::LinkTakesNoMoney => {
                let detail = "This link cannot be paid any more; have the money refunded instead.";
                ApiProblem::conflict("link_takes_no_money", detail).with_current_status(link.status_at(now).name())
            }
        })
    })
    .await
}

/// Who asks for what, for telling a repeated request.
struct Asked<'a> {
    caller: &'a ApiKey,
    headers: &'a HeaderMap,
    path: &'a str,
    body: &'a Value,
}

/// Decides on the link as it is and writes that, again and again where somebody else was faster.
async fn act(
    app: &App,
    id: &str,
    asked: Asked<'_>,
    decide: impl Fn(&PaymentLink, Timestamp) -> Result<PaymentLink, ApiProblem>,
) -> Result<Response, ApiProblem> {
    let mark = request_fingerprint(asked.caller, asked.headers, asked.path, asked.body)?;
    let mut link = read_link(app, id).await?;
    for _ in 0..MAX_CONTENDED_TRIES {
        let now = app.clock.now();
        if is_repeated(link.knows(mark.as_ref()))? {
            return Ok(replayed(show(app, &link, now).await?));
        }
        let next = decide(&link, now)?.remembering(mark.clone());
        match app.store.replace_link(&next).await? {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.id(), action = last_segment(asked.path), "The CRM changed a link.");
                return show(app, &next, now).await;
            }
            Written::Rejected(current) => link = *current,
        }
    }
    Err(ApiProblem::conflict("link_keeps_changing", "The link kept changing; try again."))
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

async fn read_link(app: &App, id: &str) -> Result<PaymentLink, ApiProblem> {
    let id: LinkId = link_id(id)?;
    app.store.link(&id).await?.ok_or_else(|| ApiProblem::not_found("payment link"))
}

fn refused_to_cancel(why: CancelRefused, link: &PaymentLink, now: Timestamp) -> ApiProblem {
    let detail = match why {
        CancelRefused::NotActive => return refused(link, now),
        CancelRefused::PaymentInProgress { can_force: true } => {
            "A customer may be paying right now. Send force: true to cancel all the same; money that arrives goes back."
        }
        CancelRefused::PaymentInProgress { can_force: false } => {
            "The customer has paid and the payment is being confirmed. Ask again in a minute."
        }
    };
    ApiProblem::conflict("payment_in_progress", detail).with_current_status(link.status_at(now).name())
}

fn refused_to_resend(why: ResendRefused, link: &PaymentLink, now: Timestamp) -> ApiProblem {
    match why {
        ResendRefused::NotActive => refused(link, now),
        ResendRefused::TooSoon { seconds } => {
            let detail = format!("People were told a moment ago. Ask again in {seconds} seconds.");
            ApiProblem::too_many("notified_recently", detail, Some(seconds))
        }
        ResendRefused::TooOften => {
            ApiProblem::too_many("notified_too_often", "People were told about this link as often as is allowed.", None)
        }
    }
}

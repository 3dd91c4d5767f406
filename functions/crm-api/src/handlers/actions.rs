//! What the CRM does with a link: cancel it, have people told again, decide about what needs a person.

use axum::extract::State;
use axum::response::Response;
use domain::Problems;
use domain::ids::AttemptId;
use domain::link::{PaymentLink, Resolution};
use domain::requests::resend::ResendRequest;
use domain::text::parse_text;
use serde::Deserialize;
use use_cases::Answer;
use use_cases::cancel::Cancellation;
use utoipa::ToSchema;
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::fields::nested;
use web::idempotency::replayed;
use web::message_round::{MessageBody, RecipientsBody};
use web::{ApiProblem, Caller, Given, OptionalBody};

use crate::app::App;
use crate::caller::{MayWrite, Repeatable};
use crate::handlers::links::{link_id, show};
use crate::refused;

/// How a link is cancelled. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentLinkCancel)]
pub(crate) struct CancelBody {
    /// Why, for the CRM's own people: at most 200 characters, kept on the link as `cancel_reason`. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-200")]
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

/// The people to tell again, and the words. What is left out is as when the link was made; the body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentLinkResend)]
pub(crate) struct ResendBody {
    /// The recipients, as when a link is made, also at new addresses. Left out or empty, those who were told then.
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
#[schema(as = AttemptResolve)]
pub(crate) struct ResolveBody {
    /// `ask_again` has the gateway asked once more. `keep` makes money that the gateway confirmed the payment of the link,
    /// `refund` has it refunded by the gateway's call. `refunded_elsewhere` and `not_paid` note what a person found out.
    /// `refund` and `refunded_elsewhere` need the scope `refund`, too.
    #[serde(default)]
    #[schema(value_type = ResolutionName, required = true)]
    outcome: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! { ResolutionName as "ResolutionOutcome", "What a person decided.", Resolution::ALL.map(Resolution::as_str) }

/// Cancels an active link. While somebody is paying the caller is asked first.
pub(crate) async fn cancel(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<CancelBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    let cancellation = body.fields.read(&mut problems);
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let asked = call.asked(&caller, &body.value);
    let id = link_id(&id)?;
    let cancelled = use_cases::cancel::cancel(&caller.store, &|| app.clock.now(), asked, &id, cancellation).await;
    answered(&app, &caller, cancelled.map_err(refused::cancel)?).await
}

/// Has people told once more about an active link.
pub(crate) async fn resend(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<ResendBody>,
) -> Result<Response, ApiProblem> {
    let configuration = caller.store.configuration().await?;
    let mut problems = Problems::default();
    refuse_unknown::<ResendBody>("", body.fields.unknown, &mut problems);
    let request = ResendRequest {
        recipients: nested(body.fields.recipients, "/recipients", &mut problems, |body, p| {
            body.read(configuration.router(), p)
        }),
        message: body.fields.message.field("/message", &mut problems).map(|body| body.read(&mut problems)),
    };
    let id = link_id(&id)?;
    let asked = call.asked(&caller, &body.value);
    let (now, store) = (|| app.clock.now(), &caller.store);
    let resent = use_cases::resend::resend(store, &now, asked, &id, &configuration, &request, problems).await;
    let resent = resent.map_err(|why| refused::resend(why, &configuration.settings, app.clock.now()))?;
    answered(&app, &caller, resent).await
}

/// A person decides about an attempt under review.
pub(crate) async fn resolve(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path((id, attempt)): Path<(String, String)>,
    OptionalBody(body): OptionalBody<ResolveBody>,
) -> Result<Response, ApiProblem> {
    let attempt = AttemptId::parse(&attempt).map_err(|_| ApiProblem::not_found("attempt"))?;
    let mut problems = Problems::default();
    refuse_unknown::<ResolveBody>("", body.fields.unknown, &mut problems);
    let outcome = body.fields.outcome.required_text("/outcome", &mut problems, Resolution::parse);
    let Some(outcome) = outcome.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let returns_money = matches!(outcome, Resolution::Refund | Resolution::RefundedElsewhere);
    if returns_money && !caller.may_refund {
        return Err(web::auth::scope_missing());
    }
    let asked = call.asked(&caller, &body.value);
    let id = link_id(&id)?;
    let resolved = use_cases::resolve::resolve(&caller.store, &|| app.clock.now(), asked, &id, &attempt, outcome).await;
    answered(&app, &caller, resolved.map_err(refused::resolve)?).await
}

impl CancelBody {
    fn read(self, problems: &mut Problems) -> Cancellation {
        refuse_unknown::<Self>("", self.unknown, problems);
        Cancellation {
            reason: self
                .reason
                .text("/reason", problems, |reason| parse_text(reason, 200))
                .value()
                .filter(|text| !text.is_empty()),
            force: self.force.field("/force", problems).value().unwrap_or(false),
        }
    }
}

/// The link as it is after the change.
pub(crate) async fn answered(app: &App, caller: &Caller, answer: Answer<PaymentLink>) -> Result<Response, ApiProblem> {
    match answer {
        Answer::New(link) => show(app, caller, &link).await,
        Answer::Repeated(link) => Ok(replayed(show(app, caller, &link).await?)),
    }
}

//! `POST /v1/payment-links/{id}/replace`: makes a link in the place of another one.

use std::borrow::Cow;

use axum::Extension;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use domain::business::settings::Settings;
use domain::ids::LinkId;
use domain::link::{CreatedBy, ReplaceRefused as NotNow};
use domain::messages::delivery::MessageStates;
use domain::{Problems, Timestamp};
use lambda_http::request::RequestContext;
use serde::Deserialize;
use store::Scope;
use use_cases::Answer;
use use_cases::create::{NewLink, TokenSource};
use use_cases::replace::{ReplaceRefused, Replacing};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use web::base_url::base_url;
use web::extract::Path;
use web::idempotency::{idempotency_key, replayed};
use web::openapi::without_required;
use web::{ApiProblem, Given, OptionalBody};

use crate::{App, answer, trace_of};
use web::link_body::CreateBody;

/// What is to be another at the new link, and whether that may disturb somebody who is paying.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ReplaceBody {
    #[serde(default)]
    force: Given<bool>,
    #[serde(flatten)]
    new: CreateBody,
}

/// The field that the body has beside those of a new link.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this is only the shape of what the body reads")]
struct ForceBody {
    /// Replace although a customer may be paying right now, which is refused with 409 `payment_in_progress` otherwise; money
    /// that arrives goes back. Left out, not.
    force: Option<bool>,
}

impl PartialSchema for ReplaceBody {
    fn schema() -> RefOr<Schema> {
        let description = "What is to be another than at the old link, each field as a whole. What is left out stays as the old \
                           link has it; `null` is as if nothing were said of it when a link is made. The amount is then what \
                           is left to pay, the end that of the old link where it lies ahead, and the recipients are those of \
                           then; `recipients` without anybody tells nobody. Whose link it is cannot be another, neither the \
                           contact nor the item.";
        let mut schema = without_required(CreateBody::schema(), description);
        if let (RefOr::T(Schema::Object(object)), RefOr::T(Schema::Object(force))) = (&mut schema, ForceBody::schema())
        {
            let whose = ["contact_id", "contact", "item_id", "item"];
            object.properties.retain(|name, _| !whose.contains(&name.as_str()));
            object.properties.extend(force.properties);
        }
        schema
    }
}

impl ToSchema for ReplaceBody {
    fn name() -> Cow<'static, str> {
        "PaymentLinkReplace".into()
    }

    fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
        CreateBody::schemas(found);
    }
}

pub(crate) async fn replace(
    State(app): State<App>,
    context: Option<Extension<RequestContext>>,
    Path(id): Path<String>,
    parts: Parts,
    body: Result<OptionalBody<ReplaceBody>, ApiProblem>,
) -> Result<Response, ApiProblem> {
    let caller = app.callers.authenticate(&parts, Scope::Write).await?;
    let key = idempotency_key(&parts.headers)?;
    let OptionalBody(body) = body?;
    let old = LinkId::parse(&id).map_err(|_| ApiProblem::not_found("payment link"))?;
    // As with every change of a link, a key is meant for this link alone. No key of a caller has a blank in it.
    let key = key.map(|key| format!("{old} {key}"));
    let token = match &key {
        Some(key) => TokenSource::IdempotencyKey { integration: &caller.integration, key },
        None => TokenSource::Random(runtime::random().map_err(|error| ApiProblem::unavailable(&error))?),
    };
    let configuration = caller.store.configuration().await?;
    let base = base_url(app.base_url.as_deref(), &configuration, context.as_deref())?;
    let mut problems = Problems::default();
    let force = body.fields.force.field("/force", &mut problems).value().unwrap_or(false);
    let request = body.fields.new.read(configuration.router(), app.clock.now(), &mut problems);
    let (created_by, trace) = (Some(CreatedBy::from(&caller.author)), trace_of(&parts.headers));
    let new = NewLink { request, problems, body: &body.value, created_by, token, base: &base, trace };
    let replacing = Replacing { old, force, renews: false };
    let settings = &configuration.settings;
    let replaced =
        use_cases::replace::replace(&caller.store, &app.gateways, &|| app.clock.now(), &replacing, new).await;
    match replaced.map_err(|why| refused(why, settings, app.clock.now()))? {
        Answer::New(link) => answer(&app, settings, &link, &MessageStates::new()),
        Answer::Repeated(link) => {
            let messages = caller.store.message_states(std::slice::from_ref(&link)).await?;
            Ok(replayed(answer(&app, settings, &link, &messages)?))
        }
    }
}

fn refused(why: ReplaceRefused, settings: &Settings, now: Timestamp) -> ApiProblem {
    let (why, status) = match why {
        ReplaceRefused::NoSuchLink => return ApiProblem::not_found("payment link"),
        ReplaceRefused::New(why) => return crate::refused(why, settings, now),
        ReplaceRefused::KeepsChanging(_) => {
            return ApiProblem::conflict("link_keeps_changing", "The link kept changing; try again.");
        }
        ReplaceRefused::AlreadyReplaced(newest) => {
            let detail = format!("Another link took the place of this one. The newest of them is {newest}.");
            return ApiProblem::conflict("link_replaced", detail).with_conflicting_id(newest.as_str());
        }
        // Only a customer's wish is answered with what is due.
        ReplaceRefused::NothingDue => {
            return ApiProblem::conflict("link_takes_no_money", "Nothing is due on this link.".to_owned());
        }
        ReplaceRefused::NotNow { why, status } => (why, status.name()),
    };
    let (code, detail) = match why {
        NotNow::PaymentInProgress { can_force: true } => (
            "payment_in_progress",
            "A customer may be paying right now. Send force: true to replace the link all the same; money that arrives goes back."
                .to_owned(),
        ),
        NotNow::PaymentInProgress { can_force: false } => (
            "payment_in_progress",
            "The customer has paid and the payment is being confirmed. Ask again in a minute.".to_owned(),
        ),
        NotNow::AlreadyReplaced | NotNow::TakesNoMoney => {
            ("link_takes_no_money", format!("This link is {status}. Make another one instead."))
        }
    };
    ApiProblem::conflict(code, detail).with_current_status(status)
}

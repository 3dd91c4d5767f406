//! What the business's own line reports about a message that it was handed.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use domain::calendar::parse_instant;
use domain::ids::MessageId;
use domain::messages::report::{MessageReport, ProviderMessageId, ReasonCode, Reported};
use domain::{Field, Problems, Rejection, parse_word};
use serde::Deserialize;
use telemetry::Measurement;
use use_cases::message_report::{ReportedMessage, report};
use utoipa::ToSchema;
use views::MessageView;
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::{ApiProblem, Given, JsonBody};

use crate::app::App;
use crate::caller::MayReport;
use crate::handlers::links::link_id;
use crate::refused;
use crate::respond::answer;

/// What a failed message is for, where the line does not say why.
const UNSAID: &str = "not_delivered";

/// What became of a message. The same report may come again, and reports in any order.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageReport)]
pub(crate) struct ReportBody {
    /// `sent` once it is on its way, `delivered` once it arrived, `failed` where it never will.
    #[serde(default)]
    #[schema(value_type = ReportedName, required = true)]
    status: Given<String>,
    /// Why it failed, in a word: 1 to 64 small letters and `_`, such as `number_blocked`. Left out, `not_delivered`.
    /// Nothing but a failure has one.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "reason-word")]
    reason: Given<String>,
    /// When that happened, with an offset. Left out, now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Given<String>,
    /// What you call the message, 1 to 100 visible ASCII characters. One that was given before stays.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "visible-100")]
    provider_id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! { ReportedName as "ReportedStatus", "What became of a message.", Reported::NAMES }

/// A failure does what any does: the CRM is told, and the message that stands in for it goes out.
pub(crate) async fn write(
    MayReport(caller): MayReport,
    State(app): State<App>,
    Path((id, message)): Path<(String, String)>,
    body: JsonBody<ReportBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    let said = body.fields.read(&mut problems);
    let Some(said) = said.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let link = link_id(&id)?;
    let message = MessageId::parse(&message).map_err(|_| ApiProblem::not_found("message"))?;
    let reported = report(&caller.store, &|| app.clock.now(), (&link, &message), &said).await;
    let ReportedMessage { link, state, has_failed_now } = reported.map_err(refused::message_report)?;
    let Some(told) = link.message(&message) else { return Err(ApiProblem::not_found("message")) };
    let recipient = &told.recipient;
    if let Some(state) = state.as_ref().filter(|_| has_failed_now) {
        let provider = state.metered().map(|(_, metered)| metered.provider);
        Measurement::MessageTried { channel: recipient.channel, provider, state }.record();
    }
    let configuration = caller.store.configuration().await?;
    let states: BTreeMap<_, _> = state.map(|state| (message.clone(), state)).into_iter().collect();
    Ok(answer(MessageView::new(&told, &states, &configuration.settings)))
}

impl ReportBody {
    fn read(self, problems: &mut Problems) -> Option<MessageReport> {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let status = self.status.required_text("/status", p, Status::parse);
        let reason = self.reason.text("/reason", p, ReasonCode::parse);
        let at = self.at.text("/at", p, parse_instant).optional();
        let provider_id = self.provider_id.text("/provider_id", p, ProviderMessageId::parse).optional();
        let what = match status? {
            Status::Sent => none_given(&reason, Reported::Sent, p),
            Status::Delivered => none_given(&reason, Reported::Delivered, p),
            Status::Failed => {
                let unsaid = || p.check("/reason", ReasonCode::parse(UNSAID)).value();
                reason.optional()?.or_else(unsaid).map(|reason| Reported::Failed { reason })
            }
        };
        Some(MessageReport { what: what?, at: at?, provider_id: provider_id? })
    }
}

#[derive(Clone, Copy)]
enum Status {
    Sent,
    Delivered,
    Failed,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &[Self::Sent, Self::Delivered, Self::Failed], Self::as_str, "unknown_choice")
    }
}

/// What is no failure has no reason.
fn none_given(reason: &Field<ReasonCode>, what: Reported, problems: &mut Problems) -> Option<Reported> {
    match reason {
        Field::Absent => Some(what),
        Field::Refused => None,
        Field::Value(_) => {
            problems.refuse("/reason", "not_allowed", "Only a message that failed has a reason.");
            None
        }
    }
}

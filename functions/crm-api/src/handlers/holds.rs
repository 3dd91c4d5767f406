//! Holding a link for a while, and going on with it.

use axum::extract::State;
use axum::response::Response;
use domain::Problems;
use domain::calendar::parse_instant;
use domain::link::{CreatedBy, Hold, HoldReason};
use domain::text::parse_text;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use views::schema::HoldReasonName;
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::{ApiProblem, Caller, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayWrite, Repeatable};
use crate::handlers::actions::answered;
use crate::handlers::links::link_id;
use crate::refused;

/// Why a link is held, and until when. It takes the place of a hold that there may be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = HoldPlace)]
pub(crate) struct HoldBody {
    /// What it waits for.
    #[serde(default)]
    #[schema(value_type = HoldReasonName, required = true)]
    reason: Given<String>,
    /// When it ends by itself, with an offset: later than now, and within a year. The link itself ends as it did before.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = DateTime)]
    until: Given<String>,
    /// Whether nobody is sent to the gateway meanwhile. Who is there already may finish. Left out, not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    stops_paying: Given<bool>,
    /// For the business's own people: at most 200 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-200")]
    note: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl HoldBody {
    fn read(self, app: &App, caller: &Caller, problems: &mut Problems) -> Option<Hold> {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let reason = self.reason.required_text("/reason", p, HoldReason::parse);
        let until = self.until.required_text("/until", p, parse_instant);
        let stops_paying = self.stops_paying.field("/stops_paying", p).optional();
        let note = self.note.text("/note", p, |note| parse_text(note, 200)).optional();
        Some(Hold {
            reason: reason?,
            until: until?,
            stops_paying: stops_paying?.unwrap_or(false),
            note: note?.filter(|note| !note.is_empty()),
            placed_at: app.clock.now(),
            placed_by: Some(CreatedBy::from(&caller.author)),
        })
    }
}

/// Holds an active link.
pub(crate) async fn place(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    body: JsonBody<HoldBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    let hold = body.fields.read(&app, &caller, &mut problems);
    let Some(hold) = hold.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let id = link_id(&id)?;
    let asked = call.asked(&caller, &body.value);
    let held = use_cases::hold::place(&caller.store, &|| app.clock.now(), asked, &id, hold).await;
    answered(&app, &caller, held.map_err(refused::hold)?).await
}

/// Goes on with a link that is held.
pub(crate) async fn release(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = link_id(&id)?;
    let asked = call.asked(&caller, &Value::Null);
    let released = use_cases::hold::release(&caller.store, &|| app.clock.now(), asked, &id).await;
    answered(&app, &caller, released.map_err(refused::hold)?).await
}

//! Closing the books against a list that the business has, at any gateway. That of the gateway itself is asked for by
//! gateway-webhook, which may read credentials.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use views::reconciliation::Source;
use web::ApiProblem;
use web::body::read_csv;
use web::extract::Query;
use web::reconciliation::{Days, until};

use crate::app::App;
use crate::caller::MayRead;
use crate::respond::answer;
use crate::statement::{self, Manner};

/// The largest list that is read, in bytes.
const LARGEST_LIST: usize = 512 * 1024;

/// Nothing new is read after this, so that what is under way comes to its end within the function's time.
const READING: Duration = Duration::from_secs(6);

pub(crate) async fn hold_against_a_list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, ApiProblem> {
    let until = until(READING);
    let body = body.map_err(|_| {
        ApiProblem::new(StatusCode::BAD_REQUEST, "malformed_body", "The body could not be read to its end.")
    })?;
    let days = Days::read(&caller, pairs, app.clock.now()).await?;
    let text = read_csv(&headers, &body, LARGEST_LIST)?;
    let zone = days.configuration.settings.zone();
    let manner = Manner { currency: days.account.currency, zone, calendar: days.calendar };
    let theirs = statement::read(text, &manner).map_err(ApiProblem::invalid)?;
    let found = days.hold_against(&caller, theirs, None, until).await?;
    // Which attempt a gateway's reference belongs to is known by claims, which this function may not read.
    Ok(answer(days.view(Source::Sent, &found, |_| None)))
}

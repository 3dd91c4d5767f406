//! The panel's own API: GraphQL, with an access token. It finds sessions and refunds their payments.
//!
//! Only the two operations of the official SDK are known, each by the name of its field. Nothing keeps a refund from being
//! ordered twice, and a sum of parts from being more than was paid: whether the panel counts them is not published, and that
//! it does not is the hardest case. How it shows several refunds of one session is not published either; here they are a
//! list.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::host::Host;
use super::session::{PanelRefund, PanelRefundStatus, Session, SessionState};
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;
use crate::gateways::tehran_time::tehran_time;

/// The calls that can be made to misbehave: the query of sessions, and the one that returns money.
pub(super) const CALLS: [&str; 2] = [QUERY, ADD_REFUND];
const QUERY: &str = "graphql";
const ADD_REFUND: &str = "add_refund";

/// In rial.
const SMALLEST_REFUND: u64 = 20_000;
const METHODS: [&str; 2] = ["PAYA", "CARD"];
const REASONS: [&str; 4] = ["CUSTOMER_REQUEST", "DUPLICATE_TRANSACTION", "SUSPICIOUS_TRANSACTION", "OTHER"];

/// How the panel writes dates.
const DATE_FORM: &str = "%Y-%m-%dT%H:%M:%S%:z";

/// A category of errors, with a message.
type Problem = (&'static str, &'static str);

pub(super) async fn graphql(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Response {
    let adds_refund = String::from_utf8_lossy(&body).contains("AddRefund(");
    let call = if adds_refund { ADD_REFUND } else { QUERY };
    host.state.misbehaviour.apply(call, || host.graphql(&headers, &body)).await
}

impl Host {
    fn graphql(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        self.state.age();
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).filter(|token| !token.trim().is_empty());
        let is_known = token.is_some_and(|token| !self.state.controls().revoked.contains(&Credential::of(token)));
        if !is_known {
            return errors(("authentication", "Unauthenticated.")).into_response();
        }
        let input: Option<Map<String, Value>> =
            serde_json::from_slice(body).ok().filter(|_| has_content_type(headers, "application/json"));
        let Some(input) = input else { return StatusCode::BAD_REQUEST.into_response() };
        let query = input.get("query").and_then(Value::as_str).unwrap_or_default();
        let nothing = Map::new();
        let variables = input.get("variables").and_then(Value::as_object).unwrap_or(&nothing);
        let answered = if query.contains("AddRefund(") {
            self.add_refund(variables).map(|resource| json!({ "resource": resource }))
        } else if query.contains("Session(") {
            self.sessions(variables).map(|sessions| json!({ "Session": sessions }))
        } else {
            Err(("graphql", "Cannot query field."))
        };
        match answered {
            Ok(data) => Json(json!({ "data": data })).into_response(),
            Err(problem) => errors(problem).into_response(),
        }
    }

    fn sessions(&self, variables: &Map<String, Value>) -> Result<Vec<Value>, Problem> {
        let text = |name: &str| match variables.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(("validation", "A variable has another type.")),
        };
        let (id, reference) = (text("id")?, text("reference_id")?);
        if text("terminal_id")?.is_some_and(|terminal| terminal.parse::<u64>().is_err()) {
            return Err(("validation", "The terminal id is invalid."));
        }
        let is_named = |session: &Session| {
            let has_id = id.as_ref().is_none_or(|id| *id == session.panel_id.to_string());
            let ref_id = session.state.payment().map(|payment| payment.ref_id.to_string());
            has_id && reference.as_ref().is_none_or(|reference| ref_id.as_ref() == Some(reference))
        };
        Ok(self.state.books.read(|ledger| {
            let of_host = ledger.sessions.iter().filter(|(authority, _)| authority.starts_with(self.mode.letter()));
            of_host.map(|(_, session)| session).filter(|session| is_named(session)).map(shown).collect()
        }))
    }

    fn add_refund(&self, variables: &Map<String, Value>) -> Result<Value, Problem> {
        let invalid = |message| ("validation", message);
        let id = match variables.get("session_id") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            Some(_) | None => return Err(invalid("The session id is required.")),
        };
        let amount = variables.get("amount").and_then(Value::as_u64);
        let amount = amount.filter(|amount| *amount >= SMALLEST_REFUND).ok_or(invalid("The amount is too small."))?;
        for (name, known) in [("method", &METHODS[..]), ("reason", &REASONS[..])] {
            match variables.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(word)) if known.contains(&word.as_str()) => {}
                Some(_) => return Err(invalid("A word is not known.")),
            }
        }
        let description = variables.get("description").and_then(Value::as_str).map(str::to_owned);
        let (now, planned) = (self.state.clock.now(), self.state.controls().next_refund);
        let resource = self.state.books.change(|ledger| {
            let session = ledger.sessions.values_mut().find(|session| session.panel_id.to_string() == id);
            let session = session.ok_or(invalid("There is no such session."))?;
            if !matches!(session.state, SessionState::Verified { .. }) || amount > session.amount {
                return Err(invalid("The session cannot be refunded."));
            }
            let status = planned.unwrap_or(PanelRefundStatus::Done);
            session.refunds.push(PanelRefund { amount, at: now, status, description });
            Ok(shown(session))
        })?;
        self.state.controls().next_refund = None;
        Ok(resource)
    }
}

/// A session as the panel shows it, with its refunds: nothing, one, or a list with the last one at the end.
fn shown(session: &Session) -> Value {
    let entry = |refund: &PanelRefund| {
        json!({
            "refund_amount": refund.amount,
            "refund_time": tehran_time(refund.at, DATE_FORM),
            "refund_status": refund.status,
        })
    };
    let timeline = match session.refunds.as_slice() {
        [] => Value::Null,
        [refund] => entry(refund),
        refunds => refunds.iter().map(entry).collect(),
    };
    json!({
        "id": session.panel_id.to_string(),
        "terminal_id": "238",
        "status": match session.state {
            SessionState::InBank => "ACTIVE",
            SessionState::Paid { .. } => "PAID",
            SessionState::Verified { .. } => "VERIFIED",
            SessionState::Failed { .. } => "TRASH",
            SessionState::Reversed { .. } => "REFUNDED",
        },
        "amount": session.amount,
        "description": session.description,
        "created_at": tehran_time(session.created_at, DATE_FORM),
        "timeline": timeline,
    })
}

/// Errors come with status 200.
fn errors((category, message): Problem) -> Json<Value> {
    Json(json!({ "data": null, "errors": [{ "message": message, "extensions": { "category": category } }] }))
}

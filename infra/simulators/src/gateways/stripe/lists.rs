//! The lists of all charges and of all refunds, the newest first, a page at a time.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::caller::{Call, Incoming};
use super::order::limit;
use super::parameters::Parameters;
use super::session::{Session, SessionState};
use super::state::Stripe;

/// Which part of a list a page shows.
pub(super) struct PageQuery {
    /// In unix seconds, each among what is shown.
    from: Option<u64>,
    to: Option<u64>,
    limit: usize,
    /// The last object of the page before.
    after: Option<String>,
}

impl PageQuery {
    pub(super) fn parse(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let (after_second, before_second) = (parameters.whole("created[gt]")?, parameters.whole("created[lt]")?);
        let (from, to) = (parameters.whole("created[gte]")?, parameters.whole("created[lte]")?);
        Ok(Self {
            from: from.max(after_second.map(|second| second + 1)),
            to: to.into_iter().chain(before_second.map(|second| second - 1)).min(),
            limit: limit(parameters)?,
            after: parameters.optional("starting_after")?,
        })
    }

    /// The page of these objects.
    pub(super) fn page(&self, mut objects: Vec<Value>, kind: &str, url: &str) -> Result<Value, Refusal> {
        let created = |object: &Value| object["created"].as_u64().unwrap_or_default();
        objects.sort_by_key(|object| std::cmp::Reverse(created(object)));
        let is_in_time = |object: &Value| {
            let second = created(object);
            self.from.is_none_or(|from| from <= second) && self.to.is_none_or(|to| second <= to)
        };
        let begins = match &self.after {
            None => 0,
            Some(id) => {
                let at = objects.iter().position(|object| object["id"] == id.as_str());
                at.ok_or_else(|| Refusal::missing(kind, id, "starting_after"))? + 1
            }
        };
        let mut data: Vec<Value> = objects.into_iter().skip(begins).filter(is_in_time).collect();
        let has_more = data.len() > self.limit;
        data.truncate(self.limit);
        Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
    }
}

pub(super) async fn list_charges(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("list_charges", incoming, |call| stripe.list_charges(call)).await
}

impl Stripe {
    fn list_charges(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let with_transaction = call.parameters.expanded(&["data.balance_transaction"])? > 0;
        let query = PageQuery::parse(&mut call.parameters)?;
        call.parameters.finish()?;
        self.inner.books.read(|ledger| {
            if with_transaction && ledger.restricted.contains(&call.owner) {
                return Err(Refusal::missing_permission(&call.owner.last4, "rak_balance_transaction_read"));
            }
            let is_charged = |session: &&Session| session.owner == call.owner && session.state.payment().is_some();
            let shown = |session: &Session| {
                let mut charge = session.charge_object();
                if matches!(session.state, SessionState::AsyncFailed { .. }) {
                    charge["captured"] = json!(false);
                }
                if with_transaction && charge["balance_transaction"].is_string() {
                    charge["balance_transaction"] = session.balance_transaction();
                }
                charge
            };
            let charges = ledger.sessions.values().filter(is_charged).map(shown).collect();
            query.page(charges, "charge", "/v1/charges").map(Answer::object)
        })
    }
}

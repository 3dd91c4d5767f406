//! The lists of all payments, refunds and chargebacks of a profile, the newest first, a page at a time.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::chargebacks;
use super::payments::Mollie;
use super::refunds::{exists, object};
use super::refusal::{Answer, Refusal, respond};
use crate::gateways::hosted_checkout::Sale;

/// How many things a page has unless more are asked for, and at most.
const LISTED: usize = 50;
const MOST: usize = 250;

pub(super) async fn list_payments(
    State(mollie): State<Mollie>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let shown = |id: &str, sale: &Sale| vec![mollie.object(id, sale)];
    let answer = || respond(mollie.page(("payments", "tr_"), &query, &headers, shown));
    mollie.0.misbehaviour.apply("list_payments", answer).await
}

pub(super) async fn list_all_refunds(
    State(mollie): State<Mollie>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let shown = |id: &str, sale: &Sale| {
        sale.refunds.iter().filter(|refund| exists(refund)).map(|refund| object(id, sale, refund)).collect()
    };
    let answer = || respond(mollie.page(("refunds", "re_"), &query, &headers, shown));
    mollie.0.misbehaviour.apply("list_all_refunds", answer).await
}

pub(super) async fn list_all_chargebacks(
    State(mollie): State<Mollie>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let shown = |id: &str, sale: &Sale| sale.disputes.iter().map(|one| chargebacks::object(id, sale, one)).collect();
    let answer = || respond(mollie.page(("chargebacks", "chb_"), &query, &headers, shown));
    mollie.0.misbehaviour.apply("list_all_chargebacks", answer).await
}

impl Mollie {
    /// A page of what a profile's sales have of this name. `from` is the first object of the page, and begins as its ids do.
    fn page(
        &self,
        (name, begins): (&str, &str),
        query: &BTreeMap<String, String>,
        headers: &HeaderMap,
        shown: impl Fn(&str, &Sale) -> Vec<Value>,
    ) -> Answer {
        let (owner, _) = self.caller(headers)?;
        let limit = match query.get("limit").map(|limit| limit.parse::<usize>()) {
            None => LISTED,
            Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
            Some(Ok(_) | Err(_)) => {
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "The limit should be between 1 and 250"));
            }
        };
        self.0.now();
        let mut objects: Vec<Value> = self.0.books.read(|ledger| {
            let of_owner = ledger.sales.iter().filter(|(_, sale)| sale.owner == owner);
            of_owner.flat_map(|(id, sale)| shown(id, sale)).collect()
        });
        let created = |object: &Value| object["createdAt"].as_str().unwrap_or_default().parse::<jiff::Timestamp>().ok();
        objects.sort_by_key(|object| std::cmp::Reverse(created(object)));
        let first = match query.get("from") {
            None => 0,
            Some(id) => {
                let at = objects.iter().position(|object| object["id"] == id.as_str());
                at.filter(|_| id.starts_with(begins)).ok_or_else(Refusal::missing)?
            }
        };
        let next = objects.get(first + limit).map(|object| {
            let id = object["id"].as_str().unwrap_or_default();
            let href = format!("{}/mollie/v2/{name}?from={id}&limit={limit}", self.0.base);
            json!({ "href": href, "type": "application/hal+json" })
        });
        let page: Vec<Value> = objects.into_iter().skip(first).take(limit).collect();
        let list =
            json!({ "count": page.len(), "_embedded": { name: page }, "_links": { "next": next, "previous": null } });
        Ok((StatusCode::OK, list))
    }
}

//! The calls of the API.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::link_request::requested_sale;
use super::objects::{LISTED, ended, order_object, order_of, payment_objects};
use super::parameters::{Caller, caller, input, unauthorized};
use super::refusal::{Answer, Refusal, respond};
use super::state::Razorpay;
use crate::gateways::hosted_checkout::{Sale, SaleState};

/// The calls that can be made to misbehave.
pub(super) const CALLS: [&str; 12] = [
    "create",
    "retrieve",
    "cancel",
    "retrieve_payment",
    "list_orders",
    "order_payments",
    "refund",
    "list_refunds",
    "retrieve_refund",
    "list_payments",
    "list_all_refunds",
    "list_disputes",
];

pub(super) async fn create(State(razorpay): State<Razorpay>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.misbehaviour.apply("create", || respond(razorpay.create(&headers, &body))).await
}

pub(super) async fn retrieve(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = || respond(razorpay.owned(&id, &headers).map(|sale| razorpay.link_object(&id, &sale)));
    razorpay.0.misbehaviour.apply("retrieve", answer).await
}

pub(super) async fn cancel(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    razorpay.0.misbehaviour.apply("cancel", || respond(razorpay.cancel(&id, &headers))).await
}

pub(super) async fn retrieve_payment(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    razorpay.0.misbehaviour.apply("retrieve_payment", || respond(razorpay.payment(&id, &headers))).await
}

pub(super) async fn list_orders(
    State(razorpay): State<Razorpay>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let count = query.get("count").and_then(|text| text.parse().ok()).unwrap_or(LISTED);
    razorpay.0.misbehaviour.apply("list_orders", || respond(razorpay.list_orders(count, &headers))).await
}

pub(super) async fn order_payments(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let count = query.get("count").and_then(|text| text.parse().ok()).unwrap_or(LISTED);
    razorpay.0.misbehaviour.apply("order_payments", || respond(razorpay.order_payments(&id, count, &headers))).await
}

impl Razorpay {
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let caller = caller(headers)?;
        if self.0.is_revoked(&caller.owner) { Err(unauthorized()) } else { Ok(caller) }
    }

    fn create(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        let caller = self.caller(headers)?;
        let input = input(headers, body)?;
        let owner = caller.owner.clone();
        let is_known = |order: &str| {
            let is_it = |sale: &Sale| sale.owner == owner && sale.order == order;
            self.0.books.read(|ledger| ledger.sales.values().any(is_it))
        };
        let sale = requested_sale(&input, caller, self.0.now(), is_known)?;
        let id = format!("plink_{}", self.0.ids.text(14));
        let object = self.link_object(&id, &sale);
        self.0.add(&id, sale);
        Ok(object)
    }

    fn owned(&self, id: &str, headers: &HeaderMap) -> Result<Sale, Refusal> {
        let caller = self.caller(headers)?;
        self.0.sale(id).filter(|sale| sale.owner == caller.owner).ok_or_else(Refusal::missing)
    }

    fn cancel(&self, id: &str, headers: &HeaderMap) -> Answer {
        self.owned(id, headers)?;
        let now = self.0.clock.now();
        let cancelled = self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or_else(Refusal::missing)?;
            match sale.state {
                SaleState::Open => sale.state = SaleState::Cancelled,
                // Nothing is captured yet, and what is authorised may be all the same.
                SaleState::Processing if ended(sale, now).is_none() => sale.metadata["ended"] = json!("cancelled"),
                SaleState::Processing
                | SaleState::Waiting
                | SaleState::Ours
                | SaleState::Failed
                | SaleState::Cancelled
                | SaleState::Expired
                | SaleState::Returned => {
                    return Err(Refusal::new("Payment link cannot be cancelled in its present state"));
                }
            }
            Ok(sale.clone())
        })?;
        self.notify("payment_link.cancelled", id, &cancelled);
        Ok(self.link_object(id, &cancelled))
    }

    fn payment(&self, id: &str, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.0.now();
        self.0.books.read(|ledger| {
            let mut of_caller = ledger.sales.iter().filter(|(_, sale)| sale.owner == caller.owner);
            let found =
                of_caller.find_map(|(link, sale)| payment_objects(link, sale).into_iter().find(|p| p["id"] == id));
            found.ok_or_else(Refusal::missing)
        })
    }

    /// The last orders, which are those of links here.
    fn list_orders(&self, count: usize, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.0.now();
        self.0.books.read(|ledger| {
            let mut orders: Vec<Value> = ledger
                .sales
                .iter()
                .filter(|(_, sale)| sale.owner == caller.owner)
                .filter_map(|(link, sale)| order_object(link, sale))
                .collect();
            orders.sort_by_key(|order| std::cmp::Reverse(order["created_at"].as_i64()));
            orders.truncate(count);
            Ok(json!({ "entity": "collection", "count": orders.len(), "items": orders }))
        })
    }

    /// The last payments that somebody began in the link of an order.
    fn order_payments(&self, id: &str, count: usize, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.0.now();
        self.0.books.read(|ledger| {
            let mut of_caller = ledger.sales.iter().filter(|(_, sale)| sale.owner == caller.owner);
            let (link, sale) = of_caller
                .find(|(link, sale)| order_of(link, sale).is_some_and(|order| order == id))
                .ok_or_else(Refusal::missing)?;
            let items: Vec<Value> = payment_objects(link, sale).into_iter().take(count).collect();
            Ok(json!({ "entity": "collection", "count": items.len(), "items": items }))
        })
    }
}

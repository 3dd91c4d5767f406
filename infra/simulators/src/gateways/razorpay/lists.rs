//! The lists of all payments and of all refunds, the newest first, a page at a time.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use super::objects::{LISTED, payment_objects};
use super::refunds::object;
use super::refusal::{Answer, Refusal, respond};
use super::state::Razorpay;
use crate::gateways::hosted_checkout::Sale;

/// A page has no more than this.
const MOST: usize = 100;

pub(super) async fn list_payments(
    State(razorpay): State<Razorpay>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let answer = || respond(razorpay.page(&query, &headers, payment_objects));
    razorpay.0.misbehaviour.apply("list_payments", answer).await
}

pub(super) async fn list_all_refunds(
    State(razorpay): State<Razorpay>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let shown = |_: &str, sale: &Sale| sale.refunds.iter().map(|refund| object(sale, refund)).collect();
    let answer = || respond(razorpay.page(&query, &headers, shown));
    razorpay.0.misbehaviour.apply("list_all_refunds", answer).await
}

impl Razorpay {
    /// A page of what the caller's sales have, between two seconds, both among them.
    fn page(
        &self,
        query: &BTreeMap<String, String>,
        headers: &HeaderMap,
        shown: impl Fn(&str, &Sale) -> Vec<Value>,
    ) -> Answer {
        let caller = self.caller(headers)?;
        let number = |name: &'static str| match query.get(name) {
            None => Ok(None),
            Some(text) => {
                let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
                number.map(Some).ok_or_else(|| Refusal::field(name, "The value must be a whole number."))
            }
        };
        let (from, to) = (number("from")?, number("to")?);
        let size = |name: &'static str, usual: usize| {
            Ok::<usize, Refusal>(number(name)?.and_then(|size| usize::try_from(size).ok()).unwrap_or(usual))
        };
        let (count, skip) = (size("count", LISTED)?, size("skip", 0)?);
        if count > MOST {
            return Err(Refusal::field("count", "The count may not be greater than 100."));
        }
        self.0.now();
        let mut items: Vec<Value> = self.0.books.read(|ledger| {
            let of_caller = ledger.sales.iter().filter(|(_, sale)| sale.owner == caller.owner);
            of_caller.flat_map(|(link, sale)| shown(link, sale)).collect()
        });
        let created = |item: &Value| item["created_at"].as_i64().unwrap_or_default();
        let is_in_time =
            |item: &Value| from.is_none_or(|from| from <= created(item)) && to.is_none_or(|to| created(item) <= to);
        items.retain(is_in_time);
        items.sort_by_key(|item| std::cmp::Reverse(created(item)));
        let items: Vec<Value> = items.into_iter().skip(skip).take(count).collect();
        Ok(json!({ "entity": "collection", "count": items.len(), "items": items }))
    }
}

//! The calls of the API, and the payment as they show it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::amount::{amount, amount_of};
use super::parameters::{caller, input, unauthorized, web};
use super::profile::ProfileStatus;
use super::refusal::{Answer, Refusal, hal, respond};
use crate::gateways::credential::Credential;
use crate::gateways::digest::sha256;
use crate::gateways::disputes::Disputes;
use crate::gateways::hosted_checkout::{Decline, HostedCheckout, Sale, SaleState};
use crate::gateways::replays::{IdempotentCall, Replayed};
use crate::gateways::webhook::OutgoingWebhook;

/// How long the shortest method takes a payment.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How long the answer under an idempotency key is replayed. The figure is not published.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The calls that can be made to misbehave.
pub(super) const CALLS: [&str; 11] = [
    "create",
    "retrieve",
    "cancel",
    "refund",
    "list_refunds",
    "retrieve_refund",
    "list_chargebacks",
    "profile",
    "list_payments",
    "list_all_refunds",
    "list_all_chargebacks",
];

/// Fields of a payment that the gateway knows. It refuses every other.
const FIELDS: [&str; 13] = [
    "amount",
    "description",
    "redirectUrl",
    "cancelUrl",
    "webhookUrl",
    "metadata",
    "method",
    "locale",
    "captureMode",
    "testmode",
    "profileId",
    "sequenceType",
    "restrictPaymentMethodsToCountry",
];

/// The gateway, and what a tester made of the merchant's profile, which is forgotten at a restart.
#[derive(Debug, Clone)]
pub(super) struct Mollie(pub(super) Arc<HostedCheckout>, pub(super) Arc<Mutex<ProfileStatus>>);

pub(super) async fn create(State(mollie): State<Mollie>, headers: HeaderMap, body: Bytes) -> Response {
    mollie
        .0
        .misbehaviour
        .apply("create", || {
            mollie.once(&headers, &body, "", |owner, is_live, input| mollie.create(owner, is_live, input))
        })
        .await
}

pub(super) async fn retrieve(State(mollie): State<Mollie>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = || respond(mollie.owned(&id, &headers).map(|sale| (StatusCode::OK, mollie.object(&id, &sale))));
    mollie.0.misbehaviour.apply("retrieve", answer).await
}

pub(super) async fn cancel(State(mollie): State<Mollie>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    mollie.0.misbehaviour.apply("cancel", || respond(mollie.cancel(&id, &headers))).await
}

impl Mollie {
    /// Executes a POST, or replays the answer that its idempotency key already has.
    pub(super) fn once(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        path: &str,
        execute: impl FnOnce(&Credential, bool, &Map<String, Value>) -> Answer,
    ) -> Response {
        let (owner, is_live) = match self.caller(headers) {
            Ok(caller) => caller,
            Err(refusal) => return respond(Err(refusal)),
        };
        let now = self.0.now();
        let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).filter(|key| !key.is_empty());
        let fingerprint = sha256(&[path.as_bytes(), b"\n", body].concat());
        let call = key.map(|key| IdempotentCall { owner: &owner, key, fingerprint: &fingerprint });
        if let Some(call) = &call {
            match self.0.replay(call, now, REPLAYED_FOR) {
                Replayed::Nothing => {}
                Replayed::Answer(status, body) => {
                    let mut response = hal(status, body);
                    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
                    return response;
                }
                Replayed::Other => {
                    let detail = "The idempotency key was used with other parameters";
                    return respond(Err(Refusal::new(StatusCode::BAD_REQUEST, detail)));
                }
            }
        }
        let answer = input(headers, body).and_then(|input| execute(&owner, is_live, &input));
        if let (Some(call), Ok(answer)) = (&call, &answer) {
            self.0.remember(call, answer.clone(), now, REPLAYED_FOR);
        }
        respond(answer)
    }

    fn create(&self, owner: &Credential, is_live: bool, input: &Map<String, Value>) -> Answer {
        if let Some(name) = input.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, format!("Non-existent body parameter {name}")));
        }
        let (minor, currency) = amount_of(input)?;
        let description = input.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
        let description = description.ok_or_else(|| Refusal::field("description", "The description is required"))?;
        let back = web(input, "redirectUrl")?;
        let back = back.ok_or_else(|| Refusal::field("redirectUrl", "The redirect url is required"))?;
        let now = self.0.now();
        let id = format!("tr_{}", self.0.ids.text(22));
        let sale = Sale {
            owner: owner.clone(),
            is_live,
            amount: minor,
            currency,
            // Cut off and not refused.
            description: description.chars().take(255).collect(),
            order: String::new(),
            back,
            notify: web(input, "webhookUrl")?,
            metadata: input.get("metadata").cloned().unwrap_or_default(),
            created_at: now,
            ends_at: now + LIFETIME,
            state: SaleState::Open,
            payment: None,
            failures: Vec::new(),
            declined: None,
            refunded: 0,
            refunds: Vec::new(),
            disputes: Disputes::default(),
            is_reversed: false,
            can_be_cancelled: false,
        };
        let object = self.object(&id, &sale);
        self.0.add(&id, sale);
        Ok((StatusCode::CREATED, object))
    }

    pub(super) fn profile_status(&self) -> MutexGuard<'_, ProfileStatus> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of the caller, and whether it is a live one.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<(Credential, bool), Refusal> {
        let (owner, is_live) = caller(headers)?;
        if self.0.is_revoked(&owner) { Err(unauthorized()) } else { Ok((owner, is_live)) }
    }

    pub(super) fn owned(&self, id: &str, headers: &HeaderMap) -> Result<Sale, Refusal> {
        let (owner, _) = self.caller(headers)?;
        self.0.sale(id).filter(|sale| sale.owner == owner).ok_or_else(Refusal::missing)
    }

    fn cancel(&self, id: &str, headers: &HeaderMap) -> Answer {
        self.owned(id, headers)?;
        let cancelled = self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or_else(Refusal::missing)?;
            if sale.state != SaleState::Open || !sale.can_be_cancelled {
                let detail = "The payment cannot be canceled";
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
            }
            sale.state = SaleState::Cancelled;
            Ok(sale.clone())
        })?;
        self.notify(id, &cancelled);
        Ok((StatusCode::OK, self.object(id, &cancelled)))
    }

    /// The payment as the API shows it.
    pub(super) fn object(&self, id: &str, sale: &Sale) -> Value {
        let status = match sale.state {
            SaleState::Open => "open",
            SaleState::Processing => "pending",
            SaleState::Ours | SaleState::Returned => "paid",
            SaleState::Failed | SaleState::Waiting => "failed",
            SaleState::Cancelled => "canceled",
            SaleState::Expired => "expired",
        };
        let paid = sale.payment.as_ref().filter(|_| status == "paid");
        let shown = paid.map_or(sale.amount, |payment| payment.amount);
        let link = |href: String, kind: &str| json!({ "href": href, "type": kind });
        let mut object = json!({
            "resource": "payment",
            "id": id,
            "mode": if sale.is_live { "live" } else { "test" },
            "status": status,
            // Which most methods never are. Before the customer chose one it is not known.
            "isCancelable": if sale.can_be_cancelled { json!(sale.state == SaleState::Open) } else { Value::Null },
            "amount": amount(shown, &sale.currency),
            "description": sale.description,
            "redirectUrl": sale.back,
            "webhookUrl": sale.notify,
            "metadata": sale.metadata,
            "profileId": "pfl_simulator",
            "sequenceType": "oneoff",
            "method": paid.map(|_| "creditcard"),
            "createdAt": sale.created_at,
            "expiresAt": sale.ends_at,
            "_links": { "self": link(format!("{}/mollie/v2/payments/{id}", self.0.base), "application/hal+json") },
        });
        if sale.state == SaleState::Open {
            object["_links"]["checkout"] = link(format!("{}/mollie/checkout/{id}", self.0.base), "text/html");
        }
        if let Some(decline) = sale.declined {
            let reason = match decline {
                Decline::NoFunds => "insufficient_funds",
                Decline::WrongPassword => "invalid_cvv",
                Decline::OverLimit => "refused_by_issuer",
            };
            object["details"] = json!({ "failureReason": reason, "cardLabel": "Mastercard" });
        }
        if let Some(payment) = paid {
            object["paidAt"] = json!(payment.at);
            object["details"] = json!({ "cardNumber": "6787", "cardLabel": "Mastercard" });
            // Which refunds count while they are not finished is not published; here they all do.
            object["amountRefunded"] = amount(sale.given_back(), &sale.currency);
            object["amountRemaining"] = amount(sale.refundable(), &sale.currency);
            // Left out where it is zero. Whether a reversed one counts is not published; here it does not.
            if sale.disputes.lost() > 0 {
                object["amountChargedBack"] = amount(sale.disputes.lost(), &sale.currency);
            }
        }
        object
    }

    /// Calls the merchant, where it asked for that: something changed.
    pub(super) fn notify(&self, id: &str, sale: &Sale) {
        let Some(url) = &sale.notify else { return };
        let headers = vec![(CONTENT_TYPE.to_string(), "application/x-www-form-urlencoded".to_owned())];
        self.0.call(OutgoingWebhook { url: url.clone(), headers, body: format!("id={id}").into_bytes() });
    }
}

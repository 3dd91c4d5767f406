//! The REST calls, and how each is answered.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fields::{Fields, check_maximum};
use super::host::Host;
use super::refusal::{ADDRESS_NOT_REGISTERED, NOT_PAID, OTHER_DOMAIN, Ordered, Refusal, UNKNOWN_MERCHANT};
use super::session::{Session, SessionState};
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;

/// `unVerified` answers with this many authorities at most.
const UNVERIFIED_LIMIT: usize = 100;

/// The REST calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    Request,
    Verify,
    Inquiry,
    UnVerified,
    Reverse,
    FeeCalculation,
}

impl Call {
    pub(super) const ALL: [Self; 6] =
        [Self::Request, Self::Verify, Self::Inquiry, Self::UnVerified, Self::Reverse, Self::FeeCalculation];

    /// As the path writes it, without `.json`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Verify => "verify",
            Self::Inquiry => "inquiry",
            Self::UnVerified => "unVerified",
            Self::Reverse => "reverse",
            Self::FeeCalculation => "feeCalculation",
        }
    }

    fn of_file(file: &str) -> Option<Self> {
        let name = file.strip_suffix(".json")?;
        Self::ALL.into_iter().find(|call| call.name() == name)
    }
}

pub(super) async fn rest_call(
    State(host): State<Host>,
    Path(file): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(call) = Call::of_file(&file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    host.state.misbehaviour.apply(call.name(), || host.answer(call, &headers, &input(&headers, &body))).await
}

/// A body that is not a JSON object counts as one without fields, so that its answer names everything that is missing.
fn input(headers: &HeaderMap, body: &[u8]) -> Map<String, Value> {
    if has_content_type(headers, "application/json") {
        serde_json::from_slice(body).unwrap_or_default()
    } else {
        Map::new()
    }
}

impl Host {
    fn answer(&self, call: Call, headers: &HeaderMap, input: &Map<String, Value>) -> Response {
        self.state.age();
        if let Some(ordered) = self.ordered(call) {
            return ordered.into_response();
        }
        let now = self.state.clock.now();
        let merchant = input.get("merchant_id").and_then(Value::as_str).map(Credential::of);
        let answer = match call {
            _ if !self.state.registration.lets_in(headers) => Err(UNKNOWN_MERCHANT),
            _ if merchant.is_some_and(|merchant| self.state.controls().revoked.contains(&merchant)) => {
                Err(UNKNOWN_MERCHANT)
            }
            Call::Request => self.request(input, now),
            Call::Verify => self.verify(input, now),
            Call::Inquiry => self.inquiry(input, now),
            Call::UnVerified => self.unverified(input),
            Call::Reverse => self.reverse(input, now),
            Call::FeeCalculation => fee_calculation(input),
        };
        match answer {
            Ok(data) => Json(json!({ "data": data, "errors": [] })).into_response(),
            Err(refusal) => refusal.into_response(),
        }
    }

    /// How this call was ordered to be answered.
    fn ordered(&self, call: Call) -> Option<Ordered> {
        let mut controls = self.state.controls();
        let at = controls.codes.iter().position(|ordered| ordered.call == call.name())?;
        Some(controls.codes.remove(at))
    }

    fn request(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let session = Session { panel_id: self.state.ids.number(), ..Session::parse(input, now)? };
        if !self.state.registration.has(&session.callback_url) {
            return Err(OTHER_DOMAIN);
        }
        let fee = fee(session.amount);
        let authority = format!("{}{}", self.mode.letter(), self.state.ids.text(35));
        self.state.books.change(|ledger| -> Result<(), Refusal> {
            ledger.sessions.insert(authority.clone(), session);
            Ok(())
        })?;
        Ok(json!({ "code": 100, "message": "Success", "authority": authority, "fee_type": "Merchant", "fee": fee }))
    }

    /// The call that keeps the money. It is idempotent: a repeated one answers 101 with the same reference.
    fn verify(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let authority_ref = fields.authority_ref();
        let amount = fields.whole("amount");
        fields.finish()?;

        self.state.books.change(|ledger| {
            let session = ledger.find_mut(self.mode, &authority_ref)?;
            let (code, message) = session.verify(amount, now)?;
            let payment = session.state.payment().ok_or(NOT_PAID)?;
            let mut data = json!({
                "code": code,
                "message": message,
                "card_hash": payment.card_hash,
                "card_pan": payment.card_pan,
                "ref_id": payment.ref_id,
                "fee_type": "Merchant",
                "fee": fee(session.amount),
                "shaparak_fee": 1_200,
            });
            if let Some(order_id) = &session.metadata.order_id {
                data["order_id"] = json!(order_id);
            }
            Ok(data)
        })
    }

    fn inquiry(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let authority_ref = fields.authority_ref();
        fields.finish()?;

        let lag = self.state.controls().inquiry_lag;
        self.state.books.read(|ledger| {
            let status = ledger.find(self.mode, &authority_ref)?.inquired(now, lag);
            Ok(json!({ "code": 100, "message": "Success", "status": status }))
        })
    }

    fn unverified(&self, input: &Map<String, Value>) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let merchant = fields.merchant();
        fields.finish()?;

        let authorities = self.state.books.read(|ledger| {
            let mut paid: Vec<_> = ledger
                .sessions
                .iter()
                .filter(|(authority, _)| authority.starts_with(self.mode.letter()))
                .filter(|(_, session)| {
                    session.merchant == merchant && matches!(session.state, SessionState::Paid { .. })
                })
                .collect();
            paid.sort_by_key(|(_, session)| std::cmp::Reverse(session.created_at));
            paid.truncate(UNVERIFIED_LIMIT);
            paid.into_iter().map(|(authority, session)| session.listed(authority)).collect::<Vec<_>>()
        });
        // The real service writes this one code as a string.
        Ok(json!({ "code": "100", "message": "Success", "authorities": authorities }))
    }

    fn reverse(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let authority_ref = fields.authority_ref();
        fields.finish()?;

        let is_registered = self.state.controls().is_address_registered;
        self.state.books.change(|ledger| {
            let session = ledger.find_mut(self.mode, &authority_ref)?;
            if !is_registered {
                return Err(ADDRESS_NOT_REGISTERED);
            }
            session.reverse(now)?;
            Ok(json!({ "code": 100, "message": "Reversed" }))
        })
    }
}

fn fee_calculation(input: &Map<String, Value>) -> Result<Value, Refusal> {
    let mut fields = Fields::of(input);
    fields.merchant();
    let currency = fields.currency();
    let amount = fields.amount(currency);
    fields.finish()?;
    check_maximum(amount, currency)?;

    let fee = fee(amount);
    Ok(json!({
        "code": 100,
        "message": "Success",
        "amount": amount,
        "fee": fee,
        "fee_type": "Merchant",
        "suggested_amount": amount + fee,
    }))
}

/// One percent, in the currency of the amount. The real tariff depends on the merchant's contract.
fn fee(amount: u64) -> u64 {
    amount / 100
}

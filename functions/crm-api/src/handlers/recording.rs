//! Money that came by other means than a gateway: writing it down, and voiding what was written down by mistake.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::calendar::parse_instant;
use domain::ids::{AccountId, AttemptId, ReceiptId, ReturnKey};
use domain::link::{CreatedBy, PaymentRecord, ReceiptKind, ReceivedBy};
use domain::money::LARGEST_AMOUNT;
use domain::text::parse_text;
use domain::{Problems, Rejection};
use runtime::random;
use serde::Deserialize;
use use_cases::Answer;
use utoipa::ToSchema;
use views::schema::ReceivedByName;
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::idempotency::replayed;
use web::{ApiProblem, Given, JsonBody, OptionalBody};

use crate::app::App;
use crate::caller::{MayWrite, OnlyOnce, Repeatable};
use crate::handlers::actions::answered;
use crate::handlers::links::link_id;
use crate::handlers::receipts;
use crate::refused;

/// Money that came by other means than a gateway and pays the link, or a part of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentRecord)]
pub(crate) struct PaymentRecordBody {
    /// By which means it came.
    #[serde(default)]
    #[schema(value_type = ReceivedByName, required = true)]
    received_by: Given<String>,
    /// How much, in minor units of the link's currency: what is due, or a part of it. Left out, all that is due.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "amount-refunded")]
    amount: Given<i64>,
    /// What it is found by there, such as the number of the transfer or of the cheque: at most 100 characters. One that was
    /// used before is refused with 409 `reference_used_before` unless `force` is true.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-100")]
    reference: Given<String>,
    /// When it came, with an offset: within the last year. Left out, now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    received_at: Given<String>,
    /// The account that it came to. Left out, that of the link.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    account_id: Given<String>,
    /// For the business's own people: at most 200 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-200")]
    note: Given<String>,
    /// Write it down although a customer may be paying right now, which is refused with 409 `payment_in_progress` otherwise, and
    /// although its reference was used before. Left out, not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    force: Given<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Why what was written down is void. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = VoidCreate)]
pub(crate) struct VoidBody {
    /// For the business's own people and its log: at most 200 characters. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-200")]
    reason: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl PaymentRecordBody {
    fn read(self, app: &App, problems: &mut Problems) -> Option<(PaymentRecord, Option<AccountId>)> {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let by = self.received_by.required_text("/received_by", p, ReceivedBy::parse);
        let amount = self.amount.field("/amount", p).parse("/amount", p, |amount| {
            if (1..=LARGEST_AMOUNT).contains(&amount) {
                Ok(amount)
            } else {
                Err(Rejection::new("out_of_range", format!("Give 1 to {LARGEST_AMOUNT}.")))
            }
        });
        let reference = self.reference.text("/reference", p, |text| parse_text(text, 100)).optional();
        let received_at = self.received_at.text("/received_at", p, parse_instant).optional();
        let account = self.account_id.text("/account_id", p, AccountId::parse).optional();
        let note = self.note.text("/note", p, |note| parse_text(note, 200)).optional();
        let force = self.force.field("/force", p).optional();
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let record = PaymentRecord {
            key: ReturnKey::from_random([0; 16]),
            amount: amount.optional()?,
            by: by?,
            reference: given(reference?),
            received_at: received_at?.unwrap_or_else(|| app.clock.now()),
            note: given(note?),
            recorded_by: None,
            request: None,
            account: None,
            force: force?.unwrap_or(false),
        };
        Some((record, account?))
    }
}

impl VoidBody {
    fn read(self) -> Result<Option<String>, ApiProblem> {
        let mut problems = Problems::default();
        refuse_unknown::<Self>("", self.unknown, &mut problems);
        let reason = self.reason.text("/reason", &mut problems, |reason| parse_text(reason, 200)).value();
        if problems.is_empty() {
            Ok(reason.filter(|text| !text.is_empty()))
        } else {
            Err(ApiProblem::invalid(problems))
        }
    }
}

/// Writes down money that came by other means as the payment of a link.
pub(crate) async fn record(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    OnlyOnce(call): OnlyOnce,
    Path(id): Path<String>,
    body: JsonBody<PaymentRecordBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    let read = body.fields.read(&app, &mut problems);
    let Some((record, account)) = read.filter(|_| problems.is_empty()) else {
        return Err(ApiProblem::invalid(problems));
    };
    let record = PaymentRecord {
        key: ReturnKey::from_random(random().map_err(|error| ApiProblem::unavailable(&error))?),
        recorded_by: Some(CreatedBy::from(&caller.author)),
        request: call.asked(&caller, &body.value).fingerprint(),
        ..record
    };
    let id = link_id(&id)?;
    let written = use_cases::record::payment(&caller.store, &|| app.clock.now(), &id, record, account).await;
    let written = answered(&app, &caller, written.map_err(refused::record_payment)?).await?;
    Ok((StatusCode::CREATED, written).into_response())
}

/// Writes that what a receipt records was written down by mistake. It returns no money.
pub(crate) async fn void(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<VoidBody>,
) -> Result<Response, ApiProblem> {
    let asked = call.asked(&caller, &body.value);
    let reason = body.fields.read()?;
    let id = ReceiptId::parse(&id).map_err(|_| ApiProblem::not_found("receipt"))?;
    let receipt = caller.store.receipt(&id).await?.ok_or_else(|| ApiProblem::not_found("receipt"))?;
    let (now, store) = (|| app.clock.now(), &caller.store);
    let voided = match &receipt.kind {
        ReceiptKind::Payment => {
            let of = (&receipt.link_id, &receipt.attempt_id);
            use_cases::record::void_payment(store, &now, asked, of, reason).await
        }
        ReceiptKind::Refund { refund_id, .. } => {
            use_cases::record::void_refund(store, &now, asked, refund_id, reason).await
        }
        ReceiptKind::PaymentVoid { .. } | ReceiptKind::RefundVoid { .. } => {
            let detail =
                "This receipt records that another one is void. What should stand after all is written down anew.";
            return Err(ApiProblem::conflict("receipt_of_void", detail));
        }
    };
    match voided.map_err(|why| refused::void(why, "receipt"))? {
        Answer::New(_) => receipts::show(&caller, &id).await,
        Answer::Repeated(_) => Ok(replayed(receipts::show(&caller, &id).await?)),
    }
}

/// The same of a payment that has no receipt.
pub(crate) async fn void_attempt(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path((id, attempt)): Path<(String, String)>,
    OptionalBody(body): OptionalBody<VoidBody>,
) -> Result<Response, ApiProblem> {
    let asked = call.asked(&caller, &body.value);
    let reason = body.fields.read()?;
    let id = link_id(&id)?;
    let attempt = AttemptId::parse(&attempt).map_err(|_| ApiProblem::not_found("attempt"))?;
    let (now, of) = (|| app.clock.now(), (&id, &attempt));
    let voided = use_cases::record::void_payment(&caller.store, &now, asked, of, reason).await;
    answered(&app, &caller, voided.map_err(|why| refused::void(why, "attempt"))?).await
}

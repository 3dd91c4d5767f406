//! The gateways that an account can have, told by the very rows that accounts are checked against.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use domain::gateway::{GatewayKind, GatewayRulebook, LookUp, Mode, RefundKind, RefundMethod};
use serde::Serialize;
use utoipa::ToSchema;
use views::schema::GatewayName;
use web::ApiProblem;
use web::extract::Query;

use crate::app::App;
use crate::caller::MayRead;
use crate::lists::{ListView, PAGING, Parameters};
use crate::respond::answer;

views::one_of! {
    WebhooksName as "GatewayWebhooks", "How the gateway's server reports: not at all, by signed calls, or by unsigned ones that only make us ask.",
    ["none", "signed", "unsigned"]
}
views::one_of! {
    RefundMethodName as "GatewayRefundKind", "`reverse` undoes a payment while that is possible, `refund` sends its money back.",
    ["reverse", "refund"]
}

/// A gateway, and what an account needs to be paid through it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gateway)]
pub(crate) struct GatewayView {
    #[schema(value_type = GatewayName)]
    id: &'static str,
    #[schema(pattern = "^gateway$")]
    object: &'static str,
    name: &'static str,
    /// The ISO 4217 codes that an account there can have.
    currencies: &'static [&'static str],
    /// The smallest amount of a link, in the minor unit of a currency that has none of its own.
    smallest_amount: i64,
    /// The smallest amount in those currencies that have one of their own, by their code.
    smallest_amounts: BTreeMap<String, i64>,
    /// The largest amount of a link, in the minor unit of a currency that has none of its own.
    largest_amount: i64,
    /// The largest amount in those currencies that have one of their own, by their code.
    largest_amounts: BTreeMap<String, i64>,
    /// How long a customer can pay once the gateway's page is open.
    session_minutes: i64,
    /// Whether the gateway can be asked what became of a payment when nobody reports it. Where it cannot, such a payment
    /// goes back by itself.
    can_look_up: bool,
    /// Whether a payment page can be closed before its time is over.
    can_close: bool,
    #[schema(value_type = WebhooksName)]
    webhooks: &'static str,
    /// Whether it has lists of payments and refunds, which `GET /v1/reconciliation` holds books against. Where not, a list
    /// of your own is sent with POST.
    has_lists: bool,
    /// Whether it can be asked, once a link keeps a payment, which refunds there are of it, also those that somebody made in
    /// its dashboard.
    shows_refunds: bool,
    /// Whether it can be asked for the disputes about such a payment.
    shows_disputes: bool,
    /// How money goes back, what no link can keep and what is asked for: the first way that is possible.
    refund_methods: Vec<RefundMethodView>,
    /// What `online_payment.credentials` of an account consists of.
    credentials: Vec<CredentialView>,
}

/// One way in which money goes back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayRefundMethod)]
struct RefundMethodView {
    #[schema(value_type = RefundMethodName)]
    method: &'static str,
    /// The number of minutes after the payment within which it is possible; `null` where there is no such bound.
    within_minutes: Option<u32>,
    /// Whether a part of a payment can go back so. Where not, only a whole payment can of which nothing went back.
    parts: bool,
    /// The smallest amount that can go back so, in the minor unit.
    smallest_amount: i64,
    /// Credentials that only this needs.
    needs: &'static [&'static str],
}

impl RefundMethodView {
    fn new(method: &RefundMethod) -> Self {
        let (within_minutes, parts, smallest_amount) = match method.kind {
            RefundKind::Reverse { within_minutes } => (Some(within_minutes), false, 1),
            RefundKind::Refund { smallest } => (None, true, smallest),
        };
        Self { method: method.kind.as_str(), within_minutes, parts, smallest_amount, needs: method.needs }
    }
}

/// A field of a gateway's credentials.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayCredential)]
struct CredentialView {
    name: &'static str,
    description: &'static str,
    required: bool,
    /// Whether a form should hide what is typed.
    secret: bool,
    pattern: PatternView,
}

/// Regular expressions of what an account's mode takes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayCredentialPattern)]
struct PatternView {
    live: String,
    sandbox: String,
}

impl GatewayView {
    fn new(kind: GatewayKind, book: &GatewayRulebook) -> Self {
        let (profile, rules) = (kind.profile(), book.rules(kind));
        let credentials = profile.credentials.iter().map(|field| CredentialView {
            name: field.name,
            description: field.description,
            required: field.is_required,
            secret: field.is_secret,
            pattern: PatternView { live: field.form.pattern(Mode::Live), sandbox: field.form.pattern(Mode::Sandbox) },
        });
        Self {
            id: profile.id,
            object: "gateway",
            name: profile.name,
            currencies: profile.currencies,
            smallest_amount: rules.smallest,
            smallest_amounts: book.smallest_in(kind),
            largest_amount: rules.largest,
            largest_amounts: book.largest_in(kind),
            session_minutes: rules.session_minutes,
            can_look_up: profile.look_up == LookUp::AnyTime,
            can_close: profile.can_close,
            webhooks: profile.webhooks.as_str(),
            has_lists: profile.has_lists,
            shows_refunds: profile.shows_refunds,
            shows_disputes: profile.shows_disputes,
            refund_methods: profile.refund_methods.iter().map(RefundMethodView::new).collect(),
            credentials: credentials.collect(),
        }
    }
}

pub(crate) async fn list(_: MayRead, State(app): State<App>, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &PAGING);
    let all = GatewayKind::ALL.into_iter();
    let views = all.map(|kind| (kind.as_str().to_owned(), GatewayView::new(kind, &app.gateways)));
    Ok(answer(ListView::page(views, parameters)?))
}

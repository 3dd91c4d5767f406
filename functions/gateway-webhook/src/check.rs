//! `POST /v1/accounts/{id}/check`: asks the account's gateway whether it takes the account as it is.
//!
//! This function answers it and crm-api does not, because it may read credentials. Nothing is written, and no money moves.
//! Where a gateway tells only with a session what it takes, one of the smallest amount is opened, which nobody is sent to.

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::Problems;
use domain::gateway::{AccountCheck, Finding, FindingStatus, GatewayKind};
use domain::ids::AccountId;
use domain::money::Money;
use domain::records::account::{Account, GatewayAccess};
use domain::records::credentials::Credentials;
use gateways::CheckOrder;
use lambda_http::request::RequestContext;
use serde::{Deserialize, Serialize};
use store::Scope;
use utoipa::ToSchema;
use views::instant;
use views::schema::{GatewayName, ModeName};
use web::base_url::base_url;
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::openapi::Operation;
use web::openapi::groups::ACCOUNTS;
use web::{ApiProblem, OptionalBody};

use crate::App;

/// What the gateway's own lists call a session that was opened to ask.
const DESCRIPTION: &str = "Account check, not to be paid";

/// The call, for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let summary = "Ask the gateway whether it takes an account as it is, without moving money";
    vec![
        Operation::new("post", "/v1/accounts/{id}/check", "check_account", ACCOUNTS, summary)
            .needs(Scope::Admin)
            .may_take::<CheckBody>()
            .answers::<AccountCheckView>(200, "What the gateway says, also where it refuses something.")
            .refuses(409),
    ]
}

/// The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AccountCheckCreate)]
pub(crate) struct CheckBody {
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

views::one_of! {
    FindingStatusName as "AccountCheckStatus",
    "`accepted`; `refused`; `unknown` where the gateway says nothing of it, stopped before it came to it, or gave no answer that can be read.",
    FindingStatus::ALL.map(FindingStatus::as_str)
}

/// What the gateway of an account says of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountCheck)]
pub(crate) struct AccountCheckView {
    #[schema(pattern = "^account_check$")]
    object: &'static str,
    account_id: String,
    #[schema(value_type = GatewayName)]
    gateway: &'static str,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    /// Scheme and host that customers come back to from the gateway.
    base_url: String,
    /// Whether the gateway was asked through the account's relay.
    through_relay: bool,
    checked_at: String,
    /// Whether the gateway takes the credentials that payments need. What only refunds and webhooks need is not asked about.
    credentials: FindingView,
    /// Whether it takes the host of `base_url`.
    callback_host: FindingView,
    /// Whether it takes calls from where they come from: the address of this stack, or that of the relay.
    server_address: FindingView,
}

/// What is known of one thing that a gateway takes or refuses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountCheckFinding)]
struct FindingView {
    #[schema(value_type = FindingStatusName)]
    status: &'static str,
    /// The gateway's own code, where it gave one. Where it refuses one of two things and does not say which, both are
    /// refused with the same code.
    code: Option<String>,
    /// A sentence for people.
    detail: String,
}

/// What a finding is about.
#[derive(Clone, Copy)]
enum Subject {
    Credentials,
    CallbackHost,
    ServerAddress,
}

pub(crate) async fn check(
    State(app): State<App>,
    context: Option<Extension<RequestContext>>,
    Path(id): Path<String>,
    parts: Parts,
    body: Result<OptionalBody<CheckBody>, ApiProblem>,
) -> Result<Response, ApiProblem> {
    let caller = app.callers.authenticate(&parts, Scope::Admin).await?;
    let mut problems = Problems::default();
    refuse_unknown::<CheckBody>("", body?.0.fields.unknown, &mut problems);
    if !problems.as_slice().is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let id = AccountId::parse(&id).map_err(|rejection| ApiProblem::bad_parameter("id", &rejection))?;
    let account = caller.store.account(&id).await?.ok_or_else(|| ApiProblem::not_found("account"))?;
    let access = account.configured_gateway();
    let access = access.map_err(|rejection| ApiProblem::conflict(rejection.code, rejection.detail))?;
    let configuration = caller.store.configuration().await?;
    let base_url = base_url(app.base_url.as_deref(), &configuration, context.as_deref())?;
    let credentials = caller.store.credentials(&id, access.credentials).await?;
    let check = ask(&app, &account, access, &base_url, &credentials).await?;
    let business_id = caller.store.business_id();
    tracing::info!(
        %business_id,
        account_id = %id,
        gateway = access.gateway.as_str(),
        credentials = check.credentials.status().as_str(),
        callback_host = check.callback_host.status().as_str(),
        server_address = check.server_address.status().as_str(),
        "An account was checked."
    );
    let through_relay = credentials.relay().is_some();
    let view = |subject, finding: &Finding| FindingView::new(subject, finding, access.gateway, through_relay);
    let view = AccountCheckView {
        object: "account_check",
        account_id: id.to_string(),
        gateway: access.gateway.as_str(),
        mode: account.mode.as_str(),
        base_url,
        through_relay,
        checked_at: instant(app.clock.now(), &configuration.settings),
        credentials: view(Subject::Credentials, &check.credentials),
        callback_host: view(Subject::CallbackHost, &check.callback_host),
        server_address: view(Subject::ServerAddress, &check.server_address),
    };
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(view)).into_response())
}

/// Asks the gateway. What names the session there, and the address that it would send a customer back to, are not those of
/// any link: they begin with a word that no id begins with.
async fn ask(
    app: &App,
    account: &Account,
    access: GatewayAccess<'_>,
    base_url: &str,
    credentials: &Credentials,
) -> Result<AccountCheck, ApiProblem> {
    let bits: [u8; 16] = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    let reference = format!("check_{:032x}", u128::from_be_bytes(bits));
    let smallest = app.rulebook.smallest(access.gateway, account.currency);
    let money = Money::new(smallest, account.currency);
    let money = money.map_err(|rejection| ApiProblem::conflict(rejection.code, rejection.detail))?;
    let order = CheckOrder {
        reference: &reference,
        money,
        description: DESCRIPTION,
        return_url: &format!("{base_url}/gateways/{}/return/check/{reference}", access.gateway.as_str()),
        session_minutes: app.rulebook.rules(access.gateway).session_minutes,
    };
    Ok(app.gateways.check(access.gateway, account.mode, &order, credentials).await)
}

impl FindingView {
    fn new(subject: Subject, finding: &Finding, gateway: GatewayKind, through_relay: bool) -> Self {
        let name = gateway.profile().name;
        let detail = match finding {
            Finding::Accepted => match subject {
                Subject::Credentials => format!("{name} takes the credentials."),
                Subject::CallbackHost => format!("{name} takes the host that customers come back to."),
                Subject::ServerAddress if through_relay => format!("{name} takes calls from the relay's address."),
                Subject::ServerAddress => format!("{name} takes calls from this stack's address."),
            },
            Finding::Refused { code } => match subject {
                Subject::Credentials => {
                    format!("{name} refuses the credentials, or the merchant whose they are, with {code}.")
                }
                Subject::CallbackHost => {
                    format!("{name} refuses the host that customers come back to with {code}; register it there.")
                }
                Subject::ServerAddress if through_relay => {
                    format!("{name} refuses calls from the relay's address with {code}; register it there.")
                }
                Subject::ServerAddress => format!(
                    "{name} refuses calls from this stack's address with {code}; give the account a relay whose address \
                     is registered there."
                ),
            },
            Finding::RefusedWithAnother { code } => {
                format!(
                    "{name} refuses the credentials or the address of the caller with {code}, and does not say which."
                )
            }
            Finding::NotReached { code } => {
                format!("{name} refused the call for something else, with {code}, so that nothing is known of this.")
            }
            Finding::Unanswered if through_relay => {
                format!("There was no answer of {name} that can be read, through the relay; try again.")
            }
            Finding::Unanswered => format!("There was no answer of {name} that can be read; try again."),
            Finding::Untold => format!("{name} says nothing of this when it is asked."),
        };
        Self { status: finding.status().as_str(), code: finding.code().map(str::to_owned), detail }
    }
}

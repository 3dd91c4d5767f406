//! Financial accounts: where money arrives, and through which gateway.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, CredentialsVersion};
use domain::money::Currency;
use domain::public_url::Reach;
use domain::records::account::{Account, LatePayment};
use domain::records::relay::{Relay, RelayAddress, RelayFields};
use domain::text::parse_name;
use domain::{Field, Problems};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use use_cases::Revised;
use use_cases::accounts::{AccountRequest, CredentialsRequest, RelayRequest};
use utoipa::ToSchema;
use views::look_back::LookBackView;
use views::schema::{Credentials, GatewayName, ModeName};
use web::body::{GivenTexts, RecordBody, Unknown, refuse_unknown, refuse_unknown_of_record};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::{ApiProblem, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, Writes, id_of};
use crate::lists::{ListView, Parameters};
use crate::refused;
use crate::respond::{answer, body_over, deleted, shown, takes_away, written};

views::one_of! { LatePaymentName, "What happens to money that arrives after the link expired.", ["accept", "refund"] }

/// Where money arrives, and through which gateway. A PUT replaces all of it but the credentials. Gateway, currency and mode
/// may change at any time: a link keeps those that it was made with, and is paid and confirmed by them to its end.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AccountInput)]
pub(crate) struct AccountBody {
    /// What people call the account, one line of at most 100 characters. Messages may show it.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-100")]
    name: Given<String>,
    /// The ISO 4217 code of everything that is paid on the account; its gateway takes it, see `GET /v1/gateways`.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "currency")]
    currency: Given<String>,
    /// `live`, or `sandbox` where no money moves and pages and messages say TEST.
    #[serde(default)]
    #[schema(value_type = ModeName, required = true)]
    mode: Given<String>,
    /// How links on the account are paid. Left out, no link can be made on it.
    #[serde(default)]
    #[schema(value_type = Option<OnlinePaymentBody>)]
    online_payment: Given<OnlinePaymentBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// How links on the account are paid.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = OnlinePaymentInput)]
struct OnlinePaymentBody {
    /// Whether links can be made on the account; left out, they cannot. It needs a gateway, and a link needs its
    /// credentials as well. Links that are made already go on.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    enabled: Given<bool>,
    /// The gateway that takes the payments. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<GatewayName>)]
    gateway: Given<String>,
    /// What the gateway gave the business, as `GET /v1/gateways` lists it for each. Written only and never shown again.
    /// Left out, they stay as they were, as long as gateway and mode stay; with another gateway or mode they are let go of,
    /// also by a PATCH. They are not taken away alone. An attempt keeps those that it was begun with.
    #[serde(default)]
    #[schema(value_type = Option<Credentials>)]
    credentials: GivenTexts,
    /// A machine of the business that passes our calls on to the gateway. It can only be given together with the
    /// credentials, which travel through it, and stays as they do; credentials without a relay go to the gateway itself.
    /// Without credentials it may be given back as an answer shows it, without its secret, and stays; it is taken away
    /// only together with new credentials.
    #[serde(default)]
    #[schema(value_type = Option<RelayBody>)]
    relay: Given<RelayBody>,
    /// What becomes of money that arrives after the link expired: `accept` makes it the payment of the link,
    /// `refund` returns it, which is also what happens when it is left out.
    #[serde(default)]
    #[schema(value_type = Option<LatePaymentName>)]
    late_payment: Given<String>,
    /// Whether the customer sees what is to be paid, and a button, before the gateway, or is led there at once. Left out, an
    /// account stays as it is; a new one shows it where its gateway is Iranian (`zarinpal`, `zibal`, `sep`).
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    summary_page: Given<bool>,
    /// Whether links can ask for more than the gateway takes at once, up to forty times as much. The customer then pays in parts,
    /// as few as there can be where the link has no plan of its own. Left out, such an amount is refused.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    split_large_amounts: Given<bool>,
    /// Read-only: what answers say here may stay, and nobody looks at it.
    #[serde(default)]
    #[schema(value_type = serde_json::Value, required = false)]
    #[expect(dead_code, reason = "it is taken, and nobody asks for it")]
    credentials_set: IgnoredAny,
    /// Read-only, likewise.
    #[serde(default)]
    #[schema(value_type = serde_json::Value, required = false)]
    #[expect(dead_code, reason = "it is taken, and nobody asks for it")]
    shows_refunds: IgnoredAny,
    /// Read-only, likewise.
    #[serde(default)]
    #[schema(value_type = serde_json::Value, required = false)]
    #[expect(dead_code, reason = "it is taken, and nobody asks for it")]
    shows_disputes: IgnoredAny,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A machine that passes our calls on to the gateway, where the gateway wants to know the address of whoever calls.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RelayInput)]
struct RelayBody {
    /// What stands in place of the gateway's scheme and host: `https`, on a public address, without a user, a query or a
    /// fragment. The path of the gateway's API follows it.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "public-address")]
    url: Given<String>,
    /// The name of the header that carries the secret, such as `x-relay-secret`: letters, digits and hyphens, and none
    /// that has a meaning already.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "relay-header")]
    header: Given<String>,
    /// What the relay knows us by, 16 to 200 visible ASCII characters. Written only and never shown again. Left out, as it
    /// was, where the address and the header are the same; a relay that is new needs it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "relay-secret")]
    secret: Given<String>,
    /// How long one call through the relay may take, 1 to 15 seconds; 15 where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "relay-seconds")]
    seconds: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Where money arrives, and through which gateway.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountView {
    id: String,
    #[schema(pattern = "^account$")]
    object: &'static str,
    name: String,
    currency: &'static str,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    online_payment: OnlinePaymentView,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OnlinePayment)]
struct OnlinePaymentView {
    enabled: bool,
    #[schema(value_type = Option<GatewayName>)]
    gateway: Option<&'static str>,
    /// Credentials are never shown again.
    credentials_set: bool,
    /// The relay that calls to the gateway go through, where there is one; its secret is never shown again.
    relay: Option<RelayView>,
    #[schema(value_type = LatePaymentName)]
    late_payment: LatePayment,
    summary_page: bool,
    split_large_amounts: bool,
    /// Whether the gateway shows refunds of its payments that somebody made without Paylink. Where it does not, they are in no
    /// books until somebody writes them down: see `method: outside` of a refund.
    shows_refunds: bool,
    /// Whether the gateway shows disputes about its payments.
    shows_disputes: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Relay)]
struct RelayView {
    url: String,
    header: String,
    seconds: u64,
}

impl RelayView {
    fn new(relay: &RelayAddress) -> Self {
        let RelayAddress { url, header, seconds } = relay;
        Self { url: url.clone(), header: header.clone(), seconds: *seconds }
    }
}

impl AccountView {
    fn new(account: &Account) -> Self {
        let profile = account.online_payment.gateway.map(GatewayKind::profile);
        Self {
            id: account.id.to_string(),
            object: "account",
            name: account.name.clone(),
            currency: account.currency.code(),
            mode: account.mode.as_str(),
            online_payment: OnlinePaymentView {
                enabled: account.online_payment.enabled,
                gateway: account.online_payment.gateway.map(GatewayKind::as_str),
                credentials_set: account.online_payment.credentials.is_some(),
                relay: account.online_payment.relay.as_ref().map(RelayView::new),
                late_payment: account.online_payment.late_payment,
                summary_page: account.online_payment.summary_page,
                split_large_amounts: account.online_payment.split_large_amounts,
                shows_refunds: profile.is_some_and(|profile| profile.shows_refunds),
                shows_disputes: profile.is_some_and(|profile| profile.shows_disputes),
            },
        }
    }
}

pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &["online_payment", "limit", "cursor"]);
    Ok(answer(page(&caller.store, parameters).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    mut parameters: Parameters,
) -> Result<ListView<AccountView>, ApiProblem> {
    let wanted = parameters.flag("online_payment");
    let configuration = store.fresh_configuration().await?;
    let accounts = configuration.accounts.values();
    let chosen = accounts.filter(|account| wanted.is_none_or(|wanted| account.gateway_access().is_ok() == wanted));
    let views = chosen.map(|account| (account.id.to_string(), AccountView::new(account)));
    ListView::page(views, parameters)
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, AccountId::parse)?;
    let (account, revision) = caller.store.account_to_change(&id).await?;
    let account = account.ok_or_else(|| ApiProblem::not_found("account"))?;
    shown(Revised::new(AccountView::new(&account), &revision), &conditions)
}

/// How far the looks at the lists of the account's gateway have come.
pub(crate) async fn look_back(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, AccountId::parse)?;
    let (look, configuration) = tokio::try_join!(caller.store.look_back(&id), caller.store.configuration())?;
    let look = look.ok_or_else(|| ApiProblem::not_found("look_back"))?;
    Ok(answer(LookBackView::new(&look, &configuration.settings)))
}

/// Retires the account: no new link can name it, and those there are go on as they were made.
pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, AccountId::parse)?;
    let outcome = use_cases::accounts::delete(&caller.store, &id, &conditions).await;
    deleted(outcome.map_err(|why| refused::record(why, "account"))?, "account")
}

pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    Writes(writing): Writes,
    Path(id): Path<String>,
    body: JsonBody<AccountBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, AccountId::parse)?;
    let version = new_version(&app)?;
    let said = |base: Option<&Account>| {
        let mut problems = Problems::default();
        let takes_away = |field: &str| takes_away(base, &body.value, &format!("/online_payment/{field}"));
        let (without_credentials, without_relay) = (takes_away("credentials"), takes_away("relay"));
        let body: AccountBody = body_over(&body.value, base.map(AccountView::new), &mut problems);
        let mut request = body.read(&id, app.reach, &mut problems);
        if without_credentials {
            request.credentials = Field::Value(CredentialsRequest::None);
        }
        if without_relay {
            request.relay = Field::Value(RelayRequest::None);
        }
        (request, problems)
    };
    let account = use_cases::accounts::write(&caller.store, id.clone(), &writing, &said, version).await;
    let account = account.map_err(|why| refused::record(why, "account"))?;
    Ok(written(account.map(|account| AccountView::new(&account))))
}

impl RecordBody for AccountBody {
    const OBJECT: &'static str = "account";
    const NAMED_BY: &'static [&'static str] = &["id"];
}

impl AccountBody {
    /// What is missing or refused is left out, so that the rules say at once what stands against the rest.
    fn read(self, id: &AccountId, reach: Reach, problems: &mut Problems) -> AccountRequest {
        refuse_unknown_of_record::<Self>("", self.unknown, &[id.as_str()], problems);
        let name = self.name.required_text("/name", problems, |name| parse_name(name, 100));
        let currency = self.currency.required_text("/currency", problems, Currency::parse);
        let mode = self.mode.required_text("/mode", problems, Mode::parse);
        let online = self.online_payment.field("/online_payment", problems).value().unwrap_or_default();
        refuse_unknown::<OnlinePaymentBody>("/online_payment", online.unknown, problems);
        let enabled = online.enabled.field("/online_payment/enabled", problems);
        let gateway = online.gateway.text("/online_payment/gateway", problems, GatewayKind::parse);
        let late_payment = online.late_payment.text("/online_payment/late_payment", problems, LatePayment::parse);
        let summary_page = online.summary_page.field("/online_payment/summary_page", problems);
        let split = online.split_large_amounts.field("/online_payment/split_large_amounts", problems);
        let credentials = online.credentials.texts("/online_payment/credentials", problems);
        let is_as_it_is = matches!(credentials, Field::Absent);
        let relay = online.relay.read("/online_payment/relay", problems, |relay, at, p| match relay {
            // An answer shows a relay without its secret.
            relay if is_as_it_is && relay.secret.is_left_out() => relay.read_known(at, p),
            relay => relay.read(reach, at, p).map(RelayRequest::New),
        });
        AccountRequest {
            name,
            currency,
            mode,
            enabled,
            gateway,
            credentials: credentials.map(CredentialsRequest::New),
            relay,
            late_payment: late_payment.value().unwrap_or_default(),
            summary_page: summary_page.value(),
            split_large_amounts: split.value().unwrap_or(false),
        }
    }
}

impl RelayBody {
    /// The relay as answers show it, which has to be the account's already.
    fn read_known(self, at: &str, problems: &mut Problems) -> Field<RelayRequest> {
        refuse_unknown::<Self>(at, self.unknown, problems);
        let url = self.url.require(format!("{at}/url"), problems);
        let header = self.header.require(format!("{at}/header"), problems);
        let seconds = self.seconds.field(format!("{at}/seconds"), problems).optional();
        match (url, header, seconds) {
            (Some(url), Some(header), Some(seconds)) => Field::Value(RelayRequest::Known { url, header, seconds }),
            _ => Field::Refused,
        }
    }

    fn read(self, reach: Reach, at: &str, problems: &mut Problems) -> Field<Relay> {
        refuse_unknown::<Self>(at, self.unknown, problems);
        let url = self.url.require(format!("{at}/url"), problems);
        let header = self.header.require(format!("{at}/header"), problems);
        let secret = self.secret.require(format!("{at}/secret"), problems);
        let seconds = self.seconds.field(format!("{at}/seconds"), problems).optional();
        let (Some(url), Some(header), Some(secret), Some(seconds)) = (url, header, secret, seconds) else {
            return Field::Refused;
        };
        let fields = RelayFields { url: &url, header: &header, secret: &secret, seconds };
        problems.merge(Relay::parse(&fields, reach, at)).map_or(Field::Refused, Field::Value)
    }
}

/// A version for credentials that the request may bring.
pub(crate) fn new_version(app: &App) -> Result<CredentialsVersion, ApiProblem> {
    let suffix = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    use_cases::new_version(app.clock.now(), suffix).map_err(|error| ApiProblem::unavailable(&error))
}

//! Message senders: the bots of social networks. Their secrets can be written here and not read.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::{CredentialsVersion, SenderId};
use domain::sender::{MessageSender, Provider, ProviderKind, SenderSecret, parse_base_url};
use domain::webhook::Reach;
use domain::{Field, Problems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::schema::{ChannelName, ProviderName};
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::{ApiProblem, Given, JsonBody};

use crate::accounts::new_version;
use crate::caller::{MayAdminister, MayRead, id_of};
use crate::lists::ListView;
use crate::{App, answer, deleted};

/// `{ provider, base_url, credentials }`
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageSenderBody)]
pub(crate) struct SenderBody {
    #[serde(default)]
    #[schema(value_type = ProviderName)]
    provider: Given<String>,
    /// Where the provider's API is; left out, Telegram's own for `bot_api`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    base_url: Given<String>,
    /// `{ token }` of a bot. Never shown again, and kept when left out.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    credentials: Given<BTreeMap<String, String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A way for messages to leave besides SNS and SES. Its id is what addresses call the network.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageSender)]
pub(crate) struct SenderView {
    id: String,
    #[schema(pattern = "^message_sender$")]
    object: &'static str,
    #[schema(value_type = ProviderName)]
    provider: &'static str,
    /// What its messages are.
    #[schema(value_type = ChannelName)]
    channel: &'static str,
    base_url: Option<String>,
    /// Credentials are never shown again.
    credentials_set: bool,
}

impl SenderView {
    fn new(sender: &MessageSender) -> Self {
        let base_url = match &sender.provider {
            Provider::BotApi { base_url } => Some(base_url.clone()),
        };
        Self {
            id: sender.id.to_string(),
            object: "message_sender",
            provider: sender.provider.kind().as_str(),
            channel: sender.provider.channel().as_str(),
            base_url,
            credentials_set: sender.credentials.is_some(),
        }
    }
}

pub(crate) async fn list(_: MayRead, State(app): State<App>) -> Result<Response, ApiProblem> {
    let configuration = app.store.fresh_configuration().await?;
    Ok(answer(ListView::whole(configuration.senders.values().map(SenderView::new).collect())))
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, SenderId::parse)?;
    let sender = app.store.sender(&id).await?.ok_or_else(|| ApiProblem::not_found("message sender"))?;
    Ok(answer(SenderView::new(&sender)))
}

/// Messages that wait for another try fail then: nobody serves their network any more.
pub(crate) async fn delete(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, SenderId::parse)?;
    deleted(app.store.delete_sender(&id).await?, "message sender")
}

pub(crate) async fn write(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<SenderBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, SenderId::parse)?;
    let known = app.store.sender(&id).await?;
    let suffix: [u8; 4] = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    let version = new_version(app.clock.now(), suffix)?;
    let mut problems = Problems::default();
    match decide(id, body.fields, known.as_ref(), version, app.reach, &mut problems) {
        Some((sender, secret)) if problems.is_empty() => {
            app.store.put_sender(&sender, secret.as_ref()).await?;
            tracing::info!(sender_id = %sender.id, "A message sender was written.");
            Ok(answer(SenderView::new(&sender)))
        }
        Some(_) | None => Err(ApiProblem::invalid(problems)),
    }
}

/// The sender that the body describes. A secret that is left out stays, as long as it goes to the same address: it must
/// not be possible to have a secret sent elsewhere by who cannot read it.
fn decide(
    id: SenderId,
    body: SenderBody,
    known: Option<&MessageSender>,
    version: CredentialsVersion,
    reach: Reach,
    problems: &mut Problems,
) -> Option<(MessageSender, Option<SenderSecret>)> {
    refuse_unknown("", body.unknown, problems);
    let kind = body.provider.field("/provider", problems);
    let kind = kind.parse("/provider", problems, |text| ProviderKind::parse(&text)).require("/provider", problems);
    let base_url = body.base_url.field("/base_url", problems);
    let base_url = base_url.parse("/base_url", problems, |url| parse_base_url(&url, reach)).optional();
    let credentials = body.credentials.field("/credentials", problems);
    let (kind, base_url) = (kind?, base_url?);
    let base_url = base_url.unwrap_or_else(|| kind.usual_base_url().to_owned());
    let provider = match kind {
        ProviderKind::BotApi => Provider::BotApi { base_url },
    };
    let secret = read_secret(credentials, kind, problems);
    let kept = known.filter(|known| known.provider == provider).and_then(|known| known.credentials.clone());
    let credentials = if secret.is_some() { Some(version) } else { kept };
    Some((MessageSender { id, provider, credentials }, secret))
}

fn read_secret(
    given: Field<BTreeMap<String, String>>,
    kind: ProviderKind,
    problems: &mut Problems,
) -> Option<SenderSecret> {
    match SenderSecret::parse(kind, &given.value()?, "/credentials") {
        Ok(secret) => Some(secret),
        Err(found) => {
            for problem in found.into_vec() {
                problems.refuse(problem.pointer, problem.code, problem.detail);
            }
            None
        }
    }
}

//! The providers that messages go out by, SNS and SES among them, and the CRM's endpoints for events.
//!
//! Each provider is one file that turns every answer of its protocol into a [`SendOutcome`], and every report of its
//! own into a [`Report`]. Nothing outside its file knows a field of its protocol. The caller decides whether and when
//! to try again. To add one: a file here, an arm in [`dispatch`], a row in `domain::messages::provider_profile`.

mod aws;
mod bot;
mod kavenegar;
mod line;
mod once;
mod report;
mod ses;
mod signing;
mod sns;
mod webhooks;
mod whatsapp;
mod wiring;

use std::time::Duration;

use domain::Timestamp;
use domain::business::settings::Sender;
use domain::gateway::Mode;
use domain::ids::{BusinessId, LinkId, MessageId};
use domain::locale::Locale;
use domain::messages::delivery::{Delivery, SendOutcome};
use domain::messages::message::Message;
use domain::messages::provider::{MessageProvider, ProviderProof, ProviderSecret};
use domain::messages::provider_profile::ProviderKind;
use domain::messages::routing::{Route, SnsSender};
use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::signing::SigningSecret;
use domain::trace::Trace;
use outbound::{Answer, Http};

pub use report::{About, Report};
pub use ses::{LINK_TAG, MESSAGE_TAG};
pub use webhooks::Webhooks;
pub use whatsapp::SocialMessaging;
pub use wiring::sms_reports;

/// No provider is waited for longer. One that has trouble answers after nine seconds, and whoever had left by then would send
/// the message a second time.
pub const PROVIDER_CALL: Duration = Duration::from_secs(10);

/// Which message it is.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    pub link: &'a LinkId,
    pub message: &'a MessageId,
}

/// One message on its way to one address.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub to: &'a str,
    pub message: &'a Message,
    /// The sender that the recipient sees, where a provider shows one.
    pub sender: Sender<'a>,
    pub label: Label<'a>,
    pub particulars: Particulars<'a>,
    /// The moment of this try.
    pub now: Timestamp,
}

/// What a message is about, for a provider that is told more than a text and a number: the business's own line.
#[derive(Clone, Copy, Debug)]
pub struct Particulars<'a> {
    pub business: &'a BusinessId,
    pub mode: Mode,
    /// The language of the message.
    pub locale: &'a Locale,
    /// When the message was asked for.
    pub created_at: Timestamp,
    /// From when on the message is of no use, because its link cannot be paid any more.
    pub expires_at: Timestamp,
    /// That of the link.
    pub trace: Option<&'a Trace>,
}

/// What the stack is set to, whatever a business sets.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// The verified address that emails come from. Without one no email is sent.
    pub email_sender: Option<String>,
    /// The configuration set by which SES reports bounces and complaints. Without one it does not report them.
    pub email_configuration_set: Option<String>,
    /// The name that SMS come from, where a country shows one and the business has none of its own.
    pub sms_sender_id: Option<String>,
}

/// Everything needed to speak to any provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Channels {
    sns: aws_sdk_sns::Client,
    ses: aws_sdk_ses::Client,
    stack: Stack,
    /// For the providers that businesses set up. It leads to addresses within `reach` only.
    http: Http,
    reach: Reach,
    whatsapp: SocialMessaging,
}

/// What a business wrote down about a provider. All of it is empty for the stack's own.
#[derive(Clone, Copy, Debug, Default)]
struct Record<'a> {
    /// Without a slash at its end.
    base_url: &'a str,
    /// The one address that it takes messages at.
    url: &'a str,
    /// Without a secret a provider answers as to a wrong one.
    secret: &'a str,
    /// What calls are signed with. Without any, nothing is sent.
    signing: &'a [SigningSecret],
    /// The number that texts are sent from; without one, the provider uses the account's default.
    sender_number: Option<&'a str>,
    phone_number_id: &'a str,
    /// The version of its API, where it has versions.
    api_version: &'a str,
    /// Whom SMS come from, where SNS takes them.
    sns: Option<SnsSender<'a>>,
}

impl<'a> Record<'a> {
    fn of(provider: &'a MessageProvider, proof: &'a ProviderProof) -> Self {
        Self {
            base_url: provider.config.base_url().unwrap_or_default(),
            url: provider.config.url().unwrap_or_default(),
            secret: proof.secret.as_ref().map(ProviderSecret::expose).unwrap_or_default(),
            signing: &proof.signing,
            sender_number: provider.config.line(),
            phone_number_id: provider.config.phone_number_id().unwrap_or_default(),
            api_version: provider.config.api_version().unwrap_or_default(),
            sns: None,
        }
    }
}

/// What each provider's file does. What a provider does not have is left to the defaults.
trait ProviderAdapter {
    /// Hands one message over.
    async fn send(channels: &Channels, record: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome;

    /// Asks what became of a message that the provider had taken over under this id. It changes nothing there. A provider
    /// that reports by itself is not asked.
    async fn look(_: &Channels, _: Record<'_>, _provider_id: &str) -> Delivery {
        Delivery::Unknown
    }

    /// What an answer means for the message. `None` where the SDK of AWS reads the answers.
    fn meaning(_: &Answer) -> Option<SendOutcome> {
        None
    }

    /// Reads what the provider reports about messages that it had taken over, in its own form. Reports come from
    /// outside and are read with care: anything but this provider's report about a message that did not arrive is
    /// ignored.
    fn read_reports(_: &str) -> Vec<Report> {
        Vec::new()
    }
}

/// Does something with the adapter of a provider. This is the only list of them.
macro_rules! dispatch {
    ($kind:expr, $adapter:ident => $something:expr) => {
        match $kind {
            ProviderKind::Sns => dispatch!(sns::Sns as $adapter => $something),
            ProviderKind::Ses => dispatch!(ses::Ses as $adapter => $something),
            ProviderKind::BotApi => dispatch!(bot::Bot as $adapter => $something),
            ProviderKind::Whatsapp => dispatch!(whatsapp::Whatsapp as $adapter => $something),
            ProviderKind::Kavenegar => dispatch!(kavenegar::Kavenegar as $adapter => $something),
            ProviderKind::Webhook => dispatch!(line::Line as $adapter => $something),
        }
    };
    ($module:ident::$type:ident as $adapter:ident => $something:expr) => {{
        use crate::$module::$type as $adapter;
        $something
    }};
}

impl Channels {
    pub fn new(
        sns: aws_sdk_sns::Client,
        ses: aws_sdk_ses::Client,
        stack: Stack,
        http: Http,
        reach: Reach,
        whatsapp: SocialMessaging,
    ) -> Self {
        Self { sns, ses, stack, http, reach, whatsapp }
    }

    /// Sends one message to whom it is routed. `proof` is that of a provider that its business set up.
    pub async fn send(&self, route: Route<'_>, proof: &ProviderProof, outgoing: &Outgoing<'_>) -> SendOutcome {
        let record = match route {
            Route::Sns(sender) => Record { sns: Some(sender), ..Record::default() },
            Route::Ses => Record::default(),
            Route::Provider(provider) => Record::of(provider, proof),
        };
        dispatch!(route.kind(), Adapter => <Adapter as ProviderAdapter>::send(self, record, outgoing).await)
    }

    /// Asks a provider what became of a message that it had taken over under this id.
    pub async fn look(&self, provider: &MessageProvider, proof: &ProviderProof, provider_id: &str) -> Delivery {
        let record = Record::of(provider, proof);
        dispatch!(provider.config.kind(), Adapter => <Adapter as ProviderAdapter>::look(self, record, provider_id).await)
    }

    /// One call to a provider at an address that its business set.
    async fn post(&self, url: &str, content_type: &str, body: String) -> Result<Answer, SendOutcome> {
        let request = http::Request::post(url).header(http::header::CONTENT_TYPE, content_type);
        self.call(url, request, body).await
    }

    /// The same with headers of its own.
    async fn call(&self, url: &str, request: http::request::Builder, body: String) -> Result<Answer, SendOutcome> {
        self.check_address(url)?;
        self.http.send(request, body, PROVIDER_CALL).await.map_err(|_| for_now("no_answer"))
    }

    /// The same where the status decides: an answer without one that can be read to its end has an empty body.
    async fn call_for_status(
        &self,
        url: &str,
        request: http::request::Builder,
        body: String,
    ) -> Result<Answer, SendOutcome> {
        self.check_address(url)?;
        self.http.send_for_status_first(request, body, PROVIDER_CALL).await.map_err(|_| for_now("no_answer"))
    }

    /// An address that was allowed in the local cloud, or by an earlier version, is not called from here.
    fn check_address(&self, url: &str) -> Result<(), SendOutcome> {
        parse_endpoint_url(url, self.reach).map(drop).map_err(|_| for_good("address_not_allowed"))
    }
}

/// What a provider's answer means for the message; nothing where the SDK of AWS reads the provider's answers.
pub fn meaning(provider: ProviderKind, answer: &Answer) -> Option<SendOutcome> {
    dispatch!(provider, Adapter => <Adapter as ProviderAdapter>::meaning(answer))
}

/// Reads a message of a topic: the reports of whichever provider knows its form.
pub fn read_reports(text: &str) -> Vec<Report> {
    let read = |kind| dispatch!(kind, Adapter => <Adapter as ProviderAdapter>::read_reports(text));
    ProviderKind::ALL.into_iter().flat_map(read).collect()
}

/// It will never work for this address and this message.
fn for_good(reason: &str) -> SendOutcome {
    SendOutcome::FailedForGood { reason: reason.to_owned() }
}

/// It may work later.
fn for_now(reason: &str) -> SendOutcome {
    SendOutcome::FailedForNow { reason: reason.to_owned(), wait: None }
}

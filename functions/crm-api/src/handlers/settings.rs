//! The settings of the business, replaced as a whole.

use axum::extract::State;
use axum::response::Response;
use domain::business::logo::Logo;
use domain::business::settings::{EmailSenderName, Settings, SmsSenderId, TimeZoneName};
use domain::ids::{ProviderId, ReceiptTypeId};
use domain::locale::Locale;
use domain::messages::sms_route::{NumberPrefix, SmsRoute};
use domain::messages::channel::Channel;
use domain::messages::sms::SegmentLimit;
use domain::address::Region;
use domain::requests::create::find_receipt_type;
use domain::requests::expiry::Expiry;
use domain::text::{parse_name, parse_web_address};
use domain::{Problems, Rejection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::schema::ChannelName;
use web::body::{Unknown, refuse_unknown};
use web::{ApiProblem, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead};
use crate::respond::answer;

/// What the business sets. A PUT replaces all of it: what is left out has its default again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SettingsBody)]
pub(crate) struct SettingsBody {
    /// What the business is called on pages and in messages, one line of at most 60 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    business_name: Given<String>,
    /// A picture that every page shows, as `data:image/png;base64,…` or `data:image/jpeg;base64,…`, of at most 16 KB.
    /// Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    logo: Given<String>,
    /// A number that customers can ask at, shown on every dead end as it is given: one line of at most 30 characters.
    /// Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    support_phone: Given<String>,
    /// An address that customers can ask at, shown there as well: absolute, `https` or `http`. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    support_url: Given<String>,
    /// The name that SMS through SNS come from, in countries that show one: 3 to 11 letters and digits, with a letter
    /// among them. Left out, the stack's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    sms_sender_id: Given<String>,
    /// Which message provider takes SMS to numbers that begin in a certain way, at most 20; the longest prefix counts.
    /// Left out, SNS takes all, except those of Iran, which nobody takes then.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SmsRouteBody>>)]
    sms_routes: Given<Vec<SmsRouteBody>>,
    /// On which channel people are told first, each named once; the next one follows where that fails for good, and
    /// channels not named come last. Left out, people are told on every channel at once.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ChannelName>>)]
    channel_order: Given<Vec<String>>,
    /// The name that emails come from, beside the stack's address: one line of at most 45 bytes in UTF-8. Left out,
    /// `business_name`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email_sender_name: Given<String>,
    /// The IANA time zone of the business, such as `Asia/Tehran`, in which its days end and instants are shown. Left
    /// out, `UTC`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Given<String>,
    /// The language of messages where neither the link nor its contact has one, as a BCP 47 tag. Left out, `en`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_locale: Given<String>,
    /// The country, by ISO 3166 such as `IR`, in which mobile numbers without a country code are read. Left out, `US`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_region: Given<String>,
    /// For how many days a link can be paid that does not say so itself, 0 to 730 as `expires_in_days` of a link. Left
    /// out, 7.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    default_expires_in_days: Given<i64>,
    /// The type of receipts that do not say theirs. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_receipt_type_id: Given<String>,
    /// The most segments that an SMS may have with its variables filled in, 1 to 10; a link with a longer one is
    /// refused. Left out, 6.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    max_sms_segments: Given<i64>,
    /// Whether amounts in rial are shown in Rial alone. Left out, they are not: Persian readers see Toman with the Rial
    /// behind it, except in the SMS that ships, which always says Rial alone.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    rial_alone: Given<bool>,
    /// The hosts that a link's `return_url` may lead to, at most 20, in lower case and without scheme, port or path.
    /// Left out, none, so no link can have a `return_url`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    return_url_hosts: Given<Vec<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Which message provider takes SMS to numbers that begin in this way.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SmsRouteBody)]
struct SmsRouteBody {
    /// How the numbers begin: `+` and 1 to 7 digits, such as `+98`, once in the list.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    prefix: Given<String>,
    /// The id of a message provider whose channel is `sms`.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    provider: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// What the business set.
#[derive(Debug, Serialize)]
pub(crate) struct SettingsView {
    object: &'static str,
    #[serde(flatten)]
    settings: Settings,
    /// The picture as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
}

/// What the business set, and the defaults of the rest. What has neither is left out.
#[derive(ToSchema)]
#[schema(as = Settings)]
#[expect(dead_code, reason = "this is only the shape of the answer")]
pub(crate) struct SettingsShape {
    #[schema(pattern = "^settings$")]
    object: String,
    business_name: String,
    /// The picture as it was given.
    logo: Option<String>,
    support_phone: Option<String>,
    support_url: Option<String>,
    sms_sender_id: Option<String>,
    sms_routes: Option<Vec<SmsRouteShape>>,
    channel_order: Option<Vec<ChannelName>>,
    email_sender_name: Option<String>,
    time_zone: String,
    default_locale: String,
    default_region: String,
    default_expires_in_days: i64,
    default_receipt_type_id: Option<String>,
    max_sms_segments: i64,
    rial_alone: bool,
    return_url_hosts: Vec<String>,
}

#[derive(ToSchema)]
#[schema(as = SmsRoute)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct SmsRouteShape {
    prefix: String,
    provider: String,
}

impl SettingsView {
    fn new(mut settings: Settings, logo: Option<&Logo>) -> Self {
        // The name of the picture is the pages' own business.
        settings.logo_hash = None;
        Self { object: "settings", settings, logo: logo.map(Logo::uri) }
    }
}

pub(crate) async fn read(_: MayRead, State(app): State<App>) -> Result<Response, ApiProblem> {
    let settings = app.store.settings().await?.unwrap_or_default();
    let logo = match &settings.logo_hash {
        Some(hash) => app.store.logo(hash).await?,
        None => None,
    };
    Ok(answer(SettingsView::new(settings, logo.as_ref())))
}

pub(crate) async fn write(
    _: MayAdminister,
    State(app): State<App>,
    body: JsonBody<SettingsBody>,
) -> Result<Response, ApiProblem> {
    let mut body = body.fields;
    let mut problems = Problems::default();
    let logo = std::mem::take(&mut body.logo).field("/logo", &mut problems);
    let logo = logo.parse("/logo", &mut problems, |uri| Logo::parse(&uri)).value();
    let mut settings = body.read(&mut problems);
    if let Some(id) = &settings.default_receipt_type_id {
        let configuration = app.store.fresh_configuration().await?;
        problems.check("/default_receipt_type_id", find_receipt_type(id, &configuration.receipt_types));
    }
    check_providers(&app, &settings, &mut problems).await?;
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    match &logo {
        Some(logo) => {
            settings.logo_hash = Some(logo.hash());
            app.store.put_settings_with_logo(&settings, logo).await?;
        }
        None => app.store.put_settings(&settings).await?,
    }
    Ok(answer(SettingsView::new(settings, logo.as_ref())))
}

impl SettingsBody {
    /// What is left out gets its default: a PUT replaces everything.
    fn read(self, problems: &mut Problems) -> Settings {
        let p = problems;
        refuse_unknown("", self.unknown, p);
        let defaults = Settings::default();
        let business_name = self.business_name.field("/business_name", p);
        let business_name = business_name.parse("/business_name", p, |name| parse_name(&name, 60));
        let phone = self.support_phone.field("/support_phone", p);
        let url = self.support_url.field("/support_url", p);
        let sender_id = self.sms_sender_id.field("/sms_sender_id", p);
        let sms_routes = read_routes(self.sms_routes, p);
        let channel_order = self.channel_order.field("/channel_order", p);
        let sender_name = self.email_sender_name.field("/email_sender_name", p);
        let zone = self.time_zone.field("/time_zone", p);
        let locale = self.default_locale.field("/default_locale", p);
        let region = self.default_region.field("/default_region", p);
        let days = self.default_expires_in_days.field("/default_expires_in_days", p);
        let kind = self.default_receipt_type_id.field("/default_receipt_type_id", p);
        let segments = self.max_sms_segments.field("/max_sms_segments", p);
        let hosts = self.return_url_hosts.field("/return_url_hosts", p);
        Settings {
            business_name: business_name.require("/business_name", p).unwrap_or_default(),
            // The picture is kept beside the settings, and its name is put here when it is written.
            logo_hash: None,
            support_phone: phone.parse("/support_phone", p, |text| parse_name(&text, 30)).value(),
            support_url: url.parse("/support_url", p, |url| parse_web_address(&url)).value(),
            sms_sender_id: sender_id.parse("/sms_sender_id", p, |text| SmsSenderId::parse(&text)).value(),
            sms_routes: sms_routes.unwrap_or_default(),
            channel_order: channel_order.parse("/channel_order", p, check_order).value().unwrap_or_default(),
            email_sender_name: sender_name.parse("/email_sender_name", p, |text| EmailSenderName::parse(&text)).value(),
            time_zone: zone
                .parse("/time_zone", p, |name| TimeZoneName::parse(&name))
                .value()
                .unwrap_or(defaults.time_zone),
            default_locale: locale
                .parse("/default_locale", p, |tag| Locale::parse(&tag))
                .value()
                .unwrap_or(defaults.default_locale),
            default_region: region
                .parse("/default_region", p, |code| Region::parse(&code))
                .value()
                .unwrap_or(defaults.default_region),
            default_expires_in_days: days
                .parse("/default_expires_in_days", p, |days| Expiry::parse_days(days).map(|_| days))
                .value()
                .unwrap_or(defaults.default_expires_in_days),
            default_receipt_type_id: kind.parse("/default_receipt_type_id", p, |id| ReceiptTypeId::parse(&id)).value(),
            max_sms_segments: segments.parse("/max_sms_segments", p, SegmentLimit::parse).value().unwrap_or_default(),
            rial_alone: self.rial_alone.field("/rial_alone", p).value().unwrap_or(defaults.rial_alone),
            return_url_hosts: hosts.parse("/return_url_hosts", p, check_hosts).value().unwrap_or_default(),
        }
    }
}

fn check_order(names: Vec<String>) -> Result<Vec<Channel>, Rejection> {
    let mut order = Vec::new();
    for name in names {
        let channel = Channel::parse(&name)?;
        if order.contains(&channel) {
            return Err(Rejection::new("given_twice", "Each channel has one place in the order."));
        }
        order.push(channel);
    }
    Ok(order)
}

/// So many prefixes may have a provider of their own.
const MAX_ROUTES: usize = 20;

fn read_routes(given: Given<Vec<SmsRouteBody>>, problems: &mut Problems) -> Option<Vec<SmsRoute>> {
    const AT: &str = "/sms_routes";
    let bodies = given.field(AT, problems).value()?;
    if bodies.len() > MAX_ROUTES {
        problems.refuse(AT, "too_many", format!("At most {MAX_ROUTES} entries are allowed."));
        return None;
    }
    let count = bodies.len();
    let mut routes: Vec<SmsRoute> = Vec::new();
    for (index, body) in bodies.into_iter().enumerate() {
        let (at, p) = (format!("{AT}/{index}"), &mut *problems);
        refuse_unknown(&at, body.unknown, p);
        let pointer = format!("{at}/prefix");
        let prefix = body.prefix.field(&pointer, p).parse(&pointer, p, |text| NumberPrefix::parse(&text));
        let prefix = prefix.require(&pointer, p);
        let pointer = format!("{at}/provider");
        let provider = body.provider.field(&pointer, p).parse(&pointer, p, |id| ProviderId::parse(&id));
        let (Some(prefix), Some(provider)) = (prefix, provider.require(&pointer, p)) else { continue };
        if routes.iter().any(|known| known.prefix == prefix) {
            p.refuse(format!("{at}/prefix"), "given_twice", "Each prefix has one provider.");
            continue;
        }
        routes.push(SmsRoute { prefix, provider });
    }
    // All of them or none, so that each stands where it stood.
    (routes.len() == count).then_some(routes)
}

/// The providers that the settings name are there and send SMS.
async fn check_providers(app: &App, settings: &Settings, problems: &mut Problems) -> Result<(), ApiProblem> {
    for (index, route) in settings.sms_routes.iter().enumerate() {
        let provider = app.store.provider(&route.provider).await?;
        if provider.is_none_or(|provider| provider.config.channel() != Channel::Sms) {
            let detail = format!("There is no provider {} of SMS.", route.provider);
            problems.refuse(format!("/sms_routes/{index}/provider"), "unknown_message_provider", detail);
        }
    }
    Ok(())
}

fn check_hosts(hosts: Vec<String>) -> Result<Vec<String>, Rejection> {
    let is_host = |host: &String| {
        !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
    };
    if hosts.len() <= 20 && hosts.iter().all(is_host) {
        Ok(hosts)
    } else {
        Err(Rejection::new("invalid_host", "Give at most 20 host names in lower case, without scheme, port or path."))
    }
}

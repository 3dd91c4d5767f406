//! The settings of the business, and what the platform wants all to start with, each replaced as a whole.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use domain::address::Region;
use domain::business::logo::Logo;
use domain::business::settings::{EmailSenderName, PlatformDefaults, Settings, SmsSenderId, TimeZoneName};
use domain::ids::{ProviderId, ReceiptTypeId};
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::sms::SegmentLimit;
use domain::messages::sms_route::{NumberPrefix, SmsRoute};
use domain::requests::expiry::Expiry;
use domain::text::{parse_name, parse_web_address};
use domain::{Field, Problems, Rejection};
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};
use views::schema::ChannelName;
use web::body::{Unknown, refuse_unknown};
use web::{ApiProblem, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, MayReadBusinesses, MayRunBusinesses};
use crate::refused;
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
    /// out, the platform's default, which is `UTC` unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Given<String>,
    /// The language of messages where neither the link nor its contact has one, as a BCP 47 tag. Left out, the
    /// platform's default, which is `en` unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_locale: Given<String>,
    /// The country, by ISO 3166 such as `IR`, in which mobile numbers without a country code are read. Left out, the
    /// platform's default, which is `US` unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_region: Given<String>,
    /// For how many days a link can be paid that does not say so itself, 0 to 730 as `expires_in_days` of a link. Left
    /// out, the platform's default, which is 7 unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    default_expires_in_days: Given<i64>,
    /// The type of receipts that do not say theirs. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_receipt_type_id: Given<String>,
    /// The most segments that an SMS may have with its variables filled in, 1 to 10; a link with a longer one is
    /// refused. Left out, the platform's default, which is 6 unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    max_sms_segments: Given<i64>,
    /// Whether amounts in rial are shown in Rial alone. Left out, as the platform has it, which does not unless it says
    /// so: Persian readers see Toman with the Rial behind it, except in the built-in SMS text, which says Toman alone.
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

impl utoipa::PartialSchema for SettingsView {
    fn schema() -> RefOr<Schema> {
        SettingsShape::schema()
    }
}

impl ToSchema for SettingsView {
    fn name() -> Cow<'static, str> {
        SettingsShape::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SettingsShape::schemas(schemas);
    }
}

impl SettingsView {
    fn new(mut settings: Settings, logo: Option<&Logo>) -> Self {
        // The name of the picture is the pages' own business.
        settings.logo_hash = None;
        Self { object: "settings", settings, logo: logo.map(Logo::uri) }
    }
}

pub(crate) async fn read(MayRead(caller): MayRead) -> Result<Response, ApiProblem> {
    Ok(answer(view(&caller.store).await?))
}

pub(crate) async fn view(store: &BusinessStore) -> Result<SettingsView, ApiProblem> {
    let settings = store.settings().await?.unwrap_or_default();
    let logo = match &settings.logo_hash {
        Some(hash) => store.logo(hash).await?,
        None => None,
    };
    Ok(SettingsView::new(settings, logo.as_ref()))
}

pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    body: JsonBody<SettingsBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    let defaults = caller.store.platform_defaults().await?;
    let (settings, logo) = body.fields.read(defaults, &mut problems);
    let settings = use_cases::settings::write(&caller.store, settings, logo.as_ref(), problems).await;
    Ok(answer(SettingsView::new(settings.map_err(refused::record)?, logo.as_ref())))
}

impl SettingsBody {
    /// The settings, and the picture beside them. What is left out gets its default: a PUT replaces everything.
    fn read(self, defaults: PlatformDefaults, problems: &mut Problems) -> (Settings, Option<Logo>) {
        let p = problems;
        let logo = self.logo.text("/logo", p, Logo::parse).value();
        refuse_unknown("", self.unknown, p);
        let business_name =
            self.business_name.required_text("/business_name", p, |name| parse_name(name, Settings::LONGEST_NAME));
        let started = StartBody {
            time_zone: self.time_zone,
            default_locale: self.default_locale,
            default_region: self.default_region,
            default_expires_in_days: self.default_expires_in_days,
            max_sms_segments: self.max_sms_segments,
            rial_alone: self.rial_alone,
        };
        let started = started.read(defaults, p);
        let receipt_type = self.default_receipt_type_id.text("/default_receipt_type_id", p, ReceiptTypeId::parse);
        let hosts = self.return_url_hosts.parse("/return_url_hosts", p, check_hosts).value();
        let settings = Settings {
            business_name: business_name.unwrap_or_default(),
            // Its name is put here when the picture is written beside the settings.
            logo_hash: None,
            support_phone: self.support_phone.text("/support_phone", p, |text| parse_name(text, 30)).value(),
            support_url: self.support_url.text("/support_url", p, parse_web_address).value(),
            sms_sender_id: self.sms_sender_id.text("/sms_sender_id", p, SmsSenderId::parse).value(),
            sms_routes: read_routes(self.sms_routes, p).value().unwrap_or_default(),
            channel_order: self.channel_order.parse("/channel_order", p, check_order).value().unwrap_or_default(),
            email_sender_name: self.email_sender_name.text("/email_sender_name", p, EmailSenderName::parse).value(),
            default_receipt_type_id: receipt_type.value(),
            return_url_hosts: hosts.unwrap_or_default(),
            ..started.into()
        };
        (settings, logo)
    }
}

/// What a business can start with, as it is given: its settings and the platform's defaults have these in common.
struct StartBody {
    time_zone: Given<String>,
    default_locale: Given<String>,
    default_region: Given<String>,
    default_expires_in_days: Given<i64>,
    max_sms_segments: Given<i64>,
    rial_alone: Given<bool>,
}

impl StartBody {
    fn read(self, defaults: PlatformDefaults, p: &mut Problems) -> PlatformDefaults {
        let days = self.default_expires_in_days.parse("/default_expires_in_days", p, check_days).value();
        let segments = self.max_sms_segments.parse("/max_sms_segments", p, SegmentLimit::parse).value();
        let (zone, locale) = (self.time_zone, self.default_locale);
        PlatformDefaults {
            time_zone: zone.text("/time_zone", p, TimeZoneName::parse).value().unwrap_or(defaults.time_zone),
            default_locale: locale.text("/default_locale", p, Locale::parse).value().unwrap_or(defaults.default_locale),
            default_region: self
                .default_region
                .text("/default_region", p, Region::parse)
                .value()
                .unwrap_or(defaults.default_region),
            default_expires_in_days: days.unwrap_or(defaults.default_expires_in_days),
            max_sms_segments: segments.unwrap_or(defaults.max_sms_segments),
            rial_alone: self.rial_alone.field("/rial_alone", p).value().unwrap_or(defaults.rial_alone),
        }
    }
}

/// What businesses start with, and what a PUT of settings takes for what it leaves out. Settings that are there stay. A PUT
/// replaces all of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PlatformDefaultsBody)]
pub(crate) struct PlatformDefaultsBody {
    /// As in the settings of a business. Left out, `UTC`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Given<String>,
    /// As in the settings of a business. Left out, `en`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_locale: Given<String>,
    /// As in the settings of a business. Left out, `US`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_region: Given<String>,
    /// As in the settings of a business. Left out, 7.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    default_expires_in_days: Given<i64>,
    /// As in the settings of a business. Left out, 6.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    max_sms_segments: Given<i64>,
    /// As in the settings of a business. Left out, not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    rial_alone: Given<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// What businesses start with.
#[derive(Debug, Serialize)]
struct PlatformDefaultsView {
    object: &'static str,
    #[serde(flatten)]
    defaults: PlatformDefaults,
}

/// What businesses start with, and what a PUT of settings takes for what it leaves out. Settings that are there stay.
#[derive(ToSchema)]
#[schema(as = PlatformDefaults)]
#[expect(dead_code, reason = "this is only the shape of the answer")]
pub(crate) struct PlatformDefaultsShape {
    #[schema(pattern = "^platform_defaults$")]
    object: String,
    time_zone: String,
    default_locale: String,
    default_region: String,
    default_expires_in_days: i64,
    max_sms_segments: i64,
    rial_alone: bool,
}

pub(crate) async fn read_defaults(_: MayReadBusinesses, State(app): State<App>) -> Result<Response, ApiProblem> {
    let defaults = app.store.platform_defaults().await?;
    Ok(answer(PlatformDefaultsView { object: "platform_defaults", defaults }))
}

pub(crate) async fn write_defaults(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    body: JsonBody<PlatformDefaultsBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    let body = body.fields;
    refuse_unknown("", body.unknown, &mut problems);
    let start = StartBody {
        time_zone: body.time_zone,
        default_locale: body.default_locale,
        default_region: body.default_region,
        default_expires_in_days: body.default_expires_in_days,
        max_sms_segments: body.max_sms_segments,
        rial_alone: body.rial_alone,
    };
    let defaults = start.read(PlatformDefaults::default(), &mut problems);
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    use_cases::businesses::write_defaults(&app.store, &caller.author, &defaults).await?;
    Ok(answer(PlatformDefaultsView { object: "platform_defaults", defaults }))
}

fn check_days(days: i64) -> Result<i64, Rejection> {
    Expiry::parse_days(days).map(|_| days)
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

/// The most prefixes that can have a provider of their own.
const MAX_ROUTES: usize = 20;

/// Reads the routes, with each prefix at most once. One bad route refuses all, so that the others keep their positions.
fn read_routes(given: Given<Vec<SmsRouteBody>>, problems: &mut Problems) -> Field<Vec<SmsRoute>> {
    let mut prefixes: Vec<NumberPrefix> = Vec::new();
    given.each("/sms_routes", MAX_ROUTES, problems, |body, at, p| {
        refuse_unknown(at, body.unknown, p);
        let prefix_at = format!("{at}/prefix");
        let prefix = body.prefix.required_text(&prefix_at, p, NumberPrefix::parse);
        let provider = body.provider.required_text(format!("{at}/provider"), p, ProviderId::parse);
        let (prefix, provider) = (prefix?, provider?);
        if prefixes.contains(&prefix) {
            p.refuse(prefix_at, "given_twice", "Each prefix has one provider.");
            return None;
        }
        prefixes.push(prefix.clone());
        Some(SmsRoute { prefix, provider })
    })
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

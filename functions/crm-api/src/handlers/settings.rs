//! The settings of the business, and what the platform wants all to start with.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use domain::address::{Email, Region};
use domain::business::brand::BrandColor;
use domain::business::logo::Logo;
use domain::business::periods::{FiscalYearStart, Periods, Weekday};
use domain::business::reminders::ClosedDays;
use domain::business::settings::{EmailSenderName, PlatformDefaults, Settings, TimeZoneName};
use domain::calendar::parse_date;
use domain::ids::{ProviderId, ReceiptTypeId};
use domain::language::Calendar;
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::sms::SegmentLimit;
use domain::messages::sms_route::{
    NumberPrefix, OriginationNumber, RegisteredTexts, RegistrationId, SmsCarrier, SmsRoute, SmsSenderId, SnsOrigination,
};
use domain::requests::expiry::Expiry;
use domain::text::{parse_host, parse_name, parse_text, parse_web_address};
use domain::{Field, Problems, Rejection, Timestamp};
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use use_cases::settings::{LogoRequest, SettingsRequest};
use use_cases::{Extent, Revised};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};
use views::reminders::ReminderMomentView;
use views::schema::{CalendarName, ChannelName, WeekdayName};
use web::body::{GivenList, RecordBody, Unknown, refuse_unknown, refuse_unknown_of_record};
use web::conditions::Conditions;
use web::reminders::{ClosedBody, RemindersBody, read_closed, read_of_business};
use web::{ApiProblem, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, MayReadBusinesses, MayRunBusinesses, Writes};
use crate::refused;
use crate::respond::{body_over, shown, written};

/// What the business sets. A PUT replaces all of it: what is left out has its default again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SettingsInput)]
pub(crate) struct SettingsBody {
    /// What the business is called on pages and in messages, one line of at most 60 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-60")]
    business_name: Given<String>,
    /// A picture that every page shows, as `data:image/png;base64,…` or `data:image/jpeg;base64,…`, of at most 16 KB.
    /// Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "picture")]
    logo: Given<String>,
    /// The colour of the buttons on pages and in emails, as `#rrggbb`. It is brought as far towards black or white as its
    /// contrast needs. Left out, a blue of the product.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "color")]
    brand_color: Given<String>,
    /// A number that customers can ask at, shown on every dead end as it is given: one line of at most 30 characters.
    /// Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "filled-30")]
    support_phone: Given<String>,
    /// An address that customers can ask at, shown there as well: absolute, `https` or `http`. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "web-address")]
    support_url: Given<String>,
    /// The name that SMS through SNS come from, in countries that show one: 3 to 11 letters, digits and hyphens, with a
    /// letter among them and no hyphen at an end. Left out, the stack's.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "sms-sender-id")]
    sms_sender_id: Given<String>,
    /// Who takes SMS to numbers that begin in a certain way, at most 50; the longest prefix counts. Left out, SNS takes
    /// those of the countries that ask nothing beforehand, and nobody takes the others.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SmsRouteBody>>, max_items = 50)]
    sms_routes: GivenList<SmsRouteBody>,
    /// On which channel people are told first, each named once; the next one follows where that fails for good, and
    /// channels not named come last. Left out, people are told on every channel at once.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ChannelName>>)]
    channel_order: GivenList<String>,
    /// The name that emails come from, beside the stack's address: one line of at most 45 bytes in UTF-8. Left out,
    /// `business_name`.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "filled-45")]
    email_sender_name: Given<String>,
    /// The address that answers to emails go to. Left out, they go to the stack's own address.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "email-address")]
    email_reply_to: Given<String>,
    /// The IANA time zone of the business, such as `Asia/Tehran`, in which its days end and instants are shown. Left
    /// out, the platform's default, which is `UTC` unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Given<String>,
    /// The calendar that totals are counted by, which also says on which days `fiscal_year_starts` falls. Left out, the
    /// platform's default, and where it set none that of `default_locale`: `persian` for `fa`, else `gregorian`.
    #[serde(default)]
    #[schema(value_type = Option<CalendarName>)]
    calendar: Given<String>,
    /// The day that a week of totals begins with. Left out, the platform's default, and where it set none `saturday` in
    /// the Persian calendar and `monday` in the Gregorian.
    #[serde(default)]
    #[schema(value_type = Option<WeekdayName>)]
    first_day_of_week: Given<String>,
    /// The month and the day, 1 to 28, of the calendar that a fiscal year begins with, such as `04-01`. Left out, the
    /// platform's default, which is `01-01` unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    fiscal_year_starts: Given<String>,
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
    #[schema(value_type = Option<i64>, format = "days")]
    default_expires_in_days: Given<i64>,
    /// The type of receipts that do not say theirs. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    default_receipt_type_id: Given<String>,
    /// The most segments that an SMS may have with its variables filled in, 1 to 10; a link with a longer one is
    /// refused. Left out, the platform's default, which is 6 unless it set another.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "sms-segments")]
    max_sms_segments: Given<i64>,
    /// Whether amounts in rial are shown in Rial alone. Left out, as the platform has it, which does not unless it says
    /// so: Persian readers see Toman with the Rial behind it, except in the built-in SMS text, which says Toman alone.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    rial_alone: Given<bool>,
    /// The last day whose books are closed, as a Gregorian date in `time_zone`: one that is over. Receipts written from now on
    /// count in the books from the end of that day on, and none that is there moves. Left out, no books are closed.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    books_closed_until: Given<String>,
    /// Whether an item has at most one link that can be paid, in each mode: another one is refused with 409
    /// `item_has_active_link`, which names the first, and that can be replaced. Left out, not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    one_active_link_per_item: Given<bool>,
    /// Whether a customer who asks for a new link on the page of one that expired gets it at once, for what is due then, and is
    /// told as of the old one. Left out, not: the event `payment_link.renewal_requested` tells of the wish.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    renew_links_on_request: Given<bool>,
    /// Whether those who are told of a link are told of its payments and refunds too, where the link does not say so itself. Left
    /// out, not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    send_receipts: Given<bool>,
    /// When people are reminded who were asked to pay. It counts whenever a link is looked at, which is when its next moment comes.
    /// Left out, nobody is, unless a link says so itself.
    #[serde(default)]
    #[schema(value_type = Option<RemindersBody>)]
    reminders: Given<RemindersBody>,
    /// The name under which the business is registered, for its receipts. Left out, they show `business_name` alone.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "filled-120")]
    legal_name: Given<String>,
    /// What the business is registered by, such as a number of a register or for taxes, for its receipts.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "filled-60")]
    legal_id: Given<String>,
    /// Where the business is, for its receipts.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-300")]
    postal_address: Given<String>,
    /// The hosts that a link's `return_url` may lead to, at most 20, without scheme, port or path. They are kept in small
    /// letters, and one in another script as DNS has it. Left out, none, so no link can have a `return_url`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    return_url_hosts: GivenList<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Who takes SMS to numbers that begin in this way: exactly one of `provider` and `sns`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SmsRouteInput)]
struct SmsRouteBody {
    /// How the numbers begin: `+` and up to 7 digits, such as `+98`, once in the list. `+` alone stands for all numbers.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "sms-prefix")]
    prefix: Given<String>,
    /// The id of a message provider whose channel is `sms`.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    provider: Given<String>,
    /// SNS takes them, and the account has what their country asks for.
    #[serde(default)]
    #[schema(value_type = Option<SnsOriginationBody>)]
    sns: Given<SnsOriginationBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Whom SMS by SNS come from. Empty, as the settings and the account say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SnsOriginationInput)]
struct SnsOriginationBody {
    /// A name, in the form of `sms_sender_id` and instead of it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "sms-sender-id")]
    sender_id: Given<String>,
    /// A number or a short code of the account, 5 to 14 digits with a plus in front or without. Not beside `sender_id`.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "origination-number")]
    origination_number: Given<String>,
    /// In India, the id of the principal entity, 1 to 50 characters. It stands beside `sender_id` and `template_id`.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "registration-id")]
    entity_id: Given<String>,
    /// In India, the id under which the default text is registered in the language of the business. With it, a message
    /// in words of its own is `unreached` there, and a link in another language is refused.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "registration-id")]
    template_id: Given<String>,
    /// The same of your own text that reminds. Without it nobody there is reminded.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "registration-id")]
    payment_reminder_template_id: Given<String>,
    /// The same of the one that reminds of what is overdue.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "registration-id")]
    payment_overdue_template_id: Given<String>,
    /// The same of your own text that tells of a payment. Without it nobody there is told of one.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "registration-id")]
    payment_received_template_id: Given<String>,
    /// The same of your own text that tells of a refund.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "registration-id")]
    refund_succeeded_template_id: Given<String>,
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

/// What the business set, and what counts where it did not. What has neither is left out.
#[derive(ToSchema)]
#[schema(as = Settings)]
#[expect(dead_code, reason = "this is only the shape of the answer")]
pub(crate) struct SettingsShape {
    #[schema(pattern = "^settings$")]
    object: String,
    business_name: String,
    /// The picture as it was given.
    #[schema(nullable = false)]
    logo: Option<String>,
    #[schema(nullable = false)]
    brand_color: Option<String>,
    #[schema(nullable = false)]
    support_phone: Option<String>,
    #[schema(nullable = false)]
    support_url: Option<String>,
    #[schema(nullable = false)]
    sms_sender_id: Option<String>,
    #[schema(nullable = false)]
    sms_routes: Option<Vec<SmsRouteShape>>,
    #[schema(nullable = false)]
    channel_order: Option<Vec<ChannelName>>,
    #[schema(nullable = false)]
    email_sender_name: Option<String>,
    #[schema(nullable = false)]
    email_reply_to: Option<String>,
    time_zone: String,
    calendar: CalendarName,
    first_day_of_week: WeekdayName,
    fiscal_year_starts: String,
    default_locale: String,
    default_region: String,
    default_expires_in_days: i64,
    #[schema(nullable = false)]
    default_receipt_type_id: Option<String>,
    max_sms_segments: i64,
    rial_alone: bool,
    #[schema(nullable = false, format = Date)]
    books_closed_until: Option<String>,
    one_active_link_per_item: bool,
    renew_links_on_request: bool,
    send_receipts: bool,
    #[schema(nullable = false)]
    reminders: Option<RemindersShape>,
    #[schema(nullable = false)]
    legal_name: Option<String>,
    #[schema(nullable = false)]
    legal_id: Option<String>,
    #[schema(nullable = false)]
    postal_address: Option<String>,
    return_url_hosts: Vec<String>,
}

#[derive(ToSchema)]
#[schema(as = Reminders)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct RemindersShape {
    at: Vec<ReminderMomentView>,
    #[schema(nullable = false)]
    hours: Option<Vec<ReminderHoursShape>>,
    #[schema(nullable = false)]
    closed: Option<Vec<ClosedDaysShape>>,
    platform_closed: bool,
}

#[derive(ToSchema)]
#[schema(as = ReminderHours)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct ReminderHoursShape {
    days: Vec<WeekdayName>,
    from: String,
    to: String,
}

#[derive(ToSchema)]
#[schema(as = ClosedDays)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct ClosedDaysShape {
    #[schema(format = Date)]
    from: String,
    #[schema(format = Date)]
    to: String,
}

#[derive(ToSchema)]
#[schema(as = SmsRoute)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct SmsRouteShape {
    prefix: String,
    #[schema(nullable = false)]
    provider: Option<String>,
    #[schema(nullable = false)]
    sns: Option<SnsOriginationShape>,
}

#[derive(ToSchema)]
#[schema(as = SnsOrigination)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct SnsOriginationShape {
    #[schema(nullable = false)]
    sender_id: Option<String>,
    #[schema(nullable = false)]
    origination_number: Option<String>,
    #[schema(nullable = false)]
    entity_id: Option<String>,
    #[schema(nullable = false)]
    template_id: Option<String>,
    #[schema(nullable = false)]
    payment_reminder_template_id: Option<String>,
    #[schema(nullable = false)]
    payment_overdue_template_id: Option<String>,
    #[schema(nullable = false)]
    payment_received_template_id: Option<String>,
    #[schema(nullable = false)]
    refund_succeeded_template_id: Option<String>,
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
        let Periods { calendar, week_start, fiscal_year_start: _ } = settings.periods(None);
        settings.calendar = Some(calendar);
        settings.first_day_of_week = Some(week_start);
        Self::of_what_is_set(settings, logo)
    }

    /// What a change is laid over: it does not set what merely follows from the rest.
    fn of_what_is_set(mut settings: Settings, logo: Option<&Logo>) -> Self {
        // The name of the picture is the pages' own business.
        settings.logo_hash = None;
        Self { object: "settings", settings, logo: logo.map(Logo::uri) }
    }
}

pub(crate) async fn read(MayRead(caller): MayRead, Conditions(conditions): Conditions) -> Result<Response, ApiProblem> {
    let (settings, revision) = caller.store.settings_to_change().await?;
    let view = view_of(&caller.store, settings.unwrap_or_default()).await?;
    shown(Revised::new(view, &revision), &conditions)
}

pub(crate) async fn view(store: &BusinessStore) -> Result<SettingsView, ApiProblem> {
    view_of(store, store.settings().await?.unwrap_or_default()).await
}

async fn view_of(store: &BusinessStore, settings: Settings) -> Result<SettingsView, ApiProblem> {
    let logo = match &settings.logo_hash {
        Some(hash) => store.logo(hash).await?,
        None => None,
    };
    Ok(SettingsView::new(settings, logo.as_ref()))
}

pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    Writes(writing): Writes,
    body: JsonBody<SettingsBody>,
) -> Result<Response, ApiProblem> {
    let now = app.clock.now();
    let defaults = caller.store.platform_defaults().await?;
    // A picture is large, and is read for no change that does not name it.
    let keeps_logo = writing.extent == Extent::Part && body.value.get("logo").is_none();
    let said = |base: Option<&Settings>| {
        let (mut problems, mut defaults) = (Problems::default(), defaults.clone());
        // What a change does not name stays also where the business never set it.
        if let Some(settings) = base.filter(|_| body.value.get("calendar").is_none()) {
            defaults.calendar = settings.calendar;
        }
        if let Some(settings) = base.filter(|_| body.value.get("first_day_of_week").is_none()) {
            defaults.first_day_of_week = settings.first_day_of_week;
        }
        let shown = base.map(|settings| SettingsView::of_what_is_set(settings.clone(), None));
        let body: SettingsBody = body_over(&body.value, shown, &mut problems);
        let (settings, logo) = body.read(defaults, now, &mut problems);
        let logo = if keeps_logo { LogoRequest::Kept } else { LogoRequest::Is(logo) };
        (SettingsRequest { settings, logo }, problems)
    };
    let settings = use_cases::settings::write(&caller.store, &writing, &said).await;
    let Revised { record, tag } = settings.map_err(|why| refused::record(why, "settings"))?;
    Ok(written(Revised { record: view_of(&caller.store, record).await?, tag }))
}

impl RecordBody for SettingsBody {
    const OBJECT: &'static str = "settings";
    const NAMED_BY: &'static [&'static str] = &[];
}

impl SettingsBody {
    /// The settings, and the picture beside them. What is left out gets its default: a PUT replaces everything.
    fn read(self, defaults: PlatformDefaults, now: Timestamp, problems: &mut Problems) -> (Settings, Option<Logo>) {
        let p = problems;
        let logo = self.logo.text("/logo", p, Logo::parse).value();
        refuse_unknown_of_record::<Self>("", self.unknown, &[], p);
        let business_name =
            self.business_name.required_text("/business_name", p, |name| parse_name(name, Settings::LONGEST_NAME));
        let started = StartBody {
            time_zone: self.time_zone,
            calendar: self.calendar,
            first_day_of_week: self.first_day_of_week,
            fiscal_year_starts: self.fiscal_year_starts,
            default_locale: self.default_locale,
            default_region: self.default_region,
            default_expires_in_days: self.default_expires_in_days,
            max_sms_segments: self.max_sms_segments,
            rial_alone: self.rial_alone,
        };
        let started = started.read(defaults, p);
        let receipt_type = self.default_receipt_type_id.text("/default_receipt_type_id", p, ReceiptTypeId::parse);
        let hosts = self
            .return_url_hosts
            .each("/return_url_hosts", MAX_HOSTS, p, |host, at, p| p.check(at, parse_host(&host)).value());
        let settings = Settings {
            business_name: business_name.unwrap_or_default(),
            // Its name is put here when the picture is written beside the settings.
            logo_hash: None,
            brand_color: self.brand_color.text("/brand_color", p, BrandColor::parse).value(),
            support_phone: self.support_phone.text("/support_phone", p, |text| parse_name(text, 30)).value(),
            support_url: self.support_url.text("/support_url", p, parse_web_address).value(),
            sms_sender_id: self.sms_sender_id.text("/sms_sender_id", p, SmsSenderId::parse).value(),
            sms_routes: read_routes(self.sms_routes, p).value().unwrap_or_default(),
            channel_order: read_order(self.channel_order, p).value().unwrap_or_default(),
            email_sender_name: self.email_sender_name.text("/email_sender_name", p, EmailSenderName::parse).value(),
            email_reply_to: self.email_reply_to.text("/email_reply_to", p, Email::parse).value(),
            default_receipt_type_id: receipt_type.value(),
            books_closed_until: self.books_closed_until.text("/books_closed_until", p, parse_date).value(),
            one_active_link_per_item: is_on(self.one_active_link_per_item, "/one_active_link_per_item", p),
            renew_links_on_request: is_on(self.renew_links_on_request, "/renew_links_on_request", p),
            send_receipts: is_on(self.send_receipts, "/send_receipts", p),
            reminders: read_of_business(self.reminders, p),
            legal_name: self.legal_name.text("/legal_name", p, |text| parse_name(text, 120)).value(),
            legal_id: self.legal_id.text("/legal_id", p, |text| parse_name(text, 60)).value(),
            postal_address: self.postal_address.text("/postal_address", p, |text| parse_text(text, 300)).value(),
            return_url_hosts: hosts.value().unwrap_or_default(),
            ..started.into()
        };
        // Which day it is nobody can say where the zone is none.
        if !p.as_slice().iter().any(|problem| problem.pointer == "/time_zone") {
            p.check("/books_closed_until", settings.check_closed_books(now));
        }
        (settings, logo)
    }
}

/// What is off where it is left out.
fn is_on(given: Given<bool>, pointer: &'static str, problems: &mut Problems) -> bool {
    given.field(pointer, problems).value().unwrap_or(false)
}

/// What a business can start with, as it is given: its settings and the platform's defaults have these in common.
struct StartBody {
    time_zone: Given<String>,
    calendar: Given<String>,
    first_day_of_week: Given<String>,
    fiscal_year_starts: Given<String>,
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
        let calendar = self.calendar.text("/calendar", p, Calendar::parse).value();
        let week_start = self.first_day_of_week.text("/first_day_of_week", p, Weekday::parse).value();
        let fiscal_year = self.fiscal_year_starts.text("/fiscal_year_starts", p, FiscalYearStart::parse).value();
        PlatformDefaults {
            calendar: calendar.or(defaults.calendar),
            first_day_of_week: week_start.or(defaults.first_day_of_week),
            fiscal_year_starts: fiscal_year.unwrap_or(defaults.fiscal_year_starts),
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
            closed_days: defaults.closed_days,
        }
    }
}

/// What businesses start with, and what a PUT of settings takes for what it leaves out. Settings that are there stay. A PUT
/// replaces all of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PlatformDefaultsInput)]
pub(crate) struct PlatformDefaultsBody {
    /// As in the settings of a business. Left out, `UTC`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Given<String>,
    /// As in the settings of a business. Left out, that of the business's `default_locale`.
    #[serde(default)]
    #[schema(value_type = Option<CalendarName>)]
    calendar: Given<String>,
    /// As in the settings of a business. Left out, as is usual with the business's calendar.
    #[serde(default)]
    #[schema(value_type = Option<WeekdayName>)]
    first_day_of_week: Given<String>,
    /// As in the settings of a business. Left out, `01-01`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    fiscal_year_starts: Given<String>,
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
    #[schema(value_type = Option<i64>, format = "days")]
    default_expires_in_days: Given<i64>,
    /// As in the settings of a business. Left out, 6.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "sms-segments")]
    max_sms_segments: Given<i64>,
    /// As in the settings of a business. Left out, not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    rial_alone: Given<bool>,
    /// Days on which no business reminds anybody but those whose `reminders` say `platform_closed: false`, such as holidays of
    /// the country; at most 100 spans. They count for all businesses from when they are written. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ClosedBody>>, max_items = 100)]
    closed_days: GivenList<ClosedBody>,
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
    #[schema(nullable = false)]
    calendar: Option<CalendarName>,
    #[schema(nullable = false)]
    first_day_of_week: Option<WeekdayName>,
    fiscal_year_starts: String,
    default_locale: String,
    default_region: String,
    default_expires_in_days: i64,
    max_sms_segments: i64,
    rial_alone: bool,
    #[schema(nullable = false)]
    closed_days: Option<Vec<ClosedDaysShape>>,
}

impl PlatformDefaultsView {
    fn new(defaults: PlatformDefaults) -> Self {
        Self { object: "platform_defaults", defaults }
    }
}

pub(crate) async fn read_defaults(
    _: MayReadBusinesses,
    State(app): State<App>,
    Conditions(conditions): Conditions,
) -> Result<Response, ApiProblem> {
    let (defaults, revision) = app.store.platform_defaults_to_change().await?;
    shown(Revised::new(PlatformDefaultsView::new(defaults.unwrap_or_default()), &revision), &conditions)
}

pub(crate) async fn write_defaults(
    MayRunBusinesses(caller): MayRunBusinesses,
    State(app): State<App>,
    Writes(writing): Writes,
    body: JsonBody<PlatformDefaultsBody>,
) -> Result<Response, ApiProblem> {
    let said = |base: Option<&PlatformDefaults>| {
        let mut problems = Problems::default();
        let shown = base.cloned().map(PlatformDefaultsView::new);
        let body: PlatformDefaultsBody = body_over(&body.value, shown, &mut problems);
        (body.read(&mut problems), problems)
    };
    let defaults = use_cases::businesses::write_defaults(&app.store, &caller.author, &writing, &said).await;
    let defaults = defaults.map_err(|why| refused::record(why, "defaults"))?;
    Ok(written(defaults.map(PlatformDefaultsView::new)))
}

impl RecordBody for PlatformDefaultsBody {
    const OBJECT: &'static str = "platform_defaults";
    const NAMED_BY: &'static [&'static str] = &[];
}

impl PlatformDefaultsBody {
    fn read(self, problems: &mut Problems) -> PlatformDefaults {
        refuse_unknown_of_record::<Self>("", self.unknown, &[], problems);
        let start = StartBody {
            time_zone: self.time_zone,
            calendar: self.calendar,
            first_day_of_week: self.first_day_of_week,
            fiscal_year_starts: self.fiscal_year_starts,
            default_locale: self.default_locale,
            default_region: self.default_region,
            default_expires_in_days: self.default_expires_in_days,
            max_sms_segments: self.max_sms_segments,
            rial_alone: self.rial_alone,
        };
        let closed_days = read_closed(self.closed_days, "/closed_days", problems).unwrap_or_default();
        ClosedDays::check_all(&closed_days, "/closed_days", problems);
        PlatformDefaults { closed_days, ..start.read(PlatformDefaults::default(), problems) }
    }
}

fn check_days(days: i64) -> Result<i64, Rejection> {
    Expiry::parse_days(days).map(|_| days)
}

/// Reads the channels, each of which has one place in the order.
fn read_order(given: GivenList<String>, problems: &mut Problems) -> Field<Vec<Channel>> {
    let mut order = Vec::new();
    given.each("/channel_order", MAX_ORDER, problems, |name, at, p| {
        let channel = p.check(at, Channel::parse(&name)).value()?;
        if order.contains(&channel) {
            p.refuse(at, "given_twice", "Each channel has one place in the order.");
            return None;
        }
        order.push(channel);
        Some(channel)
    })
}

/// As many names of channels are read, so that one that is given twice is said to be.
const MAX_ORDER: usize = 2 * Channel::ALL.len();

/// The most hosts that a return URL can lead to.
const MAX_HOSTS: usize = 20;

/// The most prefixes that can have an entry of their own.
const MAX_ROUTES: usize = 50;

/// Reads the routes, with each prefix at most once. One bad route refuses all, so that the others keep their positions.
fn read_routes(given: GivenList<SmsRouteBody>, problems: &mut Problems) -> Field<Vec<SmsRoute>> {
    let mut prefixes: Vec<NumberPrefix> = Vec::new();
    given.each("/sms_routes", MAX_ROUTES, problems, |body, at, p| {
        refuse_unknown::<SmsRouteBody>(at, body.unknown, p);
        let prefix_at = format!("{at}/prefix");
        let prefix = body.prefix.required_text(&prefix_at, p, NumberPrefix::parse);
        let carrier = read_carrier(body.provider, body.sns, at, p);
        let (prefix, carrier) = (prefix?, carrier?);
        if prefixes.contains(&prefix) {
            p.refuse(prefix_at, "given_twice", "Each prefix has one entry.");
            return None;
        }
        prefixes.push(prefix.clone());
        Some(SmsRoute { prefix, carrier })
    })
}

/// Reads who takes the numbers of a route: a provider or SNS.
fn read_carrier(
    provider: Given<String>,
    sns: Given<SnsOriginationBody>,
    at: &str,
    p: &mut Problems,
) -> Option<SmsCarrier> {
    let provider = provider.text(format!("{at}/provider"), p, ProviderId::parse);
    let sns = sns
        .read(format!("{at}/sns"), p, |body, at, p| read_origination(body, at, p).map_or(Field::Refused, Field::Value));
    match (provider, sns) {
        (Field::Value(provider), Field::Absent) => Some(SmsCarrier::Provider(provider)),
        (Field::Absent, Field::Value(sns)) => Some(SmsCarrier::Sns(sns)),
        (Field::Absent, Field::Absent) | (Field::Value(_), Field::Value(_)) => {
            p.refuse(at, "exactly_one", "Give provider or sns.");
            None
        }
        (Field::Refused, _) | (_, Field::Refused) => None,
    }
}

fn read_origination(body: SnsOriginationBody, at: &str, p: &mut Problems) -> Option<SnsOrigination> {
    refuse_unknown::<SnsOriginationBody>(at, body.unknown, p);
    let sender_id = body.sender_id.text(format!("{at}/sender_id"), p, SmsSenderId::parse).optional();
    let number =
        body.origination_number.text(format!("{at}/origination_number"), p, OriginationNumber::parse).optional();
    let mut id =
        |given: Given<String>, field: &str| given.text(format!("{at}/{field}"), p, RegistrationId::parse).optional();
    let entity = id(body.entity_id, "entity_id");
    let link_created = id(body.template_id, "template_id");
    let payment_reminder = id(body.payment_reminder_template_id, "payment_reminder_template_id");
    let payment_overdue = id(body.payment_overdue_template_id, "payment_overdue_template_id");
    let payment_received = id(body.payment_received_template_id, "payment_received_template_id");
    let refund_succeeded = id(body.refund_succeeded_template_id, "refund_succeeded_template_id");
    let texts = RegisteredTexts {
        link_created: link_created?,
        payment_reminder: payment_reminder?,
        payment_overdue: payment_overdue?,
        payment_received: payment_received?,
        refund_succeeded: refund_succeeded?,
    };
    match SnsOrigination::new(sender_id?, number?, entity?, texts) {
        Ok(origination) => Some(origination),
        Err(problem) => {
            p.refuse(format!("{at}/{}", problem.field), problem.rejection.code, problem.rejection.detail);
            None
        }
    }
}

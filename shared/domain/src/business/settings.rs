//! What a business sets once: its name, where it is, how it speaks, and what links get when a caller leaves it out.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::address::{Email, Region};
use crate::business::brand::BrandColor;
use crate::business::logo::LogoHash;
use crate::business::periods::{FiscalYearStart, Periods, Weekday};
use crate::business::reminders::{ClosedDays, ReminderSettings};
use crate::calendar::{DayOrInstant, parse_time_zone};
use crate::ids::ReceiptTypeId;
use crate::language::{Calendar, Language};
use crate::locale::Locale;
use crate::messages::channel::Channel;
use crate::messages::sms::SegmentLimit;
use crate::messages::sms_route::{SmsRoute, SmsSenderId};
use crate::problem::Rejection;

/// No run of a function that writes money down lasts longer.
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(2);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How the business is called on pages and in messages.
    pub business_name: String,
    /// Names the picture, which is an item of its own: every function reads the settings, and only pages show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_hash: Option<LogoHash>,
    /// The colour of buttons on pages and in emails. Left out, the product's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand_color: Option<BrandColor>,
    /// Shown on every dead end, so that a customer can ask a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_url: Option<String>,
    /// The sender that an SMS shows, in countries that show a name. Left out, it is the stack's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_sender_id: Option<SmsSenderId>,
    /// Who takes SMS to numbers with certain prefixes, and as whom SNS sends there. SNS takes all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sms_routes: Vec<SmsRoute>,
    /// The channel on which people are notified first, and the channels that follow where it fails for good. Where this
    /// is empty, people are notified on every channel at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channel_order: Vec<Channel>,
    /// The name that an email shows beside its sender's address. Left out, it is the business's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_sender_name: Option<EmailSenderName>,
    /// Where answers to an email go. Left out, they go to its sender, whose mailbox may be nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_reply_to: Option<Email>,
    pub time_zone: TimeZoneName,
    /// By which calendar days are counted in totals. Left out, by that of `default_locale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Left out, as is usual with the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_day_of_week: Option<Weekday>,
    /// A day of the business's own calendar.
    pub fiscal_year_starts: FiscalYearStart,
    pub default_locale: Locale,
    pub default_region: Region,
    pub default_expires_in_days: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_receipt_type_id: Option<ReceiptTypeId>,
    /// A longer SMS is refused when a link is made, because each segment of an SMS is paid for.
    pub max_sms_segments: SegmentLimit,
    /// Whether Persian readers see Rial only, where they otherwise see Toman with the Rial behind it.
    pub rial_alone: bool,
    /// The last day, in the business's time zone, that no receipt written from now on changes the books of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books_closed_until: Option<Date>,
    /// Whether an item has at most one link that can be paid, in each mode.
    pub one_active_link_per_item: bool,
    /// Whether a customer who asks for a new link in the place of one that expired gets it at once.
    pub renew_links_on_request: bool,
    /// Whether those who were told of a link are told of its payments and refunds, where the link does not say so itself.
    pub send_receipts: bool,
    /// When those who were asked to pay are reminded. `None` where nobody is, unless a link says so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminders: Option<ReminderSettings>,
    /// The name under which the business is registered, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    /// What it is registered by, such as a number of a register or for taxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_address: Option<String>,
    /// The hosts that a link's `return_url` may lead to. Anything else would make the pay page an open redirect.
    pub return_url_hosts: Vec<String>,
}

/// What the platform wants its businesses to start with: what a business does not set is as it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlatformDefaults {
    pub time_zone: TimeZoneName,
    /// By which calendar days are counted in totals. Left out, by that of `default_locale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Left out, as is usual with the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_day_of_week: Option<Weekday>,
    /// A day of the business's own calendar.
    pub fiscal_year_starts: FiscalYearStart,
    pub default_locale: Locale,
    pub default_region: Region,
    pub default_expires_in_days: i64,
    pub max_sms_segments: SegmentLimit,
    pub rial_alone: bool,
    /// Days on which businesses remind nobody, such as holidays, unless they go by their own alone. Businesses do not start with
    /// these: they count for all, and from when they are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub closed_days: Vec<ClosedDays>,
}

impl Default for PlatformDefaults {
    fn default() -> Self {
        Self {
            time_zone: TimeZoneName("UTC".to_owned()),
            calendar: None,
            first_day_of_week: None,
            fiscal_year_starts: FiscalYearStart::default(),
            default_locale: Locale::parse("en").unwrap_or_else(|_| unreachable!("en is a language tag")),
            default_region: Region::united_states(),
            default_expires_in_days: 7,
            max_sms_segments: SegmentLimit::default(),
            rial_alone: false,
            closed_days: Vec::new(),
        }
    }
}

/// An IANA time zone that is known to exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(String);

impl TimeZoneName {
    pub fn parse(name: &str) -> Result<Self, Rejection> {
        parse_time_zone(name).map(|_| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = Rejection;
    fn try_from(name: String) -> Result<Self, Rejection> {
        Self::parse(&name)
    }
}

impl From<TimeZoneName> for String {
    fn from(name: TimeZoneName) -> String {
        name.0
    }
}

/// A name before an email address. It travels as one encoded word of RFC 2047, which has room for 45 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailSenderName(String);

impl EmailSenderName {
    pub const LONGEST: usize = 45;

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let name = crate::text::parse_name(text, Self::LONGEST)?;
        if name.len() > Self::LONGEST {
            let detail = format!("The name has {} bytes in UTF-8, at most {} are allowed.", name.len(), Self::LONGEST);
            return Err(Rejection::new("too_long", detail));
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The sender that an email shows. Whom an SMS comes from, its route says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender<'a> {
    pub email_name: &'a str,
    /// Where answers to an email go, where that is not its sender.
    pub email_reply_to: Option<&'a str>,
}

impl Settings {
    /// The periods that the business counts by; in another calendar where one was asked for. A fiscal year is a day of the business's own
    /// calendar, so that in another one a year is that one's own.
    pub fn periods(&self, asked: Option<Calendar>) -> Periods {
        let own = self.calendar.unwrap_or_else(|| {
            Language::of(self.default_locale.as_str()).map_or(Calendar::Gregorian, Language::calendar)
        });
        let calendar = asked.unwrap_or(own);
        let week_start = self.first_day_of_week.unwrap_or(match own {
            Calendar::Gregorian => Weekday::Monday,
            Calendar::Persian => Weekday::Saturday,
        });
        let is_own = calendar == own;
        let fiscal_year_start = if is_own { self.fiscal_year_starts } else { FiscalYearStart::default() };
        Periods { calendar, week_start, fiscal_year_start }
    }

    /// The longest name that pages and messages show.
    pub const LONGEST_NAME: usize = 60;

    /// What a business starts with whom the platform calls so.
    pub fn starting(name: &str, defaults: PlatformDefaults) -> Self {
        Self { business_name: name.chars().take(Self::LONGEST_NAME).collect(), ..defaults.into() }
    }

    pub fn sender(&self) -> Sender<'_> {
        Sender {
            email_name: self.email_sender_name.as_ref().map_or(&self.business_name, |name| &name.0),
            email_reply_to: self.email_reply_to.as_ref().map(Email::as_str),
        }
    }

    /// The settings with days on which the platform closes, where the business goes by those too.
    pub fn closing_on(&self, days: &[ClosedDays]) -> Cow<'_, Self> {
        let reminders = ReminderSettings::of(self);
        if days.is_empty() || !reminders.platform_closed {
            return Cow::Borrowed(self);
        }
        let closed = [reminders.closed.as_slice(), days].concat();
        let reminders = Some(ReminderSettings { closed, ..reminders.clone() });
        Cow::Owned(Self { reminders, ..self.clone() })
    }

    pub fn zone(&self) -> TimeZone {
        parse_time_zone(self.time_zone.as_str()).unwrap_or(TimeZone::UTC)
    }

    /// The first instant that books are open for, where they are closed before it.
    pub fn books_open_from(&self) -> Option<Timestamp> {
        DayOrInstant::Day(self.books_closed_until?).end(&self.zone())
    }

    /// Refuses to close a day that has not ended: money would go on to come on it. So it would where it has just ended, because
    /// whoever writes money down goes by the instant at which that run began.
    pub fn check_closed_books(&self, now: Timestamp) -> Result<(), Rejection> {
        let today = self.zone().to_datetime(now).date();
        let open_day = self.zone().to_datetime(now.checked_sub(LONGEST_RUN).unwrap_or(now)).date();
        if self.books_closed_until.is_none_or(|day| day < open_day) {
            return Ok(());
        }
        let detail = format!(
            "Books can be closed up to a day that has been over for two minutes. In {} it is {today}.",
            self.time_zone.0
        );
        Err(Rejection::new("day_not_over", detail))
    }

    /// By what instants and amounts are written for the business's own people: an answer that shows some is another one
    /// where this is another.
    pub fn manner(&self) -> impl Serialize + use<> {
        (self.time_zone.clone(), self.default_locale.clone(), self.rial_alone)
    }

    /// Refuses a `return_url` that leads to a host the business did not allow.
    pub fn check_return_url(&self, address: &str) -> Result<String, Rejection> {
        let address = crate::text::parse_web_address(address)?;
        let host = url::Url::parse(&address).ok().and_then(|url| url.host_str().map(str::to_owned));
        // A host that was kept in the letters of another script is the same in those of DNS.
        let is_allowed = |host: String| {
            let allowed = self.return_url_hosts.iter().map(|allowed| crate::text::parse_host(allowed));
            allowed.flatten().any(|allowed| allowed == host)
        };
        if host.is_some_and(is_allowed) {
            Ok(address)
        } else {
            Err(Rejection::new("return_url_not_allowed", "The settings do not list this host under return_url_hosts."))
        }
    }
}

impl From<PlatformDefaults> for Settings {
    fn from(defaults: PlatformDefaults) -> Self {
        Self {
            business_name: "Paylink".to_owned(),
            logo_hash: None,
            brand_color: None,
            support_phone: None,
            support_url: None,
            sms_sender_id: None,
            sms_routes: Vec::new(),
            channel_order: Vec::new(),
            email_sender_name: None,
            email_reply_to: None,
            time_zone: defaults.time_zone,
            calendar: defaults.calendar,
            first_day_of_week: defaults.first_day_of_week,
            fiscal_year_starts: defaults.fiscal_year_starts,
            default_locale: defaults.default_locale,
            default_region: defaults.default_region,
            default_expires_in_days: defaults.default_expires_in_days,
            default_receipt_type_id: None,
            max_sms_segments: defaults.max_sms_segments,
            rial_alone: defaults.rial_alone,
            books_closed_until: None,
            one_active_link_per_item: false,
            renew_links_on_request: false,
            send_receipts: false,
            reminders: None,
            legal_name: None,
            legal_id: None,
            postal_address: None,
            return_url_hosts: Vec::new(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        PlatformDefaults::default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_names_are_what_operators_and_mail_programs_show() {
        for good in ["MyShop24", "MY-SHOP", "A-1", "ELEVENCHARS"] {
            assert_eq!(SmsSenderId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "AB", "12345", "1-2-3", "MY SHOP", "MY_SHOP", "-SHOP", "SHOP-", "TWELVECHARSX", "فروشگاه"]
        {
            assert_eq!(SmsSenderId::parse(bad).unwrap_err().code, "invalid_sender_id", "{bad}");
        }
        assert_eq!(EmailSenderName::parse(" فروشگاه نمونه ").unwrap().as_str(), "فروشگاه نمونه");
        assert_eq!(EmailSenderName::parse(&"ش".repeat(23)).unwrap_err().code, "too_long");
        assert_eq!(EmailSenderName::parse("a\nb").unwrap_err().code, "line_break");
        let mut settings = Settings { business_name: "Business".to_owned(), ..Settings::default() };
        assert_eq!(settings.sender(), Sender { email_name: "Business", email_reply_to: None });
        settings.email_sender_name = EmailSenderName::parse("Accounts").ok();
        settings.email_reply_to = Email::parse("ask@business.example").ok();
        let email_reply_to = Some("ask@business.example");
        assert_eq!(settings.sender(), Sender { email_name: "Accounts", email_reply_to });
    }

    #[test]
    fn books_are_open_from_the_first_instant_after_the_closed_day_in_the_zone_of_the_business() {
        let closed = |zone: &str, day: &str| Settings {
            time_zone: TimeZoneName::parse(zone).unwrap(),
            books_closed_until: Some(day.parse().unwrap()),
            ..Settings::default()
        };
        for (zone, day, open_from) in [
            ("UTC", "2026-10-31", "2026-11-01T00:00:00Z"),
            ("Asia/Tehran", "2026-10-31", "2026-11-01T00:00:00+03:30"),
            // The clock changes on the last closed day, and a day that begins at one o'clock because there is no midnight.
            ("Europe/Berlin", "2026-10-25", "2026-10-26T00:00:00+01:00"),
            ("Asia/Beirut", "2026-03-28", "2026-03-29T01:00:00+03:00"),
        ] {
            assert_eq!(closed(zone, day).books_open_from(), Some(open_from.parse().unwrap()), "{zone} {day}");
        }
        assert_eq!(Settings::default().books_open_from(), None);
    }

    #[test]
    fn only_a_day_that_has_ended_where_the_business_is_can_be_closed() {
        let at: Timestamp = "2026-11-01T20:00:00Z".parse().unwrap();
        let may_close = |zone: &str, day: &str| {
            let books_closed_until = Some(day.parse().unwrap());
            let settings =
                Settings { time_zone: TimeZoneName::parse(zone).unwrap(), books_closed_until, ..Settings::default() };
            settings.check_closed_books(at).map_err(|problem| problem.code)
        };
        assert_eq!(may_close("UTC", "2026-10-31"), Ok(()));
        assert_eq!(may_close("UTC", "2026-11-01"), Err("day_not_over"));
        // It is the second of November in Auckland, and in Tehran the first until half past eight.
        assert_eq!(may_close("Pacific/Auckland", "2026-11-01"), Ok(()));
        assert_eq!(may_close("Asia/Tehran", "2026-11-01"), Err("day_not_over"));
        assert_eq!(may_close("UTC", "2027-10-31"), Err("day_not_over"));
        assert_eq!(Settings::default().check_closed_books(at), Ok(()));
    }

    #[test]
    fn a_day_can_be_closed_once_everything_that_began_on_it_is_written_down() {
        let books_closed_until = Some("2026-10-31".parse().unwrap());
        let settings = Settings { books_closed_until, ..Settings::default() };
        let may_close = |at: &str| settings.check_closed_books(at.parse().unwrap()).map_err(|problem| problem.code);
        assert_eq!(may_close("2026-11-01T00:00:30Z"), Err("day_not_over"));
        assert_eq!(may_close("2026-11-01T00:02:00Z"), Ok(()));
    }

    #[test]
    fn a_return_url_may_only_lead_to_hosts_the_business_allowed() {
        let settings = Settings { return_url_hosts: vec!["crm.example".to_owned()], ..Settings::default() };
        assert!(settings.check_return_url("https://crm.example/back").is_ok());
        for elsewhere in
            ["https://evil.example/", "https://crm.example.evil.example/", "https://evil.example/?crm.example"]
        {
            assert_eq!(settings.check_return_url(elsewhere).unwrap_err().code, "return_url_not_allowed");
        }
    }

    #[test]
    fn a_return_url_is_kept_as_the_browser_reads_it_whose_host_was_checked() {
        let hosts = ["crm.example".to_owned(), "münchen.example".to_owned(), "xn--kln-sna.example".to_owned()];
        let settings = Settings { return_url_hosts: hosts.into(), ..Settings::default() };
        for (typed, kept) in [
            ("https:crm.example/back", "https://crm.example/back"),
            ("https://crm.example\\@evil.example/", "https://crm.example/@evil.example/"),
            ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
            ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example/"),
            ("https://KÖLN.example/", "https://xn--kln-sna.example/"),
        ] {
            assert_eq!(settings.check_return_url(typed).unwrap(), kept, "{typed}");
        }
        let refused = settings.check_return_url("https:evil.example\\@crm.example/").unwrap_err();
        assert_eq!(refused.code, "return_url_not_allowed");
    }

    #[test]
    fn a_business_closes_on_the_days_of_the_platform_unless_it_goes_by_its_own_alone() {
        let day = |text| ClosedDays::parse_date(text).unwrap();
        let (own, shared) = (day("2026-12-25"), day("1406-01-01"));
        let days = |date| ClosedDays { from: date, to: date };
        let silent = Settings::default();
        let closed = silent.closing_on(&[days(shared)]).into_owned();
        assert_eq!(closed.reminders.unwrap().closed, [days(shared)]);
        let settings = |platform_closed| Settings {
            reminders: Some(ReminderSettings {
                closed: vec![days(own)],
                platform_closed,
                ..ReminderSettings::default()
            }),
            ..Settings::default()
        };
        let both = settings(true).closing_on(&[days(shared)]).into_owned();
        assert_eq!(both.reminders.unwrap().closed, [days(own), days(shared)]);
        assert_eq!(settings(false).closing_on(&[days(shared)]).into_owned(), settings(false));
    }
}

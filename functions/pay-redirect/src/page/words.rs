//! The texts of a page: their language, and the business, the gateway and the amounts that they mention.

use domain::Timestamp;
use domain::business::settings::Settings;
use domain::calendar::{display_clock, display_end, display_instant};
use domain::gateway::Profile;
use domain::link::PaymentLink;
use domain::locale::Language;
use domain::money::Money;
use url::Url;

use super::Sight;
use super::told;

pub(crate) struct Words<'a> {
    sight: &'a Sight<'a>,
    amount: String,
    /// The same in one unit.
    short_amount: String,
    gateway: &'static str,
    /// The host of the page that the customer is sent to.
    host: String,
    /// What was paid so far, and all that was asked for.
    paid: String,
    whole: String,
    /// Why a payment was not accepted, as a part of a sentence.
    reason: String,
    /// What went back of the payment. It is empty where there is none.
    refunded: String,
    /// Behind a time where its reader may be elsewhere.
    zone: String,
}

impl<'a> Words<'a> {
    pub(super) fn new(sight: &'a Sight<'a>, link: Option<&PaymentLink>) -> Self {
        let Sight { language, configuration, .. } = *sight;
        let settings = &configuration.settings;
        let display = |money: Money| money.display(language, settings.rial_alone);
        let amount = link.map(told::amount);
        let refunded = link.map(|link| link.terms().amount.with(link.refunded()));
        let short_amount = amount.map(|amount| amount.display_apart(language, settings.rial_alone).0);
        let zone = link.and_then(|link| link.zone_behind(settings, language));
        Self {
            sight,
            amount: amount.map(display).unwrap_or_default(),
            short_amount: short_amount.unwrap_or_default(),
            gateway: link.map(|link| told::gateway(link).name_in(language)).unwrap_or_default(),
            host: link.map(|link| host(link, sight)).unwrap_or_default(),
            reason: link.map(|link| language.say(told::reason_to_return(link, sight), &[])).unwrap_or_default(),
            paid: link.map(|link| display(link.amount_paid())).unwrap_or_default(),
            whole: link.map(|link| display(link.terms().amount)).unwrap_or_default(),
            refunded: refunded.map(display).unwrap_or_default(),
            zone: zone.map(|zone| format!(" ({zone})")).unwrap_or_default(),
        }
    }

    pub(crate) fn language(&self) -> Language {
        self.sight.language
    }

    pub(crate) fn settings(&self) -> &'a Settings {
        &self.sight.configuration.settings
    }

    /// The host of the page that the customer is sent to.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn money(&self, money: Money) -> String {
        money.display(self.language(), self.settings().rial_alone)
    }

    pub(super) fn instant(&self, at: Timestamp) -> String {
        format!("{}{}", display_instant(at, &self.settings().zone(), self.language()), self.zone)
    }

    /// The amount in one unit, and in Rial where that unit is another.
    pub(super) fn apart(&self, money: Money) -> (String, Option<String>) {
        money.display_apart(self.language(), self.settings().rial_alone)
    }

    /// A deadline: a day, and an hour only where it is not the end of it. A day needs no zone.
    pub(super) fn deadline(&self, end: Timestamp) -> String {
        let (zone, language) = (self.settings().zone(), self.language());
        let shown = display_end(end, &zone, language);
        let has_hour = shown == display_instant(end, &zone, language);
        if has_hour { format!("{shown}{}", self.zone) } else { shown }
    }

    /// When somebody last looked, which is now.
    pub(super) fn checked(&self) -> String {
        let time = display_clock(self.sight.now, &self.settings().zone(), self.language());
        self.language().say("checked", &[("time", &time)])
    }

    /// A text without markup or invisible characters, for places such as a title.
    pub(super) fn plain(&self, key: &str) -> String {
        self.filled_in(key, &[], str::to_owned)
    }

    /// A text of the page. The values that it mentions are isolated, so that each is written in its own direction.
    pub(crate) fn say(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The same with values of its own, which count before those of every text.
    pub(crate) fn with(&self, key: &str, own: &[(&str, &str)]) -> String {
        self.filled_in(key, own, |text| format!("\u{2068}{text}\u{2069}"))
    }

    fn filled_in(&self, key: &str, own: &[(&str, &str)], value: impl Fn(&str) -> String) -> String {
        let general = [
            ("business", self.settings().business_name.as_str()),
            ("amount", &self.amount),
            ("short_amount", &self.short_amount),
            ("gateway", self.gateway),
            ("host", &self.host),
            ("paid", &self.paid),
            ("whole", &self.whole),
            ("refunded", &self.refunded),
        ];
        let is_own = |name: &str| own.iter().any(|(known, _)| *known == name);
        let all = own.iter().copied().chain(general.into_iter().filter(|(name, _)| !is_own(name)));
        let values: Vec<(&str, String)> = all.map(|(name, text)| (name, value(text))).collect();
        let mut mentions: Vec<(&str, &str)> = values.iter().map(|(name, text)| (*name, text.as_str())).collect();
        // It is a part of the sentence and not a value in it.
        mentions.push(("reason", &self.reason));
        self.language().say(key, &mentions)
    }

    /// The key of a text that depends on the gateway: its own where it has one, else that of its network.
    pub(super) fn of_gateway(&self, stem: &str, link: &PaymentLink) -> String {
        let Profile { id, network, .. } = told::gateway(link);
        let own = format!("{stem}-{id}");
        if self.language().has(&own) { own } else { format!("{stem}-{}", network.key()) }
    }
}

/// The host of the page that the customer is sent to: that of the open session, else the gateway's usual one.
fn host(link: &PaymentLink, sight: &Sight<'_>) -> String {
    let terms = link.terms();
    let of_session = told::open_page(link, sight.now).and_then(|at| {
        let url = Url::parse(&at).ok()?;
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    });
    of_session.unwrap_or_else(|| sight.pay_hosts.of(terms.account.gateway, terms.mode).to_owned())
}

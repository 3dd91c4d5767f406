//! The receipt that a payer holds, in words: what was paid to whom for what, what went back of it, and how anybody can check that
//! it is genuine. The page and the PDF show the same sheet, so that they never say different things.

use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use jiff::Timestamp;

use super::attempt::{Attempt, AttemptState};
use super::payment_link::PaymentLink;
use super::recorded::ReceivedBy;
use super::refund::{Refund, RefundState};
use crate::business::settings::Settings;
use crate::calendar::{display_instant, display_zone};
use crate::gateway::{Mode, Network};
use crate::ids::ReceiptCode;
use crate::language::Language;
use crate::money::Money;

/// Who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetReader {
    /// Whoever has the receipt itself.
    Holder,
    /// Anybody who has its code and wants to know whether it is genuine. They read no name but that of the business.
    Anybody,
}

/// What a receipt is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetStanding {
    Valid,
    /// The payment was written down by mistake, and that was withdrawn.
    Void,
    /// The link could not keep the money, and it went back.
    Returned,
}

/// One thing that a receipt says: of what, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetFact {
    pub name: String,
    pub value: String,
    /// Whether it is written from left to right in every language, such as a number of a gateway.
    pub is_ltr: bool,
}

/// A receipt in the words of one language, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptSheet {
    pub standing: SheetStanding,
    pub title: String,
    /// Whom it was paid to, as customers know them.
    pub business: String,
    /// That nothing of it is real, on a receipt of a sandbox.
    pub test_mark: Option<String>,
    pub amount: String,
    /// The same in Rial, where people count in another unit.
    pub in_rial: Option<String>,
    /// Since when it is void.
    pub void: Option<String>,
    pub facts: Vec<SheetFact>,
    pub refunds_title: String,
    /// What went back, when, and what is left of it; nothing where none did.
    pub refunds: Vec<SheetFact>,
    pub no_tax: String,
    /// Where anybody can check that it is genuine.
    pub check: String,
    pub code: ReceiptCode,
    /// Where its page is.
    pub address: String,
    /// When the sheet was made, for a copy that does not change with the receipt.
    pub made: String,
    /// Whom to ask, and where, for a copy that stands alone.
    pub support: Option<(String, Vec<String>)>,
}

/// The scripts that the fonts of the PDF have letters of, and what letters of every script have in common.
const DRAWN: [Script; 7] = [
    Script::Arabic,
    Script::Common,
    Script::Cyrillic,
    Script::Devanagari,
    Script::Greek,
    Script::Inherited,
    Script::Latin,
];

impl ReceiptSheet {
    /// Everything that it says, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let told = self.facts.iter().chain(&self.refunds);
        let first = [&self.title, &self.business, &self.amount];
        let first = first.into_iter().chain(&self.test_mark).chain(&self.in_rial).chain(&self.void);
        let facts = told.flat_map(|fact| [&fact.name, &fact.value]);
        let last = [&self.refunds_title, &self.no_tax, &self.check, &self.address, &self.made];
        let support = self.support.iter().flat_map(|(ask, contacts)| std::iter::once(ask).chain(contacts));
        first.chain(facts).chain(last).chain(support).map(String::as_str)
    }

    /// Whether it can be drawn as a PDF, whose fonts do not have the letters of every script. A browser prints what it shows in
    /// whatever script.
    pub fn can_be_drawn(&self) -> bool {
        let script = CodePointMapData::<Script>::new();
        self.texts().flat_map(str::chars).all(|letter| DRAWN.contains(&script.get(letter)))
    }
}

impl PaymentLink {
    /// The receipt of a payment. Of an attempt in which nobody paid it says the amount that was asked for, and is not shown.
    pub fn receipt_sheet(
        &self,
        attempt: &Attempt,
        settings: &Settings,
        language: Language,
        reader: SheetReader,
        now: Timestamp,
    ) -> ReceiptSheet {
        let words = SheetWords { link: self, settings, language, zone: self.zone_behind(settings, language) };
        let amount = attempt.received();
        let (shown, in_rial) = amount.display_apart(language, settings.rial_alone);
        let standing = match (&attempt.voided, attempt.is_kept()) {
            (Some(_), _) => SheetStanding::Void,
            (None, true) => SheetStanding::Valid,
            (None, false) => SheetStanding::Returned,
        };
        let title = match standing {
            SheetStanding::Valid => "receipt-title",
            SheetStanding::Void => "receipt-void-title",
            SheetStanding::Returned => "receipt-returned-title",
        };
        let void = attempt.voided.as_ref().map(|voided| words.dated("receipt-void-text", voided.at));
        let host = self.base().split_once("://").map_or(self.base(), |(_, host)| host);
        ReceiptSheet {
            standing,
            title: words.say(title),
            business: settings.business_name.clone(),
            test_mark: (self.terms().mode == Mode::Sandbox).then(|| words.say("test-mark")),
            amount: shown,
            in_rial,
            void,
            facts: words.facts(attempt, amount, reader),
            refunds_title: words.say("receipt-refunds"),
            refunds: words.refunds(attempt, amount),
            no_tax: words.say("receipt-no-tax"),
            check: words.with("receipt-check", "address", &format!("{host}/r/check")),
            code: self.receipt_code(attempt),
            address: self.receipt_url(attempt),
            made: words.dated("receipt-made", now),
            support: words.support(),
        }
    }

    /// The time zone in words, behind a time whose reader may be elsewhere: a customer who pays from abroad, or reads another
    /// language than the business.
    pub fn zone_behind(&self, settings: &Settings, language: Language) -> Option<String> {
        let is_iranian = self.terms().account.gateway.profile().network == Network::Shaparak;
        let is_local = is_iranian && language == settings.default_locale.language();
        (!is_local).then(|| display_zone(settings.time_zone.as_str(), language))
    }
}

impl Attempt {
    /// What was paid in it, or what was asked for where nobody is known to have paid.
    fn received(&self) -> Money {
        self.state.confirmed_payment().map_or(self.money, |payment| payment.money)
    }

    /// When the money was paid, by whoever took it, else when we knew.
    fn received_at(&self) -> Option<Timestamp> {
        let kept_at = if let AttemptState::Paid { at, .. } = &self.state { Some(*at) } else { None };
        let by_gateway = self.state.confirmed_payment().and_then(|payment| payment.gateway_paid_at);
        self.recorded.as_ref().map(|recorded| recorded.received_at).or(by_gateway).or(kept_at)
    }
}

/// What the words of a receipt depend on.
struct SheetWords<'a> {
    link: &'a PaymentLink,
    settings: &'a Settings,
    language: Language,
    zone: Option<String>,
}

impl SheetWords<'_> {
    fn say(&self, key: &str) -> String {
        self.language.say(key, &[])
    }

    /// A text with something that it mentions, which is isolated, so that it is written in its own direction.
    fn with(&self, key: &str, name: &str, value: &str) -> String {
        self.language.say(key, &[(name, &format!("\u{2068}{value}\u{2069}"))])
    }

    fn dated(&self, key: &str, at: Timestamp) -> String {
        self.with(key, "date", &self.instant(at))
    }

    fn instant(&self, at: Timestamp) -> String {
        let zone = self.zone.as_ref().map(|zone| format!(" ({zone})")).unwrap_or_default();
        format!("{}{zone}", display_instant(at, &self.settings.zone(), self.language))
    }

    fn support(&self) -> Option<(String, Vec<String>)> {
        let contacts = [&self.settings.support_phone, &self.settings.support_url];
        let contacts: Vec<String> = contacts.into_iter().flatten().map(ToString::to_string).collect();
        let ask = || self.with("support", "business", &self.settings.business_name);
        (!contacts.is_empty()).then(|| (ask(), contacts))
    }

    fn money(&self, money: Money) -> String {
        money.display(self.language, self.settings.rial_alone)
    }

    fn fact(&self, key: &str, value: impl Into<String>) -> SheetFact {
        SheetFact { name: self.say(key), value: value.into(), is_ltr: false }
    }

    fn ltr(&self, key: &str, value: &str) -> SheetFact {
        SheetFact { is_ltr: true, ..self.fact(key, value) }
    }

    fn facts(&self, attempt: &Attempt, amount: Money, reader: SheetReader) -> Vec<SheetFact> {
        let Self { link, settings, .. } = self;
        let paid_to = settings.legal_name.as_deref().unwrap_or(&settings.business_name);
        let paid_on = attempt.received_at().map(|at| self.fact("paid-on", self.instant(at)));
        let number = link.receipt_id_of(attempt).map_or_else(|| attempt.id.to_string(), |id| id.to_string());
        let number = self.ltr("receipt-number", &number);
        if reader == SheetReader::Anybody {
            let amount = self.fact("amount-for", self.money(amount));
            return [Some(self.fact("paid-to", paid_to)), Some(amount), paid_on, Some(number)]
                .into_iter()
                .flatten()
                .collect();
        }
        let terms = link.terms();
        let payment = attempt.state.confirmed_payment();
        let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let card = payment.and_then(|payment| payment.masked_card.as_deref());
        let reference = payment.and_then(|payment| named(&payment.reference));
        [
            Some(self.fact("paid-to", paid_to)),
            settings.legal_id.as_ref().map(|id| self.fact("legal-id", id)),
            settings.postal_address.as_ref().map(|address| self.fact("postal-address", address)),
            // Nobody where the contact was forgotten.
            named(&terms.contact.name).map(|name| self.fact("paid-by", name)),
            terms.item.as_ref().map(|item| self.fact("receipt-item", &item.title)),
            terms.description.as_ref().map(|purpose| self.fact("purpose", purpose)),
            paid_on,
            Some(self.fact("paid-through", self.method(attempt))),
            card.map(|card| self.ltr("card", card)),
            reference.map(|reference| self.ltr("reference", &reference)),
            Some(number),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// By which means the money came: through the gateway, by its name, or otherwise.
    fn method(&self, attempt: &Attempt) -> String {
        match attempt.recorded.as_ref().map(|recorded| recorded.by) {
            None => attempt.gateway.profile().name_in(self.language).to_owned(),
            Some(by) => self.say(key_of(by)),
        }
    }

    fn refunds(&self, attempt: &Attempt, amount: Money) -> Vec<SheetFact> {
        let mut told: Vec<SheetFact> =
            attempt.refunds.iter().filter_map(|refund| self.refund(refund, amount)).collect();
        if attempt.is_kept() && !told.is_empty() {
            let left = amount.minor_units().saturating_sub(attempt.refunded()).max(0);
            told.push(self.fact("receipt-left", self.money(amount.with(left))));
        }
        told
    }

    /// What went back, or is on its way. Of what did not go, or needs a person, a receipt says nothing.
    fn refund(&self, refund: &Refund, amount: Money) -> Option<SheetFact> {
        let value = self.money(amount.with(refund.amount));
        let name = match refund.state {
            RefundState::Succeeded { at } => self.dated("refunded-on", at),
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. } => self.say("refund-under-way"),
            RefundState::Voiding { .. } | RefundState::Failed { .. } | RefundState::NeedsReview { .. } => return None,
        };
        Some(SheetFact { name, value, is_ltr: false })
    }
}

/// The key of the name of a way in which money comes without a gateway.
fn key_of(by: ReceivedBy) -> &'static str {
    match by {
        ReceivedBy::Cash => "method-cash",
        ReceivedBy::Pos => "method-pos",
        ReceivedBy::CardToCard => "method-card-to-card",
        ReceivedBy::BankTransfer => "method-bank-transfer",
        ReceivedBy::Cheque => "method-cheque",
        ReceivedBy::Other => "method-other",
    }
}

//! The pages a customer can meet: one layout, one card, what happened in words. Which page is for this file to say; those
//! before the gateway are in `paying`, all others in `after`, and what they tell of a link in `told`.

mod after;
mod choosing;
mod document;
mod facts;
mod paying;
mod qr;
mod receipt;
mod told;
mod words;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use domain::business::logo::Logo;
use domain::link::{Checkout, LinkStatus, NextPayment, PaymentLink, RecipientMark, Visit};
use domain::locale::Language;
use gateways::PayHosts;
use store::Configuration;
use web::customer::guard;

use crate::choice::WishRefused;
use crate::leads_on;

pub(crate) use receipt::{check_page, receipt_page};
pub(crate) use words::Words;

pub(crate) use told::{is_said_to_be_paid, may_ask_again, may_say_paid, takes_payments};

/// For whom and when a page is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    pub(crate) language: Language,
    pub(crate) configuration: &'a Configuration,
    pub(crate) pay_hosts: &'a PayHosts,
    pub(crate) now: Timestamp,
    /// Whether nothing is left to pay of what the link is for.
    pub(crate) is_item_paid: bool,
}

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// What is to be paid, and a button that leads to the gateway. It is also what apps show of a link, and what they
    /// get who only look at it.
    Summary,
    /// The page that posts a gateway's form by itself.
    Going,
    /// For the customer who has just paid.
    Paid,
    /// For a customer who opens a link that was paid before.
    AlreadyPaid,
    /// All of the payment went back since.
    Refunded,
    /// A part of the payment went back since.
    PartlyRefunded,
    /// For the customer who has just paid a part of a link that can still be paid.
    PartPaid,
    /// What the link is for was paid otherwise, so that nobody should pay it here.
    PaidElsewhere,
    Confirming,
    Failed,
    Unfinished,
    /// The same where the gateway was not asked, so that nobody knows.
    Unheard,
    MoneyGoesBack,
    Review,
    /// The customer says to have paid already, and the business was told.
    SaidPaid,
    Expired,
    Cancelled,
    /// A person had noted its payment and withdrew that: nobody paid, and nobody can pay any more.
    Closed,
    Unknown,
    TooMany,
    /// The business wants nobody to pay this link for the moment.
    OnHold,
    /// The business takes no payments at the moment, so that nobody is sent to the gateway.
    Suspended,
    /// No session could be opened at the gateway, so nobody can have paid in it.
    Trouble,
    /// The link itself cannot be read, so nothing can be said about it.
    Down,
}

/// How a page looks: a stroke of colour for the eye, never the only sign.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Waiting,
    Bad,
    Quiet,
}

impl Page {
    /// What became of a link, for somebody who comes back from the gateway.
    pub(crate) fn of(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Self {
        let status = link.status_at(now);
        if matches!(status, LinkStatus::Paid { .. }) && !told::is_void(link) {
            return Self::of_payment(link);
        }
        if told::being_confirmed(link).is_some() || link.visit(now) == Visit::Confirming {
            return Self::Confirming;
        }
        if link.needs_review() {
            return Self::Review;
        }
        // While a link can be paid only its last attempt counts; once it ended, no money may be forgotten.
        let is_active = status == LinkStatus::Active;
        let first = if is_active { link.attempts().len().saturating_sub(1) } else { 0 };
        if link.attempts().iter().skip(first).any(|attempt| told::goes_back(&attempt.state)) {
            return Self::MoneyGoesBack;
        }
        match status {
            LinkStatus::Expired { .. } => Self::Expired,
            LinkStatus::Cancelled { .. } if link.ended_as_item_paid() => Self::PaidElsewhere,
            // Whoever opens a link that was replaced is led to the newest, unless that is nowhere to be found.
            LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. } => Self::Cancelled,
            LinkStatus::Paid { .. } => Self::Closed,
            LinkStatus::Active if told::was_just_paid_a_part(link) => Self::PartPaid,
            LinkStatus::Active if told::failure(link).is_some() => Self::Failed,
            LinkStatus::Active if told::is_held_up(link, configuration, now) => Self::Suspended,
            LinkStatus::Active if link.visit(now) == Visit::OnHold => Self::OnHold,
            LinkStatus::Active => Self::Unfinished,
        }
    }

    /// What became of the payment of a link. What is on its way back has not gone back.
    fn of_payment(link: &PaymentLink) -> Self {
        match told::kept_payment(link) {
            Some(_) if link.refunded() >= told::paid_in_all(link).minor_units() => Self::Refunded,
            Some(_) if link.refunded() > 0 => Self::PartlyRefunded,
            Some(_) | None => Self::Paid,
        }
    }

    /// What became of a link as far as it says itself, for whoever only looks: its gateway is not asked for them.
    pub(crate) fn of_unasked(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Self {
        let page = Self::of(link, configuration, now);
        if page == Self::Unfinished && told::has_open(link) { Self::Unheard } else { page }
    }

    /// Whether the page says what becomes of money that no payment of the link is.
    pub(crate) fn tells_of_money(self) -> bool {
        matches!(self, Self::Confirming | Self::Review | Self::MoneyGoesBack)
    }

    /// Whether the page says of an open session what only its gateway knows.
    pub(crate) fn depends_on_the_gateway(self, link: &PaymentLink) -> bool {
        matches!(self, Self::Unfinished | Self::Suspended | Self::OnHold)
            || (self == Self::Confirming && told::being_confirmed(link).is_none())
    }

    /// What became of a link, for a customer who opens it again and need not be the one who paid.
    pub(crate) fn of_reopened(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Self {
        let page = Self::of(link, configuration, now);
        if page == Self::Paid { Self::AlreadyPaid } else { page }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Expired | Self::Cancelled | Self::Closed => StatusCode::GONE,
            Self::Suspended => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Trouble | Self::Down => StatusCode::SERVICE_UNAVAILABLE,
            Self::Summary
            | Self::Going
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::PartPaid
            | Self::PaidElsewhere
            | Self::Confirming
            | Self::Failed
            | Self::Unfinished
            | Self::Unheard
            | Self::MoneyGoesBack
            | Self::Review
            | Self::SaidPaid
            | Self::OnHold => StatusCode::OK,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Going => "going",
            Self::Paid => "paid",
            Self::AlreadyPaid => "already-paid",
            Self::Refunded => "refunded",
            Self::PartlyRefunded => "partly-refunded",
            Self::PartPaid => "part-paid",
            Self::PaidElsewhere => "paid-elsewhere",
            Self::Confirming => "confirming",
            Self::Failed => "failed",
            Self::Unfinished | Self::Unheard => "unfinished",
            Self::MoneyGoesBack => "back",
            Self::Review => "review",
            Self::SaidPaid => "said-paid",
            Self::OnHold => "on-hold",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
            Self::TooMany => "too-many",
            Self::Suspended => "suspended",
            Self::Trouble => "trouble",
            Self::Down => "down",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Paid | Self::AlreadyPaid | Self::PartlyRefunded | Self::PartPaid | Self::PaidElsewhere => Tone::Good,
            Self::Going | Self::Confirming | Self::MoneyGoesBack | Self::Review | Self::SaidPaid => Tone::Waiting,
            Self::Failed | Self::Trouble | Self::TooMany => Tone::Bad,
            Self::Down => Tone::Waiting,
            Self::Summary
            | Self::Refunded
            | Self::Unfinished
            | Self::Unheard
            | Self::Expired
            | Self::Cancelled
            | Self::Closed
            | Self::Unknown
            | Self::OnHold
            | Self::Suspended => Tone::Quiet,
        }
    }

    /// Whether it would have somebody pay.
    pub(crate) fn leads_to_paying(self) -> bool {
        match self {
            Self::Summary
            | Self::PartPaid
            | Self::Failed
            | Self::Unfinished
            | Self::Unheard
            | Self::TooMany
            | Self::SaidPaid
            | Self::OnHold => true,
            Self::Going
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::PaidElsewhere
            | Self::Confirming
            | Self::MoneyGoesBack
            | Self::Review
            | Self::Expired
            | Self::Cancelled
            | Self::Closed
            | Self::Unknown
            | Self::Suspended
            | Self::Trouble
            | Self::Down => false,
        }
    }

    /// The button that leads on, where there is one.
    fn action(self, link: &PaymentLink, sight: &Sight<'_>) -> Option<&'static str> {
        let now = sight.now;
        match self {
            Self::Failed | Self::MoneyGoesBack if told::is_held_up(link, sight.configuration, now) => None,
            Self::Failed if link.visit(now) == Visit::OnHold => None,
            Self::Failed | Self::Trouble => Some("try-again"),
            // Where the money went back and nobody else is paying, the link can still be paid, if that is not paid elsewhere.
            Self::MoneyGoesBack => (link.visit(now) == Visit::Begin && !sight.is_item_paid).then_some("try-again"),
            Self::Unfinished | Self::Unheard => Some("go-on"),
            Self::Summary => Some("pay-now"),
            Self::PartPaid => leads_on(&link.visit(now), sight.configuration).then_some("pay-rest"),
            Self::Going
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::PaidElsewhere
            | Self::Confirming
            | Self::Review
            | Self::SaidPaid
            | Self::OnHold
            | Self::Expired
            | Self::Cancelled
            | Self::Closed
            | Self::Unknown
            | Self::TooMany
            | Self::Suspended
            | Self::Down => None,
        }
    }

    /// Whether the page leaves it to the customer to pay, so that it also hears who has paid already.
    fn leaves_paying(self, link: &PaymentLink, sight: &Sight<'_>) -> bool {
        match self {
            Self::Summary | Self::Failed | Self::Unfinished | Self::Unheard | Self::MoneyGoesBack => {
                self.action(link, sight).is_some()
            }
            // What they may not do now they may in an hour.
            Self::TooMany => true,
            Self::Going
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::PartPaid
            | Self::PaidElsewhere
            | Self::Confirming
            | Self::Review
            | Self::SaidPaid
            | Self::OnHold
            | Self::Expired
            | Self::Cancelled
            | Self::Closed
            | Self::Unknown
            | Self::Suspended
            | Self::Trouble
            | Self::Down => false,
        }
    }

    /// Whether it has the button by which a customer says to have paid already.
    fn hears_who_paid(self, link: &PaymentLink, sight: &Sight<'_>) -> bool {
        self.leaves_paying(link, sight) && may_say_paid(link, sight.configuration, sight.now)
    }
}

/// What a customer can choose on a summary page.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) next: NextPayment,
    /// Why what was chosen before led to no session.
    pub(crate) refused: Option<WishRefused>,
    /// Whose address they came by.
    pub(crate) mark: Option<RecipientMark>,
}

/// A page about a link.
pub(crate) fn of_link(page: Page, link: &PaymentLink, sight: &Sight<'_>) -> Response {
    page_of_link(page, link, None, sight)
}

/// The same, with what can be chosen where it is a summary page.
pub(crate) fn of_link_with(page: Page, link: &PaymentLink, choice: &Choice, sight: &Sight<'_>) -> Response {
    page_of_link(page, link, Some(choice), sight)
}

fn page_of_link(page: Page, link: &PaymentLink, choice: Option<&Choice>, sight: &Sight<'_>) -> Response {
    let words = Words::new(sight, Some(link));
    if page == Page::Summary {
        paying::summary(link, choice, &words, sight)
    } else {
        after::page(page, Some(link), &words, sight)
    }
}

/// The page that posts a gateway's form by itself.
pub(crate) fn posting_page(checkout: &Checkout, link: &PaymentLink, sight: &Sight<'_>) -> Response {
    paying::going(checkout, link, &Words::new(sight, Some(link)), sight)
}

/// A page that is about no link, or about a link that must not be distinguishable from none.
pub(crate) fn without_link(page: Page, language: Language, configuration: &Configuration) -> Response {
    let (pay_hosts, now) = (&PayHosts::default(), Timestamp::UNIX_EPOCH);
    let sight = Sight { language, configuration, pay_hosts, now, is_item_paid: false };
    after::page(page, None, &Words::new(&sight, None), &sight)
}

/// The business's logo, for as long as it may be kept.
pub(crate) fn logo_response(logo: &Logo, kept: HeaderValue) -> Response {
    let mut response = guard(logo.bytes().into_response());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(logo.media_type()));
    headers.insert(header::CACHE_CONTROL, kept);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::gateway::Network;

    const PAGES: [Page; 24] = [
        Page::Summary,
        Page::Going,
        Page::Paid,
        Page::AlreadyPaid,
        Page::Refunded,
        Page::PartlyRefunded,
        Page::PartPaid,
        Page::PaidElsewhere,
        Page::Confirming,
        Page::Failed,
        Page::Unfinished,
        Page::Unheard,
        Page::MoneyGoesBack,
        Page::Review,
        Page::SaidPaid,
        Page::Expired,
        Page::Cancelled,
        Page::Closed,
        Page::Unknown,
        Page::TooMany,
        Page::OnHold,
        Page::Suspended,
        Page::Trouble,
        Page::Down,
    ];

    /// What pages say besides their own title and text.
    const OTHERS: [&str; 125] = [
        "ask-again",
        "see-receipt",
        "receipt-title",
        "receipt-void-title",
        "receipt-returned-title",
        "receipt-void-text",
        "receipt-no-tax",
        "receipt-refunds",
        "receipt-left",
        "receipt-item",
        "receipt-number",
        "receipt-check",
        "receipt-check-code",
        "refunded-on",
        "refund-under-way",
        "legal-id",
        "postal-address",
        "paid-by",
        "card",
        "print",
        "receipt-pdf",
        "receipt-made",
        "method-cash",
        "method-pos",
        "method-card-to-card",
        "method-bank-transfer",
        "method-cheque",
        "method-other",
        "check-title",
        "check-text",
        "check-label",
        "check-button",
        "check-genuine-title",
        "check-genuine-text",
        "check-unknown-title",
        "check-unknown-text",
        "asked-again-text",
        "renewing-text",
        "open-newest",
        "less-is-due",
        "other-amount-toman",
        "then-left-by",
        "part-paid-by-text",
        "part-kept",
        "amount-total",
        "amount-paid",
        "amount-left",
        "part-due",
        "part-is-paid",
        "part-left",
        "pay-rest",
        "pay-part",
        "pay-all",
        "pay-other",
        "pay-this",
        "other-amount",
        "other-range",
        "then-left",
        "then-nothing-left",
        "language-name",
        "choose-language",
        "preview-title",
        "preview-text",
        "test-mark",
        "amount-for",
        "purpose",
        "due",
        "payable-until",
        "paid-on",
        "paid-at",
        "paid-to",
        "paid-through",
        "reference",
        "reason",
        "returned-by",
        "copy",
        "copied",
        "receipt",
        "may-close",
        "scan",
        "confirming-long-text",
        "check-now",
        "checked",
        "failed-cancelled-title",
        "failed-cancelled-text",
        "failed-declined-title",
        "failed-declined-text",
        "failed-funds-title",
        "failed-funds-text",
        "failed-password-title",
        "failed-password-text",
        "failed-limit-title",
        "failed-limit-text",
        "failed-over-title",
        "failed-over-text",
        "unfinished-unresolved-text",
        "trouble-unresolved-text",
        "if-paid",
        "hint-shaparak",
        "hint-host",
        "hint-vpn",
        "hint-unseen",
        "second-payment",
        "second-payment-maybe",
        "second-review",
        "second-review-maybe",
        "back-ask",
        "review-ask",
        "say-paid",
        "said-paid-next",
        "pay-anyway",
        "being-checked",
        "support",
        "return-to-business",
        "pay-now",
        "second-title",
        "review-amount",
        "review-unconfirmed",
        "review-return",
        "review-other",
        "reason-late",
        "reason-cancelled",
        "reason-second",
        "reason-elsewhere",
        "reason-other",
    ];

    #[test]
    fn every_language_has_every_text_of_every_page() {
        let mut keys: Vec<String> = OTHERS.map(str::to_owned).to_vec();
        for page in PAGES {
            keys.extend([format!("{}-title", page.key()), format!("{}-text", page.key())]);
        }
        for network in Network::ALL {
            let of_network = ["debited", "back-time", "hint-retry"].map(|stem| format!("{stem}-{}", network.key()));
            keys.extend(of_network);
        }
        for language in Language::ALL {
            let missing: Vec<_> = keys.iter().filter(|key| !language.has(key)).collect();
            assert!(missing.is_empty(), "locales/{}.ftl lacks {missing:?}", language.code());
        }
    }
}

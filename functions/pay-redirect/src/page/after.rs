//! The pages behind the gateway, and all that lead nowhere: what happened, what happens next and by when, and what to tell
//! whom.

use axum::response::Response;
use domain::gateway::{Decline, NotPaidCause, NotPaidReason};
use domain::link::{PaymentLink, Visit};
use maud::{Markup, html};

use super::document::{Content, Policy};
use super::facts::{fact, parts, purpose};
use super::paying::say_paid;
use super::told::{self, Concern, Second};
use super::words::Words;
use super::{Page, Sight, Tone};
use crate::leads_on;

/// Asks what became of a payment and changes what is said of it, without a word about anything else on the page; and
/// copies what somebody has to be told. Without it the page loads again by itself, and its links do the rest.
const SCRIPT: &str = include_str!("page.js");

/// The seconds after which a browser without scripts loads the page again. It moves the focus, so it is not often.
const RELOAD_AFTER: u8 = 20;

pub(super) fn page(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, sight: &Sight<'_>) -> Response {
    let waits = (page == Page::Confirming).then_some(link).flatten();
    let (state, copies) = state(page, link, words, sight);
    let hears = link.is_some_and(|link| {
        page.hears_who_paid(link, sight) || told::may_ask_again(page, link, sight.configuration, sight.now)
    });
    let content = Content {
        status: page.status(),
        link,
        title: words.plain(&title_key(page, link)),
        in_head: html! { @if let Some(link) = waits { (reload(link)) } },
        shown: html! {
            // What becomes of a payment is read out where somebody waits for it.
            div #state aria-live=[waits.map(|_| "polite")] { (state) }
            @if let Some(link) = waits { (wait(link, words, sight)) }
        },
        policy: Policy {
            script: (copies || waits.is_some()).then_some(SCRIPT),
            // What takes the place of a page that waits may have a form.
            forms: if hears || waits.is_some() { "'self'" } else { "" },
            asks: waits.is_some(),
        },
    };
    content.response(words, sight)
}

/// The page asks for the outcome and not for the link, because opening a link whose payment failed would lead on to the
/// gateway at once.
fn result_of(link: &PaymentLink) -> String {
    format!("/p/{}/result", link.token().expose())
}

fn reload(link: &PaymentLink) -> Markup {
    html! { noscript { meta http-equiv="refresh" content=(format!("{RELOAD_AFTER}; url={}", result_of(link))); } }
}

/// What a customer can do who waits. The script asks after so many seconds, and when this is pressed.
fn wait(link: &PaymentLink, words: &Words<'_>, sight: &Sight<'_>) -> Markup {
    html! {
        div #wait data-poll=(told::pause(link, sight.now)) {
            a.button href=(result_of(link)) rel="nofollow" { (words.say("check-now")) }
            p.checked role="status" { (words.checked()) }
        }
    }
}

/// What happened, what the payment is for and what can be done, and whether something of it is there to be copied.
fn state(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, sight: &Sight<'_>) -> (Markup, bool) {
    let concern = match (page, link) {
        (Page::MoneyGoesBack | Page::Review, Some(link)) => told::concern(link),
        _ => None,
    };
    let is_receipt =
        matches!(page, Page::Paid | Page::AlreadyPaid | Page::PartlyRefunded | Page::Refunded | Page::PartPaid);
    let second = link.filter(|_| is_receipt).and_then(|link| Some((link, told::second_payment(link)?)));
    let copies = concern.is_some() || second.is_some() || (is_receipt && link.is_some_and(has_reference));
    let markup = html! {
        @if is_receipt { p.receipt { (words.say("receipt")) } }
        h1 class=(tone_class(page.tone())) { (words.say(&title_key(page, link))) }
        p { (words.with(&text_key(page, link, sight), &[("date", &due_date(link, words))])) }
        @for hint in hints(page, link, words, sight) { p.hint { (words.say(&hint)) } }
        @if let Some(link) = link {
            @match &concern {
                Some(concern) => (facts_of(concern, link, words)),
                None => (facts(page, link, words, sight)),
            }
        }
        @if let Some((link, second)) = second { (second_payment(link, second, words)) }
        @if is_receipt { p.close { (words.say("may-close")) } }
        (actions(page, link, words, sight))
    };
    (markup, copies)
}

fn has_reference(link: &PaymentLink) -> bool {
    told::kept_payment(link).is_some_and(|(_, payment)| !payment.reference.is_empty())
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Waiting => "waiting",
        Tone::Bad => "bad",
        Tone::Quiet => "quiet",
    }
}

/// The stem of the texts about a payment that was not made.
fn stem_of(reason: &NotPaidReason) -> &'static str {
    match (reason.cause, reason.decline) {
        (NotPaidCause::Cancelled, _) => "failed-cancelled",
        (NotPaidCause::Declined, None) => "failed-declined",
        (NotPaidCause::Declined, Some(Decline::NoFunds)) => "failed-funds",
        (NotPaidCause::Declined, Some(Decline::WrongPassword)) => "failed-password",
        (NotPaidCause::Declined, Some(Decline::OverLimit)) => "failed-limit",
        (NotPaidCause::SessionOver, _) => "failed-over",
        (NotPaidCause::Unspecified, _) => "failed",
    }
}

/// The key of the title of a page: one that says what happened, where the gateway said it.
fn title_key(page: Page, link: Option<&PaymentLink>) -> String {
    let stem = match (page, link.and_then(told::failure)) {
        (Page::Failed, Some(cause)) => stem_of(cause),
        _ => page.key(),
    };
    format!("{stem}-title")
}

/// The key of the text of a page.
fn text_key(page: Page, link: Option<&PaymentLink>, sight: &Sight<'_>) -> String {
    match (page, link) {
        (Page::Confirming, Some(link)) if told::takes_long(link, sight.now) => "confirming-long-text".to_owned(),
        (Page::Failed, Some(link)) => format!("{}-text", told::failure(link).map_or("failed", stem_of)),
        (Page::Unheard, _) => "unfinished-unresolved-text".to_owned(),
        (Page::Unfinished, Some(link)) if !told::is_known_to_be_unpaid(link) => "unfinished-unresolved-text".to_owned(),
        (Page::Expired, Some(link)) if told::is_being_renewed(link, sight.configuration, sight.now) => {
            "renewing-text".to_owned()
        }
        (Page::Expired, Some(link)) if link.is_renewal_requested(sight.now) => "asked-again-text".to_owned(),
        (Page::PartPaid, Some(link)) if link.next_due_at().is_some() => "part-paid-by-text".to_owned(),
        (Page::Trouble, Some(link)) if told::has_open(link) => "trouble-unresolved-text".to_owned(),
        _ => format!("{}-text", page.key()),
    }
}

/// Until when what is left of a link is due, where that has a date.
fn due_date(link: Option<&PaymentLink>, words: &Words<'_>) -> String {
    link.and_then(PaymentLink::next_due_at).map(|at| words.deadline(at)).unwrap_or_default()
}

/// What else a customer of this link should know on this page.
fn hints(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, sight: &Sight<'_>) -> Vec<String> {
    let Some(link) = link else { return Vec::new() };
    let (configuration, now) = (sight.configuration, sight.now);
    let own = |key: &str| key.to_owned();
    let debited = || words.of_gateway("debited", link);
    let if_paid = || told::has_open(link).then(|| own("if-paid"));
    let part_kept = || link.is_part_paid().then(|| own("part-kept"));
    // Said where the page would otherwise lead to another try.
    let held_up = || told::is_held_up(link, configuration, now).then(|| own("suspended-text"));
    let on_hold = || (link.visit(now) == Visit::OnHold).then(|| own("on-hold-text"));
    let checking = || {
        let is_told = told::is_said_to_be_paid(link, now) && page.leaves_paying(link, sight);
        is_told.then(|| own("being-checked"))
    };
    // A customer who cancelled knows why, and so does one whose bank says why.
    let usual_reasons = || {
        let is_guessed = |reason: &NotPaidReason| {
            let is_unsaid = matches!(reason.cause, NotPaidCause::Declined | NotPaidCause::Unspecified);
            is_unsaid && reason.decline.is_none()
        };
        let guess = || format!("hint-retry-{}", told::network(link).key());
        told::failure(link).is_some_and(is_guessed).then(guess)
    };
    match page {
        Page::MoneyGoesBack => [words.of_gateway("back-time", link), own("back-ask")]
            .into_iter()
            .chain(held_up())
            .chain(checking())
            .collect(),
        Page::Failed => usual_reasons()
            .into_iter()
            .chain([debited()])
            .chain(if_paid())
            .chain(held_up())
            .chain(on_hold())
            .chain(checking())
            .collect(),
        Page::Unfinished | Page::Unheard | Page::TooMany => checking().into_iter().collect(),
        Page::SaidPaid => vec![own("said-paid-next")],
        Page::Suspended | Page::OnHold | Page::Closed | Page::PaidElsewhere => if_paid().into_iter().collect(),
        Page::Expired | Page::Cancelled => match told::failure(link) {
            // The link ended, and the last that its customer saw was a payment that failed.
            Some(cause) => [format!("{}-text", stem_of(cause)), debited()]
                .into_iter()
                .chain(if_paid())
                .chain(part_kept())
                .collect(),
            None => if_paid().into_iter().chain(part_kept()).collect(),
        },
        Page::Review => vec![own("review-ask")],
        Page::Confirming if told::takes_long(link, now) => vec![debited()],
        Page::Summary
        | Page::Going
        | Page::Paid
        | Page::AlreadyPaid
        | Page::Refunded
        | Page::PartlyRefunded
        | Page::PartPaid
        | Page::Confirming
        | Page::Unknown
        | Page::Trouble
        | Page::Down => Vec::new(),
    }
}

/// A second payment, which a customer may have made in another tab: what becomes of it, and what to tell the business.
fn second_payment(link: &PaymentLink, second: Second, words: &Words<'_>) -> Markup {
    let (key, next) = match second {
        Second::Returned => ("second-payment", words.of_gateway("back-time", link)),
        Second::MaybeReturned => ("second-payment-maybe", words.of_gateway("back-time", link)),
        Second::Reviewed => ("second-review", "review-ask".to_owned()),
        Second::MaybeReviewed => ("second-review-maybe", "review-ask".to_owned()),
    };
    html! {
        section {
            h2 { (words.say("second-title")) }
            p.hint { (words.say(key)) }
            p.hint { (words.say(&next)) }
            @if let Some(concern) = told::concern(link) { (facts_of(&concern, link, words)) }
        }
    }
}

/// The facts of the payment: amount, purpose, and when it was paid or until when it can be. They name no contact.
fn facts(page: Page, link: &PaymentLink, words: &Words<'_>, sight: &Sight<'_>) -> Markup {
    let has_end = page.action(link, sight).is_some();
    let paid = told::kept_payment(link);
    html! {
        dl {
            (parts(link, words))
            @if !told::has_parts(link) { (fact(&words.say("amount-for"), &words.money(told::amount(link)))) }
            (purpose(link, words))
            @if let Some((at, payment)) = paid {
                (fact(&words.say("paid-on"), &words.instant(at)))
                @if !payment.reference.is_empty() { (fact(&words.say("reference"), &payment.reference)) }
                div.printed { dt { (words.say("paid-to")) } dd { bdi { (words.settings().business_name) } } }
            } @else if has_end {
                (fact(&words.say("payable-until"), &words.deadline(link.terms().expires_at)))
            }
        }
        @if has_reference(link) { (copy(words)) }
    }
}

/// What somebody has to be told who is called about a payment.
fn facts_of(concern: &Concern, link: &PaymentLink, words: &Words<'_>) -> Markup {
    html! {
        dl {
            @if let Some(reason) = concern.reason { (fact(&words.say("reason"), &words.say(reason))) }
            (fact(&words.say("amount-for"), &words.money(concern.amount)))
            (purpose(link, words))
            (fact(&words.say("paid-at"), &words.instant(concern.paid_at)))
            (fact(&words.say("reference"), &concern.reference))
            (fact(&words.say("paid-through"), told::gateway(link).name_in(words.language())))
            @if let Some(by) = concern.returned_by { (fact(&words.say("returned-by"), &words.instant(by))) }
        }
        (copy(words))
    }
}

/// Copies the facts above it. Without the script it would do nothing, so that the script shows it.
fn copy(words: &Words<'_>) -> Markup {
    html! {
        button.minor type="button" hidden data-copied=(words.say("copied")) { (words.say("copy")) }
    }
}

fn actions(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, sight: &Sight<'_>) -> Markup {
    let Some(link) = link else { return Markup::default() };
    let address = format!("/p/{}", link.token().expose());
    html! {
        @if told::has_receipt(page, link) {
            a.plain href=(format!("{address}/receipt")) rel="nofollow" { (words.say("see-receipt")) }
        }
        @if let Some(key) = page.action(link, sight) {
            a.button href=(address) rel="nofollow" { (words.say(key)) }
        }
        @if page.hears_who_paid(link, sight) { (say_paid(link, words)) }
        @if told::may_ask_again(page, link, sight.configuration, sight.now) {
            form method="post" action=(format!("{address}/ask-again")) {
                button.minor type="submit" { (words.say("ask-again")) }
            }
        }
        @if page == Page::Expired && told::is_being_renewed(link, sight.configuration, sight.now) {
            a.button href=(address) rel="nofollow" { (words.say("open-newest")) }
        }
        // The address leads on to the link in whose place this one is.
        @if link.successor().is_some() {
            a.plain href=(address) rel="nofollow" { (words.say("open-newest")) }
        }
        // Who has not paid after all goes on by the summary page, which says once more that this is said to be paid.
        @if page == Page::SaidPaid && leads_on(&link.visit(sight.now), sight.configuration) {
            a.plain href=(address) rel="nofollow" { (words.say("pay-anyway")) }
        }
        @if let (Some(address), false) = (&link.terms().return_url, page == Page::Confirming) {
            a.plain href=(address) rel="noreferrer" { (words.say("return-to-business")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_ends_no_element_of_the_page() {
        assert!(!SCRIPT.contains("</"));
    }
}

//! What pages tell of a link. No other file of the pages reads what happened to one.

use domain::Timestamp;
use domain::gateway::{LookUp, Network, NotPaidReason, Payment, Profile};
use domain::link::{Attempt, AttemptState, HoldReason, LinkStatus, PaymentLink, ReviewReason, Visit};
use domain::money::Money;
use domain::records::business::Business;
use jiff::SignedDuration;
use store::Configuration;

use super::{Choice, Page, Sight};
use crate::leads_on;

/// A confirmation that takes longer than this is called long: the page says that it can be closed.
const LONG_CONFIRMATION: SignedDuration = SignedDuration::from_mins(2);

/// A new link that a customer asked for, and gets at once, is there within this time.
const RENEWED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Within this time an Iranian bank returns what was not taken.
const SHAPARAK_RETURNS: SignedDuration = SignedDuration::from_hours(72);

/// Ten working days of a bank, with the days between them.
const BANKS_RETURN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Whether a new attempt may begin. A business that is suspended or being erased, or that is none, takes no payments; what was
/// begun before finishes.
pub(crate) fn takes_payments(configuration: &Configuration) -> bool {
    configuration.business.as_ref().is_some_and(Business::takes_payments)
}

/// Whether the link could be paid now, if only its business took payments.
pub(super) fn is_held_up(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
    !takes_payments(configuration) && matches!(link.visit(now), Visit::Begin | Visit::TooManyAttempts)
}

/// Whether the business was told that the customer has paid, and still may be looking into it.
pub(crate) fn is_said_to_be_paid(link: &PaymentLink, now: Timestamp) -> bool {
    link.hold_at(now).is_some_and(|hold| hold.reason == HoldReason::SaysPaid)
}

/// Whether a customer may say to have paid already: of a link that could be paid now, and of which nobody has said so.
pub(crate) fn may_say_paid(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
    let visit = link.visit(now);
    let has_to_wait = visit == Visit::TooManyAttempts && takes_payments(configuration);
    (has_to_wait || leads_on(&visit, configuration)) && link.may_say_paid(now)
}

/// Whether a page asks whether its customer wants a new link: that of one that expired, once a day, and where the business
/// could make one.
pub(crate) fn may_ask_again(page: Page, link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
    page == Page::Expired && takes_payments(configuration) && !link.is_renewal_requested(now)
}

/// Whether a new link is being made in the place of this one, because its customer asked for it and the business wants that. One
/// that is not there by then cannot be made, and the business has to answer.
pub(super) fn is_being_renewed(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
    let is_fresh = |asked: Timestamp| now.duration_since(asked) < RENEWED_WITHIN;
    configuration.settings.renew_links_on_request && link.renewal_requested_at().is_some_and(is_fresh)
}

/// Whether the page leads to the receipt: it is about a payment, and there is one.
pub(super) fn has_receipt(page: Page, link: &PaymentLink) -> bool {
    let is_about_one =
        matches!(page, Page::Paid | Page::AlreadyPaid | Page::PartPaid | Page::Refunded | Page::PartlyRefunded);
    is_about_one && link.payments().next().is_some()
}

/// The gateway of the link's account.
pub(super) fn gateway(link: &PaymentLink) -> &'static Profile {
    link.terms().account.gateway.profile()
}

pub(super) fn network(link: &PaymentLink) -> Network {
    gateway(link).network
}

/// What the texts of a page call the amount: what is left to pay, else what was paid in all, else what was asked for.
pub(super) fn amount(link: &PaymentLink) -> Money {
    match (kept_payment(link), link.amount_due()) {
        (Some(_), due) if due.minor_units() == 0 => paid_in_all(link),
        (None, due) if due.minor_units() == 0 => link.terms().amount,
        (_, due) => due,
    }
}

/// All that was paid, also where some of it went back since.
pub(super) fn paid_in_all(link: &PaymentLink) -> Money {
    let paid = link.payments().filter_map(|attempt| attempt.state.confirmed_payment());
    link.terms().amount.with(paid.map(|payment| payment.money.minor_units()).fold(0, i64::saturating_add))
}

/// Whether the last attempt paid a part of the link.
pub(super) fn was_just_paid_a_part(link: &PaymentLink) -> bool {
    link.attempts().last().is_some_and(|last| last.is_kept() && last.voided.is_none())
}

/// Whether the link is paid in parts, or was in part.
pub(super) fn has_parts(link: &PaymentLink) -> bool {
    link.is_part_paid() || link.terms().plan.is_some()
}

/// The customer's choice of how much to pay, where the link leaves one.
pub(super) fn to_pay(link: &PaymentLink, choice: Option<&Choice>) -> Money {
    choice.and_then(|choice| choice.next.only_amount()).unwrap_or(link.amount_due())
}

/// What the session is for to which the page leads on by itself.
pub(super) fn in_session(link: &PaymentLink, page: Page) -> Option<Money> {
    link.current_session().filter(|_| page == Page::Going).map(|session| session.money)
}

/// What is left to pay of what the link is for, where that is less than the link asks for.
pub(super) fn less_due(link: &PaymentLink, choice: Option<&Choice>) -> Option<Money> {
    choice.map(|choice| choice.next.due).filter(|due| due.minor_units() < link.amount_due().minor_units())
}

/// Where the customer is sent who goes on now, where a session is open.
pub(super) fn open_page(link: &PaymentLink, now: Timestamp) -> Option<String> {
    match link.visit(now) {
        Visit::Continue(checkout) => Some(checkout.at),
        Visit::Begin
        | Visit::Confirming
        | Visit::UnderReview
        | Visit::Paid
        | Visit::OnHold
        | Visit::Expired
        | Visit::Cancelled
        | Visit::Replaced
        | Visit::TooManyAttempts => None,
    }
}

/// Whether somebody may have paid in a session whose end we do not know.
pub(super) fn has_open(link: &PaymentLink) -> bool {
    link.attempts().iter().any(|attempt| matches!(attempt.state, AttemptState::Open { .. }))
}

/// Whether it is known that nobody paid. The gateway was asked about the last session before this page; it could not
/// answer where it cannot be asked, and it was not asked about earlier sessions.
pub(super) fn is_known_to_be_unpaid(link: &PaymentLink) -> bool {
    let Some((last, earlier)) = link.attempts().split_last() else { return true };
    let is_open = |attempt: &Attempt| matches!(attempt.state, AttemptState::Open { .. });
    !(earlier.iter().any(is_open) || (is_open(last) && last.gateway.profile().look_up == LookUp::OnlyOnReturn))
}

/// Whether the payment of the link is one that a person had noted and withdrew.
pub(super) fn is_void(link: &PaymentLink) -> bool {
    link.attempts().iter().any(|attempt| attempt.is_kept() && attempt.voided.is_some())
}

/// The last payment of the link, and when it was made: when the gateway confirmed it, or when money came that no gateway
/// took.
pub(super) fn kept_payment(link: &PaymentLink) -> Option<(Timestamp, &Payment)> {
    link.payments().rev().find_map(|attempt| match &attempt.state {
        AttemptState::Paid { at, payment, .. } => {
            Some((attempt.recorded.as_ref().map_or(*at, |recorded| recorded.received_at), payment))
        }
        AttemptState::Open { .. }
        | AttemptState::Confirming { .. }
        | AttemptState::Accepted { .. }
        | AttemptState::AwaitingReversal { .. }
        | AttemptState::Failed { .. }
        | AttemptState::Abandoned { .. }
        | AttemptState::Refunding { .. }
        | AttemptState::Refunded { .. }
        | AttemptState::NeedsReview { .. } => None,
    })
}

/// The attempt whose money we are asking about.
pub(super) fn being_confirmed(link: &PaymentLink) -> Option<&Attempt> {
    let is_asked_about = |state: &AttemptState| {
        matches!(
            state,
            AttemptState::Confirming { .. }
                | AttemptState::Accepted { .. }
                | AttemptState::Open { reported_at: Some(_), .. }
        )
    };
    link.attempts().iter().find(|attempt| is_asked_about(&attempt.state))
}

/// The seconds after which a page asks again: few while a confirmation is under way, more where it takes long or where
/// each time asks the gateway.
pub(super) fn pause(link: &PaymentLink, now: Timestamp) -> u8 {
    match being_confirmed(link) {
        None => 10,
        Some(_) if takes_long(link, now) => 15,
        Some(_) => 3,
    }
}

pub(super) fn takes_long(link: &PaymentLink, now: Timestamp) -> bool {
    let since = being_confirmed(link).and_then(|attempt| attempt.state.undecided_since());
    since.is_some_and(|since| now.duration_since(since) > LONG_CONFIRMATION)
}

/// Whether money of this attempt goes back to the payer, or did, because the link could not take it.
pub(super) fn goes_back(state: &AttemptState) -> bool {
    matches!(
        state,
        AttemptState::AwaitingReversal { .. } | AttemptState::Refunding { .. } | AttemptState::Refunded { .. }
    )
}

/// The key of why a payment goes back: what the link was when it came.
pub(super) fn reason_to_return(link: &PaymentLink, sight: &Sight<'_>) -> &'static str {
    match link.status_at(sight.now) {
        LinkStatus::Paid { .. } => "reason-second",
        LinkStatus::Cancelled { .. } if link.ended_as_item_paid() => "reason-elsewhere",
        LinkStatus::Active if sight.is_item_paid => "reason-elsewhere",
        LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. } => "reason-cancelled",
        LinkStatus::Expired { .. } => "reason-late",
        LinkStatus::Active => "reason-other",
    }
}

/// What the gateway's final no to the last attempt was, where it was one.
pub(super) fn failure(link: &PaymentLink) -> Option<&NotPaidReason> {
    match &link.attempts().last()?.state {
        AttemptState::Failed { reason, .. } => Some(reason),
        AttemptState::Open { .. }
        | AttemptState::Confirming { .. }
        | AttemptState::Accepted { .. }
        | AttemptState::AwaitingReversal { .. }
        | AttemptState::Paid { .. }
        | AttemptState::Abandoned { .. }
        | AttemptState::Refunding { .. }
        | AttemptState::Refunded { .. }
        | AttemptState::NeedsReview { .. } => None,
    }
}

/// What is known of a second payment, which a customer may have made in another tab. One that was only reported is not
/// called one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    Returned,
    MaybeReturned,
    Reviewed,
    /// A refund needs a person, or nobody knows whether there was a payment.
    MaybeReviewed,
}

pub(super) fn second_payment(link: &PaymentLink) -> Option<Second> {
    let any = |is_so: &dyn Fn(&AttemptState) -> bool| link.attempts().iter().any(|attempt| is_so(&attempt.state));
    if any(&|state| matches!(state, AttemptState::NeedsReview { payment: Some(_), .. })) {
        return Some(Second::Reviewed);
    }
    if any(&goes_back) {
        return Some(Second::Returned);
    }
    // A refund that needs a person is of the payment that the page tells of.
    if any(&|state| matches!(state, AttemptState::NeedsReview { .. })) {
        return Some(Second::MaybeReviewed);
    }
    being_confirmed(link).map(|_| Second::MaybeReturned)
}

/// A payment that a customer may have to call somebody about, and what that person needs to find it.
#[derive(Debug)]
pub(super) struct Concern {
    pub(super) amount: Money,
    pub(super) paid_at: Timestamp,
    pub(super) reference: String,
    /// The key of why a person has to look at it.
    pub(super) reason: Option<&'static str>,
    /// When its money has arrived at the latest, where it is on its way back.
    pub(super) returned_by: Option<Timestamp>,
}

/// The last payment that goes back, or that a person has to look at.
pub(super) fn concern(link: &PaymentLink) -> Option<Concern> {
    link.attempts().iter().rev().find_map(|attempt| {
        let (since, reason) = match &attempt.state {
            AttemptState::AwaitingReversal { since, .. } => (Some(*since), None),
            AttemptState::Refunding { .. } => {
                (attempt.refunds.last().map(|refund| refund.created_at).or(attempt.confirmed_at), None)
            }
            AttemptState::Refunded { .. } => (None, None),
            AttemptState::NeedsReview { reason, .. } => (None, Some(key_of(reason))),
            AttemptState::Open { .. }
            | AttemptState::Confirming { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::Paid { .. }
            | AttemptState::Failed { .. }
            | AttemptState::Abandoned { .. } => return None,
        };
        let payment = attempt.state.confirmed_payment();
        let paid_at = payment.and_then(|payment| payment.gateway_paid_at).or(attempt.confirmed_at);
        let reference = payment.map(|payment| payment.reference.clone()).filter(|reference| !reference.is_empty());
        let longest = match network(link) {
            Network::Shaparak => SHAPARAK_RETURNS,
            Network::International => BANKS_RETURN,
        };
        Some(Concern {
            amount: payment.map_or(attempt.money, |payment| payment.money),
            paid_at: paid_at.unwrap_or(attempt.opened_at),
            // The business finds it by our own number where the gateway gave none.
            reference: reference
                .or_else(|| attempt.return_reference.clone())
                .unwrap_or_else(|| attempt.id.as_str().to_owned()),
            reason,
            returned_by: since.and_then(|since| since.checked_add(longest).ok()),
        })
    })
}

fn key_of(reason: &ReviewReason) -> &'static str {
    match reason {
        ReviewReason::AmountDiffers => "review-amount",
        ReviewReason::MoneyNotConfirmed
        | ReviewReason::GatewayDoesNotAnswer
        | ReviewReason::ProcessingTooLong
        | ReviewReason::ConfirmedThenDenied
        | ReviewReason::UnknownSinceRestore => "review-unconfirmed",
        ReviewReason::MoneyNotReturned
        | ReviewReason::RefundUnanswered
        | ReviewReason::RefundTooSlow
        | ReviewReason::RefundRefused { .. }
        | ReviewReason::RefundFailed { .. } => "review-return",
        ReviewReason::ReferenceUsedBefore | ReviewReason::Doubtful { .. } => "review-other",
    }
}

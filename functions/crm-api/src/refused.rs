//! How each refusal of a use case looks to the CRM.

use domain::business::settings::Settings;
use domain::link::{CancelRefused, LinkStatus, ResendRefused as NotNow, ResolveRefused};
use domain::records::webhook_endpoint::MAX_ENDPOINTS;
use domain::requests::create::SUSPENDED;
use domain::{Problems, Rejection, Timestamp};
use use_cases::ChangeRefused;
use use_cases::amend::AmendRefused;
use use_cases::businesses::{BusinessRefused, MOST_LIVE_COUNTED};
use use_cases::endpoints::{EndpointRefused, RotateRefused};
use use_cases::events::RedeliverRefused;
use use_cases::providers::ProviderNeeded;
use use_cases::records::{ReceiptTypeNeeded, RecordRefused};
use use_cases::resend::ResendRefused;
use web::ApiProblem;
use web::idempotency::key_reused;

/// What every change of a link can be refused for, with what the rules of this one say.
fn change<R>(why: ChangeRefused<R>, rules: impl FnOnce(R, LinkStatus) -> ApiProblem) -> ApiProblem {
    match why {
        ChangeRefused::NoSuchLink => ApiProblem::not_found("payment link"),
        ChangeRefused::KeyReused => key_reused(),
        ChangeRefused::Refused { why, status } => rules(why, status),
        ChangeRefused::KeepsChanging(_) => {
            ApiProblem::conflict("link_keeps_changing", "The link kept changing; try again.")
        }
        ChangeRefused::Store(error) => error.into(),
    }
}

/// Only an active link can be changed.
fn not_active(status: &LinkStatus) -> ApiProblem {
    let status = status.name();
    let detail = format!("Only an active link can be changed; this one is {status}.");
    ApiProblem::conflict("link_not_active", detail).with_current_status(status)
}

pub(crate) fn amend(why: ChangeRefused<AmendRefused>) -> ApiProblem {
    change(why, |why, status| match why {
        AmendRefused::Invalid(problems) => ApiProblem::invalid(problems),
        AmendRefused::NotActive => not_active(&status),
    })
}

pub(crate) fn cancel(why: ChangeRefused<CancelRefused>) -> ApiProblem {
    change(why, |why, status| {
        let detail = match why {
            CancelRefused::NotActive => return not_active(&status),
            CancelRefused::PaymentInProgress { can_force: true } => {
                "A customer may be paying right now. Send force: true to cancel all the same; money that arrives goes back."
            }
            CancelRefused::PaymentInProgress { can_force: false } => {
                "The customer has paid and the payment is being confirmed. Ask again in a minute."
            }
        };
        ApiProblem::conflict("payment_in_progress", detail).with_current_status(status.name())
    })
}

pub(crate) fn resend(why: ChangeRefused<ResendRefused>, settings: &Settings, now: Timestamp) -> ApiProblem {
    change(why, |why, status| match why {
        ResendRefused::Invalid(problems) => ApiProblem::invalid(problems),
        ResendRefused::Suspended => ApiProblem::conflict("business_suspended", SUSPENDED),
        ResendRefused::QuotaReached(reached) => ApiProblem::quota_reached(&reached, settings, now),
        ResendRefused::NotNow(NotNow::NotActive) => not_active(&status),
        ResendRefused::NotNow(NotNow::TooSoon { seconds }) => {
            let detail = format!("People were notified a moment ago. Ask again in {seconds} seconds.");
            ApiProblem::too_many("notified_recently", detail, Some(seconds))
        }
        ResendRefused::NotNow(NotNow::TooOften) => {
            let detail = "People were notified about this link as often as is allowed.";
            ApiProblem::too_many("notified_too_often", detail, None)
        }
    })
}

pub(crate) fn resolve(why: ChangeRefused<ResolveRefused>) -> ApiProblem {
    change(why, |why, status| match why {
        ResolveRefused::NoSuchAttempt => ApiProblem::not_found("attempt"),
        ResolveRefused::NotUnderReview => ApiProblem::conflict("not_under_review", "This attempt needs no review."),
        ResolveRefused::NoMoneyConfirmed => {
            let detail = "No gateway confirmed money of this attempt, so there is none to keep or to refund.";
            ApiProblem::conflict("no_money_confirmed", detail)
        }
        ResolveRefused::MoneyConfirmed => {
            let detail = "The gateway confirmed money of this attempt; keep it, have it refunded, or say that it was refunded elsewhere.";
            ApiProblem::conflict("money_confirmed", detail)
        }
        ResolveRefused::RefundUndecided => {
            let detail = "What became of the call that asked the gateway to refund this money is not known; ask again, or look at the gateway.";
            ApiProblem::conflict("refund_undecided", detail)
        }
        ResolveRefused::AnotherIsConfirming => {
            let detail = "Another payment of this link is being confirmed; try again in a minute.";
            ApiProblem::conflict("payment_in_progress", detail)
        }
        ResolveRefused::LinkTakesNoMoney => {
            let detail = "This link cannot be paid any more; have the money refunded instead.";
            ApiProblem::conflict("link_takes_no_money", detail).with_current_status(status.name())
        }
    })
}

pub(crate) fn record(why: RecordRefused) -> ApiProblem {
    match why {
        RecordRefused::Invalid(problems) => ApiProblem::invalid(problems),
        RecordRefused::KeepsChanging(_) => {
            ApiProblem::conflict("record_keeps_changing", "The record kept changing; try again.")
        }
        RecordRefused::Store(error) => error.into(),
    }
}

pub(crate) fn business(why: BusinessRefused) -> ApiProblem {
    match why {
        BusinessRefused::NoSuchBusiness => ApiProblem::not_found("business"),
        BusinessRefused::FewerShards(shards) => {
            let detail = format!(
                "The business has {} shards, and what is in them would not be found with fewer.",
                shards.number()
            );
            ApiProblem::invalid(Problems::of("/shards", Rejection::new("fewer_shards", detail)))
        }
        BusinessRefused::Erased => business_erased(),
        BusinessRefused::NotSuspended => {
            let detail = "Only a business that is suspended can be erased; suspend it first.";
            ApiProblem::conflict("business_not_suspended", detail)
        }
        BusinessRefused::SuspendedJustNow { until } => {
            let detail = format!("Not everybody may know yet that the business is suspended; ask again at {until}.");
            ApiProblem::conflict("business_suspended_just_now", detail)
        }
        BusinessRefused::LiveLinks(live) => {
            let many = if live < MOST_LIVE_COUNTED { live.to_string() } else { format!("{live} or more") };
            let detail =
                format!("The business has live links: {many}. They can be paid, or their money is not decided.");
            ApiProblem::conflict("business_has_live_links", detail)
        }
        BusinessRefused::KeepsChanging(_) => {
            ApiProblem::conflict("record_keeps_changing", "The business kept changing; try again.")
        }
        BusinessRefused::Store(error) => error.into(),
    }
}

/// A business of which nothing can be had or decided any more.
pub(crate) fn business_erased() -> ApiProblem {
    ApiProblem::conflict("business_erased", "The business is being erased, or was; its id is given to nobody again.")
}

pub(crate) fn receipt_type_needed(why: ReceiptTypeNeeded) -> ApiProblem {
    match why {
        ReceiptTypeNeeded::HasSubType(child) => {
            let detail = format!("The receipt type {child} stands below it.");
            ApiProblem::conflict("receipt_type_has_sub_types", detail).with_conflicting_id(child.as_str())
        }
        ReceiptTypeNeeded::IsDefault => {
            ApiProblem::conflict("receipt_type_is_default", "The settings name it as the default receipt type.")
        }
        ReceiptTypeNeeded::Store(error) => error.into(),
    }
}

pub(crate) fn provider_needed(why: ProviderNeeded) -> ApiProblem {
    match why {
        ProviderNeeded::ForNumbers(prefix) => {
            let detail = format!("The settings name it for numbers that begin with {}.", prefix.as_str());
            ApiProblem::conflict("provider_in_use", detail)
        }
        ProviderNeeded::Store(error) => error.into(),
    }
}

pub(crate) fn endpoint(why: EndpointRefused) -> ApiProblem {
    match why {
        EndpointRefused::TooMany => {
            let detail = format!("A business has at most {MAX_ENDPOINTS} endpoints.");
            ApiProblem::conflict("too_many_endpoints", detail)
        }
        EndpointRefused::KeepsChanging(_) => endpoint_keeps_changing(),
        EndpointRefused::Store(error) => error.into(),
    }
}

pub(crate) fn rotate(why: RotateRefused) -> ApiProblem {
    match why {
        RotateRefused::NoSuchEndpoint => ApiProblem::not_found("webhook endpoint"),
        RotateRefused::KeyReused => key_reused(),
        RotateRefused::KeepsChanging(_) => endpoint_keeps_changing(),
        RotateRefused::Store(error) => error.into(),
    }
}

fn endpoint_keeps_changing() -> ApiProblem {
    ApiProblem::conflict("endpoint_keeps_changing", "The endpoint kept changing; try again.")
}

pub(crate) fn redeliver(why: RedeliverRefused) -> ApiProblem {
    match why {
        RedeliverRefused::NoSuchEvent => ApiProblem::not_found("event"),
        RedeliverRefused::NoSuchEndpoint(id) => {
            let rejection = Rejection::new("unknown_endpoint", format!("There is no enabled endpoint {id}."));
            ApiProblem::invalid(Problems::of("/endpoint_id", rejection))
        }
        RedeliverRefused::NobodyWantsIt(kind) => {
            let detail = format!("No enabled endpoint wants {}.", kind.as_str());
            ApiProblem::conflict("no_endpoint_wants_it", detail)
        }
        RedeliverRefused::KeyReused => key_reused(),
        RedeliverRefused::KeepsChanging(_) => {
            ApiProblem::conflict("event_keeps_changing", "The event is being sent right now; try again.")
        }
        RedeliverRefused::Store(error) => error.into(),
    }
}

//! How each refusal of a use case looks to the CRM.

use domain::batches::{BatchRefused as BatchNotNow, MOST_AT_ONCE as MOST_BATCHES_AT_ONCE};
use domain::business::settings::Settings;
use domain::exports::MOST_AT_ONCE;
use domain::gateway::CannotRefund;
use domain::link::{
    CancelRefused, HoldRefused, LinkStatus, MAX_REFUNDS, RecordPaymentRefused, RefundRefused, ResendRefused as NotNow,
    ResolveRefundRefused, ResolveRefused, VoidRefused,
};
use domain::messages::report::ReportRefused as NotReported;
use domain::records::webhook_endpoint::MAX_ENDPOINTS;
use domain::requests::create::SUSPENDED;
use domain::{Problems, Rejection, Timestamp};
use use_cases::ChangeRefused;
use use_cases::amend::AmendRefused;
use use_cases::batches::BatchRefused;
use use_cases::businesses::{BusinessRefused, MOST_LIVE_COUNTED};
use use_cases::endpoints::{EndpointRefused, RotateRefused};
use use_cases::events::RedeliverRefused;
use use_cases::exports::ExportRefused;
use use_cases::message_report::ReportRefused;
use use_cases::providers::{ProviderNeeded, RotateRefused as RotateOfProviderRefused, WriteRefused as ProviderRefused};
use use_cases::record::NotRecorded;
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
        AmendRefused::PreconditionFailed(why) => why.into(),
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

pub(crate) fn refund(why: ChangeRefused<RefundRefused>) -> ApiProblem {
    change(why, |why, _| match why {
        RefundRefused::NoSuchAttempt => ApiProblem::not_found("attempt"),
        RefundRefused::NotFromThere => {
            let detail = "There is no such account of the payment's mode and currency.";
            ApiProblem::invalid(Problems::of("/outside/account_id", Rejection::new("unknown_account", detail)))
        }
        RefundRefused::NoSuchPayment => {
            let detail = "The link keeps no money of this attempt. What no link keeps goes back by itself, or is decided about on the attempt.";
            ApiProblem::conflict("no_payment", detail)
        }
        RefundRefused::Voided => ApiProblem::conflict(
            "receipt_voided",
            "The payment was written down by mistake, so there is no money of it.",
        ),
        RefundRefused::NotByGateway => {
            let detail = "No gateway took this money. Note with `outside` what you send back by other means.";
            ApiProblem::conflict("refund_outside_only", detail)
        }
        RefundRefused::NothingLeft => {
            ApiProblem::conflict("nothing_to_refund", "All of the payment went back, or is on its way.")
        }
        RefundRefused::TooMuch { left } => {
            let detail = format!("{left} is left of the payment, less what went back and what is on its way.");
            ApiProblem::invalid(Problems::of("/amount", Rejection::new("more_than_left", detail)))
        }
        RefundRefused::TooMany => {
            let detail = format!("{MAX_REFUNDS} refunds of one payment is the most there can be.");
            ApiProblem::conflict("too_many_refunds", detail)
        }
        RefundRefused::Gateway(CannotRefund::WholeOnly) => {
            let detail = "The gateway sends this payment back as a whole only. Note with `outside` what you send back by other means.";
            ApiProblem::conflict("refund_whole_only", detail)
        }
        RefundRefused::Gateway(CannotRefund::TooLate { minutes }) => {
            let detail = format!(
                "The gateway sends a payment back within {minutes} minutes only. Note with `outside` what you send back by other means."
            );
            ApiProblem::conflict("refund_too_late", detail)
        }
        RefundRefused::Gateway(CannotRefund::TooSmall { smallest }) => {
            let detail = format!("The gateway sends back {smallest} at least.");
            ApiProblem::invalid(Problems::of("/amount", Rejection::new("out_of_range", detail)))
        }
        RefundRefused::Gateway(CannotRefund::CredentialsMissing { names }) => {
            let names = names.join(", ");
            let detail = format!(
                "For this the gateway needs credentials that the account does not have: {names}. Give them, or note with `outside` what you send back by other means."
            );
            ApiProblem::conflict("refund_credentials_missing", detail)
        }
        RefundRefused::NotThen => {
            let detail = "The money went back after it was paid, and not later than now.";
            ApiProblem::invalid(Problems::of("/outside/refunded_at", Rejection::new("out_of_range", detail)))
        }
        RefundRefused::KeyReused => key_reused(),
        // The use case answers it as what it repeats.
        RefundRefused::Repeated(_) => ApiProblem::conflict("link_keeps_changing", "The link kept changing; try again."),
    })
}

pub(crate) fn record_payment(why: ChangeRefused<NotRecorded>) -> ApiProblem {
    change(why, |why, status| {
        let why = match why {
            NotRecorded::Refused(why) => why,
            NotRecorded::ReferenceUsedBefore(receipt) => {
                let detail = "Money with this reference is written down already, as the receipt that `conflicting_id` names. Send force: true to write it down all the same.";
                return ApiProblem::conflict("reference_used_before", detail).with_conflicting_id(receipt.as_str());
            }
        };
        let takes_none =
            |detail: &str| ApiProblem::conflict("link_takes_no_money", detail).with_current_status(status.name());
        let in_progress =
            |detail: &str| ApiProblem::conflict("payment_in_progress", detail).with_current_status(status.name());
        let invalid = |field: &str, code: &'static str, detail: String| {
            ApiProblem::invalid(Problems::of(field, Rejection::new(code, detail)))
        };
        match why {
            RecordPaymentRefused::Paid => takes_none("This link is paid already."),
            RecordPaymentRefused::Cancelled => takes_none("This link was cancelled; make another one."),
            RecordPaymentRefused::Replaced => {
                takes_none("Another link took the place of this one; write the payment down on that.")
            }
            RecordPaymentRefused::PaymentInProgress { can_force: true } => in_progress(
                "A customer may be paying right now. Send force: true to write it down all the same; money that arrives goes back.",
            ),
            RecordPaymentRefused::PaymentInProgress { can_force: false } => {
                in_progress("The customer has paid and the payment is being confirmed. Ask again in a minute.")
            }
            RecordPaymentRefused::UnderReview => in_progress(
                "The gateway has money of this link that a person has to decide about, and it may be the same. Decide about it, or send force: true.",
            ),
            RecordPaymentRefused::MoreThanIsDue { due } => {
                let detail = format!("{due} is due, and no more. Leave the amount out to write down that.");
                invalid("/amount", "more_than_is_due", detail)
            }
            RecordPaymentRefused::TooManyPayments { due } => {
                let detail =
                    format!("The link has so many payments that the next one is all that is due, which is {due}.");
                invalid("/amount", "too_many_payments", detail)
            }
            RecordPaymentRefused::NotToThere => {
                let detail = "There is no such account of the link's mode and currency.";
                invalid("/account_id", "unknown_account", detail.to_owned())
            }
            RecordPaymentRefused::NotThen => {
                let detail = "Money came within the last year, and not later than now.";
                invalid("/received_at", "out_of_range", detail.to_owned())
            }
            RecordPaymentRefused::KeyReused => key_reused(),
            // The use case answers it as what it repeats.
            RecordPaymentRefused::Repeated => {
                ApiProblem::conflict("link_keeps_changing", "The link kept changing; try again.")
            }
        }
    })
}

/// `what` is what the entry was looked for as.
pub(crate) fn void(why: ChangeRefused<VoidRefused>, what: &str) -> ApiProblem {
    if matches!(why, ChangeRefused::NoSuchLink) {
        return ApiProblem::not_found(what);
    }
    change(why, |why, _| match why {
        VoidRefused::NoSuchEntry => ApiProblem::not_found(what),
        VoidRefused::NotAnEntry => {
            let detail = "A gateway took this money or sent it back, and nobody wrote it down. Money is sent back with POST /v1/receipts/{id}/refunds.";
            ApiProblem::conflict("not_an_entry", detail)
        }
        VoidRefused::Refunded => {
            let detail = "Money of this payment went back. Void the receipts of what went back first.";
            ApiProblem::conflict("entry_refunded", detail)
        }
        VoidRefused::AlreadyVoided => ApiProblem::conflict("already_voided", "It is void already."),
    })
}

pub(crate) fn hold(why: ChangeRefused<HoldRefused>) -> ApiProblem {
    change(why, |why, status| match why {
        HoldRefused::NotActive => not_active(&status),
        HoldRefused::NotHeld => ApiProblem::conflict("not_held", "Nothing holds this link."),
        HoldRefused::NotUntilThen => {
            let detail = "A hold ends later than now, and within a year.";
            ApiProblem::invalid(Problems::of("/until", Rejection::new("out_of_range", detail)))
        }
    })
}

pub(crate) fn resolve_refund(why: ChangeRefused<ResolveRefundRefused>) -> ApiProblem {
    if matches!(why, ChangeRefused::NoSuchLink) {
        return ApiProblem::not_found("refund");
    }
    change(why, |why, _| match why {
        ResolveRefundRefused::NoSuchRefund => ApiProblem::not_found("refund"),
        ResolveRefundRefused::AtTheGateway => {
            let detail = "The gateway has the order and may still send the money. Have it asked once more.";
            ApiProblem::conflict("refund_undecided", detail)
        }
        ResolveRefundRefused::AnotherIsCalled => {
            let detail =
                "Another refund of this payment is being asked for. Try again when it is known what came of that.";
            ApiProblem::conflict("refund_undecided", detail)
        }
        ResolveRefundRefused::NotUnderReview => {
            let detail = "This refund needs no review. What no link keeps is decided about on its attempt.";
            ApiProblem::conflict("not_under_review", detail)
        }
    })
}

/// `what` is what the record is.
pub(crate) fn record(why: RecordRefused, what: &str) -> ApiProblem {
    match why {
        RecordRefused::NoSuchRecord => ApiProblem::not_found(what),
        RecordRefused::PreconditionFailed(why) => why.into(),
        RecordRefused::Invalid(problems) => ApiProblem::invalid(problems),
        RecordRefused::KeepsChanging(_) => {
            ApiProblem::conflict("record_keeps_changing", "The record kept changing; try again.")
        }
        RecordRefused::Store(error) => error.into(),
    }
}

pub(crate) fn business(why: BusinessRefused) -> ApiProblem {
    match why {
        BusinessRefused::Invalid(problems) => ApiProblem::invalid(problems),
        BusinessRefused::PreconditionFailed(why) => why.into(),
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
            let until = views::instant(until, &Settings::default());
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
        ReceiptTypeNeeded::Record(why) => record(why, "receipt type"),
    }
}

pub(crate) fn provider(why: ProviderRefused) -> ApiProblem {
    match why {
        ProviderRefused::Record(why) => record(why, "message provider"),
        ProviderRefused::Needed(why) => provider_needed(why),
    }
}

fn provider_needed(why: ProviderNeeded) -> ApiProblem {
    match why {
        ProviderNeeded::ForNumbers(prefix) => {
            let detail = format!("The settings name it for numbers that begin with {}.", prefix.as_str());
            ApiProblem::conflict("provider_in_use", detail)
        }
        ProviderNeeded::Store(error) => error.into(),
    }
}

pub(crate) fn rotate_of_provider(why: RotateOfProviderRefused) -> ApiProblem {
    match why {
        RotateOfProviderRefused::NoSuchProvider => ApiProblem::not_found("message provider"),
        RotateOfProviderRefused::NotSigned => {
            let detail = "Nothing that is sent to this provider is signed; its credentials are replaced by writing it.";
            ApiProblem::conflict("nothing_is_signed", detail)
        }
        RotateOfProviderRefused::KeyReused => key_reused(),
        RotateOfProviderRefused::KeepsChanging(_) => {
            ApiProblem::conflict("record_keeps_changing", "The provider kept changing; try again.")
        }
        RotateOfProviderRefused::Store(error) => error.into(),
    }
}

pub(crate) fn message_report(why: ReportRefused) -> ApiProblem {
    match why {
        ReportRefused::NoSuchMessage => ApiProblem::not_found("message"),
        ReportRefused::Time(rejection) => ApiProblem::invalid(Problems::of("/at", rejection)),
        ReportRefused::Refused(NotReported::NotHandedOver) => {
            let detail = "Nothing is known of this message having been handed to your line.";
            ApiProblem::conflict("message_not_handed_over", detail)
        }
        ReportRefused::Refused(NotReported::OtherProvider) => {
            let detail = "The last to be handed this message was another message provider than a line of your own.";
            ApiProblem::conflict("message_of_another_provider", detail)
        }
        ReportRefused::Refused(NotReported::TooLate) => {
            let detail = "A message is reported within a week after it was handed over.";
            ApiProblem::conflict("report_too_late", detail)
        }
        ReportRefused::KeepsChanging(_) => {
            ApiProblem::conflict("record_keeps_changing", "The message kept changing; try again.")
        }
        ReportRefused::Store(error) => error.into(),
    }
}

pub(crate) fn endpoint(why: EndpointRefused) -> ApiProblem {
    match why {
        EndpointRefused::TooMany => {
            let detail = format!("A business has at most {MAX_ENDPOINTS} endpoints.");
            ApiProblem::conflict("too_many_endpoints", detail)
        }
        EndpointRefused::Record(RecordRefused::KeepsChanging(_)) => endpoint_keeps_changing(),
        EndpointRefused::Record(why) => record(why, "webhook endpoint"),
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

pub(crate) fn batch(why: BatchRefused) -> ApiProblem {
    match why {
        BatchRefused::NoSuchBatch => ApiProblem::not_found("batch"),
        BatchRefused::KeyReused => key_reused(),
        BatchRefused::TooManyAtOnce => {
            let detail = format!(
                "At most {MOST_BATCHES_AT_ONCE} batches are at work at once; pause one, or wait until one is done."
            );
            ApiProblem::conflict("too_many_batches", detail)
        }
        BatchRefused::NotNow(BatchNotNow::NotNow { status }) => {
            let detail = format!("The batch is {status}, which does not lead there.");
            ApiProblem::conflict("batch_not_ready", detail).with_current_status(status)
        }
        BatchRefused::NotNow(BatchNotNow::RowsWrong { wrong }) => {
            let detail = format!("{wrong} rows are wrong. Correct them and check again, or skip them with skip_wrong.");
            ApiProblem::conflict("rows_wrong", detail)
        }
        BatchRefused::NotNow(BatchNotNow::NothingToMake) => {
            ApiProblem::conflict("nothing_to_make", "No row is left of which something could be made.")
        }
        BatchRefused::NotNow(BatchNotNow::CheckedAgain { check }) => {
            let detail = format!("The batch was checked once more: check {check} found something else, perhaps.");
            ApiProblem::conflict("checked_again", detail)
        }
        BatchRefused::NotNow(BatchNotNow::RowsGone) => {
            let detail = "The rows are kept for a week after they were checked. Begin another batch, of the same source where it is of a file.";
            ApiProblem::conflict("rows_gone", detail)
        }
        BatchRefused::KeepsChanging(_) => {
            ApiProblem::conflict("batch_keeps_changing", "The batch kept changing; try again.")
        }
        BatchRefused::Store(error) => error.into(),
    }
}

pub(crate) fn export(why: ExportRefused) -> ApiProblem {
    match why {
        ExportRefused::NoSuchExport => ApiProblem::not_found("export"),
        ExportRefused::KeyReused => key_reused(),
        ExportRefused::TooManyAtOnce => {
            let detail =
                format!("At most {MOST_AT_ONCE} exports are made at once; cancel one, or wait until one is done.");
            ApiProblem::conflict("too_many_exports", detail)
        }
        ExportRefused::Over { status } => {
            let detail = format!("Only an export that is not made yet can be cancelled; this one is {status}.");
            ApiProblem::conflict("export_over", detail).with_current_status(status)
        }
        ExportRefused::KeepsChanging(_) => {
            ApiProblem::conflict("export_keeps_changing", "The export kept changing; try again.")
        }
        ExportRefused::Store(error) => error.into(),
    }
}

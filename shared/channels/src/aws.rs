//! What SNS and SES have in common: how AWS says that it did not take a message over, and what that means in our words.
//!
//! The codes are those of SNS's `Publish` and SES's `SendEmail` in their API references, and of the lists of common
//! errors there. Only what is wrong with the message or its recipient is final. What is wrong with the account waits:
//! somebody can mend it, and the message then goes out.

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use domain::messages::delivery::SendOutcome;

use crate::{for_good, for_now};

/// Why AWS did not take a message over, or why an SMS did not arrive. `docs/messages.md` lists the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    // The recipient.
    NumberRefused,
    NumberBlocked,
    OptedOut,
    BlockedByRecipient,
    PhoneUnreachable,
    // The message.
    TextRefused,
    MessageRefused,
    BlockedAsSpam,
    BlockedByCarrier,
    NotDelivered,
    // The account: its owner can mend these.
    SenderRefused,
    SenderMissing,
    SenderNotVerified,
    AccountInSandbox,
    PermissionMissing,
    SetUpIncomplete,
    SendingPaused,
    SpendingLimitReached,
    QuotaUsedUp,
    // The moment.
    TooManyRequests,
    ProviderUnavailable,
    NoAnswer,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NumberRefused => "number_refused",
            Self::NumberBlocked => "number_blocked",
            Self::OptedOut => "opted_out",
            Self::BlockedByRecipient => "blocked_by_recipient",
            Self::PhoneUnreachable => "phone_unreachable",
            Self::TextRefused => "text_refused",
            Self::MessageRefused => "message_refused",
            Self::BlockedAsSpam => "blocked_as_spam",
            Self::BlockedByCarrier => "blocked_by_carrier",
            Self::NotDelivered => "not_delivered",
            Self::SenderRefused => "sender_refused",
            Self::SenderMissing => "sender_missing",
            Self::SenderNotVerified => "sender_not_verified",
            Self::AccountInSandbox => "account_in_sandbox",
            Self::PermissionMissing => "permission_missing",
            Self::SetUpIncomplete => "set_up_incomplete",
            Self::SendingPaused => "sending_paused",
            Self::SpendingLimitReached => "spending_limit_reached",
            Self::QuotaUsedUp => "quota_used_up",
            Self::TooManyRequests => "too_many_requests",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::NoAnswer => "no_answer",
        }
    }

    /// What a refusal for this reason means for the message.
    fn outcome(self) -> SendOutcome {
        match self {
            Self::NumberRefused
            | Self::NumberBlocked
            | Self::OptedOut
            | Self::BlockedByRecipient
            | Self::PhoneUnreachable
            | Self::TextRefused
            | Self::MessageRefused
            | Self::BlockedAsSpam
            | Self::BlockedByCarrier
            | Self::NotDelivered => for_good(self.as_str()),
            Self::SenderRefused
            | Self::SenderMissing
            | Self::SenderNotVerified
            | Self::AccountInSandbox
            | Self::PermissionMissing
            | Self::SetUpIncomplete
            | Self::SendingPaused
            | Self::SpendingLimitReached
            | Self::QuotaUsedUp
            | Self::TooManyRequests
            | Self::ProviderUnavailable
            | Self::NoAnswer => for_now(self.as_str()),
        }
    }
}

/// What it means that a call did not succeed. `own` reads what the service alone says, by its code and its text.
pub(crate) fn failure<E: ProvideErrorMetadata, R>(
    error: &SdkError<E, R>,
    own: impl FnOnce(&str, &str) -> Option<Reason>,
) -> SendOutcome {
    let Some(refusal) = error.as_service_error() else { return Reason::NoAnswer.outcome() };
    let Some(code) = refusal.code() else { return Reason::NoAnswer.outcome() };
    own(code, refusal.message().unwrap_or_default()).unwrap_or_else(|| common(code)).outcome()
}

/// What every service says alike. What nobody documents may pass.
fn common(code: &str) -> Reason {
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "KMSAccessDenied"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Reason::PermissionMissing,
        "KMSDisabled" | "KMSInvalidState" | "KMSNotFound" | "KMSOptInRequired" | "NotFound" | "OptInRequired" => {
            Reason::SetUpIncomplete
        }
        "KMSThrottling"
        | "RequestThrottled"
        | "Throttled"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => Reason::TooManyRequests,
        _ => Reason::ProviderUnavailable,
    }
}

/// Whether a code says that a value of the call was not taken.
pub(crate) fn is_about_a_value(code: &str) -> bool {
    matches!(
        code,
        "InvalidParameter"
            | "InvalidParameterCombination"
            | "InvalidParameterValue"
            | "MissingParameter"
            | "ParameterValueInvalid"
            | "ValidationError"
            | "ValidationException"
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_sdk_sns::error::ErrorMetadata;
    use aws_sdk_sns::operation::publish::PublishError;

    use super::*;

    /// The answer of AWS with this code and this text, as the adapter `own` reads it.
    pub(crate) fn answered(code: &str, text: &str, own: impl FnOnce(&str, &str) -> Option<Reason>) -> SendOutcome {
        let error = PublishError::generic(ErrorMetadata::builder().code(code).message(text).build());
        failure(&SdkError::service_error(error, ()), own)
    }

    #[test]
    fn what_the_account_lacks_waits_until_somebody_mends_it() {
        let of = |code| answered(code, "", |_, _| None);
        for (code, reason) in [
            ("AuthorizationError", "permission_missing"),
            ("AccessDeniedException", "permission_missing"),
            ("KMSAccessDenied", "permission_missing"),
            ("KMSDisabled", "set_up_incomplete"),
            ("OptInRequired", "set_up_incomplete"),
            ("KMSThrottling", "too_many_requests"),
            ("ThrottlingException", "too_many_requests"),
            ("InternalFailure", "provider_unavailable"),
            ("InternalError", "provider_unavailable"),
            ("SomethingNew", "provider_unavailable"),
        ] {
            assert_eq!(of(code), for_now(reason), "{code}");
        }
    }
}

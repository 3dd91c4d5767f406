//! How far Paylink has looked at the lists of an account's gateway.

use domain::business::look_back::{LookBack, LookBackFailure};
use domain::business::settings::Settings;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{instant, one_of};

one_of! { LookBackReasonName, "Why the lists could not be read: the gateway `refused` the account's credentials, or does not let them see refunds or disputes; it was `unavailable`; they have `too_much` to be read; or they were read, and there are `payments_unanswered`, of which they show something new.", LookBackFailure::NAMES }

/// How far Paylink has looked at the gateway's own lists of refunds and disputes, which it does once a day. What is seen there is
/// asked about and written down, as when the gateway calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LookBack)]
pub struct LookBackView {
    #[schema(pattern = "^look_back$")]
    object: &'static str,
    account_id: String,
    /// When the last look began that read the lists to their end; null before the first one.
    #[schema(format = DateTime)]
    succeeded_at: Option<String>,
    /// Since when none came to its end, or null where the last one did.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    #[schema(value_type = Option<LookBackReasonName>)]
    failure_reason: Option<&'static str>,
    /// The gateway's own code, where it refused and gave one.
    failure_code: Option<String>,
}

impl LookBackView {
    pub fn new(look: &LookBack, settings: &Settings) -> Self {
        let failing = look.failing.as_ref();
        Self {
            object: "look_back",
            account_id: look.account.to_string(),
            succeeded_at: look.succeeded_at.map(|at| instant(at, settings)),
            failing_since: failing.map(|failing| instant(failing.since, settings)),
            failure_reason: failing.map(|failing| failing.reason.name()),
            failure_code: failing.and_then(|failing| failing.reason.code()).map(str::to_owned),
        }
    }
}

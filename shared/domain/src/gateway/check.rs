//! What a gateway says of an account when it is asked before anybody pays.

/// What is known of one thing that a gateway takes or refuses of an account. Codes are the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The gateway takes it.
    Accepted,
    /// The gateway refuses it.
    Refused { code: String },
    /// The gateway refuses this or another of an account's things, and does not say which.
    RefusedWithAnother { code: String },
    /// The gateway refused the call for something else, which says nothing of this.
    NotReached { code: String },
    /// There was no answer that can be read.
    Unanswered,
    /// The gateway does not say anything of this, whatever it is asked.
    Untold,
}

/// What a finding comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingStatus {
    Accepted,
    Refused,
    Unknown,
}

/// What a gateway says of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCheck {
    /// Those that payments need. What only refunds and webhooks need is asked about by nobody.
    pub credentials: Finding,
    /// The host of the address that customers come back to.
    pub callback_host: Finding,
    /// The address that our calls come from, or those of the account's relay.
    pub server_address: Finding,
}

impl FindingStatus {
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Unknown];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl Finding {
    /// Unknown is never refused.
    pub fn status(&self) -> FindingStatus {
        match self {
            Self::Accepted => FindingStatus::Accepted,
            Self::Refused { .. } | Self::RefusedWithAnother { .. } => FindingStatus::Refused,
            Self::NotReached { .. } | Self::Unanswered | Self::Untold => FindingStatus::Unknown,
        }
    }

    /// The gateway's own code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code } | Self::RefusedWithAnother { code } | Self::NotReached { code } => Some(code),
            Self::Accepted | Self::Unanswered | Self::Untold => None,
        }
    }
}

impl AccountCheck {
    /// The gateway takes all three.
    pub fn accepted() -> Self {
        Self { credentials: Finding::Accepted, callback_host: Finding::Accepted, server_address: Finding::Accepted }
    }

    /// The gateway refuses the credentials, or the merchant whose they are, and got no further.
    pub fn credentials_refused(code: String) -> Self {
        Self { credentials: Finding::Refused { code: code.clone() }, ..Self::not_reached(&code) }
    }

    /// The gateway refuses the host and got no further.
    pub fn callback_host_refused(code: String) -> Self {
        Self { callback_host: Finding::Refused { code: code.clone() }, ..Self::not_reached(&code) }
    }

    /// The gateway refuses the address that the call came from and got no further.
    pub fn server_address_refused(code: String) -> Self {
        Self { server_address: Finding::Refused { code: code.clone() }, ..Self::not_reached(&code) }
    }

    /// The same at a gateway that says nothing of hosts, whatever it is asked.
    #[must_use]
    pub fn without_callback_host(self) -> Self {
        Self { callback_host: Finding::Untold, ..self }
    }

    /// The gateway gave no answer that can be read, so that nothing is known.
    pub fn unanswered() -> Self {
        Self {
            credentials: Finding::Unanswered,
            callback_host: Finding::Unanswered,
            server_address: Finding::Unanswered,
        }
    }

    /// The gateway refused the call with this code, which says nothing of the three.
    pub fn not_reached(code: &str) -> Self {
        let finding = || Finding::NotReached { code: code.to_owned() };
        Self { credentials: finding(), callback_host: finding(), server_address: finding() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_never_refused() {
        for unknown in [AccountCheck::unanswered(), AccountCheck::not_reached("45")] {
            let AccountCheck { credentials, callback_host, server_address } = unknown;
            for finding in [credentials, callback_host, server_address, Finding::Untold] {
                assert_eq!(finding.status(), FindingStatus::Unknown, "{finding:?}");
            }
        }
    }
}

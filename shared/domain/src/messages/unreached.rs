//! Why somebody who was named is not told.

use serde::{Deserialize, Serialize};

/// Why somebody who was named is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreachedReason {
    /// No person at the contact has this role.
    NobodyHasThisRole,
    /// The person has no address on any of the channels.
    NoAddress,
    /// An address was typed whose channel the message does not use.
    ChannelNotUsed,
    /// No bot is set up for the network of a social address.
    NetworkNotConnected,
    /// Neither SNS nor a provider of the settings takes SMS to this number.
    NumberNotServed,
    /// The provider of the address, or its country, takes approved templates only, and the message has words of its
    /// own.
    OnlyApprovedTemplates,
    /// SMS to this country come from a name that is registered there, and the settings do not say that there is one.
    SenderIdNotRegistered,
    /// SMS to this country come from a number of the account's own, and the settings do not say that there is one.
    OriginationNumberMissing,
    /// This country takes registered texts only, and the settings do not say that there is one.
    TextNotRegistered,
    /// The address is none of its network, which was set up after the address was kept.
    InvalidAddress,
}

impl UnreachedReason {
    pub const ALL: [UnreachedReason; 10] = [
        Self::NobodyHasThisRole,
        Self::NoAddress,
        Self::ChannelNotUsed,
        Self::NetworkNotConnected,
        Self::NumberNotServed,
        Self::OnlyApprovedTemplates,
        Self::SenderIdNotRegistered,
        Self::OriginationNumberMissing,
        Self::TextNotRegistered,
        Self::InvalidAddress,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NobodyHasThisRole => "nobody_has_this_role",
            Self::NoAddress => "no_address",
            Self::ChannelNotUsed => "channel_not_used",
            Self::NetworkNotConnected => "network_not_connected",
            Self::NumberNotServed => "number_not_served",
            Self::OnlyApprovedTemplates => "only_approved_templates",
            Self::SenderIdNotRegistered => "sender_id_not_registered",
            Self::OriginationNumberMissing => "origination_number_missing",
            Self::TextNotRegistered => "text_not_registered",
            Self::InvalidAddress => "invalid_address",
        }
    }
}

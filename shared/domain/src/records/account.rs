//! A financial account of the business: where the money arrives and through which gateway.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::gateway::{GatewayKind, Mode};
use crate::ids::{AccountId, CredentialsVersion};
use crate::money::Currency;
use crate::problem::{Rejection, parse_word};
use crate::records::relay::RelayAddress;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub currency: Currency,
    pub mode: Mode,
    pub online_payment: OnlinePayment,
}

/// The guide's "intermediary payment": only accounts where it is on can be named by a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlinePayment {
    pub enabled: bool,
    /// An account that takes no online payment needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayKind>,
    /// The version of the credentials that new attempts begin with; none were given yet where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsVersion>,
    /// The names of those of that version that not every account has: what it can do beside taking money. Who holds them
    /// reads them; who only writes them knows by this that they are there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub optional_credentials: BTreeSet<String>,
    /// The relay of that version, as far as it is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayAddress>,
    pub late_payment: LatePayment,
    /// Whether customers see the business's own page, with a button, before the gateway's.
    #[serde(default)]
    pub summary_page: bool,
    /// Whether more than the gateway takes at once can be asked for, and is paid in parts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub split_large_amounts: bool,
}

/// What happens to money that arrives after the link expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatePayment {
    /// It pays the link.
    Accept,
    /// It goes back to the payer.
    #[default]
    Refund,
}

impl LatePayment {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &[Self::Accept, Self::Refund], Self::as_str, "unknown_choice")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Refund => "refund",
        }
    }
}

/// The gateway of an account, with the credentials to use it: what an account needs before a link can be made on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayAccess<'a> {
    pub gateway: GatewayKind,
    pub credentials: &'a CredentialsVersion,
}

impl Account {
    /// The gateway that a new link on this account is paid at, or why the account cannot be chosen.
    pub fn gateway_access(&self) -> Result<GatewayAccess<'_>, Rejection> {
        if !self.online_payment.enabled {
            return Err(Rejection::new(
                "online_payment_disabled",
                format!("Online payment is not enabled on the account {}.", self.id),
            ));
        }
        self.configured_gateway()
    }

    /// The gateway that the account has, whether or not links may be made on it, or why it has none.
    pub fn configured_gateway(&self) -> Result<GatewayAccess<'_>, Rejection> {
        match (self.online_payment.gateway, &self.online_payment.credentials) {
            (Some(gateway), Some(credentials)) => Ok(GatewayAccess { gateway, credentials }),
            (None, _) | (Some(_), None) => Err(Rejection::new(
                "gateway_credentials_missing",
                format!("The account {} has no gateway with credentials yet.", self.id),
            )),
        }
    }

    /// The names of those credentials that not every account has, where the account still is at a gateway and in a mode.
    pub fn optional_credentials_at(&self, gateway: GatewayKind, mode: Mode) -> Option<&BTreeSet<String>> {
        self.credentials_at(gateway, mode).map(|_| &self.online_payment.optional_credentials)
    }

    /// The credentials that a new attempt of an older link begins with: the present ones where the account still is at
    /// the gateway and in the mode that the link was made in.
    pub fn credentials_at(&self, gateway: GatewayKind, mode: Mode) -> Option<&CredentialsVersion> {
        let same = self.online_payment.gateway == Some(gateway) && self.mode == mode;
        self.online_payment.credentials.as_ref().filter(|_| same)
    }
}

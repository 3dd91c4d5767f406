//! What the rules need to know about each gateway, and what a gateway can answer. How it is asked is the business of the crate
//! `gateways`.

mod aftermath;
mod answer;
mod check;
mod credential_field;
mod mode;
mod profile;
mod rulebook;
mod rules;

pub use aftermath::{
    Aftermath, AftermathAnswer, DisputeState, ListedChange, ListedState, ShownDispute, ShownRefund, ShownState,
};
pub use answer::{Decline, Fee, FeePayer, GatewayAnswer, NotPaidCause, NotPaidReason, Payment, RefundAnswer};
pub use check::{AccountCheck, Finding, FindingStatus};
pub use credential_field::{Alphabet, CredentialField, Form};
pub use mode::Mode;
pub use profile::{CannotRefund, GatewayKind, LookUp, Network, Profile, RefundKind, RefundMethod, Webhooks};
pub use rulebook::{AmountLimits, GatewayRulebook};
pub use rules::GatewayRules;

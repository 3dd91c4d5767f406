//! What others say about an attempt. None of it decides anything.

use crate::gateway::NotPaidCause;

/// What made us look at an attempt. It is a hint and never decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A return or a webhook says that the customer paid.
    Paid,
    /// A return or a webhook says that the customer did not.
    NotPaid,
    /// A webhook says that something became of the money, and not what: the customer may have paid, or a refund may be
    /// done.
    Changed,
    /// Nobody said anything. The schedule asks because the attempt is due.
    Nothing,
}

impl Hint {
    /// Whether it can stand for a payment, so that the gateway is worth asking whatever was known before.
    pub fn may_mean_paid(self) -> bool {
        match self {
            Self::Paid | Self::Changed => true,
            Self::NotPaid | Self::Nothing => false,
        }
    }
}

/// What a customer's return says, and the reference in it that confirming needs at some gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnData {
    pub hint: Hint,
    /// See [`super::attempt::Attempt::return_reference`].
    pub return_reference: Option<String>,
    /// Why the customer did not pay, where a gateway that cannot be asked says so by the return alone.
    pub not_paid: Option<NotPaidCause>,
}

impl From<Hint> for ReturnData {
    fn from(hint: Hint) -> Self {
        Self { hint, return_reference: None, not_paid: None }
    }
}

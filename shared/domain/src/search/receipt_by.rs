//! By what a receipt was found.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptBy {
    GatewayReference,
    /// The last four digits of the card.
    Card,
    /// In the currency's minor unit.
    Amount,
    /// Of Rial.
    AmountInToman,
    /// With decimals, of a currency that has some.
    AmountInMainUnit,
}

impl ReceiptBy {
    pub const ALL: [Self; 5] =
        [Self::GatewayReference, Self::Card, Self::Amount, Self::AmountInToman, Self::AmountInMainUnit];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::GatewayReference => "gateway_reference",
            Self::Card => "card",
            Self::Amount => "amount",
            Self::AmountInToman => "amount_in_toman",
            Self::AmountInMainUnit => "amount_in_main_unit",
        }
    }
}

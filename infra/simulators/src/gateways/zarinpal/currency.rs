//! The two units in which the gateway counts.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Currency {
    Irr,
    /// Toman: ten rials.
    Irt,
}

impl Currency {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Irr => "IRR",
            Self::Irt => "IRT",
        }
    }

    /// Rials in one unit.
    pub(super) fn rials(self) -> u64 {
        match self {
            Self::Irr => 1,
            Self::Irt => 10,
        }
    }

    pub(super) fn in_rials(self, amount: u64) -> u64 {
        amount.saturating_mul(self.rials())
    }
}

//! What a business used of the stack in a span of time, for whoever is paid for it or pays for it: its links by what became of
//! them, its receipts, and its messages with the segments of SMS. Sums of money are exact and in one currency each.

use std::collections::BTreeMap;

use crate::gateway::Mode;
use crate::link::LinkStatusKind;
use crate::messages::channel::Channel;
use crate::messages::delivery::Metered;
use crate::messages::provider_profile::ProviderKind;
use crate::money::Money;

/// How many, and how much money they are about in the currency's minor unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub count: u64,
    pub amount: i64,
}

impl Sum {
    fn add(&mut self, money: Money) {
        self.count += 1;
        // No business asks for nine quintillion of anything.
        self.amount = self.amount.saturating_add(money.minor_units());
    }
}

/// How many messages providers took over, and how many segments those had that are SMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageSum {
    pub count: u64,
    pub segments: u64,
}

/// What was used, with the code of each currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Links made in the span, by what became of them until now.
    pub links: BTreeMap<(Mode, LinkStatusKind, &'static str), Sum>,
    /// Receipts registered in the span, of whichever links.
    pub receipts: BTreeMap<(Mode, &'static str), Sum>,
    /// Messages that a provider took over in the span. One that did not arrive later has been paid for all the same.
    pub messages: BTreeMap<(Channel, ProviderKind), MessageSum>,
}

impl Usage {
    pub fn add_link(&mut self, mode: Mode, status: LinkStatusKind, amount: Money) {
        self.links.entry((mode, status, amount.currency().code())).or_default().add(amount);
    }

    pub fn add_receipt(&mut self, mode: Mode, money: Money) {
        self.receipts.entry((mode, money.currency().code())).or_default().add(money);
    }

    pub fn add_message(&mut self, message: Metered) {
        let sum = self.messages.entry((message.channel, message.provider)).or_default();
        sum.count += 1;
        sum.segments += u64::from(message.segments);
    }
}

//! The records that a create request is decided on.

use std::collections::BTreeMap;

use crate::business::settings::Settings;
use crate::gateway::{GatewayRulebook, Mode};
use crate::ids::ReceiptTypeId;
use crate::messages::message_template::MessageTemplate;
use crate::messages::provider::MessageProviders;
use crate::messages::routing::MessageRouter;
use crate::money::Money;
use crate::records::account::Account;
use crate::records::contact::Contact;
use crate::records::item::Item;
use crate::records::item_payments::ItemPayments;
use crate::records::receipt_type::ReceiptType;

/// The records that the request names, as they are once the link is made: what it brings along is in them. One of those
/// that is missing has its problem reported already.
#[derive(Clone, Copy, Debug)]
pub struct CreateContext<'a> {
    pub account: Option<&'a Account>,
    pub contact: Option<&'a Contact>,
    pub item: Option<&'a Item>,
    /// What was paid for that item, by mode and the code of the currency.
    pub item_payments: &'a BTreeMap<(Mode, &'static str), ItemPayments>,
    pub receipt_types: &'a BTreeMap<ReceiptTypeId, ReceiptType>,
    pub templates: &'a [MessageTemplate],
    pub settings: &'a Settings,
    pub providers: &'a MessageProviders,
    pub gateways: &'a GatewayRulebook,
    /// Whether the business may take no new payments.
    pub is_suspended: bool,
}

impl<'a> CreateContext<'a> {
    /// What was paid for the item in the mode and the currency of an account. Where there is none yet, in live mode.
    pub(crate) fn paid_for(self, item: &Item, account: Option<&Account>) -> ItemPayments {
        let currency = item.due.map(|due| due.amount).or(item.amount).map(Money::currency);
        let mode = account.map_or(Mode::Live, |account| account.mode);
        currency.and_then(|currency| self.item_payments.get(&(mode, currency.code()))).cloned().unwrap_or_default()
    }

    pub(crate) fn router(self) -> MessageRouter<'a> {
        MessageRouter { settings: self.settings, providers: self.providers }
    }
}

//! What was agreed when a link was made. It is a copy, so that no later change of a record can break a link.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::plan::PaymentPlan;
use crate::business::reminders::ReminderMoment;
use crate::gateway::{GatewayKind, Mode};
use crate::ids::{AccountId, ContactId, CredentialsVersion, FieldKey, ItemId, ReceiptTypeId, ReferenceId};
use crate::locale::Locale;
use crate::messages::choice::MessageChoice;
use crate::messages::kind::MessageKind;
use crate::messages::message::MessageContext;
use crate::messages::recipients::{Recipient, Unreached};
use crate::money::Money;
use crate::records::account::LatePayment;
use crate::records::item_payments::ItemGuard;

/// The longest life of a link. Longer ones are typing mistakes, and every link is watched while it lives.
pub const LONGEST_DAYS: i64 = 730;

/// What was agreed when the link was made. It is a copy: later changes of a record cannot break a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub mode: Mode,
    pub account: AccountTerms,
    pub contact: ContactTerms,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemTerms>,
    pub amount: Money,
    pub amount_source: AmountSource,
    /// In which parts it may be paid. `None` where it is paid at once.
    #[serde(rename = "payment_plan", default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PaymentPlan>,
    /// Exclusive.
    pub expires_at: Timestamp,
    /// Until when the customer owes the money, exclusive. It may lie before or after the end of the link, and changes
    /// nothing about whether the link can be paid. (`due_at` of the table's items is when there is work to do.)
    #[serde(rename = "owed_until", default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What only the CRM reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_note: Option<String>,
    pub after_payment: AfterPayment,
    pub message: MessageChoice,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<Unreached>,
    /// When people are reminded, where the link says so itself: with no moment at all never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminders: Option<Vec<ReminderMoment>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<ReferenceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The language of messages and pages, where the request or the contact named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTerms {
    pub id: AccountId,
    pub name: String,
    pub gateway: GatewayKind,
    pub credentials: CredentialsVersion,
    pub late_payment: LatePayment,
    /// Whether the customer sees what is to be paid, and a button, before the gateway.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub summary_page: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactTerms {
    pub id: ContactId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemTerms {
    pub id: ItemId,
    pub title: String,
    /// `None` of an item without an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<ItemGuard>,
}

/// Where the amount came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountSource {
    Request,
    /// What the CRM says is still owed of the item.
    AmountDue,
    Item,
    Balance,
}

impl AmountSource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::AmountDue => "amount_due",
            Self::Item => "item",
            Self::Balance => "balance",
        }
    }
}

/// What is recorded once the money is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterPayment {
    /// What most links say is not worth its bytes on each of them.
    #[serde(default = "usually", skip_serializing_if = "is_usual")]
    pub register_receipt: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_type_id: Option<ReceiptTypeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_field: Option<FieldKey>,
    /// Whether those are told of payments and refunds who were told of the link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_receipt: bool,
}

fn usually() -> bool {
    true
}

fn is_usual(registers: &bool) -> bool {
    *registers
}

impl Terms {
    /// What messages can say of a link on these terms that is paid at this address, and of which so much is due.
    pub fn message_context<'a>(&'a self, url: &'a str, due: Money) -> MessageContext<'a> {
        MessageContext {
            kind: MessageKind::LinkCreated,
            mode: self.mode,
            account_name: &self.account.name,
            contact_name: &self.contact.name,
            item_title: self.item.as_ref().map(|item| item.title.as_str()),
            amount: due,
            expires_at: self.expires_at,
            due_at: self.due_at,
            description: self.description.as_deref(),
            reference_id: self.reference_id.as_ref(),
            locale: self.locale.as_ref(),
            url,
        }
    }
}

/// Where a link is paid: the scheme and host that it was made under, and its token.
pub fn pay_url(base: &str, token: &str) -> String {
    format!("{base}/p/{token}")
}

/// Where a receipt is read: the scheme and host that its link was made under, and its code.
pub(super) fn receipt_url(base: &str, code: &str) -> String {
    format!("{base}/r/{code}")
}

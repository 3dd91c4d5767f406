//! A create request after its fields were read one by one.

use std::collections::BTreeMap;

use crate::address::{Email, Mobile, SocialAddress};
use crate::business::reminders::ReminderMoment;
use crate::ids::{AccountId, ContactId, FieldKey, ItemId, ReceiptTypeId, ReferenceId, Role};
use crate::locale::Locale;
use crate::messages::channel::Channel;
use crate::messages::recipients::{ChosenPerson, Recipient, RecipientSelection};
use crate::messages::template::MessageText;
use crate::money::Currency;
use crate::problem::{Field, Rejection, parse_word};
use crate::records::contact::ContactChange;
use crate::records::item::ItemChange;
use crate::requests::due_date::DueDate;
use crate::requests::expiry::Expiry;

/// A create request after its fields were read one by one.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub account_id: Field<AccountId>,
    pub contact_id: Field<ContactId>,
    pub item_id: Field<ItemId>,
    /// What the request says about the contact and the item, where it brings them along with their ids.
    pub contact: Option<ContactChange>,
    pub item: Option<ItemChange>,
    pub amount: Field<i64>,
    pub payment_plan: Field<PlanRequest>,
    pub when_paid_elsewhere: Field<WhenPaidElsewhere>,
    pub currency: Field<Currency>,
    pub expires_at: Field<Expiry>,
    pub expires_in_days: Field<Expiry>,
    /// None where the link has none, also where its item has one.
    pub due_at: Field<Option<DueDate>>,
    pub description: Field<String>,
    pub internal_note: Field<String>,
    pub recipients: Recipients,
    pub after_payment: AfterPaymentRequest,
    pub message: MessageRequest,
    /// When people are reminded, in the place of what the settings say.
    pub reminders: Field<Vec<ReminderMoment>>,
    pub reference_id: Field<ReferenceId>,
    pub return_url: Field<String>,
    pub locale: Field<Locale>,
    pub metadata: Field<BTreeMap<String, String>>,
}

/// What becomes of a link once its item is paid otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenPaidElsewhere {
    /// No more is taken for the item than is due.
    #[default]
    Block,
    /// The link is paid whatever was paid otherwise.
    Ignore,
}

impl WhenPaidElsewhere {
    pub const ALL: [Self; 2] = [Self::Block, Self::Ignore];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Ignore => "ignore",
        }
    }
}

/// In which parts the link may be paid, as the request says it.
#[derive(Clone, Debug)]
pub enum PlanRequest {
    /// In minor units.
    Minimum(i64),
    Parts(Vec<PartRequest>),
}

/// One part with a date of its own.
#[derive(Clone, Copy, Debug)]
pub struct PartRequest {
    /// In minor units.
    pub amount: i64,
    pub due_at: DueDate,
}

#[derive(Clone, Debug, Default)]
pub struct Recipients {
    pub contact: Field<bool>,
    pub roles: Field<Vec<Role>>,
    pub people: Field<Vec<ChosenPerson>>,
    pub mobiles: Field<Vec<Mobile>>,
    pub emails: Field<Vec<Email>>,
    pub social: Field<Vec<SocialAddress>>,
    /// Those of another link, at the addresses at which they were told then, where nobody is named anew.
    pub former: Vec<Recipient>,
}

impl Recipients {
    /// Everybody named; what could not be read is reported already.
    pub fn selection(&self) -> RecipientSelection {
        RecipientSelection {
            contact: self.contact.as_ref().value().copied().unwrap_or(false),
            roles: self.roles.clone().value().unwrap_or_default(),
            people: self.people.clone().value().unwrap_or_default(),
            mobiles: self.mobiles.clone().value().unwrap_or_default(),
            emails: self.emails.clone().value().unwrap_or_default(),
            social: self.social.clone().value().unwrap_or_default(),
        }
    }

    pub(crate) fn any_refused(&self) -> bool {
        matches!(self.contact, Field::Refused)
            || matches!(self.roles, Field::Refused)
            || matches!(self.people, Field::Refused)
            || matches!(self.mobiles, Field::Refused)
            || matches!(self.emails, Field::Refused)
            || matches!(self.social, Field::Refused)
    }
}

#[derive(Clone, Debug, Default)]
pub struct AfterPaymentRequest {
    pub register_receipt: Field<bool>,
    /// Nothing takes the type away.
    pub receipt_type_id: Field<Option<ReceiptTypeId>>,
    /// Nothing attaches the receipt to no field.
    pub receipt_field: Field<Option<FieldKey>>,
    pub send_receipt: Field<bool>,
}

#[derive(Clone, Debug, Default)]
pub struct MessageRequest {
    pub mode: Field<MessageMode>,
    pub channels: Field<Vec<Channel>>,
    /// The texts that were given, also those that were refused.
    pub texts: BTreeMap<Channel, Field<MessageText>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageMode {
    #[default]
    Default,
    Custom,
}

impl MessageMode {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &[Self::Default, Self::Custom], Self::as_str, "unknown_choice")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Custom => "custom",
        }
    }
}

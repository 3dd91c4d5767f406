//! A message as it is handed over to a channel, and what it can say of a link.

use jiff::Timestamp;

use crate::gateway::Mode;
use crate::ids::ReferenceId;
use crate::locale::Locale;
use crate::messages::approved_template::FilledTemplate;
use crate::messages::kind::MessageKind;
use crate::money::Money;

/// A message ready to be handed to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub subject: Option<String>,
    pub text: String,
    pub html: Option<String>,
    /// What is sent instead of the text to a provider that approved it beforehand.
    pub approved: Option<FilledTemplate>,
}

/// What a message can say of a link, whether that is made already or not.
#[derive(Clone, Copy, Debug)]
pub struct MessageContext<'a> {
    pub kind: MessageKind,
    pub mode: Mode,
    pub account_name: &'a str,
    pub contact_name: &'a str,
    pub item_title: Option<&'a str>,
    pub amount: Money,
    pub expires_at: Timestamp,
    /// Until when the money is owed, exclusive.
    pub due_at: Option<Timestamp>,
    pub description: Option<&'a str>,
    pub reference_id: Option<&'a ReferenceId>,
    pub locale: Option<&'a Locale>,
    /// Where the link is paid, or the receipt is.
    pub url: &'a str,
}

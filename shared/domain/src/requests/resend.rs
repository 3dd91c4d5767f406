//! Sending the messages of a link once more: a round.

use jiff::Timestamp;

use crate::business::settings::Settings;
use crate::link::MessageRound;
use crate::link::PaymentLink;
use crate::messages::channel::Channel;
use crate::messages::choice::MessageChoice;
use crate::messages::compose::{MessageSources, preview};
use crate::messages::message_template::MessageTemplate;
use crate::messages::provider::MessageProviders;
use crate::messages::recipients::{DeliveryOptions, ResolvedRecipients, check_people, resolve, told_again};
use crate::messages::routing::MessageRouter;
use crate::problem::{Field, Problems};
use crate::records::contact::Contact;
use crate::requests::create::{MessageRequest, Recipients, decide_message};

/// The recipients and the texts of a round. What is left out is as it was when the link was made.
#[derive(Clone, Debug, Default)]
pub struct ResendRequest {
    pub recipients: Recipients,
    pub message: Field<MessageRequest>,
}

/// What a round is decided on.
#[derive(Clone, Copy, Debug)]
pub struct ResendContext<'a> {
    /// The link's contact, if it is still there.
    pub contact: Option<&'a Contact>,
    pub templates: &'a [MessageTemplate],
    pub settings: &'a Settings,
    pub providers: &'a MessageProviders,
}

impl<'a> ResendContext<'a> {
    fn router(self) -> MessageRouter<'a> {
        MessageRouter { settings: self.settings, providers: self.providers }
    }
}

/// One more round of messages about a link, or every problem of it at once. `problems` carries what reading the body found.
pub fn decide(
    request: &ResendRequest,
    link: &PaymentLink,
    records: ResendContext<'_>,
    now: Timestamp,
    mut problems: Problems,
) -> Result<MessageRound, Problems> {
    let found = &mut problems;
    let message = match &request.message {
        Field::Value(message) => decide_message(message, found),
        Field::Absent => Some(link.terms().message.clone()),
        Field::Refused => None,
    };
    let Some(message) = message else { return Err(problems) };
    let notified = decide_recipients(request, link, &message, records, found);
    let used = |channel: &Channel| notified.recipients.iter().any(|recipient| recipient.channel == *channel);
    let channels: Vec<Channel> = message.channels().into_iter().filter(used).collect();
    let url = link.url();
    let sources = MessageSources { templates: records.templates, router: records.router() };
    preview(
        &link.terms().message_context(&url, link.amount_due()),
        &message,
        &channels,
        &notified.recipients,
        sources,
        found,
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(MessageRound { version: 0, at: now, message, recipients: notified.recipients, unreached: notified.unreached })
}

fn decide_recipients(
    request: &ResendRequest,
    link: &PaymentLink,
    message: &MessageChoice,
    records: ResendContext<'_>,
    problems: &mut Problems,
) -> ResolvedRecipients {
    let selection = request.recipients.selection();
    if request.recipients.any_refused() {
        return ResolvedRecipients::default();
    }
    let channels = message.channels();
    let options = DeliveryOptions { channels: &channels, wording: message.wording(), router: records.router() };
    let known = problems.as_slice().len();
    let notified = if selection.is_empty() {
        told_again(&link.terms().recipients, options, link.id(), link.next_round())
    } else {
        match records.contact {
            Some(contact) => {
                check_people(&selection, contact, &channels, problems);
                resolve(&selection, contact, options, link.id(), link.next_round())
            }
            None if selection.names_people() => {
                let detail = "The contact was deleted; name numbers or addresses instead.";
                problems.refuse("/recipients", "unknown_contact", detail);
                return ResolvedRecipients::default();
            }
            // Addresses typed by hand need nothing of the contact.
            None => resolve(&selection, &nobody(link), options, link.id(), link.next_round()),
        }
    };
    if notified.recipients.is_empty() && problems.as_slice().len() == known {
        problems.add("/recipients", notified.nobody_reachable());
    }
    notified
}

/// A contact without people or addresses in the place of one that is gone.
fn nobody(link: &PaymentLink) -> Contact {
    let contact = &link.terms().contact;
    Contact {
        id: contact.id.clone(),
        name: contact.name.clone(),
        profile_url: None,
        locale: None,
        mobile: None,
        email: None,
        social: Vec::new(),
        balance: None,
        no_reminders: false,
        people: Vec::new(),
    }
}

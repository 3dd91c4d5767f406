//! Writing the message that tells of a link: in the words of the request, else of the business, else of the product.

use crate::calendar::display_end;
use crate::gateway::Mode;
use crate::link::PaymentLink;
use crate::message::{MessageEvent, shipped};
use crate::problem::Rejection;
use crate::recipients::Channel;
use crate::settings::Settings;
use crate::template::{MessageText, Rendered, Values, html_of};

/// A message ready to be handed to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub subject: Option<String>,
    pub text: String,
    pub html: Option<String>,
}

/// Writes the message that tells of a link. `own` is the request's text for this channel, else the business's own text
/// for the channel and the locale, where there is one.
pub fn compose(
    link: &PaymentLink,
    channel: Channel,
    own: Option<&MessageText>,
    settings: &Settings,
) -> Result<Message, Rejection> {
    let terms = link.terms();
    let language = terms.locale.as_ref().unwrap_or(&settings.default_locale).language();
    let shipped_text;
    let text = match own {
        Some(text) => text,
        None => {
            shipped_text = shipped(MessageEvent::LinkCreated, channel, language)?;
            &shipped_text
        }
    };
    let url = link.url();
    let Rendered { subject, body } = text.render(&Values {
        account_name: terms.account.name.clone(),
        amount: terms.amount.display(language, settings.rial_alone),
        business_name: settings.business_name.clone(),
        contact_name: terms.contact.name.clone(),
        description: terms.description.clone().unwrap_or_default(),
        expires_at: display_end(terms.expires_at, &settings.zone(), language),
        item_title: terms.item.as_ref().map(|item| item.title.clone()).unwrap_or_default(),
        link: url.clone(),
        reference_id: terms.reference_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
    })?;
    // Nobody may take a rehearsal for a demand.
    let mark = |text: String| match terms.mode {
        Mode::Live => text,
        Mode::Sandbox => format!("[TEST] {text}"),
    };
    let text = mark(body);
    let html = match channel {
        Channel::Sms => None,
        Channel::Email => Some(html_of(&text, &url, language)?),
    };
    Ok(Message { subject: subject.map(mark), text, html })
}

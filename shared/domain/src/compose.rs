//! Writing the message that tells of a link: in the words of the request, else of the business, else of the product.

use jiff::Timestamp;

use crate::gateway::Mode;
use crate::ids::ReferenceId;
use crate::link::{PaymentLink, Terms};
use crate::locale::Locale;
use crate::message::{MessageChoice, MessageEvent, MessageTemplate, saved, shipped};
use crate::money::Money;
use crate::problem::{Problems, Rejection};
use crate::recipients::Channel;
use crate::settings::Settings;
use crate::sms::SmsLength;
use crate::template::{Amount, End, MessageText, Rendered, TextProblem, Values, html_of};

/// A message ready to be handed to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub subject: Option<String>,
    pub text: String,
    pub html: Option<String>,
}

/// A message as it is sent on one channel, and how long it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub channel: Channel,
    pub message: Message,
    /// Only an SMS has a length that anybody pays for.
    pub sms: Option<SmsLength>,
}

/// What a message can say of a link, whether that is made already or not.
#[derive(Clone, Copy, Debug)]
pub struct Matter<'a> {
    pub mode: Mode,
    pub account_name: &'a str,
    pub contact_name: &'a str,
    pub item_title: Option<&'a str>,
    pub amount: Money,
    pub expires_at: Timestamp,
    pub description: Option<&'a str>,
    pub reference_id: Option<&'a ReferenceId>,
    pub locale: Option<&'a Locale>,
    /// Where the link is paid.
    pub url: &'a str,
}

impl<'a> Matter<'a> {
    pub fn of(terms: &'a Terms, url: &'a str) -> Self {
        Self {
            mode: terms.mode,
            account_name: &terms.account.name,
            contact_name: &terms.contact.name,
            item_title: terms.item.as_ref().map(|item| item.title.as_str()),
            amount: terms.amount,
            expires_at: terms.expires_at,
            description: terms.description.as_deref(),
            reference_id: terms.reference_id.as_ref(),
            locale: terms.locale.as_ref(),
            url,
        }
    }

    /// The language of the messages, where nobody asked for one that of the business.
    fn locale<'b>(&'b self, settings: &'b Settings) -> &'b Locale {
        self.locale.unwrap_or(&settings.default_locale)
    }
}

/// Writes the message that tells of a link. `own` is the request's text for this channel, else the business's own text
/// for the channel and the locale, where there is one.
pub fn compose(
    link: &PaymentLink,
    channel: Channel,
    own: Option<&MessageText>,
    settings: &Settings,
) -> Result<Message, Rejection> {
    let (terms, url) = (link.terms(), link.url());
    write(&Matter::of(terms, &url), channel, own, settings).map_err(|problem| problem.rejection)
}

/// Writes the messages on these channels exactly as they would be sent, and reports what cannot be: a text that its values
/// break, and an SMS of more segments than the business pays for. Whoever decides that messages go out, when a link is
/// made or afterwards, asks here first, so that nothing of it is discovered at delivery.
pub fn preview(
    matter: &Matter<'_>,
    choice: &MessageChoice,
    channels: &[Channel],
    templates: &[MessageTemplate],
    settings: &Settings,
    problems: &mut Problems,
) -> Vec<Preview> {
    let mut previews = Vec::new();
    for channel in channels {
        let custom = choice.custom_text(*channel);
        // A problem of a text that the request did not bring is one of the choice to send it.
        let at = |part: &str| match custom {
            Some(_) => format!("/message/{}/{part}", channel.as_str()),
            None => "/message".to_owned(),
        };
        let own = || saved(templates, MessageEvent::LinkCreated, *channel, matter.locale(settings));
        let message = match write(matter, *channel, custom.or_else(own), settings) {
            Ok(message) => message,
            Err(problem) => {
                problems.add(at(problem.part), problem.rejection);
                continue;
            }
        };
        let sms = match channel {
            Channel::Sms => Some(SmsLength::of(&message.text)),
            Channel::Email => None,
            Channel::Social => {
                if let Err(rejection) = check_social(&message.text) {
                    problems.add(at("body"), rejection);
                }
                None
            }
        };
        if let Some(Err(rejection)) = sms.map(|length| settings.max_sms_segments.check(length)) {
            problems.add(at("body"), rejection);
        }
        previews.push(Preview { channel: *channel, message, sms });
    }
    previews
}

/// A bot sends at most so much at once, counted as Telegram counts it: in units of UTF-16.
const LONGEST_SOCIAL: usize = 4096;

fn check_social(text: &str) -> Result<(), Rejection> {
    let length = text.encode_utf16().count();
    if length <= LONGEST_SOCIAL {
        return Ok(());
    }
    let detail = format!("The message has {length} characters, and a network takes at most {LONGEST_SOCIAL}.");
    Err(Rejection::new("too_long", detail))
}

fn write(
    matter: &Matter<'_>,
    channel: Channel,
    text: Option<&MessageText>,
    settings: &Settings,
) -> Result<Message, TextProblem> {
    let of_body = |rejection: Rejection| TextProblem { part: "body", rejection };
    let language = matter.locale(settings).language();
    let shipped_text;
    let text = match text {
        Some(text) => text,
        None => {
            shipped_text = shipped(MessageEvent::LinkCreated, channel, language).map_err(of_body)?;
            &shipped_text
        }
    };
    let Rendered { subject, body } = text.render(&Values {
        account_name: matter.account_name.to_owned(),
        amount: Amount::new(matter.amount, language, settings.rial_alone),
        business_name: settings.business_name.clone(),
        contact_name: matter.contact_name.to_owned(),
        description: matter.description.unwrap_or_default().to_owned(),
        expires_at: End::new(matter.expires_at, settings.zone(), language),
        item_title: matter.item_title.unwrap_or_default().to_owned(),
        link: matter.url.to_owned(),
        reference_id: matter.reference_id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
    })?;
    // Nobody may take a rehearsal for a demand.
    let mark = |text: String| match matter.mode {
        Mode::Live => text,
        Mode::Sandbox => format!("[TEST] {text}"),
    };
    let text = mark(body);
    let html = match channel {
        Channel::Sms | Channel::Social => None,
        Channel::Email => Some(html_of(&text, matter.url, language).map_err(of_body)?),
    };
    Ok(Message { subject: subject.map(mark), text, html })
}

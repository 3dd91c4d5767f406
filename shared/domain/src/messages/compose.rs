//! Writing the message that tells of a link: in the words of the request, else of the business, else of the product.

use crate::business::brand::BrandColor;
use crate::business::settings::Settings;
use crate::gateway::Mode;
use crate::ids::ProviderId;
use crate::locale::Locale;
use crate::messages::approved_template::ApprovedTemplate;
use crate::messages::built_in::{built_in_sms, built_in_text};
use crate::messages::channel::Channel;
use crate::messages::choice::{MessageChoice, Wording};
use crate::messages::kind::MessageKind;
use crate::messages::message::{Message, MessageContext};
use crate::messages::message_template::{MessageTemplate, saved_text};
use crate::messages::provider::MessageProvider;
use crate::messages::recipients::Recipient;
use crate::messages::routing::{MessageRouter, Route};
use crate::messages::sms::{SmsLength, in_its_alphabet};
use crate::messages::template::{Amount, End, Letter, MessageText, Rendered, TextProblem, Values};
use crate::problem::{Problems, Rejection};

/// A message as it is sent on one channel, and how long it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub channel: Channel,
    /// The provider, where it has words of its own: those of a template that it approved.
    pub provider: Option<ProviderId>,
    pub message: Message,
    /// Only an SMS has a length that anybody pays for.
    pub sms: Option<SmsLength>,
}

impl MessageContext<'_> {
    /// The language of the messages, where nobody asked for one that of the business.
    pub fn locale<'b>(&'b self, settings: &'b Settings) -> &'b Locale {
        self.locale.unwrap_or(&settings.default_locale)
    }
}

/// The sources of the words of messages, and the router that chooses which provider delivers them.
#[derive(Clone, Copy, Debug)]
pub struct MessageSources<'a> {
    pub templates: &'a [MessageTemplate],
    pub router: MessageRouter<'a>,
}

impl<'a> MessageSources<'a> {
    /// The request's own text for a channel, where it asks to pay, else the business's for the channel and the locale, where there is one.
    fn text(
        self,
        kind: MessageKind,
        choice: &'a MessageChoice,
        channel: Channel,
        locale: &Locale,
    ) -> Option<&'a MessageText> {
        let own = choice.custom_text(channel).filter(|_| kind == MessageKind::LinkCreated);
        own.or_else(|| saved_text(self.templates, kind, channel, locale))
    }
}

/// Writes the message that tells somebody of a link, in the form that the provider of its route needs.
pub fn compose(
    context: &MessageContext<'_>,
    choice: &MessageChoice,
    channel: Channel,
    route: Route<'_>,
    sources: MessageSources<'_>,
) -> Result<Message, Rejection> {
    let settings = sources.router.settings;
    let locale = context.locale(settings);
    route.check_language(locale, settings)?;
    match route.template_for(context.kind, choice.wording(), locale) {
        Some(template) => fill(context, template, settings),
        None => {
            let is_registered = route.takes_registered_texts_only();
            write(context, channel, sources.text(context.kind, choice, channel, locale), settings, is_registered)
                .map_err(|problem| problem.rejection)
        }
    }
}

/// Writes a message that somebody gets later: of a payment, of a refund, or that reminds, in the words of the business, else of
/// the product. `None` where the route takes only words that somebody approved or registered, and none of these are of this kind.
pub fn compose_later(
    context: &MessageContext<'_>,
    channel: Channel,
    route: Route<'_>,
    sources: MessageSources<'_>,
) -> Option<Result<Message, Rejection>> {
    let settings = sources.router.settings;
    let locale = context.locale(settings);
    if let Some(template) = route.template_for(context.kind, Wording::Default, locale) {
        return Some(fill(context, template, settings));
    }
    let is_registered = route.takes_registered_texts_only();
    let own = saved_text(sources.templates, context.kind, channel, locale);
    if !route.takes_texts()
        || !route.knows_text()
        || is_registered && (own.is_none() || route.check_language(locale, settings).is_err())
    {
        return None;
    }
    let written = write(context, channel, own, settings, is_registered);
    // Nobody could try the business's own words with these values before.
    let is_too_long = |message: &Message| {
        channel == Channel::Sms && settings.max_sms_segments.check(SmsLength::of(&message.text)).is_err()
    };
    let written = match written {
        Ok(message) if own.is_some() && !is_registered && is_too_long(&message) => {
            write(context, channel, None, settings, is_registered)
        }
        written => written,
    };
    Some(written.map_err(|problem| problem.rejection))
}

/// Writes the messages on these channels exactly as they would be sent, and reports what cannot be: a text that its
/// values break, and an SMS of more segments than the business pays for. Every use case that sends messages, when a
/// link is made or afterwards, calls this first, so that no such problem is discovered only at delivery.
pub fn preview(
    context: &MessageContext<'_>,
    choice: &MessageChoice,
    channels: &[Channel],
    recipients: &[Recipient],
    sources: MessageSources<'_>,
    problems: &mut Problems,
) -> Vec<Preview> {
    let locale = context.locale(sources.router.settings);
    if let Err(rejection) = check_languages(choice, recipients, sources.router, locale) {
        problems.refuse("/message", rejection.code, rejection.detail);
    }
    let approving = approving(choice, recipients, sources.router, locale);
    let mut previews = Vec::new();
    for channel in channels {
        let is_approved = |recipient: &&Recipient| {
            let provider = provider_of(recipient, choice, sources.router);
            provider.is_some_and(|provider| approving.iter().any(|(approving, _)| approving.id == provider.id))
        };
        let mut of_channel = recipients.iter().filter(|recipient| recipient.channel == *channel).peekable();
        // Nobody gets the text where all get a template.
        if of_channel.peek().is_none() || !of_channel.all(|recipient| is_approved(&recipient)) {
            // Where some get it as it is registered and others in fewer characters, the longer one is shown.
            let is_registered = recipients.iter().filter(|recipient| recipient.channel == *channel).any(|recipient| {
                route_of(recipient, choice, sources.router).is_some_and(Route::takes_registered_texts_only)
            });
            previews.extend(preview_text(context, choice, *channel, sources, is_registered, problems));
        }
        for (provider, template) in approving.iter().filter(|(provider, _)| provider.config.channel() == *channel) {
            let message = problems.check("/message", fill(context, template, sources.router.settings)).value();
            let preview =
                |message| Preview { channel: *channel, provider: Some(provider.id.clone()), message, sms: None };
            previews.extend(message.map(preview));
        }
    }
    previews
}

/// Refuses a language of which the country of a recipient has registered no text.
fn check_languages(
    choice: &MessageChoice,
    recipients: &[Recipient],
    router: MessageRouter<'_>,
    locale: &Locale,
) -> Result<(), Rejection> {
    let mut routes = recipients.iter().filter_map(|recipient| route_of(recipient, choice, router));
    routes.try_for_each(|route| route.check_language(locale, router.settings))
}

/// The providers of these recipients that send an approved template, each once.
fn approving<'a>(
    choice: &MessageChoice,
    recipients: &[Recipient],
    router: MessageRouter<'a>,
    locale: &Locale,
) -> Vec<(&'a MessageProvider, &'a ApprovedTemplate)> {
    let mut found: Vec<(&MessageProvider, &ApprovedTemplate)> = Vec::new();
    for provider in recipients.iter().filter_map(|recipient| provider_of(recipient, choice, router)) {
        if let Some(template) = provider.config.template_for(MessageKind::LinkCreated, choice.wording(), locale)
            && !found.iter().any(|(known, _)| known.id == provider.id)
        {
            found.push((provider, template));
        }
    }
    found
}

fn provider_of<'a>(
    recipient: &Recipient,
    choice: &MessageChoice,
    router: MessageRouter<'a>,
) -> Option<&'a MessageProvider> {
    route_of(recipient, choice, router)?.provider()
}

fn route_of<'a>(recipient: &Recipient, choice: &MessageChoice, router: MessageRouter<'a>) -> Option<Route<'a>> {
    let Recipient { channel, network, to, .. } = recipient;
    router.route(*channel, network.as_ref(), to, choice.wording()).ok()
}

fn preview_text(
    context: &MessageContext<'_>,
    choice: &MessageChoice,
    channel: Channel,
    sources: MessageSources<'_>,
    is_registered: bool,
    problems: &mut Problems,
) -> Option<Preview> {
    let settings = sources.router.settings;
    // A problem of a text that the request did not bring is one of the choice to send it.
    let at = |part: &str| match choice.custom_text(channel) {
        Some(_) => format!("/message/{}/{part}", channel.as_str()),
        None => "/message".to_owned(),
    };
    let text = sources.text(context.kind, choice, channel, context.locale(settings));
    let message = match write(context, channel, text, settings, is_registered) {
        Ok(message) => message,
        Err(problem) => {
            problems.add(at(problem.part), problem.rejection);
            return None;
        }
    };
    let (sms, fits) = match channel {
        Channel::Sms => {
            let length = SmsLength::of(&message.text);
            (Some(length), settings.max_sms_segments.check(length))
        }
        Channel::Email => (None, Ok(())),
        Channel::Social => (None, check_social(&message.text)),
    };
    if let Err(rejection) = fits {
        problems.add(at("body"), rejection);
    }
    Some(Preview { channel, provider: None, message, sms })
}

/// The longest text that a bot can send in one message, counted as Telegram counts it: in UTF-16 code units.
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
    context: &MessageContext<'_>,
    channel: Channel,
    text: Option<&MessageText>,
    settings: &Settings,
    is_registered: bool,
) -> Result<Message, TextProblem> {
    let of_body = |rejection: Rejection| TextProblem { part: "body", rejection };
    let language = context.locale(settings).language();
    let values = values(context, settings);
    let mark = |text: String| marked(text, context.mode);
    let Rendered { subject, body } = match (text, channel) {
        (Some(text), _) if is_registered => text.render_bare(&values)?,
        (Some(text), _) => text.render(&values)?,
        (None, Channel::Sms) if is_registered => {
            built_in_text(context.kind, channel, language).map_err(of_body)?.render_bare(&values)?
        }
        (None, Channel::Sms) => {
            let texts = built_in_sms(context.kind, language).map_err(of_body)?;
            let written = texts.iter().map(|text| text.render(&values)).collect::<Result<Vec<_>, _>>()?;
            fitting(written, |body| SmsLength::of(&in_its_alphabet(mark(body.to_owned()))), settings)
        }
        (None, Channel::Email | Channel::Social) => {
            built_in_text(context.kind, channel, language).map_err(of_body)?.render(&values)?
        }
    };
    let text = match channel {
        // Operators compare a registered text character by character.
        Channel::Sms if !is_registered => in_its_alphabet(mark(body)),
        Channel::Sms | Channel::Email | Channel::Social => mark(body),
    };
    let html = match channel {
        Channel::Sms | Channel::Social => None,
        Channel::Email => {
            // It is at the address of the link, because whoever writes a message knows no other of the business's pages.
            let logo = settings.logo_hash.as_ref().map(|_| format!("{}/logo", context.url));
            let letter = Letter {
                body: &text,
                link: context.url,
                kind: context.kind,
                language,
                business: &settings.business_name,
                logo: logo.as_deref(),
                color: settings.brand_color.unwrap_or(BrandColor::DEFAULT),
                amount: context.amount,
                rial_alone: settings.rial_alone,
            };
            Some(letter.html().map_err(of_body)?)
        }
    };
    Ok(Message { subject: subject.map(mark), text, html, approved: None })
}

/// As many segments as an SMS of ours takes where it can say less.
const SEGMENTS: usize = 2;

/// The first of these texts, of which each says less than the one before it, that fits [`SEGMENTS`], or what the business
/// pays for where that is less. Where none does, the first that is no longer than the last.
fn fitting(texts: Vec<Rendered>, length: impl Fn(&str) -> SmsLength, settings: &Settings) -> Rendered {
    let shortest = texts.last().map_or(SEGMENTS, |last| length(&last.body).segments);
    let most = SEGMENTS.min(settings.max_sms_segments.segments()).max(shortest);
    let fits = |text: &Rendered| length(&text.body).segments <= most;
    texts.into_iter().find(fits).unwrap_or_else(|| Rendered { subject: None, body: String::new() })
}

/// Fills in an approved template. The text consists of the values of its placeholders and of where its button leads,
/// because the provider alone knows the words around them.
fn fill(context: &MessageContext<'_>, template: &ApprovedTemplate, settings: &Settings) -> Result<Message, Rejection> {
    let mut filled = template.fill(&values(context, settings))?;
    if context.mode == Mode::Sandbox {
        // The mark must not touch the link, because it could become a part of the address.
        if let Some(value) = filled.values_mut().find(|value| !value.contains(context.url)) {
            *value = marked(std::mem::take(value), context.mode);
        } else if let Some(value) = filled.values_mut().last() {
            value.push_str(" [TEST]");
        }
    }
    // A button leads to the link.
    let link = filled.button.as_ref().map(|_| context.url);
    let text = filled.values().chain(link).collect::<Vec<_>>().join("\n");
    Ok(Message { subject: None, text, html: None, approved: Some(filled) })
}

/// The mark keeps a recipient from taking a sandbox message for a real request to pay.
fn marked(text: String, mode: Mode) -> String {
    match mode {
        Mode::Live => text,
        Mode::Sandbox => format!("[TEST] {text}"),
    }
}

fn values(context: &MessageContext<'_>, settings: &Settings) -> Values {
    let language = context.locale(settings).language();
    Values {
        account_name: context.account_name.to_owned(),
        amount: Amount::new(context.amount, language, settings.rial_alone),
        business_name: settings.business_name.clone(),
        contact_name: context.contact_name.to_owned(),
        description: context.description.unwrap_or_default().to_owned(),
        due_at: End::new(context.due_at, settings.zone(), language),
        expires_at: End::new(Some(context.expires_at), settings.zone(), language),
        item_title: context.item_title.unwrap_or_default().to_owned(),
        link: context.url.to_owned(),
        reference_id: context.reference_id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LinkId, MessageId, PayToken};
    use crate::messages::provider::MessageProviders;
    use crate::messages::sms_route::{NumberPrefix, SmsCarrier, SmsRoute, SnsOrigination};
    use crate::money::{Currency, Money};

    #[test]
    fn a_registered_text_is_sent_and_shown_as_it_was_written() {
        let body = "Pay\u{a0}now,\u{200e} {{ contact.name }}: {{ link }}";
        let locale = Locale::parse("en").unwrap();
        let template = MessageTemplate {
            kind: MessageKind::LinkCreated,
            channel: Channel::Sms,
            locale: locale.clone(),
            text: MessageText::parse(Channel::Sms, None, body).unwrap(),
        };
        let route = |prefix: &str| SmsRoute {
            prefix: NumberPrefix::parse(prefix).unwrap(),
            carrier: SmsCarrier::Sns(SnsOrigination::default()),
        };
        let settings = Settings { sms_routes: vec![route("+86")], default_locale: locale, ..Settings::default() };
        let providers = MessageProviders::new();
        let router = MessageRouter { settings: &settings, providers: &providers };
        let templates = [template];
        let sources = MessageSources { templates: &templates, router };
        let context = MessageContext {
            kind: MessageKind::LinkCreated,
            mode: Mode::Live,
            account_name: "Main",
            contact_name: "Sara",
            item_title: None,
            amount: Money::new(10_000, Currency::IRR).unwrap(),
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            due_at: None,
            description: None,
            reference_id: None,
            locale: None,
            url: "https://x.example/p/1",
        };
        let registered = "Pay\u{a0}now,\u{200e} Sara: https://x.example/p/1";
        let plain = "Pay now, Sara: https://x.example/p/1";
        for (numbers, shown) in [
            (&["+8613800000000"][..], registered),
            (&["+4915112345678"], plain),
            (&["+4915112345678", "+8613800000000"], registered),
        ] {
            let recipient = |to: &&str| Recipient {
                id: MessageId::of(&LinkId::of(&PayToken::from_random([1; 16])), 0, "sms", to),
                channel: Channel::Sms,
                network: None,
                to: (*to).to_owned(),
                people: Vec::new(),
                stands_in_for: Vec::new(),
            };
            let recipients: Vec<Recipient> = numbers.iter().map(recipient).collect();
            let mut problems = Problems::default();
            let choice = MessageChoice::Default { channels: vec![Channel::Sms] };
            let previews = preview(&context, &choice, &[Channel::Sms], &recipients, sources, &mut problems);
            assert_eq!(previews.iter().map(|one| one.message.text.as_str()).collect::<Vec<_>>(), [shown]);
            for recipient in &recipients {
                let route = route_of(recipient, &choice, router).unwrap();
                let sent = compose(&context, &choice, Channel::Sms, route, sources).unwrap();
                let expected = if recipient.to.starts_with("+86") { registered } else { plain };
                assert_eq!(sent.text, expected);
            }
        }
    }
}

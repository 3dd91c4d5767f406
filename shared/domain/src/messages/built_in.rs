//! The texts for messages that are built in.

use crate::locale::Language;
use crate::messages::channel::Channel;
use crate::messages::kind::MessageKind;
use crate::messages::template::MessageText;
use crate::problem::Rejection;

/// What the built-in texts mention, and the variables or tags that each stands for. The texts are Fluent, in which braces
/// mean something else, so they do not hold the variables themselves.
const STANDS_FOR: [(&str, &str); 10] = [
    ("amount", "{{ amount }}"),
    ("short_amount", "{{ amount | short }}"),
    ("business", "{{ business.name }}"),
    ("contact", "{{ contact.name }}"),
    ("description", "{{ description }}"),
    ("due_at", "{{ due_at }}"),
    ("expires_at", "{{ expires_at }}"),
    ("link", "{{ link }}"),
    ("if_description", "{% if description %}"),
    ("end", "{% endif %}"),
];

/// The built-in text for a kind, a channel and a language: of an SMS the one that says most.
pub fn built_in_text(kind: MessageKind, channel: Channel, language: Language) -> Result<MessageText, Rejection> {
    text_of(&key_of(kind, channel), channel, language)
}

/// The built-in texts of an SMS, each of which says less than the one before it: first no end, then only who asks for how
/// much.
pub fn built_in_sms(kind: MessageKind, language: Language) -> Result<[MessageText; 3], Rejection> {
    let key = key_of(kind, Channel::Sms);
    let text = |end: &str| text_of(&format!("{key}{end}"), Channel::Sms, language);
    Ok([text("")?, text("-without-end")?, text("-shortest")?])
}

fn key_of(kind: MessageKind, channel: Channel) -> String {
    format!("{}-{}", kind.as_str().replace('_', "-"), channel.as_str())
}

fn text_of(key: &str, channel: Channel, language: Language) -> Result<MessageText, Rejection> {
    let body = language.say(key, &STANDS_FOR);
    let subject = match channel {
        Channel::Sms | Channel::Social => None,
        Channel::Email => Some(language.say(&format!("{key}-subject"), &STANDS_FOR)),
    };
    MessageText::parse(channel, subject.as_deref(), &body).map_err(|problems| {
        let reason = problems.into_iter().next().map(|problem| problem.rejection.detail).unwrap_or_default();
        Rejection::new("invalid_template", reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_time_zone;
    use crate::messages::sms::{SmsEncoding, SmsLength, in_its_alphabet};
    use crate::messages::template::{Amount, End, Values};
    use crate::money::{Currency, Money};

    #[test]
    fn every_built_in_text_passes_the_checks_of_a_text_from_outside() {
        for (kind, language) in kinds_and_languages() {
            for channel in Channel::ALL {
                assert!(built_in_text(kind, channel, language).is_ok(), "{kind:?} {channel:?} {language:?}");
            }
        }
    }

    fn kinds_and_languages() -> impl Iterator<Item = (MessageKind, Language)> {
        MessageKind::ALL.into_iter().flat_map(|kind| Language::ALL.into_iter().map(move |language| (kind, language)))
    }

    fn texts((kind, language): (MessageKind, Language)) -> Vec<MessageText> {
        let written = Channel::ALL.into_iter().map(|channel| built_in_text(kind, channel, language).unwrap());
        built_in_sms(kind, language).unwrap().into_iter().chain(written).collect()
    }

    #[test]
    fn every_built_in_text_has_the_link_alone_on_a_line() {
        for text in kinds_and_languages().flat_map(texts) {
            assert!(text.body().lines().any(|line| line == "{{ link }}"), "{}", text.body());
            assert_eq!(text.body().matches("link }}").count(), 1, "{}", text.body());
        }
    }

    #[test]
    fn every_sms_says_whose_it_is_and_how_much_and_ends_with_the_link() {
        for (kind, language) in kinds_and_languages() {
            for text in built_in_sms(kind, language).unwrap() {
                assert!(text.body().contains("{{ business.name }}") && text.body().contains("{{ amount"), "{text:?}");
                assert_eq!(text.body().lines().last(), Some("{{ link }}"), "{text:?}");
            }
        }
    }

    #[test]
    fn a_built_in_text_holds_the_variables_that_a_business_would_write() {
        let text = built_in_text(MessageKind::LinkCreated, Channel::Sms, Language::FA).unwrap();
        let lines = "{{ business.name }}\nلطفاً {{ amount | short }}{% if description %} بابت {{ description }}{% endif %} را تا \
                     {{ expires_at }} پرداخت کنید:\n{{ link }}";
        assert_eq!(text.body(), lines);
        let text = built_in_text(MessageKind::LinkCreated, Channel::Email, Language::AR).unwrap();
        assert_eq!(text.subject(), Some("طلب دفع {{ amount }} من {{ business.name }}"));
    }

    /// The longest address that AWS gives an API by itself, and the longest name that is promised to fit beside it.
    const HOST: &str = "0123456789.execute-api.cn-northwest-1.amazonaws.com.cn";
    const NAME: usize = 20;

    /// A long amount of a currency, and a letter of the language.
    fn long(language: Language) -> (Money, &'static str) {
        let (code, units, letter) = match language.code() {
            "fa" => ("IRR", 9_999_999_990, "ش"),
            "ar" => ("SAR", 9_999_999, "ش"),
            _ => ("KES", 9_999_999_990, "m"),
        };
        (Money::new(units, Currency::parse(code).unwrap()).unwrap(), letter)
    }

    /// The built-in texts of an SMS, filled in.
    fn sms(kind: MessageKind, language: Language, host: &str, name: usize, description: &str) -> Vec<String> {
        let (amount, letter) = long(language);
        let end = "2026-12-01T00:00:00+03:30".parse().unwrap();
        let values = Values {
            account_name: "حساب".to_owned(),
            amount: Amount::new(amount, language, false),
            business_name: letter.repeat(name),
            contact_name: "مشتری".to_owned(),
            description: description.to_owned(),
            due_at: End::new(Some(end), parse_time_zone("Asia/Tehran").unwrap(), language),
            expires_at: End::new(Some(end), parse_time_zone("Asia/Tehran").unwrap(), language),
            item_title: String::new(),
            link: format!("https://{host}/p/2222222222222222222222"),
            reference_id: String::new(),
        };
        let texts = built_in_sms(kind, language).unwrap();
        texts.iter().map(|text| in_its_alphabet(text.render(&values).unwrap().body)).collect()
    }

    #[test]
    fn the_shortest_sms_fits_two_segments_at_every_address_that_aws_gives_by_itself() {
        for (kind, language) in kinds_and_languages() {
            let texts = sms(kind, language, HOST, NAME, "");
            let shortest = texts.last().unwrap();
            assert!(SmsLength::of(shortest).segments <= 2, "{shortest}");
        }
    }

    #[test]
    fn at_a_host_of_its_own_an_sms_has_room_for_the_purpose_and_the_end() {
        for (language, purpose) in [
            (Language::FA, "فاکتور ۷۷"),
            (Language::EN, "Invoice 77 of October and November"),
            (Language::AR, "الفاتورة ٧٧"),
        ] {
            for kind in MessageKind::ALL {
                let text = sms(kind, language, "pay.shop.example", 12, purpose).swap_remove(0);
                assert!(text.contains(purpose) && SmsLength::of(&text).segments <= 2, "{text}");
            }
        }
    }

    #[test]
    fn an_english_sms_is_in_the_short_alphabet_whatever_the_currency() {
        for code in crate::gateway::GatewayKind::ALL.into_iter().flat_map(|gateway| gateway.profile().currencies) {
            let amount = Money::new(123_456_789, Currency::parse(code).unwrap()).unwrap();
            for language in [Language::EN, Language::of("en-IN").unwrap()] {
                let text = in_its_alphabet(amount.display(language, false));
                assert_eq!(SmsLength::of(&text).encoding, SmsEncoding::Gsm7, "{text}");
            }
        }
        for text in MessageKind::ALL.into_iter().flat_map(|kind| sms(kind, Language::EN, HOST, NAME, "Invoice 77")) {
            assert_eq!(SmsLength::of(&text).encoding, SmsEncoding::Gsm7, "{text}");
        }
    }
}

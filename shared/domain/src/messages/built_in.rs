//! The texts for messages that are built in.

use crate::locale::Language;
use crate::messages::channel::Channel;
use crate::messages::kind::MessageKind;
use crate::messages::template::MessageText;
use crate::problem::Rejection;

/// What the built-in texts mention, and the variables or tags that each stands for. The texts are Fluent, in which braces
/// mean something else, so they do not hold the variables themselves.
const STANDS_FOR: [(&str, &str); 9] = [
    ("amount", "{{ amount }}"),
    ("short_amount", "{{ amount | short }}"),
    ("business", "{{ business.name }}"),
    ("contact", "{{ contact.name }}"),
    ("description", "{{ description }}"),
    ("expires_at", "{{ expires_at }}"),
    ("link", "{{ link }}"),
    ("if_description", "{% if description %}"),
    ("end", "{% endif %}"),
];

/// The built-in text for a kind, a channel and a language.
pub fn built_in_text(kind: MessageKind, channel: Channel, language: Language) -> Result<MessageText, Rejection> {
    let key = format!("{}-{}", kind.as_str().replace('_', "-"), channel.as_str());
    let body = language.say(&key, &STANDS_FOR);
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
    use crate::messages::sms::SmsLength;
    use crate::messages::template::{Amount, End, Values};
    use crate::money::{Currency, Money};

    #[test]
    fn every_built_in_text_passes_the_checks_of_a_text_from_outside() {
        for language in Language::ALL {
            for channel in Channel::ALL {
                assert!(built_in_text(MessageKind::LinkCreated, channel, language).is_ok(), "{channel:?} {language:?}");
            }
        }
    }

    #[test]
    fn every_built_in_text_has_the_link_alone_on_a_line() {
        for language in Language::ALL {
            for channel in Channel::ALL {
                let text = built_in_text(MessageKind::LinkCreated, channel, language).unwrap();
                assert!(text.body().lines().any(|line| line == "{{ link }}"), "{channel:?} {language:?}");
                assert_eq!(text.body().matches("link }}").count(), 1, "{channel:?} {language:?}");
            }
        }
    }

    #[test]
    fn a_built_in_text_holds_the_variables_that_a_business_would_write() {
        let text = built_in_text(MessageKind::LinkCreated, Channel::Sms, Language::FA).unwrap();
        let lines = "{{ business.name }}\n{{ amount | short }}{% if description %}\nبابت {{ description }}{% endif %}\n{{ link }}";
        assert_eq!(text.body(), lines);
        let text = built_in_text(MessageKind::LinkCreated, Channel::Email, Language::AR).unwrap();
        assert_eq!(text.subject(), Some("طلب دفع من {{ business.name }}"));
    }

    /// The built-in Persian SMS. `host` and `name` are the lengths in characters of the host and the business's name.
    fn persian_sms(host: usize, name: usize, description: &str) -> String {
        let text = built_in_text(MessageKind::LinkCreated, Channel::Sms, Language::FA).unwrap();
        let amount = Money::new(9_999_999_990, Currency::IRR).unwrap();
        let end = "2026-12-01T00:00:00+03:30".parse().unwrap();
        let values = Values {
            account_name: "حساب".to_owned(),
            amount: Amount::new(amount, Language::FA, false),
            business_name: "ش".repeat(name),
            contact_name: "مشتری".to_owned(),
            description: description.to_owned(),
            expires_at: End::new(end, parse_time_zone("Asia/Tehran").unwrap(), Language::FA),
            item_title: String::new(),
            link: format!("https://{}/p/2222222222222222222222", "a".repeat(host)),
            reference_id: String::new(),
        };
        text.render(&values).unwrap().body
    }

    #[test]
    fn the_persian_sms_fits_two_segments_at_every_address_that_aws_gives_by_itself() {
        // API Gateway's longest are `<10 characters>.execute-api.cn-northwest-1.amazonaws.com.cn`, which leaves six to spare.
        assert!("0123456789.execute-api.cn-northwest-1.amazonaws.com.cn".len() <= 60);
        let body = persian_sms(60, 20, "");
        assert_eq!(body.lines().nth(1), Some("۹۹۹٬۹۹۹٬۹۹۹ تومان"));
        assert!(body.encode_utf16().count() <= 134, "{body}");
        assert_eq!(SmsLength::of(&body).segments, 2, "{body}");
    }

    #[test]
    fn the_persian_sms_has_the_link_alone_on_its_last_line() {
        for description in ["", "فاکتور ۷۷"] {
            let body = persian_sms(15, 11, description);
            assert_eq!(body.lines().last(), Some("https://aaaaaaaaaaaaaaa/p/2222222222222222222222"), "{body}");
            assert_eq!(body.contains("\nبابت فاکتور ۷۷\n"), !description.is_empty());
            assert_eq!(SmsLength::of(&body).segments, 2, "{body}");
        }
    }
}

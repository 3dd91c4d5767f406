//! Feeds any subject and body, with a zero byte between them, to the parser of message texts, as an email and the body as
//! an SMS too. What is accepted must be accepted again as the very same, must be rendered whatever the values are, in
//! every language, must show the link whichever way its conditions go, with nothing that touches it, must leave the subject
//! one line, and must end no line in another way than with a line feed.

#![no_main]

use std::sync::LazyLock;

use domain::business::brand::BrandColor;
use domain::calendar::parse_time_zone;
use domain::locale::Language;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::sms::SmsLength;
use domain::messages::template::{Amount, End, Letter, MessageText, Values};
use domain::money::{Currency, Money};
use libfuzzer_sys::fuzz_target;

const LINK: &str = "https://pay.example/p/2222222222222222222222";

/// Every text there and none, in each language: conditions go every way.
static VALUES: LazyLock<Vec<(Language, Values)>> = LazyLock::new(|| {
    let end = "2026-12-01T00:00:00+03:30".parse().unwrap();
    let zone = parse_time_zone("Asia/Tehran").unwrap();
    let values = |language, text: &str, currency, units| Values {
        account_name: text.to_owned(),
        amount: Amount::new(Money::new(units, currency).unwrap(), language, false),
        business_name: text.to_owned(),
        contact_name: text.to_owned(),
        description: text.to_owned(),
        expires_at: End::new(end, zone.clone(), language),
        item_title: text.to_owned(),
        link: LINK.to_owned(),
        reference_id: text.to_owned(),
    };
    let eur = Currency::parse("EUR").unwrap();
    let both = |language| {
        let full = values(language, "{{ فاکتور }}\u{202e}\n<b>&</b>\u{2067}", Currency::IRR, 1_500_000);
        [(language, full), (language, values(language, "", eur, 5))]
    };
    Language::ALL.into_iter().flat_map(both).collect()
});

fn try_out(channel: Channel, subject: Option<&str>, body: &str) {
    let Ok(text) = MessageText::parse(channel, subject, body) else { return };
    assert_eq!(MessageText::parse(channel, text.subject(), text.body()).as_ref(), Ok(&text));
    for (language, values) in VALUES.iter() {
        let rendered = text.render(values).expect("what is accepted can be rendered");
        assert!(rendered.body.contains(LINK), "{:?}", rendered.body);
        let beside = |part: &str| part.chars().next().is_none_or(char::is_whitespace);
        assert!(rendered.body.split(LINK).skip(1).all(beside), "{:?}", rendered.body);
        let before = |part: &str| part.chars().next_back().is_none_or(char::is_whitespace);
        let parts: Vec<&str> = rendered.body.split(LINK).collect();
        assert!(parts[..parts.len() - 1].iter().all(|part| before(part)), "{:?}", rendered.body);
        assert!(!rendered.body.contains(['\r', '\u{202e}']), "{:?}", rendered.body);
        assert!(SmsLength::of(&rendered.body).segments > 0);
        assert_eq!(rendered.subject.is_some(), channel == Channel::Email);
        assert!(!rendered.subject.unwrap_or_default().contains(['\r', '\n']));
        let letter = Letter {
            body: &rendered.body,
            link: LINK,
            kind: MessageKind::LinkCreated,
            language: *language,
            business: "<b>&</b>",
            logo: None,
            color: BrandColor::DEFAULT,
            amount: Money::new(5, Currency::IRR).unwrap(),
            rial_alone: false,
        };
        let html = letter.html().expect("what is rendered can be an email");
        assert!(!html.contains("<b>&</b>"), "{html}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let (subject, body) = text.split_once('\0').unwrap_or(("Invoice", text));
    try_out(Channel::Email, Some(subject), body);
    try_out(Channel::Sms, None, body);
});

use super::*;
use crate::business::brand::BrandColor;
use crate::calendar::parse_time_zone;
use crate::messages::kind::MessageKind;
use crate::money::{Currency, Money};
use proptest::prelude::*;

const LINK: &str = "https://pay.example.com/p/2222222222222222222222";

fn refused_as(body: &str) -> Vec<&'static str> {
    let problems = MessageText::parse(Channel::Sms, None, body).expect_err(body);
    problems.into_iter().map(|problem| problem.rejection.code).collect()
}

fn values(language: Language) -> Values {
    Values {
        account_name: "Main".to_owned(),
        amount: Amount::new(Money::new(1_500_000, Currency::IRR).unwrap(), language, false),
        business_name: "Business".to_owned(),
        contact_name: "Sample & Co".to_owned(),
        description: "Invoice 77".to_owned(),
        due_at: End::new(None, parse_time_zone("Asia/Tehran").unwrap(), language),
        expires_at: End::new(
            Some("2026-12-01T00:00:00+03:30".parse().unwrap()),
            parse_time_zone("Asia/Tehran").unwrap(),
            language,
        ),
        item_title: String::new(),
        link: LINK.to_owned(),
        reference_id: String::new(),
    }
}

/// What a text says in front of the link.
fn says(text: &str, language: Language) -> String {
    let text = MessageText::parse(Channel::Sms, None, &format!("{text}|\n{{{{ link }}}}")).unwrap();
    text.render(&values(language)).unwrap().body.strip_suffix(&format!("|\n{LINK}")).unwrap().to_owned()
}

/// The message that comes of a text, where the description is this.
fn message(text: &str, description: &str) -> String {
    let text = MessageText::parse(Channel::Sms, None, text).unwrap();
    let values = Values { description: description.to_owned(), ..values(Language::EN) };
    text.render(&values).unwrap().body
}

#[test]
fn what_touches_the_link_is_refused_with_its_place() {
    for (text, named) in [
        ("x{{ link }}", "\"x\" touches the link in line 1, column 5"),
        ("a\n{{ link }}، سپاس", "U+060C touches the link in line 2, column 4"),
        ("{{ link }}.", "\".\""),
        ("{{ link }}?src=sms", "\"?\""),
        ("({{ link }})", "\"(\""),
        ("{{ link }}{{ link }}", "A value touches the link in line 1, column 14"),
        ("{{ 'x' ~ link }}", "\"x\""),
        ("{{ link ~ '.' }}", "\".\""),
        ("{{ description }}{{ link }}", "A value"),
        ("{{ link }}{{ amount | toman }}", "A value"),
        ("\u{2066}{{ link }}\u{2069}", "U+2066"),
        ("{{ link }}\u{200f}", "U+200F"),
        ("{{ link }}{% if description %} for {{ description }}{% endif %}.", "\".\""),
        ("{% if description %}{{ description }}{% endif %}{{ link }}", "A value"),
        ("{% if description %}x{% else %}y {% endif %}{{ link }}", "\"x\""),
        ("{{ (link if description else 'x ' ~ link) ~ '!' }}", "\"!\""),
        ("{{ link -}} .", "\".\""),
        ("{{ link or 'x' }}{{ item.title }} .", "A value"),
    ] {
        let problems = MessageText::parse(Channel::Sms, None, text).expect_err(text);
        assert!(problems.iter().all(|one| (one.part, one.rejection.code) == ("body", "link_touched")), "{text}");
        assert!(problems.iter().any(|one| one.rejection.detail.contains(named)), "{text}: {problems:?}");
    }
}

#[test]
fn a_text_is_sent_as_it_was_written() {
    for (text, said) in [
        ("a\n{{ link }}\nb", format!("a\n{LINK}\nb")),
        ("({{ description }}) {{ link }} .", format!("(Invoice) {LINK} .")),
        ("{{ link }}\u{a0}،", format!("{LINK}\u{a0}،")),
        ("{{ 'x ' ~ link ~ ' .' }}", format!("x {LINK} .")),
        ("{{ description }}: {% if item.title %}({{ item.title }}) {% endif %}{{ link }}", format!("Invoice: {LINK}")),
        ("{{ link }}{% if description %} for {{ description }}.{% endif %}", format!("{LINK} for Invoice.")),
        ("{{ link }}{# a note #} b", format!("{LINK} b")),
    ] {
        assert_eq!(message(text, "Invoice"), said, "{text}");
    }
    // The link of a subject is none that anybody taps.
    assert!(MessageText::parse(Channel::Email, Some("Pay: {{ link }}."), "{{ link }}").is_ok());
}

#[test]
fn no_value_turns_the_direction_of_what_stands_behind_it() {
    for (text, description, said) in [
        ("{{ description }}: {{ link }}", "Sara \u{202e} test", format!("Sara  test: {LINK}")),
        ("{{ description }}: {{ link }}", "\u{2067}Sara", format!("Sara: {LINK}")),
        ("\u{2068}{{ description }}\u{2069}: {{ link }}", "a\u{2069}", format!("\u{2068}a\u{2069}: {LINK}")),
        ("{% if description %}\u{2067}{% endif %}a {{ link }} \u{2069}", "", format!("a {LINK} ")),
    ] {
        assert_eq!(message(text, description), said, "{}", text.escape_unicode());
    }
    let parameter = TemplateParameter::parse("{{ description }} {{ link }}").unwrap();
    let values = Values { description: "\u{202e}Sara".to_owned(), ..values(Language::EN) };
    assert_eq!(parameter.render(&values).unwrap(), format!("Sara {LINK}"));
}

#[test]
fn what_runs_against_a_text_is_isolated_and_nothing_else_is() {
    for (text, persian, english) in [
        ("{{ business.name }} x", "\u{2068}Business\u{2069} x", "Business x"),
        ("{{ 'شرکت' }} x", "شرکت x", "\u{2068}شرکت\u{2069} x"),
        ("{{ '۷۷' }} x", "۷۷ x", "\u{2068}۷۷\u{2069} x"),
        ("{{ '77-2026' }} x", "\u{2068}77-2026\u{2069} x", "77-2026 x"),
        ("{{ 'a\nb' }} x", "\u{2068}a\u{2069}\n\u{2068}b\u{2069} x", "a\nb x"),
        // What changes a text does not meet the marks around it.
        ("{{ 'sara TEST' | title }}", "\u{2068}Sara Test\u{2069}", "Sara Test"),
        ("{{ item.title | default('') }}x", "x", "x"),
    ] {
        assert_eq!((says(text, Language::FA).as_str(), says(text, Language::EN).as_str()), (persian, english));
    }
}

#[test]
fn a_registered_text_has_its_values_bare() {
    let text = MessageText::parse(Channel::Sms, None, "{{ business.name }}\u{a0}{{ amount }}\n{{ link }}").unwrap();
    let rendered = text.render_bare(&values(Language::FA)).unwrap();
    assert_eq!(rendered.body, format!("Business\u{a0}۱۵۰٬۰۰۰ تومان (۱٬۵۰۰٬۰۰۰ ریال)\n{LINK}"));
}

#[test]
fn an_email_has_the_paragraphs_that_were_written_whatever_its_lines_end_with() {
    for text in ["One.\r\n\r\nTwo,\r\n{{ link }}", "One.\r\rTwo,\r{{ link }}", "One.\n \t\nTwo,\n{{ link }}"] {
        let text = MessageText::parse(Channel::Email, Some("Pay"), text).unwrap();
        let body = text.render(&values(Language::EN)).unwrap().body;
        assert!(!body.contains('\r'), "{body:?}");
        let html = letter(&body, Language::EN).html().unwrap();
        let paragraphs = html.matches("<p style=\"margin:16px").count();
        assert_eq!((paragraphs, html.matches("class=\"pay\"").count()), (2, 1), "{html}");
    }
}

#[test]
fn a_text_with_known_variables_is_rendered() {
    let text = MessageText::parse(
        Channel::Email,
        Some("{{ description }}\nfor you"),
        "{{ contact.name }}: {{ amount }} {% if description %}for {{ description }} {% endif %}{{ link }}",
    )
    .unwrap();
    let rendered = text.render(&values(Language::EN)).unwrap();
    assert_eq!(rendered.subject.as_deref(), Some("Invoice 77 for you"));
    assert_eq!(rendered.body, format!("Sample & Co: IRR\u{a0}1,500,000 for Invoice 77 {LINK}"));
}

#[test]
fn filters_show_an_amount_as_its_readers_expect() {
    for (text, persian, english) in [
        ("{{ amount }}", "۱۵۰٬۰۰۰\u{a0}تومان (۱٬۵۰۰٬۰۰۰\u{a0}ریال)", "IRR\u{a0}1,500,000"),
        ("{{ amount | rial }}", "۱٬۵۰۰٬۰۰۰\u{a0}ریال", "IRR\u{a0}1,500,000"),
        ("{{ amount | toman }}", "۱۵۰٬۰۰۰\u{a0}تومان", "150,000\u{a0}Toman"),
        ("{{ amount | digits }}", "۱٬۵۰۰٬۰۰۰", "1,500,000"),
        ("{{ 'x' ~ (amount | toman | upper) }}", "\u{2068}x۱۵۰٬۰۰۰\u{a0}تومان\u{2069}", "x150,000\u{a0}TOMAN"),
    ] {
        assert_eq!((says(text, Language::FA).as_str(), says(text, Language::EN).as_str()), (persian, english));
    }
}

#[test]
fn filters_show_an_end_in_the_calendar_of_the_language() {
    for (text, persian, english) in [
        ("{{ expires_at }}", "۹\u{a0}آذر ۱۴۰۵", "30\u{a0}November 2026"),
        ("{{ expires_at | date }}", "۹\u{a0}آذر ۱۴۰۵", "30\u{a0}November 2026"),
        ("{{ expires_at | time }}", "۲۳:۵۹", "23:59"),
        ("{{ expires_at | date_time }}", "۹\u{a0}آذر ۱۴۰۵ ساعت\u{a0}۲۳:۵۹", "30\u{a0}November 2026, 23:59"),
    ] {
        assert_eq!((says(text, Language::FA).as_str(), says(text, Language::EN).as_str()), (persian, english));
    }
}

#[test]
fn what_is_owed_by_no_date_is_an_empty_text_and_a_condition_tells() {
    assert_eq!(says("({{ due_at }}{{ due_at | date }})", Language::EN), "()");
    let text = "{% if due_at %}due {{ due_at | date }}{% else %}any time{% endif %}";
    assert_eq!(says(text, Language::EN), "any time");
    let text = MessageText::parse(Channel::Sms, None, &format!("{text}\n{{{{ link }}}}")).unwrap();
    let due = values(Language::EN).expires_at;
    let values = Values { due_at: due, ..values(Language::EN) };
    assert_eq!(text.render(&values).unwrap().body, format!("due 30\u{a0}November 2026\n{LINK}"));
}

#[test]
fn texts_can_be_changed_chosen_and_given_where_there_are_none() {
    for (text, said) in [
        ("{{ description | upper }}", "INVOICE 77"),
        ("{{ item.title | default('your order') }}", "your order"),
        ("{{ description | default('your order') }}", "Invoice 77"),
        ("{{ item.title or description }}", "Invoice 77"),
        ("{{ amount if item.title else expires_at }}", "30\u{a0}November 2026"),
        ("{% if contact.name == 'Nobody' %}1{% elif not item.title and amount %}2{% else %}3{% endif %}", "2"),
        ("{# a note #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ] {
        assert_eq!(says(text, Language::EN), said, "{text}");
    }
}

#[test]
fn every_filter_listed_is_there_and_works_on_what_it_says() {
    for filter in FILTERS {
        let variable = match filter.of {
            Kind::Amount => "amount",
            Kind::Date => "expires_at",
            Kind::Text | Kind::Link | Kind::Truth | Kind::Mixed => "description",
        };
        let arguments = if filter.arguments == 0 { "" } else { "('x')" };
        assert!(!says(&format!("{{{{ {variable} | {}{arguments} }}}}", filter.name), Language::FA).is_empty());
        assert!(filter.description.ends_with('.'), "{}", filter.name);
    }
}

#[test]
fn what_cannot_be_rendered_is_refused_in_whichever_branch_it_hides() {
    for (part, code) in [
        ("{{ amout }}", "unknown_variable"),
        ("{{ contact }}", "unknown_variable"),
        ("{{ contact.email }}", "unknown_variable"),
        ("{{ amount | nofilter }}", "unknown_filter"),
        ("{{ amount | length }}", "unknown_filter"),
        ("{{ description | toman }}", "wrong_filter"),
        ("{{ amount | date }}", "wrong_filter"),
        ("{{ expires_at | upper }}", "wrong_filter"),
        ("{{ link | upper }}", "wrong_filter"),
        ("{{ (description ~ link) | upper }}", "wrong_filter"),
        ("{{ (amount if description else link) | upper }}", "wrong_filter"),
        ("{{ amount | toman('x') }}", "wrong_filter"),
        ("{{ description | default }}", "wrong_filter"),
        ("{{ description | default(amount) }}", "wrong_filter"),
        ("{{ amount + 1 }}", "not_allowed"),
        ("{{ amount > 'x' }}", "not_allowed"),
        ("{{ description[1:] }}", "not_allowed"),
        ("{{ secret[1:] }}", "not_allowed"),
        ("{{ description['x'] }}", "not_allowed"),
        ("{{ range('x') }}", "not_allowed"),
        ("{{ description.upper() }}", "not_allowed"),
        ("{{ [description] }}", "not_allowed"),
        ("{{ description is defined }}", "not_allowed"),
        ("{{ ('x' if description) }}", "not_allowed"),
    ] {
        let within = part.trim_start_matches("{{ ").trim_end_matches(" }}");
        for text in [
            part.to_owned(),
            format!("{{% if reference_id == 'never' %}}{{% if item.title %}}{part}{{% endif %}}{{% endif %}}"),
            format!("{{% if description %}}{{% elif amount %}}{{% else %}}{part}{{% endif %}}"),
            format!("{{{{ 'x' if description else ({within}) }}}}"),
            format!("{{{{ description | default({within}) }}}}"),
        ] {
            let codes = refused_as(&format!("{text}{{{{ link }}}}"));
            assert_eq!(codes.first(), Some(&code), "{text}: {codes:?}");
        }
        for text in [
            format!("{{% if {within} %}}{{% endif %}}"),
            format!("{{% if description or ({within}) %}}{{% endif %}}"),
            format!("{{% if description and not ({within}) %}}{{% endif %}}"),
            format!("{{{{ 'x' if ({within}) else 'y' }}}}"),
        ] {
            let codes = refused_as(&format!("{text}{{{{ link }}}}"));
            assert_eq!(codes.first(), Some(&code), "{text}: {codes:?}");
        }
    }
}

#[test]
fn what_is_only_true_or_false_is_asked_and_not_printed() {
    for text in ["{{ not description }}", "{{ true }}", "{{ description == 'x' or description }}"] {
        assert_eq!(refused_as(&format!("{text}{{{{ link }}}}")), ["not_allowed"], "{text}");
    }
    assert_eq!(says("{% if not item.title or false %}none{% endif %}", Language::EN), "none");
}

#[test]
fn what_is_no_text_of_ours_at_all_is_refused() {
    for (text, code) in [
        ("{{ link ", "invalid_template"),
        ("{% if description %}{{ link }}", "invalid_template"),
        ("{% for x in [1] %}{{ link }}{% endfor %}", "tag_not_allowed"),
        ("{% set link = 'x' %}{{ link }}", "tag_not_allowed"),
        ("{% filter upper %}{{ link }}{% endfilter %}", "tag_not_allowed"),
        ("{% include 'x' %}{{ link }}", "tag_not_allowed"),
        ("{% if description %}{% with x = 1 %}{% endwith %}{% endif %}{{ link }}", "tag_not_allowed"),
        (" ", "empty"),
    ] {
        assert_eq!(refused_as(text), [code], "{text}");
    }
}

#[test]
fn the_link_is_there_whichever_way_the_conditions_go() {
    for text in [
        "Please pay.",
        "{% if description %}{{ link }}{% endif %}",
        "{% if contact.name == 'X' %}{% else %}{{ link }}{% endif %}",
        "{{ link if description else amount }}",
        "{{ description or link }}",
        "{{ description and link }}",
        "{# {{ link }} #}",
        "{% raw %}{{ link }}{% endraw %}",
    ] {
        assert_eq!(refused_as(text), ["link_missing"], "{text}");
    }
    for text in [
        "{% if description %}{{ link }}{% else %}{{ 'x ' ~ link }}{% endif %}",
        "{{ link or description }}",
        "{{ link ~ ' a' if description else 'b ' ~ link }}",
    ] {
        let text = MessageText::parse(Channel::Sms, None, text).unwrap();
        assert!(text.render(&values(Language::FA)).unwrap().body.contains(LINK));
    }
}

#[test]
fn every_problem_of_a_text_is_told_with_its_line_and_its_column() {
    let problems = MessageText::parse(
        Channel::Email,
        Some("{{ amount | tooman }}"),
        "{{ amout }}\n{% if description %}\nبابت {{ amount | date }}{% endif %}\n{{ link }}",
    )
    .unwrap_err();
    let notified: Vec<_> = problems.iter().map(|one| (one.part, one.rejection.code)).collect();
    assert_eq!(notified, [("body", "unknown_variable"), ("body", "wrong_filter"), ("subject", "unknown_filter")]);
    for (problem, (line, column)) in problems.iter().zip([(1, 4), (3, 18), (1, 13)]) {
        let detail = &problem.rejection.detail;
        assert!(detail.contains(&format!(" in line {line}, column {column}")), "{detail}");
    }
    let tag = MessageText::parse(Channel::Sms, None, "{{ link }}\n x {% set y = 'z' %}").unwrap_err();
    assert!(tag[0].rejection.detail.ends_with(" in line 2, column 7."), "{}", tag[0].rejection.detail);
    let broken = MessageText::parse(Channel::Sms, None, "{{ link }}\n{{ amount | }}").unwrap_err();
    assert!(broken[0].rejection.detail.contains(" in line 2"), "{}", broken[0].rejection.detail);
}

#[test]
fn only_an_email_has_a_subject_and_it_needs_one() {
    assert_eq!(MessageText::parse(Channel::Email, None, "{{ link }}").unwrap_err()[0].part, "subject");
    assert_eq!(MessageText::parse(Channel::Sms, Some("x"), "{{ link }}").unwrap_err()[0].part, "subject");
}

#[test]
fn the_html_of_an_email_escapes_its_text_and_links_the_link() {
    let letter =
        Letter { link: "https://x.example/p/1", ..letter("Dear <b>you</b>\nhttps://x.example/p/1", Language::FA) };
    let html = letter.html().unwrap();
    assert!(html.contains("&lt;b&gt;you"), "{html}");
    assert!(html.contains(r#"href="https:&#x2f;&#x2f;x.example&#x2f;p&#x2f;1""#), "{html}");
    assert!(html.contains(r#"dir="rtl""#));
}

fn letter(body: &str, language: Language) -> Letter<'_> {
    Letter {
        body,
        link: LINK,
        kind: MessageKind::LinkCreated,
        language,
        business: "Business",
        logo: Some("https://pay.example.com/p/2222222222222222222222/logo"),
        color: BrandColor::DEFAULT,
        amount: Money::new(1_500_000, Currency::IRR).unwrap(),
        rial_alone: false,
    }
}

#[test]
fn a_letter_has_the_amount_a_button_and_the_address() {
    for (language, button, side) in
        [(Language::EN, "Pay IRR\u{a0}1,500,000", "left"), (Language::FA, "پرداخت ۱۵۰٬۰۰۰\u{a0}تومان", "right")]
    {
        let html = letter(&format!("One.\n{LINK}\nTwo.\nThree {LINK} four."), language).html().unwrap();
        assert!(html.contains(&format!(">{button}</a>")) && html.contains(&format!("text-align:{side}")), "{html}");
        assert_eq!(html.matches("href=").count(), 3, "the button, the address, and the one in a sentence: {html}");
        assert!(html.contains("Two.<br>Three <a "), "{html}");
    }
}

/// What mail programs drop or do not know (caniemail.com, November 2026): scripts, style sheets that are fetched, forms,
/// drawn and embedded pictures, the units and functions of today's CSS, and every layout but that of tables. Gmail shows
/// 102 KB of a letter. What a style sheet of its own says is dropped by some, so that it says nothing but the dark.
#[test]
fn a_letter_needs_nothing_that_mail_programs_drop() {
    for language in Language::ALL {
        let html = letter(&format!("One.\n\n{LINK}\n\nTwo."), language).html().unwrap();
        let (before, rest) = html.split_once("<style>").unwrap();
        let (sheet, after) = rest.split_once("</style>").unwrap();
        let needed = format!("{before}{after}");
        for dropped in [
            "<script",
            "<link",
            "<form",
            "<svg",
            "<button",
            "data:",
            "url(",
            "@import",
            "rem;",
            "em;",
            "vw",
            "var(",
            "calc(",
            "flex",
            "grid",
            "position:",
            "float:",
            "background-image",
            "margin-inline",
            "padding-inline",
            "text-align:start",
        ] {
            assert!(!needed.contains(dropped), "{dropped}: {needed}");
        }
        assert!(sheet.trim().starts_with("@media (prefers-color-scheme:dark)"), "{sheet}");
        assert!(html.len() < 10_000, "{} bytes", html.len());
        for tag in needed.split('<').skip(1) {
            if tag.starts_with("img ") {
                assert!(tag.contains("alt=") && tag.contains("height=\"") && tag.contains("src=\"https:"), "{tag}");
            }
            if tag.starts_with("table ") {
                assert!(tag.contains("role=\"presentation\"") && tag.contains("cellpadding=\"0\""), "{tag}");
            }
            // Outlook sees colours of attributes, and Gmail those of styles.
            if let Some(color) = tag.split("bgcolor=\"").nth(1).and_then(|rest| rest.split('"').next()) {
                assert!(tag.contains(&format!("background:{color}")), "{tag}");
            }
            if tag.starts_with("a ") {
                assert!(tag.contains("style=\"") && tag.contains("color:"), "{tag}");
            }
        }
        // Where a program takes the body away, the direction stays.
        let table = needed.split("<table ").nth(1).unwrap();
        assert!(table.split('>').next().unwrap().contains(&format!("dir=\"{}\"", language.direction())), "{table}");
    }
}

#[test]
fn a_text_as_deep_as_its_length_allows_does_no_harm() {
    for (before, each, after) in [
        ("{{ ", "not ", "link }}"),
        ("{{ ", "(", "link }}"),
        ("{{ description", " | trim", " }} {{ link }}"),
        ("{{ link", " ~ ' ' ~ link", " }}"),
        ("{{ link", " or link", " }}"),
        ("{{ link", " if amount else link", " }}"),
        ("", "{% if amount %}", "{{ link }}"),
        ("{{ link }} {% if amount %}", "{% elif amount %}", "{% endif %}"),
    ] {
        let most = (LONGEST_BODY - before.len() - after.len()) / each.len();
        for times in [1, 30, most] {
            let text = format!("{before}{}{after}", each.repeat(times));
            if let Ok(text) = MessageText::parse(Channel::Sms, None, &text) {
                let rendered = text.render(&values(Language::FA));
                assert!(rendered.is_ok() || times == most, "{text:?}");
            }
        }
    }
}

/// Texts of the language that is allowed and of some that is not, nested at random.
fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(
        VARIABLES
            .into_iter()
            .chain(["'x'", "''", "' '", "1", "true", "nothing"])
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    );
    leaf.prop_recursive(4, 24, 3, |inner| {
        let filters: Vec<_> = FILTERS.iter().map(|filter| filter.name).chain(["default('d')", "none"]).collect();
        prop_oneof![
            (inner.clone(), prop::sample::select(filters)).prop_map(|(of, filter)| format!("({of} | {filter})")),
            (inner.clone(), prop::sample::select(vec!["and", "or", "~", "==", "!=", "<", "+"]), inner.clone())
                .prop_map(|(one, operator, other)| format!("({one} {operator} {other})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, asked, other)| format!("({one} if {asked} else {other})")),
            inner.prop_map(|of| format!("(not {of})")),
        ]
    })
}

proptest! {
    #[test]
    fn checking_any_text_never_panics(text in "[{}%#| a-z._]{0,60}") {
        let _ = MessageText::parse(Channel::Sms, None, &text);
    }

    #[test]
    fn what_passes_is_rendered_with_the_link_whatever_the_values_are(
        one in any_expression(), asked in any_expression(), other in any_expression(), present in 0..16_u8,
    ) {
        let link = if present < 8 { "{{ link }} " } else { "" };
        let text = format!("{link}{{{{ {one} }}}} {{% if {asked} %}}{{{{ {other} }}}}{{% endif %}}");
        if let Ok(text) = MessageText::parse(Channel::Sms, None, &text) {
            let mut values = values(Language::EN);
            let value = |bit: u8| if present & bit == 0 { String::new() } else { "x".to_owned() };
            (values.description, values.item_title, values.reference_id) = (value(1), value(2), value(4));
            let rendered = text.render(&values);
            prop_assert!(rendered.is_ok(), "{:?} {:?}", text, rendered);
            let body = rendered.unwrap().body;
            prop_assert!(body.contains(LINK), "{:?}", text);
            for (at, link) in body.match_indices(LINK) {
                let beside = [body[..at].chars().next_back(), body[at + link.len()..].chars().next()];
                prop_assert!(beside.into_iter().flatten().all(char::is_whitespace), "{text:?} {body:?}");
            }
        }
    }
}

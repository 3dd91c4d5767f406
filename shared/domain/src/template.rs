//! Message texts with variables: checked when they are saved or sent in, rendered when they are sent.
//!
//! A text may use the variables of [`VARIABLES`], minijinja's filters and `{% if %}`. What it may not do is loop,
//! define or include: a message is a few lines, and every branch of it is tried before it is accepted.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::{Deserialize, Serialize};

use crate::locale::Language;
use crate::problem::Rejection;
use crate::recipients::Channel;
use crate::text::parse_text;

/// Everything a text can name. The optional ones are empty where the link has none.
pub const VARIABLES: [&str; 9] = [
    "account.name",
    "amount",
    "business.name",
    "contact.name",
    "description",
    "expires_at",
    "item.title",
    "link",
    "reference_id",
];

/// The variables that a link may lack; every combination of them is tried.
const OPTIONAL: [&str; 3] = ["description", "item.title", "reference_id"];

/// No honest message needs more steps; a text that does would only burn time.
const FUEL: u64 = 20_000;

/// The longest text of a message, in characters, before its variables are filled in.
pub const LONGEST_BODY: usize = 2_000;

/// A link that no text contains by accident: where the rendering shows it, `{{ link }}` is really there.
const SENTINEL_LINK: &str = "https://pay.invalid/p/2222222222222222222222";

/// A checked text of one channel. Only email has a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    body: String,
}

/// A problem of a text and the part of it that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextProblem {
    /// `subject` or `body`.
    pub part: &'static str,
    pub rejection: Rejection,
}

impl MessageText {
    pub fn parse(channel: Channel, subject: Option<&str>, body: &str) -> Result<Self, Vec<TextProblem>> {
        let mut problems = Vec::new();
        let mut keep = |part: &'static str, result: Result<String, Rejection>| match result {
            Ok(text) => Some(text),
            Err(rejection) => {
                problems.push(TextProblem { part, rejection });
                None
            }
        };
        let body = keep("body", check_body(body));
        let subject = match (channel, subject) {
            (Channel::Email, Some(subject)) => keep("subject", check_subject(subject)).map(Some),
            (Channel::Email, None) => {
                keep("subject", Err(Rejection::new("required", "An email needs a subject."))).map(Some)
            }
            (Channel::Sms, None) => Some(None),
            (Channel::Sms, Some(_)) => {
                keep("subject", Err(Rejection::new("not_allowed", "An SMS has no subject."))).map(Some)
            }
        };
        match (subject, body) {
            (Some(subject), Some(body)) => Ok(Self { subject, body }),
            (None, _) | (_, None) => Err(problems),
        }
    }

    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    pub fn body(&self) -> &str {
        &self.body
    }

    /// Fills in the variables. A text that was checked can still fail here when a value takes a branch in an
    /// unforeseen way, such as a filter applied to a text it cannot read.
    pub fn render(&self, values: &Values) -> Result<Rendered, Rejection> {
        let subject = self.subject.as_deref().map(|subject| render(subject, values)).transpose()?;
        // A line break in a subject would begin a header of its own.
        let subject = subject.map(|subject| subject.split_whitespace().collect::<Vec<_>>().join(" "));
        Ok(Rendered { subject, body: render(&self.body, values)? })
    }
}

/// A message as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub subject: Option<String>,
    pub body: String,
}

/// The values of [`VARIABLES`] for one link and one language, ready to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    pub account_name: String,
    pub amount: String,
    pub business_name: String,
    pub contact_name: String,
    pub description: String,
    pub expires_at: String,
    pub item_title: String,
    pub link: String,
    pub reference_id: String,
}

impl Values {
    fn context(&self) -> Value {
        context! {
            account => context! { name => self.account_name.as_str() },
            amount => self.amount.as_str(),
            business => context! { name => self.business_name.as_str() },
            contact => context! { name => self.contact_name.as_str() },
            description => self.description.as_str(),
            expires_at => self.expires_at.as_str(),
            item => context! { title => self.item_title.as_str() },
            link => self.link.as_str(),
            reference_id => self.reference_id.as_str(),
        }
    }

    fn sample(present: usize) -> Self {
        let optional = |index: usize| if present & (1 << index) == 0 { String::new() } else { "sample".to_owned() };
        Self {
            account_name: "Account".to_owned(),
            amount: "IRR 1,500,000".to_owned(),
            business_name: "Business".to_owned(),
            contact_name: "Contact".to_owned(),
            description: optional(0),
            expires_at: "1 December 2026".to_owned(),
            item_title: optional(1),
            link: SENTINEL_LINK.to_owned(),
            reference_id: optional(2),
        }
    }
}

/// An email's HTML: the text's own paragraphs, escaped, with the pay link as a button and nothing from elsewhere.
pub fn html_of(body: &str, link: &str, language: Language) -> Result<String, Rejection> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let paragraphs: Vec<Vec<String>> =
        body.split("\n\n").map(|paragraph| paragraph.lines().map(|line| line.trim().to_owned()).collect()).collect();
    environment
        .template_from_named_str("email.html", include_str!("../templates/email.html"))
        .and_then(|template| {
            template.render(context! {
                paragraphs, link, language => language.code(), direction => language.direction(),
            })
        })
        .map_err(|error| refused(&error))
}

fn check_body(body: &str) -> Result<String, Rejection> {
    let body = check(body, LONGEST_BODY)?;
    for present in 0..1 << OPTIONAL.len() {
        if !render(&body, &Values::sample(present))?.contains(SENTINEL_LINK) {
            return Err(Rejection::new("link_missing", "The text must always contain {{ link }}."));
        }
    }
    Ok(body)
}

fn check_subject(subject: &str) -> Result<String, Rejection> {
    let subject = check(subject, 200)?;
    for present in 0..1 << OPTIONAL.len() {
        render(&subject, &Values::sample(present))?;
    }
    Ok(subject)
}

/// Reads a text, allows only `{% if %}` among the tags and only the known variables, whichever branch they are in.
fn check(text: &str, longest: usize) -> Result<String, Rejection> {
    let text = parse_text(text, longest)?;
    if text.is_empty() {
        return Err(Rejection::new("empty", "The text must not be empty."));
    }
    for (position, _) in text.match_indices("{%") {
        let tag = text[position + 2..].trim_start_matches(['-', '+']).trim_start();
        let word: String = tag.chars().take_while(char::is_ascii_alphabetic).collect();
        if !matches!(word.as_str(), "if" | "elif" | "else" | "endif") {
            return Err(Rejection::new(
                "tag_not_allowed",
                format!("Only if, elif, else and endif are allowed as tags{}.", at_line(line_of(&text, position))),
            ));
        }
    }
    let environment = environment();
    let template = environment.template_from_str(&text).map_err(|error| refused(&error))?;
    let mut unknown: Vec<String> =
        template.undeclared_variables(true).into_iter().filter(|name| !VARIABLES.contains(&name.as_str())).collect();
    unknown.sort();
    if let Some(name) = unknown.first() {
        let line = text.find(name.as_str()).map(|position| line_of(&text, position));
        return Err(Rejection::new(
            "unknown_variable",
            format!(
                "There is no variable {name}{}; there are {}.",
                line.map(at_line).unwrap_or_default(),
                VARIABLES.join(", ")
            ),
        ));
    }
    drop(template);
    Ok(text)
}

fn render(text: &str, values: &Values) -> Result<String, Rejection> {
    environment().render_str(text, values.context()).map_err(|error| refused(&error))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment
}

fn refused(error: &minijinja::Error) -> Rejection {
    let line = error.line().map(at_line).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    Rejection::new("invalid_template", format!("The text cannot be used{line} ({}{detail}).", error.kind()))
}

fn line_of(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

fn at_line(line: usize) -> String {
    format!(" in line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code_of(body: &str) -> &'static str {
        MessageText::parse(Channel::Sms, None, body).unwrap_err()[0].rejection.code
    }

    #[test]
    fn a_text_with_known_variables_is_rendered() {
        let text = MessageText::parse(
            Channel::Email,
            Some("{{ description }}\nfor you"),
            "{{ contact.name }}: {{ amount }} {% if description %}for {{ description }} {% endif %}{{ link }}",
        )
        .unwrap();
        let values = Values {
            contact_name: "Sample & Co".to_owned(),
            amount: "€5.00".to_owned(),
            description: "Invoice 77".to_owned(),
            link: "https://x.example/p/1".to_owned(),
            ..Values::default()
        };
        let rendered = text.render(&values).unwrap();
        assert_eq!(rendered.subject.as_deref(), Some("Invoice 77 for you"));
        assert_eq!(rendered.body, "Sample & Co: €5.00 for Invoice 77 https://x.example/p/1");
    }

    #[test]
    fn what_cannot_be_rendered_later_is_refused_now() {
        assert_eq!(code_of("{{ amout }} {{ link }}"), "unknown_variable");
        assert_eq!(code_of("{% if description %}{{ secret.key }}{% endif %}{{ link }}"), "unknown_variable");
        assert_eq!(code_of("{{ link "), "invalid_template");
        assert_eq!(code_of("{{ link | nofilter }}"), "invalid_template");
        assert_eq!(code_of("{% for x in [1] %}{{ link }}{% endfor %}"), "tag_not_allowed");
        assert_eq!(code_of("{% include 'x' %}{{ link }}"), "tag_not_allowed");
        assert_eq!(code_of("Please pay."), "link_missing");
        assert_eq!(code_of("{% if description %}{{ link }}{% endif %}"), "link_missing");
        assert_eq!(code_of("{# {{ link }} #}"), "link_missing");
        assert_eq!(code_of(" "), "empty");
        let unknown = MessageText::parse(Channel::Sms, None, "{{ link }}\n{{ amout }}").unwrap_err();
        assert!(unknown[0].rejection.detail.contains("in line 2"), "{}", unknown[0].rejection.detail);
    }

    #[test]
    fn only_an_email_has_a_subject_and_it_needs_one() {
        assert_eq!(MessageText::parse(Channel::Email, None, "{{ link }}").unwrap_err()[0].part, "subject");
        assert_eq!(MessageText::parse(Channel::Sms, Some("x"), "{{ link }}").unwrap_err()[0].part, "subject");
    }

    #[test]
    fn the_html_of_an_email_escapes_its_text_and_links_the_link() {
        let html = html_of("Dear <b>you</b>\nhttps://x.example/p/1", "https://x.example/p/1", Language::FA).unwrap();
        assert!(html.contains("&lt;b&gt;you"), "{html}");
        assert!(html.contains(r#"href="https:&#x2f;&#x2f;x.example&#x2f;p&#x2f;1""#), "{html}");
        assert!(html.contains(r#"dir="rtl""#));
    }

    proptest! {
        #[test]
        fn checking_any_text_never_panics(text in "[{}%#| a-z._]{0,60}") {
            let _ = MessageText::parse(Channel::Sms, None, &text);
        }
    }
}

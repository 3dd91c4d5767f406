//! Templates of messages that a provider approved beforehand. Of such a message we send only the name of the template and
//! the values of its placeholders.

use serde::{Deserialize, Serialize};

use crate::locale::Locale;
use crate::messages::kind::MessageKind;
use crate::messages::template::TemplateParameter;
use crate::problem::Rejection;

/// The most placeholders that a template may have.
pub const MAX_PARAMETERS: usize = 10;

/// A template as the business had it approved, in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedTemplate {
    /// What it tells.
    #[serde(default, skip_serializing_if = "MessageKind::is_default")]
    pub kind: MessageKind,
    pub name: TemplateName,
    pub locale: Locale,
    /// The values of its placeholders, in their order.
    pub parameters: Vec<Placeholder>,
    /// The value of the placeholder in its header, where that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Placeholder>,
    /// Its button that leads to the link, or to the receipt, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub button: Option<LinkButton>,
}

/// A placeholder with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Placeholder {
    /// It is known by its place.
    Positional(TemplateParameter),
    /// It is known by its name.
    Named { name: ParameterName, value: TemplateParameter },
}

impl Placeholder {
    pub fn name(&self) -> Option<&ParameterName> {
        match self {
            Self::Positional(_) => None,
            Self::Named { name, .. } => Some(name),
        }
    }

    pub fn value(&self) -> &TemplateParameter {
        match self {
            Self::Positional(value) | Self::Named { value, .. } => value,
        }
    }
}

/// What the provider calls a placeholder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterName(String);

impl ParameterName {
    /// Meta takes small letters, digits and underscores ("Templates", named parameters).
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=100).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "The name of a placeholder has 1 to 100 characters out of a-z, 0-9 and _.";
            Err(Rejection::new("invalid_parameter_name", detail))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A button that leads to the link. Only the end of its address is variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkButton {
    /// Which of the template's buttons it is, counted from 0.
    pub index: u8,
    /// What was approved of its address: everything in front of what is variable.
    pub fixed_part: String,
}

/// The most buttons that a template has ("Templates", components).
const MAX_BUTTONS: u8 = 10;

/// The longest address of a button ("Templates", components).
const LONGEST_ADDRESS: usize = 2_000;

impl LinkButton {
    pub fn parse_index(index: i64) -> Result<u8, Rejection> {
        let read = u8::try_from(index).ok().filter(|index| *index < MAX_BUTTONS);
        read.ok_or_else(|| {
            Rejection::new("out_of_range", format!("The buttons of a template are 0 to {}.", MAX_BUTTONS - 1))
        })
    }

    pub fn parse_fixed_part(text: &str) -> Result<String, Rejection> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        if host.contains('/') && text.len() <= LONGEST_ADDRESS && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(text.to_owned())
        } else {
            let detail = "The fixed part of a button's address is a web address with the beginning of a path.";
            Err(Rejection::new("invalid_url", detail))
        }
    }
}

/// How the provider calls a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateName(String);

impl TemplateName {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if (1..=100).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "The name of a template has 1 to 100 characters out of A-Z, a-z, 0-9, _ and -.";
            Err(Rejection::new("invalid_template_name", detail))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A template with everything filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledTemplate {
    pub name: String,
    pub locale: Locale,
    pub parameters: Vec<FilledPlaceholder>,
    pub header: Option<FilledPlaceholder>,
    pub button: Option<FilledButton>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledPlaceholder {
    pub name: Option<String>,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledButton {
    pub index: u8,
    /// The end of its address, behind what was approved of it.
    pub rest: String,
}

impl FilledTemplate {
    /// The values that a person reads, in the order in which they stand.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.header.iter_mut().chain(&mut self.parameters).map(|placeholder| &mut placeholder.value)
    }

    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.header.iter().chain(&self.parameters).map(|placeholder| placeholder.value.as_str())
    }
}

/// What is wrong with a template, and in which of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    pub field: &'static str,
    pub rejection: Rejection,
}

/// The template for a reader, of those that tell this: of the very locale, else of its language, else the first there is.
pub fn choose<'a>(
    templates: &'a [ApprovedTemplate],
    kind: MessageKind,
    locale: &Locale,
) -> Option<&'a ApprovedTemplate> {
    let language = |locale: &Locale| locale.as_str().split('-').next().unwrap_or_default().to_owned();
    let mut of_kind = templates.iter().filter(|one| one.kind == kind);
    let exact = of_kind.clone().find(|one| one.locale == *locale);
    let same = || of_kind.clone().find(|one| language(&one.locale) == language(locale));
    exact.or_else(same).or_else(|| of_kind.next())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn placeholder(name: Option<&str>, value: &str) -> Placeholder {
        let value = TemplateParameter::parse(value).unwrap();
        match name {
            Some(name) => Placeholder::Named { name: ParameterName::parse(name).unwrap(), value },
            None => Placeholder::Positional(value),
        }
    }

    pub(crate) fn template(name: &str, locale: &str, parameter: &str) -> ApprovedTemplate {
        ApprovedTemplate {
            kind: MessageKind::LinkCreated,
            name: TemplateName::parse(name).unwrap(),
            locale: Locale::parse(locale).unwrap(),
            parameters: vec![placeholder(None, parameter)],
            header: None,
            button: None,
        }
    }

    pub(crate) fn button() -> LinkButton {
        LinkButton { index: 0, fixed_part: "https://pay.example.com/p/".to_owned() }
    }

    pub(crate) fn refused_as(template: ApprovedTemplate) -> &'static str {
        template.check().unwrap_err().rejection.code
    }

    #[test]
    fn a_reader_gets_the_template_of_the_nearest_language() {
        let templates = [template("a", "en-US", "{{ link }}"), template("b", "fa", "{{ link }}")];
        let of = |kind, locale: &str| choose(&templates, kind, &Locale::parse(locale).unwrap());
        let chosen = |locale: &str| of(MessageKind::LinkCreated, locale).unwrap().name.as_str();
        assert_eq!([chosen("fa-IR"), chosen("en-US"), chosen("en-GB"), chosen("de")], ["b", "a", "a", "a"]);
        assert_eq!(choose(&[], MessageKind::LinkCreated, &Locale::parse("fa").unwrap()), None);
        assert_eq!(of(MessageKind::PaymentReceived, "fa"), None, "what asks to pay tells of no payment");
    }

    #[test]
    fn a_name_is_of_letters_digits_and_hyphens() {
        assert_eq!(TemplateName::parse("a b").unwrap_err().code, "invalid_template_name");
    }

    #[test]
    fn the_placeholders_of_a_template_all_have_names_or_none_has() {
        let of = |parameters: Vec<Placeholder>, header: Option<Placeholder>| ApprovedTemplate {
            parameters,
            header,
            ..template("a", "fa", "{{ link }}")
        };
        let named = |name: &str| placeholder(Some(name), "{{ link }}");
        let placed = || placeholder(None, "{{ link }}");
        assert!(of(vec![named("link"), named("again")], Some(named("link"))).check().is_ok());
        assert_eq!(refused_as(of(vec![named("link"), placed()], None)), "both_given");
        assert_eq!(refused_as(of(vec![named("link")], Some(placed()))), "both_given");
        assert_eq!(refused_as(of(vec![named("link"), named("link")], None)), "given_twice");
        assert_eq!(refused_as(ApprovedTemplate { button: Some(button()), ..of(Vec::new(), None) }), "required");
        assert_eq!(ParameterName::parse("Link").unwrap_err().code, "invalid_parameter_name");
    }

    #[test]
    fn a_template_is_kept_as_it_was_before_placeholders_had_names() {
        let before = serde_json::json!({ "name": "a", "locale": "fa", "parameters": ["{{ link }}"] });
        let read: ApprovedTemplate = serde_json::from_value(before.clone()).unwrap();
        assert_eq!(read, template("a", "fa", "{{ link }}"));
        assert_eq!(serde_json::to_value(read).unwrap(), before);
        let named = placeholder(Some("link"), "{{ link }}");
        let stored = serde_json::json!({ "name": "link", "value": "{{ link }}" });
        assert_eq!(serde_json::to_value(&named).unwrap(), stored);
        assert_eq!(serde_json::from_value::<Placeholder>(stored).unwrap(), named);
    }

    #[test]
    fn the_fixed_part_of_an_address_has_a_host_and_the_beginning_of_a_path() {
        assert!(LinkButton::parse_fixed_part("https://pay.example.com/p/").is_ok());
        for bad in ["", "pay.example.com/p/", "https://pay.example.com", "https://pay.example.com/ p"] {
            assert_eq!(LinkButton::parse_fixed_part(bad).unwrap_err().code, "invalid_url", "{bad}");
        }
        assert!(LinkButton::parse_index(9).is_ok());
        assert_eq!([-1, 10].map(|index| LinkButton::parse_index(index).unwrap_err().code), ["out_of_range"; 2]);
    }
}

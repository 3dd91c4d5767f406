//! Templates of messages that a provider approved beforehand. Of such a message we send only the name of the template and
//! the values of its placeholders.

use serde::{Deserialize, Serialize};

use crate::locale::Locale;
use crate::messages::template::TemplateParameter;
use crate::problem::Rejection;

/// The most placeholders that a template may have.
pub const MAX_PARAMETERS: usize = 10;

/// A template as the business had it approved, in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedTemplate {
    pub name: TemplateName,
    pub locale: Locale,
    /// The values of its placeholders, in their order.
    pub parameters: Vec<TemplateParameter>,
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
    pub parameters: Vec<String>,
}

/// The template for a reader: of the very locale, else of its language, else the first there is.
pub fn choose<'a>(templates: &'a [ApprovedTemplate], locale: &Locale) -> Option<&'a ApprovedTemplate> {
    let language = |locale: &Locale| locale.as_str().split('-').next().unwrap_or_default().to_owned();
    let exact = templates.iter().find(|one| one.locale == *locale);
    let same = || templates.iter().find(|one| language(&one.locale) == language(locale));
    exact.or_else(same).or_else(|| templates.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(name: &str, locale: &str, parameter: &str) -> ApprovedTemplate {
        ApprovedTemplate {
            name: TemplateName::parse(name).unwrap(),
            locale: Locale::parse(locale).unwrap(),
            parameters: vec![TemplateParameter::parse(parameter).unwrap()],
        }
    }

    #[test]
    fn a_reader_gets_the_template_of_the_nearest_language() {
        let templates = [template("a", "en-US", "{{ link }}"), template("b", "fa", "{{ link }}")];
        let chosen = |locale: &str| choose(&templates, &Locale::parse(locale).unwrap()).unwrap().name.as_str();
        assert_eq!([chosen("fa-IR"), chosen("en-US"), chosen("en-GB"), chosen("de")], ["b", "a", "a", "a"]);
        assert_eq!(choose(&[], &Locale::parse("fa").unwrap()), None);
    }

    #[test]
    fn a_name_is_of_letters_digits_and_hyphens() {
        assert_eq!(TemplateName::parse("a b").unwrap_err().code, "invalid_template_name");
    }
}

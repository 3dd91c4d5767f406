//! Filling in the placeholders of a template that a provider approved, and checking beforehand that it can be done.

use crate::messages::approved_template::{ApprovedTemplate, FilledTemplate};
use crate::messages::template::{TemplateParameter, Values};
use crate::problem::Rejection;

impl ApprovedTemplate {
    /// Refuses parameters of which none always shows the link: nobody could pay.
    pub fn check(self) -> Result<Self, Rejection> {
        if self.parameters.iter().any(TemplateParameter::shows_link) {
            Ok(self)
        } else {
            Err(Rejection::new("link_missing", "One of the parameters must always contain {{ link }}."))
        }
    }

    pub fn fill(&self, values: &Values) -> Result<FilledTemplate, Rejection> {
        let parameters: Result<Vec<String>, Rejection> =
            self.parameters.iter().map(|phrase| phrase.render(values)).collect();
        let name = self.name.as_str().to_owned();
        Ok(FilledTemplate { name, locale: self.locale.clone(), parameters: parameters? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Locale;
    use crate::messages::approved_template::TemplateName;

    #[test]
    fn a_template_that_may_not_show_the_link_is_refused() {
        let check = |parameter: &str| {
            let parameters = vec![TemplateParameter::parse(parameter).unwrap()];
            let name = TemplateName::parse("a").unwrap();
            ApprovedTemplate { name, locale: Locale::parse("fa").unwrap(), parameters }.check()
        };
        assert!(check("{{ link }}").is_ok());
        for bad in ["{{ amount }}", "{% if description %}{{ link }}{% endif %}"] {
            assert_eq!(check(bad).unwrap_err().code, "link_missing", "{bad}");
        }
    }
}

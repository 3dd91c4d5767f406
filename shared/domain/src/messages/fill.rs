//! Filling in the placeholders of a template that a provider approved, and checking beforehand that it can be done.

use crate::messages::approved_template::{
    ApprovedTemplate, FilledButton, FilledPlaceholder, FilledTemplate, LinkButton, ParameterName, Placeholder,
    TemplateProblem,
};
use crate::messages::kind::MessageKind;
use crate::messages::template::Values;
use crate::problem::Rejection;

impl ApprovedTemplate {
    /// Refuses what no provider could send: names next to places, a name twice, no value that could bear the mark of a
    /// sandbox, and neither a parameter nor a button that always shows the link, because nobody could pay.
    pub fn check(self) -> Result<Self, TemplateProblem> {
        let problem = |code: &'static str, detail: &str| {
            Err(TemplateProblem { field: "parameters", rejection: Rejection::new(code, detail) })
        };
        let names: Vec<Option<&ParameterName>> =
            self.header.iter().chain(&self.parameters).map(Placeholder::name).collect();
        if names.iter().any(Option::is_some) && names.iter().any(Option::is_none) {
            return problem("both_given", "The placeholders of a template either all have names or none has.");
        }
        let mut known: Vec<&ParameterName> = self.parameters.iter().filter_map(Placeholder::name).collect();
        known.sort();
        if known.windows(2).any(|pair| pair[0] == pair[1]) {
            return problem("given_twice", "Two parameters have the same name.");
        }
        if self.button.is_some() && names.is_empty() {
            return problem("required", "A template needs a value besides its button.");
        }
        // What follows is not known before there is a link or a receipt, and then nobody could be told of it.
        let leads_to = if self.kind == MessageKind::LinkCreated { "/p/" } else { "/r/" };
        let other = if leads_to == "/p/" { "/r/" } else { "/p/" };
        if self.button.as_ref().is_some_and(|button| button.fixed_part.contains(other)) {
            let detail = format!("The address of this button begins with {leads_to} behind the host of the pay URL.");
            let rejection = Rejection::new("button_leads_elsewhere", detail);
            return Err(TemplateProblem { field: "button", rejection });
        }
        if self.button.is_none() && !self.parameters.iter().any(|parameter| parameter.value().shows_link()) {
            return problem("link_missing", "One of the parameters must always contain {{ link }}.");
        }
        Ok(self)
    }

    pub fn fill(&self, values: &Values) -> Result<FilledTemplate, Rejection> {
        Ok(FilledTemplate {
            name: self.name.as_str().to_owned(),
            locale: self.locale.clone(),
            parameters: self.parameters.iter().map(|placeholder| placeholder.fill(values)).collect::<Result<_, _>>()?,
            header: self.header.as_ref().map(|placeholder| placeholder.fill(values)).transpose()?,
            button: self.button.as_ref().map(|button| button.fill(values)).transpose()?,
        })
    }
}

impl Placeholder {
    fn fill(&self, values: &Values) -> Result<FilledPlaceholder, Rejection> {
        let name = self.name().map(|name| name.as_str().to_owned());
        Ok(FilledPlaceholder { name, value: self.value().render(values)? })
    }
}

impl LinkButton {
    /// What follows the fixed part.
    fn fill(&self, values: &Values) -> Result<FilledButton, Rejection> {
        let rest = values.link.strip_prefix(&self.fixed_part).filter(|rest| !rest.is_empty()).ok_or_else(|| {
            let detail = "The link does not begin with the fixed part of the address of the template's button.";
            Rejection::new("button_leads_elsewhere", detail)
        })?;
        Ok(FilledButton { index: self.index, rest: rest.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::approved_template::tests::{button, refused_as, template};

    #[test]
    fn a_template_that_may_not_show_the_link_is_refused() {
        assert!(template("a", "fa", "{{ link }}").check().is_ok());
        for bad in ["{{ amount }}", "{% if description %}{{ link }}{% endif %}"] {
            assert_eq!(refused_as(template("a", "fa", bad)), "link_missing", "{bad}");
            assert!(ApprovedTemplate { button: Some(button()), ..template("a", "fa", bad) }.check().is_ok(), "{bad}");
        }
    }
}

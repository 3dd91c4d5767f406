//! What an account needs at its gateway to act for the business. Secret: it is written, never read back by the CRM.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gateway::{GatewayKind, Mode};
use crate::problem::Problems;

/// The fields of one gateway's credentials, checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub gateway: GatewayKind,
    fields: BTreeMap<String, String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

/// One field that a gateway's credentials have.
#[derive(Debug)]
pub struct CredentialField {
    pub name: &'static str,
    /// For whoever fills in a form.
    pub description: &'static str,
    pub is_required: bool,
    /// Whether a form should hide it.
    pub is_secret: bool,
    pub form: Form,
}

/// What a field must look like. It is checked by the same words that describe it to others.
#[derive(Debug)]
pub enum Form {
    /// 36 characters in lower case.
    Uuid,
    /// A beginning, where some are listed, and between `least` and `most` characters. The beginning alone often decides
    /// whether real money moves, so it has to agree with the account's mode. Where only the other mode lists any, a value
    /// of this mode is one of those alone.
    Text { live: &'static [&'static str], sandbox: &'static [&'static str], of: Alphabet, least: usize, most: usize },
}

/// The characters of a text.
#[derive(Clone, Copy, Debug)]
pub enum Alphabet {
    Digits,
    /// Letters and digits.
    Word,
    /// Letters, digits and underscores.
    Name,
    /// Everything in ASCII that can be seen.
    Visible,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Word => byte.is_ascii_alphanumeric(),
            Self::Name => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Visible => byte.is_ascii_graphic(),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Digits => "[0-9]",
            Self::Word => "[A-Za-z0-9]",
            Self::Name => "[A-Za-z0-9_]",
            Self::Visible => "[!-~]",
        }
    }
}

impl Form {
    /// Whether a value has this form in this mode.
    fn takes(&self, value: &str, mode: Mode) -> bool {
        match self {
            Self::Uuid => {
                value.len() == 36
                    && value.char_indices().all(|(index, c)| match index {
                        8 | 13 | 18 | 23 => c == '-',
                        _ => matches!(c, '0'..='9' | 'a'..='f'),
                    })
            }
            Self::Text { .. } if self.is_fixed(mode) => self.beginnings(mode).contains(&value),
            Self::Text { of, least, most, .. } => {
                let fits = |rest: &str| (*least..=*most).contains(&rest.len()) && rest.bytes().all(|byte| of.has(byte));
                match self.beginnings(mode) {
                    [] => fits(value),
                    some => some.iter().filter_map(|beginning| value.strip_prefix(beginning)).any(fits),
                }
            }
        }
    }

    /// The same as a regular expression that JavaScript, HTML and JSON Schema read alike.
    pub fn pattern(&self, mode: Mode) -> String {
        match self {
            Self::Uuid => "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$".to_owned(),
            Self::Text { .. } if self.is_fixed(mode) => format!("^({})$", self.beginnings(mode).join("|")),
            Self::Text { of, least, most, .. } => {
                let beginning = match self.beginnings(mode) {
                    [] => String::new(),
                    some => format!("({})", some.join("|")),
                };
                format!("^{beginning}{}{{{least},{most}}}$", of.class())
            }
        }
    }

    fn beginnings(&self, mode: Mode) -> &'static [&'static str] {
        match (self, mode) {
            (Self::Uuid, _) => &[],
            (Self::Text { live, .. }, Mode::Live) => live,
            (Self::Text { sandbox, .. }, Mode::Sandbox) => sandbox,
        }
    }

    /// Whether this mode's values are words that everybody uses, such as a sandbox's one merchant.
    fn is_fixed(&self, mode: Mode) -> bool {
        let other = match mode {
            Mode::Live => Mode::Sandbox,
            Mode::Sandbox => Mode::Live,
        };
        !self.beginnings(mode).is_empty() && self.beginnings(other).is_empty()
    }

    /// What is wrong with a value that has another form.
    fn complaint(&self, name: &str, mode: Mode) -> String {
        match (self, self.beginnings(mode)) {
            (Self::Uuid, _) => format!("The {name} is a UUID of 36 characters in lower case."),
            (Self::Text { .. }, []) => format!("The {name} has the form {}.", self.pattern(mode)),
            (Self::Text { .. }, some) if self.is_fixed(mode) => {
                format!("In {} mode the {name} is {}.", mode.as_str(), some.join(" or "))
            }
            (Self::Text { .. }, some) => format!(
                "In {} mode the {name} begins with {} and has the form {}.",
                mode.as_str(),
                some.join(" or "),
                self.pattern(mode)
            ),
        }
    }
}

impl Credentials {
    /// Checks the fields against what the gateway needs; pointers of problems begin with `at`.
    pub fn parse(
        gateway: GatewayKind,
        mode: Mode,
        fields: BTreeMap<String, String>,
        at: &str,
    ) -> Result<Self, Problems> {
        let rules = gateway.profile().credentials;
        let mut problems = Problems::default();
        for rule in rules {
            let pointer = format!("{at}/{}", rule.name);
            match fields.get(rule.name) {
                Some(value) if !rule.form.takes(value, mode) => {
                    problems.refuse(pointer, "invalid_credentials", rule.form.complaint(rule.name, mode));
                }
                None if rule.is_required => problems.refuse(pointer, "required", "The gateway needs this field."),
                Some(_) | None => {}
            }
        }
        for name in fields.keys().filter(|name| !rules.iter().any(|rule| rule.name == name.as_str())) {
            let detail = format!("The gateway {} has no such credential.", gateway.as_str());
            problems.refuse(format!("{at}/{name}"), "unknown_field", detail);
        }
        if problems.is_empty() { Ok(Self { gateway, fields }) } else { Err(problems) }
    }

    /// The secret value of a field. It must not be logged.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::string::string_regex;

    fn parse(gateway: GatewayKind, mode: Mode, fields: &[(&str, &str)]) -> Result<Credentials, Vec<String>> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Credentials::parse(gateway, mode, fields, "/credentials")
            .map_err(|problems| problems.into_vec().into_iter().map(|p| format!("{} {}", p.pointer, p.code)).collect())
    }

    #[test]
    fn a_sandbox_account_cannot_be_given_a_live_key_nor_the_other_way() {
        let live = [("secret_key", "sk_live_abc")];
        assert!(parse(GatewayKind::Stripe, Mode::Live, &live).is_ok());
        assert_eq!(
            parse(GatewayKind::Stripe, Mode::Sandbox, &live).unwrap_err(),
            ["/credentials/secret_key invalid_credentials"]
        );
    }

    #[test]
    fn missing_and_unknown_fields_are_named_and_secrets_do_not_show() {
        assert_eq!(
            parse(GatewayKind::Zarinpal, Mode::Live, &[("secret_key", "sk_live_abc")]).unwrap_err(),
            ["/credentials/merchant_id required", "/credentials/secret_key unknown_field"]
        );
        let merchant = "1344b5d4-0048-11e8-94db-005056a205be";
        let credentials = parse(GatewayKind::Zarinpal, Mode::Live, &[("merchant_id", merchant)]).unwrap();
        assert!(!format!("{credentials:?}").contains("1344"));
    }

    #[test]
    fn the_sandbox_of_zibal_is_one_merchant_and_no_live_account_can_have_it() {
        let sandbox = [("merchant", "zibal")];
        assert!(parse(GatewayKind::Zibal, Mode::Sandbox, &sandbox).is_ok());
        assert!(parse(GatewayKind::Zibal, Mode::Live, &sandbox).is_err());
        assert!(parse(GatewayKind::Zibal, Mode::Sandbox, &[("merchant", "5f9b2d3c4e5a6b7c8d9e0f11")]).is_err());
        assert!(parse(GatewayKind::Zibal, Mode::Live, &[("merchant", "5f9b2d3c4e5a6b7c8d9e0f11")]).is_ok());
    }

    /// A form that somebody builds from the patterns accepts what we accept.
    #[test]
    fn whatever_a_pattern_describes_is_taken_and_nothing_longer() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for gateway in GatewayKind::ALL {
            for field in gateway.profile().credentials {
                for mode in Mode::ALL {
                    let pattern = field.form.pattern(mode);
                    let values = string_regex(pattern.trim_start_matches('^').trim_end_matches('$')).unwrap();
                    let taken = |value: String| {
                        prop_assert!(field.form.takes(&value, mode), "{} {pattern} {value}", field.name);
                        let longer = format!("{value} ");
                        prop_assert!(!field.form.takes(&longer, mode));
                        prop_assert!(!field.form.takes("", mode));
                        Ok(())
                    };
                    runner.run(&values, taken).unwrap();
                }
            }
        }
    }
}

//! What an account needs at its gateway to act for the business. Secret: it is written, never read back by the CRM.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::audit::FieldChange;
use crate::gateway::{GatewayKind, Mode};
use crate::problem::{Problems, no_such, pointer_to};
use crate::records::relay::Relay;

/// How many characters of the end of a secret are shown to know it again, and how many a secret has at least of which that
/// is done.
const HINT: usize = 4;
const LEAST_WITH_HINT: usize = 16;

/// The fields of one gateway's credentials, checked, and the relay that they travel through.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub gateway: GatewayKind,
    fields: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relay: Option<Relay>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("gateway", &self.gateway).finish_non_exhaustive()
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
        let known: Vec<&str> = rules.iter().map(|rule| rule.name).collect();
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let what = format!("credential of the gateway {}", gateway.as_str());
            problems.refuse(pointer_to(at, name), "unknown_field", no_such(&what, name, &known));
        }
        if problems.is_empty() { Ok(Self { gateway, fields, relay: None }) } else { Err(problems) }
    }

    /// The secret value of a field. It must not be logged.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The names of those that taking money does not need.
    pub fn optional_names(&self) -> BTreeSet<String> {
        let optional = self.gateway.profile().credentials.iter().filter(|rule| !rule.is_required);
        optional.filter(|rule| self.fields.contains_key(rule.name)).map(|rule| rule.name.to_owned()).collect()
    }

    /// What the business's log says of new credentials: of a secret only its end, by which somebody who has it knows it again,
    /// and where it is short not even that.
    pub fn hints(&self) -> Vec<FieldChange> {
        let hint = |(name, value): (&String, &String)| {
            let is_secret = self.gateway.profile().credentials.iter().any(|rule| rule.name == name && rule.is_secret);
            let shown = match value.get(value.len().saturating_sub(HINT)..) {
                _ if !is_secret => value.clone(),
                Some(end) if value.len() >= LEAST_WITH_HINT => format!("…{end}"),
                Some(_) | None => "…".to_owned(),
            };
            FieldChange { field: format!("/online_payment/credentials/{name}"), from: Value::Null, to: shown.into() }
        };
        self.fields.iter().map(hint).collect()
    }

    /// The same, to be used through a relay or without one.
    pub fn through(self, relay: Option<Relay>) -> Self {
        Self { relay, ..self }
    }

    /// The relay through which the gateway is called, where it is not called directly.
    pub fn relay(&self) -> Option<&Relay> {
        self.relay.as_ref()
    }

    /// Whether the gateway cannot tell the two apart: only the way to it differs, if anything does.
    pub fn are_of_the_same_merchant(&self, other: &Self) -> bool {
        let Self { gateway, fields, relay: _ } = self;
        (*gateway, fields) == (other.gateway, &other.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_a_new_secret_the_log_shows_the_end_and_of_a_number_all() {
        let fields = [
            ("merchant_id", "01234567-89ab-cdef-0123-456789abcdef"),
            ("terminal_id", "2015"),
            ("access_token", "x1y2"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let credentials = Credentials::parse(GatewayKind::Zarinpal, Mode::Live, fields, "").unwrap();
        let hints: Vec<_> = credentials.hints().into_iter().map(|hint| (hint.field, hint.to)).collect();
        let at = |name: &str, value: &str| (format!("/online_payment/credentials/{name}"), Value::from(value));
        assert_eq!(hints, [at("access_token", "…"), at("merchant_id", "…cdef"), at("terminal_id", "2015")]);
    }

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

//! What an account needs at its gateway to act for the business. Secret: it is written, never read back by the CRM.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

use crate::gateway::{GatewayKind, Mode};
use crate::problem::Problems;
use crate::records::relay::Relay;

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
        for name in fields.keys().filter(|name| !rules.iter().any(|rule| rule.name == name.as_str())) {
            let detail = format!("The gateway {} has no such credential.", gateway.as_str());
            problems.refuse(format!("{at}/{name}"), "unknown_field", detail);
        }
        if problems.is_empty() { Ok(Self { gateway, fields, relay: None }) } else { Err(problems) }
    }

    /// The secret value of a field. It must not be logged.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
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

//! What an account needs at its gateway to act for the business. Secret: it is written, never read back by the CRM.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gateway::{GatewayKind, Mode};
use crate::problem::{Problems, Rejection};

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
struct FieldRule {
    name: &'static str,
    is_required: bool,
    check: fn(&str, Mode) -> Result<(), &'static str>,
}

const ZARINPAL: [FieldRule; 1] = [FieldRule { name: "merchant_id", is_required: true, check: check_merchant_id }];

const STRIPE: [FieldRule; 2] = [
    FieldRule { name: "secret_key", is_required: true, check: check_secret_key },
    FieldRule { name: "webhook_secret", is_required: false, check: check_webhook_secret },
];

impl Credentials {
    /// Checks the fields against what the gateway needs; pointers of problems begin with `at`.
    pub fn parse(
        gateway: GatewayKind,
        mode: Mode,
        fields: BTreeMap<String, String>,
        at: &str,
    ) -> Result<Self, Problems> {
        let rules: &[FieldRule] = match gateway {
            GatewayKind::Zarinpal => &ZARINPAL,
            GatewayKind::Stripe => &STRIPE,
        };
        let mut problems = Problems::default();
        for rule in rules {
            let pointer = format!("{at}/{}", rule.name);
            match fields.get(rule.name) {
                Some(value) => {
                    let checked = (rule.check)(value, mode);
                    problems.check(pointer, checked.map_err(|detail| Rejection::new("invalid_credentials", detail)));
                }
                None if rule.is_required => problems.refuse(pointer, "required", "The gateway needs this field."),
                None => {}
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

fn check_merchant_id(value: &str, _: Mode) -> Result<(), &'static str> {
    let is_uuid = value.len() == 36
        && value.char_indices().all(|(index, c)| match index {
            8 | 13 | 18 | 23 => c == '-',
            _ => matches!(c, '0'..='9' | 'a'..='f'),
        });
    if is_uuid { Ok(()) } else { Err("A merchant id is a UUID of 36 characters in lower case.") }
}

/// The key alone decides whether real money moves, so it has to agree with the account's mode.
fn check_secret_key(value: &str, mode: Mode) -> Result<(), &'static str> {
    let prefixes = match mode {
        Mode::Live => ["sk_live_", "rk_live_"],
        Mode::Sandbox => ["sk_test_", "rk_test_"],
    };
    let is_word = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_word && prefixes.iter().any(|prefix| value.len() > prefix.len() && value.starts_with(prefix)) {
        return Ok(());
    }
    Err(match mode {
        Mode::Live => "A live account needs a key that begins with sk_live_ or rk_live_.",
        Mode::Sandbox => "A sandbox account needs a key that begins with sk_test_ or rk_test_.",
    })
}

fn check_webhook_secret(value: &str, _: Mode) -> Result<(), &'static str> {
    let rest = value.strip_prefix("whsec_").unwrap_or_default();
    if !rest.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("A webhook secret begins with whsec_ and has no blanks.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}

//! API keys: made, listed, revoked.

use domain::Timestamp;
use store::{ApiKey, KeyHolder, KeyRevocation, ListedKey, Scope};

use crate::{Admin, AdminError, COMMAND};

/// A new key: shown once, and kept as a hash only.
#[derive(Debug)]
pub struct NewKey {
    pub key: String,
    /// What it can be revoked by.
    pub id: String,
}

impl Admin {
    /// Makes a key of a business or of the platform for an integration; with every scope that it can have, where none is
    /// named.
    pub async fn create_key(&self, of: &KeyHolder, integration: &str, scopes: &[&str]) -> Result<NewKey, AdminError> {
        let (key, record) = new_key(of, integration, scopes)?;
        let id = match of {
            KeyHolder::Business(business) => self.signed(business, Timestamp::now()).put_api_key(&key, &record).await?,
            KeyHolder::Platform => self.store.put_api_key(of, &key, &record).await?,
        };
        Ok(NewKey { key, id })
    }

    /// Makes a key of a business for one call of ours, which is logged as what the call does and no more.
    pub(crate) async fn passing_key(&self, of: &KeyHolder) -> Result<NewKey, AdminError> {
        let (key, record) = new_key(of, COMMAND, &[])?;
        let id = self.store.put_api_key(of, &key, &record).await?;
        Ok(NewKey { key, id })
    }

    /// Every key of a business or of the platform, the oldest first.
    pub async fn list_keys(&self, of: &KeyHolder) -> Result<Vec<ListedKey>, AdminError> {
        let mut keys = self.store.list_api_keys(of).await?;
        keys.sort_by_key(|listed| listed.key.created_at);
        Ok(keys)
    }

    /// Makes a key worthless. Functions that know it forget it within half a minute.
    pub async fn revoke_key(&self, of: &KeyHolder, id: &str) -> Result<(), AdminError> {
        let revoked = match of {
            KeyHolder::Business(business) => self.signed(business, Timestamp::now()).revoke_api_key(id).await?,
            KeyHolder::Platform => self.store.revoke_api_key(of, id).await?,
        };
        match revoked {
            KeyRevocation::Revoked => Ok(()),
            KeyRevocation::NoSuchKey | KeyRevocation::Ambiguous => {
                Err(AdminError::refused(format!("there is no one key {id}; `api-key list` shows all of them")))
            }
        }
    }
}

/// A key and its record.
fn new_key(of: &KeyHolder, integration: &str, scopes: &[&str]) -> Result<(String, ApiKey), AdminError> {
    let possible = match of {
        KeyHolder::Business(_) => &Scope::OF_A_BUSINESS[..],
        KeyHolder::Platform => &Scope::ALL,
    };
    let scopes = match scopes {
        [] => possible.to_vec(),
        named => named.iter().map(|name| scope(name, possible)).collect::<Result<_, _>>()?,
    };
    let integration = name_of(integration)?;
    let key = of.key_from_random(runtime::random().map_err(AdminError::refused)?);
    let record = ApiKey { integration, scopes, created_at: Timestamp::now() };
    Ok((key, record))
}

/// The name of an integration, exactly as it was given: the idempotency of its calls hangs on it, so that a name which
/// was cleaned would be that of another integration.
fn name_of(integration: &str) -> Result<String, AdminError> {
    let name = domain::text::parse_name(integration, 64).map_err(AdminError::refused)?;
    if name == integration {
        return Ok(name);
    }
    let other =
        integration.chars().zip(name.chars().chain(std::iter::repeat('\0'))).find(|(given, kept)| given != kept);
    let character = other.map(|(given, _)| format!(" U+{:04X}", u32::from(given))).unwrap_or_default();
    let detail = format!(
        "the name of the integration has a character{character} that nobody sees, or a blank at an end: give it without"
    );
    Err(AdminError::refused(detail))
}

fn scope(name: &str, possible: &[Scope]) -> Result<Scope, AdminError> {
    let known = possible.iter().copied().find(|scope| scope.as_str() == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = possible.iter().map(|scope| scope.as_str()).collect();
        AdminError::refused(format!("{name} is no scope of such a key; there are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_integration_is_kept_as_it_was_given_or_refused() {
        for name in ["crm", "sales crm 2", "سی‌آرام"] {
            assert_eq!(name_of(name).unwrap(), name);
        }
        for (name, named) in [
            ("crm\u{200b}", "U+200B"),
            ("\u{feff}crm", "U+FEFF"),
            ("c\u{ad}rm", "U+00AD"),
            ("cr\u{202e}m", "U+202E"),
            (" crm", "U+0020"),
            ("crm\n", "U+000A"),
        ] {
            let refused = name_of(name).unwrap_err().to_string();
            assert!(refused.contains(named), "{}: {refused}", name.escape_unicode());
        }
    }
}

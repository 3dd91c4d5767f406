//! Writing and deleting a message provider.

use domain::Problems;
use domain::ids::{CredentialsVersion, ProviderId};
use domain::messages::provider::{MessageProvider, ProviderConfig, ProviderSecret};
use domain::messages::sms_route::NumberPrefix;
use store::{BusinessStore, Deleted, RecordWritten, StoreError};

use crate::contended::Tries;
use crate::records::{RecordRefused, without_problems};

/// A message provider as it should be.
#[derive(Clone, Debug)]
pub struct ProviderRequest {
    pub config: ProviderConfig,
    /// Left out, the provider's present one stays, as long as it goes to the same address.
    pub secret: Option<ProviderSecret>,
}

/// Why a provider was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum ProviderNeeded {
    /// The settings name it for numbers that begin so.
    #[error("the settings name it")]
    ForNumbers(NumberPrefix),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes the provider, and a new secret as a `version` of its own. `request` is missing where a part of it was refused,
/// which `problems` says with what else reading the request found.
pub async fn write(
    store: &BusinessStore,
    id: ProviderId,
    request: Option<ProviderRequest>,
    version: CredentialsVersion,
    problems: Problems,
) -> Result<MessageProvider, RecordRefused> {
    let ProviderRequest { config, secret } = without_problems(request, problems)?;
    // A secret that is left out is that of the provider as it is: it must not come back after another was written.
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.provider_to_change(&id).await?;
        let kept = known.filter(|known| is_same_place(&known.config, &config)).and_then(|known| known.credentials);
        let credentials = if secret.is_some() { Some(version.clone()) } else { kept };
        let provider = MessageProvider { id: id.clone(), config: config.clone(), credentials };
        if store.put_provider(&provider, secret.as_ref(), &revision).await? == RecordWritten::Applied {
            tracing::info!(provider_id = %provider.id, "A message provider was written.");
            return Ok(provider);
        }
    }
}

/// A secret is kept only where it goes to the same address: somebody who cannot read it must not be able to have it
/// sent elsewhere.
fn is_same_place(one: &ProviderConfig, other: &ProviderConfig) -> bool {
    one.kind() == other.kind() && one.base_url() == other.base_url()
}

/// Deletes a provider. One that the settings name is still needed.
pub async fn delete(store: &BusinessStore, id: &ProviderId) -> Result<Deleted, ProviderNeeded> {
    let configuration = store.fresh_configuration().await?;
    if let Some(route) = configuration.settings.sms_routes.iter().find(|route| route.provider == *id) {
        return Err(ProviderNeeded::ForNumbers(route.prefix.clone()));
    }
    Ok(store.delete_provider(id).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Field;
    use domain::messages::provider::{ProviderFields, ProviderKind};

    #[test]
    fn a_secret_stays_only_where_it_goes_to_the_same_address() {
        let config = |kind, base_url: &str, line: Option<&str>| {
            let line = line.map_or(Field::Absent, |line| Field::Value(line.to_owned()));
            let fields = ProviderFields { base_url: Field::Value(base_url.to_owned()), line, ..Default::default() };
            ProviderConfig::decide(kind, fields, &mut Problems::default()).unwrap()
        };
        let bot = |base_url: &str| config(ProviderKind::BotApi, base_url, None);
        let sms = |line| config(ProviderKind::Kavenegar, "https://api.example.com", line);
        assert!(is_same_place(&bot("https://api.example.com"), &bot("https://api.example.com")));
        assert!(!is_same_place(&bot("https://api.example.com"), &bot("https://api.example.org")));
        assert!(!is_same_place(&bot("https://api.example.com"), &sms(None)));
        assert!(is_same_place(&sms(None), &sms(Some("3000"))));
    }
}

//! Writing and deleting a message provider, and rotating the secret that signs what is sent to it.

use domain::idempotency::{IdempotencyLog, Repeat};
use domain::ids::{CredentialsVersion, ProviderId};
use domain::messages::provider::{MessageProvider, ProviderConfig, ProviderSecret};
use domain::messages::sms_route::NumberPrefix;
use domain::precondition::Precondition;
use domain::records::signing::{SigningSecret, SigningVersions};
use domain::{Problems, Rejection};
use jiff::SignedDuration;
use store::{BusinessStore, Deleted, NewProviderSecret, RecordWritten, RevisionWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::{Answer, Asked};
use crate::records::{RecordRefused, without_problems};
use crate::revised::{Revised, Said, Writing};
use crate::signing_secret::NewSecret;

/// A message provider as it should be.
#[derive(Clone, Debug)]
pub struct ProviderRequest {
    pub config: ProviderConfig,
    pub secret: SecretRequest,
}

/// What is said of what a provider proves itself with.
#[derive(Clone, Debug)]
pub enum SecretRequest {
    New(ProviderSecret),
    /// The present one stays, as long as it goes to the same address.
    Kept,
    /// The one that there is is to go.
    None,
}

/// A provider that was written.
#[derive(Clone, Debug)]
pub struct WrittenProvider {
    pub provider: MessageProvider,
    /// What messages to it are signed with, where that is new, which is shown this once.
    pub new_secret: Option<SigningSecret>,
}

/// Why what signs was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateRefused {
    #[error("there is no such provider")]
    NoSuchProvider,
    /// Nothing that is sent to it is signed.
    #[error("nothing that is sent to the provider is signed")]
    NotSigned,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a provider was not written, or not deleted.
#[derive(Debug, thiserror::Error)]
pub enum WriteRefused {
    #[error(transparent)]
    Record(#[from] RecordRefused),
    /// It would be there no longer for those who need it.
    #[error(transparent)]
    Needed(#[from] ProviderNeeded),
}

/// Why a provider was not deleted, or not made one of another channel.
#[derive(Debug, thiserror::Error)]
pub enum ProviderNeeded {
    /// The settings name it for numbers that begin so.
    #[error("the settings name it")]
    ForNumbers(NumberPrefix),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes the provider, and a secret that is given as a version of its own. Where messages to it are signed and were
/// not before, `new` is what they are signed with from now on; otherwise only its version is used. The request is missing
/// where a part of it was refused. A provider that the settings name keeps its channel: who sends no SMS any more is there
/// for their numbers as little as one that is deleted.
pub async fn write(
    store: &BusinessStore,
    id: ProviderId,
    writing: &Writing,
    said: Said<'_, MessageProvider, Option<ProviderRequest>>,
    new: NewSecret,
) -> Result<Revised<WrittenProvider>, WriteRefused> {
    // A secret that is left out is that of the provider as it is: it must not come back after another was written.
    let mut tries = Tries::default();
    loop {
        tries.another().map_err(RecordRefused::from)?;
        let (known, revision) = store.provider_to_change(&id).await.map_err(RecordRefused::from)?;
        let base = writing.base(known.as_ref(), revision.tag().as_ref()).map_err(RecordRefused::from)?;
        let (request, problems) = said(base);
        let ProviderRequest { config, secret: said_of_secret } = without_problems(request, problems)?;
        let secret = match &said_of_secret {
            SecretRequest::New(secret) => Some(secret),
            SecretRequest::Kept | SecretRequest::None => None,
        };
        if known.as_ref().is_some_and(|known| known.config.channel() != config.channel()) {
            check_unneeded(store, &id).await?;
        }
        let provider = decided(&id, &config, known.clone(), secret.is_some(), &new.version);
        if matches!(said_of_secret, SecretRequest::None) && provider.credentials.is_some() {
            let why = Rejection::new("required", "Credentials are replaced, and not taken away alone.");
            return Err(RecordRefused::Invalid(Problems::of("/credentials", why)).into());
        }
        if known.as_ref() == Some(&provider) {
            return Ok(Revised::new(WrittenProvider { provider, new_secret: None }, &revision));
        }
        let is_first = provider.signing.newest() == Some(&new.version);
        let written = match secret {
            Some(secret) => Some(NewProviderSecret::Given(secret)),
            None => is_first.then_some(NewProviderSecret::Signing(&new.secret)),
        };
        let outcome = store.put_provider(&provider, written, &revision).await.map_err(RecordRefused::from)?;
        if let RevisionWritten::Applied(revision) = outcome {
            tracing::info!(provider_id = %provider.id, "A message provider was written.");
            let new_secret = is_first.then_some(new.secret);
            return Ok(Revised::new(WrittenProvider { provider, new_secret }, &revision));
        }
    }
}

/// The provider as it is to be, with the secrets of what it was that it keeps.
fn decided(
    id: &ProviderId,
    config: &ProviderConfig,
    known: Option<MessageProvider>,
    has_secret: bool,
    version: &CredentialsVersion,
) -> MessageProvider {
    let kept = known.filter(|known| is_same_place(&known.config, config));
    let (credentials, signing, idempotency) = match kept {
        Some(known) => (known.credentials, known.signing, known.idempotency),
        None => (None, SigningVersions::default(), IdempotencyLog::default()),
    };
    let signing = match config.kind().is_signed() && signing.is_empty() {
        true => SigningVersions::first(version.clone()),
        false => signing,
    };
    let credentials = if has_secret { Some(version.clone()) } else { credentials };
    MessageProvider { id: id.clone(), config: config.clone(), credentials, signing, idempotency }
}

/// Puts this secret in place of what messages to a provider are signed with; the earlier one signs beside it for as
/// long as `overlap` says. The answer has the newest secret.
pub async fn rotate_secret(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &ProviderId,
    overlap: SignedDuration,
    new: NewSecret,
) -> Result<Answer<Revised<(MessageProvider, SigningSecret)>>, RotateRefused> {
    let mark = asked.fingerprint();
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.provider_to_change(id).await?;
        let provider = known.ok_or(RotateRefused::NoSuchProvider)?;
        if !provider.config.kind().is_signed() {
            return Err(RotateRefused::NotSigned);
        }
        match provider.idempotency.knows(mark.as_ref()) {
            Repeat::No => {}
            Repeat::Yes => {
                let newest = provider.signing.newest().cloned().unwrap_or(new.version);
                let secret = store.line_secret(id, &newest).await?;
                return Ok(Answer::Repeated(Revised::new((provider, secret), &revision)));
            }
            Repeat::OtherBody => return Err(RotateRefused::KeyReused),
        }
        let mut next = provider.rotated(new.version.clone(), overlap, now());
        next.idempotency.add(mark.clone());
        let written = Some(NewProviderSecret::Signing(&new.secret));
        if let RevisionWritten::Applied(revision) = store.put_provider(&next, written, &revision).await? {
            tracing::info!(provider_id = %next.id, "What messages to a provider are signed with was rotated.");
            return Ok(Answer::New(Revised::new((next, new.secret), &revision)));
        }
    }
}

/// A secret is kept only where it goes to the same address: somebody who cannot read it must not be able to have it
/// sent elsewhere. What signs goes nowhere, and stays as long as it is wanted.
fn is_same_place(one: &ProviderConfig, other: &ProviderConfig) -> bool {
    one.kind() == other.kind() && one.base_url() == other.base_url()
}

/// Deletes a provider as it is. One that the settings name is still needed.
pub async fn delete(
    store: &BusinessStore,
    id: &ProviderId,
    precondition: &Precondition,
) -> Result<Deleted, WriteRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another().map_err(RecordRefused::from)?;
        let (known, revision) = store.provider_to_change(id).await.map_err(RecordRefused::from)?;
        if known.is_none() {
            return Ok(Deleted::Missing);
        }
        precondition.check(revision.tag().as_ref()).map_err(RecordRefused::from)?;
        check_unneeded(store, id).await?;
        match store.delete_provider(id, &revision).await.map_err(RecordRefused::from)? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
}

/// Refuses where the settings name the provider.
async fn check_unneeded(store: &BusinessStore, id: &ProviderId) -> Result<(), ProviderNeeded> {
    let configuration = store.fresh_configuration().await?;
    match configuration.settings.sms_routes.iter().find(|route| route.provider() == Some(id)) {
        Some(route) => Err(ProviderNeeded::ForNumbers(route.prefix.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::messages::provider::{ProviderFields, ProviderKind};
    use domain::{Field, Problems};

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

    #[test]
    fn what_signs_is_made_once_and_stays_when_the_line_moves() {
        let line = |url: &str| {
            let fields = ProviderFields { url: Field::Value(url.to_owned()), ..Default::default() };
            ProviderConfig::decide(ProviderKind::Webhook, fields, &mut Problems::default()).unwrap()
        };
        let version = |name: &str| CredentialsVersion::parse(name).unwrap();
        let id = ProviderId::parse("crm").unwrap();
        let made = decided(&id, &line("https://crm.example/one"), None, false, &version("v1"));
        assert_eq!((made.signing.newest(), &made.credentials), (Some(&version("v1")), &None));
        let moved = decided(&id, &line("https://crm.example/two"), Some(made.clone()), false, &version("v2"));
        assert_eq!((moved.config.url(), &moved.signing), (Some("https://crm.example/two"), &made.signing));
        let bot = ProviderConfig::decide(ProviderKind::BotApi, ProviderFields::default(), &mut Problems::default());
        let other = decided(&id, &bot.unwrap(), Some(moved), false, &version("v3"));
        assert!(other.signing.is_empty(), "nothing is signed for a bot");
        let back = decided(&id, &line("https://crm.example/two"), Some(other), false, &version("v4"));
        assert_eq!(back.signing.newest(), Some(&version("v4")), "what was forgotten does not come back");
    }
}

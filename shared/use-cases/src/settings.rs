//! Writing the settings of the business.

use domain::Problems;
use domain::business::logo::Logo;
use domain::business::settings::Settings;
use domain::messages::channel::Channel;
use domain::requests::create::find_receipt_type;
use store::{BusinessStore, Configuration, RevisionWritten};

use crate::contended::Tries;
use crate::records::RecordRefused;
use crate::revised::{Revised, Said, Writing};

/// The settings as they should be.
#[derive(Clone, Debug)]
pub struct SettingsRequest {
    pub settings: Settings,
    pub logo: LogoRequest,
}

/// What is said of the picture that the settings name.
#[derive(Clone, Debug)]
pub enum LogoRequest {
    /// It stays, where there is one.
    Kept,
    Is(Option<Logo>),
}

/// Writes the settings, and the picture that they name.
pub async fn write(
    store: &BusinessStore,
    writing: &Writing,
    said: Said<'_, Settings, SettingsRequest>,
) -> Result<Revised<Settings>, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.settings_to_change().await?;
        // A business has settings also where nobody wrote any.
        let present = known.clone().unwrap_or_default();
        let (request, mut problems) = said(writing.base(Some(&present), revision.tag().as_ref())?);
        let SettingsRequest { mut settings, logo } = request;
        if settings.default_receipt_type_id.is_some() || !settings.sms_routes.is_empty() {
            let configuration = store.fresh_configuration().await?;
            check_named(&settings, &configuration, &mut problems);
        }
        if !problems.is_empty() {
            return Err(RecordRefused::Invalid(problems));
        }
        let logo = match logo {
            LogoRequest::Kept => {
                settings.logo_hash.clone_from(&present.logo_hash);
                None
            }
            LogoRequest::Is(logo) => {
                settings.logo_hash = logo.as_ref().map(Logo::hash);
                // A picture that the settings name is there already.
                logo.filter(|_| settings.logo_hash != present.logo_hash)
            }
        };
        if known.as_ref() == Some(&settings) {
            return Ok(Revised::new(settings, &revision));
        }
        match store.put_settings(&settings, logo.as_ref(), &revision).await? {
            RevisionWritten::Applied(revision) => return Ok(Revised::new(settings, &revision)),
            RevisionWritten::Rejected => {}
        }
    }
}

/// The type of receipt that the settings name is there, and their providers are there and send SMS.
fn check_named(settings: &Settings, configuration: &Configuration, problems: &mut Problems) {
    if let Some(id) = &settings.default_receipt_type_id {
        problems.check("/default_receipt_type_id", find_receipt_type(id, &configuration.receipt_types));
    }
    for (index, route) in settings.sms_routes.iter().enumerate() {
        let Some(id) = route.provider() else { continue };
        let provider = configuration.providers.get(id);
        if provider.is_none_or(|provider| provider.config.channel() != Channel::Sms) {
            let detail = format!("There is no provider {id} of SMS.");
            problems.refuse(format!("/sms_routes/{index}/provider"), "unknown_message_provider", detail);
        }
    }
}

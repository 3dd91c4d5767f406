//! Writing the settings of the business, which are replaced as a whole.

use domain::Problems;
use domain::business::logo::Logo;
use domain::business::settings::Settings;
use domain::messages::channel::Channel;
use domain::requests::create::find_receipt_type;
use store::{BusinessStore, RecordWritten, StoreError};

use crate::contended::Tries;
use crate::records::RecordRefused;

/// Writes the settings, and the picture that they name. `problems` carries what reading the request found.
pub async fn write(
    store: &BusinessStore,
    mut settings: Settings,
    logo: Option<&Logo>,
    mut problems: Problems,
) -> Result<Settings, RecordRefused> {
    if let Some(id) = &settings.default_receipt_type_id {
        let configuration = store.fresh_configuration().await?;
        problems.check("/default_receipt_type_id", find_receipt_type(id, &configuration.receipt_types));
    }
    check_providers(store, &settings, &mut problems).await?;
    if !problems.is_empty() {
        return Err(RecordRefused::Invalid(problems));
    }
    settings.logo_hash = logo.map(Logo::hash);
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (_, revision) = store.settings_to_change().await?;
        if store.put_settings(&settings, logo, &revision).await? == RecordWritten::Applied {
            return Ok(settings);
        }
    }
}

/// The providers that the settings name are there and send SMS.
async fn check_providers(
    store: &BusinessStore,
    settings: &Settings,
    problems: &mut Problems,
) -> Result<(), StoreError> {
    for (index, route) in settings.sms_routes.iter().enumerate() {
        let provider = store.provider(&route.provider).await?;
        if provider.is_none_or(|provider| provider.config.channel() != Channel::Sms) {
            let detail = format!("There is no provider {} of SMS.", route.provider);
            problems.refuse(format!("/sms_routes/{index}/provider"), "unknown_message_provider", detail);
        }
    }
    Ok(())
}

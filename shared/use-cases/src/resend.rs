//! Having people told once more about an active link.

use domain::Problems;
use domain::business::quotas::{DayCount, QuotaReached};
use domain::ids::LinkId;
use domain::link::{PaymentLink, ResendRefused as TooSoonOrTooOften};
use domain::messages::recipients::sent_at_once;
use domain::requests::resend::{ResendContext, ResendRequest, decide};
use store::{BusinessStore, Configuration};

use crate::Now;
use crate::idempotency::{Answer, Asked};
use crate::link_change::{ChangeRefused, change, read_link};
use crate::quota::Today;

/// Why nobody is told once more.
#[derive(Debug)]
pub enum ResendRefused {
    Invalid(Problems),
    /// The business may take no new payments, so nobody is asked to pay.
    Suspended,
    /// The link has ended, or people were told too recently or too often.
    NotNow(TooSoonOrTooOften),
    /// The business has sent as much today as the platform allows it.
    QuotaReached(QuotaReached),
}

/// Tells the people whom the request names, or else those who were told when the link was made. `problems` carries
/// what reading the request found.
pub async fn resend(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &LinkId,
    configuration: &Configuration,
    request: &ResendRequest,
    problems: Problems,
) -> Result<Answer<PaymentLink>, ChangeRefused<ResendRefused>> {
    let link = read_link(store, id).await?;
    // Only people at the contact make the contact be read.
    let contact = if request.recipients.selection().names_people() {
        store.contact(&link.terms().contact.id).await?
    } else {
        None
    };
    let context = ResendContext {
        contact: contact.as_ref(),
        templates: &configuration.templates,
        settings: &configuration.settings,
        providers: &configuration.providers,
    };
    let today = Today::read(store, configuration, now()).await;
    let answer = change(store, now, link, "resend", asked.fingerprint(), |link, at| {
        link.may_resend(at).map_err(ResendRefused::NotNow)?;
        if configuration.is_suspended() {
            return Err(ResendRefused::Suspended);
        }
        let round = decide(request, link, context, at, problems.clone()).map_err(ResendRefused::Invalid)?;
        let wanted = DayCount { links: 0, messages: sent_at_once(round.recipients.iter()) };
        today.check(wanted).map_err(ResendRefused::QuotaReached)?;
        let next = link.resend(round, at).map_err(ResendRefused::NotNow)?;
        let size = next.check_growth(link);
        size.map_err(|rejection| ResendRefused::Invalid(Problems::of("/recipients", rejection)))?;
        Ok(next)
    })
    .await?;
    if let Answer::New(link) = &answer
        && let Some(round) = link.message_rounds().last()
    {
        store.note_done(DayCount { links: 0, messages: sent_at_once(round.recipients.iter()) }).await;
    }
    Ok(answer)
}

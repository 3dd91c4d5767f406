//! Having the people reminded now who were asked to pay, because somebody wants it and not because a moment has come.

use domain::Timestamp;
use domain::business::reminders::ReminderSettings;
use domain::ids::LinkId;
use domain::link::{NotReminded, PaymentLink, RemindRefused, ReminderRules};
use store::{BusinessStore, StoreError};

use crate::Now;
use crate::idempotency::Answer;
use crate::link_change::{ChangeRefused, change, read_link};

/// The link as it would be if people were reminded of it as soon as the business may, or what stands against that. Nothing is
/// written.
pub async fn planned(
    store: &BusinessStore,
    link: &PaymentLink,
    now: Timestamp,
) -> Result<Result<PaymentLink, RemindRefused>, StoreError> {
    let reminding = store.reminding(link, now).await?;
    let rules = reminding.rules();
    let opens = ReminderSettings::of(rules.settings).first_open(now, &rules.settings.zone());
    let why_not = match rules.why_not {
        Some(NotReminded::Suspended | NotReminded::QuotaReached { .. }) => None,
        lasting @ (Some(NotReminded::ItemPaid | NotReminded::NotWanted | NotReminded::OverQuota) | None) => lasting,
    };
    let at = opens.filter(|opens| *opens < link.terms().expires_at).unwrap_or(now);
    Ok(link.remind_now(ReminderRules { why_not, ..rules }, at))
}

/// Reminds once: whoever was reminded of the link from this instant on is not again.
pub async fn remind(
    store: &BusinessStore,
    now: Now<'_>,
    id: &LinkId,
    once_from: Timestamp,
) -> Result<Answer<PaymentLink>, ChangeRefused<RemindRefused>> {
    let link = read_link(store, id).await?;
    if was_reminded(&link, once_from) {
        return Ok(Answer::Repeated(link));
    }
    let reminding = store.reminding(&link, now()).await?;
    let decide = |link: &PaymentLink, at| {
        if was_reminded(link, once_from) {
            Err(RemindRefused::AlreadyToday)
        } else {
            link.remind_now(reminding.rules(), at)
        }
    };
    let answer = change(store, now, link, "remind", None, decide).await?;
    if let Answer::New(link) = &answer {
        store.note_reminder(link).await;
    }
    Ok(answer)
}

/// Whether people were reminded of a link from an instant on.
pub fn was_reminded(link: &PaymentLink, from: Timestamp) -> bool {
    link.reminders().last().is_some_and(|last| last.at >= from)
}

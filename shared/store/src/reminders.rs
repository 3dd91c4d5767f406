//! Reminding: what stands against it beside the link, and that somebody at an address was reminded on a day, so that nobody is
//! reminded twice a day of several links. Of the address a hash is kept, made as the search makes those of its own, and it is
//! forgotten after some days.

use std::borrow::Cow;

use domain::Timestamp;
use domain::business::quotas::{Day, DayCount, Quotas};
use domain::business::reminders::ReminderSettings;
use domain::business::settings::Settings;
use domain::gateway::Mode;
use domain::link::{NotReminded, PaymentLink, ReminderRules};
use domain::messages::recipients::Recipient;
use futures_util::future::try_join3;
use jiff::SignedDuration;
use jiff::civil::Date;

use crate::BusinessStore;
use crate::configuration::Configuration;
use crate::error::StoreError;
use crate::item::{key, number, text, text_of};
use crate::keys::{self, FORGET_AT};
use crate::table::{Condition, PutOutcome};

/// A message of a reminder is tried on its day alone, and days of businesses differ from those of UTC by less than one.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The message that was the first of its day at an address.
const MESSAGE: &str = "message";

/// What a reminder of a link is decided by. Whether it is time, and what on the link itself stands against it, the domain decides.
#[derive(Debug)]
pub struct Reminding {
    settings: Settings,
    why_not: Option<NotReminded>,
    room: Option<i64>,
}

impl Reminding {
    pub fn rules(&self) -> ReminderRules<'_> {
        ReminderRules { settings: &self.settings, why_not: self.why_not, room: self.room }
    }
}

impl BusinessStore {
    /// Reads what beside a link stands against reminding of it.
    pub async fn reminding(&self, link: &PaymentLink, now: Timestamp) -> Result<Reminding, StoreError> {
        let configuration = self.configuration().await?;
        let (contact, settings) = (self.contact(&link.terms().contact.id), self.closing(&configuration.settings));
        let room = async {
            let guarded = link.terms().item.as_ref().and_then(|item| Some((&item.id, item.guard?)));
            let Some((item, guard)) = guarded.filter(|(_, guard)| guard.most.is_some()) else { return Ok(None) };
            Ok(guard.room(&self.paid_for(link, item).await?))
        };
        let (contact, room, settings) = try_join3(contact, room, settings).await?;
        // What lasts comes first.
        let why_not = if room == Some(0) {
            Some(NotReminded::ItemPaid)
        } else if contact.is_some_and(|contact| contact.no_reminders) {
            Some(NotReminded::NotWanted)
        } else if configuration.is_suspended() {
            Some(NotReminded::Suspended)
        } else {
            self.sent_enough(link, &configuration, now).await
        };
        Ok(Reminding { settings: settings.into_owned(), why_not, room })
    }

    /// The settings with the days on which the platform closes, as old as a configuration may be.
    pub async fn closing<'a>(&self, settings: &'a Settings) -> Result<Cow<'a, Settings>, StoreError> {
        if !ReminderSettings::of(settings).platform_closed {
            return Ok(Cow::Borrowed(settings));
        }
        let read = async { Ok(self.store.platform_defaults().await?.closed_days) };
        let days = self.store.memory.platform_days.get(&(), read).await?;
        Ok(settings.closing_on(&days))
    }

    /// Whether the reminder would be more than the business may send today.
    async fn sent_enough(
        &self,
        link: &PaymentLink,
        configuration: &Configuration,
        now: Timestamp,
    ) -> Option<NotReminded> {
        let quotas = Quotas { links_per_day: None, ..configuration.quotas() };
        let (day, wanted) = (Day::of(now), DayCount { links: 0, messages: link.to_remind() });
        let reached = quotas.check(self.done_in(day, &quotas, now).await, wanted, day).err()?;
        let wait = NotReminded::QuotaReached { until: reached.until };
        Some(if reached.is_too_much { NotReminded::OverQuota } else { wait })
    }

    /// Remembers that people were reminded, until it is counted.
    pub async fn note_reminder(&self, link: &PaymentLink) {
        self.note_done(DayCount { links: 0, messages: link.to_remind() }).await;
    }

    /// Whether this message is the one reminder of its address on a day; live links and those of a sandbox count apart. The answer stays the same however often it is asked.
    pub async fn note_reminded(
        &self,
        (mode, recipient): (Mode, &Recipient),
        day: Date,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const WRITE: &str = "claim a day for a reminder";
        let network = recipient.network.as_ref().map_or(recipient.channel.as_str(), |network| network.as_str());
        let secret = self.store.search_secret().await?;
        let medium = format!("{} {network}", mode.as_str());
        let hash = secret.hash(WRITE, [self.business.as_str(), &medium, &recipient.to])?;
        let mut item = key(keys::reminded(&self.business, &hex::encode(hash), day));
        item.insert(MESSAGE.to_owned(), text(recipient.id.as_str()));
        let forget_at = now.checked_add(KEPT_FOR).unwrap_or(now);
        item.insert(FORGET_AT.to_owned(), number(forget_at.as_second()));
        Ok(match self.store.put_if(WRITE, item, Condition::nothing_there()).await? {
            PutOutcome::Written => true,
            PutOutcome::StoodAgainst(known) => text_of(&known, MESSAGE) == Some(recipient.id.as_str()),
        })
    }
}

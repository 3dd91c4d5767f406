//! That somebody at an address was reminded on a day, so that nobody is reminded twice a day of several links. Of the address
//! a hash is kept, made as the search makes those of its own, and it is forgotten after some days.

use domain::Timestamp;
use domain::gateway::Mode;
use domain::messages::recipients::Recipient;
use jiff::SignedDuration;
use jiff::civil::Date;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::{key, number, text, text_of};
use crate::keys::{self, FORGET_AT};
use crate::table::{Condition, PutOutcome};

/// A message of a reminder is tried on its day alone, and days of businesses differ from those of UTC by less than one.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The message that was the first of its day at an address.
const MESSAGE: &str = "message";

impl BusinessStore {
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

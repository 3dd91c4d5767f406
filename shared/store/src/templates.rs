//! The business's own texts of messages. crm-api writes and lists them; create-link and deliver-messages read them with
//! the configuration.

use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::message_template::MessageTemplate;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;
use crate::table::Deleted;

impl BusinessStore {
    pub async fn put_template(&self, template: &MessageTemplate) -> Result<(), StoreError> {
        let at = keys::template(&self.business, template.kind, template.channel, &template.locale);
        self.store.put("write a message template", to_item(at, template)?).await
    }

    pub async fn template(
        &self,
        kind: MessageKind,
        channel: Channel,
        locale: &Locale,
    ) -> Result<Option<MessageTemplate>, StoreError> {
        self.store.read("read a message template", keys::template(&self.business, kind, channel, locale)).await
    }

    pub async fn delete_template(
        &self,
        kind: MessageKind,
        channel: Channel,
        locale: &Locale,
    ) -> Result<Deleted, StoreError> {
        self.store.delete("delete a message template", keys::template(&self.business, kind, channel, locale)).await
    }
}

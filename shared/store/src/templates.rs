//! The business's own texts of messages. crm-api writes and lists them; create-link and deliver-messages read them with
//! the configuration.

use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::message_template::MessageTemplate;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::keys;
use crate::revision::{Revision, RevisionWritten, to_marked_item};
use crate::table::RecordWritten;

/// Which text it is.
pub type TemplatePlace<'a> = (MessageKind, Channel, &'a Locale);

impl BusinessStore {
    /// A text of the business's own and what to write a change of it over.
    pub async fn template_to_change(
        &self,
        (kind, channel, locale): TemplatePlace<'_>,
    ) -> Result<(Option<MessageTemplate>, Revision), StoreError> {
        let at = keys::template(&self.business, kind, channel, locale);
        self.store.record_to_change("read a message template to change it", at).await
    }

    /// Writes a text over the revision that was read.
    pub async fn put_template(
        &self,
        template: &MessageTemplate,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let at = keys::template(&self.business, template.kind, template.channel, &template.locale);
        self.store.put_over("write a message template", to_marked_item(at, template)?, revision, Vec::new()).await
    }

    /// Deletes a text at the revision that was read.
    pub async fn delete_template(
        &self,
        (kind, channel, locale): TemplatePlace<'_>,
        revision: &Revision,
    ) -> Result<RecordWritten, StoreError> {
        let at = keys::template(&self.business, kind, channel, locale);
        self.store.delete_over("delete a message template", at, revision, Vec::new()).await
    }
}

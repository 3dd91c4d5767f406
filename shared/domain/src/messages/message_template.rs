//! The texts for messages that the business saved.

use serde::{Deserialize, Serialize};

use crate::locale::Locale;
use crate::messages::channel::Channel;
use crate::messages::kind::MessageKind;
use crate::messages::template::MessageText;

/// A message template as the business saved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTemplate {
    pub kind: MessageKind,
    pub channel: Channel,
    pub locale: Locale,
    #[serde(flatten)]
    pub text: MessageText,
}

/// The business's own text: for the very locale, else for its language.
pub fn saved_text<'a>(
    templates: &'a [MessageTemplate],
    kind: MessageKind,
    channel: Channel,
    locale: &Locale,
) -> Option<&'a MessageText> {
    let fits = |selection: &str| {
        templates.iter().find(|template| {
            template.kind == kind && template.channel == channel && template.locale.as_str() == selection
        })
    };
    let language = locale.as_str().split('-').next().unwrap_or_default();
    fits(locale.as_str()).or_else(|| fits(language)).map(|template| &template.text)
}

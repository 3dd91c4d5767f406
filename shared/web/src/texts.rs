//! Fields of bodies that are message texts, read the same way in a create request and in a message template.

use domain::messages::channel::Channel;
use domain::messages::template::MessageText;
use domain::{Field, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Given, Unknown, refuse_unknown};

/// A text with variables and filters.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageTextInput)]
pub struct TextBody {
    /// The subject of an email, where it is required, of at most 200 characters; other channels have none. It may use
    /// the same variables and filters.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "filled-200")]
    pub subject: Given<String>,
    /// The text itself, at most 2,000 characters before its variables are filled in. It shows `{{ link }}` whichever
    /// way its conditions go, with a blank or a line break before and behind it.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "filled-2000")]
    pub body: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: Unknown,
}

impl TextBody {
    /// The checked text, with pointers below `at`.
    pub fn read(self, channel: Channel, at: &str, problems: &mut Problems) -> Field<MessageText> {
        refuse_unknown::<Self>(at, self.unknown, problems);
        let subject = self.subject.field(format!("{at}/subject"), problems);
        let body = self.body.require(format!("{at}/body"), problems);
        let (Field::Absent | Field::Value(_), Some(body)) = (&subject, body) else { return Field::Refused };
        match MessageText::parse(channel, subject.value().as_deref(), &body) {
            Ok(text) => Field::Value(text),
            Err(found) => {
                for problem in found {
                    problems.add(format!("{at}/{}", problem.part), problem.rejection);
                }
                Field::Refused
            }
        }
    }
}

//! Fields of bodies that are message texts, read the same way in a create request and in a message template.

use domain::recipients::Channel;
use domain::template::MessageText;
use domain::{Field, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Given, Unknown, refuse_unknown};

/// `{ subject?, body }`
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageText)]
pub struct TextBody {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub subject: Given<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub body: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: Unknown,
}

impl TextBody {
    /// The checked text, with pointers below `at`.
    pub fn read(self, channel: Channel, at: &str, problems: &mut Problems) -> Field<MessageText> {
        refuse_unknown(at, self.unknown, problems);
        let subject = self.subject.field(format!("{at}/subject"), problems);
        let body = self.body.field(format!("{at}/body"), problems);
        let (Field::Absent | Field::Value(_), Some(body)) = (&subject, body.require(format!("{at}/body"), problems))
        else {
            return Field::Refused;
        };
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

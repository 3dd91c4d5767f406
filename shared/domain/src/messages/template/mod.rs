//! Message texts with variables: checked when they are saved or sent in, rendered when a link is made and sent.

// Who reads a link with its texts, and writes none, needs no engine.
#[cfg(feature = "templates")]
mod engine;

use serde::{Deserialize, Serialize};

#[cfg(feature = "templates")]
pub use engine::{Amount, End, FILTERS, Filter, Kind, LONGEST_BODY, Letter, Rendered, TextProblem, VARIABLES, Values};

/// A checked text of one channel. Only email has a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    body: String,
}

impl MessageText {
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    pub fn body(&self) -> &str {
        &self.body
    }
}

/// A piece of text with variables that becomes one line: the value of a placeholder of an approved template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateParameter(String);

impl TemplateParameter {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

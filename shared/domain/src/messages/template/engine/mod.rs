//! Checking and rendering of message texts.
//!
//! A text is jinja without its machinery: the variables of [`VARIABLES`], the filters of [`FILTERS`], conditions and
//! nothing that loops, defines or includes. [`check`] looks at every part of it, whether or not a rendering would come by.

mod beside;
mod check;
mod values;

use minijinja::{AutoEscape, Environment, context};

use super::{MessageText, TemplateParameter};
use crate::locale::Language;
use crate::messages::channel::Channel;
use crate::problem::Rejection;
use crate::text::{contained, parse_text};

pub use check::VARIABLES;
pub use values::{Amount, End, FILTERS, Filter, Kind, Values};

/// The longest text of a message, in characters, before its variables are filled in.
pub const LONGEST_BODY: usize = 2_000;

const LONGEST_SUBJECT: usize = 200;

impl TemplateParameter {
    pub fn parse(text: &str) -> Result<Self, Vec<Rejection>> {
        read(text, LONGEST_SUBJECT, false).map(Self)
    }

    /// Whether it shows the link whichever way its conditions go.
    pub fn shows_link(&self) -> bool {
        check::check(&self.0) == Ok(true)
    }

    /// Whether its own words have this character, which the values that it is tried with do not have: once with all that
    /// a link can have, and once without.
    pub fn writes(&self, character: char) -> bool {
        ["x", ""].into_iter().any(|text| {
            let shown = Values::sample(text).and_then(|sample| self.render(&sample));
            shown.is_ok_and(|shown| shown.contains(character))
        })
    }

    /// Fills in the variables. No provider takes an empty value of a placeholder or a line break in one.
    pub fn render(&self, values: &Values) -> Result<String, Rejection> {
        let line = render(&self.0, values)?.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(if line.is_empty() { "-".to_owned() } else { line })
    }
}

/// A problem of a text and the part of it that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextProblem {
    /// `subject` or `body`.
    pub part: &'static str,
    pub rejection: Rejection,
}

impl MessageText {
    pub fn parse(channel: Channel, subject: Option<&str>, body: &str) -> Result<Self, Vec<TextProblem>> {
        let mut problems = Vec::new();
        let mut keep = |part: &'static str, result: Result<String, Vec<Rejection>>| match result {
            Ok(text) => Some(text),
            Err(rejections) => {
                problems.extend(rejections.into_iter().map(|rejection| TextProblem { part, rejection }));
                None
            }
        };
        let body = keep("body", read(body, LONGEST_BODY, true));
        let subject = match (channel, subject) {
            (Channel::Email, Some(subject)) => keep("subject", read(subject, LONGEST_SUBJECT, false)).map(Some),
            (Channel::Email, None) => {
                keep("subject", Err(vec![Rejection::new("required", "An email needs a subject.")])).map(Some)
            }
            (Channel::Sms | Channel::Social, None) => Some(None),
            (Channel::Sms | Channel::Social, Some(_)) => {
                keep("subject", Err(vec![Rejection::new("not_allowed", "Only an email has a subject.")])).map(Some)
            }
        };
        match (subject, body) {
            (Some(subject), Some(body)) => Ok(Self { subject, body }),
            (None, _) | (_, None) => Err(problems),
        }
    }

    /// Fills in the variables, and changes nothing but half a pair of directions that a condition left alone. A text
    /// that was checked fails here only where an earlier version of this program checked it, or where filling it in
    /// takes more steps than any honest message.
    pub fn render(&self, values: &Values) -> Result<Rendered, TextProblem> {
        let part = |part: &'static str| move |rejection: Rejection| TextProblem { part, rejection };
        let subject = self.subject.as_deref().map(|subject| render(subject, values)).transpose();
        let subject = subject.map_err(part("subject"))?;
        // A line break in a subject would begin a header of its own.
        let subject = subject.map(|subject| subject.split_whitespace().collect::<Vec<_>>().join(" "));
        let body = render(&self.body, values).map_err(part("body"))?;
        Ok(Rendered { subject, body })
    }
}

/// A message as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub subject: Option<String>,
    pub body: String,
}

/// An email's HTML: the text's own paragraphs, escaped, with the pay link as a button and nothing from elsewhere.
pub fn html_of(body: &str, link: &str, language: Language) -> Result<String, Rejection> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let lines: Vec<String> = body.lines().map(|line| line.trim().to_owned()).collect();
    // A line of blanks alone parts two paragraphs as well.
    let paragraphs = lines.split(String::is_empty).filter(|lines| !lines.is_empty());
    let paragraphs: Vec<Vec<String>> = paragraphs.map(<[String]>::to_vec).collect();
    environment
        .template_from_named_str("email.html", include_str!("../../../../templates/email.html"))
        .and_then(|template| {
            template.render(context! {
                paragraphs, link, language => language.code(), direction => language.direction(),
            })
        })
        .map_err(|error| refused(&error))
}

/// Reads a text and looks at all of it.
fn read(text: &str, longest: usize, needs_link: bool) -> Result<String, Vec<Rejection>> {
    let text = parse_text(text, longest).map_err(|rejection| vec![rejection])?;
    if text.is_empty() {
        return Err(vec![Rejection::new("empty", "The text must not be empty.")]);
    }
    let shows_link = check::check(&text)?;
    if needs_link && !shows_link {
        return Err(vec![Rejection::new("link_missing", "The text must always contain {{ link }}.")]);
    }
    let touching = if needs_link { beside::touching(&text) } else { Vec::new() };
    if !touching.is_empty() {
        return Err(touching);
    }
    // What the engine itself may have against it, such as too deep a nesting.
    values::environment().template_from_str(&text).map_err(|error| vec![refused(&error)])?;
    Ok(text)
}

fn render(text: &str, values: &Values) -> Result<String, Rejection> {
    let rendered = values::environment().render_str(text, values.context()).map_err(|error| refused(&error))?;
    // A condition can write one half of a pair alone.
    Ok(contained(&rendered))
}

fn refused(error: &minijinja::Error) -> Rejection {
    let line = error.line().map(at_line).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    Rejection::new("invalid_template", format!("The text cannot be used{line} ({}{detail}).", error.kind()))
}

fn at_line(line: usize) -> String {
    format!(" in line {line}")
}

#[cfg(test)]
mod tests;

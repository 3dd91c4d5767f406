//! Checking and rendering of message texts.
//!
//! A text is jinja without its machinery: the variables of [`VARIABLES`], the filters of [`FILTERS`], conditions and
//! nothing that loops, defines or includes. [`check`] looks at every part of it, whether or not a rendering would come by.

mod beside;
mod check;
mod values;

use minijinja::{AutoEscape, Environment, context};

use super::{MessageText, TemplateParameter};
use crate::business::brand::{BrandColor, Scheme};
use crate::locale::Language;
use crate::messages::channel::Channel;
use crate::messages::kind::MessageKind;
use crate::money::Money;
use crate::problem::Rejection;
use crate::text::{contained, parse_text};

pub use check::VARIABLES;
use values::Standing;

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
        let line = render(&self.0, values, Standing::Bare)?.split_whitespace().collect::<Vec<_>>().join(" ");
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

    /// Fills in the variables. A value that runs against the text is isolated; nothing else is changed but half a pair of
    /// directions that a condition left alone. A text that was checked fails here only where an earlier version of this
    /// program checked it, or where filling it in takes more steps than any honest message.
    pub fn render(&self, values: &Values) -> Result<Rendered, TextProblem> {
        self.render_with(values, Standing::Isolated)
    }

    /// The same with nothing around the values, for whoever compares the message with a text that was registered.
    pub fn render_bare(&self, values: &Values) -> Result<Rendered, TextProblem> {
        self.render_with(values, Standing::Bare)
    }

    fn render_with(&self, values: &Values, standing: Standing) -> Result<Rendered, TextProblem> {
        let part = |part: &'static str| move |rejection: Rejection| TextProblem { part, rejection };
        let subject = self.subject.as_deref().map(|subject| render(subject, values, standing)).transpose();
        let subject = subject.map_err(part("subject"))?;
        // A line break in a subject would begin a header of its own.
        let is_blank = |character: char| character.is_whitespace() && character != '\u{a0}';
        let one_line =
            |text: String| text.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let subject = subject.map(one_line);
        let body = render(&self.body, values, standing).map_err(part("body"))?;
        Ok(Rendered { subject, body })
    }
}

/// A message as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub subject: Option<String>,
    pub body: String,
}

/// An email as a letter of the business.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    pub body: &'a str,
    pub link: &'a str,
    pub kind: MessageKind,
    pub language: Language,
    pub business: &'a str,
    /// Where the business's logo is, where it has one.
    pub logo: Option<&'a str>,
    pub color: BrandColor,
    pub amount: Money,
    pub rial_alone: bool,
}

impl Letter<'_> {
    /// The letter's HTML: the amount, the text's own paragraphs, escaped, and where the link stands alone a button and the
    /// address below it. Everything that it needs is written where it is used, because mail programs drop style sheets;
    /// what they may drop makes it dark.
    pub fn html(&self) -> Result<String, Rejection> {
        let Self { body, link, kind, language, business, logo, color, amount, rial_alone } = *self;
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        let (short_amount, in_rial) = amount.display_apart(language, rial_alone);
        let (light, dark) = (color.paint(Scheme::Light), color.paint(Scheme::Dark));
        let side = if language.is_right_to_left() { "right" } else { "left" };
        let blocks = blocks(body, link);
        let button = match kind {
            MessageKind::LinkCreated | MessageKind::PaymentReminder | MessageKind::PaymentOverdue => "pay-now",
            MessageKind::PaymentReceived | MessageKind::RefundSucceeded => "see-receipt",
        };
        environment
            .template_from_named_str("email.html", include_str!("../../../../templates/email.html"))
            .and_then(|template| {
                template.render(context! {
                    blocks, link, logo, side, in_rial,
                    business => contained(business),
                    button => language.say(button, &[("short_amount", &short_amount)]),
                    amount => short_amount,
                    language => language.code(),
                    direction => language.direction(),
                    surface => light.surface(),
                    text => light.text(),
                    dark_surface => dark.surface(),
                    dark_text => dark.text(),
                })
            })
            .map_err(|error| refused(&error))
    }
}

/// The paragraphs of a text by their lines. Where the link stands alone on a line is a paragraph without any.
fn blocks(body: &str, link: &str) -> Vec<Vec<String>> {
    let mut blocks: Vec<Vec<String>> = Vec::new();
    let mut goes_on = false;
    for line in body.lines().map(str::trim) {
        // A line of blanks alone parts two paragraphs as well.
        if line.is_empty() || line == link {
            goes_on = false;
            if line == link {
                blocks.push(Vec::new());
            }
            continue;
        }
        match blocks.last_mut() {
            Some(block) if goes_on => block.push(line.to_owned()),
            Some(_) | None => blocks.push(vec![line.to_owned()]),
        }
        goes_on = true;
    }
    blocks
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

fn render(text: &str, values: &Values, standing: Standing) -> Result<String, Rejection> {
    let rendered =
        values::filling_in(values, standing).render_str(text, values.context()).map_err(|error| refused(&error))?;
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

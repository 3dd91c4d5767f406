//! What a gateway's credentials look like, for checking them and for building a form.

use super::mode::Mode;

/// One field that a gateway's credentials have.
#[derive(Debug)]
pub struct CredentialField {
    pub name: &'static str,
    /// What the field is called in a form.
    pub description: &'static str,
    pub is_required: bool,
    /// Whether a form should hide it.
    pub is_secret: bool,
    pub form: Form,
}

/// What a field must look like. It is checked by the same words that describe it to others.
#[derive(Debug)]
pub enum Form {
    /// 36 characters in lower case.
    Uuid,
    /// A beginning, where some are listed, and between `least` and `most` characters. The beginning alone often decides
    /// whether real money moves, so it has to agree with the account's mode. Where only the other mode lists any, a value
    /// of this mode is one of those alone.
    Text { live: &'static [&'static str], sandbox: &'static [&'static str], of: Alphabet, least: usize, most: usize },
}

/// The characters of a text.
#[derive(Clone, Copy, Debug)]
pub enum Alphabet {
    Digits,
    /// Letters and digits.
    Word,
    /// Letters, digits and underscores.
    Name,
    /// Everything in ASCII that can be seen.
    Visible,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Word => byte.is_ascii_alphanumeric(),
            Self::Name => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Visible => byte.is_ascii_graphic(),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Digits => "[0-9]",
            Self::Word => "[A-Za-z0-9]",
            Self::Name => "[A-Za-z0-9_]",
            Self::Visible => "[!-~]",
        }
    }
}

impl Form {
    /// Whether a value has this form in this mode.
    pub(crate) fn takes(&self, value: &str, mode: Mode) -> bool {
        match self {
            Self::Uuid => {
                value.len() == 36
                    && value.char_indices().all(|(index, c)| match index {
                        8 | 13 | 18 | 23 => c == '-',
                        _ => matches!(c, '0'..='9' | 'a'..='f'),
                    })
            }
            Self::Text { .. } if self.is_fixed(mode) => self.beginnings(mode).contains(&value),
            Self::Text { of, least, most, .. } => {
                let fits = |rest: &str| (*least..=*most).contains(&rest.len()) && rest.bytes().all(|byte| of.has(byte));
                match self.beginnings(mode) {
                    [] => fits(value),
                    some => some.iter().filter_map(|beginning| value.strip_prefix(beginning)).any(fits),
                }
            }
        }
    }

    /// The same as a regular expression that JavaScript, HTML and JSON Schema read alike.
    pub fn pattern(&self, mode: Mode) -> String {
        match self {
            Self::Uuid => "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$".to_owned(),
            Self::Text { .. } if self.is_fixed(mode) => format!("^({})$", self.beginnings(mode).join("|")),
            Self::Text { of, least, most, .. } => {
                let beginning = match self.beginnings(mode) {
                    [] => String::new(),
                    some => format!("({})", some.join("|")),
                };
                format!("^{beginning}{}{{{least},{most}}}$", of.class())
            }
        }
    }

    fn beginnings(&self, mode: Mode) -> &'static [&'static str] {
        match (self, mode) {
            (Self::Uuid, _) => &[],
            (Self::Text { live, .. }, Mode::Live) => live,
            (Self::Text { sandbox, .. }, Mode::Sandbox) => sandbox,
        }
    }

    /// Whether this mode's values are words that everybody uses, such as a sandbox's one merchant.
    fn is_fixed(&self, mode: Mode) -> bool {
        let other = match mode {
            Mode::Live => Mode::Sandbox,
            Mode::Sandbox => Mode::Live,
        };
        !self.beginnings(mode).is_empty() && self.beginnings(other).is_empty()
    }

    /// What is wrong with a value that has another form.
    pub(crate) fn complaint(&self, name: &str, mode: Mode) -> String {
        match (self, self.beginnings(mode)) {
            (Self::Uuid, _) => format!("The {name} is a UUID of 36 characters in lower case."),
            (Self::Text { .. }, []) => format!("The {name} has the form {}.", self.pattern(mode)),
            (Self::Text { .. }, some) if self.is_fixed(mode) => {
                format!("In {} mode the {name} is {}.", mode.as_str(), some.join(" or "))
            }
            (Self::Text { .. }, some) => format!(
                "In {} mode the {name} begins with {} and has the form {}.",
                mode.as_str(),
                some.join(" or "),
                self.pattern(mode)
            ),
        }
    }
}

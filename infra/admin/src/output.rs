//! How results are printed: sentences for a person at a terminal, or JSON for a program.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to whoever called it")]

use std::process::ExitCode;

use paylink_admin::AdminError;
use serde_json::{Value, json};

/// The exit code of a command that was called in a way that it does not know. Clap ends with the same.
const USAGE: u8 = 2;

/// For whom results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Person,
    Program,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Program } else { Self::Person }
    }

    /// For whom an error is, where the arguments could not be read as a whole.
    pub(crate) fn of_the_words(mut words: impl Iterator<Item = String>) -> Self {
        Self::new(words.any(|word| word == "--json"))
    }

    /// What was asked for, in one of both forms.
    pub(crate) fn result(self, text: impl AsRef<str>, value: &Value) {
        match self {
            Self::Person => println!("{}", text.as_ref()),
            Self::Program => println!("{value}"),
        }
    }

    /// What is JSON in any case: laid out for a person, and on one line for a program.
    pub(crate) fn record(self, value: &Value) {
        match self {
            Self::Person => println!("{value:#}"),
            Self::Program => println!("{value}"),
        }
    }

    /// One entry of a list that is JSON in any case, on a line of its own.
    pub(crate) fn entry(self, value: &Value) {
        println!("{value}");
    }

    /// What a person may want to know beside the result, and no program does.
    pub(crate) fn note(self, text: impl AsRef<str>) {
        if self == Self::Person {
            eprintln!("{}", text.as_ref());
        }
    }

    /// Says why it was not done.
    pub(crate) fn error(self, error: &AdminError) {
        self.complain(error.kind(), &error.to_string());
    }

    pub(crate) fn failed(self, error: &AdminError) -> ExitCode {
        self.error(error);
        if matches!(error, AdminError::Usage(_)) { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
    }

    /// What clap says of arguments that it cannot read, or of a question for help, which is none of them.
    pub(crate) fn misunderstood(self, refused: &clap::Error) -> ExitCode {
        if !refused.use_stderr() {
            println!("{}", refused.render());
            return ExitCode::SUCCESS;
        }
        match self {
            Self::Person => eprintln!("{}", refused.render()),
            Self::Program => self.complain("usage", refused.render().to_string().trim()),
        }
        ExitCode::from(USAGE)
    }

    fn complain(self, kind: &str, message: &str) {
        match self {
            Self::Person => eprintln!("{message}"),
            Self::Program => eprintln!("{}", json!({ "error": { "kind": kind, "message": message } })),
        }
    }
}

//! What the variables of a text stand for, and the filters that show them in another way.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Object, ObjectRepr};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, context, escape_formatter};
use serde::Serialize;

use crate::calendar::{display_end, display_last_day, display_last_moment, display_last_time};
use crate::locale::Language;
use crate::money::{Currency, Money};
use crate::problem::Rejection;
use crate::text::{contained, runs_against};

/// How values stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A value whose letters or digits run against the text is isolated, so that each is read in its own direction, and a
    /// number stays with its unit.
    Isolated,
    /// As they are, with plain blanks, where a provider compares a text with the one that it was told before.
    Bare,
}

/// No honest message needs more steps; a text that does would only burn time.
const FUEL: u64 = 20_000;

/// What a part of a text is, as far as filters and conditions tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Text,
    /// A text that carries the link, which no filter may change.
    Link,
    Amount,
    Date,
    /// The result of a condition. It is asked and not printed.
    Truth,
    /// One of several kinds, as a condition decides. It can only be printed.
    Mixed,
}

/// A filter that a text may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Filter {
    pub name: &'static str,
    /// What it can be applied to.
    pub of: Kind,
    pub description: &'static str,
    /// How many texts it takes in brackets.
    #[serde(skip)]
    pub(super) arguments: usize,
}

const fn filter(name: &'static str, of: Kind, arguments: usize, description: &'static str) -> Filter {
    Filter { name, of, description, arguments }
}

/// Every filter there is.
pub const FILTERS: [Filter; 13] = [
    filter("rial", Kind::Amount, 0, "The amount in Rial alone; an amount in another currency stays as it is."),
    filter(
        "toman",
        Kind::Amount,
        0,
        "The amount in Toman alone, where it is a whole number of them; an amount in another currency stays as it is.",
    ),
    filter(
        "short",
        Kind::Amount,
        0,
        "The amount in one unit: in Toman where it is a whole number of them, unless the business shows Rial alone.",
    ),
    filter("digits", Kind::Amount, 0, "The number of the amount alone, in groups and without its currency."),
    filter(
        "date",
        Kind::Date,
        0,
        "The last day on which the link can be paid or the money is owed, in the calendar of the language.",
    ),
    filter("time", Kind::Date, 0, "The time on that day until which it can be paid; 23:59 if all of the day."),
    filter("date_time", Kind::Date, 0, "That day and that time."),
    filter("default", Kind::Text, 1, "The text in brackets where there is none: {{ description | default(\"…\") }}."),
    filter("upper", Kind::Text, 0, "The text in capital letters."),
    filter("lower", Kind::Text, 0, "The text in small letters."),
    filter("capitalize", Kind::Text, 0, "The text with its first letter as a capital and the others small."),
    filter("title", Kind::Text, 0, "The text with the first letter of each word as a capital."),
    filter("trim", Kind::Text, 0, "The text without spaces before and behind it."),
];

/// The values of the variables for one link and one language.
#[derive(Clone, Debug)]
pub struct Values {
    pub account_name: String,
    pub amount: Amount,
    pub business_name: String,
    pub contact_name: String,
    pub description: String,
    pub due_at: End,
    pub expires_at: End,
    pub item_title: String,
    pub link: String,
    pub reference_id: String,
}

impl Values {
    /// Values of letters, digits and the marks between them, where `text` is every text that a link can lack.
    pub(super) fn sample(text: &str) -> Result<Self, Rejection> {
        let money = Money::new(10_000, Currency::IRR)?;
        let text = || text.to_owned();
        Ok(Self {
            account_name: text(),
            amount: Amount::new(money, Language::EN, false),
            business_name: text(),
            contact_name: text(),
            description: text(),
            due_at: End::new((!text().is_empty()).then_some(Timestamp::UNIX_EPOCH), TimeZone::UTC, Language::EN),
            expires_at: End::new(Some(Timestamp::UNIX_EPOCH), TimeZone::UTC, Language::EN),
            item_title: text(),
            link: "https://x.example/p/1".to_owned(),
            reference_id: text(),
        })
    }

    /// No text among them turns the direction of what a message says behind it, wherever the text comes from.
    pub(super) fn context(&self) -> Value {
        context! {
            account => context! { name => contained(&self.account_name) },
            amount => Value::from_object(self.amount),
            business => context! { name => contained(&self.business_name) },
            contact => context! { name => contained(&self.contact_name) },
            description => contained(&self.description),
            due_at => Value::from_object(self.due_at.clone()),
            expires_at => Value::from_object(self.expires_at.clone()),
            item => context! { title => contained(&self.item_title) },
            link => self.link.as_str(),
            reference_id => contained(&self.reference_id),
        }
    }
}

/// An amount that a text shows in its language.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    money: Money,
    language: Language,
    rial_alone: bool,
}

impl Amount {
    pub fn new(money: Money, language: Language, rial_alone: bool) -> Self {
        Self { money, language, rial_alone }
    }
}

impl Object for Amount {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.money.display(self.language, self.rial_alone))
    }
}

/// The end of a link, or until when its money is owed, that a text shows in its language. A link can lack the second, which is
/// an empty text then.
#[derive(Clone, Debug)]
pub struct End {
    at: Option<Timestamp>,
    zone: TimeZone,
    language: Language,
}

impl End {
    pub fn new(at: Option<Timestamp>, zone: TimeZone, language: Language) -> Self {
        Self { at, zone, language }
    }

    fn shown(&self, show: impl FnOnce(Timestamp, &TimeZone, Language) -> String) -> String {
        self.at.map(|at| show(at, &self.zone, self.language)).unwrap_or_default()
    }
}

impl Object for End {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.at.is_some()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(display_end))
    }
}

impl Standing {
    fn of(self, shown: &str, values: &Shown) -> String {
        match self {
            // Whatever stands beside the link could be taken for a part of it.
            Self::Isolated if shown.contains(&values.link) => shown.to_owned(),
            Self::Isolated => shown.lines().map(|line| isolated(line, values.language)).collect::<Vec<_>>().join("\n"),
            Self::Bare => shown.replace('\u{a0}', " "),
        }
    }
}

/// What of the values decides how one of them stands in a text.
#[derive(Clone, Debug)]
struct Shown {
    link: String,
    language: Language,
}

fn isolated(line: &str, language: Language) -> String {
    if runs_against(line, language.is_right_to_left()) { format!("\u{2068}{line}\u{2069}") } else { line.to_owned() }
}

/// The engine as it fills in these values.
pub(super) fn filling_in(values: &Values, standing: Standing) -> Environment<'static> {
    let shown = Shown { link: values.link.clone(), language: values.amount.language };
    let mut environment = environment();
    environment.set_formatter(move |out, state, value| {
        if value.is_undefined() || value.is_none() {
            return escape_formatter(out, state, value);
        }
        Ok(out.write_str(&standing.of(&value.to_string(), &shown))?)
    });
    environment
}

/// The engine with the filters of [`FILTERS`] and nothing else.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("rial", |value: Value| {
        shown(&value, |amount: &Amount| amount.money.display(amount.language, true))
    });
    environment.add_filter("toman", |value: Value| {
        shown(&value, |amount: &Amount| amount.money.display_toman(amount.language))
    });
    environment.add_filter("short", |value: Value| {
        shown(&value, |amount: &Amount| match amount.rial_alone {
            true => amount.money.display(amount.language, true),
            false => amount.money.display_toman(amount.language),
        })
    });
    environment.add_filter("digits", |value: Value| {
        shown(&value, |amount: &Amount| amount.money.display_digits(amount.language))
    });
    environment.add_filter("date", |value: Value| shown(&value, |end: &End| end.shown(display_last_day)));
    environment.add_filter("time", |value: Value| shown(&value, |end: &End| end.shown(display_last_time)));
    environment.add_filter("date_time", |value: Value| shown(&value, |end: &End| end.shown(display_last_moment)));
    environment.add_filter("default", |text: String, otherwise: String| if text.is_empty() { otherwise } else { text });
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("capitalize", minijinja::filters::capitalize);
    environment.add_filter("title", minijinja::filters::title);
    environment.add_filter("trim", |text: String| text.trim().to_owned());
    environment
}

/// A text was checked before, so a value of another kind is one of an earlier version's texts.
fn shown<T: 'static>(value: &Value, show: impl FnOnce(&T) -> String) -> Result<String, Error> {
    let wrong = || Error::new(ErrorKind::InvalidOperation, "the filter cannot be applied to this value");
    value.downcast_object_ref::<T>().map(show).ok_or_else(wrong)
}

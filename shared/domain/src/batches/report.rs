//! What a dry run found in the rows of a batch, and what became of them.

use serde::{Deserialize, Serialize};

use crate::gateway::Mode;
use crate::ids::LinkId;

/// So many problems are told in the answer. All of them are in the table.
const MOST_PROBLEMS: usize = 50;

/// So many of the largest amounts are named: one zero too many is seen there first.
const MOST_LARGE: usize = 5;

/// So many rows that say the same as an earlier one are named.
const MOST_ALIKE: usize = 20;

/// So many columns are named that nothing is read of.
const MOST_IGNORED: usize = 50;

/// A name that somebody else gave has at most so many characters here: all of it stands in one item of the table.
const LONGEST_NAME: usize = 100;

/// So many problems of one row are told.
pub const MOST_OF_ROW: usize = 20;

/// A name, cut where it is too long to be kept.
pub fn short_name(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// What a dry run found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchReport {
    /// How many rows there are.
    pub rows: u32,
    /// How many of them were looked at.
    pub checked: u32,
    /// How many have a problem.
    pub wrong: u32,
    /// How many were made before, by another batch of the same source.
    pub already_made: u32,
    /// How many would make a link of which nobody is told.
    pub untold: u32,
    pub problem_count: u32,
    /// The first of them.
    pub problems: Vec<RowProblem>,
    pub sums: Vec<SumOfRows>,
    /// The largest first.
    pub largest: Vec<LargeRow>,
    pub messages: MessageCounts,
    /// How many rows say exactly what an earlier one does, without a key of their own.
    pub alike_count: u32,
    pub alike: Vec<AlikeRows>,
    /// The names of the columns that nothing is read of.
    pub ignored_columns: Vec<String>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowProblem {
    /// The row as a spreadsheet counts it; of JSON lines, the line. None of what is said of all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The name of the column, as it is called in the file. None where the row as a whole is wrong, or what it has from the
    /// defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The cell as a spreadsheet calls it, such as `C12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// Where it stands in the body that the link is made from.
    pub pointer: String,
    pub code: String,
    /// In the language of who asked.
    pub detail: String,
}

/// What the links of one currency and mode come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumOfRows {
    pub currency: String,
    pub mode: Mode,
    pub rows: u32,
    /// In minor units.
    pub amount: i64,
}

/// A row with one of the largest amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargeRow {
    pub row: u32,
    pub currency: String,
    /// In minor units.
    pub amount: i64,
}

/// How many messages would be sent at once. Those that stand in for others are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageCounts {
    pub sms: u32,
    /// What providers charge for.
    pub sms_segments: u32,
    pub email: u32,
    pub social: u32,
}

/// A row that says the same as an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlikeRows {
    pub row: u32,
    pub same_as: u32,
}

/// What became of a row, in a check or in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A check found nothing wrong with it.
    Ready,
    /// A check found something wrong with it, so that it is not made.
    Wrong,
    AlreadyMade,
    Made,
    /// A run found something that stands against it.
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 5] = [Self::Ready, Self::Wrong, Self::AlreadyMade, Self::Made, Self::Failed];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Wrong => "wrong",
            Self::AlreadyMade => "already_made",
            Self::Made => "made",
            Self::Failed => "failed",
        }
    }
}

/// A row after it was looked at or made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedRow {
    pub row: u32,
    pub key: String,
    pub outcome: Outcome,
    /// The link that was made, or of which people are reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// The link in whose place that one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<LinkId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_name: Option<String>,
    /// In minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    #[serde(default)]
    pub messages: MessageCounts,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<RowProblem>,
}

impl CheckedRow {
    /// A row of which nothing is known yet.
    pub fn blank(row: u32) -> Self {
        Self {
            row,
            key: String::new(),
            outcome: Outcome::Ready,
            link: None,
            replaces: None,
            url: None,
            contact: None,
            contact_name: None,
            amount: None,
            currency: None,
            mode: None,
            messages: MessageCounts::default(),
            problems: Vec::new(),
        }
    }
}

/// How many rows a run has made, and of how many nothing came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    pub made: u32,
    pub already_made: u32,
    /// Those that a check had found wrong.
    pub skipped: u32,
    pub failed: u32,
}

impl Tally {
    pub fn of(rows: &[CheckedRow]) -> Self {
        let count = |outcome: Outcome| u32::try_from(rows.iter().filter(|row| row.outcome == outcome).count());
        Self {
            made: count(Outcome::Made).unwrap_or_default(),
            already_made: count(Outcome::AlreadyMade).unwrap_or_default(),
            skipped: count(Outcome::Wrong).unwrap_or_default(),
            failed: count(Outcome::Failed).unwrap_or_default(),
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.made += other.made;
        self.already_made += other.already_made;
        self.skipped += other.skipped;
        self.failed += other.failed;
    }

    /// How many rows that is.
    pub fn rows(&self) -> u32 {
        self.made + self.already_made + self.skipped + self.failed
    }
}

impl BatchReport {
    /// Of a file that was read and not looked through yet.
    pub fn of_file(rows: u32, alike: Vec<AlikeRows>, mut ignored_columns: Vec<String>) -> Self {
        ignored_columns.truncate(MOST_IGNORED);
        let ignored_columns = ignored_columns.iter().map(|name| short_name(name)).collect();
        let alike_count = u32::try_from(alike.len()).unwrap_or(u32::MAX);
        let alike = alike.into_iter().take(MOST_ALIKE).collect();
        Self { rows, alike_count, alike, ignored_columns, ..Self::default() }
    }

    /// How many rows would make a link.
    pub fn right(&self) -> u32 {
        self.checked.saturating_sub(self.wrong).saturating_sub(self.already_made)
    }

    /// Counts rows that were looked at.
    pub fn add(&mut self, rows: &[CheckedRow]) {
        for row in rows {
            self.checked += 1;
            match row.outcome {
                Outcome::Wrong | Outcome::Failed => {
                    self.wrong += 1;
                    self.problem_count += u32::try_from(row.problems.len()).unwrap_or(u32::MAX);
                    let room = MOST_PROBLEMS.saturating_sub(self.problems.len());
                    self.problems.extend(row.problems.iter().take(room).cloned());
                }
                Outcome::AlreadyMade => self.already_made += 1,
                Outcome::Ready | Outcome::Made => self.count(row),
            }
        }
    }

    fn count(&mut self, row: &CheckedRow) {
        self.messages.sms += row.messages.sms;
        self.messages.sms_segments += row.messages.sms_segments;
        self.messages.email += row.messages.email;
        self.messages.social += row.messages.social;
        self.untold += u32::from(row.messages == MessageCounts::default());
        let (Some(amount), Some(currency), Some(mode)) = (row.amount, &row.currency, row.mode) else { return };
        let is_it = |sum: &&mut SumOfRows| sum.currency == *currency && sum.mode == mode;
        match self.sums.iter_mut().find(is_it) {
            Some(sum) => {
                sum.rows += 1;
                sum.amount = sum.amount.saturating_add(amount);
            }
            None => self.sums.push(SumOfRows { currency: currency.clone(), mode, rows: 1, amount }),
        }
        // Amounts of two currencies are not compared: the largest are those of the numbers that stand there.
        self.largest.push(LargeRow { row: row.row, currency: currency.clone(), amount });
        self.largest.sort_by_key(|large| (std::cmp::Reverse(large.amount), large.row));
        self.largest.truncate(MOST_LARGE);
    }
}

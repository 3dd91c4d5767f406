//! Many links at once, out of one file or of a list: which rows there are, what a dry run found in them, and how far a batch is.
//!
//! The rows of a file, or the links of a list, are put away in slices when it is checked, so that what is made is what was
//! checked, whatever is uploaded or made afterwards. A slice is worked off as a whole, and only then is the next one begun:
//! whoever does one again makes no link twice, because each row's link derives from the row's key.

mod report;

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::report::{
    AlikeRows, BatchReport, CheckedRow, LargeRow, MOST_OF_ROW, MessageCounts, Outcome, RowProblem, SumOfRows, Tally,
    short_name,
};
use crate::clocks::later;
use crate::exports::{ExportFormat, FILE_KEPT_FOR};
use crate::idempotency::RequestFingerprint;
use crate::ids::{BatchId, BusinessId};
use crate::link::{CreatedBy, LinkFilter};
use crate::locale::Locale;
use crate::problem::Rejection;

/// At most this many rows are in one file, and links of a list are taken at once.
pub const MOST_ROWS: usize = 10_000;

/// A business has at most this many batches that are neither over nor wait for somebody.
pub const MOST_AT_ONCE: usize = 5;

/// So many rows are worked off together.
pub const SLICE_ROWS: u16 = 100;

/// A file to be uploaded has at most this many bytes.
pub const LARGEST_FILE: usize = 20 * 1024 * 1024;

/// How many links can be made in a minute, so that all rows of a file are made within a day, and how many are where nobody says
/// so: twenty a second, as many SMS as Amazon SNS sends in a second unless more was agreed on.
pub const PER_MINUTE: RangeInclusive<u32> = 10..=6_000;
pub const USUALLY_PER_MINUTE: u32 = 1_200;

/// The name of the list that a batch comes from has at most this many characters.
pub const LONGEST_SOURCE: usize = 100;

/// That there was a batch is known for this long.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// For how long a batch belongs to the run that holds it: longer than a run may take between two writes.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// A slice in which rows meet errors of ours is worked off at most so often; then they count as failed, and the next one follows.
pub const MOST_TRIES: u32 = 5;

/// A batch that was held so often without getting on is given up: its file, or the store of files, stops every run.
const MOST_HOLDS: u32 = 40;

/// After an error of ours a slice is tried again after this.
const BEFORE_ANOTHER_TRY: SignedDuration = SignedDuration::from_secs(30);

/// What is done to each row, and where the rows come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum BatchWork {
    /// A link is made out of each row of a file that somebody uploads.
    #[default]
    Create,
    /// People are reminded of each link of a list.
    Remind(ChosenLinks),
    /// Another link takes the place of each of a list.
    Replace(ChosenLinks),
}

/// Links that a batch is about, chosen when it is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenLinks {
    /// The address of the list with its parameters, as it was given.
    pub list: String,
    pub filter: Box<LinkFilter>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_newest_first: bool,
}

impl BatchWork {
    pub const ACTIONS: [&str; 3] = ["create", "remind", "replace"];

    /// The word in the API.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Remind(_) => "remind",
            Self::Replace(_) => "replace",
        }
    }

    fn is_of_a_file(&self) -> bool {
        self.chosen().is_none()
    }

    /// The links that it is about, where it is about links that are there.
    pub fn chosen(&self) -> Option<&ChosenLinks> {
        match self {
            Self::Create => None,
            Self::Remind(chosen) | Self::Replace(chosen) => Some(chosen),
        }
    }
}

/// What somebody wants of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchWish {
    #[serde(default, skip_serializing_if = "BatchWork::is_of_a_file")]
    pub work: BatchWork,
    /// Which list the rows are of, where somebody said so: a row with the same key of the same list is made once, in whichever
    /// batch it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What each link is made from, where its row or the link before it says nothing else: a part of the body that makes a link.
    #[serde(default, skip_serializing_if = "Map::is_empty", with = "as_text")]
    pub defaults: Map<String, Value>,
    /// Of the file that is uploaded, and of those that are made.
    pub format: ExportFormat,
    /// In whose language rows are told what is wrong with them.
    pub locale: Locale,
    /// So many rows are worked off in a minute.
    pub per_minute: u32,
    /// Whose keys the rows have.
    pub integration: String,
    /// Scheme and host of pay URLs.
    pub base: String,
    pub requested_by: CreatedBy,
}

/// Rows that are worked off one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub id: BatchId,
    pub business: BusinessId,
    /// What is wanted. The rate alone can become another.
    pub wish: BatchWish,
    pub created_at: Timestamp,
    /// The request, where it came with an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestFingerprint>,
    /// How often it was written. Who writes over another state than it has seen writes nothing.
    pub version: u64,
    /// Which check this is. What was put away by an earlier one is of another file.
    #[serde(default)]
    pub check: u32,
    /// How far the list was read whose links are being put away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<ListReading>,
    /// How many slices of rows were put away. Before the file was read, nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<u32>,
    /// When they were, from which on they are kept for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_at: Option<Timestamp>,
    /// The slice whose turn it is.
    #[serde(default)]
    pub next_slice: u32,
    /// From when on it may have been begun. A link that is made says itself when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_from: Option<Timestamp>,
    /// How often that was tried in vain.
    #[serde(default)]
    pub tries: u32,
    /// How often a run held it since it got on.
    #[serde(default)]
    pub holds: u32,
    #[serde(default)]
    pub report: BatchReport,
    #[serde(default)]
    pub tally: Tally,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    pub state: BatchState,
}

/// How far a list was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListReading {
    /// As many slices were put away, with as many links together.
    pub slices: u32,
    pub rows: u32,
    pub goes_on_at: String,
}

/// What a batch is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BatchState {
    /// Nobody has said yet that the file is there.
    AwaitingFile,
    Checking {
        /// When a run takes it up, or until when one holds it.
        run_at: Timestamp,
    },
    /// It waits for somebody who has it run.
    Checked {
        at: Timestamp,
        /// Of the table of what was checked.
        bytes: u64,
    },
    Running {
        run_at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits_for: Option<BatchWait>,
    },
    Paused {
        at: Timestamp,
        /// Until then, a run may be at a slice.
        held_until: Timestamp,
    },
    /// All that will be made is made, and the table of it is not yet.
    Closing { run_at: Timestamp, is_cancelled: bool },
    Over {
        at: Timestamp,
        is_cancelled: bool,
        /// Of the table of what was made; none of a batch that was cancelled before anything was.
        bytes: Option<u64>,
    },
    Failed {
        at: Timestamp,
        reason: BatchFailure,
        /// The row that cannot be read, as a spreadsheet counts it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<u32>,
    },
}

/// What holds a batch up that goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchWait {
    /// The business has made or sent as much today as the platform allows it.
    QuotaReached,
    /// The platform has suspended the business.
    BusinessSuspended,
    /// Nobody is reminded outside the business's hours.
    ClosedHours,
}

impl BatchWait {
    pub const ALL: [Self; 3] = [Self::QuotaReached, Self::BusinessSuspended, Self::ClosedHours];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QuotaReached => "quota_reached",
            Self::BusinessSuspended => "business_suspended",
            Self::ClosedHours => "closed_hours",
        }
    }
}

/// Why a file is not read, or a batch not made to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchFailure {
    /// Nothing was uploaded, or it is not kept any more.
    NoFile,
    TooLarge,
    TooManyRows,
    TooManyColumns,
    CellTooLong,
    /// It is none of the format that was said.
    NotThisFormat,
    BadEncoding,
    /// A quote is not closed, so that the rows below it are lost in it.
    OpenQuote,
    /// There is no row, or none but the names of the columns; or no link in the list.
    NoRows,
    Damaged,
    /// Two columns say the same, or amounts have no unit. The report says which.
    InvalidColumns,
    /// What is said of all links cannot be read. The report says why.
    InvalidDefaults,
    /// It could not be read for an hour.
    GivenUp,
}

impl BatchFailure {
    pub const ALL: [Self; 13] = [
        Self::NoFile,
        Self::TooLarge,
        Self::TooManyRows,
        Self::TooManyColumns,
        Self::CellTooLong,
        Self::NotThisFormat,
        Self::BadEncoding,
        Self::OpenQuote,
        Self::NoRows,
        Self::Damaged,
        Self::InvalidColumns,
        Self::InvalidDefaults,
        Self::GivenUp,
    ];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoFile => "no_file",
            Self::TooLarge => "too_large",
            Self::TooManyRows => "too_many_rows",
            Self::TooManyColumns => "too_many_columns",
            Self::CellTooLong => "cell_too_long",
            Self::NotThisFormat => "not_this_format",
            Self::BadEncoding => "bad_encoding",
            Self::OpenQuote => "open_quote",
            Self::NoRows => "no_rows",
            Self::Damaged => "damaged",
            Self::InvalidColumns => "invalid_columns",
            Self::InvalidDefaults => "invalid_defaults",
            Self::GivenUp => "given_up",
        }
    }
}

/// Why a batch does not become what somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchRefused {
    /// It is past that already, or never comes to it.
    NotNow {
        status: &'static str,
    },
    RowsWrong {
        wrong: u32,
    },
    /// No row is left of which something could be made.
    NothingToMake,
    /// It was checked once more since somebody read what was found.
    CheckedAgain {
        check: u32,
    },
    /// What was put away of the file is not kept any more.
    RowsGone,
}

/// How a batch is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchRun {
    /// Without the rows in which something is wrong.
    pub skips_wrong: bool,
    /// At another rate than was said before.
    pub per_minute: Option<u32>,
    /// Only what this check found, where somebody says which they have read.
    pub of_check: Option<u32>,
}

/// What is read and written of a batch, and not of another check of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Check,
    Run,
}

impl Phase {
    /// What its table is called.
    fn table(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Run => "result",
        }
    }
}

/// Reads the name of the list that rows are of.
pub fn parse_source(text: &str) -> Result<String, Rejection> {
    crate::text::parse_name(text, LONGEST_SOURCE)
}

/// Reads how many links are made in a minute.
pub fn parse_per_minute(number: i64) -> Result<u32, Rejection> {
    u32::try_from(number).ok().filter(|number| PER_MINUTE.contains(number)).ok_or_else(|| {
        let (least, most) = (PER_MINUTE.start(), PER_MINUTE.end());
        Rejection::new("out_of_range", format!("Give a number of links from {least} to {most}."))
    })
}

impl Batch {
    /// One that nothing was done of yet. One of a list is checked at once; one of a file waits for it.
    pub fn begun(
        id: BatchId,
        business: BusinessId,
        wish: BatchWish,
        request: Option<RequestFingerprint>,
        now: Timestamp,
    ) -> Self {
        let (check, state) = match wish.work.chosen() {
            None => (0, BatchState::AwaitingFile),
            Some(_) => (1, BatchState::Checking { run_at: now }),
        };
        Self {
            id,
            business,
            wish,
            created_at: now,
            request,
            version: 0,
            check,
            reading: None,
            slices: None,
            rows_at: None,
            next_slice: 0,
            slice_from: None,
            tries: 0,
            holds: 0,
            report: BatchReport::default(),
            tally: Tally::default(),
            started_at: None,
            state,
        }
    }

    pub const STATUSES: [&str; 10] = [
        "awaiting_file",
        "checking",
        "checked",
        "running",
        "waiting",
        "paused",
        "closing",
        "done",
        "cancelled",
        "failed",
    ];

    /// The name of the status in the API.
    pub fn status(&self) -> &'static str {
        match &self.state {
            BatchState::AwaitingFile => "awaiting_file",
            BatchState::Checking { .. } => "checking",
            BatchState::Checked { .. } => "checked",
            BatchState::Running { waits_for: None, .. } => "running",
            BatchState::Running { waits_for: Some(_), .. } => "waiting",
            BatchState::Paused { .. } => "paused",
            BatchState::Closing { .. } => "closing",
            BatchState::Over { is_cancelled: false, .. } => "done",
            BatchState::Over { is_cancelled: true, .. } => "cancelled",
            BatchState::Failed { .. } => "failed",
        }
    }

    /// When a run looks at it next.
    pub fn run_at(&self) -> Option<Timestamp> {
        match self.state {
            BatchState::Checking { run_at }
            | BatchState::Running { run_at, .. }
            | BatchState::Closing { run_at, .. } => Some(run_at),
            BatchState::AwaitingFile
            | BatchState::Checked { .. }
            | BatchState::Paused { .. }
            | BatchState::Over { .. }
            | BatchState::Failed { .. } => None,
        }
    }

    /// Which part of it is at work, where one is.
    pub fn phase(&self) -> Option<Phase> {
        match self.state {
            BatchState::Checking { .. } => Some(Phase::Check),
            BatchState::Running { .. } | BatchState::Closing { .. } => Some(Phase::Run),
            BatchState::AwaitingFile
            | BatchState::Checked { .. }
            | BatchState::Paused { .. }
            | BatchState::Over { .. }
            | BatchState::Failed { .. } => None,
        }
    }

    /// When it came to its end, or to where it waits for somebody.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self.state {
            BatchState::Over { at, .. } | BatchState::Failed { at, .. } => Some(at),
            BatchState::AwaitingFile
            | BatchState::Checking { .. }
            | BatchState::Checked { .. }
            | BatchState::Running { .. }
            | BatchState::Paused { .. }
            | BatchState::Closing { .. } => None,
        }
    }

    /// Where what somebody uploads lies.
    pub fn upload_key(&self) -> String {
        format!("{}upload.{}", self.folder(), self.wish.format.as_str())
    }

    /// Where a slice of rows lies. Whoever writes it again writes the same place.
    pub fn rows_key(&self, slice: u32) -> String {
        format!("{}{}-rows-{slice:05}", self.folder(), self.check)
    }

    /// Where what became of a slice lies.
    pub fn outcomes_key(&self, phase: Phase, slice: u32) -> String {
        let word = match phase {
            Phase::Check => "checked",
            Phase::Run => "made",
        };
        format!("{}{}-{word}-{slice:05}", self.folder(), self.check)
    }

    /// Where the table of what was checked, or of what was made, lies.
    pub fn table_key(&self, phase: Phase) -> String {
        let word = phase.table();
        format!("{}{}-{word}.{}", self.folder(), self.check, self.wish.format.as_str())
    }

    fn folder(&self) -> String {
        format!("batches/{}/{}/", self.business, self.id)
    }

    /// The table that can be fetched at this moment: how large it is, and until when it is kept.
    pub fn table(&self, now: Timestamp) -> Option<(Phase, u64, Timestamp)> {
        let (phase, bytes, at) = match self.state {
            BatchState::Checked { at, bytes } => (Phase::Check, bytes, at),
            BatchState::Over { at, bytes: Some(bytes), .. } => (Phase::Run, bytes, at),
            BatchState::AwaitingFile
            | BatchState::Checking { .. }
            | BatchState::Running { .. }
            | BatchState::Paused { .. }
            | BatchState::Closing { .. }
            | BatchState::Over { bytes: None, .. }
            | BatchState::Failed { .. } => return None,
        };
        Some((phase, bytes, later(at, FILE_KEPT_FOR))).filter(|(_, _, until)| *until > now)
    }

    /// The name of that table for who fetches it.
    pub fn table_name(&self, phase: Phase, zone: &TimeZone) -> String {
        let word = phase.table();
        format!("batch-{word}-{}.{}", zone.to_datetime(self.created_at).date(), self.wish.format.as_str())
    }

    /// When it is forgotten that there was one.
    pub fn forget_at(&self) -> Timestamp {
        later(self.started_at.unwrap_or(self.created_at), KNOWN_FOR)
    }

    /// By what the link of a row derives. No header of a call has a line break, so that no key of a caller's own is the same.
    pub fn key_of_row(&self, key: &str) -> String {
        let source = self.wish.source.as_deref().unwrap_or(self.id.as_str());
        format!("batch\n{source}\n{key}")
    }

    /// What a link is made from: what its row says, over what is said of all.
    pub fn body_of(&self, row: &Map<String, Value>) -> Map<String, Value> {
        /// Of each of these, one says the same as the others.
        const INSTEAD: [&[&str]; 3] =
            [&["contact_id", "contact"], &["item_id", "item"], &["expires_at", "expires_in_days"]];
        let is_said = |name: &str| row.get(name).is_some_and(|value| !value.is_null());
        let is_overruled =
            |name: &str| INSTEAD.iter().any(|same| same.contains(&name) && same.iter().any(|one| is_said(one)));
        let mut body: Map<String, Value> = self
            .wish
            .defaults
            .iter()
            .filter(|(name, _)| !is_overruled(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        body.extend(row.iter().map(|(name, value)| (name.clone(), value.clone())));
        body
    }

    fn next(&self, state: BatchState) -> Self {
        Self { version: self.version + 1, holds: 0, state, ..self.clone() }
    }

    /// Whether it takes a file at this moment.
    pub fn awaits_upload(&self) -> bool {
        self.wish.work.chosen().is_none()
            && matches!(self.state, BatchState::AwaitingFile | BatchState::Checked { .. } | BatchState::Failed { .. })
    }

    /// Has the file that is there by now, or the list as it is by now, read and looked through. What an earlier check found is forgotten.
    ///
    /// # Errors
    ///
    /// Where it was begun already, or is over.
    pub fn to_check(&self, now: Timestamp) -> Result<Self, BatchRefused> {
        match self.state {
            BatchState::AwaitingFile | BatchState::Checked { .. } | BatchState::Failed { .. } => {}
            BatchState::Checking { .. }
            | BatchState::Running { .. }
            | BatchState::Paused { .. }
            | BatchState::Closing { .. }
            | BatchState::Over { .. } => return Err(BatchRefused::NotNow { status: self.status() }),
        }
        Ok(Self {
            check: self.check + 1,
            reading: None,
            slices: None,
            rows_at: None,
            next_slice: 0,
            tries: 0,
            report: BatchReport::default(),
            ..self.next(BatchState::Checking { run_at: now })
        })
    }

    /// As a run holds it. `None` where there is nothing to do.
    #[must_use]
    pub fn leased(&self, now: Timestamp) -> Option<Self> {
        let state = self.at_work(later(now, LEASE), None)?;
        Some(Self { holds: self.holds + 1, ..self.next(state) })
    }

    /// As it is where runs have held it again and again and it never got on. What is made stays, and is told as far as it can be.
    #[must_use]
    pub fn given_up(&self, now: Timestamp) -> Option<Self> {
        if self.holds < MOST_HOLDS {
            return None;
        }
        match self.state {
            BatchState::Checking { .. } => Some(self.failed(BatchFailure::GivenUp, None, now)),
            BatchState::Running { .. } => Some(self.next(BatchState::Closing { run_at: now, is_cancelled: true })),
            BatchState::Closing { .. } => Some(self.over(None, now)),
            BatchState::AwaitingFile
            | BatchState::Checked { .. }
            | BatchState::Paused { .. }
            | BatchState::Over { .. }
            | BatchState::Failed { .. } => None,
        }
    }

    /// The state of one that is at work, with its next turn then. `None` of one that is not.
    fn at_work(&self, run_at: Timestamp, waits_for: Option<BatchWait>) -> Option<BatchState> {
        match self.state {
            BatchState::Checking { .. } => Some(BatchState::Checking { run_at }),
            BatchState::Running { .. } => Some(BatchState::Running { run_at, waits_for }),
            BatchState::Closing { is_cancelled, .. } => Some(BatchState::Closing { run_at, is_cancelled }),
            BatchState::AwaitingFile
            | BatchState::Checked { .. }
            | BatchState::Paused { .. }
            | BatchState::Over { .. }
            | BatchState::Failed { .. } => None,
        }
    }

    /// As a run leaves it to the next one at this moment, or later.
    #[must_use]
    pub fn left(&self, run_at: Timestamp, wait: Option<BatchWait>) -> Self {
        self.at_work(run_at, wait).map_or_else(|| self.clone(), |state| self.next(state))
    }

    /// After it got on, with the run going on.
    fn held_on(&self, now: Timestamp) -> Self {
        Self { holds: 1, ..self.left(later(now, LEASE), None) }
    }

    /// After the slice whose turn it is met errors of ours.
    #[must_use]
    pub fn tried(&self, now: Timestamp) -> Self {
        Self { tries: self.tries + 1, ..self.left(later(now, BEFORE_ANOTHER_TRY), None) }
    }

    /// After some links of the list were put away, and before the others are read.
    #[must_use]
    pub fn read_on(&self, reading: ListReading, now: Timestamp) -> Self {
        Self { reading: Some(reading), ..self.held_on(now) }
    }

    /// After all rows were put away, and before any was looked at.
    #[must_use]
    pub fn read(&self, slices: u32, report: BatchReport, now: Timestamp) -> Self {
        Self { reading: None, slices: Some(slices), rows_at: Some(now), report, ..self.held_on(now) }
    }

    /// After a slice was looked through, with the run going on.
    #[must_use]
    pub fn looked_through(&self, rows: &[CheckedRow], now: Timestamp) -> Self {
        let mut report = self.report.clone();
        report.add(rows);
        Self { next_slice: self.next_slice + 1, tries: 0, report, ..self.held_on(now) }
    }

    /// After all slices were looked through.
    #[must_use]
    pub fn checked(&self, bytes: u64, now: Timestamp) -> Self {
        Self { next_slice: 0, tries: 0, ..self.next(BatchState::Checked { at: now, bytes }) }
    }

    /// Has done what was checked, as `run` says. One that is paused goes on.
    ///
    /// # Errors
    ///
    /// Where it cannot begin or go on.
    pub fn to_run(&self, run: BatchRun, now: Timestamp) -> Result<Self, BatchRefused> {
        let BatchRun { skips_wrong, per_minute, of_check } = run;
        if of_check.is_some_and(|check| check != self.check) {
            return Err(BatchRefused::CheckedAgain { check: self.check });
        }
        let wish = BatchWish { per_minute: per_minute.unwrap_or(self.wish.per_minute), ..self.wish.clone() };
        match self.state {
            BatchState::Checked { .. } => {
                let (wrong, right) = (self.report.wrong, self.report.right());
                if wrong > 0 && !skips_wrong {
                    return Err(BatchRefused::RowsWrong { wrong });
                }
                if right == 0 {
                    return Err(BatchRefused::NothingToMake);
                }
            }
            // Another run may hold it, and makes its next slice at the new rate.
            BatchState::Running { .. } => {
                return Ok(Self { wish, ..self.next(self.state.clone()) });
            }
            BatchState::Paused { .. } => {}
            BatchState::AwaitingFile
            | BatchState::Checking { .. }
            | BatchState::Closing { .. }
            | BatchState::Over { .. }
            | BatchState::Failed { .. } => return Err(BatchRefused::NotNow { status: self.status() }),
        }
        // The store of files forgets the rows by itself, and a run takes its time.
        if self.rows_gone_at() <= later(now, SignedDuration::from_hours(24)) {
            return Err(BatchRefused::RowsGone);
        }
        // Where a run may have been at a slice when somebody paused it, that was begun before.
        let was_held = matches!(self.state, BatchState::Paused { at, held_until } if held_until > at);
        Ok(Self {
            started_at: Some(self.started_at.unwrap_or(now)),
            slice_from: self.slice_from.filter(|_| was_held).or(self.begins_at(now)),
            wish,
            ..self.next(BatchState::Running { run_at: now, waits_for: None })
        })
    }

    /// After the links of a slice were made. Where somebody has paused or ended it meanwhile, it stays so.
    #[must_use]
    pub fn made(&self, of_slice: &Tally, run_at: Timestamp, now: Timestamp) -> Self {
        let mut tally = self.tally;
        tally.add(of_slice);
        let next_slice = self.next_slice + 1;
        let is_last = self.slices.is_none_or(|slices| next_slice >= slices);
        let state = match self.state {
            BatchState::Running { .. } | BatchState::Paused { .. } if is_last => {
                BatchState::Closing { run_at, is_cancelled: false }
            }
            BatchState::Running { .. } => BatchState::Running { run_at, waits_for: None },
            BatchState::AwaitingFile
            | BatchState::Checking { .. }
            | BatchState::Checked { .. }
            | BatchState::Paused { .. }
            | BatchState::Closing { .. }
            | BatchState::Over { .. }
            | BatchState::Failed { .. } => self.state.clone(),
        };
        Self { next_slice, slice_from: self.begins_at(now), tries: 0, tally, ..self.next(state) }
    }

    fn begins_at(&self, now: Timestamp) -> Option<Timestamp> {
        matches!(self.wish.work, BatchWork::Remind(_)).then_some(now)
    }

    /// How many rows are put into a slice at most: as many as are worked off in ten seconds, so that no minute has many more than it may.
    pub fn rows_in_a_slice(&self) -> u16 {
        u16::try_from(self.wish.per_minute / 6).unwrap_or(SLICE_ROWS).clamp(1, SLICE_ROWS)
    }

    /// How long so many rows take at the rate that is wanted.
    pub fn time_of(&self, rows: usize) -> SignedDuration {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        SignedDuration::from_millis(rows.saturating_mul(60_000) / i64::from(self.wish.per_minute.max(1)))
    }

    /// When the store of files has forgotten the rows, or does so soon.
    pub fn rows_gone_at(&self) -> Timestamp {
        later(self.rows_at.unwrap_or(self.created_at), FILE_KEPT_FOR)
    }

    /// Makes nothing more until somebody has it go on.
    ///
    /// # Errors
    ///
    /// Where it is not running.
    pub fn paused(&self, now: Timestamp) -> Result<Self, BatchRefused> {
        match self.state {
            BatchState::Running { run_at, .. } => {
                let held_until = self.may_be_held_until(run_at, now);
                Ok(self.next(BatchState::Paused { at: now, held_until }))
            }
            BatchState::AwaitingFile
            | BatchState::Checking { .. }
            | BatchState::Checked { .. }
            | BatchState::Paused { .. }
            | BatchState::Closing { .. }
            | BatchState::Over { .. }
            | BatchState::Failed { .. } => Err(BatchRefused::NotNow { status: self.status() }),
        }
    }

    /// Until when a run may hold one that runs: who waits for another day, or for its next slice, is held by nobody.
    fn may_be_held_until(&self, run_at: Timestamp, now: Timestamp) -> Timestamp {
        if self.holds == 0 { now } else { run_at.clamp(now, later(now, LEASE)) }
    }

    /// Makes nothing more at all. The links that are there stay.
    ///
    /// # Errors
    ///
    /// Where it is over.
    pub fn cancelled(&self, now: Timestamp) -> Result<Self, BatchRefused> {
        let state = match self.state {
            // A run may be at a slice, which it is left the time to note.
            BatchState::Running { run_at, .. } => {
                BatchState::Closing { run_at: self.may_be_held_until(run_at, now), is_cancelled: true }
            }
            BatchState::Paused { held_until, .. } => {
                BatchState::Closing { run_at: held_until.max(now), is_cancelled: true }
            }
            BatchState::AwaitingFile | BatchState::Checking { .. } | BatchState::Checked { .. } => {
                BatchState::Over { at: now, is_cancelled: true, bytes: None }
            }
            BatchState::Closing { .. } | BatchState::Over { .. } | BatchState::Failed { .. } => {
                return Err(BatchRefused::NotNow { status: self.status() });
            }
        };
        Ok(self.next(state))
    }

    /// Whether somebody has said that nothing more is made.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self.state,
            BatchState::Closing { is_cancelled: true, .. } | BatchState::Over { is_cancelled: true, .. }
        )
    }

    /// After the table of what was made was put away.
    #[must_use]
    pub fn over(&self, bytes: Option<u64>, now: Timestamp) -> Self {
        self.next(BatchState::Over { at: now, is_cancelled: self.is_cancelled(), bytes })
    }

    /// As it is where its file cannot be read.
    #[must_use]
    pub fn failed(&self, reason: BatchFailure, row: Option<u32>, now: Timestamp) -> Self {
        self.next(BatchState::Failed { at: now, reason, row })
    }
}

/// An object of a caller's, as a text: the table has no numbers of every size, and other rules for names.
mod as_text {
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::{Error as _, Serializer};
    use serde_json::{Map, Value};

    pub(super) fn serialize<S: Serializer>(object: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(object).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;

//! Lists that are carried away as files, for spreadsheets and for programs.
//!
//! An export is asked for by a call and made by runs of a function. A run reads the list page by page and puts what it read
//! away as slices, numbered files; how far that has come stands here, so that the next run goes on wherever one ended. When
//! the list was read to its end, the slices become the file.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clocks::{earlier, later};
use crate::events::{EventType, KEPT_FOR, LISTED_AFTER};
use crate::idempotency::RequestFingerprint;
use crate::ids::{BusinessId, ExportId, LinkId};
use crate::language::Calendar;
use crate::link::{CreatedBy, LinkFilter, ReceiptFilter, RefundFilter, TimeRange};
use crate::locale::Locale;
use crate::problem::{Rejection, parse_word};

/// At most this many entries are in one file. A spreadsheet of more is slow in every program, and a narrower filter makes
/// two of it.
pub const MOST_ROWS: u64 = 100_000;

/// A business has at most this many exports that are not made yet.
pub const MOST_AT_ONCE: usize = 5;

/// A file can be fetched for this long. The store of files forgets it then by itself.
pub const FILE_KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The address of a file leads to it for this long.
pub const ADDRESS_VALID_FOR: SignedDuration = SignedDuration::from_mins(15);

/// That there was an export is known for this long.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// For how long an export belongs to the run that holds it: longer than a run may take between two writes.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// An export that could not be made for this long is given up.
const TRIED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A list that is carried away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    pub id: ExportId,
    pub business: BusinessId,
    pub of: ExportedList,
    /// The address of the list with its parameters, as it was given.
    pub list: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_newest_first: bool,
    pub format: ExportFormat,
    /// By which dates are written.
    pub calendar: Calendar,
    /// In whose language the columns are named.
    pub locale: Locale,
    /// Whether amounts of Rial are written in Toman.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_toman: bool,
    pub requested_by: CreatedBy,
    /// When it was asked for. Nothing that was made later is in it.
    pub created_at: Timestamp,
    /// The request, where it came with an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestFingerprint>,
    pub state: ExportState,
}

/// Which list, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", content = "filter", rename_all = "snake_case")]
pub enum ExportedList {
    PaymentLinks(Box<LinkFilter>),
    Receipts(Box<ReceiptFilter>),
    Refunds(Box<RefundFilter>),
    Events(EventFilter),
}

/// What events are chosen by. What is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    pub types: Vec<EventType>,
    pub link: Option<LinkId>,
    pub recorded: TimeRange,
}

impl EventFilter {
    /// From when on there are events to choose from, at this moment: older ones are forgotten.
    pub fn kept_from(&self, now: Timestamp) -> Timestamp {
        self.recorded.from.unwrap_or(Timestamp::MIN).max(earlier(now, KEPT_FOR))
    }

    /// Up to when all events that were recorded are listed, at this moment, and no further than is asked for.
    pub fn listed_until(&self, now: Timestamp) -> Timestamp {
        self.recorded.to.unwrap_or(Timestamp::MAX).min(earlier(now, LISTED_AFTER))
    }
}

impl ExportedList {
    pub const NAMES: [&str; 4] = ["payment_links", "receipts", "refunds", "events"];

    /// The word in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PaymentLinks(_) => "payment_links",
            Self::Receipts(_) => "receipts",
            Self::Refunds(_) => "refunds",
            Self::Events(_) => "events",
        }
    }
}

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    Xlsx,
    Csv,
    Jsonl,
}

impl ExportFormat {
    pub const ALL: [Self; 3] = [Self::Xlsx, Self::Csv, Self::Jsonl];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API, which files of the kind end with too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// The slices of an export have at most this many bytes together: what a run can hold and send at once. A workbook is
    /// packed, and is a small part of them.
    pub fn most_bytes(self) -> u64 {
        match self {
            Self::Xlsx => 120 * 1024 * 1024,
            Self::Csv | Self::Jsonl => 60 * 1024 * 1024,
        }
    }

    /// The media type of a file of the kind.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl",
        }
    }
}

/// How far an export is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ExportState {
    Pending {
        /// When a run takes it up, or until when one holds it.
        run_at: Timestamp,
        #[serde(default)]
        progress: ExportProgress,
    },
    Done {
        at: Timestamp,
        rows: u64,
        /// Of the file.
        bytes: u64,
    },
    Failed {
        at: Timestamp,
        reason: ExportFailure,
    },
    Cancelled {
        at: Timestamp,
    },
}

/// What of the list was read and put away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportProgress {
    pub rows: u64,
    pub slices: u32,
    /// Of the slices.
    pub bytes: u64,
    /// Where the list goes on, as the list itself names places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goes_on_at: Option<String>,
    /// Whether the list was read to its end.
    pub is_read: bool,
}

/// Why an export has no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFailure {
    /// The filter leaves more entries than one file may have.
    TooManyRows,
    /// They are more bytes than one file may have.
    TooLarge,
    /// It could not be made for a day.
    GivenUp,
}

impl ExportFailure {
    pub const ALL: [Self; 3] = [Self::TooManyRows, Self::TooLarge, Self::GivenUp];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooManyRows => "too_many_rows",
            Self::TooLarge => "too_large",
            Self::GivenUp => "given_up",
        }
    }
}

impl Export {
    /// Where the file lies.
    pub fn file_key(&self) -> String {
        format!("{}file.{}", self.folder(), self.format.as_str())
    }

    /// Where a slice lies. Whoever writes it again writes the same place.
    pub fn slice_key(&self, number: u32) -> String {
        format!("{}slice-{number:05}", self.folder())
    }

    /// The file's name for who fetches it: what it is of, and the day of the business on which it was asked for.
    pub fn file_name(&self, zone: &TimeZone) -> String {
        let of = self.of.name().replace('_', "-");
        format!("{of}-{}.{}", zone.to_datetime(self.created_at).date(), self.format.as_str())
    }

    fn folder(&self) -> String {
        format!("exports/{}/{}/", self.business, self.id)
    }

    /// The name of the status in the API.
    pub fn status(&self) -> &'static str {
        match &self.state {
            ExportState::Pending { progress, .. } if progress.slices == 0 && !progress.is_read => "pending",
            ExportState::Pending { .. } => "running",
            ExportState::Done { .. } => "done",
            ExportState::Failed { .. } => "failed",
            ExportState::Cancelled { .. } => "cancelled",
        }
    }

    pub const STATUSES: [&str; 5] = ["pending", "running", "done", "failed", "cancelled"];

    /// When a run looks at it next.
    pub fn run_at(&self) -> Option<Timestamp> {
        match self.state {
            ExportState::Pending { run_at, .. } => Some(run_at),
            ExportState::Done { .. } | ExportState::Failed { .. } | ExportState::Cancelled { .. } => None,
        }
    }

    /// How many entries were read so far, or are in the file.
    pub fn rows(&self) -> u64 {
        match &self.state {
            ExportState::Pending { progress, .. } => progress.rows,
            ExportState::Done { rows, .. } => *rows,
            ExportState::Failed { .. } | ExportState::Cancelled { .. } => 0,
        }
    }

    /// How many slices were put away so far.
    pub fn slices(&self) -> u32 {
        match &self.state {
            ExportState::Pending { progress, .. } => progress.slices,
            ExportState::Done { .. } | ExportState::Failed { .. } | ExportState::Cancelled { .. } => 0,
        }
    }

    /// Until when there is a file, where there is one.
    pub fn file_until(&self, now: Timestamp) -> Option<Timestamp> {
        let ExportState::Done { at, .. } = self.state else { return None };
        Some(later(at, FILE_KEPT_FOR)).filter(|until| *until > now)
    }

    /// When it is forgotten that there was one.
    pub fn forget_at(&self) -> Timestamp {
        later(self.created_at, KNOWN_FOR)
    }

    /// As a run holds it, with what was made so far. `None` where there is nothing to do any more.
    #[must_use]
    pub fn leased(&self, now: Timestamp) -> Option<(Self, ExportProgress)> {
        let ExportState::Pending { progress, .. } = &self.state else { return None };
        if now >= later(self.created_at, TRIED_FOR) {
            return None;
        }
        Some((self.pending(progress.clone(), later(now, LEASE)), progress.clone()))
    }

    /// As it is where it was due and nobody shall try any more.
    #[must_use]
    pub fn given_up(&self, now: Timestamp) -> Option<Self> {
        let is_late = self.run_at().is_some() && now >= later(self.created_at, TRIED_FOR);
        is_late.then(|| self.failed(ExportFailure::GivenUp, now))
    }

    /// After a slice was put away, with the run going on.
    #[must_use]
    pub fn sliced(&self, progress: ExportProgress, now: Timestamp) -> Self {
        let too_much = if progress.rows > MOST_ROWS {
            Some(ExportFailure::TooManyRows)
        } else {
            (progress.bytes > self.format.most_bytes()).then_some(ExportFailure::TooLarge)
        };
        match too_much {
            Some(reason) => self.failed(reason, now),
            None => self.pending(progress, later(now, LEASE)),
        }
    }

    /// As it is where the file of all slices is larger than one may be.
    #[must_use]
    pub fn too_large(&self, now: Timestamp) -> Self {
        self.failed(ExportFailure::TooLarge, now)
    }

    /// As a run leaves it to the next one, which may take it up at once.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Self {
        match &self.state {
            ExportState::Pending { progress, .. } => self.pending(progress.clone(), now),
            ExportState::Done { .. } | ExportState::Failed { .. } | ExportState::Cancelled { .. } => self.clone(),
        }
    }

    #[must_use]
    pub fn done(&self, bytes: u64, now: Timestamp) -> Self {
        Self { state: ExportState::Done { at: now, rows: self.rows(), bytes }, ..self.clone() }
    }

    /// As it is when somebody does not want it any more. `None` where it is over already.
    #[must_use]
    pub fn cancelled(&self, now: Timestamp) -> Option<Self> {
        self.run_at().map(|_| Self { state: ExportState::Cancelled { at: now }, ..self.clone() })
    }

    fn failed(&self, reason: ExportFailure, now: Timestamp) -> Self {
        Self { state: ExportState::Failed { at: now, reason }, ..self.clone() }
    }

    fn pending(&self, progress: ExportProgress, run_at: Timestamp) -> Self {
        Self { state: ExportState::Pending { run_at, progress }, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn export(of: ExportedList) -> Export {
        let business = BusinessId::parse("shop").unwrap();
        let created_at = at("2026-12-01T08:00:00Z");
        Export {
            id: ExportId::of(&business, "k-1"),
            business,
            of,
            list: "/v1/receipts".to_owned(),
            is_newest_first: true,
            format: ExportFormat::Xlsx,
            calendar: Calendar::Persian,
            locale: Locale::parse("fa").unwrap(),
            in_toman: true,
            requested_by: CreatedBy::parse("crm").unwrap(),
            created_at,
            request: None,
            state: ExportState::Pending { run_at: created_at, progress: ExportProgress::default() },
        }
    }

    fn receipts() -> Export {
        export(ExportedList::Receipts(Box::default()))
    }

    #[test]
    fn an_export_is_read_back_as_it_was_written_whatever_it_is_of() {
        let range = TimeRange::between(at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z"));
        let links = LinkFilter { created: range, is_opened: Some(false), ..LinkFilter::default() };
        let events = EventFilter { types: vec![EventType::LinkPaid], recorded: range, ..EventFilter::default() };
        for of in [
            ExportedList::PaymentLinks(Box::new(links)),
            ExportedList::Receipts(Box::default()),
            ExportedList::Refunds(Box::default()),
            ExportedList::Events(events),
        ] {
            assert!(ExportedList::NAMES.contains(&of.name()));
            let export = export(of);
            let (running, _) = export.leased(export.created_at).unwrap();
            for export in [export.clone(), running, export.done(5, export.created_at)] {
                let written = serde_json::to_value(&export).unwrap();
                assert_eq!(serde_json::from_value::<Export>(written).unwrap(), export);
            }
        }
    }

    #[test]
    fn a_run_goes_on_where_the_one_before_it_ended() {
        let export = receipts();
        assert_eq!(export.status(), "pending");
        let (held, progress) = export.leased(at("2026-12-01T08:00:10Z")).unwrap();
        assert_eq!((held.run_at(), &progress), (Some(at("2026-12-01T08:01:40Z")), &ExportProgress::default()));
        let progress =
            ExportProgress { rows: 1_000, slices: 1, bytes: 9, goes_on_at: Some("x".to_owned()), is_read: false };
        let left = held.sliced(progress.clone(), at("2026-12-01T08:00:20Z")).left(at("2026-12-01T08:00:30Z"));
        assert_eq!((left.status(), left.rows()), ("running", 1_000));
        assert_eq!(left.run_at(), Some(at("2026-12-01T08:00:30Z")));
        assert_eq!(left.leased(at("2026-12-01T08:00:31Z")).unwrap().1, progress);
    }

    #[test]
    fn what_is_too_much_for_one_file_fails_and_says_why() {
        let now = at("2026-12-01T08:01:00Z");
        let with = |rows, bytes| receipts().sliced(ExportProgress { rows, bytes, ..ExportProgress::default() }, now);
        let most_bytes = ExportFormat::Xlsx.most_bytes();
        assert!(with(MOST_ROWS, most_bytes).run_at().is_some());
        let why = |export: Export| match export.state {
            ExportState::Failed { reason, .. } => Some(reason),
            ExportState::Pending { .. } | ExportState::Done { .. } | ExportState::Cancelled { .. } => None,
        };
        assert_eq!(why(with(MOST_ROWS + 1, 0)), Some(ExportFailure::TooManyRows));
        assert_eq!(why(with(1, most_bytes + 1)), Some(ExportFailure::TooLarge));
    }

    #[test]
    fn what_is_over_stays_as_it_is() {
        let now = at("2026-12-01T08:01:00Z");
        for over in [receipts().done(7, now), receipts().cancelled(now).unwrap()] {
            assert_eq!(over.cancelled(now), None);
            assert_eq!(over.leased(now), None);
            assert_eq!(over.given_up(at("2027-12-01T08:00:00Z")), None);
            assert_eq!(over.left(now), over);
            assert_eq!(over.run_at(), None);
        }
    }

    #[test]
    fn an_export_is_given_up_after_a_day_and_no_sooner() {
        let export = receipts();
        let (just_before, after) = (at("2026-12-02T07:59:59Z"), at("2026-12-02T08:00:00Z"));
        assert!(export.leased(just_before).is_some() && export.given_up(just_before).is_none());
        assert!(export.leased(after).is_none());
        assert_eq!(export.given_up(after).unwrap().status(), "failed");
    }

    #[test]
    fn a_file_can_be_fetched_for_a_week_and_tells_what_it_is() {
        let export = receipts().done(7, at("2026-12-01T08:01:00Z"));
        assert_eq!(export.file_until(at("2026-12-08T08:00:59Z")), Some(at("2026-12-08T08:01:00Z")));
        assert_eq!(export.file_until(at("2026-12-08T08:01:00Z")), None);
        assert_eq!(export.file_name(&TimeZone::UTC), "receipts-2026-12-01.xlsx");
        let ahead = TimeZone::fixed(jiff::tz::offset(16));
        assert_eq!(export.file_name(&ahead), "receipts-2026-12-02.xlsx");
        let key = export.file_key();
        assert!(key.starts_with("exports/shop/ex_") && key.ends_with("/file.xlsx"), "{key}");
    }
}

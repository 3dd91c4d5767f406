//! Many links at once: reading the file or the list that they come from, looking its rows through, and making their links, or
//! reminding of them.
//!
//! Where a batch is stands in the table, and its rows and what became of them lie beside other files, slice by slice. A slice is
//! worked off as a whole and put away before the table says that it is done, so that a run which dies in between leaves what the
//! next one does again: a row's link derives from its key, and is found and not made anew. A run that was too slow finds that
//! somebody else has written the batch, and leaves it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::Timestamp;
use domain::batches::{
    Batch, BatchFailure, BatchRefused, BatchReport, BatchState, BatchWait, BatchWork, CheckedRow, ChosenLinks,
    ListReading, MOST_ROWS, MOST_TRIES, Outcome as RowOutcome, Phase, RowProblem, Tally,
};
use domain::clocks::later;
use domain::ids::{BatchId, BusinessId};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use runtime::{has_time, time_left};
use serde::Serialize;
use signed::ObjectError;
use store::{BusinessStore, Configuration, Cursor, LinkList, Order, RecordWritten, SortKey};
use tokio::sync::Semaphore;

use crate::chosen_links::{LinkSlice, Links, WHILE_SUSPENDED};
use crate::made_rows::{Made, Rows};
use crate::outcomes::{file_of, lines};
use crate::rows::{self, Columns, Slice};
use crate::stopped::Stopped;
use crate::words::Words;
use crate::{App, Outcome};

/// At most this many slices are put away or fetched at once.
const FILES_AT_ONCE: usize = 8;

/// Reading a file of as much as one may have takes this long at most, with fetching it and putting its rows away.
const READING: Duration = Duration::from_secs(20);

/// Putting a table of all rows together takes this long at most.
const MAKING: Duration = Duration::from_secs(15);

/// A run waits for the turn of the next slice as long as this much time is left afterwards.
const WORTH_WAITING: Duration = Duration::from_secs(10);

/// How many links are read of a list at a time.
const PAGE: usize = 200;

/// One file at a time is read or put together, as all of it is held in memory meanwhile.
static WHOLE_FILES: Semaphore = Semaphore::const_new(1);

/// What every slice is, and what became of it.
const LINES: &str = "application/jsonl";

/// Goes on with a batch as long as there is time.
pub(crate) async fn make(app: &App, business: &BusinessId, id: &BatchId, deadline: SystemTime) -> Outcome {
    let going_on: BoxFuture<'_, Result<Outcome, Stopped>> = Box::pin(go_on(app, business, id, deadline));
    match going_on.await {
        Ok(outcome) => outcome,
        Err(Stopped::Overtaken) => Outcome::Left,
        Err(error) => {
            tracing::error!(business_id = %business, batch_id = %id, error = %error, "A batch could not go on.");
            Outcome::Failed
        }
    }
}

async fn go_on(app: &App, business: &BusinessId, id: &BatchId, deadline: SystemTime) -> Result<Outcome, Stopped> {
    // Nothing is held that there is no time for.
    if !has_time(deadline) {
        return Ok(Outcome::Left);
    }
    let store = app.store.of(business);
    let now = app.clock.now();
    let Some(batch) = store.batch(id).await? else { return Ok(Outcome::Ended) };
    match batch.run_at() {
        None => return Ok(Outcome::Ended),
        // Another run holds it, or it is not its turn.
        Some(run_at) if run_at > now => return Ok(Outcome::Left),
        Some(_) => {}
    }
    if let Some(given_up) = batch.given_up(now) {
        tracing::error!(business_id = %business, batch_id = %id, "A batch is given up.");
        store.write_batch(&given_up, &batch).await?;
        return Ok(Outcome::Ended);
    }
    let configuration = store.configuration().await?;
    let words = Words::of(batch.wish.locale.language());
    let mut work = Work { app, store, configuration: &configuration, words: &words, deadline, batch };
    work.hold().await?;
    match work.batch.phase() {
        Some(Phase::Check) => work.check().await,
        Some(Phase::Run) => work.run().await,
        None => Ok(Outcome::Ended),
    }
}

/// What is worked off together.
enum Part {
    Rows(Slice),
    Links(LinkSlice),
}

/// A batch that this run holds.
struct Work<'a> {
    app: &'a App,
    store: BusinessStore,
    configuration: &'a Arc<Configuration>,
    words: &'a Words,
    deadline: SystemTime,
    /// As it was written last.
    batch: Batch,
}

impl Work<'_> {
    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// Writes what has become of the batch, unless somebody else has written it.
    async fn write(&mut self, next: Batch) -> Result<(), Stopped> {
        match self.store.write_batch(&next, &self.batch).await? {
            RecordWritten::Applied => {
                self.batch = next;
                Ok(())
            }
            RecordWritten::Rejected => Err(Stopped::Overtaken),
        }
    }

    async fn hold(&mut self) -> Result<(), Stopped> {
        let held = self.batch.leased(self.now()).ok_or(Stopped::Overtaken)?;
        self.write(held).await
    }

    /// Lets the next run go on.
    async fn leave(&mut self) -> Result<Outcome, Stopped> {
        self.write(self.batch.left(self.now(), None)).await?;
        Ok(Outcome::Postponed)
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            store: &self.store,
            configuration: self.configuration,
            gateways: &self.app.gateways,
            clock: &self.app.clock,
            words: self.words,
            batch: &self.batch,
        }
    }

    /// Reads the file, looks its rows through, and writes the table of what was found.
    async fn check(&mut self) -> Result<Outcome, Stopped> {
        if self.batch.slices.is_none() {
            let failed = match self.batch.wish.work.chosen().cloned() {
                None => {
                    let _alone = WHOLE_FILES.acquire().await.map_err(|_| Stopped::Lost)?;
                    if time_left(self.deadline) < READING {
                        return self.leave().await;
                    }
                    self.read_file().await?
                }
                Some(chosen) => match self.read_list(&chosen).await? {
                    ListRead::NotAll => return self.leave().await,
                    ListRead::All => None,
                    ListRead::Failed(failed) => Some(*failed),
                },
            };
            if let Some(failed) = failed {
                self.write(failed).await?;
                return Ok(Outcome::Done);
            }
        }
        let slices = self.batch.slices.unwrap_or_default();
        while self.batch.next_slice < slices {
            if !has_time(self.deadline) {
                return self.leave().await;
            }
            let checked = match self.part().await? {
                Part::Rows(slice) => self.rows().check(&slice).await?,
                Part::Links(slice) => Links::new(self.rows(), &Columns::default()).check(&slice).await?,
            };
            self.put_away(Phase::Check, &checked).await?;
            self.write(self.batch.looked_through(&checked, self.now())).await?;
        }
        let _alone = WHOLE_FILES.acquire().await.map_err(|_| Stopped::Lost)?;
        if time_left(self.deadline) < MAKING {
            return self.leave().await;
        }
        let bytes = self.write_table(Phase::Check, slices).await?;
        self.write(self.batch.checked(bytes.unwrap_or_default(), self.now())).await?;
        Ok(Outcome::Done)
    }

    /// Puts the rows of the file away. Answers the batch as it is where that cannot be done.
    async fn read_file(&mut self) -> Result<Option<Batch>, Stopped> {
        let now = self.now();
        let file = match self.app.objects.get(&self.batch.upload_key()).await {
            Ok(file) => file,
            Err(error) => return not_fetched(error).map(|reason| Some(self.batch.failed(reason, None, now))),
        };
        let problems = self.rows().problems_of_defaults();
        if !problems.is_empty() {
            let failed = self.batch.failed(BatchFailure::InvalidDefaults, None, now);
            return Ok(Some(with_problems(failed, problems)));
        }
        let (batch, zone) = (self.batch.clone(), self.configuration.settings.zone());
        // It takes the processor for a while, and other work waits for answers meanwhile.
        let read = tokio::task::spawn_blocking(move || rows::read(&file, &batch, &zone)).await;
        let read = match read.map_err(|_| Stopped::Lost)? {
            Ok(read) => read,
            Err(unreadable) => {
                let failed = self.batch.failed(unreadable.reason, unreadable.row, now);
                return Ok(Some(with_problems(failed, unreadable.problems)));
            }
        };
        let mut puts = Vec::new();
        for (slice, number) in read.slices.iter().zip(0_u32..) {
            puts.push(self.put_part(slice, number));
        }
        stream::iter(puts).buffer_unordered(FILES_AT_ONCE).try_collect::<()>().await?;
        let slices = u32::try_from(read.slices.len()).map_err(|_| Stopped::Lost)?;
        let next = self.batch.read(slices, read.report, self.now());
        self.write(next).await?;
        Ok(None)
    }

    /// Puts the links of the list away, page by page, so that the next run goes on where this one ended.
    async fn read_list(&mut self, chosen: &ChosenLinks) -> Result<ListRead, Stopped> {
        if self.batch.reading.is_none() {
            let problems = self.rows().problems_of_defaults();
            if !problems.is_empty() {
                let failed = self.batch.failed(BatchFailure::InvalidDefaults, None, self.now());
                return Ok(ListRead::Failed(Box::new(with_problems(failed, problems))));
            }
        }
        let order = if chosen.is_newest_first { Order::NewestFirst } else { Order::OldestFirst };
        loop {
            if !has_time(self.deadline) {
                return Ok(ListRead::NotAll);
            }
            let (mut slices, mut rows, mut after) = (0, 0_u32, None);
            if let Some(reading) = &self.batch.reading {
                (slices, rows) = (reading.slices, reading.rows);
                // What cannot be read was not written by us; beginning anew would put everything away twice.
                after = Some(Cursor::parse(&reading.goes_on_at, SortKey::Time(order)).ok_or(Stopped::Lost)?);
            }
            let list = LinkList { filter: (*chosen.filter).clone(), order, now: self.now() };
            let page = self.store.list_links(&list, PAGE, after.as_ref()).await?;
            for links in page.entries.chunks(usize::from(self.batch.rows_in_a_slice())) {
                let ids = links.iter().map(|link| link.id().clone()).collect();
                self.put_part(&LinkSlice { first: rows + 1, links: ids }, slices).await?;
                slices += 1;
                rows = rows.saturating_add(u32::try_from(links.len()).map_err(|_| Stopped::Lost)?);
            }
            let now = self.now();
            if usize::try_from(rows).is_ok_and(|rows| rows > MOST_ROWS) {
                return Ok(ListRead::Failed(Box::new(self.batch.failed(BatchFailure::TooManyRows, None, now))));
            }
            let next = match page.next {
                Some(next) => self.batch.read_on(ListReading { slices, rows, goes_on_at: next.to_string() }, now),
                None if rows == 0 => {
                    return Ok(ListRead::Failed(Box::new(self.batch.failed(BatchFailure::NoRows, None, now))));
                }
                None => self.batch.read(slices, BatchReport::of_file(rows, Vec::new(), Vec::new()), now),
            };
            self.write(next).await?;
            if self.batch.slices.is_some() {
                return Ok(ListRead::All);
            }
        }
    }

    async fn put_part(&self, part: &impl Serialize, number: u32) -> Result<(), Stopped> {
        Ok(self.app.objects.put(&self.batch.rows_key(number), serde_json::to_vec(part)?, LINES).await?)
    }

    /// What is worked off next.
    async fn part(&self) -> Result<Part, Stopped> {
        let part = self.app.objects.get(&self.batch.rows_key(self.batch.next_slice)).await?;
        Ok(match self.batch.wish.work {
            BatchWork::Create => Part::Rows(serde_json::from_slice(&part)?),
            BatchWork::Remind(_) | BatchWork::Replace(_) => Part::Links(serde_json::from_slice(&part)?),
        })
    }

    async fn put_away(&self, phase: Phase, outcomes: &[CheckedRow]) -> Result<(), Stopped> {
        let mut lines = Vec::new();
        for outcome in outcomes {
            serde_json::to_writer(&mut lines, outcome)?;
            lines.push(b'\n');
        }
        let key = self.batch.outcomes_key(phase, self.batch.next_slice);
        Ok(self.app.objects.put(&key, lines, LINES).await?)
    }

    /// Makes the links of slices, each in its turn, and in the end the table of what became of all rows.
    async fn run(&mut self) -> Result<Outcome, Stopped> {
        while let BatchState::Running { .. } = self.batch.state {
            if !has_time(self.deadline) {
                return self.leave().await;
            }
            let began = self.now();
            if self.configuration.is_suspended() {
                return self.wait(later(began, WHILE_SUSPENDED), BatchWait::BusinessSuspended).await;
            }
            let part = match self.part().await {
                Ok(part) => part,
                Err(Stopped::Object(ObjectError::NotThere)) => return self.close_early().await,
                Err(error) => return Err(error),
            };
            let gives_up = self.batch.tries + 1 >= MOST_TRIES;
            let wrong = self.found_wrong().await?;
            let made = match &part {
                Part::Rows(slice) => self.rows().make(slice, &wrong, gives_up).await?,
                Part::Links(slice) => {
                    Links::new(self.rows(), &Columns::default()).make(slice, &wrong, gives_up).await?
                }
            };
            let made = match made {
                Made::All(made) => made,
                Made::Until { at, why } => return self.wait(at, why).await,
                Made::NotAll => {
                    self.write(self.batch.tried(self.now())).await?;
                    return Ok(Outcome::Failed);
                }
            };
            self.put_away(Phase::Run, &made).await?;
            let next_at = later(began, self.batch.time_of(made.len())).max(self.now());
            self.note_made(&Tally::of(&made), next_at).await?;
            if let BatchState::Running { .. } = self.batch.state
                && !self.wait_for(next_at).await?
            {
                return Ok(Outcome::Postponed);
            }
        }
        match self.batch.state {
            BatchState::Closing { .. } => self.close().await,
            // Somebody paused it.
            _ => Ok(Outcome::Postponed),
        }
    }

    /// The rows of the slice that the check found wrong.
    async fn found_wrong(&self) -> Result<BTreeMap<u32, CheckedRow>, Stopped> {
        let checked = self.outcomes(Phase::Check, self.batch.next_slice).await?.unwrap_or_default();
        let rows: Vec<CheckedRow> = lines(&checked).map(serde_json::from_slice).collect::<Result<_, _>>()?;
        let wrong = rows.into_iter().filter(|row| row.outcome == RowOutcome::Wrong);
        Ok(wrong.map(|row| (row.row, row)).collect())
    }

    async fn wait(&mut self, until: Timestamp, why: BatchWait) -> Result<Outcome, Stopped> {
        // Nothing would be left to go on with.
        if until >= self.batch.rows_gone_at() {
            return self.close_early().await;
        }
        self.write(self.batch.left(until, Some(why))).await?;
        Ok(Outcome::Postponed)
    }

    /// Writes that a slice was made. Where somebody has paused or ended the batch meanwhile, it counts all the same.
    async fn note_made(&mut self, tally: &Tally, next_at: Timestamp) -> Result<(), Stopped> {
        match self.write(self.batch.made(tally, next_at, self.now())).await {
            Err(Stopped::Overtaken) => {}
            written => return written,
        }
        let current = self.store.batch(&self.batch.id).await?.ok_or(Stopped::Overtaken)?;
        let is_of_slice = current.check == self.batch.check && current.next_slice == self.batch.next_slice;
        // Somebody has paused or ended it, or changed its rate while this run holds it.
        let is_stopped =
            matches!(current.state, BatchState::Paused { .. } | BatchState::Closing { is_cancelled: true, .. });
        let is_still_held = current.run_at() == self.batch.run_at();
        if !is_of_slice || !(is_stopped || is_still_held) {
            return Err(Stopped::Overtaken);
        }
        self.batch = current;
        self.write(self.batch.made(tally, next_at, self.now())).await
    }

    /// Waits for the turn of the next slice, where that is worth it, and holds the batch again.
    async fn wait_for(&mut self, next_at: Timestamp) -> Result<bool, Stopped> {
        let pause = Duration::try_from(next_at.duration_since(self.now())).unwrap_or_default();
        if time_left(self.deadline) < pause + WORTH_WAITING {
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
        self.hold().await?;
        Ok(true)
    }

    /// The rows are not kept any more: what was made stays, and the table says what that is.
    async fn close_early(&mut self) -> Result<Outcome, Stopped> {
        let (business_id, batch_id) = (&self.batch.business, &self.batch.id);
        tracing::error!(%business_id, %batch_id, "The rows of a batch are not kept any more.");
        let cancelled = self.batch.cancelled(self.now()).map_err(|_: BatchRefused| Stopped::Lost)?;
        self.write(cancelled).await?;
        self.close().await
    }

    /// Writes the table of what became of the rows.
    async fn close(&mut self) -> Result<Outcome, Stopped> {
        self.note_what_is_there().await?;
        let _alone = WHOLE_FILES.acquire().await.map_err(|_| Stopped::Lost)?;
        if time_left(self.deadline) < MAKING {
            return self.leave().await;
        }
        let bytes = self.write_table(Phase::Run, self.batch.next_slice).await?;
        self.write(self.batch.over(bytes, self.now())).await?;
        if self.batch.wish.work.chosen().is_none() {
            self.forget_upload().await;
        }
        Ok(Outcome::Done)
    }

    /// Counts what there is of a slice that was begun and not worked off to its end, as where a quota was used up in its middle.
    async fn note_what_is_there(&mut self) -> Result<(), Stopped> {
        if self.batch.slices.is_none_or(|slices| self.batch.next_slice >= slices) {
            return Ok(());
        }
        let made = match self.part().await {
            Ok(Part::Rows(slice)) => self.rows().made_of(&slice).await?,
            Ok(Part::Links(slice)) => {
                let wrong = self.found_wrong().await?;
                let made = Links::new(self.rows(), &Columns::default()).made_of(&slice).await?;
                made.into_iter().filter(|row| !wrong.contains_key(&row.row)).collect()
            }
            Err(Stopped::Object(ObjectError::NotThere)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if made.is_empty() {
            return Ok(());
        }
        self.put_away(Phase::Run, &made).await?;
        self.write(self.batch.made(&Tally::of(&made), self.now(), self.now())).await?;
        self.hold().await
    }

    /// Puts the table of so many slices away, and answers how large it is. What is not kept any more is not in it, and where
    /// nothing is there is none.
    async fn write_table(&self, phase: Phase, slices: u32) -> Result<Option<u64>, Stopped> {
        let mut fetches = Vec::new();
        for number in 0..slices {
            fetches.push(self.outcomes(phase, number));
        }
        let outcomes: Vec<Option<Bytes>> = stream::iter(fetches).buffered(FILES_AT_ONCE).try_collect().await?;
        let outcomes: Vec<Bytes> = outcomes.into_iter().flatten().collect();
        if outcomes.is_empty() {
            return Ok(None);
        }
        let (format, wish) = (self.batch.wish.format, self.batch.wish.clone());
        let write = move || file_of(&wish, &Words::of(wish.locale.language()), &outcomes);
        let file = tokio::task::spawn_blocking(write);
        let file = file.await.map_err(|_| Stopped::Lost)??;
        let bytes = u64::try_from(file.len()).unwrap_or(u64::MAX);
        self.app.objects.put(&self.batch.table_key(phase), file, format.content_type()).await?;
        Ok(Some(bytes))
    }

    async fn outcomes(&self, phase: Phase, slice: u32) -> Result<Option<Bytes>, Stopped> {
        match self.app.objects.get(&self.batch.outcomes_key(phase, slice)).await {
            Ok(outcomes) => Ok(Some(outcomes)),
            Err(ObjectError::NotThere) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What was uploaded is of no use any more. Where it cannot be deleted, it is forgotten with the other files.
    async fn forget_upload(&self) {
        if let Err(error) = self.app.objects.delete(&self.batch.upload_key()).await {
            let (business_id, batch_id) = (&self.batch.business, &self.batch.id);
            tracing::warn!(%business_id, %batch_id, error = %error, "What was uploaded stays until it is forgotten.");
        }
    }
}

/// How far the links of a list were put away.
enum ListRead {
    All,
    /// There is no time for the rest of it now.
    NotAll,
    /// It cannot be done: this is the batch then.
    Failed(Box<Batch>),
}

/// What it means that the file is not there, as far as it means anything.
fn not_fetched(error: ObjectError) -> Result<BatchFailure, Stopped> {
    match error {
        ObjectError::NotThere => Ok(BatchFailure::NoFile),
        ObjectError::Refused { code } if code == "EntityTooLarge" => Ok(BatchFailure::TooLarge),
        error => Err(error.into()),
    }
}

fn with_problems(failed: Batch, problems: Vec<RowProblem>) -> Batch {
    let problem_count = u32::try_from(problems.len()).unwrap_or(u32::MAX);
    Batch { report: BatchReport { problem_count, problems, ..BatchReport::default() }, ..failed }
}

//! Making the file of an export: the list is read page by page and put away in slices, and at its end the slices become the file.
//!
//! How far that is stands in the table. A slice lies under its number and is written before the table says that it is there,
//! so that a run which dies in between leaves what the next one writes again; and a run that was too slow finds that another
//! holds the export, and leaves it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::Timestamp;
use domain::business::settings::Settings;
use domain::clocks::later;
use domain::exports::{EventFilter, Export, ExportFormat, ExportProgress, ExportState, ExportedList, MOST_ROWS};
use domain::ids::{BusinessId, EventId, ExportId, LinkId};
use domain::link::{PaymentLink, TimeRange};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::SignedDuration;
use runtime::{has_time, time_left};
use serde_json::{Value, json};
use sheets::writing::{Cell, WriteError, write_csv, write_xlsx};
use signed::{LARGEST_OBJECT, ObjectError};
use store::{
    BusinessStore, Configuration, Cursor, EventList, EventsAfter, LinkList, Order, ReceiptList, RecordWritten,
    RefundList, SortKey, StoreError,
};
use tokio::sync::Semaphore;
use views::event::{LoggedEventView, links_of};
use views::{LinkView, ReceiptView, RefundView};

use crate::columns::Table;
use crate::outcomes::lines;
use crate::{App, Outcome};

/// A slice has at least this many entries, unless the list has no more or they are many bytes.
const SLICE_ROWS: u64 = 1_000;
const SLICE_BYTES: usize = 4 * 1024 * 1024;

/// How many entries are read of a list at a time.
const PAGE: usize = 200;

/// At most this many slices are fetched at once.
const FETCHED_AT_ONCE: usize = 8;

/// Making the file of as much as one may have takes this long at most, with fetching and storing.
const MAKING: Duration = Duration::from_secs(20);

/// One file at a time is put together, as all of it is held in memory meanwhile.
static PUTTING_TOGETHER: Semaphore = Semaphore::const_new(1);

/// Why an export is not made by this run.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a file cannot be reached: {0}")]
    Object(#[from] ObjectError),
    #[error("an entry cannot be written: {0}")]
    Entry(#[from] serde_json::Error),
    #[error("the file cannot be written: {0}")]
    Sheet(#[from] WriteError),
    #[error("the work was lost")]
    Lost,
}

/// Goes on with an export as long as there is time.
pub(crate) async fn make(app: &App, business: &BusinessId, id: &ExportId, deadline: SystemTime) -> Outcome {
    Box::pin(try_to_make(app, business, id, deadline)).await.unwrap_or_else(|error| {
        tracing::error!(business_id = %business, export_id = %id, error = %error, "An export could not be made.");
        Outcome::Failed
    })
}

async fn try_to_make(
    app: &App,
    business: &BusinessId,
    id: &ExportId,
    deadline: SystemTime,
) -> Result<Outcome, NotMade> {
    // Nothing is held that there is no time for.
    if !has_time(deadline) {
        return Ok(Outcome::Left);
    }
    let store = app.store.of(business);
    let now = app.clock.now();
    let Some(export) = store.export(id).await? else { return Ok(Outcome::Ended) };
    match export.run_at() {
        None => return Ok(Outcome::Ended),
        // Another run holds it.
        Some(run_at) if run_at > now => return Ok(Outcome::Left),
        Some(_) => {}
    }
    let Some((mut held, mut progress)) = export.leased(now) else {
        if let Some(given_up) = export.given_up(now) {
            store.write_export(&given_up, &export).await?;
            forget_if_over(app, &export, export.slices()).await?;
        }
        return Ok(Outcome::Ended);
    };
    if store.write_export(&held, &export).await? == RecordWritten::Rejected {
        return Ok(Outcome::Left);
    }
    let configuration = store.configuration().await?;
    let reader = Reader { store: &store, export: &export, configuration: &configuration, app };
    while !progress.is_read {
        if !has_time(deadline) {
            return leave(&store, &held, app.clock.now()).await;
        }
        let slice = reader.slice(&progress, deadline).await?;
        if slice.rows > 0 {
            app.objects
                .put(&export.slice_key(progress.slices), slice.lines, ExportFormat::Jsonl.content_type())
                .await?;
        }
        progress = slice.progress;
        let next = held.sliced(progress.clone(), app.clock.now());
        let written = store.write_export(&next, &held).await?;
        if written == RecordWritten::Rejected || next.run_at().is_none() {
            return forget_if_over(app, &next, progress.slices).await;
        }
        held = next;
    }
    let _alone = PUTTING_TOGETHER.acquire().await.map_err(|_| NotMade::Lost)?;
    if time_left(deadline) < MAKING {
        return leave(&store, &held, app.clock.now()).await;
    }
    let slices = fetch_slices(app, &export, &progress).await?;
    let (format, table) = (export.format, Table::new(&export, &configuration.settings));
    // It takes the processor for a while, and other exports wait for answers meanwhile.
    let file = tokio::task::spawn_blocking(move || file_of(format, &table, slices)).await;
    let file = file.map_err(|_| NotMade::Lost)??;
    if file.len() > LARGEST_OBJECT {
        store.write_export(&held.too_large(app.clock.now()), &held).await?;
        return forget_if_over(app, &held, progress.slices).await;
    }
    let bytes = u64::try_from(file.len()).unwrap_or(u64::MAX);
    app.objects.put(&export.file_key(), file, format.content_type()).await?;
    if store.write_export(&held.done(bytes, app.clock.now()), &held).await? == RecordWritten::Rejected {
        return forget_if_over(app, &held, progress.slices).await;
    }
    forget_slices(app, &export, progress.slices).await;
    Ok(Outcome::Done)
}

/// Deletes what was put away for an export that has come to nothing by now: that failed, or that somebody cancelled while this
/// run was at work. What another run holds is left to it.
async fn forget_if_over(app: &App, export: &Export, slices: u32) -> Result<Outcome, NotMade> {
    let Some(current) = app.store.of(&export.business).export(&export.id).await? else { return Ok(Outcome::Ended) };
    match current.state {
        ExportState::Pending { .. } => return Ok(Outcome::Left),
        ExportState::Done { .. } => {}
        ExportState::Failed { .. } | ExportState::Cancelled { .. } => {
            forget_slices(app, export, slices).await;
            app.objects.delete(&export.file_key()).await?;
        }
    }
    Ok(Outcome::Ended)
}

/// Lets the next run go on.
async fn leave(store: &BusinessStore, held: &Export, now: Timestamp) -> Result<Outcome, NotMade> {
    store.write_export(&held.left(now), held).await?;
    Ok(Outcome::Postponed)
}

/// What was read for one slice, and how far the list is read with it.
struct Slice {
    rows: u64,
    /// A line for each entry, of JSON.
    lines: Vec<u8>,
    progress: ExportProgress,
}

/// Reads the list of an export.
struct Reader<'a> {
    store: &'a BusinessStore,
    export: &'a Export,
    configuration: &'a Configuration,
    app: &'a App,
}

/// Entries as the API shows them, and where the list goes on.
struct Entries {
    entries: Vec<Value>,
    goes_on_at: Option<String>,
}

impl Reader<'_> {
    /// The next slice, or what there was time to read of it: of a list in which little is wanted much is read.
    async fn slice(&self, progress: &ExportProgress, deadline: SystemTime) -> Result<Slice, NotMade> {
        let table = Table::new(self.export, self.settings());
        let (mut rows, mut lines, mut goes_on_at) = (0, Vec::new(), progress.goes_on_at.clone());
        loop {
            let page = self.page(goes_on_at.as_deref()).await?;
            for entry in &page.entries {
                match self.export.format {
                    ExportFormat::Jsonl => serde_json::to_writer(&mut lines, entry)?,
                    ExportFormat::Xlsx | ExportFormat::Csv => serde_json::to_writer(&mut lines, &table.row(entry))?,
                }
                lines.push(b'\n');
                rows += 1;
            }
            goes_on_at = page.goes_on_at;
            // One more than a file may have says enough.
            let is_enough = rows >= SLICE_ROWS || lines.len() >= SLICE_BYTES || progress.rows + rows > MOST_ROWS;
            if goes_on_at.is_none() || is_enough || !has_time(deadline) {
                break;
            }
        }
        let progress = ExportProgress {
            rows: progress.rows + rows,
            slices: progress.slices + u32::from(rows > 0),
            bytes: progress.bytes.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX)),
            is_read: goes_on_at.is_none(),
            goes_on_at,
        };
        Ok(Slice { rows, lines, progress })
    }

    fn settings(&self) -> &Settings {
        &self.configuration.settings
    }

    fn order(&self) -> Order {
        if self.export.is_newest_first { Order::NewestFirst } else { Order::OldestFirst }
    }

    /// Nothing that was made after the export was asked for.
    fn until_asked(&self, range: TimeRange) -> TimeRange {
        let end = later(self.export.created_at, SignedDuration::from_millis(1));
        TimeRange { to: Some(range.to.map_or(end, |to| to.min(end))), ..range }
    }

    /// Whether the file has entries as the API shows them, and not only what columns have of them.
    fn is_whole(&self) -> bool {
        self.export.format == ExportFormat::Jsonl
    }

    async fn page(&self, goes_on_at: Option<&str>) -> Result<Entries, NotMade> {
        let now = self.app.clock.now();
        let order = self.order();
        // What cannot be read was not written by us; beginning anew would write everything twice.
        let after = goes_on_at.map(|place| Cursor::parse(place, SortKey::Time(order)).ok_or(NotMade::Lost)).transpose();
        match &self.export.of {
            ExportedList::PaymentLinks(filter) => {
                let mut filter = (**filter).clone();
                filter.created = self.until_asked(filter.created);
                let list = LinkList { filter, order, now };
                let page = self.store.list_links(&list, PAGE, after?.as_ref()).await?;
                // No column tells of messages.
                let messages =
                    if self.is_whole() { self.store.message_states(&page.entries).await? } else { Default::default() };
                let view = |link| serde_json::to_value(LinkView::new(link, &messages, self.settings(), now));
                let entries = page.entries.iter().map(view).collect::<Result<_, _>>()?;
                Ok(Entries { entries, goes_on_at: page.next.as_ref().map(ToString::to_string) })
            }
            ExportedList::Receipts(filter) => {
                let mut filter = (**filter).clone();
                filter.registered = self.until_asked(filter.registered);
                let list = ReceiptList { filter, order, now };
                let page = self.store.list_receipts(&list, PAGE, after?.as_ref()).await?;
                let links = self.links(page.entries.iter().map(|receipt| receipt.link_id.clone()).collect()).await?;
                let entry = |receipt: &domain::link::Receipt| {
                    let shown = serde_json::to_value(ReceiptView::new(receipt, self.settings()))?;
                    let link = links.iter().find(|link| *link.id() == receipt.link_id);
                    let kind = receipt.receipt_type_id.as_ref();
                    let kind = kind.and_then(|id| self.configuration.receipt_types.get(id)).map(|kind| &kind.name);
                    let account = self.configuration.accounts.get(&receipt.account_id).map(|account| &account.name);
                    Ok(self.beside(shown, link, json!({ "receipt_type": kind, "account": account })))
                };
                let entries = page.entries.iter().map(entry).collect::<Result<_, serde_json::Error>>()?;
                Ok(Entries { entries, goes_on_at: page.next.as_ref().map(ToString::to_string) })
            }
            ExportedList::Refunds(filter) => {
                let mut filter = (**filter).clone();
                filter.created = self.until_asked(filter.created);
                let list = RefundList { filter, order, now };
                let page = self.store.list_refunds(&list, PAGE, after?.as_ref()).await?;
                let mut entries = Vec::new();
                for found in &page.entries {
                    let Some((attempt, refund)) = found.get() else { continue };
                    let shown = serde_json::to_value(RefundView::new(&found.link, attempt, refund, self.settings()))?;
                    let account = self.configuration.accounts.get(refund.account_id(attempt));
                    let names = json!({ "account": account.map(|account| &account.name) });
                    entries.push(self.beside(shown, Some(&found.link), names));
                }
                Ok(Entries { entries, goes_on_at: page.next.as_ref().map(ToString::to_string) })
            }
            ExportedList::Events(filter) => self.events(filter, goes_on_at, now).await,
        }
    }

    async fn events(&self, filter: &EventFilter, goes_on_at: Option<&str>, now: Timestamp) -> Result<Entries, NotMade> {
        let asked_at = self.export.created_at;
        let after = match goes_on_at {
            None => EventsAfter::Instant(filter.kept_from(asked_at)),
            Some(place) => {
                let id = EventId::parse(place).map_err(|_| NotMade::Lost)?;
                EventsAfter::Event(Box::new(self.store.event(&id).await?.ok_or(NotMade::Lost)?))
            }
        };
        let list = EventList {
            link: filter.link.clone(),
            after,
            before: filter.listed_until(asked_at),
            types: filter.types.clone(),
        };
        let page = self.store.list_events(&list, PAGE).await?;
        let links = self.store.links(&links_of(&page.entries)).await?;
        let messages = if self.is_whole() { self.store.message_states(&links).await? } else { Default::default() };
        let mut entries = Vec::new();
        for event in &page.entries {
            let Some(view) = LoggedEventView::among(event, &links, &messages, self.settings(), now) else { continue };
            let shown = serde_json::to_value(view)?;
            let link = shown["payment_link_id"].as_str().and_then(|id| LinkId::parse(id).ok());
            let link = link.and_then(|id| links.iter().find(|link| *link.id() == id));
            entries.push(self.beside(shown, link, Value::Null));
        }
        Ok(Entries { entries, goes_on_at: page.next.map(|id| id.to_string()) })
    }

    /// The links of these ids, where columns tell of them.
    async fn links(&self, mut ids: Vec<LinkId>) -> Result<Vec<PaymentLink>, NotMade> {
        if self.is_whole() {
            return Ok(Vec::new());
        }
        ids.sort();
        ids.dedup();
        Ok(self.store.links(&ids).await?)
    }

    /// An entry with what columns tell beside it: of its link, and names. The API shows it without them.
    fn beside(&self, mut shown: Value, link: Option<&PaymentLink>, names: Value) -> Value {
        if self.is_whole() {
            return shown;
        }
        let of_link = |link: &PaymentLink| {
            let terms = link.terms();
            json!({
                "reference_id": terms.reference_id,
                "description": terms.description,
                "created_by": link.created_by(),
                "contact": { "id": terms.contact.id, "name": terms.contact.name },
                "item": terms.item.as_ref().map(|item| json!({ "title": item.title })),
            })
        };
        if let Value::Object(fields) = &mut shown {
            fields.insert("link".to_owned(), link.map_or(Value::Null, of_link));
            fields.insert("names".to_owned(), names);
        }
        shown
    }
}

async fn fetch_slices(app: &App, export: &Export, progress: &ExportProgress) -> Result<Vec<Bytes>, NotMade> {
    let fetches = (0..progress.slices).map(|number| {
        let key = export.slice_key(number);
        async move { app.objects.get(&key).await }
    });
    Ok(stream::iter(fetches).buffered(FETCHED_AT_ONCE).try_collect().await?)
}

/// Slices are of no use any more. What is not deleted is forgotten with the files.
async fn forget_slices(app: &App, export: &Export, slices: u32) {
    let deletions = (0..slices).map(|number| {
        let key = export.slice_key(number);
        async move { app.objects.delete(&key).await }
    });
    let outcomes: Vec<_> = stream::iter(deletions).buffer_unordered(FETCHED_AT_ONCE).collect().await;
    if let Some(Err(error)) = outcomes.into_iter().find(Result::is_err) {
        let (business_id, export_id) = (&export.business, &export.id);
        tracing::warn!(%business_id, %export_id, error = %error, "Slices of an export stay until they are forgotten.");
    }
}

/// The file of all slices.
fn file_of(format: ExportFormat, table: &Table, slices: Vec<Bytes>) -> Result<Vec<u8>, NotMade> {
    if format == ExportFormat::Jsonl {
        return Ok(slices.concat());
    }
    let lines = slices.iter().flat_map(|slice| lines(slice));
    let mut broken = None;
    // A line that cannot be read ends the table, which is then not kept.
    let rows = lines.map_while(|line| match serde_json::from_slice::<Vec<Cell>>(line) {
        Ok(row) => Some(row),
        Err(error) => {
            broken = Some(error);
            None
        }
    });
    let sheet = table.sheet();
    let written = match format {
        ExportFormat::Csv => write_csv(&sheet, rows)?,
        ExportFormat::Xlsx | ExportFormat::Jsonl => write_xlsx(&sheet, rows)?,
    };
    match broken {
        Some(error) => Err(error.into()),
        None => Ok(written),
    }
}

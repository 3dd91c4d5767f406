//! What becomes of rows: looked through as a draft is, and made into links as a call of the API makes them.
//!
//! No rule is here. What a link is made from, and what stands against it, the domain decides of a row as of any other request.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::address::Mobile;
use domain::batches::{Batch, BatchWait, CheckedRow, MOST_OF_ROW, MessageCounts, Outcome, RowProblem};
use domain::business::quotas::Quotas;
use domain::gateway::GatewayRulebook;
use domain::ids::{ContactId, LinkId, ReferenceId};
use domain::link::{LinkStatus, PaymentLink};
use domain::messages::channel::Channel;
use domain::requests::create::Request;
use domain::search::{ContactTerm, SearchQuery};
use domain::{Field, Problems, Rejection, Timestamp};
use futures_util::stream::{self, StreamExt};
use runtime::Clock;
use serde_json::{Map, Value};
use store::{BusinessStore, Configuration, StoreError, Taken};
use use_cases::create::{CreateRefused, NewLink, TokenSource, create};
use use_cases::draft::{Draft, DraftRecords};
use use_cases::{Answer, hash_of};
use web::link_body::CreateBody;

use crate::rows::{Columns, Slice, Telling, UploadedRow};
use crate::words::Words;

/// So many rows of a slice are looked at or made at once.
pub(crate) const ROWS_AT_ONCE: usize = 8;

/// Rows of one batch, and what is known of its business.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) store: &'a BusinessStore,
    pub(crate) configuration: &'a Arc<Configuration>,
    pub(crate) gateways: &'a GatewayRulebook,
    pub(crate) clock: &'a Clock,
    pub(crate) words: &'a Words,
    pub(crate) batch: &'a Batch,
}

/// What came of making the rows of a slice.
pub(crate) enum Made {
    All(Vec<CheckedRow>),
    /// Some met errors of ours, and the slice is to be tried again.
    NotAll,
    /// It goes on then.
    Until {
        at: Timestamp,
        why: BatchWait,
    },
}

/// Why a row is not made in this run.
pub(crate) enum NotMade {
    /// An error of ours, whose words nobody is told.
    Error(StoreError),
    /// Others kept changing the same record or link.
    Contended,
    Until {
        at: Timestamp,
        why: BatchWait,
    },
}

impl From<StoreError> for NotMade {
    fn from(error: StoreError) -> Self {
        Self::Error(error)
    }
}

/// A row with the request that it comes to.
struct Asked {
    request: Request,
    problems: Problems,
    /// What the row says, by which it is known when it comes again. What is said of all rows may have become another by then.
    content: Value,
}

impl<'a> Rows<'a> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is wrong with what is said of all rows, whatever they say.
    pub(crate) fn problems_of_defaults(&self) -> Vec<RowProblem> {
        let (mut problems, defaults) = (Problems::default(), &self.batch.wish.defaults);
        self.request_of(defaults.clone(), &mut problems);
        let none = Columns::default();
        let telling = Telling { words: self.words, columns: &none };
        let own = ["contact_id", "contact", "item_id", "item", "amount", "currency", "payment_plan"];
        for name in
            own.into_iter().filter(|name| self.batch.wish.work.chosen().is_some() && defaults.contains_key(*name))
        {
            let detail = "Each link is replaced for whom it was and for what is left of it.";
            problems.refuse(format!("/{name}"), "not_allowed", detail);
        }
        if defaults.contains_key("reference_id") {
            problems.refuse("/reference_id", "not_allowed", "One active link alone has a reference_id.");
        }
        told(None, &problems, telling)
    }

    pub(crate) fn request_of(&self, body: Map<String, Value>, problems: &mut Problems) -> Request {
        // Reading a body never fails: what has another shape is one of the problems.
        let body: CreateBody = serde_json::from_value(Value::Object(body)).unwrap_or_default();
        body.read(self.configuration.router(), self.now(), problems)
    }

    /// Looks rows through. Nothing is written.
    pub(crate) async fn check(&self, slice: &Slice) -> Result<Vec<CheckedRow>, StoreError> {
        let made = self.made_before(keys_of(&slice.rows)).await?;
        let telling = Telling { words: self.words, columns: &slice.columns };
        let mut looks = Vec::new();
        for row in &slice.rows {
            looks.push(self.look_at(row, made.get(&row.key), telling));
        }
        // In their order, with the first error.
        let checked: Vec<Result<CheckedRow, StoreError>> = stream::iter(looks).buffered(ROWS_AT_ONCE).collect().await;
        checked.into_iter().collect()
    }

    /// The link that a row with this key is made into.
    pub(crate) async fn link_of_key(&self, key: &str) -> Result<LinkId, StoreError> {
        let token = self.store.token_for(&self.batch.wish.integration, &self.batch.key_of_row(key)).await?;
        Ok(LinkId::of(&token))
    }

    /// The links that rows were made into before, by the rows' keys.
    pub(crate) async fn made_before(
        &self,
        of_rows: impl Iterator<Item = &str> + Send,
    ) -> Result<BTreeMap<String, PaymentLink>, StoreError> {
        let mut keys = BTreeMap::new();
        for key in of_rows {
            keys.insert(self.link_of_key(key).await?, key.to_owned());
        }
        let ids: Vec<LinkId> = keys.keys().cloned().collect();
        let links = self.store.links(&ids).await?;
        Ok(links.into_iter().filter_map(|link| Some((keys.get(link.id())?.clone(), link))).collect())
    }

    async fn look_at(
        &self,
        row: &UploadedRow,
        made: Option<&PaymentLink>,
        telling: Telling<'_>,
    ) -> Result<CheckedRow, StoreError> {
        let mut checked = blank(row);
        if !row.problems.is_empty() {
            return Ok(CheckedRow { outcome: Outcome::Wrong, problems: row.problems.clone(), ..checked });
        }
        let Asked { request, mut problems, content } = self.asked(row).await?;
        if let Some(link) = made {
            if link.request_hash() == hash_of(&content) {
                return Ok(with_link(checked, link, Outcome::AlreadyMade));
            }
            let problem = key_reused(telling, row.row);
            return Ok(CheckedRow { problems: vec![problem], ..with_link(checked, link, Outcome::Wrong) });
        }
        // A draft proposes the account where there is only one; a link is made on the one that is named.
        if matches!(request.account_id, Field::Absent) {
            problems.refuse("/account_id", "required", "Name the account, in a column or in defaults.");
        }
        let reference = request.reference_id.as_ref().value().cloned();
        let configuration = Arc::clone(self.configuration);
        let records = DraftRecords::read(self.store, configuration, request, problems, self.now()).await?;
        let draft = records.draft(self.gateways, &self.batch.wish.base, self.now());
        drafted(&mut checked, &draft, telling);
        if let Some(reference) = reference
            && let Some(other) = self.active_link_with(&reference).await?
        {
            let detail = format!("The active link {other} has this reference_id.");
            checked.problems.push(telling.problem(Some(row.row), "/reference_id", "reference_id_in_use", &detail));
        }
        if !checked.problems.is_empty() {
            checked.outcome = Outcome::Wrong;
        }
        Ok(checked)
    }

    async fn active_link_with(&self, reference: &ReferenceId) -> Result<Option<LinkId>, StoreError> {
        let query = SearchQuery { reference: Some(reference.clone()), ..SearchQuery::default() };
        let found = self.store.search(&query, 1).await?;
        let now = self.now();
        let active = found.links.entries.into_iter().find(|(link, _)| link.status_at(now) == LinkStatus::Active);
        Ok(active.map(|(link, _)| link.id().clone()))
    }

    /// What a row asks for, with its contact found by the number where that is all there is.
    async fn asked(&self, row: &UploadedRow) -> Result<Asked, StoreError> {
        let mut problems = Problems::default();
        let mut body = self.batch.body_of(&row.body);
        let contact = self.contact_of(row, &mut problems).await?;
        let is_contact_refused = !problems.is_empty();
        if let Some((name, value)) = contact {
            for other in ["contact_id", "contact"] {
                body.remove(other);
            }
            body.insert(name.to_owned(), value);
        }
        if let Some(id) = &row.item.id {
            for other in ["item_id", "item"] {
                body.remove(other);
            }
            if row.item.title.is_none() && row.item.kind.is_none() {
                body.insert("item_id".to_owned(), id.clone().into());
            } else {
                let contact = body.get("contact_id").or_else(|| body.get("contact").map(|contact| &contact["id"]));
                let mut item = Map::new();
                item.insert("id".to_owned(), id.clone().into());
                item.extend(contact.cloned().map(|id| ("contact_id".to_owned(), id)));
                item.extend(row.item.title.clone().map(|title| ("title".to_owned(), title.into())));
                item.extend(row.item.kind.clone().map(|kind| ("kind".to_owned(), kind.into())));
                body.insert("item".to_owned(), Value::Object(item));
            }
        }
        let mut request = self.request_of(body, &mut problems);
        if is_contact_refused {
            // What is wrong with the number is said once, and not that there is no contact as well.
            request.contact_id = Field::Refused;
        }
        Ok(Asked { request, problems, content: row.content() })
    }

    /// The field of a body that says whose link a row is. A number that is nobody's yet makes a contact where there is a name.
    async fn contact_of(
        &self,
        row: &UploadedRow,
        problems: &mut Problems,
    ) -> Result<Option<(&'static str, Value)>, StoreError> {
        let contact = &row.contact;
        let whole = |id: &str| {
            let mut whole = Map::new();
            whole.insert("id".to_owned(), id.into());
            for (name, value) in [("name", &contact.name), ("mobile", &contact.mobile), ("email", &contact.email)] {
                whole.extend(value.clone().map(|value| (name.to_owned(), value.into())));
            }
            Value::Object(whole)
        };
        if let Some(id) = &contact.id {
            let has_more = contact.name.is_some() || contact.mobile.is_some() || contact.email.is_some();
            return Ok(Some(if has_more { ("contact", whole(id)) } else { ("contact_id", id.clone().into()) }));
        }
        let Some(mobile) = &contact.mobile else { return Ok(None) };
        let region = &self.configuration.settings.default_region;
        let mobile = match Mobile::parse(mobile, region) {
            Ok(mobile) => mobile,
            Err(rejection) => {
                problems.add("/contact_mobile", rejection);
                return Ok(None);
            }
        };
        let query = SearchQuery { contact: Some(ContactTerm::Mobile(mobile.clone())), ..SearchQuery::default() };
        let found = self.store.search(&query, 2).await?.contacts;
        match found.entries.as_slice() {
            [one] if !found.has_more => Ok(Some(("contact_id", one.contact_id.to_string().into()))),
            [] if contact.name.is_some() => {
                let id = mobile.as_str().trim_start_matches('+');
                let known = match ContactId::parse(id) {
                    Ok(id) => self.store.contact(&id).await?,
                    Err(rejection) => {
                        problems.add("/contact_mobile", rejection);
                        return Ok(None);
                    }
                };
                // Another row of the same number, which is made at this moment, may have just made the contact.
                if known.as_ref().is_some_and(|known| known.mobile.as_ref() == Some(&mobile)) {
                    return Ok(Some(("contact_id", id.into())));
                }
                // Somebody else may have the id that such a contact gets, whose record is not written over.
                if known.is_some() {
                    let detail = "Another contact has the id that one with this number would get; give an id.";
                    problems.add("/contact_mobile", Rejection::new("contact_id_in_use", detail));
                    return Ok(None);
                }
                Ok(Some(("contact", whole(id))))
            }
            [] => {
                let detail = "No contact has this number; give a name as well, and the contact is made.";
                problems.add("/contact_mobile", Rejection::new("contact_name_needed", detail));
                Ok(None)
            }
            _ => {
                let detail = "Several contacts have this number; give the id of the one that is meant.";
                problems.add("/contact_mobile", Rejection::new("several_contacts", detail));
                Ok(None)
            }
        }
    }

    /// Makes the links of rows, but for those that a check found `wrong`: what is made is what was checked. Those that were made
    /// before are found. Where `gives_up`, a row that meets an error of ours has failed, and keeps no other row waiting.
    pub(crate) async fn make(
        &self,
        slice: &Slice,
        wrong: &BTreeMap<u32, CheckedRow>,
        gives_up: bool,
    ) -> Result<Made, StoreError> {
        let telling = Telling { words: self.words, columns: &slice.columns };
        let mut makings = Vec::new();
        for row in &slice.rows {
            makings.push(self.make_row(row, wrong.get(&row.row), telling));
        }
        let blanks = slice.rows.iter().map(blank).collect();
        let there = gives_up.then(|| self.there_of(slice));
        self.work_off(blanks, makings, there, telling).await
    }

    /// Works rows off, some at once. Where errors of ours are given up, `there` says what was done all the same, and the rest of
    /// what met them has failed.
    pub(crate) async fn work_off(
        &self,
        blanks: Vec<CheckedRow>,
        works: Vec<impl Future<Output = Result<CheckedRow, NotMade>>>,
        there: Option<impl Future<Output = Result<Vec<CheckedRow>, StoreError>>>,
        telling: Telling<'_>,
    ) -> Result<Made, StoreError> {
        // Rows that are worked off at the same moment do not count each other.
        let Quotas { links_per_day, messages_per_day, .. } = self.configuration.quotas();
        let is_free = links_per_day.or(messages_per_day).is_none();
        let at_once = if is_free { ROWS_AT_ONCE } else { 1 };
        let outcomes: Vec<Result<CheckedRow, NotMade>> = stream::iter(works).buffered(at_once).collect().await;
        let (mut worked, mut is_whole) = (Vec::new(), true);
        for (blank, outcome) in blanks.into_iter().zip(outcomes) {
            let (batch_id, row) = (&self.batch.id, blank.row);
            match outcome {
                Ok(row) => {
                    worked.push(row);
                    continue;
                }
                Err(NotMade::Until { at, why }) => return Ok(Made::Until { at, why }),
                Err(NotMade::Error(error)) => {
                    tracing::error!(%batch_id, row, error = %error, "A row could not be made.");
                }
                Err(NotMade::Contended) => tracing::warn!(%batch_id, row, "The records of a row kept changing."),
            }
            is_whole = false;
            let problem = telling.problem(Some(row), "", "temporarily_unavailable", "Try again.");
            worked.push(CheckedRow { outcome: Outcome::Failed, problems: vec![problem], ..blank });
        }
        if is_whole {
            return Ok(Made::All(worked));
        }
        let Some(there) = there else { return Ok(Made::NotAll) };
        // What was asked for may have been done although the answer was lost.
        let mut there: BTreeMap<u32, CheckedRow> = there.await?.into_iter().map(|row| (row.row, row)).collect();
        for row in worked.iter_mut().filter(|row| row.outcome == Outcome::Failed) {
            if let Some(found) = there.remove(&row.row) {
                *row = found;
            }
        }
        Ok(Made::All(worked))
    }

    /// The rows of a slice whose links are there, whenever they were made.
    async fn there_of(&self, slice: &Slice) -> Result<Vec<CheckedRow>, StoreError> {
        let found = self.made_before(keys_of(&slice.rows)).await?;
        let there = slice.rows.iter().filter_map(|row| Some(self.with_made(blank(row), found.get(&row.key)?)));
        Ok(there.collect())
    }

    /// What was made of a slice that was not worked off to its end.
    pub(crate) async fn made_of(&self, slice: &Slice) -> Result<Vec<CheckedRow>, StoreError> {
        let there = self.there_of(slice).await?;
        Ok(there.into_iter().filter(|row| row.outcome == Outcome::Made).collect())
    }

    /// A row with the link that is there. A run that died before it could say so may have made it.
    pub(crate) fn with_made(&self, row: CheckedRow, link: &PaymentLink) -> CheckedRow {
        let is_of_run = self.batch.started_at.is_some_and(|started| link.created_at() >= started);
        with_link(row, link, if is_of_run { Outcome::Made } else { Outcome::AlreadyMade })
    }

    async fn make_row(
        &self,
        row: &UploadedRow,
        wrong: Option<&CheckedRow>,
        telling: Telling<'_>,
    ) -> Result<CheckedRow, NotMade> {
        if let Some(wrong) = wrong {
            return Ok(wrong.clone());
        }
        let blank = blank(row);
        if !row.problems.is_empty() {
            return Ok(CheckedRow { outcome: Outcome::Wrong, problems: row.problems.clone(), ..blank });
        }
        let Asked { request, problems, content } = self.asked(row).await?;
        let key = self.batch.key_of_row(&row.key);
        let new = NewLink {
            request,
            problems,
            body: &content,
            created_by: Some(self.batch.wish.requested_by.clone()),
            token: TokenSource::IdempotencyKey { integration: &self.batch.wish.integration, key: &key },
            base: &self.batch.wish.base,
            trace: None,
        };
        match create(self.store, self.gateways, &|| self.now(), new).await {
            Ok(Answer::New(link)) => Ok(with_link(blank, &link, Outcome::Made)),
            Ok(Answer::Repeated(link)) => Ok(self.with_made(blank, &link)),
            Err(why) => refused(blank, why, telling),
        }
    }
}

/// What stands against the link of a row, or why nobody knows at the moment.
pub(crate) fn refused(blank: CheckedRow, why: CreateRefused, telling: Telling<'_>) -> Result<CheckedRow, NotMade> {
    let row = blank.row;
    let problems = match why {
        CreateRefused::Invalid(problems) => told(Some(row), &problems, telling),
        CreateRefused::Taken(Taken::Reference(other)) => {
            let detail = format!("The active link {other} has this reference_id.");
            vec![telling.problem(Some(row), "/reference_id", "reference_id_in_use", &detail)]
        }
        CreateRefused::Taken(Taken::Item(other)) => {
            let detail = format!("The active link {other} is of this item, of which the settings want no two.");
            vec![telling.problem(Some(row), "/item_id", "item_has_active_link", &detail)]
        }
        CreateRefused::KeyReused(_) => vec![key_reused(telling, row)],
        // No day is long enough for it, and the rows behind it would wait for ever.
        CreateRefused::QuotaReached(reached) if reached.is_too_much => {
            vec![telling.problem(Some(row), "", "quota_reached", &reached.detail())]
        }
        CreateRefused::QuotaReached(reached) => {
            return Err(NotMade::Until { at: reached.until, why: BatchWait::QuotaReached });
        }
        CreateRefused::RecordsKeepChanging(_) => return Err(NotMade::Contended),
        CreateRefused::Store(error) => return Err(NotMade::Error(error)),
    };
    Ok(CheckedRow { outcome: Outcome::Failed, problems, ..blank })
}

/// Tells of a row what a draft of its link does.
pub(crate) fn drafted(checked: &mut CheckedRow, draft: &Draft<'_>, telling: Telling<'_>) {
    let decision = &draft.decision;
    if let Some((money, _)) = decision.amount {
        checked.amount = Some(money.minor_units());
        checked.currency = Some(money.currency().code().to_owned());
    }
    checked.mode = decision.account.map(|(account, _)| account.mode);
    checked.contact = decision.contact.map(|contact| contact.id.to_string());
    checked.contact_name = decision.contact.map(|contact| contact.name.clone());
    let segments = draft.previews.iter().filter_map(|preview| preview.sms.map(|sms| sms.segments)).max();
    for recipient in decision.notified.recipients.iter().filter(|recipient| recipient.stands_in_for.is_empty()) {
        count(&mut checked.messages, recipient.channel, segments.unwrap_or(1));
    }
    checked.problems = told(Some(checked.row), &decision.problems, telling);
}

/// Counts a message, which has so many segments where it is an SMS.
pub(crate) fn count(messages: &mut MessageCounts, channel: Channel, segments: usize) {
    match channel {
        Channel::Sms => {
            messages.sms += 1;
            messages.sms_segments += u32::try_from(segments).unwrap_or(u32::MAX);
        }
        Channel::Email => messages.email += 1,
        Channel::Social => messages.social += 1,
    }
}

fn keys_of(rows: &[UploadedRow]) -> impl Iterator<Item = &str> {
    rows.iter().map(|row| row.key.as_str())
}

/// What is wrong with a row, as far as anybody reads on.
fn told(row: Option<u32>, problems: &Problems, telling: Telling<'_>) -> Vec<RowProblem> {
    let told = |problem: &domain::Problem| telling.problem(row, &problem.pointer, problem.code, &problem.detail);
    problems.as_slice().iter().take(MOST_OF_ROW).map(told).collect()
}

fn key_reused(telling: Telling<'_>, row: u32) -> RowProblem {
    let detail = "A row with this key was made before with other contents.";
    telling.problem(Some(row), "/row_key", "idempotency_key_reused", detail)
}

fn blank(row: &UploadedRow) -> CheckedRow {
    CheckedRow { key: row.own_key.clone().unwrap_or_default(), ..CheckedRow::blank(row.row) }
}

pub(crate) fn with_link(row: CheckedRow, link: &PaymentLink, outcome: Outcome) -> CheckedRow {
    let terms = link.terms();
    CheckedRow {
        outcome,
        link: Some(link.id().clone()),
        url: Some(link.url()),
        contact: Some(terms.contact.id.to_string()),
        contact_name: Some(terms.contact.name.clone()),
        amount: Some(terms.amount.minor_units()),
        currency: Some(terms.amount.currency().code().to_owned()),
        mode: Some(terms.mode),
        ..row
    }
}

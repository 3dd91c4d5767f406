//! What becomes of the links of a list: people reminded of each, or another link made in the place of each.
//!
//! As with rows of a file, no rule is here: a link is reminded of as its own moments do, and replaced as a call replaces it.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::batches::{BatchWait, BatchWork, CheckedRow, Outcome, RowProblem};
use domain::clocks::later;
use domain::ids::LinkId;
use domain::link::{PaymentLink, RemindRefused, ReminderWait, ReplaceRefused as NotReplaced};
use domain::messages::channel::Channel;
use domain::messages::choice::Wording;
use domain::messages::compose::{MessageSources, compose_later};
use domain::messages::recipients::Recipient;
use domain::messages::routing::Route;
use domain::messages::sms::SmsLength;
use domain::requests::replace::Replacement;
use domain::{Problems, Timestamp};
use futures_util::stream::{self, StreamExt};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::StoreError;
use use_cases::create::{NewLink, TokenSource};
use use_cases::draft::DraftRecords;
use use_cases::remind::{planned, remind, was_reminded};
use use_cases::replace::{ReplaceRefused, Replacing, named_in, replace};
use use_cases::{Answer, ChangeRefused};

use crate::made_rows::{Made, NotMade, ROWS_AT_ONCE, Rows, count, drafted, refused, with_link};
use crate::rows::{Columns, Telling};

/// A business that is suspended is looked at again after this.
pub(crate) const WHILE_SUSPENDED: SignedDuration = SignedDuration::from_mins(15);

/// Links that are worked off together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkSlice {
    /// The number of the first of them, from 1.
    pub(crate) first: u32,
    pub(crate) links: Vec<LinkId>,
}

impl LinkSlice {
    fn numbered(&self) -> impl Iterator<Item = (u32, &LinkId)> {
        (self.first..).zip(&self.links)
    }
}

/// Links of one batch.
#[derive(Clone, Copy)]
pub(crate) struct Links<'a> {
    rows: Rows<'a>,
    telling: Telling<'a>,
}

impl<'a> Links<'a> {
    /// `columns` are none: nobody has uploaded anything.
    pub(crate) fn new(rows: Rows<'a>, columns: &'a Columns) -> Self {
        Self { rows, telling: Telling { words: rows.words, columns } }
    }

    fn is_reminding(&self) -> bool {
        matches!(self.rows.batch.wish.work, BatchWork::Remind(_))
    }

    /// From when on whoever was reminded may have been by this batch, and need not be once more.
    fn begun_from(&self) -> Timestamp {
        self.rows.batch.slice_from.unwrap_or(self.rows.batch.created_at)
    }

    /// The links of a slice that are still there.
    async fn links_of(&self, slice: &LinkSlice) -> Result<BTreeMap<LinkId, PaymentLink>, StoreError> {
        let links = self.rows.store.links(&slice.links).await?;
        Ok(links.into_iter().map(|link| (link.id().clone(), link)).collect())
    }

    /// Looks links through. Nothing is written.
    pub(crate) async fn check(&self, slice: &LinkSlice) -> Result<Vec<CheckedRow>, StoreError> {
        let links = self.links_of(slice).await?;
        let mut looks = Vec::new();
        for (row, id) in slice.numbered() {
            looks.push(self.look_at(self.blank(row, id), links.get(id)));
        }
        // In their order, with the first error.
        let checked: Vec<Result<CheckedRow, StoreError>> = stream::iter(looks).buffered(ROWS_AT_ONCE).collect().await;
        checked.into_iter().collect()
    }

    fn blank(&self, row: u32, id: &LinkId) -> CheckedRow {
        let blank = CheckedRow::blank(row);
        if self.is_reminding() {
            CheckedRow { link: Some(id.clone()), ..blank }
        } else {
            CheckedRow { replaces: Some(id.clone()), ..blank }
        }
    }

    async fn look_at(&self, blank: CheckedRow, link: Option<&PaymentLink>) -> Result<CheckedRow, StoreError> {
        let Some(link) = link else { return Ok(self.wrong(blank, &GONE)) };
        let checked = about(blank, link);
        if self.is_reminding() {
            return Ok(match planned(self.rows.store, link, self.rows.now()).await? {
                Ok(reminded) => self.with_reminder(checked, &reminded),
                Err(why) => self.wrong(checked, &not_reminded(why)),
            });
        }
        let now = self.rows.now();
        if let Err(why) = link.may_be_replaced(false, now) {
            return Ok(self.wrong(checked, &not_replaced(why)));
        }
        let mut problems = Problems::default();
        let request = self.replacement(&mut problems).over(link, now, &mut problems);
        let configuration = Arc::clone(self.rows.configuration);
        let records = DraftRecords::read(self.rows.store, configuration, request, problems, now).await?;
        let records = records.in_place_of(link.id());
        let mut checked = checked;
        drafted(&mut checked, &records.draft(self.rows.gateways, &self.rows.batch.wish.base, now), self.telling);
        if !checked.problems.is_empty() {
            checked.outcome = Outcome::Wrong;
        }
        Ok(checked)
    }

    /// What is another at each new link than at the one before.
    fn replacement(&self, problems: &mut Problems) -> Replacement {
        let defaults = &self.rows.batch.wish.defaults;
        let named = named_in(|name| defaults.contains_key(name));
        Replacement { request: self.rows.request_of(defaults.clone(), problems), named }
    }

    /// A link with what its reminder asks for, and with the messages that are sent for it.
    fn with_reminder(&self, checked: CheckedRow, link: &PaymentLink) -> CheckedRow {
        let Some(reminder) = link.reminders().last() else { return checked };
        let url = link.url();
        let context = link.reminder_context(reminder, &url);
        let router = self.rows.configuration.router();
        let sources = MessageSources { templates: &self.rows.configuration.templates, router };
        let route = |to: &Recipient| router.route(to.channel, to.network.as_ref(), &to.to, Wording::Default).ok();
        let segments = |channel: Channel, route: Route<'_>| {
            let text = compose_later(&context, channel, route.about(reminder.kind()), sources)?.ok()?.text;
            Some(SmsLength::of(&text).segments)
        };
        let amount = link.amount_reminded_of(reminder);
        let mut checked = CheckedRow { amount: Some(amount.minor_units()), ..checked };
        for recipient in link.reminded(reminder).iter().filter(|recipient| recipient.stands_in_for.is_empty()) {
            let segments = route(recipient).and_then(|route| segments(recipient.channel, route));
            count(&mut checked.messages, recipient.channel, segments.unwrap_or(1));
        }
        checked
    }

    /// Reminds of links or replaces them, but for those that a check found `wrong`. Where `gives_up`, a link that meets an error
    /// of ours has failed, and keeps no other waiting.
    pub(crate) async fn make(
        &self,
        slice: &LinkSlice,
        wrong: &BTreeMap<u32, CheckedRow>,
        gives_up: bool,
    ) -> Result<Made, StoreError> {
        let mut works = Vec::new();
        for (row, id) in slice.numbered() {
            works.push(self.make_one(self.blank(row, id), id, wrong.get(&row)));
        }
        let blanks = slice.numbered().map(|(row, id)| self.blank(row, id)).collect();
        let there = gives_up.then(|| self.made_of(slice));
        self.rows.work_off(blanks, works, there, self.telling).await
    }

    /// What was done of a slice that was not worked off to its end.
    pub(crate) async fn made_of(&self, slice: &LinkSlice) -> Result<Vec<CheckedRow>, StoreError> {
        if self.is_reminding() {
            let links = self.links_of(slice).await?;
            let reminded = |(row, id)| {
                let link = links.get(id).filter(|link| was_reminded(link, self.begun_from()))?;
                Some(CheckedRow { outcome: Outcome::Made, ..about(self.blank(row, id), link) })
            };
            return Ok(slice.numbered().filter_map(reminded).collect());
        }
        let found = self.rows.made_before(slice.links.iter().map(LinkId::as_str)).await?;
        let made = |(row, id): (u32, &LinkId)| Some(self.rows.with_made(self.blank(row, id), found.get(id.as_str())?));
        Ok(slice.numbered().filter_map(made).filter(|row| row.outcome == Outcome::Made).collect())
    }

    async fn make_one(
        &self,
        blank: CheckedRow,
        id: &LinkId,
        wrong: Option<&CheckedRow>,
    ) -> Result<CheckedRow, NotMade> {
        if let Some(wrong) = wrong {
            return Ok(wrong.clone());
        }
        if self.is_reminding() { self.remind_of(blank, id).await } else { self.replace(blank, id).await }
    }

    async fn remind_of(&self, blank: CheckedRow, id: &LinkId) -> Result<CheckedRow, NotMade> {
        let now = || self.rows.now();
        match remind(self.rows.store, &now, id, self.begun_from()).await {
            Ok(Answer::New(link) | Answer::Repeated(link)) => {
                Ok(self.with_reminder(CheckedRow { outcome: Outcome::Made, ..about(blank, &link) }, &link))
            }
            Err(ChangeRefused::Refused { why: RemindRefused::NotBefore { at: Some(at), why }, .. }) => {
                Err(NotMade::Until { at, why: wait_of(why) })
            }
            Err(ChangeRefused::Refused {
                why: RemindRefused::NotBefore { at: None, why: ReminderWait::Suspended },
                ..
            }) => Err(NotMade::Until { at: later(now(), WHILE_SUSPENDED), why: BatchWait::BusinessSuspended }),
            Err(ChangeRefused::Refused { why, .. }) => Ok(self.failed(blank, &not_reminded(why))),
            Err(ChangeRefused::NoSuchLink) => Ok(self.failed(blank, &GONE)),
            // It has no key of a caller.
            Err(ChangeRefused::KeyReused | ChangeRefused::KeepsChanging(_)) => Err(NotMade::Contended),
            Err(ChangeRefused::Store(error)) => Err(NotMade::Error(error)),
        }
    }

    async fn replace(&self, blank: CheckedRow, id: &LinkId) -> Result<CheckedRow, NotMade> {
        let batch = self.rows.batch;
        let mut problems = Problems::default();
        let request = self.rows.request_of(batch.wish.defaults.clone(), &mut problems);
        let (key, body) = (batch.key_of_row(id.as_str()), Value::Object(batch.wish.defaults.clone()));
        let new = NewLink {
            request,
            problems,
            body: &body,
            created_by: Some(batch.wish.requested_by.clone()),
            token: TokenSource::IdempotencyKey { integration: &batch.wish.integration, key: &key },
            base: &batch.wish.base,
            trace: None,
        };
        let replacing = Replacing { old: id.clone(), force: false, renews: false };
        let now = || self.rows.now();
        match replace(self.rows.store, self.rows.gateways, &now, &replacing, new).await {
            Ok(Answer::New(link)) => Ok(with_link(blank, &link, Outcome::Made)),
            Ok(Answer::Repeated(link)) => Ok(self.rows.with_made(blank, &link)),
            Err(ReplaceRefused::NoSuchLink) => Ok(self.failed(blank, &GONE)),
            Err(ReplaceRefused::AlreadyReplaced(_)) => {
                Ok(self.failed(blank, &not_replaced(NotReplaced::AlreadyReplaced)))
            }
            // Only a customer's wish is answered with what is due.
            Err(ReplaceRefused::NothingDue) => Ok(self.failed(blank, &not_replaced(NotReplaced::TakesNoMoney))),
            Err(ReplaceRefused::NotNow { why, .. }) => Ok(self.failed(blank, &not_replaced(why))),
            Err(ReplaceRefused::New(why)) => refused(blank, why, self.telling),
            Err(ReplaceRefused::KeepsChanging(_)) => Err(NotMade::Contended),
        }
    }

    fn wrong(&self, row: CheckedRow, why: &Said) -> CheckedRow {
        CheckedRow { outcome: Outcome::Wrong, problems: vec![self.told(row.row, why)], ..row }
    }

    fn failed(&self, row: CheckedRow, why: &Said) -> CheckedRow {
        CheckedRow { outcome: Outcome::Failed, problems: vec![self.told(row.row, why)], ..row }
    }

    fn told(&self, row: u32, Said(code, detail): &Said) -> RowProblem {
        self.telling.problem(Some(row), "", code, detail)
    }
}

/// A row with what a link says of itself.
fn about(row: CheckedRow, link: &PaymentLink) -> CheckedRow {
    let terms = link.terms();
    let due = link.amount_due();
    CheckedRow {
        url: Some(link.url()).filter(|_| row.link.is_some()),
        contact: Some(terms.contact.id.to_string()),
        contact_name: Some(terms.contact.name.clone()),
        amount: Some(due.minor_units()),
        currency: Some(due.currency().code().to_owned()),
        mode: Some(terms.mode),
        ..row
    }
}

/// A code, and what it means.
struct Said(&'static str, &'static str);

const GONE: Said = Said("link_gone", "The link is not there any more.");

fn not_reminded(why: RemindRefused) -> Said {
    match why {
        RemindRefused::NothingToPay => Said("nothing_to_pay", "Nothing can be paid of the link: it is paid or over."),
        RemindRefused::NobodyTold => Said("nobody_told", "Nobody was told of the link, so nobody can be reminded."),
        RemindRefused::NotWanted => Said("reminders_not_wanted", "The contact or the link wants no reminders."),
        RemindRefused::MayBePaid => {
            Said("payment_in_progress", "A customer may be paying right now, or may have paid.")
        }
        RemindRefused::OnHold => Said("link_on_hold", "The link is on hold."),
        RemindRefused::AlreadyToday => Said("reminded_today", "People were reminded of the link today."),
        RemindRefused::TooOften => {
            Said("reminded_too_often", "People were reminded of the link as often as is allowed.")
        }
        RemindRefused::OverQuota => Said("quota_reached", "It is more than the platform allows the business in a day."),
        RemindRefused::NotBefore { .. } => {
            Said("no_open_hours", "The link ends before the business may remind of it again.")
        }
    }
}

fn not_replaced(why: NotReplaced) -> Said {
    match why {
        NotReplaced::AlreadyReplaced => Said("link_replaced", "Another link took the place of this one."),
        NotReplaced::PaymentInProgress { .. } => {
            Said("payment_in_progress", "A customer may be paying right now, or may have paid.")
        }
        NotReplaced::TakesNoMoney => Said("link_takes_no_money", "The link is paid or cancelled."),
    }
}

fn wait_of(why: ReminderWait) -> BatchWait {
    match why {
        ReminderWait::OpenHours => BatchWait::ClosedHours,
        ReminderWait::QuotaReached => BatchWait::QuotaReached,
        ReminderWait::Suspended => BatchWait::BusinessSuspended,
    }
}

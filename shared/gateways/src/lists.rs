//! What a gateway's own lists have of some days: payments that were taken and refunds that went, page by page.
//!
//! A list that ends before it was read to its end would call what lies behind missing. So it is whole or an error: a page
//! that cannot be read, a refusal, too many entries, too little time.

use std::collections::BTreeSet;
use std::time::Instant;

use domain::Timestamp;
use domain::business::reconciliation::{Entry, Theirs};
use domain::gateway::{ListedChange, ListedState};
use domain::link::ReceiptKindName;
use domain::money::{Currency, Money};
use http::StatusCode;
use outbound::Answer;

use crate::is_word;

/// A gateway's reference is no longer than this, in bytes.
const LONGEST_REFERENCE: usize = 200;

/// Which part of the lists is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ListOrder {
    /// From this instant on, and before the other one.
    pub from: Timestamp,
    pub to: Timestamp,
    /// What is in another currency is left out.
    pub currency: Currency,
    /// At most this many entries are read.
    pub most: usize,
    /// No page is asked for after this.
    pub until: Instant,
}

/// What is wanted of an account's lists of refunds and disputes.
#[derive(Clone, Copy, Debug)]
pub struct ChangesOrder {
    /// Those that were made at this instant or later.
    pub refunds_since: Timestamp,
    pub disputes_since: Timestamp,
    /// At most this many of each are read.
    pub most: usize,
    /// No page of disputes, which are few and are read first, is asked for after this.
    pub disputes_until: Instant,
    /// And no page of refunds after this.
    pub refunds_until: Instant,
}

/// What an account's lists show of refunds and disputes. The newest are read first, so that these are there also where the
/// lists were not read to their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// In no order.
    pub found: Vec<ListedChange>,
    /// Why they are not all there.
    pub missing: Option<ListError>,
}

/// Why there is no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListError {
    /// No answer that can be read.
    Unavailable { why: String },
    /// The gateway refuses the credentials, or what they ask for. The code is the gateway's own.
    Refused { code: String },
    /// There are more entries than were wanted at most.
    TooMany,
    /// There are more pages than there was time for.
    NoTime,
}

impl ListError {
    pub(crate) fn unreadable(what: &str) -> Self {
        Self::Unavailable { why: format!("{what} that cannot be read") }
    }
}

/// Lists while they are read. What comes on two pages, because something new moved a list on meanwhile, is there once.
pub(crate) struct Reading<T> {
    most: usize,
    until: Instant,
    seen: BTreeSet<String>,
    found: Vec<T>,
}

/// What lists have.
pub(crate) trait Distinct {
    /// What tells it from everything else that is read with it.
    fn name(&self) -> String;
}

impl Distinct for Theirs {
    fn name(&self) -> String {
        format!("{} {}", self.entry.kind.as_str(), self.entry.reference)
    }
}

impl Distinct for ListedChange {
    fn name(&self) -> String {
        self.reference.clone()
    }
}

/// An entry of a gateway's list.
pub(crate) struct Listed {
    pub(crate) kind: ReceiptKindName,
    pub(crate) reference: String,
    /// The payment that a refund is of.
    pub(crate) payment: Option<String>,
    pub(crate) money: Money,
    pub(crate) fee: Option<i64>,
    pub(crate) at: Timestamp,
}

impl ListOrder {
    /// An entry, where it is of the wanted time and currency.
    pub(crate) fn wanted(&self, listed: Listed) -> Option<Theirs> {
        let Listed { kind, reference, payment, money, fee, at } = listed;
        let is_wanted = money.currency() == self.currency && (self.from..self.to).contains(&at);
        let entry = Entry { kind, reference, amount: money.minor_units(), fee, at };
        is_wanted.then_some(Theirs { entry, payment, line: None })
    }

    pub(crate) fn reading(&self) -> Reading<Theirs> {
        Reading::new(self.most, self.until)
    }
}

impl ChangesOrder {
    pub(crate) fn disputes(&self) -> Reading<ListedChange> {
        Reading::new(self.most, self.disputes_until)
    }

    pub(crate) fn refunds(&self) -> Reading<ListedChange> {
        Reading::new(self.most, self.refunds_until)
    }
}

/// What a list of a whole account shows, where that can be led back to a payment. The reference becomes a part of a key.
pub(crate) fn listed_change(
    payment: Option<&str>,
    reference: &str,
    state: Option<ListedState>,
) -> Option<ListedChange> {
    let is_reference = |text: &&str| is_word(text) && text.len() <= LONGEST_REFERENCE;
    let payment = payment.filter(is_reference)?.to_owned();
    Some(ListedChange { payment, reference: Some(reference).filter(is_reference)?.to_owned(), state: state? })
}

/// A list that was read, by what became of that.
pub(crate) type Read = (Reading<ListedChange>, Result<(), ListError>);

impl Changes {
    /// What was read of both lists.
    pub(crate) fn read((disputes, of_disputes): Read, (refunds, of_refunds): Read) -> Self {
        let found = disputes.found.into_iter().chain(refunds.found).collect();
        Self { found, missing: of_disputes.and(of_refunds).err() }
    }
}

impl<T: Distinct> Reading<T> {
    fn new(most: usize, until: Instant) -> Self {
        Self { most, until, seen: BTreeSet::new(), found: Vec::new() }
    }

    /// Whether the next page may be asked for.
    pub(crate) fn goes_on(&self) -> Result<(), ListError> {
        if self.found.len() > self.most {
            return Err(ListError::TooMany);
        }
        if Instant::now() >= self.until { Err(ListError::NoTime) } else { Ok(()) }
    }

    pub(crate) fn take(&mut self, one: T) {
        if self.seen.insert(one.name()) {
            self.found.push(one);
        }
    }

    pub(crate) fn finished(self) -> Result<Vec<T>, ListError> {
        if self.found.len() > self.most { Err(ListError::TooMany) } else { Ok(self.found) }
    }
}

/// The body of a page, where the gateway gave one.
pub(crate) fn page(
    answer: Result<Answer, String>,
    refused: impl Fn(&Answer) -> ListError,
) -> Result<Vec<u8>, ListError> {
    let answer = answer.map_err(|why| ListError::Unavailable { why })?;
    if answer.status == StatusCode::OK.as_u16() { Ok(answer.body.to_vec()) } else { Err(refused(&answer)) }
}

pub(crate) fn second(at: i64, what: &str) -> Result<Timestamp, ListError> {
    Timestamp::from_second(at).map_err(|_| ListError::unreadable(what))
}

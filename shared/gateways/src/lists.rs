//! What a gateway's own lists have of some days: payments that were taken and refunds that went, page by page.
//!
//! A list that ends before it was read to its end would call what lies behind missing. So it is whole or an error: a page
//! that cannot be read, a refusal, too many entries, too little time.

use std::collections::BTreeSet;
use std::time::Instant;

use domain::Timestamp;
use domain::business::reconciliation::{Entry, Theirs};
use domain::link::ReceiptKindName;
use domain::money::{Currency, Money};
use http::StatusCode;
use outbound::Answer;

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

/// A list while it is read. What comes on two pages, because something new moved it on meanwhile, is there once.
pub(crate) struct Reading<'a> {
    order: &'a ListOrder,
    seen: BTreeSet<String>,
    found: Vec<Theirs>,
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

impl<'a> Reading<'a> {
    pub(crate) fn new(order: &'a ListOrder) -> Self {
        Self { order, seen: BTreeSet::new(), found: Vec::new() }
    }

    /// Whether the next page may be asked for.
    pub(crate) fn goes_on(&self) -> Result<(), ListError> {
        if self.found.len() > self.order.most {
            return Err(ListError::TooMany);
        }
        if Instant::now() >= self.order.until { Err(ListError::NoTime) } else { Ok(()) }
    }

    /// Takes an entry that is of the wanted time and currency.
    pub(crate) fn take(&mut self, listed: Listed) {
        let Listed { kind, reference, payment, money, fee, at } = listed;
        let is_wanted = money.currency() == self.order.currency && (self.order.from..self.order.to).contains(&at);
        if is_wanted && self.seen.insert(format!("{} {reference}", kind.as_str())) {
            let entry = Entry { kind, reference, amount: money.minor_units(), fee, at };
            self.found.push(Theirs { entry, payment, line: None });
        }
    }

    pub(crate) fn finished(self) -> Result<Vec<Theirs>, ListError> {
        if self.found.len() > self.order.most { Err(ListError::TooMany) } else { Ok(self.found) }
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

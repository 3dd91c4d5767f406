//! Closing the books, as far as it is the same whoever's list ours is held against: which days of which account are asked
//! for, what we have of them, and the answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::business::periods::Period;
use domain::business::reconciliation::{Ours, Reconciliation, Theirs, reconcile};
use domain::calendar::{DayOrInstant, parse_date, parse_persian_date, written_date};
use domain::gateway::GatewayKind;
use domain::ids::{AccountId, AttemptId, ReceiptId};
use domain::language::Calendar;
use domain::link::{PaymentLink, Receipt, TimeRange};
use domain::records::account::Account;
use domain::{Rejection, Timestamp};
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use store::{BookedQuery, BookedRead, Configuration};
use views::reconciliation::{Asked, ReconciliationView, Source};
use views::schema::CalendarName;

use crate::openapi::Operation;
use crate::parameters::Parameters;
use crate::{ApiProblem, Caller};

/// What a call takes.
pub const PARAMETERS: [&str; 4] = ["account_id", "from", "to", "calendar"];

/// At most this many days are held against each other in one call.
const MOST_DAYS: i64 = 31;

/// At most this many movements of either side.
pub const MOST_ENTRIES: usize = 5_000;

/// Books have a movement at most so much later than a gateway dates it, but for few: a refund is carried out days after it
/// was asked for.
const BOOKED_LATER_BY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// And at most so much earlier.
const BOOKED_EARLIER_BY: SignedDuration = SignedDuration::from_hours(24);

/// So many references are looked up before it is asked whether there is time for more.
const REFERENCES_AT_A_TIME: usize = 200;

/// The days of an account that are asked for.
#[derive(Clone, Debug)]
pub struct Days {
    pub account: Account,
    pub configuration: Arc<Configuration>,
    /// The calendar that dates are read in.
    pub calendar: Calendar,
    from: Date,
    to: Date,
    /// From the first instant of the first day on, and before the end of the last one.
    begin: Timestamp,
    end: Timestamp,
    now: Timestamp,
}

impl Days {
    /// Reads what is asked for, and the account.
    pub async fn read(caller: &Caller, pairs: Vec<(String, String)>, now: Timestamp) -> Result<Self, ApiProblem> {
        let mut parameters = Parameters::read(pairs, &PARAMETERS);
        let configuration = caller.store.fresh_configuration().await?;
        let settings = &configuration.settings;
        let asked = parameters.parse("calendar", Calendar::parse);
        let periods = settings.periods(asked);
        let parse = |text: &str| match asked {
            Some(Calendar::Persian) => parse_persian_date(text),
            Some(Calendar::Gregorian) | None => parse_date(text),
        };
        let id = parameters.require("account_id", "Give the account whose books are to be closed.", AccountId::parse);
        // In a calendar that is not known no date can be read.
        let is_known = asked.is_some() || parameters.get("calendar").is_none();
        let mut date = |name| if is_known { parameters.parse(name, parse) } else { None };
        let (given_from, given_to) = (date("from"), date("to"));
        let to = given_to.unwrap_or_else(|| settings.zone().to_datetime(now).date());
        let from = given_from.unwrap_or_else(|| periods.first_day(Period::Month, to));
        let are_read = given_from.is_some() == parameters.get("from").is_some()
            && given_to.is_some() == parameters.get("to").is_some();
        if are_read && from > to {
            parameters.refuse("to", Rejection::new("out_of_range", "Nothing lies between from and to."));
        } else if are_read && to >= from.saturating_add(MOST_DAYS.days()) {
            parameters.refuse("to", Rejection::new("out_of_range", format!("Give at most {MOST_DAYS} days.")));
        }
        let zone = settings.zone();
        let days = DayOrInstant::Day(from).start(&zone).zip(DayOrInstant::Day(to).end(&zone));
        if are_read && days.is_none() {
            parameters.refuse("to", Rejection::new("out_of_range", "These days are too far away."));
        }
        parameters.checked()?;
        let account = match &id {
            Some(id) => caller.store.account(id).await?,
            None => None,
        };
        let account = account.ok_or_else(|| ApiProblem::not_found("account"))?;
        let (begin, end) = days.unwrap_or((now, now));
        Ok(Self { account, calendar: periods.calendar, configuration, from, to, begin, end, now })
    }

    fn range(&self) -> TimeRange {
        TimeRange::between(self.begin, self.end)
    }

    /// From when on and until when the other side's list is to be read, so that what is dated otherwise there is found.
    pub fn to_read(&self) -> (Timestamp, Timestamp) {
        (moved(self.begin, -BOOKED_LATER_BY), moved(self.end, BOOKED_EARLIER_BY))
    }

    /// Holds what books have against what the other side has, which is everything between the instants of
    /// [`Days::to_read`] where it is the list of a gateway. Nothing new is read after `until`.
    pub async fn hold_against(
        &self,
        caller: &Caller,
        theirs: Vec<Theirs>,
        gateway: Option<GatewayKind>,
        until: Instant,
    ) -> Result<Reconciliation, ApiProblem> {
        let (store, mode) = (&caller.store, self.account.mode);
        let query = BookedQuery {
            account: &self.account.id,
            mode,
            from: moved(self.begin, -BOOKED_EARLIER_BY),
            to: moved(self.end, BOOKED_LATER_BY),
            now: self.now,
            until,
            most: MOST_ENTRIES,
        };
        let mut ours: Vec<Ours> = match store.booked(&self.configuration, &query).await? {
            BookedRead::Whole(ours) => ours,
            BookedRead::TooMany => {
                return Err(too_large(&format!(
                    "Books have more than {MOST_ENTRIES} receipts of these days, of the day before and of the week after them."
                )));
            }
            BookedRead::TooMuchSince => {
                let detail = "More was registered since the first day than one call can look through: these days are too long ago.";
                return Err(ApiProblem::conflict("reconciliation_too_large", detail));
            }
        };
        let mut found = reconcile(ours.clone(), theirs.clone(), self.range(), gateway);
        // Books can have it much later, because a person had to decide or because they were closed.
        let names = |one: &'_ Theirs| [Some(one.entry.reference.clone()), one.payment.clone()];
        let missing: Vec<String> = found.only_theirs.iter().flat_map(names).flatten().collect();
        let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
        let mut elsewhere: Vec<Ours> = Vec::new();
        for references in missing.chunks(REFERENCES_AT_A_TIME) {
            in_time(until)?;
            elsewhere.extend(store.booked_under(references, &self.account.id, mode).await?);
        }
        let known: BTreeSet<&ReceiptId> = ours.iter().map(|one| &one.receipt.id).collect();
        elsewhere.retain(|one| !known.contains(&one.receipt.id));
        if !elsewhere.is_empty() {
            ours.extend(elsewhere);
            found = reconcile(ours, theirs, self.range(), gateway);
        }
        if gateway.is_some() && !found.only_ours.is_empty() {
            in_time(until)?;
            let alone: Vec<&Receipt> = found.only_ours.iter().map(|one| &one.receipt).collect();
            let begun = store.begun(&alone).await?;
            found.set_apart(&begun, self.to_read().0);
        }
        Ok(found)
    }

    /// The answer. `known` finds the attempt that what only they have belongs to.
    pub fn view(
        &self,
        source: Source,
        found: &Reconciliation,
        known: impl Fn(&Theirs) -> Option<(PaymentLink, AttemptId)>,
    ) -> ReconciliationView {
        let date = |date: Date| written_date(Calendar::Gregorian, date);
        let asked = Asked {
            account: &self.account,
            source,
            days: (date(self.from), date(self.to)),
            settings: &self.configuration.settings,
            now: self.now,
        };
        ReconciliationView::new(asked, found, known)
    }
}

/// The parameters of a call, for the OpenAPI document.
#[must_use]
pub fn asked_by(operation: Operation) -> Operation {
    operation
        .needs_query("account_id", 64, "The account whose books are to be closed, in the mode that it has.")
        .query("from", "The first day, a date of the business. Left out, the first of the month that `to` lies in.")
        .query("to", "The last day, which is among them, at most the 31st. Left out, today.")
        .query_word::<CalendarName>(
            "calendar",
            "Left out, the business's own. With `persian`, `from` and `to` may be dates such as 1405-09-01.",
        )
}

fn moved(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

/// When nothing new is begun any more in a call that begins now.
pub fn until(time: Duration) -> Instant {
    Instant::now() + time
}

fn in_time(until: Instant) -> Result<(), ApiProblem> {
    match Instant::now() < until {
        true => Ok(()),
        false => Err(too_large("One call has no time for all of it.")),
    }
}

/// Less would be told than there is, so nothing is.
pub fn too_large(why: &str) -> ApiProblem {
    ApiProblem::conflict("reconciliation_too_large", format!("{why} Give fewer days."))
}

//! One piece of work of a sweep, and what becomes of it.

use confirmation::{CallOutcome, Outcome, RefundOf};
use domain::Timestamp;
use domain::ids::{AccountId, AttemptId, BusinessId, CredentialsVersion};
use domain::link::{Attempt, AttemptState, PaymentLink, Work};
use domain::trace::Trace;
use gateways::Unconfirmed;
use telemetry::Measurement;

use crate::App;

/// An attempt that is missing from a list is looked up all the same every this many minutes, because a gateway may have
/// confirmed by itself, which no list shows.
const LOOK_UP_UNLISTED_EVERY: i64 = 5;

/// One piece of leased work, and the link as the lease wrote it.
pub(crate) struct Task {
    pub(crate) link: PaymentLink,
    pub(crate) work: Work,
    pub(crate) merchant: Merchant,
}

/// A merchant as its gateway knows it: an account of a business with one version of its credentials, in one mode. One list
/// of the gateway covers a merchant's sessions, and so does a refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Merchant {
    pub(crate) business: BusinessId,
    pub(crate) account: AccountId,
    pub(crate) credentials: CredentialsVersion,
    pub(crate) mode: &'static str,
}

impl Task {
    /// `None` where the link has no such attempt.
    pub(crate) fn new(link: PaymentLink, work: Work) -> Option<Self> {
        let attempt = link.attempt(work.attempt())?;
        let merchant = Merchant {
            business: link.business().clone(),
            account: attempt.account_id.clone(),
            credentials: attempt.credentials.clone(),
            mode: link.terms().mode.as_str(),
        };
        Some(Self { link, work, merchant })
    }

    pub(crate) fn attempt(&self) -> Option<&Attempt> {
        self.link.attempt(self.work.attempt())
    }

    /// What is more urgent among the work of one business has the smaller number.
    pub(crate) fn urgency(&self) -> u8 {
        match self.work {
            Work::Confirm(_) | Work::Keep(_) | Work::Refund(..) => 0,
            Work::LookUp(_) if self.attempt().is_some_and(|attempt| attempt.state.undecided_since().is_some()) => 1,
            Work::LookUp(_) => 2,
        }
    }
}

/// What became of one piece of work.
pub(crate) enum TaskOutcome {
    Asked(CallOutcome),
    Refunded(CallOutcome),
    /// No call was needed: the gateway's list shows no payment in this session, or the work was a write of ours.
    NoCall,
    /// The task was not begun. It is due again when the lease ends.
    Left,
    /// The task met an error of ours, and is due again too.
    Failed,
}

/// Does a piece of work. `list` is that of its merchant, where the gateway has one.
pub(crate) async fn perform(app: &App, task: Task, list: Option<&Unconfirmed>) -> TaskOutcome {
    let now = app.clock.now();
    let (link_id, trace) = (task.link.id().clone(), task.link.trace().cloned());
    let id = task.work.attempt().clone();
    let asked = |outcome| asked(&id, outcome);
    let done = match task.work {
        Work::LookUp(_) => match list.and_then(|list| is_listed(&task.link, &id, list, now)) {
            Some(true) => app.confirmation.confirm_listed(task.link, &id, now).await.map(asked),
            Some(false) => Ok(TaskOutcome::NoCall),
            None => app.confirmation.confirm_due(task.link, &id, now).await.map(asked),
        },
        Work::Confirm(_) => app.confirmation.resume(task.link, &id, now).await.map(asked),
        Work::Keep(_) => app.confirmation.keep(task.link, &id, now).await.map(|()| TaskOutcome::NoCall),
        Work::Refund(_, refund) => {
            let of = RefundOf { attempt: &id, refund: &refund };
            app.confirmation.refund(task.link, of, now).await.map(TaskOutcome::Refunded)
        }
    };
    done.unwrap_or_else(|error| {
        let trace_id = trace.as_ref().map(Trace::id);
        tracing::error!(%link_id, attempt_id = %id, trace_id, error = %error, "Due work could not be done.");
        TaskOutcome::Failed
    })
}

fn asked(id: &AttemptId, outcome: Outcome) -> TaskOutcome {
    // An abandoned attempt is no event for the CRM, so it is measured here and not where events are recorded.
    if let Outcome::Known(link) = &outcome
        && let Some(attempt) = link.attempt(id)
        && matches!(attempt.state, AttemptState::Abandoned { .. })
    {
        Measurement::Abandoned { gateway: attempt.gateway }.record();
    }
    TaskOutcome::Asked(outcome.call_outcome())
}

/// What a list says about an attempt: `Some(true)` where a payment waits for confirmation, `Some(false)` where none
/// does and the attempt need not be looked up yet.
fn is_listed(link: &PaymentLink, id: &AttemptId, list: &Unconfirmed, now: Timestamp) -> Option<bool> {
    let attempt = link.attempt(id)?;
    if list.sessions.contains_key(&attempt.session) {
        return Some(true);
    }
    // A session that is over and a payment that was reported have an outcome to find out.
    let can_wait =
        matches!(attempt.state, AttemptState::Open { reported_at: None, .. }) && now < attempt.session_ends_at;
    let minute = now.duration_since(attempt.opened_at).as_mins();
    (list.is_whole && can_wait && minute % LOOK_UP_UNLISTED_EVERY != 0).then_some(false)
}

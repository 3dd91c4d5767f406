//! New links for customers who asked for them on the page of a link that expired, where their business wants that answered at once.
//!
//! What cannot be done now, because somebody is paying or the business lacks something, is tried again for a day; then it is
//! left to the business, which was told of the wish.

use std::time::SystemTime;

use domain::Timestamp;
use domain::clocks::later;
use domain::link::{Renewal, ReplaceRefused as NotNow};
use jiff::SignedDuration;
use runtime::has_time;
use store::{BusinessStore, DueRenewal, StoreError};
use use_cases::Answer;
use use_cases::create::CreateRefused;
use use_cases::renew::renew;
use use_cases::replace::ReplaceRefused;

use crate::{App, Outcome};

/// How long a run holds a wish: longer than the function may run.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// After this a link is looked at again on which somebody was paying.
const WHILE_PAYING: SignedDuration = SignedDuration::from_mins(10);

/// After this a link is tried again that cannot be made, because the business lacks something or has reached a bound.
const WHILE_LACKING: SignedDuration = SignedDuration::from_hours(1);

pub(crate) async fn answer(app: &App, due: DueRenewal, deadline: SystemTime) -> Outcome {
    if !has_time(deadline) {
        return Outcome::Left;
    }
    Box::pin(try_to_answer(app, &due)).await.unwrap_or_else(|error| {
        let (business_id, link_id) = (&due.business, &due.link);
        tracing::error!(%business_id, %link_id, error = %error, "A customer's wish could not be answered.");
        Outcome::Failed
    })
}

async fn try_to_answer(app: &App, due: &DueRenewal) -> Result<Outcome, StoreError> {
    let store = app.store.of(&due.business);
    let Some(wish) = app.store.lease_renewal(due, later(app.clock.now(), LEASE)).await? else {
        return Ok(Outcome::Left);
    };
    let refused = match renew(&store, &app.gateways, &|| app.clock.now(), &due.link).await {
        Ok(answer) => {
            store.delete_renewal(&due.link).await?;
            return Ok(if matches!(answer, Answer::New(_)) { Outcome::Done } else { Outcome::Ended });
        }
        Err(refused) => refused,
    };
    let pause = match refused {
        // It was replaced otherwise, or money came for it, or nobody asks for any.
        ReplaceRefused::NoSuchLink
        | ReplaceRefused::AlreadyReplaced(_)
        | ReplaceRefused::NothingDue
        | ReplaceRefused::NotNow { why: NotNow::AlreadyReplaced | NotNow::TakesNoMoney, .. } => {
            store.delete_renewal(&due.link).await?;
            return Ok(Outcome::Ended);
        }
        ReplaceRefused::NotNow { why: NotNow::PaymentInProgress { .. }, .. } => WHILE_PAYING,
        ReplaceRefused::KeepsChanging(_) | ReplaceRefused::New(CreateRefused::RecordsKeepChanging(_)) => LEASE,
        ReplaceRefused::New(CreateRefused::Store(error)) => return Err(error),
        ReplaceRefused::New(refused) => {
            // The names of the problems say nothing about anybody.
            let codes = codes_of(&refused);
            let (business_id, link_id) = (&due.business, &due.link);
            tracing::warn!(%business_id, %link_id, codes, "A customer's wish for a new link cannot be answered.");
            WHILE_LACKING
        }
    };
    try_later(&store, &wish, pause, app.clock.now()).await
}

/// Why no link can be made, in the codes of the API.
fn codes_of(refused: &CreateRefused) -> String {
    match refused {
        CreateRefused::Invalid(problems) => {
            problems.as_slice().iter().map(|problem| problem.code).collect::<Vec<_>>().join(" ")
        }
        CreateRefused::QuotaReached(_) => "quota_reached".to_owned(),
        CreateRefused::Taken(_) => "taken".to_owned(),
        CreateRefused::KeyReused(_) | CreateRefused::RecordsKeepChanging(_) | CreateRefused::Store(_) => {
            "temporarily_unavailable".to_owned()
        }
    }
}

async fn try_later(
    store: &BusinessStore,
    wish: &Renewal,
    pause: SignedDuration,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    match wish.next_try(pause, now) {
        Some(next) => store.write_renewal_at(wish, next).await.map(|_| Outcome::Postponed),
        None => store.delete_renewal(&wish.link).await.map(|()| Outcome::Ended),
    }
}

//! Confirming: asking the gateway about one attempt and writing what follows, once.
//!
//! Two functions do it, and both have to do the very same: gateway-webhook when a hint comes in, and expire-links when
//! none did. The domain decides each step, the gateway answers, the store writes; this crate only walks between them:
//!
//! 1. Read the link. Decide the step.
//! 2. Where confirming takes the money, first write that this attempt is confirming. From there only it can go on.
//! 3. Ask or confirm.
//! 4. Write what follows over the link that was read. If somebody changed it meanwhile, apply the same answer again to
//!    what it is now: an answer about money is never thrown away.
//!
//! A crash between any two of these loses nothing: before 2 nothing happened, after it the sweep resumes, and a gateway
//! that was asked twice answers twice the same.

mod session;

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, Payment, RefundAnswer};
use domain::ids::{AttemptId, LinkId};
use domain::link::{Attempt, AttemptState};
use domain::link::{Hint, PaymentLink, ReturnData, Step};
use domain::records::credentials::Credentials;
use gateways::{Fields, Gateways, Unconfirmed, read_return};
use store::{MAX_CONTENDED_TRIES, Store, StoreError, TransitionWritten, Written};

pub use session::{NewSession, OpenSessionError, SessionStatus};

/// What confirming led to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The link as it is now, and the attempt is decided or waits for its next look-up.
    Known(Box<PaymentLink>),
    /// The gateway gave no readable answer. The attempt stays due.
    Unknown(Box<PaymentLink>),
    /// The gateway refuses us, whatever we ask: a person has to mend the account. The attempt stays due.
    Refused(Box<PaymentLink>),
    /// There is no such link or attempt.
    NoSuchAttempt,
}

/// What a call shows about the gateway: whether it is worth calling again in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Answered,
    /// The gateway answers, and refuses us.
    Refused,
    Unanswered,
}

impl Outcome {
    /// What confirming showed about the gateway.
    pub fn call_outcome(&self) -> CallOutcome {
        match self {
            Self::Known(_) | Self::NoSuchAttempt => CallOutcome::Answered,
            Self::Refused(_) => CallOutcome::Refused,
            Self::Unknown(_) => CallOutcome::Unanswered,
        }
    }

    fn of(answer: &GatewayAnswer, link: PaymentLink) -> Self {
        let link = Box::new(link);
        match answer {
            GatewayAnswer::Unknown { .. } => Self::Unknown(link),
            GatewayAnswer::Misconfigured { .. } => Self::Refused(link),
            GatewayAnswer::Paid(_)
            | GatewayAnswer::Unconfirmed
            | GatewayAnswer::Pending
            | GatewayAnswer::Processing
            | GatewayAnswer::NotPaid(_)
            | GatewayAnswer::Returned
            | GatewayAnswer::Doubtful { .. }
            | GatewayAnswer::WrongAmount { .. } => Self::Known(link),
        }
    }
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum ConfirmError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a link kept changing while its attempt was confirmed")]
    Contended,
}

/// What confirming needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Confirmation {
    store: Store,
    gateways: Gateways,
}

impl Confirmation {
    pub fn new(store: Store, gateways: Gateways) -> Self {
        Self { store, gateways }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads the link and confirms one of its attempts, because a gateway's server called.
    pub async fn confirm_by_id(
        &self,
        link: &LinkId,
        attempt: &AttemptId,
        hint: Hint,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let outcome = match self.store.link(link).await? {
            Some(link) => self.confirm(link, attempt, hint, now).await?,
            None => Outcome::NoSuchAttempt,
        };
        if matches!(outcome, Outcome::NoSuchAttempt) {
            tracing::warn!(link_id = %link, attempt_id = %attempt, "A gateway told of an attempt that no link has.");
        }
        Ok(outcome)
    }

    /// Confirms one attempt of a link that was just read.
    pub async fn confirm(
        &self,
        link: PaymentLink,
        id: &AttemptId,
        hint: Hint,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let Some(attempt) = link.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
        let credentials = self.store.credentials(&attempt.account_id, &attempt.credentials).await?;
        self.confirm_with(link, &attempt, &credentials, &hint.into(), now).await
    }

    /// Confirms the attempt whose customer came back. The adapter of the gateway reads the fields of the return.
    pub async fn confirm_return(
        &self,
        link: PaymentLink,
        id: &AttemptId,
        fields: &Fields,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let Some(attempt) = link.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
        let credentials = self.store.credentials(&attempt.account_id, &attempt.credentials).await?;
        let return_data = read_return(&attempt, fields, &credentials);
        self.confirm_with(link, &attempt, &credentials, &return_data, now).await
    }

    async fn confirm_with(
        &self,
        link: PaymentLink,
        attempt: &Attempt,
        credentials: &Credentials,
        return_data: &ReturnData,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        match link.step(&attempt.id, return_data.hint, now) {
            Step::Nothing => Ok(Outcome::Known(Box::new(link))),
            Step::Confirm => self.intend_and_confirm(link, &attempt.id, credentials, return_data, now).await,
            Step::LookUp => {
                let answer = self.gateways.look_up(attempt, return_data, link.terms().mode, credentials, now).await;
                log_answer(&link, attempt, "looked up", &answer);
                self.act_on_look_up(link, attempt, credentials, answer, return_data, now).await
            }
        }
    }

    /// Acts on the answer to a look-up: confirms money that waits, closes a session that nobody may pay any more, and
    /// otherwise writes what the answer says.
    async fn act_on_look_up(
        &self,
        link: PaymentLink,
        attempt: &Attempt,
        credentials: &Credentials,
        answer: GatewayAnswer,
        return_data: &ReturnData,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        if answer == GatewayAnswer::Unconfirmed && link.begin_confirming(&attempt.id, now).is_some() {
            return self.intend_and_confirm(link, &attempt.id, credentials, return_data, now).await;
        }
        if answer == GatewayAnswer::Pending
            && link.should_close(&attempt.id, now)
            && let Some(closed) = self.gateways.close(attempt, link.terms().mode, credentials).await
        {
            log_answer(&link, attempt, "closed", &closed);
            return self.write(link, &attempt.id, &closed, return_data.hint, now).await;
        }
        self.write(link, &attempt.id, &answer, return_data.hint, now).await
    }

    /// Writes the intention with what confirming needs, then confirms. A link that changed meanwhile is decided on again
    /// from the start.
    async fn intend_and_confirm(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        credentials: &Credentials,
        return_data: &ReturnData,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        for _ in 0..MAX_CONTENDED_TRIES {
            let confirming = link.clone().with_return_data(id, return_data).begin_confirming(id, now);
            let Some(confirming) = confirming else { return Ok(Outcome::Known(Box::new(link))) };
            match self.store.replace_link(&confirming).await? {
                Written::Applied | Written::AlreadyApplied => {
                    let Some(attempt) = confirming.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
                    let answer = self.gateways.confirm(&attempt, confirming.terms().mode, credentials, now).await;
                    log_answer(&confirming, &attempt, "confirmed", &answer);
                    return self.write(confirming, id, &answer, return_data.hint, now).await;
                }
                Written::Rejected(current) => {
                    link = *current;
                    if link.step(id, return_data.hint, now) == Step::Nothing {
                        return Ok(Outcome::Known(Box::new(link)));
                    }
                }
            }
        }
        Err(ConfirmError::Contended)
    }

    /// Writes what follows from an answer. Where the link changed meanwhile, the answer is applied to it as it is now.
    async fn write(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        answer: &GatewayAnswer,
        hint: Hint,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        for _ in 0..MAX_CONTENDED_TRIES {
            let Some(transition) = link.apply_answer(id, answer, hint, now) else {
                return Ok(Outcome::of(answer, link));
            };
            match self.store.apply_transition(&transition).await? {
                TransitionWritten::Written(Written::Applied | Written::AlreadyApplied) => {
                    return Ok(Outcome::of(answer, transition.link));
                }
                TransitionWritten::Written(Written::Rejected(current)) => link = *current,
                TransitionWritten::ReferenceTaken => {
                    let GatewayAnswer::Paid(payment) = answer else { return Err(ConfirmError::Contended) };
                    match self.note_reference_taken(&link, id, payment, now).await? {
                        (next, Written::Applied | Written::AlreadyApplied) => return Ok(Outcome::of(answer, next)),
                        (_, Written::Rejected(current)) => link = *current,
                    }
                }
            }
        }
        Err(ConfirmError::Contended)
    }

    /// Has a person look at a payment whose reference paid something else.
    async fn note_reference_taken(
        &self,
        link: &PaymentLink,
        id: &AttemptId,
        payment: &Payment,
        now: Timestamp,
    ) -> Result<(PaymentLink, Written), ConfirmError> {
        tracing::error!(link_id = %link.id(), attempt_id = %id, "A payment's reference was used before.");
        let next = link.reference_taken(id, payment, now);
        let written = self.store.replace_link(&next).await?;
        Ok((next, written))
    }

    /// Everything that waits for our confirmation where this attempt was begun, from one call. `None` where the gateway
    /// has no such list or gave no readable one.
    pub async fn unconfirmed(&self, link: &PaymentLink, id: &AttemptId) -> Result<Option<Unconfirmed>, ConfirmError> {
        let Some(attempt) = link.attempt(id) else { return Ok(None) };
        let credentials = self.store.credentials(&attempt.account_id, &attempt.credentials).await?;
        match self.gateways.unconfirmed(attempt.gateway, link.terms().mode, &credentials).await {
            None => Ok(None),
            Some(Ok(list)) => Ok(Some(list)),
            Some(Err(why)) => {
                let gateway = attempt.gateway.as_str();
                tracing::warn!(account_id = %attempt.account_id, gateway, why, "A gateway's list could not be read.");
                Ok(None)
            }
        }
    }

    /// Confirms an attempt whose money a gateway's list showed to be waiting.
    pub async fn confirm_listed(
        &self,
        link: PaymentLink,
        id: &AttemptId,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let Some(attempt) = link.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
        if link.step(id, Hint::Nothing, now) == Step::Nothing {
            return Ok(Outcome::Known(Box::new(link)));
        }
        let credentials = self.store.credentials(&attempt.account_id, &attempt.credentials).await?;
        let answer = GatewayAnswer::Unconfirmed;
        log_answer(&link, &attempt, "listed", &answer);
        self.act_on_look_up(link, &attempt, &credentials, answer, &Hint::Nothing.into(), now).await
    }

    /// Goes on with an attempt that was confirming when its process died. The sweep has renewed the lease already.
    pub async fn resume(&self, link: PaymentLink, id: &AttemptId, now: Timestamp) -> Result<Outcome, ConfirmError> {
        let Some(attempt) = link.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
        if !matches!(attempt.state, AttemptState::Confirming { .. }) {
            return Ok(Outcome::Known(Box::new(link)));
        }
        let credentials = self.store.credentials(&attempt.account_id, &attempt.credentials).await?;
        let answer = self.gateways.confirm(&attempt, link.terms().mode, &credentials, now).await;
        log_answer(&link, &attempt, "confirmed again", &answer);
        self.write(link, id, &answer, Hint::Nothing, now).await
    }

    /// Writes down a payment that a person accepted. It needs no gateway: the money was confirmed before.
    pub async fn keep(&self, mut link: PaymentLink, id: &AttemptId, now: Timestamp) -> Result<(), ConfirmError> {
        for _ in 0..MAX_CONTENDED_TRIES {
            let state = link.attempt(id).map(|attempt| attempt.state.clone());
            let Some(AttemptState::Accepted { payment, .. }) = state else { return Ok(()) };
            let Some(transition) = link.keep_accepted(id, now) else { return Ok(()) };
            let written = match self.store.apply_transition(&transition).await? {
                TransitionWritten::Written(written) => written,
                TransitionWritten::ReferenceTaken => self.note_reference_taken(&link, id, &payment, now).await?.1,
            };
            match written {
                Written::Applied | Written::AlreadyApplied => return Ok(()),
                Written::Rejected(current) => link = *current,
            }
        }
        Err(ConfirmError::Contended)
    }

    /// Refunds the money of an attempt. A sweep has leased that work.
    pub async fn refund(&self, link: PaymentLink, id: &AttemptId, now: Timestamp) -> Result<CallOutcome, ConfirmError> {
        let Some(attempt) = link.attempt(id).cloned() else { return Ok(CallOutcome::Answered) };
        let AttemptState::Refunding { payment, .. } = &attempt.state else { return Ok(CallOutcome::Answered) };
        let credentials = self.store.credentials(&attempt.account_id, &attempt.credentials).await?;
        let answer = self.gateways.refund(&attempt, payment, link.terms().mode, &credentials).await;
        match &answer {
            RefundAnswer::Issued => tracing::info!(link_id = %link.id(), attempt_id = %id, "Money was refunded."),
            RefundAnswer::Refused { reason } | RefundAnswer::Unknown { why: reason } => {
                tracing::warn!(link_id = %link.id(), attempt_id = %id, reason, "Money could not be refunded.");
            }
        }
        let outcome = match &answer {
            RefundAnswer::Issued | RefundAnswer::Refused { .. } => CallOutcome::Answered,
            RefundAnswer::Unknown { .. } => CallOutcome::Unanswered,
        };
        let mut link = link;
        for _ in 0..MAX_CONTENDED_TRIES {
            let Some(next) = link.apply_refund_answer(id, &answer, now) else { return Ok(outcome) };
            match self.store.replace_link(&next).await? {
                Written::Applied | Written::AlreadyApplied => return Ok(outcome),
                Written::Rejected(current) => link = *current,
            }
        }
        Err(ConfirmError::Contended)
    }
}

fn log_answer(link: &PaymentLink, attempt: &Attempt, what: &'static str, answer: &GatewayAnswer) {
    let (link_id, attempt_id, gateway) = (link.id(), &attempt.id, attempt.gateway.as_str());
    let trace_id = link.trace_id();
    match answer {
        GatewayAnswer::Misconfigured { code } => {
            tracing::error!(%link_id, %attempt_id, trace_id, gateway, code, "The gateway refuses us.");
        }
        GatewayAnswer::Unknown { why } => {
            tracing::warn!(%link_id, %attempt_id, trace_id, gateway, why, "The gateway gave no readable answer.");
        }
        _ => {
            let answer = answer.name();
            tracing::info!(%link_id, %attempt_id, trace_id, gateway, what, answer, "A gateway answered.");
        }
    }
}

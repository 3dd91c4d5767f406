//! Sending money back: what a link could not keep, and what was asked to be returned of what it kept.
//!
//! A run asks first what refunds the gateway knows of the payment. Only where that says that there is none does it write that
//! it is about to call, and call. So a crash between any two steps leads to a question and never to a second refund.
//!
//! A call of the gateway about a refund asks the same question sooner, and stops there.

use domain::Timestamp;
use domain::gateway::RefundAnswer;
use domain::ids::{AttemptId, CredentialsVersion, RefundId};
use domain::link::{PaymentLink, Refund, Transition};
use domain::records::credentials::Credentials;
use gateways::RefundOrder;
use store::{MAX_CONTENDED_TRIES, StoreError, TransitionWritten, Written};

use crate::{CallOutcome, ConfirmError, Confirmation, GatewayWord, Outcome};

/// What is asked of the gateway about a refund.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// What became of it.
    Find,
    /// To make it.
    Make,
}

/// What follows from an answer, by who made us ask.
type Follows = fn(&PaymentLink, &AttemptId, &RefundId, &RefundAnswer, Timestamp) -> Option<Transition>;

/// A refund of an attempt's money.
#[derive(Clone, Copy, Debug)]
pub struct RefundOf<'a> {
    pub attempt: &'a AttemptId,
    pub refund: &'a RefundId,
}

impl Confirmation {
    /// Goes on with a refund of an attempt's money. A sweep has leased that work.
    pub async fn refund(
        &self,
        link: PaymentLink,
        of: RefundOf<'_>,
        now: Timestamp,
    ) -> Result<CallOutcome, ConfirmError> {
        if refund_under_way(&link, of).is_some_and(|refund| !refund.is_the_gateways()) {
            self.write_refund(link, of, None, |link| link.record_refund(of.attempt, of.refund, now)).await?;
            return Ok(CallOutcome::Answered);
        }
        let Some((found, newer)) = self.find_refund(&link, of).await? else { return Ok(CallOutcome::Answered) };
        if !link.may_call_refund(of.attempt, of.refund, &found, now) {
            self.write_answer(link, of, newer, &found, PaymentLink::apply_refund_answer, now).await?;
            return Ok(CallOutcome::of_refund(&found));
        }
        let Some(calling) = self.intend_to_refund(link, of, newer, now).await? else {
            return Ok(CallOutcome::Answered);
        };
        let Some((answer, newer)) = self.ask_about_refund(&calling, of, Question::Make).await? else {
            return Ok(CallOutcome::Answered);
        };
        self.write_answer(calling, of, newer, &answer, PaymentLink::apply_refund_answer, now).await?;
        Ok(CallOutcome::of_refund(&answer))
    }

    /// Writes that a refund is about to be asked for. `None` where somebody else went on with it meanwhile, so that the
    /// next sweep looks at what it is now. What else was written to the link, such as that somebody called about the
    /// refund, keeps nobody's money waiting.
    async fn intend_to_refund(
        &self,
        mut link: PaymentLink,
        of: RefundOf<'_>,
        newer: Option<CredentialsVersion>,
        now: Timestamp,
    ) -> Result<Option<PaymentLink>, ConfirmError> {
        let looked_for = refund_under_way(&link, of).cloned();
        for _ in 0..MAX_CONTENDED_TRIES {
            let link_with = link.with_credentials(of.attempt, newer.clone());
            let Some(calling) = link_with.begin_refund_call(of.attempt, of.refund, now) else {
                return Ok(None);
            };
            match self.store.replace_link(&calling).await? {
                Written::Applied | Written::AlreadyApplied => return Ok(Some(calling)),
                Written::Rejected(current) => link = *current,
            }
            if refund_under_way(&link, of) != looked_for.as_ref() {
                return Ok(None);
            }
        }
        Err(ConfirmError::Contended)
    }

    /// Asks what became of the refunds of an attempt's money, because the gateway called about them. Only a sweep, which has
    /// leased that work, asks for one: whoever calls must not say when money goes back.
    pub(super) async fn hear_of_refunds(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let is_asked = |refund: &&Refund| refund.is_the_gateways();
        let refunds: Vec<RefundId> = match link.attempt(id) {
            Some(attempt) => attempt.refunds_to_look_at().filter(is_asked).map(|refund| refund.id.clone()).collect(),
            None => Vec::new(),
        };
        let mut worst = CallOutcome::Answered;
        for refund in &refunds {
            let of = RefundOf { attempt: id, refund };
            let Some((found, newer)) = self.find_refund(&link, of).await? else { continue };
            link = self.write_answer(link, of, newer, &found, PaymentLink::apply_refund_news, now).await?;
            let outcome = CallOutcome::of_refund(&found);
            worst = if outcome == CallOutcome::Answered { worst } else { outcome };
        }
        let link = Box::new(link);
        Ok(match worst {
            CallOutcome::Answered => Outcome::Known(link),
            CallOutcome::Refused => Outcome::AccountRefused(link),
            CallOutcome::Unanswered => Outcome::Unknown(link),
        })
    }

    /// What the gateway knows of a refund. `None` where none is under way.
    async fn find_refund(
        &self,
        link: &PaymentLink,
        of: RefundOf<'_>,
    ) -> Result<Option<(RefundAnswer, Option<CredentialsVersion>)>, StoreError> {
        let asked = self.ask_about_refund(link, of, Question::Find).await?;
        let was_called = refund_under_way(link, of).is_some_and(|refund| refund.calls > 0);
        Ok(asked.map(|(found, newer)| match found {
            // A no to a question says nothing about a call that may have been made before.
            RefundAnswer::Refused { .. } if was_called => (RefundAnswer::Unlisted, newer),
            found => (found, newer),
        }))
    }

    /// `None` where no refund is under way.
    async fn ask_about_refund(
        &self,
        link: &PaymentLink,
        of: RefundOf<'_>,
        question: Question,
    ) -> Result<Option<(RefundAnswer, Option<CredentialsVersion>)>, StoreError> {
        let id = of.attempt;
        let Some(attempt) = link.attempt(id) else { return Ok(None) };
        let Some((payment, refund)) = attempt.refunding(of.refund) else { return Ok(None) };
        let (order, mode) = (RefundOrder { link: link.id(), attempt, payment, refund }, link.terms().mode);
        let order = &order;
        let ask = |credentials: Credentials| async move {
            match question {
                Question::Find => self.gateways.find_refund(order, mode, &credentials).await,
                Question::Make => self.gateways.refund(order, mode, &credentials).await,
            }
        };
        let (answer, newer) = self.ask(link, attempt, ask).await?;
        let (link_id, attempt_id, refund_id, trace_id) = (link.id(), id, &refund.id, link.trace_id());
        let (gateway, said) = (attempt.gateway.as_str(), answer.name());
        match &answer {
            RefundAnswer::Failed { code, .. }
            | RefundAnswer::Refused { code }
            | RefundAnswer::AccountRefused { code }
            | RefundAnswer::CredentialsMissing { code }
            | RefundAnswer::Unknown { why: code } => {
                tracing::warn!(%link_id, %attempt_id, %refund_id, trace_id, gateway, ?question, said, code, "Money could not be refunded.");
            }
            RefundAnswer::Succeeded { .. }
            | RefundAnswer::Accepted { .. }
            | RefundAnswer::Absent
            | RefundAnswer::Unlisted => {
                tracing::info!(%link_id, %attempt_id, %refund_id, trace_id, gateway, ?question, said, "A gateway answered about a refund.");
            }
        }
        Ok(Some((answer, newer)))
    }

    /// Writes what follows from what was said about a refund. The result is the link as it is then.
    async fn write_answer(
        &self,
        link: PaymentLink,
        of: RefundOf<'_>,
        newer: Option<CredentialsVersion>,
        answer: &RefundAnswer,
        follows: Follows,
        now: Timestamp,
    ) -> Result<PaymentLink, ConfirmError> {
        self.write_refund(link, of, newer, |link| follows(link, of.attempt, of.refund, answer, now)).await
    }

    /// Writes what follows for a refund, decided on the link as it is. The result is the link as it is then.
    async fn write_refund(
        &self,
        mut link: PaymentLink,
        of: RefundOf<'_>,
        newer: Option<CredentialsVersion>,
        follows: impl Fn(&PaymentLink) -> Option<Transition>,
    ) -> Result<PaymentLink, ConfirmError> {
        let asked_about = refund_under_way(&link, of).cloned();
        for _ in 0..MAX_CONTENDED_TRIES {
            let next = follows(&link.clone().with_credentials(of.attempt, newer.clone()));
            let Some(next) = next else { return Ok(link) };
            let next = self.store_of(&next.link).with_booking(next).await?;
            match self.store.apply_transition(&next).await? {
                TransitionWritten::Written(Written::Applied | Written::AlreadyApplied) => return Ok(next.link),
                TransitionWritten::Written(Written::Rejected(current)) => link = *current,
                // A refund claims no payment.
                TransitionWritten::ReferenceTaken | TransitionWritten::LinkMovedOn | TransitionWritten::ItemPaid => {
                    return Err(ConfirmError::Contended);
                }
            }
            // The answer is about the refund as it was. Who went on with it meanwhile, a sweep, a call of the gateway
            // or a person, knows more, and what is not decided is asked about again.
            if refund_under_way(&link, of) != asked_about.as_ref() {
                return Ok(link);
            }
        }
        Err(ConfirmError::Contended)
    }
}

fn refund_under_way<'a>(link: &'a PaymentLink, of: RefundOf<'_>) -> Option<&'a Refund> {
    let (_, refund) = link.attempt(of.attempt)?.refunding(of.refund)?;
    Some(refund)
}

impl CallOutcome {
    fn of_refund(answer: &RefundAnswer) -> Self {
        match answer {
            RefundAnswer::Unknown { .. } => Self::Unanswered,
            RefundAnswer::AccountRefused { .. } => Self::Refused,
            RefundAnswer::Succeeded { .. }
            | RefundAnswer::Accepted { .. }
            | RefundAnswer::Failed { .. }
            | RefundAnswer::Absent
            | RefundAnswer::Unlisted
            | RefundAnswer::CredentialsMissing { .. }
            | RefundAnswer::Refused { .. } => Self::Answered,
        }
    }
}

impl GatewayWord for RefundAnswer {
    fn refuses_account(&self) -> bool {
        matches!(self, Self::AccountRefused { .. } | Self::CredentialsMissing { .. })
    }

    fn is_about_the_attempt(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::AccountRefused { .. } | Self::CredentialsMissing { .. })
    }
}

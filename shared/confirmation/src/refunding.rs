//! Refunding money that a link could not keep.
//!
//! A run asks first what refunds the gateway knows of the payment. Only where that says that there is none does it write that
//! it is about to call, and call. So a crash between any two steps leads to a question and never to a second refund.
//!
//! A call of the gateway about a refund asks the same question sooner, and stops there.

use domain::Timestamp;
use domain::gateway::RefundAnswer;
use domain::ids::{AttemptId, CredentialsVersion};
use domain::link::{PaymentLink, Refund};
use domain::records::credentials::Credentials;
use gateways::RefundOrder;
use store::{MAX_CONTENDED_TRIES, StoreError, Written};

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
type Follows = fn(&PaymentLink, &AttemptId, &RefundAnswer, Timestamp) -> Option<PaymentLink>;

impl Confirmation {
    /// Goes on with the refund of an attempt's money. A sweep has leased that work.
    pub async fn refund(&self, link: PaymentLink, id: &AttemptId, now: Timestamp) -> Result<CallOutcome, ConfirmError> {
        let Some((found, newer)) = self.find_refund(&link, id).await? else { return Ok(CallOutcome::Answered) };
        if !link.may_call_refund(id, &found) {
            self.write_refund(link, id, newer, &found, PaymentLink::apply_refund_answer, now).await?;
            return Ok(CallOutcome::of_refund(&found));
        }
        let Some(calling) = self.intend_to_refund(link, id, newer, now).await? else {
            return Ok(CallOutcome::Answered);
        };
        let Some((answer, newer)) = self.ask_about_refund(&calling, id, Question::Make).await? else {
            return Ok(CallOutcome::Answered);
        };
        self.write_refund(calling, id, newer, &answer, PaymentLink::apply_refund_answer, now).await?;
        Ok(CallOutcome::of_refund(&answer))
    }

    /// Writes that a refund is about to be asked for. `None` where somebody else went on with it meanwhile, so that the
    /// next sweep looks at what it is now. What else was written to the link, such as that somebody called about the
    /// refund, keeps nobody's money waiting.
    async fn intend_to_refund(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        newer: Option<CredentialsVersion>,
        now: Timestamp,
    ) -> Result<Option<PaymentLink>, ConfirmError> {
        let looked_for = refund_under_way(&link, id).cloned();
        for _ in 0..MAX_CONTENDED_TRIES {
            let Some(calling) = link.with_credentials(id, newer.clone()).begin_refund_call(id, now) else {
                return Ok(None);
            };
            match self.store.replace_link(&calling).await? {
                Written::Applied | Written::AlreadyApplied => return Ok(Some(calling)),
                Written::Rejected(current) => link = *current,
            }
            if refund_under_way(&link, id) != looked_for.as_ref() {
                return Ok(None);
            }
        }
        Err(ConfirmError::Contended)
    }

    /// Asks what became of a refund, because the gateway called about it. Only a sweep, which has leased that work,
    /// asks for one: whoever calls must not say when money goes back.
    pub(super) async fn hear_of_refund(
        &self,
        link: PaymentLink,
        id: &AttemptId,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let Some((found, newer)) = self.find_refund(&link, id).await? else {
            return Ok(Outcome::Known(Box::new(link)));
        };
        let link = self.write_refund(link, id, newer, &found, PaymentLink::apply_refund_news, now).await?;
        let link = Box::new(link);
        Ok(match CallOutcome::of_refund(&found) {
            CallOutcome::Answered => Outcome::Known(link),
            CallOutcome::Refused => Outcome::AccountRefused(link),
            CallOutcome::Unanswered => Outcome::Unknown(link),
        })
    }

    /// What the gateway knows of a refund. `None` where none is under way.
    async fn find_refund(
        &self,
        link: &PaymentLink,
        id: &AttemptId,
    ) -> Result<Option<(RefundAnswer, Option<CredentialsVersion>)>, StoreError> {
        let asked = self.ask_about_refund(link, id, Question::Find).await?;
        let was_called = refund_under_way(link, id).is_some_and(|refund| refund.calls > 0);
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
        id: &AttemptId,
        question: Question,
    ) -> Result<Option<(RefundAnswer, Option<CredentialsVersion>)>, StoreError> {
        let Some(attempt) = link.attempt(id) else { return Ok(None) };
        let Some((payment, refund)) = attempt.refunding() else { return Ok(None) };
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
    async fn write_refund(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        newer: Option<CredentialsVersion>,
        answer: &RefundAnswer,
        follows: Follows,
        now: Timestamp,
    ) -> Result<PaymentLink, ConfirmError> {
        let asked_about = refund_under_way(&link, id).cloned();
        for _ in 0..MAX_CONTENDED_TRIES {
            let next = follows(&link.clone().with_credentials(id, newer.clone()), id, answer, now);
            let Some(next) = next else { return Ok(link) };
            match self.store.replace_link(&next).await? {
                Written::Applied | Written::AlreadyApplied => return Ok(next),
                Written::Rejected(current) => link = *current,
            }
            // The answer is about the refund as it was. Who went on with it meanwhile, a sweep, a call of the gateway
            // or a person, knows more, and what is not decided is asked about again.
            if refund_under_way(&link, id) != asked_about.as_ref() {
                return Ok(link);
            }
        }
        Err(ConfirmError::Contended)
    }
}

fn refund_under_way<'a>(link: &'a PaymentLink, id: &AttemptId) -> Option<&'a Refund> {
    let (_, refund) = link.attempt(id)?.refunding()?;
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

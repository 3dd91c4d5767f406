//! Refunding money that a link could not keep.
//!
//! A run asks first what refunds the gateway knows of the payment. Only where that says that there is none does it write that
//! it is about to call, and call. So a crash between any two steps leads to a question and never to a second refund.

use domain::Timestamp;
use domain::gateway::RefundAnswer;
use domain::ids::{AttemptId, CredentialsVersion};
use domain::link::PaymentLink;
use domain::records::credentials::Credentials;
use gateways::RefundOrder;
use store::{MAX_CONTENDED_TRIES, StoreError, Written};

use crate::{CallOutcome, ConfirmError, Confirmation, GatewayWord};

/// What is asked of the gateway about a refund.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// What became of it.
    Find,
    /// To make it.
    Make,
}

impl Confirmation {
    /// Goes on with the refund of an attempt's money. A sweep has leased that work.
    pub async fn refund(&self, link: PaymentLink, id: &AttemptId, now: Timestamp) -> Result<CallOutcome, ConfirmError> {
        let Some((found, newer)) = self.ask_about_refund(&link, id, Question::Find).await? else {
            return Ok(CallOutcome::Answered);
        };
        // A no to a question says nothing about a call that may have been made before.
        let was_called =
            link.attempt(id).and_then(|attempt| attempt.refunding()).is_some_and(|(_, refund)| refund.calls > 0);
        let found = match found {
            RefundAnswer::Refused { .. } if was_called => RefundAnswer::Unlisted,
            found => found,
        };
        if !link.may_call_refund(id, &found) {
            return self.write_refund(link, id, newer, &found, now).await;
        }
        let link = link.with_credentials(id, newer);
        let Some(calling) = link.begin_refund_call(id, now) else { return Ok(CallOutcome::Answered) };
        match self.store.replace_link(&calling).await? {
            Written::Applied | Written::AlreadyApplied => {}
            // Somebody else changed the link, and the next sweep looks at what it is now.
            Written::Rejected(_) => return Ok(CallOutcome::Answered),
        }
        let Some((answer, newer)) = self.ask_about_refund(&calling, id, Question::Make).await? else {
            return Ok(CallOutcome::Answered);
        };
        self.write_refund(calling, id, newer, &answer, now).await
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
        let (order, mode) = (RefundOrder { attempt, payment, refund }, link.terms().mode);
        let order = &order;
        let ask = |credentials: Credentials| async move {
            match question {
                Question::Find => self.gateways.find_refund(order, mode, &credentials).await,
                Question::Make => self.gateways.refund(order, mode, &credentials).await,
            }
        };
        let (answer, newer) = self.ask(attempt, mode, ask).await?;
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

    async fn write_refund(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        newer: Option<CredentialsVersion>,
        answer: &RefundAnswer,
        now: Timestamp,
    ) -> Result<CallOutcome, ConfirmError> {
        let outcome = match answer {
            RefundAnswer::Unknown { .. } => CallOutcome::Unanswered,
            RefundAnswer::AccountRefused { .. } => CallOutcome::Refused,
            RefundAnswer::Succeeded { .. }
            | RefundAnswer::Accepted { .. }
            | RefundAnswer::Failed { .. }
            | RefundAnswer::Absent
            | RefundAnswer::Unlisted
            | RefundAnswer::CredentialsMissing { .. }
            | RefundAnswer::Refused { .. } => CallOutcome::Answered,
        };
        for _ in 0..MAX_CONTENDED_TRIES {
            let next = link.clone().with_credentials(id, newer.clone()).apply_refund_answer(id, answer, now);
            let Some(next) = next else { return Ok(outcome) };
            match self.store.replace_link(&next).await? {
                Written::Applied | Written::AlreadyApplied => return Ok(outcome),
                Written::Rejected(current) => link = *current,
            }
        }
        Err(ConfirmError::Contended)
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

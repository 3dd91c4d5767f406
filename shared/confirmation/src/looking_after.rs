//! What a gateway shows of a payment that a link keeps: refunds from its dashboard, and refunds that did not last.
//!
//! Only a call of the gateway makes us ask. It moves no money, and all that follows was decided by somebody else: the link and
//! the books learn of it, one change after the other, each with its receipt.

use domain::Timestamp;
use domain::gateway::{Aftermath, AftermathAnswer};
use domain::ids::{AttemptId, CredentialsVersion};
use domain::link::PaymentLink;
use domain::records::credentials::Credentials;
use store::{MAX_CONTENDED_TRIES, StoreError, TransitionWritten, Written};

use crate::{ConfirmError, Confirmation, GatewayWord, Outcome};

impl Confirmation {
    /// Asks what a gateway shows of a payment that a link keeps, and writes what follows. A gateway that did not answer the
    /// question before, or refused it, is not asked another one.
    pub(super) async fn look_after(
        &self,
        before: Outcome,
        id: &AttemptId,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let Outcome::Known(mut link) = before else { return Ok(before) };
        for _ in 0..MAX_CONTENDED_TRIES {
            let Some((answer, newer)) = self.ask_what_became(&link, id).await? else { return Ok(Outcome::Known(link)) };
            let shown = match answer {
                AftermathAnswer::Shown(shown) => shown,
                AftermathAnswer::AccountRefused { .. } => return Ok(Outcome::AccountRefused(link)),
                AftermathAnswer::Unknown { .. } => return Ok(Outcome::Unknown(link)),
            };
            match self.write_shown(*link, id, newer, &shown, now).await? {
                Ok(link) => return Ok(Outcome::Known(Box::new(link))),
                // Who changed the link may know something newer than this answer.
                Err(current) => link = Box::new(current),
            }
        }
        Err(ConfirmError::Contended)
    }

    /// `None` where no link keeps the payment, or where its gateway cannot tell.
    async fn ask_what_became(
        &self,
        link: &PaymentLink,
        id: &AttemptId,
    ) -> Result<Option<(AftermathAnswer, Option<CredentialsVersion>)>, StoreError> {
        let Some(attempt) = link.attempt(id) else { return Ok(None) };
        let Some(payment) = attempt.looked_after() else { return Ok(None) };
        let (link_id, mode) = (link.id(), link.terms().mode);
        let question = |credentials: Credentials| async move {
            self.gateways.aftermath(attempt, payment, link_id, mode, &credentials).await
        };
        let (answer, newer) = self.ask(link, attempt, question).await?;
        let Some(answer) = answer else { return Ok(None) };
        let (attempt_id, trace_id, gateway, said) = (id, link.trace_id(), attempt.gateway.as_str(), answer.name());
        match &answer {
            AftermathAnswer::Shown(shown) => {
                let (refunds, disputes, is_whole) = (shown.refunds.len(), shown.disputes.len(), shown.is_whole);
                tracing::info!(%link_id, %attempt_id, trace_id, gateway, refunds, disputes, is_whole, "A gateway showed what became of a payment.");
            }
            AftermathAnswer::AccountRefused { code: why } | AftermathAnswer::Unknown { why } => {
                tracing::warn!(%link_id, %attempt_id, trace_id, gateway, said, why, "A gateway did not show what became of a payment.");
            }
        }
        Ok(Some((answer, newer)))
    }

    /// Writes what follows from what a gateway shows, one change after the other. The result is the link as it is then, or as
    /// somebody else had changed it meanwhile.
    async fn write_shown(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        newer: Option<CredentialsVersion>,
        shown: &Aftermath,
        now: Timestamp,
    ) -> Result<Result<PaymentLink, PaymentLink>, ConfirmError> {
        while let Some(next) = link.clone().with_credentials(id, newer.clone()).apply_aftermath(id, shown, now) {
            let next = self.store_of(&next.link).with_booking(next).await?;
            match self.store.apply_transition(&next).await? {
                TransitionWritten::Written(Written::Applied | Written::AlreadyApplied) => link = next.link,
                TransitionWritten::Written(Written::Rejected(current)) => return Ok(Err(*current)),
                // Nothing that is shown of a payment claims one.
                TransitionWritten::ReferenceTaken | TransitionWritten::LinkMovedOn | TransitionWritten::ItemPaid => {
                    return Err(ConfirmError::Contended);
                }
            }
        }
        let left_out = link.left_out_of(id, shown);
        if left_out > 0 {
            let (link_id, trace_id) = (link.id(), link.trace_id());
            tracing::error!(%link_id, attempt_id = %id, trace_id, left_out, "A payment has more refunds or disputes than a link has room for.");
        }
        Ok(Ok(link))
    }
}

impl GatewayWord for Option<AftermathAnswer> {
    fn refuses_account(&self) -> bool {
        matches!(self, Some(AftermathAnswer::AccountRefused { .. }))
    }

    fn is_about_the_attempt(&self) -> bool {
        matches!(self, Some(AftermathAnswer::Shown(_)))
    }
}

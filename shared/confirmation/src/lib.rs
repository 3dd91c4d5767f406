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

mod looking_after;
mod looking_back;
mod refunding;
mod session;

pub use looking_back::LookTime;
pub use refunding::RefundOf;

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, GatewayKind, LookUp, Payment, Webhooks};
use domain::ids::{AccountId, AttemptId, BusinessId, CredentialsVersion};
use domain::link::{Attempt, AttemptState, Hint, NotKept, PaymentLink, ReturnData, Step};
use domain::records::credentials::Credentials;
use gateways::{Fields, Gateways, Unconfirmed, Way, WebhookSubject, read_return};
use store::{BusinessStore, MAX_CONTENDED_TRIES, Store, StoreError, TransitionWritten, Written};

pub use session::{NewSession, OpenSessionError, SessionStatus};

/// What confirming led to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The link as it is now, and the attempt is decided or waits for its next look-up.
    Known(Box<PaymentLink>),
    /// The gateway gave no readable answer. The attempt stays due.
    Unknown(Box<PaymentLink>),
    /// The gateway refuses the account, whatever we ask: a person has to mend it. The attempt stays due.
    AccountRefused(Box<PaymentLink>),
    /// The gateway answers, and does not know this session. The attempt stays due.
    SessionRefused(Box<PaymentLink>),
    /// There is no such link or attempt.
    NoSuchAttempt,
}

/// What a call shows about the gateway: whether it is worth calling again in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Answered,
    /// The gateway answers, and refuses the account.
    Refused,
    Unanswered,
}

impl Outcome {
    /// What confirming showed about the gateway.
    pub fn call_outcome(&self) -> CallOutcome {
        match self {
            Self::Known(_) | Self::SessionRefused(_) | Self::NoSuchAttempt => CallOutcome::Answered,
            Self::AccountRefused(_) => CallOutcome::Refused,
            Self::Unknown(_) => CallOutcome::Unanswered,
        }
    }

    /// The link where nothing was written over this version of it. News is written with everything else that is known
    /// by then.
    fn still_at(&self, version: u64) -> Option<&PaymentLink> {
        let link = match self {
            Self::Known(link) | Self::Unknown(link) | Self::AccountRefused(link) | Self::SessionRefused(link) => link,
            Self::NoSuchAttempt => return None,
        };
        (link.version() == version).then_some(link)
    }

    fn of(answer: &GatewayAnswer, link: PaymentLink) -> Self {
        let link = Box::new(link);
        match answer {
            GatewayAnswer::Unknown { .. } => Self::Unknown(link),
            GatewayAnswer::AccountRefused { .. } => Self::AccountRefused(link),
            GatewayAnswer::SessionRefused { .. } => Self::SessionRefused(link),
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

/// Who made us ask a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// The attempt is due.
    Schedule,
    /// The gateway, by a call that it signed.
    Gateway,
    /// Whoever knows an address of ours.
    Anybody,
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

    /// What the business has whose link it is.
    fn store_of(&self, link: &PaymentLink) -> BusinessStore {
        self.store.of(link.business())
    }

    /// Reads the link and confirms one of its attempts, because a gateway's server called about an account of a business.
    /// What it says reaches attempts of that gateway, that business and that account alone.
    pub async fn confirm_called(
        &self,
        (gateway, business, account): (GatewayKind, &BusinessId, &AccountId),
        about: &WebhookSubject,
        hint: Hint,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let is_theirs = |attempt: &&Attempt| attempt.gateway == gateway && attempt.account_id == *account;
        let found = self.attempt_of_call(business, about).await?.and_then(|(link, id)| {
            let attempt = link.attempt(&id).filter(is_theirs).cloned();
            Some(link).zip(attempt)
        });
        let Some((link, attempt)) = found else {
            // A business may use its account for other things too.
            if let WebhookSubject::Attempt { link: link_id, attempt: attempt_id } = about {
                tracing::warn!(%link_id, %attempt_id, "A gateway told of an attempt that it does not have.");
            }
            return Ok(Outcome::NoSuchAttempt);
        };
        let asker = match gateway.profile().webhooks {
            Webhooks::Signed => Asker::Gateway,
            Webhooks::Unsigned | Webhooks::None => Asker::Anybody,
        };
        self.confirm_with(link, &attempt, &hint.into(), asker, now).await
    }

    /// The attempt of a business that a call is about, where there is one.
    async fn attempt_of_call(
        &self,
        business: &BusinessId,
        about: &WebhookSubject,
    ) -> Result<Option<(PaymentLink, AttemptId)>, StoreError> {
        let store = self.store.of(business);
        match about {
            WebhookSubject::Attempt { link, attempt } => {
                Ok(store.link(link).await?.map(|link| (link, attempt.clone())))
            }
            WebhookSubject::Payment { claim, mode } => {
                Ok(store.claimed(*mode, std::slice::from_ref(claim)).await?.remove(claim))
            }
        }
    }

    /// Confirms one attempt of a link that was just read, because it is due.
    pub async fn confirm_due(
        &self,
        link: PaymentLink,
        id: &AttemptId,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let Some(attempt) = link.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
        self.confirm_with(link, &attempt, &Hint::Nothing.into(), Asker::Schedule, now).await
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
        let credentials = self.store_of(&link).credentials(&attempt.account_id, &attempt.credentials).await?;
        let return_data = read_return(&attempt, fields, &credentials);
        self.confirm_with(link, &attempt, &return_data, Asker::Anybody, now).await
    }

    async fn confirm_with(
        &self,
        link: PaymentLink,
        attempt: &Attempt,
        return_data: &ReturnData,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        match link.step(&attempt.id, return_data.hint, now) {
            Step::Nothing => Ok(Outcome::Known(Box::new(link))),
            Step::Confirm | Step::LookUp | Step::FindRefund | Step::LookAfter
                if asker == Asker::Anybody && attempt.asked_just_now(return_data.hint, now).is_some() =>
            {
                self.note_told(link, &attempt.id, return_data.hint, now).await
            }
            Step::Confirm => self.intend_and_confirm(link, &attempt.id, return_data, now).await,
            Step::LookAfter if asker == Asker::Anybody => {
                // It is noted before, so that of many who call at once one makes us ask.
                let asked = link.asked(&attempt.id, return_data.hint, false, now);
                match self.store.replace_link(&asked).await? {
                    Written::Applied | Written::AlreadyApplied => {
                        self.look_after(Outcome::Known(Box::new(asked)), &attempt.id, now).await
                    }
                    Written::Rejected(current) => Ok(Outcome::Unknown(current)),
                }
            }
            Step::FindRefund | Step::LookAfter => {
                let before = link.version();
                let outcome = self.hear_of_refunds(link, &attempt.id, now).await?;
                let outcome = self.look_after(outcome, &attempt.id, now).await?;
                if let Some(link) = outcome.still_at(before).filter(|_| asker == Asker::Anybody) {
                    self.note_asked(link, &attempt.id, return_data.hint, false, now).await?;
                }
                Ok(outcome)
            }
            Step::LookUp => {
                let before = link.version();
                let (answer, newer) = self.look_up(&link, attempt, return_data, now).await?;
                let takes_newer = newer.is_some();
                let link = link.with_credentials(&attempt.id, newer);
                let is_answered = answer == GatewayAnswer::Pending;
                let outcome = self.act_on_look_up(link, attempt, answer, return_data, now).await?;
                if let Some(link) = outcome.still_at(before) {
                    if asker == Asker::Anybody {
                        self.note_asked(link, &attempt.id, return_data.hint, is_answered, now).await?;
                    } else if takes_newer {
                        self.store.replace_link(&link.touched(now)).await?;
                    }
                }
                Ok(outcome)
            }
        }
    }

    /// Asks the gateway about an attempt in a way that moves no money. The version of the credentials that it took is said
    /// where it is a newer one than the attempt's own.
    async fn look_up(
        &self,
        link: &PaymentLink,
        attempt: &Attempt,
        return_data: &ReturnData,
        now: Timestamp,
    ) -> Result<(GatewayAnswer, Option<CredentialsVersion>), StoreError> {
        let mode = link.terms().mode;
        let question = |credentials: Credentials| async move {
            self.gateways.look_up(attempt, return_data, mode, &credentials, now).await
        };
        let (answer, newer) = self.ask(link, attempt, question).await?;
        log_answer(link, attempt, "looked up", &answer);
        Ok((answer, newer))
    }

    /// Asks with the credentials that an attempt began with, and where the gateway refuses these themselves, with those that
    /// the account has now: keys are replaced and revoked while somebody is paying.
    async fn ask<A: GatewayWord, F: Future<Output = A>>(
        &self,
        link: &PaymentLink,
        attempt: &Attempt,
        question: impl Fn(Credentials) -> F,
    ) -> Result<(A, Option<CredentialsVersion>), StoreError> {
        let own = self.own_credentials(link, attempt).await?;
        let answer = question(own.clone()).await;
        if !answer.refuses_account() {
            return Ok((answer, None));
        }
        let Some((version, credentials)) = self.newer_credentials(link, attempt, &own).await? else {
            return Ok((answer, None));
        };
        let second = question(credentials).await;
        Ok(if second.is_about_the_attempt() { (second, Some(version)) } else { (answer, None) })
    }

    /// The credentials that an attempt began with. Where it began through a relay and the account has put only another way in
    /// its place since, it is asked about on that way: a relay that is gone must not keep anybody waiting.
    async fn own_credentials(&self, link: &PaymentLink, attempt: &Attempt) -> Result<Credentials, StoreError> {
        let own = self.store_of(link).credentials(&attempt.account_id, &attempt.credentials).await?;
        if own.relay().is_none() {
            return Ok(own);
        }
        let present =
            self.present_credentials(link, (&attempt.account_id, &attempt.credentials), attempt.gateway).await?;
        Ok(present.map(|(_, present)| present).filter(|present| present.are_of_the_same_merchant(&own)).unwrap_or(own))
    }

    /// The credentials that the account has now, where they are others than those that were refused. A gateway without
    /// secrets has nothing to revoke: other credentials there are another terminal's, unless only the way differs.
    async fn newer_credentials(
        &self,
        link: &PaymentLink,
        attempt: &Attempt,
        refused: &Credentials,
    ) -> Result<Option<(CredentialsVersion, Credentials)>, StoreError> {
        let has_secrets = attempt.gateway.profile().credentials.iter().any(|field| field.is_secret);
        let present =
            self.present_credentials(link, (&attempt.account_id, &attempt.credentials), attempt.gateway).await?;
        let may_be_asked_with =
            |present: &Credentials| present != refused && (has_secrets || present.are_of_the_same_merchant(refused));
        Ok(present.filter(|(_, present)| may_be_asked_with(present)))
    }

    /// The credentials that the account has now, where they are another version than the one that was used, of the same
    /// gateway and mode.
    async fn present_credentials(
        &self,
        link: &PaymentLink,
        (account_id, used): (&AccountId, &CredentialsVersion),
        gateway: GatewayKind,
    ) -> Result<Option<(CredentialsVersion, Credentials)>, StoreError> {
        let store = self.store_of(link);
        let account = store.account(account_id).await?;
        let version = account.as_ref().and_then(|account| account.credentials_at(gateway, link.terms().mode));
        let Some(version) = version.filter(|version| *version != used) else { return Ok(None) };
        let credentials = store.credentials(account_id, version).await?;
        Ok(Some((version.clone(), credentials)))
    }

    /// Notes what somebody says while the gateway is not asked, because it was a moment ago. The schedule asks soon.
    async fn note_told(
        &self,
        link: PaymentLink,
        id: &AttemptId,
        hint: Hint,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let told = if hint.may_mean_paid() { link.told_paid(id, now) } else { None };
        let Some(told) = told else { return Ok(Outcome::Unknown(Box::new(link))) };
        Ok(Outcome::Unknown(Box::new(match self.store.replace_link(&told).await? {
            Written::Applied | Written::AlreadyApplied => told,
            Written::Rejected(current) => *current,
        })))
    }

    /// Notes that somebody from outside made us ask, so that nobody makes us ask again and again. Where somebody else changed
    /// the link meanwhile there is news, and no need for it. The result is the link as it is then.
    async fn note_asked(
        &self,
        link: &PaymentLink,
        id: &AttemptId,
        hint: Hint,
        is_answered: bool,
        now: Timestamp,
    ) -> Result<PaymentLink, StoreError> {
        let asked = link.asked(id, hint, is_answered, now);
        Ok(match self.store.replace_link(&asked).await? {
            Written::Applied | Written::AlreadyApplied => asked,
            Written::Rejected(current) => *current,
        })
    }

    /// Acts on the answer to a look-up: confirms money that waits, closes a session that nobody may pay any more, and
    /// otherwise writes what the answer says.
    async fn act_on_look_up(
        &self,
        link: PaymentLink,
        attempt: &Attempt,
        answer: GatewayAnswer,
        return_data: &ReturnData,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        if answer == GatewayAnswer::Unconfirmed && link.begin_confirming(&attempt.id, now).is_some() {
            return self.intend_and_confirm(link, &attempt.id, return_data, now).await;
        }
        if answer == GatewayAnswer::Pending
            && link.should_close(&attempt.id, now)
            && let Some(closed) = self.close(&link, attempt).await?
        {
            log_answer(&link, attempt, "closed", &closed);
            return self.write(link, &attempt.id, &closed, return_data.hint, now).await;
        }
        self.write(link, &attempt.id, &answer, return_data.hint, now).await
    }

    async fn close(&self, link: &PaymentLink, attempt: &Attempt) -> Result<Option<GatewayAnswer>, StoreError> {
        let mode = link.terms().mode;
        let question = |credentials: Credentials| async move { self.gateways.close(attempt, mode, &credentials).await };
        Ok(self.ask(link, attempt, question).await?.0)
    }

    /// Writes the intention with what confirming needs, then confirms. A link that changed meanwhile is decided on again
    /// from the start.
    async fn intend_and_confirm(
        &self,
        mut link: PaymentLink,
        id: &AttemptId,
        return_data: &ReturnData,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        for _ in 0..MAX_CONTENDED_TRIES {
            let confirming = link.clone().with_return_data(id, return_data).begin_confirming(id, now);
            let Some(confirming) = confirming else { return Ok(Outcome::Known(Box::new(link))) };
            // What was ever about to be taken is found out first, and goes back where it was.
            let was_confirming = link.attempt(id).is_some_and(|attempt| attempt.was_confirming);
            let is_watched =
                link.attempt(id).is_some_and(|attempt| matches!(attempt.state, AttemptState::AwaitingReversal { .. }));
            let is_left = !was_confirming
                && (self.has_moved_on(&link, now).await?
                    || (is_watched && !self.has_room(&link, id, was_confirming).await?));
            if is_left && is_watched {
                return self.write(link, id, &GatewayAnswer::Unconfirmed, return_data.hint, now).await;
            }
            if is_left {
                return self.leave_to_go_back(link, id, return_data, now).await;
            }
            // Whether the link's item still has room is asked while the intention is written, so that nobody waits for it.
            let (written, has_room) =
                tokio::join!(self.store.replace_link(&confirming), self.has_room(&confirming, id, was_confirming));
            match written? {
                Written::Applied | Written::AlreadyApplied => {
                    let Some(attempt) = confirming.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
                    if !has_room? {
                        return self.leave_to_go_back(confirming, id, return_data, now).await;
                    }
                    return self.call_and_write(confirming, &attempt, "confirmed", return_data.hint, now).await;
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

    /// Makes the call that takes the money of a confirming attempt, and writes what follows from its answer.
    async fn call_and_write(
        &self,
        link: PaymentLink,
        attempt: &Attempt,
        what: &'static str,
        hint: Hint,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let mode = link.terms().mode;
        let question =
            |credentials: Credentials| async move { self.gateways.confirm(attempt, mode, &credentials, now).await };
        let (answer, newer) = self.ask(&link, attempt, question).await?;
        log_answer(&link, attempt, what, &answer);
        self.write(link.with_credentials(&attempt.id, newer), &attempt.id, &answer, hint, now).await
    }

    /// Whether the link has ended, would take late money all the same, and its reference belongs to another link by now: what
    /// it was made for is asked for there.
    async fn has_moved_on(&self, link: &PaymentLink, now: Timestamp) -> Result<bool, StoreError> {
        let Some(reference) = link.late_reference(now) else { return Ok(false) };
        Ok(self.store_of(link).newest_with_reference(reference).await?.is_some_and(|newest| newest != *link.id()))
    }

    /// Whether all links of the link's item have room for the money of an attempt that is not taken yet.
    async fn has_room(&self, link: &PaymentLink, id: &AttemptId, was_confirming: bool) -> Result<bool, StoreError> {
        let guard = link.terms().item.as_ref().and_then(|item| Some((&item.id, item.guard?)));
        let (Some((item, guard)), Some(attempt)) = (guard, link.attempt(id)) else { return Ok(true) };
        if was_confirming || guard.most.is_none() {
            return Ok(true);
        }
        let room = guard.room(&self.store_of(link).paid_for(link, item).await?);
        Ok(room.is_none_or(|room| attempt.money.minor_units() <= room))
    }

    /// Leaves money that is not taken yet to go back by itself. Whether there is any is asked first, because who says so may be
    /// wrong.
    async fn leave_to_go_back(
        &self,
        link: PaymentLink,
        id: &AttemptId,
        return_data: &ReturnData,
        now: Timestamp,
    ) -> Result<Outcome, ConfirmError> {
        let intended = link.attempt(id).map(|attempt| attempt.state.clone());
        let mut link = link.without_intention(id, now);
        let Some(attempt) = link.attempt(id) else { return Ok(Outcome::NoSuchAttempt) };
        let (answer, newer) = self.look_up(&link, attempt, return_data, now).await?;
        link = link.with_credentials(id, newer);
        if answer != GatewayAnswer::Unconfirmed {
            let before = link.version();
            let outcome = self.write(link, id, &answer, return_data.hint, now).await?;
            // Where nothing follows from the answer, nobody is about to take anything all the same.
            if let Some(link) = outcome.still_at(before) {
                self.store.replace_link(&link.touched(now)).await?;
            }
            return Ok(outcome);
        }
        for _ in 0..MAX_CONTENDED_TRIES {
            let Some(next) = link.left_untaken(id, now) else { return Ok(Outcome::Known(Box::new(link))) };
            match self.store.replace_link(&next).await? {
                Written::Applied | Written::AlreadyApplied => return Ok(Outcome::Known(Box::new(next))),
                Written::Rejected(current) => {
                    link = *current;
                    // What is still as we wrote it is ours to leave, whatever else of the link changed.
                    let is_ours = link.attempt(id).map(|attempt| &attempt.state) == intended.as_ref();
                    if !is_ours && link.step(id, Hint::Nothing, now) == Step::Nothing {
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
        let (mut has_moved_on, mut is_item_paid) = (false, false);
        for _ in 0..MAX_CONTENDED_TRIES {
            let decided = link.apply_answer(id, answer, hint, now);
            let decided = match decided {
                Some(transition) if has_moved_on && transition.unless_moved_on.is_some() => {
                    link.without_keeping(id, answer, NotKept::ReferenceIdInUse, now)
                }
                Some(transition) if is_item_paid && transition.is_guarded() => {
                    link.without_keeping(id, answer, NotKept::ItemAlreadyPaid, now)
                }
                decided => decided,
            };
            let Some(transition) = decided else { return Ok(Outcome::of(answer, link)) };
            let transition = self.store_of(&transition.link).with_booking(transition).await?;
            match self.store.apply_transition(&transition).await? {
                TransitionWritten::Written(Written::Applied | Written::AlreadyApplied) => {
                    return Ok(Outcome::of(answer, transition.link));
                }
                TransitionWritten::Written(Written::Rejected(current)) => link = *current,
                TransitionWritten::LinkMovedOn => has_moved_on = true,
                TransitionWritten::ItemPaid => {
                    tracing::info!(link_id = %link.id(), attempt_id = %id, "A payment came for an item that is paid.");
                    is_item_paid = true;
                }
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

    /// The way on which an attempt is asked about. It is the direct one where that cannot be read, which whoever asks then
    /// finds out.
    pub async fn way(&self, link: &PaymentLink, id: &AttemptId) -> Way {
        let (gateway, mode) = (link.terms().account.gateway, link.terms().mode);
        let Some(attempt) = link.attempt(id) else { return self.gateways.way(gateway, mode, None) };
        let credentials = self.own_credentials(link, attempt).await.ok();
        self.gateways.way(attempt.gateway, mode, credentials.as_ref())
    }

    /// Everything that waits for our confirmation where this attempt was begun, from one call. `None` where the gateway
    /// has no such list or gave no readable one.
    pub async fn unconfirmed(&self, link: &PaymentLink, id: &AttemptId) -> Result<Option<Unconfirmed>, ConfirmError> {
        let Some(attempt) = link.attempt(id) else { return Ok(None) };
        let credentials = self.own_credentials(link, attempt).await?;
        match self.gateways.unconfirmed(attempt.gateway, link.terms().mode, &credentials).await {
            None => Ok(None),
            Some(Ok(list)) => Ok(Some(list)),
            Some(Err(why)) => {
                let (business_id, account_id, gateway) =
                    (link.business(), &attempt.account_id, attempt.gateway.as_str());
                tracing::warn!(%business_id, %account_id, gateway, why, "A gateway's list could not be read.");
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
        // What a list shows is the gateway's own word, also about an attempt that it had called unpaid.
        if link.step(id, Hint::Paid, now) == Step::Nothing {
            return Ok(Outcome::Known(Box::new(link)));
        }
        let answer = GatewayAnswer::Unconfirmed;
        log_answer(&link, &attempt, "listed", &answer);
        self.act_on_look_up(link, &attempt, answer, &Hint::Nothing.into(), now).await
    }

    /// Confirms an attempt that had ended, and whose money a gateway's list shows to be waiting all the same. The list names the
    /// address that its customer comes back to, which leads to the attempt. `None` where it leads to no such attempt of the
    /// business whose account the list is about: what one business's gateway or relay says reaches no other's attempts.
    pub async fn confirm_listed_after_all(
        &self,
        business: &BusinessId,
        session: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<Option<Outcome>, ConfirmError> {
        let Some((gateway, link, key)) = session::read_return_url(address) else { return Ok(None) };
        let Some(link) = self.store.of(business).link(&link).await? else { return Ok(None) };
        let has_ended = |attempt: &&Attempt| {
            attempt.gateway == gateway
                && attempt.session == session
                && matches!(attempt.state, AttemptState::Failed { .. } | AttemptState::Abandoned { .. })
        };
        let Some(id) = link.attempt_by_key(&key).filter(has_ended).map(|attempt| attempt.id.clone()) else {
            return Ok(None);
        };
        self.confirm_listed(link, &id, now).await.map(Some)
    }

    /// Goes on with an attempt that was confirming when its process died. The sweep has renewed the lease already.
    pub async fn resume(&self, link: PaymentLink, id: &AttemptId, now: Timestamp) -> Result<Outcome, ConfirmError> {
        let Some(attempt) = link.attempt(id).cloned() else { return Ok(Outcome::NoSuchAttempt) };
        if !matches!(attempt.state, AttemptState::Confirming { .. }) {
            return Ok(Outcome::Known(Box::new(link)));
        }
        self.call_and_write(link, &attempt, "confirmed again", Hint::Nothing, now).await
    }

    /// Writes down a payment that a person accepted. The money was confirmed before; where the gateway can be asked, it is,
    /// because days may lie between, and money that went back meanwhile pays nothing.
    pub async fn keep(&self, mut link: PaymentLink, id: &AttemptId, now: Timestamp) -> Result<(), ConfirmError> {
        let attempt = link.attempt(id).filter(|attempt| attempt.gateway.profile().look_up == LookUp::AnyTime);
        if let Some(attempt) = attempt {
            let (answer, _) = self.look_up(&link, attempt, &Hint::Nothing.into(), now).await?;
            if let Some(next) = link.gone_meanwhile(id, &answer, now) {
                // Where somebody else changed the link, the next sweep asks again.
                return Ok(self.store.replace_link(&next).await.map(|_| ())?);
            }
        }
        for _ in 0..MAX_CONTENDED_TRIES {
            let state = link.attempt(id).map(|attempt| attempt.state.clone());
            let Some(AttemptState::Accepted { payment, .. }) = state else { return Ok(()) };
            let Some(transition) = link.keep_accepted(id, now) else { return Ok(()) };
            let transition = self.store_of(&transition.link).with_booking(transition).await?;
            let written = match self.store.apply_transition(&transition).await? {
                TransitionWritten::Written(written) => written,
                TransitionWritten::ReferenceTaken => self.note_reference_taken(&link, id, &payment, now).await?.1,
                // A person decided, and such a payment does not depend on who has the reference, nor on what else was paid.
                TransitionWritten::LinkMovedOn | TransitionWritten::ItemPaid => return Err(ConfirmError::Contended),
            };
            match written {
                Written::Applied | Written::AlreadyApplied => return Ok(()),
                Written::Rejected(current) => link = *current,
            }
        }
        Err(ConfirmError::Contended)
    }
}

/// What a gateway says, as far as it decides with which credentials it is asked.
trait GatewayWord {
    /// Whether it refuses the credentials.
    fn refuses_account(&self) -> bool;

    /// Whether it says something that only who has the session can know.
    fn is_about_the_attempt(&self) -> bool;
}

impl GatewayWord for GatewayAnswer {
    fn refuses_account(&self) -> bool {
        matches!(self, Self::AccountRefused { .. })
    }

    fn is_about_the_attempt(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::AccountRefused { .. } | Self::SessionRefused { .. })
    }
}

impl GatewayWord for Option<GatewayAnswer> {
    fn refuses_account(&self) -> bool {
        self.as_ref().is_some_and(GatewayWord::refuses_account)
    }

    fn is_about_the_attempt(&self) -> bool {
        self.as_ref().is_some_and(GatewayWord::is_about_the_attempt)
    }
}

fn log_answer(link: &PaymentLink, attempt: &Attempt, what: &'static str, answer: &GatewayAnswer) {
    let (link_id, attempt_id, gateway) = (link.id(), &attempt.id, attempt.gateway.as_str());
    let trace_id = link.trace_id();
    match answer {
        GatewayAnswer::AccountRefused { code } => {
            tracing::error!(%link_id, %attempt_id, trace_id, gateway, code, "The gateway refuses the account.");
        }
        GatewayAnswer::SessionRefused { code } => {
            tracing::error!(%link_id, %attempt_id, trace_id, gateway, code, "The gateway does not know the session.");
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

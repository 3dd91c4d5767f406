//! Razorpay's lists of payments, of refunds and of disputes, the newest first, a hundred at a time between two instants.

use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::gateway::{ListedChange, ListedState};
use domain::link::ReceiptKindName;
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use http::Method;
use outbound::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    Collection, DisputeObject, LONGEST_LIST, PaymentObject, PaymentStatus, Razorpay, RefundObject, RefundStatus,
    Refusal, refusal,
};
use crate::lists::{
    Changes, ChangesOrder, Distinct, ListError, ListOrder, Listed, Reading, listed_change, page, second,
};
use crate::object;

#[derive(Debug, Deserialize)]
struct ListedRefund {
    id: String,
    status: RefundStatus,
    amount: i64,
    currency: String,
    created_at: i64,
    #[serde(default)]
    payment_id: Option<String>,
}

impl Razorpay<'_> {
    pub(super) async fn listed_movements(
        &self,
        order: &ListOrder,
        credentials: &Credentials,
    ) -> Result<Vec<Theirs>, ListError> {
        let (mut reading, time) = (order.reading(), (order.from, Some(order.to)));
        let payment = |one| Ok(payment(one)?.and_then(|listed| order.wanted(listed)));
        self.each_page(&mut reading, "/v1/payments", time, credentials, payment).await?;
        let refund = |one| Ok(refund(one)?.and_then(|listed| order.wanted(listed)));
        self.each_page(&mut reading, "/v1/refunds", time, credentials, refund).await?;
        reading.finished()
    }

    /// The refunds and disputes of the whole account since some instants, by when they were made.
    pub(super) async fn changed(&self, order: &ChangesOrder, credentials: &Credentials) -> Changes {
        let (mut disputes, mut refunds) = (order.disputes(), order.refunds());
        let change = |one: DisputeObject| Ok(one.change());
        let time = (order.disputes_since, None);
        let of_disputes = self.each_page(&mut disputes, "/v1/disputes", time, credentials, change).await;
        let change = |one: RefundObject| Ok(one.change());
        let time = (order.refunds_since, None);
        let of_refunds = self.each_page(&mut refunds, "/v1/refunds", time, credentials, change).await;
        Changes::read((disputes, of_disputes), (refunds, of_refunds))
    }

    /// Reads a list to its end. Pages are counted from its beginning: what is new meanwhile moves the others on, and what
    /// comes twice then is taken once.
    async fn each_page<T: DeserializeOwned, E: Distinct>(
        &self,
        reading: &mut Reading<E>,
        list: &str,
        (from, to): (Timestamp, Option<Timestamp>),
        credentials: &Credentials,
        entry: impl Fn(T) -> Result<Option<E>, ListError>,
    ) -> Result<(), ListError> {
        let (from, to) = (from.as_second(), to.map(|to| format!("&to={}", to.as_second())).unwrap_or_default());
        let mut skip = 0;
        loop {
            reading.goes_on()?;
            let path = format!("{list}?from={from}{to}&count={LONGEST_LIST}&skip={skip}");
            let body = page(self.call(Method::GET, &path, None, None, credentials).await, refused)?;
            let Collection { items } = object::<Collection<T>>(&body).ok_or_else(|| ListError::unreadable("a list"))?;
            let is_over = items.len() < LONGEST_LIST;
            for one in items {
                entry(one)?.into_iter().for_each(|listed| reading.take(listed));
            }
            if is_over {
                return Ok(());
            }
            skip += LONGEST_LIST;
        }
    }
}

fn refused(answer: &Answer) -> ListError {
    match refusal(answer) {
        Refusal::Passing(why) => ListError::Unavailable { why },
        Refusal::Account(code) | Refusal::Final(code) => ListError::Refused { code },
    }
}

/// `None` in a currency that we know nothing of.
fn money(amount: i64, currency: &str) -> Result<Option<Money>, ListError> {
    let Ok(currency) = Currency::parse(currency) else { return Ok(None) };
    Money::new(amount, currency).map(Some).map_err(|_| ListError::unreadable("an amount"))
}

/// A payment that was captured stays one, also where all of it went back.
fn payment(payment: PaymentObject) -> Result<Option<Listed>, ListError> {
    match payment.status {
        PaymentStatus::Captured | PaymentStatus::Refunded => {}
        PaymentStatus::Undocumented => return Err(ListError::unreadable("a payment's status")),
        PaymentStatus::Created | PaymentStatus::Authorized | PaymentStatus::Failed => return Ok(None),
    }
    let Some(money) = money(payment.amount, &payment.currency)? else { return Ok(None) };
    let created_at = payment.created_at.ok_or_else(|| ListError::unreadable("a payment"))?;
    let (fee, at) = (payment.fee().map(|fee| fee.amount), second(created_at, "a payment")?);
    Ok(Some(Listed { kind: ReceiptKindName::Payment, reference: payment.id, payment: None, money, fee, at }))
}

impl RefundObject {
    /// As a list of the whole account has it. What is of no payment, or in a state that is not documented, says nothing.
    fn change(&self) -> Option<ListedChange> {
        listed_change(self.payment_id.as_deref(), &self.id, self.state().map(ListedState::Refund))
    }
}

impl DisputeObject {
    /// The same of a dispute.
    fn change(&self) -> Option<ListedChange> {
        listed_change(Some(&self.payment_id), &self.id, self.state().map(ListedState::Dispute))
    }
}

fn refund(refund: ListedRefund) -> Result<Option<Listed>, ListError> {
    match refund.status {
        RefundStatus::Processed => {}
        RefundStatus::Undocumented => return Err(ListError::unreadable("a refund's status")),
        RefundStatus::Pending | RefundStatus::Failed => return Ok(None),
    }
    let Some(money) = money(refund.amount, &refund.currency)? else { return Ok(None) };
    let (reference, payment, at) = (refund.id, refund.payment_id, second(refund.created_at, "a refund")?);
    Ok(Some(Listed { kind: ReceiptKindName::Refund, reference, payment, money, fee: None, at }))
}

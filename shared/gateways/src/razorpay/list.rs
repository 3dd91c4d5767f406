//! Razorpay's lists of payments and of refunds, the newest first, a hundred at a time between two instants.

use domain::business::reconciliation::Theirs;
use domain::link::ReceiptKindName;
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use http::Method;
use outbound::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Collection, LONGEST_LIST, PaymentObject, PaymentStatus, Razorpay, RefundStatus, Refusal, refusal};
use crate::lists::{ListError, ListOrder, Listed, Reading, page, second};
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
        let mut reading = Reading::new(order);
        self.each_page(&mut reading, "/v1/payments", order, credentials, payment).await?;
        self.each_page(&mut reading, "/v1/refunds", order, credentials, refund).await?;
        reading.finished()
    }

    /// Reads a list to its end. Pages are counted from its beginning: what is new meanwhile moves the others on, and what
    /// comes twice then is taken once.
    async fn each_page<T: DeserializeOwned>(
        &self,
        reading: &mut Reading<'_>,
        list: &str,
        order: &ListOrder,
        credentials: &Credentials,
        entry: impl Fn(T) -> Result<Option<Listed>, ListError>,
    ) -> Result<(), ListError> {
        let (from, to) = (order.from.as_second(), order.to.as_second());
        let mut skip = 0;
        loop {
            reading.goes_on()?;
            let path = format!("{list}?from={from}&to={to}&count={LONGEST_LIST}&skip={skip}");
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

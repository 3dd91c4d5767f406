//! Mollie's lists of payments and of refunds, the newest first, 250 at a time. They have no bounds of time, so that they
//! are read from now back to what is wanted.

use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::link::ReceiptKindName;
use domain::records::credentials::Credentials;
use http::Method;
use outbound::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{Amount, LONGEST_LIST, Mollie, PaymentStatus, RefundStatus, Refusal, money, refusal};
use crate::lists::{ListError, ListOrder, Listed, Reading, page};
use crate::{is_word, object};

#[derive(Debug, Deserialize)]
struct Page<T> {
    #[serde(rename = "_embedded")]
    embedded: T,
    #[serde(rename = "_links")]
    links: PageLinks,
}

#[derive(Debug, Deserialize)]
struct PageLinks {
    #[serde(default)]
    next: Option<Next>,
}

#[derive(Debug, Deserialize)]
struct Next {
    href: String,
}

#[derive(Debug, Deserialize)]
struct Payments {
    payments: Vec<ListedPayment>,
}

#[derive(Debug, Deserialize)]
struct Refunds {
    refunds: Vec<ListedRefund>,
}

#[derive(Debug, Deserialize)]
struct ListedPayment {
    id: String,
    status: PaymentStatus,
    amount: Amount,
    #[serde(rename = "createdAt")]
    created_at: Timestamp,
    #[serde(rename = "paidAt", default)]
    paid_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct ListedRefund {
    id: String,
    status: RefundStatus,
    amount: Amount,
    #[serde(rename = "createdAt")]
    created_at: Timestamp,
    #[serde(rename = "paymentId", default)]
    payment_id: Option<String>,
}

/// What a list has, in its order.
trait Entries: DeserializeOwned {
    const PATH: &'static str;

    /// When each was made, and what it is where it moved money.
    fn entries(self) -> Vec<(Timestamp, Result<Option<Listed>, ListError>)>;
}

impl Entries for Payments {
    const PATH: &'static str = "/v2/payments";

    fn entries(self) -> Vec<(Timestamp, Result<Option<Listed>, ListError>)> {
        self.payments.into_iter().map(|payment| (payment.created_at, payment.entry())).collect()
    }
}

impl Entries for Refunds {
    const PATH: &'static str = "/v2/refunds";

    fn entries(self) -> Vec<(Timestamp, Result<Option<Listed>, ListError>)> {
        self.refunds.into_iter().map(|refund| (refund.created_at, refund.entry())).collect()
    }
}

impl Mollie<'_> {
    pub(super) async fn listed_movements(
        &self,
        order: &ListOrder,
        credentials: &Credentials,
    ) -> Result<Vec<Theirs>, ListError> {
        let mut reading = Reading::new(order);
        self.each_page::<Payments>(&mut reading, order, credentials).await?;
        self.each_page::<Refunds>(&mut reading, order, credentials).await?;
        reading.finished()
    }

    /// Reads a list back to what was made before the wanted time. What was made then and paid later is not read.
    async fn each_page<T: Entries>(
        &self,
        reading: &mut Reading<'_>,
        order: &ListOrder,
        credentials: &Credentials,
    ) -> Result<(), ListError> {
        let mut from: Option<String> = None;
        loop {
            reading.goes_on()?;
            let from_here = from.map(|id| format!("&from={id}")).unwrap_or_default();
            let path = format!("{}?limit={LONGEST_LIST}{from_here}", T::PATH);
            let body = page(self.call(Method::GET, &path, None, "", credentials).await, refused)?;
            let list: Page<T> = object(&body).ok_or_else(|| ListError::unreadable("a list"))?;
            let mut is_before = false;
            for (created_at, entry) in list.embedded.entries() {
                entry?.into_iter().for_each(|listed| reading.take(listed));
                is_before |= created_at < order.from;
            }
            let Some(next) = list.links.next.filter(|_| !is_before) else { return Ok(()) };
            from = Some(next.from().ok_or_else(|| ListError::unreadable("a list"))?);
        }
    }
}

impl Next {
    /// The id that the next page begins with. The address itself is not called: the key goes where it belongs and nowhere
    /// else.
    fn from(&self) -> Option<String> {
        let url = Url::parse(&self.href).ok()?;
        let (_, id) = url.query_pairs().find(|(name, _)| name == "from")?;
        is_word(&id).then(|| id.into_owned())
    }
}

fn refused(answer: &Answer) -> ListError {
    match refusal(answer) {
        Refusal::Passing(why) => ListError::Unavailable { why },
        Refusal::Account(code) | Refusal::Missing(code) | Refusal::Final(code) => ListError::Refused { code },
    }
}

impl ListedPayment {
    fn entry(self) -> Result<Option<Listed>, ListError> {
        match self.status {
            PaymentStatus::Paid => {}
            PaymentStatus::Undocumented => return Err(ListError::unreadable("a payment's status")),
            PaymentStatus::Open
            | PaymentStatus::Pending
            | PaymentStatus::Authorized
            | PaymentStatus::Canceled
            | PaymentStatus::Expired
            | PaymentStatus::Failed => return Ok(None),
        }
        let money = money(&self.amount).ok_or_else(|| ListError::unreadable("an amount"))?;
        let at = self.paid_at.unwrap_or(self.created_at);
        Ok(Some(Listed { kind: ReceiptKindName::Payment, reference: self.id, payment: None, money, fee: None, at }))
    }
}

impl ListedRefund {
    /// One that is not at the customer's bank yet may still be cancelled or fail.
    fn entry(self) -> Result<Option<Listed>, ListError> {
        match self.status {
            RefundStatus::Refunded => {}
            RefundStatus::Undocumented => return Err(ListError::unreadable("a refund's status")),
            RefundStatus::Queued
            | RefundStatus::Pending
            | RefundStatus::Processing
            | RefundStatus::Failed
            | RefundStatus::Canceled => return Ok(None),
        }
        let money = money(&self.amount).ok_or_else(|| ListError::unreadable("an amount"))?;
        let (reference, payment, at) = (self.id, self.payment_id, self.created_at);
        Ok(Some(Listed { kind: ReceiptKindName::Refund, reference, payment, money, fee: None, at }))
    }
}

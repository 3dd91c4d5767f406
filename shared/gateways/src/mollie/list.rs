//! Mollie's lists of payments, of refunds and of chargebacks, the newest first, a hundred at a time. They have no bounds of
//! time, so that they are read from now back to what is wanted.

use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::gateway::{ListedChange, ListedState};
use domain::link::ReceiptKindName;
use domain::records::credentials::Credentials;
use http::Method;
use outbound::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{
    Amount, ChargebackObject, Mollie, PaymentStatus, RefundObject, RefundStatus, Refusal, instant, money, refusal,
};
use crate::lists::{Changes, ChangesOrder, Distinct, ListError, ListOrder, Listed, Reading, listed_change, page};
use crate::{is_word, object};

/// A page could have 250, whose answer could be larger than any that is read.
const PAGE: usize = 100;

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

/// Refunds with what became of them.
#[derive(Debug, Deserialize)]
struct ChangedRefunds {
    refunds: Vec<RefundObject>,
}

#[derive(Debug, Deserialize)]
struct Chargebacks {
    chargebacks: Vec<ChargebackObject>,
}

/// When an object of a list was made, and what it is where it is worth telling.
type Made<E> = (Timestamp, Result<Option<E>, ListError>);

/// What a list has, in its order.
trait Entries: DeserializeOwned {
    const PATH: &'static str;

    type Entry;

    fn entries(self) -> Vec<Made<Self::Entry>>;
}

impl Entries for ChangedRefunds {
    const PATH: &'static str = "/v2/refunds";

    type Entry = ListedChange;

    fn entries(self) -> Vec<Made<ListedChange>> {
        let entry = |refund: RefundObject| (made_at(&refund.created_at), Ok(refund.change()));
        self.refunds.into_iter().map(entry).collect()
    }
}

impl Entries for Chargebacks {
    const PATH: &'static str = "/v2/chargebacks";

    type Entry = ListedChange;

    fn entries(self) -> Vec<Made<ListedChange>> {
        let entry = |chargeback: ChargebackObject| (made_at(&chargeback.created_at), Ok(chargeback.change()));
        self.chargebacks.into_iter().map(entry).collect()
    }
}

/// What was made at no time that can be read does not end a list.
fn made_at(value: &Value) -> Timestamp {
    instant(value).unwrap_or(Timestamp::MAX)
}

impl Entries for Payments {
    const PATH: &'static str = "/v2/payments";

    type Entry = Listed;

    fn entries(self) -> Vec<Made<Listed>> {
        self.payments.into_iter().map(|payment| (payment.created_at, payment.entry())).collect()
    }
}

impl Entries for Refunds {
    const PATH: &'static str = "/v2/refunds";

    type Entry = Listed;

    fn entries(self) -> Vec<Made<Listed>> {
        self.refunds.into_iter().map(|refund| (refund.created_at, refund.entry())).collect()
    }
}

impl Mollie<'_> {
    pub(super) async fn listed_movements(
        &self,
        order: &ListOrder,
        credentials: &Credentials,
    ) -> Result<Vec<Theirs>, ListError> {
        let mut reading = order.reading();
        let wanted = |listed: Listed| order.wanted(listed);
        self.each_page::<Payments, _>(&mut reading, order.from, credentials, wanted).await?;
        self.each_page::<Refunds, _>(&mut reading, order.from, credentials, wanted).await?;
        reading.finished()
    }

    /// The refunds and chargebacks of the whole profile since some instants, by when they were made.
    pub(super) async fn changed(&self, order: &ChangesOrder, credentials: &Credentials) -> Changes {
        let (mut disputes, mut refunds) = (order.disputes(), order.refunds());
        let since = order.disputes_since;
        let of_disputes = self.each_page::<Chargebacks, _>(&mut disputes, since, credentials, Some).await;
        let since = order.refunds_since;
        let of_refunds = self.each_page::<ChangedRefunds, _>(&mut refunds, since, credentials, Some).await;
        Changes::read((disputes, of_disputes), (refunds, of_refunds))
    }

    /// Reads a list back to what was made before an instant. What was made then and changed later is not read.
    async fn each_page<T: Entries, E: Distinct>(
        &self,
        reading: &mut Reading<E>,
        since: Timestamp,
        credentials: &Credentials,
        wanted: impl Fn(T::Entry) -> Option<E>,
    ) -> Result<(), ListError> {
        let mut from: Option<String> = None;
        loop {
            reading.goes_on()?;
            let from_here = from.map(|id| format!("&from={id}")).unwrap_or_default();
            let path = format!("{}?limit={PAGE}{from_here}", T::PATH);
            let body = page(self.call(Method::GET, &path, None, "", credentials).await, refused)?;
            let list: Page<T> = object(&body).ok_or_else(|| ListError::unreadable("a list"))?;
            let mut is_before = false;
            for (created_at, entry) in list.embedded.entries() {
                entry?.and_then(&wanted).into_iter().for_each(|one| reading.take(one));
                is_before |= created_at < since;
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

impl RefundObject {
    /// As a list of the whole profile has it. What is of no payment, or in a state that is not documented, says nothing.
    fn change(&self) -> Option<ListedChange> {
        listed_change(self.payment_id.as_deref(), &self.id, self.state().map(ListedState::Refund))
    }
}

impl ChargebackObject {
    /// The same of a chargeback.
    fn change(&self) -> Option<ListedChange> {
        listed_change(self.payment_id.as_deref(), &self.id, self.state().map(ListedState::Dispute))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payment(status: &str, amount: &str) -> Result<Option<Listed>, ListError> {
        let payment = json!({
            "id": "tr_1", "status": status, "amount": { "currency": "EUR", "value": amount },
            "createdAt": "2026-12-01T10:00:00+00:00", "paidAt": "2026-12-03T10:00:00+00:00",
        });
        serde_json::from_value::<ListedPayment>(payment).unwrap().entry()
    }

    #[test]
    fn only_what_was_paid_is_listed_on_the_day_of_that_and_what_cannot_be_read_spoils_the_list() {
        let paid = payment("paid", "19.99").unwrap().unwrap();
        assert_eq!((paid.money.minor_units(), paid.at.to_string().as_str()), (1_999, "2026-12-03T10:00:00Z"));
        for status in ["open", "pending", "authorized", "canceled", "expired", "failed"] {
            assert!(payment(status, "19.99").unwrap().is_none(), "{status}");
        }
        assert!(payment("parked", "19.99").is_err() && payment("paid", "19,99").is_err());
    }

    #[test]
    fn the_next_page_is_asked_for_by_its_id_and_at_no_address_that_an_answer_names() {
        let from = |href: &str| Next { href: href.to_owned() }.from();
        assert_eq!(from("https://api.mollie.com/v2/payments?from=tr_2&limit=100").as_deref(), Some("tr_2"));
        for href in ["https://evil.example/?from=a%26b", "/v2/payments?from=tr_2", "https://api.mollie.com/v2/payments"]
        {
            assert_eq!(from(href), None, "{href}");
        }
    }
}

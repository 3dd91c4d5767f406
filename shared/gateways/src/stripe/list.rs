//! Stripe's lists of charges, of refunds and of disputes, the newest first, a hundred at a time.

use domain::Timestamp;
use domain::business::reconciliation::Theirs;
use domain::gateway::{ListedChange, ListedState};
use domain::link::ReceiptKindName;
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use outbound::Answer;
use serde::Deserialize;

use super::{Charge, Dispute, Listable, Refund, RefundStatus, Refusal, Stripe, form, refusal};
use crate::lists::{
    Changes, ChangesOrder, Distinct, ListError, ListOrder, Listed, Reading, listed_change, page, second,
};
use crate::{is_word, object};

/// What is asked for beside a charge: the transaction on the balance, which has the fee.
const WITH_FEE: (&str, &str) = ("expand[]", "data.balance_transaction");

#[derive(Debug, Deserialize)]
struct Page<T> {
    data: Vec<T>,
    has_more: bool,
}

#[derive(Debug, Deserialize)]
struct ListedCharge {
    id: String,
    status: ChargeStatus,
    currency: String,
    created: i64,
    /// Whether the money was taken, and not only set aside.
    captured: bool,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(flatten)]
    charge: Charge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChargeStatus {
    Succeeded,
    Pending,
    Failed,
}

#[derive(Debug, Deserialize)]
struct ListedRefund {
    id: String,
    #[serde(default)]
    status: Option<RefundStatus>,
    amount: i64,
    currency: String,
    created: i64,
    #[serde(default)]
    payment_intent: Option<String>,
}

impl Listable for ListedCharge {
    const PATH: &'static str = "/v1/charges";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Listable for ListedRefund {
    const PATH: &'static str = Refund::PATH;

    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe<'_> {
    pub(super) async fn listed(&self, order: &ListOrder, credentials: &Credentials) -> Result<Vec<Theirs>, ListError> {
        let mut reading = order.reading();
        match self.charges(&mut reading, order, &[WITH_FEE], credentials).await {
            // A restricted key may read charges and not the balance, and the fee is worth no list.
            Err(ListError::Refused { code }) if code == "403" => {
                self.charges(&mut reading, order, &[], credentials).await?;
            }
            read => read?,
        }
        let time = (order.from, Some(order.to));
        let entry = |refund: &ListedRefund| Ok(refund.entry()?.and_then(|listed| order.wanted(listed)));
        self.each_page(&mut reading, time, &[], credentials, entry).await?;
        reading.finished()
    }

    /// The refunds and disputes of the whole account since some instants, by when they were made.
    pub(super) async fn changed(&self, order: &ChangesOrder, credentials: &Credentials) -> Changes {
        let (mut disputes, mut refunds) = (order.disputes(), order.refunds());
        let change = |dispute: &Dispute| Ok(dispute.change());
        let of_disputes = self.each_page(&mut disputes, (order.disputes_since, None), &[], credentials, change).await;
        let change = |refund: &Refund| Ok(refund.change());
        let of_refunds = self.each_page(&mut refunds, (order.refunds_since, None), &[], credentials, change).await;
        Changes::read((disputes, of_disputes), (refunds, of_refunds))
    }

    async fn charges(
        &self,
        reading: &mut Reading<Theirs>,
        order: &ListOrder,
        with: &[(&str, &str)],
        credentials: &Credentials,
    ) -> Result<(), ListError> {
        let entry = |charge: &ListedCharge| Ok(charge.entry()?.and_then(|listed| order.wanted(listed)));
        self.each_page(reading, (order.from, Some(order.to)), with, credentials, entry).await
    }

    /// Reads what a list has of some time to its end. `entry` says what one of its objects is, and nothing of one that is not
    /// wanted.
    async fn each_page<T: Listable, E: Distinct>(
        &self,
        reading: &mut Reading<E>,
        time: (Timestamp, Option<Timestamp>),
        with: &[(&str, &str)],
        credentials: &Credentials,
        entry: impl Fn(&T) -> Result<Option<E>, ListError>,
    ) -> Result<(), ListError> {
        let mut after: Option<String> = None;
        loop {
            reading.goes_on()?;
            let body = page(self.get(&pages(T::PATH, time, with, after.as_deref()), credentials).await, refused)?;
            let list: Page<T> = object(&body).ok_or_else(|| ListError::unreadable("a list"))?;
            for one in &list.data {
                entry(one)?.into_iter().for_each(|listed| reading.take(listed));
            }
            if !list.has_more {
                return Ok(());
            }
            let last = list.data.last().map(Listable::id).filter(|id| is_word(id));
            after = Some(last.ok_or_else(|| ListError::unreadable("a list"))?.to_owned());
        }
    }
}

/// The address of a page of what was made in some time.
fn pages(list: &str, (from, to): (Timestamp, Option<Timestamp>), with: &[(&str, &str)], after: Option<&str>) -> String {
    let (from, to) = (from.as_second().to_string(), to.map(|to| to.as_second().to_string()));
    let mut query = vec![("created[gte]", from.as_str()), ("limit", "100")];
    query.extend(to.as_deref().map(|to| ("created[lte]", to)));
    query.extend(with);
    query.extend(after.map(|after| ("starting_after", after)));
    format!("{list}?{}", form(&query))
}

fn refused(answer: &Answer) -> ListError {
    match refusal(answer) {
        Refusal::Passing(why) => ListError::Unavailable { why },
        Refusal::Account(_) if answer.status == 403 => ListError::Refused { code: "403".to_owned() },
        Refusal::Account(code)
        | Refusal::UnknownObject(code)
        | Refusal::AlreadyRefunded(code)
        | Refusal::Amount(code)
        | Refusal::Final(code) => ListError::Refused { code },
    }
}

/// `None` in a currency that we know nothing of.
fn money(amount: i64, currency: &str) -> Result<Option<Money>, ListError> {
    let Ok(currency) = Currency::parse(&currency.to_uppercase()) else { return Ok(None) };
    Money::new(amount, currency).map(Some).map_err(|_| ListError::unreadable("an amount"))
}

impl ListedCharge {
    fn entry(&self) -> Result<Option<Listed>, ListError> {
        match self.status {
            ChargeStatus::Succeeded if self.captured => {}
            ChargeStatus::Succeeded | ChargeStatus::Pending | ChargeStatus::Failed => return Ok(None),
        }
        let Some(money) = money(self.charge.amount, &self.currency)? else { return Ok(None) };
        Ok(Some(Listed {
            kind: ReceiptKindName::Payment,
            // A charge that was made otherwise has none, and is nothing of ours.
            reference: self.payment_intent.as_ref().unwrap_or(&self.id).clone(),
            payment: None,
            money,
            fee: self.charge.fee(money.currency()).map(|fee| fee.amount),
            at: second(self.created, "a charge")?,
        }))
    }
}

impl Refund {
    /// As a list of the whole account has it. What is of no payment, or in a state that is not documented, says nothing.
    fn change(&self) -> Option<ListedChange> {
        listed_change(self.payment_intent.as_deref(), &self.id, self.state().map(ListedState::Refund))
    }
}

impl Dispute {
    /// The same of a dispute.
    fn change(&self) -> Option<ListedChange> {
        listed_change(self.payment_intent.as_deref(), &self.id, self.state().map(ListedState::Dispute))
    }
}

impl ListedRefund {
    /// One that waits has not gone, and may not go. One of which Stripe says nothing that is known is told as it stands in
    /// the list.
    fn entry(&self) -> Result<Option<Listed>, ListError> {
        match self.status {
            Some(RefundStatus::Succeeded | RefundStatus::Undocumented) | None => {}
            Some(
                RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Failed | RefundStatus::Canceled,
            ) => return Ok(None),
        }
        let Some(money) = money(self.amount, &self.currency)? else { return Ok(None) };
        Ok(Some(Listed {
            kind: ReceiptKindName::Refund,
            reference: self.id.clone(),
            payment: self.payment_intent.clone(),
            money,
            fee: None,
            at: second(self.created, "a refund")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn charge(more: &Value) -> Result<Option<Listed>, serde_json::Error> {
        let mut charge = json!({
            "id": "ch_1", "status": "succeeded", "currency": "eur", "created": 1_795_910_400, "captured": true,
            "payment_intent": "pi_1", "amount": 1_999, "amount_refunded": 500, "refunded": false, "disputed": false,
            "balance_transaction": { "currency": "eur", "fee": 55 },
        });
        charge.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<ListedCharge>(charge).map(|charge| charge.entry().unwrap())
    }

    #[test]
    fn a_charge_is_listed_whole_with_its_fee_and_one_that_took_no_money_is_not() {
        let taken = charge(&json!({})).unwrap().unwrap();
        assert_eq!((taken.reference.as_str(), taken.money.minor_units(), taken.fee), ("pi_1", 1_999, Some(55)));
        let converted = json!({ "balance_transaction": { "currency": "usd", "fee": 60 } });
        assert_eq!(charge(&converted).unwrap().unwrap().fee, None, "it is counted in another currency");
        let alone = charge(&json!({ "payment_intent": null })).unwrap().unwrap();
        assert_eq!(alone.reference, "ch_1");
        for nothing in [json!({ "status": "failed" }), json!({ "status": "pending" }), json!({ "captured": false })] {
            assert!(charge(&nothing).unwrap().is_none(), "{nothing}");
        }
        assert!(charge(&json!({ "status": "parked" })).is_err());
    }

    #[test]
    fn a_refund_that_waits_or_failed_is_not_listed_and_one_that_nobody_knows_of_is() {
        let refund = |status: Value| {
            let refund = json!({ "id": "re_1", "status": status, "amount": 500, "currency": "eur",
                                 "created": 1_795_910_400, "payment_intent": "pi_1" });
            serde_json::from_value::<ListedRefund>(refund).unwrap().entry().unwrap().is_some()
        };
        for status in [json!("succeeded"), Value::Null, json!("parked")] {
            assert!(refund(status.clone()), "{status}");
        }
        for status in ["pending", "requires_action", "failed", "canceled"] {
            assert!(!refund(json!(status)), "{status}");
        }
    }
}

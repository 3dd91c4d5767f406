//! Stripe's lists of charges and of refunds, the newest first, a hundred at a time.

use domain::business::reconciliation::Theirs;
use domain::link::ReceiptKindName;
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use outbound::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Charge, RefundStatus, Refusal, Stripe, form, refusal};
use crate::lists::{ListError, ListOrder, Listed, Reading, page, second};
use crate::{is_word, object};

const CHARGES: &str = "/v1/charges";
const REFUNDS: &str = "/v1/refunds";

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

impl Stripe<'_> {
    pub(super) async fn listed(&self, order: &ListOrder, credentials: &Credentials) -> Result<Vec<Theirs>, ListError> {
        let mut reading = Reading::new(order);
        match self.charges(&mut reading, order, &[WITH_FEE], credentials).await {
            // A restricted key may read charges and not the balance, and the fee is worth no list.
            Err(ListError::Refused { code }) if code == "403" => {
                self.charges(&mut reading, order, &[], credentials).await?;
            }
            read => read?,
        }
        let path = |after: Option<&str>| pages(REFUNDS, order, &[], after);
        self.each_page(&mut reading, path, credentials, |refund: &ListedRefund| &refund.id, ListedRefund::entry)
            .await?;
        reading.finished()
    }

    async fn charges(
        &self,
        reading: &mut Reading<'_>,
        order: &ListOrder,
        with: &[(&str, &str)],
        credentials: &Credentials,
    ) -> Result<(), ListError> {
        let path = |after: Option<&str>| pages(CHARGES, order, with, after);
        self.each_page(reading, path, credentials, |charge: &ListedCharge| &charge.id, ListedCharge::entry).await
    }

    /// Reads a list to its end. `entry` says what one of its objects is, and nothing of one that moved no money.
    async fn each_page<T: DeserializeOwned>(
        &self,
        reading: &mut Reading<'_>,
        path: impl Fn(Option<&str>) -> String,
        credentials: &Credentials,
        id: impl Fn(&T) -> &String,
        entry: impl Fn(&T) -> Result<Option<Listed>, ListError>,
    ) -> Result<(), ListError> {
        let mut after: Option<String> = None;
        loop {
            reading.goes_on()?;
            let body = page(self.get(&path(after.as_deref()), credentials).await, refused)?;
            let list: Page<T> = object(&body).ok_or_else(|| ListError::unreadable("a list"))?;
            for one in &list.data {
                entry(one)?.into_iter().for_each(|listed| reading.take(listed));
            }
            if !list.has_more {
                return Ok(());
            }
            let last = list.data.last().map(&id).filter(|id| is_word(id));
            after = Some(last.ok_or_else(|| ListError::unreadable("a list"))?.clone());
        }
    }
}

/// The address of a page.
fn pages(list: &str, order: &ListOrder, with: &[(&str, &str)], after: Option<&str>) -> String {
    let (from, to) = (order.from.as_second().to_string(), order.to.as_second().to_string());
    let mut query = vec![("created[gte]", from.as_str()), ("created[lte]", to.as_str()), ("limit", "100")];
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

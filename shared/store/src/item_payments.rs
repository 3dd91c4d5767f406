//! What was paid for an item by all links together. Whoever writes down a payment, or that money went back, writes this in the same
//! transaction, so that two links of one item never keep the same money twice.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::Timestamp;
use domain::gateway::Mode;
use domain::ids::{BusinessId, ItemId};
use domain::link::{PaidOnItem, PaymentLink};
use domain::money::Currency;
use domain::records::item_payments::{ItemPayment, ItemPayments};

use crate::error::StoreError;
use crate::item::{Item, number};
use crate::keys;
use crate::table::TransactOutcome;
use crate::{BusinessStore, Store};

/// The payments for an item, by mode and the code of the currency.
pub type PaymentsOfItem = BTreeMap<(Mode, &'static str), ItemPayments>;

/// The attribute of the sum of a mode and a currency begins so, and that of its list.
const NET: &str = "net";
const LIST: &str = "list";

impl Store {
    /// The write that adds a payment, or takes away what went back. Where there is a bound, it stands against what would exceed it.
    pub(crate) fn add_to_item(
        &self,
        business: &BusinessId,
        paid: &PaidOnItem,
    ) -> Result<TransactWriteItem, StoreError> {
        let PaidOnItem { item, mode, currency, payment, most } = paid;
        let of = |what: &str| attribute(what, *mode, *currency);
        let mut values = Item::from([
            (":nothing".to_owned(), number(0)),
            (":amount".to_owned(), number(payment.amount)),
            (":none".to_owned(), AttributeValue::L(Vec::new())),
            (":entry".to_owned(), AttributeValue::L(vec![written(payment)])),
        ]);
        let names = HashMap::from([("#net".to_owned(), of(NET)), ("#list".to_owned(), of(LIST))]);
        let condition = match most {
            None => None,
            // A sum that is not there is nothing, and what is more than the bound by itself finds room nowhere.
            Some(most) => {
                values.insert(":room".to_owned(), number(most.saturating_sub(payment.amount)));
                let is_possible = payment.amount <= *most;
                Some(if is_possible { "attribute_not_exists(#net) OR #net <= :room" } else { "#net <= :room" })
            }
        };
        let set = "SET #net = if_not_exists(#net, :nothing) + :amount, \
                   #list = list_append(if_not_exists(#list, :none), :entry)";
        self.update(keys::item_payments(business, item), set, condition, names, values)
    }
}

impl BusinessStore {
    /// Writes what was paid for the item of a link in fewer lines, where they are many. Where somebody adds to it meanwhile, the
    /// next who looks does it.
    pub async fn fold_item_payments(
        &self,
        link: &PaymentLink,
        item: &ItemId,
        known: &ItemPayments,
    ) -> Result<(), StoreError> {
        let (Some(folded), Some(first)) = (known.folded(), known.0.first()) else { return Ok(()) };
        let (mode, currency) = (link.terms().mode, link.terms().amount.currency());
        let names = HashMap::from([("#list".to_owned(), attribute(LIST, mode, currency))]);
        let count = i64::try_from(known.0.len()).unwrap_or(i64::MAX);
        let values = Item::from([
            (":folded".to_owned(), AttributeValue::L(folded.0.iter().map(written).collect())),
            (":count".to_owned(), number(count)),
            (":first".to_owned(), written(first)),
        ]);
        // Lines are added at the end alone, and the first becomes another one where they are folded.
        let unchanged = Some("size(#list) = :count AND #list[0] = :first");
        let key = keys::item_payments(&self.business, item);
        let write = self.store.update(key, "SET #list = :folded", unchanged, names, values)?;
        match self.store.transact("fold what was paid for an item", vec![write]).await? {
            TransactOutcome::Committed | TransactOutcome::Cancelled(_) => Ok(()),
        }
    }

    /// What was paid for the item of a link, in the mode and the currency of that link.
    pub async fn paid_for(&self, link: &PaymentLink, item: &ItemId) -> Result<ItemPayments, StoreError> {
        let key = (link.terms().mode, link.terms().amount.currency().code());
        Ok(self.item_payments(item).await?.remove(&key).unwrap_or_default())
    }

    /// What was paid for an item.
    pub async fn item_payments(&self, item: &ItemId) -> Result<PaymentsOfItem, StoreError> {
        let found = self.store.get("read what was paid for an item", keys::item_payments(&self.business, item)).await?;
        Ok(found.as_ref().map(read).unwrap_or_default())
    }
}

/// The name of an attribute, which `read` takes apart.
fn attribute(what: &str, mode: Mode, currency: Currency) -> String {
    format!("{what}-{}-{}", mode.as_str(), currency.code())
}

/// What an item of the table says. What cannot be read is not there.
fn read(item: &Item) -> PaymentsOfItem {
    let of = |(name, value): (&String, &AttributeValue)| {
        let mut words = name.split('-');
        let (LIST, mode, currency) = (words.next()?, words.next()?, words.next()?) else { return None };
        let key = (Mode::parse(mode).ok()?, Currency::parse(currency).ok()?.code());
        let entries = value.as_l().ok()?.iter().filter_map(entry).collect();
        Some((key, ItemPayments(entries)))
    };
    item.iter().filter_map(of).collect()
}

fn written(payment: &ItemPayment) -> AttributeValue {
    AttributeValue::L(vec![number(payment.at.as_millisecond()), number(payment.amount)])
}

fn entry(value: &AttributeValue) -> Option<ItemPayment> {
    let [at, amount] = value.as_l().ok()?.as_slice() else { return None };
    let at = Timestamp::from_millisecond(at.as_n().ok()?.parse().ok()?).ok()?;
    Some(ItemPayment { at, amount: amount.as_n().ok()?.parse().ok()? })
}

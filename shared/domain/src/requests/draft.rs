//! A link before it is made: what the form for it shows. Every rule that stands in the way of a draft is one of
//! [`decide`], or that an item has one link that can be paid, so that a draft without a problem is a link that can be made.
//!
//! [`decide`]: crate::requests::create::decide

use std::collections::BTreeMap;

use serde::Serialize;

use crate::address::{Email, Mobile, SocialAddress};
use crate::business::settings::Settings;
use crate::gateway::Mode;
use crate::ids::{AccountId, ReceiptTypeId};
use crate::link::{AmountSource, PaymentLink};
use crate::messages::channel::Channel;
use crate::messages::choice::{MessageChoice, Wording};
use crate::messages::compose::Preview;
use crate::messages::recipients::{Address, DeliveryOptions, Named, Unreached};
use crate::money::Money;
use crate::problem::{Field, Problems, Rejection};
use crate::records::account::Account;
use crate::records::contact::{NamedPerson, Somebody};
use crate::records::item::Item;
use crate::records::receipt_type::ReceiptType;
use crate::requests::create::{CreateContext, Decision, Request, can_choose, find_receipt_type};

/// Refuses a second link of an item that can be paid, where the business wants none. `open` are those that there are.
pub fn check_alone_on_item(open: &[&PaymentLink], settings: &Settings, problems: &mut Problems) {
    if let Some(other) = open.first().filter(|_| settings.one_active_link_per_item) {
        let detail = format!("The active link {} is of this item, of which the settings want no two.", other.id());
        problems.refuse("/item_id", "item_has_active_link", detail);
    }
}

/// What was paid for an item by all of its links, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemMoney {
    pub paid: Money,
    pub due: Money,
}

/// `None` where the item has no amount.
pub fn item_money(item: &Item, records: CreateContext<'_>) -> Option<ItemMoney> {
    let paid = records.paid_for(item, records.account);
    let due = item.left_to_pay(&paid)?;
    Some(ItemMoney { paid: due.with(paid.net()), due })
}

/// Where a value of a draft came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Request,
    /// What is due on the item.
    AmountDue,
    Item,
    /// What the contact owes.
    Balance,
    Contact,
    Settings,
    /// There is one account that can be chosen, and no other.
    OnlyChoice,
}

impl From<AmountSource> for Source {
    fn from(source: AmountSource) -> Self {
        match source {
            AmountSource::Request => Self::Request,
            AmountSource::AmountDue => Self::AmountDue,
            AmountSource::Item => Self::Item,
            AmountSource::Balance => Self::Balance,
        }
    }
}

/// Where each value came from that a caller may leave out. Nothing stands where there is no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sources {
    pub account_id: Option<Source>,
    pub contact_id: Option<Source>,
    pub amount: Option<Source>,
    pub expires_at: Option<Source>,
    pub due_at: Option<Source>,
    pub receipt_type_id: Option<Source>,
    pub locale: Option<Source>,
}

/// The account to propose where the request names none: the only one that can be chosen for it. Of several, a person
/// chooses, because it decides where the money goes.
pub fn only_account<'a>(
    request: &Request,
    records: CreateContext<'_>,
    accounts: &'a BTreeMap<AccountId, Account>,
) -> Option<&'a Account> {
    if !matches!(request.account_id, Field::Absent) {
        return None;
    }
    let mut fitting = accounts.values().filter(|account| can_choose(account, request, records).is_ok());
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Some(only),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

/// The messages of a draft. Until an account is chosen they are those that read the same on each that can be chosen, of
/// which live ones count before sandbox ones: what customers get is what a form should show.
pub fn previews(
    decision: &Decision<'_>,
    records: CreateContext<'_>,
    accounts: &BTreeMap<AccountId, Account>,
) -> Vec<Preview> {
    let request = &decision.request;
    if !matches!(request.account_id, Field::Absent) {
        return decision.previews(records);
    }
    let fitting = accounts.values().filter(|account| can_choose(account, request, records).is_ok());
    let (live, sandbox): (Vec<&Account>, Vec<&Account>) = fitting.partition(|account| account.mode == Mode::Live);
    let fitting = if live.is_empty() { sandbox } else { live };
    let mut on_each = fitting.into_iter().map(|account| decision.previews_on(account, records));
    let mut same = on_each.next().unwrap_or_default();
    for other in on_each {
        same.retain(|preview| other.contains(preview));
    }
    same
}

/// An account in the form, with the reason if it cannot be chosen.
#[derive(Clone, Debug)]
pub struct AccountChoice<'a> {
    pub account: &'a Account,
    pub refused: Option<Rejection>,
}

pub fn account_choices<'a>(
    request: &Request,
    records: CreateContext<'_>,
    accounts: &'a BTreeMap<AccountId, Account>,
) -> Vec<AccountChoice<'a>> {
    let choice = |account| AccountChoice { account, refused: can_choose(account, request, records).err() };
    accounts.values().map(choice).collect()
}

/// A receipt type in the form. One with sub-types is only the heading of them.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptTypeChoice<'a> {
    pub receipt_type: &'a ReceiptType,
    pub can_be_chosen: bool,
}

pub fn receipt_type_choices(receipt_types: &BTreeMap<ReceiptTypeId, ReceiptType>) -> Vec<ReceiptTypeChoice<'_>> {
    let choice = |receipt_type: &'_ ReceiptType| find_receipt_type(&receipt_type.id, receipt_types).is_ok();
    receipt_types.values().map(|one| ReceiptTypeChoice { receipt_type: one, can_be_chosen: choice(one) }).collect()
}

/// A person whom the form offers as a recipient, with the addresses that a provider serves.
#[derive(Clone, Debug)]
pub struct PersonChoice<'a> {
    pub who: NamedPerson,
    pub name: Option<&'a str>,
    pub mobile: Option<&'a Mobile>,
    pub email: Option<&'a Email>,
    pub social: Vec<&'a SocialAddress>,
    /// The person's other addresses, each with the reason why no provider serves it.
    pub unreached: Vec<Unreached>,
}

/// The people of the draft's contact, asked by the rules that the link itself is asked by.
pub fn people_choices<'a>(decision: &Decision<'a>, records: CreateContext<'_>) -> Vec<PersonChoice<'a>> {
    let Some(contact) = decision.contact else { return Vec::new() };
    let wording = decision.message.as_ref().map_or(Wording::Default, MessageChoice::wording);
    let options = DeliveryOptions { channels: &Channel::ALL, wording, router: records.router() };
    let choice = |somebody: Somebody<'a>| {
        let Somebody { who, name, mobile, email, social } = somebody;
        let mut unreached = Vec::new();
        let mut is_served = |address: Address<'_>| match options.check(address) {
            Ok(()) => true,
            Err(reason) => {
                unreached.push(Unreached::at(Some(Named::Person(who.clone())), Some(address), reason));
                false
            }
        };
        let mobile = mobile.filter(|mobile| is_served((*mobile).into()));
        let email = email.filter(|email| is_served((*email).into()));
        let social = social.iter().filter(|social| is_served((*social).into())).collect();
        PersonChoice { who, name, mobile, email, social, unreached }
    };
    contact.everybody().map(choice).collect()
}

/// The receipt type of the settings, as long as a link may name it.
pub fn default_receipt_type<'a>(records: CreateContext<'a>) -> Option<&'a ReceiptTypeId> {
    let id = records.settings.default_receipt_type_id.as_ref()?;
    find_receipt_type(id, records.receipt_types).is_ok().then_some(id)
}

/// Says where the values of a draft came from. `proposed` is whether [`only_account`] found the account.
pub fn sources(decision: &Decision<'_>, proposed: bool) -> Sources {
    let request = &decision.request;
    let given = |is_given: bool| is_given.then_some(Source::Request);
    let has_expiry = !matches!((&request.expires_at, &request.expires_in_days), (Field::Absent, Field::Absent));
    let after = decision.after_payment.as_ref();
    let has_receipt_type = after.is_some_and(|after| after.receipt_type_id.is_some());
    Sources {
        account_id: if proposed {
            Some(Source::OnlyChoice)
        } else {
            given(!matches!(request.account_id, Field::Absent))
        },
        contact_id: given(!matches!(request.contact_id, Field::Absent))
            .or_else(|| decision.contact.map(|_| Source::Item)),
        amount: given(!matches!(request.amount, Field::Absent))
            .or_else(|| decision.amount.map(|(_, source)| source.into())),
        expires_at: given(has_expiry).or(Some(Source::Settings)),
        due_at: given(!matches!(request.due_at, Field::Absent)).or_else(|| decision.due_at.map(|_| Source::Item)),
        receipt_type_id: given(!matches!(request.after_payment.receipt_type_id, Field::Absent))
            .or_else(|| has_receipt_type.then_some(Source::Settings)),
        locale: match (&request.locale, &decision.locale) {
            (Field::Value(_) | Field::Refused, _) => Some(Source::Request),
            (Field::Absent, Some(_)) => Some(Source::Contact),
            // Messages speak the language of the business then, and pages that of the browser.
            (Field::Absent, None) => Some(Source::Settings),
        },
    }
}

//! What is asked for, and whether an account can take it.

use super::context::CreateContext;
use super::request::Request;
use crate::gateway::GatewayRulebook;
use crate::link::{AmountSource, MOST_PAYMENTS};
use crate::money::{Currency, Money};
use crate::problem::{Field, Problems, Rejection};
use crate::records::account::{Account, GatewayAccess};
use crate::records::contact::Contact;
use crate::records::item::Item;
use crate::records::item_payments::ItemPayments;

/// An account, and the gateway that a link on it is paid at.
pub type PayableAccount<'a> = (&'a Account, GatewayAccess<'a>);

/// The first present of the request, what is due on the item, the item's amount and the balance. It is never skipped because it is zero or negative.
pub(super) fn decide_amount(
    request: &Request,
    records: CreateContext<'_>,
    account: Option<PayableAccount<'_>>,
    item: Option<&Item>,
    contact: Option<&Contact>,
    problems: &mut Problems,
) -> Option<(Money, AmountSource)> {
    let currency = account.map(|(account, _)| account.currency);
    let paid = item.map(|item| records.paid_for(item, account.map(|(account, _)| account))).unwrap_or_default();
    let (money, source) = find_amount(request, currency, (item, &paid), contact, problems)?;
    if source == AmountSource::AmountDue && money.minor_units() == 0 {
        let detail = "Nothing is due on the item any more. Name an amount to ask for one all the same.";
        problems.refuse("/amount", "nothing_due", detail);
    } else if money.minor_units() <= 0 {
        let detail =
            format!("{} is {}, and only an amount above zero can be paid.", source_name(source), money.minor_units());
        problems.refuse("/amount", "amount_not_payable", detail);
    } else if let Some(account) = account
        && let Err((pointer, rejection)) = fits(money, source, account, request, records.gateways)
    {
        problems.add(pointer, rejection);
    }
    Some((money, source))
}

/// What is asked for. An amount without a currency is in that of the account.
pub(super) fn find_amount(
    request: &Request,
    of_account: Option<Currency>,
    (item, paid): (Option<&Item>, &ItemPayments),
    contact: Option<&Contact>,
    problems: &mut Problems,
) -> Option<(Money, AmountSource)> {
    match (&request.amount, &request.currency) {
        (Field::Refused, _) | (_, Field::Refused) => None,
        (Field::Absent, Field::Value(_)) => {
            problems.refuse(
                "/currency",
                "currency_without_amount",
                "A currency is only given together with an amount.",
            );
            None
        }
        (Field::Value(amount), currency) => {
            let currency = currency.as_ref().value().copied().or(of_account)?;
            let money = problems.check("/amount", Money::new(*amount, currency)).value()?;
            Some((money, AmountSource::Request))
        }
        (Field::Absent, Field::Absent) => {
            let found = amount_on_record(item, paid, contact);
            // Without a contact it is not known whether there is a balance.
            if found.is_none() && contact.is_some() {
                let detail = "Give an amount: neither the item nor the contact's balance has one.";
                problems.refuse("/amount", "required", detail);
            }
            found
        }
    }
}

/// Whether an account can be chosen for what the request asks for, by the rules that the link itself is asked for. An
/// amount that no account takes speaks against none of them.
pub(crate) fn can_choose(account: &Account, request: &Request, records: CreateContext<'_>) -> Result<(), Rejection> {
    let access = account.gateway_access()?;
    let scratch = &mut Problems::default();
    let paid = records.item.map(|item| records.paid_for(item, Some(account))).unwrap_or_default();
    match find_amount(request, Some(account.currency), (records.item, &paid), records.contact, scratch) {
        Some((money, source)) if money.minor_units() > 0 => {
            fits(money, source, (account, access), request, records.gateways).map_err(|(_, rejection)| rejection)
        }
        Some(_) | None => Ok(()),
    }
}

/// The amount that the records name, where the request names none.
fn amount_on_record(
    item: Option<&Item>,
    paid: &ItemPayments,
    contact: Option<&Contact>,
) -> Option<(Money, AmountSource)> {
    // What is left of an item's amount once something was paid is what is due.
    let is_due = |item: &Item| item.due.is_some() || paid.net() != 0;
    let source = |item: &Item| if is_due(item) { AmountSource::AmountDue } else { AmountSource::Item };
    let of_item = item.and_then(|item| Some((item.left_to_pay(paid)?, source(item))));
    of_item.or_else(|| contact.and_then(|contact| contact.balance).map(|balance| (balance, AmountSource::Balance)))
}

fn source_name(source: AmountSource) -> &'static str {
    match source {
        AmountSource::Request => "The amount",
        AmountSource::AmountDue => "What is due on the item",
        AmountSource::Item => "The item's amount",
        AmountSource::Balance => "What the contact owes",
    }
}

/// Whether an amount can be paid on an account. The error comes with the field to change.
fn fits(
    money: Money,
    source: AmountSource,
    (account, access): PayableAccount<'_>,
    request: &Request,
    gateways: &GatewayRulebook,
) -> Result<(), (&'static str, Rejection)> {
    let gateway = access.gateway;
    if money.currency() != account.currency {
        let pointer = if source == AmountSource::Request { "/currency" } else { "/amount" };
        let (from, there) = (source_name(source), account.currency);
        let detail = format!("{from} is in {}, the account {} in {there}.", money.currency(), account.id);
        return Err((pointer, Rejection::new("currency_mismatch", detail)));
    }
    if !gateway.takes(money.currency()) {
        let detail = format!("The gateway {} does not take {}.", gateway.as_str(), money.currency());
        return Err(("/currency", Rejection::new("currency_not_supported", detail)));
    }
    let at_amount = |rejection| ("/amount", rejection);
    let is_in_parts = !matches!(request.payment_plan, Field::Absent) || account.online_payment.split_large_amounts;
    let limits = gateways.limits(gateway, money.currency());
    if !is_in_parts || money.minor_units() <= limits.largest {
        return gateways.check_amount(gateway, money).map_err(at_amount);
    }
    let most = limits.largest.saturating_mul(i64::try_from(MOST_PAYMENTS).unwrap_or(i64::MAX));
    if money.minor_units() <= most {
        return Ok(());
    }
    let detail = format!("The gateway {} takes at most {most} in {MOST_PAYMENTS} payments.", gateway.as_str());
    Err(at_amount(Rejection::new("amount_outside_gateway_limits", detail)))
}

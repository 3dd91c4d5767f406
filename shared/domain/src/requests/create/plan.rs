//! In which parts a link may be paid: as the request says, or because its gateway takes no such amount at once.

use jiff::{SignedDuration, Timestamp, ToSpan};

use super::amount::PayableAccount;
use super::context::CreateContext;
use super::request::{PartRequest, PlanRequest, Request};
use crate::gateway::AmountLimits;
use crate::link::{LONGEST_DAYS, MOST_PARTS, MOST_PAYMENTS, Part, PaymentPlan};
use crate::money::Money;
use crate::problem::{Field, Problems, Rejection};
use crate::requests::expiry::end_of;

/// The plan of a link of this amount, or why there can be none.
pub(super) fn decide_plan(
    request: &Request,
    records: CreateContext<'_>,
    account: Option<PayableAccount<'_>>,
    amount: Option<Money>,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<PaymentPlan> {
    let limits = |money: Money| account.map(|(_, access)| records.gateways.limits(access.gateway, money.currency()));
    match &request.payment_plan {
        Field::Absent => {
            let (money, (account, _)) = (amount?, account?);
            let limits = limits(money)?;
            let is_too_large = money.minor_units() > limits.largest;
            (is_too_large && account.online_payment.split_large_amounts).then(|| in_equal_parts(money, limits))
        }
        Field::Refused => None,
        Field::Value(PlanRequest::Minimum(minimum)) => {
            let at = "/payment_plan/minimum";
            let money = amount.filter(|money| money.minor_units() > 0)?;
            problems.check(at, check_minimum(*minimum, money)).value()?;
            if let Some(limits) = limits(money) {
                problems.check(at, check_part(*minimum, limits)).value()?;
            }
            Some(PaymentPlan::Minimum(*minimum))
        }
        Field::Value(PlanRequest::Parts(parts)) => {
            let parts = read_parts(parts, records, now, problems)?;
            let money = amount.filter(|money| money.minor_units() > 0)?;
            if let Some(limits) = limits(money) {
                for (index, part) in parts.iter().enumerate() {
                    problems.check(format!("/payment_plan/parts/{index}/amount"), check_part(part.amount, limits));
                }
            }
            let sum = parts.iter().fold(0_i64, |sum, part| sum.saturating_add(part.amount));
            if sum != money.minor_units() {
                let detail = format!("The parts are {sum} together, and the amount is {}.", money.minor_units());
                problems.refuse("/payment_plan/parts", "parts_do_not_add_up", detail);
            }
            Some(PaymentPlan::Parts(parts))
        }
    }
}

/// Until when a link with dated parts can be paid where the request does not say: as many days after the last of them as a link
/// lives otherwise.
pub(super) fn default_end(parts: &[Part], records: CreateContext<'_>, now: Timestamp) -> Option<Timestamp> {
    let zone = records.settings.zone();
    // A part that is due on a day is due until the next one begins.
    let last = parts.last()?.due_at.max(now).checked_sub(SignedDuration::from_secs(1)).ok()?;
    let day = zone.to_datetime(last).date().checked_add(records.settings.default_expires_in_days.days()).ok()?;
    let latest = zone.to_datetime(now).date().checked_add(LONGEST_DAYS.days()).ok()?;
    end_of(day.min(latest), &zone)
}

/// Refuses an end before which some part is not due.
pub(crate) fn check_end(parts: &[Part], expires_at: Timestamp) -> Result<(), Rejection> {
    if parts.iter().all(|part| part.due_at <= expires_at) {
        return Ok(());
    }
    let detail = "The link would end before its last part is due, and nobody could pay that any more.";
    Err(Rejection::new("ends_before_last_part", detail))
}

/// As few parts as there can be, or more and larger ones where the customer wants that.
fn in_equal_parts(money: Money, limits: AmountLimits) -> PaymentPlan {
    let amount = money.minor_units();
    let parts = amount.saturating_add(limits.largest - 1) / limits.largest.max(1);
    PaymentPlan::Minimum((amount / parts.max(1)).clamp(limits.smallest, limits.largest))
}

fn check_minimum(minimum: i64, money: Money) -> Result<(), Rejection> {
    let amount = money.minor_units();
    if minimum <= 0 || minimum >= amount {
        let detail = format!("Give an amount above zero and below {amount}, which is all of it.");
        return Err(Rejection::new("not_a_part", detail));
    }
    let most = i64::try_from(MOST_PAYMENTS).unwrap_or(i64::MAX);
    let least = amount.saturating_add(most - 1) / most;
    if minimum < least {
        let detail = format!("A link takes at most {MOST_PAYMENTS} payments, so that the smallest is {least} here.");
        return Err(Rejection::new("too_many_payments", detail));
    }
    Ok(())
}

fn check_part(amount: i64, AmountLimits { smallest, largest }: AmountLimits) -> Result<(), Rejection> {
    if (smallest..=largest).contains(&amount) {
        return Ok(());
    }
    let detail = format!("The account's gateway takes payments from {smallest} to {largest}.");
    Err(Rejection::new("amount_outside_gateway_limits", detail))
}

fn read_parts(
    parts: &[PartRequest],
    records: CreateContext<'_>,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<Vec<Part>> {
    let (zone, known) = (records.settings.zone(), problems.as_slice().len());
    if !(2..=MOST_PARTS).contains(&parts.len()) {
        let detail = format!("Give 2 to {MOST_PARTS} parts.");
        problems.refuse("/payment_plan/parts", "wrong_number_of_parts", detail);
        return None;
    }
    let mut read: Vec<Part> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let due_at = format!("/payment_plan/parts/{index}/due_at");
        let Some(due) = problems.check(due_at.clone(), part.due_at.resolve(now, &zone)).value() else { continue };
        if read.last().is_some_and(|last| last.due_at >= due) {
            problems.refuse(due_at, "parts_not_in_order", "Each part is due after the one before it.");
        }
        read.push(Part { amount: part.amount, due_at: due });
    }
    (problems.as_slice().len() == known).then_some(read)
}

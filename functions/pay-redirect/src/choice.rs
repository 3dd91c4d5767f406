//! How much a customer wants to pay next, where a link may be paid in parts, as the forms of a page post it.

use domain::business::statement::Unit;
use domain::gateway::GatewayRulebook;
use domain::link::{NextPayment, PaymentLink};
use domain::locale::Language;
use domain::money::{Currency, Money};
use url::form_urlencoded;

/// The fields of the forms, and their values.
pub(crate) const PAY: &str = "pay";
pub(crate) const ALL: &str = "all";
pub(crate) const PART: &str = "part";
pub(crate) const OTHER: &str = "other";
pub(crate) const AMOUNT: &str = "amount";
pub(crate) const UNIT: &str = "unit";
pub(crate) const TOMAN: &str = "toman";

/// No form of ours is larger.
pub(crate) const LARGEST_FORM: usize = 2_000;

/// What a customer wants to pay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing was chosen.
    #[default]
    Unsaid,
    All,
    /// The next part, which is the least that can be paid.
    Part,
    /// An amount as it was typed.
    Typed {
        amount: String,
        in_toman: bool,
    },
}

/// Why a wish leads to no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WishRefused {
    /// The customer has to choose first.
    NotChosen,
    /// What was typed is no amount that can be paid.
    NotPayable,
}

impl Wish {
    /// What a form posted.
    pub(crate) fn read(form: &[u8]) -> Self {
        let (mut pay, mut amount, mut in_toman) = (String::new(), String::new(), false);
        for (name, value) in form_urlencoded::parse(form) {
            match name.as_ref() {
                PAY => pay = value.into_owned(),
                AMOUNT => amount = value.into_owned(),
                UNIT => in_toman = value == TOMAN,
                _ => {}
            }
        }
        match pay.as_str() {
            ALL => Self::All,
            PART => Self::Part,
            OTHER => Self::Typed { amount, in_toman },
            _ => Self::Unsaid,
        }
    }

    /// The amount of the session that is opened for it.
    pub(crate) fn amount(&self, next: &NextPayment) -> Result<Money, WishRefused> {
        if let Some(only) = next.only_amount() {
            return Ok(only);
        }
        let least = || next.part.as_ref().map(|part| next.due.with(*part.start()));
        let money = match self {
            Self::Unsaid => return Err(WishRefused::NotChosen),
            Self::All => Some(next.due),
            Self::Part => least(),
            Self::Typed { amount, in_toman } => read_amount(amount, *in_toman, next.due.currency()),
        };
        money.filter(|money| next.takes(*money)).ok_or(WishRefused::NotPayable)
    }
}

/// What somebody typed, in the unit that the form named.
fn read_amount(text: &str, in_toman: bool, currency: Currency) -> Option<Money> {
    let unit = if in_toman && currency == Currency::IRR { Unit::TOMAN } else { Unit::major(currency) };
    Money::new(unit.amount(text).ok()?, currency).ok()
}

/// Whether people of this language count an amount in Toman, where the business does not want Rial alone.
pub(crate) fn counts_in_toman(language: Language, money: Money, rial_alone: bool) -> bool {
    money.currency() == Currency::IRR && !rial_alone && language.counts_in_toman()
}

/// What can be paid next of a link, of whose item so much is left to pay where that matters. The figures of a gateway are those
/// of the link's own.
pub(crate) fn next_payment(link: &PaymentLink, gateways: &GatewayRulebook, room: Option<i64>) -> NextPayment {
    let terms = link.terms();
    link.next_payment(gateways.limits(terms.account.gateway, terms.amount.currency()), room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(units: i64, code: &str) -> Money {
        Money::new(units, Currency::parse(code).unwrap()).unwrap()
    }

    fn next(due: i64, part: Option<(i64, i64)>, is_whole_possible: bool) -> NextPayment {
        let part = part.map(|(least, most)| least..=most);
        NextPayment { due: money(due, "IRR"), is_whole_possible, part }
    }

    #[test]
    fn a_form_says_all_the_next_part_or_an_amount_as_people_write_it() {
        let next = next(1_500_000, Some((500_000, 1_490_000)), true);
        let paid = |form: &str| Wish::read(form.as_bytes()).amount(&next).map(Money::minor_units);
        assert_eq!(paid("pay=all"), Ok(1_500_000));
        assert_eq!(paid("pay=part"), Ok(500_000));
        for typed in ["70000", "70,000", "۷۰٬۰۰۰", "70000.0"] {
            let typed: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            assert_eq!(paid(&format!("pay=other&unit=toman&amount={typed}")), Ok(700_000), "{typed}");
        }
        assert_eq!(paid("pay=other&amount=700000"), Ok(700_000), "without a unit of its own it is the currency's");
        assert_eq!(paid(""), Err(WishRefused::NotChosen));
        for refused in ["499999", "1490001", "1500001", "-700000", "", "7,00", "seven"] {
            assert_eq!(paid(&format!("pay=other&amount={refused}")), Err(WishRefused::NotPayable), "{refused}");
        }
        assert_eq!(paid("pay=other&amount=1500000"), Ok(1_500_000), "all of it is an amount too");
    }

    #[test]
    fn where_there_is_nothing_to_choose_no_form_is_asked() {
        for wish in [Wish::Unsaid, Wish::All, Wish::Part] {
            assert_eq!(wish.amount(&next(900_000, None, true)), Ok(money(900_000, "IRR")));
        }
        let too_much = next(900_000, Some((400_000, 600_000)), false);
        assert_eq!(Wish::All.amount(&too_much), Err(WishRefused::NotPayable), "its gateway takes less at once");
        assert_eq!(Wish::Part.amount(&too_much), Ok(money(400_000, "IRR")));
    }
}

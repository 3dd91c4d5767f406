//! The currencies: which Stripe takes, how they are counted, and how people write amounts in them.

use super::answer::Refusal;
use crate::gateways::amounts::grouped;

/// The presentment currencies, as Stripe writes them. The rial is not among them, and the lev is not since Bulgaria has
/// the euro.
const CURRENCIES: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bhd bif bmd bnd bob brl bsd bwp byn \
    bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl \
    htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt \
    mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd \
    scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf \
    yer zar zmw";

pub(super) fn check_currency(currency: &str, param: &str) -> Result<(), Refusal> {
    if CURRENCIES.split(' ').any(|known| known == currency) {
        return Ok(());
    }
    let known = CURRENCIES.replace(' ', ", ");
    let message = format!("Invalid currency: {currency}. Stripe currently supports these currencies: {known}");
    Err(Refusal::new(message).param(param))
}

/// Some currencies are counted in smaller units than they are paid in.
pub(super) fn check_step(unit_amount: u64, currency: &str, param: &str) -> Result<(), Refusal> {
    let step = match currency {
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        "isk" | "ugx" => 100,
        _ => 1,
    };
    if unit_amount.is_multiple_of(step) {
        return Ok(());
    }
    Err(Refusal::new(format!("Invalid amount: amounts in {currency} must be divisible by {step}.")).param(param))
}

/// The smallest charge is worth about half a US dollar. Stripe publishes the figure for its main currencies; for the
/// others it converts, which is not simulated.
pub(super) fn smallest_amount(currency: &str) -> u64 {
    match currency {
        "gbp" => 30,
        "usd" | "eur" | "aud" | "brl" | "cad" | "chf" | "inr" | "jpy" | "nzd" | "sgd" => 50,
        "aed" | "myr" | "pln" | "ron" => 200,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "hkd" => 400,
        "mxn" | "thb" => 1_000,
        "czk" => 1_500,
        "huf" => 17_500,
        _ => 1,
    }
}

/// The largest charge that every way of paying takes, by the number of digits that Stripe publishes. Cards take more.
pub(super) fn largest_amount(currency: &str) -> u64 {
    match currency {
        "idr" => 999_999_999_999,
        "cop" => 9_999_999_999,
        "inr" => 999_999_999,
        _ => 99_999_999,
    }
}

/// With the currency, in the unit that people write.
pub(super) fn display(amount: u64, currency: &str) -> String {
    let decimals = match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv" | "xaf"
        | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    };
    let code = currency.to_uppercase();
    let unit = 10_u64.pow(decimals);
    match decimals {
        0 => format!("{} {code}", grouped(amount)),
        2 => format!("{}.{:02} {code}", grouped(amount / unit), amount % unit),
        _ => format!("{}.{:03} {code}", grouped(amount / unit), amount % unit),
    }
}

//! The forms by which a customer chooses how much to pay next. What they post is read in `choice`.

use domain::link::{PaymentLink, RecipientMark};
use domain::money::Money;
use maud::{Markup, html};

use super::Choice;
use super::words::Words;
use crate::choice::{ALL, AMOUNT, OTHER, PART, PAY, TOMAN, UNIT, WishRefused, counts_in_toman};

/// Where the button leads that begins a payment: to the same address that they came by.
pub(super) fn leads_to(link: &PaymentLink, mark: Option<RecipientMark>) -> String {
    let mark = mark.map(|mark| mark.as_char().to_string()).unwrap_or_default();
    format!("/p/{}{mark}/go", link.token().expose())
}

/// Each button names what it pays and says what is left to pay then.
pub(super) fn forms(link: &PaymentLink, choice: &Choice, words: &Words<'_>) -> Markup {
    let Choice { next, refused, mark } = choice;
    let refused = *refused;
    let Some(part) = &next.part else { return Markup::default() };
    let to = leads_to(link, *mark);
    let shown = |money: Money| words.money(money);
    let (least, most) = (next.due.with(*part.start()), next.due.with(*part.end()));
    let left = next.due.with(next.due.minor_units() - least.minor_units());
    let then = match link.due_after(least) {
        Some(at) => words.with("then-left-by", &[("left", &shown(left)), ("date", &words.deadline(at))]),
        None => words.with("then-left", &[("left", &shown(left))]),
    };
    let has_others = part.start() != part.end();
    let toman = counts_in_toman(words.language(), next.due, words.settings().rial_alone);
    let label = if toman { "other-amount-toman" } else { "other-amount" };
    let currency = next.due.currency();
    html! {
        div.choice {
            form method="post" action=(to) {
                button.button type="submit" name=(PAY) value=(PART) { (words.with("pay-part", &[("amount", &shown(least))])) }
                p { (then) }
            }
            @if next.is_whole_possible {
                form method="post" action=(to) {
                    button.button.quiet type="submit" name=(PAY) value=(ALL) {
                        (words.with("pay-all", &[("amount", &shown(next.due))]))
                    }
                    p { (words.say("then-nothing-left")) }
                }
            }
            @if has_others {
                details open[refused == Some(WishRefused::NotPayable)] {
                    summary { (words.say("pay-other")) }
                    form method="post" action=(to) {
                        @if toman { input type="hidden" name=(UNIT) value=(TOMAN); }
                        label {
                            (words.with(label, &[("currency", currency.code())]))
                            input type="text" name=(AMOUNT) inputmode="decimal" autocomplete="off" dir="ltr" required
                                maxlength="30" aria-describedby="range";
                        }
                        p id="range" role=[(refused == Some(WishRefused::NotPayable)).then_some("alert")] {
                            (words.with("other-range", &[("least", &shown(least)), ("most", &shown(most))]))
                        }
                        button.minor type="submit" name=(PAY) value=(OTHER) { (words.say("pay-this")) }
                    }
                }
            }
        }
    }
}

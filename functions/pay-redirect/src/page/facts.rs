//! What pages say of a payment as a list of names and values.

use domain::link::PaymentLink;
use maud::{Markup, html};

use super::told;
use super::words::Words;

/// The longest value that stands beside its name, in characters. Others stand below it.
const LONGEST_BESIDE: usize = 34;

/// A fact with its name. A long one stands below its name, and its line breaks are kept.
pub(super) fn fact(name: &str, value: &str) -> Markup {
    written(name, value, None)
}

/// The same of what is written from left to right in every language.
pub(super) fn fact_ltr(name: &str, value: &str) -> Markup {
    written(name, value, Some("ltr"))
}

fn written(name: &str, value: &str, direction: Option<&str>) -> Markup {
    let is_long = value.contains('\n') || value.chars().count() > LONGEST_BESIDE;
    html! { div class=[is_long.then_some("long")] { dt { (name) } dd { bdi dir=[direction] { (value) } } } }
}

pub(super) fn purpose(link: &PaymentLink, words: &Words<'_>) -> Markup {
    html! { @if let Some(purpose) = &link.terms().description { (fact(&words.say("purpose"), purpose)) } }
}

/// What is paid in parts: all of it, the dated parts with which of them are paid, what was paid so far and what is left.
pub(super) fn parts(link: &PaymentLink, words: &Words<'_>) -> Markup {
    let shown = |units: i64| words.money(link.terms().amount.with(units));
    html! {
        @if told::has_parts(link) {
            (fact(&words.say("amount-total"), &words.money(link.terms().amount)))
            @for (part, paid) in link.paid_of_parts() {
                div.part {
                    dt { (words.with("part-due", &[("date", &words.deadline(part.due_at))])) }
                    dd {
                        bdi { (shown(part.amount)) }
                        @if paid >= part.amount { " " span.done { (words.say("part-is-paid")) } }
                        @else if paid > 0 {
                            " " span { (words.with("part-left", &[("left", &shown(part.amount - paid))])) }
                        }
                    }
                }
            }
        }
        @if link.is_part_paid() {
            (fact(&words.say("amount-paid"), &words.money(link.amount_paid())))
            @if link.amount_due().minor_units() > 0 {
                (fact(&words.say("amount-left"), &words.money(link.amount_due())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_stands_below_its_name() {
        let is_long = |value: &str| fact("For", value).into_string().contains("class=\"long\"");
        assert!(!is_long("Invoice 77") && is_long("Invoice 77\nof May") && is_long(&"x".repeat(LONGEST_BESIDE + 1)));
    }
}

//! What `/v1/totals` says, held against a plain sum over every link and every receipt of the table.
//!
//! The sums here are made in the simplest way from what [`Evidence`] read, and know nothing of lists, of days that are kept,
//! or of marks.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::gateway::{FeePayer, Mode};
use domain::link::{LinkStatus, PaymentLink, PaymentPlan, Receipt, ReceiptKind};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::faulty_world::{FaultyWorld, key_of};
use crate::invariants::{Evidence, own_time};

/// Everything that totals can be grouped by.
pub const GROUPINGS: [&str; 9] =
    ["day", "week", "month", "year", "account", "gateway", "channel", "opened_by", "created_by"];

const AGES: [&str; 5] = ["not_yet_due", "days_1_to_30", "days_31_to_60", "days_61_to_90", "days_over_90"];

const STATUSES: [&str; 5] = ["active", "paid", "expired", "cancelled", "replaced"];

/// Count and amount, by group, by what is counted and by currency.
pub type Sums = BTreeMap<(String, &'static str, String), (u64, i128)>;

/// Asks for totals until there was time for all of them. `None` where a call met trouble that was made for it.
pub async fn ask(world: &FaultyWorld, business: &str, query: &str) -> Option<Value> {
    loop {
        let path = format!("/v1/totals?{query}");
        let reply = world.crm_as(key_of(business), Method::GET, &path, &Value::Null, &[]).await?;
        match (reply.status, reply.json()["code"].as_str()) {
            (StatusCode::OK, _) => return Some(reply.json()),
            (StatusCode::CONFLICT, Some("totals_not_ready")) => {}
            _ => return None,
        }
    }
}

/// Where what a business is told by these groupings differs from what there is, each as a sentence. It has to be told all.
pub async fn disagreements(
    world: &FaultyWorld,
    evidence: &Evidence,
    business: &str,
    groupings: &[&'static str],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let store = world.cloud.store.of(&domain::ids::BusinessId::parse(business).expect("an id"));
    let configuration = store.fresh_configuration().await.expect("the configuration can be read");
    let zone = configuration.settings.zone();
    let links: Vec<&PaymentLink> =
        evidence.links.values().filter(|link| link.business().as_str() == business).collect();
    let receipts: Vec<&Receipt> =
        evidence.receipts().filter(|(of, _)| *of == business).map(|(_, receipt)| receipt).collect();
    let day = |at: Timestamp| zone.to_datetime(at).date();
    let days = links.iter().map(|link| day(link.created_at())).chain(receipts.iter().map(|one| day(booked_at(one))));
    let Some(first) = days.min() else { return wrong };
    // At most three years are told at once.
    let first = first.max(day(world.now()).saturating_sub(jiff::Span::new().days(1000)));
    for mode in [Mode::Live, Mode::Sandbox] {
        for &grouping in groupings {
            let query = format!("mode={}&group_by={grouping}&from={first}", mode.as_str());
            let Some(told) = ask(world, business, &query).await else {
                wrong.push(format!("{business} is not told {query}"));
                continue;
            };
            let now = told["as_of"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
            let books = Books { mode, zone: &zone, grouping, now, first };
            let (expected, found) = (books.of(&links, &receipts), sums_of(&told, grouping));
            let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
            for key in keys.into_iter().filter(|key| expected.get(*key) != found.get(*key)) {
                let (expected, found) = (expected.get(key), found.get(key));
                wrong.push(format!("{business} is told by {grouping} {found:?} of {key:?}, and there is {expected:?}"));
            }
        }
    }
    wrong
}

/// Whether a receipt may have been moved, the invariants ask.
fn booked_at(receipt: &Receipt) -> Timestamp {
    receipt.booked_later.unwrap_or_else(|| own_time(receipt))
}

/// What a group is called that only its own sum is compared of.
pub const ALL: &str = "all of them";

/// What an answer says by this grouping. Weeks, months and years are compared together.
pub fn sums_of(told: &Value, grouping: &str) -> Sums {
    let mut sums = Sums::new();
    let mut add = |group: &str, what: &'static str, amounts: &Value| {
        for one in amounts.as_array().expect("amounts") {
            let currency = one["currency"].as_str().expect("a currency").to_owned();
            let sum = sums.entry((group.to_owned(), what, currency)).or_default();
            let (count, amount) = (one["count"].as_u64().expect("a count"), one["amount"].as_i64().expect("an amount"));
            *sum = (sum.0 + count, sum.1 + i128::from(amount));
        }
    };
    for group in told["groups"].as_array().expect("groups") {
        let key = group["key"].as_str().unwrap_or_default();
        // A day is told by its own date whatever calendar a business counts by.
        let (of_links, of_receipts) = match grouping {
            "day" => (group["from"].as_str().expect("a day"), group["from"].as_str().expect("a day")),
            "account" | "gateway" | "created_by" | "channel" | "opened_by" => (key, key),
            _ => (ALL, ALL),
        };
        for what in ["created", "opened", "begun"].into_iter().chain(STATUSES) {
            add(of_links, what, &group["links"][what]["amounts"]);
        }
        if !group["received"].is_null() {
            add(of_receipts, "gross", &group["received"]["gross"]);
            add(of_receipts, "refunded", &group["received"]["refunded"]);
            add(of_receipts, "voided", &group["received"]["voided"]);
            add(of_receipts, "net", &group["received"]["net"]);
            add(of_receipts, "fees", &group["received"]["fees"]);
        }
    }
    for (name, due) in told["aging"].as_object().expect("what is due") {
        add("aging", AGES.into_iter().find(|age| age == name).expect("a known age"), &due["amounts"]);
    }
    sums
}

/// How totals are compared.
struct Books<'a> {
    mode: Mode,
    zone: &'a TimeZone,
    grouping: &'static str,
    now: Timestamp,
    /// The first day that was asked for.
    first: Date,
}

impl Books<'_> {
    fn day(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// What is left to pay of a link, by how long it has been due. What was paid of it paid its first parts first.
    fn due_by_age(&self, link: &PaymentLink) -> BTreeMap<&'static str, i64> {
        let terms = link.terms();
        let mut paid = terms.amount.minor_units() - link.amount_due().minor_units();
        let whole = [(terms.due_at, terms.amount.minor_units())];
        let dated = terms.plan.iter().flat_map(PaymentPlan::parts).map(|part| (Some(part.due_at), part.amount));
        let dated: Vec<_> = dated.collect();
        let mut due = BTreeMap::new();
        for (due_at, amount) in if dated.is_empty() { &whole[..] } else { &dated } {
            let left = (amount - paid).max(0);
            paid = (paid - amount).max(0);
            let last_day = |at: Timestamp| self.day(at - SignedDuration::from_nanos(1));
            let days = due_at.map_or(0, |at| (self.day(self.now) - last_day(at)).get_days());
            let age = match days {
                ..=0 => 0,
                1..=30 => 1,
                31..=60 => 2,
                61..=90 => 3,
                _ => 4,
            };
            if left > 0 {
                *due.entry(AGES[age]).or_default() += left;
            }
        }
        due
    }

    /// What there is.
    fn of(&self, links: &[&PaymentLink], receipts: &[&Receipt]) -> Sums {
        let mut sums = Sums::new();
        let mut add = |group: &str, what: &'static str, currency: &str, amount: i64| {
            let sum = sums.entry((group.to_owned(), what, currency.to_owned())).or_default();
            *sum = (sum.0 + 1, sum.1 + i128::from(amount));
        };
        for link in links.iter().filter(|link| link.terms().mode == self.mode) {
            let terms = link.terms();
            let (amount, currency) = (terms.amount.minor_units(), terms.amount.currency().code());
            let group = match self.grouping {
                "day" => self.day(link.created_at()).to_string(),
                "account" => terms.account.id.to_string(),
                "gateway" => terms.account.gateway.as_str().to_owned(),
                "created_by" => link.created_by().map(|by| by.as_str().to_owned()).unwrap_or_default(),
                "opened_by" => link.opened_by_channel().map(|channel| channel.as_str().to_owned()).unwrap_or_default(),
                "channel" => link.channels().iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join("+"),
                _ => ALL.to_owned(),
            };
            let is_over = terms.expires_at <= self.now;
            let status = match link.status_at(self.now) {
                LinkStatus::Active if is_over => "expired",
                status => STATUSES.into_iter().find(|name| *name == status.name()).expect("a known status"),
            };
            if status == "active" {
                for (age, amount) in self.due_by_age(link) {
                    add("aging", age, currency, amount);
                }
            }
            if self.day(link.created_at()) < self.first {
                continue;
            }
            add(&group, "created", currency, amount);
            add(&group, status, currency, amount);
            if link.opened_at().is_some() {
                add(&group, "opened", currency, amount);
            }
            if !link.attempts().is_empty() {
                add(&group, "begun", currency, amount);
            }
        }
        if ["channel", "opened_by", "created_by"].contains(&self.grouping) {
            return sums;
        }
        let is_asked_for =
            |receipt: &&&Receipt| self.day(booked_at(receipt)) >= self.first && receipt.mode == self.mode;
        for receipt in receipts.iter().filter(is_asked_for) {
            let group = match self.grouping {
                "day" => self.day(booked_at(receipt)).to_string(),
                "account" => receipt.account_id.to_string(),
                "gateway" => match receipt.kind {
                    ReceiptKind::Refund { is_outside: true, .. } | ReceiptKind::RefundVoid { is_outside: true, .. } => {
                        String::new()
                    }
                    _ if receipt.received_by.is_some() => String::new(),
                    _ => receipt.gateway.as_str().to_owned(),
                },
                _ => ALL.to_owned(),
            };
            let currency = receipt.money.currency().code();
            let mut add = |what, amount: i64| {
                let sum = sums.entry((group.clone(), what, currency.to_owned())).or_default();
                *sum = (sum.0 + 1, sum.1 + i128::from(amount));
            };
            let amount = receipt.money.minor_units();
            match receipt.kind {
                ReceiptKind::Payment => {
                    add("gross", amount);
                    add("net", amount);
                }
                ReceiptKind::Refund { .. } => {
                    add("refunded", amount);
                    add("net", -amount);
                }
                ReceiptKind::PaymentVoid { .. } => {
                    add("voided", -amount);
                    add("net", -amount);
                }
                ReceiptKind::RefundVoid { .. } => {
                    add("voided", amount);
                    add("net", amount);
                }
            }
            if let Some(fee) = receipt.fee.filter(|fee| fee.payer != Some(FeePayer::Customer)) {
                add("fees", fee.amount);
            }
        }
        sums
    }
}

//! What must be true of the tables and of the gateways' own books, whatever happened, for each business by itself.
//!
//! Everything here is read from outside: the tables by a scan, the gateways by their books, people by their inbox. None of
//! it asks the functions, so that a function that is wrong cannot vouch for itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use aws_sdk_dynamodb::Client;
use domain::Timestamp;
use domain::events::EventType;
use domain::events::{DeliveryState, EventRecord};
use domain::gateway::{DisputeState, GatewayKind};
use domain::ids::{AttemptId, BusinessId, EventSubject, ReceiptId, RefundId};
use domain::link::{
    Attempt, AttemptState, LinkStatus, MessageAbout, PaymentLink, Receipt, ReceiptKind, Refund, RefundBy, RefundCause,
    RefundState, ReviewReason,
};
use domain::messages::recipients::Recipient;
use domain::records::account::LatePayment;
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use domain::search::{ContactMatch, ContactTerm, ItemMatch, ItemTerm, ReceiptMatch};
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::Item;

/// How far the world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Work may be waiting, as long as it waits where a run will find it.
    UnderWay,
    /// Every run that was due has come: no money is on its way and no message is missing.
    CaughtUp,
    /// All time has passed: nothing is active and nothing will ever be due again.
    Ended,
}

/// What the caller knows about the world it checks.
#[derive(Clone, Debug)]
pub struct Expected {
    pub stage: Stage,
    /// Links of which a provider died or heard nothing when it had sent a message: there somebody may be notified
    /// twice.
    pub notified_twice: BTreeSet<String>,
}

/// A message's record in the table.
#[derive(Debug)]
struct MessageRecord {
    status: String,
    due_at: Option<Timestamp>,
    business: String,
}

/// Zibal's list of refunds may be late by as much, and a little more for the sweep that comes then.
const LATEST_LISTING: SignedDuration = SignedDuration::from_mins(130);

/// Merchant and currency.
type Owner = (String, String);

/// A session in the books of a gateway.
#[derive(Debug)]
struct Session {
    id: String,
    amount: i64,
    refunded: i64,
    /// Taken for a refund that the gateway has not finished.
    refund_pending: i64,
    /// How many refunds of it the gateway ever took.
    refunds: i64,
    /// How many of these somebody made in its dashboard.
    refunds_by_hand: i64,
    /// What these gave back, and what those did that had gone and failed since.
    by_hand: i64,
    failed: i64,
    /// What banks took after disputes that are lost, what they gave back, and what is not decided.
    lost: i64,
    won: i64,
    disputed: i64,
    /// What of that the business has not, as long as a dispute is open or once it is lost.
    withdrawn: i64,
    /// Whom it belongs to at its gateway, and in which currency.
    owner: Owner,
    /// The payer's money is at the gateway and has not gone back whole.
    is_taken: bool,
    /// It is the business's: confirmed where that is needed.
    is_ours: bool,
    /// When a call of ours took the money, where it is such a call that does.
    confirmed_at: Option<Timestamp>,
}

/// Something in the index of due work.
type DueKey = (String, String);

/// A receipt, and whose it is by its key.
#[derive(Debug)]
struct KeptReceipt {
    business: String,
    receipt: Receipt,
}

/// When the money of a receipt came or went, as far as anybody told.
pub(crate) fn own_time(receipt: &Receipt) -> Timestamp {
    receipt.gateway_paid_at.unwrap_or(receipt.paid_at).min(receipt.registered_at)
}

/// Something that is due, and whose the index says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Due {
    at: Timestamp,
    business: Option<String>,
}

/// Everything there is to see at one moment.
#[derive(Debug)]
pub struct Evidence {
    now: Timestamp,
    pub links: BTreeMap<String, PaymentLink>,
    receipts: BTreeMap<String, KeptReceipt>,
    /// From the claim of a gateway's reference to the attempt that has it.
    claims: BTreeMap<String, String>,
    /// What was found in a place where it must not be.
    misplaced: Vec<String>,
    /// What each attachment adds to what was paid of its item, in minor units.
    attachments: BTreeMap<DueKey, i64>,
    /// What was paid for items, by partition and by mode and currency: the sum, and what its list adds up to.
    item_payments: BTreeMap<(String, String), (i64, i64)>,
    /// What refunds are listed by: the lists that each entry is in.
    refund_entries: BTreeMap<DueKey, Vec<String>>,
    messages: BTreeMap<DueKey, MessageRecord>,
    /// Where each business is.
    zones: BTreeMap<String, TimeZone>,
    /// Which link is the newest of a chain, by the partition of its first link.
    newest: BTreeMap<String, String>,
    /// The events that were recorded.
    events: BTreeMap<DueKey, EventRecord>,
    due: BTreeMap<DueKey, Due>,
    indexed: BTreeMap<DueKey, Due>,
    sessions: Vec<Session>,
    /// Address and text.
    inbox: Vec<(String, String)>,
    /// Whose endpoint took which event, by the event's id.
    taken: BTreeSet<(String, String)>,
    /// What contacts and items should be found by, and what they are found by.
    searched: Searched,
}

/// Rows of the search, each as its place and what it shows.
#[derive(Debug, Default)]
struct Searched {
    /// What numbers and addresses are hashed with.
    secret: Vec<u8>,
    expected: BTreeSet<String>,
    found: BTreeSet<String>,
    expected_of_receipts: BTreeSet<String>,
    found_of_receipts: BTreeSet<String>,
    wrongly_kept: Vec<String>,
}

impl Searched {
    /// Where a number or an address of a business is found, as the record keeps it.
    fn hashed(&self, business: &str, kind: &str, plain: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.secret).expect("any length is a key");
        for part in [business, kind, plain] {
            mac.update(&u64::try_from(part.len()).unwrap().to_be_bytes());
            mac.update(part.as_bytes());
        }
        format!("{kind}#{} ", hex::encode(&mac.finalize().into_bytes()[..16]))
    }

    /// A record knows which rows it has, because these are deleted with it.
    fn check_kept(&mut self, pk: &str, item: &Item, rows: &BTreeSet<String>) {
        let kept = item.get("found_by").and_then(|kept| kept.as_l().ok()).into_iter().flatten();
        let kept: BTreeSet<String> = kept.filter_map(|row| row.as_s().ok().cloned()).collect();
        if kept != *rows {
            self.wrongly_kept.push(format!("{pk} keeps the rows {kept:?} and has {rows:?}"));
        }
    }

    fn note(&mut self, pk: &str, sk: &str, item: &Item) {
        let business = pk.split('#').nth(1).unwrap_or_default();
        match (pk.split('#').next().unwrap_or_default(), pk.split('#').nth(2).unwrap_or_default()) {
            ("contact", _) => {
                let mut rows = BTreeSet::new();
                let contact: Contact = parse(item.clone());
                for (term, shown) in contact.found_by() {
                    let row = match &term {
                        ContactTerm::Mobile(mobile) => self.hashed(business, "mobile", mobile.as_str()),
                        ContactTerm::Email(email) => self.hashed(business, "email", email),
                        ContactTerm::Name(name) => format!("name#{} {}#", name.initial(), name.as_str()),
                    };
                    self.expected.insert(format!("search#{business}#{row}{} {shown:?}", contact.id));
                    rows.insert(row);
                }
                self.check_kept(pk, item, &rows);
            }
            ("item", _) if sk == "item" => {
                let mut rows = BTreeSet::new();
                for (ItemTerm(text), shown) in parse::<CrmItem>(item.clone()).found_by() {
                    let row = format!("item#{} {}#", text.initial(), text.as_str());
                    self.expected.insert(format!("search#{business}#{row}{} {shown:?}", shown.item_id));
                    rows.insert(row);
                }
                self.check_kept(pk, item, &rows);
            }
            ("receipt" | "recorded-receipt", _) => {
                for (text, shown) in parse::<Receipt>(item.clone()).found_by() {
                    let at = format!("{:013}#{}", shown.registered_at.as_millisecond(), shown.receipt_id);
                    self.expected_of_receipts.insert(format!("receipt-search#{business}#{text} {at} {shown:?}"));
                }
            }
            ("search", by) => {
                let shown = if by == "item" {
                    format!("{:?}", parse::<ItemMatch>(item.clone()))
                } else {
                    format!("{:?}", parse::<ContactMatch>(item.clone()))
                };
                self.found.insert(format!("{pk} {sk} {shown}"));
            }
            ("receipt-search", _) => {
                let shown: ReceiptMatch = parse(item.clone());
                self.found_of_receipts.insert(format!("{pk} {sk} {shown:?}"));
            }
            _ => {}
        }
    }

    /// Contacts and items are found by exactly what they are at every moment, and receipts once somebody was told of them.
    fn check(&self, stage: Stage, wrong: &mut Vec<String>) {
        let (expected, found) = (&self.expected, &self.found);
        wrong.extend(expected.difference(found).map(|row| format!("nobody finds {row}")));
        wrong.extend(found.difference(expected).map(|row| format!("what is no more is found: {row}")));
        wrong.extend(self.wrongly_kept.iter().cloned());
        let (expected, found) = (&self.expected_of_receipts, &self.found_of_receipts);
        wrong.extend(found.difference(expected).map(|row| format!("no receipt has {row}")));
        if stage >= Stage::CaughtUp {
            wrong.extend(expected.difference(found).map(|row| format!("nobody finds the receipt {row}")));
        }
    }
}

/// What others than the table have seen of the service.
#[derive(Debug)]
pub struct Revision {
    /// Those of all gateways.
    pub books: Vec<Value>,
    /// Address and text of everything that people were told.
    pub inbox: Vec<(String, String)>,
    /// Whose endpoint took which event, by the event's id.
    pub events: BTreeSet<(String, String)>,
}

impl Evidence {
    /// Reads the whole table, and the whole table of secrets.
    pub async fn gather(client: &Client, [table, secrets]: [&str; 2], seen: Revision, now: Timestamp) -> Self {
        let mut evidence = Self {
            now,
            links: BTreeMap::new(),
            receipts: BTreeMap::new(),
            claims: BTreeMap::new(),
            misplaced: Vec::new(),
            attachments: BTreeMap::new(),
            item_payments: BTreeMap::new(),
            refund_entries: BTreeMap::new(),
            messages: BTreeMap::new(),
            zones: BTreeMap::new(),
            newest: BTreeMap::new(),
            events: BTreeMap::new(),
            due: BTreeMap::new(),
            indexed: scan(client, table, Some("due"))
                .await
                .iter()
                .filter_map(|one| Some((key_of(one), due(one)?)))
                .collect(),
            sessions: seen.books.iter().map(Session::read).collect(),
            inbox: seen.inbox,
            taken: seen.events,
            searched: Searched::default(),
        };
        let secrets = scan(client, secrets, None).await;
        let of_search = secrets.iter().find(|item| text(item, "pk").as_deref() == Some("search-secret"));
        let of_search = of_search.and_then(|item| text(item, "value")).unwrap_or_default();
        evidence.searched.secret = hex::decode(of_search).expect("a secret in hexadecimal digits");
        for item in scan(client, table, None).await {
            evidence.misplaced.extend(misplaced(&item, SecretsLie::Elsewhere));
            evidence.add(item);
        }
        for item in secrets {
            evidence.misplaced.extend(misplaced(&item, SecretsLie::Here));
        }
        evidence
    }

    fn add(&mut self, item: Item) {
        let (pk, sk) = key_of(&item);
        self.searched.note(&pk, &sk, &item);
        if let Some(due) = due(&item) {
            self.due.insert((pk.clone(), sk.clone()), due);
        }
        if let Some(business) = pk.strip_prefix("config#").filter(|_| sk == "settings") {
            let zone = TimeZone::get(&text(&item, "time_zone").unwrap_or_default()).expect("a known time zone");
            self.zones.insert(business.to_owned(), zone);
        }
        if sk == "link" {
            let (lists, state) = (lists_of(&item), text(&item, "by_state"));
            let link: PaymentLink = parse(item);
            self.check_state(&link, state.as_deref());
            self.check_lists(&lists, "links", link.business(), link.id());
            self.links.insert(link.id().to_string(), link);
        } else if pk.starts_with("link#") && sk.starts_with("message#") {
            let due_at = number(&item, "due_at").map(|at| Timestamp::from_millisecond(at).unwrap());
            let status = text(&item, "status").unwrap_or_default();
            let business = text(&item, "business").unwrap_or_default();
            self.messages.insert((pk, sk), MessageRecord { status, due_at, business });
        } else if pk.starts_with("link#") && sk.starts_with("refund#") {
            let mut lists = lists_of(&item);
            lists.extend(text(&item, "by_state"));
            self.refund_entries.insert((pk, sk), lists);
        } else if is_event(&sk) {
            let lists: Vec<String> = text(&item, "by_state").into_iter().collect();
            let event: EventRecord = parse(item);
            self.check_lists(&lists, "events", &event.business, &event.id);
            self.events.insert((pk, sk), event);
        } else if sk == "receipt" {
            let mut lists = lists_of(&item);
            lists.extend(text(&item, "by_state"));
            let business = pk.split('#').nth(1).unwrap_or_default().to_owned();
            let receipt: Receipt = parse(item);
            self.check_lists(&lists, "receipts", &business, &receipt.id);
            self.receipts.insert(receipt.id.to_string(), KeptReceipt { business, receipt });
        } else if pk.starts_with("item-paid#") {
            for (name, value) in item.iter().filter(|(name, _)| name.starts_with("net-")) {
                let of = name.trim_start_matches("net-").to_owned();
                let listed = item[&format!("list-{of}")].as_l().unwrap().iter();
                let amounts = listed.map(|one| one.as_l().unwrap()[1].as_n().unwrap().parse::<i64>().unwrap());
                let net = value.as_n().unwrap().parse().unwrap();
                self.item_payments.insert((pk.clone(), of), (net, amounts.sum()));
            }
        } else if sk == "newest" {
            self.newest.insert(pk, text(&item, "id").unwrap_or_default());
        } else if sk == "claim" {
            self.claims.insert(pk, text(&item, "attempt_id").unwrap_or_default());
        } else if sk.starts_with("receipt#") {
            self.attachments.insert((pk, sk), number(&item, "adds").unwrap_or_default());
        }
    }

    /// A link is listed with what is live as long as somebody may have to do with it, and with its month afterwards.
    fn check_state(&mut self, link: &PaymentLink, listed: Option<&str>) {
        let (business, month) = (link.business(), link.created_at().strftime("%Y-%m"));
        let expected = if link.is_live() { format!("live#{business}") } else { format!("over#{business}#{month}") };
        if listed != Some(&expected) {
            self.misplaced.push(format!("{} is listed in {listed:?} and belongs into {expected}", link.id()));
        }
    }

    /// Whatever lists this entry are lists of its own business.
    fn check_lists(&mut self, lists: &[String], kind: &str, business: impl fmt::Display, id: impl fmt::Display) {
        let own = format!("{kind}#{business}#");
        for list in lists.iter().filter(|list| !list.starts_with(&own)) {
            self.misplaced.push(format!("{id} of {business} is listed in {list}"));
        }
    }

    /// Every receipt, behind the business whose it is by its key.
    pub fn receipts(&self) -> impl Iterator<Item = (&str, &Receipt)> {
        self.receipts.values().map(|kept| (kept.business.as_str(), &kept.receipt))
    }

    /// What is wrong, each as a sentence. Nothing where all is well.
    pub fn violations(&self, expected: &Expected) -> Vec<String> {
        let mut wrong = self.misplaced.clone();
        for link in self.links.values() {
            self.check_receipts_of(link, &mut wrong);
            self.check_messages_of(link, expected, &mut wrong);
            self.check_chain_of(link, &mut wrong);
            if expected.stage == Stage::Ended && link.status_at(self.now) == LinkStatus::Active {
                wrong.push(format!("{} is active for ever", link.id()));
            }
        }
        self.check_reminders(&mut wrong);
        self.check_no_stray_receipts(&mut wrong);
        self.check_attachments(&mut wrong);
        self.check_item_payments(&mut wrong);
        self.check_refund_entries(expected, &mut wrong);
        self.searched.check(expected.stage, &mut wrong);
        self.check_money(expected, &mut wrong);
        self.check_due_work(expected, &mut wrong);
        self.check_events(expected, &mut wrong);
        for link in self.links.values() {
            self.check_event_kinds_of(link, expected, &mut wrong);
        }
        wrong
    }

    /// No address was reminded twice on a day of its business, of whatever links.
    fn check_reminders(&self, wrong: &mut Vec<String>) {
        let mut reminded: BTreeMap<(String, String, Date), Vec<String>> = BTreeMap::new();
        for link in self.links.values() {
            let zone = self.zones.get(link.business().as_str()).cloned().unwrap_or(TimeZone::UTC);
            for message in link.messages() {
                let MessageAbout::Reminds(reminder) = message.about else { continue };
                let key = (format!("link#{}", link.id()), format!("message#{}", message.recipient.id));
                if self.messages.get(&key).is_some_and(|record| record.status == "sent") {
                    let day = zone.to_datetime(reminder.at).date();
                    let Recipient { channel, network, to, .. } = message.recipient.as_ref();
                    let medium =
                        (link.terms().mode.as_str(), channel.as_str(), network.as_ref().map(ToString::to_string));
                    let address = (link.business().to_string(), format!("{medium:?} {to}"), day);
                    reminded.entry(address).or_default().push(link.id().to_string());
                }
            }
        }
        for ((business, to, day), links) in reminded.into_iter().filter(|(_, links)| links.len() > 1) {
            wrong.push(format!("{to} was reminded of {links:?} by {business} on {day}"));
        }
    }

    /// A link that was replaced names one other, which names it, is for the same contact and item. The chain's pointer names the last of them.
    fn check_chain_of(&self, link: &PaymentLink, wrong: &mut Vec<String>) {
        let id = link.id();
        let whose = |link: &PaymentLink| {
            let item = link.terms().item.as_ref().map(|item| item.id.clone());
            (link.terms().contact.id.clone(), item)
        };
        if let Some(by) = link.successor() {
            match self.links.get(by.as_str()) {
                None => wrong.push(format!("{id} was replaced by {by}, which is no link")),
                Some(newer) if newer.replaces() != Some(id) => {
                    wrong.push(format!("{by} does not say that it replaces {id}"))
                }
                Some(newer) if newer.first_of_chain() != link.first_of_chain() => {
                    wrong.push(format!("{id} and {by} are of two chains"));
                }
                Some(newer) if whose(newer) != whose(link) => {
                    wrong.push(format!("{by} is for somebody else than {id}"))
                }
                Some(_) => {}
            }
        }
        if let Some(old) = link.replaces() {
            let knows = self.links.get(old.as_str()).is_some_and(|old| old.successor() == Some(id));
            if !knows {
                wrong.push(format!("{old} does not say that {id} replaced it"));
            }
            let named = self.newest.get(&format!("link#{}", link.first_of_chain()));
            if link.successor().is_none() && named.map(String::as_str) != Some(id.as_str()) {
                wrong.push(format!("the newest of its chain is {id}, and {named:?} is said to be"));
            }
        }
    }

    /// One receipt for each payment kept, where the link asked for one, none without; attached where it was wished. A link is paid
    /// if and only if its payments are together what was asked for.
    fn check_receipts_of(&self, link: &PaymentLink, wrong: &mut Vec<String>) {
        let id = link.id();
        let kept: Vec<&Attempt> =
            link.attempts().iter().filter(|attempt| matches!(attempt.state, AttemptState::Paid { .. })).collect();
        let of_link = self.receipts.values().filter(|kept| kept.receipt.link_id == *id);
        let (receipts, corrections): (Vec<&KeptReceipt>, Vec<&KeptReceipt>) =
            of_link.partition(|kept| kept.receipt.kind == ReceiptKind::Payment);
        self.check_corrections(link, &receipts, &corrections, wrong);
        self.check_booking(link, wrong);
        self.check_voids(link, wrong);
        self.check_sum_of(link, &kept, wrong);
        for payment in &kept {
            self.check_receipt_of(link, payment, &receipts, wrong);
        }
        let strays = receipts.iter().filter(|one| !kept.iter().any(|payment| payment.id == one.receipt.attempt_id));
        let strays = strays.count();
        if strays > 0 {
            wrong.push(format!("{id} has {} payments, and {strays} receipts of others", kept.len()));
        }
    }

    /// What payments are together decides whether the link is paid, and no more is kept than was asked for unless a person wanted
    /// that, or a refund did not last.
    fn check_sum_of(&self, link: &PaymentLink, kept: &[&Attempt], wrong: &mut Vec<String>) {
        let (id, asked) = (link.id(), link.terms().amount.minor_units());
        let (mut pays, mut net) = (0, 0);
        for attempt in kept.iter().filter(|attempt| attempt.voided.is_none()) {
            let AttemptState::Paid { payment, .. } = &attempt.state else { continue };
            let gone =
                |refund: &&Refund| matches!(refund.state, RefundState::Succeeded { .. } | RefundState::Voiding { .. });
            let refunded: i64 = attempt.refunds.iter().filter(gone).map(|refund| refund.amount).sum();
            let paid = payment.money.minor_units();
            net += (paid - refunded).max(0);
            // A person who keeps another amount than a session was for says that nothing of that is due any more.
            pays += if refunded < paid { paid.max(attempt.money.minor_units()) - refunded } else { 0 };
        }
        match link.status_at(self.now) {
            LinkStatus::Paid { paid_by, .. } => {
                if !kept.iter().any(|payment| payment.id == paid_by) {
                    wrong.push(format!("{id} is paid by another attempt than it says"));
                }
            }
            LinkStatus::Active | LinkStatus::Expired { .. } if pays >= asked => {
                wrong.push(format!("{id} asks for {asked}, has {pays} and is not paid"));
            }
            LinkStatus::Active
            | LinkStatus::Expired { .. }
            | LinkStatus::Cancelled { .. }
            | LinkStatus::Replaced { .. } => {}
        }
        let of_link = || link.attempts().iter();
        let pk = format!("link#{id}");
        let of_events = self.events.range((pk.clone(), String::new())..).take_while(|((at, _), _)| *at == pk);
        let by_person = of_events.map(|(_, event)| event.kind).any(|kind| kind == EventType::AttemptNeedsReview)
            || link.outbox().as_slice().iter().any(|one| one.kind == EventType::AttemptNeedsReview);
        let is_undone = of_link().flat_map(|attempt| &attempt.refunds).any(|refund| refund.undone_at().is_some());
        if net > asked && !by_person && !is_undone {
            wrong.push(format!("{id} asks for {asked} and keeps {net}"));
        }
    }

    fn check_receipt_of(
        &self,
        link: &PaymentLink,
        payment: &Attempt,
        receipts: &[&KeptReceipt],
        wrong: &mut Vec<String>,
    ) {
        let id = link.id();
        let AttemptState::Paid { payment: kept, .. } = &payment.state else { return };
        let is_claimed = self.claims.get(&claim_of(link, &kept.claim)) == Some(&payment.id.to_string());
        // No gateway gave a reference of what a person wrote down.
        if is_claimed == payment.is_recorded() {
            wrong.push(format!("{id} is paid by a reference that it has not claimed"));
        }
        if !link.terms().after_payment.register_receipt {
            if !receipts.is_empty() {
                wrong.push(format!("{id} wanted no receipt and has {}", receipts.len()));
            }
            return;
        }
        let of_payment: Vec<&&KeptReceipt> =
            receipts.iter().filter(|one| one.receipt.attempt_id == payment.id).collect();
        let [KeptReceipt { business, receipt }] = of_payment.as_slice() else {
            return wrong.push(format!("a payment of {id} has {} receipts", of_payment.len()));
        };
        if business != link.business().as_str() {
            wrong.push(format!("the receipt of {id} of {} is kept for {business}", link.business()));
        }
        if receipt.money != kept.money || Some(&receipt.id) != link.receipt_id_of(payment).as_ref() {
            wrong.push(format!("the receipt of {id} is of another payment"));
        }
        if let Some(to) = &receipt.attached_to {
            let item = format!("item#{}#{}", link.business(), to.item_id);
            let at = (item, format!("receipt#{}#{}", to.field, receipt.id));
            if !self.attachments.contains_key(&at) {
                wrong.push(format!("the receipt of {id} is not attached to its field"));
            }
        }
    }

    /// Books have each receipt at its own time, or later where they were closed then and no later than it was written; and
    /// what the link says of it is what was written.
    fn check_booking(&self, link: &PaymentLink, wrong: &mut Vec<String>) {
        for KeptReceipt { receipt, .. } in self.receipts.values().filter(|kept| kept.receipt.link_id == *link.id()) {
            let says = link.receipts().into_iter().find(|one| one.id == receipt.id);
            if says.as_ref() != Some(receipt) {
                let id = link.id();
                wrong.push(format!("of the receipt {} {id} says {says:?}, and it is {receipt:?}", receipt.id));
            }
            let own = own_time(receipt);
            if receipt.booked_later.is_some_and(|at| at <= own || at > receipt.registered_at) {
                wrong.push(format!("books have the receipt {} at no time that can be: {receipt:?}", receipt.id));
            }
        }
    }

    /// What a link says to be void has a record of that, which takes it away again from where it stands, and nothing else has.
    fn check_voids(&self, link: &PaymentLink, wrong: &mut Vec<String>) {
        let of_link = || self.receipts.values().filter(|kept| kept.receipt.link_id == *link.id());
        let voided: BTreeMap<&ReceiptId, (Option<Timestamp>, i64)> = of_link()
            .filter(|kept| kept.receipt.voided_at.is_some())
            .map(|kept| (&kept.receipt.id, (kept.receipt.voided_at, kept.receipt.money.minor_units())))
            .collect();
        let records: BTreeMap<&ReceiptId, (Option<Timestamp>, i64)> = of_link()
            .filter_map(|kept| match &kept.receipt.kind {
                ReceiptKind::Payment | ReceiptKind::Refund { .. } => None,
                ReceiptKind::PaymentVoid { voids } | ReceiptKind::RefundVoid { voids, .. } => {
                    Some((voids, (Some(kept.receipt.registered_at), kept.receipt.money.minor_units())))
                }
            })
            .collect();
        if voided != records {
            wrong.push(format!("of {} {voided:?} are void, and its receipts record {records:?}", link.id()));
        }
    }

    /// One receipt for each refund of a kept payment that succeeded, of its amount, and none beside them. The receipt of the
    /// payment says what they add up to, and that is no more than there was.
    fn check_corrections(
        &self,
        link: &PaymentLink,
        receipts: &[&KeptReceipt],
        corrections: &[&KeptReceipt],
        wrong: &mut Vec<String>,
    ) {
        let id = link.id();
        let kept = link.attempts().iter().filter(|attempt| attempt.is_kept());
        let refunds: BTreeMap<String, i64> = kept
            .flat_map(|attempt| &attempt.refunds)
            .filter_map(|refund| Some((refund, refund.recorded_at()?)))
            .map(|(refund, _)| (refund.id.to_string(), refund.amount))
            .collect();
        let mut recorded = BTreeMap::new();
        for KeptReceipt { business, receipt } in corrections {
            let ReceiptKind::Refund { refund_id, corrects, .. } = &receipt.kind else { continue };
            let is_of_payment = receipts.iter().any(|kept| kept.receipt.id == *corrects && kept.business == *business);
            if !is_of_payment {
                wrong.push(format!("the receipt {} of {id} corrects none of it", receipt.id));
            }
            recorded.insert(refund_id.to_string(), receipt.money.minor_units());
            if let Some(to) = &receipt.attached_to {
                let at = (format!("item#{business}#{}", to.item_id), format!("receipt#{}#{}", to.field, receipt.id));
                if !self.attachments.contains_key(&at) {
                    wrong.push(format!("the receipt {} of {id} is not attached to its field", receipt.id));
                }
            }
        }
        if link.registers_receipts() && recorded != refunds {
            wrong.push(format!("the refunds of {id} are {refunds:?}, and its receipts record {recorded:?}"));
        }
        for KeptReceipt { receipt, .. } in receipts {
            let back = link.attempt(&receipt.attempt_id).map(Attempt::refunded).unwrap_or_default();
            let is_too_much =
                back > receipt.money.minor_units() && !link.attempts().iter().any(has_what_we_did_not_ask_for);
            if receipt.refunded != back || is_too_much {
                wrong.push(format!("the receipt of {id} says that {} went back, and {back} did", receipt.refunded));
            }
        }
    }

    /// No receipt and no claim without its link.
    fn check_no_stray_receipts(&self, wrong: &mut Vec<String>) {
        for KeptReceipt { receipt, .. } in self.receipts.values() {
            if !self.links.contains_key(receipt.link_id.as_str()) {
                wrong.push(format!("the receipt {} belongs to no link", receipt.id));
            }
        }
        let confirmed: BTreeSet<String> =
            self.attempts().filter(|(_, a)| has_confirmed_money(a)).map(|(_, a)| a.id.to_string()).collect();
        for (claim, attempt) in &self.claims {
            if !confirmed.contains(attempt) {
                wrong.push(format!("{claim} is claimed by an attempt without confirmed money"));
            }
        }
    }

    /// What was paid for an item is what its links keep of it, less what went back, and no more than its own list says.
    fn check_item_payments(&self, wrong: &mut Vec<String>) {
        let mut kept: BTreeMap<(String, String), i64> = BTreeMap::new();
        for link in self.links.values() {
            let Some(item) = link.terms().item.as_ref().filter(|item| item.guard.is_some()) else { continue };
            let at = format!("item-paid#{}#{}", link.business(), item.id);
            let of = format!("{}-{}", link.terms().mode.as_str(), link.terms().amount.currency().code());
            let net = link.payments().map(|attempt| {
                let AttemptState::Paid { payment, .. } = &attempt.state else { return 0 };
                payment.money.minor_units() - attempt.refunded()
            });
            *kept.entry((at, of)).or_default() += net.sum::<i64>();
        }
        kept.retain(|at, net| *net != 0 || self.item_payments.contains_key(at));
        let known: BTreeMap<(String, String), i64> =
            self.item_payments.iter().map(|(at, (net, _))| (at.clone(), *net)).collect();
        if known != kept {
            wrong.push(format!("links keep {kept:?} for their items, which say {known:?}"));
        }
        for (at, (net, listed)) in self.item_payments.iter().filter(|(_, (net, listed))| net != listed) {
            wrong.push(format!("{at:?} is {net}, and its list adds up to {listed}"));
        }
    }

    /// What is attached to an item are receipts, each with its amount: what came in, less what went back.
    fn check_attachments(&self, wrong: &mut Vec<String>) {
        let adds = self.receipts.values().filter_map(|KeptReceipt { business, receipt }| {
            let to = receipt.attached_to.as_ref()?;
            let amount = receipt.money.minor_units();
            let adds = match receipt.kind {
                ReceiptKind::Payment | ReceiptKind::RefundVoid { .. } => amount,
                ReceiptKind::Refund { .. } | ReceiptKind::PaymentVoid { .. } => -amount,
            };
            Some(((format!("item#{business}#{}", to.item_id), format!("receipt#{}#{}", to.field, receipt.id)), adds))
        });
        let adds: BTreeMap<DueKey, i64> = adds.collect();
        for (at, known) in self.attachments.iter().filter(|(at, known)| adds.get(*at) != Some(*known)) {
            wrong.push(format!("{at:?} adds {known} to its item, and its receipt says {:?}", adds.get(at)));
        }
    }

    /// Every refund that the CRM was told of is listed, as its link's business's and contact's, and nothing else is.
    fn check_refund_entries(&self, expected: &Expected, wrong: &mut Vec<String>) {
        let mut begun = BTreeSet::new();
        for (link, attempt) in self.attempts() {
            for refund in &attempt.refunds {
                let at = (format!("link#{}", link.id()), format!("refund#{}", refund.id));
                let of = format!("refunds#{}#", link.business());
                let lists = [link.terms().contact.id.to_string(), refund.created_at.strftime("%Y-%m").to_string()];
                match self.refund_entries.get(&at) {
                    None if expected.stage == Stage::UnderWay => {}
                    None => wrong.push(format!("nobody finds {} in a list", refund.id)),
                    Some(listed) => {
                        let is_in = |list: &String| listed.iter().any(|one| one.starts_with(&format!("{of}{list}")));
                        if listed.len() != lists.len() || !lists.iter().all(is_in) {
                            wrong.push(format!("{} is listed in {listed:?}", refund.id));
                        }
                    }
                }
                begun.insert(at);
            }
        }
        let strays = self.refund_entries.keys().filter(|at| !begun.contains(*at));
        wrong.extend(strays.map(|(pk, sk)| format!("{sk} is listed, and {pk} has none")));
    }

    /// The receipts that a business has.
    pub fn receipts_of(&self, business: &BusinessId) -> impl Iterator<Item = &Receipt> {
        let own = self.receipts.values().filter(|kept| kept.business == business.as_str());
        own.map(|kept| &kept.receipt)
    }

    /// The events that were recorded of a business.
    pub fn events_of(&self, business: &BusinessId) -> impl Iterator<Item = &EventRecord> {
        self.events.values().filter(|event| event.business == *business)
    }

    fn attempts(&self) -> impl Iterator<Item = (&PaymentLink, &Attempt)> {
        self.links.values().flat_map(|link| link.attempts().iter().map(move |attempt| (link, attempt)))
    }

    /// Those that were in a session: what a person wrote down no gateway knows.
    fn attempts_at_gateways(&self) -> impl Iterator<Item = (&PaymentLink, &Attempt)> {
        self.attempts().filter(|(_, attempt)| !attempt.is_recorded())
    }

    /// Payments that the gateways confirmed and that did not go back are, for each business, merchant and currency, what the
    /// gateways hold for the business. What a person has to find out, and what is still to be written, is on neither side.
    fn check_sums(&self, wrong: &mut Vec<String>) {
        let sessions: HashMap<&str, &Session> =
            self.sessions.iter().map(|session| (session.id.as_str(), session)).collect();
        // What is known and what is held, by business, gateway and owner. Two businesses may be one merchant.
        let mut sums: BTreeMap<(&BusinessId, &str, &Owner), (i64, i64)> = BTreeMap::new();
        for (link, attempt) in self.attempts() {
            let Some(session) = sessions.get(attempt.session.as_str()) else { continue };
            let (known, held) = match &attempt.state {
                // The gateway may be done with a refund, and not asked about it yet.
                AttemptState::Refunding { .. } if session.refunded > 0 => continue,
                AttemptState::Paid { .. } if by_gateway(attempt).any(Refund::is_undecided) => continue,
                // Whose the money is that is disputed, a bank decides.
                AttemptState::Paid { .. } if session.disputed > 0 => continue,
                AttemptState::Paid { payment, .. } => {
                    (payment.money.minor_units() - refunded_by_gateway(attempt), session.held())
                }
                AttemptState::Accepted { payment, .. } | AttemptState::Refunding { payment, .. } => {
                    (payment.money.minor_units(), session.held())
                }
                AttemptState::Refunded { .. } | AttemptState::Failed { .. } | AttemptState::Abandoned { .. } => {
                    (0, session.held())
                }
                AttemptState::NeedsReview { .. }
                | AttemptState::Open { .. }
                | AttemptState::Confirming { .. }
                | AttemptState::AwaitingReversal { .. } => continue,
            };
            let sum = sums.entry((link.business(), attempt.gateway.as_str(), &session.owner)).or_default();
            *sum = (sum.0 + known, sum.1 + held);
        }
        for ((business, gateway, (merchant, currency)), (known, held)) in sums {
            if known != held {
                let whose = format!("{business}, {merchant} at {gateway}");
                wrong.push(format!("{known} {currency} of {whose} are known, and it holds {held}"));
            }
        }
    }

    /// Everything that a gateway holds as taken is kept, refunded, on its way, or flagged for a person; nothing is kept or
    /// called refunded that the gateway does not hold or has not refunded; and nothing is refunded twice.
    fn check_money(&self, expected: &Expected, wrong: &mut Vec<String>) {
        let by_session: HashMap<&str, (&PaymentLink, &Attempt)> =
            self.attempts_at_gateways().map(|(link, attempt)| (attempt.session.as_str(), (link, attempt))).collect();
        for session in &self.sessions {
            let held = session.amount - session.refunded;
            let surplus = session.refund_pending - held;
            if surplus > 0 {
                wrong.push(format!("{surplus} more than was paid goes back in {}", session.id));
            }
            match by_session.get(session.id.as_str()) {
                None if session.is_taken => {
                    wrong.push(format!("{held} were taken in {}, which no link knows", session.id))
                }
                None => {}
                Some((link, attempt)) => {
                    let what = format!("{} of {}", attempt.id, link.id());
                    self.check_session(session, attempt, &what, expected, wrong);
                }
            }
        }
        if expected.stage > Stage::UnderWay {
            self.check_sums(wrong);
        }
        let known: BTreeSet<&str> = self.sessions.iter().map(|session| session.id.as_str()).collect();
        for (link, attempt) in self.attempts() {
            check_refunds_of(link, attempt, wrong);
        }
        let at_gateways = self.attempts_at_gateways();
        for (link, attempt) in at_gateways.filter(|(_, attempt)| !known.contains(attempt.session.as_str())) {
            wrong.push(format!("{} of {} is in a session that no gateway knows", attempt.id, link.id()));
        }
    }

    fn check_session(
        &self,
        session: &Session,
        attempt: &Attempt,
        what: &str,
        expected: &Expected,
        wrong: &mut Vec<String>,
    ) {
        let name = attempt.state.name();
        match &attempt.state {
            AttemptState::Paid { payment, .. } => {
                // What is not decided may have gone back already.
                let back = refunded_by_gateway(attempt);
                let undecided: i64 =
                    by_gateway(attempt).filter(|one| one.is_undecided()).map(|refund| refund.amount).sum();
                // Until the gateway has told us, we do not know what people do in its dashboard and what banks send back.
                let is_untold = expected.stage == Stage::UnderWay && attempt.looked_after().is_some();
                let gone = session.refunded + session.lost;
                let (more, less) =
                    if is_untold { (session.by_hand + session.lost, session.failed + session.won) } else { (0, 0) };
                let is_as_known = (back - less..=back + undecided + more).contains(&gone);
                // What went back whole is nobody's any more.
                let is_there = session.is_ours || gone + session.disputed >= session.amount;
                if !is_there || !is_as_known || payment.money.minor_units() != session.amount {
                    wrong.push(format!(
                        "{what} is paid, and the gateway does not hold that money for us: {} went back, and we know of {back}",
                        gone
                    ));
                }
                let is_late = expected.stage == Stage::Ended && attempt.refunds.iter().any(Refund::is_under_way);
                if is_late {
                    wrong.push(format!("a refund of {what} is under way although every run has come"));
                }
            }
            // What the gateway confirmed is there until a person decides, unless nobody knows what became of a refund.
            AttemptState::NeedsReview { payment: Some(payment), reason, .. }
                if *reason != ReviewReason::ReferenceUsedBefore
                    && attempt.refunds.iter().all(|refund| matches!(refund.state, RefundState::Failed { .. })) =>
            {
                if session.refunded != 0 || payment.money.minor_units() != session.amount {
                    wrong.push(format!("{what} is {name}, and the gateway does not hold the money that it confirmed"));
                }
            }
            AttemptState::NeedsReview { .. } => {}
            // A bank takes its time, and a gateway that has the order is asked about it only now and then. Where a second call
            // could refund a second time, one whose answer was lost waits for a list that may be late.
            AttemptState::Refunding { .. }
                if expected.stage < Stage::Ended
                    && attempt.refunds.last().is_some_and(|refund| match refund.state {
                        RefundState::Accepted { .. } => refund.look_at.is_some_and(|at| at > self.now),
                        RefundState::Calling { since } => {
                            attempt.gateway == GatewayKind::Zibal && self.now.duration_since(since) < LATEST_LISTING
                        }
                        _ => false,
                    }) => {}
            AttemptState::Open { .. } | AttemptState::AwaitingReversal { .. } if !session.is_taken => {}
            AttemptState::Open { .. }
            | AttemptState::Confirming { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Refunding { .. } => {
                if expected.stage > Stage::UnderWay {
                    wrong.push(format!("{what} is {name} although every run has come"));
                }
            }
            AttemptState::Failed { .. } | AttemptState::Abandoned { .. } | AttemptState::Refunded { .. } => {
                if session.is_taken {
                    wrong.push(format!("{what} is {name}, and the gateway holds its money"));
                }
            }
        }
    }

    /// Everybody who was to be told was told, or it is known why not, or it is still going to happen. Nobody is told twice.
    fn check_messages_of(&self, link: &PaymentLink, expected: &Expected, wrong: &mut Vec<String>) {
        // Somebody who is told again has two messages at one address. Of its money people are told where the receipt is, and of a
        // payment and its refund with the same address.
        let mut addresses: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
        for message in link.messages() {
            let recipient = &message.recipient;
            let url = match message.about {
                MessageAbout::Asks(_) | MessageAbout::Reminds(_) => link.url(),
                MessageAbout::News(news) => link.receipt_url(news.attempt),
            };
            let what = format!("the message {} of {}", recipient.id, link.id());
            let key = (format!("link#{}", link.id()), format!("message#{}", recipient.id));
            let status = self.messages.get(&key).map_or("queued", |record| record.status.as_str());
            if self.messages.get(&key).is_some_and(|record| record.business != link.business().as_str()) {
                wrong.push(format!("{what} is not of its link's business"));
            }
            let (wanted, sent) = addresses.entry((recipient.to.clone(), url)).or_default();
            *wanted += 1;
            match status {
                "sent" => *sent += 1,
                "failed" | "skipped" => {}
                "waiting" | "queued" if self.messages.get(&key).is_some_and(|record| record.due_at.is_none()) => {
                    wrong.push(format!("{what} waits where nobody looks"));
                }
                _ if expected.stage > Stage::UnderWay => {
                    wrong.push(format!("{what} is {status} although every run has come"));
                }
                _ => {}
            }
        }
        for ((to, url), (wanted, sent)) in addresses {
            let told = self.inbox.iter().filter(|(address, text)| *address == to && text.contains(&url)).count();
            if told < sent {
                wrong.push(format!("{sent} messages of {} are sent to {to}, and {told} arrived", link.id()));
            }
            // Of a refund that did not last, people may have been told before.
            let undone = |refund: &&Refund| {
                matches!(refund.state, RefundState::Voiding { .. } | RefundState::Failed { succeeded_at: Some(_), .. })
            };
            let of_receipt = link.attempts().iter().filter(|attempt| link.receipt_url(attempt) == url);
            let undone = of_receipt.flat_map(|attempt| &attempt.refunds).filter(undone).count();
            if told > wanted + undone && !expected.notified_twice.contains(link.id().as_str()) {
                wrong.push(format!("{to} was told {told} times of {} instead of {wanted}", link.id()));
            }
        }
    }

    /// Whatever is due is in the index, where a run finds it, and leaves it when it is done.
    fn check_due_work(&self, expected: &Expected, wrong: &mut Vec<String>) {
        if self.due != self.indexed {
            wrong.push("the index of due work is not what the table says".to_owned());
        }
        for link in self.links.values() {
            let key = (format!("link#{}", link.id()), "link".to_owned());
            // The table keeps milliseconds.
            let sweep_from = link.sweep_from().map(|at| Timestamp::from_millisecond(at.as_millisecond()).unwrap());
            if self.due.get(&key).map(|due| due.at) != sweep_from || link.sweep_from() > link.due_at() {
                wrong.push(format!("{} is due at another time than the index says", link.id()));
            }
        }
        for ((pk, sk), Due { at: due_at, business }) in &self.due {
            let of_link = sk == "link" || sk.starts_with("message#") || is_event(sk);
            let looked_back = pk.strip_prefix("look-back#");
            let run = pk.strip_prefix("renewal#").or(pk.strip_prefix("export#"));
            let run = run.and_then(|rest| rest.split_once('#')).map(|(business, _)| business);
            let of_record = looked_back.is_some() || run.is_some();
            let is_served = of_link || pk.starts_with("webhooks#") && sk.starts_with("endpoint#") || of_record;
            if !is_served {
                wrong.push(format!("{pk} {sk} is due and no run would serve it"));
            }
            let link = pk.strip_prefix("link#").and_then(|id| self.links.get(id));
            let owner =
                link.map(|link| link.business().as_str()).or(pk.strip_prefix("webhooks#")).or(looked_back).or(run);
            if business.as_deref() != owner {
                wrong.push(format!("{pk} {sk} is {owner:?}'s, and the index of due work says {business:?}"));
            }
            // The index may show a link from earlier on than anything is due on it.
            let due_at = link.filter(|_| sk == "link").and_then(PaymentLink::due_at).unwrap_or(*due_at);
            // Accounts are looked at for ever, whenever a run comes.
            let is_late = expected.stage == Stage::Ended || expected.stage == Stage::CaughtUp && due_at <= self.now;
            if is_late && looked_back.is_none() {
                wrong.push(format!("{pk} {sk} is still due at {due_at}"));
            }
        }
    }

    /// Everything that happened to a link is an event, which the CRM took, or waits to be sent, or is known to have failed.
    /// The numbers have no gap, so that the CRM can see that it missed nothing, but for the one that a restore leaves.
    fn check_events(&self, expected: &Expected, wrong: &mut Vec<String>) {
        for link in self.links.values() {
            let outbox = link.outbox().as_slice();
            let numbers: Vec<u32> = outbox.iter().map(|one| one.sequence).collect();
            let goes_on = |two: &[u32]| two[0].max(link.numbered_behind()) + 1 == two[1] || two[0] + 1 == two[1];
            if !numbers.windows(2).all(goes_on) {
                wrong.push(format!("the events of {} have the numbers {numbers:?}", link.id()));
            }
            let pk = format!("link#{}", link.id());
            let is_told = |number: u32| self.events.contains_key(&(pk.clone(), format!("event#{number:010}")));
            for one in outbox.iter().filter(|one| expected.stage > Stage::UnderWay && !is_told(one.sequence)) {
                wrong.push(format!("{} of {} never became an event", one.kind.as_str(), link.id()));
            }
        }
        for event in self.events.values() {
            let what = format!("the event {} ({})", event.id, event.kind.as_str());
            if let Some(EventSubject::Link(link, _)) = event.id.subject() {
                let link = self.links.get(link.as_str());
                if link.map(PaymentLink::business) != Some(&event.business) {
                    wrong.push(format!("{what} is not of its link's business"));
                }
            }
            if event.is_unaddressed {
                if expected.stage == Stage::Ended {
                    wrong.push(format!("{what} was written and is told to nobody"));
                }
                continue;
            }
            let took = self.taken.iter().filter(|(_, id)| id == event.id.as_str());
            for (business, _) in took.filter(|(business, _)| business != event.business.as_str()) {
                wrong.push(format!("{what} of {} went to {business}", event.business));
            }
            if event.deliveries.is_empty() {
                wrong.push(format!("{what} was meant for nobody"));
            }
            for delivery in &event.deliveries {
                match delivery.state() {
                    DeliveryState::Delivered
                        if !self.taken.contains(&(event.business.to_string(), event.id.to_string())) =>
                    {
                        wrong.push(format!("{what} is delivered and never arrived"));
                    }
                    DeliveryState::Waiting { .. } if expected.stage == Stage::Ended => {
                        wrong.push(format!("{what} is waiting although all time has passed"));
                    }
                    DeliveryState::Failed => wrong.push(format!("{what} failed at an endpoint that works")),
                    DeliveryState::Delivered | DeliveryState::Waiting { .. } => {}
                }
            }
        }
    }

    /// What the CRM has to know of a link is an event, or will be one: how it ended, what became of each
    /// payment, and above all what a person has to look at.
    fn check_event_kinds_of(&self, link: &PaymentLink, expected: &Expected, wrong: &mut Vec<String>) {
        let pk = format!("link#{}", link.id());
        let recorded = self.events.range((pk.clone(), String::new())..).take_while(|((at, _), _)| *at == pk);
        let recorded = recorded.map(|(_, event)| (event.kind, event.attempt.as_ref(), event.refund.as_ref()));
        let waiting = link.outbox().as_slice().iter();
        let waiting = waiting.map(|one| (one.kind, one.attempt.as_ref(), one.refund.as_ref()));
        let known: Vec<(EventType, Option<&AttemptId>, Option<&RefundId>)> = recorded.chain(waiting).collect();
        let status = link.status_at(self.now);
        let mut events = match &status {
            LinkStatus::Paid { paid_by, .. } => vec![(EventType::LinkPaid, Some(paid_by), None)],
            LinkStatus::Cancelled { .. } => vec![(EventType::LinkCancelled, None, None)],
            LinkStatus::Replaced { .. } => vec![(EventType::LinkReplaced, None, None)],
            // Time alone may have ended it, and the run that writes that down is still to come.
            LinkStatus::Expired { .. } if expected.stage == Stage::UnderWay => Vec::new(),
            LinkStatus::Expired { .. } => vec![(EventType::LinkExpired, None, None)],
            LinkStatus::Active => Vec::new(),
        };
        events.extend(link.renewal_requested_at().map(|_| (EventType::RenewalRequested, None, None)));
        let completes = |id: &AttemptId| matches!(&status, LinkStatus::Paid { paid_by, .. } if paid_by == id);
        let parts = link.attempts().iter().filter(|attempt| attempt.is_kept() && !completes(&attempt.id));
        events.extend(parts.map(|part| (EventType::LinkPartPaid, Some(&part.id), None)));
        for attempt in link.attempts() {
            for refund in &attempt.refunds {
                events.push((EventType::RefundCreated, Some(&attempt.id), Some(&refund.id)));
                let end = match &refund.state {
                    RefundState::Failed { .. } => EventType::RefundFailed,
                    RefundState::Succeeded { .. } | RefundState::Voiding { .. } => EventType::RefundSucceeded,
                    RefundState::NeedsReview { .. } if attempt.is_kept() => EventType::RefundNeedsReview,
                    _ => continue,
                };
                events.push((end, Some(&attempt.id), Some(&refund.id)));
                if refund.undone_at().is_some() {
                    events.push((EventType::RefundSucceeded, Some(&attempt.id), Some(&refund.id)));
                    if attempt.is_kept() && link.registers_receipts() {
                        events.push((EventType::ReceiptRegistered, Some(&attempt.id), Some(&refund.id)));
                        events.push((EventType::ReceiptVoided, Some(&attempt.id), Some(&refund.id)));
                    }
                }
                if end == EventType::RefundSucceeded && attempt.is_kept() && link.registers_receipts() {
                    events.push((EventType::ReceiptRegistered, Some(&attempt.id), Some(&refund.id)));
                }
            }
        }
        for dispute in link.attempts().iter().flat_map(|attempt| attempt.disputes.iter().map(move |one| (attempt, one)))
        {
            let kind = match dispute.1.state {
                DisputeState::Open { .. } => EventType::DisputeOpened,
                DisputeState::Won => EventType::DisputeWon,
                DisputeState::Lost => EventType::DisputeLost,
            };
            events.push((kind, Some(&dispute.0.id), None));
        }
        let is_void = |attempt: &&Attempt| attempt.voided.is_some() && link.registers_receipts();
        for attempt in link.attempts().iter().filter(is_void) {
            events.push((EventType::ReceiptVoided, Some(&attempt.id), None));
        }
        events.extend(link.attempts().iter().filter_map(|attempt| {
            let kind = match &attempt.state {
                AttemptState::Failed { .. } => EventType::AttemptFailed,
                AttemptState::NeedsReview { .. } => EventType::AttemptNeedsReview,
                AttemptState::Refunded { .. } if !refunded_by_us(attempt) => EventType::RefundSucceeded,
                AttemptState::Paid { .. } if link.registers_receipts() => EventType::ReceiptRegistered,
                _ => return None,
            };
            Some((kind, Some(&attempt.id), None))
        }));
        for (kind, attempt, _) in events.iter().filter(|one| !known.contains(one)) {
            let what = attempt.map_or_else(String::new, |attempt| format!(" for {attempt}"));
            wrong.push(format!("{} never said {}{what}", link.id(), kind.as_str()));
        }
    }

    /// What became of a link, without the instants and ids that differ from run to run.
    pub fn truth_of(&self, link: &str) -> String {
        let Some(link) = self.links.get(link) else { return "no link".to_owned() };
        let mut attempts: Vec<&str> = link.attempts().iter().map(|attempt| attempt.state.name()).collect();
        attempts.sort_unstable();
        let receipts = self.receipts.values().filter(|kept| kept.receipt.link_id == *link.id()).count();
        let kept = link.attempts().iter().filter(|attempt| attempt.is_kept());
        // What a person found not to have gone was asked for once more.
        let counts = |refund: &&Refund| !matches!(&refund.state, RefundState::Failed { code, .. } if code == "resolved_not_refunded");
        let refunds = kept.flat_map(|attempt| &attempt.refunds).filter(counts);
        let refunds: Vec<String> = refunds.map(|refund| format!("{} {}", refund.amount, refund.state.name())).collect();
        let mut messages: Vec<&str> = link
            .messages()
            .map(|message| (format!("link#{}", link.id()), format!("message#{}", message.recipient.id)))
            .map(|key| self.messages.get(&key).map_or("queued", |record| record.status.as_str()))
            .collect();
        messages.sort_unstable();
        let status = link.status_at(self.now);
        let name = status.name();
        format!("{name} attempts {attempts:?} receipts {receipts} messages {messages:?} refunds {refunds:?}")
    }
}

fn is_not_asked_for(refund: &Refund) -> bool {
    matches!(refund.cause, RefundCause::Gateway | RefundCause::Dispute)
}

/// Whether a gateway gave money back that nobody asked us for, which we could not keep from being more than was left.
fn has_what_we_did_not_ask_for(attempt: &Attempt) -> bool {
    attempt.refunds.iter().any(is_not_asked_for)
}

/// No request began two refunds of a payment, and no more goes back of it than there was, by whatever means.
fn check_refunds_of(link: &PaymentLink, attempt: &Attempt, wrong: &mut Vec<String>) {
    let Some(payment) = attempt.refundable().filter(|_| attempt.is_kept()) else { return };
    let what = format!("{} of {}", attempt.id, link.id());
    let taken: i64 = attempt.refunds.iter().map(Refund::takes).sum();
    let is_too_much = taken > payment.money.minor_units() && !has_what_we_did_not_ask_for(attempt);
    if is_too_much || attempt.refunds.iter().any(|refund| refund.amount < 1) {
        wrong.push(format!("{taken} of {what} went back or may, and {} were paid", payment.money.minor_units()));
    }
    let mut requests = BTreeSet::new();
    for refund in attempt.refunds.iter().filter(|refund| !is_not_asked_for(refund)) {
        if !refund.request.as_ref().is_some_and(|request| requests.insert(request.key.as_str())) {
            wrong.push(format!("{} of {what} was not asked for by a request of its own", refund.id));
        }
    }
}

/// Whether secrets lie in the table that an item is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SecretsLie {
    Here,
    Elsewhere,
}

/// What is wrong with an item's place in its table: secrets lie in a table of their own, in which nothing else lies, and
/// whatever is not shared on purpose names the business whose it is.
fn misplaced(item: &Item, secrets: SecretsLie) -> Vec<String> {
    let (pk, sk) = key_of(item);
    let mut parts = pk.split('#');
    let kind = parts.next().unwrap_or_default();
    let named = parts.next();
    let mut wrong = Vec::new();
    let is_secret =
        ["credentials", "provider-secret", "endpoint-secret", "line-secret", "pay-token-secret", "search-secret"]
            .contains(&kind);
    if is_secret != (secrets == SecretsLie::Here) {
        wrong.push(format!("{pk} {sk} lies in the wrong table"));
    }
    let is_shared = [
        "link",
        "claim",
        "provider-message",
        "receipt-page",
        "heartbeat",
        "platform-keys",
        "pay-token-secret",
        "search-secret",
    ];
    if !is_shared.contains(&kind) && named.is_none_or(|business| BusinessId::parse(business).is_err()) {
        wrong.push(format!("{pk} {sk} names no business"));
    }
    wrong
}

/// The lists of a contact or an item that an item is in, by the partitions of the indexes.
fn lists_of(item: &Item) -> Vec<String> {
    ["by_contact", "by_item"].iter().filter_map(|list| text(item, list)).collect()
}

/// When an item is due and whose it says that it is, where it is due at all.
fn due(item: &Item) -> Option<Due> {
    let at = Timestamp::from_millisecond(number(item, "due_at")?).unwrap();
    Some(Due { at, business: text(item, "business") })
}

fn is_event(sk: &str) -> bool {
    sk == "event" || sk.starts_with("event#")
}

/// The key of the claim of a payment's reference.
fn claim_of(link: &PaymentLink, reference: &str) -> String {
    format!("claim#{}#{reference}", link.terms().mode.as_str())
}

/// The refunds of an attempt's money that its gateway was asked for.
fn by_gateway(attempt: &Attempt) -> impl Iterator<Item = &Refund> {
    attempt.refunds.iter().filter(|refund| refund.method == RefundBy::Gateway)
}

/// What a gateway returned of an attempt's money as far as we know, in minor units.
fn refunded_by_gateway(attempt: &Attempt) -> i64 {
    let succeeded = |refund: &&Refund| refund.has_succeeded();
    by_gateway(attempt).filter(succeeded).map(|refund| refund.amount).sum()
}

/// Whether an attempt's money went back by a refund of ours, and not by the gateway alone.
fn refunded_by_us(attempt: &Attempt) -> bool {
    attempt.refunds.last().is_some_and(|refund| matches!(refund.state, RefundState::Succeeded { .. }))
}

/// Whether a gateway confirmed money of this attempt, wherever that is now.
fn has_confirmed_money(attempt: &Attempt) -> bool {
    matches!(
        attempt.state,
        AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::Refunded { .. }
            | AttemptState::NeedsReview { .. }
    )
}

impl Session {
    /// What the gateway holds for the business.
    fn held(&self) -> i64 {
        // What went back whole can be disputed all the same: banks do not always know.
        let is_counted = self.is_ours || self.refunded >= self.amount;
        if is_counted { self.amount - self.refunded - self.withdrawn } else { 0 }
    }

    fn read(book: &Value) -> Self {
        let is_taken = book["taken"].as_bool().unwrap();
        let is_ours = book["ours"].as_bool().unwrap();
        let rows: Vec<&Value> = book["refund_rows"].as_array().into_iter().flatten().collect();
        let is_unmarked = |row: &&Value| row["reference"].is_null() || row["reference"] == json!({});
        let by_hand: Vec<&Value> = rows.iter().copied().filter(is_unmarked).collect();
        let disputes: Vec<&Value> = book["disputes"].as_array().into_iter().flatten().collect();
        let sum = |rows: &[&Value], status: &str| -> i64 {
            rows.iter().filter(|row| row["status"] == status).map(|row| row["amount"].as_i64().unwrap()).sum()
        };
        Self {
            id: book["id"].as_str().unwrap().to_owned(),
            amount: book["amount"].as_i64().unwrap(),
            refunded: book["refunded"].as_i64().unwrap(),
            refund_pending: book["refund_pending"].as_i64().unwrap_or(0),
            refunds: book["refunds"].as_i64().unwrap_or(0),
            refunds_by_hand: i64::try_from(by_hand.len()).unwrap(),
            by_hand: sum(&by_hand, "succeeded"),
            failed: sum(&rows, "failed"),
            lost: sum(&disputes, "lost"),
            won: sum(&disputes, "won"),
            disputed: sum(&disputes, "open") + sum(&disputes, "under_review"),
            withdrawn: book["withdrawn"].as_i64().unwrap_or(0),
            owner: ["merchant", "currency"].map(|name| book[name].as_str().unwrap_or_default().to_owned()).into(),
            is_taken,
            is_ours,
            confirmed_at: book["confirmed_at"].as_str().map(|at| at.parse().unwrap()),
        }
    }
}

/// Has seen every version of every link that was written, and says where one moved backward or took money that it must
/// not take.
#[derive(Debug, Default)]
pub struct Observer {
    written: BTreeMap<String, BTreeMap<u64, PaymentLink>>,
}

impl Observer {
    /// Takes in what was written, and says what about it is wrong. It costs nothing but reading it, so that a test can look
    /// after each step.
    pub fn note(&mut self, items: Vec<Value>) -> Vec<String> {
        let mut wrong = Vec::new();
        for item in items.into_iter().filter(|item| item["sk"]["S"] == "link") {
            let item: serde_dynamo::Item = serde_json::from_value(item).expect("an item is written in DynamoDB's form");
            let link: PaymentLink = serde_dynamo::from_item(item).expect("a written link can be read");
            let versions = self.written.entry(link.id().to_string()).or_default();
            let version = link.version();
            if let Some((_, before)) = versions.range(..version).next_back() {
                wrong.extend(backward(before, &link));
            }
            // The process that wrote the version before may get its answer later.
            if let Some((_, after)) = versions.range(version + 1..).next() {
                wrong.extend(backward(&link, after));
            }
            if versions.insert(version, link).is_some_and(|known| known != versions[&version]) {
                wrong.push(format!("version {version} of {} was written twice", versions[&version].id()));
            }
        }
        wrong
    }

    /// Holds everything that was written against what is there now.
    pub fn look(&self, evidence: &Evidence) -> Vec<String> {
        let mut wrong = Vec::new();
        for (id, versions) in &self.written {
            let newest = versions.last_key_value().map(|(version, _)| *version);
            if evidence.links.get(id).map(PaymentLink::version) < newest {
                wrong.push(format!("{id} has an older version than was written"));
            }
        }
        wrong.extend(self.unclaimed_money_going_back(evidence));
        wrong.extend(self.unannounced_refunds(evidence));
        let sessions =
            evidence.sessions.iter().filter_map(|session| Some((session.id.as_str(), session.confirmed_at?)));
        let confirmed: HashMap<&str, Timestamp> = sessions.collect();
        for (link, attempt) in evidence.attempts() {
            if let Some(at) = confirmed.get(attempt.session.as_str()) {
                wrong.extend(self.check_taking(link, attempt, *at));
            }
        }
        wrong
    }

    /// Money goes back only where it is the attempt's own: a customer who brings another link's payment must not get
    /// that returned.
    fn unclaimed_money_going_back(&self, evidence: &Evidence) -> BTreeSet<String> {
        let links = self.written.values().flat_map(BTreeMap::values);
        let attempts = links.flat_map(|link| link.attempts().iter().map(move |attempt| (link, attempt)));
        let unclaimed = attempts.filter_map(|(link, attempt)| {
            let payment = attempt.refundable().filter(|_| !attempt.refunds.is_empty() && !attempt.is_recorded())?;
            let owner = evidence.claims.get(&claim_of(link, &payment.claim));
            let is_own = owner == Some(&attempt.id.to_string());
            (!is_own).then(|| format!("{} refunds money whose reference it has not claimed", attempt.id))
        });
        unclaimed.collect()
    }

    /// Each refund that a gateway took was asked for by a call that had been written down before, and by one alone, or somebody
    /// made it in the dashboard of a gateway that says so.
    fn unannounced_refunds(&self, evidence: &Evidence) -> BTreeSet<String> {
        let sessions: HashMap<&str, &Session> =
            evidence.sessions.iter().map(|session| (session.id.as_str(), session)).collect();
        let mut calls: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut shown: BTreeSet<&str> = BTreeSet::new();
        for attempt in self.written.values().flat_map(BTreeMap::values).flat_map(PaymentLink::attempts) {
            if attempt.looked_after().is_some() {
                shown.insert(attempt.session.as_str());
            }
            for refund in &attempt.refunds {
                let most = calls.entry((attempt.session.as_str(), refund.id.as_str())).or_default();
                *most = refund.calls.max(*most);
            }
        }
        let mut announced: BTreeMap<&str, i64> = BTreeMap::new();
        for ((session, _), most) in calls {
            *announced.entry(session).or_default() += i64::from(most);
        }
        let surplus = sessions.into_iter().filter_map(|(id, session)| {
            let announced = announced.get(id).copied().unwrap_or_default();
            let by_hand = if shown.contains(id) { session.refunds_by_hand } else { 0 };
            (session.refunds - by_hand > announced).then(|| {
                format!("{} refunds were taken in {id}, and {announced} calls were written down", session.refunds)
            })
        });
        surplus.collect()
    }

    /// A call of ours took this attempt's money: the intention was written before, on a link that had not ended, and since
    /// then nothing else ended it.
    fn check_taking(&self, link: &PaymentLink, attempt: &Attempt, taken_at: Timestamp) -> Option<String> {
        let what = format!("the money of {} of {} was taken at {taken_at}", attempt.id, link.id());
        let versions = self.written.get(link.id().as_str()).into_iter().flat_map(BTreeMap::values);
        let claims = versions.filter_map(|version| match version.attempt(&attempt.id)?.state {
            AttemptState::Confirming { since, .. } => Some(since),
            _ => None,
        });
        let Some(claimed_at) = claims.filter(|since| *since <= taken_at).max() else {
            return Some(format!("{what}, and nobody had written that it would be"));
        };
        let ended_at = match link.status_at(taken_at) {
            LinkStatus::Cancelled { cancelled_at, .. } if cancelled_at < taken_at => cancelled_at,
            LinkStatus::Replaced { replaced_at, .. } if replaced_at < taken_at => replaced_at,
            LinkStatus::Paid { paid_at, paid_by } if paid_by != attempt.id && paid_at < taken_at => paid_at,
            // Its time may run out while the money is being taken.
            LinkStatus::Expired { expired_at } if expired_at < claimed_at && !accepts_late_money(link) => expired_at,
            _ => return None,
        };
        Some(format!("{what}, and the link was over at {ended_at}"))
    }
}

fn accepts_late_money(link: &PaymentLink) -> bool {
    link.terms().account.late_payment == LatePayment::Accept
}

/// A reminder is made of a link that somebody may pay and nobody is paying, and that nothing holds, once at a time.
fn reminded_wrongly(before: &PaymentLink, after: &PaymentLink) -> Option<String> {
    let (id, at) = (after.id(), after.updated_at());
    let new = after.reminders().len().saturating_sub(before.reminders().len());
    let is_as_before = after.reminders().starts_with(before.reminders());
    if new == 0 && is_as_before {
        return None;
    }
    let may_be_paying = |one: &Attempt| match &one.state {
        AttemptState::Open { reported_at, .. } => reported_at.is_some() || one.deadline > at,
        AttemptState::Confirming { .. } | AttemptState::Accepted { .. } | AttemptState::NeedsReview { .. } => true,
        _ => false,
    };
    let is_paying = before.attempts().iter().any(may_be_paying);
    let is_over = before.status_at(at) != LinkStatus::Active || before.amount_due().minor_units() == 0;
    if new == 1 && is_as_before && !is_paying && !is_over && before.hold_at(at).is_none() {
        return None;
    }
    Some(format!("{id} reminded at {at} although it was {} or somebody was paying", before.status_at(at).name()))
}

/// What moved backward from one version of a link to a later one, as anybody sees them who reads at that moment.
fn backward(before: &PaymentLink, after: &PaymentLink) -> Vec<String> {
    let (id, at) = (after.id(), after.updated_at());
    let (was, is) = (before.status_at(at), after.status_at(at));
    let mut wrong = Vec::new();
    if before.business() != after.business() {
        wrong.push(format!("{id} was {}'s and is {}'s", before.business(), after.business()));
    }
    let confirms = |link: &PaymentLink, attempt: &Attempt| {
        let state = link.attempt(&attempt.id).map(|attempt| &attempt.state);
        matches!(state, Some(AttemptState::Confirming { .. }))
    };
    wrong.extend(reminded_wrongly(before, after));
    let begins_to_confirm = after.attempts().iter().any(|one| confirms(after, one) && !confirms(before, one));
    // A link that takes late money is active again for as long as that is being taken.
    let is_late_taking = begins_to_confirm && accepts_late_money(before) && matches!(was, LinkStatus::Expired { .. });
    let is_late_money = matches!((&was, &is), (LinkStatus::Expired { .. }, LinkStatus::Paid { .. }));
    // A person may keep money that the gateway confirmed before the link ended.
    let is_kept = before.attempts().iter().any(|one| matches!(one.state, AttemptState::Accepted { .. }));
    // So may a person write down what came otherwise.
    let is_recorded = after.attempts().iter().any(|one| one.is_recorded() && before.attempt(&one.id).is_none());
    let may_be = may_follow(&was, &is) && (!is_late_money || accepts_late_money(before) || is_kept || is_recorded);
    if !may_be && !is_late_taking {
        wrong.push(format!("{id} was {} and is {} at {at}", was.name(), is.name()));
    }
    // A person may have a gateway that only a call of ours asks say once more what it took.
    let is_asked_again = before
        .attempts()
        .iter()
        .any(|one| matches!(one.state, AttemptState::NeedsReview { .. }) && one.was_confirming && confirms(after, one));
    if begins_to_confirm && was != LinkStatus::Active && !is_late_taking && !is_asked_again {
        wrong.push(format!("{id} was {} and begins to take money at {at}", was.name()));
    }
    for attempt in before.attempts() {
        let state = after.attempt(&attempt.id).map(|attempt| &attempt.state);
        let is_decided = matches!(attempt.state, AttemptState::Paid { .. } | AttemptState::Refunded { .. });
        let is_lost = state.is_none() && !attempt.state.ended_without_money();
        if is_lost || is_decided && state != Some(&attempt.state) {
            let is = state.map_or("gone", AttemptState::name);
            wrong.push(format!("{} of {id} was {} and is {is}", attempt.id, attempt.state.name()));
        }
        let refunds = attempt.refunds.iter().map(|refund| Some(&refund.id));
        for refund in std::iter::once(None).chain(refunds).filter(|_| attempt.is_kept()) {
            let receipt = |link: &PaymentLink| link.registered_receipt(&attempt.id, refund);
            let booked_at = |link: &PaymentLink| receipt(link).map(|receipt| receipt.booked_at());
            if booked_at(before).is_some_and(|at| booked_at(after) != Some(at)) {
                wrong.push(format!("a receipt of {} of {id} has moved in the books at {at}", attempt.id));
            }
        }
        let now = after.attempt(&attempt.id);
        if attempt.voided.is_some() && now.is_none_or(|now| now.voided != attempt.voided) {
            wrong.push(format!("{} of {id} was void and is not as it was", attempt.id));
        }
        wrong.extend(attempt.refunds.iter().filter_map(|refund| {
            let is = now.and_then(|attempt| attempt.refund(&refund.id));
            let moved = refund_moved_back(refund, is, attempt.is_kept())?;
            Some(format!("{} of {id} {moved}", refund.id))
        }));
    }
    wrong
}

/// How a refund is what it cannot become: gone, of another amount, called for less often, or undecided again.
fn refund_moved_back(was: &Refund, is: Option<&Refund>, is_kept: bool) -> Option<String> {
    let Some(is) = is else { return Some("is gone".to_owned()) };
    if (is.amount, &is.method, &is.request) != (was.amount, &was.method, &was.request) || is.calls < was.calls {
        return Some("is another one".to_owned());
    }
    // A person may have a gateway asked once more about one that it gave up, where no link keeps the money.
    let is_decided = match &was.state {
        RefundState::Succeeded { .. } => true,
        RefundState::Failed { .. } => is_kept,
        _ => false,
    };
    // What had gone may turn out not to have, and stays so.
    let is_undone = match (&was.state, &is.state) {
        (RefundState::Succeeded { at }, RefundState::Voiding { succeeded_at, .. }) => at == succeeded_at,
        (RefundState::Succeeded { at }, RefundState::Failed { succeeded_at, .. }) => Some(*at) == *succeeded_at,
        _ => false,
    };
    (is_decided && was.state != is.state && !is_undone)
        .then(|| format!("was {} and is {}", was.state.name(), is.state.name()))
}

/// Whether a link may be seen as `after` once it was seen as `before`.
fn may_follow(before: &LinkStatus, after: &LinkStatus) -> bool {
    match (before, after) {
        (LinkStatus::Active, _) => true,
        (LinkStatus::Paid { paid_by, .. }, LinkStatus::Paid { paid_by: by, .. }) => paid_by == by,
        (LinkStatus::Replaced { by, .. }, LinkStatus::Replaced { by: now_by, .. }) => by == now_by,
        (LinkStatus::Cancelled { .. }, LinkStatus::Cancelled { .. })
        // From expired to paid only where the account accepts late payments, which `backward` asks.
        | (
            LinkStatus::Expired { .. },
            LinkStatus::Expired { .. } | LinkStatus::Paid { .. } | LinkStatus::Replaced { .. },
        ) => true,
        (LinkStatus::Expired { .. }, LinkStatus::Active | LinkStatus::Cancelled { .. })
        | (LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. }, _) => false,
    }
}

/// All items of a table, or all entries of one of its indexes.
pub(crate) async fn scan(client: &Client, table: &str, index: Option<&str>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut start = None;
    loop {
        let request = client.scan().table_name(table).set_index_name(index.map(str::to_owned));
        let request = request.set_consistent_read(index.is_none().then_some(true));
        let page = request.set_exclusive_start_key(start).send().await.expect("the table can be scanned");
        items.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() {
            return items;
        }
    }
}

pub(crate) fn key_of(item: &Item) -> DueKey {
    (text(item, "pk").unwrap_or_default(), text(item, "sk").unwrap_or_default())
}

fn text(item: &Item, attribute: &str) -> Option<String> {
    item.get(attribute)?.as_s().ok().cloned()
}

fn number(item: &Item, attribute: &str) -> Option<i64> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

fn parse<T: DeserializeOwned>(item: Item) -> T {
    serde_dynamo::from_item(item).expect("an item that this program wrote can be read")
}

//! What lists have to hold: exactly what a plain look at all links, receipts and events finds, in their order. The look asks
//! neither the store nor what the domain has for choosing.

use std::sync::atomic::{AtomicUsize, Ordering};

use domain::Timestamp;
use domain::events::EventRecord;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, BusinessId, ContactId, ItemId};
use domain::link::{
    LinkFilter, LinkStatusKind, MoneyRange, PaymentLink, Receipt, ReceiptFilter, ReceiptKind, ReceiptKindName,
    TimeRange,
};
use domain::money::Currency;
use jiff::SignedDuration;
use store::{BusinessStore, EventList, EventsAfter, LinkList, Order, ReceiptList, Store};

use crate::invariants::Evidence;

/// Pages are so small that most lists have several.
const LIMIT: usize = 7;

/// Events of as many days are listed: each day is a partition of its own.
const DAYS_OF_EVENTS: i64 = 3;

/// Which lists are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Those of every filter, in both orders.
    Every,
    /// That of one filter after the other, each time that somebody asks.
    OneOfEachKind,
}

/// How often somebody asked for one list of each kind.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Where a list differs from what there is, each as a sentence. Nothing may be written meanwhile.
pub async fn disagreements(
    store: &Store,
    businesses: &[BusinessId],
    evidence: &Evidence,
    now: Timestamp,
    extent: Extent,
) -> Vec<String> {
    let turn = ASKED.fetch_add(1, Ordering::Relaxed);
    let mut wrong = Vec::new();
    for business in businesses {
        let own = store.of(business);
        let links: Vec<&PaymentLink> = evidence.links.values().filter(|link| link.business() == business).collect();
        for (filter, order) in chosen(link_filters(&links, now), turn, extent) {
            let list = LinkList { filter, order, now };
            let expected = links.iter().copied().filter(|link| is_among(&list.filter, link, now));
            let expected = in_order(expected.map(|link| (link.created_at(), link.id().to_string())), order);
            let found = found_links(&own, &list).await;
            wrong.extend(difference(business, &found, &expected, &list.filter));
        }
        let receipts: Vec<&Receipt> = evidence.receipts_of(business).collect();
        for (filter, order) in chosen(receipt_filters(now), turn, extent) {
            let list = ReceiptList { filter, order, now };
            let expected = receipts.iter().copied().filter(|receipt| is_of(&list.filter, receipt));
            let expected = in_order(expected.map(|receipt| (receipt.registered_at, receipt.id.to_string())), order);
            let found = found_receipts(&own, &list).await;
            wrong.extend(difference(business, &found, &expected, &list.filter));
        }
        let since = now - SignedDuration::from_hours(24 * DAYS_OF_EVENTS);
        let is_recent = |event: &&EventRecord| since <= event.recorded_at && event.recorded_at < now;
        let expected = evidence.events_of(business).filter(is_recent);
        let expected = in_order(expected.map(|event| (event.recorded_at, event.id.to_string())), Order::OldestFirst);
        let found = found_events(&own, since, now).await;
        wrong.extend(difference(business, &found, &expected, &"events"));
    }
    wrong
}

fn chosen<T>(filters: Vec<T>, turn: usize, extent: Extent) -> Vec<(T, Order)> {
    let orders = [Order::NewestFirst, Order::OldestFirst];
    let number = filters.len();
    let is_chosen = |(at, _): &(usize, T)| extent == Extent::Every || at % number == turn % number;
    filters.into_iter().enumerate().filter(is_chosen).map(|(at, filter)| (filter, orders[(turn + at) % 2])).collect()
}

/// Ids in the order of a list: by milliseconds, and within one of them by themselves.
fn in_order(places: impl Iterator<Item = (Timestamp, String)>, order: Order) -> Vec<String> {
    let mut places: Vec<(i64, String)> = places.map(|(at, id)| (at.as_millisecond(), id)).collect();
    places.sort();
    if order == Order::NewestFirst {
        places.reverse();
    }
    places.into_iter().map(|(_, id)| id).collect()
}

fn difference(
    business: &BusinessId,
    found: &[String],
    expected: &[String],
    list: &dyn std::fmt::Debug,
) -> Option<String> {
    (found != expected).then(|| format!("a list of {business} has {found:?} and not {expected:?}: {list:?}"))
}

async fn found_links(store: &BusinessStore, list: &LinkList) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list_links(list, LIMIT, cursor.as_ref()).await.unwrap();
        found.extend(page.entries.iter().map(|link| link.id().to_string()));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn found_receipts(store: &BusinessStore, list: &ReceiptList) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list_receipts(list, LIMIT, cursor.as_ref()).await.unwrap();
        found.extend(page.entries.iter().map(|receipt| receipt.id.to_string()));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn found_events(store: &BusinessStore, since: Timestamp, before: Timestamp) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), EventsAfter::Instant(since));
    loop {
        let page = store.list_events(&EventList { link: None, after, before, types: Vec::new() }, 50).await.unwrap();
        found.extend(page.entries.iter().map(|event| event.id.to_string()));
        match (page.next, page.entries.into_iter().last()) {
            (Some(_), Some(last)) => after = EventsAfter::Event(Box::new(last)),
            _ => return found,
        }
    }
}

/// A filter for each thing that can be asked for, and some for several at once.
fn link_filters(links: &[&PaymentLink], now: Timestamp) -> Vec<LinkFilter> {
    let any = LinkFilter::default;
    let account = |id: &str| AccountId::parse(id).ok();
    let contact = || LinkFilter { contact_id: ContactId::parse("c-1042").ok(), ..any() };
    let item = || LinkFilter { item_id: ItemId::parse("inv-77").ok(), ..any() };
    let mut filters = vec![any(), contact(), item()];
    for status in LinkStatusKind::ALL {
        filters.push(LinkFilter { statuses: [status].into(), ..any() });
        filters.push(LinkFilter { statuses: [status].into(), ..contact() });
    }
    for is_so in [true, false].map(Some) {
        filters.push(LinkFilter { needs_review: is_so, ..any() });
        filters.push(LinkFilter { is_opened: is_so, ..any() });
        filters.push(LinkFilter { is_begun: is_so, ..any() });
        filters.push(LinkFilter { message_failed: is_so, ..any() });
        filters.push(LinkFilter { is_held: is_so, ..any() });
        filters.push(LinkFilter { is_begun: is_so, statuses: [LinkStatusKind::Expired].into(), ..item() });
    }
    let ended = TimeRange { from: None, to: Some(now) };
    let both = [LinkStatusKind::Paid, LinkStatusKind::Cancelled];
    let amount = MoneyRange { currency: Some(Currency::IRR), from: Some(50_002), to: Some(50_004) };
    filters.extend([
        LinkFilter { item_id: item().item_id, ..contact() },
        LinkFilter { account_id: account("main"), ..any() },
        LinkFilter { account_id: account("late-main"), statuses: both.into(), ..any() },
        LinkFilter { mode: Some(Mode::Sandbox), ..any() },
        LinkFilter { mode: Some(Mode::Live), ..any() },
        LinkFilter { amount, ..any() },
        LinkFilter { expires: ended, ..any() },
        LinkFilter { due: ended, ..any() },
    ]);
    // Links with a reference, and those made in the second half.
    let references = links.iter().filter_map(|link| link.terms().reference_id.clone()).take(2);
    filters.extend(references.map(LinkFilter::of_reference));
    let mut made: Vec<Timestamp> = links.iter().map(|link| link.created_at()).collect();
    made.sort();
    let middle = made.get(made.len() / 2).copied();
    filters.push(LinkFilter { created: TimeRange { from: middle, to: None }, ..any() });
    filters.push(LinkFilter { created: TimeRange { from: None, to: middle }, ..contact() });
    filters
}

fn receipt_filters(now: Timestamp) -> Vec<ReceiptFilter> {
    let any = ReceiptFilter::default;
    let contact = ContactId::parse("c-1042").unwrap();
    let amount = MoneyRange { currency: Some(Currency::IRR), from: Some(50_002), to: None };
    let today = now - SignedDuration::from_hours(24);
    vec![
        any(),
        ReceiptFilter::of_contact(contact.clone()),
        ReceiptFilter::of_item(ItemId::parse("inv-77").unwrap()),
        ReceiptFilter { gateway: Some(GatewayKind::Zarinpal), ..any() },
        ReceiptFilter { gateway: Some(GatewayKind::Stripe), ..ReceiptFilter::of_contact(contact) },
        ReceiptFilter { account_id: AccountId::parse("main").ok(), ..any() },
        ReceiptFilter { amount, ..any() },
        ReceiptFilter { kind: Some(ReceiptKindName::Payment), ..any() },
        ReceiptFilter { kind: Some(ReceiptKindName::Refund), ..any() },
        ReceiptFilter { kind: Some(ReceiptKindName::PaymentVoid), ..any() },
        ReceiptFilter { kind: Some(ReceiptKindName::RefundVoid), ..any() },
        ReceiptFilter::registered_between(today, now),
    ]
}

/// A plain look at one link.
pub fn is_among(filter: &LinkFilter, link: &PaymentLink, now: Timestamp) -> bool {
    let terms = link.terms();
    let is = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
    let ends_in = |range: &TimeRange, end: Option<Timestamp>| match (range.from, range.to, end) {
        (None, None, _) => true,
        (_, _, None) => false,
        (from, to, Some(end)) => from.is_none_or(|from| end > from) && to.is_none_or(|to| end <= to),
    };
    let amount = terms.amount.minor_units();
    filter.contact_id.as_ref().is_none_or(|id| *id == terms.contact.id)
        && filter.item_id.as_ref().is_none_or(|id| terms.item.as_ref().is_some_and(|item| item.id == *id))
        && filter.reference_id.as_ref().is_none_or(|id| Some(id) == terms.reference_id.as_ref())
        && filter.account_id.as_ref().is_none_or(|id| *id == terms.account.id)
        && filter.created_by.as_ref().is_none_or(|somebody| Some(somebody) == link.created_by())
        && filter.mode.is_none_or(|mode| mode == terms.mode)
        && (filter.statuses.is_empty() || filter.statuses.contains(&link.status_at(now).kind()))
        && is(filter.needs_review, link.needs_review())
        && is(filter.is_opened, link.opened_at().is_some())
        && is(filter.is_begun, !link.attempts().is_empty())
        && is(filter.message_failed, link.facts().message_failed)
        && is(filter.is_held, link.hold_at(now).is_some())
        && is(filter.is_part_paid, link.is_part_paid())
        && filter.created.from.is_none_or(|from| link.created_at() >= from)
        && filter.created.to.is_none_or(|to| link.created_at() < to)
        && ends_in(&filter.expires, Some(terms.expires_at))
        && ends_in(&filter.due, link.next_due_at())
        && filter.amount.currency.is_none_or(|currency| currency == terms.amount.currency())
        && filter.amount.from.is_none_or(|from| amount >= from)
        && filter.amount.to.is_none_or(|to| amount <= to)
}

/// A plain look at one receipt.
pub fn is_of(filter: &ReceiptFilter, receipt: &Receipt) -> bool {
    let ReceiptFilter { kind, contact_id, item_id, account_id, gateway, receipt_type_id, mode, registered, amount } =
        filter;
    let at = receipt.registered_at;
    kind.is_none_or(|kind| receipt.kind.as_str() == kind.as_str())
        && contact_id.as_ref().is_none_or(|id| *id == receipt.contact_id)
        && item_id.as_ref().is_none_or(|id| Some(id) == receipt.item_id.as_ref())
        && account_id.as_ref().is_none_or(|id| *id == receipt.account_id)
        && gateway.is_none_or(|gateway| {
            let is_outside = matches!(
                receipt.kind,
                ReceiptKind::Refund { is_outside: true, .. } | ReceiptKind::RefundVoid { is_outside: true, .. }
            );
            gateway == receipt.gateway && receipt.received_by.is_none() && !is_outside
        })
        && receipt_type_id.as_ref().is_none_or(|id| Some(id) == receipt.receipt_type_id.as_ref())
        && mode.is_none_or(|mode| mode == receipt.mode)
        && registered.from.is_none_or(|from| at >= from)
        && registered.to.is_none_or(|to| at < to)
        && amount.currency.is_none_or(|currency| currency == receipt.money.currency())
        && amount.from.is_none_or(|from| receipt.money.minor_units() >= from)
        && amount.to.is_none_or(|to| receipt.money.minor_units() <= to)
}

//! Lists that are merged from several partitions: what is live, what is over, and each over several shards.

use std::cell::Cell;
use std::collections::BTreeSet;

use domain::events::EventType;
use domain::link::{CreatedBy, LinkFilter, LinkStatusKind, MoneyRange, Receipt, ReceiptFilter, TimeRange};
use domain::records::business::Business;
use domain::records::shards::Shards;
use proptest::prelude::*;
use store::{BusinessStore, Order, Page};
use tests::lists::{is_among, is_of};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The first day of a month, so that the days before it are of another one.
fn first() -> Timestamp {
    "2026-11-01T10:00:00Z".parse().unwrap()
}

/// A business whose lists are spread over so many partitions, which everybody has known for long.
async fn with_shards(cloud: &Cloud, number: i64) -> BusinessStore {
    let (known, revision) = cloud.store.business_to_change(&shop()).await.unwrap();
    let business = known.unwrap_or_else(|| Business::new(shop(), "Shop".to_owned(), first() - 60 * DAY));
    let spread = business.spread.grown(Shards::parse(number).unwrap(), business.created_at).unwrap();
    let business = Business { spread, ..business };
    cloud.store.put_business(&business, &revision).await.unwrap();
    cloud.store.of(&shop()).fresh_configuration().await.unwrap();
    cloud.store.of(&shop())
}

/// A link that was made at this moment, in the shard that it would be in now.
async fn made_at(store: &BusinessStore, number: u8, at: Timestamp) -> PaymentLink {
    let terms = Terms { expires_at: at + 3 * DAY, ..terms(None) };
    let link =
        PaymentLink::new(shop(), PayToken::from_random([number; 16]), "https://pay.example", String::new(), terms, at);
    let shard = store.configuration().await.unwrap().spread().of_new(link.id(), link.created_at());
    let link = link.in_shard(shard);
    assert!(matches!(store.create_link(&link, &ChangedRecords::default(), at).await.unwrap(), Created::New));
    link
}

/// All pages of a list, and how many links each had.
async fn all(store: &BusinessStore, list: &LinkList, limit: usize) -> (Vec<LinkId>, Vec<usize>) {
    let (mut ids, mut sizes, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let Page { entries, next } = store.list_links(list, limit, cursor.as_ref()).await.unwrap();
        ids.extend(entries.iter().map(|link| link.id().clone()));
        sizes.push(entries.len());
        cursor = next;
        if cursor.is_none() {
            return (ids, sizes);
        }
    }
}

fn ever() -> LinkFilter {
    LinkFilter::made_between(first() - 40 * DAY, first() + 40 * DAY)
}

fn everything() -> LinkList {
    LinkList::new(ever(), first() + 40 * DAY)
}

fn of_status(status: LinkStatusKind, at: Timestamp) -> LinkList {
    LinkList::new(LinkFilter { statuses: [status].into(), ..ever() }, at)
}

#[tokio::test]
async fn a_page_of_one_status_is_full_as_long_as_there_is_something_to_fill_it_with() {
    let cloud = empty_cloud().await;
    let store = with_shards(&cloud, 1).await;
    let mut cancelled = Vec::new();
    for number in 0..60 {
        let link = made_at(&store, number, first() + Duration::from_secs(number.into())).await;
        if number % 9 == 0 {
            store.replace_link(&link.cancel(None, false, link.created_at()).unwrap()).await.unwrap();
            cancelled.insert(0, link.id().clone());
        }
    }
    let (ids, sizes) = all(&store, &of_status(LinkStatusKind::Cancelled, first()), 3).await;
    assert_eq!((ids, sizes), (cancelled, vec![3, 3, 1]));
    let (ids, sizes) = all(&store, &of_status(LinkStatusKind::Paid, first()), 3).await;
    assert_eq!((ids, sizes), (vec![], vec![0]));
}

#[tokio::test]
async fn the_few_links_of_a_contact_that_have_a_status_are_found_among_the_many_that_have_another() {
    let cloud = empty_cloud().await;
    let store = with_shards(&cloud, 1).await;
    for number in 0..250 {
        let link = made_at(&store, number, first() + Duration::from_secs(number.into())).await;
        if number < 3 {
            store.replace_link(&link.cancel(None, false, link.created_at()).unwrap()).await.unwrap();
        }
    }
    let of = LinkFilter::of_contact(ContactId::parse("c-1").unwrap());
    let cancelled = LinkFilter { statuses: [LinkStatusKind::Cancelled].into(), ..of };
    let cancelled = LinkList::new(cancelled, first());
    assert_eq!(all(&store, &cancelled, 2).await.1, [2, 1]);
    assert_eq!(all(&store, &cancelled, 1).await.1, [1, 1, 1]);
    assert_eq!(all(&store, &cancelled, 3).await.1, [3]);
}

#[tokio::test]
async fn a_link_whose_time_is_over_is_expired_in_lists_before_the_sweep_comes_and_after() {
    let cloud = empty_cloud().await;
    let store = with_shards(&cloud, 1).await;
    let link = made_at(&store, 1, first()).await;
    let late = first() + 4 * DAY;
    let listed = async |status, at| all(&store, &of_status(status, at), 10).await.0.len();
    assert_eq!((listed(LinkStatusKind::Active, first()).await, listed(LinkStatusKind::Expired, first()).await), (1, 0));
    assert_eq!((listed(LinkStatusKind::Active, late).await, listed(LinkStatusKind::Expired, late).await), (0, 1));
    let (swept, _) = link.lease_due(None, late).unwrap();
    store.replace_link(&swept).await.unwrap();
    assert!(!swept.is_live());
    assert_eq!((listed(LinkStatusKind::Active, late).await, listed(LinkStatusKind::Expired, late).await), (0, 1));
}

#[tokio::test]
async fn links_of_two_months_and_events_of_many_days_stay_listed_when_a_business_gets_more_shards() {
    let cloud = empty_cloud().await;
    let mut store = with_shards(&cloud, 1).await;
    let mut links = Vec::new();
    for number in 0..30 {
        if number == 10 {
            store = with_shards(&cloud, 5).await;
        }
        let at = first() - 10 * DAY + u32::from(number) * DAY;
        let link = made_at(&store, number, at).await;
        let link = if number % 2 == 0 { link.cancel(None, false, at).unwrap() } else { link };
        if number % 2 == 0 {
            store.replace_link(&link).await.unwrap();
        }
        for event in link.outbox().as_slice() {
            cloud.store.record_event(&link.record(event, at)).await.unwrap();
        }
        links.insert(0, link);
    }
    assert!(links.iter().map(PaymentLink::shard).collect::<BTreeSet<_>>().len() > 2, "they are spread");
    let newest: Vec<_> = links.iter().map(|link| link.id().clone()).collect();
    for limit in [1, 4, 100] {
        assert_eq!(all(&store, &everything(), limit).await.0, newest, "{limit} at a time");
    }
    let oldest: Vec<_> = newest.iter().rev().cloned().collect();
    let oldest_first = LinkList { order: Order::OldestFirst, ..everything() };
    for limit in [1, 4, 100] {
        assert_eq!(all(&store, &oldest_first, limit).await.0, oldest, "{limit} at a time");
    }
    let of_types = |types: &[EventType]| EventList {
        link: None,
        after: EventsAfter::Instant(first() - 40 * DAY),
        before: first() + 40 * DAY,
        types: types.to_vec(),
    };
    let page = store.list_events(&of_types(&[]), 100).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (45, None));
    assert!(page.entries.is_sorted_by_key(|event| event.recorded_at));
    let both = of_types(&[EventType::LinkCancelled, EventType::LinkCreated]);
    assert_eq!(store.list_events(&both, 100).await.unwrap().entries.len(), 45);
    let cancelled = of_types(&[EventType::LinkCancelled]);
    let page = store.list_events(&cancelled, 10).await.unwrap();
    assert!(page.entries.iter().all(|event| event.kind == EventType::LinkCancelled));
    assert_eq!((page.entries.len(), page.next.as_ref()), (10, page.entries.last().map(|last| &last.id)));
    let after = EventsAfter::Event(Box::new(page.entries.last().unwrap().clone()));
    let rest = store.list_events(&EventList { after, ..cancelled }, 10).await.unwrap();
    assert_eq!((rest.entries.len(), rest.next), (5, None));
}

#[tokio::test]
async fn receipts_are_found_by_whatever_is_asked_of_them() {
    let cloud = empty_cloud().await;
    let store = with_shards(&cloud, 2).await;
    let mut receipts = Vec::new();
    for number in 0..6 {
        let (link, id) = begun(&cloud.store, number).await;
        let at = now() - 20 * DAY + u32::from(number) * 4 * DAY;
        let transition = link.apply_answer(&id, &paid(&number.to_string()), Hint::Paid, at).unwrap();
        cloud.store.apply_transition(&transition).await.unwrap();
        receipts.push(transition.kept.unwrap().receipt.unwrap());
    }
    let contact = ReceiptFilter::of_contact(ContactId::parse("c-1").unwrap());
    let elsewhere = |filter: ReceiptFilter| ReceiptFilter { gateway: Some(GatewayKind::Sep), ..filter };
    let of_amount = |from, to| ReceiptFilter {
        amount: MoneyRange { currency: Some(Currency::IRR), from: Some(from), to: Some(to) },
        ..ReceiptFilter::default()
    };
    for filter in [
        ReceiptFilter::default(),
        contact.clone(),
        ReceiptFilter::of_item(ItemId::parse("i-1").unwrap()),
        ReceiptFilter { item_id: ItemId::parse("i-1").ok(), ..contact.clone() },
        ReceiptFilter { item_id: ItemId::parse("i-2").ok(), ..contact.clone() },
        ReceiptFilter::registered_between(receipts[1].registered_at, receipts[4].registered_at),
        ReceiptFilter { account_id: AccountId::parse("main").ok(), mode: Some(Mode::Live), ..ReceiptFilter::default() },
        ReceiptFilter { account_id: AccountId::parse("other").ok(), ..ReceiptFilter::default() },
        ReceiptFilter { mode: Some(Mode::Sandbox), ..contact.clone() },
        elsewhere(ReceiptFilter::default()),
        elsewhere(contact),
        of_amount(1_500_000, 1_500_000),
        of_amount(0, 1_499_999),
    ] {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let list = ReceiptList { filter: filter.clone(), order, now: now() };
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = store.list_receipts(&list, 2, cursor.as_ref()).await.unwrap();
                found.extend(page.entries);
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            let mut expected: Vec<Receipt> =
                receipts.iter().filter(|receipt| is_of(&filter, receipt)).cloned().collect();
            if order == Order::NewestFirst {
                expected.reverse();
            }
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}

/// Reads lists while links are cancelled, which moves them from what is live to what is over. Where most entries are passed
/// over, a page takes several readings of each partition. All are of one month, so that they are over in one partition.
#[tokio::test]
async fn whoever_reads_while_links_end_misses_none_and_sees_none_twice() {
    let cloud = empty_cloud().await;
    let store = with_shards(&cloud, 2).await;
    let mut links = Vec::new();
    for number in 0..240 {
        let link = made_at(&store, number, first() + Duration::from_secs(u64::from(number) * 900)).await;
        let amount = Money::new(1000 + i64::from(number % 3), Currency::IRR).unwrap();
        let link = link.amended(Terms { amount, ..link.terms().clone() }, link.created_at()).unwrap();
        store.replace_link(&link).await.unwrap();
        links.push(link);
    }
    let range = LinkFilter::made_between(first() - DAY, first() + 4 * DAY);
    let amount = MoneyRange { currency: None, from: Some(1002), to: None };
    let few = LinkFilter { amount, ..range.clone() };
    let ids = |filter: &LinkFilter| -> BTreeSet<LinkId> {
        let chosen = links.iter().filter(|link| is_among(filter, link, first()));
        chosen.map(|link| link.id().clone()).collect()
    };
    let expected = [(range.clone(), ids(&range)), (few.clone(), ids(&few))];
    assert_eq!(expected.each_ref().map(|(_, ids)| ids.len()), [240, 80]);
    let have_ended = Cell::new(false);
    let ending = async {
        for link in links.iter().step_by(2).chain(links.iter().skip(1).step_by(2).rev()) {
            let cancelled = link.cancel(None, false, link.created_at()).unwrap();
            assert!(matches!(store.replace_link(&cancelled).await.unwrap(), Written::Applied));
        }
        have_ended.set(true);
    };
    let reading = async {
        let mut readings = 0;
        while !have_ended.get() {
            for order in [Order::NewestFirst, Order::OldestFirst] {
                for (filter, ids) in &expected {
                    let list = LinkList { order, ..LinkList::new(filter.clone(), first() + 4 * DAY) };
                    let seen = all(&store, &list, ids.len() * 3 / 4).await.0;
                    assert_eq!(seen.len(), ids.len(), "reading {readings}");
                    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), *ids, "reading {readings}");
                    readings += 1;
                }
            }
        }
        readings
    };
    let (readings, ()) = futures_util::future::join(reading, ending).await;
    assert!(readings > 3, "the links ended before anybody read a list: {readings}");
}

/// What a link is like, as numbers of which each chooses one of a few.
#[derive(Clone, Debug)]
struct Kind {
    contact: u8,
    item: u8,
    account: u8,
    amount: u8,
    due: u8,
    life: u8,
    creator: u8,
    reference: bool,
    is_sandbox: bool,
}

fn kind() -> impl Strategy<Value = Kind> {
    let few = (0..2u8, 0..3u8, 0..2u8, 0..4u8, 0..4u8);
    (few, 0..3u8, 0..3u8, any::<bool>(), any::<bool>()).prop_map(
        |((contact, item, account, amount, due), life, creator, reference, is_sandbox)| Kind {
            contact,
            item,
            account,
            amount,
            due,
            life,
            creator,
            reference,
            is_sandbox,
        },
    )
}

fn day(number: u8) -> Timestamp {
    first() - 6 * DAY + u32::from(number) * DAY
}

fn named<T, E: std::fmt::Debug>(prefix: &str, number: u8, parse: impl FnOnce(&str) -> Result<T, E>) -> T {
    parse(&format!("{prefix}{number}")).unwrap()
}

impl Kind {
    /// A link of this kind that was made on a day.
    fn made(&self, number: u8) -> PaymentLink {
        let at = day(number) + Duration::from_millis(u64::from(number) * 7);
        let mut terms = terms(self.reference.then(|| format!("R-{number}")).as_deref());
        terms.contact.id = named("c-", self.contact, ContactId::parse);
        terms.item.as_mut().unwrap().id = named("i-", self.item, ItemId::parse);
        terms.item = terms.item.filter(|_| self.item > 0);
        terms.account.id = named("a-", self.account, AccountId::parse);
        // At one of them another amount than was asked for goes back at once, at the other a person has to look.
        terms.account.gateway = if self.account == 0 { GatewayKind::Zarinpal } else { GatewayKind::Stripe };
        terms.mode = if self.is_sandbox { Mode::Sandbox } else { Mode::Live };
        terms.amount = Money::new(i64::from(self.amount) * 1000, Currency::IRR).unwrap();
        // Some share their second, or their instant, with the bounds of what is asked for.
        terms.expires_at = day(number + 1 + self.life) + Duration::from_millis(500 * u64::from(self.life));
        terms.due_at = (self.due > 0).then(|| day(number + self.due) + Duration::from_millis(u64::from(self.due) - 1));
        let token = PayToken::from_random([number; 16]);
        let link = PaymentLink::new(shop(), token, "https://pay.example", String::new(), terms, at);
        if self.creator == 0 { link } else { link.made_by(named("u-", self.creator, CreatedBy::parse)) }
    }
}

/// What can happen to one of a few links.
#[derive(Clone, Debug)]
enum Change {
    Make(u8, Kind),
    Cancel(u8),
    Expire(u8),
    Open(u8),
    Begin(u8),
    Pay(u8),
    PayTooMuch(u8),
    FailMessage(u8),
    Hold(u8),
}

fn change() -> impl Strategy<Value = Change> {
    let number = || 0..12u8;
    prop_oneof![
        4 => (number(), kind()).prop_map(|(number, kind)| Change::Make(number, kind)),
        1 => number().prop_map(Change::Cancel),
        1 => number().prop_map(Change::Expire),
        1 => number().prop_map(Change::Open),
        1 => number().prop_map(Change::Begin),
        1 => number().prop_map(Change::Pay),
        1 => number().prop_map(Change::PayTooMuch),
        1 => number().prop_map(Change::FailMessage),
        1 => number().prop_map(Change::Hold),
    ]
}

/// The links as they are, by their numbers.
type Links = BTreeMap<u8, PaymentLink>;

/// Lets something happen, where it can.
async fn happen(store: &BusinessStore, all: &Store, links: &mut Links, change: &Change) {
    let (Change::Make(number, _)
    | Change::Cancel(number)
    | Change::Expire(number)
    | Change::Open(number)
    | Change::Begin(number)
    | Change::Pay(number)
    | Change::PayTooMuch(number)
    | Change::FailMessage(number)
    | Change::Hold(number)) = change;
    let Some(link) = links.get(number) else {
        if let Change::Make(number, kind) = change {
            let link = kind.made(*number);
            let shard = store.configuration().await.unwrap().spread().of_new(link.id(), link.created_at());
            let link = link.in_shard(shard);
            let made = store.create_link(&link, &ChangedRecords::default(), link.created_at()).await.unwrap();
            assert!(matches!(made, Created::New));
            links.insert(*number, link);
        }
        return;
    };
    let at = link.created_at();
    let answered = |paid: i64| {
        let attempt = link.attempts().last()?;
        let money = Money::new(paid, Currency::IRR).unwrap();
        let payment = Payment::new(number.to_string(), format!("zarinpal#t#{number}"), money);
        link.apply_answer(&attempt.id, &GatewayAnswer::Paid(payment), Hint::Paid, at)
    };
    let asked = link.terms().amount.minor_units();
    let next = match change {
        Change::Make(..) => None,
        Change::Cancel(_) => link.cancel(None, true, at).ok(),
        Change::Expire(_) => link.lease_due(None, link.due_at().unwrap_or(at)).map(|(next, _)| next),
        Change::Open(_) => link.opened(at),
        Change::Begin(_) => link.begin_attempt(attempt(link, *number), at).ok(),
        Change::Hold(_) => link.said_paid(at),
        Change::FailMessage(_) => link.message_failed(&MessageId::of(link.id(), 0, "sms", "x"), at),
        Change::Pay(_) | Change::PayTooMuch(_) => {
            let much = if matches!(change, Change::Pay(_)) { asked } else { asked + 5 };
            let Some(transition) = answered(much) else { return };
            all.apply_transition(&transition).await.unwrap();
            Some(all.link(link.id()).await.unwrap().unwrap())
        }
    };
    let Some(next) = next else { return };
    if !matches!(change, Change::Pay(_) | Change::PayTooMuch(_)) {
        assert!(matches!(store.replace_link(&next).await.unwrap(), Written::Applied));
    }
    // Nothing here has people told again, which alone would end that.
    let has_failed = link.facts().message_failed || matches!(change, Change::FailMessage(_));
    assert_eq!(next.facts().message_failed, has_failed, "{next:?}");
    links.insert(*number, next);
}

/// What is asked for: each part in one of two lists, or in neither.
fn filter() -> impl Strategy<Value = LinkFilter> {
    let maybe = |range: std::ops::Range<u8>| proptest::option::weighted(0.2, range);
    let flag = || proptest::option::weighted(0.12, any::<bool>());
    let range =
        || (maybe(0..16), maybe(0..16)).prop_map(|(from, to)| TimeRange { from: from.map(day), to: to.map(day) });
    let whose = (maybe(0..2), maybe(0..3), proptest::option::weighted(0.08, 0..12u8), maybe(0..2), maybe(1..3));
    let statuses = proptest::collection::btree_set(proptest::sample::select(LinkStatusKind::ALL.to_vec()), 0..3);
    let flags = (flag(), flag(), flag(), flag(), flag(), flag(), flag());
    let amount = (maybe(0..4), maybe(0..4));
    (whose, statuses, flags, range(), range(), range(), amount).prop_map(
        |(whose, statuses, flags, created, due, expires, amount)| {
            let (contact, item, reference, account, creator) = whose;
            let (needs_review, is_opened, is_begun, message_failed, is_held, is_part_paid, is_sandbox) = flags;
            let units = |amount: Option<u8>| amount.map(|amount| i64::from(amount) * 1000);
            LinkFilter {
                contact_id: contact.map(|number| named("c-", number, ContactId::parse)),
                item_id: item.map(|number| named("i-", number, ItemId::parse)),
                reference_id: reference.map(|number| named("R-", number, ReferenceId::parse)),
                account_id: account.map(|number| named("a-", number, AccountId::parse)),
                mode: is_sandbox.map(|is_sandbox| if is_sandbox { Mode::Sandbox } else { Mode::Live }),
                statuses,
                needs_review,
                is_opened,
                is_begun,
                message_failed,
                is_held,
                is_part_paid,
                created,
                due,
                expires,
                amount: MoneyRange {
                    currency: amount.0.map(|_| Currency::IRR),
                    from: units(amount.0),
                    to: units(amount.1),
                },
                created_by: creator.map(|number| named("u-", number, CreatedBy::parse)),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Between two pages something happens. Each page holds exactly what a plain look at all links finds behind the page
    /// before, as far as there is room.
    #[test]
    fn every_page_is_what_a_plain_look_at_all_links_finds(
        before in proptest::collection::vec(change(), 10..40),
        during in proptest::collection::vec(change(), 0..30),
        filters in proptest::collection::vec((filter(), any::<bool>(), 1..4usize, 12..20u8), 8),
        shards in 1..4i64,
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let cloud = empty_cloud().await;
            let store = with_shards(&cloud, shards).await;
            let mut links = Links::new();
            for change in &before {
                happen(&store, &cloud.store, &mut links, change).await;
            }
            let mut during = during.iter();
            for (filter, is_oldest_first, limit, now) in filters {
                let order = if is_oldest_first { Order::OldestFirst } else { Order::NewestFirst };
                // Nothing is made later than now.
                let now = day(now);
                let list = LinkList { filter, order, now };
                let (mut cursor, mut last) = (None, None);
                loop {
                    let page = store.list_links(&list, limit, cursor.as_ref()).await.unwrap();
                    let mut expected: Vec<(u8, LinkId)> = links
                        .iter()
                        .filter(|(_, link)| is_among(&list.filter, link, now))
                        .map(|(number, link)| (*number, link.id().clone()))
                        .collect();
                    if !is_oldest_first {
                        expected.reverse();
                    }
                    let is_behind = |number: u8| match last {
                        None => true,
                        Some(last) if is_oldest_first => number > last,
                        Some(last) => number < last,
                    };
                    expected.retain(|(number, _)| is_behind(*number));
                    let has_more = expected.len() > limit;
                    expected.truncate(limit);
                    let found: Vec<_> = page.entries.iter().map(|link| link.id().clone()).collect();
                    assert_eq!(found, expected.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>(), "{list:?}");
                    assert!(page.next.is_some() || !has_more, "there is more: {list:?}");
                    assert!(page.next.is_none() || found.len() == limit, "a page that goes on is full: {list:?}");
                    last = expected.last().map(|(number, _)| *number).or(last);
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                    if let Some(change) = during.next() {
                        happen(&store, &cloud.store, &mut links, change).await;
                    }
                }
            }
        });
    }
}

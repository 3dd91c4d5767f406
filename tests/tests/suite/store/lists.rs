//! Lists that are merged from several partitions: what is live, what is over, and each over several shards.

use std::collections::BTreeSet;

use domain::events::EventType;
use domain::link::LinkStatusKind;
use domain::records::business::{Business, Shards};
use proptest::prelude::*;
use store::{BusinessStore, LinksOf, Page};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The first day of a month, so that the days before it are of another one.
fn first() -> Timestamp {
    "2026-11-01T10:00:00Z".parse().unwrap()
}

/// A business whose lists are spread over so many partitions.
async fn with_shards(cloud: &Cloud, number: i64) -> BusinessStore {
    let (known, revision) = cloud.store.business_to_change(&shop()).await.unwrap();
    let business = known.unwrap_or_else(|| Business::new(shop(), "Shop".to_owned(), first() - 60 * DAY));
    let business = Business { shards: Shards::parse(number).unwrap(), ..business };
    cloud.store.put_business(&business, &revision).await.unwrap();
    cloud.store.of(&shop()).fresh_configuration().await.unwrap();
    cloud.store.of(&shop())
}

/// A link that was made at this moment, in the shard that it would be in now.
async fn made_at(store: &BusinessStore, number: u8, at: Timestamp) -> PaymentLink {
    let terms = Terms { expires_at: at + 3 * DAY, ..terms(None) };
    let link =
        PaymentLink::new(shop(), PayToken::from_random([number; 16]), "https://pay.example", String::new(), terms, at);
    let shard = store.configuration().await.unwrap().shards().of(link.id());
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

fn ever() -> LinksOf {
    LinksOf::Time(first() - 40 * DAY, first() + 40 * DAY)
}

fn of_status(status: LinkStatusKind, at: Timestamp) -> LinkList {
    LinkList { of: ever(), status: Some((status, at)) }
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
    let of = LinksOf::Contact(ContactId::parse("c-1").unwrap());
    let cancelled = LinkList { of, status: Some((LinkStatusKind::Cancelled, first())) };
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
    let (swept, _) = link.lease_due(late).unwrap();
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
        assert_eq!(all(&store, &LinkList::all(ever()), limit).await.0, newest, "{limit} at a time");
    }
    let of_type =
        |kind| EventList { after: EventsAfter::Instant(first() - 40 * DAY), before: first() + 40 * DAY, kind };
    let page = store.list_events(&of_type(None), 100).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (45, None));
    assert!(page.entries.is_sorted_by_key(|event| event.recorded_at));
    let cancelled = of_type(Some(EventType::LinkCancelled));
    let page = store.list_events(&cancelled, 10).await.unwrap();
    assert!(page.entries.iter().all(|event| event.kind == EventType::LinkCancelled));
    assert_eq!((page.entries.len(), page.next.as_ref()), (10, page.entries.last().map(|last| &last.id)));
    let after = EventsAfter::Event(Box::new(page.entries.last().unwrap().clone()));
    let rest = store.list_events(&EventList { after, ..cancelled }, 10).await.unwrap();
    assert_eq!((rest.entries.len(), rest.next), (5, None));
}

#[tokio::test]
async fn receipts_are_listed_by_when_they_were_registered() {
    let cloud = empty_cloud().await;
    let (link, id) = begun(&cloud.store, 1).await;
    cloud.store.apply_transition(&link.apply_answer(&id, &paid("1"), Hint::Paid, now()).unwrap()).await.unwrap();
    let store = cloud.store.of(&shop());
    let between = |from: Timestamp, to: Timestamp| ReceiptList::Between(from, to);
    let found = store.list_receipts(&between(now() - DAY, now() + DAY), 10, None).await.unwrap();
    assert_eq!(found.entries.iter().map(|receipt| receipt.link_id.clone()).collect::<Vec<_>>(), [link.id().clone()]);
    let before = store.list_receipts(&between(now() - 40 * DAY, now() - DAY), 10, None).await.unwrap();
    assert!(before.entries.is_empty());
}

/// What can happen to one of a few links.
#[derive(Clone, Debug)]
enum Change {
    Make(u8),
    Cancel(u8),
    Expire(u8),
}

fn change() -> impl Strategy<Value = Change> {
    (0..12u8, 0..4u8).prop_map(|(number, what)| match what {
        0 => Change::Cancel(number),
        1 => Change::Expire(number),
        _ => Change::Make(number),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_link_is_in_exactly_one_list(changes in proptest::collection::vec(change(), 1..40), shards in 1..4i64) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let cloud = empty_cloud().await;
            let store = with_shards(&cloud, shards).await;
            let mut links: BTreeMap<u8, PaymentLink> = BTreeMap::new();
            for change in changes {
                match change {
                    Change::Make(number) => {
                        if let std::collections::btree_map::Entry::Vacant(place) = links.entry(number) {
                            place.insert(made_at(&store, number, first() - 6 * DAY + u32::from(number) * DAY).await);
                        }
                    }
                    Change::Cancel(number) => {
                        let Some(link) = links.get_mut(&number) else { continue };
                        let Ok(next) = link.cancel(None, false, link.created_at()) else { continue };
                        store.replace_link(&next).await.unwrap();
                        *link = next;
                    }
                    Change::Expire(number) => {
                        let Some(link) = links.get_mut(&number) else { continue };
                        let Some((next, _)) = link.lease_due(link.terms().expires_at) else { continue };
                        store.replace_link(&next).await.unwrap();
                        *link = next;
                    }
                }
            }
            let expected = |status: Option<LinkStatusKind>| {
                let chosen = links.values().rev().filter(|link| status.is_none_or(|one| link.status_at(first()).kind() == one));
                chosen.map(|link| link.id().clone()).collect::<Vec<_>>()
            };
            assert_eq!(all(&store, &LinkList::all(ever()), 5).await.0, expected(None));
            for status in LinkStatusKind::ALL {
                assert_eq!(all(&store, &of_status(status, first()), 2).await.0, expected(Some(status)), "{status:?}");
            }
        });
    }
}

//! Links that are erased: as they were read, with everything beside them, however much that is.

use domain::ids::{LinkId, MessageId};
use domain::link::{Hint, LinkFilter, PaymentLink, RefundBy, RefundWish, StillToCome};
use domain::messages::delivery::{MessageState, SkipReason};
use store::{ChangedRecords, Created, LeaseOutcome, LinkErased, LinkList, Store, Written};
use tests::{Item, empty_cloud, everything};

use super::{begun, link_with, now, paid, shop};

/// More than is deleted in one transaction.
const EVENTS: u32 = 120;

/// A link that was cancelled, with a reference, a message that was skipped and very many events.
async fn over(store: &Store, number: u8) -> PaymentLink {
    let link = link_with(number, Some("R-1"));
    let of_shop = store.of(&shop());
    assert!(matches!(of_shop.create_link(&link, &ChangedRecords::default(), now()).await.unwrap(), Created::New));
    let message = MessageId::of(link.id(), 0, "email", "a@example.com");
    let LeaseOutcome::Mine(lease) = store.lease_message(&link, &message, None, now()).await.unwrap() else {
        panic!("not mine")
    };
    store.note_message(&lease, MessageState::Skipped { at: now(), reason: SkipReason::LinkNotActive }).await.unwrap();
    let first = link.record(&link.outbox().as_slice()[0], now());
    for sequence in 1..=EVENTS {
        let mut event = first.clone();
        event.id = domain::ids::EventId::of(link.id(), sequence);
        event.sequence = sequence;
        store.record_event(&event).await.unwrap();
    }
    let cancelled = link.cancel(None, false, now()).unwrap();
    assert!(matches!(store.replace_link(&cancelled).await.unwrap(), Written::Applied));
    cancelled
}

/// What the tables hold of a link, and of its reference.
async fn of_link(cloud: &paylink_local::Cloud, id: &LinkId) -> Vec<Item> {
    let all = everything(cloud).await;
    let partition = format!("link#{id}");
    all.into_iter()
        .filter(|((pk, _), _)| *pk == partition || pk.starts_with("reference#"))
        .map(|(_, item)| item)
        .collect()
}

#[tokio::test]
async fn a_link_goes_with_everything_beside_it_and_no_other_does() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let [one, other] = [over(store, 1).await, over(store, 2).await];
    let of_shop = store.of(&shop());
    let whole = of_shop.whole_links(&[one.id().clone(), other.id().clone()]).await.unwrap();
    assert_eq!(whole.iter().map(|whole| whole.link.id()).collect::<Vec<_>>(), [one.id(), other.id()]);
    assert!(whole.iter().all(|whole| whole.still_to_come(None, now()).is_none()));
    let others = of_link(&cloud, other.id()).await.len();
    assert_eq!(of_shop.erase_link(&whole[0]).await.unwrap(), LinkErased::Gone);
    assert!(of_link(&cloud, one.id()).await.is_empty());
    // What says that both had the reference went with the first of them.
    assert_eq!(of_link(&cloud, other.id()).await.len(), others - 1);
    let listed = of_shop
        .list_links(&LinkList::new(LinkFilter::made_between(jiff::Timestamp::UNIX_EPOCH, now()), now()), 10, None)
        .await;
    assert_eq!(listed.unwrap().entries.iter().map(PaymentLink::id).collect::<Vec<_>>(), [other.id()]);
    assert_eq!(of_shop.whole_links(&[one.id().clone()]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_link_that_somebody_changed_since_it_was_read_stays_with_all_that_lies_beside_it() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let link = over(store, 1).await;
    let of_shop = store.of(&shop());
    let whole = of_shop.whole_links(&[link.id().clone()]).await.unwrap().remove(0);
    // What a gateway said meanwhile, here a request that was remembered.
    let mut changed = serde_json::to_value(&link).unwrap();
    changed["version"] = (link.version() + 1).into();
    let changed: PaymentLink = serde_json::from_value(changed).unwrap();
    assert!(matches!(store.replace_link(&changed).await.unwrap(), Written::Applied));
    let before = of_link(&cloud, link.id()).await.len();
    assert_eq!(of_shop.erase_link(&whole).await.unwrap(), LinkErased::Changed);
    assert_eq!(of_link(&cloud, link.id()).await.len(), before);
    let again = of_shop.whole_links(&[link.id().clone()]).await.unwrap().remove(0);
    assert_eq!(of_shop.erase_link(&again).await.unwrap(), LinkErased::Gone);
    // Who erases it a second time finds nothing.
    assert_eq!(of_shop.erase_link(&again).await.unwrap(), LinkErased::Changed);
    assert!(of_shop.whole_links(&[link.id().clone()]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_still_to_come_of_a_link_is_read_with_its_messages_and_events() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let live = link_with(1, None);
    let of_shop = store.of(&shop());
    of_shop.create_link(&live, &ChangedRecords::default(), now()).await.unwrap();
    let whole = of_shop.whole_links(&[live.id().clone()]).await.unwrap().remove(0);
    assert_eq!(whole.still_to_come(None, now()), Some(StillToCome::Live));
    let cancelled = live.cancel(None, false, now()).unwrap();
    store.replace_link(&cancelled).await.unwrap();
    let whole = of_shop.whole_links(&[live.id().clone()]).await.unwrap().remove(0);
    assert_eq!(whole.still_to_come(None, now()), Some(StillToCome::Undelivered));
}

/// A refund is listed for as long as its link is there, and an entry without a link would be found by nobody who erases.
#[tokio::test]
async fn what_refunds_are_listed_by_goes_with_their_link() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let (link, attempt) = begun(store, 1).await;
    let mut link = link.apply_answer(&attempt, &paid("201"), Hint::Paid, now()).unwrap().link;
    for number in 0..3 {
        let method =
            RefundBy::Outside { account_id: None, reference: format!("TR-{number}"), refunded_at: link.created_at() };
        let (reason, requested_by, request, has_credentials, from) = (None, None, None, None, None);
        let wish = RefundWish { amount: Some(1), method, reason, requested_by, request, has_credentials, from };
        link = link.request_refund(&attempt, wish, now()).unwrap();
    }
    let of_shop = store.of(&shop());
    for refund in &link.attempt(&attempt).unwrap().refunds {
        of_shop.put_refund_entry(&link, refund).await.unwrap();
    }
    let entries = async || {
        let beside = of_link(&cloud, link.id()).await;
        beside.iter().filter(|item| item["sk"].as_s().unwrap().starts_with("refund#")).count()
    };
    assert_eq!(entries().await, 3);
    let whole = of_shop.whole_links(&[link.id().clone()]).await.unwrap().remove(0);
    assert_eq!(of_shop.erase_link(&whole).await.unwrap(), LinkErased::Gone);
    assert_eq!(entries().await, 0);
    assert!(of_link(&cloud, link.id()).await.is_empty());
}

//! Replacing a link: all of it or nothing, and only one of those who do it at once.

use domain::ids::{LinkId, ReferenceId};
use domain::link::{PaymentLink, ReplaceRefused};
use futures_util::future::{join, join_all};
use store::{ChangedRecords, Created, Succeeded, Written};
use tests::{at_once, empty_cloud};

use super::{begun, link_with, now, shop};

fn newer(old: &PaymentLink, number: u8) -> PaymentLink {
    link_with(number, old.terms().reference_id.as_ref().map(|id| id.as_str())).succeeding(old)
}

#[tokio::test]
async fn of_many_who_replace_a_link_at_once_one_does_and_all_leads_to_theirs() {
    let cloud = empty_cloud().await;
    let (store, of_shop) = (&cloud.store, cloud.store.of(&shop()));
    let old = link_with(1, Some("R-1"));
    assert!(matches!(of_shop.create_link(&old, &ChangedRecords::default(), now()).await.unwrap(), Created::New));
    let rivals: Vec<PaymentLink> = (2..).take(at_once(20)).map(|number| newer(&old, number)).collect();
    let replacing = rivals.iter().map(|rival| {
        let (ended, of_shop) = (old.replaced_by(rival.id(), false, now()).unwrap(), &of_shop);
        async move { of_shop.replace_with(&ended, rival, now()).await.unwrap() }
    });
    let written = join_all(replacing).await;
    let won: Vec<&LinkId> = written
        .iter()
        .zip(&rivals)
        .filter(|(one, _)| matches!(one, Succeeded::New))
        .map(|(_, rival)| rival.id())
        .collect();
    assert_eq!(won.len(), 1, "{written:?}");
    assert!(written.iter().all(|one| matches!(one, Succeeded::New | Succeeded::OldChanged)), "{written:?}");
    let ended = store.link(old.id()).await.unwrap().unwrap();
    assert_eq!(ended.successor(), Some(won[0]));
    assert_eq!(store.newest_in_place_of(&ended).await.unwrap().map(|newest| newest.id).as_ref(), Some(won[0]));
    assert_eq!(
        of_shop.newest_with_reference(&ReferenceId::parse("R-1").unwrap()).await.unwrap().as_ref(),
        Some(won[0])
    );
    for rival in rivals.iter().filter(|rival| rival.id() != won[0]) {
        assert!(store.link(rival.id()).await.unwrap().is_none(), "nothing of what lost is written");
    }
}

#[tokio::test]
async fn a_link_is_replaced_or_its_money_is_taken_and_never_both() {
    let cloud = empty_cloud().await;
    let (store, of_shop) = (&cloud.store, cloud.store.of(&shop()));
    for number in 1..=10 {
        let (link, attempt) = begun(store, number).await;
        let rival = newer(&link, 100 + number);
        let ended = link.replaced_by(rival.id(), true, now()).unwrap();
        let confirming = link.begin_confirming(&attempt, now()).unwrap();
        let (replaced, confirmed) =
            join(of_shop.replace_with(&ended, &rival, now()), store.replace_link(&confirming)).await;
        let is_replaced = matches!(replaced.unwrap(), Succeeded::New);
        let is_confirming = matches!(confirmed.unwrap(), Written::Applied);
        assert!(is_replaced != is_confirming, "one of them, and not the other");
        let now_is = store.link(link.id()).await.unwrap().unwrap();
        if is_replaced {
            assert_eq!(now_is.begin_confirming(&attempt, now()), None);
        } else {
            let refused = ReplaceRefused::PaymentInProgress { can_force: false };
            assert_eq!(now_is.replaced_by(rival.id(), true, now()), Err(refused));
        }
    }
}

#[tokio::test]
async fn a_chain_has_one_pointer_however_long_it_is() {
    let cloud = empty_cloud().await;
    let (store, of_shop) = (&cloud.store, cloud.store.of(&shop()));
    let first = link_with(1, None);
    assert!(matches!(of_shop.create_link(&first, &ChangedRecords::default(), now()).await.unwrap(), Created::New));
    let (mut newest, mut ended) = (first.clone(), Vec::new());
    for number in 2..30 {
        let next = newer(&newest, number);
        let old = newest.replaced_by(next.id(), false, now()).unwrap();
        assert!(matches!(of_shop.replace_with(&old, &next, now()).await.unwrap(), Succeeded::New));
        ended.push(old);
        newest = next;
    }
    for old in &ended {
        let leads_to = store.newest_in_place_of(old).await.unwrap().unwrap();
        assert_eq!((&leads_to.id, leads_to.url()), (newest.id(), newest.url()));
    }
    assert!(store.newest_in_place_of(&newest).await.unwrap().is_none(), "the newest is where it is");
}

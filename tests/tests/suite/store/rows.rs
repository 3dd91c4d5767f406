//! The rows by which contacts and items are found go with their record, whatever wrote them and whatever is lost.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::ContactId;
use domain::precondition::Precondition;
use domain::records::contact::Contact;
use domain::records::item::Item;
use paylink_local::Cloud;
use serde_json::json;
use store::{Deleted, RecordWritten, RevisionWritten, StoreError};
use tests::{dynamodb, empty_cloud, everything, plant_contact, plant_item};
use use_cases::records::{delete_contact, delete_item, delete_item_of};

use super::{another_process, shop};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn contact(name: &str) -> Contact {
    let body = json!({ "id": "c-1", "name": name, "mobile": "+989120000001", "email": "one@example.com" });
    serde_json::from_value(body).unwrap()
}

fn item(contact: &str) -> Item {
    let body = json!({ "id": "i-1", "kind": "invoice", "title": "Rent", "contact_id": contact });
    serde_json::from_value(body).unwrap()
}

/// Empty tables of a stack that is set up.
async fn set_up() -> Cloud {
    let cloud = empty_cloud().await;
    cloud.store.ensure_search_secret([1; 32]).await.unwrap();
    cloud
}

async fn rows(cloud: &Cloud) -> BTreeSet<(String, String)> {
    everything(cloud).await.into_keys().filter(|(pk, _)| pk.starts_with("search#")).collect()
}

/// Makes of a record what a version would have made of it that folds texts otherwise: each of its rows lies elsewhere.
async fn fold_otherwise(cloud: &Cloud, pk: &str, sk: &str) {
    let (client, table) = (dynamodb(cloud), cloud.store.table());
    let other = |text: &str| text.replacen('#', "#z", 1);
    for ((row, at), mut item) in everything(cloud).await.into_iter().filter(|((pk, _), _)| pk.starts_with("search#")) {
        client.delete_item().table_name(table).key("pk", text(&row)).key("sk", text(&at)).send().await.unwrap();
        let kept = row.strip_prefix("search#shop#").unwrap();
        item.insert("pk".to_owned(), text(&format!("search#shop#{}", other(kept))));
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }
    let mut record = everything(cloud).await.remove(&(pk.to_owned(), sk.to_owned())).unwrap();
    let kept = record["found_by"].as_l().unwrap().iter().map(|row| text(&other(row.as_s().unwrap()))).collect();
    record.insert("found_by".to_owned(), AttributeValue::L(kept));
    client.put_item().table_name(table).set_item(Some(record)).send().await.unwrap();
}

async fn lose_the_secret(cloud: &Cloud) {
    let delete = dynamodb(cloud).delete_item().table_name(cloud.store.secrets_table());
    delete.key("pk", text("search-secret")).key("sk", text("secret")).send().await.unwrap();
}

#[tokio::test]
async fn rows_that_another_version_made_go_with_their_contact() {
    let cloud = set_up().await;
    let store = cloud.store.of(&shop());
    plant_contact(&store, &contact("Sara")).await;
    let own = rows(&cloud).await;
    assert_eq!(own.len(), 3);

    fold_otherwise(&cloud, "contact#shop#c-1", "contact").await;
    assert!(rows(&cloud).await.is_disjoint(&own));
    delete_contact(&store, &contact("Sara").id, &Precondition::default()).await.unwrap();
    assert_eq!(rows(&cloud).await, BTreeSet::new(), "when it is deleted");

    plant_contact(&store, &contact("Sara")).await;
    fold_otherwise(&cloud, "contact#shop#c-1", "contact").await;
    plant_contact(&store, &contact("Sahra")).await;
    plant_contact(&store, &contact("Sara")).await;
    assert_eq!(rows(&cloud).await, own, "when it is changed");

    fold_otherwise(&cloud, "contact#shop#c-1", "contact").await;
    store.erase_contacts(&[contact("Sara")]).await.unwrap();
    assert_eq!(rows(&cloud).await, BTreeSet::new(), "when its business is erased");
}

#[tokio::test]
async fn rows_that_another_version_made_go_with_their_item() {
    let cloud = set_up().await;
    let store = cloud.store.of(&shop());
    let of_sara = item("c-1");
    for erases in [false, true] {
        plant_item(&store, &of_sara).await;
        fold_otherwise(&cloud, "item#shop#i-1", "item").await;
        assert_eq!(rows(&cloud).await.len(), 2);
        if erases {
            store.erase_items(std::slice::from_ref(&of_sara)).await.unwrap();
        } else {
            delete_item(&store, &of_sara.id, &Precondition::default()).await.unwrap();
        }
        assert_eq!(rows(&cloud).await, BTreeSet::new());
    }
}

/// Records that were written before records had rows have none of them kept.
#[tokio::test]
async fn a_contact_from_before_there_were_rows_is_found_once_it_is_changed() {
    let cloud = set_up().await;
    let store = cloud.store.of(&shop());
    plant_contact(&store, &contact("Sara")).await;
    let own = rows(&cloud).await;
    let (client, table) = (dynamodb(&cloud), cloud.store.table());
    for (pk, sk) in &own {
        client.delete_item().table_name(table).key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap();
    }
    let forget = client.update_item().table_name(table).update_expression("REMOVE found_by");
    forget.key("pk", text("contact#shop#c-1")).key("sk", text("contact")).send().await.unwrap();
    let next = Contact { locale: domain::locale::Locale::parse("fa").ok(), ..contact("Sara") };
    plant_contact(&store, &next).await;
    assert_eq!(rows(&cloud).await, own);
}

#[tokio::test]
async fn whoever_asks_is_forgotten_although_the_secret_of_the_search_is_lost() {
    let cloud = set_up().await;
    plant_contact(&cloud.store.of(&shop()), &contact("Sara")).await;
    lose_the_secret(&cloud).await;
    let store = another_process(&cloud).of(&shop());
    let (known, revision) = store.contact_to_change(&contact("Sara").id).await.unwrap();
    let missing = store.write_contact(&contact("Sahra"), known.as_ref(), &revision).await;
    assert!(matches!(missing, Err(StoreError::NotSetUp { .. })), "a number's row cannot be written: {missing:?}");
    // Without a number and an address nothing has to be hashed.
    let nameless = Contact { mobile: None, email: None, ..contact("Sara") };
    let written = store.write_contact(&nameless, known.as_ref(), &revision).await.unwrap();
    let RevisionWritten::Applied(revision) = written else { panic!("nobody else writes") };
    assert_eq!(rows(&cloud).await.len(), 1);
    assert_eq!(store.remove_contact(&nameless, &revision).await.unwrap(), RecordWritten::Applied);
    assert_eq!(rows(&cloud).await, BTreeSet::new());

    let again = another_process(&cloud);
    again.ensure_search_secret([1; 32]).await.unwrap();
    plant_contact(&again.of(&shop()), &contact("Sara")).await;
    lose_the_secret(&cloud).await;
    let store = another_process(&cloud).of(&shop());
    assert_eq!(delete_contact(&store, &contact("Sara").id, &Precondition::default()).await.unwrap(), Deleted::Existed);
    assert_eq!(rows(&cloud).await, BTreeSet::new());
}

#[tokio::test]
async fn an_item_that_was_given_to_another_contact_is_not_forgotten_with_the_first() {
    let cloud = set_up().await;
    let store = cloud.store.of(&shop());
    plant_item(&store, &item("c-1")).await;
    plant_item(&store, &item("c-2")).await;
    let [first, second] = ["c-1", "c-2"].map(|id| ContactId::parse(id).unwrap());
    let id = item("c-2").id;
    assert_eq!(delete_item_of(&store, &id, &first).await.unwrap(), Deleted::Missing);
    assert_eq!(store.items_of_contact(&second).await.unwrap(), [item("c-2")]);
    assert_eq!(delete_item_of(&store, &id, &second).await.unwrap(), Deleted::Existed);
    assert_eq!(store.items_of_contact(&second).await.unwrap(), []);
}

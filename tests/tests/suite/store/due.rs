//! The index of due work where very much of one business's stands before another's.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::ids::{LinkId, PayToken};
use futures_util::future::join_all;
use store::{DueLink, DueWork};
use tests::{dynamodb, empty_cloud};

use super::{now, soon};

/// An entry of the index, as a link with due work makes one.
fn entry(business: &str, number: u32, due_at: i64) -> WriteRequest {
    let mut bits = [0; 16];
    bits[..4].copy_from_slice(&number.to_be_bytes());
    let text = |text: String| AttributeValue::S(text);
    let put = PutRequest::builder()
        .item("pk", text(format!("link#{}", LinkId::of(&PayToken::from_random(bits)))))
        .item("sk", text("link".to_owned()))
        .item("business", text(business.to_owned()))
        .item("due_kind", text("link#7".to_owned()))
        .item("due_at", AttributeValue::N(due_at.to_string()));
    WriteRequest::builder().put_request(put.build().unwrap()).build()
}

#[tokio::test]
async fn whoever_stands_behind_thousands_of_links_of_another_is_found() {
    const MANY: u32 = 6_500;
    let cloud = empty_cloud().await;
    let client = dynamodb(&cloud);
    let begun = now().as_millisecond() - i64::from(MANY) - 1000;
    let mut entries: Vec<WriteRequest> =
        (0..MANY).map(|number| entry("large", number, begun + i64::from(number))).collect();
    entries.extend((0..3).map(|number| entry("small", MANY + number, begun + i64::from(MANY + number))));
    entries.push(entry("middle", MANY + 3, begun + 5));
    let table = cloud.store.table();
    for some in entries.chunks(25 * 16) {
        let writes = some.chunks(25).map(|batch| client.batch_write_item().request_items(table, batch.to_vec()).send());
        assert!(join_all(writes).await.iter().all(Result::is_ok));
    }
    let due = cloud.store.due_work(3, now(), soon()).await;
    assert!(due.failure.is_none() && due.unreadable == 0);
    let link = |work: &DueWork| match work {
        DueWork::Link(link) => link.clone(),
        DueWork::LookBack(_) => panic!("nobody looks back here: {work:?}"),
    };
    let links: Vec<DueLink> = due.work.iter().map(link).collect();
    let of = |business: &str| links.iter().filter(|link| link.business.as_str() == business).count();
    assert_eq!((of("small"), of("middle")), (3, 1));
    // No run does as many as are found, and the rest is found by the next ones.
    assert!((5_000..6_500).contains(&of("large")), "{}", of("large"));
    let unique: BTreeSet<&str> = links.iter().map(|DueLink { id, .. }| id.as_str()).collect();
    assert_eq!(unique.len(), links.len());
}

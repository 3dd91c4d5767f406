//! Reports of a line about a message, against whoever sends it at the same moment.

use std::time::Duration;

use domain::messages::delivery::{Handover, MessageState, Metered, Tried};
use domain::messages::provider_profile::ProviderKind;
use domain::messages::recipients::Recipient;
use futures_util::future::join_all;
use store::{BusinessStore, LinkMessage, RecordWritten, SendLease};
use tests::{at_once, empty_cloud};

use super::*;

/// A link with one message that a run is sending.
async fn sending(cloud: &Cloud) -> (PaymentLink, MessageId, SendLease) {
    let token = PayToken::from_random([1; 16]);
    let id = MessageId::of(&LinkId::of(&token), 0, "sms", "+971500000000");
    let (network, people, stands_in_for) = (None, vec![], vec![]);
    let to = "+971500000000".to_owned();
    let recipient = Recipient { id: id.clone(), channel: Channel::Sms, network, to, people, stands_in_for };
    let terms = Terms { recipients: vec![recipient], ..terms(None) };
    let link = PaymentLink::new(shop(), token, "https://pay.example", "hash".to_owned(), terms, now());
    let made = cloud.store.of(&shop()).create_link(&link, &ChangedRecords::default(), now()).await.unwrap();
    assert!(matches!(made, Created::New));
    let until = now() + Duration::from_secs(90);
    let LeaseOutcome::Mine(lease) = cloud.store.lease_message(&link, &id, Some(tried()), until).await.unwrap() else {
        panic!("not mine")
    };
    (link, id, lease)
}

/// That it is handed to the line.
fn tried() -> Tried {
    let metered = Metered::of(Channel::Sms, ProviderKind::Webhook, "Pay");
    Tried::after(None, ProviderId::parse("crm-line").ok(), metered, Timestamp::UNIX_EPOCH)
}

fn taken_over(provider_id: &str) -> Handover {
    let metered = Some(Metered::of(Channel::Sms, ProviderKind::Webhook, "Pay"));
    Handover { metered, ..Handover::new(now(), provider_id.to_owned()) }
}

async fn read(store: &BusinessStore, link: &PaymentLink, message: &MessageId) -> LinkMessage {
    store.link_message(link.id(), message).await.unwrap().unwrap()
}

#[tokio::test]
async fn whoever_sends_a_message_that_was_reported_meanwhile_notes_nothing() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    let (link, message, lease) = sending(&cloud).await;
    let seen = read(&store, &link, &message).await;
    assert_eq!(seen.tried(), Some(&tried()), "who is handed it is known before he is");
    let arrived = MessageState::Sent(taken_over("").arrived(now()));
    assert_eq!(store.note_reported(&seen, arrived.clone(), None).await.unwrap(), RecordWritten::Applied);
    // The answer comes, then the lease would have ended, and the schedule finds nothing to send.
    cloud.store.note_message(&lease, MessageState::Sent(taken_over("late"))).await.unwrap();
    let busy = MessageState::Waiting { until: now(), reason: "no_answer".to_owned() };
    cloud.store.note_message(&lease, busy).await.unwrap();
    cloud.store.retry_message_later(link.id(), &message, now()).await.unwrap();
    let after = read(&store, &link, &message).await;
    assert_eq!((after.tried(), after.state.clone()), (Some(&tried()), Some(arrived)));
    assert_eq!(due_messages(&cloud.store).await, []);
}

#[tokio::test]
async fn a_report_that_was_decided_on_what_is_no_longer_so_is_decided_again() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    let (link, message, lease) = sending(&cloud).await;
    let seen = read(&store, &link, &message).await;
    // The handover is noted under the mark that the report saw.
    let sent = MessageState::Sent(taken_over("p-1"));
    cloud.store.note_message(&lease, sent.clone()).await.unwrap();
    let failed = MessageState::Failed { at: now(), reason: "lost".to_owned(), sent: Some(taken_over("")) };
    let told = link.message_failed(&message, now());
    for link in [None, told.as_ref()] {
        let written = store.note_reported(&seen, failed.clone(), link).await.unwrap();
        assert_eq!(written, RecordWritten::Rejected, "the id that the line gave would be lost");
    }
    assert_eq!(read(&store, &link, &message).await.state, Some(sent));
    // The link was changed after it was read.
    let seen = read(&store, &link, &message).await;
    let changed = link.amended(Terms { description: Some("Changed".to_owned()), ..link.terms().clone() }, now());
    assert!(matches!(cloud.store.replace_link(&changed.unwrap()).await.unwrap(), Written::Applied));
    assert_eq!(store.note_reported(&seen, failed.clone(), told.as_ref()).await.unwrap(), RecordWritten::Rejected);
    let seen = read(&store, &link, &message).await;
    let told = seen.link.message_failed(&message, now()).unwrap();
    assert_eq!(store.note_reported(&seen, failed.clone(), Some(&told)).await.unwrap(), RecordWritten::Applied);
    let after = read(&store, &link, &message).await;
    assert_eq!((after.state, after.link.outbox().as_slice().len()), (Some(failed), told.outbox().as_slice().len()));
}

#[tokio::test]
async fn of_fifty_reports_at_once_one_is_noted() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    let (link, message, lease) = sending(&cloud).await;
    cloud.store.note_message(&lease, MessageState::Sent(taken_over("p-1"))).await.unwrap();
    let seen = read(&store, &link, &message).await;
    let told = link.message_failed(&message, now()).unwrap();
    let failed = MessageState::Failed { at: now(), reason: "lost".to_owned(), sent: Some(taken_over("p-1")) };
    let arrived = MessageState::Sent(taken_over("p-1").arrived(now()));
    let reports = (0..at_once(50)).map(|number| {
        let (state, link) = if number % 2 == 0 { (failed.clone(), Some(&told)) } else { (arrived.clone(), None) };
        let (store, seen) = (&store, &seen);
        async move { store.note_reported(seen, state, link).await.unwrap() }
    });
    let noted = join_all(reports).await.into_iter().filter(|written| *written == RecordWritten::Applied).count();
    assert_eq!(noted, 1);
    let after = read(&store, &link, &message).await;
    let has_failed = after.state == Some(failed);
    assert_eq!(after.link.outbox().as_slice().len() > link.outbox().as_slice().len(), has_failed, "the CRM is told");
}

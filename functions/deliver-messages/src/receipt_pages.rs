//! Writes where the receipts of a link's payments are read, before anybody is told of them: the CRM by the event of the payment,
//! and people by a message.

use std::collections::BTreeSet;

use domain::events::EventType;
use domain::ids::AttemptId;
use domain::link::{MessageAbout, MessageOfLink, PaymentLink};
use store::{LinkHistory, Store, StoreError};

/// Before the CRM is told of a payment.
pub(crate) async fn before_event(
    store: &Store,
    link: &PaymentLink,
    kind: EventType,
    attempt: Option<&AttemptId>,
) -> Result<(), StoreError> {
    if !matches!(kind, EventType::LinkPaid | EventType::LinkPartPaid) {
        return Ok(());
    }
    match attempt.and_then(|id| link.attempt(id)) {
        Some(attempt) => store.put_receipt_page(link, attempt).await,
        None => Ok(()),
    }
}

/// Before people are told of payments and refunds of which no run has told them.
pub(crate) async fn before_messages(store: &Store, history: &LinkHistory) -> Result<(), StoreError> {
    let link = &history.link;
    let untold = |message: &MessageOfLink<'_>| !history.messages.contains_key(&message.recipient.id);
    let mut written: BTreeSet<AttemptId> = BTreeSet::new();
    for message in link.messages().filter(untold) {
        let MessageAbout::News(news) = message.about else { continue };
        if written.insert(news.attempt.id.clone()) {
            store.put_receipt_page(link, news.attempt).await?;
        }
    }
    Ok(())
}

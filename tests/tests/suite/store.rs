//! The store against a real engine: conditions, transactions, indexes, and who wins a race.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

mod businesses;
mod due;
mod erasing;
mod lists;
mod reports;
mod rows;
mod shards;
mod succession;
mod totals;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, GatewayKind, GatewayRulebook, Mode, NotPaidCause, NotPaidReason, Payment};
use domain::ids::{
    AccountId, AttemptId, BusinessId, ContactId, CredentialsVersion, FieldKey, ItemId, LinkId, MessageId, PayToken,
    PersonId, ProviderId, ReferenceId, ReturnKey, Role,
};
use domain::link::{AccountTerms, AfterPayment, AmountSource, ContactTerms, Hint, ItemTerms, PaymentLink, Terms};
use domain::link::{Attempt, Checkout, LinkFilter, OpenedSession, ReceiptFilter};
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::choice::MessageChoice;
use domain::messages::delivery::{Handover, MessageState};
use domain::messages::recipients::Recipient;
use domain::money::{Currency, Money};
use domain::records::account::LatePayment;
use domain::records::contact::{Contact, NamedPerson};
use domain::records::item::Item;
use domain::records::item_payments::{ItemGuard, ItemPayments};
use futures_util::future::join_all;
use paylink_local::Cloud;
use runtime::{Environment, Runtime};
use store::{
    ApiKey, ChangedRecord, ChangedRecords, Created, DueLink, DueMessage, DueTurn, DueWork, EventList, EventsAfter,
    KeyHolder, KeyRevocation, LeaseOutcome, LinkList, ReceiptList, RecordWritten, Revision, RevisionWritten, Scope,
    Store, Taken, TransitionWritten, Written,
};
use tests::{at_once, empty_cloud, plant_contact, plant_item};

fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap()
}

fn money() -> Money {
    Money::new(1_500_000, Currency::IRR).unwrap()
}

fn terms(reference: Option<&str>) -> Terms {
    Terms {
        mode: Mode::Live,
        account: AccountTerms {
            id: AccountId::parse("main").unwrap(),
            name: "Main".to_owned(),
            gateway: GatewayKind::Zarinpal,
            credentials: CredentialsVersion::parse("v1").unwrap(),
            late_payment: LatePayment::Refund,
            summary_page: false,
        },
        contact: ContactTerms { id: ContactId::parse("c-1").unwrap(), name: "Contact".to_owned(), profile_url: None },
        item: Some(ItemTerms {
            id: ItemId::parse("i-1").unwrap(),
            title: "Item".to_owned(),
            guard: Some(ItemGuard { most: Some(1_000_000_000) }),
        }),
        amount: money(),
        amount_source: AmountSource::Request,
        plan: None,
        expires_at: now() + Duration::from_secs(3600),
        due_at: None,
        description: Some("پرداخت".to_owned()),
        internal_note: None,
        after_payment: AfterPayment {
            register_receipt: true,
            send_receipt: false,
            receipt_type_id: None,
            receipt_field: Some(FieldKey::parse("payment").unwrap()),
        },
        message: MessageChoice::Default { channels: Channel::ALL.to_vec() },
        recipients: vec![],
        unreached: vec![],
        reminders: None,
        reference_id: reference.map(|id| ReferenceId::parse(id).unwrap()),
        return_url: None,
        locale: Locale::parse("fa").ok(),
        metadata: BTreeMap::from([("deal".to_owned(), "D-1".to_owned())]),
    }
}

/// The business that most of these tests are about.
fn shop() -> BusinessId {
    BusinessId::parse("shop").unwrap()
}

/// The deadline of whoever looks for due work here.
fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_secs(50)
}

/// The store of another process, which has read nothing yet.
fn another_process(cloud: &Cloud) -> Store {
    Store::wire(&Runtime::new(Environment::from(cloud.environment.clone())).unwrap()).unwrap()
}

fn link_with(number: u8, reference: Option<&str>) -> PaymentLink {
    let token = PayToken::from_random([number; 16]);
    PaymentLink::new(shop(), token, "https://pay.example", "hash".to_owned(), terms(reference), now())
}

async fn made(store: &Store, number: u8) -> PaymentLink {
    let link = link_with(number, None);
    let store = store.of(&shop());
    assert!(matches!(store.create_link(&link, &ChangedRecords::default(), now()).await.unwrap(), Created::New));
    link
}

fn attempt(link: &PaymentLink, number: u8) -> Attempt {
    let session = OpenedSession {
        session: format!("S{number}"),
        checkout: Checkout::link("https://gateway.example/".to_owned()),
    };
    let rules = GatewayRulebook::default();
    let key = ReturnKey::from_random([number; 16]);
    link.new_attempt(key, None, link.amount_due(), None).opened(session, rules.rules(GatewayKind::Zarinpal), now())
}

async fn begun(store: &Store, number: u8) -> (PaymentLink, AttemptId) {
    let link = made(store, number).await;
    let attempt = attempt(&link, number);
    let id = attempt.id.clone();
    let link = link.begin_attempt(attempt, now()).unwrap();
    assert!(matches!(store.replace_link(&link).await.unwrap(), Written::Applied));
    (link, id)
}

fn paid(reference: &str) -> GatewayAnswer {
    let payment = Payment::new(reference, format!("zarinpal#t#{reference}"), money());
    GatewayAnswer::Paid(Payment { masked_card: Some("502229******5995".to_owned()), ..payment })
}

#[tokio::test]
async fn of_many_payments_for_one_item_at_once_as_many_are_kept_as_it_has_room_for() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let mut answered = Vec::new();
    for number in 1..=10_u8 {
        let mut terms = terms(None);
        // There is room for two of them, and for a little more.
        let most = Some(money().minor_units() * 2 + 1);
        terms.item = terms.item.map(|item| ItemTerms { guard: Some(ItemGuard { most }), ..item });
        let token = PayToken::from_random([number; 16]);
        let link = PaymentLink::new(shop(), token, "https://pay.example", "hash".to_owned(), terms, now());
        let of_shop = store.of(&shop());
        assert!(matches!(of_shop.create_link(&link, &ChangedRecords::default(), now()).await.unwrap(), Created::New));
        let attempt = attempt(&link, number);
        let id = attempt.id.clone();
        let begun = link.begin_attempt(attempt, now()).unwrap();
        assert!(matches!(store.replace_link(&begun).await.unwrap(), Written::Applied));
        answered.push(begun.apply_answer(&id, &paid(&format!("p-{number}")), Hint::Paid, now()).unwrap());
    }
    let written = join_all(answered.iter().map(|transition| store.apply_transition(transition))).await;
    let kept = written.iter().filter(|one| matches!(one, Ok(TransitionWritten::Written(Written::Applied)))).count();
    let full = written.iter().filter(|one| matches!(one, Ok(TransitionWritten::ItemPaid))).count();
    assert_eq!((kept, full), (2, 8), "{written:?}");
    let paid = store.of(&shop()).paid_for(&answered[0].link, &ItemId::parse("i-1").unwrap()).await.unwrap();
    assert_eq!((paid.net(), paid.0.len()), (money().minor_units() * 2, 2));
}

#[tokio::test]
async fn what_was_paid_for_an_item_by_many_links_stays_short_and_adds_up() {
    const MANY: u8 = 101;
    let cloud = empty_cloud().await;
    let (store, item) = (cloud.store.of(&shop()), ItemId::parse("i-1").unwrap());
    let mut link = None;
    for number in 1..=MANY {
        let (begun, id) = begun(&cloud.store, number).await;
        let transition = begun.apply_answer(&id, &paid(&format!("p-{number}")), Hint::Paid, now()).unwrap();
        let written = cloud.store.apply_transition(&transition).await.unwrap();
        assert!(matches!(written, TransitionWritten::Written(Written::Applied)), "{written:?}");
        link = Some(transition.link);
    }
    let link = link.unwrap();
    let before = store.paid_for(&link, &item).await.unwrap();
    assert_eq!((before.net(), before.0.len()), (money().minor_units() * i64::from(MANY), usize::from(MANY)));
    // Whoever folds what is not as it was read changes nothing.
    let earlier = ItemPayments(before.0[1..].iter().chain(&before.0[..1]).copied().collect());
    store.fold_item_payments(&link, &item, &earlier).await.unwrap();
    assert_eq!(store.paid_for(&link, &item).await.unwrap(), before);
    for _ in 0..2 {
        store.fold_item_payments(&link, &item, &before).await.unwrap();
        let folded = store.paid_for(&link, &item).await.unwrap();
        assert_eq!((folded.net(), folded.0.len()), (before.net(), 51));
    }
}

#[tokio::test]
async fn a_link_comes_back_as_it_was_written() {
    let cloud = empty_cloud().await;
    let (link, _) = begun(&cloud.store, 1).await;
    assert_eq!(cloud.store.link(link.id()).await.unwrap(), Some(link));
    assert_eq!(cloud.store.link(&LinkId::of(&PayToken::from_random([9; 16]))).await.unwrap(), None);
}

#[tokio::test]
async fn fifty_callers_change_a_link_and_one_wins() {
    let cloud = empty_cloud().await;
    let link = made(&cloud.store, 1).await;
    let changes = (0..50_u8).map(|number| {
        let next = link.begin_attempt(attempt(&link, number), now()).unwrap();
        let store = cloud.store.clone();
        async move { store.replace_link(&next).await.unwrap() }
    });
    let results = join_all(changes).await;
    assert_eq!(results.iter().filter(|written| matches!(written, Written::Applied)).count(), 1);
    let stored = cloud.store.link(link.id()).await.unwrap().unwrap();
    assert_eq!((stored.version(), stored.attempts().len()), (2, 1));
    for written in results {
        if let Written::Rejected(current) = written {
            assert_eq!(*current, stored, "the losers are told what the winner wrote");
        }
    }
}

#[tokio::test]
async fn a_hundred_creates_under_one_token_make_one_link() {
    let cloud = empty_cloud().await;
    let (link, unchanged) = (link_with(1, None), ChangedRecords::default());
    let store = cloud.store.of(&shop());
    let many = at_once(100);
    let results = join_all((0..many).map(|_| store.create_link(&link, &unchanged, link.created_at()))).await;
    let new = results.iter().filter(|created| matches!(created, Ok(Created::New))).count();
    let existing =
        results.iter().filter(|created| matches!(created, Ok(Created::Exists(known)) if **known == link)).count();
    assert_eq!((new, existing), (1, many - 1));
}

#[tokio::test]
async fn a_payment_writes_link_receipt_claim_and_attachment_at_once() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let (link, id) = begun(store, 1).await;
    let transition = link.apply_answer(&id, &paid("1"), Hint::Paid, now()).unwrap();
    let receipt = transition.kept.as_ref().unwrap().receipt.clone().unwrap();
    assert!(matches!(store.apply_transition(&transition).await.unwrap(), TransitionWritten::Written(Written::Applied)));
    assert_eq!(store.link(link.id()).await.unwrap().unwrap(), transition.link);
    let store = store.of(&shop());
    assert_eq!(store.receipt(&receipt.id).await.unwrap(), Some(receipt.clone()));
    let of_item = ReceiptFilter::of_item(ItemId::parse("i-1").unwrap());
    for filter in [ReceiptFilter::of_contact(receipt.contact_id.clone()), of_item] {
        let list = ReceiptList::new(filter, now());
        assert_eq!(store.list_receipts(&list, 10, None).await.unwrap().entries, std::slice::from_ref(&receipt));
    }
    // The same transition again finds the link changed, and writes nothing twice.
    let again = cloud.store.apply_transition(&transition).await.unwrap();
    assert!(matches!(again, TransitionWritten::Written(Written::Rejected(current)) if *current == transition.link));
}

/// A link with as much on it as the CRM may put there, and as much as can happen to it.
fn largest_link(with: usize) -> PaymentLink {
    let mut terms = terms(None);
    let id = LinkId::of(&PayToken::from_random([1; 16]));
    terms.recipients = (0..with)
        .map(|number| Recipient {
            id: MessageId::of(&id, 0, "email", &number.to_string()),
            channel: Channel::Email,
            network: None,
            to: format!("{number}{}@{}.example.com", "m".repeat(50), "d".repeat(60)),
            people: vec![NamedPerson {
                role: Role::parse(&"r".repeat(64)).unwrap(),
                id: PersonId::parse(&"p".repeat(64)).unwrap(),
            }],
            stands_in_for: vec![],
        })
        .collect();
    PaymentLink::new(shop(), PayToken::from_random([1; 16]), "https://pay.example", "hash".to_owned(), terms, now())
}

#[tokio::test]
async fn the_largest_link_there_may_be_can_still_be_paid() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let small = largest_link(0);
    let fits = |with: &usize| largest_link(*with).check_growth(&small).is_ok();
    let most = (0..2000).collect::<Vec<usize>>().partition_point(fits) - 1;
    assert!(!fits(&(most + 1)));
    let mut link = largest_link(most);
    // Everything that can happen to it: as many attempts as a link keeps, which say a lot, and as many failed messages as
    // it remembers.
    let mut last = None;
    for number in 0..20_u8 {
        let mut attempt = attempt(&link, number);
        attempt.opened_at = now() - Duration::from_secs(3600 * 2);
        attempt.session = "s".repeat(500);
        attempt.checkout = Checkout::link(format!("https://gateway.example/{}", "c".repeat(2000)));
        last = Some(attempt.id.clone());
        link = link.begin_attempt(attempt, now()).unwrap();
        if number < 19 {
            let id = last.as_ref().unwrap();
            let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "r".repeat(200)));
            link = link.apply_answer(id, &no, Hint::NotPaid, now()).unwrap().link;
        }
    }
    for recipient in link.terms().recipients.clone().iter().take(150) {
        link = link.message_failed(&recipient.id, now()).unwrap();
    }
    assert!(serde_json::to_vec(&link).unwrap().len() < 400 * 1024, "DynamoDB takes no larger item");
    assert!(matches!(
        store.of(&shop()).create_link(&link, &ChangedRecords::default(), now()).await.unwrap(),
        Created::New
    ));
    let transition = link.apply_answer(&last.unwrap(), &paid("1"), Hint::Paid, now()).unwrap();
    assert!(matches!(store.apply_transition(&transition).await.unwrap(), TransitionWritten::Written(Written::Applied)));
    assert_eq!(store.link(link.id()).await.unwrap(), Some(transition.link));
}

#[tokio::test]
async fn a_record_that_changed_since_it_was_read_is_not_written_over() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    let id = ContactId::parse("c-1").unwrap();
    let contact = |name: &str| Contact {
        id: id.clone(),
        name: name.to_owned(),
        profile_url: None,
        locale: None,
        mobile: None,
        email: None,
        social: Vec::new(),
        balance: None,
        no_reminders: false,
        people: Vec::new(),
    };
    let read = async || store.records_for_create(None, None, Some(&id), None).await.unwrap();
    let create = async |number: u8, name: &str, revision: Revision| {
        let record = ChangedRecord { next: contact(name), known: None, revision };
        let changed = ChangedRecords { contact: Some(record), item: None };
        store.create_link(&link_with(number, Some("R-2")), &changed, now()).await.unwrap()
    };
    let nothing = read().await.contact_revision;
    assert_eq!(nothing, Revision::Nothing);
    plant_contact(&store, &contact("first")).await;
    assert!(matches!(create(1, "lost", nothing).await, Created::RecordsChanged));
    let first = read().await;
    plant_contact(&store, &contact("first")).await;
    assert!(
        matches!(create(1, "lost", first.contact_revision).await, Created::RecordsChanged),
        "also by the same again"
    );
    assert_eq!(store.link(link_with(1, None).id()).await.unwrap(), None, "nothing of it was written");
    let now_seen = read().await.contact_revision;
    assert!(matches!(create(1, "second", now_seen).await, Created::New));
    assert_eq!(store.contact(&id).await.unwrap(), Some(contact("second")));
}

#[tokio::test]
async fn of_fifty_who_write_a_record_over_the_same_reading_one_does() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    let contact: Contact = serde_json::from_value(serde_json::json!({ "id": "c-1", "name": "first" })).unwrap();
    plant_contact(&store, &contact).await;
    let (known, revision) = store.contact_to_change(&contact.id).await.unwrap();
    let next: Vec<Contact> =
        (0..at_once(50)).map(|n| Contact { name: format!("number {n}"), ..contact.clone() }).collect();
    let writes = next.iter().map(|next| store.write_contact(next, known.as_ref(), &revision));
    let written: Vec<_> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    let applied: Vec<_> = written
        .iter()
        .zip(&next)
        .filter_map(|(written, next)| match written {
            RevisionWritten::Applied(revision) => Some((revision, next)),
            RevisionWritten::Rejected => None,
        })
        .collect();
    let [(at, winner)] = applied[..] else { panic!("one of them writes, and not {}", applied.len()) };
    let (stands, now_at) = store.contact_to_change(&contact.id).await.unwrap();
    assert_eq!((stands.as_ref(), &now_at), (Some(winner), at), "what stands is what was said to be written");
    assert_eq!(store.remove_contact(&contact, &revision).await.unwrap(), RecordWritten::Rejected);
    assert_eq!(store.contact(&contact.id).await.unwrap().as_ref(), Some(winner), "an old reading deletes nothing");
    assert_eq!(store.remove_contact(winner, at).await.unwrap(), RecordWritten::Applied);
    assert_eq!(store.contact(&contact.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_item_is_written_and_deleted_over_what_was_read_and_keeps_its_receipts() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    let (link, id) = begun(&cloud.store, 1).await;
    let item: Item = serde_json::from_value(serde_json::json!({
        "id": "i-1", "kind": "invoice", "title": "first", "contact_id": "c-1",
    }))
    .unwrap();
    plant_item(&store, &item).await;
    let early = store.whole_item(&item.id).await.unwrap();
    let transition = link.apply_answer(&id, &paid("1"), Hint::Paid, now()).unwrap();
    cloud.store.apply_transition(&transition).await.unwrap();
    let late = store.whole_item(&item.id).await.unwrap();
    assert_eq!(early.revision, late.revision, "a receipt under it is no change of an item");
    let next = Item { title: "second".to_owned(), ..item.clone() };
    let written = store.write_item(&next, Some(&item), &early.revision).await.unwrap();
    assert!(matches!(written, RevisionWritten::Applied(_)));
    assert_eq!(store.write_item(&item, Some(&item), &late.revision).await.unwrap(), RevisionWritten::Rejected);
    assert_eq!(store.remove_item(&item, &late.revision).await.unwrap(), RecordWritten::Rejected);
    let (known, revision) = store.item_to_change(&item.id).await.unwrap();
    assert_eq!(store.remove_item(&known.unwrap(), &revision).await.unwrap(), RecordWritten::Applied);
    let gone = store.whole_item(&item.id).await.unwrap();
    assert_eq!((gone.item, gone.revision), (None, Revision::Nothing));
    assert_eq!(gone.receipts, late.receipts, "receipts stay when their item is deleted");
}

#[tokio::test]
async fn fifty_confirmations_of_one_payment_write_one_receipt() {
    let cloud = empty_cloud().await;
    let (link, id) = begun(&cloud.store, 1).await;
    let transition = link.apply_answer(&id, &paid("1"), Hint::Paid, now()).unwrap();
    let results = join_all((0..at_once(50)).map(|_| cloud.store.apply_transition(&transition))).await;
    let applied = results
        .iter()
        .filter(|confirmed| matches!(confirmed, Ok(TransitionWritten::Written(Written::Applied))))
        .count();
    assert_eq!(applied, 1);
    let list = ReceiptList::new(ReceiptFilter::of_contact(ContactId::parse("c-1").unwrap()), now());
    assert_eq!(cloud.store.of(&shop()).list_receipts(&list, 10, None).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_reference_that_paid_once_pays_nothing_else() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let (first, first_id) = begun(store, 1).await;
    let (second, second_id) = begun(store, 2).await;
    store.apply_transition(&first.apply_answer(&first_id, &paid("7"), Hint::Paid, now()).unwrap()).await.unwrap();
    let replayed = second.apply_answer(&second_id, &paid("7"), Hint::Paid, now()).unwrap();
    assert!(matches!(store.apply_transition(&replayed).await.unwrap(), TransitionWritten::ReferenceTaken));
    assert_eq!(store.link(second.id()).await.unwrap().unwrap(), second, "nothing of it was written");
    let receipt = replayed.kept.unwrap().receipt.unwrap().id;
    assert_eq!(store.of(&shop()).receipt(&receipt).await.unwrap(), None);
}

#[tokio::test]
async fn racing_creates_with_one_reference_make_one_link() {
    let cloud = empty_cloud().await;
    let links: Vec<_> = (0..50).map(|number| link_with(number, Some("R-1"))).take(at_once(50)).collect();
    let unchanged = ChangedRecords::default();
    let store = cloud.store.of(&shop());
    let results = join_all(links.iter().map(|link| store.create_link(link, &unchanged, now()))).await;
    assert_eq!(results.iter().filter(|created| matches!(created, Ok(Created::New))).count(), 1);
    assert_eq!(
        results.iter().filter(|created| matches!(created, Ok(Created::Taken(Taken::Reference(_))))).count(),
        links.len() - 1
    );
    let listed = store
        .list_links(&LinkList::new(LinkFilter::of_reference(ReferenceId::parse("R-1").unwrap()), now()), 100, None)
        .await
        .unwrap();
    assert_eq!(listed.entries.len(), 1);
}

#[tokio::test]
async fn only_what_time_has_to_do_with_is_in_the_index_of_due_work() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let due = async |at: Timestamp| {
        let link = |work: DueWork| match work {
            DueWork::Link(link) => link,
            DueWork::LookBack(_) => panic!("nobody looks back here: {work:?}"),
        };
        let found: Vec<DueLink> = store.due_work(0, at, soon()).await.work.into_iter().map(link).collect();
        assert!(found.iter().all(|due| due.business == shop()), "the index says whose work it is");
        found.into_iter().map(|due| due.id).collect::<Vec<_>>()
    };
    let (link, id) = begun(store, 1).await;
    assert!(due(now()).await.is_empty());
    assert_eq!(due(now() + Duration::from_secs(61)).await, [link.id().clone()]);
    let (asked, _) = link.lease_due(None, now() + Duration::from_secs(61)).unwrap();
    store.replace_link(&asked).await.unwrap();
    let found = due(now() + Duration::from_secs(61)).await;
    assert_eq!(found, [link.id().clone()], "what is asked about every minute keeps its place");
    assert_eq!(asked.lease_due(None, now() + Duration::from_secs(62)), None, "and is not due before its next minute");
    let link = asked;
    store.apply_transition(&link.apply_answer(&id, &paid("1"), Hint::Paid, now()).unwrap()).await.unwrap();
    assert!(due(now() + Duration::from_secs(1_000_000)).await.is_empty(), "a paid link is never due again");
}

#[tokio::test]
async fn two_sweeps_never_take_on_the_same_work() {
    let cloud = empty_cloud().await;
    let (link, _) = begun(&cloud.store, 1).await;
    let later = now() + Duration::from_secs(61);
    let sweeps = (0..at_once(50)).map(|_| async {
        let (next, _) = link.lease_due(None, later).unwrap();
        cloud.store.replace_link(&next).await.unwrap()
    });
    let applied = join_all(sweeps).await.into_iter().filter(|written| matches!(written, Written::Applied)).count();
    assert_eq!(applied, 1);
}

#[tokio::test]
async fn fifty_senders_want_to_lease_a_message_and_one_does() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let link = made(store, 1).await;
    let message = MessageId::of(link.id(), 0, "sms", "+989120000000");
    let until = now() + Duration::from_secs(60);
    let leases = join_all((0..at_once(50)).map(|_| store.lease_message(&link, &message, None, until))).await;
    let mine: Vec<_> = leases
        .into_iter()
        .filter_map(|lease| match lease.unwrap() {
            LeaseOutcome::Mine(lease) => Some(lease),
            LeaseOutcome::Held { .. } | LeaseOutcome::NotNeeded => None,
        })
        .collect();
    assert_eq!(mine.len(), 1);
    let sent = MessageState::Sent(Handover::new(now(), "p-1".to_owned()));
    store.note_message(&mine[0], sent.clone()).await.unwrap();
    assert!(matches!(store.lease_message(&link, &message, None, until).await.unwrap(), LeaseOutcome::NotNeeded));
    let states = store.link_history(link.id()).await.unwrap().unwrap().messages;
    assert_eq!(states, BTreeMap::from([(message, sent)]));
}

#[tokio::test]
async fn a_lost_lease_notes_nothing() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let link = made(store, 1).await;
    let message = MessageId::of(link.id(), 0, "sms", "+989120000000");
    let LeaseOutcome::Mine(first) = store.lease_message(&link, &message, None, now()).await.unwrap() else {
        panic!("not mine")
    };
    store.retry_message_later(link.id(), &message, now()).await.unwrap();
    let due = store.due_messages(now() + Duration::from_secs(1), soon()).await.work.remove(0);
    let turn = store.due_turn(&due).await.unwrap();
    let DueTurn::Send(due) = turn else { panic!("{turn:?}") };
    let second = store.lease_due_message(&due, None, now() + Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(second.tries, 2);
    let again = store.lease_due_message(&due, None, now()).await.unwrap();
    assert!(again.is_none(), "of two runs only one leases it");
    store.note_message(&second, MessageState::Sent(Handover::new(now(), "second".to_owned()))).await.unwrap();
    store
        .note_message(&first, MessageState::Failed { at: now(), reason: "late".to_owned(), sent: None })
        .await
        .unwrap();
    let states = store.link_history(link.id()).await.unwrap().unwrap().messages;
    assert_eq!(states[&message].name(), "sent");
}

/// All messages that are due by now.
async fn due_messages(store: &Store) -> Vec<DueMessage> {
    store.due_messages(now(), soon()).await.work
}

#[tokio::test]
async fn of_two_looks_at_a_message_only_one_is_noted_and_the_message_stays_sent() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let link = made(store, 1).await;
    let message = MessageId::of(link.id(), 0, "sms", "+989120000000");
    let LeaseOutcome::Mine(lease) = store.lease_message(&link, &message, None, now()).await.unwrap() else {
        panic!("not mine")
    };
    let moments = &[jiff::SignedDuration::from_secs(-1), jiff::SignedDuration::from_hours(1)];
    let provider = || ProviderId::parse("kavenegar").unwrap();
    let asked =
        Handover::new(now(), "p-1".to_owned()).looked_at_next(moments, provider(), now() - Duration::from_secs(2));
    store.note_message(&lease, MessageState::Sent(asked)).await.unwrap();
    let due = due_messages(store).await.remove(0);
    let look = || async {
        match store.due_turn(&due).await.unwrap() {
            DueTurn::Look(looked) => looked,
            other @ (DueTurn::Send(_) | DueTurn::NotOurs) => panic!("{other:?}"),
        }
    };
    let (one, other) = (look().await, look().await);
    let state = || async { store.link_history(link.id()).await.unwrap().unwrap().messages[&message].clone() };
    assert_eq!(state().await.name(), "sent", "to look changes nothing");
    let next = one.handover.clone().looked_at_next(moments, provider(), now());
    store.note_look(&one, next.clone()).await.unwrap();
    store.note_look(&other, other.handover.clone().settled()).await.unwrap();
    assert_eq!(state().await, MessageState::Sent(next));
    assert_eq!(due_messages(store).await, [], "the next look is in an hour");
    assert!(matches!(store.due_turn(&due).await.unwrap(), DueTurn::NotOurs));
}

#[tokio::test]
async fn where_a_chat_has_moved_to_is_forgotten_with_its_link() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let token = PayToken::from_random([1; 16]);
    let id = MessageId::of(&LinkId::of(&token), 0, "social", "-1");
    let group = Recipient {
        id,
        channel: Channel::Social,
        network: None,
        to: "-1".to_owned(),
        people: vec![],
        stands_in_for: vec![],
    };
    let terms = Terms { recipients: vec![group], ..terms(None) };
    let link = PaymentLink::new(shop(), token, "https://pay.example", "hash".to_owned(), terms, now());
    assert!(matches!(
        store.of(&shop()).create_link(&link, &ChangedRecords::default(), now()).await.unwrap(),
        Created::New
    ));
    let recipient = link.recipients().next().unwrap();
    let LeaseOutcome::Mine(lease) = store.lease_message(&link, &recipient.id, None, now()).await.unwrap() else {
        panic!("not mine")
    };
    let moved = Handover { moved_to: Some("-1001".to_owned()), ..Handover::new(now(), "p-1".to_owned()) };
    store.note_message(&lease, MessageState::Sent(moved.clone())).await.unwrap();
    let state = || async { store.link_history(link.id()).await.unwrap().unwrap().messages[&recipient.id].clone() };
    assert_eq!(state().await, MessageState::Sent(moved.clone()));
    store.forget_moved_chats(&link).await.unwrap();
    assert_eq!(state().await, MessageState::Sent(Handover { moved_to: None, ..moved }));
}

#[tokio::test]
async fn a_day_of_the_business_is_cut_out_of_the_days_it_touches() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let instants = [
        "2026-11-22T20:29:59Z",
        "2026-11-22T20:30:00Z",
        "2026-11-23T12:00:00Z",
        "2026-11-23T20:29:59.999Z",
        "2026-11-23T20:30:00Z",
    ];
    for (number, instant) in (0..).zip(instants) {
        let token = PayToken::from_random([number; 16]);
        let link = PaymentLink::new(shop(), token, "https://pay.example", String::new(), terms(None), at(instant));
        store.create_link(&link, &ChangedRecords::default(), at(instant)).await.unwrap();
    }
    // The 23rd in Tehran.
    let day = LinkFilter::made_between(at("2026-11-22T20:30:00Z"), at("2026-11-23T20:30:00Z"));
    let day = LinkList::new(day, now());
    let page = store.list_links(&day, 2, None).await.unwrap();
    let seen: Vec<_> = page.entries.iter().map(|link| link.created_at().to_string()).collect();
    assert_eq!(seen, ["2026-11-23T20:29:59.999Z", "2026-11-23T12:00:00Z"]);
    let rest = store.list_links(&day, 2, page.next.as_ref()).await.unwrap();
    let seen: Vec<_> = rest.entries.iter().map(|link| link.created_at().to_string()).collect();
    assert_eq!((seen, rest.next), (vec!["2026-11-22T20:30:00Z".to_owned()], None));
}

#[tokio::test]
async fn the_secret_of_pay_tokens_is_never_replaced() {
    let cloud = empty_cloud().await;
    let store = cloud.store.of(&shop());
    assert!(store.token_for("crm", "1").await.is_err(), "without it no token may be made up");
    cloud.store.ensure_token_secret([1; 32]).await.unwrap();
    cloud.store.ensure_token_secret([2; 32]).await.unwrap();
    let token = store.token_for("crm", "1").await.unwrap();
    assert_eq!(store.token_for("crm", "1").await.unwrap(), token);
    let first = another_process(&cloud).of(&shop()).token_for("crm", "1").await.unwrap();
    assert_eq!(first, token, "another process reads the same");
    for (integration, key) in [("crm", "2"), ("cr", "m1"), ("other", "1")] {
        assert_ne!(store.token_for(integration, key).await.unwrap(), token);
    }
    let other = cloud.store.of(&BusinessId::parse("other").unwrap());
    assert_ne!(other.token_for("crm", "1").await.unwrap(), token, "two businesses may use one key");
}

#[tokio::test]
async fn a_revoked_key_is_worthless_and_the_others_stay() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let of_shop = KeyHolder::Business(shop());
    let key = |integration: &str| ApiKey {
        integration: integration.to_owned(),
        scopes: vec![Scope::Read],
        created_at: now(),
    };
    let first = store.put_api_key(&of_shop, "plk_shop_first", &key("crm")).await.unwrap();
    let second = store.put_api_key(&of_shop, "plk_shop_second", &key("crm")).await.unwrap();
    assert_eq!(store.list_api_keys(&of_shop).await.unwrap().len(), 2);
    assert_eq!(store.revoke_api_key(&of_shop, "nothing").await.unwrap(), KeyRevocation::NoSuchKey);
    assert_eq!(store.revoke_api_key(&of_shop, &first).await.unwrap(), KeyRevocation::Revoked);
    let listed = store.list_api_keys(&of_shop).await.unwrap();
    assert_eq!(listed.into_iter().map(|listed| listed.id).collect::<Vec<_>>(), [second]);
    let ring = store.keys(&of_shop).await.unwrap();
    assert!(ring.find("plk_shop_first").is_none() && ring.find("plk_shop_second").is_some());
}

//! Two businesses in one pair of tables: what one of them has, the other does not find, whatever they call it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::audit::{AuditAction, Author, Side, Subject};
use domain::batches::Batch;
use domain::business::logo::{Logo, LogoHash};
use domain::business::look_back::Looked;
use domain::business::quotas::{Day, DayCount, Quotas};
use domain::business::settings::Settings;
use domain::business::totals::{Aspect, Totals};
use domain::business::usage::Usage;
use domain::exports::Export;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{
    AccountId, BatchId, BusinessId, ContactId, CredentialsVersion, EndpointId, EventId, ExportId, ItemId, LinkId,
    MessageId, PayToken, ProviderId, ReceiptId, ReceiptTypeId, ReferenceId,
};
use domain::link::{Hint, LinkFilter, PaymentLink, Receipt, ReceiptFilter, RefundBy, RefundFilter, RefundWish};
use domain::locale::Locale;
use domain::messages::channel::Channel;
use domain::messages::delivery::{Handover, MessageState, Metered};
use domain::messages::kind::MessageKind;
use domain::messages::message_template::MessageTemplate;
use domain::messages::provider::{MessageProvider, ProviderKind, ProviderSecret};
use domain::records::account::Account;
use domain::records::business::{Business, BusinessState};
use domain::records::contact::Contact;
use domain::records::credentials::Credentials;
use domain::records::item::Item;
use domain::records::receipt_type::ReceiptType;
use domain::records::signing::SigningSecret;
use domain::records::webhook_endpoint::WebhookEndpoint;
use domain::search::SearchQuery;
use futures_util::future::{join, join_all};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{
    ApiKey, Begun, BookedQuery, BookedRead, BusinessStore, ChangedRecords, Configuration, Created, DueEndpoint,
    DueLookBack, EventList, EventsAfter, Found, KeyHolder, LeaseOutcome, LinkList, NewProviderSecret, Order,
    ReceiptList, RecordWritten, RefundList, Revision, Scope, Store, Succeeded, Taken, TotalsQuery, TotalsRead,
    TransitionWritten, Written,
};
use tests::{dynamodb, empty_cloud, plant_contact, plant_item, sources_below};

use super::{another_process, attempt, now, paid, shop, terms};

/// Another business than the shop, with as much of the shop's name in its own as there can be.
fn other() -> BusinessId {
    BusinessId::parse("shop-2").unwrap()
}

/// The ids that both businesses use for what they name themselves.
fn id<T>(parse: impl Fn(&str) -> Result<T, domain::Rejection>, text: &str) -> T {
    parse(text).unwrap()
}

fn read<T: DeserializeOwned>(written: Value) -> T {
    serde_json::from_value(written).unwrap()
}

fn version() -> CredentialsVersion {
    id(CredentialsVersion::parse, "v1")
}

/// What only the product can name.
#[derive(Clone, Debug)]
struct Made {
    link: LinkId,
    message: MessageId,
    event: EventId,
    receipt: ReceiptId,
    booked: Receipt,
    /// Of the payment's reference.
    claim: String,
    logo: LogoHash,
    /// A link in whose place there is another.
    replaced: PaymentLink,
    begun_at: Timestamp,
}

/// Each business calls one of its own so.
fn export() -> ExportId {
    id(ExportId::parse, "ex_1111111111111111111111")
}

fn batch() -> BatchId {
    id(BatchId::parse, "ba_1111111111111111111111")
}

fn account() -> Account {
    read(json!({
        "id": "main", "name": "Main", "currency": "IRR", "mode": "sandbox",
        "online_payment": { "enabled": true, "gateway": "zarinpal", "credentials": "v1", "late_payment": "refund" },
    }))
}

fn merchant(digit: &str) -> Credentials {
    let merchant = format!("00000000-0000-4000-8000-{}", digit.repeat(12));
    let fields = BTreeMap::from([("merchant_id".to_owned(), merchant)]);
    Credentials::parse(GatewayKind::Zarinpal, Mode::Sandbox, fields, "").unwrap()
}

fn endpoint(changed_at: Option<domain::Timestamp>, version: u64) -> WebhookEndpoint {
    read(json!({
        "id": "crm", "url": "https://crm.example/", "enabled": true, "secrets": [{ "version": "v1" }],
        "created_at": now(), "changed_at": changed_at, "version": version,
    }))
}

/// A business with one of everything, each called as in every other business and with the business's own words in it.
async fn furnish(store: &Store, business: &BusinessId, number: u8) -> Made {
    let begun_at = now();
    let own = |what: &str| format!("{what} of {business}");
    let of = store.of(business);
    let record = Business::new(business.clone(), own("the name"), now());
    assert!(store.put_business(&record, &Revision::Nothing).await.unwrap().is_applied());
    let logo = Logo::parse(&picture(&own("a picture"))).unwrap();
    let settings = Settings { business_name: own("settings"), logo_hash: Some(logo.hash()), ..Settings::default() };
    assert!(of.put_settings(&settings, Some(&logo), &Revision::Nothing).await.unwrap().is_applied());
    let (digit, main) = (number.to_string(), Account { name: own("an account"), ..account() });
    assert!(of.put_account(&main, Some(&merchant(&digit)), &Revision::Nothing).await.unwrap().is_applied());
    let abroad: Account = read(json!({
        "id": "abroad", "name": "Abroad", "currency": "EUR", "mode": "sandbox",
        "online_payment": { "enabled": true, "gateway": "stripe", "credentials": "v1", "late_payment": "refund" },
    }));
    let keys = [("secret_key", "sk_test_0123456789abcdef"), ("webhook_secret", "whsec_0123456789abcdef")];
    let keys = keys.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let keys = Credentials::parse(GatewayKind::Stripe, Mode::Sandbox, keys, "").unwrap();
    assert!(of.put_account(&abroad, Some(&keys), &Revision::Nothing).await.unwrap().is_applied());
    let due = DueLookBack { business: business.clone(), account: abroad.id, due_at: domain::Timestamp::UNIX_EPOCH };
    let leased = store.lease_look_back(&due, now()).await.unwrap().unwrap();
    let looked_at = now() + Duration::from_secs(u64::from(number));
    let looked = leased.clone().after(&Looked::Whole, looked_at);
    assert_eq!(of.write_look_back(&looked, &leased, None).await.unwrap(), RecordWritten::Applied);
    let author = Author { side: Side::Business, integration: own("an integration"), actor: None };
    of.clone().signed(author, now()).note(AuditAction::Written, Subject::new("test", "1"), Vec::new()).await.unwrap();
    let export: Export = read(json!({
        "id": export(), "business": business, "of": { "of": "receipts", "filter": {} }, "list": own("a list"), "format": "csv",
        "calendar": "gregorian", "locale": "en", "requested_by": own("somebody"), "created_at": now(),
        "state": { "state": "pending", "run_at": now() },
    }));
    assert!(matches!(of.put_export(&export).await.unwrap(), Begun::Written));
    let batch: Batch = read(json!({
        "id": batch(), "business": business, "created_at": now(), "version": 0,
        "wish": { "format": "csv", "locale": "en", "per_minute": 60, "integration": "crm",
                  "base": "https://pay.example", "requested_by": own("somebody") },
        "state": { "state": "checking", "run_at": now() },
    }));
    assert!(matches!(of.put_batch(&batch).await.unwrap(), Begun::Written));
    let contact: Contact = read(json!({ "id": "c-1", "name": own("a contact") }));
    plant_contact(&of, &contact).await;
    let item: Item = read(json!({
        "id": "i-1", "kind": "invoice", "title": own("an item"), "contact_id": "c-1",
        "receipt_fields": [{ "key": "payment", "label": "Payment" }],
    }));
    plant_item(&of, &item).await;
    let receipt_type: ReceiptType = read(json!({ "id": "income", "name": own("a receipt type") }));
    assert!(of.put_receipt_type(&receipt_type, &Revision::Nothing).await.unwrap().is_applied());
    let template = MessageTemplate {
        kind: MessageKind::LinkCreated,
        channel: Channel::Sms,
        locale: id(Locale::parse, "en"),
        text: read(json!({ "body": own("a template") })),
    };
    assert!(of.put_template(&template, &Revision::Nothing).await.unwrap().is_applied());
    let provider: MessageProvider = read(json!({
        "id": "telegram", "kind": "bot_api", "base_url": format!("https://bot.{business}.example"), "credentials": "v1",
    }));
    let token = BTreeMap::from([("token".to_owned(), format!("{number}:{}", digit.repeat(35)))]);
    let secret = ProviderSecret::parse(ProviderKind::BotApi, &token, "").unwrap();
    let given = Some(NewProviderSecret::Given(&secret));
    assert!(of.put_provider(&provider, given, &Revision::Nothing).await.unwrap().is_applied());
    let line: MessageProvider = read(json!({
        "id": "line", "kind": "webhook", "url": format!("https://crm.{business}.example/sms"),
        "signing": [{ "version": "v1" }],
    }));
    let signing = SigningSecret::new(own("whsec of the line"));
    let signs = Some(NewProviderSecret::Signing(&signing));
    assert!(of.put_provider(&line, signs, &Revision::Nothing).await.unwrap().is_applied());
    let signing = SigningSecret::new(own("whsec"));
    let crm = WebhookEndpoint { url: format!("https://crm.{business}.example/"), ..endpoint(None, 1) };
    assert_eq!(of.replace_endpoint(&crm, Some(&signing)).await.unwrap(), RecordWritten::Applied);
    let live = open_link(business, number + 50, None);
    assert!(matches!(of.create_link(&live, &ChangedRecords::default(), now()).await.unwrap(), Created::New));
    let (old, newer) = (open_link(business, number + 100, None), open_link(business, number + 150, None));
    assert!(matches!(of.create_link(&old, &ChangedRecords::default(), now()).await.unwrap(), Created::New));
    let replaced = old.replaced_by(newer.id(), false, now()).unwrap();
    let written = of.replace_with(&replaced, &newer.succeeding(&old), now()).await.unwrap();
    assert!(matches!(written, Succeeded::New), "{written:?}");
    let (link, booked, claim) = paid_link(store, business, number).await;
    let receipt = booked.id.clone();
    let event = link.record(&link.outbox().as_slice()[0], now());
    store.record_event(&event).await.unwrap();
    let message = link.recipients().next().unwrap().id.clone();
    Made {
        link: link.id().clone(),
        message,
        event: event.id,
        receipt,
        booked,
        claim,
        logo: logo.hash(),
        replaced,
        begun_at,
    }
}

/// A file that begins as a PNG does, as settings name it.
fn picture(rest: &str) -> String {
    let bytes = [b"\x89PNG\r\n\x1a\n".as_slice(), rest.as_bytes()].concat();
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

/// A link with the reference `R-1` that was paid, whose message was sent and whose receipt is attached to `i-1`.
async fn paid_link(store: &Store, business: &BusinessId, number: u8) -> (PaymentLink, Receipt, String) {
    let link = open_link(business, number, Some("R-1"));
    let created = store.of(business).create_link(&link, &ChangedRecords::default(), now()).await.unwrap();
    assert!(matches!(created, Created::New), "{created:?}");
    let recipient = link.recipients().next().unwrap().id.clone();
    let lease = store.lease_message(&link, &recipient, None, now()).await.unwrap();
    let LeaseOutcome::Mine(lease) = lease else { panic!("not mine") };
    let metered = Some(Metered::of(Channel::Email, ProviderKind::Ses, "Pay"));
    let handover = Handover { metered, ..Handover::new(now(), format!("p-{number}")) };
    store.note_message(&lease, MessageState::Sent(handover)).await.unwrap();
    let attempt = attempt(&link, number);
    let id = attempt.id.clone();
    let link = link.begin_attempt(attempt, now()).unwrap();
    assert!(matches!(store.replace_link(&link).await.unwrap(), Written::Applied));
    let transition = link.apply_answer(&id, &paid(&format!("payment-{number}")), Hint::Paid, now()).unwrap();
    let claim = transition.claim.as_ref().unwrap().reference.clone();
    let written = store.apply_transition(&transition).await.unwrap();
    assert!(matches!(written, TransitionWritten::Written(Written::Applied)));
    let receipt = transition.kept.unwrap().receipt.unwrap();
    store.of(business).put_receipt_rows(&receipt).await.unwrap();
    (with_refund(store, &transition.link).await, receipt, claim)
}

/// A paid link of whose money a part went by other means, which is listed and not in the books yet.
async fn with_refund(store: &Store, link: &PaymentLink) -> PaymentLink {
    let attempt = link.attempts()[0].id.clone();
    let reference = format!("refund of {}", link.business());
    let method = RefundBy::Outside { account_id: None, reference, refunded_at: now() };
    let (reason, requested_by, request, has_credentials, from) = (None, None, None, None, None);
    let wish = RefundWish { amount: Some(1), method, reason, requested_by, request, has_credentials, from };
    let link = link.request_refund(&attempt, wish, now()).unwrap();
    assert!(matches!(store.replace_link(&link).await.unwrap(), Written::Applied));
    store.of(link.business()).put_refund_entry(&link, &link.attempts()[0].refunds[0]).await.unwrap();
    link
}

/// A link of a business with a recipient.
fn open_link(business: &BusinessId, number: u8, reference: Option<&str>) -> PaymentLink {
    let token = PayToken::from_random([number; 16]);
    let mut terms = terms(reference);
    terms.recipients = vec![read(json!({
        "id": MessageId::of(&LinkId::of(&token), 0, "email", "a@example.com"), "channel": "email",
        "to": "a@example.com",
    }))];
    PaymentLink::new(business.clone(), token, "https://pay.example", "hash".to_owned(), terms, now())
}

/// What a read finds, in words, or that it finds nothing.
fn found<T: Debug>(read: Option<T>) -> Option<String> {
    read.map(|read| format!("{read:?}"))
}

fn some<T: Debug>(read: &[T]) -> Option<String> {
    (!read.is_empty()).then(|| format!("{read:?}"))
}

/// Everything that can be read of a business through its store, by the name of the read, with what was made in `made`.
async fn reads(store: &BusinessStore, made: &Made) -> BTreeMap<&'static str, Option<String>> {
    let (paid_for, reminding) = match store.link(&made.link).await.unwrap() {
        Some(link) => {
            let reminding = store.reminding(&link, now()).await.unwrap();
            let paid_for = store.paid_for(&link, &id(ItemId::parse, "i-1")).await.unwrap().0;
            (some(&paid_for), Some(format!("{:?}", reminding.rules())))
        }
        None => (None, None),
    };
    let nothing = format!("{:?}", Configuration::default());
    let configured = |read: &Configuration| Some(format!("{read:?}")).filter(|read| *read != nothing);
    let (account, contact, item) =
        (id(AccountId::parse, "main"), id(ContactId::parse, "c-1"), id(ItemId::parse, "i-1"));
    let (provider, income) = (id(ProviderId::parse, "telegram"), id(ReceiptTypeId::parse, "income"));
    let line = id(ProviderId::parse, "line");
    let (crm, reference, locale) =
        (id(EndpointId::parse, "crm"), id(ReferenceId::parse, "R-1"), id(Locale::parse, "en"));
    let day = (now() - Duration::from_secs(3600), now() + Duration::from_secs(3600));
    let events = EventList { link: None, after: EventsAfter::Instant(day.0), before: day.1, types: Vec::new() };
    let links = [
        LinkFilter::of_contact(contact.clone()),
        LinkFilter::of_item(item.clone()),
        LinkFilter::of_reference(reference.clone()),
        LinkFilter::made_between(day.0, day.1),
        LinkFilter::default(),
    ];
    let mut listed = Vec::new();
    for filter in links {
        listed.extend(store.list_links(&LinkList::new(filter, now()), 100, None).await.unwrap().entries);
    }
    let mut receipts = Vec::new();
    let filters = [
        ReceiptFilter::of_contact(contact.clone()),
        ReceiptFilter::of_item(item.clone()),
        ReceiptFilter::registered_between(day.0, day.1),
        ReceiptFilter::default(),
    ];
    for filter in filters {
        receipts.extend(store.list_receipts(&ReceiptList::new(filter, now()), 100, None).await.unwrap().entries);
    }
    let of_receipts = ReceiptList::new(ReceiptFilter::default(), now());
    let receipts_of =
        store.list_receipts_of(std::slice::from_ref(&made.receipt), &of_receipts, 100, None).await.unwrap();
    let list = |contact_id| {
        let filter = RefundFilter { contact_id, ..RefundFilter::default() };
        RefundList { filter, order: Order::NewestFirst, now: now() }
    };
    let mut refunds = Vec::new();
    for contact in [None, Some(contact.clone())] {
        refunds.extend(store.list_refunds(&list(contact), 100, None).await.unwrap().entries);
    }
    let of_link = store.list_refunds_of(&made.link, &list(None), 100, None).await.unwrap();
    // States are read of links that somebody has, and only a link of one's own can be had.
    let own = store.links(std::slice::from_ref(&made.link)).await.unwrap();
    let create = store.records_for_create(Some(&made.link), Some(&account), Some(&contact), Some(&item)).await.unwrap();
    let created = [
        found(create.link),
        found(create.account),
        found(create.contact),
        found(create.item),
        Some(create.contact_revision).filter(|known| *known != Revision::Nothing).map(|_| "a contact".to_owned()),
        Some(create.item_revision).filter(|known| *known != Revision::Nothing).map(|_| "an item".to_owned()),
    ];
    let created: Vec<String> = created.into_iter().flatten().collect();
    let usage = store.usage(day.0, day.1, now()).await.unwrap();
    let most = NonZeroU32::new(1);
    let quotas = Quotas { links_per_day: most, messages_per_day: most, calls_per_second: None };
    let done = store.done_in(Day { from: day.0, to: day.1 }, &quotas, now()).await;
    let strays = Some(store.strays().await.unwrap()).filter(|strays| !strays.is_empty());
    let live = store.live_links(10).await.unwrap();
    let open_of_item = store.open_links_of_item(&item, None, 10, now()).await.unwrap();
    let abroad = AccountId::parse("abroad").unwrap();
    BTreeMap::from([
        ("account", found(store.account(&account).await.unwrap())),
        ("look_back", found(store.look_back(&abroad).await.unwrap())),
        ("account_to_change", found(store.account_to_change(&account).await.unwrap().0)),
        ("all_credentials", some(&secrets_of(&store.all_credentials(&account).await.unwrap()))),
        ("business", found(store.business().await.unwrap())),
        ("business_to_change", found(store.business_to_change().await.unwrap().0)),
        ("configuration", configured(&store.configuration().await.unwrap())),
        ("configuration_with", configured(&store.configuration_with(Some(&income)).await.unwrap())),
        ("contact", found(store.contact(&contact).await.unwrap())),
        ("contact_to_change", found(store.contact_to_change(&contact).await.unwrap().0)),
        ("credentials", store.credentials(&account, &version()).await.ok().map(|known| secret_of(&known))),
        ("done_in", Some(done).filter(|done| *done != DayCount::default()).map(|done| format!("{done:?}"))),
        ("due_entry_events", some(&store.due_entry_events(now()).await.unwrap())),
        ("endpoint", found(store.endpoint(&crm).await.unwrap())),
        ("endpoints", some(&store.endpoints().await.unwrap())),
        ("event", found(store.event(&made.event).await.unwrap())),
        ("fresh_configuration", configured(&store.fresh_configuration().await.unwrap())),
        ("fresh_endpoints", some(&store.fresh_endpoints().await.unwrap())),
        (
            "has_no_configuration",
            (!store.has_no_configuration().await.unwrap()).then(|| format!("some of {}", store.business_id())),
        ),
        ("item", found(store.item(&item).await.unwrap())),
        (
            "item_payments",
            some(&store.item_payments(&item).await.unwrap().into_values().flat_map(|paid| paid.0).collect::<Vec<_>>()),
        ),
        ("item_to_change", found(store.item_to_change(&item).await.unwrap().0)),
        ("items_of_contact", some(&store.items_of_contact(&contact).await.unwrap())),
        ("line_secret", store.line_secret(&line, &version()).await.ok().map(|known| known.expose().to_owned())),
        ("link", found(store.link(&made.link).await.unwrap())),
        ("link_history", found(store.link_history(&made.link).await.unwrap())),
        ("link_message", found(store.link_message(&made.link, &made.message).await.unwrap())),
        ("links", some(&own)),
        ("live_links", Some(live).filter(|live| *live > 0).map(|live| live.to_string())),
        ("list_contacts", some(&store.list_contacts(100, None).await.unwrap().entries)),
        ("batch", found(store.batch(&batch()).await.unwrap())),
        ("list_batches", some(&store.list_batches(100, None).await.unwrap().entries)),
        ("export", found(store.export(&export()).await.unwrap())),
        ("list_exports", some(&store.list_exports(100, None).await.unwrap().entries)),
        ("list_events", some(&store.list_events(&events, 100).await.unwrap().entries)),
        ("list_items", some(&store.list_items(100, None).await.unwrap().entries)),
        ("list_links", some(&listed)),
        ("open_links_of_item", some(&open_of_item)),
        ("list_receipts", some(&receipts)),
        ("list_receipts_of", some(&receipts_of.entries)),
        ("list_refunds", some(&refunds)),
        ("list_refunds_of", some(&of_link.entries)),
        ("audit_log", some(&store.audit_log(100, None).await.unwrap().entries)),
        ("logo", found(store.logo(&made.logo).await.unwrap())),
        (
            "message_states",
            Some(store.message_states(&own).await.unwrap()).filter(|s| !s.is_empty()).map(|s| format!("{s:?}")),
        ),
        ("newest_in_place_of", found(store.newest_in_place_of(&made.replaced).await.unwrap())),
        ("newest_with_reference", found(store.newest_with_reference(&reference).await.unwrap())),
        ("paid_for", paid_for),
        ("provider", found(store.provider(&provider).await.unwrap())),
        ("provider_proof", proofs(store).await),
        ("provider_to_change", found(store.provider_to_change(&provider).await.unwrap().0)),
        ("receipt", found(store.receipt(&made.receipt).await.unwrap())),
        ("receipt_by_reference", by_reference(store).await),
        ("receipt_type_to_change", found(store.receipt_type_to_change(&income).await.unwrap().0)),
        ("records_for_create", some(&created)),
        ("booked", booked(store, &account, made.begun_at).await),
        (
            "booked_under",
            some(&store.booked_under(&[&made.booked.gateway_reference], &account, made.booked.mode).await.unwrap()),
        ),
        ("begun", some(&store.begun(&[&made.booked]).await.unwrap().into_iter().collect::<Vec<_>>())),
        ("claimed", {
            let (mode, claim) = made.claim.split_once('#').unwrap();
            let claims = store.claimed(Mode::parse(mode).unwrap(), &[claim.to_owned()]).await.unwrap();
            some(&claims.into_iter().collect::<Vec<_>>())
        }),
        ("reminding", reminding),
        ("search", searched(store).await),
        ("settings_to_change", found(store.settings_to_change().await.unwrap().0)),
        ("settings", found(store.settings().await.unwrap())),
        ("signing_secret", store.signing_secret(&crm, &version()).await.ok().map(|known| known.expose().to_owned())),
        ("strays", found(strays)),
        ("totals", summed(store, made.begun_at).await),
        ("usage", Some(usage).filter(|usage| *usage != Usage::default()).map(|usage| format!("{usage:?}"))),
        ("whole_item", found(store.whole_item(&item).await.unwrap().item)),
        ("whole_links", some(&store.whole_links(std::slice::from_ref(&made.link)).await.unwrap())),
        (
            "template_to_change",
            found(store.template_to_change((MessageKind::LinkCreated, Channel::Sms, &locale)).await.unwrap().0),
        ),
    ])
}

/// What books have of an account since then.
async fn booked(store: &BusinessStore, account: &AccountId, since: Timestamp) -> Option<String> {
    let hour = Duration::from_secs(3600);
    let (from, to, now) = (since - hour, since + hour, since + hour);
    let until = std::time::Instant::now() + Duration::from_secs(50);
    let modes = [Mode::Live, Mode::Sandbox];
    let mut all = Vec::new();
    for mode in modes {
        let query = BookedQuery { account, mode, from, to, now, until, most: 100 };
        let configuration = store.configuration().await.unwrap();
        let BookedRead::Whole(read) = store.booked(&configuration, &query).await.unwrap() else {
            panic!("it is little")
        };
        all.extend(read);
    }
    some(&all)
}

/// What a business's links and receipts add up to that were made from now on, where there is any.
async fn summed(store: &BusinessStore, now: Timestamp) -> Option<String> {
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    // Nothing is kept of a day that has not ended.
    let (from, to) = (today, today.tomorrow().unwrap());
    let until = std::time::Instant::now() + Duration::from_secs(50);
    let query = TotalsQuery { from, to, aspect: Aspect::CreatedBy, by_day: true, now, until, most: 1000 };
    let configuration = store.configuration().await.unwrap();
    let TotalsRead::Whole(mut totals) = store.totals(&configuration, &query).await.unwrap() else {
        panic!("there was time for all of it")
    };
    totals.links.retain(|_, sums| !sums.0.is_empty());
    (*totals != Totals::default()).then(|| format!("{totals:?}"))
}

/// What is found of a business by what its records are called.
/// The receipt of the payment of the one or the other.
async fn by_reference(store: &BusinessStore) -> Option<String> {
    let mut found = Vec::new();
    for reference in ["payment-1", "payment-2"] {
        for mode in [Mode::Live, Mode::Sandbox] {
            found.extend(store.receipt_by_reference(reference, mode).await.unwrap());
        }
    }
    some(&found)
}

async fn searched(store: &BusinessStore) -> Option<String> {
    let mut all = Vec::new();
    for text in ["a contact", "i-1", "R-1"] {
        let query = SearchQuery::parse(text, &Settings::default().default_region).unwrap();
        let Found { contacts, items, links, receipts } = store.search(&query, 10).await.unwrap();
        all.extend(contacts.entries.iter().map(|found| format!("{found:?}")));
        all.extend(items.entries.iter().map(|found| format!("{found:?}")));
        all.extend(links.entries.iter().map(|(link, _)| format!("{link:?}")));
        all.extend(receipts.entries.iter().map(|found| format!("{found:?}")));
    }
    some(&all)
}

/// What a business proves itself with to its providers.
async fn proofs(store: &BusinessStore) -> Option<String> {
    let mut found = Vec::new();
    for of in ["telegram", "line"] {
        let Some(provider) = store.provider(&id(ProviderId::parse, of)).await.unwrap() else { continue };
        let proof = store.provider_proof(&provider, now()).await.unwrap();
        found.extend(proof.secret.map(|secret| secret.expose().to_owned()));
        found.extend(proof.signing.iter().map(|secret| secret.expose().to_owned()));
    }
    some(&found)
}

/// Debug output hides what is secret, and here it is what is compared.
fn secret_of(credentials: &Credentials) -> String {
    credentials.expose("merchant_id").unwrap().to_owned()
}

fn secrets_of(credentials: &[Credentials]) -> Vec<String> {
    credentials.iter().map(secret_of).collect()
}

/// The names of everything that a business's store can be asked, from its sources.
fn methods_of_a_business() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in sources_below("shared/store/src") {
        let source = std::fs::read_to_string(path).unwrap();
        for block in source.split("\nimpl BusinessStore {").skip(1) {
            let block = block.split("\n}\n").next().unwrap();
            let public = block.split("\n    pub async fn ").skip(1);
            names.extend(public.map(|rest| rest[..rest.find(['(', '<']).unwrap()].to_owned()));
        }
    }
    names
}

#[tokio::test]
async fn what_one_business_has_no_other_finds_by_any_read_there_is() {
    let cloud = empty_cloud().await;
    let made = furnish(&cloud.store, &shop(), 1).await;
    let process = another_process(&cloud);
    let own = reads(&process.of(&shop()), &made).await;
    let is_write = |name: &str| {
        [
            "create_", "delete_", "erase_", "fold_", "make_", "note", "put_", "remove_", "replace_", "revoke_",
            "settle_", "write_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    };
    // A token is made up and not read; `the_secret_of_pay_tokens_is_never_replaced` tells those of two businesses apart.
    // What all start with, and on which days all are closed, is the platform's and shared on purpose. When books have a receipt is decided and not read.
    let is_shared = |name: &str| ["token_for", "platform_defaults", "closing", "with_booking"].contains(&name);
    let reading: BTreeSet<String> =
        methods_of_a_business().into_iter().filter(|name| !is_write(name) && !is_shared(name)).collect();
    let tried: BTreeSet<String> = own.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(reading, tried, "every read of a business's store is tried here");
    for (name, read) in &own {
        assert!(read.is_some(), "{name} finds nothing of what the business has");
    }
    for (name, read) in reads(&process.of(&other()), &made).await {
        assert_eq!(read, None, "{name} finds another business's");
    }
}

#[tokio::test]
async fn two_businesses_call_everything_alike_and_each_finds_its_own() {
    let cloud = empty_cloud().await;
    let first = furnish(&cloud.store, &shop(), 1).await;
    let alone = reads(&another_process(&cloud).of(&shop()), &first).await;
    let second = furnish(&cloud.store, &other(), 2).await;
    // One process serves both, and then once more from what it remembers.
    let process = another_process(&cloud);
    for _ in 0..2 {
        let (one, two) = (reads(&process.of(&shop()), &first).await, reads(&process.of(&other()), &second).await);
        for (name, read) in &one {
            assert_eq!(*read, alone[name], "{name} is what it was before there was another business");
            assert!(two[name].is_some(), "{name} finds nothing of the other business");
            // Both did as much, and numbers name nobody.
            let are_numbers = ["done_in", "due_entry_events", "live_links", "usage"].contains(name);
            assert!(are_numbers || *read != two[name], "{name} finds the same in both");
            let is_told = two[name].as_ref().is_some_and(|found| found.contains("of shop\""));
            assert!(!is_told, "{name} of the other business has the first one's words");
        }
    }
    // What one of them forgets, the other keeps.
    let of_other = cloud.store.of(&other());
    let main = id(AccountId::parse, "main");
    let (_, revision) = of_other.account_to_change(&main).await.unwrap();
    assert_eq!(of_other.delete_account(&main, &revision).await.unwrap(), RecordWritten::Applied);
    let (contact, revision) = of_other.contact_to_change(&id(ContactId::parse, "c-1")).await.unwrap();
    assert_eq!(of_other.remove_contact(&contact.unwrap(), &revision).await.unwrap(), RecordWritten::Applied);
    let (item, revision) = of_other.item_to_change(&id(ItemId::parse, "i-1")).await.unwrap();
    assert_eq!(of_other.remove_item(&item.unwrap(), &revision).await.unwrap(), RecordWritten::Applied);
    let income = id(ReceiptTypeId::parse, "income");
    let (_, revision) = of_other.receipt_type_to_change(&income).await.unwrap();
    assert_eq!(of_other.delete_receipt_type(&income, &revision).await.unwrap(), RecordWritten::Applied);
    let telegram = id(ProviderId::parse, "telegram");
    let (_, revision) = of_other.provider_to_change(&telegram).await.unwrap();
    assert_eq!(of_other.delete_provider(&telegram, &revision).await.unwrap(), RecordWritten::Applied);
    let crm = of_other.endpoint(&id(EndpointId::parse, "crm")).await.unwrap().unwrap();
    assert_eq!(of_other.delete_endpoint(&crm).await.unwrap(), RecordWritten::Applied);
    let locale = id(Locale::parse, "en");
    let place = (MessageKind::LinkCreated, Channel::Sms, &locale);
    let (_, revision) = of_other.template_to_change(place).await.unwrap();
    assert_eq!(of_other.delete_template(place, &revision).await.unwrap(), RecordWritten::Applied);
    assert_eq!(reads(&another_process(&cloud).of(&shop()), &first).await, alone);
}

#[tokio::test]
async fn one_reference_is_raced_for_in_two_businesses_and_each_has_one_winner() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let race = |business: BusinessId, from: u8| async move {
        let links: Vec<_> = (from..from + 10).map(|number| open_link(&business, number, Some("R-1"))).collect();
        let unchanged = ChangedRecords::default();
        let of = store.of(&business);
        let results = join_all(links.iter().map(|link| of.create_link(link, &unchanged, now()))).await;
        let new = results.iter().filter(|created| matches!(created, Ok(Created::New))).count();
        let taken = results.iter().filter(|created| matches!(created, Ok(Created::Taken(Taken::Reference(_))))).count();
        (new, taken)
    };
    assert_eq!(join(race(shop(), 0), race(other(), 100)).await, ((1, 9), (1, 9)));
    for business in [shop(), other()] {
        let listed = store
            .of(&business)
            .list_links(&LinkList::new(LinkFilter::of_reference(id(ReferenceId::parse, "R-1")), now()), 100, None)
            .await
            .unwrap();
        assert_eq!(listed.entries.iter().map(PaymentLink::business).collect::<Vec<_>>(), [&business]);
    }
}

/// A gateway's reference is its own, whosever account it was paid to.
#[tokio::test]
async fn a_payment_that_one_business_kept_is_kept_by_no_other() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    furnish(store, &shop(), 1).await;
    let link = open_link(&other(), 2, None);
    store.of(&other()).create_link(&link, &ChangedRecords::default(), now()).await.unwrap();
    let attempt = attempt(&link, 2);
    let attempt_id = attempt.id.clone();
    let link = link.begin_attempt(attempt, now()).unwrap();
    store.replace_link(&link).await.unwrap();
    let again = link.apply_answer(&attempt_id, &paid("payment-1"), Hint::Paid, now()).unwrap();
    assert!(matches!(store.apply_transition(&again).await.unwrap(), TransitionWritten::ReferenceTaken));
    let of_other = store.of(&other());
    assert_eq!(of_other.receipt(&again.kept.unwrap().receipt.unwrap().id).await.unwrap(), None);
    let receipts = ReceiptList::new(ReceiptFilter::of_contact(id(ContactId::parse, "c-1")), now());
    assert!(of_other.list_receipts(&receipts, 10, None).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn a_key_is_known_among_its_own_holders_keys_alone() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let holders = [KeyHolder::Business(shop()), KeyHolder::Business(other()), KeyHolder::Platform];
    let keys = ["plk_shop_key", "plk_shop-2_key", "plp_key"];
    for (holder, key) in holders.iter().zip(keys) {
        let api_key = ApiKey { integration: "crm".to_owned(), scopes: Scope::ALL.to_vec(), created_at: now() };
        store.put_api_key(holder, key, &api_key).await.unwrap();
    }
    let process = another_process(&cloud);
    for holder in &holders {
        for ring in [process.keys(holder).await.unwrap(), process.newest_keys(holder).await.unwrap()] {
            let known: Vec<KeyHolder> =
                keys.iter().filter(|key| ring.find(key).is_some()).filter_map(|key| KeyHolder::of(key)).collect();
            assert_eq!(known, std::slice::from_ref(holder));
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_was_changed_is_due_until_it_is_settled() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let of = |business: &BusinessId| DueEndpoint { business: business.clone(), id: id(EndpointId::parse, "crm") };
    let secret = SigningSecret::new("whsec_b25l".to_owned());
    let (earlier, later) = (now(), now() + Duration::from_secs(1));
    for (business, changed_at) in [(other(), earlier), (shop(), later)] {
        let changed = endpoint(Some(changed_at), 1);
        let written = store.of(&business).replace_endpoint(&changed, Some(&secret)).await.unwrap();
        assert_eq!(written, RecordWritten::Applied);
    }
    let due = async |at| store.due_endpoints(at, 10).await.unwrap();
    assert_eq!(due(earlier).await, [of(&other())], "what is changed later is not due yet");
    assert_eq!(due(later).await, [of(&other()), of(&shop())], "the longest waiting first");
    assert_eq!(store.due_endpoints(later, 1).await.unwrap(), [of(&other())]);

    // It is changed once more before somebody is done with the first change.
    let of_shop = store.of(&shop());
    let again = endpoint(Some(later), 2);
    assert_eq!(of_shop.replace_endpoint(&again, None).await.unwrap(), RecordWritten::Applied);
    assert_eq!(of_shop.settle_endpoint(&endpoint(None, 2)).await.unwrap(), RecordWritten::Rejected);
    assert_eq!(due(later).await, [of(&other()), of(&shop())], "what was decided on the first change settles nothing");

    assert_eq!(store.of(&other()).settle_endpoint(&endpoint(None, 2)).await.unwrap(), RecordWritten::Applied);
    assert_eq!(due(later).await, [of(&shop())]);
    assert_eq!(of_shop.settle_endpoint(&endpoint(None, 3)).await.unwrap(), RecordWritten::Applied);
    assert!(due(later).await.is_empty());
    let known = of_shop.endpoint(&id(EndpointId::parse, "crm")).await.unwrap().unwrap();
    assert_eq!(known.version, 3, "it is there still");
    // One that is deleted is not due either, and is not written again by who settles it.
    assert_eq!(of_shop.replace_endpoint(&endpoint(Some(later), 4), None).await.unwrap(), RecordWritten::Applied);
    assert_eq!(of_shop.delete_endpoint(&endpoint(Some(later), 4)).await.unwrap(), RecordWritten::Applied);
    assert!(due(later).await.is_empty());
    assert_eq!(of_shop.settle_endpoint(&endpoint(None, 5)).await.unwrap(), RecordWritten::Rejected);
    assert_eq!(of_shop.endpoint(&id(EndpointId::parse, "crm")).await.unwrap(), None);
}

#[tokio::test]
async fn businesses_are_listed_by_their_ids_and_changed_over_what_was_read() {
    let cloud = empty_cloud().await;
    let store = &cloud.store;
    let ids = ["b", "a", "c-1", "c"].map(|text| BusinessId::parse(text).unwrap());
    for business in &ids {
        let business = Business::new(business.clone(), "Name".to_owned(), now());
        assert!(store.put_business(&business, &Revision::Nothing).await.unwrap().is_applied());
        assert!(!store.put_business(&business, &Revision::Nothing).await.unwrap().is_applied());
    }
    let page = store.list_businesses(3, None).await.unwrap();
    let named = |page: &[Business]| page.iter().map(|business| business.id.to_string()).collect::<Vec<_>>();
    assert_eq!(named(&page.entries), ["a", "b", "c"]);
    let rest = store.list_businesses(3, page.next.as_ref()).await.unwrap();
    assert_eq!((named(&rest.entries), rest.next), (vec!["c-1".to_owned()], None));

    let (known, revision) = store.business_to_change(&ids[0]).await.unwrap();
    let state = BusinessState::Suspended { suspended_at: now(), reason: None };
    let suspended = Business { state, ..known.unwrap() };
    assert!(store.put_business(&suspended, &revision).await.unwrap().is_applied());
    assert!(!store.put_business(&suspended, &revision).await.unwrap().is_applied());
    let shown = store.of(&ids[0]).fresh_configuration().await.unwrap();
    assert_eq!(shown.business, Some(suspended));
    assert!(shown.is_suspended() && !store.of(&ids[1]).fresh_configuration().await.unwrap().is_suspended());
    assert_eq!(store.list_businesses(10, None).await.unwrap().entries.len(), 4, "a change lists it no second time");
}

/// A store that keeps what it read as long as it remembers it at all.
fn keeping(cloud: &paylink_local::Cloud) -> Store {
    Store::new(dynamodb(cloud), cloud.store.table(), cloud.store.secrets_table(), Duration::from_secs(3600))
}

#[tokio::test]
async fn a_process_remembers_the_businesses_that_it_served_last_and_no_more() {
    const REMEMBERED: usize = 64;
    let cloud = empty_cloud().await;
    let process = keeping(&cloud);
    let named = async |business: &BusinessId| {
        process.of(business).configuration().await.unwrap().settings.business_name.clone()
    };
    let call = async |name: &str| {
        let settings = Settings { business_name: name.to_owned(), ..Settings::default() };
        let of = cloud.store.of(&shop());
        let (_, revision) = of.settings_to_change().await.unwrap();
        assert!(of.put_settings(&settings, None, &revision).await.unwrap().is_applied());
    };
    call("first").await;
    assert_eq!(named(&shop()).await, "first");
    call("second").await;
    for number in 1..REMEMBERED {
        named(&BusinessId::parse(&format!("b-{number}")).unwrap()).await;
    }
    assert_eq!(named(&shop()).await, "first", "it is remembered");
    for number in 0..REMEMBERED {
        named(&BusinessId::parse(&format!("c-{number}")).unwrap()).await;
    }
    assert_eq!(named(&shop()).await, "second", "others were served since, and it was forgotten");
}

#[tokio::test]
async fn a_process_remembers_the_secrets_that_it_used_last_and_no_more() {
    const REMEMBERED: usize = 512;
    let cloud = empty_cloud().await;
    let process = keeping(&cloud);
    let of_shop = cloud.store.of(&shop());
    let main = id(AccountId::parse, "main");
    let write = async |account: &Account, digit: &str| {
        let (_, revision) = of_shop.account_to_change(&account.id).await.unwrap();
        of_shop.put_account(account, Some(&merchant(digit)), &revision).await.unwrap();
    };
    let known = async |id: &AccountId| secret_of(&process.of(&shop()).credentials(id, &version()).await.unwrap());
    write(&account(), "1").await;
    let first = known(&main).await;
    // Nobody writes a version a second time; here it shows whether it is read again.
    write(&account(), "2").await;
    assert_eq!(known(&main).await, first, "a version is read once");
    for number in 0..REMEMBERED {
        let another = Account { id: id(AccountId::parse, &format!("a-{number}")), ..account() };
        write(&another, "3").await;
        known(&another.id).await;
    }
    assert_ne!(known(&main).await, first, "as many others were used since");
}

use super::*;
use crate::address::Region;
use crate::address::{Email, Mobile};
use crate::business::settings::Settings;
use crate::gateway::GatewayRulebook;
use crate::gateway::{GatewayKind, Mode};
use crate::ids::{AccountId, ContactId, CredentialsVersion, FieldKey, ItemId, PersonId, ReceiptTypeId, Role};
use crate::link::LARGEST_LINK;
use crate::messages::kind::MessageKind;
use crate::messages::message_template::MessageTemplate;
use crate::messages::provider::MessageProviders;
use crate::messages::routing::samples;
use crate::messages::sms::SegmentLimit;
use crate::messages::template::MessageText;
use crate::money::Currency;
use crate::records::account::{LatePayment, OnlinePayment};
use crate::records::contact::Person;
use crate::records::item::AmountDue;
use crate::records::item::ReceiptField;
use crate::records::receipt_type::ReceiptType;
use crate::requests::due_date::DueDate;
use std::collections::{BTreeMap, BTreeSet};

struct World {
    account: Option<Account>,
    contact: Option<Contact>,
    item: Option<Item>,
    receipt_types: BTreeMap<ReceiptTypeId, ReceiptType>,
    templates: Vec<MessageTemplate>,
    settings: Settings,
    providers: MessageProviders,
    is_suspended: bool,
}

fn rial(units: i64) -> Money {
    Money::new(units, Currency::IRR).unwrap()
}

fn receipt_type(id: &str, parent: Option<&str>) -> (ReceiptTypeId, ReceiptType) {
    let id = ReceiptTypeId::parse(id).unwrap();
    let parent_id = parent.map(|parent| ReceiptTypeId::parse(parent).unwrap());
    (id.clone(), ReceiptType { id, name: "Type".to_owned(), parent_id })
}

fn world() -> World {
    let (settings, providers) = samples::iranian();
    let contact_id = ContactId::parse("c-1").unwrap();
    World {
        account: Some(Account {
            id: AccountId::parse("main").unwrap(),
            name: "Main".to_owned(),
            currency: Currency::IRR,
            mode: Mode::Live,
            online_payment: OnlinePayment {
                enabled: true,
                gateway: Some(GatewayKind::Zarinpal),
                credentials: Some(CredentialsVersion::parse("v1").unwrap()),
                optional_credentials: BTreeSet::new(),
                relay: None,
                late_payment: LatePayment::Refund,
                summary_page: false,
                split_large_amounts: false,
            },
        }),
        contact: Some(Contact {
            id: contact_id.clone(),
            name: "Contact".to_owned(),
            profile_url: None,
            locale: Some(Locale::parse("fa-IR").unwrap()),
            mobile: Some(Mobile::parse("09121234567", &Region::parse("IR").unwrap()).unwrap()),
            email: None,
            social: Vec::new(),
            balance: Some(rial(900_000)),
            no_reminders: false,
            people: vec![Person {
                id: PersonId::parse("manager").unwrap(),
                role: Role::parse("manager").unwrap(),
                name: None,
                mobile: None,
                email: Some(Email::parse("manager@example.com").unwrap()),
                social: Vec::new(),
            }],
        }),
        item: Some(Item {
            id: ItemId::parse("inv-1").unwrap(),
            kind: "invoice".to_owned(),
            title: "Invoice 1".to_owned(),
            contact_id,
            amount: Some(rial(1_500_000)),
            due: None,
            due_at: None,
            url: None,
            receipt_fields: vec![ReceiptField { key: FieldKey::parse("payment").unwrap(), label: "S".to_owned() }],
        }),
        receipt_types: [receipt_type("online", Some("all")), receipt_type("all", None)].into(),
        templates: Vec::new(),
        settings,
        providers,
        is_suspended: false,
    }
}

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn request() -> Request {
    Request {
        account_id: Field::Value(AccountId::parse("main").unwrap()),
        contact_id: Field::Value(ContactId::parse("c-1").unwrap()),
        item_id: Field::Value(ItemId::parse("inv-1").unwrap()),
        ..Request::default()
    }
}

fn decided(request: Request, world: &World) -> Result<Terms, Vec<(String, &'static str)>> {
    let records = CreateContext {
        account: world.account.as_ref(),
        contact: world.contact.as_ref(),
        item: match &request.item_id {
            Field::Value(_) => world.item.as_ref(),
            Field::Absent | Field::Refused => None,
        },
        item_payments: &BTreeMap::new(),
        receipt_types: &world.receipt_types,
        templates: &world.templates,
        settings: &world.settings,
        providers: &world.providers,
        gateways: &GatewayRulebook::default(),
        is_suspended: world.is_suspended,
    };
    let address = LinkAddress::new("https://pay.example.com", &PayToken::from_random([1; 16]));
    decide(request, records, address, now(), Problems::default())
        .into_terms()
        .map_err(|problems| problems.into_vec().into_iter().map(|p| (p.pointer, p.code)).collect())
}

fn refused(request: Request, world: &World) -> Vec<(String, &'static str)> {
    decided(request, world).unwrap_err()
}

#[test]
fn a_suspended_business_is_told_so_beside_everything_else() {
    let world = World { is_suspended: true, ..world() };
    assert_eq!(refused(request(), &world), [(String::new(), "business_suspended")]);
    let unreadable = Request { account_id: Field::Absent, ..request() };
    assert_eq!(refused(unreadable, &world).len(), 2);
}

#[test]
fn the_amount_left_out_is_the_items_else_what_the_contact_owes() {
    let mut world = world();
    let terms = decided(request(), &world).unwrap();
    assert_eq!((terms.amount, terms.amount_source), (rial(1_500_000), AmountSource::Item));
    world.item.as_mut().unwrap().amount = None;
    let terms = decided(request(), &world).unwrap();
    assert_eq!((terms.amount, terms.amount_source), (rial(900_000), AmountSource::Balance));
    let terms = decided(Request { amount: Field::Value(20_000), ..request() }, &world).unwrap();
    assert_eq!((terms.amount, terms.amount_source), (rial(20_000), AmountSource::Request));
}

#[test]
fn what_is_due_on_the_item_comes_before_its_amount_and_nothing_due_asks_for_nothing() {
    let mut world = world();
    let due = |amount| Some(AmountDue { amount: rial(amount), as_of: now() });
    world.item.as_mut().unwrap().due = due(400_000);
    let terms = decided(request(), &world).unwrap();
    assert_eq!((terms.amount, terms.amount_source), (rial(400_000), AmountSource::AmountDue));
    world.item.as_mut().unwrap().due = due(0);
    assert_eq!(refused(request(), &world), [("/amount".to_owned(), "nothing_due")]);
    let terms = decided(Request { amount: Field::Value(20_000), ..request() }, &world).unwrap();
    assert_eq!((terms.amount, terms.amount_source), (rial(20_000), AmountSource::Request));
}

#[test]
fn a_link_is_due_when_its_item_is_unless_it_says_so_itself() {
    let mut world = world();
    assert_eq!(decided(request(), &world).unwrap().due_at, None);
    let of_item: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
    world.item.as_mut().unwrap().due_at = Some(of_item);
    assert_eq!(decided(request(), &world).unwrap().due_at, Some(of_item));
    let own = "2026-12-01T18:00:00Z";
    let request = Request { due_at: Field::Value(Some(DueDate::parse(own).unwrap())), ..request() };
    assert_eq!(decided(request, &world).unwrap().due_at, Some(own.parse().unwrap()));
    let request = Request { due_at: Field::Value(None), ..self::request() };
    assert_eq!(decided(request, &world).unwrap().due_at, None, "it was said that there is none");
}

#[test]
fn an_amount_that_cannot_be_paid_is_refused_and_never_skipped() {
    let mut world = world();
    let of = |amount| Request { amount: Field::Value(amount), ..request() };
    for (amount, code) in [
        (0, "amount_not_payable"),
        (-5, "amount_not_payable"),
        (9_999, "amount_outside_gateway_limits"),
        (1_000_000_001, "amount_outside_gateway_limits"),
        (i64::MAX, "amount_too_large"),
    ] {
        assert_eq!(refused(of(amount), &world), [("/amount".to_owned(), code)], "{amount}");
    }
    world.item.as_mut().unwrap().amount = Some(rial(0));
    assert_eq!(refused(request(), &world), [("/amount".to_owned(), "amount_not_payable")]);
    world.item.as_mut().unwrap().amount = Some(Money::new(5, Currency::parse("EUR").unwrap()).unwrap());
    assert_eq!(refused(request(), &world), [("/amount".to_owned(), "currency_mismatch")]);
}

#[test]
fn only_accounts_with_online_payment_and_credentials_can_be_chosen() {
    let mut world = world();
    world.account.as_mut().unwrap().online_payment.credentials = None;
    assert_eq!(refused(request(), &world), [("/account_id".to_owned(), "gateway_credentials_missing")]);
    world.account.as_mut().unwrap().online_payment.enabled = false;
    assert_eq!(refused(request(), &world), [("/account_id".to_owned(), "online_payment_disabled")]);
    world.account = None;
    assert_eq!(refused(request(), &world), [("/account_id".to_owned(), "unknown_account")]);
}

#[test]
fn a_currency_must_be_the_accounts_and_comes_with_an_amount() {
    let euro = Field::Value(Currency::parse("EUR").unwrap());
    let both = Request { amount: Field::Value(20_000), currency: euro.clone(), ..request() };
    assert_eq!(refused(both, &world()), [("/currency".to_owned(), "currency_mismatch")]);
    let alone = Request { currency: euro, ..request() };
    assert_eq!(refused(alone, &world()), [("/currency".to_owned(), "currency_without_amount")]);
}

#[test]
fn the_contact_comes_from_the_item_and_must_be_the_items() {
    let from_item = Request { contact_id: Field::Absent, ..request() };
    assert_eq!(decided(from_item, &world()).unwrap().contact.id.as_str(), "c-1");
    let other = Request { contact_id: Field::Value(ContactId::parse("c-2").unwrap()), ..request() };
    assert_eq!(refused(other, &world()), [("/contact_id".to_owned(), "contact_mismatch")]);
    let none = Request { contact_id: Field::Absent, item_id: Field::Absent, ..request() };
    assert_eq!(refused(none, &world()), [("/contact_id".to_owned(), "required")]);
}

#[test]
fn the_expiry_is_one_of_two_or_the_default_days() {
    let world = world();
    let terms = decided(request(), &world).unwrap();
    assert_eq!(terms.expires_at, "2026-12-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let expiry = |text: &str| Field::Value(Expiry::parse(text).unwrap());
    let both =
        Request { expires_at: expiry("2026-12-05"), expires_in_days: Field::Value(Expiry::InDays(1)), ..request() };
    assert_eq!(refused(both, &world), [("/expires_in_days".to_owned(), "both_given")]);
    let past = Request { expires_at: expiry("2026-11-22"), ..request() };
    assert_eq!(refused(past, &world), [("/expires_at".to_owned(), "in_the_past")]);
}

#[test]
fn a_receipt_type_is_a_leaf_and_a_receipt_field_is_the_items() {
    let world = world();
    let with = |kind: &str, field: &str| Request {
        after_payment: AfterPaymentRequest {
            send_receipt: Field::Absent,
            register_receipt: Field::Absent,
            receipt_type_id: Field::Value(ReceiptTypeId::parse(kind).ok()),
            receipt_field: Field::Value(FieldKey::parse(field).ok()),
        },
        ..request()
    };
    let terms = decided(with("online", "payment"), &world).unwrap();
    assert!(terms.after_payment.register_receipt);
    assert_eq!(
        refused(with("all", "other"), &world),
        [
            ("/after_payment/receipt_type_id".to_owned(), "receipt_type_has_sub_types"),
            ("/after_payment/receipt_field".to_owned(), "unknown_receipt_field"),
        ]
    );
    let mut without = with("online", "payment");
    without.after_payment.register_receipt = Field::Value(false);
    assert_eq!(refused(without, &world).len(), 2);
}

#[test]
fn the_texts_of_a_custom_message_are_exactly_those_of_its_channels() {
    let world = world();
    let text = |channel, subject| Field::Value(MessageText::parse(channel, subject, "{{ link }}").unwrap());
    let custom = |channels: Vec<Channel>| Request {
        recipients: Recipients { contact: Field::Value(true), ..Recipients::default() },
        message: MessageRequest {
            mode: Field::Value(MessageMode::Custom),
            channels: Field::Value(channels),
            texts: BTreeMap::from([(Channel::Sms, text(Channel::Sms, None))]),
        },
        ..request()
    };
    assert_eq!(decided(custom(vec![Channel::Sms]), &world).unwrap().recipients.len(), 1);
    assert_eq!(
        refused(custom(vec![Channel::Email]), &world),
        [
            ("/message/sms".to_owned(), "text_not_used"),
            ("/message/email".to_owned(), "required"),
            // The contact has no address for an email.
            ("/recipients".to_owned(), "nobody_reachable"),
        ]
    );
    let mut nobody = custom(vec![Channel::Sms]);
    nobody.recipients = Recipients::default();
    assert_eq!(refused(nobody, &world), [("/recipients".to_owned(), "required")]);
}

#[test]
fn recipients_may_be_empty_but_if_named_somebody_must_be_reachable() {
    let world = world();
    assert!(decided(request(), &world).unwrap().recipients.is_empty());
    let roles = |role: &str| Request {
        recipients: Recipients { roles: Field::Value(vec![Role::parse(role).unwrap()]), ..Recipients::default() },
        ..request()
    };
    assert_eq!(decided(roles("manager"), &world).unwrap().recipients.len(), 1);
    assert_eq!(refused(roles("treasurer"), &world), [("/recipients".to_owned(), "nobody_reachable")]);
}

/// A request whose contact gets this SMS.
fn with_sms(body: &str) -> Request {
    Request {
        recipients: Recipients { contact: Field::Value(true), ..Recipients::default() },
        message: MessageRequest {
            mode: Field::Value(MessageMode::Custom),
            channels: Field::Value(vec![Channel::Sms]),
            texts: BTreeMap::from([(
                Channel::Sms,
                Field::Value(MessageText::parse(Channel::Sms, None, body).unwrap()),
            )]),
        },
        ..request()
    }
}

#[test]
fn an_sms_with_its_values_filled_in_and_a_link_of_the_real_length_must_fit_the_segments_allowed() {
    let mut world = world();
    world.settings.max_sms_segments = SegmentLimit::parse(1).unwrap();
    // "https://pay.example.com/p/" and a token are 48 characters, which leaves 111 and a space to one segment.
    assert!(decided(with_sms(&format!("{} {{{{ link }}}}", "a".repeat(111))), &world).is_ok());
    let longer = with_sms(&format!("{} {{{{ link }}}}", "a".repeat(112)));
    assert_eq!(refused(longer.clone(), &world), [("/message/sms/body".to_owned(), "sms_too_long")]);
    world.account.as_mut().unwrap().mode = Mode::Sandbox;
    let marked = with_sms(&format!("{} {{{{ link }}}}", "a".repeat(111)));
    assert_eq!(refused(marked, &world), [("/message/sms/body".to_owned(), "sms_too_long")], "the mark counts too");
    let unsent = Request { recipients: Recipients::default(), message: MessageRequest::default(), ..longer };
    assert!(decided(unsent, &world).is_ok(), "what nobody gets is no reason to refuse");
}

#[test]
fn the_text_of_the_business_is_tried_when_a_link_is_made_and_not_when_it_is_sent() {
    let mut world = world();
    let notified = || Request {
        recipients: Recipients { contact: Field::Value(true), ..Recipients::default() },
        description: Field::Value("d".repeat(500)),
        ..request()
    };
    let template = |body: &str| MessageTemplate {
        kind: MessageKind::LinkCreated,
        channel: Channel::Sms,
        locale: Locale::parse("fa").unwrap(),
        text: MessageText::parse(Channel::Sms, None, body).unwrap(),
    };
    world.templates = vec![template("{{ link }}")];
    assert!(decided(notified(), &world).is_ok());
    world.templates = vec![template("{{ description }}{{ description }} {{ link }}")];
    assert_eq!(refused(notified(), &world), [("/message".to_owned(), "sms_too_long")]);
    // A text that an earlier version saved, and that this one does not understand.
    let old = r#"{ "kind": "link_created", "channel": "sms", "locale": "fa", "body": "{{ link | gone }}" }"#;
    world.templates = vec![serde_json::from_str(old).unwrap()];
    assert_eq!(refused(notified(), &world), [("/message".to_owned(), "invalid_template")]);
}

#[test]
fn a_placeholder_is_as_long_as_a_link_and_is_none() {
    let real = LinkAddress::new("https://pay.example.com", &PayToken::from_random([9; 16]));
    let placeholder = LinkAddress::placeholder("https://pay.example.com");
    assert_eq!(placeholder.url.len(), real.url.len());
    assert!(PayToken::parse(placeholder.url.rsplit('/').next().unwrap()).is_err());
}

#[test]
fn all_problems_of_one_request_are_told_at_once() {
    let mut world = world();
    world.contact = None;
    let bad = Request {
        amount: Field::Value(0),
        expires_in_days: Field::Value(Expiry::InDays(1)),
        expires_at: Field::Value(Expiry::InDays(1)),
        ..request()
    };
    let pointers: Vec<_> = refused(bad, &world).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/contact_id", "/amount", "/expires_in_days"]);
}

#[test]
fn the_receipt_type_of_the_settings_has_to_be_a_leaf_like_any_other() {
    let mut world = world();
    world.settings.default_receipt_type_id = ReceiptTypeId::parse("online").ok();
    let terms = decided(request(), &world).unwrap();
    assert_eq!(terms.after_payment.receipt_type_id, ReceiptTypeId::parse("online").ok());
    world.settings.default_receipt_type_id = ReceiptTypeId::parse("all").ok();
    let at = "/after_payment/receipt_type_id".to_owned();
    assert_eq!(refused(request(), &world), [(at, "receipt_type_has_sub_types")]);
    let mut without = request();
    without.after_payment.register_receipt = Field::Value(false);
    assert!(decided(without, &world).is_ok(), "without a receipt nobody asks for its type");
    let mut named = request();
    named.after_payment.receipt_type_id = Field::Value(ReceiptTypeId::parse("online").ok());
    assert!(decided(named, &world).is_ok(), "nor where the request names another");
}

#[test]
fn a_link_that_would_hold_too_many_people_is_refused_when_it_is_made() {
    let mut world = world();
    let role = Role::parse("manager").unwrap();
    let address = |number: usize| format!("{}{number}@{}.example.com", "m".repeat(50), "d".repeat(60));
    let person = |number: usize| Person {
        id: PersonId::by_role(&role, number),
        role: role.clone(),
        name: None,
        mobile: None,
        email: Some(Email::parse(&address(number)).unwrap()),
        social: Vec::new(),
    };
    let of = |roles: Vec<Role>| Request {
        recipients: Recipients { roles: Field::Value(roles), ..Recipients::default() },
        ..request()
    };
    world.contact.as_mut().unwrap().people = (0..50).map(person).collect();
    assert!(decided(of(vec![role.clone()]), &world).is_ok(), "as many people as a contact can have");
    world.contact.as_mut().unwrap().people = (0..1500).map(person).collect();
    assert_eq!(refused(of(vec![role.clone()]), &world), [("/recipients".to_owned(), "link_too_large")]);
}

#[test]
fn every_text_of_a_link_counts_when_its_size_is_asked() {
    let mut large = request();
    large.return_url = Field::Value("x".repeat(LARGEST_LINK));
    assert!(refused(large, &world()).contains(&("/recipients".to_owned(), "link_too_large")));
}

//! Feeds any answers of a gateway to every call that Paylink makes, through a connector that answers from memory. The
//! first byte chooses the call; every answer after it begins with a byte that chooses its status, and ends with a zero
//! byte. Whatever comes, money counts as paid only where an answer says so of this very attempt, with its amount and a
//! reference; a session is opened only under an id that fits into an address, and at a web address; what became of a
//! payment is shown only by answers that all can be read, with ids and amounts that are some; and an answer that is no
//! JSON decides nothing.

#![no_main]

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use domain::Timestamp;
use domain::gateway::{
    AccountCheck, Aftermath, AftermathAnswer, FindingStatus, GatewayAnswer, GatewayKind, GatewayRulebook, Mode,
    Payment, RefundAnswer, ShownState,
};
use domain::ids::{AccountId, CredentialsVersion, LinkId, PayToken, RefundId, ReturnKey};
use domain::link::{
    Attempt, AttemptState, Checkout, Hint, NewAttempt, OpenedSession, Refund, RefundBy, RefundCause, RefundState,
};
use domain::money::{Currency, Money};
use domain::public_url::Reach;
use domain::records::credentials::Credentials;
use gateways::{BeginError, CheckOrder, GatewayEndpoints, Gateways, Order, RefundOrder, Relays};
use libfuzzer_sys::fuzz_target;
use outbound::Http;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

const STATUSES: [u16; 8] = [200, 400, 401, 404, 409, 422, 429, 500];

const AUTHORITY: &str = "A00000000000000000000000000217885159";
const SESSION: &str = "cs_test_1";
/// What a return brought.
const REFERENCE: &str = "GmshtyjwKSu+lKOLquYrzO9/BqjUMb=";

/// The other gateways, whose answers are held against what is true of all. Each has five calls from its letter on: begin,
/// look up, confirm, close, refund.
const OTHERS: [(u8, GatewayKind); 4] =
    [(b'a', GatewayKind::Zibal), (b'f', GatewayKind::Sep), (b'k', GatewayKind::Mollie), (b'p', GatewayKind::Razorpay)];

/// The letter by which each gateway is asked whether it takes an account.
const CHECKED: [(u8, GatewayKind); 6] = [
    (b'A', GatewayKind::Zarinpal),
    (b'B', GatewayKind::Stripe),
    (b'C', GatewayKind::Zibal),
    (b'D', GatewayKind::Sep),
    (b'E', GatewayKind::Mollie),
    (b'F', GatewayKind::Razorpay),
];

/// The letter by which each gateway is asked what became of a payment.
const ASKED_AFTERWARDS: [(u8, GatewayKind); 6] = [
    (b'G', GatewayKind::Zarinpal),
    (b'H', GatewayKind::Stripe),
    (b'I', GatewayKind::Zibal),
    (b'J', GatewayKind::Sep),
    (b'K', GatewayKind::Mollie),
    (b'L', GatewayKind::Razorpay),
];

#[derive(Clone, Debug)]
struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Reply {
    fn is_json(&self) -> bool {
        serde_json::from_slice::<IgnoredAny>(&self.body).is_ok()
    }

    /// Nothing also where a field that nobody reads holds a text that is none, such as half of a surrogate pair.
    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Answers what is left to be said, and then breaks off.
#[derive(Clone, Debug)]
struct FromMemory(Arc<Mutex<VecDeque<Reply>>>);

impl HttpConnector for FromMemory {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let next = self.0.lock().unwrap().pop_front();
        HttpConnectorFuture::ready(match next {
            Some(reply) => Ok(HttpResponse::new(reply.status.try_into().unwrap(), SdkBody::from(reply.body))),
            None => Err(ConnectorError::io("nothing is left to be answered".into())),
        })
    }
}

struct World {
    runtime: Runtime,
    link: LinkId,
    zarinpal: (NewAttempt, Attempt, Credentials),
    stripe: (NewAttempt, Attempt, Credentials),
    others: Vec<(NewAttempt, Attempt, Credentials)>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let prepared = |gateway, session: &str, money: Money, fields: Value| {
        let new = NewAttempt {
            key: ReturnKey::from_random([7; 16]),
            gateway,
            account_id: AccountId::parse("main").unwrap(),
            credentials: CredentialsVersion::parse("v1").unwrap(),
            money,
        };
        let checkout = Checkout::link("https://gateway.example/".to_owned());
        let opened = OpenedSession { session: session.to_owned(), checkout };
        let mut attempt = new.clone().opened(opened, GatewayRulebook::default().rules(gateway), now());
        attempt.return_reference = Some(REFERENCE.to_owned());
        let credentials = Credentials::parse(gateway, Mode::Sandbox, serde_json::from_value(fields).unwrap(), "");
        (new, attempt, credentials.unwrap())
    };
    let rial = Money::new(1_500_000, Currency::IRR).unwrap();
    let euro = Money::new(1_500, Currency::parse("EUR").unwrap()).unwrap();
    let merchant = json!({ "merchant_id": "1344b5d4-0048-11e8-94db-005056a205be" });
    World {
        runtime: Builder::new_current_thread().enable_time().build().unwrap(),
        link: LinkId::of(&PayToken::from_random([7; 16])),
        zarinpal: prepared(GatewayKind::Zarinpal, AUTHORITY, rial, merchant),
        stripe: prepared(GatewayKind::Stripe, SESSION, euro, json!({ "secret_key": "sk_test_1" })),
        others: vec![
            prepared(
                GatewayKind::Zibal,
                "15966442233311",
                rial,
                json!({ "merchant": "zibal", "refund_token": "t", "refund_account": "1" }),
            ),
            prepared(GatewayKind::Sep, "token", rial, json!({ "terminal_id": "2015" })),
            prepared(GatewayKind::Mollie, "tr_1", euro, json!({ "api_key": "test_012345678901234567890123456789" })),
            prepared(
                GatewayKind::Razorpay,
                "plink_1",
                Money::new(50_000, Currency::parse("INR").unwrap()).unwrap(),
                json!({ "key_id": "rzp_test_1", "key_secret": "secret" }),
            ),
        ],
    }
});

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// Zarinpal's own code of success, as a number or a text.
fn succeeded(reply: &Reply) -> bool {
    let code = reply.json().map(|body| body["data"]["code"].clone()).unwrap_or_default();
    let code = code.as_i64().or_else(|| code.as_str()?.trim().parse().ok());
    matches!(code, Some(100 | 101))
}

fn zarinpal_status(reply: &Reply) -> String {
    let status = reply.json().map(|body| body["data"]["status"].clone()).unwrap_or_default();
    status.as_str().unwrap_or_default().to_uppercase()
}

fn check_zarinpal(answer: &GatewayAnswer, attempt: &Attempt, replies: &[Reply]) {
    let last = replies.last();
    let last_says = |status: &str| last.is_some_and(|reply| succeeded(reply) && zarinpal_status(reply) == status);
    match answer {
        GatewayAnswer::Paid(payment) => {
            assert!(last.is_some_and(succeeded));
            assert_eq!(payment.money, attempt.money);
            assert!(payment.claim.starts_with("zarinpal#"));
            check_reference(payment);
            assert!(payment.masked_card.as_deref().is_none_or(|card| card.contains('*')));
        }
        GatewayAnswer::Unconfirmed => assert!(last_says("PAID")),
        GatewayAnswer::Pending => assert!(last_says("IN_BANK")),
        GatewayAnswer::NotPaid { .. } => assert!(last_says("FAILED")),
        GatewayAnswer::Returned => assert!(last_says("REVERSED")),
        GatewayAnswer::WrongAmount { .. }
        | GatewayAnswer::AccountRefused { .. }
        | GatewayAnswer::SessionRefused { .. } => {
            assert!(last.is_some_and(Reply::is_json));
        }
        GatewayAnswer::Processing | GatewayAnswer::Doubtful { .. } => panic!("Zarinpal has no such state"),
        GatewayAnswer::Unknown { .. } => {}
    }
}

fn check_stripe(answer: &GatewayAnswer, attempt: &Attempt, replies: &[Reply]) {
    let last = replies.last().filter(|reply| reply.status == 200 && reply.is_json());
    let body = match last {
        Some(reply) => match reply.json() {
            Some(body) => body,
            None => return,
        },
        None => Value::Null,
    };
    let is_ours = body["id"] == SESSION && body["client_reference_id"] == attempt.id.as_str();
    match answer {
        GatewayAnswer::Paid(payment) => {
            assert!(is_ours && body["payment_status"] == "paid");
            assert_eq!(body["amount_total"], payment.money.minor_units());
            assert!(payment.money.minor_units() > 0, "nobody pays {:?}", payment.money);
            let currency = body["currency"].as_str().unwrap_or_default();
            assert!(currency.eq_ignore_ascii_case(payment.money.currency().code()));
            assert!(payment.claim.starts_with("stripe#"));
            check_reference(payment);
        }
        GatewayAnswer::Pending | GatewayAnswer::NotPaid { .. } | GatewayAnswer::Processing => {
            assert!(is_ours && body["payment_status"] == "unpaid");
        }
        GatewayAnswer::WrongAmount { .. } | GatewayAnswer::Returned | GatewayAnswer::Doubtful { .. } => {
            assert!(is_ours)
        }
        GatewayAnswer::Unconfirmed => panic!("Stripe has no such state"),
        GatewayAnswer::AccountRefused { .. } | GatewayAnswer::SessionRefused { .. } => {
            assert!(replies.last().is_some_and(Reply::is_json))
        }
        GatewayAnswer::Unknown { .. } => {}
    }
}

/// What is true of every gateway: money counts as paid only by an answer in JSON, with an amount and a reference that is
/// claimed under the gateway's own name.
fn check_other(answer: &GatewayAnswer, attempt: &Attempt, replies: &[Reply]) {
    match answer {
        GatewayAnswer::Paid(payment) => {
            assert!(replies.last().is_some_and(Reply::is_json));
            assert!(payment.money.minor_units() > 0, "nobody pays {:?}", payment.money);
            assert!(!payment.reference.trim().is_empty());
            assert!(payment.claim.starts_with(&format!("{}#", attempt.gateway.as_str())));
        }
        GatewayAnswer::AccountRefused { .. }
        | GatewayAnswer::SessionRefused { .. }
        | GatewayAnswer::WrongAmount { .. }
        | GatewayAnswer::Doubtful { .. } => {
            assert!(replies.last().is_some_and(Reply::is_json));
        }
        GatewayAnswer::Pending
        | GatewayAnswer::Processing
        | GatewayAnswer::Unconfirmed
        | GatewayAnswer::NotPaid { .. }
        | GatewayAnswer::Returned => {
            // Where a gateway cannot be asked, it is not.
            assert!(attempt.gateway == GatewayKind::Sep || replies.last().is_some_and(Reply::is_json));
        }
        GatewayAnswer::Unknown { .. } => {}
    }
}

/// Two payments without a reference would be taken for one.
fn check_reference(payment: &Payment) {
    assert!(!payment.reference.trim().is_empty());
    assert!(payment.claim.ends_with(&format!("#{}", payment.reference)));
}

fn check_begun(begun: Result<OpenedSession, BeginError>, replies: &[Reply]) {
    let Ok(opened) = begun else { return };
    let session = opened.session.as_bytes();
    assert!(!session.is_empty() && session.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'), "{opened:?}");
    assert!(replies.last().is_some_and(Reply::is_json));
    let address = url::Url::parse(&opened.checkout.at).expect("a customer is sent to a web address");
    assert!(matches!(address.scheme(), "http" | "https") && address.has_host(), "{opened:?}");
    assert!(http::HeaderValue::from_str(&opened.checkout.at).is_ok(), "{opened:?}");
}

/// What is said of an account was said by the one answer of a gateway that is in no trouble.
fn check_account(check: &AccountCheck, replies: &[Reply]) {
    let AccountCheck { credentials, callback_host, server_address } = check;
    for finding in [credentials, callback_host, server_address] {
        if finding.status() != FindingStatus::Unknown || finding.code().is_some() {
            let [reply] = replies else { panic!("one answer says it: {check:?}") };
            assert!(reply.is_json() && reply.status < 500, "{check:?} from {reply:?}");
        }
    }
}

/// What is shown of a payment was said by answers that are all there and can all be read. What is shown is an id that is a
/// word and there once, an amount that is some, and a refund of ours only with the mark of the link that was asked about.
fn check_aftermath(answer: &AftermathAnswer, link: &LinkId, replies: &[Reply]) {
    match answer {
        AftermathAnswer::Shown(Aftermath { refunds, disputes, is_whole: _ }) => {
            assert!(replies.len() >= 3, "the payment and two lists: {answer:?}");
            assert!(replies.iter().all(|reply| reply.status == 200 && reply.is_json()), "{answer:?}");
            let mut references: Vec<&str> = refunds.iter().map(|one| one.reference.as_str()).collect();
            references.extend(disputes.iter().map(|one| one.reference.as_str()));
            let is_word = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            assert!(references.iter().all(|id| is_word(id)), "{references:?}");
            let count = references.len();
            references.sort_unstable();
            references.dedup();
            assert_eq!(references.len(), count, "{answer:?}");
            assert!(refunds.iter().all(|one| one.amount > 0) && disputes.iter().all(|one| one.amount > 0));
            let marks = refunds.iter().filter_map(|one| one.refund_id.as_ref());
            assert!(marks.clone().all(|id| id.link().as_ref() == Some(link)), "{answer:?}");
            let is_kept = |word: &str| word.chars().count() <= 64;
            assert!(disputes.iter().filter_map(|one| one.reason.as_deref()).all(is_kept));
            assert!(refunds.iter().all(|one| match &one.state {
                ShownState::Failed { code } => is_kept(code),
                ShownState::Pending | ShownState::Succeeded => true,
            }));
        }
        AftermathAnswer::AccountRefused { .. } => assert!(replies.last().is_some_and(Reply::is_json)),
        AftermathAnswer::Unknown { .. } => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((call, answers)) = data.split_first() else { return };
    let answers = answers.split(|b| *b == 0).filter_map(|answer| answer.split_first());
    let answers: VecDeque<Reply> = answers
        .map(|(status, body)| Reply { status: STATUSES[usize::from(*status) % STATUSES.len()], body: body.to_vec() })
        .collect();
    let all: Vec<Reply> = answers.iter().cloned().collect();
    let left = Arc::new(Mutex::new(answers));
    let connector = SharedHttpConnector::new(FromMemory(left.clone()));
    let relays = Relays::new(Reach::Public, || panic!("no relay is called"));
    let gateways = Gateways::new(Http::new(connector, 1024 * 1024), relays, GatewayEndpoints::default());
    let world = &*WORLD;
    if let Some((_, gateway)) = CHECKED.iter().find(|(letter, _)| letter == call) {
        let all_worlds = [&world.zarinpal, &world.stripe].into_iter().chain(&world.others);
        let of_gateway = all_worlds.into_iter().find(|(new, _, _)| new.gateway == *gateway);
        let (new, _, credentials) = of_gateway.expect("every gateway has a world");
        let order = CheckOrder {
            reference: "check_1",
            money: new.money,
            description: "Account check",
            return_url: "https://pay.example/gateways/return",
            session_minutes: 20,
        };
        let check = world.runtime.block_on(gateways.check(*gateway, Mode::Sandbox, &order, credentials));
        let unread = left.lock().unwrap().len();
        check_account(&check, all.get(..all.len() - unread).unwrap_or_default());
        return;
    }
    if let Some((_, gateway)) = ASKED_AFTERWARDS.iter().find(|(letter, _)| letter == call) {
        let all_worlds = [&world.zarinpal, &world.stripe].into_iter().chain(&world.others);
        let of_gateway = all_worlds.into_iter().find(|(new, _, _)| new.gateway == *gateway);
        let (_, attempt, credentials) = of_gateway.expect("every gateway has a world");
        // Mollie's payment is its session.
        let reference = match gateway {
            GatewayKind::Mollie => attempt.session.as_str(),
            GatewayKind::Razorpay => "pay_1",
            GatewayKind::Zarinpal | GatewayKind::Stripe | GatewayKind::Zibal | GatewayKind::Sep => "pi_1",
        };
        let payment = Payment::new(reference, format!("{}#{reference}", gateway.as_str()), attempt.money);
        let asked = gateways.aftermath(attempt, &payment, &world.link, Mode::Sandbox, credentials);
        let answer = world.runtime.block_on(asked);
        let profile = gateway.profile();
        assert_eq!(answer.is_some(), profile.shows_refunds || profile.shows_disputes, "{}", profile.name);
        let unread = left.lock().unwrap().len();
        let replies = all.get(..all.len() - unread).unwrap_or_default();
        answer.iter().for_each(|answer| check_aftermath(answer, &world.link, replies));
        return;
    }
    let other = OTHERS.iter().position(|(first, _)| (*first..*first + 5).contains(call));
    let (new, attempt, credentials) = match other {
        Some(at) => &world.others[at],
        None if *call < b'5' => &world.zarinpal,
        None => &world.stripe,
    };
    // The others' letters stand for the same calls as the digits of the first.
    let call = &other.map_or(*call, |at| b"56789"[usize::from(*call - OTHERS[at].0)]);
    let replies = || {
        let unread = left.lock().unwrap().len();
        all.get(..all.len() - unread).unwrap_or_default()
    };
    let check = |answer: GatewayAnswer| match attempt.gateway {
        GatewayKind::Zarinpal => check_zarinpal(&answer, attempt, replies()),
        GatewayKind::Stripe => check_stripe(&answer, attempt, replies()),
        GatewayKind::Zibal | GatewayKind::Sep | GatewayKind::Mollie | GatewayKind::Razorpay => {
            check_other(&answer, attempt, replies());
        }
    };
    world.runtime.block_on(async {
        match call {
            b'0' | b'5' => {
                let order = Order {
                    attempt: new,
                    link: &world.link,
                    mode: Mode::Sandbox,
                    description: "Invoice 77",
                    return_url: "https://pay.example/gateways/return",
                    notify_url: "https://pay.example/gateways/notify",
                    ends_at: now(),
                    session_minutes: 20,
                };
                let begun = gateways.begin(&order, credentials).await;
                check_begun(begun, replies());
            }
            b'1' | b'6' => {
                check(gateways.look_up(attempt, &Hint::Nothing.into(), Mode::Sandbox, credentials, now()).await)
            }
            b'2' | b'7' => check(gateways.confirm(attempt, Mode::Sandbox, credentials, now()).await),
            b'3' => {
                let list = gateways.unconfirmed(GatewayKind::Zarinpal, Mode::Sandbox, credentials).await;
                let Some(Ok(list)) = list else { return };
                let body = replies().last().and_then(Reply::json).unwrap_or_default();
                let entries = body["data"]["authorities"].as_array().expect("a list was read");
                assert_eq!(list.is_whole, entries.len() < 100);
                assert!(entries.iter().all(|entry| list.sessions.contains_key(entry["authority"].as_str().unwrap())));
            }
            b'8' => {
                let closed = gateways.close(attempt, Mode::Sandbox, credentials).await;
                assert_eq!(closed.is_some(), attempt.gateway.profile().can_close);
                closed.into_iter().for_each(&check);
            }
            b'4' | b'9' => {
                let payment = Payment::new("pi_1", "stripe#pi_1", attempt.money);
                let whole = Refund {
                    id: RefundId::of(&world.link, 1),
                    cause: RefundCause::Automatic,
                    amount: attempt.money.minor_units(),
                    method: RefundBy::Gateway,
                    reason: None,
                    requested_by: None,
                    resolved_by: None,
                    request: None,
                    look_at: None,
                    created_at: now(),
                    calls: 1,
                    unanswered: 0,
                    gateway_reference: None,
                    booked_later: None,
                    state: RefundState::Calling { since: now() },
                };
                // A part beside another that the gateway took, where the first answer is of odd length.
                let part = Refund { amount: whole.amount / 3, ..whole.clone() };
                let other = Refund {
                    id: RefundId::of(&world.link, 2),
                    gateway_reference: Some("re_2".to_owned()),
                    state: RefundState::Accepted { since: now() },
                    ..part.clone()
                };
                let kept = Attempt {
                    state: AttemptState::Paid { at: now(), payment: payment.clone() },
                    refunds: vec![other, part.clone()],
                    ..attempt.clone()
                };
                let is_part = all.first().is_some_and(|reply| reply.body.len() % 2 == 1);
                let (attempt, refund) = if is_part { (&kept, &part) } else { (attempt, &whole) };
                let order = RefundOrder { link: &world.link, attempt, payment: &payment, refund };
                let made = gateways.refund(&order, Mode::Sandbox, credentials).await;
                let found = gateways.find_refund(&order, Mode::Sandbox, credentials).await;
                for answer in [made, found] {
                    if let RefundAnswer::Succeeded { .. } | RefundAnswer::Accepted { .. } = answer {
                        assert!(replies().iter().any(Reply::is_json), "money goes back only where somebody said so");
                    }
                }
            }
            _ => {}
        }
    });
});

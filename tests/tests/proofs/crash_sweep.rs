//! What happens if it dies here? For every "here": each flow is run once to learn which calls it makes, and then once
//! more for every one of them and every way in which it can go wrong. Afterwards the world goes on as it really would,
//! and in the end everything is as if nothing had happened.
//!
//! `make test-crashes` sweeps every point, `make test-crashes EVERY=4` one in four, and `PAYLINK_SECONDS=300 make
//! test-crashes` what there is time for, as `tests::time_box` says. Without any of them only a few flows and points are
//! tried, which shows that the machinery works and little more. `PAYLINK_FLOW` and `PAYLINK_POINT` name what is tried, by
//! a part of what is printed about it; when they are empty everything is.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use channels::{LINK_TAG, MESSAGE_TAG};
use domain::business::reminders::ReminderSettings;
use domain::gateway::GatewayKind;
use domain::ids::{EventId, LinkId, RefundId};
use domain::link::{RefundResolution, Resolution};
use futures_util::future::join_all;
use paylink_local::seed::{API_KEY, BAZAAR_KEY, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{CONFIRMING_ACCOUNT, FaultyWorld, Made};
use tests::invariants::Stage;
use tests::seeded::Seeded;
use tests::time_box::TimeBox;
use tests::totals::disagreements;
use tokio::sync::Semaphore;

/// Where not all are asked for, one in this many points is tried, and one in this many flows.
const POINT_SAMPLE: usize = 37;
const FLOW_SAMPLE: usize = 14;

/// At most this many points are tried in one world.
const WORLD_LASTS: usize = 24;

/// Where time is short, this many points of a flow are tried before the next flow has its turn.
const PART: usize = 12;

/// A third of what two processors try in a minute, or less.
const LEAST_IN_A_MINUTE: usize = 60;

/// This many flows are tried at once: most of a world's time is spent waiting for another try.
const AT_ONCE: usize = 32;

/// The stream gives a record up after this many tries.
const STREAM_TRIES: usize = 11;

/// A number that the demo business's own line serves.
const LINE_NUMBER: &str = "+971500000000";

/// A day and a little: the accounts of a world that just began are due to be looked at.
const LOOKS_APART: Duration = Duration::from_secs(25 * 3_600);

const MINUTE: Duration = Duration::from_secs(60);

/// Longer than a sweep waits before it asks about a refund again, and less than it waits until it has a person look.
const SHOWN_LATE_BY_MINUTES: u64 = 15;

/// How the customer pays and closes the browser, nobody else telling us.
fn silent(gateway: GatewayKind) -> &'static str {
    match gateway {
        Zarinpal | Zibal | Sep => "paid_no_return",
        Stripe | Mollie | Razorpay => "paid_silent",
    }
}

/// How the customer pays and is sent back, nobody else telling us.
fn returning(gateway: GatewayKind) -> &'static str {
    match gateway {
        Zarinpal | Zibal | Sep => "paid",
        Stripe | Mollie | Razorpay => "paid_no_webhook",
    }
}

use GatewayKind::{Mollie, Razorpay, Sep, Stripe, Zarinpal, Zibal};

/// One run of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Create,
    CreateWithReference,
    /// Of an item that has at most one link which can be paid.
    CreateAlone,
    /// A run makes the links of rows that somebody uploaded.
    MakeRows,
    /// A run reads such a file and looks its rows through.
    CheckRows,
    /// A run reminds of the links of a list.
    RemindLinks,
    /// A run replaces them.
    ReplaceLinks,
    FirstVisit(GatewayKind),
    LaterVisit(GatewayKind),
    /// The customer comes back, and does not try again where that fails.
    ReturnPaid(GatewayKind),
    /// The customer comes back, and reloads until there is a page.
    ReturnPaidAndReload(GatewayKind),
    ReturnCancelled(GatewayKind),
    /// The customer comes back who has paid a part.
    PartPaid(GatewayKind),
    /// The same, and it was all that was left.
    LastPartPaid(GatewayKind),
    /// The customer chooses to pay another amount than the open session is for.
    AnotherChoice(GatewayKind),
    WebhookPaid(GatewayKind),
    WebhookExpired(GatewayKind),
    /// The gateway calls, because it is done with a refund.
    WebhookRefunded(GatewayKind),
    /// The same, and it gave up.
    WebhookRefundFailed(GatewayKind),
    /// The customer comes with the reference of a payment that somebody else made.
    ReturnWithReplayedReference,
    /// The customer comes back from the gateway to a link of an item that was paid by another link meanwhile.
    ReturnToPaidItem(GatewayKind),
    /// The customer has paid, nobody knows it yet, and the result page asks.
    ResultPage,
    /// The customer sees our own page first.
    SummaryPage,
    /// The customer goes on from our own page.
    GoOn,
    SweepExpires,
    /// Somebody did not pay, and is reminded.
    SweepReminds,
    /// The outbox of a link of which somebody is reminded.
    DeliverReminder,
    SweepFindsThePayment(GatewayKind),
    /// Two attempts of one account are found by the gateway's list.
    SweepFindsByList,
    SweepResumes,
    SweepRefunds(GatewayKind),
    /// The same, where the gateway shows a refund only some time after it was made.
    SweepRefundsShownLate(GatewayKind),
    /// The gateway has taken a refund and not finished it, and says now what became of it.
    SweepHearsOfRefund(GatewayKind),
    /// The same, and it gave up.
    SweepHearsOfFailedRefund(GatewayKind),
    /// The key that the attempt began with was revoked, and the account has another.
    SweepWithNewKey,
    SweepCloses(GatewayKind),
    /// A person decides about money under review.
    Resolve(Resolution),
    /// What a person accepted is written down.
    SweepKeeps,
    /// The CRM has a part of a kept payment sent back.
    AskForPart,
    /// The same of a payment without a receipt.
    AskForPartOfAttempt,
    /// The CRM says that a part went back by other means.
    NoteOutsideRefund,
    /// A person says what became of a refund of kept money.
    ResolveRefund(RefundResolution),
    /// A kept payment goes back, because that was asked for.
    SweepReturnsAll(GatewayKind),
    /// A part of it does. Two such parts would be carried out as well.
    SweepReturnsPart(GatewayKind),
    /// All that is left of it does, after a part did.
    SweepReturnsRest(GatewayKind),
    /// What went by other means is written into the books.
    SweepRecordsOutsideRefund,
    /// The gateway has taken a part and not finished it, and says now what became of it.
    SweepHearsOfPart(GatewayKind),
    /// The same, and it gave up.
    SweepHearsOfFailedPart(GatewayKind),
    /// The gateway calls, because it is done with a part.
    WebhookPartReturned(GatewayKind),
    /// The same, and it gave up.
    WebhookPartFailed(GatewayKind),
    /// The gateway calls, because somebody refunded a part in its dashboard.
    WebhookDashboardRefund(GatewayKind),
    /// The gateway calls, because a bank sent back a part that had gone.
    WebhookLateFailure(GatewayKind),
    /// The gateway calls, because a bank has taken a part after a dispute.
    WebhookDisputeLost(GatewayKind),
    /// Nobody called about a part that somebody refunded in the dashboard, and the account's lists are looked at.
    SweepLooksBack(GatewayKind),
    /// An operator writes down money that came by other means.
    RecordPayment,
    /// The same, of a part.
    RecordPart,
    /// An operator voids what was written down by mistake.
    VoidPayment,
    /// The same of a refund that was noted to have gone by other means.
    VoidRefund,
    /// That such a refund is void is written into the books.
    SweepVoidsRefund,
    /// The outbox of a link with receipts that are void.
    DeliverVoid,
    /// A link is held for a while.
    Hold,
    /// The outbox of a link that was paid, of which those are told who were told of the link.
    DeliverReceipt,
    /// The outbox of a link of whose payment a part went back.
    DeliverRefund,
    /// The same, and it went by other means on a day that was added up for good.
    DeliverLateRefund,
    Cancel,
    /// The CRM has another link made in the place of one.
    Replace,
    /// The customer of a link that expired asks for a new one.
    AskForRenewal,
    /// The outbox of a link whose customer asked for that, and the business wants it answered at once.
    DeliverWish,
    /// It is answered.
    Renew,
    Amend,
    TellAgain,
    Deliver,
    /// To everybody who can be reached, each by another provider.
    DeliverEverywhere,
    DeliverAgain,
    /// The CRM's endpoint was out of order, and the schedule sends the events again.
    DeliverEventsAgain,
    /// The CRM asks for an event once more.
    Redeliver,
    /// A provider reports that a message did not arrive.
    ProviderReport,
    /// The business's own line reports that a message did not arrive.
    LineReport,
    /// The answer of the line was lost, and it reports that the message arrived.
    LineReportsLostMessage,
    /// The stream had given up, and a person has everything delivered that is still undelivered.
    DeliverAfterReplay,
    /// The outbox of a link whose payment came after its day was added up for good.
    DeliverLatePayment,
    /// Somebody asks what links and receipts add up to.
    AddUp,
    /// A contact is found by other things from now on.
    ChangeContact,
    /// A contact is found no more.
    DeleteContact,
}

const FLOWS: [Flow; 144] = [
    Flow::Create,
    Flow::CreateWithReference,
    Flow::CreateAlone,
    Flow::MakeRows,
    Flow::CheckRows,
    Flow::RemindLinks,
    Flow::ReplaceLinks,
    Flow::FirstVisit(Zarinpal),
    Flow::FirstVisit(Stripe),
    Flow::FirstVisit(Sep),
    Flow::LaterVisit(Zarinpal),
    Flow::LaterVisit(Stripe),
    Flow::ReturnPaid(Zarinpal),
    Flow::ReturnPaid(Stripe),
    Flow::ReturnPaid(Zibal),
    Flow::ReturnPaid(Mollie),
    Flow::ReturnPaid(Razorpay),
    Flow::ReturnPaidAndReload(Zarinpal),
    Flow::ReturnPaidAndReload(Stripe),
    // A customer who does not reload leaves a payment that nobody can find out about, and which goes back by itself.
    Flow::ReturnPaidAndReload(Sep),
    Flow::ReturnCancelled(Zarinpal),
    Flow::ReturnCancelled(Stripe),
    Flow::ReturnWithReplayedReference,
    Flow::ReturnToPaidItem(Zarinpal),
    Flow::ReturnToPaidItem(Stripe),
    Flow::PartPaid(Zarinpal),
    Flow::PartPaid(Stripe),
    Flow::PartPaid(Sep),
    Flow::LastPartPaid(Zarinpal),
    Flow::LastPartPaid(Stripe),
    Flow::AnotherChoice(Zarinpal),
    Flow::AnotherChoice(Stripe),
    Flow::AnotherChoice(Mollie),
    Flow::WebhookPaid(Stripe),
    Flow::WebhookPaid(Mollie),
    Flow::WebhookPaid(Razorpay),
    Flow::WebhookExpired(Stripe),
    Flow::WebhookExpired(Razorpay),
    Flow::WebhookRefunded(Stripe),
    Flow::WebhookRefunded(Mollie),
    Flow::WebhookRefunded(Razorpay),
    Flow::WebhookRefundFailed(Stripe),
    Flow::ResultPage,
    Flow::SummaryPage,
    Flow::GoOn,
    Flow::SweepExpires,
    Flow::SweepReminds,
    Flow::DeliverReminder,
    Flow::SweepFindsThePayment(Zarinpal),
    Flow::SweepFindsThePayment(Zibal),
    Flow::SweepFindsThePayment(Stripe),
    Flow::SweepFindsThePayment(Mollie),
    Flow::SweepFindsThePayment(Razorpay),
    Flow::SweepFindsByList,
    Flow::SweepResumes,
    Flow::SweepRefunds(Zarinpal),
    Flow::SweepRefunds(Zibal),
    Flow::SweepRefunds(Sep),
    Flow::SweepRefunds(Stripe),
    Flow::SweepRefunds(Mollie),
    Flow::SweepRefunds(Razorpay),
    Flow::SweepRefundsShownLate(Zarinpal),
    Flow::SweepRefundsShownLate(Zibal),
    Flow::SweepHearsOfRefund(Zibal),
    Flow::SweepHearsOfRefund(Stripe),
    Flow::SweepHearsOfRefund(Mollie),
    Flow::SweepHearsOfRefund(Razorpay),
    Flow::SweepHearsOfFailedRefund(Stripe),
    Flow::SweepHearsOfFailedRefund(Razorpay),
    Flow::SweepWithNewKey,
    Flow::SweepCloses(Stripe),
    Flow::SweepCloses(Mollie),
    Flow::SweepCloses(Razorpay),
    Flow::Resolve(Resolution::Keep),
    Flow::Resolve(Resolution::Refund),
    Flow::Resolve(Resolution::AskAgain),
    Flow::SweepKeeps,
    Flow::AskForPart,
    Flow::AskForPartOfAttempt,
    Flow::NoteOutsideRefund,
    Flow::ResolveRefund(RefundResolution::AskAgain),
    Flow::ResolveRefund(RefundResolution::Refunded),
    Flow::ResolveRefund(RefundResolution::NotRefunded),
    Flow::SweepReturnsAll(Zarinpal),
    Flow::SweepReturnsAll(Zibal),
    Flow::SweepReturnsAll(Sep),
    Flow::SweepReturnsAll(Stripe),
    Flow::SweepReturnsAll(Mollie),
    Flow::SweepReturnsAll(Razorpay),
    Flow::SweepReturnsPart(Zibal),
    Flow::SweepReturnsPart(Stripe),
    Flow::SweepReturnsPart(Mollie),
    Flow::SweepReturnsPart(Razorpay),
    Flow::SweepReturnsRest(Zibal),
    Flow::SweepReturnsRest(Stripe),
    Flow::SweepReturnsRest(Mollie),
    Flow::SweepRecordsOutsideRefund,
    Flow::RecordPayment,
    Flow::RecordPart,
    Flow::VoidPayment,
    Flow::VoidRefund,
    Flow::SweepVoidsRefund,
    Flow::DeliverVoid,
    Flow::Hold,
    Flow::SweepHearsOfPart(Zibal),
    Flow::SweepHearsOfPart(Stripe),
    Flow::SweepHearsOfPart(Mollie),
    Flow::SweepHearsOfPart(Razorpay),
    Flow::SweepHearsOfFailedPart(Stripe),
    Flow::SweepHearsOfFailedPart(Razorpay),
    Flow::WebhookPartReturned(Stripe),
    Flow::WebhookPartReturned(Mollie),
    Flow::WebhookPartReturned(Razorpay),
    Flow::WebhookPartFailed(Stripe),
    Flow::WebhookDashboardRefund(Stripe),
    Flow::WebhookLateFailure(Stripe),
    Flow::WebhookDisputeLost(Stripe),
    Flow::WebhookDisputeLost(Razorpay),
    Flow::SweepLooksBack(Stripe),
    Flow::SweepLooksBack(Mollie),
    Flow::SweepLooksBack(Razorpay),
    Flow::DeliverReceipt,
    Flow::DeliverRefund,
    Flow::DeliverLateRefund,
    Flow::Cancel,
    Flow::Replace,
    Flow::AskForRenewal,
    Flow::DeliverWish,
    Flow::Renew,
    Flow::Amend,
    Flow::TellAgain,
    Flow::Deliver,
    Flow::DeliverEverywhere,
    Flow::DeliverAgain,
    Flow::DeliverEventsAgain,
    Flow::Redeliver,
    Flow::ProviderReport,
    Flow::LineReport,
    Flow::LineReportsLostMessage,
    Flow::DeliverAfterReplay,
    Flow::DeliverLatePayment,
    Flow::AddUp,
    Flow::ChangeContact,
    Flow::DeleteContact,
];

/// Whether a payment at this gateway is among the flows.
pub(crate) fn tries(gateway: GatewayKind) -> bool {
    FLOWS.iter().any(|flow| matches!(flow, Flow::ReturnPaid(at) | Flow::ReturnPaidAndReload(at) if *at == gateway))
}

/// What a flow has to do with.
#[derive(Debug)]
struct Scene {
    body: Value,
    key: String,
    link: Option<Made>,
    /// Where the gateway sent the browser back to.
    back: String,
    /// The gateway's id of the session.
    session: String,
    /// When the link was made.
    made_at: String,
    /// What a person has to find out about.
    refund: Option<RefundId>,
}

impl Scene {
    /// A part of the payment, of which there are more than two in it.
    fn part(&self) -> i64 {
        self.body["amount"].as_i64().unwrap() * 3 / 10
    }

    fn link(&self) -> &Made {
        self.link.as_ref().unwrap()
    }
}

impl Flow {
    fn gateway(self) -> GatewayKind {
        match self {
            Self::FirstVisit(gateway)
            | Self::LaterVisit(gateway)
            | Self::ReturnPaid(gateway)
            | Self::ReturnPaidAndReload(gateway)
            | Self::ReturnCancelled(gateway)
            | Self::PartPaid(gateway)
            | Self::LastPartPaid(gateway)
            | Self::ReturnToPaidItem(gateway)
            | Self::AnotherChoice(gateway)
            | Self::WebhookPaid(gateway)
            | Self::WebhookExpired(gateway)
            | Self::WebhookRefunded(gateway)
            | Self::WebhookRefundFailed(gateway)
            | Self::SweepFindsThePayment(gateway)
            | Self::SweepRefunds(gateway)
            | Self::SweepRefundsShownLate(gateway)
            | Self::SweepHearsOfRefund(gateway)
            | Self::SweepHearsOfFailedRefund(gateway)
            | Self::SweepReturnsAll(gateway)
            | Self::SweepReturnsPart(gateway)
            | Self::SweepReturnsRest(gateway)
            | Self::SweepHearsOfPart(gateway)
            | Self::SweepHearsOfFailedPart(gateway)
            | Self::WebhookPartReturned(gateway)
            | Self::WebhookPartFailed(gateway)
            | Self::WebhookDashboardRefund(gateway)
            | Self::WebhookLateFailure(gateway)
            | Self::WebhookDisputeLost(gateway)
            | Self::SweepLooksBack(gateway)
            | Self::SweepCloses(gateway) => gateway,
            Self::Resolve(_)
            | Self::SweepKeeps
            | Self::SweepWithNewKey
            | Self::DeliverLatePayment
            | Self::AskForPart
            | Self::DeliverRefund
            | Self::DeliverLateRefund => Stripe,
            Self::AskForPartOfAttempt => Mollie,
            Self::ReturnWithReplayedReference => Sep,
            Self::ResolveRefund(_) => Zibal,
            Self::NoteOutsideRefund
            | Self::SweepRecordsOutsideRefund
            | Self::RecordPayment
            | Self::RecordPart
            | Self::VoidPayment
            | Self::VoidRefund
            | Self::SweepVoidsRefund
            | Self::DeliverVoid
            | Self::Hold
            | Self::Create
            | Self::CreateWithReference
            | Self::CreateAlone
            | Self::MakeRows
            | Self::CheckRows
            | Self::RemindLinks
            | Self::ReplaceLinks
            | Self::ResultPage
            | Self::SummaryPage
            | Self::GoOn
            | Self::SweepExpires
            | Self::SweepReminds
            | Self::DeliverReminder
            | Self::SweepFindsByList
            | Self::SweepResumes
            | Self::Cancel
            | Self::Replace
            | Self::AskForRenewal
            | Self::DeliverWish
            | Self::DeliverReceipt
            | Self::Renew
            | Self::Amend
            | Self::TellAgain
            | Self::Deliver
            | Self::DeliverEverywhere
            | Self::DeliverAgain
            | Self::DeliverEventsAgain
            | Self::Redeliver
            | Self::ProviderReport
            | Self::LineReport
            | Self::LineReportsLostMessage
            | Self::DeliverAfterReplay
            | Self::AddUp
            | Self::ChangeContact
            | Self::DeleteContact => Zarinpal,
        }
    }

    fn body(self, key: &str) -> Value {
        let mut body = match self.gateway() {
            Zarinpal => json!({
                "account_id": "main", "item_id": "inv-77", "amount": 50_000, "expires_in_days": 7,
                "after_payment": { "receipt_field": "payment" },
            }),
            Zibal => json!({ "account_id": "zibal", "contact_id": "c-1042", "amount": 50_000, "expires_in_days": 7 }),
            Sep => json!({ "account_id": "saman", "contact_id": "c-1042", "amount": 50_000, "expires_in_days": 7 }),
            Stripe => json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "expires_in_days": 7 }),
            Mollie => json!({ "account_id": "mollie", "contact_id": "c-1042", "amount": 1999, "expires_in_days": 7 }),
            Razorpay => {
                json!({ "account_id": "rupee", "contact_id": "c-1042", "amount": 50_000, "expires_in_days": 7 })
            }
        };
        match self {
            Self::CreateWithReference | Self::Replace | Self::ReplaceLinks => body["reference_id"] = json!(key),
            Self::CreateAlone => {
                body["item_id"] = json!(key);
                body["reference_id"] = json!(key);
            }
            Self::ReturnToPaidItem(_) => body["item_id"] = json!(key),
            Self::AddUp => body["expires_in_days"] = json!(0),
            Self::DeliverLatePayment => body["account_id"] = json!("late-euro"),
            Self::AskForPartOfAttempt => body["after_payment"] = json!({ "register_receipt": false }),
            Self::SweepReturnsAll(Zibal | Sep) | Self::SweepReturnsPart(Zibal) | Self::ResolveRefund(_) => {
                body["item_id"] = json!("inv-77");
                body["after_payment"] = json!({ "receipt_field": "payment" });
            }
            Self::PartPaid(_) | Self::LastPartPaid(_) | Self::AnotherChoice(_) => {
                body["payment_plan"] = json!({ "minimum": body["amount"].as_i64().unwrap() * 3 / 10 });
            }
            Self::SummaryPage | Self::GoOn => body["account_id"] = json!(CONFIRMING_ACCOUNT),
            Self::DeliverReceipt => {
                body["recipients"] = json!({ "contact": true });
                body["after_payment"]["send_receipt"] = json!(true);
            }
            Self::Deliver | Self::TellAgain | Self::DeliverAfterReplay | Self::Renew => {
                body["recipients"] = json!({ "contact": true });
            }
            // Each run has an address of its own, because one is reminded once a day.
            // By itself nobody is reminded of this one.
            Self::RemindLinks => {
                body["reference_id"] = json!(key);
                body["recipients"] = json!({ "emails": [format!("{}@example.com", key.to_lowercase())] });
            }
            Self::SweepReminds | Self::DeliverReminder => {
                body["recipients"] = json!({ "emails": [format!("{}@example.com", key.to_lowercase())] });
                body["reminders"] = json!({ "at": [{ "when": "after_creation", "hours": 1 }] });
            }
            Self::DeliverEverywhere => {
                let whatsapp = json!({ "network": "whatsapp", "id": "+989120000008" });
                body["recipients"] = json!({
                    "contact": true, "mobiles": ["+4915112345678", LINE_NUMBER], "social": [whatsapp],
                    "people": [{ "person": "accountant", "channels": ["social"] }],
                });
            }
            Self::DeliverAgain | Self::ProviderReport => {
                body["recipients"] = json!({ "emails": ["somebody@example.com"] });
            }
            Self::LineReport | Self::LineReportsLostMessage => {
                body["recipients"] = json!({ "mobiles": [LINE_NUMBER] });
            }
            _ => {}
        }
        body
    }

    /// Everything before the run that is looked at.
    async fn prepare(self, world: &FaultyWorld, key: String) -> Scene {
        let made_at = world.now().to_string();
        let (back, session) = (String::new(), String::new());
        let mut scene = Scene { body: self.body(&key), key, link: None, back, session, made_at, refund: None };
        if self == Self::CreateAlone {
            want(world, "one_active_link_per_item").await;
            put_item(world, &scene.key, json!({})).await;
        }
        if let Self::ReturnToPaidItem(gateway) = self {
            let currency = if gateway == Stripe { "EUR" } else { "IRR" };
            put_item(world, &scene.key, json!({ "amount": scene.body["amount"], "currency": currency })).await;
        }
        if matches!(self, Self::Create | Self::CreateWithReference | Self::CreateAlone) {
            return scene;
        }
        if matches!(self, Self::MakeRows | Self::CheckRows) {
            scene.session = upload_rows(world, &scene).await;
            if self == Self::MakeRows {
                follow_batch(world, &scene.session, "check").await;
            }
            let step = if self == Self::MakeRows { "run" } else { "check" };
            world.crm(Method::POST, &format!("{}/{step}", scene.session), &json!({}), &[]).await.unwrap();
            return scene;
        }
        let link = world.make_link(&scene.body, &scene.key).await;
        scene.made_at = world.stored(&link).await.created_at().to_string();
        scene.link = Some(link.clone());
        if self.prepare_without_payment(world, &link).await {
            return scene;
        }
        let page = world.go_to_gateway(&link).await;
        scene.session = page.rsplit('/').next().unwrap().to_owned();
        self.prepare_payment(world, &mut scene, &page).await;
        if matches!(self, Self::ResolveRefund(_)) {
            let mut reviewed = world.refunds_under_review(scene.link()).await;
            scene.refund = reviewed.pop().map(|(refund, _)| refund);
        }
        scene
    }

    /// What nobody has to go to the gateway for. Answers whether that is all.
    async fn prepare_without_payment(self, world: &FaultyWorld, link: &Made) -> bool {
        match self {
            Self::FirstVisit(_) | Self::SummaryPage | Self::Deliver | Self::DeliverEverywhere | Self::Amend => {}
            Self::RecordPayment | Self::RecordPart | Self::Hold | Self::Replace => {}
            Self::VoidPayment => drop(world.record(link, "cash").await.unwrap()),
            Self::GoOn => drop(world.open(&link.url).await.unwrap()),
            Self::DeliverWish | Self::Renew => {
                want(world, "renew_links_on_request").await;
                world.bring_stream().await;
                world.turn_time(8 * 24 * 60 * MINUTE);
                let button = format!("{}/ask-again", link.url);
                world.ask(Method::POST, &button, &[], Some("")).await.unwrap();
                if self == Self::Renew {
                    world.bring_stream().await;
                }
            }
            Self::ReplaceLinks => prepare_batch(world, link, "replace").await,
            Self::RemindLinks => {
                world.bring_stream().await;
                let zone = jiff::tz::TimeZone::get("Asia/Tehran").unwrap();
                let now = world.now();
                let opens = ReminderSettings::default().first_open(now, &zone).unwrap();
                world.turn_time(Duration::try_from(opens.duration_since(now)).unwrap());
                prepare_batch(world, link, "remind").await;
            }
            Self::SweepReminds | Self::DeliverReminder => {
                world.bring_stream().await;
                let due_at = world.stored(link).await.reminder_due_at().unwrap();
                world.turn_time(Duration::try_from(due_at.duration_since(world.now())).unwrap());
                if self == Self::DeliverReminder {
                    world.sweep().await.unwrap().unwrap();
                }
            }
            Self::SweepExpires | Self::AskForRenewal => world.turn_time(8 * 24 * 60 * MINUTE),
            Self::AddUp => {
                world.turn_time(2 * 24 * 60 * MINUTE);
                world.sweep().await.unwrap().unwrap();
                world.bring_stream().await;
            }
            Self::TellAgain | Self::Redeliver | Self::ProviderReport | Self::LineReport => {
                world.bring_stream().await;
                world.turn_time(2 * MINUTE);
            }
            Self::DeliverAgain | Self::DeliverEventsAgain => {
                let silent = if self == Self::DeliverAgain { "ses" } else { "crm" };
                world.proxy.decide(move |_, call| (call.service == silent).then_some(Fault::Unavailable));
                world.bring_stream().await;
                world.proxy.record();
                world.turn_time(2 * MINUTE);
            }
            Self::LineReportsLostMessage => {
                world.proxy.decide(|_, call| (call.service == "crm-line").then_some(Fault::LoseAnswer));
                world.bring_stream().await;
                world.proxy.record();
            }
            Self::DeliverAfterReplay => {
                world.proxy.decide(|_, call| (call.function == "deliver-messages").then_some(Fault::DieBefore));
                for _ in 0..STREAM_TRIES {
                    world.bring_stream().await;
                }
                world.proxy.record();
            }
            Self::ChangeContact | Self::DeleteContact => {
                let old = json!({ "name": "Old Name", "mobile": "09350000001", "email": "old@example.com" });
                world.crm(Method::PUT, &contact_beside(link), &old, &[]).await.unwrap();
            }
            _ => return false,
        }
        true
    }

    /// What the customer does at the gateway, and what follows before the run that is looked at.
    async fn prepare_payment(self, world: &FaultyWorld, scene: &mut Scene, page: &str) {
        let link = scene.link().clone();
        match self {
            Self::LaterVisit(_) => world.turn_time(MINUTE),
            Self::ReturnPaid(gateway) | Self::ReturnPaidAndReload(gateway) => {
                scene.back = world.choose(page, returning(gateway)).await.unwrap();
            }
            Self::ReturnCancelled(_) => scene.back = world.choose(page, "cancelled").await.unwrap(),
            Self::PartPaid(gateway) => scene.back = world.choose(page, returning(gateway)).await.unwrap(),
            Self::LastPartPaid(gateway) => {
                let back = world.choose(page, returning(gateway)).await.unwrap();
                world.open(&back).await.unwrap();
                let page = world.visit_to_pay(&link, "pay=all").await.unwrap();
                scene.back = world.choose(&page, returning(gateway)).await.unwrap();
            }
            Self::ReturnWithReplayedReference => scene.back = replayed_return(world, scene, page).await,
            Self::ReturnToPaidItem(gateway) => {
                scene.back = world.choose(page, returning(gateway)).await.unwrap();
                let other = world.make_link(&scene.body, &format!("{}-other", scene.key)).await;
                world.pay(&other, returning(gateway)).await;
            }
            Self::WebhookPaid(gateway) => drop(world.choose(page, silent(gateway)).await),
            Self::WebhookExpired(_) => world.turn_time(32 * MINUTE),
            Self::SweepFindsThePayment(_) | Self::ResultPage => {
                world.choose(page, silent(self.gateway())).await;
                world.turn_time(MINUTE);
            }
            Self::SweepFindsByList => {
                world.choose(page, silent(Zarinpal)).await;
                let other = world.make_link(&scene.body, &format!("{}-other", scene.key)).await;
                let page = world.go_to_gateway(&other).await;
                world.choose(&page, silent(Zarinpal)).await;
                world.turn_time(MINUTE);
            }
            Self::SweepResumes => {
                let back = world.choose(page, returning(Zarinpal)).await.unwrap();
                world.proxy.decide(|_, call| (call.operation == "verify").then_some(Fault::DieAfter));
                assert!(world.open(&back).await.is_none(), "the function died when it had taken the money");
                world.proxy.record();
                world.turn_time(MINUTE);
            }
            Self::SweepRefunds(gateway) => owe_a_refund(world, scene, page, gateway).await,
            Self::SweepRefundsShownLate(gateway) => {
                let control = if gateway == Zarinpal { "inquiry_lag" } else { "list_lag" };
                let late = json!({ "minutes": SHOWN_LATE_BY_MINUTES });
                assert!(world.order_at_gateway(gateway.as_str(), control, &late).await.is_success());
                owe_a_refund(world, scene, page, gateway).await;
            }
            Self::SweepHearsOfRefund(gateway) | Self::WebhookRefunded(gateway) => {
                begin_slow_refund(world, scene, page, gateway, "succeeded").await;
            }
            Self::SweepHearsOfFailedRefund(gateway) | Self::WebhookRefundFailed(gateway) => {
                begin_slow_refund(world, scene, page, gateway, "failed").await;
            }
            Self::SweepWithNewKey => {
                world.choose(page, silent(Stripe)).await;
                world.replace_stripe_key("euro").await;
                world.turn_time(MINUTE);
            }
            Self::SweepCloses(_) => drop(world.cancel(&link, true).await.unwrap()),
            Self::WebhookDisputeLost(gateway) => {
                let back = world.choose(page, returning(gateway)).await.unwrap();
                world.open(&back).await.unwrap();
                for (what, order) in [
                    ("dispute", json!({ "amount": scene.part(), "silent": true })),
                    ("complete_dispute", json!({ "outcome": "lost", "silent": true })),
                ] {
                    let what = format!("{}/{what}", scene.session);
                    assert!(world.order_at_gateway(gateway.as_str(), &what, &order).await.is_success());
                }
            }
            Self::WebhookDashboardRefund(gateway) | Self::SweepLooksBack(gateway) => {
                let back = world.choose(page, returning(gateway)).await.unwrap();
                world.open(&back).await.unwrap();
                if matches!(self, Self::SweepLooksBack(_)) {
                    world.turn_time(LOOKS_APART);
                }
                let by_hand = format!("{}/dashboard_refund", scene.session);
                let amount = json!({ "amount": scene.part(), "silent": true });
                assert!(world.order_at_gateway(gateway.as_str(), &by_hand, &amount).await.is_success());
            }
            _ if self.wish(scene).is_some() => self.prepare_refund_of_kept(world, scene, page).await,
            Self::DeliverLatePayment => {
                world.choose(page, silent(Stripe)).await;
                world.turn_time(8 * 24 * 60 * MINUTE);
                world.proxy.decide(|_, call| (call.service == "stripe").then_some(Fault::Refuse));
                world.sweep().await.unwrap().unwrap();
                world.proxy.record();
                world.bring_stream().await;
                for _ in 0..2 {
                    add_up(world, 9).await.unwrap();
                    world.turn_time(11 * MINUTE);
                }
                world.webhook(Stripe, &scene.session, "checkout.session.completed").await.unwrap();
            }
            Self::DeliverReceipt => {
                let back = world.choose(page, returning(Zarinpal)).await.unwrap();
                world.open(&back).await.unwrap();
            }
            Self::Resolve(_) => pay_less(world, page).await,
            Self::SweepKeeps => {
                pay_less(world, page).await;
                world.resolve(&link, "keep", &scene.key).await.unwrap();
            }
            _ => {}
        }
    }

    /// What the CRM wants to be returned of the payment that the link kept, in the flows that are about that.
    fn wish(self, scene: &Scene) -> Option<Value> {
        let part = json!({ "amount": scene.part() });
        match self {
            Self::AskForPart
            | Self::AskForPartOfAttempt
            | Self::ResolveRefund(_)
            | Self::SweepReturnsPart(_)
            | Self::SweepHearsOfPart(_)
            | Self::SweepHearsOfFailedPart(_)
            | Self::WebhookPartReturned(_)
            | Self::WebhookPartFailed(_)
            | Self::WebhookLateFailure(_)
            | Self::DeliverRefund => Some(part),
            Self::SweepReturnsAll(_) | Self::SweepReturnsRest(_) => Some(json!({})),
            Self::NoteOutsideRefund
            | Self::SweepRecordsOutsideRefund
            | Self::VoidRefund
            | Self::SweepVoidsRefund
            | Self::DeliverVoid
            | Self::DeliverLateRefund => {
                // It went from another account of that currency than the payment came to.
                let is_in_euro = scene.body["amount"] == 1999;
                let from = if is_in_euro { "mollie" } else { "saman" };
                let outside = json!({ "reference": "TR-1042", "account_id": from, "refunded_at": scene.made_at });
                Some(json!({ "amount": scene.part(), "reason": "Too much", "outside": outside }))
            }
            _ => None,
        }
    }

    /// The link keeps the customer's payment, and some of that is to go back.
    async fn prepare_refund_of_kept(self, world: &FaultyWorld, scene: &Scene, page: &str) {
        let (link, gateway) = (scene.link(), self.gateway());
        let back = world.choose(page, returning(gateway)).await.unwrap();
        world.open(&back).await.unwrap();
        let ask = async || ask_for_refund(world, scene, &self.wish(scene).unwrap(), &scene.key).await;
        match self {
            Self::AskForPart | Self::AskForPartOfAttempt | Self::NoteOutsideRefund => {}
            Self::SweepReturnsRest(_) => {
                ask_for_refund(world, scene, &json!({ "amount": scene.part() }), "part").await;
                world.sweep().await.unwrap().unwrap();
                ask().await;
            }
            Self::SweepHearsOfPart(_) | Self::WebhookPartReturned(_) => {
                ask().await;
                take_slowly(world, scene, gateway, "succeeded").await;
            }
            Self::SweepHearsOfFailedPart(_) | Self::WebhookPartFailed(_) => {
                ask().await;
                take_slowly(world, scene, gateway, "failed").await;
            }
            Self::WebhookLateFailure(_) => {
                ask().await;
                world.sweep().await.unwrap().unwrap();
                let refund = world.stored(link).await.attempts()[0].refunds[0].gateway_reference.clone();
                let order = json!({ "outcome": "failed_no_webhook", "refund": refund });
                let what = format!("{}/complete_refund", scene.session);
                assert!(world.order_at_gateway(gateway.as_str(), &what, &order).await.is_success());
            }
            Self::ResolveRefund(how) => {
                ask().await;
                world.proxy.decide(|_, call| asks_for_a_refund(call).then_some(Fault::Refuse));
                world.sweep().await.unwrap().unwrap();
                world.proxy.record();
                world.turn_time(130 * MINUTE);
                world.sweep().await.unwrap().unwrap();
                if how == RefundResolution::Refunded {
                    let by_hand = format!("{}/dashboard_refund", scene.session);
                    let amount = json!({ "amount": scene.part() });
                    assert!(world.order_at_gateway(gateway.as_str(), &by_hand, &amount).await.is_success());
                }
            }
            Self::DeliverRefund => {
                world.bring_stream().await;
                ask().await;
                world.sweep().await.unwrap().unwrap();
            }
            Self::VoidRefund | Self::SweepVoidsRefund | Self::DeliverVoid => {
                ask().await;
                world.sweep().await.unwrap().unwrap();
                world.bring_stream().await;
                if self != Self::VoidRefund {
                    world.void_refund(link, "void").await.unwrap();
                }
                if self == Self::DeliverVoid {
                    world.turn_time(MINUTE);
                    world.sweep().await.unwrap().unwrap();
                }
            }
            Self::DeliverLateRefund => {
                world.bring_stream().await;
                world.turn_time(8 * 24 * 60 * MINUTE);
                for _ in 0..2 {
                    add_up(world, 9).await.unwrap();
                    world.turn_time(11 * MINUTE);
                }
                ask().await;
                world.sweep().await.unwrap().unwrap();
            }
            _ => ask().await,
        }
        assert_eq!(world.stored(link).await.status_at(world.now()).name(), "paid", "{self:?}");
    }

    /// A person finds out what became of a refund that needs one. What was not made is asked for once more.
    async fn find_out(self, world: &FaultyWorld, scene: &Scene) {
        let Some(wish) = self.wish(scene) else { return };
        let link = scene.link();
        let is_reviewed = !world.refunds_under_review(link).await.is_empty();
        assert!(world.settle_refunds(link).await, "nobody found out about the refunds of {}", link.id);
        let stored = world.stored(link).await;
        let kept = stored.attempts().iter().find(|attempt| attempt.is_kept()).unwrap();
        if is_reviewed && kept.refunds.last().is_some_and(|refund| !refund.has_succeeded()) {
            ask_for_refund(world, scene, &wish, &format!("{}-again", scene.key)).await;
            world.confirm().await;
        }
    }

    /// The run whose every call is looked at. The result is whether the caller got an answer and need not ask again.
    async fn step(self, world: &FaultyWorld, scene: &Scene) -> bool {
        let is_answered = |reply: Option<tests::Reply>| reply.is_some_and(|reply| !reply.status.is_server_error());
        match self {
            Self::Create | Self::CreateWithReference | Self::CreateAlone => {
                let reply = world.create(&scene.body, &scene.key).await;
                reply.is_some_and(|reply| reply.status == StatusCode::CREATED)
            }
            Self::MakeRows | Self::CheckRows | Self::RemindLinks | Self::ReplaceLinks => {
                matches!(world.bring_hint().await, Some(Ok(_)))
            }
            Self::FirstVisit(_) => world.visit(scene.link()).await.is_some(),
            Self::LaterVisit(_) => is_answered(world.open(&scene.link().url).await),
            Self::AnotherChoice(_) => world.visit_to_pay(scene.link(), "pay=all").await.is_some(),
            Self::ReturnPaid(_)
            | Self::ReturnPaidAndReload(_)
            | Self::ReturnCancelled(_)
            | Self::PartPaid(_)
            | Self::LastPartPaid(_)
            | Self::ReturnToPaidItem(_)
            | Self::ReturnWithReplayedReference => is_answered(world.open(&scene.back).await),
            Self::WebhookPaid(gateway) => {
                let kind = if gateway == Stripe { "checkout.session.completed" } else { "payment_link.paid" };
                is_answered(world.webhook(gateway, &scene.session, kind).await)
            }
            Self::WebhookExpired(gateway) => {
                let kind = if gateway == Stripe { "checkout.session.expired" } else { "payment_link.expired" };
                is_answered(world.webhook(gateway, &scene.session, kind).await)
            }
            Self::WebhookRefunded(gateway)
            | Self::WebhookRefundFailed(gateway)
            | Self::WebhookPartReturned(gateway)
            | Self::WebhookPartFailed(gateway)
            | Self::WebhookLateFailure(gateway) => is_answered(world.refund_webhook(gateway, &scene.session).await),
            Self::WebhookDisputeLost(gateway) => is_answered(world.dispute_webhook(gateway, &scene.session).await),
            Self::WebhookDashboardRefund(gateway) => {
                is_answered(world.dashboard_webhook(gateway, &scene.session).await)
            }
            Self::ResultPage => is_answered(world.open(&format!("{}/result", scene.link().url)).await),
            Self::SummaryPage => is_answered(world.open(&scene.link().url).await),
            Self::GoOn => {
                let button = format!("{}/go", scene.link().url);
                let reply = world.ask(Method::POST, &button, &[], Some("")).await;
                reply.is_some_and(|reply| reply.status == StatusCode::SEE_OTHER)
            }
            Self::SweepExpires
            | Self::SweepReminds
            | Self::SweepFindsThePayment(_)
            | Self::SweepFindsByList
            | Self::SweepResumes
            | Self::SweepRefunds(_)
            | Self::SweepRefundsShownLate(_)
            | Self::SweepHearsOfRefund(_)
            | Self::SweepHearsOfFailedRefund(_)
            | Self::SweepWithNewKey
            | Self::SweepKeeps
            | Self::SweepReturnsAll(_)
            | Self::SweepReturnsPart(_)
            | Self::SweepReturnsRest(_)
            | Self::SweepRecordsOutsideRefund
            | Self::SweepVoidsRefund
            | Self::SweepHearsOfPart(_)
            | Self::SweepHearsOfFailedPart(_)
            | Self::SweepLooksBack(_)
            | Self::SweepCloses(_) => matches!(world.sweep().await, Some(Ok(_))),
            Self::AskForPart | Self::AskForPartOfAttempt | Self::NoteOutsideRefund => {
                let wish = self.wish(scene).unwrap();
                let reply = world.refund(scene.link(), &wish, &scene.key).await;
                reply.is_some_and(|reply| reply.status == StatusCode::CREATED)
            }
            Self::ResolveRefund(how) => {
                let refund = scene.refund.as_ref().unwrap();
                is_answered(world.resolve_refund(scene.link(), refund, how.as_str(), &scene.key).await)
            }
            Self::Resolve(how) => is_answered(world.resolve(scene.link(), how.as_str(), &scene.key).await),
            Self::RecordPayment | Self::RecordPart => {
                let part = (self == Self::RecordPart).then(|| scene.part());
                let reply = world.record_some(scene.link(), part, &scene.key).await;
                reply.is_some_and(|reply| reply.status == StatusCode::CREATED)
            }
            Self::VoidPayment => is_answered(world.void(scene.link(), &scene.key).await),
            Self::VoidRefund => is_answered(world.void_refund(scene.link(), &scene.key).await),
            Self::Hold => is_answered(world.hold(scene.link(), &scene.key).await),
            Self::Cancel => is_answered(world.cancel(scene.link(), true).await),
            Self::Replace => {
                let reply = world.replace(scene.link(), &json!({ "amount": 40_000 }), &scene.key).await;
                let refused = reply.as_ref().filter(|reply| reply.status.is_client_error());
                assert!(refused.is_none(), "{refused:?}");
                reply.is_some_and(|reply| reply.status == StatusCode::CREATED)
            }
            Self::AskForRenewal => {
                let button = format!("{}/ask-again", scene.link().url);
                let reply = world.ask(Method::POST, &button, &[], Some("")).await;
                reply.is_some_and(|reply| reply.status == StatusCode::GONE)
            }
            Self::Amend => {
                let path = format!("/v1/payment-links/{}", scene.link().id);
                let body = json!({ "description": "Changed" });
                is_answered(world.crm(Method::PATCH, &path, &body, &[]).await)
            }
            Self::TellAgain => is_answered(world.resend(scene.link(), &scene.key).await),
            Self::Redeliver => {
                let event = EventId::of(&LinkId::parse(&scene.link().id).unwrap(), 1);
                let path = format!("/v1/events/{event}/redeliver");
                let key = [("idempotency-key", scene.key.as_str())];
                is_answered(world.crm(Method::POST, &path, &json!({}), &key).await)
            }
            Self::ProviderReport => {
                let report = bounce(world, scene.link()).await;
                matches!(world.invoke("deliver-messages", report).await, Some(Ok(_)))
            }
            Self::LineReport => {
                is_answered(world.report(scene.link(), LINE_NUMBER, &json!({ "status": "failed" })).await)
            }
            Self::LineReportsLostMessage => {
                is_answered(world.report(scene.link(), LINE_NUMBER, &json!({ "status": "delivered" })).await)
            }
            Self::ChangeContact => {
                let people = json!([{ "role": "manager", "name": "New Manager", "mobile": "09350000002" }]);
                let new = json!({ "name": "New Name", "email": "old@example.com", "people": people });
                is_answered(world.crm(Method::PUT, &contact_beside(scene.link()), &new, &[]).await)
            }
            Self::DeleteContact => {
                is_answered(world.crm(Method::DELETE, &contact_beside(scene.link()), &Value::Null, &[]).await)
            }
            Self::DeliverAfterReplay => {
                assert!(world.replay().await.redelivered > 0, "nothing was left in the queue");
                world.bring_stream().await;
                true
            }
            Self::Deliver
            | Self::DeliverReminder
            | Self::DeliverEverywhere
            | Self::DeliverLatePayment
            | Self::DeliverRefund
            | Self::DeliverVoid
            | Self::DeliverWish
            | Self::DeliverReceipt
            | Self::DeliverLateRefund => {
                world.bring_stream().await;
                true
            }
            Self::Renew => matches!(world.run_batches().await, Some(Ok(_))),
            Self::AddUp => is_answered(add_up(world, 2).await),
            Self::DeliverAgain | Self::DeliverEventsAgain => matches!(world.retry_messages().await, Some(Ok(_))),
        }
    }

    /// Whether what became of a refund is known only some time after the run.
    fn has_to_wait_for_the_gateway(self) -> bool {
        matches!(
            self,
            Self::SweepHearsOfRefund(_)
                | Self::SweepHearsOfFailedRefund(_)
                | Self::SweepRefundsShownLate(_)
                | Self::WebhookRefunded(_)
                | Self::WebhookRefundFailed(_)
                | Self::SweepHearsOfPart(_)
                | Self::SweepHearsOfFailedPart(_)
                | Self::WebhookPartReturned(_)
                | Self::WebhookPartFailed(_)
        )
    }

    /// Whether a call is disturbed that asks for a refund where a second call could refund a second time, or the write just
    /// before it.
    fn may_need_a_person(self, point: &Point) -> bool {
        let could_go_twice = match self {
            Self::SweepRefunds(gateway) | Self::SweepRefundsShownLate(gateway) | Self::SweepReturnsAll(gateway) => {
                gateway == Zibal
            }
            Self::SweepReturnsRest(gateway) => gateway == Zibal,
            // Of what is left, a second part could be carried out.
            Self::SweepReturnsPart(gateway) => matches!(gateway, Zibal | Mollie | Razorpay),
            _ => false,
        };
        could_go_twice && (asks_for_a_refund(&point.call) || point.call.operation == "PutItem")
    }

    /// Whether the caller asks again until there is an answer. The customer of some flows does not, and a schedule
    /// comes by itself.
    fn is_asked_again(self) -> bool {
        match self {
            Self::Create
            | Self::CreateWithReference
            | Self::CreateAlone
            | Self::FirstVisit(_)
            | Self::LaterVisit(_)
            | Self::ReturnPaidAndReload(_)
            | Self::ReturnWithReplayedReference
            | Self::ReturnToPaidItem(_)
            | Self::PartPaid(_)
            | Self::LastPartPaid(_)
            | Self::AnotherChoice(_)
            | Self::RecordPart
            | Self::WebhookPaid(_)
            | Self::WebhookExpired(_)
            | Self::WebhookRefunded(_)
            | Self::WebhookRefundFailed(_)
            | Self::ResultPage
            | Self::SummaryPage
            | Self::GoOn
            | Self::Resolve(_)
            | Self::Cancel
            | Self::Replace
            | Self::AskForRenewal
            | Self::Amend
            | Self::TellAgain
            | Self::Redeliver
            | Self::ProviderReport
            | Self::LineReport
            | Self::LineReportsLostMessage
            | Self::ChangeContact
            | Self::DeleteContact
            | Self::AskForPart
            | Self::AskForPartOfAttempt
            | Self::NoteOutsideRefund
            | Self::RecordPayment
            | Self::VoidPayment
            | Self::VoidRefund
            | Self::Hold
            | Self::ResolveRefund(_)
            | Self::WebhookPartReturned(_)
            | Self::WebhookPartFailed(_)
            | Self::WebhookDashboardRefund(_)
            | Self::WebhookLateFailure(_)
            | Self::WebhookDisputeLost(_)
            | Self::AddUp => true,
            Self::MakeRows
            | Self::CheckRows
            | Self::RemindLinks
            | Self::ReplaceLinks
            | Self::ReturnPaid(_)
            | Self::ReturnCancelled(_)
            | Self::SweepExpires
            | Self::SweepReminds
            | Self::DeliverReminder
            | Self::SweepFindsThePayment(_)
            | Self::SweepFindsByList
            | Self::SweepResumes
            | Self::SweepRefunds(_)
            | Self::SweepRefundsShownLate(_)
            | Self::SweepHearsOfRefund(_)
            | Self::SweepHearsOfFailedRefund(_)
            | Self::SweepWithNewKey
            | Self::SweepCloses(_)
            | Self::SweepKeeps
            | Self::Deliver
            | Self::DeliverEverywhere
            | Self::DeliverAgain
            | Self::DeliverEventsAgain
            | Self::DeliverAfterReplay
            | Self::SweepReturnsAll(_)
            | Self::SweepReturnsPart(_)
            | Self::SweepReturnsRest(_)
            | Self::SweepRecordsOutsideRefund
            | Self::SweepVoidsRefund
            | Self::DeliverVoid
            | Self::SweepHearsOfPart(_)
            | Self::SweepHearsOfFailedPart(_)
            | Self::SweepLooksBack(_)
            | Self::DeliverRefund
            | Self::DeliverLateRefund
            | Self::DeliverWish
            | Self::DeliverReceipt
            | Self::Renew
            | Self::DeliverLatePayment => false,
        }
    }
}

/// Two rows of a contact that is known by its number and of one that is not known yet.
async fn upload_rows(world: &FaultyWorld, scene: &Scene) -> String {
    let number = scene.key.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 10_000_000;
    let rows = [
        json!({ "contact_mobile": "09120000000", "amount": 50_000, "row_key": "one" }),
        json!({ "contact": { "id": format!("new-{number}"), "name": "New", "mobile": format!("0912{number:07}") },
                "amount": 60_000, "row_key": "two" }),
    ];
    world.upload_rows(&json!({ "account_id": "main" }), &rows, &scene.key).await
}

/// A batch about one link, which is to be run.
async fn prepare_batch(world: &FaultyWorld, link: &Made, action: &str) {
    let reference = world.read(link).await["reference_id"].as_str().unwrap().to_owned();
    let list = format!("/v1/payment-links?status=active&reference_id={reference}");
    let wanted = json!({ "action": action, "list": list, "format": "jsonl" });
    let key = [("idempotency-key", reference.as_str())];
    let begun = world.crm(Method::POST, "/v1/batches", &wanted, &key).await.unwrap().json();
    world.bring_hint().await.unwrap().unwrap();
    let path = format!("/v1/batches/{}/run", begun["id"].as_str().unwrap());
    let run = world.crm(Method::POST, &path, &json!({}), &[]).await.unwrap();
    assert_eq!(run.status, StatusCode::OK, "{}", run.text);
}

/// Whatever stopped the run, the batch comes to its end, and has done once what was asked for.
async fn check_batch(world: &FaultyWorld, flow: Flow, scene: &Scene) {
    world.confirm().await;
    let batches = world.get("/v1/batches?limit=1").await;
    let batch = &batches["data"][0];
    assert_eq!((&batch["status"], &batch["progress"]["made"]), (&json!("done"), &json!(1)), "{batch}");
    let stored = world.stored(scene.link()).await;
    match flow {
        Flow::RemindLinks => assert_eq!(stored.reminders().len(), 1),
        _ => assert!(stored.successor().is_some()),
    }
}

/// A step of a batch that nothing disturbs.
async fn follow_batch(world: &FaultyWorld, batch: &str, step: &str) {
    world.crm(Method::POST, &format!("{batch}/{step}"), &json!({}), &[]).await.unwrap();
    world.bring_hint().await.unwrap().unwrap();
}

/// The link of the first row, once the batch is over. Each row has one, and no more.
async fn made_of_rows(world: &FaultyWorld, flow: Flow, scene: &Scene) -> Made {
    world.confirm().await;
    if flow == Flow::CheckRows {
        let checked = world.get(&scene.session).await;
        assert_eq!((&checked["status"], &checked["report"]["ready"]), (&json!("checked"), &json!(2)), "{checked}");
        follow_batch(world, &scene.session, "run").await;
    }
    let batch = world.get(&scene.session).await;
    assert_eq!((&batch["status"], &batch["progress"]["made"]), (&json!("done"), &json!(2)), "{batch}");
    let rows = world.rows_of(&scene.session).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    let since = format!("/v1/payment-links?created_from={}&limit=100", scene.made_at.replace('+', "%2B"));
    let links = world.get(&since).await["data"].as_array().unwrap().clone();
    let of_rows = rows.iter().map(|row| links.iter().filter(|link| link["id"] == row["payment_link_id"]).count());
    assert_eq!(of_rows.collect::<Vec<_>>(), [1, 1], "{links:?}");
    assert_eq!(links.len(), 2, "no row has a second link");
    let first = json!({ "id": rows[0]["payment_link_id"], "url": rows[0]["url"] });
    Made::read(API_KEY, &first)
}

/// An item of the run's own, with a field that receipts are attached to.
async fn put_item(world: &FaultyWorld, id: &str, more: Value) {
    let mut item = json!({ "kind": "invoice", "title": "Its own", "contact_id": "c-1042",
                           "receipt_fields": [{ "key": "payment", "label": "Payment" }] });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let written = world.crm(Method::PUT, &format!("/v1/items/{id}"), &item, &[]).await.unwrap();
    assert!(written.status.is_success(), "{}", written.text);
}

/// The business has this set from now on.
async fn want(world: &FaultyWorld, setting: &str) {
    let reply = world.crm(Method::PATCH, "/v1/settings", &json!({ setting: true }), &[]).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

/// Somebody asks what the links of the last days add up to, and their receipts.
async fn add_up(world: &FaultyWorld, days: u32) -> Option<tests::Reply> {
    let from = (world.now() - days * 24 * 60 * MINUTE).strftime("%Y-%m-%d").to_string();
    let path = format!("/v1/totals?mode=sandbox&from={from}");
    world.crm(Method::GET, &path, &Value::Null, &[]).await
}

/// A contact of the run's own, with which its link has nothing to do.
fn contact_beside(link: &Made) -> String {
    format!("/v1/contacts/{}", link.id)
}

/// The customer pays half of it and comes back, and a person has to look.
async fn pay_less(world: &FaultyWorld, page: &str) {
    let back = world.choose(page, "paid_less").await.unwrap();
    world.open(&back).await.unwrap();
}

/// The customer pays what the link does not keep, so that the next sweep refunds it.
async fn owe_a_refund(world: &FaultyWorld, scene: &Scene, page: &str, gateway: GatewayKind) {
    // Money that these take waits for our call, which a link that is over never gets; what a person does not want to keep
    // was taken.
    if matches!(gateway, Zibal | Sep) {
        pay_less(world, page).await;
        world.resolve(scene.link(), "refund", &scene.key).await.unwrap();
        return;
    }
    world.cancel(scene.link(), true).await.unwrap();
    world.choose(page, silent(gateway)).await;
    if gateway == Zarinpal {
        world.at_gateway("zarinpal", &scene.session, "auto_verify").await;
    }
    world.sweep().await.unwrap().unwrap();
}

/// The customer pays what cannot be kept, the gateway takes the order to refund it, and finishes it so.
async fn begin_slow_refund(world: &FaultyWorld, scene: &Scene, page: &str, gateway: GatewayKind, outcome: &str) {
    pay_less(world, page).await;
    world.resolve(scene.link(), "refund", &scene.key).await.unwrap();
    take_slowly(world, scene, gateway, outcome).await;
}

/// The gateway takes the order to refund, and finishes it so.
async fn take_slowly(world: &FaultyWorld, scene: &Scene, gateway: GatewayKind, outcome: &str) {
    let pending = json!({ "becomes": "pending" });
    assert!(world.order_at_gateway(gateway.as_str(), "next_refund", &pending).await.is_success());
    world.sweep().await.unwrap().unwrap();
    let is_done = world.decide_refund(gateway.as_str(), &scene.session, outcome).await;
    assert!(is_done, "{gateway:?} was not refunding");
    world.turn_time(15 * MINUTE);
}

/// The CRM has money of the link's payment sent back, and is told that it will be.
async fn ask_for_refund(world: &FaultyWorld, scene: &Scene, wish: &Value, key: &str) {
    let reply = world.refund(scene.link(), wish, key).await.unwrap();
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
}

/// Whether a gateway is asked to refund.
fn asks_for_a_refund(call: &Call) -> bool {
    let operation = call.operation.as_str();
    operation.starts_with("POST ") && (operation.ends_with("/refund") || operation.ends_with("/refunds"))
}

/// Somebody else pays in a session of their own and is told so. The customer of this one comes back with that payment's
/// reference.
async fn replayed_return(world: &FaultyWorld, scene: &Scene, page: &str) -> String {
    let other = world.make_link(&scene.body, &format!("{}-other", scene.key)).await;
    let others_page = world.go_to_gateway(&other).await;
    let others_back = world.choose(&others_page, returning(Sep)).await.unwrap();
    world.open(&others_back).await.unwrap();
    let (_, query) = others_back.split_once('?').unwrap();
    let return_reference = query.split('&').find(|field| field.starts_with("RefNum=")).unwrap();
    let back = world.choose(page, "cancelled").await.unwrap();
    let (address, _) = back.split_once('?').unwrap();
    format!("{address}?Status=2&{return_reference}")
}

/// SES says that the email about a link bounced.
async fn bounce(world: &FaultyWorld, link: &Made) -> Value {
    let stored = world.cloud.store.link(&LinkId::parse(&link.id).unwrap()).await.unwrap().unwrap();
    let message = &stored.recipients().next().unwrap().id;
    let tags = json!({ LINK_TAG: [link.id], MESSAGE_TAG: [message.as_str()] });
    let bounce = json!({ "bounceType": "Permanent", "bounceSubType": "General" });
    let event = json!({ "eventType": "Bounce", "bounce": bounce, "mail": { "messageId": "1", "tags": tags } });
    json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": event.to_string() } }] })
}

/// A call, by its kind and its number among those of its kind, and how it goes wrong. Where a link waits in the index is
/// random, so that its number among all calls would mean another call in each run.
#[derive(Clone, Debug)]
struct Point {
    call: Call,
    number: usize,
    fault: Fault,
}

impl Point {
    /// Every way in which every one of these calls can go wrong.
    fn all_of(calls: &[Call]) -> impl Iterator<Item = Self> {
        calls.iter().enumerate().flat_map(|(at, call)| {
            let number = calls[..at].iter().filter(|earlier| *earlier == call).count();
            Fault::ALL.map(|fault| Self { call: call.clone(), number, fault })
        })
    }

    /// Whether a message may have been handed to its provider without anybody noting it: the one documented place where
    /// somebody is notified twice.
    fn may_notify_twice(&self, calls: &[Call]) -> bool {
        let is_sending = Call::sends_a_message;
        let is_it = |(at, call): (usize, &Call)| {
            (*call == self.call && calls[..at].iter().filter(|earlier| *earlier == call).count() == self.number)
                .then_some(at)
        };
        match calls.iter().enumerate().find_map(is_it) {
            // Several messages are sent at once, and all of their providers die together: one that was claimed may be on
            // its way although nobody has seen it pass yet.
            Some(_) if self.fault.is_deadly() => {
                let claims = calls.iter().filter(|call| call.operation == "PutItem").count();
                claims > 1 || calls.iter().any(is_sending)
            }
            Some(at) => calls[..=at].iter().any(is_sending),
            None => false,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {} number {}", self.fault, self.call, self.number)
    }
}

/// What one run of a flow came to.
struct Run {
    calls: Vec<Call>,
    truth: String,
    wrong: Vec<String>,
}

/// Another business has a link under the same key and the same reference, which nobody opens: whatever happens to a flow is
/// none of its business.
async fn bystander(world: &FaultyWorld, key: &str) -> Made {
    let body = json!({
        "account_id": "main", "contact_id": "c-1042", "amount": 1999, "expires_in_days": 100, "reference_id": key,
    });
    let link = world.make_link_as(BAZAAR_KEY, &body, key).await;
    world.bring_stream().await;
    link
}

/// What there is to say about it in the end.
const UNTOUCHED: &str = "active attempts [] receipts 0 messages [] refunds []";

async fn run(flow: Flow, world: &FaultyWorld, number: usize, point: Option<&Point>) -> Run {
    let key = format!("{flow:?}-{number}").replace(['(', ')'], "-");
    let bystander = bystander(world, &key).await;
    let mut scene = flow.prepare(world, key).await;
    match point {
        Some(point) => world.proxy.fault_at(point.call.clone(), point.number, point.fault),
        None => world.proxy.record(),
    }
    let mut is_answered = flow.step(world, &scene).await;
    let calls = world.proxy.calls();
    world.proxy.record();
    for _ in 0..3 {
        if flow.is_asked_again() && !is_answered {
            if matches!(flow, Flow::AnotherChoice(_)) {
                // A gateway is not asked for a customer more often than every three seconds.
                world.turn_time(Duration::from_secs(4));
            }
            is_answered = flow.step(world, &scene).await;
        }
    }
    if matches!(flow, Flow::MakeRows | Flow::CheckRows) {
        scene.link = Some(made_of_rows(world, flow, &scene).await);
    }
    if matches!(flow, Flow::RemindLinks | Flow::ReplaceLinks) {
        check_batch(world, flow, &scene).await;
    }
    if scene.link.is_none() {
        // The CRM that made the link finds it by asking once more.
        scene.link = Some(world.make_link(&scene.body, &scene.key).await);
    }
    if point.is_some_and(|point| point.may_notify_twice(&calls)) {
        world.allow_resending_twice(scene.link());
    }
    world.confirm().await;
    if flow.has_to_wait_for_the_gateway() {
        // A gateway that has the order is asked about it every ten minutes, also where a run died that had leased that; and
        // what it shows late it shows by now.
        world.turn_time(15 * MINUTE);
        world.confirm().await;
    }
    if matches!(flow, Flow::SweepLooksBack(_)) {
        // A look that met trouble is made again an hour later.
        world.turn_time(61 * MINUTE);
        world.confirm().await;
    }
    // What is asked about once more needs a person again where the gateway still shows nothing.
    let is_asked_again = matches!(flow, Flow::ResolveRefund(RefundResolution::AskAgain));
    if is_asked_again {
        world.turn_time(180 * MINUTE);
        world.confirm().await;
    }
    if point.is_some_and(|point| flow.may_need_a_person(point)) {
        world.turn_time(180 * MINUTE);
        world.confirm().await;
        flow.find_out(world, &scene).await;
    }
    // What was not taken goes back by itself, and is asked about until it has.
    if matches!(flow, Flow::ReturnToPaidItem(_)) {
        world.return_unverified_money().await;
        world.confirm().await;
    }
    let (mut wrong, evidence) = world.check(Stage::CaughtUp).await;
    let truth = evidence.truth_of(&scene.link().id);
    let untouched = evidence.truth_of(&bystander.id);
    if untouched != UNTOUCHED {
        wrong.push(format!("another business's link came to {untouched}"));
    }
    if matches!(flow, Flow::AddUp | Flow::DeliverLatePayment | Flow::DeliverLateRefund) {
        wrong.extend(disagreements(world, &evidence, DEMO, &["day"]).await);
    }
    world.live_out().await;
    wrong.extend(world.check(Stage::Ended).await.0);
    Run { calls, truth, wrong }
}

/// A flow that nothing disturbed: which calls it makes, and what it comes to.
struct Learned {
    flow: Flow,
    calls: Vec<Call>,
    truth: String,
}

impl Learned {
    async fn by_running(flow: Flow, world: &FaultyWorld) -> Self {
        let plain = run(flow, world, 0, None).await;
        assert!(plain.wrong.is_empty(), "{flow:?} goes wrong by itself: {:#?}", plain.wrong);
        Self { flow, calls: plain.calls, truth: plain.truth }
    }

    /// Every point of the flow that somebody wants, with a number of its own.
    fn points(&self) -> Vec<(usize, Point)> {
        let only = std::env::var("PAYLINK_POINT").unwrap_or_default();
        let points = Point::all_of(&self.calls).enumerate().map(|(number, point)| (number + 1, point));
        points.filter(|(_, point)| point.to_string().contains(&only)).collect()
    }

    /// Adds what is wrong when the flow is stopped or disturbed at this point. Answers whether the world can be used for
    /// another: what is wrong in it stays wrong.
    async fn try_at(&self, number: usize, point: &Point, world: &FaultyWorld, tally: &mut Tally) -> bool {
        let flow = self.flow;
        let run = run(flow, world, number, Some(point)).await;
        tally.tried += 1;
        tally.found.extend(run.wrong.iter().map(|wrong| format!("{flow:?}, {point}: {wrong}")));
        // Nobody can know whether the gateway refunded, and nobody asks for a second refund: a person has to look.
        let for_a_person = self.truth.replace("refunded", "needs_review");
        let is_for_a_person = flow.may_need_a_person(point) && run.truth == for_a_person;
        // Where the call that closes the session before meets trouble, that stays open until its time is over: no more than is
        // due is taken there.
        let is_left_open = matches!(flow, Flow::AnotherChoice(_))
            && run.truth == self.truth.replace("\"failed\", \"open\"", "\"open\", \"open\"");
        // A link at which somebody was still paying when its item was paid is not ended with the others: nobody can pay there.
        let is_left_active = matches!(flow, Flow::ReturnToPaidItem(_))
            && run.truth == self.truth.replace("cancelled attempts", "active attempts");
        if run.truth != self.truth && !is_for_a_person && !is_left_open && !is_left_active {
            tally.found.push(format!("{flow:?}, {point}: {} instead of {}", run.truth, self.truth));
        }
        run.wrong.is_empty()
    }
}

/// The number of points that were tried, and what was wrong at which.
#[derive(Default)]
struct Tally {
    tried: usize,
    found: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.found.extend(other.found);
    }
}

/// Sweeps one flow.
async fn sweep(flow: Flow, every: usize) -> Tally {
    let mut world = FaultyWorld::start(0).await;
    let learned = Learned::by_running(flow, &world).await;
    let mut tally = Tally::default();
    for (number, point) in learned.points().iter().skip(every / 2).step_by(every) {
        // What is checked is a whole table, which should not hold the links of hundreds of points.
        if tally.tried % WORLD_LASTS == WORLD_LASTS - 1 {
            world = FaultyWorld::start(0).await;
        }
        if !learned.try_at(*number, point, &world, &mut tally).await {
            break;
        }
    }
    println!("{flow:?}: {} calls, {} points, in the end {}", learned.calls.len(), tally.tried, learned.truth);
    tally
}

/// Sweeps these flows, all of them at once.
async fn sweep_all(flows: Vec<Flow>, every: usize) -> Tally {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let sweeps = flows.into_iter().map(|flow| {
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            let _place = room.acquire().await.unwrap();
            sweep(flow, every).await
        })
    });
    let mut all = Tally::default();
    for tally in join_all(sweeps).await {
        all.add(tally.unwrap());
    }
    println!("{} points were tried.", all.tried);
    all
}

/// Some points of a flow, which are tried in one world.
struct Part {
    learned: Arc<Learned>,
    points: Vec<(usize, Point)>,
}

/// What is left to try. Every flow is learned and has its turn before any has its second, and which of its points come first is
/// left to chance: to learn all flows takes most of a minute by itself.
struct Left {
    flows: VecDeque<Flow>,
    parts: VecDeque<VecDeque<Part>>,
    chance: Seeded,
    /// The points of the flows that are learned.
    known: usize,
}

impl Left {
    /// The parts of a flow that was learned. The first of them is handed over.
    fn add(&mut self, learned: Learned) -> Option<Part> {
        let mut points = learned.points();
        self.known += points.len();
        self.chance.shuffle(&mut points);
        let learned = Arc::new(learned);
        let part = |points: &[(usize, Point)]| Part { learned: Arc::clone(&learned), points: points.to_vec() };
        let mut parts: VecDeque<Part> = points.chunks(PART).map(part).collect();
        let first = parts.pop_front();
        self.parts.push_back(parts);
        first
    }

    /// A part of the flow whose turn was longest ago.
    fn next_part(&mut self) -> Option<Part> {
        while let Some(mut of_flow) = self.parts.pop_front() {
            if let Some(part) = of_flow.pop_front() {
                self.parts.push_back(of_flow);
                return Some(part);
            }
        }
        None
    }
}

/// Sweeps what there is time for of these flows.
async fn sweep_in_time(mut flows: Vec<Flow>, time: TimeBox) -> Tally {
    let mut chance = time.chance();
    chance.shuffle(&mut flows);
    let left = Arc::new(Mutex::new(Left { flows: flows.into(), parts: VecDeque::new(), chance, known: 0 }));
    let workers = (0..AT_ONCE).map(|_| {
        let (left, time) = (Arc::clone(&left), time.clone());
        tokio::spawn(async move {
            let mut tally = Tally::default();
            while !time.is_over() {
                let flow = left.lock().unwrap().flows.pop_front();
                let part = match flow {
                    Some(flow) => {
                        let learned = Learned::by_running(flow, &FaultyWorld::start(0).await).await;
                        left.lock().unwrap().add(learned)
                    }
                    None => left.lock().unwrap().next_part(),
                };
                let Some(part) = part else { break };
                tally.add(try_part(&part, &time).await);
            }
            tally
        })
    });
    let mut tally = Tally::default();
    for worker in join_all(workers).await {
        tally.add(worker.unwrap());
    }
    println!("PAYLINK_FLOW='…' PAYLINK_POINT='…' make test-crashes tries one again.");
    let left = left.lock().unwrap();
    time.close("points", tally.tried, left.flows.is_empty().then_some(left.known), LEAST_IN_A_MINUTE);
    tally
}

async fn try_part(part: &Part, time: &TimeBox) -> Tally {
    let world = FaultyWorld::start(0).await;
    let mut tally = Tally::default();
    for (number, point) in &part.points {
        if time.is_over() || !part.learned.try_at(*number, point, &world, &mut tally).await {
            break;
        }
    }
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_function_stops_the_world_ends_as_if_it_had_not() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let time = TimeBox::from_environment();
    let every = std::env::var("PAYLINK_EVERY_POINT").ok().and_then(|every| every.parse().ok());
    let every = every.unwrap_or(POINT_SAMPLE);
    let only = std::env::var("PAYLINK_FLOW");
    let is_sample = time.is_none() && every >= POINT_SAMPLE && only.is_err();
    let only = only.unwrap_or_default();
    let flows = FLOWS.into_iter().step_by(if is_sample { FLOW_SAMPLE } else { 1 });
    let flows: Vec<Flow> = flows.filter(|flow| format!("{flow:?}").contains(&only)).collect();
    let Tally { tried, found } = match time {
        Some(time) => sweep_in_time(flows, time).await,
        None => sweep_all(flows, every).await,
    };
    assert!(found.is_empty(), "{} of {tried} points: {found:#?}", found.len());
}

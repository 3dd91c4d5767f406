//! What every gateway has to do: one test for each case at each gateway, side by side, such as
//! `conformance::stripe::a_payment_that_comes_too_late_is_not_kept_and_goes_back`.
//!
//! A new gateway is a row in the table below. The row answers every question of the suite, and `cases.rs` says which cases
//! follow from an answer: a case that a gateway cannot stand is not among its tests, where it would pass without having
//! asked anything. The cases are in the other files of this folder and do not know which gateway they are about.

#![deny(dead_code, reason = "a case that no gateway stands asks nothing")]

#[macro_use]
mod cases;

mod accounts;
mod aftermath;
mod calls;
mod checks;
mod closing;
mod foreign_returns;
mod kept_refunds;
mod keys;
mod nulls;
mod paying;
mod refund_calls;
mod refunds;
mod scene;
mod sessions;
mod slow_refunds;
mod unknown;

use domain::gateway::{GatewayKind, LookUp, Webhooks};
use tests::World;

use scene::Scene;

/// What the suite has to know of a gateway and its simulator.
struct Row {
    gateway: GatewayKind,
    /// Paid, and nobody but the browser tells.
    returning: &'static str,
    /// Paid, and nobody tells.
    silent: &'static str,
    /// The call that opens a session, the one whose answer decides, the one that refunds money, and the one by which an
    /// account is checked.
    create: &'static str,
    decide: &'static str,
    refund: &'static str,
    check: &'static str,
    failing: Failing,
    paying_less: PayingLess,
    closing: Closing,
    look_up: LookUp,
    webhooks: Webhooks,
}

/// What a payment that fails does to its session.
#[derive(PartialEq)]
enum Failing {
    EndsTheSession,
    /// The customer goes on trying in it.
    LeavesTheSessionOpen,
}

/// What becomes of a payment of less than was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum PayingLess {
    /// The gateway's page lets nobody do it.
    Impossible,
    GoesBackByItself,
    WaitsForAPerson,
}

/// When a session can be closed before its time is over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Closing {
    Never,
    Always,
    /// Only while the customer has chosen a way of paying that can be cancelled.
    OnceTheCustomerChose,
}

gateways! {
    zarinpal: Zarinpal {
        returning: "paid",
        silent: "paid_no_return",
        create: "request",
        decide: "verify",
        refund: "reverse",
        check: "request",
        failing: EndsTheSession,
        paying_less: Impossible,
        slow_money: Impossible,
        refunding: AtOnce,
        parts: WithMoreCredentials,
        shows: Nothing,
        key: IsTheMerchant,
        fee: Told,
        bank: StandsByItsNo,
        closing: Never,
        look_up: AnyTime,
        webhooks: None,
    }
    zibal: Zibal {
        returning: "paid",
        silent: "paid_no_return",
        create: "request",
        decide: "verify",
        refund: "refund",
        check: "request",
        failing: EndsTheSession,
        paying_less: WaitsForAPerson,
        slow_money: Impossible,
        refunding: InItsTime,
        parts: Possible,
        shows: Nothing,
        key: IsTheMerchant,
        fee: Untold,
        bank: StandsByItsNo,
        closing: Never,
        look_up: AnyTime,
        webhooks: None,
    }
    sep: Sep {
        returning: "paid",
        silent: "paid_no_return",
        create: "token",
        decide: "verify",
        refund: "reverse",
        check: "token",
        failing: EndsTheSession,
        paying_less: GoesBackByItself,
        slow_money: Impossible,
        refunding: AtOnce,
        parts: Impossible,
        shows: Nothing,
        key: None,
        fee: Untold,
        bank: StandsByItsNo,
        closing: Never,
        look_up: OnlyOnReturn,
        webhooks: None,
    }
    stripe: Stripe {
        returning: "paid_no_webhook",
        silent: "paid_silent",
        create: "create",
        decide: "retrieve",
        refund: "refund",
        check: "list_sessions",
        failing: LeavesTheSessionOpen,
        paying_less: WaitsForAPerson,
        slow_money: Possible,
        refunding: InItsTime,
        parts: Possible,
        shows: RefundsAndDisputes,
        key: CanBeReplaced,
        fee: Told,
        bank: StandsByItsNo,
        closing: Always,
        look_up: AnyTime,
        webhooks: Signed,
    }
    mollie: Mollie {
        returning: "paid_no_webhook",
        silent: "paid_silent",
        create: "create",
        decide: "retrieve",
        refund: "refund",
        check: "profile",
        failing: EndsTheSession,
        paying_less: WaitsForAPerson,
        slow_money: Possible,
        refunding: InItsTime,
        parts: Possible,
        shows: RefundsAndDisputes,
        key: CanBeReplaced,
        fee: Untold,
        bank: StandsByItsNo,
        closing: OnceTheCustomerChose,
        look_up: AnyTime,
        webhooks: Unsigned,
    }
    razorpay: Razorpay {
        returning: "paid_no_webhook",
        silent: "paid_silent",
        create: "create",
        decide: "retrieve",
        refund: "refund",
        check: "list_orders",
        failing: LeavesTheSessionOpen,
        paying_less: WaitsForAPerson,
        slow_money: Possible,
        refunding: InItsTime,
        parts: Possible,
        shows: RefundsAndDisputes,
        key: CanBeReplaced,
        fee: Told,
        bank: ChangesItsMind,
        closing: Always,
        look_up: AnyTime,
        webhooks: Signed,
    }
}

/// What the row says and the gateway's profile says too, and that the tests go by the gateway's name.
fn assert_agrees_with_profile(module: &str, row: &Row) {
    let profile = row.gateway.profile();
    assert_eq!(module, profile.id);
    assert_eq!(row.look_up, profile.look_up);
    assert_eq!(row.webhooks, profile.webhooks);
    assert_eq!(row.closing != Closing::Never, profile.can_close);
    let is_reversed = profile.can_reverse();
    match row.paying_less {
        PayingLess::Impossible => {}
        PayingLess::GoesBackByItself => assert!(is_reversed, "only a reversal has to be made at once"),
        PayingLess::WaitsForAPerson => assert!(!is_reversed, "a person would come too late"),
    }
}

/// That the profile shows as much as the row says.
fn assert_shows(row: &Row, shows: &str) {
    let profile = row.gateway.profile();
    assert_eq!(profile.shows_refunds, shows == "RefundsAndDisputes");
    assert_eq!(profile.shows_disputes, shows == "RefundsAndDisputes");
}

#[test]
fn every_gateway_is_in_the_table_once() {
    let (mut in_the_table, mut all) = (IN_THE_TABLE.to_vec(), GatewayKind::ALL.to_vec());
    in_the_table.sort();
    all.sort();
    assert_eq!(in_the_table, all);
}

#[tokio::test]
async fn as_many_gateways_are_described_as_there_are() {
    let described = World::in_process().await.get("/v1/gateways").await;
    assert_eq!(described["data"].as_array().unwrap().len(), GatewayKind::ALL.len());
}

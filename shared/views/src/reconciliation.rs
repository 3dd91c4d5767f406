//! How our side and another's look that were held against each other.

use domain::Timestamp;
use domain::business::reconciliation::{Difference, NotCompared, Ours, Pair, Reconciliation, Theirs};
use domain::business::settings::Settings;
use domain::business::totals::{Received, Sum};
use domain::gateway::GatewayKind;
use domain::ids::AttemptId;
use domain::link::PaymentLink;
use domain::records::account::Account;
use serde::Serialize;
use utoipa::ToSchema;

use crate::instant;
use crate::schema::{AttemptStatusName, GatewayName, ModeName, ReceiptKindName};

crate::one_of! {
    SourceName as "ReconciliationSource", "Whose list ours was held against: that of the account's gateway, or the one that was sent.",
    Source::ALL.map(Source::as_str)
}
crate::one_of! {
    DifferenceName as "ReconciliationDifference", "In what two sides differ.",
    Difference::ALL.map(Difference::as_str)
}
crate::one_of! {
    NotComparedName as "ReconciliationNotCompared",
    "`void`: it is void, or records that something is. `by_other_means`: it came or went back by other means than the gateway. `at_another_gateway`: it was paid at another gateway than the account has now. `begun_earlier`: it was begun before the first day of the gateway's that was read, where the gateway may have it. `by_dispute`: a bank took it after a dispute, which is in no list of refunds.",
    NotCompared::ALL.map(NotCompared::as_str)
}

/// Whose list ours was held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Gateway,
    Sent,
}

impl Source {
    const ALL: [Self; 2] = [Self::Gateway, Self::Sent];

    fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Sent => "sent",
        }
    }
}

/// What we have of an account's days, held against what somebody else has. Amounts are in the minor unit of `currency`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
pub struct ReconciliationView {
    #[schema(pattern = "^reconciliation$")]
    object: &'static str,
    account_id: String,
    /// That of the account as it is now.
    #[schema(value_type = Option<GatewayName>)]
    gateway: Option<&'static str>,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    currency: &'static str,
    #[schema(value_type = SourceName)]
    source: &'static str,
    /// The first day.
    #[schema(format = Date)]
    from: String,
    /// The last day, which is among them.
    #[schema(format = Date)]
    to: String,
    /// The business's own, whose days these are.
    time_zone: String,
    /// Whether both sides have the same money: nothing differs, nobody has anything alone, and everything was
    /// compared that the other side could have.
    agrees: bool,
    ours: SideView,
    theirs: SideView,
    /// What both have alike on these days.
    matched: SideView,
    /// What both have and not alike, where one of them has it on these days.
    differing: Vec<PairView>,
    /// What both have alike, and one of them on another day than these.
    on_another_day: Vec<MovedView>,
    /// Receipts of which the other side has nothing.
    only_ours: Vec<OursView>,
    /// What the other side has and no receipt.
    only_theirs: Vec<TheirsView>,
    /// Receipts that could not be held against the other side.
    not_compared: Vec<NotComparedView>,
    #[schema(format = DateTime)]
    as_of: String,
}

/// What one side has.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationSide)]
struct SideView {
    payments: SumView,
    refunds: SumView,
    /// What records that something is void changed: less for payments that never came, more for refunds that did not last.
    voided: SumView,
    /// Payments less refunds, with what was void of both. Fees are not taken from it.
    #[schema(value_type = i64)]
    net: i128,
    /// What the gateway kept, of the movements of which the side knows it.
    fees: SumView,
}

/// How many, and how much together.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationSum)]
struct SumView {
    count: u64,
    /// Exact. A sum can pass 9,007,199,254,740,991, beyond which some languages read it inexactly.
    #[schema(value_type = i64)]
    amount: i128,
}

/// What both sides have, and in what they differ.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationPair)]
struct PairView {
    #[schema(value_type = Vec<DifferenceName>)]
    differs: Vec<&'static str>,
    ours: OursView,
    theirs: TheirsView,
}

/// What both sides have alike.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationMovedPair)]
struct MovedView {
    ours: OursView,
    theirs: TheirsView,
}

/// A receipt, as far as it is held against something.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationReceipt)]
struct OursView {
    receipt_id: String,
    #[schema(value_type = ReceiptKindName)]
    kind: &'static str,
    payment_link_id: String,
    attempt_id: String,
    contact_id: String,
    /// The gateway's number of the payment or the refund.
    gateway_reference: String,
    /// What arrived or went back.
    amount: i64,
    /// The gateway's fee, where it told.
    fee: Option<i64>,
    /// The instant by whose day it counts.
    #[schema(format = DateTime)]
    booked_at: String,
}

/// A receipt that was held against nothing, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationUncomparedReceipt)]
struct NotComparedView {
    #[schema(value_type = NotComparedName)]
    reason: &'static str,
    ours: OursView,
}

/// What the other side has.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationEntry)]
struct TheirsView {
    #[schema(value_type = ReceiptKindName)]
    kind: &'static str,
    /// As it stands there.
    reference: String,
    /// The reference of the payment that a refund is of, where it stands there.
    payment_reference: Option<String>,
    /// What arrived or went back.
    amount: i64,
    /// What the gateway kept, where it stands there.
    fee: Option<i64>,
    /// The instant by whose day it counts.
    #[schema(format = DateTime)]
    at: String,
    /// The line of the list that was sent, counted from one with that of the names of columns.
    line: Option<u64>,
    /// The attempt whose money this is, where we know it although books have nothing of it: money that no link could keep, or
    /// about which a person has to decide.
    known_as: Option<KnownView>,
}

/// An attempt that has to do with money of which books have nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationKnownAttempt)]
struct KnownView {
    payment_link_id: String,
    attempt_id: String,
    #[schema(value_type = AttemptStatusName)]
    status: &'static str,
}

/// What an answer says beside what was found.
#[derive(Debug)]
pub struct Asked<'a> {
    pub account: &'a Account,
    pub source: Source,
    /// The first day and the last one, as dates.
    pub days: (String, String),
    pub settings: &'a Settings,
    pub now: Timestamp,
}

impl ReconciliationView {
    /// `known` finds the attempt that what only they have belongs to, where there is one.
    pub fn new(
        asked: Asked<'_>,
        found: &Reconciliation,
        known: impl Fn(&Theirs) -> Option<(PaymentLink, AttemptId)>,
    ) -> Self {
        let Asked { account, source, days: (from, to), settings, now } = asked;
        let theirs = |one: &Theirs| TheirsView::new(one, None, settings);
        let ours = |one: &Ours| OursView::new(one, settings);
        Self {
            object: "reconciliation",
            account_id: account.id.to_string(),
            gateway: account.online_payment.gateway.map(GatewayKind::as_str),
            mode: account.mode.as_str(),
            currency: account.currency.code(),
            source: source.as_str(),
            from,
            to,
            time_zone: settings.time_zone.as_str().to_owned(),
            agrees: found.agrees(),
            ours: SideView::new(&found.ours),
            theirs: SideView::new(&found.theirs),
            matched: SideView::new(&found.matched),
            differing: found.differing.iter().map(|pair| PairView::new(pair, settings)).collect(),
            on_another_day: found
                .on_another_day
                .iter()
                .map(|pair| MovedView { ours: ours(&pair.ours), theirs: theirs(&pair.theirs) })
                .collect(),
            only_ours: found.only_ours.iter().map(ours).collect(),
            only_theirs: found.only_theirs.iter().map(|one| TheirsView::new(one, known(one), settings)).collect(),
            not_compared: found
                .not_compared
                .iter()
                .map(|(one, why)| NotComparedView { reason: why.as_str(), ours: ours(one) })
                .collect(),
            as_of: instant(now, settings),
        }
    }
}

impl SideView {
    fn new(sums: &Received) -> Self {
        let sum = |sum: Sum| SumView { count: sum.count, amount: sum.amount };
        Self {
            payments: sum(sums.gross),
            refunds: sum(sums.refunded),
            voided: sum(sums.voided),
            net: sums.net().amount,
            fees: sum(sums.fees),
        }
    }
}

impl PairView {
    fn new(pair: &Pair, settings: &Settings) -> Self {
        Self {
            differs: pair.differences().into_iter().map(Difference::as_str).collect(),
            ours: OursView::new(&pair.ours, settings),
            theirs: TheirsView::new(&pair.theirs, None, settings),
        }
    }
}

impl OursView {
    fn new(ours: &Ours, settings: &Settings) -> Self {
        let Ours { entry, payment: _, receipt } = ours;
        Self {
            receipt_id: receipt.id.to_string(),
            kind: entry.kind.as_str(),
            payment_link_id: receipt.link_id.to_string(),
            attempt_id: receipt.attempt_id.to_string(),
            contact_id: receipt.contact_id.to_string(),
            gateway_reference: entry.reference.clone(),
            amount: entry.amount,
            fee: entry.fee,
            booked_at: instant(entry.at, settings),
        }
    }
}

impl TheirsView {
    fn new(theirs: &Theirs, known: Option<(PaymentLink, AttemptId)>, settings: &Settings) -> Self {
        let Theirs { entry, payment, line } = theirs;
        let known_as = known.and_then(|(link, id)| {
            let attempt = link.attempt(&id)?;
            Some(KnownView {
                payment_link_id: link.id().to_string(),
                attempt_id: id.to_string(),
                status: attempt.state.name(),
            })
        });
        Self {
            kind: entry.kind.as_str(),
            reference: entry.reference.clone(),
            payment_reference: payment.clone(),
            amount: entry.amount,
            fee: entry.fee,
            at: instant(entry.at, settings),
            line: *line,
            known_as,
        }
    }
}

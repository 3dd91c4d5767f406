//! Texts that are one of a few words, for the OpenAPI document. The words come from the types that decide on them.

use domain::business::periods::Weekday;
use domain::business::reminders::ReminderAnchor;
use domain::events::EventType;
use domain::gateway::{DisputeState, FeePayer, GatewayKind, Mode};
use domain::language::Calendar;
use domain::link::{
    HoldReason, NotKept, ReceiptKindName as ReceiptKinds, ReceivedBy, RefundCause, RefundMethodKind, RefundStatusKind,
};
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::provider::ProviderKind;
use domain::messages::unreached::UnreachedReason;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A text that is one of a few words, with a description of what they mean. In the document it is called as the type is,
/// without `Name` at its end, or as is said.
#[macro_export]
macro_rules! one_of {
    ($name:ident, $description:literal, $words:expr) => {
        $crate::one_of! { $name as "", $description, $words }
    };
    ($name:ident as $public:literal, $description:literal, $words:expr) => {
        #[doc = $description]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::schema::words($description, $words)
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                match $public {
                    "" => stringify!($name).trim_end_matches("Name").into(),
                    public => public.into(),
                }
            }
        }
    };
}

/// The schema of a text that is one of a few words.
pub fn words<const N: usize>(description: &str, words: [&'static str; N]) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .description(Some(description))
        .enum_values(Some(words))
        .into()
}

/// A map of texts that has a name in the document, because generated clients name an unnamed one after where it stands.
macro_rules! texts_by_name {
    ($name:ident, $description:literal, $kind:expr, $most:expr, $longest:expr) => {
        #[doc = $description]
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type($kind).max_length($longest);
                ObjectBuilder::new()
                    .description(Some($description))
                    .additional_properties(Some(text))
                    .max_properties($most)
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

texts_by_name! { Metadata, "What the CRM wants to find on a link again, by names that it chooses. Payers never see it.", SchemaType::Type(Type::String), Some(20), Some(500) }
texts_by_name! {
    MetadataUpdate, "What is laid over the metadata of a link: a pair that is `null` is taken away.",
    SchemaType::Array(vec![Type::String, Type::Null]), Some(20), Some(500)
}
texts_by_name! { Credentials, "What a gateway or a provider gave the business, by the names of its fields.", SchemaType::Type(Type::String), None, None }

one_of! { ModeName, "`live`, or `sandbox` where no money moves.", [Mode::Live, Mode::Sandbox].map(Mode::as_str) }
one_of! { MessageKindName, "What a message is about.", MessageKind::ALL.map(MessageKind::as_str) }
one_of! { ChannelName, "The medium of a message.", Channel::ALL.map(Channel::as_str) }
one_of! { CalendarName, "By which calendar weeks, months and years are counted.", Calendar::ALL.map(Calendar::as_str) }
/// What totals can be grouped by.
pub const TOTALS_GROUPINGS: [&str; 9] =
    ["day", "week", "month", "year", "account", "gateway", "channel", "opened_by", "created_by"];

one_of! { TotalsGroupingName, "What totals are grouped by.", TOTALS_GROUPINGS }
one_of! { WeekdayName, "A day of the week.", Weekday::ALL.map(Weekday::as_str) }
one_of! {
    ReminderAnchorName,
    "What a reminder is counted from: the making of the link, each date by which something of it is due, or its end.",
    ReminderAnchor::ALL.map(ReminderAnchor::as_str)
}
one_of! { GatewayName as "GatewayId", "The online payment provider.", GatewayKind::ALL.map(GatewayKind::as_str) }
one_of! { ProviderKindName as "MessageProviderKind", "Whose protocol a message provider speaks.", ProviderKind::WITH_RECORDS.map(ProviderKind::as_str) }
one_of! { MessageModeName as "MessageMode", "`default`: the business's own text, else the built-in one. `custom`: the texts of the request.", ["default", "custom"] }
one_of! { EventName as "EventType", "What happened.", EventType::ALL.map(EventType::as_str) }
one_of! { WhenPaidElsewhereName as "WhenPaidElsewhere", "What becomes of a link once its item is paid otherwise.", ["block", "ignore"] }
one_of! {
    LinkStatusName as "PaymentLinkStatus",
    "It only moves forward: `active`, then `paid`, `expired`, `cancelled` or `replaced`; `expired` becomes `replaced` where another link takes its place, and `paid` only where the account accepts late payments.",
    ["active", "paid", "expired", "cancelled", "replaced"]
}
one_of! {
    AmountSourceName, "Where the amount came from: the request, `amount_due` of the item, its amount, or what the contact owes.",
    ["request", "amount_due", "item", "balance"]
}
one_of! {
    MessageStatusName,
    "`queued` until somebody looks at it, `standby` until the message that it stands in for fails for good, `sending`, `sent` once the provider took it over, `waiting` for another try, `failed` for good, also where the provider reported that later, `skipped` where it was not to be sent any more, for the `reason`.",
    ["queued", "standby", "sending", "sent", "waiting", "failed", "skipped"]
}
one_of! {
    AttemptStatusName,
    "`open`: the customer may be paying. `confirming`: the money is being taken. `accepted`: a person accepted money under review. `awaiting_reversal`: money the link cannot take lies at the gateway and is watched until it went back. `refunding`: money is on its way back. `paid`, `failed`, `abandoned`, `refunded` and `needs_review` are final until a person resolves the last.",
    ["open", "confirming", "accepted", "awaiting_reversal", "paid", "failed", "abandoned", "refunding", "refunded", "needs_review"]
}
one_of! { FeePayerName, "Who pays the gateway's fee.", [FeePayer::Merchant, FeePayer::Customer].map(FeePayer::as_str) }
one_of! {
    RefundStatusName,
    "`pending` until the gateway says that it is done, `succeeded`, `failed` where the gateway will not do it or gave up, `needs_review` where a person has to find out.",
    RefundStatusKind::ALL.map(RefundStatusKind::as_str)
}
one_of! {
    DisputeStatusName,
    "`open`: nothing is decided. `won`: the money is the business's. `lost`: the payer has it.",
    DisputeState::NAMES
}
one_of! {
    RefundCauseName,
    "`automatic`: the link could not keep the money. `requested`: a person decided so. `gateway`: the gateway shows it, and \
     nobody asked Paylink for it; somebody made it in the gateway's dashboard. `dispute`: a bank took it after a dispute.",
    RefundCause::ALL.map(RefundCause::as_str)
}
one_of! {
    NotKeptName,
    "`link_already_paid`: another payment paid the link. `item_already_paid`: other links, or money that came otherwise, paid \
     its item. `more_than_is_due`: less was left to pay than came. `link_expired`: it came too late, and the account takes no \
     late payments. `link_cancelled`, `link_replaced`: it came after that. `reference_id_in_use`: it came late, and another \
     link has the reference. `amount_differs`: it is not the amount that was asked for.",
    NotKept::ALL.map(NotKept::as_str)
}
one_of! {
    RefundMethodName,
    "`gateway`: by a call that asks the payment's gateway for it. `outside`: by other means, such as a bank transfer, before Paylink was told.",
    RefundMethodKind::ALL.map(RefundMethodKind::as_str)
}
one_of! {
    ReceiptKindName,
    "`payment`: money arrived. `refund`: money of another receipt went back. `payment_void`: the money of another receipt never came. `refund_void`: the refund of another receipt was noted by mistake or did not last.",
    ReceiptKinds::ALL.map(ReceiptKinds::as_str)
}
/// What stands for the gateway among the means by which money comes.
pub const BY_GATEWAY: &str = "gateway";

one_of! {
    PaymentMethodName,
    "By which means money came: `gateway`, or what a person wrote down: `cash`, `pos` for a card reader, `card_to_card`, `bank_transfer`, `cheque`, `other`.",
    [BY_GATEWAY, "cash", "pos", "card_to_card", "bank_transfer", "cheque", "other"]
}
one_of! { ReceivedByName as "ReceivedBy", "By which means money came that no gateway took.", ReceivedBy::ALL.map(ReceivedBy::as_str) }
one_of! {
    HoldReasonName,
    "`cheque`: one was given and has to clear. `promise`: the customer promised to pay by then. `says_paid`: the customer says to have paid already.",
    HoldReason::ALL.map(HoldReason::as_str)
}
one_of! {
    UnreachedReasonName, "Why somebody who was named is not told.",
    UnreachedReason::ALL.map(UnreachedReason::as_str)
}
one_of! {
    DeliveryStatusName, "`waiting` for another try, `delivered`, or `failed` for good.",
    ["waiting", "delivered", "failed"]
}

//! Texts that are one of a few words, for the OpenAPI document. The words come from the types that decide on them.

use domain::events::EventType;
use domain::gateway::{FeePayer, GatewayKind, Mode};
use domain::messages::channel::Channel;
use domain::messages::provider::ProviderKind;
use domain::messages::routing::UnreachedReason;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// A text that is one of a few words, with a description of what they mean.
#[macro_export]
macro_rules! one_of {
    ($name:ident, $description:literal, $words:expr) => {
        #[doc = $description]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::schema::words($description, $words)
            }
        }

        impl utoipa::ToSchema for $name {}
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

one_of! { ModeName, "`live`, or `sandbox` where no money moves.", [Mode::Live, Mode::Sandbox].map(Mode::as_str) }
one_of! { ChannelName, "The medium of a message.", Channel::ALL.map(Channel::as_str) }
one_of! { GatewayName, "The online payment provider.", GatewayKind::ALL.map(GatewayKind::as_str) }
one_of! { ProviderKindName, "Whose protocol a message provider speaks.", ProviderKind::WITH_RECORDS.map(ProviderKind::as_str) }
one_of! { MessageModeName, "`default`: the business's own text, else the built-in one. `custom`: the texts of the request.", ["default", "custom"] }
one_of! { EventName, "What happened.", EventType::ALL.map(EventType::as_str) }
one_of! {
    LinkStatusName,
    "It only moves forward: `active`, then `paid`, `expired` or `cancelled`; `expired` becomes `paid` only where the account accepts late payments.",
    ["active", "paid", "expired", "cancelled"]
}
one_of! {
    AmountSourceName, "Where the amount came from: the request, the item, or what the contact owes.",
    ["request", "item", "balance"]
}
one_of! {
    MessageStatusName,
    "`queued` until somebody looks at it, `standby` until the message that it stands in for fails for good, `sending`, `sent` once the provider took it over, `waiting` for another try, `failed` for good, also where the provider reported that later, `skipped` because the link had ended.",
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
    ["pending", "succeeded", "failed", "needs_review"]
}
one_of! {
    RefundCauseName, "`automatic`: the link could not keep the money. `requested`: a person decided so.",
    ["automatic", "requested"]
}
one_of! {
    UnreachedReasonName, "Why somebody who was named is not told.",
    UnreachedReason::ALL.map(UnreachedReason::as_str)
}
one_of! {
    DeliveryStatusName, "`waiting` for another try, `delivered`, or `failed` for good.",
    ["waiting", "delivered", "failed"]
}
